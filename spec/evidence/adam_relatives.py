"""Evidence for reference/adam_relatives.py: AdaBelief, Yogi, Adan, AdEMAMix, AdaBound, ADOPT, MARS, Adam-mini, Sophia and caution.

A proof about every state chooses w, the root in the denominator, and derives from it the second moment from which a step leads there.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np

from ...reference.adam import AdamState
from ...reference.adam_relatives import AdanState, AdemamixState, AdoptState, BeliefState, BlockState, MarsState, YogiState
from ..arithmetic import Ball, Rational, Symbolic, symbols
from . import Claims, Step, certified_value, enumeration, proof
from ._induction import by_induction

theta, g, m, p, d, slow = symbols("theta g m p d slow")
lr, eps, root, w, c, q, decay_of_weights, mix = symbols("lr eps root w c q weight_decay mix", positive=True)
beta1, beta2, beta3 = symbols("beta1 beta2 beta3", positive=True, below_one=True)
below_one = 1 / (1 + q)  # a number of which it is known that it lies in (0, 1)
ZERO, ONE = Symbolic(0), Symbolic(1)
COUNTS = (0, symbols("t", integer=True, positive=True))  # steps taken before the one that is proven: none, or any number

COMMON = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps}
TWO_VALUES = (-2, 3)


def state_before(after: Any, decay: Any, value: Any) -> Any:
    """Return the running mean from which a step with a value leads to the one given."""
    return (after - (1 - decay) * value) / decay


def weighted_sum(values: tuple[int, ...], decay: Fraction) -> Fraction:
    """Return (1 − β) Σ βⁿ⁻ᵏ xₖ for k = 1 … n."""
    return (1 - decay) * sum((decay**age * value for age, value in enumerate(reversed(values))), Fraction(0))


def in_rational(**values: Fraction | int) -> dict[str, Rational]:
    """Return hyper-parameters as exact fractions."""
    return {name: Rational(value) for name, value in values.items()}


# --- AdaBelief -------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.adabelief", scope="every step, state, gradient and hyper-parameter")
def step_of_adabelief(adabelief: Step) -> Claims:
    """A step goes lr m̂ / (w + eps) down, where w is the root of the corrected s; s gathers (g − m)² of the new m, and eps_root."""
    for count in COUNTS:
        mean, total = beta1 * m + (1 - beta1) * g, w**2 * (1 - beta2 ** (count + 1))
        start = state_before(total - root, beta2, (g - mean) ** 2)
        moved = theta - lr * mean / (1 - beta1 ** (count + 1)) / (w + eps)
        yield adabelief(theta, g, BeliefState(m, start, count), **COMMON, eps_root=root), (moved, (mean, total, count + 1))


@enumeration("optimizers.adabelief", scope="exact, all sequences of 4 gradients from −2, 3; β₂ = 0")
def adabelief_by_hand(adabelief: Step) -> Claims:
    """Steps in fractions, from sums over all gradients: at β₂ = 0 the root is |g − m|."""
    rate, keep, stabiliser = Fraction(1, 2), Fraction(1, 3), Fraction(1, 8)
    hyper = in_rational(lr=rate, beta1=keep, beta2=0, eps=stabiliser)
    for grads in itertools.product(TWO_VALUES, repeat=4):
        x, state, expected = Rational(5), BeliefState.initial(Rational(0)), Fraction(5)
        for count, gradient in enumerate(grads, start=1):
            x, state = adabelief(x, Rational(gradient), state, **hyper)
            mean = weighted_sum(grads[:count], keep)
            expected -= rate * mean / (1 - keep**count) / (abs(gradient - mean) + stabiliser)
            yield x, expected
            yield state, (mean, (gradient - mean) ** 2, count)


@proof("adabelief.constant_gradient", scope="every t, gradient and decay with β₁² ≠ β₂")
def squares_under_a_constant_gradient(adabelief: Step) -> Claims:
    """After t equal gradients m = (1 − β₁ᵗ) g and s is the geometric sum of (β₁ᵏ g)². Proof by induction over t."""

    def closed(count: Any) -> BeliefState:
        gathered = beta1**2 * (beta1 ** (2 * count) - beta2**count) / (beta1**2 - beta2)
        return BeliefState((1 - beta1**count) * g, (1 - beta2) * g**2 * gathered, count)

    yield from by_induction(closed, lambda state: adabelief(theta, g, state, **COMMON)[1], BeliefState.initial(g))


@enumeration("adabelief.constant_gradient", scope="exact, t ≤ 12, β₁ = 9/10, β₂ = 0")
def squares_by_hand(adabelief: Step) -> Claims:
    """With ε = 0 and β₂ = 0 the t-th step is lr / β₁ᵗ long: steps grow under a constant gradient."""
    keep = Fraction(9, 10)
    x, state, hyper = Rational(0), BeliefState.initial(Rational(0)), in_rational(lr=1, beta1=keep, beta2=0, eps=0)
    for count in range(1, 13):
        before = x
        x, state = adabelief(x, Rational(3), state, **hyper)
        yield x - before, -1 / keep**count
        yield state.s, 9 * keep ** (2 * count)


# --- Yogi ------------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.yogi", scope="every state, gradient and hyper-parameter")
def step_of_yogi(yogi: Step) -> Claims:
    """v falls by (1 − β₂) g² where it is larger than g², rises as much where it is smaller, and stays where it is equal."""
    for sign, old in ((1, c**2 + q), (0, c**2), (-1, c**2 * below_one)):
        for gradient in (c, -c):
            fresh, mean = old - (1 - beta2) * sign * c**2, beta1 * m + (1 - beta1) * gradient
            moved = theta - lr * mean / (w + eps)
            yield yogi(theta, gradient, YogiState(m, old), **COMMON, eps_root=w**2 - fresh), (moved, (mean, fresh))


@enumeration("optimizers.yogi", scope="exact, all sequences of 4 gradients from −2, 0, 3 after one of 4; root 0")
def yogi_by_hand(yogi: Step) -> Claims:
    """The states in fractions; at β₂ = 3/4 a first gradient of 4 gives v = 4, so a step of lr m / (2 + eps)."""
    hyper = in_rational(lr=1, beta1=Fraction(1, 2), beta2=Fraction(3, 4), eps=Fraction(1, 2))
    first, start = yogi(Rational(1), Rational(4), YogiState.initial(Rational(0)), **hyper)
    yield (first, start), (Fraction(1, 5), (2, 4))
    for grads in itertools.product((-2, 0, 3), repeat=4):
        state, square = start, Fraction(4)
        for count, gradient in enumerate(grads, start=1):
            root_of = Rational(100 - square_after(square, gradient))  # so that the radicand is 100
            _, state = yogi(Rational(0), Rational(gradient), state, **hyper, eps_root=root_of)
            square = square_after(square, gradient)
            yield state, (weighted_sum((4, *grads[:count]), Fraction(1, 2)), square)


def square_after(square: Fraction, gradient: int) -> Fraction:
    """Return Yogi's v at β₂ = 3/4 after one more gradient."""
    share = Fraction(gradient**2, 4)
    return square - share if square > gradient**2 else square + share if square < gradient**2 else square


