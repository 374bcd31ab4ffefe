"""Evidence for reference/averaging.py: uniform and exponential averages, how they start, and how much oscillation and noise remains."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...reference.averaging import DebiasedState, PolyakState, SwaState, WarmedState
from ..arithmetic import Ball, Differential, Rational, Symbolic, Tensor, certified, slope, symbols, tensor
from . import (
    Claims,
    Interval,
    Step,
    certified_value,
    derivative,
    enumeration,
    erratum,
    law,
    prints_as,
    proof,
    stated_figures,
    statistics,
)
from ._induction import limit, t

if TYPE_CHECKING:
    from ...reference.domains import Array, Decay, Probability

theta, mean, start, x = symbols("theta mean start x")
h, lr, w, variance, q = symbols("h lr w variance q", positive=True)
keep = 1 / (1 + q)  # a decay in (0, 1)
late = symbols("late", integer=True, positive=True)

d, i = (sp.Symbol(name, integer=True, positive=True) for name in ("d", "i"))
n = sp.Symbol("n", integer=True, nonnegative=True)
alpha: Any = Tensor(symbols("alpha", positive=True, below_one=True).item())


def path(count: Any) -> Any:
    """Return arbitrary points θ₁ … θₙ of dimension d."""
    return tensor("theta", count, d)


def newest() -> Any:
    """Return the point after the first n, at a generic coordinate."""
    return Tensor(path(n + 1).at(n + 1, i))


def generic(array: Any) -> Any:
    """Return a vector at the generic coordinate."""
    return Tensor(array.at(i))


# --- Polyak's average --------------------------------------------------------------------------------------------------------------


@proof("averaging.polyak", scope="every t and dimension, arbitrary points, whatever it started as")
def mean_of_all_points(polyak_average: Step) -> Claims:
    """The first point replaces the initial value, and from the mean of t points a step leads to the mean of t + 1 points."""
    yield polyak_average(theta, PolyakState(start, 0)), (theta, 1)
    count = sp.Symbol("n", integer=True, positive=True)
    before = generic(np.mean(path(count), axis=0))
    after = generic(np.mean(path(count + 1), axis=0))
    last = Tensor(path(count + 1).at(count + 1, i))
    points: Any = Tensor(count)
    yield polyak_average(last, PolyakState(before, points)), (after, points + 1)


@enumeration("averaging.polyak", scope="exact, all sequences of 5 points from −1, 0, 2")
def means_by_hand(polyak_average: Step) -> Claims:
    """Averages after each point, computed independently in fractions. The initial value is not among the averaged points."""
    for points in itertools.product((-1, 0, 2), repeat=5):
        state = PolyakState(Rational(100), 0)
        for count, point in enumerate(points, start=1):
            state = polyak_average(Rational(point), state)
            yield state, (Fraction(sum(points[:count]), count), count)


@law("averaging.polyak", scope="float64, bit for bit, four equal points", exact=True)
def equal_points_stay(polyak_average: Step, theta: Array) -> Claims:
    """The average of equal points is that point, without rounding errors."""
    state = PolyakState(0 * theta, 0)
    for count in range(1, 5):
        state = polyak_average(theta, state)
        yield state, (theta, count)


@proof("averaging.polyak.valley", scope="every t, curvature, lr and start, by induction")
def average_across_the_valley(valley_average: Step, polyak_average: Step, gradient_descent: Step) -> Claims:
    """Gradient descent is at qᵗ θ₀ with q = 1 − η h, and the closed form is the average of these points. Proof by induction.

    At t = 1 it is the point itself, and one more point updates it like any average.

    At η h = 2 the average is 0 for even t and −θ₀/t for odd t.
    """
    point = lambda count: (1 - lr * h) ** count * start  # noqa: E731 - read as mathematics
    closed = lambda count: valley_average(start, count, curvature=h, lr=lr)  # noqa: E731
    yield gradient_descent(point(t), h * point(t), lr=lr), point(t + 1)
    yield closed(0 * t + 1), point(1)
    yield polyak_average(point(t + 2), PolyakState(closed(t + 1), t + 1)), (closed(t + 2), t + 2)
    for count, left in ((2 * t + 2, 0), (2 * t + 1, -start / (2 * t + 1))):
        yield valley_average(start, count, curvature=h, lr=2 / h), left


@enumeration("averaging.polyak.valley", scope="exact, t ≤ 12, η = 19/10, 2, 1/2, 1 along curvature 1, 15/4 along 1/2")
def valley_by_hand(valley_average: Step, polyak_average: Step, gradient_descent: Step) -> Claims:
    """Descent and averages computed step by step in fractions."""
    for rate, curvature in ((Fraction(19, 10), 1), (2, 1), (Fraction(1, 2), 1), (1, 1), (Fraction(15, 4), Fraction(1, 2))):
        bend, step = Rational(curvature), Rational(rate)
        point, state = Rational(3), PolyakState(Rational(0), 0)
        for count in range(1, 13):
            point = gradient_descent(point, bend * point, lr=step)
            state = polyak_average(point, state)
            yield valley_average(Rational(3), count, curvature=bend, lr=step), state.mean


@certified_value("averaging.polyak.valley", scope="w²/2, lr 1.9, t = 100")
def valley_of_the_catalogue(valley_average: Step) -> Claims:
    """The average is −.0047367 times the start."""
    yield certified(valley_average, 1, 100, curvature=1, lr=Fraction(19, 10)), prints_as("-0.0047367")


@erratum("E13")
def both_gradients_point_left(gradient_descent: Step) -> Claims:
    """As printed, two successive steps across the valley at η h = 2 have the same direction. They have opposite directions."""
    first = gradient_descent(Rational(1), Rational(1), lr=Rational(2)) - 1
    second = gradient_descent(Rational(-1), Rational(-1), lr=Rational(2)) + 1
    yield bool(first < 0), True
    yield bool(second < 0), True


# --- its variance ------------------------------------------------------------------------------------------------------------------


@proof("averaging.polyak.variance", scope="every t, variance and curvature, η h in (0, 2) other than 1, by induction on the second moments")
def moments_of_point_and_average(
    polyak_variance: Step, polyak_average: Step, gradient_descent: Step, sgd_stationary_variance: Step
) -> Claims:
    """The closed forms satisfy the recursions of the second moments of the point w and of A = t · average, from 0 on.

    A step is w' = q w − η z and A' = A + w'. So for P = E w², C = E w A, D = E A² and independent noise z of variance σ²: P' = q² P + η²
    σ², C' = q C + P', D' = D + 2 q C + P'. P is (1 − q²ᵗ) times the noise floor, and D/t² is the formula.
    """
    z, average = symbols("z average")
    moved = gradient_descent(x, h * x + z, lr=lr)
    yield moved, (1 - lr * h) * x - lr * z
    yield (t + 1) * polyak_average(moved, PolyakState(average, t)).mean, t * average + moved

    r = symbols("r", nonzero=True)  # q of the docstring, in place of η = (1 − q)/h
    floor = sgd_stationary_variance(variance, curvature=h, lr=(1 - r) / h)
    noise = ((1 - r) / h) ** 2 * variance
    square = lambda count: floor * (1 - r ** (2 * count))  # noqa: E731 - read as mathematics
    cross = lambda count: floor * (1 - r**count) * (1 - r ** (count + 1)) / (1 - r)  # noqa: E731
    summed = lambda count: count**2 * polyak_variance(variance, count, curvature=h, lr=(1 - r) / h)  # noqa: E731
    yield (square(0 * t), cross(0 * t)), (0, 0)
    yield summed(0 * t + 1), square(1)
    yield square(t + 1), r**2 * square(t) + noise
    yield cross(t + 1), r * cross(t) + square(t + 1)
    yield summed(t + 2), summed(t + 1) + 2 * r * cross(t + 1) + square(t + 2)


@proof("averaging.polyak.variance", scope="every t, variance and curvature, η h = 1 − q, q in (0, 1) or in (−1, 0)")
def variance_in_the_limit(polyak_variance: Step) -> Claims:
    """t times the variance tends to σ²/h² at every learning rate. The difference is 1/t times a bounded number, because qᵗ → 0."""
    for factor in (keep, -keep):
        excess = t * polyak_variance(variance, t, curvature=h, lr=(1 - factor) / h) - variance / h**2
        bounded = (factor**2 - factor ** (2 * t + 2)) / (1 - factor**2) - 2 * (factor - factor ** (t + 1)) / (1 - factor)
        yield excess, variance / h**2 * bounded / t
    yield limit(keep**t), 0


@enumeration("averaging.polyak.variance", scope="exact, all 2ᵗ sequences of noise ±1, t ≤ 7; η h = 1 among the rates")
def every_noise(polyak_variance: Step, polyak_average: Step, gradient_descent: Step) -> Claims:
    """The mean square of the average over all sequences of noise, from the minimum, in fractions."""
    bend = Rational(2)
    for rate, count in itertools.product((Fraction(1, 20), Fraction(1, 2), Fraction(9, 10)), (1, 2, 4, 7)):
        noises, lr_exact = Rational(list(itertools.product((-1, 1), repeat=count))), Rational(rate)
        point, state = 0 * noises[:, 0], PolyakState(0 * noises[:, 0], 0)
        for index in range(count):
            point = gradient_descent(point, bend * point + noises[:, index], lr=lr_exact)
            state = polyak_average(point, state)
        yield np.mean(state.mean**2), polyak_variance(Rational(1), count, curvature=bend, lr=lr_exact)


@certified_value("averaging.polyak.variance", scope="h = 2, σ = 1, lr .05 and .5, t = 10⁶ and 1000")
def the_rate_does_not_matter(polyak_variance: Step, sgd_stationary_variance: Step) -> Claims:
    """t times the variance tends to 1/4 at both rates.

    It is .246566 at the small rate for t = 1000 and .2500 for t = 10⁶, whereas the last point has variance .013158 and .25.
    """
    for rate, after_1000, last in ((Fraction(1, 20), "0.246566", "0.013158"), (Fraction(1, 2), "0.25000", "0.25000")):
        for count, digits in ((10**6, "0.2500"), (1000, after_1000)):
            yield count * polyak_variance(Ball(1), count, curvature=Ball(2), lr=Ball(rate)), prints_as(digits)
        yield sgd_stationary_variance(Ball(1), curvature=Ball(2), lr=Ball(rate)), prints_as(last)


@statistics("averaging.polyak.variance", scope="20 000 chains of 400 points, h = 2, lr .05 and .5, seed 0, error probability 6e−7 each")
def variance_of_chains(polyak_variance: Step, polyak_average: Step, gradient_descent: Step) -> Claims:
    """The sample variance of simulated averages agrees with the formula.

    A sample variance of N normal numbers has standard deviation √(2/N) V; five of them are allowed.
    """
    chains = 20_000
    for rate in (0.05, 0.5):
        source = np.random.default_rng(0)
        point, state = np.zeros(chains), PolyakState(np.zeros(chains), 0)
        for _ in range(400):
            point = gradient_descent(point, 2 * point + source.normal(0, 1, chains), lr=rate)
            state = polyak_average(point, state)
        expected, allowed = float(polyak_variance(1.0, 400, curvature=2.0, lr=rate)), 5 * (2 / chains) ** 0.5
        yield float(np.mean(state.mean**2)), Interval(Decimal(expected * (1 - allowed)), Decimal(expected * (1 + allowed)))


# --- exponential averages ----------------------------------------------------------------------------------------------------------


def weighted(count: Any) -> Any:
    """Return (1 − α) Σ αⁿ⁻ᵏ θₖ over the first n points, at the generic coordinate."""
    points = path(count)
    age = Tensor(count) - np.cumsum(np.ones_like(tensor("z", count)))
    return generic((1 - alpha) * (alpha**age @ points))


@proof("averaging.ema", "averaging.ema.copy_init", scope="every t, dimension and decay, arbitrary points and start")
def weights_by_age(parameter_average: Step) -> Claims:
    """From a start c the average is αᵗ c + (1 − α) Σ αᵗ⁻ᵏ θₖ. The weights sum to 1, so a constant path that starts at its value stays.

    If the first update copies the point, the first point has the weight αᵗ⁻¹.
    """
    copy = generic(tensor("c", d))
    closed = lambda count, first: alpha**count * first + weighted(count)  # noqa: E731 - read as mathematics
    yield closed(sp.Integer(0), copy), copy
    yield closed(n + 1, copy), parameter_average(newest(), closed(n, copy), decay=alpha)
    yield parameter_average(theta, theta, decay=keep), theta
    first = Tensor(path(n + 1).at(1, i))
    count = Tensor(n)
    late = alpha**count * first + weighted(n + 1) - (1 - alpha) * alpha**count * first  # θ₁ out of the sum, and in as a copy
    later = alpha ** (count + 1) * first + weighted(n + 2) - (1 - alpha) * alpha ** (count + 1) * first
    yield later, parameter_average(Tensor(path(n + 2).at(n + 2, i)), late, decay=alpha)


@enumeration("averaging.ema", "averaging.ema.copy_init", scope="exact, decays 0, 1/4 … 3/4, all sequences of 4 points from −1, 2")
def weights_by_hand(parameter_average: Step) -> Claims:
    """Averages computed independently as sums in fractions, from a start value and from a copy of the first point."""
    for parts, points in itertools.product(range(4), itertools.product((-1, 2), repeat=4)):
        decay = Fraction(parts, 4)
        for origin, rest in ((Fraction(7), points), (Fraction(points[0]), points[1:])):
            average = Rational(origin)
            for point in rest:
                average = parameter_average(Rational(point), average, decay=Rational(decay))
            sums = sum(decay ** (len(rest) - age) * point for age, point in enumerate(rest, start=1))
            yield average, decay ** len(rest) * origin + (1 - decay) * sums


@derivative("averaging.ema", scope="certified, by the average and by the point, three decays")
def shares_of_old_and_new(parameter_average: Step) -> Claims:
    """The derivative of the new average is α by the old average and 1 − α by the new point."""
    for decay in (Fraction(0), Fraction(1, 2), Fraction(99, 100)):
        for direction, share in (([1, 0], 1 - decay), ([0, 1], decay)):
            both = Differential.along([3, -5], np.array(direction))
            yield slope(parameter_average(both[0], both[1], decay=Ball(decay))), Ball(share)


@proof("averaging.ema", "averaging.polyak", scope="every point, average and t")
def a_decay_that_makes_the_mean(parameter_average: Step, polyak_average: Step) -> Claims:
    """With decay t/(t + 1) the exponential average is Polyak's average: the first point is copied and all points have equal weights.

    At decay 1 it never moves.
    """
    yield parameter_average(theta, mean, decay=t / (t + 1)), polyak_average(theta, PolyakState(mean, t)).mean
    yield parameter_average(theta, mean, decay=Symbolic(1)), mean


@erratum("E04")
def average_that_moves_at_decay_1(parameter_average: Step) -> Claims:
    """As printed, α may be 1, and an average that starts at 0 on a path that stays at 1 comes nearer. At α = 1 it does not move."""
    for decay in (Fraction(1, 2), Fraction(1)):
        yield bool(parameter_average(Rational(1), Rational(0), decay=Rational(decay)) > 0), True


def zero_start(step: Step, points: Any, decay: Any) -> Any:
    """Return the debiased average of some points."""
    state = DebiasedState(0 * points[0], 0)
    for point in points:
        result, state = step(point, state, decay=decay)
    return result


@proof("averaging.ema.debiased", "averaging.ema.copy_init", scope="every t, dimension and decay in (0, 1), arbitrary points, by induction")
def start_does_not_count(debiased_parameter_average: Step, parameter_average: Step) -> Claims:
    """The average from 0 is (1 − α) Σ αᵗ⁻ᵏ θₖ with total weight 1 − αᵗ.

    Divided by that weight, it equals the constant on a constant path from the first point on.

    So the average that starts as a copy c is (1 − αᵗ) times the debiased one plus αᵗ c.
    """
    before = DebiasedState(weighted(n), Tensor(n))  # type: ignore[arg-type]  # on tensors, as everything here
    result, after = debiased_parameter_average(newest(), before, decay=alpha)
    count = Tensor(n) + 1
    yield weighted(sp.Integer(0)), 0 * newest()
    yield after, (weighted(n + 1), count)
    yield (1 - alpha**count) * result, weighted(n + 1)
    copied = parameter_average(newest(), alpha ** Tensor(n) * Tensor(start.item()) + weighted(n), decay=alpha)
    yield copied, (1 - alpha**count) * result + alpha**count * Tensor(start.item())
    held = lambda steps: DebiasedState((1 - keep**steps) * theta, steps)  # noqa: E731 - read as mathematics
    yield debiased_parameter_average(theta, held(t), decay=keep), (theta, held(t + 1))


@enumeration("averaging.ema.debiased", scope="exact, decays 0, 1/4 … 3/4, all sequences of 4 points from −1, 0, 3")
def debiased_by_hand(debiased_parameter_average: Step) -> Claims:
    """The mean with weights αᵗ⁻ᵏ, computed independently in fractions. After one point it is that point."""
    for parts, points in itertools.product(range(4), itertools.product((-1, 0, 3), repeat=4)):
        decay = Fraction(parts, 4)
        for count in range(1, 5):
            weights = [decay ** (count - age) for age in range(1, count + 1)]
            expected = sum(a * b for a, b in zip(weights, points, strict=False)) / sum(weights)
            yield zero_start(debiased_parameter_average, Rational(points[:count]), Rational(decay)), expected


@law("averaging.ema", "averaging.ema.debiased", "averaging.ema.copy_init", scope="float64, four drawn points, within rounding", examples=25)
def two_starts_agree(parameter_average: Step, debiased_parameter_average: Step, start: Array, theta: Array, decay: Decay) -> Claims:
    """After each point, the average that starts as a copy is (1 − αᵗ) times the debiased average plus αᵗ times the start."""
    copied, state, left = start, DebiasedState(0 * start, 0), 1 + 0 * decay
    for scale in (1, -2, 3, -1):
        copied = parameter_average(scale * theta, copied, decay=decay)
        debiased, state = debiased_parameter_average(scale * theta, state, decay=decay)
        left = left * decay
        yield copied, (1 - left) * debiased + left * start


@proof("averaging.ema.warmed", "averaging.ema", scope="every t, point, mean and decay, below and above (1 + t)/(10 + t)")
def decay_that_grows(warmed_parameter_average: Step, parameter_average: Step) -> Claims:
    """The decay of update t is (1 + t)/(10 + t) until the given one is smaller.

    Up to there a start of 1 has the weight 9!/((t + 1) … (t + 9)) = 1/C(t + 9, 9) after t updates, by induction.
    """
    warm = lambda count: (1 + count) / (10 + count)  # noqa: E731 - read as mathematics
    for steps, decay in ((t, warm(t + late)), (t, warm(t)), (t + late, warm(t))):
        moved = warmed_parameter_average(theta, WarmedState(mean, steps), decay=decay)
        yield moved, (parameter_average(theta, mean, decay=warm(t)), steps + 1)
    weight = lambda count: Symbolic(362880 / sp.prod(count.item() + k for k in range(1, 10)))  # noqa: E731 - read as mathematics
    yield weight(0 * t), 1
    yield warmed_parameter_average(0 * theta, WarmedState(weight(t), t), decay=warm(t + late)).mean, weight(t + 1)


@enumeration("averaging.ema.warmed", scope="exact, decays 0, 1/8, 1/5, 15/16, all sequences of 4 points from −1, 2, from two starts")
def growing_decays_by_hand(warmed_parameter_average: Step) -> Claims:
    """The shares of the points computed independently in fractions: 1/10, 2/11, 3/12, 4/13 are kept, or the decay where it is smaller.

    Decays of .999 are reached at update 8990.
    """
    for decay, points in itertools.product(
        (Fraction(0), Fraction(1, 8), Fraction(1, 5), Fraction(15, 16)), itertools.product((-1, 2), repeat=4)
    ):
        mean_by_hand, state = Fraction(7), WarmedState(Rational(7), Rational(0))
        for count, (point, kept) in enumerate(
            zip(points, (Fraction(1, 10), Fraction(2, 11), Fraction(1, 4), Fraction(4, 13)), strict=True)
        ):
            share = 1 - min(decay, kept)
            mean_by_hand += share * (point - mean_by_hand)
            state = warmed_parameter_average(Rational(point), state, decay=Rational(decay))
            yield state, (mean_by_hand, count + 1)
    (row,) = stated_figures("averaging.ema.warmed")
    for update, is_reached in ((int(row["update"]) - 1, False), (int(row["update"]), True)):
        state = warmed_parameter_average(Rational(0), WarmedState(Rational(1), Rational(update)), decay=Rational(Fraction(999, 1000)))
        yield bool(state.mean == Fraction(999, 1000)), is_reached


@proof("averaging.ema.target", "averaging.ema", scope="every point, mean and share; every number of updates towards one point")
def target_follows(target_update: Step, parameter_average: Step) -> Claims:
    """It is the exponential average with decay 1 − τ. What is missing to a point that stays shrinks by 1 − τ at every update."""
    yield target_update(theta, mean, share=keep), parameter_average(theta, mean, decay=1 - keep)
    yield theta - target_update(theta, mean, share=keep), (1 - keep) * (theta - mean)


@enumeration("averaging.ema.target", scope="exact, shares 1/4 … 1, all sequences of 4 points from −1, 0, 3")
def targets_by_hand(target_update: Step) -> Claims:
    """The target computed independently, as a blend of the old one and the point; at share 1 it is the point."""
    for parts, points in itertools.product(range(1, 5), itertools.product((-1, 0, 3), repeat=4)):
        share, by_hand, target = Fraction(parts, 4), Fraction(5), Rational(5)
        for point in points:
            by_hand = share * point + (1 - share) * by_hand
            target = target_update(Rational(point), target, share=Rational(share))
            yield target, by_hand


@law("averaging.ema.target", scope="float64, bit for bit", exact=True)
def target_that_is_reached_stays(target_update: Step, theta: Array, share: Probability) -> Claims:
    """A target equal to the point stays there without rounding errors."""
    yield target_update(theta, theta, share=share), theta


# --- averages of models ------------------------------------------------------------------------------------------------------------


@proof("averaging.swa", scope="every number of models and dimension, arbitrary models")
def mean_of_models(stochastic_weight_average: Step, polyak_average: Step) -> Claims:
    """From the mean of n models a step leads to the mean of n + 1 models.

    It is Polyak's average of all models, the initial one included.
    """
    count = sp.Symbol("n", integer=True, positive=True)
    before, after = (generic(np.mean(path(number), axis=0)) for number in (count, count + 1))
    last = Tensor(path(count + 1).at(count + 1, i))
    models: Any = Tensor(count)
    yield stochastic_weight_average(last, SwaState(before, models)), (after, models + 1)
    yield stochastic_weight_average(theta, SwaState(mean, t + 1)), tuple(polyak_average(theta, PolyakState(mean, t + 1)))


@enumeration("averaging.swa", scope="exact, 12 steps of a noisy descent in cycles of 3, from a trained model")
def cycle_ends_by_hand(stochastic_weight_average: Step, gradient_descent: Step) -> Claims:
    """The mean of the initial model and the models at the ends of the cycles, computed independently in fractions."""
    point = Rational(5)
    state, models = SwaState(point, 1), [point]
    for step in range(1, 13):
        point = gradient_descent(point, point - (-1) ** step, lr=Rational(Fraction(1, 1 + step % 3)))
        if step % 3 == 0:
            state, models = stochastic_weight_average(point, state), [*models, point]
            yield state, (np.mean(np.stack(models)), len(models))


def double_well(point: Any) -> Any:
    """Return (w² − 1)²."""
    return (point**2 - 1) ** 2


def averaged(polyak_average: Step, points: Any) -> Any:
    """Return Polyak's average of some points."""
    state = PolyakState(0 * points[0], 0)
    for point in points:
        state = polyak_average(point, state)
    return state.mean


