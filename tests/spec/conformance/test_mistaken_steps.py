"""Steps with one mistake are named with the cause, by the search for changes of one place and for rare mistakes."""

import pytest
from trainspec.spec.conformance import Verdict

from .corpus.mistaken_steps import ADAM_ROOT, FIRST, MEAN_SQ, ROOT, SECOND, VELOCITY, mistaken_optimizer
from .helpers import check_in_process

CAUSES = [  # a step, what is written there, what in its place, and what the verdict says
    ("Adam", ADAM_ROOT, "(second + self.eps)**2", "with a square in the place of the root"),
    ("Adam", ADAM_ROOT, "(np.sqrt(second) + 2 * self.eps)", "with 2 ε in the place of ε where θ is computed"),
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
]


@pytest.mark.parametrize(("step", "written", "instead", "cause"), CAUSES)
def test_the_cause_is_named(step, written, instead, cause):
    result = check_in_process(mistaken_optimizer(step, written, instead))
    assert result.verdict == Verdict.DEVIATES, result.message
    assert cause in result.name, result.message
    assert not result.is_correct
