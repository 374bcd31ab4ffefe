"""The error of a function's outputs against a formula: certified values, and the unit in which errors are stated.

The unit is the rounding bound of the formula's own operations, on arguments that are themselves rounded once: any order of operations whose
error is no worse than that of its data passes, and one that loses digits does not. An output's error is divided by the largest bound among
its entries, but never by less than half an ulp of the output's median size over all cases. (Example: 1 − p has the rounding error of 1,
not of p.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....reference import tree_leaves
from ...arithmetic.formats import format_of
from ...arithmetic.rounding import error_in_bounds
from ...inputs.cases import in_dtype
from ..result import Mismatch
from .bounds import midpoints, output_bounds, rounding_of
from .observations import FunctionCall

Raw = Callable[..., Any]


UNDEFINED = (ArithmeticError, TypeError, ValueError, np.linalg.LinAlgError, IndexError)  # what a formula may raise outside its domain


@dataclass(frozen=True)
class ExpectedOutput:
    """One output that is due: certified, with the bound that is its unit; integers and truth values are exact."""

    values: Any  # an array of balls, or of integers or truth values
    bound: Any  # one for all entries, or in narrow formats one for each
    size: float  # of its largest entry

    @property
    def is_exact(self) -> bool:
        """Whether only this very value is right."""
        return bool(self.values.dtype != object)


@dataclass(frozen=True)
class FunctionError:
    """The error of a function over all cases that can be certified."""

    error_in_bounds: float
    error_ulps: float
    cases: int
    mismatch: Mismatch | None
    deviating_cases: tuple[str, ...] = ()
    certified_cases: tuple[str, ...] = ()


def expected_outputs(formula: Raw, call: FunctionCall, arguments: Mapping[str, Any], dtype: Any) -> list[ExpectedOutput]:
    """Return certified outputs of a formula; ArithmeticError or TypeError where they cannot be certified."""
    from ...arithmetic import Ball, certified

    rounding = rounding_of(dtype)
    arguments = {name: in_dtype(value, rounding.dtype) for name, value in arguments.items()}
    outputs = tree_leaves(certified(formula, **arguments, dtype=rounding.dtype))
    bounds = output_bounds(formula, arguments, dtype, outputs, is_estimate_allowed=not call.case.strains_floats)
    expected = []
    for output, bound, got in zip(outputs, bounds, call.outputs, strict=True):
        is_whole = isinstance(output, np.ndarray) and output.dtype.kind in "biu"
        values = np.asarray(output) if is_whole or isinstance(output, bool | int | str) else Ball.object_array(output)
        middle = midpoints(values)
        if (
            values.dtype == object
            and got is not None
            and got.dtype.kind in "biu"
            and all(ball.is_exact() and ball.is_integer() for ball in values.ravel())
        ):
            values = middle.astype(np.int64)
        unit = bound if rounding.is_narrow else float(np.max(bound, initial=0.0))
        expected.append(ExpectedOutput(values, call.case.length * unit, float(np.max(np.abs(middle), initial=0.0))))
    return expected


def computed_outputs(formula: Raw, call: FunctionCall, arguments: Mapping[str, Any]) -> list[ExpectedOutput]:
    """Return the outputs of a formula of integers and truth values as NumPy computes them; nothing where real numbers come out."""
    try:
        outputs = [np.asarray(output) for output in tree_leaves(formula(**arguments))]
    except Exception:  # a variant may fail in any way
        return []
    if any(output.dtype.kind not in "biu" for output in outputs) or len(outputs) != len(call.outputs):
        return []
    return [ExpectedOutput(output, 0.0, float(np.max(np.abs(output.astype(float)), initial=0.0))) for output in outputs]


def expected_by_call(
    formula: Raw, calls: Iterable[FunctionCall], inferred: Mapping[str, Any], dtype: Any
) -> list[tuple[FunctionCall, list[ExpectedOutput]]]:
    """Return the expected outputs of every call that can be certified, with unbound arguments set to the inferred values."""
    expected = []
    for call in calls:
        arguments = with_arguments(call.case.arguments, inferred)
        try:
            outputs = expected_outputs(formula, call, arguments, dtype)
        except UNDEFINED:
            outputs = computed_outputs(formula, call, arguments)
            if not outputs:
                continue
        expected.append((call, outputs))
    return expected


def measure(formula: Raw, calls: Iterable[FunctionCall], inferred: Mapping[str, Any], dtype: Any, allowed: float) -> FunctionError:
    """Return the error of a function against a formula, with these values for the arguments that it does not take."""
    return measure_against(expected_by_call(formula, calls, inferred, dtype), dtype, allowed)


def measure_against(expected: list[tuple[FunctionCall, list[ExpectedOutput]]], dtype: Any, allowed: float) -> FunctionError:
    """Return the error of a function against what is due in its calls."""
    if not expected:
        return FunctionError(float("inf"), float("inf"), 0, None)
    floors = smallest_units(usual_outputs(expected), dtype)
    ulps, seen = 0.0, []
    for call, outputs in expected:
        ratio, in_ulps, mismatch = error_of_call(call, outputs, floors, dtype)
        ulps = max(ulps, in_ulps)
        seen.append((ratio, call.case, mismatch))
    worst, _, largest = max(seen, key=lambda item: item[0])
    deviating = [(case, mismatch) for ratio, case, mismatch in seen if ratio > allowed]
    _, plainest = min(deviating, key=lambda item: item[0].effort, default=(None, largest))
    names = tuple(case.name for case, _ in deviating), tuple(case.name for _, case, _ in seen)
    return FunctionError(worst, ulps, len(expected), plainest, *names)


def usual_outputs(expected: list[tuple[FunctionCall, list[ExpectedOutput]]]) -> list[list[ExpectedOutput]]:
    """Return the expected outputs of the cases in which they are not small on purpose."""
    return [outputs for call, outputs in expected if call.case.roundings == 1] or [outputs for _, outputs in expected]


def smallest_units(expected: list[list[ExpectedOutput]], dtype: Any) -> list[float]:
    """Return half an ulp of the median size of each output; of as many outputs as there are in any case."""
    unit = format_of(rounding_of(dtype).compute).unit
    positions = range(max(map(len, expected)))
    sizes = [[outputs[position].size for outputs in expected if position < len(outputs)] for position in positions]
    return [unit * float(np.median(known)) for known in sizes]


def error_of_call(call: FunctionCall, expected: list[ExpectedOutput], floors: list[float], dtype: Any) -> tuple[float, float, Mismatch]:
    """Return the largest error of one call, in bounds and in ulps, and where it is."""
    worst, ulps, mismatch = -1.0, 0.0, Mismatch(call.case.name, call.case.separates, 1, (), 0.0, 0.0, 0.0)
    for position, (got, due, floor) in enumerate(zip(call.outputs, expected, floors, strict=False), start=1):
        if got is None:
            continue
        if got.shape != due.values.shape:
            shapeless = Mismatch(call.case.name, call.case.separates, position, (), 0.0, 0.0, float("inf"))
            return float("inf"), float("inf"), shapeless
        turned = with_signs_of(midpoints(due.values), got) if position - 1 in call.free_signs else got
        errors, spacings = errors_and_ulps(turned, due, dtype)
        ratios = error_in_bounds(errors, 0.0 if due.is_exact else np.maximum(due.bound, call.case.roundings * floor))
        with np.errstate(over="ignore"):
            ulps = max(ulps, float(np.max(errors / spacings, initial=0.0)))
        if not ratios.size:
            continue
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(ratios)), ratios.shape))
        if float(ratios[index]) > worst:
            worst = float(ratios[index])
            values = float(got[index]), float(midpoints(due.values)[index])
            mismatch = Mismatch(call.case.name, call.case.separates, position, index, *values, worst)
    return max(worst, 0.0), ulps, mismatch


def with_signs_of(columns: Any, got: Any) -> Any:
    """Return an array of directions with each column turned towards that of another one."""
    return got * np.where(np.sum(columns * got, axis=0) < 0, -1, 1).astype(got.dtype)


def errors_and_ulps(got: Any, due: ExpectedOutput, dtype: Any) -> tuple[Any, Any]:
    """Return how far numbers are from what is due, rounded up, and the ulp of its largest entry."""
    if due.is_exact:
        return np.abs(got.astype(float) - due.values.astype(float)), np.ones(got.shape)
    from flint import ctx

    from ...arithmetic import Ball
    from ...arithmetic.ball import START, spacing

    finite = np.isfinite(got)
    numbers = np.where(finite, got, 0.0)
    with ctx.workprec(START):
        errors = np.frompyfunc(lambda ball: float(ball.abs_upper()), 1, 1)(Ball.object_array(Ball(numbers) - due.values.view(Ball)))
        ulp = float(spacing(max(due.values.ravel(), key=lambda ball: abs(ball.mid())), rounding_of(dtype).dtype))
    errors = np.where(finite, np.asarray(errors, dtype=float), np.inf)
    return np.where(errors < ulp * 2.0**-10, 0.0, errors), np.full(errors.shape, ulp)


def with_arguments(arguments: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a case with some of them set; a number fills an array."""
    result = dict(arguments)
    for name, value in values.items():
        fills = isinstance(result.get(name), np.ndarray) and not isinstance(value, np.ndarray)
        result[name] = np.full_like(result[name], value) if fills else value
    return result


