"""Evidence for reference/layerwise.py: LARS, LAMB, NovoGrad, clipping by unit, gradient centralization.

A norm of two coordinates is rational for 3 and 4: proofs take weights (3 c, −4 c) and updates (4 w, 3 w), of the norms 5 c and 5 w.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from ...reference.adam import AdamState
from ...reference.layerwise import NovogradState
from ..arithmetic import Ball, Rational, Symbolic, symbols, tensor
from . import Claims, Step, certified_value, enumeration, proof

lr, eps, root, w, c, q, trust, decay_of_weights = symbols("lr eps root w c q trust weight_decay", positive=True)
beta1, beta2, momentum = symbols("beta1 beta2 momentum", positive=True, below_one=True)
g, p, a, b = symbols("g p a b")
rows, columns = (sp.Symbol(name, integer=True, positive=True) for name in ("rows", "columns"))
ZERO = Symbolic(0)
COUNTS = (0, 1, 4)  # steps taken before the one that is proven
THETA, ALONG = np.stack([3 * c, -4 * c]), np.stack([4 * w, 3 * w])
PAIR = np.stack([a, b])


def state_before(after: Any, decay: Any, value: Any) -> Any:
    """Return the running mean from which a step with a value leads to the one given."""
    return (after - (1 - decay) * value) / decay


def in_rational(**values: Fraction | int) -> dict[str, Rational]:
    """Return hyper-parameters as exact fractions."""
    return {name: Rational(value) for name, value in values.items()}


# --- LARS ------------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.lars", "optimizers.lars.joint_norm", scope="every size of weights (3, −4) c and gradients (4, 3) w, every velocity")
def steps_of_lars(lars: Step, lars_joint_norm: Step) -> Claims:
    """The ratio is trust c / (w + λ c), or trust c over the norm of both together; 1 where the weights or what is taken is 0."""
    hyper = {"lr": lr, "momentum": momentum, "trust": trust}
    nothing = np.stack([ZERO, ZERO])
    for decay in (ZERO, decay_of_weights):
        taken = ALONG + decay * THETA
        velocity = momentum * PAIR + lr * (trust * c / (w + decay * c)) * taken
        yield lars(THETA, ALONG, PAIR, **hyper, weight_decay=decay), (THETA - velocity, velocity)
        for at, gradient in ((nothing, ALONG), (THETA, nothing)):
            velocity = momentum * PAIR + lr * (gradient + decay * at)
            yield lars(at, gradient, PAIR, **hyper, weight_decay=decay), (at - velocity, velocity)
        velocity = momentum * PAIR + lr * (trust * c / w) * ALONG
        yield lars_joint_norm(THETA, ALONG - decay * THETA, PAIR, **hyper, weight_decay=decay), (THETA - velocity, velocity)
        velocity = momentum * PAIR
        yield lars_joint_norm(THETA, -decay * THETA, PAIR, **hyper, weight_decay=decay), (THETA - velocity, velocity)
        velocity = momentum * PAIR + lr * ALONG
        yield lars_joint_norm(nothing, ALONG, PAIR, **hyper, weight_decay=decay), (-velocity, velocity)
    yield lars(THETA, ALONG, PAIR, **hyper), lars_joint_norm(THETA, ALONG, PAIR, **hyper)


@enumeration("optimizers.lars", "optimizers.lars.joint_norm", scope="exact, 3 steps along and against the weights, all orders of 3 factors")
def lars_along_its_weights(lars: Step, lars_joint_norm: Step) -> Claims:
    """Weights and gradients of one direction: the norms are moduli times 5, and both forms differ only against the weights."""
    rate, keep, ratio, shrink = Fraction(1, 2), Fraction(1, 3), Fraction(1, 4), Fraction(2, 5)
    hyper = in_rational(lr=rate, momentum=keep, trust=ratio, weight_decay=shrink)
    for factors in itertools.product((Fraction(-1, 2), Fraction(2), Fraction(3)), repeat=3):
        for step, is_joint in ((lars, False), (lars_joint_norm, True)):
            theta, velocity, x, v = Rational([3, 4]), Rational([0, 0]), Fraction(1), Fraction(0)
            for factor in factors:
                theta, velocity = step(theta, Rational([3 * factor, 4 * factor]), velocity, **hyper)
                taken = factor + shrink * x
                v = keep * v + rate * ratio * abs(x) / (abs(taken) if is_joint else abs(factor) + shrink * abs(x)) * taken
                x -= v
                yield (theta, velocity), (Rational([3 * x, 4 * x]), Rational([3 * v, 4 * v]))


@proof("lars.triangle", scope="every weights and decay of two coordinates, every gradient")
def ratio_of_lars_is_the_smaller(lars: Step, lars_joint_norm: Step) -> Claims:
    """(‖g‖ + λ‖θ‖)² − ‖g + λθ‖² = 2 λ (‖g‖‖θ‖ − g·θ), and ‖g‖²‖θ‖² − (g·θ)² is a square; so the ratio of LARS is the smaller one."""
    theta, grad = np.stack([g, p]), np.stack([a, b])
    yield np.sum(theta**2) * np.sum(grad**2) - np.sum(theta * grad) ** 2, (g * b - p * a) ** 2
    hyper = {"lr": lr, "momentum": ZERO, "trust": trust, "weight_decay": decay_of_weights}
    for step, length in ((lars, w + decay_of_weights * c), (lars_joint_norm, np.sqrt(w**2 + decay_of_weights**2 * c**2))):
        yield step(THETA, ALONG, PAIR, **hyper)[1], lr * trust * c / length * (ALONG + decay_of_weights * THETA)
    yield (w + decay_of_weights * c) ** 2 - (w**2 + decay_of_weights**2 * c**2), 2 * decay_of_weights * w * c


@enumeration("lars.triangle", scope="exact, a gradient along, against and across weights of norm 10; λ = 1/2")
def both_ratios_by_hand(lars: Step, lars_joint_norm: Step) -> Claims:
    """LARS moves as far as with the joint norm where the gradient has the direction of the weights, and less far elsewhere."""
    hyper = in_rational(lr=1, momentum=0, trust=1, weight_decay=Fraction(1, 2))
    theta, rest = Rational([6, 8]), Rational([0, 0])
    across = (Fraction(-48, 5), Fraction(36, 5))  # of norm 12; with λθ, of norm 5, it makes 13
    for grad, length, joint in (((3, 4), 10, 10), ((-6, -8), 15, 5), (across, 17, 13)):
        taken = Rational([grad[0] + 3, grad[1] + 4])
        yield lars(theta, Rational(grad), rest, **hyper)[1], 10 * taken / length
        yield lars_joint_norm(theta, Rational(grad), rest, **hyper)[1], 10 * taken / joint


# --- LAMB ------------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.lamb", scope="weights (3, −4) c, updates (4, 3) w of every size, every state and hyper-parameter; steps 1, 2 and 5")
def step_of_lamb(lamb: Step) -> Claims:
    """The update is brought to the norm of the weights; it is taken as it is where the weights are 0."""
    grads, total = np.stack([g, p]), np.stack([w**2 - root] * 2)
    hyper = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": decay_of_weights, "eps_root": root}
    for count, (at, ratio) in itertools.product(COUNTS, ((THETA, c / w), (0 * THETA, 1))):
        n = count + 1
        means = (ALONG - decay_of_weights * at) * (w + eps) * (1 - beta1**n)
        squares = total * (1 - beta2**n)
        start = AdamState(state_before(means, beta1, grads), state_before(squares, beta2, grads**2), count)
        yield lamb(at, grads, start, **hyper), (at - lr * ratio * ALONG, (means, squares, n))
    still = AdamState(ZERO * THETA, state_before(total, beta2, 0), 0)
    yield lamb(THETA, ZERO * THETA, still, **{**hyper, "weight_decay": ZERO})[0], THETA


@enumeration("optimizers.lamb", "lamb.boundaries", scope="exact, 4 steps from rest, β₁ = β₂ = 0, updates (±3, ±4)/5 and (±4, ±3)/5")
def lamb_by_hand(lamb: Step) -> Claims:
    """From weights of norm 5 an update of norm 1 makes a step of length 5 lr, whatever the gradient; two arrays in one move otherwise."""
    rate, stabiliser, shrink = Fraction(1, 2), Fraction(1, 8), Fraction(1, 50)
    hyper = in_rational(lr=rate, beta1=0, beta2=0, eps=stabiliser, weight_decay=shrink)
    for update in [(sx * x, sy * y) for x, y in ((3, 4), (4, 3)) for sx in (1, -1) for sy in (1, -1)]:
        weights = (Fraction(3), Fraction(-4))
        ratios = [Fraction(u, 5) - shrink * x for u, x in zip(update, weights, strict=True)]  # g / (|g| + eps)
        grads = [r * stabiliser / (1 - abs(r)) for r in ratios]
        moved, state = lamb(Rational(weights), Rational(grads), AdamState.initial(Rational([0, 0])), **hyper)
        yield moved, Rational([x - rate * u for x, u in zip(weights, update, strict=True)])
        yield state, (Rational(grads), Rational([x**2 for x in grads]), 1)
        apart = [
            lamb(Rational([x]), Rational([r]), AdamState.initial(Rational([0])), **hyper)[0] for x, r in zip(weights, grads, strict=True)
        ]
        expected = [x - rate * abs(x) * (1 if u > 0 else -1) for x, u in zip(weights, update, strict=True)]
        yield apart, [Rational([x]) for x in expected]
        yield bool(np.all(np.concatenate(apart) == moved)), [abs(u) for u in update] == [3, 4]


@certified_value("optimizers.lamb", scope="normal weights and gradients of 1, 3 and 40 coordinates, three steps, with and without decay")
def lamb_is_adamw_at_another_rate(lamb: Step, adamw: Step) -> Claims:
    """A step is AdamW's at the rate lr ‖θ‖ / ‖u‖, where u is the step of AdamW at the rate 1."""
    source = np.random.default_rng(0)
    rate, beta1, beta2, eps, root = (Ball(Fraction(*pair)) for pair in ((1, 8), (9, 10), (7, 8), (1, 100), (1, 50)))
    for size, shrink in itertools.product((1, 3, 40), (Ball(0), Ball(Fraction(2, 5)))):
        theta, *grads = (Ball(source.standard_normal(size)) for _ in range(4))
        state = plain = AdamState.initial(theta)
        hyper = {"beta1": beta1, "beta2": beta2, "eps": eps, "eps_root": root, "weight_decay": shrink}
        for grad in grads:
            moved, state = lamb(theta, grad, state, lr=rate, **hyper)
            update = theta - adamw(theta, grad, plain, lr=1, **hyper)[0]
            ratio = np.sqrt(np.sum(theta**2)) / np.sqrt(np.sum(update**2))
            expected, plain = adamw(theta, grad, plain, lr=rate * ratio, **hyper)
            yield moved, expected
            yield (state.m, state.v), (plain.m, plain.v)
            theta = moved


