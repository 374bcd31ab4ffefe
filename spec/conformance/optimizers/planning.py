"""Which hyper-parameters an optimizer is run with: its own, separating values, each option switched on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..hyperparameters import (
    DEFAULTS,
    FIRST_RUN,
    KNOWN,
    OFF_AT_ZERO,
    PAIRS,
    InvalidSettings,
    canonical_name,
    has_several_meanings,
    hyperparameters,
    is_number,
)
from ..implementation import REQUIRED, Task
from ..result import plain_setting
from .visits import RunConfig


@dataclass(frozen=True)
class OptionConfig:
    """A run with an option on that is off by default: its name, what is switched on, and all hyper-parameters."""

    name: str
    settings: Mapping[str, Any]
    config: RunConfig


@dataclass(frozen=True)
class RunConfigs:
    """The runs of an optimizer: with its own defaults, with separating values, with each option on; and the settings that are stated."""

    runs: tuple[RunConfig, ...]
    settings: Mapping[str, Any]
    long: RunConfig
    late: tuple[RunConfig, ...]  # of thousands of steps: with decays that forget at once, and with second ones that hardly forget
    wide: tuple[RunConfig, ...]  # of arrays with many entries: with separating values, and with a tiny rate and eps
    second_group: RunConfig  # with other values of all hyper-parameters that are free, and a smaller learning rate
    options: tuple[OptionConfig, ...] = ()
    variations: Mapping[str, RunConfig] = field(default_factory=dict)  # with another value of one hyper-parameter, by its name
    taken: Mapping[str, str] = field(default_factory=dict)  # own names that may mean several hyper-parameters, and what they are taken as
    left: Mapping[str, float] = field(default_factory=dict)  # numbers that mean nothing here, and their defaults
    built_in: tuple[str, ...] = ()  # what was asked for and it does not take: it is said to be what is built in


def plan_runs(parameters: Mapping[str, Any], task: Task) -> RunConfigs:
    """Return the runs of an optimizer: with what was asked for or its defaults, then with separating values for what was not asked for."""
    own_names = names_of(parameters, task.names)
    requested = requested_settings(parameters, own_names, task)
    table = hyperparameters()
    for name, value in requested.items():
        if name in DEFAULTS:
            table[name].check(value)
    defaults = {name: default_of(parameters[own], name, own) for name, own in own_names.items() if name in KNOWN}
    first = {
        **{name: value for name, value in defaults.items() if value is not REQUIRED and value is not None and not callable(value)},
        **requested,
    }
    required = [name for name, value in defaults.items() if value is REQUIRED and name not in requested]
    first |= {name: FIRST_RUN[name] for name in required if name in FIRST_RUN}
    second = {name: table[name].separating_value(value) if is_free(name, value, requested) else value for name, value in first.items()}
    if "lr" not in requested and "lr" in first:
        first["lr"] = float(first["lr"])
    configs = [run_config(values, parameters, own_names) for values in ([first] if second == first else [first, second])]
    lr_is_stated = "lr" in requested or defaults.get("lr", REQUIRED) is not REQUIRED
    stated = {name: plain_setting(value) for name, value in first.items() if name != "lr" or lr_is_stated}
    options = tuple(
        OptionConfig(name, settings, run_config({**second, **settings}, parameters, own_names))
        for name, settings in options_to_switch_on(parameters, own_names, requested)
    )
    variations = {
        name: run_config({**second, name: table[name].separating_value(value)}, parameters, own_names)
        for name, value in second.items()
        if has_common_options(own_names) and name != "lr" and is_free(name, value, requested)
    }
    other = {
        name: table[name].separating_value(value) for name, value in second.items() if name != "lr" and is_free(name, value, requested)
    }
    second_group = run_config({**second, **other, "lr": configs[-1].lr * SECOND_RATE}, parameters, own_names)
    tiny = free_values({"lr": TINY_RATE * configs[-1].lr, "eps": TINY_EPS}, {"lr": configs[-1].lr, **first}, requested)
    wide = (configs[-1], run_config({**second, **tiny}, parameters, own_names))
    left = {
        name: value for name, value in parameters.items() if name not in PAIRS and is_number(value) and name in own_names.keys() - KNOWN
    }
    quick = {"decay": QUICK_DECAY} if is_free("decay", first.get("decay"), requested) else {}
    long = run_config({**first, **quick}, parameters, own_names)
    late = tuple(run_config({**first, **free_values(decays, first, requested)}, parameters, own_names) for decays in LATE_DECAYS)
    taken = {own: name for name, own in own_names.items() if own not in (name, *PAIRS, *task.names) and has_several_meanings(own)}
    built_in = tuple(name for name in requested if name not in own_names)
    return RunConfigs(tuple(configs), stated, long, late, wide, second_group, options, variations, taken, left, built_in)


def free_values(values: Mapping[str, float], first: Mapping[str, Any], requested: Mapping[str, Any]) -> dict[str, float]:
    """Return the values of those hyper-parameters for which others may be tried."""
    return {name: value for name, value in values.items() if is_free(name, first.get(name), requested)}


def names_of(parameters: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Return the optimizer's own name of each hyper-parameter, by canonical name; of two that mean the same, the second stays itself."""
    own_names: dict[str, str] = {}
    for name in sorted(parameters, key=lambda name: canonical_name(name, names, parameters) != name):  # what needs no alias goes first
        canonical = canonical_name(name, names, parameters)
        own_names[name if canonical in own_names else canonical] = name
    in_order = {name: own for own in parameters for name, known in own_names.items() if known == own}
    return in_order | {part: name for name, value in parameters.items() if name in PAIRS for part in parts_of(name, value)}


