"""Evidence for reference/orthogonal.py: Newton–Schulz iterations in two forms, Muon and its scales.

Where a number alone is meant, the matrix has one entry x, and eps = 1 − |x| makes its norm and eps 1.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from ..arithmetic import Ball, Rational, Symbolic, symbols, tensor
from ..catalogue import conventions
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
    squares = [(-3 * third + sign * discriminant) / (10 * fifth) for sign in (-1, 1)] if row[2] else [-first / (3 * third)]
    turns = [sign * np.sqrt(square) for square in squares if bool(square > 0) for sign in (-1, 1)]
    values = [function(point) for point in (low, high, *(turn for turn in turns if bool(turn > low) and bool(turn < high)))]
    lowest, highest = values[0], values[0]
    for value in values[1:]:
        lowest, highest = np.minimum(lowest, value), np.maximum(highest, value)
    return lowest, highest


def iteration(newton_schulz: Step, row: Sequence[Fraction]) -> Callable[[Any], Any]:
    """Return one iteration as a function of a number; eps makes its norm 1."""
    table = Ball(np.array([row], dtype=object))
    return lambda x: newton_schulz(np.reshape(x, (1, 1)), table, eps=1 - np.abs(x))[0, 0]


@certified_value("newton_schulz.range", scope="every singular value from 1/500 and from 1/100 of the norm, five iterations")
def range_after_five_iterations(newton_schulz: Step) -> Claims:
    """The image of an interval under a continuous function is an interval; five times, its ends are values at ends and turning points."""
    for start, ends in ((Fraction(1, 500), ("0.6818", "1.2024")), (Fraction(1, 100), ("0.6818", "1.1344"))):
        yield range_of(newton_schulz, start, [JORDAN] * 5), tuple(map(prints_as, ends))


class Decimals(ast.NodeTransformer):
    """Numbers of a program as the decimal fractions that they are written as."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Return a call of Fraction for a number with a point."""
        return ast.parse(f"Fraction('{node.value}')", mode="eval").body if isinstance(node.value, float) else node


def published_table(name: str, count: int) -> list[tuple[Fraction, ...]]:
    """Return so many rows of a table of coefficients of the conventions."""
    rule = conventions.load("axes")["coefficients"][name]["rules"][0]["assign"]
    expression = Decimals().visit(ast.parse(rule.partition(" = ")[2], mode="eval"))
    code = compile(ast.fix_missing_locations(expression), name, "eval")
    return list(eval(code, {"Fraction": Fraction, "ns_steps": count}))


RANGES = {  # the iterations, and the ends from 1/1000, 1/200 and 1/100 of the norm
    "quintic": (5, ("0.4750", "1.1450"), ("0.9778", "1.1115"), ("0.9778", "1.0318")),
    "polar-express": (5, ("0.8764", "1.1236"), ("0.8764", "1.1236"), ("0.8764", "1.1236")),
    "polar-express-safe": (5, ("0.8462", "1.1236"), ("0.8703", "1.1236"), ("0.8703", "1.1236")),
    "polar-express-rounded": (5, ("0.8462", "1.1236"), ("0.8704", "1.1236"), ("0.8704", "1.1236")),
    "cans": (5, ("0.8844", "1.1198"), ("0.8844", "1.1198"), ("0.8844", "1.1198")),
    "aol": (4, ("-1.0844", "1.0844"), ("-1.0844", "1.0844"), ("-1.0844", "1.0844")),
    "cubic": (5, ("0.0076", "1.0000"), ("0.0380", "1.0000"), ("0.0758", "1.0000")),
}
STARTS = (Fraction(1, 1000), Fraction(1, 200), Fraction(1, 100))


@certified_value(
    "newton_schulz.range.tables", scope="every singular value from 1/1000, 1/200 and 1/100 of the norm, all rows of seven tables"
)
def ranges_of_published_tables(newton_schulz: Step) -> Claims:
    """Ends of intervals go through one row after the other, by the value at ends and turning points."""
    for name, (count, *ranges) in RANGES.items():
        for start, ends in zip(STARTS, ranges, strict=True):
            yield range_of(newton_schulz, start, published_table(name, count)), tuple(map(prints_as, ends))


