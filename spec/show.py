"""All that is known of one entry, as data and as text."""

from __future__ import annotations

import inspect
from typing import Any

from ..reference import FORMULAS
from ..reference._door import domains
from .catalogue import Entry, catalogue
from .evidence import PIECES, load


def description(entry: Entry) -> dict[str, Any]:
    """Statement, domain, sources, variants, errata, presets, evidence with scopes, and the reference's source."""
    load()
    formula = FORMULAS.get(entry.id)
    raw = formula.raw if formula else None
    errata = [catalogue().errata[one] for one in entry.errata]
    return {
        "id": entry.id,
        "chapter": entry.chapter,
        "kind": entry.kind,
        "status": entry.status,
        "title": entry.title,
        "statement": entry.statement or stated(raw),
        "domain": {name: str(domain) for name, domain in domains(raw).items()} if raw else {"": entry.domain} if entry.domain else {},
        "sources": list(entry.sources),
        "note": entry.note,
        "exception": entry.exception,
        "variants": [dict(one) for one in entry.variants],
        "presets": [dict(one) for one in entry.presets],
        "errata": [{"id": e.id, "where": e.where, "printed": e.printed, "correct": e.correct, "class": e.kind} for e in errata],
        "evidence": [
            {"name": piece.name, "kind": piece.kind, "scope": piece.scope, "says": inspect.getdoc(piece.function) or ""}
            for piece in PIECES.values()
            if entry.id in piece.ids
        ],
        "reference": f"{formula.__module__}.{formula.__name__}" if formula else "",
        "source": inspect.getsource(raw) if raw else "",
    }


def stated(raw: Any) -> str:
    """The formula block of a docstring: its indented lines."""
    lines = (inspect.getdoc(raw) or "").splitlines()
    return "\n".join(line.strip() for line in lines if line.startswith("    "))


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
    if described["source"]:
        parts += [Text(""), Text(described["reference"], style="dim"), Syntax(described["source"], "python", background_color="default")]
    return Group(*parts)
