"""Fixtures: short fixed runs on which different conventions end far more than a rounding error apart."""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import numpy as np

LATE = 2600  # steps of a late run: a counter of float16 stands still at 2048, and products of inverse decays have overflown
VECTOR, MATRIX = "vector", "matrix"  # the kinds of parameters
WIDE_SHAPES = {
    VECTOR: ((1031,), (9, 257)),
    MATRIX: ((65, 33),),
}  # main loops and tiles have as many entries as they take, and some are left
WIDE_STEPS = 8
LONG = 300  # steps of a long run: more than a counter of 8 bits holds
SMALLEST = 2.0**-40  # no gradient is smaller, so that its square is no subnormal number of float32
SMALLEST_IN = {"float16": 2.0**-7, "float8_e5m2": 2.0**-7, "float8_e4m3fn": 2.0**-3}  # the same in formats of a smaller range


@dataclass(frozen=True)
class Fixture:
    """One run: factors of the learning rate, a start in units of it, gradients with a scale for each column, and what it separates."""

    name: str
    separates: str
    lr: tuple[float, ...]
    theta: tuple[float, ...]
    scales: tuple[float | str, ...]
    grads: tuple[tuple[float, ...], ...]
    slopes: tuple[float, ...]  # of the gradient along the point, in units of the scale over lr
    shape: tuple[int, ...] = ()  # of the parameters, whose entries are the columns, row by row; of a vector nothing is stated

    @property
    def changes_lr(self) -> bool:
        """Whether the learning rate changes."""
        return len(set(self.lr)) > 1

    @property
    def vanishes(self) -> bool:
        """Whether some gradient is 0 in every coordinate."""
        return not all(map(any, self.grads))

    @property
    def with_constant_lr(self) -> Fixture:
        """The same fixture at a constant learning rate."""
        return replace(self, name=f"{self.name}, constant lr", lr=(1.0,) * len(self.lr))

    @property
    def nowhere_zero(self) -> Fixture:
        """The same fixture with every zero gradient replaced by the one before it."""
        rows = [*self.grads]
        for k, row in enumerate(rows):
            rows[k] = row if any(row) else rows[k - 1]
        return replace(self, grads=tuple(rows))

    def part(self, columns: Sequence[int], steps: Sequence[int] | None = None, shape: tuple[int, ...] = ()) -> Fixture:
        """Return the fixture in some of its columns, which may come again, and in some of its steps; a vector, or of another shape."""
        steps = range(len(self.lr)) if steps is None else steps
        return replace(
            self,
            lr=tuple(self.lr[step] for step in steps),
            theta=tuple(self.theta[column] for column in columns),
            scales=tuple(self.scales[column] for column in columns),
            grads=tuple(tuple(self.grads[step][column] for column in columns) for step in steps),
            slopes=tuple(self.slopes[step] for step in steps),
            shape=shape,
        )

    def first_steps(self, count: int) -> Fixture:
        """Return the fixture without the steps after the first ones."""
        return self.part(range(len(self.theta)), range(count), self.shape)

    def shaped(self, entries: Any) -> Any:
        """Return entries, in the last axis, in the shape of the parameters."""
        return entries.reshape(*entries.shape[:-1], *(self.shape or (len(self.theta),)))

    def start(self, lr: float, dtype: Any) -> Any:
        """Return the starting point, scaled by a power of two so that steps are as large as the parameters at every learning rate."""
        return self.shaped(np.array(self.theta, dtype=dtype) * dtype(power_of_two(lr)))

    def sizes(self, eps: float, dtype: Any) -> Any:
        """Return the scales of the columns; those that stand for eps have the size of the eps of this run."""
        small = max(power_of_two(eps), SMALLEST_IN.get(np.dtype(dtype).name, SMALLEST)) if eps > 0 else 2.0**-6
        named = {"eps": small, "eps/4": small / 4, "√eps": power_of_two(math.sqrt(small))}
        return np.array([named.get(str(scale), scale) for scale in self.scales], dtype=dtype)

    def gradients(self, eps: float, dtype: Any) -> Any:
        """Return the gradients, one a step."""
        return self.shaped(np.array(self.grads, dtype=dtype) * self.sizes(eps, dtype))

    def rates(self, lr: float) -> Any:
        """Return the learning rate of every step."""
        return lr * np.array(self.lr)

    def curvatures(self, lr: float, eps: float, dtype: Any) -> Any:
        """Return how the gradient of every step changes along the point, for optimizers that take it as a function."""
        return self.shaped(np.array(self.slopes, dtype=dtype)[:, np.newaxis] * dtype(1 / power_of_two(lr)) * self.sizes(eps, dtype))