def rows_of(*rows: str) -> list[tuple[Fraction, ...]]:
    """Return a table of coefficients from its rows as they are printed."""
    return [tuple(map(Fraction, row.split())) for row in rows]


LATER_TABLES = (  # the rows, and the ends from 1/1000, 1/200 and 1/100 of the norm
    ([JORDAN] * 8 + rows_of("2 -1.5 0.5") * 2, ("1.0000", "1.0005"), ("1.0000", "1.0005"), ("1.0000", "1.0005")),
    (
        rows_of(
            "3.3656576 -3.3420992 0", "2.5744352 -1.4957376 0", "2.5368962 -1.4312570 0", "2.4418906 -1.2764040 0", "2.2230472 -0.9630650 0"
        ),
        ("0.1191", "1.3000"),
        ("0.5739", "1.3000"),
        ("0.7741", "1.3000"),
    ),
    (
        rows_of(
            "8.156554524902461 -22.48329292557795 15.878769915207462",
            "4.042929935166739 -2.808917465908714 0.5000178451051316",
            "3.8916678022926607 -2.772484153217685 0.5060648178503393",
            "3.285753657755655 -2.3681294933425376 0.46449024233003106",
            "2.3465413258596377 -1.7097828382687081 0.42323551169305323",
        ),
        ("0.8589", "1.1411"),
        ("0.8589", "1.1411"),
        ("0.8589", "1.1411"),
    ),
)


def range_of(newton_schulz: Step, start: Fraction, table: Sequence[Sequence[Fraction]]) -> tuple[Any, Any]:
    """Return the ends of what all rows of a table make of the numbers from a start to 1."""
    low, high = Ball(start), Ball(1)
    for row in table:
        low, high = image(iteration(newton_schulz, row), low, high, row)
    return low, high


@certified_value("newton_schulz.range.tables", scope="every singular value from 1/1000, 1/200 and 1/100 of the norm, three more tables")
def ranges_of_later_tables(newton_schulz: Step) -> Claims:
    """Ends of intervals go through one row after the other."""
    for table, *ranges in LATER_TABLES:
        for start, ends in zip(STARTS, ranges, strict=True):
            yield range_of(newton_schulz, start, table), tuple(map(prints_as, ends))


@certified_value("newton_schulz.past_the_table", scope="every singular value from 1/200 of the norm, six and seven iterations, two tables")
def ranges_past_the_end(newton_schulz: Step) -> Claims:
    """The last row again keeps singular values near 1; the first row, made for small ones, makes them small."""
    whole = published_table("quintic", 5)
    for table, ends in (
        (whole + whole[-1:], ("0.9778", "0.9990")),
        (whole + whole[:1], ("0.0268", "0.1649")),
        (whole + 2 * whole[-1:], ("0.9856", "0.9936")),
        (whole + whole[:2], ("0.1058", "0.6235")),
        (published_table("cans", 6), ("0.9695", "1.0983")),
    ):
        yield range_of(newton_schulz, Fraction(1, 200), table), tuple(map(prints_as, ends))
    yield published_table("quintic", 7), whole + 2 * whole[-1:]


@enumeration("newton_schulz.past_the_table", scope="exact, one singular value that is 1")
def the_first_row_at_one(newton_schulz: Step) -> Claims:
    """The first row makes 0.1172 of 1, the last one 0.9853."""
    whole = published_table("quintic", 5)
    for row, value in ((whole[0], "0.1172"), (whole[-1], "0.9853")):
        yield newton_schulz(Rational([[Fraction(1)]]), Rational(np.array([row], dtype=object)), eps=Rational(0))[0, 0], Fraction(value)


