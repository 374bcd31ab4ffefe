"""Driving a subject over the fixtures, in a process of its own and under a time limit, and noting how it behaves."""

from __future__ import annotations

import faulthandler
import os
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import TimeoutError as OutOfTime
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from typing import Any

import numpy as np

from .fixtures import LR, Fixture, fixture_for
from .subjects import REQUIRED, VOCABULARY, FunctionSubject, NotFound, Run, Subject, ours, subject_of, version_of

MOMENTA = (0.9, 0.75)  # tried where the subject asks for one and none is given
TIMEOUT = 30.0  # seconds, imports included
GRACE = 5.0  # seconds more, after which a process that nobody stopped stops itself


@dataclass(frozen=True)
class Task:
    """What is asked: a subject by name, its hyper-parameters, names of its own for them, and the dtype."""

    target: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)  # theirs: ours
    dtype: str = "float64"


@dataclass(frozen=True)
class Fault:
    """One way in which a subject misbehaves. `fatal`: what it computes could not be seen."""

    kind: str
    detail: str
    fatal: bool = True


@dataclass(frozen=True)
class Record:
    """One run: its fixture, its hyper-parameters, and the points that were visited."""

    fixture: Fixture
    lr: float
    momentum: float
    dampening: float
    points: Any


@dataclass(frozen=True)
class Report:
    """All that was seen of a subject."""

    library: str = ""
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)  # by our names; defaults of the subject included
    assumed: Mapping[str, Any] = field(default_factory=dict)  # what nobody said
    records: tuple[Record, ...] = ()
    faults: tuple[Fault, ...] = ()
    is_function: bool = False  # it is no optimizer: functions.py judges it


class Misbehaved(Exception):
    """A fault after which the run cannot go on."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(kind, detail)


class Refusal(ValueError):
    """Hyper-parameters that cannot be asked for."""


# --- which hyper-parameters to run with -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """Hyper-parameters by the subject's names for each run, and by ours."""

    passed: Mapping[str, Any]
    settings: Mapping[str, Any]
    assumed: Mapping[str, Any]
    momentum_name: str
    momenta: tuple[float, ...]


def settle(parameters: Mapping[str, Any], task: Task) -> Plan:
    """What is passed on, what it means in our names, and the momenta to try; what the subject does not take is taken as built in."""
    theirs = {ours(name, task.names): name for name in parameters}
    passed: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    for name, value in task.settings.items():
        mine = ours(name, task.names)
        if mine not in theirs and mine not in VOCABULARY:
            raise Refusal(f"it takes no {name!r}; it takes {', '.join(parameters) or 'nothing'}")
        settings[mine] = value
        if mine in theirs and mine != "lr":
            passed[theirs[mine]] = value
    check_settings(settings)
    given = dict(settings)
    for mine, name in theirs.items():
        if mine in VOCABULARY and mine != "lr" and parameters[name] not in (REQUIRED, None):
            settings.setdefault(mine, parameters[name])
    assumed, name, momenta = momenta_for(given, settings, theirs.get("momentum", ""))
    return Plan(passed, {**settings, **({"momentum": momenta[0]} if name else {})}, assumed, name, momenta)


