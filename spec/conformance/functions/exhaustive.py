"""The verdict on every number of a narrow format: the largest error of an implementation, proved, with the input that attains it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ....reference import FORMULAS
from ...arithmetic.formats import Format, format_of
from ...arithmetic.rounding import error_in_bounds
from ..report.sentences import first_of
from ..result import Mismatch, Verdict
from .bounds import Rounding, decided_bounds, midpoints, roundings_of
from .every_number import only_array
from .observations import FunctionCall
from .variants import variants_of

PARTS = 4096  # of all numbers, within which a bound that is not decided is looked for
CHUNK = 2048  # numbers that are certified at once: the precision that one of them needs is that of all


class LargestError(NamedTuple):
    """The largest error, and in words with the input that attains it."""

    ulps: float
    words: str


@dataclass(frozen=True)
class EveryNumber:
    """What is due for every number of a format, and what came: all as float64. `expected` is known to 2⁻²⁰ ulp."""

    form: Format
    name: str  # of the argument
    inputs: Any
    got: Any
    expected: Any

    @functools.cached_property
    def spacings(self) -> Any:
        """The ulps of the exact values."""
        return np.maximum(np.ldexp(1.0, np.frexp(self.expected)[1] - self.form.digits), self.form.smallest)

    @functools.cached_property
    def errors(self) -> Any:
        """The errors, rounded up; 0 where the exact value overflows, and the result does too or is the largest number."""
        with np.errstate(all="ignore"):
            errors = np.abs(self.got - self.expected) + 2.0**-19 * self.spacings * (self.got != self.expected)
        overflows = np.abs(self.expected) >= self.form.largest * (1 + self.form.unit / 2)
        largest = (np.abs(self.got) >= self.form.largest) & (np.sign(self.got) == np.sign(self.expected))
        is_overflow = np.where(np.isnan(self.got), np.isnan(self.form.overflow), largest)
        return np.where(overflows & is_overflow, 0.0, np.where(np.isfinite(self.got), errors, np.inf))

    def ratios(self, bounds: Any) -> Any:
        """Return the errors in bounds; 0 where no bound is known."""
        is_open = np.isnan(bounds)
        return np.where(is_open, 0.0, error_in_bounds(self.errors, np.where(is_open, 0.0, bounds)))

    def largest_error(self, bounds: Any) -> LargestError:
        """Return the largest error where a bound is known, and the input that attains it."""
        is_open = np.isnan(bounds)
        ulps = np.where(is_open, -1.0, self.errors / self.spacings)
        worst = int(np.argmax(ulps))
        left = f" at which a bound is known ({np.count_nonzero(is_open)} are left out)" if np.any(is_open) else ""
        words = f"the largest error over all {len(ulps)} numbers of {self.form.name}{left} is {ulps[worst]:.4g} ulp, at {self.at(worst)}"
        return LargestError(as_finite(ulps[worst]), words)

    def fits(self, function: Any, own: Any, arguments: Mapping[str, Any], bounds: Any) -> bool:
        """Return whether another function, more than an ulp from the formula somewhere, is within the bounds too: all in float64."""
        known = ~np.isnan(bounds)
        try:
            with np.errstate(all="ignore"):
                values = np.asarray(function(**arguments), dtype=float)
                differs = np.abs(values - own) > self.spacings
                within = np.abs(values - self.got) <= bounds
        except Exception:  # a variant may fail in any way
            return False
        return values.shape == known.shape and bool(np.any(differs[known]) and np.all(within[known]))

    def at(self, index: int) -> str:
        """Return an input in words."""
        return f"{self.name} = {float(self.inputs[index])!r}"


def judge_every_number(call: FunctionCall, identifier: str, dtype: str, title: str, entry_title: str) -> dict[str, Any]:
    """Return the fields of the result of a function on every number: within which bound it is, or where it is not.

    Numbers at which no bound is known, since an operation may overflow there, are counted and not judged. What is within a bound that other
    functions are within as well is ambiguous.
    """
    formula, form, arguments = FORMULAS[identifier], format_of(dtype), call.case.arguments
    name = only_array(formula)
    expected = certified_values(formula.raw, arguments, name, dtype)
    seen = EveryNumber(form, name, arguments[name], call.outputs[0].astype(float), expected)
    common = {"cases": len(expected), "axes": {"formula": identifier}}
    for rounding in roundings_of(dtype):
        bounds = bounds_by_halves(formula.raw, arguments, name, rounding)
        ratios, attained = seen.ratios(bounds), seen.largest_error(bounds)
        furthest = int(np.argmax(ratios))
        fields = {**common, "error_ulps": attained.ulps, "error_in_bounds": as_finite(ratios[furthest])}
        if ratios[furthest] <= 1 and not np.all(np.isnan(bounds)):
            message = f"{title} follows {identifier} ({entry_title}): {attained.words}. It is within the bound of what is {rounding.words}."
            right = {"convention": identifier, "name": identifier, "is_correct": True}
            with np.errstate(all="ignore"):
                own = formula.raw(**arguments)
            others = [variant.name for variant in variants_of(formula) if seen.fits(variant.function, own, arguments, bounds)]
            if others:
                message += f" That bound does not exclude {first_of(others)}."
            return {**fields, **right, "verdict": Verdict.AMBIGUOUS if others else Verdict.CONFORMS, "message": message}
    got, due = float(seen.got[furthest]), float(expected[furthest])
    there = f"at {seen.at(furthest)} it gives {got!r} where {due!r} is due"
    mismatch = Mismatch(call.case.name, call.case.separates, 1, (furthest,), as_finite(got), due, as_finite(ratios[furthest]))
    message = f"{title} deviates from {identifier}: {attained.words}; {there}."
    return {**fields, "verdict": Verdict.DEVIATES, "message": message, "mismatch": mismatch}


def as_finite(value: float) -> float:
    """Return a number, the largest one for infinity, as JSON has none."""
    return float(np.nan_to_num(value, nan=np.finfo(float).max))


def chunks_of(arguments: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yield the arguments with some of the numbers at a time."""
    for start in range(0, len(arguments[name]), CHUNK):
        yield {**arguments, name: arguments[name][start : start + CHUNK]}


def certified_values(raw: Any, arguments: Mapping[str, Any], name: str, dtype: str) -> Any:
    """Return the certified value at every number, known to a small part of an ulp of a format."""
    from ...arithmetic import Ball, certified

    return np.concatenate([midpoints(Ball.object_array(certified(raw, **chunk, dtype=dtype))) for chunk in chunks_of(arguments, name)])


def bounds_by_halves(raw: Any, arguments: Mapping[str, Any], name: str, rounding: Rounding) -> Any:
    """Return the bound at every number; NaN where one is not decided, which numbers are halved to find, down to a few neighbours."""
    from ...arithmetic import Undecided

    few = max(len(arguments[name]) // PARTS, 1)

    def bounds(numbers: Any) -> Any:
        try:
            return decided_bounds(raw, {**arguments, name: numbers}, rounding)[0]
        except Undecided:
            middle = len(numbers) // 2
            is_small = len(numbers) <= few
            return np.full(len(numbers), np.nan) if is_small else np.concatenate([bounds(numbers[:middle]), bounds(numbers[middle:])])

    return np.concatenate([bounds(chunk[name]) for chunk in chunks_of(arguments, name)])
