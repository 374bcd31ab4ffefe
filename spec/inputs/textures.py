"""Textures: how the entries of an array are related, so that forms that are equal in real numbers lose digits or overflow.

None is made of dyadic fractions: sums, means and squares are rounded as they are with data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

Texture = Callable[[Any], Any]
ROW_STEP = 800.0  # between rows: e to this power overflows in float64
DECADES = 3.0  # of the spread of one row


def with_offset(entries: Any, offset: float) -> Any:
    """Return entries that are no dyadic fractions around a large number."""
    return entries / 3 + offset


def spread_within_rows(entries: Any) -> Any:
    """Return entries whose sizes differ by powers of 10 along the last axis."""
    length = entries.shape[-1] if entries.ndim else 1
    return entries / 3 * 10 ** np.linspace(-DECADES, DECADES, length).reshape((length,) if entries.ndim else ())


def spread_between_rows(entries: Any) -> Any:
    """Return entries whose rows are far from each other; of a vector, its entries."""
    if not entries.ndim:
        return entries / 3
    return entries / 3 - ROW_STEP * np.arange(len(entries)).reshape((-1,) + (1,) * (entries.ndim - 1))


def constant_rows(entries: Any) -> Any:
    """Return entries that are equal along the last axis."""
    return 0 * entries + entries[..., :1] / 3 if entries.ndim else entries / 3


def constant_columns(entries: Any) -> Any:
    """Return entries that are equal along the first axis."""
    return 0 * entries + entries[:1] / 3 if entries.ndim else entries / 3


def nearly_constant_rows(entries: Any) -> Any:
    """Return entries that differ along the last axis by a few of the last digits of float32."""
    return constant_rows(entries) * (1 + entries * 2.0**-18)


def scaled(entries: Any, scale: float) -> Any:
    """Return entries of another size."""
    return entries / 3 * scale


def tens(entries: Any) -> Any:
    """Return entries whose exponentials are large or small, but do not overflow."""
    return scaled(entries, 48.0)


def far_from_zero(entries: Any, power: float) -> Any:
    """Return entries of one sign: they, or with power ½ their products, are some 20 to 35, whose exponentials are small and can be seen."""
    return np.sign(entries.ravel()[:1]) * (20 + 6 * np.abs(entries)) ** power if entries.size else entries


def small_integers(entries: Any) -> Any:
    """Return −1, 0 and 1."""
    return np.sign(entries) * (np.abs(entries) > np.median(np.abs(entries)))


TEXTURES: Mapping[str, tuple[str, Texture]] = {  # case: what it separates, and its texture
    "no dyadic fractions": ("what is rounded", partial(scaled, scale=1.0)),
    "hundreds": ("an exponential that overflows", partial(scaled, scale=1000.0)),
    "thousandths": ("digits of small numbers", partial(scaled, scale=1e-3)),
    "offset of 1e4": ("one pass over the data from two", partial(with_offset, offset=1e4)),
    "offset of 1e6": ("one pass over the data from two", partial(with_offset, offset=1e6)),
    "offset of -1e4": ("an exponential that overflows", partial(with_offset, offset=-1e4)),
    "spread within rows": ("terms of many sizes", spread_within_rows),
    "spread between rows": ("one shift for all rows", spread_between_rows),
    "constant rows": ("a variance of 0", constant_rows),
    "constant columns": ("a variance of 0", constant_columns),
    "nearly constant rows": ("a small variance", nearly_constant_rows),
    "subnormal in float32": ("a small number from 0", partial(scaled, scale=1e-40)),
    "subnormal in float64": ("a small number from 0", partial(scaled, scale=1e-310)),
}
