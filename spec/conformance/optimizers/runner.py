"""Run an optimizer on the fixtures, with hyper-parameters that tell conventions apart, and report how it behaves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..guards import (
    DTYPE_FAULTS,
    FatalFault,
    capture_output,
    describe_exception,
    printing_fault,
    random_state_faults,
    random_states,
    unique_faults,
)
from ..hyperparameters import (
    DEFAULTS,
    FIRST_RUN,
    KNOWN,
    OFF_AT_ZERO,
    PAIRS,
    InvalidSettings,
    canonical_name,
    hyperparameters,
    is_number,
)
from ..implementation import REQUIRED, FunctionImplementation, Implementation, NotFound, Task
from ..loading import environment_info, load_implementation, version_of
from ..report.sentences import settings_text
from ..result import Fault, printable, short_repr
from ..sandbox import notify_loaded
from .arrays import ArraysReport, try_arrays
from .fixtures import long_fixture
from .visits import (
    OptimizerRun,
    RunConfig,
    dead_coordinate_faults,
    fixture_of,
    retention_faults,
    run_fixture,
    visit_points,
)


@dataclass(frozen=True)
class OptionRun:
    """What was observed with an option switched on that is off by default: a run, or why there is none."""

    name: str
    settings: Mapping[str, Any]  # the option, and what had to be switched on with it
    run: OptimizerRun | None = None
    refusal: str = ""
    faults: tuple[Fault, ...] = ()  # those that leave its points as they are


@dataclass(frozen=True)
class OptimizerReport:
    """All that was observed of an optimizer."""

    library: str = ""
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)  # by canonical name; the optimizer's own defaults included
    environment: Mapping[str, str] = field(default_factory=dict)
    runs: tuple[OptimizerRun, ...] = ()
    options: tuple[OptionRun, ...] = ()
    long_run: OptimizerRun | None = None
    arrays: ArraysReport = field(default_factory=ArraysReport)
    unused: tuple[str, ...] = ()  # of hyper-parameters that belong to no one family: those that change nothing
    faults: tuple[Fault, ...] = ()
    is_function: bool = False  # it is no optimizer: the kit for functions judges it


# --- which hyper-parameters to run with -----------------------------------------------------------------------------------------------


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
    second_group: RunConfig  # with other values of all hyper-parameters that are free, and a smaller learning rate
    options: tuple[OptionConfig, ...] = ()
    variations: Mapping[str, RunConfig] = field(default_factory=dict)  # with another value of one hyper-parameter, by its name


def plan_runs(parameters: Mapping[str, Any], task: Task) -> RunConfigs:
    """Return the runs of an optimizer: with what was asked for or its defaults, then with separating values for what was not asked for."""
    own_names = {canonical_name(name, task.names, parameters): name for name in parameters}
    own_names |= {canonical: name for name in parameters if name in PAIRS for canonical in PAIRS[name]}
    requested = requested_settings(parameters, own_names, task)
    table = hyperparameters()
    for name, value in requested.items():
        if name in DEFAULTS:
            table[name].check(value)
    defaults = {name: default_of(parameters[own], name, own) for name, own in own_names.items() if name in KNOWN}
    first = {**{name: value for name, value in defaults.items() if value is not REQUIRED and value is not None}, **requested}
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
        if has_common_options(own_names) and name not in ("lr", "eps") and is_free(name, value, requested)
    }
    other = {
        name: table[name].separating_value(value) for name, value in second.items() if name != "lr" and is_free(name, value, requested)
    }
    second_group = run_config({**second, **other, "lr": configs[-1].lr * SECOND_RATE}, parameters, own_names)
    quick = {"decay": QUICK_DECAY} if is_free("decay", first.get("decay"), requested) else {}
    return RunConfigs(tuple(configs), stated, run_config({**first, **quick}, parameters, own_names), second_group, options, variations)


SECOND_RATE = 0.25  # of the learning rate of the first group of arrays, in a second one
QUICK_DECAY = 0.6  # of a running mean in a long run: after half of it what the mean has kept of other values is below a rounding error
FLAGS = ("nesterov", "centered", "amsgrad")
OF_VELOCITY = ("dampening", "nesterov")


def has_common_options(names: Iterable[str]) -> bool:
    """Return whether hyper-parameters are those of no one family: a base class may take the options of all optimizers."""
    return "decay" in names and bool({"beta1", "beta2"} & set(names))


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


def requested_settings(parameters: Mapping[str, Any], own_names: Mapping[str, str], task: Task) -> dict[str, Any]:
    """Return the hyper-parameters that were asked for, by canonical name."""
    requested: dict[str, Any] = {}
    for name, value in task.settings.items():
        canonical = canonical_name(name, task.names, parameters)
        if canonical not in own_names and canonical not in KNOWN:
            raise InvalidSettings(f"it takes no {name!r}; it takes {', '.join(parameters) or 'nothing'}")
        if name in PAIRS:
            requested |= dict(zip(PAIRS[name], value, strict=True))
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
            passed[own] = tuple(values.get(name, DEFAULTS[name]) for name in PAIRS[own])
        elif parameters[own] is REQUIRED or not is_same(value, parameters[own]):
            passed[own] = value
    return RunConfig(passed, canonical_hyperparameters(values), float(values.get("lr", DEFAULTS["lr"])), values)


def is_same(value: Any, default: Any) -> bool:
    """Return whether a value is the default; defaults may be anything, arrays included."""
    try:
        return value is default or bool(value == default)
    except Exception:
        return False


def plain_setting(value: Any) -> Any:
    """Return a setting as it can be sent and shown: numbers and texts as they are, anything else by its repr."""
    if isinstance(value, np.number | np.bool_):
        return value.item()
    return (
        printable(value)
        if isinstance(value, str)
        else value
        if value is None or isinstance(value, bool | int | float)
        else short_repr(value)
    )


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


# --- in the process of the optimizer ----------------------------------------------------------------------------------------------------


def run_optimizer(task: Task) -> OptimizerReport:
    """Load an optimizer and run it; or say why it could not be loaded, or that it is a function."""
    with capture_output() as printed:
        try:
            implementation = load_implementation(task.target)
        except NotFound as problem:
            return OptimizerReport(faults=(Fault("not-found", printable(problem)),))
        except BaseException as problem:
            return OptimizerReport(faults=(Fault("import", f"its import raises {describe_exception(problem)}"),))
        notify_loaded()
        if isinstance(implementation, FunctionImplementation | tuple):
            return OptimizerReport(is_function=True)
        printed()  # what an import prints does not count
        report = observe(implementation, task)
        return replace(report, faults=(*report.faults, *printing_fault(printed())))


def observe(implementation: Implementation, task: Task) -> OptimizerReport:
    """Run an optimizer with every configuration that its hyper-parameters ask for."""
    library = implementation.library
    report = OptimizerReport(library, version_of(library), environment=environment_info(library))
    try:
        configs = plan_runs(implementation.parameters, task)
    except InvalidSettings as problem:
        return replace(report, faults=(Fault("settings", printable(problem)),))
    report = replace(report, settings=configs.settings)
    dtype = np.dtype(task.dtype).type
    runs: list[OptimizerRun] = []
    faults: list[Fault] = []
    before = random_states()
    for number, config in enumerate(configs.runs):
        try:
            run, observed = run_fixture(implementation, fixture_of(implementation, config, dtype), config, dtype)
            faults += observed
            if all(fault.kind in DTYPE_FAULTS for fault in observed):
                faults += retention_faults(implementation, config, run)
            runs.append(run)
        except FatalFault as problem:
            if not number:  # it may refuse other values than its own
                faults.append(problem.fault)
                break
    if runs:
        faults += dead_coordinate_faults(implementation, configs.runs[0], dtype)
        long_run, late = run_long(implementation, configs.long, dtype)
        report = replace(report, long_run=long_run)
        faults += late
    unused = unused_hyperparameters(implementation, configs, runs)
    runs = [without_hyperparameters(run, config, unused) for run, config in zip(runs, configs.runs, strict=False)]
    options, option_faults = run_options(implementation, configs, unused, dtype) if runs else ((), [])
    if runs:
        report = replace(report, arrays=try_arrays(implementation, runs[-1], configs.runs[len(runs) - 1], configs.second_group))
        faults += report.arrays.faults
    faults += [*option_faults, *random_state_faults(before, "its runs")]
    return replace(report, runs=tuple(runs), options=options, unused=unused, faults=unique_faults(faults))


def run_long(implementation: Implementation, config: RunConfig, dtype: Any) -> tuple[OptimizerRun | None, list[Fault]]:
    """Return a run of many steps in which gradients hardly change, and the fault that ends it."""
    try:
        return visit_points(implementation, long_fixture(), config, dtype)[0], []
    except FatalFault as problem:
        detail = f"{problem.fault.detail}, of a run whose gradients hardly change"
        return None, [Fault(problem.fault.kind, detail, fatal=False)]


def unused_hyperparameters(implementation: Implementation, configs: RunConfigs, runs: list[OptimizerRun]) -> tuple[str, ...]:
    """Return the hyper-parameters of a common base that change nothing: the points are the same with another value."""
    unused = []
    for name, config in configs.variations.items() if len(runs) == len(configs.runs) else ():
        with suppress(FatalFault):
            varied = run_fixture(implementation, runs[-1].fixture, config, runs[-1].points.dtype.type)[0]
            unused += [name] if np.array_equal(varied.points, runs[-1].points) else []
    return tuple(unused)


def without_hyperparameters(run: OptimizerRun, config: RunConfig, unused: tuple[str, ...]) -> OptimizerRun:
    """Return a run as if its optimizer did not take some hyper-parameters."""
    stated = {name: value for name, value in config.stated.items() if name not in unused}
    return replace(run, hyper=canonical_hyperparameters(stated)) if unused else run


def run_options(
    implementation: Implementation, configs: RunConfigs, unused: tuple[str, ...], dtype: Any
) -> tuple[tuple[OptionRun, ...], list[Fault]]:
    """Return a run with each option on, and what was seen then; an optimizer may refuse an option before its second step."""
    options: list[OptionRun] = []
    faults: list[Fault] = []
    for option in configs.options:
        outcome = OptionRun(option.name, option.settings)
        try:
            run, observed = run_fixture(implementation, fixture_of(implementation, option.config, dtype), option.config, dtype)
            observed = [named_with(option, fault) for fault in observed]
            faults += [fault for fault in observed if fault.kind == "not-finite"]
            harmless = tuple(fault for fault in observed if fault.kind != "not-finite")
            outcome = replace(outcome, run=without_hyperparameters(run, option.config, unused), faults=harmless)
        except FatalFault as problem:
            if problem.fault.kind == "raises" and re.search(REFUSAL, problem.fault.detail):
                outcome = replace(outcome, refusal=problem.fault.detail)
            else:
                faults.append(named_with(option, problem.fault))
        options.append(outcome)
    return tuple(options), faults


def named_with(option: OptionConfig, fault: Fault) -> Fault:
    """Return a fault that says with which option it is seen."""
    return replace(fault, detail=f"with {settings_text(option.settings)} {fault.detail}", fatal=False)


REFUSAL = "in the start$|(Value|NotImplemented)Error.*in step 1$"  # an exception that may mean that an option is not admitted
