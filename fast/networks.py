"""Networks, fast: `trainspec.reference.networks` says what each formula is; the results are within its rounding bound.

The products of matrices are NumPy's, written to where the result belongs; bias, activation and its gradient are one more pass, in place.
`out` takes the result, an array or a tuple of arrays, apart from the arguments; None stands for a fresh one.

NumPy's BLAS keeps its own threads, which wait for the next product and hold the cores while they wait: so the pass has none. The bits of a
product are those of the BLAS, whatever it makes of the number of its threads.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..reference import networks as reference
from ._elementwise.kernel import elementwise
from ._jit import inlined, specialize
from ._loops.arithmetic import cast_like, is_nonfinite, out_of_range
from ._loops.kernel import loop_kernel
from ._loops.math import tanh

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
    from ._elementwise.kernel import Out

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


def matrix_product(z: Floats, left: Floats, right: Floats) -> None:
    """Store a product of matrices: `np.dot` has less to do before than `np.matmul`."""
    np.dot(left, right, out=z)


def weighted_sums(z: Floats, x: Floats, weight: Floats, bias: Floats) -> None:
    """Store the weighted sums of the inputs."""
    matrix_product(z, x, weight.T)


@inlined
def add_bias(z: Floats, bias: Floats) -> Any:
    """Add the bias, if there is one, to a row. Return whether something is not finite."""
    nonfinite = False
    for j in range(bias.size):
        z[j] = z[j] + bias[j]
    for j in range(z.size):
        nonfinite |= is_nonfinite(z[j])
    return nonfinite


@inlined
def tanh_row(h: Floats, bias: Floats) -> Any:
    """Add the bias to a row and take tanh. Return whether something was not finite before."""
    nonfinite = add_bias(h, bias)
    for j in range(h.size):
        h[j] = tanh(h[j])
    return nonfinite


@inlined
def relu_row(h: Floats, bias: Floats) -> Any:
    """Add the bias to a row and rectify it. Return whether something was not finite before."""
    nonfinite = add_bias(h, bias)
    for j in range(h.size):
        h[j] = relu_number(h[j])
    return nonfinite


@inlined
def relu_number(z: Any) -> Any:
    """Return max(z, 0) of one number."""
    return z if z > 0 else z - z


NEVER = math.inf  # no size is large enough for threads beside those of the BLAS
FORWARD: Any = {"prologue": weighted_sums, "parallel_from_bytes": NEVER}


def activate_row(h: Floats, bias: Floats) -> Any:
    """Stand for what a layer computes from a row of its weighted sums: add the bias, activate."""
    raise NotImplementedError


def layer(h: Floats, x: Floats, weight: Floats, bias: Floats) -> Any:
    """Add biases and activate: the results hold the weighted sums already. Return whether something is not finite."""
    nonfinite = False
    for i in range(h.shape[0]):
        nonfinite |= activate_row(h[i], bias)
    return nonfinite


@loop_kernel(reference.dense, specialize(layer, "dense", activate_row=add_bias), **FORWARD)
def dense(x: LayerInputs, weight: LayerWeights, bias: OptionalBiases = None, *, out: Out = None) -> LayerOutputs:
    """A dense layer before its activation: z = x Wᵀ + b."""


@loop_kernel(reference.dense_tanh, specialize(layer, "dense_tanh", activate_row=tanh_row), **FORWARD)
def dense_tanh(x: LayerInputs, weight: LayerWeights, bias: OptionalBiases = None, *, out: Out = None) -> LayerOutputs:
    """A dense layer of tanh units: h = tanh(x Wᵀ + b)."""


@loop_kernel(reference.dense_relu, specialize(layer, "dense_relu", activate_row=relu_row), branches=True, **FORWARD)
def dense_relu(x: LayerInputs, weight: LayerWeights, bias: OptionalBiases = None, *, out: Out = None) -> LayerOutputs:
    """A dense layer of rectified linear units: h = max(x Wᵀ + b, 0)."""


# --- backwards -------------------------------------------------------------------------------------------------------------------


def has_nonfinite_square(array: Floats) -> bool:
    """Return whether the sum of squares, which costs one product, is not finite: so it is where a number, or its square, is not."""
    flat = array.reshape(-1)
    return not math.isfinite(np.dot(flat, flat))


def weight_gradients(dx: Floats, dweight: Floats, dbias: Floats, dz: Floats, *rest: Floats) -> bool:
    """Store the gradients that are products of matrices. Return whether one of them is not finite."""
    x, weight = rest[-2:]  # behind what an activation takes
    matrix_product(dx, dz, weight)
    matrix_product(dweight, dz.T, x)
    return has_nonfinite_square(dx) or has_nonfinite_square(dweight)


@inlined
def sum_rows(dbias: Floats, dz: Floats) -> Any:
    """Store the sums over the batch, in order. Return whether one of them is not finite."""
    nonfinite = False
    for j in range(dbias.size):
        dbias[j] = dz[0, j]
    for i in range(1, dz.shape[0]):
        row = dz[i]
        for j in range(dbias.size):
            dbias[j] = dbias[j] + row[j]
    for j in range(dbias.size):
        nonfinite |= is_nonfinite(dbias[j])
    return nonfinite


def linear_backward(dx: Floats, dweight: Floats, dbias: Floats, dz: Floats, x: Floats, weight: Floats) -> Any:
    """Store the gradient by the biases. Return whether something is not finite."""
    return sum_rows(dbias, dz)


@loop_kernel(reference.dense_backward, linear_backward, epilogue=weight_gradients, parallel_from_bytes=NEVER)
def dense_backward(
    dz: LayerOutputs, x: LayerInputs, weight: LayerWeights, *, out: Out = None
) -> tuple[LayerInputs, LayerWeights, LayerBiases]:
    """The gradients of a dense layer by its inputs, weights and biases: δ W, δᵀ x, 1ᵀ δ."""


@inlined
def tanh_gradient_row(dz: Floats, dh: Floats, h: Floats) -> Any:
    """Store a row of ∂l/∂h (1 − h²). Return whether something is not finite, or outside [−1, 1]."""
    nonfinite, one = False, cast_like(1, h)
    for j in range(dz.size):
        dz[j] = dh[j] * (one - h[j] * h[j])
        nonfinite |= is_nonfinite(dh[j]) | out_of_range(h[j], -one, one)
    return nonfinite


@inlined
def relu_gradient_row(dz: Floats, dh: Floats, h: Floats) -> Any:
    """Store a row of ∂l/∂h where h > 0, else 0. Return whether something is not finite, or negative."""
    nonfinite, zero = False, cast_like(0, h)
    for j in range(dz.size):
        dz[j] = relu_gradient(dh[j], h[j])
        nonfinite |= is_nonfinite(dh[j]) | is_nonfinite(h[j]) | out_of_range(h[j], zero, h[j])
    return nonfinite


@inlined
def relu_gradient(dh: Any, h: Any) -> Any:
    """Return the gradient where the rectified linear unit is active, else 0."""
    return dh if h > 0 else dh - dh


def gradient_row(dz: Floats, dh: Floats, h: Floats) -> Any:
    """Stand for the gradient by a row of weighted sums, from that by their activations."""
    raise NotImplementedError


def layer_backward(dx: Floats, dweight: Floats, dbias: Floats, dz: Floats, dh: Floats, h: Floats, x: Floats, weight: Floats) -> Any:
    """Store the gradients by the weighted sums and by the biases. Return whether something is not finite."""
    nonfinite = False
    for i in range(dz.shape[0]):
        nonfinite |= gradient_row(dz[i], dh[i], h[i])
    return sum_rows(dbias, dz) | nonfinite


BACKWARD: Any = {"epilogue": weight_gradients, "parallel_from_bytes": NEVER, "workspace": ("batch outputs",)}


@loop_kernel(reference.dense_tanh_backward, specialize(layer_backward, "dense_tanh_backward", gradient_row=tanh_gradient_row), **BACKWARD)
def dense_tanh_backward(
    dh: LayerOutputs, h: LayerTanhs, x: LayerInputs, weight: LayerWeights, *, out: Out = None
) -> tuple[LayerInputs, LayerWeights, LayerBiases]:
    """The gradients of a dense layer of tanh units, from what it gave: δ = ∂l/∂h (1 − h²)."""


@loop_kernel(
    reference.dense_relu_backward,
    specialize(layer_backward, "dense_relu_backward", gradient_row=relu_gradient_row),
    branches=True,
    **BACKWARD,
)
def dense_relu_backward(
    dh: LayerOutputs, h: LayerRelus, x: LayerInputs, weight: LayerWeights, *, out: Out = None
) -> tuple[LayerInputs, LayerWeights, LayerBiases]:
    """The gradients of a dense layer of rectified linear units, from what it gave: δ = ∂l/∂h where h > 0."""
