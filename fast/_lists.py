"""Many arrays at once: a kernel bound to lists of arrays, which it updates in place, all of them in one launch of the threads.

The arrays are found by a table of their addresses, made when they are bound; one call then costs about as much as one of machine code.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
import operator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import carray, prange, types  # type: ignore[attr-defined]
from numba.extending import intrinsic
from numba.np.numpy_support import from_dtype
from numpy import ndarray

from ._kernels import (
    CHUNK_BYTES,
    FINITE,
    NOT_FINITE,
    ONE_AT_A_TIME,
    THREADS,
    Kernel,
    bound,
    compiled,
    inlined,
    innermost,
    native,
    rounded,
)
from ._written import SOURCES, plus, renamed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ..reference.validation import Domain
    from ._derive import Derived
    from ._kernels import Arrays, Numbers

    Table = NDArray[np.intp]

__all__ = ["global_norm", "many"]

THIS_FILE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
NORM_SERIAL_BYTES = 1 << 17  # of all arrays: below, threads cost more than they save a norm
BATCH = 16  # arrays that enter machine code together
LANES = UPDATED = READ = ()  # of a formula: its arrays by their row in the table; here they stand for those of a kernel


# --- in machine code -------------------------------------------------------------------------------------------------------------------


def pointing(_: Any, address: Any, like: Any) -> Any:
    """A pointer to numbers of the dtype of an array."""
    to: Any = types.CPointer
    kind = to(like.dtype)
    return kind(address, like), lambda context, builder, _, given: builder.inttoptr(given[0], context.get_value_type(kind))


pointer: Any = intrinsic(pointing)


def pieces_of(rows: tuple[int, ...], table: Any, piece: Any, like: NDArray[Any]) -> Arrays:
    """A piece (tensor, start, stop) of the arrays in these rows of the table; in plain Python the table holds arrays."""
    tensor, start, stop = piece
    return tuple(table[row, tensor][start:stop] for row in rows)


@native(pieces_of)
def _pieces_of(rows: Any, table: Any, piece: Any, like: Any) -> Callable[..., Any]:
    if len(rows) == 0:
        return lambda rows, table, piece, like: ()

    def all_pieces(rows: Any, table: Any, piece: Any, like: Any) -> Any:
        address = table[rows[0], piece[0]] + piece[1] * like.itemsize
        return (carray(pointer(address, like), (piece[2] - piece[1],)), *pieces_of(rows[1:], table, piece, like))

    return all_pieces


def sweep_many(parallel: bool, table: Table, pieces: Table, like: NDArray[Any], numbers: Numbers) -> int:
    """The formula along all pieces of all arrays, in place."""
    values = rounded(numbers, like)
    wild = 0
    if parallel:
        for k in prange(len(pieces)):
            wild += along(pieces_of(UPDATED, table, pieces[k], like), pieces_of(READ, table, pieces[k], like), values)
    else:
        for k in range(len(pieces)):
            wild += along(pieces_of(UPDATED, table, pieces[k], like), pieces_of(READ, table, pieces[k], like), values)
    return NOT_FINITE if wild else FINITE


def along(state: Arrays, read: Arrays, numbers: tuple[Any, ...]) -> bool:
    """Stand in for a kernel's own loop along entries."""
    raise NotImplementedError


@inlined
def squares(array: Arrays) -> float:
    """The sum of squares of one piece, in float64."""
    total = 0.0
    for i in range(array[0].size):
        wide = np.float64(array[0][i])
        total = plus(total, wide * wide)
    return total


def sum_of_squares(parallel: bool, table: Table, pieces: Table, like: NDArray[Any], sums: NDArray[np.float64], row: int) -> float:
    """The sum of squares of all arrays of a row: of each piece, and then of these in order, whatever thread they come from."""
    if parallel:
        for k in prange(len(pieces)):
            sums[k] = squares(pieces_of((row,), table, pieces[k], like))
    else:
        for k in range(len(pieces)):
            sums[k] = squares(pieces_of((row,), table, pieces[k], like))
    total = 0.0
    for k in range(len(pieces)):
        total += sums[k]
    return total


def located(arrays: Arrays, table: Table, row: int, tensor: int) -> None:
    """Write where a batch of arrays begins into a row of the table."""
    for k in range(min(len(arrays), table.shape[1] - tensor)):
        table[row, tensor + k] = arrays[k].ctypes.data


