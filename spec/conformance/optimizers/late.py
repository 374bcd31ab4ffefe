"""Faults that come after thousands of steps, as a product that overflows or a variance below 0, or only in arrays of many entries.

Such a run is too large for certified values. It is compared with what the convention gives in float64, far more loosely than a rounding
error: what goes wrong there goes wrong by much.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..guards import FatalFault, call_guarded
from ..implementation import Implementation
from .fixtures import Fixture, late_fixture
from .visits import OptimizerRun, RunConfig, check_point, gradient_function, start_run

if TYPE_CHECKING:
    from .conventions import Convention

FAR = 2.0**-8  # of the largest parameter until then: so far off a run is wrong
GRANTED = 64.0  # times the distance of the convention in float32 from itself in float64
LARGEST = 2.0**30  # a parameter beyond it has grown without bound, so that squares of it overflow in float32
LONGEST = 0.25  # seconds of processor time for the first steps, or no more are made: all of them take 7 s at the most
FIRST = 200  # steps
SLOW = "thousands of steps, since it is slow"
GROWS = "hundreds or thousands of steps, in which its steps grow without bound"
OF_MATRICES = "thousands of steps of a matrix"


@dataclass(frozen=True)
class LargeRun:
    """A run of many steps or many entries, as far as it came; and how it ended, if early."""

    run: OptimizerRun
    fault: str = ""


@dataclass(frozen=True)
class Departure:
    """Where a run leaves its convention: the step, from 1, the coordinate, and what came and is due there, or what ended it."""

    step: int
    coordinate: int
    got: float
    expected: float
    hyper: Mapping[str, float]
    fault: str = ""
    shape: tuple[int, ...] = ()  # of an array with many entries


def run_late(implementation: Implementation, configs: Iterable[RunConfig], dtype: Any) -> tuple[LargeRun, ...] | None:
    """Return runs of thousands of steps; None for an optimizer that is too slow for them."""
    runs: list[LargeRun] = []
    if getattr(implementation, "is_slow", False):
        return None
    for config in configs:
        fixture = late_fixture(vanishes=config.hyper.get("eps", 0) > 0)
        started = time.process_time()
        points = large_run(implementation, fixture.first_steps(FIRST), config, dtype, 1.0) if not runs else ()
        if points and time.process_time() - started > LONGEST:
            return None
        runs += large_run(implementation, fixture, config, dtype, 1.0)
    return tuple(runs)


def large_run(implementation: Implementation, fixture: Fixture, config: RunConfig, dtype: Any, eps: float) -> tuple[LargeRun, ...]:
    """Return a run at a constant learning rate; none where it does not come through the first step."""
    points: list[Any] = []
    fault = ""
    theta = fixture.start(config.lr, dtype)
    grads, slopes = fixture.gradients(eps, dtype), fixture.curvatures(config.lr, eps, dtype)
    try:
        run = start_run(implementation, theta.copy(), config.lr, config.passed)
        for number, (values, slope) in enumerate(zip(grads, slopes, strict=True), start=1):
            gradient = gradient_function(values, slope) if run.takes_gradient_function else values.copy()
            point = check_point(call_guarded(f"step {number}", run.step, gradient, float(config.lr)), theta, number)
            points.append(np.array(point, dtype))
    except FatalFault as problem:
        fault = problem.fault.detail
    if not points:
        return ()
    record = OptimizerRun(fixture, config.lr, config.hyper, np.stack(points), (), run.takes_gradient_function, eps)
    return (LargeRun(record, fault),)


def departures(convention: Convention, runs: Iterable[LargeRun], inferred: Mapping[str, float]) -> Iterator[Departure]:
    """Yield where runs leave a convention that has finite values there: the first place of each."""
    for large in runs:
        with np.errstate(all="ignore"), suppress(ArithmeticError, ValueError):  # in floats a formula may divide by 0
            departure = first_departure(convention, large, {**large.run.hyper, **inferred})
            if departure is not None:
                yield departure


def first_departure(convention: Convention, large: LargeRun, hyper: Mapping[str, float]) -> Departure | None:
    """Return the first place where a run leaves a convention in float64; None where it does not, or the convention is not finite.

    A convention that leaves itself in float32, or for gradients that are a little off, as where rounding turns a sign or eigenvectors, is
    granted some times that distance; one whose coordinates depend on each other, the largest of all, since the rounding of one is theirs.
    """
    from .algorithm import program, simulate

    (theta, grads, lrs, slopes), shape = large.run.inputs(np.float64), large.run.fixture.shape
    single = [None if array is None else array.astype(np.float32) for array in (theta, grads, slopes)]
    due_points = simulate(convention, theta, grads, lrs, slopes, **hyper)
    others = [simulate(convention, single[0], single[1], lrs.tolist(), single[2], **hyper)]
    if couples := program(convention).couples_coordinates:
        others.append(simulate(convention, theta, a_little_off(grads), lrs, slopes, **hyper))
    largest, spread = np.abs(theta), np.zeros(theta.shape)
    for step, (due, *nearby) in enumerate(zip(due_points, *others, strict=False), start=1):
        largest = np.maximum(largest, np.abs(due["theta"]))
        spread = np.maximum.reduce([spread, *(np.abs(other["theta"] - due["theta"]) for other in nearby)])
        if couples:
            largest, spread = np.full_like(largest, np.max(largest)), np.full_like(spread, np.max(spread))
        if not np.all(largest <= LARGEST) or not np.all(np.isfinite(spread)):
            return None
        if step > len(large.run.points):
            return Departure(step, 0, math.nan, float(due["theta"].flat[0]), hyper, large.fault, shape) if large.fault else None
        point = large.run.points[step - 1].astype(np.float64)
        off = np.abs(point - due["theta"]) - GRANTED * spread
        coordinate = int(np.argmax(off / np.maximum(largest, np.finfo(float).tiny)))
        if off.flat[coordinate] > FAR * largest.flat[coordinate]:
            return Departure(step, coordinate, float(point.flat[coordinate]), float(due["theta"].flat[coordinate]), hyper, shape=shape)
    return None


def a_little_off(array: Any) -> Any:
    """Return an array with its entries off by a few units of 2⁻⁴⁰, each by another number of them."""
    return array * (1 + 2.0**-40 * (np.arange(array.size) * 7 % 11 - 5).reshape(array.shape))
