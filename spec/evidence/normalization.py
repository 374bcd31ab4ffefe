"""Evidence for reference/normalization.py: layers and their gradients, for every batch size, width, image size and number of groups.

A gradient is proven on arrays of symbolic shape: the derivative of Σ dy · forward(x, …) by a generic entry is the generic entry of the
backward formula's result. Besides, dual numbers give certified derivatives of large layers along random directions.
"""

from __future__ import annotations

import functools
import itertools
import math
import statistics as plain
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...reference.normalization import CumulativeStats, RunningDeviations, RunningStats
from ..arithmetic import Ball, Differential, Rational, Tensor, certified, partial, rounding_bound, slope, symbols, tensor
from . import (
    Claims,
    Interval,
    Step,
    TableCell,
    certified_value,
    derivative,
    enumeration,
    erratum,
    law,
    prints_as,
    proof,
    reproduction,
    statistics,
    trajectory,
)

if TYPE_CHECKING:
    from ...reference.domains import (
        Batch,
        ChannelWise,
        Count,
        Groups,
        ImageBatch,
        Linear,
        Positive,
        Units,
        UnitVariances,
        VariedData,
    )

m, k, inputs, n, c, h, w, G, D = (sp.Symbol(name, integer=True, positive=True) for name in ("m", "k", "f", "n", "c", "h", "w", "G", "D"))
i, j, l, o = (sp.Symbol(name, integer=True, positive=True) for name in ("i", "j", "l", "o"))  # noqa: E741 - an index beside i and j
INDICES = (i, j, l, o, sp.Symbol("r", integer=True, positive=True))

x, dy, gamma, beta = tensor("x", m, k), tensor("dy", m, k), tensor("gamma", k), tensor("beta", k)
mean, var, deviation = tensor("mu", k), tensor("v", k, positive=True), tensor("s", k, positive=True)
eps, scale, keep, less = (Tensor(sp.Symbol(name, positive=True)) for name in ("eps", "a", "keep", "less"))
LAYER = {"x": x, "gamma": gamma, "beta": beta}
images, dy_images, by_channel, shift = tensor("x", n, c, h, w), tensor("dy", n, c, h, w), tensor("gamma", c), tensor("beta", c)
IMAGES = {"x": images, "gamma": by_channel, "beta": shift}
ones, zeros = np.ones_like(gamma), np.zeros_like(gamma)

centre, half, z, ratio = symbols("centre half z ratio", positive=True)
offset, size_of_eps = symbols("offset"), symbols("eps", positive=True)


# --- how a gradient is shown -------------------------------------------------------------------------------------------------------


def gradients(forward: Callable[..., Any], given: Mapping[str, Tensor], upstream: Tensor, got: tuple[Any, ...]) -> Claims:
    """Claim that results are the derivatives of Σ upstream · forward by the given arrays, in their shapes."""
    loss = np.sum(upstream * forward(**given))
    for (name, array), gradient in zip(given.items(), got, strict=True):
        index = INDICES[: len(array.axes)]
        yield gradient.shape, array.shape
        yield Tensor(gradient.at(*index)), Tensor(partial(loss, name, *index))


def slopes(forward: Callable[..., Any], given: Mapping[str, Any], upstream: Any, got: tuple[Any, ...], count: int = 2) -> Claims:
    """Claim the same along random directions, certified: one array moves, the others are fixed."""
    source = np.random.default_rng(0)
    for (name, array), gradient in zip(given.items(), got, strict=True):
        for _ in range(count):
            direction = source.integers(-3, 4, np.shape(array))
            moved = forward(**{**given, name: Differential.along(array, direction)})
            yield np.sum(slope(upstream * moved)), np.sum(gradient * Ball(direction))


def random_arrays(*shapes: tuple[int, ...]) -> list[Any]:
    """Return random arrays of quarters, as balls: the same in every run."""
    source = np.random.default_rng(1)
    return [Ball(source.integers(-20, 21, shape) / 4) for shape in shapes]


# --- mean and variance of a batch --------------------------------------------------------------------------------------------------


@proof("norm.batch.stats", "norm.batch.stats.one_pass", scope="every batch, m and k")
def moments_about_any_point(batch_stats: Step, batch_stats_one_pass: Step) -> Claims:
    """The mean square distance from any number p is σ² + (μ − p)², which characterizes μ and σ². The one-pass form gives them, too."""
    centre, variance = batch_stats(x)
    point = tensor("p", k)
    yield np.mean((x - point) ** 2, axis=0), variance + (centre - point) ** 2
    yield batch_stats_one_pass(x), (centre, variance)


@enumeration(
    "norm.batch.stats", "norm.batch.stats.one_pass", scope="exact, all batches of 1 … 4 examples from 0, 1, 5 beside a second column"
)
def moments_by_hand(batch_stats: Step, batch_stats_one_pass: Step) -> Claims:
    """The moments agree with those of Python's statistics module in fractions, column by column."""
    for count in range(1, 5):
        for column in itertools.product((0, 1, 5), repeat=count):
            columns = [list(map(Fraction, column)), [Fraction(index, 3) for index in range(count)], [Fraction(7)] * count]
            for stats in (batch_stats, batch_stats_one_pass):
                centre, variance = stats(Rational(np.array(columns, dtype=object).T))
                yield centre, Rational([plain.mean(column) for column in columns])
                yield variance, Rational([plain.pvariance(column) for column in columns])


@law("norm.batch.stats", "norm.batch.normalize", "norm.batch.affine", scope="float64, bit for bit", exact=True)
def units_of_the_input_cancel(
    batch_stats: Step, batch_normalize: Step, batch_norm: Step, x: Batch, gamma: Units, beta: Units, eps: Positive, steps: Count
) -> Claims:
    """In units that are smaller by 2ˢ, for eps too, only mean and variance change, by 2ˢ and 4ˢ; outputs are equal bit for bit."""
    unit = 2.0**steps
    centre, variance = batch_stats(x)
    yield batch_stats(unit * x), (unit * centre, unit**2 * variance)
    yield batch_normalize(unit * x, eps=unit**2 * eps), batch_normalize(x, eps=eps)
    yield batch_norm(unit * x, gamma, beta, eps=unit**2 * eps), batch_norm(x, gamma, beta, eps=eps)


def far_from_zero() -> Any:
    """Return a float32 batch of 16 examples with mean 1e4 and deviation 1."""
    return (10_000 + np.random.default_rng(0).normal(size=(16, 3))).astype(np.float32)


