"""Limits: what an argument must satisfy besides its kind and shape. One class for each kind of limit, with all that is asked of it.

Validation asks whether a limit holds, generators of inputs ask how to satisfy and how to violate it, kernels ask for an expression.
A limit that refers to another argument of the formula finds its value in `arguments`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import annotated_types
import numpy as np

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Interval:
    """The real numbers from `low` to `high`; an open end does not belong to them."""

    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def __and__(self, other: Interval) -> Interval:
        """Return the intersection."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, high_closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        return Interval(low, high, low_open, not high_closed)

    def float_range(self) -> tuple[float, float]:
        """Return the least and the largest finite float64 of the interval."""
        low = math.nextafter(self.low, math.inf) if self.low_open else self.low
        high = math.nextafter(self.high, -math.inf) if self.high_open else self.high
        return max(low, -sys.float_info.max), min(high, sys.float_info.max)


class Limit:
    """A condition on the value of an argument."""

    is_relation: ClassVar[bool] = False  # whether it refers to another argument
    error: ClassVar[type[Exception]] = ValueError  # raised where it does not hold

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return the condition in words that continue "must be …"; with the value of the other argument where `arguments` are given."""
        raise NotImplementedError

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Return where the condition holds: a truth value, or an array of them for conditions on single entries."""
        raise NotImplementedError

    def interval(self) -> Interval:
        """Return the smallest interval that contains all admissible numbers, whatever the other arguments are."""
        return Interval()

    def choices(self) -> tuple[float, ...] | None:
        """Return the admissible numbers where they are finitely many, else None."""
        return None

    def expression(self, name: str) -> str | None:
        """Return a Python expression that tests the number called `name`; None where a single number cannot be tested."""
        return None

    def satisfy(self, value: Any, arguments: Arguments) -> Any:
        """Return a value near this one that satisfies the condition wherever that is possible."""
        return value

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield values that violate the condition, made from an admissible one, each with a label; `step` is a small change of a number."""
        raise NotImplementedError


# --- ranges --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Range(Limit):
    """Every entry lies on one side of a fixed bound."""

    bound: float

    symbol: ClassVar[str]  # in words
    operator: ClassVar[str]  # in Python
    compare: ClassVar[Callable[..., Any]]
    outwards: ClassVar[tuple[str, int]]  # how the other side is called, and the sign of a step there
    is_strict: ClassVar[bool] = False

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return for example "≥ 0"."""
        return f"{self.symbol} {self.bound}"

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Compare each entry with the bound."""
        return type(self).compare(value, self.bound)

    def expression(self, name: str) -> str:
        """Return for example "lr > 0"."""
        return f"{name} {self.operator} {self.bound!r}"

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield the bound itself where it is excluded, and a number just beyond it."""
        if self.is_strict:
            yield f"{self.bound}", replace_entry(value, float(self.bound))
        side, sign = self.outwards
        yield f"{side} {self.bound}", replace_entry(value, self.bound + sign * step)


class AtLeast(Range):
    """x ≥ bound."""

    symbol, operator, compare, outwards = "≥", ">=", np.greater_equal, ("below", -1)

    def interval(self) -> Interval:
        """Return [bound, ∞)."""
        return Interval(low=self.bound)


class Above(Range):
    """x > bound."""

    symbol, operator, compare, outwards, is_strict = ">", ">", np.greater, ("below", -1), True

    def interval(self) -> Interval:
        """Return (bound, ∞)."""
        return Interval(low=self.bound, low_open=True)


class AtMost(Range):
    """x ≤ bound."""

    symbol, operator, compare, outwards = "≤", "<=", np.less_equal, ("above", 1)

    def interval(self) -> Interval:
        """Return (−∞, bound]."""
        return Interval(high=self.bound)


class Below(Range):
    """x < bound."""

    symbol, operator, compare, outwards, is_strict = "<", "<", np.less, ("above", 1), True

    def interval(self) -> Interval:
        """Return (−∞, bound)."""
        return Interval(high=self.bound, high_open=True)


