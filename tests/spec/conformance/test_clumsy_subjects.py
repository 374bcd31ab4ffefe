"""Subjects as new users write them: options that belong to no one optimizer, names that mean several things, generators of the process."""

import functools
import random
import sys
from types import ModuleType

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.guards import random_state_faults, random_states
from trainspec.spec.conformance.implementation import NotFound, Task
from trainspec.spec.conformance.loading import import_path, load_implementation
from trainspec.spec.conformance.optimizers.matching import Candidates, search_built_in
from trainspec.spec.conformance.optimizers.precision import Precision, in_single_precision, match_narrower
from trainspec.spec.conformance.optimizers.runner import observe
from trainspec.spec.conformance.result import NATIVE

from .helpers import check_function_in_process, check_in_process

pytestmark = pytest.mark.sampled(5)


class RMSProp:
    """RMSProp, which other constructors give other names."""

    def __init__(self, theta, *, lr=0.01, decay=0.9, eps=1e-8):
        self.theta, self.decay, self.eps, self.mean_sq = theta.copy(), decay, eps, 0 * theta

    def step(self, grad, lr):
        self.mean_sq = self.decay * self.mean_sq + (1 - self.decay) * grad**2
        self.theta = self.theta - lr * grad / (np.sqrt(self.mean_sq) + self.eps)
        return self.theta


class WithOptionsOfAll(RMSProp):
    def __init__(self, theta, *, lr=0.01, decay=0.9, eps=1e-8, momentum=0.9, beta1=0.9, beta2=0.999, weight_decay=0.01):
        super().__init__(theta, decay=decay, eps=eps)


class HeavyBall:
    def __init__(self, theta, *, lr=0.1, momentum=0.9, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, factor=1.0):
        self.theta, self.momentum, self.factor, self.velocity = theta.copy(), momentum, factor, 0 * theta

    def step(self, grad, lr):
        self.velocity = self.momentum * self.velocity + self.factor * grad
        self.theta = self.theta - lr * self.velocity
        return self.theta


@pytest.mark.parametrize(
    ("subject", "convention", "unused"),
    [
        (WithOptionsOfAll, "rmsprop", {"momentum", "beta1", "beta2", "weight_decay"}),
        (HeavyBall, "heavy-ball/lr-outside", {"beta1", "beta2", "eps", "weight_decay"}),
    ],
)
def test_options_that_change_nothing_do_not_mislead(subject, convention, unused):
    result = check_in_process(subject)
    assert (result.verdict, result.convention, set(result.unused)) == (Verdict.CONFORMS, convention, unused), result.message
    asked_for = check_in_process(subject, weight_decay=0.25)
    assert asked_for.verdict == Verdict.DEVIATES, asked_for.message


class Adam:
    def __init__(self, theta, *, lr=1e-3, betas=(0.9, 0.999), epsilon=1e-8, decay=0.01):
        self.theta, self.betas, self.epsilon, self.decay = theta.copy(), betas, epsilon, decay
        self.m, self.v, self.t = 0 * theta, 0 * theta, 0

    def step(self, grad, lr):
        self.t += 1
        beta1, beta2 = self.betas[:2]
        self.m, self.v = beta1 * self.m + (1 - beta1) * grad, beta2 * self.v + (1 - beta2) * grad**2
        update = self.m / (1 - beta1**self.t) / (np.sqrt(self.v / (1 - beta2**self.t)) + self.epsilon)
        self.theta = self.theta - lr * (update + self.decay * self.theta)
        return self.theta


class ThreeBetas(Adam):
    def __init__(self, theta, *, lr=1e-3, betas=(0.9, 0.999, 0.99), epsilon=1e-8):
        assert len(betas) == 3
        super().__init__(theta, betas=betas, epsilon=epsilon, decay=0)


class EpsAndDelta(RMSProp):
    def __init__(self, theta, *, lr=0.01, decay=0.9, delta=0.5, eps=1e-8):
        super().__init__(theta, decay=decay, eps=eps)


def test_what_names_are_taken_as_is_said_first():
    module = __name__.rpartition(".")[2]
    adam = check_in_process(Adam)
    assert (adam.verdict, adam.convention) == (Verdict.CONFORMS, "adam/decay-decoupled"), adam.message
    assert f"{module}:Adam, with decay taken as weight_decay, follows" in adam.message
    assert ", with factor = 1 as by default, follows" in check_in_process(HeavyBall).message
    two = check_in_process(EpsAndDelta)
    assert (two.convention, two.settings["eps"]) == ("rmsprop", 1e-8)
    assert ", with delta = 0.5 as by default, follows" in two.message


