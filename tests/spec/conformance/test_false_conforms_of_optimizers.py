"""Optimizers that once passed although they are wrong: each kind of mistake that the default settings hide, and its right relative."""

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.checks import failures
from trainspec.spec.conformance.optimizers.claims import claim_of

from .helpers import check_in_process, valid_record

pytestmark = pytest.mark.sampled(5)


class Descent:
    """A heavy ball with options that are off by default; subclasses change one of them."""

    def __init__(self, theta, lr=0.1, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        self.theta, self.momentum, self.dampening, self.weight_decay = theta.copy(), momentum, dampening, weight_decay
        self.nesterov, self.velocity, self.started = nesterov, 0 * theta, False

    def step(self, grad, lr):
        grad = self.decay(grad)
        self.velocity = self.gather(grad)
        self.theta = self.theta - lr * self.move(grad)
        return self.theta

    def decay(self, grad):
        return grad + self.weight_decay * self.theta

    def gather(self, grad):
        return self.momentum * self.velocity + (1 - self.dampening) * grad

    def move(self, grad):
        return grad + self.momentum * self.velocity if self.nesterov else self.velocity


class DecaysWithWrongSign(Descent):
    def decay(self, grad):
        return grad - self.weight_decay * self.theta


class DecaysNotAtAll(Descent):
    def decay(self, grad):
        return grad


class MomentumIsIgnored(Descent):
    def gather(self, grad):
        return grad


class NesterovIsIgnored(Descent):
    def move(self, grad):
        return self.velocity


class DampeningIsAdded(Descent):
    def gather(self, grad):
        return self.momentum * self.velocity + (1 + self.dampening) * grad


class DecaysOnlyOnce(Descent):
    """Wrong with momentum and weight decay together."""

    def decay(self, grad):
        return grad + self.weight_decay * self.theta if not self.velocity.any() else grad


def test_options_that_are_right_are_named():
    result = check_in_process(Descent)
    assert result.verdict == Verdict.CONFORMS, result.message
    assert {option.name: option.conforms for option in result.options} == dict.fromkeys(
        ("momentum", "dampening", "weight_decay", "nesterov"), True
    )
    assert "With momentum = 0.75 it follows heavy ball with the learning rate outside the velocity" in result.message
    assert "With weight_decay = 0.25 it follows gradient descent" in result.message
    valid_record(result)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("implementation", "option"),
    [
        (DecaysWithWrongSign, "weight_decay"),
        (DecaysNotAtAll, "weight_decay"),
        (DecaysOnlyOnce, "weight_decay"),
        (MomentumIsIgnored, "momentum"),
        (NesterovIsIgnored, "nesterov"),
        (DampeningIsAdded, "dampening"),
    ],
)
def test_an_option_that_is_off_by_default_is_switched_on(implementation, option):
    result = check_in_process(implementation)
    assert (result.verdict, result.exit_code) == (Verdict.DEVIATES, 1), result.message
    assert option in [judged.name for judged in result.options if not judged.conforms]
    assert f"{option} = " in result.message
    assert result.divergence is not None
    valid_record(result)


class AdamWithOptions:
    """Adam with weight decay off by default."""

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, amsgrad=False):
        self.theta, self.betas, self.eps, self.weight_decay, self.amsgrad = theta.copy(), (beta1, beta2), eps, weight_decay, amsgrad
        self.m, self.v, self.largest, self.t = 0 * theta, 0 * theta, 0 * theta, 0

    def step(self, grad, lr):
        beta1, beta2 = self.betas
        self.t += 1
        self.theta = self.theta - self.decay(lr)
        self.m = beta1 * self.m + (1 - beta1) * grad
        self.v = beta2 * self.v + (1 - beta2) * grad * grad
        self.largest = np.maximum(self.largest, self.v)
        second = self.choose_moment() / (1 - beta2**self.t)
        self.theta = self.theta - lr * self.m / (1 - beta1**self.t) / (np.sqrt(second) + self.eps)
        return self.theta

    def decay(self, lr):
        return lr * self.weight_decay * self.theta

    def choose_moment(self):
        return self.largest if self.amsgrad else self.v