@dataclass(frozen=True)
class OneOf(Limit):
    """Every entry is one of these numbers."""

    numbers: tuple[int, ...]

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return for example "-1 or 1"."""
        return " or ".join(map(str, self.numbers))

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Look each entry up."""
        return np.isin(value, self.numbers)

    def interval(self) -> Interval:
        """Return the interval from the least to the largest of the numbers."""
        return Interval(min(self.numbers), max(self.numbers))

    def choices(self) -> tuple[float, ...]:
        """Return the numbers themselves."""
        return tuple(map(float, self.numbers))

    def expression(self, name: str) -> str:
        """Return a comparison with each of the numbers."""
        return f"({' or '.join(f'{name} == {number!r}' for number in self.numbers)})"

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield the mean of the numbers, which is none of them."""
        yield "another number", replace_entry(value, sum(self.numbers) / len(self.numbers))


# --- relations to another argument -------------------------------------------------------------------------


@dataclass(frozen=True)
class Relation(Limit):
    """A limit that another argument of the same formula sets."""

    argument: str

    is_relation: ClassVar[bool] = True


class NotBelow(Relation):
    """The argument is at least as large as the other one."""

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return for example "≥ smallest"."""
        return f"≥ {self.argument}" + (f" ({arguments[self.argument]})" if arguments else "")

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Compare the two."""
        return np.greater_equal(value, arguments[self.argument])

    def expression(self, name: str) -> str:
        """Return for example "largest >= smallest"."""
        return f"{name} >= {self.argument}"

    def satisfy(self, value: Any, arguments: Arguments) -> Any:
        """Return the larger of the two."""
        return max(value, arguments[self.argument])

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield a number just below the other argument."""
        other = arguments[self.argument]
        yield f"below {self.argument}", other - step * max(1, abs(other))


class StableWith(Relation):
    """Descent at this learning rate is stable along that curvature: their product is below 2."""

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return for example "< 2 / curvature"."""
        return f"< 2 / {self.argument}" + (f" ({2 / arguments[self.argument]})" if arguments else "")

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Compare the product with 2."""
        return np.less(value * arguments[self.argument], 2)

    def expression(self, name: str) -> str:
        """Return for example "lr * curvature < 2"."""
        return f"{name} * {self.argument} < 2"

    def satisfy(self, value: Any, arguments: Arguments) -> Any:
        """Map the positive numbers onto those below 2 / curvature."""
        return 2 / arguments[self.argument] * (value / (1 + value))

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield the edge of stability."""
        yield f"2 / {self.argument}", 2 / arguments[self.argument]


@dataclass(frozen=True)
class AxisRelation(Relation):
    """A limit that the length of an axis of another argument sets."""

    axis: int

    def length(self, arguments: Arguments) -> int:
        """Return the length of the axis."""
        return int(np.shape(arguments[self.argument])[self.axis])

    def describe_length(self, arguments: Arguments | None) -> str:
        """Return for example "the length of axis 1 of x (6)"."""
        return f"the length of axis {self.axis} of {self.argument}" + (f" ({self.length(arguments)})" if arguments else "")


class IndexInto(AxisRelation):
    """Every entry is an index, counted from 0, into an axis of the other argument."""

    error = IndexError

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return for example "≥ 0 and < the length of axis 1 of logits"."""
        return f"≥ 0 and < {self.describe_length(arguments)}"

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Compare each entry with 0 and with the length of the axis."""
        return (value >= 0) & (value < self.length(arguments))

    def interval(self) -> Interval:
        """Return [0, ∞)."""
        return Interval(low=0)

    def expression(self, name: str) -> str:
        """Return for example "0 <= labels < logits.shape[1]"."""
        return f"0 <= {name} < {self.argument}.shape[{self.axis}]"

    def satisfy(self, value: Any, arguments: Arguments) -> Any:
        """Wrap indices around at the end of the axis."""
        return value % self.length(arguments)

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield an index before the first and one behind the last."""
        yield "an index below 0", replace_entry(value, -1)
        yield "an index too large", replace_entry(value, self.length(arguments))


class Divides(AxisRelation):
    """The argument, a count, divides the length of an axis of the other one."""

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return for example "a divisor of the length of axis 1 of x"."""
        return f"a divisor of {self.describe_length(arguments)}"

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Look at the remainder."""
        return self.length(arguments) % value == 0

    def interval(self) -> Interval:
        """Return [1, ∞)."""
        return Interval(low=1)

    def expression(self, name: str) -> str:
        """Return for example "x.shape[1] % groups == 0"."""
        return f"{self.argument}.shape[{self.axis}] % {name} == 0"

    def divisors(self, arguments: Arguments) -> list[int]:
        """Return all divisors of the length."""
        length = self.length(arguments)
        return [number for number in range(1, length + 1) if length % number == 0]

    def satisfy(self, value: Any, arguments: Arguments) -> Any:
        """Return the largest divisor that is not larger."""
        return max(divisor for divisor in self.divisors(arguments) if divisor <= max(value, 1))

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield a number larger than the length."""
        yield "no divisor", self.length(arguments) + 1


class PositiveAlong(Relation):
    """The argument, a matrix or an array like the other one, makes a positive product with it: o·X o or o·x, row by row."""

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return for example "positive along grad"."""
        return f"positive along {self.argument}"

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Look at the sign of the product."""
        return rowwise_inner_product(value, arguments[self.argument]) > 0

    def satisfy(self, value: Any, arguments: Arguments) -> Any:
        """Turn rows around; make a matrix diagonally dominant."""
        other = arguments[self.argument]
        if np.shape(value) != np.shape(other):
            return make_diagonally_dominant(value)
        return value * np.expand_dims(np.sign(rowwise_inner_product(value, other)), -1)

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield the negative array."""
        yield "the negative", -value


