"""The fused multiply-add in plain Python: what one instruction computes in machine code, to the last bit."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

SPLITTER = 2.0**27 + 1  # of Dekker's product
SAFE = (2.0**-900, 2.0**900)  # products whose parts neither overflow nor lose digits


def exact_fma(x: Any, y: Any, z: Any) -> Any:
    """Return x y + z, rounded once, of floats of NumPy or arrays of them.

    A sum of two or three floats is rounded to odd in float64: its last bit says whether something was left out, so that the last rounding
    is that of the exact sum (Boldo & Melquiond 2008).
    """
    numbers = np.broadcast_arrays(x, y, z)
    with np.errstate(all="ignore"):
        result = (fma_of_float32 if numbers[0].dtype == np.float32 else fma_of_float64)(*map(np.atleast_1d, numbers))
    return result.reshape(numbers[0].shape)[()]


def fma_of_float32(x: Any, y: Any, z: Any) -> Any:
    """Return the same of float32: the product is exact in float64."""
    return sum_to_odd(x.astype(np.float64) * y.astype(np.float64), z.astype(np.float64)).astype(np.float32)


def fma_of_float64(x: Any, y: Any, z: Any) -> Any:
    """Return the same of float64, by fractions where parts of the product leave the format."""
    product, rest = product_and_rest(x, y)
    total, off = two_sum(product, z)
    factors = np.isfinite(x) & np.isfinite(y)
    rounded = factors & np.isfinite(z) & (x != 0) & (y != 0)
    result = np.asarray(np.where(rounded, total + sum_to_odd(off, rest), np.where(factors & np.isinf(z), z, x * y + z)))
    least, most = np.abs(product), np.max(np.abs([x, y, z, product]), axis=0)
    for index in zip(*np.nonzero(rounded & ((least < SAFE[0]) | (most > SAFE[1]))), strict=True):
        result[index] = fma_by_fractions(float(x[index]), float(y[index]), float(z[index]))
    return result


def fma_by_fractions(x: float, y: float, z: float) -> float:
    """Return the same of three finite numbers."""
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    if not exact:
        return x * y + z
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def two_sum(a: Any, b: Any) -> tuple[Any, Any]:
    """Return a rounded sum and what rounding left out (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def product_and_rest(x: Any, y: Any) -> tuple[Any, Any]:
    """Return a rounded product and what rounding left out (Dekker)."""
    product = x * y
    (a, b), (c, d) = split(x), split(y)
    return product, b * d - (((product - a * c) - b * c) - a * d)


def split(x: Any) -> tuple[Any, Any]:
    """Return a float as the sum of two of half the digits (Veltkamp)."""
    scaled = SPLITTER * x
    high = scaled - (scaled - x)
    return high, x - high


def sum_to_odd(a: Any, b: Any) -> Any:
    """Return a sum of float64, rounded to odd: where it is not exact, to that of its neighbours whose last bit is 1."""
    total, off = two_sum(a, b)
    even = (np.asarray(total).view(np.uint64) & np.uint64(1)) == 0
    towards = np.where(off > 0, np.inf, -np.inf)
    return np.where(np.isfinite(off) & (off != 0) & even, np.nextafter(total, towards), total)
