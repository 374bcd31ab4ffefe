"""Evidence for reference/adam.py: Adam for every t, its uncorrected and efficient forms, the length of its steps, and its relatives.

Where a proof needs a root of 1 − β₂ᵗ, it chooses w = 1 − β₂ᵗ freely and derives β₂ = (1 − w)^(1/t). This covers every β₂, and all signs are
known.
"""

from __future__ import annotations

import ast
import functools
import itertools
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...reference.adam import AdamaxState, AdamState, AmsgradState, Moments, NadamState
from ..arithmetic import Ball, Rational, Symbolic, Tensor, certified, symbols, tensor
from . import (
    Claims,
    Interval,
    Step,
    certified_value,
    enumeration,
    erratum,
    law,
    presets,
    prints_as,
    proof,
    reproduction,
    statistics,
    trajectory,
)
from ._induction import by_induction, limit, t
from ._landscapes import row_of_r6

if TYPE_CHECKING:
    from ...reference.domains import Array, Count, Decay, Gradients, Rate, Rates, Squares, Vector, Weight

theta, g, m = symbols("theta g m")
lr, eps, root, v, w, c, q, s = symbols("lr eps root v w c q s", positive=True)
beta1, beta2, after = symbols("beta1 beta2 beta1_next", positive=True, below_one=True)
ZERO, ONE = Symbolic(0), Symbolic(1)

COMMON = {"lr": lr, "beta1": beta1, "beta2": beta2}
HYPER = {**COMMON, "eps": eps, "eps_root": root}
KEEP1, KEEP2 = Fraction(9, 10), Fraction(999, 1000)  # the paper's β₁ and β₂


# --- Adam for every t --------------------------------------------------------------------------------------------------------------

steps = sp.Symbol("n", integer=True, nonnegative=True)
decays = {"beta1": Tensor(beta1.item()), "beta2": Tensor(beta2.item())}


def weighted(decay: Tensor, values: Tensor) -> Tensor:
    """Return (1 − β) Σ βⁿ⁻ᵏ xₖ for k = 1 … n."""
    age = values.shape[0] - np.cumsum(np.ones_like(values))
    return (1 - decay) * np.sum(decay**age * values)


@proof("optimizers.adam", "optimizers.adam.uncorrected", "adam.efficient_form", scope="every t, all gradients")
def moments_are_weighted_sums(adam: Step, adam_uncorrected: Step, adam_efficient: Step) -> Claims:
    """After t steps m = (1 − β₁) Σ β₁ᵗ⁻ᵏ gₖ and v = (1 − β₂) Σ β₂ᵗ⁻ᵏ gₖ². Proof by induction over t."""

    def closed(n: Any) -> AdamState:
        grads = tensor("g", n)
        return AdamState(weighted(decays["beta1"], grads), weighted(decays["beta2"], grads**2), Tensor(n))  # type: ignore[arg-type]

    newest = Tensor(tensor("g", steps + 1).at(steps + 1))
    hyper = {"lr": Tensor(lr.item()), "eps": Tensor(eps.item()), **decays}
    yield closed(sp.Integer(0)), (Tensor(0), Tensor(0), Tensor(0))
    for step in (adam, adam_efficient):
        yield closed(steps + 1), step(Tensor(0), newest, closed(steps), **hyper)[1]
    yield closed(steps + 1)[:2], adam_uncorrected(Tensor(0), newest, Moments(*closed(steps)[:2]), **hyper)[1]


@proof("optimizers.adam", "adam.constant_gradient", scope="every t, gradient, decay, eps and eps_root")
def corrections_recover_a_constant(adam: Step, adam_first_step: Step) -> Claims:
    """For a constant gradient the bias corrections are exact after every number of steps: each step equals the first step."""

    def closed(n: Any) -> AdamState:
        return AdamState((1 - beta1**n) * g, (1 - beta2**n) * g**2, n)

    yield from by_induction(closed, lambda state: adam(theta, g, state, **HYPER)[1], AdamState.initial(g))
    yield adam(theta, g, closed(t), **HYPER)[0] - theta, adam_first_step(g, lr=lr, eps=eps, eps_root=root)
    yield adam_first_step(s, lr=lr, eps=ZERO), -lr
    yield adam_first_step(-s, lr=lr, eps=ZERO), lr


@proof("adam.first_step", scope="every gradient, decay, eps and eps_root")
def first_step_from_rest(adam: Step, adam_first_step: Step) -> Claims:
    """The first step from zero moments does not depend on the decays. Its length is lr |g|/(|g| + eps), so less than lr."""
    yield adam(theta, g, AdamState.initial(g), **HYPER)[0] - theta, adam_first_step(g, lr=lr, eps=eps, eps_root=root)
    yield adam_first_step(s, lr=lr, eps=eps) + lr, lr * eps / (s + eps)


@law("optimizers.adam", scope="float64, up to 4 steps, within rounding", examples=25)
def from_the_definition(
    adam: Step, theta: Vector, grads: Gradients, lr: Rate, beta1: Decay, beta2: Decay, eps: Rate, eps_root: Weight
) -> Claims:
    """The point after all steps equals the one computed from the weighted sums over all gradients, without any recursion."""
    point, state = theta, AdamState.initial(theta)
    expected = theta
    for n in range(1, len(grads) + 1):
        point, state = adam(point, grads[n - 1], state, lr=lr, beta1=beta1, beta2=beta2, eps=eps, eps_root=eps_root)
        first = sum(beta1 ** (n - k) * grads[k - 1] for k in range(1, n + 1)) * (1 - beta1) / (1 - beta1**n)
        second = sum(beta2 ** (n - k) * grads[k - 1] ** 2 for k in range(1, n + 1)) * (1 - beta2) / (1 - beta2**n)
        expected = expected - lr * first / (np.sqrt(second + eps_root) + eps)
    yield point, expected


# β₂, and gradients for which v̂ is a square
SQUARES: list[tuple[Fraction, tuple[int, ...]]] = [(Fraction(2, 3), (-3, 3)), (Fraction(0), (1, -2, 3))]


@enumeration("optimizers.adam", "optimizers.adam.uncorrected", scope="exact, all sequences of up to 4 gradients for which v̂ is a square")
def steps_by_hand(adam: Step, adam_uncorrected: Step) -> Claims:
    """Steps computed independently in fractions.

    The root of v̂ is rational for gradients of one modulus at any β₂, and for any gradients at β₂ = 0.
    """
    rate, keep, stabiliser = Fraction(1, 2), Fraction(1, 4), Fraction(1, 8)
    for decay, values in SQUARES:
        hyper = {"lr": Rational(rate), "beta1": Rational(keep), "beta2": Rational(decay), "eps": Rational(stabiliser)}
        for grads in itertools.chain.from_iterable(itertools.product(values, repeat=n) for n in range(1, 5)):
            x, state = Rational(5), AdamState.initial(Rational(0))
            y, bare = Rational(5), Moments(*AdamState.initial(Rational(0))[:2])
            expected, uncorrected, mean = Fraction(5), Fraction(5), Fraction(0)
            for n, grad in enumerate(grads, start=1):
                x, state = adam(x, Rational(grad), state, **hyper)
                mean = keep * mean + (1 - keep) * grad
                expected -= rate * mean / (1 - keep**n) / (abs(grad) + stabiliser)
                if decay == 0:
                    y, bare = adam_uncorrected(y, Rational(grad), bare, **hyper)
                    uncorrected -= rate * mean / (abs(grad) + stabiliser)
                    yield y, uncorrected
            yield x, expected
            yield state.t, len(grads)


@enumeration("adam.constant_gradient", scope="exact, t ≤ 12, gradients −3, 1/2, decays 0, 1/3, 9/10, 999/1000")
def constant_gradient_by_hand(adam: Step, adam_first_step: Step) -> Claims:
    """Steps computed independently in fractions: for a constant gradient all steps are equal."""
    for gradient, keep, decay in itertools.product(
        (Fraction(-3), Fraction(1, 2)), (Fraction(0), KEEP1), (Fraction(0), Fraction(1, 3), KEEP2)
    ):
        for stabiliser in (Fraction(0), Fraction(1, 7)):
            x, state, hyper = Rational(0), AdamState.initial(Rational(0)), {"lr": Rational(1), "eps": Rational(stabiliser)}
            for n in range(1, 13):
                x, state = adam(x, Rational(gradient), state, beta1=Rational(keep), beta2=Rational(decay), **hyper)
                yield x, n * adam_first_step(Rational(gradient), **hyper)
            yield x, -12 * gradient / (abs(gradient) + stabiliser)


@certified_value("adam.first_step", "adam.efficient_form", scope="gradients 1e-4, 1e-6, 1e-8 at .9/.999, eps 1e-8")
def size_of_the_first_step(adam_first_step: Step, adam_efficient: Step) -> Claims:
    """Length of the first step in units of lr: eps outside the root, inside it, and Adam's eps used in the efficient form."""
    tiny = Fraction(1, 10**8)
    table = {4: ("0.9999", "0.7071", "0.9968"), 6: ("0.9901", "0.0100", "0.7597"), 8: ("0.5", "0.0001", "0.0307")}
    for power, (outside, within, unscaled) in table.items():
        gradient = Fraction(1, 10**power)
        yield certified(adam_first_step, -gradient, lr=1, eps=tiny), prints_as(outside)
        yield certified(adam_first_step, -gradient, lr=1, eps=0, eps_root=tiny), prints_as(within)
        carried = certified(adam_efficient, 0, -gradient, AdamState(0, 0, 0), lr=1, beta1=KEEP1, beta2=KEEP2, eps=tiny)  # type: ignore[arg-type]
        yield carried[0], prints_as(unscaled)


