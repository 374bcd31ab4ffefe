"""Evidence for reference/landscapes.py: what the landscapes do to every method, critical points, K-means, and the statements of the polls.

Counts of steps are exact where a closed form or an enclosure gives them. Where the decks and the catalogue name no generator of their data
(R7), orders and ratios are claimed, each with the probability of claiming it by chance.
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
    Cell,
    Claims,
    Interval,
    Step,
    certified_value,
    derivative,
    enumeration,
    erratum,
    law,
    printed,
    proof,
    reproduction,
    statistics,
)
from ._induction import by_induction, t
from ._landscapes import FROM_PLAIN, FROM_RIDGE, FROM_SLOPE, LOW, MOST, beside_the_ridge, downhill, steps_until

if TYPE_CHECKING:
    from ...reference.domains import Inner, LinearInputs, LinearTargets, Matrix, Outer, Plane

x, y, theta, g, v = symbols("x y theta g v")
lr, a, b, c, eps, root, s, q, w, z = symbols("lr a b c eps root s q w z", positive=True)
mu, beta = symbols("mu beta", nonnegative=True, below_one=True)
one, zero = Symbolic(1), Symbolic(0)
plane = np.stack([x, y])

MINIMUM, SADDLE_POINT = (Fraction(3), Fraction(1, 2)), (Fraction(0), Fraction(1))


def polynomial(number: Any) -> Any:
    """A symbolic number as SymPy's, expanded."""
    return sp.expand(number.item())


# --- heights and gradients ---------------------------------------------------------------------------------------------------------


@proof("landscape.beale", "landscape.beale.gradient", scope="every point")
def slopes_of_beale(beale: Step, beale_gradient: Step) -> Claims:
    """The gradient is the derivative of the height."""
    yield beale_gradient(plane), slopes(beale)


@proof("landscape.long_valley", "landscape.long_valley.gradient", scope="every point")
def slopes_of_the_valley(long_valley: Step, long_valley_gradient: Step) -> Claims:
    """The gradient is the derivative of the height; the height is 0 at the origin and positive elsewhere, of curvatures 100 and 1/100."""
    yield long_valley_gradient(plane), slopes(long_valley)
    yield long_valley(plane), 50 * x**2 + y**2 / 200


@proof("landscape.saddle", "landscape.saddle.gradient", scope="every point")
def slopes_of_the_saddle(saddle: Step, saddle_gradient: Step) -> Claims:
    """The gradient is the derivative of the height; up along x, down along y, 0 where they cross."""
    yield saddle_gradient(plane), slopes(saddle)
    yield saddle(np.stack([x, zero])), x**2
    yield saddle(np.stack([zero, y])), -(y**2)


def slopes(height: Callable[[Any], Any]) -> Any:
    """The derivatives of a height by x and y."""
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
    """The slopes of the heights, by dual numbers over balls, and three heights each."""
    for point in ([1.0, 1.5], [-1.0, 1.5], [3.0, 0.5], [0.25, -2.0], [1.0, 10.0]):
        for height, gradient in ((beale, beale_gradient), (long_valley, long_valley_gradient), (saddle, saddle_gradient)):
            yield jacobian(lambda p, height=height: np.stack([height(p)]), np.array(point))[0], gradient(Ball(point))
    yield beale(Ball([1, Fraction(3, 2)])), Fraction(165, 4)
    yield long_valley(Ball([1, 10])), Fraction(101, 2)
    yield saddle(Ball([1, 10])), -99


# --- Beale's function --------------------------------------------------------------------------------------------------------------