def power_of_two(value: float) -> float:
    """Return the power of two nearest to a positive number, on a logarithmic scale."""
    return float(2.0 ** round(math.log2(value)))


@functools.cache
def fixtures() -> Mapping[str, Fixture]:
    """Return all fixtures by name."""
    known: dict[str, Fixture] = {}
    for row in tomllib.loads(files(__package__).joinpath("fixtures.toml").read_text(encoding="utf-8"))["fixture"]:
        like = vars(known_part(known[row.pop("like")], row.pop("columns", None))) if "like" in row else {}
        known[row["name"]] = Fixture(**{**like, **{key: frozen(value) for key, value in row.items()}})
    return known


def known_part(fixture: Fixture, columns: Sequence[int] | None) -> Fixture:
    """Return a fixture, or some of its columns."""
    return fixture if columns is None else fixture.part(columns)


@functools.cache
def long_fixture(kind: str = VECTOR) -> Fixture:
    """Return a long run of a vector or a matrix: gradients that stay nearly the same, so that a variance falls to 0, and then change."""
    if kind == MATRIX:
        return replace(long_fixture().part([0, 1, 1, 0], shape=(2, 2)), theta=(6.0, -0.5, 1.5, -3.0))
    steps = range(LONG)
    falling = [1.40625 - 2.0**-12 * (step % 3) if step < LONG * 5 // 6 else 0.4375 * (-1) ** step for step in steps]
    constant = [1.578125 if step < LONG // 2 else -3.078125 for step in steps]  # m² is larger than the mean of squares, in both dtypes
    separates = "what is wrong only after many steps, or where gradients hardly change"
    ones, slopes = (1.0,) * LONG, (0.125,) * LONG
    return Fixture("long", separates, ones, (6.0, -0.5), (1.0, 1.0), tuple(zip(falling, constant, strict=True)), slopes)


@functools.cache
def late_fixture(*, vanishes: bool) -> Fixture:
    """Return a run of thousands of steps: gradients that hardly change, then tiny ones and zeros, then others, and huge ones at the end.

    The huge ones are constant at first, so that a variance that is computed as a difference is below 0 by more than eps.
    """
    tiny, huge, signs = 2.0**-30, 2.0**20, (1.0, -1.0)
    phases = {
        900: lambda step: (1.40625 - 2.0**-12 * (step % 3), 1.578125),
        1500: lambda step: (tiny * signs[step % 2], 0.0 if vanishes else tiny),
        LATE - 250: lambda step: (0.4375 * signs[step % 2], -3.078125),
        LATE - 100: lambda step: (0.4375 * signs[step % 2], -3.078125 * huge),
        LATE: lambda step: (huge * signs[step % 2], huge + huge / 2 * (step % 2)),
    }
    grads = tuple(next(row(step) for end, row in phases.items() if step < end) for step in range(LATE))
    ones, slopes = (1.0,) * LATE, (0.125,) * LATE
    return Fixture("late", "what goes wrong after thousands of steps", ones, (6.0, -0.5), (1.0, 1.0), grads, slopes)


def wide_fixtures(kind: str, *, with_dead: bool) -> Iterator[Fixture]:
    """Yield the first steps of a run of arrays with many entries: those of a short one in any order, a few of them 0 at first.

    With dead entries, the gradient of some is always 0.
    """
    fixture = fixture_for(changes_lr=False, kind=kind)
    for shape in WIDE_SHAPES[kind]:
        size = math.prod(shape)
        columns = np.random.default_rng(size).integers(len(fixture.theta), size=size).tolist()
        wide = fixture.part(columns, range(WIDE_STEPS), shape)
        theta = tuple(value * (number % 7 > 0) for number, value in enumerate(wide.theta))
        grads = tuple(tuple(value * (number % 11 > 0 or not with_dead) for number, value in enumerate(row)) for row in wide.grads)
        yield replace(wide, name="wide arrays", theta=theta, grads=grads)


def frozen(value: Any) -> Any:
    """Return lists as tuples."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def fixture_for(*, changes_lr: bool, kind: str = VECTOR) -> Fixture:
    """Return the first fixture for an optimizer whose learning rate can be changed, or for one whose cannot."""
    return fixtures_for(changes_lr=changes_lr, kind=kind)[0]


def fixtures_for(*, changes_lr: bool, kind: str = VECTOR) -> tuple[Fixture, ...]:
    """Return the fixtures of vectors, or of matrices of several shapes."""
    if kind == VECTOR:
        return (fixtures()["changing-lr" if changes_lr else "constant-lr"],)
    shapes = (fixtures()["tall"], fixtures()["wide"])
    return shapes if changes_lr else tuple(fixture.with_constant_lr for fixture in shapes)