@proof("optimizers.yogi", scope="every gradient and hyper-parameter; one step from rest")
def yogi_starts_like_uncorrected_adam(yogi: Step, adam_uncorrected: Step) -> Claims:
    """From rest, v rises as Adam's does."""
    hyper = {**COMMON, "beta2": 1 - w**2}
    for gradient in (c, -c):
        start = YogiState.initial(c)
        yield yogi(theta, gradient, start, **hyper), tuple(adam_uncorrected(theta, gradient, start, **hyper))


# --- Adan ------------------------------------------------------------------------------------------------------------------------------


@enumeration("optimizers.adan", scope="exact, all sequences of 4 gradients from −2, 0, 3; β₃ = 0")
def adan_by_hand(adan: Step) -> Claims:
    """Steps in fractions, from sums over all gradients and their changes: at β₃ = 0 the root is |g + β₂ d|."""
    rate, keep, trend, stabiliser, shrink = Fraction(1, 2), Fraction(1, 3), Fraction(3, 4), Fraction(1, 8), Fraction(2, 5)
    hyper = in_rational(lr=rate, beta1=keep, beta2=trend, beta3=0, eps=stabiliser, weight_decay=shrink)
    for grads in itertools.product((-2, 0, 3), repeat=4):
        changes = (0, *(new - old for old, new in itertools.pairwise(grads)))
        x, state, expected = Rational(5), AdanState.initial(Rational(0)), Fraction(5)
        for count, (gradient, change) in enumerate(zip(grads, changes, strict=True), start=1):
            x, state = adan(x, Rational(gradient), state, **hyper)
            mean, slope = weighted_sum(grads[:count], keep), weighted_sum(changes[:count], trend)
            direction = mean / (1 - keep**count) + trend * slope / (1 - trend**count)
            blend = gradient + trend * change
            expected = (expected - rate * direction / (abs(blend) + stabiliser)) / (1 + rate * shrink)
            yield x, expected
            yield state, (mean, slope, blend**2, gradient, count)


