"""Activations, fast: `trainspec.reference.activations` says what each formula is; the results are within its rounding bound.

Exponentials, tanh and erf are those of `_loops.math`, and divisions by constants are multiplications by their reciprocals. `out` takes the
result, the argument itself or an array apart from it. `trainspec.fast.backward_of` makes the gradient by the input from a slope: one pass
for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reference import activations as reference
from ._elementwise.kernel import elementwise

if TYPE_CHECKING:
    from ..reference.domains import Array, Positive, Real
    from ._elementwise.kernel import Out

__all__ = [
    "elu",
    "elu_slope",
    "geglu",
    "geglu_backward",
    "gelu",
    "gelu_slope",
    "gelu_tanh",
    "gelu_tanh_slope",
    "leaky_relu",
    "leaky_relu_slope",
    "mish",
    "mish_slope",
    "selu",
    "softplus",
    "softplus_linear_above",
    "swiglu",
    "swiglu_backward",
    "swiglu_clamped",
    "swish",
    "swish_slope",
]


@elementwise(reference.swish)
def swish(z: Array, *, beta: Real = 1, out: Out = None) -> Array:
    """Swish, or SiLU at β = 1: h = z σ(β z). At β = 1.702 it is the quick form of GELU."""


@elementwise(reference.swish_slope)
def swish_slope(z: Array, *, beta: Real = 1, out: Out = None) -> Array:
    """The slope of Swish: h' = σ(β z) (1 + β z σ(−β z))."""


@elementwise(reference.gelu, reciprocals=True)
def gelu(z: Array, *, out: Out = None) -> Array:
    """The Gaussian error linear unit: h = z (1 + erf(z/√2)) / 2."""


@elementwise(reference.gelu_slope, reciprocals=True)
def gelu_slope(z: Array, *, out: Out = None) -> Array:
    """The slope of the Gaussian error linear unit: h' = Φ(z) + z exp(−z²/2) / √(2 π)."""


@elementwise(reference.gelu_tanh, reciprocals=True)
def gelu_tanh(z: Array, *, out: Out = None) -> Array:
    """The Gaussian error linear unit by a tanh: h = z/2 (1 + tanh(√(2/π) (z + 0.044715 z³)))."""


@elementwise(reference.gelu_tanh_slope, reciprocals=True)
def gelu_tanh_slope(z: Array, *, out: Out = None) -> Array:
    """The slope of the same: h' = (1 + t)/2 + z/2 (1 − t²) √(2/π) (1 + 0.134145 z²)."""


@elementwise(reference.softplus, reciprocals=True)
def softplus(z: Array, *, beta: Positive = 1, out: Out = None) -> Array:
    """A smooth ReLU: h = log(1 + exp(β z)) / β. Its slope is σ(β z)."""


@elementwise(reference.softplus_linear_above, reciprocals=True)
def softplus_linear_above(z: Array, *, beta: Positive = 1, threshold: Real, out: Out = None) -> Array:
    """Softplus, and z itself where β z is above a threshold."""


@elementwise(reference.mish)
def mish(z: Array, *, out: Out = None) -> Array:
    """Mish: h = z tanh(log(1 + eᶻ))."""


@elementwise(reference.mish_slope)
def mish_slope(z: Array, *, out: Out = None) -> Array:
    """The slope of Mish: h' = t + z (1 − t²) σ(z), t = tanh(log(1 + eᶻ))."""


@elementwise(reference.leaky_relu)
def leaky_relu(z: Array, *, negative_slope: Real, out: Out = None) -> Array:
    """The leaky rectified linear unit: h = z if z > 0, else a z."""


@elementwise(reference.leaky_relu_slope)
def leaky_relu_slope(z: Array, *, negative_slope: Real, out: Out = None) -> Array:
    """The slope of the leaky rectified linear unit: h' = 1 if z > 0, else a."""


@elementwise(reference.elu)
def elu(z: Array, *, alpha: Positive = 1, out: Out = None) -> Array:
    """The exponential linear unit: h = z if z > 0, else α (eᶻ − 1)."""


@elementwise(reference.elu_slope)
def elu_slope(z: Array, *, alpha: Positive = 1, out: Out = None) -> Array:
    """The slope of the exponential linear unit: h' = 1 if z > 0, else α eᶻ."""


@elementwise(reference.selu)
def selu(z: Array, *, alpha: Positive, scale: Positive, out: Out = None) -> Array:
    """The scaled exponential linear unit: h = λ z if z > 0, else λ α (eᶻ − 1)."""


@elementwise(reference.swiglu)
def swiglu(gate: Array, up: Array, *, out: Out = None) -> Array:
    """The product of a SiLU and a linear branch: h = silu(g) u."""


@elementwise(reference.swiglu_backward, updates="gate up")
def swiglu_backward(dh: Array, gate: Array, up: Array, *, out: Out = None) -> tuple[Array, Array]:
    """The gradients of SwiGLU by both branches: dg = dh u silu'(g), du = dh silu(g)."""


@elementwise(reference.swiglu_clamped)
def swiglu_clamped(gate: Array, up: Array, *, beta: Real, limit: Positive, out: Out = None) -> Array:
    """SwiGLU with both branches clipped: h = g σ(β g) (u + 1), g = min(gate, L), u = clip(up, −L, L)."""


@elementwise(reference.geglu, reciprocals=True)
def geglu(gate: Array, up: Array, *, out: Out = None) -> Array:
    """The product of a Gaussian error linear unit and a linear branch: h = gelu(g) u."""


@elementwise(reference.geglu_backward, updates="gate up", reciprocals=True)
def geglu_backward(dh: Array, gate: Array, up: Array, *, out: Out = None) -> tuple[Array, Array]:
    """The gradients of GEGLU by both branches: dg = dh u gelu'(g), du = dh gelu(g)."""
