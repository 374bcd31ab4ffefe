"""Changes of one place: every expression of a program that has the form of a pattern, rewritten by itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .function import FunctionProgram
from .patterns import Bindings, NodeReplacement, is_equal, match, parse_expression, substitute
from .program import NotApplicable
from .rules import in_roles


@dataclass(frozen=True)
class Place:
    """An expression of a program, what is to be in its place, and what the wildcards of a pattern that it has the form of stand for."""

    node: ast.expr
    fresh: ast.expr
    bindings: Bindings = field(default_factory=dict)

    def words(self, text: str) -> str:
        """Return a text with the expressions in it: {match}, {fresh} and the wildcards."""
        expressions = {"match": self.node, "fresh": self.fresh, **self.bindings}
        return text.format(**{name: ast.unparse(node) for name, node in expressions.items()})


def changes_of_places(
    program: FunctionProgram, record: Mapping[str, Any], roles: Mapping[str, str]
) -> Iterator[tuple[str, str, list[Place]]]:
    """Yield label, words and what is changed for every place of a record, and for all of them at once where it asks for that."""
    label = in_roles(record["label"], roles)
    places = list(places_of(program, {in_roles(old, roles): in_roles(new, roles) for old, new in record["replace"].items()}))
    if len(places) > 1 and record.get("everywhere"):
        words = places[0].words(in_roles(record["words"], roles))
        yield label, f"{words}, and in {len(places) - 1} more such places", places
    for number, site in enumerate(places, start=1):
        numbered = f"{label}-{number}" if len(places) > 1 else label
        yield numbered, site.words(in_roles(record["words"], roles)), [site]


def places_of(program: FunctionProgram, pairs: Mapping[str, str]) -> Iterator[Place]:
    """Yield the expressions of a program that have the form of a pattern and would change, from the outside to the inside."""
    patterns = [(parse_expression(pattern), parse_expression(template)) for pattern, template in pairs.items()]
    for statement in program.statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), ast.Store):
                for pattern, template in patterns:
                    bindings: Bindings = {}
                    if match(pattern, node, bindings) and not is_equal(fresh := substitute(template, bindings), node):
                        yield Place(node, fresh, bindings)


def with_changes(program: FunctionProgram, places: Iterable[Place]) -> FunctionProgram:
    """Return a program with these places changed, of which none lies within another that was changed before."""
    for site in places:
        statements = tuple(NodeReplacement(site.node, site.fresh).visit(statement) for statement in program.statements)
        if all(fresh is statement for fresh, statement in zip(statements, program.statements, strict=True)):
            raise NotApplicable(f"there is no {ast.unparse(site.node)} any more")
        program = replace(program, statements=statements)
    return program


def counters_of(program: FunctionProgram) -> list[str]:
    """Return the names that count steps: those that a statement makes larger by 1."""
    names = [target.id for statement in program.statements for target in getattr(statement, "targets", ()) if isinstance(target, ast.Name)]
    return [name for name in dict.fromkeys(names) if any(True for _ in places_of(program, {f"{name} + 1": name}))]
