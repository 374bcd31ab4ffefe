"""Mutants: each formula broken in one place at a time. The evidence bound to it must refute every one, or say why it cannot.

Run as `python -m trainspec.spec.mutants [ID…]`; exit code 0 if no mutant survives unexplained, and no explanation is stale.
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
from .evidence import PIECES, load, run_piece
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
    """One formula with one change: where it is, what it was, what it became."""

    formula: str
    line: str
    change: str
    tree: ast.FunctionDef

    @property
    def function(self) -> Callable[..., Any]:
        """The changed function, among the names of its module."""
        space = dict(vars(sys.modules[FORMULAS[self.formula].raw.__module__]))
        exec(compile(ast.Module([self.tree], []), f"<mutant of {self.formula}>", "exec"), space)  # our own source, one node changed
        changed: Callable[..., Any] = space[self.tree.name]
        return changed


def source_tree(formula: Formula[..., Any]) -> ast.FunctionDef:
    """The syntax tree of a formula, without decorator, docstring and annotations."""
    (tree,) = ast.parse(inspect.getsource(formula.raw)).body
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list, tree.body, tree.returns = [], tree.body[1:], None
    for argument in (*tree.args.args, *tree.args.kwonlyargs):
        argument.annotation = None
    return tree


def variants(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """What one node may be replaced by."""
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
        yield from (ast.Name(other, ast.Load()) for other in names if other != node.id)
    elif isinstance(node, ast.Compare):
        yield from (ast.Compare(node.left, [one()], node.comparators) for one in COMPARISONS.get(type(node.ops[0]), []))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from called(node, node.func)


def called(node: ast.Call, function: ast.Attribute) -> Iterator[ast.AST]:
    """What a call of a NumPy function may be replaced by."""
    if function.attr in FUNCTIONS:
        yield ast.Call(ast.Attribute(function.value, FUNCTIONS[function.attr], ast.Load()), node.args, node.keywords)
    if function.attr in IDENTITIES:
        yield node.args[0]
    if function.attr == "where":
        yield ast.Call(function, [node.args[0], node.args[2], node.args[1]], [])


class Replace(ast.NodeTransformer):
    """Replace the node at one place of the tree, counted in the order of ast.walk."""

    def __init__(self, target: ast.AST, replacement: ast.AST) -> None:
        self.target, self.replacement = target, replacement

    def visit(self, node: ast.AST) -> Any:
        """The replacement where the target stands."""
        return self.replacement if node is self.target else self.generic_visit(node)


def mutants(formula: Formula[..., Any]) -> Iterator[Mutant]:
    """Every single change of a formula, each once."""
    tree = source_tree(formula)
    names = [argument.arg for argument in (*tree.args.args, *tree.args.kwonlyargs)]
    seen = {ast.dump(tree)}
    for place, statement in enumerate(tree.body):
        for index, node in enumerate(ast.walk(statement)):
            for number, replacement in enumerate(variants(node, names)):
                changed = copy.deepcopy(tree)
                target = list(ast.walk(changed.body[place]))[index]
                fresh = list(variants(target, names))[number]
                changed.body[place] = Replace(target, fresh).visit(changed.body[place])
                yield from once(formula, tree, place, changed, seen, f"{ast.unparse(node)} → {ast.unparse(replacement)}")
        if isinstance(statement, ast.Assign) and stale(statement, names):
            changed = copy.deepcopy(tree)
            del changed.body[place]
            yield from once(formula, tree, place, changed, seen, "removed")


def stale(statement: ast.Assign, names: list[str]) -> bool:
    """Whether a statement updates an argument, so that the function runs without it, on the old value."""
    targets = {node.id for node in ast.walk(statement.targets[0]) if isinstance(node, ast.Name)}
    return targets <= set(names)


def once(
    formula: Formula[..., Any], tree: ast.FunctionDef, place: int, changed: ast.FunctionDef, seen: set[str], change: str
) -> Iterator[Mutant]:
    """The mutant, unless it is one that was made before."""
    ast.fix_missing_locations(changed)
    if (key := ast.dump(changed)) not in seen:
        seen.add(key)
        yield Mutant(formula.id, ast.unparse(tree.body[place]), change, changed)


@dataclass(frozen=True)
class Fate:
    """What became of a mutant: refuted, raised (every piece that noticed it could not run it) or survived."""

    formula: str
    line: str
    change: str
    fate: str
    by: str = ""


def meet(mutant: Mutant) -> Fate:
    """Let the evidence meet a mutant, numbers before symbols and laws, until one piece refutes it."""
    load()
    name = FORMULAS[mutant.formula].__name__
    pieces = sorted((one for one in PIECES.values() if name in one.formulas), key=lambda one: COST.index(one.kind))
    raised = ""
    for piece in pieces:
        result = run_piece(piece, {name: mutant.function})
        if result.verdict is Verdict.REFUTED:
            return Fate(mutant.formula, mutant.line, mutant.change, "refuted", piece.name)
        raised = raised or (result.detail if result.raised else "")
    return Fate(mutant.formula, mutant.line, mutant.change, "raised" if raised else "survived", raised)


def equivalents() -> dict[tuple[str, str, str], str]:
    """The mutants that are known to be the same formula, and why."""
    return {(one.id, one.line, one.change): one.why for one in catalogue().equivalents}


def run(identifiers: list[str], jobs: int) -> list[Fate]:
    """The fates of all mutants of these formulas, in parallel processes."""
    load()
    bred = [one for identifier in identifiers for one in mutants(FORMULAS[identifier])]
    fates = []
    with workers(jobs) as pool:
        for mutant, future in [(one, pool.schedule(meet, args=(one,), timeout=TIMEOUT)) for one in bred]:
            try:
                fates.append(future.result())
            except (OutOfTime, ProcessExpired) as end:
                fates.append(Fate(mutant.formula, mutant.line, mutant.change, "survived", f"no verdict: {type(end).__name__}"))
    return fates


def main(identifiers: list[str]) -> int:
    """Breed, run, report; 0 if every survivor is explained and every explanation is needed."""
    from rich.console import Console
    from rich.table import Table

    chosen = identifiers or list(FORMULAS)
    fates = run(chosen, available_cores())
    known = {key: why for key, why in equivalents().items() if key[0] in chosen}
    survivors = {(one.formula, one.line, one.change): one for one in fates if one.fate == "survived"}
    table = Table(title="Mutants")
    for column in ("formula", "bred", "refuted", "raised", "equivalent", "unexplained"):
        table.add_column(column, justify="left" if column == "formula" else "right")
    for identifier in chosen:
        mine = [one for one in fates if one.formula == identifier]
        explained = sum(key[0] == identifier and key in known for key in survivors)
        counts = [sum(one.fate == fate for one in mine) for fate in ("refuted", "raised", "survived")]
        table.add_row(identifier, *map(str, (len(mine), counts[0], counts[1], explained, counts[2] - explained)))
    console = Console(width=140)
    console.print(table)
    unexplained = [one for key, one in survivors.items() if key not in known]
    stale_reasons = [key for key in known if key not in survivors]
    for one in unexplained:
        console.print(f"survived: {one.formula}: {one.line}: {one.change} {one.by}", markup=False)
    for key, why in known.items():
        console.print(f"{'STALE' if key in stale_reasons else 'equivalent'}: {': '.join(key)}: {why}", markup=False)
    console.print(f"{len(fates)} mutants, {sum(one.fate != 'survived' for one in fates)} killed, {len(survivors)} survived")
    return 1 if unexplained or stale_reasons else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