def test_a_file_that_is_named_alone_lists_what_it_has(tmp_path):
    (tmp_path / "several.py").write_text("class Mine:\n    def step(self, grad, lr): ...\n\ndef softmax(x): ...\n", encoding="utf-8")
    with pytest.raises(NotFound, match=r"it has .*several\.py:Mine, .*several\.py:softmax$"):
        load_implementation(str(tmp_path / "several.py"))


def test_a_third_beta_is_not_cut():
    result = check_in_process(ThreeBetas)
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, "adam"), result.message
    assert "with beta3 = 0.99 it follows Adam" in result.message


class AtRest:
    def __init__(self, theta, *, rho=0.9):
        self.theta = theta.copy()

    def step(self, grad):
        return self.theta.copy()


class SlightlyOff(HeavyBall):
    def __init__(self, theta, *, lr=0.1, momentum=0.9):
        super().__init__(theta, momentum=momentum * 1.0001)


def test_small_deviations_have_no_excuse():
    runs = {kind: runs_of(kind) for kind in (AtRest, SlightlyOff, StateInHalf)}
    assert search_built_in(runs[AtRest], {"beta2", "momentum"})[1] == []
    assert match_narrower(Candidates(runs[SlightlyOff])) == (Precision(NATIVE), [])
    assert match_narrower(Candidates(runs[StateInHalf]))[0].name == "state-float16"


