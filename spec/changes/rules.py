"""Rules: changes of a program as data. A rule is a record with one of the keys that `apply_rule` matches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from .program import NotApplicable, Statements

Rule = Mapping[str, Any]
P = TypeVar("P", bound=Statements)


def apply(program: P, rules: Sequence[Rule], roles: Mapping[str, str]) -> P:
    """Return the program after these rules, one after the other; NotApplicable where one finds nothing to change."""
    for rule in rules:
        program = apply_rule(program, rule, roles)
    return program


def apply_rule(program: P, rule: Rule, roles: Mapping[str, str]) -> P:
    """Return the program after one rule."""
    within = names_of(rule.get("within", ()), roles)
    match rule:
        case {"alternatives": alternatives}:
            return apply_first(program, alternatives, roles)
        case {"replace": pairs}:
            return program.replaced({in_roles(old, roles): in_roles(new, roles) for old, new in pairs.items()}, within)
        case {"assign": text}:
            return program.with_assignment(in_roles(text, roles))
        case {"insert": text, "at": at}:
            return program.inserted(in_roles(text, roles), at)
        case {"previous": name}:
            return program.with_previous(in_roles(name, roles), within)
        case {"updated": name}:
            return program.with_updated(in_roles(name, roles))
        case {"state": initial}:
            return program.with_state({in_roles(name, roles): in_roles(text, roles) for name, text in initial.items()})
        case {"inline": name}:
            return program.inlined(name)
    raise ValueError(
        f"a rule must have one of the keys replace, assign, insert, previous, updated, state, inline, alternatives, got {dict(rule)}"
    )


def apply_first(program: P, alternatives: Sequence[Sequence[Rule]], roles: Mapping[str, str]) -> P:
    """Return the program after the first list of rules that applies as a whole."""
    reasons = []
    for rules in alternatives:
        try:
            return apply(program, rules, roles)
        except NotApplicable as problem:
            reasons.append(str(problem))
    raise NotApplicable("; ".join(reasons))


def names_of(within: str | Sequence[str], roles: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of a rule's `within`, roles resolved."""
    return tuple(part for name in ([within] if isinstance(within, str) else within) for part in in_roles(name, roles).split())


def in_roles(text: str, roles: Mapping[str, str]) -> str:
    """Return a text with the names of roles, such as FIRST, replaced by the names that a family has for them."""
    return re.sub(r"\b[A-Z]{2,}\b", lambda name: roles.get(name[0], name[0]), text)
