"""Methods without a learning rate to be chosen: the distance from the start to the solution is estimated from below, and steps are as long.

A step is step(theta, grad, state, *, lr, …) → theta, state; lr is a factor of the estimate, 1 unless a schedule says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import copy_of, zero_of, zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Decay, Distance, Eps, Positive, Rate, Scalar, Squares, Weight


class ProdigyState(NamedTuple):
    """Means of scaled gradients (m) and their squares (v), discounted sums of gradients (s) and of their progress (r), d, the start."""

    m: Array
    v: Squares
    s: Array
    r: Scalar
    distance: Distance
    start: Array

    @classmethod
    def initial(cls, theta: Array, *, size: Positive) -> ProdigyState:
        """Return the state before the first step: zeros, and as the estimated distance the one given, which is small."""
        return cls(zeros(theta), zeros(theta), zeros(theta), zero_of(theta), zero_of(theta) + size, copy_of(theta))


@formula("optimizers.prodigy", initial=ProdigyState.initial)
def prodigy(
    theta: Array,
    grad: Array,
    state: ProdigyState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    weight_decay: Weight = 0,
) -> tuple[Array, ProdigyState]:
    """Prodigy: Adam whose learning rate is the largest distance from the start that its gradients have vouched for.

        m ← β₁ m + (1 − β₁) d g,   v ← β₂ v + (1 − β₂) (d g)²
        r ← √β₂ r + η d² ⟨g, θ₀ − θ⟩,   s ← √β₂ s + η d² g,   d' = max(d, r / ‖s‖₁), but d where s is 0
        θ ← θ − η d (m / (√v + d' ε) + λ θ),   d ← d'

    Units: distance as theta, lr a pure number, eps as grad, weight_decay as 1 / theta.
    Source: Mishchenko & Defazio 2024, Algorithm 4; ε with the new d, its code.
    """
    m, v, s, r, distance, start = state
    size = lr * distance
    m = beta1 * m + (1 - beta1) * (distance * grad)
    v = beta2 * v + (1 - beta2) * (distance * grad) ** 2
    r = np.sqrt(beta2) * r + size * distance * np.sum(grad * (start - theta))
    s = np.sqrt(beta2) * s + size * distance * grad
    length = np.sum(np.abs(s))
    longer = np.maximum(distance, r / length) if length > 0 else distance
    step = m / (np.sqrt(v) + longer * eps)
    return theta - size * (step + weight_decay * theta), ProdigyState(m, v, s, r, longer, start)
