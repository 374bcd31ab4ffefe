"""Normalization layers, fast: `trainspec.reference.normalization` says what each formula is; the results are within its rounding bound.

`out` takes the result, an array or a tuple of arrays, apart from the arguments; None stands for a fresh one. Means and variances are summed
in float64 in pieces that stay in the cache, so that every array is read once, or twice where the statistics need all of it first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from ..reference import normalization as reference
from ._kernels import inlined
from ._statistics import (
    add,
    add_both,
    add_scaled,
    ceiling,
    columns_of,
    moments,
    parts_of,
    product_tile,
    side_by_side,
    slope_tile,
    slopes,
    slopes_of,
    squares_of,
    squares_of_channel,
    sum_tile,
    sums_of_channel,
    tiles,
    total_of,
    total_of_channel,
    total_products,
    totals_of,
    weighted_sums_of,
    zeros,
)
from ._written import narrowed, renamed, strange, wide_zeros, written

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
    from ._kernels import Out

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
def any_strange(numbers: Floats) -> Any:
    """Whether something is not finite."""
    wild = False
    for j in range(numbers.size):
        wild |= strange(numbers[j])
    return wild


@inlined
def not_positive(number: Any) -> Any:
    """Whether it is 0, negative, or not finite."""
    return strange(number) | strange(1 / np.sqrt(number))


# --- down the columns of a batch ---------------------------------------------------------------------------------------------------


@inlined
def affine(y: Floats, x: Floats, shift: Floats, scale: Floats, offset: Floats) -> Any:
    """One stretch of a batch, from one shift, scale and offset for each entry; whether something in it is not finite."""
    wild = False
    for j in range(y.size):
        y[j] = (x[j] - shift[j]) * scale[j] + offset[j]
        wild |= strange(y[j])
    return wild


@inlined
def affine_piece(y: Floats, x: Floats, shift: Floats, scale: Floats, offset: Floats, piece: Any) -> Any:
    """The rows that one thread takes at a time; as many lie side by side as there are shifts for."""
    old, new, wild = x.reshape(x.size), y.reshape(x.size), 0
    first, last = piece_of(x, piece)
    wide = shift.size
    for i in range(first, last, wide):
        row = new[i : min(i + wide, last)]
        wild += affine(row, old[i : i + wide], shift, scale, offset)
    return wild


@inlined
def piece_of(x: Floats, piece: Any) -> Any:
    """The first and the last entry of a piece."""
    entries = max(1, ENTRIES // (side_by_side(x) * x.shape[1])) * side_by_side(x) * x.shape[1]
    return piece * entries, min((piece + 1) * entries, x.size)


@inlined
def pieces_of(x: Floats) -> Any:
    """How many pieces there are."""
    return ceiling(x.size, max(1, ENTRIES // (side_by_side(x) * x.shape[1])) * side_by_side(x) * x.shape[1])


@inlined
def repeated(numbers: Floats, x: Floats) -> Any:
    """A number for each column, for all rows that lie side by side, in the dtype of the batch."""
    k, side = x.shape[1], side_by_side(x)
    wide = zeros(side * k, x)
    for i in range(side):
        for j in range(k):
            wide[i * k + j] = narrowed(numbers[j], x)
    return wide


def batch_stats_loops(mean: Floats, var: Floats, x: Floats) -> Any:
    """Tile by tile: sums, and squares about the tile's means; then all tiles together."""
    parts = parts_of(x, 2)
    for tile in prange(tiles(x)):
        sum_tile(parts, x, tile)
    means, squares, lost = moments(parts, x)
    for j in range(mean.size):
        mean[j], var[j] = narrowed(means[j], x), narrowed(squares[j] / x.shape[0], x)
    return lost | any_strange(mean) | any_strange(var)


@written(reference.batch_stats, batch_stats_loops)
def batch_stats(x: Batch, *, out: Out = None) -> tuple[Units, UnitVariances]:
    """Mean and variance of each column: μ = 1/m Σᵢ xᵢ, σ² = 1/m Σᵢ (xᵢ − μ)²."""


@inlined
def root(squares: Any, count: Any, eps: Any) -> Any:
    """√(σ² + ε)."""
    return np.sqrt(squares / count + eps)


def batch_normalize_loops(x_hat: Floats, x: Floats, eps: Any) -> Any:
    """The statistics tile by tile, then the entries row by row."""
    parts, wild = parts_of(x, 2), 0
    for tile in prange(tiles(x)):
        sum_tile(parts, x, tile)
    mean, scale, lost = moments(parts, x)
    for j in range(mean.size):
        scale[j] = 1 / root(scale[j], x.shape[0], eps)
    shift, wide, none = repeated(mean, x), repeated(scale, x), repeated(wide_zeros(mean.size, x), x)
    for piece in prange(pieces_of(x)):
        wild += affine_piece(x_hat, x, shift, wide, none, piece)
    return lost | (wild > 0)


