"""Arrays of other libraries as NumPy arrays, without importing the libraries: by their own protocols, from whatever device they are on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arithmetic.formats import FORMATS, NARROW


def as_numpy(value: Any) -> Any:
    """Return an array as a NumPy array of the same format; numbers, words and functions as they are.

    It is asked in turn for `__array__`, for float32, which holds the formats that its library cannot hand over, and for DLPack.
    """
    if isinstance(value, np.ndarray | np.generic) or not (hasattr(value, "__dlpack__") or hasattr(value, "__array__")):
        return value
    for step in ("detach", "cpu"):
        value = getattr(value, step, lambda value=value: value)()
    name = str(getattr(value, "dtype", "")).rpartition(".")[2]
    for read in (np.asarray, read_widened, np.from_dlpack, read_from_device):
        try:
            array = read(value)
        except (TypeError, ValueError, RuntimeError, BufferError, AttributeError):
            continue
        if array.dtype != object:
            return array.astype(np.dtype(name)) if name in NARROW else array
    raise TypeError(f"a {type(value).__name__} of {name or 'no dtype'} cannot be read as an array")


def read_widened(value: Any) -> Any:
    """Return a tensor of a narrow format as a NumPy array of float32."""
    return np.asarray(value.float())


def read_from_device(value: Any) -> Any:
    """Return an array on another device as a NumPy array."""
    return np.from_dlpack(value, device="cpu")


def dtype_name(values: Any) -> str:
    """Return the format that arrays share; float64 where there is none. TypeError where they differ."""
    names = {leaf.dtype.name for leaf in values if isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.name in FORMATS}
    if len(names) > 1:
        raise TypeError(f"the arrays must have the same dtype, or dtype= must say which is meant, got {', '.join(sorted(names))}")
    return names.pop() if names else "float64"
