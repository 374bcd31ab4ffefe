"""What is due: certified results with the tolerance of each, and whether a program's results are within it.

A result is the sum of two doubles, `hi` and `lo`; what a program returns passes if |(it − hi) − lo| ≤ tol. The tolerance is the one of the
conformance kit: four rounding bounds of the formula in the format, for any order of its operations.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...reference import Formula, tree_leaves
from ..arithmetic import Ball, Undecided, certified, format_of
from ..conformance.functions.bounds import ALLOWED, perturbation_estimates, running_bounds
from ..inputs.cases import in_dtype
from ..lines.signature import shape_field
from ..lines.text import bits

WHOLE = ("count", "flag", "indices")  # kinds of results that have no tolerance
CERTAIN = 2.0**-49  # ulps of float64: a radius of at most 2⁻¹⁰⁰ relative to the value


@dataclass(frozen=True)
class Due:
    """One result that is due: its values as sums of two doubles, and one tolerance or one for each element."""

    hi: Any
    lo: Any
    tolerance: Any
    kind: str
    has_free_signs: bool = False  # whether its columns are right with either sign

    def accepts(self, value: Any) -> bool:
        """Return whether a program's result has the shape that is due, and is within the tolerance everywhere."""
        try:
            array = np.asarray(value)
            array = array.astype(np.float64) if array.dtype.kind in "biuf" else np.full(np.shape(value), np.nan)
        except (TypeError, ValueError):
            return False
        if array.shape != np.shape(self.hi):
            return False
        if self.has_free_signs:
            array = with_signs_of(self.hi, array)
        with np.errstate(all="ignore"):
            return bool(np.all(np.abs((array - self.hi) - self.lo) <= self.tolerance))

    def tells_something(self) -> bool:
        """Return whether some tolerance is less than its value."""
        return bool(np.any(self.tolerance < np.abs(self.hi)))

    def fields(self, name: str) -> dict[str, str]:
        """Return it as fields of a line; a part `lo` of zeros is left out."""
        shape = shape_field(name, self.kind, self.hi)
        lo = {f"{name}.lo": bits(self.lo, np.float64)} if np.any(self.lo) else {}
        signs = {f"{name}.signs": "free"} if self.has_free_signs else {}
        return {name: bits(self.hi, np.float64), **shape, **lo, **signs, f"{name}.tol": bits(self.tolerance, np.float64)}


@dataclass(frozen=True)
class DueWhole:
    """One result of whole numbers or truth values, which must be met exactly."""

    values: Any
    kind: str

    def accepts(self, value: Any) -> bool:
        """Return whether a program's result is this one."""
        return np.shape(value) == np.shape(self.values) and bool(np.all(np.asarray(value) == self.values))

    def fields(self, name: str) -> dict[str, str]:
        """Return it as a field of a line."""
        text = " ".join(str(int(value)) for value in np.ravel(self.values))
        return {name: text, **shape_field(name, self.kind, self.values)}


def certify(function: Callable[..., Any], arguments: Mapping[str, Any], dtype: Any) -> list[Any]:
    """Return the certified results of a call: arrays of balls, or of whole numbers; Undecided where they cannot be certified."""
    function, given = prepared(function, arguments, dtype)
    return tree_leaves(certified(function, **given, dtype=np.float64, ulps=CERTAIN))