@proof("optimizers.adan", scope="every step, state, gradient and hyper-parameter")
def step_of_adan(adan: Step) -> Claims:
    """A step goes lr (m̂ + β₂ v̂) / (w + eps) down, where w is the root of the corrected n, then shrinks θ by 1 + lr λ."""
    for count, change in zip(COUNTS, (ZERO, g - p), strict=True):
        blend, total = g + beta2 * change, (w**2 - root) * (1 - beta3 ** (count + 1))
        mean, trend = beta1 * m + (1 - beta1) * g, beta2 * d + (1 - beta2) * change
        start = AdanState(m, d, state_before(total, beta3, blend**2), p, count)
        direction = (mean / (1 - beta1 ** (count + 1)) + beta2 * trend / (1 - beta2 ** (count + 1))) / (w + eps)
        moved = (theta - lr * direction) / (1 + lr * decay_of_weights)
        hyper = {**COMMON, "beta3": beta3, "weight_decay": decay_of_weights, "eps_root": root}
        yield adan(theta, g, start, **hyper), (moved, (mean, trend, total, g, count + 1))


@proof("optimizers.adan", scope="every t, gradient and hyper-parameter")
def adan_under_a_constant_gradient(adan: Step, adam: Step) -> Claims:
    """A gradient that does not change gives Adam's steps, with β₃ for its β₂."""
    start = state_before(w**2 * (1 - beta3**3), beta3, g**2)
    hyper = {**COMMON, "beta3": beta3, "weight_decay": ZERO}
    moved, state = adan(theta, g, AdanState(m, ZERO, start, g, 2), **hyper)
    expected, due = adam(theta, g, AdamState(m, start, 2), **{**COMMON, "beta2": beta3})
    yield (moved, state), (expected, (due.m, 0, due.v, g, 3))


# --- AdEMAMix --------------------------------------------------------------------------------------------------------------------------

MIXED = {**COMMON, "beta3": beta3}


@proof("optimizers.ademamix", scope="every step, state, gradient and hyper-parameter")
def step_of_ademamix(ademamix: Step) -> Claims:
    """A step goes lr (m̂ + α m') / (w + eps) + lr λ θ down, where w is the root of the corrected v; m' has a decay of its own."""
    for count in COUNTS:
        mean, lasting = beta1 * m + (1 - beta1) * g, beta3 * slow + (1 - beta3) * g
        total = (w**2 - root) * (1 - beta2 ** (count + 1))
        start = AdemamixState(m, slow, state_before(total, beta2, g**2), count)
        direction = (mean / (1 - beta1 ** (count + 1)) + mix * lasting) / (w + eps)
        hyper = {**MIXED, "slow_weight": mix, "eps_root": root}
        after = (mean, lasting, total, count + 1)
        yield ademamix(theta, g, start, **hyper), (theta - lr * direction, after)
        yield (
            ademamix(theta, g, start, **hyper, weight_decay=decay_of_weights),
            (theta - lr * (direction + decay_of_weights * theta), after),
        )


@proof("optimizers.ademamix", scope="every step, state, gradient and hyper-parameter")
def ademamix_without_its_slow_mean(ademamix: Step, adamw: Step) -> Claims:
    """At slow_weight 0 AdEMAMix is AdamW."""
    for count in COUNTS:
        start = state_before((w**2 - root) * (1 - beta2 ** (count + 1)), beta2, g**2)
        hyper = {"weight_decay": decay_of_weights, "eps_root": root}
        moved, state = ademamix(theta, g, AdemamixState(m, slow, start, count), **MIXED, **hyper, slow_weight=ZERO)
        expected, due = adamw(theta, g, AdamState(m, start, count), **COMMON, **hyper)
        yield (moved, state.m, state.v, state.t), (expected, due.m, due.v, due.t)