@written(reference.batch_normalize, batch_normalize_loops)
def batch_normalize(x: Batch, *, eps: Eps, out: Out = None) -> Batch:
    """Every column brought to mean 0: x̂ = (x − μ) / √(σ² + ε)."""


def batch_norm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """The statistics tile by tile, then the entries row by row."""
    parts, wild = parts_of(x, 2), 0
    for tile in prange(tiles(x)):
        sum_tile(parts, x, tile)
    mean, scale, lost = moments(parts, x)
    for j in range(mean.size):
        scale[j] = gamma[j] / root(scale[j], x.shape[0], eps)
    shift, wide, offset = repeated(mean, x), repeated(scale, x), repeated(beta, x)
    for piece in prange(pieces_of(x)):
        wild += affine_piece(y, x, shift, wide, offset, piece)
    return lost | (wild > 0)


@written(reference.batch_norm, batch_norm_loops)
def batch_norm(x: Batch, gamma: Units, beta: Units, *, eps: Eps, out: Out = None) -> Batch:
    """Batch normalization in training: y = γ (x − μ) / √(σ² + ε) + β."""


def batch_norm_inference_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, mean: Floats, var: Floats, eps: Any) -> Any:
    """The entries row by row."""
    scale, wild = wide_zeros(gamma.size, x), 0
    for j in range(gamma.size):
        scale[j] = gamma[j] / np.sqrt(var[j] + eps)
        wild += strange(np.sqrt(var[j]))  # negative, or not finite
    shift, wide, offset = repeated(mean, x), repeated(scale, x), repeated(beta, x)
    for piece in prange(pieces_of(x)):
        wild += affine_piece(y, x, shift, wide, offset, piece)
    return wild > 0


@written(reference.batch_norm_inference, batch_norm_inference_loops)
def batch_norm_inference(x: Batch, gamma: Units, beta: Units, mean: Units, var: UnitVariances, *, eps: Eps, out: Out = None) -> Batch:
    """Batch normalization at test time: y = γ (x − μ̂) / √(σ̂² + ε) + β."""


def batch_norm_inference_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, mean: Floats, var: Floats, eps: Any
) -> Any:
    """The sums tile by tile, then the entries row by row."""
    parts, shift, wild = parts_of(x, 2), repeated(mean, x), 0
    for tile in prange(tiles(x)):
        slope_tile(parts, 0, dy, x, columns_of(shift, x, tile), tile)
    slope, product, none = totals_of(parts, 0, dy), total_products(parts, 1, dy, x, shift), wide_zeros(gamma.size, x)
    scale = wide_zeros(gamma.size, x)
    for j in range(gamma.size):
        std = np.sqrt(var[j] + eps)
        scale[j] = gamma[j] / std
        dgamma[j], dbeta[j] = narrowed(product[j] / std, x), narrowed(slope[j], x)
        wild += strange(np.sqrt(var[j]))  # negative, or not finite
    wide, zero = repeated(scale, x), repeated(none, x)
    for piece in prange(pieces_of(x)):
        wild += affine_piece(dx, dy, zero, wide, zero, piece)
    return (wild > 0) | any_strange(dgamma) | any_strange(dbeta)


@written(reference.batch_norm_inference_backward, batch_norm_inference_backward_loops)
def batch_norm_inference_backward(
    dy: Batch, x: Batch, gamma: Units, mean: Units, var: UnitVariances, *, eps: Eps, out: Out = None
) -> tuple[Batch, Units, Units]:
    """The gradients at test time: dx = γ dy / √(σ̂² + ε), dγ = Σ dy (x − μ̂) / √(σ̂² + ε), dβ = Σ dy."""


@inlined
def sloped(dx: Floats, dy: Floats, x: Floats, shift: Floats, scale: Floats, mean: Floats, along: Floats) -> Any:
    """One stretch of the gradient; whether something in it is not finite."""
    wild = False
    for j in range(dx.size):
        dx[j] = scale[j] * ((dy[j] - mean[j]) - (x[j] - shift[j]) * along[j])
        wild |= strange(dx[j])
    return wild


@inlined
def sloped_piece(dx: Floats, dy: Floats, x: Floats, shift: Floats, scale: Floats, mean: Floats, along: Floats, piece: Any) -> Any:
    """The rows of one piece of the gradient."""
    old, slope, new, wild = x.reshape(x.size), dy.reshape(x.size), dx.reshape(x.size), 0
    first, last = piece_of(x, piece)
    wide = shift.size
    for i in range(first, last, wide):
        row = new[i : min(i + wide, last)]
        wild += sloped(row, slope[i : i + wide], old[i : i + wide], shift, scale, mean, along)
    return wild


