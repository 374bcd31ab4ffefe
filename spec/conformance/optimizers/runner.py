"""Driving a subject over the fixtures, in a process of its own and within limits of time and memory, and noting how it behaves."""

from __future__ import annotations

import faulthandler
import os
import random
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

from ..implementation import (
    PAIRS,
    REQUIRED,
    VOCABULARY,
    FunctionSubject,
    NotFound,
    Run,
    Subject,
    circumstances,
    ours,
    subject_of,
    version_of,
)
from .algorithm import HYPER, OFF
from .fixtures import LR, Fixture, fixture_for, fixtures

TIMEOUT = 30.0  # seconds, imports included
MEMORY = 8.0  # GiB of data
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


@dataclass(frozen=True, eq=False)
class Record:
    """One run: its fixture, its hyper-parameters by our names, the points that were visited, and what was remembered after each step."""

    fixture: Fixture
    lr: float
    hyper: Mapping[str, float]
    points: Any
    states: tuple[Mapping[str, Any], ...] = ()
    takes_function: bool = False
    eps: float = HYPER["eps"]  # what the columns that stand for ε are scaled by


@dataclass(frozen=True)
class Report:
    """All that was seen of a subject."""

    library: str = ""
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)  # by our names; defaults of the subject included
    environment: Mapping[str, str] = field(default_factory=dict)
    records: tuple[Record, ...] = ()
    faults: tuple[Fault, ...] = ()
    is_function: bool = False  # it is no optimizer: functions.py judges it


DTYPE_FAULTS = ("dtype", "widens")  # a narrower dtype than the one that is due, or a wider one


class Misbehaved(Exception):
    """A fault after which the run cannot go on."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(kind, detail)


class Refusal(ValueError):
    """Hyper-parameters that cannot be asked for."""


# --- which hyper-parameters to run with -----------------------------------------------------------------------------------------------

SEPARATING: Mapping[str, tuple[float, float]] = {  # values that tell conventions apart, dyadic; the second where the first is the default
    "lr": (0.125, 0.25),
    "momentum": (0.75, 0.875),
    "dampening": (0.375, 0.4375),
    "beta1": (0.875, 0.75),
    "beta2": (0.9375, 0.96875),
    "decay": (0.9375, 0.96875),
    "eps": (0.125, 0.25),
    "eps_root": (2.0**-8, 2.0**-7),
    "weight_decay": (0.25, 0.125),
    "lr_decay": (0.125, 0.25),
    "initial_second_moment": (0.375, 0.625),
    "momentum_decay": (0.25, 0.5),
    "grow": (1.5, 1.25),
    "shrink": (0.625, 0.5),
    "initial_size": (0.125, 0.25),
    "smallest": (2.0**-6, 2.0**-7),
    "largest": (0.5, 0.75),
}
TYPICAL: Mapping[str, float] = {  # what is meant by a subject that states no default
    **HYPER,
    "decay": 0.9,
    "lr": LR,
    "initial_size": LR,
}
SHOWN = {
    **TYPICAL,
    **{name: SEPARATING[name][0] for name in (*OFF, "initial_second_moment")},
    "lr": 0.1,
}  # what it is first run with: nothing is off
LIMITS: Mapping[str, tuple[float, float]] = {"lr": (0, np.inf), "momentum": (0, 1), "dampening": (0, 1), "beta1": (0, 1), "beta2": (0, 1),
    "decay": (0, 1), "eps": (0, np.inf), "eps_root": (0, np.inf), "initial_second_moment": (0, np.inf)}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """The hyper-parameters of one run: by the subject's names, as they are passed, and by ours."""

    passed: Mapping[str, Any]
    hyper: Mapping[str, float]
    lr: float


@dataclass(frozen=True)
class Plans:
    """The runs of a subject: as it comes, and with other hyper-parameters, which separate; what was settled, and what nobody stated."""

    runs: tuple[Plan, ...]
    settings: Mapping[str, Any]