@proof("landscape.beale", "landscape.beale.gradient", scope="all points: roots of polynomials, counted exactly")
def critical_points_of_beale(beale: Step, beale_gradient: Step) -> Claims:
    """The height is a sum of squares, 0 at (3, 1/2); there are three critical points, with y = 1/2, y = 1 and the root of a cubic.

    The slope by y has the factor x. On x = 0 that by x vanishes at y = 1 alone. Where the other factor vanishes, y = 1 is no solution, and
    elsewhere both are linear in x, so that the resultant gives y, and y gives x.
    """
    yield beale(plane) >= 0, True
    by_x, by_y = map(polynomial, beale_gradient(plane))
    first, second = (sp.cancel(one / factor) for one, factor in ((by_x, y.item() - 1), (by_y, x.item())))
    yield [bool(sp.denom(one) == 1) for one in (first, second)], [True, True]
    yield sp.Poly(by_x.subs(x.item(), 0), y.item()).real_roots(multiple=False), [(sp.Integer(1), 1)]
    yield bool(second.subs(y.item(), 1).is_nonzero), True
    yield [sp.degree(one, x.item()) for one in (first, second)], [1, 1]
    resultant = sp.resultant(first, second, x.item())
    cubic = 3 * y.item() ** 3 + 11 * y.item() ** 2 + 10 * y.item() + 5
    yield Symbolic(sp.rem(resultant, cubic * (2 * y.item() - 1) * (y.item() - 1) ** 2, y.item())), 0
    roots = sorted(set(sp.Poly(resultant, y.item()).real_roots()))
    yield roots == [sp.CRootOf(cubic, 0), sp.Rational(1, 2), sp.Integer(1)], True
    for point, height in ((MINIMUM, Fraction(0)), (SADDLE_POINT, Fraction(909, 64))):
        at = Symbolic(list(point))
        yield beale_gradient(at), np.stack([zero, zero])
        yield beale(at), height


@certified_value(
    "landscape.beale", "landscape.beale.gradient", scope="the three critical points", table="Critical points of Beale's function"
)
def what_the_critical_points_are(beale: Step, beale_gradient: Step) -> Claims:
    """Heights and eigenvalues of the Hessian: a minimum, and two saddles, of which the catalogue has one."""
    third = other_saddle(beale_gradient)
    yield beale_gradient(third), Ball([0, 0])
    for name, point, (height, smaller, larger) in (
        ("(3, 1/2)", Ball(list(MINIMUM)), ("0", "0.3015", "48.98")),
        ("(0, 1)", Ball(list(SADDLE_POINT)), ("14.203125", "-27.75", "27.75")),
        ("(.1005, −2.6445)", third, ("9.8645", "-0.7810", "867.752")),
    ):
        yield Cell(beale(point), printed(height), name, "height")
        low, high = np.linalg.eigvalsh(jacobian(beale_gradient, point))
        yield Cell(low, printed(smaller), name, "smaller eigenvalue")
        yield Cell(high, printed(larger), name, "larger eigenvalue")
    yield tuple(third), (printed("0.1005"), printed("-2.6445"))


def other_saddle(gradient: Callable[[Any], Any]) -> Any:
    """The critical point at the root of the cubic, enclosed: a change of sign gives y, and the slope by y, linear in x, gives x."""
    by_y = sp.cancel(polynomial(gradient(plane)[1]) / x.item())
    near, reach = sp.CRootOf(3 * X**3 + 11 * X**2 + 10 * X + 5, 0).eval_rational(n=60), sp.Rational(1, 10**60)
    low, high = (sp.Rational(3 * at**3 + 11 * at**2 + 10 * at + 5) for at in (near - reach, near + reach))
    if not low * high < 0:
        raise ArithmeticError("no root of the cubic is enclosed")
    root_y = Ball(arb(0, 1e-60)) + Ball(Fraction(int(near.p), int(near.q)))
    slope, rest = (value_at(one, root_y) for one in sp.Poly(by_y, x.item()).all_coeffs())
    return np.stack([-rest / slope, root_y])


X = sp.Symbol("X")


def value_at(expression: Any, at: Any) -> Any:
    """A polynomial in y with rational coefficients, at a ball."""
    coefficients = [Fraction(int(one.p), int(one.q)) for one in sp.Poly(expression, y.item()).all_coeffs()]
    return functools.reduce(lambda sum_so_far, one: sum_so_far * at + Ball(one), coefficients, Ball(0))


# --- R6: how many steps ------------------------------------------------------------------------------------------------------------


def methods(
    gradient_descent: Step, heavy_ball: Step, nesterov: Step, adagrad: Step, rmsprop: Step, adam: Step, adadelta: Step
) -> dict[str, tuple[Callable[[float], Any], Callable[[Any], Any]]]:
    """The methods of R6 with their settings: what a rate makes of each, and the state it starts from."""

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