def batch_norm_backward_loops(dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """All sums tile by tile, each about the tile's own means; then the entries row by row."""
    parts, wild = parts_of(x, 4), 0
    for tile in prange(tiles(x)):
        slope_tile(parts, 2, dy, x, sum_tile(parts, x, tile), tile)
    mean, scale, lost = moments(parts, x)
    slope, product = slopes(parts, dy, x, mean)
    for j in range(mean.size):
        std = root(scale[j], x.shape[0], eps)
        scale[j] = gamma[j] / std
        dgamma[j], dbeta[j] = narrowed(product[j] / std, x), narrowed(slope[j], x)
        slope[j], product[j] = slope[j] / x.shape[0], product[j] / x.shape[0] / std**2
    shift, wide, means, along = repeated(mean, x), repeated(scale, x), repeated(slope, x), repeated(product, x)
    for piece in prange(pieces_of(x)):
        wild += sloped_piece(dx, dy, x, shift, wide, means, along, piece)
    return lost | (wild > 0) | any_strange(dgamma) | any_strange(dbeta)


@written(reference.batch_norm_backward, batch_norm_backward_loops)
def batch_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> tuple[Batch, Units, Units]:
    """Batch normalization's gradients: dβ = Σ dy, dγ = Σ dy x̂, dx = γ/√(σ² + ε) (dy − dβ/m − x̂ dγ/m)."""


@written(reference.batch_norm_backward_staged, batch_norm_backward_loops)
def batch_norm_backward_staged(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> tuple[Batch, Units, Units]:
    """The same gradients."""


# --- running statistics ------------------------------------------------------------------------------------------------------------


@inlined
def of_old(momentum: Any) -> Any:
    """The weights of the old value and of the new one, if momentum is the old one's."""
    return momentum, 1 - momentum


@inlined
def of_new(momentum: Any) -> Any:
    """The same if it is the new one's."""
    return 1 - momentum, momentum


def weights(momentum: Any) -> Any:
    """Stand for either of them in the loops below."""
    raise NotImplementedError


def running_loops(new_mean: Floats, new_var: Floats, old_mean: Floats, old_var: Floats, x: Floats, momentum: Any, correction: Any) -> Any:
    """The statistics tile by tile; then one step of the running ones."""
    parts, wild = parts_of(x, 2), 0
    for tile in prange(tiles(x)):
        sum_tile(parts, x, tile)
    mean, squares, lost = moments(parts, x)
    kept, taken = weights(momentum)
    for j in range(mean.size):
        new_mean[j] = narrowed(kept * old_mean[j] + taken * mean[j], x)
        new_var[j] = narrowed(kept * old_var[j] + taken * (squares[j] / (x.shape[0] - correction)), x)
        wild += strange(np.sqrt(old_var[j]))  # negative, or not finite
    return lost | (wild > 0) | any_strange(new_mean) | any_strange(new_var)


@written(reference.running_stats, renamed(running_loops, "running_stats", weights=of_old))
def running_stats(state: RunningStats, x: Batch, *, momentum: Share, correction: Share = 0, out: Out = None) -> RunningStats:
    """One batch more: μ̂ ← a μ̂ + (1 − a) μ, σ̂² ← a σ̂² + (1 − a) Σ (xᵢ − μ)² / (m − correction)."""


@written(reference.running_stats_new_weight, renamed(running_loops, "running_stats_new_weight", weights=of_new))
def running_stats_new_weight(state: RunningStats, x: Batch, *, momentum: Share, correction: Share = 0, out: Out = None) -> RunningStats:
    """The same with momentum as the weight of the new value."""


def running_deviations_loops(
    new_mean: Floats, new_deviation: Floats, old_mean: Floats, old_deviation: Floats, x: Floats, momentum: Any, eps: Any
) -> Any:
    """The statistics tile by tile; then one step of the running ones."""
    parts, wild = parts_of(x, 2), 0
    for tile in prange(tiles(x)):
        sum_tile(parts, x, tile)
    mean, squares, lost = moments(parts, x)
    for j in range(mean.size):
        new_mean[j] = narrowed(momentum * old_mean[j] + (1 - momentum) * mean[j], x)
        new_deviation[j] = narrowed(momentum * old_deviation[j] + (1 - momentum) * root(squares[j], x.shape[0], eps), x)
        wild += not_positive(old_deviation[j])
    return lost | (wild > 0) | any_strange(new_mean) | any_strange(new_deviation)


@written(reference.running_deviations, running_deviations_loops)
def running_deviations(state: RunningDeviations, x: Batch, *, momentum: Share, eps: Eps, out: Out = None) -> RunningDeviations:
    """The running mean of standard deviations: σ̂ ← a σ̂ + (1 − a) √(σ² + ε)."""


# --- batch renormalization ---------------------------------------------------------------------------------------------------------


def renorm_correction_loops(r: Floats, d: Floats, x: Floats, mean: Floats, deviation: Floats, r_max: Any, d_max: Any, eps: Any) -> Any:
    """The statistics tile by tile; then how far they are from the running ones."""
    parts, wild = parts_of(x, 2), 0
    for tile in prange(tiles(x)):
        sum_tile(parts, x, tile)
    means, squares, lost = moments(parts, x)
    for j in range(mean.size):
        r[j] = narrowed(np.minimum(np.maximum(root(squares[j], x.shape[0], eps) / deviation[j], 1 / r_max), r_max), x)
        d[j] = narrowed(np.minimum(np.maximum((means[j] - mean[j]) / deviation[j], -d_max), d_max), x)
        wild += not_positive(deviation[j]) | strange(mean[j]) | strange(means[j])
    return lost | (wild > 0) | any_strange(r) | any_strange(d)


@written(reference.renorm_correction, renorm_correction_loops)
def renorm_correction(
    x: Batch, mean: Units, deviation: UnitDeviations, *, r_max: Ratio, d_max: Damping, eps: Eps, out: Out = None
) -> tuple[UnitDeviations, Units]:
    """r = clip(σ_B/σ, 1/r_max, r_max), d = clip((μ_B − μ)/σ, −d_max, d_max)."""


@inlined
def twice_affine(y: Floats, x: Floats, shift: Floats, scale: Floats, offset: Floats, weight: Floats, high: Floats) -> Any:
    """One stretch of a batch; whether something in it is not finite."""
    wild = False
    for j in range(y.size):
        y[j] = weight[j] * ((x[j] - shift[j]) * scale[j] + offset[j]) + high[j]
        wild |= strange(y[j])
    return wild


@inlined
def twice_affine_piece(y: Floats, x: Floats, shift: Floats, scale: Floats, offset: Floats, weight: Floats, high: Floats, piece: Any) -> Any:
    """The rows that one thread takes at a time."""
    old, new, wild = x.reshape(x.size), y.reshape(x.size), 0
    first, last = piece_of(x, piece)
    wide = shift.size
    for i in range(first, last, wide):
        wild += twice_affine(new[i : min(i + wide, last)], old[i : i + wide], shift, scale, offset, weight, high)
    return wild


def batch_renorm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, r: Floats, d: Floats, eps: Any) -> Any:
    """The statistics tile by tile, then the entries row by row."""
    parts, wild = parts_of(x, 2), 0
    for tile in prange(tiles(x)):
        sum_tile(parts, x, tile)
    mean, scale, lost = moments(parts, x)
    for j in range(mean.size):
        scale[j] = r[j] / root(scale[j], x.shape[0], eps)
        wild += not_positive(r[j])
    shift, wide, offset = repeated(mean, x), repeated(scale, x), repeated(d, x)
    weight, high = repeated(gamma, x), repeated(beta, x)
    for piece in prange(pieces_of(x)):
        wild += twice_affine_piece(y, x, shift, wide, offset, weight, high, piece)
    return lost | (wild > 0)


@written(reference.batch_renorm, batch_renorm_loops)
def batch_renorm(x: Batch, gamma: Units, beta: Units, r: UnitDeviations, d: Units, *, eps: Eps, out: Out = None) -> Batch:
    """Batch renormalization in training: y = γ ((x − μ_B) / σ_B · r + d) + β."""


def batch_renorm_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, r: Floats, d: Floats, eps: Any
) -> Any:
    """All sums tile by tile, each about the tile's own means; then the entries row by row."""
    parts, wild = parts_of(x, 4), 0
    for tile in prange(tiles(x)):
        slope_tile(parts, 2, dy, x, sum_tile(parts, x, tile), tile)
    mean, scale, lost = moments(parts, x)
    slope, product = slopes(parts, dy, x, mean)
    for j in range(mean.size):
        std = root(scale[j], x.shape[0], eps)
        scale[j] = gamma[j] * r[j] / std
        dgamma[j], dbeta[j] = narrowed(product[j] / std * r[j] + slope[j] * d[j], x), narrowed(slope[j], x)
        slope[j], product[j] = slope[j] / x.shape[0], product[j] / x.shape[0] / std**2
        wild += not_positive(r[j])
    shift, wide, means, along = repeated(mean, x), repeated(scale, x), repeated(slope, x), repeated(product, x)
    for piece in prange(pieces_of(x)):
        wild += sloped_piece(dx, dy, x, shift, wide, means, along, piece)
    return lost | (wild > 0) | any_strange(dgamma) | any_strange(dbeta)


