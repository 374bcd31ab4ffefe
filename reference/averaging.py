"""Averaging: the mean of the points that an optimizer visits, to be used instead of the last one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._initial import copy_of, zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Count, Curvature, Decay, FromOne, Probability, Rate, StableRate, Variance


class PolyakState(NamedTuple):
    """The mean of the points so far (what it starts as does not count) and how many they are (t, from 0)."""

    mean: Array
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> PolyakState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), 0)


@formula("averaging.polyak", initial=PolyakState.initial)
def polyak_average(theta: Array, state: PolyakState) -> PolyakState:
    """Polyak's average: the mean of all points since the start, the initial one left out; no point has to be kept.

        t ← t + 1,   θ̄ ← θ̄ + (θ − θ̄) / t

    Units: as theta.  Source: Ruppert 1988; Polyak & Juditsky 1992; UC 'A Solution: Polyak Averaging', as the mean itself.
    """
    mean, t = state
    t = t + 1
    return PolyakState(mean + (theta - mean) / t, t)


@formula("averaging.polyak.valley")
def valley_average(start: Array, steps: FromOne, *, curvature: Curvature, lr: Rate) -> Array:
    """The average of the first t points of gradient descent on a parabola with its minimum at 0, where the points themselves may jump.

        q = 1 − η h,   θ̄ₜ = θ₀ q (1 − qᵗ) / (η h t)

    Units: as start.  Source: UC 'Polyak Averaging: Motivation', a figure.
    """
    kept = 1 - lr * curvature
    return start * kept * (1 - kept**steps) / (lr * curvature * steps)


@formula("averaging.polyak.variance")
def polyak_variance(variance: Variance, steps: FromOne, *, curvature: Curvature, lr: StableRate) -> Variance:
    """The variance of Polyak's average of t points from the minimum of a parabola, with noise of this variance in the gradient.

    The noise is independent from step to step. t times the result tends to σ²/h², whatever the rate.

        q = 1 − η h,   σ²/(h t)² (t − 2 q (1 − qᵗ)/(1 − q) + q² (1 − q²ᵗ)/(1 − q²))

    Units: variance / curvature².  Source: Polyak & Juditsky 1992; UC, in words.
    """
    kept = 1 - lr * curvature
    first = kept * (1 - kept**steps) / (1 - kept)
    second = kept**2 * (1 - kept ** (2 * steps)) / (1 - kept**2)
    return variance * (steps - 2 * first + second) / (curvature * steps) ** 2


@formula("averaging.ema", initial=copy_of)
def parameter_average(theta: Array, mean: Array, *, decay: Decay) -> Array:
    """Exponential moving average of the points: recent ones count most. It starts as a copy of θ₀, of total weight 1 from there on.

        θ̄ ← α θ̄ + (1 − α) θ

    Units: as theta.  Source: UC 'Simple Modification', which averages the average (E04).
    """
    return decay * mean + (1 - decay) * theta


class DebiasedState(NamedTuple):
    """The sum of the points so far, weighted by age (it starts at 0), and how many they are (t, from 0)."""

    total: Array
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> DebiasedState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), 0)


@formula("averaging.ema.debiased", initial=DebiasedState.initial)
def debiased_parameter_average(theta: Array, state: DebiasedState, *, decay: Decay) -> tuple[Array, DebiasedState]:
    """Exponential moving average from zero, divided by the weight it has gathered: the start does not count at all.

        t ← t + 1,   s ← α s + (1 − α) θ,   θ̄ = s / (1 − αᵗ)

    Units: as theta.  Source: Kingma & Ba 2015, section 3, for gradients; completes UC 'Simple Modification'.
    """
    total, t = state
    t = t + 1
    total = decay * total + (1 - decay) * theta
    return total / (1 - decay**t), DebiasedState(total, t)


class WarmedState(NamedTuple):
    """The mean of the points so far, and the updates done (t, from 0); it starts as a copy of the first point."""

    mean: Array
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> WarmedState:
        """Return the state before the first update: a copy."""
        return cls(copy_of(theta), 0)


@formula("averaging.ema.warmed", initial=WarmedState.initial)
def warmed_parameter_average(theta: Array, state: WarmedState, *, decay: Decay) -> WarmedState:
    """Exponential moving average whose decay grows to its value, so that the start is soon forgotten.

        a = min(α, (1 + t)/(10 + t)),   θ̄ ← a θ̄ + (1 − a) θ,   t ← t + 1

    Units: as theta.  Source: TensorFlow, ExponentialMovingAverage with num_updates.
    """
    mean, t = state
    warm = min(decay, (1 + t) / (10 + t))
    return WarmedState(warm * mean + (1 - warm) * theta, t + 1)


@formula("averaging.ema.target", initial=copy_of)
def target_update(theta: Array, mean: Array, *, share: Probability) -> Array:
    """The parameters of a target network follow those of the trained one: each update takes over a share τ of the difference.

        θ̄ ← θ̄ + τ (θ − θ̄)

    Units: as theta.  Source: Lillicrap et al. 2016, Algorithm 1, as τ θ + (1 − τ) θ̄.
    """
    return mean + share * (theta - mean)


class SwaState(NamedTuple):
    """The mean of the models so far, and their number; the trained model that it starts from is the first of them."""

    mean: Array
    models: FromOne

    @classmethod
    def initial(cls, theta: Array) -> SwaState:
        """Return the state of the trained model alone."""
        return cls(copy_of(theta), 1)


@formula("averaging.swa", initial=SwaState.initial)
def stochastic_weight_average(theta: Array, state: SwaState) -> SwaState:
    """Stochastic weight averaging: the model at the end of each learning-rate cycle enters a plain mean.

        θ̄ ← (n θ̄ + θ) / (n + 1),   n ← n + 1

    Units: as theta.  Source: Izmailov et al. 2018, Algorithm 1.
    """
    mean, models = state
    return SwaState((models * mean + theta) / (models + 1), models + 1)
