"""What the kernels share whose loops are written out: the door, `out=`, fresh results, threads from a size on.

The loops of a formula take its results, then its arguments in order (a state field by field, a choice as its place among the choices),
and say whether something is not finite or not allowed: then the reference has the last word. They compute in float64
whatever is one number for many entries, and make threads by `prange` alone, over pieces that depend on the sizes alone.

Axes of any number (`*batch`) are one axis to the loops, and so is a result whose shape only its arguments tell. An array that is left out
has no entries.

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

from ..reference import tree_leaves
from ._kernels import FINITE, NOT_FINITE, ONE_AT_A_TIME, REFUSED, THREADS, checked, closed, compiled, inlined, native

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..reference import Formula
    from ..reference.validation import Domain

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


@inlined
def outside(x: Any, least: Any, largest: Any) -> Any:
    """Whether a number is not from one number to another, or none at all."""
    return not (least <= x <= largest)


def narrowed(number: Any, array: Any) -> Any:
    """One number for many entries, in the dtype of the array."""
    return number if array.dtype == object else array.dtype.type(number)


@native(narrowed)
def _narrowed(number: Any, array: Any) -> Callable[..., Any]:
    kind = array.dtype
    return lambda number, array: kind(number)


def wide_zeros(shape: Any, like: Any) -> Any:
    """Zeros for sums of numbers of an array: float64."""
    return np.zeros(shape, object if like.dtype == object else float)


@native(wide_zeros)
def _wide_zeros(shape: Any, like: Any) -> Callable[..., Any]:
    return lambda shape, like: np.zeros(shape)


def in_python(function: Callable[..., Any], **substitutes: Any) -> Callable[..., Any]:
    """The same loops as plain Python, which run on any numbers; what a name stands for may be substituted."""
    pure = getattr(function, "py_func", function)
    names = {name: part for name, part in pure.__globals__.items() if name in pure.__code__.co_names and isinstance(part, Dispatcher)}
    parts = {name: in_python(part, **substitutes) for name, part in names.items()}
    return FunctionType(pure.__code__, {**pure.__globals__, **parts, **substitutes}, pure.__name__, pure.__defaults__)


class Written:
    """A formula whose loops are written out. A call gives `out` and all its arguments in order."""

    def __init__(
        self,
        reference: Formula[..., Any],
        loops: Callable[..., Any],
        *,
        shapes: Callable[..., Any] | None = None,
        threads_from: float = THREADS_FROM,
        before: Callable[..., None] | None = None,
        after: Callable[..., bool] | None = None,
        room: tuple[str, ...] = (),
    ) -> None:
        self.reference, self.raw, self.loops, self.threads_from = reference, reference.raw, loops, threads_from
        self.shapes_of = shapes  # of the results, from the arguments, where their annotations don't tell
        self.before, self.after = before, after  # what NumPy does of the work: the products of matrices
        self.room = [tuple(axes.split()) for axes in room]  # arrays for the loops alone, by their axes
        self.made: dict[np.dtype[Any], list[Any]] = {}  # machine code by dtype, without threads and with

    def __call__(self, out: Any, *arguments: Any) -> Any:
        """The result, in fresh arrays or in `out`. What is plainly right goes straight through; the rest is looked at with care."""
        try:
            taken, shapes, dtype, size = self.plain(*arguments)
            new = [np.empty(shape, dtype) for shape in shapes] if out is None else self.received(out, shapes, dtype, arguments)
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
            return self.given(new, out)
        return self.careful(out, arguments) if verdict == REFUSED else self.looked_at(arguments, new, out)

    def run(self, dtype: np.dtype[Any], size: int, new: list[Any], taken: tuple[Any, ...]) -> int:
        """One run: of what NumPy does before, of the loops, with threads where they pay, and of what NumPy does after."""
        new = self.lined(new)
        if self.room:
            new = [*new, *self.rooms(taken)]
        if self.before:
            with np.errstate(all="ignore"):
                self.before(*new, *taken)
        if size < self.threads_from:
            verdict = self.made[dtype][0](*new, *taken)
        else:
            with ONE_AT_A_TIME:
                verdict = self.made[dtype][1](*new, *taken)
        if self.after and verdict == FINITE:
            with np.errstate(all="ignore"):
                verdict = NOT_FINITE if self.after(*new, *taken) else FINITE
        return verdict  # type: ignore[no-any-return]

    def rooms(self, taken: Sequence[Any]) -> list[Any]:
        """The arrays for the loops alone."""
        lengths: dict[str, int] = {}
        for domain, one in zip(self.arguments.values(), taken, strict=True):
            if domain.kind == "array":
                lengths |= zip(domain.hint.dim_str.split(), one.shape, strict=True)
        return [np.empty([lengths[axis] for axis in axes], taken[0].dtype) for axes in self.room]

    def careful(self, out: Any, arguments: tuple[Any, ...]) -> Any:
        """The same for anything: refused as the reference refuses it, or copied until the machine code takes it."""
        for name, one in self.lanes(arguments):
            dtype = getattr(one, "dtype", np.dtype(float))
            if isinstance(one, ndarray) and dtype.kind == "f" and dtype.name not in FORMATS:
                raise self.refusal(TypeError, name, f"{dtype} array", "float32 array, float64 array")
        allowed = checked(self.raw, arguments)
        first = next(one for one in tree_leaves(tuple(allowed)) if isinstance(one, ndarray) and one.dtype.kind == "f")
        native = np.dtype(first.dtype.name)
        plain = [mapped(one, lambda part: np.require(part, native if part.dtype.kind == "f" else np.int64, ["C", "A"])) for one in allowed]
        try:
            taken, shapes, _, size = self.plain(*plain)
        except ValueError:  # an axis has no entries, which the reference's door lets pass
            self.reference(**dict(zip(self.stated, arguments, strict=True)))
            raise
        target = self.accepted(out, shapes, native, arguments)
        new = [one if one.flags.carray and one.dtype is native else np.empty(one.shape, native) for one in target]
        self.code(native, threads=size >= self.threads_from)
        verdict = self.run(native, size, new, taken)
        for one, result in zip(target, new, strict=True):
            if one is not result:
                np.copyto(one, result)
        return self.looked_at(arguments, target, out) if verdict else self.given(target, out)

    def looked_at(self, arguments: tuple[Any, ...], new: list[Any], out: Any) -> Any:
        """What the reference says, which has the last word: its error, or its result."""
        said = tree_leaves((self.reference(**dict(zip(self.stated, arguments, strict=True))),))
        for one, other in zip(new, said, strict=True):
            np.copyto(one, other)
        return self.given(new, out)

    def code(self, dtype: np.dtype[Any], *, threads: bool) -> Callable[..., int]:
        """The machine code for one dtype, made when it is first asked for."""
        codes = self.made.setdefault(dtype, [absent, absent])
        if codes[threads] is absent:
            codes[threads] = self.machine_code(dtype, threads=threads)
        return codes[threads]  # type: ignore[no-any-return]

    def in_python(self, new: list[Any], arguments: tuple[Any, ...], **substitutes: Any) -> Any:
        """One run on numbers of any kind, in plain Python; whether something is not finite or not allowed."""
        taken: list[Any] = []
        for domain, one in zip(self.stated.values(), arguments, strict=True):
            if domain.fields:
                taken.extend(one)
            elif domain.kind == "choice":
                taken.append(get_args(domain.hint).index(one))
            elif domain.kind == "array":
                taken.append(np.empty([0] * len(domain.hint.dims)) if one is None else lined(one, domain.hint.dim_str.split()))
            else:
                taken.append(one)
        new = [*self.filled(self.lined(new), object), *(one.view(type(new[0])) for one in self.rooms(taken))]
        if self.before:
            in_python(self.before, **substitutes)(*new, *taken)
        verdict = in_python(self.loops, **substitutes)(*new, *taken)
        if self.after:
            in_python(self.after, **substitutes)(*new, *taken)
        return verdict

    def filled(self, new: list[Any], dtype: Any) -> list[Any]:
        """The results that the loops make, from those that are asked for."""
        return new

    def machine_code(self, dtype: np.dtype[Any], *, threads: bool) -> Callable[..., int]:
        """The loops for one dtype, unless a result shares memory with something.

        They are kept under a name with a digest of all of these files, and not longer than what they are made of.
        """
        kind = from_dtype(dtype)
        results = [types.Array(kind, len(dims), "C") for dims in (*self.results, *self.room)]
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
        from ..reference.validation import domains

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
        """The names of the axes of each result; * stands for those that only the arguments tell."""
        from ..reference.validation import domain_of

        hints = get_args(self.hint) if get_origin(self.hint) is tuple else [self.hint]
        known = [None if get_origin(one) is ndarray else domain_of(one) for one in hints]
        parts = [part for one in known for part in (one.fields.values() if one and one.fields else [one])]
        return [tuple(part.hint.dim_str.split()) if part else ("*",) for part in parts]

    @functools.cached_property
    def hint(self) -> Any:
        """The annotation of the result."""
        from ..reference.validation import resolve_annotations

        return resolve_annotations(self.raw, self.raw.__module__)["return"]

    def given(self, new: list[Any], out: Any) -> Any:
        """The result from its arrays; a fresh array without axes is a number, as NumPy's functions give it."""
        return self.built([one if one.shape or out is not None else one[()] for one in new])

    @functools.cached_property
    def built(self) -> Callable[[list[Any]], Any]:
        """Arrays as the result has them."""
        hint = self.hint
        if isinstance(hint, type) and hasattr(hint, "_fields"):
            return lambda new: hint(*new)
        return tuple if get_origin(hint) is tuple else lambda new: new[0]

    @functools.cached_property
    def lined(self) -> Callable[[list[Any]], list[Any]]:
        """The results as the loops take them."""
        if not any(axis.startswith("*") for axes in self.results for axis in axes):
            return lambda new: new
        return lambda new: [lined(one, axes) for one, axes in zip(new, self.results, strict=True)]

    @functools.cached_property
    def plain(self) -> Callable[..., Any]:
        """What the loops take, the results' shapes, the dtype and the bytes of the largest array; an error where not all is plainly right.

        One function, made for this formula: a microsecond has no room for loops.
        """
        from ..reference.limits import Divides

        lines: list[str] = []
        sizes: list[str] = []
        taken: list[str] = []
        made: dict[str, Any] = {"ndarray": ndarray, "empty": np.empty, "lined": lined, "inf": math.inf, "int64": np.dtype(np.int64)}
        made["shapes"] = self.shapes_of
        bound: set[str] = set()  # names of axes
        for name, domain in self.stated.items():
            if domain.fields:
                made[domain.hint.__name__] = domain.hint
                lines.append(f"if type({name}) is not {domain.hint.__name__}: raise TypeError")
        for i, (place, domain) in enumerate(self.arguments.items()):
            name = f"a{i}"
            lines.append(f"{name} = {place}")
            if domain.kind == "array":
                lines += array_tests(name, place, domain, bound)
                bound |= set(domain.hint.dim_str.split())
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
        lengths = sorted(axis for axis in bound if "*" not in axis)
        lines.append(f"if not ({' and '.join(lengths) or 'True'}): raise ValueError('{self.raw.__name__}: an axis has no entries')")
        names = ", ".join(self.stated)
        alone = [one.name for one in inspect.signature(self.raw).parameters.values() if one.kind is one.KEYWORD_ONLY]
        own = f"shapes({', '.join(f'{name}={name}' if name in alone else name for name in self.stated)})"
        shapes = own if self.shapes_of else "(" + "".join(f"({''.join(f'{axis}, ' for axis in axes)}), " for axes in self.results) + ")"
        lines.append(f"return ({', '.join(taken)},), {shapes}, dtype, max({', '.join(sizes)}, 0)")
        text = f"def plain({names}):\n    " + "\n    ".join(lines)
        exec(text, made)
        return cast("Callable[..., Any]", made["plain"])

    def received(self, out: Any, shapes: tuple[Any, ...], dtype: np.dtype[Any], arguments: tuple[Any, ...]) -> list[Any]:
        """The arrays of `out`, where they are plainly right; the machine code sees shared memory too late where NumPy goes before."""
        new = list(out) if isinstance(out, tuple) else [out]
        for one, shape in zip(new, shapes, strict=True):
            if type(one) is not ndarray or one.dtype is not dtype or one.shape != shape:
                raise TypeError
            if self.before and any(isinstance(other, ndarray) and np.may_share_memory(one, other) for other in arguments):
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


