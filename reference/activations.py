"""Activations of today's networks, entry by entry, and their slopes by the input; gated units with their gradients.

ReLU, tanh and the logistic sigmoid, whose slopes are functions of the output, stand in networks.py and losses.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._registry import formula
from ._special import erf
from .losses import sigmoid

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Positive, Real


# --- z times a probability -----------------------------------------------------------------------------------------------------------


@formula("activation.swish")
def swish(z: Array, *, beta: Real = 1) -> Array:
    """Swish, or SiLU at β = 1: z times a logistic gate of itself. At β = 0 it is z/2, and for large β nearly ReLU.

        h = z σ(β z)

    Units: as z; beta as 1 / z.  Source: Ramachandran et al. 2017; Hendrycks & Gimpel 2016 (β = 1, and 1.702 as a fast GELU).
    """
    return z * sigmoid(beta * z)


@formula("activation.swish.slope")
def swish_slope(z: Array, *, beta: Real = 1) -> Array:
    """The slope of Swish: 1/2 at 0, and at β = 1 between −0.1 and 1.1.

        h' = σ(β z) (1 + β z σ(−β z))

    Units: none.  Source: Ramachandran et al. 2017, in another form.
    """
    return sigmoid(beta * z) * (1 + beta * z * sigmoid(-beta * z))


@formula("activation.gelu")
def gelu(z: Array) -> Array:
    """The Gaussian error linear unit: z times the probability that a standard normal number is below z.

        h = z Φ(z) = z (1 + erf(z/√2)) / 2

    Units: z has none.  Source: Hendrycks & Gimpel 2016.
    """
    return z * (1 + erf(z / np.sqrt(2 * np.ones_like(z)))) / 2


@formula("activation.gelu.slope")
def gelu_slope(z: Array) -> Array:
    """The slope of the Gaussian error linear unit.

        h' = Φ(z) + z exp(−z²/2) / √(2 π)

    Units: none.  Source: completes Hendrycks & Gimpel 2016.
    """
    pi = 4 * np.arctan(np.ones_like(z))
    return (1 + erf(z / np.sqrt(2 * np.ones_like(z)))) / 2 + z * np.exp(-(z**2) / 2) / np.sqrt(2 * pi)


@formula("activation.gelu.tanh")
def gelu_tanh(z: Array) -> Array:
    """The Gaussian error linear unit by a tanh: never more than 4.8e-4 from the exact one.

        h = z/2 (1 + tanh(√(2/π) (z + 0.044715 z³)))

    Units: z has none.  Source: Hendrycks & Gimpel 2016.
    """
    pi = 4 * np.arctan(np.ones_like(z))
    return z * (1 + np.tanh(np.sqrt(2 / pi) * (z + z**3 * 8943 / 2000 / 100))) / 2


@formula("activation.gelu.tanh.slope")
def gelu_tanh_slope(z: Array) -> Array:
    """The slope of the Gaussian error linear unit by a tanh.

        h' = (1 + t)/2 + z/2 (1 − t²) √(2/π) (1 + 0.134145 z²),   t = tanh(√(2/π) (z + 0.044715 z³))

    Units: none.  Source: completes Hendrycks & Gimpel 2016.
    """
    root = np.sqrt(2 / (4 * np.arctan(np.ones_like(z))))
    t = np.tanh(root * (z + z**3 * 8943 / 2000 / 100))
    return (1 + t) / 2 + z * (1 - t**2) * root * (1 + z**2 * 26829 / 2000 / 100) / 2


# --- softplus ------------------------------------------------------------------------------------------------------------------------


@formula("activation.softplus")
def softplus(z: Array, *, beta: Positive = 1) -> Array:
    """A smooth ReLU: above it everywhere, by log 2 / β at 0. Its slope is the logistic function of β z.

        h = log(1 + exp(β z)) / β

    Units: as z; beta as 1 / z.  Source: Dugas et al. 2001; β as in PyTorch.
    """
    return np.logaddexp(0, beta * z) / beta


@formula("activation.softplus.threshold")
def softplus_linear_above(z: Array, *, beta: Positive = 1, threshold: Real) -> Array:
    """Softplus, and z itself where β z is above a threshold T: there too small by less than exp(−T) / β.

        h = z where β z > T, else log(1 + exp(β z)) / β

    Units: as z; beta as 1 / z, threshold has none.  Source: PyTorch, with T = 20.
    """
    return np.where(beta * z > threshold, z, softplus(z, beta=beta))


@formula("activation.mish")
def mish(z: Array) -> Array:
    """Mish: z times the tanh of its softplus.

        h = z tanh(log(1 + eᶻ))

    Units: z has none.  Source: Misra 2019.
    """
    return z * np.tanh(softplus(z))


@formula("activation.mish.slope")
def mish_slope(z: Array) -> Array:
    """The slope of Mish.

        h' = t + z (1 − t²) σ(z),   t = tanh(log(1 + eᶻ))

    Units: none.  Source: completes Misra 2019.
    """
    t = np.tanh(softplus(z))
    return t + z * (1 - t**2) * sigmoid(z)


# --- two branches --------------------------------------------------------------------------------------------------------------------


@formula("activation.leaky_relu")
def leaky_relu(z: Array, *, negative_slope: Real) -> Array:
    """The leaky rectified linear unit: negative numbers are multiplied by a slope, 0.01 as a rule. With slope 0 it is ReLU.

        h = z if z > 0, else a z

    Units: as z.  Source: Maas et al. 2013.
    """
    return np.where(z > 0, z, negative_slope * z)


@formula("activation.leaky_relu.slope")
def leaky_relu_slope(z: Array, *, negative_slope: Real) -> Array:
    """The slope of the leaky rectified linear unit; a at the kink.

        h' = 1 if z > 0, else a

    Units: none.  Source: Maas et al. 2013.
    """
    return np.where(z > 0, np.ones_like(z), negative_slope)


@formula("activation.squared_relu")
def squared_relu(z: Array) -> Array:
    """The squared rectified linear unit.

        h = max(z, 0)²

    Units: the square of z's.  Source: So et al. 2021, section 4.1.
    """
    return np.maximum(z, 0) ** 2


@formula("activation.squared_relu.slope")
def squared_relu_slope(z: Array) -> Array:
    """The slope of the squared rectified linear unit: it has no jump.

        h' = 2 max(z, 0)

    Units: as z.  Source: completes So et al. 2021.
    """
    return 2 * np.maximum(z, 0)


@formula("activation.elu")
def elu(z: Array, *, alpha: Positive = 1) -> Array:
    """The exponential linear unit: z if it is positive, else an exponential that falls to −α. At α = 1 the slope has no jump.

        h = z if z > 0, else α (eᶻ − 1)

    Units: z has none.  Source: Clevert et al. 2015.
    """
    return np.where(z > 0, z, alpha * (np.exp(np.minimum(z, 0)) - 1))


@formula("activation.elu.slope")
def elu_slope(z: Array, *, alpha: Positive = 1) -> Array:
    """The slope of the exponential linear unit; α at 0.

        h' = 1 if z > 0, else α eᶻ

    Units: none.  Source: Clevert et al. 2015.
    """
    return np.where(z > 0, np.ones_like(z), alpha * np.exp(np.minimum(z, 0)))


@formula("activation.selu")
def selu(z: Array, *, alpha: Positive, scale: Positive) -> Array:
    """The scaled exponential linear unit: with its own α and λ, mean 0 and variance 1 of a normal number stay as they are.

        h = λ z if z > 0, else λ α (eᶻ − 1)

    Units: z has none.  Source: Klambauer et al. 2017, equation 2.
    """
    return scale * elu(z, alpha=alpha)


# --- gated units -----------------------------------------------------------------------------------------------------------------------


@formula("activation.swiglu")
def swiglu(gate: Array, up: Array) -> Array:
    """The product of a SiLU and a linear branch.

        h = silu(g) u

    Units: as gate · up.  Source: Shazeer 2020, where g = x W and u = x V.
    """
    return swish(gate) * up


@formula("activation.swiglu.backward")
def swiglu_backward(dh: Array, gate: Array, up: Array) -> tuple[Array, Array]:
    """The gradients of SwiGLU by both branches.

        dg = dh u silu'(g),   du = dh silu(g)

    Units: dh · up, dh · gate.  Source: completes Shazeer 2020.
    """
    return dh * up * swish_slope(gate), dh * swish(gate)


@formula("activation.swiglu.clamped")
def swiglu_clamped(gate: Array, up: Array, *, beta: Real, limit: Positive) -> Array:
    """SwiGLU with both branches clipped, the gate from above only, and with the linear branch around 1.

        h = g σ(β g) (u + 1),   g = min(gate, L),   u = clip(up, −L, L)

    Units: none.  Source: the layers of the open models gpt-oss, with β = 1.702 and L = 7.
    """
    return swish(np.minimum(gate, limit), beta=beta) * (np.minimum(np.maximum(up, -limit), limit) + 1)


@formula("activation.geglu")
def geglu(gate: Array, up: Array) -> Array:
    """The product of a Gaussian error linear unit and a linear branch.

        h = gelu(g) u

    Units: as gate · up.  Source: Shazeer 2020.
    """
    return gelu(gate) * up


@formula("activation.geglu.backward")
def geglu_backward(dh: Array, gate: Array, up: Array) -> tuple[Array, Array]:
    """The gradients of GEGLU by both branches.

        dg = dh u gelu'(g),   du = dh gelu(g)

    Units: dh · up, dh · gate.  Source: completes Shazeer 2020.
    """
    return dh * up * gelu_slope(gate), dh * gelu(gate)
