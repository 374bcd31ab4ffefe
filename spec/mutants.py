"""Mutation testing: each formula is changed in one place at a time, and its evidence must refute every such mutant.

The command is `trainspec mutants [ID…]`; exit code 0 if the catalogue explains every survivor and no explanation is stale. With
`--regions`, the mutants are wrong in one region of sizes or arguments instead (spec/regions.py), with `--sample N` one in N of them.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from ..reference import FORMULAS, Formula, tree_leaves, tree_map
from ..reference.syntax import compile_function, source_tree
from ..reference.validation import domains
from . import kept
from .arithmetic import Rational
from .catalogue import catalogue
from .changes.function import namespace_of
from .changes.mutation import mutations
from .evidence import find_refutation, load
from .inputs.cases import ArgumentSampler, draw_arguments
from .regions import OUTCOMES, RegionResult, reached_regions, regions, run_region
from .tasks import Task, Workforce, kept_results, run_tasks

LIMIT = 60.0  # seconds of processor time for one mutant
REACH_LIMIT = 600.0  # the same to see which pieces reach which regions of a formula
ALL_CORES = Workforce()

Report = Callable[[int], None]


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


def run_against_evidence(identifier: str, line: str, change: str) -> MutantResult:
    """Run the evidence about a formula on one of its mutants, the cheapest kind first, until one piece refutes it."""
    load()
    formula, mutant = FORMULAS[identifier], mutants_by_change(identifier)[line, change]
    refutation, others = find_refutation(formula.__name__, mutant.function)
    if refutation:
        return MutantResult(identifier, line, change, "refuted", refutation.name)
    raised = next((result.detail for result in others if result.raised), "")
    if any(result.detail.startswith("raised ZeroDivisionError") for result in others) and divides_by_zero(formula, mutant.function):
        return MutantResult(identifier, line, change, "refuted", "it divides by 0 where the formula has a value")
    if raised and (reason := raises_on_valid_arguments(formula, mutant.function)):
        return MutantResult(identifier, line, change, "refuted", reason)
    return MutantResult(identifier, line, change, "raised" if raised else "survived", raised)


def divides_by_zero(formula: Formula[..., Any], mutant: Callable[..., Any]) -> bool:
    """Return whether a mutant gives no finite numbers where it divides by exactly 0 in a piece of evidence, and the formula gives some.

    A branch that is not taken may divide by 0: what NumPy makes of the same arguments decides.
    """
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def recorded(*arguments: Any, **named: Any) -> Any:
        try:
            return mutant(*arguments, **named)
        except ZeroDivisionError:
            calls.append((arguments, named))
            raise

    find_refutation(formula.__name__, recorded)
    return any(is_finite(formula.raw, *call) is True and is_finite(mutant, *call) is False for call in calls)


def is_finite(function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> bool | None:
    """Return whether all results of a function are finite, given exact arguments as floats; None where it raises, as of symbols."""
    try:
        with np.errstate(all="ignore"):
            results = function(*tree_map(as_floats, arguments), **{name: tree_map(as_floats, value) for name, value in named.items()})
        return all(bool(np.all(np.isfinite(result))) for result in tree_leaves(results))
    except Exception:
        return None


def as_floats(value: Any) -> Any:
    """Return rational numbers as floats, and all else as it is."""
    if not isinstance(value, Rational):
        return value
    numbers = np.asarray(value.view(np.ndarray))
    return np.array([int(number.p) / int(number.q) for number in numbers.ravel()]).reshape(numbers.shape)[()]


DRAWS = 4


def raises_on_valid_arguments(formula: Formula[..., Any], mutant: Callable[..., Any]) -> str:
    """Return what a mutant raises in NumPy on valid arguments of which the formula makes a result; with usual and the smallest counts."""
    for seed in range(DRAWS):
        sampler = functools.partial(ArgumentSampler, np.random.default_rng(seed), turn=1)
        given = domains(formula.raw)
        arguments = draw_arguments(sampler, given)
        if seed % 2:  # the smallest counts
            arguments |= {name: int(domain.interval.low) for name, domain in given.items() if domain.kind == "count"}
        if not problem_of(formula.raw, arguments) and (problem := problem_of(mutant, arguments)):
            return f"it raises {problem} on valid arguments"
    return ""


def problem_of(function: Callable[..., Any], arguments: dict[str, Any]) -> str:
    """Return the name of the exception that a function raises, if it does."""
    given = copy.deepcopy(arguments)  # a source of random numbers is used up
    positional = [given.pop(name) for name in list(given)[: function.__code__.co_argcount]]
    try:
        with np.errstate(all="ignore"):
            function(*positional, **given)
    except Exception as problem:
        return type(problem).__name__
    return ""


@functools.cache
def mutants_by_change(identifier: str) -> dict[tuple[str, str], Mutant]:
    """Return the mutants of a formula by line and change."""
    return {(mutant.line, mutant.change): mutant for mutant in mutants(FORMULAS[identifier])}


class MutantScore(TypedDict):
    """How many mutants a formula has: refuted, explained as equivalent, neither of these, and not run since something has changed."""

    mutants: int
    refuted: int
    equivalent: int
    open: int
    not_run: int


def kept_score(identifier: str) -> MutantScore:
    """Return the score of a formula by the results that are kept."""
    load()
    tasks = mutant_tasks([identifier])
    results = kept_results(tasks, lambda result: True).values()
    refuted = sum(result.outcome == "refuted" for result in results)
    explained = sum((result.formula, result.line, result.change) in equivalents() for result in results if result.outcome == "survived")
    return {
        "mutants": len(tasks),
        "refuted": refuted,
        "equivalent": explained,
        "open": len(results) - refuted - explained,
        "not_run": len(tasks) - len(results),
    }


def mutant_tasks(identifiers: Iterable[str]) -> list[Task[MutantResult]]:
    """Return the tasks of running the evidence on all mutants of formulas."""
    keys = [(identifier, line, change) for identifier in identifiers for line, change in mutants_by_change(identifier)]
    return [Task(run_against_evidence, key, digest_of_mutant(*key)) for key in keys]


def equivalents() -> dict[tuple[str, str, str], str]:
    """Return the mutants that the catalogue states to be equivalent to their formula, each with the reason."""
    return {(equivalent.id, equivalent.line, equivalent.change): equivalent.why for equivalent in catalogue().equivalents}


def run(identifiers: list[str], workforce: Workforce, report: Report, *, fresh: bool = False) -> list[MutantResult]:
    """Return the results of all mutants of these formulas; `report` is called with their number after each."""
    load()
    tasks = mutant_tasks(identifiers)
    done = run_tasks(tasks, workforce, without_verdict, limit=LIMIT, fresh=fresh, report=lambda result: report(len(tasks)))
    return [done.by_digest[task.digest] for task in tasks]


def digest_of_mutant(identifier: str, *words: str) -> str:
    """Return the digest of all that the result of a mutant of a formula depends on."""
    return kept.digest_of((identifier, *words), kept.files_about_formula(identifier) | kept.files_of_module(__name__))


def without_verdict(task: Task[MutantResult], reason: str) -> MutantResult:
    """Return the result of a mutant that evidence was too slow for: it survived."""
    identifier, line, change = task.arguments
    return MutantResult(identifier, line, change, "survived", reason)


def run_regions(
    identifiers: list[str], workforce: Workforce, sample: int = 1, report: Report = lambda total: None, *, fresh: bool = False
) -> list[RegionResult]:
    """Return the results of one in `sample` mutants of regions of these formulas; `report` is called with their number after each."""
    load()
    chosen = [region for identifier in identifiers for region in regions(FORMULAS[identifier]) if region.is_in_sample(sample)]
    total = len(chosen) + len({region.formula for region in chosen})
    looks = {region.formula: Task(reached_regions, (region.formula,), digest_of_mutant(region.formula, "reached")) for region in chosen}
    reached = run_tasks(
        [*looks.values()], workforce, reaches_nothing, limit=REACH_LIMIT, fresh=fresh, report=lambda result: report(total)
    ).by_digest
    tasks = []
    for region in chosen:
        pieces = reached[looks[region.formula].digest].get(region.words, ())
        digest = digest_of_mutant(region.formula, "region", region.words, *pieces)
        tasks.append(Task(run_region, (region.formula, region.words, pieces), digest))
    done = run_tasks(tasks, workforce, region_without_verdict, limit=LIMIT, fresh=fresh, report=lambda result: report(total))
    return [done.by_digest[task.digest] for task in tasks]


def reaches_nothing(task: Task[dict[str, tuple[str, ...]]], reason: str) -> dict[str, tuple[str, ...]]:
    """Return that no piece is known to reach a region, as it took too long to see."""
    return {}


def region_without_verdict(task: Task[RegionResult], reason: str) -> RegionResult:
    """Return the result of a mutant of a region that evidence was too slow for: nothing refutes it."""
    identifier, words, _ = task.arguments
    kind = next(region.kind for region in regions(FORMULAS[identifier]) if region.words == words)
    return RegionResult(identifier, kind, words, "raised", reason)


def report_regions(results: list[RegionResult]) -> int:
    """Print a table of the outcomes by kind of region, and every mutant that is not refuted; return 0 if the catalogue explains these."""
    from rich.console import Console
    from rich.table import Table

    explained = {(identifier, change) for identifier, line, change in equivalents() if line == "region"}
    table = Table(title="Mutants of regions")
    for column in ("kind", "mutants", *OUTCOMES):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind in dict.fromkeys(result.kind for result in results):
        own = [result.outcome for result in results if result.kind == kind]
        table.add_row(kind, str(len(own)), *(str(own.count(outcome)) for outcome in OUTCOMES))
    console = Console(width=140)
    console.print(table)
    left = [result for result in results if result.outcome != "refuted" and (result.formula, result.words) not in explained]
    for result in left:
        console.print(f"{result.outcome}: {result.formula}: {result.words}: {result.by}", markup=False)
    refuted = sum(result.outcome == "refuted" for result in results)
    console.print(f"{len(results)} mutants, {refuted} refuted, {len(left)} neither refuted nor explained")
    return 1 if left else 0


def run_and_report(
    identifiers: list[str],
    *,
    regions: bool,
    sample: int = 1,
    workforce: Workforce = ALL_CORES,
    fresh: bool = False,
    report: Report = lambda total: None,
) -> int:
    """Run all mutants, or those of regions, print a table, and return 0 if what survives is explained and every explanation is needed."""
    selected = identifiers or list(FORMULAS)
    if regions:
        return report_regions(run_regions(selected, workforce, sample, report, fresh=fresh))
    return report_mutants(selected, run(selected, workforce, report, fresh=fresh))


def report_mutants(selected: list[str], results: list[MutantResult]) -> int:
    """Print a table of the mutants of formulas, and the survivors; return 0 if all of them are explained and all explanations needed."""
    from rich.console import Console
    from rich.table import Table

    explanations = {key: why for key, why in equivalents().items() if key[0] in selected and key[1] != "region"}
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
    refuted, raised = (sum(result.outcome == outcome for result in results) for outcome in ("refuted", "raised"))
    console.print(f"{len(results)} mutants: {refuted} refuted, {raised} not refuted while evidence raises, {len(survivors)} survived")
    return 1 if unexplained or stale_reasons else 0
