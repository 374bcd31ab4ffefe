"""Normalization layers, fast: `trainspec.reference.normalization` says what each formula is; the results are within its rounding bound.

`out` takes the result, an array or a tuple of arrays, apart from the arguments; None stands for a fresh one. With `save=True` a layer also
returns its statistics, which its gradients take as `saved` instead of computing them again. Means and variances are summed
in float64 in chunks that stay in the cache, so that every array is read once, or twice where the statistics need all of it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from ..reference import normalization as reference
from ._jit import compiled_as_part, inlined, specialize
from ._loops.arithmetic import accumulator_zeros, any_nonfinite, cast_like, divide_up, is_nonfinite, zeros_like_dtype
from ._loops.kernel import keeping_statistics, loop_kernel, taking_statistics
from ._loops.lanes import entries_of, fill_lanes, lane_count, load, load_part, store, store_part, sum_of_lanes
from ._loops.reductions import (
    add_row,
    channel_gradient_sums,
    channel_sum,
    channel_sum_of_squares,
    column_products,
    column_sums,
    gradient_sums,
    gradient_sums_between,
    gradient_sums_of_tile,
    moments,
    moments_of_tile,
    partial_sums,
    products_of_tile,
    rows_side_by_side,
    sum_between,
    sum_of_squares_between,
    tile_columns,
    tile_count,
    weighted_sums_between,
)

if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    from ..reference.domains import (
        Batch,
        ChannelWise,
        Damping,
        Eps,
        Groups,
        ImageBatch,
        Linear,
        Magnitude,
        Ratio,
        Share,
        UnitDeviations,
        Units,
        UnitVariances,
    )
    from ..reference.normalization import RunningDeviations, RunningStats
    from ._elementwise.kernel import Out

    Floats = NDArray[Any]
    Statistics: TypeAlias = tuple[Floats, ...] | None  # what a normalization saved for its gradients

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_backward_staged",
    "batch_norm_conv",
    "batch_norm_conv_backward",
    "batch_norm_inference",
    "batch_norm_inference_backward",
    "batch_normalize",
    "batch_renorm",
    "batch_renorm_backward",
    "batch_stats",
    "group_norm",
    "group_norm_backward",
    "instance_norm",
    "instance_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "renorm_correction",
    "rms_norm",
    "rms_norm_backward",
    "running_deviations",
    "running_stats",
    "running_stats_new_weight",
    "weight_norm",
    "weight_norm_backward",
]

ENTRIES = 1 << 13  # of the rows that one thread takes at a time


@inlined
def not_positive(number: Any) -> Any:
    """Return whether a number is 0, negative, or not finite."""
    return is_nonfinite(number) | is_nonfinite(1 / np.sqrt(number))


# --- down the columns of a batch ---------------------------------------------------------------------------------------------------


@inlined
def affine(y: Floats, x: Floats, shift: Floats, scale: Floats, offset: Floats) -> Any:
    """Compute (x − shift) scale + offset, each of one number an entry. Return whether something is not finite."""
    nonfinite = False
    for j in range(y.size):
        y[j] = (x[j] - shift[j]) * scale[j] + offset[j]
        nonfinite |= is_nonfinite(y[j])
    return nonfinite


@inlined
def affine_chunk(y: Floats, x: Floats, shift: Floats, scale: Floats, offset: Floats, chunk: Any) -> Any:
    """Apply the affine map to one chunk of rows. `shift.size` entries (several adjacent rows) are processed at a time."""
    old, new, nonfinite = x.reshape(x.size), y.reshape(x.size), 0
    first, last = chunk_range(x, chunk)
    wide = shift.size
    for i in range(first, last, wide):
        row = new[i : min(i + wide, last)]
        nonfinite += affine(row, old[i : i + wide], shift, scale, offset)
    return nonfinite


@inlined
def chunk_range(x: Floats, chunk: Any) -> Any:
    """Return the first and the last entry of a chunk."""
    entries = max(1, ENTRIES // (rows_side_by_side(x) * x.shape[1])) * rows_side_by_side(x) * x.shape[1]
    return chunk * entries, min((chunk + 1) * entries, x.size)


@inlined
def chunk_count(x: Floats) -> Any:
    """Return how many chunks there are."""
    return divide_up(x.size, max(1, ENTRIES // (rows_side_by_side(x) * x.shape[1])) * rows_side_by_side(x) * x.shape[1])


@compiled_as_part
def repeat_columns(numbers: Floats, x: Floats) -> Any:
    """Return a number for each column, repeated for all rows that count as one, in the dtype of the batch."""
    k, side = x.shape[1], rows_side_by_side(x)
    wide = zeros_like_dtype(side * k, x)
    for i in range(side):
        for j in range(k):
            wide[i * k + j] = cast_like(numbers[j], x)
    return wide


def batch_stats_loops(mean: Floats, var: Floats, x: Floats) -> Any:
    """Sum tile by tile, then merge the tiles. Return whether something is not finite."""
    parts = partial_sums(x, 2)
    for tile in prange(tile_count(x)):
        moments_of_tile(parts, x, tile)
    means, squares, overflow = moments(parts, x)
    for j in range(mean.size):
        mean[j], var[j] = cast_like(means[j], x), cast_like(squares[j] / x.shape[0], x)
    return overflow | any_nonfinite(mean) | any_nonfinite(var)


@loop_kernel(reference.batch_stats, batch_stats_loops)
def batch_stats(x: Batch, *, out: Out = None) -> tuple[Units, UnitVariances]:
    """Mean and variance of each column: μ = 1/m Σᵢ xᵢ, σ² = 1/m Σᵢ (xᵢ − μ)²."""


@inlined
def deviation_of(squares: Any, count: Any, eps: Any) -> Any:
    """Return √(σ² + ε)."""
    return np.sqrt(squares / count + eps)


def batch_normalize_loops(x_hat: Floats, x: Floats, eps: Any) -> Any:
    """Compute the statistics tile by tile, then the entries chunk by chunk. Return whether something is not finite."""
    parts, nonfinite = partial_sums(x, 2), 0
    for tile in prange(tile_count(x)):
        moments_of_tile(parts, x, tile)
    mean, scale, overflow = moments(parts, x)
    for j in range(mean.size):
        scale[j] = 1 / deviation_of(scale[j], x.shape[0], eps)
    shift, wide, zeros = repeat_columns(mean, x), repeat_columns(scale, x), repeat_columns(accumulator_zeros(mean.size, x), x)
    for chunk in prange(chunk_count(x)):
        nonfinite += affine_chunk(x_hat, x, shift, wide, zeros, chunk)
    return overflow | (nonfinite > 0)


@loop_kernel(reference.batch_normalize, batch_normalize_loops)
def batch_normalize(x: Batch, *, eps: Eps, out: Out = None) -> Batch:
    """Every column brought to mean 0: x̂ = (x − μ) / √(σ² + ε)."""


def batch_norm_loops(y: Floats, means: Floats, rstd: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Compute the statistics tile by tile, then the entries chunk by chunk. Return whether something is not finite."""
    parts, nonfinite = partial_sums(x, 2), 0
    for tile in prange(tile_count(x)):
        moments_of_tile(parts, x, tile)
    mean, scale, overflow = moments(parts, x)
    for j in range(mean.size):
        scale[j] = 1 / deviation_of(scale[j], x.shape[0], eps)
        if rstd.size:
            means[j], rstd[j] = cast_like(mean[j], x), cast_like(scale[j], x)
        scale[j] = gamma[j] * scale[j]
    shift, wide, offset = repeat_columns(mean, x), repeat_columns(scale, x), repeat_columns(beta, x)
    for chunk in prange(chunk_count(x)):
        nonfinite += affine_chunk(y, x, shift, wide, offset, chunk)
    return overflow | (nonfinite > 0)


