"""Combined mistakes are named: two at once, or one beside many unusual values. The steps here are written by hand."""

import numpy as np
import pytest
from trainspec.spec.conformance.optimizers.combinations import Setting, find_convention, with_generated_mistake
from trainspec.spec.conformance.optimizers.conventions import canonical
from trainspec.spec.conformance.optimizers.equivalence import are_equivalent
from trainspec.spec.conformance.optimizers.fixtures import fixture_for
from trainspec.spec.conformance.optimizers.search import find_mistakes
from trainspec.spec.conformance.optimizers.separation import APART, trajectories, trajectory_bound
from trainspec.spec.conformance.optimizers.visits import OptimizerRun

pytestmark = pytest.mark.sampled(5)

EPS = 0.125
HYPER = {"momentum": 0.75, "beta1": 0.875, "beta2": 0.9375}


def adam_without_mean_and_square(theta, grads, lrs):
    m, v = 0 * theta, 0 * theta
    for t, (grad, lr) in enumerate(zip(grads, lrs, strict=True), start=1):
        m = 0.875 * m + grad
        v = 0.9375 * v + 0.0625 * np.abs(grad)
        theta = theta - lr * (m / (1 - 0.875**t)) / (np.sqrt(v / (1 - 0.9375**t)) + EPS)
        yield theta


def adam_without_first_correction_and_twice_eps(theta, grads, lrs):
    m, v = 0 * theta, 0 * theta
    for t, (grad, lr) in enumerate(zip(grads, lrs, strict=True), start=1):
        m = 0.875 * m + 0.125 * grad
        v = 0.9375 * v + 0.0625 * grad**2
        theta = theta - lr * m / (np.sqrt(v / (1 - 0.9375**t)) + 2 * EPS)
        yield theta


def adam_uncorrected_with_swapped_decays(theta, grads, lrs):
    m, v = 0 * theta, 0 * theta
    for grad, lr in zip(grads, lrs, strict=True):
        m = 0.9375 * m + 0.0625 * grad
        v = 0.875 * v + 0.125 * grad**2
        theta = theta - lr * m / (np.sqrt(v) + EPS)
        yield theta


def heavy_ball_uphill_with_square_of_momentum(theta, grads, lrs):
    velocity = 0 * theta
    for grad, lr in zip(grads, lrs, strict=True):
        velocity = 0.75**2 * velocity + lr * grad
        theta = theta + velocity
        yield theta


def rmsprop_with_everything_and_a_late_gradient(theta, grads, lrs):
    velocity, mean_sq, late = 0 * theta, 0 * theta, 0 * theta
    for grad, lr in zip(grads, lrs, strict=True):
        used, late = late, grad
        mean_sq = 0.9375 * mean_sq + 0.0625 * used**2
        direction = used / np.sqrt(mean_sq + EPS)
        velocity = 0.75 * velocity + direction
        theta = theta - lr * (direction + 0.75 * velocity)
        theta = theta - lr * 0.25 * theta
        yield theta


CASES = [
    (adam_without_mean_and_square, {"beta1": 0.875, "beta2": 0.9375, "eps": EPS}, "adam/unsquared+unweighted-first-moment"),
    (
        adam_without_first_correction_and_twice_eps,
        {"beta1": 0.875, "beta2": 0.9375, "eps": EPS},
        "adam/correction-second-only/change-5",
    ),
    (adam_uncorrected_with_swapped_decays, {"beta1": 0.875, "beta2": 0.9375, "eps": EPS}, "adam/correction-none/swapped-betas"),
    (heavy_ball_uphill_with_square_of_momentum, {"momentum": 0.75}, "heavy-ball/lr-inside/ascent-sign+squared-momentum"),
    (
        rmsprop_with_everything_and_a_late_gradient,
        {"momentum": 0.75, "beta2": 0.9375, "eps": EPS, "weight_decay": 0.25},
        "rmsprop/lr-outside/shifted/eps-inside/decay-after-step/stale-gradient",
    ),
]


@pytest.mark.sampled(6)
@pytest.mark.parametrize(("trajectory", "hyper", "identifier"), CASES, ids=[case[0].__name__ for case in CASES])
def test_combined_mistakes_are_named(trajectory, hyper, identifier):
    fixture, lr = fixture_for(changes_lr=True), 0.125
    inputs = fixture.start(lr, np.float64), fixture.gradients(EPS, np.float64), fixture.rates(lr)
    assumed = {"momentum": 0.9, "beta1": 0.9, "beta2": 0.999, **hyper}
    record = OptimizerRun(fixture, lr, assumed, np.stack(list(trajectory(*inputs))), eps=EPS)
    measures = find_mistakes((record,), hyper)
    assert identifier in [measure.convention.id for measure in measures]
    assert all(measure.follows for measure in measures)
    assert find_convention(identifier).id == identifier