@proof("averaging.nonconvex", scope="both minima, and every pair of points mirrored within them")
def average_of_two_minima(polyak_average: Step) -> Claims:
    """Near ±1 the function is ≥ 0 = f(±1), and near their average 0 it is 1 − x² (2 − x²). So 0 is a local maximum.

    Below 1 for 0 < x² < 2.
    """
    minima = (Symbolic(1), Symbolic(-1))
    yield averaged(polyak_average, minima), 0
    for minimum in minima:
        yield double_well(minimum), 0
        yield double_well(minimum + x), x**2 * (x + 2 * minimum) ** 2
    middle = averaged(polyak_average, minima)
    yield double_well(middle) - double_well(middle + x), x**2 * (2 - x**2)
    yield averaged(polyak_average, (keep, -keep)), middle
    yield double_well(middle) > double_well(keep), True


@derivative("averaging.nonconvex", scope="certified: slopes at the minima and at their average, and beside it")
def average_is_a_maximum(polyak_average: Step) -> Claims:
    """The derivative is 0 at both minima and at their average.

    Beside the average it points up towards it, beside the minima down towards them.
    """
    middle = averaged(polyak_average, (Ball(1), Ball(-1)))
    slope_at: Callable[[Any], Any] = lambda at: slope(double_well(Differential.along(at, np.array(1))))  # noqa: E731
    yield slope_at(middle), 0
    for minimum in (1, -1):
        yield slope_at(Ball(minimum)), 0
        yield slope_at(middle + Ball(Fraction(minimum, 8))) * minimum < 0, True
        yield slope_at(Ball(Fraction(9 * minimum, 8))) * minimum > 0, True


@enumeration("averaging.nonconvex", scope="exact, minima and their neighbours in eighths")
def heights_by_hand(polyak_average: Step) -> Claims:
    """The average is higher than every point of the grid between the minima."""
    middle = averaged(polyak_average, (Rational(1), Rational(-1)))
    for eighths in range(1, 9):
        for sign in (1, -1):
            yield bool(double_well(middle) > double_well(middle + Rational(Fraction(sign * eighths, 8)))), True