@written(reference.batch_renorm_backward, batch_renorm_backward_loops)
def batch_renorm_backward(
    dy: Batch, x: Batch, gamma: Units, r: UnitDeviations, d: Units, *, eps: Eps, out: Out = None
) -> tuple[Batch, Units, Units]:
    """Its gradients, r and d held fixed: dβ = Σ dy, dγ = Σ dy (x̂ r + d), dx = γ r/σ_B (dy − mean dy − x̂ mean(dy x̂))."""


# --- weight normalization ------------------------------------------------------------------------------------------------------------


def weight_norm_loops(w: Floats, v: Floats, g: Floats) -> Any:
    """The lengths tile by tile, then the entries row by row."""
    parts, none, wild = parts_of(v, 1), repeated(wide_zeros(g.size, v), v), 0
    for tile in prange(tiles(v)):
        product_tile(parts, 0, v, v, columns_of(none, v, tile), tile)
    scale = total_products(parts, 0, v, v, none)
    for j in range(g.size):
        wild += strange(narrowed(scale[j], v))
        scale[j] = 1 / np.sqrt(scale[j])
    lengths, wide = repeated(g, v), repeated(scale, v)
    for piece in prange(pieces_of(v)):
        wild += twice_affine_piece(w, v, none, lengths, none, wide, none, piece)
    return wild > 0