@enumeration(
    "optimizers.adam",
    "optimizers.adam.uncorrected",
    "optimizers.adamax",
    "optimizers.amsgrad",
    "optimizers.nadam",
    scope="exact: 3 steps from rest, gradient 0, eps positive or 0",
)
def without_a_gradient(adam: Step, adam_uncorrected: Step, adamax: Step, amsgrad: Step, nadam: Step) -> Claims:
    """At a zero gradient from zero moments, a positive eps gives a step of 0 and unchanged moments; eps = 0 gives 0/0, an error."""
    nothing, half = Rational(0), Rational(Fraction(1, 2))
    for step, start, more in starts(nothing, half, adam, adam_uncorrected, adamax, amsgrad, nadam):
        hyper = {"lr": Rational(1), "beta1": half, "beta2": half, **more}
        x, state = Rational(5), start
        for _ in range(3):
            x, state = step(x, nothing, state, eps=half, **hyper)
        yield x, 5
        yield state[:2], start[:2]
        yield divides_by_zero(functools.partial(step, nothing, nothing, start, eps=nothing, **hyper)), True


def starts(nothing: Any, ahead: Any, *steps: Step) -> list[tuple[Step, Any, dict[str, Any]]]:
    """Yield Adam, its uncorrected form, AdaMax, AMSGrad and NAdam, each with its initial state and its extra arguments."""
    states: list[Any] = [state.initial(nothing) for state in (AdamState, Moments, AdamaxState, AmsgradState, NadamState)]
    return list(zip(steps, states, [{}, {}, {}, {}, {"beta1_next": ahead}], strict=True))


def divides_by_zero(call: Callable[[], Any]) -> bool:
    """Return whether a call in exact fractions divides by 0."""
    try:
        call()
    except ZeroDivisionError:
        return True
    return False


# --- the number of a step ----------------------------------------------------------------------------------------------------------


@proof("adam.loop_index", scope="every t, gradient and decay, and every wrong number of the step")
def only_its_own_number_corrects(adam: Step) -> Claims:
    """If step t uses the corrections of step k ≠ t, its length is wrong.

    The factor, for a constant gradient, is (1 − β₁ᵗ)/(1 − β₁ᵏ) · √((1 − β₂ᵏ)/(1 − β₂ᵗ)).
    """
    k = symbols("k", integer=True, nonnegative=True)
    moved, counted = adam(theta, g, AdamState((1 - beta1**t) * g, (1 - beta2**t) * g**2, k), **COMMON, eps=ZERO)
    off = (1 - beta1 ** (t + 1)) / (1 - beta1 ** (k + 1))
    yield ((moved - theta) / lr) ** 2, off**2 * (1 - beta2 ** (k + 1)) / (1 - beta2 ** (t + 1))
    yield counted.t, k + 1


@enumeration("adam.loop_index", scope="exact, the loops of both slides, 10 iterations")
def loops_of_the_slides(adam: Step) -> Claims:
    """A loop that counts from 0 divides by 0 in its first step, with any gradient. range(1, 10) makes 9 steps, range(1, 11) makes 10."""
    hyper = {"lr": Rational(1), "beta1": Rational(KEEP1), "beta2": Rational(KEEP2), "eps": Rational(Fraction(1, 10**7))}
    for gradient in (Rational(1), Rational(0)):
        start = AdamState(Rational(0), Rational(0), -1)
        yield divides_by_zero(functools.partial(adam, Rational(0), gradient, start, **hyper)), True
    for loop, count in ((range(1, 10), 9), (range(1, 11), 10)):
        yield steps_of(adam, loop, hyper), count


def steps_of(adam: Step, loop: range, hyper: dict[str, Any]) -> int:
    """Return how many steps a loop makes when its variable is the step number."""
    x, state = Rational(0), AdamState.initial(Rational(0))
    for n in loop:
        x, state = adam(x, Rational(1), state._replace(t=n - 1), **hyper)
    return int(state.t)


@reproduction("adam.loop_index", scope="float64, 1 − β⁰ = 0")
def not_a_number(adam: Step) -> Claims:
    """In float64 a loop that counts from 0 gives NaN in its first step, with or without a gradient."""
    for gradient in (np.ones(1), np.zeros(1)):
        start = AdamState(np.zeros(1), np.zeros(1), -1)
        yield bool(np.isnan(adam(np.ones(1), gradient, start, lr=0.1, beta1=0.9, beta2=0.999, eps=1e-7)[0][0])), True


@erratum("E41")
def counted_from_zero(adam: Step) -> Claims:
    """As printed, range(num_iterations) makes num_iterations steps. Its first step divides by 1 − β⁰ = 0."""
    hyper = {"lr": Rational(1), "beta1": Rational(KEEP1), "beta2": Rational(KEEP2), "eps": Rational(Fraction(1, 10**7))}
    yield divides_by_zero(lambda: steps_of(adam, range(10), hyper)), False


@erratum("E42")
def one_step_short(adam: Step) -> Claims:
    """As printed, range(1, num_iterations) makes num_iterations steps. It makes one fewer."""
    hyper = {"lr": Rational(1), "beta1": Rational(KEEP1), "beta2": Rational(KEEP2), "eps": Rational(Fraction(1, 10**7))}
    yield steps_of(adam, range(1, 10), hyper), 10


@erratum("E43")
def unbalanced(adam_uncorrected: Step) -> Claims:
    """As printed, the line of code is valid Python. Its parentheses do not match."""
    line = "x -= learning_rate * first_moment / (np.sqrt(second_moment) + 1e-7))"
    yield parses(line), True


def parses(line: str) -> bool:
    """Return whether a line of text is valid Python."""
    try:
        ast.parse(line)
    except SyntaxError:
        return False
    return True


@erratum("E24")
def two_places_of_the_stabiliser(adam: Step) -> Claims:
    """As printed on two consecutive slides, √v̂ + ε and √(v̂ + ε) are the same."""
    outside, within = (
        adam(theta, g, AdamState(m, v, t), **COMMON, **stabiliser) for stabiliser in ({"eps": eps}, {"eps": ZERO, "eps_root": eps})
    )
    yield outside[0], within[0]


# --- without corrections -----------------------------------------------------------------------------------------------------------

share = 1 / (1 + q)  # β₂ᵗ⁺¹, any number in (0, 1)
root_of_share = share ** (1 / (t + 1))  # the β₂ of which it is that power


def before(after: Any, decay: Any) -> Any:
    """Return the v from which a step with gradient g leads to a given v."""
    return (after - (1 - decay) * g**2) / decay


@proof("optimizers.adam.uncorrected", scope="every state, gradient, t, decay, eps and eps_root")
def corrections_are_rates(adam: Step, adam_uncorrected: Step) -> Claims:
    """With a = 1 − β₁ᵗ and c² = 1 − β₂ᵗ, Adam at lr, eps, eps_root equals uncorrected Adam at lr c/a, c eps, c² eps_root."""
    start, scale = before(v, root_of_share), np.sqrt(1 - share)
    hyper = {"beta1": beta1, "beta2": root_of_share}
    moved, state = adam(theta, g, AdamState(m, start, t), lr=lr, eps=eps, eps_root=root, **hyper)
    rate = lr * scale / (1 - beta1 ** (t + 1))
    bare = adam_uncorrected(theta, g, Moments(m, start), lr=rate, eps=scale * eps, eps_root=scale**2 * root, **hyper)
    yield (moved, state[:2]), bare
    yield state.t, t + 1


@proof("adam.uncorrected_transient", "optimizers.adam.uncorrected", scope="every t, gradient and decay")
def transient_of_a_constant_gradient(adam_uncorrected: Step, adam_uncorrected_transient: Step) -> Claims:
    """After t equal gradients m = (1 − β₁ᵗ) g and v = (1 − β₂ᵗ) g², so an uncorrected step is lr sign(g) (1 − β₁ᵗ)/√(1 − β₂ᵗ)."""

    def closed(n: Any, gradient: Any, decay: Any) -> Moments:
        return Moments((1 - beta1**n) * gradient, (1 - decay**n) * gradient**2)

    yield from by_induction(lambda n: closed(n, g, beta2), lambda state: adam_uncorrected(theta, g, state, **HYPER)[1], Moments(ZERO, ZERO))
    for gradient, sign in ((s, 1), (-s, -1)):
        hyper = {"beta1": beta1, "beta2": root_of_share}
        moved, _ = adam_uncorrected(theta, gradient, closed(t, gradient, root_of_share), lr=lr, eps=ZERO, **hyper)
        yield moved - theta, -sign * lr * adam_uncorrected_transient(t + 1, **hyper)


