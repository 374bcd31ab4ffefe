"""Points other than the last: schedule-free descent and AdamW, which step from between two sequences, Lookahead, and the sharpest point."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import copy_of, zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Count, Decay, Eps, FromOne, Gradient, Probability, Rate, Squares, Weight


class ScheduleFreeState(NamedTuple):
    """The point of plain steps (z), the average of such points (x), the sum of weights, the largest rate so far, the steps taken (t)."""

    z: Array
    x: Array
    total: Weight
    largest: Weight
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> ScheduleFreeState:
        """Return the state before the first step: both points are where the optimizer starts."""
        return cls(copy_of(theta), copy_of(theta), 0, 0, 0)


@formula("optimizers.schedule_free.sgd", initial=ScheduleFreeState.initial)
def schedule_free_sgd(
    theta: Array,
    grad: Array,
    state: ScheduleFreeState,
    *,
    lr: Rate,
    momentum: Probability,
    weight_decay: Weight = 0,
    time_power: Weight = 0,
    rate_power: Weight = 0,
) -> tuple[Array, ScheduleFreeState]:
    """Schedule-free descent: the gradient is taken between the point of plain steps and their average, which takes a schedule's place.

        t ← t + 1,   z ← z − η (g + λ θ),   g the gradient at θ
        η⁺ ← max(η⁺, η),   w = t^r (η⁺)^p,   W ← W + w,   c = w / W,   r = time_power, p = rate_power
        x ← (1 − c) x + c z,   θ ← (1 − β) z + β x,   β = momentum

    What is to be evaluated is x, not θ.

    Units: lr as theta / grad, weight_decay as grad / theta.  Source: Defazio et al. 2024, equations (3) to (5); the weights are its code's.
    """
    z, x, total, largest, t = state
    t = t + 1
    z = z - lr * (grad + weight_decay * theta)
    largest = np.maximum(largest, lr)
    weight = t**time_power * largest**rate_power
    total = total + weight
    share = weight / total
    x = (1 - share) * x + share * z
    return (1 - momentum) * z + momentum * x, ScheduleFreeState(z, x, total, largest, t)


class InPlaceState(NamedTuple):
    """The point of plain steps (z), the sum of the weights, the largest rate so far, and the steps taken (t)."""

    z: Array
    total: Weight
    largest: Weight
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> InPlaceState:
        """Return the state before the first step: z is where the optimizer starts."""
        return cls(copy_of(theta), 0, 0, 0)


@formula("optimizers.schedule_free.in_place", initial=InPlaceState.initial)
def schedule_free_in_place(
    theta: Array,
    grad: Array,
    state: InPlaceState,
    *,
    lr: Rate,
    momentum: Probability,
    weight_decay: Weight = 0,
    time_power: Weight = 0,
    rate_power: Weight = 0,
) -> tuple[Array, InPlaceState]:
    """Schedule-free descent without its average: θ is moved towards z and along the step, so that one array less is kept.

        c as schedule_free_sgd's,   u = g + λ θ
        θ ← θ + c (z − θ) + η (β (1 − c) − 1) u,   z ← z − η u

    Units: as schedule_free_sgd.  Source: Defazio et al. 2024, its code.
    """
    z, total, largest, t = state
    t = t + 1
    largest = np.maximum(largest, lr)
    weight = t**time_power * largest**rate_power
    total = total + weight
    share = weight / total
    step = lr * (grad + weight_decay * theta)
    return theta + share * (z - theta) + (momentum * (1 - share) - 1) * step, InPlaceState(z - step, total, largest, t)


@formula("optimizers.schedule_free.average")
def schedule_free_average(theta: Array, z: Array, *, momentum: Probability) -> Array:
    """The average that is to be evaluated, from the two points that are kept.

        x = (θ − (1 − β) z) / β,   β = momentum

    Units: as theta.  Source: Defazio et al. 2024, its code.
    """
    return (theta - (1 - momentum) * z) / momentum


class ScheduleFreeAdamState(NamedTuple):
    """As ScheduleFreeState, with a running mean of the squared gradient (v), which starts at 0."""

    z: Array
    x: Array
    v: Squares
    total: Weight
    largest: Weight
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> ScheduleFreeAdamState:
        """Return the state before the first step: both points are where the optimizer starts."""
        return cls(copy_of(theta), copy_of(theta), zeros(theta), 0, 0, 0)


@formula("optimizers.schedule_free.adamw", initial=ScheduleFreeAdamState.initial)
def schedule_free_adamw(
    theta: Array,
    grad: Array,
    state: ScheduleFreeAdamState,
    *,
    lr: Rate,
    beta1: Probability,
    beta2: Decay,
    eps: Eps,
    weight_decay: Weight = 0,
    time_power: Weight = 0,
    rate_power: Weight = 0,
    eps_root: Eps = 0,
) -> tuple[Array, ScheduleFreeAdamState]:
    """Schedule-free AdamW: AdamW without its first moment, for which the point between two sequences stands.

        t ← t + 1,   v ← β₂ v + (1 − β₂) g²,   v̂ = v / (1 − β₂ᵗ)
        z ← z − η (g / (√(v̂ + ε_root) + ε) + λ θ),   g the gradient at θ
        η⁺ ← max(η⁺, η),   w = t^r (η⁺)^p,   W ← W + w,   c = w / W,   r = time_power, p = rate_power
        x ← (1 − c) x + c z,   θ ← (1 − β₁) z + β₁ x

    Units: as adamw.  Source: Defazio et al. 2024, Algorithm 1, whose rate has the factor √(1 − β₂ᵗ), in the decay and in w too.
    """
    z, x, v, total, largest, t = state
    t = t + 1
    v = beta2 * v + (1 - beta2) * grad**2
    v_hat = v / (1 - beta2**t)
    z = z - lr * (grad / (np.sqrt(v_hat + eps_root) + eps) + weight_decay * theta)
    largest = np.maximum(largest, lr)
    weight = t**time_power * largest**rate_power
    total = total + weight
    share = weight / total
    x = (1 - share) * x + share * z
    return (1 - beta1) * z + beta1 * x, ScheduleFreeAdamState(z, x, v, total, largest, t)


class LookaheadState(NamedTuple):
    """The slow point, which starts where the optimizer does, and the steps taken (t)."""

    slow: Array
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> LookaheadState:
        """Return the state before the first step: the slow point is the point itself."""
        return cls(copy_of(theta), 0)


@formula("optimizers.lookahead", initial=LookaheadState.initial)
def lookahead(theta: Array, state: LookaheadState, *, share: Probability, period: FromOne) -> tuple[Array, LookaheadState]:
    """Lookahead: after every k steps of any optimizer a slow point moves a share of the way to θ, and θ goes back to it.

        t ← t + 1;   where k divides t:   φ ← φ + α (θ − φ),   θ ← φ,   α = share, k = period

    Units: as theta.  Source: Zhang et al. 2019, Algorithm 1.
    """
    slow, t = state
    t = t + 1
    reset = 1 if period * (t // period) == t else 0
    slow = slow + reset * share * (theta - slow)
    return reset * slow + (1 - reset) * theta, LookaheadState(slow, t)


@formula("optimizers.sam.point")
def sharpest_point(theta: Array, grad: Array, *, radius: Weight, eps: Eps = 0) -> Array:
    """The point of the largest loss at a distance, as far as the gradient says: where sharpness-aware minimization takes its gradient.

        θ + ρ g / (‖g‖ + ε),   ρ = radius

    Units: radius as theta, eps as grad.  Source: Foret et al. 2021, equation (2); the stabiliser is its code's.
    """
    return theta + radius * grad / (np.sqrt(np.sum(grad**2)) + eps)


@formula("optimizers.asam.point")
def adaptive_sharpest_point(theta: Array, grad: Array, *, radius: Weight, smallest: Weight, eps: Eps = 0) -> Array:
    """The point of the largest loss within a distance that is measured in units of each weight's modulus: it does not depend on scales.

        T = |θ| + η,   θ + ρ T² g / (‖T g‖ + ε),   ρ = radius, η = smallest

    Units: radius is a pure number, smallest as theta, eps as theta · grad.  Source: Kwon et al. 2021, equation (5) and Algorithm 1.
    """
    unit = np.abs(theta) + smallest
    return theta + radius * unit**2 * grad / (np.sqrt(np.sum((unit * grad) ** 2)) + eps)


@formula("optimizers.sam")
def sam(theta: Array, gradient: Gradient, *, lr: Rate, radius: Weight, eps: Eps = 0) -> Array:
    """Sharpness-aware minimization with descent: the gradient at the sharpest point is followed from the point itself.

        g = ∇f(θ),   θ ← θ − η ∇f(θ + ρ g / (‖g‖ + ε))

    Units: lr as theta / grad, radius as theta.  Source: Foret et al. 2021, Algorithm 1.
    """
    grad = gradient(theta)
    ahead = theta + radius * grad / (np.sqrt(np.sum(grad**2)) + eps)
    return theta - lr * gradient(ahead)
