"""How far apart the conventions of a family are on the fixtures, in units of the larger running bound of each two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .conventions import Convention, Setting, combinations
from .fixtures import LR, fixture_for
from .matching import coincide, given, in_bounds
from .runner import SEPARATING, Record, meant

APART = 1000.0  # bounds: conventions that are not the same are at least so far apart
LOOK = 8.0  # times as far as that, by a common unit, two are looked at more closely
EVERY = meant({name: first for name, (first, _) in SEPARATING.items()} | {"eps_root": 0.0})  # every hyper-parameter, all of them on


@dataclass(frozen=True)
class Pair:
    """Two conventions, their distance in bounds, and whether they are the same at these hyper-parameters."""

    one: Convention
    other: Convention
    distance: float
    same: bool


def run(dtype: Any, *, changes_lr: bool = True, follows_points: bool = False, lr: float = LR, **hyper: float) -> Record:
    """A run of the fixture with every hyper-parameter on, without a subject."""
    fixture = fixture_for(changes_lr=changes_lr)
    values = {**EVERY, **hyper}
    nowhere = np.zeros((len(fixture.lr), len(fixture.theta)), dtype)
    return Record(fixture, lr, values, nowhere, takes_function=follows_points, eps=values["eps"])


def shown(family: str, record: Record, *, mistaken: bool | None = None) -> list[Convention]:
    """The conventions of a family that a run can show."""
    setting = Setting(record.hyper, not record.fixture.changes_lr, record.takes_function)
    return list(combinations(family, setting, mistaken=mistaken))


def bounds_of(convention: Convention, record: Record) -> Any:
    """The running bound of a trajectory; 0 for a mistake that grows beyond the format, which is far from everything."""
    from ...arithmetic import Undecided, rounding_bound

    theta, grads, lrs, slopes = given(record, np.float64)
    curved = {} if slopes is None else {"slopes": slopes}
    try:
        return rounding_bound(convention.trajectory, theta, grads, lrs, **curved, **record.hyper, dtype=record.points.dtype)
    except Undecided:
        if convention.right:
            raise
        return np.zeros(record.points.shape)


def trajectories(conventions: Iterable[Convention], record: Record) -> Any:
    """Where each of them goes, in float64."""
    theta, grads, lrs, slopes = given(record, np.float64)
    return np.stack([one.trajectory(theta, grads, lrs, slopes, **record.hyper) for one in conventions])


def close_pairs(conventions: list[Convention], record: Record) -> Iterator[Pair]:
    """All pairs that are closer than `APART`, the same ones among them."""
    points = trajectories(conventions, record)
    scaled = (points / (bounds_of(conventions[0], record) * APART * LOOK)).reshape(len(points), -1)
    for k in range(len(conventions) - 1):
        for j in k + 1 + np.flatnonzero(np.abs(scaled[k + 1 :] - scaled[k]).max(axis=1) < 1):
            distance = apart(conventions[k], conventions[j], record, points[k], points[j])
            if distance <= APART:
                yield Pair(conventions[k], conventions[j], distance, coincide(conventions[k], conventions[j], [record]))


def apart(one: Convention, other: Convention, record: Record, first: Any, second: Any) -> float:
    """The distance of two trajectories in units of the larger bound."""
    return float(np.max(in_bounds(np.abs(first - second), np.maximum(bounds_of(one, record), bounds_of(other, record)))))


def separation(family: str, dtype: Any = np.float64, *, mistaken: bool | None = False) -> tuple[list[Convention], Any]:
    """The conventions of a family and the matrix of their distances; right ones, unless others are asked for."""
    record = run(dtype, follows_points=family in ("nesterov", "rmsprop"))
    conventions = shown(family, record, mistaken=mistaken)
    points, bounds = trajectories(conventions, record), np.stack([bounds_of(one, record) for one in conventions])
    rows = [in_bounds(np.abs(points - points[k]), np.maximum(bounds, bounds[k])).max(axis=(1, 2)) for k in range(len(points))]
    return conventions, np.stack(rows)


def as_table(family: str, conventions: list[Convention], distances: Any, dtype: str) -> Any:
    """For people: every convention with the nearest one that is not the same."""
    from rich.table import Table

    from .verdict import scientific

    table = Table("convention", "nearest", "bounds away", title=f"{family}, {dtype}: {len(conventions)} conventions")
    for k, one in enumerate(conventions):
        others = [j for j in range(len(conventions)) if distances[k, j] > 0]
        if others:
            nearest = min(others, key=lambda j: distances[k, j])
            table.add_row(one.id, conventions[nearest].id, scientific(float(distances[k, nearest])))
    return table