def prepared(function: Callable[..., Any], arguments: Mapping[str, Any], dtype: Any) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return a function and its arguments in a format; those that are left out are bound to it, as no arithmetic takes them for numbers."""
    left_out = {name: None for name, value in arguments.items() if value is None}
    given = {name: value for name, value in arguments.items() if value is not None}
    return functools.partial(function, **left_out), in_format(given, dtype)


def are_same(values: list[Any], others: list[Any], free_signs: Sequence[bool] = ()) -> bool:
    """Return whether certified results cannot be told apart, to 100 bits; some of them up to the signs of their columns."""
    if len(values) != len(others):
        return False
    for value, other, has_free_signs in itertools.zip_longest(values, others, free_signs, fillvalue=False):
        balls, other_balls = Ball.object_array(value), Ball.object_array(other)
        if has_free_signs and balls.shape == other_balls.shape:
            other_balls = with_signs_of(balls, other_balls)
        if balls.shape != other_balls.shape or not all(a.overlaps(b) for a, b in zip(balls.ravel(), other_balls.ravel(), strict=True)):
            return False
    return True


def with_signs_of(due: Any, columns: Any) -> Any:
    """Return a matrix with each column times −1 whose product with the one that is due is below 0."""
    return columns * np.where(np.sum(due * columns, axis=0) < 0, -1, 1)


def in_format(arguments: Mapping[str, Any], dtype: Any) -> dict[str, Any]:
    """Return the arguments of a call with real arrays in a format."""
    return {name: in_dtype(value, dtype) for name, value in arguments.items()}


def bounds_of(formula: Formula[..., Any], arguments: Mapping[str, Any], dtype: Any) -> list[Any]:
    """Return the rounding bound of every result, arguments rounded once where that leaves all branches decided; Undecided if neither.

    Refused is raised where the formula has an operation without a bound, such as a decomposition of a matrix.
    """
    raw, given = prepared(formula.raw, arguments, dtype)
    for unit in (format_of(dtype).unit, 0.0):
        try:
            return running_bounds(raw, given, dtype, unit)
        except Undecided:
            continue
    raise Undecided(f"a branch of {formula.id} depends on rounding")


def estimates_of(formula: Formula[..., Any], arguments: Mapping[str, Any], dtype: Any, values: list[Any]) -> list[Any]:
    """Return in the place of bounds how far certified results move when the arguments do by an ulp, as the kit judges there."""
    raw, given = prepared(formula.raw, arguments, dtype)
    return perturbation_estimates(raw, given, dtype, values)


def due(
    value: Any, kind: str, bound: Any, dtype: Any, *, floor: float = 0.0, per_element: bool = False, has_free_signs: bool = False
) -> Due | DueWhole:
    """Return what is due of one result, whose tolerance is four of its bounds; of the largest among its elements unless `per_element`."""
    if kind in WHOLE or not isinstance(value, Ball):
        return DueWhole(np.asarray(halves(value)[0] if isinstance(value, Ball) else value).astype(np.int64), kind)
    hi, lo = halves(value)
    allowed = np.maximum(np.asarray(bound, dtype=float), floor)
    tolerance = ALLOWED * (allowed if per_element else np.max(allowed, initial=0.0))
    if np.dtype(dtype) != np.float64:  # what `lo` adds is far below the tolerance
        tolerance, lo = np.nextafter(tolerance + (np.max(np.abs(lo), initial=0.0) if not per_element else np.abs(lo)), np.inf), 0 * lo
    if np.any((np.broadcast_to(tolerance, hi.shape) == 0) & ~is_exact(value, hi)):
        raise Undecided("a result that is no double has a tolerance of 0")
    return Due(hi, lo, tolerance, kind, has_free_signs)


def halves(value: Any) -> tuple[Any, Any]:
    """Return an array of balls as the doubles nearest to their midpoints, and what these leave."""
    balls = Ball.object_array(value)
    hi = np.asarray(np.frompyfunc(lambda ball: float(ball.mid()), 1, 1)(balls), dtype=float)
    lo = np.asarray(np.frompyfunc(lambda ball, high: float((ball - high).mid()), 2, 1)(balls, hi), dtype=float)
    return hi, lo


def is_exact(value: Any, hi: Any) -> Any:
    """Return which balls are one double."""
    balls = Ball.object_array(value)
    return np.asarray(np.frompyfunc(lambda ball, high: bool(ball.is_exact() and ball == high), 2, 1)(balls, hi), dtype=bool)
