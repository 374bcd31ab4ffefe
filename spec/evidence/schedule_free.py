"""Evidence for reference/schedule_free.py: schedule-free descent and AdamW, Lookahead, SAM and ASAM."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np

from ...reference.averaging import PolyakState
from ...reference.schedule_free import InPlaceState, LookaheadState, ScheduleFreeAdamState, ScheduleFreeState
from ..arithmetic import Rational, Symbolic, symbols
from ..arithmetic.symbolic import function
from . import Claims, Step, enumeration, proof

theta, g, z, x, p = symbols("theta g z x p")
lr, w, q, total, eps, root, r, s, decay_of_weights = symbols("lr w q total eps root r s weight_decay", positive=True)
beta, beta2 = symbols("beta beta2", positive=True, below_one=True)
ZERO, ONE = Symbolic(0), Symbolic(1)
small = 1 / (1 + q)
COUNTS = (0, 1, 4)  # steps taken before the one that is proven
POWERS = {"time_power": r, "rate_power": s}


def in_rational(**values: Fraction | int) -> dict[str, Rational]:
    """Return hyper-parameters as exact fractions."""
    return {name: Rational(value) for name, value in values.items()}


def weights_of(rates: tuple[Fraction, ...], power: int, exponent: int) -> list[Fraction]:
    """Return the weights of all points: t to a power, times the largest rate so far to another."""
    return [Fraction(t**power) * max(rates[:t]) ** exponent for t in range(1, len(rates) + 1)]


def average(values: list[Fraction], weights: list[Fraction]) -> Fraction:
    """Return the weighted mean of values."""
    return sum((weight * value for weight, value in zip(weights, values, strict=True)), Fraction(0)) / sum(weights)


# --- schedule-free ---------------------------------------------------------------------------------------------------------------------


@proof("optimizers.schedule_free.sgd", scope="every state, gradient, rate and hyper-parameter; steps 1, 2 and 5")
def step_of_schedule_free_descent(schedule_free_sgd: Step) -> Claims:
    """z makes a plain step, of the gradient and the decay at θ; x takes it in with its share of all weights; θ lies between them."""
    for count, (before, largest) in itertools.product(COUNTS, ((lr * small, lr), (lr * (1 + q), lr * (1 + q)))):
        n = Symbolic(count + 1)
        weight = n**r * largest**s
        share, plain = weight / (total + weight), z - lr * (g + decay_of_weights * theta)
        mean = (1 - share) * x + share * plain
        hyper = {"lr": lr, "momentum": beta, "weight_decay": decay_of_weights, **POWERS}
        got = schedule_free_sgd(theta, g, ScheduleFreeState(z, x, total, before, Symbolic(count)), **hyper)
        yield got, ((1 - beta) * plain + beta * mean, (plain, mean, total + weight, largest, n))


@proof(
    "optimizers.schedule_free.in_place",
    "optimizers.schedule_free.average",
    scope="every two points, gradient and hyper-parameter; steps 1, 2, 5",
)
def two_forms_of_schedule_free_descent(schedule_free_in_place: Step, schedule_free_average: Step, schedule_free_sgd: Step) -> Claims:
    """From θ = (1 − β) z + β x both forms make the same θ and z, which have the same relation to the new x again; so for every t."""
    at = (1 - beta) * z + beta * x
    yield schedule_free_average(at, z, momentum=beta), x
    for count, before in itertools.product(COUNTS, (lr * small, lr * (1 + q))):
        hyper = {"lr": lr, "momentum": beta, "weight_decay": decay_of_weights, **POWERS}
        moved, state = schedule_free_sgd(at, g, ScheduleFreeState(z, x, total, before, Symbolic(count)), **hyper)
        got, kept = schedule_free_in_place(at, g, InPlaceState(z, total, before, Symbolic(count)), **hyper)
        yield got, moved
        yield tuple(kept), (state.z, state.total, state.largest, state.t)
        yield schedule_free_average(moved, state.z, momentum=beta), state.x


@proof("schedule_free.average", scope="every weight, point and sum of weights; by induction over t")
def average_of_all_points(schedule_free_sgd: Step) -> Claims:
    """If x is S / W, the weighted mean of all z so far, then the new x is (S + w z) / (W + w); the first is z itself."""
    hyper = {"lr": lr, "momentum": beta, **POWERS}
    for count in (0, 4):
        weight = Symbolic(count + 1) ** r * lr**s
        sum_of_points, start = (p, total) if count else (ZERO, ZERO)
        before = p / total if count else x
        _, state = schedule_free_sgd(theta, g, ScheduleFreeState(z, before, start, ZERO, Symbolic(count)), **hyper)
        yield state.x, (sum_of_points + weight * state.z) / (start + weight)
        yield state.total, start + weight


@proof("schedule_free.average", scope="every point, average, gradient and rate; steps 1, 2 and 5; momentum 0 and 1, equal weights")
def ends_of_schedule_free_descent(schedule_free_sgd: Step, gradient_descent: Step, polyak_average: Step) -> Claims:
    """At β = 0 θ makes plain steps, and x is Polyak's average of them; at β = 1 the gradients are those of the average itself."""
    for count in COUNTS:
        hyper = {"lr": lr, "time_power": ZERO, "rate_power": ZERO}
        before = ScheduleFreeState(theta, x, Symbolic(count), lr, Symbolic(count))
        moved, state = schedule_free_sgd(theta, g, before, **hyper, momentum=ZERO)
        yield moved, gradient_descent(theta, g, lr=lr)
        yield state.x, polyak_average(moved, PolyakState(x, Symbolic(count))).mean
        moved, state = schedule_free_sgd(x, g, before._replace(z=z), **hyper, momentum=ONE)
        yield moved, state.x


