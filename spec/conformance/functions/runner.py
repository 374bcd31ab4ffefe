"""Call a function on the cases of its formula, and report what it returns and how it behaves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....reference import FORMULAS, Formula, tree_leaves
from ....reference.validation import domains
from ...arithmetic.formats import FORMATS, NARROW, Format, format_of, widened
from ...inputs.cases import SIZE_LIMIT, Case, cases, in_dtype, reference_result
from ...inputs.intermediates import largest_array
from ...lines.signature import positions_of_free_signs
from ..guards import (
    ArrayGuard,
    FatalFault,
    call_guarded,
    capture_output,
    check_real_array,
    describe_exception,
    printing_fault,
    random_state_faults,
    random_states,
    unique_faults,
)
from ..hyperparameters import InvalidSettings, is_number
from ..implementation import FunctionImplementation, NotFound, Task, class_of_partial
from ..initializers.runner import sample_initializer
from ..loading import adapt_object, environment_info, library_of, load_object, names_within, version_of
from ..result import Fault, plain_setting, printable
from ..sandbox import notify_loaded
from ..stateful import as_function, formula_name, is_average, is_schedule, is_stateful
from .binding import Binding, bind
from .bounds import map_arguments
from .every_number import every_number, only_array
from .narrow import narrowed
from .observations import COMBINATIONS, FunctionCall, FunctionObservations, FunctionReport, takes_generator
from .ranks import MATRIX, observe_mixed_axes, observe_ranks, rank_of, takes_any_rank

VARIED_CALLS = 4  # in which a parameter that nothing was bound to is varied
LARGEST_ARRAY = 4 * SIZE_LIMIT  # entries that a formula computes on the way to its results: of all pairs of a long axis there are more
OUT_CALLS = 8  # that are made again with an array for the result, which holds something already
NARROW_TYPES = [FORMATS[name].kind for name in NARROW]


# --- which formula ----------------------------------------------------------------------------------------------------------------------


def formula_named(name: str) -> Formula[..., Any]:
    """Return a formula by its id, an alias, or its function's name; ValueError with the nearest names."""
    by_name = {formula.__name__: formula for formula in FORMULAS.values()}
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
    """Return whether a name is that of a formula."""
    try:
        return bool(formula_named(name))
    except ValueError:
        return False


def load_functions(task: Task) -> tuple[FunctionImplementation, ...]:
    """Return the functions of a name, each with its formula: those of a layer that an adapter knows, or a plain one."""
    loaded = load_object(task.target)
    adapted: Any = loaded if isinstance(loaded, FunctionImplementation | tuple) else adapt_object(loaded)
    if isinstance(adapted, FunctionImplementation):
        adapted = (adapted,)
    if isinstance(adapted, tuple):
        return tuple(select_functions(adapted, task))
    loaded = class_of_partial(loaded)
    if not callable(loaded) or (isinstance(loaded, type) and not is_stateful(loaded)):
        within = names_within(loaded, task.target)
        raise NotFound(f"{task.target} is no function, so it cannot be compared with the formula {task.against}{within}")
    name = task.against or (formula_name(loaded) if is_stateful(loaded) else getattr(loaded, "__name__", ""))
    if not is_formula(name):
        kind = "a schedule" if is_schedule(loaded) else "an average" if is_average(loaded) else "a function"
        raise NotFound(
            f"{task.target} is {kind}, and no formula is called {printable(name, 60)!r}: say which it claims to be, "
            "as in --against norm.rms"
        )
    formula = formula_named(name)
    function = as_function(loaded, formula) if is_stateful(loaded) else loaded
    return (FunctionImplementation(function, formula.id, library=library_of(task.target)),)


def load_function(target: str, formula: str) -> Callable[..., Any]:
    """Return the function of a name that claims to be a formula: it takes the formula's arguments by name."""
    (function,) = load_functions(Task(target, against=formula))
    return function.call


def select_functions(parts: Iterable[FunctionImplementation], task: Task) -> Iterator[FunctionImplementation]:
    """Yield the functions of a layer, or the one of them that is asked for."""
    wanted = formula_named(task.against).id if task.against else ""
    named = [replace(part, formula=part.formula or wanted) for part in parts]
    chosen = [part for part in named if part.formula == wanted] if wanted else named
    if not chosen and len(named) == 1:
        chosen = [replace(named[0], formula=wanted)]
    if not chosen or not all(part.formula for part in chosen):
        known = ", ".join(part.formula or "no formula" for part in named)
        raise NotFound(f"{task.target} has functions for {known}: say which, by --against ID")
    yield from chosen