@certified_value("adam.uncorrected_transient", scope="every t, at .9/.999; t = 1 at .9/.99 and .9/.9")
def worst_at_the_twelfth_step(adam_uncorrected_transient: Step) -> Claims:
    """Uncorrected steps for a constant gradient are 3.1623 lr at t = 1 and longest at t = 12 with 6.5685 lr.

    From t = 2375 on they are below 1.05 lr.

    To cover every t: the numerator is below 1 and the denominator grows with t, so no step after the n-th exceeds 1/√(1 − β₂ⁿ).
    """
    transient = lambda n, k2: adam_uncorrected_transient(n, beta1=Ball(KEEP1), beta2=Ball(k2))  # noqa: E731 - read as mathematics
    yield transient(1, KEEP2), prints_as("3.1623")
    yield transient(12, KEEP2), prints_as("6.5685")
    for n in (*range(1, 12), *range(13, 30)):
        yield transient(n, KEEP2) < transient(12, KEEP2), True
    yield 1 / np.sqrt(1 - Ball(KEEP2) ** 30) < transient(12, KEEP2), True
    for n in range(1, 2375):
        yield transient(n, KEEP2) > Ball(Fraction(105, 100)), True
    yield 1 / np.sqrt(1 - Ball(KEEP2) ** 2375) < Ball(Fraction(105, 100)), True
    yield transient(1, Fraction(99, 100)), 1
    yield transient(1, KEEP1), prints_as("0.3162")


@proof("adam.uncorrected_transient", scope="every t, β₁ = β₂")
def too_short_at_equal_decays(adam_uncorrected_transient: Step) -> Claims:
    """For β₁ = β₂ = β the uncorrected step for a constant gradient is √(1 − βᵗ) lr, which is below lr and grows with t."""
    keep = 1 / (1 + q)
    short = adam_uncorrected_transient(t + 1, beta1=keep, beta2=keep)
    yield short**2, 1 - keep ** (t + 1)
    yield adam_uncorrected_transient(t + 2, beta1=keep, beta2=keep) ** 2 > short**2, True


@erratum("E06")
def preset_of_the_deck(adam_uncorrected_transient: Step) -> Claims:
    """As printed, decays .9 and .9 are those of Adam, whose uncorrected first step is 3.1623 lr. With .9 and .9 it is not."""
    uc = presets("adam.presets")[1]
    yield certified(adam_uncorrected_transient, 1, beta1=uc["beta1"], beta2=uc["beta2"]), prints_as("3.1623")


@enumeration("adam.presets", scope="exact, every preset of the catalogue")
def presets_lie_in_the_domain(adam: Step) -> Claims:
    """Every preset has decays in [0, 1), lr > 0 and eps ≥ 0, so a first step of at most lr.

    Only the decays of the UC preset differ from the paper's.
    """
    for number, one_of in enumerate(presets("adam.presets")):
        yield all(0 <= one_of[name] < 1 for name in ("beta1", "beta2")) and one_of["lr"] > 0, True
        yield min(one_of.get("eps", 0), one_of.get("eps_root", 0)) >= 0, True
        hyper = {"eps": Rational(0)} | {name: Rational(value) for name, value in one_of.items() if name != "eps_root"}
        x, _ = adam(Rational(0), Rational(-1), AdamState.initial(Rational(0)), **hyper)
        yield bool(x <= one_of["lr"]), True
        yield (one_of["beta1"], one_of["beta2"]) == (KEEP1, KEEP2), number != 1


# --- the efficient form ------------------------------------------------------------------------------------------------------------


@proof("adam.efficient_form", scope="every state, gradient, t, decay and eps")
def efficient_form_scales_eps(adam: Step, adam_efficient: Step) -> Claims:
    """The efficient form equals Adam if its eps is Adam's times √(1 − β₂ᵗ).

    With the same eps the two steps differ unless eps or the step is 0.
    """
    start = AdamState(m, before(v, root_of_share), t)
    hyper, scale = {"lr": lr, "beta1": beta1, "beta2": root_of_share}, np.sqrt(1 - share)
    yield adam_efficient(theta, g, start, eps=scale * eps, **hyper), adam(theta, g, start, eps=eps, **hyper)
    ours, theirs = (step(theta, g, start, eps=eps, **hyper) for step in (adam, adam_efficient))
    after_m = beta1 * m + (1 - beta1) * g
    left_over = lr * after_m / (1 - beta1 ** (t + 1)) * scale * eps * (scale - 1) / ((np.sqrt(v) + scale * eps) * (np.sqrt(v) + eps))
    yield theirs[0] - ours[0], -left_over


@law("adam.efficient_form", scope="float64, 4 steps, within rounding", examples=25)
def efficient_form_makes_the_same_steps(
    adam: Step, adam_efficient: Step, theta: Vector, grads: Gradients, lr: Rate, beta1: Decay, beta2: Decay, eps: Rate
) -> Claims:
    """With eps √(1 − β₂ᵗ) at step t, the efficient form visits the same points as Adam."""
    point, ours = theta, AdamState.initial(theta)
    place, theirs = theta, AdamState.initial(theta)
    for n in range(1, len(grads) + 1):
        point, ours = adam(point, grads[n - 1], ours, lr=lr, beta1=beta1, beta2=beta2, eps=eps)
        scaled = eps * np.sqrt(1 - beta2**n)
        place, theirs = adam_efficient(place, grads[n - 1], theirs, lr=lr, beta1=beta1, beta2=beta2, eps=scaled)
        yield place, point


# --- what Adam is made of ----------------------------------------------------------------------------------------------------------


@proof("adam.composition", scope="every state, gradient, t, lr, decay, eps and eps_root")
def rmsprop_with_momentum_and_corrections(adam: Step, adam_uncorrected: Step, rmsprop: Step, gradient_average: Step) -> Claims:
    """At β₁ = 0 the uncorrected Adam is RMSProp, and Adam is RMSProp at c lr, c eps, c² eps_root.

    At β₂ = 1 the effective rates stay constant.
    """
    moved, state = adam_uncorrected(theta, g, Moments(m, v), **{**HYPER, "beta1": ZERO})
    yield (moved, state.v), rmsprop(theta, g, v, lr=lr, decay=beta2, eps=eps, eps_root=root)
    yield state.m, g
    start, scale = before(v, root_of_share), np.sqrt(1 - share)
    moved, full = adam(theta, g, AdamState(m, start, t), lr=lr, beta1=ZERO, beta2=root_of_share, eps=eps, eps_root=root)
    yield (moved, full.v), rmsprop(theta, g, start, lr=scale * lr, decay=root_of_share, eps=scale * eps, eps_root=scale**2 * root)
    moved, state = adam_uncorrected(theta, g, Moments(m, v), **{**HYPER, "beta2": ONE})
    yield (moved, state.m), gradient_average(theta, g, m, lr=lr / (np.sqrt(v + root) + eps), decay=beta1)
    yield state.v, v


@law("adam.composition", scope="float64, bit for bit", exact=True)
def rmsprop_to_the_bit(
    adam_uncorrected: Step,
    rmsprop: Step,
    theta: Array,
    g: Array,
    m: Array,
    v: Squares,
    lr: Rate,
    beta2: Decay,
    eps: Rate,
    eps_root: Weight,
) -> Claims:
    """At β₁ = 0 uncorrected Adam equals RMSProp bit for bit, because 0 · m adds no rounding error."""
    moved, state = adam_uncorrected(theta, g, Moments(m, v), lr=lr, beta1=0.0, beta2=beta2, eps=eps, eps_root=eps_root)
    yield (moved, state.v), rmsprop(theta, g, v, lr=lr, decay=beta2, eps=eps, eps_root=eps_root)
    yield state.m, g


# --- the scale of the loss ---------------------------------------------------------------------------------------------------------

HIGHER = {**COMMON, "eps": c * eps, "eps_root": c**2 * root}


@proof("adam.scale_invariance", scope="every state, gradient, t, decay, eps and eps_root, every scale c > 0")
def scales_cancel(
    adam: Step, adam_uncorrected: Step, adam_efficient: Step, adam_first_step: Step, adamax: Step, amsgrad: Step, nadam: Step
) -> Claims:
    """With gradient c g, state scaled by c (squares by c²), c eps and c² eps_root, the step is the same.

    The new state is scaled in the same way.
    """
    yield adam(theta, c * g, AdamState(c * m, c**2 * v, t), **HIGHER), larger(adam(theta, g, AdamState(m, v, t), **HYPER))
    yield adam_uncorrected(theta, c * g, Moments(c * m, c**2 * v), **HIGHER), larger(adam_uncorrected(theta, g, Moments(m, v), **HYPER))
    efficient = adam_efficient(theta, g, AdamState(m, v, t), **COMMON, eps=eps)
    yield adam_efficient(theta, c * g, AdamState(c * m, c**2 * v, t), **COMMON, eps=c * eps), larger(efficient)
    yield adam_first_step(c * g, lr=lr, eps=c * eps, eps_root=c**2 * root), adam_first_step(g, lr=lr, eps=eps, eps_root=root)
    ahead = nadam(theta, g, NadamState(m, v, w, t), **HYPER, beta1_next=after)
    moved, state = nadam(theta, c * g, NadamState(c * m, c**2 * v, w, t), **HIGHER, beta1_next=after)
    yield (moved, state), (ahead[0], ahead[1]._replace(m=c * ahead[1].m, v=c**2 * ahead[1].v))
    for u, gradient in LARGEST:
        slow, kept = adamax(theta, gradient, AdamaxState(m, u, t), **COMMON, eps=eps)
        moved, higher = adamax(theta, c * gradient, AdamaxState(c * m, c * u, t), **COMMON, eps=c * eps)
        yield (moved, higher), (slow, AdamaxState(c * kept.m, c * kept.u, kept.t))
    for now, highest in ((v, v + s), (v + s, v)):
        start = before(now, beta2)
        slow, held = amsgrad(theta, g, AmsgradState(m, start, highest, t), **HYPER)
        moved, high = amsgrad(theta, c * g, AmsgradState(c * m, c**2 * start, c**2 * highest, t), **HIGHER)
        yield (moved, high), (slow, AmsgradState(c * held.m, c**2 * held.v, c**2 * held.v_max, held.t))