@enumeration("optimizers.ademamix", scope="exact, all sequences of 4 gradients from −2, 3; β₂ = 0")
def ademamix_by_hand(ademamix: Step) -> Claims:
    """Steps in fractions, from sums over all gradients: at β₂ = 0 the root is |g|."""
    rate, keep, lasting, share, stabiliser, shrink = (Fraction(*pair) for pair in ((1, 2), (1, 3), (3, 4), (5, 1), (1, 8), (2, 5)))
    hyper = in_rational(lr=rate, beta1=keep, beta2=0, beta3=lasting, slow_weight=share, eps=stabiliser, weight_decay=shrink)
    for grads in itertools.product(TWO_VALUES, repeat=4):
        x, state, expected = Rational(5), AdemamixState.initial(Rational(0)), Fraction(5)
        for count, gradient in enumerate(grads, start=1):
            x, state = ademamix(x, Rational(gradient), state, **hyper)
            fast_mean, slow_mean = weighted_sum(grads[:count], keep), weighted_sum(grads[:count], lasting)
            direction = (fast_mean / (1 - keep**count) + share * slow_mean) / (abs(gradient) + stabiliser)
            expected -= rate * (direction + shrink * expected)
            yield x, expected
            yield state, (fast_mean, slow_mean, gradient**2, count)


# --- AdaBound --------------------------------------------------------------------------------------------------------------------------

bound, speed = symbols("bound speed", positive=True)
BOUNDED = {"beta1": beta1, "beta2": beta2, "eps": eps, "eps_root": root, "final_lr": bound, "convergence": speed}


@proof("optimizers.adabound", scope="every state, gradient and hyper-parameter; steps 1, 2 and 5")
def step_of_adabound(adabound: Step) -> Claims:
    """Where w is the root, the rate lr / (1 − β₁ᵗ) / (w + eps) is the factor of m, within the bounds; a bound, beyond it."""
    units = {"lr": ONE, "beta1": ZERO, "beta2": ZERO, "eps": ONE, "final_lr": ONE, "convergence": ONE}
    yield adabound(ZERO, ONE, AdamState.initial(ZERO), **units)[0], Fraction(-1, 2)
    for count in COUNTS:
        n = count + 1
        mean, total = beta1 * m + (1 - beta1) * g, (w**2 - root) * (1 - beta2**n)
        start = state_before(total, beta2, g**2)
        unit = (1 - beta1**n) * (w + eps)  # the lr at which the rate is 1
        low, high = bound * speed * n / (speed * n + 1), bound * (speed * n + 1) / (speed * n)
        for rate, kept in ((low * below_one, low), (high * (1 + q), high), (bound, bound)):
            moved, state = adabound(theta, g, AdamState(m, start, count), lr=rate * unit, **BOUNDED)
            yield (moved, state), (theta - kept * mean, (mean, total, n))


@enumeration("optimizers.adabound", scope="exact, all sequences of 3 gradients from −2, 0, 3; β₂ = 0")
def adabound_by_hand(adabound: Step) -> Claims:
    """Steps in fractions, from sums over all gradients and comparisons: at β₂ = 0 the root is |g|."""
    rate, keep, stabiliser, last, pace = (Fraction(*pair) for pair in ((1, 2), (1, 3), (1, 8), (1, 4), (3, 2)))
    hyper = in_rational(lr=rate, beta1=keep, beta2=0, eps=stabiliser, final_lr=last, convergence=pace)
    for grads in itertools.product((-2, 0, 3), repeat=3):
        x, state, expected = Rational(5), AdamState.initial(Rational(0)), Fraction(5)
        for count, gradient in enumerate(grads, start=1):
            x, state = adabound(x, Rational(gradient), state, **hyper)
            mean = weighted_sum(grads[:count], keep)
            own = rate / (1 - keep**count) / (abs(gradient) + stabiliser)
            low, high = last - last / (pace * count + 1), last + last / (pace * count)
            expected -= sorted((low, own, high))[1] * mean
            yield x, expected
            yield state, (mean, gradient**2, count)


# --- ADOPT -----------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.adopt", scope="every state, gradient and hyper-parameter; steps 1, 2 and 5")
def step_of_adopt(adopt: Step) -> Claims:
    """The old root w divides, or eps where it is larger; what is cut is of modulus (t − 1)^κ; the first gradient makes v and no step."""
    hyper = {"lr": lr, "beta1": beta1, "beta2": beta2, "clip_exponent": c}
    yield adopt(theta, g, AdoptState.initial(theta), **hyper, eps=eps), (theta, (0, g**2, 1))
    for count in (1, 4):
        largest = count**c
        for quotient, cut in ((largest * below_one, largest * below_one), (largest * (1 + q), largest)):
            for sign, (stabiliser, divisor) in itertools.product((1, -1), ((w * below_one, w), (w * (1 + q), w * (1 + q)))):
                gradient = sign * quotient * divisor
                mean = beta1 * m + (1 - beta1) * sign * cut
                after = (mean, beta2 * w**2 + (1 - beta2) * gradient**2, count + 1)
                yield adopt(theta, gradient, AdoptState(m, w**2, count), **hyper, eps=stabiliser), (theta - lr * mean, after)


