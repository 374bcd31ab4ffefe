"""Sums for means and variances: along rows, over images' channels, down columns.

Stretches are summed in the arrays' own dtype and added up in float64. A variance takes two passes, the second while the entries are still
in the cache; what was summed apart is put together by the rule of Chan, Golub & LeVeque (1983), which is as stable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._kernels import inlined, native
from ._written import narrowed, plus, strange, wide_zeros

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[Any]

STRETCH = 1 << 9  # entries that are summed in their own dtype
WIDTH = 1 << 8  # columns of a tile
TILE = 1 << 14  # entries of a tile: it stays in the cache for its second pass


def zeros(shape: Any, like: Floats) -> Floats:
    """Zeros in the dtype of the array."""
    return np.zeros(shape, like.dtype)


@native(zeros)
def _zeros(shape: Any, like: Any) -> Callable[..., Any]:
    kind = like.dtype
    return lambda shape, like: np.zeros(shape, kind)


@inlined
def ceiling(whole: Any, part: Any) -> Any:
    """How many such parts cover the whole."""
    return (whole + part - 1) // part


# --- along a row -----------------------------------------------------------------------------------------------------------------


@inlined
def total_of(row: Floats) -> Any:
    """The sum of a row."""
    total = 0.0
    for start in range(0, row.size, STRETCH):
        stretch, part = row[start : start + STRETCH], narrowed(0.0, row)
        for j in range(stretch.size):
            part = plus(part, stretch[j])
        total = total + part
    return total


@inlined
def squares_of(row: Floats, shift: Any) -> Any:
    """The sum of the squares of what is left without the shift."""
    total = 0.0
    for start in range(0, row.size, STRETCH):
        stretch, part = row[start : start + STRETCH], narrowed(0.0, row)
        for j in range(stretch.size):
            part = plus(part, (stretch[j] - shift) ** 2)
        total = total + part
    return total


@inlined
def slopes_of(dy: Floats, x: Floats, shift: Any) -> Any:
    """The sum of dy, and of dy times what is left of x without the shift."""
    slope, product = 0.0, 0.0
    for start in range(0, x.size, STRETCH):
        d, stretch = dy[start : start + STRETCH], x[start : start + STRETCH]
        part, other = narrowed(0.0, x), narrowed(0.0, x)
        for j in range(stretch.size):
            part = plus(part, d[j])
            other = plus(other, d[j] * (stretch[j] - shift))
        slope, product = slope + part, product + other
    return slope, product


@inlined
def weighted_sums_of(dy: Floats, x: Floats, gamma: Floats, shift: Any) -> Any:
    """The sums of the squares of x without the shift, of gamma times dy, and of that times x without the shift."""
    square, slope, product = 0.0, 0.0, 0.0
    for start in range(0, x.size, STRETCH):
        d, stretch, weights = dy[start : start + STRETCH], x[start : start + STRETCH], gamma[start : start + STRETCH]
        first, second, third = narrowed(0.0, x), narrowed(0.0, x), narrowed(0.0, x)
        for j in range(stretch.size):
            first = plus(first, (stretch[j] - shift) ** 2)
            second = plus(second, weights[j] * d[j])
            third = plus(third, weights[j] * d[j] * (stretch[j] - shift))
        square, slope, product = square + first, slope + second, product + third
    return square, slope, product


# --- over one channel of all images: four images at a time where there are so many ---------------------------------------------------


@inlined
def total_of_four(a: Floats, b: Floats, c: Floats, d: Floats) -> Any:
    """The sum of four rows."""
    total = 0.0
    for start in range(0, a.size, STRETCH):
        p, q, r, s = a[start : start + STRETCH], b[start : start + STRETCH], c[start : start + STRETCH], d[start : start + STRETCH]
        part = narrowed(0.0, a)
        for j in range(p.size):
            part = plus(part, (p[j] + q[j]) + (r[j] + s[j]))
        total = total + part
    return total


@inlined
def squares_of_four(a: Floats, b: Floats, c: Floats, d: Floats, shift: Any) -> Any:
    """The sum of their squares without the shift."""
    total = 0.0
    for start in range(0, a.size, STRETCH):
        p, q, r, s = a[start : start + STRETCH], b[start : start + STRETCH], c[start : start + STRETCH], d[start : start + STRETCH]
        part = narrowed(0.0, a)
        for j in range(p.size):
            part = plus(part, ((p[j] - shift) ** 2 + (q[j] - shift) ** 2) + ((r[j] - shift) ** 2 + (s[j] - shift) ** 2))
        total = total + part
    return total


@inlined
def sums_of_two(da: Floats, db: Floats, a: Floats, b: Floats, shift: Any) -> Any:
    """Of two rows: the sums of the squares of x without the shift, of dy, and of dy times x without the shift."""
    square, slope, product = 0.0, 0.0, 0.0
    for start in range(0, a.size, STRETCH):
        d, e, p, q = da[start : start + STRETCH], db[start : start + STRETCH], a[start : start + STRETCH], b[start : start + STRETCH]
        first, second, third = narrowed(0.0, a), narrowed(0.0, a), narrowed(0.0, a)
        for j in range(p.size):
            first = plus(first, (p[j] - shift) ** 2 + (q[j] - shift) ** 2)
            second = plus(second, d[j] + e[j])
            third = plus(third, d[j] * (p[j] - shift) + e[j] * (q[j] - shift))
        square, slope, product = square + first, slope + second, product + third
    return square, slope, product


@inlined
def total_of_channel(x: Floats, channel: Any) -> Any:
    """The sum of one channel; images have the axes example, channel, place."""
    total, fours = 0.0, x.shape[0] // 4 * 4
    for i in range(0, fours, 4):
        total = total + total_of_four(x[i, channel], x[i + 1, channel], x[i + 2, channel], x[i + 3, channel])
    for i in range(fours, x.shape[0]):
        total = total + total_of(x[i, channel])
    return total


@inlined
def squares_of_channel(x: Floats, channel: Any, shift: Any) -> Any:
    """The sum of its squares without the shift."""
    total, fours = 0.0, x.shape[0] // 4 * 4
    for i in range(0, fours, 4):
        total = total + squares_of_four(x[i, channel], x[i + 1, channel], x[i + 2, channel], x[i + 3, channel], shift)
    for i in range(fours, x.shape[0]):
        total = total + squares_of(x[i, channel], shift)
    return total


@inlined
def sums_of_channel(dy: Floats, x: Floats, channel: Any, shift: Any) -> Any:
    """The same over one channel, two images at a time."""
    square, slope, product, twos = 0.0, 0.0, 0.0, x.shape[0] // 2 * 2
    for i in range(0, twos, 2):
        first, second, third = sums_of_two(dy[i, channel], dy[i + 1, channel], x[i, channel], x[i + 1, channel], shift)
        square, slope, product = square + first, slope + second, product + third
    for i in range(twos, x.shape[0]):
        second, third = slopes_of(dy[i, channel], x[i, channel], shift)
        square, slope, product = square + squares_of(x[i, channel], shift), slope + second, product + third
    return square, slope, product


# --- down the columns: row by row, four rows at a time where there are so many ------------------------------------------------------


@inlined
def add(total: Floats, a: Floats) -> None:
    """One row more."""
    for j in range(total.size):
        total[j] = total[j] + a[j]


@inlined
def add_four(total: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    """Four rows more."""
    for j in range(total.size):
        total[j] = total[j] + ((a[j] + b[j]) + (c[j] + d[j]))


@inlined
def add_squares(total: Floats, shift: Floats, a: Floats) -> None:
    """The squares of one row more, without the shift."""
    for j in range(total.size):
        total[j] = total[j] + (a[j] - shift[j]) ** 2


@inlined
def add_four_squares(total: Floats, shift: Floats, a: Floats, b: Floats, c: Floats, d: Floats) -> None:
    """The squares of four rows more."""
    for j in range(total.size):
        total[j] = total[j] + (((a[j] - shift[j]) ** 2 + (b[j] - shift[j]) ** 2) + ((c[j] - shift[j]) ** 2 + (d[j] - shift[j]) ** 2))


@inlined
def add_scaled(total: Floats, dy: Floats, x: Floats, shift: Any, scale: Any) -> None:
    """The products of one row more, x without the row's own shift and to its own scale."""
    for j in range(total.size):
        total[j] = total[j] + dy[j] * ((x[j] - shift) * scale)


