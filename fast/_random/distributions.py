"""Random words as numbers, and arrays of them: uniform, normal (Box & Muller 1958), truncated normal and sparse.

A block of words is four entries of float32 or two of float64. Uniform numbers take 24 or 53 bits.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import prange, types

from .._elementwise.loops import cast_all
from .._jit import TupleOf, array_type, cache_key, compiled, inlined, noticed, overload_for, specialize
from .._loops.lanes import where
from .._loops.math import cospi_sinpi, log, numeric
from .._parallel import share_loops
from .._threads import ALONE, run_shared
from .philox import philox

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

KEY_RANGE = 2.0**32
FIRST_STREAM, PLACES_STREAM = np.uint64(0), np.uint64(1)
UINT_ONE, UINT_TWO = np.uint64(1), np.uint64(2)  # indices without a sign, which machine code takes as they are

BLOCK_BYTES = 16
CHUNK = 1 << 12  # entries; a multiple of every block


# --- words as numbers: of float32 from one word, of float64 from two -----------------------------------


class UniformConstants(NamedTuple):
    """Constants of one format for numbers that are uniform in (0, 1) or [−1, 1)."""

    one: Any
    half: Any
    below_one: Any
    word: Any  # how many numbers the second word of a unit number tells apart; of either word, 31 bits are taken
    rest: Any  # how many numbers the second word of a signed number tells apart
    step: Any  # of numbers from −1 to 1
    turn: Any  # a step of half a turn to either side
    unit: Any  # the whole of all words that a unit number takes, inverted


def uniform_constants(real: Any, bits: int, word_bits: int) -> UniformConstants:
    """Return the constants of a format of so many bits, where a unit number takes so many bits of words."""
    numbers = 1, 0.5, 1 - 2.0**-bits, 2.0**31, 2.0**21, 2.0 ** (1 - bits), 2.0**-bits, 2.0**-word_bits
    return UniformConstants(*map(real, numbers))


SINGLE, DOUBLE = uniform_constants(np.float32, 24, 31), uniform_constants(np.float64, 53, 62)
EVEN, ODD = np.int32(0), np.int32(1)


@numeric
def single_signed_integer(word: Any, last: Any) -> Any:
    """Return an integer of 24 bits, its sign among them, the last one given."""
    return np.float32(np.int32((np.int32(word) >> 8) | last))


@numeric
def double_signed_integer(word: Any, other: Any, last: Any) -> Any:
    """Return an integer of 53 bits, its sign among them, the last one given."""
    return np.float64(np.int32(word)) * DOUBLE.rest + np.float64(np.int32((other >> 11) | last))


@numeric
def single_unit_interval(word: Any) -> Any:
    """Return a number in (0, 1), finer towards 0."""
    number = (np.float32(np.int32(word >> 1)) + SINGLE.half) * SINGLE.unit
    return where(number < SINGLE.one, number, SINGLE.below_one)


@numeric
def double_unit_interval(word: Any, other: Any) -> Any:
    """Return a number in (0, 1), finer towards 0."""
    number = (np.float64(np.int32(word >> 1)) * DOUBLE.word + (np.float64(np.int32(other >> 1)) + DOUBLE.half)) * DOUBLE.unit
    return where(number < DOUBLE.one, number, DOUBLE.below_one)


@numeric
def box_muller(unit: Any, turn: Any, scale: Any) -> tuple[Any, Any]:
    """Return two normal numbers: the radius √(−2 log u) in the direction of a turn, which is along no axis, so that neither is 0."""
    logarithm = log(unit)
    radius, (cosine, sine) = np.sqrt(-(logarithm + logarithm)), cospi_sinpi(turn)
    return radius * cosine * scale, radius * sine * scale


@numeric
def single_uniform(a: Any, b: Any, c: Any, d: Any, scale: Any) -> tuple[Any, ...]:
    """Return four numbers from −scale, included, to scale, excluded."""
    step = SINGLE.step * scale
    first, second = single_signed_integer(a, EVEN) * step, single_signed_integer(b, EVEN) * step
    return first, second, single_signed_integer(c, EVEN) * step, single_signed_integer(d, EVEN) * step


@numeric
def double_uniform(a: Any, b: Any, c: Any, d: Any, scale: Any) -> tuple[Any, ...]:
    """Return two numbers from −scale, included, to scale, excluded."""
    step = DOUBLE.step * scale
    return double_signed_integer(a, b, EVEN) * step, double_signed_integer(c, d, EVEN) * step


@numeric
def single_polar(a: Any, b: Any, c: Any, d: Any, scale: Any) -> tuple[Any, ...]:
    """Return a number in (0, 1) and a turn, twice."""
    first, second = single_unit_interval(a), single_signed_integer(b, ODD) * SINGLE.turn
    return first, second, single_unit_interval(c), single_signed_integer(d, ODD) * SINGLE.turn


@numeric
def double_polar(a: Any, b: Any, c: Any, d: Any, scale: Any) -> tuple[Any, ...]:
    """Return a number in (0, 1) and a turn."""
    return double_unit_interval(a, b), double_signed_integer(c, d, ODD) * DOUBLE.turn


class Distribution(NamedTuple):
    """How words become the numbers of an array: block by block, and then in pairs."""

    float32: Callable[..., Any]
    float64: Callable[..., Any]
    pairs: Callable[..., Any]


@numeric
def identity(number: Any, other: Any, scale: Any) -> tuple[Any, Any]:
    """Return both as they are."""
    return number, other


DISTRIBUTIONS = {
    "uniform": Distribution(single_uniform, double_uniform, identity),
    "normal": Distribution(single_polar, double_polar, box_muller),
}


# --- arrays of them ----------------------------------------------------------------------------------


def block_numbers(a: Any, b: Any, c: Any, d: Any, scale: Any) -> tuple[Any, ...]:
    """Stand for what a distribution makes of the words of a block."""
    raise NotImplementedError


def pair_numbers(number: Any, other: Any, scale: Any) -> tuple[Any, Any]:
    """Stand for what a distribution makes of pairs."""
    raise NotImplementedError


block_size = 0  # stands for the entries of a block, which machine code must know


def store_block(out: Any, place: Any, values: tuple[Any, ...]) -> None:
    """Store one entry after the other."""
    for j, value in enumerate(values):
        out[int(place) + j] = value


@overload_for(store_block)
def _store_block(out: Any, place: Any, values: Any) -> Callable[..., Any]:
    if len(values) == 0:
        return lambda out, index, values: None

    def store_first_and_rest(out: Any, place: Any, values: Any) -> None:
        out[place] = values[0]
        store_block(out, place + UINT_ONE, values[1:])

    return store_first_and_rest


def fill_blocks(out: Any, first: int, last: int, keys: Any, scale: Any, limits: Any) -> None:
    """Fill entries from `first`, which begins a block, to `last`. Words and pairs are made one after the other: registers are few."""
    for block in range(first // block_size, last // block_size):
        store_block(out, np.uint64(block) * np.uint64(block_size), block_numbers(*philox(block, FIRST_STREAM, keys[0], keys[1]), scale))
    for pair in range(first // 2, last // block_size * block_size // 2):
        place = np.uint64(pair) * UINT_TWO
        out[place], out[place + UINT_ONE] = pair_numbers(out[place], out[place + UINT_ONE], scale)
    for i in range(last // block_size * block_size, last):
        out[i] = single_entry(i, FIRST_STREAM, keys, scale)


def single_entry(i: int, stream: Any, keys: Any, scale: Any) -> Any:
    """Return one entry, from any stream."""
    numbers, place = block_numbers(*philox(i // block_size, stream, keys[0], keys[1]), scale), i % block_size
    return pair_numbers(numbers[place - i % 2], numbers[place - i % 2 + 1], scale)[i % 2]


def fill_truncated(out: Any, first: int, last: int, keys: Any, scale: Any, limits: Any) -> None:
    """Fill with normal numbers, each drawn from the next stream while it lies beyond the cut; then scale."""
    fill_blocks(out, first, last, keys, scale / scale, limits)
    for i in range(first, last):
        stream = 0
        while abs(np.float64(out[i])) > limits[0]:
            stream += 1
            out[i] = single_entry(i, np.uint64(stream), keys, scale / scale)
    for i in range(first, last):
        out[i] *= scale


def fill_sparse(out: Any, first: int, last: int, keys: Any, scale: Any, limits: Any) -> None:
    """Fill rows of a width with so many normal entries each, all choices of places equally likely to within 2⁻³² a place; the others are 0.

    An entry is kept with the chance of those still wanted among those still to come.
    """
    width, count = limits
    for row in range(first // width, last // width):
        wanted = count
        for column in range(width):
            i = row * width + column
            word = philox(i, PLACES_STREAM, keys[0], keys[1])[0]
            if np.int64(word) * (width - column) >> 32 < wanted:
                out[i] = single_entry(i, FIRST_STREAM, keys, scale)
                wanted -= 1
            else:
                out[i] = scale - scale


def fill_chunk(out: Any, first: int, last: int, keys: Any, scale: Any, limits: Any) -> None:
    """Stand for one of the loops above."""
    raise NotImplementedError


def fill_chunks(out: Any, chunk: int, key: float, other_key: float, number: float, limits: Any) -> None:
    """Fill all entries, chunk by chunk."""
    (scale,) = cast_all((number,), out)
    keys = np.uint32(key * KEY_RANGE), np.uint32(other_key * KEY_RANGE)
    for k in prange((out.size + chunk - 1) // chunk):
        fill_chunk(out, k * chunk, min((k + 1) * chunk, out.size), keys, scale, limits)


class FillMethod(NamedTuple):
    """One way to fill an array: its loop, its distribution, the types of its limits, and the entries from which threads pay."""

    loop: Callable[..., None]
    distribution: str
    limits: Any
    parallel_from: int


FILL_METHODS = {
    "uniform": FillMethod(fill_blocks, "uniform", TupleOf(types.int64, 0), 1 << 14),
    "normal": FillMethod(fill_blocks, "normal", TupleOf(types.int64, 0), 1 << 13),
    "truncated": FillMethod(fill_truncated, "normal", TupleOf(types.float64, 1), 1 << 12),
    "sparse": FillMethod(fill_sparse, "normal", TupleOf(types.int64, 2), 1 << 12),
}


def fill_loop(method: str, dtype: np.dtype[Any], prepare: Callable[[Any], Any]) -> Any:
    """Return `fill_chunks` of one method, its parts wrapped by `prepare`: the identity leaves plain Python."""
    distribution = DISTRIBUTIONS[FILL_METHODS[method].distribution]
    parts: dict[str, Any] = {"block_numbers": getattr(distribution, dtype.name), "pair_numbers": distribution.pairs}
    parts["block_size"] = BLOCK_BYTES // dtype.itemsize
    for loop in (single_entry, fill_blocks, FILL_METHODS[method].loop):
        parts[loop.__name__] = prepare(specialize(loop, cache_key(method, loop.__name__), **parts))
    return specialize(fill_chunks, cache_key(method, "fill_chunks"), fill_chunk=parts[FILL_METHODS[method].loop.__name__])


@functools.cache
def compile_fill(method: str, dtype: np.dtype[Any]) -> Callable[..., None]:
    """Return the machine code of one method for one dtype."""
    number = types.float64
    signature = types.void(types.int64, array_type(dtype), types.int64, number, number, number, FILL_METHODS[method].limits)
    with noticed(f"the {method} sampler", dtype):
        return compiled(share_loops(fill_loop(method, dtype, inlined)), [signature], cache=True)


def chunk_of(method: str, limits: tuple[Any, ...]) -> int:
    """Return how many entries a thread fills at a time: whole blocks, and of a sparse array whole rows."""
    return limits[0] * (1 + CHUNK // limits[0]) if method == "sparse" else CHUNK


def fill(out: NDArray[Any], method: str, source: np.random.Generator, scale: float, limits: tuple[Any, ...] = ()) -> NDArray[Any]:
    """Fill a contiguous array: two draws of `source.random` make the key, 32 bits of each."""
    code, key, other_key = compile_fill(method, out.dtype), source.random(), source.random()
    operands = out.ravel(), chunk_of(method, limits), key, other_key, scale, limits
    if out.size < FILL_METHODS[method].parallel_from:
        code(ALONE, *operands)
    else:
        run_shared(code, *operands)
    return out


class NormalGenerator:
    """A generator of normal numbers for formulas that draw from NumPy's: counter-based, in one dtype."""

    def __init__(self, source: np.random.Generator, dtype: Any) -> None:
        self.source, self.dtype = source, dtype

    def standard_normal(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return independent normal numbers of deviation 1."""
        return fill(np.empty(shape, self.dtype), "normal", self.source, 1.0)