def parts_of(pair: str, value: Any) -> tuple[str, ...]:
    """Return the hyper-parameters in a tuple, of which there may be a third one."""
    return PAIRS[pair][: len(value) if isinstance(value, tuple | list) else 2]


SECOND_RATE = 0.25  # of the learning rate of the first group of arrays, in a second one
TINY_RATE = 2.0**-20  # of the learning rate: a step that is ignored below a bound shows
TINY_EPS = 2.0**-40  # smaller than any that is usual: one that is kept above those shows
QUICK_DECAY = 0.6  # of a running mean in a long run: after half of it what the mean has kept of other values is below a rounding error
LATE_DECAYS = (  # powers and products of the first ones underflow and overflow soon; a count matters long with the second ones
    dict.fromkeys(("momentum", "beta1", "beta2", "beta3", "decay"), QUICK_DECAY),
    {"momentum": QUICK_DECAY, "beta1": QUICK_DECAY, "beta2": 0.9999, "beta3": 0.9999, "decay": 0.9999},
)
OF_NO_FAMILY = {"decay": {"beta1", "beta2"}, "momentum": {"beta1"}}  # hyper-parameters that no family has beside these
FLAGS = ("nesterov", "centered", "amsgrad")
OF_VELOCITY = ("dampening", "nesterov")


def has_common_options(names: Iterable[str]) -> bool:
    """Return whether hyper-parameters are those of no one family: a base class may take the options of all optimizers."""
    taken = set(names)
    return any(first in taken and others & taken for first, others in OF_NO_FAMILY.items())


