"""Runs in narrow formats: the program keeps its state, and each step starts from a point that is stated, so that roundings do not add up.

Two tolerances as calls have: computed in float32, the point and the state rounded once at the end of each step (`tol`), and rounded at
every operation (`each`). The bounds are those of the kit, infinite where a branch depends on rounding.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..arithmetic import Undecided, certified
from ..arithmetic.formats import format_of
from ..changes.program import gradient_at
from ..conformance.functions.bounds import ALLOWED
from ..conformance.optimizers.storage import bound_of, states_from_points, storages_of
from ..conformance.optimizers.visits import OptimizerRun
from ..lines.signature import written
from ..lines.text import bits
from .calls import UNDEFINED
from .expected import CERTAIN, Due, due
from .narrow import rounded, tells
from .runs import RunVector, Steps, fixture_of, observed_run

STEPS = (0, 1, 6, 9)  # of those in wider formats: the rate changes, a gradient is 0, and then they are small
FEWEST = 2  # of them


def narrow_run(steps: Steps, dtype: str) -> RunVector | None:
    """Return the run of an optimizer in a narrow format, as long as its tolerances tell something; None where that is too short.

    None too where float32 rounded once is not within them.
    """
    kind, form, fixture = steps.kinds[-1], np.dtype(format_of(dtype).kind), fixture_of(steps)
    columns = [column for column, scale in enumerate(fixture.scales) if fixture.shape or is_held(scale, dtype)]
    given = observed_run(steps, kind, fixture.part(columns, STEPS, fixture.shape), form)
    run = replace(given, points=points_of(steps, given, np.float64))
    try:
        known, each = (parts_due(steps, replace(run, storage=storage)) for storage in storages_of(dtype)[-2:])
    except UNDEFINED:
        return None
    once = tuple(itertools.takewhile(Due.tells_something, known))
    if len(once) < FEWEST or not all(map(Due.accepts, once, points_of(steps, run, np.float32).astype(float))):
        return None
    starts = [{}, *(written(steps.positional[0], "array", point, dtype) for point in run.points)]
    more = [{**start, **each_field(steps, part)} for _, start, part in zip(once, starts, each or [None] * len(once), strict=False)]
    return RunVector(steps, run, dtype, kind, once, tuple(more))


def is_held(scale: float | str, dtype: str) -> bool:
    """Return whether a format holds the squares of gradients of a scale, and sums of a few."""
    return isinstance(scale, str) or 8 * scale**2 <= format_of(dtype).largest


def points_of(steps: Steps, run: OptimizerRun, compute: Any) -> Any:
    """Return the points of a program in a narrow format, which it computes in a wider one.

    In float32 it rounds its state at the end of each step too, and each step starts from the point of the run.
    """
    form = run.points.dtype
    given: list[Any] = [None if value is None else value.astype(compute) for value in run.inputs(np.float64)]
    theta, grads, lrs, slopes = given
    under_way, points = steps.start(theta, lrs[0], run.hyper), []
    for index, (grad, lr) in enumerate(zip(grads, lrs, strict=True)):
        gradient = functools.partial(gradient_at, grad, None if slopes is None else slopes[index])
        with np.errstate(all="ignore"):
            points.append(under_way.step(lr, gradient)["theta"].astype(form))
        under_way.theta = (points[index] if compute is np.float64 else run.points[index]).astype(compute)
        if compute is not np.float64:
            under_way.state = tuple(rounded(part, form).astype(compute) if np.ndim(part) else part for part in under_way.state)
    return np.stack(points)


def parts_due(steps: Steps, run: OptimizerRun) -> tuple[Due, ...]:
    """Return what is due after every step of a run whose storage is stated; nothing where most of it depends on rounding."""
    theta, grads, lrs, slopes = run.inputs(np.float64)
    inputs = [value for value in (theta, grads, lrs, slopes) if value is not None]
    balls = certified(functools.partial(exact_points, steps, run), *inputs, **run.hyper, dtype=np.float64, ulps=CERTAIN)
    try:
        bounds = bound_of(steps, run, ALLOWED)
    except Undecided:
        return ()
    parts = [due(ball, "array", bound, np.float32, per_element=True) for ball, bound in zip(balls, bounds, strict=True)]
    return tuple(part for part in parts if isinstance(part, Due))


def exact_points(steps: Steps, run: OptimizerRun, *inputs: Any, **hyper: Any) -> Any:
    """Return the points of a run in real numbers, each step from the point that is stated."""
    return np.stack([state["theta"] for state in states_from_points(steps, run, *inputs, **hyper)])


def each_field(steps: Steps, part: Due | None) -> Mapping[str, str]:
    """Return the tolerance of a program that rounds every operation as a field; none where it admits anything."""
    return {f"new.{steps.positional[0]}.each": bits(part.tolerance, np.float64)} if part and tells(part) else {}
