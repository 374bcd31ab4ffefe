"""Evidence for reference/adam_relatives.py: AdaBelief, Yogi, Adan and AdEMAMix.

A proof about every state chooses w, the root in the denominator, and derives from it the second moment from which a step leads there.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

from ...reference.adam import AdamState
from ...reference.adam_relatives import AdanState, AdemamixState, BeliefState, YogiState
from ..arithmetic import Rational, Symbolic, symbols
from . import Claims, Step, enumeration, proof
from ._induction import by_induction

theta, g, m, p, d, slow = symbols("theta g m p d slow")
lr, eps, root, w, c, q, decay_of_weights, mix = symbols("lr eps root w c q weight_decay mix", positive=True)
beta1, beta2, beta3 = symbols("beta1 beta2 beta3", positive=True, below_one=True)
below_one = 1 / (1 + q)  # a number of which it is known that it lies in (0, 1)
ZERO, ONE = Symbolic(0), Symbolic(1)
COUNTS = (0, 1, 4)  # steps taken before the one that is proven

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


@proof("optimizers.adabelief", scope="every state, gradient and hyper-parameter; steps 1, 2 and 5")
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


@proof("optimizers.adan", scope="every state, gradient and hyper-parameter; steps 1, 2 and 5")
def step_of_adan(adan: Step) -> Claims:
    """A step goes lr (m̂ + β₂ v̂) / (w + eps) down, where w is the root of the corrected n, then shrinks θ by 1 + lr λ."""
    for count in COUNTS:
        change = g - p if count else ZERO
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


@proof("optimizers.ademamix", scope="every state, gradient and hyper-parameter; steps 1, 2 and 5")
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


@proof("optimizers.ademamix", scope="every state, gradient and hyper-parameter; steps 1, 2 and 5")
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
