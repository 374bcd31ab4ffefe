"""The door before every formula: arguments are checked against the domains that their annotations state.

Wrong dtype → TypeError; wrong shape, range, or a number that is not finite → ValueError; the message names the argument, what came,
and what is allowed. Arrays of another arithmetic (any type with an `__array_function__` of its own) pass: they have their own rules.
"""

from __future__ import annotations

import functools
import inspect
import math
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from jaxtyping import AbstractArray, jaxtyped

from . import domains as names
from .domains import (
    Divides,
    IndexInto,
    MayBeInfinite,
    NotBelow,
    OneOf,
    PositiveAlong,
    PositiveDefinite,
    Relation,
    StableWith,
    Symmetric,
    Varied,
)

SYMBOL = {Ge: ("≥", np.greater_equal, "ge"), Gt: (">", np.greater, "gt"), Le: ("≤", np.less_equal, "le"), Lt: ("<", np.less, "lt")}


@dataclass(frozen=True)
class Domain:
    """What one argument may be: its kind, the shape of an array, its limits, the fields of a state."""

    kind: str  # array · number · count · choice · flag · function · functions · source · state
    hint: Any = None  # the annotation without its limits
    limits: tuple[Any, ...] = ()
    fields: Mapping[str, Domain] = field(default_factory=dict)
    optional: bool = False  # None stands for an argument that is left out

    def __str__(self) -> str:
        if self.kind == "state":
            return f"{self.hint.__name__} of " + "; ".join(f"{name}: {domain}" for name, domain in self.fields.items())
        what = {
            "array": "integer array" if self.whole else "real array",
            "number": "real number",
            "count": "integer",
            "choice": " or ".join(map(repr, get_args(self.hint))),
            "flag": "truth value",
            "function": "function of an array to an array of its shape",
            "functions": "tuple of at least one function of an array to an array of its shape",
            "source": "numpy.random.Generator",
        }
        shape = f" of shape ({', '.join(self.hint.dim_str.split())})" if self.kind == "array" else ""
        finite = ["finite"] if self.kind in ("array", "number") and not (self.extended or self.whole) else []
        return ", ".join([what[self.kind] + shape, *map(described, self.limits), *finite, *["or None"] * self.optional])

    @property
    def whole(self) -> bool:
        """Whether it is an array of integers."""
        return self.kind == "array" and "float64" not in self.hint.dtypes

    @functools.cached_property
    def waits(self) -> bool:
        """Whether it is bounded by another argument, which is to be looked at first."""
        return any(isinstance(limit, Relation) for limit in self.limits)

    @property
    def extended(self) -> bool:
        """Whether infinity is allowed."""
        return MayBeInfinite in self.limits


def described(limit: Any) -> str:
    """One limit, in words."""
    if type(limit) in SYMBOL:
        symbol, _, bound = SYMBOL[type(limit)]
        return f"{symbol} {getattr(limit, bound)}"
    if isinstance(limit, NotBelow):
        return f"≥ {limit.argument}"
    if isinstance(limit, StableWith):
        return f"< 2 / {limit.argument}"
    if isinstance(limit, OneOf):
        return "each " + " or ".join(map(str, limit.numbers))
    if isinstance(limit, IndexInto):
        return f"each from 0 to the length of axis {limit.axis} of {limit.argument} less 1"
    if isinstance(limit, Divides):
        return f"a divisor of the length of axis {limit.axis} of {limit.argument}"
    if isinstance(limit, PositiveAlong):
        return f"positive along {limit.argument}"
    return {
        Symmetric: "symmetric",
        PositiveDefinite: "positive definite",
        Varied: "no constant column",
        MayBeInfinite: "possibly infinite",
    }[limit]


def along(value: Any, other: Any) -> Any:
    """The product of an array with another of its shape, row by row, or of a matrix with a vector on both sides."""
    return np.sum(other * (value if np.ndim(value) == np.ndim(other) else value @ other), axis=-1)


