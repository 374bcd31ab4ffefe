"""What the kernels share whose loops are written out: the door, `out=`, fresh results, threads from a size on.

The loops of a formula take its results, then its arguments in order (a state field by field, a choice as its place among the choices),
and say whether something is not finite or not allowed: then the reference has the last word. They compute in float64
whatever is one number for many entries, and make threads by `prange` alone, over pieces that depend on the sizes alone.

In plain Python the same loops run on symbols (`in_python`); so they say a = a + b of numbers, not a += b, which symbols refuse.

Sums are taken by `plus`, the only operation whose order the compiler may change: it makes lanes of them, as many as the processor has.
The rounding bound holds for a sum in any order. One processor always takes the same order, whatever the number of threads.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin

import numpy as np
from numba import types
from numba.core.dispatcher import Dispatcher
from numba.np.numpy_support import from_dtype
from numpy import ndarray

from ._kernels import FINITE, ONE_AT_A_TIME, REFUSED, THREADS, checked, closed, compiled, inlined, native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..reference import Formula
    from ..reference._door import Domain

F = TypeVar("F", bound="Callable[..., Any]")

SOURCES = hashlib.sha256(b"".join(one.read_bytes() for one in sorted(Path(__file__).parent.glob("*.py")))).hexdigest()[:8]
THREADS_FROM = 1 << 17  # bytes of the largest array: below, threads cost more than they save
FORMATS = ("float32", "float64")


@functools.partial(compiled, forceinline=True, fastmath={"reassoc"})
def plus(total: Any, term: Any) -> Any:
    """A sum and one term more, in any order."""
    return total + term


@inlined
def strange(x: Any) -> Any:
    """Whether a number is not finite: then it differs from itself by something other than 0."""
    return x - x != 0


def narrowed(number: Any, array: Any) -> Any:
    """One number for many entries, in the dtype of the array."""
    return number if array.dtype == object else array.dtype.type(number)


@native(narrowed)
def _narrowed(number: Any, array: Any) -> Callable[..., Any]:
    kind = array.dtype
    return lambda number, array: kind(number)


def in_python(function: Callable[..., Any], **substitutes: Any) -> Callable[..., Any]:
    """The same loops as plain Python, which run on any numbers; what a name stands for may be substituted."""
    pure = getattr(function, "py_func", function)
    names = {name: part for name, part in pure.__globals__.items() if name in pure.__code__.co_names and isinstance(part, Dispatcher)}
    parts = {name: in_python(part, **substitutes) for name, part in names.items()}
    return FunctionType(pure.__code__, {**pure.__globals__, **parts, **substitutes}, pure.__name__, pure.__defaults__)


class Written:
    """A formula whose loops are written out. A call gives `out` and all its arguments in order."""

    def __init__(self, raw: Callable[..., Any], loops: Callable[..., Any], shapes: Callable[..., Any] | None, threads_from: int) -> None:
        self.raw, self.loops, self.threads_from = raw, loops, threads_from
        self.shapes_of = shapes  # of the results, from the arguments, where their annotations don't tell
        self.made: dict[np.dtype[Any], list[Any]] = {}  # machine code by dtype, without threads and with

    def __call__(self, out: Any, *arguments: Any) -> Any:
        """The result, in fresh arrays or in `out`. What is plainly right goes straight through; the rest is looked at with care."""
        try:
            taken, shapes, dtype, size = self.plain(*arguments)
            new = [np.empty(shape, dtype) for shape in shapes] if out is None else self.received(out, shapes, dtype)
            verdict = self.run(dtype, size, new, taken)
        except (
            AttributeError,
            TypeError,
            ValueError,
            KeyError,
            OverflowError,
        ):  # or no such machine code: an array has gaps, or must not be written
            return self.careful(out, arguments)
        if verdict == FINITE:
            return self.given(new)
        return self.careful(out, arguments) if verdict == REFUSED else self.looked_at(arguments, new)

    def run(self, dtype: np.dtype[Any], size: int, new: list[Any], taken: tuple[Any, ...]) -> int:
        """One run of the loops, with threads where they pay."""
        if size < self.threads_from:
            return self.made[dtype][0](*new, *taken)  # type: ignore[no-any-return]
        with ONE_AT_A_TIME:
            return self.made[dtype][1](*new, *taken)  # type: ignore[no-any-return]

    def careful(self, out: Any, arguments: tuple[Any, ...]) -> Any:
        """The same for anything: refused as the reference refuses it, or copied until the machine code takes it."""
        from ..reference._door import leaves as parts

        for name, one in self.lanes(arguments):
            dtype = getattr(one, "dtype", np.dtype(float))
            if isinstance(one, ndarray) and dtype.kind == "f" and dtype.name not in FORMATS:
                raise self.refusal(TypeError, name, f"{dtype} array", "float32 array, float64 array")
        allowed = checked(self.raw, arguments)
        first = next(one for one in parts(tuple(allowed)) if isinstance(one, ndarray) and one.dtype.kind == "f")
        native = np.dtype(first.dtype.name)
        plain = [mapped(one, lambda part: np.require(part, np.dtype(part.dtype.name), ["C", "A"])) for one in allowed]
        taken, shapes, _, size = self.plain(*plain)
        target = self.accepted(out, shapes, native, arguments)
        new = [one if one.flags.carray and one.dtype is native else np.empty(one.shape, native) for one in target]
        codes = self.made.setdefault(native, [absent, absent])
        threads = size >= self.threads_from
        if codes[threads] is absent:
            codes[threads] = self.machine_code(native, threads=threads)
        verdict = self.run(native, size, new, taken)
        for one, result in zip(target, new, strict=True):
            if one is not result:
                np.copyto(one, result)
        return self.looked_at(arguments, target) if verdict else self.given(target)

    def looked_at(self, arguments: tuple[Any, ...], new: list[Any]) -> Any:
        """What the reference says, which has the last word: its error, or its result."""
        from ..reference._door import enter, leaves

        said = leaves((enter(self.raw, (), dict(zip(self.stated, arguments, strict=True))),))
        for one, other in zip(new, said, strict=True):
            np.copyto(one, other)
        return self.given(new)

    def machine_code(self, dtype: np.dtype[Any], *, threads: bool) -> Callable[..., int]:
        """The loops for one dtype, unless a result shares memory with something.

        They are kept under a name with a digest of all of these files, and not longer than what they are made of.
        """
        kind = from_dtype(dtype)
        results = [types.Array(kind, len(dims), "C") for dims in self.results]
        taken = []
        for domain in self.arguments.values():
            own = types.int64 if domain.whole else kind
            array = types.Array(own, len(domain.hint.dims), "C", readonly=True) if domain.kind == "array" else None
            taken.append(array or {"number": types.float64, "flag": types.boolean}.get(domain.kind, types.int64))
        new, old = [f"r{i}" for i in range(len(results))], [f"a{i}" for i in range(len(taken))]
        arrays = [name for name, one in zip(old, taken, strict=True) if isinstance(one, types.Array)]
        meetings = [f"meet({one}, {other})" for i, one in enumerate(new) for other in (*arrays, *new[:i])]
        text = f"def entry({', '.join((*new, *old))}): return REFUSED if {' or '.join(meetings)} else int(loops({', '.join((*new, *old))}))"
        parts: dict[str, Any] = {"meet": meet, "REFUSED": REFUSED, "__name__": self.loops.__module__}
        exec(compile(text, self.loops.__code__.co_filename, "exec"), parts)
        name = f"{self.loops.__name__}_{'threads' if threads else 'alone'}_{SOURCES}"
        parts["loops"] = compiled(renamed(self.loops, name), inline="always")
        signature = types.int64(*results, *taken)
        return compiled(renamed(parts["entry"], f"{name}_entry"), [signature], parallel=THREADS if threads else False, cache=True)

    @functools.cached_property
    def stated(self) -> dict[str, Domain]:
        """The domain of each argument."""
        from ..reference._door import domains

        return domains(self.raw)

    @functools.cached_property
    def arguments(self) -> dict[str, Domain]:
        """The domain of each argument of the loops, by an expression for it."""
        opened: dict[str, Domain] = {}
        for name, domain in self.stated.items():
            opened |= {f"{name}.{field}": one for field, one in domain.fields.items()} or {name: domain}
        return opened

    @functools.cached_property
    def results(self) -> list[tuple[str, ...]]:
        """The names of the axes of each result."""
        return [tuple(domain.hint.dim_str.split()) for domain in self.made_of(lambda domain: [domain])]

    def made_of(self, leaf: Callable[[Domain], list[Any]]) -> list[Any]:
        """Something of each array of the result, in order."""
        from ..reference._door import domain_of, resolved

        hint = resolved(self.raw, self.raw.__module__)["return"]
        parts = [domain_of(one) for one in (get_args(hint) if get_origin(hint) is tuple else [hint])]
        return [one for part in parts for field in (part.fields.values() if part.fields else [part]) for one in leaf(field)]

    @functools.cached_property
    def given(self) -> Callable[[list[Any]], Any]:
        """The result from its arrays; an array without axes is a number, as NumPy's functions give it."""
        from ..reference._door import resolved

        hint = resolved(self.raw, self.raw.__module__)["return"]
        if isinstance(hint, type) and hasattr(hint, "_fields"):
            return lambda new: hint(*new)
        return tuple if get_origin(hint) is tuple else lambda new: new[0]

    @functools.cached_property
    def plain(self) -> Callable[..., Any]:
        """What the loops take, the results' shapes, the dtype and the bytes of the largest array; an error where not all is plainly right.

        One function, made for this formula: a microsecond has no room for loops.
        """
        from ..reference.domains import Divides

        lines: list[str] = []
        sizes: list[str] = []
        taken: list[str] = []
        made: dict[str, Any] = {"ndarray": ndarray, "inf": math.inf, "int64": np.dtype(np.int64), "shapes": self.shapes_of}
        bound: set[str] = set()  # names of axes
        for name, domain in self.stated.items():
            if domain.fields:
                made[domain.hint.__name__] = domain.hint
                lines.append(f"if type({name}) is not {domain.hint.__name__}: raise TypeError")
        for i, (place, domain) in enumerate(self.arguments.items()):
            name = f"a{i}"
            lines.append(f"{name} = {place}")
            if domain.kind == "array":
                kind = "int64" if domain.whole else "dtype"
                if not (bound or domain.whole):
                    lines.append(f"dtype = {name}.dtype")
                lines.append(f"if type({name}) is not ndarray or {name}.dtype is not {kind}: raise TypeError")
                axes = domain.hint.dim_str.split()
                fresh = [axis if axis not in bound else f"_{axis}" for axis in axes]
                lines.append(f"{', '.join(fresh)}, = {name}.shape" if axes else f"if {name}.shape: raise ValueError")
                known = [axis for axis in axes if axis in bound]
                if known:
                    lines.append(f"if {' or '.join(f'_{axis} != {axis}' for axis in known)}: raise ValueError")
                bound |= set(axes)
                sizes.append(f"{name}.nbytes")
            elif domain.kind in ("number", "count"):
                divided = [limit for limit in domain.limits if isinstance(limit, Divides)]
                least, largest = closed(tuple(limit for limit in domain.limits if limit not in divided))
                kind = "float" if domain.kind == "number" else "int"
                if kind == "float":
                    lines.append(f"if type({name}) is int: {name} = float({name})")
                lines.append(f"if type({name}) is not {kind} or not {least!r} <= {name} <= {largest!r}: raise ValueError")
                lines += [f"if {limit.argument}.shape[{limit.axis}] % {name}: raise ValueError" for limit in divided]
            elif domain.kind == "flag":
                lines.append(f"if type({name}) is not bool: raise TypeError")
            elif domain.kind == "choice":
                lines.append(f"{name} = {get_args(domain.hint)!r}.index({name})")
            taken.append(name)
        lines.append(f"if not ({' and '.join(sorted(bound)) or 'True'}): raise ValueError")  # an empty axis
        names = ", ".join(self.stated)
        own = "shapes(" + names + ")"
        shapes = own if self.shapes_of else "(" + "".join(f"({''.join(f'{axis}, ' for axis in axes)}), " for axes in self.results) + ")"
        lines.append(f"return ({', '.join(taken)},), {shapes}, dtype, max({', '.join(sizes)}, 0)")
        text = f"def plain({names}):\n    " + "\n    ".join(lines)
        exec(text, made)
        return cast("Callable[..., Any]", made["plain"])

    def received(self, out: Any, shapes: tuple[Any, ...], dtype: np.dtype[Any]) -> list[Any]:
        """The arrays of `out`, where they are plainly right."""
        new = list(out) if isinstance(out, tuple) else [out]
        for one, shape in zip(new, shapes, strict=True):
            if type(one) is not ndarray or one.dtype is not dtype or one.shape != shape:
                raise TypeError
        return new

    def accepted(self, out: Any, shapes: tuple[Any, ...], dtype: np.dtype[Any], arguments: tuple[Any, ...]) -> list[Any]:
        """The arrays for the result, which share memory with nothing; None is a fresh one."""
        several = len(shapes) > 1 or isinstance(out, tuple)
        if out is not None and several and (not isinstance(out, tuple) or len(out) != len(shapes)):
            came = f"tuple of {len(out)}" if isinstance(out, tuple) else type(out).__name__
            raise self.refusal(TypeError, "out", came, f"None, tuple of {len(shapes)}" if len(shapes) > 1 else f"None, {dtype} array")
        given = out if isinstance(out, tuple) else (out,) * len(shapes)
        others = {name: one for name, one in self.lanes(arguments) if isinstance(one, ndarray)}
        target: list[Any] = []
        for i, (one, shape) in enumerate(zip(given, shapes, strict=True)):
            place = f"out[{i}]" if several else "out"
            if one is None:
                target.append(np.empty(shape, dtype))
                continue
            if type(one) is not ndarray or one.dtype.name != dtype.name:
                came = f"{one.dtype} array" if isinstance(one, ndarray) else type(one).__name__
                raise self.refusal(TypeError, place, came, f"{dtype} array, None")
            if one.shape != shape:
                raise self.refusal(ValueError, place, f"shape {one.shape}", f"shape {shape}")
            if not one.flags.writeable:
                raise self.refusal(ValueError, place, "a read-only array", "a writeable one")
            for name, other in others.items():
                if np.shares_memory(one, other):
                    raise self.refusal(ValueError, place, f"memory of {name}", "memory of its own")
            others[place] = one
            target.append(one)
        return target

    def lanes(self, arguments: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
        """What stands for each argument of the loops, by name."""
        for (name, domain), one in zip(self.stated.items(), arguments, strict=True):
            if not domain.fields:
                yield name, one
            elif isinstance(one, domain.hint):
                yield from ((f"{name}.{field}", getattr(one, field)) for field in domain.fields)

    def refusal(self, error: type[Exception], name: str, came: str, allowed: str) -> Exception:
        """The error itself, worded as at the door: formula, argument, what came, what is allowed."""
        return error(f"{self.raw.__name__}: {name}: {came} came; allowed: {allowed}")


def absent(*_: Any) -> int:
    """Stand for machine code that was not asked for yet."""
    return REFUSED


@inlined
def meet(one: Any, other: Any) -> Any:
    """Whether two contiguous arrays share memory."""
    return one.ctypes.data < other.ctypes.data + other.nbytes and other.ctypes.data < one.ctypes.data + one.nbytes


def renamed(function: Callable[..., Any], name: str) -> FunctionType:
    """The same function by another name: Numba keeps machine code by file and name."""
    code = function.__code__.replace(co_qualname=name, co_name=name)
    return FunctionType(code, function.__globals__, name)


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """An argument with its arrays changed."""
    if isinstance(value, tuple):
        return type(value)(*(mapped(one, change) for one in value))
    return change(value) if isinstance(value, ndarray) else value


def written(
    reference: Formula[..., Any], loops: Callable[..., Any], *, shapes: Callable[..., Any] | None = None, threads_from: int = THREADS_FROM
) -> Callable[[F], F]:
    """Make a declaration a kernel: signature and words are its own, what it computes are these loops.

    The shapes of the results follow from the annotations, or are what `shapes` makes of the arguments.
    """

    def kernel_of(declared: F) -> F:
        raw = reference.raw
        kernel = Written(raw, loops, shapes, threads_from)
        parameters = inspect.signature(raw).parameters.values()
        own = [(one.kind, one.name if one.default is one.empty else f"{one.name}={one.default!r}") for one in parameters]
        positional, keywords = ([text for kind, text in own if (kind is inspect.Parameter.KEYWORD_ONLY) is last] for last in (False, True))
        names = ", ".join(one.name for one in parameters)
        header = f"def {raw.__name__}({', '.join([*positional, '*', *keywords, 'out=None'])}):"
        parts: dict[str, Any] = {"kernel": kernel}
        exec(f"{header} return kernel(out, {names})", parts)  # a plain call costs a tenth of binding a signature
        made: Any = functools.update_wrapper(parts[raw.__name__], declared)
        made.kernel = kernel
        return cast("F", made)

    return kernel_of
