"""Many arrays at once: a kernel bound to lists of arrays, which it updates in place, all of them in one launch of the threads.

The arrays are found by a table of their addresses, made when they are bound; a call then costs about as much as one of machine code.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import carray, prange, types  # type: ignore[attr-defined]
from numba.extending import intrinsic
from numpy import ndarray

from .._frontend import FORMATS, Frontend
from .._jit import FINITE, NOT_FINITE, TupleOf, array_type, cache_key, compiled, inlined, noticed, overload_for, specialize
from .._loops.arithmetic import reassociable_add
from .._parallel import share_loops
from .._threads import ALONE, CHUNK_BYTES, run_shared
from .kernel import ElementwiseKernel, nonfinite_step_error
from .loops import cast_all, chunk_loop, specialize_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .loops import Arrays, Numbers
    from .source import KernelIR

    Table = NDArray[np.intp]

__all__ = ["BoundStep", "global_norm"]

NORM_PARALLEL_FROM_BYTES = 1 << 17  # of all arrays: below, threads cost more than they save a norm
BATCH = 16  # arrays whose addresses are written at once


# --- in machine code -------------------------------------------------------------------------------------------------------------------


def pointer_to(_: Any, address: Any, like: Any) -> Any:
    """Return the type and the code of an intrinsic that makes an address a pointer to numbers of the dtype of an array."""
    pointer_type: Any = types.CPointer
    kind = pointer_type(like.dtype)
    return kind(address, like), lambda context, builder, _, values: builder.inttoptr(values[0], context.get_value_type(kind))


pointer: Any = intrinsic(pointer_to)


def chunk_views(rows: tuple[int, ...], table: Any, chunk: Any, like: NDArray[Any]) -> Arrays:
    """Return a chunk (tensor, start, stop) of the arrays in these rows of the table; in plain Python the table holds arrays."""
    tensor, start, stop = chunk
    return tuple(table[row, tensor][start:stop] for row in rows)


@overload_for(chunk_views)
def _chunk_views(rows: Any, table: Any, chunk: Any, like: Any) -> Callable[..., Any]:
    if len(rows) == 0:
        return lambda rows, table, chunk, like: ()

    def view_first_and_rest(rows: Any, table: Any, chunk: Any, like: Any) -> Any:
        address = table[rows[0], chunk[0]] + chunk[1] * like.itemsize
        return (carray(pointer(address, like), (chunk[2] - chunk[1],)), *chunk_views(rows[1:], table, chunk, like))

    return view_first_and_rest


UPDATED_ROWS = READ_ROWS = ()  # stand for the rows of the table that hold the operands of a kernel


def update_chunk(new: Arrays, old: Arrays, read: Arrays, numbers: tuple[Any, ...]) -> bool:
    """Stand for a kernel's own loop along entries."""
    raise NotImplementedError


def run_all_chunks(table: Table, chunks: Table, like: NDArray[Any], numbers: Numbers) -> int:
    """Update all chunks of all arrays in place. Return a status."""
    values = cast_all(numbers, like)
    nonfinite = 0
    for k in prange(len(chunks)):
        state, read = chunk_views(UPDATED_ROWS, table, chunks[k], like), chunk_views(READ_ROWS, table, chunks[k], like)
        nonfinite += update_chunk(state, state, read, values)
    return NOT_FINITE if nonfinite else FINITE


@inlined
def chunk_sum_of_squares(array: Arrays) -> float:
    """Return the sum of squares of one chunk, in float64."""
    total = 0.0
    for i in range(array[0].size):
        number = np.float64(array[0][i])
        total = reassociable_add(total, number * number)
    return total


def sum_of_squares(table: Table, chunks: Table, like: NDArray[Any], sums: NDArray[np.float64], row: int) -> float:
    """Return the sum of squares of all arrays of a row: of each chunk, and then of these in order, whatever thread they come from."""
    for k in prange(len(chunks)):
        sums[k] = chunk_sum_of_squares(chunk_views((row,), table, chunks[k], like))
    total = 0.0
    for k in range(len(chunks)):
        total += sums[k]
    return total


