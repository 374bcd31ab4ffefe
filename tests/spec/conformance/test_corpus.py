"""The corpus of optimizers: correct ones conform, however they are written; the mistakes of the others are named."""

from argparse import Namespace

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict, check
from trainspec.spec.conformance.optimizers.combinations import find_convention
from trainspec.spec.conformance.result import ErrorResult

from .corpus import correct_optimizers as correct
from .corpus import incorrect_optimizers as incorrect
from .helpers import check_in_process, in_both_formats, valid_record

pytestmark = pytest.mark.sampled(5)

DTYPES = ("float64", "float32")
CORRECT = [(name, dtype) for name in correct.CASES for dtype in DTYPES]
INCORRECT = in_both_formats(incorrect.CASES)


def check_case(module, name, dtype):
    """Return an implementation of the corpus and its result, after looking at its faults, its axes and the JSON."""
    implementation = module.CASES[name]
    result = check_in_process(f"{module.__name__}:{name}", dtype=dtype, **getattr(implementation, "settings", {}))
    expected_fault = getattr(implementation, "faults", {}).get(result.dtype) or getattr(implementation, "fault", None)
    assert [fault.kind for fault in result.faults] == ([expected_fault] if expected_fault else []), result.faults
    check_axes(implementation, result)
    valid_record(result)
    return implementation, result


def check_axes(implementation, result):
    if implementation.axes is None:
        assert getattr(result, "convention", None) is None, result.message
        return
    assert result.axes is not None, result.message
    assert {name: result.axes[name] for name in implementation.axes} == implementation.axes, result.message


@pytest.mark.sampled(20)
@pytest.mark.parametrize(("name", "dtype"), CORRECT)
def test_correct_optimizers_conform(name, dtype):
    implementation, result = check_case(correct, name, dtype)
    assert result.verdict == getattr(implementation, "verdict", "conforms"), result.message
    assert result.precision == "native"
    assert find_convention(result.convention).right


@pytest.mark.sampled(30)
@pytest.mark.parametrize(
    ("name", "dtype"), [(name, dtype) for name, dtype in INCORRECT if dtype == getattr(incorrect.CASES[name], "only", dtype)]
)
def test_incorrect_optimizers_are_found(name, dtype):
    implementation, result = check_case(incorrect, name, dtype)
    assert result.verdict == getattr(implementation, "verdict", "deviates"), result.message


@pytest.mark.sampled(5)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("implementation", correct.FOLLOWING, ids=lambda value: value.__name__)
def test_the_convention_of_correct_optimizers_is_named(implementation, dtype):
    result = check_in_process(implementation, dtype=dtype)
    assert (result.verdict, result.convention, result.exit_code) == (Verdict.CONFORMS, implementation.follows, 0), result.message
    assert result.error_in_bounds <= 2, result.message
    assert result.margin > 1000
    assert result.runner_up.error_in_bounds == result.margin
    assert result.divergence is None
    assert {**result.axes, **find_convention(implementation.follows).axes, "initial_second_moment": 0} == result.axes
    valid_record(result)


@pytest.mark.sampled(16)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("implementation", incorrect.FOLLOWING, ids=lambda value: value.__name__)
def test_the_mistake_of_incorrect_optimizers_is_named(implementation, dtype):
    result = check_in_process(implementation, dtype=dtype)
    assert (result.verdict, result.convention, result.exit_code) == (Verdict.DEVIATES, implementation.follows, 1), result.message
    assert result.divergence.step >= 1
    assert result.divergence.error_in_bounds > 4
    assert find_convention(result.divergence.convention).right
    valid_record(result)
    named = check_in_process(implementation, command="identify", dtype=dtype)
    assert (named.verdict, named.exit_code) == ((Verdict.IDENTIFIED, 0) if implementation.follows else (Verdict.UNMATCHED, 1))
    assert named.convention == implementation.follows
    valid_record(named)


IN_A_SANDBOX = [
    *((correct, name, 0) for name in ("AdamDataclass", "AdamBuiltIn", "RMSPropUnderBeta", "adam_pair", "IRpropMinus")),
    *((incorrect, name, 1) for name in ("AdamComplementInMomentOnly", "SGDAntiDecay", "NaNAtZero")),
    *((incorrect, name, 2) for name in ("ClipsTheGradientInPlace", "RaisesAtStepTen")),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("module", "name", "code"), IN_A_SANDBOX, ids=[name for _, name, _ in IN_A_SANDBOX])
def test_the_sandbox_gives_the_same_results(module, name, code):
    result = check(f"{module.__name__}:{name}")
    record = valid_record(result)
    assert (result.exit_code, record["exit_code"]) == (code, code), result.message
    check_axes(module.CASES[name], Namespace(**{"message": "", "axes": None, **record}))


# --- what is asked for ------------------------------------------------------------------------------------------------------------------


@pytest.mark.sampled(4)
@pytest.mark.parametrize("lr", [1e-4, 0.1, 3.0])
@pytest.mark.parametrize("momentum", [0.5, 0.99])
@pytest.mark.parametrize("dtype", DTYPES)
def test_at_the_hyper_parameters_that_are_asked_for(lr, momentum, dtype):
    assert check_in_process(correct.OutsideFused, dtype=dtype, lr=lr, momentum=momentum).convention == "heavy-ball/lr-outside"
    assert check_in_process(incorrect.StaleRate, dtype=dtype, lr=lr, momentum=momentum).convention == "heavy-ball/lr-outside/stale-lr"


