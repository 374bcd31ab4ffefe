"""Networks: dense layers and their gradients, activations, and what a network can and cannot tell by its weights.

A batch has a row for each sample; weights have a row for each output, so that z = x Wᵀ + b. A backward function takes the gradient of the
loss by what its layer gave, and returns that by what the layer took: inputs, weights, biases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        Array,
        Decay,
        ExampleRows,
        FirstBiases,
        FirstWeights,
        FourthWeights,
        Gradient,
        HiddenBiases,
        HiddenFactors,
        Inner,
        KeptExamples,
        Knots,
        LayerBiases,
        LayerInputs,
        LayerOutputs,
        LayerRelus,
        LayerTanhs,
        LayerWeights,
        Mask,
        Norm,
        OptionalBiases,
        Outer,
        OutputGradient,
        OutputJacobian,
        Positive,
        Real,
        SecondBiases,
        SecondWeights,
        Sigmoids,
        Tanhs,
        ThirdBiases,
        ThirdWeights,
        ValueGradient,
        Vector,
        WeightGradient,
        WeightJacobian,
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


@formula("network.dropout")
def dropout(x: Array, mask: Mask, *, rate: Decay) -> Array:
    """Inverted dropout: entries are dropped with probability p, and those that are kept grow, so that the mean over masks is the input.

        h = x m / (1 − p),   m = 1 with probability 1 − p, else 0

    Units: as x.  Source: Srivastava et al. 2014, section 10, last sentence.
    """
    return x * mask / (1 - rate)


@formula("network.drop_path")
def drop_path(x: ExampleRows, kept: KeptExamples, *, rate: Decay) -> ExampleRows:
    """Stochastic depth: the whole branch of an example is dropped with probability p, and grows where it is kept.

        h = x m / (1 − p),   m = 1 with probability 1 − p, else 0, for each example

    Units: as x.  Source: Huang et al. 2016, section 3, where inference multiplies by 1 − p instead.
    """
    return x * np.expand_dims(kept, 1) / (1 - rate)


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

    Units: none.  Source: ONN 'Adaptive step size algorithms: basics', in words.
    """
    return np.where(h > 0, np.ones_like(h), 0)


@formula("network.activation.tanh_slope")
def tanh_slope(h: Tanhs) -> Array:
    """The slope of h = tanh z, by its output: 1 at 0, less everywhere else.

        σ'(z) = 1 − h²

    Units: none.  Source: ONN 'Adaptive step size algorithms: basics', in words.
    """
    return 1 - h**2


@formula("network.activation.sigmoid_slope")
def sigmoid_slope(h: Sigmoids) -> Array:
    """The slope of the logistic sigmoid h = 1/(1 + e⁻ᶻ), by its output: 1/4 at 0, less everywhere else.

        σ'(z) = h (1 − h)

    Units: none.  Source: ONN 'Adaptive step size algorithms: basics', in words.
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
    """The gradients of a dense layer of tanh units by its inputs, weights and biases, from its outputs.

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
    """The gradients of a dense layer of rectified linear units by its inputs, weights and biases, from its outputs.

        δ = ∂l/∂h where h > 0, else 0;   ∂l/∂x = δ W,   ∂l/∂W = δᵀ x,   ∂l/∂b = 1ᵀ δ

    Units: loss / h · weight, loss / h · x, loss / h.  Source: ONN 'Layerwise gradient', with σ = ReLU.
    """
    return dense_backward(dh * relu_slope(h), x, weight)


# --- many layers ----------------------------------------------------------------------------------------------------------------------


@formula("network.backprop.chain")
def pull_back(grad: OutputGradient, jacobian: OutputJacobian, weight_jacobian: WeightJacobian) -> tuple[ValueGradient, WeightGradient]:
    """One layer of backpropagation: from the gradient by the layer's output to the gradients by its input and by its weights.

        ∂l/∂xᵏ⁻¹ = (∂xᵏ/∂xᵏ⁻¹)ᵀ ∂l/∂xᵏ,   ∂l/∂wₖ = (∂xᵏ/∂wₖ)ᵀ ∂l/∂xᵏ

    Units: loss / input, loss / weight.  Source: SKO 'Sequential computation: backpropagation'; ONN 'Backward pass'.
    """
    return jacobian.T @ grad, weight_jacobian.T @ grad


