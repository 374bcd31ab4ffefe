"""What all elementwise kernels share: the door, `out=`, the chunks and their threads.

A kernel is a formula of single numbers under `@elementwise`, its arguments in the reference's order:

    (theta, what is only read …, what else is updated …, hyper-parameters …) → (theta, what else is updated …)

It computes in the arrays' dtype, hyper-parameters included; an integer literal would widen float32, so a constant like 1 − β comes as a
number of its own. Its result must not be finite where an array isn't: so finiteness is checked in the same pass, on the result alone.

`sweep` takes it along the arrays in place: what is updated is first copied to where the result belongs, unless it lies there already.
So the compiler sees one pointer where two might be equal, and vectorises. Chunks depend on the size alone, not on the number of threads.
"""

from __future__ import annotations

import functools
import inspect
import math
import sys
import threading
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import numpy as np
from numba import njit, prange, types
from numba.extending import overload
from numba.np.numpy_support import from_dtype
from numpy import ndarray

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from numpy.typing import NDArray

    from ..reference import Formula

    Arrays: TypeAlias = tuple[NDArray[Any], ...]
    Numbers: TypeAlias = tuple[float, ...]
    Places: TypeAlias = tuple[tuple[int, int], ...]
    Out: TypeAlias = tuple[NDArray[Any] | None, ...] | None

F = TypeVar("F", bound="Callable[..., Any]")
R = TypeVar("R", bound=tuple[Any, ...])

CHUNK_BYTES = 1 << 14  # of one array: the chunks of all arrays of a formula stay in the second cache
SERIAL_BYTES = 1 << 17  # of one array: below, threads cost more than they save
FINITE, NOT_FINITE, REFUSED = range(3)  # what a sweep returns
ONE_AT_A_TIME = threading.Lock()  # Numba's fallback pool of threads must not be entered twice, and no pool gains from it

# Only prange makes threads: statements on whole arrays stay what they are.
THREADS = dict.fromkeys(("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion"), False) | {"prange": True}