@certified_value(
    "norm.batch.stats",
    "norm.batch.stats.one_pass",
    "norm.batch.affine",
    "norm.batch.backward",
    scope="float32, 16 × 3 of mean 1e4 and deviation 1, eps 1e-5",
    own_rounding=True,
)
def within_rounding_far_from_zero(batch_stats: Step, batch_stats_one_pass: Step, batch_norm: Step, batch_norm_backward: Step) -> Claims:
    """The errors are within their small rounding bounds. The one-pass variance is wrong by more than 1000 times as much."""
    far = far_from_zero()
    upstream, scale, shift = (
        np.random.default_rng(seed).normal(size=shape).astype(np.float32) for seed, shape in enumerate([(16, 3), (3,), (3,)], 1)
    )
    forward = functools.partial(batch_norm, eps=1e-5)
    backward = functools.partial(batch_norm_backward, eps=1e-5)
    for formula, data in ((batch_stats, (far,)), (forward, (far, scale, shift)), (backward, (upstream, far, scale))):
        got, exact, bound = formula(*data), certified(formula, *data, dtype=np.float32), rounding_bound(formula, *data, dtype=np.float32)
        for value, truth, reach in zip(*map(as_tuple, (got, exact, bound)), strict=True):
            yield value.dtype == np.float32, True
            yield bool(np.all(np.abs(Ball(value) - truth) <= Ball(reach))), True
            yield bool(np.max(reach) < 0.2 * np.max(np.abs(value))), True
    truth = certified(batch_stats, far)[1]
    error, worse = (np.max(np.abs(Ball(stats(far)[1]) - truth)) for stats in (batch_stats, batch_stats_one_pass))
    yield bool(worse > 1000 * error), True


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return one result or several as a tuple."""
    return value if isinstance(value, tuple) else (value,)


# --- the forward formula -----------------------------------------------------------------------------------------------------------


@proof("norm.batch.normalize", scope="every batch, m, k and eps")
def mean_zero_variance_below_one(batch_normalize: Step, batch_stats: Step) -> Claims:
    """The result has mean 0 and variance σ²/(σ² + eps); times √(σ² + eps) it is the centred batch."""
    centre, variance = batch_stats(x)
    normalized = batch_normalize(x, eps=eps)
    yield batch_stats(normalized), (zeros, variance / (variance + eps))
    yield normalized * np.sqrt(variance + eps), x - centre


@proof("norm.batch.affine", scope="every batch, m, k, gamma, beta and eps")
def mean_and_scale_are_parameters(batch_norm: Step, batch_normalize: Step, batch_stats: Step) -> Claims:
    """The outputs have mean β and variance γ² σ²/(σ² + eps)."""
    variance = batch_stats(x)[1]
    y = batch_norm(x, gamma, beta, eps=eps)
    yield y, gamma * batch_normalize(x, eps=eps) + beta
    yield batch_stats(y), (beta, gamma**2 * variance / (variance + eps))


@proof(
    "norm.batch.normalize",
    "norm.batch.affine",
    "norm.batch.backward",
    scope="m = 1, every k; m = 2, columns that do not vary: every number",
)
def smallest_batches(batch_normalize: Step, batch_norm: Step, batch_norm_backward: Step) -> Claims:
    """One example, or equal ones, give β.

    Two examples give β ± γ s/√(s² + eps), with the gradient ± γ eps/(s² + eps)^(3/2) (dy₁ − dy₂)/2, which is 0 at eps = 0.
    """
    single, upstream = tensor("x", 1, k), tensor("dy", 1, k)
    yield batch_normalize(single, eps=eps), 0 * single
    yield batch_norm(single, gamma, beta, eps=eps), beta + 0 * single
    yield batch_norm_backward(upstream, single, gamma, eps=eps), (0 * single, zeros, Tensor(upstream.at(None, j), ((j, k),)))
    constant = 0 * x + mean
    yield batch_norm(constant, gamma, beta, eps=eps), beta + 0 * x
    yield batch_norm_backward(dy, constant, gamma, eps=eps), (gamma / np.sqrt(eps) * (dy - np.mean(dy, axis=0)), zeros, np.sum(dy, axis=0))
    two = np.expand_dims(np.stack([offset + half, offset - half]), 1)
    signs, slopes = np.array([[1], [-1]]), symbols("dy", 2, 1)
    for residual in (size_of_eps, 0 * size_of_eps):
        root = np.sqrt(half**2 + residual)
        yield batch_norm(two, np.stack([ratio]), np.stack([offset]), eps=residual), offset + ratio * half / root * signs
        dx, *_ = batch_norm_backward(slopes, two, np.stack([ratio]), eps=residual)
        yield dx, signs * ratio * residual / root**3 * (slopes[0] - slopes[1]) / 2


def kurtosis(values: Any) -> Any:
    """Return the fourth central moment of each column divided by the square of the second."""
    centred = values - np.mean(values, axis=0)
    return np.mean(centred**4, axis=0) / np.mean(centred**2, axis=0) ** 2


@proof("norm.batch.not_gaussian", scope="every batch, m, k and eps")
def shape_stays(batch_normalize: Step, batch_stats: Step) -> Claims:
    """Normalization does not change the skewness and kurtosis of a column."""
    normalized = batch_normalize(x, eps=eps)
    variance = batch_stats(x)[1]
    yield kurtosis(normalized), kurtosis(x)
    third = np.mean((x - np.mean(x, axis=0)) ** 3, axis=0)
    yield np.mean(normalized**3, axis=0) * np.sqrt(variance + eps) ** 3, third


@enumeration("norm.batch.not_gaussian", scope="exact, all batches of ±1 with as many of each, 2 … 8 examples, eps 0, 3, 8")
def signs_stay_two_points(batch_normalize: Step) -> Claims:
    """Normalized signs have kurtosis 1; a normal distribution has 3."""
    for count, residual in itertools.product((2, 4, 6, 8), (0, 3, 8)):
        for batch in itertools.product((1, -1), repeat=count):
            if sum(batch) == 0:
                normalized = batch_normalize(Rational([[value] for value in batch]), eps=Rational(residual))
                yield normalized * math.isqrt(1 + residual), Rational([[value] for value in batch])
                yield kurtosis(normalized), 1


@erratum("E46")
def unit_gaussian(batch_normalize: Step) -> Claims:
    """As printed, the result is a unit Gaussian, so its kurtosis is 3 for every input."""
    yield kurtosis(batch_normalize(Rational([[1], [-1], [1], [-1]]), eps=Rational(0))), 3


@proof("norm.batch.identity", scope="every batch, m, k and eps")
def the_batch_comes_back(recovering_parameters: Step, batch_norm: Step, batch_stats: Step) -> Claims:
    """With these parameters batch normalization returns its input. With γ = σ it returns x − μ times √(σ²/(σ² + eps))."""
    yield batch_norm(x, *recovering_parameters(x, eps=eps), eps=eps), x
    centre, variance = batch_stats(x)
    short = np.sqrt(variance) / np.sqrt(variance + eps)
    yield batch_norm(x, np.sqrt(variance), centre, eps=eps), centre + (x - centre) * short


@certified_value("norm.batch.identity", scope="float64, 32 × 4, eps = 1e-3, within the running bound; ±1 by hand")
def the_batch_comes_back_in_floats(recovering_parameters: Step, batch_norm: Step) -> Claims:
    """The input is returned within rounding. With the printed γ = σ the fraction 1 − √(σ²/(σ² + eps)) is lost.

    For ±1 at eps = 9/16 a fifth.
    """
    batch = np.random.default_rng(0).normal(3, 2, (32, 4))
    there_and_back = lambda data: batch_norm(data, *recovering_parameters(data, eps=1e-3), eps=1e-3)  # noqa: E731 - read as mathematics
    yield bool(np.all(np.abs(there_and_back(batch) - batch) <= rounding_bound(there_and_back, batch))), True
    signs = Rational([[1], [-1]])
    undone = batch_norm(signs, recovering_parameters(signs, eps=Rational(0))[0], Rational([0]), eps=Rational(Fraction(9, 16)))
    yield signs - undone, signs / 5


# --- its gradients -----------------------------------------------------------------------------------------------------------------


@proof("norm.batch.backward", "norm.batch.affine", scope="every batch, m, k, gamma, beta and eps")
def gradients_of_batch_norm(batch_norm: Step, batch_norm_backward: Step) -> Claims:
    """The gradients by inputs, scale and shift are the derivatives."""
    got = batch_norm_backward(dy, x, gamma, eps=eps)
    yield from gradients(functools.partial(batch_norm, eps=eps), LAYER, dy, got)


@proof("norm.batch.backward", "norm.batch.normalize", scope="every batch, m, k and eps")
def jacobian_of_normalization(batch_normalize: Step, batch_norm_backward: Step) -> Claims:
    """∂x̂ⱼ/∂xᵢ = (δᵢⱼ − 1/m − x̂ᵢ x̂ⱼ/m)/√(σ² + eps) in each column; columns do not influence each other."""
    normalized = batch_normalize(x, eps=eps)
    std = np.sqrt(np.mean((x - np.mean(x, axis=0)) ** 2, axis=0) + eps)
    entry = lambda row: Tensor(normalized.at(row, l))  # noqa: E731 - read as mathematics
    claimed = (Tensor(sp.KroneckerDelta(i, j)) - 1 / Tensor(m) - entry(i) * entry(j) / Tensor(m)) / Tensor(std.at(l))
    yield Tensor(partial(entry(j), "x", i, l)), claimed
    picked = Tensor(sp.KroneckerDelta(j, i) * sp.KroneckerDelta(l, o), ((i, m), (o, k)))  # the loss is one entry of x̂
    yield Tensor(batch_norm_backward(picked, x, ones, eps=eps)[0].at(i, l)), claimed


@proof("norm.batch.backward.staged", "norm.batch.backward", scope="every batch, m, k, gamma and eps")
def stages_are_the_compact_form(batch_norm_backward_staged: Step, batch_norm_backward: Step) -> Claims:
    """All three gradients of the staged form equal those of the compact form."""
    yield batch_norm_backward_staged(dy, x, gamma, eps=eps), batch_norm_backward(dy, x, gamma, eps=eps)


@derivative("norm.batch.backward", "norm.batch.backward.staged", scope="certified, 128 × 8, 2 random directions for each argument")
def slopes_of_batch_norm(batch_norm: Step, batch_norm_backward: Step, batch_norm_backward_staged: Step) -> Claims:
    """The gradients, compact and staged, equal the derivatives of the forward formula by dual numbers."""
    batch, upstream, scale, shift = random_arrays((128, 8), (128, 8), (8,), (8,))
    small = Ball(Fraction(1, 1000))
    for backward in (batch_norm_backward, batch_norm_backward_staged):
        given = {"x": batch, "gamma": scale, "beta": shift}
        yield from slopes(functools.partial(batch_norm, eps=small), given, upstream, backward(upstream, batch, scale, eps=small))


@law("norm.batch.backward", "norm.batch.backward.staged", scope="float64, within rounding", examples=30)
def staged_and_compact_in_floats(
    batch_norm_backward: Step, batch_norm_backward_staged: Step, x: Batch, gamma: Units, eps: Positive
) -> Claims:
    """The two forms differ by rounding only."""
    upstream = x * x - 1
    yield batch_norm_backward_staged(upstream, x, gamma, eps=eps), batch_norm_backward(upstream, x, gamma, eps=eps)


@proof("norm.batch.grad_orthogonality", scope="every batch, m, k, gamma and eps; eps = 0 too")
def what_gradients_cannot_change(batch_norm_backward: Step, batch_stats: Step) -> Claims:
    """Σ dx = 0 and Σ dx (x − μ) = γ eps/(σ² + eps)^(3/2) Σ dy (x − μ), which is 0 at eps = 0.

    So a step −t dx leaves the mean unchanged and changes m σ² by −2 t Σ dx (x − μ) + t² Σ dx².
    """
    centre, variance = batch_stats(x)
    for residual in (eps, 0 * eps):
        dx, *_ = batch_norm_backward(dy, x, gamma, eps=residual)
        yield np.sum(dx, axis=0), zeros
        claimed = gamma * residual * np.sum(dy * (x - centre), axis=0) / np.sqrt(variance + residual) ** 3
        yield np.sum(dx * (x - centre), axis=0), claimed
    step = dy - np.mean(dy, axis=0)  # any step of mean 0
    moved_mean, moved_variance = batch_stats(x - scale * step)
    yield moved_mean, centre
    yield moved_variance, variance - 2 * scale * np.mean(step * (x - centre), axis=0) + scale**2 * np.mean(step**2, axis=0)


@derivative("norm.batch.grad_orthogonality", scope="certified, 32 × 4, eps = 1/16 and 0, every shift and rescaling of a column")
def shifts_and_rescalings_do_not_matter(batch_norm: Step, batch_norm_backward: Step) -> Claims:
    """The loss does not change along a shift of a column. Along a rescaling it changes by Σ dx (x − μ), which is 0 at eps = 0."""
    batch, upstream, scale, shift = random_arrays((32, 4), (32, 4), (4,), (4,))
    for residual in (Ball(Fraction(1, 16)), Ball(0)):
        dx, dgamma, _ = batch_norm_backward(upstream, batch, scale, eps=residual)
        variance = np.mean((batch - np.mean(batch, axis=0)) ** 2, axis=0)
        for column in range(4):
            unit = np.eye(4)[column]
            for direction, change in (
                (unit, 0),
                (unit * (batch - np.mean(batch, axis=0)), scale * dgamma * residual / (variance + residual)),
            ):
                moved = batch_norm(Differential.along(batch, direction), scale, shift, eps=residual)
                got = np.sum(slope(upstream * moved))
                yield got, np.sum(unit * change)
                yield got, np.sum(dx * direction)


@erratum("E75")
def never_a_larger_deviation(batch_norm_backward: Step) -> Claims:
    """As printed, the gradient has no component along x − μ, with eps > 0 too."""
    batch = Rational([[1], [-1], [0], [0]])
    dx, *_ = batch_norm_backward(Rational([[1], [0], [0], [0]]), batch, Rational([1]), eps=Rational(Fraction(1, 2)))
    yield np.sum(dx * batch), 0


# --- weights before it -------------------------------------------------------------------------------------------------------------


@proof("norm.batch.scale_invariance", scope="every batch, layer, m, k, number of inputs, gamma and eps; every a > 0 and < 0")
def scale_of_the_weights_cancels(batch_norm: Step, batch_norm_backward: Step) -> Claims:
    """BN(a x) with a² eps is BN(x) with eps, so the scale of the weights in x = u W cancels; for −a the sign changes before the shift.

    dx at ± a x is ± dx/a, and so are the gradients uᵀ dx by the weights. Wⱼ · uᵀ dxⱼ = Σ x dx, which is nonzero only because of eps.
    """
    u, weight = tensor("u", m, inputs), tensor("W", inputs, k)
    yield u @ (scale * weight), scale * (u @ weight)
    yield np.sum(weight * (np.transpose(u) @ dy), axis=0), np.sum((u @ weight) * dy, axis=0)
    y, (dx, dgamma, _) = batch_norm(x, gamma, beta, eps=eps), batch_norm_backward(dy, x, gamma, eps=eps)
    for sign in (1, -1):
        yield batch_norm(sign * scale * x, gamma, beta, eps=scale**2 * eps), beta + sign * (y - beta)
        moved, *_ = batch_norm_backward(dy, sign * scale * x, gamma, eps=scale**2 * eps)
        yield sign * scale * moved, batch_norm_backward(sign * dy, x, gamma, eps=eps)[0]
    variance = np.mean((x - np.mean(x, axis=0)) ** 2, axis=0)
    yield np.sum(x * dx, axis=0), gamma * eps / (variance + eps) * dgamma
    yield np.sum(x * batch_norm_backward(dy, x, gamma, eps=0 * eps)[0], axis=0), zeros


@derivative("norm.batch.scale_invariance", scope="certified, 12 examples, 5 inputs, 3 units, eps = 0 and 1/8")
def loss_along_the_weights(batch_norm: Step, batch_norm_backward: Step) -> Claims:
    """At eps = 0 the loss does not change along the weights of a unit; with eps it changes by γ eps/(σ² + eps) Σ dy x̂."""
    u, weight, upstream, scale, shift = random_arrays((12, 5), (5, 3), (12, 3), (3,), (3,))
    for residual in (Ball(0), Ball(Fraction(1, 8))):
        product = u @ weight
        variance = np.mean((product - np.mean(product, axis=0)) ** 2, axis=0)
        dx, dgamma, _ = batch_norm_backward(upstream, product, scale, eps=residual)
        left = scale * residual / (variance + residual) * dgamma
        yield np.sum(weight * (u.T @ dx), axis=0), left
        for unit in np.eye(3):
            moved = batch_norm(Ball(u) @ Differential.along(weight, unit * weight), scale, shift, eps=residual)
            yield np.sum(slope(upstream * moved)), np.sum(unit * left)


@proof("norm.batch.placement", scope="every batch, bias, m, k, gamma and eps")
def bias_is_taken_away_again(batch_norm: Step, batch_norm_backward: Step) -> Claims:
    """The output is the same for every bias, and the gradient by the bias, Σ dx, is 0."""
    bias = tensor("b", k)
    yield batch_norm(x + bias, gamma, beta, eps=eps), batch_norm(x, gamma, beta, eps=eps)
    yield np.sum(batch_norm_backward(dy, x + bias, gamma, eps=eps)[0], axis=0), zeros


@derivative("norm.batch.placement", scope="certified, 20 × 3, each entry of the bias")
def no_slope_along_the_bias(batch_norm: Step) -> Claims:
    """The derivative by the bias, through both layers, is 0 by dual numbers."""
    batch, upstream, scale, bias = random_arrays((20, 3), (20, 3), (3,), (3,))
    for unit in np.eye(3):
        moved = batch_norm(batch + Differential.along(bias, unit), scale, bias, eps=Ball(Fraction(1, 8)))
        yield np.sum(slope(upstream * moved)), 0


@proof("norm.batch.where", scope="every batch, m, k and eps")
def standardization_of_the_input(batch_norm: Step, batch_stats: Step, standardize: Step, standardize_fit: Step) -> Claims:
    """The result is the batch standardized by its mean and deviation, times √(σ²/(σ² + eps)); equal to it at eps = 0."""
    variance = batch_stats(x)[1]
    standardized = standardize(x, standardize_fit(x))
    yield batch_norm(x, ones, zeros, eps=eps), standardized * np.sqrt(variance) / np.sqrt(variance + eps)
    yield batch_norm(x, ones, zeros, eps=0 * eps), standardized


@law("norm.batch.where", scope="float64, columns that vary, within rounding", examples=30)
def standardization_in_floats(batch_norm: Step, standardize: Step, standardize_fit: Step, x: VariedData) -> Claims:
    """At eps = 0 the result is the standardized batch."""
    unit, zero = np.ones_like(x[0]), np.zeros_like(x[0])
    yield batch_norm(x, unit, zero, eps=0), standardize(x, standardize_fit(x))


# --- images ------------------------------------------------------------------------------------------------------------------------


def rows(pictures: Any) -> Any:
    """Return one row for each example and position, one column for each channel."""
    return np.reshape(np.transpose(pictures, (0, 2, 3, 1)), (-1, pictures.shape[1]))


@proof("norm.batch.conv", "norm.batch.conv.backward", scope="every batch of images, n, c, h, w, gamma, beta and eps")
def places_are_examples(batch_norm_conv: Step, batch_norm_conv_backward: Step, batch_norm: Step, batch_norm_backward: Step) -> Claims:
    """The layer is batch normalization of the rows, forward and backward."""
    yield rows(batch_norm_conv(images, by_channel, shift, eps=eps)), batch_norm(rows(images), by_channel, shift, eps=eps)
    dx, dgamma, dbeta = batch_norm_conv_backward(dy_images, images, by_channel, eps=eps)
    yield (rows(dx), dgamma, dbeta), batch_norm_backward(rows(dy_images), rows(images), by_channel, eps=eps)


@proof("norm.batch.conv", "norm.batch.conv.backward", scope="every batch of images, n, c, h, w, gamma, beta and eps")
def gradients_after_a_convolution(batch_norm_conv: Step, batch_norm_conv_backward: Step) -> Claims:
    """The gradients by images, scale and shift are the derivatives."""
    got = batch_norm_conv_backward(dy_images, images, by_channel, eps=eps)
    yield from gradients(functools.partial(batch_norm_conv, eps=eps), IMAGES, dy_images, got)


def picture_data() -> tuple[dict[str, Any], Any]:
    """Return images of 3 examples, 4 channels, 5 × 2 positions, with scale and shift, and the gradient from above."""
    pictures, upstream, scale, shift = random_arrays((3, 4, 5, 2), (3, 4, 5, 2), (4,), (4,))
    return {"x": pictures, "gamma": scale, "beta": shift}, upstream


@derivative("norm.batch.conv", "norm.batch.conv.backward", scope="certified, 3 × 4 × 5 × 2, 2 random directions for each argument")
def slopes_after_a_convolution(batch_norm_conv: Step, batch_norm_conv_backward: Step) -> Claims:
    """The gradients equal the derivatives of the forward formula by dual numbers."""
    given, upstream = picture_data()
    small = Ball(Fraction(1, 1000))
    got = batch_norm_conv_backward(upstream, given["x"], given["gamma"], eps=small)
    yield from slopes(functools.partial(batch_norm_conv, eps=small), given, upstream, got)


# --- at test time ------------------------------------------------------------------------------------------------------------------


@proof("norm.batch.inference", "norm.batch.inference.backward", scope="every batch, statistics, m, k, gamma, beta and eps")
def fixed_statistics(batch_norm_inference: Step, batch_norm_inference_backward: Step, batch_norm: Step, batch_stats: Step) -> Claims:
    """With the batch's own statistics it is batch normalization; its gradients by inputs, scale and shift are as stated."""
    yield batch_norm_inference(x, gamma, beta, *batch_stats(x), eps=eps), batch_norm(x, gamma, beta, eps=eps)
    forward = functools.partial(batch_norm_inference, mean=mean, var=var, eps=eps)
    yield from gradients(forward, LAYER, dy, batch_norm_inference_backward(dy, x, gamma, mean, var, eps=eps))


