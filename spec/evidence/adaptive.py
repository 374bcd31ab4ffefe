"""Evidence for reference/adaptive.py: AdaGrad, RMSProp, AdaDelta and Rprop, and the properties that they share or lack.

Where a root would complicate a proof, the proof chooses the root r that the step will take and derives the state from it: s = r² − g²
before a step of AdaGrad. Every state can be written so, and the identities contain no roots.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from flint import arb, ctx

from ...reference.adam import AdamaxState, AdamState
from ...reference.adaptive import AdaDeltaState, CentredState, IRpropState, RMSPropNesterovState, RpropMinusState, RpropState
from ..arithmetic import Ball, Rational, Symbolic, Tensor, certified, function, symbols, tensor
from . import (
    Claims,
    Interval,
    Step,
    TableCell,
    certified_value,
    enumeration,
    erratum,
    law,
    presets,
    prints_as,
    proof,
    reproduction,
    trajectory,
)
from ._induction import limit, t
from ._landscapes import MOST, row_of_r6

if TYPE_CHECKING:
    from ...reference.domains import (
        Array,
        Count,
        Decay,
        Gradient,
        Gradients,
        Growth,
        Momentum,
        Rate,
        SecondMoments,
        Series,
        Squares,
        Vector,
    )

theta, g, m, d, x, v = symbols("theta g m d x v")
lr, eps, root, a, b, c, h, q, r, w, z, size = symbols("lr eps root a b c h q r w z size", positive=True)
k = symbols("k", integer=True, positive=True)
rho = symbols("rho", positive=True, below_one=True)
below_one = 1 / (1 + q)  # a decay of which it is known that it lies in (0, 1)
ZERO, ONE = Symbolic(0), Symbolic(1)
grad = function("grad")  # an arbitrary gradient

n = sp.Symbol("n", integer=True, positive=True)
steps = sp.Symbol("t", integer=True, nonnegative=True)
SIGNS = (1, -1)


def by_induction(closed: Callable[[Any], Any], step: Callable[[Any], Any], start: Any) -> Claims:
    """Claim that closed(t) is the state after t steps: it is the start at t = 0, and one step leads from t to t + 1."""
    yield closed(sp.Integer(0)), start
    yield closed(steps + 1), step(closed(steps))


def summed(term: Callable[[Any], Any], last: Any) -> Any:
    """Return the sum of term(i) over i = 1 … last."""
    i = sp.Dummy("i", integer=True, positive=True)
    return sp.Sum(term(i), (i, 1, last))


# --- the idea ----------------------------------------------------------------------------------------------------------------------


@proof("optimizers.adaptive.ideal", scope="every distribution on n gradients, every n")
def steps_have_root_mean_square_lr(ideal_rescaling: Step) -> Claims:
    """If mean_sq is the second moment of the gradient's distribution, the step has mean square lr² and mean −lr E g/√(E g²)."""
    outcomes: Any = tensor("g", n)
    weights: Any = tensor("p", n, positive=True)
    mean = lambda values: np.sum(weights * values) / np.sum(weights)  # noqa: E731 - read as mathematics
    at, rate = Tensor(sp.Symbol("theta", real=True)), Tensor(sp.Symbol("lr", positive=True))
    moved = ideal_rescaling(at, outcomes, mean(outcomes**2), lr=rate) - at
    yield mean(moved**2), rate**2
    spread = mean((outcomes - mean(outcomes)) ** 2)
    yield mean(moved) ** 2 * (mean(outcomes) ** 2 + spread), rate**2 * mean(outcomes) ** 2


@enumeration("optimizers.adaptive.ideal", scope="exact, pairs of equally likely gradients whose mean square is a square, scales 1 … 20")
def steps_by_hand(ideal_rescaling: Step) -> Claims:
    """Steps computed independently in fractions for {1, 7}, {7, 17}, {7, 23} and multiples.

    Their root mean squares are 5, 13, 17 times the scale; all steps go down.
    """
    for (low, high, root_mean_square), scale in itertools.product(((1, 7, 5), (7, 17, 13), (7, 23, 17)), range(1, 21)):
        outcomes, rate = Rational([low * scale, -high * scale]), Fraction(3, 4)
        moved = ideal_rescaling(Rational([2, 2]), outcomes, np.mean(outcomes**2), lr=Rational(rate)) - 2
        yield moved, Rational([-rate * Fraction(low, root_mean_square), rate * Fraction(high, root_mean_square)])
        yield np.mean(moved**2), rate**2


# --- AdaGrad -----------------------------------------------------------------------------------------------------------------------


