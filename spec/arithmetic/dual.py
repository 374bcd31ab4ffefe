"""Dual numbers a + b ε, ε² = 0, over balls: running a formula on them gives its derivative, certified, without a step size."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from flint import arb

from ...reference import tree_leaves
from ._numbers import Numbers, Table, Undecided
from .ball import Ball, ball, select_decided

VALUE = Ball.table
CONSTANT = arb(0)  # the slope of what does not vary: this very object, because x² at 0 varies and has the slope 0 as well


@dataclass(frozen=True)
class Dual:
    """A value and its slope, both balls."""

    value: Any
    slope: Any

    def __repr__(self) -> str:
        return f"{self.value} + {self.slope} ε"


def rule(name: str, *slopes: Callable[..., Any]) -> Callable[..., Dual]:
    """The chain rule: a function of the values, and its partial derivative by each argument, given (*values, result)."""

    def apply(*args: Dual) -> Dual:
        values = [arg.value for arg in args]
        result = VALUE[name](*values)
        parts = [partial(*values, result) * arg.slope for partial, arg in zip(slopes, args, strict=True) if arg.slope is not CONSTANT]
        return Dual(result, sum(parts, arb(0)) if parts else CONSTANT)

    return apply


def power(base: Dual, exponent: Dual) -> Dual:
    """A power, by a constant exponent or of a positive base."""
    result = VALUE["power"](base.value, exponent.value)
    slope = CONSTANT
    if base.slope is not CONSTANT and not exponent.value.is_zero():
        slope = slope + exponent.value * VALUE["power"](base.value, exponent.value - 1) * base.slope
    if exponent.slope is not CONSTANT:
        slope = slope + VALUE["log"](base.value) * result * exponent.slope
    return Dual(result, slope)


def larger(a: Dual, b: Dual) -> Dual:
    """The larger of two: at a tie there is no derivative."""
    return a if VALUE["greater"](a.value, b.value) else kink(b, a)


def smaller(a: Dual, b: Dual) -> Dual:
    """The smaller of two: at a tie there is no derivative."""
    return a if VALUE["less"](a.value, b.value) else kink(b, a)


def kink(extreme: Dual, other: Dual) -> Dual:
    """Return the extreme of two numbers; Undecided if they may be equal and their derivatives may differ.

    Where a number that varies may equal a constant, the extreme varies: max(x², 0) is no constant at 0, and has no root there.
    """
    if not extreme.value.overlaps(other.value):
        return extreme
    if not (extreme.slope - other.slope).is_zero():
        raise Undecided(f"a maximum or minimum has no derivative where both arguments are {other.value}")
    return Dual(extreme.value, other.slope if extreme.slope is CONSTANT else extreme.slope)


def comparison(name: str) -> Callable[[Dual, Dual], bool]:
    """Return a comparison of the values; at a tie of numbers that vary it raises Undecided, because the branch has no derivative."""

    def compare(a: Dual, b: Dual) -> bool:
        if a.value.overlaps(b.value) and not (a.slope is CONSTANT and b.slope is CONSTANT):
            raise Undecided(f"a branch at the tie of {a} and {b}")
        return bool(VALUE[name](a.value, b.value))

    return compare


def away_from_zero(x: Any) -> Any:
    """The sign, where it is not 0."""
    if x.contains(0):
        raise Undecided(f"|x| has no derivative at {x}")
    return x.sgn()


def floor_slope(a: Any, b: Any, r: Any) -> Any:
    """Return the derivative of ⌊a / b⌋, which is 0; Undecided at a jump."""
    if (a / b).contains_integer():
        raise Undecided(f"⌊a / b⌋ has no derivative where it jumps, at {a / b}")
    return arb(0)


RULES: Table = {
    "add": rule("add", lambda a, b, r: arb(1), lambda a, b, r: arb(1)),
    "subtract": rule("subtract", lambda a, b, r: arb(1), lambda a, b, r: arb(-1)),
    "multiply": rule("multiply", lambda a, b, r: b, lambda a, b, r: a),
    "divide": rule("divide", lambda a, b, r: 1 / b, lambda a, b, r: -r / b),
    "negative": rule("negative", lambda a, r: arb(-1)),
    "positive": rule("positive", lambda a, r: arb(1)),
    "power": power,
    "floor_divide": rule("floor_divide", floor_slope, floor_slope),
    "square": rule("square", lambda a, r: 2 * a),
    "reciprocal": rule("reciprocal", lambda a, r: -r * r),
    "sqrt": rule("sqrt", lambda a, r: VALUE["divide"](arb(1), 2 * r)),
    "exp": rule("exp", lambda a, r: r),
    "log": rule("log", lambda a, r: 1 / a),
    "logaddexp": rule("logaddexp", lambda a, b, r: (a - r).exp(), lambda a, b, r: (b - r).exp()),
    "tanh": rule("tanh", lambda a, r: 1 - r * r),
    "arctan": rule("arctan", lambda a, r: 1 / (1 + a * a)),
    "sin": rule("sin", lambda a, r: a.cos()),
    "cos": rule("cos", lambda a, r: -a.sin()),
    "erf": rule("erf", lambda a, r: 2 * (-a * a).exp() / arb.pi().sqrt()),
    "absolute": rule("absolute", lambda a, r: away_from_zero(a)),
    "sign": rule("sign", lambda a, r: 0 * away_from_zero(a)),
    "maximum": larger,
    "minimum": smaller,
    "greater": comparison("greater"),
    "greater_equal": comparison("greater_equal"),
    "less": comparison("less"),
    "less_equal": comparison("less_equal"),
    "equal": comparison("equal"),
    "isfinite": lambda x: bool(x.value.is_finite() and x.slope.is_finite()),
}


class Differential(Numbers):
    """Arrays of dual numbers over balls; anything else enters as a constant."""

    number = staticmethod(lambda value: value if isinstance(value, Dual) else Dual(ball(value), CONSTANT))
    select = staticmethod(select_decided)
    table: ClassVar[Table] = RULES
    over: ClassVar[tuple[type, ...]] = (Ball,)

    @staticmethod
    def count(number: Dual) -> int | None:
        """An integer that does not vary."""
        return Ball.count(number.value) if number.slope is CONSTANT else None

    @classmethod
    def along(cls, point: Any, direction: Any) -> Any:
        """Return the points point + ε direction, at which a function gives its derivative along the direction."""
        moving = np.frompyfunc(lambda value, slope: Dual(value, CONSTANT if slope.is_zero() else slope), 2, 1)
        return cls.wrap(moving(Ball.object_array(point), Ball.object_array(np.broadcast_to(direction, np.shape(point)))))


def slope(value: Any) -> Any:
    """The slopes of an array of dual numbers, as balls."""
    return Ball.wrap(np.frompyfunc(operator.attrgetter("slope"), 1, 1)(Differential.object_array(value)))


def jacobian(function: Callable[..., Any], point: Any) -> Any:
    """The derivatives of all outputs by all entries of a vector, as a matrix of balls at the precision in force."""
    if np.ndim(point) != 1:
        raise ValueError(f"jacobian: a point of {np.ndim(point)} axes came; allowed: a vector")
    columns = []
    for i in range(len(point)):
        result = function(Differential.along(point, np.eye(len(point))[i]))
        columns.append(np.concatenate([np.reshape(slope(leaf), (-1,)) for leaf in tree_leaves(result)]))
    return np.stack(columns, axis=1)
