"""Subjects: whatever claims to implement a formula, brought under one protocol and driven by it.

A subject is named as `package.module:Name`, `path/to/file.py:Name`, or the module or file alone. Without an adapter these work:
a class `(theta, *, lr, momentum, …)` with `step(grad, lr) -> theta`, or anything with both `init(theta) -> state` and
`update(grad, state, theta, lr) -> (theta, state)`. Classes of a library that an adapter stands for are handed to that adapter.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import entry_points, packages_distributions, version
from types import ModuleType
from typing import Any, Protocol

import numpy as np

REQUIRED = inspect.Parameter.empty
Settings = Mapping[str, Any]


class Subject(Protocol):
    """An optimizer that can be run: what it takes, and a fresh run of it."""

    library: str  # the package that it comes from, "" for a file
    parameters: Mapping[str, Any]  # the hyper-parameters that it takes, lr among them, with their defaults or REQUIRED

    def begin(self, theta: Any, lr: float, settings: Settings) -> Run:
        """A run from a point, with a first learning rate and hyper-parameters by the subject's own names."""


@dataclass(frozen=True)
class Run:
    """One run: a step takes a gradient and a learning rate and gives the new point."""

    step: Callable[[Any, float], Any]
    changes_lr: bool = True
    state: Callable[[], Mapping[str, Any]] = dict  # what it remembers, array by array, where that can be seen
    takes_function: bool = False  # whether a step takes the gradient as a function of the point


@dataclass(frozen=True)
class FunctionSubject:
    """A function that claims to be a formula of the reference: called with its arguments by its names, it gives what it gives."""

    call: Callable[..., Any]
    formula: str = ""  # the id of the formula; "" until `against` says it
    fixed: Mapping[str, Any] = field(default_factory=dict)  # arguments that it takes for given, by the reference's names
    library: str = ""


class NotFound(Exception):
    """The subject's name leads nowhere, or to something that is no optimizer."""


# --- what is found under a name -----------------------------------------------------------------------------------------------------


BACKEND = {"KERAS_BACKEND": "jax"}  # what an import finds in the environment where nothing is set


