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


ANSWERS: Mapping[str, str] = {
    "list": "trainspec list --json",
    "errata": "trainspec list --errata --json",
    "show": "trainspec show ID --json",
    "erratum": "trainspec show E07 --json",
    "latex": "trainspec show ID --latex --json",
    "decks": "trainspec decks --json",
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