def arrival(count: int, most: int) -> Any:
    """A number of steps, or that there is none."""
    return count if count < most else f"not in {most}"


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
    """Descent takes the more steps the nearer it starts, as the closed form says; adaptive methods hardly do."""
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
            yield Cell(got, count, f"{name}, lr {rate:g}" if rate else name, f"δ = {start[1]:g}")
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
    """RMSProp never arrives at a constant rate, AdaDelta not within the steps."""
    table = {
        "SGD": (0.019, 16353),
        "momentum": (0.019, 1615),
        "NAG": (0.01, 3090),
        "AdaGrad": (1.0, 85),
        "RMSProp": (0.01, most),
        "Adam": (0.1, 167),
        "AdaDelta": (0.0, most),
    }
    rules, landscape = (
        methods(gradient_descent, heavy_ball, nesterov, adagrad, rmsprop, adam, adadelta),
        downhill(long_valley, long_valley_gradient),
    )
    for name, (rate, count) in table.items():
        rule, state = rules[name]
        got = steps_until(rule(rate), landscape, FROM_SLOPE, state, most)
        yield Cell(arrival(got, most), arrival(count, most), f"{name}, lr {rate:g}" if rate else name, "steps")


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
    """RMSProp needs 373 steps; floats make 375 or 376 of them, by the order of their operations: rounding decides (the catalogue has 375)."""
    table = {
        "SGD": (0.001, 5538),
        "momentum": (0.001, 538),
        "NAG": (0.001, 540),
        "AdaGrad": (0.5, 519),
        "Adam": (0.01, 2085),
        "AdaDelta": (0.0, most),
    }
    rules, landscape = (
        methods(gradient_descent, heavy_ball, nesterov, adagrad, rmsprop, adam, adadelta),
        downhill(beale, beale_gradient),
    )
    for name, (rate, count) in table.items():
        rule, state = rules[name]
        got = steps_until(rule(rate), landscape, FROM_PLAIN, state, most)
        yield Cell(arrival(got, most), arrival(count, most), f"{name}, lr {rate:g}" if rate else name, "steps")
    with ctx.workprec(1024):
        point, mean_sq, count = Ball(FROM_PLAIN), Ball([0, 0]), 0
        hyper = {"lr": Ball(Fraction(1, 100)), "decay": Ball(Fraction(9, 10)), "eps": Ball(Fraction(1, 10**8))}
        while not bool(beale(point) < Ball(Fraction(1, 1000))):
            point, mean_sq = rmsprop(point, beale_gradient(point), mean_sq, **hyper)
            count += 1
    yield Cell(count, Interval(Decimal(373), Decimal(373), "375"), "RMSProp, lr 0.01", "steps")


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
    """No method arrives: all set out along the valley that has y → 1 as x → −∞, away from the minimum.

    Not all of them for ever, as the catalogue says: at 200 000 steps descent and its momenta swing across the valley, standing still, because
    its walls get steeper, and AdaDelta is on its way back.
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
    """Descent multiplies x by 1 − 100 η and y by 1 − η/100 a step: stable for η < 1/50, and y needs about 100/η steps.

    RMSProp without eps has the cycle x = ± η/2, whatever ρ, in which half the curvature times x² stays at 50 (η/2)².
    """
    yield from by_induction(
        lambda n: np.stack([(1 - 100 * lr) ** n * x, (1 - lr / 100) ** n * y]),
        lambda point: gradient_descent(point, long_valley_gradient(point), lr=lr),
        plane,
    )
    start = np.stack([lr / 2, zero + 1])
    slope = long_valley_gradient(start)
    moved, settled = rmsprop(start, slope, slope**2, lr=lr, decay=1 / (1 + q), eps=zero)
    yield moved[0], -lr / 2
    yield settled, slope**2


@certified_value("landscape.long_valley", scope="lr .019, as a decimal fraction: descent from (1, 10)")
def descent_arrives_exactly_then(long_valley: Step) -> Claims:
    """By the closed form the height passes .001 at step 16353."""
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
    """On y = 0 with a memory that holds nothing of y, a step ends there, its memory still holding nothing: so it is for ever."""
    ridge, rest, squares = np.stack([x, zero]), np.stack([v, zero]), np.stack([s, zero])
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
        yield point[1], 0
        yield [one[1] for one in memory], [zero] * len(memory)


def flat(result: tuple[Any, Any]) -> tuple[Any, ...]:
    """A point and the arrays of its memory."""
    point, memory = result
    return (point, *(one for one in memory if np.ndim(one)))


@proof("landscape.saddle", "landscape.saddle.gradient", "landscape.saddle.escape", scope="every lr and start within 1 of the ridge")
def descent_leaves_the_ridge(saddle_gradient: Step, saddle_escape_steps: Step, gradient_descent: Step) -> Claims:
    """A step multiplies y by 1 + 2 η = eᵍ: after k steps ln|y| = k g − ln(1/δ). With ln(1/δ) = n g + r, 0 ≤ r < g, it first exceeds 0 at n + 1.

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
    """The closed form counts the steps; where the quotient is whole, one more than its ceiling: |y| = 1 is not beyond 1."""
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
    """Steps of descent to |y| > 1, in fractions."""
    point, count = Rational([1, start]), 0
    while not np.abs(point[1]) > 1:
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
    """The integral of the density over positive eigenvalues, over that of all of them.

    In order, the density is the determinant of λᵢʲ times that of each alone. De Bruijn's formula makes its integral a Pfaffian of the double
    integrals of xⁱ yʲ − xʲ yⁱ over x < y, in polar coordinates; for odd n it is bordered by the single integrals.
    """
    for n, claimed in enumerate(POSITIVE, start=1):
        ordered = np.cumsum(np.stack([x, *symbols("gap", n, positive=True)[1:]]))
        powers = sp.Matrix(n, n, lambda row, column, ordered=ordered: ordered[row].item() ** column)
        alone = [eigenvalue_density(np.stack([one])) for one in ordered]
        together = eigenvalue_density(ordered) / functools.reduce(np.multiply, alone)
        yield Symbolic(sp.powsimp(together.item())), Symbolic(sp.factor(determinant(powers)))
        yield Symbolic(sp.simplify(integral(eigenvalue_density, n, half=True) / integral(eigenvalue_density, n, half=False) - claimed)), 0