@enumeration("optimizers.adopt", scope="exact, all sequences of 3 gradients from −2, 0, 3; β₂ = 0, κ = 1 and 2")
def adopt_by_hand(adopt: Step) -> Claims:
    """Steps in fractions, from sums over all gradients: at β₂ = 0 the root is the modulus of the gradient before."""
    rate, keep, stabiliser = Fraction(1, 2), Fraction(1, 3), Fraction(1, 8)
    for grads, exponent in itertools.product(itertools.product((-2, 0, 3), repeat=3), (1, 2)):
        hyper = in_rational(lr=rate, beta1=keep, beta2=0, eps=stabiliser, clip_exponent=exponent)
        x, state, expected, normalized = Rational(5), AdoptState.initial(Rational(0)), Fraction(5), [Fraction(0)]
        x, state = adopt(x, Rational(grads[0]), state, **hyper)
        yield x, 5
        for count, (old, gradient) in enumerate(itertools.pairwise(grads), start=1):
            x, state = adopt(x, Rational(gradient), state, **hyper)
            quotient = gradient / max(Fraction(abs(old)), stabiliser)
            normalized.append(sorted((quotient, Fraction(count**exponent), -Fraction(count**exponent)))[1])
            mean = (1 - keep) * sum(keep**age * value for age, value in enumerate(reversed(normalized)))
            expected -= rate * mean
            yield x, expected
            yield state, (mean, gradient**2, count + 1)


# --- MARS ------------------------------------------------------------------------------------------------------------------------------

PLAIN = {**COMMON, "weight_decay": decay_of_weights, "eps_root": root}


@proof("optimizers.mars_adamw", scope="every state, gradient and hyper-parameter of one coordinate; steps 1, 2 and 5")
def mars_is_adamw_of_a_corrected_gradient(mars_adamw: Step, adamw: Step) -> Claims:
    """MARS is AdamW on g + γ β₁ / (1 − β₁) (g − p), brought back to ± 1 where it is longer; its first change is 0."""
    for count, sign in itertools.product(COUNTS, (1, -1)):
        for corrected, kept in ((sign * below_one, sign * below_one), (sign * (1 + q), Symbolic(sign))):
            gradient, share = (corrected, c) if count is COUNTS[0] else (g, c)
            last = g - (corrected - g) / share  # so that g + share · (g − last) is what is wanted
            start = state_before((w**2 - root) * (1 - beta2 ** (count + 1)), beta2, kept**2)
            moved, state = mars_adamw(theta, gradient, MarsState(m, start, last, count), **PLAIN, change_weight=share * (1 - beta1) / beta1)
            expected, due = adamw(theta, kept, AdamState(m, start, count), **PLAIN)
            yield (moved, state), (expected, (due.m, due.v, gradient, due.t))


@enumeration("optimizers.mars_adamw", scope="exact, 2 coordinates with norms that are whole, 3 gradients; β₂ = 0")
def mars_by_hand(mars_adamw: Step) -> Claims:
    """Steps in fractions; the norm of both coordinates together cuts, and at β₂ = 0 the root is the modulus of what is cut."""
    rate, keep, weight, stabiliser, shrink = (Fraction(*pair) for pair in ((1, 2), (1, 3), (2, 1), (1, 8), (1, 5)))
    hyper = in_rational(lr=rate, beta1=keep, beta2=0, change_weight=weight, eps=stabiliser, weight_decay=shrink)
    norms: dict[tuple[Any, Any], int] = {(3, 4): 5, (-8, 6): 10, (5, 12): 13, (Fraction(3, 10), Fraction(-2, 5)): 1}  # 1 if below 1
    share = weight * keep / (1 - keep)
    for wanted in itertools.product(norms, repeat=3):
        x, state = Rational([5, -7]), MarsState.initial(Rational([0, 0]))
        expected, mean, last = [Fraction(5), Fraction(-7)], [Fraction(0), Fraction(0)], [Fraction(wanted[0][0]), Fraction(wanted[0][1])]
        for count, pair in enumerate(wanted, start=1):
            gradient = [(c + share * old) / (1 + share) for c, old in zip(pair, last, strict=True)]
            x, state = mars_adamw(x, Rational(gradient), state, **hyper)
            kept = [Fraction(c) / norms[pair] for c in pair]
            mean = [keep * old + (1 - keep) * new for old, new in zip(mean, kept, strict=True)]
            steps = [average / (1 - keep**count) / (abs(new) + stabiliser) for average, new in zip(mean, kept, strict=True)]
            expected = [point - rate * (step + shrink * point) for point, step in zip(expected, steps, strict=True)]
            last = gradient
            yield x, Rational(expected)
            yield state, (Rational(mean), Rational([c**2 for c in kept]), Rational(gradient), count)


