"""Evidence for reference/momentum.py: heavy ball, its relatives and the effect of their memory; Nesterov's momentum in all its forms."""

from __future__ import annotations

import itertools
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...reference.momentum import TwoSequenceState
from ..arithmetic import Ball, Differential, Rational, Symbolic, Tensor, central_difference, certified, function, slope, symbols, tensor
from . import (
    Claims,
    Interval,
    Step,
    certified_value,
    derivative,
    enumeration,
    erratum,
    law,
    presets,
    prints_as,
    proof,
    statistics,
    trajectory,
)
from ._induction import by_induction, limit, t
from ._landscapes import row_of_r6

if TYPE_CHECKING:
    from ...reference.domains import Array, Gradient, Gradients, Momentum, Rate, Rates, Vector

theta, g, v, u, previous = symbols("theta g v u previous")
lr, lr_before, q, norm = symbols("lr lr_before q norm", positive=True)
mu = symbols("mu", positive=True, below_one=True)
grad = function("grad")  # an arbitrary gradient
below_one = 1 / (1 + q)  # a momentum of which it is known that it lies in (0, 1)

TENTHS = [Fraction(k, 10) for k in range(10)]
TABLE = {Fraction(1, 2): 2, Fraction(4, 5): 5, Fraction(9, 10): 10, Fraction(99, 100): 100}


# --- heavy ball and its forms ------------------------------------------------------------------------------------------------------


@proof("optimizers.momentum.heavy_ball", "optimizers.momentum.two_point", scope="every state, gradient, lr and momentum")
def velocity_is_the_last_step(heavy_ball: Step, heavy_ball_two_point: Step) -> Claims:
    """With v = θₜ − θₜ₋₁ the two forms make the same step, and the new velocity is the new step."""
    moved, velocity = heavy_ball(theta, g, theta - previous, lr=lr, momentum=mu)
    yield heavy_ball_two_point(theta, g, previous, lr=lr, momentum=mu), (moved, theta)
    yield velocity, moved - theta


@proof("optimizers.momentum.two_stage", scope="every state, gradient, lr and momentum")
def two_stages_are_one_step(heavy_ball: Step, heavy_ball_two_stage: Step) -> Claims:
    """A gradient step followed by the scaled previous step is the heavy-ball step."""
    yield heavy_ball_two_stage(theta, g, v, lr=lr, momentum=mu), heavy_ball(theta, g, v, lr=lr, momentum=mu)


@law(
    "optimizers.momentum.heavy_ball",
    "optimizers.momentum.two_point",
    "optimizers.momentum.two_stage",
    "optimizers.momentum.lr_outside",
    scope="float64, 4 steps on a cubic gradient, within rounding",
    examples=25,
)
def four_forms_one_trajectory(
    heavy_ball: Step,
    heavy_ball_two_point: Step,
    heavy_ball_two_stage: Step,
    heavy_ball_lr_outside: Step,
    theta: Array,
    gradient: Gradient,
    lr: Rate,
    momentum: Momentum,
) -> Claims:
    """From zero velocity and at constant lr, all four forms visit the same points."""
    states = [(theta, 0 * theta), (theta, theta), (theta, 0 * theta), (theta, 0 * theta)]
    steps = (heavy_ball, heavy_ball_two_point, heavy_ball_two_stage, heavy_ball_lr_outside)
    for _ in range(4):
        states = [f(x, gradient(x), memory, lr=lr, momentum=momentum) for f, (x, memory) in zip(steps, states, strict=True)]
        for x, _memory in states[1:]:
            yield x, states[0][0]


@proof("optimizers.momentum.lr_outside", scope="every state, gradient and momentum, constant lr")
def placements_agree_at_constant_lr(heavy_ball: Step, heavy_ball_lr_outside: Step) -> Claims:
    """The velocity with lr inside is −lr times the one with lr outside, before and after the step; the points are the same."""
    moved, outside = heavy_ball_lr_outside(theta, g, u, lr=lr, momentum=mu)
    yield heavy_ball(theta, g, -lr * u, lr=lr, momentum=mu), (moved, -lr * outside)


@proof("momentum.schedule_noncommute", "optimizers.momentum.lr_outside", scope="any history of gradients, one change of lr")
def placements_differ_after_a_change(heavy_ball: Step, heavy_ball_lr_outside: Step) -> Claims:
    """When lr changes, the points of the two placements differ by −μ (lr_before − lr) u with u the velocity of the outer placement.

    After one step from zero velocity this is −μ (lr_before − lr) g.
    """
    inside, _ = heavy_ball(theta, g, -lr_before * u, lr=lr, momentum=mu)
    outside, _ = heavy_ball_lr_outside(theta, g, u, lr=lr, momentum=mu)
    yield inside - outside, -mu * (lr_before - lr) * u
    ends = []
    for step in (heavy_ball, heavy_ball_lr_outside):
        x, memory = step(theta, g, 0 * g, lr=lr_before, momentum=mu)
        ends.append(step(x, v, memory, lr=lr, momentum=mu)[0])
    yield ends[0] - ends[1], -mu * g * (lr_before - lr)


@enumeration("momentum.schedule_noncommute", scope="exact, all pairs of tenths as rates")
def only_equal_rates_commute(heavy_ball: Step, heavy_ball_lr_outside: Step) -> Claims:
    """After two steps with gradient 1, the placements are at the same point exactly if the two rates are equal."""
    one = Rational(1)
    for first, second in itertools.product(TENTHS[1:], repeat=2):
        ends = []
        for step in (heavy_ball, heavy_ball_lr_outside):
            x, memory = step(0 * one, one, 0 * one, lr=Rational(first), momentum=Rational(Fraction(9, 10)))
            ends.append(step(x, one, memory, lr=Rational(second), momentum=Rational(Fraction(9, 10)))[0])
        yield bool(ends[0] == ends[1]), first == second


