"""Where an optimizer of a narrow format rounds: once at the end of each step, or at every operation; and what it keeps in float32.

The points that it hands out are known, so each step is judged from the point before it: only what it hides adds up. The bound of a step
is that of the convention's own operations, with a factor for other orders of them, and of one rounding of the point, which has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...changes.program import gradient_at
from .algorithm import CanStart

SINGLE = "float32"
DECIDED = 0.5  # the share of a run that rounding must leave decided
HIDDEN = 2.0  # what is granted of the errors of a state in a narrow format: of a root that is kept in the place of a square they are twice
ORDERS = 2.0  # more than is granted in float64, where the last rounding hides what other orders of operations add
LAST = 2  # roundings of the size of the point that are granted to a program that rounds every operation: decay, and the step
NEAR, FAR = 8, 64  # units within which floats leave a convention open: where the point alone is rounded, and where more is


class Storage(NamedTuple):
    """The formats of an optimizer: of the points that it hands out, of its operations, of its state, and of the point that it keeps."""

    dtype: str
    compute: str
    state: str
    point: str

    @property
    def label(self) -> str:
        """A name for programs."""
        if self.compute == self.dtype:
            return "every-operation"
        return "points-only" if self.point != self.dtype else "point-once-a-step" if self.state != self.dtype else "once-a-step"

    @property
    def words(self) -> str:
        """In words."""
        if self.compute == self.dtype:
            return f"rounded to {self.dtype} at every operation"
        if self.point != self.dtype:
            return f"computed and kept in {self.compute}, its points rounded to {self.dtype} as they are handed out"
        kept = f", the state kept in {self.state}" if self.state != self.dtype else ""
        what = "the point" if kept else "the point and the state"
        return f"computed in {self.compute}, {what} rounded once to {self.dtype} at the end of each step{kept}"

    @property
    def screen(self) -> float:
        """How far off in floats, relative to the parameters, no convention is followed."""
        from ...arithmetic.formats import format_of

        return (NEAR if self.state != self.dtype else FAR) * format_of(self.dtype).unit

    @property
    def starts_anew(self) -> bool:
        """Whether each step starts from the point that was handed out."""
        return self.point == self.dtype


def storages_of(dtype: str) -> tuple[Storage, ...]:
    """Return where optimizers of a narrow format round, from the least rounding to the most."""
    return (
        Storage(dtype, SINGLE, SINGLE, SINGLE),
        Storage(dtype, SINGLE, SINGLE, dtype),
        Storage(dtype, SINGLE, dtype, dtype),
        Storage(dtype, dtype, dtype, dtype),
    )


ROUNDINGS = tuple(storage.label for storage in storages_of("bfloat16"))


def states_from_points(
    convention: CanStart, run: Any, theta: Any, grads: Any, lrs: Any, slopes: Any = None, *, keep: Any = None, **hyper: Any
) -> Iterator[dict[str, Any]]:
    """Yield the point and the state of a convention after every step of a run, in any arithmetic.

    Each step starts from the point of the run before it, if its storage says so. `keep` is what becomes of a part of the state, or of a
    gradient, when it is stored.
    """
    under_way, kind = convention.start(theta, lrs[0], hyper), type(theta)
    for index, (row, lr) in enumerate(zip(grads, lrs, strict=True)):
        gradient = partial(gradient_at, row, None if slopes is None else slopes[index])
        yield under_way.step(lr, gradient if slopes is None or keep is None else partial(kept_gradient, keep, gradient))
        if keep is not None and run.storage.state == run.storage.dtype:
            under_way.state = tuple(map(keep, under_way.state))
        if run.storage.starts_anew:
            point = run.points[index].astype(float)
            under_way.theta = point if kind is np.ndarray else kind(point)


def kept_gradient(keep: Callable[[Any], Any], gradient: Callable[[Any], Any], point: Any) -> Any:
    """Return the gradient at a point as it is handed over, in the narrow format."""
    return keep(gradient(point))


def bound_of(convention: CanStart, run: Any, allowed: float) -> Any:
    """Return the unit of the error of a run: so many as are allowed are how far its points may be from a convention.

    It is infinite from the first step on at which a branch depends on rounding; Undecided is raised where that is most of the run.
    """
    from ...arithmetic import Undecided

    bounds = np.full(run.points.shape, np.inf)
    count = run.points.shape[1]
    is_whole = bool(run.fixture.shape) or convention.couples_coordinates
    columns = [slice(None)] if is_whole else [slice(k, k + 1) for k in range(count)]
    for column in columns:
        part = run if is_whole else run.part(column)
        for step, row in enumerate(bounds_of_steps(convention, part, allowed)):
            bounds[step, column] = row
    if np.mean(np.isfinite(bounds)) < DECIDED:
        raise Undecided(f"most of {convention.id} depends on rounding in {run.storage.dtype}")
    return bounds


def bounds_of_steps(convention: CanStart, run: Any, allowed: float) -> list[Any]:
    """Return the bounds of every step that rounding leaves decided."""
    from ...arithmetic.formats import format_of
    from ...arithmetic.running import Running, Scalars, Wide, error, in_format, stored, value

    dtype, compute, state, _ = run.storage
    granted = allowed if state != dtype else min(allowed, HIDDEN)
    unit = format_of(SINGLE).unit

    def wide(number: float) -> Any:
        """Return a hyper-parameter, which is held in float32 at least."""
        return Wide(float(number), 0.0 if float(np.float32(number)) == number else unit * abs(float(number)))

    def hold(value: Any) -> Any:
        """Return a hyper-parameter; whole numbers and arrays, which are in the format, are exact."""
        return value if isinstance(value, int) else Running(value) if np.ndim(value) else Scalars.wrap(wide(value))

    def keep(part: Any) -> Any:
        """Return what is stored of a part of the state."""
        return stored(part, dtype) if isinstance(part, Running) and compute != dtype else part

    theta, grads, lrs, slopes = run.inputs(np.float64)
    bounds: list[Any] = []
    with in_format(compute), suppress(ArithmeticError):
        hyper = {name: hold(value) for name, value in run.hyper.items()}
        inputs = Running(theta), Running(grads), Scalars.wrap(np.frompyfunc(wide, 1, 1)(lrs)), None if slopes is None else Running(slopes)
        for state in states_from_points(convention, run, *inputs, keep=keep, **hyper):
            point = state["theta"]
            if compute == dtype:
                whole = error(point)
                last = np.minimum(whole, np.abs(value(point)) * format_of(dtype).unit)
                bounds.append(ORDERS * (whole - last) + LAST * last / allowed)
            else:
                bounds.append(error(stored(point, dtype, granted)) / allowed)
    return bounds