def compiled(function: F, *signature: Any, **options: Any) -> F:
    """The function as machine code: the IEEE operations that it names, in its order."""
    make: Any = njit
    options = {"error_model": "numpy", "nogil": True} | options
    try:
        return make(*signature, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        return make(*signature, **options | {"cache": False})(function)  # type: ignore[no-any-return]  # no folder can keep the code


def inlined(function: F) -> F:
    """The function as a part of a caller's machine code: left outside, it might be linked to a copy that was not vectorised."""
    return compiled(function, forceinline=True)


def native(pure: Callable[..., Any]) -> Callable[[F], F]:
    """Register what stands for a function of tuples in machine code: recursion, which the compiler unrolls."""

    def register(unrolled: F) -> F:
        overload(pure, strict=False, jit_options={"forceinline": True})(unrolled)
        return unrolled

    return register


def at(arrays: Arrays, where: Any) -> tuple[Any, ...]:
    """The same place, or stretch, of every array."""
    return tuple(array[where] for array in arrays)


@native(at)
def _at(arrays: Any, where: Any) -> Callable[..., Any]:
    if len(arrays) == 0:
        return lambda arrays, where: ()
    return lambda arrays, where: (arrays[0][where], *at(arrays[1:], where))


def put(arrays: Arrays, i: int, values: tuple[Any, ...]) -> bool:
    """Give each array its value; whether one of them is not finite, for then it differs from itself by something other than 0."""
    for array, value in zip(arrays, values, strict=True):
        array[i] = value
    return any(value - value != 0 for value in values)


@native(put)
def _put(arrays: Any, i: Any, values: Any) -> Callable[..., Any]:
    if len(arrays) == 0:
        return lambda arrays, i, values: False

    def put_all(arrays: Any, i: Any, values: Any) -> Any:
        arrays[0][i] = values[0]
        return (values[0] - values[0] != 0) | put(arrays[1:], i, values[1:])

    return put_all


def rounded(numbers: Numbers, array: NDArray[Any]) -> tuple[Any, ...]:
    """The numbers in the dtype of the array, as NumPy takes Python's."""
    return tuple(array.dtype.type(number) for number in numbers)


@native(rounded)
def _rounded(numbers: Any, array: Any) -> Callable[..., Any]:
    if len(numbers) == 0:
        return lambda numbers, array: ()
    kind = array.dtype
    return lambda numbers, array: (kind(numbers[0]), *rounded(numbers[1:], array))


def places(arrays: Arrays) -> tuple[tuple[int, int], ...]:
    """Where each array begins, and its size."""
    return tuple((array.ctypes.data, array.size) for array in arrays)


@native(places)
def _places(arrays: Any) -> Callable[..., Any]:
    if len(arrays) == 0:
        return lambda arrays: ()
    return lambda arrays: ((np.intp(arrays[0].ctypes.data), arrays[0].size), *places(arrays[1:]))  # signed: differences are taken


def apart(new: Places, old: Places, fixed: Places, itemsize: int) -> bool:
    """Whether sizes agree, all is aligned, and no result shares memory with anything but, exactly, what it replaces."""
    size = new[0][1]
    given = (*old, *fixed)
    for start, items in (*new, *given):
        if items != size or start % itemsize != 0:
            return False
    for j in range(len(new)):
        start = new[j][0]
        for k in range(j):
            if abs(start - new[k][0]) < size * itemsize:
                return False
        for k in range(len(given)):
            if (k != j or start != given[k][0]) and abs(start - given[k][0]) < size * itemsize:
                return False
    return True


def fill(new: Arrays, old: Arrays) -> None:
    """Copy the old to where the new belongs, unless that is the same place."""
    for j in range(len(new)):
        target, source = new[j], old[j]
        if target.ctypes.data != source.ctypes.data:
            for i in range(target.size):
                target[i] = source[i]


def formula(*numbers: Any) -> tuple[Any, ...]:
    """Stand in for a kernel's own formula in the loops below."""
    raise NotImplementedError


def stretch(where: slice, in_place: bool, new: Arrays, old: Arrays, fixed: Arrays, numbers: tuple[Any, ...]) -> bool:
    """The formula along one chunk; whether some result is not finite."""
    state, read = at(new, where), at(fixed, where)
    if not in_place:
        fill(state, at(old, where))
    wild = False
    for i in range(state[0].size):
        wild |= put(state, i, formula(*at(state[:1], i), *at(read, i), *at(state[1:], i), *numbers))
    return wild


def sweep(parallel: bool, new: Arrays, old: Arrays, fixed: Arrays, numbers: Numbers) -> int:
    """The formula along contiguous arrays of one axis, chunk by chunk, or many chunks at once."""
    itemsize, size = new[0].itemsize, new[0].size
    if not apart(places(new), places(old), places(fixed), itemsize):
        return REFUSED
    in_place = places(new) == places(old)
    values = rounded(numbers, new[0])
    chunk = CHUNK_BYTES // itemsize
    chunks = (size + chunk - 1) // chunk
    wild = 0
    if parallel:
        for k in prange(chunks):
            wild += stretch(slice(k * chunk, (k + 1) * chunk), in_place, new, old, fixed, values)
    else:
        for k in range(chunks):
            wild += stretch(slice(k * chunk, (k + 1) * chunk), in_place, new, old, fixed, values)
    return NOT_FINITE if wild else FINITE


def loops(formula: Callable[..., Any], compiled: Callable[[Any], Any], **parts: Any) -> Any:
    """The sweep of one formula, its parts made ready by `compiled`: the identity leaves plain Python, which runs on any numbers."""
    along = bound(stretch, formula, formula=compiled(formula), fill=compiled(fill))
    return bound(sweep, formula, stretch=compiled(along), apart=compiled(apart), **parts)


def bound(loop: Callable[..., Any], home: Callable[..., Any], /, **parts: Any) -> FunctionType:
    """A copy of a loop that finds these parts. It lives in the file of `home` and has the age of this one in its name.

    For Numba keeps machine code by file and name, and must not keep it longer than either file.
    """
    name = f"{home.__name__}_{loop.__name__}_{Path(__file__).stat().st_mtime_ns:x}"
    code = loop.__code__.replace(co_filename=home.__code__.co_filename, co_firstlineno=home.__code__.co_firstlineno, co_qualname=name)
    return FunctionType(code, {**loop.__globals__, **parts}, name)


class Kernel(Generic[R]):
    """A formula of single numbers, along arrays. A call gives what it updates, what it only reads, its hyper-parameters, and `out`."""

    def __init__(self, reference: Formula[..., Any], formula: Callable[..., R]) -> None:
        self.raw = reference.raw
        self.formula = formula
        self.names = tuple(inspect.signature(formula).parameters)
        self.sweeps: dict[np.dtype[Any], Callable[..., int]] = {}  # by dtype, made when first asked for

    def __call__(self, state: Arrays, fixed: Arrays, numbers: Numbers, out: Out = None) -> R:
        """The updated state, in fresh arrays or in `out`. What is plainly right goes straight through; the rest is looked at with care."""
        first = state[0]
        if type(first) is not ndarray or not (sweep := self.sweeps.get(first.dtype)) or not self.plain(state, fixed, numbers, out):
            return self.careful(state, fixed, numbers, out)
        new: Any = tuple([np.empty(first.shape, first.dtype) for _ in state]) if out is None else out
        try:
            verdict = launched(sweep, new, state, fixed, numbers)
        except TypeError:  # no such sweep: some array has gaps, or axes, or must not be written
            return self.careful(state, fixed, numbers, out)
        if verdict == FINITE:
            return new if first.ndim or out is not None else bare(new)  # type: ignore[no-any-return]
        if verdict == REFUSED:
            return self.careful(state, fixed, numbers, out)
        raise self.not_finite(state, fixed, numbers, new)

    def plain(self, state: Arrays, fixed: Arrays, numbers: Numbers, out: Out) -> bool:
        """Whether all is well that a sweep doesn't see: Numba takes subclasses, and in tuples foreign byte orders too."""
        if out is not None and type(out) is not tuple:
            return False
        dtype = state[0].dtype
        for one in state + fixed if out is None else state + fixed + out:
            if type(one) is not ndarray or one.dtype is not dtype:
                return False
        for number, (least, largest) in zip(numbers, self.ranges):  # noqa: B905 - a microsecond has no room for strict
            if type(number) is not float or not least <= number <= largest:
                return False
        return True

    @functools.cached_property
    def ranges(self) -> list[tuple[float, float]]:
        """The least and the largest value of each hyper-parameter, from its domain."""
        from ..reference._door import domains

        return [closed(domain.limits) for name, domain in domains(self.raw).items() if domain.kind == "number" and name in self.names]

    def careful(self, state: Arrays, fixed: Arrays, numbers: Numbers, out: Out) -> R:
        """The same for anything: refused as the reference refuses it, or copied until a sweep takes it."""
        old, read, values = self.admitted(state, fixed, numbers)
        shape, dtype = old[0].shape, old[0].dtype
        if dtype not in self.sweeps:
            self.sweeps[dtype] = self.sweep(dtype, len(old), len(read), len(values))
        target: Any = self.accepted(out, state, fixed, old[0])
        new = tuple([one if one.flags.carray and one.dtype is dtype else np.empty(shape, dtype) for one in target])
        verdict = launched(self.sweeps[dtype], new, old, read, values)
        for one, result in zip(target, new, strict=True):
            if one is not result:
                np.copyto(one, result)
        if verdict != FINITE:
            raise self.not_finite(state, fixed, numbers, target)
        return target if shape or out is not None else bare(target)  # type: ignore[no-any-return]

    def sweep(self, dtype: np.dtype[Any], updated: int, read: int, numbers: int) -> Callable[..., int]:
        """The machine code for one dtype."""
        array, readonly = (types.Array(from_dtype(dtype), 1, "C", readonly=fixed) for fixed in (False, True))
        several: Any = types.UniTuple
        parts = [(array, updated), (readonly, updated), (readonly, read), (types.float64, numbers)]
        signature = types.int64(types.boolean, *(several(kind, count) for kind, count in parts))
        return compiled(loops(self.formula, inlined), [signature], parallel=THREADS, cache=True)  # type: ignore[no-any-return]

    def named(self, state: Arrays, fixed: Arrays, numbers: Numbers = ()) -> dict[str, Any]:
        """The arguments by name, in the formula's order."""
        return dict(zip(self.names, (*state[:1], *fixed, *state[1:], *numbers), strict=False))

    def refusal(self, error: type[Exception], name: str, came: str, allowed: str) -> Exception:
        """The error itself, worded as at the door: formula, argument, what came, what is allowed."""
        return error(f"{self.raw.__name__}: {name}: {came} came; allowed: {allowed}")

    def admitted(self, state: Arrays, fixed: Arrays, numbers: Numbers) -> tuple[Arrays, Arrays, Numbers]:
        """The arguments as a sweep takes them, past the reference's own door."""
        arguments = checked(self.raw, self.named(state, fixed, numbers))
        arrays = {name: np.asarray(arguments[name]) for name in self.names[: len(state) + len(fixed)]}
        first = arrays[self.names[0]].dtype
        for name, array in arrays.items():
            if array.dtype.name not in ("float32", "float64"):
                raise self.refusal(TypeError, name, f"{array.dtype} array", "float32 array, float64 array")
            if array.dtype.name != first.name:
                raise self.refusal(TypeError, name, f"{array.dtype} array", f"{first}, as {self.names[0]}")
            arrays[name] = np.require(array, np.dtype(first.name), ["C", "A"])
        lead, *rest = arrays.values()
        return (lead, *rest[len(fixed) :]), tuple(rest[: len(fixed)]), tuple(arguments[name] for name in self.names[len(arrays) :])

    def accepted(self, out: Any, state: Arrays, fixed: Arrays, like: NDArray[Any]) -> Arrays:
        """The arrays for the result. They share memory with nothing but, exactly, what they replace; None is a fresh one."""
        if out is None:
            out = (None,) * len(state)
        if not isinstance(out, tuple):
            raise self.refusal(TypeError, "out", type(out).__name__, f"None, tuple of {len(state)} arrays")
        if len(out) != len(state):
            raise self.refusal(ValueError, "out", f"tuple of {len(out)}", f"None, tuple of {len(state)} arrays")
        given = self.named(state, fixed)
        for (j, one), own in zip(enumerate(out), self.updated(len(fixed)), strict=False):
            if one is None:
                continue
            if type(one) is not ndarray or one.dtype.name != like.dtype.name:
                came = f"{one.dtype} array" if isinstance(one, ndarray) else type(one).__name__
                raise self.refusal(TypeError, f"out[{j}]", came, f"{like.dtype} array, None")
            if one.shape != like.shape:
                raise self.refusal(ValueError, f"out[{j}]", f"shape {one.shape}", f"shape {like.shape}")
            if not one.flags.writeable:
                raise self.refusal(ValueError, f"out[{j}]", "a read-only array", "a writeable one")
            for name, other in given.items():
                if np.shares_memory(one, other) and not (name == own and same(one, other)):
                    raise self.refusal(ValueError, f"out[{j}]", f"memory of {name}", f"memory of its own, {own} itself")
            given[f"out[{j}]"] = one
        return tuple([np.empty(like.shape, like.dtype) if one is None else one for one in out])

    def updated(self, fixed: int) -> list[str]:
        """The names of what is updated (and, behind them, of the hyper-parameters)."""
        return [self.names[0], *self.names[1 + fixed :]]

    def not_finite(self, state: Arrays, fixed: Arrays, numbers: Numbers, target: Arrays) -> Exception:
        """Whose fault it is: an argument's, as the reference says it, or the step's."""
        from ..reference._door import left

        lost = [name for name, one, new in zip(self.updated(len(fixed)), state, target, strict=False) if np.shares_memory(one, new)]
        checked(self.raw, self.named(state, fixed, numbers), set(lost))
        if not lost:
            left(target, self.raw, [])
        came = "a number that is not finite, or that overflows in this step,"
        return self.refusal(ValueError, " or ".join(lost), came, "finite numbers (out holds the result)")


def launched(sweep: Callable[..., int], new: Any, old: Any, fixed: Any, numbers: Numbers) -> int:
    """One sweep over arrays of any number of axes, with threads where they pay."""
    first = old[0]
    if first.ndim != 1:
        new, old, fixed = (flat(arrays, first.shape) for arrays in (new, old, fixed))
    if first.nbytes < SERIAL_BYTES:
        return sweep(False, new, old, fixed, numbers)
    with ONE_AT_A_TIME:
        return sweep(True, new, old, fixed, numbers)


def flat(arrays: Arrays, shape: tuple[int, ...]) -> Arrays:
    """The arrays as views of one axis."""
    for one in arrays:
        if one.shape != shape or not one.flags.c_contiguous:
            raise TypeError(f"not a contiguous array of shape {shape}")
    return tuple([one.ravel() for one in arrays])


def bare(arrays: Arrays) -> Any:
    """Numbers for arrays without axes, as NumPy's functions give them."""
    return tuple([one[()] for one in arrays])


def same(one: NDArray[Any], other: Any) -> bool:
    """Whether two arrays are one and the same, or views of the same numbers in the same order."""
    if one is other:
        return True
    if not isinstance(other, ndarray) or one.strides != other.strides or one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(one.ctypes.data == other.ctypes.data)


def closed(limits: tuple[Any, ...]) -> tuple[float, float]:
    """The least and the largest float that the limits allow; nothing lies between where only the door can tell."""
    from ..reference._door import SYMBOL

    least, largest = -sys.float_info.max, sys.float_info.max
    for limit in limits:
        if type(limit) not in SYMBOL:
            return math.inf, -math.inf
        symbol, _, name = SYMBOL[type(limit)]
        inwards = math.inf if symbol in ("≥", ">") else -math.inf
        edge = getattr(limit, name) if symbol in ("≥", "≤") else math.nextafter(getattr(limit, name), inwards)
        least, largest = (max(least, edge), largest) if inwards > 0 else (least, min(largest, edge))
    return least, largest


def checked(raw: Callable[..., Any], arguments: Mapping[str, Any], unseen: Collection[str] = ()) -> dict[str, Any]:
    """What the reference's door makes of the arguments; where it takes a function, the function's answer at the first argument is meant."""
    from jaxtyping import jaxtyped

    from ..reference._door import Visit, domains

    point = next(iter(arguments.values()))
    with jaxtyped("context"):
        visit = Visit(raw.__name__, arguments)
        seen = {}
        for name, domain in domains(raw).items():
            if name in arguments and name not in unseen:
                value = arguments[name]
                if domain.kind == "function":
                    seen[name] = visit.function(name, lambda _, answer=value: answer, domain)(point)
                else:
                    seen[name] = visit.checked(name, value, domain)
    return seen


def elementwise(reference: Formula[..., Any]) -> Callable[[Callable[..., R]], Kernel[R]]:
    """Make a formula of single numbers the kernel of a formula of the reference."""
    return functools.partial(Kernel, reference)