@proof("optimizers.momentum.ema", scope="every state, gradient and decay, constant lr")
def average_is_a_damped_velocity(gradient_average: Step, heavy_ball_lr_outside: Step) -> Claims:
    """With m = (1 − β) u, momentum as an average is heavy ball with lr outside, at learning rate (1 − β) lr."""
    moved, outside = heavy_ball_lr_outside(theta, g, u, lr=(1 - mu) * lr, momentum=mu)
    yield gradient_average(theta, g, (1 - mu) * u, lr=lr, decay=mu), (moved, (1 - mu) * outside)


@proof("optimizers.momentum.ema", scope="every t")
def average_weights_sum_to_one(gradient_average: Step) -> Claims:
    """For a constant gradient g the average from 0 is (1 − βᵗ) g, and an average that equals g stays g."""
    yield from by_induction(lambda n: (1 - mu**n) * g, lambda m: gradient_average(theta, g, m, lr=lr, decay=mu)[1], 0 * g)
    yield gradient_average(theta, g, g, lr=lr, decay=mu), (theta - lr * g, g)


@law("optimizers.momentum.ema", scope="float64, within rounding")
def average_is_linear(gradient_average: Step, theta: Array, g: Array, mean: Array, lr: Rate, decay: Momentum) -> Claims:
    """For gradients and averages of opposite sign, the new averages and the steps are opposite."""
    moved, up = gradient_average(theta, g, mean, lr=lr, decay=decay)
    back, down = gradient_average(theta, -g, -mean, lr=lr, decay=decay)
    yield up, -down
    yield moved + back, 2 * theta


# --- the velocity as a sum ---------------------------------------------------------------------------------------------------------

d, i = (sp.Symbol(name, integer=True, positive=True) for name in ("d", "i"))
steps = sp.Symbol("n", integer=True, nonnegative=True)
decay = Tensor(mu.item())
start = tensor("v", d)


def history(n: Any) -> tuple[Tensor, Tensor]:
    """Return arbitrary gradients of dimension d and arbitrary rates for n steps."""
    return tensor("g", n, d), tensor("lr", n, positive=True)


@proof("momentum.unrolled", "optimizers.momentum.heavy_ball", scope="every number of steps and dimension, arbitrary rates and gradients")
def unrolled_by_induction(heavy_ball: Step, unrolled_velocity: Step) -> Claims:
    """The sum is v₀ before the first step, and a heavy-ball step adds exactly one term."""
    grads, lrs = history(steps + 1)
    newest, rate = Tensor(grads.at(steps + 1, i)), Tensor(lrs.at(steps + 1))
    before, after = (Tensor(unrolled_velocity(start, *history(n), momentum=decay).at(i)) for n in (steps, steps + 1))
    yield Tensor(unrolled_velocity(start, *history(sp.Integer(0)), momentum=decay).at(i)), Tensor(start.at(i))
    yield after, heavy_ball(Tensor(0), newest, before, lr=rate, momentum=decay)[1]


@enumeration("momentum.unrolled", "momentum.infinite_sum", scope="exact, all sign patterns of up to 4 gradients, and one of 150")
def unrolled_by_hand(heavy_ball: Step, unrolled_velocity: Step, recent_velocity: Step) -> Claims:
    """Velocities computed step by step in fractions equal the sum."""
    rates, keep = [Fraction(1, 2), Fraction(1, 3), Fraction(2, 5), Fraction(1, 7)] * 40, Fraction(2, 3)
    for signs in (*itertools.chain(*(itertools.product([-1, 1], repeat=n) for n in range(1, 5))), (1, -1, -1) * 50):
        x, velocity = Rational(0), Rational(3)
        for sign, rate in zip(signs, rates, strict=False):
            x, velocity = heavy_ball(x, Rational(sign), velocity, lr=Rational(rate), momentum=Rational(keep))
        grads, lrs = Rational([[sign] for sign in signs]), Rational(rates[: len(signs)])
        yield unrolled_velocity(Rational([3]), grads, lrs, momentum=Rational(keep)), velocity
        yield recent_velocity(grads, lrs, momentum=Rational(keep)), velocity - Rational(keep ** len(signs) * 3)


@proof("momentum.infinite_sum", scope="every number of steps and dimension, arbitrary rates and gradients")
def what_is_left_out(unrolled_velocity: Step, recent_velocity: Step) -> Claims:
    """The sum over the last k gradients misses exactly μᵏ vₜ₋ₖ, which tends to 0 as k grows if velocities are bounded."""
    missed = unrolled_velocity(start, *history(steps), momentum=decay) - recent_velocity(*history(steps), momentum=decay)
    yield missed, decay**steps * start
    yield limit(below_one**t), 0


@law("momentum.infinite_sum", "momentum.unrolled", scope="float64, bit for bit", exact=True)
def from_rest_nothing_is_left_out(
    unrolled_velocity: Step, recent_velocity: Step, velocity: Vector, grads: Gradients, lrs: Rates, momentum: Momentum
) -> Claims:
    """From zero velocity the infinite sum and the unrolled velocity are the same number."""
    yield recent_velocity(grads, lrs, momentum=momentum), unrolled_velocity(0 * velocity, grads, lrs, momentum=momentum)


@proof("momentum.finite_step", scope="every t, gradient, lr and momentum")
def constant_gradient_by_induction(heavy_ball: Step, constant_gradient_velocity: Step) -> Claims:
    """For a constant gradient the closed form starts at 0, and one heavy-ball step leads from t to t + 1."""
    closed = lambda n: constant_gradient_velocity(g, n, lr=lr, momentum=mu)  # noqa: E731 - read as mathematics
    yield from by_induction(closed, lambda velocity: heavy_ball(theta, g, velocity, lr=lr, momentum=mu)[1], 0 * g)


