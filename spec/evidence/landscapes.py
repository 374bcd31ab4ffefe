"""Evidence for reference/landscapes.py: the landscapes and what methods do on them, critical points, K-means, and the poll statements.

Numbers of steps are exact where a closed form or an enclosure gives them. Where the decks and the catalogue name no generator of their data
(table R7), orders and ratios are claimed, each with the probability of claiming it by chance.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from flint import arb, ctx

from ...reference.adam import AdamState
from ...reference.adaptive import AdaDeltaState
from ...reference.landscapes import CentreState
from ..arithmetic import Ball, Rational, Symbolic, Tensor, jacobian, partial, symbols, tensor
from . import (
    Claims,
    Interval,
    Step,
    TableCell,
    certified_value,
    derivative,
    enumeration,
    erratum,
    law,
    prints_as,
    proof,
    reproduction,
    statistics,
)
from ._induction import by_induction, limit, t
from ._landscapes import FROM_PLAIN, FROM_RIDGE, FROM_SLOPE, LOW, MOST, beside_the_ridge, downhill, steps_until

if TYPE_CHECKING:
    from ...reference.domains import Eigenvalues, Inner, LinearInputs, LinearTargets, Matrix, Outer

x, y, theta, g, v = symbols("x y theta g v")
lr, a, b, c, eps, root, s, q, w, z = symbols("lr a b c eps root s q w z", positive=True)
mu, beta = symbols("mu beta", nonnegative=True, below_one=True)
ONE, ZERO = Symbolic(1), Symbolic(0)
plane = np.stack([x, y])

MINIMUM, SADDLE_POINT = (Fraction(3), Fraction(1, 2)), (Fraction(0), Fraction(1))


def polynomial(number: Any) -> Any:
    """Return a symbolic number as an expanded SymPy expression."""
    return sp.expand(number.item())


# --- heights and gradients ---------------------------------------------------------------------------------------------------------


@proof("landscape.beale", "landscape.beale.gradient", scope="every point")
def slopes_of_beale(beale: Step, beale_gradient: Step) -> Claims:
    """The gradient is the derivative of the height."""
    yield beale_gradient(plane), slopes(beale)


@proof("landscape.long_valley", "landscape.long_valley.gradient", scope="every point")
def slopes_of_the_valley(long_valley: Step, long_valley_gradient: Step) -> Claims:
    """The gradient is the derivative of the height. The height is 0 at the origin and positive elsewhere, with curvatures 100 and 1/100."""
    yield long_valley_gradient(plane), slopes(long_valley)
    yield long_valley(plane), 50 * x**2 + y**2 / 200


@proof("landscape.saddle", "landscape.saddle.gradient", scope="every point")
def slopes_of_the_saddle(saddle: Step, saddle_gradient: Step) -> Claims:
    """The gradient is the derivative of the height, which increases along x, decreases along y, and is 0 at the origin."""
    yield saddle_gradient(plane), slopes(saddle)
    yield saddle(np.stack([x, ZERO])), x**2
    yield saddle(np.stack([ZERO, y])), -(y**2)


def slopes(height: Callable[[Any], Any]) -> Any:
    """Return the derivatives of a height by x and y."""
    return np.stack([Symbolic(sp.diff(height(plane).item(), by.item())) for by in plane])


@derivative(
    "landscape.beale",
    "landscape.beale.gradient",
    "landscape.long_valley",
    "landscape.long_valley.gradient",
    "landscape.saddle",
    "landscape.saddle.gradient",
    scope="certified, five points",
)
def gradients_certified(
    beale: Step, beale_gradient: Step, long_valley: Step, long_valley_gradient: Step, saddle: Step, saddle_gradient: Step
) -> Claims:
    """The gradients equal the derivatives by dual numbers over balls; and three heights of each landscape."""
    for point in ([1.0, 1.5], [-1.0, 1.5], [3.0, 0.5], [0.25, -2.0], [1.0, 10.0]):
        for height, gradient in ((beale, beale_gradient), (long_valley, long_valley_gradient), (saddle, saddle_gradient)):
            yield jacobian(lambda p, height=height: np.stack([height(p)]), np.array(point))[0], gradient(Ball(point))
    yield beale(Ball([1, Fraction(3, 2)])), Fraction(165, 4)
    yield long_valley(Ball([1, 10])), Fraction(101, 2)
    yield saddle(Ball([1, 10])), -99


# --- Beale's function --------------------------------------------------------------------------------------------------------------


@proof("landscape.beale", "landscape.beale.gradient", scope="all points: roots of polynomials, counted exactly")
def critical_points_of_beale(beale: Step, beale_gradient: Step) -> Claims:
    """The height is a sum of squares that is 0 at (3, 1/2).

    There are exactly three critical points, with y = 1/2, y = 1 and the root of a cubic.

    The derivative by y has the factor x. On x = 0 the one by x vanishes only at y = 1. Where the other factor vanishes, y = 1 is no
    solution, and elsewhere both are linear in x, so that the resultant gives y, and y gives x.
    """
    yield beale(plane) >= 0, True
    by_x, by_y = map(polynomial, beale_gradient(plane))
    first, second = (sp.cancel(polynomial / factor) for polynomial, factor in ((by_x, y.item() - 1), (by_y, x.item())))
    yield [bool(sp.denom(factor_left) == 1) for factor_left in (first, second)], [True, True]
    yield sp.Poly(by_x.subs(x.item(), 0), y.item()).real_roots(multiple=False), [(sp.Integer(1), 1)]
    yield bool(second.subs(y.item(), 1).is_nonzero), True
    yield [sp.degree(factor_left, x.item()) for factor_left in (first, second)], [1, 1]
    resultant = sp.resultant(first, second, x.item())
    cubic = 3 * y.item() ** 3 + 11 * y.item() ** 2 + 10 * y.item() + 5
    yield Symbolic(sp.rem(resultant, cubic * (2 * y.item() - 1) * (y.item() - 1) ** 2, y.item())), 0
    roots = sorted(set(sp.Poly(resultant, y.item()).real_roots()))
    yield roots == [sp.CRootOf(cubic, 0), sp.Rational(1, 2), sp.Integer(1)], True
    for point, height in ((MINIMUM, Fraction(0)), (SADDLE_POINT, Fraction(909, 64))):
        at = Symbolic(list(point))
        yield beale_gradient(at), np.stack([ZERO, ZERO])
        yield beale(at), height


@certified_value(
    "landscape.beale", "landscape.beale.gradient", scope="the three critical points", table="Critical points of Beale's function"
)
def what_the_critical_points_are(beale: Step, beale_gradient: Step) -> Claims:
    """Heights and eigenvalues of the Hessian show a minimum and two saddles, of which the catalogue lists one."""
    third = other_saddle(beale_gradient)
    yield beale_gradient(third), Ball([0, 0])
    for name, point, (height, smaller, larger) in (
        ("(3, 1/2)", Ball(list(MINIMUM)), ("0", "0.3015", "48.98")),
        ("(0, 1)", Ball(list(SADDLE_POINT)), ("14.203125", "-27.75", "27.75")),
        ("(.1005, −2.6445)", third, ("9.8645", "-0.7810", "867.752")),
    ):
        yield TableCell(beale(point), prints_as(height), name, "height")
        low, high = np.linalg.eigvalsh(jacobian(beale_gradient, point))
        yield TableCell(low, prints_as(smaller), name, "smaller eigenvalue")
        yield TableCell(high, prints_as(larger), name, "larger eigenvalue")
    yield tuple(third), (prints_as("0.1005"), prints_as("-2.6445"))


def other_saddle(gradient: Callable[[Any], Any]) -> Any:
    """Return an enclosure of the critical point at the root of the cubic: a change of sign gives y, and the derivative by y gives x."""
    by_y = sp.cancel(polynomial(gradient(plane)[1]) / x.item())
    near, reach = sp.CRootOf(3 * X**3 + 11 * X**2 + 10 * X + 5, 0).eval_rational(n=60), sp.Rational(1, 10**60)
    low, high = (sp.Rational(3 * at**3 + 11 * at**2 + 10 * at + 5) for at in (near - reach, near + reach))
    if not low * high < 0:
        raise ArithmeticError("no root of the cubic is enclosed")
    root_y = Ball(arb(0, 1e-60)) + Ball(Fraction(int(near.p), int(near.q)))
    slope, rest = (value_at(coefficient, root_y) for coefficient in sp.Poly(by_y, x.item()).all_coeffs())
    return np.stack([-rest / slope, root_y])


X = sp.Symbol("X")


def value_at(expression: Any, at: Any) -> Any:
    """Return the value of a polynomial in y with rational coefficients at a ball."""
    coefficients = [Fraction(int(coefficient.p), int(coefficient.q)) for coefficient in sp.Poly(expression, y.item()).all_coeffs()]
    return functools.reduce(lambda sum_so_far, coefficient: sum_so_far * at + Ball(coefficient), coefficients, Ball(0))


# --- R6: how many steps ------------------------------------------------------------------------------------------------------------


def methods(
    gradient_descent: Step, heavy_ball: Step, nesterov: Step, adagrad: Step, rmsprop: Step, adam: Step, adadelta: Step
) -> dict[str, tuple[Callable[[float], Any], Callable[[Any], Any]]]:
    """Return the methods of table R6 with their settings: the step for a rate, and the initial state."""

    def with_state(step: Step, **settings: Any) -> Callable[[float], Any]:
        return lambda rate: lambda p, gradient, state: step(p, gradient(p), state, lr=rate, **settings)

    return {
        "SGD": (lambda rate: lambda p, gradient, state: (gradient_descent(p, gradient(p), lr=rate), state), lambda p: 0 * p),
        "momentum": (with_state(heavy_ball, momentum=0.9), lambda p: 0 * p),
        "NAG": (lambda rate: lambda p, gradient, state: nesterov(p, gradient, state, lr=rate, momentum=0.9), lambda p: 0 * p),
        "AdaGrad": (with_state(adagrad, eps=1e-8), lambda p: 0 * p),
        "RMSProp": (with_state(rmsprop, decay=0.9, eps=1e-8), lambda p: 0 * p),
        "Adam": (with_state(adam, beta1=0.9, beta2=0.999, eps=1e-8), lambda p: AdamState(0 * p, 0 * p, 0)),
        "AdaDelta": (
            lambda rate: lambda p, gradient, state: adadelta(p, gradient(p), state, decay=0.95, eps_grad=1e-6, eps_step=1e-6),
            lambda p: AdaDeltaState(0 * p, 0 * p),
        ),
    }


def never(most: int) -> Interval:
    """Return the number of steps tried, printed for a method that did not arrive."""
    return Interval(Decimal(most), Decimal(most), "never")


@reproduction(
    "landscape.saddle",
    "landscape.saddle.gradient",
    "landscape.saddle.escape",
    scope="x² − y² from (1, δ), float64",
    table="R6: steps to |y| > 1 beside the ridge of the saddle",
)
def r6_saddle(
    saddle_gradient: Step,
    saddle_escape_steps: Step,
    gradient_descent: Step,
    heavy_ball: Step,
    nesterov: Step,
    adagrad: Step,
    rmsprop: Step,
    adam: Step,
    adadelta: Step,
) -> Claims:
    """Gradient descent needs more steps the nearer it starts to the ridge, as the closed form says.

    Adaptive methods hardly do (table R6).
    """
    table = {
        "SGD": (0.01, (117, 349, 698)),
        "momentum": (0.01, (27, 72, 140)),
        "NAG": (0.01, (25, 68, 132)),
        "AdaGrad": (0.1, (16, 17, 17)),
        "RMSProp": (0.01, (68, 72, 72)),
        "Adam": (0.01, (72, 77, 77)),
        "AdaDelta": (0.0, (61, 27, 33)),
    }
    rules = methods(gradient_descent, heavy_ball, nesterov, adagrad, rmsprop, adam, adadelta)
    for name, (rate, counts) in table.items():
        rule, state = rules[name]
        for start, count in zip(FROM_RIDGE, counts, strict=True):
            got = steps_until(rule(rate), beside_the_ridge(saddle_gradient), start, state)
            yield TableCell(got, count, f"{name}, lr {rate:g}" if rate else name, f"δ = {start[1]:g}")
    for start, count in zip(FROM_RIDGE, table["SGD"][1], strict=True):
        yield saddle_escape_steps(start[1], lr=0.01), count


@reproduction(
    "landscape.long_valley",
    "landscape.long_valley.gradient",
    scope="(100 x² + y²/100)/2 from (1, 10), float64; 20 000 steps, in full 200 000",
    table="R6: steps to a height below .001 in the long valley",
    quick={"most": MOST},
    full={"most": 200_000},
)
def r6_valley(
    long_valley: Step,
    long_valley_gradient: Step,
    gradient_descent: Step,
    heavy_ball: Step,
    nesterov: Step,
    adagrad: Step,
    rmsprop: Step,
    adam: Step,
    adadelta: Step,
    *,
    most: int,
) -> Claims:
    """RMSProp never arrives at a constant rate, AdaDelta not within these steps (table R6)."""
    table = {
        "SGD": (0.019, 16353),
        "momentum": (0.019, 1615),
        "NAG": (0.01, 3090),
        "AdaGrad": (1.0, 85),
        "RMSProp": (0.01, never(most)),
        "Adam": (0.1, 167),
        "AdaDelta": (0.0, never(most)),
    }
    rules, landscape = (
        methods(gradient_descent, heavy_ball, nesterov, adagrad, rmsprop, adam, adadelta),
        downhill(long_valley, long_valley_gradient),
    )
    for name, (rate, count) in table.items():
        rule, state = rules[name]
        got = steps_until(rule(rate), landscape, FROM_SLOPE, state, most)
        yield TableCell(got, count, f"{name}, lr {rate:g}" if rate else name, "steps")


@reproduction(
    "landscape.beale",
    "landscape.beale.gradient",
    scope="from (1, 1.5), float64, RMSProp certified at 1024 bits; 20 000 steps, in full 200 000",
    table="R6: steps to a height below .001 on Beale's function",
    quick={"most": MOST},
    full={"most": 200_000},
)
def r6_beale(
    beale: Step,
    beale_gradient: Step,
    gradient_descent: Step,
    heavy_ball: Step,
    nesterov: Step,
    adagrad: Step,
    rmsprop: Step,
    adam: Step,
    adadelta: Step,
    *,
    most: int,
) -> Claims:
    """RMSProp needs 373 steps in exact arithmetic. Floats give 375 or 376, depending on the order of operations.

    The catalogue states 375 (table R6).
    """
    table = {
        "SGD": (0.001, 5538),
        "momentum": (0.001, 538),
        "NAG": (0.001, 540),
        "AdaGrad": (0.5, 519),
        "Adam": (0.01, 2085),
        "AdaDelta": (0.0, never(most)),
    }
    rules, landscape = (
        methods(gradient_descent, heavy_ball, nesterov, adagrad, rmsprop, adam, adadelta),
        downhill(beale, beale_gradient),
    )
    for name, (rate, count) in table.items():
        rule, state = rules[name]
        got = steps_until(rule(rate), landscape, FROM_PLAIN, state, most)
        yield TableCell(got, count, f"{name}, lr {rate:g}" if rate else name, "steps")
    with ctx.workprec(1024):
        point, mean_sq, count = Ball(FROM_PLAIN), Ball([0, 0]), 0
        hyper = {"lr": Ball(Fraction(1, 100)), "decay": Ball(Fraction(9, 10)), "eps": Ball(Fraction(1, 10**8))}
        while not bool(beale(point) < Ball(Fraction(1, 1000))):
            point, mean_sq = rmsprop(point, beale_gradient(point), mean_sq, **hyper)
            count += 1
    yield TableCell(count, Interval(Decimal(373), Decimal(373), "375"), "RMSProp, lr 0.01", "steps")


@reproduction(
    "landscape.beale",
    scope="from (−1, 1.5), float64, 2000 steps, in full 200 000, at the rates of R6",
    quick={"most": 2000},
    full={"most": 200_000},
)
def beale_from_the_wrong_side(
    beale: Step,
    beale_gradient: Step,
    gradient_descent: Step,
    heavy_ball: Step,
    nesterov: Step,
    adagrad: Step,
    rmsprop: Step,
    adam: Step,
    adadelta: Step,
    *,
    most: int,
) -> Claims:
    """No method arrives: all move along the valley in which y → 1 as x → −∞, away from the minimum.

    Not all do so for ever, as the catalogue says: at 200 000 steps descent and its momentum forms oscillate across the valley, whose walls
    get steeper, and AdaDelta returns.
    """
    rates = {"SGD": 0.001, "momentum": 0.001, "NAG": 0.001, "AdaGrad": 0.5, "RMSProp": 0.01, "Adam": 0.01, "AdaDelta": 0.0}
    for name, (rule, state) in methods(gradient_descent, heavy_ball, nesterov, adagrad, rmsprop, adam, adadelta).items():
        point, step = np.array([-1.0, 1.5]), rule(rates[name])
        memory, path = state(point), [point]
        for _ in range(most):
            point, memory = step(point, beale_gradient, memory)
            path.append(point)
        yield bool(min(map(beale, path)) >= LOW), True
        yield all(bool(after[0] < -1) for after in path[1:]), True
    yield bool(path[most // 2][0] < path[-1][0]), True  # AdaDelta has turned


# --- the long valley ---------------------------------------------------------------------------------------------------------------


@proof("landscape.long_valley", scope="every lr, start and number of steps; RMSProp with every memory that has settled")
def descent_in_the_valley(long_valley_gradient: Step, gradient_descent: Step, rmsprop: Step) -> Claims:
    """Descent multiplies x by 1 − 100 η and y by 1 − η/100 per step: stable for η < 1/50, and y needs about 100/η steps.

    RMSProp without eps has the cycle x = ± η/2 for every ρ, on which half the curvature times x² is 50 (η/2)².
    """
    yield from by_induction(
        lambda n: np.stack([(1 - 100 * lr) ** n * x, (1 - lr / 100) ** n * y]),
        lambda point: gradient_descent(point, long_valley_gradient(point), lr=lr),
        plane,
    )
    start = np.stack([lr / 2, ZERO + 1])
    slope = long_valley_gradient(start)
    moved, settled = rmsprop(start, slope, slope**2, lr=lr, decay=1 / (1 + q), eps=ZERO)
    yield moved[0], -lr / 2
    yield settled, slope**2


@certified_value("landscape.long_valley", scope="lr .019, as a decimal fraction: descent from (1, 10)")
def descent_arrives_exactly_then(long_valley: Step) -> Claims:
    """By the closed form the height falls below .001 at step 16353."""
    for steps, below in ((16352, False), (16353, True)):
        point = Ball([1 - 100 * Fraction(19, 1000), 1 - Fraction(19, 100_000)]) ** steps * Ball(FROM_SLOPE)
        yield bool(long_valley(point) < Ball(Fraction(1, 1000))), below


# --- the saddle --------------------------------------------------------------------------------------------------------------------


@proof(
    "landscape.saddle", "landscape.saddle.gradient", scope="every x, state, gradient history and hyper-parameter; eps > 0 where it divides"
)
def nothing_leaves_the_ridge(
    saddle_gradient: Step,
    gradient_descent: Step,
    heavy_ball: Step,
    nesterov: Step,
    adagrad: Step,
    rmsprop: Step,
    adam: Step,
    adadelta: Step,
) -> Claims:
    """From y = 0 with no memory of y, a step stays on y = 0 without memory of y, and so do all later steps."""
    ridge, rest, squares = np.stack([x, ZERO]), np.stack([v, ZERO]), np.stack([s, ZERO])
    slope = saddle_gradient(ridge)
    for point, *memory in (
        (gradient_descent(ridge, slope, lr=lr),),
        heavy_ball(ridge, slope, rest, lr=lr, momentum=mu),
        nesterov(ridge, saddle_gradient, rest, lr=lr, momentum=mu),
        adagrad(ridge, slope, squares, lr=lr, eps=eps),
        rmsprop(ridge, slope, squares, lr=lr, decay=beta, eps=eps),
        flat(adam(ridge, slope, AdamState(rest, squares, t), lr=lr, beta1=mu, beta2=1 / (1 + q), eps=eps)),
        flat(adadelta(ridge, slope, AdaDeltaState(squares, squares), decay=beta, eps_grad=eps, eps_step=root)),
    ):
        yield [pair[1] for pair in (point, *memory)], [ZERO] * (1 + len(memory))


def flat(result: tuple[Any, Any]) -> tuple[Any, ...]:
    """Return a point and the arrays of its state as one tuple."""
    point, memory = result
    return (point, *(part for part in memory if np.ndim(part)))


@proof("landscape.saddle", "landscape.saddle.gradient", "landscape.saddle.escape", scope="every lr and start within 1 of the ridge")
def descent_leaves_the_ridge(saddle_gradient: Step, saddle_escape_steps: Step, gradient_descent: Step) -> Claims:
    """A step multiplies y by 1 + 2 η = eᵍ, so after k steps ln|y| = k g − ln(1/δ).

    With ln(1/δ) = n g + r, r < g, this is positive from k = n + 1 on.

    The two parts of g = r + p, p > 0, stand for every quotient and remainder.
    """
    n = symbols("n", integer=True, nonnegative=True)
    rest, more = symbols("r", nonnegative=True), symbols("p", positive=True)
    growth = rest + more
    rate, start = (np.exp(growth) - 1) / 2, np.exp(-(n * growth + rest))
    yield from by_induction(
        lambda k: np.stack([(1 - 2 * lr) ** k * x, (1 + 2 * lr) ** k * y]),
        lambda point: gradient_descent(point, saddle_gradient(point), lr=lr),
        plane,
    )
    yield 1 + 2 * rate, np.exp(growth)
    yield saddle_escape_steps(start, lr=rate), n + 1
    yield [(n + 1) * growth - (n * growth + rest) > 0, n * growth - (n * growth + rest) <= 0], [True, True]


@certified_value("landscape.saddle.escape", scope="30 rates and starts as fractions, each walked in exact arithmetic")
def escapes_walked(saddle_escape_steps: Step, saddle_gradient: Step, gradient_descent: Step) -> Claims:
    """The closed form gives the number of steps.

    Where the quotient is an integer, one more than its ceiling, because |y| = 1 is not beyond 1.
    """
    for rate, start in itertools.product(
        (Fraction(1, 100), Fraction(1, 7), Fraction(1, 3), 1, 7), (1, Fraction(2, 3), Fraction(1, 10), Fraction(1, 1000))
    ):
        yield saddle_escape_steps(Ball(start), lr=Ball(rate)), walk(saddle_gradient, gradient_descent, start, rate)
    for power in range(1, 6):
        exact = saddle_escape_steps(Symbolic(Fraction(1, 2**power)), lr=Symbolic(Fraction(1, 2)))
        yield exact, walk(saddle_gradient, gradient_descent, Fraction(1, 2**power), Fraction(1, 2))
        yield exact, power + 1
    for start, count in zip((1, 3, 6), (117, 349, 698), strict=True):
        yield saddle_escape_steps(Ball(Fraction(1, 10**start)), lr=Ball(Fraction(1, 100))), count


def walk(gradient: Step, gradient_descent: Step, start: Any, rate: Any) -> int:
    """Return the number of steps of descent from the axis to |y| > 1, in fractions; 1000 if it takes more."""
    point, count = Rational([0, start]), 0
    while count < 1000 and not np.abs(point[1]) > 1:
        point, count = gradient_descent(point, gradient(point), lr=Rational(rate)), count + 1
    return count


# --- random Hessians ---------------------------------------------------------------------------------------------------------------

POSITIVE = (
    sp.Rational(1, 2),
    (2 - sp.sqrt(2)) / 4,
    (sp.pi - 2 * sp.sqrt(2)) / (4 * sp.pi),
    (4 * sp.pi - sp.sqrt(2) * sp.pi - 8) / (16 * sp.pi),
    (3 * sp.pi - 8 - sp.sqrt(2)) / (24 * sp.pi),
)


@proof("landscape.saddles_common", "landscape.saddles_common.density", scope="n = 1 … 5, exactly")
def all_eigenvalues_positive(eigenvalue_density: Step) -> Claims:
    """The probability is the integral of the density over positive eigenvalues divided by that over all.

    For ordered eigenvalues the density is the determinant of λᵢʲ times the product of the single densities. De Bruijn's formula makes its
    integral a Pfaffian of double integrals, those of xⁱ yʲ − xʲ yⁱ over x < y, computed in polar coordinates; for odd n single integrals
    are appended.
    """
    yield eigenvalue_density(np.stack([x])), np.exp(-(x**2) / 2)
    for n, claimed in enumerate(POSITIVE, start=1):
        ordered = np.cumsum(np.stack([x, *symbols("gap", n, positive=True)[1:]]))
        powers = sp.Matrix(n, n, lambda row, column, ordered=ordered: ordered[row].item() ** column)
        alone = [eigenvalue_density(np.stack([eigenvalue])) for eigenvalue in ordered]
        together = eigenvalue_density(ordered) / functools.reduce(np.multiply, alone)
        yield Symbolic(sp.powsimp(together.item())), Symbolic(sp.factor(determinant(powers)))
        yield Symbolic(sp.simplify(integral(eigenvalue_density, n, half=True) / integral(eigenvalue_density, n, half=False) - claimed)), 0


def determinant(matrix: Any) -> Any:
    """Return the determinant of a matrix of polynomials, in their ring."""
    polynomials = matrix.applyfunc(sp.expand).to_DM()
    return polynomials.domain.to_sympy(polynomials.det())


def integral(density: Step, n: int, *, half: bool) -> Any:
    """Return the integral of the density of n ordered eigenvalues over all positive ones, or over all: a Pfaffian."""
    size = n + n % 2
    pairs = sp.zeros(size, size)
    for i in range(n):
        for j in range(i + 1, n):
            pairs[i, j] = double_integral(density, i, j, half)
        if n % 2:
            pairs[i, n] = single_integral(density, i, half)
    return pfaffian(pairs)


R, ANGLE, LINE = sp.Symbol("R", positive=True), sp.Symbol("phi", real=True), sp.Symbol("X", real=True)


def double_integral(density: Step, i: int, j: int, half: bool) -> Any:
    """Return ∫∫ (xⁱ yʲ − xʲ yⁱ) over x < y with the single densities of x and y: radial and angular part."""
    at = (sp.cos(ANGLE), sp.sin(ANGLE))
    weight = sp.exp(sp.trigsimp(sp.log(density(Symbolic([R * at[0]])).item()) + sp.log(density(Symbolic([R * at[1]])).item())))
    ends = (sp.pi / 4, sp.pi / 2) if half else (sp.pi / 4, 5 * sp.pi / 4)
    radial = sp.integrate(R ** (i + j + 1) * weight, (R, 0, sp.oo))
    return radial * sp.integrate(sp.expand(at[0] ** i * at[1] ** j - at[0] ** j * at[1] ** i), (ANGLE, *ends))


def single_integral(density: Step, i: int, half: bool) -> Any:
    """Return ∫ xⁱ with the single density of x."""
    return sp.integrate(LINE**i * density(Symbolic([LINE])).item(), (LINE, 0 if half else -sp.oo, sp.oo))


def pfaffian(upper: Any) -> Any:
    """Return the Pfaffian of the skew matrix with this upper triangle, by expansion along its first row."""
    if not upper.rows:
        return sp.Integer(1)
    total = sp.Integer(0)
    for j in range(1, upper.rows):
        rest = [k for k in range(1, upper.rows) if k != j]
        total += (-1) ** (j + 1) * upper[0, j] * pfaffian(upper.extract(rest, rest))
    return sp.expand(total)


@proof("landscape.saddles_common.density", scope="n = 2: every pair of eigenvalues; the integrals of n = 1, 2")
def density_of_two(eigenvalue_density: Step, symmetric_part: Step) -> Claims:
    """For n = 2 the map from eigenvalues and angle to the matrix has the Jacobian λ₂ − λ₁, and Σ Hᵢⱼ² = λ₁² + λ₂²."""
    low, gap = x.item(), a.item()
    turn = sp.Matrix([[sp.cos(ANGLE), -sp.sin(ANGLE)], [sp.sin(ANGLE), sp.cos(ANGLE)]])
    matrix = symmetric_part(Symbolic(np.array((turn * sp.diag(low, low + gap) * turn.T).tolist(), dtype=object)))
    entries = sp.Matrix([entry.item() for entry in (matrix[0, 0], matrix[0, 1], matrix[1, 1])])
    high = sp.Symbol("high", real=True)
    jacobian_determinant = sp.simplify(entries.subs(gap, high - low).jacobian([low, high, ANGLE]).det())
    weight = sp.exp(-sp.simplify(sum(entry.item() ** 2 for entry in np.reshape(matrix, (-1,)))) / 2)
    yield Symbolic(sp.simplify(sp.Abs(jacobian_determinant.subs(high, low + gap)) * weight)), eigenvalue_density(np.stack([x, x + a]))
    pair = eigenvalue_density(np.stack([x, x + a])).item()
    yield Symbolic(sp.integrate(pair, (gap, 0, sp.oo), (low, -sp.oo, sp.oo))), Symbolic(integral(eigenvalue_density, 2, half=False))


@law("landscape.saddles_common.density", scope="float64, within rounding")
def order_and_signs_do_not_matter(eigenvalue_density: Step, eigenvalues: Eigenvalues) -> Claims:
    """The density does not depend on the order of the eigenvalues and is the same for −H; for two equal eigenvalues it is 0."""
    density = eigenvalue_density(eigenvalues)
    yield eigenvalue_density(np.flip(eigenvalues)), density
    yield eigenvalue_density(-eigenvalues), density
    yield eigenvalue_density(np.concatenate([eigenvalues, eigenvalues])), 0 * density


@proof("landscape.saddles_common.ensemble", scope="every size")
def ensemble_is_orthogonal(symmetric_part: Step) -> Claims:
    """Its density is exp(−Σ Hᵢⱼ²/2): H is symmetric and Σ Aᵢⱼ² = Σ Hᵢⱼ² + Σ Kᵢⱼ² with the skew part K, independent of H.

    The density does not change under H → Q H Qᵀ; the variance of an entry is 1 on the diagonal and 1/2 off it.
    """
    n, i, j = (sp.Symbol(name, integer=True, positive=True) for name in ("n", "i", "j"))
    square = tensor("A", n, n)
    matrix = symmetric_part(square)
    yield matrix, np.transpose(matrix)
    yield np.sum(square**2), np.sum(matrix**2) + np.sum((square - matrix) ** 2)
    yield np.sum(matrix * (square - matrix)), 0
    entry: Any = Tensor(sp.diff(matrix.at(i, j), square.element.base[tuple(axis for axis, _ in square.axes)]) ** 2, square.axes)
    yield np.sum(entry), Tensor((1 + sp.KroneckerDelta(i, j)) / 2)


@law("landscape.saddles_common.ensemble", scope="float64, bit for bit", exact=True)
def symmetric_to_the_last_bit(symmetric_part: Step, square: Matrix) -> Claims:
    """The result is exactly symmetric, and a symmetric matrix is unchanged."""
    matrix = symmetric_part(square)
    yield matrix, matrix.T
    yield symmetric_part(matrix), matrix


@statistics(
    "landscape.saddles_common",
    "landscape.saddles_common.ensemble",
    scope="5000 matrices of each size 1 … 5, in full 400 000, seed 0; error probability 1e−9 each by Bernstein's inequality",
    table="Share of random symmetric matrices without a negative eigenvalue",
    quick={"count": 5000},
    full={"count": 400_000},
)
def shares_of_minima(symmetric_part: Step, *, count: int) -> Claims:
    """The fraction of positive definite matrices differs from its probability by no more than chance allows."""
    source, log = np.random.default_rng(0), math.log(2 / 1e-9)
    for n, probability in enumerate(map(float, POSITIVE), start=1):
        matrices = np.stack([symmetric_part(matrix) for matrix in source.normal(size=(count, n, n))])
        share = float(np.mean(np.linalg.eigvalsh(matrices)[:, 0] > 0))
        slack = log / (3 * count)
        reach = slack + math.sqrt(slack**2 + 2 * probability * (1 - probability) * log / count)
        yield TableCell(
            share, Interval(Decimal(probability - reach), Decimal(probability + reach), f"{probability:.6f}"), f"n = {n}", "share"
        )


# --- networks of linear layers, and one that is not --------------------------------------------------------------------------------

outputs, hidden, inputs_, samples_ = (sp.Symbol(name, integer=True, positive=True) for name in ("o", "h", "n", "m"))
A, B, DATA, GOAL = (
    tensor("A", outputs, hidden),
    tensor("B", hidden, inputs_),
    tensor("D", inputs_, samples_),
    tensor("Y", outputs, samples_),
)


def identity(size: Any) -> Any:
    """Return the unit matrix."""
    (i, _), (j, _) = tensor("i", size).axes[0], tensor("j", size).axes[0]
    return Tensor(sp.KroneckerDelta(i, j), ((i, size), (j, size)))


@proof("landscape.baldi_hornik.loss", "landscape.baldi_hornik.gradient", scope="every number of inputs, hidden units, outputs and samples")
def slopes_of_linear_networks(linear_network_loss: Step, linear_network_gradient: Step) -> Claims:
    """The gradient is the derivative of the error by each entry of each layer."""
    i, j = (sp.Symbol(name, integer=True, positive=True) for name in ("i", "j"))
    error = linear_network_loss(A, B, DATA, GOAL)
    by_outer, by_inner = linear_network_gradient(A, B, DATA, GOAL)
    yield Tensor(partial(error, "A", i, j)), Tensor(by_outer.at(i, j))
    yield Tensor(partial(error, "B", i, j)), Tensor(by_inner.at(i, j))


@proof(
    "landscape.baldi_hornik",
    "landscape.baldi_hornik.loss",
    scope="every number of inputs, hidden units, outputs and samples, all layers and data",
)
def no_bad_minima(linear_network_loss: Step, linear_network_gradient: Step) -> Claims:
    """If the gradient by A B is 0, no point is lower. If it is not 0 and a layer lacks rank, lower errors are arbitrarily near.

    Error and gradient depend only on W = A B: with G the gradient by W, E(V) = E(W) + ⟨G, V − W⟩ + ‖(V − W) D‖²/2. Let (A, B) be critical,
    G Bᵀ = 0 and Aᵀ G = 0, with G ≠ 0. If A u = 0 for some u ≠ 0, then (A, B + u wᵀ) has the same error for all w and the gradient (G w) uᵀ
    by A, which is not 0 for some arbitrarily small w. If uᵀ B = 0, the same holds for (A + w uᵀ, B) and u (wᵀ G). Otherwise both layers
    have rank h; if h is the number of outputs or of inputs, A or B is then invertible, and G = 0. So a local minimum is global if the
    hidden layer is as wide as the input or the output.
    """
    product = tensor("W", outputs, inputs_)
    u, w_in, w_out = (tensor(name, size) for name, size in (("u", hidden), ("w", inputs_), ("p", outputs)))
    error, slope = functools.partial(of_product, linear_network_loss), lambda product: of_product(linear_network_gradient, product)[0]
    by_outer, by_inner = linear_network_gradient(A, B, DATA, GOAL)
    yield by_outer, slope(A @ B) @ np.transpose(B)
    yield by_inner, np.transpose(A) @ slope(A @ B)
    yield linear_network_loss(A, B, DATA, GOAL), error(A @ B)
    yield error(product), np.sum((product @ DATA - GOAL) ** 2) / 2
    yield slope(product), (product @ DATA - GOAL) @ np.transpose(DATA)
    rest, change = tensor("R", outputs, samples_), tensor("C", outputs, inputs_)  # W D − Y, and V − W
    expansion = np.sum(rest**2) / 2 + np.sum(rest @ np.transpose(DATA) * change) + np.sum((change @ DATA) ** 2) / 2
    yield np.sum((rest + change @ DATA) ** 2) / 2, expansion
    yield A @ (B + np.linalg.outer(u, w_in)), A @ B + np.linalg.outer(A @ u, w_in)  # A u = 0 where A lacks rank
    yield (A + np.linalg.outer(w_out, u)) @ B, A @ B + np.linalg.outer(w_out, u @ B)  # uᵀ B = 0 where B lacks rank
    yield (
        slope(product) @ np.transpose(B + np.linalg.outer(u, w_in)),
        slope(product) @ np.transpose(B) + np.linalg.outer(slope(product) @ w_in, u),
    )
    yield (
        np.transpose(A + np.linalg.outer(w_out, u)) @ slope(product),
        np.transpose(A) @ slope(product) + np.linalg.outer(u, w_out @ slope(product)),
    )


def of_product(network: Step, product: Any) -> Any:
    """Return a formula of two layers as a function of their product: the inner layer is the unit matrix."""
    return network(product, identity(inputs_), DATA, GOAL)


@proof(
    "landscape.baldi_hornik",
    scope="one unit each, target 1: all points; 2-1-2 on independent inputs, all scales s₁ > s₂ > 0 of the targets",
)
def critical_points_listed(linear_network_loss: Step, linear_network_gradient: Step) -> Claims:
    """For (1 − a b)²/2 the critical points are a b = 1, with error 0, and the origin, where the Hessian has eigenvalues ± 1.

    For 2-1-2 with A = (a₁, a₂)ᵀ, B = (b₁, b₂), targets diag(s₁, s₂), α = ‖A‖², β = ‖B‖²: where the gradient vanishes, so do b₁ (α β − s₁²)
    and b₂ (α β − s₂²). So the point is the origin, or A B = diag(s₁, 0), the best of rank one, or A B = diag(0, s₂), where a turn towards
    the first lowers the error.
    """
    unit = Symbolic([[1]])
    a1, a2, b1, b2 = symbols("a_1 a_2 b_1 b_2")
    by_outer, by_inner = linear_network_gradient(np.reshape(a1, (1, 1)), np.reshape(b1, (1, 1)), unit, unit)
    yield (by_outer[0, 0], by_inner[0, 0]), ((a1 * b1 - 1) * b1, (a1 * b1 - 1) * a1)
    slopes_at_origin = [
        sp.diff(gradient[0, 0].item(), by.item()).subs({a1.item(): 0, b1.item(): 0}) for gradient in (by_outer, by_inner) for by in (a1, b1)
    ]
    yield np.linalg.eigvalsh(np.reshape(Symbolic(slopes_at_origin), (2, 2))), Symbolic([-1, 1])
    yield linear_network_loss(np.reshape(1 / b, (1, 1)), np.reshape(b, (1, 1)), unit, unit), 0
    second, first = s, s + q
    inputs, targets = Symbolic(np.eye(2)), np.stack([np.stack([first, ZERO]), np.stack([ZERO, second])])
    column, row = np.stack([np.stack([a1]), np.stack([a2])]), np.stack([np.stack([b1, b2])])
    alpha, size = np.sum(column**2), np.sum(row**2)
    by_column, by_row = linear_network_gradient(column, row, inputs, targets)
    for index, (entry, scale) in enumerate(((b1, first), (b2, second))):
        yield entry * (alpha * size - scale**2), size * by_row[0, index] + scale * by_column[index, 0]
        yield by_column[index, 0], column[index, 0] * size - scale * entry
    turned = z / (1 + z)  # a number in (0, 1)
    bent = np.stack([np.stack([a * turned]), np.stack([a])]), second / a * np.stack([np.stack([turned, ONE])])
    flat_one = np.stack([np.stack([ZERO]), np.stack([a])]), second / a * np.stack([np.stack([ZERO, ONE])])
    yield linear_network_gradient(*flat_one, inputs, targets), (0, 0)
    gap = linear_network_loss(*bent, inputs, targets) - linear_network_loss(*flat_one, inputs, targets)
    yield gap, -second * turned**2 * (first - second - second * turned**2 / 2)


@enumeration(
    "landscape.baldi_hornik",
    "landscape.baldi_hornik.loss",
    "landscape.baldi_hornik.gradient",
    scope="exact, all layers from −2 … 2, 1-2-1, two samples",
)
def critical_points_of_a_lattice(linear_network_loss: Step, linear_network_gradient: Step) -> Claims:
    """Of these points only the origin is critical, and a step away from it lowers the error.

    For inputs 1, 2 and targets 1, 3 the error of a product p is ((p − 1)² + (2 p − 3)²)/2, least at 7/5, which no lattice point has.
    """
    inputs, targets = Rational([[1, 2]]), Rational([[1, 3]])
    critical = []
    for entries in itertools.product(range(-2, 3), repeat=4):
        outer, inner = Rational([entries[:2]]), Rational([[entries[2]], [entries[3]]])
        product = int(np.dot(entries[:2], entries[2:]))
        yield linear_network_loss(outer, inner, inputs, targets), Fraction((product - 1) ** 2 + (2 * product - 3) ** 2, 2)
        gradient = linear_network_gradient(outer, inner, inputs, targets)
        slope = 5 * product - 7
        yield gradient, (slope * np.array([entries[2:]]), slope * np.array([[entries[0]], [entries[1]]]))
        critical += [entries] if not any(slope * entry for entry in entries) else []
    yield critical, [(0, 0, 0, 0)]
    beside = Rational([[Fraction(1, 100), 0]]), Rational([[Fraction(1, 100)], [0]])
    yield bool(linear_network_loss(*beside, inputs, targets) < 5), True


@law("landscape.baldi_hornik.gradient", "landscape.baldi_hornik.loss", scope="float64, within rounding")
def layers_can_be_rescaled(
    linear_network_loss: Step, linear_network_gradient: Step, outer: Outer, inner: Inner, inputs: LinearInputs, targets: LinearTargets
) -> Claims:
    """2 A and B/2 have the same error as A and B; the gradients scale inversely."""
    yield linear_network_loss(2 * outer, inner / 2, inputs, targets), linear_network_loss(outer, inner, inputs, targets)
    by_outer, by_inner = linear_network_gradient(outer, inner, inputs, targets)
    yield linear_network_gradient(2 * outer, inner / 2, inputs, targets), (by_outer / 2, 2 * by_inner)


TANH_DATA = ([[Fraction(1, 8), 1, 8]], [[2, 1, 4]])
BOX = ((Fraction(5, 2), Fraction(1, 4)), (Fraction(35, 4), Fraction(5, 4)))  # centre and half width of a and b
BETTER = (Fraction(97, 24), Fraction(8, 25))


def tanh_error(tanh_network_loss: Step, outer: Any, inner: Any) -> Any:
    """Return the error of a · tanh(b x) on three samples."""
    return tanh_network_loss(np.reshape(outer, (1, 1)), np.reshape(inner, (1, 1)), *map(Ball, TANH_DATA))


def piece_of(middle: Fraction, half: Fraction, number: int, count: int) -> Any:
    """Return one of equal parts of an interval, as a ball."""
    return Ball(middle - half + half * Fraction(2 * number + 1, count)) + Ball(arb(0, float(half) * (1 + 2**-40) / count))


def tiles(count: int) -> Iterator[list[Any]]:
    """Yield balls that cover the box, one for each tile."""
    for places in itertools.product(range(count), repeat=2):
        yield [piece_of(*side, index, count) for side, index in zip(BOX, places, strict=True)]


@certified_value(
    "landscape.baldi_hornik", "landscape.baldi_hornik.tanh", scope="inputs 1/8, 1, 8, targets 2, 1, 4: a box of (a, b), covered by balls"
)
def a_local_minimum_that_is_not_global(tanh_network_loss: Step) -> Claims:
    """On the edge of a box around (5/2, 35/4) the error of a tanh(b x) exceeds that at its centre, so the box contains a local minimum.

    Everywhere in the box the error exceeds that of another point, so this minimum is not the global one.
    """
    centre, better = (tanh_error(tanh_network_loss, *map(Ball, point)) for point in ([side[0] for side in BOX], BETTER))
    edge = [
        tanh_error(tanh_network_loss, *((piece_of(*BOX[0], k, 256), end(1)) if along else (end(0), piece_of(*BOX[1], k, 256))))
        for along in (0, 1)
        for end in (lambda side: Ball(BOX[side][0] - BOX[side][1]), lambda side: Ball(BOX[side][0] + BOX[side][1]))
        for k in range(256)
    ]
    yield all(bool(error > centre) for error in edge), True
    inside = [tanh_error(tanh_network_loss, *tile) for tile in tiles(48)]
    yield all(bool(error > better) for error in inside), True
    yield (centre, better), (prints_as("2.25001"), prints_as("1.7214"))


@erratum("E53")
def any_mlp_has_no_bad_minima(tanh_network_loss: Step) -> Claims:
    """As printed, for any activation: no local minimum is higher than the global one."""
    higher_edge, higher_than_another, _ = (claim[0] for claim in a_local_minimum_that_is_not_global(tanh_network_loss))
    yield higher_edge and higher_than_another, False


@proof("landscape.baldi_hornik.tanh", scope="one sample, one unit each, every weight; 2-2-2 by hand")
def tanh_network_by_hand(tanh_network_loss: Step, linear_network_loss: Step) -> Claims:
    """For one sample and unit the error is (a tanh(b x) − y)²/2; two units and two outputs add up.

    For small inputs ε it is the linear network's up to ε³.
    """
    a1, b1, goal = symbols("a_1 b_1 goal")
    single = tanh_network_loss(*(np.reshape(value, (1, 1)) for value in (a1, b1, x, goal)))
    yield single, (a1 * np.tanh(b1 * x) - goal) ** 2 / 2
    outer, inner, data, goals = symbols("A", 2, 2), symbols("B", 2, 2), symbols("D", 2, 2), symbols("Y", 2, 2)
    total = ZERO
    for sample, row in itertools.product(range(2), repeat=2):
        output = sum(outer[row, k] * np.tanh(inner[k, 0] * data[0, sample] + inner[k, 1] * data[1, sample]) for k in range(2))
        total = total + (output - goals[row, sample]) ** 2 / 2
    yield tanh_network_loss(outer, inner, data, goals), total
    small = sp.Symbol("small", positive=True)
    gap = [
        net(*(np.reshape(value, (1, 1)) for value in (a1, b1, Symbolic(small), goal))).item()
        for net in (tanh_network_loss, linear_network_loss)
    ]
    difference = gap[0] - gap[1]
    yield [Symbolic(sp.diff(difference, small, order).subs(small, 0)) for order in range(3)], [ZERO] * 3


# --- K-means -----------------------------------------------------------------------------------------------------------------------

N, K, dims = (sp.Symbol(name, integer=True, positive=True) for name in ("N", "K", "d"))


def points_on_a_line(*places: Any) -> Any:
    """Return points of one dimension."""
    return np.stack([np.stack([point]) for point in places])


def distances_in_order() -> Iterator[tuple[Any, list[int]]]:
    """Yield three centres around x at the distances a, a + b, a + b + c, in every order and on every side, with their ranks."""
    for order, signs in itertools.product(itertools.permutations(range(3)), itertools.product((-1, 1), repeat=3)):
        far = [x + sign * distance for sign, distance in zip(signs, (a, a + b, a + b + c), strict=True)]
        yield points_on_a_line(*(far[index] for index in order)), list(order)


@proof("kmeans.assign", scope="one point, three centres at any three different distances, in every order; two at a tie")
def nearest_is_best(nearest_centres: Step, mean_squared_distance: Step) -> Claims:
    """The point is assigned to the nearest centre, any other choice costs more, and at a tie the first centre is chosen.

    Only the distances to the centres matter, in every dimension, and points do not influence each other.
    """
    point, choices = points_on_a_line(x), Symbolic(np.eye(3, dtype=int))
    for centres, order in distances_in_order():
        members = nearest_centres(point, centres)
        yield members, choices[order.index(0)][None]
        for other in (order.index(1), order.index(2)):
            cost = mean_squared_distance(point, choices[other][None], centres) - mean_squared_distance(point, members, centres)
            yield cost > 0, True
    yield nearest_centres(point, points_on_a_line(x + a, x - a)), Symbolic([[1, 0]])


def lattices() -> Iterator[tuple[Any, Any]]:
    """Yield points and centres of small integers in one to three dimensions, the same in every run."""
    source = np.random.default_rng(0)
    for size, clusters, width in itertools.product((1, 4, 7), (1, 2, 3), (1, 2, 3)):
        yield Rational(source.integers(-3, 4, (size, width))), Rational(source.integers(-3, 4, (clusters, width)))


@enumeration("kmeans.assign", "kmeans.objective", scope="exact, 27 sets of up to 7 points and 3 centres, every assignment of each set")
def no_assignment_is_better(nearest_centres: Step, mean_squared_distance: Step) -> Claims:
    """The cost of the assignment is the least over all assignments: the mean over the points of the least squared distance.

    Ties go to the first centre.
    """
    for points, centres in lattices():
        members = nearest_centres(points, centres)
        squares = [
            [sum((coordinate - centre_coordinate) ** 2 for coordinate, centre_coordinate in zip(p, q, strict=True)) for q in exact(centres)]
            for p in exact(points)
        ]
        yield members, Rational([[int(k == row.index(min(row))) for k in range(len(row))] for row in squares])
        cost = mean_squared_distance(points, members, centres)
        yield cost, sum(map(min, squares)) / len(squares)
        if len(squares) > 4:
            continue
        for labels in itertools.product(range(len(centres)), repeat=len(squares)):
            other = Rational(np.eye(len(centres), dtype=int)[list(labels)])
            yield mean_squared_distance(points, other, centres), sum(row[k] for row, k in zip(squares, labels, strict=True)) / len(squares)
            yield bool(mean_squared_distance(points, other, centres) >= cost), True


def exact(array: Any) -> list[list[Fraction]]:
    """Return an array of two axes as fractions."""
    return [[Fraction(int(entry.p), int(entry.q)) for entry in row] for row in Rational.object_array(array)]


WHERE_MEMBERS, WHERE_NONE = 0, 1


def case(array: Any, which: int) -> Any:
    """Return a result with its one condition decided: for a centre with points, or for one without."""
    return Tensor(array.element.replace(lambda e: isinstance(e, sp.Piecewise), lambda e: e.args[which][0]), array.axes)


@proof("kmeans.update", "kmeans.objective", scope="every number of points, centres and dimensions, every weights as members")
def means_are_best(cluster_means: Step, mean_squared_distance: Step) -> Claims:
    """A centre m with points satisfies n m = Σ z x, and moving it to c raises the objective by n ‖c − m‖²/N.

    So only the mean is optimal. A centre without points stays, and costs nothing.
    """
    points, members, centres = tensor("x", N, dims), tensor("z", N, K, nonnegative=True), tensor("c", K, dims)
    counts = np.expand_dims(np.sum(members, axis=0), 1)
    moved = cluster_means(points, members, centres)
    yield counts * case(moved, WHERE_MEMBERS), np.transpose(members) @ points
    yield case(moved, WHERE_NONE), centres
    mean = tensor("mean", K, dims)
    gap = mean_squared_distance(points, members, centres) - mean_squared_distance(points, members, mean)
    pull = np.transpose(members) @ points - counts * mean  # 0 at the means
    yield gap, (np.sum(counts * (centres - mean) ** 2) - 2 * np.sum(pull * (centres - mean))) / Tensor(N)


@derivative("kmeans.objective", "kmeans.update", scope="certified, 5 points, 3 centres, one of them without points")
def objective_is_flat_at_the_means(cluster_means: Step, mean_squared_distance: Step) -> Claims:
    """The derivative by the centres is 2 (n c − Σ z x)/N: 0 at the means, and 0 for the centre without points."""
    points, centres = Ball([[0, 1], [2, -1], [4, 7], [5, 5], [9, 9]]), np.array([[1.0, 0.0], [6.0, 6.0], [-9.0, -9.0]])
    members = Ball([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]])

    def objective(flat_centres: Any) -> Any:
        return np.stack([mean_squared_distance(points, members, np.reshape(flat_centres, (3, 2)))])

    counts = np.expand_dims(np.sum(members, axis=0), 1)
    slope = 2 * (counts * Ball(centres) - np.transpose(members) @ points) / 5
    yield jacobian(objective, centres.ravel())[0], np.reshape(slope, (-1,))
    moved = cluster_means(points, members, Ball(centres))
    yield moved, Ball([[1, 0], [6, 7], [-9, -9]])
    yield jacobian(objective, np.reshape(moved, (-1,)))[0], Ball([0] * 6)


@enumeration("kmeans.update", scope="exact, every assignment of 4 points to 3 centres")
def means_by_hand(cluster_means: Step) -> Claims:
    """The means computed independently in fractions, including centres without points."""
    points, centres = [(0, 1), (2, -1), (4, 7), (5, 5)], [(10, 0), (0, 10), (-3, -3)]
    for labels in itertools.product(range(3), repeat=4):
        groups = [[p for p, label in zip(points, labels, strict=True) if label == k] or [centres[k]] for k in range(3)]
        claimed = [[Fraction(sum(p[axis] for p in group), len(group)) for axis in (0, 1)] for group in groups]
        yield cluster_means(Rational(points), Rational(np.eye(3, dtype=int)[list(labels)]), Rational(centres)), Rational(claimed)


@proof(
    "kmeans.lloyd", scope="any two pairs of points of width a, c, the second pair further off than both widths; no, one and two iterations"
)
def two_pairs(lloyd: Step, nearest_centres: Step, mean_squared_distance: Step) -> Claims:
    """From one point of each pair it arrives at the midpoints in one iteration, and the objective at half of its start (a² + c²)/4."""
    far = a + b + c
    points = points_on_a_line(x, x + a, x + a + far, x + a + far + c)
    start, end = points_on_a_line(x + a, x + a + far), points_on_a_line(x + a / 2, x + a + far + c / 2)
    yield lloyd(points, start, iterations=0), start
    for iterations in (1, 2):
        yield lloyd(points, start, iterations=iterations), end
    for centres, cost in ((start, (a**2 + c**2) / 4), (end, (a**2 + c**2) / 8)):
        yield mean_squared_distance(points, nearest_centres(points, centres), centres), cost


@enumeration("kmeans.lloyd", scope="exact, 27 sets of up to 7 points and 3 centres, to the end")
def objective_never_rises(lloyd: Step, nearest_centres: Step, cluster_means: Step, mean_squared_distance: Step) -> Claims:
    """No half of an iteration raises the objective. It decreases strictly until the centres stay the same, which happens in every case."""
    for points, start in lattices():
        costs, centres = [], start
        for iterations in range(9):
            members = nearest_centres(points, centres)
            moved = cluster_means(points, members, centres)
            before, after = (mean_squared_distance(points, members, means) for means in (centres, moved))
            costs += [before, after]
            yield lloyd(points, start, iterations=iterations), centres
            stands = bool(np.all(moved == centres))
            yield bool(after < before) or stands, True
            centres = moved
        yield all(bool(later <= sooner) for sooner, later in itertools.pairwise(costs)), True
        yield stands, True


SAMPLES = sp.IndexedBase("x", real=True)


def stream(n: Any) -> Any:
    """Return the n-th sample, a vector of one dimension."""
    return np.stack([Symbolic(SAMPLES[n.item() if hasattr(n, "item") else n])])


def mean_of_first(n: Any) -> CentreState:
    """Return one centre, the mean of the first n samples, and their number."""
    total = sp.Sum(SAMPLES[sp.Symbol("k", integer=True, positive=True)], (sp.Symbol("k", integer=True, positive=True), 1, n.item()))
    return CentreState(np.stack([np.stack([Symbolic(total) / n])]), np.stack([n]))


@proof("kmeans.online", scope="every number of points and every start; with three centres in every order of distance")
def centres_are_running_means(online_kmeans: Step, nearest_centres: Step, sgd: Step) -> Claims:
    """A centre with count 0 moves to its first point, and from the mean of n points to the mean of n + 1.

    The step is one of SGD on ‖x − c‖²/2 with the rate 1/n; centres that are not the nearest, and their counts, are unchanged.
    """
    start = CentreState(points_on_a_line(v), np.stack([ZERO]))
    yield from by_induction(
        lambda n: mean_of_first(n + 1), lambda state: online_kmeans(stream(t + 2), state), online_kmeans(stream(sp.Integer(1)), start)
    )
    n = symbols("n", 3, integer=True, nonnegative=True)
    for centres, order in distances_in_order():
        moved, counts = online_kmeans(np.stack([x]), CentreState(centres, n))
        (member,) = nearest_centres(points_on_a_line(x), centres)
        winner = order.index(0)
        yield counts, n + member
        for index in range(3):
            by_sgd = sgd(centres[index], (lambda centre: centre - x,), lr=1 / (n[index] + 1))
            yield moved[index], by_sgd if index == winner else centres[index]


@proof("kmeans.minibatch", scope="every count; batches of one, two and three at one centre; of one at three in every order of distance")
def batches_gather_means(minibatch_kmeans: Step, online_kmeans: Step) -> Claims:
    """A centre at c with n points moves to (n c + Σ x)/(n + b). A batch of one is a step of the online method.

    For more points by induction: one more point at the end of a batch is one more step.
    """
    n, points = symbols("n", integer=True, nonnegative=True), symbols("x", 4)
    for size in (1, 2, 3):
        state = CentreState(points_on_a_line(v), np.stack([n]))
        (centres,), (count,) = minibatch_kmeans(points_on_a_line(*points[:size]), state)
        yield (centres[0], count), ((n * v + np.sum(points[:size])) / (n + size), n + size)
        more = CentreState(np.stack([centres]), np.stack([count]))
        yield minibatch_kmeans(points_on_a_line(*points[: size + 1]), state), minibatch_kmeans(points_on_a_line(points[size]), more)
    for centres, _ in distances_in_order():
        state = CentreState(centres, symbols("n", 3, integer=True, nonnegative=True))
        yield minibatch_kmeans(points_on_a_line(x), state), online_kmeans(np.stack([x]), state)


@enumeration("kmeans.online", "kmeans.minibatch", scope="exact, 27 sets of up to 7 points and 3 centres, from counts 0 and from others")
def gathered_by_hand(online_kmeans: Step, minibatch_kmeans: Step, nearest_centres: Step, lloyd: Step) -> Claims:
    """In the online method each centre is the mean of its points; a batch of all, from counts 0, makes one iteration of Lloyd.

    A batch is assigned before any centre moves; the online method may assign the second of two points differently.
    """
    for points, centres in lattices():
        state = CentreState(centres, 0 * centres[:, 0])
        gathered: list[list[Any]] = [[] for _ in exact(centres)]
        for point in points:
            (member,) = nearest_centres(np.expand_dims(point, 0), state.centres)
            gathered[exact(np.expand_dims(member, 0))[0].index(Fraction(1))].append(point)
            state = online_kmeans(point, state)
        claimed = [sum(group, 0 * point) / len(group) if group else centre for group, centre in zip(gathered, centres, strict=True)]
        yield state, (np.stack(claimed), Rational([len(group) for group in gathered]))
        members = nearest_centres(points, centres)
        for counts in (0 * centres[:, 0], 0 * centres[:, 0] + 2):
            moved, after = minibatch_kmeans(points, CentreState(centres, counts))
            yield after, counts + np.sum(members, axis=0)
        yield np.expand_dims(after, 1) * moved, 2 * centres + np.transpose(members) @ points
        yield minibatch_kmeans(points, CentreState(centres, 0 * counts)).centres, lloyd(points, centres, iterations=1)
    start, points = CentreState(Rational([[0], [10]]), Rational([0, 0])), Rational([[4], [6]])
    yield minibatch_kmeans(points, start), (Rational([[4], [6]]), Rational([1, 1]))
    yield online_kmeans(points[1], online_kmeans(points[0], start)), (Rational([[5], [10]]), Rational([2, 0]))


# --- R7: K-means of many points ----------------------------------------------------------------------------------------------------


def mixture(seed: int, size: int, clusters: int, width: int) -> tuple[Any, Any, Any]:
    """Return a source, points around centres drawn from N(0, 4 I) with deviations N(0, I), and some of the points as start."""
    source = np.random.default_rng(seed)
    middles = source.normal(0, 2, (clusters, width))
    points = middles[source.integers(clusters, size=size)] + source.normal(size=(size, width))
    return source, points, points[source.choice(size, clusters, replace=False)]


def costs_of_r7(seed: int, size: int, clusters: int, width: int, iterations: int, formulas: tuple[Step, ...]) -> dict[str, float]:
    """Return the mean squared distances that the methods of table R7 reach on one mixture from the same centres."""
    nearest_centres, mean_squared_distance, lloyd, online_kmeans, minibatch_kmeans = formulas
    source, points, start = mixture(seed, size, clusters, width)

    def cost(centres: Any) -> float:
        return float(mean_squared_distance(points, nearest_centres(points, centres), centres))

    costs = {
        "Lloyd, 1 iteration": cost(lloyd(points, start, iterations=1)),
        "Lloyd, converged": cost(lloyd(points, start, iterations=iterations)),
    }
    state = CentreState(start, np.zeros(clusters))
    for count, index in enumerate(source.permutation(size), start=1):
        state = online_kmeans(points[index], state)
        if count == size // 10:
            costs["online, 0.1 epoch"] = cost(state.centres)
    costs["online, 1 epoch"] = cost(state.centres)
    for batch in (size // 100, size // 10):
        state = CentreState(start, np.zeros(clusters))
        for _ in range(size // (2 * batch)):
            state = minibatch_kmeans(points[source.choice(size, batch, replace=False)], state)
        costs[f"minibatch N/{size // batch} × {size // (2 * batch)}"] = cost(state.centres)
    return costs


@reproduction(
    "kmeans.lloyd",
    "kmeans.online",
    "kmeans.minibatch",
    scope="N = 10 000, K = 20, d = 10, 2 seeds, in full 20; each mean within reach of the table's: error probability 1e−6",
    table="R7: mean squared distance, on data of our own",
    quick={"seeds": 2, "iterations": 12},
    full={"seeds": 20, "iterations": 60},
)
def r7(
    nearest_centres: Step,
    mean_squared_distance: Step,
    lloyd: Step,
    online_kmeans: Step,
    minibatch_kmeans: Step,
    *,
    seeds: int,
    iterations: int,
) -> Claims:
    """The means of 20 runs in the table and of our runs differ by no more than chance allows (table R7).

    Means of one normal distribution differ by at most 4.9 √(1/20 + 1/n) deviations. A closer comparison is not possible, because the
    generator of the other sample is not known.
    """
    table = {
        "Lloyd, 1 iteration": ("15.371", 1.606),
        "Lloyd, converged": ("10.892", 0.509),
        "online, 1 epoch": ("11.564", 0.817),
        "online, 0.1 epoch": ("12.060", 1.027),
        "minibatch N/100 × 50": ("11.785", 0.765),
        "minibatch N/10 × 5": ("12.733", 0.896),
    }
    formulas = (nearest_centres, mean_squared_distance, lloyd, online_kmeans, minibatch_kmeans)
    runs = [costs_of_r7(seed, 10_000, 20, 10, iterations, formulas) for seed in range(seeds)]
    for name, (mean, deviation) in table.items():
        reach = Decimal(4.9 * deviation * math.sqrt(1 / 20 + 1 / seeds))  # a normal number is beyond 4.9 with probability 1e−6
        got = [run[name] for run in runs]
        yield TableCell(float(np.mean(got)), Interval(Decimal(mean) - reach, Decimal(mean) + reach, mean), name, "mean")


def chance_of(wins: int, runs: int) -> float:
    """Return the probability of at least so many wins if both outcomes of a run are equally likely."""
    return sum(math.comb(runs, k) for k in range(wins, runs + 1)) / 2**runs


@statistics(
    "kmeans.lloyd",
    "kmeans.online",
    "kmeans.minibatch",
    "kmeans.objective",
    scope="N = 1000, K = 8, d = 5, 30 seeds, in full 400: sign tests of pairs; error probability 1e−6 each",
    quick={"seeds": 30},
    full={"seeds": 400},
)
def orders_of_r7(
    nearest_centres: Step, mean_squared_distance: Step, lloyd: Step, online_kmeans: Step, minibatch_kmeans: Step, *, seeds: int
) -> Claims:
    """On one mixture one method is better than the other more often than chance allows (table R7).

    One epoch online, and half an epoch in batches of N/100, are better than an iteration of Lloyd, which reads as much data or more; run to
    the end, Lloyd is better than both.
    """
    formulas = (nearest_centres, mean_squared_distance, lloyd, online_kmeans, minibatch_kmeans)
    runs = [costs_of_r7(seed, 1000, 8, 5, 20, formulas) for seed in range(1000, 1000 + seeds)]
    for better, worse in (
        ("online, 1 epoch", "Lloyd, 1 iteration"),
        ("minibatch N/100 × 50", "Lloyd, 1 iteration"),
        ("Lloyd, converged", "online, 1 epoch"),
        ("Lloyd, converged", "minibatch N/100 × 50"),
        ("online, 1 epoch", "online, 0.1 epoch"),
    ):
        wins = sum(run[better] < run[worse] for run in runs)
        yield chance_of(wins, seeds) < 1e-6, True


# --- statements of polls and summaries ---------------------------------------------------------------------------------------------

h_all, x_all, point_all = tensor("h", N), tensor("x", N), Tensor(sp.Symbol("theta", real=True))
nothing = tensor("r", dims) * 0


def towards(target: Any, curvature: Any = 1) -> Callable[[Any], Any]:
    """Return the gradient of h (θ − x)²/2."""
    return lambda point: curvature * (point - target)


@proof("claims.poll1", scope="every number of samples and dimensions; squared errors of every curvature")
def poll_1(minibatch_gradient: Step, empirical_risk: Step, gradient_descent: Step) -> Claims:
    """The gradient of the mean loss is the mean of all gradients, to each of which a sample contributes 1/N.

    A step along it lowers that loss.

    All four statements are true: it uses the whole batch, lowers the total, optimizes the actual loss, and no sample can be omitted.
    """
    grads, (sample, j, entry) = tensor("g", N, dims), sp.symbols("i j e", integer=True, positive=True)
    full = minibatch_gradient(grads, nothing, strength=Tensor(sp.Integer(0)))
    share = sp.diff(full.at(j), sp.IndexedBase("g", real=True)[sample, entry])
    yield Tensor(share), Tensor(sp.KroneckerDelta(j, entry) / N)
    risk = empirical_risk(h_all * (point_all - x_all) ** 2 / 2)
    slope = np.mean(h_all * (point_all - x_all))
    yield Tensor(sp.diff(risk.element, point_all.element)), slope
    rate, bend = Tensor(sp.Symbol("lr", positive=True)), np.mean(h_all)
    after = empirical_risk(h_all * (gradient_descent(point_all, slope, lr=rate) - x_all) ** 2 / 2)
    yield risk - after, rate * (1 - rate * bend / 2) * slope**2


@enumeration("claims.poll1", scope="exact, five samples, every one left out in turn")
def poll_1_by_hand(minibatch_gradient: Step, gradient_descent: Step, sequential_batches: Step) -> Claims:
    """A batch of all makes one update per epoch from all samples and lowers the mean loss; without one sample it is another update."""
    targets, start, rate = [0, 1, 3, 5, 7], Rational(-2), Rational(Fraction(1, 2))
    (batch,) = sequential_batches(size=5, samples=5)
    yield sorted(batch.tolist()), list(range(5))

    def update(chosen: list[int]) -> Any:
        grads = Rational([[int(-2 - index)] for index in chosen])
        return gradient_descent(start, minibatch_gradient(grads, Rational([0]), strength=0)[0], lr=rate)

    def loss(point: Any) -> Any:
        return sum((point - target) ** 2 for target in targets)

    full = update([targets[index] for index in batch])
    yield full, Fraction(3, 5)
    yield bool(loss(full) < loss(start)), True
    for left_out in targets:
        yield bool(update([target for target in targets if target != left_out]) == full), left_out == Fraction(16, 5)


@proof("claims.poll2", "claims.poll3", scope="four samples of any gradients; every rate in (0, 1), every number of repeats and updates")
def poll_2(sgd: Step, gradient_descent: Step, minibatch_gradient: Step, two_target_cycle: Step, sgd_stationary_variance: Step) -> Claims:
    """To first order in the rate, an epoch of single samples or of pairs is a batch step with N times, or N/2 times, the rate.

    In fixed order SGD has a cycle of positive amplitude. A constant rate leaves the variance η σ²/(h (2 − η h)) > 0; rates 1/(k + 2)² stop
    before the minimum; where all samples agree a constant rate arrives nevertheless (erratum E81).
    """
    unknown = [generic_gradient(number) for number in range(4)]
    start = np.stack([unknown_gradient(theta) for unknown_gradient in unknown])
    tiny = sp.Symbol("tiny", positive=True)
    rate = Symbolic(tiny)
    yield first_order(sgd(theta, tuple(unknown), lr=rate), tiny), first_order(gradient_descent(theta, np.mean(start), lr=4 * rate), tiny)
    point = theta
    for pair in (unknown[:2], unknown[2:]):
        grads = np.stack([np.stack([gradient(point)]) for gradient in pair])
        point = gradient_descent(point, minibatch_gradient(grads, Symbolic([0]), strength=ZERO)[0], lr=rate)
    yield first_order(point, tiny), first_order(gradient_descent(theta, np.mean(start), lr=2 * rate), tiny)
    slow = 1 / (1 + q)
    yield from by_induction(lambda n: x + (1 - slow) ** n * (theta - x), lambda now: sgd(now, (towards(x),), lr=slow), theta)
    repeats = symbols("n", integer=True, positive=True)
    end = two_target_cycle(repeats, lr=1 / (1 + q))
    yield 1 + (1 - slow) ** repeats * (-end - 1), end  # from −end, towards 1
    yield two_target_cycle(Symbolic(1), lr=slow) > 0, True
    yield sgd_stationary_variance(s, curvature=b, lr=2 / (b * (1 + q))) > 0, True
    yield from by_induction(lambda n: (n + 2) / (2 * (n + 1)) * theta, lambda now: sgd(now, (towards(ZERO),), lr=1 / (t + 2) ** 2), theta)
    yield limit((t + 2) / (2 * (t + 1))), Fraction(1, 2)


def generic_gradient(number: int) -> Callable[[Any], Any]:
    """Return a cubic gradient with its own symbols."""
    parts = symbols(f"p_{number}", 4)
    return lambda point: parts[0] + parts[1] * point + parts[2] * point**2 + parts[3] * point**3


def first_order(moved: Any, rate: Any) -> Any:
    """Return the derivative of a result by the rate at 0."""
    return Symbolic(sp.diff(moved.item(), rate).subs(rate, 0))


@enumeration("claims.poll2", scope="exact, targets ±1 in turn, rate 1/4, from 16")
def poll_2_by_hand(sgd: Step, gradient_descent: Step) -> Claims:
    """For equal numbers of gradients SGD is nearer at first; after 40 epochs it stays at 1/7 while batch steps are within 1e−3 of 0."""
    rate, samples = Rational(Fraction(1, 4)), (towards(1), towards(-1))
    single = batch = Rational(16)
    for epoch in range(1, 41):
        single, batch = sgd(single, samples, lr=rate), gradient_descent(batch, batch, lr=rate)
        if epoch < 5:
            yield bool(np.abs(single) < np.abs(batch)), True
    yield bool(np.abs(single + Fraction(1, 7)) < Fraction(1, 10**3)), True
    yield bool(np.abs(batch) < Fraction(1, 10**3)), True


@erratum("E81")
def a_guarantee_needs_shrinking_rates(sgd: Step) -> Claims:
    """As printed, convergence needs shrinking rates: with equal targets and rate 1/2, after 60 updates the error exceeds 1e−9."""
    yield bool(np.abs(sgd(Rational(1), (towards(0),) * 60, lr=Rational(Fraction(1, 2)))) > Fraction(1, 10**9)), True


@proof("claims.poll3", scope="every gradient and rate, every variance and batch size")
def poll_3(
    sgd: Step, gradient_descent: Step, minibatch_gradient: Step, minibatch_variance: Step, minibatch_variance_without_replacement: Step
) -> Claims:
    """A batch of one makes the step of SGD, at the same speed; the variance decreases with the batch size, without replacement to 0."""
    batch_of_one = minibatch_gradient(np.stack([np.stack([g])]), Symbolic([0]), strength=ZERO)[0]
    yield gradient_descent(theta, batch_of_one, lr=lr), sgd(theta, (lambda point: g,), lr=lr)
    n = symbols("n", integer=True, positive=True)
    yield minibatch_variance(s, n) - minibatch_variance(s, n + 1) > 0, True
    yield minibatch_variance_without_replacement(s, n + 1, n + 1), 0


@enumeration("claims.poll3", scope="exact, up to 12 samples, every batch size")
def poll_3_by_hand(sequential_batches: Step, minibatch_variance_without_replacement: Step, sgd: Step, minibatch_gradient: Step) -> Claims:
    """An epoch has ⌈N/b⌉ updates, the variance decreases strictly from b to b + 1, and a batch of one moves as SGD does."""
    for samples in range(2, 13):
        for size in range(1, samples + 1):
            yield len(sequential_batches(size=size, samples=samples)), math.ceil(samples / size)
            here = minibatch_variance_without_replacement(Rational(1), Rational(size), Rational(samples))
            yield here, Fraction(samples - size, size * (samples - 1))
    for slope in range(-3, 4):
        one_sample = minibatch_gradient(Rational([[slope]]), Rational([0]), strength=0)[0]
        yield sgd(Rational(1), (lambda point, slope=slope: Rational(slope),), lr=Rational(2)), 1 - 2 * one_sample


@proof("claims.poll4", scope="every state, pair of gradients and hyper-parameter")
def poll_4(gradient_descent: Step, heavy_ball: Step, rmsprop: Step, adam: Step, smoothed_variance: Step) -> Claims:
    """The second of two steps as a function of both gradients, the first of which is f, shows what each method remembers.

    SGD's does not contain f. Momentum's contains −lr μ f, and velocities of added histories add up. RMSProp's is the same for −f; Adam's is
    not, because of its mean. Averaging independent noise leaves (1 − β)/(1 + β) of its variance.
    """
    f, more, other = symbols("f more other")
    below, low = 1 / (1 + q), 1 / (1 + w)

    def second(step: Callable[[Any, Any, Any], tuple[Any, Any]], past: Any, state: Any) -> Any:
        point, state = step(theta, past, state)
        return step(point, g, state)[0] - point

    plain = second(lambda p, grad, state: (gradient_descent(p, grad, lr=lr), state), f, None)
    yield Symbolic(sp.diff(plain.item(), f.item())), 0
    moving = second(lambda p, grad, state: heavy_ball(p, grad, state, lr=lr, momentum=below), f, ZERO)
    yield Symbolic(sp.diff(moving.item(), f.item())), -lr * below
    together = heavy_ball(theta, f + c * g, more + c * other, lr=lr, momentum=mu)[1]
    apart = (heavy_ball(theta, grad, state, lr=lr, momentum=mu)[1] for grad, state in ((f, more), (g, other)))
    yield together, next(apart) + c * next(apart)
    scaled = [second(lambda p, grad, state: rmsprop(p, grad, state, lr=lr, decay=below, eps=eps), sign * f, ZERO) for sign in (1, -1)]
    yield scaled[0], scaled[1]
    yield rmsprop(theta, -f, s, lr=lr, decay=below, eps=eps)[1], rmsprop(theta, f, s, lr=lr, decay=below, eps=eps)[1]
    both = [
        second(lambda p, grad, state: adam(p, grad, state, lr=lr, beta1=below, beta2=low, eps=eps), sign * a, AdamState(ZERO, ZERO, 0))
        for sign in (1, -1)
    ]
    squares = low * (1 - low) * a**2 + (1 - low) * g**2
    mean_part = 2 * below * (1 - below) * a / (1 - below**2)
    yield both[0] - both[1], -lr * mean_part / (np.sqrt(squares / (1 - low**2)) + eps)
    yield s - smoothed_variance(s, decay=below) > 0, True


@enumeration("claims.poll4", scope="exact, all histories of two gradients from −2, −1, 1, 2 before a third")
def poll_4_by_hand(gradient_descent: Step, heavy_ball: Step, rmsprop: Step, adam: Step) -> Claims:
    """The number of different third steps is 1 for SGD, 13 for momentum, 4 for RMSProp and 16 for Adam.

    Momentum knows the values of g₁/2 + g₂, RMSProp only the squares.
    """
    rates = {"lr": Symbolic(1), "eps": Symbolic(1)}
    half, third = Symbolic(Fraction(1, 2)), Symbolic(Fraction(1, 3))
    steps = {
        1: (lambda p, grad, state: (gradient_descent(p, grad, lr=ONE), state), ZERO),
        13: (lambda p, grad, state: heavy_ball(p, grad, state, lr=ONE, momentum=half), ZERO),
        4: (lambda p, grad, state: rmsprop(p, grad, state, decay=third, **rates), ZERO),
        16: (lambda p, grad, state: adam(p, grad, state, beta1=third, beta2=half, **rates), AdamState(ZERO, ZERO, 0)),
    }
    for count, (step, start) in steps.items():
        last = set()
        for history in itertools.product((-2, -1, 1, 2), repeat=2):
            point, state = ZERO, start
            for slope in (*history, 1):
                before = point
                point, state = step(point, Symbolic(slope), state)
            last.add(sp.nsimplify(sp.radsimp((point - before).item())).evalf(40))
        yield len(last), count


@proof("claims.convergence", scope="every rate, curvature, variance, batch size and number of steps; the ridge of the saddle")
def what_is_promised(
    sgd: Step, gradient_descent: Step, sgd_stationary_variance: Step, minibatch_variance: Step, saddle_gradient: Step, saddle: Step
) -> Claims:
    """T single samples leave (1 − η h)ᵀ of the error, batches of b only T/b such factors; the final variance is 1/b as large.

    From the ridge of a saddle, descent converges to the saddle point, where the gradient is 0 and the height is not least.
    """
    step = lambda now: sgd(now, (towards(x, b),), lr=lr)  # noqa: E731 - as mathematics
    yield from by_induction(lambda n: x + (1 - lr * b) ** n * (theta - x), step, theta)
    size = symbols("size", integer=True, positive=True)
    in_batches = sgd_stationary_variance(minibatch_variance(s, size), curvature=b, lr=lr)
    yield size * in_batches, sgd_stationary_variance(s, curvature=b, lr=lr)
    slow = 1 / (2 * (1 + q))  # every rate below 1/2
    ridge = np.stack([x, ZERO])
    yield from by_induction(
        lambda n: np.stack([(1 - 2 * slow) ** n * x, ZERO]), lambda point: gradient_descent(point, saddle_gradient(point), lr=slow), ridge
    )
    yield [1 - 2 * slow > 0, 1 - (1 - 2 * slow) > 0], [True, True]
    origin = np.stack([ZERO, ZERO])
    yield saddle_gradient(origin), origin
    yield saddle(origin) - saddle(np.stack([ZERO, a])) > 0, True


@enumeration("claims.convergence", scope="exact, six samples in batches of 1, 2, 3: rates 1/k, and the rate 1/4 from 16")
def per_sample(sgd: Step, gradient_descent: Step, minibatch_gradient: Step, sequential_batches: Step) -> Claims:
    """With rates 1/k every batch size ends the epoch at the mean of all samples; at one constant rate larger batches are further away."""
    targets = Rational([0, 1, 3, 5, 7, 8])
    for rates, ends in ((lambda k: Fraction(1, k), [4, 4, 4]), (lambda k: Fraction(1, 4), None)):
        reached = []
        for size in (1, 2, 3):
            point = Rational(16)
            for k, batch in enumerate(sequential_batches(size=size, samples=6), start=1):
                grads = np.expand_dims(point - targets[batch], 1)
                point = gradient_descent(point, minibatch_gradient(grads, Rational([0]), strength=0)[0], lr=Rational(rates(k)))
            reached.append(point)
        one_by_one = functools.reduce(
            lambda now, pair: sgd(now, (towards(pair[1]),), lr=Rational(rates(pair[0]))), enumerate(targets, start=1), Rational(16)
        )
        yield reached[0], one_by_one
        yield (np.stack(reached), Rational(ends)) if ends else ([bool(x < y) for x, y in itertools.pairwise(reached)], [True, True])


@proof("claims.trend_methods_mean", scope="every state, gradient and scale; eps = 0 where it divides")
def averages_are_no_norms(heavy_ball: Step, nesterov: Step, rmsprop: Step, adam: Step) -> Claims:
    """With gradients and state multiplied by c, momentum and Nesterov make c times the step.

    RMSProp and Adam, without eps, the same step.
    """
    below, low = 1 / (1 + q), 1 / (1 + w)
    for scale, step in (
        (c, lambda k: heavy_ball(ZERO, k * g, k * v, lr=lr, momentum=mu)[0]),
        (c, lambda k: nesterov(ZERO, lambda _: k * g, k * v, lr=lr, momentum=mu)[0]),
        (ONE, lambda k: rmsprop(ZERO, k * g, k**2 * s, lr=lr, decay=below, eps=ZERO)[0]),
        (ONE, lambda k: adam(ZERO, k * g, AdamState(k * v, k**2 * s, t), lr=lr, beta1=below, beta2=low, eps=ZERO)[0]),
    ):
        yield step(c), scale * step(ONE)


@enumeration("claims.trend_methods_mean", scope="exact, the five steps of CMU 'Smoothing the trajectory' as gradients, and tenfold")
def tenfold_gradients(heavy_ball: Step, rmsprop: Step) -> Claims:
    """With tenfold gradients the velocities are tenfold and the mean squares hundredfold, so steps over their root are unchanged.

    X ends at 5.4051.
    """
    for gradients, last, square in (("1 1 2 1 3/2", "5.4051", "0.77751"), ("5/2 -3 5/2 -2 3/2", "1.17825", "2.1574125")):
        ends = []
        for scale in (1, 10):
            velocity, mean_sq, point = Rational(0), ZERO, ZERO
            for entry in map(Fraction, gradients.split()):
                _, velocity = heavy_ball(
                    Rational(0), Rational(-scale * entry), velocity, lr=Rational(1), momentum=Rational(Fraction(9, 10))
                )
                point, mean_sq = rmsprop(point, Symbolic(scale * entry), mean_sq, lr=ONE, decay=Symbolic(Fraction(9, 10)), eps=ZERO)
            ends.append((velocity, mean_sq, point))
        yield ends[1], (10 * ends[0][0], 100 * ends[0][1], ends[0][2])
        yield ends[0][0], Fraction(last)
        yield ends[0][1], Fraction(square)


@erratum("E38")
def momentum_normalizes(heavy_ball: Step) -> Claims:
    """As printed, momentum normalizes: twice the gradients make the same step."""
    yield heavy_ball(theta, 2 * g, 2 * v, lr=lr, momentum=mu)[0], heavy_ball(theta, g, v, lr=lr, momentum=mu)[0]


@proof("claims.flat_optima", scope="every number of samples, all curvatures, every rate")
def minima_that_hold(sgd: Step, gradient_descent: Step) -> Claims:
    """A step of SGD on h θ²/2 leaves the mean square θ² (1 − η (2 E[h] − η E[h²])), which decreases exactly if η < 2 E[h]/E[h²].

    Descent on the mean leaves (1 − η E[h])² θ², which is less by η² Var(h) θ².
    """
    rate = Tensor(sp.Symbol("lr", positive=True))
    after = np.mean(sgd(point_all, (lambda now: h_all * now,), lr=rate) ** 2)
    yield after, point_all**2 * (1 - rate * (2 * np.mean(h_all) - rate * np.mean(h_all**2)))
    mean_step = gradient_descent(point_all, np.mean(h_all) * point_all, lr=rate)
    yield after - mean_step**2, rate**2 * point_all**2 * np.mean((h_all - np.mean(h_all)) ** 2)


@enumeration("claims.flat_optima", scope="exact, all 64 sequences of six samples of curvatures 1 and 3, rates 3/4 and 9/10")
def an_uneven_minimum(sgd: Step, gradient_descent: Step) -> Claims:
    """The limit of the rate is 4/5 for SGD and 1 for descent: at 9/10 descent converges and the mean square of SGD grows.

    At 3/4 it shrinks.
    """
    for rate, grows in ((Fraction(3, 4), False), (Fraction(9, 10), True)):
        ends = [
            sgd(Rational(1), tuple(towards(0, bend) for bend in bends), lr=Rational(rate)) for bends in itertools.product((1, 3), repeat=6)
        ]
        mean_square = sum((end**2 for end in ends), Rational(0)) / len(ends)
        yield mean_square, (1 - rate * (4 - 5 * rate)) ** 6
        yield bool(mean_square > 1), grows
        yield bool(np.abs(gradient_descent(Rational(1), Rational(2), lr=Rational(rate))) < 1), True
