"""What hand-written loops are made of: numbers in the format of an array, sums in any order, tests of finiteness and range."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from .._jit import compiled, inlined, overload_for

if TYPE_CHECKING:
    from collections.abc import Callable


@functools.partial(compiled, forceinline=True, fastmath={"reassoc"})
def reassociable_add(total: Any, term: Any) -> Any:
    """Return a sum plus one term; the compiler may reorder these additions, and makes vector operations of them."""
    return total + term


@inlined
def is_nonfinite(x: Any) -> Any:
    """Return whether a number is not finite: then it differs from itself by something other than 0."""
    return x - x != 0


@inlined
def out_of_range(x: Any, least: Any, largest: Any) -> Any:
    """Return whether a number is not within [least, largest], or is not a number."""
    return not (least <= x <= largest)


def cast_like(number: Any, array: Any) -> Any:
    """Return a number in the dtype of an array."""
    return number if array.dtype == object else array.dtype.type(number)


@overload_for(cast_like)
def _cast_like(number: Any, array: Any) -> Callable[..., Any]:
    kind = array.dtype
    return lambda number, array: kind(number)


def zeros_like_dtype(shape: Any, like: Any) -> Any:
    """Return zeros in the dtype of an array."""
    return np.zeros(shape, like.dtype)


@overload_for(zeros_like_dtype)
def _zeros_like_dtype(shape: Any, like: Any) -> Callable[..., Any]:
    kind = like.dtype
    return lambda shape, like: np.zeros(shape, kind)


def accumulator_zeros(shape: Any, like: Any) -> Any:
    """Return zeros for sums of the numbers of an array: float64."""
    return np.zeros(shape, object if like.dtype == object else float)


@overload_for(accumulator_zeros)
def _accumulator_zeros(shape: Any, like: Any) -> Callable[..., Any]:
    return lambda shape, like: np.zeros(shape)


@inlined
def any_nonfinite(numbers: Any) -> Any:
    """Return whether a number of an array of one axis is not finite."""
    nonfinite = False
    for j in range(numbers.size):
        nonfinite |= is_nonfinite(numbers[j])
    return nonfinite


@inlined
def divide_up(whole: Any, part: Any) -> Any:
    """Return how many such parts cover the whole."""
    return (whole + part - 1) // part
