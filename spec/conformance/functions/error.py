"""Measuring what a function gave against a formula: certified values, and the unit in which errors are stated.

The unit is the running bound of the formula's own operations, on arguments that are themselves rounded once: so any order of operations
whose error is no worse than that of its data passes, and one that loses digits does not. Every output is measured in the largest bound
among its entries, and no finer than half an ulp of its usual size over the cases: 1 − p may stand where p of the other side would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....reference import tree_leaves
from ..optimizers.verdict import Miss
from .cases import in_dtype
from .runner import Record

SHAKES = 4  # times that arguments are moved by an ulp, where the running arithmetic has no bound
SLACK = 8.0  # how much further than those the bound is put

Raw = Callable[..., Any]


@dataclass(frozen=True)
class Due:
    """One output that is due: certified, with the bound that it is measured in; integers and truth values are exact."""

    values: Any  # an array of balls, or of integers or truth values
    bound: float
    size: float  # of its largest entry

    @property
    def exact(self) -> bool:
        """Whether nothing but this very value will do."""
        return bool(self.values.dtype != object)


@dataclass(frozen=True)
class Distance:
    """How far a function is from a formula over all cases that tell."""

    error_in_bounds: float
    error_ulps: float
    cases: int
    miss: Miss | None
    missed: tuple[str, ...] = ()  # the cases in which it is too far


def dues(formula: Raw, record: Record, arguments: Mapping[str, Any], dtype: Any) -> list[Due]:
    """What a formula makes of a case, with certainty; ArithmeticError or TypeError where that cannot be said."""
    from ...arithmetic import Ball, certified

    given = {name: in_dtype(value, dtype) for name, value in arguments.items()}
    outputs = tree_leaves(certified(formula, **given, dtype=dtype))
    bounds = bounds_of(formula, given, dtype, outputs)
    found = []
    for output, bound, came in zip(outputs, bounds, record.leaves, strict=True):
        whole = isinstance(output, np.ndarray) and output.dtype.kind in "biu"
        values = np.asarray(output) if whole or isinstance(output, bool | int | str) else Ball.object_array(output)
        middle = middles(values)
        settled = (
            values
            if values.dtype != object
            else (middle.astype(np.int64) if came.dtype.kind in "biu" and whole_numbers(values) else values)
        )
        found.append(Due(settled, float(np.max(bound, initial=0.0)), float(np.max(np.abs(middle), initial=0.0))))
    return found


def whole_numbers(values: Any) -> bool:
    """Whether all balls are exact integers."""
    return all(one.is_exact() and one.is_integer() for one in values.ravel())


def middles(values: Any) -> Any:
    """The midpoints of balls, as floats."""
    found = np.frompyfunc(lambda one: float(one.mid()), 1, 1)(values) if values.dtype == object else values
    return np.asarray(found, dtype=float)


def bounds_of(formula: Raw, given: Mapping[str, Any], dtype: Any, outputs: list[Any]) -> list[Any]:
    """The bound of every entry: by the running arithmetic, else from how far the certified value moves."""
    from ...arithmetic import Refused, Undecided

    for unit in (float(np.finfo(dtype).eps) / 2, 0.0):
        try:
            return running(formula, given, dtype, unit)
        except (Undecided, Refused, ArithmeticError, ValueError, TypeError):
            continue
    return shaken(formula, given, dtype, outputs)


def running(formula: Raw, given: Mapping[str, Any], dtype: Any, unit: float) -> list[Any]:
    """Running bounds, with the arguments off by this unit already."""
    from ...arithmetic.running import FORMAT, Running, error, format_of

    token = FORMAT.set(format_of(dtype))
    try:
        result = formula(**{name: blurred(value, unit) for name, value in given.items()})
        return [error(one) if isinstance(one, Running) else np.zeros(np.shape(one)) for one in tree_leaves(result)]
    finally:
        FORMAT.reset(token)


def blurred(value: Any, unit: float) -> Any:
    """An argument of the running arithmetic that is off by a rounding."""
    from ...arithmetic.running import Bounded, Running, from_program_input

    if isinstance(value, tuple):
        parts = [blurred(one, unit) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if callable(value) or value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int) or np.asarray(value).dtype.kind != "f":
        return Running(value)

    def off(one: Any) -> Any:
        number = from_program_input(float(one))
        return Bounded(number.value, number.error + unit * abs(number.value))

    return Running.wrap(np.frompyfunc(off, 1, 1)(np.asarray(value)))


def shaken(formula: Raw, given: Mapping[str, Any], dtype: Any, outputs: list[Any]) -> list[Any]:
    """How far certified values move when every argument moves by an ulp, up or down: a guide, not a bound, and so with slack."""
    from ...arithmetic import Ball, certified

    source = np.random.default_rng(0)
    unit = float(np.finfo(dtype).eps)
    moved = [unit * np.abs(middles(np.asarray(Ball.object_array(one)))) for one in outputs]
    for _ in range(SHAKES):
        arguments = {name: off_by_an_ulp(value, unit, source) for name, value in given.items()}
        try:
            results = tree_leaves(certified(formula, **arguments, dtype=np.float64))
        except (ArithmeticError, TypeError, ValueError):
            continue
        for place, (one, other) in enumerate(zip(results, outputs, strict=True)):
            change = np.abs(middles(np.asarray(Ball.object_array(Ball(one) - Ball(other)))))
            moved[place] = np.maximum(moved[place], change)
    return [SLACK * one for one in moved]


def off_by_an_ulp(value: Any, unit: float, source: np.random.Generator) -> Any:
    """An argument moved by an ulp, entry by entry; what is symmetric stays so."""
    if isinstance(value, tuple):
        parts = [off_by_an_ulp(one, unit, source) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, bool | int | str) or callable(value) or value is None or np.asarray(value).dtype.kind != "f":
        return value
    array = np.asarray(value, dtype=float)
    whole = array.ndim == 2 and array.shape[0] == array.shape[1] and np.array_equal(array, array.T)
    signs = source.choice([-1.0, 1.0], array.shape)
    signs = np.triu(signs) + np.triu(signs, 1).T if whole else signs
    result = array * (1 + unit * signs)
    return result if array.ndim else float(result)


def measured(formula: Raw, records: Iterable[Record], filled: Mapping[str, Any], dtype: Any, allowed: float) -> Distance:
    """How far a function is from a formula with these arguments filled in."""
    known = []
    for record in records:
        arguments = with_filled(record.case.arguments, filled)
        try:
            known.append((record, dues(formula, record, arguments, dtype)))
        except (ArithmeticError, TypeError, ValueError, np.linalg.LinAlgError, IndexError):
            known += [(record, exact)] if (exact := dues_as_computed(formula, record, arguments)) else []
    if not known:
        return Distance(float("inf"), float("inf"), 0, None)
    unit = float(np.finfo(dtype).eps) / 2
    usual = usual_units([due for _, due in known], unit)
    worst, ulps, place, missed = 0.0, 0.0, None, []
    for record, due in known:
        ratio, in_ulps, miss = of_case(record, due, usual, dtype)
        missed += [record.case.name] if ratio > allowed else []
        ulps = max(ulps, in_ulps)
        if ratio > worst or place is None:
            worst, place = max(worst, ratio), miss
    return Distance(worst, ulps, len(known), place, tuple(missed))


def usual_units(known: list[list[Due]], unit: float) -> list[float]:
    """Half an ulp of the usual size of each output; of as many outputs as there are in any case."""
    outputs = range(max(map(len, known)))
    return [unit * float(np.median([due[place].size for due in known if place < len(due)])) for place in outputs]


def dues_as_computed(formula: Raw, record: Record, arguments: Mapping[str, Any]) -> list[Due]:
    """What a formula of integers and truth values gives as NumPy computes it; nothing where real numbers come out."""
    try:
        outputs = [np.asarray(one) for one in tree_leaves(formula(**arguments))]
    except Exception:  # a variant may fail in any way
        return []
    if any(one.dtype.kind not in "biu" for one in outputs) or len(outputs) != len(record.leaves):
        return []
    return [Due(one, 0.0, float(np.max(np.abs(one.astype(float)), initial=0.0))) for one in outputs]


def of_case(record: Record, due: list[Due], usual: list[float], dtype: Any) -> tuple[float, float, Miss]:
    """The largest error of one case, in bounds and in ulps, and where it is."""
    worst, ulps, miss = -1.0, 0.0, None
    for output, (came, one, floor) in enumerate(zip(record.leaves, due, usual, strict=False), start=1):
        if came.shape != one.values.shape:
            return float("inf"), float("inf"), Miss(record.case.name, record.case.separates, output, (), 0.0, 0.0, float("inf"))
        errors, spacings = errors_of(came, one, dtype)
        unit = 0.0 if one.exact else max(one.bound, floor)
        ratios = np.where(errors == 0, 0.0, errors / unit if unit else np.inf)
        with np.errstate(over="ignore"):
            ulps = max(ulps, float(np.max(errors / spacings, initial=0.0)))
        where = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratios)), ratios.shape)) if ratios.size else ()
        if ratios.size and float(ratios[where]) > worst:
            worst = float(ratios[where])
            expected = float(middles(one.values)[where])
            miss = Miss(record.case.name, record.case.separates, output, where, float(came[where]), expected, worst)
    return max(worst, 0.0), ulps, miss or Miss(record.case.name, record.case.separates, 1, (), 0.0, 0.0, 0.0)


def errors_of(came: Any, due: Due, dtype: Any) -> tuple[Any, Any]:
    """How far numbers are from what is due, rounded up, and the ulp of its largest entry."""
    if due.exact:
        return np.abs(came.astype(float) - due.values.astype(float)), np.ones(came.shape)
    from flint import ctx

    from ...arithmetic import Ball
    from ...arithmetic.ball import START, spacing

    numbers = came.astype(float) if came.dtype.kind in "biu" else came
    with ctx.workprec(START):
        errors = np.frompyfunc(lambda one: float(one.abs_upper()), 1, 1)(Ball.object_array(Ball(numbers) - due.values.view(Ball)))
        ulp = float(spacing(max(due.values.ravel(), key=lambda one: abs(one.mid())), dtype))
    errors = np.asarray(errors, dtype=float)
    return np.where(errors < ulp * 2.0**-10, 0.0, errors), np.full(errors.shape, ulp)


def with_filled(arguments: Mapping[str, Any], filled: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a case with some of them set; a number fills an array."""
    found = dict(arguments)
    for name, value in filled.items():
        fills = isinstance(found.get(name), np.ndarray) and not isinstance(value, np.ndarray)
        found[name] = np.full_like(found[name], value) if fills else value
    return found


