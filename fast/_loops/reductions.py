"""Sums for means and variances: along rows, over images' channels, down columns.

Blocks of entries are summed in the arrays' own dtype and added up in float64. A variance takes two passes, the second while the entries
are still in the cache; what was summed apart is put together by the rule of Chan, Golub & LeVeque (1983), which is as stable.

What is called once a tile, or once a call, stays a function in machine code: written out where it is called, it would be compiled as often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._jit import compiled_as_part, inlined, overload_for
from .arithmetic import accumulator_zeros, cast_like, divide_up, is_nonfinite, reassociable_add, zeros_like_dtype
from .lanes import fill_lanes, fma, lane_count, largest_of_lanes, load, load_part, sum_of_lanes, where

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[Any]

BLOCK = 1 << 9  # entries that are summed in their own dtype
WIDTH = 1 << 8  # columns of a tile
TILE = 1 << 14  # entries of a tile: it stays in the cache for its second pass


# --- along a row -----------------------------------------------------------------------------------------------------------------


@inlined
def row_sum(row: Floats) -> Any:
    """Return the sum of a row."""
    total = 0.0
    for start in range(0, row.size, BLOCK):
        block, part = row[start : start + BLOCK], cast_like(0.0, row)
        for j in range(block.size):
            part = reassociable_add(part, block[j])
        total = total + part
    return total


@inlined
def row_sum_of_squares(row: Floats, shift: Any) -> Any:
    """Return the sum of squares of a row minus the shift."""
    total = 0.0
    for start in range(0, row.size, BLOCK):
        block, part = row[start : start + BLOCK], cast_like(0.0, row)
        for j in range(block.size):
            part = reassociable_add(part, (block[j] - shift) ** 2)
        total = total + part
    return total


@inlined
def sum_between(entries: Any, start: Any, stop: Any) -> Any:
    """Return the sum of some entries, by lanes."""
    total, width, zero = 0.0, lane_count(entries), fill_lanes(entries, 0)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        pairs, full, part, other = last - (last - first) % (2 * width), last - (last - first) % width, zero, zero
        for j in range(first, pairs, 2 * width):
            part, other = part + load(entries, j), other + load(entries, j + width)
        for j in range(pairs, full, width):
            part = part + load(entries, j)
        if full < last:
            other = other + load_part(entries, full, last - full, 0)
        total = total + sum_of_lanes(part + other)
    return total


@inlined
def sum_of_squares_between(entries: Any, start: Any, stop: Any, shift: Any) -> Any:
    """Return the sum of squares of some entries minus the shift, by lanes."""
    total, width, zero = 0.0, lane_count(entries), fill_lanes(entries, 0)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        pairs, full, part, other = last - (last - first) % (2 * width), last - (last - first) % width, zero, zero
        for j in range(first, pairs, 2 * width):
            off, other_off = load(entries, j) - shift, load(entries, j + width) - shift
            part, other = part + off * off, other + other_off * other_off
        for j in range(pairs, full, width):
            off = load(entries, j) - shift
            part = part + off * off
        if full < last:
            off = load_part(entries, full, last - full, shift) - shift
            other = other + off * off
        total = total + sum_of_lanes(part + other)
    return total


@inlined
def gradient_sums_between(dy: Any, x: Any, start: Any, stop: Any, shift: Any) -> Any:
    """Return the sums of dy and of dy (x − shift) of some entries, by lanes."""
    dy_sum, product, width, zero = 0.0, 0.0, lane_count(x), fill_lanes(x, 0)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        full, part, other = last - (last - first) % width, zero, zero
        for j in range(first, full, width):
            d = load(dy, j)
            part, other = part + d, other + d * (load(x, j) - shift)
        if full < last:
            d = load_part(dy, full, last - full, 0)
            part, other = part + d, other + d * (load_part(x, full, last - full, shift) - shift)
        dy_sum, product = dy_sum + sum_of_lanes(part), product + sum_of_lanes(other)
    return dy_sum, product


@inlined
def weighted_sums_between(dy: Any, x: Any, gamma: Any, start: Any, stop: Any, shift: Any) -> Any:
    """Return the sums of gamma dy and of gamma dy (x − shift) of a row, by lanes; gamma begins where the row does."""
    dy_sum, product, width, zero = 0.0, 0.0, lane_count(x), fill_lanes(x, 0)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        full, part, other = last - (last - first) % width, zero, zero
        for j in range(first, full, width):
            d = load(gamma, j - start) * load(dy, j)
            part, other = part + d, other + d * (load(x, j) - shift)
        if full < last:
            d = load_part(gamma, full - start, last - full, 0) * load_part(dy, full, last - full, 0)
            part, other = part + d, other + d * (load_part(x, full, last - full, shift) - shift)
        dy_sum, product = dy_sum + sum_of_lanes(part), product + sum_of_lanes(other)
    return dy_sum, product


def largest_between(entries: Any, start: Any, stop: Any) -> Any:
    """Return the largest of some entries, and a number that is not finite where one of them is not."""
    return np.max(entries[start:stop]), 0


@overload_for(largest_between)
def _largest_between(entries: Any, start: Any, stop: Any) -> Callable[..., Any]:
    def loop(entries: Any, start: Any, stop: Any) -> Any:
        width, zero = lane_count(entries), fill_lanes(entries, 0)
        pairs, full = stop - (stop - start) % (2 * width), stop - (stop - start) % width
        top, nonfinite = fill_lanes(entries, entries[start]), zero
        other_top, other_nonfinite = top, zero
        for j in range(start, pairs, 2 * width):
            lanes, others = load(entries, j), load(entries, j + width)
            top, other_top = where(lanes > top, lanes, top), where(others > other_top, others, other_top)
            nonfinite, other_nonfinite = fma(lanes, zero, nonfinite), fma(others, zero, other_nonfinite)
        for j in range(pairs, full, width):
            lanes = load(entries, j)
            top, nonfinite = where(lanes > top, lanes, top), fma(lanes, zero, nonfinite)
        if full < stop:
            lanes = load_part(entries, full, stop - full, entries[start])
            other_top, other_nonfinite = where(lanes > other_top, lanes, other_top), fma(lanes, zero, other_nonfinite)
        return largest_of_lanes(where(other_top > top, other_top, top)), sum_of_lanes(nonfinite + other_nonfinite)

    return loop


# --- over one channel of all images: four images at a time where there are so many ---------------------------------------------------


@inlined
def sum_of_four_rows(a: Floats, b: Floats, c: Floats, d: Floats) -> Any:
    """Return the sum of four rows."""
    total = 0.0
    for start in range(0, a.size, BLOCK):
        p, q, r, s = a[start : start + BLOCK], b[start : start + BLOCK], c[start : start + BLOCK], d[start : start + BLOCK]
        part = cast_like(0.0, a)
        for j in range(p.size):
            part = reassociable_add(part, (p[j] + q[j]) + (r[j] + s[j]))
        total = total + part
    return total


@inlined
def sum_of_squares_of_four_rows(a: Floats, b: Floats, c: Floats, d: Floats, shift: Any) -> Any:
    """Return the sum of squares of four rows minus the shift."""
    total = 0.0
    for start in range(0, a.size, BLOCK):
        p, q, r, s = a[start : start + BLOCK], b[start : start + BLOCK], c[start : start + BLOCK], d[start : start + BLOCK]
        part = cast_like(0.0, a)
        for j in range(p.size):
            part = reassociable_add(part, ((p[j] - shift) ** 2 + (q[j] - shift) ** 2) + ((r[j] - shift) ** 2 + (s[j] - shift) ** 2))
        total = total + part
    return total


@inlined
def channel_sum(x: Floats, channel: Any) -> Any:
    """Return the sum of one channel of all images; the axes are example, channel, position."""
    total, fours = 0.0, x.shape[0] // 4 * 4
    for i in range(0, fours, 4):
        total = total + sum_of_four_rows(x[i, channel], x[i + 1, channel], x[i + 2, channel], x[i + 3, channel])
    for i in range(fours, x.shape[0]):
        total = total + row_sum(x[i, channel])
    return total


@inlined
def channel_sum_of_squares(x: Floats, channel: Any, shift: Any) -> Any:
    """Return the sum of squares of one channel of all images minus the shift."""
    total, fours = 0.0, x.shape[0] // 4 * 4
    for i in range(0, fours, 4):
        total = total + sum_of_squares_of_four_rows(x[i, channel], x[i + 1, channel], x[i + 2, channel], x[i + 3, channel], shift)
    for i in range(fours, x.shape[0]):
        total = total + row_sum_of_squares(x[i, channel], shift)
    return total


@inlined
def channel_gradient_sums(dy: Any, x: Any, first: Any, wide: Any, last: Any, size: Any, shift: Any) -> Any:
    """Return the sums of dy and of dy (x − shift) of one channel of all images, by lanes; the images lie `wide` entries apart."""
    dy_sum, product, width, zero = 0.0, 0.0, lane_count(x), fill_lanes(x, 0)
    block = max(1, BLOCK // size) * wide
    for begun in range(first, last, block):
        part, other = zero, zero
        for start in range(begun, min(begun + block, last), wide):
            stop = start + size
            full = stop - size % width
            for j in range(start, full, width):
                d = load(dy, j)
                part, other = part + d, other + d * (load(x, j) - shift)
            if full < stop:
                d = load_part(dy, full, stop - full, 0)
                part, other = part + d, other + d * (load_part(x, full, stop - full, shift) - shift)
        dy_sum, product = dy_sum + sum_of_lanes(part), product + sum_of_lanes(other)
    return dy_sum, product


# --- down the columns: row by row, four rows at a time where there are so many ------------------------------------------------------


@inlined
def add_row(total: Floats, a: Floats) -> None:
    """Add a row to the sums of the columns."""
    for j in range(total.size):
        total[j] = total[j] + a[j]


@inlined
def add_four(total: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    """Add four rows to the sums of the columns."""
    for j in range(total.size):
        total[j] = total[j] + ((a[j] + b[j]) + (c[j] + d[j]))


@inlined
def add_squares(total: Floats, shift: Floats, a: Floats) -> None:
    """Add (a − shift)² of a row to the sums of the columns."""
    for j in range(total.size):
        total[j] = total[j] + (a[j] - shift[j]) ** 2


@inlined
def add_four_squares(total: Floats, shift: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    """Add the squares of four rows minus the shift to the sums of the columns."""
    for j in range(total.size):
        total[j] = total[j] + (((a[j] - shift[j]) ** 2 + (b[j] - shift[j]) ** 2) + ((c[j] - shift[j]) ** 2 + (d[j] - shift[j]) ** 2))


@inlined
def add_products(total: Floats, shift: Floats, dy: Floats, x: Floats) -> None:
    """Add dy (x − shift) of a row to the sums of the columns."""
    for j in range(total.size):
        total[j] = total[j] + dy[j] * (x[j] - shift[j])


@inlined
def add_two_products(total: Floats, shift: Floats, da: Floats, db: Floats, a: Floats, b: Floats) -> None:
    """Add dy (x − shift) of two rows to the sums of the columns."""
    for j in range(total.size):
        total[j] = total[j] + (da[j] * (a[j] - shift[j]) + db[j] * (b[j] - shift[j]))


@inlined
def add_rows(total: Floats, x: Floats, first: Any, last: Any, wide: Any) -> None:
    """Add rows to the sums of the columns; the first row starts at entry `first`, the next ones every `wide` entries, before `last`."""
    k, fours = total.size, last - 3 * wide
    for i in range(first, fours, 4 * wide):
        add_four(total, x[i : i + k], x[i + wide : i + wide + k], x[i + 2 * wide : i + 2 * wide + k], x[i + 3 * wide : i + 3 * wide + k])
    for i in range(first + max(0, divide_up(fours - first, 4 * wide)) * 4 * wide, last, wide):
        add_row(total, x[i : i + k])


@inlined
def add_squares_of_rows(total: Floats, shift: Floats, x: Floats, first: Any, last: Any, wide: Any) -> None:
    """Add the squares of the same rows minus the shift."""
    k, fours = total.size, last - 3 * wide
    for i in range(first, fours, 4 * wide):
        a, b, c, d = x[i : i + k], x[i + wide : i + wide + k], x[i + 2 * wide : i + 2 * wide + k], x[i + 3 * wide : i + 3 * wide + k]
        add_four_squares(total, shift, a, b, c, d)
    for i in range(first + max(0, divide_up(fours - first, 4 * wide)) * 4 * wide, last, wide):
        add_squares(total, shift, x[i : i + k])


@inlined
def add_products_of_rows(total: Floats, shift: Floats, dy: Floats, x: Floats, first: Any, last: Any, wide: Any) -> None:
    """Add dy (x − shift) of the same rows."""
    k, twos = total.size, last - wide
    for i in range(first, twos, 2 * wide):
        add_two_products(total, shift, dy[i : i + k], dy[i + wide : i + wide + k], x[i : i + k], x[i + wide : i + wide + k])
    for i in range(first + max(0, divide_up(twos - first, 2 * wide)) * 2 * wide, last, wide):
        add_products(total, shift, dy[i : i + k], x[i : i + k])


# --- a batch in tile_count: of narrow batches, several rows side by side count as one, with a column for each of their entries -----------


@inlined
def rows_side_by_side(x: Floats) -> Any:
    """Return how many rows of a narrow batch count as one."""
    return min(x.shape[0], max(1, WIDTH // x.shape[1]))


@inlined
def tiling(x: Floats) -> Any:
    """Return the columns and the rows of a tile, and how many tiles there are across and down."""
    side = rows_side_by_side(x)
    wide = side * x.shape[1]
    across = divide_up(wide, WIDTH)
    columns = divide_up(wide, across)
    rows = max(1, TILE // columns)
    return columns, rows, across, divide_up(x.shape[0] // side, rows)


@inlined
def tile_count(x: Floats) -> Any:
    """Return how many tiles there are."""
    _, _, across, down = tiling(x)
    return across * down


@inlined
def partial_sums(x: Floats, kinds: Any) -> Any:
    """Return zeros for so many kinds of sums of all parts of a batch: of each tile, then of each row that no tile has."""
    side, (_, _, _, down) = rows_side_by_side(x), tiling(x)
    return accumulator_zeros((kinds, (down * side + x.shape[0] % side) * x.shape[1]), x)


@inlined
def rows_in_part(x: Floats, part: Any) -> Any:
    """Return how many rows of the batch one part has summed."""
    side, (_, rows, _, down) = rows_side_by_side(x), tiling(x)
    return min(rows, x.shape[0] // side - part // side * rows) if part < down * side else 1


@inlined
def tile_extent(x: Floats, tile: Any) -> Any:
    """Return the first and the last entry of a tile, the width of rows, its columns, and where its sums are stored."""
    columns, rows, across, _ = tiling(x)
    side = rows_side_by_side(x)
    wide, down, left = side * x.shape[1], tile // across, tile % across * columns
    last = min((down + 1) * rows, x.shape[0] // side) * wide
    return down * rows * wide + left, last, wide, min(columns, wide - left), down * wide + left


@inlined
def tile_columns(numbers: Floats, x: Floats, tile: Any) -> Floats:
    """Return the slice of an array of one number a column that belongs to a tile."""
    first, _, wide, columns, _ = tile_extent(x, tile)
    return numbers[first % wide : first % wide + columns]


@compiled_as_part
def moments_of_tile(parts: Floats, x: Floats, tile: Any) -> Any:
    """Store the sums of a tile's columns and their sums of squares about the tile's own means. Return these means."""
    first, last, wide, columns, at = tile_extent(x, tile)
    flat, total, shift = x.reshape(x.size), zeros_like_dtype(columns, x), zeros_like_dtype(columns, x)
    add_rows(total, flat, first, last, wide)
    count = divide_up(last - first, wide)
    for j in range(columns):
        parts[0, at + j] = total[j]
        shift[j] = cast_like(parts[0, at + j] / count, x)
        total[j] = cast_like(0.0, x)
    add_squares_of_rows(total, shift, flat, first, last, wide)
    for j in range(columns):
        parts[1, at + j] = total[j]
    return shift


@compiled_as_part
def gradient_sums_of_tile(parts: Floats, kind: Any, dy: Floats, x: Floats, shift: Floats, tile: Any) -> None:
    """Store the sums of dy and of dy (x − shift) down a tile's columns, as two kinds of sums."""
    first, last, wide, columns, at = tile_extent(x, tile)
    flat, total, product = dy.reshape(dy.size), zeros_like_dtype(columns, x), zeros_like_dtype(columns, x)
    add_rows(total, flat, first, last, wide)
    add_products_of_rows(product, shift, flat, x.reshape(x.size), first, last, wide)
    for j in range(columns):
        parts[kind, at + j], parts[kind + 1, at + j] = total[j], product[j]


