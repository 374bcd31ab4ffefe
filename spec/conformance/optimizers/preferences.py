"""Which of several conventions that make the same steps is meant: the one that uses the hyper-parameters, and is the plainest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..hyperparameters import hyperparameters
from .algorithm import number_of_change, program
from .conventions import DECAYS, Convention


def used_hyperparameters(convention: Convention) -> set[str]:
    """Return the hyper-parameters that a convention depends on."""
    used = {"lr", "lr_decay", "eps_root", "maximize", *convention.needs, *program(convention).parameters}
    used |= {"decay"} if {"beta2", "momentum"} & used else set()
    return used | ({"initial_second_moment"} if convention.initial_second_moment == "0" else set())


def ignored_settings(convention: Convention, settings: Mapping[str, Any]) -> list[str]:
    """Return the hyper-parameters that are on and that a convention does not use, as texts."""
    flags = {
        "nesterov": convention.nesterov_form != "none" or convention.family == "nadam",
        "centered": bool(convention.centered),
        "amsgrad": convention.family == "amsgrad",
    }
    used = used_hyperparameters(convention)
    used |= {"momentum"} if "beta2" in used and not {"decay", "beta1", "beta2"} & set(settings) else set()  # one decay by any name
    table = hyperparameters()
    must_matter = {name for name in settings if name in table and table[name].must_matter and name not in used}
    ignored = {name for name in must_matter if isinstance(settings[name], int | float) and settings[name]}
    ignored |= {name for name, has in flags.items() if settings.get(name) is not None and bool(settings[name]) != has}
    return [f"{name} = {settings[name]!r}" for name in settings if name in ignored]


def preferred_match(members: Iterable[Convention], settings: Mapping[str, Any]) -> Convention:
    """Return the member that uses the hyper-parameters: a correct one first, then a plain one with a usual weight decay."""
    return min(members, key=lambda member: preference(member, settings))


def preference(member: Convention, settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return how far a convention is from what its hyper-parameters say, for sorting."""
    ignored = len(ignored_settings(member, settings))
    return not member.right, ignored, member.deviation_count, DECAYS.index(member.weight_decay), number_of_change(member)
