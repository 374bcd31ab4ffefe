"""Calls: single evaluations of a formula, each with its certified results. For a formula with a state that is one step from a given state.

The cases are those of the conformance kit. Of the small ones, the first of each kind is taken, and then, as long as a change of the formula
is not noticed, the first case that notices it.
"""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...reference import Formula, tree_leaves
from ...reference.validation import Domain, domains
from ..arithmetic import Refused
from ..conformance.functions.error import ExpectedOutput, smallest_units
from ..inputs.cases import ArgumentSampler, Case, cases, draw_arguments, edit_arrays, free_shapes_of, reference_result
from ..lines.signature import FREE_SIGNS, result_kinds, written_arguments
from .changes import Change
from .expected import Due, DueWhole, are_same, bounds_of, certify, due, estimates_of, in_format
from .flags import flag_of

SMALL = 160  # entries of arguments and results together, of cases that are taken for their kind
LARGE = 1300  # of those that are taken because no smaller one notices a change
MOST_KINDS = 7  # cases taken for what they separate
GENERIC = 2  # cases with nothing special about them that are always taken
LEFT_OUT, TIE, ZERO = "an argument left out", "a tie", "a branch at 0"  # what the changes of cases separate
SEVERAL = "one tensor from several"  # what the calls of one step of several tensors separate
SHAPES = ((3,), (2, 3), (0,))  # of these
DRAWN = "every term"  # what drawn cases separate
DRAWS, SCALES, DRAWN_SEED = 40, (1.0, 1.0, 0.05, 10.0), 70_000  # how many cases are drawn, and of which sizes
NEAR = 1e-9  # relative to the largest entry: further apart, results are not those of another rounding
SEED = 9000  # of their draws, which those of no other case have
BITWISE = ("storage.compensated_sum",)  # formulas of what rounding does: each operation rounds to nearest, and digits are due
UNDEFINED = (ArithmeticError, Refused, TypeError, ValueError, np.linalg.LinAlgError, IndexError)  # what cannot be certified


@dataclass(frozen=True, eq=False)
class Call:
    """One call: its case, the format, and what is due of every result, by name."""

    formula: Formula[..., Any]
    case: Case
    dtype: str
    due: Mapping[str, Due | DueWhole]
    values: list[Any]  # the same, certified
    is_estimate: bool = False  # whether the tolerance is no bound, since an operation of the formula has none

    @functools.cached_property
    def arguments(self) -> dict[str, Any]:
        """Its arguments in the format."""
        return in_format(self.case.arguments, np.dtype(self.dtype).type)

    def notices(self, change: Change) -> bool:
        """Return whether a changed formula gives something else."""
        outputs = change.outputs(self.arguments)
        if outputs is None or len(outputs) != len(self.due):
            return True
        return not all(expected.accepts(value) for expected, value in zip(self.due.values(), outputs, strict=True))

    def is_same(self, change: Change) -> bool | None:
        """Return whether a changed formula gives the same real numbers, to 100 bits; None where that cannot be certified."""
        if self.formula.id in BITWISE:
            return self.is_same_in_floats(change)
        try:
            with np.errstate(all="ignore"):
                others = certify(change.function, self.case.arguments, np.dtype(self.dtype).type)
                return are_same(self.values, others, [isinstance(part, Due) and part.has_free_signs for part in self.due.values()])
        except UNDEFINED:
            return None

    def is_same_in_floats(self, change: Change) -> bool:
        """Return whether a changed formula gives the same floats or whole numbers, digit by digit."""
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            own = tree_leaves(self.formula.raw(**self.arguments))
        others = change.outputs(self.arguments)
        return others is not None and len(own) == len(others) and all(map(np.array_equal, own, others))

    @functools.cached_property
    def fields(self) -> dict[str, str]:
        """Its line: the arguments, then what is due. The id is made of the arguments, so that other arguments have another id."""
        inputs = {"dtype": self.dtype, **written_arguments(self.formula, self.case.arguments, self.dtype)}
        expected = {key: text for name, result in self.due.items() for key, text in result.fields(name).items()}
        flags = [flag_of(self.case.separates).id, *["estimate"] * self.is_estimate, *["bitwise"] * (self.formula.id in BITWISE)]
        return {"k": "call", "id": identifier(self.formula.id, inputs), "flags": " ".join(flags), **inputs, **expected}


