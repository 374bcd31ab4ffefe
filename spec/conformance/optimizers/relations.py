"""How a convention relates to another one that differs in one value: equal, equal at constant lr, or equal with other hyper-parameters.

A relation gives the other convention another learning rate or other hyper-parameters at every step; the tests prove each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from .conventions import Convention, canonical

Adjustment = Callable[[int, Any, SimpleNamespace], tuple[Any, SimpleNamespace]]


def same(t: int, lr: Any, h: SimpleNamespace) -> tuple[Any, SimpleNamespace]:
    """Return the learning rate and the hyper-parameters as they are."""
    return lr, h


def with_rate(factor: Callable[[int, Any, SimpleNamespace], Any]) -> Adjustment:
    """Return the change of the learning rate by a factor."""
    return lambda t, lr, h: (factor(t, lr, h) * lr, h)


def with_hyper(**changes: Callable[[int, Any, SimpleNamespace], Any]) -> Adjustment:
    """Return the change of some hyper-parameters."""
    return lambda t, lr, h: (lr, SimpleNamespace(**{**vars(h), **{name: change(t, lr, h) for name, change in changes.items()}}))


def root_of_weight(t: int, lr: Any, h: SimpleNamespace) -> Any:
    """Return √(1 − β₂ᵗ)."""
    return np.sqrt(1 - h.beta2**t)


CORRECTED_EPS = with_hyper(eps=lambda t, lr, h: h.eps / root_of_weight(t, lr, h))  # ε that joins the root after it is corrected


@dataclass(frozen=True)
class Relation:
    """The value on one axis in another's place, and the learning rate and hyper-parameters with which the steps are the same."""

    axis: str
    value: str
    becomes: str
    words: str = ""
    adjust: Adjustment = same
    at_constant_lr: bool = False
    holds: Callable[[Convention], bool] = lambda c: True


def plain_root(c: Convention) -> bool:
    """Return whether ε is added outside the root, and nothing else beside it depends on t."""
    return c.eps in ("outside", "none") and c.family in ("adam", "amsgrad")


def has_no_decay(c: Convention) -> bool:
    """Return whether nothing but its gradient scales a step."""
    return c.weight_decay == "none"


def weighs_by_no_momentum(c: Convention) -> bool:
    """Return whether its momentum stands at the velocity alone."""
    return not c.dampening.startswith("ema")


def is_corrected(c: Convention) -> bool:
    """Return whether the correction of its squares is the plain one, by β₂, and stands beside the root."""
    return (
        c.family not in ("adan", "soap")  # SOAP counts from its second gradient on
        and c.bias_correction == "both"
        and c.maximum != "corrected"
        and c.mistake not in ("swapped-betas", "complement-beta2", "rootless")
    )


def scales_with_rate(c: Convention) -> bool:
    """Return whether its steps turn with the sign of the learning rate."""
    has_no_sign_of_its_own = has_no_decay(c) and c.nesterov_form != "lookahead" and c.initial_second_moment != "both-given"
    if c.variant == "relative-rate" or c.family in ("schedule_free_sgd", "schedule_free_adamw"):  # the largest or smallest rate matters
        return False
    return has_no_sign_of_its_own and (c.family, c.lr_placement) not in (("adadelta", "none"), ("rprop", "none"), ("adabound", "none"))


def gathers_rates(c: Convention) -> bool:
    """Return whether its first moment may gather the learning rate as well."""
    return c.family == "adam" and c.weight_decay != "preconditioned" and c.mistake != "square-of-mean"


def needs_no_correction(c: Convention) -> bool:
    """Return whether its corrections can be taken into the learning rate and ε."""
    return (
        plain_root(c)
        and c.mistake == "none"
        and c.maximum != "corrected"
        and c.family != "soap"  # whose corrections count from the second gradient on
        and c.weight_decay in ("none", "coupled")
        and c.lr_placement == "outside"
    )


def has_a_direction_alone(c: Convention) -> bool:
    """Return whether its update counts by its direction, so that a factor of both moments is not seen."""
    return c.family == "lamb" and c.eps in ("outside", "none") and c.weight_decay != "in-update" and c.mistake == "none"