@proof("lamb.boundaries", scope="every size of weights (3, −4) c and of updates (4, 3) w, first step, β₁ = β₂ = 0, without decay")
def boundaries_of_lamb(lamb: Step) -> Claims:
    """Each weight apart moves by lr times its modulus; in one array both move along the joint update, by lr c / w times it."""
    hyper = {"lr": lr, "beta1": ZERO, "beta2": ZERO, "eps": eps}
    small = 1 / (1 + q)  # the larger entry of the update, 4 s where w = s
    grads = np.stack([eps * small / (1 - small), eps * small * 3 / 4 / (1 - small * 3 / 4)])
    moved, _ = lamb(THETA, grads, AdamState.initial(THETA), **hyper)
    yield moved, THETA - lr * (5 * c) / (small * 5 / 4) * np.stack([small, small * 3 / 4])
    for index, size in ((0, 3 * c), (1, 4 * c)):
        yield lamb(THETA[index], grads[index], AdamState.initial(THETA[index]), **hyper)[0], THETA[index] - lr * size


# --- NovoGrad --------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.novograd", scope="two coordinates, every state, gradient and hyper-parameter; steps 1, 2 and 5")
def step_of_novograd(novograd: Step) -> Claims:
    """Both coordinates are divided by one root w, of the running mean of ‖g‖²; the first v is ‖g‖² itself."""
    hyper = {"lr": lr, "beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": decay_of_weights}
    for count in COUNTS:
        start = NovogradState(PAIR, state_before(w**2 - root, beta2, g**2 + p**2), count)
        gradient = np.stack([g, p])
        if count == 0:
            start, gradient = NovogradState(PAIR, c, 0), ALONG
        square, divisor = (w**2 - root, w) if count else (25 * w**2, np.sqrt(25 * w**2 + root))
        mean = beta1 * PAIR + gradient / (divisor + eps) + decay_of_weights * THETA
        yield novograd(THETA, gradient, start, **hyper, eps_root=root), (THETA - lr * mean, (mean, square, count + 1))