@keeping_statistics(reference.batch_norm, batch_norm_loops, statistics=("k", "k"))
def batch_norm(x: Batch, gamma: Units, beta: Units, *, eps: Eps, out: Out = None, save: bool | None = None) -> Batch:
    """Batch normalization in training: y = γ (x − μ) / √(σ² + ε) + β.  With `save` (y, (μ, 1/√(σ² + ε))), which its gradients take."""


def batch_norm_inference_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, mean: Floats, var: Floats, eps: Any) -> Any:
    """Compute the entries chunk by chunk. Return whether something is not finite or not allowed."""
    scale, nonfinite = accumulator_zeros(gamma.size, x), 0
    for j in range(gamma.size):
        scale[j] = gamma[j] / np.sqrt(var[j] + eps)
        nonfinite += is_nonfinite(np.sqrt(var[j]))  # negative, or not finite
    shift, wide, offset = repeat_columns(mean, x), repeat_columns(scale, x), repeat_columns(beta, x)
    for chunk in prange(chunk_count(x)):
        nonfinite += affine_chunk(y, x, shift, wide, offset, chunk)
    return nonfinite > 0


@loop_kernel(reference.batch_norm_inference, batch_norm_inference_loops)
def batch_norm_inference(x: Batch, gamma: Units, beta: Units, mean: Units, var: UnitVariances, *, eps: Eps, out: Out = None) -> Batch:
    """Batch normalization at test time: y = γ (x − μ̂) / √(σ̂² + ε) + β."""


def batch_norm_inference_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, mean: Floats, var: Floats, eps: Any
) -> Any:
    """Compute the sums tile by tile, then the entries chunk by chunk. Return whether something is not finite or not allowed."""
    parts, shift, nonfinite = partial_sums(x, 2), repeat_columns(mean, x), 0
    for tile in prange(tile_count(x)):
        gradient_sums_of_tile(parts, 0, dy, x, tile_columns(shift, x, tile), tile)
    dy_sum, product, zeros = column_sums(parts, 0, dy), column_products(parts, 1, dy, x, shift), accumulator_zeros(gamma.size, x)
    scale = accumulator_zeros(gamma.size, x)
    for j in range(gamma.size):
        std = np.sqrt(var[j] + eps)
        scale[j] = gamma[j] / std
        dgamma[j], dbeta[j] = cast_like(product[j] / std, x), cast_like(dy_sum[j], x)
        nonfinite += is_nonfinite(np.sqrt(var[j]))  # negative, or not finite
    wide, zero = repeat_columns(scale, x), repeat_columns(zeros, x)
    for chunk in prange(chunk_count(x)):
        nonfinite += affine_chunk(dx, dy, zero, wide, zero, chunk)
    return (nonfinite > 0) | any_nonfinite(dgamma) | any_nonfinite(dbeta)


@loop_kernel(reference.batch_norm_inference_backward, batch_norm_inference_backward_loops)
def batch_norm_inference_backward(
    dy: Batch, x: Batch, gamma: Units, mean: Units, var: UnitVariances, *, eps: Eps, out: Out = None
) -> tuple[Batch, Units, Units]:
    """The gradients at test time: dx = γ dy / √(σ̂² + ε), dγ = Σ dy (x − μ̂) / √(σ̂² + ε), dβ = Σ dy."""


@inlined
def input_gradient(dx: Floats, dy: Floats, x: Floats, shift: Floats, scale: Floats, mean: Floats, x_factor: Floats) -> Any:
    """Compute scale ((dy − mean) − (x − shift) x_factor), each of one number an entry. Return whether something is not finite."""
    nonfinite = False
    for j in range(dx.size):
        dx[j] = scale[j] * ((dy[j] - mean[j]) - (x[j] - shift[j]) * x_factor[j])
        nonfinite |= is_nonfinite(dx[j])
    return nonfinite


@inlined
def input_gradient_chunk(
    dx: Floats, dy: Floats, x: Floats, shift: Floats, scale: Floats, mean: Floats, x_factor: Floats, chunk: Any
) -> Any:
    """Compute the gradient of one chunk of rows. Return whether something is not finite."""
    old, dy_flat, new, nonfinite = x.reshape(x.size), dy.reshape(x.size), dx.reshape(x.size), 0
    first, last = chunk_range(x, chunk)
    wide = shift.size
    for i in range(first, last, wide):
        row = new[i : min(i + wide, last)]
        nonfinite += input_gradient(row, dy_flat[i : i + wide], old[i : i + wide], shift, scale, mean, x_factor)
    return nonfinite


@compiled_as_part
def store_column_gradients(dgamma: Floats, dbeta: Floats, scale: Floats, dy_sum: Floats, product: Floats, x: Floats, gamma: Floats) -> None:
    """Store the gradients by γ and β from the sums of dy and dy (x − μ); then the sums are what the gradient by x subtracts.

    The scales, 1/√(σ² + ε), are multiplied by γ.
    """
    for j in range(gamma.size):
        dgamma[j], dbeta[j] = cast_like(product[j] * scale[j], x), cast_like(dy_sum[j], x)
        dy_sum[j], product[j] = dy_sum[j] / x.shape[0], product[j] / x.shape[0] * scale[j] ** 2
        scale[j] = gamma[j] * scale[j]


