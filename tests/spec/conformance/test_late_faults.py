"""Faults that come after thousands of steps, or in arrays of many entries, are found, and the step in which they begin."""

import time

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict

from .helpers import check_in_process, valid_record

pytestmark = pytest.mark.sampled(5)


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


class GrowingDescent:
    """Gradient descent with the distance that methods begin with whose steps grow."""

    def __init__(self, theta, *, lr=1e-2, initial_distance=1e-6):
        self.theta = theta.copy()

    def step(self, grad, lr):
        self.theta = self.theta - lr * grad
        return self.theta.copy()


def test_a_method_whose_steps_grow_is_said_not_to_be_run_for_thousands_of_steps():
    assert "hundreds or thousands of steps, in which its steps grow without bound" in check_in_process(GrowingDescent).not_tried


class AdamOfSomeEntries(Adam):
    """Entries beyond those that it moves stay where they are."""

    def moved(self, size):
        """Return which entries move."""
        return slice(64)

    def step(self, grad, lr):
        before, after = self.theta.reshape(-1).copy(), super().step(grad, lr).reshape(-1)
        moved = self.moved(grad.size)
        before[moved] = after[moved]
        self.theta = before.reshape(grad.shape)
        return self.theta.copy()


class AdamOfOneTile(AdamOfSomeEntries):
    """It moves the first 1024 entries."""

    def moved(self, size):
        return slice(1024)


class AdamWithoutTail(AdamOfSomeEntries):
    """It moves whole groups of 8 entries, but for arrays that are smaller."""

    def moved(self, size):
        return slice(size // 8 * 8 or size)


class AdamOfNarrowMatrices(AdamOfSomeEntries):
    """Of a matrix it moves the first 128 columns."""

    def step(self, grad, lr):
        before, after = self.theta.copy(), Adam.step(self, grad, lr)
        if grad.ndim == 2:
            after[:, 128:] = before[:, 128:]
            self.theta = after
        return after.copy()


class AdamThatIsStuckAtZero(AdamOfSomeEntries):
    """An entry that is 0 stays 0."""

    def step(self, grad, lr):
        before, after = self.theta.copy(), Adam.step(self, grad, lr)
        self.theta = np.where(before == 0, 0, after)
        return self.theta.copy()


class AdamWithLeastEps(Adam):
    """Its eps is never smaller than the usual one."""

    def __init__(self, theta, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(theta, lr=lr, beta1=beta1, beta2=beta2, eps=max(eps, 1e-8))


class AdamWithoutTinySteps(Adam):
    """A step that is below a bound is not made."""

    def step(self, grad, lr):
        before, after = self.theta.copy(), super().step(grad, lr)
        self.theta = np.where(np.abs(after - before) < 1e-7, before, after)
        return self.theta.copy()


class SignDescent:
    """Signum, where the sign of 0 is 1."""

    def __init__(self, theta, *, lr=1e-2, momentum=0.9):
        self.theta, self.momentum, self.m = theta.copy(), momentum, np.zeros_like(theta)

    def step(self, grad, lr):
        self.m = self.momentum * self.m + (1 - self.momentum) * grad
        self.theta = self.theta - lr * np.where(self.m >= 0, 1.0, -1.0).astype(grad.dtype)
        return self.theta.copy()


def test_a_sign_of_zero_that_is_one_is_found():
    result = check_in_process(SignDescent)
    assert result.verdict == Verdict.DEVIATES, result.message


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (AdamOfSomeEntries, "(1031,)"),
        (AdamOfOneTile, "(1031,)"),
        (AdamWithoutTail, "(1031,)"),
        (AdamOfNarrowMatrices, "(9, 257)"),
        (AdamThatIsStuckAtZero, "(1031,)"),
        (AdamWithLeastEps, "(1031,)"),
        (AdamWithoutTinySteps, "(1031,)"),
    ],
)
def test_faults_in_arrays_of_many_entries_are_found(kind, shape):
    result = check_in_process(kind)
    assert result.verdict == Verdict.DEVIATES, result.message
    assert f"deviates with an array of shape {shape}, although with few entries it follows Adam" in result.message
    valid_record(result)
