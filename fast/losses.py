"""Losses, fast: `trainspec.reference.losses` says what each formula is; the results are within its rounding bound.

What ends in `_with_grad` gives the pair of a loss and its gradient in one pass over memory, which costs what the gradient alone costs.
`out` takes the result, an array or a tuple of arrays, apart from the arguments; None stands for a fresh one.

Rows are taken in pieces that stay in the cache. The losses of a piece are summed in order in float64, and so are the pieces.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numba import prange
from numba.np.numpy_support import as_dtype

from ..reference import losses as reference
from ._functions import exp, log, logistic, softplus
from ._kernels import inlined, native
from ._statistics import squares_of, total_of
from ._written import both, narrowed, outside, part, plus, renamed, strange, wide_zeros, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..reference import Formula
    from ..reference.domains import (
        Array,
        ClassLabels,
        ExampleLogits,
        Floats,
        Half,
        Inputs,
        Logits,
        Outputs,
        Positive,
        Reduction,
        Scores,
        Signs,
        Smoothing,
        Targets,
        Vector,
    )
    from ._kernels import Out

    Numbers = NDArray[Any]

F = TypeVar("F", bound="Callable[..., Any]")

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_grad",
    "binary_cross_entropy_with_grad",
    "cross_entropy",
    "cross_entropy_grad",
    "cross_entropy_with_grad",
    "huber_grad",
    "huber_loss",
    "huber_loss_with_grad",
    "logistic_grad",
    "logistic_loss",
    "logistic_loss_with_grad",
    "sigmoid",
    "softmax",
    "squared_error",
    "squared_error_grad",
    "squared_error_with_grad",
]

STRETCH = 1 << 9  # entries that are summed in their own dtype
ENTRIES = 1 << 12  # of the rows that one thread takes at a time
THREADS_FROM = 1 << 15  # bytes of the inputs: an entry costs an exponential
NONE, MEAN, SUM = range(3)  # the reductions, in the order of their domain
REDUCTION = 0  # stands for its place among the choices of a loss


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
def within(x: Any, most: Any) -> Any:
    """A number, clipped to ± the other."""
    return most if x > most else -most if x < -most else x


def largest(row: Numbers) -> Any:
    """The largest number; something that is not finite where one of them isn't, but for −∞."""
    return np.max(row)


@native(largest)
def _largest(row: Any) -> Callable[..., Any]:
    """The same as words: floats with the bits of negative ones turned are in the order of integers, whose maximum makes lanes."""
    real = as_dtype(row.dtype).type
    word: Any = {4: np.int32, 8: np.int64}[real().itemsize]
    least, sign, rest = np.iinfo(word).min, word(8 * word().itemsize - 1), np.iinfo(word).max

    def loop(row: Any) -> Any:
        words, most = row.view(word), word(least)
        for j in range(words.size):
            turned = word(words[j] ^ word(word(words[j] >> sign) & word(rest)))
            most = max(most, turned)
        return word(most ^ word(word(most >> sign) & word(rest))).view(real)

    return loop


# --- a loss and its slopes: by examples, in pieces -------------------------------------------------------------------------------


def examples(losses: Numbers, slopes: Numbers, x: Numbers, y: Any, count: Any, one: Any, other: Any) -> Any:
    """Stand for what some examples give: their losses, their slopes by x, and whether something is not finite or not allowed."""
    raise NotImplementedError


def in_pieces(losses: Numbers, grad: Numbers, x: Numbers, y: Any, one: Any, other: Any = 0) -> Any:
    """A loss and its gradient; what is not asked for has no entries, and lives as long as its piece."""
    step, reduction, wild = rows_a_piece(x), (one, other)[REDUCTION], 0
    count = x.shape[0] if reduction == MEAN else 1
    sums = wide_zeros(pieces(x), x)
    for piece in prange(sums.size):
        rows = slice(piece * step, (piece + 1) * step)
        some = x[rows]
        each = losses[rows] if losses.size and reduction == NONE else np.empty(some.shape[0], x.dtype)
        slopes = grad[rows] if grad.size else np.empty(some.shape, x.dtype)
        wild += examples(each, slopes, some, y[rows], count, one, other)
        sums[piece] = in_order(each)
    if losses.size and reduction != NONE:
        losses[0] = in_order(sums) / count
    return wild > 0


def loss_and_slopes(x: Any, *_: Any, reduction: Reduction, **__: Any) -> tuple[Any, Any]:
    """The shapes of a loss and of its gradient by the first argument."""
    return (x.shape[:1] if reduction == "none" else ()), x.shape


