"""Patterns of expressions, matched against syntax trees and rewritten.

A pattern is Python text in which a capital letter stands for any expression, and `**K` for whatever arguments by name a call has besides.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Mapping
from typing import Any

Bindings = dict[str, ast.expr]


@functools.cache
def parse_expression(text: str) -> ast.expr:
    """Return the syntax tree of an expression; it is shared, so it must not be changed."""
    return ast.parse(text, mode="eval").body


def is_wildcard(name: str) -> bool:
    """Return whether a name in a pattern stands for any expression: a single capital letter."""
    return len(name) == 1 and name.isupper()


def match(pattern: ast.AST, node: ast.AST, bindings: Bindings) -> bool:
    """Return whether a node has the form of a pattern; `bindings` receives what each wildcard stands for."""
    if isinstance(pattern, ast.Name) and is_wildcard(pattern.id):
        if not isinstance(node, ast.expr):
            return False
        bound = bindings.setdefault(pattern.id, node)
        return bound is node or is_equal(bound, node)
    if type(pattern) is not type(node):
        return False
    if isinstance(pattern, ast.Call) and isinstance(node, ast.Call) and (rest := rest_of_keywords(pattern)):
        return match_call(pattern, node, rest, bindings)
    return all(
        match_field(getattr(pattern, field, None), getattr(node, field, None), bindings) for field in pattern._fields if field != "ctx"
    )


def contains(node: ast.AST, pattern: str) -> bool:
    """Return whether some part of a node has the form of a pattern."""
    return any(match(parse_expression(pattern), part, {}) for part in ast.walk(node))


def rest_of_keywords(call: ast.Call) -> str:
    """Return K where a call ends with `**K`, a wildcard, else nothing."""
    last = call.keywords[-1] if call.keywords else None
    return last.value.id if last and last.arg is None and isinstance(last.value, ast.Name) and is_wildcard(last.value.id) else ""


def match_call(pattern: ast.Call, node: ast.Call, rest: str, bindings: Bindings) -> bool:
    """Return whether a call has the form of a pattern that ends with `**K`; K stands for the keywords that the pattern does not name."""
    named = {keyword.arg: keyword.value for keyword in pattern.keywords[:-1]}
    by_name = {keyword.arg: keyword.value for keyword in node.keywords}
    besides = ast.Call(ast.Name("dict", ast.Load()), [], [keyword for keyword in node.keywords if keyword.arg not in named])
    return (
        match(pattern.func, node.func, bindings)
        and match_field(pattern.args, node.args, bindings)
        and all(name in by_name and match(value, by_name[name], bindings) for name, value in named.items())
        and is_equal(bindings.setdefault(rest, besides), besides)
    )


def match_field(pattern: Any, value: Any, bindings: Bindings) -> bool:
    """Return whether one field of a node has the form that the pattern asks for."""
    if isinstance(pattern, ast.AST):
        return isinstance(value, ast.AST) and match(pattern, value, bindings)
    if isinstance(pattern, list):
        return len(pattern) == len(value) and all(match_field(part, item, bindings) for part, item in zip(pattern, value, strict=True))
    return bool(pattern == value)


def is_equal(node: ast.AST, other: ast.AST) -> bool:
    """Return whether two trees are the same, positions in the source aside."""
    return match(node, other, {}) if not any_wildcard(node) else ast.dump(node) == ast.dump(other)


def any_wildcard(node: ast.AST) -> bool:
    """Return whether a tree has a name that a pattern would take for a wildcard."""
    return any(isinstance(part, ast.Name) and is_wildcard(part.id) for part in ast.walk(node))


def substitute(template: ast.expr, bindings: Mapping[str, ast.expr]) -> ast.expr:
    """Return the template with what is bound in the place of its names."""
    return Substitution(bindings).visit(template)


class Rewriting:
    """A traversal that copies only what it changes, so that trees can be shared."""

    def visit(self, node: Any) -> Any:
        """Return the node, or a new one where something in it changed."""
        changes: dict[str, Any] = {}
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, ast.AST):
                fresh = self.visit(value)
                if fresh is not value:
                    changes[field] = fresh
            elif isinstance(value, list):
                items = [self.visit(item) if isinstance(item, ast.AST) else item for item in value]
                if any(fresh is not item for fresh, item in zip(items, value, strict=True)):
                    changes[field] = items
        return copied(node, changes) if changes else node


def copied(node: Any, changes: Mapping[str, Any]) -> Any:
    """Return a copy of a node with some of its fields changed."""
    return positioned(type(node)(**{**{field: getattr(node, field, None) for field in node._fields}, **changes}))


def positioned(node: Any) -> Any:
    """Return a new node with a position, which the compiler asks for."""
    if node._attributes:
        node.lineno = node.end_lineno = 1
        node.col_offset = node.end_col_offset = 0
    return node


class Substitution(Rewriting):
    """A traversal that puts expressions in the place of names that are read."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self.values = values

    def visit(self, node: Any) -> Any:
        """Return what stands in the place of a name, or the node with its parts substituted."""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            return self.values.get(node.id, node)
        if self.values.keys().isdisjoint(names_read(node)):
            return node
        node = super().visit(node)
        if isinstance(node, ast.Call) and node.keywords and node.keywords[-1].arg is None:
            keywords = node.keywords[-1].value
            if isinstance(keywords, ast.Call) and isinstance(keywords.func, ast.Name) and keywords.func.id == "dict":
                return copied(node, {"keywords": [*node.keywords[:-1], *keywords.keywords]})
        return node