# --- in the process of the function -------------------------------------------------------------------------------------------------------


def run_functions(task: Task) -> FunctionReport:
    """Load an implementation and call its functions; or say why it could not be loaded."""
    with capture_output() as printed:
        try:
            functions = load_functions(task)
        except NotFound as problem:
            return FunctionReport(faults=(Fault("not-found", printable(problem)),))
        except BaseException as problem:
            return FunctionReport(faults=(Fault("import", f"its import raises {describe_exception(problem)}"),))
        notify_loaded()
        printed()  # what an import prints does not count
        parts = tuple(run_function(function, task) for function in functions)
        library = functions[0].library
        faults = printing_fault(printed())
        return FunctionReport(library, version_of(library) if library else "", environment_info(library), parts, faults)


def run_function(function: FunctionImplementation, task: Task) -> FunctionObservations:
    """Return what is observed of one function: its calls, or of an initializer its draws."""
    formula = FORMULAS[function.formula]
    if takes_generator(formula):
        return sample_initializer(function, task)
    observed = run_cases(function, task)
    ranks = observe_ranks(function, task, observed.calls)
    wrong = next((int(rank) for rank, outcome in ranks.items() if outcome == "otherwise"), 0)
    matrices = [call for call in observed.calls if rank_of(formula, call.case) <= MATRIX]
    mixed = observe_mixed_axes(function, task, matrices[0], wrong) if wrong and takes_any_rank(formula) else ()
    return replace(observed, ranks=ranks, mixed_axes=mixed)


@dataclass(frozen=True)
class Caller:
    """A function with its formula, and how it is called."""

    function: Callable[..., Any]
    formula: Formula[..., Any]
    binding: Binding
    dtype: Any

    @property
    def form(self) -> Format:
        """The format of its arrays."""
        return format_of(self.dtype)

    @property
    def wide_dtype(self) -> Any:
        """The dtype in which the reference computes what a result looks like."""
        return np.float32 if self.form.name in NARROW else self.dtype

    def cases(self, pinned: Mapping[str, Any]) -> Iterator[Case]:
        """Yield the cases of the formula, in narrow formats those of moderate numbers."""
        for drawn in cases(self.formula, pinned):
            case = narrowed(drawn, self.form) if self.form.name in NARROW else drawn
            if case is not None:
                yield with_computed(case, self.binding.computed, self.wide_dtype)

    def call(self, case: Case, expected: Any) -> tuple[FunctionCall | None, list[Fault], list[Any]]:
        """Call the function on a case with its arguments guarded; return the call, its faults, and the outputs as they came."""
        guard = ArrayGuard()
        is_strided = case.is_strided
        arguments = {name: guarded_copy(name, value, guard, self.dtype, is_strided=is_strided) for name, value in case.arguments.items()}
        where = f"case {case.name!r}"
        before = random_states()
        try:
            with np.errstate(all="ignore"):
                result = call_guarded(where, lambda: self.binding.call(self.function, arguments))
            faults = random_state_faults(before, where)
            outputs = call_guarded(where, flatten_result, result, expected)
            if result is None and len(written := guard.written()) == len(flatten_result(expected, expected)):
                outputs = [array.copy() for array in written]
            faults += self.input_faults(guard, outputs, arguments, expected, where)
            outputs = outputs if self.dtype is self.wide_dtype else [widened(output) for output in outputs]
            faults += output_faults(outputs, flatten_result(expected, expected), self.dtype, where, case)
        except FatalFault as problem:
            is_refusal = problem.fault.kind == "raises" and problem.fault.detail.startswith("it raises ValueError") and case.is_edge
            return None, [Fault("narrower-domain", problem.fault.detail, fatal=False) if is_refusal else problem.fault], []
        arrays = tuple(None if output is None else np.array(output) for output in outputs)
        return FunctionCall(case, arrays, positions_of_free_signs(self.formula)), faults, outputs

    def input_faults(self, guard: ArrayGuard, outputs: list[Any], arguments: Mapping[str, Any], expected: Any, where: str) -> list[Fault]:
        """Return the faults of a function that writes to an argument, or returns a view of it where the formula makes something new.

        An argument may be returned as it came where the formula gives its very value.
        """
        values = {name: map_arguments(widened, value) for name, value in arguments.items()}
        shared = [*shared_outputs(self.formula, values), *(False for _ in outputs)]
        given = [id(array) for _, array, _ in guard.handed_out]
        due = [*flatten_result(expected, expected), *(None for _ in outputs)]
        fresh = [
            output
            for output, is_shared, value in zip(outputs, shared, due, strict=False)
            if hasattr(output, "__array__") and not is_shared and not (id(output) in given and np.array_equal(np.asarray(value), output))
        ]
        return call_guarded(where, lambda: list(guard.faults(where, fresh, but=self.binding.in_place)))

    def is_nondeterministic(self, case: Case, expected: Any, outputs: list[Any]) -> bool:
        """Return whether a second call with the same arguments gives something else."""
        arguments = {name: guarded_copy(name, value, ArrayGuard(), self.dtype) for name, value in case.arguments.items()}
        second = flatten_result(call_guarded("a second call", lambda: self.binding.call(self.function, arguments)), expected)
        return not all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(outputs, second, strict=True))


