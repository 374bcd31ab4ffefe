"""Normalization layers, fast: `trainspec.reference.normalization` says what each formula is; the results are within its rounding bound.

`out` takes the result, an array or a tuple of arrays, apart from the arguments; None stands for a fresh one. Means and variances are summed
in float64 in chunks that stay in the cache, so that every array is read once, or twice where the statistics need all of it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from ..reference import normalization as reference
from ._jit import inlined, specialize
from ._loops.arithmetic import accumulator_zeros, any_nonfinite, cast_like, divide_up, is_nonfinite, zeros_like_dtype
from ._loops.kernel import loop_kernel
from ._loops.reductions import (
    add_products_and_dy,
    add_row,
    add_scaled,
    channel_sum,
    channel_sum_of_squares,
    channel_sums,
    column_products,
    column_sums,
    gradient_sums,
    gradient_sums_of_tile,
    moments,
    moments_of_tile,
    partial_sums,
    products_of_tile,
    row_gradient_sums,
    row_sum,
    row_sum_of_squares,
    row_weighted_sums,
    rows_side_by_side,
    tile_columns,
    tile_count,
)

if TYPE_CHECKING:
    from typing import Any

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


@inlined
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


def batch_norm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Compute the statistics tile by tile, then the entries chunk by chunk. Return whether something is not finite."""
    parts, nonfinite = partial_sums(x, 2), 0
    for tile in prange(tile_count(x)):
        moments_of_tile(parts, x, tile)
    mean, scale, overflow = moments(parts, x)
    for j in range(mean.size):
        scale[j] = gamma[j] / deviation_of(scale[j], x.shape[0], eps)
    shift, wide, offset = repeat_columns(mean, x), repeat_columns(scale, x), repeat_columns(beta, x)
    for chunk in prange(chunk_count(x)):
        nonfinite += affine_chunk(y, x, shift, wide, offset, chunk)
    return overflow | (nonfinite > 0)


@loop_kernel(reference.batch_norm, batch_norm_loops)
def batch_norm(x: Batch, gamma: Units, beta: Units, *, eps: Eps, out: Out = None) -> Batch:
    """Batch normalization in training: y = γ (x − μ) / √(σ² + ε) + β."""


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