class Replacement(Rewriting):
    """A traversal that rewrites every part of a tree that has the form of a pattern, the outermost first; it counts what it rewrote."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = [(parse_expression(pattern), parse_expression(template)) for pattern, template in pairs]
        self.count = 0
        self.needed = [frozenset(name for name in names_read(pattern) if not is_wildcard(name)) for pattern, _ in self.pairs]

    def may_apply(self, node: ast.AST) -> bool:
        """Return whether a tree reads all the names of some pattern; most do not, and need no traversal."""
        read = names_read(node)
        return any(names <= read for names in self.needed)

    def visit(self, node: Any) -> Any:
        """Return the node rewritten by the first pattern that it has the form of, or with its parts rewritten."""
        if not self.may_apply(node):
            return node
        if isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), ast.Store):
            for pattern, template in self.pairs:
                bindings: Bindings = {}
                if match(pattern, node, bindings):
                    self.count += 1
                    return substitute(template, {name: self.visit(value) for name, value in bindings.items()})
        return super().visit(node)


class Simplification(Rewriting):
    """A traversal that removes neutral operands: x + 0, x − 0, x + 0 y, 1 x, x / 1."""

    def visit(self, node: Any) -> Any:
        """Return the node without neutral operands."""
        node = super().visit(node)
        match node:
            case ast.BinOp(left, ast.Add() | ast.Sub(), ast.Constant(0)) | ast.BinOp(ast.Constant(0), ast.Add(), left):
                return left
            case ast.BinOp(left, ast.Add() | ast.Sub(), ast.BinOp(ast.Constant(0), ast.Mult(), _)):
                return left
            case ast.BinOp(left, ast.Mult() | ast.Div() | ast.Pow(), ast.Constant(1)) | ast.BinOp(ast.Constant(1), ast.Mult(), left):
                return left
        return node


NOTHING: frozenset[str] = frozenset()
NODES = 2**18  # nodes whose names are remembered; a bound, since changed programs are made without end


@functools.lru_cache(maxsize=NODES)
def names_read(node: ast.AST) -> frozenset[str]:
    """Return the names that a tree reads; trees are never changed in place, so the answer stays right."""
    if isinstance(node, ast.Name):
        return frozenset([node.id]) if isinstance(node.ctx, ast.Load) else NOTHING
    return NOTHING.union(*(names_read(part) for part in children(node)))


@functools.lru_cache(maxsize=NODES)
def names_assigned(node: ast.AST) -> frozenset[str]:
    """Return the names that a tree assigns."""
    if isinstance(node, ast.Name):
        return frozenset([node.id]) if isinstance(node.ctx, ast.Store) else NOTHING
    return NOTHING.union(*(names_assigned(part) for part in children(node)))


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly in a node that may hold names."""
    return [part for part in ast.iter_child_nodes(node) if not isinstance(part, NAMELESS)]


NAMELESS = (ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.Constant)


@functools.lru_cache(maxsize=NODES)
def identities(node: ast.AST) -> frozenset[int]:
    """Return the identities of all nodes of a tree; a tree that is cached is not collected, so that they stay its own."""
    return frozenset().union({id(node)}, *map(identities, ast.iter_child_nodes(node)))


class NodeReplacement(Rewriting):
    """A traversal that replaces one node."""

    def __init__(self, target: ast.AST, fresh: ast.AST) -> None:
        self.target, self.fresh = target, fresh

    def visit(self, node: Any) -> Any:
        """Return the new node in the place of the target, or the node with its parts visited."""
        if node is self.target:
            return self.fresh
        return super().visit(node) if id(self.target) in identities(node) else node
