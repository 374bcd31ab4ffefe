"""Evidence for reference/orthogonal.py: Newton–Schulz iterations.

Where a number alone is meant, the matrix has one entry x > 0, and eps = 1 − x makes its norm and eps 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from ..arithmetic import Ball, Rational, Symbolic, symbols, tensor
from . import Claims, Step, certified_value, enumeration, prints_as, proof

s1, s2, eps = symbols("s1 s2 eps", positive=True)
a, b, c = symbols("a b c")
m, n = (sp.Symbol(name, integer=True, positive=True) for name in "mn")
JORDAN = (Fraction("3.4445"), Fraction("-4.7750"), Fraction("2.0315"))
CUBIC = (Fraction(3, 2), Fraction(-1, 2), Fraction(0))
ZERO = Fraction(0)


def polynomial(x: Any, row: Sequence[Any]) -> Any:
    """Return a x + b x³ + c x⁵."""
    return row[0] * x + row[1] * x**3 + row[2] * x**5


@proof(
    "orthogonal.newton_schulz",
    scope="every two singular values, one and no iteration, every a, b, c and eps; diagonal matrices, wide and tall",
)
def polynomial_of_singular_values(newton_schulz: Step) -> Claims:
    """On a diagonal matrix every iteration is the polynomial of each entry, over the norm plus eps."""
    zero = Symbolic(0)
    wide = np.stack([np.stack([s1, zero, zero]), np.stack([zero, s2, zero])])
    norm = np.sqrt(s1**2 + s2**2) + eps
    first, second = (polynomial(entry / norm, (a, b, c)) for entry in (s1, s2))
    expected = np.stack([np.stack([first, zero, zero]), np.stack([zero, second, zero])])
    row = np.stack([np.stack([a, b, c])])
    yield newton_schulz(wide, row, eps=eps), expected
    yield newton_schulz(np.transpose(wide), row, eps=eps), np.transpose(expected)
    yield newton_schulz(wide, row[:0], eps=eps), wide / norm


@proof("orthogonal.newton_schulz", scope="every matrix of every shape, one iteration, every a, b, c and eps")
def transposed_and_opposite_matrices(newton_schulz: Step) -> Claims:
    """The transpose and the negative of a matrix become the transpose and the negative of its result."""
    matrix, row, stabiliser = tensor("M", m, n), [tuple(map(tensor, "abc"))], tensor("e")
    plain = newton_schulz(matrix, row, eps=stabiliser)
    yield np.transpose(newton_schulz(np.transpose(matrix), row, eps=stabiliser)), plain
    yield -newton_schulz(-matrix, row, eps=stabiliser), plain


def rotation(half: Fraction, size: int, axes: tuple[int, int]) -> Any:
    """Return the rotation in the plane of two axes whose half angle has this tangent; its entries are fractions."""
    cosine, sine = (1 - half**2) / (1 + half**2), 2 * half / (1 + half**2)
    matrix = [[Fraction(i == j) for j in range(size)] for i in range(size)]
    first, second = axes
    matrix[first][first] = matrix[second][second] = cosine
    matrix[first][second], matrix[second][first] = -sine, sine
    return np.array(matrix, dtype=object)


@enumeration(
    "orthogonal.newton_schulz", scope="exact, 2 × 3, 3 × 2 and 3 × 3, singular values 3, 4 and 1, 2, 2, rotations by fractions; two tables"
)
def singular_vectors_stay(newton_schulz: Step) -> Claims:
    """U Σ Vᵀ becomes U p(p(Σ / (‖Σ‖ + eps))) Vᵀ, with a polynomial of its own in each of two iterations."""
    halves = (Fraction(1, 2), Fraction(-1, 3))
    for values, norm, columns in (((3, 4), 5, 3), ((1, 2, 2), 3, 3)):
        rows = len(values)
        for half, other, table, stabiliser in itertools.product(halves, halves, ((JORDAN, CUBIC), (CUBIC, JORDAN)), (ZERO, Fraction(1, 2))):
            left, right = rotation(half, rows, (0, 1)), rotation(other, columns, (1, 2)) @ rotation(half, columns, (0, 2))
            diagonals = []
            for change in (False, True):
                diagonal = np.array([[ZERO] * columns for _ in values], dtype=object)
                for index, value in enumerate(values):
                    size = value / (norm + stabiliser)
                    diagonal[index, index] = polynomial(polynomial(size, table[0]), table[1]) if change else Fraction(value)
                diagonals.append(left @ diagonal @ right.T)
            matrix, expected = diagonals
            coefficients = Rational(np.array(table, dtype=object))
            yield newton_schulz(Rational(matrix), coefficients, eps=Rational(stabiliser)), Rational(expected)
            yield newton_schulz(Rational(matrix.T), coefficients, eps=Rational(stabiliser)), Rational(expected.T)


@enumeration("orthogonal.newton_schulz", scope="exact, 2 × 2, the cubic, 1 to 4 iterations")
def cubic_brings_singular_values_nearer_to_one(newton_schulz: Step) -> Claims:
    """The classical cubic raises every singular value in each iteration, and never above 1."""
    matrix = Rational(np.array([[3, 0], [0, 4]], dtype=object))
    before = matrix / 5
    for count in range(1, 5):
        after = newton_schulz(matrix, Rational(np.array([CUBIC] * count, dtype=object)), eps=Rational(0))
        for index in range(2):
            yield bool(before[index, index] < after[index, index]), True
            yield bool(after[index, index] < 1), True
        before = after


def image(function: Callable[[Any], Any], low: Any, high: Any, row: Sequence[Fraction]) -> tuple[Any, Any]:
    """Return the ends of the image of an interval: the extremes of the polynomial at its ends and where its slope is 0."""
    first, third, fifth = (Ball(number) for number in row)
    discriminant = np.sqrt(9 * third**2 - 20 * first * fifth)
    turns = [np.sqrt((-3 * third + sign * discriminant) / (10 * fifth)) for sign in (-1, 1)]
    values = [function(point) for point in (low, high, *(turn for turn in turns if bool(turn > low) and bool(turn < high)))]
    lowest, highest = values[0], values[0]
    for value in values[1:]:
        lowest, highest = np.minimum(lowest, value), np.maximum(highest, value)
    return lowest, highest


@certified_value("newton_schulz.range", scope="every singular value from 1/500 and from 1/100 of the norm, five iterations")
def range_after_five_iterations(newton_schulz: Step) -> Claims:
    """The image of an interval under a continuous function is an interval; five times, its ends are values at ends and turning points."""
    row = Ball(np.array([JORDAN], dtype=object))

    def iterated(x: Any) -> Any:
        return newton_schulz(np.reshape(x, (1, 1)), row, eps=1 - x)[0, 0]

    for start, ends in ((Fraction(1, 500), ("0.6818", "1.2024")), (Fraction(1, 100), ("0.6818", "1.1344"))):
        low, high = Ball(start), Ball(1)
        for _ in range(5):
            low, high = image(iterated, low, high, JORDAN)
        yield (low, high), tuple(map(prints_as, ends))


@enumeration("newton_schulz.range", scope="exact, one singular value")
def no_convergence_to_one(newton_schulz: Step) -> Claims:
    """A singular value of 1 becomes 0.701 in one iteration: 1 is no fixed point."""
    row = Rational(np.array([JORDAN], dtype=object))
    yield newton_schulz(Rational(np.array([[2]], dtype=object)), row, eps=Rational(0))[0, 0], Fraction("0.701")