@inlined
def add_both(products: Floats, total: Floats, dy: Floats, x: Floats, shift: Any, scale: Any) -> None:
    """The same, and the sum of dy."""
    for j in range(total.size):
        products[j] = products[j] + dy[j] * ((x[j] - shift) * scale)
        total[j] = total[j] + dy[j]


@inlined
def add_products(total: Floats, shift: Floats, dy: Floats, x: Floats) -> None:
    """The products of one row more, x without the shift."""
    for j in range(total.size):
        total[j] = total[j] + dy[j] * (x[j] - shift[j])


@inlined
def add_two_products(total: Floats, shift: Floats, da: Floats, db: Floats, a: Floats, b: Floats) -> None:
    """The products of two rows more."""
    for j in range(total.size):
        total[j] = total[j] + (da[j] * (a[j] - shift[j]) + db[j] * (b[j] - shift[j]))


@inlined
def add_rows(total: Floats, x: Floats, first: Any, last: Any, wide: Any) -> None:
    """Entries from `first` on, of all rows up to the `last` entry; rows are so wide."""
    k, fours = total.size, last - 3 * wide
    for i in range(first, fours, 4 * wide):
        add_four(total, x[i : i + k], x[i + wide : i + wide + k], x[i + 2 * wide : i + 2 * wide + k], x[i + 3 * wide : i + 3 * wide + k])
    for i in range(first + max(0, ceiling(fours - first, 4 * wide)) * 4 * wide, last, wide):
        add(total, x[i : i + k])