def larger(step: Any) -> Any:
    """Return the same step with the state that c times the gradient gives."""
    moved, state = step
    return moved, state._replace(m=c * state.m, v=c**2 * state.v)


# u before the step and the gradient: either the gradient or the past is the larger, with both signs
LARGEST = [(past, sign * gradient) for past, gradient in ((v, beta2 * v + s), ((v + s) / beta2, v)) for sign in (1, -1)]


@law("adam.scale_invariance", scope="float64 and float32, bit for bit, 4 steps", exact=True)
def powers_of_two_cancel(
    adam: Step, adam_uncorrected: Step, adamax: Step, amsgrad: Step, nadam: Step, rates: Rates, beta1: Decay, beta2: Decay, k: Count
) -> Claims:
    """Without eps, gradients g and 2ᵏ g visit the same points bit for bit: multiplying by a power of two commutes with rounding."""
    for dtype in (np.float64, np.float32):
        size: Any = rates.astype(dtype)
        for step, start, more in starts(0 * size, beta1, adam, adam_uncorrected, adamax, amsgrad, nadam):
            hyper = {"lr": 0.125, "beta1": beta1, "beta2": beta2, "eps": 0.0, **more}
            plain, here = 0 * size, start
            scaled, there = 0 * size, start
            for grad in (size, -size, size * size, -size):
                plain, here = step(plain, grad, here, **hyper)
                scaled, there = step(scaled, 2.0**k * grad, there, **hyper)
                yield scaled, plain


@law("optimizers.adam", "adam.efficient_form", scope="float64, bit for bit: gradient 0, eps positive", exact=True)
def no_gradient_no_step(
    adam: Step, adam_efficient: Step, theta: Array, lr: Rate, beta1: Decay, beta2: Decay, eps: Rate, eps_root: Weight
) -> Claims:
    """From zero moments, a zero gradient leaves all parameters unchanged."""
    yield adam(theta, 0 * theta, AdamState.initial(theta), lr=lr, beta1=beta1, beta2=beta2, eps=eps, eps_root=eps_root)[0], theta
    yield adam_efficient(theta, 0 * theta, AdamState.initial(theta), lr=lr, beta1=beta1, beta2=beta2, eps=eps)[0], theta


# --- how long a step can be --------------------------------------------------------------------------------------------------------

x = symbols("x", positive=True)  # β₂/β₁
growing = {"beta1": beta1, "beta2": beta1 * x}
ratio = beta1 / x  # r = β₁²/β₂


def cap(bound: Step, n: Any) -> Any:
    """Return the largest possible m²/v after n steps, according to the bound on the step."""
    return bound(n, **growing) ** 2 * (1 - beta1**n) ** 2 / (1 - (beta1 * x) ** n)


@proof("adam.step_bound", scope="every t, all gradients, β₁² ≠ β₂")
def no_step_is_longer(adam: Step, adam_step_bound: Step) -> Claims:
    """The maximum C of m²/v satisfies C' = r C + k with k = (1 − β₁)²/(1 − β₂), and is k after one step.

    So no step exceeds the stated bound.

    Induction step: for v = m²/C + s with s ≥ 0, the difference v' C' − m'² is s β₂ C' plus a square, hence ≥ 0. The step is lr m̂/√v̂, and
    shorter if eps > 0.
    """
    keep, decay = growing["beta1"], growing["beta2"]
    most = (1 - keep) ** 2 / (1 - decay)
    yield cap(adam_step_bound, 0 * t + 1), most
    yield cap(adam_step_bound, t + 2), ratio * cap(adam_step_bound, t + 1) + most
    _, first = adam(theta, g, AdamState.initial(g), lr=lr, eps=ZERO, **growing)
    yield first.m**2, most * first.v
    slack = symbols("slack", nonnegative=True)
    moved, last = adam(theta, g, AdamState(m, m**2 / c + slack, t), lr=lr, eps=ZERO, **growing)
    cross = (keep * (1 - decay) * c * g - (1 - keep) * decay * m) ** 2 / (decay * (1 - decay) * c)
    yield last.v * (ratio * c + most) - last.m**2, slack * decay * (ratio * c + most) + cross
    squared = (moved - theta) ** 2 * last.v * (1 - keep ** (t + 1)) ** 2
    yield squared, lr**2 * last.m**2 * (1 - decay ** (t + 1))
    yield 1 / (np.sqrt(v) + eps) < 1 / np.sqrt(v), True


@proof("adam.step_bound", scope="every t, β₁ and β₂, β₁² ≠ β₂")
def bound_is_attained(adam: Step, adam_step_bound: Step) -> Claims:
    """For the gradients (β₂/β₁)ᵏ, m² = C v holds exactly after every number of steps, by induction on closed forms of m and v.

    So the bound is sharp.
    """

    def closed(n: Any) -> AdamState:
        powers = (1 - ratio**n) / (1 - ratio)
        return AdamState((1 - beta1) * x**n * powers, (1 - beta1 * x) * x ** (2 * n) * powers, n)

    yield from by_induction(
        closed, lambda state: adam(theta, x ** (state.t + 1), state, lr=lr, eps=ZERO, **growing)[1], AdamState.initial(ZERO)
    )
    yield closed(t + 1).m ** 2, cap(adam_step_bound, t + 1) * closed(t + 1).v


@proof("adam.step_bound", scope="every t, β₁² < β₂, and the limit; the paper's bound beside it")
def bound_stays_below_its_limit(adam_step_bound: Step) -> Claims:
    """The bound at t is below its limit, which it approaches; for β₁ > 0 the limit exceeds the paper's bound (1 − β₁)/√(1 − β₂).

    With β₂ = p² and r = z², the squares of bound and limit differ by the limit's square times (pᵗ − zᵗ)²/(1 − β₁ᵗ)² ≥ 0, which tends to 0.
    The square of the paper's bound is 1 − r times the square of the limit.
    """
    p, z = symbols("p z", positive=True, below_one=True)
    final = (1 - p * z) ** 2 / ((1 - p**2) * (1 - z**2))
    missing = (1 - (p * z) ** t) ** 2 * (final - adam_step_bound(t, beta1=p * z, beta2=p**2) ** 2)
    yield missing, final * (p**t - z**t) ** 2
    yield limit(share**t), 0  # of p, of z, and of β₁ = p z
    yield (1 - p * z) ** 2 / (1 - p**2), final * (1 - z**2)


@certified_value("adam.step_bound", scope="t = 1, 10, 100, 1000 at .9/.999, the limits there and at .9/.99")
def longest_steps(adam: Step, adam_step_bound: Step) -> Claims:
    """The bound is 1, 1.0431, 2.2434, 5.7812 at t = 1, 10, 100, 1000 and 7.2703 in the limit.

    Adam makes these steps for gradients that grow by 1.11 each time.
    """
    hyper = {"beta1": Ball(KEEP1), "beta2": Ball(KEEP2)}
    table = {1: "1.0000", 10: "1.0431", 100: "2.2434", 1000: "5.7812"}
    growth, state = Ball(KEEP2 / KEEP1), AdamState.initial(Ball(0))
    for n in range(1, 1001):
        moved, state = adam(Ball(0), growth**n, state, lr=Ball(1), eps=Ball(0), **hyper)
        if n in table:
            yield -moved, prints_as(table[n])
            yield adam_step_bound(n, **hyper), prints_as(table[n])
            yield -moved - adam_step_bound(n, **hyper), 0
    yield adam_step_bound(20_000, **hyper), prints_as("7.2703")
    yield adam_step_bound(20_000, beta1=Ball(KEEP1), beta2=Ball(Fraction(99, 100))), prints_as("2.3452")
    yield (1 - Ball(KEEP1)) / np.sqrt(1 - Ball(KEEP2)), prints_as("3.1623")


@certified_value("adam.step_bound", scope=".9/.999: 1999 steps without a gradient, then one with")
def a_single_late_gradient(adam: Step, adam_step_bound: Step) -> Claims:
    """The paper's sparse case gives a step of 2.9407 lr.

    Below the paper's bound 3.1623 and far below the largest possible step at that t.
    """
    hyper = {"beta1": Ball(KEEP1), "beta2": Ball(KEEP2)}
    start = AdamState(Ball(0), Ball(0), 1999)
    moved, _ = adam(Ball(0), Ball(-7), start, lr=Ball(1), eps=Ball(0), **hyper)
    yield moved, prints_as("2.9407")
    yield moved < adam_step_bound(2000, **hyper), True


