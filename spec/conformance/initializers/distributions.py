"""The distributions of independent entries that initializers draw from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..hyperparameters import hyperparameters

TRUNCATED_DEVIATION = hyperparameters()["spread"].separating[0]  # of a standard normal that is cut at ±2


@dataclass(frozen=True)
class Distribution:
    """A distribution of independent entries: its family, its scale, and where it is cut."""

    family: str  # normal · uniform · truncated
    scale: float  # the deviation of a normal before it is cut; half the width of a uniform
    cut: float = math.inf  # in deviations

    @property
    def reach(self) -> float:
        """The largest modulus."""
        return self.scale if self.family == "uniform" else self.scale * self.cut

    @property
    def mean_square(self) -> float:
        """The second moment."""
        if self.family == "uniform":
            return self.scale**2 / 3
        if self.cut == math.inf:
            return self.scale**2
        inside = math.erf(self.cut / math.sqrt(2))
        density = math.exp(-(self.cut**2) / 2) / math.sqrt(2 * math.pi)
        return self.scale**2 * (1 - 2 * self.cut * density / inside)

    def cumulative(self, x: Any) -> Any:
        """Return the distribution function."""
        if self.family == "uniform":
            return np.clip((x / self.scale + 1) / 2, 0, 1)
        normal = np.frompyfunc(lambda t: math.erf(t / math.sqrt(2)), 1, 1)(x / self.scale).astype(float)
        return (1 + (normal if self.cut == math.inf else np.clip(normal / math.erf(self.cut / math.sqrt(2)), -1, 1))) / 2