def determinant(matrix: Any) -> Any:
    """The determinant of a matrix of polynomials, in their ring."""
    polynomials = matrix.applyfunc(sp.expand).to_DM()
    return polynomials.domain.to_sympy(polynomials.det())


def integral(density: Step, n: int, *, half: bool) -> Any:
    """The integral of the density of n eigenvalues over all positive ones, or over all, in order: a Pfaffian."""
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
    """∫∫ (xⁱ yʲ − xʲ yⁱ) over x < y with the densities of x and y alone: radius and angle part."""
    at = (sp.cos(ANGLE), sp.sin(ANGLE))
    weight = sp.exp(sp.trigsimp(sp.log(density(Symbolic([R * at[0]])).item()) + sp.log(density(Symbolic([R * at[1]])).item())))
    ends = (sp.pi / 4, sp.pi / 2) if half else (sp.pi / 4, 5 * sp.pi / 4)
    radial = sp.integrate(R ** (i + j + 1) * weight, (R, 0, sp.oo))
    return radial * sp.integrate(sp.expand(at[0] ** i * at[1] ** j - at[0] ** j * at[1] ** i), (ANGLE, *ends))


def single_integral(density: Step, i: int, half: bool) -> Any:
    """∫ xⁱ with the density of x alone."""
    return sp.integrate(LINE**i * density(Symbolic([LINE])).item(), (LINE, 0 if half else -sp.oo, sp.oo))


def pfaffian(upper: Any) -> Any:
    """The Pfaffian of the skew matrix with this upper triangle, along its first row."""
    if not upper.rows:
        return sp.Integer(1)
    total = sp.Integer(0)
    for j in range(1, upper.rows):
        rest = [k for k in range(1, upper.rows) if k != j]
        total += (-1) ** (j + 1) * upper[0, j] * pfaffian(upper.extract(rest, rest))
    return sp.expand(total)