TABLE = types.Array(types.intp, 2, "C")
SEVERAL: Any = types.UniTuple


def one_axis(dtype: np.dtype[Any], *, readonly: bool = False) -> Any:
    """Numba's type of a contiguous array of one axis."""
    return types.Array(from_dtype(dtype), 1, "C", readonly=readonly)


@functools.cache
def locate(dtype: np.dtype[Any]) -> Callable[..., None]:
    """`located` for one dtype."""
    signature = types.void(SEVERAL(one_axis(dtype, readonly=True), BATCH), TABLE, types.intp, types.intp)
    return compiled(renamed(located, f"located_{SOURCES}"), [signature], cache=True)


@functools.cache
def measure(dtype: np.dtype[Any]) -> Callable[..., float]:
    """`sum_of_squares` for one dtype."""
    signature = types.float64(types.boolean, TABLE, TABLE, one_axis(dtype), types.float64[::1], types.intp)
    return compiled(renamed(sum_of_squares, f"sum_of_squares_{SOURCES}"), [signature], parallel=THREADS, cache=True)


def loops(derived: Derived, compiled: Callable[[Any], Any], **parts: Any) -> Any:
    """The sweep of one formula over many arrays, its parts made ready by `compiled`, as `_kernels.loops` has it."""
    updated = len(derived.updated)
    rows = {"UPDATED": tuple(range(updated)), "READ": tuple(range(updated, updated + len(derived.read)))}
    return bound(sweep_many, derived, along=innermost(derived, compiled), **rows, **parts)


@functools.cache
def swept(kernel: Kernel, dtype: np.dtype[Any], constants: int) -> Callable[..., int]:
    """The machine code of a kernel for one dtype."""
    signature = types.int64(types.boolean, TABLE, TABLE, one_axis(dtype), SEVERAL(types.float64, constants))
    return compiled(loops(kernel.derived, inlined), [signature], parallel=THREADS, cache=True)  # type: ignore[no-any-return]


# --- lists of arrays -------------------------------------------------------------------------------------------------------------------


def cut(sizes: list[int], itemsize: int) -> Table:
    """All chunks of arrays of these sizes, one after the other: which array, from where, to where."""
    chunk = CHUNK_BYTES // itemsize
    found = [(k, start, min(start + chunk, size)) for k, size in enumerate(sizes) for start in range(0, size, chunk)]
    return np.array(found, np.intp).reshape(-1, 3)


def many(step: Callable[..., Any], /, **arguments: Any) -> Many:
    """Bind a step of `trainspec.fast` to lists: of arrays where it takes an array, of states where it takes a state; numbers are for all.

        step = many(adam.adam, theta=thetas, grad=grads, state=states, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8)
        step()                       # one step of all, in place
        step(grad=others, lr=5e-4)   # gradients elsewhere, and another rate: so from now on
        step.results                 # [(theta, state), …], as the formula gives them one by one

    Arrays and numbers may be given anew at any call; states are bound once. All arrays are C-contiguous and of one dtype, and none that is
    updated shares memory with another. If a result isn't finite, the ValueError comes when the arrays hold it; no count has advanced then.
    """
    kernel = getattr(step, "kernel", None)
    if not isinstance(kernel, Kernel) or getattr(step, "point", None):
        name = getattr(step, "__name__", repr(step))
        raise TypeError(f"many: step: {name} came; allowed: a kernel of trainspec.fast that is given its gradient, or a composed one")
    return Many(kernel, arguments)


def global_norm(grad: Sequence[NDArray[Any]]) -> Any:
    """The norm of all entries of a list of arrays, in their dtype: √Σᵢ gᵢ². The sum is taken in float64, in an order of its own."""
    return Lists("global_norm", [], {"grad": grad}).norm("grad")


