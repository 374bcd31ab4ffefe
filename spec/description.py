"""What is known of one entry or erratum, as data with stable keys: what `trainspec show --json` answers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypedDict

import numpy as np

from ..reference import FORMULAS
from ..reference.validation import domains
from .arithmetic import Ball, Numbers
from .catalogue import CLASSES, STATUSES, CitationAnswer, Entry, Erratum, Preset, catalogue
from .changes.printed import altered_lines
from .derivations import derivations_of
from .evidence import EVIDENCE, PRINTED_FORMS, Evidence, Interval, PrintedChange, PrintedForm, TableCell, load, table_cells
from .latex import latex_of
from .ledger import kept_ledger, kept_results
from .mutants import MutantScore, kept_score


class VariantAnswer(TypedDict):
    """Another entry, and how the two are related."""

    id: str
    relation: str


class PresetAnswer(TypedDict):
    """Values that a source recommends for keyword arguments, and for the state at the start, as exact decimals."""

    name: str
    source: CitationAnswer
    values: dict[str, str | int]
    start: dict[str, str | int]


class FiguresAnswer(TypedDict):
    """A row of figures that the entry states."""

    label: str
    values: dict[str, str | int]


ErratumSummary = TypedDict("ErratumSummary", {"id": str, "class": str, "where": str, "printed": str, "correct": str})


class EvidenceAnswer(TypedDict):
    """A piece of evidence: its name, its kind, how far it reaches, what it says, and its code.

    Where its result is kept, also the verdict; of an exact piece the engines behind it, and why there is one alone.
    """

    name: str
    kind: str
    scope: str
    says: str
    code: str
    verdict: str
    engines: list[str]
    alone: str


class CellAnswer(TypedDict):
    """One figure of a table: where it stands, as stated and as computed here, and the verdict on it."""

    row: str
    column: str
    stated: str
    ours: str
    verdict: str


class TableAnswer(TypedDict):
    """A table of a source, every figure beside ours; without figures where they were not asked for."""

    title: str
    cells: list[CellAnswer]


class DerivationAnswer(TypedDict):
    """A derivation, step by step, that an entry has a part in."""

    name: str
    title: str


class EntryAnswer(TypedDict):
    """All that is known of an entry; the verdict is that of the results that are kept."""

    id: str
    names: list[str]
    chapter: str
    kind: str
    status: str
    meaning: str
    title: str
    verdict: str
    statement: str
    domain: dict[str, str]
    sources: list[CitationAnswer]
    note: str
    exception: str
    variants: list[VariantAnswer]
    presets: list[PresetAnswer]
    figures: list[FiguresAnswer]
    errata: list[ErratumSummary]
    evidence: list[EvidenceAnswer]
    derivations: list[DerivationAnswer]
    mutants: MutantScore | None
    tables: list[TableAnswer]
    reference: str
    source: str
    latex: str


class ConcernedEntry(TypedDict):
    """An entry that an erratum concerns."""

    id: str
    title: str


class PrintedFormAnswer(TypedDict):
    """What is printed and the evidence must refute: claims, or a formula with changes, which are told by the lines that they alter."""

    name: str
    says: str
    code: str
    formula: str
    correct_lines: list[str]
    printed_lines: list[str]
    latex: str


ErratumAnswer = TypedDict(
    "ErratumAnswer",
    {
        "id": str,
        "chapter": str,
        "class": str,
        "meaning": str,
        "where": str,
        "sources": list[CitationAnswer],
        "printed": str,
        "correct": str,
        "decided_by": str,
        "decided": str,
        "why": str,
        "entries": list[ConcernedEntry],
        "printed_forms": list[PrintedFormAnswer],
    },
)


def describe_entry(entry: Entry, *, with_figures: bool = True) -> EntryAnswer:
    """Return statement, domain, sources, variants, errata, presets, evidence, tables, and the formula as code and as LaTeX."""
    load()
    known = catalogue()
    formula = FORMULAS.get(entry.id)
    raw = formula.raw if formula else None
    pieces = [piece for piece in EVIDENCE.values() if entry.id in piece.ids]
    return {
        "id": entry.id,
        "names": list(entry.names),
        "chapter": entry.chapter,
        "kind": entry.kind,
        "status": entry.status,
        "meaning": STATUSES[entry.status],
        "title": entry.title,
        "verdict": kept_ledger([entry], []).entries[0].verdict,
        "statement": entry.statement or formula_lines(raw),
        "domain": {name: str(domain) for name, domain in domains(raw).items()} if raw else {"": entry.domain} if entry.domain else {},
        "sources": [citation.as_json() for citation in entry.sources],
        "note": entry.note,
        "exception": entry.exception,
        "variants": [{"id": variant["id"], "relation": variant["relation"]} for variant in entry.variants],
        "presets": [describe_preset(preset) for preset in (known.presets(entry.id) if formula else entry.presets)],
        "figures": [{"label": row.label, "values": dict(row.values)} for row in entry.figures],
        "errata": [summarize_erratum(known.errata[identifier]) for identifier in entry.errata],
        "evidence": [describe_piece(piece) for piece in pieces],
        "derivations": [{"name": name, "title": title} for name, title in derivations_of(entry.id)],
        "mutants": kept_score(entry.id) if formula else None,
        "tables": [describe_table(piece, with_figures=with_figures) for piece in pieces if piece.table],
        "reference": f"{formula.__module__}.{formula.__name__}" if formula else "",
        "source": inspect.getsource(raw) if raw else "",
        "latex": latex_of(formula).text if formula else "",
    }


def describe_erratum(erratum: Erratum) -> ErratumAnswer:
    """Return where an erratum is printed, what is right, which entries it concerns, and the printed forms that are refuted."""
    load()
    return {
        "id": erratum.id,
        "chapter": erratum.chapter,
        "class": erratum.kind,
        "meaning": CLASSES[erratum.kind],
        "where": erratum.where,
        "sources": [citation.as_json() for citation in erratum.sources],
        "printed": erratum.printed,
        "correct": erratum.correct,
        "decided_by": erratum.decided_by,
        "decided": erratum.decided,
        "why": erratum.why,
        "entries": [{"id": entry.id, "title": entry.title} for entry in catalogue().entries_with(erratum.id)],
        "printed_forms": [describe_printed_form(form) for form in PRINTED_FORMS.values() if form.id == erratum.id],
    }


def describe_printed_form(form: PrintedForm) -> PrintedFormAnswer:
    """Return a printed form; that of a formula has the lines that differ from the formula's, and its LaTeX."""
    formula, latex, correct_lines, printed_lines = "", "", list[str](), list[str]()
    if isinstance(form, PrintedChange):
        formula = form.program.formula
        latex = latex_of(FORMULAS[formula], form.program.tree).text
        correct_lines, printed_lines = altered_lines(form.program)
    return {
        "name": form.name,
        "says": form.words,
        "code": form.code,
        "formula": formula,
        "correct_lines": correct_lines,
        "printed_lines": printed_lines,
        "latex": latex,
    }


