"""On which numbers a piece of evidence computes, read from the code that it runs."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from ..arithmetic import Ball
from ..evidence import Evidence

ARITHMETIC, PIECES = Ball.__module__.rpartition(".")[0], Evidence.__module__.rpartition(".")[0]
WORDS = {  # the modules that a number system is made by, in the order in which a page names them
    "tensors": "arrays of symbolic shape",
    "symbolic": "symbols",
    "convergence": "symbols",
    "rational": "fractions",
    "dual": "dual numbers over certified enclosures",
    "difference": "certified enclosures",
    "ball": "certified enclosures",
    "running": "floats with the bounds of their rounding errors",
}


def arithmetics_in_words(piece: Evidence) -> str:
    """Return the number systems that the code of a piece names, with those of its functions; plain numbers where it names none."""
    modules = set(arithmetics_of(piece.function, set()))
    named = dict.fromkeys(numbers for module, numbers in WORDS.items() if module in modules)
    if piece.kind == "law":
        exact = "bit for bit" if dict(piece.options).get("exact") else "within the bounds of their rounding errors"
        return ", ".join([*named, f"floats, {exact}"])
    return ", ".join(named) or "plain numbers"


def arithmetics_of(function: FunctionType | Any, seen: set[Any]) -> Iterator[str]:
    """Yield the modules of the number systems that a function names, and the functions of the evidence that it calls."""
    seen.add(function)
    for value in globals_of(function):
        made_by = value if isinstance(value, type | FunctionType) else type(value)
        package, _, module = made_by.__module__.rpartition(".")
        if package == ARITHMETIC:
            yield module
        elif made_by.__module__.startswith("sympy."):
            yield "symbolic"
        elif isinstance(value, FunctionType) and package == PIECES and value not in seen:
            yield from arithmetics_of(value, seen)


def globals_of(function: FunctionType) -> list[Any]:
    """Return the values of the global names that a function reads, the functions within it among them."""
    names = dict.fromkeys(names_read(function.__code__))
    return [function.__globals__[name] for name in names if name in function.__globals__]


def names_read(code: CodeType) -> Iterator[str]:
    """Yield the global names that code reads."""
    yield from (str(step.argval) for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL")
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from names_read(part)
