"""Functions on every number of a narrow format: the largest error and its input, and a single wrong number."""

import math

import numpy as np
import pytest
from trainspec.reference import FORMULAS
from trainspec.spec.arithmetic import FORMATS, NARROW
from trainspec.spec.conformance import Verdict, check
from trainspec.spec.conformance.functions.every_number import every_number, numbers_of
from trainspec.spec.conformance.functions.observations import FunctionReport
from trainspec.spec.conformance.functions.runner import run_function
from trainspec.spec.conformance.functions.verdict import judge_report
from trainspec.spec.conformance.implementation import FunctionImplementation, Task

from .helpers import valid_record

COUNTS = {"float16": 63487, "bfloat16": 65279, "float8_e4m3fn": 253, "float8_e5m2": 247}


def judge(function, formula, dtype):
    task = Task("mine:function", against=formula, dtype=dtype, exhaustive=True)
    part = run_function(FunctionImplementation(function, formula), task)
    return judge_report(task, FunctionReport(parts=(part,)), "check")


def logistic(z):
    wide = z.astype(np.float32)
    with np.errstate(over="ignore"):
        return (1 / (1 + np.exp(-wide))).astype(z.dtype)


def rectified(z):
    return np.maximum(z, z.dtype.type(0))


def gelu_by_tanh(z):
    wide = z.astype(np.float32)
    with np.errstate(over="ignore"):
        return FORMULAS["activation.gelu.tanh"].raw(wide).astype(z.dtype)


@pytest.mark.parametrize("dtype", NARROW)
def test_every_finite_number_is_asked(dtype):
    numbers = numbers_of(FORMATS[dtype])
    assert (len(numbers), numbers[0], numbers[-1]) == (COUNTS[dtype], -FORMATS[dtype].largest, FORMATS[dtype].largest)
    assert np.all(np.diff(numbers) > 0)
    assert np.array_equal(numbers, FORMATS[dtype].round(numbers))
    slopes = every_number(FORMULAS["network.activation.sigmoid_slope"], FORMATS[dtype], {}).arguments["h"]
    assert (slopes.min(), slopes.max()) == (0, 1)


def test_the_largest_error_is_that_of_an_independent_computation():
    form = FORMATS["float8_e4m3fn"]
    numbers = numbers_of(form)
    exact = np.array([1 / (1 + math.exp(-z)) for z in numbers])
    spacings = np.maximum(2.0 ** (np.floor(np.log2(exact)) - form.digits + 1), form.smallest)
    ulps = np.abs(logistic(numbers.astype(form.kind)).astype(float) - exact) / spacings
    result = judge(logistic, "loss.sigmoid", form.name)
    assert result.verdict == Verdict.CONFORMS
    assert result.error_ulps == pytest.approx(np.max(ulps), rel=1e-5)
    assert f"at z = {numbers[np.argmax(ulps)]!r}".replace("np.float64(", "").replace(")", "") in result.message
    assert "computed in float32 and rounded once to float8_e4m3fn" in result.message


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_function_is_right_at_every_number(dtype):
    result = judge(rectified, "network.activation.relu", dtype)
    assert (result.verdict, result.cases, result.error_ulps) == (Verdict.CONFORMS, COUNTS[dtype], 0)
    valid_record(result)


def test_a_single_wrong_number_is_found():
    def wrong_at_one(z):
        return np.where(z == 1.5, z.dtype.type(1.625), rectified(z))

    result = judge(wrong_at_one, "network.activation.relu", "float16")
    assert result.verdict == Verdict.DEVIATES
    assert "at z = 1.5 it gives 1.625 where 1.5 is due" in result.message
    assert (result.mismatch.got, result.mismatch.expected, result.error_ulps) == (1.625, 1.5, pytest.approx(128, rel=1e-4))
    valid_record(result)


@pytest.mark.parametrize("dtype", ["float8_e5m2", "float16"])
def test_another_function_does_not_conform(dtype):
    """Within the bound of operations that are rounded each, the two forms of GELU are not told apart."""
    result = judge(gelu_by_tanh, "activation.gelu", dtype)
    assert result.verdict != Verdict.CONFORMS, result.message


def test_overflow_may_saturate_or_become_what_the_format_has():
    form = FORMATS["float8_e4m3fn"]

    def doubled(grad, largest):
        with np.errstate(over="ignore"):
            return np.clip(grad.astype(np.float32), -largest, largest).astype(grad.dtype)

    assert judge(doubled, "optimizers.clip.value", form.name).verdict == Verdict.CONFORMS


@pytest.mark.parametrize(
    ("formula", "words"), [("loss.softmax", "no function of one array, entry by entry"), ("norm.rms", "entry by entry")]
)
def test_other_formulas_are_refused(formula, words):
    result = judge(FORMULAS[formula].raw, formula, "float16")
    assert result.verdict == Verdict.ERROR
    assert words in result.message


def test_it_needs_a_narrow_format():
    with pytest.raises(ValueError, match="exhaustive is for a function of one array in float16, bfloat16"):
        check("x.py:f", against="loss.sigmoid", exhaustive=True)