def write_addresses(arrays: Arrays, table: Table, row: int, tensor: int) -> None:
    """Write the addresses of a batch of arrays into a row of the table."""
    for k in range(min(len(arrays), table.shape[1] - tensor)):
        table[row, tensor + k] = arrays[k].ctypes.data


TABLE = types.Array(types.intp, 2, "C")


@functools.cache
def address_writer(dtype: np.dtype[Any]) -> Callable[..., None]:
    """Return `write_addresses` for one dtype."""
    signature = types.void(TupleOf(array_type(dtype, readonly=True), BATCH), TABLE, types.intp, types.intp)
    return compiled(specialize(write_addresses, cache_key("write_addresses")), [signature], cache=True)


@functools.cache
def norm_loop(dtype: np.dtype[Any]) -> Callable[..., float]:
    """Return `sum_of_squares` for one dtype."""
    signature = types.float64(types.int64, TABLE, TABLE, array_type(dtype), types.float64[::1], types.intp)
    return compiled(share_loops(specialize(sum_of_squares, cache_key("sum_of_squares"))), [signature], cache=True)


def kernel_loop(ir: KernelIR, prepare: Callable[[Any], Any], **substitutes: Any) -> Any:
    """Return `run_all_chunks` of one formula, its parts wrapped by `prepare`."""
    updated = len(ir.updated)
    rows = {"UPDATED_ROWS": tuple(range(updated)), "READ_ROWS": tuple(range(updated, updated + len(ir.read)))}
    return specialize_loop(run_all_chunks, ir, update_chunk=chunk_loop(ir, prepare), **rows, **substitutes)


@functools.cache
def compile_kernel(kernel: ElementwiseKernel, dtype: np.dtype[Any]) -> Callable[..., int]:
    """Return the machine code of a kernel for one dtype."""
    signature = types.int64(types.int64, TABLE, TABLE, array_type(dtype), TupleOf(types.float64, kernel.ir.constant_count))
    with noticed(kernel.name, dtype):
        return compiled(share_loops(kernel_loop(kernel.ir, inlined)), [signature], cache=True)


# --- lists of arrays -------------------------------------------------------------------------------------------------------------------


def split_into_chunks(sizes: list[int], itemsize: int) -> Table:
    """Return all chunks of arrays of these sizes, one after the other: which array, start, stop."""
    entries = CHUNK_BYTES // itemsize
    chunks = [(tensor, start, min(start + entries, size)) for tensor, size in enumerate(sizes) for start in range(0, size, entries)]
    return np.array(chunks, np.intp).reshape(-1, 3)


