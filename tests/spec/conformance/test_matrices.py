"""Optimizers of matrices: asked with matrices of two shapes, named, and refuted by small ones."""

import numpy as np
import pytest
from trainspec.spec.conformance.implementation import Task
from trainspec.spec.conformance.optimizers.combinations import find_convention
from trainspec.spec.conformance.optimizers.counterexample import find_counterexample
from trainspec.spec.conformance.optimizers.runner import run_optimizer
from trainspec.spec.conformance.optimizers.verdict import judge_optimizer

JORDAN = (3.4445, -4.7750, 2.0315)


def orthogonalized(matrix, norm, steps=5, coefficients=JORDAN):
    """Newton–Schulz iterations as programs write them: of the transpose where that is wider."""
    a, b, c = coefficients
    x = matrix.T / norm if matrix.shape[0] > matrix.shape[1] else matrix / norm
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


class Muon:
    """With Nesterov's momentum on a sum, scaled for tall matrices."""

    def __init__(self, theta, lr=0.02, momentum=0.95, weight_decay=0.0, eps=1e-7, ns_steps=5):
        if theta.ndim != 2:
            raise ValueError("theta must be a matrix")
        self.theta, self.momentum, self.weight_decay, self.eps, self.ns_steps = theta, momentum, weight_decay, eps, ns_steps
        self.velocity = np.zeros_like(theta)

    def step(self, grad, lr):
        direction = self.direction(grad)
        update = orthogonalized(direction, self.norm(direction), self.ns_steps)
        self.theta = self.theta * (1 - lr * self.weight_decay) - lr * self.scale(*grad.shape) * update
        return self.theta

    def direction(self, grad):
        self.velocity = self.momentum * self.velocity + grad
        return grad + self.momentum * self.velocity

    def norm(self, direction):
        return np.linalg.norm(direction) + self.eps

    def scale(self, rows, columns):
        return max(1, rows / columns) ** 0.5


class OfOtherOrientation(Muon):
    """With weights whose outputs are the last axis."""

    def scale(self, rows, columns):
        return max(1, columns / rows) ** 0.5


class Moonlight(Muon):
    """On a mean, no norm below ε, scaled to a root mean square."""

    def direction(self, grad):
        self.velocity = self.momentum * self.velocity + (1 - self.momentum) * grad
        return (1 - self.momentum) * grad + self.momentum * self.velocity

    def norm(self, direction):
        return max(np.linalg.norm(direction), self.eps)

    def scale(self, rows, columns):
        return 0.2 * max(rows, columns) ** 0.5


class Uphill(Muon):
    """A mistake: the step has the wrong sign."""

    def scale(self, rows, columns):
        return -super().scale(rows, columns)


class ForMatricesAlone(Muon):
    """What moves vectors by gradient descent."""

    def __init__(self, theta, lr=0.02, momentum=0.95):
        super().__init__(np.atleast_2d(theta), lr, momentum)
        self.is_vector = theta.ndim == 1

    def step(self, grad, lr):
        if self.is_vector:
            self.theta = self.theta - lr * grad
            return self.theta[0]
        return super().step(grad, lr)


def judge_in_this_process(kind):
    """The result of an optimizer of this file, in this process, and what was observed."""
    task = Task(f"{__file__}:{kind.__name__}")
    report = run_optimizer(task)
    return judge_optimizer(report, task, "check"), report


@pytest.mark.parametrize(
    ("kind", "convention"),
    [
        (Muon, "muon/shifted"),
        (OfOtherOrientation, "muon/shifted/scaled-aspect-transposed"),
        (Moonlight, "muon/shifted/ema/eps-clamp/scaled-match-rms"),
    ],
)
def test_right_ones_are_named(kind, convention):
    result, report = judge_in_this_process(kind)
    assert (report.kind, result.convention) == ("matrix", convention)
    assert result.verdict == "conforms"
    assert result.margin > 1000
    assert {run.points.shape[1:] for run in report.runs} == {(3, 2), (2, 4)}


def test_a_mistake_is_named():
    result, _ = judge_in_this_process(Uphill)
    assert (result.verdict, result.convention) == ("deviates", "muon/shifted/ascent-sign")


def test_a_small_matrix_shows_a_deviation():
    program = find_counterexample(Task(f"{__file__}:OfOtherOrientation", kind="matrix"), "muon/shifted")
    assert "np.array([[" in program
    assert "due: [[" in program
    assert find_convention("muon/shifted").equations


def test_vectors_and_matrices_may_be_treated_otherwise():
    task = Task(f"{__file__}:ForMatricesAlone")
    report = run_optimizer(task)
    assert (report.kind, report.treats_matrices_otherwise) == ("vector", True)
    assert judge_optimizer(report, task, "identify").convention == "gradient-descent"
