"""Random numbers by counting: entry i of an array depends on a key and on i alone, so not on threads, chunks or the width of vectors.

Philox4x32-10 (Salmon et al. 2011, 'Parallel random numbers: as easy as 1, 2, 3') makes four words of 32 bits from a counter, which here
is the block and the stream, and a key. A block is four entries of float32 or two of float64. Uniform numbers take 24 or 53 bits, normal
ones are those of Box & Muller 1958.

What is written here is what runs: as machine code, and in plain Python, on NumPy's numbers and arrays of them, with the same bits.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import prange, types
from numba.np.numpy_support import from_dtype

from ..reference.limits import NotBelow
from ..reference.validation import domains, validate_result
from . import _functions, _kernels
from ._functions import circle, log, numeric, where
from ._kernels import ONE_AT_A_TIME, THREADS, checked, closed, compiled, inlined, native, rounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..reference import Formula

F = TypeVar("F", bound="Callable[..., Any]")

MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)  # of the key, from round to round: of the golden ratio, of √3
ROUNDS = 10
KEYS = 2.0**32
FIRST, OTHER = np.uint64(0), np.uint64(1)  # streams
NEXT, PAIR = np.uint64(1), np.uint64(2)  # of places without a sign, which machine code takes as they are

BLOCK_BYTES = 16
CHUNK = 1 << 12  # entries; a multiple of every block
FILES = (__file__, _functions.__file__, _kernels.__file__)
DIGEST = hashlib.sha256(b"".join(Path(one).read_bytes() for one in FILES)).hexdigest()[:8]  # machine code is kept under it


def words(count: Any) -> tuple[Any, Any]:
    """The low and the high word of a counter."""
    return np.uint32(count & 0xFFFFFFFF), np.uint32(count >> 32)


@native(words)
def _words(count: Any) -> Callable[..., Any]:
    return lambda count: (np.uint32(count), np.uint32(count >> 32))


@numeric
def product(word: Any, multiplier: Any) -> tuple[Any, Any]:
    """The low and the high word of a product."""
    return words(np.uint64(word) * multiplier)


@numeric
def philox(counter: Any, stream: Any, first: Any, second: Any) -> tuple[Any, Any, Any, Any]:
    """Four random words for a counter of 64 bits, in one of 2⁶⁴ streams, under a key of two words."""
    (a, b), (c, d) = words(counter), words(stream)
    key, other_key = np.uint64(first), np.uint64(second)  # wide, as only so loops of it become the fastest
    for _ in range(ROUNDS):
        (low, high), (other_low, other_high) = product(a, MULTIPLIERS[0]), product(c, MULTIPLIERS[1])
        a, b, c, d = other_high ^ b ^ words(key)[0], other_low, high ^ d ^ words(other_key)[0], low
        key, other_key = key + STEPS[0], other_key + STEPS[1]
    return a, b, c, d


# --- words as numbers: of float32 from one word, of float64 from two -----------------------------------


class Grid(NamedTuple):
    """The numbers of one format between which random ones lie."""

    one: Any
    half: Any
    below_one: Any
    word: Any  # how many numbers the second word of a share tells apart; of either word, 31 bits are taken
    rest: Any  # how many numbers the second word of a step tells apart
    step: Any  # of numbers from −1 to 1
    turn: Any  # a step of half a turn to either side
    share: Any  # the whole of all words that a share takes, inverted


def grid(real: Any, bits: int, word_bits: int) -> Grid:
    """The grid of one format, of so many bits, where a share takes so many bits of words."""
    numbers = 1, 0.5, 1 - 2.0**-bits, 2.0**31, 2.0**21, 2.0 ** (1 - bits), 2.0**-bits, 2.0**-word_bits
    return Grid(*map(real, numbers))


SINGLE, DOUBLE = grid(np.float32, 24, 31), grid(np.float64, 53, 62)
EVEN, ODD = np.int32(0), np.int32(1)


@numeric
def single_steps(word: Any, last: Any) -> Any:
    """A whole number of 24 bits, its sign among them, the last one given."""
    return np.float32(np.int32((np.int32(word) >> 8) | last))


@numeric
def double_steps(word: Any, other: Any, last: Any) -> Any:
    """A whole number of 53 bits, its sign among them, the last one given."""
    return np.float64(np.int32(word)) * DOUBLE.rest + np.float64(np.int32((other >> 11) | last))


@numeric
def single_share(word: Any) -> Any:
    """A number above 0 and below 1, finer towards 0."""
    share = (np.float32(np.int32(word >> 1)) + SINGLE.half) * SINGLE.share
    return where(share < SINGLE.one, share, SINGLE.below_one)


@numeric
def double_share(word: Any, other: Any) -> Any:
    """A number above 0 and below 1, finer towards 0."""
    share = (np.float64(np.int32(word >> 1)) * DOUBLE.word + (np.float64(np.int32(other >> 1)) + DOUBLE.half)) * DOUBLE.share
    return where(share < DOUBLE.one, share, DOUBLE.below_one)


@numeric
def pair(share: Any, turn: Any, scale: Any) -> tuple[Any, Any]:
    """Two normal numbers: the radius √(−2 log s) in the direction of a turn, which points along no axis, so that none of them is 0."""
    size = log(share)
    radius, (right, up) = np.sqrt(-(size + size)), circle(turn)
    return radius * right * scale, radius * up * scale


@numeric
def single_uniform(a: Any, b: Any, c: Any, d: Any, scale: Any) -> tuple[Any, ...]:
    """Four numbers from −scale, included, to scale, excluded."""
    step = SINGLE.step * scale
    return single_steps(a, EVEN) * step, single_steps(b, EVEN) * step, single_steps(c, EVEN) * step, single_steps(d, EVEN) * step


@numeric
def double_uniform(a: Any, b: Any, c: Any, d: Any, scale: Any) -> tuple[Any, ...]:
    """Two numbers from −scale, included, to scale, excluded."""
    step = DOUBLE.step * scale
    return double_steps(a, b, EVEN) * step, double_steps(c, d, EVEN) * step


@numeric
def single_polar(a: Any, b: Any, c: Any, d: Any, scale: Any) -> tuple[Any, ...]:
    """A share and a turn, twice."""
    return single_share(a), single_steps(b, ODD) * SINGLE.turn, single_share(c), single_steps(d, ODD) * SINGLE.turn


@numeric
def double_polar(a: Any, b: Any, c: Any, d: Any, scale: Any) -> tuple[Any, ...]:
    """A share and a turn."""
    return double_share(a, b), double_steps(c, d, ODD) * DOUBLE.turn


class Law(NamedTuple):
    """How words become the numbers of an array: by themselves, and then, if they do, in pairs."""

    float32: Callable[..., Any]
    float64: Callable[..., Any]
    pairs: Callable[..., Any]


@numeric
def alone(one: Any, other: Any, scale: Any) -> tuple[Any, Any]:
    """Both as they are."""
    return one, other


LAWS = {"uniform": Law(single_uniform, double_uniform, alone), "normal": Law(single_polar, double_polar, pair)}


# --- arrays of them ----------------------------------------------------------------------------------


def spread(a: Any, b: Any, c: Any, d: Any, scale: Any) -> tuple[Any, ...]:
    """Stand in for what a law makes of words in the loops below."""
    raise NotImplementedError


def joined(one: Any, other: Any, scale: Any) -> tuple[Any, Any]:
    """Stand in for what it makes of pairs."""
    raise NotImplementedError


size = 0  # stands in for the entries of a block, which machine code must know


def put(out: Any, place: Any, values: tuple[Any, ...]) -> None:
    """Write one entry after the other."""
    for j, value in enumerate(values):
        out[int(place) + j] = value


@native(put)
def _put(out: Any, place: Any, values: Any) -> Callable[..., Any]:
    if len(values) == 0:
        return lambda out, place, values: None

    def put_all(out: Any, place: Any, values: Any) -> None:
        out[place] = values[0]
        put(out, place + NEXT, values[1:])

    return put_all


def stretch(out: Any, first: int, last: int, keys: Any, scale: Any, limits: Any) -> None:
    """The entries from the first on, which begins a block, to the last. Words and pairs one after the other: registers are few."""
    for block in range(first // size, last // size):
        put(out, np.uint64(block) * np.uint64(size), spread(*philox(block, FIRST, keys[0], keys[1]), scale))
    for pair_of in range(first // 2, last // size * size // 2):
        place = np.uint64(pair_of) * PAIR
        out[place], out[place + NEXT] = joined(out[place], out[place + NEXT], scale)
    for i in range(last // size * size, last):
        out[i] = entry(i, FIRST, keys, scale)


def entry(i: int, stream: Any, keys: Any, scale: Any) -> Any:
    """One entry alone, from any stream."""
    numbers, place = spread(*philox(i // size, stream, keys[0], keys[1]), scale), i % size
    return joined(numbers[place - i % 2], numbers[place - i % 2 + 1], scale)[i % 2]


def trimmed(out: Any, first: int, last: int, keys: Any, scale: Any, limits: Any) -> None:
    """Normal numbers, each drawn from the next stream while it lies beyond the cut; then scaled."""
    stretch(out, first, last, keys, scale / scale, limits)
    for i in range(first, last):
        stream = 0
        while abs(np.float64(out[i])) > limits[0]:
            stream += 1
            out[i] = entry(i, np.uint64(stream), keys, scale / scale)
    for i in range(first, last):
        out[i] *= scale


def scattered(out: Any, first: int, last: int, keys: Any, scale: Any, limits: Any) -> None:
    """Rows of a width with so many normal entries each, all choices of places equally likely to within 2⁻³² a place; the others are 0.

    An entry is kept with the chance of those still wanted among those still to come.
    """
    width, count = limits
    for row in range(first // width, last // width):
        wanted = count
        for column in range(width):
            i = row * width + column
            word = philox(i, OTHER, keys[0], keys[1])[0]
            if np.int64(word) * (width - column) >> 32 < wanted:
                out[i] = entry(i, FIRST, keys, scale)
                wanted -= 1
            else:
                out[i] = scale - scale


def part(out: Any, first: int, last: int, keys: Any, scale: Any, limits: Any) -> None:
    """Stand in for one of the loops above."""
    raise NotImplementedError


def draw(parallel: bool, out: Any, chunk: int, key: float, other_key: float, number: float, limits: Any) -> None:
    """All entries, chunk by chunk, or many chunks at once."""
    (scale,) = rounded((number,), out)
    keys = np.uint32(key * KEYS), np.uint32(other_key * KEYS)
    if parallel:
        for k in prange((out.size + chunk - 1) // chunk):
            part(out, k * chunk, min((k + 1) * chunk, out.size), keys, scale, limits)
    else:
        part(out, 0, out.size, keys, scale, limits)


class Kind(NamedTuple):
    """One way to fill an array: its loop, its law, the types of its limits, and the entries below which threads don't pay."""

    part: Callable[..., None]
    law: str
    limits: Any
    serial: int


