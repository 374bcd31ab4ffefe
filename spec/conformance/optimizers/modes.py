"""Run an optimizer in several modes of its library, and say how far they are from its formula and from each other.

A mode is another way to the same numbers: over all tensors at once, in one kernel, compiled, mapped over a batch. Each is run on one vector
and on several arrays, from the same numbers, with the hyper-parameters that tell conventions apart.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...arithmetic.rounding import error_in_bounds
from ..guards import FatalFault, capture_output
from ..implementation import Implementation, NotOffered, Task
from ..loading import load_implementation
from ..report import sentences
from ..result import Fault, Mode, OptimizerResult, Verdict, finite
from ..sandbox import notify_loaded, result_or_fault
from .arrays import PLAIN_KINDS, VECTOR, Subject, record
from .combinations import find_convention
from .conventions import Convention
from .fixtures import MATRIX
from .matching import ALLOWED, expected_points, measure
from .planning import plan_runs
from .visits import OptimizerRun, dtype_named, fixtures_of, parameter_kind, run_fixture

DEFAULT = "default"  # the mode of a library where none is asked for


@dataclass(frozen=True)
class ModeRuns:
    """What an optimizer does in one mode: its runs by the array that moves, or why there are none."""

    runs: Mapping[str, OptimizerRun] = field(default_factory=dict)
    refusal: str = ""


# --- in the process of the optimizer -------------------------------------------------------------------------------------------------


def run_modes(task: Task, modes: Sequence[str]) -> dict[str, ModeRuns]:
    """Return the runs in the default mode and in others."""
    with capture_output():
        implementation = load_implementation(task.target)
        notify_loaded()
        return {mode: run_mode(implementation, task, mode) for mode in (DEFAULT, *modes)}


def run_mode(implementation: Implementation, task: Task, mode: str) -> ModeRuns:
    """Return the runs in one mode."""
    try:
        chosen = implementation if mode == DEFAULT else in_mode(implementation, mode)
        config = plan_runs(implementation.parameters, task).runs[-1]
        dtype = dtype_named(task.dtype)
        kind = parameter_kind(chosen, config, dtype)
        single, _ = run_fixture(chosen, fixtures_of(chosen, config, dtype, kind)[0], config, dtype)
        if kind == MATRIX:
            return ModeRuns({"the matrix": single})
        return ModeRuns({VECTOR.words: single, **dict(runs_of_arrays(Subject(chosen, single, config, config)))})
    except NotOffered as reason:
        return ModeRuns(refusal=str(reason) or "it has no such mode")
    except FatalFault as problem:
        return ModeRuns(refusal=problem.fault.detail)


def in_mode(implementation: Implementation, mode: str) -> Implementation:
    """Return an optimizer in a mode; NotOffered where there is none of this name."""
    choose = getattr(implementation, "in_mode", None)
    if choose is None:
        raise NotOffered
    chosen: Implementation = choose(mode)
    return chosen


def runs_of_arrays(subject: Subject) -> Iterator[tuple[str, OptimizerRun]]:
    """Yield the run of each of several arrays, if the optimizer takes several."""
    group = subject.group(PLAIN_KINDS, subject.config)
    try:
        started = subject.start_groups(copy.deepcopy(group))
    except NotOffered:
        return
    points = record(started, group.thetas, subject.steps(PLAIN_KINDS, subject.config))
    for number, (placement, visited) in enumerate(zip(PLAIN_KINDS, points, strict=True), start=1):
        place = f"the {sentences.ordinal(number)} of {len(PLAIN_KINDS)} arrays, {placement.words}"
        yield place, replace(subject.due(placement), points=visited)


# --- in our process ------------------------------------------------------------------------------------------------------------------


def with_modes(result: Any, task: Task, process: Any, modes: Sequence[str], timeout: float) -> Any:
    """Return the result of an optimizer with what it does in other modes: one that leaves the formula makes it deviate."""
    if not isinstance(result, OptimizerResult) or result.convention is None:
        return result
    answer = result_or_fault(process.submit(run_modes, task, modes, timeout=timeout))
    if isinstance(answer, Fault):
        fault = replace(answer, detail=f"with its modes {answer.detail}")
        message = sentences.with_faults(result.subject, result.message, [fault])
        return replace(result, verdict=Verdict.ERROR, message=message, faults=(*result.faults, fault))
    return judge_modes(result, answer)


def judge_modes(result: OptimizerResult, runs: Mapping[str, ModeRuns]) -> OptimizerResult:
    """Return a result with the judgement of each mode."""
    convention = find_convention(str(result.convention))
    inferred = {name: value for name, value in result.inferred_hyperparameters.items() if value is not None}
    ran = {mode: with_values(observed, inferred) for mode, observed in runs.items() if not observed.refusal}
    judged = tuple(
        Mode(mode, None, refusal=observed.refusal) if observed.refusal else judge_mode(convention, mode, ran)
        for mode, observed in runs.items()
    )
    wrong = [mode.name for mode in judged if mode.conforms is False]
    message = result.message + sentences.modes_sentence(judged, convention.name)
    if not wrong or result.verdict is not Verdict.CONFORMS:
        return replace(result, message=message, modes=judged)
    return replace(result, verdict=Verdict.DEVIATES, message=sentences.with_wrong_modes(wrong, message), modes=judged)


def with_values(observed: ModeRuns, inferred: Mapping[str, float]) -> Mapping[str, OptimizerRun]:
    """Return the runs of a mode with hyper-parameters that nobody stated."""
    return {array: replace(run, hyper={**inferred, **run.hyper}) for array, run in observed.runs.items()}


def judge_mode(convention: Convention, mode: str, ran: Mapping[str, Mapping[str, OptimizerRun]]) -> Mode:
    """Return how far a mode is from a convention, and from the mode that it is furthest from."""
    error = max(measure(convention, (run,)).error_in_bounds for run in ran[mode].values())
    distances = [
        (*distance_in_bounds(convention, run, ran[other][array]), other, array)
        for other, (array, run) in itertools.product(ran, ran[mode].items())
        if other != mode and array in ran[other]
    ]
    distance, step, coordinate, other, array = max(distances, default=(0.0, 1, 0, "", ""))
    if not distance:
        return Mode(mode, error <= ALLOWED, error)
    return Mode(mode, error <= ALLOWED, error, "", other, finite(distance), array, step, coordinate)


def distance_in_bounds(convention: Convention, run: OptimizerRun, other: OptimizerRun) -> tuple[float, int, int]:
    """Return the largest distance of two runs in rounding bounds, with its step and coordinate."""
    off = np.abs(run.points.astype(np.float64) - other.points.astype(np.float64))
    if not np.any(off):
        return 0.0, 1, 0
    ratios = error_in_bounds(off, expected_points(convention, run)[1])
    ratios = ratios.reshape(len(ratios), -1)
    step, coordinate = np.unravel_index(int(np.argmax(ratios)), ratios.shape)
    return float(ratios[step, coordinate]), int(step) + 1, int(coordinate)