def summarize_erratum(erratum: Erratum) -> ErratumSummary:
    """Return an erratum in short."""
    return {
        "id": erratum.id,
        "class": erratum.kind,
        "where": erratum.where,
        "printed": erratum.printed,
        "correct": erratum.correct,
    }


def describe_preset(preset: Preset) -> PresetAnswer:
    """Return a preset with its source."""
    return {"name": preset.name, "source": preset.source.as_json(), "values": dict(preset.values), "start": dict(preset.start)}


def describe_piece(piece: Evidence) -> EvidenceAnswer:
    """Return a piece of evidence with its code, and its kept result."""
    result = kept_results([piece.name]).get(piece.name)
    return {
        "name": piece.name,
        "kind": piece.kind,
        "scope": piece.scope,
        "says": inspect.getdoc(piece.function) or "",
        "code": inspect.getsource(piece.function),
        "verdict": result.verdict.value if result else "not verified yet",
        "engines": list(result.engines) if result else [],
        "alone": result.alone if result else "",
    }


def describe_table(piece: Evidence, *, with_figures: bool) -> TableAnswer:
    """Return the table that a piece of evidence reproduces; its figures are computed only if they are asked for."""
    return {"title": piece.table, "cells": list(describe_cells(piece)) if with_figures else []}


def describe_cells(piece: Evidence) -> Iterator[CellAnswer]:
    """Yield the figures of a table, as stated and as computed here."""
    for cell, finding in table_cells(piece):
        yield describe_cell(cell, finding.verdict.value)


def describe_cell(cell: TableCell, verdict: str) -> CellAnswer:
    """Return one figure: where it stands, how it is printed, ours, and whether they agree."""
    return {
        "row": cell.row,
        "column": cell.column,
        "stated": stated_figure(cell.claimed),
        "ours": digits(cell.got, cell.claimed),
        "verdict": verdict,
    }


def formula_lines(raw: Any) -> str:
    """Return the formula of a docstring: its indented lines."""
    lines = (inspect.getdoc(raw) or "").splitlines()
    return "\n".join(line.strip() for line in lines if line.startswith("    "))


def stated_figure(claimed: Any) -> str:
    """Return a claimed figure as its source has it; an interval that no source states has no figure."""
    return claimed.shown if isinstance(claimed, Interval) else digits(claimed)


def digits(value: Any, claimed: Any = None) -> str:
    """Return a figure in digits: two more than are stated, or six significant ones."""
    number = float(Ball.object_array(value if isinstance(value, Numbers) else np.asarray(value, dtype=object)).item())
    shown = claimed.shown if isinstance(claimed, Interval) else ""
    try:
        places = -int(Decimal(shown).as_tuple().exponent) + 2
    except ArithmeticError:  # there are no digits to follow
        return f"{number:.6g}"
    return f"{number:.{places}f}" if "e" not in shown.lower() else f"{number:.6g}"