def options_to_switch_on(
    parameters: Mapping[str, Any], own_names: Mapping[str, str], requested: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the options that are off by default and were not asked for, each with the settings that switch it on."""
    table = hyperparameters()
    on: dict[str, dict[str, Any]] = {}
    for name, own in own_names.items():
        default = REQUIRED if name in PAIRS else default_of(parameters[own], name, own)
        if name in requested or default is REQUIRED:
            continue
        if name in FLAGS and isinstance(default, bool | np.bool_) and not default:
            on[name] = {name: True}
        elif name in DEFAULTS and name != "lr" and table[name].separating:
            is_off = (is_number(default) and default == 0) or (default is None and name in OFF_AT_ZERO)
            on |= {name: {name: table[name].separating[0]}} if is_off else {}
    for name, settings in on.items():
        if name in OF_VELOCITY and any(requested.get(other) for other in OF_VELOCITY):
            continue  # a dampened velocity has no look-ahead that is agreed upon
        yield name, {**(on.get("momentum", {}) if name in OF_VELOCITY else {}), **settings}


def check_names(names: Mapping[str, str], taken: Iterable[str]) -> None:
    """Raise InvalidSettings for the canonical name of what an optimizer does not take."""
    taken = list(dict.fromkeys(taken))
    for name in names:
        if name not in taken:
            raise InvalidSettings(f"it takes no {name!r}; it takes {', '.join(taken) or 'nothing'}")


def requested_settings(parameters: Mapping[str, Any], own_names: Mapping[str, str], task: Task) -> dict[str, Any]:
    """Return the hyper-parameters that were asked for, by canonical name."""
    requested: dict[str, Any] = {}
    for name, value in task.settings.items():
        canonical = canonical_name(name, task.names, parameters)
        if canonical not in own_names and canonical not in KNOWN:
            raise InvalidSettings(f"it takes no {name!r}; it takes {', '.join(parameters) or 'nothing'}")
        if name in PAIRS:
            requested |= dict(zip(parts_of(name, value), value, strict=True))
        else:
            requested[canonical] = value
    return requested


def default_of(value: Any, canonical: str, own: str) -> Any:
    """Return the default of one hyper-parameter, which may stand in a pair."""
    return value[PAIRS[own].index(canonical)] if own in PAIRS and isinstance(value, tuple | list) else value


def is_free(name: str, value: Any, requested: Mapping[str, Any]) -> bool:
    """Return whether another value may be tried: of a number that was not asked for, and not 0, which turns things off."""
    return name in DEFAULTS and name not in requested and is_number(value) and value != 0


def run_config(values: Mapping[str, Any], parameters: Mapping[str, Any], own_names: Mapping[str, str]) -> RunConfig:
    """Return one run: what is passed, pairs put together again, and what it means."""
    passed: dict[str, Any] = {}
    for canonical, value in values.items():
        own = own_names.get(canonical)
        if canonical == "lr" or own is None:
            continue
        if own in PAIRS:
            passed[own] = tuple(values.get(name, DEFAULTS[name]) for name in parts_of(own, parameters[own]))
        elif parameters[own] is REQUIRED or not is_same(value, parameters[own]):
            passed[own] = value
    return RunConfig(passed, canonical_hyperparameters(values), float(values.get("lr", DEFAULTS["lr"])), values)


def is_same(value: Any, default: Any) -> bool:
    """Return whether a value is the default; defaults may be anything, arrays included."""
    try:
        return value is default or bool(value == default)
    except Exception:
        return False


def canonical_hyperparameters(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the numeric hyper-parameters by canonical name; a single decay also stands for those of momentum, beta1, beta2 that lack."""
    hyper = {name: float(value) for name, value in values.items() if name in DEFAULTS and name != "lr" and is_number(value)}
    decays = [hyper[name] for name in ("decay", "momentum", "beta1", "beta2") if name in hyper]
    if "decay" in hyper:
        hyper.setdefault("beta2", hyper.pop("decay"))
    for name in ("momentum", "beta1", "beta2"):
        if decays:
            hyper.setdefault(name, hyper.get("beta1", decays[0]) if name == "momentum" else decays[0])
    return hyper


def defaulted(settings: Mapping[str, Any], needs: tuple[str, ...]) -> dict[str, float]:
    """Return the values taken for what a convention needs and nobody stated."""
    stated = {**canonical_hyperparameters(settings), **dict.fromkeys(OFF_AT_ZERO, 0.0)}
    return {name: DEFAULTS[name] for name in needs if name not in stated}
