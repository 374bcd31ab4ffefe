"""Rigorous balls: the reference run on Arb's enclosures, so that every value is known with a proven error."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from flint import acb_mat, arb, arb_mat, ctx, fmpq, fmpz

from ...reference import tree_leaves, tree_map
from ._numbers import OPERATORS, Numbers, Refused, Table, Undecided, singular
from .formats import format_of
from .rational import fraction

START, LIMIT = 128, 1 << 14  # bits of precision tried, doubling
SEPARATION = 1024  # bits that must separate eigenvalues: equal ones stay together at any precision, and their eigenvectors are free


def ball(value: Any) -> Any:
    """A number as a ball: exact for integers and floats, the tightest one at the current precision for fractions."""
    if isinstance(value, arb):
        return value
    if isinstance(value, fmpz):
        return arb(value)
    if isinstance(value, float | np.floating) and math.isfinite(value) and float(value) == value:
        return arb(float(value))
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer | Fraction | fmpq):
        raise Refused(f"{value!r} ({type(value).__name__}) is not a number of the ball arithmetic")
    return arb(fmpz(int(value))) if isinstance(value, int | np.integer) else arb(fraction(value))


def decided_comparison(holds: Callable[[Any, Any], bool], fails: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Return a comparison that raises Undecided unless all points of both balls agree."""

    def compare(a: Any, b: Any) -> bool:
        if holds(a, b):
            return True
        if fails(a, b):
            return False
        raise Undecided(f"{a} and {b} overlap")

    return compare


def select_decided(condition: Any, yes: Any, no: Any) -> Any:
    """Return one of two values by a decided condition."""
    return yes if condition else no


def power(base: Any, exponent: Any) -> Any:
    """Return a power; integer exponents are computed by multiplication, so that negative bases and 0⁰ = 1 are right."""
    whole = exponent.unique_fmpz()
    if whole is None or exponent.rad() != 0:
        result = base**exponent
    elif base.mid() == 0 != base.rad() and whole > 0:  # of which Arb itself knows nothing
        result = arb(0, base.abs_upper() ** whole)
    else:
        result = base**whole
    if not result.is_finite():
        raise Undecided(f"({base}) ** ({exponent})")
    return result


def root(x: Any) -> Any:
    """Return the square root; a ball that may be negative raises an error instead of giving NaN."""
    result = x.sqrt()
    if not result.is_finite():
        raise Undecided(f"√ of {x}")
    return result


def quotient(a: Any, b: Any) -> Any:
    """The quotient, unless the divisor may be 0."""
    if b.contains(0):
        if b == 0:
            raise ZeroDivisionError(f"{a} / 0")
        raise Undecided(f"a division by {b}, which may be 0")
    return a / b