def path(sums: Callable[[Any], Any], gradient: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return θ and its accumulator after n steps, for an accumulator sums(n): the sum of all steps, each divided by its own root."""
    start, rate, outside, inside = (sp.Symbol(name, positive=True) for name in ("theta", "lr", "eps", "root"))

    def closed(last: Any) -> Any:
        moved = summed(lambda i: rate * gradient(i) / (sp.sqrt(sums(i) + inside) + outside), last)
        return Tensor(start - moved), Tensor(sums(last))

    return closed


def hyper(**others: Any) -> dict[str, Any]:
    """Return the hyper-parameters of `path`."""
    return {"lr": Tensor(lr.item()), "eps": Tensor(eps.item()), "eps_root": Tensor(root.item()), **others}


GRADIENT = sp.IndexedBase("g", real=True)


@proof("optimizers.adagrad", scope="every t, arbitrary gradients, start, lr, eps and eps_root")
def adagrad_by_induction(adagrad: Step) -> Claims:
    """After t steps the accumulator is s₀ + Σ g², and θ has moved by −Σ lr g/(√(s + eps_root) + eps), each term with its own s."""
    closed = path(lambda last: a.item() + summed(lambda i: GRADIENT[i] ** 2, last), lambda i: GRADIENT[i])
    newest = Tensor(GRADIENT[steps + 1])
    start = Tensor(sp.Symbol("theta", positive=True)), Tensor(a.item())
    yield from by_induction(closed, lambda state: adagrad(state[0], newest, state[1], **hyper()), start)


@enumeration("optimizers.adagrad", scope="exact, gradients ±3, ±4, ±12, ±84, all signs; roots 3, 5, 13, 85")
def adagrad_by_hand(adagrad: Step) -> Claims:
    """Four steps with eps outside the root, and one with eps_root inside it, computed independently in fractions."""
    for signs in itertools.product(SIGNS, repeat=4):
        at, total, expected = Rational(1), Rational(0), Fraction(1)
        for sign, size_of_gradient, length in zip(signs, (3, 4, 12, 84), (3, 5, 13, 85), strict=True):
            at, total = adagrad(at, Rational(sign * size_of_gradient), total, lr=Rational(Fraction(1, 3)), eps=Rational(Fraction(1, 2)))
            expected -= Fraction(1, 3) * sign * size_of_gradient / (length + Fraction(1, 2))
            yield (at, total), (expected, length**2)
    yield adagrad(Rational(1), Rational(3), Rational(7), lr=Rational(2), eps=Rational(1), eps_root=Rational(9)), (0, 16)


@proof("optimizers.adagrad", "optimizers.rmsprop", scope="every state, gradient and hyper-parameter")
def rmsprop_is_adagrad_of_a_discounted_sum(adagrad: Step, rmsprop: Step) -> Claims:
    """RMSProp with decay ρ equals AdaGrad with gradient √(1 − ρ) g, accumulator ρ s and learning rate lr/√(1 − ρ)."""
    keep = np.sqrt(1 - below_one)
    discounted = adagrad(theta, keep * g, below_one * a, lr=lr / keep, eps=eps, eps_root=root)
    yield rmsprop(theta, g, a, lr=lr, decay=below_one, eps=eps, eps_root=root), discounted


@proof("optimizers.adagrad", "optimizers.rmsprop", scope="every state and gradient: outside eps against inside eps²")
def placements_within_root_two(adagrad: Step, rmsprop: Step) -> Claims:
    """With r = √s, the denominators are r + eps (outside) and √(r² + eps²) (inside); their squares differ by 2 r eps.

    Twice the square of the inner one exceeds the square of the outer one by (r − eps)² ≥ 0, so the ratio is at most √2.
    """
    both: list[tuple[Step, Any, dict[str, Any]]] = [(adagrad, r**2 - w**2, {}), (rmsprop, (r**2 - (1 - rho) * w**2) / rho, {"decay": rho})]
    for step, state, more in both:
        outside = lr * w / (theta - step(theta, w, state, lr=lr, eps=eps, **more)[0])
        inside = lr * w / (theta - step(theta, w, state, lr=lr, eps=ZERO, eps_root=eps**2, **more)[0])
        yield outside, r + eps
        yield outside**2 - inside**2, 2 * r * eps
        yield 2 * inside**2 - outside**2, (r - eps) ** 2


@certified_value("optimizers.adagrad", scope="first steps at gradients 1e−4, 1e−6, 1e−8; eps = 1e−8 outside and the same number inside")
def first_steps_by_place_of_the_stabiliser(adagrad: Step) -> Claims:
    """First steps are .9999, .9901, .5 lr with eps outside the root and .7071, .0100, .0001 lr with it inside.

    The same number inside acts like 1e−4 outside.
    """
    small = presets("optimizers.adagrad")[1]["eps_root"]
    table = ((4, "0.9999", "0.7071"), (6, "0.9901", "0.0100"), (8, "0.5000", "0.0001"))
    for digits, outside, inside in table:
        gradient = -Fraction(1, 10**digits)
        yield certified(adagrad, 0, gradient, 0, lr=1, eps=small)[0], prints_as(outside)
        yield certified(adagrad, 0, gradient, 0, lr=1, eps=0, eps_root=small)[0], prints_as(inside)


def rate(step: Step, gradient: Any, state: Any, **settings: Any) -> tuple[Any, Any]:
    """Return the effective learning rate, by which a step multiplies the gradient, and the new state."""
    moved, state = step(0 * gradient, gradient, state, **settings)
    return -moved / gradient, state


@proof("adagrad.monotone_rate", scope="every state and gradient, hence every sequence of gradients")
def rates_never_grow(adagrad: Step) -> Claims:
    """AdaGrad's effective rate is lr/(√(s + eps_root) + eps) at the new s, which is larger by g². A larger s gives a smaller rate."""
    yield adagrad(theta, g, a, lr=lr, eps=eps, eps_root=root)[1] - a, g**2
    yield g**2 >= 0, True
    before, _ = rate(adagrad, w, r**2 - root - w**2, lr=lr, eps=eps, eps_root=root)
    after, _ = rate(adagrad, z, (r + b) ** 2 - root - z**2, lr=lr, eps=eps, eps_root=root)
    yield before, lr / (r + eps)
    yield before - after, lr * b / ((r + eps) * (r + b + eps))
    yield before > after, True
    yield adagrad(theta, ZERO, a, lr=lr, eps=eps, eps_root=root), (theta, a)


@law("adagrad.monotone_rate", scope="float64, bit for bit: rounding is monotone", exact=True)
def rates_never_grow_in_floats(adagrad: Step, grads: Series, lr: Rate, eps: Rate) -> Claims:
    """A step with gradient 2 after any number of steps is not longer than one after fewer steps, also in floats."""
    total, last = np.float64(0), np.inf
    for gradient in grads:
        _, total = adagrad(np.float64(0), gradient, total, lr=lr, eps=eps)
        length = -adagrad(np.float64(0), np.float64(2), total, lr=lr, eps=eps)[0]
        yield bool(length <= last), True
        last = length


@proof("optimizers.adaptive.motivation_rare_features", scope="every k, number of blocks, gradient and lr")
def rare_features_by_induction(adagrad: Step) -> Claims:
    """A zero gradient leaves the state unchanged.

    After n blocks of k steps the sums of a rare and a frequent feature are n g² and n k g², so their rates are in the ratio √k : 1.
    """
    yield adagrad(theta, ZERO, a, lr=lr, eps=ZERO), (theta, a)
    blocks = symbols("blocks", integer=True, positive=True)
    yield adagrad(theta, g, blocks * g**2, lr=lr, eps=eps)[1], (blocks + 1) * g**2
    rare, _ = rate(adagrad, w, (blocks - 1) * w**2, lr=lr, eps=ZERO)
    frequent, _ = rate(adagrad, w, (k * blocks - 1) * w**2, lr=lr, eps=ZERO)
    yield rare / frequent, np.sqrt(k)


@certified_value("optimizers.adaptive.motivation_rare_features", scope="k = 100, 300 steps")
def one_in_a_hundred(adagrad: Step) -> Claims:
    """When both features have a gradient, the denominator of the rare one, less eps, is 10 times smaller.

    This happens at steps 100, 200 and 300.
    """
    at, total = Ball([0, 0]), Ball([0, 0])
    for number in range(1, 301):
        met = number % 100 == 0
        moved, total = adagrad(at, Ball([1, int(met)]), total, lr=Ball(1), eps=Ball(1))
        if met:
            roots = 1 / (at - moved) - 1
            yield roots[0] / roots[1], 10
        at = moved


@proof("adagrad.constant_gradient", "adagrad.anisotropy", scope="every t, gradient, lr, eps and eps_root")
def adagrad_constant_gradient_by_induction(adagrad: Step, adagrad_constant_gradient_step: Step) -> Claims:
    """For a constant gradient the sum after t steps is t g² and the next step is the closed form at t + 1.

    Without eps it is lr/√t in every coordinate.
    """
    moved, total = adagrad(theta, g, t * g**2, lr=lr, eps=eps, eps_root=root)
    yield total, (t + 1) * g**2
    yield moved - theta, adagrad_constant_gradient_step(g, t + 1, lr=lr, eps=eps, eps_root=root)
    steep, flat = (adagrad_constant_gradient_step(one_of, k, lr=lr, eps=ZERO) for one_of in (w + z, w))
    yield (steep, flat), (-lr / np.sqrt(k), -lr / np.sqrt(k))
    yield adagrad_constant_gradient_step(-w, k, lr=lr, eps=ZERO), lr / np.sqrt(k)


@enumeration("adagrad.anisotropy", "adagrad.constant_gradient", scope="exact, t = 1, 4, 9 … 400, gradients 1000 and 1/1000")
def steep_and_flat_step_alike(adagrad_constant_gradient_step: Step, gradient_descent: Step) -> Claims:
    """AdaGrad makes steps of 1/√t for both gradients.

    In gradient descent the step of the steep coordinate is longer and that of the flat one shorter. With eps the step is the closed form.
    """
    gradients = Rational([1000, Fraction(1, 1000)])
    descent = gradient_descent(0 * gradients, gradients, lr=Rational(1))
    for length in range(1, 21):
        moved = adagrad_constant_gradient_step(gradients, length**2, lr=Rational(1), eps=Rational(0))
        yield moved, Rational([-Fraction(1, length)] * 2)
        yield bool(moved[0] > descent[0]), True
        yield bool(moved[1] < descent[1]), True
        yield (
            adagrad_constant_gradient_step(gradients, length**2, lr=Rational(2), eps=Rational(3)),
            -2 * gradients / (length * gradients + 3),
        )


@proof("adagrad.constant_gradient", scope="every number of steps T")
def distance_under_a_constant_gradient(adagrad_constant_gradient_step: Step) -> Claims:
    """For S = Σ 1/√t up to T there is one number L with 0 < S − 2√T − L < 1/(2√T).

    S − 2√T decreases and S − 2√T − 1/(2√T) increases, so both have the same limit L.

    L = ζ(1/2), because Σ (−1)ᵏ⁺¹/√k up to 2T equals S(2T) − √2 S(T), which tends to (1 − √2) L, and the sum of that series is (1 − √2)
    ζ(1/2).
    """
    below, above = np.sqrt(k), np.sqrt(k + 1)
    step = -adagrad_constant_gradient_step(w, k + 1, lr=ONE, eps=ZERO)
    falls = step - 2 * (above - below)
    rises = falls - 1 / (2 * above) + 1 / (2 * below)
    yield falls, -1 / (above * (below + above) ** 2)
    yield rises, 1 / (2 * below * above * (below + above) ** 3)
    even = -adagrad_constant_gradient_step(w, 2 * k, lr=ONE, eps=ZERO)
    yield even * np.sqrt(Symbolic(2)), -adagrad_constant_gradient_step(w, k, lr=ONE, eps=ZERO)


@certified_value("adagrad.constant_gradient", "adagrad.regret_lemma", scope="ten thousand steps of AdaGrad, gradient 3, lr 1")
def distance_after_ten_thousand_steps(adagrad: Step, adagrad_constant_gradient_step: Step, adagrad_regret_bound: Step) -> Claims:
    """AdaGrad has moved by 198.5446 = 2√T + ζ(1/2) + r with 0 < r < .005 and ζ(1/2) = −1.4603545.

    The bound 2√T of the regret lemma is .7 % larger.
    """
    at, total, three = Ball(0), Ball(0), Ball(3)
    for _ in range(10_000):
        at, total = adagrad(at, three, total, lr=Ball(1), eps=Ball(0))
    yield -at, prints_as("198.5446")
    zeta = arb(Ball.object_array(Ball(Fraction(1, 2))).item()).zeta()
    yield Ball(zeta), prints_as("-1.4603545")
    yield -at - 200 - Ball(zeta), Interval(Decimal(0), Decimal("0.005"))
    yield adagrad_regret_bound(Ball(np.full(10_000, 3.0))), 600
    yield adagrad_constant_gradient_step(three, 10_000, lr=Ball(1), eps=Ball(0)), -Ball(Fraction(1, 100))


@proof("adagrad.first_step", scope="every gradient but 0, every start and lr")
def adagrad_first_step_is_a_sign(adagrad: Step) -> Claims:
    """The first step is −lr sign(g) for every nonzero gradient."""
    for sign in SIGNS:
        yield adagrad(theta, sign * w, ZERO, lr=lr, eps=ZERO)[0], theta - sign * lr


@enumeration("adagrad.first_step", scope="exact, all gradients ± p/q, p, q ≤ 12")
def adagrad_first_step_by_hand(adagrad: Step) -> Claims:
    """First steps computed independently in fractions. With eps the step is shorter by the factor |g|/(|g| + eps)."""
    for top, bottom, sign in itertools.product(range(1, 13), range(1, 13), SIGNS):
        gradient = Fraction(sign * top, bottom)
        moved, total = adagrad(Rational(5), Rational(gradient), Rational(0), lr=Rational(Fraction(1, 3)), eps=Rational(0))
        yield (moved, total), (5 - Fraction(sign, 3), gradient**2)
        damped, _ = adagrad(Rational(5), Rational(gradient), Rational(0), lr=Rational(Fraction(1, 3)), eps=Rational(Fraction(1, 7)))
        yield damped, 5 - gradient / (3 * (abs(gradient) + Fraction(1, 7)))


@proof("adagrad.regret_lemma", scope="every t and every sequence of gradients")
def regret_lemma_by_induction(adagrad: Step, adagrad_regret_bound: Step) -> Claims:
    """When √s grows by b to √s', the bound 2√s grows by 2 b and the left side by g²/√s', which is less.

    The difference is exactly (√s' − √s)²/√s'.

    The bound is 2√s with AdaGrad's own sum s: it is 0 before the first gradient, and its square grows by 4 g².
    """
    gradient = np.sqrt(b * (2 * a + b))
    moved, total = adagrad(theta, gradient, a**2, lr=lr, eps=ZERO)
    yield total, (a + b) ** 2
    gained = gradient * (theta - moved) / lr
    yield 2 * b - gained, b**2 / (a + b)
    yield b**2 / (a + b) > 0, True
    history = lambda last: tensor("g", last)  # noqa: E731 - read as mathematics
    yield adagrad_regret_bound(history(sp.Integer(0))), 0
    squares = [adagrad_regret_bound(history(last)) ** 2 for last in (steps, steps + 1)]
    yield squares[1] - squares[0], 4 * Tensor(GRADIENT[steps + 1]) ** 2
    yield squares[0], 4 * np.sum(history(steps) ** 2)


@law("adagrad.regret_lemma", scope="float64, within rounding; a stabiliser only lowers the left side")
def regret_lemma_on_examples(adagrad: Step, adagrad_regret_bound: Step, grads: Series, eps: Rate) -> Claims:
    """Σ g (θₜ − θₜ₊₁) of AdaGrad at lr 1 never exceeds the bound; eps only makes the left side smaller."""
    total, gained = 0 * grads[0], 0 * grads[0]
    for gradient in grads:
        moved, total = adagrad(0 * gradient, gradient, total, lr=1.0, eps=eps)
        gained = gained - gradient * moved
    yield bool(np.all(gained <= adagrad_regret_bound(grads))), True


@reproduction("adagrad.regret_lemma", scope="200 sequences of 100 Cauchy numbers, seed 0")
def regret_lemma_on_heavy_tails(adagrad: Step, adagrad_regret_bound: Step) -> Claims:
    """For gradients with heavy tails, the ratio of the left side to √Σg² stays between 1, its value for one gradient, and 2."""
    source = np.random.default_rng(0)
    for grads in source.standard_cauchy((200, 100)):
        total, gained = np.float64(0), np.float64(0)
        for gradient in grads:
            moved, total = adagrad(np.float64(0), gradient, total, lr=1.0, eps=0.0)
            gained -= gradient * moved
        yield bool(1 < 2 * gained / adagrad_regret_bound(grads) < 2), True


# --- RMSProp -----------------------------------------------------------------------------------------------------------------------


@proof("optimizers.rmsprop", scope="every t, arbitrary gradients, start, lr, decay, eps and eps_root")
def rmsprop_by_induction(rmsprop: Step) -> Claims:
    """After t steps the mean square is ρᵗ s₀ + (1 − ρ) Σ ρᵗ⁻ᵏ gₖ². θ has moved by the sum of all steps, each divided by its own root."""
    keep = rho.item()
    weighted = lambda last: summed(lambda i: keep ** (last - i) * GRADIENT[i] ** 2, last)  # noqa: E731 - read as mathematics
    closed = path(lambda last: keep**last * a.item() + (1 - keep) * weighted(last), lambda i: GRADIENT[i])
    newest = Tensor(GRADIENT[steps + 1])
    start = Tensor(sp.Symbol("theta", positive=True)), Tensor(a.item())
    yield from by_induction(closed, lambda state: rmsprop(state[0], newest, state[1], **hyper(decay=Tensor(keep))), start)


# decay, root of the state, gradient, root of the new state: ρ s + (1 − ρ) g² is a square
SQUARES = [(Fraction(1, 2), *triple) for triple in ((1, 7, 5), (5, 35, 25), (7, 17, 13), (7, 23, 17), (17, 31, 25))]
SQUARES += [(Fraction(9, 25), 25, 10, 17), (Fraction(9, 25), 0, 5, 4), (Fraction(16, 25), 0, 5, 3), (Fraction(0), 7, 3, 3)]


@enumeration(
    "optimizers.rmsprop", "optimizers.rmsprop_nesterov", scope="exact, nine steps whose roots are whole, both signs, with eps and without"
)
def rmsprop_by_hand(rmsprop: Step, rmsprop_nesterov: Step) -> Claims:
    """Steps computed independently in fractions.

    The Nesterov form from a nonzero velocity, with the gradient of x²/2 at the look-ahead point.
    """
    third, half = Rational(Fraction(1, 3)), Rational(Fraction(1, 2))
    for (decay, before, gradient, after), sign, outside in itertools.product(SQUARES, SIGNS, (0, 2)):
        keep, slope = Rational(decay), sign * gradient
        length = Fraction(slope, 3 * (after + outside))
        yield (
            rmsprop(Rational(1), Rational(slope), Rational(before**2), lr=third, decay=keep, eps=Rational(outside)),
            (1 - length, after**2),
        )
        state = RMSPropNesterovState(Rational(4), Rational(before**2))
        got = rmsprop_nesterov(Rational(slope - 2), lambda y: y, state, lr=third, momentum=half, decay=keep, eps=Rational(outside))
        yield got, (slope - length, (2 - length, after**2))
    yield (
        rmsprop(Rational(1), Rational(5), Rational(0), lr=third, decay=Rational(Fraction(16, 25)), eps=Rational(1), eps_root=Rational(7)),
        (
            1 - Fraction(1, 3),
            9,
        ),
    )


@proof("rmsprop.constant_gradient", scope="every t, gradient, lr, decay, eps and eps_root")
def rmsprop_constant_gradient_by_induction(rmsprop: Step, rmsprop_constant_gradient_step: Step) -> Claims:
    """For a constant gradient the mean square after t steps is (1 − ρᵗ) g².

    The next step is the closed form at t + 1, which decreases to lr.
    """
    moved, mean_sq = rmsprop(theta, g, (1 - rho**t) * g**2, lr=lr, decay=rho, eps=eps, eps_root=root)
    yield mean_sq, (1 - rho ** (t + 1)) * g**2
    yield moved - theta, rmsprop_constant_gradient_step(g, t + 1, lr=lr, decay=rho, eps=eps, eps_root=root)
    bare = rmsprop_constant_gradient_step(w, t + 1, lr=lr, decay=below_one, eps=ZERO)
    yield bare**2 * (1 - below_one ** (t + 1)), lr**2
    yield limit(below_one ** (t + 1)), 0
    yield rmsprop_constant_gradient_step(-w, ONE, lr=lr, decay=below_one, eps=ZERO), lr / np.sqrt(1 - below_one)


@certified_value("rmsprop.constant_gradient", scope="ρ = .9, .99; 1, 2, 50, 2000 steps of RMSProp, gradient −3, lr 1")
def first_steps_are_too_long(rmsprop: Step, rmsprop_constant_gradient_step: Step) -> Claims:
    """For a constant gradient the first steps are 3.1623 lr (ρ = .9) and 10 lr (ρ = .99), the second 2.2942 lr and 7.0888 lr.

    They decrease to lr.
    """
    for decay, table in (
        (Fraction(9, 10), ("3.1623", "2.2942", "1.0026", "1.0000")),
        (Fraction(99, 100), ("10.0000", "7.0888", "1.5911", "1.0000")),
    ):
        at, mean_sq, lengths = Ball(0), Ball(0), {}
        for number in range(1, 2001):
            moved, mean_sq = rmsprop(at, Ball(-3), mean_sq, lr=Ball(1), decay=Ball(decay), eps=Ball(0))
            at, lengths[number] = moved, moved - at
        for number, digits in zip((1, 2, 50, 2000), table, strict=True):
            yield lengths[number], prints_as(digits)
            yield rmsprop_constant_gradient_step(Ball(-3), number, lr=Ball(1), decay=Ball(decay), eps=Ball(0)), lengths[number]


@proof("rmsprop.sign_limit", scope="every gradient, scale c > 0, state, lr and decay")
def the_size_of_the_gradient_cancels(rmsprop: Step, rprop_minus: Step) -> Claims:
    """At ρ = 0 a step is −lr sign(g), which is Rprop with a fixed step size.

    At any ρ, the gradient c g with state c² s makes the same step as g with s, and the new state is c² s'.
    """
    for sign in SIGNS:
        moved, _ = rmsprop(theta, sign * w, a, lr=lr, decay=ZERO, eps=ZERO)
        yield moved, theta - sign * lr
        held = rprop_minus(theta, sign * w, RpropMinusState(d, lr), grow=1 + q, shrink=below_one, smallest=lr, largest=lr)
        yield held, (moved, (sign * w, lr))
    plain, state = rmsprop(theta, g, a, lr=lr, decay=rho, eps=ZERO)
    yield rmsprop(theta, c * g, c**2 * a, lr=lr, decay=rho, eps=ZERO), (plain, c**2 * state)


@law("rmsprop.sign_limit", "adaptive.diagonal_hessian_invariance", scope="float64, bit for bit, 4 steps on c f, c = 2ᵏ", exact=True)
def powers_of_two_cancel(
    adagrad: Step, rmsprop: Step, rmsprop_centered: Step, theta: Array, gradient: Gradient, k: Count, lr: Rate, decay: Decay
) -> Claims:
    """The trajectories of f and 2ᵏ f are the same numbers, because multiplying by a power of two commutes with rounding."""
    steps = [
        (lambda *args: adagrad(*args, lr=lr, eps=0.0), 0 * theta),
        (lambda *args: rmsprop(*args, lr=lr, decay=decay, eps=0.0), 0 * theta),
        (lambda *args: rmsprop_centered(*args, lr=lr, decay=decay, eps=0.0), CentredState(0 * theta, 0 * theta)),
    ]
    for step, start in steps:
        ends = []
        for scale in (1.0, 2.0**k):
            at, state = theta, start
            for _ in range(4):
                at, state = step(at, scale * gradient(at), state)
            ends.append(at)
        yield bool(np.array_equal(ends[0], ends[1], equal_nan=True)), True


def jacobian_of_a_hop(rmsprop: Step, rate: Any, outside: Any, decay: Any) -> Any:
    """Return the derivatives of (x, s) → (−x', s') for a step of RMSProp on h x²/2, at (a, h² a²)."""
    moved, mean_sq = rmsprop(w, h * w, z, lr=rate, decay=decay, eps=outside)
    slopes = sp.Matrix([(-moved).item(), mean_sq.item()]).jacobian([w.item(), z.item()])
    there = slopes.subs({w.item(): a.item(), z.item(): (h * a).item() ** 2})
    return there.replace(lambda e: e.is_Pow and not e.exp.is_integer, lambda e: sp.factor(e.base) ** e.exp)


@proof("rmsprop.limit_cycle", scope="every curvature, lr, eps ≥ 0 and decay in (0, 1)")
def the_cycle_exists_and_attracts(rmsprop: Step, rmsprop_limit_cycle: Step) -> Claims:
    """If a = η/2 − eps/h > 0, a step leads from (a, h² a²) to (−a, h² a²), and there is no other symmetric cycle. The cycle attracts.

    The step followed by a change of sign has a Jacobian J with det J = ρ and 1 + det − tr and 1 + det + tr positive, so both eigenvalues
    lie inside the unit circle.
    """
    for outside in (eps, ZERO):
        rate_of = 2 * (a + outside / h)
        yield rmsprop_limit_cycle(h, lr=rate_of, eps=outside), a
        yield rmsprop(a, h * a, (h * a) ** 2, lr=rate_of, decay=below_one, eps=outside), (-a, (h * a) ** 2)
        hop = rmsprop(b, h * b, (h * b) ** 2, lr=rate_of, decay=below_one, eps=outside)[0]
        yield (hop + b) * (h * b + outside), 2 * h * b * (b - a)
        matrix = jacobian_of_a_hop(rmsprop, rate_of, outside, below_one)
        determinant, trace = map(Symbolic, (matrix.det(), matrix.trace()))
        share = h * a / (h * a + outside)
        yield determinant, below_one
        yield 1 + determinant - trace, 2 * share * (1 - below_one)
        yield 1 + determinant + trace, 2 + 2 * below_one - 2 * share * (1 - below_one)
        yield 2 + 2 * below_one - 2 * share * (1 - below_one) > 0, True
        yield below_one < 1, True


@proof("rmsprop.limit_cycle", scope="every curvature, lr ≤ 2 eps/h, state and decay")
def a_large_eps_ends_the_cycle(rmsprop: Step, rmsprop_limit_cycle: Step) -> Claims:
    """If lr ≤ 2 eps/h, every step from any x and s makes the error smaller: x' = (1 − f) x with 0 < f < 2."""
    outside = (lr / 2 + b) * h
    yield rmsprop_limit_cycle(h, lr=lr, eps=outside), 0
    mean_sq = (r**2 - (1 - rho) * (h * w) ** 2) / rho
    for sign in SIGNS:
        moved, _ = rmsprop(sign * w, sign * h * w, mean_sq, lr=lr, decay=rho, eps=outside)
        yield moved / (sign * w) < 1, True
        yield moved / (sign * w) > -1, True


@trajectory("rmsprop.limit_cycle", scope="h = 1, 100, lr .01, ρ = .9, from 1 and from −.3, 3000 steps")
def where_it_ends(rmsprop: Step, rmsprop_limit_cycle: Step) -> Claims:
    """RMSProp ends with |x| = .005 and a change of sign in every step, for both curvatures.

    At h = 100, eps = .25 gives .0025 and eps = .6 gives 0.
    """
    for curvature, outside, start in ((1.0, 0.0, 1.0), (100.0, 0.0, -0.3), (100.0, 0.25, 1.0), (100.0, 0.6, 1.0)):
        at, mean_sq = np.float64(start), np.float64(0)
        for _ in range(3000):
            last = at
            at, mean_sq = rmsprop(at, curvature * at, mean_sq, lr=0.01, decay=0.9, eps=outside)
        end = rmsprop_limit_cycle(curvature, lr=0.01, eps=outside)
        yield abs(at), prints_as({0.0: "0.00500000", 0.25: "0.00250000", 0.6: "0.00000000"}[outside])
        yield abs(at) - end, prints_as("0.0000000000")
        yield bool(at * last < 0), outside < 0.5


# --- centred RMSProp ---------------------------------------------------------------------------------------------------------------


@proof("optimizers.rmsprop.centered", scope="every state with s − m² = v ≥ 0, every gradient m + d and decay in (0, 1)")
def variance_is_never_negative(rmsprop_centered: Step, rmsprop: Step, gradient_average: Step) -> Claims:
    """s' − m'² = ρ v + ρ (1 − ρ) d² ≥ 0, so the variance stays nonnegative from 0 on.

    The means are those of RMSProp and of the averaged gradient.

    The step is RMSProp's with −m'² inside the root, so it is RMSProp's own where m' = 0.
    """
    before = CentredState(a + m**2, m)
    settings = {"lr": lr, "decay": below_one, "eps": eps}
    moved, after = rmsprop_centered(theta, m + d, before, eps_root=root, **settings)
    variance = below_one * a + below_one * (1 - below_one) * d**2
    yield after.mean_sq - after.mean**2, variance
    yield variance > 0, True
    yield after.mean_sq, rmsprop(theta, m + d, before.mean_sq, **settings)[1]
    yield after.mean, gradient_average(theta, m + d, before.mean, lr=lr, decay=below_one)[1]
    yield moved, theta - lr * (m + d) / (np.sqrt(variance + root) + eps)
    balanced = CentredState(a + (q * g) ** 2, -q * g)
    yield (
        rmsprop_centered(theta, g, balanced, eps_root=root, **settings)[0],
        rmsprop(theta, g, balanced.mean_sq, eps_root=root, **settings)[0],
    )


@enumeration(
    "optimizers.rmsprop.centered",
    scope="exact, two steps whose roots are plain, both signs, with eps and without; one from a state of negative variance",
)
def centred_by_hand(rmsprop_centered: Step) -> Claims:
    """From zero state at ρ = 1/2, the gradients 2 and 3/2 give the variances 1 and 9/16; steps computed independently in fractions."""
    half = Rational(Fraction(1, 2))
    for sign, outside in itertools.product(SIGNS, (0, 1)):
        at, state = rmsprop_centered(
            Rational(0), Rational(2 * sign), CentredState.initial(Rational(0)), lr=Rational(3), decay=half, eps=Rational(outside)
        )
        yield (at, state), (Fraction(-6 * sign, 1 + outside), (2, sign))
        moved, state = rmsprop_centered(at, Rational(Fraction(3 * sign, 2)), state, lr=Rational(3), decay=half, eps=Rational(outside))
        yield moved - at, -Fraction(9 * sign, 2) / (Fraction(3, 4) + outside)
        yield state, (Fraction(17, 8), Fraction(5 * sign, 4))
    inside = rmsprop_centered(
        Rational(0), Rational(2), CentredState.initial(Rational(0)), lr=Rational(3), decay=half, eps=Rational(0), eps_root=Rational(3)
    )
    yield inside[0], -3
    beyond = CentredState(Rational(0), Rational(4))
    yield rmsprop_centered(Rational(0), Rational(2), beyond, lr=Rational(3), decay=half, eps=Rational(1)), (-6, (2, 3))


@trajectory("optimizers.rmsprop.centered", scope="float64, gradients .1, .2 … .9 held for 400 steps, ρ = .5, .9, .99, eps 1e−8")
def rounding_makes_no_nan(rmsprop_centered: Step) -> Claims:
    """For gradients held constant, s − m² finally is rounding error of either sign.

    The maximum with 0 prevents the root of a negative number.
    """
    gradients, least = np.arange(1, 10) / 10, np.inf
    for decay in (0.5, 0.9, 0.99):
        at, state = 0 * gradients, CentredState(0 * gradients, 0 * gradients)
        for _ in range(400):
            at, state = rmsprop_centered(at, gradients, state, lr=1e-9, decay=decay, eps=1e-8)
            least = min(least, float(np.min(state.mean_sq - state.mean**2)))
        yield bool(np.all(np.isfinite(at))), True
    yield least < 0, True


# --- RMSProp with Nesterov's momentum ----------------------------------------------------------------------------------------------


@proof("optimizers.rmsprop_nesterov", scope="every state, hyper-parameter and gradient function")
def nesterov_at_a_rate_of_its_own(rmsprop_nesterov: Step, rmsprop: Step, nesterov: Step) -> Claims:
    """The Nesterov form is Nesterov's momentum at the effective learning rate of RMSProp at the look-ahead point.

    At momentum 0 it is RMSProp.
    """
    settings = {"decay": rho, "eps": eps, "eps_root": root}
    momentum = symbols("mu", positive=True, below_one=True)
    moved, after = rmsprop_nesterov(theta, grad, RMSPropNesterovState(v, a), lr=lr, momentum=momentum, **settings)
    slope = grad(theta + momentum * v)
    still, mean_sq = rmsprop(theta, slope, a, lr=lr, **settings)
    yield after.mean_sq, mean_sq
    yield (moved, after.velocity), nesterov(theta, grad, v, lr=(theta - still) / slope, momentum=momentum)
    plain, state = rmsprop_nesterov(theta, grad, RMSPropNesterovState(v, a), lr=lr, momentum=ZERO, **settings)
    yield (plain, state.mean_sq), rmsprop(theta, grad(theta), a, lr=lr, **settings)
    yield state.velocity, plain - theta


@law(
    "optimizers.rmsprop_nesterov",
    "optimizers.rmsprop",
    "optimizers.adagrad",
    "optimizers.rmsprop.centered",
    "optimizers.adadelta",
    scope="float64, bit for bit: coordinates without gradient, from rest, eps > 0",
    exact=True,
)
def no_gradient_no_step_and_no_nan(
    adagrad: Step,
    rmsprop: Step,
    rmsprop_centered: Step,
    rmsprop_nesterov: Step,
    adadelta: Step,
    theta: Array,
    lr: Rate,
    momentum: Momentum,
    decay: Decay,
    eps: Rate,
) -> Claims:
    """From zero state and with eps > 0, coordinates without a gradient do not move and do not become NaN, wherever eps stands.

    0/(0 + eps) = 0.
    """
    rest = 0 * theta
    for stabiliser in ({"eps": eps}, {"eps": 0.0, "eps_root": eps}):
        yield adagrad(theta, rest, rest, lr=lr, **stabiliser), (theta, rest)
        yield rmsprop(theta, rest, rest, lr=lr, decay=decay, **stabiliser), (theta, rest)
        yield rmsprop_centered(theta, rest, CentredState(rest, rest), lr=lr, decay=decay, **stabiliser), (theta, (rest, rest))
        resting = RMSPropNesterovState(rest, rest)
        yield rmsprop_nesterov(theta, lambda y: 0 * y, resting, lr=lr, momentum=momentum, decay=decay, **stabiliser), (theta, (rest, rest))
    yield adadelta(theta, rest, AdaDeltaState(rest, rest), decay=decay, eps_grad=eps, eps_step=eps), (theta, (rest, rest))


@erratum("E08")
def not_a_number_without_a_gradient(rmsprop_nesterov: Step) -> Claims:
    """As printed, without a stabiliser, a coordinate without a gradient stays where it is. It becomes NaN."""
    rest = np.zeros(1)
    settings = {"lr": 0.1, "momentum": 0.9, "decay": 0.9, "eps": 0.0}
    yield rmsprop_nesterov(np.ones(1), lambda y: 0 * y, RMSPropNesterovState(rest, rest), **settings)[0], np.ones(1)


# --- AdaDelta ----------------------------------------------------------------------------------------------------------------------


@proof("optimizers.adadelta", scope="every state, gradient, decay and both stabilisers")
def adadelta_is_rmsprop_at_a_rate_of_its_own(adadelta: Step, rmsprop: Step) -> Claims:
    """A step of AdaDelta is RMSProp's with learning rate √(d + eps_step) and eps_grad inside the root.

    Its states are running means of g² and of the squared step.
    """
    moved, after = adadelta(theta, g, AdaDeltaState(a, b), decay=rho, eps_grad=root, eps_step=eps)
    plain, mean_sq = rmsprop(theta, g, a, lr=np.sqrt(b + eps), decay=rho, eps=ZERO, eps_root=root)
    yield (moved, after.mean_sq), (plain, mean_sq)
    yield after.mean_sq_step, rho * b + (1 - rho) * (moved - theta) ** 2
    at_rest = AdaDeltaState(ZERO, ZERO)
    first, _ = adadelta(theta, w, at_rest, decay=below_one, eps_grad=ZERO, eps_step=eps)
    yield first, theta - np.sqrt(eps / (1 - below_one))
    yield adadelta(theta, w, at_rest, decay=rho, eps_grad=root, eps_step=ZERO)[0], theta


@proof("optimizers.adadelta", scope="every t, arbitrary gradients and steps")
def both_means_by_induction(adadelta: Step) -> Claims:
    """After t steps s = (1 − ρ) Σ ρᵗ⁻ᵏ gₖ² and d = (1 − ρ) Σ ρᵗ⁻ᵏ Δₖ², where Δ are the steps that were made."""
    keep, made = rho.item(), sp.IndexedBase("D", real=True)
    mean = lambda of, last: Tensor((1 - keep) * summed(lambda i: keep ** (last - i) * of[i] ** 2, last))  # noqa: E731 - read as mathematics
    closed = lambda last: (mean(GRADIENT, last), mean(made, last))  # noqa: E731 - read as mathematics
    newest, new_step, at = Tensor(GRADIENT[steps + 1]), Tensor(made[steps + 1]), Tensor(theta.item())

    def step(means: Any) -> Any:
        settings = {"decay": Tensor(keep), "eps_grad": Tensor(root.item()), "eps_step": Tensor(eps.item())}
        moved, after = adadelta(at, newest, AdaDeltaState(*means), **settings)
        return after.mean_sq, after.mean_sq_step + (1 - settings["decay"]) * (new_step**2 - (moved - at) ** 2)

    yield from by_induction(closed, step, (0, 0))


@enumeration("optimizers.adadelta", scope="exact, all single steps with roots 17, 4, 3, 2 below and 1, 2, 3 above, both signs")
def adadelta_by_hand(adadelta: Step) -> Claims:
    """Single steps computed independently in fractions, for all combinations of arguments with rational roots."""
    below = [(Fraction(9, 25), 625, 10, 0, 17), (Fraction(9, 25), 0, 5, 0, 4), (Fraction(16, 25), 0, 5, 7, 4), (Fraction(1, 2), 0, 2, 2, 2)]
    above = [(0, 1, 1), (3, 1, 2), (5, 4, 3), (0, 4, 2)]
    for (decay, mean_sq, size_of_gradient, inside, bottom), (steps_sq, start, top), sign in itertools.product(below, above, SIGNS):
        state = AdaDeltaState(Rational(mean_sq), Rational(steps_sq))
        settings = {"decay": Rational(decay), "eps_grad": Rational(inside), "eps_step": Rational(start)}
        step = -Fraction(top, bottom) * sign * size_of_gradient
        means = decay * mean_sq + (1 - decay) * size_of_gradient**2, decay * steps_sq + (1 - decay) * step**2
        yield adadelta(Rational(7), Rational(sign * size_of_gradient), state, **settings), (7 + step, means)


@certified_value("optimizers.adadelta", scope="f = w² from 1, Zeiler's numbers, 1000 steps")
def adadelta_arrives(adadelta: Step, rmsprop: Step) -> Claims:
    """The first step is −.004472, and after 1000 steps w = −4.99e−59.

    Without the recursion of d it is RMSProp at lr √ε, which reaches w = .0374.
    """
    (zeiler,) = presets("optimizers.adadelta")

    def travel(one_of: Any, decay: Any, small: Any) -> Any:
        at, state, first, plain, mean_sq = one_of, AdaDeltaState(0 * one_of, 0 * one_of), None, one_of, 0 * one_of
        for _ in range(1000):
            at, state = adadelta(at, 2 * at, state, decay=decay, eps_grad=small, eps_step=small)
            plain, mean_sq = rmsprop(plain, 2 * plain, mean_sq, lr=np.sqrt(small), decay=decay, eps=0, eps_root=small)
            first = at - 1 if first is None else first
        return first, at, plain

    first, end, without = certified(travel, 1, zeiler["decay"], zeiler["eps_grad"])
    yield first, prints_as("-0.004472")
    yield end * Ball(10) ** 59, prints_as("-4.99")
    yield without, prints_as("0.0374")


# --- units -------------------------------------------------------------------------------------------------------------------------


def in_units(value: Any, power: Any, unit: Any = c) -> Any:
    """Return a quantity of dimension metreᵖ in units of c metres; a state is converted field by field."""
    if isinstance(value, tuple):
        parts = [in_units(*pair, unit) for pair in zip(value, power, strict=True)]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value / unit**power


# the powers of the metre, if theta is in metres and the loss has no unit: state, then hyper-parameters
STABILISED = {"lr": 1, "eps": -1, "eps_root": -2}
METRES: dict[str, tuple[Any, dict[str, int]]] = {
    "heavy_ball": (1, {"lr": 2, "momentum": 0}),
    "heavy_ball_lr_outside": (-1, {"lr": 2, "momentum": 0}),
    "adagrad": (-2, STABILISED),
    "rmsprop": (-2, STABILISED | {"decay": 0}),
    "rmsprop_centered": (CentredState(-2, -1), STABILISED | {"decay": 0}),  # type: ignore[arg-type]  # powers in the places of arrays
    "adadelta": (AdaDeltaState(-2, 2), {"decay": 0, "eps_grad": -2, "eps_step": 2}),  # type: ignore[arg-type]
    "adam": (AdamState(-1, -2, 0), STABILISED | {"beta1": 0, "beta2": 0}),  # type: ignore[arg-type]
}
VALUES = {
    "lr": lr,
    "momentum": rho,
    "decay": below_one,
    "beta1": rho,
    "beta2": below_one,
    "eps": eps,
    "eps_root": root,
    "eps_grad": root,
    "eps_step": eps,
}
STATES = {"rmsprop_centered": CentredState(b + m**2, m), "adadelta": AdaDeltaState(a, b), "adam": AdamState(x, a, t)}


@proof("units.gradient", "units.adadelta_consistent", scope="every state, gradient, hyper-parameter and unit c > 0, hence every trajectory")
def steps_in_another_unit(
    heavy_ball: Step,
    heavy_ball_lr_outside: Step,
    adagrad: Step,
    rmsprop: Step,
    rmsprop_centered: Step,
    adadelta: Step,
    adam: Step,
    rmsprop_nesterov: Step,
) -> Claims:
    """With u = θ/c the gradient is c g.

    If every quantity is multiplied by its power of c, the step and the new state are the converted ones, so the trajectory does not depend
    on the unit.
    """
    subjects = (heavy_ball, heavy_ball_lr_outside, adagrad, rmsprop, rmsprop_centered, adadelta, adam)
    for (name, (state_power, powers)), step in zip(METRES.items(), subjects, strict=True):
        settings, state = {key: VALUES[key] for key in powers}, STATES.get(name, a)
        rescaled = {key: in_units(settings[key], power) for key, power in powers.items()}
        got = step(theta / c, c * (m + d), in_units(state, state_power), **rescaled)
        yield got, in_units(step(theta, m + d, state, **settings), (1, state_power))
    settings = {"lr": lr, "eps": eps, "eps_root": root}
    rescaled = {key: in_units(settings[key], power) for key, power in STABILISED.items()}
    state, power = RMSPropNesterovState(v, a), (1, -2)
    got = rmsprop_nesterov(theta / c, lambda u: c * grad(c * u), in_units(state, power), momentum=rho, decay=below_one, **rescaled)
    yield got, in_units(rmsprop_nesterov(theta, grad, state, momentum=rho, decay=below_one, **settings), (1, power))


@proof("units.gradient", scope="every power of c for lr, every state, gradient and unit")
def no_other_unit_of_lr(gradient_descent: Step, adagrad: Step, rmsprop: Step) -> Claims:
    """If lr is multiplied by a further factor cʲ, the steps in metres change by a factor of c⁻ʲ.

    Only the stated unit of lr (j = 0) makes them independent of the unit.
    """
    too_much = symbols("j", integer=True)
    for step, state, power, more in (
        (lambda at, slope, state, lr: (gradient_descent(at, slope, lr=lr),), ZERO, {"lr": 2}, {}),
        (adagrad, a, {"lr": 1, "eps": -1}, {"eps": eps}),
        (rmsprop, a, {"lr": 1, "eps": -1}, {"eps": eps, "decay": rho}),
    ):
        settings = {"lr": lr, **more}
        right = step(ZERO, g, state, **settings)[0]
        rescaled = {key: in_units(value, power.get(key, 0)) for key, value in settings.items()}
        rescaled["lr"] = rescaled["lr"] / c**too_much
        got = step(ZERO, c * g, state * c**2, **rescaled)[0]
        yield c * got * c**too_much, right


@law("units.gradient", "units.adadelta_consistent", scope="float64, bit for bit, units of 2ᵏ metres", exact=True)
def steps_in_units_of_two(
    adagrad: Step,
    rmsprop: Step,
    adadelta: Step,
    rprop: Step,
    theta: Array,
    g: Array,
    mean_sq: Squares,
    steps_sq: Squares,
    k: Count,
    lr: Rate,
    decay: Decay,
    eps: Rate,
) -> Claims:
    """The converted steps are equal bit for bit, because multiplying by a power of two commutes with rounding.

    The step sizes of Rprop have the unit metre.
    """
    unit, shared = 2.0**k, {"lr": lr, "eps": eps, "eps_root": eps}
    rescaled = {key: in_units(shared[key], power, unit) for key, power in STABILISED.items()}
    yield adagrad(theta / unit, unit * g, mean_sq * unit**2, **rescaled), in_units(adagrad(theta, g, mean_sq, **shared), (1, -2), unit)
    got = rmsprop(theta / unit, unit * g, mean_sq * unit**2, decay=decay, **rescaled)
    yield got, in_units(rmsprop(theta, g, mean_sq, decay=decay, **shared), (1, -2), unit)
    state, power = AdaDeltaState(mean_sq, steps_sq), (-2, 2)
    got = adadelta(theta / unit, unit * g, in_units(state, power, unit), decay=decay, eps_grad=eps * unit**2, eps_step=eps / unit**2)
    yield got, in_units(adadelta(theta, g, state, decay=decay, eps_grad=eps, eps_step=eps), (1, power), unit)
    compared, lengths = RpropState(mean_sq - steps_sq, steps_sq, theta), (-1, 1, 1)
    sizes = {"smallest": 0.5, "largest": 4.0}
    got = rprop(theta / unit, unit * g, in_units(compared, lengths, unit), grow=1.25, shrink=decay, **in_units_of(sizes, unit))
    yield got, in_units(rprop(theta, g, compared, grow=1.25, shrink=decay, **sizes), (1, lengths), unit)


def in_units_of(lengths: dict[str, float], unit: float) -> dict[str, float]:
    """Return several lengths in units of c metres."""
    return {key: length / unit for key, length in lengths.items()}


UNITS = (Fraction(1), Fraction(1, 100), Fraction(5))


@certified_value("units.adadelta_consistent", scope="f = w⁴/4 from 3, 50 steps with Zeiler's numbers, u = w/c for c = 1, .01, 5")
def adadelta_in_three_units(adadelta: Step) -> Claims:
    """With one ε in both roots AdaDelta ends at 2.780938, 2.997594, 2.191659 in the three units.

    With two stabilisers that are converted with their units it always ends at 2.780938.
    """
    for unit, digits in zip(UNITS, ("2.780938", "2.997594", "2.191659"), strict=True):
        yield certified(lambda *args: fifty_steps(adadelta, *args, carried=False), unit, ulps=2.0**20), prints_as(digits)
        yield certified(lambda *args: fifty_steps(adadelta, *args, carried=True), unit, ulps=2.0**20), prints_as("2.780938")


def fifty_steps(adadelta: Step, unit: Any, *, carried: bool) -> Any:
    """Return where 50 steps in u = w/c lead on w⁴/4, in metres, with or without converting the stabilisers."""
    (zeiler,) = presets("optimizers.adadelta")
    decay, small = Ball(zeiler["decay"]), Ball(zeiler["eps_grad"])
    at, state, power = 3 / unit, AdaDeltaState(0 * unit, 0 * unit), 2 if carried else 0
    for _ in range(50):
        slope = unit * (unit * at) ** 3
        at, state = adadelta(at, slope, state, decay=decay, eps_grad=small * unit**power, eps_step=small / unit**power)
    return unit * at


@erratum("E67")
def one_number_in_both_roots(adadelta: Step) -> Claims:
    """As printed, AdaDelta with one ε does not depend on the unit."""
    settings = {"decay": below_one, "eps_grad": eps, "eps_step": eps}
    got = adadelta(theta / c, c * g, AdaDeltaState(a * c**2, b / c**2), **settings)
    yield got, in_units(adadelta(theta, g, AdaDeltaState(a, b), **settings), (1, (-2, 2)))


@proof(
    "units.newton_consistent", scope="every function of two numbers, point and unit c > 0, hence every trajectory; the others at every lr"
)
def newton_does_not_feel_the_unit(newton: Step, gradient_descent: Step, rmsprop: Step) -> Claims:
    """f(c u) has the gradient c ∇f and the Hessian c² H, so Newton's step in u is its step in w divided by c.

    The steps of gradient descent and of a sign method are wrong by the factors c² and c.
    """
    unit, place = c.item(), sp.Symbol("u", real=True)
    loss = sp.Function("f")
    for order in (1, 2):
        chained = sp.diff(loss(unit * place), place, order).doit()
        inner = sp.Subs(sp.diff(loss(sp.Symbol("y")), sp.Symbol("y"), order), sp.Symbol("y"), unit * place)
        yield Symbolic(sp.simplify(chained - unit**order * inner)), 0
    at, slopes, hessian = np.stack([theta, x]), np.stack([g, m]), np.stack([np.stack([a, d]), np.stack([d, b])])
    yield newton(at / c, c * slopes, c**2 * hessian), newton(at, slopes, hessian) / c
    descent = lambda at, slope: gradient_descent(at, slope, lr=lr) - at  # noqa: E731 - read as mathematics
    yield c * descent(theta / c, c * g), c**2 * descent(theta, g)
    scaled = lambda at, slope, mean_sq: rmsprop(at, slope, mean_sq, lr=lr, decay=rho, eps=ZERO)[0] - at  # noqa: E731 - read as mathematics
    yield c * scaled(theta / c, c * g, c**2 * a), c * scaled(theta, g, a)


@enumeration("units.newton_consistent", scope="exact, f = w⁴/4 + w²/2 from 3, five steps, u = w/c for c = 1, .01, 5")
def newton_in_three_units(newton: Step, gradient_descent: Step) -> Claims:
    """Newton ends at the same w = .021385891130 in all three units; gradient descent at lr .01 ends at three different points.

    All in fractions.
    """
    by_newton, by_descent = [], []
    for unit in map(Rational, UNITS):
        descended = 3 / unit
        at = np.reshape(descended, (1,))
        for _ in range(5):
            curvature = np.reshape(unit**2 * (3 * (unit * at) ** 2 + 1), (1, 1))
            at = newton(at, unit * ((unit * at) ** 3 + unit * at), curvature)
            slope = unit * ((unit * descended) ** 3 + unit * descended)
            descended = gradient_descent(descended, slope, lr=Rational(Fraction(1, 100)))
        by_newton.append((unit * at[0]).item())
        by_descent.append((unit * descended).item())
    yield Ball(by_newton[0]), prints_as("0.021385891130")
    yield (len(set(by_newton)), len(set(by_descent))), (1, 3)


# --- Rprop -------------------------------------------------------------------------------------------------------------------------

RIEDMILLER = {"grow": 1 + q, "shrink": below_one}


def sizes(target: Any) -> list[tuple[Any, Any, Any]]:
    """Yield the smallest and largest step size and their effect on a target size: none, cut to the largest, raised to the smallest."""
    return [
        (target / (1 + w), target * (1 + z), target),
        (target / ((1 + w) * (1 + z)), target / (1 + w), target / (1 + w)),
        (target * (1 + w), target * (1 + w) * (1 + z), target * (1 + w)),
    ]


def cells() -> Any:
    """Yield every case of Rprop: the signs of this and the last gradient, and which limit is active; with the expected new size."""
    for sign, turn in itertools.product((1, -1, 0), (1, -1, 0)):
        product = sign * turn
        target = size * (1 + q if product > 0 else below_one if product < 0 else 1)
        for smallest, largest, new in sizes(target):
            yield sign, turn, product < 0, {"smallest": smallest, "largest": largest, **RIEDMILLER}, new


@proof(
    "optimizers.rprop",
    "optimizers.rprop.minus",
    "optimizers.rprop.improved_plus",
    "optimizers.rprop.improved_minus",
    scope="every gradient, size, step and hyper-parameter: all nine pairs of signs, each of the three limits",
)
def rprop_cell_by_cell(rprop: Step, rprop_minus: Step, irprop_plus: Step, irprop_minus: Step) -> Claims:
    """In every case the step depends on the sign of the gradient and not on its size.

    The four variants differ only after a change of sign: they undo the last step, step on, undo it if the loss grew, or do not move.
    """
    for sign, before, flipped, settings, new in cells():
        gradient, compared, down = sign * a, before * b, theta - sign * new
        kept = 0 * gradient if flipped else gradient
        step = -v if flipped else -sign * new
        yield rprop(theta, gradient, RpropState(compared, size, v), **settings), (theta + step, (kept, new, step))
        yield rprop_minus(theta, gradient, RpropMinusState(compared, size), **settings), (down, (gradient, new))
        yield irprop_minus(theta, gradient, RpropMinusState(compared, size), **settings), (theta if flipped else down, (kept, new))
        for loss, back in ((h + c, True), (h, False), (h / (1 + c), False)):
            rests = 0 * v if flipped and not back else step
            got = irprop_plus(theta, gradient, loss, IRpropState(compared, size, v, h), **settings)
            yield got, (theta + rests, (kept, new, rests, loss))


GROW, SHRINK, SMALLEST, LARGEST = Fraction(6, 5), Fraction(1, 2), Fraction(1, 25), Fraction(13, 100)


def by_branches(variant: str, gradients: tuple[int, ...], losses: tuple[int, ...]) -> tuple[Any, ...]:
    """Return Rprop as its authors write it, with branches for one weight."""
    at, before, length, step, last = Fraction(0), 0, Fraction(1, 10), Fraction(0), 0
    for gradient, loss in zip(gradients, losses, strict=True):
        kept, sign = gradient, (gradient > 0) - (gradient < 0)
        if gradient * before > 0:
            length = min(length * GROW, LARGEST)
            step = -sign * length
        elif gradient * before < 0:
            length = max(length * SHRINK, SMALLEST)
            rests = {"plus": -step, "minus": -sign * length, "iplus": -step if loss > last else 0, "iminus": 0}
            step, kept = Fraction(rests[variant]), gradient if variant == "minus" else 0
        else:
            step = Fraction(-sign * length)
        at, before, last = at + step, kept, loss
    return at, before, length


@enumeration(
    "optimizers.rprop",
    "optimizers.rprop.minus",
    "optimizers.rprop.improved_plus",
    "optimizers.rprop.improved_minus",
    scope="exact, all 243 sequences of 5 gradients from −1, 0, 3, and three sequences of losses; both limits are met",
)
def rprop_by_branches(rprop: Step, rprop_minus: Step, irprop_plus: Step, irprop_minus: Step) -> Claims:
    """The array formula equals the authors' algorithm with branches, applied weight by weight, on all these sequences."""
    sequences = list(itertools.product((-1, 0, 3), repeat=5))
    settings = {
        key: Rational(one_of)
        for key, one_of in zip(("grow", "shrink", "smallest", "largest"), (GROW, SHRINK, SMALLEST, LARGEST), strict=True)
    }
    rest = Rational([0] * len(sequences))
    tenth = rest + Fraction(1, 10)
    for losses in ((1, 2, 3, 4, 5), (-1, -2, -3, -4, -5), (3, 3, 5, 4, 6)):
        states = {
            "plus": (rest, RpropState(rest, tenth, rest)),
            "minus": (rest, RpropMinusState(rest, tenth)),
            "iminus": (rest, RpropMinusState(rest, tenth)),
            "iplus": (rest, IRpropState(rest, tenth, rest, Rational(0))),
        }
        for column, loss in zip(zip(*sequences, strict=True), losses, strict=True):
            gradient = Rational(list(column))
            for variant, step in (("plus", rprop), ("minus", rprop_minus), ("iminus", irprop_minus)):
                states[variant] = step(states[variant][0], gradient, states[variant][1], **settings)
            states["iplus"] = irprop_plus(states["iplus"][0], gradient, Rational(loss), states["iplus"][1], **settings)
        for variant, (at, state) in states.items():
            expected = zip(*(by_branches(variant, sequence, losses) for sequence in sequences), strict=True)
            yield (at, state[0], state[1]), tuple(Rational(list(column)) for column in expected)


@law(
    "optimizers.rprop",
    "optimizers.rprop.minus",
    "optimizers.rprop.improved_plus",
    "optimizers.rprop.improved_minus",
    scope="float64, bit for bit, 4 steps on a cubic gradient, every positive scale of every coordinate",
    exact=True,
)
def scales_do_not_matter(
    rprop: Step,
    rprop_minus: Step,
    irprop_plus: Step,
    irprop_minus: Step,
    theta: Array,
    gradient: Gradient,
    scales: SecondMoments,
    grow: Growth,
) -> Claims:
    """Multiplying the gradients of any coordinate by a positive number changes no step."""
    settings = {"grow": grow, "shrink": 0.5, "smallest": 2.0**-20, "largest": 50.0}
    rest, tenth = 0 * theta, 0 * theta + 0.1
    for step, start in (
        (rprop, RpropState(rest, tenth, rest)),
        (rprop_minus, RpropMinusState(rest, tenth)),
        (irprop_minus, RpropMinusState(rest, tenth)),
        (lambda at, g, state, **more: irprop_plus(at, g, 1.0, state, **more), IRpropState(rest, tenth, rest, 0.0)),
    ):
        (plain, one_state), (scaled, other) = (theta, start), (theta, start)
        for _ in range(4):
            plain, one_state = step(plain, gradient(plain), one_state, **settings)
            scaled, other = step(scaled, scales * 1e6 * gradient(scaled), other, **settings)
        yield (scaled, other.size), (plain, one_state.size)


@enumeration("optimizers.rprop", scope="the preset of 1993, f = (x − 1/3)²/2 from 1, 40 steps in fractions")
def rprop_arrives(rprop: Step) -> Claims:
    """The preset lies in the domain, and after these 40 steps the error is below 1e−3."""
    (preset,) = presets("optimizers.rprop")
    yield 0 < preset["shrink"] < 1 < preset["grow"], True
    yield 0 < preset["smallest"] < preset["size"] < preset["largest"], True
    settings = {key: Rational(preset[key]) for key in ("grow", "shrink", "smallest", "largest")}
    at, state = Rational(1), RpropState(Rational(0), Rational(preset["size"]), Rational(0))
    for _ in range(40):
        at, state = rprop(at, at - Fraction(1, 3), state, **settings)
    yield bool(np.abs(at - Fraction(1, 3)) < Fraction(1, 1000)), True


# --- what they have in common ------------------------------------------------------------------------------------------------------


@proof("adaptive.rotation", scope="every dimension, state, gradient and orthogonal matrix (indeed every matrix that turns the gradient)")
def momentum_turns_with_the_coordinates(gradient_descent: Step, heavy_ball: Step, heavy_ball_lr_outside: Step, nesterov: Step) -> Claims:
    """The gradient of f(Qᵀy) at Q θ is Q ∇f(θ), and a step of momentum is linear in state and gradient, so Q commutes with the step."""
    turn, at, slope, memory = tensor("Q", n, n), tensor("theta", n), tensor("g", n), tensor("v", n)
    settings = {"lr": Tensor(lr.item()), "momentum": Tensor(rho.item())}
    yield gradient_descent(turn @ at, turn @ slope, lr=settings["lr"]), turn @ gradient_descent(at, slope, lr=settings["lr"])
    for step in (heavy_ball, heavy_ball_lr_outside):
        moved, after = step(at, slope, memory, **settings)
        yield step(turn @ at, turn @ slope, turn @ memory, **settings), (turn @ moved, turn @ after)
    asked: list[Any] = []

    def answering(gradient: Any) -> Any:
        def answer(point: Any) -> Any:
            asked.append(point)
            return gradient

        return answer

    moved, after = nesterov(at, answering(slope), memory, **settings)
    yield nesterov(turn @ at, answering(turn @ slope), turn @ memory, **settings), (turn @ moved, turn @ after)
    yield asked[1], turn @ asked[0]


@proof("adaptive.rotation", scope="every rotation of the plane, by the tangent of half its angle; a quartic function")
def gradients_turn_with_the_coordinates(gradient_descent: Step) -> Claims:
    """f(Qᵀy) has the gradient Q ∇f at Q θ, so a step of gradient descent on it is Q times the step on f."""
    unit = 1 + x**2
    turn = np.stack([np.stack([(1 - x**2) / unit, -2 * x / unit]), np.stack([2 * x / unit, (1 - x**2) / unit])])
    place, turned = symbols("x1 x2"), symbols("y1 y2")
    at, elsewhere = np.stack(place), np.stack(turned)
    quartic = lambda y: y[0] ** 4 + 3 * y[0] ** 2 * y[1] - y[0] * y[1] + 5 * y[1] ** 3  # noqa: E731 - read as mathematics
    slopes = np.stack([Symbolic(sp.diff(quartic(at).item(), one_of.item())) for one_of in place])
    chained = [sp.diff(quartic(turn.T @ elsewhere).item(), one_of.item()) for one_of in turned]
    there = {one_of.item(): value.item() for one_of, value in zip(turned, turn @ at, strict=True)}
    slopes_there = Symbolic(np.array([sp.cancel(one_of.subs(there, simultaneous=True)) for one_of in chained], dtype=object))
    yield gradient_descent(turn @ at, slopes_there, lr=lr), turn @ gradient_descent(at, slopes, lr=lr)


@proof("adaptive.rotation", scope="every rotation of the plane but quarter turns; every gradient along an axis, lr, eps, decay; from rest")
def adaptive_steps_do_not_turn(
    gradient_descent: Step, adagrad: Step, rmsprop: Step, adam: Step, adadelta: Step, rprop_minus: Step
) -> Claims:
    """For a gradient turned from the first axis, gradient descent makes a step cos times as long along that axis.

    The adaptive methods make longer steps there for 0 < |cos| < 1, as the squares show, so they do not commute with rotations.
    """
    cos = 1 / (1 + b)
    first_steps = {
        "descent": lambda slope: (gradient_descent(ZERO, slope, lr=lr),),
        "adagrad": lambda slope: adagrad(ZERO, slope, ZERO, lr=lr, eps=eps),
        "rmsprop": lambda slope: rmsprop(ZERO, slope, ZERO, lr=lr, decay=1 - 1 / (1 + z) ** 2, eps=eps),
        "adam": lambda slope: adam(ZERO, slope, AdamState(ZERO, ZERO, 0), lr=lr, beta1=1 / (1 + q), beta2=1 / (1 + z), eps=eps),
        "adadelta": lambda slope: adadelta(ZERO, slope, AdaDeltaState(ZERO, ZERO), decay=1 / (1 + z), eps_grad=root, eps_step=eps),
        "rprop": lambda slope: rprop_minus(
            ZERO, slope, RpropMinusState(ZERO, size), grow=1 + q, shrink=below_one, smallest=size / (1 + z), largest=size * (1 + z)
        ),
    }
    for name, step in first_steps.items():
        excess = step(cos * w)[0] ** 2 - cos**2 * step(w)[0] ** 2
        yield (excess, 0) if name == "descent" else (excess > 0, True)


@law("adaptive.rotation", scope="float64, bit for bit, 3 steps; signs chosen coordinate by coordinate, order reversed", exact=True)
def signed_permutations_commute(
    adagrad: Step,
    rmsprop: Step,
    rmsprop_centered: Step,
    adam: Step,
    adadelta: Step,
    rprop: Step,
    grads: Gradients,
    flips: Vector,
    lr: Rate,
    decay: Decay,
    eps: Rate,
) -> Claims:
    """Changing the signs and the order of the coordinates of the gradients changes the signs and the order of the steps in the same way."""
    start = 0 * grads[0]
    mirror = lambda y: np.flip(y) * np.where(flips < 0, -1.0, 1.0)  # noqa: E731 - read as mathematics
    for step, state in (
        (lambda *args: adagrad(*args, lr=lr, eps=eps), start),
        (lambda *args: rmsprop(*args, lr=lr, decay=decay, eps=eps), start),
        (lambda *args: rmsprop_centered(*args, lr=lr, decay=decay, eps=eps), CentredState(start, start)),
        (lambda *args: adam(*args, lr=lr, beta1=decay, beta2=0.75, eps=eps), AdamState(start, start, 0)),
        (lambda *args: adadelta(*args, decay=decay, eps_grad=eps, eps_step=eps), AdaDeltaState(start, start)),
        (lambda *args: rprop(*args, grow=1.25, shrink=decay, smallest=0.125, largest=lr), RpropState(start, start + lr, start)),
    ):
        (at, one_state), (mirrored, other) = (start, state), (start, state)
        for slope in grads:
            at, one_state = step(at, slope, one_state)
            mirrored, other = step(mirrored, mirror(slope), other)
        yield mirrored, mirror(at)


MOVES = [[1, Fraction(5, 2)], [1, -3], [2, Fraction(5, 2)], [1, -2], [Fraction(3, 2), Fraction(3, 2)]]


@enumeration("adaptive.smoothing_table", scope="exact, the five moves")
def sums_of_the_table(adagrad: Step) -> Claims:
    """The absolute values sum to 6.5 and 11.5, the values to 6.5 and 1.5.

    AdaGrad's sums of squares are 9.25 and 27.75, exactly in the ratio 1 : 3.
    """
    moves = Rational(MOVES)
    yield np.sum(np.abs(moves), axis=0), Rational([Fraction(13, 2), Fraction(23, 2)])
    yield np.sum(moves, axis=0), Rational([Fraction(13, 2), Fraction(3, 2)])
    yield np.mean(moves, axis=0), Rational([Fraction(13, 10), Fraction(3, 10)])
    yield np.mean(moves**2, axis=0) - np.mean(moves, axis=0) ** 2, Rational([Fraction(4, 25), Fraction(273, 50)])
    at, total = Ball([0, 0]), Ball([0, 0])
    for move in Ball(MOVES):
        at, total = adagrad(at, move, total, lr=Ball(1), eps=Ball(0))
    yield total, Ball([Fraction(37, 4), Fraction(111, 4)])
    yield total[1] / total[0], 3


@reproduction(
    "adaptive.smoothing_table",
    scope="certified, the five moves, with the decks' scaling and with RMSProp's at ρ = .9",
    table="The five moves, each divided by its root mean square",
)
def scaled_moves_of_the_table(ideal_rescaling: Step, rmsprop: Step) -> Claims:
    """The root mean squares, the moves divided by them, and the first step and last mean squares of RMSProp (table R5)."""
    moves = Ball(MOVES)
    mean_sq = np.mean(moves**2, axis=0)
    yield np.sqrt(mean_sq)[0], prints_as("1.360147")
    yield np.sqrt(mean_sq)[1], prints_as("2.355844")
    table = (
        ("0.735215", "1.061191"),
        ("0.735215", "-1.273429"),
        ("1.470429", "1.061191"),
        ("0.735215", "-0.848953"),
        ("1.102822", "0.636715"),
    )
    for number, (move, digits) in enumerate(zip(moves, table, strict=True), start=1):
        scaled = ideal_rescaling(Ball([0, 0]), -move, mean_sq, lr=Ball(1))
        for got, expected, axis in zip(scaled, digits, "XY", strict=True):
            yield TableCell(got, prints_as(expected), f"move {number}", axis)
    running, lengths = Ball([0, 0]), []
    for move in moves:
        length, running = rmsprop(Ball([0, 0]), -move, running, lr=Ball(1), decay=Ball(Fraction(9, 10)), eps=Ball(0))
        lengths.append(length)
    yield lengths[0], prints_as("3.1623")
    yield running, Ball([Fraction("0.77751"), Fraction("2.1574125")])


@proof("adaptive.diagonal_hessian_invariance", scope="every curvature h > 0, state and hyper-parameter; hence every t, from the start at 0")
def curvature_cancels(
    adagrad: Step, rmsprop: Step, rmsprop_centered: Step, rmsprop_nesterov: Step, adadelta: Step, adam: Step, adamax: Step
) -> Claims:
    """The gradient h e with a state scaled by h (squares by h²) makes the same step as e with the unscaled state.

    The new state is scaled in the same way.
    """
    error = m + d
    plain, total = adagrad(theta, error, a, lr=lr, eps=ZERO)
    yield adagrad(theta, h * error, h**2 * a, lr=lr, eps=ZERO), (plain, h**2 * total)
    settings = {"lr": lr, "decay": below_one, "eps": ZERO}
    plain, mean_sq = rmsprop(theta, error, a, **settings)
    yield rmsprop(theta, h * error, h**2 * a, **settings), (plain, h**2 * mean_sq)
    plain, (mean_sq, mean) = rmsprop_centered(theta, error, CentredState(b + m**2, m), **settings)
    yield rmsprop_centered(theta, h * error, CentredState(h**2 * (b + m**2), h * m), **settings), (plain, (h**2 * mean_sq, h * mean))
    ahead = {"momentum": rho, **settings}
    plain, (velocity, mean_sq) = rmsprop_nesterov(theta, lambda y: y - x, RMSPropNesterovState(v, a), **ahead)
    yield rmsprop_nesterov(theta, lambda y: h * (y - x), RMSPropNesterovState(v, h**2 * a), **ahead), (plain, (velocity, h**2 * mean_sq))
    from_units = {"decay": below_one, "eps_grad": ZERO, "eps_step": eps}
    plain, (mean_sq, steps_sq) = adadelta(theta, error, AdaDeltaState(a, b), **from_units)
    yield adadelta(theta, h * error, AdaDeltaState(h**2 * a, b), **from_units), (plain, (h**2 * mean_sq, steps_sq))
    means = {"lr": lr, "beta1": rho, "beta2": below_one, "eps": ZERO}
    plain, after = adam(theta, error, AdamState(x, a, t), **means)
    yield adam(theta, h * error, AdamState(h * x, h**2 * a, t), **means), (plain, (h * after.m, h**2 * after.v, after.t))
    for larger in (below_one * a + w, below_one * a / (1 + w)):  # than the maximum so far, and not
        plain, greatest = adamax(theta, -larger, AdamaxState(x, a, t), **means)
        got = adamax(theta, -h * larger, AdamaxState(h * x, h * a, t), **means)
        yield got, (plain, (h * greatest.m, h * greatest.u, greatest.t))


# Hessian, then the steps of gradient descent, momentum, Adam and RMSProp
PANELS: tuple[tuple[Any, ...], ...] = (
    ([[1, 0], [0, 1]], 373, 63, 148, 80),
    ([[100, 0], [0, 1]], 306, 86, 148, 80),
    ([[10, -6], [-6, Fraction(409, 100)]], 848, 117, 1098),
)


def steps_until_near(step: Step, state: Any, hessian: Any, most: int) -> int | None:
    """Return the first step at which w is within 1e−3 of w* = (1, −.3), starting from 0; comparisons are certified."""
    goal = Ball([1, Fraction(-3, 10)])
    at = 0 * goal
    for number in range(1, most + 1):
        at, state = step(at, hessian @ (at - goal), state)
        if np.sum((at - goal) ** 2) < Ball(Fraction(1, 10**6)):
            return number
    return None


@certified_value(
    "adaptive.diagonal_hessian_invariance", scope="three panels, lr .0185, momentum .9, RMSProp ρ = .9, Adam .9 and .999, eps 0, to 1e−3"
)
def steps_on_three_panels(gradient_descent: Step, heavy_ball: Step, adam: Step, rmsprop: Step, condition_number: Step) -> Claims:
    """Steps until the minimum is reached: gradient descent 373, 306, 848; momentum 63, 86, 117; Adam 148, 148, 1098.

    RMSProp 80 on both diagonal panels.
    """
    with ctx.workprec(4096):  # enclosures widen at every step
        rate_of_all, keep, longer, rest = Ball(Fraction(185, 10_000)), Ball(Fraction(9, 10)), Ball(Fraction(999, 1000)), Ball([0, 0])
        means = {"lr": rate_of_all, "beta1": keep, "beta2": longer, "eps": Ball(0)}
        rules = (
            (lambda at, slope, state: (gradient_descent(at, slope, lr=rate_of_all), state), rest),
            (lambda at, slope, state: heavy_ball(at, slope, state, lr=rate_of_all, momentum=keep), rest),
            (lambda at, slope, state: adam(at, slope, state, **means), AdamState(rest, rest, 0)),
            (lambda at, slope, state: rmsprop(at, slope, state, lr=rate_of_all, decay=keep, eps=Ball(0)), rest),
        )
        for entries, *counts in PANELS:
            for (rule, start), count in zip(rules, counts, strict=False):  # RMSProp does not arrive on the last
                yield steps_until_near(rule, start, Ball(entries), count + 1), count
    yield condition_number(Ball(PANELS[2][0])), prints_as("38.5")


@trajectory("adaptive.diagonal_hessian_invariance", scope="the coupled panel, 20 000 steps of RMSProp in float64")
def rmsprop_does_not_arrive(rmsprop: Step) -> Claims:
    """RMSProp never comes within 1e−3 of the minimum. It ends in a cycle in which the last two steps cancel."""
    hessian, goal = np.array(PANELS[2][0], dtype=float), np.array([1.0, -0.3])
    at, mean_sq, nearest, before = np.zeros(2), np.zeros(2), np.inf, np.zeros(2)
    for number in range(20_000):
        before = at if number == 19_998 else before
        at, mean_sq = rmsprop(at, hessian @ (at - goal), mean_sq, lr=0.0185, decay=0.9, eps=0.0)
        nearest = min(nearest, float(np.sum((at - goal) ** 2)))
    yield bool(nearest > 1e-6), True
    yield np.max(np.abs(at - before)), prints_as("0.0000000000")


@enumeration("adaptive.no_learning_rate", scope="all nine step formulas of the chapter, Adam and AdaMax")
def who_asks_for_a_learning_rate(
    adagrad: Step,
    rmsprop: Step,
    rmsprop_centered: Step,
    rmsprop_nesterov: Step,
    adadelta: Step,
    rprop: Step,
    rprop_minus: Step,
    irprop_plus: Step,
    irprop_minus: Step,
    adam: Step,
    adamax: Step,
) -> Claims:
    """AdaDelta and the variants of Rprop have no parameter lr; the other methods have one."""
    for step in (adagrad, rmsprop, rmsprop_centered, rmsprop_nesterov, adam, adamax):
        yield "lr" in inspect.signature(step).parameters, True
    for step in (adadelta, rprop, rprop_minus, irprop_plus, irprop_minus):
        yield "lr" in inspect.signature(step).parameters, False


@proof("adaptive.no_learning_rate", scope="every state, gradient and hyper-parameter")
def steps_are_proportional_to_lr(
    adagrad: Step, rmsprop: Step, rmsprop_centered: Step, rmsprop_nesterov: Step, adam: Step, adamax: Step
) -> Claims:
    """Multiplying lr by c multiplies the step by c (with momentum the first step), so the learning rate has to be chosen."""
    more = {"decay": below_one, "eps": eps, "eps_root": root}
    error, resting = m + d, RMSPropNesterovState(ZERO, a)
    for step in (
        lambda rate_of: adagrad(ZERO, error, a, lr=rate_of, eps=eps, eps_root=root),
        lambda rate_of: rmsprop(ZERO, error, a, lr=rate_of, **more),
        lambda rate_of: rmsprop_centered(ZERO, error, CentredState(b + m**2, m), lr=rate_of, **more),
        lambda rate_of: rmsprop_nesterov(ZERO, grad, resting, lr=rate_of, momentum=rho, **more),
        lambda rate_of: adam(ZERO, g, AdamState(x, a, t), lr=rate_of, beta1=rho, beta2=below_one, eps=eps, eps_root=root),
        lambda rate_of: adamax(ZERO, w, AdamaxState(x, a, t), lr=rate_of, beta1=rho, beta2=below_one, eps=eps),
    ):
        yield step(c * lr)[0], c * step(lr)[0]


@erratum("E34")
def no_explicit_learning_rate(adagrad: Step, rmsprop: Step) -> Claims:
    """As printed, none of these methods has an explicit learning rate. AdaGrad and RMSProp have one."""
    for step in (adagrad, rmsprop):
        yield "lr" in inspect.signature(step).parameters, False


@trajectory("optimizers.adagrad", "optimizers.rmsprop", "optimizers.adadelta", scope="a saddle, a long valley, Beale's function")
def landscapes_of_adaptive_methods(adagrad: Step, rmsprop: Step, adadelta: Step) -> Claims:
    """Number of steps to leave the saddle −y² and to descend the long valley and Beale's function (table R6).

    The starts are at distances .1, .001 and 1e-6 from the ridge of the saddle and at (1, 10) in the valley; a height below 1e−3 counts as
    arrived.

    RMSProp does not reach that height in the valley: its cycle of ± lr/2 keeps the height at 1.25e-3. On Beale's function its number of
    steps depends on rounding; the chapter `landscapes` certifies it.
    """

    def duchi(rate: float) -> Any:
        return lambda p, gradient, s: adagrad(p, gradient(p), s, lr=rate, eps=1e-8)

    def hinton(rate: float) -> Any:
        return lambda p, gradient, s: rmsprop(p, gradient(p), s, lr=rate, decay=0.9, eps=1e-8)

    def zeiler(rate: float) -> Any:
        return lambda p, gradient, s: adadelta(p, gradient(p), s, decay=0.95, eps_grad=1e-6, eps_step=1e-6)

    yield tuple(row_of_r6(duchi, [0.1, 0.1, 0.1, 1.0, 0.5])), (16, 17, 17, 85, 519)
    yield tuple(row_of_r6(hinton, [0.01] * 4)), (68, 72, 72, MOST)
    yield tuple(row_of_r6(zeiler, [0.0] * 3, lambda p: AdaDeltaState(0 * p, 0 * p))), (61, 27, 33)