def test_against_a_convention():
    assert check_in_process(correct.TwoPoints, against="optimizers.momentum.two_point").verdict == Verdict.CONFORMS
    assert check_in_process(incorrect.Ascends, against="heavy-ball/lr-outside/ascent-sign").verdict == Verdict.CONFORMS
    other = check_in_process(correct.Polyak, against="optimizers.momentum.lr_outside")
    assert (other.verdict, other.expected, other.convention) == (Verdict.DEVIATES, "heavy-ball/lr-outside", "heavy-ball/lr-inside")
    assert (other.divergence.step, other.divergence.coordinate) == (2, 0)  # the first step after a change of the learning rate
    valid_record(other)
    with pytest.raises(ValueError, match="did you mean heavy-ball"):
        check_in_process(correct.Polyak, against="heavyball")


def test_an_identity_may_be_asked_for():
    result = check_in_process(correct.Outside, against="heavy-ball/lr-outside/from-zero", momentum=0.9)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "heavy-ball/lr-outside/from-zero")
    assert {other.convention: other.reasons for other in result.identities}["heavy-ball/lr-outside"] == ("at dampening = 0",)


def test_momentum_zero_is_gradient_descent():
    result = check_in_process(correct.NesterovInside, momentum=0)
    assert (result.verdict, result.convention, result.axes["family"]) == (Verdict.CONFORMS, "gradient-descent", "sgd")
    assert {"heavy-ball/lr-inside", "nesterov/lr-outside"} <= {other.convention for other in result.identities}
    assert all(other.reasons for other in result.identities)


class FixedRate:
    """A heavy ball whose learning rate is set once, in no attribute of a usual name."""

    sign, nesterov = 1, False

    def __init__(self, theta, *, lr, momentum):
        self.theta, self.rate, self.momentum, self.v = theta.copy(), lr, momentum, 0 * theta

    def step(self, grad):
        self.v = self.momentum * self.v + self.sign * grad
        move = self.sign * grad + self.momentum * self.v if self.nesterov else self.v
        self.theta = self.theta - self.rate * move
        return self.theta


class FixedNesterovAscending(FixedRate):
    sign, nesterov = -1, True


def test_a_rate_that_cannot_change_leaves_its_place_open():
    result = check_in_process(FixedRate)
    assert (result.verdict, result.exit_code) == (Verdict.AMBIGUOUS, 0)
    assert {"heavy-ball/lr-inside", "heavy-ball/lr-outside"} <= set(result.candidates)
    assert "cannot be changed" in result.message
    valid_record(result)
    ascending = check_in_process(FixedNesterovAscending)
    assert (ascending.verdict, ascending.is_correct, ascending.exit_code) == (Verdict.AMBIGUOUS, False, 1)


class Dampened:
    def __init__(self, theta, *, lr, momentum, dampening=0, nesterov=False):
        self.theta, self.momentum, self.v = theta.copy(), momentum, 0 * theta
        self.dampening, self.nesterov = theta.dtype.type(dampening), nesterov

    def step(self, grad, lr):
        self.v = self.momentum * self.v + (1 - self.dampening) * grad
        self.theta = self.theta - lr * self.v
        return self.theta


def test_hyper_parameters_that_are_ignored():
    assert check_in_process(Dampened, momentum=0.9, dampening=0.5).convention == "heavy-ball/lr-outside/from-zero"
    assert check_in_process(Dampened, momentum=0.9, nesterov=False).verdict == Verdict.CONFORMS
    assert check_in_process(Dampened, momentum=0.9).verdict == Verdict.DEVIATES  # its flag is switched on, and changes nothing
    ignoring = check_in_process(Dampened, momentum=0.9, nesterov=True)
    assert (ignoring.verdict, ignoring.exit_code) == (Verdict.DEVIATES, 1)
    assert "with nesterov = True it follows heavy ball" in ignoring.message
    assert find_convention(ignoring.divergence.convention).family == "nesterov"
    refused = check_in_process(correct.Outside, momentum=0.9, dampening=0.5)
    assert refused.verdict == Verdict.ERROR
    assert "it takes no 'dampening'" in refused.message
    assert check_in_process(incorrect.IgnoresItsMomentum, momentum=0).verdict == Verdict.CONFORMS


def test_equal_numbers_are_no_verdict():
    result = check_in_process(correct.Average, momentum=0.5)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "heavy-ball/lr-outside/ema")


def test_messages():
    result = check_in_process(correct.Outside, momentum=0.9)
    start = f"{correct.__name__}:Outside follows heavy ball with the learning rate outside the velocity (STU 'SGD + Momentum'): error 0."
    assert result.message.startswith(start)
    assert " × bound over 24 steps; next best (" in result.message
    assert " × away. Not tried: several arrays" in result.message
    unheard = check_in_process(incorrect.Unheard)
    assert "follows no convention that has a name here. At lr = 0.1, momentum = 0.9 it leaves" in unheard.message


def test_numbers_are_certified():
    """A single error of one ulp is seen: the error is that of the implementation and not of a comparison in floats."""
    exact = check_in_process(correct.PlainDescent, lr=0.125)
    assert (exact.error_in_bounds, exact.error_ulps) == (0, 0)
    nudged = check_in_process(Nudged, lr=0.125)
    assert nudged.error_ulps == 1
    assert 0 < nudged.error_in_bounds <= 1


class Nudged(correct.PlainDescent):
    def step(self, grad, lr=None):
        point = super().step(grad, lr)
        return np.nextafter(point, np.inf) if not grad.any() else point


def test_what_cannot_be_loaded_has_a_result_of_its_own():
    result = check(f"{correct.__name__}:Nobody")
    assert isinstance(result, ErrorResult)
    assert (result.exit_code, valid_record(result)["kind"]) == (2, "error")