def domain_of(hint: Any) -> Domain:
    """The domain that one annotation states."""
    limits: tuple[Any, ...] = ()
    if get_origin(hint) is types.UnionType and get_args(hint)[1:] == (types.NoneType,):
        return replace(domain_of(get_args(hint)[0]), optional=True)
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        limits = tuple(rest)
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return Domain("array", hint, limits)
    if hint is bool or get_origin(hint) is Literal:
        return Domain("flag" if hint is bool else "choice", hint, limits)
    if hint in (float, int):
        return Domain("number" if hint is float else "count", hint, limits)
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return Domain("state", hint, limits, {name: domain_of(h) for name, h in resolved(hint, hint.__module__).items()})
    if hint is np.random.Generator:
        return Domain("source", hint, limits)
    if get_origin(hint) is tuple:
        return Domain("functions", hint, limits)
    if get_origin(hint) is not None and issubclass(get_origin(hint), Callable):  # type: ignore[arg-type]
        return Domain("function", hint, limits)
    raise TypeError(f"no domain is stated by the annotation {hint!r}")


def resolved(annotated: Any, module: str) -> dict[str, Any]:
    """The annotations of a function or a state, names of `domains` included: they are imported for type checkers only."""
    return get_type_hints(annotated, {**vars(names), **vars(sys.modules[module])}, include_extras=True)


@functools.cache
def domains(raw: Callable[..., Any]) -> dict[str, Domain]:
    """The domain of each argument of a formula, by name, in order."""
    hints = resolved(raw, raw.__module__)
    return {name: domain_of(hint) for name, hint in hints.items() if name != "return"}


def in_turn(given: Mapping[str, Domain]) -> list[tuple[str, Domain]]:
    """The domains of arguments, those that another one bounds last."""
    return sorted(given.items(), key=lambda one: one[1].waits)


@functools.cache
def extended_result(raw: Callable[..., Any]) -> bool:
    """Whether the result of a formula may be infinite."""
    hint = resolved(raw, raw.__module__)["return"]
    return MayBeInfinite in getattr(hint, "__metadata__", ())


@functools.cache
def signature(raw: Callable[..., Any]) -> inspect.Signature:
    """The signature of a formula, read once."""
    return inspect.signature(raw)