def clipped_and_averaged_adam(theta, grads, lrs):
    m, v, average = 0 * theta, 0 * theta, theta
    for t, (grad, lr) in enumerate(zip(grads, lrs, strict=True), start=1):
        norm = np.sqrt(np.sum(grad**2))
        clipped = grad * (8 / max(norm, 8))
        m = 0.875 * m + 0.125 * clipped
        v = 0.9375 * v + 0.0625 * clipped**2
        theta = theta - lr * (m / (1 - 0.875**t)) / (np.sqrt(v / (1 - 0.9375**t)) + EPS)
        average = 0.75 * average + 0.25 * theta
        yield average


def test_formulas_around_a_step_are_named():
    fixture, lr = fixture_for(changes_lr=True), 0.125
    inputs = fixture.start(lr, np.float64), fixture.gradients(EPS, np.float64), fixture.rates(lr)
    hyper = {"momentum": 0.9, "beta1": 0.875, "beta2": 0.9375, "eps": EPS, "clip_norm": 8.0, "averaging": 0.75}
    run = OptimizerRun(fixture, lr, hyper, np.stack(list(clipped_and_averaged_adam(*inputs))), eps=EPS)
    (measure,) = find_mistakes((run,), {"beta1": 0.875, "beta2": 0.9375, "eps": EPS})
    assert measure.convention == find_convention("adam/clipped-by-norm/averaged-ema")
    assert measure.convention.right
    assert measure.convention.name.endswith("its gradient clipped by its norm, its points averaged")
    assert "n = ‖g‖,   g ← g (c / max(n, c))" in measure.convention.equations


def adam_with_a_sum_of_weights(theta, grads, lrs):
    m, v = 0 * theta, 0 * theta
    for t, (grad, lr) in enumerate(zip(grads, lrs, strict=True), start=1):
        m = 0.875 * m + (1 + 0.875) * grad
        v = 0.9375 * v + 0.0625 * grad**2
        theta = theta - lr * (m / (1 - 0.875**t)) / (np.sqrt(v / (1 - 0.9375**t)) + EPS)
        yield theta


def test_a_mistake_without_a_name_is_told_by_its_place():
    fixture, lr = fixture_for(changes_lr=True), 0.125
    inputs = fixture.start(lr, np.float64), fixture.gradients(EPS, np.float64), fixture.rates(lr)
    hyper = {"momentum": 0.9, "beta1": 0.875, "beta2": 0.9375, "eps": EPS}
    record = OptimizerRun(fixture, lr, hyper, np.stack(list(adam_with_a_sum_of_weights(*inputs))), eps=EPS)
    (measure,) = find_mistakes((record,), {"beta1": 0.875, "beta2": 0.9375, "eps": EPS})
    assert measure.convention.name.endswith("with 1 + β₁ in the place of 1 − β₁ where m is computed")
    assert not measure.convention.right
    assert measure.convention.corrected == find_convention("adam")
    assert find_convention(measure.convention.id) == measure.convention


@pytest.mark.parametrize("family", ["momentum", "rmsprop", "adamax"])
def test_generated_mistakes_are_far_from_the_right_form_or_equal_to_it(family):
    """A change of one place either leaves the trajectory as it is, to many bits, or is at least a thousand bounds away."""
    fixture, lr = fixture_for(changes_lr=True), 0.125
    record = OptimizerRun(fixture, lr, {**HYPER, "eps": EPS}, np.zeros((24, 5)), eps=EPS)
    setting, right = Setting({**HYPER, "weight_decay": 0}), canonical(family)
    pool = [convention for convention in with_generated_mistake(family, setting, deviations=0) if convention.corrected == right]
    assert len(pool) > 20
    bound, points = trajectory_bound(right, record), trajectories([right], record)[0]
    for convention in pool:
        with np.errstate(all="ignore"):
            distance = np.max(np.nan_to_num(np.abs(trajectories([convention], record)[0] - points) / bound, nan=np.inf))
        assert distance >= APART or are_equivalent(right, convention, [record]), (convention.name, distance)


def test_what_is_no_combination_is_not_named():
    """A third moment is no convention with two mistakes."""
    fixture, lr = fixture_for(changes_lr=True), 0.125
    theta, grads = fixture.start(lr, np.float64), fixture.gradients(EPS, np.float64)
    points = theta - np.cumsum(grads**3, axis=0) * lr
    record = OptimizerRun(fixture, lr, {"momentum": 0.75}, points, eps=EPS)
    assert find_mistakes((record,), {"momentum": 0.75}) == []
