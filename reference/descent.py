"""Gradient descent, one sample at a time or many: the step, clipping, the batches, the order of presentation, where constant rates end.

A sample's gradient is a callable where the point moves between samples (sgd), and a row of an array where it does not (minibatches).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        Array,
        BatchLosses,
        BatchSizes,
        Count,
        Curvature,
        Factor,
        Finite,
        FromOne,
        GradientSequence,
        GradientSums,
        Growth,
        Indices,
        Norm,
        Objective,
        Positive,
        Probability,
        Rate,
        SampleGradients,
        SampleLosses,
        Samples,
        Source,
        StablePairRate,
        StableRate,
        StableUnitRate,
        Variance,
        Vector,
        Weight,
    )


@formula("optimizers.gd.batch")
def gradient_descent(theta: Array, grad: Array, *, lr: Rate) -> Array:
    """Gradient descent: a step against the gradient of the whole objective, taken at the point that moves.

        θₖ₊₁ = θₖ − ηₖ ∇J(θₖ)

    Units: lr · grad as theta.  Source: Cauchy 1847; all decks.
    """
    return theta - lr * grad


@formula("optimizers.weight_decay.coupled")
def penalized_gradient(grad: Array, theta: Array, *, weight_decay: Weight) -> Array:
    """Coupled weight decay: the gradient of the objective with the penalty λ ‖θ‖²/2. What a method does with gradients it does with it.

        g ← g + λ θ

    Units: weight_decay as grad / theta.  Source: Loshchilov & Hutter 2019, equation 1.
    """
    return grad + weight_decay * theta


@formula("optimizers.weight_decay.decoupled")
def decayed_parameters(theta: Array, *, lr: Rate, weight_decay: Weight) -> Array:
    """Decoupled weight decay: all parameters shrink by one factor, beside the step and whatever the gradient is.

        θ ← (1 − η λ) θ

    Units: lr · weight_decay has none.  Source: Loshchilov & Hutter 2019, equation 2, with η λ for its λ.
    """
    return theta - lr * weight_decay * theta


@formula("optimizers.clip.value")
def clip_by_value(grad: Array, *, largest: Positive) -> Array:
    """Clipping by value: no entry of a gradient is larger than c; its direction may change.

        g ← min(max(g, −c), c)

    Units: largest as grad.  Source: Mikolov 2012, section 3.2.2; Pascanu, Mikolov & Bengio 2013, section 3.2, names it.
    """
    return np.minimum(np.maximum(grad, -largest), largest)


@formula("optimizers.clip.global_norm")
def global_norm(grad: Array) -> Norm:
    """The norm of a gradient: of all its entries, whatever its shape. That of several arrays is the norm of their norms.

        ‖g‖ = √Σᵢ gᵢ²

    Units: as grad.  Source: Pascanu, Mikolov & Bengio 2013, Algorithm 1.
    """
    return np.sqrt(np.sum(grad**2))


@formula("optimizers.clip.norm")
def clip_by_norm(grad: Array, norm: Norm, *, largest: Positive) -> Array:
    """Clipping by norm: a gradient longer than c is scaled back to length c, and keeps its direction.

        g ← g c / max(‖g‖, c),   which is g min(1, c/‖g‖)

    With the norm of a whole model each of its arrays is scaled alike.

    Units: norm and largest as grad.  Source: Pascanu, Mikolov & Bengio 2013, Algorithm 1.
    """
    return grad * (largest / max(norm, largest))


@formula("optimizers.clip.norm.with_eps")
def clip_by_norm_with_eps(grad: Array, norm: Norm, *, largest: Positive, eps: Positive) -> Array:
    """Clipping by norm with a stabiliser beside the norm: what is clipped ends a little shorter than c, and shrinking begins before c.

        g ← g min(1, c / (‖g‖ + ε))

    Units: norm, largest and eps as grad.  Source: PyTorch, clip_grad_norm_, with ε = 10⁻⁶.
    """
    return grad * min(largest / (norm + eps), 1)


@formula("optimizers.clip.rms")
def clip_by_rms(grad: Array, *, largest: Positive) -> Array:
    """Clipping by the root mean square: that of the entries of an array is at most c afterwards, however many entries there are.

        g ← g c / max(√(Σᵢ gᵢ² / n), c)

    Units: largest as grad.  Source: Shazeer & Stern 2018, section 6, for updates.
    """
    return grad * (largest / np.maximum(np.sqrt(np.mean(grad**2)), largest))


@formula("optimizers.accumulation.total")
def gradient_of_all(sums: GradientSums, counts: BatchSizes) -> Vector:
    """Accumulated gradients, each the sum over the tokens or examples of its batch: the mean over all of them.

        g = Σᵢ sᵢ / Σᵢ Nᵢ

    Units: as sums.  Source: a convention of the field.
    """
    return np.sum(sums, axis=0) / np.sum(counts)


@formula("optimizers.accumulation.mean_of_means")
def mean_of_batch_gradients(sums: GradientSums, counts: BatchSizes) -> Vector:
    """Accumulated gradients, each the mean over its batch: the mean of these, in which a token of a small batch counts more.

        g = Σᵢ (sᵢ / Nᵢ) / K;   its difference from Σ sᵢ / N is Σᵢ (1/K − Nᵢ/N) sᵢ/Nᵢ,   N = Σ Nᵢ

    Units: as sums.  Source: a convention of the field.
    """
    return np.mean(sums / np.expand_dims(counts, 1), axis=0)


class LossScaleState(NamedTuple):
    """The factor of the loss, and the finite gradients in a row since it last changed (from 0)."""

    scale: Positive
    good: Count

    @classmethod
    def initial(cls, scale: Positive) -> LossScaleState:
        """Return the state before the first gradient, at a factor."""
        return cls(scale, 0)


@formula("optimizers.loss_scale", initial=LossScaleState.initial)
def dynamic_loss_scale(is_finite: Finite, state: LossScaleState, *, growth: Growth, backoff: Factor, interval: FromOne) -> LossScaleState:
    """The factor of the loss in half precision: it grows after `interval` finite gradients in a row, and backs off at one that is not.

        if g is finite:  n ← n + 1;   if n ≥ N:  s ← γ s, n ← 0;   else:  s ← b s, n ← 0

    The gradient is divided by the factor before it is clipped; a step whose gradient is not finite is skipped and not counted.

    Units: none.  Source: Micikevicius et al. 2018, section 3.2; PyTorch, GradScaler.
    """
    scale, good = state
    count = np.where(is_finite, good + 1, 0)
    grows = count >= interval
    factor = np.where(is_finite, np.where(grows, growth, 1), backoff)
    scale = scale * factor  # type: ignore[assignment]  # of no axes
    good = np.where(grows, 0, count)  # type: ignore[assignment]
    return LossScaleState(scale, good)


@formula("optimizers.sgd")
def sgd(theta: Array, gradients: GradientSequence, *, lr: Rate) -> Array:
    """Stochastic gradient descent over samples in the order given: one update a sample, each gradient at the newest point.

        θₖ₊₁ = θₖ − η ∇Lₖ(θₖ),   k = 0 … T − 1

    Units: lr · gradient as theta.  Source: Robbins & Monro 1951; UC Algorithm 2; STU 'SGD', whose code has the sign wrong (E39).
    """
    for gradient in gradients:
        theta = theta - lr * gradient(theta)
    return theta


@formula("optimizers.sgd.minibatch")
def minibatch_gradient(grads: SampleGradients, penalty_grad: Vector, *, strength: Weight) -> Vector:
    """The gradient of a minibatch: the mean over its samples, however many the last batch has, and the regulariser's gradient once.

        g_B = 1/b Σᵢ gᵢ + λ ∇R,   i = 1 … b

    Units: as grads; strength as loss / penalty.  Source: SKO 'Batch SGD', which calls it dE/dw (E72); ONN, CMU, UC 'Minibatching'.
    """
    return np.mean(grads, axis=0) + strength * penalty_grad


@formula("objective.regularized_risk")
def regularized_risk(losses: SampleLosses, penalty: Norm, *, strength: Weight) -> Objective:
    """The objective: the mean loss, and a penalty beside it that does not shrink as samples are added.

        E = 1/N Σᵢ lᵢ + λ R

    Units: as losses; strength as loss / penalty.  Source: SKO 'Optimization for supervised ML', which sums elsewhere (E73); STU.
    """
    return np.mean(losses) + strength * penalty


@formula("optimizers.sgd.unbiased")
def unbiased_gradient(grad: Array, *, probability: Probability, samples: FromOne) -> Array:
    """The gradient of a sample drawn with this probability, weighted so that its expectation is the mean; uniform draws keep it as it is.

        gᵢ / (N pᵢ),   gᵢ if pᵢ = 1/N

    Units: as grad.  Source: SKO 'Stochastic gradient', uniform draws; Needell, Srebro & Ward 2014.
    """
    return grad / (samples * probability)


@formula("sampling.epoch.sequential")
def sequential_batches(*, size: FromOne, samples: Samples) -> tuple[Indices, ...]:
    """One epoch in stored order: the indices of each batch, from 0; the last batch is short where the size does not divide.

        {0 … q − 1}, {q … 2q − 1}, …:   ⌈N/q⌉ batches

    Units: none.  Source: ONN 'Mini-batch gradient descent'; CMU 'Incremental Update: Mini-batch update', which lost its stride (E37).
    """
    order = np.arange(samples)
    return tuple(order[start : start + size] for start in range(0, samples, size))


@formula("sampling.epoch.permutation")
def permuted_batches(source: Source, *, size: FromOne, samples: Samples) -> tuple[Indices, ...]:
    """One epoch in random order: every sample exactly once, every order equally likely, a fresh order at each call.

        {σ(0) … σ(q − 1)}, {σ(q) … σ(2q − 1)}, …,   σ a uniform permutation

    Units: none.  Source: CMU 'Incremental Update: SGD'; ONN 'Randomize data order'; SKO 'Stochastic gradient descent'.
    """
    order = source.permutation(samples)
    return tuple(order[start : start + size] for start in range(0, samples, size))


@formula("optimizers.sgd.step_norm")
def descent_step_norm(grad_norm: Norm, *, lr: Rate) -> Norm:
    """The length of a step, in whatever norm the gradient is measured.

        ‖θₖ₊₁ − θₖ‖ = η ‖g‖

    Units: lr · grad.  Source: UC 'Momentum: Step Sizes', where it is an exercise.
    """
    return lr * grad_norm


@formula("optimizers.sgd.order_two_functions")
def two_function_cycle(repeats: FromOne, *, lr: StablePairRate) -> tuple[float, float]:
    """Where w x ends after each block, when r pairs x = 1, 2 of y = 2 x and r of y = −x are presented in turn for ever.

        c = ((1 − η)(1 − 4 η))ʳ,   (2 − c)/(1 + c) and (2 c − 1)/(1 + c)

    Units: lr · x² has none.  Source: ONN 'The dataset might be stored in a correlated way', in words.
    """
    kept = ((1 - lr) * (1 - 4 * lr)) ** repeats
    return (2 - kept) / (1 + kept), (2 * kept - 1) / (1 + kept)


@formula("optimizers.sgd.order_cycle")
def two_target_cycle(repeats: FromOne, *, lr: StableUnitRate) -> float:
    """Where w ends after r samples of target 1, when r of target −1 come before and after them for ever; the mirror image then.

        q = (1 − η)ʳ,   (1 − q)/(1 + q)

    Units: lr · curvature has none.  Source: CMU 'Caveats: order of presentation', in words.
    """
    kept = (1 - lr) ** repeats
    return (1 - kept) / (1 + kept)


@formula("optimizers.sgd.noise_floor")
def sgd_stationary_variance(variance: Variance, *, curvature: Curvature, lr: StableRate) -> Variance:
    """The variance at which a constant rate stalls on a parabola, when independent noise of this variance is added to its gradient.

        η σ² / (h (2 − η h)),   0 < η h < 2

    Units: variance / curvature².  Source: quantifies CMU 'Caveats: learning rate'.
    """
    return lr * variance / (curvature * (2 - lr * curvature))


@formula("measure.running_training_loss")
def running_loss(losses: BatchLosses, sizes: BatchSizes) -> float:
    """The training loss of an epoch from the mean losses of its batches, each by its size; the full loss only if θ stands still.

        Σ_B b_B L_B / Σ_B b_B

    Units: as losses.  Source: CMU 'Measuring Loss', which does not weight.
    """
    return np.sum(sizes * losses) / np.sum(sizes)
