"""Functions in narrow formats: right ones conform, and it is said within which bound; wrong ones never do."""

import inspect
import sys
from functools import partial

import numpy as np
import pytest
from trainspec.reference import FORMULAS, tree_map
from trainspec.spec.arithmetic import FORMATS, NARROW, widened
from trainspec.spec.conformance import Verdict, check
from trainspec.spec.conformance.api import DTYPES
from trainspec.spec.conformance.functions.observations import takes_generator

from .corpus.correct_functions import CORRECT
from .corpus.incorrect_functions import INCORRECT
from .helpers import check_function_in_process, valid_record

pytestmark = pytest.mark.sampled(5)

ONCE = "computed in float32 and rounded once to {}"
EACH = "rounded to {} at every operation"


def real_arrays(change, value):
    """An argument or a result with its real arrays changed."""
    return tree_map(
        lambda leaf: change(leaf) if isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind not in "biu" else leaf, value
    )


@pytest.fixture
def in_single(monkeypatch):
    """A function that computes in float32, and rounds its results to the format of its arguments."""

    def add(function, dtype):
        def call(*args, **kwargs):
            args, kwargs = real_arrays(lambda leaf: widened(leaf).astype(np.float32), (args, tuple(kwargs.items())))
            return real_arrays(lambda leaf: leaf.astype(dtype), function(*args, **dict(kwargs)))

        call.__signature__ = inspect.signature(function)
        call.__module__, call.__qualname__ = __name__, f"in_single_{function.__name__}"
        monkeypatch.setattr(sys.modules[__name__], call.__qualname__, call, raising=False)
        return call

    return add


def choose(functions, every):
    """Functions that draw no random numbers, with a narrow format each, in turn."""
    chosen = [function for function in functions if not takes_generator(FORMULAS[function.against])][::every]
    return [pytest.param(function, NARROW[turn % 2], id=function.__name__) for turn, function in enumerate(chosen)]


@pytest.mark.parametrize(("function", "dtype"), choose(CORRECT, 10))
def test_right_functions_conform(function, dtype, in_single):
    result = check_function_in_process(in_single(function, dtype), function.against, dtype, function.names)
    assert result.verdict == Verdict.CONFORMS, result.message
    assert ONCE.format(dtype) in result.message
    valid_record(result)


@pytest.mark.parametrize(("function", "dtype"), choose(INCORRECT, 20))
def test_wrong_functions_deviate(function, dtype, in_single):
    result = check_function_in_process(in_single(function, dtype), function.against, dtype)
    assert result.verdict == Verdict.DEVIATES, result.message


def every_operation(x, gamma, eps):
    return gamma * (x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + x.dtype.type(eps)))


def eps_outside(x, gamma, eps):
    return gamma * (x / (np.sqrt(np.mean(x * x, axis=-1, keepdims=True)) + x.dtype.type(eps)))


def test_what_rounds_every_operation_is_within_the_other_bound():
    result = check_function_in_process(every_operation, "norm.rms", "float16")
    assert result.verdict == Verdict.CONFORMS, result.message
    assert EACH.format("float16") in result.message


def test_a_mistake_that_rounds_every_operation_is_named():
    result = check_function_in_process(eps_outside, "norm.rms", "bfloat16")
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, "norm.rms/eps-outside")
    assert EACH.format("bfloat16") in result.message


def test_a_bound_that_mistakes_fit_in_leaves_it_open():
    """In float8 no operation has a digit to spare."""
    result = check_function_in_process(every_operation, "norm.rms", "float8_e5m2")
    assert result.verdict in (Verdict.AMBIGUOUS, Verdict.ERROR), result.message


def test_layers_of_torch_are_asked_in_narrow_formats():
    pytest.importorskip("torch")
    result = check_function_in_process("torch.nn:RMSNorm", "norm.rms", "bfloat16")
    assert result.verdict == Verdict.CONFORMS, result.message
    assert ONCE.format("bfloat16") in result.message


def test_initializers_are_not_judged_in_narrow_formats():
    result = check("x.py:f", dtype="bfloat16", against="init.he.normal")
    assert result.verdict == Verdict.ERROR
    assert "in bfloat16 a function is judged that draws no random numbers" in result.message


def test_the_formats_are_those_of_the_table():
    assert tuple(FORMATS) == DTYPES
    with pytest.raises(ValueError, match=r"dtype must be .* or float8_e5m2, got 'int8'"):
        check(partial(np.add, 1), dtype="int8")


# --- errors that are all on one side ----------------------------------------------------------------------------------------------------


def truncated(value):
    """A float32 array with the last 16 bits of every number cut off: the bfloat16 number next to it towards 0."""
    bits = np.asarray(value, np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    return bits.view(np.float32)


def rms_norm_that_truncates(x, gamma, eps):
    wide = widened(x).astype(np.float32)
    y = widened(gamma).astype(np.float32) * (wide / np.sqrt(np.mean(wide * wide, axis=-1, keepdims=True) + np.float32(eps)))
    return truncated(y).astype(x.dtype)


def test_what_truncates_is_biased():
    result = check_function_in_process(rms_norm_that_truncates, "norm.rms", "bfloat16")
    assert (result.verdict, result.exit_code, result.is_correct) == (Verdict.BIASED, 1, False), result.message
    assert "its errors are towards 0" in result.message
    assert result.axes["rounding"] == "towards-0"
    valid_record(result)
