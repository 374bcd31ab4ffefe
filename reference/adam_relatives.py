"""Methods that change one part of Adam: what the second moment measures, how it moves, what is added to the mean, or what is cut.

A step is step(theta, grad, state, *, lr, …) → theta, state.  The state starts at 0, its t too: t counts the steps taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import zero_of, zeros
from ._registry import formula
from .adam import AdamState

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Count, CutExponent, Decay, Eps, MeanSquare, Positive, Rate, Squares, Weight


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


@formula("optimizers.adabound", initial=AdamState.initial)
def adabound(
    theta: Array,
    grad: Array,
    state: AdamState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    final_lr: Rate,
    convergence: Positive,
    eps_root: Eps = 0,
) -> tuple[Array, AdamState]:
    """AdaBound: Adam whose rate of each coordinate is kept between two bounds, which close in on the rate of descent with momentum.

        t ← t + 1
        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   v̂ = v / (1 − β₂ᵗ)
        low = η* (1 − 1 / (γ t + 1)),   high = η* (1 + 1 / (γ t)),   η* = final_lr, γ = convergence
        θ ← θ − min(max(η / (1 − β₁ᵗ) / (√(v̂ + ε_root) + ε), low), high) m

    Units: as adam, final_lr as theta / grad.  Source: Luo et al. 2019, Algorithm 2, with the corrections that its code adds.
    """
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    v_hat = v / (1 - beta2**t)
    rate = lr / (1 - beta1**t) / (np.sqrt(v_hat + eps_root) + eps)
    low = final_lr * (1 - 1 / (convergence * t + 1))
    high = final_lr * (1 + 1 / (convergence * t))
    return theta - np.minimum(np.maximum(rate, low), high) * m, AdamState(m, v, t)


class AdoptState(NamedTuple):
    """Running means of the normalized gradient (m) and of the gradient's square (v), and the gradients seen (t); all start at 0."""

    m: Array
    v: Squares
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> AdoptState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta), 0)


@formula("optimizers.adopt", initial=AdoptState.initial)
def adopt(
    theta: Array, grad: Array, state: AdoptState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Positive, clip_exponent: CutExponent
) -> tuple[Array, AdoptState]:
    """ADOPT: Adam that divides by the second moment from before its gradient, and takes the mean of what is divided.

        t ← t + 1
        u = g / max(√v, ε), cut at ± (t − 1)^κ, so 0 in the first step
        m ← β₁ m + (1 − β₁) u,   θ ← θ − η m
        v ← β₂ v + (1 − β₂) g², but g² in the first step

    Units: lr as theta, eps as grad, κ = clip_exponent.  Source: Taniguchi et al. 2024, Algorithm 2, and its code, which cuts.
    """
    m, v, t = state
    t = t + 1
    cut = (t - 1) ** clip_exponent
    normalized = np.minimum(np.maximum(grad / np.maximum(np.sqrt(v), eps), -cut), cut)
    m = beta1 * m + (1 - beta1) * normalized
    beta2_now = beta2 if t > 1 else 0
    v = beta2_now * v + (1 - beta2_now) * grad**2
    return theta - lr * m, AdoptState(m, v, t)


class MarsState(NamedTuple):
    """Running means of the corrected gradient (m) and its square (v), the gradient before it, and the steps taken (t); all start at 0."""

    m: Array
    v: Squares
    last_grad: Array
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> MarsState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta), zeros(theta), 0)


@formula("optimizers.mars_adamw", initial=MarsState.initial)
def mars_adamw(
    theta: Array,
    grad: Array,
    state: MarsState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    change_weight: Weight,
    weight_decay: Weight = 0,
    eps_root: Eps = 0,
) -> tuple[Array, MarsState]:
    """MARS-AdamW: AdamW on the gradient plus a multiple of its change, which lowers its variance; a norm above 1 is brought back to 1.

        t ← t + 1,   d = g − g_previous, 0 in the first step
        c = g + γ β₁ / (1 − β₁) d,   c ← c / max(‖c‖, 1),   γ = change_weight
        m ← β₁ m + (1 − β₁) c,   v ← β₂ v + (1 − β₂) c²,   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)
        θ ← θ − η (m̂ / (√(v̂ + ε_root) + ε) + λ θ)

    The norm is of one array of parameters. The paper takes the previous gradient on the samples of the new one; its code may reuse the old.

    Units: as adamw, for gradients that are pure numbers.  Source: Yuan et al. 2024, Algorithm 2.
    """
    m, v, last_grad, t = state
    t = t + 1
    has_previous = 1 if t > 1 else 0
    change = has_previous * (grad - last_grad)
    corrected = grad + change_weight * beta1 / (1 - beta1) * change
    corrected = corrected / np.maximum(np.sqrt(np.sum(corrected**2)), 1)
    m = beta1 * m + (1 - beta1) * corrected
    v = beta2 * v + (1 - beta2) * corrected**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * (m_hat / (np.sqrt(v_hat + eps_root) + eps) + weight_decay * theta), MarsState(m, v, grad, t)


