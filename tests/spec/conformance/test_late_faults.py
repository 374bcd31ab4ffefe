"""Faults that come after thousands of steps are found, and the step in which they begin."""

import time

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict

from .helpers import check_in_process, valid_record


class Adam:
    """Adam, with a way to count and a way to correct that may be wrong."""

    def __init__(self, theta, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.m, self.v, self.t = theta.copy(), np.zeros_like(theta), np.zeros_like(theta), 0
        self.beta1, self.beta2, self.eps = beta1, beta2, eps

    def count(self):
        """Return the number of this step."""
        self.t += 1
        return self.t

    def correction(self, decay, t):
        """Return what a mean is divided by."""
        return 1 - decay**t

    def step(self, grad, lr):
        t = self.count()
        self.m = self.beta1 * self.m + (1 - self.beta1) * grad
        self.v = self.beta2 * self.v + (1 - self.beta2) * grad * grad
        first, second = self.correction(self.beta1, t), self.correction(self.beta2, t)
        self.theta = self.theta - lr * (self.m / first) / (np.sqrt(self.v / second) + self.eps)
        return self.theta.copy()


class AdamThatCountsInHalfPrecision(Adam):
    """Its count stands still at 2048."""

    def count(self):
        self.t = float(np.float16(self.t + 1))
        return self.t


class AdamWithInverseDecays(Adam):
    """Its inverse decay overflows in the power of the count."""

    def correction(self, decay, t):
        power = (1 / decay) ** t if t < 1000 else np.float64(1 / decay) ** t
        return (power - 1) / power if t > 30 else 1 - decay**t


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_optimizer_is_right_after_thousands_of_steps(dtype):
    assert check_in_process(Adam, dtype=dtype).verdict == Verdict.CONFORMS


@pytest.mark.parametrize("kind", [AdamThatCountsInHalfPrecision, AdamWithInverseDecays])
def test_late_faults_are_found(kind):
    result = check_in_process(kind)
    assert result.verdict == Verdict.DEVIATES, result.message
    assert "deviates in a run of 2600 steps, although in short ones it follows Adam" in result.message
    assert "it is lost in step" in result.message
    valid_record(result)


class SlowAdam(Adam):
    """A step takes 2 ms of processor time."""

    def step(self, grad, lr):
        started = time.process_time()
        while time.process_time() - started < 2e-3:
            pass
        return super().step(grad, lr)


def test_a_slow_optimizer_is_said_not_to_be_run_for_thousands_of_steps():
    result = check_in_process(SlowAdam)
    assert result.convention == "adam"
    assert "thousands of steps, since it is slow" in result.message
    assert "thousands of steps" not in check_in_process(Adam).message
