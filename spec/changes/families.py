"""Families of formulas: the combinations of values on their axes, at most so many of them off the plain ones, and the rules of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .function import FunctionProgram
from .rules import Rule, apply, in_roles


@dataclass(frozen=True)
class Choice:
    """A value on an axis: its words, and the rules that make it, none where it is the plain one."""

    axis: str
    kind: str  # the axis whose values it takes: two axes may take the same
    value: str
    words: str = ""
    place: str = ""  # where in the formula, for the words
    rules: Sequence[Rule] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    late: bool = False
    alone: bool = False
    unstable: bool = False


@dataclass(frozen=True)
class Combination:
    """One value on every axis of a family."""

    choices: tuple[Choice, ...]

    @property
    def changes(self) -> list[str]:
        """Return in words what is not plain; the same value on two axes of one kind is one change."""
        changed = [choice for choice in self.choices if choice.words]
        kinds = {(choice.kind, choice.value): [other for other in self.choices if other.kind == choice.kind] for choice in changed}
        joint = {key for key, others in kinds.items() if len(others) > 1 and {(other.kind, other.value) for other in others} == {key}}
        words: dict[str, None] = {}
        for choice in changed:
            is_joint = (choice.kind, choice.value) in joint or not choice.place
            words[choice.words if is_joint else f"{choice.words}, {choice.place}"] = None
        return list(words)

    @property
    def axes(self) -> dict[str, str]:
        """Return the value on every axis; of axes of one kind, both where they differ."""
        values: dict[str, dict[str, None]] = {}
        counts: dict[str, list[str]] = {}
        for choice in self.choices:
            counts.setdefault(choice.kind, []).append(choice.axis)
            values.setdefault(choice.kind, {})[choice.value] = None
        return {kind if len(axes) > 1 else axes[0]: "/".join(values[kind]) for kind, axes in counts.items()}

    @property
    def is_unstable(self) -> bool:
        """Return whether it is equal in real numbers and worse in floats."""
        return any(choice.unstable for choice in self.choices)

    def label(self, prefixed: Sequence[str], *, complete: bool) -> str:
        """Return the values that are not plain, or all of them, with the names of their axes where those are prefixed."""
        chosen = [choice for choice in self.choices if complete or choice.words]
        return "/".join(f"{choice.axis}-{choice.value}" if choice.axis in prefixed else choice.value for choice in chosen)

    def apply(self, program: FunctionProgram, roles: Mapping[str, str]) -> FunctionProgram:
        """Return the program after the rules of all values, the late ones last."""
        for choice in sorted(self.choices, key=lambda choice: choice.late):
            program = apply(program, choice.rules, {**roles, **choice.roles})
        return program


def combinations(family: Mapping[str, Any], axes: Mapping[str, Any], formula: Mapping[str, Any]) -> Iterator[Combination]:
    """Yield the combinations of a family for one of its formulas, without the plain one."""
    for choices in itertools.product(*(choices_of(axis, axes, formula) for axis in family["axes"])):
        combination = Combination(choices)
        count = len(combination.changes)
        allowed = 1 if any(choice.alone for choice in choices) else family["changes"]
        if 0 < count <= allowed and not any(is_excluded(combination, exclusion) for exclusion in family.get("excluded", ())):
            yield combination


def choices_of(axis: Mapping[str, Any], axes: Mapping[str, Any], formula: Mapping[str, Any]) -> Iterator[Choice]:
    """Yield the values of an axis, those that a formula states for itself in the place of `*`."""
    name, kind = axis["name"], axis.get("of", axis["name"])
    plain = formula.get("plain", {}).get(name, axis["values"][0])
    for value in axis["values"]:
        record = axes[kind].get(value, {})
        if value == "*":
            for own, text in formula[name].items():
                words = in_roles(record["words"], {"VALUE": own.replace("-", " ")})
                yield Choice(name, kind, own, words, rules=record["rules"], roles={"AXES": text}, late=record.get("late", False))
        elif value == plain:
            yield Choice(name, kind, value)
        else:
            rules = [record] if "alternatives" in record else record["rules"]
            flags = {flag: record.get(flag, False) for flag in ("late", "alone", "unstable")}
            yield Choice(name, kind, value, record["words"], axis.get("place", ""), rules, axis.get("roles", {}), **flags)


def is_excluded(combination: Combination, exclusion: Mapping[str, str]) -> bool:
    """Return whether a combination has the values that a family excludes; `!value` is any other value."""
    values = {choice.axis: choice.value for choice in combination.choices}
    return all((values[axis] != value[1:]) if value.startswith("!") else (values[axis] == value) for axis, value in exclusion.items())
