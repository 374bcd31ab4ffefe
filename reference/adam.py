"""Adam and its family: a running mean of gradients over the root of a running mean of their squares, entry by entry.

A step is step(theta, grad, state, *, lr, beta1, beta2, eps, …) → theta, state.  The state starts at 0, its t too: t counts the steps taken.
eps stands outside the root (the paper), eps_root inside it (some slides): a convention is a value, not a branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Count, Decay, Eps, Magnitudes, Norm, Rate, RectificationThreshold, Squares, Steps, Weight


class AdamState(NamedTuple):
    """Running means of the gradient (m) and of its square (v), and the steps taken (t); all start at 0."""

    m: Array
    v: Squares
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> AdamState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta), 0)


@formula("optimizers.adam", initial=AdamState.initial)
def adam(
    theta: Array, grad: Array, state: AdamState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0
) -> tuple[Array, AdamState]:
    """Adam: a running mean of gradients over the root of a running mean of their squares, each divided by its total weight 1 − βᵗ.

        t ← t + 1
        m ← β₁ m + (1 − β₁) g,    m̂ = m / (1 − β₁ᵗ)
        v ← β₂ v + (1 − β₂) g²,   v̂ = v / (1 − β₂ᵗ)
        θ ← θ − η m̂ / (√(v̂ + ε_root) + ε)

    Units: lr as theta, eps as grad, eps_root as grad².  Source: Kingma & Ba 2015, Algorithm 1.
    """
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat + eps_root) + eps), AdamState(m, v, t)


class Moments(NamedTuple):
    """Running means of the gradient (m) and of its square (v); both start at 0."""

    m: Array
    v: Squares

    @classmethod
    def initial(cls, theta: Array) -> Moments:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta))


@formula("optimizers.adam.uncorrected", initial=Moments.initial)
def adam_uncorrected(
    theta: Array, grad: Array, state: Moments, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0
) -> tuple[Array, Moments]:
    """Adam without bias correction: both means start at 0 and are too small in the first steps, v more so than m.

        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        θ ← θ − η m / (√(v + ε_root) + ε)

    Units: as adam.  Source: STU 'Adam (almost)', eps outside (its code does not parse, E43); ONN 'ADAM', eps inside.
    """
    m, v = state
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    return theta - lr * m / (np.sqrt(v + eps_root) + eps), Moments(m, v)


@formula("adam.uncorrected_transient")
def adam_uncorrected_transient(steps: Steps, *, beta1: Decay, beta2: Decay) -> Norm:
    """How many times lr the t-th step of uncorrected Adam is under a constant gradient, without eps.

        (1 − β₁ᵗ) / √(1 − β₂ᵗ)

    Units: none.  Source: answers STU 'Adam (almost)', which asks what happens at the first step.
    """
    return (1 - beta1**steps) / np.sqrt(1 - beta2**steps)


@formula("adam.efficient_form", initial=AdamState.initial)
def adam_efficient(
    theta: Array, grad: Array, state: AdamState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps
) -> tuple[Array, AdamState]:
    """Adam with both corrections in the learning rate; eps joins the uncorrected root, and is Adam's own times √(1 − β₂ᵗ).

        t ← t + 1,   m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        ηₜ = η √(1 − β₂ᵗ) / (1 − β₁ᵗ),   θ ← θ − ηₜ m / (√v + ε̂)

    Units: as adam.  Source: Kingma & Ba 2015, end of section 2.
    """
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    lr = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
    return theta - lr * m / (np.sqrt(v) + eps), AdamState(m, v, t)


# --- how long a step is ------------------------------------------------------------------------------


@formula("adam.first_step")
def adam_first_step(grad: Array, *, lr: Rate, eps: Eps, eps_root: Eps = 0) -> Array:
    """Adam's first step, and under a constant gradient every step: the sign of the gradient, whatever the decays.

        Δθ₁ = −η g / (√(g² + ε_root) + ε)

    Units: as adam.  Source: answers STU 'Adam (full form)', which asks for the first step.
    """
    return -lr * grad / (np.sqrt(grad**2 + eps_root) + eps)


@formula("adam.step_bound")
def adam_step_bound(steps: Steps, *, beta1: Decay, beta2: Decay) -> Norm:
    """How many times lr the t-th step of Adam can be, over all gradients: attained by gradients that grow as (β₂/β₁)ᵏ.

        |Δθₜ| ≤ η √(Σᵢ w₁ᵢ² / w₂ᵢ),   wⱼᵢ = (1 − βⱼ) βⱼⁱ / (1 − βⱼᵗ),   i = 0 … t − 1
        Σᵢ w₁ᵢ² / w₂ᵢ = ((1 − β₁) / (1 − β₁ᵗ))² (1 − β₂ᵗ) / (1 − β₂) · (1 − rᵗ) / (1 − r),   r = β₁²/β₂

    Units: none.  Source: Cauchy–Schwarz; Kingma & Ba 2015, section 2.1, state max(1, (1 − β₁)/√(1 − β₂)), which is no bound.
    """
    ratio = np.divide(beta1**2, beta2)
    powers = np.divide(1 - ratio**steps, 1 - ratio)
    return (1 - beta1) / (1 - beta1**steps) * np.sqrt((1 - beta2**steps) / (1 - beta2) * powers)


@formula("adam.noise_ratio")
def adam_noise_ratio(*, beta1: Decay) -> Norm:
    """How many times lr Adam's steps scatter once its gradients are noise without a mean; exact for noise of one magnitude.

        √((1 − β₁) / (1 + β₁))

    Units: none.  Source: the stationary variance of m over the mean square of its gradients.
    """
    return np.sqrt((1 - beta1) / (1 + beta1))


# --- relatives ---------------------------------------------------------------------------------------


class AdamaxState(NamedTuple):
    """A running mean of the gradient (m), a decaying maximum of its modulus (u), and the steps taken (t); all start at 0."""

    m: Array
    u: Magnitudes
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> AdamaxState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta), 0)


@formula("optimizers.adamax", initial=AdamaxState.initial)
def adamax(theta: Array, grad: Array, state: AdamaxState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps) -> tuple[Array, AdamaxState]:
    """AdaMax: Adam with the largest gradient, older ones discounted, in the place of the root mean square; it needs no correction.

        t ← t + 1
        m ← β₁ m + (1 − β₁) g,   u ← max(β₂ u, |g|)
        θ ← θ − η / (1 − β₁ᵗ) · m / (u + ε)

    Units: lr as theta, eps as grad.  Source: Kingma & Ba 2015, section 7.1, without eps; named by CMU 'Other variants'.
    """
    m, u, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    u = np.maximum(beta2 * u, np.abs(grad))
    return theta - lr / (1 - beta1**t) * m / (u + eps), AdamaxState(m, u, t)


@formula("optimizers.adam.l2", initial=AdamState.initial)
def adam_l2(
    theta: Array, grad: Array, state: AdamState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, weight_decay: Weight, eps_root: Eps = 0
) -> tuple[Array, AdamState]:
    """Adam of a loss with the penalty λ ‖θ‖²/2: the decay enters the moments, and is divided by the root as the gradient is.

        Adam with g ← g + λ θ

    Units: weight_decay as grad / theta, the others as adam.  Source: Loshchilov & Hutter 2019, Algorithm 2.
    """
    m, v, t = state
    t = t + 1
    grad = grad + weight_decay * theta
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat + eps_root) + eps), AdamState(m, v, t)


@formula("optimizers.adamw", initial=AdamState.initial)
def adamw(
    theta: Array, grad: Array, state: AdamState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, weight_decay: Weight, eps_root: Eps = 0
) -> tuple[Array, AdamState]:
    """AdamW: the decay is decoupled from the moments, so that all weights shrink at one rate.

        m̂, v̂ as Adam's,   θ ← θ − η (m̂ / (√(v̂ + ε_root) + ε) + λ θ)

    Units: lr as theta, lr · weight_decay has none.  Source: Loshchilov & Hutter 2019, Algorithm 2, with η λ for its λ.
    """
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * (m_hat / (np.sqrt(v_hat + eps_root) + eps) + weight_decay * theta), AdamState(m, v, t)


class AmsgradState(NamedTuple):
    """Adam's running means (m, v), the largest v so far, corrected or not (v_max), and the steps taken (t); all start at 0."""

    m: Array
    v: Squares
    v_max: Squares
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> AmsgradState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta), zeros(theta), 0)


