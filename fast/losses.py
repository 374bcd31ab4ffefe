"""Losses, fast: `trainspec.reference.losses` says what each formula is; the results are within its rounding bound.

What ends in `_with_grad` gives the pair of a loss and its gradient in one pass over memory, which costs what the gradient alone costs.
`out` takes the result, an array or a tuple of arrays, apart from the arguments; None stands for a fresh one.

Rows are taken in pieces that stay in the cache. The losses of a piece are summed in order in float64, and so are the pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange
from numba.np.numpy_support import as_dtype

from ..reference import losses as reference
from ._functions import exp, log, logistic, softplus
from ._kernels import inlined, native
from ._written import both, narrowed, outside, part, plus, strange, wide, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from ..reference.domains import Array, ClassLabels, ExampleLogits, Floats, Logits, Reduction, Scores, Smoothing, Targets
    from ._kernels import Out

    Numbers = NDArray[Any]

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_grad",
    "binary_cross_entropy_with_grad",
    "cross_entropy",
    "cross_entropy_grad",
    "cross_entropy_with_grad",
    "sigmoid",
    "softmax",
]

STRETCH = 1 << 9  # entries that are summed in their own dtype
ENTRIES = 1 << 12  # of the rows that one thread takes at a time
THREADS_FROM = 1 << 15  # bytes of the inputs: an entry costs an exponential
NONE, MEAN, SUM = range(3)  # the reductions, in the order of their domain


# --- pieces, sums, the largest ---------------------------------------------------------------------------------------------------


@inlined
def rows_a_piece(x: Numbers) -> Any:
    """How many rows one thread takes at a time."""
    return max(1, ENTRIES // max(1, x.size // max(1, x.shape[0])))


@inlined
def pieces(x: Numbers) -> Any:
    """How many pieces there are."""
    step = rows_a_piece(x)
    return (x.shape[0] + step - 1) // step


@inlined
def in_order(numbers: Numbers) -> Any:
    """The sum in float64, one number after the other."""
    total = 0.0
    for i in range(numbers.size):
        total = total + numbers[i]
    return total


@inlined
def total_of(row: Numbers) -> Any:
    """The sum, from sums of stretches in the dtype of the row."""
    total = 0.0
    for start in range(0, row.size, STRETCH):
        stretch, part = row[start : start + STRETCH], narrowed(0.0, row)
        for j in range(stretch.size):
            part = plus(part, stretch[j])
        total = total + part
    return total


def largest(row: Numbers) -> Any:
    """The largest number; something that is not finite where one of them isn't, but for −∞."""
    return np.max(row)


@native(largest)
def _largest(row: Any) -> Callable[..., Any]:
    """The same as words: floats with the bits of negative ones turned are in the order of integers, whose maximum makes lanes."""
    real = as_dtype(row.dtype).type
    word = {4: np.int32, 8: np.int64}[real().itemsize]
    least, sign, rest = np.iinfo(word).min, word(8 * word().itemsize - 1), np.iinfo(word).max

    def loop(row: Any) -> Any:
        words, most = row.view(word), word(least)
        for j in range(words.size):
            turned = word(words[j] ^ word(word(words[j] >> sign) & word(rest)))
            most = max(most, turned)
        return word(most ^ word(word(most >> sign) & word(rest))).view(real)

    return loop


def loss_and_slopes(x: Any, *_: Any, reduction: Reduction, **__: Any) -> tuple[Any, Any]:
    """The shapes of a loss and of its gradient by the first argument."""
    return (x.shape[:1] if reduction == "none" else ()), x.shape


# --- K classes -------------------------------------------------------------------------------------------------------------------


@inlined
def shift(shifted: Numbers, row: Numbers) -> Any:
    """The row less its largest number, and the sum of what is left, which is not finite where some number isn't."""
    most, total = largest(row), 0.0
    for start in range(0, row.size, STRETCH):
        new, old, part = shifted[start : start + STRETCH], row[start : start + STRETCH], narrowed(0.0, row)
        for j in range(old.size):
            new[j] = old[j] - most
            part = plus(part, new[j])
        total = total + part
    return total