class AdamThatGrowsWeights(AdamWithOptions):
    def decay(self, lr):
        return -lr * self.weight_decay * self.theta


class AdamThatDecaysByASign(AdamWithOptions):
    def decay(self, lr):
        return lr * self.weight_decay * np.sign(self.theta)


class AMSGradIsIgnored(AdamWithOptions):
    def choose_moment(self):
        return self.v


def test_options_of_adam():
    right = check_in_process(AdamWithOptions)
    assert right.verdict == Verdict.CONFORMS, right.message
    assert {option.name: option.convention for option in right.options} == {"weight_decay": "adam/decay-decoupled", "amsgrad": "amsgrad"}
    for implementation, option in (
        (AdamThatGrowsWeights, "weight_decay"),
        (AdamThatDecaysByASign, "weight_decay"),
        (AMSGradIsIgnored, "amsgrad"),
    ):
        result = check_in_process(implementation)
        assert result.verdict == Verdict.DEVIATES, result.message
        assert [judged.name for judged in result.options if not judged.conforms] == [option]
    claimed = check_in_process(AdamWithOptions, against="optimizers.adamw")
    assert claimed.verdict == Verdict.CONFORMS, claimed.message


def test_an_option_that_is_asked_for_is_left_as_it_is():
    assert check_in_process(DecaysWithWrongSign, weight_decay=0.0).verdict == Verdict.CONFORMS
    assert check_in_process(DecaysWithWrongSign, weight_decay=0.1).verdict == Verdict.DEVIATES


def test_what_was_not_tried_is_said():
    result = check_in_process(Descent)
    groups = "parameter groups (its step takes one learning rate for all)"
    assert f"Not tried: several arrays; {groups}; resuming from a saved state." in result.message
    assert result.not_tried == ("several arrays", groups, "resuming from a saved state")


class MyAdamW(AdamWithOptions):
    """Adam with its decay in the gradient, under the name of the other one."""

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        super().__init__(theta, lr, beta1, beta2, eps, weight_decay)

    def step(self, grad, lr):
        return super().step(grad + self.weight_decay * self.theta, lr)

    def decay(self, lr):
        return 0


class DecoupledAdamW(AdamWithOptions):
    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        super().__init__(theta, lr, beta1, beta2, eps, weight_decay)


class FirstRMSProp(Descent):
    """A heavy ball under the name of another optimizer."""


def test_a_name_is_a_claim():
    result = check_in_process(MyAdamW)
    assert (result.verdict, result.convention, result.claim) == (Verdict.CONFORMS, "adam/decay-coupled", "optimizers.adamw")
    assert (
        "Its name says Adam with ε outside the corrected root, its decay decoupled (optimizers.adamw), from which it deviates."
        in result.message
    )
    assert "convention" in failures(result)
    assert check_in_process(DecoupledAdamW).claim is None
    assert check_in_process(AdamWithOptions).claim is None
    assert check_in_process(FirstRMSProp).claim == "optimizers.rmsprop"
    stated = check_in_process(MyAdamW, against="optimizers.adamw")
    assert (stated.verdict, stated.claim) == (Verdict.DEVIATES, None)
    assert "convention" not in failures(check_in_process(MyAdamW, against="optimizers.adam.l2"))
    valid_record(result)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("MyAdamW", "adamw"),
        ("NAdamTorch", "nadam"),
        ("AdamWithOptions", "adam"),
        ("adamw", "adamw"),
        ("RMSprop", "rmsprop"),
        ("AMSGrad", "amsgrad"),
    ],
)
def test_the_formula_that_a_name_says(name, formula):
    assert claim_of(name)[0] == f"optimizers.{formula}"


def test_a_name_of_no_formula_and_one_of_several_say_nothing():
    assert claim_of("Descent") is None
    assert claim_of("SGDThenAdam") is None