class PowersInSingle:
    """AdamW, whose βᵗ are computed in float32, as libraries of float32 do for parameters of float64 too."""

    def __init__(self, theta, *, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        self.theta, self.betas, self.eps, self.weight_decay = theta.copy(), (beta1, beta2), eps, weight_decay
        self.m, self.v, self.t = 0 * theta, 0 * theta, 0

    def correction(self, beta):
        return float(1 - np.float32(beta) ** np.float32(self.t))

    def step(self, grad, lr):
        self.t += 1
        beta1, beta2 = self.betas
        self.m, self.v = beta1 * self.m + (1 - beta1) * grad, beta2 * self.v + (1 - beta2) * grad**2
        m, v = self.m / self.correction(beta1), self.v / self.correction(beta2)
        self.theta = self.theta - lr * (m / (np.sqrt(v) + self.eps) + self.weight_decay * self.theta)
        return self.theta


class SlightlyOffInDouble(PowersInSingle):
    """It is off by far less than float32 would be."""

    def correction(self, beta):
        return (1 - beta**self.t) * (1 + 1e-12)


class DecayInSingle:
    """Adafactor of a vector, whose decay rate is computed in float32."""

    def __init__(self, theta, *, lr=0.01, decay_exponent=0.8, largest_rms=1.0, eps=1e-30):
        self.theta, self.decay_exponent, self.largest_rms, self.eps = theta.copy(), decay_exponent, largest_rms, eps
        self.v, self.t = 0 * theta, 0

    def step(self, grad, lr):
        self.t += 1
        decay = float(1 - np.float32(self.t) ** np.float32(-self.decay_exponent))
        self.v = decay * self.v + (1 - decay) * (grad**2 + self.eps)
        step = grad / np.sqrt(self.v)
        self.theta = self.theta - lr * step / max(1, np.sqrt(np.mean(step**2)) / self.largest_rms)
        return self.theta


def test_errors_of_float32_are_told_without_their_cause():
    for kind, convention in ((PowersInSingle, "adam/decay-decoupled"), (SlightlyOffInDouble, None)):
        candidates = Candidates(runs_of(kind, "float64"))
        assert match_narrower(candidates) == (Precision(NATIVE), [])
        assert [near.convention.id for near in in_single_precision(candidates)][:1] == [convention] * (convention is not None)
    result = check_in_process(DecayInSingle)
    assert (result.verdict, result.convention, result.runner_up.convention) == (Verdict.DEVIATES, None, "adafactor/unscaled")
    assert result.divergence.explained_by is None
    assert "errors are as large as those of float32: over 24 steps it is 0.01 × the bound of float32" in result.message
    assert "What causes them is not known." in result.message


def runs_of(kind, dtype="float32"):
    """Return the runs of an optimizer."""
    task = Task(import_path(kind), dtype=dtype)
    return observe(load_implementation(task.target), task).runs


class StateInHalf(HeavyBall):
    def __init__(self, theta, *, lr=0.1, momentum=0.9):
        super().__init__(theta, momentum=momentum)

    def step(self, grad, lr):
        self.velocity = self.velocity.astype(np.float16).astype(grad.dtype)
        point = super().step(grad, lr)
        self.velocity = self.velocity.astype(np.float16)
        return point


def drawn_by_numpy(shape):
    return np.random.normal(size=shape) / np.sqrt(shape[1])


def drawn_beside_its_generator(shape, rng):
    return np.random.normal(size=shape) / np.sqrt(shape[1])


def seeded(shape):
    np.random.seed(0)
    return drawn_by_numpy(shape)


@pytest.mark.parametrize("function", [drawn_by_numpy, drawn_beside_its_generator])
def test_draws_from_a_generator_of_the_process_are_a_remark(function):
    result = check_function_in_process(function, "init.lecun.normal")
    assert result.verdict == Verdict.CONFORMS, result.message
    assert "A remark: it changes the state of numpy.random" in result.message
    assert [fault.kind for fault in result.faults] == ["modifies-global-rng"]


def test_draws_that_are_always_the_same_are_a_fault():
    assert check_function_in_process(seeded, "init.lecun.normal").exit_code == 2


def test_an_import_that_seeds_is_excused_and_what_comes_later_is_not(monkeypatch):
    before = random_states()
    monkeypatch.setitem(sys.modules, "imported_meanwhile", ModuleType("imported_meanwhile"))
    random.seed(0)
    assert random_state_faults(before, "a call") == []
    before = random_states()
    random.seed(0)
    assert [fault.kind for fault in random_state_faults(before, "a call")] == ["modifies-global-rng"]


def clip_by_value(grad, largest):
    return grad.clip(-largest, largest)


def rms_by_average(x, gamma, eps):
    return x * gamma / np.sqrt(np.average(x * x, -1, keepdims=True) + eps)


@pytest.mark.parametrize(("function", "formula"), [(clip_by_value, "optimizers.clip.value"), (rms_by_average, "norm.rms")])
def test_ordinary_numpy_functions_can_be_proved(function, formula):
    result = check_function_in_process(function, formula, prove=True)
    assert (result.proved or "").startswith(f"equal to {formula} in real numbers"), result.message


def rmsprop(learning_rate, decay=0.9, eps=1e-8):
    def update(grad, state, params=None):
        state = decay * state + (1 - decay) * grad**2
        return -learning_rate * grad / (np.sqrt(state) + eps), state

    return np.zeros_like, update


class ChangeOfTheta:
    """RMSProp whose update returns the change of theta, although it takes the learning rate."""

    @staticmethod
    def init(theta):
        return 0 * theta

    @staticmethod
    def update(grad, state, theta, lr, decay=0.9, eps=1e-8):
        return rmsprop(lr, decay, eps)[1](grad, state)


class ChangeOfPoint(HeavyBall):
    def step(self, grad, lr):
        before = self.theta
        return super().step(grad, lr) - before


def heavy_ball(lr=0.1, momentum=0.9):
    velocity = {}

    def step(params, grads):
        for name, grad in grads.items():
            velocity[name] = momentum * velocity.get(name, 0) + grad
            params[name] = params[name] - lr * velocity[name]
        return params

    return step


def no_step(lr=0.1):
    return lambda first, second: first


@pytest.mark.parametrize(("subject", "family"), [(rmsprop, "rmsprop"), (heavy_ball, "momentum")])
def test_functions_that_make_optimizers_are_run(subject, family):
    result = check_in_process(subject)
    assert (result.is_correct, result.axes["family"]) == (True, family), result.message


@pytest.mark.parametrize(("subject", "convention"), [(ChangeOfTheta, "rmsprop"), (ChangeOfPoint, "heavy-ball/lr-outside")])
def test_a_change_where_the_point_is_due_is_named(subject, convention):
    result = check_in_process(subject)
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, convention), result.message
    assert "misbehaves: it returns the change of theta, not theta. Apart from that it" in result.message


def test_of_what_is_no_step_the_parameters_are_told():
    with pytest.raises(NotFound, match=r"no_step returns a function of \(first, second\); a step takes the gradient"):
        load_implementation(import_path(no_step))


class CountsFromZero(Adam):
    def step(self, grad, lr):
        self.t -= 1
        point = super().step(grad, lr)
        self.t += 1
        return point


