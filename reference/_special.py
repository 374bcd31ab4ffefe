"""The error function, which NumPy does not have, as a function that every arithmetic computes in its own way."""

import math
from typing import Any

import numpy as np

_ERF = np.frompyfunc(math.erf, 1, 1)  # a ufunc, so that arrays of other numbers answer for themselves


class ErrorFunction:
    """erf(z) = 2/√π ∫₀ᶻ exp(−t²) dt, entry by entry: of floats in their own dtype, of other numbers in their arithmetic."""

    def __call__(self, z: Any) -> Any:
        """Return erf of each entry."""
        value = _ERF(z)
        floats = getattr(z, "dtype", None)
        return value if floats is None or floats == np.dtype(object) else np.asarray(value, dtype=floats)[()]


erf = ErrorFunction()