@enumeration("optimizers.novograd", scope="exact, all sequences of 3 gradients of norm 5; β₂ = 3/4 and 0")
def novograd_by_hand(novograd: Step) -> Claims:
    """Steps in fractions: gradients of one norm are divided by it, whatever β₂. The first step has the length lr, without decay."""
    rate, keep, shrink = Fraction(1, 2), Fraction(1, 3), Fraction(2, 5)
    for grads, slow, stabiliser in itertools.product(
        itertools.product(((3, 4), (-5, 0), (4, -3)), repeat=3), (Fraction(0), Fraction(3, 4)), (Fraction(0), Fraction(1, 8))
    ):
        hyper = in_rational(lr=rate, beta1=keep, beta2=slow, eps=stabiliser, weight_decay=shrink)
        x, state = Rational([5, -7]), NovogradState.initial(Rational([0, 0]))
        expected, mean = [Fraction(5), Fraction(-7)], [Fraction(0), Fraction(0)]
        for count, pair in enumerate(grads, start=1):
            x, state = novograd(x, Rational(pair), state, **hyper)
            mean = [keep * m + slope / (5 + stabiliser) + shrink * at for m, slope, at in zip(mean, pair, expected, strict=True)]
            expected = [at - rate * m for at, m in zip(expected, mean, strict=True)]
            yield (x, state), (Rational(expected), (Rational(mean), 25, count))
        first, _ = novograd(Rational([0, 0]), Rational(grads[0]), NovogradState.initial(Rational([0, 0])), **hyper)
        yield np.sum(first**2), (rate * 5 / (5 + stabiliser)) ** 2