def settle(parameters: Mapping[str, Any], task: Task) -> Plans:
    """What to run a subject with: what was asked for, else its defaults; and once more with separating values where nothing was asked."""
    theirs = {ours(name, task.names, parameters): name for name in parameters}
    theirs |= {mine: name for name in parameters if name in PAIRS for mine in PAIRS[name]}
    given = asked(parameters, theirs, task)
    check_settings(given)
    defaults = {mine: default_of(parameters[name], mine, name) for mine, name in theirs.items() if mine in VOCABULARY}
    first = {**{mine: value for mine, value in defaults.items() if value not in (REQUIRED, None)}, **given}
    first |= {mine: SHOWN[mine] for mine, value in defaults.items() if value is REQUIRED and mine not in given and mine in SHOWN}
    second = {mine: other(mine, value) if free(mine, value, given) else value for mine, value in first.items()}
    if "lr" not in given and "lr" in first:
        first["lr"] = float(first["lr"])
    runs = [plan(one, parameters, theirs) for one in ([first] if second == first else [first, second])]
    stated = {name: value for name, value in first.items() if name != "lr" or name in given or defaults.get("lr", REQUIRED) is not REQUIRED}
    return Plans(tuple(runs), stated)


def asked(parameters: Mapping[str, Any], theirs: Mapping[str, str], task: Task) -> dict[str, Any]:
    """The hyper-parameters that were asked for, by our names."""
    found: dict[str, Any] = {}
    for name, value in task.settings.items():
        mine = ours(name, task.names, parameters)
        if mine not in theirs and mine not in VOCABULARY:
            raise Refusal(f"it takes no {name!r}; it takes {', '.join(parameters) or 'nothing'}")
        if name in PAIRS:
            found |= dict(zip(PAIRS[name], value, strict=True))
        else:
            found[mine] = value
    return found


def default_of(value: Any, mine: str, name: str) -> Any:
    """The default of one hyper-parameter, which may stand in a pair."""
    return value[PAIRS[name].index(mine)] if name in PAIRS and isinstance(value, tuple | list) else value


def is_number(value: Any) -> bool:
    """Whether it is a number and no truth value."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool | np.bool_)


def free(mine: str, value: Any, given: Mapping[str, Any]) -> bool:
    """Whether another value may be tried: one that is not asked for, and not 0, which turns things off."""
    return mine in SEPARATING and mine not in given and is_number(value) and value != 0


def other(mine: str, value: float) -> float:
    """The separating value that is not the default."""
    return next(one for one in SEPARATING[mine] if one != value)


def plan(values: Mapping[str, Any], parameters: Mapping[str, Any], theirs: Mapping[str, str]) -> Plan:
    """One run: what is passed, pairs put together again, and what it means."""
    passed: dict[str, Any] = {}
    for mine, value in values.items():
        name = theirs.get(mine)
        if mine == "lr" or name is None:
            continue
        if name in PAIRS:
            passed[name] = tuple(values.get(one, HYPER[one]) for one in PAIRS[name])
        elif parameters[name] is REQUIRED or value != parameters[name]:
            passed[name] = value
    return Plan(passed, meant(values), float(values.get("lr", LR)))


def meant(values: Mapping[str, Any]) -> dict[str, float]:
    """The hyper-parameters that are numbers, by our names; one decay goes by several of them, and the others are what is assumed."""
    hyper = {mine: float(value) for mine, value in values.items() if mine in TYPICAL and mine != "lr" and is_number(value)}
    one_decay = [hyper[name] for name in ("decay", "momentum", "beta1", "beta2") if name in hyper]
    if "decay" in hyper:
        hyper.setdefault("beta2", hyper.pop("decay"))
    for name in ("momentum", "beta1", "beta2"):
        if one_decay:
            hyper.setdefault(name, hyper.get("beta1", one_decay[0]) if name == "momentum" else one_decay[0])
    return hyper


def assumed(settings: Mapping[str, Any], needs: tuple[str, ...]) -> dict[str, float]:
    """What nobody stated of the hyper-parameters that a convention cannot be without."""
    stated = {**meant(settings), **dict.fromkeys(OFF, 0.0)}
    return {name: HYPER[name] for name in needs if name not in stated}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse hyper-parameters that mean nothing."""
    for name, value in settings.items():
        if name not in SEPARATING:
            continue
        if not is_number(value):
            raise Refusal(f"{name} = {value!r} is not a number")
        low, high = LIMITS.get(name, (-np.inf, np.inf))
        if not (low < value < high or (value == low and name != "lr")):
            bounds = "a positive number" if name == "lr" else "at least 0" + (" and below 1" if high == 1 else "")
            raise Refusal(f"{name} = {value!r}: {bounds} is allowed")


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