@enumeration("momentum.finite_step", "momentum.terminal_step", "momentum.weight_sum", scope="exact, t ≤ 12, momentum 0, .1, … .9")
def constant_gradient_by_hand(heavy_ball: Step, constant_gradient_velocity: Step, terminal_step: Step, total_weight: Step) -> Claims:
    """Steps computed independently in fractions; every length is below the terminal one."""
    gradient, rate = Rational(Fraction(5, 3)), Rational(Fraction(1, 4))
    for keep in map(Rational, TENTHS):
        x, velocity = Rational(0), Rational(0)
        for n in range(1, 13):
            x, velocity = heavy_ball(x, gradient, velocity, lr=rate, momentum=keep)
            yield constant_gradient_velocity(gradient, n, lr=rate, momentum=keep), velocity
            yield total_weight(n, lr=rate, momentum=keep) * gradient, -velocity
            yield bool(terminal_step(gradient, lr=rate, momentum=keep) >= -velocity), True


@proof("momentum.terminal_step", scope="every t, gradient norm, lr, and momentum in (0, 1)")
def terminal_step_is_limit_and_supremum(constant_gradient_velocity: Step, terminal_step: Step) -> Claims:
    """The lengths of the steps increase and converge to the terminal step; the missing fraction is μᵗ."""
    length = lambda n: -constant_gradient_velocity(norm, n, lr=lr, momentum=below_one)  # noqa: E731 - read as mathematics
    terminal = terminal_step(norm, lr=lr, momentum=below_one)
    yield limit(length(t)), terminal
    yield terminal - length(t), terminal * below_one**t
    yield length(t) < terminal, True
    yield length(t + 1) > length(t), True


@proof("momentum.speedup_factor", scope="every gradient norm, lr and momentum")
def terminal_over_descent(terminal_step: Step, speedup_factor: Step) -> Claims:
    """The factor is the terminal step divided by lr ‖g‖, the step of gradient descent."""
    yield speedup_factor(momentum=mu), terminal_step(norm, lr=lr, momentum=mu) / (lr * norm)


@enumeration("momentum.speedup_factor", scope="exact, the decks' table")
def speedup_table(speedup_factor: Step) -> Claims:
    """Momentum .5, .8, .9, .99 gives the factors 2, 5, 10, 100."""
    for momentum, factor in TABLE.items():
        yield speedup_factor(momentum=Rational(momentum)), factor


@proof("momentum.alternating_step", scope="every t, gradient, lr, and momentum in (0, 1)")
def alternating_by_induction(heavy_ball: Step, alternating_gradient_velocity: Step, terminal_step: Step) -> Claims:
    """For alternating gradients one step leads from t to t + 1.

    The lengths tend to lr ‖g‖/(1 + μ), which is shorter than the terminal step by the factor (1 + μ)/(1 − μ).
    """
    closed = lambda n: alternating_gradient_velocity(g, n, lr=lr, momentum=mu)  # noqa: E731 - read as mathematics
    yield closed(0 * t), 0
    yield closed(t + 1), heavy_ball(theta, (-1) ** t * g, closed(t), lr=lr, momentum=mu)[1]
    length = (-1) ** t * alternating_gradient_velocity(norm, t, lr=lr, momentum=below_one)
    final = lr * norm / (1 + below_one)
    yield length - final, -final * (-below_one) ** t
    yield terminal_step(norm, lr=lr, momentum=below_one) / final, (1 + below_one) / (1 - below_one)


@enumeration("momentum.alternating_step", scope="exact, t ≤ 8, momentum 0, .1, … .9")
def alternating_by_hand(heavy_ball: Step, alternating_gradient_velocity: Step) -> Claims:
    """Steps computed independently in fractions."""
    for keep in map(Rational, TENTHS):
        x, velocity = Rational(0), Rational(0)
        for n in range(1, 9):
            x, velocity = heavy_ball(x, Rational((-1) ** (n - 1)), velocity, lr=Rational(Fraction(1, 4)), momentum=keep)
            yield alternating_gradient_velocity(Rational(1), n, lr=Rational(Fraction(1, 4)), momentum=keep), velocity
    nine = Fraction(9, 10)
    yield (1 + nine) / (1 - nine), 19


def column(vector: Any) -> Any:
    """Return a vector as a column."""
    return np.expand_dims(vector, 1)


@proof("momentum.step_bound", scope="every t and dimension, all gradients")
def longest_step_by_induction(heavy_ball: Step, step_bound: Step, constant_gradient_velocity: Step) -> Claims:
    """The bound satisfies Bₜ₊₁ = μ Bₜ + lr G from 0, and no step exceeds it, because ‖v'‖ ≤ μ ‖v‖ + lr ‖g‖ by Cauchy and Schwarz.

    A constant gradient of norm G attains it.
    """
    yield from by_induction(lambda n: step_bound(norm, n, lr=lr, momentum=mu), lambda bound: mu * bound + lr * norm, 0 * norm)
    yield step_bound(norm, t, lr=lr, momentum=mu), -constant_gradient_velocity(norm, t, lr=lr, momentum=mu)
    velocity, gradient, rate = tensor("v", d), tensor("g", d), Tensor(sp.Symbol("lr", positive=True))
    _, moved = heavy_ball(tensor("theta", d), gradient, velocity, lr=rate, momentum=decay)
    inner = np.sum(velocity * gradient)
    squares = decay**2 * np.sum(velocity**2) + rate**2 * np.sum(gradient**2)
    yield np.sum(moved**2), squares - 2 * decay * rate * inner
    crossed = column(velocity) * gradient - column(gradient) * velocity
    yield np.sum(velocity**2) * np.sum(gradient**2) - inner**2, np.sum(crossed**2) / 2  # Lagrange: Cauchy–Schwarz