@contextmanager
def environment() -> Iterator[None]:
    """The environment of an import, and the one before it again afterwards."""
    added = [name for name in BACKEND if name not in os.environ]
    os.environ.update({name: BACKEND[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def load(target: str) -> Any:
    """The object that a name stands for."""
    place, _, path = target.rpartition(":") if ":" in target else (target, "", "")
    with environment():
        found: Any = module_from_file(place) if place.endswith(".py") else module_by_name(place)
    for part in path.split(".") if path else []:
        if not hasattr(found, part):
            raise NotFound(f"{place} has no {path!r}")
        found = getattr(found, part)
    return found


def module_from_file(path: str) -> ModuleType:
    """A module from its file; its folder is searched for what it imports."""
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise NotFound(f"there is no file {path!r}")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)
    spec.loader.exec_module(module)
    return module


def module_by_name(name: str) -> ModuleType:
    """A module by its dotted name; the working directory is searched too."""
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name and (name == missing.name or name.startswith(missing.name + ".")):
            raise NotFound(f"there is no module {missing.name!r}") from None
        raise


def reference_to(subject: Any) -> str:
    """The name under which another process finds an object."""
    if isinstance(subject, str):
        return subject
    if isinstance(subject, ModuleType):
        return subject.__file__ or subject.__name__
    name, module = getattr(subject, "__qualname__", ""), getattr(subject, "__module__", "")
    if not name or "<locals>" in name:
        raise NotFound(f"{subject!r} stands in no module, so no other process can import it; give its place as 'file.py:Name'")
    source = getattr(sys.modules.get(module), "__file__", None)
    return f"{source}:{name}" if source and not importable(module) else f"{module}:{name}"


def importable(module: str) -> bool:
    """Whether another process finds a module by its name."""
    return module not in ("__main__", "__mp_main__") and importlib.util.find_spec(module) is not None


# --- adapters -----------------------------------------------------------------------------------------------------------------------

Adapted = Subject | FunctionSubject | tuple[FunctionSubject, ...]  # a layer is several functions: forward, backward, running statistics
Adapter = Callable[[Any], Adapted | None]  # it may decline what it does not know

OURS = ("torch", "jax", "optax", "keras", "sklearn", "onnx")
ADAPTERS: Mapping[str, str] = {name: f".adapters.{name}:subject" for name in OURS}  # by the library; others come by the entry point
ENTRY_POINTS = "trainspec.adapters"


def adapter_for(library: str) -> Adapter | None:
    """The adapter of a library: an installed one, or one of our own."""
    for one in entry_points(group=ENTRY_POINTS, name=library):
        adapter: Adapter = one.load()
        return adapter
    if library not in ADAPTERS:
        return None
    module, _, name = ADAPTERS[library].partition(":")
    built_in: Adapter = getattr(importlib.import_module(module, __package__), name)
    return built_in


def circumstances(library: str) -> dict[str, str]:
    """What the adapter of a library says that results may depend on."""
    adapter = adapter_for(library)
    say = getattr(sys.modules.get(getattr(adapter, "__module__", "")), "circumstances", dict)
    return dict(say())


def libraries_of(found: Any) -> list[str]:
    """The packages that an object and its base classes come from, nearest first, and that of what a function is declared to return."""
    found = found.func if isinstance(found, functools.partial) else found
    family = inspect.getmro(found) if isinstance(found, type) else (found, *inspect.getmro(type(found)))
    modules = [str(getattr(one, "__module__", "")) for one in family]
    returned = getattr(found, "__annotations__", {}).get("return") if inspect.isfunction(found) else None
    modules.append(returned if isinstance(returned, str) else str(getattr(returned, "__module__", "")))
    roots = [one.partition(".")[0] for one in modules]
    return [root for root in dict.fromkeys(roots) if root not in ("", "builtins")]


def subject_of(target: str) -> Any:
    """The subject of a name: through an adapter where one stands for its library, else by its own methods."""
    found = load(target)
    library = "" if target.partition(":")[0].endswith(".py") else target.partition(":")[0].partition(".")[0]
    for root in libraries_of(found):
        if (adapter := adapter_for(root)) and (adapted := adapter(found)):
            return adapted
    if callable(getattr(found, "init", None)) and callable(getattr(found, "update", None)):
        return PairSubject(found, library)
    if isinstance(found, type) and callable(getattr(found, "step", None)):
        return ClassSubject(found, library)
    if isinstance(found, FunctionSubject):
        return found
    if callable(found) and not isinstance(found, type):
        return FunctionSubject(found, library=library)
    raise NotFound(f"{target} has neither `step(grad, lr)` nor `init(theta)` and `update(grad, state, theta, lr)`, and no adapter knows it")


def version_of(library: str) -> str:
    """The version of an installed package, by its import name; "" for what is not installed."""
    for distribution in distributions().get(library, []):
        return version(distribution)
    return ""


@functools.cache
def distributions() -> Mapping[str, list[str]]:
    """Every importable package, and the distributions that install it."""
    return packages_distributions()


# --- names of hyper-parameters --------------------------------------------------------------------------------------------------------

VOCABULARY: Mapping[str, tuple[str, ...]] = {  # our name: the others in use
    "lr": ("learning_rate", "eta", "step_size", "stepsize"),
    "momentum": ("mu", "beta", "momentum_coefficient"),
    "dampening": (),
    "nesterov": (),
    "maximize": (),
    "beta1": ("beta_1", "b1", "rho1", "rho_1"),
    "beta2": ("beta_2", "b2", "rho2", "rho_2"),
    "decay": ("rho", "alpha", "gamma", "decay_rate", "smoothing"),
    "eps": ("epsilon", "delta", "fuzz"),
    "eps_root": ("epsilon_root",),
    "weight_decay": ("wd", "weight_decay_rate", "l2", "l2_reg", "l2_penalty", "lambda_", "lam", "lmbda"),
    "lr_decay": (),
    "initial_second_moment": ("initial_accumulator_value", "initial_accumulator", "initial_scale"),
    "momentum_decay": ("psi",),
    "grow": ("eta_plus", "etaplus", "eta_pos", "increase_factor"),
    "shrink": ("eta_minus", "etaminus", "eta_neg", "decrease_factor"),
    "smallest": ("delta_min", "min_step", "step_min", "min_step_size"),
    "initial_size": ("delta0", "delta_0", "delta_init", "init_step", "initial_step"),
    "largest": ("delta_max", "max_step", "step_max", "max_step_size"),
}
PAIRS: Mapping[str, tuple[str, str]] = {"betas": ("beta1", "beta2"), "etas": ("shrink", "grow"), "step_sizes": ("smallest", "largest")}


def ours(name: str, names: Mapping[str, str], beside: Iterable[str] = ()) -> str:
    """Our name for one of theirs; theirs where it is not in the vocabulary. Some mean another thing beside others."""
    return names.get(name) or elsewhere(name, set(beside)) or next((mine for mine, others in VOCABULARY.items() if name in others), name)


def elsewhere(name: str, beside: set[str]) -> str:
    """What a name means beside others: α is the learning rate if no other is, a decay beside β₂ that of the weights."""
    if name == "alpha" and beside and not beside & {"lr", *VOCABULARY["lr"]}:
        return "lr"
    if name == "decay" and beside & {"betas", "beta2", *VOCABULARY["beta2"]}:
        return "weight_decay"
    return ""


def keywords(function: Any, skip: Iterable[str] = ()) -> dict[str, Any]:
    """The parameters that a callable takes by keyword, with their defaults."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.kind in kinds and one.name not in skip}


def hyper_parameters(kind: type, skip: int = 2) -> dict[str, Any]:
    """What a class takes after self and theta; where it takes any keyword, what its base classes take too."""
    found: dict[str, Any] = {}
    for one in inspect.getmro(kind):
        if not inspect.isfunction(one.__dict__.get("__init__")):
            continue
        made = one.__dict__["__init__"]
        found = {**keywords(made, skip=arguments(made)[:skip]), **found}
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(made).parameters.values()):
            break
    return found


def arguments(function: Any) -> list[str]:
    """The names of all parameters of a callable, in order."""
    return list(inspect.signature(function).parameters)


def positional(function: Any) -> int:
    """How many arguments a callable takes by position."""
    parameters = inspect.signature(function).parameters.values()
    by_position = sum(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in parameters)
    return sys.maxsize if any(one.kind is one.VAR_POSITIONAL for one in parameters) else by_position


# --- the two plain kinds --------------------------------------------------------------------------------------------------------------


@dataclass
class ClassSubject:
    """A class `(theta, *, lr, …)` with `step(grad, lr) -> theta`; without lr in `step`, the attribute `lr` is set where there is one."""

    kind: type
    library: str = ""
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.parameters = hyper_parameters(self.kind)

    def begin(self, theta: Any, lr: float, settings: Settings) -> Run:
        """An object of the class, and its step."""
        rate = next((name for name in self.parameters if ours(name, {}, self.parameters) == "lr"), None)
        made = self.kind(theta, **({rate: lr} if rate else {}), **settings)
        takes_function = wants_function(self.kind, made.step)
        by_name = next((name for name in keywords(made.step) if ours(name, {}) == "lr"), None)
        if by_name:
            return Run(lambda grad, now: made.step(grad, **{by_name: now}), True, lambda: arrays_of(made), takes_function)
        if positional(made.step) > 1:
            return Run(made.step, True, lambda: arrays_of(made), takes_function)
        names = (*([rate] if rate else ()), "lr", *VOCABULARY["lr"])
        attribute = next((name for one in names for name in (one, f"_{one}") if hasattr(made, name)), None)

        def step(grad: Any, now: float) -> Any:
            if attribute:
                setattr(made, attribute, now)
            return made.step(grad)

        return Run(step, attribute is not None, lambda: arrays_of(made), takes_function)


def wants_function(kind: Any, step: Any) -> bool:
    """Whether a step takes the gradient as a function: its class says so, or its parameter's name does."""
    declared = getattr(kind, "takes_gradient_function", None)
    first = next(iter(arguments(step)), "")
    return bool(declared) if declared is not None else first in ("grad_fn", "gradient_fn", "grad_func", "gradient_function", "closure")


def arrays_of(holder: Any) -> dict[str, Any]:
    """The arrays that an object holds, or that a tuple or dict of them does, by name; those in a nameless place by their number."""
    named: Mapping[Any, Any]
    if isinstance(holder, tuple | list):
        named = dict(zip(getattr(holder, "_fields", map(str, range(len(holder)))), holder, strict=True))
    else:
        named = holder if isinstance(holder, Mapping) else getattr(holder, "__dict__", {})
    found: dict[str, Any] = {}
    for name, value in named.items():
        if isinstance(value, np.ndarray):
            found[str(name)] = value.copy()
        elif isinstance(value, tuple | list | dict):
            found |= {f"{name}.{inner}": array for inner, array in arrays_of(value).items()}
    return found


@dataclass
class PairSubject:
    """A pair `init(theta) -> state` and `update(grad, state, theta, lr) -> (theta, state)`, in a module, a namespace or a class."""

    pair: Any
    library: str = ""
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        own = keywords(self.pair) if self.of_objects else {}
        self.parameters = {"lr": REQUIRED, **own, **self.extra("init"), **self.extra("update")}

    @property
    def of_objects(self) -> bool:
        """Whether the pair are methods of the objects of a class, of which one must be made first."""
        if not isinstance(self.pair, type):
            return False
        found = inspect.getattr_static(self.pair, "init")
        return inspect.isfunction(found) and arguments(found)[:1] == ["self"]

    def extra(self, name: str) -> dict[str, Any]:
        """The hyper-parameters among the parameters of one of the two functions."""
        function = getattr(self.pair, name)
        fixed = arguments(function)[: (1 if name == "init" else 4) + self.of_objects]
        return keywords(function, skip=fixed)

    def begin(self, theta: Any, lr: float, settings: Settings) -> Run:
        """The state of a run, and its step."""
        taken = {name: {key: settings[key] for key in self.extra(name) if key in settings} for name in ("init", "update")}
        pair = self.pair(**{key: settings[key] for key in keywords(self.pair) if key in settings}) if self.of_objects else self.pair
        now = {"theta": theta, "state": pair.init(theta, **taken["init"])}

        def step(grad: Any, rate: float) -> Any:
            result = pair.update(grad, now["state"], now["theta"], rate, **taken["update"])
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(f"update returned {type(result).__name__}, not (theta, state)")
            now["theta"], now["state"] = result
            return result[0]

        return Run(step, takes_function=wants_function(self.pair, pair.update), state=lambda: arrays_of({"state": now["state"]}))
