"""The front end of all kernels: how arguments and `out` are checked, and with which errors.

A call takes the fast path where all arguments are plainly valid: one generated function for each formula, without loops or signature
binding. Anything else takes the slow path: the arguments are validated as the reference validates them, and copied where machine code needs
another layout; `out` is validated too. Then the error is the reference's, or the result is.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

import numpy as np
from numpy import ndarray

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ..reference.validation import Domain

F = TypeVar("F", bound="Callable[..., Any]")

FORMATS = ("float32", "float64")
MISSES = (AttributeError, TypeError, ValueError, KeyError, IndexError, OverflowError)  # raised by a fast path: the slow path decides


class Frontend:
    """The arguments and the result of one formula."""

    def __init__(self, raw: Callable[..., Any]) -> None:
        self.raw = raw
        self.name = raw.__name__

    @functools.cached_property
    def domains(self) -> dict[str, Domain]:
        """The domain of each argument."""
        from ..reference.validation import domains  # loads what annotations are made of, which imports do not pay for

        return domains(self.raw)

    @functools.cached_property
    def operands(self) -> dict[str, Domain]:
        """The domain of each argument and of each field of a state (`state.m`)."""
        return flat_domains(self.domains)

    def error(self, error: type[Exception], argument: str, requirement: str, got: str) -> Exception:
        """Return the error about one argument, in the words of the reference."""
        from ..reference.validation import argument_error

        return argument_error(error, self.name, argument, requirement, got)

    def type_error(self, argument: str, requirement: str, value: Any) -> Exception:
        """Return the error about an argument of a wrong type."""
        from ..reference.validation import describe_type

        return self.error(TypeError, argument, requirement, describe_type(value))

    # --- arguments ---------------------------------------------------------------------------------------

    def named_operands(self, arguments: Sequence[Any]) -> Iterator[tuple[str, Any]]:
        """Yield what is given for each operand, by name; nothing for a state that is none."""
        for (name, domain), value in zip(self.domains.items(), arguments, strict=True):
            if not domain.fields:
                yield name, value
            elif isinstance(value, domain.hint):
                yield from ((f"{name}.{field}", getattr(value, field)) for field in domain.fields)

    def coerce_arguments(self, arguments: Sequence[Any], overwritten: Collection[str] = (), *, check_gradient: bool = True) -> list[Any]:
        """Return the arguments as the formula takes them, or raise the reference's error.

        Arrays named in `overwritten` hold a result already: ones stand for them. A gradient function has been called: what it returned is
        validated, with `check_gradient`.
        """
        from jaxtyping import jaxtyped

        from ..reference.validation import ArgumentValidator, in_dependency_order

        self.check_formats(arguments)
        named = dict(zip(self.domains, arguments, strict=True))
        for name in overwritten:
            owner, _, field = name.partition(".")
            ones = np.ones_like(getattr(named[owner], field) if field else named[owner])
            named[owner] = named[owner]._replace(**{field: ones}) if field else ones
        point = next(iter(named.values()))
        with jaxtyped("context"):
            validator = ArgumentValidator(self.name, named)
            for name, domain in in_dependency_order(self.domains):
                if domain.kind != "function":
                    named[name] = validator.validate(name, named[name], domain)
                elif check_gradient:
                    named[name] = validator.validate_function(name, lambda _, result=named[name]: result, domain)(point)
        return list(named.values())

    def check_formats(self, arguments: Sequence[Any]) -> None:
        """Raise where an array of floats is of a format that no kernel has."""
        for name, value in self.named_operands(arguments):
            if isinstance(value, ndarray) and value.dtype.kind == "f" and value.dtype.name not in FORMATS:
                raise self.type_error(name, "be a float32 array or a float64 array", value)

    def check_layout(self, arguments: Sequence[Any]) -> None:
        """Raise where machine code would need a copy of an array."""
        for name, array in self.named_operands(arguments):
            if isinstance(array, ndarray) and not (array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative):
                raise self.error(ValueError, name, "be C-contiguous, aligned and in native byte order", "an array that is not")

    # --- out ---------------------------------------------------------------------------------------------

    def validate_out(
        self,
        out: Any,
        structure: Any,
        paths: Sequence[str],
        shapes: Sequence[tuple[int, ...]],
        dtype: np.dtype[Any],
        inputs: Mapping[str, Any],
        replaces: Sequence[str] = (),
    ) -> list[NDArray[Any]]:
        """Return the arrays for the results at these paths: those of `out`, and fresh ones where it has None.

        They share memory with no array of `inputs` and with no other result, except, exactly, with the input that they replace.
        """
        self.check_structure(out, structure, "out")
        occupied = {name: array for name, array in inputs.items() if isinstance(array, ndarray)}
        arrays: list[NDArray[Any]] = []
        for i, (path, shape) in enumerate(zip(paths, shapes, strict=True)):
            array = get_path(out, path)
            if array is None:
                arrays.append(np.empty(shape, dtype))
                continue
            self.check_out_array(f"out{path}", array, shape, dtype)
            for name, other in occupied.items():
                if np.shares_memory(array, other) and not (replaces and name == replaces[i] and is_same_array(array, other)):
                    requirement = f"be {replaces[i]} itself or have memory of its own" if replaces else "have memory of its own"
                    raise self.error(ValueError, f"out{path}", requirement, f"memory of {name}")
            occupied[f"out{path}"] = array
            arrays.append(array)
        return arrays

    def check_out_array(self, name: str, array: Any, shape: tuple[int, ...], dtype: np.dtype[Any], *, writeable: bool = True) -> None:
        """Raise unless an array can take a result; or, where it need not be writeable, unless it has this form."""
        if type(array) is not ndarray or array.dtype.name != dtype.name:
            raise self.type_error(name, f"be a {dtype.name} array{' or None' * writeable}", array)
        if array.shape != shape:
            raise self.error(ValueError, name, f"have shape {shape}", f"{array.shape}")
        if writeable and not array.flags.writeable:
            raise self.error(ValueError, name, "be writeable", "a read-only array")

    def check_layout_of_out(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Raise where machine code would need a copy of a result."""
        if not all(array.flags.carray and array.dtype.isnative for array in arrays):
            raise self.error(ValueError, "out", "be C-contiguous, aligned and in native byte order", "an array that is not")

    def check_structure(self, out: Any, structure: Any, name: str) -> None:
        """Raise unless `out` is built as the result is, or None in any part.

        A structure is a tuple of structures, a state's class, or None for an array.
        """
        if out is None or structure is None:
            return
        if isinstance(structure, type):
            if type(out) is not structure:
                raise self.type_error(name, f"be {structure.__name__} or None", out)
            return
        if not isinstance(out, tuple):
            raise self.type_error(name, f"be a tuple of {len(structure)} or None", out)
        if len(out) != len(structure):
            raise self.error(ValueError, name, f"be a tuple of {len(structure)}", f"a tuple of {len(out)}")
        for i, (part, inner) in enumerate(zip(out, structure, strict=True)):
            self.check_structure(part, inner, f"{name}[{i}]")


