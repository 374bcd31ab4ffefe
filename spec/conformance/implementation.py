"""The implementation under test: the protocols that adapters fulfil, and the two plain kinds of optimizers that need no adapter.

Without an adapter these work: a class `(theta, *, lr, momentum, …)` with `step(grad, lr) -> theta`, or anything with both
`init(theta) -> state` and `update(grad, state, theta, lr) -> (theta, state)`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from .hyperparameters import KNOWN, canonical_argument, canonical_name, hyperparameters

REQUIRED = inspect.Parameter.empty
Settings = Mapping[str, Any]
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


@dataclass(frozen=True)
class Run:
    """One run of an optimizer: a step takes a gradient and a learning rate and returns the new point."""

    step: Callable[[Any, float], Any]
    changes_lr: bool = True
    state: Callable[[], Mapping[str, Any]] = dict  # the arrays that it keeps, by name, where they can be seen
    takes_gradient_function: bool = False  # whether a step takes the gradient as a function of the point


class Implementation(Protocol):
    """An optimizer that can be run: what it takes, and a fresh run of it."""

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
    """Return the parameters that a callable takes by keyword, with their defaults."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.kind in kinds and parameter.name not in skip}


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


def with_point(step: Callable[..., Any], theta: Any) -> Callable[..., Any]:
    """Return a step of the gradient first, from one that takes the point too, as the names of its parameters say; others as they are."""
    roles = [role_of(name) for name in parameter_names(step)]
    if sorted(roles[:2]) != ["grad", "theta"]:
        return step
    parameters = list(inspect.signature(step).parameters.values())
    current = {"theta": theta}

    def call(grad: Any, *others: Any, **named: Any) -> Any:
        arguments = {"grad": grad, "theta": current["theta"]}
        current["theta"] = step(*(arguments[role] for role in roles[:2]), *others, **named)
        return current["theta"]

    gradient = parameters[roles.index("grad")]
    call.__signature__ = inspect.Signature([gradient, *parameters[2:]])  # type: ignore[attr-defined]
    return call


def role_of(name: str) -> str:
    """Return whether a parameter of a step is the point or the gradient by its name, or nothing."""
    return canonical_argument(name, ("theta", "grad"))


# --- the two plain kinds --------------------------------------------------------------------------------------------------------------


@dataclass
class ClassImplementation:
    """A class `(theta, *, lr, …)` with `step(grad, lr) -> theta`; without lr in `step`, its attribute for lr is set if it has one."""

    kind: type
    library: str = ""
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.parameters = class_parameters(self.kind, skip=1 + self.takes_point)

    @property
    def takes_point(self) -> bool:
        """Whether its constructor takes the point: its first parameter is no hyper-parameter."""
        first = next(iter(parameter_names(self.kind)), "theta")
        return canonical_name(first) not in KNOWN

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Return a run of a new object of the class."""
        lr_name = next((name for name in self.parameters if canonical_name(name, {}, self.parameters) == "lr"), None)
        optimizer = self.kind(*([theta] if self.takes_point else []), **({lr_name: lr} if lr_name else {}), **settings)
        own_step = with_point(optimizer.step, theta)
        by_function = takes_gradient_function(self.kind, own_step)
        keyword = next((name for name in keyword_parameters(own_step) if canonical_name(name) == "lr"), None)
        if keyword:
            return Run(lambda grad, rate: own_step(grad, **{keyword: rate}), True, lambda: arrays_of(optimizer), by_function)
        if count_positional(own_step) > 1:
            return Run(own_step, True, lambda: arrays_of(optimizer), by_function)
        names = (*([lr_name] if lr_name else ()), "lr", *hyperparameters()["lr"].aliases)
        attribute = next((spelling for name in names for spelling in (name, f"_{name}") if hasattr(optimizer, spelling)), None)

        def step(grad: Any, rate: float) -> Any:
            if attribute:
                setattr(optimizer, attribute, rate)
            return own_step(grad)

        return Run(step, attribute is not None, lambda: arrays_of(optimizer), by_function)


@dataclass
class PairImplementation:
    """A pair `init(theta) -> state` and `update(grad, state, theta, lr) -> (theta, state)`, in a module, a namespace or a class."""

    pair: Any
    library: str = ""
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        own = keyword_parameters(self.pair) if self.is_instance_pair else {}
        self.parameters = {"lr": REQUIRED, **own, **self.extra_parameters("init"), **self.extra_parameters("update")}

    @property
    def is_instance_pair(self) -> bool:
        """Whether the pair are methods of the objects of a class, of which one must be made first."""
        if not isinstance(self.pair, type):
            return False
        init = inspect.getattr_static(self.pair, "init")
        return inspect.isfunction(init) and parameter_names(init)[:1] == ["self"]

    def extra_parameters(self, name: str) -> dict[str, Any]:
        """Return the hyper-parameters among the parameters of one of the two functions."""
        function = getattr(self.pair, name)
        protocol = parameter_names(function)[: (1 if name == "init" else 4) + self.is_instance_pair]
        return keyword_parameters(function, skip=protocol)

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Return a run that keeps the state."""
        keywords = {name: {key: settings[key] for key in self.extra_parameters(name) if key in settings} for name in ("init", "update")}
        own = {key: settings[key] for key in keyword_parameters(self.pair) if key in settings} if self.is_instance_pair else {}
        pair = self.pair(**own) if self.is_instance_pair else self.pair
        current = {"theta": theta, "state": pair.init(theta, **keywords["init"])}

        def step(grad: Any, rate: float) -> Any:
            result = pair.update(grad, current["state"], current["theta"], rate, **keywords["update"])
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(f"update returned {type(result).__name__}, not (theta, state)")
            current["theta"], current["state"] = result
            return result[0]

        by_function = takes_gradient_function(self.pair, pair.update)
        return Run(step, True, lambda: arrays_of({"state": current["state"]}), by_function)