@formula("network.deep_tanh")
def deep_tanh(
    x: LayerInputs,
    w1: FirstWeights,
    b1: FirstBiases,
    w2: SecondWeights,
    b2: SecondBiases,
    w3: ThirdWeights,
    b3: ThirdBiases,
    w4: FourthWeights,
) -> LayerOutputs:
    """A deep network of three layers of tanh units, each with its bias, under a linear one without.

        ŷ = tanh(tanh(tanh(x W₁ᵀ + b₁) W₂ᵀ + b₂) W₃ᵀ + b₃) W₄ᵀ

    Units: as the last weights.  Source: UC 'A Difficulty in Training Deep Neural Networks', whose parentheses are wrong (E83).
    """
    return dense(dense_tanh(dense_tanh(dense_tanh(x, w1, b1), w2, b2), w3, b3), w4)


# --- gauge freedom --------------------------------------------------------------------------------------------------------------------


@formula("network.gauge.relu_rescale")
def rescale_units(inner: Inner, bias: HiddenBiases, outer: Outer, factors: HiddenFactors) -> tuple[Inner, HiddenBiases, Outer]:
    """Other weights of the same function: a hidden unit's incoming weights are multiplied, its outgoing ones divided. ReLU only.

        (W¹, b¹)ⱼ → cⱼ (W¹, b¹)ⱼ,   W²ₖⱼ → W²ₖⱼ / cⱼ,   cⱼ > 0

    Units: none of factors.  Source: SKO 'Gauge freedom in ReLu Networks', a figure.
    """
    return np.expand_dims(factors, 1) * inner, factors * bias, outer / factors


# --- expressivity ---------------------------------------------------------------------------------------------------------------------


@formula("network.universal_approximation")
def relu_interpolant(x: Vector, values: Knots, *, start: Real, spacing: Positive) -> Vector:
    """One hidden layer of ReLUs through given values at equally spaced knots: each unit bends the line at its knot.

        f(x) = y₀ + Σᵢ (sᵢ − sᵢ₋₁) max(x − xᵢ, 0),   sᵢ = (yᵢ₊₁ − yᵢ) / h,   s₋₁ = 0

    Units: as values; spacing as x.  Source: completes SKO 'Universal approximation theorem', CMU 'Recap'.
    """
    knots = start + spacing * (np.cumsum(np.ones_like(values)) - 1)
    slopes = (values[1:] - values[:-1]) / spacing
    bends = np.concatenate([slopes[:1], slopes[1:] - slopes[:-1]])
    return values[0] + relu(np.expand_dims(x, 1) - knots[:-1]) @ bends


@formula("network.universal_approximation.bound")
def interpolation_bound(curvature: Norm, *, spacing: Positive) -> Norm:
    """An upper bound of the error of that network between knots, for a function of at most this curvature |f''|.

        h² max |f''| / 8

    Units: curvature · spacing².  Source: completes SKO 'Universal approximation theorem'; de Boor 1978.
    """
    return spacing**2 * curvature / 8


@formula("network.depth_separation")
def triangle(x: Array) -> Array:
    """The triangle map of [0, 1] onto itself, of two ReLUs: k of them, one after another, make 2ᵏ linear pieces.

        T(x) = 2 max(x, 0) − 2 max(2 x − 1, 0)

    Units: none.  Source: Telgarsky 2016; completes SKO 'Universal approximation theorem', caveat 1.
    """
    return 2 * relu(x) - 2 * relu(2 * x - 1)


@formula("network.depth_separation.product_gate")
def product_gate(u: Array, v: Array, activation: Gradient, *, scale: Positive, bend: Real) -> Array:
    """A product of two numbers by four hidden units, as exact as the scale is small; bend is the activation's σ''(0), not 0.

        u v ≈ (σ(λ(u + v)) + σ(−λ(u + v)) − σ(λ(u − v)) − σ(−λ(u − v))) / (4 σ''(0) λ²)

    Units: none.  Source: Lin, Tegmark & Rolnick 2017; SKO 'Universal approximation theorem', caveat 1.
    """
    plus, minus = scale * (u + v), scale * (u - v)
    return (activation(plus) + activation(-plus) - activation(minus) - activation(-minus)) / (4 * bend * scale**2)
