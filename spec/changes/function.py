"""A formula that makes no step as a program: the statements of its source, and `result = …`, or one such name for each result.

The program of `minmax_fit` reads

    minimum = np.min(data, axis=0)
    result_1 = minimum
    result_2 = np.max(data, axis=0) - minimum

Results are numbered in the order of their leaves; states among them are built of them again when the program is compiled.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from ...reference import FORMULAS
from ...reference.syntax import arguments_of, source_tree
from ...reference.validation import resolve_annotations
from .patterns import Rewriting, Substitution, names_assigned, names_read, parse_expression
from .program import FUNCTIONS, Statements, assignment, compiled, in_sequence, parts_of, read


@dataclass(frozen=True)
class FunctionProgram(Statements):
    """The statements of a formula, its arguments with their defaults, and what it returns as an expression of its results."""

    formula: str
    arguments: ast.arguments
    returned: ast.expr

    @functools.cached_property
    def results(self) -> tuple[str, ...]:
        """The names of its results: `result`, or `result_1` and so on."""
        return tuple(part.id for part in ast.walk(self.returned) if isinstance(part, ast.Name) and part.id.startswith("result"))

    @functools.cached_property
    def tree(self) -> ast.FunctionDef:
        """The program as the definition of a function, which can be rendered as a formula can (spec.latex).

        What the last statements assign to results is returned without naming it.
        """
        body, values = list(self.statements), dict[str, ast.expr]()
        for statement in reversed(self.statements):
            name, *others = names_assigned(statement)
            needed = {*values, *(read for value in values.values() for read in names_read(value))}
            if others or name not in self.results or name in needed or not isinstance(statement, ast.Assign):
                break
            values[name] = statement.value
            body.pop()
        fields: dict[str, Any] = {
            "name": FORMULAS[self.formula].__name__,
            "args": self.arguments,
            "body": [*body, ast.Return(Substitution(values).visit(self.returned))],
            "decorator_list": [],
            "type_params": [],
        }
        tree = ast.FunctionDef(**{name: value for name, value in fields.items() if name in ast.FunctionDef._fields})
        return ast.fix_missing_locations(tree)

    @functools.cached_property
    def argument_names(self) -> tuple[str, ...]:
        """The names of its arguments, in order."""
        return tuple(argument.arg for argument in arguments_of(self.tree))

    @functools.cached_property
    def function(self) -> Callable[..., Any]:
        """The program as a function of the formula's arguments."""
        body = (*self.statements, ast.Return(self.returned))
        return compiled(f"changed_{FORMULAS[self.formula].__name__}", self.arguments, body, namespace_of(self.formula))

    def without_unused(self) -> FunctionProgram:
        """Return the program without assignments that no result depends on."""
        live, statements = set(self.results), list[ast.stmt]()
        for statement in reversed(self.statements):
            if not isinstance(statement, ast.Assign) or names_assigned(statement) & live:
                live = (live - names_assigned(statement) if isinstance(statement, ast.Assign) else live) | names_read(statement)
                statements.append(statement)
        return replace(self, statements=tuple(reversed(statements)))

    @functools.cached_property
    def inlined_calls(self) -> FunctionProgram:
        """The program with the expressions of other formulas in the place of calls of them."""
        return replace(self, statements=tuple(Inlining().visit(statement) for statement in self.statements))


class Inlining(Rewriting):
    """A traversal that puts the expression of a formula in the place of a call of it, where it is a single one."""

    def visit(self, node: Any) -> Any:
        """Return the expression that a call stands for, its arguments in it, or the node with its parts visited."""
        node = super().visit(node)
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS):
            return node
        tree = source_tree(FUNCTIONS[node.func.id])
        names = [argument.arg for argument in arguments_of(tree)]
        given = dict(zip(names, node.args, strict=False)) | {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
        given |= {name: default for name, default in defaults_of(tree).items() if name not in given}
        value = tree.body[0].value if isinstance(tree.body[0], ast.Return) else None
        is_whole = value is not None and names_read(value) <= {*given, *FUNCTIONS, "np"}
        return Substitution(given).visit(value) if is_whole and set(names) <= set(given) else node


def defaults_of(tree: ast.FunctionDef) -> dict[str, ast.expr]:
    """Return the defaults of the arguments of a formula that are given by name."""
    pairs = zip(tree.args.kwonlyargs, tree.args.kw_defaults, strict=True)
    return {argument.arg: default for argument, default in pairs if default is not None}


@functools.cache
def namespace_of(identifier: str) -> Mapping[str, Any]:
    """Return what the source of a formula sees: the names of its module."""
    return vars(sys.modules[FORMULAS[identifier].raw.__module__])


@functools.cache
def function_program(identifier: str) -> FunctionProgram:
    """Return the program of a formula of the reference."""
    raw = FORMULAS[identifier].raw
    tree = source_tree(raw)
    *body, last = tree.body
    statements = [simple for statement in body for simple in simple_statements(statement, raw)]
    returned, results = numbered(resolve_annotations(raw, raw.__module__)["return"])
    value = returned_value(last)
    for statement in reversed(statements):
        if isinstance(statement, ast.If):  # `if test: return value` before the last statement
            value = ast.IfExp(statement.test, returned_value(*statement.body), value)
    statements = [statement for statement in statements if not isinstance(statement, ast.If)]
    values = values_of(value, returned)
    if values is None:
        statements.append(ast.Assign([stored(returned)], value))
    else:
        statements += [assignment(name, leaf) for name, leaf in zip(results, values, strict=True)]
    return FunctionProgram(tuple(statements), identifier, tree.args, returned)


def returned_value(statement: ast.stmt) -> ast.expr:
    """Return what a return statement returns."""
    assert isinstance(statement, ast.Return)
    assert statement.value is not None
    return statement.value


def simple_statements(statement: ast.stmt, raw: Callable[..., Any]) -> Iterator[ast.stmt]:
    """Yield a statement, or assignments of single names in the place of one that assigns several."""
    if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple)):
        yield statement
        return
    names = [target.id for target in statement.targets[0].elts if isinstance(target, ast.Name)]
    fields = state_fields(raw, statement.value)
    if fields:
        yield from (
            assignment(name, parse_expression(f"{ast.unparse(statement.value)}.{field}")) for name, field in zip(names, fields, strict=True)
        )
    elif isinstance(statement.value, ast.Tuple):
        yield from in_sequence(dict(zip(names, parts_of(statement.value), strict=True)))
    else:
        yield statement


def state_fields(raw: Callable[..., Any], value: ast.expr) -> Sequence[str]:
    """Return the names of the fields of an argument that is a state."""
    annotation = raw.__annotations__.get(value.id) if isinstance(value, ast.Name) else None
    return tuple(getattr(raw.__globals__.get(str(annotation)), "_fields", ()))


def numbered(hint: Any) -> tuple[ast.expr, list[str]]:
    """Return what has the form of an annotated result, an expression of the names of its leaves, and these names."""
    count = len(leaves_of(hint))
    names = ["result"] if count == 1 and not is_nested(hint) else [f"result_{number}" for number in range(1, count + 1)]
    remaining = iter(names)

    def built(part: Any) -> ast.expr:
        if not is_nested(part):
            return read(next(remaining))
        parts = [built(inner) for inner in parts_of_hint(part)]
        return ast.Call(read(part.__name__), parts, []) if hasattr(part, "_fields") else ast.Tuple(parts, ast.Load())

    return built(hint), names


def is_nested(hint: Any) -> bool:
    """Return whether the annotation of a result is that of a state, or of a tuple of so many parts."""
    return hasattr(hint, "_fields") or (getattr(hint, "__origin__", None) is tuple and Ellipsis not in get_args(hint))


def parts_of_hint(hint: Any) -> list[Any]:
    """Return the annotations of the parts of a nested result."""
    return list(hint.__annotations__.values()) if hasattr(hint, "_fields") else list(get_args(hint))


def leaves_of(hint: Any) -> list[Any]:
    """Return the annotations of the arrays and numbers within a result."""
    return [leaf for part in parts_of_hint(hint) for leaf in leaves_of(part)] if is_nested(hint) else [hint]


def values_of(value: ast.expr, returned: ast.expr) -> list[ast.expr] | None:
    """Return the expressions of the leaves of a returned value; None where a call gives several of them at once."""
    if isinstance(returned, ast.Name):
        return [value]
    if head_of(value) != head_of(returned):
        return None
    values = [values_of(part, inner) for part, inner in zip(inner_parts(value), inner_parts(returned), strict=True)]
    return None if None in values else [leaf for leaves in values if leaves is not None for leaf in leaves]


def head_of(value: ast.expr) -> str:
    """Return what a nested value is made by: the name of its type."""
    return "tuple" if isinstance(value, ast.Tuple) else ast.unparse(value.func) if isinstance(value, ast.Call) else ""


def inner_parts(value: ast.expr) -> list[ast.expr]:
    """Return the parts of a tuple, or the arguments of a call."""
    return value.elts if isinstance(value, ast.Tuple) else value.args if isinstance(value, ast.Call) else []


def stored(returned: ast.expr) -> ast.expr:
    """Return what a nested result is assigned to: its names, in parentheses as they are nested."""
    if isinstance(returned, ast.Name):
        return ast.Name(returned.id, ast.Store())
    return ast.Tuple([stored(part) for part in inner_parts(returned)], ast.Store())
