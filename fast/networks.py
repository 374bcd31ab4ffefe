"""Networks, fast: `trainspec.reference.networks` says what each formula is; the results are within its rounding bound.

The products of matrices are NumPy's, written to where the result belongs; bias, activation and slopes are one more pass, in place.
`out` takes the result, an array or a tuple of arrays, apart from the arguments; None stands for a fresh one.

NumPy's BLAS keeps its own threads, which wait for the next product and hold the cores while they wait: so the pass has none. The bits of
a product are those of the BLAS, whatever it makes of the number of its threads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..reference import networks as reference
from ._functions import tanh
from ._kernels import elementwise, inlined
from ._written import narrowed, outside, renamed, strange, written

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from ..reference.domains import (
        Array,
        LayerBiases,
        LayerInputs,
        LayerOutputs,
        LayerRelus,
        LayerTanhs,
        LayerWeights,
        OptionalBiases,
        Sigmoids,
        Tanhs,
    )
    from ._kernels import Out

    Floats = NDArray[Any]

__all__ = [
    "dense",
    "dense_backward",
    "dense_relu",
    "dense_relu_backward",
    "dense_tanh",
    "dense_tanh_backward",
    "relu",
    "sigmoid_slope",
    "tanh_slope",
]


@elementwise(reference.relu)
def relu(z: Array, *, out: Out = None) -> Array:
    """The rectified linear unit: h = max(z, 0)."""


@elementwise(reference.tanh_slope)
def tanh_slope(h: Tanhs, *, out: Out = None) -> Array:
    """The slope of h = tanh z, by its output: 1 − h²."""


@elementwise(reference.sigmoid_slope)
def sigmoid_slope(h: Sigmoids, *, out: Out = None) -> Array:
    """The slope of the logistic sigmoid, by its output: h (1 − h)."""


# --- forwards --------------------------------------------------------------------------------------------------------------------


def product(z: Floats, one: Floats, other: Floats) -> None:
    """A product of matrices, where it belongs: `np.dot` has less to do before than `np.matmul`."""
    np.dot(one, other, out=z)


def weighted(z: Floats, x: Floats, weight: Floats, bias: Floats) -> None:
    """The weighted sums of the inputs."""
    product(z, x, weight.T)


@inlined
def biased(z: Floats, bias: Floats) -> Any:
    """A row with the bias, if there is one; whether something is not finite."""
    wild = False
    for j in range(bias.size):
        z[j] = z[j] + bias[j]
    for j in range(z.size):
        wild |= strange(z[j])
    return wild


@inlined
def tanh_row(h: Floats, bias: Floats) -> Any:
    """A row with its bias, then tanh of it; whether something was not finite before."""
    wild = biased(h, bias)
    for j in range(h.size):
        h[j] = tanh(h[j])
    return wild


@inlined
def relu_row(h: Floats, bias: Floats) -> Any:
    """A row with its bias, rectified; whether something was not finite before."""
    wild = biased(h, bias)
    for j in range(h.size):
        h[j] = rectified(h[j])
    return wild


@inlined
def rectified(z: Any) -> Any:
    """The rectified linear unit of one number."""
    return z if z > 0 else z - z


ALONE = math.inf  # no size is large enough for threads beside those of the BLAS
FORWARD = {"before": weighted, "threads_from": ALONE}


def activated(h: Floats, bias: Floats) -> Any:
    """Stand for what a layer makes of its weighted sums, row by row."""
    raise NotImplementedError


def layer(h: Floats, x: Floats, weight: Floats, bias: Floats) -> Any:
    """The biases and activations; the weighted sums stand there already."""
    wild = False
    for i in range(h.shape[0]):
        wild |= activated(h[i], bias)
    return wild


@written(reference.dense, renamed(layer, "dense", activated=biased), **FORWARD)
def dense(x: LayerInputs, weight: LayerWeights, bias: OptionalBiases = None, *, out: Out = None) -> LayerOutputs:
    """A dense layer before its activation: z = x Wᵀ + b."""


@written(reference.dense_tanh, renamed(layer, "dense_tanh", activated=tanh_row), **FORWARD)
def dense_tanh(x: LayerInputs, weight: LayerWeights, bias: OptionalBiases = None, *, out: Out = None) -> LayerOutputs:
    """A dense layer of tanh units: h = tanh(x Wᵀ + b)."""


@written(reference.dense_relu, renamed(layer, "dense_relu", activated=relu_row), **FORWARD)
def dense_relu(x: LayerInputs, weight: LayerWeights, bias: OptionalBiases = None, *, out: Out = None) -> LayerOutputs:
    """A dense layer of rectified linear units: h = max(x Wᵀ + b, 0)."""


# --- backwards -------------------------------------------------------------------------------------------------------------------


def not_finite(array: Floats) -> bool:
    """Whether a number is not finite, or its square: the sum of squares, which costs a product, is then not finite either."""
    flat = array.reshape(-1)
    return not math.isfinite(np.dot(flat, flat))


def from_slopes(dx: Floats, dweight: Floats, dbias: Floats, dz: Floats, *rest: Floats) -> bool:
    """The gradients that are products; whether one of them is not finite."""
    x, weight = rest[-2:]  # behind what an activation takes
    product(dx, dz, weight)
    product(dweight, dz.T, x)
    return not_finite(dx) or not_finite(dweight)


@inlined
def summed(dbias: Floats, dz: Floats) -> Any:
    """Sums over the batch, in order; whether one of them is not finite."""
    wild = False
    for j in range(dbias.size):
        dbias[j] = dz[0, j]
    for i in range(1, dz.shape[0]):
        row = dz[i]
        for j in range(dbias.size):
            dbias[j] = dbias[j] + row[j]
    for j in range(dbias.size):
        wild |= strange(dbias[j])
    return wild


def linear_backward(dx: Floats, dweight: Floats, dbias: Floats, dz: Floats, x: Floats, weight: Floats) -> Any:
    """The gradient by the biases."""
    return summed(dbias, dz)


@written(reference.dense_backward, linear_backward, after=from_slopes, threads_from=ALONE)
def dense_backward(
    dz: LayerOutputs, x: LayerInputs, weight: LayerWeights, *, out: Out = None
) -> tuple[LayerInputs, LayerWeights, LayerBiases]:
    """The gradients of a dense layer by its inputs, weights and biases: δ W, δᵀ x, 1ᵀ δ."""


@inlined
def tanh_slopes(dz: Floats, dh: Floats, h: Floats) -> Any:
    """A row of slopes; whether something is not finite, or no tanh."""
    wild, one = False, narrowed(1, h)
    for j in range(dz.size):
        dz[j] = dh[j] * (one - h[j] * h[j])
        wild |= strange(dh[j]) | outside(h[j], -one, one)
    return wild


@inlined
def relu_slopes(dz: Floats, dh: Floats, h: Floats) -> Any:
    """A row of slopes; whether something is not finite, or no ReLU's."""
    wild, zero = False, narrowed(0, h)
    for j in range(dz.size):
        dz[j] = rectified_slope(dh[j], h[j])
        wild |= strange(dh[j]) | strange(h[j]) | outside(h[j], zero, h[j])
    return wild


