"""Guides and derivations: short texts, and steps that are each bound to the piece of evidence that shows their claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from markdown_it import MarkdownIt

from ...reference import FORMULAS
from ..conformance.optimizers.conventions import AXES as VALUES
from ..derivations import derivations
from ..description import EvidenceAnswer, describe_piece
from ..evidence import EVIDENCE
from ..latex import latex_of
from .data import SiteData
from .differences import AXES
from .libraries import changes_between
from .mathml import mathml_of

GUIDES: Mapping[str, str] = {
    "check-my-optimizer": "Check my optimizer",
    "read-a-verdict": "Read a verdict",
    "continuous-integration": "Use it in continuous integration",
    "porting": "Carry a training from one library to another",
    "trust": "What a verdict is worth",
    "add-a-formula": "Add a formula",
}


@dataclass(frozen=True)
class ProofStep:
    """A step of a derivation: what is done, the piece of evidence that shows it with its verdict, and the entries that it supports."""

    words: str
    piece: EvidenceAnswer
    verdict: str
    detail: str
    entries: tuple[Any, ...]


def derivation_context(name: str, data: SiteData) -> dict[str, Any]:
    """Return what the page of a derivation says."""
    record = derivations()[name]
    identifier = record["entry"]
    return {
        "derivation": record,
        "entry": data.catalogue.entries[identifier],
        "mathml": mathml_of(latex_of(FORMULAS[identifier])),
        "steps": list(steps_of(record, data)),
    }


def steps_of(record: Mapping[str, Any], data: SiteData) -> Iterator[ProofStep]:
    """Yield the steps of a derivation with their kept verdicts."""
    for step in record["steps"]:
        piece = EVIDENCE[step["piece"]]
        entries = tuple(data.catalogue.entries[identifier] for identifier in piece.ids)
        results = {result.name: result for entry in entries for result in data.entry_verdicts[entry.id].evidence}
        result = results.get(piece.name)
        verdict, detail = (result.verdict.value, result.detail) if result else ("not verified yet", "")
        yield ProofStep(step["words"], describe_piece(piece), verdict, detail, entries)


def guide_context(name: str, data: SiteData) -> dict[str, Any]:
    """Return what a guide is made of besides its template."""
    match name:
        case "porting":
            return {"axes": conventions_in_use(), "checklists": changes_between(data.library_rows)}
        case "trust":
            return {"text": MarkdownIt().render(files(__package__).joinpath("trust.md").read_text(encoding="utf-8"))}
    return {}


def conventions_in_use() -> dict[str, list[str]]:
    """Return what optimizers disagree about: the words of the conventions on each axis; mistakes are left out."""
    right = {AXES[axis]: [value.words for value in values.values() if value.right and value.words] for axis, values in VALUES.items()}
    return {axis: conventions for axis, conventions in right.items() if conventions}