@proof("landscape.saddles_common.density", scope="n = 2: every pair of eigenvalues; the integrals of n = 1, 2")
def density_of_two(eigenvalue_density: Step, symmetric_part: Step) -> Claims:
    """The entries of a symmetric matrix as functions of eigenvalues and angle have the Jacobian λ₂ − λ₁, and Σ Hᵢⱼ² = λ₁² + λ₂²."""
    low, gap = x.item(), a.item()
    turn = sp.Matrix([[sp.cos(ANGLE), -sp.sin(ANGLE)], [sp.sin(ANGLE), sp.cos(ANGLE)]])
    matrix = symmetric_part(Symbolic(np.array((turn * sp.diag(low, low + gap) * turn.T).tolist(), dtype=object)))
    entries = sp.Matrix([one.item() for one in (matrix[0, 0], matrix[0, 1], matrix[1, 1])])
    high = sp.Symbol("high", real=True)
    jacobian_determinant = sp.simplify(entries.subs(gap, high - low).jacobian([low, high, ANGLE]).det())
    weight = sp.exp(-sp.simplify(sum(one.item() ** 2 for one in np.reshape(matrix, (-1,)))) / 2)
    yield Symbolic(sp.simplify(sp.Abs(jacobian_determinant.subs(high, low + gap)) * weight)), eigenvalue_density(np.stack([x, x + a]))
    pair = eigenvalue_density(np.stack([x, x + a])).item()
    yield Symbolic(sp.integrate(pair, (gap, 0, sp.oo), (low, -sp.oo, sp.oo))), Symbolic(integral(eigenvalue_density, 2, half=False))


@proof("landscape.saddles_common.ensemble", scope="every size")
def ensemble_is_orthogonal(symmetric_part: Step) -> Claims:
    """It is symmetric, and Σ Aᵢⱼ² = Σ Hᵢⱼ² + Σ Kᵢⱼ² with the skew rest K, independent of it: so its density is exp(−Σ Hᵢⱼ²/2).

    That does not change under H → Q H Qᵀ; the variance of an entry is 1 on the diagonal and 1/2 beside it.
    """
    n, i, j = (sp.Symbol(name, integer=True, positive=True) for name in ("n", "i", "j"))
    square = tensor("A", n, n)
    matrix = symmetric_part(square)
    yield matrix, np.transpose(matrix)
    yield np.sum(square**2), np.sum(matrix**2) + np.sum((square - matrix) ** 2)
    yield np.sum(matrix * (square - matrix)), 0
    entry = np.sum(Tensor(sp.diff(matrix.at(i, j), square.element.base[tuple(axis for axis, _ in square.axes)]) ** 2, square.axes))
    yield entry, Tensor((1 + sp.KroneckerDelta(i, j)) / 2)


@law("landscape.saddles_common.ensemble", scope="float64, bit for bit", exact=True)
def symmetric_to_the_last_bit(symmetric_part: Step, square: Matrix) -> Claims:
    """A matrix is symmetrized once, and a symmetric one stays as it is."""
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
    """The share of positive definite ones is as far from its probability as chance allows."""
    source, log = np.random.default_rng(0), math.log(2 / 1e-9)
    for n, probability in enumerate(map(float, POSITIVE), start=1):
        matrices = np.stack([symmetric_part(one) for one in source.normal(size=(count, n, n))])
        share = float(np.mean(np.linalg.eigvalsh(matrices)[:, 0] > 0))
        slack = log / (3 * count)
        reach = slack + math.sqrt(slack**2 + 2 * probability * (1 - probability) * log / count)
        yield Cell(share, Interval(Decimal(probability - reach), Decimal(probability + reach), f"{probability:.6f}"), f"n = {n}", "share")


# --- networks of linear layers, and one that is not --------------------------------------------------------------------------------

outputs, hidden, inputs_, samples_ = (sp.Symbol(name, integer=True, positive=True) for name in ("o", "h", "n", "m"))
A, B, DATA, GOAL = (
    tensor("A", outputs, hidden),
    tensor("B", hidden, inputs_),
    tensor("D", inputs_, samples_),
    tensor("Y", outputs, samples_),
)