@derivative("norm.batch.inference", "norm.batch.inference.backward", scope="certified, 64 × 8, 2 random directions for each argument")
def slopes_at_test_time(batch_norm_inference: Step, batch_norm_inference_backward: Step) -> Claims:
    """The gradients equal the derivatives of the forward formula by dual numbers."""
    batch, upstream, scale, shift, centre, spread = random_arrays((64, 8), (64, 8), (8,), (8,), (8,), (8,))
    fixed = {"mean": centre, "var": spread**2, "eps": Ball(Fraction(1, 1000))}
    given = {"x": batch, "gamma": scale, "beta": shift}
    got = batch_norm_inference_backward(upstream, batch, scale, **fixed)
    yield from slopes(functools.partial(batch_norm_inference, **fixed), given, upstream, got)


@proof("norm.batch.running", "norm.batch.running.new_weight", scope="every state, batch, m, k, momentum, correction and t")
def running_means_of_one_batch(running_stats: Step, running_stats_new_weight: Step, batch_stats: Step) -> Claims:
    """After t updates with one batch the state is aᵗ times the start plus 1 − aᵗ times (μ, σ² m/(m − correction)).

    So momentum is the weight of the old value; with 1 − a and the other convention the result is the same.
    """
    centre, variance = batch_stats(x)
    steps, start = Tensor(sp.Symbol("t", integer=True, nonnegative=True)), RunningStats(mean, var)

    def closed(t: Any, correction: Any) -> RunningStats:
        unbiased = variance * Tensor(m) / (Tensor(m) - correction)
        return RunningStats(*(keep**t * old + (1 - keep**t) * new for old, new in zip(start, (centre, unbiased), strict=True)))

    for correction in (Tensor(0), Tensor(1), less):
        yield closed(0 * steps, correction), start
        yield running_stats(closed(steps, correction), x, momentum=keep, correction=correction), closed(steps + 1, correction)
        yield (
            running_stats_new_weight(start, x, momentum=1 - keep, correction=correction),
            running_stats(start, x, momentum=keep, correction=correction),
        )
    yield running_stats(start, x, momentum=keep), running_stats(start, x, momentum=keep, correction=Tensor(0))
    yield running_stats_new_weight(start, x, momentum=keep), running_stats_new_weight(start, x, momentum=keep, correction=Tensor(0))