@certified_value("adam.step_bound", scope="all sequences of 4 gradients from −2, 0, 1, 3 that begin with 1, at .5/.75")
def bound_holds_for_all_sequences(adam: Step, adam_step_bound: Step) -> Claims:
    """No step of these sequences exceeds the bound. The square of the bound equals the sum of the squared weights of m over those of v."""
    keep, decay = Fraction(1, 2), Fraction(3, 4)
    bounds = []
    for n in range(1, 5):
        first, second = ([(1 - b) * b**i / (1 - b**n) for i in range(n)] for b in (keep, decay))
        bounds.append(adam_step_bound(n, beta1=Ball(keep), beta2=Ball(decay)))
        yield bounds[-1] ** 2, Ball(sum(a**2 / b for a, b in zip(first, second, strict=True)))
    hyper = {"lr": Ball(1), "beta1": Ball(keep), "beta2": Ball(decay), "eps": Ball(Fraction(1, 10**9))}
    for grads in itertools.product((1,), *((-2, 0, 1, 3),) * 3):
        state = AdamState.initial(Ball(0))
        for grad, bound in zip(grads, bounds, strict=True):
            moved, state = adam(Ball(0), Ball(grad), state, **hyper)
            yield np.abs(moved) < bound, True


@proof("adam.noise_ratio", scope="every t and decay, independent gradients ±1; the limit")
def scatter_of_signs(adam: Step, adam_noise_ratio: Step) -> Claims:
    """For independent signs, the mean square of the step is the square of the ratio times (1 + β₁ᵗ)/(1 − β₁ᵗ).

    Here √v̂ = 1, and m' = a m + b g has a mean square that satisfies V' = a² V + b².
    """
    keep = share  # any number in (0, 1)
    hyper = {**COMMON, "beta1": keep, "eps": ZERO}
    start = AdamState(m, 1 - beta2**t, t)
    for sign in (1, -1):
        moved, state = adam(theta, sign * ONE, start, **hyper)
        yield state.v, 1 - beta2 ** (t + 1)
        yield (moved - theta) * (1 - keep ** (t + 1)), -lr * (keep * m + (1 - keep) * sign)
    settled = adam_noise_ratio(beta1=keep) ** 2
    mean_square = lambda n: settled * (1 - keep ** (2 * n))  # noqa: E731 - read as mathematics
    yield from by_induction(mean_square, lambda before: keep**2 * before + (1 - keep) ** 2, ZERO)
    yield mean_square(t + 1) / (1 - keep ** (t + 1)) ** 2, settled * (1 + keep ** (t + 1)) / (1 - keep ** (t + 1))
    yield limit(share**t), 0


@enumeration("adam.noise_ratio", scope="exact: all 64 sequences of 6 signs, β₁ 3/5 and 4/5, β₂ 0 and 999/1000")
def scatter_by_hand(adam: Step, adam_noise_ratio: Step) -> Claims:
    """The mean square of the sixth step over all sequences is the square of the ratio times (1 + β₁⁶)/(1 − β₁⁶)."""
    for keep, decay in itertools.product((Fraction(3, 5), Fraction(4, 5)), (Fraction(0), KEEP2)):
        hyper = {"lr": Rational(1), "beta1": Rational(keep), "beta2": Rational(decay), "eps": Rational(0)}
        total = Rational(0)
        for signs in itertools.product((-1, 1), repeat=6):
            state, moved = AdamState.initial(Rational(0)), Rational(0)
            for sign in signs:
                moved, state = adam(Rational(0), Rational(sign), state, **hyper)
            total = total + moved**2
        yield total / 64, adam_noise_ratio(beta1=Rational(keep)) ** 2 * ((1 + keep**6) / (1 - keep**6))


def ratio_of_normal_noise(keep: float, decay: float, steps: int) -> float:
    """Return √E[m̂²/v̂] for independent normal gradients, by the trapezoidal rule over λ = eʸ.

    With weights a of m̂ and b of v̂, 1/v̂ = ∫ e^(−λ v̂) dλ gives E[m̂²/v̂] = ∫ Σ aᵢ²/(1 + 2 λ bᵢ) Π (1 + 2 λ bⱼ)^(−1/2) dλ.
    """
    age, y = np.arange(steps), np.linspace(-25, 25, 2001)
    a, b = ((1 - one_of) * one_of**age / (1 - one_of**steps) for one_of in (keep, decay))
    spread = 1 + 2 * np.exp(y)[:, np.newaxis] * b
    values = np.sum(a**2 / spread, axis=1) * np.exp(y - np.sum(np.log(spread), axis=1) / 2)
    return float(np.sqrt(np.sum(values) * (y[1] - y[0])))


@reproduction("adam.noise_ratio", scope="normal gradients, by quadrature")
def normal_noise_by_quadrature(adam_noise_ratio: Step) -> Claims:
    """At β₁ = .9 the ratio for signs is .2294.

    For normal gradients it is .2293 at β₂ = .999 and .2257 at β₂ = .9, because v̂ varies, too.
    """
    yield certified(adam_noise_ratio, beta1=KEEP1), prints_as("0.2294")
    yield ratio_of_normal_noise(0.9, 0.999, 1500), prints_as("0.2293")
    yield ratio_of_normal_noise(0.9, 0.9, 300), prints_as("0.2257")


@statistics("adam.noise_ratio", scope="normal gradients, 50 000 chains, 100 steps, β₂ .999 and .9, seed 0, error probability 1e−6")
def scatter_of_normal_noise(adam: Step, adam_noise_ratio: Step) -> Claims:
    """The root mean square of simulated steps agrees with the quadrature.

    A root mean square of N numbers deviates by at most 1/√(2 N) of it, as for normal numbers; five deviations are allowed.
    """
    source, chains = np.random.default_rng(0), 50_000
    for decay in (0.999, 0.9):
        moved, state = np.zeros(chains), AdamState.initial(np.zeros(chains))
        for _ in range(100):
            moved, state = adam(np.zeros(chains), source.normal(0, 3, chains), state, lr=1.0, beta1=0.9, beta2=decay, eps=0.0)
        expected, spread = ratio_of_normal_noise(0.9, decay, 100), 5 / (2 * chains) ** 0.5
        yield float(np.sqrt(np.mean(moved**2))), Interval(Decimal(expected * (1 - spread)), Decimal(expected * (1 + spread)))
        yield expected <= float(adam_noise_ratio(beta1=0.9)), True


# --- AdaMax ------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.adamax", scope="every state, gradient, t, decay and eps, both cases of the maximum")
def largest_gradient_divides(adamax: Step) -> Claims:
    """AdaMax divides the corrected mean by the larger of β₂ u and |g|. For a constant gradient every step is lr |g|/(|g| + eps)."""
    for (u, gradient), largest in zip(LARGEST, (beta2 * v + s, beta2 * v + s, v + s, v + s), strict=True):
        moved, state = adamax(theta, gradient, AdamaxState(m, u, t), **COMMON, eps=eps)
        mean = beta1 * m + (1 - beta1) * gradient
        yield (moved, state), (theta - lr * mean / ((1 - beta1 ** (t + 1)) * (largest + eps)), AdamaxState(mean, largest, t + 1))
    past = 1 / (1 + q)  # β₂
    for sign in (1, -1):
        state = AdamaxState((1 - beta1**t) * sign * s, s, t)
        moved, _ = adamax(theta, sign * s, state, lr=lr, beta1=beta1, beta2=past, eps=eps)
        yield moved - theta, -sign * lr * s / (s + eps)


@proof("optimizers.adamax", scope="every t and decay, all gradients; the limit p → ∞")
def limit_of_higher_powers(adamax: Step) -> Claims:
    """AdaMax is the limit p → ∞ of Adam with p-th powers.

    (1 − β₂ᵖ) uᵖ ≤ v ≤ t (1 − β₂ᵖ) uᵖ, and the p-th roots of both factors tend to 1.

    Here v ← β₂ᵖ v + (1 − β₂ᵖ) |g|ᵖ, and u' is the larger of β₂ u and |g|, whose p-th powers are `past` and `now`. The induction uses v = (1
    + f)(1 − β₂ᵖ) uᵖ with f ≤ t − 1.
    """
    for u, gradient in LARGEST:
        _, state = adamax(theta, gradient, AdamaxState(m, u, t), **COMMON, eps=eps)
        yield (state.u - beta2 * u) * (state.u - np.abs(gradient)), 0  # it is one of the two,
        yield state.u >= beta2 * u, True  # and no smaller than either
        yield state.u >= np.abs(gradient), True
    f, slack, gap, low = symbols("f slack gap low", nonnegative=True)
    scale = 1 - share  # 1 − β₂ᵖ
    for past, now in ((low + gap, low), (low, low + gap)):  # aᵖ and bᵖ
        following, count = scale * ((1 + f) * past + now), 1 + f + slack  # t
        yield following - scale * (low + gap) >= 0, True
        yield (count + 1) * scale * (low + gap) - following >= 0, True
    power = symbols("p", positive=True)
    yield limit(np.log(1 - share**power) / power, power), 0
    yield limit(np.log(c * (1 - share**power)) / power, power), 0


@certified_value("optimizers.adamax", scope="gradients 2, 1, −1 at β₂ = .9, p = 2, 8, 32, 128")
def higher_powers_approach(adamax: Step) -> Claims:
    """After these gradients u = 1.62. The p-th root of the p-th-power mean approaches it as p grows, and is 1.61999998 at p = 128."""
    decay, state = Ball(KEEP1), AdamaxState.initial(Ball(0))
    for gradient in (2, 1, -1):
        _, state = adamax(Ball(0), Ball(gradient), state, lr=Ball(1), beta1=Ball(0), beta2=decay, eps=Ball(0))
    yield state.u, Ball(Fraction(162, 100))
    gaps = []
    for power in (2, 8, 32, 128):
        mean = sum(decay ** (power * age) * Ball(abs(gradient)) ** power for age, gradient in enumerate((-1, 1, 2)))
        gaps.append(state.u - np.exp(np.log((1 - decay**power) * mean) / power))
    yield state.u - gaps[-1], prints_as("1.61999998")
    for before_it, gap in itertools.pairwise(gaps):
        yield np.abs(gap) < np.abs(before_it), True


