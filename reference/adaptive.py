"""Adaptive methods: every coordinate has a learning rate of its own, computed from its past gradients.

A step is step(theta, grad, state, *, lr, …) → theta, state; all mean squares and sums start at 0. The stabiliser is a value, not a branch:
eps is added outside the root and has the gradient's units, eps_root inside the root and has their square.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        Array,
        Curvature,
        Decay,
        Eps,
        Factor,
        FromOne,
        Gradient,
        Growth,
        Largest,
        Loss,
        Momentum,
        Norm,
        Positive,
        Rate,
        SecondMoments,
        Series,
        Sizes,
        Squares,
    )


@formula("optimizers.adaptive.ideal")
def ideal_rescaling(theta: Array, grad: Array, second_moment: SecondMoments, *, lr: Rate) -> Array:
    """The step that adaptive methods approximate: its root mean square is lr in every coordinate if the second moments are exact.

        θ ← θ − η g / √E[g²]

    Units: lr as theta, second_moment as grad².  Source: ONN 'Idea #1'.
    """
    return theta - lr * grad / np.sqrt(second_moment)


@formula("optimizers.adagrad", initial=zeros)
def adagrad(theta: Array, grad: Array, sum_sq: Squares, *, lr: Rate, eps: Eps, eps_root: Eps = 0) -> tuple[Array, Squares]:
    """AdaGrad: the rate of a coordinate falls with the root of its summed squared gradients.

        s ← s + g²,   θ ← θ − η g / (√(s + eps_root) + eps)

    Units: lr as theta, eps as grad, eps_root as grad².  Source: Duchi, Hazan & Singer 2011, diagonal form; UC Algorithm 4, STU, SKO.
    """
    sum_sq = sum_sq + grad**2
    return theta - lr * grad / (np.sqrt(sum_sq + eps_root) + eps), sum_sq


@formula("adagrad.constant_gradient")
def adagrad_constant_gradient_step(grad: Array, step: FromOne, *, lr: Rate, eps: Eps, eps_root: Eps = 0) -> Array:
    """The t-th step of AdaGrad under a constant gradient: η/√t without stabiliser, whatever the gradient's size.

        Δθₜ = −η g / (√(t g² + eps_root) + eps)

    Units: as adagrad.  Source: STU 'AdaGrad', second question.
    """
    return -lr * grad / (np.sqrt(step * grad**2 + eps_root) + eps)


@formula("adagrad.regret_lemma")
def adagrad_regret_bound(grads: Series) -> Norm:
    """An upper bound of the sum of AdaGrad's scaled gradients in one coordinate: the lemma behind its regret bound.

        Σₜ gₜ² / √(Σ g₁² … gₜ²) ≤ 2 √(Σₜ gₜ²)

    Units: as grad.  Source: Duchi, Hazan & Singer 2011, lemma 4; UC 'AdaGrad' names such properties and gives none.
    """
    return 2 * np.sqrt(np.sum(grads**2))


@formula("optimizers.rmsprop", initial=zeros)
def rmsprop(theta: Array, grad: Array, mean_sq: Squares, *, lr: Rate, decay: Decay, eps: Eps, eps_root: Eps = 0) -> tuple[Array, Squares]:
    """RMSProp: AdaGrad with a running mean in place of the sum; it starts at 0 and stays uncorrected.

        s ← ρ s + (1 − ρ) g²,   θ ← θ − η g / (√(s + eps_root) + eps)

    Units: as adagrad.  Source: Tieleman & Hinton 2012, lecture 6e, which prints no eps; UC Algorithm 5, ONN, STU, SKO.
    """
    mean_sq = decay * mean_sq + (1 - decay) * grad**2
    return theta - lr * grad / (np.sqrt(mean_sq + eps_root) + eps), mean_sq


class CentredState(NamedTuple):
    """Running means of the squared gradient and of the gradient itself; both start at 0."""

    mean_sq: Squares
    mean: Array

    @classmethod
    def initial(cls, theta: Array) -> CentredState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta))


@formula("optimizers.rmsprop.centered", initial=CentredState.initial)
def rmsprop_centered(
    theta: Array, grad: Array, state: CentredState, *, lr: Rate, decay: Decay, eps: Eps, eps_root: Eps = 0
) -> tuple[Array, CentredState]:
    """Centred RMSProp: the gradient over its running standard deviation. The variance is at least 0; rounding can make it negative.

        s ← ρ s + (1 − ρ) g²,   m ← ρ m + (1 − ρ) g,   θ ← θ − η g / (√(max(s − m², 0) + eps_root) + eps)

    Units: as adagrad.  Source: Graves 2013, equations 38 to 40, with eps_root = 1e−4.
    """
    mean_sq = decay * state.mean_sq + (1 - decay) * grad**2
    mean = decay * state.mean + (1 - decay) * grad
    variance = np.maximum(mean_sq - mean**2, 0)
    return theta - lr * grad / (np.sqrt(variance + eps_root) + eps), CentredState(mean_sq, mean)


@formula("rmsprop.constant_gradient")
def rmsprop_constant_gradient_step(grad: Array, step: FromOne, *, lr: Rate, decay: Decay, eps: Eps, eps_root: Eps = 0) -> Array:
    """The t-th step of RMSProp under a constant gradient: the first is too long by 1/√(1 − ρ), and only the last is η.

        Δθₜ = −η g / (√((1 − ρᵗ) g² + eps_root) + eps)

    Units: as adagrad.  Source: completes UC Algorithm 5.
    """
    return -lr * grad / (np.sqrt((1 - decay**step) * grad**2 + eps_root) + eps)


@formula("rmsprop.limit_cycle")
def rmsprop_limit_cycle(curvature: Curvature, *, lr: Rate, eps: Eps) -> Norm:
    """The amplitude of RMSProp's limit cycle on h x²/2 at a constant rate: it alternates between ± this number; 0 if eps is large.

        max(η/2 − eps/h, 0)

    Units: lr as theta, eps as grad.  Source: completes UC Algorithm 5.
    """
    return np.maximum(lr / 2 - eps / curvature, 0)


class RMSPropNesterovState(NamedTuple):
    """The velocity and the running mean of the squared gradient; both start at 0."""

    velocity: Array
    mean_sq: Squares

    @classmethod
    def initial(cls, theta: Array) -> RMSPropNesterovState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta))


@formula("optimizers.rmsprop_nesterov", initial=RMSPropNesterovState.initial)
def rmsprop_nesterov(
    theta: Array,
    gradient: Gradient,
    state: RMSPropNesterovState,
    *,
    lr: Rate,
    momentum: Momentum,
    decay: Decay,
    eps: Eps,
    eps_root: Eps = 0,
) -> tuple[Array, RMSPropNesterovState]:
    """RMSProp with Nesterov's momentum: gradient and mean square are those of the look-ahead point.

        g = ∇f(θ + μ v),   s ← ρ s + (1 − ρ) g²
        v ← μ v − η g / (√(s + eps_root) + eps),   θ ← θ + v

    Units: as adagrad; velocity as theta.  Source: UC Algorithm 6, which leaves the stabiliser out (E08).
    """
    grad = gradient(theta + momentum * state.velocity)
    mean_sq = decay * state.mean_sq + (1 - decay) * grad**2
    velocity = momentum * state.velocity - lr * grad / (np.sqrt(mean_sq + eps_root) + eps)
    return theta + velocity, RMSPropNesterovState(velocity, mean_sq)


class AdaDeltaState(NamedTuple):
    """Running means of the squared gradient and of the squared step; both start at 0."""

    mean_sq: Squares
    mean_sq_step: Squares

    @classmethod
    def initial(cls, theta: Array) -> AdaDeltaState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta))


@formula("optimizers.adadelta", initial=AdaDeltaState.initial)
def adadelta(theta: Array, grad: Array, state: AdaDeltaState, *, decay: Decay, eps_grad: Eps, eps_step: Eps) -> tuple[Array, AdaDeltaState]:
    """AdaDelta: the root mean square of the past steps takes the place of a learning rate; without eps_step the first step is 0.

        s ← ρ s + (1 − ρ) g²
        Δ = −√(d + eps_step) / √(s + eps_grad) · g,   θ ← θ + Δ
        d ← ρ d + (1 − ρ) Δ²

    Units: eps_grad as grad², eps_step as theta².  Source: Zeiler 2012, Algorithm 1, where both are one number; SKO leaves d out (E66).
    """
    mean_sq = decay * state.mean_sq + (1 - decay) * grad**2
    step = -np.sqrt(state.mean_sq_step + eps_step) / np.sqrt(mean_sq + eps_grad) * grad
    return theta + step, AdaDeltaState(mean_sq, decay * state.mean_sq_step + (1 - decay) * step**2)


class RpropState(NamedTuple):
    """The gradient to compare with (0 at the start and after a flip), the size of a step (positive), and the last step (0 at the start)."""

    grad: Array
    size: Sizes
    step: Array

    @classmethod
    def initial(cls, theta: Array, *, size: Positive) -> RpropState:
        """Return the state before the first step, whose length in every coordinate is `size`."""
        return cls(zeros(theta), zeros(theta) + size, zeros(theta))


@formula("optimizers.rprop", initial=RpropState.initial)
def rprop(
    theta: Array, grad: Array, state: RpropState, *, grow: Growth, shrink: Factor, smallest: Positive, largest: Largest
) -> tuple[Array, RpropState]:
    """Rprop+: steps depend on the gradient's sign only. They grow while it stays, shrink when it flips; a flip undoes the last step.

        kept:     δ ← min(η⁺ δ, δmax),   Δ = −sign(g) δ
        flipped:  δ ← max(η⁻ δ, δmin),   Δ ← −Δ,   and the next step does not compare
        else:     Δ = −sign(g) δ;   in all cases θ ← θ + Δ

    Units: size, smallest and largest as theta.  Source: Riedmiller & Braun 1993; named by CMU 'RMS Prop'. For full batches.
    """
    turn = np.sign(grad) * np.sign(state.grad)
    size = np.where(turn > 0, grow * state.size, np.where(turn < 0, shrink * state.size, state.size))
    size = np.minimum(np.maximum(size, smallest), largest)
    step = np.where(turn < 0, -state.step, -np.sign(grad) * size)
    return theta + step, RpropState(np.where(turn < 0, 0, grad), size, step)


class RpropMinusState(NamedTuple):
    """The gradient to compare with (0 at the start), and the size of a step (positive)."""

    grad: Array
    size: Sizes

    @classmethod
    def initial(cls, theta: Array, *, size: Positive) -> RpropMinusState:
        """Return the state before the first step, whose length in every coordinate is `size`."""
        return cls(zeros(theta), zeros(theta) + size)


@formula("optimizers.rprop.minus", initial=RpropMinusState.initial)
def rprop_minus(
    theta: Array, grad: Array, state: RpropMinusState, *, grow: Growth, shrink: Factor, smallest: Positive, largest: Largest
) -> tuple[Array, RpropMinusState]:
    """Rprop−: no step is undone; after a flip of the gradient's sign the shortened step goes in the new direction.

        δ ← min(η⁺ δ, δmax) if the sign is kept, max(η⁻ δ, δmin) if it flipped
        θ ← θ − sign(g) δ

    Units: size, smallest and largest as theta.  Source: Riedmiller 1994; named Rprop− by Igel & Hüsken 2003.
    """
    turn = np.sign(grad) * np.sign(state.grad)
    size = np.where(turn > 0, grow * state.size, np.where(turn < 0, shrink * state.size, state.size))
    size = np.minimum(np.maximum(size, smallest), largest)
    return theta - np.sign(grad) * size, RpropMinusState(grad, size)


@formula("optimizers.rprop.improved_minus", initial=RpropMinusState.initial)
def irprop_minus(
    theta: Array, grad: Array, state: RpropMinusState, *, grow: Growth, shrink: Factor, smallest: Positive, largest: Largest
) -> tuple[Array, RpropMinusState]:
    """iRprop−: where the gradient's sign flips, a coordinate does not move for one step, and the next step does not compare signs.

        g ← 0 where the sign flipped,   δ as in Rprop−
        θ ← θ − sign(g) δ

    Units: size, smallest and largest as theta.  Source: Igel & Hüsken 2000.
    """
    turn = np.sign(grad) * np.sign(state.grad)
    size = np.where(turn > 0, grow * state.size, np.where(turn < 0, shrink * state.size, state.size))
    size = np.minimum(np.maximum(size, smallest), largest)
    kept = np.where(turn < 0, 0, grad)
    return theta - np.sign(kept) * size, RpropMinusState(kept, size)


class IRpropState(NamedTuple):
    """What RpropState holds, and the loss before this one, which counts only once there is a gradient to compare with."""

    grad: Array
    size: Sizes
    step: Array
    loss: Loss

    @classmethod
    def initial(cls, theta: Array, *, size: Positive) -> IRpropState:
        """Return the state before the first step, whose length in every coordinate is `size`."""
        return cls(zeros(theta), zeros(theta) + size, zeros(theta), 0)


@formula("optimizers.rprop.improved_plus", initial=IRpropState.initial)
def irprop_plus(
    theta: Array, grad: Array, loss: Loss, state: IRpropState, *, grow: Growth, shrink: Factor, smallest: Positive, largest: Largest
) -> tuple[Array, IRpropState]:
    """iRprop+: a flip of the gradient's sign undoes the last step only if the loss has grown; otherwise the coordinate does not move.

        flipped:  Δ ← −Δ if the loss has grown, else 0
        else:     Δ = −sign(g) δ;   δ and the rest as in Rprop+

    Units: size, smallest and largest as theta.  Source: Igel & Hüsken 2000.
    """
    turn = np.sign(grad) * np.sign(state.grad)
    size = np.where(turn > 0, grow * state.size, np.where(turn < 0, shrink * state.size, state.size))
    size = np.minimum(np.maximum(size, smallest), largest)
    back = np.where(loss > state.loss, -state.step, 0)
    step = np.where(turn < 0, back, -np.sign(grad) * size)
    return theta + step, IRpropState(np.where(turn < 0, 0, grad), size, step, loss)