@proof("optimizers.mars_adamw", scope="every state, gradient and hyper-parameter of one coordinate; steps 1, 2 and 5")
def mars_without_its_correction(mars_adamw: Step, adamw: Step) -> Claims:
    """At change_weight 0 it makes the steps of AdamW on the gradient, brought back to ± 1 where it is longer."""
    for count, (gradient, kept) in itertools.product(COUNTS, ((below_one, below_one), (1 + q, Symbolic(1)), (-(1 + q), Symbolic(-1)))):
        start = state_before((w**2 - root) * (1 - beta2 ** (count + 1)), beta2, kept**2)
        moved, state = mars_adamw(theta, gradient, MarsState(m, start, p, count), **PLAIN, change_weight=ZERO)
        expected, due = adamw(theta, kept, AdamState(m, start, count), **PLAIN)
        yield (moved, state.m, state.v, state.t), (expected, due.m, due.v, due.t)


@certified_value("optimizers.mars_adamw", scope="normal gradients of 3 and 40 coordinates, five steps, of norms below and above 1")
def mars_is_adamw_of_what_is_cut(mars_adamw: Step, adamw: Step) -> Claims:
    """The steps are AdamW's on the corrected gradients, over their norms where these are above 1; the first one is not corrected."""
    source = np.random.default_rng(0)
    numbers = {"lr": (1, 8), "beta1": (9, 10), "beta2": (7, 8), "eps": (1, 100), "eps_root": (1, 50), "weight_decay": (2, 5)}
    hyper = {name: Ball(Fraction(*pair)) for name, pair in numbers.items()}
    weight = Ball(Fraction(1, 40))
    for size, length in ((3, Fraction(1, 4)), (40, Fraction(1, 4)), (3, Fraction(3))):
        x, *grads = (Ball(source.standard_normal(size)) * Ball(length) for _ in range(6))
        state, plain, last = MarsState.initial(x), AdamState.initial(x), grads[0]
        for grad in grads:
            corrected = grad + weight * hyper["beta1"] / (1 - hyper["beta1"]) * (grad - last)
            norm = np.sqrt(np.sum(corrected**2))
            moved, state = mars_adamw(x, grad, state, **hyper, change_weight=weight)
            x, plain = adamw(x, corrected / norm if bool(norm > 1) else corrected, plain, **hyper)
            yield moved, x
            yield (state.m, state.v, state.last_grad), (plain.m, plain.v, grad)
            last = grad


# --- Adam-mini -------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.adam_mini", scope="every state, gradients of two coordinates, every hyper-parameter; steps 1, 2 and 5")
def step_of_adam_mini(adam_mini: Step) -> Claims:
    """Both coordinates are divided by one root w, of the corrected running mean of (g² + p²) / 2."""
    for count in COUNTS:
        n = count + 1
        total = (w**2 - root) * (1 - beta2**n)
        start = BlockState(np.stack([m, d]), state_before(total, beta2, (g**2 + p**2) / 2), count)
        means = [beta1 * old + (1 - beta1) * new for old, new in ((m, g), (d, p))]
        moved = [x - lr * (mean / (1 - beta1**n) / (w + eps) + decay_of_weights * x) for x, mean in zip((theta, slow), means, strict=True)]
        yield adam_mini(np.stack([theta, slow]), np.stack([g, p]), start, **PLAIN), (np.stack(moved), (np.stack(means), total, n))