def identity(size: Any) -> Tensor:
    """The unit matrix."""
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
    """Error and gradient depend on A B alone: with G the gradient by W = A B, E(V) = E(W) + ⟨G, V − W⟩ + ‖(V − W) D‖²/2, and where G = 0
    nothing is lower.

    Let (A, B) be critical, G Bᵀ = 0 and Aᵀ G = 0, with G ≠ 0. If A u = 0 for some u ≠ 0, then (A, B + u wᵀ) has the same error for all w and
    the gradient (G w) uᵀ by A, not 0 for some w, small ones too: so lower errors are near. If uᵀ B = 0, the same with (A + w uᵀ, B) and
    u (wᵀ G). If neither, A and B have the rank h; when h is the number of outputs or of inputs, A or B is then invertible, and G = 0.
    So a local minimum is global if the hidden layer is as wide as the input or the output.
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
    """A formula of two layers, of their product: the inner layer is the unit matrix."""
    return network(product, identity(inputs_), DATA, GOAL)


@proof(
    "landscape.baldi_hornik",
    scope="one unit each, target 1: all points; 2-1-2 on independent inputs, all scales s₁ > s₂ > 0 of the targets",
)
def critical_points_listed(linear_network_loss: Step, linear_network_gradient: Step) -> Claims:
    """(1 − a b)²/2: critical are a b = 1, where it is 0, and the origin, where the Hessian has the eigenvalues ± 1.

    2-1-2 with A = (a₁, a₂)ᵀ, B = (b₁, b₂), targets diag(s₁, s₂): at a critical point b₁ (α β − s₁²) = b₂ (α β − s₂²) = 0, α = ‖A‖², β = ‖B‖².
    So it is the origin, or A B = diag(s₁, 0), the best of rank one, or A B = diag(0, s₂), and there a turn towards the first lowers the error.
    """
    unit = Symbolic([[1]])
    a1, a2, b1, b2 = symbols("a_1 a_2 b_1 b_2")
    by_outer, by_inner = linear_network_gradient(np.reshape(a1, (1, 1)), np.reshape(b1, (1, 1)), unit, unit)
    yield (by_outer[0, 0], by_inner[0, 0]), ((a1 * b1 - 1) * b1, (a1 * b1 - 1) * a1)
    slopes_at_origin = [
        sp.diff(one[0, 0].item(), by.item()).subs({a1.item(): 0, b1.item(): 0}) for one in (by_outer, by_inner) for by in (a1, b1)
    ]
    yield np.linalg.eigvalsh(np.reshape(Symbolic(slopes_at_origin), (2, 2))), Symbolic([-1, 1])
    yield linear_network_loss(np.reshape(1 / b, (1, 1)), np.reshape(b, (1, 1)), unit, unit), 0
    second, first = s, s + q
    inputs, targets = Symbolic(np.eye(2)), np.stack([np.stack([first, zero]), np.stack([zero, second])])
    column, row = np.stack([np.stack([a1]), np.stack([a2])]), np.stack([np.stack([b1, b2])])
    alpha, size = np.sum(column**2), np.sum(row**2)
    by_column, by_row = linear_network_gradient(column, row, inputs, targets)
    for place, (entry, scale) in enumerate(((b1, first), (b2, second))):
        yield entry * (alpha * size - scale**2), size * by_row[0, place] + scale * by_column[place, 0]
        yield by_column[place, 0], column[place, 0] * size - scale * entry
    turned = z / (1 + z)  # a number in (0, 1)
    bent = np.stack([np.stack([a * turned]), np.stack([a])]), second / a * np.stack([np.stack([turned, one])])
    flat_one = np.stack([np.stack([zero]), np.stack([a])]), second / a * np.stack([np.stack([zero, one])])
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
    """625 points: 1-2-1 with inputs 1, 2 and targets 1, 3, whose least error 1/10 is at the product 7/5. Critical ones of higher error have no A, B.

    None of the 625 reaches 7/5, and the origin alone is critical; a step away from it lowers the error.
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
        critical += [entries] if not any(slope * one for one in entries) else []
    yield critical, [(0, 0, 0, 0)]
    beside = Rational([[Fraction(1, 100), 0]]), Rational([[Fraction(1, 100)], [0]])
    yield bool(linear_network_loss(*beside, inputs, targets) < 5), True


@law("landscape.baldi_hornik.gradient", "landscape.baldi_hornik.loss", scope="float64, within rounding")
def layers_can_be_rescaled(
    linear_network_loss: Step, linear_network_gradient: Step, outer: Outer, inner: Inner, inputs: LinearInputs, targets: LinearTargets
) -> Claims:
    """2 A and B/2 have the same error; the gradients change the other way."""
    yield linear_network_loss(2 * outer, inner / 2, inputs, targets), linear_network_loss(outer, inner, inputs, targets)
    by_outer, by_inner = linear_network_gradient(outer, inner, inputs, targets)
    yield linear_network_gradient(2 * outer, inner / 2, inputs, targets), (by_outer / 2, 2 * by_inner)


TANH_DATA = ([[Fraction(1, 8), 1, 8]], [[2, 1, 4]])
BOX = ((Fraction(5, 2), Fraction(1, 4)), (Fraction(35, 4), Fraction(5, 4)))  # centre and half width of a and b
BETTER = (Fraction(97, 24), Fraction(8, 25))