class Part(Written):
    """One of the results that another kernel makes: of the others it is given arrays without entries, and leaves them alone."""

    def __init__(self, reference: Formula[..., Any], whole: Written, place: int) -> None:
        assert whole.shapes_of
        shapes = whole.shapes_of
        own = lambda *arguments, **rest: (shapes(*arguments, **rest)[place],)  # noqa: E731
        super().__init__(reference, whole.loops, shapes=own, threads_from=whole.threads_from)
        self.whole, self.place = whole, place

    def machine_code(self, dtype: np.dtype[Any], *, threads: bool) -> Callable[..., int]:
        """The other kernel's."""
        code, (before, after) = self.whole.code(dtype, threads=threads), self.rest(dtype)
        return lambda result, *taken: code(*before, result, *after, *taken)

    def filled(self, new: list[Any], dtype: Any) -> list[Any]:
        """The results that the loops make, from the one that is asked for."""
        before, after = self.rest(dtype)
        return [*before, *new, *after]

    def rest(self, dtype: Any) -> tuple[list[Any], list[Any]]:
        """The other results, without entries: those before, and those after."""
        others = [np.empty((0,) * len(axes), dtype) for axes in self.whole.results]
        return others[: self.place], others[self.place + 1 :]


def both(value: Formula[..., Any], gradient: Formula[..., Any]) -> Formula[..., Any]:
    """A formula and its gradient as one, which gives a pair."""

    def raw(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        return value.raw(*args, **kwargs), gradient.raw(*args, **kwargs)

    def behind_the_door(*args: Any, **kwargs: Any) -> Any:
        from ..reference.validation import call_validated

        return call_validated(raw, args, kwargs)

    functools.update_wrapper(raw, value.raw)
    raw.__name__ = f"{value.__name__}_with_grad"
    results = f"tuple[{', '.join(one.raw.__annotations__['return'] for one in (value, gradient))}]"
    raw.__annotations__ = value.raw.__annotations__ | {"return": results}
    raw.__signature__ = inspect.signature(value.raw).replace(return_annotation=results)  # type: ignore[attr-defined]
    made: Any = functools.update_wrapper(behind_the_door, raw)
    made.raw = raw
    return cast("Formula[..., Any]", made)


def array_tests(name: str, place: str, domain: Domain, bound: set[str]) -> list[str]:
    """What is to be seen of an array among the arguments, and the lengths of its axes; those that are bound must be the same."""
    lines = [f"dtype = {name}.dtype"] if not (bound or domain.whole) else []
    if domain.optional:
        lines.append(f"if {name} is None: {name} = empty({[0] * len(domain.hint.dims)}, dtype)")
    lines.append(f"if type({name}) is not ndarray or {name}.dtype is not {'int64' if domain.whole else 'dtype'}: raise TypeError")
    axes = domain.hint.dim_str.split()
    fresh = [axis if axis not in bound else axis.replace("*", "*_") if "*" in axis else f"_{axis}" for axis in axes]
    lines.append(f"{', '.join(fresh)}, = {name}.shape" if axes else f"if {name}.shape: raise ValueError")
    known = [axis.lstrip("*") for axis in axes if axis in bound]
    if known:
        given = f"{place} is not None and " if domain.optional else ""
        lines.append(f"if {given}({' or '.join(f'_{axis} != {axis}' for axis in known)}): raise ValueError")
    if any("*" in axis for axis in axes):
        lines.append(f"{name} = lined({name}, {axes})")
    return lines


def lined(array: Any, axes: Sequence[str]) -> Any:
    """The array with the axes that * stands for as one; it must be contiguous, for a copy would not be it."""
    count = len(axes) - 1
    if not any("*" in axis for axis in axes) or (count and array.ndim == count + 1):
        return array
    if not array.flags.c_contiguous:
        raise TypeError
    return array.reshape(-1, *array.shape[array.ndim - count :])


def absent(*_: Any) -> int:
    """Stand for machine code that was not asked for yet."""
    return REFUSED


@inlined
def meet(one: Any, other: Any) -> Any:
    """Whether two contiguous arrays share memory."""
    return one.ctypes.data < other.ctypes.data + other.nbytes and other.ctypes.data < one.ctypes.data + one.nbytes


def renamed(function: Callable[..., Any], name: str, **parts: Any) -> FunctionType:
    """The same function by another name, for Numba keeps machine code by file and name; what a name stands for may be substituted."""
    code = function.__code__.replace(co_qualname=name, co_name=name)
    return FunctionType(code, {**function.__globals__, **parts}, name, function.__defaults__)


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """An argument with its arrays changed."""
    if isinstance(value, tuple):
        return type(value)(*(mapped(one, change) for one in value))
    return change(value) if isinstance(value, ndarray) else value


def written(reference: Formula[..., Any], loops: Callable[..., Any], **options: Any) -> Callable[[F], F]:
    """Make a declaration a kernel: signature and words are its own, what it computes are these loops.

    The shapes of the results follow from the annotations, or are what `shapes` makes of the arguments; threads come from so many bytes of
    the largest argument on. NumPy does a part of the work `before` and `after` the loops, and may say that something is not finite after
    them; both take what the loops take. `room` names the axes of arrays that they need besides, which follow the results.
    """
    return declares(Written(reference, loops, **options))


def part(reference: Formula[..., Any], whole: Any, place: int) -> Callable[[F], F]:
    """Make a declaration a kernel that gives one of the results of another."""
    return declares(Part(reference, whole.kernel, place))


def declares(kernel: Written) -> Callable[[F], F]:
    """Make a declaration the way to call a kernel."""

    def kernel_of(declared: F) -> F:
        raw = kernel.raw
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