def batch_norm_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, means: Floats, rstd: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any
) -> Any:
    """Compute all sums tile by tile, about saved means or each about the tile's own; then the entries chunk by chunk.

    Return whether something is not finite.
    """
    parts, bad, nonfinite, mean, scale = partial_sums(x, 4), 0, False, accumulator_zeros(0, x), accumulator_zeros(0, x)
    if rstd.size:
        around = repeat_columns(means, x)
        for tile in prange(tile_count(x)):
            gradient_sums_of_tile(parts, 2, dy, x, tile_columns(around, x, tile), tile)
        dy_sum, product = column_sums(parts, 2, dy), column_products(parts, 3, dy, x, around)
        mean, scale = accumulator_zeros(gamma.size, x), accumulator_zeros(gamma.size, x)
        for j in range(gamma.size):
            mean[j], scale[j] = means[j], rstd[j]
    else:
        for tile in prange(tile_count(x)):
            gradient_sums_of_tile(parts, 2, dy, x, moments_of_tile(parts, x, tile), tile)
        mean, scale, nonfinite = moments(parts, x)
        dy_sum, product = gradient_sums(parts, dy, x, mean)
        for j in range(gamma.size):
            scale[j] = 1 / deviation_of(scale[j], x.shape[0], eps)
    store_column_gradients(dgamma, dbeta, scale, dy_sum, product, x, gamma)
    shift, wide, center, factor = repeat_columns(mean, x), repeat_columns(scale, x), repeat_columns(dy_sum, x), repeat_columns(product, x)
    for chunk in prange(chunk_count(x)):
        bad += input_gradient_chunk(dx, dy, x, shift, wide, center, factor, chunk)
    return nonfinite | (bad > 0) | any_nonfinite(dgamma) | any_nonfinite(dbeta)


@taking_statistics(reference.batch_norm_backward, batch_norm_backward_loops, statistics=("k", "k"))
def batch_norm_backward(
    dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None, saved: Statistics = None
) -> tuple[Batch, Units, Units]:
    """Batch normalization's gradients: dβ = Σ dy, dγ = Σ dy x̂, dx = γ/√(σ² + ε) (dy − dβ/m − x̂ dγ/m)."""


@taking_statistics(reference.batch_norm_backward_staged, batch_norm_backward_loops, statistics=("k", "k"))
def batch_norm_backward_staged(
    dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None, saved: Statistics = None
) -> tuple[Batch, Units, Units]:
    """The same gradients."""


# --- running statistics ------------------------------------------------------------------------------------------------------------


@inlined
def weights_of_old_value(momentum: Any) -> Any:
    """Return the weights of the old and of the new value, where momentum is the old one's."""
    return momentum, 1 - momentum


@inlined
def weights_of_new_value(momentum: Any) -> Any:
    """Return the weights of the old and of the new value, where momentum is the new one's."""
    return 1 - momentum, momentum


def weights(momentum: Any) -> Any:
    """Stand for either of them in the loops below."""
    raise NotImplementedError


def running_loops(new_mean: Floats, new_var: Floats, old_mean: Floats, old_var: Floats, x: Floats, momentum: Any, correction: Any) -> Any:
    """Compute the statistics tile by tile; then one step of the running ones. Return whether something is not finite or not allowed."""
    parts, nonfinite = partial_sums(x, 2), 0
    for tile in prange(tile_count(x)):
        moments_of_tile(parts, x, tile)
    mean, squares, overflow = moments(parts, x)
    kept, taken = weights(momentum)
    for j in range(mean.size):
        new_mean[j] = cast_like(kept * old_mean[j] + taken * mean[j], x)
        new_var[j] = cast_like(kept * old_var[j] + taken * (squares[j] / (x.shape[0] - correction)), x)
        nonfinite += is_nonfinite(np.sqrt(old_var[j]))  # negative, or not finite
    return overflow | (nonfinite > 0) | any_nonfinite(new_mean) | any_nonfinite(new_var)


@loop_kernel(reference.running_stats, specialize(running_loops, "running_stats", weights=weights_of_old_value))
def running_stats(state: RunningStats, x: Batch, *, momentum: Share, correction: Share = 0, out: Out = None) -> RunningStats:
    """One batch more: μ̂ ← a μ̂ + (1 − a) μ, σ̂² ← a σ̂² + (1 − a) Σ (xᵢ − μ)² / (m − correction)."""


@loop_kernel(reference.running_stats_new_weight, specialize(running_loops, "running_stats_new_weight", weights=weights_of_new_value))
def running_stats_new_weight(state: RunningStats, x: Batch, *, momentum: Share, correction: Share = 0, out: Out = None) -> RunningStats:
    """The same with momentum as the weight of the new value."""


def running_deviations_loops(
    new_mean: Floats, new_deviation: Floats, old_mean: Floats, old_deviation: Floats, x: Floats, momentum: Any, eps: Any
) -> Any:
    """Compute the statistics tile by tile; then one step of the running ones. Return whether something is not finite or not allowed."""
    parts, nonfinite = partial_sums(x, 2), 0
    for tile in prange(tile_count(x)):
        moments_of_tile(parts, x, tile)
    mean, squares, overflow = moments(parts, x)
    for j in range(mean.size):
        new_mean[j] = cast_like(momentum * old_mean[j] + (1 - momentum) * mean[j], x)
        new_deviation[j] = cast_like(momentum * old_deviation[j] + (1 - momentum) * deviation_of(squares[j], x.shape[0], eps), x)
        nonfinite += not_positive(old_deviation[j])
    return overflow | (nonfinite > 0) | any_nonfinite(new_mean) | any_nonfinite(new_deviation)


@loop_kernel(reference.running_deviations, running_deviations_loops)
def running_deviations(state: RunningDeviations, x: Batch, *, momentum: Share, eps: Eps, out: Out = None) -> RunningDeviations:
    """The running mean of standard deviations: σ̂ ← a σ̂ + (1 − a) √(σ² + ε)."""


# --- batch renormalization ---------------------------------------------------------------------------------------------------------


def renorm_correction_loops(r: Floats, d: Floats, x: Floats, mean: Floats, deviation: Floats, r_max: Any, d_max: Any, eps: Any) -> Any:
    """Compute the statistics tile by tile; then their distance from the running ones.

    Return whether something is not finite or not allowed.
    """
    parts, nonfinite = partial_sums(x, 2), 0
    for tile in prange(tile_count(x)):
        moments_of_tile(parts, x, tile)
    means, squares, overflow = moments(parts, x)
    for j in range(mean.size):
        r[j] = cast_like(np.minimum(np.maximum(deviation_of(squares[j], x.shape[0], eps) / deviation[j], 1 / r_max), r_max), x)
        d[j] = cast_like(np.minimum(np.maximum((means[j] - mean[j]) / deviation[j], -d_max), d_max), x)
        nonfinite += not_positive(deviation[j]) | is_nonfinite(mean[j]) | is_nonfinite(means[j])
    return overflow | (nonfinite > 0) | any_nonfinite(r) | any_nonfinite(d)


@loop_kernel(reference.renorm_correction, renorm_correction_loops)
def renorm_correction(
    x: Batch, mean: Units, deviation: UnitDeviations, *, r_max: Ratio, d_max: Damping, eps: Eps, out: Out = None
) -> tuple[UnitDeviations, Units]:
    """r = clip(σ_B/σ, 1/r_max, r_max), d = clip((μ_B − μ)/σ, −d_max, d_max)."""


