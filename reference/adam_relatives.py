"""Methods that change one part of Adam: what the second moment measures, how it moves, or what is added to the mean.

A step is step(theta, grad, state, *, lr, …) → theta, state.  The state starts at 0, its t too: t counts the steps taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Count, Decay, Eps, Rate, Squares, Weight


class BeliefState(NamedTuple):
    """Running means of the gradient (m) and of its squared distance from m (s), and the steps taken (t); all start at 0."""

    m: Array
    s: Squares
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> BeliefState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta), 0)


@formula("optimizers.adabelief", initial=BeliefState.initial)
def adabelief(
    theta: Array, grad: Array, state: BeliefState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0
) -> tuple[Array, BeliefState]:
    """AdaBelief: Adam that divides by how far gradients are from their running mean; it takes long steps where they are as expected.

        t ← t + 1
        m ← β₁ m + (1 − β₁) g,                  m̂ = m / (1 − β₁ᵗ)
        s ← β₂ s + (1 − β₂) (g − m)² + ε_root,   ŝ = s / (1 − β₂ᵗ)
        θ ← θ − η m̂ / (√ŝ + ε)

    The stabiliser ε_root stays in s: it is added in every step anew. The paper has ε at both places.

    Units: lr as theta, eps as grad, eps_root as grad².  Source: Zhuang et al. 2020, Algorithm 2.
    """
    m, s, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    s = beta2 * s + (1 - beta2) * (grad - m) ** 2 + eps_root
    m_hat = m / (1 - beta1**t)
    s_hat = s / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(s_hat) + eps), BeliefState(m, s, t)


class YogiState(NamedTuple):
    """A running mean of the gradient (m), and a second moment that moves by (1 − β₂) g² towards g² (v); both start at 0."""

    m: Array
    v: Squares

    @classmethod
    def initial(cls, theta: Array) -> YogiState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta))


@formula("optimizers.yogi", initial=YogiState.initial)
def yogi(
    theta: Array, grad: Array, state: YogiState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0
) -> tuple[Array, YogiState]:
    """Yogi: Adam whose second moment moves towards g² by a share of g², not of the distance, so that small gradients shrink it slowly.

        m ← β₁ m + (1 − β₁) g,   v ← v − (1 − β₂) sign(v − g²) g²
        θ ← θ − η m / (√(v + ε_root) + ε)

    Units: lr as theta, eps as grad, eps_root as grad².  Source: Zaheer et al. 2018, Algorithm 2, which has no bias correction.
    """
    m, v = state
    m = beta1 * m + (1 - beta1) * grad
    v = v - (1 - beta2) * np.sign(v - grad**2) * grad**2
    return theta - lr * m / (np.sqrt(v + eps_root) + eps), YogiState(m, v)


class AdanState(NamedTuple):
    """Running means of the gradient (m), of its change (v) and of a square (n), the previous gradient, and the steps taken (t)."""

    m: Array
    v: Array
    n: Squares
    last_grad: Array
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> AdanState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta), zeros(theta), zeros(theta), 0)


@formula("optimizers.adan", initial=AdanState.initial)
def adan(
    theta: Array,
    grad: Array,
    state: AdanState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    beta3: Decay,
    eps: Eps,
    weight_decay: Weight,
    eps_root: Eps = 0,
) -> tuple[Array, AdanState]:
    """Adan: Nesterov's momentum by running means of the gradient and of its change, over the root of a mean square of both together.

        t ← t + 1,   d = g − g_previous, 0 in the first step
        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) d,   n ← β₃ n + (1 − β₃) (g + β₂ d)²
        m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ),   n̂ = n / (1 − β₃ᵗ)
        θ ← (θ − η (m̂ + β₂ v̂) / (√(n̂ + ε_root) + ε)) / (1 + η λ)

    Units: lr as theta, eps as grad, eps_root as grad², lr · weight_decay has none.  Source: Xie et al. 2024, Algorithm 1, whose β are 1 − β
    here, as in its code, which adds the corrections.
    """
    m, v, n, last_grad, t = state
    t = t + 1
    has_previous = 1 if t > 1 else 0
    change = has_previous * (grad - last_grad)
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * change
    n = beta3 * n + (1 - beta3) * (grad + beta2 * change) ** 2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    n_hat = n / (1 - beta3**t)
    direction = (m_hat + beta2 * v_hat) / (np.sqrt(n_hat + eps_root) + eps)
    return (theta - lr * direction) / (1 + weight_decay * lr), AdanState(m, v, n, grad, t)


class AdemamixState(NamedTuple):
    """A fast and a slow running mean of the gradient (m, slow), one of its square (v), and the steps taken (t); all start at 0."""

    m: Array
    slow: Array
    v: Squares
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> AdemamixState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta), zeros(theta), 0)


@formula("optimizers.ademamix", initial=AdemamixState.initial)
def ademamix(
    theta: Array,
    grad: Array,
    state: AdemamixState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    beta3: Decay,
    slow_weight: Weight,
    eps: Eps,
    weight_decay: Weight = 0,
    eps_root: Eps = 0,
) -> tuple[Array, AdemamixState]:
    """AdEMAMix: AdamW with a second, slower running mean of the gradient beside the first; it fills slowly, since it is not corrected.

        t ← t + 1
        m ← β₁ m + (1 − β₁) g,   m' ← β₃ m' + (1 − β₃) g,   v ← β₂ v + (1 − β₂) g²
        m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
        θ ← θ − η ((m̂ + α m') / (√(v̂ + ε_root) + ε) + λ θ),   α = slow_weight

    Units: as adamw, slow_weight has none.  Source: Pagliardini, Ablin & Grangier 2024, Algorithm 1; α and β₃ may follow a schedule.
    """
    m, slow, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    slow = beta3 * slow + (1 - beta3) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * ((m_hat + slow_weight * slow) / (np.sqrt(v_hat + eps_root) + eps) + weight_decay * theta), AdemamixState(
        m, slow, v, t
    )