@inlined
def add_squares_of_rows(total: Floats, shift: Floats, x: Floats, first: Any, last: Any, wide: Any) -> None:
    """The squares of the same entries, without the shift."""
    k, fours = total.size, last - 3 * wide
    for i in range(first, fours, 4 * wide):
        a, b, c, d = x[i : i + k], x[i + wide : i + wide + k], x[i + 2 * wide : i + 2 * wide + k], x[i + 3 * wide : i + 3 * wide + k]
        add_four_squares(total, shift, a, b, c, d)
    for i in range(first + max(0, ceiling(fours - first, 4 * wide)) * 4 * wide, last, wide):
        add_squares(total, shift, x[i : i + k])


@inlined
def add_products_of_rows(total: Floats, shift: Floats, dy: Floats, x: Floats, first: Any, last: Any, wide: Any) -> None:
    """The products with the same entries of dy."""
    k, twos = total.size, last - wide
    for i in range(first, twos, 2 * wide):
        add_two_products(total, shift, dy[i : i + k], dy[i + wide : i + wide + k], x[i : i + k], x[i + wide : i + wide + k])
    for i in range(first + max(0, ceiling(twos - first, 2 * wide)) * 2 * wide, last, wide):
        add_products(total, shift, dy[i : i + k], x[i : i + k])


# --- a batch in tiles: of narrow batches, several rows side by side count as one, with a column for each of their entries -----------


