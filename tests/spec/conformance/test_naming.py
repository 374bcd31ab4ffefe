"""What is right conforms, however it is written; what is wrong is named."""

import json
from importlib.resources import files

import jsonschema
import numpy as np
import pytest
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.optimizers.conventions import bank

from . import right, wrong
from .asking import ask

DTYPES = ("float64", "float32")
SCHEMA = json.loads(files("trainspec.spec.conformance").joinpath("verdict.schema.json").read_text(encoding="utf-8"))


def valid(result):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    record = json.loads(json.dumps(result.as_json(), allow_nan=False))
    jsonschema.validate(record, SCHEMA)
    return record


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("subject", right.CLASSES)
def test_right_ones_conform(subject, dtype):
    result = ask(subject, dtype=dtype)
    assert (result.verdict, result.convention, result.exit_code) == (Verdict.CONFORMS, subject.follows, 0), result.sentence
    assert result.error_in_bounds <= 2, result.sentence
    assert result.margin > 1000
    assert result.runner_up.error_in_bounds == result.margin
    assert result.divergence is None
    assert {**result.axes, **bank()[subject.follows].axes, "initial_second_moment": 0} == result.axes
    valid(result)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("subject", wrong.CLASSES)
def test_wrong_ones_are_named(subject, dtype):
    result = ask(subject, dtype=dtype)
    assert (result.verdict, result.convention, result.exit_code) == (Verdict.DEVIATES, subject.follows, 1), result.sentence
    assert result.divergence.step >= 1
    assert result.divergence.error_in_bounds > 4
    assert bank()[result.divergence.convention].right
    valid(result)
    named = ask(subject, command="identify", dtype=dtype)
    assert (named.verdict, named.exit_code) == ((Verdict.IDENTIFIED, 0) if subject.follows else (Verdict.UNMATCHED, 1))
    assert named.convention == subject.follows
    valid(named)


@pytest.mark.parametrize("lr", [1e-4, 0.1, 3.0])
@pytest.mark.parametrize("momentum", [0.5, 0.99])
@pytest.mark.parametrize("dtype", DTYPES)
def test_at_the_hyper_parameters_that_are_asked_for(lr, momentum, dtype):
    assert ask(right.OutsideFused, dtype=dtype, lr=lr, momentum=momentum).convention == "heavy-ball/lr-outside"
    assert ask(wrong.StaleRate, dtype=dtype, lr=lr, momentum=momentum).convention == "heavy-ball/lr-outside/stale-lr"


def test_against_a_convention():
    assert ask(right.TwoPoints, against="optimizers.momentum.two_point").verdict == Verdict.CONFORMS
    assert ask(wrong.Ascends, against="heavy-ball/lr-outside/ascent-sign").verdict == Verdict.CONFORMS
    other = ask(right.Polyak, against="optimizers.momentum.lr_outside")
    assert (other.verdict, other.against, other.convention) == (Verdict.DEVIATES, "heavy-ball/lr-outside", "heavy-ball/lr-inside")
    assert (other.divergence.step, other.divergence.coordinate) == (2, 0)  # the first step after a change of the learning rate
    valid(other)
    with pytest.raises(ValueError, match="did you mean heavy-ball"):
        ask(right.Polyak, against="heavyball")


def test_an_identity_may_be_asked_for():
    result = ask(right.Outside, against="heavy-ball/lr-outside/from-zero", momentum=0.9)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "heavy-ball/lr-outside/from-zero")
    assert {one.convention: one.why for one in result.identities}["heavy-ball/lr-outside"] == ("at dampening = 0",)


def test_momentum_zero_is_gradient_descent():
    result = ask(right.NesterovInside, momentum=0)
    assert (result.verdict, result.convention, result.axes["family"]) == (Verdict.CONFORMS, "gradient-descent", "sgd")
    assert {"heavy-ball/lr-inside", "nesterov/lr-outside"} <= {one.convention for one in result.identities}
    assert all(one.why for one in result.identities)


class FixedRate(right.Outside):
    def __init__(self, theta, *, lr, momentum):
        super().__init__(theta, lr=lr, momentum=momentum)
        self.rate = self.__dict__.pop("lr")

    def step(self, grad):
        return super().step(grad, self.rate)


class FixedNesterovAscending(FixedRate):
    def move(self, g, lr):
        right.NesterovOutside.move(self, -g, lr)


def test_a_rate_that_cannot_change_leaves_its_place_open():
    result = ask(FixedRate)
    assert (result.verdict, result.exit_code) == (Verdict.AMBIGUOUS, 0)
    assert {"heavy-ball/lr-inside", "heavy-ball/lr-outside"} <= set(result.candidates)
    assert "cannot be changed" in result.sentence
    valid(result)
    wrong_one = ask(FixedNesterovAscending)
    assert (wrong_one.verdict, wrong_one.right, wrong_one.exit_code) == (Verdict.AMBIGUOUS, False, 1)


class Dampened(right.Optimizer):
    def __init__(self, theta, *, lr, momentum, dampening=0, nesterov=False):
        super().__init__(theta, lr=lr, momentum=momentum)
        self.dampening, self.nesterov = theta.dtype.type(dampening), nesterov

    def move(self, g, lr):
        self.v = self.momentum * self.v + (1 - self.dampening) * g
        self.theta = self.theta - lr * self.v


def test_hyper_parameters_that_are_ignored():
    assert ask(Dampened, momentum=0.9, dampening=0.5).convention == "heavy-ball/lr-outside/from-zero"
    assert ask(Dampened, momentum=0.9).verdict == Verdict.CONFORMS
    ignoring = ask(Dampened, momentum=0.9, nesterov=True)
    assert (ignoring.verdict, ignoring.exit_code) == (Verdict.DEVIATES, 1)
    assert "with nesterov = True it follows heavy ball" in ignoring.sentence
    assert bank()[ignoring.divergence.convention].family == "nesterov"
    assert ask(right.Outside, momentum=0.9, dampening=0.5).verdict == Verdict.DEVIATES  # it was said to have one built in
    assert ask(wrong.IgnoresItsMomentum, momentum=0).verdict == Verdict.CONFORMS


def test_a_coincidence_of_numbers_is_no_verdict():
    result = ask(right.Average, momentum=0.5)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "heavy-ball/lr-outside/ema")


def test_sentences():
    result = ask(right.Outside, momentum=0.9)
    start = "tests.spec.conformance.right:Outside follows heavy ball with the learning rate outside the velocity"
    start += " (STU 'SGD + Momentum'): error 0."
    assert result.sentence.startswith(start)
    assert " × bound over 24 steps; next best (" in result.sentence
    assert result.sentence.endswith(" × away.")
    unheard = ask(wrong.Unheard)
    assert "follows no convention that has a name here. At lr = 0.1, momentum = 0.9 it leaves" in unheard.sentence


def test_numbers_are_certified():
    """One ulp too much, once, is seen: the error is that of the subject and not of a comparison in floats."""
    exact = ask(right.PlainDescent, lr=0.125)
    assert (exact.error_in_bounds, exact.error_ulps) == (0, 0)
    nudged = ask(Nudged, lr=0.125)
    assert nudged.error_ulps == 1
    assert 0 < nudged.error_in_bounds <= 1


class Nudged(right.PlainDescent):
    def step(self, grad, lr=None):
        point = super().step(grad, lr)
        return np.nextafter(point, np.inf) if not grad.any() else point