@inlined
def exponentiate(x: Numbers) -> None:
    """The exponentials of all rows at once, for short rows make no lanes."""
    flat = x.reshape(-1)
    for j in range(flat.size):
        flat[j] = exp(flat[j])


@inlined
def softmax_rows(p: Numbers, logits: Numbers) -> Any:
    """Some rows; whether a logit is not finite."""
    wild = 0
    for i in range(logits.shape[0]):
        wild = wild + strange(shift(p[i], logits[i]))
    exponentiate(p)
    for i in range(logits.shape[0]):
        row = p[i]
        scale = narrowed(1 / total_of(row), row)
        for j in range(row.size):
            row[j] = row[j] * scale
    return wild


def softmax_loops(p: Numbers, logits: Numbers) -> Any:
    """Rows in pieces."""
    step, wild = rows_a_piece(logits), 0
    for piece in prange(pieces(logits)):
        rows = slice(piece * step, (piece + 1) * step)
        wild += softmax_rows(p[rows], logits[rows])
    return wild > 0


@written(reference.softmax, softmax_loops, threads_from=THREADS_FROM)
def softmax(logits: Logits, *, out: Out = None) -> Logits:
    """Softmax along the last axis: pⱼ = exp zⱼ / Σₖ exp zₖ."""


@inlined
def cross_entropy_rows(losses: Numbers, slopes: Numbers, logits: Numbers, labels: Any, smoothing: Any, count: Any) -> Any:
    """Some rows; whether a logit is not finite, or a label no class. The exponentials stand where the slopes are to be."""
    examples, classes = logits.shape
    totals, wild = np.empty(examples, logits.dtype), 0
    for i in range(examples):
        known = 0 <= labels[i] < classes
        mean = shift(slopes[i], logits[i]) / classes
        losses[i] = (smoothing - 1) * slopes[i, labels[i] if known else 0] - smoothing * mean
        wild = wild + (not known)
    exponentiate(slopes)
    kept, spread = narrowed((1 - smoothing) / count, logits), narrowed(smoothing / classes / count, logits)
    for i in range(examples):
        row, total = slopes[i], total_of(slopes[i])
        totals[i], scale = total, narrowed(1 / (total * count), logits)
        for j in range(classes):
            row[j] = row[j] * scale - spread
        own = labels[i] if 0 <= labels[i] < classes else 0
        row[own] = row[own] - kept
    for i in range(examples):
        losses[i] = losses[i] + log(totals[i])
        wild = wild + strange(losses[i])
    return wild


def cross_entropy_loops(losses: Numbers, grad: Numbers, logits: Numbers, labels: Any, reduction: Any, smoothing: Any) -> Any:
    """Rows in pieces; what is not asked for has no entries."""
    step, wild, count = rows_a_piece(logits), 0, logits.shape[0] if reduction == MEAN else 1
    sums = wide(pieces(logits), logits)
    for piece in prange(sums.size):
        rows = slice(piece * step, (piece + 1) * step)
        x = logits[rows]
        each = losses[rows] if losses.size and reduction == NONE else np.empty(x.shape[0], x.dtype)
        slopes = grad[rows] if grad.size else np.empty(x.shape, x.dtype)
        wild += cross_entropy_rows(each, slopes, x, labels[rows], smoothing, count)
        sums[piece] = in_order(each)
    if losses.size and reduction != NONE:
        losses[0] = in_order(sums) / count
    return wild > 0


@written(
    both(reference.cross_entropy, reference.cross_entropy_grad), cross_entropy_loops, shapes=loss_and_slopes, threads_from=THREADS_FROM
)
def cross_entropy_with_grad(
    logits: ExampleLogits, labels: ClassLabels, *, reduction: Reduction, smoothing: Smoothing = 0, out: Out = None
) -> tuple[Floats, ExampleLogits]:
    """The cross-entropy of labels from logits, and its gradient by the logits."""