@enumeration("newton_schulz.range.tables", scope="exact, a matrix of one singular value")
def a_table_that_turns_a_singular_value(newton_schulz: Step) -> Claims:
    """The first row for almost orthogonal layers makes −0.5852 of the norm itself; its square root of 0.781 lies between 0.88 and 0.89."""
    table = published_table("aol", 4)
    for size, sign in ((Fraction(1), -1), (Fraction("0.89"), -1), (Fraction("0.88"), 1)):
        rows = Rational(np.array(table, dtype=object))
        yield np.sign(newton_schulz(Rational(np.array([[size]], dtype=object)), rows, eps=Rational(1 - size))[0, 0]), sign
    first = Rational(np.array(table[:1], dtype=object))
    yield newton_schulz(Rational(np.array([[1]], dtype=object)), first, eps=Rational(0))[0, 0], Fraction("-0.5852")


@enumeration("newton_schulz.range", scope="exact, one singular value")
def no_convergence_to_one(newton_schulz: Step) -> Claims:
    """A singular value of 1 becomes 0.701 in one iteration: 1 is no fixed point."""
    row = Rational(np.array([JORDAN], dtype=object))
    yield newton_schulz(Rational(np.array([[2]], dtype=object)), row, eps=Rational(0))[0, 0], Fraction("0.701")


# --- the Gram form ---------------------------------------------------------------------------------------------------------------------


@proof(
    "orthogonal.newton_schulz.gram",
    scope="every two singular values, no iteration and one, every a, b, c and eps; diagonal, wide and tall",
)
def gram_form_on_diagonals(newton_schulz_gram: Step, newton_schulz: Step) -> Claims:
    """The Gram form makes of a diagonal matrix what the direct form makes of it."""
    zero = Symbolic(0)
    wide = np.stack([np.stack([s1, zero, zero]), np.stack([zero, s2, zero])])
    rows = [(a, b, c)]
    for matrix in (wide, np.transpose(wide)):
        yield newton_schulz_gram(matrix, rows), newton_schulz(matrix, rows)
        for count in range(2):
            yield newton_schulz_gram(matrix, PAPER_TABLE[:count], eps=eps), newton_schulz(matrix, PAPER_TABLE[:count], eps=eps)


@enumeration("orthogonal.newton_schulz.gram", scope="exact, 2 × 3, 3 × 2 and 3 × 3 rotated matrices, two iterations of two tables")
def gram_form_by_fractions(newton_schulz_gram: Step, newton_schulz: Step) -> Claims:
    """Both forms are equal where the singular vectors are no axes."""
    halves = (Fraction(1, 2), Fraction(-1, 3))
    for values, columns in (((3, 4), 3), ((1, 2, 2), 3)):
        for half, other, table in itertools.product(halves, halves, ((JORDAN, CUBIC), (CUBIC, JORDAN))):
            matrix = rotated(values, columns, half, other)
            coefficients, stabiliser = Rational(np.array(table, dtype=object)), Rational(Fraction(1, 2))
            for oblong in (Rational(matrix), Rational(matrix.T)):
                yield newton_schulz_gram(oblong, coefficients, eps=stabiliser), newton_schulz(oblong, coefficients, eps=stabiliser)


# --- Muon ------------------------------------------------------------------------------------------------------------------------------

lr, momentum, scale, weight_decay, w, q, rms = symbols("lr momentum scale weight_decay w q rms", positive=True)
grad_entries, theta_entries = symbols("g", 2, 3), symbols("theta", 2, 3)
PAPER_TABLE = np.stack([np.stack([a, b, c])])


def rotated(values: Sequence[int], columns: int, half: Fraction, other: Fraction) -> Any:
    """Return a matrix of these singular values, whose singular vectors are fractions."""
    rows = len(values)
    left, right = rotation(half, rows, (0, 1)), rotation(other, columns, (1, 2)) @ rotation(half, columns, (0, 2))
    diagonal = np.array([[Fraction(value if i == j else 0) for j in range(columns)] for i, value in enumerate(values)], dtype=object)
    return left @ diagonal @ right.T