@inlined
def side_by_side(x: Floats) -> Any:
    """How many rows count as one."""
    return min(x.shape[0], max(1, WIDTH // x.shape[1]))


@inlined
def tiling(x: Floats) -> Any:
    """Columns, and rows, of a tile; how many tiles there are across, and down."""
    side = side_by_side(x)
    wide = side * x.shape[1]
    across = ceiling(wide, WIDTH)
    columns = ceiling(wide, across)
    rows = max(1, TILE // columns)
    return columns, rows, across, ceiling(x.shape[0] // side, rows)


@inlined
def tiles(x: Floats) -> Any:
    """How many tiles there are."""
    _, _, across, down = tiling(x)
    return across * down


@inlined
def parts_of(x: Floats, kinds: Any) -> Any:
    """Room for so many kinds of sums of all parts of a batch: of the tiles, then of the rows that are left, each by itself."""
    side, (_, _, _, down) = side_by_side(x), tiling(x)
    return wide_zeros((kinds, (down * side + x.shape[0] % side) * x.shape[1]), x)


@inlined
def rows_of_part(x: Floats, part: Any) -> Any:
    """How many rows of the batch one part has summed."""
    side, (_, rows, _, down) = side_by_side(x), tiling(x)
    return min(rows, x.shape[0] // side - part // side * rows) if part < down * side else 1


@inlined
def place_of(x: Floats, tile: Any) -> Any:
    """Where a tile's entries are: first and last, the width of rows; its columns; and where its sums belong."""
    columns, rows, across, _ = tiling(x)
    side = side_by_side(x)
    wide, down, left = side * x.shape[1], tile // across, tile % across * columns
    last = min((down + 1) * rows, x.shape[0] // side) * wide
    return down * rows * wide + left, last, wide, min(columns, wide - left), down * wide + left


@inlined
def columns_of(numbers: Floats, x: Floats, tile: Any) -> Floats:
    """What belongs to one tile of a number for each column."""
    first, _, wide, columns, _ = place_of(x, tile)
    return numbers[first % wide : first % wide + columns]


@inlined
def sum_tile(parts: Floats, x: Floats, tile: Any) -> Any:
    """The sums of one tile's columns, and the sums of squares about their means, which are returned."""
    first, last, wide, columns, at = place_of(x, tile)
    flat, total, shift = x.reshape(x.size), zeros(columns, x), zeros(columns, x)
    add_rows(total, flat, first, last, wide)
    count = ceiling(last - first, wide)
    for j in range(columns):
        parts[0, at + j] = total[j]
        shift[j] = narrowed(parts[0, at + j] / count, x)
        total[j] = narrowed(0.0, x)
    add_squares_of_rows(total, shift, flat, first, last, wide)
    for j in range(columns):
        parts[1, at + j] = total[j]
    return shift


@inlined
def slope_tile(parts: Floats, kind: Any, dy: Floats, x: Floats, shift: Floats, tile: Any) -> None:
    """The sums of dy down one tile's columns, and of its products with x without the shift: two kinds of sums."""
    first, last, wide, columns, at = place_of(x, tile)
    flat, total, product = dy.reshape(dy.size), zeros(columns, x), zeros(columns, x)
    add_rows(total, flat, first, last, wide)
    add_products_of_rows(product, shift, flat, x.reshape(x.size), first, last, wide)
    for j in range(columns):
        parts[kind, at + j], parts[kind + 1, at + j] = total[j], product[j]


@inlined
def product_tile(parts: Floats, kind: Any, a: Floats, b: Floats, shift: Floats, tile: Any) -> None:
    """The sums of products down one tile's columns, b without the shift."""
    first, last, wide, columns, at = place_of(b, tile)
    total = zeros(columns, b)
    add_products_of_rows(total, shift, a.reshape(a.size), b.reshape(b.size), first, last, wide)
    for j in range(columns):
        parts[kind, at + j] = total[j]


@inlined
def totals(parts: Floats, kind: Any, k: Any) -> Any:
    """The sums of one kind down each of k columns, from all parts."""
    total = wide_zeros(k, parts)
    for start in range(0, parts.shape[1], k):
        add(total, parts[kind, start : start + k])
    return total


@inlined
def total_products(parts: Floats, kind: Any, a: Floats, b: Floats, shift: Floats) -> Any:
    """The sums of products down each column, from all parts."""
    left = b.shape[0] % side_by_side(b) * b.shape[1]
    one, other = a.reshape(a.size), b.reshape(b.size)
    for j in range(left):
        parts[kind, parts.shape[1] - left + j] = one[b.size - left + j] * (other[b.size - left + j] - shift[j])
    return totals(parts, kind, b.shape[1])


@inlined
def add_rest(parts: Floats, kind: Any, x: Floats) -> None:
    """The rows that no tile has: each is a part of its own."""
    left = x.shape[0] % side_by_side(x) * x.shape[1]
    flat = x.reshape(x.size)
    for j in range(left):
        parts[kind, parts.shape[1] - left + j] = flat[x.size - left + j]


@inlined
def totals_of(parts: Floats, kind: Any, x: Floats) -> Any:
    """The sums down each column, from all parts."""
    add_rest(parts, kind, x)
    return totals(parts, kind, x.shape[1])


@inlined
def moments(parts: Floats, x: Floats) -> Any:
    """The mean of each column, and the sum of squares about it, from all parts; whether the dtype of the batch could not hold a sum."""
    m, k = x.shape
    mean, squares = totals_of(parts, 0, x), wide_zeros(k, x)
    wild = False
    for j in range(k):
        wild |= strange(narrowed(mean[j], x))
        mean[j] = mean[j] / m
    for start in range(0, parts.shape[1], k):
        merge(squares, mean, parts[0, start : start + k], parts[1, start : start + k], rows_of_part(x, start // k))
    for j in range(k):
        wild |= strange(narrowed(squares[j], x))
    return mean, squares, wild


@inlined
def merge(squares: Floats, mean: Floats, total: Floats, own: Floats, count: Any) -> None:
    """One part's squares about the mean of all, from those about its own mean."""
    for j in range(squares.size):
        squares[j] = squares[j] + (own[j] + count * (total[j] / count - mean[j]) ** 2)


@inlined
def slopes(parts: Floats, dy: Floats, x: Floats, mean: Floats) -> Any:
    """The sums of dy, and of dy times x without the mean, down each column, from all parts."""
    k = x.shape[1]
    slope, product = totals_of(parts, 2, dy), wide_zeros(k, x)
    for start in range(0, parts.shape[1], k):
        count = rows_of_part(x, start // k)
        for j in range(k):
            off = narrowed(parts[0, start + j] / count, x) - mean[j]
            product[j] = product[j] + (parts[3, start + j] + off * parts[2, start + j])
    return slope, product