def leaves(value: Any) -> Iterator[Any]:
    """The arrays and numbers within nested tuples."""
    if isinstance(value, tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def foreign(value: Any) -> bool:
    """Whether a value belongs to another arithmetic."""
    dispatch = getattr(type(value), "__array_function__", None)
    return dispatch is not None and dispatch is not np.ndarray.__array_function__ and not isinstance(value, np.generic)


def enter(raw: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Check, evaluate, check again."""
    bound = signature(raw).bind(*args, **kwargs)
    bound.apply_defaults()
    if any(map(foreign, leaves(tuple(bound.arguments.values())))):
        return raw(*args, **kwargs)
    with jaxtyped("context"):
        visit = Visit(raw.__name__, bound.arguments)
        for name, domain in in_turn(domains(raw)):
            bound.arguments[name] = visit.checked(name, bound.arguments[name], domain)
        with np.errstate(all="ignore"):  # what overflows is reported below, once and by name
            try:
                result = raw(*bound.args, **bound.kwargs)
            except np.linalg.LinAlgError as problem:
                raise np.linalg.LinAlgError(f"{raw.__name__}: {str(problem).lower()}") from None
    return left(result, raw, list(leaves(tuple(bound.arguments.values()))))


class Visit:
    """One call at the door: what was bound so far to the names in shapes, and the dtype that its arrays share."""

    def __init__(self, formula: str, arguments: Mapping[str, Any]) -> None:
        self.formula = formula
        self.arguments = arguments
        self.dtype: tuple[str, np.dtype[Any]] | None = None
        self.shapes: dict[str, tuple[int, ...]] = {}

    def checked(self, name: str, value: Any, domain: Domain) -> Any:
        """The value as the formula takes it, or the error that names the argument."""
        if domain.optional and value is None:
            return None
        if domain.kind == "state":
            return self.state(name, value, domain)
        if domain.kind == "function":
            return self.function(name, value, domain)
        if domain.kind == "functions":
            return self.functions(name, value, domain)
        if domain.kind == "source":
            return self.source(name, value, domain)
        if domain.kind in ("choice", "flag"):
            return self.choice(name, value, domain)
        value = self.array(name, value, domain) if domain.kind == "array" else self.number(name, value, domain)
        self.within(name, value, domain)
        return value

    def refuse(self, error: type[Exception], name: str, came: str, allowed: Any) -> Exception:
        """The error itself: formula, argument, what came, what is allowed."""
        return error(f"{self.formula}: {name}: {came} came; allowed: {allowed}")

    def state(self, name: str, value: Any, domain: Domain) -> Any:
        """A state, field by field."""
        if not isinstance(value, domain.hint):
            raise self.refuse(TypeError, name, type(value).__name__, domain)
        return type(value)(*(self.checked(f"{name}.{key}", getattr(value, key), one) for key, one in domain.fields.items()))

    def function(self, name: str, value: Any, domain: Domain) -> Any:
        """A gradient: what it returns is checked when it is called."""
        if not callable(value):
            raise self.refuse(TypeError, name, type(value).__name__, domain)

        def watched(point: Any) -> Any:
            result = value(point.copy() if isinstance(point, np.ndarray) else point)
            if not isinstance(result, np.ndarray | np.floating | float):
                raise self.refuse(TypeError, f"{name}(…)", type(result).__name__, domain)
            if (
                isinstance(point, np.ndarray | np.generic)
                and isinstance(result, np.ndarray | np.generic)
                and result.dtype.name != point.dtype.name
            ):
                raise self.refuse(TypeError, f"{name}(…)", f"{result.dtype} array", f"{point.dtype}, as its argument")
            if np.shape(result) != np.shape(point):
                raise self.refuse(ValueError, f"{name}(…)", f"shape {np.shape(result)}", f"shape {np.shape(point)}")
            if not np.all(np.isfinite(result)):
                raise self.refuse(ValueError, f"{name}(…)", "a number that is not finite", "finite numbers")
            return result

        return watched

    def functions(self, name: str, value: Any, domain: Domain) -> Any:
        """Gradients, one for each sample."""
        if not isinstance(value, tuple):
            raise self.refuse(TypeError, name, type(value).__name__, domain)
        if not value:
            raise self.refuse(ValueError, name, "an empty tuple", domain)
        return tuple(self.function(f"{name}[{place}]", one, domain) for place, one in enumerate(value))

    def source(self, name: str, value: Any, domain: Domain) -> Any:
        """A source of randomness, as the caller seeded it."""
        if not isinstance(value, np.random.Generator):
            raise self.refuse(TypeError, name, type(value).__name__, domain)
        return value

    def choice(self, name: str, value: Any, domain: Domain) -> Any:
        """One of some words, or a truth value."""
        if not isinstance(value, bool if domain.kind == "flag" else str):
            raise self.refuse(TypeError, name, f"{value!r} ({type(value).__name__})", domain)
        if domain.kind == "choice" and value not in get_args(domain.hint):
            raise self.refuse(ValueError, name, f"{value!r}", domain)
        return value

    def array(self, name: str, value: Any, domain: Domain) -> Any:
        """A real array of the shape that the other arguments ask for; a real scalar counts as an array without axes."""
        array = np.asarray(value) if isinstance(value, float | np.floating) else value
        if type(array) is not np.ndarray or array.dtype.name not in domain.hint.dtypes:
            came = f"{array.dtype} array" if isinstance(array, np.ndarray) else type(value).__name__
            raise self.refuse(TypeError, name, came, domain)
        own = type(value) is float or domain.whole  # a dtype that the other arrays need not share
        if self.dtype and self.dtype[1] != array.dtype and not own:
            raise self.refuse(TypeError, name, f"{array.dtype} array", f"{self.dtype[1]}, as {self.dtype[0]}")
        if not own:
            self.dtype = self.dtype or (name, array.dtype)
        if not isinstance(array, domain.hint):
            others = ", ".join(f"{key} has shape {shape}" for key, shape in self.shapes.items())
            raise self.refuse(ValueError, name, f"shape {array.shape}", f"{domain}" + (f", where {others}" if others else ""))
        if "*" not in domain.hint.dim_str and array.size == 0:
            raise self.refuse(ValueError, name, f"shape {array.shape}, which is empty", domain)
        self.shapes[name] = array.shape
        return array

    def number(self, name: str, value: Any, domain: Domain) -> Any:
        """A Python number: NumPy's scalars would change the dtype of the result."""
        kinds = (int, np.integer) if domain.kind == "count" else (int, float, np.integer, np.floating)
        if isinstance(value, np.ndarray) and value.shape == ():
            value = value[()]
        if isinstance(value, bool | np.bool_) or not isinstance(value, kinds):
            raise self.refuse(TypeError, name, f"{value!r} ({type(value).__name__})", domain)
        return int(value) if domain.kind == "count" else float(value)

    def within(self, name: str, value: Any, domain: Domain) -> None:
        """Range and finiteness, for arrays and numbers alike."""
        self.hold(np.isfinite(value) | (np.isposinf(value) & domain.extended), name, value, domain)
        for limit in domain.limits:
            if type(limit) in SYMBOL:
                _, compare, bound = SYMBOL[type(limit)]
                self.hold(compare(value, getattr(limit, bound)), name, value, domain)
            elif isinstance(limit, NotBelow):
                self.hold(np.greater_equal(value, self.arguments[limit.argument]), name, value, domain)
            elif isinstance(limit, PositiveAlong):
                self.hold(along(value, self.arguments[limit.argument]) > 0, name, value, domain)
            elif isinstance(limit, StableWith):
                self.hold(np.less(value * self.arguments[limit.argument], 2), name, value, domain)
            elif isinstance(limit, OneOf):
                self.hold(np.isin(value, limit.numbers), name, value, domain)
            elif isinstance(limit, IndexInto):
                end = np.shape(self.arguments[limit.argument])[limit.axis]
                self.hold((value >= 0) & (value < end), name, value, domain, IndexError)
            elif isinstance(limit, Divides):
                self.hold(np.shape(self.arguments[limit.argument])[limit.axis] % value == 0, name, value, domain)
            elif limit is Symmetric:
                self.hold(np.equal(value, value.T), name, value, domain)
            elif limit is Varied:
                self.hold(np.broadcast_to(np.max(value, axis=0) > np.min(value, axis=0), value.shape), name, value, domain)
            elif limit is PositiveDefinite:
                self.hold(np.min(np.linalg.eigvalsh(value.astype(float))) > 0, name, value, domain)

    def hold(self, condition: Any, name: str, value: Any, domain: Domain, error: type[Exception] = ValueError) -> None:
        """Raise unless the condition holds everywhere; the message shows the first place where it does not."""
        if np.all(condition):
            return
        if np.ndim(condition) == 0:
            raise self.refuse(error, name, f"{value!r}", domain)
        where = tuple(int(i) for i in np.argwhere(~np.asarray(condition))[0])
        raise self.refuse(error, name, f"{value[where]!r} at index {where}", domain)


def left(result: Any, raw: Callable[..., Any], inputs: list[Any]) -> Any:
    """The result: finite, and in memory of its own."""
    if isinstance(result, tuple):
        parts = [left(part, raw, inputs) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    finite = np.isfinite(result) if isinstance(result, np.ndarray) else math.isfinite(result)
    if not np.all(finite) and not (extended_result(raw) and np.all(finite | np.isposinf(result))):
        raise ValueError(f"{raw.__name__}: finite arguments gave a result that is not finite: it overflows, or divides by zero")
    if isinstance(result, np.ndarray) and any(isinstance(one, np.ndarray) and np.may_share_memory(result, one) for one in inputs):
        return result.copy()
    return result