@compiled_as_part
def products_of_tile(parts: Floats, kind: Any, a: Floats, b: Floats, shift: Floats, tile: Any) -> None:
    """Store the sums of a (b − shift) down a tile's columns."""
    first, last, wide, columns, at = tile_extent(b, tile)
    total = zeros_like_dtype(columns, b)
    add_products_of_rows(total, shift, a.reshape(a.size), b.reshape(b.size), first, last, wide)
    for j in range(columns):
        parts[kind, at + j] = total[j]


@inlined
def merge_sums(parts: Floats, kind: Any, k: Any) -> Any:
    """Return the sums of one kind down each of k columns, from all parts."""
    total = accumulator_zeros(k, parts)
    for start in range(0, parts.shape[1], k):
        add_row(total, parts[kind, start : start + k])
    return total


@compiled_as_part
def column_products(parts: Floats, kind: Any, a: Floats, b: Floats, shift: Floats) -> Any:
    """Return the sums of a (b − shift) down each column, from all parts."""
    left = b.shape[0] % rows_side_by_side(b) * b.shape[1]
    one, other = a.reshape(a.size), b.reshape(b.size)
    for j in range(left):
        parts[kind, parts.shape[1] - left + j] = one[b.size - left + j] * (other[b.size - left + j] - shift[j])
    return merge_sums(parts, kind, b.shape[1])


