"""The loops of elementwise kernels, as machine code and as plain Python.

Entries are taken in lanes, vectors of one width on every processor, which are loaded before any is stored: so results may be written over
what they are computed from. Chunks depend on the size alone, not on the number of threads.
Finiteness is checked in the same pass, on the results: they are not finite where an argument is not, or else the argument is tested.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numba import prange, types

from .. import _config
from .._jit import FINITE, NOT_FINITE, REFUSED, TupleOf, array_type, cache_key, compiled, inlined, overload_for, specialize
from .._loops.lanes import any_of_lanes, entries_of, fill_lanes, lane_count, load, load_part, sqrt, store, store_part, where
from .._parallel import share_loops
from .._threads import CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FunctionType

    from numpy.typing import NDArray

    from .source import KernelIR

    Arrays: TypeAlias = tuple[NDArray[Any], ...]
    Numbers: TypeAlias = tuple[float, ...]
    Extents: TypeAlias = tuple[tuple[int, int], ...]


# --- on tuples of arrays -----------------------------------------------------------------------------------


def index_all(arrays: Arrays, where: Any) -> tuple[Any, ...]:
    """Return the same entry, or slice, of every array."""
    return tuple(array[where] for array in arrays)


@overload_for(index_all)
def _index_all(arrays: Any, where: Any) -> Callable[..., Any]:
    if len(arrays) == 0:
        return lambda arrays, where: ()
    return lambda arrays, where: (arrays[0][where], *index_all(arrays[1:], where))


def entries_of_all(arrays: Arrays) -> tuple[Any, ...]:
    """Return the entries of each array, as lanes are taken from them."""
    return tuple(entries_of(array) for array in arrays)


@overload_for(entries_of_all)
def _entries_of_all(arrays: Any) -> Callable[..., Any]:
    if len(arrays) == 0:
        return lambda arrays: ()
    return lambda arrays: (entries_of(arrays[0]), *entries_of_all(arrays[1:]))


def load_all(entries: tuple[Any, ...], i: int) -> tuple[Any, ...]:
    """Return the lanes of each array that start at index i."""
    return tuple(load(each, i) for each in entries)


@overload_for(load_all)
def _load_all(entries: Any, i: Any) -> Callable[..., Any]:
    if len(entries) == 0:
        return lambda entries, i: ()
    return lambda entries, i: (load(entries[0], i), *load_all(entries[1:], i))


def load_rest(entries: tuple[Any, ...], i: int, count: int) -> tuple[Any, ...]:
    """Return the last entries of each array, from index i, as lanes; the first of them stands in the lanes that are left."""
    return tuple(load_part(each, i, count, each[i]) for each in entries)


@overload_for(load_rest)
def _load_rest(entries: Any, i: Any, count: Any) -> Callable[..., Any]:
    if len(entries) == 0:
        return lambda entries, i, count: ()
    return lambda entries, i, count: (load_part(entries[0], i, count, entries[0][i]), *load_rest(entries[1:], i, count))


def in_lanes(entries: tuple[Any, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return values as lanes of these entries: what is one number stands in all of them."""
    return tuple(fill_lanes(each, value) for each, value in zip(entries, values, strict=True))


@overload_for(in_lanes)
def _in_lanes(entries: Any, values: Any) -> Callable[..., Any]:
    if len(entries) == 0:
        return lambda entries, values: ()
    return lambda entries, values: (fill_lanes(entries[0], values[0]), *in_lanes(entries[1:], values[1:]))


def any_nonfinite(values: tuple[Any, ...]) -> Any:
    """Return in which lanes some value is not finite, which is tested as `value - value != 0`."""
    return functools.reduce(operator.or_, (value - value != 0 for value in values))


@overload_for(any_nonfinite)
def _any_nonfinite(values: Any) -> Callable[..., Any]:
    if len(values) == 1:
        return lambda values: values[0] - values[0] != 0
    return lambda values: (values[0] - values[0] != 0) | any_nonfinite(values[1:])


def store_all(entries: tuple[Any, ...], i: int, values: tuple[Any, ...]) -> None:
    """Store lanes in each array from index i on."""
    for each, value in zip(entries, values, strict=True):
        store(each, i, value)