@inlined
def rectified_slope(slope: Any, h: Any) -> Any:
    """The slope where the rectified linear unit is active, else 0."""
    return slope if h > 0 else slope - slope


def slopes(dz: Floats, dh: Floats, h: Floats) -> Any:
    """Stand for the slopes of an activation, times the gradient, along a row."""
    raise NotImplementedError


def layer_backward(dx: Floats, dweight: Floats, dbias: Floats, dz: Floats, dh: Floats, h: Floats, x: Floats, weight: Floats) -> Any:
    """The gradient by the weighted sums, and that by the biases."""
    wild = False
    for i in range(dz.shape[0]):
        wild |= slopes(dz[i], dh[i], h[i])
    return summed(dbias, dz) | wild


BACKWARD = {"after": from_slopes, "threads_from": ALONE, "room": ("batch outputs",)}


@written(reference.dense_tanh_backward, renamed(layer_backward, "dense_tanh_backward", slopes=tanh_slopes), **BACKWARD)
def dense_tanh_backward(
    dh: LayerOutputs, h: LayerTanhs, x: LayerInputs, weight: LayerWeights, *, out: Out = None
) -> tuple[LayerInputs, LayerWeights, LayerBiases]:
    """The gradients of a dense layer of tanh units, from what it gave: δ = ∂l/∂h (1 − h²)."""


@written(reference.dense_relu_backward, renamed(layer_backward, "dense_relu_backward", slopes=relu_slopes), **BACKWARD)
def dense_relu_backward(
    dh: LayerOutputs, h: LayerRelus, x: LayerInputs, weight: LayerWeights, *, out: Out = None
) -> tuple[LayerInputs, LayerWeights, LayerBiases]:
    """The gradients of a dense layer of rectified linear units, from what it gave: δ = ∂l/∂h where h > 0."""