def follow(subject: Subject, fixture: Fixture, run: Plan, dtype: Any, *, one_buffer: bool = False) -> tuple[Record, list[Fault]]:
    """One run, its arrays watched; with every gradient in the same memory, as training loops have it, they cannot be."""
    watch = Watch()
    faults: list[Fault] = []
    theta, eps = fixture.start(run.lr, dtype), run.hyper.get("eps", HYPER["eps"])
    started = begun(subject, watch.give("theta", theta), run.lr * fixture.lr[0], run.passed)
    slopes, buffer = fixture.curvatures(run.lr, eps, dtype), np.empty(len(theta), dtype)
    points, states = [], []
    for number, (values, rate) in enumerate(zip(fixture.gradients(eps, dtype), fixture.rates(run.lr), strict=True), start=1):
        buffer[:] = values
        gradient = buffer if one_buffer else watch.give(f"the gradient of step {number}", values)
        if started.takes_function:
            gradient = gradient_function(values, slopes[number - 1])
        point = checked(attempt(f"step {number}", started.step, gradient, float(rate)), theta, number)
        faults += watch.faults(number, point) if not (faults or one_buffer) else ()
        if point.dtype != theta.dtype and not any(one.kind in DTYPE_FAULTS for one in faults):
            kind = DTYPE_FAULTS[np.can_cast(theta.dtype, point.dtype)]
            faults.append(Fault(kind, f"it returns {point.dtype} where {theta.dtype} is due, in step {number}", fatal=False))
        points.append(point.astype(theta.dtype))
        states.append(started.state())
    return Record(fixture, run.lr, run.hyper, np.stack(points), tuple(states), started.takes_function, eps), faults


def gradient_function(values: Any, slopes: Any) -> Callable[[Any], Any]:
    """The gradient of one step, at any point."""

    def gradient(point: Any) -> Any:
        point = np.asarray(point)
        if point.shape != values.shape:
            raise ValueError(f"the gradient was asked for at a point of shape {point.shape}, not {values.shape}")
        return (values + slopes * point).astype(values.dtype)

    return gradient


def begun(subject: Subject, theta: Any, lr: float, settings: Mapping[str, Any]) -> Run:
    """The start of a run."""
    begun: Run = attempt("the start", subject.begin, theta, float(lr), settings)
    return begun


def attempt(where: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """Call the subject; whatever it raises is a fault of its own."""
    try:
        with np.errstate(all="ignore"):
            return call(*arguments)
    except MemoryError:
        raise Misbehaved("memory", f"it runs out of memory, in {where}") from None
    except BaseException as problem:
        raise Misbehaved("raises", f"it raises {type(problem).__name__}: {problem}{line_of(problem)}, in {where}") from None


def line_of(problem: BaseException) -> str:
    """The last line of the subject's own code in a traceback."""
    kit = os.path.dirname(os.path.dirname(__file__)) + os.sep
    frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if not frame.filename.startswith(kit)]
    return f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""


def checked(point: Any, theta: Any, number: int) -> Any:
    """The new point as an array; another shape or type, or a number that is not finite, ends the run."""
    array = np.asarray(point) if hasattr(point, "__array__") else point
    if not isinstance(array, np.ndarray):
        raise Misbehaved("type", f"it returns {type(point).__name__} where an array is due, in step {number}")
    if array.shape != theta.shape:
        raise Misbehaved("shape", f"it returns shape {array.shape} where {theta.shape} is due, in step {number}")
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
    """Load the subject and run it: what a process of its own is asked to do."""
    report: Report = alone(lambda: driven(task), timeout)
    return report


def alone(work: Callable[[], Any], timeout: float) -> Any:
    """Do something in a process of a subject, within its limits; it ends by itself should ours be gone."""
    DRIVING.set()
    limit_memory()
    faulthandler.dump_traceback_later(timeout + GRACE, exit=True)
    try:
        return work()
    finally:
        faulthandler.cancel_dump_traceback_later()


