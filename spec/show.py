"""All that is known of one entry, as data and as text."""

from __future__ import annotations

import inspect
from decimal import Decimal
from typing import Any

import numpy as np

from ..reference import FORMULAS
from ..reference.validation import domains
from .arithmetic import Ball, Numbers
from .catalogue import Entry, catalogue
from .evidence import EVIDENCE, Interval, TableCell, load, table_cells


def description(entry: Entry) -> dict[str, Any]:
    """Statement, domain, sources, variants, errata, presets, evidence with scopes, and the reference's source."""
    load()
    formula = FORMULAS.get(entry.id)
    raw = formula.raw if formula else None
    errata = [catalogue().errata[erratum] for erratum in entry.errata]
    return {
        "id": entry.id,
        "chapter": entry.chapter,
        "kind": entry.kind,
        "status": entry.status,
        "title": entry.title,
        "statement": entry.statement or stated(raw),
        "domain": {name: str(domain) for name, domain in domains(raw).items()} if raw else {"": entry.domain} if entry.domain else {},
        "sources": [citation.short for citation in entry.sources],
        "note": entry.note,
        "exception": entry.exception,
        "variants": [dict(variant) for variant in entry.variants],
        "presets": [{"source": preset.source.short, **preset.values, **preset.start} for preset in entry.presets],
        "errata": [{"id": e.id, "where": e.where, "printed": e.printed, "correct": e.correct, "class": e.kind} for e in errata],
        "evidence": [
            {"name": piece.name, "kind": piece.kind, "scope": piece.scope, "says": inspect.getdoc(piece.function) or ""}
            for piece in EVIDENCE.values()
            if entry.id in piece.ids
        ],
        "tables": [
            {"title": piece.table, "cells": [cell_as_json(cell, finding.verdict.value) for cell, finding in table_cells(piece)]}
            for piece in EVIDENCE.values()
            if entry.id in piece.ids and piece.table
        ],
        "reference": f"{formula.__module__}.{formula.__name__}" if formula else "",
        "source": inspect.getsource(raw) if raw else "",
    }


def stated(raw: Any) -> str:
    """The formula block of a docstring: its indented lines."""
    lines = (inspect.getdoc(raw) or "").splitlines()
    return "\n".join(line.strip() for line in lines if line.startswith("    "))


def cell_as_json(cell: TableCell, verdict: str) -> dict[str, str]:
    """One figure of a table: where it stands, how it is printed, ours, and whether they agree."""
    return {
        "row": cell.row,
        "column": cell.column,
        "stated": as_stated(cell.claimed),
        "ours": as_digits(cell.got, cell.claimed),
        "verdict": verdict,
    }


def as_stated(claimed: Any) -> str:
    """A claimed figure as its source has it; an interval that none states has no figure."""
    return claimed.shown if isinstance(claimed, Interval) else as_digits(claimed)


def as_digits(value: Any, claimed: Any = None) -> str:
    """A figure in digits: two more than are stated, or six significant ones."""
    number = float(Ball.plain(value if isinstance(value, Numbers) else np.asarray(value, dtype=object)).item())
    shown = claimed.shown if isinstance(claimed, Interval) else ""
    try:
        places = -int(Decimal(shown).as_tuple().exponent) + 2
    except ArithmeticError:  # there are no digits to follow
        return f"{number:.6g}"
    return f"{number:.{places}f}" if "e" not in shown.lower() else f"{number:.6g}"


def as_text(described: dict[str, Any]) -> Any:
    """The description for people."""
    from rich.console import Group
    from rich.markup import escape
    from rich.rule import Rule
    from rich.syntax import Syntax
    from rich.table import Table
    from rich.text import Text

    parts: list[Any] = [
        Rule(escape(described["id"])),
        Text(f"{described['title']}  ({described['kind']}, {described['status']})", style="bold"),
    ]
    parts += [Text(""), Text(described["statement"]), Text("")]
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    for name, domain in described["domain"].items():
        facts.add_row(f"{name} ∈" if name else "domain", escape(domain))
    facts.add_row("sources", escape("; ".join(described["sources"])))
    for key in ("note", "exception"):
        if described[key]:
            facts.add_row(key, escape(described[key]))
    for one in described["variants"]:
        facts.add_row("variant", escape(f"{one['id']}: {one['relation']}"))
    for one in described["presets"]:
        facts.add_row("preset", escape(", ".join(f"{key} = {value}" if key != "source" else value for key, value in one.items())))
    for one in described["errata"]:
        facts.add_row(f"erratum {one['id']}", escape(f"{one['where']}: prints “{one['printed']}”; correct: {one['correct']}"))
    for one in described["evidence"]:
        facts.add_row(one["kind"], escape(f"{one['scope']}\n{one['says']}"))
    parts.append(facts)
    parts += [part for one in described["tables"] for part in (Text(""), rendered(one))]
    if described["source"]:
        parts += [Text(""), Text(described["reference"], style="dim"), Syntax(described["source"], "python", background_color="default")]
    return Group(*parts)


def rendered(table: dict[str, Any]) -> Any:
    """A table, the stated figures beside ours; one that disagrees is red."""
    from rich.markup import escape
    from rich.table import Table

    figures = {(one["row"], one["column"]): one for one in table["cells"]}
    rows = dict.fromkeys(row for row, _ in figures)
    columns = dict.fromkeys(column for _, column in figures)
    stated = {column for (_, column), figure in figures.items() if figure["stated"]}
    out = Table(title=escape(table["title"]))
    out.add_column("")
    for column in columns:
        for heading in (f"{column}\nstated", f"{column}\nours") if column in stated else (f"{column}\nours",):
            out.add_column(escape(heading), justify="right")
    for row in rows:
        line = [escape(row)]
        for column in columns:
            one = figures.get((row, column), {"stated": "", "ours": "", "verdict": "holds"})
            ours = one["ours"] if one["verdict"] == "holds" else f"[red]{one['ours']}[/]"
            line += [escape(one["stated"]), ours] if column in stated else [ours]
        out.add_row(*line)
    return out