@inlined
def double_affine(y: Floats, x: Floats, shift: Floats, scale: Floats, offset: Floats, weight: Floats, high: Floats) -> Any:
    """Compute weight ((x − shift) scale + offset) + high, each of one number an entry. Return whether something is not finite."""
    nonfinite = False
    for j in range(y.size):
        y[j] = weight[j] * ((x[j] - shift[j]) * scale[j] + offset[j]) + high[j]
        nonfinite |= is_nonfinite(y[j])
    return nonfinite


@inlined
def double_affine_chunk(
    y: Floats, x: Floats, shift: Floats, scale: Floats, offset: Floats, weight: Floats, high: Floats, chunk: Any
) -> Any:
    """Apply both affine maps to one chunk of rows. Return whether something is not finite."""
    old, new, nonfinite = x.reshape(x.size), y.reshape(x.size), 0
    first, last = chunk_range(x, chunk)
    wide = shift.size
    for i in range(first, last, wide):
        nonfinite += double_affine(new[i : min(i + wide, last)], old[i : i + wide], shift, scale, offset, weight, high)
    return nonfinite


def batch_renorm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, r: Floats, d: Floats, eps: Any) -> Any:
    """Compute the statistics tile by tile, then the entries chunk by chunk. Return whether something is not finite or not allowed."""
    parts, nonfinite = partial_sums(x, 2), 0
    for tile in prange(tile_count(x)):
        moments_of_tile(parts, x, tile)
    mean, scale, overflow = moments(parts, x)
    for j in range(mean.size):
        scale[j] = r[j] / deviation_of(scale[j], x.shape[0], eps)
        nonfinite += not_positive(r[j])
    shift, wide, offset = repeat_columns(mean, x), repeat_columns(scale, x), repeat_columns(d, x)
    weight, high = repeat_columns(gamma, x), repeat_columns(beta, x)
    for chunk in prange(chunk_count(x)):
        nonfinite += double_affine_chunk(y, x, shift, wide, offset, weight, high, chunk)
    return overflow | (nonfinite > 0)


@loop_kernel(reference.batch_renorm, batch_renorm_loops)
def batch_renorm(x: Batch, gamma: Units, beta: Units, r: UnitDeviations, d: Units, *, eps: Eps, out: Out = None) -> Batch:
    """Batch renormalization in training: y = γ ((x − μ_B) / σ_B · r + d) + β."""


def batch_renorm_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, r: Floats, d: Floats, eps: Any
) -> Any:
    """Compute all sums tile by tile, each about the tile's own means; then the entries chunk by chunk.

    Return whether something is not finite.
    """
    parts, nonfinite = partial_sums(x, 4), 0
    for tile in prange(tile_count(x)):
        gradient_sums_of_tile(parts, 2, dy, x, moments_of_tile(parts, x, tile), tile)
    mean, scale, overflow = moments(parts, x)
    dy_sum, product = gradient_sums(parts, dy, x, mean)
    for j in range(mean.size):
        std = deviation_of(scale[j], x.shape[0], eps)
        scale[j] = gamma[j] * r[j] / std
        dgamma[j], dbeta[j] = cast_like(product[j] / std * r[j] + dy_sum[j] * d[j], x), cast_like(dy_sum[j], x)
        dy_sum[j], product[j] = dy_sum[j] / x.shape[0], product[j] / x.shape[0] / std**2
        nonfinite += not_positive(r[j])
    shift, wide, means, x_factor = repeat_columns(mean, x), repeat_columns(scale, x), repeat_columns(dy_sum, x), repeat_columns(product, x)
    for chunk in prange(chunk_count(x)):
        nonfinite += input_gradient_chunk(dx, dy, x, shift, wide, means, x_factor, chunk)
    return overflow | (nonfinite > 0) | any_nonfinite(dgamma) | any_nonfinite(dbeta)


@loop_kernel(reference.batch_renorm_backward, batch_renorm_backward_loops)
def batch_renorm_backward(
    dy: Batch, x: Batch, gamma: Units, r: UnitDeviations, d: Units, *, eps: Eps, out: Out = None
) -> tuple[Batch, Units, Units]:
    """Its gradients, r and d held fixed: dβ = Σ dy, dγ = Σ dy (x̂ r + d), dx = γ r/σ_B (dy − mean dy − x̂ mean(dy x̂))."""


# --- weight normalization ------------------------------------------------------------------------------------------------------------


def weight_norm_loops(w: Floats, v: Floats, g: Floats) -> Any:
    """Compute the lengths tile by tile, then the entries chunk by chunk. Return whether something is not finite."""
    parts, zeros, nonfinite = partial_sums(v, 1), repeat_columns(accumulator_zeros(g.size, v), v), 0
    for tile in prange(tile_count(v)):
        products_of_tile(parts, 0, v, v, tile_columns(zeros, v, tile), tile)
    scale = column_products(parts, 0, v, v, zeros)
    for j in range(g.size):
        nonfinite += is_nonfinite(cast_like(scale[j], v))
        scale[j] = 1 / np.sqrt(scale[j])
    lengths, wide = repeat_columns(g, v), repeat_columns(scale, v)
    for chunk in prange(chunk_count(v)):
        nonfinite += double_affine_chunk(w, v, zeros, lengths, zeros, wide, zeros, chunk)
    return nonfinite > 0


@loop_kernel(reference.weight_norm, weight_norm_loops)
def weight_norm(v: Linear, g: Magnitude, *, out: Out = None) -> Linear:
    """The weights of each unit as a direction and a length: w = g v / ‖v‖."""


def weight_norm_backward_loops(dv: Floats, dg: Floats, dw: Floats, v: Floats, g: Floats) -> Any:
    """Compute the sums tile by tile, then the entries chunk by chunk. Return whether something is not finite."""
    parts, zeros, nonfinite = partial_sums(v, 2), repeat_columns(accumulator_zeros(g.size, v), v), 0
    for tile in prange(tile_count(v)):
        products_of_tile(parts, 0, v, v, tile_columns(zeros, v, tile), tile)
        products_of_tile(parts, 1, dw, v, tile_columns(zeros, v, tile), tile)
    scale, x_factor = column_products(parts, 0, v, v, zeros), column_products(parts, 1, dw, v, zeros)
    for j in range(g.size):
        norm = np.sqrt(scale[j])
        nonfinite += is_nonfinite(cast_like(scale[j], v))
        dg[j] = cast_like(x_factor[j] / norm, v)
        scale[j], x_factor[j] = g[j] / norm, x_factor[j] / scale[j]
    wide, dy_sum = repeat_columns(scale, v), repeat_columns(x_factor, v)
    for chunk in prange(chunk_count(v)):
        nonfinite += input_gradient_chunk(dv, dw, v, zeros, wide, zeros, dy_sum, chunk)
    return (nonfinite > 0) | any_nonfinite(dg)


