"""Evidence for reference/descent.py: steps, batches and their statistics, the order of presentation, and the limits of constant rates."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...reference.descent import LossScaleState
from ..arithmetic import Ball, Differential, Rational, Symbolic, Tensor, certified, function, partial, slope, symbols, tensor
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
from ._induction import limit as limit_of
from ._landscapes import row_of_r6

if TYPE_CHECKING:
    from ...reference.domains import (
        Array,
        BatchLosses,
        BatchSizes,
        FromOne,
        Gradient,
        GradientSequence,
        Norm,
        Positive,
        Rate,
        SampleLosses,
        Samples,
        Source,
        Vector,
        Weight,
    )

theta, other, target, x, y, noise = symbols("theta other target x y noise")
lr, h, q, spread, smooth, kept, low, high, variance = symbols("lr h q spread smooth kept low high variance", positive=True)
largest = symbols("largest", positive=True)
t = symbols("t", integer=True, nonnegative=True)
f, k = function("f"), function("k")  # arbitrary gradients
ONE = Symbolic(1)

d, big, b, i = (sp.Symbol(name, integer=True, positive=True) for name in ("d", "N", "b", "i"))
nothing = Tensor(0)


def generic(name: str, *sizes: Any, **assumptions: bool) -> Any:
    """Return an array of symbolic shape, which NumPy's type stubs do not know."""
    return tensor(name, *sizes, **assumptions)


def parabola(curvature: Any, minimum: Any) -> Callable[[Any], Any]:
    """Return the gradient of curvature/2 (w − minimum)²."""
    return lambda w: curvature * (w - minimum)


def total(parts: Any) -> Any:
    """Return the sum of a list of numbers of any arithmetic."""
    return np.sum(np.stack(list(parts)), axis=0)


# --- the steps ---------------------------------------------------------------------------------------------------------------------


@proof("optimizers.gd.batch", scope="every point, gradient and lr")
def error_shrinks_on_a_parabola(gradient_descent: Step) -> Claims:
    """On h/2 (w − c)² a step multiplies the error by 1 − η h; at η = 1/h it arrives."""
    yield gradient_descent(theta, h * (theta - target), lr=lr) - target, (1 - lr * h) * (theta - target)
    yield gradient_descent(theta, h * (theta - target), lr=1 / h), target


@derivative("optimizers.gd.batch", scope="certified, a quartic in two dimensions, three rates")
def slope_along_the_step(gradient_descent: Step) -> Claims:
    """The derivative of J(θ − η g) by η is −g · ∇J(θ − η g), which is −‖g‖² at η = 0."""
    point = Ball([2, -3])
    for rate in (Fraction(0), Fraction(1, 64), Fraction(1, 8)):
        moved = gradient_descent(point, point**3, lr=Differential.along([rate], np.array([1]))[0])
        yield slope(np.sum(moved**4) / 4), -np.sum(point**3 * gradient_descent(point, point**3, lr=Ball(rate)) ** 3)


# --- clipping ----------------------------------------------------------------------------------------------------------------------

QUARTERS = [Fraction(k, 4) for k in range(-12, 13)]


@proof("optimizers.weight_decay.coupled", scope="every point, gradient and weight_decay")
def gradient_of_the_penalty(penalized_gradient: Step) -> Claims:
    """What is added to the gradient is the derivative of the penalty λ θ²/2, and without decay nothing is added."""
    point, penalty = sp.Symbol("point", real=True), sp.Symbol("penalty", positive=True)
    added = sp.diff(penalty * point**2 / 2, point)
    yield penalized_gradient(Symbolic(spread.item()), Symbolic(point), weight_decay=Symbolic(penalty)), spread + Symbolic(added)
    yield penalized_gradient(spread, Symbolic(point), weight_decay=0), spread


@proof("optimizers.weight_decay.coupled", "optimizers.weight_decay.decoupled", scope="every point, gradient, rate and weight_decay")
def one_step_of_descent(penalized_gradient: Step, decayed_parameters: Step, gradient_descent: Step) -> Claims:
    """For gradient descent the two are one: a step with the penalised gradient is a step from the decayed point."""
    point, slope_there, rate, penalty = symbols("point g eta penalty", positive=True)
    coupled = gradient_descent(point, penalized_gradient(slope_there, point, weight_decay=penalty), lr=rate)
    yield coupled, gradient_descent(decayed_parameters(point, lr=rate, weight_decay=penalty), slope_there, lr=rate)


@enumeration("optimizers.weight_decay.decoupled", scope="exact, η λ = 1/8 … 15/8, 0 to 6 steps, starts −3, −11/4 … 3")
def decay_is_geometric(decayed_parameters: Step) -> Claims:
    """After n steps the parameters are (1 − η λ)ⁿ times what they were."""
    for start, eighths in itertools.product(QUARTERS[::4], range(1, 16)):
        point = Rational([start])
        for steps in range(7):
            yield point, [start * (1 - Fraction(eighths, 8)) ** steps]
            point = decayed_parameters(point, lr=Rational(Fraction(eighths, 4)), weight_decay=Rational(Fraction(1, 2)))


@law("optimizers.weight_decay.coupled", scope="float64, bit for bit", exact=True)
def sign_changes_with_everything(penalized_gradient: Step, grad: Array, theta: Array, weight_decay: Weight) -> Claims:
    """With the signs of gradient and point both reversed, the sign of the result is reversed."""
    yield penalized_gradient(-grad, -theta, weight_decay=weight_decay), -penalized_gradient(grad, theta, weight_decay=weight_decay)


@proof("optimizers.clip.value", scope="every largest value; gradients at and beyond it, and at 0")
def what_is_beyond_is_cut(clip_by_value: Step) -> Claims:
    """±(c + x) with x > 0 becomes ±c; c and 0 are unchanged."""
    for sign in (1, -1):
        for excess in (0, spread):
            yield clip_by_value(sign * (largest + excess), largest=largest), sign * largest
    yield clip_by_value(0 * largest, largest=largest), 0


@enumeration("optimizers.clip.value", "optimizers.clip.norm", scope="exact, gradients −3, −11/4 … 3, largest 1/4 … 3")
def nearest_number_within(clip_by_value: Step, clip_by_norm: Step) -> Claims:
    """The result is the number of [−c, c] nearest to g. For one number, clipping by norm is the same."""
    for size, bound in itertools.product(QUARTERS, QUARTERS[13:]):
        nearest = min((quarter for quarter in QUARTERS if abs(quarter) <= bound), key=lambda quarter: abs(quarter - size))
        grad = Rational([size])
        yield clip_by_value(grad, largest=Rational(bound)), [nearest]
        yield clip_by_norm(grad, Rational(abs(size)), largest=Rational(bound)), [nearest]


@proof(
    "optimizers.clip.norm.with_eps",
    "optimizers.clip.norm",
    scope="every gradient, norm, largest norm and stabiliser; norms below, at, above",
)
def norm_with_a_stabiliser(clip_by_norm_with_eps: Step, clip_by_norm: Step) -> Claims:
    """It is clipping of a gradient that is longer by ε: unchanged up to the norm c − ε, and of norm c ‖g‖/(‖g‖ + ε) above."""
    for norm, eps in ((low, high), (largest + spread, high), (largest / (1 + q), largest * q / (1 + q))):
        limit = norm + eps + h
        yield clip_by_norm_with_eps(x, norm, largest=limit, eps=eps), x
        yield clip_by_norm_with_eps(x, norm, largest=norm + eps, eps=eps), clip_by_norm(x, norm + eps, largest=norm + eps)
        shorter = (norm + eps) / (1 + h)
        yield clip_by_norm_with_eps(x, norm, largest=shorter, eps=eps), x * shorter / (norm + eps)
        yield clip_by_norm_with_eps(x, norm, largest=shorter, eps=eps), clip_by_norm(x, norm + eps, largest=shorter)
    yield clip_by_norm_with_eps(x, 0 * high, largest=largest + high, eps=high), x


@enumeration("optimizers.clip.norm.with_eps", scope="exact, gradients −3, −11/4 … 3, largest 1/4 … 3, stabilisers 1/8, 1, and of PyTorch")
def stabilised_by_hand(clip_by_norm_with_eps: Step) -> Claims:
    """One number, scaled by c/(|g| + ε) where that is below 1."""
    (preset,) = presets("optimizers.clip.norm.with_eps")
    for size, bound, eps in itertools.product(QUARTERS, QUARTERS[13:], (Fraction(1, 8), Fraction(1), preset["eps"])):
        kept = bound / (abs(size) + eps)
        grad = clip_by_norm_with_eps(Rational([size]), Rational(abs(size)), largest=Rational(bound), eps=Rational(eps))
        yield grad, [size * kept if kept < 1 else size]