@proof("optimizers.adam_mini", scope="every state, gradient and hyper-parameter of one coordinate; steps 1, 2 and 5")
def blocks_of_one(adam_mini: Step, adamw: Step) -> Claims:
    """On a block of one parameter Adam-mini is AdamW."""
    for count in COUNTS:
        start = state_before((w**2 - root) * (1 - beta2 ** (count + 1)), beta2, g**2)
        moved, state = adam_mini(theta, g, BlockState(m, start, count), **PLAIN)
        expected, due = adamw(theta, g, AdamState(m, start, count), **PLAIN)
        yield (moved, *state), (expected, *due)


@enumeration(
    "optimizers.adam_mini", scope="exact, all pairs and triples of gradients whose mean square is a square, from −7, −1, 1, 5, 7; β₂ = 0"
)
def adam_mini_by_hand(adam_mini: Step) -> Claims:
    """Steps in fractions from rest: at β₂ = 0 the root is that of the mean square of the block."""
    rate, keep, stabiliser, shrink = Fraction(1, 2), Fraction(1, 3), Fraction(1, 8), Fraction(2, 5)
    hyper = in_rational(lr=rate, beta1=keep, beta2=0, eps=stabiliser, weight_decay=shrink)
    for size in (2, 3):
        for block in itertools.product((-7, -1, 1, 5, 7), repeat=size):
            mean_square = Fraction(sum(value**2 for value in block), size)
            root_of = math.isqrt(int(mean_square))
            if root_of**2 != mean_square:
                continue
            at = Rational(list(range(1, size + 1)))
            moved, state = adam_mini(at, Rational(block), BlockState.initial(Rational([0] * size)), **hyper)
            steps = [Fraction(value) / (root_of + stabiliser) for value in block]
            yield moved, Rational([x - rate * (step + shrink * x) for x, step in enumerate(steps, start=1)])
            yield state, (Rational([(1 - keep) * value for value in block]), mean_square, 1)


# --- Sophia ----------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.sophia", scope="every point, mean, gradient, curvature and hyper-parameter")
def step_of_sophia(sophia: Step) -> Claims:
    """A coordinate moves by lr m / max(γ h, eps), but at most by lr, and by lr λ θ towards 0."""
    for sign, (wanted, kept) in itertools.product((1, -1), ((below_one, below_one), (1 + q, 1))):
        for curvature, stabiliser, divisor in ((w / mix, w * below_one, w), (w * below_one / mix, w, w)):
            mean = sign * wanted * divisor
            gradient = (mean - beta1 * m) / (1 - beta1)
            hyper = {"lr": lr, "beta1": beta1, "eps": stabiliser, "curvature_scale": mix, "weight_decay": decay_of_weights}
            yield sophia(theta, gradient, curvature, m, **hyper), (theta - lr * (sign * kept + decay_of_weights * theta), mean)


@enumeration("optimizers.sophia", scope="exact, all gradients and means from −3, 0, 2, curvatures from 0, 1, 4, with and without decay")
def sophia_by_hand(sophia: Step) -> Claims:
    """Steps in fractions, by comparisons."""
    rate, keep, stabiliser, scale = Fraction(1, 2), Fraction(1, 3), Fraction(3, 4), Fraction(2, 5)
    for gradient, mean, curvature, shrink in itertools.product((-3, 0, 2), (-3, 0, 2), (0, 1, 4), (Fraction(0), Fraction(1, 7))):
        hyper = in_rational(lr=rate, beta1=keep, eps=stabiliser, curvature_scale=scale, weight_decay=shrink)
        average = keep * mean + (1 - keep) * gradient
        ratio = sorted((Fraction(-1), average / max(scale * curvature, stabiliser), Fraction(1)))[1]
        yield (
            sophia(Rational(5), Rational(gradient), Rational(curvature), Rational(mean), **hyper),
            (5 - rate * (ratio + 5 * shrink), average),
        )


@proof("optimizers.sophia", scope="every point, every mean of modulus above eps, curvature 0")
def sophia_without_curvature(sophia: Step, signum: Step) -> Claims:
    """Without curvature Sophia is Signum, as far as the mean is larger than eps."""
    for sign in (1, -1):
        gradient = (sign * w * (1 + q) - beta1 * m) / (1 - beta1)
        moved = sophia(theta, gradient, ZERO, m, lr=lr, beta1=beta1, eps=w, curvature_scale=mix)
        yield moved, signum(theta, gradient, m, lr=lr, decay=beta1)


# --- caution ---------------------------------------------------------------------------------------------------------------------------


