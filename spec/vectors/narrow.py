"""Calls in narrow formats, with two tolerances: computed in float32 and rounded once (`tol`), rounded at every operation (`each`).

Arrays are in the format; hyper-parameters are numbers, which a program holds in float32 at least. The bounds are those of the kit.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...reference import Formula, tree_leaves
from ..arithmetic.formats import Format, format_of
from ..conformance.functions.bounds import ALLOWED, SINGLE, Rounding, decided_bounds
from ..conformance.functions.narrow import narrowed
from ..inputs.cases import Case, in_dtype, reference_result
from ..lines.signature import FREE_SIGNS, written_arguments
from ..lines.text import bits
from .calls import UNDEFINED, Candidates, entries, identifier, result_names, whole_results
from .expected import Due, DueWhole, certify, due
from .flags import flag_of

SMALL = 32  # entries of arguments and results together
MOST = 2  # calls of a formula in one format, of each kind one


def narrow_calls(formula: Formula[..., Any], dtype: str, known: Candidates) -> list[Mapping[str, str]]:
    """Return the lines of the calls of a formula in a narrow format: of each kind of case the first that has bounds there."""
    lines: dict[str, Mapping[str, str]] = {}
    for case in narrow_cases(formula, format_of(dtype), known):
        flag = flag_of(case.separates).id
        if len(lines) < MOST and flag not in lines and (fields := narrow_call(formula, case, dtype)):
            lines[flag] = fields
    return list(lines.values())


def narrow_cases(formula: Formula[..., Any], form: Format, known: Candidates) -> Iterator[Case]:
    """Yield the small cases of a formula that a narrow format holds and that are in the domain there."""
    for case, _ in known.results.values():
        if small := narrowed(case, form):
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                result = reference_result(formula, small, np.float64)
            if result is not None and entries((small, result)) <= SMALL and not whole_results(tree_leaves(result)):
                yield small


def narrow_call(formula: Formula[..., Any], case: Case, dtype: str) -> Mapping[str, str] | None:
    """Return the line of a call in a narrow format; None where it has no bound, or float32 rounded once is not within it."""
    try:
        values = certify(formula.raw, case.arguments, np.float64)
        once, each = (parts_due(formula, case, values, rounding) for rounding in roundings(dtype))
    except UNDEFINED:
        return None
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        computed = tree_leaves(reference_result(formula, single(case), np.float32))
    kind = format_of(dtype).kind
    if once is None or not all(part.accepts(rounded(leaf, kind)) for part, leaf in zip(once.values(), computed, strict=True)):
        return None
    inputs = {"dtype": dtype, **written_arguments(formula, case.arguments, dtype)}
    expected: dict[str, str] = {}
    for name, part in once.items():
        expected |= part.fields(name)
        other = each[name] if each else None
        if isinstance(part, Due) and isinstance(other, Due) and tells(other):
            expected[f"{name}.each"] = bits(other.tolerance, np.float64)
    return {"k": "call", "id": identifier(formula.id, inputs), "flags": flag_of(case.separates).id, **inputs, **expected}


def roundings(dtype: str) -> tuple[Rounding, Rounding]:
    """Return the two roundings of a narrow format: once, from float32, and at every operation."""
    return Rounding(dtype, SINGLE.name, SINGLE.name), Rounding(dtype, dtype, dtype)


def parts_due(formula: Formula[..., Any], case: Case, values: list[Any], rounding: Rounding) -> dict[str, Due | DueWhole] | None:
    """Return what is due of every result, with a tolerance for each element; None where a bound is missing."""
    left_out = {name: None for name, value in case.arguments.items() if value is None}
    given = {name: value for name, value in case.arguments.items() if value is not None}
    try:
        bounds = decided_bounds(functools.partial(formula.raw, **left_out), given, rounding)
        kinds = result_names(formula, len(values))
        return {
            name: due(
                value,
                kind,
                np.asarray(bound) / ALLOWED,
                np.float32,
                per_element=True,
                has_free_signs=name in FREE_SIGNS.get(formula.id, ()),
            )
            for (name, kind), value, bound in zip(kinds.items(), values, bounds, strict=True)
        }
    except UNDEFINED:
        return None


def tells(part: Due) -> bool:
    """Return whether a tolerance is less than the largest of the values: otherwise 0 would do for all of them."""
    return bool(np.max(part.tolerance, initial=0.0) < np.max(np.abs(part.hi), initial=0.0)) or not np.size(part.hi)


def single(case: Case) -> Case:
    """Return a case with its arrays in float32."""
    return replace(case, arguments={name: in_dtype(value, np.float32) for name, value in case.arguments.items()})


def rounded(value: Any, kind: Any) -> Any:
    """Return a real result rounded to a format, as float64; whole numbers as they are."""
    array = np.asarray(value)
    return array.astype(kind).astype(np.float64) if array.dtype.kind == "f" else array
