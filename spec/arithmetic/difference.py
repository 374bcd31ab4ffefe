"""Derivatives from values alone: finite differences on any arithmetic, and the complex step on floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def central_difference(function: Callable[[Any], Any], point: Any, direction: Any, step: Any) -> Any:
    """(f(x + h d) − f(x − h d)) / 2h, in the arithmetic of its arguments: f'(x) d + h² f'''(x) d³/6 + … ."""
    return (function(point + step * direction) - function(point - step * direction)) / (2 * step)


def complex_step(function: Callable[[Any], Any], point: Any, direction: Any, step: float = 2.0**-300) -> Any:
    """Im f(x + i h d) / h, in float64: no difference, so no cancellation. For analytic functions only: no abs, no max, no comparison."""
    return np.imag(function(np.asarray(point) + 1j * step * np.asarray(direction))) / step
