"""The catalogue: what is claimed, chapter by chapter, as data. TOML is read into typed records and checked against schema.json.

**Ids.** An entry's id is permanent: dotted, by topic, in lower case. A formula has a second permanent name, the place of its function:
`chapter.function`, as it is imported from trainspec.reference. The last part of a new id is the name of its function; an entry whose id
ends otherwise states `function`. Both names, the bare name of the function, and the `aliases` of an entry are accepted wherever an id is.
A better id is added as an alias; nothing that has been an id ceases to be one.

**Errata** are E and a number from 01 upwards, without further zeros: E07, E83, E100. Numbers are not reused.

**Statuses and classes** are explained in STATUSES and CLASSES.

Files beside the chapters: `sources.toml` is the bibliography; folders such as `conventions/` are not chapters.
"""

from __future__ import annotations

import difflib
import functools
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, TypeVar

from ._validation import check_against_schema, schema, with_tuples
from .sources import Citation, CitationAnswer, Source, bibliography, check_sources, decks, parse_citation

__all__ = [
    "CLASSES",
    "KINDS",
    "STATUSES",
    "Catalogue",
    "Citation",
    "CitationAnswer",
    "Entry",
    "Equivalent",
    "Erratum",
    "Figures",
    "Preset",
    "PrintedFormula",
    "Source",
    "UnknownNameError",
    "bibliography",
    "catalogue",
    "check_data",
    "decks",
    "parse_citation",
    "read_title",
    "schema",
    "similar_names",
]

KINDS: Mapping[str, str] = {
    "formula": "a formula, with a function in trainspec.reference",
    "statement": "a statement about formulas",
    "presets": "values of hyper-parameters that a source recommends",
    "qualitative": "advice or opinion: nothing in it can be computed",
}
STATUSES: Mapping[str, str] = {
    "ok": "the source states it, and it is right as printed",
    "erratum": "a source prints it wrong: the entry has the corrected form, and the erratum says what was printed",
    "omission": "a source leaves out a term or a condition without which it is not true",
    "overclaim": "a source claims it in general; it is true in the cases that the entry names",
    "variant": "another convention, in use beside the one of the sources",
    "lost": "the source has it, but the formula was lost in the text of the deck; it is completed from elsewhere",
    "completion": "no deck states it: added because other entries need it, or to answer a question that a source asks",
}
CLASSES: Mapping[str, str] = {
    "wrong": "what is printed is false",
    "omission": "a term or a condition is missing",
    "overclaim": "what is claimed in general holds in special cases only",
    "wording": "the words say something else than what is meant",
    "naming": "a wrong name or label",
    "spelling": "a spelling mistake",
    "notation": "symbols that clash, change or are not defined",
}

T = TypeVar("T")


class UnknownNameError(KeyError):
    """A name that stands for nothing of its kind; the message has those that are spelled like it."""

    def __init__(self, kind: str, name: str, names: Iterable[str]) -> None:
        self.kind, self.name, self.suggestions = kind, name, similar_names(name, names)

    def __str__(self) -> str:
        """Return the message, without the quotes that a KeyError puts around it."""
        hint = f"; did you mean {' or '.join(self.suggestions)}?" if self.suggestions else ""
        return f"there is no {self.kind} {self.name!r}{hint}"


def similar_names(name: str, names: Iterable[str], count: int = 3) -> list[str]:
    """Return the names that are spelled like a name, or end like it, the most similar first."""
    spellings = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), spellings, n=count, cutoff=0.6)
    parts = {known.rpartition(".")[2]: known for known in spellings}
    close += [parts[part] for part in difflib.get_close_matches(name.lower().rpartition(".")[2], parts, n=count, cutoff=0.75)]
    return [spellings[known] for known in dict.fromkeys(close)][:count]


@dataclass(frozen=True)
class Preset:
    """Values of a formula's keyword arguments that a source recommends, as exact decimals; `start` holds initial values of its state."""

    name: str
    source: Citation
    values: Mapping[str, str | int]
    start: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, float]:
        """Return the keyword arguments as numbers: whole ones where the catalogue writes whole ones."""
        return {key: value if isinstance(value, int) else float(value) for key, value in self.values.items()}


