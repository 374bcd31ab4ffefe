"""Mutants of sizes and regions: a formula that is right everywhere but in one region of its arguments, such as more than 50 samples.

Which regions a formula has follows from the domains of its arguments: sizes beyond k, lengths 1 and even, wide and tall arrays, closed
ends, large, small and negative numbers, ties, and sums that forget what is older than k. Only a piece of evidence that calls the formula
within a region can refute its mutant, so each piece is first run on the formula as it is, to see which regions it reaches.

A symbol reaches every region that its assumptions leave open: a claim for all values is a claim for those of the region, too. Where the
region is one number or a tie, the symbol is replaced by it in all claims, and they must hold there for the formula as it is.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from ..reference import FORMULAS, Formula, tree_map
from ..reference.validation import Domain, domain_of, domains, resolve_annotations
from .arithmetic import Refused, Symbolic, Tensor, Undecided, Verdict
from .evidence import EVIDENCE, Evidence, load, run_evidence
from .evidence._repetition import positions

Arguments = Mapping[str, Any]
Case = dict[Any, Any]  # what symbols are replaced by, for arguments to lie in a region
Wrong = Callable[[Callable[..., Any], Arguments, Any], Any]

SMALL_SIZES, LARGE_SIZES = (4, 12), (24, 129)  # the ranges of k in "more than k"
FEW, MANY = (2, 7), (50, 1001)  # the same of counts
LARGE, LITTLE = 16, 0.0625  # numbers above and below that
SIXTEENTH = 16

OUTCOMES = ("refuted", "raised", "unknown", "survived", "unreached")


@dataclass(frozen=True)
class Region:
    """A part of the domain of a formula: its kind, its words, the case in which arguments lie in it, and what is wrong there."""

    formula: str
    kind: str
    words: str
    case: Callable[[Arguments], Case | None]
    wrong: Wrong

    def mutant(self, restriction: Case, *, wrong: bool = True) -> Callable[..., Any]:
        """Return the formula that is wrong in this region; the cases of its calls are added to `restriction`."""
        raw = FORMULAS[self.formula].raw

        @functools.wraps(raw)
        def changed(*args: Any, **options: Any) -> Any:
            result = raw(*args, **options)
            arguments = arguments_of(raw, args, options)
            case = self.case_or_none(arguments)
            restriction.update(case or {})
            return result if case is None or not wrong else self.wrong(raw, arguments, result)

        return changed

    def is_in_sample(self, sample: int) -> bool:
        """Return whether the region is in a sample of one in so many, which is the same in every run."""
        return zlib.crc32(f"{self.formula} {self.words}".encode()) % sample == 0

    def case_or_none(self, arguments: Arguments) -> Case | None:
        """Return the case in which these arguments lie in the region; None where none does, or where the arithmetic cannot say."""
        try:
            return self.case(arguments)
        except (Undecided, Refused, TypeError, ValueError, AttributeError):
            return None


def arguments_of(raw: Callable[..., Any], args: Any, options: Any) -> dict[str, Any]:
    """Return the arguments of a call by name; the fields of a state as `state.field`."""
    bound = inspect.signature(raw).bind(*args, **options)
    bound.apply_defaults()
    arguments: dict[str, Any] = dict(bound.arguments)
    for name, domain in domains(raw).items():
        if domain.kind == "state":
            arguments |= {f"{name}.{field}": part for field, part in zip(domain.fields, arguments[name], strict=True)}
    return arguments


def flat_domains(raw: Callable[..., Any]) -> dict[str, Domain]:
    """Return the domains of arguments by name; those of the fields of a state as `state.field`."""
    flat: dict[str, Domain] = {}
    for name, domain in domains(raw).items():
        fields = {f"{name}.{field}": part for field, part in domain.fields.items()}
        flat |= fields if domain.kind == "state" else {name: domain}
    return flat


# --- what is wrong in a region ---------------------------------------------------------------------------------------------------------


def scaled(raw: Callable[..., Any], arguments: Arguments, result: Any) -> Any:
    """Return the results a sixteenth larger: a factor such as n/(n − 1) that is missing."""
    return tree_map(lambda leaf: other(leaf) if is_whole(leaf) else leaf * (SIXTEENTH + 1) / SIXTEENTH, result)


def shifted(raw: Callable[..., Any], arguments: Arguments, result: Any) -> Any:
    """Return the results with a sixteenth added, so that 0 is wrong, too."""
    return tree_map(lambda leaf: other(leaf) if is_whole(leaf) else (leaf * SIXTEENTH + 1) / SIXTEENTH, result)


def is_whole(leaf: Any) -> bool:
    """Return whether a result holds integers or truth values."""
    return isinstance(leaf, bool | int | np.bool_ | np.integer) or (isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biu")


def other(leaf: Any) -> Any:
    """Return other integers or truth values."""
    return ~np.asarray(leaf) if np.asarray(leaf).dtype == bool else leaf + 1


def without_older(axis: str, k: int) -> Wrong:
    """Return the mistake of seeing the last k entries along an axis only; of a tensor, all but the first."""

    def forgetful(raw: Callable[..., Any], arguments: Arguments, result: Any) -> Any:
        own = inspect.signature(raw).parameters
        return raw(**{name: value for name, value in recent(raw, arguments, axis, k).items() if name in own})

    return forgetful


def recent(raw: Callable[..., Any], arguments: Arguments, axis: str, k: int) -> dict[str, Any]:
    """Return the arguments with the last k entries along an axis only."""
    kept = dict(arguments)
    for name, domain in flat_domains(raw).items():
        if axis in domain.axes and arguments[name] is not None:
            kept[name] = last_entries(arguments[name], positions(domain, axis, np.ndim(arguments[name])), k)
        elif axis == name:
            kept[name] = arguments[name][-k:]
    for name, domain in domains(raw).items():
        if domain.kind == "state":
            kept[name] = domain.hint(*(kept[f"{name}.{field}"] for field in domain.fields))
    return kept


def last_entries(value: Any, axes: list[int], k: int) -> Any:
    """Return the last k entries along some axes; of a tensor, all but the first."""
    if not isinstance(value, Tensor):
        return value[tuple(slice(-k if axis in axes else None, None) for axis in range(np.ndim(value)))]
    element, parts = value.element, list(value.parts)
    for axis in axes:
        ((index, size),) = parts[axis]
        element, parts[axis] = element.subs(index, index + 1), ((index, size - 1),)
    return Tensor.of_parts(element, parts)


# --- in which case arguments lie in a region -------------------------------------------------------------------------------------------


def is_symbolic(value: Any) -> bool:
    """Return whether a value holds symbols."""
    return isinstance(value, Symbolic | Tensor | sp.Basic)


def symbols_in(value: Any) -> list[Any]:
    """Return the expressions that a value holds."""
    return [value.element] if isinstance(value, Tensor) else list(Symbolic.object_array(value).ravel())


def compared(value: Any, compare: Callable[[Any, Any], Any], bound: Any) -> Case | None:
    """Return the case in which some entry of a value satisfies a comparison with a bound."""
    if is_symbolic(value):
        return {} if any(compare(entry, sp.sympify(bound)) != sp.false for entry in symbols_in(value)) else None
    return {} if np.any(compare(value, bound)) else None


def equals(value: Any, bound: Any) -> Case | None:
    """Return the case in which some entry of a value is the bound; some entry of a tensor may be."""
    if not is_symbolic(value):
        return {} if np.any(value == bound) else None
    bound = sp.Rational(bound)
    entries = symbols_in(value)
    if bound in entries:
        return {}
    free = [entry for entry in entries if isinstance(entry, sp.Symbol | sp.Indexed) and sp.Eq(entry, bound) != sp.false]
    return ({} if isinstance(free[0], sp.Indexed) else {free[0]: bound}) if free else None


def tied(value: Any) -> Case | None:
    """Return the case in which two neighbouring entries of an array are equal; some entries of a tensor may be."""
    if isinstance(value, Tensor):
        return {} if isinstance(value.element, sp.Indexed) else None
    if np.ndim(value) == 0:
        return None
    if is_symbolic(value):
        pairs = itertools.pairwise(symbols_in(value))
        return next(({b: a} for a, b in pairs if a.is_Symbol and b.is_Symbol and sp.Eq(a, b) != sp.false), None)
    before = [(slice(None),) * axis for axis in range(np.ndim(value)) if np.shape(value)[axis] > 1]
    return {} if any(np.any(value[(*axes, 0)] == value[(*axes, 1)]) for axes in before) else None


def lengths(raw: Callable[..., Any], arguments: Arguments) -> dict[str, Any]:
    """Return the lengths of axes by name: of axes that stand for any number of axes, the number of their entries."""
    found: dict[str, Any] = {}
    for name, domain in flat_domains(raw).items():
        value = arguments[name]
        if domain.kind == "functions":
            found[name] = len(value)
        elif domain.kind == "array" and value is not None:
            found = dict(zip(domain.axes, named_shape(domain.axes, value), strict=False)) | found
    return found


def named_shape(axes: list[str], value: Any) -> tuple[Any, ...]:
    """Return a length for each name of an axis."""
    shape = tuple(getattr(value, "shape", np.shape(value)))
    starred = [index for index, name in enumerate(axes) if name.startswith("*")]
    if not starred:
        return shape
    end = len(shape) - (len(axes) - starred[0] - 1)
    return (*shape[: starred[0]], sp.prod(shape[starred[0] : end]), *shape[end:])


def length_case(raw: Callable[..., Any], holds: Callable[..., Any], *axes: str) -> Callable[[Arguments], Case | None]:
    """Return the case in which the lengths of axes satisfy a condition: open sizes do."""

    def case(arguments: Arguments) -> Case | None:
        known = lengths(raw, arguments)
        if not known.keys() >= set(axes):
            return None
        return None if holds(*(known[axis] for axis in axes)) in (False, sp.false) else {}

    return case


def is_one(length: Any) -> Any:
    """Return whether a length is 1: a relation if it is open."""
    return sp.Eq(length, 1)


def is_even(length: Any) -> Any:
    """Return whether a length is even: a relation if it is open."""
    return sp.Eq(sp.Mod(length, 2), 0)


def argument_case(name: str, condition: Callable[..., Case | None], *bounds: Any) -> Callable[[Arguments], Case | None]:
    """Return the case in which one argument satisfies a condition."""
    return lambda arguments: None if arguments[name] is None else condition(arguments[name], *bounds)


# --- the regions of a formula ----------------------------------------------------------------------------------------------------------


def draw(text: str, low: int, high: int) -> int:
    """Return a number from low to high − 1 that depends on a text only."""
    return low + zlib.crc32(text.encode()) % (high - low)


def regions(formula: Formula[..., Any]) -> Iterator[Region]:
    """Yield the regions of a formula, in the order of its arguments."""
    make = functools.partial(Region, formula.id)
    yield from size_regions(formula, make)
    for name, domain in flat_domains(formula.raw).items():
        if domain.kind == "count":
            for low, high in (FEW, MANY):
                k = draw(f"{formula.id} {name} {low}", low, high)
                if k < domain.interval.high:
                    yield make("count", f"{name} > {k}", argument_case(name, compared, operator.gt, k), scaled)
        if domain.kind in ("count", "number") or (domain.kind == "array" and not domain.whole):
            yield from number_regions(name, domain, make)
        if domain.kind == "array" and not domain.whole and domain.axes:
            yield make("tie", f"{name} has neighbours that are equal", argument_case(name, tied), shifted)


def size_regions(formula: Formula[..., Any], make: Callable[..., Region]) -> Iterator[Region]:
    """Yield the regions that lengths of axes make."""
    raw, stated = formula.raw, flat_domains(formula.raw)
    returned = set(itertools.chain(*(domain.axes for domain in result_domains(raw))))
    axes = dict.fromkeys(axis for domain in stated.values() for axis in domain.axes if not axis.isdigit())
    axes |= dict.fromkeys(name for name, domain in stated.items() if domain.kind == "functions")
    case = functools.partial(length_case, raw)
    for axis in axes:
        for low, high in (SMALL_SIZES, LARGE_SIZES):
            k = draw(f"{formula.id} {axis} {low}", low, high)
            beyond = case(functools.partial(operator.lt, k), axis)
            yield make("size", f"{axis} > {k}", beyond, scaled)
            if axis not in returned and not axis.startswith("*"):
                yield make("forgotten", f"{axis}: all but the last {k}", beyond, without_older(axis, k))
        yield make("length", f"{axis} = 1", case(is_one, axis), shifted)
        yield make("length", f"{axis} even", case(is_even, axis), scaled)
    pairs = {pair for domain in stated.values() for pair in itertools.pairwise(dict.fromkeys(domain.axes)) if set(pair) <= set(axes)}
    for rows, columns in sorted(pair for pair in pairs if "*" not in "".join(pair)):
        yield make("shape", f"{rows} < {columns}", case(operator.lt, rows, columns), scaled)
        yield make("shape", f"{rows} > {columns}", case(operator.gt, rows, columns), scaled)


def result_domains(raw: Callable[..., Any]) -> Iterator[Domain]:
    """Yield the domains of the arrays that a formula returns."""
    hint = resolve_annotations(raw, raw.__module__)["return"]
    for part in getattr(hint, "__args__", (hint,)) if getattr(hint, "__origin__", None) is tuple else (hint,):
        try:
            yield domain_of(part)
        except TypeError:
            continue


def number_regions(name: str, domain: Domain, make: Callable[..., Region]) -> Iterator[Region]:
    """Yield the regions that the size of numbers makes: closed ends, 0, and what is large, small or negative."""
    interval = domain.interval
    ends = [("low", interval.low, interval.low_open), ("high", interval.high, interval.high_open)]
    closed = [bound for _, bound, is_open in ends if np.isfinite(bound) and not is_open]
    for bound in closed:
        yield make("end", f"{name} = {bound:g}", argument_case(name, equals, int(bound) if bound == int(bound) else bound), shifted)
    if domain.kind == "count":
        return
    if interval.low < 0:
        yield make("sign", f"{name} < 0", argument_case(name, compared, operator.lt, 0), scaled)
        if 0 not in closed and interval.high > 0:
            yield make("zero", f"{name} = 0", argument_case(name, equals, 0), shifted)
    width = interval.high - interval.low
    low, high = interval.low, interval.high
    little = low + width * LITTLE if np.isfinite(width) else low + LITTLE if np.isfinite(low) else -LARGE
    large = high - width * LITTLE if np.isfinite(width) else low + LARGE if np.isfinite(low) else LARGE
    yield make("range", f"{name} < {little:g}", argument_case(name, compared, operator.lt, little), scaled)
    yield make("range", f"{name} > {large:g}", argument_case(name, compared, operator.gt, large), scaled)


# --- evidence within regions -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RegionResult:
    """What evidence makes of the mutant of one region.

    The outcome is refuted; raised or unknown, where no piece refutes it and one fails so; survived, where all pieces that reach it hold; or
    unreached.
    """

    formula: str
    kind: str
    words: str
    outcome: str
    by: str = ""


def pieces_about(identifier: str) -> list[Evidence]:
    """Return the pieces of evidence that take a formula."""
    load()
    return [piece for piece in EVIDENCE.values() if FORMULAS[identifier].__name__ in piece.formulas]


def reached_regions(identifier: str) -> dict[str, tuple[str, ...]]:
    """Return, by the words of each region of a formula, the names of the pieces that call the formula there, the quickest first."""
    formula = FORMULAS[identifier]
    own = list(regions(formula))
    runs: list[tuple[float, str, set[str]]] = []
    for piece in pieces_about(identifier):
        reached: set[str] = set()
        start = time.process_time()
        run_evidence(piece, {formula.__name__: observed(formula.raw, own, reached)})
        runs.append((time.process_time() - start, piece.name, reached))
    return {region.words: tuple(name for _, name, reached in sorted(runs, key=run_key) if region.words in reached) for region in own}


def run_key(run: tuple[float, str, set[str]]) -> tuple[float, str]:
    """Return by what runs are put in order: the time that they took, and the name of the piece."""
    return run[:2]


def observed(raw: Callable[..., Any], own: list[Region], reached: set[str]) -> Callable[..., Any]:
    """Return a formula that adds the words of the regions in which it is called to `reached`."""

    @functools.wraps(raw)
    def observe(*args: Any, **options: Any) -> Any:
        arguments = arguments_of(raw, args, options)
        reached.update(region.words for region in own if region.words not in reached and region.case_or_none(arguments) is not None)
        return raw(*args, **options)

    return observe


def restricted(piece: Evidence, restriction: Case) -> Evidence:
    """Return a piece of evidence whose claims are those of a case: symbols are replaced in what it yields."""

    @functools.wraps(piece.function)
    def claims(**parameters: Any) -> Iterator[Any]:
        for got, claimed, *_ in piece.function(**parameters):
            yield (restrict(got, restriction), restrict(claimed, restriction)) if restriction else (got, claimed)

    return piece if piece.kind == "law" else replace(piece, function=claims)


def restrict(value: Any, restriction: Case) -> Any:
    """Return a value with symbols replaced."""
    return tree_map(lambda leaf: restricted_leaf(leaf, restriction) if is_symbolic(leaf) else leaf, value)


def restricted_leaf(leaf: Any, restriction: Case) -> Any:
    """Return an array, tensor or expression with symbols replaced."""
    if isinstance(leaf, Tensor):
        return Tensor.of_parts(leaf.element.subs(restriction), leaf.parts)
    return Symbolic.wrap(np.frompyfunc(lambda entry: entry.subs(restriction), 1, 1)(Symbolic.object_array(leaf)))


def run_region(identifier: str, words: str, names: Sequence[str]) -> RegionResult:
    """Run the pieces of these names on the mutant of a region, until one refutes it."""
    load()
    formula = FORMULAS[identifier]
    region = next(region for region in regions(formula) if region.words == words)
    outcome, by = ("survived", names[0]) if names else ("unreached", "")
    for name in names:
        verdict, detail, raised = run_within(EVIDENCE[name], region)
        if verdict is Verdict.REFUTED:
            return RegionResult(identifier, region.kind, words, "refuted", name)
        if verdict is Verdict.UNKNOWN and outcome != "raised":
            outcome, by = "raised" if raised else "unknown", f"{name}: {detail}"
    return RegionResult(identifier, region.kind, words, outcome, by)


def run_within(piece: Evidence, region: Region) -> tuple[Verdict, str, bool]:
    """Return what a piece makes of the mutant of a region: its verdict, the reason, and whether it raised.

    It holds as well if in the case of the region it does not hold for the formula as it is.
    """
    name = FORMULAS[region.formula].__name__
    restriction: Case = {}
    result = run_evidence(restricted(piece, restriction), {name: region.mutant(restriction)})
    if restriction and result.verdict is not Verdict.HOLDS:
        case: Case = {}
        control = run_evidence(restricted(piece, case), {name: region.mutant(case, wrong=False)})
        if control.verdict is not Verdict.HOLDS:
            return Verdict.HOLDS, f"not decided in this case: {control.detail}", False
    return result.verdict, result.detail, result.raised
