"""Learning-rate schedules: rate(step, *, …) → lr.

`step` counts the updates done before this one: update 1 uses step 0, and the rate lr itself.  Only where a formula divides by its index
(power_decay, log_harmonic, inverse_sqrt_decay, noam_rate) or must not give 0 to update 1 (exponential_warmup) is that index the number of
the update, `update`.  A plateau is seen in losses, a cycle that grows in the cycle before it: their schedules have states.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        Boundaries,
        Count,
        Decay,
        ExtendedLoss,
        Factor,
        Factors,
        FromOne,
        FromTwo,
        Loss,
        Norm,
        PeakRate,
        Positive,
        Rate,
        StartRate,
    )


@formula("schedule.constant")
def constant_rate(step: Count, *, lr: Rate) -> Rate:
    """The same rate at every update.

        ηₖ = η₀

    Units: as lr.  Source: SKO 'Popular choices for schedule α[t]'.
    """
    return lr


@formula("schedule.linear")
def linear_decay(step: Count, *, end: Norm, lr: StartRate, horizon: FromOne) -> Norm:
    """A straight line from lr at step 0 to end at step τ, held from there on.

        α = min(k/τ, 1),   ηₖ = (1 − α) η₀ + α η_τ

    Units: as lr.  Source: Goodfellow, Bengio & Courville 2016, 8.14; UC 'Learning Rate Schedule', which does not hold (E19).
    """
    done = np.minimum(step / horizon, 1)
    return (1 - done) * lr + done * end


@formula("schedule.step")
def step_decay(step: Count, *, lr: Rate, factor: Factor, period: FromOne) -> Norm:
    """A staircase: the rate falls by a factor after every `period` updates; the first of them all use lr.

        ηₖ = η₀ γ^⌊k/s⌋

    Units: as lr.  Source: STU 'Learning rate', in words; SKO 'Popular choices'; CMU 'Training and minibatches'.
    """
    return lr * factor ** (step // period)


@formula("schedule.piecewise_constant")
def piecewise_constant(step: Count, boundaries: Boundaries, factors: Factors, *, lr: Rate) -> Norm:
    """Steps of any length and height: each boundary brings its factor, from the update with that step on.

        ηₖ = η₀ Π γⱼ  over all j with bⱼ ≤ k

    Units: as lr.  Source: generalises SKO 'Popular choices'.
    """
    return lr * np.prod(np.where(step >= boundaries, factors, 1))


@formula("schedule.piecewise_constant.inclusive")
def piecewise_constant_inclusive(step: Count, boundaries: Boundaries, factors: Factors, *, lr: Rate) -> Norm:
    """A piecewise constant rate with inclusive boundaries: the update with that step still uses the old rate, the next one the new.

        ηₖ = η₀ Π γⱼ  over all j with bⱼ < k

    Units: as lr.  Source: a convention of the field.
    """
    return lr * np.prod(np.where(step > boundaries, factors, 1))


@formula("schedule.exponential")
def exponential_decay(step: Count, *, lr: Rate, decay: Positive) -> Norm:
    """The rate shrinks by the same factor e^{−c} at every update; all rates together are finite.

        ηₖ = η₀ e^{−c k}

    Units: as lr, decay as 1 / step.  Source: STU 'Learning rate'.
    """
    return lr * np.exp(-decay * step)


@formula("schedule.exponential.per_period")
def smooth_step_decay(step: Count, *, lr: Rate, factor: Factor, period: FromOne) -> Norm:
    """Step decay without steps: the exponential that falls by a factor in every `period` updates.

        ηₖ = η₀ γ^{k/s}

    Units: as lr.  Source: a convention of the field.
    """
    return lr * factor ** (step / period)


@formula("schedule.inverse_time")
def inverse_time_decay(step: Count, *, lr: Rate, decay: Positive) -> Norm:
    """The rate falls as 1/k: slowly enough that all rates together are infinite, fast enough that their squares are not.

        ηₖ = η₀ / (1 + c k)

    Units: as lr, decay as 1 / step.  Source: STU 'Learning rate'.
    """
    return lr / (1 + decay * step)


@formula("schedule.harmonic")
def harmonic_decay(step: Count, *, scale: Positive, offset: Positive, period: FromOne) -> Norm:
    """1/t decay by the epoch: the rate stays the same for `period` updates.

        ηₖ = s / (⌊k/N⌋ + a)

    Units: scale as lr.  Source: SKO 'Popular choices', whose bracket is read as the floor: the epoch's number, from 0.
    """
    return scale / (step // period + offset)


@formula("schedule.power")
def power_decay(update: FromOne, *, lr: Rate, power: Norm) -> Norm:
    """The rate falls as a power of the update's number, which starts at 1.

        ηₖ = η₁ k^{−p}

    Units: as lr.  Source: Robbins & Monro 1951 (p = 1); CMU 'SGD convergence' (formula lost).
    """
    return lr / update**power


@formula("schedule.robbins_monro.fastest")
def log_harmonic(update: FromTwo, *, lr: Rate) -> Norm:
    """Faster than 1/k, and Robbins and Monro's conditions still hold: there is no fastest schedule (E33). It starts at k = 2.

        ηₖ = η / (k ln k)

    Units: as lr.  Source: corrects CMU 'SGD convergence'.
    """
    return lr / (update * np.log(update))


@formula("schedule.warmup.linear")
def linear_warmup(step: Count, *, start: Norm, lr: PeakRate, horizon: FromOne) -> Norm:
    """A straight line from start at step 0 up to lr at step W, held from there on.

        α = min(k/W, 1),   ηₖ = (1 − α) s + α η

    From s = 0 the first update does not move; from s = η/n with W = n − 1 update t uses η t/n, and update n the whole rate.

    Units: as lr.  Source: Goyal et al. 2017, section 2.2.
    """
    done = np.minimum(step / horizon, 1)
    return (1 - done) * start + done * lr


@formula("schedule.polynomial")
def polynomial_decay(step: Count, *, end: Norm, lr: StartRate, horizon: FromOne, power: Positive) -> Norm:
    """A power of the share of updates that are left: from lr at step 0 to end at step τ, held from there on.

        α = min(k/τ, 1),   ηₖ = (η₀ − η_τ) (1 − α)^p + η_τ

    Units: as lr.  Source: a convention of the field; power 1 is linear decay.
    """
    done = np.minimum(step / horizon, 1)
    return (lr - end) * (1 - done) ** power + end


@formula("schedule.inverse_sqrt")
def inverse_sqrt_decay(update: FromOne, *, lr: Rate, warmup: FromOne) -> Norm:
    """The rate rises in proportion to the update's number, which starts at 1, to lr at update W, and falls as its inverse root.

        ηₖ = η min(k/W, √(W/k))

    Units: as lr.  Source: a convention of the field, after Vaswani et al. 2017.
    """
    return lr * np.minimum(update / warmup, np.sqrt(warmup / update))


@formula("schedule.noam")
def noam_rate(update: FromOne, *, width: FromOne, warmup: FromOne) -> Norm:
    """The rate of the Transformer: it follows from the width of the model and the number of warm-up updates.

        ηₖ = d^{−1/2} min(k^{−1/2}, k W^{−3/2})

    Units: none.  Source: Vaswani et al. 2017, equation 3.
    """
    return np.minimum(1 / np.sqrt(update), update / (warmup * np.sqrt(warmup))) / np.sqrt(width)


@formula("schedule.warmup.exponential")
def exponential_warmup(update: FromOne, *, lr: Rate, scale: Positive) -> Norm:
    """The rate approaches lr, and what is missing shrinks by the same factor e^{−1/τ} at every update; update 1 has that of one step.

        ηₖ = η (1 − e^{−k/τ})

    Units: as lr, scale as update.  Source: Ma & Yarats 2021, section 5, where τ = 1/(1 − β₂).
    """
    return lr * (1 - np.exp(-update / scale))


@formula("schedule.cosine")
def cosine_decay(step: Count, *, end: Norm, lr: StartRate, horizon: FromOne) -> Norm:
    """Half a cosine from lr at step 0 to end at step τ, flat at both, held from there on.

        α = min(k/τ, 1),   ηₖ = η_τ + (η₀ − η_τ) (1 + cos π α) / 2

    Units: as lr.  Source: Loshchilov & Hutter 2017, equation 5, one cycle.
    """
    done = np.minimum(step / horizon, 1)
    pi = 4 * np.arctan(np.ones_like(done))
    return end + (lr - end) * (1 + np.cos(pi * done)) / 2


@formula("schedule.cosine.annealing")
def cosine_annealing(step: Count, *, end: Norm, lr: StartRate, horizon: FromOne) -> Norm:
    """A cosine from lr at step 0 to end at step τ, which is not held there: it rises again, to lr at step 2 τ.

        ηₖ = η_τ + (η₀ − η_τ) (1 + cos π k/τ) / 2

    Units: as lr.  Source: a convention of the field, after Loshchilov & Hutter 2017, equation 5.
    """
    done = step / horizon
    pi = 4 * np.arctan(np.ones_like(done))
    return end + (lr - end) * (1 + np.cos(pi * done)) / 2


@formula("schedule.cosine.restarts")
def cosine_restarts(step: Count, *, end: Norm, lr: StartRate, period: FromOne) -> Norm:
    """Half a cosine from lr towards end in every `period` updates: each cycle starts at lr again, and end itself is never used.

        ηₖ = η_τ + (η₀ − η_τ) (1 + cos π (k/s − ⌊k/s⌋)) / 2

    Units: as lr.  Source: Loshchilov & Hutter 2017, equation 5, cycles of one length.
    """
    done = (step - period * (step // period)) / period
    pi = 4 * np.arctan(np.ones_like(done))
    return end + (lr - end) * (1 + np.cos(pi * done)) / 2


class CycleState(NamedTuple):
    """The updates done in the cycle (from 0), and the length of the cycle."""

    step: Count
    period: FromOne

    @classmethod
    def initial(cls, period: FromOne) -> CycleState:
        """Return the state before the first update, of a first cycle with `period` updates."""
        return cls(0, period)


@formula("schedule.cosine.restarts.growing", initial=CycleState.initial)
def cosine_growing_restarts(state: CycleState, *, end: Norm, lr: StartRate, growth: FromOne) -> tuple[Norm, CycleState]:
    """Half a cosine from lr towards end in every cycle, each cycle longer than the one before by the factor m; in whole numbers.

        η = η_τ + (η₀ − η_τ) (1 + cos π k/s) / 2,   k ← k + 1;   if k ≥ s:  k ← 0, s ← m s

    Units: as lr.  Source: Loshchilov & Hutter 2017, equation 5 and section 3.
    """
    step, period = state
    done = step / period
    pi = 4 * np.arctan(np.ones_like(done))
    rate = end + (lr - end) * (1 + np.cos(pi * done)) / 2
    step = step + 1
    is_over = step >= period
    return rate, CycleState(np.where(is_over, 0, step), np.where(is_over, growth * period, period))  # type: ignore[arg-type]  # of no axes


@formula("schedule.one_cycle")
def one_cycle(step: Count, *, start: Norm, lr: Rate, end: Norm, rise: Positive, fall: Positive) -> Norm:
    """Half a cosine from start up to lr in `rise` updates, then half a cosine down to end in `fall` updates, held from there on.

        α = min(k/r, 1),   β = min(max(k − r, 0)/f, 1),   ηₖ = s + (η − s) (1 − cos π α)/2 + (e − η) (1 − cos π β)/2

    The lengths need not be whole: where `rise` is not, no update uses lr itself.

    Units: as lr.  Source: Smith & Topin 2019, whose cycle has straight lines; cosines are a convention of the field.
    """
    risen, fallen = np.minimum(step / rise, 1), np.minimum(np.maximum(step - rise, 0) / fall, 1)
    pi = 4 * np.arctan(np.ones_like(risen))
    return start + (lr - start) * (1 - np.cos(pi * risen)) / 2 + (end - lr) * (1 - np.cos(pi * fallen)) / 2


@formula("schedule.warmup.cosine")
def warmup_cosine(step: Count, *, start: Norm, lr: Rate, end: Norm, rise: FromOne, fall: FromOne) -> Norm:
    """A straight line from start up to lr in `rise` updates, then half a cosine down to end in `fall` updates, held from there on.

        α = min(k/r, 1),   β = min(max(k − r, 0)/f, 1),   ηₖ = s + (η − s) α + (e − η) (1 − cos π β)/2

    Units: as lr.  Source: a convention of the field.
    """
    risen, fallen = np.minimum(step / rise, 1), np.minimum(np.maximum(step - rise, 0) / fall, 1)
    pi = 4 * np.arctan(np.ones_like(fallen))
    return start + (lr - start) * risen + (end - lr) * (1 - np.cos(pi * fallen)) / 2


@formula("schedule.wsd")
def warmup_stable_decay(step: Count, *, start: Norm, lr: Rate, end: Norm, rise: FromOne, stable: Count, fall: FromOne) -> Norm:
    """A straight line from start up to lr, `stable` updates at lr, a straight line down to end in `fall` updates, held from there on.

        α = min(k/r, 1),   β = min(max(k − r − n, 0)/f, 1),   ηₖ = s + (η − s) α + (e − η) β

    Units: as lr.  Source: Zhai et al. 2022, appendix; Hu et al. 2024, section 4.2, whose cooldown is exponential.
    """
    risen, fallen = np.minimum(step / rise, 1), np.minimum(np.maximum(step - rise - stable, 0) / fall, 1)
    return start + (lr - start) * risen + (end - lr) * fallen


@formula("schedule.cooldown.sqrt")
def sqrt_cooldown(step: Count, *, end: Norm, lr: StartRate, horizon: FromOne) -> Norm:
    """One less the root of the share of updates that are done: steep at first, from lr at step 0 to end at step τ, held from there on.

        α = min(k/τ, 1),   ηₖ = η_τ + (η₀ − η_τ) (1 − √α)

    Units: as lr.  Source: Hägele et al. 2024, section 3.
    """
    done = np.minimum(step / horizon, 1)
    return end + (lr - end) * (1 - np.sqrt(done))


@formula("schedule.cooldown.exponential")
def exponential_cooldown(step: Count, *, end: Norm, lr: StartRate, horizon: FromOne) -> Norm:
    """A power of one half, shifted so that it leads from lr at step 0 to end at step τ, held from there on.

        α = min(k/τ, 1),   ηₖ = η_τ + (η₀ − η_τ) (2 · 2^{−α} − 1)

    Units: as lr.  Source: a convention of the field.
    """
    done = np.minimum(step / horizon, 1)
    return end + (lr - end) * (2 ** (1 - done) - 1)


@formula("schedule.nadam.momentum")
def nadam_momentum(update: Count, *, beta1: Decay, base: Factor, rate: Positive) -> Decay:
    """The β₁ of NAdam: it grows from β₁/2 at update 0 towards β₁; NAdam takes that of its own update and that of the next one.

        μₖ = β₁ (1 − ½ b^{ψ k})

    Units: rate as 1 / update.  Source: Dozat 2016, section 3, with b = .96 and ψ = .004.
    """
    return beta1 * (1 - base ** (rate * update) / 2)


class PlateauState(NamedTuple):
    """The rate of the next update, the best loss so far (it starts at infinity), and the bad losses in a row since (from 0)."""

    lr: Rate
    best: ExtendedLoss
    bad: Count

    @classmethod
    def initial(cls, lr: Rate) -> PlateauState:
        """Return the state before the first loss, at the learning rate `lr`."""
        return cls(lr, np.inf, 0)


@formula("schedule.plateau", initial=PlateauState.initial)
def reduce_on_plateau(
    loss: Loss, state: PlateauState, *, factor: Factor, patience: Count, threshold: Norm = 0, relative: Decay = 0
) -> PlateauState:
    """The rate falls by a factor when more than `patience` losses in a row are not better than the best; then the count starts anew.

        better: L < (1 − r) L* − δ;   if so  L* ← L, n ← 0,   else  n ← n + 1;   if n > patience:  η ← γ η, n ← 0

    The relative margin r is meant for losses that are not negative: below 0, losses up to r |L*| above the best one count as better.

    Units: loss and threshold alike.  Source: CMU 'Training and minibatches', in words, without patience and threshold.
    """
    lr, best, bad = state
    better = loss < best * (1 - relative) - threshold
    lowest, count = np.where(better, loss, best), np.where(better, 0, bad + 1)
    stuck = count > patience
    return PlateauState(np.where(stuck, factor * lr, lr), lowest, np.where(stuck, 0, count))  # type: ignore[arg-type]  # of no axes


@formula("schedule.plateau.at_patience", initial=PlateauState.initial)
def reduce_on_plateau_at_patience(
    loss: Loss, state: PlateauState, *, factor: Factor, patience: FromOne, threshold: Norm = 0, relative: Decay = 0
) -> PlateauState:
    """The rate falls by a factor at the loss that is, in a row, number `patience` not to be better than the best; then the count restarts.

        better: L < (1 − r) L* − δ;   if so  L* ← L, n ← 0,   else  n ← n + 1;   if n ≥ patience:  η ← γ η, n ← 0

    Units: loss and threshold alike.  Source: a convention of the field.
    """
    lr, best, bad = state
    better = loss < best * (1 - relative) - threshold
    lowest, count = np.where(better, loss, best), np.where(better, 0, bad + 1)
    stuck = count >= patience
    return PlateauState(np.where(stuck, factor * lr, lr), lowest, np.where(stuck, 0, count))  # type: ignore[arg-type]  # of no axes


@formula("schedule.plateau.margin_of_modulus", initial=PlateauState.initial)
def reduce_on_plateau_by_modulus(
    loss: Loss, state: PlateauState, *, factor: Factor, patience: Count, threshold: Norm = 0, relative: Decay = 0
) -> PlateauState:
    """The rate falls on a plateau as in reduce_on_plateau, for losses of either sign: the relative margin is a share of the modulus |L*|.

        better: L < L* − r |L*| − δ;   if so  L* ← L, n ← 0,   else  n ← n + 1;   if n > patience:  η ← γ η, n ← 0

    Units: loss and threshold alike.  Source: a convention of the field.
    """
    lr, best, bad = state
    better = loss < best * (1 - relative * np.sign(best)) - threshold
    lowest, count = np.where(better, loss, best), np.where(better, 0, bad + 1)
    stuck = count > patience
    return PlateauState(np.where(stuck, factor * lr, lr), lowest, np.where(stuck, 0, count))  # type: ignore[arg-type]  # of no axes