def batch_norm_backward_loops(dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
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
        scale[j] = gamma[j] / std
        dgamma[j], dbeta[j] = cast_like(product[j] / std, x), cast_like(dy_sum[j], x)
        dy_sum[j], product[j] = dy_sum[j] / x.shape[0], product[j] / x.shape[0] / std**2
    shift, wide, means, x_factor = repeat_columns(mean, x), repeat_columns(scale, x), repeat_columns(dy_sum, x), repeat_columns(product, x)
    for chunk in prange(chunk_count(x)):
        nonfinite += input_gradient_chunk(dx, dy, x, shift, wide, means, x_factor, chunk)
    return overflow | (nonfinite > 0) | any_nonfinite(dgamma) | any_nonfinite(dbeta)


@loop_kernel(reference.batch_norm_backward, batch_norm_backward_loops)
def batch_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> tuple[Batch, Units, Units]:
    """Batch normalization's gradients: dβ = Σ dy, dγ = Σ dy x̂, dx = γ/√(σ² + ε) (dy − dβ/m − x̂ dγ/m)."""


@loop_kernel(reference.batch_norm_backward_staged, batch_norm_backward_loops)
def batch_norm_backward_staged(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> tuple[Batch, Units, Units]:
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
def layer_norm_row(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Normalize one row. Return whether something is not finite."""
    shift = cast_like(row_sum(x) / x.size, x)
    var = row_sum_of_squares(x, shift) / x.size
    scale, nonfinite = cast_like(1 / np.sqrt(var + eps), x), is_nonfinite(var)
    for j in range(x.size):
        y[j] = gamma[j] * ((x[j] - shift) * scale) + beta[j]
        nonfinite |= is_nonfinite(y[j])
    return nonfinite


def layer_norm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Normalize each row while it is in the cache: its statistics, then its entries. Return whether something is not finite."""
    step, nonfinite = rows_per_chunk(x), 0
    for chunk in prange(divide_up(x.shape[0], step)):
        for i in range(chunk * step, min((chunk + 1) * step, x.shape[0])):
            nonfinite += layer_norm_row(y[i], x[i], gamma, beta, eps)
    return nonfinite > 0


@loop_kernel(reference.layer_norm, layer_norm_loops)
def layer_norm(x: Batch, gamma: Units, beta: Units, *, eps: Eps, out: Out = None) -> Batch:
    """Layer normalization: y = γ (x − μₙ) / √(σₙ² + ε) + β."""


@inlined
def input_gradient_row(dx: Floats, dy: Floats, x: Floats, gamma: Floats, shift: Any, eps: Any) -> Any:
    """Compute one row of the gradient. Return whether something is not finite, and the scale."""
    square, dy_sum, product = row_weighted_sums(dy, x, gamma, shift)
    var = square / x.size
    scale = cast_like(1 / np.sqrt(var + eps), x)
    mean, x_factor = cast_like(dy_sum / x.size, x), cast_like(product / (x.size * (var + eps)), x)
    nonfinite = is_nonfinite(var)
    for j in range(x.size):
        dx[j] = ((gamma[j] * dy[j] - mean) - (x[j] - shift) * x_factor) * scale
        nonfinite |= is_nonfinite(dx[j])
    return nonfinite, scale


@inlined
def rows_per_part(x: Floats) -> Any:
    """Return how many rows one thread sums at a time."""
    return min(512, max(32, ENTRIES // x.shape[1]))


@inlined
def layer_norm_backward_part(parts: Floats, dx: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any, part: Any) -> Any:
    """Compute the rows of one part, and their sums. Return whether something is not finite."""
    dgamma, dbeta, nonfinite = zeros_like_dtype(gamma.size, x), zeros_like_dtype(gamma.size, x), 0
    step = rows_per_part(x)
    for i in range(part * step, min((part + 1) * step, x.shape[0])):
        shift = cast_like(row_sum(x[i]) / x.shape[1], x)
        row_nonfinite, scale = input_gradient_row(dx[i], dy[i], x[i], gamma, shift, eps)
        nonfinite += row_nonfinite
        add_products_and_dy(dgamma, dbeta, dy[i], x[i], shift, scale)
    for j in range(gamma.size):
        parts[part, 0, j], parts[part, 1, j] = dgamma[j], dbeta[j]
    return nonfinite


@inlined
def store_total(total: Floats, parts: Floats, kind: Any) -> Any:
    """Store the sum of one kind over all parts. Return whether something in it is not finite."""
    wide = accumulator_zeros(total.size, total)
    for part in range(parts.shape[0]):
        add_row(wide, parts[part, kind])
    for j in range(total.size):
        total[j] = cast_like(wide[j], total)
    return any_nonfinite(total)


def layer_norm_backward_loops(dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Compute each row while it is in the cache; the sums over rows part by part. Return whether something is not finite."""
    count, nonfinite = divide_up(x.shape[0], rows_per_part(x)), 0
    parts = accumulator_zeros((count, 2, gamma.size), x)
    for part in prange(count):
        nonfinite += layer_norm_backward_part(parts, dx, dy, x, gamma, eps, part)
    return (nonfinite > 0) | store_total(dgamma, parts, 0) | store_total(dbeta, parts, 1)


@loop_kernel(reference.layer_norm_backward, layer_norm_backward_loops)
def layer_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> tuple[Batch, Units, Units]:
    """Layer normalization's gradients: g = γ dy, dx = (g − mean g − x̂ mean(g x̂)) / √(σₙ² + ε), dγ = Σₙ dy x̂, dβ = Σₙ dy."""


@inlined
def mean_square(x: Floats) -> Any:
    """Return the mean of the squares of a row."""
    return row_sum_of_squares(x, cast_like(0.0, x)) / x.size


@inlined
def rms_norm_row(y: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Normalize one row. Return whether something is not finite."""
    var = mean_square(x) + eps
    scale, nonfinite = cast_like(1 / np.sqrt(var), x), is_nonfinite(var)
    for j in range(x.size):
        y[j] = gamma[j] * (x[j] * scale)
        nonfinite |= is_nonfinite(y[j])
    return nonfinite


def rms_norm_loops(y: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Normalize each row while it is in the cache: its mean square, then its entries. Return whether something is not finite."""
    step, nonfinite = rows_per_chunk(x), 0
    for chunk in prange(divide_up(x.shape[0], step)):
        for i in range(chunk * step, min((chunk + 1) * step, x.shape[0])):
            nonfinite += rms_norm_row(y[i], x[i], gamma, eps)
    return nonfinite > 0


@loop_kernel(reference.rms_norm, rms_norm_loops)
def rms_norm(x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> Batch:
    """RMS normalization: y = γ x / √(mean x² + ε)."""


@inlined
def rms_input_gradient_row(dx: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Compute one row of the gradient. Return whether something is not finite, and the scale."""
    square, _, product = row_weighted_sums(dy, x, gamma, cast_like(0.0, x))
    var = square / x.size + eps
    scale = cast_like(1 / np.sqrt(var), x)
    x_factor, nonfinite = cast_like(product / (x.size * var), x), is_nonfinite(var)
    for j in range(x.size):
        dx[j] = (gamma[j] * dy[j] - x[j] * x_factor) * scale
        nonfinite |= is_nonfinite(dx[j])
    return nonfinite, scale


@inlined
def rms_norm_backward_part(parts: Floats, dx: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any, part: Any) -> Any:
    """Compute the rows of one part, and their sums. Return whether something is not finite."""
    dgamma, nonfinite, step = zeros_like_dtype(gamma.size, x), 0, rows_per_part(x)
    for i in range(part * step, min((part + 1) * step, x.shape[0])):
        row_nonfinite, scale = rms_input_gradient_row(dx[i], dy[i], x[i], gamma, eps)
        nonfinite += row_nonfinite
        add_scaled(dgamma, dy[i], x[i], cast_like(0.0, x), scale)
    for j in range(gamma.size):
        parts[part, 0, j] = dgamma[j]
    return nonfinite


def rms_norm_backward_loops(dx: Floats, dgamma: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Compute each row while it is in the cache; the sums over rows part by part. Return whether something is not finite."""
    count, nonfinite = divide_up(x.shape[0], rows_per_part(x)), 0
    parts = accumulator_zeros((count, 1, gamma.size), x)
    for part in prange(count):
        nonfinite += rms_norm_backward_part(parts, dx, dy, x, gamma, eps, part)
    return (nonfinite > 0) | store_total(dgamma, parts, 0)


@loop_kernel(reference.rms_norm_backward, rms_norm_backward_loops)
def rms_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> tuple[Batch, Units]:
    """RMS normalization's gradients: g = γ dy, dx = (g − x̂ mean(g x̂)) / √(mean x² + ε), dγ = Σₙ dy x̂."""


# --- over the channels of images -----------------------------------------------------------------------------------------------------


@inlined
def merge_positions(x: Floats) -> Floats:
    """Return images with one axis for all positions."""
    return x.reshape((x.shape[0], x.shape[1], x.shape[2] * x.shape[3]))


@inlined
def affine_run(y: Floats, x: Floats, shift: Any, scale: Any, offset: Any) -> Any:
    """Apply the affine map to one channel of one image. Return whether something is not finite."""
    nonfinite = False
    for j in range(y.size):
        y[j] = (x[j] - shift) * scale + offset
        nonfinite |= is_nonfinite(y[j])
    return nonfinite


@inlined
def batch_norm_channel(y: Floats, x: Floats, gamma: Any, beta: Any, eps: Any, channel: Any) -> Any:
    """Normalize one channel of all images. Return whether something is not finite."""
    count = x.shape[0] * x.shape[2]
    shift = cast_like(channel_sum(x, channel) / count, x)
    squares = channel_sum_of_squares(x, channel, shift)
    scale, nonfinite = cast_like(gamma / deviation_of(squares, count, eps), x), int(is_nonfinite(cast_like(squares, x)))
    for i in range(x.shape[0]):
        nonfinite += affine_run(y[i, channel], x[i, channel], shift, scale, beta)
    return nonfinite


def batch_norm_conv_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Normalize each channel while it is in the cache: its statistics, then its entries. Return whether something is not finite."""
    nonfinite = 0
    for channel in prange(gamma.size):
        nonfinite += batch_norm_channel(merge_positions(y), merge_positions(x), gamma[channel], beta[channel], eps, channel)
    return nonfinite > 0


@loop_kernel(reference.batch_norm_conv, batch_norm_conv_loops)
def batch_norm_conv(x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, eps: Eps, out: Out = None) -> ImageBatch:
    """Batch normalization after a convolution: y = γ_c (x − μ_c) / √(σ²_c + ε) + β_c."""


@inlined
def input_gradient_run(dx: Floats, dy: Floats, x: Floats, shift: Any, scale: Any, mean: Any, x_factor: Any) -> Any:
    """Compute the gradient of one channel of one image. Return whether something is not finite."""
    nonfinite = False
    for j in range(dx.size):
        dx[j] = scale * ((dy[j] - mean) - (x[j] - shift) * x_factor)
        nonfinite |= is_nonfinite(dx[j])
    return nonfinite


@inlined
def batch_norm_backward_channel(dx: Floats, dy: Floats, x: Floats, gamma: Any, eps: Any, channel: Any) -> Any:
    """Compute the gradient of one channel of all images. Return whether something is not finite, and the sums."""
    count, nonfinite = x.shape[0] * x.shape[2], 0
    shift = cast_like(channel_sum(x, channel) / count, x)
    square, dy_sum, product = channel_sums(dy, x, channel, shift)
    var = square / count
    std = np.sqrt(var + eps)
    nonfinite += is_nonfinite(cast_like(var, x))
    scale, mean, x_factor = cast_like(gamma / std, x), cast_like(dy_sum / count, x), cast_like(product / (count * (var + eps)), x)
    for i in range(x.shape[0]):
        nonfinite += input_gradient_run(dx[i, channel], dy[i, channel], x[i, channel], shift, scale, mean, x_factor)
    return nonfinite, cast_like(product / std, x), cast_like(dy_sum, x)


def batch_norm_conv_backward_loops(dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Compute each channel while it is in the cache: its sums, then its entries. Return whether something is not finite."""
    nonfinite = 0
    for channel in prange(gamma.size):
        row_nonfinite, product, dy_sum = batch_norm_backward_channel(
            merge_positions(dx), merge_positions(dy), merge_positions(x), gamma[channel], eps, channel
        )
        dgamma[channel], dbeta[channel] = product, dy_sum
        nonfinite += row_nonfinite
    return (nonfinite > 0) | any_nonfinite(dgamma) | any_nonfinite(dbeta)


@loop_kernel(reference.batch_norm_conv_backward, batch_norm_conv_backward_loops)
def batch_norm_conv_backward(
    dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, eps: Eps, out: Out = None
) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """Its gradients: dβ_c = Σ dy, dγ_c = Σ dy x̂, dx = γ_c/√(σ²_c + ε) (dy − mean dy − x̂ mean(dy x̂))."""


# --- over groups of channels of one image, an instance's group being one channel -----------------------------------------------------


@inlined
def as_group_rows(x: Floats, groups: Any) -> Floats:
    """Return images as rows, one for each group of each image."""
    return x.reshape((x.shape[0] * groups, x.size // (x.shape[0] * groups)))


@inlined
def group_norm_row(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Normalize one group of one image. Return whether something is not finite."""
    shift, size, nonfinite = cast_like(row_sum(x) / x.size, x), x.size // gamma.size, 0
    std = deviation_of(row_sum_of_squares(x, shift), x.size, eps)
    nonfinite += is_nonfinite(cast_like(std, x))
    for channel in range(gamma.size):
        here, scale = channel * size, cast_like(gamma[channel] / std, x)
        nonfinite += affine_run(y[here : here + size], x[here : here + size], shift, scale, beta[channel])
    return nonfinite


def group_norm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, groups: Any, eps: Any) -> Any:
    """Normalize each group while it is in the cache: its statistics, then its entries. Return whether something is not finite."""
    own, nonfinite = gamma.size // groups, 0
    for i in prange(x.shape[0] * groups):
        here = i % groups * own
        nonfinite += group_norm_row(
            as_group_rows(y, groups)[i], as_group_rows(x, groups)[i], gamma[here : here + own], beta[here : here + own], eps
        )
    return nonfinite > 0


@loop_kernel(reference.group_norm, group_norm_loops)
def group_norm(x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, groups: Groups, eps: Eps, out: Out = None) -> ImageBatch:
    """Group normalization: y = γ_c (x − μ) / √(σ² + ε) + β_c, by the statistics of a group of channels of an image."""


def instance_norm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Normalize each channel of each image while it is in the cache. Return whether something is not finite."""
    groups, nonfinite = gamma.size, 0
    for i in prange(x.shape[0] * groups):
        here = i % groups
        nonfinite += group_norm_row(
            as_group_rows(y, groups)[i], as_group_rows(x, groups)[i], gamma[here : here + 1], beta[here : here + 1], eps
        )
    return nonfinite > 0


@loop_kernel(reference.instance_norm, instance_norm_loops)
def instance_norm(x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, eps: Eps, out: Out = None) -> ImageBatch:
    """Instance normalization: y = γ_c (x − μ) / √(σ² + ε) + β_c, by the statistics of a channel of an image."""


@inlined
def group_input_gradient_row(dx: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any, dy_sums: Floats, products: Floats) -> Any:
    """Compute the gradient of one group of one image, and the sums of its channels. Return whether something is not finite."""
    shift, size, nonfinite, dy_sum, product = cast_like(row_sum(x) / x.size, x), x.size // gamma.size, 0, 0.0, 0.0
    std = deviation_of(row_sum_of_squares(x, shift), x.size, eps)
    nonfinite += is_nonfinite(cast_like(std, x))
    for channel in range(gamma.size):
        here = channel * size
        part, other = row_gradient_sums(dy[here : here + size], x[here : here + size], shift)
        dy_sum, product = dy_sum + gamma[channel] * part, product + gamma[channel] * other
        dy_sums[channel], products[channel] = part, other / std
    scale, mean, x_factor = cast_like(1 / std, x), cast_like(dy_sum / x.size, x), cast_like(product / x.size / std**2, x)
    for channel in range(gamma.size):
        here = channel * size
        run = dx[here : here + size], dy[here : here + size], x[here : here + size]
        nonfinite += weighted_input_gradient_run(*run, gamma[channel], shift, scale, mean, x_factor)
    return nonfinite


@inlined
def weighted_input_gradient_run(dx: Floats, dy: Floats, x: Floats, gamma: Any, shift: Any, scale: Any, mean: Any, x_factor: Any) -> Any:
    """Compute the gradient of one channel of one image. Return whether something is not finite."""
    nonfinite = False
    for j in range(dx.size):
        dx[j] = ((gamma * dy[j] - mean) - (x[j] - shift) * x_factor) * scale
        nonfinite |= is_nonfinite(dx[j])
    return nonfinite


@inlined
def group_norm_backward_row(parts: Floats, dx: Floats, dy: Floats, x: Floats, gamma: Floats, groups: Any, eps: Any, i: Any) -> Any:
    """Compute the gradient of one group of one image, by its index. Return whether something is not finite."""
    own = gamma.size // groups
    image, here = i // groups, i % groups * own
    rows = as_group_rows(dx, groups)[i], as_group_rows(dy, groups)[i], as_group_rows(x, groups)[i]
    return group_input_gradient_row(
        *rows, gamma[here : here + own], eps, parts[image, 1, here : here + own], parts[image, 0, here : here + own]
    )


def group_norm_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, groups: Any, eps: Any
) -> Any:
    """Compute each group while it is in the cache: its sums, then its entries; the sums over images at the end.

    Return whether something is not finite.
    """
    parts, nonfinite = accumulator_zeros((x.shape[0], 2, gamma.size), x), 0
    for i in prange(x.shape[0] * groups):
        nonfinite += group_norm_backward_row(parts, dx, dy, x, gamma, groups, eps, i)
    return (nonfinite > 0) | store_total(dgamma, parts, 0) | store_total(dbeta, parts, 1)


@loop_kernel(reference.group_norm_backward, group_norm_backward_loops)
def group_norm_backward(
    dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, groups: Groups, eps: Eps, out: Out = None
) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """Its gradients: g = γ_c dy, dx = (g − mean g − x̂ mean(g x̂)) / √(σ² + ε) over the group, dγ_c = Σ dy x̂, dβ_c = Σ dy."""


def instance_norm_backward_loops(dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Compute each channel of each image while it is in the cache; the sums over images at the end.

    Return whether something is not finite.
    """
    parts, nonfinite = accumulator_zeros((x.shape[0], 2, gamma.size), x), 0
    for i in prange(x.shape[0] * gamma.size):
        nonfinite += group_norm_backward_row(parts, dx, dy, x, gamma, gamma.size, eps, i)
    return (nonfinite > 0) | store_total(dgamma, parts, 0) | store_total(dbeta, parts, 1)


@loop_kernel(reference.instance_norm_backward, instance_norm_backward_loops)
def instance_norm_backward(
    dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, eps: Eps, out: Out = None
) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """Its gradients: dx = γ_c/√(σ² + ε) (dy − mean dy − x̂ mean(dy x̂)), dγ_c = Σ dy x̂, dβ_c = Σ dy over n, h and w."""
