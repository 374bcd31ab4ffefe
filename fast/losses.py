"""Losses, fast: `trainspec.reference.losses` says what each formula is; the results are within its rounding bound.

What ends in `_with_grad` gives the pair of a loss and its gradient in one pass over memory, which costs what the gradient alone costs.
`out` takes the result, an array or a tuple of arrays, apart from the arguments; None stands for a fresh one.

Rows are taken in chunks that stay in the cache. The losses of a chunk are summed, and then the sums of the chunks, in float64.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numba import prange

from ..reference import losses as reference
from ._elementwise.kernel import elementwise
from ._jit import inlined, specialize
from ._loops.arithmetic import accumulator_zeros, cast_like, is_nonfinite, out_of_range, reassociable_add
from ._loops.kernel import component_of, loop_kernel, value_and_grad
from ._loops.lanes import entries_of, fill_lanes, keep_part, lane_count, load, load_part, store, store_part, sum_of_lanes
from ._loops.math import exp_lifted, log, logistic, lowered, softplus
from ._loops.reductions import largest_between, row_sum_of_squares, sum_between

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
    from ._elementwise.kernel import Out

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
    "log_softmax",
    "logistic_grad",
    "logistic_loss",
    "logistic_loss_with_grad",
    "sigmoid",
    "softmax",
    "squared_error",
    "squared_error_grad",
    "squared_error_with_grad",
]

BLOCK = 1 << 9  # entries that are summed in their own dtype
ENTRIES = 1 << 12  # of the rows that one thread takes at a time
PARALLEL_FROM_BYTES = 1 << 15  # bytes of the inputs: an entry costs an exponential
NONE, MEAN, SUM = range(3)  # the reductions, in the order of their domain
REDUCTION = 0  # stands for its place among the choices of a loss


# --- chunks and sums -------------------------------------------------------------------------------------------------------------


@inlined
def rows_per_chunk(x: Numbers) -> Any:
    """Return how many rows one thread takes at a time."""
    return max(1, ENTRIES // max(1, x.size // max(1, x.shape[0])))


@inlined
def chunk_count(x: Numbers) -> Any:
    """Return how many chunks there are."""
    step = rows_per_chunk(x)
    return (x.shape[0] + step - 1) // step


@inlined
def clip(x: Any, bound: Any) -> Any:
    """Return a number clipped to [−bound, bound]."""
    return bound if x > bound else -bound if x < -bound else x


# --- a loss and its gradients: by examples, in chunks -------------------------------------------------------------------------------


def example_losses(losses: Numbers, gradients: Numbers, x: Numbers, y: Any, count: Any, first: Any, second: Any) -> Any:
    """Stand for the losses of some examples and their gradients by x. Return whether something is not finite or not allowed."""
    raise NotImplementedError


def loss_loops(losses: Numbers, grad: Numbers, x: Numbers, y: Any, first: Any, second: Any = 0) -> Any:
    """Compute a loss and its gradient chunk by chunk. Outputs that were not requested have size 0 and use a per-chunk scratch buffer."""
    step, reduction, nonfinite = rows_per_chunk(x), (first, second)[REDUCTION], 0
    count = x.shape[0] if reduction == MEAN else 1
    sums = accumulator_zeros(chunk_count(x), x)
    for chunk in prange(sums.size):
        rows = slice(chunk * step, (chunk + 1) * step)
        chunk_rows = x[rows]
        each = losses[rows] if losses.size and reduction == NONE else np.empty(chunk_rows.shape[0], x.dtype)
        gradients = grad[rows] if grad.size else np.empty(chunk_rows.shape, x.dtype)
        nonfinite += example_losses(each, gradients, chunk_rows, y[rows], count, first, second)
        sums[chunk] = sum_between(entries_of(each), 0, each.size)
    if losses.size and reduction != NONE:
        losses[0] = sum_between(entries_of(sums), 0, sums.size) / count
    return nonfinite > 0


def loss_and_gradient_shapes(x: Any, *_: Any, reduction: Reduction, **__: Any) -> tuple[Any, Any]:
    """Return the shapes of a loss and of its gradient by the first argument."""
    return (x.shape[:1] if reduction == "none" else ()), x.shape


def with_grad(
    value: Formula[..., Any], gradient: Formula[..., Any], row_loops: Callable[..., Any], *, branches: bool = False
) -> Callable[[F], F]:
    """Make a declaration the kernel of a loss and its gradient, from loops over the rows of a chunk."""
    pair = value_and_grad(value, gradient)
    choices = [name for name, parameter in inspect.signature(pair.raw).parameters.items() if parameter.kind is parameter.KEYWORD_ONLY]
    loops = specialize(loss_loops, pair.__name__, example_losses=row_loops, REDUCTION=choices.index("reduction"))
    return loop_kernel(pair, loops, shapes=loss_and_gradient_shapes, parallel_from_bytes=PARALLEL_FROM_BYTES, branches=branches)


# --- K classes -------------------------------------------------------------------------------------------------------------------


@inlined
def store_exponentials(p: Numbers, logits: Numbers, start: Any, stop: Any, top: Any) -> Any:
    """Store the lifted exponentials of a row less its largest number. Return their sum, and that of the differences."""
    total, differences, width = 0.0, 0.0, lane_count(logits)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        full = last - (last - first) % width
        part, rest = fill_lanes(logits, 0), fill_lanes(logits, 0)
        for j in range(first, full, width):
            z = load(logits, j) - top
            exponentials = exp_lifted(z)
            store(p, j, exponentials)
            part, rest = part + exponentials, rest + z
        if full < last:
            z = load_part(logits, full, last - full, top) - top
            exponentials = exp_lifted(z)
            store_part(p, full, last - full, exponentials)
            part, rest = part + keep_part(exponentials, last - full), rest + z
        total, differences = total + sum_of_lanes(part), differences + sum_of_lanes(rest)
    return total, differences


@inlined
def scale_entries(p: Numbers, start: Any, stop: Any, scale: Any, offset: Any) -> None:
    """Multiply some entries by a number, and subtract another one."""
    width = lane_count(p)
    full = stop - (stop - start) % width
    for j in range(start, full, width):
        store(p, j, load(p, j) * scale - offset)
    if full < stop:
        store_part(p, full, stop - full, load_part(p, full, stop - full, offset) * scale - offset)


@inlined
def softmax_rows(p: Numbers, logits: Numbers, first: Any, last: Any, classes: Any) -> Any:
    """Compute the rows between two entries. Return whether a logit is not finite."""
    bad, zero = 0, cast_like(0, logits)
    for start in range(first, last, classes):
        top, nonfinite = largest_between(logits, start, start + classes)
        total, _ = store_exponentials(p, logits, start, start + classes, top)
        scale_entries(p, start, start + classes, cast_like(1 / total, p), zero)
        bad = bad + is_nonfinite(nonfinite)
    return bad


def softmax_loops(p: Numbers, logits: Numbers) -> Any:
    """Compute softmax chunk by chunk. Return whether a logit is not finite."""
    classes, nonfinite = logits.shape[1], 0
    step = rows_per_chunk(logits) * classes
    for chunk in prange(chunk_count(logits)):
        last = min((chunk + 1) * step, logits.size)
        nonfinite += softmax_rows(entries_of(p), entries_of(logits), chunk * step, last, classes)
    return nonfinite > 0


@loop_kernel(reference.softmax, softmax_loops, parallel_from_bytes=PARALLEL_FROM_BYTES)
def softmax(logits: Logits, *, out: Out = None) -> Logits:
    """Softmax along the last axis: pⱼ = exp zⱼ / Σₖ exp zₖ."""


@inlined
def sum_of_exponentials(logits: Numbers, start: Any, stop: Any, top: Any) -> Any:
    """Return the same sum of exponentials alone."""
    total, width = 0.0, lane_count(logits)
    for first in range(start, stop, BLOCK):
        last = min(first + BLOCK, stop)
        full, part = last - (last - first) % width, fill_lanes(logits, 0)
        for j in range(first, full, width):
            part = part + exp_lifted(load(logits, j) - top)
        if full < last:
            part = part + keep_part(exp_lifted(load_part(logits, full, last - full, top) - top), last - full)
        total = total + sum_of_lanes(part)
    return total


@inlined
def subtract_both(y: Numbers, x: Numbers, start: Any, stop: Any, first: Any, second: Any) -> None:
    """Store some entries less two numbers, one after the other."""
    width = lane_count(x)
    full = stop - (stop - start) % width
    for j in range(start, full, width):
        store(y, j, (load(x, j) - first) - second)
    if full < stop:
        store_part(y, full, stop - full, (load_part(x, full, stop - full, first) - first) - second)


@inlined
def log_softmax_rows(y: Numbers, logits: Numbers) -> Any:
    """Compute the rows of a chunk. Return whether a logit is not finite."""
    rows, classes = logits.shape
    bad, new, z = 0, entries_of(y), entries_of(logits)
    tops, totals = np.empty(rows, logits.dtype), np.empty(rows, logits.dtype)
    for i in range(rows):
        start, stop = i * classes, (i + 1) * classes
        tops[i], nonfinite = largest_between(z, start, stop)
        totals[i] = sum_of_exponentials(z, start, stop, tops[i])
        bad = bad + is_nonfinite(nonfinite)
    for i in range(rows):
        totals[i] = log(lowered(totals[i]))
    for i in range(rows):
        subtract_both(new, z, i * classes, (i + 1) * classes, tops[i], totals[i])
    return bad


def log_softmax_loops(y: Numbers, logits: Numbers) -> Any:
    """Compute the logarithms chunk by chunk. Return whether a logit is not finite."""
    step, nonfinite = rows_per_chunk(logits), 0
    for chunk in prange(chunk_count(logits)):
        rows = slice(chunk * step, (chunk + 1) * step)
        nonfinite += log_softmax_rows(y[rows], logits[rows])
    return nonfinite > 0


@loop_kernel(reference.log_softmax, log_softmax_loops, parallel_from_bytes=PARALLEL_FROM_BYTES)
def log_softmax(logits: Logits, *, out: Out = None) -> Logits:
    """The logarithms of the probabilities along the last axis: log pⱼ = zⱼ − log Σₖ exp zₖ."""


@inlined
def cross_entropy_rows(losses: Numbers, gradients: Numbers, logits: Numbers, labels: Any, count: Any, _: Any, smoothing: Any) -> Any:
    """Compute losses and gradients of a chunk; the exponentials are stored where the gradients will be.

    Return whether a logit is not finite, or a label no class.
    """
    classes, bad = logits.shape[1], 0
    totals, p, z = np.empty(losses.size, logits.dtype), entries_of(gradients), entries_of(logits)
    kept, spread = cast_like((1 - smoothing) / count, logits), cast_like(smoothing / classes / count, logits)
    for i in range(losses.size):
        start, is_class = i * classes, 0 <= labels[i] < classes
        own = start + (labels[i] if is_class else 0)
        top, nonfinite = largest_between(z, start, start + classes)
        total, differences = store_exponentials(p, z, start, start + classes, top)
        scale_entries(p, start, start + classes, cast_like(1 / (total * count), logits), spread)
        p[own] = p[own] - kept
        losses[i], totals[i] = (smoothing - 1) * (z[own] - top) - smoothing * (differences / classes), total
        bad = bad + (is_nonfinite(nonfinite) | (not is_class))
    for i in range(losses.size):
        losses[i] = losses[i] + log(lowered(totals[i]))
    return bad


@with_grad(reference.cross_entropy, reference.cross_entropy_grad, cross_entropy_rows)
def cross_entropy_with_grad(
    logits: ExampleLogits, labels: ClassLabels, *, reduction: Reduction, smoothing: Smoothing = 0, out: Out = None
) -> tuple[Floats, ExampleLogits]:
    """The cross-entropy of labels from logits, and its gradient by the logits."""


@component_of(reference.cross_entropy, cross_entropy_with_grad, 0)
def cross_entropy(logits: ExampleLogits, labels: ClassLabels, *, reduction: Reduction, smoothing: Smoothing = 0, out: Out = None) -> Floats:
    """The cross-entropy of labels from logits: Σᵢ [log Σₖ exp zᵢₖ − (1 − s) zᵢ at yᵢ − s/K Σₖ zᵢₖ]."""


@component_of(reference.cross_entropy_grad, cross_entropy_with_grad, 1)
def cross_entropy_grad(
    logits: ExampleLogits, labels: ClassLabels, *, reduction: Reduction, smoothing: Smoothing = 0, out: Out = None
) -> ExampleLogits:
    """The gradient of the cross-entropy by the logits: pᵢⱼ − (1 − s) [yᵢ = j] − s/K."""


# --- two classes -----------------------------------------------------------------------------------------------------------------


@elementwise(reference.sigmoid)
def sigmoid(z: Array, *, out: Out = None) -> Array:
    """The logistic function: σ(z) = 1 / (1 + e⁻ᶻ)."""


@inlined
def binary_entries(losses: Numbers, gradients: Numbers, logits: Numbers, targets: Numbers, count: Any, _: Any, __: Any) -> Any:
    """Compute losses and gradients of a chunk. Return whether a loss is not finite, or a target outside [0, 1]."""
    nonfinite, examples, zero, one = False, cast_like(count, logits), cast_like(0, logits), cast_like(1, logits)
    for i in range(logits.size):
        losses[i] = softplus(logits[i]) - targets[i] * logits[i]
        gradients[i] = (logistic(logits[i]) - targets[i]) / examples
        nonfinite |= is_nonfinite(losses[i]) | out_of_range(targets[i], zero, one)
    return nonfinite


@with_grad(reference.binary_cross_entropy, reference.binary_cross_entropy_grad, binary_entries)
def binary_cross_entropy_with_grad(logits: Scores, targets: Targets, *, reduction: Reduction, out: Out = None) -> tuple[Floats, Scores]:
    """The binary cross-entropy of targets from logits, and its gradient by the logits."""


@component_of(reference.binary_cross_entropy, binary_cross_entropy_with_grad, 0)
def binary_cross_entropy(logits: Scores, targets: Targets, *, reduction: Reduction, out: Out = None) -> Floats:
    """The logistic loss for targets from 0 to 1: Σ [log(1 + exp zᵢ) − tᵢ zᵢ]."""


@component_of(reference.binary_cross_entropy_grad, binary_cross_entropy_with_grad, 1)
def binary_cross_entropy_grad(logits: Scores, targets: Targets, *, reduction: Reduction, out: Out = None) -> Scores:
    """The gradient of the binary cross-entropy by the logits: σ(zᵢ) − tᵢ."""


@inlined
def inner_product(row: Numbers, other: Numbers) -> Any:
    """Return the sum of products, from sums of blocks."""
    total = 0.0
    for start in range(0, row.size, BLOCK):
        block, other_block, part = row[start : start + BLOCK], other[start : start + BLOCK], cast_like(0.0, row)
        for j in range(block.size):
            part = reassociable_add(part, block[j] * other_block[j])
        total = total + part
    return total


@inlined
def logistic_rows(losses: Numbers, score_gradients: Numbers, weights: Numbers, inputs: Numbers, signs: Numbers) -> Any:
    """Compute the losses of a chunk and their gradients by the scores yᵢ w·xᵢ.

    Return whether something is not finite, or a sign neither −1 nor 1.
    """
    nonfinite, one = False, cast_like(1, weights)
    for i in range(signs.size):
        score_gradients[i] = -signs[i] * inner_product(inputs[i], weights)
    for i in range(signs.size):
        nonfinite |= is_nonfinite(score_gradients[i]) | out_of_range(signs[i] * signs[i], one, one)
        losses[i] = softplus(score_gradients[i])
        score_gradients[i] = -signs[i] * logistic(score_gradients[i])
    return nonfinite


@inlined
def total_of_column(parts: Numbers, j: Any) -> Any:
    """Return the sum of one column, row by row."""
    total = 0.0
    for chunk in range(parts.shape[0]):
        total = total + parts[chunk, j]
    return total


def logistic_loops(losses: Numbers, grad: Numbers, weights: Numbers, inputs: Numbers, signs: Numbers, reduction: Any) -> Any:
    """Compute the loss and its gradient chunk by chunk; outputs that were not requested have size 0.

    Return whether something is not finite.
    """
    step, nonfinite, (examples, d) = rows_per_chunk(inputs), 0, inputs.shape
    sums, parts = accumulator_zeros(chunk_count(inputs), inputs), np.empty((chunk_count(inputs), d), inputs.dtype)
    for chunk in prange(sums.size):
        rows = slice(chunk * step, (chunk + 1) * step)
        x, y, gathered = inputs[rows], signs[rows], parts[chunk]
        each = losses[rows] if losses.size and reduction == NONE else np.empty(y.size, y.dtype)
        score_gradients = np.empty(y.size, y.dtype)
        nonfinite += logistic_rows(each, score_gradients, weights, x, y)
        sums[chunk] = sum_between(entries_of(each), 0, each.size)
        for j in range(d):
            gathered[j] = 0
        for i in range(y.size if grad.size else 0):
            row, score_gradient = x[i], score_gradients[i]
            gradients = grad[(chunk * step + i) * d : (chunk * step + i + 1) * d] if reduction == NONE else gathered
            for j in range(d):
                gradients[j] = gradients[j] + score_gradient * row[j] if reduction != NONE else score_gradient * row[j]
    count = examples if reduction == MEAN else 1
    if losses.size and reduction != NONE:
        losses[0] = sum_between(entries_of(sums), 0, sums.size) / count
    for j in range(d if grad.size and reduction != NONE else 0):
        grad[j] = total_of_column(parts, j) / count
    for j in range(grad.size):
        nonfinite += is_nonfinite(grad[j])
    return nonfinite > 0


def logistic_shapes(weights: Any, inputs: Any, _: Any, *, reduction: Reduction) -> tuple[Any, Any]:
    """Return the shapes of the loss and of its gradient by the weights."""
    return (inputs.shape[:1], inputs.shape) if reduction == "none" else ((), weights.shape)


@loop_kernel(
    value_and_grad(reference.logistic_loss, reference.logistic_grad),
    logistic_loops,
    shapes=logistic_shapes,
    parallel_from_bytes=PARALLEL_FROM_BYTES,
)
def logistic_loss_with_grad(
    weights: Vector, inputs: Inputs, signs: Signs, *, reduction: Reduction, out: Out = None
) -> tuple[Floats, Floats]:
    """The logistic loss, and its gradient by the weights."""


@component_of(reference.logistic_loss, logistic_loss_with_grad, 0)
def logistic_loss(weights: Vector, inputs: Inputs, signs: Signs, *, reduction: Reduction, out: Out = None) -> Floats:
    """The negative log-likelihood of labels ±1: Σ log(1 + exp(−yᵢ w·xᵢ))."""


@component_of(reference.logistic_grad, logistic_loss_with_grad, 1)
def logistic_grad(weights: Vector, inputs: Inputs, signs: Signs, *, reduction: Reduction, out: Out = None) -> Floats:
    """The gradient of the logistic loss by the weights: −Σ yᵢ σ(−yᵢ w·xᵢ) xᵢ."""


# --- regression ------------------------------------------------------------------------------------------------------------------


@inlined
def squared_rows(losses: Numbers, gradients: Numbers, predictions: Numbers, targets: Numbers, count: Any, half: Any, _: Any) -> Any:
    """Compute losses and gradients of a chunk. Return whether a loss is not finite."""
    nonfinite, factor, examples = False, cast_like(1 if half else 2, gradients), cast_like(count, gradients)
    for i in range(predictions.shape[0]):
        row, predicted, target = gradients[i], predictions[i], targets[i]
        for j in range(row.size):
            row[j] = predicted[j] - target[j]
        losses[i] = row_sum_of_squares(row, cast_like(0.0, row)) / (2 if half else 1)
        for j in range(row.size):
            row[j] = row[j] * factor / examples
        nonfinite |= is_nonfinite(losses[i])
    return nonfinite


@with_grad(reference.squared_error, reference.squared_error_grad, squared_rows)
def squared_error_with_grad(
    predictions: Outputs, targets: Outputs, *, half: Half, reduction: Reduction, out: Out = None
) -> tuple[Floats, Outputs]:
    """The squared error, and its gradient by the predictions."""


@component_of(reference.squared_error, squared_error_with_grad, 0)
def squared_error(predictions: Outputs, targets: Outputs, *, half: Half, reduction: Reduction, out: Out = None) -> Floats:
    """The squared distance of an example's outputs from its targets, or half of it: Σᵢ ‖ŷᵢ − yᵢ‖²."""


