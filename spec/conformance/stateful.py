"""Schedules and averages that keep a state: objects with `step()` whose learning rate is read, and objects with `update(values)`.

A schedule is made with its hyper-parameters, or with an optimizer whose learning rate it sets, and stepped once an update. An average is
made with or without its first value, and given the next ones. Both are functions of the reference: here they are called as such.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ...reference.validation import domains
from .forms import CONTAINERS, is_point
from .hyperparameters import KNOWN, canonical_argument, canonical_name
from .implementation import CALL, GRADIENT_FUNCTION_NAMES, REQUIRED, NotFound, is_called, parameter_names

OPTIMIZER = "optimizer"  # the parameter of a schedule that takes what it sets the learning rate of
BOOKKEEPING = ("last_epoch", "last_step", "verbose")  # parameters of schedules that are no hyper-parameters
COUNTS = {"step": 0, "update": 1}  # the arguments of formulas that count updates, and from what
RATES = ("get_last_lr", "get_lr", "get_rate", "lr", "current_lr", "rate", "learning_rate")  # methods and attributes that have the rate
MEANS = ("shadow", "mean", "average", "averaged", "avg", "ema", "value", "values", "shadow_params", "params", "theta")
FIRST_VALUES = ("register", "reset", "initialize")  # methods that take the first value of an average
KEY = "theta"  # the name of the array, where an average keeps them by name


# --- which objects -------------------------------------------------------------------------------------------------------------------


def required_parameters(function: Any) -> list[str]:
    """Return the names of the parameters of a method without a default, but self."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.default is REQUIRED and parameter.kind in kinds]


def is_schedule(kind: Any) -> bool:
    """Return whether a class is a schedule: its step takes no gradient."""
    step = getattr(kind, "step", None)
    if not isinstance(kind, type) or not callable(step) or required_parameters(step):
        return False
    return not any(canonical_argument(name, ("grad",)) or name in GRADIENT_FUNCTION_NAMES for name in parameter_names(step))


def is_average(kind: Any) -> bool:
    """Return whether a class is an average: it is updated, or stepped with a point, and makes no state."""
    if not isinstance(kind, type) or callable(getattr(kind, "init", None)):
        return False
    step = getattr(kind, "step", None)
    if callable(step):
        return [canonical_argument(name, ("theta", "grad")) for name in required_parameters(step)] == ["theta"]
    return callable(getattr(kind, "update", None))


def is_stateful(kind: Any) -> bool:
    """Return whether a class is a schedule, an average, or another function whose first arguments its constructor takes."""
    return is_schedule(kind) or is_average(kind) or (is_called(kind) and not callable(getattr(kind, "step", None)))