# --- units of a layer ------------------------------------------------------------------------------------------------------------------


@proof("optimizers.clip.adaptive", scope="two units of every size, (3, −4) c and (4, 3) w, beyond, within and below the least weights")
def units_are_clipped_apart(clip_by_unit: Step) -> Claims:
    """A gradient of norm 5 w stays where it is at most largest · 5 c, and has that norm otherwise; tiny weights count as the smallest."""
    small = 1 / (1 + q)
    zero = np.stack([ZERO, ZERO])
    for factor, kept in ((small, small), (1 + q, 1)):
        for size, smallest in ((5 * c, 5 * c * small), (5 * c * (1 + q), 5 * c * (1 + q))):
            weights = np.stack([THETA, zero])
            gradient = np.stack([ALONG / w * (trust * size / 5) * factor, zero])
            clipped = np.stack([ALONG / w * (trust * size / 5) * kept, zero])
            yield clip_by_unit(gradient, weights, largest=trust, smallest=smallest), clipped


@enumeration("optimizers.clip.adaptive", scope="exact, all pairs of units with weights of norm 0, 5, 10 and gradients of norm 0, 5, 13, 20")
def units_by_hand(clip_by_unit: Step) -> Claims:
    """Each row by its own norms; as clipping by norm with a limit of its own."""
    weights, gradients = ((0, 0), (3, 4), (-6, 8)), ((0, 0), (4, 3), (5, -12), (12, 16))
    largest, smallest = Fraction(3, 2), Fraction(4)
    norms = {(0, 0): 0, (3, 4): 5, (-6, 8): 10, (4, 3): 5, (5, -12): 13, (12, 16): 20}
    cases = list(itertools.product(weights, gradients))
    for first, second in itertools.product(cases, repeat=2):
        expected = []
        for weight, gradient in (first, second):
            longest = largest * max(Fraction(norms[weight]), smallest)
            expected.append([entry * min(Fraction(1), longest / max(norms[gradient], 1)) for entry in gradient])
        got = clip_by_unit(
            Rational([first[1], second[1]]), Rational([first[0], second[0]]), largest=Rational(largest), smallest=Rational(smallest)
        )
        yield got, Rational(expected)


@proof("optimizers.gradient_centralization", scope="every matrix of every shape")
def projection_onto_sums_of_zero(centralized_gradient: Step) -> Claims:
    """It is the gradient less a number for each unit, such that the sums of its rows are 0; twice is once."""
    grad, shift = tensor("G", rows, columns), tensor("s", rows, 1)
    once = centralized_gradient(grad)
    yield np.sum(once, axis=1), 0 * np.sum(grad, axis=1)
    yield centralized_gradient(once), once
    yield centralized_gradient(grad + shift), once
    yield grad - once, np.sum(grad, axis=1, keepdims=True) / columns + 0 * grad


@enumeration("optimizers.gradient_centralization", scope="exact, all 2 × 3 matrices with entries −2, 0, 3")
def centralized_by_hand(centralized_gradient: Step) -> Claims:
    """Every entry less the mean of its row."""
    for entries in itertools.product((-2, 0, 3), repeat=6):
        matrix = [entries[:3], entries[3:]]
        yield centralized_gradient(Rational(matrix)), Rational([[entry - Fraction(sum(row), 3) for entry in row] for row in matrix])