# --- the fast path: generated functions --------------------------------------------------------------------


def number_tests(domains: Mapping[str, Domain], within: tuple[float, float] | None = None) -> list[str]:
    """Return an expression for each number that is false where it is plainly valid; its name is that of the operand as an identifier.

    Relations are to arguments by their own names. With `within`, real numbers must also lie between these.
    """
    lines: list[str] = []
    for operand, domain in domains.items():
        if domain.kind not in ("number", "count"):
            continue
        name, kind = identifier(operand), "float" if domain.kind == "number" else "int"
        relations = [limit.expression(name) for limit in domain.limits if limit.is_relation]
        least, largest = domain.interval.float_range()
        if within and kind == "float":
            least, largest = max(least, within[0]), min(largest, within[1])
        others = [limit for limit in domain.limits if not limit.is_relation and limit.expression(name) is None]
        tests = [f"type({name}) is {kind}", f"{least!r} <= {name} <= {largest!r}", *(test or "False" for test in relations)]
        lines.append(" and ".join([*tests, *["False"] * len(others)]))  # what only the validator can test takes the slow path
    return lines


class FastPath:
    """The source of a function that takes a formula's arguments and raises one of `MISSES` unless all are plainly valid."""

    def __init__(self, frontend: Frontend, *, arrays: Collection[str] = (), within: tuple[float, float] | None = None) -> None:
        self.frontend = frontend
        self.lines: list[str] = []
        self.globals: dict[str, Any] = {
            "ndarray": ndarray,
            "empty": np.empty,
            "int64": np.dtype(np.int64),
            "Generator": np.random.Generator,
        }
        self.globals |= {"inf": math.inf, "merge_batch_axes": merge_batch_axes}
        self.axes: set[str] = set()  # names of axes whose lengths are known
        self.arrays: list[str] = []
        self.has_dtype = False
        for name, domain in frontend.domains.items():
            if domain.fields:
                self.globals[domain.hint.__name__] = domain.hint
                self.lines.append(f"if type({name}) is not {domain.hint.__name__}: raise TypeError")
                self.lines += [f"{identifier(f'{name}.{field}')} = {name}.{field}" for field in domain.fields]
        for operand, domain in frontend.operands.items():
            self.add_operand(identifier(operand), "array" if operand in arrays else domain.kind, domain)
        self.lines += [f"if not ({test}): raise ValueError" for test in number_tests(frontend.operands, within)]

    def add_operand(self, name: str, kind: str, domain: Domain) -> None:
        """Add the tests of one operand that need no other one."""
        if kind == "array":
            self.add_array(name, domain)
        elif kind == "number":
            self.lines.append(f"if type({name}) is int: {name} = float({name})")
        elif kind == "flag":
            self.lines.append(f"if type({name}) is not bool: raise TypeError")
        elif kind == "choice":
            self.lines.append(f"{name} = {get_args(domain.hint)!r}.index({name})")
        elif kind == "source":
            self.lines.append(f"if type({name}) is not Generator: raise TypeError")

    def add_array(self, name: str, domain: Domain) -> None:
        """Add the tests of an array's type and dtype."""
        if not (self.has_dtype or domain.whole):
            self.lines.append(f"dtype = {name}.dtype")
            self.has_dtype = True
        if domain.optional:
            self.lines += [f"is_given = {name} is not None", f"if not is_given: {name} = empty({[0] * len(domain.hint.dims)}, dtype)"]
        self.lines.append(f"if type({name}) is not ndarray or {name}.dtype is not {'int64' if domain.whole else 'dtype'}: raise TypeError")
        self.arrays.append(name)

    def compile(self, result: str, **names: Any) -> Callable[..., Any]:
        """Return the function, which returns this expression."""
        text = f"def fast_path({', '.join(self.frontend.domains)}):\n    " + "\n    ".join([*self.lines, f"return {result}"])
        space: dict[str, Any] = {}
        exec(text, self.globals | names, space)  # loops over the arguments would take longer than a small kernel
        return cast("Callable[..., Any]", space["fast_path"])