@enumeration(
    "norm.batch.running", "norm.batch.running.new_weight", scope="exact, 2 … 5 examples, momentum 0, 1/10, 9/10, 1, both corrections"
)
def running_means_by_hand(running_stats: Step, running_stats_new_weight: Step) -> Claims:
    """The states agree with those from Python's statistics module; with momentum 1 on the old value the state never changes."""
    for count, old in itertools.product(range(2, 6), (Fraction(0), Fraction(1, 10), Fraction(9, 10), Fraction(1))):
        column = [Fraction(index**2, 3) for index in range(count)]
        batch, start = Rational(np.array([column], dtype=object).T), RunningStats(Rational([5]), Rational([7]))
        for correction, variance in ((0, plain.pvariance(column)), (1, plain.variance(column))):
            claimed = RunningStats(
                Rational([old * 5 + (1 - old) * plain.mean(column)]),
                Rational([old * 7 + (1 - old) * variance]),
            )
            yield running_stats(start, batch, momentum=Rational(old), correction=correction), claimed
            yield running_stats_new_weight(start, batch, momentum=Rational(1 - old), correction=correction), claimed


@proof("norm.batch.running.deviation", scope="every state, batch, m, k, momentum and eps")
def mean_of_roots_is_below(running_deviations: Step, running_stats: Step, batch_stats: Step) -> Claims:
    """A step multiplies V + eps − σ̂² by a and adds a (1 − a)(σ̂ − √(σ² + eps))² ≥ 0, so σ̂ ≤ √(V + eps), with the running variance V.

    A state equal to the batch's deviation stays; at momentum 0 it is replaced.
    """
    centre, variance = batch_stats(x)
    std = np.sqrt(variance + eps)
    state = running_deviations(RunningDeviations(mean, deviation), x, momentum=keep, eps=eps)
    squares = running_stats(RunningStats(mean, var), x, momentum=keep)
    gap = keep * (var + eps - deviation**2) + keep * (1 - keep) * (deviation - std) ** 2
    yield squares.var + eps - state.deviation**2, gap
    yield state.mean, squares.mean
    yield running_deviations(RunningDeviations(centre, std), x, momentum=keep, eps=eps), RunningDeviations(centre, std)
    yield running_deviations(RunningDeviations(mean, deviation), x, momentum=0 * keep, eps=eps), RunningDeviations(centre, std)


@enumeration("norm.batch.running.deviation", scope="exact, batches ±1, ±2, ±3, ±5 in turn, momentum 1/2 and 9/10, eps 0")
def deviations_by_hand(running_deviations: Step, running_stats: Step) -> Claims:
    """The result is the mean of 1, 2, 3, 5 weighted by age; the root of the running variance is larger."""
    for old in (Fraction(1, 2), Fraction(9, 10)):
        state, squares = RunningDeviations(Rational([0]), Rational([1])), RunningStats(Rational([0]), Rational([1]))
        for number, size in enumerate((1, 2, 3, 5), start=1):
            batch = Rational([[4 + size], [4 - size]])
            state = running_deviations(state, batch, momentum=Rational(old), eps=Rational(0))
            squares = running_stats(squares, batch, momentum=Rational(old))
            ages = [old ** (number - index) * (1 - old) for index in range(1, number + 1)]
            claimed = old**number + sum(weight * value for weight, value in zip(ages, (1, 2, 3, 5), strict=False))
            yield state, RunningDeviations(Rational([4 * (1 - old**number)]), Rational([claimed]))
            yield bool(state.deviation[0] ** 2 < squares.var[0]), number > 1


def quadratic(form: Any, together: Any) -> Any:
    """Return Σᵢⱼ ½ ∂²form/∂xᵢ∂xⱼ · together in one column: the form itself for xᵢ xⱼ, its expectation for E[xᵢ xⱼ]."""
    entries = sp.IndexedBase("x", real=True)
    second = sp.diff(form.at(l), entries[i, l], entries[j, l])
    return Tensor(sp.Sum(sp.Sum(second / 2 * together, (i, 1, m)), (j, 1, m)))


