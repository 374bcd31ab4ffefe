"""Loops with the functions that they call written out in them, so that the compiler meets one function instead of dozens.

Only what `inlined` made is written out, where it is called unconditionally; all else stays a call.
"""

from __future__ import annotations

import ast
import builtins
import copy
import functools
import inspect
import itertools
from typing import TYPE_CHECKING, Any

from numba.core.dispatcher import Dispatcher

from ..reference.syntax import CONDITIONAL, PrefixNames, load, local_names, source_tree, store

if TYPE_CHECKING:
    from collections.abc import Callable


def write_out_calls(tree: ast.FunctionDef, namespace: dict[str, Any]) -> tuple[ast.FunctionDef, dict[str, Any]]:
    """Return the definition with the functions that it calls written out, and the global names that it needs then."""
    writer = CallWriter(namespace, local_names(tree))
    tree = copy.deepcopy(tree)
    tree.body = writer.statements(tree.body)
    return ast.fix_missing_locations(tree), writer.namespace


class CallWriter:
    """Writes out the calls in the statements of one function."""

    def __init__(self, namespace: dict[str, Any], own: set[str]) -> None:
        self.namespace, self.own = dict(namespace), own
        self.counter = itertools.count()

    def statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Return the statements, their calls written out."""
        return [part for statement in body for part in self.statement(statement)]

    def statement(self, statement: ast.stmt) -> list[ast.stmt]:
        """Return one statement, after those of the functions that it calls."""
        before: list[ast.stmt] = []
        if isinstance(statement, ast.For | ast.If):
            field = "iter" if isinstance(statement, ast.For) else "test"
            setattr(statement, field, self.value(getattr(statement, field), before))
            statement.body, statement.orelse = self.statements(statement.body), self.statements(statement.orelse)
        elif isinstance(statement, ast.Assign | ast.AugAssign | ast.Return | ast.Expr) and statement.value:
            statement.value = self.value(statement.value, before)
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                return before
        return [*before, statement]

    def value(self, node: Any, before: list[ast.stmt]) -> Any:
        """Return an expression whose calls are names; the statements that give them their values are added to `before`."""
        if isinstance(node, CONDITIONAL):
            return node
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                setattr(node, name, self.value(value, before))
            elif isinstance(value, list):
                setattr(node, name, [self.value(part, before) if isinstance(part, ast.AST) else part for part in value])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and ast.unparse(node.right) == "2":
            return self.square(node.left, before)
        called: Any = self.namespace.get(node.func.id) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else None
        definition = definition_of(called)
        if definition is None or node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            return node
        return self.written_out(called.py_func, copy.deepcopy(definition), node.args, before)

    def square(self, base: ast.expr, before: list[ast.stmt]) -> ast.expr:
        """Return a square as a product, which it is to NumPy, and to the compiler after more work."""
        name = f"base{next(self.counter)}"
        before.append(ast.Assign([store(name)], base))
        return ast.BinOp(load(name), ast.Mult(), load(name))

    def written_out(self, function: Any, tree: ast.FunctionDef, values: list[ast.expr], before: list[ast.stmt]) -> ast.expr:
        """Add the body of a function to `before`, with names of its own; return its result."""
        prefix = f"{tree.name}{next(self.counter)}"
        stored = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        own = local_names(tree)
        given = {
            argument.arg: value
            for argument, value in zip(tree.args.args, values, strict=True)
            if isinstance(value, ast.Name | ast.Constant) and argument.arg not in stored
        }
        before += [
            ast.Assign([store(f"{prefix}_{argument.arg}")], value)
            for argument, value in zip(tree.args.args, values, strict=True)
            if argument.arg not in given
        ]
        names = self.global_names(function, tree, own)
        tree = PrefixNames(prefix, own - set(given)).visit(tree)
        tree = SubstituteNames(given | {name: load(other) for name, other in names.items()}).visit(tree)
        *body, last = tree.body
        if not isinstance(last, ast.Return) or last.value is None:
            before += self.statements(tree.body)
            return ast.Constant(None)
        before += self.statements([*body, ast.Assign([store(f"{prefix}_result")], last.value)])
        return load(f"{prefix}_result")

    def global_names(self, function: Any, tree: ast.FunctionDef, own: set[str]) -> dict[str, str]:
        """Return the names under which a function's global names are known here; other ones where a name is taken."""
        used = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name)} - own
        names: dict[str, str] = {}
        for name in sorted(used & set(function.__globals__)):
            value, known = function.__globals__[name], name
            while known in self.own or self.namespace.setdefault(known, value) is not value:
                known += "_"
            names |= {name: known} if known != name else {}
        assert used <= {*function.__globals__, *vars(builtins)}, used
        return names


class SubstituteNames(ast.NodeTransformer):
    """Put expressions in the places of names."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Return what stands for a name."""
        return copy.deepcopy(self.values[node.id]) if node.id in self.values and isinstance(node.ctx, ast.Load) else node


def definition_of(called: Any) -> ast.FunctionDef | None:
    """Return the definition of a function that `inlined` made, if it returns at its end alone."""
    if not isinstance(called, Dispatcher) or not called.targetoptions.get("forceinline") or called.targetoptions.get("fastmath"):
        return None
    return definition(called.py_func)


@functools.cache
def definition(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """Return the definition of a function, if its source is known, it has no names of another function, and it returns at its end alone."""
    if function.__closure__:
        return None
    try:
        tree = source_tree(function)
    except (OSError, AssertionError, SyntaxError):
        return None
    returns = [node for node in ast.walk(tree) if isinstance(node, ast.Return)]
    named = tree.name == inspect.unwrap(function).__name__  # the lines of a generated function are those of something else
    return tree if named and returns in ([], tree.body[-1:]) else None
