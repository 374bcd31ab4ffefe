"""What all elementwise kernels share: the door, `out=`, the chunks and their threads.

`_derive` reads what a kernel computes from the reference's source. It computes in the arrays' dtype, constants included. Finiteness is
checked in the same pass, on the results: they are not finite where an argument isn't, or else the argument is watched.

`sweep` takes the formula along the arrays in place: what is updated is first copied to where the result belongs, unless it lies there
already. So the compiler sees one pointer where two might be equal, and vectorises. Chunks depend on the size alone, not on the threads.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
import re
import threading
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

import numpy as np
from numba import njit, prange, types
from numba.extending import overload
from numba.np.numpy_support import from_dtype
from numpy import ndarray

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from ..reference import Formula
    from ._derive import Derived

    Arrays: TypeAlias = tuple[NDArray[Any], ...]
    Numbers: TypeAlias = tuple[float, ...]
    Places: TypeAlias = tuple[tuple[int, int], ...]
    Out: TypeAlias = Any  # made as the result is: arrays or None, and states of such

F = TypeVar("F", bound="Callable[..., Any]")

CHUNK_BYTES = 1 << 14  # of one array: the chunks of all arrays of a formula stay in the second cache
SERIAL_BYTES = 1 << 17  # of one array, where entries are cheap: below, threads cost more than they save
THIS_FILE = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
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
    return compiled(function, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)


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
    return not all(value - value == 0 for value in values)


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


def entry(*numbers: Any) -> tuple[Any, ...]:
    """Stand in for a kernel's own formula in the loops below: the entries of all lanes and the constants, to the updated entries."""
    raise NotImplementedError


def strays(*numbers: Any) -> bool:
    """Stand in for a kernel's own test of its arguments, in the same place."""
    raise NotImplementedError


def along(state: Arrays, read: Arrays, numbers: tuple[Any, ...]) -> bool:
    """The formula along short arrays, in place; whether an argument strays, or a result is not finite."""
    wild = False
    for i in range(state[0].size):
        wild |= strays(*at(state, i), *at(read, i), *numbers)
        wild |= put(state, i, entry(*at(state, i), *at(read, i), *numbers))
    return wild


def stretch(where: slice, in_place: bool, new: Arrays, old: Arrays, fixed: Arrays, numbers: tuple[Any, ...]) -> bool:
    """The formula along one chunk."""
    state = at(new, where)
    if not in_place:
        fill(state, at(old, where))
    return along(state, at(fixed, where), numbers)


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


def where(condition: Any, one: Any, other: Any) -> Any:
    """NumPy's choice, between two numbers: its own makes an array."""
    return one if condition else other


def maximum(one: Any, other: Any) -> Any:
    """The larger number; of two zeros the second, as NumPy has it here."""
    return one if one > other else other


def minimum(one: Any, other: Any) -> Any:
    """The smaller number; of two zeros the second."""
    return one if one < other else other


def sign(number: Any) -> Any:
    """NumPy's sign: of −0 it is 0."""
    return np.sign(number) + (number - number)


def innermost(derived: Derived, compiled: Callable[[Any], Any]) -> Any:
    """The loop along entries of one formula, its parts made ready by `compiled`."""
    from . import _options

    choices = {one.__name__: compiled(one) for one in (where, maximum, minimum, sign)}
    formula = FunctionType(derived.entry.__code__, {**derived.entry.__globals__, **choices}, derived.formula)
    return _options.around(compiled(bound(along, derived, entry=compiled(formula), strays=compiled(derived.strays))))


def loops(derived: Derived, compiled: Callable[[Any], Any], **parts: Any) -> Any:
    """The sweep of one formula, its parts made ready by `compiled`: the identity leaves plain Python, which runs on any numbers."""
    one_chunk = bound(stretch, derived, along=innermost(derived, compiled), fill=compiled(fill))
    return bound(sweep, derived, stretch=compiled(one_chunk), apart=compiled(apart), **parts)


def bound(loop: Callable[..., Any], derived: Derived, /, **parts: Any) -> FunctionType:
    """A copy of a loop that finds these parts. It lives in the reference's file, with digests of the formula, of this file and the loop's.

    For Numba keeps machine code by file and name, and must not keep it longer than what it was made of.
    """
    from . import _options

    home = derived.entry.__code__
    digests = derived.digest, *dict.fromkeys((THIS_FILE, loop.__globals__["THIS_FILE"]))
    name = "_".join([derived.formula, loop.__name__, *digests, *["flushing"] * _options.flushing])
    code = loop.__code__.replace(co_filename=home.co_filename, co_firstlineno=home.co_firstlineno, co_qualname=name)
    return FunctionType(code, {**loop.__globals__, **parts}, name)


