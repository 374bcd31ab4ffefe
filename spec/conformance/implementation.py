"""The implementation under test: the protocols that adapters fulfil. `plain.py` has the optimizers that need no adapter."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .configs import fields_of, signature_of

REQUIRED = inspect.Parameter.empty
Settings = Mapping[str, Any]
Shape = tuple[int, ...]
CALL = "__call__"
GRADIENT_FUNCTION_NAMES = ("grad_fn", "gradient_fn", "grad_func", "gradient_function", "closure")


class NotFound(Exception):
    """The name of an implementation leads nowhere, or to something that cannot be judged."""


@dataclass(frozen=True)
class Task:
    """What is asked: an implementation, its settings, its own names for hyper-parameters, the dtype, the formula of a function."""

    target: str
    settings: Settings = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)  # its own name: the canonical one
    dtype: str = "float64"
    against: str = ""
    outputs: tuple[str, ...] = ()  # the parameters of a function into which it writes its results, in their order
    kind: str = ""  # what an optimizer is run on: a vector, a matrix, or "" for what it takes
    exhaustive: bool = False  # whether a function is called on every number of its narrow format


@dataclass(frozen=True)
class Run:
    """One run of an optimizer: a step takes a gradient and a learning rate and returns the new point."""

    step: Callable[[Any, float], Any]
    changes_lr: bool = True
    state: Callable[[], Mapping[str, Any]] = dict  # the arrays that it keeps, by name, where they can be seen
    takes_gradient_function: bool = False  # whether a step takes the gradient as a function of the point


@dataclass(frozen=True)
class Group:
    """Arrays that are updated with the same learning rate and hyper-parameters."""

    thetas: Sequence[Any]
    lr: float
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True)
class ArraysRun:
    """One run over several arrays: a step takes a gradient for each, None where there is none, and a rate for each group."""

    step: Callable[[Sequence[Any], Sequence[float]], list[Any]]
    save: Callable[[], Any] | None = None
    load: Callable[[Any], None] | None = None
    admits_none: bool = True
    numbers: Callable[[], Mapping[str, float]] = dict  # the plain numbers that it keeps, by name, where they can be seen
    step_without: Callable[[Sequence[Any], Sequence[float]], list[Any]] | None = None  # a step that leaves out gradients that are None
    changes_lr: bool = True  # whether the learning rates of its groups can be changed


class NotOffered(Exception):
    """An optimizer has no interface for what is tried, such as several arrays."""


class Implementation(Protocol):
    """An optimizer that can be run: what it takes, and a fresh run of it.

    It may also have `start_groups(groups) -> ArraysRun`, which starts a run over several arrays or raises NotOffered, and `is_slow`, which
    is True where thousands of steps would take long.
    """

    library: str  # the package that it comes from, "" for a file
    parameters: Mapping[str, Any]  # the hyper-parameters that it takes, lr among them, with their defaults or REQUIRED

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Start a run at a point, with a first learning rate and hyper-parameters by the implementation's own names."""


@dataclass(frozen=True)
class FunctionImplementation:
    """A function that claims to be a formula of the reference: called with the formula's arguments by name, it returns its results."""

    call: Callable[..., Any]
    formula: str = ""  # the id of the formula; "" until `against` says it
    bound_arguments: Mapping[str, Any] = field(default_factory=dict)  # arguments that it fixes, by the reference's names
    library: str = ""


# --- signatures -----------------------------------------------------------------------------------------------------------------------


def keyword_parameters(function: Any, skip: Iterable[str] = ()) -> dict[str, Any]:
    """Return the parameters that a callable takes by keyword, with their defaults; in the place of a dataclass its fields."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = [parameter for parameter in signature_of(function).parameters.values() if parameter.kind in kinds]
    fields = {name: value for parameter in parameters for name, value in fields_of(parameter).items()}
    plain = {parameter.name: parameter.default for parameter in parameters if not fields_of(parameter)}
    return {name: default for name, default in {**fields, **plain}.items() if name not in skip}


def class_parameters(kind: type, skip: int = 2) -> dict[str, Any]:
    """Return what a class takes after self and theta; where it takes any keyword, what its base classes take too."""
    parameters: dict[str, Any] = {}
    for base in inspect.getmro(kind):
        constructor = base.__dict__.get("__init__")
        if not inspect.isfunction(constructor):
            continue
        parameters = {**keyword_parameters(constructor, skip=parameter_names(constructor)[:skip]), **parameters}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(constructor).parameters.values()):
            break
    return parameters


def is_called(kind: Any) -> bool:
    """Return whether a class says what a call of its objects does."""
    return isinstance(kind, type) and any(CALL in vars(base) for base in inspect.getmro(kind))


def class_of_partial(loaded: Any) -> Any:
    """Return a class of which some arguments are given already, by functools.partial, as a class; any other object as it is."""
    if not isinstance(loaded, functools.partial) or not isinstance(loaded.func, type):
        return loaded
    kind, own = loaded.func, inspect.signature(loaded).parameters.values()

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it becomes the constructor of a class
        kind.__init__(self, *loaded.args, *args, **{**loaded.keywords, **kwargs})  # type: ignore[misc]

    __init__.__signature__ = inspect.Signature([inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY), *own])  # type: ignore[attr-defined]
    return type(kind.__name__, (kind,), {"__init__": __init__, "__module__": kind.__module__})


def parameter_names(function: Any) -> list[str]:
    """Return the names of all parameters of a callable, in order."""
    return list(inspect.signature(function).parameters)


def count_positional(function: Any) -> int:
    """Return how many arguments a callable takes by position."""
    parameters = inspect.signature(function).parameters.values()
    by_position = sum(parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters)
    return sys.maxsize if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters) else by_position


def takes_gradient_function(kind: Any, step: Any) -> bool:
    """Return whether a step takes the gradient as a function: its class says so, or the name of its parameter does."""
    declared = getattr(kind, "takes_gradient_function", None)
    return bool(declared) if declared is not None else next(iter(parameter_names(step)), "") in GRADIENT_FUNCTION_NAMES


def arrays_of(holder: Any) -> dict[str, Any]:
    """Return copies of the arrays that an object, tuple or dict holds, by name; those without a name by their position."""
    named: Mapping[Any, Any]
    if isinstance(holder, tuple | list):
        named = dict(zip(getattr(holder, "_fields", map(str, range(len(holder)))), holder, strict=True))
    else:
        named = holder if isinstance(holder, Mapping) else getattr(holder, "__dict__", {})
    arrays: dict[str, Any] = {}
    for name, value in named.items():
        if isinstance(value, np.ndarray):
            arrays[str(name)] = value.copy()
        elif isinstance(value, tuple | list | dict) and value is not holder:
            arrays |= {f"{name}.{inner}": array for inner, array in arrays_of(value).items()}
    return arrays