def run_cases(function: FunctionImplementation, task: Task) -> FunctionObservations:
    """Call one function on all cases of its formula."""
    formula = FORMULAS[function.formula]
    try:
        binding, pinned = bind(function.call, formula, task.names, task.settings, function.bound_arguments, task.outputs)
    except InvalidSettings as problem:
        return FunctionObservations(formula.id, settings=task.settings, faults=(Fault("settings", printable(problem)),))
    caller = Caller(function.call, formula, binding, np.dtype(task.dtype).type)
    calls: list[FunctionCall] = []
    faults: list[Fault] = []
    refusals: list[tuple[int, Fault]] = []  # of batches of higher rank
    lost: list[tuple[Case, Fault]] = []  # the cases whose results are not finite
    if task.exhaustive:
        return run_on_every_number(caller, pinned)
    for case in caller.cases({**pinned, **infer_shapes(caller, pinned)}):
        expected = reference_result(formula, case, caller.wide_dtype)
        if expected is None or case.is_too_large(expected) or computes_large_arrays(formula, case):
            continue
        call, observed, outputs = caller.call(case, expected)
        rank = rank_of(formula, case)
        if call is None and rank > MATRIX and all(fault.kind in ("raises", "narrower-domain") for fault in observed):
            refusals += [(rank, fault) for fault in observed]
            continue
        faults += observed
        lost += [(case, fault) for fault in observed if call is None and fault.kind == "not-finite"]
        if call and not calls and not observed and caller.is_nondeterministic(case, expected, outputs):
            faults.append(Fault("nondeterministic", f"two calls with the same arguments differ, in case {case.name!r}", fatal=False))
        calls += [call] if call else []
    faults = [fault for fault in faults if fault not in undefined_with_inferred(caller, calls, lost)]
    giving_out = replace(caller, binding=replace(binding, gives_out=True))
    for known in calls[:OUT_CALLS] if binding.takes_out else []:
        case = replace(known.case, name=f"{known.case.name}, out= given")
        call, observed, _ = giving_out.call(case, reference_result(formula, case, caller.wide_dtype))
        faults += observed
        calls += [call] if call else []
    taken = {rank_of(formula, call.case) for call in calls}
    faults += [fault for rank, fault in refusals if rank in taken or not calls]  # a rank that is never taken is said with the ranks
    settled = tuple(replace(fault, fatal=not calls) for fault in unique_faults(faults))  # the other cases can be judged
    undecided = undecided_parameters(caller, calls)
    left = {name: plain_setting(value) for name, value in binding.left.items()}
    return FunctionObservations(formula.id, binding.unbound, pinned, tuple(calls), settled, binding.guessed, left, undecided)


def computes_large_arrays(formula: Formula[..., Any], case: Case) -> bool:
    """Return whether a formula computes an array of too many entries: of all pairs of those that it is given, at the most."""
    entries = sum(leaf.size for leaf in tree_leaves(tuple(case.arguments.values())) if isinstance(leaf, np.ndarray))
    return entries**2 > LARGEST_ARRAY and largest_array(formula.raw, case.arguments) > LARGEST_ARRAY