def tanh_error(tanh_network_loss: Step, outer: Any, inner: Any) -> Any:
    """The error of a · tanh(b x) on three samples."""
    return tanh_network_loss(np.reshape(outer, (1, 1)), np.reshape(inner, (1, 1)), *map(Ball, TANH_DATA))


def piece_of(middle: Fraction, half: Fraction, number: int, count: int) -> Any:
    """One of so many equal parts of an interval, as a ball."""
    return Ball(middle - half + half * Fraction(2 * number + 1, count)) + Ball(arb(0, float(half) * (1 + 2**-40) / count))


def box_tiles(count: int) -> Iterator[tuple[Any, Any, bool]]:
    """The tiles of the box, as balls that cover it."""
    for i, j in itertools.product(range(count), repeat=2):
        yield (
            *(piece_of(*side, place, count) for side, place in zip(BOX, (i, j), strict=True)),
            i in (0, count - 1) or j in (0, count - 1),
        )


@certified_value(
    "landscape.baldi_hornik", "landscape.baldi_hornik.tanh", scope="inputs 1/8, 1, 8, targets 2, 1, 4: a box of (a, b), covered by balls"
)
def a_local_minimum_that_is_not_global(tanh_network_loss: Step) -> Claims:
    """a tanh(b x): on the edge of a box around (5/2, 35/4) the error exceeds that of its centre, so within it there is a local minimum.

    Everywhere in the box the error exceeds that of another point, so that minimum is not the global one.
    """
    centre, better = (tanh_error(tanh_network_loss, *map(Ball, point)) for point in ([side[0] for side in BOX], BETTER))
    edge = [
        tanh_error(tanh_network_loss, *((piece_of(*BOX[0], k, 256), end(1)) if along else (end(0), piece_of(*BOX[1], k, 256))))
        for along in (0, 1)
        for end in (lambda side: Ball(BOX[side][0] - BOX[side][1]), lambda side: Ball(BOX[side][0] + BOX[side][1]))
        for k in range(256)
    ]
    yield all(bool(error > centre) for error in edge), True
    inside = [tanh_error(tanh_network_loss, outer, inner) for outer, inner, _ in box_tiles(48)]
    yield all(bool(error > better) for error in inside), True
    yield (centre, better), (printed("2.25001"), printed("1.7214"))


@erratum("E53")
def any_mlp_has_no_bad_minima(tanh_network_loss: Step) -> Claims:
    """Whatever lies between the layers: no local minimum is higher than the least error."""
    higher_edge, higher_than_another, _ = (got for got, _ in a_local_minimum_that_is_not_global(tanh_network_loss))
    yield higher_edge and higher_than_another, False


@proof("landscape.baldi_hornik.tanh", scope="one sample, one unit each, every weight; 2-2-2 by hand")
def tanh_network_by_hand(tanh_network_loss: Step, linear_network_loss: Step) -> Claims:
    """(a tanh(b x) − y)²/2; two units and two outputs add up; on inputs ε it is the linear network's error but for order ε³."""
    a1, b1, goal = symbols("a_1 b_1 goal")
    single = tanh_network_loss(*(np.reshape(one, (1, 1)) for one in (a1, b1, x, goal)))
    yield single, (a1 * np.tanh(b1 * x) - goal) ** 2 / 2
    outer, inner, data, goals = symbols("A", 2, 2), symbols("B", 2, 2), symbols("D", 2, 2), symbols("Y", 2, 2)
    total = zero
    for sample, row in itertools.product(range(2), repeat=2):
        output = sum(outer[row, k] * np.tanh(inner[k, 0] * data[0, sample] + inner[k, 1] * data[1, sample]) for k in range(2))
        total = total + (output - goals[row, sample]) ** 2 / 2
    yield tanh_network_loss(outer, inner, data, goals), total
    small = sp.Symbol("small", positive=True)
    gap = [
        net(*(np.reshape(one, (1, 1)) for one in (a1, b1, Symbolic(small), goal))).item()
        for net in (tanh_network_loss, linear_network_loss)
    ]
    difference = gap[0] - gap[1]
    yield [Symbolic(sp.diff(difference, small, order).subs(small, 0)) for order in range(3)], [zero] * 3
