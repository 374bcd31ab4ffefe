"""A result for the terminal: the message, and a table of the facts behind it."""

from __future__ import annotations

import sys
from typing import Any

from ..result import FunctionResult, InitializerResult, LayerResult, NamedResult, OptimizerResult, Result
from .sentences import scientific, settings_text

OFF = ("none", False, 0.0)  # values of axes that are not shown


def as_text(result: Result) -> Any:
    """Return the message and, where something was followed, the facts behind it."""
    from rich.console import Group
    from rich.text import Text

    if isinstance(result, LayerResult):
        return Group(*(as_text(part) for part in result.parts))
    program = getattr(result, "counterexample", None)
    example = [Text("\nthe smallest case found that shows it:\n"), Text(program, no_wrap=True, overflow="ignore")] if program else []
    return Group(Text(result.message, style="bold"), Text(""), facts_table(result), *example)


def facts_table(result: Result) -> Any:
    """Return the facts as a table; those without a value are left out."""
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts(result).items():
        if value:
            table.add_row(name, escape(value))
    return table


def facts(result: Result) -> dict[str, str]:
    """Return the rows of the table."""
    rows = {"verdict": result.verdict.value}
    if isinstance(result, NamedResult):
        rows |= named_facts(result)
    if isinstance(result, OptimizerResult):
        rows |= {"equations": result.equations or "", "relation": result.relation or "", "candidates": ", ".join(result.candidates)}
    if isinstance(result, FunctionResult):
        evidence = ", ".join(f"{name} {verdict}" for name, verdict in result.evidence.items())
        rows |= {"proved": result.proved or "", "not proved": result.not_proved or "", "evidence": evidence}
    if isinstance(result, InitializerResult):
        rows["failed test"] = result.failed_test or ""
    return rows | {
        "settings": settings_text(result.settings),
        "faults": "; ".join(f"{fault.kind}: {fault.detail}" for fault in result.faults),
        "ran on": ", ".join(f"{name} {value}" for name, value in result.environment.items()),
    }


def named_facts(result: NamedResult) -> dict[str, str]:
    """Return the facts about the convention that is followed."""
    runner_up, same = result.runner_up, result.identities
    reasons = dict.fromkeys(reason for other in same for reason in other.reasons)
    return {
        "convention": result.convention or "",
        "axes": ", ".join(f"{axis} {value}" for axis, value in (result.axes or {}).items() if value not in OFF),
        "catalogue": ", ".join(result.formulas),
        "error": error_text(result),
        "next best": f"{runner_up.convention}, {scientific(runner_up.error_in_bounds)} bounds away" if runner_up else "",
        "same here": f"{len(same)} other{'s' * (len(same) > 1)}: {'; '.join(reasons)}" if reasons else "",
        "inferred": settings_text(result.inferred_hyperparameters),
    }


def error_text(result: NamedResult) -> str:
    """Return the error in both units."""
    if result.error_in_bounds is None or result.error_ulps is None:
        return ""
    count = f"{result.steps} steps" if isinstance(result, OptimizerResult) else f"{getattr(result, 'cases', 0)} cases"
    has_ulps = result.error_ulps < sys.float_info.max  # an error of what is due as exactly 0 is no number of ulp
    ulps = f", {result.error_ulps:.2g} ulp of {result.dtype}" if has_ulps else ""
    return f"{result.error_in_bounds:.2g} × the rounding bound{ulps}, over {count}"