@compiled_as_part
def add_remaining_rows(parts: Floats, kind: Any, x: Floats) -> None:
    """Store the rows that no tile has, each as a part of its own."""
    left = x.shape[0] % rows_side_by_side(x) * x.shape[1]
    flat = x.reshape(x.size)
    for j in range(left):
        parts[kind, parts.shape[1] - left + j] = flat[x.size - left + j]


@compiled_as_part
def column_sums(parts: Floats, kind: Any, x: Floats) -> Any:
    """Return the sums down each column, from all parts."""
    add_remaining_rows(parts, kind, x)
    return merge_sums(parts, kind, x.shape[1])


@compiled_as_part
def moments(parts: Floats, x: Floats) -> Any:
    """Return the mean and the sum of squares about it of each column, and whether a sum overflows the dtype of the batch."""
    m, k = x.shape
    mean, squares = column_sums(parts, 0, x), accumulator_zeros(k, x)
    nonfinite = False
    for j in range(k):
        nonfinite |= is_nonfinite(cast_like(mean[j], x))
        mean[j] = mean[j] / m
    for start in range(0, parts.shape[1], k):
        merge_squares(squares, mean, parts[0, start : start + k], parts[1, start : start + k], rows_in_part(x, start // k))
    for j in range(k):
        nonfinite |= is_nonfinite(cast_like(squares[j], x))
    return mean, squares, nonfinite


@inlined
def merge_squares(squares: Floats, mean: Floats, total: Floats, own: Floats, count: Any) -> None:
    """Add one part's sums of squares, moved from the part's own mean to the mean of all."""
    for j in range(squares.size):
        squares[j] = squares[j] + (own[j] + count * (total[j] / count - mean[j]) ** 2)


@compiled_as_part
def gradient_sums(parts: Floats, dy: Floats, x: Floats, mean: Floats) -> Any:
    """Return the sums of dy and of dy (x − mean) down each column, from all parts."""
    k = x.shape[1]
    dy_sum, product = column_sums(parts, 2, dy), accumulator_zeros(k, x)
    for start in range(0, parts.shape[1], k):
        count = rows_in_part(x, start // k)
        for j in range(k):
            off = cast_like(parts[0, start + j] / count, x) - mean[j]
            product[j] = product[j] + (parts[3, start + j] + off * parts[2, start + j])
    return dy_sum, product
