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
    add_scaled,
    ceiling,
    moments,
    parts_of,
    side_by_side,
    slope_tile,
    slopes,
    slopes_of,
    squares_of,
    squares_of_channel,
    sum_tile,
    sums,
    tiles,
    total_of,
    total_of_channel,
    weighted_slopes_of,
    zeros,
)
from ._written import narrowed, strange, written

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from ..reference.domains import Batch, ChannelWise, Eps, ImageBatch, Units, UnitVariances
    from ._kernels import Out

    Floats = NDArray[Any]

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_conv",
    "batch_norm_conv_backward",
    "batch_stats",
    "layer_norm",
    "layer_norm_backward",
]

ENTRIES = 1 << 13  # of the rows that one thread takes at a time


@inlined
def any_strange(numbers: Floats) -> Any:
    """Whether something is not finite."""
    wild = False
    for j in range(numbers.size):
        wild |= strange(numbers[j])
    return wild


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
    wide, first, last = shift.size, *piece_of(x, piece)
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
    means, variances = moments(parts, x)
    for j in range(mean.size):
        mean[j], var[j] = narrowed(means[j], x), narrowed(variances[j], x)
    return any_strange(mean) | any_strange(var)


@written(reference.batch_stats, batch_stats_loops, threads_from=1 << 16)
def batch_stats(x: Batch, *, out: Out = None) -> tuple[Units, UnitVariances]:
    """Mean and variance of each column: μ = 1/m Σᵢ xᵢ, σ² = 1/m Σᵢ (xᵢ − μ)²."""


@inlined
def scales(gamma: Floats, var: Floats, eps: Any) -> Any:
    """γ / √(σ² + ε)."""
    scale = sums(var.size, gamma)
    for j in range(var.size):
        scale[j] = gamma[j] / np.sqrt(var[j] + eps)
    return scale


def batch_norm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """The statistics tile by tile, then the entries row by row."""
    parts, wild = parts_of(x, 2), 0
    for tile in prange(tiles(x)):
        sum_tile(parts, x, tile)
    mean, var = moments(parts, x)
    shift, scale, offset = repeated(mean, x), repeated(scales(gamma, var, eps), x), repeated(beta, x)
    for piece in prange(pieces_of(x)):
        wild += affine_piece(y, x, shift, scale, offset, piece)
    return wild > 0


@written(reference.batch_norm, batch_norm_loops, threads_from=1 << 16)
def batch_norm(x: Batch, gamma: Units, beta: Units, *, eps: Eps, out: Out = None) -> Batch:
    """Batch normalization in training: y = γ (x − μ) / √(σ² + ε) + β."""


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
    wide, first, last = shift.size, *piece_of(x, piece)
    for i in range(first, last, wide):
        row = new[i : min(i + wide, last)]
        wild += sloped(row, slope[i : i + wide], old[i : i + wide], shift, scale, mean, along)
    return wild


def batch_norm_backward_loops(dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """All sums tile by tile, each about the tile's own means; then the entries row by row."""
    parts, wild = parts_of(x, 4), 0
    for tile in prange(tiles(x)):
        slope_tile(parts, dy, x, tile, sum_tile(parts, x, tile))
    mean, var = moments(parts, x)
    slope, product = slopes(parts, dy, x, mean)
    scale = scales(gamma, var, eps)
    for j in range(mean.size):
        dgamma[j], dbeta[j] = narrowed(product[j] / np.sqrt(var[j] + eps), x), narrowed(slope[j], x)
        slope[j], product[j] = slope[j] / x.shape[0], product[j] / (x.shape[0] * (var[j] + eps))
    shift, wide, means, along = repeated(mean, x), repeated(scale, x), repeated(slope, x), repeated(product, x)
    for piece in prange(pieces_of(x)):
        wild += sloped_piece(dx, dy, x, shift, wide, means, along, piece)
    return (wild > 0) | any_strange(dgamma) | any_strange(dbeta)


@written(reference.batch_norm_backward, batch_norm_backward_loops, threads_from=1 << 16)
def batch_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> tuple[Batch, Units, Units]:
    """Batch normalization's gradients: dβ = Σ dy, dγ = Σ dy x̂, dx = γ/√(σ² + ε) (dy − dβ/m − x̂ dγ/m)."""


# --- along the rows of a batch -----------------------------------------------------------------------------------------------------


@inlined
def rows_a_piece(x: Floats) -> Any:
    """How many rows one thread takes at a time."""
    return max(1, ENTRIES // x.shape[1])


@inlined
def layer_norm_row(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """One row; whether something in it is not finite."""
    shift = narrowed(total_of(x) / x.size, x)
    scale = narrowed(1 / np.sqrt(squares_of(x, shift) / x.size + eps), x)
    wild = False
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
def sloped_row(dx: Floats, dy: Floats, x: Floats, gamma: Floats, shift: Any, var: Any, eps: Any) -> Any:
    """One row of the gradient; whether something in it is not finite, and the scale."""
    scale = narrowed(1 / np.sqrt(var + eps), x)
    slope, product = weighted_slopes_of(dy, x, gamma, shift)
    mean, along = narrowed(slope / x.size, x), narrowed(product / (x.size * (var + eps)), x)
    wild = False
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
        strays, scale = sloped_row(dx[i], dy[i], x[i], gamma, shift, squares_of(x[i], shift) / x.shape[1], eps)
        wild += strays
        add_scaled(dgamma, dy[i], x[i], shift, scale)
        add(dbeta, dy[i])
    for j in range(gamma.size):
        parts[part, 0, j], parts[part, 1, j] = dgamma[j], dbeta[j]
    return wild


@inlined
def put_total(total: Floats, parts: Floats, kind: Any) -> Any:
    """The sum of one kind over all parts; whether something in it is not finite."""
    wide = sums(total.size, total)
    for part in range(parts.shape[0]):
        add(wide, parts[part, kind])
    for j in range(total.size):
        total[j] = narrowed(wide[j], total)
    return any_strange(total)


def layer_norm_backward_loops(dx: Floats, dgamma: Floats, dbeta: Floats, dy: Floats, x: Floats, gamma: Floats, eps: Any) -> Any:
    """Each row while it is in the cache; the sums over rows part by part."""
    count, wild = ceiling(x.shape[0], rows_a_part(x)), 0
    parts = sums((count, 2, gamma.size), x)
    for part in prange(count):
        wild += layer_norm_backward_part(parts, dx, dy, x, gamma, eps, part)
    return (wild > 0) | put_total(dgamma, parts, 0) | put_total(dbeta, parts, 1)


@written(reference.layer_norm_backward, layer_norm_backward_loops)
def layer_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps, out: Out = None) -> tuple[Batch, Units, Units]:
    """Layer normalization's gradients: g = γ dy, dx = (g − mean g − x̂ mean(g x̂)) / √(σₙ² + ε), dγ = Σₙ dy x̂, dβ = Σₙ dy."""


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
    count, wild = x.shape[0] * x.shape[2], 0
    shift = narrowed(total_of_channel(x, channel) / count, x)
    scale = narrowed(gamma / np.sqrt(squares_of_channel(x, channel, shift) / count + eps), x)
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
    count, wild, slope, product = x.shape[0] * x.shape[2], 0, 0.0, 0.0
    shift = narrowed(total_of_channel(x, channel) / count, x)
    var = squares_of_channel(x, channel, shift) / count
    for i in range(x.shape[0]):
        part, other = slopes_of(dy[i, channel], x[i, channel], shift)
        slope, product = slope + part, product + other
    std = np.sqrt(var + eps)
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