def with_grad(value: Formula[..., Any], gradient: Formula[..., Any], some: Callable[..., Any]) -> Callable[[F], F]:
    """Make a declaration the kernel of a loss and its gradient, from what some examples give."""
    pair = both(value, gradient)
    choices = [name for name, one in inspect.signature(pair.raw).parameters.items() if one.kind is one.KEYWORD_ONLY]
    loops = renamed(in_pieces, pair.__name__, examples=some, REDUCTION=choices.index("reduction"))
    return written(pair, loops, shapes=loss_and_slopes, threads_from=THREADS_FROM)


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
def cross_entropy_rows(losses: Numbers, slopes: Numbers, logits: Numbers, labels: Any, count: Any, _: Any, smoothing: Any) -> Any:
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


@with_grad(reference.cross_entropy, reference.cross_entropy_grad, cross_entropy_rows)
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
def binary_entries(losses: Numbers, slopes: Numbers, logits: Numbers, targets: Numbers, count: Any, _: Any, __: Any) -> Any:
    """Some examples; whether a loss is not finite, or a target not from 0 to 1."""
    wild, examples, zero, one = False, narrowed(count, logits), narrowed(0, logits), narrowed(1, logits)
    for i in range(logits.size):
        losses[i] = softplus(logits[i]) - targets[i] * logits[i]
        slopes[i] = (logistic(logits[i]) - targets[i]) / examples
        wild |= strange(losses[i]) | outside(targets[i], zero, one)
    return wild


@with_grad(reference.binary_cross_entropy, reference.binary_cross_entropy_grad, binary_entries)
def binary_cross_entropy_with_grad(logits: Scores, targets: Targets, *, reduction: Reduction, out: Out = None) -> tuple[Floats, Scores]:
    """The binary cross-entropy of targets from logits, and its gradient by the logits."""


@part(reference.binary_cross_entropy, binary_cross_entropy_with_grad, 0)
def binary_cross_entropy(logits: Scores, targets: Targets, *, reduction: Reduction, out: Out = None) -> Floats:
    """The logistic loss for targets from 0 to 1: Σ [log(1 + exp zᵢ) − tᵢ zᵢ]."""


@part(reference.binary_cross_entropy_grad, binary_cross_entropy_with_grad, 1)
def binary_cross_entropy_grad(logits: Scores, targets: Targets, *, reduction: Reduction, out: Out = None) -> Scores:
    """The gradient of the binary cross-entropy by the logits: σ(zᵢ) − tᵢ."""


@inlined
def product_of(row: Numbers, other: Numbers) -> Any:
    """The sum of products, from sums of stretches."""
    total = 0.0
    for start in range(0, row.size, STRETCH):
        one, two, part = row[start : start + STRETCH], other[start : start + STRETCH], narrowed(0.0, row)
        for j in range(one.size):
            part = plus(part, one[j] * two[j])
        total = total + part
    return total


@inlined
def logistic_rows(losses: Numbers, pulls: Numbers, weights: Numbers, inputs: Numbers, signs: Numbers) -> Any:
    """The losses of some examples, and how far each pulls its inputs; whether something is not finite, or a sign neither −1 nor 1."""
    wild, one = False, narrowed(1, weights)
    for i in range(signs.size):
        pulls[i] = -signs[i] * product_of(inputs[i], weights)
    for i in range(signs.size):
        wild |= strange(pulls[i]) | outside(signs[i] * signs[i], one, one)
        losses[i] = softplus(pulls[i])
        pulls[i] = -signs[i] * logistic(pulls[i])
    return wild


def logistic_loops(losses: Numbers, grad: Numbers, weights: Numbers, inputs: Numbers, signs: Numbers, reduction: Any) -> Any:
    """Examples in pieces, each with its part of the gradient; what is not asked for has no entries."""
    step, wild, (examples, d) = rows_a_piece(inputs), 0, inputs.shape
    sums, parts = wide_zeros(pieces(inputs), inputs), np.empty((pieces(inputs), d), inputs.dtype)
    for piece in prange(sums.size):
        rows = slice(piece * step, (piece + 1) * step)
        x, y, gathered = inputs[rows], signs[rows], parts[piece]
        each = losses[rows] if losses.size and reduction == NONE else np.empty(y.size, y.dtype)
        pulls = np.empty(y.size, y.dtype)
        wild += logistic_rows(each, pulls, weights, x, y)
        sums[piece] = in_order(each)
        for j in range(d):
            gathered[j] = 0
        for i in range(y.size if grad.size else 0):
            row, pull = x[i], pulls[i]
            slopes = grad[(piece * step + i) * d : (piece * step + i + 1) * d] if reduction == NONE else gathered
            for j in range(d):
                slopes[j] = slopes[j] + pull * row[j] if reduction != NONE else pull * row[j]
    count = examples if reduction == MEAN else 1
    if losses.size and reduction != NONE:
        losses[0] = in_order(sums) / count
    for j in range(d if grad.size and reduction != NONE else 0):
        grad[j] = in_order(parts[:, j]) / count
    for j in range(grad.size):
        wild += strange(grad[j])
    return wild > 0


def logistic_shapes(weights: Any, inputs: Any, _: Any, *, reduction: Reduction) -> tuple[Any, Any]:
    """The shapes of the loss and of its gradient by the weights."""
    return (inputs.shape[:1], inputs.shape) if reduction == "none" else ((), weights.shape)


