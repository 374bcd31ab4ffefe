"""Philox4x32-10, a counter-based generator (Salmon et al. 2011, 'Parallel random numbers: as easy as 1, 2, 3').

It makes four words of 32 bits from a counter, which here is a block and a stream, and a key. So entry i of an array depends on the key
and on i alone: not on threads, chunks or the width of vectors.

What is written here is what runs: as machine code, and in plain Python, on NumPy's numbers and arrays of them, with the same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._jit import overload_for
from .._loops.math import numeric

if TYPE_CHECKING:
    from collections.abc import Callable

MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
KEY_STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)  # of the key, from round to round: of the golden ratio, of √3
ROUNDS = 10


def words(count: Any) -> tuple[Any, Any]:
    """Return the low and the high word of a counter."""
    return np.uint32(count & 0xFFFFFFFF), np.uint32(count >> 32)


@overload_for(words)
def _words(count: Any) -> Callable[..., Any]:
    return lambda count: (np.uint32(count), np.uint32(count >> 32))


@numeric
def multiply(word: Any, multiplier: Any) -> tuple[Any, Any]:
    """Return the low and the high word of a product."""
    return words(np.uint64(word) * multiplier)


@numeric
def philox(counter: Any, stream: Any, first: Any, second: Any) -> tuple[Any, Any, Any, Any]:
    """Return four random words for a counter of 64 bits, in one of 2⁶⁴ streams, under a key of two words."""
    (a, b), (c, d) = words(counter), words(stream)
    key, other_key = np.uint64(first), np.uint64(second)  # wide, as only so loops of it become the fastest
    for _ in range(ROUNDS):
        (low, high), (other_low, other_high) = multiply(a, MULTIPLIERS[0]), multiply(c, MULTIPLIERS[1])
        a, b, c, d = other_high ^ b ^ words(key)[0], other_low, high ^ d ^ words(other_key)[0], low
        key, other_key = key + KEY_STEPS[0], other_key + KEY_STEPS[1]
    return a, b, c, d
