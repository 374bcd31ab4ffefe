"""Evidence of large sizes for every formula that has axes: data that repeat.

Where the data repeat r times along an axis, results of a mean stay, results for each entry repeat, and sums are multiplied by r: a result
is multiplied by a power of r, which is 0 unless the catalogue's entry says otherwise (`repeated`). So what other pieces of evidence show
of small sizes is true of large ones, too. A matrix repeats as blocks along the diagonal. Where the data enter by products alone, nothing
changes if there are zeros before and after them: the entry says "zeros" in the place of the power.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...reference import FORMULAS, Formula, tree_leaves, tree_map
from ...reference.validation import Domain, domains
from ..arithmetic import Ball
from ..catalogue import catalogue
from ..inputs.cases import ArgumentSampler, draw_arguments
from ._registry import Claims, repetition

BLOCKS = (2, 3, 5)  # lengths of what repeats
NO_RULE, ZEROS = "no rule", "zeros"
SIZE = 130  # the length at the least of what is made of it


def register_repetitions() -> None:
    """Register a piece of evidence for each formula that has axes along which the catalogue lets data repeat."""
    for formula in FORMULAS.values():
        powers = stated_powers(formula)
        if powers:
            scope = f"certified, random data that repeat to {SIZE} entries and more along {', '.join(powers)}"
            repetition(formula.id, scope=scope)(piece(formula, powers))


def stated_powers(formula: Formula[..., Any]) -> dict[str, Any]:
    """Return, by the axes of the arguments of a formula, the power of r that multiplies its results: one number, or one for each result."""
    stated = catalogue().entries[formula.id].repeated
    axes = dict.fromkeys(axis for domain in domains(formula.raw).values() for axis in domain.axes if not axis.isdigit())
    powers = {axis: stated.get(axis, 0) for axis in axes}
    return {axis: power for axis, power in powers.items() if power != NO_RULE}


def piece(formula: Formula[..., Any], powers: Mapping[str, Any]) -> Callable[..., Claims]:
    """Return the piece of evidence about the sizes of a formula."""

    def claims(**formulas: Callable[..., Any]) -> Claims:
        for axis, power in powers.items():
            yield from repeated_claims(formulas[formula.__name__], formula, axis, power)

    claims.__name__ = f"repeated_{formula.__name__}"
    claims.__module__ = f"{__package__}.{formula.__module__.rpartition('.')[2]}"
    claims.__doc__ = f"What {formula.__name__}() makes of data that repeat along an axis follows from what it makes of them once."
    claims.__signature__ = inspect.Signature([inspect.Parameter(formula.__name__, inspect.Parameter.KEYWORD_ONLY)])  # type: ignore[attr-defined]
    return claims


def repeated_claims(function: Callable[..., Any], formula: Formula[..., Any], axis: str, power: Any) -> Claims:
    """Yield what a function makes of a formula's data that repeat along an axis, and what that must be."""
    given, positional = domains(formula.raw), positional_arguments(formula)
    for length in BLOCKS:
        source, times = np.random.default_rng(length), math.ceil(SIZE / length)
        sizes = {axis: (length,) if axis.startswith("*") else length}
        arguments = draw_arguments(lambda: ArgumentSampler(source, sizes=sizes, turn=1), given)  # noqa: B023 - called at once
        longer = {name: lengthen(value, given[name], axis, times, power) for name, value in arguments.items()}
        once, often = (tree_leaves(call(function, data, positional)) for data in (arguments, longer))
        for number, (small, large) in enumerate(zip(once, often, strict=True)):
            exponent = power[number] if isinstance(power, list) else power
            if exponent != NO_RULE:
                factor = 1 if exponent == ZEROS else Ball(times) ** Ball(exponent)
                yield large, lengthen_result(small, np.shape(large), times, power) * factor


def positional_arguments(formula: Formula[..., Any]) -> int:
    """Return how many arguments of a formula are handed over by position."""
    return int(formula.raw.__code__.co_argcount)


def call(function: Callable[..., Any], arguments: Mapping[str, Any], positional: int) -> Any:
    """Return what a function makes of arguments, their real numbers as balls, and a fresh copy of a source of random numbers."""
    given = {name: tree_map(as_argument, value) for name, value in arguments.items()}
    names = list(given)
    return function(*(given[name] for name in names[:positional]), **{name: given[name] for name in names[positional:]})


def as_argument(leaf: Any) -> Any:
    """Return a leaf of an argument as it is handed over."""
    if isinstance(leaf, np.random.Generator):
        return copy.deepcopy(leaf)
    is_real = isinstance(leaf, float) or (isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f")
    return Ball(leaf) if is_real else leaf


def lengthen(value: Any, domain: Domain, axis: str, times: int, power: Any) -> Any:
    """Return an argument with its data repeated along an axis, or with zeros before and after them."""
    if domain.kind == "state":
        parts = zip(value, domain.fields.values(), strict=True)
        return domain.hint(*(lengthen(part, field, axis, times, power) for part, field in parts))
    if axis not in domain.axes or value is None:
        return value
    return lengthen_along(value, positions(domain, axis, np.ndim(value)), times, power)


def positions(domain: Domain, axis: str, dimensions: int) -> list[int]:
    """Return where an axis stands in the shape of an array; behind axes that stand for any number of axes, it is counted from the end."""
    names = domain.axes
    starred = next((index for index, name in enumerate(names) if name.startswith("*")), len(names))
    found = [index for index, name in enumerate(names) if name == axis]
    return [index if index <= starred else dimensions - len(names) + index for index in found]


def lengthen_along(value: Any, axes: list[int], times: int, power: Any) -> Any:
    """Return an array that repeats along one axis, or as blocks along the diagonal of two; or one with zeros before and after it."""
    if power == ZEROS:
        return np.pad(value, [(SIZE // 2 if axis in axes else 0,) * 2 for axis in range(np.ndim(value))]) if axes else value
    if len(axes) == 2:
        return np.kron(np.eye(times, dtype=int), value)
    return np.tile(value, [times if axis in axes else 1 for axis in range(np.ndim(value))])


def lengthen_result(small: Any, shape: tuple[int, ...], times: int, power: Any) -> Any:
    """Return a result repeated, or with zeros before and after it, along the axes in which a shape is longer."""
    longer = [axis for axis, (long, short) in enumerate(zip(shape, np.shape(small), strict=True)) if long != short]
    value = Ball.object_array(small) if isinstance(small, Ball) else np.asarray(small)
    return Ball(lengthen_along(value, longer, times, power))


register_repetitions()
