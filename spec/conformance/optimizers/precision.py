"""What an optimizer keeps in a narrower format than its parameters have: state, scalars or hyper-parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ....reference import FORMULAS
from ...arithmetic.formats import Format, format_of, is_real_dtype
from ..result import NATIVE
from .algorithm import HasTrajectory, Run, steps_of
from .combinations import combinations
from .conventions import FAMILIES, Convention
from .fixtures import MATRIX
from .matching import (
    FLOAT_SCREEN,
    MEASURED,
    Candidates,
    Measurement,
    Runs,
    float_candidates,
    in_float64,
    large_columns,
    measure,
    setting_of,
)
from .visits import OptimizerRun

NARROWER = {"float64": np.float32, "float32": np.float16}
LEAST_OF_NARROWER = 2.0**-12  # bounds of a narrower format that errors of it are at least: a bound adds up many roundings, one may matter
HYPER_FORMATS = {"float64": ("float32", "float16", "bfloat16"), "float32": ("float16", "bfloat16")}  # what holds hyper-parameters
PRODUCTS = "products"  # what is kept: the products of matrices, in a format of these
PRODUCT_FORMATS = ("bfloat16",)
PRODUCT_SCREEN = 2.0**-4  # relative to the parameters: rounding in such a format may lead so far
PRECISIONS = (
    NATIVE,
    *(f"{kept}-{dtype}" for dtype in ("float32", "float16") for kept in ("hyper", "state", "scalars")),
    "hyper-bfloat16",
    "hyper-float8_e4m3fn",
    "hyper-float8_e5m2",
    *(f"{PRODUCTS}-{form}" for form in PRODUCT_FORMATS),
)


@dataclass(frozen=True)
class WithNarrowProducts:
    """A convention whose Newton–Schulz iterations are performed in a narrower format than the rest; in exact numbers nothing changes."""

    convention: Convention
    form: Format

    @property
    def id(self) -> str:
        """Its name."""
        return f"{self.convention.id} with {PRODUCTS}-{self.form.name}"

    def states(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Iterator[dict[str, Any]]:
        """Yield its point and its state after every step."""
        return steps_of(Run(self.convention, theta, lrs[0], hyper, {"newton_schulz": self.newton_schulz}), grads, lrs, slopes)

    def trajectory(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Any:
        """Return the points that it visits, one a step."""
        return np.stack([state["theta"] for state in self.states(theta, grads, lrs, slopes, **hyper)])

    def newton_schulz(self, matrix: Any, coefficients: Any, *, eps: Any) -> Any:
        """Return the iterations of the reference; where errors are bounded, from a matrix that is rounded to the format, and in it."""
        from ...arithmetic import Running
        from ...arithmetic.running import in_format, stored

        if not isinstance(matrix, Running):
            return FORMULAS["orthogonal.newton_schulz"].raw(matrix, coefficients, eps=eps)
        with in_format(self.form.name):
            return FORMULAS["orthogonal.newton_schulz"].raw(stored(matrix, self.form.name), coefficients, eps=eps)


def match_narrow_products(runs: Runs) -> tuple[Precision, list[Measurement]]:
    """Return the narrow format of the products of matrices, and the right conventions that are followed once this is granted.

    A bound is met as it stands, not up to a factor: nothing else is near, and in so narrow a format it is wide.
    """
    setting = setting_of(runs)
    families = [family for family in setting.families if FAMILIES[family].kind == MATRIX]
    pool = [convention for family in families for convention in combinations(family, setting, mistaken=False)]
    for form in map(format_of, PRODUCT_FORMATS):
        near = float_candidates(pool, runs, PRODUCT_SCREEN)[:MEASURED]
        measured = (measure(convention, runs, performed=WithNarrowProducts(convention, form)) for convention in near)
        if followed := [measurement for measurement in measured if measurement.error_in_bounds <= 1]:
            return Precision(f"{PRODUCTS}-{form.name}", is_explained=False), followed
    return Precision(), []


class Precision(NamedTuple):
    """What is kept in a narrower format, such as `hyper-float32`, or `native`; and hyper-parameters with the values that were used."""

    name: str = NATIVE
    values: Mapping[str, float] = {}
    is_explained: bool = True  # whether rounding every operation to the narrow format of the parameters explains it

    def performed(self, convention: Convention) -> HasTrajectory:
        """Return a convention as it is performed: its products of matrices in a narrower format, or as it stands."""
        kept, _, form = self.name.partition("-")
        return WithNarrowProducts(convention, format_of(form)) if kept == PRODUCTS else convention


class Findings(NamedTuple):
    """What runs follow: the runs as they are understood, the conventions, built-in values, and what is kept in a narrower format."""

    runs: Runs
    followed: list[Measurement]
    inferred: Mapping[str, float] = {}
    precision: Precision = Precision()
    not_told_apart: tuple[Convention, ...] = ()  # mistakes that the bound of a narrow format does not exclude
    in_single: Sequence[Measurement] = ()  # where nothing is followed: conventions within whose bound of float32 the runs are


def match_narrower(candidates: Candidates) -> tuple[Precision, list[Measurement]]:
    """Return what is kept in a narrower format than the parameters, and the conventions followed once this is granted."""
    runs = candidates.runs
    dtype = str(runs[0].points.dtype)
    if candidates.setting.of_matrices and (narrow_products := match_narrow_products(runs))[1]:
        return narrow_products
    for form in map(format_of, HYPER_FORMATS[dtype]):
        for names in roundings(runs, form):
            rounded = tuple(with_rounded_hyperparameters(run, names, form) for run in runs)
            if followed := candidates.following(rounded) if form.name == "float32" else Candidates(rounded).following_right():
                values = {**runs[0].hyper, "lr": runs[0].lr}
                used = {name: float(form.round(values[name])) for name in names}
                return Precision(f"hyper-{form.name}", used, is_explained=False), followed
    narrow = NARROWER[dtype]
    name = np.dtype(narrow).name
    if followed := within_narrower(candidates, narrow):
        if has_common_factor(followed[0].convention, runs):
            return Precision(f"scalars-{name}", is_explained=False), followed
        if may_keep_narrow_state(runs, narrow):
            return Precision(f"state-{name}", is_explained=False), followed
    return Precision(), []


def within_narrower(candidates: Candidates, dtype: Any) -> list[Measurement]:
    """Return the conventions within whose bound of a narrower format runs are, nearest first, if their errors are as large as its."""
    near = sorted(candidates.following(dtype=dtype), key=lambda measurement: measurement.error_in_bounds)
    return near if near and near[0].error_in_bounds >= LEAST_OF_NARROWER else []


def in_single_precision(candidates: Candidates) -> list[Measurement]:
    """Return the conventions within whose bound of float32 runs of float64 are, nearest first, with errors as large as float32's."""
    return within_narrower(candidates, np.float32) if candidates.runs[0].points.dtype == np.float64 else []