class Lists:
    """Lists of arrays, one for each lane of a formula, and the table of where they are: a row for each lane, a column for each tensor."""

    def __init__(self, formula: str, updated: Sequence[str], lanes: dict[str, Any]) -> None:
        self.formula, self.updated = formula, tuple(updated)
        self.rows = {lane: row for row, lane in enumerate(lanes)}
        self.lanes = {lane: self.listed(lane, arrays) for lane, arrays in lanes.items()}  # kept: the table does not keep them alive
        lane, arrays = next(iter(self.lanes.items()))
        if not arrays:
            raise self.refusal(ValueError, lane, "an empty list", "at least one array")
        self.dtype = self.dtype_of(lane, arrays[0])
        self.shapes = [np.shape(one) for one in arrays]
        for key, more in self.lanes.items():
            self.admit(key, more)
        sizes = [math.prod(shape) for shape in self.shapes]
        self.pieces, self.sums = cut(sizes, self.dtype.itemsize), np.empty(0)
        self.bytes = sum(sizes) * self.dtype.itemsize
        self.like = np.empty(0, self.dtype)
        self.table = np.zeros((len(self.rows), len(sizes)), np.intp)
        self.lengths = np.array(sizes, np.intp) * self.dtype.itemsize
        for lane in self.rows:
            self.locate(lane)
        self.part()

    def refusal(self, error: type[Exception], name: str, came: str, allowed: str) -> Exception:
        """The error itself, worded as at the door."""
        return error(f"{self.formula}: {name}: {came} came; allowed: {allowed}")

    def listed(self, lane: str, arrays: Any) -> tuple[Any, ...]:
        """What is to be a list of arrays."""
        if type(arrays) not in (list, tuple):
            raise self.refusal(TypeError, lane, type(arrays).__name__, "list, tuple")
        return tuple(arrays)

    def dtype_of(self, lane: str, array: Any) -> np.dtype[Any]:
        """The dtype that all arrays share."""
        if type(array) is not ndarray or not array.dtype.isnative or array.dtype.name not in ("float32", "float64"):
            came = f"{array.dtype.str} array" if type(array) is ndarray else type(array).__name__
            raise self.refusal(TypeError, f"{lane}[0]", came, "float32 array, float64 array")
        dtype: np.dtype[Any] = np.dtype(array.dtype.name)
        return dtype

    def admit(self, lane: str, arrays: tuple[Any, ...]) -> None:
        """Refuse what the table can't point to. What is plainly right is seen at once."""
        kind, fixed = self.dtype, lane not in self.updated
        plain = [
            type(one) is ndarray
            and one.dtype is kind
            and one.shape == shape
            and (flags := one.flags).c_contiguous
            and flags.aligned
            and (fixed or flags.writeable)
            for one, shape in zip(arrays, self.shapes, strict=False)
        ]
        if len(arrays) == len(self.shapes) and all(plain):
            return
        if len(arrays) != len(self.shapes):
            raise self.refusal(ValueError, lane, f"a list of {len(arrays)}", f"{len(self.shapes)}, as {next(iter(self.rows))}")
        for k, (one, shape) in enumerate(zip(arrays, self.shapes, strict=True)):
            where = f"{lane}[{k}]"
            if type(one) is not ndarray or one.dtype != self.dtype:
                came = f"{one.dtype.str} array" if type(one) is ndarray else type(one).__name__
                raise self.refusal(TypeError, where, came, f"{self.dtype} array")
            if one.shape != shape:
                raise self.refusal(ValueError, where, f"shape {one.shape}", f"shape {shape}")
            if not (one.flags.c_contiguous and one.flags.aligned):
                raise self.refusal(ValueError, where, "an array with gaps or unaligned", "C-contiguous, aligned")
            if lane in self.updated and not one.flags.writeable:
                raise self.refusal(ValueError, where, "a read-only array", "a writeable one")

    def locate(self, lane: str) -> None:
        """Write where the arrays of a lane are into its row, a batch at a time: so they enter machine code in tuples of one length."""
        flat, write, row = [one.ravel() for one in self.lanes[lane]], locate(self.dtype), self.rows[lane]
        flat += flat[-1:] * (-len(flat) % BATCH)
        for tensor in range(0, len(flat), BATCH):
            write(tuple(flat[tensor : tensor + BATCH]), self.table, row, tensor)

    def free(self, lane: str) -> bool:
        """Whether a lane that is only read keeps off what is updated: the first of those that end behind its beginning, begins there."""
        begin = self.table[self.rows[lane]]
        return bool(np.all((self.begins[np.searchsorted(self.ends, begin, side="right")] >= begin + self.lengths) | (self.lengths == 0)))

    def part(self) -> None:
        """Refuse memory that is updated and used once more."""
        begin = self.table.ravel()
        end = begin + np.tile(self.lengths, len(self.rows))
        owned = np.repeat([lane in self.updated for lane in self.rows], len(self.shapes))
        order = np.flatnonzero(end > begin)
        order = order[np.argsort(begin[order], kind="stable")]
        begin, end, owned = begin[order], end[order], owned[order]
        self.begins, self.ends = np.append(begin[owned], np.iinfo(np.intp).max), end[owned]  # of what is updated
        reached = np.maximum.accumulate(end)[:-1] > begin[1:]  # some earlier one ends behind
        written = np.maximum.accumulate(np.where(owned, end, 0))[:-1] > begin[1:]  # and is updated
        for place in np.flatnonzero(written | (reached & owned[1:])) + 1:
            earlier = next(k for k in range(place) if end[k] > begin[place] and (owned[k] or owned[place]))
            one, other = ((list(self.rows)[k // len(self.shapes)], k % len(self.shapes)) for k in (order[place], order[earlier]))
            raise self.refusal(ValueError, f"{one[0]}[{one[1]}]", f"memory of {other[0]}[{other[1]}]", "memory of its own")

    def move(self, lane: str, arrays: Any) -> None:
        """Find the arrays of a lane elsewhere. Those that are the same objects are where they were."""
        before, fresh = self.lanes[lane], self.listed(lane, arrays)
        if len(fresh) == len(before) and all(map(operator.is_, fresh, before)):
            return
        self.admit(lane, fresh)
        self.lanes[lane] = fresh
        self.locate(lane)
        try:
            if lane in self.updated or not self.free(lane):
                self.part()
        except ValueError:
            self.lanes[lane] = before
            self.locate(lane)
            self.part()
            raise

    def norm(self, lane: str) -> Any:
        """The norm of all entries of a lane, in their dtype."""
        if len(self.sums) != len(self.pieces):
            self.sums = np.empty(len(self.pieces))
        parallel, row = self.bytes >= NORM_SERIAL_BYTES, self.rows[lane]
        with ONE_AT_A_TIME:
            total = measure(self.dtype)(parallel, self.table, self.pieces, self.like, self.sums, row)
        with np.errstate(over="ignore"):
            norm = self.dtype.type(math.sqrt(total))
        if not np.isfinite(norm):
            for k, one in enumerate(self.lanes[lane]):
                for place in np.argwhere(~np.isfinite(one))[:1]:
                    where = tuple(map(int, place))
                    raise self.refusal(ValueError, f"{lane}[{k}]", f"{one[where]!r} at index {where}", "real array, finite")
            raise ValueError(f"{self.formula}: the norm of {lane} overflows")
        return norm


class Many:
    """A step bound to lists: `many` makes it. Whoever changes the flags or the size of an array afterwards is not noticed."""

    def __init__(self, kernel: Kernel, arguments: dict[str, Any]) -> None:
        from ..reference.validation import domains

        derived = kernel.derived
        self.kernel, self.derived, self.formula = kernel, derived, kernel.raw.__name__
        self.stated: dict[str, Domain] = domains(kernel.raw)
        named = inspect.signature(kernel.raw).bind(**arguments)
        named.apply_defaults()
        given = self.opened(named.arguments)
        self.lists = Lists(self.formula, derived.updated, {lane: given[lane] for lane in (*derived.updated, *derived.read)})
        self.numbers = self.checked([self.common(number, given[number]) for number in derived.numbers])
        self.counted = [list(derived.numbers).index(number) for number in derived.counted]
        constants, _ = derived.constants(*self.numbers, *[1.0] * len(derived.measured))
        self.sweep = swept(kernel, self.lists.dtype, len(constants))
        self.parallel = self.lists.bytes >= kernel.serial
        self.memory = self.lists.table, self.lists.pieces, self.lists.like
        self.settle()

    def settle(self) -> None:
        """Keep the constants, if they stay as they are from step to step: a microsecond has no room for them."""
        changing = self.derived.counted or self.derived.measured
        self.steady = None if changing else self.derived.constants(*self.numbers)

    def __call__(self, **changed: Any) -> None:
        """One step of all tensors, in place, after the changes."""
        if changed:
            self.change(changed)
        constants, counts = self.steady or self.constants()
        if self.parallel:
            with ONE_AT_A_TIME:
                verdict = self.sweep(True, *self.memory, constants)
        else:
            verdict = self.sweep(False, *self.memory, constants)
        if verdict != FINITE:
            raise self.not_finite()
        for place, count in zip(self.counted, counts, strict=True):
            self.numbers[place] = count

    def constants(self) -> Any:
        """The constants of this step, and the counts after it."""
        return self.derived.constants(*self.numbers, *[float(self.lists.norm(lane)) for lane in self.derived.measured])

    @property
    def results(self) -> list[Any]:
        """What the formula gives for each tensor: the arrays themselves, and the counts as they are now."""
        counts = [self.numbers[place] for place in self.counted]
        columns = zip(*(self.lists.lanes[lane] for lane in self.derived.updated), strict=True)
        return [self.derived.given(arrays, counts) for arrays in columns]

    def opened(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Lists of arrays and numbers, those of states by field."""
        found: dict[str, Any] = {}
        for name, value in arguments.items():
            domain = self.stated[name]
            if domain.kind != "state":
                found[name] = value
                continue
            if type(value) not in (list, tuple) or not all(type(one) is domain.hint for one in value):
                came = f"{type(value).__name__}" + (f" of {type(value[0]).__name__}" if type(value) in (list, tuple) and value else "")
                raise self.kernel.refusal(TypeError, name, came, f"list of {domain.hint.__name__}")
            found |= {f"{name}.{field}": [getattr(one, field) for one in value] for field in domain.fields}
        return found

    def common(self, number: str, given: Any) -> Any:
        """A number, of states the one that all of them have."""
        if "." not in number:
            return given
        for k, one in enumerate(given):
            if one != given[0]:
                owner, _, field = number.partition(".")
                raise self.kernel.refusal(ValueError, f"{owner}[{k}].{field}", repr(one), f"{given[0]!r}, as {owner}[0].{field}")
        return given[0]

    def change(self, changed: dict[str, Any]) -> None:
        """Use other numbers, and find arrays elsewhere, from now on."""
        numbers = dict(zip(self.derived.numbers, self.numbers, strict=True))
        arrays: dict[str, Any] = {}
        for name, value in changed.items():
            if name not in self.stated or self.stated[name].kind == "state":
                allowed = ", ".join(one for one, domain in self.stated.items() if domain.kind != "state")
                raise TypeError(f"{self.formula}: {name} came anew; allowed: {allowed}")
            (numbers if name in numbers else arrays)[name] = value
        self.numbers = self.checked(list(numbers.values()))
        self.settle()
        for lane, found in arrays.items():
            self.lists.move(lane, found)

    def checked(self, numbers: list[Any]) -> list[Any]:
        """The numbers as the formula takes them, or the error of the reference's door."""
        if self.kernel.fits(tuple(numbers)):
            return numbers
        from ..reference.validation import ArgumentValidator, in_dependency_order

        given = dict(zip(self.derived.numbers, numbers, strict=True))
        for name, domain in in_dependency_order(self.derived.numbers):
            given[name] = ArgumentValidator(self.formula, given).validate(name, given[name], domain)
        return list(given.values())

    def not_finite(self) -> Exception:
        """Whose fault it is: an argument's, as the reference says it, or the step's."""
        derived = self.derived
        numbers = dict(zip(derived.numbers, self.numbers, strict=True))
        for k in range(len(self.lists.shapes)):
            here = {lane: arrays[k] for lane, arrays in self.lists.lanes.items()} | numbers
            arguments = tuple(
                domain.hint(*(here[f"{name}.{field}"] for field in domain.fields)) if domain.kind == "state" else here[name]
                for name, domain in self.stated.items()
            )
            try:
                self.kernel.checked(arguments, derived.updated)
            except ValueError as error:
                return ValueError(f"{error} (tensor {k})")
            if not all(np.all(np.isfinite(here[lane])) for lane in derived.updated):
                return self.refused(f" (tensor {k})")
        return self.refused("")

    def refused(self, where: str) -> Exception:
        """The error of what is updated, which is lost."""
        came = "a number that is not allowed, or that overflows in this step,"
        allowed = f"what the reference allows (the arrays hold the result){where}"
        return self.kernel.refusal(ValueError, " or ".join(self.derived.updated), came, allowed)