@written(both(reference.logistic_loss, reference.logistic_grad), logistic_loops, shapes=logistic_shapes, threads_from=THREADS_FROM)
def logistic_loss_with_grad(
    weights: Vector, inputs: Inputs, signs: Signs, *, reduction: Reduction, out: Out = None
) -> tuple[Floats, Floats]:
    """The logistic loss, and its gradient by the weights."""


@part(reference.logistic_loss, logistic_loss_with_grad, 0)
def logistic_loss(weights: Vector, inputs: Inputs, signs: Signs, *, reduction: Reduction, out: Out = None) -> Floats:
    """The negative log-likelihood of labels ±1: Σ log(1 + exp(−yᵢ w·xᵢ))."""


@part(reference.logistic_grad, logistic_loss_with_grad, 1)
def logistic_grad(weights: Vector, inputs: Inputs, signs: Signs, *, reduction: Reduction, out: Out = None) -> Floats:
    """The gradient of the logistic loss by the weights: −Σ yᵢ σ(−yᵢ w·xᵢ) xᵢ."""


# --- regression ------------------------------------------------------------------------------------------------------------------


@inlined
def squared_rows(losses: Numbers, slopes: Numbers, predictions: Numbers, targets: Numbers, count: Any, half: Any, _: Any) -> Any:
    """Some examples; whether a loss is not finite."""
    wild, factor, examples = False, narrowed(1 if half else 2, slopes), narrowed(count, slopes)
    for i in range(predictions.shape[0]):
        row, given, wanted = slopes[i], predictions[i], targets[i]
        for j in range(row.size):
            row[j] = given[j] - wanted[j]
        losses[i] = squares_of(row, narrowed(0.0, row)) / (2 if half else 1)
        for j in range(row.size):
            row[j] = row[j] * factor / examples
        wild |= strange(losses[i])
    return wild


@with_grad(reference.squared_error, reference.squared_error_grad, squared_rows)
def squared_error_with_grad(
    predictions: Outputs, targets: Outputs, *, half: Half, reduction: Reduction, out: Out = None
) -> tuple[Floats, Outputs]:
    """The squared error, and its gradient by the predictions."""


@part(reference.squared_error, squared_error_with_grad, 0)
def squared_error(predictions: Outputs, targets: Outputs, *, half: Half, reduction: Reduction, out: Out = None) -> Floats:
    """The squared distance of an example's outputs from its targets, or half of it: Σᵢ ‖ŷᵢ − yᵢ‖²."""


@part(reference.squared_error_grad, squared_error_with_grad, 1)
def squared_error_grad(predictions: Outputs, targets: Outputs, *, half: Half, reduction: Reduction, out: Out = None) -> Outputs:
    """The gradient of the squared error by the predictions: 2 (ŷ − y),   half: ŷ − y."""


@inlined
def huber_rows(losses: Numbers, slopes: Numbers, predictions: Numbers, targets: Numbers, count: Any, threshold: Any, _: Any) -> Any:
    """Some examples; whether a loss is not finite. Of r and r clipped, c, the loss is c (r − c/2)."""
    wild, examples, most, half = False, narrowed(count, slopes), narrowed(threshold, slopes), narrowed(1 / 2, slopes)
    for i in range(predictions.shape[0]):
        row, given, wanted = slopes[i], predictions[i], targets[i]
        total = 0.0
        for start in range(0, row.size, STRETCH):
            stretch, part = row[start : start + STRETCH], narrowed(0.0, row)
            one, other = given[start : start + STRETCH], wanted[start : start + STRETCH]
            for j in range(stretch.size):
                error = one[j] - other[j]
                clipped = within(error, most)
                part = plus(part, clipped * (error - clipped * half))
                stretch[j] = clipped / examples
            total = total + part
        losses[i] = total
        wild |= strange(losses[i])
    return wild


@with_grad(reference.huber_loss, reference.huber_grad, huber_rows)
def huber_loss_with_grad(
    predictions: Outputs, targets: Outputs, *, threshold: Positive, reduction: Reduction, out: Out = None
) -> tuple[Floats, Outputs]:
    """The Huber loss, and its gradient by the predictions."""


@part(reference.huber_loss, huber_loss_with_grad, 0)
def huber_loss(predictions: Outputs, targets: Outputs, *, threshold: Positive, reduction: Reduction, out: Out = None) -> Floats:
    """Half the squared error of small errors, a straight line beyond: Σ r²/2 where |r| ≤ δ, else δ (|r| − δ/2)."""


@part(reference.huber_grad, huber_loss_with_grad, 1)
def huber_grad(predictions: Outputs, targets: Outputs, *, threshold: Positive, reduction: Reduction, out: Out = None) -> Outputs:
    """The gradient of the Huber loss by the predictions: the error, clipped to ±δ."""