@enumeration("momentum.step_bound", scope="exact, all sequences of 4 gradients from −1, 0, 1")
def longest_step_only_when_aligned(heavy_ball: Step, step_bound: Step) -> Claims:
    """The bound is attained exactly by the two constant sequences of largest norm."""
    keep, rate = Rational(Fraction(2, 3)), Rational(Fraction(1, 2))
    for gradients in itertools.product([-1, 0, 1], repeat=4):
        x, velocity = Rational(0), Rational(0)
        for gradient in gradients:
            x, velocity = heavy_ball(x, Rational(gradient), velocity, lr=rate, momentum=keep)
        bound = step_bound(Rational(1), 4, lr=rate, momentum=keep)
        yield bool(np.abs(velocity) <= bound), True
        yield bool(np.abs(velocity) == bound), gradients in ((1,) * 4, (-1,) * 4)


@proof("momentum.weight_sum", scope="every t, lr and momentum")
def weights_by_induction(heavy_ball: Step, total_weight: Step, constant_gradient_velocity: Step) -> Claims:
    """The sum of the weights is −v for the constant gradient 1. It tends to lr/(1 − μ) and not to 1."""
    weight = lambda n: total_weight(n, lr=lr, momentum=mu)  # noqa: E731 - read as mathematics
    yield from by_induction(weight, lambda w: -heavy_ball(theta, 0 * g + 1, -w, lr=lr, momentum=mu)[1], 0 * g)
    yield total_weight(t, lr=lr, momentum=mu) * g, -constant_gradient_velocity(g, t, lr=lr, momentum=mu)
    yield limit(total_weight(t, lr=lr, momentum=below_one)), lr / (1 - below_one)


@erratum("E11")
def velocity_called_an_average(total_weight: Step) -> Claims:
    """As printed, the velocity is an average, so its weights would sum to lr for every momentum. They do not."""
    yield total_weight(t + 2, lr=lr, momentum=mu), lr


@proof("momentum.alpha_vs_epsilon", scope="every number of steps and dimension, all gradients")
def rate_cancels(unrolled_velocity: Step, recent_velocity: Step, terminal_step: Step) -> Claims:
    """From zero velocity the velocity is proportional to a constant rate, which thus cannot decide whether the past dominates.

    For a constant gradient the past contributes μ/(1 − μ) times as much as the present: more exactly if μ > ½.
    """
    grads, lrs = history(steps)
    scale = Tensor(sp.Symbol("c", positive=True))
    yield unrolled_velocity(0 * start, grads, scale * lrs, momentum=decay), scale * recent_velocity(grads, lrs, momentum=decay)
    past = (terminal_step(norm, lr=lr, momentum=mu) - lr * norm) / (lr * norm)
    yield past, mu / (1 - mu)
    yield past - 1, (2 * mu - 1) / (1 - mu)


@enumeration("momentum.alpha_vs_epsilon", scope="exact, momentum 0, .1, … .9 against rates .1, … .9")
def half_is_the_threshold(heavy_ball: Step) -> Claims:
    """After 40 equal gradients the past contributes more than the present exactly if the momentum exceeds ½, at every rate."""
    for keep, rate in itertools.product(TENTHS, TENTHS[1:]):
        x, velocity = Rational(0), Rational(0)
        for _ in range(40):
            x, velocity = heavy_ball(x, Rational(1), velocity, lr=Rational(rate), momentum=Rational(keep))
        past = -velocity - Rational(rate)
        yield bool(past > Rational(rate)), keep > Fraction(1, 2)


@erratum("E12")
def momentum_against_rate(terminal_step: Step) -> Claims:
    """As printed, the past contributes more whenever the momentum exceeds the learning rate."""
    smaller = mu / (1 + q)
    past = terminal_step(norm, lr=smaller, momentum=mu) - smaller * norm
    yield past > smaller * norm, True


@proof("momentum.noise_smoothing", scope="every variance and decay")
def variance_is_stationary(gradient_average: Step, smoothed_variance: Step) -> Claims:
    """The step m' = a m + b g with independent g of variance σ² keeps the variance V of m exactly if V = a² V + b² σ²."""
    zero, one = Symbolic(0), Symbolic(1)
    _, a = gradient_average(zero, zero, one, lr=lr, decay=below_one)
    _, b = gradient_average(zero, one, zero, lr=lr, decay=below_one)
    yield gradient_average(zero, g, v, lr=lr, decay=below_one)[1], a * v + b * g
    stationary = smoothed_variance(norm, decay=below_one)
    yield stationary, a**2 * stationary + b**2 * norm
    yield norm / stationary, (1 + below_one) / (1 - below_one)


@enumeration("momentum.noise_smoothing", scope="exact, decay .8, .9, .99")
def batches_that_do_as_much(smoothed_variance: Step) -> Claims:
    """Averaging with decay .8, .9, .99 reduces the variance as much as a batch that is 9, 19, 199 times larger."""
    for decay, batch in ((Fraction(4, 5), 9), (Fraction(9, 10), 19), (Fraction(99, 100), 199)):
        yield 1 / smoothed_variance(Rational(1), decay=Rational(decay)), batch