def identifier(entry: str, inputs: Mapping[str, str]) -> str:
    """Return the id of a case: the entry's, and a digest of its inputs."""
    return f"{entry}/{hashlib.sha256(repr(sorted(inputs.items())).encode()).hexdigest()[:8]}"


class Candidates:
    """The small cases of a formula in one format, each certified when it is asked for."""

    def __init__(self, formula: Formula[..., Any], dtype: str) -> None:
        self.formula, self.dtype = formula, dtype
        known = sorted(cases_in_domain(formula, np.dtype(dtype).type), key=lambda pair: max(SMALL, entries(pair)))
        self.results = {case.name: (case, result) for case, result in known}
        self.certified: dict[str, Call | None] = {}

    def call(self, name: str) -> Call | None:
        """Return a case with what is due; None where that cannot be certified, or no tolerance derived."""
        if name not in self.certified:
            self.certified[name] = self.certify(name)
        return self.certified[name]

    def certify(self, name: str) -> Call | None:
        """Return a case with what is due; its floats must be within the tolerance."""
        case, result = self.results[name]
        dtype, leaves, is_estimate = np.dtype(self.dtype).type, tree_leaves(result), False
        if self.formula.id in BITWISE:
            kinds = result_names(self.formula, len(leaves))
            digits = {
                name: Due(np.asarray(leaf, dtype=float), 0.0, 0.0, kind) for (name, kind), leaf in zip(kinds.items(), leaves, strict=True)
            }
            return Call(self.formula, case, self.dtype, digits, leaves)
        try:
            values = whole_results(leaves) or certify(self.formula.raw, case.arguments, dtype)
            try:
                bounds = bounds_of(self.formula, case.arguments, dtype) if values[0] is not leaves[0] else [0.0] * len(values)
            except Refused:
                if case.strains_floats:
                    return None
                bounds, is_estimate = estimates_of(self.formula, case.arguments, dtype, values), True
            kinds = result_names(self.formula, len(values))
            parts = {
                key: due(value, kind, bound, dtype, floor=floor, has_free_signs=key in FREE_SIGNS.get(self.formula.id, ()))
                for (key, kind), value, bound, floor in zip(kinds.items(), values, bounds, self.floors, strict=False)
            }
        except UNDEFINED:
            return None
        is_met = all(expected.accepts(leaf) for expected, leaf in zip(parts.values(), leaves, strict=True))
        return Call(self.formula, case, self.dtype, parts, values, is_estimate) if is_met else None

    @functools.cached_property
    def floors(self) -> list[float]:
        """Half an ulp of the usual size of each result: no tolerance is smaller than four of them."""
        outputs = [[ExpectedOutput(leaf, 0.0, largest(leaf)) for leaf in tree_leaves(result)] for _, result in self.results.values()]
        return smallest_units(outputs, np.dtype(self.dtype).type) if outputs else []

    def first_of_each_kind(self) -> list[Call]:
        """Return the first cases, of each kind one, as far as they can be certified."""
        taken: dict[str, int] = {}
        calls = []
        for name, (case, result) in self.results.items():
            if entries((case, result)) > SMALL:
                break
            flag = flag_of(case.separates).id
            allowed = {"every term": GENERIC, SEVERAL: 0}.get(case.separates, 1)
            if taken.get(flag, 0) < allowed and len(taken) <= MOST_KINDS and (call := self.call(name)):
                taken[flag] = taken.get(flag, 0) + 1
                calls.append(call)
        return calls

    def of_several_tensors(self) -> list[Call]:
        """Return the calls of tensors of several shapes that one optimizer steps at once; nothing unless all are certified."""
        calls = [self.call(name) for name, (case, _) in self.results.items() if case.separates == SEVERAL]
        return [call for call in calls if call] if len(calls) > 1 and all(calls) else []

    def others(self, calls: list[Call]) -> Iterator[Call]:
        """Yield the calls that can be certified and are not among these."""
        names = {call.case.name for call in calls}
        yield from (call for name in self.results if name not in names and (call := self.call(name)))

    def noticing(self, change: Change) -> Call | None:
        """Return the first case that notices a change, drawn ones last."""
        known = next((call for name in self.results if (call := self.call(name)) and call.notices(change)), None)
        return known or next((call for name in self.telling_draws(change) if (call := self.call(name)) and call.notices(change)), None)

    def telling_draws(self, change: Change) -> Iterator[str]:
        """Yield the names of the drawn cases on which the floats of a changed formula are others by more than rounding."""
        for name, (case, result) in self.draws.items():
            outputs = change.outputs(in_format(case.arguments, np.float64))
            if outputs is None or not are_near(tree_leaves(result), outputs):
                self.results.setdefault(name, (case, result))
                yield name

    @functools.cached_property
    def draws(self) -> dict[str, tuple[Case, Any]]:
        """More cases in float64, for changes that none of the others notices: of small, usual and large entries, and with columns of 0."""
        stated, found = domains(self.formula.raw), {}
        for number in range(DRAWS if self.dtype == "float64" else 0):
            sampler = partial(ArgumentSampler, np.random.default_rng(DRAWN_SEED + number), scale=SCALES[number % len(SCALES)], turn=number)
            values = draw_arguments(sampler, stated)
            if values and number % len(SCALES) == 0:
                values = edit_arrays(values, with_zero_column)
            if values:
                case = Case(f"draw {number}", DRAWN, values)
                with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                    result = reference_result(self.formula, case, np.float64)
                if result is not None and entries((case, result)) <= LARGE:
                    found[case.name] = (case, result)
        return found


