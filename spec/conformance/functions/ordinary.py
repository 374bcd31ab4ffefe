"""NumPy functions that implementations use and the reference does not, on symbols: each by those that the arithmetics have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...arithmetic import _numbers, tensors
from ...arithmetic.symbolic import Symbolic


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """np.clip, with the bounds under either name."""
    low, high = a_min if min is None else min, a_max if max is None else max
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def average(x: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """np.average."""
    if weights is None:
        return np.mean(x, axis=axis, keepdims=keepdims)
    return np.sum(weights * x, axis=axis, keepdims=keepdims) / np.sum(weights * np.ones_like(x), axis=axis, keepdims=keepdims)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """np.linalg.norm of all entries, or of vectors along an axis."""
    if ord not in (None, 2) or (ord == 2 and axis is None and np.ndim(x) != 1):
        raise _numbers.Refused(f"np.linalg.norm with ord={ord!r} is not vetted")
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


def dot(x: Any, y: Any) -> Any:
    """np.dot of numbers, vectors and matrices."""
    return x * y if 0 in (np.ndim(x), np.ndim(y)) else np.matmul(x, y)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    np.clip: clip,
    np.average: average,
    np.var: _numbers.variance,
    np.std: _numbers.standard_deviation,
    np.amax: np.max,
    np.amin: np.min,
    np.linalg.norm: norm,
    np.dot: dot,
    np.inner: dot,
    np.outer: np.linalg.outer,
    np.full_like: lambda x, value, **dtype: np.zeros_like(x) + value,
    np.copy: lambda x, **order: x,
}
UFUNCS: Mapping[str, Callable[..., Any]] = {  # of SymPy's expressions
    "expm1": lambda x: Symbolic.table["exp"](x) - 1,
    "log1p": lambda x: Symbolic.table["log"](1 + x),
    "exp2": lambda x: Symbolic.table["power"](2, x),
    "log2": lambda x: Symbolic.table["log"](x) / Symbolic.table["log"](2),
    "log10": lambda x: Symbolic.table["log"](x) / Symbolic.table["log"](10),
    "sinh": lambda x: (Symbolic.table["exp"](x) - Symbolic.table["exp"](-x)) / 2,
    "cosh": lambda x: (Symbolic.table["exp"](x) + Symbolic.table["exp"](-x)) / 2,
    "hypot": lambda x, y: Symbolic.table["sqrt"](x * x + y * y),
    "float_power": Symbolic.table["power"],
    "fabs": Symbolic.table["absolute"],
}


@contextmanager
def ordinary_functions() -> Iterator[None]:
    """Let these functions work on symbols and on arrays of symbolic shape, for as long as this lasts."""
    tables: list[Any] = [_numbers.FUNCTIONS, tensors.FUNCTIONS, Symbolic.table, tensors.Tensor.table]
    before = [dict(table) for table in tables]
    by_class = {key: on_class(function) for key, function in FUNCTIONS.items()}
    einsum = {np.einsum: lambda cls, subscripts, *arrays: cls.wrap(np.einsum(subscripts, *map(cls.object_array, arrays)))}
    for table, added in zip(tables, ({**by_class, **einsum}, FUNCTIONS, UFUNCS, UFUNCS), strict=True):
        table.update({key: function for key, function in added.items() if key not in table})
    try:
        yield
    finally:
        for table, known in zip(tables, before, strict=True):
            table.clear()
            table.update(known)


def on_class(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as the arithmetics call it: with their class, in which the first argument becomes an array."""
    return lambda cls, x, *arguments, **options: function(cls(x), *arguments, **options)