@loop_kernel(reference.weight_norm_backward, weight_norm_backward_loops)
def weight_norm_backward(dw: Linear, v: Linear, g: Magnitude, *, out: Out = None) -> tuple[Linear, Magnitude]:
    """The gradients by direction and length: dg = dw · v / ‖v‖, dv = g/‖v‖ dw − g dg/‖v‖² v."""


# --- x_factor the rows of a batch -----------------------------------------------------------------------------------------------------


@inlined
def rows_per_chunk(x: Floats) -> Any:
    """Return how many rows one thread takes at a time."""
    return max(1, ENTRIES // x.shape[1])


@inlined
def row_statistics(x: Floats, start: Any, stop: Any, eps: Any, like: Floats) -> Any:
    """Return the mean of a row and 1/√(σ² + ε), in the dtype of the batch, from two passes while the row is in the cache."""
    mean = cast_like(sum_between(x, start, stop) / (stop - start), like)
    return mean, cast_like(1 / deviation_of(sum_of_squares_between(x, start, stop, mean), stop - start, eps), like)


@inlined
def layer_norm_row(y: Floats, x: Floats, gamma: Floats, beta: Floats, start: Any, stop: Any, shift: Any, scale: Any) -> Any:
    """Compute γ (x − shift) scale + β of a row. Return a number that is not finite where a result is not."""
    width, zero = lane_count(x), fill_lanes(x, 0)
    full, bad = stop - (stop - start) % width, zero
    for j in range(start, full, width):
        new = load(gamma, j - start) * ((load(x, j) - shift) * scale) + load(beta, j - start)
        store(y, j, new)
        bad = bad + new * zero
    if full < stop:
        x_hat = (load_part(x, full, stop - full, shift) - shift) * scale
        new = load_part(gamma, full - start, stop - full, 0) * x_hat + load_part(beta, full - start, stop - full, 0)
        store_part(y, full, stop - full, new)
        bad = bad + new * zero
    return sum_of_lanes(bad)


@inlined
def layer_norm_rows(y: Floats, mean: Floats, rstd: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any, first: Any, last: Any) -> Any:
    """Normalize some rows, and store their statistics where there is space for them. Return whether something is not finite."""
    bad, k = 0, gamma.size
    new, old, weights, offsets = entries_of(y), entries_of(x), entries_of(gamma), entries_of(beta)
    for i in range(first, last):
        shift, scale = row_statistics(old, i * k, (i + 1) * k, eps, gamma)
        bad = bad + (is_nonfinite(layer_norm_row(new, old, weights, offsets, i * k, (i + 1) * k, shift, scale)) | is_nonfinite(1 / scale))
        if rstd.size:
            mean[i], rstd[i] = shift, scale
    return bad


def layer_norm_loops(y: Floats, mean: Floats, rstd: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Normalize each row while it is in the cache: its statistics, then its entries. Return whether something is not finite."""
    step, nonfinite = rows_per_chunk(x), 0
    for chunk in prange(divide_up(x.shape[0], step)):
        nonfinite += layer_norm_rows(y, mean, rstd, x, gamma, beta, eps, chunk * step, min((chunk + 1) * step, x.shape[0]))
    return nonfinite > 0


@keeping_statistics(reference.layer_norm, layer_norm_loops, statistics=("m", "m"))
def layer_norm(x: Batch, gamma: Units, beta: Units, *, eps: Eps, out: Out = None, save: bool | None = None) -> Batch:
    """Layer normalization: y = γ (x − μₙ) / √(σₙ² + ε) + β.  With `save` (y, (μ, 1/√(σ² + ε))), which its gradients take."""


@inlined
def layer_gradient_row(
    dx: Floats,
    dgamma: Floats,
    dbeta: Floats,
    dy: Floats,
    x: Floats,
    gamma: Floats,
    start: Any,
    stop: Any,
    shift: Any,
    scale: Any,
    mean: Any,
    factor: Any,
) -> Any:
    """Compute (γ dy − mean − x̂ factor) scale of a row, and add dy x̂ and dy to the sums of the columns, in one pass.

    Return a number that is not finite where a result is not.
    """
    width, zero = lane_count(x), fill_lanes(x, 0)
    full, bad = stop - (stop - start) % width, zero
    for j in range(start, full, width):
        at, d, x_hat = j - start, load(dy, j), (load(x, j) - shift) * scale
        new = ((load(gamma, at) * d - mean) - x_hat * factor) * scale
        store(dx, j, new)
        store(dgamma, at, load(dgamma, at) + d * x_hat)
        store(dbeta, at, load(dbeta, at) + d)
        bad = bad + new * zero
    if full < stop:
        at, count = full - start, stop - full
        d, x_hat = load_part(dy, full, count, 0), (load_part(x, full, count, shift) - shift) * scale
        new = ((load_part(gamma, at, count, 0) * d - mean) - x_hat * factor) * scale
        store_part(dx, full, count, new)
        store_part(dgamma, at, count, load_part(dgamma, at, count, 0) + d * x_hat)
        store_part(dbeta, at, count, load_part(dbeta, at, count, 0) + d)
        bad = bad + new * zero
    return sum_of_lanes(bad)


@inlined
def rows_per_part(x: Floats) -> Any:
    """Return how many rows one thread sums at a time."""
    return min(512, max(32, ENTRIES // x.shape[1]))


@inlined
def layer_norm_backward_part(
    parts: Floats, dx: Floats, mean: Floats, rstd: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any, part: Any
) -> Any:
    """Compute the rows of one part, and their sums. Return whether something is not finite."""
    k, bad, step = gamma.size, 0, rows_per_part(x)
    products, totals = zeros_like_dtype(k, x), zeros_like_dtype(k, x)
    dgamma, dbeta, new, d, old, weights = (
        entries_of(products),
        entries_of(totals),
        entries_of(dx),
        entries_of(dy),
        entries_of(x),
        entries_of(gamma),
    )
    for i in range(part * step, min((part + 1) * step, x.shape[0])):
        start, stop = i * k, (i + 1) * k
        shift, scale = (mean[i], rstd[i]) if rstd.size else row_statistics(old, start, stop, eps, gamma)
        dy_sum, product = weighted_sums_between(d, old, weights, start, stop, shift)
        center, factor = cast_like(dy_sum / k, x), cast_like(product * scale / k, x)
        bad = bad + is_nonfinite(
            layer_gradient_row(new, dgamma, dbeta, d, old, weights, start, stop, shift, scale, center, factor) + 1 / scale
        )
    for j in range(k):
        parts[part, 0, j], parts[part, 1, j] = products[j], totals[j]
    return bad


@inlined
def store_total(total: Floats, parts: Floats, kind: Any) -> Any:
    """Store the sum of one kind over all parts. Return whether something in it is not finite."""
    wide = accumulator_zeros(total.size, total)
    for part in range(parts.shape[0]):
        add_row(wide, parts[part, kind])
    for j in range(total.size):
        total[j] = cast_like(wide[j], total)
    return any_nonfinite(total)


def layer_norm_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, mean: Floats, rstd: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any
) -> Any:
    """Compute each row while it is in the cache; the sums over rows part by part. Return whether something is not finite."""
    count, nonfinite = divide_up(x.shape[0], rows_per_part(x)), 0
    parts = accumulator_zeros((count, 2, gamma.size), x)
    for part in prange(count):
        nonfinite += layer_norm_backward_part(parts, dx, mean, rstd, dy, x, gamma, eps, part)
    return (nonfinite > 0) | store_total(dgamma, parts, 0) | store_total(dbeta, parts, 1)


@taking_statistics(reference.layer_norm_backward, layer_norm_backward_loops, statistics=("m", "m"))
def layer_norm_backward(
    dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None, saved: Statistics = None
) -> tuple[Batch, Units, Units]:
    """Layer normalization's gradients: g = γ dy, dx = (g − mean g − x̂ mean(g x̂)) / √(σₙ² + ε), dγ = Σₙ dy x̂, dβ = Σₙ dy."""


@inlined
def rms_scale(x: Floats, start: Any, stop: Any, eps: Any, like: Floats) -> Any:
    """Return 1/√(mean x² + ε) of a row, in the dtype of the batch."""
    return cast_like(1 / deviation_of(sum_of_squares_between(x, start, stop, cast_like(0, like)), stop - start, eps), like)


@inlined
def rms_norm_row(y: Floats, x: Floats, gamma: Floats, start: Any, stop: Any, scale: Any) -> Any:
    """Compute γ x scale of a row. Return a number that is not finite where a result is not."""
    width, zero = lane_count(x), fill_lanes(x, 0)
    full, bad = stop - (stop - start) % width, zero
    for j in range(start, full, width):
        new = load(gamma, j - start) * (load(x, j) * scale)
        store(y, j, new)
        bad = bad + new * zero
    if full < stop:
        new = load_part(gamma, full - start, stop - full, 0) * (load_part(x, full, stop - full, 0) * scale)
        store_part(y, full, stop - full, new)
        bad = bad + new * zero
    return sum_of_lanes(bad)


@inlined
def rms_norm_rows(y: Floats, rstd: Floats, x: Floats, gamma: Floats, eps: Any, first: Any, last: Any) -> Any:
    """Normalize some rows, and store their scales where there is space for them. Return whether something is not finite."""
    bad, k, new, old, weights = 0, gamma.size, entries_of(y), entries_of(x), entries_of(gamma)
    for i in range(first, last):
        scale = rms_scale(old, i * k, (i + 1) * k, eps, gamma)
        bad = bad + (is_nonfinite(rms_norm_row(new, old, weights, i * k, (i + 1) * k, scale)) | is_nonfinite(1 / scale))
        if rstd.size:
            rstd[i] = scale
    return bad


def rms_norm_loops(y: Floats, rstd: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Normalize each row while it is in the cache: its mean square, then its entries. Return whether something is not finite."""
    step, nonfinite = rows_per_chunk(x), 0
    for chunk in prange(divide_up(x.shape[0], step)):
        nonfinite += rms_norm_rows(y, rstd, x, gamma, eps, chunk * step, min((chunk + 1) * step, x.shape[0]))
    return nonfinite > 0


@keeping_statistics(reference.rms_norm, rms_norm_loops, statistics=("m",))
def rms_norm(x: Batch, gamma: Units, *, eps: Eps, out: Out = None, save: bool | None = None) -> Batch:
    """RMS normalization: y = γ x / √(mean x² + ε).  With `save` (y, (1/√(mean x² + ε),)), which its gradients take."""


@inlined
def rms_norm_backward_part(parts: Floats, dx: Floats, rstd: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any, part: Any) -> Any:
    """Compute the rows of one part, and their sums. Return whether something is not finite."""
    k, bad, step, zero = gamma.size, 0, rows_per_part(x), cast_like(0, gamma)
    products, totals = zeros_like_dtype(k, x), zeros_like_dtype(k, x)
    dgamma, dbeta, new = entries_of(products), entries_of(totals), entries_of(dx)
    d, old, weights = entries_of(dy), entries_of(x), entries_of(gamma)
    for i in range(part * step, min((part + 1) * step, x.shape[0])):
        start, stop = i * k, (i + 1) * k
        scale = rstd[i] if rstd.size else rms_scale(old, start, stop, eps, gamma)
        _, product = weighted_sums_between(d, old, weights, start, stop, zero)
        factor = cast_like(product * scale / k, x)
        row = layer_gradient_row(new, dgamma, dbeta, d, old, weights, start, stop, zero, scale, zero, factor)
        bad = bad + is_nonfinite(row + 1 / scale)
    for j in range(k):
        parts[part, 0, j] = products[j]
    return bad


def rms_norm_backward_loops(dx: Floats, dgamma: Floats, rstd: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Compute each row while it is in the cache; the sums over rows part by part. Return whether something is not finite."""
    count, nonfinite = divide_up(x.shape[0], rows_per_part(x)), 0
    parts = accumulator_zeros((count, 1, gamma.size), x)
    for part in prange(count):
        nonfinite += rms_norm_backward_part(parts, dx, rstd, dy, x, gamma, eps, part)
    return (nonfinite > 0) | store_total(dgamma, parts, 0)


@taking_statistics(reference.rms_norm_backward, rms_norm_backward_loops, statistics=("m",))
def rms_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None, saved: Statistics = None) -> tuple[Batch, Units]:
    """RMS normalization's gradients: g = γ dy, dx = (g − x̂ mean(g x̂)) / √(mean x² + ε), dγ = Σₙ dy x̂."""


# --- over the channels of images -----------------------------------------------------------------------------------------------------


@inlined
def affine_between(y: Floats, x: Floats, start: Any, stop: Any, shift: Any, scale: Any, offset: Any) -> Any:
    """Apply an affine map to some entries. Return a number that is not finite where a result is not."""
    width, zero = lane_count(x), fill_lanes(x, 0)
    full, bad = stop - (stop - start) % width, zero
    for j in range(start, full, width):
        new = (load(x, j) - shift) * scale + offset
        store(y, j, new)
        bad = bad + new * zero
    if full < stop:
        new = (load_part(x, full, stop - full, shift) - shift) * scale + offset
        store_part(y, full, stop - full, new)
        bad = bad + new * zero
    return sum_of_lanes(bad)


@inlined
def input_gradient_between(
    dx: Floats, dy: Floats, x: Floats, start: Any, stop: Any, gamma: Any, shift: Any, scale: Any, mean: Any, factor: Any
) -> Any:
    """Compute (γ dy − mean − x̂ factor) scale of some entries. Return a number that is not finite where a result is not."""
    width, zero = lane_count(x), fill_lanes(x, 0)
    full, bad = stop - (stop - start) % width, zero
    for j in range(start, full, width):
        new = ((load(dy, j) * gamma - mean) - (load(x, j) - shift) * scale * factor) * scale
        store(dx, j, new)
        bad = bad + new * zero
    if full < stop:
        x_hat = (load_part(x, full, stop - full, shift) - shift) * scale
        new = ((load_part(dy, full, stop - full, 0) * gamma - mean) - x_hat * factor) * scale
        store_part(dx, full, stop - full, new)
        bad = bad + new * zero
    return sum_of_lanes(bad)


@inlined
def channel_statistics(x: Floats, channel: Any, eps: Any) -> Any:
    """Return the mean of one channel of all images, and 1/√(σ² + ε), in the dtype of the images."""
    merged, count = x.reshape((x.shape[0], x.shape[1], x.shape[2] * x.shape[3])), x.size // x.shape[1]
    mean = cast_like(channel_sum(merged, channel) / count, x)
    return mean, cast_like(1 / deviation_of(channel_sum_of_squares(merged, channel, mean), count, eps), x)


@inlined
def batch_norm_channel(y: Floats, x: Floats, first: Any, wide: Any, last: Any, size: Any, shift: Any, scale: Any, beta: Any) -> Any:
    """Normalize one channel of all images. Return whether something is not finite."""
    bad = 0
    for start in range(first, last, wide):
        bad = bad + is_nonfinite(affine_between(y, x, start, start + size, shift, scale, beta))
    return bad


def batch_norm_conv_loops(y: Floats, mean: Floats, rstd: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Normalize each channel while it is in the cache: its statistics, then its entries. Return whether something is not finite."""
    nonfinite, size = 0, x.shape[2] * x.shape[3]
    wide = size * gamma.size
    for channel in prange(gamma.size):
        new, old, first = entries_of(y), entries_of(x), channel * size
        shift, scale = channel_statistics(x, channel, eps)
        bad = batch_norm_channel(new, old, first, wide, x.size, size, shift, gamma[channel] * scale, beta[channel])
        nonfinite += bad + is_nonfinite(1 / scale)
        if rstd.size:
            mean[channel], rstd[channel] = shift, scale
    return nonfinite > 0


@keeping_statistics(reference.batch_norm_conv, batch_norm_conv_loops, statistics=("c", "c"))
def batch_norm_conv(
    x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, eps: Eps, out: Out = None, save: bool | None = None
) -> ImageBatch:
    """Batch normalization after a convolution: y = γ_c (x − μ_c) / √(σ²_c + ε) + β_c.  With `save` (y, (μ, 1/√(σ² + ε)))."""


@inlined
def batch_norm_backward_channel(
    dx: Floats, dy: Floats, x: Floats, first: Any, wide: Any, last: Any, size: Any, gamma: Any, shift: Any, scale: Any, like: Floats
) -> Any:
    """Compute the gradient of one channel of all images. Return whether something is not finite, and the sums of dy x̂ and of dy."""
    bad, count = 0, (last - first + wide - 1) // wide * size
    dy_sum, product = channel_gradient_sums(dy, x, first, wide, last, size, shift)
    product = product * scale
    mean, factor = cast_like(gamma * dy_sum / count, like), cast_like(gamma * product / count, like)
    for start in range(first, last, wide):
        bad = bad + is_nonfinite(input_gradient_between(dx, dy, x, start, start + size, gamma, shift, scale, mean, factor))
    return bad, cast_like(product, like), cast_like(dy_sum, like)


def batch_norm_conv_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, mean: Floats, rstd: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any
) -> Any:
    """Compute each channel while it is in the cache: its sums, then its entries. Return whether something is not finite."""
    nonfinite, size = 0, x.shape[2] * x.shape[3]
    wide = size * gamma.size
    for channel in prange(gamma.size):
        new, d, old, first = entries_of(dx), entries_of(dy), entries_of(x), channel * size
        shift, scale = (mean[channel], rstd[channel]) if rstd.size else channel_statistics(x, channel, eps)
        bad, product, dy_sum = batch_norm_backward_channel(new, d, old, first, wide, x.size, size, gamma[channel], shift, scale, gamma)
        dgamma[channel], dbeta[channel] = product, dy_sum
        nonfinite += bad + is_nonfinite(1 / scale)
    return (nonfinite > 0) | any_nonfinite(dgamma) | any_nonfinite(dbeta)


@taking_statistics(reference.batch_norm_conv_backward, batch_norm_conv_backward_loops, statistics=("c", "c"))
def batch_norm_conv_backward(
    dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, eps: Eps, out: Out = None, saved: Statistics = None
) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """Its gradients: dβ_c = Σ dy, dγ_c = Σ dy x̂, dx = γ_c/√(σ²_c + ε) (dy − mean dy − x̂ mean(dy x̂))."""


# --- over groups of channels of one image, an instance's group being one channel -----------------------------------------------------


@inlined
def group_statistics(mean: Floats, rstd: Floats, x: Floats, first: Any, entries: Any, eps: Any) -> None:
    """Store the means of some groups and 1/√(σ² + ε): sums first, so that none waits for another one's root."""
    squares = accumulator_zeros(mean.size, mean)
    for i in range(mean.size):
        start = (first + i) * entries
        mean[i] = cast_like(sum_between(x, start, start + entries) / entries, mean)
        squares[i] = sum_of_squares_between(x, start, start + entries, mean[i])
    for i in range(mean.size):
        rstd[i] = cast_like(1 / deviation_of(squares[i], entries, eps), mean)


@inlined
def group_norm_groups(
    y: Floats, mean: Floats, rstd: Floats, x: Floats, gamma: Floats, beta: Floats, groups: Any, first: Any, last: Any, size: Any, eps: Any
) -> Any:
    """Normalize some groups of all images, and store their statistics where there is space for them.

    Return whether something is not finite.
    """
    own, bad = gamma.size // groups, 0
    entries, shift, scale = own * size, zeros_like_dtype(last - first, gamma), zeros_like_dtype(last - first, gamma)
    group_statistics(shift, scale, x, first, entries, eps)
    channel = first % groups * own
    for i in range(shift.size):
        for here in range((first + i) * entries, (first + i + 1) * entries, size):
            factor = gamma[channel] * scale[i]
            bad = bad + is_nonfinite(affine_between(y, x, here, here + size, shift[i], factor, beta[channel]))
            channel = channel + 1
        bad = bad + is_nonfinite(1 / scale[i])
        channel = channel if channel < gamma.size else 0
    if rstd.size:
        means, scales = mean.reshape(mean.size), rstd.reshape(rstd.size)
        for i in range(shift.size):
            means[first + i], scales[first + i] = shift[i], scale[i]
    return bad


def group_norm_loops(y: Floats, mean: Floats, rstd: Floats, x: Floats, gamma: Floats, beta: Floats, groups: Any, eps: Any) -> Any:
    """Normalize each group while it is in the cache: its statistics, then its entries. Return whether something is not finite."""
    size, nonfinite = x.shape[2] * x.shape[3], 0
    step, count = max(1, ENTRIES // (gamma.size // groups * size)), x.shape[0] * groups
    for chunk in prange(divide_up(count, step)):
        last = min((chunk + 1) * step, count)
        nonfinite += group_norm_groups(entries_of(y), mean, rstd, entries_of(x), gamma, beta, groups, chunk * step, last, size, eps)
    return nonfinite > 0


@keeping_statistics(reference.group_norm, group_norm_loops, statistics=("n groups", "n groups"))
def group_norm(
    x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, groups: Groups, eps: Eps, out: Out = None, save: bool | None = None
) -> ImageBatch:
    """Group normalization: y = γ_c (x − μ) / √(σ² + ε) + β_c, by the statistics of a group of channels of an image.

    With `save` (y, (μ, 1/√(σ² + ε))), which its gradients take.
    """


def instance_norm_loops(y: Floats, mean: Floats, rstd: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Normalize each channel of each image while it is in the cache. Return whether something is not finite."""
    size, count, nonfinite = x.shape[2] * x.shape[3], x.shape[0] * x.shape[1], 0
    step = max(1, ENTRIES // size)
    for chunk in prange(divide_up(count, step)):
        last = min((chunk + 1) * step, count)
        nonfinite += group_norm_groups(entries_of(y), mean, rstd, entries_of(x), gamma, beta, gamma.size, chunk * step, last, size, eps)
    return nonfinite > 0


@keeping_statistics(reference.instance_norm, instance_norm_loops, statistics=("n c", "n c"))
def instance_norm(
    x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, eps: Eps, out: Out = None, save: bool | None = None
) -> ImageBatch:
    """Instance normalization: y = γ_c (x − μ) / √(σ² + ε) + β_c, by the statistics of a channel of an image.

    With `save` (y, (μ, 1/√(σ² + ε))), which its gradients take.
    """


@inlined
def group_backward_groups(
    parts: Floats,
    dx: Floats,
    mean: Floats,
    rstd: Floats,
    dy: Floats,
    x: Floats,
    gamma: Floats,
    groups: Any,
    first: Any,
    last: Any,
    size: Any,
    eps: Any,
) -> Any:
    """Compute the gradients of some groups of all images, and the sums of their channels. Return whether something is not finite."""
    own, bad = gamma.size // groups, 0
    entries, shift, scale = own * size, zeros_like_dtype(last - first, gamma), zeros_like_dtype(last - first, gamma)
    if rstd.size:
        means, scales = mean.reshape(mean.size), rstd.reshape(rstd.size)
        for i in range(shift.size):
            shift[i], scale[i] = means[first + i], scales[first + i]
    else:
        group_statistics(shift, scale, x, first, entries, eps)
    for i in range(shift.size):
        image, channel, start = (first + i) // groups, (first + i) % groups * own, (first + i) * entries
        dy_sum, product = 0.0, 0.0
        for c in range(own):
            here = start + c * size
            part, other = gradient_sums_between(dy, x, here, here + size, shift[i])
            other = other * scale[i]
            dy_sum, product = dy_sum + gamma[channel + c] * part, product + gamma[channel + c] * other
            parts[image, 1, channel + c], parts[image, 0, channel + c] = part, other
        center, factor = cast_like(dy_sum / entries, gamma), cast_like(product / entries, gamma)
        for c in range(own):
            here = start + c * size
            run = input_gradient_between(dx, dy, x, here, here + size, gamma[channel + c], shift[i], scale[i], center, factor)
            bad = bad + is_nonfinite(run)
        bad = bad + is_nonfinite(1 / scale[i])
    return bad


def group_norm_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, mean: Floats, rstd: Floats, dy: Floats, x: Floats, gamma: Floats, groups: Any, eps: Any
) -> Any:
    """Compute each group while it is in the cache: its sums, then its entries; the sums over images at the end.

    Return whether something is not finite.
    """
    parts, nonfinite = accumulator_zeros((x.shape[0], 2, gamma.size), x), 0
    size, count = x.shape[2] * x.shape[3], x.shape[0] * groups
    step = max(1, ENTRIES // (gamma.size // groups * size))
    for chunk in prange(divide_up(count, step)):
        last = min((chunk + 1) * step, count)
        nonfinite += group_backward_groups(
            parts, entries_of(dx), mean, rstd, entries_of(dy), entries_of(x), gamma, groups, chunk * step, last, size, eps
        )
    return (nonfinite > 0) | store_total(dgamma, parts, 0) | store_total(dbeta, parts, 1)


@taking_statistics(reference.group_norm_backward, group_norm_backward_loops, statistics=("n groups", "n groups"))
def group_norm_backward(
    dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, groups: Groups, eps: Eps, out: Out = None, saved: Statistics = None
) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """Its gradients: g = γ_c dy, dx = (g − mean g − x̂ mean(g x̂)) / √(σ² + ε) over the group, dγ_c = Σ dy x̂, dβ_c = Σ dy."""


def instance_norm_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, mean: Floats, rstd: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any
) -> Any:
    """Compute each channel of each image while it is in the cache; the sums over images at the end.

    Return whether something is not finite.
    """
    parts, nonfinite = accumulator_zeros((x.shape[0], 2, gamma.size), x), 0
    size, count = x.shape[2] * x.shape[3], x.shape[0] * x.shape[1]
    step = max(1, ENTRIES // size)
    for chunk in prange(divide_up(count, step)):
        last = min((chunk + 1) * step, count)
        nonfinite += group_backward_groups(
            parts, entries_of(dx), mean, rstd, entries_of(dy), entries_of(x), gamma, gamma.size, chunk * step, last, size, eps
        )
    return (nonfinite > 0) | store_total(dgamma, parts, 0) | store_total(dbeta, parts, 1)


@taking_statistics(reference.instance_norm_backward, instance_norm_backward_loops, statistics=("n c", "n c"))
def instance_norm_backward(
    dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, eps: Eps, out: Out = None, saved: Statistics = None
) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """Its gradients: dx = γ_c/√(σ² + ε) (dy − mean dy − x̂ mean(dy x̂)), dγ_c = Σ dy x̂, dβ_c = Σ dy over n, h and w."""