@enumeration("optimizers.cautious", "optimizers.cautious.counted", scope="exact, all updates and gradients of 3 coordinates from −2, 0, 3")
def caution_by_counting(cautious: Step, cautious_counted: Step) -> Claims:
    """Kept coordinates are counted; the share is never taken below 1/2 here. No result goes against the gradient."""
    lowest = Fraction(1, 2)
    for update, gradient in itertools.product(itertools.product((-2, 0, 3), repeat=3), repeat=2):
        kept = [value if value * slope > 0 else 0 for value, slope in zip(update, gradient, strict=True)]
        count = sum(value != 0 for value in kept)
        masked = cautious(Rational(update), Rational(gradient), smallest_share=Rational(lowest))
        yield masked, Rational([value / max(Fraction(count, 3), lowest) for value in kept])
        yield cautious_counted(Rational(update), Rational(gradient)), Rational([Fraction(3 * value, count + 1) for value in kept])
        yield bool(np.all(masked * Rational(gradient) >= 0)), True


@proof("optimizers.cautious", "optimizers.cautious.counted", scope="three coordinates, of every size, of which none to three are kept")
def two_forms_of_caution(cautious: Step, cautious_counted: Step) -> Claims:
    """The two forms differ by the factor k / (k + 1) where k coordinates are kept: none that is kept is bent, and the rest is 0."""
    sizes, slopes = (w, c, mix), (lr, eps, root)
    for signs in itertools.product((1, -1), repeat=3):
        count = signs.count(1)
        update = np.stack([sign * size for sign, size in zip(signs, sizes, strict=True)])
        masked = cautious(update, np.stack(list(slopes)), smallest_share=Symbolic(Fraction(1, 4)))
        yield masked, np.stack([Symbolic(3) * size / count if sign == 1 else ZERO for sign, size in zip(signs, sizes, strict=True)])
        yield cautious_counted(update, np.stack(list(slopes))), masked * count / (count + 1)


@proof("optimizers.cautious.adamw", scope="every state, gradient and hyper-parameter of two coordinates; steps 1 and 5")
def step_of_cautious_adamw(cautious_adamw: Step, cautious: Step) -> Claims:
    """The step is lr times the masked direction m̂ / (w + eps), and lr λ θ, for every pair of signs of the means and the gradients."""
    for count, signs in itertools.product((0, 4), itertools.product((1, -1), repeat=2)):
        n = count + 1
        grads, total = np.stack([c, -q]), np.stack([(w**2 - root) * (1 - beta2**n)] * 2)
        means = np.stack([signs[0] * mix, signs[1] * bound])
        start = AdamState(state_before(means, beta1, grads), state_before(total, beta2, grads**2), count)
        at = np.stack([theta, slow])
        direction = cautious(means / (1 - beta1**n) / (w + eps), grads, smallest_share=Symbolic(Fraction(1, 4)))
        yield (
            cautious_adamw(at, grads, start, **PLAIN, smallest_share=Symbolic(Fraction(1, 4))),
            (at - lr * (direction + decay_of_weights * at), (means, total, n)),
        )


@enumeration("optimizers.cautious.adamw", scope="exact, all sequences of 3 pairs of gradients from −2, 3 and 0; β₂ = 0")
def cautious_adamw_by_hand(cautious_adamw: Step) -> Claims:
    """Steps in fractions, from sums over all gradients: at β₂ = 0 the root is |g|."""
    rate, keep, stabiliser, shrink, lowest = (Fraction(*pair) for pair in ((1, 2), (2, 3), (1, 8), (2, 5), (3, 4)))
    hyper = in_rational(lr=rate, beta1=keep, beta2=0, eps=stabiliser, weight_decay=shrink, smallest_share=lowest)
    for grads in itertools.product(((-2, 3), (3, 0), (3, 3)), repeat=3):
        x, state, expected = Rational([5, -7]), AdamState.initial(Rational([0, 0])), [Fraction(5), Fraction(-7)]
        for count, pair in enumerate(grads, start=1):
            x, state = cautious_adamw(x, Rational(pair), state, **hyper)
            means = [weighted_sum(column[:count], keep) for column in zip(*grads, strict=True)]
            kept = [mean * gradient > 0 for mean, gradient in zip(means, pair, strict=True)]
            factor = max(Fraction(sum(kept), 2), lowest)
            for index, (mean, gradient) in enumerate(zip(means, pair, strict=True)):
                direction = mean / (1 - keep**count) / (abs(gradient) + stabiliser) / factor if kept[index] else Fraction(0)
                expected[index] -= rate * (direction + shrink * expected[index])
            yield x, Rational(expected)
