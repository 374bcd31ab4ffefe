"""The loops of elementwise kernels, as machine code and as plain Python.

`run_chunks` updates arrays in place: what is updated is first copied to where the result belongs, unless it is there already. So the
compiler sees one pointer where two might be equal, and vectorizes. Chunks depend on the size alone, not on the number of threads.
Finiteness is checked in the same pass, on the results: they are not finite where an argument is not, or else the argument is tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numba import prange, types

from .. import _config
from .._jit import FINITE, NOT_FINITE, REFUSED, TupleOf, array_type, cache_key, compiled, inlined, overload_for, specialize
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


def store_all(arrays: Arrays, i: int, values: tuple[Any, ...]) -> bool:
    """Store one value in each array at index i. Return whether any value is non-finite (tested as `value - value != 0`)."""
    for array, value in zip(arrays, values, strict=True):
        array[i] = value
    return not all(value - value == 0 for value in values)


@overload_for(store_all)
def _store_all(arrays: Any, i: Any, values: Any) -> Callable[..., Any]:
    if len(arrays) == 0:
        return lambda arrays, i, values: False

    def store_first_and_rest(arrays: Any, i: Any, values: Any) -> Any:
        arrays[0][i] = values[0]
        return (values[0] - values[0] != 0) | store_all(arrays[1:], i, values[1:])

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


def copy_inputs(new: Arrays, old: Arrays) -> None:
    """Copy each input to the array of the result that replaces it, unless they are the same."""
    for j in range(len(new)):
        target, source = new[j], old[j]
        if target.ctypes.data != source.ctypes.data:
            for i in range(target.size):
                target[i] = source[i]


# --- along entries and chunks ------------------------------------------------------------------------------


def update_entry(*numbers: Any) -> tuple[Any, ...]:
    """Stand for the formula of a kernel in the loops below: entries of all operands and constants → updated entries."""
    raise NotImplementedError


def out_of_domain(*numbers: Any) -> bool:
    """Stand for the test of a kernel's arguments: the same arguments → whether one of them is outside its domain."""
    raise NotImplementedError


def update_chunk(state: Arrays, read: Arrays, numbers: tuple[Any, ...]) -> bool:
    """Update short arrays in place. Return whether an argument is outside its domain, or a result is not finite."""
    nonfinite = False
    for i in range(state[0].size):
        nonfinite |= out_of_domain(*index_all(state, i), *index_all(read, i), *numbers)
        nonfinite |= store_all(state, i, update_entry(*index_all(state, i), *index_all(read, i), *numbers))
    return nonfinite


def run_chunk(where: slice, in_place: bool, new: Arrays, old: Arrays, read: Arrays, numbers: tuple[Any, ...]) -> bool:
    """Compute one chunk of the results."""
    state = index_all(new, where)
    if not in_place:
        copy_inputs(state, index_all(old, where))
    return update_chunk(state, index_all(read, where), numbers)


def run_chunks(new: Arrays, old: Arrays, read: Arrays, numbers: Numbers) -> int:
    """Compute the results chunk by chunk; arrays are contiguous and have one axis. Return a status."""
    itemsize, size = new[0].itemsize, new[0].size
    if not check_no_overlap(extents(new), extents(old), extents(read), itemsize):
        return REFUSED
    in_place = extents(new) == extents(old)
    values = cast_all(numbers, new[0])
    chunk = CHUNK_BYTES // itemsize
    chunks = (size + chunk - 1) // chunk
    nonfinite = 0
    for k in prange(chunks):
        nonfinite += run_chunk(slice(k * chunk, (k + 1) * chunk), in_place, new, old, read, values)
    return NOT_FINITE if nonfinite else FINITE


# --- NumPy's functions that select, on numbers ---------------------------------------------------------------


def where(condition: Any, value: Any, other: Any) -> Any:
    """Return NumPy's choice between two numbers: NumPy's own function makes an array."""
    return value if condition else other


def maximum(number: Any, other: Any) -> Any:
    """Return the larger number; of two zeros the second, as NumPy has it here."""
    return number if number > other else other


def minimum(number: Any, other: Any) -> Any:
    """Return the smaller number; of two zeros the second."""
    return number if number < other else other


def sign(number: Any) -> Any:
    """Return NumPy's sign, which is 0 for −0."""
    return np.sign(number) + (number - number)


# --- the loops of one formula --------------------------------------------------------------------------------


def specialize_loop(loop: Callable[..., Any], ir: KernelIR, /, **substitutes: Any) -> FunctionType:
    """Return a loop of one formula. Machine code is cached beside the formula's file, under a key that holds all that it is made of."""
    key = cache_key(ir.formula, loop.__name__, ir.digest, *["flushing"] * _config.flushing)
    return specialize(loop, key, like=ir.update_entry.__code__, **substitutes)


def chunk_loop(ir: KernelIR, prepare: Callable[[Any], Any]) -> Any:
    """Return `update_chunk` of one formula, its parts wrapped by `prepare`: a compiler, or the identity, which leaves plain Python."""
    selections = {function.__name__: prepare(function) for function in (where, maximum, minimum, sign)}
    formula = specialize(ir.update_entry, ir.formula, **selections)
    parts = {"update_entry": prepare(formula), "out_of_domain": prepare(ir.out_of_domain)}
    return _config.with_subnormals_flushed(prepare(specialize_loop(update_chunk, ir, **parts)))


def kernel_loop(ir: KernelIR, prepare: Callable[[Any], Any], **substitutes: Any) -> Any:
    """Return `run_chunks` of one formula, its parts wrapped by `prepare`; plain Python runs on any numbers."""
    one_chunk = specialize_loop(run_chunk, ir, update_chunk=chunk_loop(ir, prepare), copy_inputs=prepare(copy_inputs))
    parts = {"run_chunk": prepare(one_chunk), "check_no_overlap": prepare(check_no_overlap)}
    return specialize_loop(run_chunks, ir, **parts, **substitutes)


def compile_kernel(ir: KernelIR, dtype: np.dtype[Any]) -> Callable[..., int]:
    """Return the machine code of `run_chunks` of one formula for one dtype."""
    array, readonly, updated = array_type(dtype), array_type(dtype, readonly=True), len(ir.updated)
    arrays = TupleOf(array, updated), TupleOf(readonly, updated), TupleOf(readonly, len(ir.read))
    signature = types.int64(types.int64, *arrays, TupleOf(types.float64, ir.constant_count))
    return compiled(share_loops(kernel_loop(ir, inlined)), [signature], cache=True)
