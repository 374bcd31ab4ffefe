"""Runs of a library's optimizers through its adapter, and their distance from a convention of the kit."""

from types import SimpleNamespace

import numpy as np
from trainspec.spec.arithmetic import rounding_bound
from trainspec.spec.arithmetic.rounding import error_in_bounds
from trainspec.spec.conformance.loading import load_implementation
from trainspec.spec.conformance.optimizers.combinations import find_convention
from trainspec.spec.conformance.optimizers.matching import ALLOWED
from trainspec.spec.conformance.optimizers.runner import canonical_hyperparameters

LRS = np.array([0.5, 0.5, 0.125, 0.125, 0.25, 1.0, 1.0, 0.25, 0.125, 0.5])
THETA = np.array([0.75, -2.0, 6.0])
FACTORS = np.array([1, 1.5, -0.5, 0.75, 2, 0, -1.25, 0.125, -0.0625, 0.5])  # of the gradients in the first coordinate
SECOND = np.array([0.0078125, 0.00390625, 0.01171875, -0.015625, -0.00390625, 0, 0.0078125, 0.01171875, -0.0078125, 0.001953125])
THIRD = np.array([-64.0, -32, -48, 96, 64, 0, -16, 8, -4, 32])
GRADS = np.stack([FACTORS, SECOND, THIRD], axis=1)

WEIGHTS = {"beta1": 0.9, "beta2": 0.95, "eps": 2.0**-6}  # hyper-parameters that tell conventions apart
SQUARES = {"decay": 0.75, "eps": 2.0**-6}
SUMS = {"eps": 2.0**-6, "initial_second_moment": 0.5}
SIGNS = {"initial_size": 0.0625, "grow": 1.25, "shrink": 0.5, "smallest": 2.0**-10, "largest": 50.0}


def run_library(target, settings, dtype, grads=GRADS):
    """Return the points of a library, one row a step, and its state in the end."""
    run = load_implementation(target).start(THETA.astype(dtype), float(LRS[0]), settings)
    points = [run.step(grad, float(lr)) for grad, lr in zip(grads.astype(dtype), LRS, strict=True)]
    assert {point.dtype for point in points} == {np.dtype(dtype)}
    return np.stack(points), SimpleNamespace(**run.state())


def error(points, convention, settings, grads=GRADS):
    """Return how far points are from a convention, at most, in units of what is allowed to one that follows it."""
    trajectory, hyper = find_convention(convention).trajectory, canonical_hyperparameters(settings)
    inputs = THETA, grads, LRS
    allowed = rounding_bound(trajectory, *(values.astype(points.dtype) for values in inputs[:2]), LRS, dtype=points.dtype, **hyper)
    off = np.abs(points.astype(np.float64) - trajectory(*inputs, **hyper))
    return float(np.max(error_in_bounds(off, allowed))) / ALLOWED
