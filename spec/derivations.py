"""Derivations that a lecturer would show: steps in order, each with the piece of evidence that shows its claim, in `derivations.toml`."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from .evidence import EVIDENCE, load


@functools.cache
def derivations() -> Mapping[str, Mapping[str, Any]]:
    """Return the derivations by name."""
    text = files(__package__).joinpath("derivations.toml").read_text(encoding="utf-8")
    return {record["name"]: record for record in tomllib.loads(text)["derivation"]}


def derivations_of(identifier: str) -> list[tuple[str, str]]:
    """Return the name and title of each derivation that an entry has a part in: as what is derived, or as what a step supports."""
    return [(name, record["title"]) for name, record in derivations().items() if identifier in entries_in(record)]


def entries_in(record: Mapping[str, Any]) -> set[str]:
    """Return the ids of the entries that the steps of a derivation support."""
    load()
    return {record["entry"], *(identifier for step in record["steps"] for identifier in EVIDENCE[step["piece"]].ids)}