@proof("optimizers.clip.rms", "optimizers.clip.norm", scope="gradients of 1 to 3 equal entries, any sign, below and above the limit")
def rms_is_the_norm_over_the_root(clip_by_rms: Step, clip_by_norm: Step, global_norm: Step) -> Claims:
    """It is clipping of the norm by √n times the limit. Equal entries have their own modulus as root mean square."""
    for size in (1, 2, 3):
        for sign in (1, -1):
            for entry, limit in ((spread, spread + high), (spread + high, spread), (spread, spread)):
                grad = sign * entry * np.stack([ONE] * size)
                clipped = clip_by_rms(grad, largest=limit)
                yield clipped, sign * (limit if entry is not spread else entry) * np.stack([ONE] * size)
                yield clipped, clip_by_norm(grad, global_norm(grad), largest=np.sqrt(Symbolic(size)) * limit)


@enumeration("optimizers.clip.rms", scope="exact, all signs and orders of (1, 7), (2, 14), (7, 17) and (0, 0), limits 1 … 30")
def whole_root_mean_squares(clip_by_rms: Step) -> Claims:
    """Their root mean squares are 5, 10, 13 and 0; the result has none above the limit, and the direction of before."""
    for (left, right), rms in (((1, 7), 5), ((2, 14), 10), ((7, 17), 13), ((0, 0), 0)):
        for signs, limit in itertools.product(itertools.product((1, -1), repeat=2), range(1, 31)):
            for grad in ([signs[0] * left, signs[1] * right], [signs[1] * right, signs[0] * left]):
                share: Any = min(Fraction(limit, rms), 1) if rms else 1
                yield clip_by_rms(Rational(grad), largest=Rational(limit)), Rational([share * entry for entry in grad])


# --- accumulation ------------------------------------------------------------------------------------------------------------------


@proof(
    "optimizers.accumulation.total", "optimizers.accumulation.mean_of_means", scope="every number of batches, their sizes, and dimension"
)
def means_of_batches_and_of_all(gradient_of_all: Step, mean_of_batch_gradients: Step) -> Claims:
    """Batches of sums sᵢ = Nᵢ ḡᵢ: the mean of means is Σ ḡᵢ/K, the mean of all Σ Nᵢ ḡᵢ/N, their difference Σ (1/K − Nᵢ/N) ḡᵢ.

    Batches of one size have no difference.
    """
    counts, means = tensor("N", big, positive=True), tensor("m", big, d)
    sums = means * np.expand_dims(counts, 1)
    share = 1 / Tensor(big) - counts / np.sum(counts)
    difference = mean_of_batch_gradients(sums, counts) - gradient_of_all(sums, counts)
    yield mean_of_batch_gradients(sums, counts), np.sum(means, axis=0) / Tensor(big)
    yield difference, np.sum(np.expand_dims(share, 1) * means, axis=0)
    alike = Tensor(h.item()) * np.ones_like(counts)
    yield mean_of_batch_gradients(tensor("s", big, d), alike), gradient_of_all(tensor("s", big, d), alike)


@enumeration(
    "optimizers.accumulation.total", "optimizers.accumulation.mean_of_means", scope="exact, all sizes 1 … 3 of 3 batches, 3 sets of tokens"
)
def tokens_by_hand(gradient_of_all: Step, mean_of_batch_gradients: Step) -> Claims:
    """Tokens counted one by one: each has the weight 1/N in the total, and 1/(K Nᵢ) in the mean of means."""
    for sizes, shift in itertools.product(itertools.product(range(1, 4), repeat=3), range(3)):
        tokens = [[Fraction((3 * batch + token + shift) ** 2 - 20, 1 + token) for token in range(size)] for batch, size in enumerate(sizes)]
        sums = Rational([[sum(batch), -2 * sum(batch)] for batch in tokens])
        flat = [token for batch in tokens for token in batch]
        total, mean = sum(flat) / len(flat), sum(sum(batch) / len(batch) for batch in tokens) / 3
        yield gradient_of_all(sums, Rational(list(sizes))), Rational([total, -2 * total])
        yield mean_of_batch_gradients(sums, Rational(list(sizes))), Rational([mean, -2 * mean])


# --- loss scaling ------------------------------------------------------------------------------------------------------------------


@proof("optimizers.loss_scale", scope="every factor, growth, back-off, count and interval")
def factor_case_by_case(dynamic_loss_scale: Step) -> Claims:
    """A finite gradient counts, and the one that completes the interval makes the factor grow; one that is not finite makes it back off."""
    hyper, steps = {"growth": 1 + q, "backoff": 1 / (1 + h)}, symbols("n", integer=True, nonnegative=True)
    for is_finite, good, interval, scale, following in (
        (True, t, t + steps + 2, low, t + 1),
        (True, t, t + 1, low * (1 + q), 0),
        (True, t + steps, t + 1, low * (1 + q), 0),
        (False, t, t + steps + 1, low / (1 + h), 0),
    ):
        yield dynamic_loss_scale(is_finite, LossScaleState(low, good), **hyper, interval=interval), (scale, following)


@enumeration("optimizers.loss_scale", scope="exact, all sequences of 7 gradients, finite or not, intervals 1 to 3, and PyTorch's factors")
def factors_by_hand(dynamic_loss_scale: Step) -> Claims:
    """Runs of finite gradients of length L make the factor grow ⌊L/N⌋ times, every other gradient makes it back off once."""
    (preset,) = presets("optimizers.loss_scale")
    growth, backoff = preset["growth"], preset["backoff"]
    for finite, interval in itertools.product(itertools.product((True, False), repeat=7), (1, 2, 3)):
        lengths = [len(list(group)) for is_finite, group in itertools.groupby(finite) if is_finite]
        state = LossScaleState(Rational(65536), 0)
        for is_finite in finite:
            state = dynamic_loss_scale(is_finite, state, growth=Rational(growth), backoff=Rational(backoff), interval=interval)
        grown = sum(length // interval for length in lengths)
        yield state.scale, 65536 * growth**grown * backoff ** finite.count(False)
        yield state.good, lengths[-1] % interval if finite[-1] else 0


@law("optimizers.clip.value", scope="float64, bit for bit", exact=True)
def what_is_within_stays(clip_by_value: Step, grad: Array, largest: Positive) -> Claims:
    """No entry exceeds the limit afterwards, entries within it are unchanged, and clipping twice is clipping once."""
    clipped = clip_by_value(grad, largest=largest)
    yield bool(np.all(np.abs(clipped) <= largest)), True
    yield clip_by_value(clipped, largest=largest), clipped
    yield np.where(np.abs(grad) <= largest, clipped, 0), np.where(np.abs(grad) <= largest, grad, 0)


@proof("optimizers.clip.global_norm", scope="every number of rows and columns, and of arrays")
def norm_of_norms(global_norm: Step) -> Claims:
    """The square of the norm is the inner product of the gradient with itself, and rows may be replaced by their norms."""
    rows, vector = generic("g", big, d), generic("g", d)
    yield global_norm(rows) ** 2, np.sum(np.sum(rows**2, axis=0))
    yield global_norm(vector) ** 2, vector @ vector
    arrays = symbols("x y noise h q", real=True)
    whole = np.stack(list(arrays))
    yield global_norm(np.stack([global_norm(whole[:2]), global_norm(whole[2:])])), global_norm(whole)


@enumeration("optimizers.clip.global_norm", scope="exact, all signs and orders of whole numbers whose norm is whole")
def whole_norms(global_norm: Step) -> Claims:
    """The norms of (3, 4), (2, 3, 6), (1, 4, 8), (2, 4, 5, 6) are 5, 7, 9, 9, for all signs and orders, also for fractions of 7."""
    for entries, norm in (((3, 4), 5), ((2, 3, 6), 7), ((1, 4, 8), 9), ((2, 4, 5, 6), 9), ((0,), 0)):
        for order, signs in itertools.product(itertools.permutations(entries), itertools.product((1, -1), repeat=len(entries))):
            grad = Rational([Fraction(sign * size, 7) for sign, size in zip(signs, order, strict=True)])
            yield global_norm(grad), Fraction(norm, 7)


@proof("optimizers.clip.norm", "optimizers.clip.global_norm", scope="every dimension, gradient and largest norm: below, at, and above it")
def length_is_cut_and_direction_kept(clip_by_norm: Step, global_norm: Step) -> Claims:
    """A gradient of norm c or less is unchanged. One of norm c + x is multiplied by c/(c + x), so that its norm is c."""
    for inside in (0, largest / (1 + spread), largest):
        yield clip_by_norm(theta, inside, largest=largest), theta
    yield clip_by_norm(theta, largest + spread, largest=largest), theta * largest / (largest + spread)
    vector, longer = generic("g", d), 1 + Tensor(spread.item())
    norm = global_norm(vector)
    yield global_norm(clip_by_norm(vector, norm, largest=norm / longer)) ** 2, (norm / longer) ** 2


@law("optimizers.clip.norm", scope="float64, within rounding; bit for bit where nothing is cut")
def once_is_enough(clip_by_norm: Step, grad: Array, norm: Norm, largest: Positive) -> Claims:
    """Scaling the limit, the gradient and its norm scales the result.

    A gradient whose norm does not exceed the limit is unchanged bit for bit.
    """
    yield clip_by_norm(4 * grad, 4 * norm, largest=4 * largest), 4 * clip_by_norm(grad, norm, largest=largest)
    yield clip_by_norm(grad, min(norm, largest), largest=largest), grad


# --- one sample at a time ------------------------------------------------------------------------------------------------------------


@proof("optimizers.sgd", scope="arbitrary gradients, every start and lr; three samples, and one more after any")
def one_update_a_sample(sgd: Step, gradient_descent: Step) -> Claims:
    """An epoch is one gradient step per sample, each at the newest point."""
    point, gradients = theta, (f, k, f)
    for number, gradient in enumerate(gradients, start=1):
        point = gradient_descent(point, gradient(point), lr=lr)
        yield sgd(theta, gradients[:number], lr=lr), point
    yield sgd(theta, (f, k, f), lr=lr), sgd(sgd(theta, (f, k), lr=lr), (f,), lr=lr)


@enumeration("optimizers.sgd", scope="exact, all orders of three parabolas, and 150 of them")
def every_order_by_hand(sgd: Step, gradient_descent: Step) -> Claims:
    """Epochs in every order computed independently in fractions."""
    samples = [(1, 2), (3, -1), (Fraction(1, 2), 5)]
    for order in (*itertools.permutations(samples), samples * 50):
        point = Rational(7)
        for curvature, minimum in order:
            point = gradient_descent(point, Rational(curvature) * (point - minimum), lr=Rational(Fraction(1, 5)))
        gradients = tuple(parabola(Rational(curvature), minimum) for curvature, minimum in order)
        yield sgd(Rational(7), gradients, lr=Rational(Fraction(1, 5))), point


@certified_value("optimizers.sgd", scope="f = x²/2 from 1, lr .1, 20 steps")
def signs_of_the_deck(sgd: Step) -> Claims:
    """SGD reaches .12158 going down; with the sign of the deck's code it reaches 6.7275."""
    start, tenth = Ball(1), Ball(Fraction(1, 10))
    yield sgd(start, (parabola(1, 0),) * 20, lr=tenth), prints_as("0.12158")
    yield sgd(start, (parabola(1, 0),) * 20, lr=-tenth), prints_as("6.7275")


# --- batches and the objective -----------------------------------------------------------------------------------------------------

inputs, targets, weights = generic("x", big, d), generic("y", big), generic("w", d)
strength = Tensor(sp.Symbol("strength", nonnegative=True))


def least_squares_rows() -> Any:
    """Return the gradients of the losses (x · w − y)²/2, one row per sample."""
    return np.expand_dims(inputs @ weights - targets, 1) * inputs


@proof("objective.regularized_risk", "optimizers.sgd.minibatch", scope="every N and d, linear least squares with the penalty ‖w‖²")
def gradient_of_the_objective(regularized_risk: Step, minibatch_gradient: Step) -> Claims:
    """The gradient of the objective by w is the minibatch gradient of all samples, including 2 w for the penalty."""
    risk = regularized_risk((inputs @ weights - targets) ** 2 / 2, np.sum(weights**2), strength=strength)
    gradient = minibatch_gradient(least_squares_rows(), 2 * weights, strength=strength)
    yield Tensor(partial(risk, "w", i)), Tensor(gradient.at(i))


@proof("optimizers.sgd.minibatch", scope="every batch, short last ones included")
def batches_of_any_size(minibatch_gradient: Step) -> Claims:
    """A batch of equal rows has that row as its gradient, a batch of one its own row.

    Two batches are weighted by their sizes, and the penalty enters once.
    """
    other_size, penalty = sp.Symbol("b2", integer=True, positive=True), generic("r", d)
    first, second = generic("g", b, d), generic("u", other_size, d)
    equal = 0 * first + np.sum(second, axis=0)
    yield minibatch_gradient(equal, penalty, strength=strength), np.sum(second, axis=0) + strength * penalty
    single = np.expand_dims(generic("g", d), 0)
    yield minibatch_gradient(single, penalty, strength=strength), generic("g", d) + strength * penalty
    sizes = (Tensor(b), Tensor(other_size))
    sums = [size * minibatch_gradient(rows, penalty, strength=nothing) for size, rows in zip(sizes, (first, second), strict=True)]
    yield sums[0] + sums[1], np.sum(first, axis=0) + np.sum(second, axis=0)


@derivative("objective.regularized_risk", "optimizers.sgd.minibatch", scope="certified, logistic losses, four samples in three dimensions")
def logistic_gradient(regularized_risk: Step, minibatch_gradient: Step) -> Claims:
    """The derivatives of a logistic risk with penalty ‖w‖² are the mean of the samples' gradients plus 2 λ w."""
    rows = Ball([[1, 2, -1], [0, 1, 3], [-2, 1, 1], [1, 0, -1]])
    point, weight = [Fraction(1, 2), Fraction(-1, 3), Fraction(1, 4)], Ball(Fraction(1, 8))
    outer = -1 / (1 + np.exp(rows @ Ball(point)))  # of log(1 + e⁻ᶻ)
    gradient = minibatch_gradient(np.expand_dims(outer, 1) * rows, 2 * Ball(point), strength=weight)
    for index, direction in enumerate(np.eye(3)):
        w = Differential.along(point, direction)
        risk = regularized_risk(np.log(1 + np.exp(-(rows @ w))), np.sum(w**2), strength=weight)
        yield slope(risk), gradient[index]


@proof("objective.regularized_risk", scope="every N and strength")
def sums_need_more_strength(regularized_risk: Step) -> Claims:
    """The summed objective with strength N λ is N times the mean objective with λ, so it has the same minima."""
    losses, penalty = generic("l", big), Tensor(sp.Symbol("R", nonnegative=True))
    yield np.sum(losses) + Tensor(big) * strength * penalty, Tensor(big) * regularized_risk(losses, penalty, strength=strength)


@erratum("E73")
def same_strength_for_sum_and_mean(regularized_risk: Step) -> Claims:
    """As printed, the summed objective with λ is a multiple of the mean one with λ."""
    losses, penalty = generic("l", big), Tensor(sp.Symbol("R", nonnegative=True))
    yield np.sum(losses) + strength * penalty, Tensor(big) * regularized_risk(losses, penalty, strength=strength)


@erratum("E72")
def batch_gradient_called_the_gradient(minibatch_gradient: Step) -> Claims:
    """As printed, one symbol stands for both: the gradient of every batch is that of all samples."""
    rows, none = Rational([[1], [2], [6]]), Rational([0])
    everything = minibatch_gradient(rows, none, strength=Rational(0))
    for size in (1, 2):
        for batch in itertools.combinations(range(3), size):
            yield minibatch_gradient(np.stack([rows[j] for j in batch]), none, strength=Rational(0)), everything


@law("objective.regularized_risk", scope="float64, within rounding")
def risk_is_linear(regularized_risk: Step, losses: SampleLosses, penalty: Norm, strength: Weight) -> Claims:
    """Adding c to all losses adds c to the risk."""
    yield regularized_risk(losses + 2, penalty, strength=strength), 2 + regularized_risk(losses, penalty, strength=strength)


# --- sampling: means and variances -------------------------------------------------------------------------------------------------

DATA = [3, -1, 4, 1, -5, 9]  # their variance is 677/36


@proof("optimizers.sgd.unbiased", scope="every N, dimension and distribution")
def weights_undo_the_sampling(unbiased_gradient: Step) -> Claims:
    """The expectation of gᵢ/(N pᵢ) is the mean gradient for all probabilities; with uniform ones the weights are 1."""
    rows, odds = generic("g", big, d), generic("p", big, positive=True)
    column = np.expand_dims(odds, 1)
    drawn = unbiased_gradient(rows, probability=column, samples=Tensor(big))
    yield np.sum(column * drawn, axis=0), np.mean(rows, axis=0)
    yield unbiased_gradient(rows, probability=1 / Tensor(big), samples=Tensor(big)), rows


@enumeration("optimizers.sgd.unbiased", scope="exact, three samples, all probabilities in sixths")
def only_weighted_draws_are_unbiased(unbiased_gradient: Step) -> Claims:
    """The expectation of a weighted draw is always the mean; that of an unweighted draw only for special probabilities."""
    rows = [Rational(value) for value in (5, -1, 2)]
    for parts in itertools.product(range(1, 5), repeat=3):
        if sum(parts) == 6:
            odds = [Rational(Fraction(part, 6)) for part in parts]
            weighted = [p * unbiased_gradient(g, probability=p, samples=3) for p, g in zip(odds, rows, strict=True)]
            yield total(weighted), 2
            bare = total(p * g for p, g in zip(odds, rows, strict=True))
            yield bool(bare == 2), parts[0] == parts[1]


def mean_of(minibatch_gradient: Step, rows: Any) -> Any:
    """Return the minibatch gradient without a penalty."""
    zero = nothing if isinstance(rows, Tensor) else Rational(0)
    return minibatch_gradient(rows, zero, strength=zero)


def pairs(same: Any, different: Any, size: Any) -> Any:
    """Return the matrix over the draws of a batch with `same` on its diagonal and `different` off it."""
    first, second = (sp.Symbol(name, integer=True, positive=True) for name in ("k1", "k2"))
    delta = sp.KroneckerDelta(first, second)
    return Tensor(delta * same.element + (1 - delta) * different.element, ((first, size), (second, size)))


population = generic("g", big)
sigma2 = np.mean((population - np.mean(population)) ** 2)


def variance_of_a_batch(minibatch_gradient: Step, size: Any, *, replace: bool) -> Any:
    """Return the variance of the batch mean: its linear map, applied on both sides to the covariance of the draws.

    Two draws are any two samples, with probability 1/N² each, or any two different ones, with probability 1/(N (N − 1)) each.
    """
    left, right = (sp.Symbol(name, integer=True, positive=True) for name in ("i1", "i2"))
    differ = Tensor(1 - sp.KroneckerDelta(left, right), ((left, big), (right, big)))
    joint = 1 / Tensor(big) ** 2 if replace else differ / (Tensor(big) * (Tensor(big) - 1))
    product = np.sum(joint * np.expand_dims(population, 1) * population)
    square = np.mean(population) ** 2
    covariance = pairs(np.mean(population**2) - square, product - square, size)
    return mean_of(minibatch_gradient, np.expand_dims(mean_of(minibatch_gradient, covariance), 1))


@proof("optimizers.sgd.unbiased", "optimizers.sgd.minibatch", scope="every N and b, with replacement; every population")
def variance_with_replacement(minibatch_gradient: Step) -> Claims:
    """The variance of a batch of b is σ²/b, and if each draw has mean μ the batch has mean μ."""
    yield variance_of_a_batch(minibatch_gradient, b, replace=True), sigma2 / Tensor(b)
    expected = 0 * generic("z", b, 1) + np.mean(population)
    yield mean_of(minibatch_gradient, expected), np.mean(population)


@proof("sampling.epoch.permutation", "optimizers.sgd.equivalences", scope="every N ≥ 2 and b ≤ N, without replacement; every population")
def variance_without_replacement(minibatch_gradient: Step) -> Claims:
    """The variance is σ²/b (N − b)/(N − 1). One more sample lowers it by σ² N/(b (b + 1)(N − 1)), and the whole set has variance 0.

    With replacement one more sample lowers it by σ²/(b (b + 1)).
    """
    n, size = Tensor(big), Tensor(b)
    without = [variance_of_a_batch(minibatch_gradient, count, replace=False) for count in (b, b + 1, big)]
    yield without[0], sigma2 / size * (n - size) / (n - 1)
    yield without[0] - without[1], sigma2 * n / (size * (size + 1) * (n - 1))
    yield without[2], 0
    replaced = [variance_of_a_batch(minibatch_gradient, count, replace=True) for count in (b, b + 1)]
    yield replaced[0] - replaced[1], sigma2 / (size * (size + 1))


def moments(minibatch_gradient: Step, batches: Any) -> tuple[Any, Any]:
    """Return the exact mean and variance of the batch means, over all batches."""
    means = np.stack([mean_of(minibatch_gradient, Rational([[DATA[j]] for j in batch]))[0] for batch in batches])
    center = np.mean(means)
    return center, np.mean((means - center) ** 2)


@enumeration("optimizers.sgd.unbiased", "optimizers.sgd.minibatch", scope="exact, N = 6, every batch: all tuples to b = 4, all subsets")
def every_minibatch(minibatch_gradient: Step) -> Claims:
    """The mean is the full gradient 11/6. The variances are 677/36/b with replacement, and (6 − b)/5 times that without.

    677/108 and 677/180 for b = 3.
    """
    for size in range(1, 7):
        subsets = itertools.combinations(range(6), size)
        yield moments(minibatch_gradient, subsets), (Fraction(11, 6), Fraction(677, 36 * size) * Fraction(6 - size, 5))
    for size in range(1, 5):
        tuples = itertools.product(range(6), repeat=size)
        yield moments(minibatch_gradient, tuples), (Fraction(11, 6), Fraction(677, 36 * size))
    yield Fraction(677, 36 * 3) * Fraction(3, 5), Fraction(677, 180)


SCATTERED = tuple(350 * index % 997 for index in range(997))  # an order of as many samples
MANY_SIZES = (1, 7, 10, 128, 996, 997)


class Ordered:
    """A source of one permutation, from which shorter ones are taken."""

    def __init__(self, order: tuple[int, ...]) -> None:
        self.order = order

    def permutation(self, length: int) -> Any:
        """The order, restricted to the first indices."""
        return np.array([index for index in self.order if index < length])


@enumeration("sampling.epoch.permutation", scope="exact, all orders of up to 5 samples, all batch sizes; one order of 997 samples, 6 sizes")
def every_order_of_an_epoch(permuted_batches: Step, sequential_batches: Step) -> Claims:
    """The batches are the permuted order, cut where the sequential batches are cut; the identity gives the sequential epoch."""
    epochs = [(samples, range(1, samples + 1), itertools.permutations(range(samples))) for samples in range(1, 6)]
    for samples, sizes, orders in (*epochs, (997, MANY_SIZES, [SCATTERED])):
        for order, size in itertools.product(orders, sizes):
            stored = sequential_batches(size=size, samples=samples)
            batches = permuted_batches(Ordered(order), size=size, samples=samples)
            yield [len(batch) for batch in batches], [len(batch) for batch in stored]
            yield np.concatenate(batches), np.array(order)
            yield permuted_batches(Ordered(tuple(range(samples))), size=size, samples=samples), stored


@enumeration("sampling.epoch.permutation", scope="exact, all 720 epochs of N = 6, b = 4")
def every_epoch_by_its_batches(permuted_batches: Step, minibatch_gradient: Step) -> Claims:
    """Over all orders the first and the shorter last batch are unbiased.

    Their variances are those of batches of their own sizes without replacement, and not σ²/b (erratum E36).
    """
    epochs = [permuted_batches(Ordered(order), size=4, samples=6) for order in itertools.permutations(range(6))]
    for index, size in enumerate((4, 2)):
        center, spread_of_means = moments(minibatch_gradient, [epoch[index] for epoch in epochs])
        yield (center, spread_of_means), (Fraction(11, 6), Fraction(677, 36 * size) * Fraction(6 - size, 5))
        yield bool(spread_of_means == Fraction(677, 36 * size)), False


@statistics("sampling.epoch.permutation", scope="24 000 epochs of 4 samples, seed 0, error probability below 1e−6")
def orders_are_equally_likely(permuted_batches: Step) -> Claims:
    """Pearson's statistic of the 24 orders lies between its extreme quantiles.

    With 23 degrees of freedom it exceeds 79 with probability 5e−8 and is below 3.3 with 6e−7.
    """
    source, counts = np.random.default_rng(0), dict.fromkeys(itertools.permutations(range(4)), 0)
    for _ in range(24_000):
        counts[tuple(np.concatenate(permuted_batches(source, size=3, samples=4)).tolist())] += 1
    yield sum((count - 1000) ** 2 for count in counts.values()) / 1000, Interval(Decimal("3.3"), Decimal(79))


@statistics(
    "sampling.epoch.permutation", scope="2 000 epochs of 40 samples, seed 1, error probability below 1e−9 by Hoeffding's inequality"
)
def orders_of_many_samples(permuted_batches: Step) -> Claims:
    """In an epoch of N samples one follows its predecessor (N − 1)/N times on average, and keeps its place once: it is no mere rotation."""
    source, epochs, samples = np.random.default_rng(1), 2000, 40
    orders = np.array([np.concatenate(permuted_batches(source, size=7, samples=samples)) for _ in range(epochs)])
    reach = samples * math.sqrt(math.log(2 / 1e-9) / (2 * epochs))
    for count, expectation in ((np.diff(orders, axis=1) == 1, (samples - 1) / samples), (orders == np.arange(samples), 1)):
        yield float(np.mean(np.sum(count, axis=1))), Interval(Decimal(expectation - reach), Decimal(expectation + reach))


@law("sampling.epoch.permutation", scope="drawn sizes and seeds", exact=True)
def an_epoch_is_a_partition(permuted_batches: Step, sequential_batches: Step, source: Source, size: FromOne, samples: Samples) -> Claims:
    """An epoch contains every sample exactly once, and equal seeds give equal epochs."""
    twin = copy.deepcopy(source)
    batches = permuted_batches(source, size=size, samples=samples)
    yield np.sort(np.concatenate(batches)), np.concatenate(sequential_batches(size=size, samples=samples))
    yield permuted_batches(twin, size=size, samples=samples), batches


@enumeration("sampling.epoch.sequential", scope="every N ≤ 20 and q ≤ N; N = 100 and 103, q = 10; N = 997, 6 sizes")
def stored_order_is_cut(sequential_batches: Step) -> Claims:
    """There are ⌈N/q⌉ batches in order, all of size q except the last: 10 batches for the decks' 100 samples and 11 for 103."""
    for samples, sizes in (*((samples, range(1, samples + 1)) for samples in range(1, 21)), (997, MANY_SIZES)):
        for size in sizes:
            batches = sequential_batches(size=size, samples=samples)
            yield np.concatenate(batches), np.array(range(samples))
            yield [len(batch) for batch in batches], [size] * (samples // size) + [samples % size] * (samples % size > 0)
    yield [len(sequential_batches(size=10, samples=samples)) for samples in (100, 103)], [10, 11]


@law("sampling.epoch.sequential", "optimizers.sgd.cost_per_update", scope="drawn sizes", exact=True)
def batches_have_their_size(sequential_batches: Step, size: FromOne, samples: Samples) -> Claims:
    """No batch is larger than q, only the last may be smaller, none is empty, and together they cost N gradients."""
    lengths = [len(sequential_batch) for sequential_batch in sequential_batches(size=size, samples=samples)]
    yield lengths[:-1] == [size] * (len(lengths) - 1), True
    yield 1 <= lengths[-1] <= size, True
    yield sum(lengths), samples


# --- the price of an update --------------------------------------------------------------------------------------------------------


@proof("optimizers.sgd.step_norm", scope="every dimension, point, gradient and lr; the norms 2 and 1")
def length_of_a_step(descent_step_norm: Step, gradient_descent: Step) -> Claims:
    """The distance moved, in both norms, is η times the norm of the gradient.

    Any other norm agrees, because θ' − θ = −η g and norms are homogeneous.
    """
    point, gradient, rate = generic("theta", d), generic("g", d), Tensor(sp.Symbol("lr", positive=True))
    moved = gradient_descent(point, gradient, lr=rate) - point
    yield moved, -rate * gradient
    yield np.sum(moved**2), descent_step_norm(np.sqrt(np.sum(gradient**2)), lr=rate) ** 2
    yield np.sum(np.abs(moved)), descent_step_norm(np.sum(np.abs(gradient)), lr=rate)


@enumeration("optimizers.sgd.step_norm", scope="exact, gradients with entries −2 … 2, the maximum norm")
def length_in_the_maximum_norm(descent_step_norm: Step, gradient_descent: Step) -> Claims:
    """The largest change of a coordinate is η times the largest entry of the gradient."""
    for entries in itertools.product(range(-2, 3), repeat=2):
        gradient, point, rate = Rational(list(entries)), Rational([5, 7]), Rational(Fraction(1, 3))
        moved = np.max(np.abs(gradient_descent(point, gradient, lr=rate) - point))
        yield moved, descent_step_norm(np.max(np.abs(gradient)), lr=rate)


@proof(
    "optimizers.sgd.identical_samples",
    scope="every gradient function, start and lr; every T by induction: one update from any point, epochs of 2 … 5 put together",
)
def equal_samples_are_one(sgd: Step, gradient_descent: Step, minibatch_gradient: Step) -> Claims:
    """The mean of T equal gradients is that gradient, so an update is a step of gradient descent and an epoch is T of them."""
    single = generic("g", d)
    yield mean_of(minibatch_gradient, 0 * generic("z", b, d) + single), single
    yield sgd(theta, (f,), lr=lr), gradient_descent(theta, f(theta), lr=lr)
    for updates in range(1, 5):
        before = sgd(theta, (f,) * updates, lr=lr)
        yield sgd(theta, (f,) * (updates + 1), lr=lr), gradient_descent(before, f(before), lr=lr)


class Counted:
    """A gradient function that counts its calls."""

    def __init__(self, gradient: Callable[[Any], Any]) -> None:
        self.gradient, self.calls = gradient, 0

    def __call__(self, point: Any) -> Any:
        """The gradient, once more."""
        self.calls += 1
        return self.gradient(point)


@enumeration(
    "optimizers.sgd.identical_samples", "optimizers.sgd.cost_per_update", scope="exact, T = 1 … 6 equal samples of a cubic gradient"
)
def same_updates_at_another_price(sgd: Step, gradient_descent: Step, minibatch_gradient: Step) -> Claims:
    """One epoch of SGD and T steps of gradient descent end at the same point; they cost T and T² gradients."""
    for samples in range(1, 7):
        cheap, dear = (Counted(lambda w: w**3 / 4 - w) for _ in range(2))
        rate, point = Rational(Fraction(1, 3)), Rational(1)
        for _ in range(samples):
            rows = np.expand_dims(np.stack([dear(point) for _ in range(samples)]), 1)
            point = gradient_descent(point, mean_of(minibatch_gradient, rows)[0], lr=rate)
        yield sgd(Rational(1), (cheap,) * samples, lr=rate), point
        yield (cheap.calls, dear.calls), (samples, samples**2)


@law("optimizers.sgd.identical_samples", scope="float64, seven equal samples, bit for bit", exact=True, examples=25)
def equal_samples_to_the_bit(sgd: Step, gradient_descent: Step, theta: Array, gradient: Gradient, lr: Rate) -> Claims:
    """SGD on equal samples equals gradient descent bit for bit: the operations and their order are the same.

    The tanh keeps all points finite.
    """
    sample, point = lambda w: np.tanh(gradient(w)), theta
    for _ in range(7):
        point = gradient_descent(point, sample(point), lr=lr)
    yield sgd(theta, (sample,) * 7, lr=lr), point


@proof("optimizers.sgd.clumpy", scope="every T, arbitrary gradients, start and lr, by induction")
def nearly_equal_samples(sgd: Step, gradient_descent: Step) -> Claims:
    """An update differs from a step of gradient descent by at most (1 + ηL) |x − y| + η δ, where δ bounds the spread of the gradients.

    The difference is (x − y) − η (F(x) − F(y)) − η (Lᵢ − F)(x). From 0 it grows to δ ((1 + ηL)ᵀ − 1)/L, which tends to 0 with δ.
    """
    sample = lambda w: f(w) + k(w)  # noqa: E731 - a gradient, and what a sample deviates from it
    apart = sgd(x, (sample,), lr=lr) - gradient_descent(y, f(y), lr=lr)
    yield apart, (x - y) - lr * (f(x) - f(y)) - lr * k(x)
    growth = 1 + q
    bound = lambda n: spread * (growth**n - 1) / smooth  # noqa: E731 - read as mathematics
    yield bound(0 * t), 0
    yield bound(t + 1), growth * bound(t) + (q / smooth) * spread  # q = ηL


@enumeration("optimizers.sgd.clumpy", scope="exact, four parabolas, spreads 10⁻¹ … 10⁻⁸; two opposite samples")
def as_the_spread_shrinks(sgd: Step) -> Claims:
    """For ten times smaller spreads SGD ends ten times closer to gradient descent, within the bound.

    Where the mean gradient is 0, an epoch only moves away.
    """
    rate, deviations, distances = Rational(Fraction(1, 4)), (1, -1, 1, -1), []
    descended = sgd(Rational(3), (parabola(1, 0),) * 4, lr=rate)
    for digits in range(1, 9):
        samples = tuple(parabola(1, Rational(Fraction(deviation, 10**digits))) for deviation in deviations)
        distances.append(np.abs(sgd(Rational(3), samples, lr=rate) - descended))
        yield bool(distances[-1] <= Rational(Fraction(1, 10**digits) * (Fraction(5, 4) ** 4 - 1))), True
    for wide, narrow in itertools.pairwise(distances):
        yield bool(narrow > 0), True
        yield wide, 10 * narrow
    yield bool(sgd(Rational(0), (parabola(1, 1), parabola(1, -1)), lr=rate) == 0), False


@enumeration("optimizers.sgd.cost_per_update", scope="every N ≤ 6, every batch size, counted")
def price_of_an_epoch(sequential_batches: Step, sgd: Step, minibatch_gradient: Step) -> Claims:
    """An update costs b gradients for every N, an epoch N, and a step of gradient descent N."""
    for samples, size in ((n, q) for n in range(1, 7) for q in range(1, n + 1)):
        gradients = [Counted(parabola(1, index)) for index in range(samples)]
        point, spent = Rational(9), 0
        for batch in sequential_batches(size=size, samples=samples):
            point = sgd(point, (mean_gradient(minibatch_gradient, [gradients[j] for j in batch]),), lr=Rational(Fraction(1, 2)))
            before, spent = spent, sum(gradient.calls for gradient in gradients)
            yield spent - before, min(size, samples - before)
        yield [gradient.calls for gradient in gradients], [1] * samples


def mean_gradient(minibatch_gradient: Step, gradients: Any) -> Callable[[Any], Any]:
    """Return the minibatch gradient of some samples in one dimension, as a function of the point."""
    return lambda w: mean_of(minibatch_gradient, np.stack([np.expand_dims(gradient(w), 0) for gradient in gradients]))[0]


@proof("optimizers.sgd.equivalences", scope="every gradient, point and lr; every dimension")
def a_batch_of_one_is_its_sample(minibatch_gradient: Step, gradient_descent: Step, sgd: Step) -> Claims:
    """The minibatch gradient of one row is the row, and the step with it is the SGD update."""
    row = generic("g", d)
    yield mean_of(minibatch_gradient, np.expand_dims(row, 0)), row
    yield gradient_descent(theta, f(theta), lr=lr), sgd(theta, (f,), lr=lr)


@law("optimizers.sgd.equivalences", "optimizers.gd.batch", scope="float64, an epoch of drawn samples, bit for bit", exact=True, examples=25)
def batches_of_one_to_the_bit(
    minibatch_gradient: Step, gradient_descent: Step, sgd: Step, theta: Vector, gradients: GradientSequence, lr: Rate
) -> Claims:
    """Batches of one visit the points of SGD in the same order. The tanh keeps all points finite."""
    samples, point = tuple(lambda w, g=g: np.tanh(g(w)) for g in gradients), theta
    for sample in samples:
        row = np.expand_dims(sample(point), 0)
        point = gradient_descent(point, minibatch_gradient(row, 0 * theta, strength=0), lr=lr)
    yield sgd(theta, samples, lr=lr), point


# --- the order of presentation -----------------------------------------------------------------------------------------------------


def pair(multiple: Any) -> tuple[Callable[[Any], Any], ...]:
    """Return the gradients of (w x − y)²/2 for x = 1, 2 and y a multiple of x."""
    return parabola(1, multiple), parabola(4, multiple)


@proof("optimizers.sgd.order_two_functions", scope="every number of repeats, every lr")
def blocks_in_turn(two_function_cycle: Step, sgd: Step) -> Claims:
    """A pair of samples multiplies the error by c = (1 − η)(1 − 4 η), and the end of each block leads to the end of the other.

    A block of r pairs multiplies it by cʳ.

    A whole period multiplies any deviation by c²ʳ, and |c| < 1 exactly for 0 < η < 5/4.
    """
    factor = (1 - lr) * (1 - 4 * lr)
    for multiple in (Symbolic(2), Symbolic(-1)):
        yield sgd(multiple + kept * (theta - multiple), pair(multiple), lr=lr), multiple + factor * kept * (theta - multiple)
    first, second = two_function_cycle(t + 1, lr=lr)
    block = factor ** (t + 1)
    yield first, 2 + block * (second - 2)
    yield second, -1 + block * (first + 1)
    yield -1 + block * ((2 + block * (theta - 2)) + 1) - second, block**2 * (theta - second)
    yield 1 - factor, lr * (5 - 4 * lr)
    yield 1 + factor, 4 * (lr - Fraction(5, 8)) ** 2 + Fraction(7, 16)


@certified_value("optimizers.sgd.order_two_functions", scope="lr .1 and .01, 50 repeats and 1")
def two_function_table(two_function_cycle: Step) -> Claims:
    """The end points of both blocks."""
    table = {
        (10, 50): ("2.000000", "-1.000000"),
        (10, 1): ("0.948051948", "0.051948052"),
        (100, 50): ("1.781430483", "-0.781430483"),
        (100, 1): ("0.538146", "0.461854"),
    }
    for (parts, repeats), ends in table.items():
        yield certified(two_function_cycle, repeats, lr=Fraction(1, parts)), tuple(map(prints_as, ends))


@enumeration("optimizers.sgd.order_two_functions", scope="exact, 1 … 4 repeats, lr 1/10, 1/3, 1, 6/5")
def two_functions_by_hand(two_function_cycle: Step, sgd: Step, minibatch_gradient: Step) -> Claims:
    """From the end of one block SGD arrives at the end of the other, in fractions. The mean gradient vanishes at w = 1/2."""
    for repeats, rate in itertools.product(range(1, 5), (Fraction(1, 10), Fraction(1, 3), Fraction(1), Fraction(6, 5))):
        first, second = two_function_cycle(repeats, lr=Rational(rate))
        yield sgd(second, pair(2) * repeats, lr=Rational(rate)), first
        yield sgd(first, pair(-1) * repeats, lr=Rational(rate)), second
    for multiple, point in ((2, Fraction(1, 2)), (-1, Fraction(1, 2))):
        yield mean_of(minibatch_gradient, Rational([[g(Fraction(1, 2))] for m in (2, -1) for g in pair(m)])), 0
        yield bool(mean_of(minibatch_gradient, Rational([[g(point)] for g in pair(multiple)]))[0] == 0), False


@proof("optimizers.sgd.order_cycle", scope="every number of repeats, every lr")
def targets_in_turn(two_target_cycle: Step, sgd: Step) -> Claims:
    """A sample multiplies the error by 1 − η, r of them by q = (1 − η)ʳ.

    From −a the block of target 1 leads to a, and the other block back.

    A whole period multiplies any deviation by q², and |1 − η| < 1 exactly for 0 < η < 2.
    """
    for goal in (ONE, -ONE):
        yield sgd(goal + kept * (theta - goal), (parabola(1, goal),), lr=lr), goal + (1 - lr) * kept * (theta - goal)
    end, block = two_target_cycle(t + 1, lr=lr), (1 - lr) ** (t + 1)
    yield end, 1 + block * (-end - 1)
    yield -end, -1 + block * (end + 1)
    yield -1 + block * ((1 + block * (theta - 1)) + 1) + end, block**2 * (theta + end)
    yield 1 - (1 - lr) ** 2, lr * (2 - lr)


@enumeration("optimizers.sgd.order_cycle", scope="exact, 1 … 6 repeats; all orders of 2 + 2 targets at η = 1/k")
def targets_by_hand(two_target_cycle: Step, sgd: Step) -> Claims:
    """Blocks lead from one end to the other, in fractions.

    At η = 1/k every order reaches the mean target 0 at the end of each epoch and deviates by r/k within it.
    """
    for repeats, rate in itertools.product(range(1, 7), (Fraction(1, 20), Fraction(1), Fraction(3, 2))):
        end = two_target_cycle(repeats, lr=Rational(rate))
        yield sgd(-end, (parabola(1, 1),) * repeats, lr=Rational(rate)), end
    for order in set(itertools.permutations((1, 1, -1, -1))):
        point = Rational(7)
        for count, goal in enumerate(order * 3, start=1):
            point = sgd(point, (parabola(1, goal),), lr=Rational(Fraction(1, count)))
            yield bool(np.abs(point) <= Rational(Fraction(2, count))), True
            yield bool(point == 0) or count % 4 > 0, True


@certified_value("optimizers.sgd.order_cycle", scope="50 + 50 targets, lr .05: the fixed order, and the mean over all orders")
def fluctuation_of_fixed_and_random_orders(two_target_cycle: Step, sgd: Step) -> Claims:
    """The fixed order ends at .857105 with root mean square .576; over random orders the root mean square is .133251.

    The random targets of an epoch have variance 1 and covariance −1/99; SGD is linear in them, with weights obtained by running it on one
    target.
    """
    count, rate = 100, Ball(Fraction(1, 20))
    end = two_target_cycle(50, lr=rate)
    yield end, prints_as("0.857105")
    point, squares = -end, []
    for goal in [1] * 50 + [-1] * 50:
        point = sgd(point, (parabola(1, goal),), lr=rate)
        squares.append(point**2)
    yield np.sqrt(np.mean(np.stack(squares))), prints_as("0.576")
    fade, echo = [Ball(1)], [Ball(0)]  # what is left of the start, and of one target, after so many samples
    echo.append(sgd(Ball(0), (parabola(1, 1),), lr=rate))
    for _ in range(count):
        fade.append(sgd(fade[-1], (parabola(1, 0),), lr=rate))
        echo.append(sgd(echo[-1], (parabola(1, 0),), lr=rate))
    own = [np.sum(np.stack(echo[1 : n + 1]) ** 2) for n in range(1, count + 1)]
    all_of = [np.sum(np.stack(echo[1 : n + 1])) ** 2 for n in range(1, count + 1)]
    within = [a * count / (count - 1) - s / (count - 1) for a, s in zip(own, all_of, strict=True)]
    stationary = within[-1] / (1 - fade[count] ** 2)
    mean_square = np.mean(np.stack([stationary * fade[n] ** 2 + w for n, w in enumerate(within, start=1)]))
    yield np.sqrt(mean_square), prints_as("0.133251")


# --- noise and convergence ---------------------------------------------------------------------------------------------------------


@proof("optimizers.sgd.noise_floor", scope="every variance, curvature and lr; every t")
def variance_that_stays(sgd_stationary_variance: Step, sgd: Step) -> Claims:
    """An update on h/2 w² with noise z is a w + b z.

    A variance V is stationary exactly if V = a² V + b² σ², and a deviation from it is multiplied by a².

    a² < 1 exactly for 0 < η h < 2.
    """
    update = sgd(theta, (lambda w: h * w + noise,), lr=lr)
    a, weight = 1 - lr * h, -lr
    yield update, a * theta + weight * noise
    floor = sgd_stationary_variance(variance, curvature=h, lr=lr)
    yield floor, a**2 * floor + weight**2 * variance
    yield a**2 * (floor + kept) + weight**2 * variance - floor, a**2 * kept
    yield 1 - a**2, lr * h * (2 - lr * h)


@certified_value("optimizers.sgd.noise_floor", scope="lr .1, curvature 1, variance 1; and rates either side of 1/h")
def floor_in_numbers(sgd_stationary_variance: Step) -> Claims:
    """The stationary variance is .05263. At η = 1/h only the last noise remains, with variance σ²/h²."""
    yield certified(sgd_stationary_variance, 1, curvature=1, lr=Fraction(1, 10)), prints_as("0.05263")
    yield sgd_stationary_variance(Ball(9), curvature=Ball(4), lr=Ball(Fraction(1, 4))), Ball(Fraction(9, 16))


@statistics("optimizers.sgd.noise_floor", scope="40 000 chains, seed 0, two-sided error probability 6e−7")
def variance_of_chains(sgd_stationary_variance: Step, sgd: Step) -> Claims:
    """The sample variance of simulated chains agrees with the formula.

    A sample variance of N normal numbers has standard deviation √(2/N) V; five of them are allowed.
    """
    source, chains = np.random.default_rng(0), 40_000
    point = np.zeros(chains)
    for _ in range(150):  # by then the start counts for .9³⁰⁰ of the variance
        point = sgd(point, (lambda w: w + source.normal(0, 1, chains),), lr=0.1)
    expected, allowed = float(sgd_stationary_variance(1.0, curvature=1.0, lr=0.1)), 5 * (2 / chains) ** 0.5
    yield float(np.mean(point**2)), Interval(Decimal(expected * (1 - allowed)), Decimal(expected * (1 + allowed)))


def sample_of(row: Any, goal: Any) -> Callable[[Any], Any]:
    """Return the gradient of (x · w − y)²/2."""
    return lambda w: (np.sum(row * w) - goal) * row


@proof("optimizers.sgd.interpolation", scope="every dimension, sample, start and lr")
def every_update_comes_closer(sgd: Step) -> Claims:
    """If y = x · w*, then ‖e'‖² = ‖e‖² − η (2 − η ‖x‖²)(x · e)², so for η ‖x‖² ≤ 2 no update increases the error, and w* is fixed."""
    row, best, point = generic("x", d), generic("best", d), generic("w", d)
    rate = Tensor(sp.Symbol("lr", positive=True))
    moved = sgd(point, (sample_of(row, np.sum(row * best)),), lr=rate)
    gain = rate * (2 - rate * np.sum(row**2)) * np.sum(row * (point - best)) ** 2
    yield np.sum((moved - best) ** 2), np.sum((point - best) ** 2) - gain
    yield sgd(best, (sample_of(row, np.sum(row * best)),), lr=rate), best


CONSISTENT = ([1, 2], [2, 1], [1, -1])


def fitted(sgd: Step, disturbance: int, epochs: int) -> Any:
    """Return the squared error of constant-rate SGD on three samples that w = (3, 5) fits, except for a disturbance of the first."""
    best, point = Rational([3, 5]), Rational([0, 0])
    samples = tuple(
        sample_of(Rational(row), np.sum(Rational(row) * best) + (disturbance if row is CONSISTENT[0] else 0)) for row in CONSISTENT
    )
    for _ in range(epochs):
        point = sgd(point, samples, lr=Rational(Fraction(1, 5)))
    return np.sum((point - best) ** 2)


@enumeration("optimizers.sgd.interpolation", scope="exact, three consistent samples in two dimensions, lr 1/5; and one that does not fit")
def geometric_convergence(sgd: Step) -> Claims:
    """Each of 20 epochs reduces the squared error to less than a fifth. With a disturbed target it stops decreasing at a large value."""
    errors = [fitted(sgd, 0, epochs) for epochs in range(21)]
    for before, after in itertools.pairwise(errors):
        yield bool(after < before / 5), True
    stalled = [fitted(sgd, 1, epochs) for epochs in (10, 20)]
    yield bool(np.abs(stalled[1] - stalled[0]) < stalled[1] / 10**4), True
    yield bool(stalled[1] > Fraction(1, 100)), True


@trajectory("optimizers.sgd.interpolation", scope="50 samples in 5 dimensions, lr .05, 400 epochs, seed 0")
def fit_and_stall(sgd: Step) -> Claims:
    """Consistent targets are fitted to rounding error, noisy ones are not. The catalogue states 2e−15 against .17, without a seed."""
    source = np.random.default_rng(0)
    rows, best = source.normal(size=(50, 5)), source.normal(size=5)
    for targets, fits in ((rows @ best, True), (rows @ best + source.normal(size=50), False)):
        point = np.zeros(5)
        optimum = np.linalg.lstsq(rows, targets)[0]
        samples = tuple(sample_of(row, goal) for row, goal in zip(rows, targets, strict=True))
        for _ in range(400):
            point = sgd(point, samples, lr=0.05)
        error = float(np.sqrt(np.sum((point - optimum) ** 2)))
        yield (error < 2.0**-44, error > 2.0**-6), (fits, not fits)


@erratum("E81")
def only_shrinking_rates_arrive(sgd: Step) -> Claims:
    """As printed, a constant rate stays away from the optimum, however long it runs."""
    yield bool(fitted(sgd, 0, 20) > Fraction(1, 10**6)), True


@proof("optimizers.sgd.running_mean", scope="every k, every sequence of samples and every start")
def rates_1_over_k(sgd: Step) -> Claims:
    """The first update arrives at the first sample, and from the mean of n samples an update leads to the mean of n + 1."""
    yield sgd(theta, (parabola(ONE, target),), lr=ONE), target
    n = big
    so_far, newest = np.mean(generic("x", n)), Tensor(generic("x", n + 1).at(n + 1))
    yield sgd(so_far, (parabola(1, newest),), lr=1 / Tensor(n + 1)), np.mean(generic("x", n + 1))


@enumeration("optimizers.sgd.running_mean", scope="exact, all orders of four samples, two starts")
def running_means_by_hand(sgd: Step) -> Claims:
    """Means after each update, computed independently in fractions."""
    for start, order in itertools.product((-7, 100), itertools.permutations((3, -1, 4, 1))):
        point = Rational(start)
        for count, sample in enumerate(order, start=1):
            point = sgd(point, (parabola(1, sample),), lr=Rational(Fraction(1, count)))
            yield point, Fraction(sum(order[:count]), count)


@proof("optimizers.gd.convex_convergence", scope="every dimension, every function of curvature at most L, every start and lr")
def every_step_descends(gradient_descent: Step) -> Claims:
    """The loss decreases by η (1 − η L/2) ‖g‖² + s with s ≥ 0, and the factor is positive exactly for η < 2/L.

    It follows from J' = J + g · Δ + L/2 ‖Δ‖² − s. So the decreases sum to at most J₀ − inf J, and ‖g‖² is summable. At η = 2/L (1 + q) a
    quadratic grows by the factor 1 + 2 q per step.
    """
    point, gradient = generic("theta", d), generic("g", d)
    rate, curvature, height, slack = (Tensor(sp.Symbol(name, nonnegative=True)) for name in ("lr", "L", "J", "s"))
    step = gradient_descent(point, gradient, lr=rate) - point
    after = height + np.sum(gradient * step) + curvature / 2 * np.sum(step**2) - slack
    yield after, height - rate * (1 - rate * curvature / 2) * np.sum(gradient**2) - slack
    stable, unstable = 2 / (smooth * (1 + q)), 2 / smooth * (1 + q)
    yield stable * (1 - stable * smooth / 2) > 0, True
    yield gradient_descent(theta, smooth * theta, lr=unstable), -(1 + 2 * q) * theta


@enumeration("optimizers.gd.convex_convergence", scope="exact, 20 positive definite matrices of integers, seed 0, 12 steps at .95 · 2/L")
def heights_fall_on_quadratics(gradient_descent: Step) -> Claims:
    """x'Hx/2 decreases at every step from any start, with L the largest row sum. Along curvature 1 it increases at rates above 2."""
    source = np.random.default_rng(0)
    for _ in range(20):
        root = source.integers(-3, 4, (3, 3))
        matrix = root.T @ root + np.eye(3, dtype=int)
        rate = Rational(Fraction(19, 10 * int(np.max(np.sum(np.abs(matrix), axis=1)))))
        hessian, point = Rational(matrix), Rational(source.integers(1, 9, 3))
        heights = []
        for _ in range(12):
            heights.append(np.sum(point * (hessian @ point)))
            point = gradient_descent(point, hessian @ point, lr=rate)
        yield all(bool(after < before) for before, after in itertools.pairwise(heights)), True
    yield bool(np.abs(gradient_descent(Rational(1), Rational(1), lr=Rational(Fraction(21, 10)))) > 1), True


@erratum("E35")
def limits_are_minima(gradient_descent: Step) -> Claims:
    """As printed, limits of gradient descent are minima. On x²/2 + y⁴/4 − y²/2 from (1, 0) the limit is a saddle."""
    point = Rational([1, 0])
    for _ in range(60):
        point = gradient_descent(point, np.stack([point[0], point[1] ** 3 - point[1]]), lr=Rational(Fraction(1, 2)))
    yield bool(np.abs(point[0]) < Fraction(1, 10**9)), True  # it does come to rest
    yield bool(3 * point[1] ** 2 - 1 >= 0), True


# --- ravines -----------------------------------------------------------------------------------------------------------------------


def ravine(gradient_descent: Step, point: Any, curvatures: Any, rate: Any) -> Any:
    """Return a step on Σ λᵢ θᵢ²/2."""
    return gradient_descent(point, curvatures * point, lr=rate)


@proof("optimizers.gd.ravine", scope="every dimension and curvatures; two of them at every rate below 2/λₙ")
def jitter_and_crawl(gradient_descent: Step) -> Claims:
    """Coordinate i is multiplied by 1 − η λᵢ. At η = 2/(λₙ (1 + q)) the factors tend to −1 and 1 − 2/κ as q → 0."""
    point, curvatures, rate = generic("theta", d), generic("curvature", d, positive=True), Tensor(sp.Symbol("lr", positive=True))
    yield ravine(gradient_descent, point, curvatures, rate), (1 - rate * curvatures) * point
    steep, shallow = (ravine(gradient_descent, ONE, curvature, 2 / (high * (1 + q))) for curvature in (high, low))
    yield steep, -(1 - q) / (1 + q)
    yield shallow, 1 - 2 / (high / low * (1 + q))
    yield [limit_of(factor, q, 0) for factor in (steep, shallow)], [-ONE, 1 - 2 * low / high]


@enumeration("optimizers.gd.ravine", scope="exact, κ = 100, 30 steps at .99 · 2/λₙ")
def a_ravine_by_hand(gradient_descent: Step) -> Claims:
    """The steep coordinate changes its sign at every step and keeps .98 of its size; the flat one keeps .9802 of its size and its sign."""
    point, curvatures = Rational([1, 1]), Rational([1, 100])
    for _ in range(30):
        before, point = point, ravine(gradient_descent, point, curvatures, Rational(Fraction(99, 5000)))
        yield point / before, Rational([Fraction(9802, 10000), Fraction(-98, 100)])


def loss(point: Any, curvatures: Any) -> Any:
    """Return Σ λᵢ θᵢ²/2."""
    return np.sum(curvatures * point**2) / 2


@proof("optimizers.gd.constant_factor", scope="every point, curvatures and lr")
def factor_never_falls(gradient_descent: Step) -> Claims:
    """In one dimension each step multiplies the loss by (1 − η h)²; in two dimensions the factor never decreases.

    For the factors f of the two coordinates l l'' − l'² = λ₁ λ₂ θ₁² θ₂² (f₁² − f₂²)²/4 ≥ 0, so l''/l' ≥ l'/l from every point on, with
    equality only if one coordinate is 0 or |f₁| = |f₂|.
    """
    moved = ravine(gradient_descent, theta, h, lr)
    yield h * moved**2 / 2, (1 - lr * h) ** 2 * h * theta**2 / 2
    point, curvatures = np.stack([x, y]), np.stack([low, high])
    once = ravine(gradient_descent, point, curvatures, lr)
    twice = ravine(gradient_descent, once, curvatures, lr)
    gap = loss(point, curvatures) * loss(twice, curvatures) - loss(once, curvatures) ** 2
    yield gap, low * high * x**2 * y**2 * ((1 - lr * low) ** 2 - (1 - lr * high) ** 2) ** 2 / 4
    yield gap >= 0, True


@enumeration("optimizers.gd.constant_factor", scope="exact, diag(1, 10), lr 1/20, 12 steps from (1, 1)")
def the_factor_drifts(gradient_descent: Step) -> Claims:
    """The factor increases strictly from near the steep coordinate's 1/4 towards the flat one's 361/400, and reaches neither."""
    point, curvatures, losses = Rational([1, 1]), Rational([1, 10]), []
    for _ in range(13):
        losses.append(loss(point, curvatures))
        point = ravine(gradient_descent, point, curvatures, Rational(Fraction(1, 20)))
    factors = [after / before for before, after in itertools.pairwise(losses)]
    yield all(bool(after > before) for before, after in itertools.pairwise(factors)), True
    yield factors[0], (Fraction(361, 400) + 10 * Fraction(1, 4)) / 11
    yield bool(factors[-1] < Fraction(361, 400)), True
    yield bool(Fraction(361, 400) - factors[-1] < Fraction(1, 10**5)), True


# --- measuring the loss ------------------------------------------------------------------------------------------------------------


@proof("measure.running_training_loss", scope="every number of equal batches of every size; two batches of any sizes")
def batch_losses_add_up(running_loss: Step) -> Claims:
    """At a fixed point it is the mean over all samples for every split into batches.

    The unweighted mean over batches is so only for equal sizes.
    """
    losses = generic("l", big, b)
    means = np.mean(losses, axis=1)
    yield running_loss(means, 0 * means + Tensor(b)), np.mean(losses)
    yield np.mean(means), np.mean(losses)
    sizes, sums = np.stack([low, high]), np.stack([x, y])
    yield running_loss(sums / sizes, sizes), (x + y) / (low + high)


def batch_means(parts: Any) -> tuple[Any, Any]:
    """Return the mean loss and the size of each batch."""
    return Rational([Fraction(sum(part), len(part)) for part in parts]), Rational([len(part) for part in parts])


@enumeration(
    "measure.running_training_loss", scope="exact, every split of up to 6 losses in two or three batches; equal batches and a short one"
)
def splits_do_not_matter(running_loss: Step) -> Claims:
    """The weighted mean is the mean of all samples. For {0, 1}, {2} it is 1, the unweighted mean 5/4.

    For a moving point the result differs.
    """
    for count in range(2, 7):
        for cuts in itertools.chain(itertools.combinations(range(1, count), 1), itertools.combinations(range(1, count), 2)):
            parts = [DATA[start:end] for start, end in itertools.pairwise((0, *cuts, count))]
            yield running_loss(*batch_means(parts)), Fraction(sum(DATA[:count]), count)
    losses = [Fraction(index**2 % 101, 7) for index in range(103)]
    for size in (1, 10, 40, 102):
        batches_of_losses = [losses[first : first + size] for first in range(0, len(losses), size)]
        yield running_loss(*batch_means(batches_of_losses)), sum(losses) / len(losses)
    batches = Rational([Fraction(1, 2), 2])
    yield running_loss(batches, Rational([2, 1])), 1
    yield np.mean(batches), Fraction(5, 4)
    moving = [Fraction(1, 2), Fraction(1, 8)]  # w²/2 before each of two steps with lr 1/2 from 1, which end at 1/32
    yield bool(running_loss(Rational(moving), Rational([1, 1])) == Fraction(1, 32)), False


@law("measure.running_training_loss", scope="float64, within rounding")
def between_the_extremes(running_loss: Step, losses: BatchLosses, sizes: BatchSizes) -> Claims:
    """Only the ratios of the sizes matter, and a constant added to all losses is added to the mean."""
    yield running_loss(losses, 3 * sizes), running_loss(losses, sizes)
    yield running_loss(losses + 2, sizes), running_loss(losses, sizes) + 2


@enumeration("optimizers.sgd.batch_size_guidance", scope="exact, every preset of the catalogue, N = 1024")
def customary_sizes(sequential_batches: Step) -> Claims:
    """The batch sizes are powers of two, which divide N = 1024 without remainder."""
    for preset in presets("optimizers.sgd.batch_size_guidance"):
        size = int(preset["size"])
        yield size, 2 ** round(math.log2(size))
        yield {len(sequential_batch) for sequential_batch in sequential_batches(size=size, samples=1024)} == {size}, True


@trajectory("optimizers.gd.batch", scope="a saddle, a long valley, Beale's function")
def landscapes_of_descent(gradient_descent: Step) -> Claims:
    """Number of steps to leave the saddle −y² and to descend the long valley and Beale's function (table R6).

    The starts are at distances .1, .001 and 1e-6 from the ridge of the saddle and at (1, 10) in the valley; a height below 1e−3 counts as
    arrived.
    """

    def rule(rate: float) -> Any:
        return lambda p, gradient, state: (gradient_descent(p, gradient(p), lr=rate), state)

    yield tuple(row_of_r6(rule, [0.01, 0.01, 0.01, 0.019, 0.001])), (117, 349, 698, 16353, 5538)