@statistics("momentum.noise_smoothing", scope="40 000 chains, seed 0, two-sided error probability 6e−7")
def variance_of_chains(gradient_average: Step, smoothed_variance: Step) -> Claims:
    """The sample variance of simulated chains agrees with the formula.

    A sample variance of N normal numbers has standard deviation √(2/N) V; five of them are allowed.
    """
    source, chains = np.random.default_rng(0), 40_000
    theta, mean = np.zeros(chains), np.zeros(chains)
    for _ in range(120):  # by then the start counts for .8²⁴⁰ of the variance
        theta, mean = gradient_average(theta, source.normal(0, 3, chains), mean, lr=0.125, decay=0.8)
    expected = float(smoothed_variance(9.0, decay=0.8))
    spread = 5 * (2 / chains) ** 0.5
    yield float(np.mean(mean**2)), Interval(Decimal(expected * (1 - spread)), Decimal(expected * (1 + spread)))


@proof("momentum.impulse_displacement", scope="every t, gradient, lr, and momentum in (0, 1)")
def echoes_by_induction(heavy_ball: Step, impulse_displacement: Step) -> Claims:
    """After one gradient and t steps without one, the fraction 1 − μᵗ⁺¹ of the total displacement is done."""
    total = impulse_displacement(g, lr=lr, momentum=mu)
    closed = lambda n: (total * (1 - mu ** (n + 1)), -lr * g * mu**n)  # noqa: E731 - read as mathematics
    at_rest = Symbolic(0)
    yield from by_induction(
        closed, lambda s: heavy_ball(s[0], at_rest, s[1], lr=lr, momentum=mu), heavy_ball(at_rest, g, at_rest, lr=lr, momentum=mu)
    )
    yield limit(1 - below_one ** (t + 1)), 1


@enumeration("momentum.impulse_displacement", scope="exact, momentum 0, .1, … .9")
def echoes_by_hand(heavy_ball: Step, impulse_displacement: Step) -> Claims:
    """After 20 steps the missing fraction of the displacement is μ²⁰."""
    for keep in TENTHS:
        x, velocity = Rational(0), Rational(0)
        for n in range(20):
            x, velocity = heavy_ball(x, Rational(7 if n == 0 else 0), velocity, lr=Rational(Fraction(1, 3)), momentum=Rational(keep))
        yield x, impulse_displacement(Rational(7), lr=Rational(Fraction(1, 3)), momentum=Rational(keep)) * (1 - Rational(keep**20))


@proof("momentum.alpha_zero", scope="every state, gradient and lr")
def no_momentum_is_descent(
    heavy_ball: Step, heavy_ball_lr_outside: Step, nesterov: Step, nesterov_shifted: Step, nesterov_lr_outside: Step
) -> Claims:
    """At momentum 0 every form is gradient descent, for every initial velocity."""
    for step in (heavy_ball, heavy_ball_lr_outside, nesterov_shifted, nesterov_lr_outside):
        yield step(theta, g, v, lr=lr, momentum=Symbolic(0))[0], theta - lr * g
    yield nesterov(theta, grad, v, lr=lr, momentum=Symbolic(0))[0], theta - lr * grad(theta)


@law("momentum.alpha_zero", scope="float64, bit for bit", exact=True)
def no_momentum_is_descent_to_the_bit(
    heavy_ball: Step, heavy_ball_lr_outside: Step, theta: Array, g: Array, velocity: Array, lr: Rate
) -> Claims:
    """At momentum 0 heavy ball equals gradient descent bit for bit, because 0 · v adds no rounding error."""
    yield heavy_ball(theta, g, velocity, lr=lr, momentum=0.0)[0], theta - lr * g
    yield heavy_ball_lr_outside(theta, g, velocity, lr=lr, momentum=0.0)[0], theta - lr * g


# --- what it does on functions -----------------------------------------------------------------------------------------------------


@enumeration("momentum.almost_never_hurts", scope="exact, f = x²/2, lr 1, from 1")
def momentum_can_hurt(heavy_ball: Step) -> Claims:
    """Gradient descent arrives in one step; with momentum .9 the error stays within 1e−6 only from step 263 on."""
    within = Rational(Fraction(1, 10**6))
    yield heavy_ball(Rational(1), Rational(1), Rational(0), lr=Rational(1), momentum=Rational(0))[0], 0
    x, velocity, last = Rational(1), Rational(0), 0
    for n in range(1, 320):
        x, velocity = heavy_ball(x, x, velocity, lr=Rational(1), momentum=Rational(Fraction(9, 10)))
        last = n if bool(np.abs(x) >= within) else last
    yield last + 1, 263


@certified_value("momentum.almost_never_hurts", scope="f = x²/2, lr 1, momentum .9")
def its_rate_there(heavy_ball_rate: Step, gd_rate: Step) -> Claims:
    """The convergence rates are √.9 with momentum and 0 without, so momentum is slower for every start."""
    yield certified(heavy_ball_rate, Fraction(1), lr=Fraction(1), momentum=Fraction(9, 10)), prints_as("0.948683")
    yield gd_rate(Rational([1]), lr=Rational(1)), 0


def quartic(x: Any) -> Any:
    """Return x⁴ − 2 x² + 3 x / 10, which has two minima; the right one is local."""
    return x**4 - 2 * x**2 + 3 * x / 10


def quartic_slope(x: Any) -> Any:
    """Return the derivative of the quartic."""
    return 4 * x**3 - 4 * x + Fraction(3, 10) * (x**0)


# start, tenths of momentum, where it comes to rest
ESCAPES = [("1.8", 0, "0.960150"), ("1.8", 5, "0.960150"), ("1.8", 8, "0.960150"), ("1.8", 9, "-1.035579")]
ESCAPES += [("1.5", tenths, "0.960150") for tenths in (0, 5, 8, 9)]