class Kernel:
    """A formula of the reference along arrays of any shape. A call gives all its arguments in order, and `out`."""

    def __init__(self, raw: Callable[..., Any], **reading: Any) -> None:
        self.raw, self.reading = raw, reading
        self.sweeps: dict[np.dtype[Any], Callable[..., int]] = {}  # by dtype, made when first asked for

    @functools.cached_property
    def derived(self) -> Derived:
        """The formula, read from its source when it is first asked for."""
        from ._derive import Reading

        return Reading(self.raw, **self.reading).derived()

    def __call__(self, arguments: tuple[Any, ...], out: Any = None) -> Any:
        """The result, in fresh arrays or in `out`. What is plainly right goes straight through; the rest is looked at with care."""
        derived = self.derived
        try:
            old, read, numbers = derived.taken(*arguments)
            target = None if out is None else derived.received(out)
        except (AttributeError, TypeError, IndexError):
            return self.careful(arguments, out)
        first = old[0]
        if (
            type(first) is not ndarray
            or not (sweep := self.sweeps.get(first.dtype))
            or not self.plain(first.dtype, old, old if target is None else target, read, numbers)
        ):
            return self.careful(arguments, out)
        new: Any = tuple([np.empty(first.shape, first.dtype) for _ in old]) if target is None else target
        constants, counts = derived.constants(*numbers)
        try:
            verdict = launched(sweep, self.serial, new, old, read, constants)
        except TypeError:  # no such sweep: some array has gaps, or axes, or must not be written
            return self.careful(arguments, out)
        if verdict == FINITE:
            return derived.given(new if first.ndim or out is not None else bare(new), counts)
        if verdict == REFUSED:
            return self.careful(arguments, out)
        raise self.not_finite(arguments, new)

    @functools.cached_property
    def plain(self) -> Callable[..., bool]:
        """Whether all is well that a sweep doesn't see: Numba takes subclasses, and in tuples foreign byte orders too.

        One expression, made for this formula: a microsecond has no room for loops.
        """
        updated, read = len(self.derived.updated), len(self.derived.read)
        lanes = [f"{kind}[{i}]" for kind, count in (("old", updated), ("new", updated), ("read", read)) for i in range(count)]
        tests = [f"type({lane}) is ndarray and {lane}.dtype is dtype" for lane in lanes] + self.fitting_numbers
        made: Any = eval(f"lambda dtype, old, new, read, numbers: {' and '.join(tests)}", {"ndarray": ndarray, "inf": math.inf})
        return cast("Callable[..., bool]", made)

    @functools.cached_property
    def fits(self) -> Callable[[tuple[Any, ...]], bool]:
        """Whether the numbers are plainly right."""
        made: Any = eval(f"lambda numbers: {' and '.join(self.fitting_numbers) or True}", {"inf": math.inf})
        return cast("Callable[[tuple[Any, ...]], bool]", made)

    @functools.cached_property
    def fitting_numbers(self) -> list[str]:
        """The tests of the numbers, as expressions."""
        tests = [
            f"type(numbers[{i}]) is {kind.__name__} and {least!r} <= numbers[{i}] <= {largest!r}"
            for i, (kind, least, largest) in enumerate(self.ranges)
        ]
        return tests + [f"numbers[{one}] >= numbers[{other}]" for one, other in self.ordered]

    @functools.cached_property
    def serial(self) -> int:
        """The bytes of one array below which threads cost more than they save: fewer, the more an entry costs."""
        return SERIAL_BYTES // (1 + self.derived.heavy)

    @functools.cached_property
    def ranges(self) -> list[tuple[Any, float, float]]:
        """The type of each number, its least and its largest value, from its domain."""
        return [(int if domain.kind == "count" else float, *closed(domain.limits)) for domain in self.derived.numbers.values()]

    @functools.cached_property
    def ordered(self) -> list[tuple[int, int]]:
        """Which numbers must not be below which."""
        from ..reference.limits import NotBelow

        names = list(self.derived.numbers)
        limits = [(name, limit) for name, domain in self.derived.numbers.items() for limit in domain.limits]
        pairs = [(name, limit.argument) for name, limit in limits if isinstance(limit, NotBelow)]
        return [(names.index(one), names.index(other)) for one, other in pairs]

    def careful(self, arguments: tuple[Any, ...], out: Any) -> Any:
        """The same for anything: refused as the reference refuses it, or copied until a sweep takes it."""
        derived = self.derived
        old, read, numbers = self.admitted(arguments)
        shape, dtype = old[0].shape, old[0].dtype
        if dtype not in self.sweeps:
            constants, _ = derived.constants(*numbers)
            self.sweeps[dtype] = self.sweep(dtype, len(old), len(read), len(constants))
        target = self.accepted(out, arguments, old[0])
        new = tuple([one if one.flags.carray and one.dtype is dtype else np.empty(shape, dtype) for one in target])
        constants, counts = derived.constants(*numbers)
        verdict = launched(self.sweeps[dtype], self.serial, new, old, read, constants)
        for one, result in zip(target, new, strict=True):
            if one is not result:
                np.copyto(one, result)
        if verdict != FINITE:
            raise self.not_finite(arguments, target)
        return derived.given(target if shape or out is not None else bare(target), counts)

    def sweep(self, dtype: np.dtype[Any], updated: int, read: int, constants: int) -> Callable[..., int]:
        """The machine code for one dtype."""
        array, readonly = (types.Array(from_dtype(dtype), 1, "C", readonly=fixed) for fixed in (False, True))
        several: Any = types.UniTuple
        parts = [(array, updated), (readonly, updated), (readonly, read), (types.float64, constants)]
        signature = types.int64(types.boolean, *(several(kind, count) for kind, count in parts))
        return compiled(loops(self.derived, inlined), [signature], parallel=THREADS, cache=True)  # type: ignore[no-any-return]

    def checked(self, arguments: tuple[Any, ...], lost: Collection[str] = ()) -> list[Any]:
        """What the reference's door makes of the arguments, but for lost arrays."""
        return checked(self.raw, arguments, lost, asked="upto" not in self.reading)

    def refusal(self, error: type[Exception], name: str, came: str, allowed: str) -> Exception:
        """The error itself, worded as at the door: formula, argument, what came, what is allowed."""
        return error(f"{self.raw.__name__}: {name}: {came} came; allowed: {allowed}")

    def lanes(self, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """The arrays among the arguments, by name."""
        old, read, _ = self.derived.taken(*arguments)
        return dict(zip((*self.derived.updated, *self.derived.read), (*old, *read), strict=True))

    def admitted(self, arguments: tuple[Any, ...]) -> tuple[Arrays, Arrays, tuple[Any, ...]]:
        """The arguments as a sweep takes them, past the reference's own door."""
        old, read, numbers = self.derived.taken(*self.checked(arguments))
        first = np.asarray(old[0]).dtype
        arrays = []
        for name, one in zip((*self.derived.updated, *self.derived.read), map(np.asarray, (*old, *read)), strict=True):
            if one.dtype.name not in ("float32", "float64"):
                raise self.refusal(TypeError, name, f"{one.dtype} array", "float32 array, float64 array")
            if one.dtype.name != first.name:
                raise self.refusal(TypeError, name, f"{one.dtype} array", f"{first}, as {self.derived.updated[0]}")
            arrays.append(np.require(one, np.dtype(first.name), ["C", "A"]))
        return tuple(arrays[: len(old)]), tuple(arrays[len(old) :]), numbers

    def accepted(self, out: Any, arguments: tuple[Any, ...], like: NDArray[Any]) -> Arrays:
        """The arrays for the result. They share memory with nothing but, exactly, what they replace; None is a fresh one."""
        derived = self.derived
        self.fitting(out, derived.parts, "out")
        given = self.lanes(arguments)
        target: list[NDArray[Any]] = []
        for place, own in zip(derived.places, derived.updated, strict=True):
            one = leaf(out, place)
            if one is None:
                target.append(np.empty(like.shape, like.dtype))
                continue
            if type(one) is not ndarray or one.dtype.name != like.dtype.name:
                came = f"{one.dtype} array" if isinstance(one, ndarray) else type(one).__name__
                raise self.refusal(TypeError, f"out{place}", came, f"{like.dtype} array, None")
            if one.shape != like.shape:
                raise self.refusal(ValueError, f"out{place}", f"shape {one.shape}", f"shape {like.shape}")
            if not one.flags.writeable:
                raise self.refusal(ValueError, f"out{place}", "a read-only array", "a writeable one")
            for name, other in given.items():
                if np.shares_memory(one, other) and not (name == own and same(one, other)):
                    raise self.refusal(ValueError, f"out{place}", f"memory of {name}", f"memory of its own, {own} itself")
            given[f"out{place}"] = one
            target.append(one)
        return tuple(target)

    def fitting(self, out: Any, parts: Any, place: str) -> None:
        """Refuse what is not made as the result is."""
        if out is None or parts is None:
            return
        if not isinstance(parts, tuple):
            if type(out) is not parts:
                raise self.refusal(TypeError, place, type(out).__name__, f"None, {parts.__name__}")
            return
        if type(out) is not tuple:
            raise self.refusal(TypeError, place, type(out).__name__, f"None, tuple of {len(parts)}")
        if len(out) != len(parts):
            raise self.refusal(ValueError, place, f"tuple of {len(out)}", f"None, tuple of {len(parts)}")
        for i, (one, part) in enumerate(zip(out, parts, strict=True)):
            self.fitting(one, part, f"{place}[{i}]")

    def not_finite(self, arguments: tuple[Any, ...], target: Arrays) -> Exception:
        """Whose fault it is: an argument's, as the reference says it, or the step's."""
        from ..reference.validation import validate_result

        given = self.lanes(arguments)
        lost = [name for name, new in zip(self.derived.updated, target, strict=True) if np.shares_memory(given[name], new)]
        self.checked(arguments, lost)
        if not lost:
            validate_result(target, self.raw, [])
        came = "a number that is not allowed, or that overflows in this step,"
        return self.refusal(ValueError, " or ".join(lost), came, "what the reference allows (out holds the result)")


def launched(sweep: Callable[..., int], serial: int, new: Any, old: Any, fixed: Any, numbers: Numbers) -> int:
    """One sweep over arrays of any number of axes, with threads where they pay."""
    first = old[0]
    if first.ndim != 1:
        new, old, fixed = (flat(arrays, first.shape) for arrays in (new, old, fixed))
    if first.nbytes < serial:
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
    from ..reference.limits import NotBelow, Range, interval_of

    ranges = [limit for limit in limits if not isinstance(limit, NotBelow)]  # those are compared with another number
    return interval_of(ranges).float_range() if all(isinstance(limit, Range) for limit in ranges) else (math.inf, -math.inf)


def leaf(out: Any, place: str) -> Any:
    """What stands at a place of something made as a result is: None where a whole part is None."""
    for index, field in re.findall(r"\[(\d+)\]|\.(\w+)", place):
        if out is not None:
            out = out[int(index)] if index else getattr(out, field)
    return out


def checked(raw: Callable[..., Any], arguments: tuple[Any, ...], lost: Collection[str] = (), *, asked: bool = True) -> list[Any]:
    """What the reference's door makes of the arguments, but for lost arrays; a gradient's answer stands for it, once it was asked."""
    from jaxtyping import jaxtyped

    from ..reference.validation import ArgumentValidator, domains, in_dependency_order

    stated = domains(raw)
    named = dict(zip(stated, arguments, strict=True))
    for name in lost:
        owner, _, field = name.partition(".")
        harmless = np.ones_like(getattr(named[owner], field) if field else named[owner])
        named[owner] = named[owner]._replace(**{field: harmless}) if field else harmless
    point = next(iter(named.values()))
    with jaxtyped("context"):
        visit = ArgumentValidator(raw.__name__, named)
        for name, domain in in_dependency_order(stated):
            if domain.kind != "function":
                named[name] = visit.validate(name, named[name], domain)
            elif asked:
                named[name] = visit.validate_function(name, lambda _, answer=named[name]: answer, domain)(point)
    return list(named.values())


def elementwise(reference: Formula[..., Any], *, updates: str = "", asks: str = "", reciprocals: bool = False) -> Callable[[F], F]:
    """Make a declaration a kernel: signature and words are its own, what it computes is the reference's formula.

    A result without a name of its own updates the first array, or the one named; a gradient that the formula asks for is named too.
    `reciprocals` lets a division by one constant for all entries be a multiplication by its reciprocal: three roundings for one.
    """

    def kernel_of(declared: F) -> F:
        raw = reference.raw
        parameters = inspect.signature(raw).parameters.values()
        positional = [one.name for one in parameters if one.kind is not one.KEYWORD_ONLY]
        keywords = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
        stated = [one.name if one.default is one.empty else f"{one.name}={float(one.default)}" for one in keywords]
        named = ", ".join([*positional, *(one.name for one in keywords)])
        header = f"def {raw.__name__}({', '.join([*positional, '*', *stated])}, out=None):"
        if asks:
            lines = [
                header,
                f"if not callable({asks}): return reference({', '.join([*positional, *(f'{one.name}={one.name}' for one in keywords)])})",
                f"answer = {asks}(point(({named},)))",
                f"return kernel(({named.replace(asks, 'answer')},), out)",
            ]
        else:
            lines = [header, f"return kernel(({named},), out)"]
        reading = {"updates": updates, "answered": asks, "reciprocals": reciprocals}
        parts: dict[str, Any] = {"kernel": Kernel(raw, **reading), "reference": reference}
        if asks:
            parts["point"] = Kernel(raw, upto=asks)
        exec("\n    ".join(lines), parts)  # a plain call costs a tenth of binding a signature
        made: Any = functools.update_wrapper(parts[raw.__name__], declared)
        made.kernel, made.point = parts["kernel"], parts.get("point")
        return cast("F", made)

    return kernel_of


def composed(*, reciprocals: bool = False) -> Callable[[F], F]:
    """Make a function that calls formulas, each in a statement of its own, a kernel for `many`; called by itself it is as it was."""

    def kernel_of(function: F) -> F:
        made: Any = function
        made.kernel = Kernel(function, reciprocals=reciprocals)
        return function

    return kernel_of
