"""What libraries follow: the rows that `trainspec matrix --json` has printed, read from a file and checked.

`libraries.json` holds those of the libraries that this version was tried with; `nox -s libraries` writes it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from ..conformance.optimizers.combinations import find_convention
from ..conformance.optimizers.conventions import AXES as VALUES
from ..conformance.optimizers.conventions import FAMILIES
from .addresses import entry_path
from .differences import AXES, place_of

RECORDED = files(__package__).joinpath("libraries.json")
TEXTS = ("library", "version", "formula", "target", "verdict", "message")  # keys of a row whose values are texts


@dataclass(frozen=True)
class LibraryRow:
    """What a library has for a formula, and what it follows, in words; `entry` is the id that it is a matter of."""

    library: str
    version: str
    formula: str
    target: str
    verdict: str
    name: str
    message: str
    convention: str
    entry: str

    @property
    def family(self) -> str:
        """The family of the convention; nothing where it follows none."""
        return find_convention(self.convention).family if self.convention else ""

    @property
    def address(self) -> str:
        """Where what is followed has its equations: the convention on the page of its family, or the entry."""
        return place_of(find_convention(self.convention)) if self.convention else entry_path(self.entry) if self.entry else ""


def read_rows(path: Traversable, entries: Mapping[str, Any]) -> list[LibraryRow]:
    """Return the rows of a file; a ValueError if it is not what the matrix prints."""
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise ValueError(f"{path} cannot be read as JSON: {problem}") from None
    if not isinstance(records, list) or not all(is_row(record) for record in records):
        raise ValueError(f"{path} is not what `trainspec matrix --json` prints")
    return [as_row(record, entries) for record in records]


def is_row(record: Any) -> bool:
    """Return whether a record has the texts of a row."""
    return isinstance(record, dict) and all(isinstance(record.get(key), str) for key in TEXTS)


def as_row(record: Mapping[str, Any], entries: Mapping[str, Any]) -> LibraryRow:
    """Return a record as a row, with the entry of the formula or of the family of the convention."""
    convention, against = str(record.get("convention") or ""), str(record.get("against") or "")
    families = {family.id: family.formula for family in FAMILIES.values()}
    entry = against if against in entries else families.get(convention.partition("/")[0], "")
    name = str(record.get("name") or convention or against)
    return LibraryRow(**{key: record[key] for key in TEXTS}, name=name, convention="" if against else convention, entry=entry)


def by_library(rows: Sequence[LibraryRow]) -> dict[str, list[LibraryRow]]:
    """Return the rows of each library, under its name and version."""
    return grouped(rows, lambda row: f"{row.library} {row.version}".strip())


def by_formula(rows: Sequence[LibraryRow]) -> dict[str, list[LibraryRow]]:
    """Return the rows of each formula that libraries answer in more than one way."""
    formulas = grouped(rows, lambda row: row.formula)
    return {formula: answers for formula, answers in formulas.items() if len({row.name for row in answers}) > 1}


@dataclass(frozen=True)
class Change:
    """What changes for a formula from one library to another: both names in the libraries, and on each axis the words before and after."""

    formula: str
    before: LibraryRow
    after: LibraryRow
    axes: tuple[tuple[str, str, str], ...]


def changes_between(rows: Sequence[LibraryRow]) -> dict[tuple[str, str], list[Change]]:
    """Return for each two libraries what changes from the first to the second, for the optimizers that both have a convention of."""
    libraries = by_library([row for row in rows if row.convention])
    checklists: dict[tuple[str, str], list[Change]] = {}
    for first, second in itertools.combinations(libraries, 2):
        afters = {row.formula: row for row in reversed(libraries[second])}
        befores = {row.formula: row for row in reversed(libraries[first]) if row.formula in afters}
        checklists[first, second] = [
            Change(formula, befores[formula], afters[formula], axes_that_differ(befores[formula], afters[formula]))
            for formula in sorted(befores)
        ]
    return {pair: changes for pair, changes in checklists.items() if changes}


def axes_that_differ(before: LibraryRow, after: LibraryRow) -> tuple[tuple[str, str, str], ...]:
    """Return the axes on which two conventions differ, with what each of them does."""
    first, second = find_convention(before.convention), find_convention(after.convention)
    if first.family != second.family:
        return (("optimizer", first.name, second.name),)
    pairs = ((axis, getattr(first, axis), getattr(second, axis)) for axis in VALUES)
    return tuple((AXES[axis], words_of(axis, value), words_of(axis, new)) for axis, value, new in pairs if value != new)


def words_of(axis: str, value: str) -> str:
    """Return what a convention does on an axis; the values of the canonical forms have no words."""
    return VALUES[axis][value].words or ("none" if value == "none" else "as in the canonical form")


def grouped(rows: Sequence[LibraryRow], key: Callable[[LibraryRow], str]) -> dict[str, list[LibraryRow]]:
    """Return the rows under the key of each, in their order."""
    groups: dict[str, list[LibraryRow]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups
