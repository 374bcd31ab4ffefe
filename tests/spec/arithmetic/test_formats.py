"""The table of formats, and the two bounds of each: rounded at every operation, and rounded once at the end."""

import math

import ml_dtypes
import numpy as np
import pytest
from trainspec.spec.arithmetic import FORMATS, NARROW, Ball, Running, Undecided, format_of, is_real_dtype, rounding_bound
from trainspec.spec.arithmetic.ball import spacing

from .narrow_programs import BOUNDED, search


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_that_of_its_type(name):
    form, dtype = FORMATS[name], np.dtype(name)
    with np.errstate(over="ignore"):
        neighbours = np.array([1 + 2 * form.unit, 1 + form.unit, form.smallest, form.largest, 4 * form.largest]).astype(dtype)
    assert neighbours.astype(float)[:4].tolist() == [1 + 2 * form.unit, 1, form.smallest, form.largest]
    assert repr(float(neighbours[4])) == repr(form.overflow)
    assert math.isnan(form.overflow) == (name == "float8_e4m3fn")
    assert form.tiny >= form.smallest / 2 > 0 or name == "float64"
    assert format_of(dtype) is format_of(dtype.type) is form
    assert is_real_dtype(dtype)
    one, least = (float(spacing(x, name)) for x in Ball.object_array(np.array([1.0, form.smallest])))
    assert (one, least) == (2 * form.unit, form.smallest)


def test_other_dtypes_have_no_format():
    assert not is_real_dtype(np.int8)
    with pytest.raises(TypeError, match="the dtype must be float64, float32, float16, bfloat16, float8_e4m3fn or float8_e5m2, got int8"):
        format_of(np.int8)


@pytest.mark.parametrize("name", BOUNDED)
def test_no_program_exceeds_the_bound(name):
    findings = search(FORMATS[name], 400)
    assert not findings.exceeding
    assert np.median([1 / worst for worst in findings.worst.values() if worst]) < 4


def test_programs_in_a_wider_unit_exceed_the_bound():
    assert search(FORMATS["bfloat16"]._replace(name="float16"), 100).exceeding


@pytest.mark.parametrize("name", NARROW)
def test_rounded_once_is_half_an_ulp_and_what_float32_adds(name):
    """x² − x at 1 + 2 ulp: the square is rounded before the subtraction, or only the difference is."""
    form = FORMATS[name]
    x = np.array([1 + 4 * form.unit]).astype(name)

    def formula(x):
        return x * x - x

    each, once = (rounding_bound(formula, x, dtype=name, compute=compute)[0] for compute in (None, "float32"))
    exact = float(formula(x.astype(float))[0])
    assert exact * form.unit < once < exact * form.unit / (1 - form.unit) + 2.0**-22 + form.tiny
    assert each > form.unit > once


def test_arrays_of_narrow_formats_are_what_they_hold():
    narrow = np.array([0.1, -3], ml_dtypes.bfloat16)
    assert [number.value for number in Running.object_array(narrow)] == narrow.astype(float).tolist()
    assert [float(number) for number in Ball.object_array(narrow)] == narrow.astype(float).tolist()
    assert np.all(rounding_bound(lambda x: x, narrow, dtype="bfloat16") == 0)
    assert np.all(rounding_bound(lambda x: x, np.array([0.1]), dtype="bfloat16", compute="float32") > 2.0**-14)


def test_sums_beyond_the_digits_of_a_format_have_a_bound():
    """1000 ones in bfloat16 stay at 256, where the next one is lost."""
    ones = np.full(1000, 1.25).astype(ml_dtypes.bfloat16)
    total = ml_dtypes.bfloat16(0)
    for term in ones:
        total = total + term
    off = 1250 - float(total)
    assert 500 < off <= rounding_bound(np.sum, ones, dtype="bfloat16") < 2 * 1250 * 1000 * 2.0**-8 * 1.01
    with pytest.raises(Undecided, match="may overflow in float8_e4m3fn"):
        rounding_bound(np.sum, ones, dtype="float8_e4m3fn")
