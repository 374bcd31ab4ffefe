"""Steps with one mistake are named with the cause, by the search for changes of one place and for rare mistakes."""

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict

from .corpus.mistaken_steps import ADAM_ROOT, FIRST, MEAN_SQ, ROOT, SECOND, VELOCITY, mistaken_optimizer
from .helpers import check_in_process

pytestmark = pytest.mark.sampled(4)

CAUSES = [  # a step, what is written there, what in its place, and what the verdict says
    ("Adam", ADAM_ROOT, "(second + self.eps)**2", "with a square in the place of the root"),
    ("Adam", ADAM_ROOT, "(np.sqrt(second) + 2 * self.eps)", "with 2 ε in the place of ε"),
    ("Adam", ADAM_ROOT, "(np.sqrt(second + self.eps) + self.eps)", "with ε inside the root and outside it too"),
    ("Adam", ADAM_ROOT, "np.maximum(np.sqrt(second), self.eps)", "with the larger of the root and ε in the place of their sum"),
    ("Adam", SECOND, SECOND + " if self.t > 1 else grad**2", "with the first squared gradient as its second moment at the start"),
    ("Adam", "self.theta - lr", "self.theta + self.eps - lr", "with ε added to θ"),
    ("Adam", FIRST, "(1 - self.beta1) * grad", "where m is computed"),
    ("Adam", FIRST, "0.9 * self.m + 0.1 * grad", "with 0.9 in the place of β₁ where m is computed"),
    ("RMSProp", ROOT, "(np.sqrt(self.mean_sq) + self.eps)**2", "with its denominator squared"),
    ("RMSProp", MEAN_SQ, MEAN_SQ + " + self.eps", "with ε left in the second moment that is kept"),
    ("HeavyBall", VELOCITY, VELOCITY + " if self.t > 1 else 0 * grad", "with its first gradient lost"),
    ("HeavyBall", VELOCITY, "self.momentum * self.velocity + lr * grad", "η"),
    ("Adam", SECOND, SECOND.replace("beta2", "beta1"), "with β₁ in the place of β₂ where v is computed"),
    ("RMSProp", MEAN_SQ, MEAN_SQ.replace("grad**2", "(lr * grad)**2"), "where s is computed"),
    ("Adam", ADAM_ROOT, "(np.sqrt(second) + 1e-3)", "with 0.001 in the place of ε"),
    (
        "Adam",
        "self.t += 1",
        "self.n = getattr(self, 'n', 0) + 1; self.t = (self.n + 3) // 4",
        "with a step counter that counts every fourth step",
    ),
]


@pytest.mark.parametrize(("step", "written", "instead", "cause"), CAUSES)
def test_the_cause_is_named(step, written, instead, cause):
    result = check_in_process(mistaken_optimizer(step, written, instead))
    assert result.verdict == Verdict.DEVIATES, result.message
    assert cause in result.name, result.message
    assert not result.is_correct


class UpsideDown:
    """LAMB with the inverse of its trust ratio."""

    def __init__(self, theta, *, lr=0.1, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.01):
        self.theta, self.betas, self.eps, self.weight_decay = theta.copy(), (beta1, beta2), eps, weight_decay
        self.m, self.v, self.t = 0 * theta, 0 * theta, 0

    def step(self, grad, lr):
        self.t += 1
        (beta1, beta2), first, second = self.betas, self.m, self.v
        self.m, self.v = beta1 * first + (1 - beta1) * grad, beta2 * second + (1 - beta2) * grad**2
        update = self.m / (1 - beta1**self.t) / (np.sqrt(self.v / (1 - beta2**self.t)) + self.eps) + self.weight_decay * self.theta
        size, length = np.linalg.norm(self.theta), np.linalg.norm(update)
        self.theta = self.theta - lr * (length / size if min(size, length) > 0 else 1) * update
        return self.theta