@enumeration(
    "optimizers.schedule_free.sgd",
    "optimizers.schedule_free.in_place",
    "optimizers.schedule_free.average",
    "schedule_free.average",
    scope="exact, all sequences of 3 gradients from −2, 0, 3; a rate that rises and falls, weights with three powers",
)
def schedule_free_by_hand(schedule_free_sgd: Step, schedule_free_in_place: Step, schedule_free_average: Step) -> Claims:
    """Points in fractions, x as the mean of all z with all weights, without any recursion."""
    keep, shrink, rates = Fraction(2, 3), Fraction(2, 5), (Fraction(1, 4), Fraction(1, 2), Fraction(1, 3))
    for grads, (power, exponent) in itertools.product(itertools.product((-2, 0, 3), repeat=3), ((0, 0), (1, 2), (0, 1))):
        hyper = in_rational(momentum=keep, weight_decay=shrink, time_power=power, rate_power=exponent)
        y, state = Rational(5), ScheduleFreeState.initial(Rational(5))
        bare, short = Rational(5), InPlaceState.initial(Rational(5))
        weights, points, expected = weights_of(rates, power, exponent), [Fraction(5)], Fraction(5)
        for count, gradient in enumerate(grads, start=1):
            rate = rates[count - 1]
            y, state = schedule_free_sgd(y, Rational(gradient), state, **hyper, lr=Rational(rate))
            bare, short = schedule_free_in_place(bare, Rational(gradient), short, **hyper, lr=Rational(rate))
            points.append(points[-1] - rate * (gradient + shrink * expected))
            mean = average(points[1:], weights[:count])
            expected = (1 - keep) * points[-1] + keep * mean
            yield (y, bare), (expected, expected)
            yield state, (points[-1], mean, sum(weights[:count]), max(rates[:count]), count)
            yield tuple(short), (points[-1], sum(weights[:count]), max(rates[:count]), count)
            yield schedule_free_average(bare, short.z, momentum=Rational(keep)), mean


@proof("optimizers.schedule_free.adamw", scope="every state, gradient and hyper-parameter; steps 1, 2 and 5")
def step_of_schedule_free_adamw(schedule_free_adamw: Step) -> Claims:
    """z steps by lr (g / (w + eps) + λ θ), where w is the root of the corrected v; the average and θ are those of schedule-free descent."""
    for count, (before, largest) in itertools.product(COUNTS, ((lr * small, lr), (lr * (1 + q), lr * (1 + q)))):
        n = Symbolic(count + 1)
        square = (w**2 - root) * (1 - beta2 ** (count + 1))
        weight = n**r * largest**s
        share, plain = weight / (total + weight), z - lr * (g / (w + eps) + decay_of_weights * theta)
        mean = (1 - share) * x + share * plain
        hyper = {"lr": lr, "beta1": beta, "beta2": beta2, "eps": eps, "eps_root": root, "weight_decay": decay_of_weights, **POWERS}
        start = ScheduleFreeAdamState(z, x, (square - (1 - beta2) * g**2) / beta2, total, before, Symbolic(count))
        yield (
            schedule_free_adamw(theta, g, start, **hyper),
            ((1 - beta) * plain + beta * mean, (plain, mean, square, total + weight, largest, n)),
        )


