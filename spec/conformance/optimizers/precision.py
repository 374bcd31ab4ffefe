"""What an optimizer keeps in a narrower format than its parameters have: state, scalars or hyper-parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ...arithmetic.formats import Format, format_of, is_real_dtype
from ..result import NATIVE
from .conventions import Convention
from .matching import FLOAT_SCREEN, Candidates, Measurement, Runs, in_float64, large_columns
from .visits import OptimizerRun

NARROWER = {"float64": np.float32, "float32": np.float16}
HYPER_FORMATS = {"float64": ("float32", "float16", "bfloat16"), "float32": ("float16", "bfloat16")}  # what holds hyper-parameters
PRECISIONS = (
    NATIVE,
    *(f"{kept}-{dtype}" for dtype in ("float32", "float16") for kept in ("hyper", "state", "scalars")),
    "hyper-bfloat16",
    "hyper-float8_e4m3fn",
    "hyper-float8_e5m2",
)


class Precision(NamedTuple):
    """What is kept in a narrower format, such as `hyper-float32`, or `native`; and hyper-parameters with the values that were used."""

    name: str = NATIVE
    values: Mapping[str, float] = {}
    is_explained: bool = True  # whether rounding every operation to the narrow format of the parameters explains it


class Findings(NamedTuple):
    """What runs follow: the runs as they are understood, the conventions, built-in values, and what is kept in a narrower format."""

    runs: Runs
    followed: list[Measurement]
    inferred: Mapping[str, float] = {}
    precision: Precision = Precision()
    not_told_apart: tuple[Convention, ...] = ()  # mistakes that the bound of a narrow format does not exclude


def match_narrower(candidates: Candidates) -> tuple[Precision, list[Measurement]]:
    """Return what is kept in a narrower format than the parameters, and the conventions followed once this is granted."""
    runs = candidates.runs
    dtype = str(runs[0].points.dtype)
    for form in map(format_of, HYPER_FORMATS[dtype]):
        for names in roundings(runs, form):
            rounded = tuple(with_rounded_hyperparameters(run, names, form) for run in runs)
            if followed := candidates.following(rounded) if form.name == "float32" else Candidates(rounded).following_right():
                values = {**runs[0].hyper, "lr": runs[0].lr}
                used = {name: float(form.round(values[name])) for name in names}
                return Precision(f"hyper-{form.name}", used, is_explained=False), followed
    narrow = NARROWER[dtype]
    name = np.dtype(narrow).name
    if followed := candidates.following(dtype=narrow):
        best = min(followed, key=lambda measurement: measurement.error_in_bounds)
        if has_common_factor(best.convention, runs):
            return Precision(f"scalars-{name}", is_explained=False), followed
        if may_keep_narrow_state(runs, narrow):
            return Precision(f"state-{name}", is_explained=False), followed
    return Precision(), []


def may_keep_narrow_state(runs: Runs, narrow: Any) -> bool:
    """Return whether an array of the state, or the point, is in every step as a narrower format holds it; or whether no state is seen."""
    run, shape = runs[0], runs[0].points[0].shape
    names = {name for state in run.states for name, array in state.items() if array.shape == shape and is_real_dtype(array.dtype)}
    histories = [[state[name] for state in run.states if name in state] for name in names]
    histories += [[*run.points]] if histories else []
    return not histories or any(all(np.array_equal(array, array.astype(narrow)) for array in history) for history in histories)


def roundings(runs: Iterable[OptimizerRun], form: Format) -> list[tuple[str, ...]]:
    """Return sets of hyper-parameters that a format does not hold: all, all but the learning rate, and of float32 each alone."""
    inexact = {name for run in runs for name, value in {**run.hyper, "lr": run.lr}.items() if float(form.round(value)) != value}
    names = sorted(inexact)
    choices = [tuple(names), tuple(name for name in names if name != "lr"), *((name,) for name in names if form.name == "float32")]
    return [choice for choice in dict.fromkeys(choices) if choice]


def with_rounded_hyperparameters(run: OptimizerRun, names: Iterable[str], form: Format) -> OptimizerRun:
    """Return the run as if some of its hyper-parameters had been rounded to a format."""
    values = {name: float(form.round(value)) if name in names else value for name, value in {**run.hyper, "lr": run.lr}.items()}
    return replace(run, lr=values.pop("lr"), hyper=values)


FACTOR_SPREAD = 2.0**-26  # relative: far below what rounding the state to float32 does, far above what eps leaves of a common factor


def has_common_factor(convention: Convention, runs: Runs) -> bool:
    """Return whether all coordinates of a step that are far larger than eps are off by one factor, as rounded scalars make them."""
    arrays = (array for run in runs for state in run.states for array in state.values() if array.shape == run.points[0].shape)
    if any(array.dtype == NARROWER[str(runs[0].points.dtype)] for array in arrays):
        return False
    for run in runs:
        theta, grads, lrs, slopes = in_float64(run)
        large = large_columns(run)
        due = np.diff(np.concatenate([theta[np.newaxis], convention.trajectory(theta, grads, lrs, slopes, **run.hyper)]), axis=0)
        got = np.diff(np.concatenate([theta[np.newaxis], run.points]), axis=0)
        moving = np.all(np.abs(due[:, large]) > FLOAT_SCREEN * np.max(np.abs(due[:, large]), axis=0), axis=1)
        factors = got[moving][:, large] / due[moving][:, large]
        if np.max(np.ptp(factors, axis=1), initial=0.0) > FACTOR_SPREAD:
            return False
    return True
