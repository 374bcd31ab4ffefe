"""States before the first step, for formulas whose state is one array; those of several arrays have a class method `initial`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Scalar


def zeros(theta: Array) -> Array:
    """Return zeros of the shape and dtype of an array, in whatever arithmetic it is."""
    return 0 * theta + 0  # 0 · θ alone may be −0


def copy_of(theta: Array) -> Array:
    """Return the array itself in memory of its own, in whatever arithmetic it is."""
    return 1 * theta


def zero_of(theta: Array) -> Scalar:
    """Return the number 0 of the dtype of an array, in whatever arithmetic it is."""
    zero: Any = np.sum(zeros(theta))
    return zero
