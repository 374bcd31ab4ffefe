"""Call a function whose formula has a batch axis on batches of higher rank: each row must come out as it does in a matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ....reference import FORMULAS
from ....reference.validation import domains
from ...inputs.cases import Case
from ..implementation import FunctionImplementation, Task
from .binding import Binding, bind
from .observations import FunctionCall, RowOutcome

BATCHES = {3: (3, 4), 4: (2, 3, 2)}  # by rank: the axes that stand for a batch of 12 rows
ROWS = 12
MATRIX = 2  # the rank of an array with a batch of one axis
CASES = 4  # in which the rows of the formula must be independent
ANY_RANK = "*batch"  # the name of the first axis where a formula takes any number of axes in its place
NEAR = 2.0**-10  # relative: what is otherwise is far off, and rounding is not judged here


def observe_ranks(function: FunctionImplementation, task: Task, calls: Sequence[FunctionCall]) -> dict[str, RowOutcome]:
    """Return how the rows of batches of rank 3 and 4 come out; nothing where the formula has no batch of independent rows."""
    formula = FORMULAS[function.formula]
    batched = batched_arguments(formula)
    matrices = [call.case for call in calls if batched and rank_of(formula, call.case) <= MATRIX and not call.case.is_edge]
    cases = [case for case in matrices if set(batched) <= set(case.arguments)][:CASES]
    tiled_cases = [{**case.arguments, **{name: tiled(case.arguments[name]) for name in batched}} for case in cases]
    if not cases or not all(has_independent_rows(formula, arguments, batched) for arguments in tiled_cases):
        return {}
    binding, _ = bind(function.call, formula, task.names, task.settings, function.bound_arguments, task.outputs)
    return {str(rank): outcome(function.call, binding, tiled_cases[0], batched, axes) for rank, axes in BATCHES.items()}


def batch_axis(formula: Any) -> str:
    """Return the name of the first axis of the first array with two; "" where there is none."""
    arrays = (domain.axes for domain in domains(formula.raw).values() if domain.kind == "array")
    return next((axes[0] for axes in arrays if len(axes) == 2 and "..." not in axes), "")


def batched_arguments(formula: Any) -> list[str]:
    """Return the arguments of a formula that have its batch axis; none where it has no such axis."""
    axis = batch_axis(formula)
    return [name for name, domain in domains(formula.raw).items() if axis and axis in domain.axes[:1] and not domain.fields]


def rank_of(formula: Any, case: Case) -> int:
    """Return the rank of the array with a batch of a case; 0 where the formula's batches have one rank."""
    first = next((name for name, domain in domains(formula.raw).items() if ANY_RANK in domain.axes), "")
    return int(np.ndim(case.arguments[first])) if first in case.arguments else 0


def takes_any_rank(formula: Any) -> bool:
    """Return whether a formula claims something of batches of any rank, so that rows that come out otherwise deviate from it."""
    return batch_axis(formula) == ANY_RANK


def tiled(array: Any) -> Any:
    """Return the rows of an array again and again, up to a number that is a product."""
    return np.take(array, np.arange(ROWS) % len(array), axis=0)


def has_independent_rows(formula: Any, arguments: Mapping[str, Any], batched: list[str]) -> bool:
    """Return whether every result has a row for each row of the batch, which depends on no other row."""
    with np.errstate(all="ignore"), suppress(Exception):
        whole = formula.raw(**arguments)
        first = formula.raw(**{**arguments, **{name: arguments[name][:1] for name in batched}})
        pairs = list(zip(results_of(whole), results_of(first), strict=True))
        return all(np.shape(result)[:1] == (ROWS,) and is_near(result[:1], row) for result, row in pairs)
    return False


def results_of(result: Any) -> list[Any]:
    """Return the arrays of a result."""
    return [np.asarray(part) for part in (result if isinstance(result, tuple | list) else (result,))]


def is_near(result: Any, due: Any) -> bool:
    """Return whether a result has the shape that is due, and about the values."""
    return result.shape == due.shape and bool(np.all(np.abs(result - due) <= NEAR * (1 + np.max(np.abs(due), initial=0))))


def outcome(function: Any, binding: Binding, arguments: Mapping[str, Any], batched: list[str], axes: tuple[int, ...]) -> RowOutcome:
    """Return how the rows of a batch with these axes come out, beside those of a matrix."""
    matrix = {**arguments, **{name: arguments[name].copy() for name in batched}}
    batch = {**arguments, **in_batch(arguments, batched, axes)}
    with np.errstate(all="ignore"), suppress(BaseException):
        due = results_of(binding.call(function, matrix))
        got = results_of(binding.call(function, batch))
        flat = [result.reshape(ROWS, *result.shape[len(axes) :]) for result in got if result.shape[: len(axes)] == axes]
        is_same = len(flat) == len(got) == len(due) and all(map(is_near, flat, due))
        return "same" if is_same else "otherwise"
    return "refused"


def in_batch(arguments: Mapping[str, Any], batched: list[str], axes: tuple[int, ...]) -> dict[str, Any]:
    """Return the arguments whose rows are a batch, with these axes in the place of the first one."""
    return {name: arguments[name].reshape(*axes, *arguments[name].shape[1:]) for name in batched}


def observe_mixed_axes(function: FunctionImplementation, task: Task, call: FunctionCall, rank: int) -> tuple[int, ...]:
    """Return the axes of a batch, from 0, along which a result depends on an entry of another row; none where that is not seen."""
    formula, axes = FORMULAS[function.formula], BATCHES[rank]
    batched = batched_arguments(formula)
    binding, _ = bind(function.call, formula, task.names, task.settings, function.bound_arguments, task.outputs)
    batch = in_batch({name: tiled(call.case.arguments[name]) for name in batched}, batched, axes)
    moved = {name: array.copy() for name, array in batch.items()}
    moved[batched[0]][(0,) * moved[batched[0]].ndim] += 1
    with np.errstate(all="ignore"), suppress(BaseException):
        pairs = [results_of(binding.call(function.call, {**call.case.arguments, **arrays})) for arrays in (batch, moved)]
        changed = [np.argwhere(before != after)[:, : len(axes)] for before, after in zip(*pairs, strict=True)]
        return tuple(axis for axis in range(len(axes)) if any(np.any(places[:, axis]) for places in changed))
    return ()