@written(reference.weight_norm, weight_norm_loops)
def weight_norm(v: Linear, g: Magnitude, *, out: Out = None) -> Linear:
    """The weights of each unit as a direction and a length: w = g v / ‖v‖."""


def weight_norm_backward_loops(dv: Floats, dg: Floats, dw: Floats, v: Floats, g: Floats) -> Any:
    """The sums tile by tile, then the entries row by row."""
    parts, none, wild = parts_of(v, 2), repeated(wide_zeros(g.size, v), v), 0
    for tile in prange(tiles(v)):
        product_tile(parts, 0, v, v, columns_of(none, v, tile), tile)
        product_tile(parts, 1, dw, v, columns_of(none, v, tile), tile)
    scale, along = total_products(parts, 0, v, v, none), total_products(parts, 1, dw, v, none)
    for j in range(g.size):
        norm = np.sqrt(scale[j])
        wild += strange(narrowed(scale[j], v))
        dg[j] = narrowed(along[j] / norm, v)
        scale[j], along[j] = g[j] / norm, along[j] / scale[j]
    wide, slope = repeated(scale, v), repeated(along, v)
    for piece in prange(pieces_of(v)):
        wild += sloped_piece(dv, dw, v, none, wide, none, slope, piece)
    return (wild > 0) | any_strange(dg)


@written(reference.weight_norm_backward, weight_norm_backward_loops)
def weight_norm_backward(dw: Linear, v: Linear, g: Magnitude, *, out: Out = None) -> tuple[Linear, Magnitude]:
    """The gradients by direction and length: dg = dw · v / ‖v‖, dv = g/‖v‖ dw − g dg/‖v‖² v."""


# --- along the rows of a batch -----------------------------------------------------------------------------------------------------


