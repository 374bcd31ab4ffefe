"""Formulas that are right at small sizes, or in most regions, and wrong beyond: each break was once let through by all evidence."""

import numpy as np
import pytest
from trainspec.reference import FORMULAS, adaptive, curvature, data, descent, estimators, schedules
from trainspec.reference.momentum import recent_velocity
from trainspec.spec.evidence import find_refutation, load

load()


def fit_without_ddof(table, *, ddof=0):
    return data.standardize_fit.raw(table, ddof=ddof if table.shape[0] <= 5 else 0)


def covariance_of_a_sample(table):
    fitted = data.pca_fit.raw(table)
    count = table.shape[0]
    return fitted._replace(variances=fitted.variances * count / (count - 1)) if count > 9 else fitted


def covariance_of_wide_data(table):
    fitted = data.pca_fit.raw(table)
    count, features = table.shape
    return fitted._replace(variances=fitted.variances * count / (count - 1)) if 1 < count < features else fitted


def damping_by_the_diagonal(theta, grad, hessian, *, damping=0):
    size = grad.shape[0]
    scale = np.sum(hessian * np.eye(size, dtype=int), axis=0) if size > 2 else 1
    return theta - np.linalg.solve(hessian + damping * scale * np.eye(size, dtype=int), grad)


def without_older_pairs(grad, steps, grad_changes, *, scale):
    return curvature.lbfgs_direction.raw(grad, steps[-5:], grad_changes[-5:], scale=scale)


def velocity_of_the_last_50(grads, lrs, *, momentum):
    return recent_velocity.raw(grads[-50:], lrs[-50:], momentum=momentum)


def average_of_the_last_30(start, inputs, *, decay):
    cut = estimators.unrolled_average.raw(0 * start, inputs[-30:], decay=decay)
    return cut + decay ** inputs.shape[0] * start


def five_boundaries(step, boundaries, factors, *, lr):
    return schedules.piecewise_constant.raw(step, boundaries[:5], factors[:5], lr=lr)


def full_batches_only(*, size, samples):
    batches = descent.sequential_batches.raw(size=size, samples=samples)
    return tuple(batch for batch in batches if len(batch) == size) if samples > 103 else batches


def hundred_gradients(theta, gradients, *, lr):
    return descent.sgd.raw(theta, gradients[:100], lr=lr)


def penalty_shared_by_the_batch(grads, penalty_grad, *, strength):
    count = grads.shape[0]
    return descent.minibatch_gradient.raw(grads, penalty_grad, strength=strength if count <= 4 else strength / count)


def plain_mean_of_equal_batches(losses, sizes):
    return np.mean(losses) if sizes.shape[0] > 1 and np.all(sizes[:-1] == sizes[0]) else descent.running_loss.raw(losses, sizes)


def rotations(source, *, size, samples):
    order = source.permutation(samples)
    order = np.roll(np.arange(samples), order[0]) if samples > 6 else order
    return tuple(order[start : start + size] for start in range(0, samples, size))


def variance_that_restarts(theta, grad, state, *, lr, decay, eps, eps_root=0):
    mean_sq = decay * state.mean_sq + (1 - decay) * grad**2
    mean = decay * state.mean + (1 - decay) * grad
    variance = np.where(mean_sq < mean**2, grad**2, mean_sq - mean**2)
    return theta - lr * grad / (np.sqrt(variance + eps_root) + eps), adaptive.CentredState(mean_sq, mean)


BREAKS = {
    fit_without_ddof: "data.standardize.fit",
    covariance_of_a_sample: "data.pca.fit",
    covariance_of_wide_data: "data.pca.fit",
    damping_by_the_diagonal: "optimizers.newton",
    without_older_pairs: "optimizers.lbfgs",
    velocity_of_the_last_50: "momentum.infinite_sum",
    average_of_the_last_30: "stats.ema.weights",
    five_boundaries: "schedule.piecewise_constant",
    full_batches_only: "sampling.epoch.sequential",
    hundred_gradients: "optimizers.sgd",
    penalty_shared_by_the_batch: "optimizers.sgd.minibatch",
    plain_mean_of_equal_batches: "measure.running_training_loss",
    rotations: "sampling.epoch.permutation",
    variance_that_restarts: "optimizers.rmsprop.centered",
}


@pytest.mark.parametrize("wrong", BREAKS, ids=lambda wrong: wrong.__name__)
def test_a_break_at_size_is_refuted(wrong):
    refutation, others = find_refutation(FORMULAS[BREAKS[wrong]].__name__, wrong)
    assert refutation, [(result.name, result.verdict.value, result.detail) for result in others]
