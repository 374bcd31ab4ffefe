"""Flags: the reasons why vectors exist, read from `flags.toml`."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from ..lines.text import plain_words


@dataclass(frozen=True)
class Flag:
    """A reason: its id, what the case is like, and what shows there."""

    id: str
    meaning: str
    effect: str


@functools.cache
def flags() -> Mapping[str, Flag]:
    """Return the flags, by the words of the case generator."""
    table = tomllib.loads(files(__package__).joinpath("flags.toml").read_text(encoding="utf-8"))
    return {text: Flag(name, row["meaning"], row["effect"]) for name, row in table.items() for text in row["separates"]}


def flag_of(separates: str) -> Flag:
    """Return the flag of a case, by what it separates; one that `flags.toml` does not explain has the words of the generator."""
    name = re.sub(r"[^a-z0-9]+", "-", plain_words(separates).lower()).strip("-")
    return flags().get(separates) or Flag(name, "", "")


def words_of(identifier: str) -> dict[str, str]:
    """Return what a flag means and what shows there, by its id."""
    known = {flag.id: {"meaning": flag.meaning, "effect": flag.effect} for flag in flags().values()}
    other = {"meaning": f"a case that separates {identifier.replace('-', ' ')}", "effect": "they differ here"}
    return known.get(identifier, other)