@dataclass(frozen=True)
class Figures:
    """One row of figures that an entry states."""

    label: str
    values: Mapping[str, str | int]


@dataclass(frozen=True)
class Entry:
    """One entry: a formula, a statement about formulas, presets, or something that only words can judge."""

    id: str
    chapter: str
    kind: str
    status: str
    title: str
    sources: tuple[Citation, ...]
    function: str = ""
    statement: str = ""
    domain: str = ""
    note: str = ""
    exception: str = ""
    errata: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    variants: tuple[Mapping[str, str], ...] = ()
    presets: tuple[Preset, ...] = ()
    presets_of: str = ""
    figures: tuple[Figures, ...] = ()
    repeated: Mapping[str, Any] = field(default_factory=dict)
    no_continuity: str = ""

    @property
    def path(self) -> str:
        """Return where the function of a formula stands in trainspec.reference: chapter.function; empty for other entries."""
        return f"{self.chapter}.{self.function}" if self.function else ""

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names that the entry answers to, its id first."""
        return tuple(dict.fromkeys(name for name in (self.id, *self.aliases, self.path, self.function) if name))

    @property
    def slides(self) -> tuple[tuple[str, str], ...]:
        """Return the slides that the entry cites, each with the abbreviation of its deck."""
        return tuple((citation.key, slide) for citation in self.sources for slide in citation.slides)


@dataclass(frozen=True)
class PrintedFormula:
    """A formula of the reference as it is printed: its id, what is printed in words, and the changes of it, as rules of spec/changes."""

    name: str
    formula: str
    words: str
    changes: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Erratum:
    """One printed error: where, what, what is right, who can decide it and did so when, and the formulas that are printed wrong."""

    id: str
    chapter: str
    sources: tuple[Citation, ...]
    printed: str
    correct: str
    kind: str
    decided_by: str
    decided: str
    why: str = ""
    printed_formulas: tuple[PrintedFormula, ...] = ()

    @property
    def where(self) -> str:
        """Return where it is printed."""
        return "; ".join(citation.short for citation in self.sources)

    @property
    def slides(self) -> tuple[tuple[str, str], ...]:
        """Return the slides that print it, each with the abbreviation of its deck."""
        return tuple((citation.key, slide) for citation in self.sources for slide in citation.slides)


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

    @functools.cached_property
    def ids(self) -> Mapping[str, str]:
        """Return the id that every name stands for: ids, aliases, places and names of functions."""
        ids = {identifier: identifier for identifier in self.entries}
        for entry in self.entries.values():
            for name in entry.names:
                if ids.setdefault(name, entry.id) != entry.id:
                    raise ValueError(f"{entry.chapter}.toml: {name} names both {entry.id} and {ids[name]}")
        return ids

    def find(self, name: str) -> Entry:
        """Return the entry of this id, alias or function; an UnknownNameError if there is none."""
        if name not in self.ids:
            raise UnknownNameError("entry", name, self.ids)
        return self.entries[self.ids[name]]

    def find_erratum(self, name: str) -> Erratum:
        """Return the erratum of this id, which may be written e7 or E07; an UnknownNameError if there is none."""
        identifier = f"E{int(name[1:]):02}" if name[1:].isdigit() else name
        if name[:1].upper() != "E" or identifier not in self.errata:
            raise UnknownNameError("erratum", name, self.errata)
        return self.errata[identifier]

    def presets(self, name: str) -> tuple[Preset, ...]:
        """Return the presets of a formula, wherever the catalogue states them, or those that an entry states for another one."""
        entry = self.find(name)
        elsewhere = (other.presets for other in self.entries.values() if other.presets_of == entry.id)
        return tuple(preset for presets in (entry.presets, *elsewhere) for preset in presets)

    def entries_with(self, erratum: str) -> tuple[Entry, ...]:
        """Return the entries that an erratum concerns."""
        return tuple(entry for entry in self.entries.values() if erratum in entry.errata)


@functools.cache
def catalogue() -> Catalogue:
    """Return the whole catalogue, read once; `check_data` compares its files with their schema, which takes most of the time."""
    chapters: dict[str, str] = {}
    entries: dict[str, Entry] = {}
    errata: dict[str, Erratum] = {}
    equivalents: list[Equivalent] = []
    for name, text in chapter_texts():
        data = read_chapter(name, text)
        chapters[name] = data["title"]
        for record in data["entry"]:
            add_record(entries, read_record(name, record, as_entry))
        for record in data.get("erratum", []):
            add_record(errata, read_record(name, record, as_erratum))
        equivalents += [Equivalent(**record) for record in data.get("equivalent", [])]
    return Catalogue(chapters, entries, errata, tuple(equivalents))


def read_title(chapter: str, identifier: str) -> str:
    """Return the title of an entry from the text of its chapter alone: to read all chapters takes its time."""
    records = tomllib.loads(files(__name__).joinpath(f"{chapter}.toml").read_text(encoding="utf-8"))["entry"]
    return next(str(record["title"]) for record in records if record["id"] == identifier)


def chapter_texts() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every chapter, by name."""
    for file in sorted(files(__name__).iterdir(), key=lambda file: file.name):
        name, _, ending = file.name.rpartition(".")
        if file.is_file() and ending == "toml" and name != "sources":
            yield name, file.read_text(encoding="utf-8")