@enumeration("optimizers.schedule_free.adamw", scope="exact, all sequences of 3 gradients from −2, 3; β₂ = 0; a rate that rises and falls")
def schedule_free_adamw_by_hand(schedule_free_adamw: Step) -> Claims:
    """Points in fractions, x as the mean of all z with all weights: at β₂ = 0 the root is |g|."""
    keep, shrink, stabiliser = Fraction(2, 3), Fraction(2, 5), Fraction(1, 8)
    rates = (Fraction(1, 4), Fraction(1, 2), Fraction(1, 3))
    for grads in itertools.product((-2, 3), repeat=3):
        hyper = in_rational(beta1=keep, beta2=0, eps=stabiliser, weight_decay=shrink, time_power=1, rate_power=2)
        y, state = Rational(5), ScheduleFreeAdamState.initial(Rational(5))
        weights, points, expected = weights_of(rates, 1, 2), [Fraction(5)], Fraction(5)
        for count, gradient in enumerate(grads, start=1):
            rate = rates[count - 1]
            y, state = schedule_free_adamw(y, Rational(gradient), state, **hyper, lr=Rational(rate))
            points.append(points[-1] - rate * (gradient / (abs(gradient) + stabiliser) + shrink * expected))
            mean = average(points[1:], weights[:count])
            expected = (1 - keep) * points[-1] + keep * mean
            yield y, expected
            yield state, (points[-1], mean, gradient**2, sum(weights[:count]), max(rates[:count]), count)


# --- Lookahead -------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.lookahead", scope="every two points and share; periods 1 to 3, steps 1 to 6; share 1")
def lookahead_by_its_count(lookahead: Step) -> Claims:
    """Only where the period divides the count both points become one, a share of the way; with a share of 1 θ never changes."""
    for period, count in itertools.product((1, 2, 3), range(6)):
        is_due = (count + 1) % period == 0
        between = x + beta * (theta - x)
        due = (between, (between, count + 1)) if is_due else (theta, (x, count + 1))
        yield lookahead(theta, LookaheadState(x, count), share=beta, period=period), due
        yield lookahead(theta, LookaheadState(x, count), share=ONE, period=period)[0], theta