@overload_for(store_all)
def _store_all(entries: Any, i: Any, values: Any) -> Callable[..., Any]:
    if len(entries) == 0:
        return lambda entries, i, values: None

    def store_first_and_rest(entries: Any, i: Any, values: Any) -> None:
        store(entries[0], i, values[0])
        store_all(entries[1:], i, values[1:])

    return store_first_and_rest


def store_rest(entries: tuple[Any, ...], i: int, count: int, values: tuple[Any, ...]) -> None:
    """Store the first lanes in the last entries of each array."""
    for each, value in zip(entries, values, strict=True):
        store_part(each, i, count, value)


@overload_for(store_rest)
def _store_rest(entries: Any, i: Any, count: Any, values: Any) -> Callable[..., Any]:
    if len(entries) == 0:
        return lambda entries, i, count, values: None

    def store_first_and_rest(entries: Any, i: Any, count: Any, values: Any) -> None:
        store_part(entries[0], i, count, values[0])
        store_rest(entries[1:], i, count, values[1:])

    return store_first_and_rest


def cast_all(numbers: Numbers, array: NDArray[Any]) -> tuple[Any, ...]:
    """Return the numbers in the dtype of the array, as NumPy takes Python's."""
    return tuple(array.dtype.type(number) for number in numbers)


@overload_for(cast_all)
def _cast_all(numbers: Any, array: Any) -> Callable[..., Any]:
    if len(numbers) == 0:
        return lambda numbers, array: ()
    kind = array.dtype
    return lambda numbers, array: (kind(numbers[0]), *cast_all(numbers[1:], array))


def extents(arrays: Arrays) -> tuple[tuple[int, int], ...]:
    """Return the address and the size of each array."""
    return tuple((array.ctypes.data, array.size) for array in arrays)


@overload_for(extents)
def _extents(arrays: Any) -> Callable[..., Any]:
    if len(arrays) == 0:
        return lambda arrays: ()
    return lambda arrays: ((np.intp(arrays[0].ctypes.data), arrays[0].size), *extents(arrays[1:]))  # signed: differences are taken


def check_no_overlap(new: Extents, old: Extents, read: Extents, itemsize: int) -> bool:
    """Return whether sizes agree, all is aligned, and no result shares memory with anything but, exactly, what it replaces."""
    size = new[0][1]
    inputs = (*old, *read)
    for start, items in (*new, *inputs):
        if items != size or start % itemsize != 0:
            return False
    for j in range(len(new)):
        start = new[j][0]
        for k in range(j):
            if abs(start - new[k][0]) < size * itemsize:
                return False
        for k in range(len(inputs)):
            if (k != j or start != inputs[k][0]) and abs(start - inputs[k][0]) < size * itemsize:
                return False
    return True


# --- along entries and chunks ------------------------------------------------------------------------------


def update_entry(*numbers: Any) -> tuple[Any, ...]:
    """Stand for the formula of a kernel in the loops below: entries of all operands and constants → updated entries."""
    raise NotImplementedError


def out_of_domain(*numbers: Any) -> bool:
    """Stand for the test of a kernel's arguments: the same arguments → whether one of them is outside its domain."""
    raise NotImplementedError


def update_lanes(target: tuple[Any, ...], state: tuple[Any, ...], read: tuple[Any, ...], numbers: tuple[Any, ...]) -> Any:
    """Return updated lanes, and in which of them an argument is outside its domain or a result not finite."""
    values = in_lanes(target, update_entry(*state, *read, *numbers))
    return values, any_nonfinite(values) | out_of_domain(*state, *read, *numbers)


def update_chunk(new: Arrays, old: Arrays, read: Arrays, numbers: tuple[Any, ...]) -> Any:
    """Compute short arrays from others, or in their place. Return whether an argument is outside its domain, or a result not finite."""
    target, before, beside = entries_of_all(new), entries_of_all(old), entries_of_all(read)
    size, width = new[0].size, lane_count(target[0])
    full = size - size % width
    bad = any_nonfinite((fill_lanes(target[0], 0),))
    for i in range(0, full, width):
        values, wrong = update_lanes(target, load_all(before, i), load_all(beside, i), numbers)
        store_all(target, i, values)
        bad = bad | wrong
    if full < size:
        rest = size - full
        values, wrong = update_lanes(target, load_rest(before, full, rest), load_rest(beside, full, rest), numbers)
        store_rest(target, full, rest, values)
        bad = bad | wrong
    return any_of_lanes(bad)


