"""Tolerances for other test suites: certified values of a formula, and how far from each of them a right program may be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from ...reference import Formula, tree_leaves, tree_unflatten
from ...reference.validation import signature_of
from ..arithmetic.formats import format_of
from ..arithmetic.rounding import error_in_bounds
from .arrays import as_numpy, dtype_name
from .functions.bounds import Rounding, decided_bounds, map_arguments, midpoints, running_bounds
from .functions.runner import flatten_result, formula_named

Order = Literal["any", "stated"]
NAMED = 3  # variants that a message names


@dataclass(frozen=True)
class Tolerance:
    """What is due of one call: `expected` and `bound` are arrays of float64 in the structure of the formula's results.

    A right program has |result − expected| ≤ bound everywhere. Whole numbers and truth values have the bound 0.
    """

    formula: str
    rounding: Rounding
    order: Order
    expected: Any
    bound: Any

    @property
    def convention(self) -> str:
        """Where a program rounds to which it applies, in words."""
        return f"{self.rounding.words}, operations {'in any order' if self.order == 'any' else 'as the formula states them'}"


def tolerance(
    formula: str,
    /,
    *inputs: Any,
    dtype: Any = None,
    compute: Any = None,
    accumulate: Any = "float32",
    order: Order = "any",
    **keywords: Any,
) -> Tolerance:
    """Return the certified results of a formula, and how far from them a right program may be: one bound for each element.

    `inputs` and `keywords` are the formula's arguments. Arrays may be of any library that has `__array__` or DLPack (torch, JAX, CuPy …);
    their format is `dtype`, unless that says another one. Each operation may be rounded to it; with `compute`, a wider format, all
    operations are performed in that, and the results are rounded to `dtype` once, at the end. `accumulate` is the format of partial sums,
    where it is wider. `order` "any" is for any way to write the formula that loses no digits, as the conformance kit allows; "stated" is
    for the very operations of the formula, with the terms of their sums in any order.

    ValueError for an unknown formula; Undecided (an ArithmeticError) where a branch depends on rounding, or a result may overflow; Refused
    (a TypeError) where an operation has no derived bound, such as the solution of a system.
    """
    entry = formula_named(formula)
    if order not in ("any", "stated"):
        raise ValueError(f"tolerance(): order must be 'any' or 'stated', got {order!r}")
    arguments = bound_arguments(entry, inputs, keywords)
    stored = format_of(dtype or dtype_name(tree_leaves(tuple(arguments.values()))))
    computing = format_of(compute or stored.name)
    if computing.unit > stored.unit:
        raise ValueError(f"tolerance(): compute must not be narrower than {stored.name}, got {computing.name}")
    sums = min(computing, format_of(accumulate or computing.name), key=lambda form: form.unit)
    rounding = Rounding(stored.name, computing.name, sums.name)
    return Tolerance(entry.id, rounding, order, *due_of(entry, arguments, rounding, order))


def due_of(entry: Formula[..., Any], arguments: dict[str, Any], rounding: Rounding, order: Order) -> tuple[Any, Any]:
    """Return what is expected of a call, and the bounds."""
    from ..arithmetic import Ball, certified

    dtype, compute, accumulate = rounding
    raw = partial(entry.raw, **{name: value for name, value in arguments.items() if value is None})
    given = {name: map_arguments(partial(in_format, dtype=dtype), value) for name, value in arguments.items() if value is not None}
    result = certified(raw, **given)
    if order == "any":
        bounds = decided_bounds(raw, given, rounding)
    else:
        bounds = running_bounds(raw, given, dtype, 0.0, compute=compute if compute != dtype else None, accumulate=accumulate)
    expected, allowed = [], []
    for leaf, bound in zip(tree_leaves(result), bounds, strict=True):
        is_real = isinstance(leaf, Ball)
        value = midpoints(Ball.object_array(leaf)) if is_real else np.asarray(leaf)
        expected.append(value)
        allowed.append(with_slack(value, bound, leaf) if is_real else np.zeros(value.shape))
    return tree_unflatten(result, expected), tree_unflatten(result, allowed)


def with_slack(value: Any, bound: Any, balls: Any) -> Any:
    """Return bounds that hold for a comparison in float64 with the values nearest to balls."""
    from ..arithmetic import Ball

    rest = np.frompyfunc(lambda ball, near: float((ball - near).abs_upper()), 2, 1)(Ball.object_array(balls), value)
    allowed = np.asarray(rest, dtype=float) + bound
    return np.where(allowed > 0, np.nextafter(allowed * (1 + 2.0**-50), np.inf), 0.0)


def bound_arguments(entry: Formula[..., Any], inputs: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, as NumPy arrays and numbers, with those that are left out at their defaults."""
    try:
        bound = signature_of(entry.raw).bind(*inputs, **keywords)
    except TypeError as problem:
        raise TypeError(f"{entry.__name__}(): {problem}") from None
    bound.apply_defaults()
    return {name: map_arguments(as_numpy, value) for name, value in bound.arguments.items()}