@inlined
def rows_a_piece(x: Floats) -> Any:
    """How many rows one thread takes at a time."""
    return max(1, ENTRIES // x.shape[1])


@inlined
def layer_norm_row(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """One row; whether something in it is not finite."""
    shift = narrowed(total_of(x) / x.size, x)
    var = squares_of(x, shift) / x.size
    scale, wild = narrowed(1 / np.sqrt(var + eps), x), strange(var)
    for j in range(x.size):
        y[j] = gamma[j] * ((x[j] - shift) * scale) + beta[j]
        wild |= strange(y[j])
    return wild


def layer_norm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Each row while it is in the cache: its statistics, then its entries."""
    step, wild = rows_a_piece(x), 0
    for piece in prange(ceiling(x.shape[0], step)):
        for i in range(piece * step, min((piece + 1) * step, x.shape[0])):
            wild += layer_norm_row(y[i], x[i], gamma, beta, eps)
    return wild > 0


@written(reference.layer_norm, layer_norm_loops)
def layer_norm(x: Batch, gamma: Units, beta: Units, *, eps: Eps, out: Out = None) -> Batch:
    """Layer normalization: y = γ (x − μₙ) / √(σₙ² + ε) + β."""


@inlined
def sloped_row(dx: Floats, dy: Floats, x: Floats, gamma: Floats, shift: Any, eps: Any) -> Any:
    """One row of the gradient; whether something in it is not finite, and the scale."""
    square, slope, product = weighted_sums_of(dy, x, gamma, shift)
    var = square / x.size
    scale = narrowed(1 / np.sqrt(var + eps), x)
    mean, along = narrowed(slope / x.size, x), narrowed(product / (x.size * (var + eps)), x)
    wild = strange(var)
    for j in range(x.size):
        dx[j] = ((gamma[j] * dy[j] - mean) - (x[j] - shift) * along) * scale
        wild |= strange(dx[j])
    return wild, scale


@inlined
def rows_a_part(x: Floats) -> Any:
    """How many rows one thread sums up at a time."""
    return min(512, max(32, ENTRIES // x.shape[1]))


@inlined
def layer_norm_backward_part(parts: Floats, dx: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any, part: Any) -> Any:
    """The rows of one part, and their sums; whether something is not finite."""
    dgamma, dbeta, wild = zeros(gamma.size, x), zeros(gamma.size, x), 0
    step = rows_a_part(x)
    for i in range(part * step, min((part + 1) * step, x.shape[0])):
        shift = narrowed(total_of(x[i]) / x.shape[1], x)
        strays, scale = sloped_row(dx[i], dy[i], x[i], gamma, shift, eps)
        wild += strays
        add_both(dgamma, dbeta, dy[i], x[i], shift, scale)
    for j in range(gamma.size):
        parts[part, 0, j], parts[part, 1, j] = dgamma[j], dbeta[j]
    return wild


@inlined
def put_total(total: Floats, parts: Floats, kind: Any) -> Any:
    """The sum of one kind over all parts; whether something in it is not finite."""
    wide = wide_zeros(total.size, total)
    for part in range(parts.shape[0]):
        add(wide, parts[part, kind])
    for j in range(total.size):
        total[j] = narrowed(wide[j], total)
    return any_strange(total)


def layer_norm_backward_loops(dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Each row while it is in the cache; the sums over rows part by part."""
    count, wild = ceiling(x.shape[0], rows_a_part(x)), 0
    parts = wide_zeros((count, 2, gamma.size), x)
    for part in prange(count):
        wild += layer_norm_backward_part(parts, dx, dy, x, gamma, eps, part)
    return (wild > 0) | put_total(dgamma, parts, 0) | put_total(dbeta, parts, 1)


@written(reference.layer_norm_backward, layer_norm_backward_loops)
def layer_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> tuple[Batch, Units, Units]:
    """Layer normalization's gradients: g = γ dy, dx = (g − mean g − x̂ mean(g x̂)) / √(σₙ² + ε), dγ = Σₙ dy x̂, dβ = Σₙ dy."""


@inlined
def mean_square(x: Floats) -> Any:
    """The mean of the squares of a row."""
    return squares_of(x, narrowed(0.0, x)) / x.size


@inlined
def rms_norm_row(y: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """One row; whether something in it is not finite."""
    var = mean_square(x) + eps
    scale, wild = narrowed(1 / np.sqrt(var), x), strange(var)
    for j in range(x.size):
        y[j] = gamma[j] * (x[j] * scale)
        wild |= strange(y[j])
    return wild


def rms_norm_loops(y: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Each row while it is in the cache: its mean square, then its entries."""
    step, wild = rows_a_piece(x), 0
    for piece in prange(ceiling(x.shape[0], step)):
        for i in range(piece * step, min((piece + 1) * step, x.shape[0])):
            wild += rms_norm_row(y[i], x[i], gamma, eps)
    return wild > 0


@written(reference.rms_norm, rms_norm_loops)
def rms_norm(x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> Batch:
    """RMS normalization: y = γ x / √(mean x² + ε)."""


@inlined
def rms_sloped_row(dx: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """One row of the gradient; whether something in it is not finite, and the scale."""
    square, _, product = weighted_sums_of(dy, x, gamma, narrowed(0.0, x))
    var = square / x.size + eps
    scale = narrowed(1 / np.sqrt(var), x)
    along, wild = narrowed(product / (x.size * var), x), strange(var)
    for j in range(x.size):
        dx[j] = (gamma[j] * dy[j] - x[j] * along) * scale
        wild |= strange(dx[j])
    return wild, scale


@inlined
def rms_norm_backward_part(parts: Floats, dx: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any, part: Any) -> Any:
    """The rows of one part, and their sums; whether something is not finite."""
    dgamma, wild, step = zeros(gamma.size, x), 0, rows_a_part(x)
    for i in range(part * step, min((part + 1) * step, x.shape[0])):
        strays, scale = rms_sloped_row(dx[i], dy[i], x[i], gamma, eps)
        wild += strays
        add_scaled(dgamma, dy[i], x[i], narrowed(0.0, x), scale)
    for j in range(gamma.size):
        parts[part, 0, j] = dgamma[j]
    return wild


def rms_norm_backward_loops(dx: Floats, dgamma: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Each row while it is in the cache; the sums over rows part by part."""
    count, wild = ceiling(x.shape[0], rows_a_part(x)), 0
    parts = wide_zeros((count, 1, gamma.size), x)
    for part in prange(count):
        wild += rms_norm_backward_part(parts, dx, dy, x, gamma, eps, part)
    return (wild > 0) | put_total(dgamma, parts, 0)


@written(reference.rms_norm_backward, rms_norm_backward_loops)
def rms_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> tuple[Batch, Units]:
    """RMS normalization's gradients: g = γ dy, dx = (g − x̂ mean(g x̂)) / √(mean x² + ε), dγ = Σₙ dy x̂."""


# --- over the channels of images -----------------------------------------------------------------------------------------------------


@inlined
def places(x: Floats) -> Floats:
    """Images with one axis for all places."""
    return x.reshape((x.shape[0], x.shape[1], x.shape[2] * x.shape[3]))


@inlined
def affine_run(y: Floats, x: Floats, shift: Any, scale: Any, offset: Any) -> Any:
    """The places of one channel of one image; whether something in it is not finite."""
    wild = False
    for j in range(y.size):
        y[j] = (x[j] - shift) * scale + offset
        wild |= strange(y[j])
    return wild


@inlined
def batch_norm_channel(y: Floats, x: Floats, gamma: Any, beta: Any, eps: Any, channel: Any) -> Any:
    """One channel of all images; whether something in it is not finite."""
    count = x.shape[0] * x.shape[2]
    shift = narrowed(total_of_channel(x, channel) / count, x)
    squares = squares_of_channel(x, channel, shift)
    scale, wild = narrowed(gamma / root(squares, count, eps), x), int(strange(narrowed(squares, x)))
    for i in range(x.shape[0]):
        wild += affine_run(y[i, channel], x[i, channel], shift, scale, beta)
    return wild


def batch_norm_conv_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Each channel while it is in the cache: its statistics, then its entries."""
    wild = 0
    for channel in prange(gamma.size):
        wild += batch_norm_channel(places(y), places(x), gamma[channel], beta[channel], eps, channel)
    return wild > 0


@written(reference.batch_norm_conv, batch_norm_conv_loops)
def batch_norm_conv(x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, eps: Eps, out: Out = None) -> ImageBatch:
    """Batch normalization after a convolution: y = γ_c (x − μ_c) / √(σ²_c + ε) + β_c."""


@inlined
def sloped_run(dx: Floats, dy: Floats, x: Floats, shift: Any, scale: Any, mean: Any, along: Any) -> Any:
    """The gradient at the places of one channel of one image; whether something in it is not finite."""
    wild = False
    for j in range(dx.size):
        dx[j] = scale * ((dy[j] - mean) - (x[j] - shift) * along)
        wild |= strange(dx[j])
    return wild


@inlined
def batch_norm_backward_channel(dx: Floats, dy: Floats, x: Floats, gamma: Any, eps: Any, channel: Any) -> Any:
    """The gradient of one channel of all images; whether something in it is not finite, and the sums."""
    count, wild = x.shape[0] * x.shape[2], 0
    shift = narrowed(total_of_channel(x, channel) / count, x)
    square, slope, product = sums_of_channel(dy, x, channel, shift)
    var = square / count
    std = np.sqrt(var + eps)
    wild += strange(narrowed(var, x))
    scale, mean, along = narrowed(gamma / std, x), narrowed(slope / count, x), narrowed(product / (count * (var + eps)), x)
    for i in range(x.shape[0]):
        wild += sloped_run(dx[i, channel], dy[i, channel], x[i, channel], shift, scale, mean, along)
    return wild, narrowed(product / std, x), narrowed(slope, x)


def batch_norm_conv_backward_loops(dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Each channel while it is in the cache: its sums, then its entries."""
    wild = 0
    for channel in prange(gamma.size):
        strays, product, slope = batch_norm_backward_channel(places(dx), places(dy), places(x), gamma[channel], eps, channel)
        dgamma[channel], dbeta[channel] = product, slope
        wild += strays
    return (wild > 0) | any_strange(dgamma) | any_strange(dbeta)


@written(reference.batch_norm_conv_backward, batch_norm_conv_backward_loops)
def batch_norm_conv_backward(
    dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, eps: Eps, out: Out = None
) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """Its gradients: dβ_c = Σ dy, dγ_c = Σ dy x̂, dx = γ_c/√(σ²_c + ε) (dy − mean dy − x̂ mean(dy x̂))."""


# --- over groups of channels of one image, an instance's group being one channel -----------------------------------------------------


@inlined
def grouped(x: Floats, groups: Any) -> Floats:
    """A row for each group of each image."""
    return x.reshape((x.shape[0] * groups, x.size // (x.shape[0] * groups)))


@inlined
def group_norm_row(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """One group of one image; whether something in it is not finite."""
    shift, size, wild = narrowed(total_of(x) / x.size, x), x.size // gamma.size, 0
    std = root(squares_of(x, shift), x.size, eps)
    wild += strange(narrowed(std, x))
    for channel in range(gamma.size):
        here, scale = channel * size, narrowed(gamma[channel] / std, x)
        wild += affine_run(y[here : here + size], x[here : here + size], shift, scale, beta[channel])
    return wild


def group_norm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, groups: Any, eps: Any) -> Any:
    """Each group while it is in the cache: its statistics, then its entries."""
    own, wild = gamma.size // groups, 0
    for i in prange(x.shape[0] * groups):
        here = i % groups * own
        wild += group_norm_row(grouped(y, groups)[i], grouped(x, groups)[i], gamma[here : here + own], beta[here : here + own], eps)
    return wild > 0


@written(reference.group_norm, group_norm_loops)
def group_norm(x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, groups: Groups, eps: Eps, out: Out = None) -> ImageBatch:
    """Group normalization: y = γ_c (x − μ) / √(σ² + ε) + β_c, by the statistics of a group of channels of an image."""


def instance_norm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Each channel of each image while it is in the cache: its statistics, then its entries."""
    groups, wild = gamma.size, 0
    for i in prange(x.shape[0] * groups):
        here = i % groups
        wild += group_norm_row(grouped(y, groups)[i], grouped(x, groups)[i], gamma[here : here + 1], beta[here : here + 1], eps)
    return wild > 0


@written(reference.instance_norm, instance_norm_loops)
def instance_norm(x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, eps: Eps, out: Out = None) -> ImageBatch:
    """Instance normalization: y = γ_c (x − μ) / √(σ² + ε) + β_c, by the statistics of a channel of an image."""


@inlined
def group_sloped_row(dx: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any, slopes: Floats, products: Floats) -> Any:
    """The gradient of one group of one image, and the sums for its channels; whether something in it is not finite."""
    shift, size, wild, slope, product = narrowed(total_of(x) / x.size, x), x.size // gamma.size, 0, 0.0, 0.0
    std = root(squares_of(x, shift), x.size, eps)
    wild += strange(narrowed(std, x))
    for channel in range(gamma.size):
        here = channel * size
        part, other = slopes_of(dy[here : here + size], x[here : here + size], shift)
        slope, product = slope + gamma[channel] * part, product + gamma[channel] * other
        slopes[channel], products[channel] = part, other / std
    scale, mean, along = narrowed(1 / std, x), narrowed(slope / x.size, x), narrowed(product / x.size / std**2, x)
    for channel in range(gamma.size):
        here = channel * size
        run = dx[here : here + size], dy[here : here + size], x[here : here + size]
        wild += weighted_sloped_run(*run, gamma[channel], shift, scale, mean, along)
    return wild


@inlined
def weighted_sloped_run(dx: Floats, dy: Floats, x: Floats, gamma: Any, shift: Any, scale: Any, mean: Any, along: Any) -> Any:
    """The gradient at the places of one channel of one image; whether something in it is not finite."""
    wild = False
    for j in range(dx.size):
        dx[j] = ((gamma * dy[j] - mean) - (x[j] - shift) * along) * scale
        wild |= strange(dx[j])
    return wild


@inlined
def group_norm_backward_row(parts: Floats, dx: Floats, dy: Floats, x: Floats, gamma: Floats, groups: Any, eps: Any, i: Any) -> Any:
    """One group of one image, counted through; whether something in it is not finite."""
    own = gamma.size // groups
    image, here = i // groups, i % groups * own
    rows = grouped(dx, groups)[i], grouped(dy, groups)[i], grouped(x, groups)[i]
    return group_sloped_row(*rows, gamma[here : here + own], eps, parts[image, 1, here : here + own], parts[image, 0, here : here + own])


def group_norm_backward_loops(
    dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, groups: Any, eps: Any
) -> Any:
    """Each group while it is in the cache: its sums, then its entries; the sums over images in the end."""
    parts, wild = wide_zeros((x.shape[0], 2, gamma.size), x), 0
    for i in prange(x.shape[0] * groups):
        wild += group_norm_backward_row(parts, dx, dy, x, gamma, groups, eps, i)
    return (wild > 0) | put_total(dgamma, parts, 0) | put_total(dbeta, parts, 1)


@written(reference.group_norm_backward, group_norm_backward_loops)
def group_norm_backward(
    dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, groups: Groups, eps: Eps, out: Out = None
) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """Its gradients: g = γ_c dy, dx = (g − mean g − x̂ mean(g x̂)) / √(σ² + ε) over the group, dγ_c = Σ dy x̂, dβ_c = Σ dy."""


def instance_norm_backward_loops(dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Each channel of each image while it is in the cache: its sums, then its entries; the sums over images in the end."""
    parts, wild = wide_zeros((x.shape[0], 2, gamma.size), x), 0
    for i in prange(x.shape[0] * gamma.size):
        wild += group_norm_backward_row(parts, dx, dy, x, gamma, gamma.size, eps, i)
    return (wild > 0) | put_total(dgamma, parts, 0) | put_total(dbeta, parts, 1)


@written(reference.instance_norm_backward, instance_norm_backward_loops)
def instance_norm_backward(
    dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, eps: Eps, out: Out = None
) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """Its gradients: dx = γ_c/√(σ² + ε) (dy − mean dy − x̂ mean(dy x̂)), dγ_c = Σ dy x̂, dβ_c = Σ dy over n, h and w."""