@proof("optimizers.adamax", scope="every t, all gradients, β₁ and β₂")
def adamax_steps_are_bounded(adamax: Step) -> Claims:
    """The maximum D of |m|/u satisfies D' = D β₁/β₂ + 1 − β₁ from 0 on, and gradients proportional to β₂ᵏ attain it.

    For β₁ < β₂ < 1 the limit (1 − β₁)/(1 − β₁/β₂) exceeds 1, and 1 − β₁ᵗ, which divides m, tends to 1.
    """
    part, past = symbols("part past", positive=True, below_one=True)  # β₁/β₂ and β₂
    most = lambda n: (1 - past * part) * (1 - part**n) / (1 - part)  # noqa: E731 - read as mathematics
    yield from by_induction(most, lambda before: part * before + 1 - past * part, ZERO)
    hyper = {"lr": lr, "beta1": past * part, "beta2": past, "eps": ZERO}
    closed = lambda n: AdamaxState(past ** (n - 1) * most(n), past ** (n - 1), n)  # noqa: E731 - read as mathematics
    yield adamax(theta, ONE, AdamaxState(ZERO, ZERO, 0), **hyper)[1], closed(ONE)
    yield adamax(theta, past ** (t + 1), closed(t + 1), **hyper)[1], closed(t + 2)
    yield limit(share**t), 0
    past = 1 / (1 + q)
    fall, part = past / (1 + s), 1 / (1 + s)
    yield (1 - fall) / (1 - part) > 1, True
    inner, slack = symbols("inner slack", nonnegative=True)  # from |m| ≤ D u, D = c, with both signs of m and g
    for u, gradient in ((v, past * v + slack), ((v + slack) / past, v)):
        for mean, force in itertools.product((1, -1), repeat=2):
            start = AdamaxState(mean * c * u / (1 + inner), u, t)
            _, state = adamax(theta, force * gradient, start, lr=lr, beta1=fall, beta2=past, eps=ZERO)
            yield (part * c + 1 - fall) * state.u - state.m >= 0, True


@certified_value("optimizers.adamax", scope="the preset of the paper, gradients .999ᵏ, 300 steps")
def adamax_exceeds_its_lr(adamax: Step) -> Claims:
    """AdaMax makes steps of 1.0091 lr for these gradients, although the paper states lr as a bound."""
    (preset,) = presets("optimizers.adamax")
    hyper = {name: Ball(preset[name]) for name in ("lr", "beta1", "beta2")}
    moved, state = Ball(0), AdamaxState.initial(Ball(0))
    for n in range(1, 301):
        moved, state = adamax(Ball(0), hyper["beta2"] ** n, state, eps=Ball(0), **hyper)
    yield -moved / hyper["lr"], prints_as("1.0091")
    yield (1 - hyper["beta1"]) / (1 - hyper["beta1"] / hyper["beta2"]), prints_as("1.0091")


@enumeration("optimizers.adamax", scope="exact, all sequences of 4 gradients from −2, 0, 1")
def adamax_by_hand(adamax: Step) -> Claims:
    """Steps computed independently in fractions."""
    keep, decay, stabiliser, rate = Fraction(1, 3), Fraction(3, 4), Fraction(1, 5), Fraction(1, 2)
    hyper = {"lr": Rational(rate), "beta1": Rational(keep), "beta2": Rational(decay), "eps": Rational(stabiliser)}
    for grads in itertools.product((-2, 0, 1), repeat=4):
        x, state = Rational(5), AdamaxState.initial(Rational(0))
        expected = Fraction(5)
        for n, grad in enumerate(grads, start=1):
            x, state = adamax(x, Rational(grad), state, **hyper)
            mean = sum((1 - keep) * keep**age * one_of for age, one_of in enumerate(grads[n - 1 :: -1]))
            largest = max(decay**age * abs(one_of) for age, one_of in enumerate(grads[n - 1 :: -1]))
            expected -= rate * mean / (1 - keep**n) / (largest + stabiliser)
        yield x, expected


# --- weight decay ------------------------------------------------------------------------------------------------------------------

decay_rate = symbols("decay_rate", positive=True)


@proof("optimizers.adamw", "optimizers.adam.l2", scope="every state, gradient, t and hyper-parameter")
def decay_beside_the_moments_or_in_them(adam: Step, adamw: Step, adam_l2: Step) -> Claims:
    """AdamW takes Adam's step and subtracts lr λ θ; its moments are Adam's. Adam with L2 is Adam of the gradient g + λ θ.

    With λ = 0 both are Adam.
    """
    state = AdamState(m, v, t)
    moved, moments = adam(theta, g, state, **HYPER)
    yield adamw(theta, g, state, **HYPER, weight_decay=decay_rate), (moved - lr * decay_rate * theta, moments)
    yield adam_l2(theta, g, state, **HYPER, weight_decay=decay_rate), adam(theta, g + decay_rate * theta, state, **HYPER)
    for step in (adamw, adam_l2):
        yield step(theta, g, state, **HYPER, weight_decay=ZERO), (moved, moments)


@proof("optimizers.adamw", "optimizers.adam.l2", scope="every t, point and weight_decay, without a gradient, from rest")
def decay_alone(adamw: Step, adam_l2: Step) -> Claims:
    """Without a gradient AdamW multiplies all weights by 1 − lr λ per step.

    The first step of Adam with L2 is lr (up to eps), whatever λ and θ.
    """
    hyper = {**COMMON, "eps": eps, "weight_decay": decay_rate}
    shrunk = lambda n: (theta * (1 - lr * decay_rate) ** n, AdamState(ZERO, ZERO, n))  # noqa: E731 - read as mathematics
    yield from by_induction(shrunk, lambda pair: adamw(pair[0], ZERO, pair[1], **hyper), (theta, AdamState.initial(ZERO)))
    for sign in (1, -1):
        moved, _ = adam_l2(sign * s, ZERO, AdamState.initial(ZERO), **hyper)
        yield moved - sign * s, -sign * lr * decay_rate * s / (decay_rate * s + eps)


@law("optimizers.adamw", scope="float64, within rounding", examples=25)
def decay_before_the_step(
    adam: Step, adamw: Step, theta: Array, g: Array, m: Array, v: Squares, t: Count, lr: Rate, eps: Rate, weight_decay: Weight
) -> Claims:
    """Multiplying θ by 1 − lr λ first and then stepping with the gradient of the old point gives the same result."""
    hyper = {"lr": lr, "beta1": 0.875, "beta2": 0.9375, "eps": eps}
    moved, _ = adam((1 - lr * weight_decay) * theta, g, AdamState(m, v, t), **hyper)
    yield adamw(theta, g, AdamState(m, v, t), weight_decay=weight_decay, **hyper)[0], moved


@law("optimizers.adam.l2", scope="float64, within rounding: gradients of θ²/2 times λ", examples=25)
def coupled_decay_is_a_penalty(adam: Step, adam_l2: Step, theta: Array, lr: Rate, eps: Rate, weight_decay: Weight) -> Claims:
    """Adam with L2 and no other gradient makes the same four steps as Adam on the gradient λ θ of the penalty λ θ²/2."""
    hyper = {"lr": lr, "beta1": 0.875, "beta2": 0.9375, "eps": eps}
    ours, state = theta, AdamState.initial(theta)
    theirs, other = theta, AdamState.initial(theta)
    for _ in range(4):
        ours, state = adam_l2(ours, 0 * theta, state, weight_decay=weight_decay, **hyper)
        theirs, other = adam(theirs, weight_decay * theirs, other, **hyper)
        yield ours, theirs


# --- AMSGrad -----------------------------------------------------------------------------------------------------------------------


def amsgrad_itself(theta: Any, grad: Any, state: Any, *, lr: Any, beta1: Any, beta2: Any, eps: Any) -> Any:
    """Return a step by the paper's equation: without corrections, with eps outside the root."""
    mean, square = beta1 * state.m + (1 - beta1) * grad, beta2 * state.v + (1 - beta2) * grad**2
    largest = np.maximum(state.v_max, square)
    return theta - lr * mean / (np.sqrt(largest) + eps), (mean, square, largest)


@proof("optimizers.amsgrad", scope="every state, gradient, t, decay, eps and eps_root; v above and below its maximum")
def largest_square_divides(adam: Step, amsgrad: Step) -> Claims:
    """While v grows, AMSGrad is Adam. When v is below its maximum, AMSGrad is Adam from the state in which v becomes that maximum."""
    for now, highest in ((v + s, v), (v, v + s)):
        start = before(now, root_of_share)
        hyper = {**HYPER, "beta2": root_of_share}
        moved, state = amsgrad(theta, g, AmsgradState(m, start, highest, t), **hyper)
        alike, moments = adam(theta, g, AdamState(m, before(v + s, root_of_share), t), **hyper)
        yield moved, alike
        yield state, AmsgradState(moments.m, now, v + s, t + 1)


