"""Networks: dense layers and their gradients, activations, and what a network can and cannot tell by its weights.

A batch has a row for each sample; weights have a row for each output, so that z = x Wᵀ + b. A backward function takes the gradient of the
loss by what its layer gave, and returns that by what the layer took: inputs, weights, biases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._formula import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
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


@formula("network.dense.forward")
def dense(x: LayerInputs, weight: LayerWeights, bias: OptionalBiases = None) -> LayerOutputs:
    """A dense layer before its activation: each output is a weighted sum of the inputs, and a bias if there is one.

        z = x Wᵀ + b

    Units: weight · x as the output, bias as the output.  Source: ONN 'Dense layers', which prints no bias.
    """
    z = x @ weight.T
    return z if bias is None else z + bias


@formula("network.dense.backward")
def dense_backward(dz: LayerOutputs, x: LayerInputs, weight: LayerWeights) -> tuple[LayerInputs, LayerWeights, LayerBiases]:
    """The gradients of a dense layer by its inputs, weights and biases; dz is that by z, the activation's slope multiplied in.

        δ = ∂l/∂h ⊙ σ'(z),   ∂l/∂x = δ W,   ∂l/∂W = δᵀ x,   ∂l/∂b = 1ᵀ δ

    Units: loss / z · weight, loss / z · x, loss / z.  Source: ONN 'Layerwise gradient', 'Backward pass' (E22).
    """
    return dz @ weight, dz.T @ x, np.sum(dz, axis=0)


# --- activations: the slope is a function of what the activation gave -----------------------------------------------------------------


@formula("network.activation.relu")
def relu(z: Array) -> Array:
    """The rectified linear unit.

        h = max(z, 0)

    Units: as z.  Source: ONN, STU, SKO, passim.
    """
    return np.maximum(z, 0)


@formula("network.activation.relu_slope")
def relu_slope(h: Array) -> Array:
    """The slope of the rectified linear unit, by its output or its input alike; 0 at the kink.

        σ'(z) = 1 if h > 0, else 0

    Units: none.  Source: ONN 'Activation function may shrink the gradients', in words.
    """
    return np.where(h > 0, np.ones_like(h), 0)


@formula("network.activation.tanh_slope")
def tanh_slope(h: Tanhs) -> Array:
    """The slope of h = tanh z, by its output: 1 at 0, less everywhere else.

        σ'(z) = 1 − h²

    Units: none.  Source: ONN 'Activation function may shrink the gradients', in words.
    """
    return 1 - h**2


@formula("network.activation.sigmoid_slope")
def sigmoid_slope(h: Sigmoids) -> Array:
    """The slope of the logistic sigmoid h = 1/(1 + e⁻ᶻ), by its output: 1/4 at 0, less everywhere else.

        σ'(z) = h (1 − h)

    Units: none.  Source: ONN 'Activation function may shrink the gradients', in words.
    """
    return h * (1 - h)


# --- a layer with its activation ------------------------------------------------------------------------------------------------------


@formula("network.dense.tanh")
def dense_tanh(x: LayerInputs, weight: LayerWeights, bias: OptionalBiases = None) -> LayerOutputs:
    """A dense layer of tanh units.

        h = tanh(x Wᵀ + b)

    Units: weight · x has none.  Source: ONN 'Dense layers', with σ = tanh.
    """
    return np.tanh(dense(x, weight, bias))


@formula("network.dense.tanh_backward")
def dense_tanh_backward(
    dh: LayerOutputs, h: LayerTanhs, x: LayerInputs, weight: LayerWeights
) -> tuple[LayerInputs, LayerWeights, LayerBiases]:
    """The gradients of a dense layer of tanh units by its inputs, weights and biases, from what it gave.

        δ = ∂l/∂h ⊙ (1 − h²),   ∂l/∂x = δ W,   ∂l/∂W = δᵀ x,   ∂l/∂b = 1ᵀ δ

    Units: loss · weight, loss · x, loss.  Source: ONN 'Layerwise gradient', with σ = tanh.
    """
    return dense_backward(dh * tanh_slope(h), x, weight)


@formula("network.dense.relu")
def dense_relu(x: LayerInputs, weight: LayerWeights, bias: OptionalBiases = None) -> LayerOutputs:
    """A dense layer of rectified linear units.

        h = max(x Wᵀ + b, 0)

    Units: weight · x as the output, bias as the output.  Source: ONN 'Dense layers', with σ = ReLU.
    """
    return relu(dense(x, weight, bias))


@formula("network.dense.relu_backward")
def dense_relu_backward(
    dh: LayerOutputs, h: LayerRelus, x: LayerInputs, weight: LayerWeights
) -> tuple[LayerInputs, LayerWeights, LayerBiases]:
    """The gradients of a dense layer of rectified linear units by its inputs, weights and biases, from what it gave.

        δ = ∂l/∂h where h > 0, else 0;   ∂l/∂x = δ W,   ∂l/∂W = δᵀ x,   ∂l/∂b = 1ᵀ δ

    Units: loss / h · weight, loss / h · x, loss / h.  Source: ONN 'Layerwise gradient', with σ = ReLU.
    """
    return dense_backward(dh * relu_slope(h), x, weight)
