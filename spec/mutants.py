"""Mutation testing: each formula is changed in one place at a time, and its evidence must refute every such mutant.

Run as `python -m trainspec.spec.mutants [ID…]`; exit code 0 if the catalogue explains every survivor and no explanation is stale.
"""

from __future__ import annotations

import ast
import copy
import inspect
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass
from typing import Any

from pebble import ProcessExpired

from ..reference import FORMULAS, Formula
from .arithmetic import Verdict
from .catalogue import catalogue
from .evidence import EVIDENCE, load, run_evidence
from .ledger import available_cores, workers

TIMEOUT = 60.0  # seconds for one mutant
COST = ("enumeration", "certified", "reproduction", "derivative", "proof", "trajectory", "law", "statistics")  # cheapest refutation first

OPERATORS: dict[type[ast.AST], list[type[ast.operator]]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.FloorDiv: [ast.Div],
}
COMPARISONS: dict[type[ast.AST], list[type[ast.cmpop]]] = {ast.Lt: [ast.LtE, ast.Gt], ast.Gt: [ast.GtE, ast.Lt]}
FUNCTIONS = {"maximum": "minimum", "minimum": "maximum", "max": "min", "min": "max"}
IDENTITIES = {"sqrt", "abs"}  # np.sqrt(x) → x


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
        space = dict(vars(sys.modules[FORMULAS[self.formula].raw.__module__]))
        exec(compile(ast.Module([self.tree], []), f"<mutant of {self.formula}>", "exec"), space)  # our own source, one node changed
        changed: Callable[..., Any] = space[self.tree.name]
        return changed


def source_tree(formula: Formula[..., Any]) -> ast.FunctionDef:
    """Return the syntax tree of a formula without decorator, docstring and annotations."""
    (tree,) = ast.parse(inspect.getsource(formula.raw)).body
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list, tree.body, tree.returns = [], tree.body[1:], None
    for argument in (*tree.args.args, *tree.args.kwonlyargs):
        argument.annotation = None
    return tree


def replacements(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """Yield the nodes that may replace one node."""
    if isinstance(node, ast.BinOp):
        for operator in OPERATORS.get(type(node.op), []):
            yield ast.BinOp(node.left, operator(), node.right)
        yield node.left  # a term, factor, divisor or exponent missing
        if isinstance(node.op, ast.Add | ast.Mult):
            yield node.right
        if isinstance(node.op, ast.Sub):
            yield ast.UnaryOp(ast.USub(), node.right)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from (ast.Name(name, ast.Load()) for name in names if name != node.id)
    elif isinstance(node, ast.Compare):
        yield from (ast.Compare(node.left, [comparison()], node.comparators) for comparison in COMPARISONS.get(type(node.ops[0]), []))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from call_replacements(node, node.func)


def call_replacements(node: ast.Call, function: ast.Attribute) -> Iterator[ast.AST]:
    """Yield the nodes that may replace a call of a NumPy function."""
    if function.attr in FUNCTIONS:
        yield ast.Call(ast.Attribute(function.value, FUNCTIONS[function.attr], ast.Load()), node.args, node.keywords)
    if function.attr in IDENTITIES:
        yield node.args[0]
    if function.attr == "where":
        yield ast.Call(function, [node.args[0], node.args[2], node.args[1]], [])


class Replace(ast.NodeTransformer):
    """Replace one node of a tree, found by identity."""

    def __init__(self, target: ast.AST, replacement: ast.AST) -> None:
        self.target, self.replacement = target, replacement

    def visit(self, node: ast.AST) -> Any:
        """Return the replacement for the target, and every other node unchanged."""
        return self.replacement if node is self.target else self.generic_visit(node)


def mutants(formula: Formula[..., Any]) -> Iterator[Mutant]:
    """Yield every mutant of a formula once."""
    tree = source_tree(formula)
    names = [argument.arg for argument in (*tree.args.args, *tree.args.kwonlyargs)]
    seen = {ast.dump(tree)}
    for position, statement in enumerate(tree.body):
        for index, node in enumerate(ast.walk(statement)):
            for number, replacement in enumerate(replacements(node, names)):
                changed = copy.deepcopy(tree)
                target = list(ast.walk(changed.body[position]))[index]
                fresh = list(replacements(target, names))[number]
                changed.body[position] = Replace(target, fresh).visit(changed.body[position])
                yield from unseen_mutant(formula, tree, position, changed, seen, f"{ast.unparse(node)} → {ast.unparse(replacement)}")
        if isinstance(statement, ast.Assign) and is_state_update(statement, names):
            changed = copy.deepcopy(tree)
            del changed.body[position]
            yield from unseen_mutant(formula, tree, position, changed, seen, "removed")


def is_state_update(statement: ast.Assign, names: list[str]) -> bool:
    """Return whether a statement assigns to arguments only: without it the function still runs, with the old values."""
    targets = {node.id for node in ast.walk(statement.targets[0]) if isinstance(node, ast.Name)}
    return targets <= set(names)


def unseen_mutant(
    formula: Formula[..., Any], tree: ast.FunctionDef, place: int, changed: ast.FunctionDef, seen: set[str], change: str
) -> Iterator[Mutant]:
    """Yield the mutant, unless an equal tree was yielded before."""
    ast.fix_missing_locations(changed)
    if (key := ast.dump(changed)) not in seen:
        seen.add(key)
        yield Mutant(formula.id, ast.unparse(tree.body[place]), change, changed)


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
    name = FORMULAS[mutant.formula].__name__
    pieces = sorted((piece for piece in EVIDENCE.values() if name in piece.formulas), key=lambda piece: COST.index(piece.kind))
    raised = ""
    for piece in pieces:
        result = run_evidence(piece, {name: mutant.function})
        if result.verdict is Verdict.REFUTED:
            return MutantResult(mutant.formula, mutant.line, mutant.change, "refuted", piece.name)
        raised = raised or (result.detail if result.raised else "")
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
