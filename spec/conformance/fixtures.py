"""Fixtures: small fixed runs, built so that conventions that differ part by far more than rounding."""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

LR = 0.125  # unless another is asked for


@dataclass(frozen=True)
class Fixture:
    """One run: multiples of the learning rate, a start in units of lr · gradient, one gradient a step, and what it separates."""

    name: str
    separates: str
    lr: tuple[float, ...]
    theta: tuple[float, ...]
    grads: tuple[tuple[float, ...], ...]

    @property
    def changes_lr(self) -> bool:
        """Whether the learning rate is not the same throughout."""
        return len(set(self.lr)) > 1

    def start(self, lr: float, dtype: Any) -> Any:
        """The starting point: scaled by a power of two, so that steps are of the size of the parameters at every learning rate."""
        return np.array(self.theta, dtype=dtype) * dtype(2.0 ** round(math.log2(lr)))

    def gradients(self, dtype: Any) -> Any:
        """The gradients, one row a step."""
        return np.array(self.grads, dtype=dtype)

    def rates(self, lr: float) -> Any:
        """The learning rate of every step."""
        return lr * np.array(self.lr)


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
    return next(one for one in fixtures().values() if one.changes_lr is changes_lr)