@proof(
    "norm.batch.small_batch",
    "norm.batch.population_stats",
    scope="independent examples of one mean and variance, every m, k and number of batches",
)
def biased_by_one_example(batch_stats: Step, population_stats: Step) -> Claims:
    """E[μ_B] = μ, Var(μ_B) = σ²/m and E[σ²_B] = (m − 1)/m σ², so the population's estimate has the expectation (μ, σ²)."""
    truth, spread = sp.Symbol("mu", real=True), sp.Symbol("V", positive=True)
    together = truth**2 + spread * sp.KroneckerDelta(i, j)
    centre, variance = batch_stats(x)
    weight = partial(Tensor(centre.at(l)), "x", i, l)
    for entry, claimed in ((x.at(i, l), Tensor(centre.at(l))), (truth, Tensor(truth))):
        yield Tensor(sp.Sum(weight * entry, (i, 1, m))), claimed
    for form, expectation in ((centre**2, truth**2 + spread / m), (variance, spread * (m - 1) / m)):
        yield quadratic(form, x.at(i, l) * x.at(j, l)), Tensor(form.at(l))
        yield quadratic(form, together), Tensor(expectation)
    batches = sp.Symbol("B", integer=True, positive=True)
    each = np.ones_like(tensor("each", batches, k))
    yield population_stats(each * Tensor(truth), each * Tensor(spread * (m - 1) / m), m), (ones * Tensor(truth), ones * Tensor(spread))
    means, variances, number = tensor("a", batches, k), tensor("b", batches, k), Tensor(m)
    averages = np.sum(means, axis=0) / Tensor(batches), np.sum(variances, axis=0) / Tensor(batches) * number / (number - 1)
    yield population_stats(means, variances, number), averages


DIE = (0, 1, 1, 4)  # equally likely


@enumeration("norm.batch.small_batch", "norm.batch.population_stats", scope="exact, all samples of 2 … 4 from a skewed population of 4")
def over_all_samples(batch_stats: Step, population_stats: Step) -> Claims:
    """Over all samples the means have variance σ²/m, and the estimate has the exact expectation."""
    truth, spread = Fraction(plain.mean(map(Fraction, DIE))), plain.pvariance(map(Fraction, DIE))
    for count in (2, 3, 4):
        stats = [batch_stats(Rational([[value] for value in sample])) for sample in itertools.product(DIE, repeat=count)]
        means, variances = (np.stack(part) for part in zip(*stats, strict=True))
        yield np.mean(means, axis=0), Rational([truth])
        yield np.mean((means - truth) ** 2, axis=0), Rational([spread / count])
        yield np.mean(variances, axis=0), Rational([spread * Fraction(count - 1, count)])
        yield population_stats(means, variances, count), (Rational([truth]), Rational([spread]))


NORMAL = math.sqrt(2 / math.pi)  # E[σ_B] of four standard normal numbers; E[σ²_B] is 3/4


@statistics(
    "norm.batch.inference", "norm.batch.small_batch", scope="20 000 normal batches of 4, seed 1; fails by chance with probability < 1e-8"
)
def deviations_of_normal_batches(batch_stats: Step) -> Claims:
    """E[σ_B] = √(2/π) and E[σ²_B] = 3/4, within 6 standard errors."""
    count = 20_000
    _, variances = batch_stats(np.random.default_rng(1).normal(size=(4, count)))
    for values, centre, spread in ((np.sqrt(variances), NORMAL, 3 / 4 - 2 / math.pi), (variances, 3 / 4, 3 / 8)):
        reach = 6 * math.sqrt(spread / count)
        yield float(np.mean(values)), Interval(Decimal(centre - reach), Decimal(centre + reach))


@reproduction(
    "norm.batch.inference",
    "norm.batch.small_batch",
    scope="200 000 standard normal batches of 4, seed 0",
    table="Deviation 1, estimated from batches of 4",
)
def averages_of_deviations_and_of_variances(batch_stats: Step, population_stats: Step) -> Claims:
    """The mean σ_B is too small by a fifth, the root of the mean σ²_B by an eighth; with the factor 4/3 it is right.

    Up to sampling the values are .7979, .75 and 1.
    """
    means, variances = batch_stats(np.random.default_rng(0).normal(size=(4, 200_000)))
    _, unbiased = population_stats(np.expand_dims(means, 1), np.expand_dims(variances, 1), 4)
    for row, sampled, figure in (
        ("mean σ", np.mean(np.sqrt(variances)), "0.799"),
        ("mean σ²", np.mean(variances), "0.752"),
        ("√(4/3 · mean σ²)", np.sqrt(unbiased)[0], "1.001"),
    ):
        yield TableCell(float(sampled), prints_as(figure), row, "200 000 batches")


@proof("norm.batch.fold", scope="every layer, batch, statistics, m, k, number of inputs and eps")
def one_layer_instead_of_two(fold_batch_norm: Step, batch_norm_inference: Step) -> Claims:
    """The folded layer gives the same result as the two layers for every input."""
    u, weight, bias = tensor("u", m, inputs), tensor("W", inputs, k), tensor("b", k)
    new_weight, new_bias = fold_batch_norm(weight, bias, gamma, beta, mean, var, eps=eps)
    yield u @ new_weight + new_bias, batch_norm_inference(u @ weight + bias, gamma, beta, mean, var, eps=eps)


@law("norm.batch.fold", scope="float64, within rounding", examples=30)
def folded_layers_in_floats(
    fold_batch_norm: Step,
    batch_norm_inference: Step,
    weight: Linear,
    bias: Units,
    gamma: Units,
    mean: Units,
    var: UnitVariances,
    eps: Positive,
) -> Claims:
    """The folded layer gives the same result as the two layers within rounding."""
    u = np.stack([weight[:, 0], weight[:, 0] - 1, weight[:, 0] / 4])
    new_weight, new_bias = fold_batch_norm(weight, bias, gamma, mean, bias, var, eps=eps)
    yield u @ new_weight + new_bias, batch_norm_inference(u @ weight + bias, gamma, mean, bias, var, eps=eps)


# --- the toy chain -----------------------------------------------------------------------------------------------------------------

WEIGHTS = tuple(sp.Symbol(f"w{number}", real=True) for number in (1, 2, 3, 4))
toy = tensor("x", m)


@proof("norm.mean.toy", "norm.mean.toy.slope", scope="every number of inputs, inputs of mean ≠ 0, weights")
def only_outer_weights_matter(mean_normalized_chain: Step, mean_normalized_slope: Step) -> Claims:
    """The mean of the outputs is w₄ w₃, and they are proportional to the inputs.

    The derivatives by w₁ and w₂ are 0, that by w₃ is as stated.
    """
    w1, w2, w3, w4 = map(Tensor, WEIGHTS)
    outputs = mean_normalized_chain(toy, w1, w2, w3, w4)
    yield outputs * np.mean(toy), w4 * w3 * toy
    by_weight = [Tensor(sp.diff(outputs.at(j), weight)) for weight in WEIGHTS]
    yield by_weight[:2], [Tensor(0), Tensor(0)]
    yield by_weight[2], Tensor(mean_normalized_slope(toy, w1, w2, w4).at(j))


@derivative("norm.mean.toy", "norm.mean.toy.slope", scope="certified, 5 inputs, the deck's two gauges and a hundredfold w₂")
def slopes_of_the_toy(mean_normalized_chain: Step, mean_normalized_slope: Step) -> Claims:
    """By dual numbers the derivatives are 0, 0, and in each setting the same w₄ xᵢ divided by the mean."""
    start = Ball([1, 2, -1, 5, 3])
    for weights in ((1, 1, 1, 1), (1, Fraction(1, 100), 100, 1), (1, 100, 1, 1), (-7, 2, 3, 5)):
        w1, w2, w3, w4 = map(Ball, weights)
        for index, claimed in enumerate((0, 0, mean_normalized_slope(start, w1, w2, w4), w3 * start / 2)):
            moved = [Differential.along(value, int(index == number)) for number, value in enumerate((w1, w2, w3, w4))]
            yield slope(mean_normalized_chain(start, *moved)), claimed
        yield mean_normalized_slope(start, w1, w2, w4), w4 * start / 2


@enumeration("norm.mean.toy", "norm.mean.toy.slope", scope="exact, all weights from −1, 0, 2 and inputs of mean 0 and 2")
def undefined_where_the_mean_is_zero(mean_normalized_chain: Step, mean_normalized_slope: Step) -> Claims:
    """The value exists exactly where w₁, w₂ and the mean of the inputs are nonzero, whatever the outer weights."""
    for weights, start in itertools.product(itertools.product((-1, 0, 2), repeat=4), ([1, 2, 3], [1, -3, 2])):
        w1, w2, w3, w4 = map(Rational, weights)
        for formula, outer in ((mean_normalized_chain, (w3, w4)), (mean_normalized_slope, (w4,))):
            yield has_value(formula, Rational(start), w1, w2, *outer), 0 not in (*weights[:2], sum(start))


def has_value(formula: Step, *arguments: Any) -> bool:
    """Return whether a call succeeds without dividing by 0."""
    try:
        formula(*arguments)
    except ZeroDivisionError:
        return False
    return True


@erratum("E68")
def derivative_by_the_second_weight(mean_normalized_slope: Step, mean_normalized_chain: Step) -> Claims:
    """As printed, the displayed derivative is the one by w₂."""
    w1, w2, w3, w4 = map(Tensor, WEIGHTS)
    outputs = mean_normalized_chain(toy, w1, w2, w3, w4)
    yield Tensor(mean_normalized_slope(toy, w1, w2, w4).at(j)), Tensor(sp.diff(outputs.at(j), WEIGHTS[1]))


# --- layer and RMS normalization ---------------------------------------------------------------------------------------------------