@proof("optimizers.amsgrad", scope="every state, gradient, t, decay and eps")
def corrections_of_amsgrad_are_rates(amsgrad: Step) -> Claims:
    """With c = √(1 − β₂ᵗ), the paper's uncorrected form equals this one at lr c/(1 − β₁ᵗ) and eps c."""
    scale = np.sqrt(1 - share)
    hyper = {"beta1": beta1, "beta2": root_of_share}
    for now, highest in ((v + s, v), (v, v + s)):
        state = AmsgradState(m, before(now, root_of_share), highest, t)
        moved, kept = amsgrad(theta, g, state, lr=lr, eps=eps, **hyper)
        yield (moved, kept[:3]), amsgrad_itself(theta, g, state, lr=lr * scale / (1 - beta1 ** (t + 1)), eps=scale * eps, **hyper)


@enumeration("optimizers.amsgrad", scope="exact, all sequences of 4 gradients from −2, 1, 3, β₂ = 0 and 1/2")
def amsgrad_by_hand(amsgrad: Step) -> Claims:
    """At β₂ = 0 AMSGrad divides by the largest modulus so far. At β₂ = 1/2 it keeps the maximum of the uncorrected v."""
    keep, stabiliser = Fraction(1, 3), Fraction(1, 5)
    hyper = {"lr": Rational(1), "beta1": Rational(keep), "beta2": Rational(0), "eps": Rational(stabiliser)}
    for grads in itertools.product((-2, 1, 3), repeat=4):
        x, state = Rational(0), AmsgradState.initial(Rational(0))
        expected, mean = Fraction(0), Fraction(0)
        for n, grad in enumerate(grads, start=1):
            x, state = amsgrad(x, Rational(grad), state, **hyper)
            mean = keep * mean + (1 - keep) * grad
            expected -= mean / (1 - keep**n) / (max(map(abs, grads[:n])) + stabiliser)
        yield x, expected
    state = AmsgradState(Rational(0), Rational(Fraction(1, 2)), Rational(Fraction(1, 2)), 1)  # after a gradient 1
    x, state = amsgrad(
        Rational(0), Rational(0), state, **{**hyper, "beta2": Rational(Fraction(1, 2)), "eps_root": Rational(Fraction(1, 3))}
    )
    yield state, AmsgradState(Rational(0), Rational(Fraction(1, 4)), Rational(Fraction(1, 2)), 2)


@trajectory("optimizers.amsgrad", scope="gradients 3, −1, −1, … on [−1, 1], β₁ 0, β₂ 1/10, lr 1/√t, 6000 steps")
def where_adam_goes_the_wrong_way(adam: Step, amsgrad: Step) -> Claims:
    """Three consecutive gradients sum to +1, so the minimum is at −1.

    AMSGrad ends there and Adam ends at +1 (Reddi, Kale & Kumar, theorem 1).
    """
    for step, start, end in (
        (adam, AdamState(np.zeros(1), np.zeros(1), 0), 1.0),
        (amsgrad, AmsgradState(np.zeros(1), np.zeros(1), np.zeros(1), 0), -1.0),
    ):
        point, state = np.zeros(1), start
        for n in range(1, 6_001):
            gradient = np.array([3.0 if n % 3 == 1 else -1.0])
            point, state = step(point, gradient, state, lr=n**-0.5, beta1=0.0, beta2=0.1, eps=0.0)
            point = np.clip(point, -1, 1)
        yield bool(abs(point[0] - end) < 0.05), True


@proof(
    "optimizers.amsgrad.corrected_maximum",
    scope="every state, gradient, t, decay, eps and eps_root; corrected v above and below its maximum",
)
def largest_corrected_square_divides(adam: Step, amsgrad_corrected_maximum: Step) -> Claims:
    """While v̂ grows a step is Adam's; below its maximum it is Adam's from the state whose v̂ becomes that maximum."""
    hyper = {**HYPER, "beta2": root_of_share}
    for now, highest in ((v + s, v), (v, v + s)):  # of v̂
        start = before(now * (1 - share), root_of_share)
        moved, state = amsgrad_corrected_maximum(theta, g, AmsgradState(m, start, highest, t), **hyper)
        alike, moments = adam(theta, g, AdamState(m, before((v + s) * (1 - share), root_of_share), t), **hyper)
        yield moved, alike
        yield state, AmsgradState(moments.m, now * (1 - share), v + s, t + 1)


@enumeration(
    "optimizers.amsgrad.corrected_maximum", scope="exact, all sequences of 4 gradients from −2, 1, 3 at β₂ = 0; 1, 0, 0, 0 at β₂ = 1/2"
)
def amsgrad_with_corrections_by_hand(amsgrad: Step, amsgrad_corrected_maximum: Step) -> Claims:
    """At β₂ = 0 it is AMSGrad; after one gradient 1 its maximum stays 1, and AMSGrad's is (1 − β₂)/(1 − β₂ᵗ)."""
    hyper = {"lr": Rational(1), "beta1": Rational(Fraction(1, 3)), "eps": Rational(Fraction(1, 5))}
    for grads in itertools.product((-2, 1, 3), repeat=4):
        here = there = (Rational(0), AmsgradState.initial(Rational(0)))
        for grad in grads:
            here = amsgrad_corrected_maximum(here[0], Rational(grad), here[1], beta2=Rational(0), **hyper)
            there = amsgrad(there[0], Rational(grad), there[1], beta2=Rational(0), **hyper)
        yield here, there
    keep = Fraction(1, 2)
    state, other, mean = AmsgradState.initial(Rational(0)), AmsgradState.initial(Symbolic(0)), Fraction(0)
    for n, grad in enumerate((1, 0, 0, 0), start=1):
        moved, state = amsgrad_corrected_maximum(Rational(0), Rational(grad), state, beta2=Rational(keep), **hyper)
        _, other = amsgrad(Symbolic(0), Symbolic(grad), other, lr=1, beta1=Symbolic(0), beta2=Symbolic(keep), eps=1)
        mean = mean / 3 + Fraction(2 * grad, 3)
        yield moved, -mean / (1 - Fraction(1, 3**n)) / (1 + Fraction(1, 5))
        yield (state.v, state.v_max, state.t), (keep**n, 1, n)
        yield other.v_max / (1 - keep**n), (1 - keep) / (1 - keep**n)


# --- RAdam -------------------------------------------------------------------------------------------------------------------------


def averaged_length(decay: Fraction, n: int) -> Fraction:
    """Return the number of values of a plain mean whose values are on average as old as those of an n-step moving average.

    The newest value has age 1.
    """
    weights = [decay ** (k - 1) for k in range(1, n + 1)]
    return 2 * sum((k * weight for k, weight in enumerate(weights, start=1)), Fraction(0)) / sum(weights, Fraction(0)) - 1


def variance_of_rate(length: Fraction) -> Fraction:
    """Return the variance of 1/√v̂ to first order and up to a factor, for v̂ a mean of `length` squares of normal gradients."""
    return length / (2 * (length - 2) * (length - 4))


@proof(
    "optimizers.radam",
    scope="every state, gradient, rate, β₁, eps and eps_root; β₂ = 9/10 and 3/4, steps 1 … 12, thresholds 4, 5 and ρ itself",
)
def variances_rectify_adam(adam: Step, radam: Step) -> Claims:
    """Above the threshold a step is Adam's at lr √(Var(ρ∞)/Var(ρ)), otherwise a gradient step along m̂.

    Here ρ is the length of a plain mean with the average age of v̂'s values.
    """
    for decay, n in itertools.product((Fraction(9, 10), Fraction(3, 4)), range(1, 13)):
        length, longest = averaged_length(decay, n), 2 / (1 - decay) - 1
        start, hyper = AdamState(m, v, n - 1), {"beta1": beta1, "beta2": Symbolic(decay), "eps": eps, "eps_root": root}
        for threshold in {Fraction(4), Fraction(5), max(length, Fraction(4))}:
            moved, state = radam(theta, g, start, lr=lr, threshold=Symbolic(threshold), **hyper)
            rate = lr * np.sqrt(Symbolic(variance_of_rate(longest) / variance_of_rate(length))) if length > threshold else lr
            alike, moments = adam(theta, g, start, lr=rate, **hyper)
            yield state, moments
            yield moved, alike if length > threshold else theta - lr * moments.m / (1 - beta1**n)


@enumeration("optimizers.radam", scope="exact, roots included: all sequences of 6 signs, β₁ = 1/3, β₂ = 4/5 and 0, thresholds 4 and 5")
def radam_by_hand(radam: Step) -> Claims:
    """Steps from zero moments computed independently in fractions. At β₂ = 4/5 step 6 exceeds the threshold 4 and not 5.

    At β₂ = 0 no step is rectified.
    """
    keep, stabiliser = Fraction(1, 3), Fraction(1, 2)
    hyper = {"lr": Symbolic(1), "beta1": Symbolic(keep), "eps": Symbolic(stabiliser)}
    for decay, threshold in itertools.product((Fraction(4, 5), Fraction(0)), (4, 5)):
        for signs in itertools.product((-1, 1), repeat=5):
            state, mean = AdamState.initial(Symbolic(0)), Fraction(0)
            for n, sign in enumerate((1, *signs), start=1):
                moved, state = radam(Symbolic(0), Symbolic(3 * sign), state, beta2=Symbolic(decay), threshold=Symbolic(threshold), **hyper)
                mean = keep * mean + (1 - keep) * 3 * sign
                length, longest = averaged_length(decay, n), 2 / (1 - decay) - 1
                step = mean / (1 - keep**n)
                yield state, (mean, 9 * (1 - decay**n), n)
                scale = -moved * (3 + stabiliser if length > threshold else 1) / step  # of Adam's step, or of the mean alone
                yield scale**2, variance_of_rate(longest) / variance_of_rate(length) if length > threshold else 1
                yield scale > 0, True
            yield bool(averaged_length(decay, 6) > threshold), decay > 0 and threshold == 4