# --- properties of a whole array -------------------------------------------------------------------------


@dataclass(frozen=True)
class Symmetric(Limit):
    """The matrix equals its transpose, entry by entry."""

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return "symmetric"."""
        return "symmetric"

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Compare the matrix with its transpose."""
        return np.equal(value, value.T)

    def satisfy(self, value: Any, arguments: Arguments) -> Any:
        """Add the transpose."""
        return value + value.T

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield an upper triangular matrix."""
        yield "an asymmetric matrix", np.array([[1.0, 1.0], [0.0, 1.0]])


@dataclass(frozen=True)
class PositiveDefinite(Limit):
    """Every eigenvalue of the symmetric matrix is positive, as computed in float64."""

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return "positive definite"."""
        return "positive definite"

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Compute the least eigenvalue."""
        return np.min(np.linalg.eigvalsh(value.astype(float))) > 0

    def satisfy(self, value: Any, arguments: Arguments) -> Any:
        """Make the matrix diagonally dominant."""
        return make_diagonally_dominant(value)

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield the negative matrix."""
        yield "the negative", -value


@dataclass(frozen=True)
class Varied(Limit):
    """No column holds the same number throughout."""

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return "free of constant columns"."""
        return "free of constant columns"

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Compare the extremes of each column."""
        return np.broadcast_to(np.max(value, axis=0) > np.min(value, axis=0), value.shape)

    def satisfy(self, value: Any, arguments: Arguments) -> Any:
        """Change the first entry of constant columns."""
        return np.concatenate([value[:1] + (np.max(value, axis=0) == np.min(value, axis=0)), value[1:]])

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield ones."""
        yield "a constant column", np.ones(value.shape)


@dataclass(frozen=True)
class MayBeInfinite(Limit):
    """Positive infinity is admissible too: the formula's value in the extended reals."""

    def describe(self, arguments: Arguments | None = None) -> str:
        """Return "possibly infinite"."""
        return "possibly infinite"

    def holds(self, value: Any, arguments: Arguments) -> Any:
        """Return True: it restricts nothing."""
        return np.True_

    def violations(self, value: Any, arguments: Arguments, step: float) -> Iterator[tuple[str, Any]]:
        """Yield nothing."""
        return iter(())


# --- functions of limits ---------------------------------------------------------------------------------

RANGES: Mapping[type, tuple[type[Range], str]] = {
    annotated_types.Ge: (AtLeast, "ge"),
    annotated_types.Gt: (Above, "gt"),
    annotated_types.Le: (AtMost, "le"),
    annotated_types.Lt: (Below, "lt"),
}


def as_limit(metadata: Any) -> Limit:
    """Return the limit that one item of an annotation's metadata states: a range of annotated-types, a limit, or a class of limits."""
    if type(metadata) in RANGES:
        kind, field = RANGES[type(metadata)]
        return kind(getattr(metadata, field))
    limit = metadata() if isinstance(metadata, type) else metadata
    if not isinstance(limit, Limit):
        raise TypeError(f"{metadata!r} states no limit")
    return limit


def interval_of(limits: Iterable[Limit]) -> Interval:
    """Return the intersection of the intervals of limits."""
    interval = Interval()
    for limit in limits:
        interval &= limit.interval()
    return interval


def choices_of(limits: Iterable[Limit]) -> tuple[float, ...] | None:
    """Return the admissible numbers where one of the limits makes them finitely many, else None."""
    return next((choices for limit in limits if (choices := limit.choices()) is not None), None)


def rowwise_inner_product(value: Any, other: Any) -> Any:
    """Return x·o for each row of two arrays of one shape, or o·X o for a matrix X and a vector o."""
    return np.sum(other * (value if np.ndim(value) == np.ndim(other) else value @ other), axis=-1)


def make_diagonally_dominant(matrix: Any) -> Any:
    """Return the matrix with the sums of its rows' moduli, and 1, added to its diagonal."""
    return matrix + np.diag(np.sum(np.abs(matrix), axis=1) + 1)


def replace_entry(value: Any, number: float) -> Any:
    """Return the array with its last entry replaced by a number; the number itself in the place of a number."""
    if not isinstance(value, np.ndarray):
        return number
    changed = np.array(value)
    changed[(-1,) * changed.ndim] = number
    return changed