def are_near(leaves: list[Any], others: list[Any]) -> bool:
    """Return whether results have the same shapes, and are the same but for what rounding may do; NaN is near NaN."""
    if len(leaves) != len(others):
        return False
    for leaf, other in zip(leaves, others, strict=True):
        own, changed = np.asarray(leaf, dtype=float), np.asarray(other)
        if own.shape != changed.shape or changed.dtype.kind not in "biuf":
            return False
        if not np.allclose(changed, own, rtol=0.0, atol=NEAR * largest(own), equal_nan=True):
            return False
    return True


def with_zero_column(array: Any) -> Any:
    """Return an array whose first column is 0; one of fewer than two axes as it is."""
    return np.concatenate([0 * array[..., :1], array[..., 1:]], axis=-1) if np.ndim(array) > 1 else array


def whole_results(leaves: list[Any]) -> list[Any]:
    """Return the results of a formula of whole numbers and truth values, which NumPy computes exactly; nothing if one is a real number."""
    return leaves if all(np.asarray(leaf).dtype.kind in "biu" for leaf in leaves) else []


def result_names(formula: Formula[..., Any], count: int) -> dict[str, str]:
    """Return the kinds of the results by name, as many as there are: a tuple of any length has numbered parts."""
    kinds = result_kinds(formula.raw)
    if len(kinds) == count:
        return kinds
    (kind,) = kinds.values()
    return {f"out{number}": kind for number in range(1, count + 1)}


def cases_in_domain(formula: Formula[..., Any], dtype: Any) -> Iterator[tuple[Case, Any]]:
    """Yield the cases of a formula that are in its domain, with its result; the order in memory means nothing here."""
    known = cases(formula)
    for case in (*known, *empty_cases(formula), *neighbours(formula, known), *several_tensors(formula, known)):
        if case.separates == "the order in memory" or entries((case, ())) > LARGE:
            continue
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            result = reference_result(formula, case, dtype)
        if result is not None and entries((case, result)) <= LARGE:
            yield case, result


def largest(value: Any) -> float:
    """Return the largest modulus among the elements of an array."""
    return float(np.max(np.abs(np.asarray(value, dtype=float)), initial=0.0))