@enumeration("optimizers.lookahead", scope="exact, 6 steps of descent on a parabola, periods 1 to 3")
def lookahead_by_hand(lookahead: Step) -> Claims:
    """The slow point after every period, by powers: k steps multiply by qᵏ, so a period by 1 − α (1 − qᵏ)."""
    kept, part = Fraction(3, 4), Fraction(1, 3)
    for period in (1, 2, 3):
        fast, state = Rational(64), LookaheadState.initial(Rational(64))
        for count in range(1, 7):
            fast, state = lookahead(fast * kept, state, share=Rational(part), period=period)
            slow = 64 * (1 - part * (1 - kept**period)) ** (count // period)
            yield (fast, state), (slow * kept ** (count % period), (slow, count))


# --- the sharpest point ----------------------------------------------------------------------------------------------------------------

PLACE, ALONG = np.stack([theta, x]), np.stack([3 * w, -4 * w])


@proof("optimizers.sam.point", "optimizers.asam.point", scope="gradients (3, −4) w of every size; weights of both signs")
def distances_of_sharpest_points(sharpest_point: Step, adaptive_sharpest_point: Step) -> Claims:
    """The distance is ρ along the gradient; that of ASAM, in units of |θ| + η, along T g; radius 0 is the point itself."""
    yield sharpest_point(PLACE, ALONG, radius=r, eps=eps), PLACE + r * ALONG / (5 * w + eps)
    yield sharpest_point(PLACE, ALONG, radius=ZERO), PLACE
    for first, second in itertools.product((1, -1), repeat=2):
        at = np.stack([first * s, second * q])
        unit = np.stack([s + p**2, q + p**2])
        got = adaptive_sharpest_point(at, ALONG / unit, radius=r, smallest=p**2, eps=eps)
        yield got, at + r * unit * ALONG / (5 * w + eps)
        yield adaptive_sharpest_point(at, ALONG, radius=ZERO, smallest=p**2, eps=eps), at


@proof("sam.maximizer", scope="every gradient and every step of two coordinates; three for the identity")
def no_step_of_this_length_climbs_more(sharpest_point: Step) -> Claims:
    """(g·g)(d·d) − (g·d)² is a sum of squares, and for the step to the sharpest point it is 0, with g·d = ρ ‖g‖."""
    grad, step = symbols("g", 3), symbols("d", 3)
    products = [grad[i] * step[j] - grad[j] * step[i] for i, j in ((0, 1), (0, 2), (1, 2))]
    yield np.sum(grad**2) * np.sum(step**2) - np.sum(grad * step) ** 2, sum(product**2 for product in products)
    taken = sharpest_point(0 * ALONG, ALONG, radius=r)
    yield np.sum(taken**2), r**2
    yield np.sum(taken * ALONG), r * 5 * w


@enumeration(
    "optimizers.sam.point", "optimizers.asam.point", "sam.maximizer", scope="exact, gradients of whole norms, weights from −2, 0, 1"
)
def sharpest_points_by_hand(sharpest_point: Step, adaptive_sharpest_point: Step) -> Claims:
    """Steps in fractions; no whole step of the same length has a larger product with the gradient."""
    radius, stabiliser, least = Fraction(5, 2), Fraction(1, 4), Fraction(1, 2)
    for at, (grad, norm) in itertools.product(itertools.product((-2, 0, 1), repeat=2), (((3, 4), 5), ((-12, 5), 13), ((0, 2), 2))):
        got = sharpest_point(Rational(at), Rational(grad), radius=Rational(radius), eps=Rational(stabiliser))
        yield got, Rational([weight + radius * slope / (norm + stabiliser) for weight, slope in zip(at, grad, strict=True)])
        unit = [abs(weight) + least for weight in at]
        slopes = [slope / size for slope, size in zip(grad, unit, strict=True)]
        got = adaptive_sharpest_point(
            Rational(at), Rational(slopes), radius=Rational(radius), smallest=Rational(least), eps=Rational(stabiliser)
        )
        yield got, Rational([a + radius * size * slope / (norm + stabiliser) for a, size, slope in zip(at, unit, grad, strict=True)])
        taken = sharpest_point(Rational([0, 0]), Rational(grad), radius=Rational(5))
        climbs = [Fraction(a * grad[0] + b * grad[1]) for a, b in itertools.product(range(-5, 6), repeat=2) if a**2 + b**2 == 25]
        yield bool(np.sum(taken * Rational(grad)) >= Rational(max(climbs))), True


@proof("optimizers.sam", scope="every gradient as a function of the point, one coordinate; radius 0, in every arithmetic of the rate")
def sam_with_any_gradient(sam: Step, gradient_descent: Step, sharpest_point: Step) -> Claims:
    """The gradient at the sharpest point is followed from the point itself; with radius 0 it is descent."""
    gradient = function("f")
    for radius in (ZERO, r):
        ahead = sharpest_point(theta, gradient(theta), radius=radius, eps=eps)
        yield sam(theta, gradient, lr=lr, radius=radius, eps=eps), gradient_descent(theta, gradient(ahead), lr=lr)
    yield sam(theta, gradient, lr=lr, radius=ZERO, eps=eps), gradient_descent(theta, gradient(theta), lr=lr)


@enumeration("optimizers.sam", scope="exact, a bowl with the curvatures 1 and 2 and gradients of whole norms")
def sam_by_hand(sam: Step) -> Claims:
    """On f = x²/2 + y² the gradient is (x, 2 y): it is taken at a distance, and subtracted from the point itself."""
    rate, radius, stabiliser = Fraction(1, 2), Fraction(3, 4), Fraction(1, 4)

    def slope(point: Any) -> Any:
        return point * Rational([1, 2])

    for (first, second), norm in (((3, 2), 5), ((-12, Fraction(5, 2)), 13), ((8, -3), 10)):
        moved = sam(Rational([first, second]), slope, lr=Rational(rate), radius=Rational(radius), eps=Rational(stabiliser))
        ahead = (first + radius * first / (norm + stabiliser), second + radius * 2 * second / (norm + stabiliser))
        yield moved, Rational([first - rate * ahead[0], second - rate * 2 * ahead[1]])