def undefined_with_inferred(caller: Caller, calls: list[FunctionCall], lost: list[tuple[Case, Fault]]) -> list[Fault]:
    """Return those faults of results that are not finite where the formula has no value either, at the arguments that fit all calls."""
    unbound = caller.binding.unbound
    values = itertools.islice(itertools.product(*unbound.values()), COMBINATIONS if lost and unbound and calls else 0)
    for inferred in (dict(zip(unbound, combination, strict=True)) for combination in values):
        if all(agrees(caller.formula, call, inferred) for call in calls):
            return [fault for case, fault in lost if not has_value(caller.formula, {**case.arguments, **inferred})]
    return []


def agrees(formula: Formula[..., Any], call: FunctionCall, inferred: Mapping[str, Any]) -> bool:
    """Return whether a formula gives nearly what a call gave, with some arguments set."""
    with np.errstate(all="ignore"):
        due = tree_leaves(formula.raw(**{**call.case.arguments, **inferred}))
    pairs = itertools.zip_longest(call.outputs, due, fillvalue=np.nan)
    return all(output is None or np.allclose(output, value, rtol=CLOSE, atol=CLOSE) for output, value in pairs)


def has_value(formula: Formula[..., Any], arguments: Mapping[str, Any]) -> bool:
    """Return whether a formula has finite results at some arguments."""
    with suppress(ArithmeticError, ValueError), np.errstate(all="ignore"):
        return all(np.all(np.isfinite(value)) for value in tree_leaves(formula.raw(**arguments)))
    return False


def run_on_every_number(caller: Caller, pinned: Mapping[str, Any]) -> FunctionObservations:
    """Call a function once, on every number of its narrow format."""
    try:
        case = every_number(caller.formula, caller.form, pinned)
    except ValueError as problem:
        return FunctionObservations(caller.formula.id, settings=pinned, faults=(Fault("settings", printable(problem)),))
    call, faults, _ = caller.call(case, case.arguments[only_array(caller.formula)].astype(np.float32))
    settled = tuple(replace(fault, fatal=call is None) for fault in unique_faults(faults))
    return FunctionObservations(caller.formula.id, settings=pinned, calls=(call,) if call else (), faults=settled)


def with_computed(case: Case, computed: Mapping[str, str], dtype: Any) -> Case:
    """Return a case with the arguments that a function computes itself as the formulas have them by which it does."""
    values = {}
    for name, identifier in computed.items():
        by = FORMULAS[identifier]
        values[name] = float(by.raw(**{key: in_dtype(case.arguments[key], dtype) for key in domains(by.raw)}))
    return replace(case, arguments={**case.arguments, **values}) if values else case


def undecided_parameters(caller: Caller, calls: list[FunctionCall]) -> tuple[str, ...]:
    """Return the numbers left at their defaults that change the results, where an argument seems not to be taken: they may be it."""
    domain_kinds = {name: domain.kind for name, domain in domains(caller.formula.raw).items()}
    is_open = any(domain_kinds[name] in ("number", "count") for name in caller.binding.unbound)
    numbers = {name: default for name, default in caller.binding.left.items() if is_number(default)} if is_open else {}
    return tuple(name for name, default in numbers.items() if has_effect(caller, calls, name, default))


def has_effect(caller: Caller, calls: list[FunctionCall], name: str, default: Any) -> bool:
    """Return whether the first calls give other results, or none, with another value of a parameter."""
    for call, value in itertools.product(calls[:VARIED_CALLS], (default + 1, 2 * default, default / 4)):
        varied = replace(caller.binding, constants={**caller.binding.constants, name: type(default)(value)})
        arguments = {key: guarded_copy(key, part, ArrayGuard(), caller.dtype) for key, part in call.case.arguments.items()}
        try:
            with np.errstate(all="ignore"):
                outputs = flatten_result(varied.call(caller.function, arguments), None)
        except Exception:  # another value is refused: it matters
            return True
        if not all(np.array_equal(np.asarray(a), b) for a, b in zip(outputs, call.outputs, strict=False)):
            return True
    return False


