"""Calling functions over the cases of a formula, in a process of their own and under a time limit, and noting how they behave."""

from __future__ import annotations

import faulthandler
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ....reference import FORMULAS, Formula, tree_leaves
from ....reference.validation import domains
from ..implementation import FunctionSubject, NotFound, adapter_for, libraries_of, load, version_of
from ..optimizers.runner import DRIVING, Fault, Misbehaved, Refusal, Task, Watch, alone, attempt, captured, line_of, random_states, reseeded
from .binding import Binding, bind
from .cases import Case, allowed, cases, in_dtype

FREE_SIGNS = {("data.pca.fit", 1)}  # outputs, from 0, whose columns are directions: either sign will do
COMBINATIONS = 64  # of values for what a function does not ask for


@dataclass(frozen=True)
class FunctionTask(Task):
    """What is asked of a function: the same, and the formula that it is to be."""

    against: str = ""


@dataclass(frozen=True)
class Record:
    """One call: its case, and the arrays and numbers that came, in order."""

    case: Case
    leaves: tuple[Any, ...]


@dataclass(frozen=True)
class Seen:
    """All that was seen of one function against one formula."""

    formula: str = ""
    open: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # what it does not ask for, and what that may be
    settings: Mapping[str, Any] = field(default_factory=dict)
    records: tuple[Record, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class FunctionReport:
    """All that was seen of a subject: a layer is several functions."""

    library: str = ""
    version: str = ""
    parts: tuple[Seen, ...] = ()
    faults: tuple[Fault, ...] = ()


# --- which formula ----------------------------------------------------------------------------------------------------------------------


def formula_named(name: str) -> Formula[..., Any]:
    """A formula by its id, an alias, or its function's name; ValueError with the nearest names."""
    by_name = {one.__name__: one for one in FORMULAS.values()}
    if name in FORMULAS or name in by_name:
        return FORMULAS.get(name) or by_name[name]
    import difflib

    from ...catalogue import catalogue

    try:
        return FORMULAS[catalogue().find(name).id]
    except KeyError:
        near = difflib.get_close_matches(name, [*FORMULAS, *by_name], n=3, cutoff=0.5)
        raise ValueError(f"no formula is called {name!r}" + (f"; did you mean {', '.join(near)}?" if near else "")) from None


def is_formula(name: str) -> bool:
    """Whether a name is that of a formula."""
    try:
        return bool(formula_named(name))
    except ValueError:
        return False


# --- in the subject's process -----------------------------------------------------------------------------------------------------------


def functions_of(task: FunctionTask) -> tuple[FunctionSubject, ...]:
    """The functions that a name stands for, each with its formula: those of a layer that an adapter knows, or a plain one."""
    found = load(task.target)
    adapted: Any = found if isinstance(found, FunctionSubject) else None
    for root in libraries_of(found):
        if adapted is None and (adapter := adapter_for(root)):
            adapted = adapter(found)
    if isinstance(adapted, FunctionSubject):
        adapted = (adapted,)
    if isinstance(adapted, tuple):
        return tuple(of_formula(adapted, task))
    if not callable(found) or isinstance(found, type):
        raise NotFound(f"{task.target} is no function")
    name = task.against or getattr(found, "__name__", "")
    if not is_formula(name):
        raise NotFound(
            f"{task.target} is a function, and no formula is called {name!r}: say which it claims to be, as in --against norm.rms"
        )
    return (FunctionSubject(found, formula_named(name).id, library=library_of(task.target)),)


def of_formula(parts: Iterable[FunctionSubject], task: FunctionTask) -> Iterator[FunctionSubject]:
    """The functions of a layer, or the one of them that is asked about."""
    wanted = formula_named(task.against).id if task.against else ""
    named = [replace(one, formula=one.formula or wanted) for one in parts]
    chosen = [one for one in named if one.formula == wanted] if wanted else named
    if not chosen and len(named) == 1:
        chosen = [replace(named[0], formula=wanted)]
    if not chosen or not all(one.formula for one in chosen):
        raise NotFound(
            f"{task.target} has functions for {', '.join(one.formula or 'no formula' for one in named)}: say which, by --against ID"
        )
    yield from chosen


def library_of(target: str) -> str:
    """The package that a dotted name begins with; "" for a file."""
    place = target.partition(":")[0]
    return "" if place.endswith(".py") else place.partition(".")[0]


def drive_function(task: FunctionTask, timeout: float) -> FunctionReport:
    """Load the subject and call it: what a process of its own is asked to do."""
    return alone(lambda: driven_function(task), timeout)


def driven_function(task: FunctionTask) -> FunctionReport:
    """The report on a subject, or on why it could not be loaded."""
    with captured() as printed:
        try:
            found = functions_of(task)
        except NotFound as problem:
            return FunctionReport(faults=(Fault("not-found", str(problem)),))
        except BaseException as problem:
            return FunctionReport(faults=(Fault("import", f"its import raises {type(problem).__name__}: {problem}{line_of(problem)}"),))
        printed()  # what an import prints is not the function's doing
        parts = tuple(called(one, task) for one in found)
        library = found[0].library
        report = FunctionReport(library, version_of(library) if library else "", parts)
        if text := printed():
            report = replace(report, faults=(Fault("prints", f"it prints: {text[:60]!r}", fatal=False),))
        return report


def called(subject: FunctionSubject, task: FunctionTask) -> Seen:
    """One function over all cases of its formula."""
    formula = FORMULAS[subject.formula]
    if any(one.kind == "source" for one in domains(formula.raw).values()):
        from ..initializers.verdict import sampled

        return sampled(subject, task)
    try:
        binding, pinned = bind(subject.call, formula, task.names, task.settings, subject.fixed)
    except Refusal as problem:
        return Seen(formula.id, settings=task.settings, faults=(Fault("settings", str(problem)),))
    seen = Seen(formula.id, binding.open, pinned)
    records: list[Record] = []
    faults: list[Fault] = []
    dtype = np.dtype(task.dtype).type
    meant = {**pinned, **shaped_as(subject.call, formula, binding, pinned, dtype)}
    for case in cases(formula, meant):
        if (due := allowed(formula, case, dtype)) is None:
            continue
        record, seen_here = one_call(subject.call, formula, binding, case, due, dtype, again=not records)
        records += [record] if record else []
        faults += seen_here
    unique = {one.kind: one for one in reversed(faults)}
    return replace(seen, records=tuple(records), faults=tuple(settled(unique.values(), records)))


def shaped_as(
    function: Callable[..., Any], formula: Formula[..., Any], binding: Binding, pinned: Mapping[str, Any], dtype: Any
) -> dict[str, Any]:
    """The first values of what it does not ask for by which the formula's results have the shapes of its own: a reduction has its shape."""
    for values in itertools.islice(itertools.product(*binding.open.values()), COMBINATIONS if binding.open else 0):
        meant = dict(zip(binding.open, values, strict=True))
        for case in cases(formula, {**pinned, **meant})[:1]:
            if (due := allowed(formula, case, dtype)) is not None and one_call(function, formula, binding, case, due, dtype, again=False)[
                0
            ]:
                return meant
    return {name: values[0] for name, values in binding.open.items()}


def settled(faults: Iterable[Fault], records: list[Record]) -> Iterator[Fault]:
    """Faults as they count in the end: what was seen in other cases can be judged all the same."""
    for one in reversed(list(faults)):
        yield replace(one, fatal=not records)


def one_call(
    function: Callable[..., Any], formula: Formula[..., Any], binding: Binding, case: Case, due: Any, dtype: Any, *, again: bool
) -> tuple[Record | None, list[Fault]]:
    """One call, its arguments watched: what came, and what is wrong with it."""
    watch = Watch()
    arguments = {name: watched(name, value, watch, dtype) for name, value in case.arguments.items()}
    where = f"case {case.name!r}"
    before = random_states()
    try:
        with np.errstate(all="ignore"):
            result = attempt(where, lambda: binding.call(function, arguments))
        faults = reseeded(before, where)
        leaves = flat(result, due)
        faults += touched(watch, leaves, where, shared_by(formula, arguments))
        faults += checked(leaves, flat(due, due), dtype, where, case)
    except Misbehaved as problem:
        narrower = problem.fault.kind == "raises" and problem.fault.detail.startswith("it raises ValueError") and case.edge
        return None, [Fault("refuses", problem.fault.detail, fatal=False) if narrower else problem.fault]
    if again and not faults and differs(function, binding, case, due, dtype, leaves):
        faults.append(Fault("random", f"two calls with the same arguments differ, in {where}", fatal=False))
    return Record(case, tuple(oriented(one, formula.id, place) for place, one in enumerate(leaves))), faults


def oriented(value: Any, identifier: str, place: int) -> Any:
    """An array of a result; directions whose signs are free have their largest entries made positive, as certified ones have."""
    array = np.array(value)
    if (identifier, place) not in FREE_SIGNS:
        return array
    largest = np.take_along_axis(array, np.argmax(np.abs(array), axis=0)[None], axis=0)
    return array * np.where(largest < 0, -1, 1).astype(array.dtype)


def watched(name: str, value: Any, watch: Watch, dtype: Any) -> Any:
    """A copy of an argument, its arrays watched."""
    if isinstance(value, tuple):
        keys = getattr(value, "_fields", range(len(value)))
        parts = [watched(f"{name}.{key}", one, watch, dtype) for key, one in zip(keys, value, strict=True)]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    value = in_dtype(value, dtype)
    return watch.give(name, value) if isinstance(value, np.ndarray) else value


def flat(result: Any, due: Any) -> list[Any]:
    """The arrays and numbers within a result, in order; what has the names of the due one's fields, in their order."""
    fields = getattr(due, "_fields", None)
    if isinstance(result, Mapping):
        result = [result[name] for name in fields] if fields and set(fields) == set(result) else list(result.values())
    elif hasattr(result, "__dataclass_fields__"):
        result = [getattr(result, name) for name in fields or result.__dataclass_fields__]
    if not isinstance(result, tuple | list):
        return [result]
    within = due if isinstance(due, tuple) and len(due) == len(result) else [None] * len(result)
    return [leaf for one, part in zip(result, within, strict=True) for leaf in flat(one, part)]


def shared_by(formula: Formula[..., Any], arguments: Mapping[str, Any]) -> list[bool]:
    """Which results of the formula itself are arguments as they came, such as the point before."""
    with np.errstate(all="ignore"):
        results = tree_leaves(formula.raw(**arguments))
    given = [one for one in tree_leaves(tuple(arguments.values())) if isinstance(one, np.ndarray)]
    return [any(isinstance(one, np.ndarray) and np.may_share_memory(one, other) for other in given) for one in results]


def touched(watch: Watch, leaves: list[Any], where: str, shared: list[bool]) -> Iterator[Fault]:
    """Whether an argument was written to, or given back where the formula makes something new."""
    fresh = [one for place, one in enumerate(leaves) if hasattr(one, "__array__") and not (place < len(shared) and shared[place])]
    for name, array, values in watch.given:
        if array.tobytes() != values.tobytes():
            yield Fault("mutates", f"it writes to {name}, in {where}", fatal=False)
        elif any(np.may_share_memory(array, np.asarray(one)) for one in fresh):
            yield Fault("view", f"what it returns is a view of {name}, in {where}", fatal=False)


def checked(leaves: list[Any], due: list[Any], dtype: Any, where: str, case: Case) -> list[Fault]:
    """What ends a case: another structure or shape; what is said besides: another dtype."""
    faults = []
    if len(leaves) != len(due):
        raise Misbehaved("structure", f"it returns {counted(leaves)} where {counted(due)} due, in {where}")
    for place, (one, right) in enumerate(zip(leaves, due, strict=True), start=1):
        name = f"result {place}" if len(due) > 1 else "the result"
        array = np.asarray(one) if hasattr(one, "__array__") or isinstance(one, bool | int | float) else None
        if array is None or array.dtype.kind not in "biuf":
            raise Misbehaved("type", f"{name} is {type(one).__name__} where {type(right).__name__} is due, in {where}")
        if array.shape != np.shape(right):
            raise Misbehaved("shape", f"{name} has shape {array.shape} where {np.shape(right)} is due, in {where}")
        if not np.all(np.isfinite(array)):
            raise Misbehaved("not-finite", f"{name} has {array[~np.isfinite(array)][0]} where finite numbers are due, in {where}")
        mixed = isinstance(right, np.ndarray | np.generic) and right.dtype == dtype and has_arrays(case)
        if mixed and not isinstance(one, float) and array.dtype != right.dtype:
            faults.append(Fault("dtype", f"{name} is {array.dtype} where {right.dtype} is due, in {where}", fatal=False))
    return faults


def counted(leaves: list[Any]) -> str:
    """How many results."""
    return f"{len(leaves)} result{'s'[: len(leaves) != 1]}"


def has_arrays(case: Case) -> bool:
    """Whether real arrays are among the arguments, whose dtype the result must have."""
    return any(isinstance(one, np.ndarray | tuple) for one in case.arguments.values())


def differs(function: Callable[..., Any], binding: Binding, case: Case, due: Any, dtype: Any, leaves: list[Any]) -> bool:
    """Whether a second call gives something else."""
    arguments = {name: watched(name, value, Watch(), dtype) for name, value in case.arguments.items()}
    with np.errstate(all="ignore"):
        second = flat(attempt("a second call", lambda: binding.call(function, arguments)), due)
    return not all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(leaves, second, strict=True))


# --- in our process ---------------------------------------------------------------------------------------------------------------------


class Here:
    """The same in our own process: quick, for subjects that behave."""

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *problem: object) -> None:
        pass

    def ask(self, work: Callable[..., Any], *arguments: Any, timeout: float) -> Any:
        """A promise that is kept already."""
        try:
            return Kept(work(*arguments, timeout))
        finally:
            DRIVING.clear()
            faulthandler.cancel_dump_traceback_later()


@dataclass(frozen=True)
class Kept:
    """A promise that is kept."""

    value: Any

    def result(self) -> Any:
        """What was promised."""
        return self.value
