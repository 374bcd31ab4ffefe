"""Validation of the arguments and the result of a formula against the domains that its annotations state.

A wrong type or dtype is a TypeError; a wrong shape or range, or a number that is not finite, a ValueError; a wrong index an IndexError.
The message names the argument, what is allowed, and what was given.  Arguments with arrays of another arithmetic (a type with an
`__array_function__` of its own) are not validated: that arithmetic has rules of its own.
"""

from __future__ import annotations

import functools
import inspect
import math
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from jaxtyping import AbstractArray, jaxtyped

from . import domains as domain_names
from ._tree import tree_leaves, tree_map
from .limits import Interval, Limit, MayBeInfinite, as_limit, interval_of

# --- what an annotation states -------------------------------------------------------------------------


@dataclass(frozen=True)
class Domain:
    """What one argument may be: its kind, the shape of an array, its limits, the fields of a state."""

    kind: str  # array · number · count · choice · flag · function · functions · source · state
    hint: Any = None  # the annotation without its limits
    limits: tuple[Limit, ...] = ()
    fields: Mapping[str, Domain] = field(default_factory=dict)
    optional: bool = False  # None stands for an argument that is left out

    def __str__(self) -> str:
        if self.kind == "state":
            return f"{self.hint.__name__} of " + "; ".join(f"{name}: {domain}" for name, domain in self.fields.items())
        shape = f" of shape ({', '.join(self.axes)})" if self.kind == "array" else ""
        limits = [limit.describe() for limit in self.limits]
        return ", ".join([self.noun + shape, *limits, *["finite"] * self.must_be_finite, *["or None"] * self.optional])

    @property
    def noun(self) -> str:
        """What it is, without shape and limits."""
        return {
            "array": "integer array" if self.whole else "real array",
            "number": "real number",
            "count": "integer",
            "choice": " or ".join(map(repr, get_args(self.hint))),
            "flag": "truth value",
            "function": "function of an array to an array of its shape",
            "functions": "tuple of at least one function of an array to an array of its shape",
            "source": "numpy.random.Generator",
            "state": getattr(self.hint, "__name__", ""),
        }[self.kind]

    @property
    def axes(self) -> list[str]:
        """The names of the axes of an array, or of all arrays of a state."""
        if self.kind == "state":
            return [axis for domain in self.fields.values() for axis in domain.axes]
        return self.hint.dim_str.split() if self.kind == "array" else []

    @property
    def whole(self) -> bool:
        """Whether it is an array of integers."""
        return self.kind == "array" and "float64" not in self.hint.dtypes

    @property
    def extended(self) -> bool:
        """Whether infinity is allowed."""
        return MayBeInfinite() in self.limits

    @property
    def must_be_finite(self) -> bool:
        """Whether it holds real numbers none of which may be infinite."""
        return (self.kind == "number" or (self.kind == "array" and not self.whole)) and not self.extended

    @functools.cached_property
    def depends_on_other_argument(self) -> bool:
        """Whether one of its limits refers to another argument, which has to be validated first."""
        return any(limit.is_relation for limit in self.limits)

    @functools.cached_property
    def interval(self) -> Interval:
        """The smallest interval that contains all its numbers, whatever the other arguments are."""
        return interval_of(self.limits)