def momenta_for(given: Mapping[str, Any], settings: Mapping[str, Any], name: str) -> tuple[dict[str, float], str, tuple[float, ...]]:
    """The one that was given; else the default and another one, so that a momentum that is taken and ignored shows."""
    if "momentum" in given:
        return {}, "", (float(given["momentum"]),)
    if not name:
        return {"momentum": MOMENTA[0]}, "", MOMENTA[:1]
    if "momentum" not in settings:
        return {}, name, MOMENTA
    default = float(settings["momentum"])
    return {}, name, (default, next(one for one in reversed(MOMENTA) if one != default)) if default else (0.0,)


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse hyper-parameters that mean nothing, or that this family knows nothing of."""
    if settings.get("weight_decay"):
        raise Refusal("weight decay is no axis of the momentum family yet: leave weight_decay at 0")
    for name in ("lr", "momentum", "dampening"):
        if name in settings and (isinstance(settings[name], bool) or not isinstance(settings[name], int | float)):
            raise Refusal(f"{name} = {settings[name]!r} is not a number")
    if not 0 < settings.get("lr", LR) < float("inf"):
        raise Refusal(f"lr = {settings['lr']!r}: a positive number is allowed")
    for name in ("momentum", "dampening"):
        if not 0 <= settings.get(name, 0) < 1:
            raise Refusal(f"{name} = {settings[name]!r}: at least 0 and below 1 is allowed")


# --- in the subject's process ---------------------------------------------------------------------------------------------------------


class Watch:
    """Arrays that were handed out, and what was in them."""

    def __init__(self) -> None:
        self.given: list[tuple[str, Any, Any]] = []

    def give(self, name: str, values: Any) -> Any:
        """A copy of these values, watched."""
        array = values.copy()
        self.given.append((name, array, values.copy()))
        return array

    def faults(self, step: int, point: Any) -> Iterator[Fault]:
        """Whether something was written to, or given back."""
        for name, array, values in self.given:
            if array.tobytes() != values.tobytes():
                yield Fault("mutates", f"it writes to {name}, in step {step}", fatal=False)
            elif np.may_share_memory(array, point):
                yield Fault("view", f"what it returns in step {step} is a view of {name}", fatal=False)


def follow(subject: Subject, fixture: Fixture, lr: float, settings: Mapping[str, Any], dtype: Any) -> tuple[Any, list[Fault]]:
    """One run, its arrays watched."""
    watch = Watch()
    faults: list[Fault] = []
    theta = fixture.start(lr, dtype)
    run = begun(subject, watch.give("theta", theta), lr * fixture.lr[0], settings)
    points = []
    for number, (values, rate) in enumerate(zip(fixture.gradients(dtype), fixture.rates(lr), strict=True), start=1):
        gradient = watch.give(f"the gradient of step {number}", values)
        point = checked(attempt(f"step {number}", run.step, gradient, float(rate)), theta, number)
        faults += watch.faults(number, point) if not faults else ()
        points.append(point.copy())
    return np.stack(points), faults


def follow_in_one_buffer(subject: Subject, fixture: Fixture, lr: float, settings: Mapping[str, Any], dtype: Any) -> Any:
    """The same run, with every gradient in the same memory, as training loops have it."""
    run = begun(subject, fixture.start(lr, dtype), lr * fixture.lr[0], settings)
    buffer = np.empty(len(fixture.theta), dtype)
    points = []
    for values, rate in zip(fixture.gradients(dtype), fixture.rates(lr), strict=True):
        buffer[:] = values
        points.append(np.array(attempt("a second run", run.step, buffer, float(rate))))
    return np.stack(points)


def begun(subject: Subject, theta: Any, lr: float, settings: Mapping[str, Any]) -> Run:
    """The start of a run."""
    begun: Run = attempt("the start", subject.begin, theta, float(lr), settings)
    return begun


def attempt(where: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """Call the subject; whatever it raises is a fault of its own."""
    try:
        return call(*arguments)
    except BaseException as problem:
        raise Misbehaved("raises", f"it raises {type(problem).__name__}: {problem}{line_of(problem)}, in {where}") from None


def line_of(problem: BaseException) -> str:
    """The last line of the subject's own code in a traceback."""
    frames = [one for one in traceback.extract_tb(problem.__traceback__) if os.path.dirname(one.filename) != os.path.dirname(__file__)]
    return f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""


def checked(point: Any, theta: Any, number: int) -> Any:
    """The new point as an array; another shape or dtype, or a number that is not finite, ends the run."""
    array = np.asarray(point) if hasattr(point, "__array__") else point
    if not isinstance(array, np.ndarray):
        raise Misbehaved("type", f"it returns {type(point).__name__} where an array is due, in step {number}")
    if array.shape != theta.shape:
        raise Misbehaved("shape", f"it returns shape {array.shape} where {theta.shape} is due, in step {number}")
    if array.dtype != theta.dtype:
        raise Misbehaved("dtype", f"it returns {array.dtype} where {theta.dtype} is due, in step {number}")
    if not np.all(np.isfinite(array)):
        where = int(np.argmin(np.isfinite(array)))
        raise Misbehaved("not-finite", f"it returns {array[where]} in step {number}, coordinate {where}")
    return array


@contextmanager
def captured() -> Iterator[Callable[[], str]]:
    """Keep what is written to the standard streams from the terminal; what stands on standard output since the last look can be read."""
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        os.dup2(output.fileno(), 1)
        os.dup2(errors.fileno(), 2)

        def printed() -> str:
            sys.stdout.flush()
            start, end = seen[-1], os.lseek(output.fileno(), 0, os.SEEK_END)
            seen.append(end)
            return os.pread(output.fileno(), end - start, start).decode(errors="replace")

        seen = [0]
        try:
            yield printed
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, stream in enumerate(saved, start=1):
                os.dup2(stream, number)
                os.close(stream)