def may_keep_narrow_state(runs: Runs, narrow: Any) -> bool:
    """Return whether an array of the state, or the point, is in every step as a narrower format holds it; or whether no state is seen.

    An array that stays at 0 says nothing.
    """
    run, shape = runs[0], runs[0].points[0].shape
    names = {name for state in run.states for name, array in state.items() if array.shape == shape and is_real_dtype(array.dtype)}
    histories = [history for name in names if np.any(history := [state[name] for state in run.states if name in state])]
    histories += [[*run.points]] if histories else []
    return not histories or any(all(np.array_equal(array, array.astype(narrow)) for array in history) for history in histories)


def roundings(runs: Iterable[OptimizerRun], form: Format) -> list[tuple[str, ...]]:
    """Return sets of hyper-parameters that a format does not hold: all, without the learning rate, without ε, of float32 each alone."""
    inexact = {name for run in runs for name, value in {**run.hyper, "lr": run.lr}.items() if float(form.round(value)) != value}
    names = sorted(inexact)
    fewer = [tuple(name for name in names if name not in left) for left in (["lr"], ["lr", "eps"])]
    choices = [tuple(names), *fewer, *((name,) for name in names if form.name == "float32")]
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
        if run.fixture.shape:
            return False
        theta, grads, lrs, slopes = in_float64(run)
        large = large_columns(run)
        due = np.diff(np.concatenate([theta[np.newaxis], convention.trajectory(theta, grads, lrs, slopes, **run.hyper)]), axis=0)
        got = np.diff(np.concatenate([theta[np.newaxis], run.points]), axis=0)
        moving = np.all(np.abs(due[:, large]) > FLOAT_SCREEN * np.max(np.abs(due[:, large]), axis=0), axis=1)
        factors = got[moving][:, large] / due[moving][:, large]
        if np.max(np.ptp(factors, axis=1), initial=0.0) > FACTOR_SPREAD:
            return False
    return True