def roughly(formula: Raw, records: Iterable[Record], filled: Mapping[str, Any], units: Mapping[str, list[float]], far: float) -> float:
    """The distance by floats alone, in the units of the formula that was asked for: a ranking. Beyond `far` it is not finished."""
    worst = 0.0
    for record in records:
        if worst > far:
            return worst
        if record.case.name not in units:
            continue
        try:
            with np.errstate(all="ignore"):
                outputs = [np.asarray(one) for one in tree_leaves(formula(**with_filled(record.case.arguments, filled)))]
        except Exception:  # a variant may fail in any way, where the formula does not
            return float("inf")
        if len(outputs) != len(record.leaves):
            return float("inf")
        for came, one, unit in zip(record.leaves, outputs, units[record.case.name], strict=True):
            if came.shape != one.shape or one.dtype.kind not in "biuf":
                return float("inf")
            error = float(np.max(np.abs(came.astype(float) - one), initial=0.0))
            worst = max(worst, 0.0 if error == 0 else error / unit if unit else float("inf")) if not np.isnan(error) else float("inf")
    return worst


def units_of(formula: Raw, records: Iterable[Record], filled: Mapping[str, Any], dtype: Any) -> dict[str, list[float]]:
    """The unit of every output in every case, for ranking."""
    known: dict[str, list[Due]] = {}
    for record in records:
        arguments = with_filled(record.case.arguments, filled)
        try:
            known[record.case.name] = dues(formula, record, arguments, dtype)
        except (ArithmeticError, TypeError, ValueError, np.linalg.LinAlgError, IndexError):
            if exact := dues_as_computed(formula, record, arguments):
                known[record.case.name] = exact
    if not known:
        return {}
    unit = float(np.finfo(dtype).eps) / 2
    usual = usual_units(list(known.values()), unit)
    return {
        name: [0.0 if one.exact else max(one.bound, floor) for one, floor in zip(due, usual, strict=False)] for name, due in known.items()
    }
