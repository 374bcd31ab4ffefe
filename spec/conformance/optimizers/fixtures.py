"""Fixtures: small fixed runs, built so that conventions that differ part by far more than rounding."""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

import numpy as np

LR = 0.125  # unless another is asked for
TINY = 2.0**-40  # no gradient is smaller, so that its square is no subnormal number of float32


@dataclass(frozen=True)
class Fixture:
    """One run: multiples of the learning rate, a start in units of it, gradients with a scale for each column, and what it separates."""

    name: str
    separates: str
    lr: tuple[float, ...]
    theta: tuple[float, ...]
    scales: tuple[float | str, ...]
    grads: tuple[tuple[float, ...], ...]
    slopes: tuple[float, ...]  # of the gradient along the point, in units of the scale over lr

    @property
    def changes_lr(self) -> bool:
        """Whether the learning rate is not the same throughout."""
        return len(set(self.lr)) > 1

    @property
    def vanishes(self) -> bool:
        """Whether some gradient is 0 throughout."""
        return not all(map(any, self.grads))

    @property
    def nowhere_zero(self) -> Fixture:
        """The same with the gradient before it in the place of one that is 0."""
        rows = [*self.grads]
        for k, row in enumerate(rows):
            rows[k] = row if any(row) else rows[k - 1]
        return replace(self, grads=tuple(rows))

    def start(self, lr: float, dtype: Any) -> Any:
        """The starting point: scaled by a power of two, so that steps are of the size of the parameters at every learning rate."""
        return np.array(self.theta, dtype=dtype) * dtype(power_of_two(lr))

    def sizes(self, eps: float, dtype: Any) -> Any:
        """The scales of the columns; those that stand for ε have the size of the one of this run."""
        small = max(power_of_two(eps), TINY) if eps > 0 else 2.0**-6
        named = {"eps": small, "√eps": power_of_two(math.sqrt(small))}
        return np.array([named.get(str(one), one) for one in self.scales], dtype=dtype)

    def gradients(self, eps: float, dtype: Any) -> Any:
        """The gradients, one row a step."""
        return np.array(self.grads, dtype=dtype) * self.sizes(eps, dtype)

    def rates(self, lr: float) -> Any:
        """The learning rate of every step."""
        return lr * np.array(self.lr)

    def curvatures(self, lr: float, eps: float, dtype: Any) -> Any:
        """How the gradient of every step changes along the point, for subjects that take it where they like."""
        return np.array(self.slopes, dtype=dtype)[:, np.newaxis] * dtype(1 / power_of_two(lr)) * self.sizes(eps, dtype)


def power_of_two(value: float) -> float:
    """The power of two nearest to a positive number, on a logarithmic scale."""
    return float(2.0 ** round(math.log2(value)))


@functools.cache
def fixtures() -> Mapping[str, Fixture]:
    """All fixtures by name."""
    known: dict[str, Fixture] = {}
    for record in tomllib.loads(files(__package__).joinpath("fixtures.toml").read_text(encoding="utf-8"))["fixture"]:
        like = vars(known[record.pop("like")]) if "like" in record else {}
        known[record["name"]] = Fixture(**{**like, **{key: frozen(value) for key, value in record.items()}})
    return known


def frozen(value: Any) -> Any:
    """Lists as tuples."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def fixture_for(*, changes_lr: bool) -> Fixture:
    """The fixture for a subject whose learning rate can be changed, or for one whose cannot."""
    return fixtures()["changing-lr" if changes_lr else "constant-lr"]
