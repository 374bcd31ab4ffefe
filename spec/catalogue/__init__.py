"""The catalogue: what is claimed, chapter by chapter, as data. TOML in, typed records out, checked against schema.json."""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One entry: a formula, a statement about formulas, presets, or something that only words can judge."""

    id: str
    chapter: str
    kind: str
    status: str
    title: str
    sources: tuple[str, ...]
    statement: str = ""
    domain: str = ""
    note: str = ""
    exception: str = ""
    errata: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    variants: tuple[Mapping[str, str], ...] = field(default=())
    presets: tuple[Mapping[str, Any], ...] = field(default=())


@dataclass(frozen=True)
class Erratum:
    """One printed error: where, what, what is right, and who can decide it."""

    id: str
    chapter: str
    where: str
    printed: str
    correct: str
    kind: str
    decided_by: str
    why: str = ""


@dataclass(frozen=True)
class Equivalent:
    """One change of a formula's source that leaves the formula the same, and why: no evidence can refute it."""

    id: str
    line: str
    change: str
    why: str


@dataclass(frozen=True)
class Catalogue:
    """All chapters: their titles, entries and errata, by name and id, and the mutants that are equivalent."""

    chapters: Mapping[str, str]
    entries: Mapping[str, Entry]
    errata: Mapping[str, Erratum]
    equivalents: tuple[Equivalent, ...]

    def find(self, name: str) -> Entry:
        """The entry of this id or alias."""
        for entry in self.entries.values():
            if name == entry.id or name in entry.aliases:
                return entry
        raise KeyError(name)


def validated(name: str, text: str) -> dict[str, Any]:
    """One chapter's data, if it fits the schema; otherwise a ValueError that says where it does not."""
    import jsonschema

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ValueError(f"{name}.toml: {problem}") from None
    misfit = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema()).iter_errors(data))
    if misfit is not None:
        raise ValueError(f"{name}.toml: {misfit.json_path}: {misfit.message}")
    return data


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON Schema of a chapter."""
    loaded: dict[str, Any] = json.loads((files(__name__) / "schema.json").read_text(encoding="utf-8"))
    return loaded


def frozen(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record with its lists as tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}


@functools.cache
def catalogue() -> Catalogue:
    """The whole catalogue, read once."""
    chapters: dict[str, str] = {}
    entries: dict[str, Entry] = {}
    errata: dict[str, Erratum] = {}
    equivalents: list[Equivalent] = []
    for file in sorted(files(__name__).iterdir(), key=lambda one: one.name):
        name, _, ending = file.name.rpartition(".")
        if ending != "toml" or name == "sources":
            continue
        data = validated(name, file.read_text(encoding="utf-8"))
        chapters[name] = data["title"]
        for record in data["entry"]:
            add(entries, Entry(chapter=name, **frozen(record)))
        for record in data.get("erratum", []):
            add(errata, Erratum(chapter=name, kind=record.pop("class"), **frozen(record)))
        equivalents += [Equivalent(**record) for record in data.get("equivalent", [])]
    return Catalogue(chapters, entries, errata, tuple(equivalents))


def add(records: dict[str, Any], record: Entry | Erratum) -> None:
    """Keep a record under its id, which no other may have."""
    if record.id in records:
        raise ValueError(f"{record.chapter}.toml: {record.id} stands in {records[record.id].chapter}.toml already")
    records[record.id] = record
