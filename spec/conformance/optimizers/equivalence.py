"""Which conventions are the same at the hyper-parameters of runs, and why, and which others are nearest to what runs follow."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from ...arithmetic.rounding import error_in_bounds
from ..hyperparameters import DEFAULTS
from .algorithm import HasTrajectory
from .conventions import Convention
from .fixtures import MATRIX, VECTOR, fixture_for
from .matching import Measurement, Runs, expected_points, in_float64, measure, neighbours, points_of, setting_of
from .visits import OptimizerRun

NEAREST = 1  # runners-up that are measured with certainty; floats rank all of them first
BITS = 256
STEPS = 8
EQUAL = 2.0**-150  # relative: what agrees to so many bits at a generic point is equal
SPECIAL = (0.0, 0.5, 1.0)


def decided_bounds(convention: HasTrajectory, runs: Runs) -> Iterator[tuple[OptimizerRun, Any]]:
    """Yield the runs whose rounding is bounded, with the bound."""
    from ...arithmetic import Undecided

    for run in runs:
        with suppress(Undecided, ZeroDivisionError):
            yield run, expected_points(convention, run)[1]


def runners_up(
    best: Convention, runs: Runs, matching: Iterable[Convention], performed: Callable[[Convention], HasTrajectory] = lambda c: c
) -> list[Measurement]:
    """Return the nearest conventions that are not the same one, nearest first, in bounds of how they are performed."""
    others = [other for other in dict.fromkeys(neighbours(best, setting_of(runs))) if other not in set(matching)]
    bounds = dict(decided_bounds(performed(best), runs))
    nearest = sorted(others, key=lambda other: max(float_distance(other, run, bound) for run, bound in bounds.items()))
    distinct = (other for other in nearest if not are_equivalent(best, other, runs))
    measurements = [measure(other, runs, performed=performed(other)) for other in itertools.islice(distinct, NEAREST)]
    return sorted(measurements, key=lambda measurement: measurement.error_in_bounds)


def float_distance(convention: Convention, run: OptimizerRun, bounds: Any) -> float:
    """Return how far a trajectory in floats is from a run, in units of given bounds."""
    theta, grads, lrs, slopes = in_float64(run)
    with np.errstate(all="ignore"):
        points = points_of(convention, run, theta, grads, lrs, slopes, **run.hyper)
        ratios = error_in_bounds(np.abs(points - run.points.astype(np.float64)), bounds)
    return float(np.max(np.nan_to_num(ratios, nan=np.inf)))


def generic_inputs(run: OptimizerRun) -> tuple[Any, ...]:
    """Return inputs without structure: two conventions that agree there agree everywhere at these hyper-parameters."""
    source = np.random.default_rng(20)
    shape = run.fixture.shape or (len(run.fixture.theta[:2]),)
    lrs = run.lr * (source.uniform(0.5, 2, STEPS) if run.fixture.changes_lr else np.ones(STEPS))
    slopes = source.uniform(0.1, 0.5, (STEPS, *shape)) / run.lr if run.takes_gradient_function else None
    return source.normal(size=shape) * run.lr, source.normal(size=(STEPS, *shape)), lrs, slopes


def points_in_balls(convention: HasTrajectory, run: OptimizerRun, hyper: Mapping[str, float]) -> Any:
    """Return a trajectory at generic inputs, to 256 bits."""
    from flint import ctx

    from ...arithmetic import Ball

    theta, grads, lrs, slopes = generic_inputs(run)
    balls = {name: Ball(value) for name, value in hyper.items()}
    with ctx.workprec(BITS):
        return convention.trajectory(Ball(theta), Ball(grads), Ball(lrs), None if slopes is None else Ball(slopes), **balls)


def are_equivalent(
    convention: Convention, other: HasTrajectory, runs: Iterable[OptimizerRun], hyper: Mapping[str, float] | None = None
) -> bool:
    """Return whether two conventions agree to 150 bits at generic inputs, at the hyper-parameters of each run or at others."""
    from flint import ctx

    from ...arithmetic import Ball, Undecided

    for run in runs:
        values = run.hyper if hyper is None else hyper
        try:
            first, second = points_in_balls(convention, run, values), points_in_balls(other, run, values)
        except (Undecided, ZeroDivisionError):
            return False
        with ctx.workprec(BITS):
            gaps, sizes = Ball.object_array(first - second).ravel(), Ball.object_array(first).ravel()
            if not all(float(gap.abs_upper()) <= EQUAL * float(size.abs_upper()) for gap, size in zip(gaps, sizes, strict=True)):
                return False
    return True


def with_changing_lr(runs: Iterable[OptimizerRun]) -> Runs:
    """Return the same runs on the fixture whose learning rate changes."""
    kinds = ((run, MATRIX if run.fixture.shape else VECTOR) for run in runs)
    return tuple(replace(run, fixture=fixture_for(changes_lr=True, kind=kind)) for run, kind in kinds)


def reasons_of_equivalence(convention: Convention, other: Convention, runs: Runs) -> tuple[str, ...]:
    """Return why two conventions agree: the hyper-parameters on which it depends, or that they are one step written twice."""
    reasons = []
    if setting_of(runs).constant_lr and not are_equivalent(convention, other, with_changing_lr(runs)):
        reasons.append("while the learning rate stays the same")
    hyper = runs[0].hyper
    for name, value in {
        **{name: value for name, value in DEFAULTS.items() if name not in ("lr", "decay", "initial_size")},
        **hyper,
    }.items():
        equal_to = next((known_name for known_name, v in hyper.items() if known_name != name and v == value and v not in SPECIAL), None)
        special = value in SPECIAL
        if (special or equal_to) and not are_equivalent(convention, other, runs[:1], {**hyper, name: perturbed(name, value)}):
            reasons.append(f"at {name} = {value:g}" if special else f"at {name} = {equal_to}")
    return tuple(reasons) or ("the same step, written in another way",)


def perturbed(name: str, value: float) -> float:
    """Return another value of a hyper-parameter, of no special kind."""
    return value * 0.9375 + 0.03125 if value < 1 or name in ("eps", "weight_decay") else value * 1.0625
