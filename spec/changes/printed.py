"""Printed forms of errata: formulas with the changes that the catalogue states, and what the changes alter."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

from ...reference import FORMULAS
from ...reference.syntax import state_arguments
from .equations import expression, symbol
from .function import FunctionProgram, function_program, inner_parts, namespace_of
from .patterns import Simplification, Substitution, names_assigned
from .program import FieldReading, NotApplicable, Renaming, unparsed
from .rules import Rule, apply


def changed_program(formula: str, changes: Sequence[Rule]) -> FunctionProgram:
    """Return a formula with changes; a ValueError says where one does not apply, or that the formula is as it was."""
    if formula not in FORMULAS:
        raise ValueError(f"there is no formula {formula!r}")
    program = function_program(formula)
    changed = apply(program, changes, {})
    if changed.source == program.source:
        raise ValueError(f"the changes leave {formula} as it is")
    return changed


def altered_lines(program: FunctionProgram) -> tuple[list[str], list[str]]:
    """Return the lines that the changes of a formula alter, as they are in the formula and as they are changed.

    The lines of an optimizer's step are equations, those of another formula and what has no equation Python.
    """
    before, after = list(lines_of(function_program(program.formula))), list(lines_of(program))
    return [line for line in before if line not in after], [line for line in after if line not in before]


def lines_of(program: FunctionProgram) -> Iterator[str]:
    """Yield the statements of a program as lines for people."""
    if not program.formula.startswith("optimizers."):
        yield from map(unparsed, program.statements)
        return
    defaults = {name: value for name, value in defaults_of(program.arguments) if isinstance(value, ast.Constant) and value.value == 0}
    fields = {state: kind._fields for state, kind in state_arguments(FORMULAS[program.formula].raw).items()}  # type: ignore[attr-defined]
    known = {*program.argument_names, *(name for names in fields.values() for name in names)}
    names: Mapping[str | None, str] = dict(result_names(program))
    for statement in program.statements:
        step = Renaming(names).visit(statement)
        for state, names_of_fields in fields.items():
            step = FieldReading(state, {name: name for name in names_of_fields}).visit(step)
        yield from line_of(Simplification().visit(Substitution(defaults).visit(step)), known)
        known |= names_assigned(step)


def line_of(statement: ast.stmt, known: set[str]) -> Iterator[str]:
    """Yield the equation of an assignment, or Python where there is none; nothing if the name has this value already."""
    match statement:
        case ast.Assign([ast.Name(name)], ast.Name(value)) if value == name:
            return
        case ast.Assign([ast.Name(name)], value):
            try:
                yield f"{symbol(name)} {'←' if name in known else '='} {expression(value)}"
            except NotApplicable:
                yield unparsed(statement)
        case _:
            yield unparsed(statement)


def defaults_of(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    """Yield the arguments that have a default, each with it."""
    positional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    for argument, default in zip((*positional, *arguments.kwonlyargs), (*arguments.defaults, *arguments.kw_defaults), strict=True):
        if default is not None:
            yield argument.arg, default


def result_names(program: FunctionProgram) -> Iterator[tuple[str, str]]:
    """Yield the results of a step, each with the name of what it is the next value of: the point, or an array or field of the state."""
    point, *states = inner_parts(program.returned) or [program.returned]
    for result, name in [(point, program.argument_names[0]), *zip(states, program.argument_names[2:], strict=False)]:
        kind = namespace_of(program.formula).get(ast.unparse(result.func)) if isinstance(result, ast.Call) else None
        for part, field in zip(inner_parts(result) or [result], getattr(kind, "_fields", [name]), strict=True):
            yield ast.unparse(part), field
