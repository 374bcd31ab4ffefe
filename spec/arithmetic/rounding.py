"""Errors in units of their rounding bounds: the measure of evidence, of the conformance kit and of the tests."""

from __future__ import annotations

from typing import Any

import numpy as np


def error_in_bounds(errors: Any, bounds: Any) -> Any:
    """Return absolute errors divided by their bounds: 0 where there is no error, infinity where there is one and the bound is 0."""
    errors, bounds = np.asarray(errors, dtype=float), np.asarray(bounds, dtype=float)
    shape = np.broadcast_shapes(errors.shape, bounds.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        ratios = np.divide(errors, bounds, out=np.full(shape, np.inf), where=np.broadcast_to(bounds > 0, shape))
    return np.where(errors == 0, 0.0, ratios)