class TensorLists:
    """Lists of arrays, one for each operand of a formula, and the table of their addresses: rows are operands, columns are tensors."""

    def __init__(self, frontend: Frontend, updated: Sequence[str], lists: dict[str, Any]) -> None:
        self.frontend, self.updated = frontend, tuple(updated)
        self.rows = {operand: row for row, operand in enumerate(lists)}
        self.lists = {operand: self.as_tuple(operand, arrays) for operand, arrays in lists.items()}  # kept: the table keeps none alive
        operand, arrays = next(iter(self.lists.items()))
        if not arrays:
            raise frontend.error(ValueError, operand, "have at least one array", "an empty list")
        self.dtype = self.dtype_of(operand, arrays[0])
        self.shapes = [np.shape(array) for array in arrays]
        for other, arrays in self.lists.items():
            self.validate_list(other, arrays)
        sizes = [math.prod(shape) for shape in self.shapes]
        self.chunks, self.chunk_sums = split_into_chunks(sizes, self.dtype.itemsize), np.empty(0)
        self.bytes = sum(sizes) * self.dtype.itemsize
        self.like = np.empty(0, self.dtype)
        self.table = np.zeros((len(self.rows), len(sizes)), np.intp)
        self.lengths = np.array(sizes, np.intp) * self.dtype.itemsize
        for operand in self.rows:
            self.write_row(operand)
        self.check_overlap()

    def as_tuple(self, operand: str, arrays: Any) -> tuple[Any, ...]:
        """Return a list of arrays as a tuple."""
        if type(arrays) not in (list, tuple):
            raise self.frontend.type_error(operand, "be a list or a tuple of arrays", arrays)
        return tuple(arrays)

    def dtype_of(self, operand: str, array: Any) -> np.dtype[Any]:
        """Return the dtype that all arrays share."""
        if type(array) is not ndarray or not array.dtype.isnative or array.dtype.name not in FORMATS:
            raise self.frontend.type_error(f"{operand}[0]", "be a float32 array or a float64 array in native byte order", array)
        dtype: np.dtype[Any] = np.dtype(array.dtype.name)
        return dtype

    def validate_list(self, operand: str, arrays: tuple[Any, ...]) -> None:
        """Raise where the table cannot point to an array."""
        dtype, writes = self.dtype, operand in self.updated
        is_valid = [
            type(array) is ndarray
            and array.dtype is dtype
            and array.shape == shape
            and (flags := array.flags).c_contiguous
            and flags.aligned
            and (flags.writeable or not writes)
            for array, shape in zip(arrays, self.shapes, strict=False)
        ]
        if len(arrays) != len(self.shapes):
            raise self.frontend.error(
                ValueError, operand, f"have {len(self.shapes)} arrays like {next(iter(self.rows))}", f"a list of {len(arrays)}"
            )
        if not all(is_valid):
            tensor = is_valid.index(False)
            self.check_array(f"{operand}[{tensor}]", arrays[tensor], self.shapes[tensor], writes=writes)

    def check_array(self, name: str, array: Any, shape: tuple[int, ...], *, writes: bool) -> None:
        """Raise the error of an array that the table cannot point to."""
        if type(array) is not ndarray or array.dtype != self.dtype:
            raise self.frontend.type_error(name, f"be a {self.dtype} array", array)
        if array.shape != shape:
            raise self.frontend.error(ValueError, name, f"have shape {shape}", f"{array.shape}")
        if not (array.flags.c_contiguous and array.flags.aligned):
            raise self.frontend.error(ValueError, name, "be C-contiguous and aligned", "an array with gaps or unaligned")
        if writes and not array.flags.writeable:
            raise self.frontend.error(ValueError, name, "be writeable", "a read-only array")

    def write_row(self, operand: str) -> None:
        """Write the addresses of the arrays of an operand, a batch at a time: so they enter machine code in tuples of one length."""
        flat, write, row = [array.ravel() for array in self.lists[operand]], address_writer(self.dtype), self.rows[operand]
        flat += flat[-1:] * (-len(flat) % BATCH)
        for tensor in range(0, len(flat), BATCH):
            write(tuple(flat[tensor : tensor + BATCH]), self.table, row, tensor)

    def is_apart_from_updated(self, operand: str) -> bool:
        """Return whether no read-only array of this operand overlaps an updated array.

        For each array, find the first updated interval that ends after its start, and check that it begins after its end.
        """
        start = self.table[self.rows[operand]]
        following = np.searchsorted(self.updated_ends, start, side="right")
        return bool(np.all((self.updated_starts[following] >= start + self.lengths) | (self.lengths == 0)))

    def check_overlap(self) -> None:
        """Raise where memory that is updated is used once more."""
        start = self.table.ravel()
        end = start + np.tile(self.lengths, len(self.rows))
        is_updated = np.repeat([operand in self.updated for operand in self.rows], len(self.shapes))
        order = np.flatnonzero(end > start)
        order = order[np.argsort(start[order], kind="stable")]
        start, end, is_updated = start[order], end[order], is_updated[order]
        self.updated_starts, self.updated_ends = np.append(start[is_updated], np.iinfo(np.intp).max), end[is_updated]
        overlaps = np.maximum.accumulate(end)[:-1] > start[1:]  # an earlier one ends behind
        overlaps_updated = np.maximum.accumulate(np.where(is_updated, end, 0))[:-1] > start[1:]  # and is updated
        for i in np.flatnonzero(overlaps_updated | (overlaps & is_updated[1:])) + 1:
            earlier = next(k for k in range(i) if end[k] > start[i] and (is_updated[k] or is_updated[i]))
            name, other = (f"{list(self.rows)[k // len(self.shapes)]}[{k % len(self.shapes)}]" for k in (order[i], order[earlier]))
            raise self.frontend.error(ValueError, name, "have memory of its own", f"memory of {other}")

    def replace(self, operand: str, arrays: Any) -> None:
        """Use other arrays for an operand. Those that are the same objects are where they were."""
        before, after = self.lists[operand], self.as_tuple(operand, arrays)
        if len(after) == len(before) and all(map(operator.is_, after, before)):
            return
        self.validate_list(operand, after)
        self.lists[operand] = after
        self.write_row(operand)
        try:
            if operand in self.updated or not self.is_apart_from_updated(operand):
                self.check_overlap()
        except ValueError:
            self.lists[operand] = before
            self.write_row(operand)
            self.check_overlap()
            raise

    def norm(self, operand: str) -> Any:
        """Return the norm of all entries of an operand, in their dtype."""
        if len(self.chunk_sums) != len(self.chunks):
            self.chunk_sums = np.empty(len(self.chunks))
        code, operands = norm_loop(self.dtype), (self.table, self.chunks, self.like, self.chunk_sums, self.rows[operand])
        total = run_shared(code, *operands) if self.bytes >= NORM_PARALLEL_FROM_BYTES else code(ALONE, *operands)
        with np.errstate(over="ignore"):
            norm = self.dtype.type(math.sqrt(total))
        if not np.isfinite(norm):
            for tensor, array in enumerate(self.lists[operand]):
                for position in np.argwhere(~np.isfinite(array))[:1]:
                    index = tuple(map(int, position))
                    raise self.frontend.error(ValueError, f"{operand}[{tensor}]", "be finite", f"{array[index]} at index {index}")
            raise ValueError(f"{self.frontend.name}(): the norm of {operand} overflows")
        return norm


