"""Cast orders: each published one is known by its results, and the others are many bounds away."""

import itertools

import numpy as np
import pytest
from trainspec.reference import FORMULAS
from trainspec.spec.arithmetic import FORMATS, Ball, Refused, Running
from trainspec.spec.arithmetic.running import Bounded
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.functions.bounds import roundings_of
from trainspec.spec.conformance.functions.casts import CAST_ORDERS, cast_orders, rounded_to
from trainspec.spec.conformance.functions.error import measure
from trainspec.spec.conformance.functions.matching import ALLOWED
from trainspec.spec.conformance.functions.narrow import narrowed
from trainspec.spec.conformance.functions.observations import FunctionCall
from trainspec.spec.inputs.cases import cases

from .helpers import check_function_in_process, valid_record

pytestmark = pytest.mark.sampled(2)

BRAIN = FORMATS["bfloat16"]


def calls_of(identifier, function):
    """What a function gives in the cases of a formula, computed in float32 where it does not round itself."""
    drawn = (narrowed(case, BRAIN) for case in cases(FORMULAS[identifier]))
    for case in itertools.islice(filter(None, drawn), 10):
        arguments = {name: value.astype(np.float32) if isinstance(value, np.ndarray) else value for name, value in case.arguments.items()}
        yield FunctionCall(case, (np.asarray(function(**arguments), dtype=float),))


@pytest.mark.parametrize("identifier", sorted({order.formula for order in CAST_ORDERS}))
def test_cast_orders_are_told_apart_in_bfloat16(identifier):
    orders = list(cast_orders(FORMULAS[identifier], BRAIN))
    assert len(orders) >= 2
    for subject in orders:
        calls = list(calls_of(identifier, subject.function))
        for order in orders:
            error = measure(order.function, calls, {}, roundings_of("bfloat16")[0], ALLOWED)
            assert error.cases >= 3
            assert error.error_in_bounds == 0 if order.id == subject.id else error.error_in_bounds > 100 * ALLOWED


def as_in_llama(x, gamma, eps):
    wide = x.astype(np.float32)
    return gamma * (wide / np.sqrt(np.mean(wide**2, axis=-1, keepdims=True) + np.float32(eps))).astype(x.dtype)


def test_a_cast_order_is_named():
    result = check_function_in_process(as_in_llama, "norm.rms", "bfloat16")
    assert (result.verdict, result.convention, result.is_correct) == (Verdict.CONFORMS, "norm.rms/cast-normalized", True)
    assert "with the normalized input cast before the weight, as in Llama" in result.message
    valid_record(result)


def test_an_open_rounding_is_refused():
    tie = np.array([1 + BRAIN.unit])
    assert rounded_to(BRAIN, np.array([1.01])).tolist() == [1.0078125]
    assert float(rounded_to(BRAIN, Ball(np.array([1.01])))[0].item()) == 1.0078125
    for close in (Ball(tie), Running.wrap(np.array([Bounded(1.003, 1e-3)], dtype=object))):
        with pytest.raises(Refused, match="rounding to bfloat16 is not decided"):
            rounded_to(BRAIN, close)