def diagonal_of(first: Any, second: Any) -> Any:
    """Return a 2 × 3 matrix with two entries on its diagonal."""
    zero = Symbolic(0)
    return np.stack([np.stack([first, zero, zero]), np.stack([zero, second, zero])])


@proof(
    "optimizers.muon", "optimizers.muon.nesterov", "optimizers.muon.mean", scope="every point, gradient and hyper-parameter, one iteration"
)
def steps_of_muon(muon: Step, muon_nesterov: Step, muon_mean: Step) -> Claims:
    """What is orthogonalized is diagonal, with the entries 3 w and 4 w: the step has the polynomial of 3 w and 4 w over 5 w + eps."""
    hyper = {"lr": lr, "momentum": momentum, "scale": scale, "eps": eps, "weight_decay": weight_decay}
    taken, keep = diagonal_of(3 * w, 4 * w), 1 - momentum
    orthogonal = diagonal_of(*(polynomial(size / (5 * w + eps), (a, b, c)) for size in (3 * w, 4 * w)))
    moved = theta_entries - lr * (scale * orthogonal + weight_decay * theta_entries)
    for step, velocity, weight in (
        (muon, taken, 1),
        (muon_nesterov, (taken - grad_entries) / momentum, 1),
        (muon_mean, (taken - keep * grad_entries) / momentum, keep),
    ):
        before = (velocity - weight * grad_entries) / momentum
        yield step(theta_entries, grad_entries, before, coefficients=PAPER_TABLE, **hyper), (moved, velocity)


@enumeration(
    "optimizers.muon", "optimizers.muon.nesterov", "optimizers.muon.mean", scope="exact, 2 × 3 matrices, two iterations, four rotations"
)
def muon_is_equivariant(muon: Step, muon_nesterov: Step, muon_mean: Step) -> Claims:
    """Rotated points, gradients and buffers make the rotated step: no basis of the rows or columns is preferred."""
    keep, coefficients = Fraction(3, 4), Rational(np.array([JORDAN, CUBIC], dtype=object))
    values = {"lr": Fraction(1, 2), "momentum": keep, "scale": Fraction(2), "eps": Fraction(1), "weight_decay": Fraction(3)}
    hyper = {**{name: Rational(value) for name, value in values.items()}, "coefficients": coefficients}
    theta = np.array([[1, -2, 0], [3, 1, 5]], dtype=object)
    grad = np.array([[0, 1, 2], [-1, 4, 1]], dtype=object)
    taken = rotated((3, 4), 3, Fraction(1, 2), Fraction(-1, 3))
    for step, own in ((muon, Fraction(1)), (muon_nesterov, 1 + keep), (muon_mean, (1 - keep) * (1 + keep))):
        before = (taken - own * grad) / (keep if step is muon else keep**2)
        plain = step(Rational(theta), Rational(grad), Rational(before), **hyper)
        for half, other in itertools.product((Fraction(1, 3), Fraction(-2)), repeat=2):
            left, right = rotation(half, 2, (0, 1)), rotation(other, 3, (0, 2))
            turned = [Rational(left @ matrix @ right) for matrix in (theta, grad, before)]
            moved = step(*turned, **hyper)
            yield moved, tuple(Rational(left) @ part @ Rational(right) for part in plain)


@proof("muon.mean_or_sum", scope="every point, gradient and buffer, a constant momentum; what is orthogonalized, before any iteration")
def mean_and_sum_make_one_step(muon_mean: Step, muon_nesterov: Step) -> Claims:
    """A mean that is 1 − μ times the sum stays so in a step, and both start at 0; normalized with (1 − μ) eps they are the same."""
    share = 1 / (1 + q)  # so that 1 − μ is known to be positive
    keep, nothing = q / (1 + q), np.stack([PAPER_TABLE[0]])[:0]
    theta, grad, taken = (np.stack([row]) for row in (theta_entries[0, :2], grad_entries[0, :2], np.stack([3 * w, 4 * w])))
    total = (taken - grad * (1 + share)) / share**2
    hyper = {"lr": lr, "scale": scale, "weight_decay": weight_decay, "momentum": share, "coefficients": nothing}
    moved, velocity = muon_nesterov(theta, grad, total, **hyper, eps=eps)
    expected, mean = muon_mean(theta, grad, keep * total, **hyper, eps=keep * eps)
    yield moved, expected
    yield mean, keep * velocity