# --- a step bound to lists -------------------------------------------------------------------------------------------------------------


def global_norm(grad: Sequence[NDArray[Any]]) -> Any:
    """Return the norm of all entries of a list of arrays, in their dtype: √Σᵢ gᵢ². The sum is taken in float64, in an order of its own."""
    return TensorLists(Frontend(global_norm), [], {"grad": grad}).norm("grad")


class BoundStep:
    """A step bound to lists: `bind` makes it. Changes of the flags or the size of an array afterwards are not noticed."""

    def __init__(self, kernel: ElementwiseKernel, arguments: dict[str, Any]) -> None:
        ir = kernel.ir
        self.kernel, self.ir = kernel, ir
        bound = inspect.signature(kernel.raw).bind(**arguments)
        bound.apply_defaults()
        given = self.flatten_states(bound.arguments)
        self.lists = TensorLists(kernel, ir.updated, {operand: given[operand] for operand in (*ir.updated, *ir.read)})
        self.numbers = self.validate_numbers([self.shared_number(number, given[number]) for number in ir.numbers])
        self.counter_places = [list(ir.numbers).index(number) for number in ir.counters]
        self.code = compile_kernel(kernel, self.lists.dtype)
        self.parallel = self.lists.bytes >= kernel.parallel_from_bytes
        self.memory = self.lists.table, self.lists.chunks, self.lists.like
        self.cache_constants()

    def cache_constants(self) -> None:
        """Keep the constants if they are the same at every step: computing them costs as much as a small step."""
        changing = self.ir.counters or self.ir.normed
        self.cached_constants = None if changing else self.ir.constants(*self.numbers)

    def __call__(self, **replaced: Any) -> None:
        """Take one step of all tensors, in place, with some arguments replaced from now on."""
        if replaced:
            self.replace(replaced)
        constants, counters = self.cached_constants or self.constants()
        status = run_shared(self.code, *self.memory, constants) if self.parallel else self.code(ALONE, *self.memory, constants)
        if status != FINITE:
            raise self.nonfinite_error()
        for index, counter in zip(self.counter_places, counters, strict=True):
            self.numbers[index] = counter

    def constants(self) -> Any:
        """Return the constants of this step, and the counters after it."""
        return self.ir.constants(*self.numbers, *[float(self.lists.norm(operand)) for operand in self.ir.normed])

    @property
    def results(self) -> list[Any]:
        """What the formula returns for each tensor: the arrays themselves, and the counters as they are now."""
        counters = [self.numbers[index] for index in self.counter_places]
        columns = zip(*(self.lists.lists[operand] for operand in self.ir.updated), strict=True)
        return [self.ir.pack_result(arrays, counters) for arrays in columns]

    def flatten_states(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return lists of arrays and numbers, those of states by field."""
        flat: dict[str, Any] = {}
        for name, value in arguments.items():
            domain = self.kernel.domains[name]
            if domain.kind != "state":
                flat[name] = value
                continue
            is_list = type(value) in (list, tuple)
            if not is_list or not all(type(state) is domain.hint for state in value):
                wrong = next((state for state in value if type(state) is not domain.hint), value) if is_list else value
                raise self.kernel.type_error(name, f"be a list of {domain.hint.__name__}", wrong)
            flat |= {f"{name}.{field}": [getattr(state, field) for state in value] for field in domain.fields}
        return flat

    def shared_number(self, number: str, given: Any) -> Any:
        """Return a number; of states the one that all of them have."""
        if "." not in number:
            return given
        owner, _, field = number.partition(".")
        for tensor, value in enumerate(given):
            if value != given[0]:
                raise self.kernel.error(ValueError, f"{owner}[{tensor}].{field}", f"be {given[0]!r} like {owner}[0].{field}", repr(value))
        return given[0]

    def replace(self, replaced: dict[str, Any]) -> None:
        """Use other numbers and other arrays from now on."""
        numbers = dict(zip(self.ir.numbers, self.numbers, strict=True))
        arrays: dict[str, Any] = {}
        for name, value in replaced.items():
            domain = self.kernel.domains.get(name)
            if domain is None or domain.kind == "state":
                replaceable = ", ".join(name for name, domain in self.kernel.domains.items() if domain.kind != "state")
                raise TypeError(f"{self.kernel.name}(): {name} cannot be replaced; these can: {replaceable}")
            (numbers if name in numbers else arrays)[name] = value
        self.numbers = self.validate_numbers(list(numbers.values()))
        self.cache_constants()
        for operand, others in arrays.items():
            self.lists.replace(operand, others)

    def validate_numbers(self, numbers: list[Any]) -> list[Any]:
        """Return the numbers as the formula takes them, or raise the reference's error."""
        if self.kernel.accepts_numbers(*numbers):
            return numbers
        from ...reference.validation import ArgumentValidator, in_dependency_order

        named = dict(zip(self.ir.numbers, numbers, strict=True))
        for name, domain in in_dependency_order(self.ir.numbers):
            named[name] = ArgumentValidator(self.kernel.name, named).validate(name, named[name], domain)
        return list(named.values())

    def nonfinite_error(self) -> Exception:
        """Return the error of a result that is not finite: the reference's about an argument that is not overwritten, or the step's."""
        numbers = dict(zip(self.ir.numbers, self.numbers, strict=True))
        for tensor in range(len(self.lists.shapes)):
            operands = {operand: arrays[tensor] for operand, arrays in self.lists.lists.items()} | numbers
            arguments = tuple(
                domain.hint(*(operands[f"{name}.{field}"] for field in domain.fields)) if domain.kind == "state" else operands[name]
                for name, domain in self.kernel.domains.items()
            )
            try:
                self.kernel.coerce_arguments(arguments, self.ir.updated)
            except ValueError as error:
                return ValueError(f"{error} (tensor {tensor})")
            if not all(np.all(np.isfinite(operands[operand])) for operand in self.ir.updated):
                return nonfinite_step_error(self.kernel.name, self.ir.updated, f"tensor {tensor} holds the result")
        return nonfinite_step_error(self.kernel.name, self.ir.updated, "the arrays hold the result")
