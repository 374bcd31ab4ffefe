"""What an optimizer keeps in a narrower format than its parameters have: state, scalars or hyper-parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ..result import NATIVE
from .conventions import Convention
from .matching import FLOAT_SCREEN, Candidates, Measurement, Runs, in_float64, large_columns
from .visits import OptimizerRun

NARROWER = {"float64": np.float32, "float32": np.float16}
PRECISIONS = (NATIVE, *(f"{kept}-{dtype}" for dtype in ("float32", "float16") for kept in ("hyper", "state", "scalars")))


def match_narrower(candidates: Candidates) -> tuple[str, list[Measurement]]:
    """Return what is kept in a narrower format than the parameters, and the conventions followed once this is granted."""
    runs = candidates.runs
    narrow = NARROWER[str(runs[0].points.dtype)]
    name = np.dtype(narrow).name
    for rounded in roundings(runs) if name == "float32" else ():
        if followed := candidates.following(tuple(with_rounded_hyperparameters(run, rounded) for run in runs)):
            return f"hyper-{name}", followed
    if followed := candidates.following(dtype=narrow):
        best = min(followed, key=lambda measurement: measurement.error_in_bounds)
        if has_common_factor(best.convention, runs):
            return f"scalars-{name}", followed
        if may_keep_narrow_state(runs, narrow):
            return f"state-{name}", followed
    return NATIVE, []


def may_keep_narrow_state(runs: Runs, narrow: Any) -> bool:
    """Return whether an array of the state is as a narrower format holds it, in every step; or whether no state can be seen."""
    run, shape = runs[0], runs[0].points[0].shape
    names = {name for state in run.states for name, array in state.items() if array.shape == shape and array.dtype.kind == "f"}
    histories = [[state[name] for state in run.states if name in state] for name in names]
    return not histories or any(all(np.array_equal(array, array.astype(narrow)) for array in history) for history in histories)


def roundings(runs: Iterable[OptimizerRun]) -> list[tuple[str, ...]]:
    """Return sets of hyper-parameters that float32 does not hold: all, all but the learning rate, and each alone."""
    inexact = {name for run in runs for name, value in {**run.hyper, "lr": run.lr}.items() if float(np.float32(value)) != value}
    names = sorted(inexact)
    choices = [tuple(names), tuple(name for name in names if name != "lr"), *((name,) for name in names)]
    return [choice for choice in dict.fromkeys(choices) if choice]


def with_rounded_hyperparameters(run: OptimizerRun, names: Iterable[str]) -> OptimizerRun:
    """Return the run as if some of its hyper-parameters had been rounded to float32."""
    values = {name: float(np.float32(value)) if name in names else value for name, value in {**run.hyper, "lr": run.lr}.items()}
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
