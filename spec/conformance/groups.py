"""Parameter groups of plain classes: a list of dicts, each with its arrays under "params" and with hyper-parameters of its own.

As in torch, the first group has the hyper-parameters of the constructor, and the others state those that differ. Whether a class takes
groups, how it wants their gradients, and where it keeps the new points and the learning rates is tried on a few numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .configs import fields_of, signature_of
from .forms import IN_PLACE, TRIAL_GRADIENT, TRIAL_STEPS, Form, StartedOptimizer, has_moved, numbers_of, savers_of
from .hyperparameters import hyperparameters
from .implementation import ArraysRun, Group, NotOffered

MEMBERS = "params"  # the key of the arrays of a group
GROUPS = "groups"  # the container of which a list of dicts is one
RATE_NAMES = ("lr", *hyperparameters()["lr"].aliases)


@dataclass(frozen=True)
class GroupsForm(Form):
    """The form of groups: `own` are the hyper-parameters that each states, `sizes` the numbers of their arrays."""

    container: str = GROUPS
    sizes: tuple[int, ...] = ()
    own: tuple[Mapping[str, Any], ...] = ()
    is_nested: bool = False  # whether gradients are a list for each group

    def split(self, arrays: Sequence[Any]) -> list[list[Any]]:
        """Return the arrays of each group."""
        ends = np.cumsum(self.sizes)
        return [list(arrays[end - size : end]) for size, end in zip(self.sizes, ends, strict=True)]

    def hand_over(self, thetas: Sequence[Any]) -> Any:
        """Return the groups."""
        return [{MEMBERS: members, **own} for members, own in zip(self.split(thetas), self.own, strict=True)]

    def pack(self, arrays: Sequence[Any]) -> Any:
        """Return gradients as the optimizer takes them."""
        return self.split(arrays) if self.is_nested else list(arrays)

    def unpack(self, packed: Any, count: int) -> list[Any]:
        """Return the arrays of groups, or of a list or lists; TypeError for another number of them."""
        arrays = list(members_of(packed))
        if len(arrays) != count:
            raise TypeError(f"it returned {len(arrays)} arrays where those of its groups are due, {count}")
        return arrays


def members_of(packed: Any) -> Iterator[Any]:
    """Yield the arrays of nested lists and of groups."""
    if isinstance(packed, Mapping):
        yield from members_of(packed.get(MEMBERS, []))
    elif isinstance(packed, list | tuple):
        for member in packed:
            yield from members_of(member)
    elif packed is not None:
        yield packed


def kept_groups(optimizer: Any, count: int) -> tuple[str, list[Any]]:
    """Return the attribute in which an optimizer keeps its groups, and these dicts; nothing where it keeps none."""
    for name, value in getattr(optimizer, "__dict__", {}).items():
        if isinstance(value, list | tuple) and len(value) == count and all(isinstance(group, dict) and MEMBERS in group for group in value):
            return name, list(value)
    return "", []


def set_rates(optimizer: Any, rates: Sequence[float]) -> bool:
    """Set the learning rates of the groups that an optimizer keeps; return whether it keeps any."""
    _, groups = kept_groups(optimizer, len(rates))
    names = [name for name in RATE_NAMES if any(name in group for group in groups)]
    for group, rate in zip(groups, rates, strict=False) if names else ():
        group[names[0]] = rate
    return bool(names)


# --- how a class takes them -----------------------------------------------------------------------------------------------------------


@dataclass
class GroupsOf:
    """The groups of a class, with which it is started."""

    kind: Any  # a plain class, as `plain` knows it
    groups: Sequence[Group]
    form: GroupsForm = field(init=False)

    def __post_init__(self) -> None:
        """State the hyper-parameters of each group but the first, with the defaults where only another group has other values."""
        names = dict.fromkeys(name for group in self.groups for name in group.settings)
        values = [{**{name: self.kind.parameters[name] for name in names}, **group.settings} for group in self.groups]
        first = values[0]
        rate = self.kind.rate_name
        own = [{name: value for name, value in stated.items() if value != first[name]} for stated in values[1:]]
        rates = [{rate: group.lr} if rate else {} for group in self.groups[1:]]
        stated = ({}, *({**lr, **other} for lr, other in zip(rates, own, strict=True)))
        self.form = GroupsForm(sizes=tuple(len(group.thetas) for group in self.groups), own=stated)

    @property
    def thetas(self) -> list[Any]:
        """All arrays."""
        return [theta for group in self.groups for theta in group.thetas]

    def start(self, form: Form) -> StartedOptimizer:
        """Return a new object of the class; its arrays are copies."""
        first = self.groups[0]
        return self.kind.start_in_form(form, [theta.copy(order="K") for theta in self.thetas], first.lr, first.settings)

    def gradients(self) -> list[Any]:
        """Return gradients to try."""
        return [np.resize(np.array(TRIAL_GRADIENT, theta.dtype), theta.shape) for theta in self.thetas]

    def find_form(self) -> Form:
        """Return the first form in which the class moves the arrays; NotOffered where it does in none."""
        if not self.kind.takes_point or any(fields_of(parameter) for parameter in signature_of(self.kind.kind).parameters.values()):
            raise NotOffered
        if self.kind.takes_rate and len(self.groups) > 1:
            raise NotOffered("its step takes one learning rate for all")
        reason: BaseException | None = None
        for is_nested in (True, False):  # a list for each group first: what wants these takes the entries of an array for them
            form = replace(self.form, is_nested=is_nested)
            try:
                with np.errstate(all="ignore"):
                    found = self.moving_form(form)
            except BaseException as problem:
                reason = reason or problem
                continue
            if found:
                return found
        raise NotOffered(f"it takes no list of dicts with params: {type(reason).__name__}" if reason else "its arrays do not move")

    def moving_form(self, form: Form) -> Form | None:
        """Return a form with the place where the new points are; None where no array has moved."""
        started = self.start(form)
        before = [theta.copy() for theta in self.thetas]
        for _ in range(TRIAL_STEPS):
            result = started.step(form.pack(self.gradients()), self.groups[0].lr)
        kept = ("",) if result is not None else (IN_PLACE, kept_groups(started.optimizer, len(self.groups))[0])
        candidates = (replace(form, kept=attribute) for attribute in kept if attribute or result is not None)
        return next((candidate for candidate in candidates if has_moved(candidate, result, started, before)), None)

    def run(self) -> ArraysRun:
        """Return a run; where it keeps its learning rates in none of its groups, it is said that they cannot be changed."""
        form, count = self.find_form(), len(self.thetas)
        started = self.start(form)
        changes_lr = set_rates(started.optimizer, [group.lr for group in self.groups])

        def step(grads: Sequence[Any], rates: Sequence[float]) -> list[Any]:
            set_rates(started.optimizer, rates)
            return form.new_points(started.step(form.pack(grads), rates[0]), started, count)

        return ArraysRun(step, *savers_of(started.optimizer), numbers=lambda: numbers_of(started.optimizer), changes_lr=changes_lr)