def read_chapter(name: str, text: str) -> dict[str, Any]:
    """Return one chapter's data; a ValueError says where it is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ValueError(f"{name}.toml: {problem}") from None


def parse_chapter(name: str, text: str) -> dict[str, Any]:
    """Return one chapter's data, if it fits the schema; otherwise a ValueError says where it does not."""
    data = read_chapter(name, text)
    check_against_schema(f"{name}.toml", data)
    return data


def check_data() -> None:
    """Raise a ValueError that says where a chapter or the bibliography does not fit its schema, if one does not."""
    check_sources()
    for name, text in chapter_texts():
        parse_chapter(name, text)


def read_record(chapter: str, record: dict[str, Any], build: Callable[[str, dict[str, Any]], T]) -> T:
    """Return what a record of a chapter says; a ValueError names the record that it comes from."""
    try:
        return build(chapter, record)
    except ValueError as problem:
        raise ValueError(f"{chapter}.toml: {record['id']}: {problem}") from None


def as_entry(chapter: str, record: dict[str, Any]) -> Entry:
    """Return the entry that a record states; the function of a formula is the last part of its id unless it is stated."""
    fields = with_tuples(record)
    fields["sources"] = tuple(map(parse_citation, fields["sources"]))
    fields["presets"] = tuple(map(as_preset, fields.get("presets", ())))
    fields["figures"] = tuple(Figures(row["label"], without(row, "label")) for row in fields.get("figures", ()))
    if fields["kind"] == "formula":
        last_part = fields["id"].rpartition(".")[2]
        if fields.get("function") == last_part:
            raise ValueError(f"function = {last_part!r} need not be stated: the id ends so")
        fields.setdefault("function", last_part)
    return Entry(chapter=chapter, **fields)


def as_preset(record: Mapping[str, Any]) -> Preset:
    """Return the preset that a record states."""
    values = without(record, "name", "source", "start")
    return Preset(record["name"], parse_citation(record["source"]), values, record.get("start", {}))


def as_erratum(chapter: str, record: dict[str, Any]) -> Erratum:
    """Return the erratum that a record states."""
    fields = without(record, "class", "where", "printed_formulas")
    formulas = tuple(PrintedFormula(**with_tuples(formula)) for formula in record.get("printed_formulas", ()))
    sources = tuple(map(parse_citation, record["where"]))
    return Erratum(chapter=chapter, kind=record["class"], sources=sources, printed_formulas=formulas, **fields)


def without(record: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return a record without some of its keys."""
    return {key: value for key, value in record.items() if key not in keys}


def add_record(records: dict[str, Any], record: Entry | Erratum) -> None:
    """Keep a record under its id, which no other may have."""
    if record.id in records:
        raise ValueError(f"{record.chapter}.toml: {record.id} stands in {records[record.id].chapter}.toml already")
    records[record.id] = record