@certified_value("momentum.escape_local_minimum", scope="lr .01, 600 steps, four momenta from two starts")
def where_it_comes_to_rest(heavy_ball: Step) -> Claims:
    """From 1.8 only momentum .9 reaches the global minimum; from 1.5 no momentum does."""
    for origin, tenths, rest in ESCAPES:
        x = certified(lambda a, b, c: travel(heavy_ball, a, b, c), Fraction(origin), Fraction(1, 100), Fraction(tenths, 10), ulps=2.0**20)
        yield x, prints_as(rest)
        yield quartic(x), prints_as("-0.705854" if rest == "0.960150" else "-1.305428")


def travel(heavy_ball: Step, x: Any, rate: Any, keep: Any) -> Any:
    """Return the point after 600 steps on the quartic."""
    velocity = 0 * x
    for _ in range(600):
        x, velocity = heavy_ball(x, 4 * x**3 - 4 * x + 30 * rate, velocity, lr=rate, momentum=keep)
    return x


@enumeration("momentum.escape_local_minimum", scope="exact: signs of the derivative beside the printed minima")
def both_are_minima(heavy_ball: Step) -> Claims:
    """The derivative changes from − to + within half a unit of each minimum's last digit, and a step at rest there stays there."""
    for digits in ("0.960150", "-1.035579"):
        place = prints_as(digits)
        yield quartic_slope(Fraction(place.low)) < 0, True
        yield quartic_slope(Fraction(place.high)) > 0, True
    yield heavy_ball(Rational(2), Rational(0), Rational(0), lr=Rational(1), momentum=Rational(0))[0], 2


@enumeration("momentum.defaults", scope="exact, every preset of the catalogue")
def presets_speed_up(speedup_factor: Step) -> Claims:
    """Each preset's momentum lies in [0, 1); the speed-up factors are 5, 10 or 100."""
    for preset in presets("momentum.defaults"):
        yield 0 <= preset["momentum"] < 1, True
        yield speedup_factor(momentum=Rational(preset["momentum"])), TABLE[preset["momentum"]]


@trajectory("momentum.alternating_step", scope="the five steps of CMU 'Smoothing the trajectory', momentum .9, lr 1")
def smoothing_reverses_the_order(heavy_ball_lr_outside: Step) -> Claims:
    """Without momentum the vertical moves sum to more than the horizontal ones, with momentum to less (table R5)."""
    moves = Rational([[1, Fraction(5, 2)], [1, -3], [2, Fraction(5, 2)], [1, -2], [Fraction(3, 2), Fraction(3, 2)]])
    yield np.sum(np.abs(moves), axis=0), Rational([Fraction(13, 2), Fraction(23, 2)])
    yield np.sum(moves**2, axis=0), Rational([Fraction(37, 4), Fraction(111, 4)])
    x, velocity, path = 0 * moves[0], 0 * moves[0], []
    for move in moves:
        x, velocity = heavy_ball_lr_outside(x, move, velocity, lr=Rational(1), momentum=Rational(Fraction(9, 10)))
        path.append(velocity)
    yield np.stack(path)[:, 0], Rational([1, Fraction("1.9"), Fraction("3.71"), Fraction("4.339"), Fraction("5.4051")])
    yield np.stack(path)[:, 1], Rational([Fraction(x) for x in ("2.5", "-0.75", "1.825", "-0.3575", "1.17825")])
    sums = np.sum(np.abs(np.stack(path)), axis=0)
    yield sums[0], prints_as("16.354")
    yield sums[1], prints_as("6.611")


# --- Nesterov ----------------------------------------------------------------------------------------------------------------------


@proof("optimizers.nesterov.lookahead", scope="every state, lr, momentum and gradient function")
def heavy_ball_with_the_gradient_ahead(nesterov: Step, heavy_ball: Step) -> Claims:
    """The step is a heavy-ball step with the gradient taken at θ + μ v."""
    yield nesterov(theta, grad, v, lr=lr, momentum=mu), heavy_ball(theta, grad(theta + mu * v), v, lr=lr, momentum=mu)


@derivative("optimizers.nesterov.lookahead", "optimizers.nesterov.prediction", scope="certified, three points of a cubic gradient")
def gradient_is_felt_ahead(nesterov: Step) -> Claims:
    """∂θ'/∂θ = 1 − η f''(θ + μ v) and ∂θ'/∂v = μ (1 − η f''(θ + μ v)): the second derivative is that at the look-ahead point.

    A central difference with step h differs by h²/6 times the third derivative, which is −6 η along θ and −6 η μ³ along v.
    """
    rate, keep, h = Ball(Fraction(1, 8)), Ball(Fraction(9, 10)), Fraction(1, 16)
    for x, velocity in ((1, 0), (2, -1), (-3, 5)):
        bend = 1 - rate * 3 * (Ball(x) + keep * velocity) ** 2
        for direction, reach in ((np.array([1, 0]), 1), (np.array([0, 1]), keep)):

            def moved(state: Any) -> Any:
                return nesterov(state[0], lambda y: y**3, state[1], lr=rate, momentum=keep)[0]

            yield slope(moved(Differential.along([x, velocity], direction))), reach * bend
            yield central_difference(moved, Ball([x, velocity]), direction, h), reach * bend - rate * reach**3 * h**2


@law("optimizers.nesterov.lookahead", "optimizers.nesterov.prediction", scope="float64, bit for bit", exact=True)
def heavy_ball_with_the_gradient_ahead_to_the_bit(
    nesterov: Step, heavy_ball: Step, theta: Array, gradient: Gradient, velocity: Array, lr: Rate, momentum: Momentum
) -> Claims:
    """The step equals a heavy-ball step with the gradient at θ + μ v bit for bit: the operations and their order are the same."""
    ahead = heavy_ball(theta, gradient(theta + momentum * velocity), velocity, lr=lr, momentum=momentum)
    yield nesterov(theta, gradient, velocity, lr=lr, momentum=momentum), ahead