@component_of(reference.squared_error_grad, squared_error_with_grad, 1)
def squared_error_grad(predictions: Outputs, targets: Outputs, *, half: Half, reduction: Reduction, out: Out = None) -> Outputs:
    """The gradient of the squared error by the predictions: 2 (ŷ − y),   half: ŷ − y."""


@inlined
def huber_rows(losses: Numbers, gradients: Numbers, predictions: Numbers, targets: Numbers, count: Any, threshold: Any, _: Any) -> Any:
    """Compute losses and gradients of a chunk: of r and r clipped, c, the loss is c (r − c/2). Return whether a loss is not finite."""
    nonfinite, examples, bound, half = False, cast_like(count, gradients), cast_like(threshold, gradients), cast_like(1 / 2, gradients)
    for i in range(predictions.shape[0]):
        row, predicted, target = gradients[i], predictions[i], targets[i]
        total = 0.0
        for start in range(0, row.size, BLOCK):
            block, part = row[start : start + BLOCK], cast_like(0.0, row)
            predicted_block, target_block = predicted[start : start + BLOCK], target[start : start + BLOCK]
            for j in range(block.size):
                error = predicted_block[j] - target_block[j]
                clipped = clip(error, bound)
                part = reassociable_add(part, clipped * (error - clipped * half))
                block[j] = clipped / examples
            total = total + part
        losses[i] = total
        nonfinite |= is_nonfinite(losses[i])
    return nonfinite


@with_grad(reference.huber_loss, reference.huber_grad, huber_rows, branches=True)
def huber_loss_with_grad(
    predictions: Outputs, targets: Outputs, *, threshold: Positive, reduction: Reduction, out: Out = None
) -> tuple[Floats, Outputs]:
    """The Huber loss, and its gradient by the predictions."""


@component_of(reference.huber_loss, huber_loss_with_grad, 0)
def huber_loss(predictions: Outputs, targets: Outputs, *, threshold: Positive, reduction: Reduction, out: Out = None) -> Floats:
    """Half the squared error of small errors, a straight line beyond: Σ r²/2 where |r| ≤ δ, else δ (|r| − δ/2)."""


@component_of(reference.huber_grad, huber_loss_with_grad, 1)
def huber_grad(predictions: Outputs, targets: Outputs, *, threshold: Positive, reduction: Reduction, out: Out = None) -> Outputs:
    """The gradient of the Huber loss by the predictions: the error, clipped to ±δ."""
