"""Layer-wise methods: what an array of parameters does depends on norms of the whole array, so it matters where arrays begin and end.

A step is step(theta, grad, state, *, lr, …) → theta, state, of one array: a layer's weights, or its biases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import zero_of, zeros
from ._registry import formula
from .adam import AdamState

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Count, Decay, Eps, LayerWeights, MeanSquare, Momentum, Positive, Rate, Weight


# --- the ratio of two norms ------------------------------------------------------------------------------------------------------------


@formula("optimizers.lars", initial=zeros)
def lars(
    theta: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum, trust: Positive, weight_decay: Weight = 0
) -> tuple[Array, Array]:
    """LARS: heavy ball whose rate is scaled by the norm of the weights over the norms of the gradient and of the decay.

        r = trust ‖θ‖ / (‖g‖ + λ ‖θ‖), but 1 where ‖θ‖ or ‖g‖ is 0
        v ← μ v + η r (g + λ θ),   θ ← θ − v

    Units: lr and trust are pure numbers, weight_decay as grad / theta.  Source: You, Gitman & Ginsburg 2017, Algorithm 1.
    """
    size, length = np.sqrt(np.sum(theta**2)), np.sqrt(np.sum(grad**2))
    ratio = trust * size / (length + weight_decay * size) if np.minimum(size, length) > 0 else 1
    update = ratio * (grad + weight_decay * theta)
    velocity = momentum * velocity + lr * update
    return theta - velocity, velocity


@formula("optimizers.lars.joint_norm", initial=zeros)
def lars_joint_norm(
    theta: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum, trust: Positive, weight_decay: Weight = 0
) -> tuple[Array, Array]:
    """LARS with the norm of the gradient and its decay together, so that what enters the velocity has the length η trust ‖θ‖.

        u = g + λ θ,   r = trust ‖θ‖ / ‖u‖, but 1 where a norm is 0
        v ← μ v + η r u,   θ ← θ − v

    Units: as lars.  Source: common practice: the form of libraries.
    """
    update = grad + weight_decay * theta
    size, length = np.sqrt(np.sum(theta**2)), np.sqrt(np.sum(update**2))
    ratio = trust * size / length if np.minimum(size, length) > 0 else 1
    velocity = momentum * velocity + lr * ratio * update
    return theta - velocity, velocity


@formula("optimizers.lamb", initial=AdamState.initial)
def lamb(
    theta: Array,
    grad: Array,
    state: AdamState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    weight_decay: Weight = 0,
    eps_root: Eps = 0,
) -> tuple[Array, AdamState]:
    """LAMB: AdamW whose step is brought to the length of the weights times the learning rate.

        m̂, v̂ as Adam's,   u = m̂ / (√(v̂ + ε_root) + ε) + λ θ
        r = ‖θ‖ / ‖u‖, but 1 where a norm is 0,   θ ← θ − η r u

    Units: lr is a pure number, eps as grad, weight_decay as 1 / theta.  Source: You et al. 2020, Algorithm 2.
    """
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    update = m_hat / (np.sqrt(v_hat + eps_root) + eps) + weight_decay * theta
    size, length = np.sqrt(np.sum(theta**2)), np.sqrt(np.sum(update**2))
    ratio = size / length if np.minimum(size, length) > 0 else 1
    return theta - lr * ratio * update, AdamState(m, v, t)


class NovogradState(NamedTuple):
    """A sum of normalized gradients, discounted (m), a running mean of the squared norm (v, a number), and the steps taken (t); from 0."""

    m: Array
    v: MeanSquare
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> NovogradState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zero_of(theta), 0)


@formula("optimizers.novograd", initial=NovogradState.initial)
def novograd(
    theta: Array,
    grad: Array,
    state: NovogradState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    weight_decay: Weight = 0,
    eps_root: Eps = 0,
) -> tuple[Array, NovogradState]:
    """NovoGrad: heavy ball along gradients that are divided by a running norm of the whole layer, with the decay in the velocity.

        t ← t + 1
        v ← β₂ v + (1 − β₂) ‖g‖², but ‖g‖² in the first step
        m ← β₁ m + g / (√(v + ε_root) + ε) + λ θ,   θ ← θ − η m

    Units: lr as theta, eps as grad, weight_decay as 1 / theta.  Source: Ginsburg et al. 2019, Algorithm 1.
    """
    m, v, t = state
    t = t + 1
    beta2_now = beta2 if t > 1 else 0
    v = beta2_now * v + (1 - beta2_now) * np.sum(grad**2)
    m = beta1 * m + grad / (np.sqrt(v + eps_root) + eps) + weight_decay * theta
    return theta - lr * m, NovogradState(m, v, t)


# --- gradients of a layer's units ------------------------------------------------------------------------------------------------------


@formula("optimizers.clip.adaptive")
def clip_by_unit(grad: LayerWeights, weight: LayerWeights, *, largest: Positive, smallest: Positive) -> LayerWeights:
    """Adaptive gradient clipping: the gradient of a unit is scaled back where it is too long for the unit's weights.

        cᵢ = largest · max(‖wᵢ‖, smallest),   gᵢ ← gᵢ cᵢ / max(‖gᵢ‖, cᵢ),   i a row: the weights of one output

    Units: largest as grad / weight, smallest as weight.  Source: Brock et al. 2021, section 4.1.
    """
    sizes = np.sqrt(np.sum(weight**2, axis=1, keepdims=True))
    lengths = np.sqrt(np.sum(grad**2, axis=1, keepdims=True))
    longest = largest * np.maximum(sizes, smallest)
    return grad * (longest / np.maximum(lengths, longest))


@formula("optimizers.gradient_centralization")
def centralized_gradient(grad: LayerWeights) -> LayerWeights:
    """Gradient centralization: the gradient of each unit's weights loses its mean, so that their sum stays as it is.

        gᵢⱼ ← gᵢⱼ − (1/n) Σₖ gᵢₖ,   i a row: the weights of one output

    Units: as grad.  Source: Yong et al. 2020, equation (1).
    """
    return grad - np.mean(grad, axis=1, keepdims=True)