several: Any = types.UniTuple
KINDS = {
    "uniform": Kind(stretch, "uniform", several(types.int64, 0), 1 << 14),
    "normal": Kind(stretch, "normal", several(types.int64, 0), 1 << 13),
    "truncated": Kind(trimmed, "normal", several(types.float64, 1), 1 << 12),
    "sparse": Kind(scattered, "normal", several(types.int64, 2), 1 << 12),
}


def loops(kind: str, dtype: np.dtype[Any], ready: Callable[[Any], Any]) -> Any:
    """The loop of one kind, its parts made ready: the identity leaves plain Python."""
    law = LAWS[KINDS[kind].law]
    made: dict[str, Any] = {"spread": getattr(law, dtype.name), "joined": law.pairs, "size": BLOCK_BYTES // dtype.itemsize}
    for loop in (entry, stretch, KINDS[kind].part):
        made[loop.__name__] = ready(bound(loop, kind, **made))
    return bound(draw, kind, part=made[KINDS[kind].part.__name__])


def bound(loop: Callable[..., Any], kind: str, **parts: Any) -> FunctionType:
    """A copy of a loop that finds these parts. Machine code is kept by its name: it holds the kind, and a digest of all it is made of."""
    name = f"{kind}_{loop.__name__}_{DIGEST}"
    return FunctionType(loop.__code__.replace(co_qualname=name), {**globals(), **parts}, name)


@functools.cache
def filler(kind: str, dtype: np.dtype[Any]) -> Callable[..., None]:
    """The machine code of one kind for one dtype."""
    array, number = types.Array(from_dtype(dtype), 1, "C"), types.float64
    signature = types.void(types.boolean, array, types.int64, number, number, number, KINDS[kind].limits)
    return compiled(loops(kind, dtype, inlined), [signature], parallel=THREADS, cache=True)  # type: ignore[no-any-return]


def filled(out: NDArray[Any], kind: str, source: np.random.Generator, scale: float, limits: tuple[Any, ...] = ()) -> NDArray[Any]:
    """Fill a contiguous array from the source: two draws of `random` make the key, 32 bits of each."""
    fill, key, other_key = filler(kind, out.dtype), source.random(), source.random()
    if out.size < KINDS[kind].serial:
        fill(False, out.ravel(), CHUNK, key, other_key, scale, limits)
        return out
    chunk = limits[0] * (1 + CHUNK // limits[0]) if kind == "sparse" else CHUNK
    with ONE_AT_A_TIME:
        fill(True, out.ravel(), chunk, key, other_key, scale, limits)
    return out


# --- the door ----------------------------------------------------------------------------------------

DTYPES = {np.dtype(one): float(np.finfo(one).max) / 10 for one in (np.float32, np.float64)}  # no normal number is ten deviations off
PLAIN = 1e-100, 1e100  # numbers between these neither overflow nor underflow in a scale


class Scale:
    """A source whose every number is 1, or the end of its range: with it, a formula tells by how much it scales what it draws."""

    @staticmethod
    def standard_normal(shape: Any) -> float:
        """One standard deviation."""
        return 1.0

    @staticmethod
    def uniform(low: float, high: float, shape: Any) -> float:
        """The end of the range, which is symmetric."""
        return high


@dataclass(frozen=True)
class Sampler:
    """A sampler of the reference, by counting: what it fills arrays with, how that is scaled, and within which limits."""

    raw: Callable[..., Any]
    kind: str
    scale: Callable[..., Any]
    limits: Callable[..., tuple[Any, ...]]

    def careful(self, arguments: dict[str, Any], dtype: Any, out: Any) -> NDArray[Any]:
        """The weights, if the reference allows the arguments."""
        source, *shape = (named := dict(zip(arguments, checked(self.raw, tuple(arguments.values())), strict=True))).values()
        rest = {name: value for name, value in named.items() if name not in ("source", "fan_out", "fan_in")}
        with np.errstate(all="ignore"):  # what overflows is reported
            scale = self.scale(Scale, *shape[:2], **rest)
        return self.drawn(source, (shape[0], shape[1]), scale, self.limits(Scale, *shape[:2], **rest), dtype, out)

    def drawn(self, source: Any, shape: tuple[int, int], scale: Any, limits: tuple[Any, ...], dtype: Any, out: Any) -> NDArray[Any]:
        """The weights, in a fresh array or in `out`."""
        weights = np.empty(shape) if dtype is None and out is None else target(self.raw, shape, dtype, out)
        place = weights if weights.flags.carray and weights.dtype in DTYPES else np.empty(shape, weights.dtype.name)
        filled(place, self.kind, source, float(scale), limits)
        if not scale < DTYPES[place.dtype]:
            validate_result(place, self.raw, [])
        if place is not weights:
            weights[...] = place
        return weights

    @property
    def tests(self) -> str:
        """Whether all arguments are plainly right, as one expression: a microsecond has no room for more."""
        tests = []
        for name, domain in domains(self.raw).items():
            if domain.kind == "source":
                tests.append(f"type({name}) is Generator")
            elif domain.kind == "count":
                tests.append(f"type({name}) is int and {int(closed(domain.limits)[0])} <= {name}")
            else:
                tests.append(f"type({name}) in (float, int) and {PLAIN[0]} < {name} < {PLAIN[1]}")
            tests += [f"{name} >= {limit.argument}" for limit in domain.limits if isinstance(limit, NotBelow)]
        return " and ".join(tests)


def target(raw: Callable[..., Any], shape: tuple[int, int], dtype: Any, out: Any) -> NDArray[Any]:
    """The array for the weights."""
    if dtype is not None and not any(one == dtype for one in DTYPES):
        raise refusal(raw, TypeError, "dtype", f"{dtype!r}", "float32, float64, None")
    if out is None:
        return np.empty(shape, np.float64 if dtype is None else dtype)
    if type(out) is not np.ndarray or out.dtype.newbyteorder("=") not in DTYPES:
        came = f"{out.dtype} array" if isinstance(out, np.ndarray) else type(out).__name__
        raise refusal(raw, TypeError, "out", came, "float32 array, float64 array, None")
    if dtype is not None and out.dtype.newbyteorder("=") != dtype:
        raise refusal(raw, TypeError, "out", f"{out.dtype} array", f"{np.dtype(dtype)} array, as dtype asks for")
    if out.shape != shape:
        raise refusal(raw, ValueError, "out", f"shape {out.shape}", f"shape {shape}")
    if not out.flags.writeable:
        raise refusal(raw, ValueError, "out", "a read-only array", "a writeable one")
    return out


def refusal(raw: Callable[..., Any], error: type[Exception], name: str, came: str, allowed: str) -> Exception:
    """The error itself, worded as at the door: formula, argument, what came, what is allowed."""
    return error(f"{raw.__name__}: {name}: {came} came; allowed: {allowed}")


class Normals:
    """A source of normal numbers by counting, in place of NumPy's."""

    def __init__(self, source: np.random.Generator, dtype: Any) -> None:
        self.source, self.dtype = source, dtype

    def standard_normal(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Independent ones, of deviation 1."""
        return filled(np.empty(shape, self.dtype), "normal", self.source, 1.0)


def sampler(
    reference: Formula[..., Any], kind: str, scale: Callable[..., Any] | None = None, limits: Callable[..., Any] = lambda *_, **__: ()
) -> Callable[[F], F]:
    """Make a declaration a sampler: signature and words are its own, what it scales by is what the reference's formula makes of 1."""

    def sampler_of(declared: F) -> F:
        raw = reference.raw
        made = Sampler(raw, kind, scale or raw, limits)
        parameters = list(inspect.signature(declared).parameters.values())
        stated = [one.name if one.default is one.empty else f"{one.name}={one.default!r}" for one in parameters]
        given = ", ".join(["Scale", "fan_out", "fan_in", *(f"{one.name}={one.name}" for one in parameters[3:-2])])
        lines = [
            f"def {raw.__name__}({', '.join([*stated[:3], '*', *stated[3:]])}):",
            f"if {made.tests}:",
            f"    return drawn(source, (fan_out, fan_in), scale({given}), limits({given}), dtype, out)",
            f"return careful({{{', '.join(f'{one.name!r}: {one.name}' for one in parameters[:-2])}}}, dtype, out)",
        ]
        parts: dict[str, Any] = {"drawn": made.drawn, "careful": made.careful, "scale": made.scale, "limits": limits}
        exec("\n    ".join(lines), {**parts, "Scale": Scale, "Generator": np.random.Generator}, parts)  # binding a signature costs more
        result: Any = functools.update_wrapper(parts[raw.__name__], declared)
        result.sampler = made
        return cast("F", result)

    return sampler_of
