"""The floating-point formats in which formulas are bounded: those of NumPy, and the 16- and 8-bit ones of ml_dtypes.

Two conventions have two bounds. A program may round every operation to a format, or compute in a wider one (`compute`) and round to the
format, in which its arrays are stored, once at the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

STANDARD_LIBRARY = 8  # roundings granted to exp, log, tanh, arctan, sin, cos, erf and powers: 4 ulp covers the vectorised libraries in use
NARROW_LIBRARY = 2  # the same in narrow formats, whose libraries compute in float32
LEAST_DOUBLE = 5e-324


class Format(NamedTuple):
    """A floating-point format. Its type makes a number of it from a Python float."""

    name: str
    unit: float  # unit roundoff: half the distance from 1 to the next larger number
    smallest: float  # subnormal number
    largest: float
    overflow: float  # what larger numbers become: infinity, or NaN in a format that has no infinity
    library: int  # roundings granted to a library function
    kind: Any

    @property
    def tiny(self) -> float:
        """The largest error of a result that underflows."""
        return max(self.smallest / 2, LEAST_DOUBLE)

    @property
    def digits(self) -> int:
        """The number of its binary digits, the leading one included."""
        return -round(math.log2(self.unit))

    def round(self, values: Any) -> Any:
        """Return numbers rounded to the format, as float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(values, dtype=float).astype(self.kind).astype(float)


def describe_format(name: str, library: int) -> Format:
    """Return a format as ml_dtypes describes it."""
    info, kind = ml_dtypes.finfo(name), np.dtype(name).type
    with np.errstate(over="ignore"):
        overflow = float(np.array(float("inf")).astype(kind))
    return Format(name, float(info.eps) / 2, float(info.smallest_subnormal), float(info.max), overflow, library, kind)


FORMATS: Mapping[str, Format] = {
    name: describe_format(name, library)
    for name, library in {
        "float64": STANDARD_LIBRARY,
        "float32": STANDARD_LIBRARY,
        "float16": NARROW_LIBRARY,
        "bfloat16": NARROW_LIBRARY,
        "float8_e4m3fn": NARROW_LIBRARY,
        "float8_e5m2": NARROW_LIBRARY,
    }.items()
}
DOUBLE = FORMATS["float64"]
NARROW = tuple(name for name, form in FORMATS.items() if form.unit > FORMATS["float32"].unit)


def format_of(dtype: Any) -> Format:
    """Return the format of a dtype, or of its name; TypeError for one that is not in the table."""
    name = np.dtype(dtype).name
    if name not in FORMATS:
        raise TypeError(f"the dtype must be {', '.join(list(FORMATS)[:-1])} or {list(FORMATS)[-1]}, got {name}")
    return FORMATS[name]


def is_real_dtype(dtype: Any) -> bool:
    """Return whether a dtype holds real numbers: one of NumPy's, or of the table."""
    return np.dtype(dtype).kind == "f" or np.dtype(dtype).name in FORMATS


def widened(value: Any) -> Any:
    """Return an array or a number of a narrow format as float64, which holds it exactly; anything else as it is."""
    return value.astype(float) if isinstance(value, np.ndarray | np.generic) and value.dtype.name in NARROW else value