@certified_value("optimizers.radam", scope="β₂ = .999, gradients 1, no eps; steps 4, 5, 6 and 10000")
def how_much_is_rectified(radam: Step) -> Claims:
    """The rectification factor r of a step for either threshold.

    For a constant gradient Adam's steps are lr, so r is the length of a step in units of lr.
    """
    hyper = {"lr": Ball(1), "beta1": Ball(0), "beta2": Ball(KEEP2), "eps": Ball(0)}
    for n, paper, libraries in ((4, "1", "1"), (5, ".0173", "1"), (6, ".0258", ".0258"), (10_000, ".9998", ".9998")):
        start = AdamState(Ball(1), 1 - Ball(KEEP2) ** (n - 1), n - 1)
        for threshold, factor in ((4, paper), (5, libraries)):
            moved, _ = radam(Ball(0), Ball(2) if factor == "1" else Ball(1), start, threshold=Ball(threshold), **hyper)
            yield -moved, Ball(2) if factor == "1" else prints_as(factor)


# --- NAdam -------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.nadam", scope="every t, state, gradient, decay, eps and eps_root, constant β₁")
def nadam_at_constant_decay(nadam: Step) -> Claims:
    """For constant β₁ the weight is 1 − β₁ᵗ and m̂ = β₁ m/(1 − β₁ᵗ⁺¹) + (1 − β₁) g/(1 − β₁ᵗ)."""
    hyper = {**HYPER, "beta1_next": beta1}
    closed = lambda n: 1 - beta1**n  # noqa: E731 - read as mathematics
    yield from by_induction(closed, lambda weight: nadam(theta, g, NadamState(m, v, weight, t), **hyper)[1].weight, ZERO)
    moved, state = nadam(theta, g, NadamState(m, v, closed(t), t), **hyper)
    mean, square = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    yield (state.m, state.v, state.t), (mean, square, t + 1)
    ahead = beta1 * mean / (1 - beta1 ** (t + 2)) + (1 - beta1) * g / (1 - beta1 ** (t + 1))
    yield moved, theta - lr * ahead / (np.sqrt(square / (1 - beta2 ** (t + 1)) + root) + eps)


@proof("optimizers.nadam", scope="every state, gradient and decay, any schedule of β₁")
def nadam_with_a_schedule(nadam: Step, nesterov_lr_outside: Step) -> Claims:
    """For any schedule, 1 − weight is the product of all β₁.

    When the weight is 1, a step is Nesterov's momentum at the rate lr (1 − β₁)/(√v̂ + eps).
    """
    moved, state = nadam(theta, g, NadamState(m, v, w, t), **HYPER, beta1_next=after)
    yield 1 - state.weight, beta1 * (1 - w)
    ahead = after * state.m / (1 - after * beta1 * (1 - w)) + (1 - beta1) * g / (1 - beta1 * (1 - w))
    yield moved, theta - lr * ahead / (np.sqrt(state.v / (1 - beta2 ** (t + 1)) + root) + eps)
    velocity = m / (1 - beta1)
    moved, state = nadam(theta, g, NadamState(m, v, ONE, t), **HYPER, beta1_next=beta1)
    rate = lr * (1 - beta1) / (np.sqrt(state.v / (1 - beta2 ** (t + 1)) + root) + eps)
    shifted, velocity = nesterov_lr_outside(theta, g, velocity, lr=rate, momentum=beta1)
    yield (moved, state.m), (shifted, (1 - beta1) * velocity)


@certified_value("optimizers.nadam", scope="five gradients at .9/.999, the schedule β₁ (1 − .96^(.004 t)/2), eps and eps_root")
def nadam_on_its_schedule(nadam: Step) -> Claims:
    """Each step equals the one computed from sums and products over all earlier gradients, without recursion."""
    schedule = [Ball(KEEP1) * (1 - np.exp(np.log(Ball(Fraction(24, 25))) * Fraction(n, 250)) / 2) for n in range(1, 7)]
    hyper = {"lr": Ball(Fraction(1, 2)), "beta2": Ball(KEEP2), "eps": Ball(Fraction(1, 3)), "eps_root": Ball(Fraction(1, 5))}
    state = NadamState.initial(Ball(0))
    mean, gathered, square = Ball(0), Ball(0), Ball(0)
    for n, grad in enumerate((3, -1, 0, 5, 2), start=1):
        now, following = schedule[n - 1 : n + 1]
        moved, state = nadam(Ball(7), Ball(grad), state, beta1=now, beta1_next=following, **hyper)
        mean, gathered = now * mean + (1 - now) * grad, 1 - np.prod(np.stack(schedule[:n]))
        square = sum(Ball(KEEP2 ** (n - k) * (1 - KEEP2) * one_of**2) for k, one_of in enumerate((3, -1, 0, 5, 2)[:n], start=1))
        yield state, (mean, square, gathered, n)
        ahead = following * mean / (1 - following * (1 - gathered)) + (1 - now) * grad / gathered
        yield moved, 7 - hyper["lr"] * ahead / (np.sqrt(square / Ball(1 - KEEP2**n) + hyper["eps_root"]) + hyper["eps"])


@enumeration("optimizers.nadam", scope="exact, roots included: one step from a state that is not at rest")
def nadam_on_its_way(nadam: Step) -> Claims:
    """One step computed by hand from m = 2, v = 3, weight 1/2, t = 2 with gradient 1/2. It gives m = 23/16, v = 37/16, weight 11/16.

    The look-ahead mean is divided by 27/32, and v̂ = 4.
    """
    keep, following, decay, stabiliser, within = map(Symbolic, (Fraction(5, 8), Fraction(1, 2), Fraction(3, 4), 2, 1))
    start = NadamState(Symbolic(2), Symbolic(3), Symbolic(Fraction(1, 2)), 2)
    hyper = {"lr": Symbolic(Fraction(1, 3)), "beta1": keep, "beta1_next": following, "beta2": decay, "eps": stabiliser, "eps_root": within}
    moved, state = nadam(Symbolic(7), Symbolic(Fraction(1, 2)), start, **hyper)
    yield state, (Fraction(23, 16), Fraction(37, 16), Fraction(11, 16), 3)
    m_hat = Fraction(23, 32) / Fraction(27, 32) + Fraction(3, 16) / Fraction(11, 16)
    yield moved, 7 - m_hat / 3 / (np.sqrt(Symbolic(4 + 1)) + 2)


@enumeration("optimizers.nadam", scope="exact, all sequences of 4 signs, a schedule of β₁, β₂ = 2/3")
def nadam_by_hand(nadam: Step) -> Claims:
    """Steps computed independently in fractions from the definition's sums and products. At constant β₁ = .9 the first step is 28/19 lr."""
    schedule = [Fraction(k, k + 2) for k in range(1, 6)]
    for signs in itertools.product((-1, 1), repeat=4):
        x, expected, mean, product = Rational(0), Fraction(0), Fraction(0), Fraction(1)
        state = NadamState.initial(Rational(0))
        for sign, (now, following) in zip(signs, itertools.pairwise(schedule), strict=True):
            hyper = {"beta1": Rational(now), "beta1_next": Rational(following), "beta2": Rational(Fraction(2, 3))}
            x, state = nadam(x, Rational(3 * sign), state, lr=Rational(1), eps=Rational(Fraction(1, 2)), **hyper)
            mean, product = now * mean + (1 - now) * 3 * sign, product * now
            expected -= (following * mean / (1 - product * following) + (1 - now) * 3 * sign / (1 - product)) / Fraction(7, 2)
        yield x, expected
        yield state.weight, 1 - product
        yield state.t, 4
    hyper = {"beta1": Rational(KEEP1), "beta1_next": Rational(KEEP1), "beta2": Rational(KEEP2), "eps": Rational(0)}
    start = NadamState.initial(Rational(0))
    yield nadam(Rational(0), Rational(-5), start, lr=Rational(1), **hyper)[0], Fraction(28, 19)


# --- landscapes --------------------------------------------------------------------------------------------------------------------


@trajectory("optimizers.adam", scope=".9/.999, eps 1e-8: a saddle, a long valley, Beale's function")
def landscapes(adam: Step) -> Claims:
    """Number of steps to leave the saddle −y² and to descend the long valley and Beale's function (table R6).

    Adam starts at distances .1, .001 and 1e-6 from the ridge of the saddle, and at (1, 10) in the valley; a height below 1e−3 counts as
    arrived.
    """

    def rule(rate: float) -> Any:
        return lambda p, gradient, state: adam(p, gradient(p), state, lr=rate, beta1=0.9, beta2=0.999, eps=1e-8)

    yield tuple(row_of_r6(rule, [0.01, 0.01, 0.01, 0.1, 0.01], AdamState.initial)), (72, 77, 77, 167, 2085)