@formula("optimizers.amsgrad", initial=AmsgradState.initial)
def amsgrad(
    theta: Array, grad: Array, state: AmsgradState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0
) -> tuple[Array, AmsgradState]:
    """AMSGrad: Adam with the largest v so far in the denominator; the maximum is taken of the uncorrected v, and corrected afterwards.

        t ← t + 1
        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   v_max ← max(v_max, v)
        θ ← θ − η m / (1 − β₁ᵗ) / (√(v_max / (1 − β₂ᵗ) + ε_root) + ε)

    Units: as adam.  Source: Reddi, Kale & Kumar 2018, Algorithm 2, which has neither corrections nor eps.
    """
    m, v, v_max, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    v_max = np.maximum(v_max, v)
    m_hat = m / (1 - beta1**t)
    v_hat = v_max / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat + eps_root) + eps), AmsgradState(m, v, v_max, t)


@formula("optimizers.amsgrad.corrected_maximum", initial=AmsgradState.initial)
def amsgrad_corrected_maximum(
    theta: Array, grad: Array, state: AmsgradState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0
) -> tuple[Array, AmsgradState]:
    """AMSGrad with the maximum taken of the corrected v: a large first gradient counts in full from the first step on.

        t ← t + 1
        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   v_max ← max(v_max, v / (1 − β₂ᵗ))
        θ ← θ − η m / (1 − β₁ᵗ) / (√(v_max + ε_root) + ε)

    Units: as adam.  Source: a convention of the field.
    """
    m, v, v_max, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    v_max = np.maximum(v_max, v / (1 - beta2**t))
    m_hat = m / (1 - beta1**t)
    return theta - lr * m_hat / (np.sqrt(v_max + eps_root) + eps), AmsgradState(m, v, v_max, t)