def limit_memory() -> None:
    """Bound the memory of this process, where the system can."""
    try:
        import resource
    except ImportError:  # pragma: no cover - not on this system
        return
    limit = int(MEMORY * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


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
    report = Report(subject.library, version_of(subject.library), environment=circumstances(subject.library))
    try:
        plans = settle(subject.parameters, task)
    except Refusal as problem:
        return replace(report, faults=(Fault("settings", str(problem)),))
    report = replace(report, settings=plans.settings)
    dtype = np.dtype(task.dtype).type
    records: list[Record] = []
    faults: list[Fault] = []
    before = random_states()
    for number, run in enumerate(plans.runs):
        try:
            fixture = fixture_for(
                changes_lr=begun(subject, fixture_for(changes_lr=True).start(run.lr, dtype), run.lr, run.passed).changes_lr
            )
            record, seen = followed(subject, fixture, run, dtype)
            faults += seen if any(one.kind not in DTYPE_FAULTS for one in seen) else [*seen, *aliasing(subject, run, record)]
            records.append(record)
        except Misbehaved as problem:
            if not number:  # other values than its own it may refuse
                faults.append(problem.fault)
                break
    if records:
        faults += dead_coordinate(subject, plans.runs[0], dtype)
    faults += reseeded(before, "its runs")
    unique = {one.kind: one for one in reversed(faults)}
    return replace(report, records=tuple(records), faults=tuple(reversed(unique.values())))


def followed(subject: Subject, fixture: Fixture, run: Plan, dtype: Any) -> tuple[Record, list[Fault]]:
    """One run; of a subject that is not finite where a gradient is 0, one without such gradients, and that fault."""
    try:
        return follow(subject, fixture, run, dtype)
    except Misbehaved as problem:
        if problem.fault.kind != "not-finite" or not fixture.vanishes:
            raise
        record, seen = follow(subject, fixture.nowhere_zero, run, dtype)
        return record, [*seen, Fault("not-finite", f"{problem.fault.detail}, where the gradient is 0", fatal=False)]


def aliasing(subject: Subject, run: Plan, record: Record) -> list[Fault]:
    """Whether the caller's next gradient, written where the last one stood, changes what the subject remembers."""
    dtype = record.points.dtype.type
    if record.takes_function or np.array_equal(follow(subject, record.fixture, run, dtype, one_buffer=True)[0].points, record.points):
        return []
    if not np.array_equal(follow(subject, record.fixture, run, dtype)[0].points, record.points):
        return [Fault("random", "two runs with the same inputs differ", fatal=False)]
    return [Fault("keeps", "it keeps the caller's gradient instead of its values: writing the next one changes its state", fatal=False)]


def dead_coordinate(subject: Subject, run: Plan, dtype: Any) -> list[Fault]:
    """Whether a gradient that is 0 from the start makes it divide by 0, though ε, where it takes one, is not."""
    if run.hyper.get("eps") == 0:
        return []
    try:
        follow(subject, fixtures()["dead-coordinate"], run, dtype)
    except Misbehaved as problem:
        if problem.fault.kind != "not-finite":
            return [problem.fault]
        return [Fault("not-finite", f"{problem.fault.detail}, where the gradient is 0 from the start", fatal=False)]
    return []


def random_states() -> dict[str, str]:
    """The states of the global sources of randomness, in words."""
    found = {"random": repr(random.getstate()), "numpy.random": repr([np.asarray(one).tobytes() for one in np.random.get_state()])}
    if "torch" in sys.modules:
        found["torch.random"] = repr(sys.modules["torch"].random.get_rng_state().tolist())
    return found


def reseeded(before: Mapping[str, str], where: str) -> list[Fault]:
    """The global sources of randomness that are not as they were; one that was imported since was not touched."""
    changed = [name for name, state in random_states().items() if state != before.get(name, state)]
    return [Fault("seeds", f"it changes the state of {name}, in {where}", fatal=False) for name in changed]


# --- in our process -------------------------------------------------------------------------------------------------------------------


class Child:
    """A process for a subject: it can be asked several things, and may die or hang at each."""

    def __init__(self) -> None:
        from pebble import ProcessPool

        if DRIVING.is_set():
            raise RuntimeError('a subject is being run already: call this under `if __name__ == "__main__":`')
        self.pool = ProcessPool(max_workers=1, context=get_context("spawn"))

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *problem: object) -> None:
        self.pool.stop()
        self.pool.join()

    def ask(self, work: Callable[..., Any], *arguments: Any, timeout: float) -> Any:
        """A promise of what the work returns."""
        return self.pool.schedule(work, args=(*arguments, timeout), timeout=timeout)


def answer_of(promise: Any, timeout: float) -> Any:
    """What was promised, or the fault that kept it from being done."""
    from pebble import ProcessExpired

    try:
        return promise.result()
    except OutOfTime:
        return Fault("hangs", f"it gives no answer within {timeout:g} s")
    except ProcessExpired as death:
        return Fault("crashes", f"its process died, with exit code {death.exitcode}")
    except BrokenProcessPool:
        return Fault("crashes", 'no process could be started: call this under `if __name__ == "__main__":`')
