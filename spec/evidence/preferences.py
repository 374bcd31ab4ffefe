"""Evidence for reference/preferences.py: preferences, rewards and experts.

Logarithms of probabilities are symbols, or logarithms of fractions, of which exponentials are fractions again.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from ..arithmetic import Ball, Rational, Symbolic, Tensor, symbols, tensor
from . import Claims, Step, certified_value, enumeration, proof

N, E, n = (sp.Symbol(name, integer=True, positive=True) for name in ("N", "E", "n"))
beta, share, low, high, above, q = symbols("beta share low high above q", positive=True)


# --- preferences -----------------------------------------------------------------------------------------------------------------------


@proof("loss.dpo", scope="every number of pairs, every logarithms, β and share")
def preferences_are_two_classes(preference_loss: Step, binary_cross_entropy: Step) -> Claims:
    """The loss is the binary cross-entropy of the margin, with target 1 − s."""
    chosen, rejected, first, second = (tensor(name, N) for name in ("c", "r", "f", "g"))
    scale, wrong = tensor("beta"), tensor("s")
    margin = scale * (chosen - rejected - first + second)
    pairs = chosen, rejected, first, second
    for hyper, target in (({"beta": scale, "smoothing": wrong}, 1 - wrong), ({"beta": scale}, Tensor(1))):
        yield preference_loss(*pairs, **hyper, reduction="none"), binary_cross_entropy(margin, target, reduction="none")


@certified_value("loss.dpo", scope="margins log 3 and −log 3, two pairs, β 2, shares 0 and 1/4")
def preferences_by_odds(preference_loss: Step) -> Claims:
    """Odds of 3 to 1 for the chosen answer cost log 4/3, those against it log 4; with β 2 they are odds of the root of 3."""
    half, nothing = np.log(Ball(3)) / 2, Ball([0, 0])
    right, wrong = np.log(Ball(Fraction(4, 3))), np.log(Ball(4))
    gap = np.stack([half, -half])
    for pairs in ((gap, nothing, nothing, nothing), (nothing, -gap, nothing, nothing), (nothing, nothing, -gap, nothing)):
        for mistaken in (Fraction(0), Fraction(1, 4)):
            costs = [(1 - Ball(mistaken)) * kept + Ball(mistaken) * turned for kept, turned in ((right, wrong), (wrong, right))]
            got = preference_loss(*pairs, beta=Ball(2), smoothing=Ball(mistaken), reduction="none")
            yield got, np.stack(costs)
            for reduction, count in (("sum", 1), ("mean", 2)):
                yield preference_loss(*pairs, beta=Ball(2), smoothing=Ball(mistaken), reduction=reduction), (costs[0] + costs[1]) / count
            yield preference_loss(nothing, nothing, nothing, gap, beta=Ball(2), smoothing=Ball(mistaken), reduction="none"), got


# --- rewards ---------------------------------------------------------------------------------------------------------------------------


def ratios() -> list[Any]:
    """Return ratios of probabilities around the limits 1 − 1/4 and 1 + 1/2, and at them."""
    return [Fraction(number, 8) for number in (1, 5, 6, 7, 8, 10, 12, 13, 40)]


@proof("loss.ppo", scope="every size of a gain and a loss, ratios between, above, below and at the limits; one answer and two")
def gains_are_clipped(clipped_policy_loss: Step) -> Claims:
    """Within the limits the loss is −ρ A; beyond one it is that of the limit where A gains by it, and −ρ A where A loses."""
    below = 1 / (1 + low)
    least, most = 1 - below, 1 + above
    for ratio, of_gain, of_loss in (
        (Symbolic(1), 1, 1),
        (most, most, most),
        (least, least, least),
        (most + high, most, most + high),
        (least / (1 + high), least / (1 + high), least),
    ):
        for advantage, counted in ((q, of_gain), (-q, of_loss)):
            hyper = {"below": below, "above": above}
            one = np.stack([np.log(ratio) + share]), np.stack([share]), np.stack([advantage])
            yield clipped_policy_loss(*one, **hyper, reduction="sum"), -counted * advantage
            two = [np.concatenate([part, part]) for part in one]
            yield clipped_policy_loss(*two, **hyper, reduction="mean"), -counted * advantage


@certified_value("loss.ppo", scope="nine ratios around two limits, gains, losses and none, three answers together")
def ratios_by_hand(clipped_policy_loss: Step) -> Claims:
    """The loss, case by case, of ratios that are fractions."""
    below, above_one = Fraction(1, 4), Fraction(1, 2)
    for ratio, advantage in itertools.product([each for each in ratios() if each not in (1 - below, 1 + above_one)], (-2, 0, 3)):
        limited = min(max(ratio, 1 - below), 1 + above_one)
        cost = max(-ratio * advantage, -limited * advantage)
        new = np.stack([np.log(Ball(ratio)) + 3, Ball(0), Ball(1)])
        old, advantages = Ball([3, 0, 1]), Ball([advantage, 1, -5])
        hyper = {"below": Ball(below), "above": Ball(above_one)}
        yield clipped_policy_loss(new, old, advantages, **hyper, reduction="none"), Ball([cost, -1, 5])
        yield clipped_policy_loss(new, old, advantages, **hyper, reduction="mean"), Ball(cost + 4) / 3


@proof("policy.group_advantages", scope="groups of every number of answers from 3 on and every rewards, every correction and ε")
def advantages_are_standard_scores(group_advantages: Step) -> Claims:
    """Times s + ε the advantages are the rewards less their mean."""
    rewards, eps, correction = tensor("r", N, n), tensor("e"), tensor("k")
    got = group_advantages(rewards, correction=correction, eps=eps)
    centred = rewards - np.expand_dims(np.sum(rewards, axis=1) / Tensor(n), 1)
    spread = np.sqrt(np.expand_dims(np.sum(centred**2, axis=1), 1) / (Tensor(n) - correction))
    yield got * (spread + eps), centred


@enumeration("policy.group_advantages", scope="exact, groups of 4 rewards from −1 to 3 whose deviation is rational, both corrections")
def rewards_by_hand(group_advantages: Step) -> Claims:
    """With a rational deviation the advantages are fractions; a group does not look at another one."""
    other = (Fraction(2), Fraction(0), Fraction(2), Fraction(0))
    for correction, rewards in itertools.product((0, 1), itertools.product((-1, 0, 1, 3), repeat=4)):
        mean = Fraction(sum(rewards), 4)
        squares = sum(((reward - mean) ** 2 for reward in rewards), Fraction(0))
        root = rational_root(squares / (4 - correction))
        if root is None:
            continue
        eps = Fraction(1, 2)
        both = Rational([list(map(Fraction, rewards)), list(other)]) if correction == 0 else Rational([list(map(Fraction, rewards))])
        got = group_advantages(both, correction=Rational(correction), eps=Rational(eps))
        yield got[0], Rational([(reward - mean) / (root + eps) for reward in rewards])
        if correction == 0:
            yield got[1], Rational([(reward - 1) / (1 + eps) for reward in other])


def rational_root(square: Fraction) -> Fraction | None:
    """Return the root of a fraction if it is one too."""
    root = Fraction(round(float(square.numerator) ** 0.5), round(float(square.denominator) ** 0.5))
    return root if root**2 == square else None


# --- experts ---------------------------------------------------------------------------------------------------------------------------


@proof("loss.load_balance", scope="every number of inputs and experts, every probabilities and routes")
def shares_times_probabilities(load_balance_loss: Step) -> Claims:
    """E Σ f P with means over the inputs."""
    likely, routes, weight = tensor("p", N, E), tensor("r", N, E), tensor("w")
    busy = np.sum(routes, axis=0) / Tensor(N)
    yield load_balance_loss(likely, routes, weight=weight), weight * Tensor(E) * np.sum(busy * np.sum(likely, axis=0)) / Tensor(N)


@enumeration("loss.load_balance", scope="exact, all routes of three inputs to one of two and three experts")
def balance_by_counting(load_balance_loss: Step) -> Claims:
    """Equal probabilities cost λ wherever the inputs go; probabilities that follow the routes cost the more, the less equal they are."""
    for experts in (2, 3):
        for chosen in itertools.product(range(experts), repeat=3):
            routes = Rational([[Fraction(index == expert) for expert in range(experts)] for index in chosen])
            equal = 0 * routes + Fraction(1, experts)
            counts = [chosen.count(expert) for expert in range(experts)]
            weight = Rational(Fraction(1, 5))
            yield load_balance_loss(equal, routes, weight=weight), Fraction(1, 5)
            yield load_balance_loss(routes, routes, weight=weight), Fraction(experts * sum(count**2 for count in counts), 45)
