"""How large the arrays are that a formula computes on the way to its results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np


class WatchedArray(np.ndarray[Any, Any]):
    """An array that makes known how many entries an array has that is computed from it."""

    largest: ClassVar[int] = 0

    def __array_finalize__(self, origin: Any) -> None:
        """Note the number of entries of this array, if it is the largest so far."""
        WatchedArray.largest = max(WatchedArray.largest, self.size)


def largest_array(function: Callable[..., Any], arguments: Mapping[str, Any]) -> int:
    """Return how many entries the largest array has that a function of NumPy computes, as far as it comes."""
    WatchedArray.largest = 0
    with np.errstate(all="ignore"), suppress(Exception):  # what it raises is said where it is called in earnest
        function(**{name: watch(value) for name, value in arguments.items()})
    return WatchedArray.largest


def watch(value: Any) -> Any:
    """Return a copy of an argument with its arrays watched."""
    if isinstance(value, tuple):
        parts = [watch(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value.copy().view(WatchedArray) if isinstance(value, np.ndarray) else value