@proof("optimizers.nesterov.prediction", scope="every state, lr, momentum and gradient function")
def prediction_misses_the_gradient(nesterov: Step) -> Claims:
    """The predicted point θ + μ v differs from the new point exactly by the gradient step η ∇f(θ + μ v)."""
    ahead = theta + mu * v
    yield nesterov(theta, grad, v, lr=lr, momentum=mu)[0] - ahead, -lr * grad(ahead)


@proof("optimizers.nesterov.change_of_variables", scope="every point, velocity, lr, momentum and gradient function")
def velocity_in_the_look_ahead_point(nesterov: Step, nesterov_shifted: Step) -> Claims:
    """Where x = θ + μ v, so θ = x − μ v, the gradient is taken at x, and the velocity becomes v' = μ v − η ∇f(x)."""
    _, velocity = nesterov(theta - mu * v, grad, v, lr=lr, momentum=mu)
    yield velocity, mu * v - lr * grad(theta)
    yield velocity, nesterov_shifted(theta, grad(theta), v, lr=lr, momentum=mu)[1]


@proof("optimizers.nesterov.change_of_variables", scope="every point, velocity, lr, momentum and gradient function")
def way_of_the_look_ahead_point(nesterov: Step, nesterov_shifted: Step) -> Claims:
    """From x = θ + μ v to x' = θ' + μ v' it is v' + μ (v' − v): the step of θ, and μ times what the velocity has changed."""
    moved, velocity = nesterov(theta - mu * v, grad, v, lr=lr, momentum=mu)
    yield moved + mu * velocity - theta, velocity + mu * (velocity - v)
    yield nesterov_shifted(theta, grad(theta), v, lr=lr, momentum=mu)[0] - theta, velocity + mu * (velocity - v)


@proof("optimizers.nesterov.change_of_variables", "optimizers.nesterov.tilde_code", scope="every state, lr, momentum and gradient function")
def shifted_point_is_the_look_ahead_point(nesterov: Step, nesterov_shifted: Step, nesterov_shifted_code: Step) -> Claims:
    """If x = θ + μ v before the step, then x' = θ' + μ v' after it, in both printed forms."""
    moved, velocity = nesterov(theta, grad, v, lr=lr, momentum=mu)
    ahead = theta + mu * v
    for step in (nesterov_shifted, nesterov_shifted_code):
        yield step(ahead, grad(ahead), v, lr=lr, momentum=mu), (moved + mu * velocity, velocity)


@proof("optimizers.nesterov.old_velocity", scope="every state, lr and momentum")
def old_velocity_steps_as_the_new_one(nesterov_shifted: Step, nesterov_old_velocity: Step) -> Claims:
    """A step written with the old velocity equals the step written with the new one. With μ² v' instead of μ² v it is another step.

    They differ by μ² (v' − v).
    """
    moved, velocity = nesterov_old_velocity(theta, g, v, lr=lr, momentum=mu)
    yield (moved, velocity), nesterov_shifted(theta, g, v, lr=lr, momentum=mu)
    yield moved, theta + mu * velocity - lr * g
    confused, _ = nesterov_old_velocity(theta, g, velocity, lr=lr, momentum=mu)
    yield confused - moved, mu**2 * (velocity - v)


@enumeration("optimizers.nesterov.old_velocity", scope="exact, 4 steps on h x²/2 with h = 1/2, 3, three momenta, three rates")
def old_velocity_by_hand(nesterov: Step, nesterov_old_velocity: Step) -> Claims:
    """From zero velocity the point is θ + μ v of the look-ahead form after every step, computed in fractions."""
    for curvature, keep, rate in itertools.product(
        (Fraction(1, 2), Fraction(3)), (Fraction(0), Fraction(1, 2), Fraction(9, 10)), (Fraction(1, 8), Fraction(1, 3), Fraction(1))
    ):
        hyper = {"lr": Rational(rate), "momentum": Rational(keep)}
        point = ahead = Rational(1)
        velocity = memory = Rational(0)
        for _ in range(4):
            point, velocity = nesterov(point, lambda x, h=curvature: h * x, velocity, **hyper)
            ahead, memory = nesterov_old_velocity(ahead, curvature * ahead, memory, **hyper)
            yield (ahead, memory), (point + keep * velocity, velocity)


@law(
    "optimizers.nesterov.change_of_variables",
    "optimizers.nesterov.tilde_code",
    "optimizers.nesterov.framework_form",
    scope="float64, 4 steps on a cubic gradient, constant lr, within rounding",
    examples=25,
)
def three_forms_visit_the_look_ahead_points(
    nesterov: Step,
    nesterov_shifted: Step,
    nesterov_shifted_code: Step,
    nesterov_lr_outside: Step,
    theta: Array,
    gradient: Gradient,
    lr: Rate,
    momentum: Momentum,
) -> Claims:
    """From zero velocity, each form in the shifted variable is at θ + μ v of the look-ahead form."""
    point, velocity = theta, 0 * theta
    others = [(theta, 0 * theta)] * 3
    steps = (nesterov_shifted, nesterov_shifted_code, nesterov_lr_outside)
    for _ in range(4):
        point, velocity = nesterov(point, gradient, velocity, lr=lr, momentum=momentum)
        others = [f(x, gradient(x), memory, lr=lr, momentum=momentum) for f, (x, memory) in zip(steps, others, strict=True)]
        for x, _memory in others:
            yield x, point + momentum * velocity