class BlockState(NamedTuple):
    """A running mean of the gradient (m), one of the mean square of the whole block (v, a number), and the steps taken (t), all from 0."""

    m: Array
    v: MeanSquare
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> BlockState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zero_of(theta), 0)


@formula("optimizers.adam_mini", initial=BlockState.initial)
def adam_mini(
    theta: Array,
    grad: Array,
    state: BlockState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    weight_decay: Weight = 0,
    eps_root: Eps = 0,
) -> tuple[Array, BlockState]:
    """Adam-mini: AdamW with one second moment for a whole block of parameters, here one array: a head, a row of weights, a tensor.

        t ← t + 1
        m ← β₁ m + (1 − β₁) g,              m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) (1/n) Σᵢ gᵢ²,   v̂ = v / (1 − β₂ᵗ)
        θ ← θ − η (m̂ / (√(v̂ + ε_root) + ε) + λ θ)

    Units: as adamw.  Source: Zhang et al. 2024, Algorithm 2.
    """
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * np.mean(grad**2)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * (m_hat / (np.sqrt(v_hat + eps_root) + eps) + weight_decay * theta), BlockState(m, v, t)


@formula("optimizers.sophia", initial=zeros)
def sophia(
    theta: Array,
    grad: Array,
    curvature: Squares,
    mean: Array,
    *,
    lr: Rate,
    beta1: Decay,
    eps: Positive,
    curvature_scale: Positive,
    weight_decay: Weight = 0,
) -> tuple[Array, Array]:
    """Sophia's step: the running mean of the gradient over an estimate h of the Hessian's diagonal, cut at ± 1 in every coordinate.

        m ← β₁ m + (1 − β₁) g
        θ ← θ − η (min(max(m / max(γ h, ε), −1), 1) + λ θ),   γ = curvature_scale

    h is made every few steps, and kept in between.

    Units: eps as grad, curvature_scale · curvature as grad, lr as theta.  Source: Liu et al. 2024, Algorithm 3.
    """
    mean = beta1 * mean + (1 - beta1) * grad
    ratio = mean / np.maximum(curvature_scale * curvature, eps)
    return theta - lr * (np.minimum(np.maximum(ratio, -1), 1) + weight_decay * theta), mean


# --- caution ---------------------------------------------------------------------------------------------------------------------------


@formula("optimizers.cautious")
def cautious(update: Array, grad: Array, *, smallest_share: Positive) -> Array:
    """Caution: what an update has of another sign than the gradient is left out, and the rest is made larger for it.

        φᵢ = 1 where uᵢ gᵢ > 0, else 0,   u ← u φ / max(mean φ, smallest_share)

    Units: as update.  Source: Liang et al. 2024, section 3, with the lower limit of its code.
    """
    kept = np.where(update * grad > 0, update, 0)
    return kept / np.maximum(np.mean(np.sign(kept) ** 2), smallest_share)


@formula("optimizers.cautious.counted")
def cautious_counted(update: Array, grad: Array) -> Array:
    """Caution as the paper lists it: the factor is the number of coordinates over the number of those that are kept, and 1.

        φᵢ = 1 where uᵢ gᵢ > 0, else 0,   u ← u φ n / (Σᵢ φᵢ + 1)

    Units: as update.  Source: Liang et al. 2024, Algorithm 1.
    """
    kept = np.where(update * grad > 0, update, 0)
    return kept * np.size(kept) / (np.sum(np.sign(kept) ** 2) + 1)


@formula("optimizers.cautious.adamw", initial=AdamState.initial)
def cautious_adamw(
    theta: Array,
    grad: Array,
    state: AdamState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    smallest_share: Positive,
    weight_decay: Weight = 0,
    eps_root: Eps = 0,
) -> tuple[Array, AdamState]:
    """C-AdamW: AdamW that moves no coordinate against its gradient; the others move further. Its decay is not masked.

        m̂, v̂ as Adam's,   u = m̂ / (√(v̂ + ε_root) + ε)
        φᵢ = 1 where uᵢ gᵢ > 0, else 0
        θ ← θ − η (u φ / max(mean φ, smallest_share) + λ θ)

    Units: as adamw.  Source: Liang et al. 2024, section 3, with the lower limit of its code.
    """
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    direction = m_hat / (np.sqrt(v_hat + eps_root) + eps)
    kept = np.where(direction * grad > 0, direction, 0)
    kept_share = np.mean(np.sign(kept) ** 2)
    return theta - lr * (kept / np.maximum(kept_share, smallest_share) + weight_decay * theta), AdamState(m, v, t)