def formula_name(kind: type) -> str:
    """Return the name of a class as that of a function: CosineDecay is cosine_decay."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()


def as_function(kind: type, formula: Any) -> Callable[..., Any]:
    """Return a schedule or an average as a function of the arguments of a formula; NotFound where it cannot be that formula."""
    arguments = domains(formula.raw)
    state = next((name for name in ("mean", "state") if name in arguments), "")
    is_formula_of_average = "theta" in arguments and "grad" not in arguments and bool(state)
    if not is_schedule(kind) and not is_average(kind) and not is_formula_of_average:
        return called_function(kind)
    if is_schedule(kind):
        count = next((name for name in COUNTS if name in arguments), "")
        if not count:
            raise NotFound(f"{kind.__name__} is a schedule that is stepped, and {formula.id} counts no updates")
        return schedule_function(kind, count)
    if not is_formula_of_average:
        raise NotFound(f"{kind.__name__} is an average that is updated, and {formula.id} is none")
    return average_function(kind, state, tuple(arguments[state].fields))


def with_parameters(call: Callable[..., Any], first: Sequence[str], others: Iterable[inspect.Parameter]) -> Callable[..., Any]:
    """Return a function with a signature: some arguments, and the hyper-parameters of a class."""
    arguments = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in first]
    hyper = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in others]
    call.__signature__ = inspect.Signature([*arguments, *hyper])  # type: ignore[attr-defined]
    return call


def called_function(kind: type) -> Callable[..., Any]:
    """Return a function of the arguments of a constructor and of a call of what it makes."""
    own = list(inspect.signature(kind).parameters.values())
    taken = list(inspect.signature(getattr(kind, CALL)).parameters.values())[1:]

    def call(**arguments: Any) -> Any:
        constructed = {parameter.name: arguments.pop(parameter.name) for parameter in own if parameter.name in arguments}
        return kind(**constructed)(**arguments)

    return with_parameters(call, [], [*taken, *own])


# --- schedules -----------------------------------------------------------------------------------------------------------------------


class HasRate:
    """What a schedule takes for an optimizer: one group with a learning rate."""

    def __init__(self, lr: float) -> None:
        self.param_groups = [{"lr": lr, "initial_lr": lr}]
        self.lr = self.learning_rate = lr
        self.defaults = {"lr": lr}
        self.first = lr

    @property
    def rate(self) -> float:
        """The learning rate, wherever it was set."""
        places = (self.param_groups[0]["lr"], self.lr, self.learning_rate)
        return next((rate for rate in places if rate != self.first), self.first)


def schedule_function(kind: type, count: str) -> Callable[..., Any]:
    """Return a function of the number of updates that makes a schedule, steps it, and reads its learning rate."""
    parameters = list(inspect.signature(kind).parameters.values())
    takes_optimizer = bool(parameters) and parameters[0].name == OPTIMIZER

    def call(**arguments: Any) -> Any:
        steps = int(arguments.pop(count)) - COUNTS[count]
        optimizer = HasRate(arguments.pop("lr")) if takes_optimizer else None
        schedule = kind(*([optimizer] if optimizer else []), **arguments)
        if optimizer is None and rate_of(schedule, None) is None:
            steps += 1  # the rate of an update is what its step returns
        returned = None
        for _ in range(steps):
            returned = schedule.step()
        rate = rate_of(schedule, optimizer)
        return returned if rate is None else rate

    hyper = [parameter for parameter in parameters[takes_optimizer:] if parameter.name not in BOOKKEEPING]
    return with_parameters(call, [count, *(["lr"] if takes_optimizer else [])], hyper)


def rate_of(schedule: Any, optimizer: HasRate | None) -> Any:
    """Return the learning rate that a schedule has now; None where it shows none."""
    if optimizer is not None and (optimizer.rate != optimizer.first or not hasattr(schedule, RATES[0])):
        return optimizer.rate
    for name in RATES:
        with suppress(Exception):
            value = getattr(schedule, name)
            value = value() if callable(value) else value
            rate = value[0] if isinstance(value, list | tuple) else value
            if isinstance(rate, int | float | np.number | np.ndarray):
                return rate
    return None


# --- averages ------------------------------------------------------------------------------------------------------------------------


def average_function(kind: type, state: str, fields: tuple[str, ...]) -> Callable[..., Any]:
    """Return a function of the next values and the mean before them that makes an average, brings it there, and updates it."""
    parameters = inspect.signature(kind).parameters.values()
    taken = first_value_parameter(parameters)
    method = next(name for name in ("update", "step", CALL) if callable(getattr(kind, name, None)))

    def call_in(container: str, theta: Any, before: Any, arguments: Mapping[str, Any]) -> Any:
        first = packed(container, getattr(before, fields[0]) if fields else before)
        average = kind(**({taken: first} if taken else {}), **arguments)
        update = getattr(average, method)
        if fields:
            set_fields(average, {name: getattr(before, name) for name in fields})
        elif not taken:
            give_first_value(average, update, first)
        returned = unpacked(update(*named(update, packed(container, theta))))
        mean = returned if is_point(returned, theta.shape) else mean_of(average, theta.shape)
        if not fields:
            return mean
        kept = tuple(unpacked(getattr(average, attribute_of(average, name))) for name in fields)
        return kept if returned is None else (returned, kept)

    def call(theta: Any, **arguments: Any) -> Any:
        before, problems = arguments.pop(state), []
        for container in CONTAINERS:
            try:
                return call_in(container, theta, before, arguments)
            except Exception as problem:  # it may take its arrays in another form
                problems.append(problem)
        raise problems[0]

    return with_parameters(call, ["theta", state], [parameter for parameter in parameters if parameter.name != taken])


def first_value_parameter(parameters: Iterable[inspect.Parameter]) -> str:
    """Return the name of the parameter of an average that takes the first value, at any place; nothing if there is none."""
    unknown = [parameter for parameter in parameters if not is_hyperparameter(parameter.name)]
    required = [parameter.name for parameter in unknown if parameter.default is REQUIRED]
    optional = [parameter.name for parameter in unknown if parameter.name in MEANS or canonical_argument(parameter.name, (KEY,))]
    return next(iter([*required, *optional]), "")


def packed(container: str, value: Any) -> Any:
    """Return a copy of an array as an average takes it: as it is, in a list, or by its name."""
    value = copy.copy(value)
    return value if container == "array" else [value] if container == "list" else {KEY: value}


def unpacked(value: Any) -> Any:
    """Return the array of a list or a dict of one; anything else as it is."""
    if isinstance(value, Mapping):
        return value.get(KEY, value)
    return value[0] if isinstance(value, list | tuple) and len(value) == 1 else value


def is_hyperparameter(name: str) -> bool:
    """Return whether a parameter is a hyper-parameter by its name."""
    return canonical_name(name) in KNOWN or bool(canonical_argument(name, ("decay", "share", "correction")))


def named(method: Any, value: Any) -> tuple[Any, ...]:
    """Return a value, after its name where a method takes both."""
    return (KEY, value) if len(parameter_names(method)) > 1 and parameter_names(method)[0] in ("name", "key") else (value,)


def give_first_value(average: Any, update: Callable[..., Any], value: Any) -> None:
    """Give an average its first value: by a method for it, or as a first update."""
    method = next((getattr(average, name) for name in FIRST_VALUES if callable(getattr(average, name, None))), update)
    method(*named(method, value))


def mean_of(average: Any, shape: tuple[int, ...]) -> Any:
    """Return the mean that an average keeps: an array of this shape in an attribute, or what a method returns."""
    for name in (*MEANS, *(f"_{name}" for name in MEANS), "get"):
        value = getattr(average, name, None)
        with suppress(Exception):
            value = value(*named(value, None)[:-1]) if callable(value) else value
            value = unpacked(value)
            if is_point(value, shape):
                return value
    raise TypeError(f"its mean is in none of its attributes {', '.join(MEANS[:6])}, and `update` does not return it")


def set_fields(average: Any, values: Mapping[str, Any]) -> None:
    """Set the attributes of an average to the fields of a state."""
    for name, value in values.items():
        attribute = attribute_of(average, name)
        kept = getattr(average, attribute)
        setattr(average, attribute, packed("dict" if isinstance(kept, Mapping) else "list" if isinstance(kept, list) else "array", value))


def attribute_of(average: Any, field: str) -> str:
    """Return the attribute that is a field of a state, by its name or an alias."""
    names = [name for name in vars(average) if name.strip("_") == field or canonical_argument(name, (field,)) == field]
    if not names and field == "mean":
        names = [name for name in vars(average) if name.strip("_") in MEANS]
    if not names:
        raise TypeError(f"it has no attribute for {field}")
    return names[0]