class Damped:
    """SGD whose gradient has the weight of its dampening after the first step."""

    def __init__(self, theta, *, lr=0.01, momentum=0.9, dampening=0.1):
        self.theta, self.momentum, self.dampening, self.velocity = theta.copy(), momentum, dampening, None

    def step(self, grad, lr):
        self.velocity = grad.copy() if self.velocity is None else self.momentum * self.velocity + self.dampening * grad
        self.theta = self.theta - lr * self.velocity
        return self.theta


class DampedVelocity(Damped):
    """SGD whose dampening cuts the whole velocity; off by default."""

    def __init__(self, theta, *, lr=0.01, momentum=0.9, dampening=0.0):
        super().__init__(theta, lr=lr, momentum=momentum, dampening=dampening)

    def step(self, grad, lr):
        old = self.velocity
        self.velocity = grad.copy() if old is None else (1 - self.dampening) * (self.momentum * old + grad)
        self.theta = self.theta - lr * self.velocity
        return self.theta


def test_the_cause_is_named_with_an_option_on():
    result = check_in_process(DampedVelocity)
    assert (result.verdict, result.options[0].conforms) == (Verdict.DEVIATES, False), result.message
    assert "with its whole velocity dampened, not the gradient alone" in result.message


@pytest.mark.parametrize(
    ("subject", "cause"),
    [(UpsideDown, "with its trust ratio upside down"), (Damped, "with the dampening itself in the place of 1 minus it")],
)
def test_the_cause_is_named_in_families_that_are_tried_late(subject, cause):
    result = check_in_process(subject)
    assert (result.verdict, result.is_correct) == (Verdict.DEVIATES, False), result.message
    assert cause in result.name


class InHalfPrecision:
    """Adam whose decays are kept in float16, beside an array that stays at 0."""

    def __init__(self, theta, *, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.betas, self.eps = theta.copy(), (float(np.float16(beta1)), float(np.float16(beta2))), eps
        self.m, self.v, self.unused, self.t = 0 * theta, 0 * theta, 0 * theta, 0

    def step(self, grad, lr):
        self.t += 1
        beta1, beta2 = self.betas
        self.m, self.v = beta1 * self.m + (1 - beta1) * grad, beta2 * self.v + (1 - beta2) * grad**2
        self.theta = self.theta - lr * self.m / (1 - beta1**self.t) / (np.sqrt(self.v / (1 - beta2**self.t)) + self.eps)
        return self.theta


def test_decays_that_are_kept_in_half_precision_are_named_where_eps_is_not():
    result = check_in_process(InHalfPrecision)
    assert (result.verdict, result.axes["precision"]) == (Verdict.DEVIATES, "hyper-float16"), result.message


class AntiDecay:
    """AdamW with a decay of the wrong sign, and with ε inside the root."""

    inside = True

    def __init__(self, theta, *, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        self.theta, self.betas, self.eps, self.weight_decay = theta.copy(), (beta1, beta2), eps, weight_decay
        self.m, self.v, self.t = 0 * theta, 0 * theta, 0

    def step(self, grad, lr):
        self.t += 1
        (beta1, beta2), first, second = self.betas, self.m, self.v
        self.m, self.v = beta1 * first + (1 - beta1) * grad, beta2 * second + (1 - beta2) * grad**2
        first, second = self.m / (1 - beta1**self.t), self.v / (1 - beta2**self.t)
        root = np.sqrt(second + self.eps) if self.inside else np.sqrt(second) + self.eps
        self.theta = (1 + lr * self.weight_decay) * self.theta - lr * first / root
        return self.theta


class OnlyAntiDecay(AntiDecay):
    inside = False


@pytest.mark.parametrize(("subject", "explanation"), [(AntiDecay, None), (OnlyAntiDecay, "weight decay")])
def test_of_two_mistakes_no_single_one_is_said_to_be_what_differs(subject, explanation):
    assert check_in_process(subject, against="optimizers.adamw").divergence.explained_by == explanation
