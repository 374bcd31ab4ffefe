"""A verdict for people: one sentence, and a small table."""

from __future__ import annotations

from typing import Any

from ..optimizers.verdict import Result, scientific


def as_text(result: Result) -> Any:
    """The sentence and, where something was followed, the facts behind it."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in facts(result):
        table.add_row(name, escape(value))
    example = [Text("\nthe smallest case found that shows it:\n"), Text(result.counterexample)] if result.counterexample else []
    return Group(Text(result.sentence, style="bold"), Text(""), table, *example)


def facts(result: Result) -> list[tuple[str, str]]:
    """The rows of the table; those without a value are left out."""
    reasons = dict.fromkeys(reason for one in result.identities for reason in one.why)
    rows = [
        ("verdict", result.verdict.value),
        ("convention", result.convention or ""),
        ("equations", result.equations or ""),
        ("axes", ", ".join(f"{axis} {value}" for axis, value in (result.axes or {}).items() if value not in ("none", False, 0.0))),
        ("catalogue", ", ".join(result.formulas)),
        ("relation", result.relation or ""),
        ("error", error_in_words(result)),
        ("proved", result.proved or ""),
        ("not proved", result.unproved or ""),
        ("evidence", ", ".join(f"{name} {verdict}" for name, verdict in result.evidence.items())),
        (
            "next best",
            f"{result.runner_up.convention}, {scientific(result.runner_up.error_in_bounds)} bounds away" if result.runner_up else "",
        ),
        ("same here", f"{len(result.identities)} others: {'; '.join(reasons)}" if reasons else ""),
        ("candidates", ", ".join(result.candidates)),
        ("settings", ", ".join(f"{name} = {value!r}" for name, value in result.settings.items())),
        ("assumed", ", ".join(f"{name} = {value!r}" for name, value in result.assumed.items())),
        ("faults", "; ".join(f"{one.kind}: {one.detail}" for one in result.faults)),
        ("ran on", ", ".join(f"{name} {value}" for name, value in result.environment.items())),
    ]
    return [(name, value) for name, value in rows if value]


def error_in_words(result: Result) -> str:
    """The error in both units."""
    if result.error_in_bounds is None or result.error_ulps is None:
        return ""
    seen = f"{result.cases} cases" if result.entry else f"{result.steps} steps"
    return f"{result.error_in_bounds:.2g} × the running bound, {result.error_ulps:.2g} ulp of {result.dtype}, over {seen}"