RELATIONS: tuple[Relation, ...] = (
    Relation("nesterov_form", "old-velocity", "shifted"),
    Relation(
        "mistake", "stale-lr", "none", at_constant_lr=True, holds=lambda c: c.lr_placement != "inside" or gathers_rates(c) or c.has_velocity
    ),
    Relation("mistake", "frozen-lr", "none", at_constant_lr=True),
    Relation("lr_placement", "outside", "inside", at_constant_lr=True, holds=lambda c: c.has_velocity),
    Relation("lr_placement", "inside", "outside", at_constant_lr=True, holds=gathers_rates),
    Relation("dampening", "from-zero", "none", "η (1 − d) for η", with_rate(lambda t, lr, h: 1 - h.dampening), holds=has_no_decay),
    Relation(
        "dampening",
        "ema",
        "none",
        "η (1 − μ) for η",
        with_rate(lambda t, lr, h: 1 - h.momentum),
        holds=lambda c: has_no_decay(c) and c.mistake != "swapped-momentum" and c.bias_correction == "none" and c.family != "muon",
    ),
    Relation(
        "dampening",
        "ema",
        "none",
        "ε / (1 − μ) for ε",
        with_hyper(eps=lambda t, lr, h: h.eps / (1 - h.momentum)),
        holds=lambda c: c.family == "muon" and c.mistake == "none" and c.bias_correction == "none" and c.weight_decay != "coupled",
    ),
    Relation(
        "eps",
        "hat",
        "outside",
        "ε / √(1 − β₂ᵗ) for ε",
        CORRECTED_EPS,
        holds=is_corrected,
    ),
    Relation(
        "eps",
        "hat-inside",
        "inside",
        "ε / (1 − β₂ᵗ) for ε",
        with_hyper(eps=lambda t, lr, h: h.eps / root_of_weight(t, lr, h) ** 2),
        holds=is_corrected,
    ),
    Relation(
        "eps",
        "inside-squared",
        "inside",
        "ε² for ε",
        with_hyper(eps=lambda t, lr, h: h.eps**2),
        holds=lambda c: c.initial_second_moment != "eps",
    ),
    Relation("eps", "none", "outside", "0 for ε", with_hyper(eps=lambda t, lr, h: 0 * h.eps), holds=lambda c: c.family != "adafactor"),
    Relation(
        "bias_correction",
        "none",
        "both",
        "η (1 − β₁ᵗ) / √(1 − β₂ᵗ) for η and ε / √(1 − β₂ᵗ) for ε",
        lambda t, lr, h: (
            lr * (1 - h.beta1**t) / root_of_weight(t, lr, h),
            SimpleNamespace(**{**vars(h), "eps": h.eps / root_of_weight(t, lr, h)}),
        ),
        holds=needs_no_correction,
    ),
    Relation(
        "bias_correction",
        "none",
        "both",
        "ε / √(1 − β₂ᵗ) for ε",
        CORRECTED_EPS,
        holds=has_a_direction_alone,
    ),
    Relation(
        "weight_decay", "decoupled-without-lr", "decoupled", "λ / η for λ", with_hyper(weight_decay=lambda t, lr, h: h.weight_decay / lr)
    ),
    Relation("weight_decay", "coupled-doubled", "coupled", "2 λ for λ", with_hyper(weight_decay=lambda t, lr, h: 2 * h.weight_decay)),
    Relation("weight_decay", "decoupled-doubled", "decoupled", "2 λ for λ", with_hyper(weight_decay=lambda t, lr, h: 2 * h.weight_decay)),
    Relation("weight_decay", "coupled-wrong-sign", "coupled", "−λ for λ", with_hyper(weight_decay=lambda t, lr, h: -h.weight_decay)),
    Relation("weight_decay", "decoupled-wrong-sign", "decoupled", "−λ for λ", with_hyper(weight_decay=lambda t, lr, h: -h.weight_decay)),
    Relation("mistake", "ascent-sign", "none", "−η for η", with_rate(lambda t, lr, h: -1), holds=scales_with_rate),
    Relation(
        "mistake", "squared-momentum", "none", "μ² for μ", with_hyper(momentum=lambda t, lr, h: h.momentum**2), holds=weighs_by_no_momentum
    ),
    Relation("mistake", "swapped-momentum", "none", "1 − μ for μ", with_hyper(momentum=lambda t, lr, h: 1 - h.momentum)),
    Relation(
        "mistake", "negative-momentum", "none", "−μ for μ", with_hyper(momentum=lambda t, lr, h: -h.momentum), holds=weighs_by_no_momentum
    ),
    Relation(
        "mistake",
        "undecayed-velocity",
        "none",
        "1 for μ",
        with_hyper(momentum=lambda t, lr, h: 0 * h.momentum + 1),
        holds=weighs_by_no_momentum,
    ),
    Relation(
        "mistake",
        "decayed-gradient",
        "none",
        "μ η for η",
        with_rate(lambda t, lr, h: h.momentum),
        holds=lambda c: c.weight_decay in ("none", "coupled"),
    ),
    Relation(
        "mistake",
        "swapped-betas",
        "none",
        "β₂ for β₁ and β₁ for β₂",
        with_hyper(beta1=lambda t, lr, h: h.beta2, beta2=lambda t, lr, h: h.beta1),
    ),
    Relation("mistake", "complement-beta1", "none", "1 − β₁ for β₁", with_hyper(beta1=lambda t, lr, h: 1 - h.beta1)),
    Relation("mistake", "complement-beta2", "none", "1 − β₂ for β₂", with_hyper(beta2=lambda t, lr, h: 1 - h.beta2)),
)


def relation_of(convention: Convention) -> tuple[Relation, Convention] | None:
    """The first relation that applies to one of its values, and the convention that it leads to."""
    for relation in RELATIONS:
        differs = getattr(convention, relation.axis) == relation.value != getattr(canonical(convention.family), relation.axis)
        if differs and relation.holds(convention):
            return relation, replace(convention, **{relation.axis: relation.becomes})
    return None


def relation_in_words(convention: Convention) -> str:
    """How a convention relates to the canonical form of its family, one value after the other, as a phrase."""
    plain, at_constant_lr, changes, now = canonical(convention.family), False, [], convention
    while step := relation_of(now):
        relation, now = step
        at_constant_lr |= relation.at_constant_lr
        changes += [relation.words] if relation.words else []
    if convention == plain:
        return "the canonical form"
    if now == convention:
        return f"no change of hyper-parameters makes it {plain.name}"
    words = f"equal to {now.name}" + (" while the learning rate is constant" if at_constant_lr else "")
    return words + (f", with {', then '.join(changes)}" if changes else "")
