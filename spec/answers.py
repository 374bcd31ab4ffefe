"""What each command answers with --json: its type, from which its schema is generated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from .json_schema import schema_of


class LatexAnswer(TypedDict):
    """A formula as LaTeX."""

    id: str
    latex: str


class SeparationAnswer(TypedDict):
    """How far apart the conventions of a family are, in units of the rounding bound: a row and a column for each."""

    family: str
    dtype: str
    conventions: list[str]
    distances: list[list[float]]


class ResultAnswer(TypedDict):
    """The verdict on one printed form."""

    name: str
    verdict: str
    seconds: float
    detail: str


class EvidenceResultAnswer(ResultAnswer):
    """The verdict on one piece of evidence; of an exact one the engines behind it, and why there is one alone."""

    kind: str
    scope: str
    engines: list[str]
    alone: str


class EntryVerdictAnswer(TypedDict):
    """The verdict on an entry, with the evidence behind it."""

    id: str
    chapter: str
    kind: str
    status: str
    verdict: str
    detail: str
    evidence: list[EvidenceResultAnswer]


ErratumVerdictAnswer = TypedDict(
    "ErratumVerdictAnswer",
    {"id": str, "chapter": str, "class": str, "decided_by": str, "verdict": str, "detail": str, "printed": list[ResultAnswer]},
)


class SumsAnswer(TypedDict):
    """How many entries, errata and pieces of evidence of a chapter have which verdict, or are of which kind."""

    entries: dict[str, int]
    errata: dict[str, int]
    evidence: dict[str, int]


class EnginesAnswer(TypedDict):
    """How many exact pieces have two engines or more, how many one and why, and how many the assistant's kernel has checked."""

    two: int
    one: int
    kernel: int
    reasons: dict[str, int]


class SummaryAnswer(TypedDict):
    """The sums of a ledger."""

    entries: dict[str, int]
    errata: dict[str, int]
    pieces: int
    seconds: float
    kept: int
    engines: EnginesAnswer


class LedgerAnswer(TypedDict):
    """All verdicts of one run."""

    chapters: dict[str, SumsAnswer]
    entries: list[EntryVerdictAnswer]
    errata: list[ErratumVerdictAnswer]
    summary: SummaryAnswer


ANSWERS: Mapping[str, str] = {
    "list": "trainspec list --json",
    "errata": "trainspec list --errata --json",
    "show": "trainspec show ID --json",
    "erratum": "trainspec show E07 --json",
    "latex": "trainspec show ID --latex --json",
    "decks": "trainspec decks --json",
    "verify": "trainspec verify --json",
    "families": "trainspec conventions --json",
    "conventions": "trainspec conventions FAMILY --json",
    "variants": "trainspec variants ID --json",
    "checks": "trainspec checks --json",
    "separation": "trainspec separation FAMILY --json",
}


def type_of(answer: str) -> Any:
    """Return the type of an answer."""
    from . import description, queries

    types: Mapping[str, Any] = {
        "list": list[queries.ListedEntry],
        "errata": list[queries.ListedErratum],
        "show": description.EntryAnswer,
        "erratum": description.ErratumAnswer,
        "latex": LatexAnswer,
        "decks": queries.DecksAnswer,
        "verify": LedgerAnswer,
        "families": list[queries.FamilyAnswer],
        "conventions": list[queries.ConventionAnswer],
        "variants": list[queries.VariantNameAnswer],
        "checks": list[queries.CheckAnswer],
        "separation": SeparationAnswer,
    }
    return types[answer]


def schema_for(answer: str) -> dict[str, Any]:
    """Return the JSON Schema of an answer."""
    return schema_of(type_of(answer), ANSWERS[answer])
