"""What has changed between two folders of vectors, case by case: the id of a case is a digest of its inputs, and names it for ever."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

Fields = Mapping[str, str]
ABOUT = ("k", "id", "flags", "kills", "steps")  # fields of a case that are neither inputs nor what is due


def cases_of(path: Path) -> dict[str, tuple[Fields, ...]]:
    """Return the calls and runs of a file by id, a run with its steps; nothing where the file is missing."""
    cases: dict[str, tuple[Fields, ...]] = {}
    for text in path.read_text(encoding="ascii").splitlines() if path.exists() else ():
        fields = json.loads(text)
        if fields["k"] in ("call", "run", "step"):
            name = fields.get("id") or fields["of"]
            cases[name] = (*cases.get(name, ()), {key: value for key, value in fields.items() if key not in ABOUT})
    return cases


def kind_of_change(before: tuple[Fields, ...] | None, after: tuple[Fields, ...] | None) -> str:
    """Return what has happened to a case: added, removed, expected (other results are due), tolerance; nothing where it is the same."""
    if before is None or after is None:
        return "added" if before is None else "removed"
    if before == after:
        return ""
    return "tolerance" if without_tolerances(before) == without_tolerances(after) else "expected"


def without_tolerances(case: tuple[Fields, ...]) -> list[Fields]:
    """Return the lines of a case without the fields that say how far off results may be."""
    return [{key: value for key, value in fields.items() if not key.endswith((".tol", ".each"))} for fields in case]


def changes_since(old: Path, new: Path) -> Iterator[dict[str, str]]:
    """Yield a line for every case of two folders that is not the same in both: its id and what has happened."""
    for name in sorted({path.name for folder in (old, new) for path in folder.glob("*.jsonl")}):
        before, after = cases_of(old / name), cases_of(new / name)
        for identifier in sorted({*before, *after}):
            if kind := kind_of_change(before.get(identifier), after.get(identifier)):
                yield {"id": identifier, "kind": kind}