@proof("norm.layer", "norm.layer.backward", scope="every batch, m, k, gamma, beta and eps")
def gradients_of_layer_norm(layer_norm: Step, layer_norm_backward: Step) -> Claims:
    """The gradients by inputs, scale and shift are the derivatives."""
    yield from gradients(functools.partial(layer_norm, eps=eps), LAYER, dy, layer_norm_backward(dy, x, gamma, eps=eps))


@proof("norm.layer", "norm.layer.backward", scope="every batch, m, k, gamma, beta and eps")
def features_are_examples(layer_norm: Step, layer_norm_backward: Step, batch_normalize: Step, batch_norm_backward: Step) -> Claims:
    """Before scale and shift it is batch normalization of the transposed batch, so dx is that of the transposed γ dy.

    The result of an example does not depend on the rest of the batch.
    """
    yield layer_norm(x, gamma, beta, eps=eps), gamma * batch_normalize(x.T, eps=eps).T + beta
    examples = np.ones_like(tensor("e", m))
    yield layer_norm_backward(dy, x, gamma, eps=eps)[0], batch_norm_backward((gamma * dy).T, x.T, examples, eps=eps)[0].T
    alone = Tensor(x.at(i, j), ((None, 1), (j, k)))
    yield Tensor(layer_norm(alone, gamma, beta, eps=eps).at(None, l)), Tensor(layer_norm(x, gamma, beta, eps=eps).at(i, l))


@derivative(
    "norm.layer", "norm.layer.backward", "norm.rms", "norm.rms.backward", scope="certified, 32 × 16, 2 random directions for each argument"
)
def slopes_along_features(layer_norm: Step, layer_norm_backward: Step, rms_norm: Step, rms_norm_backward: Step) -> Claims:
    """The gradients equal the derivatives of the forward formulas by dual numbers."""
    batch, upstream, scale, shift = random_arrays((32, 16), (32, 16), (16,), (16,))
    small = Ball(Fraction(1, 1000))
    given = {"x": batch, "gamma": scale}
    yield from slopes(
        functools.partial(layer_norm, eps=small), given | {"beta": shift}, upstream, layer_norm_backward(upstream, batch, scale, eps=small)
    )
    yield from slopes(functools.partial(rms_norm, eps=small), given, upstream, rms_norm_backward(upstream, batch, scale, eps=small))


@proof("norm.rms", "norm.rms.backward", scope="every batch, m, k, gamma and eps")
def gradients_of_rms_norm(rms_norm: Step, rms_norm_backward: Step) -> Claims:
    """The gradients by inputs and scale are the derivatives."""
    given = {"x": x, "gamma": gamma}
    yield from gradients(functools.partial(rms_norm, eps=eps), given, dy, rms_norm_backward(dy, x, gamma, eps=eps))


@proof("norm.rms.unit_offset", "norm.rms.residual", "norm.rms", scope="every batch, residual, m, k, weight and eps")
def scale_and_sum_of_rms_norm(rms_norm_unit_offset: Step, rms_norm_of_sum: Step, rms_norm: Step) -> Claims:
    """With the scale 1 + w, and of the sum x + r, which is returned as well, it is RMS normalization."""
    yield rms_norm_unit_offset(x, gamma, eps=eps), rms_norm(x, 1 + gamma, eps=eps)
    yield rms_norm_unit_offset(x, zeros, eps=eps), rms_norm(x, ones, eps=eps)
    yield rms_norm_of_sum(x, dy, gamma, eps=eps), (rms_norm(x + dy, gamma, eps=eps), x + dy)


@enumeration(
    "norm.rms.unit_offset",
    "norm.rms.residual",
    scope="exact, rows with whole root mean squares, weights −1, 0, 1/2, residuals 0 and of both signs",
)
def whole_rows(rms_norm_unit_offset: Step, rms_norm_of_sum: Step) -> Claims:
    """(1, 7) has 5 as root mean square, (7, 17) has 13, and with eps 0 and 24 the roots are 5 and 7."""
    table, weight = [[1, 7], [-7, 17]], [Fraction(-1), Fraction(1, 2)]
    for size, roots in ((0, (5, 13)), (24, (7, None))):
        for row, root in zip(table, roots, strict=True):
            if root:
                scaled = [(1 + w) * Fraction(entry, root) for w, entry in zip(weight, row, strict=True)]
                yield rms_norm_unit_offset(Rational([row]), Rational(weight), eps=Rational(size)), Rational([scaled])
                for part in (0, 3, -4):
                    rest = [entry - part for entry in row]
                    got = rms_norm_of_sum(Rational([rest]), Rational([[part, part]]), Rational(weight), eps=Rational(size))
                    expected = [w * Fraction(entry, root) for w, entry in zip(weight, row, strict=True)]
                    yield got, (Rational([expected]), Rational([row]))


@proof(
    "norm.batch.running.cumulative",
    "norm.batch.running.new_weight",
    scope="every batch, state, m, k, correction in (0, 1] and number of batches",
)
def means_of_all_batches(cumulative_stats: Step, running_stats_new_weight: Step) -> Claims:
    """It is the running mean in which batch n has the weight 1/n: the first one replaces what the means start at."""
    count: Any = Tensor(sp.Symbol("n", integer=True, nonnegative=True))
    before = CumulativeStats(mean, var, count)
    for correction in (Tensor(0), less):
        weighted = running_stats_new_weight(RunningStats(mean, var), x, momentum=1 / (count + 1), correction=correction)
        yield cumulative_stats(before, x, correction=correction), (*weighted, count + 1)
    yield cumulative_stats(before, x), cumulative_stats(before, x, correction=Tensor(0))


@enumeration("norm.batch.running.cumulative", scope="exact, three batches of two features, corrections 0 and 1")
def cumulative_by_hand(cumulative_stats: Step) -> Claims:
    """The plain means of the batches' means and variances, in fractions; the start 9 and 5 does not count."""
    batches = ([[1, 2], [3, -2]], [[0, 1], [6, 5]], [[4, 4], [-2, 7]])
    for correction in (0, 1):
        state = CumulativeStats(Rational([9, 9]), Rational([5, 5]), 0)
        means: list[Any] = []
        variances: list[Any] = []
        for number, batch in enumerate(batches, start=1):
            columns = list(zip(*batch, strict=True))
            means.append([Fraction(sum(column), 2) for column in columns])
            variances.append(
                [sum((entry - mid) ** 2 for entry in column) / (2 - correction) for column, mid in zip(columns, means[-1], strict=True)]
            )
            state = cumulative_stats(state, Rational(batch), correction=Rational(correction))
            average = [[sum(column) / number for column in zip(*rows, strict=True)] for rows in (means, variances)]
            yield state, (Rational(average[0]), Rational(average[1]), number)


@proof("norm.rms", "norm.rms.backward", "norm.layer", scope="every batch, m, k, gamma, beta, eps and a > 0")
def layer_norm_without_the_mean(rms_norm: Step, rms_norm_backward: Step, layer_norm: Step) -> Claims:
    """For centred examples it is layer normalization. The mean square of x̂ is ms/(ms + eps), and a x with a² eps gives the same result.

    So Σ x dx is nonzero only because of eps: it is eps/(ms + eps) Σ γ dy x̂.
    """
    yield rms_norm(x - np.mean(x, axis=1, keepdims=True), gamma, eps=eps) + beta, layer_norm(x, gamma, beta, eps=eps)
    square = np.mean(x**2, axis=1)
    yield np.mean(rms_norm(x, ones, eps=eps) ** 2, axis=1), square / (square + eps)
    yield rms_norm(scale * x, gamma, eps=scale**2 * eps), rms_norm(x, gamma, eps=eps)
    dx, _ = rms_norm_backward(dy, x, gamma, eps=eps)
    yield np.sum(x * dx, axis=1), eps / (square + eps) * np.sum(dy * rms_norm(x, gamma, eps=eps), axis=1)


@law("norm.layer", "norm.rms", scope="float64, bit for bit", exact=True)
def units_along_features_cancel(
    layer_norm: Step, rms_norm: Step, x: Batch, gamma: Units, beta: Units, eps: Positive, steps: Count
) -> Claims:
    """In units that are smaller by 2ˢ, for eps too, the results are equal bit for bit."""
    unit = 2.0**steps
    yield layer_norm(unit * x, gamma, beta, eps=unit**2 * eps), layer_norm(x, gamma, beta, eps=eps)
    yield rms_norm(unit * x, gamma, eps=unit**2 * eps), rms_norm(x, gamma, eps=eps)


# --- instance and group normalization ----------------------------------------------------------------------------------------------

parted, dy_parted = tensor("x", n, (G, D), h, w), tensor("dy", n, (G, D), h, w)  # the channels as G groups of D
by_group, group_shift = tensor("gamma", (G, D)), tensor("beta", (G, D))


@proof("norm.instance", "norm.instance.backward", scope="every batch of images, n, c, h, w, gamma, beta and eps")
def gradients_of_instance_norm(instance_norm: Step, instance_norm_backward: Step) -> Claims:
    """The gradients by images, scale and shift are the derivatives."""
    got = instance_norm_backward(dy_images, images, by_channel, eps=eps)
    yield from gradients(functools.partial(instance_norm, eps=eps), IMAGES, dy_images, got)


