"""Faults that come after thousands of steps: a product that overflows, a counter that stands still, a variance below 0.

Such a run is too long for certified values. It is compared with what the convention gives in float64, far more loosely than a rounding
error: what goes wrong late goes wrong by much.
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
from .fixtures import late_fixture
from .visits import OptimizerRun, RunConfig, check_point, gradient_function, start_run

if TYPE_CHECKING:
    from .conventions import Convention

FAR = 2.0**-8  # of the largest parameter until then: so far off a run is wrong
GRANTED = 64.0  # times the distance of the convention in float32 from itself in float64
LARGEST = 2.0**30  # a parameter beyond it has grown without bound, so that squares of it overflow in float32
LONGEST = 0.25  # seconds of processor time for the first steps, or no more are made: all of them take 7 s at the most
FIRST = 200  # steps
THOUSANDS = "thousands of steps, since it is slow"


@dataclass(frozen=True)
class LateRun:
    """A run of thousands of steps, as far as it came; and how it ended, if early."""

    run: OptimizerRun
    fault: str = ""


@dataclass(frozen=True)
class LateDeparture:
    """Where a run leaves its convention: the step, from 1, the coordinate, and what came and is due there, or what ended it."""

    step: int
    coordinate: int
    got: float
    expected: float
    hyper: Mapping[str, float]
    fault: str = ""


def run_late(implementation: Implementation, configs: Iterable[RunConfig], dtype: Any) -> tuple[LateRun, ...] | None:
    """Return runs of thousands of steps; None for an optimizer that is too slow for them."""
    runs: list[LateRun] = []
    if getattr(implementation, "is_slow", False):
        return None
    for config in configs:
        points: list[Any] = []
        fault = ""
        fixture = late_fixture(vanishes=config.hyper.get("eps", 0) > 0)
        theta = fixture.start(config.lr, dtype)
        grads, slopes = fixture.gradients(1.0, dtype), fixture.curvatures(config.lr, 1.0, dtype)
        started = time.process_time()
        try:
            run = start_run(implementation, theta.copy(), config.lr, config.passed)
            for number, (values, slope) in enumerate(zip(grads, slopes, strict=True), start=1):
                gradient = gradient_function(values, slope) if run.takes_gradient_function else values.copy()
                point = check_point(call_guarded(f"step {number}", run.step, gradient, float(config.lr)), theta, number)
                points.append(np.array(point, dtype))
                if number == FIRST and not runs and time.process_time() - started > LONGEST:
                    return None
        except FatalFault as problem:
            fault = problem.fault.detail
        if points:
            record = OptimizerRun(fixture, config.lr, config.hyper, np.stack(points), (), run.takes_gradient_function, 1.0)
            runs.append(LateRun(record, fault))
    return tuple(runs)


def late_departures(convention: Convention, runs: Iterable[LateRun], inferred: Mapping[str, float]) -> Iterator[LateDeparture]:
    """Yield where runs leave a convention that has finite values there: the first place of each."""
    for late in runs:
        with np.errstate(all="ignore"), suppress(ArithmeticError, ValueError):  # in floats a formula may divide by 0
            departure = first_departure(convention, late, {**late.run.hyper, **inferred})
            if departure is not None:
                yield departure


def first_departure(convention: Convention, late: LateRun, hyper: Mapping[str, float]) -> LateDeparture | None:
    """Return the first place where a run leaves a convention in float64; None where it does not, or the convention is not finite.

    A convention that leaves itself in float32, as where rounding turns a sign, is granted some times that distance.
    """
    from .algorithm import simulate

    theta, grads, lrs, slopes = late.run.inputs(np.float64)
    single = [None if array is None else array.astype(np.float32) for array in (theta, grads, slopes)]
    due_points = simulate(convention, theta, grads, lrs, slopes, **hyper)
    rough_points = simulate(convention, single[0], single[1], lrs.tolist(), single[2], **hyper)
    largest, spread = np.abs(theta), np.zeros(len(theta))
    for step, (due, rough) in enumerate(zip(due_points, rough_points, strict=False), start=1):
        largest = np.maximum(largest, np.abs(due["theta"]))
        spread = np.maximum(spread, np.abs(rough["theta"] - due["theta"]))
        if not np.all(largest <= LARGEST) or not np.all(np.isfinite(spread)):
            return None
        if step > len(late.run.points):
            return LateDeparture(step, 0, math.nan, float(due["theta"][0]), hyper, late.fault) if late.fault else None
        point = late.run.points[step - 1].astype(np.float64)
        off = np.abs(point - due["theta"]) - GRANTED * spread
        coordinate = int(np.argmax(off / largest))
        if off[coordinate] > FAR * largest[coordinate]:
            return LateDeparture(step, coordinate, float(point[coordinate]), float(due["theta"][coordinate]), hyper)
    return None
