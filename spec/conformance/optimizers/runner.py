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
from ..hyperparameters import DEFAULTS, InvalidSettings
from ..implementation import FunctionImplementation, Implementation, NotFound, Task
from ..loading import environment_info, load_implementation, version_of
from ..plain import PlainImplementation
from ..report.sentences import settings_text
from ..result import WIDE, Fault, printable
from ..sandbox import notify_loaded
from .arrays import SEVERAL, SHAPES, ArraysReport, try_arrays
from .first_step import with_cause
from .fixtures import MATRIX, VECTOR, long_fixture, wide_fixtures
from .late import GROWS, OF_MATRICES, SLOW, LargeRun, large_run, run_late
from .planning import OptionConfig, RunConfigs, canonical_hyperparameters, check_names, names_of, plan_runs
from .visits import (
    OptimizerRun,
    RunConfig,
    dead_coordinate_faults,
    dtype_named,
    fixtures_of,
    parameter_kind,
    retention_faults,
    run_fixture,
    start_run,
    treats_matrices_otherwise,
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
    late_runs: tuple[LargeRun, ...] = ()  # of thousands of steps
    wide_runs: tuple[LargeRun, ...] = ()  # of arrays with many entries
    not_run: tuple[str, ...] = ()  # runs that are not made, and why
    arrays: ArraysReport = field(default_factory=ArraysReport)
    unused: tuple[str, ...] = ()  # of hyper-parameters that belong to no one family: those that change nothing
    taken: Mapping[str, str] = field(default_factory=dict)  # own names that may mean several hyper-parameters, and what they are taken as
    left: Mapping[str, float] = field(default_factory=dict)  # numbers that mean nothing here, and their defaults
    built_in: tuple[str, ...] = ()  # settings that it does not take: they are said to be built in
    faults: tuple[Fault, ...] = ()
    fixed_rate: str = ""  # that its learning rate cannot be set, in words
    is_function: bool = False  # it is no optimizer: the kit for functions judges it
    kind: str = VECTOR  # what it was run on
    treats_matrices_otherwise: bool = False

    @property
    def used_settings(self) -> Mapping[str, Any]:
        """The settings without those that change nothing."""
        return {name: value for name, value in self.settings.items() if name not in self.unused}


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
        configs = planned_runs(implementation, task)
    except InvalidSettings as problem:
        return replace(report, faults=(Fault("settings", printable(problem)),))
    report = replace(report, settings=configs.settings, built_in=configs.built_in)
    if isinstance(implementation, PlainImplementation):  # adapters say what names mean
        report = replace(report, taken=configs.taken, left=configs.left)
    dtype = dtype_named(task.dtype)
    kind = task.kind or parameter_kind(implementation, configs.runs[0], dtype)
    report = replace(report, kind=kind)
    runs: list[OptimizerRun] = []
    faults: list[Fault] = []
    before = random_states()
    for number, (config, shape) in enumerate(planned := configs_and_fixtures(configs, kind)):
        try:
            run, observed = run_fixture(implementation, fixtures_of(implementation, config, dtype, kind)[shape], config, dtype)
            faults += observed
            if all(fault.kind in DTYPE_FAULTS for fault in observed):
                faults += retention_faults(implementation, config, run)
            runs.append(run)
            faults += random_state_faults(before, "its runs")
            before = random_states()
        except FatalFault as problem:
            if not number:  # it may refuse other values than its own
                faults.append(with_cause(problem.fault, implementation, config, dtype, kind))
                break
    long_run = None
    if runs:
        report = replace(report, fixed_rate=words_of_fixed_rate(implementation, task, configs.runs[0], runs[0]))
        faults += dead_coordinate_faults(implementation, configs.runs[0], dtype, kind)
        long_run, late = (None, []) if GROWING in configs.long.hyper else run_long(implementation, configs.long, dtype, kind)
        faults += late
    unused = unused_hyperparameters(implementation, configs, runs) if len(runs) == len(planned) else ()
    runs = [without_hyperparameters(run, config, unused) for run, (config, _) in zip(runs, planned, strict=False)]
    long_run = long_run and without_hyperparameters(long_run, configs.long, unused)
    options, option_faults = run_options(implementation, configs, unused, dtype, kind) if runs else ((), [])
    if runs and kind == VECTOR:
        report = replace(report, arrays=try_arrays(implementation, runs[-1], configs.runs[len(runs) - 1], configs.second_group))
        faults += report.arrays.faults
        if report.arrays.differences:
            with suppress(FatalFault):
                otherwise = treats_matrices_otherwise(implementation, configs.runs[len(runs) - 1], dtype)
                report = replace(report, treats_matrices_otherwise=otherwise)
    if runs and task.dtype in WIDE:
        report = with_large_runs(report, implementation, configs, dtype)
    if isinstance(implementation, PlainImplementation):
        faults += implementation.faults
    faults += [*option_faults, *random_state_faults(before, "its runs")]
    return replace(report, runs=tuple(runs), long_run=long_run, options=options, unused=unused, faults=unique_faults(faults))


GROWING = "initial_distance"  # of methods whose steps grow with the way that is covered: in long runs of given gradients they overflow


def with_large_runs(report: OptimizerReport, implementation: Implementation, configs: RunConfigs, dtype: Any) -> OptimizerReport:
    """Return a report with runs of arrays with many entries, and with runs of thousands of steps or the reason why there are none."""
    report = replace(report, wide_runs=tuple(run_wide(report, implementation, configs.wide, dtype)))
    if GROWING in configs.long.hyper or report.kind == MATRIX:
        return replace(report, not_run=(GROWS if GROWING in configs.long.hyper else OF_MATRICES,))
    runs = run_late(implementation, configs.late, dtype)
    return replace(report, not_run=(SLOW,)) if runs is None else replace(report, late_runs=runs)


def run_wide(report: OptimizerReport, implementation: Implementation, configs: Iterable[RunConfig], dtype: Any) -> Iterator[LargeRun]:
    """Yield runs of arrays with many entries; of matrices too where an optimizer of vectors moves them in the same way."""
    is_any_shape = {SEVERAL, SHAPES} & set(report.arrays.tried) and not report.treats_matrices_otherwise
    for number, config in enumerate(configs if not report.fixed_rate else ()):
        for fixture in wide_fixtures(report.kind, with_dead=number > 0):
            if len(fixture.shape) == 1 or report.kind == MATRIX or is_any_shape:
                yield from large_run(implementation, fixture, config, dtype, config.hyper.get("eps", DEFAULTS["eps"]))


def planned_runs(implementation: Implementation, task: Task) -> RunConfigs:
    """Return the runs of an optimizer, which is told the names that are said; InvalidSettings for a name of what it does not take."""
    check_names(task.names, [*implementation.parameters, *getattr(implementation, "step_parameters", ())])
    if isinstance(implementation, PlainImplementation):
        implementation.names = task.names
    return plan_runs(implementation.parameters, task)


def configs_and_fixtures(configs: RunConfigs, kind: str) -> list[tuple[RunConfig, int]]:
    """Return the hyper-parameters of every run with the number of its fixture: of matrices there is one more, of another shape."""
    return [(config, 0) for config in configs.runs] + ([(configs.runs[-1], 1)] if kind == MATRIX else [])


def words_of_fixed_rate(implementation: Implementation, task: Task, config: RunConfig, run: OptimizerRun) -> str:
    """Return that a learning rate can be stated nowhere, and what an optimizer takes instead; nothing where it can be stated."""
    if "lr" in names_of(implementation.parameters, task.names):
        return ""
    start = run.fixture.start(config.lr, run.points.dtype.type)
    if start_run(implementation, start, config.lr, config.passed).changes_lr:
        return ""
    return f"its learning rate cannot be set (it takes {', '.join(implementation.parameters) or 'nothing'})"


def run_long(implementation: Implementation, config: RunConfig, dtype: Any, kind: str) -> tuple[OptimizerRun | None, list[Fault]]:
    """Return a run of many steps in which gradients hardly change, and the fault that ends it."""
    try:
        return visit_points(implementation, long_fixture(kind), config, dtype)[0], []
    except FatalFault as problem:
        detail = f"{problem.fault.detail}, of a run whose gradients hardly change"
        return None, [Fault(problem.fault.kind, detail, fatal=False)]


def unused_hyperparameters(implementation: Implementation, configs: RunConfigs, runs: list[OptimizerRun]) -> tuple[str, ...]:
    """Return the hyper-parameters of a common base that change nothing: the points are the same with another value."""
    unused = []
    for name, config in configs.variations.items():
        with suppress(FatalFault):
            same_inputs = replace(config, hyper=runs[-1].hyper)
            varied = run_fixture(implementation, runs[-1].fixture, same_inputs, runs[-1].points.dtype.type)[0]
            unused += [name] if np.array_equal(varied.points, runs[-1].points) else []
    return tuple(unused)


def without_hyperparameters(run: OptimizerRun, config: RunConfig, unused: tuple[str, ...]) -> OptimizerRun:
    """Return a run as if its optimizer did not take some hyper-parameters."""
    stated = {name: value for name, value in config.stated.items() if name not in unused}
    return replace(run, hyper=canonical_hyperparameters(stated)) if unused else run


def run_options(
    implementation: Implementation, configs: RunConfigs, unused: tuple[str, ...], dtype: Any, kind: str
) -> tuple[tuple[OptionRun, ...], list[Fault]]:
    """Return a run with each option on, and what was seen then; an optimizer may refuse an option before its second step."""
    options: list[OptionRun] = []
    faults: list[Fault] = []
    for option in configs.options:
        outcome = OptionRun(option.name, option.settings)
        try:
            run, observed = run_fixture(implementation, fixtures_of(implementation, option.config, dtype, kind)[0], option.config, dtype)
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