@proof("optimizers.nesterov.framework_form", scope="every state, gradient and momentum; constant lr, and one change of it")
def framework_form_at_constant_lr_only(nesterov_shifted: Step, nesterov_lr_outside: Step) -> Claims:
    """With v = −η u it is the shifted form. When lr changes, the two differ by −μ² (lr_before − lr) u."""
    moved, outside = nesterov_lr_outside(theta, g, u, lr=lr, momentum=mu)
    yield nesterov_shifted(theta, g, -lr * u, lr=lr, momentum=mu), (moved, -lr * outside)
    inside, _ = nesterov_shifted(theta, g, -lr_before * u, lr=lr, momentum=mu)
    yield inside - moved, -(mu**2) * (lr_before - lr) * u


weight = symbols("weight", nonnegative=True)


@proof("optimizers.nesterov.two_sequence", scope="every state, weight, lr and gradient function")
def two_sequences_are_one_look_ahead(nesterov: Step, nesterov_two_sequence: Step) -> Claims:
    """A step is the look-ahead step from v = θₜ − θₜ₋₁ with momentum (λ − 1)/λ'.

    The weights satisfy λ'² = λ' + λ² and grow by at least ½.
    """
    moved, (kept, heavier) = nesterov_two_sequence(theta, grad, TwoSequenceState(previous, weight), lr=lr)
    yield moved, nesterov(theta, grad, theta - previous, lr=lr, momentum=(weight - 1) / heavier)[0]
    yield kept, theta
    yield heavier**2, heavier + weight**2
    yield (heavier - weight - Fraction(1, 2)) * (heavier + weight - Fraction(1, 2)), Symbolic(Fraction(1, 4))


@proof("optimizers.nesterov.two_sequence", scope="every convex function of curvature at most L, every dimension and t")
def energy_never_grows(nesterov_two_sequence: Step) -> Claims:
    """E = (2/L) λ² (f(θ) − f*) + ‖λ θₜ − (λ − 1) θₜ₋₁ − θ*‖² does not increase.

    Its decrease is a sum of the terms that are ≥ 0 by convexity (s₂, s₃) and by the bound on the curvature (s₁).

    It starts as ‖θ₀ − θ*‖² and λₜ ≥ (t + 1)/2, hence f(θₜ) − f* ≤ 2 L ‖θ₀ − θ*‖² / (t + 1)².
    """
    x, before, best, gradient = (tensor(name, d) for name in ("x", "p", "best", "g"))
    at_ahead, s1, s2, s3, curvature, heavy = (Tensor(sp.Symbol(name, nonnegative=True)) for name in ("f", "s1", "s2", "s3", "L", "weight"))
    state = TwoSequenceState(before, heavy)  # type: ignore[arg-type]  # on tensors, as everything here
    moved, (_, heavier) = nesterov_two_sequence(x, lambda y: gradient, state, lr=1 / curvature)
    ahead = moved + gradient / curvature
    here = at_ahead + np.sum(gradient * (x - ahead)) + s2  # convexity, towards θ
    least = at_ahead + np.sum(gradient * (best - ahead)) + s3  # convexity, towards θ*
    there = at_ahead - np.sum(gradient**2) / (2 * curvature) - s1  # curvature at most L
    energy = 2 * heavy**2 * (here - least) / curvature + np.sum((heavy * x - (heavy - 1) * before - best) ** 2)
    after = 2 * heavier**2 * (there - least) / curvature + np.sum((heavier * moved - (heavier - 1) * x - best) ** 2)
    left_over = heavier**2 * s1 + heavier * (heavier - 1) * s2 + heavier * s3
    yield energy - after, 2 * left_over / curvature


@certified_value("optimizers.nesterov.two_sequence", scope="a quadratic of condition 10⁴, t ≤ 200")
def bound_holds_on_a_long_valley(nesterov_two_sequence: Step) -> Claims:
    """From (1, 1) with L = 1, f(θₜ) stays below 2 L ‖θ₀‖²/(t + 1)²."""

    def heights(curvatures: Any) -> Any:
        x, state, height = 0 * curvatures + 1, TwoSequenceState(0 * curvatures + 1, 0 * curvatures[0]), []
        for n in range(1, 201):
            x, state = nesterov_two_sequence(x, lambda y: curvatures * y, state, lr=curvatures[0])
            height += [np.sum(curvatures * x**2) / 2] if n % 20 == 0 else []
        return np.stack(height)

    height = certified(heights, np.array([1, Fraction(1, 10**4)]))
    yield height <= Ball([Fraction(4, (n + 1) ** 2) for n in range(20, 201, 20)]), True


@trajectory(
    "optimizers.momentum.heavy_ball", "optimizers.nesterov.lookahead", scope="momentum .9: a saddle, a long valley, Beale's function"
)
def landscapes_of_momentum(heavy_ball: Step, nesterov: Step) -> Claims:
    """Number of steps to leave the saddle −y² and to descend the long valley and Beale's function (table R6).

    The starts are at distances .1, .001 and 1e-6 from the ridge of the saddle and at (1, 10) in the valley; a height below 1e−3 counts as
    arrived.
    """

    def polyak(rate: float) -> Any:
        return lambda p, gradient, v: heavy_ball(p, gradient(p), v, lr=rate, momentum=0.9)

    def look_ahead(rate: float) -> Any:
        return lambda p, gradient, v: nesterov(p, gradient, v, lr=rate, momentum=0.9)

    yield tuple(row_of_r6(polyak, [0.01, 0.01, 0.01, 0.019, 0.001])), (27, 72, 140, 1615, 538)
    yield tuple(row_of_r6(look_ahead, [0.01, 0.01, 0.01, 0.01, 0.001])), (25, 68, 132, 3090, 540)
