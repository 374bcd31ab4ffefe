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
from ._written import narrowed, plus, strange, written

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from ..reference.domains import Batch, Eps, Units
    from ._kernels import Out

    Floats = NDArray[Any]

__all__ = ["layer_norm"]

STRETCH = 1 << 9  # entries that are summed in their own dtype
ENTRIES = 1 << 13  # of the rows that one thread takes at a time


# --- along the rows --------------------------------------------------------------------------------------------------------------


@inlined
def mean_of(row: Floats) -> Any:
    """The mean, from sums of stretches in the dtype of the row."""
    total = 0.0
    for start in range(0, row.size, STRETCH):
        stretch, part = row[start : start + STRETCH], narrowed(0.0, row)
        for j in range(stretch.size):
            part = plus(part, stretch[j])
        total = total + part
    return total / row.size


@inlined
def variance_of(row: Floats, mean: Any) -> Any:
    """The mean square of what is left without the mean, in the same way."""
    total = 0.0
    for start in range(0, row.size, STRETCH):
        stretch, part = row[start : start + STRETCH], narrowed(0.0, row)
        for j in range(stretch.size):
            part = plus(part, (stretch[j] - mean) ** 2)
        total = total + part
    return total / row.size


@inlined
def pieces(x: Floats, step: int) -> Any:
    """How many pieces of so many rows there are."""
    return (x.shape[0] + step - 1) // step


@inlined
def rows_a_piece(x: Floats) -> Any:
    """How many rows one thread takes at a time."""
    return max(1, ENTRIES // x.shape[1])


@inlined
def layer_norm_row(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """One row; whether something in it is not finite."""
    mean = mean_of(x)
    shift = narrowed(mean, x)
    scale = narrowed(1 / np.sqrt(variance_of(x, shift) + eps), x)
    wild = False
    for j in range(x.size):
        y[j] = gamma[j] * ((x[j] - shift) * scale) + beta[j]
        wild |= strange(y[j])
    return wild


def layer_norm_loops(y: Floats, x: Floats, gamma: Floats, beta: Floats, eps: Any) -> Any:
    """Each row while it is in the cache: its statistics, then its entries."""
    step, wild = rows_a_piece(x), 0
    for piece in prange(pieces(x, step)):
        for i in range(piece * step, min((piece + 1) * step, x.shape[0])):
            wild += layer_norm_row(y[i], x[i], gamma, beta, eps)
    return wild > 0


@written(reference.layer_norm, layer_norm_loops)
def layer_norm(x: Batch, gamma: Units, beta: Units, *, eps: Eps, out: Out = None) -> Batch:
    """Layer normalization: y = γ (x − μₙ) / √(σₙ² + ε) + β."""