def run_chunk(where: slice, new: Arrays, old: Arrays, read: Arrays, numbers: tuple[Any, ...]) -> Any:
    """Compute one chunk of the results."""
    return update_chunk(index_all(new, where), index_all(old, where), index_all(read, where), numbers)


def run_chunks(new: Arrays, old: Arrays, read: Arrays, numbers: Numbers) -> int:
    """Compute the results chunk by chunk; arrays are contiguous and have one axis. Return a status."""
    itemsize, size = new[0].itemsize, new[0].size
    if not check_no_overlap(extents(new), extents(old), extents(read), itemsize):
        return REFUSED
    values = cast_all(numbers, new[0])
    chunk = CHUNK_BYTES // itemsize
    chunks = (size + chunk - 1) // chunk
    nonfinite = 0
    for k in prange(chunks):
        nonfinite += run_chunk(slice(k * chunk, (k + 1) * chunk), new, old, read, values)
    return NOT_FINITE if nonfinite else FINITE


# --- NumPy's functions, on lanes -----------------------------------------------------------------------------


def maximum(number: Any, other: Any) -> Any:
    """Return the larger number; of two zeros the second, as NumPy has it here."""
    return where(number > other, number, other)


def minimum(number: Any, other: Any) -> Any:
    """Return the smaller number; of two zeros the second."""
    return where(number < other, number, other)


def sign(number: Any) -> Any:
    """Return NumPy's sign, which is 0 for −0."""
    return where(number > 0, 1, where(number < 0, -1, number - number))


def square(number: Any) -> Any:
    """Return a square."""
    return number * number


# --- the loops of one formula --------------------------------------------------------------------------------


def specialize_loop(loop: Callable[..., Any], ir: KernelIR, /, **substitutes: Any) -> FunctionType:
    """Return a loop of one formula. Machine code is cached beside the formula's file, under a key that holds all that it is made of."""
    key = cache_key(ir.formula, loop.__name__, ir.digest, *["flushing"] * _config.flushing)
    return specialize(loop, key, like=ir.update_entry.__code__, **substitutes)


def chunk_loop(ir: KernelIR, prepare: Callable[[Any], Any]) -> Any:
    """Return `update_chunk` of one formula, its parts wrapped by `prepare`: a compiler, or the identity, which leaves plain Python."""
    of_lanes = {function.__name__: prepare(function) for function in (maximum, minimum, sign, square)}
    formula = specialize(ir.update_entry, ir.formula, **of_lanes, where=where, sqrt=sqrt, abs=abs)
    parts = {"update_entry": prepare(formula), "out_of_domain": prepare(ir.out_of_domain)}
    lanes = prepare(specialize_loop(update_lanes, ir, **parts))
    return _config.with_subnormals_flushed(prepare(specialize_loop(update_chunk, ir, update_lanes=lanes)))


def kernel_loop(ir: KernelIR, prepare: Callable[[Any], Any], **substitutes: Any) -> Any:
    """Return `run_chunks` of one formula, its parts wrapped by `prepare`; plain Python runs on any numbers."""
    one_chunk = specialize_loop(run_chunk, ir, update_chunk=chunk_loop(ir, prepare))
    parts = {"run_chunk": prepare(one_chunk), "check_no_overlap": prepare(check_no_overlap)}
    return specialize_loop(run_chunks, ir, **parts, **substitutes)


def compile_kernel(ir: KernelIR, dtype: np.dtype[Any]) -> Callable[..., int]:
    """Return the machine code of `run_chunks` of one formula for one dtype."""
    array, readonly, updated = array_type(dtype), array_type(dtype, readonly=True), len(ir.updated)
    arrays = TupleOf(array, updated), TupleOf(readonly, updated), TupleOf(readonly, len(ir.read))
    signature = types.int64(types.int64, *arrays, TupleOf(types.float64, ir.constant_count))
    return compiled(share_loops(kernel_loop(ir, inlined)), [signature], cache=True)
