"""Evidence of special points for every formula: at a closed end of a domain, at 0 and at a tie it has the value that it has beside them.

One number or entry of the arguments is replaced by the interval of length 2⁻¹⁹⁹ beside the point, and the value at the point must lie in
what the formula makes of it, if the reference makes something narrow of it: not where it jumps or branches. So what other pieces of
evidence show of points in general is true of these points, too.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from flint import arb

from ...reference import FORMULAS, Formula, tree_leaves
from ...reference.validation import Domain, domains
from ..arithmetic import Ball, Refused, Undecided
from ..catalogue import catalogue
from ..inputs.cases import ArgumentSampler, draw_arguments
from ._judge import CONSISTENT
from ._registry import Claims, continuity
from ._repetition import call, positional_arguments

WIDTH = arb(2) ** -200
DRAWS = 2

Points = Iterator[tuple[dict[str, Any], dict[str, Any]]]


def register_continuity() -> None:
    """Register a piece of evidence for each formula that has special points at which it is continuous."""
    for formula in FORMULAS.values():
        has_points = any(special_values(domain) or is_array(domain) for domain in flat(domains(formula.raw)))
        if has_points and not catalogue().entries[formula.id].no_continuity:
            continuity(formula.id, scope="certified, random arguments, one at a closed end, 0 or a tie")(piece(formula))


def flat(given: Mapping[str, Domain]) -> Iterator[Domain]:
    """Yield the domains of arguments, of states those of their fields."""
    for domain in given.values():
        yield from domain.fields.values() if domain.kind == "state" else [domain]


def is_array(domain: Domain) -> bool:
    """Return whether an argument is an array of real numbers that has axes."""
    return domain.kind == "array" and not domain.whole and bool(domain.axes)


def special_values(domain: Domain) -> list[tuple[Any, int]]:
    """Return the closed ends of the domain of real numbers, and 0 if it is within; each with the side on which the domain goes on, or 0."""
    if domain.kind != "number" and (domain.kind != "array" or domain.whole):
        return []
    interval = domain.interval
    ends = [(interval.low, 1, interval.low_open), (interval.high, -1, interval.high_open)]
    closed = [(end, side) for end, side, is_open in ends if np.isfinite(end) and not is_open]
    return [*closed, (0.0, 0)] if interval.low < 0 < interval.high else closed


def piece(formula: Formula[..., Any]) -> Callable[..., Claims]:
    """Return the piece of evidence about the special points of a formula."""

    def claims(**formulas: Callable[..., Any]) -> Claims:
        function, positional = formulas[formula.__name__], positional_arguments(formula)
        for point, beside in points_of(formula):
            if is_known_closely(formula, beside) and is_known_closely(formula, point):
                yield call(function, point, positional), call(function, beside, positional)

    claims.__name__ = f"continuous_{formula.__name__}"
    claims.__module__ = f"{__package__}.{formula.__module__.rpartition('.')[2]}"
    claims.__doc__ = f"What {formula.__name__}() makes of closed ends, 0 and ties lies in what it makes of intervals beside them."
    claims.__signature__ = inspect.Signature([inspect.Parameter(formula.__name__, inspect.Parameter.KEYWORD_ONLY)])  # type: ignore[attr-defined]
    return claims


def points_of(formula: Formula[..., Any]) -> Points:
    """Yield random arguments of a formula with one number or entry at a special point, and with the interval beside it in its place."""
    given = domains(formula.raw)
    for seed in range(DRAWS):
        sampler = functools.partial(ArgumentSampler, np.random.default_rng(seed), turn=1)
        yield from special_points(draw_arguments(sampler, given), given)


def special_points(arguments: dict[str, Any], given: Mapping[str, Domain]) -> Points:
    """Yield arguments with one number or entry at a special point, and with the interval beside it in its place."""
    for name, domain in given.items():
        if domain.kind == "state":
            for field, part in domain.fields.items():
                for pair in special_pairs(getattr(arguments[name], field), part, arguments):
                    point, beside = ({**arguments, name: arguments[name]._replace(**{field: value})} for value in pair)
                    yield point, beside
        else:
            for point, beside in special_pairs(arguments[name], domain, arguments):
                yield {**arguments, name: point}, {**arguments, name: beside}


def special_pairs(value: Any, domain: Domain, arguments: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield an argument with one number or entry at a special point, and with the interval beside it in its place."""
    first = (0,) * np.ndim(value)
    places = [(first, special, side) for special, side in special_values(domain)]
    if is_array(domain) and (longer := [axis for axis in range(np.ndim(value)) if np.shape(value)[axis] > 1]):
        second = tuple(int(axis == longer[0]) for axis in range(np.ndim(value)))
        places.append((second, value[first], 0))
    for index, special, side in places if value is not None else []:
        point = np.array(value, dtype=float)
        point[index] = special
        if all(np.all(limit.holds(point, arguments)) for limit in domain.limits):
            beside = Ball.object_array(point)
            beside[index] = arb(arb(special) + side * WIDTH, WIDTH)
            yield (point if np.ndim(value) else float(point)), Ball(beside)


def is_known_closely(formula: Formula[..., Any], arguments: Mapping[str, Any]) -> bool:
    """Return whether a formula makes something narrow of arguments: it neither jumps nor branches there."""
    try:
        value = call(formula.raw, arguments, positional_arguments(formula))
    except (Undecided, Refused, ArithmeticError, ValueError):
        return False
    entries = [entry for leaf in tree_leaves(value) if isinstance(leaf, Ball) for entry in Ball.object_array(leaf).ravel()]
    return all(entry.rad() <= CONSISTENT / 2 * max(1, float(abs(entry).mid())) for entry in entries)


register_continuity()