class Slide:
    """Adam with its stabiliser inside the root, as a slide prints it."""

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.betas, self.eps, self.m, self.v, self.t = theta.copy(), (beta1, beta2), eps, 0 * theta, 0 * theta, 0

    def step(self, grad, lr):
        beta1, beta2 = self.betas
        self.t += 1
        self.m = beta1 * self.m + (1 - beta1) * grad
        self.v = beta2 * self.v + (1 - beta2) * grad * grad
        self.theta = self.theta - lr * self.m / (1 - beta1**self.t) / np.sqrt(self.v / (1 - beta2**self.t) + self.eps)
        return self.theta


class SlideOfAdaDelta:
    """AdaDelta whose steps are not averaged, as a slide prints it."""

    def __init__(self, theta, lr=1.0, rho=0.9, eps=1e-6):
        self.theta, self.rho, self.eps, self.s = theta.copy(), rho, eps, 0 * theta

    def step(self, grad, lr):
        self.s = self.rho * self.s + (1 - self.rho) * grad**2
        self.theta = self.theta - np.sqrt(self.eps) / np.sqrt(self.s + self.eps) * grad
        return self.theta


def test_a_printed_form_of_an_erratum_is_named():
    result = check_in_process(Slide)
    assert (result.convention, result.errata) == ("adam/eps-inside", ("E07",)), result.message
    assert "an error by erratum E07: The denominator is √(r̂ + δ) instead of √r̂ + δ." in result.message
    assert check_in_process(AdamWithOptions).errata == ()
    unnamed = check_in_process(SlideOfAdaDelta)
    assert (unnamed.verdict, unnamed.errata) == (Verdict.DEVIATES, ("E66",)), unnamed.message
    valid_record(unnamed)


class CorrectsFor100Steps(AdamWithOptions):
    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(theta, lr, beta1, beta2, eps)

    def step(self, grad, lr):
        self.t = min(self.t, 99)
        return super().step(grad, lr)


class CountsInEightBits(CorrectsFor100Steps):
    def step(self, grad, lr):
        self.t = self.t % 255
        return AdamWithOptions.step(self, grad, lr)


class CentredWithoutFloor:
    def __init__(self, theta, lr=1e-2, decay=0.9, eps=1e-8):
        self.theta, self.decay, self.eps, self.mean, self.squares = theta.copy(), theta.dtype.type(decay), eps, 0 * theta, 0 * theta

    def step(self, grad, lr):
        self.mean = self.decay * self.mean + (1 - self.decay) * grad
        self.squares = self.decay * self.squares + (1 - self.decay) * grad**2
        self.theta = self.theta - lr * grad / (np.sqrt(self.variance()) + self.eps)
        return self.theta

    def variance(self):
        return self.squares - self.mean**2


class CentredWithFloor(CentredWithoutFloor):
    def variance(self):
        return np.maximum(super().variance(), 0)


class CentredInsideWithoutFloor(CentredWithoutFloor):
    """Its ε inside the root hides a variance below 0, but for huge gradients."""

    def step(self, grad, lr):
        self.mean = self.decay * self.mean + (1 - self.decay) * grad
        self.squares = self.decay * self.squares + (1 - self.decay) * grad**2
        self.theta = self.theta - lr * grad / np.sqrt(self.variance() + self.eps)
        return self.theta


class CentredInsideWithFloor(CentredInsideWithoutFloor):
    def variance(self):
        return np.maximum(super().variance(), 0)


@pytest.mark.parametrize(
    ("implementation", "said"),
    [
        (CentredInsideWithoutFloor, "in a run of 2600 steps, although in short ones it follows RMSProp"),
        (CorrectsFor100Steps, "in a run of 300 steps, although in short ones it follows Adam"),
        (CountsInEightBits, "in step 256"),
        (CentredWithoutFloor, "of a run whose gradients hardly change"),
    ],
)
def test_what_is_wrong_after_many_steps_only_does_not_conform(implementation, said):
    result = check_in_process(implementation)
    assert (result.verdict, result.exit_code) == (Verdict.DEVIATES, 1), result.message
    assert said in result.message
    valid_record(result)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("implementation", [CentredWithFloor, CentredInsideWithFloor])
def test_what_is_right_after_many_steps_conforms(implementation, dtype):
    assert check_in_process(implementation, dtype=dtype).verdict == Verdict.CONFORMS