def infer_shapes(caller: Caller, pinned: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first values of unbound arguments with which the formula's outputs have the function's shapes (such as its reduction)."""
    unbound = caller.binding.unbound
    for values in itertools.islice(itertools.product(*unbound.values()), COMBINATIONS if unbound else 0):
        inferred = dict(zip(unbound, values, strict=True))
        for case in itertools.islice(caller.cases({**pinned, **inferred}), 1):
            expected = reference_result(caller.formula, case, caller.wide_dtype)
            if expected is not None and caller.call(case, expected)[0]:
                return inferred
    return {name: values[0] for name, values in unbound.items()}


def guarded_copy(name: str, value: Any, guard: ArrayGuard, dtype: Any, *, is_strided: bool = False) -> Any:
    """Return a copy of an argument, its arrays guarded, and strided if asked for."""
    if isinstance(value, tuple):
        keys = getattr(value, "_fields", range(len(value)))
        parts = [guarded_copy(f"{name}.{key}", part, guard, dtype, is_strided=is_strided) for key, part in zip(keys, value, strict=True)]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    value = in_dtype(value, dtype)
    return guard.hand_out(name, value, is_strided=is_strided and value.ndim > 0) if isinstance(value, np.ndarray) else value


def flatten_result(result: Any, expected: Any) -> list[Any]:
    """Return the arrays and numbers of a result, in order; mappings and dataclasses in the order of the expected fields."""
    fields = getattr(expected, "_fields", None)
    if isinstance(result, Mapping):
        result = [result[name] for name in fields] if fields and set(fields) == set(result) else list(result.values())
    elif hasattr(result, "__dataclass_fields__"):
        result = [getattr(result, name) for name in fields or result.__dataclass_fields__]
    if not isinstance(result, tuple | list):
        return [result]
    parts = expected if isinstance(expected, tuple) and len(expected) == len(result) else [None] * len(result)
    return [leaf for item, part in zip(result, parts, strict=True) for leaf in flatten_result(item, part)]


def shared_outputs(formula: Formula[..., Any], arguments: Mapping[str, Any]) -> list[bool]:
    """Return which outputs of the formula itself are arguments as they came, such as the point before."""
    with np.errstate(all="ignore"):
        results = tree_leaves(formula.raw(**arguments))
    arrays = [array for array in tree_leaves(tuple(arguments.values())) if isinstance(array, np.ndarray)]
    return [any(isinstance(result, np.ndarray) and np.may_share_memory(result, array) for array in arrays) for result in results]


def output_faults(outputs: list[Any], expected: list[Any], dtype: Any, where: str, case: Case) -> list[Fault]:
    """Return the faults of another dtype; another structure, type or shape, or a result that is not finite, is a FatalFault."""
    faults = []
    if len(outputs) != len(expected):
        raise FatalFault("structure", f"it returns {count_results(outputs)} where {count_results(expected)} due, in {where}")
    has_arrays = any(isinstance(value, np.ndarray | tuple) for value in case.arguments.values())
    for position, (output, due) in enumerate(zip(outputs, expected, strict=True), start=1):
        name = f"result {position}" if len(expected) > 1 else "the result"
        if output is None and any(other is not None for other in outputs):
            faults.append(Fault("type", f"{name} is None where {type(due).__name__} is due, in {where}", fatal=False))
            continue
        array = check_real_array(output, type(due).__name__, where, name)
        if array.shape != np.shape(due):
            reduction = words_of_reduction(array, np.asarray(due))
            raise FatalFault("shape", f"{name} has shape {array.shape} where {np.shape(due)} is due{reduction}, in {where}")
        if not np.all(np.isfinite(array)) and dtype not in NARROW_TYPES:  # there an overflow may be due to rounding
            raise FatalFault("not-finite", f"{name} has {array[~np.isfinite(array)][0]} where finite numbers are due, in {where}")
        dtype_is_due = isinstance(due, np.ndarray | np.generic) and due.dtype == dtype and has_arrays
        if dtype_is_due and not isinstance(output, float) and array.dtype != due.dtype:
            faults.append(Fault("dtype", f"{name} is {array.dtype} where {due.dtype} is due, in {where}", fatal=False))
    return faults


REDUCTIONS: Mapping[str, Callable[..., Any]] = {"mean": np.mean, "sum": np.sum}
CLOSE = 1e-3  # relative: by how much a reduction may be off by rounding


def words_of_reduction(array: Any, due: Any) -> str:
    """Return that a result is the mean or the sum of what is due over some axes; nothing where it is neither."""
    axes = [None, *range(due.ndim)]
    for word, reduce in REDUCTIONS.items():
        for axis in axes:
            reduced = reduce(due.astype(float), axis=axis)
            if reduced.shape == array.shape and np.allclose(array.astype(float), reduced, rtol=CLOSE, atol=0):
                return f" (it is the {word} of that{'' if axis is None else f' over axis {axis}'})"
    return ""


def count_results(outputs: list[Any]) -> str:
    """Return how many results there are, in words."""
    return f"{len(outputs)} result{'s'[: len(outputs) != 1]}"
