"""How far apart the conventions of a family are on the fixtures, in units of the larger rounding bound of each two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...arithmetic.rounding import error_in_bounds
from ..hyperparameters import DEFAULTS, of_optimizers
from ..report.sentences import scientific
from .combinations import Setting, combinations
from .conventions import FAMILIES, Convention
from .equivalence import are_equivalent
from .fixtures import VECTOR, fixture_for
from .planning import canonical_hyperparameters
from .visits import OptimizerRun

APART = 1000.0  # bounds: conventions that are not the same are at least so far apart
CLOSER_LOOK = 8.0  # two that are less than this times as far apart, in a common unit, are measured in their own
SEPARATING = canonical_hyperparameters({row.name: row.separating[0] for row in of_optimizers()} | {"eps_root": 0.0})  # none is off


@dataclass(frozen=True)
class Pair:
    """Two conventions, their distance in bounds, and whether they are the same at these hyper-parameters."""

    first: Convention
    second: Convention
    distance: float
    same: bool


def run_without_implementation(
    dtype: Any,
    *,
    changes_lr: bool = True,
    takes_gradient_function: bool = False,
    lr: float = DEFAULTS["lr"],
    kind: str = VECTOR,
    **hyper: float,
) -> OptimizerRun:
    """Return a run of the fixture with every hyper-parameter on, whose points are all 0."""
    fixture = fixture_for(changes_lr=changes_lr, kind=kind)
    values = {**SEPARATING, **hyper}
    points = np.zeros((len(fixture.lr), *(fixture.shape or (len(fixture.theta),))), dtype)
    return OptimizerRun(fixture, lr, values, points, takes_gradient_function=takes_gradient_function, eps=values["eps"])


def distinguishable(family: str, run: OptimizerRun, *, mistaken: bool | None = None) -> list[Convention]:
    """Return the conventions of a family that a run can distinguish."""
    setting = Setting(run.hyper, not run.fixture.changes_lr, run.takes_gradient_function, bool(run.fixture.shape))
    return list(combinations(family, setting, mistaken=mistaken))


def trajectory_bound(convention: Convention, run: OptimizerRun) -> Any:
    """Return the rounding bound of a trajectory; 0 for a mistake that leaves the range of the dtype, which is far from everything."""
    from ...arithmetic import Undecided, rounding_bound

    theta, grads, lrs, slopes = run.inputs(np.float64)
    curvature = {} if slopes is None else {"slopes": slopes}
    try:
        return rounding_bound(convention.trajectory, theta, grads, lrs, **curvature, **run.hyper, dtype=run.points.dtype)
    except Undecided:
        if convention.right:
            raise
        return np.zeros(run.points.shape)


def trajectories(conventions: Iterable[Convention], run: OptimizerRun) -> Any:
    """Return the points that each of the conventions visits, in float64."""
    theta, grads, lrs, slopes = run.inputs(np.float64)
    return np.stack([convention.trajectory(theta, grads, lrs, slopes, **run.hyper) for convention in conventions])


def close_pairs(conventions: list[Convention], run: OptimizerRun) -> Iterator[Pair]:
    """Yield all pairs that are closer than `APART`, those that are the same among them."""
    points = trajectories(conventions, run)
    bound = trajectory_bound(conventions[0], run)
    unit = np.where(bound > 0, bound, np.inf)  # what rounding leaves as it is says nothing here, and is measured below
    scaled = (points / (unit * APART * CLOSER_LOOK)).reshape(len(points), -1)
    for k, first in enumerate(conventions[:-1]):
        for j in k + 1 + np.flatnonzero(np.abs(scaled[k + 1 :] - scaled[k]).max(axis=1) < 1):
            second = conventions[j]
            bound = np.maximum(trajectory_bound(first, run), trajectory_bound(second, run))
            distance = float(np.max(error_in_bounds(np.abs(points[k] - points[j]), bound)))
            if distance <= APART:
                yield Pair(first, second, distance, are_equivalent(first, second, [run]))


def separation(family: str, dtype: Any = np.float64, *, mistaken: bool | None = False) -> tuple[list[Convention], Any]:
    """Return the conventions of a family and the matrix of their distances; correct ones, unless others are asked for."""
    run = run_without_implementation(dtype, takes_gradient_function=family in ("nesterov", "rmsprop"), kind=FAMILIES[family].kind)
    conventions = distinguishable(family, run, mistaken=mistaken)
    return conventions, distances(conventions, run)


def distances(conventions: list[Convention], run: OptimizerRun) -> Any:
    """Return how far each two conventions are apart on a run, in units of the larger of their rounding bounds."""
    return distances_between(trajectories(conventions, run), np.stack([trajectory_bound(convention, run) for convention in conventions]))


def distances_between(points: Any, bounds: Any) -> Any:
    """Return how far each two trajectories are apart, in units of the larger of their rounding bounds."""
    pairs = zip(points, bounds, strict=True)
    rows = [
        error_in_bounds(np.abs(points - point), np.maximum(bounds, bound)).reshape(len(points), -1).max(axis=1) for point, bound in pairs
    ]
    return np.stack(rows)


def as_table(family: str, conventions: list[Convention], distances: Any, dtype: str) -> Any:
    """Return a table for the terminal: every convention with the nearest one that is not the same."""
    from rich.table import Table

    table = Table("convention", "nearest", "bounds away", title=f"{family}, {dtype}: {len(conventions)} conventions")
    for convention, row in zip(conventions, distances, strict=True):
        if np.any(row > 0):
            nearest = min(np.flatnonzero(row > 0), key=lambda j: row[j])
            table.add_row(convention.id, conventions[nearest].id, scientific(float(row[nearest])))
    return table