class RootOfNegatives(Adam):
    def step(self, grad, lr):
        return super().step(grad, lr) * np.sqrt(-1.0)


@pytest.mark.parametrize(("subject", "is_count"), [(CountsFromZero, True), (RootOfNegatives, False)])
def test_a_correction_that_divides_by_0_is_named(subject, is_count):
    result = check_in_process(subject)
    assert result.exit_code == 2
    assert "it returns nan in step 1, coordinate 0" in result.message
    assert ("its correction has a count that is one too small, and divides by 1 − β⁰ = 0" in result.message) == is_count


class WithConfig:
    """Heavy ball whose hyper-parameters stand in an object."""

    def __init__(self, theta, config=(0.01, 0.9)):
        self.theta, self.config, self.velocity = theta.copy(), config, 0 * theta

    def step(self, grad):
        rate, momentum = self.config
        self.velocity = momentum * self.velocity + grad
        self.theta = self.theta - rate * self.velocity
        return self.theta


class WithSpeed(WithConfig):
    def __init__(self, theta, speed=0.1, momentum=0.9):
        super().__init__(theta, (speed, momentum))


def test_a_rate_that_cannot_be_set_is_told():
    result = check_in_process(WithConfig)
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 2)
    assert "could not be judged: its learning rate cannot be set (it takes config)" in result.message
    named = check_in_process(WithConfig, names={"learning_rate": "lr"})
    assert "could not be judged: it takes no 'learning_rate'; it takes config" in named.message
    assert check_in_process(WithSpeed, names={"speed": "lr"}).is_correct


class WithBuiltInMomentum:
    """Heavy ball that takes a learning rate alone."""

    def __init__(self, theta, lr=0.01):
        self.theta, self.lr, self.velocity = theta.copy(), lr, 0 * theta

    def step(self, grad):
        self.velocity = 0.75 * self.velocity + grad
        self.theta = self.theta - self.lr * self.velocity
        return self.theta


def test_a_setting_that_it_does_not_take_must_be_one_that_is_built_in():
    assert check_in_process(WithBuiltInMomentum, momentum=0.75).verdict == Verdict.CONFORMS
    result = check_in_process(WithBuiltInMomentum, momentum=0.75, weight_decay=0.5)
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 2)
    assert "it takes no 'weight_decay', and heavy ball with the learning rate outside the velocity has none" in result.message


class Called(HeavyBall):
    """An optimizer whose objects are called."""

    def __call__(self, grad, lr):
        return HeavyBall.step(self, grad, lr)

    step = None


class WithLoss:
    """An optimizer whose step takes a loss and hands it back, and moves its parameters in place."""

    def __init__(self, params, lr=0.01, momentum=0.9):
        self.params, self.lr, self.momentum, self.velocity = params, lr, momentum, 0 * params

    def step(self, grad, loss=None):
        self.velocity = self.momentum * self.velocity + grad
        self.params -= self.lr * self.velocity
        return loss


PartOfAnOptimizer = functools.partial(WithLoss, momentum=0.5)
PartOfAnOptimizer.__qualname__, PartOfAnOptimizer.__module__ = "PartOfAnOptimizer", __name__


@pytest.mark.parametrize("subject", [Called, WithLoss, PartOfAnOptimizer])
def test_usual_forms_of_a_step_are_run(subject):
    result = check_in_process(subject)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "heavy-ball/lr-outside"), result.message
    assert result.settings["momentum"] == (0.5 if subject is PartOfAnOptimizer else 0.9)


class RateOfTime(WithLoss):
    """An optimizer that takes a function for its learning rate."""

    def __init__(self, params, lr=lambda t: 0.01, momentum=0.9):
        super().__init__(params, lr, momentum)

    def step(self, grad):
        self.params -= self.lr(0) * grad
        return self.params


def test_a_rate_that_is_a_function_is_told():
    result = check_in_process(RateOfTime)
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 2)
    assert "'float' object is not callable" in result.message


class InItsOwnOrder:
    """A pair whose update says by its names in which order it takes its arguments."""

    @staticmethod
    def init(theta):
        return 0 * theta

    @staticmethod
    def update(params, grads, state, lr, momentum=0.9):
        state = momentum * state - lr * grads
        return params + state, state


def test_an_update_is_called_in_the_order_that_its_names_say():
    result = check_in_process(InItsOwnOrder)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "heavy-ball/lr-inside"), result.message