@formula("optimizers.radam", initial=AdamState.initial)
def radam(
    theta: Array,
    grad: Array,
    state: AdamState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    threshold: RectificationThreshold,
    eps_root: Eps = 0,
) -> tuple[Array, AdamState]:
    """RAdam: Adam with shorter steps while v is a mean of few gradients; as long as their number ρ is at most a threshold, v is not used.

        m̂, v̂ as Adam's,   ρ∞ = 2 / (1 − β₂) − 1,   ρ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)
        ρ > threshold:  r = √((ρ − 4) (ρ − 2) ρ∞ / ((ρ∞ − 4) (ρ∞ − 2) ρ)),   θ ← θ − η r m̂ / (√(v̂ + ε_root) + ε)
        else:           θ ← θ − η m̂

    Units: as adam; before the threshold lr as theta / grad.  Source: Liu et al. 2020, Algorithm 2, with threshold 4; libraries take 5.
    """
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    rectified = length > threshold
    rectification = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5 if rectified else 1
    denominator = np.sqrt(v_hat + eps_root) + eps if rectified else 1
    return theta - lr * (rectification * m_hat / denominator), AdamState(m, v, t)


class NadamState(NamedTuple):
    """Adam's running means (m, v), the weight that m has gathered, and the steps taken (t); all start at 0."""

    m: Array
    v: Squares
    weight: Weight
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> NadamState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta), 0, 0)


@formula("optimizers.nadam", initial=NadamState.initial)
def nadam(
    theta: Array,
    grad: Array,
    state: NadamState,
    *,
    lr: Rate,
    beta1: Decay,
    beta1_next: Decay,
    beta2: Decay,
    eps: Eps,
    eps_root: Eps = 0,
) -> tuple[Array, NadamState]:
    """NAdam: Adam with Nesterov's momentum, the mean taken one step ahead; the β₁ of this step and of the next may follow any schedule.

        t ← t + 1
        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        w ← β₁ w + (1 − β₁),     w' = β₁' w + (1 − β₁')
        m̂ = β₁' m / w' + (1 − β₁) g / w,   v̂ = v / (1 − β₂ᵗ)
        θ ← θ − η m̂ / (√(v̂ + ε_root) + ε)

    Units: as adam.  Source: Dozat 2016, Algorithm 2.
    """
    m, v, weight, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    weight = beta1 * weight + (1 - beta1)
    ahead = beta1_next * weight + (1 - beta1_next)
    m_hat = beta1_next * m / ahead + (1 - beta1) * grad / weight
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat + eps_root) + eps), NadamState(m, v, weight, t)