class ShapedFastPath(FastPath):
    """A fast path that also tests the shapes of arrays: axes of one name have one length, and none is empty but those that * stands for."""

    def add_array(self, name: str, domain: Domain) -> None:
        """Add the tests of an array, and the lengths of its axes."""
        super().add_array(name, domain)
        axes = domain.hint.dim_str.split()
        targets, tests = [], []
        for axis in axes:
            star, length = "*" * axis.startswith("*"), f"axis_{axis.lstrip('*')}"
            known = axis in self.axes
            targets.append(f"{star}{'other_' * known}{length}")
            tests += [f"other_{length} != {length}"] * known
        self.lines.append(f"{', '.join(targets)}, = {name}.shape" if axes else f"if {name}.shape: raise ValueError")
        if tests:
            self.lines.append(f"if {'is_given and ' * domain.optional}({' or '.join(tests)}): raise ValueError")
        if any(axis.startswith("*") for axis in axes):
            self.lines.append(f"{name} = merge_batch_axes({name}, {axes})")
        self.axes |= set(axes)

    def compile(self, result: str, **names: Any) -> Callable[..., Any]:
        """Return the function, which returns this expression."""
        lengths = sorted(f"axis_{axis}" for axis in self.axes if not axis.startswith("*"))
        if lengths:
            self.lines.append(f"if not ({' and '.join(lengths)}): raise ValueError('{self.frontend.name}(): an axis has no entries')")
        return super().compile(result, **names)