@enumeration("muon.mean_or_sum", scope="exact, the second step of 1 × 2 matrices, momentum 17/20, then 19/20 or the same")
def a_momentum_that_rises_tells_them_apart(muon_mean: Step, muon_nesterov: Step) -> Claims:
    """The first gradient weighs (1 − μ₁) / (1 − μ₂) times as much in the mean: with a warm-up of the momentum the steps differ."""
    early, late = Fraction(17, 20), Fraction(19, 20)
    hyper = {"lr": Rational(1), "scale": Rational(1), "coefficients": Rational(np.array([CUBIC], dtype=object))}
    nothing = Rational([[0, 0]])
    for following, due in ((early, (3, 4, 5)), (late, (12, 5, 13))):
        first = np.array([[9, 1]], dtype=object) / (2 * following**2)  # so that 3 and 4, with twice of it, make 12 and 5
        second = (np.array([[3, 4]], dtype=object) - following**2 * first) / (1 + following)
        of_sum, _ = muon_nesterov(nothing, Rational(second), Rational(first), **hyper, momentum=Rational(following))
        of_mean, _ = muon_mean(nothing, Rational(second), Rational((1 - early) * first), **hyper, momentum=Rational(following))
        yield of_sum, Rational([[Fraction(-3, 5), Fraction(-4, 5)]])
        yield of_mean, Rational([[Fraction(-due[0], due[2]), Fraction(-due[1], due[2])]])


@proof("muon.scale.aspect", "muon.scale.spectral", "muon.scale.rms", "muon.scales", scope="every shape, tall, square and wide, every rms")
def scales_are_related(aspect_scale: Step, spectral_scale: Step, rms_scale: Step) -> Claims:
    """√max(1, m / n), √(m / n) and rms √max(m, n): the third is rms √n times the first, whatever the shape."""
    size = symbols("n", positive=True)
    for height, width, aspect, longest in (
        (size * (1 + q), size, np.sqrt(1 + q), size * (1 + q)),
        (size, size, 1, size),
        (size, size * (1 + q), 1, size * (1 + q)),
    ):
        yield aspect_scale(height, width), aspect
        yield spectral_scale(height, width), np.sqrt(height / width)
        yield rms_scale(height, width, rms=rms), rms * np.sqrt(longest)
        yield rms_scale(height, width, rms=rms), rms * np.sqrt(width) * aspect_scale(height, width)


@enumeration(
    "muon.scale.aspect", "muon.scale.spectral", "muon.scale.rms", "muon.scales", scope="exact, shapes of 1, 4, 9 and 16 rows and columns"
)
def scales_by_hand(aspect_scale: Step, spectral_scale: Step, rms_scale: Step) -> Claims:
    """The root mean square of scale · U Vᵀ, whose squares sum up to min(m, n); and the largest rms of outputs for inputs of rms 1."""
    for tall, wide in itertools.product((1, 2, 3, 4), repeat=2):
        shape = Rational(tall**2), Rational(wide**2)
        yield aspect_scale(*shape), max(Fraction(1), Fraction(tall, wide))
        yield spectral_scale(*shape), Fraction(tall, wide)
        scale_of_rms = rms_scale(*shape, rms=Rational(Fraction(1, 5)))
        yield scale_of_rms**2 * min(tall, wide) ** 2 / (tall**2 * wide**2), Fraction(1, 25)
        yield spectral_scale(*shape) * wide / tall, 1
