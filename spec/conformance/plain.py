"""The optimizers that need no adapter: a class with a step, and a pair of functions.

A class `(theta, *, lr, momentum, …)` has `step(grad, lr) -> theta`, or `update(theta, grad)`; a pair is anything with both
`init(theta) -> state` and `update(grad, state, theta, lr) -> (theta, state)`. For theta they may take an array, a list or a dict of arrays,
and they may update it in place (`forms.py`). A function of hyper-parameters that returns such a pair, or a step, is called to make them.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from .configs import fields_of, holder_of, signature_of, with_configs
from .forms import TRIAL_POINT, Form, StartedOptimizer, find_form, numbers_of, savers_of
from .groups import GroupsOf, set_rates
from .hyperparameters import FIRST_RUN, KNOWN, canonical_argument, canonical_name, hyperparameters
from .implementation import (
    CALL,
    REQUIRED,
    ArraysRun,
    Group,
    NotFound,
    NotOffered,
    Run,
    Settings,
    arrays_of,
    class_parameters,
    count_positional,
    is_called,
    keyword_parameters,
    parameter_names,
    takes_gradient_function,
)
from .result import Fault


def with_point(step: Callable[..., Any], theta: Any, form: Form) -> Callable[..., Any]:
    """Return a step of the gradient first, from one that takes the point too or returns its change; others as they are."""
    roles = [role_of(name) for name in parameter_names(step)]
    takes_point = sorted(roles[:2]) == ["grad", "theta"]
    if not takes_point and not form.is_change:
        return step
    parameters = list(inspect.signature(step).parameters.values())
    taken = roles[:2] if takes_point else ["grad"]
    current = {"theta": theta}

    def call(grad: Any, *others: Any, **named: Any) -> Any:
        arguments = {"grad": grad, "theta": current["theta"]}
        result = step(*(arguments[role] for role in taken), *others, **named)
        if result is None:
            return None
        current["theta"] = form.move(current["theta"], result)
        return current["theta"]

    gradient = parameters[roles.index("grad") if takes_point else 0]
    call.__signature__ = inspect.Signature([gradient, *parameters[len(taken) :]])  # type: ignore[attr-defined]
    return call


def role_of(name: str) -> str:
    """Return whether a parameter of a step is the point or the gradient by its name, or nothing."""
    return canonical_argument(name, ("theta", "grad"))


def step_name(kind: Any) -> str:
    """Return the method of a class that makes a step: `step`, `update` of the point and the gradient, or a call with a gradient."""
    if callable(getattr(kind, "step", None)):
        return "step"
    update = getattr(kind, "update", None)
    if callable(update):
        return "update" if {"grad", "theta"} <= set(map(role_of, parameter_names(update))) else ""
    return CALL if is_called(kind) and "grad" in map(role_of, parameter_names(getattr(kind, CALL))) else ""


class PlainImplementation:
    """What a class and a pair have in common: the form in which they take arrays is tried before the first run."""

    point_name = "theta"  # of the argument that takes the point
    names: Mapping[str, str] = {}  # its own names of hyper-parameters: the canonical ones, as they are said
    step_parameters: Sequence[str] = ()  # what its step takes

    def __init__(self) -> None:
        self.forms: dict[Any, Form | None] = {}

    def start_in_form(self, form: Form, thetas: Sequence[Any], lr: float, settings: Settings) -> StartedOptimizer:
        """Start a run whose points are handed over in a form."""
        raise NotImplementedError

    def find_form(self, thetas: Sequence[Any], lr: float, settings: Settings) -> Form | None:
        """Return the form in which arrays of these shapes are taken; None where they are taken in none."""
        shapes = tuple(theta.shape for theta in thetas)
        key = shapes if len(shapes) > 1 else thetas[0].ndim
        if key not in self.forms:

            def start(form: Form, arrays: Sequence[Any]) -> StartedOptimizer:
                return self.start_in_form(form, arrays, lr, settings)

            self.forms[key] = find_form(start, self.point_name, thetas[0].dtype, shapes) or self.find_groups_form(thetas, lr, settings)
        return self.forms[key]

    def find_groups_form(self, thetas: Sequence[Any], lr: float, settings: Settings) -> Form | None:
        """Return the form in which one group of arrays is taken; None where it is not: only a class takes such."""
        return None

    @property
    def due_is_change(self) -> bool:
        """Whether the protocol that it has asks for the change of the points."""
        return False

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The fault of returning the change of the points where the points are due."""
        returns_change = not self.due_is_change and any(form and form.is_change for form in self.forms.values())
        return (Fault("returns-change", "it returns the change of theta, not theta", fatal=False),) if returns_change else ()

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Return a run of one array."""
        form = self.find_form([theta], lr, settings) or Form()
        started = self.start_in_form(form, [theta], lr, settings)

        def step(grad: Any, rate: float) -> Any:
            return form.new_points(started.step(form.pack([grad]), rate), started, 1)[0]

        return Run(step, started.changes_lr, lambda: arrays_of(started.optimizer), started.takes_gradient_function)

    def start_groups(self, groups: Sequence[Group]) -> ArraysRun:
        """Return a run of several arrays, in a list or a dict, or of several groups of them."""
        if len(groups) > 1:
            return self.start_several_groups(groups)
        (group,) = groups
        form = self.find_form(group.thetas, group.lr, group.settings)
        if form is None:
            raise NotOffered
        started = self.start_in_form(form, group.thetas, group.lr, group.settings)

        def step(grads: Sequence[Any], rates: Sequence[float]) -> list[Any]:
            return form.new_points(started.step(form.pack(grads), rates[0]), started, len(grads))

        def step_without(grads: Sequence[Any], rates: Sequence[float]) -> list[Any]:
            return form.new_points(started.step(form.without_missing(grads), rates[0]), started, len(grads))

        leaves_out = step_without if form.container == "dict" else None
        return ArraysRun(step, *self.savers(started), numbers=lambda: numbers_of(started.optimizer), step_without=leaves_out)

    def start_several_groups(self, groups: Sequence[Group]) -> ArraysRun:
        """Return a run of groups with hyper-parameters of their own; only a class takes such."""
        raise NotOffered

    def savers(self, started: StartedOptimizer) -> tuple[Callable[[], Any] | None, Callable[[Any], Any] | None]:
        """Return how the state of a run is saved and restored, if it can be."""
        return savers_of(started.optimizer)


@dataclass
class ClassImplementation(PlainImplementation):
    """A class `(theta, *, lr, …)` with `step(grad, lr) -> theta`; without lr in `step`, its attribute for lr is set if it has one."""

    kind: Any
    library: str = ""
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.parameters = class_parameters(self.kind, skip=1 + self.takes_point)
        self.point_name = next(iter(parameter_names(self.kind)), "") if self.takes_point else point_name_of(self.kind)
        self.step_parameters = parameter_names(getattr(self.kind, step_name(self.kind)))[1:]

    @property
    def takes_point(self) -> bool:
        """Whether its constructor takes the point: its first parameter is no hyper-parameter, and no dataclass of them."""
        first = next(iter(signature_of(self.kind).parameters.values()), None)
        return first is None or (canonical_name(first.name) not in KNOWN and not fields_of(first))

    @property
    def rate_name(self) -> str:
        """The name of the learning rate among the parameters of its constructor; "" where there is none."""
        return next((name for name in self.parameters if canonical_name(name, self.names, self.parameters) == "lr"), "")

    @property
    def takes_rate(self) -> bool:
        """Whether its step takes the learning rate."""
        return any(canonical_name(name, self.names) == "lr" for name in self.step_parameters)

    def find_groups_form(self, thetas: Sequence[Any], lr: float, settings: Settings) -> Form | None:
        """Return the form in which one group of arrays is taken, as a list of one dict; None where it is not."""
        with suppress(NotOffered):
            return GroupsOf(self, [Group(thetas, lr, settings)]).find_form()
        return None

    def start_several_groups(self, groups: Sequence[Group]) -> ArraysRun:
        """Return a run of groups: a list of dicts."""
        return GroupsOf(self, groups).run()

    def step_of(self, optimizer: Any) -> Callable[..., Any]:
        """Return the method of an object that makes a step."""
        step: Callable[..., Any] = getattr(optimizer, step_name(self.kind))
        return step

    def start_in_form(self, form: Form, thetas: Sequence[Any], lr: float, settings: Settings) -> StartedOptimizer:
        """Return a new object of the class, with a step that takes the rate."""
        lr_name = self.rate_name
        handed = form.hand_over(thetas)
        keywords = with_configs(self.kind, {**({lr_name: lr} if lr_name else {}), **settings})
        optimizer = self.kind(*([handed] if self.takes_point else []), **keywords)
        own_step = with_point(self.step_of(optimizer), handed, form)
        by_function = takes_gradient_function(self.kind, own_step)
        keyword = next((name for name in keyword_parameters(own_step) if canonical_name(name, self.names) == "lr"), None)
        if keyword:
            return StartedOptimizer(optimizer, handed, lambda grad, rate: own_step(grad, **{keyword: rate}), True, by_function)
        if takes_second(own_step):
            return StartedOptimizer(optimizer, handed, own_step, True, by_function)
        names = (*([lr_name] if lr_name else ()), "lr", *hyperparameters()["lr"].aliases)
        held, has_groups = holder_of(optimizer, names), set_rates(optimizer, [lr])

        def step(grad: Any, rate: float) -> Any:
            set_rates(optimizer, [rate])
            if held:
                setattr(*held, rate)
            return own_step(grad)

        return StartedOptimizer(optimizer, handed, step, held is not None or has_groups, by_function)


def takes_second(step: Callable[..., Any]) -> bool:
    """Return whether a step takes the rate by position, after the gradient: what is None by default, as a loss, is another thing."""
    second = next(iter(list(inspect.signature(step).parameters.values())[1:2]), None)
    return count_positional(step) > 1 and (second is None or second.default is not None)


def point_name_of(kind: type) -> str:
    """Return the name of the parameter of a step that takes the point; "" where there is none."""
    return next((name for name in parameter_names(getattr(kind, step_name(kind))) if role_of(name) == "theta"), "")


class ClosureImplementation(ClassImplementation):
    """A function of hyper-parameters, and of the point or not, that returns a step, such as step(params, grads) -> params."""

    def __init__(self, kind: Callable[..., Any], step: Callable[..., Any], library: str = "") -> None:
        PlainImplementation.__init__(self)
        self.kind, self.library = kind, library
        self.parameters = keyword_parameters(kind, skip=parameter_names(kind)[: self.takes_point])
        self.step_parameters = parameter_names(step)
        names = parameter_names(kind)[:1] if self.takes_point else self.step_parameters
        self.point_name = next((name for name in names if role_of(name) == "theta"), "")

    @property
    def takes_point(self) -> bool:
        """Whether its first parameter is the point."""
        return any(role_of(name) == "theta" for name in parameter_names(self.kind)[:1])

    def step_of(self, optimizer: Any) -> Callable[..., Any]:
        """Return the step: it is what the function returns."""
        step: Callable[..., Any] = optimizer
        return step


@dataclass
class PairImplementation(PlainImplementation):
    """A pair `init(theta) -> state` and `update(grad, state, theta, lr) -> (theta, state)`, in a module, a namespace or a class.

    An update that takes no rate is one of the protocol of optax: it returns the change of theta.
    """

    pair: Any
    library: str = ""
    factory: Callable[..., Any] | None = None  # what makes such a pair from hyper-parameters
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.factory = self.pair if self.is_instance_pair else self.factory
        own = keyword_parameters(self.factory) if self.factory else {}
        rate = {} if self.due_is_change else {"lr": REQUIRED}
        self.parameters = {**rate, **own, **self.extra_parameters("init"), **self.extra_parameters("update")}

    @property
    def is_instance_pair(self) -> bool:
        """Whether the pair are methods of the objects of a class, of which one must be made first."""
        if not isinstance(self.pair, type):
            return False
        init = inspect.getattr_static(self.pair, "init")
        return inspect.isfunction(init) and parameter_names(init)[:1] == ["self"]

    @property
    def due_is_change(self) -> bool:
        """Whether its update takes no rate."""
        return count_positional(self.pair.update) - self.is_instance_pair < RATE_PLACE + 1

    @property
    def factory_rate(self) -> str:
        """The name of the learning rate among the hyper-parameters from which the pair is made; "" where there is none."""
        names = keyword_parameters(self.factory) if self.factory else {}
        return next((name for name in names if canonical_name(name, self.names, names) == "lr"), "")

    def extra_parameters(self, name: str) -> dict[str, Any]:
        """Return the hyper-parameters among the parameters of one of the two functions."""
        function = getattr(self.pair, name)
        protocol = parameter_names(function)[: (1 if name == "init" else RATE_PLACE + 1) + self.is_instance_pair]
        return keyword_parameters(function, skip=protocol)

    def start_in_form(self, form: Form, thetas: Sequence[Any], lr: float, settings: Settings) -> StartedOptimizer:
        """Return a run that keeps the state."""
        keywords = {name: {key: settings[key] for key in self.extra_parameters(name) if key in settings} for name in ("init", "update")}
        pair = self.pair
        if self.factory:
            own = {key: settings[key] for key in keyword_parameters(self.factory) if key in settings}
            pair = as_pair(self.factory(**with_configs(self.factory, {**({self.factory_rate: lr} if self.factory_rate else {}), **own})))
        current = {"theta": form.pack(thetas)}
        current["state"] = pair.init(current["theta"], **keywords["init"])
        order, count = order_of(pair.update), count_positional(pair.update)

        def step(grad: Any, rate: float) -> Any:
            arguments = {**current, "grad": grad}
            result = pair.update(*(*(arguments[role] for role in order), rate)[:count], **keywords["update"])
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(f"update returned {type(result).__name__}, not (theta, state)")
            current["theta"], current["state"] = form.move(current["theta"], result[0]), result[1]
            return current["theta"]

        by_function = takes_gradient_function(self.pair, pair.update)
        return StartedOptimizer(current, current["theta"], step, not self.due_is_change, by_function)

    def savers(self, started: StartedOptimizer) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
        """Return how the state is taken out and put in: it is a value."""
        current = started.optimizer
        return lambda: copy.deepcopy(current["state"]), lambda state: current.update(state=state)


def order_of(update: Callable[..., Any]) -> tuple[str, ...]:
    """Return in which order an update takes gradient, state and point: as the names say where they name both arrays, or the usual one."""
    roles = [role_of(name) or "state" for name in parameter_names(update) if name != "self"][:RATE_PLACE]
    return tuple(roles) if sorted(roles) == ["grad", "state", "theta"] else ("grad", "state", "theta")


RATE_PLACE = 3  # the position of the learning rate among the parameters of an update


# --- functions that make optimizers ---------------------------------------------------------------------------------------------------


def as_pair(pair: Any) -> Any:
    """Return an object with `init` and `update`, of a tuple of the two as well; None for anything else."""
    if isinstance(pair, tuple) and len(pair) == 2 and all(map(callable, pair)) and not hasattr(pair, "update"):
        return SimpleNamespace(init=pair[0], update=pair[1])
    return pair if callable(getattr(pair, "init", None)) and callable(getattr(pair, "update", None)) else None


def adapt_factory(function: Callable[..., Any], library: str) -> PlainImplementation | None:
    """Return the optimizer that a function makes, which is called once with trial values; None where it makes none.

    It is called where all that it requires are hyper-parameters, and the point before them. What it returns may be a pair or a step;
    another function is NotFound.
    """
    required = [name for name, default in keyword_parameters(function).items() if default is REQUIRED]
    trial: dict[str, Any] = {name: FIRST_RUN[canonical_name(name)] for name in required if canonical_name(name) in FIRST_RUN}
    trial |= {name: np.array(TRIAL_POINT) for name in required[:1] if role_of(name) == "theta"}
    if len(trial) < len(required):
        return None
    product = None
    with suppress(Exception, SystemExit), np.errstate(all="ignore"):
        product = function(**with_configs(function, trial))
    if (pair := as_pair(product)) is not None:
        return PairImplementation(pair, library, function)
    if not callable(product):
        return None
    names = parameter_names(product)
    if "grad" in map(role_of, names[:2]):
        return ClosureImplementation(function, product, library)
    due = "a step takes the gradient, as in step(grad) or step(params, grads)"
    raise NotFound(f"{function.__name__} returns a function of ({', '.join(names)}); {due}")
