"""Mutations: every change of one place of a function's source, without a name. Evidence must refute them, and the kit tries them last."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .patterns import NodeReplacement, parse_expression

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
class Mutation:
    """A function with one change: the changed line as it was, the change in words, and the changed syntax tree."""

    line: str
    change: str
    tree: ast.FunctionDef


def mutations(tree: ast.FunctionDef) -> Iterator[Mutation]:
    """Yield every function that differs from this one in one place, each once. What is not changed is shared with it."""
    names = [argument.arg for argument in (*tree.args.args, *tree.args.kwonlyargs)]
    for index, statement in enumerate(tree.body):
        line, seen = ast.unparse(statement), {ast.dump(statement)}
        for node in ast.walk(statement):
            for replacement in replacements(node, names):
                changed = NodeReplacement(node, replacement).visit(statement)
                if (key := ast.dump(changed)) not in seen:
                    seen.add(key)
                    body = [*tree.body[:index], changed, *tree.body[index + 1 :]]
                    yield Mutation(line, f"{ast.unparse(node)} → {ast.unparse(replacement)}", with_body(tree, body))
        if isinstance(statement, ast.Assign) and is_state_update(statement, names):
            yield Mutation(line, "removed", with_body(tree, [*tree.body[:index], *tree.body[index + 1 :]]))


def one_place_changes(statement: ast.stmt, names: list[str]) -> Iterator[tuple[ast.expr, ast.expr, ast.stmt]]:
    """Yield every assignment whose value differs from this one in one place, each once, after the old and the new part."""
    seen = {ast.dump(statement)}
    for node in ast.walk(statement.value) if isinstance(statement, ast.Assign) else ():
        for replacement in replacements(node, names):
            changed = NodeReplacement(node, replacement).visit(statement)
            if (key := ast.dump(changed)) not in seen and isinstance(node, ast.expr) and isinstance(replacement, ast.expr):
                seen.add(key)
                yield node, replacement, changed


def other_names(statement: ast.stmt, names: list[str]) -> Iterator[tuple[ast.expr, ast.expr, ast.stmt]]:
    """Yield every assignment that reads another of these names in one place, after the old and the new part."""
    for node in ast.walk(statement.value) if isinstance(statement, ast.Assign) else ():
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in names:
            for name in names:
                if name != ast.unparse(node):
                    fresh = parse_expression(name)
                    yield node, fresh, NodeReplacement(node, fresh).visit(statement)


def scaled_places(statement: ast.stmt, factors: Iterable[str] = ()) -> Iterator[tuple[ast.expr, ast.expr, ast.stmt]]:
    """Yield every assignment with one part doubled, halved, squared, or times one of these names, after the old and the new part."""
    if not isinstance(statement, ast.Assign):
        return
    parts = [node for node in ast.walk(statement.value) if isinstance(node, ast.Name | ast.BinOp | ast.Call)]
    functions = {id(node.func.value) for node in parts if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    functions |= {id(node.func) for node in parts if isinstance(node, ast.Call)}
    for node in parts:
        if id(node) not in functions:
            for replacement in (
                ast.BinOp(ast.Constant(2), ast.Mult(), node),
                ast.BinOp(node, ast.Div(), ast.Constant(2)),
                ast.BinOp(node, ast.Pow(), ast.Constant(2)),
                *(ast.BinOp(parse_expression(factor), ast.Mult(), node) for factor in factors),
            ):
                yield node, replacement, NodeReplacement(node, replacement).visit(statement)


def misplaced_points(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr, ast.stmt]]:
    """Yield every assignment with one whole number above 2 ten times as large, or a tenth, after the old and the new part."""
    for node in ast.walk(statement.value) if isinstance(statement, ast.Assign) else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > 2:
            for replacement in (ast.Constant(10 * node.value), ast.BinOp(node, ast.Div(), ast.Constant(10))):
                yield node, replacement, NodeReplacement(node, replacement).visit(statement)


def other_parentheses(statement: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr, ast.stmt]]:
    """Yield every assignment with one sum and a product or quotient in it grouped otherwise, after the old and the new part."""
    for node in ast.walk(statement.value) if isinstance(statement, ast.Assign) else ():
        match node:
            case ast.BinOp(ast.BinOp(first, ast.Mult() | ast.Div() as product, second), ast.Add() | ast.Sub() as total, term):
                replacements = [
                    ast.BinOp(first, product, ast.BinOp(second, total, term)),
                    ast.BinOp(ast.BinOp(first, total, term), product, second),
                ]
            case ast.BinOp(term, ast.Add() | ast.Sub() as total, ast.BinOp(first, ast.Mult() | ast.Div() as product, second)):
                replacements = [ast.BinOp(ast.BinOp(term, total, first), product, second)]
            case _:
                continue
        for replacement in replacements:
            yield node, replacement, NodeReplacement(node, replacement).visit(statement)


def with_body(tree: ast.FunctionDef, body: list[ast.stmt]) -> ast.FunctionDef:
    """Return a function with other statements."""
    fields = {field: getattr(tree, field) for field in tree._fields}
    return ast.FunctionDef(**{**fields, "body": body}, lineno=1, col_offset=0)


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


def is_state_update(statement: ast.Assign, names: list[str]) -> bool:
    """Return whether a statement assigns to arguments only: without it the function still runs, with the old values."""
    targets = {node.id for node in ast.walk(statement.targets[0]) if isinstance(node, ast.Name)}
    return targets <= set(names)