def in_format(value: Any, *, dtype: str) -> Any:
    """Return a real array rounded to a format, as float64; another argument as it is."""
    if not isinstance(value, np.ndarray) or value.dtype.kind in "biu":
        return value
    return format_of(dtype).round(value)


# --- an assertion -----------------------------------------------------------------------------------------------------------------------


def assert_conforms(
    actual: Any,
    formula: str,
    /,
    *inputs: Any,
    dtype: Any = None,
    compute: Any = None,
    accumulate: Any = "float32",
    order: Order = "any",
    err_msg: str = "",
    **keywords: Any,
) -> None:
    """Raise an AssertionError unless results are those of a formula, each element within its derived bound.

    The arguments are those of `tolerance`. The message says where the results are off and by how many bounds, and which variant of the
    formula in the catalogue gives them, if any does.
    """
    __tracebackhide__ = True
    due = tolerance(formula, *inputs, dtype=dtype, compute=compute, accumulate=accumulate, order=order, **keywords)
    results = [np.asarray(as_numpy(leaf)) for leaf in flatten_result(actual, due.expected)]
    lines = list(differences(results, due))
    if lines:
        variants = fitting_variants(results, due, bound_arguments(formula_named(formula), inputs, keywords))
        heading = [f"not {due.formula} ({due.convention})", *([err_msg] if err_msg else [])]
        raise AssertionError("\n".join(["", *heading, *lines, variants]))


def differences(results: list[Any], due: Tolerance) -> Iterator[str]:
    """Yield in words where results are not what is due; nothing where they are."""
    expected, bounds = tree_leaves(due.expected), tree_leaves(due.bound)
    if len(results) != len(expected):
        yield f"{len(results)} results where {len(expected)} are due"
        return
    for number, (got, value, bound) in enumerate(zip(results, expected, bounds, strict=True), start=1):
        which = f"Result {number}: " if len(expected) > 1 else ""
        if got.shape != np.shape(value):
            yield f"{which}shape {got.shape} where {np.shape(value)} is due"
            continue
        ratios = errors_in_bounds(got, value, bound)
        if np.all(ratios <= 1):
            continue
        index = np.unravel_index(int(np.argmax(ratios)), ratios.shape)
        yield f"{which}mismatched elements: {np.count_nonzero(ratios > 1)} / {ratios.size} ({100 * np.mean(ratios > 1):.3g} %)"
        place = f" at index {tuple(map(int, index))}" if index else ""
        values = f"{float(got[index])!r} where {float(value[index])!r} ± {float(bound[index]):.3g} is due"
        yield f"{which}largest error: {ratios[index]:.3g} × what is allowed{place}: {values}"


def errors_in_bounds(got: Any, value: Any, bound: Any) -> Any:
    """Return errors as multiples of their bounds: infinite where a result is no finite number."""
    with np.errstate(all="ignore"):
        errors = np.abs(got.astype(float) - np.asarray(value, dtype=float))
    return error_in_bounds(np.where(np.isnan(errors), np.inf, errors), bound)


def fitting_variants(results: list[Any], due: Tolerance, arguments: dict[str, Any]) -> str:
    """Return in words which variants of the formula give these results."""
    from .functions.variants import variants_of

    given = {name: map_arguments(partial(in_format, dtype=due.rounding.dtype), value) for name, value in arguments.items()}
    fits = [variant for variant in variants_of(formula_named(due.formula)) if is_within(variant.function, results, due, given)]
    if not fits:
        return "It is no variant of the formula that has a name here."
    named = "; ".join(f"{variant.name} ({variant.id})" for variant in fits[:NAMED])
    more = f"; and {len(fits) - NAMED} more" if len(fits) > NAMED else ""
    return f"Within the bound of: {named}{more}."


def is_within(function: Any, results: list[Any], due: Tolerance, arguments: dict[str, Any]) -> bool:
    """Return whether what a variant computes in float64 is within the bounds of results."""
    try:
        with np.errstate(all="ignore"):
            values = [np.asarray(leaf) for leaf in tree_leaves(function(**arguments))]
    except Exception:  # a variant may fail in any way
        return False
    bounds = tree_leaves(due.bound)
    return len(values) == len(results) == len(bounds) and all(
        got.shape == value.shape == np.shape(bound) and value.dtype.kind in "biuf" and np.all(errors_in_bounds(got, value, bound) <= 1)
        for got, value, bound in zip(results, values, bounds, strict=True)
    )