@proof("norm.group", "norm.group.backward", scope="every batch of images, n, h, w, number and size of groups, gamma, beta and eps")
def gradients_of_group_norm(group_norm: Step, group_norm_backward: Step) -> Claims:
    """The gradients by images, scale and shift are the derivatives."""
    given = {"x": parted, "gamma": by_group, "beta": group_shift}
    got = group_norm_backward(dy_parted, parted, by_group, groups=G, eps=eps)
    yield from gradients(functools.partial(group_norm, groups=G, eps=eps), given, dy_parted, got)


@proof(
    "norm.instance", "norm.group", "norm.layer", scope="every batch of images, n, c, h, w, number and size of groups, gamma, beta and eps"
)
def groups_of_one_and_of_all(instance_norm: Step, group_norm: Step, layer_norm: Step, batch_norm_conv: Step) -> Claims:
    """With as many groups as channels it is instance normalization; with one group it is layer normalization of the whole example.

    For any groups it is layer normalization of each, before scale and shift. For a single image instance and batch normalization are the
    same.
    """
    everywhere = lambda vector: np.reshape(np.expand_dims(vector, (1, 2)) * np.ones_like(tensor("e", c, h, w)), (-1,))  # noqa: E731 - read as mathematics
    flat = lambda array: np.reshape(array, (n, -1))  # noqa: E731 - read as mathematics
    yield group_norm(images, by_channel, shift, groups=c, eps=eps), instance_norm(images, by_channel, shift, eps=eps)
    yield (
        flat(group_norm(images, by_channel, shift, groups=sp.Integer(1), eps=eps)),
        layer_norm(flat(images), everywhere(by_channel), everywhere(shift), eps=eps),
    )
    unit, zero = np.ones_like(by_group), np.zeros_like(by_group)
    each = np.reshape(parted, (n * G, D * h * w))
    of_each = layer_norm(each, np.ones_like(np.reshape(tensor("e", D, h, w), (-1,))), Tensor(0), eps=eps)
    yield np.reshape(group_norm(parted, unit, zero, groups=G, eps=eps), (n * G, D * h * w)), of_each
    single = tensor("x", 1, c, h, w)
    yield instance_norm(single, by_channel, shift, eps=eps), batch_norm_conv(single, by_channel, shift, eps=eps)


@law("norm.instance", "norm.group", "norm.layer", scope="float64, within rounding", examples=30)
def coincidences_in_floats(
    instance_norm: Step, group_norm: Step, layer_norm: Step, x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, eps: Positive
) -> Claims:
    """One group for each channel is instance normalization, one group for all is layer normalization."""
    count, channels, height, width = x.shape
    yield group_norm(x, gamma, beta, groups=channels, eps=eps), instance_norm(x, gamma, beta, eps=eps)
    everywhere = [np.reshape(np.expand_dims(vector, (1, 2)) + 0 * x[0], (-1,)) for vector in (gamma, beta)]
    flat = layer_norm(np.reshape(x, (count, -1)), *everywhere, eps=eps)
    yield group_norm(x, gamma, beta, groups=1, eps=eps), np.reshape(flat, (count, channels, height, width))


@law("norm.batch.conv", "norm.instance", "norm.group", scope="float64, bit for bit", exact=True)
def units_of_images_cancel(
    batch_norm_conv: Step,
    instance_norm: Step,
    group_norm: Step,
    x: ImageBatch,
    gamma: ChannelWise,
    beta: ChannelWise,
    groups: Groups,
    eps: Positive,
    steps: Count,
) -> Claims:
    """In units that are smaller by 2ˢ, for eps too, the results are equal bit for bit."""
    unit = 2.0**steps
    for layer in (batch_norm_conv, instance_norm, functools.partial(group_norm, groups=groups)):
        yield layer(unit * x, gamma, beta, eps=unit**2 * eps), layer(x, gamma, beta, eps=eps)


@derivative(
    "norm.instance",
    "norm.instance.backward",
    "norm.group",
    "norm.group.backward",
    scope="certified, 3 × 4 × 5 × 2, 1, 2 and 4 groups, 2 random directions for each argument",
)
def slopes_of_images(instance_norm: Step, instance_norm_backward: Step, group_norm: Step, group_norm_backward: Step) -> Claims:
    """The gradients equal the derivatives of the forward formulas by dual numbers; neighbouring channels form a group."""
    given, upstream = picture_data()
    small = Ball(Fraction(1, 1000))
    got = instance_norm_backward(upstream, given["x"], given["gamma"], eps=small)
    yield from slopes(functools.partial(instance_norm, eps=small), given, upstream, got)
    for groups in (1, 2, 4):
        setting = {"groups": groups, "eps": small}
        got = group_norm_backward(upstream, given["x"], given["gamma"], **setting)
        yield from slopes(functools.partial(group_norm, **setting), given, upstream, got)
    pair = {name: array[..., :2, :, :] if name == "x" else array[:2] for name, array in given.items()}
    yield group_norm(**given, groups=2, eps=small)[:, :2], group_norm(**pair, groups=1, eps=small)


# --- batch renormalization ---------------------------------------------------------------------------------------------------------

r, d = tensor("r", k, positive=True), tensor("d", k)


@proof("norm.batch_renorm", "norm.batch_renorm.backward", scope="every batch, correction, m, k, gamma, beta and eps; r and d constants")
def gradients_of_batch_renorm(batch_renorm: Step, batch_renorm_backward: Step) -> Claims:
    """The gradients by inputs, scale and shift are the derivatives with r and d fixed, although these were computed from the batch."""
    got = batch_renorm_backward(dy, x, gamma, r, d, eps=eps)
    yield from gradients(functools.partial(batch_renorm, r=r, d=d, eps=eps), LAYER, dy, got)


@proof(
    "norm.batch_renorm",
    "norm.batch_renorm.backward",
    "norm.batch_renorm.correction",
    scope="every batch, statistics, m, k, gamma, beta and eps",
)
def between_batch_and_running_statistics(
    batch_renorm: Step,
    batch_renorm_backward: Step,
    renorm_correction: Step,
    batch_norm: Step,
    batch_norm_backward: Step,
    batch_norm_inference: Step,
    batch_stats: Step,
) -> Claims:
    """At r = 1, d = 0 it is batch normalization; with r = σ_B/σ, d = (μ_B − μ)/σ it is normalization by the running statistics.

    The correction returns these r and d clipped; with r_max = 1 and d_max = 0 only 1 and 0 remain.
    """
    yield batch_renorm(x, gamma, beta, ones, zeros, eps=eps), batch_norm(x, gamma, beta, eps=eps)
    yield batch_renorm_backward(dy, x, gamma, ones, zeros, eps=eps), batch_norm_backward(dy, x, gamma, eps=eps)
    centre, variance = batch_stats(x)
    exact = np.sqrt(variance + eps) / deviation, (centre - mean) / deviation
    yield batch_renorm(x, gamma, beta, *exact, eps=eps), batch_norm_inference(x, gamma, beta, mean, deviation**2, eps=0 * eps)
    most, reach = tensor("most", positive=True), tensor("reach", positive=True)
    clipped = [np.minimum(np.maximum(value, low), high) for value, low, high in zip(exact, (1 / most, -reach), (most, reach), strict=True)]
    yield renorm_correction(x, mean, deviation, r_max=most, d_max=reach, eps=eps), tuple(clipped)


@proof("norm.batch_renorm.correction", scope="m = 2: every batch, statistics and limits, within, above and below these")
def limits_of_the_correction(renorm_correction: Step) -> Claims:
    """r and d are clipped to their limits in every case. The batches are c ± s; eps makes σ_B the wanted multiple of σ."""
    most, reach, running = 1 + z, symbols("reach", positive=True), symbols("running", positive=True)
    between = lambda low, high: (low + ratio * high) / (1 + ratio)  # noqa: E731 - every number between two
    multiples = [(between(1 / most, most),) * 2, (most + centre, most), (1 / (most + centre), 1 / most)]
    shifts = [(between(-reach, reach),) * 2, (reach + centre, reach), (-reach - centre, -reach)]
    for (multiple, r_claimed), (moved, d_claimed) in itertools.product(multiples, shifts):
        two = np.expand_dims(np.stack([offset + half, offset - half]), 1)
        got = renorm_correction(
            two,
            np.stack([offset - moved * running]),
            np.stack([running]),
            r_max=most,
            d_max=reach,
            eps=(multiple * running) ** 2 - half**2,
        )
        yield got, (np.stack([r_claimed]), np.stack([d_claimed]))


LIMITS = [(Fraction(most), Fraction(reach)) for most, reach in ((1, 0), (3, 5), ("3/2", "1/2"))]


