"""What Hypothesis and the separating cases have in common: a function for examples, and the relations of a value to other arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...reference.validation import Domain


@dataclass(frozen=True)
class Cubic:
    """A function for examples: slope · x + square · x² + cubic · x³ − shift, entry by entry; it is neither even nor odd."""

    slope: float
    square: float
    cubic: float
    shift: float

    def __call__(self, x: Any) -> Any:
        """Return its values at x."""
        return self.slope * x + self.square * x**2 + self.cubic * x**3 - self.shift


def with_relations(value: Any, domain: Domain, others: Mapping[str, Any]) -> Any:
    """Return a value changed so that its limits hold, those between entries and to other arguments included, as far as this can be done."""
    for limit in domain.limits:
        value = limit.satisfy(value, others)
    return value


def fulfils_relations(value: Any, domain: Domain, others: Mapping[str, Any]) -> bool:
    """Return whether all limits of a domain hold for a value."""
    return all(bool(np.all(limit.holds(value, others))) for limit in domain.limits)