def domain_of(hint: Any) -> Domain:
    """Return the domain that one annotation states."""
    if get_origin(hint) is types.UnionType and get_args(hint)[1:] == (types.NoneType,):
        return replace(domain_of(get_args(hint)[0]), optional=True)
    limits: tuple[Limit, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *metadata = get_args(hint)
        limits = tuple(map(as_limit, metadata))
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return Domain("array", hint, limits)
    if hint is bool or get_origin(hint) is Literal:
        return Domain("flag" if hint is bool else "choice", hint, limits)
    if hint in (float, int):
        return Domain("number" if hint is float else "count", hint, limits)
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        hints = resolve_annotations(hint, hint.__module__)
        return Domain("state", hint, limits, {name: domain_of(field_hint) for name, field_hint in hints.items()})
    if hint is np.random.Generator:
        return Domain("source", hint, limits)
    if get_origin(hint) is tuple:
        return Domain("functions", hint, limits)
    if get_origin(hint) is not None and issubclass(get_origin(hint), Callable):  # type: ignore[arg-type]
        return Domain("function", hint, limits)
    raise TypeError(f"no domain is stated by the annotation {hint!r}")


def resolve_annotations(annotated: Any, module: str) -> dict[str, Any]:
    """Return the annotations of a function or a state, with the names of `domains`, which are imported for type checkers only."""
    return get_type_hints(annotated, {**vars(domain_names), **vars(sys.modules[module])}, include_extras=True)


@functools.cache
def domains(raw: Callable[..., Any]) -> dict[str, Domain]:
    """Return the domain of each argument of a formula, by name, in order."""
    hints = resolve_annotations(raw, raw.__module__)
    return {name: domain_of(hint) for name, hint in hints.items() if name != "return"}


def in_dependency_order(stated: Mapping[str, Domain]) -> list[tuple[str, Domain]]:
    """Return the domains of arguments by name, those that refer to another argument last."""
    return sorted(stated.items(), key=lambda item: item[1].depends_on_other_argument)


@functools.cache
def allows_infinite_result(raw: Callable[..., Any]) -> bool:
    """Return whether the result of a formula may be infinite."""
    hint = resolve_annotations(raw, raw.__module__)["return"]
    return MayBeInfinite in getattr(hint, "__metadata__", ())


@functools.cache
def signature_of(raw: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a formula, read once."""
    return inspect.signature(raw)


# --- a validated call -------------------------------------------------------------------------------------


def is_custom_array(value: Any) -> bool:
    """Return whether a value is an array of another arithmetic."""
    dispatch = getattr(type(value), "__array_function__", None)
    return dispatch is not None and dispatch is not np.ndarray.__array_function__ and not isinstance(value, np.generic)


def call_validated(raw: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Validate the arguments, evaluate the formula, and validate its result."""
    bound = signature_of(raw).bind(*args, **kwargs)
    bound.apply_defaults()
    if any(map(is_custom_array, tree_leaves(tuple(bound.arguments.values())))):
        return raw(*args, **kwargs)
    with jaxtyped("context"):
        validator = ArgumentValidator(raw.__name__, bound.arguments)
        for name, domain in in_dependency_order(domains(raw)):
            bound.arguments[name] = validator.validate(name, bound.arguments[name], domain)
        with np.errstate(all="ignore"):  # an overflow is reported below, once and by name
            try:
                result = raw(*bound.args, **bound.kwargs)
            except np.linalg.LinAlgError as problem:
                raise np.linalg.LinAlgError(f"{raw.__name__}(): {str(problem).lower()}") from None
    return validate_result(result, raw, tree_leaves(tuple(bound.arguments.values())))


def argument_error(error: type[Exception], formula: str, argument: str, requirement: str, got: str) -> Exception:
    """Return the error about one argument: `adam(): lr must be > 0, got -0.1`."""
    return error(f"{formula}(): {argument} must {requirement}, got {got}")


def describe_type(value: Any) -> str:
    """Return what a value of a wrong type is, for the end of an error message."""
    if isinstance(value, np.ndarray) and type(value) is np.ndarray:
        return f"a {value.dtype} array"
    if value is None or isinstance(value, bool | int | float | complex | str | np.generic):
        return f"{value!r} ({type(value).__name__})" if value is not None else "None"
    return type(value).__name__


def join_words(words: list[str], conjunction: str) -> str:
    """Return for example "a, b or c"."""
    return f" {conjunction} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


class ArgumentValidator:
    """The validation of one call: the shapes and the dtype of the arrays that are validated already, and the errors for those that are not.

    Must be used within `jaxtyping.jaxtyped("context")`, which holds the lengths of the axes.
    """

    def __init__(self, formula: str, arguments: Mapping[str, Any]) -> None:
        self.formula = formula
        self.arguments = arguments
        self.dtype: tuple[str, np.dtype[Any]] | None = None  # an argument, and the dtype that the others share with it
        self.shapes: dict[str, tuple[list[str], tuple[int, ...]]] = {}  # names and lengths of the axes of each array

    def validate(self, name: str, value: Any, domain: Domain) -> Any:
        """Return the value as the formula takes it, or raise the error that names the argument."""
        if domain.optional and value is None:
            return None
        validated = getattr(self, f"validate_{domain.kind}")(name, value, domain)
        if domain.kind in ("array", "number", "count"):
            self.check_limits(name, validated, domain)
        return validated

    def error(self, error: type[Exception], name: str, requirement: str, got: str) -> Exception:
        """Return the error about an argument of this call."""
        return argument_error(error, self.formula, name, requirement, got)

    def type_error(self, name: str, value: Any, domain: Domain) -> Exception:
        """Return the error about an argument of a wrong type."""
        kinds = [*map(repr, get_args(domain.hint))] if domain.kind == "choice" else [domain.noun]
        if domain.kind == "flag":
            kinds = ["True", "False"]
        elif domain.kind not in ("choice", "state", "source"):
            kinds = [("an " if domain.noun[0] in "aeiou" else "a ") + domain.noun]
        return self.error(TypeError, name, f"be {join_words(kinds + ['None'] * domain.optional, 'or')}", describe_type(value))

    def validate_state(self, name: str, value: Any, domain: Domain) -> Any:
        """Validate each field of a state."""
        if not isinstance(value, domain.hint):
            raise self.type_error(name, value, domain)
        fields = ((key, getattr(value, key), field_domain) for key, field_domain in domain.fields.items())
        return type(value)(*(self.validate(f"{name}.{key}", part, field_domain) for key, part, field_domain in fields))

    def validate_function(self, name: str, value: Any, domain: Domain) -> Callable[[Any], Any]:
        """Return the function (a gradient) with a check of what it returns at each call."""
        if not callable(value):
            raise self.type_error(name, value, domain)

        def validated(point: Any) -> Any:
            result = value(point.copy() if isinstance(point, np.ndarray) else point)
            self.check_function_result(f"{name}(…)", point, result)
            return result

        return validated

    def check_function_result(self, call: str, point: Any, result: Any) -> None:
        """Raise unless the result of a function has the dtype and the shape of its argument, and is finite."""
        if not isinstance(result, np.ndarray | np.floating | float):
            raise self.error(TypeError, call, "be an array like its argument", describe_type(result))
        arrays = all(isinstance(value, np.ndarray | np.generic) for value in (point, result))
        if arrays and result.dtype.name != point.dtype.name:  # type: ignore[union-attr]
            raise self.error(TypeError, call, f"be a {point.dtype} array like its argument", f"a {result.dtype} array")  # type: ignore[union-attr]
        if np.shape(result) != np.shape(point):
            raise self.error(ValueError, call, f"have shape {np.shape(point)} like its argument", f"{np.shape(result)}")
        self.check(np.isfinite(result), call, result, "be finite")

    def validate_functions(self, name: str, value: Any, domain: Domain) -> tuple[Callable[[Any], Any], ...]:
        """Return the functions (the gradients of samples), each with a check of what it returns."""
        if not isinstance(value, tuple):
            raise self.type_error(name, value, domain)
        if not value:
            raise self.error(ValueError, name, "hold at least one function", "an empty tuple")
        return tuple(
            self.validate_function(f"{name}[{index}]", function, replace(domain, kind="function")) for index, function in enumerate(value)
        )

    def validate_source(self, name: str, value: Any, domain: Domain) -> Any:
        """Return a source of random numbers."""
        if not isinstance(value, np.random.Generator):
            raise self.type_error(name, value, domain)
        return value

    def validate_flag(self, name: str, value: Any, domain: Domain) -> Any:
        """Return a truth value."""
        if not isinstance(value, bool):
            raise self.type_error(name, value, domain)
        return value

    def validate_choice(self, name: str, value: Any, domain: Domain) -> Any:
        """Return one of several words."""
        if not isinstance(value, str):
            raise self.type_error(name, value, domain)
        if value not in get_args(domain.hint):
            raise self.error(ValueError, name, f"be {join_words([*map(repr, get_args(domain.hint))], 'or')}", repr(value))
        return value

    def validate_array(self, name: str, value: Any, domain: Domain) -> Any:
        """Return an array of the shape and dtype that the other arguments ask for; a real scalar is an array without axes."""
        array = np.asarray(value) if isinstance(value, float | np.floating) else value
        if type(array) is not np.ndarray or array.dtype.name not in domain.hint.dtypes:
            raise self.type_error(name, value if isinstance(value, float | np.floating) else array, domain)
        shares_dtype = type(value) is not float and not domain.whole
        if shares_dtype and self.dtype and self.dtype[1] != array.dtype:
            raise self.error(TypeError, name, f"be a {self.dtype[1]} array like {self.dtype[0]}", f"a {array.dtype} array")
        if shares_dtype:
            self.dtype = self.dtype or (name, array.dtype)
        if not isinstance(array, domain.hint):
            raise self.error(ValueError, name, self.required_shape(domain), f"{array.shape}")
        if array.size == 0 and not any(axis.startswith("*") for axis in domain.axes):
            raise self.error(ValueError, name, "not be empty", f"shape {array.shape}")
        self.shapes[name] = domain.axes, array.shape
        return array

    def required_shape(self, domain: Domain) -> str:
        """Return which shape the arrays that are validated already leave for another one, as the requirement of an error."""
        for argument, (axes, shape) in self.shapes.items():
            if axes == domain.axes:
                return f"have shape {shape} like {argument}"
        known: dict[str, str] = {}
        for argument, (axes, shape) in self.shapes.items():
            known |= {axis: f"{axis} = {length} as in {argument}" for axis, length in axis_lengths(axes, shape)}
        names = f"({', '.join(domain.axes)}{',' if len(domain.axes) == 1 else ''})"
        bound = ", ".join(known[axis] for axis in dict.fromkeys(domain.axes) if axis in known)
        return f"have shape {names}" + (f" with {bound}" if bound else "")

    def validate_number(self, name: str, value: Any, domain: Domain) -> float:
        """Return a Python number: NumPy's scalars would change the dtype of the result."""
        return float(self.unwrap_number(name, value, domain, (int, float, np.integer, np.floating)))

    def validate_count(self, name: str, value: Any, domain: Domain) -> int:
        """Return a Python integer."""
        return int(self.unwrap_number(name, value, domain, (int, np.integer)))

    def unwrap_number(self, name: str, value: Any, domain: Domain, kinds: tuple[type, ...]) -> Any:
        """Return the number itself, out of an array without axes; raise where it is of none of these types."""
        if isinstance(value, np.ndarray) and value.shape == ():
            value = value[()]
        if isinstance(value, bool | np.bool_) or not isinstance(value, kinds):
            raise self.type_error(name, value, domain)
        return value

    def check_limits(self, name: str, value: Any, domain: Domain) -> None:
        """Raise unless an array or number is finite and satisfies all its limits."""
        requirement = "be finite or inf" if domain.extended else "be finite"
        self.check(np.isfinite(value) | (np.isposinf(value) & domain.extended), name, value, requirement)
        for limit in domain.limits:
            if not np.all(holds := limit.holds(value, self.arguments)):
                restricting = [other for other in domain.limits if other != MayBeInfinite()]
                requirement = f"be {join_words([other.describe(self.arguments) for other in restricting], 'and')}"
                self.check(holds, name, value, requirement, limit.error)

    def check(self, condition: Any, name: str, value: Any, requirement: str, error: type[Exception] = ValueError) -> None:
        """Raise unless the condition holds everywhere; the message shows the first entry where it does not."""
        if np.all(condition):
            return
        if np.ndim(condition) == 0 or np.ndim(value) == 0:
            shown = value.tolist() if isinstance(value, np.ndarray) and value.size <= SHOWN_ENTRIES else value
            raise self.error(error, name, requirement, str(shown) if np.ndim(value) == 0 else repr(shown))
        index = tuple(int(i) for i in np.argwhere(~np.asarray(condition))[0])
        raise self.error(error, name, requirement, f"{value[index]} at index {index}")


SHOWN_ENTRIES = 16  # of an array that is shown as a whole


def axis_lengths(axes: list[str], shape: tuple[int, ...]) -> list[tuple[str, int]]:
    """Return the named axes of a shape with their lengths; an axis with * stands for any number of axes."""
    star = next((index for index, axis in enumerate(axes) if axis.startswith("*")), len(axes))
    behind = len(axes) - star - 1
    return [*zip(axes[:star], shape), *(zip(axes[-behind:], shape[-behind:]) if behind > 0 else ())]  # noqa: B905 - as many as are named


def validate_result(result: Any, raw: Callable[..., Any], inputs: list[Any]) -> Any:
    """Return the result of a formula in memory of its own; raise where it is not finite."""
    return tree_map(functools.partial(validate_array_result, raw=raw, inputs=inputs), result)


def validate_array_result(result: Any, raw: Callable[..., Any], inputs: list[Any]) -> Any:
    """Return one array or number of a result in memory of its own; raise where it is not finite."""
    finite = np.isfinite(result) if isinstance(result, np.ndarray) else math.isfinite(result)
    if not np.all(finite) and not (allows_infinite_result(raw) and np.all(finite | np.isposinf(result))):
        cause = "overflow or division by zero"
        raise ValueError(f"{raw.__name__}(): the result is not finite ({cause}) although all arguments are")
    if isinstance(result, np.ndarray) and any(isinstance(value, np.ndarray) and np.may_share_memory(result, value) for value in inputs):
        return result.copy()
    return result