def whole_quotient(a: Any, b: Any) -> Any:
    """⌊a / b⌋, where all quotients have the same; of two integers it is always known."""
    whole = [number.unique_fmpz() for number in (a, b)]
    if None not in whole and b != 0 and a.is_exact() and b.is_exact():
        return arb(whole[0] // whole[1])
    result = quotient(a, b).floor()
    if not result.is_exact():
        raise Undecided(f"⌊({a}) / ({b})⌋")
    return result


def logarithm(x: Any) -> Any:
    """The logarithm of a ball of positive numbers."""
    if not x > 0:
        raise Undecided(f"log of {x}")
    return x.log()


def log_of_sum(a: Any, b: Any) -> Any:
    """Return log(eᵃ + eᵇ), with the larger exponent factored out, which avoids overflow and cancellation."""
    return arb.max(a, b) + (-abs(a - b)).exp().log1p()


def are_equal(a: Any, b: Any) -> bool:
    """Return whether two balls are the same number: decided if both are exact, or if they are disjoint."""
    if a.overlaps(b) and not (a.is_exact() and b.is_exact()):
        raise Undecided(f"{a} and {b} overlap")
    return bool(a == b)


def as_matrix(array: Any) -> arb_mat:
    """An array of two axes as a matrix of Arb's."""
    rows, columns = array.shape
    return arb_mat(rows, columns, array.ravel().tolist())


def spectrum(matrix: Any, name: str, **options: Any) -> Any:
    """Return Arb's eigenvalues (with the options also eigenvectors) of a symmetric matrix, which are real."""
    if not all(a.overlaps(b) for a, b in zip(matrix.ravel(), matrix.T.ravel(), strict=True)):
        raise ValueError(f"np.linalg.{name}: the matrix is not symmetric")
    try:
        return acb_mat(as_matrix(matrix)).eig(**options)
    except ValueError as reason:
        raise Undecided(f"eigenvalues: {reason}") from None


class Ball(Numbers):
    """Arrays of Arb balls at the precision in force (flint.ctx.prec)."""

    number = staticmethod(ball)
    select = staticmethod(select_decided)
    table: ClassVar[Table] = {
        **OPERATORS,
        "divide": quotient,
        "power": power,
        "floor_divide": whole_quotient,
        "square": lambda x: x * x,
        "reciprocal": lambda x: quotient(arb(1), x),
        "sqrt": root,
        "exp": arb.exp,
        "log": logarithm,
        "logaddexp": log_of_sum,
        "tanh": arb.tanh,
        "arctan": arb.atan,
        "erf": arb.erf,
        "sin": arb.sin,
        "cos": arb.cos,
        "absolute": abs,
        "sign": arb.sgn,
        "maximum": arb.max,
        "minimum": arb.min,
        "greater": decided_comparison(operator.gt, operator.le),
        "greater_equal": decided_comparison(operator.ge, operator.lt),
        "less": decided_comparison(operator.lt, operator.ge),
        "less_equal": decided_comparison(operator.le, operator.gt),
        "equal": are_equal,
        "isfinite": lambda x: bool(x.is_finite()),
    }

    @staticmethod
    def count(number: Any) -> int | None:
        """An exact integer."""
        return int(number.unique_fmpz()) if number.is_exact() and number.is_integer() else None

    @classmethod
    def matmul(cls, left: Any, right: Any) -> Any:
        """Return the matrix product by Arb: as certain as the loop over objects, and much faster."""
        if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[0]:
            return super().matmul(left, right)
        product = as_matrix(left) * as_matrix(right)
        return np.array(product.entries(), dtype=object).reshape(left.shape[0], right.shape[1])

    @classmethod
    def eigvalsh(cls, matrix: Any) -> Any:
        """Certified eigenvalues, in the order of their midpoints; they are real because the matrix is symmetric."""
        values = spectrum(matrix, "eigvalsh", multiple=True)
        return np.array(sorted((value.real for value in values), key=lambda x: x.mid()), dtype=object)

    @classmethod
    def eigh(cls, matrix: Any) -> tuple[Any, Any]:
        """Certified eigenvalues, all of them apart, and unit eigenvectors: each is known up to a factor, and real once an entry is 1."""
        if ctx.prec > SEPARATION:
            raise Undecided(f"eigenvectors of eigenvalues that {SEPARATION} bits do not separate")
        values, vectors = spectrum(matrix, "eigh", right=True)
        order = sorted(range(len(values)), key=lambda k: values[k].real.mid())
        columns = np.array(vectors.entries(), dtype=object).reshape(matrix.shape)[:, order]
        for column in columns.T:
            largest = max(column, key=lambda x: abs(x).mid())
            real = np.array([(entry / largest).real for entry in column], dtype=object)
            column[:] = real / root(real @ real)
        return np.array([values[k].real for k in order], dtype=object), columns

    @classmethod
    def solve(cls, matrix: Any, right: Any) -> Any:
        """The certified solution: LinAlgError if the determinant is 0, Undecided if it may be."""
        system = as_matrix(matrix)
        try:
            solution = system.solve(as_matrix(right.reshape(len(right), -1)))
        except ZeroDivisionError:
            determinant = system.det()
            if determinant.is_zero():
                raise singular("solve") from None
            raise Undecided(f"a system whose determinant is {determinant}") from None
        return np.array(solution.entries(), dtype=object).reshape(right.shape)


def spacing(value: Any, dtype: Any) -> Any:
    """The ulp of the format at a ball's midpoint, as a ball; at 0 it is the smallest subnormal."""
    form, middle = format_of(dtype), value.mid()
    least = arb(form.smallest)
    if middle == 0:
        return least
    mantissa, exponent = middle.man_exp()
    return arb.max(arb(2) ** (int(exponent) + abs(int(mantissa)).bit_length() - form.digits), least)


def certified(formula: Callable[..., Any], *args: Any, dtype: Any = np.float64, ulps: float = 2.0**-20, **kwargs: Any) -> Any:
    """The value of a formula, enclosed to a small fraction of an ulp of a floating-point format.

    Arrays and numbers among the arguments become balls of radius 0; functions are called with balls. The precision is doubled, from 128
    bits on, until every output is known to `ulps` ulp of `dtype`; Undecided is raised where 16384 bits do not suffice.
    """
    saved = ctx.prec
    try:
        for ctx.prec in (START << k for k in range((LIMIT // START).bit_length())):
            try:
                result = formula(
                    *(tree_map(as_balls, arg) for arg in args), **{name: tree_map(as_balls, value) for name, value in kwargs.items()}
                )
            except Undecided as reason:
                unknown = str(reason)
                continue
            wide = [
                entry
                for leaf in tree_leaves(result)
                for entry in Ball.object_array(leaf).ravel()
                if not entry.rad() <= ulps * spacing(entry, dtype)
            ]
            if not wide:
                return result
            unknown = f"a result is known as {wide[0]} only"
        raise Undecided(f"{LIMIT} bits do not suffice: {unknown}")
    finally:
        ctx.prec = saved


def as_balls(value: Any) -> Any:
    """Return numbers and arrays as balls; functions and strings stay as they are."""
    return value if callable(value) or isinstance(value, str | bool) else Ball(value)