def compile_unpack_out(structure: Any, paths: Sequence[str], *, with_shapes: bool) -> Callable[..., Any]:
    """Return a function of (out, dtype, shapes) that returns the arrays of `out`, or raises one of `MISSES` unless all are valid."""
    states: dict[str, Any] = {}

    def misfits(structure: Any, name: str) -> list[str]:
        if structure is None:
            return []
        if isinstance(structure, type):
            states[structure.__name__] = structure
            return [f"type({name}) is not {structure.__name__}"]
        inner = [test for i, part in enumerate(structure) for test in misfits(part, f"{name}[{i}]")]
        return [f"not isinstance({name}, tuple)", f"len({name}) != {len(structure)}", *inner]

    lines = [f"if {' or '.join(tests)}: raise TypeError"] if (tests := misfits(structure, "out")) else []
    for i, path in enumerate(paths):
        shape = f" or r{i}.shape != shapes[{i}]" if with_shapes else ""
        lines += [f"r{i} = out{path}", f"if type(r{i}) is not ndarray or r{i}.dtype is not dtype{shape}: raise TypeError"]
    results = "".join(f"r{i}, " for i in range(len(paths)))
    space: dict[str, Any] = {}
    exec(
        "def unpack_out(out, dtype, shapes=()):\n    " + "\n    ".join([*lines, f"return ({results})"]),
        states | {"ndarray": ndarray},
        space,
    )
    return cast("Callable[..., Any]", space["unpack_out"])


def merge_batch_axes(array: Any, axes: Sequence[str]) -> Any:
    """Return the array with the axes that * stands for as one; it must be contiguous, for a copy would not be the array itself."""
    count = len(axes) - 1
    if not any(axis.startswith("*") for axis in axes) or (count and array.ndim == count + 1):
        return array
    if not array.flags.c_contiguous:
        raise TypeError
    return array.reshape(-1, *array.shape[array.ndim - count :])


# --- declarations ------------------------------------------------------------------------------------------


def declare(
    raw: Callable[..., Any],
    declared: F,
    call: Callable[..., Any],
    *,
    options: Sequence[str] = ("out",),
    prelude: str = "",
    switch: tuple[str, Callable[..., Any]] | None = None,
    **names: Any,
) -> F:
    """Return the function that a declaration declares: signature and docstring are its own; it calls `call(*options, *arguments)`.

    A switch is one more option: where it is not None, its function is called with it before the others.
    A plain call costs a tenth of binding a signature.
    """
    parameters = inspect.signature(raw).parameters.values()
    stated = [(p.kind is p.KEYWORD_ONLY, p.name if p.default is p.empty else f"{p.name}={p.default!r}") for p in parameters]
    positional, keywords = ([text for is_keyword, text in stated if is_keyword is wanted] for wanted in (False, True))
    arguments = ", ".join(parameter.name for parameter in parameters)
    given = ", ".join([*options, arguments])
    optional = [f"{option}=None" for option in (*options, *(switch or ())[:1])]
    header = f"def {raw.__name__}({', '.join([*positional, '*', *keywords, *optional])}):"
    lines = [header, *([prelude] if prelude else []), f"return call({given})"]
    space: dict[str, Any] = {"call": call, **names}
    if switch:
        lines.insert(1, f"if {switch[0]} is not None: return switched({switch[0]}, {given})")
        space["switched"] = switch[1]
    exec("\n    ".join(lines), space)
    return cast("F", functools.update_wrapper(space[raw.__name__], declared))


# --- names and structures ----------------------------------------------------------------------------------


def identifier(operand: str) -> str:
    """Return the name of an operand as an identifier: state.m → state_m."""
    return operand.replace(".", "_")


def flat_domains(domains: Mapping[str, Domain]) -> dict[str, Domain]:
    """Return the domains of all arguments, those of a state by field."""
    flat: dict[str, Domain] = {}
    for name, domain in domains.items():
        flat |= {f"{name}.{field}": inner for field, inner in domain.fields.items()} or {name: domain}
    return flat


def get_path(value: Any, path: str) -> Any:
    """Return the part of nested tuples and states at a path (`[1].m`); None where a whole part is None."""
    for index, field in re.findall(r"\[(\d+)\]|\.(\w+)", path):
        if value is not None:
            value = value[int(index)] if index else getattr(value, field)
    return value


def is_same_array(array: NDArray[Any], other: Any) -> bool:
    """Return whether two arrays are one and the same, or views of the same numbers in the same order."""
    if array is other:
        return True
    if not isinstance(other, ndarray) or array.strides != other.strides or array.shape != other.shape or array.dtype != other.dtype:
        return False
    return bool(array.ctypes.data == other.ctypes.data)


def unwrap_scalars(arrays: Sequence[NDArray[Any]]) -> tuple[Any, ...]:
    """Return the arrays, those without axes as numbers, as NumPy's functions return them."""
    return tuple([array[()] for array in arrays])
