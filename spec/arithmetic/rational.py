"""Exact rationals: the reference run on fractions. There is no exp and no log here, and roots of powers only."""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from flint import fmpq, fmpq_mat, fmpz

from ._numbers import OPERATORS, Numbers, Refused, Table, singular


def fraction(value: Any) -> Any:
    """A number as the fraction that it is."""
    if isinstance(value, fmpq):
        return value
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating | Fraction | fmpz):
        raise Refused(f"{value!r} ({type(value).__name__}) is not a rational number")
    if isinstance(value, int | np.integer | fmpz):
        return fmpq(int(value))
    if not math.isfinite(value):
        raise Refused(f"{value} is not a rational number")
    numerator, denominator = value.as_integer_ratio()
    return fmpq(int(numerator), int(denominator))


def power(base: Any, exponent: Any) -> Any:
    """A power whose value is rational."""
    return (base if exponent.q == 1 else root(base, int(exponent.q))) ** int(exponent.p)


def root(value: Any, order: int = 2) -> Any:
    """The root of a number that is a power of a fraction; of nothing else. Orders above a hundred are refused."""
    parts = fmpz(value.p), fmpz(value.q)
    roots = [part.root(order) for part in parts] if value >= 0 and order <= 100 else []
    if [part**order for part in roots] != list(parts):
        raise Refused(f"the root of {value} of order {order} is not rational")
    return fmpq(*roots)


def null_space(matrix: Any) -> list[Any]:
    """A basis of the vectors that a matrix maps to 0: one for each column without a pivot."""
    reduced, rank = matrix.rref()
    rows = [[reduced[i, j] for j in range(matrix.ncols())] for i in range(rank)]
    pivots = [next(j for j, x in enumerate(row) if x != 0) for row in rows]
    basis = []
    for free in sorted(set(range(matrix.ncols())) - set(pivots)):
        vector = np.array([fmpq(int(j == free)) for j in range(matrix.ncols())], dtype=object)
        vector[pivots] = [-row[free] for row in rows]
        basis.append(vector)
    return basis


class Rational(Numbers):
    """Arrays of exact rationals; floats are taken at their exact value."""

    number = staticmethod(fraction)
    table: ClassVar[Table] = {
        **OPERATORS,
        "power": power,
        "floor_divide": lambda a, b: fmpq((a / b).floor()),
        "square": lambda x: x * x,
        "reciprocal": lambda x: 1 / x,
        "sqrt": root,
        "absolute": abs,
        "sign": lambda x: fmpq((x > 0) - (x < 0)),
        "maximum": max,
        "minimum": min,
        "greater": operator.gt,
        "greater_equal": operator.ge,
        "less": operator.lt,
        "less_equal": operator.le,
        "equal": operator.eq,
        "not_equal": operator.ne,
        "isfinite": lambda x: True,
    }

    @staticmethod
    def count(number: Any) -> int | None:
        """A fraction over 1."""
        return int(number.p) if number.q == 1 else None

    @classmethod
    def solve(cls, matrix: Any, right: Any) -> Any:
        """The exact solution."""
        columns = right.size // len(right)
        try:
            solution = fmpq_mat(len(right), len(right), matrix.ravel().tolist()).solve(
                fmpq_mat(len(right), columns, right.ravel().tolist())
            )
        except ZeroDivisionError:
            raise singular("solve") from None
        return np.array(solution.entries(), dtype=object).reshape(right.shape)

    @classmethod
    def eigh(cls, matrix: Any) -> tuple[Any, Any]:
        """The exact eigenvalues and unit eigenvectors, where both are rational."""
        if np.any(matrix != matrix.T):
            raise ValueError("np.linalg.eigh: the matrix is not symmetric")
        size = len(matrix)
        square = fmpq_mat(size, size, matrix.ravel().tolist())
        identity = fmpq_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
        values: list[Any] = []
        vectors: list[Any] = []
        for value, count in sorted(square.charpoly().roots()):
            found: list[Any] = []
            for vector in null_space(square - value * identity):
                rest = vector - sum((direction * (direction @ vector) for direction in found), 0 * vector)
                found.append(rest / root(rest @ rest))
            values, vectors = values + [value] * count, vectors + found
        if len(values) < size:
            raise Refused("an eigenvalue is not rational")
        return np.array(values, dtype=object), np.stack(vectors, axis=1)