@part(reference.cross_entropy, cross_entropy_with_grad, 0)
def cross_entropy(logits: ExampleLogits, labels: ClassLabels, *, reduction: Reduction, smoothing: Smoothing = 0, out: Out = None) -> Floats:
    """The cross-entropy of labels from logits: Σᵢ [log Σₖ exp zᵢₖ − (1 − s) zᵢ at yᵢ − s/K Σₖ zᵢₖ]."""


@part(reference.cross_entropy_grad, cross_entropy_with_grad, 1)
def cross_entropy_grad(
    logits: ExampleLogits, labels: ClassLabels, *, reduction: Reduction, smoothing: Smoothing = 0, out: Out = None
) -> ExampleLogits:
    """The gradient of the cross-entropy by the logits: pᵢⱼ − (1 − s) [yᵢ = j] − s/K."""


# --- two classes -----------------------------------------------------------------------------------------------------------------


@inlined
def sigmoid_of(y: Numbers, z: Numbers) -> Any:
    """A piece; whether a number is not finite."""
    wild = False
    for i in range(z.size):
        y[i] = logistic(z[i])
        wild |= strange(z[i])
    return wild


def sigmoid_loops(y: Numbers, z: Numbers) -> Any:
    """Entries in pieces."""
    wild = 0
    for piece in prange(pieces(z)):
        some = slice(piece * ENTRIES, (piece + 1) * ENTRIES)
        wild += sigmoid_of(y[some], z[some])
    return wild > 0


@written(reference.sigmoid, sigmoid_loops, threads_from=THREADS_FROM)
def sigmoid(z: Array, *, out: Out = None) -> Array:
    """The logistic function: σ(z) = 1 / (1 + e⁻ᶻ)."""


@inlined
def binary_entries(losses: Numbers, slopes: Numbers, logits: Numbers, targets: Numbers, count: Any) -> Any:
    """Some examples; whether a loss is not finite, or a target not from 0 to 1."""
    wild, examples, zero, one = False, narrowed(count, logits), narrowed(0, logits), narrowed(1, logits)
    for i in range(logits.size):
        losses[i] = softplus(logits[i]) - targets[i] * logits[i]
        slopes[i] = (logistic(logits[i]) - targets[i]) / examples
        wild |= strange(losses[i]) | outside(targets[i], zero, one)
    return wild


def binary_cross_entropy_loops(losses: Numbers, grad: Numbers, logits: Numbers, targets: Numbers, reduction: Any) -> Any:
    """Examples in pieces; what is not asked for has no entries."""
    wild, count = 0, logits.size if reduction == MEAN else 1
    sums = wide(pieces(logits), logits)
    for piece in prange(sums.size):
        some = slice(piece * ENTRIES, (piece + 1) * ENTRIES)
        z = logits[some]
        each = losses[some] if losses.size and reduction == NONE else np.empty(z.size, z.dtype)
        slopes = grad[some] if grad.size else np.empty(z.size, z.dtype)
        wild += binary_entries(each, slopes, z, targets[some], count)
        sums[piece] = in_order(each)
    if losses.size and reduction != NONE:
        losses[0] = in_order(sums) / count
    return wild > 0


@written(
    both(reference.binary_cross_entropy, reference.binary_cross_entropy_grad),
    binary_cross_entropy_loops,
    shapes=loss_and_slopes,
    threads_from=THREADS_FROM,
)
def binary_cross_entropy_with_grad(logits: Scores, targets: Targets, *, reduction: Reduction, out: Out = None) -> tuple[Floats, Scores]:
    """The binary cross-entropy of targets from logits, and its gradient by the logits."""


@part(reference.binary_cross_entropy, binary_cross_entropy_with_grad, 0)
def binary_cross_entropy(logits: Scores, targets: Targets, *, reduction: Reduction, out: Out = None) -> Floats:
    """The logistic loss for targets from 0 to 1: Σ [log(1 + exp zᵢ) − tᵢ zᵢ]."""


@part(reference.binary_cross_entropy_grad, binary_cross_entropy_with_grad, 1)
def binary_cross_entropy_grad(logits: Scores, targets: Targets, *, reduction: Reduction, out: Out = None) -> Scores:
    """The gradient of the binary cross-entropy by the logits: σ(zᵢ) − tᵢ."""