def entries(pair: tuple[Case, Any]) -> int:
    """Return the number of elements of all arguments of a case and of its result."""
    case, result = pair
    return sum(np.size(leaf) for leaf in tree_leaves([*case.arguments.values(), result]) if not isinstance(leaf, str))


def empty_cases(formula: Formula[..., Any]) -> Iterator[Case]:
    """Yield the case of a tensor without elements, where the formula's arrays may have any shape."""
    stated = domains(formula.raw)
    if shapes := free_shapes_of(stated):
        sampler = ArgumentSampler(np.random.default_rng(0), dict.fromkeys(shapes, (0,)))
        if values := draw_arguments(lambda: sampler, stated):
            yield Case("no entries", "an empty tensor", values)


def several_tensors(formula: Formula[..., Any], known: list[Case]) -> Iterator[Case]:
    """Yield the cases of tensors of several shapes, where a formula steps one: the same hyper-parameters, and the same steps taken."""
    stated = domains(formula.raw)
    shapes = free_shapes_of(stated)
    if formula.initial is None or not shapes:
        return
    numbers = {name: known[0].arguments[name] for name, domain in stated.items() if domain.kind in ("number", "count", "choice", "flag")}
    counts = {field: value for _, field, value in state_fields(stated, known[0].arguments) if not isinstance(value, np.ndarray)}
    for number, shape in enumerate(SHAPES, start=1):
        sizes = dict.fromkeys(shapes, shape)
        if values := draw_arguments(partial(ArgumentSampler, np.random.default_rng(SEED + number), sizes), stated):
            states = {name: values[name]._replace(**counts) for name, domain in stated.items() if domain.kind == "state"}
            yield Case(f"tensor {number} of {len(SHAPES)}", SEVERAL, {**values, **numbers, **states})


def neighbours(formula: Formula[..., Any], known: list[Case]) -> Iterator[Case]:
    """Yield changes of the first cases: an argument left out, hyper-parameters at neutral values, ties there, zeros in the state."""
    stated = domains(formula.raw)
    neutral = {name: value for name, value in (formula.raw.__kwdefaults__ or {}).items() if stated[name].kind in ("number", "count")}
    for case in known[:GENERIC]:
        values = {**case.arguments, **{name: float(value) for name, value in neutral.items()}}
        yield from (Case(f"{case.name}, no {name}", LEFT_OUT, {**values, name: None}) for name in stated if stated[name].optional)
        yield from [Case(f"{case.name}, neutral", LEFT_OUT, values)] * bool(neutral)
        for name, field, value in state_fields(stated, values):
            others = [other for other, domain in stated.items() if domain.kind == stated[name].fields[field].kind == "number"]
            yield from (Case(f"{case.name}, {other} = {name}.{field}", TIE, {**values, other: value}) for other in others)
            if isinstance(value, np.ndarray):
                zeros = {**values, name: values[name]._replace(**{field: 0 * value})}
                yield Case(f"{case.name}, {name}.{field} of zeros", ZERO, zeros)
                others = [other for other in list(stated)[1:] if stated[other].kind == "array"]  # a gradient, not the point
                yield from (
                    Case(f"{case.name}, {name}.{field} and {other} of zeros", ZERO, {**zeros, other: 0 * values[other]}) for other in others
                )


def state_fields(stated: Mapping[str, Domain], values: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield the fields of states among arguments: the argument, the field and its value."""
    for name, domain in stated.items():
        if domain.kind == "state":
            yield from ((name, field, getattr(values[name], field)) for field in domain.fields)


def select_calls(candidates: Candidates, changes: tuple[Change, ...]) -> tuple[list[Call], dict[str, str]]:
    """Return the calls of a formula, and which of them notices each change, by its id; changes that none notices are left out."""
    calls = [*candidates.first_of_each_kind(), *candidates.of_several_tensors()]
    noticed: dict[str, str] = {}
    for change in changes:
        call = next((call for call in calls if call.notices(change)), None)
        if call is None and not change.equivalent and (call := candidates.noticing(change)):
            calls.append(call)
        if call:
            noticed[change.id] = call.fields["id"]
    return calls, noticed
