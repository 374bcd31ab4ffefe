"""Momentum: steps that depend on past gradients, and the properties of such steps.

A step is step(theta, grad, velocity, *, lr, momentum) → theta, velocity.  The velocity starts at 0 unless one is given.
The learning rate stands inside the velocity (Polyak) or outside it (most libraries): two functions, equal while lr is constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import copy_of, zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Count, Decay, Gradient, Gradients, Momentum, Norm, Rate, Rates, Variance, Vector, Weight


@formula("optimizers.momentum.heavy_ball", initial=zeros)
def heavy_ball(theta: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum) -> tuple[Array, Array]:
    """Heavy ball: a step continues the one before it, shortened, and adds the descent.

        v ← μ v − η g,   θ ← θ + v

    Units: lr · grad as theta, velocity as theta.  Source: Polyak 1964; UC 'Momentum', SKO 'Improving SGD using momentum'.
    """
    velocity = momentum * velocity - lr * grad
    return theta + velocity, velocity


@formula("optimizers.momentum.lr_outside", initial=zeros)
def heavy_ball_lr_outside(theta: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum) -> tuple[Array, Array]:
    """Heavy ball with the learning rate outside: the velocity gathers gradients, and lr rescales all of them, old ones too.

        v ← μ v + g,   θ ← θ − η v

    Units: velocity as grad, lr · grad as theta.  Source: STU 'SGD + Momentum', whose code has the sign wrong (E40).
    """
    velocity = momentum * velocity + grad
    return theta - lr * velocity, velocity


@formula("optimizers.momentum.ema", initial=zeros)
def gradient_average(theta: Array, grad: Array, mean: Array, *, lr: Rate, decay: Decay) -> tuple[Array, Array]:
    """Descent along the exponential moving average of the gradients: a true mean, of total weight 1 − βᵗ.

        m ← β m + (1 − β) g,   θ ← θ − η m

    Units: mean as grad, lr · grad as theta.  Source: ONN 'Idea #2'.
    """
    mean = decay * mean + (1 - decay) * grad
    return theta - lr * mean, mean


@formula("optimizers.momentum.two_point", initial=copy_of)
def heavy_ball_two_point(theta: Array, grad: Array, previous: Array, *, lr: Rate, momentum: Momentum) -> tuple[Array, Array]:
    """Heavy ball without a velocity: the difference of the last two points takes its place. It starts with previous = theta.

        θₜ₊₁ = θₜ − η g + μ (θₜ − θₜ₋₁)

    Units: lr · grad as theta.  Source: Polyak 1964, equation 9.
    """
    return theta - lr * grad + momentum * (theta - previous), theta


@formula("optimizers.momentum.two_stage", initial=zeros)
def heavy_ball_two_stage(theta: Array, grad: Array, step: Array, *, lr: Rate, momentum: Momentum) -> tuple[Array, Array]:
    """Heavy ball in two stages: first a step against the gradient, then the previous step once more, scaled.

        θ' = θ − η g,   Δ ← θ' + μ Δ − θ,   θ ← θ + Δ

    Units: lr · grad as theta, step as theta.  Source: CMU 'Momentum update'.
    """
    descended = theta - lr * grad
    step = descended + momentum * step - theta
    return theta + step, step


@formula("momentum.unrolled")
def unrolled_velocity(velocity: Vector, grads: Gradients, lrs: Rates, *, momentum: Momentum) -> Vector:
    """The velocity after n steps, as a sum: each gradient at the learning rate of its own time, weighted by its age.

        vₙ = μⁿ v₀ − Σₖ μⁿ⁻ᵏ ηₖ gₖ,   k = 1 … n

    Units: velocity as lr · grad.  Source: SKO 'Exponentially decaying running average', which has the sign wrong (E59).
    """
    steps = lrs.shape[0]
    age = steps - np.cumsum(np.ones_like(lrs))
    return momentum**steps * velocity - (momentum**age * lrs) @ grads


@formula("momentum.infinite_sum")
def recent_velocity(grads: Gradients, lrs: Rates, *, momentum: Momentum) -> Vector:
    """The velocity from its last k gradients alone; what it leaves out is μᵏ vₜ₋ₖ, so the sum over the whole past is exact.

        vₜ ≈ − Σᵢ μⁱ ηₜ₋ᵢ gₜ₋ᵢ,   i = 0 … k − 1

    Units: lr · grad.  Source: SKO 'Momentum: why it works', which has the sign wrong (E59).
    """
    age = lrs.shape[0] - np.cumsum(np.ones_like(lrs))
    return -(momentum**age * lrs) @ grads


@formula("momentum.finite_step")
def constant_gradient_velocity(grad: Array, steps: Count, *, lr: Rate, momentum: Momentum) -> Array:
    """The velocity after t steps of one constant gradient, from rest.

        vₜ = −η g (1 − μᵗ) / (1 − μ)

    Units: lr · grad.  Source: UC 'Momentum: Step Sizes', where it is an exercise.
    """
    return -lr * grad * (1 - momentum**steps) / (1 - momentum)


@formula("momentum.terminal_step")
def terminal_step(grad_norm: Norm, *, lr: Rate, momentum: Momentum) -> Norm:
    """The length to which steps grow under a constant gradient, never reached: the limit and the supremum.

        η ‖g‖ / (1 − μ)

    Units: lr · grad.  Source: UC 'Momentum: Step Sizes'.
    """
    return lr * grad_norm / (1 - momentum)


@formula("momentum.speedup_factor")
def speedup_factor(*, momentum: Momentum) -> float:
    """How much longer than gradient descent's the steps become under a constant gradient: 10 at momentum 0.9.

        1 / (1 − μ)

    Units: none.  Source: UC 'Momentum: Step Sizes'.
    """
    return 1 / (1 - momentum)


@formula("momentum.alternating_step")
def alternating_gradient_velocity(grad: Array, steps: Count, *, lr: Rate, momentum: Momentum) -> Array:
    """The velocity after t gradients g, −g, g, …, from rest: steps shrink where the sign keeps flipping.

        vₜ = η g ((−1)ᵗ − μᵗ) / (1 + μ)

    Units: lr · grad.  Source: CMU 'Recall: Momentum Update', in words.
    """
    return lr * grad * ((-1) ** steps - momentum**steps) / (1 + momentum)


@formula("momentum.step_bound")
def step_bound(largest_norm: Norm, steps: Count, *, lr: Rate, momentum: Momentum) -> Norm:
    """An upper bound of a step from rest, for all gradients up to a norm; it is reached only if all of them are equal and of that norm.

        ‖vₜ‖ ≤ η max ‖g‖ (1 − μᵗ) / (1 − μ)

    Units: lr · grad.  Source: UC 'Momentum: Step Sizes', in words.
    """
    return lr * largest_norm * (1 - momentum**steps) / (1 - momentum)


@formula("momentum.weight_sum")
def total_weight(steps: Count, *, lr: Rate, momentum: Momentum) -> Norm:
    """The weights of all gradients in the velocity, added up: not 1, so the velocity is a sum and no mean (E11).

        η (1 − μᵗ) / (1 − μ)

    Units: as lr.  Source: UC 'Momentum', STU 'SGD + Momentum', which call it an average.
    """
    return lr * (1 - momentum**steps) / (1 - momentum)


@formula("momentum.noise_smoothing")
def smoothed_variance(variance: Variance, *, decay: Decay) -> Variance:
    """The stationary variance of a moving average of independent noise: as of a batch (1 + β)/(1 − β) times larger.

        σ² (1 − β) / (1 + β)

    Units: as variance.  Source: SKO 'Improving SGD using momentum', in words.
    """
    return variance * (1 - decay) / (1 + decay)


@formula("momentum.impulse_displacement")
def impulse_displacement(grad: Array, *, lr: Rate, momentum: Momentum) -> Array:
    """How far one single gradient moves the parameters, over all later steps together.

        −η g / (1 − μ)

    Units: lr · grad.  Source: completes UC 'Momentum: Step Sizes'.
    """
    return -lr * grad / (1 - momentum)


@formula("optimizers.nesterov.lookahead", initial=zeros)
def nesterov(theta: Array, gradient: Gradient, velocity: Array, *, lr: Rate, momentum: Momentum) -> tuple[Array, Array]:
    """Nesterov's momentum: heavy ball with the gradient taken where the velocity is about to lead.

        v ← μ v − η ∇f(θ + μ v),   θ ← θ + v

    Units: lr · gradient as theta, velocity as theta.  Source: Sutskever et al. 2013; UC 'SGD with Nesterov Momentum', STU, SKO.
    """
    velocity = momentum * velocity - lr * gradient(theta + momentum * velocity)
    return theta + velocity, velocity


@formula("optimizers.nesterov.change_of_variables", initial=zeros)
def nesterov_shifted(shifted: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum) -> tuple[Array, Array]:
    """Nesterov's momentum in the look-ahead point x = θ + μ v: the gradient is taken where the parameters are. Constant momentum only.

        v' = μ v − η g,   x ← x + v' + μ (v' − v)

    Units: lr · grad as shifted, velocity as shifted.  Source: STU 'Nesterov Momentum', third slide.
    """
    previous, velocity = velocity, momentum * velocity - lr * grad
    return shifted + velocity + momentum * (velocity - previous), velocity


@formula("optimizers.nesterov.tilde_code", initial=zeros)
def nesterov_shifted_code(shifted: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum) -> tuple[Array, Array]:
    """Nesterov's momentum in the look-ahead point, as it is usually programmed; θ = x − μ v is still to be recovered at the end.

        v' = μ v − η g,   x ← x − μ v + (1 + μ) v'

    Units: lr · grad as shifted, velocity as shifted.  Source: STU 'Nesterov Momentum', code.
    """
    previous, velocity = velocity, momentum * velocity - lr * grad
    return shifted - momentum * previous + (1 + momentum) * velocity, velocity


@formula("optimizers.nesterov.old_velocity", initial=zeros)
def nesterov_old_velocity(shifted: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum) -> tuple[Array, Array]:
    """Nesterov's momentum in the look-ahead point, in terms of the velocity before the update; with the new one it is another method.

        x ← x + μ² v − (1 + μ) η g,   v ← μ v − η g

    Units: lr · grad as shifted, velocity as shifted.  Source: Bengio, Boulanger-Lewandowski & Pascanu 2013, section 3.5.
    """
    shifted = shifted + momentum**2 * velocity - (1 + momentum) * lr * grad
    return shifted, momentum * velocity - lr * grad


@formula("optimizers.nesterov.framework_form", initial=zeros)
def nesterov_lr_outside(shifted: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum) -> tuple[Array, Array]:
    """Nesterov's momentum as libraries have it: in the look-ahead point, with the learning rate outside the velocity.

        v ← μ v + g,   x ← x − η (g + μ v)

    Units: velocity as grad, lr · grad as shifted.  Source: completes STU 'Nesterov Momentum'.
    """
    velocity = momentum * velocity + grad
    return shifted - lr * (grad + momentum * velocity), velocity


class TwoSequenceState(NamedTuple):
    """The point before this one (it starts as theta itself) and the weight λ that sets the momentum (it starts at 0)."""

    previous: Array
    weight: Weight

    @classmethod
    def initial(cls, theta: Array) -> TwoSequenceState:
        """Return the state before the first step, which has no momentum."""
        return cls(copy_of(theta), 0)


@formula("optimizers.nesterov.two_sequence", initial=TwoSequenceState.initial)
def nesterov_two_sequence(theta: Array, gradient: Gradient, state: TwoSequenceState, *, lr: Rate) -> tuple[Array, TwoSequenceState]:
    """Nesterov's method for convex functions: its growing momentum is what earns the rate 1/t², at lr = 1/L.

        λ' = (1 + √(1 + 4 λ²)) / 2
        y = θₜ + (λ − 1)/λ' (θₜ − θₜ₋₁),   θₜ₊₁ = y − η ∇f(y)

    Units: lr · gradient as theta.  Source: Nesterov 1983; Beck & Teboulle 2009; named by STU 'Nesterov Momentum'.
    """
    previous, weight = state
    heavier = (1 + np.sqrt(1 + 4 * weight**2)) / 2
    ahead = theta + (weight - 1) / heavier * (theta - previous)
    return ahead - lr * gradient(ahead), TwoSequenceState(theta, heavier)
