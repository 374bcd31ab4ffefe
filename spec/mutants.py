"""Mutation testing: each formula is changed in one place at a time, and its evidence must refute every such mutant.

Run as `python -m trainspec.spec.mutants [ID…]`; exit code 0 if the catalogue explains every survivor and no explanation is stale.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass
from typing import Any

from pebble import ProcessExpired

from ..reference import FORMULAS, Formula
from ..reference.syntax import compile_function, source_tree
from .catalogue import catalogue
from .changes.function import namespace_of
from .changes.mutation import mutations
from .evidence import find_refutation, load
from .ledger import available_cores, workers

TIMEOUT = 60.0  # seconds for one mutant


@dataclass(frozen=True)
class Mutant:
    """A formula with one change: the changed line, the change in words, and the changed syntax tree."""

    formula: str
    line: str
    change: str
    tree: ast.FunctionDef

    @property
    def function(self) -> Callable[..., Any]:
        """The mutant as a function, compiled with the globals of the formula's module."""
        return compile_function(self.tree, namespace_of(self.formula), f"<mutant of {self.formula}>")


def mutants(formula: Formula[..., Any]) -> Iterator[Mutant]:
    """Yield every mutant of a formula once."""
    for mutation in mutations(source_tree(formula)):
        yield Mutant(formula.id, mutation.line, mutation.change, mutation.tree)


@dataclass(frozen=True)
class MutantResult:
    """The outcome of a mutant: refuted, raised (some evidence could not run it and none refuted it) or survived; and by which evidence."""

    formula: str
    line: str
    change: str
    outcome: str
    by: str = ""


def run_against_evidence(mutant: Mutant) -> MutantResult:
    """Run the evidence about the formula on a mutant, the cheapest kind first, until one piece refutes it."""
    load()
    refutation, others = find_refutation(FORMULAS[mutant.formula].__name__, mutant.function)
    if refutation:
        return MutantResult(mutant.formula, mutant.line, mutant.change, "refuted", refutation.name)
    raised = next((result.detail for result in others if result.raised), "")
    return MutantResult(mutant.formula, mutant.line, mutant.change, "raised" if raised else "survived", raised)


def equivalents() -> dict[tuple[str, str, str], str]:
    """Return the mutants that the catalogue states to be equivalent to their formula, each with the reason."""
    return {(equivalent.id, equivalent.line, equivalent.change): equivalent.why for equivalent in catalogue().equivalents}


def run(identifiers: list[str], jobs: int) -> list[MutantResult]:
    """Return the results of all mutants of these formulas, run in parallel processes."""
    load()
    population = [mutant for identifier in identifiers for mutant in mutants(FORMULAS[identifier])]
    results = []
    with workers(jobs) as pool:
        for mutant, future in [(mutant, pool.schedule(run_against_evidence, args=(mutant,), timeout=TIMEOUT)) for mutant in population]:
            try:
                results.append(future.result())
            except (OutOfTime, ProcessExpired) as end:
                results.append(MutantResult(mutant.formula, mutant.line, mutant.change, "survived", f"no verdict: {type(end).__name__}"))
    return results


def main(identifiers: list[str]) -> int:
    """Run all mutants, print a table, and return 0 if every survivor is explained and every explanation is needed."""
    from rich.console import Console
    from rich.table import Table

    selected = identifiers or list(FORMULAS)
    results = run(selected, available_cores())
    explanations = {key: why for key, why in equivalents().items() if key[0] in selected}
    survivors = {(result.formula, result.line, result.change): result for result in results if result.outcome == "survived"}
    table = Table(title="Mutants")
    for column in ("formula", "mutants", "refuted", "raised", "equivalent", "unexplained"):
        table.add_column(column, justify="left" if column == "formula" else "right")
    for identifier in selected:
        own = [result for result in results if result.formula == identifier]
        explained = sum(key[0] == identifier and key in explanations for key in survivors)
        counts = [sum(result.outcome == outcome for result in own) for outcome in ("refuted", "raised", "survived")]
        table.add_row(identifier, *map(str, (len(own), counts[0], counts[1], explained, counts[2] - explained)))
    console = Console(width=140)
    console.print(table)
    unexplained = [survivor for key, survivor in survivors.items() if key not in explanations]
    stale_reasons = [key for key in explanations if key not in survivors]
    for survivor in unexplained:
        console.print(f"survived: {survivor.formula}: {survivor.line}: {survivor.change} {survivor.by}", markup=False)
    for key, why in explanations.items():
        console.print(f"{'STALE' if key in stale_reasons else 'equivalent'}: {': '.join(key)}: {why}", markup=False)
    console.print(f"{len(results)} mutants, {sum(result.outcome != 'survived' for result in results)} killed, {len(survivors)} survived")
    return 1 if unexplained or stale_reasons else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
