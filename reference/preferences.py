"""Losses of training after pretraining, by preferences and rewards, and of layers that route their inputs to experts.

Answers are known by the logarithms of their probabilities, under the policy that is trained and under others that are not; along the first
axis stand the answers, or their tokens. `reduction` is as in the chapter on losses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._registry import formula
from .losses import reduced

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Ddof, Eps, ExampleShares, Factor, Floats, Positive, Real, Reduction, Rewards, Routes, Scores, Smoothing, Weight


# --- preferences -----------------------------------------------------------------------------------------------------------------------


@formula("loss.dpo")
def preference_loss(
    chosen: Scores,
    rejected: Scores,
    reference_chosen: Scores,
    reference_rejected: Scores,
    *,
    beta: Positive,
    smoothing: Smoothing = 0,
    reduction: Reduction,
) -> Floats:
    """DPO: the logistic loss of how much more the policy prefers the chosen answer to the rejected one than a reference policy does.

        mᵢ = β [(cᵢ − rᵢ) − (cᵢ' − rᵢ')],   −Σᵢ [(1 − s) log σ(mᵢ) + s log σ(−mᵢ)]

    Logarithms of probabilities are c and r, under the reference c' and r'; s is the share of pairs that are the wrong way round.

    Units: nats.  Source: Rafailov et al. 2023, equation 7; s, common practice.
    """
    margin = beta * ((chosen - rejected) - (reference_chosen - reference_rejected))
    return reduced((1 - smoothing) * np.logaddexp(0, -margin) + smoothing * np.logaddexp(0, margin), reduction=reduction)


# --- rewards ---------------------------------------------------------------------------------------------------------------------------


@formula("loss.ppo")
def clipped_policy_loss(
    log_probabilities: Scores, old_log_probabilities: Scores, advantages: Scores, *, below: Factor, above: Positive, reduction: Reduction
) -> Floats:
    """The loss of PPO: what is gained by a change of probabilities counts up to a ratio of them only; what is lost counts whole.

        ρᵢ = exp(ℓᵢ − ℓᵢ'),   −Σᵢ min(ρᵢ Aᵢ, min(max(ρᵢ, 1 − ε), 1 + ε') Aᵢ),   ε = below, ε' = above

    Units: as advantages.  Source: Schulman et al. 2017, equation 7, with ε' = ε; Yu et al. 2025, section 3.1, with two.
    """
    ratio = np.exp(log_probabilities - old_log_probabilities)
    clipped = np.minimum(np.maximum(ratio, 1 - below), 1 + above)
    return reduced(-np.minimum(ratio * advantages, clipped * advantages), reduction=reduction)


@formula("policy.group_advantages")
def group_advantages(rewards: Rewards, *, correction: Ddof, eps: Eps) -> Rewards:
    """The advantages of GRPO: the rewards of the answers to one question, less their mean, over their standard deviation.

        Aᵢⱼ = (rᵢⱼ − r̄ᵢ) / (sᵢ + ε),   sᵢ² = Σⱼ (rᵢⱼ − r̄ᵢ)² / (n − δ),   δ = correction, 0 or 1

    Units: eps as rewards, the result is a pure number.  Source: Shao et al. 2024, section 4.1.2, which says neither δ nor ε.
    """
    centred = rewards - np.mean(rewards, axis=1, keepdims=True)
    deviation = np.sqrt(np.sum(centred**2, axis=1, keepdims=True) / (rewards.shape[1] - correction))
    return centred / (deviation + eps)


# --- experts ---------------------------------------------------------------------------------------------------------------------------


@formula("loss.load_balance")
def load_balance_loss(probabilities: ExampleShares, routes: Routes, *, weight: Weight) -> Real:
    """A penalty that keeps the experts of a layer equally busy: the shares of inputs that they get, times their mean probabilities.

        λ E Σₑ fₑ Pₑ,   fₑ the mean of routes (1 where an input goes to expert e), Pₑ that of probabilities, E the experts

    Units: none.  Source: Fedus, Zoph & Shazeer 2022, equations 4 to 6, with λ = 0.01.
    """
    busy, likely = np.mean(routes, axis=0), np.mean(probabilities, axis=0)
    return weight * routes.shape[1] * np.sum(busy * likely)