@enumeration(
    "norm.batch_renorm.correction", "norm.batch_renorm", scope="exact, batches ±1 … ±6 around 2, σ = 2, μ = 0 … 4, three pairs of limits"
)
def corrections_by_hand(renorm_correction: Step, batch_renorm: Step) -> Claims:
    """r and d agree with Python's max and min; the outputs have mean d and deviation r."""
    for size, running, (most, reach) in itertools.product(range(1, 7), range(5), LIMITS):
        batch = Rational([[2 + size], [2 - size]])
        r, d = renorm_correction(batch, Rational([running]), Rational([2]), r_max=Rational(most), d_max=Rational(reach), eps=Rational(0))
        claimed = min(max(Fraction(size, 2), 1 / most), most), min(max(Fraction(2 - running, 2), -reach), reach)
        yield (r, d), tuple(Rational([value]) for value in claimed)
        got = batch_renorm(batch, Rational([1]), Rational([0]), r, d, eps=Rational(0))
        yield got, Rational([[claimed[1] + claimed[0]], [claimed[1] - claimed[0]]])


@derivative(
    "norm.batch_renorm",
    "norm.batch_renorm.backward",
    scope="certified, 64 × 8, 2 random directions for each argument; r and d from the batch",
)
def slopes_of_batch_renorm(batch_renorm: Step, batch_renorm_backward: Step, renorm_correction: Step) -> Claims:
    """With r and d fixed the derivatives are those stated.

    If r and d move along and no limit is active, the layer is linear in the batch: γ dy/σ.
    """
    batch, upstream, scale, shift, centre, running = random_arrays((64, 8), (64, 8), (8,), (8,), (8,), (8,))
    small, running = Ball(Fraction(1, 1000)), running**2 + 1
    r, d = renorm_correction(batch, centre, running, r_max=Ball(3), d_max=Ball(5), eps=small)
    given = {"x": batch, "gamma": scale, "beta": shift}
    got = batch_renorm_backward(upstream, batch, scale, r, d, eps=small)
    yield from slopes(functools.partial(batch_renorm, r=r, d=d, eps=small), given, upstream, got)

    def moving(x: Any) -> Any:
        return batch_renorm(
            x, scale, shift, *renorm_correction(x, centre, running, r_max=Ball(1000), d_max=Ball(1000), eps=small), eps=small
        )

    yield from slopes(moving, {"x": batch}, upstream, (scale * upstream / running,))


# --- weight normalization ----------------------------------------------------------------------------------------------------------

direction, upon, length = tensor("v", inputs, k), tensor("dw", inputs, k), tensor("g", k)


@proof("norm.weight", "norm.weight.backward", scope="every direction, length, number of inputs and units")
def gradients_of_weight_norm(weight_norm: Step, weight_norm_backward: Step) -> Claims:
    """The gradients by direction and length are the derivatives."""
    yield from gradients(weight_norm, {"v": direction, "g": length}, upon, weight_norm_backward(upon, direction, length))


@proof("norm.weight", "norm.weight.backward", scope="every direction, length, number of inputs and units, a > 0")
def direction_and_length(weight_norm: Step, weight_norm_backward: Step) -> Claims:
    """‖w‖² = g² for every ‖v‖, and v · dv = 0, so a step −t dv increases ‖v‖² by t² ‖dv‖². dg is dw along w/g."""
    w = weight_norm(direction, length)
    square = np.sum(direction**2, axis=0)
    yield np.sum(w**2, axis=0), length**2
    yield np.sum(w * direction, axis=0), length * np.sqrt(square)
    yield weight_norm(scale * direction, length), w
    dv, dg = weight_norm_backward(upon, direction, length)
    yield np.sum(direction * dv, axis=0), 0 * length
    yield np.sum((direction - scale * dv) ** 2, axis=0), square + scale**2 * np.sum(dv**2, axis=0)
    yield weight_norm_backward(upon, scale * direction, length), (dv / scale, dg)


@derivative("norm.weight", "norm.weight.backward", scope="certified, 64 × 8, 2 random directions for each argument")
def slopes_of_weight_norm(weight_norm: Step, weight_norm_backward: Step) -> Claims:
    """The gradients equal the derivatives of the forward formula by dual numbers."""
    v, dw, g = random_arrays((64, 8), (64, 8), (8,))
    yield from slopes(weight_norm, {"v": v, "g": g}, dw, weight_norm_backward(dw, v, g))


@enumeration("norm.weight", scope="exact, all Pythagorean triples below 60 as columns, lengths 5 and −2")
def columns_of_whole_length(weight_norm: Step) -> Claims:
    """Each column is normalized independently of the others."""
    triples = [
        (a, b, math.isqrt(a * a + b * b)) for a in range(1, 60) for b in range(1, 60) if math.isqrt(a * a + b * b) ** 2 == a * a + b * b
    ]
    v, norms = np.array([triple[:2] for triple in triples]).T, [triple[2] for triple in triples]
    lengths = [5 if index % 2 else -2 for index in range(len(triples))]
    yield (
        weight_norm(Rational(v), Rational(lengths)),
        Rational(v) * Rational([Fraction(g, norm) for g, norm in zip(lengths, norms, strict=True)]),
    )


# --- what is said of it ------------------------------------------------------------------------------------------------------------


@trajectory("norm.batch.covariate_shift", scope="a layer of 5 inputs and 3 units, its weights moved 5 times, 200 examples, seed 0")
def inputs_of_the_next_layer(batch_stats: Step, batch_normalize: Step) -> Claims:
    """The mean or deviation of the next layer's inputs changes by more than 1 each time; with normalization by less than 1e-9."""
    source = np.random.default_rng(0)
    u = 1 + source.normal(size=(200, 5))
    weight, seen = source.normal(size=(5, 3)), []
    for _ in range(6):
        outputs = u @ weight
        moments = [batch_stats(data) for data in (outputs, batch_normalize(outputs, eps=1e-12))]
        seen.append([np.concatenate([centre, np.sqrt(variance)]) for centre, variance in moments])
        weight = weight + source.normal(size=(5, 3))
    for (plain_before, before), (plain_after, after) in itertools.pairwise(seen):
        yield bool(np.max(np.abs(plain_after - plain_before)) > 1), True
        yield bool(np.max(np.abs(after - before)) < 1e-9), True


@trajectory("norm.batch.benefits", scope="20 tanh layers of 64 units, 128 examples, weights of deviation 0.01, 0.1, 1, seed 0")
def signals_through_deep_layers(batch_norm: Step) -> Claims:
    """Without normalization the last activations vanish, are small, or are saturated.

    With it their deviation is between 0.6 and 0.7 for all three.

    The result of an example depends on the other examples of its batch.
    """
    source = np.random.default_rng(0)
    start, weights = source.normal(size=(128, 64)), source.normal(size=(20, 64, 64))
    unit, zero = np.ones(64), np.zeros(64)
    for size, low, high in ((0.01, 0, 1e-12), (0.1, 1e-4, 0.2), (1.0, 0.9, 1.0)):
        bare = normalized = start
        for weight in weights:
            bare = np.tanh(bare @ (size * weight))
            normalized = np.tanh(batch_norm(normalized @ (size * weight), unit, zero, eps=1e-12))
        yield bool(low <= np.std(bare) <= high), True
        yield bool(0.6 <= np.std(normalized) <= 0.7), True
    alone, others = batch_norm(start[:64], unit, zero, eps=1e-5)[0], batch_norm(start[[0, *range(65, 128)]], unit, zero, eps=1e-5)[0]
    yield bool(np.max(np.abs(alone - others)) > 0.1), True


# --- statistics of several batches ---------------------------------------------------------------------------------------------------


@proof("norm.batch.merge", scope="every pair of numbers of examples, all means and variances of every number of features")
def moments_of_two_batches_together(merged_stats: Step) -> Claims:
    """Mean and mean square are averages with the numbers of examples as weights; for equal numbers they are plain averages."""
    first, second = tensor("first", positive=True), tensor("second", positive=True)
    other_mean, other_var = tensor("nu", k), tensor("u", k, positive=True)
    merged, spread = merged_stats(mean, var, other_mean, other_var, count=first, other_count=second)
    yield (first + second) * merged, first * mean + second * other_mean
    yield (first + second) * (spread + merged**2), first * (var + mean**2) + second * (other_var + other_mean**2)


@enumeration("norm.batch.merge", scope="exact, two batches of 1 … 3 examples of two features, and the rest of seven")
def statistics_of_batches_put_together(merged_stats: Step, batch_stats: Step) -> Claims:
    """The merged statistics are those of the examples of both batches, and the rest may be merged with them afterwards."""
    rows = Rational([[1, 2], [Fraction(5, 2), -3], [0, 7], [4, 4], [-6, Fraction(1, 3)], [2, 9], [8, 1]])
    for count, other_count in itertools.product((1, 2, 3), repeat=2):
        left, right = rows[:count], rows[count : count + other_count]
        merged = merged_stats(*batch_stats(left), *batch_stats(right), count=Rational(count), other_count=Rational(other_count))
        yield merged, batch_stats(rows[: count + other_count])
        last = rows[count + other_count :]
        counts = {"count": Rational(count + other_count), "other_count": Rational(len(last))}
        yield merged_stats(*merged, *batch_stats(last), **counts), batch_stats(rows)