# --- in floats: a ranking ---------------------------------------------------------------------------------------------------------------


UNDEFINED_SHARE = 1 / 4  # of the cases, in which a mistake may be undefined: those who make it may have caught that


def float_error(
    formula: Raw,
    calls: Sequence[FunctionCall],
    inferred: Mapping[str, Any],
    units: Mapping[str, list[Any]],
    far: float,
    *,
    is_mistake: bool = False,
) -> float:
    """Return the error in floats, in given units. Beyond `far` the rest is skipped. A mistake may be undefined in a few cases."""
    worst, undefined = 0.0, 0
    for call in calls:
        if worst > far:
            return worst
        if call.case.name not in units:
            continue
        distance = float_distance(formula, call, inferred, units[call.case.name])
        if distance is not None:
            worst = max(worst, distance)
        elif is_mistake and undefined < UNDEFINED_SHARE * len(calls):
            undefined += 1
        else:
            return float("inf")
    return worst


def float_distance(formula: Raw, call: FunctionCall, inferred: Mapping[str, Any], units: list[Any]) -> float | None:
    """Return the error of one call in floats, in given units; None where the formula has no value there."""
    try:
        with np.errstate(all="ignore"):
            outputs = [np.asarray(output) for output in tree_leaves(formula(**with_arguments(call.case.arguments, inferred)))]
    except Exception:  # a variant may fail in any way, where the formula does not
        return None
    if len(outputs) != len(call.outputs):
        return float("inf")
    worst = 0.0
    for position, (got, output, unit) in enumerate(zip(call.outputs, outputs, units, strict=True)):
        if got is None:
            continue
        if got.shape != output.shape or output.dtype.kind not in "biuf":
            return float("inf")
        if not np.all(np.isfinite(output)):
            return None
        turned = with_signs_of(output, got) if position in call.free_signs else got
        errors = np.abs(turned.astype(float) - output)
        worst = max(worst, float(np.max(error_in_bounds(errors, unit), initial=0.0)))
    return worst


def float_units(expected: list[tuple[FunctionCall, list[ExpectedOutput]]], dtype: Any) -> dict[str, list[Any]]:
    """Return the unit of every output in every case in which it is known what is due, for the ranking."""
    if not expected:
        return {}
    floors = smallest_units(usual_outputs(expected), dtype)
    return {
        call.case.name: [
            0.0 if due.is_exact else np.maximum(due.bound, call.case.roundings * floor) for due, floor in zip(outputs, floors, strict=False)
        ]
        for call, outputs in expected
    }