DRIVING = threading.Event()  # set in the process of a subject, which must not ask for another one


def drive(task: Task, timeout: float) -> Report:
    """Load the subject and run it: what a process of its own is asked to do. Should ours be gone by then, it ends by itself."""
    DRIVING.set()
    faulthandler.dump_traceback_later(timeout + GRACE, exit=True)
    try:
        return driven(task)
    finally:
        faulthandler.cancel_dump_traceback_later()


def driven(task: Task) -> Report:
    """The report on a subject, or on why it could not be loaded."""
    with captured() as printed:
        try:
            subject = subject_of(task.target)
            if isinstance(subject, FunctionSubject | tuple):
                return Report(is_function=True)
        except NotFound as problem:
            return Report(faults=(Fault("not-found", str(problem)),))
        except BaseException as problem:
            where = line_of(problem)
            return Report(faults=(Fault("import", f"its import raises {type(problem).__name__}: {problem}{where}"),))
        printed()  # what an import prints is not the optimizer's doing
        report = run_all(subject, task)
        if text := printed():
            report = replace(report, faults=(*report.faults, Fault("prints", f"it prints: {text[:60]!r}", fatal=False)))
        return report


def run_all(subject: Subject, task: Task) -> Report:
    """Every run that the hyper-parameters ask for."""
    report = Report(subject.library, version_of(subject.library))
    try:
        plan = settle(subject.parameters, task)
    except Refusal as problem:
        return replace(report, faults=(Fault("settings", str(problem)),))
    report = replace(report, settings=plan.settings, assumed=plan.assumed)
    lr, dtype = float(plan.settings.get("lr", LR)), np.dtype(task.dtype).type
    records: list[Record] = []
    faults: list[Fault] = []
    try:
        for momentum in plan.momenta:
            settings = {**plan.passed, **({plan.momentum_name: momentum} if plan.momentum_name else {})}
            fixture = fixture_for(changes_lr=True)
            if not begun(subject, fixture.start(lr, dtype), lr, settings).changes_lr:
                fixture = fixture_for(changes_lr=False)
            points, seen = follow(subject, fixture, lr, settings, dtype)
            faults += seen or aliasing(subject, fixture, lr, settings, points)
            records.append(Record(fixture, lr, momentum, float(plan.settings.get("dampening", 0.0)), points))
    except Misbehaved as problem:
        faults.append(problem.fault)
    unique = {one.kind: one for one in reversed(faults)}
    return replace(report, records=tuple(records), faults=tuple(reversed(unique.values())))


def aliasing(subject: Subject, fixture: Fixture, lr: float, settings: Mapping[str, Any], points: Any) -> list[Fault]:
    """Whether the caller's next gradient, written where the last one stood, changes what the subject remembers."""
    dtype = points.dtype.type
    if np.array_equal(follow_in_one_buffer(subject, fixture, lr, settings, dtype), points):
        return []
    if not np.array_equal(follow(subject, fixture, lr, settings, dtype)[0], points):
        return [Fault("random", "two runs with the same inputs differ", fatal=False)]
    return [Fault("keeps", "it keeps the caller's gradient instead of its values: writing the next one changes its state", fatal=False)]


# --- in our process -------------------------------------------------------------------------------------------------------------------


def observe(task: Task, timeout: float = TIMEOUT) -> Report:
    """Drive a subject in a process of its own."""
    from pebble import ProcessExpired, ProcessPool

    if DRIVING.is_set():
        raise RuntimeError('a subject is being run already: call this under `if __name__ == "__main__":`')
    pool = ProcessPool(max_workers=1, context=get_context("spawn"))
    try:
        future = pool.schedule(drive, args=(task, timeout), timeout=timeout)
        from .. import arithmetic  # noqa: F401 - it loads while the subject runs

        report: Report = future.result()
        return report
    except OutOfTime:
        return Report(faults=(Fault("hangs", f"it gives no answer within {timeout:g} s"),))
    except ProcessExpired as death:
        return Report(faults=(Fault("crashes", f"its process died, with exit code {death.exitcode}"),))
    except BrokenProcessPool:
        return Report(faults=(Fault("crashes", 'no process could be started: call this under `if __name__ == "__main__":`'),))
    finally:
        pool.stop()
        pool.join()
