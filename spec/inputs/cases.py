"""Separating cases: arguments of a formula on which different formulas give results far more than a rounding error apart.

They are drawn from the formula's domains and are the same in every run. Axes have different lengths, so that a transposed or swapped axis
shows; numbers are small dyadic fractions, so that both formats hold them; eps is of the size of the data, so that its place shows.
"""

from __future__ import annotations

import dis
import functools
import inspect
import itertools
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, get_args

import numpy as np

from ...reference import Formula, tree_leaves
from ...reference.limits import Divides, IndexInto, NotBelow, StableWith, choices_of, interval_of
from ...reference.validation import Domain, domains, in_dependency_order
from .textures import TEXTURES, Texture, far_from_zero, scaled, small_integers, tens
from .values import Cubic, fulfils_relations, with_relations

AXIS_LENGTHS = (3, 4, 2, 5)  # in turn
GENERIC_CASES = 6  # cases with nothing special about them
SCALAR_CASES = 20  # of a formula that takes only counts and numbers
TRIES = 20  # draws of arguments that must fulfil a relation
LARGE_OFFSET = 2.0**13  # a mean so large leaves one-pass formulas no digit in float32
SMALL_EPS = 2.0**-17  # of the usual size
ODD_LENGTHS = (5, 7, 3)  # of the axes of cases that strain floats: sums and means of them are rounded
LENGTHS = (1, 7, 65, 257, 1025)  # of one axis at a time: the main body and the rest of a vector loop, a second tile
MANY = 33  # entries along the first axis, where some must be beyond the threshold of an exponential
EXPONENTIALS = {"exp", "expm1", "logaddexp", "tanh", "erf"}  # which implementations leave out beyond a threshold
EXPONENT_SCALES = {1.0: 42.0, 0.5: 8.0}  # of entries that are exponents, and of those whose products are
TAIL_CASES = 4  # of each, with an axis of length 1: a sum or a larger example would hide a small result
BY_THRESHOLD = "a threshold of an exponential"  # what cases with large exponents separate
BY_TAIL = "the tail of an exponential"  # what cases with small results separate
TAIL_ROUNDINGS = 2.0**10  # roundings of a usual result that a small one may be off by: a right form may subtract from 1
BY_SIZE = "sizes from larger ones"  # what cases with a long axis separate
SHORT_LENGTHS = LENGTHS[:3]  # where cost grows faster than the number of entries, or certifying is slow
DECOMPOSING = {"eigh", "eigvalsh", "svd", "qr", "inv", "solve"}  # of which balls are certified for a few rows only
UNUSUAL_COUNTS = (0, 1, 33, 1000)  # beyond what a branch or a table for the first steps covers
COUNT_SCALES = (2**15 + 1, 2**16 + 1)  # of all counts together: a counter of 16 bits, with a sign or without, wraps
UNUSUAL_NUMBERS = (0.0, 1.0, 100.0)  # of arguments that are numbers, where their domains allow them
SIZE_LIMIT = 6500  # entries of all arguments and results together: a larger case of these is left out
DECIDED_BY_DIGITS = {"kmeans.minibatch", "optimizers.signum"}  # their branches depend on digits that subnormal numbers lack
COMPARING = {"where", "maximum", "minimum", "max", "min", "clip", "sign", "searchsorted"}  # what compares, by its name
TIE_CASES = 3  # of small whole numbers, so that many comparisons meet equal values


class Unfulfilled(Exception):
    """A draw that does not fulfil the relations between the arguments."""


@dataclass(frozen=True)
class Case:
    """One call: what it separates, and its arguments by the reference's names, arrays in float64."""

    name: str
    separates: str
    arguments: Mapping[str, Any]

    @property
    def is_edge(self) -> bool:
        """Whether a function may refuse it by a ValueError, since its domain may be narrower there."""
        return not self.name.startswith("generic")

    @property
    def strains_floats(self) -> bool:
        """Whether forms that are equal in real numbers differ here, since digits are lost or a result overflows."""
        return self.name in TEXTURES or self.name.startswith("far ")

    @property
    def is_ordinary(self) -> bool:
        """Whether forms that are equal in real numbers are equal here up to a few roundings."""
        return not self.strains_floats and self.separates not in (BY_TAIL, BY_THRESHOLD)

    @property
    def effort(self) -> tuple[bool, bool, int]:
        """How hard it is to follow a case by hand: whether numbers are far from 1 or something is unusual, and how many there are."""
        return self.strains_floats, self.is_edge, sum(np.size(leaf) for leaf in tree_leaves(tuple(self.arguments.values())))

    @property
    def roundings(self) -> float:
        """How many roundings of a result of usual size are allowed: more where it is small, since its absence shows all the same."""
        return TAIL_ROUNDINGS if self.separates == BY_TAIL else 1.0

    @property
    def length(self) -> int:
        """How many times the rounding bound is allowed: a case of size shows what is left out, and a right order may sum all pairs."""
        shapes = [np.shape(leaf) for leaf in tree_leaves(tuple(self.arguments.values()))]
        return max((length for shape in shapes for length in shape), default=1) if self.separates == BY_SIZE else 1

    @property
    def is_strided(self) -> bool:
        """Whether the arrays are handed over as every second entry of larger ones."""
        return self.name == "strided arrays"

    def is_too_large(self, result: Any = ()) -> bool:
        """Return whether its arguments and a result have more entries than can be certified quickly."""
        return sum(np.size(leaf) for leaf in (*tree_leaves(tuple(self.arguments.values())), *tree_leaves(result))) > SIZE_LIMIT


@dataclass
class ArgumentSampler:
    """Draws arguments from their domains."""

    source: np.random.Generator
    sizes: Mapping[str, Any] = field(default_factory=dict)  # of axes, by name
    shift: float = 0.0  # added to the entries of arrays that may be anything
    scale: float = 1.0  # of those entries
    eps: float | None = None  # instead of one of the size of the data
    turn: int = 0  # of the words and truth values
    texture: Texture | None = None  # how the entries of arrays that may be anything are related
    pinned: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self, given: Mapping[str, Domain]) -> dict[str, Any]:
        """Return values for all arguments, in the order of the signature."""
        sizes: dict[str, Any] = dict(self.sizes)
        values: dict[str, Any] = {}
        for name, domain in in_dependency_order(given):
            full = domain.kind == "array" and np.ndim(self.pinned.get(name, 0)) == 0
            values[name] = self.value(name, domain, sizes, values) if full or name not in self.pinned else self.pinned[name]
            if full and self.pinned.get(name, values) is not values and self.pinned[name] is not None:
                values[name] = np.full_like(values[name], self.pinned[name])
        return {name: values[name] for name in given}

    def value(self, name: str, domain: Domain, sizes: dict[str, Any], others: Mapping[str, Any]) -> Any:
        """Return one value of a domain."""
        if domain.kind == "state":
            return domain.hint(*(self.value(key, part, sizes, others) for key, part in domain.fields.items()))
        if domain.kind == "function":
            return self.cubic()
        if domain.kind == "functions":
            return tuple(self.cubic() for _ in range(3))
        if domain.kind == "source":
            return np.random.default_rng(int(self.source.integers(2**32)))
        if domain.kind == "choice":
            words = get_args(domain.hint)
            return words[self.turn % len(words)]
        if domain.kind == "flag":
            return bool(self.turn % 2)
        if domain.kind == "count":
            return self.count(domain, others)
        return self.number(name, domain, others) if domain.kind == "number" else self.array(domain, sizes, others)

    def cubic(self) -> Cubic:
        """Return an example of a function."""
        return Cubic(*map(float, self.entries((), 4)))

    def count(self, domain: Domain, others: Mapping[str, Any]) -> int:
        """Return a whole number; of a divisor, one that is neither 1 nor the whole if possible."""
        if wholes := [np.shape(others[limit.argument])[limit.axis] for limit in domain.limits if isinstance(limit, Divides)]:
            divisors = [number for number in range(1, wholes[0] + 1) if wholes[0] % number == 0]
            return int(self.source.choice(divisors[1:-1] or divisors))
        low, high = domain.interval.low, domain.interval.high
        floors = [others[limit.argument] for limit in domain.limits if isinstance(limit, NotBelow)]
        least = max([int(low) if np.isfinite(low) else -6, *floors])
        return int(self.source.integers(least, int(high) if np.isfinite(high) else least + 9, endpoint=True))

    def number(self, name: str, domain: Domain, others: Mapping[str, Any]) -> float:
        """Return a real number."""
        if name.startswith("eps"):
            return float(self.source.integers(3, 9)) / 16 if self.eps is None else self.eps
        if curved := [others[limit.argument] for limit in domain.limits if isinstance(limit, StableWith)]:
            return float(2 / curved[0] * self.source.integers(1, 16) / 16)
        drawn = float(self.entries(domain.limits, 1)[0])
        return max([drawn, *(others[limit.argument] + drawn for limit in domain.limits if isinstance(limit, NotBelow))])

    def entries(self, limits: tuple[Any, ...], size: int) -> Any:
        """Return numbers within limits, none of them at a limit or 0."""
        if choices := choices_of(limits):
            return self.source.permutation(np.resize(np.array(choices), size))
        low, high = interval_of(limits).low, interval_of(limits).high
        if np.isfinite(high):
            return low + (high - low) * self.source.integers(2, 31, size) / 32
        magnitudes = self.source.integers(8, 80, size) / 32
        if np.isfinite(low):
            return low + magnitudes
        return self.scale * magnitudes * self.source.choice([-1.0, 1.0], size) + self.shift

    def array(self, domain: Domain, sizes: dict[str, Any], others: Mapping[str, Any]) -> Any:
        """Return an array whose axes have the lengths already drawn for their names."""
        shape: tuple[int, ...] = ()
        for name in domain.hint.dim_str.split():
            if name not in sizes:
                sizes[name] = int(name) if name.isdigit() else self.size(name, len(sizes))
            shape += sizes[name] if name.startswith("*") else (sizes[name],)
        size = int(np.prod(shape))
        if domain.whole:
            ends = [others[limit.argument].shape[limit.axis] for limit in domain.limits if isinstance(limit, IndexInto)]
            return self.source.permutation(indices(min(ends), size)).reshape(shape)
        entries = np.array(self.entries(domain.limits, size), dtype=float).reshape(shape)
        if self.texture and not choices_of(domain.limits) and np.isinf([domain.interval.low, domain.interval.high]).all():
            entries = self.texture(entries)
        value = with_relations(entries, domain, others)
        if not fulfils_relations(value, domain, others):
            raise Unfulfilled
        return value

    def size(self, name: str, position: int) -> Any:
        """Return the length of an axis; a channel axis can be grouped."""
        if name == "c":
            return 4 if self.turn % 2 else 6
        length = AXIS_LENGTHS[(position + self.turn) % len(AXIS_LENGTHS)]
        return ((length,), (2, length), (length, 2))[self.turn % 3] if name.startswith("*") else length


def indices(end: int, size: int) -> Any:
    """Return so many indices below an end: all in turn, or where they are fewer some in equal distances, the last one among them."""
    return np.resize(np.arange(end), size) if size >= end else (np.arange(size) + 1) * end // size - 1


# --- the cases of a formula -------------------------------------------------------------------------------------------------------------


def cases(formula: Formula[..., Any], pinned: Mapping[str, Any] | None = None) -> list[Case]:
    """Return the cases of a formula, with some of its arguments pinned."""
    arguments, pinned = domains(formula.raw), pinned or {}
    different: dict[Hashable, Case] = {}
    for name, separates, make_sampler, change in kinds_for(formula, arguments):
        values = draw_arguments(partial(make_sampler, pinned=pinned), arguments)
        changed = change(values) if values is not None else None
        if changed is not None:
            kept = {key: values[key] if np.ndim(values[key]) and value is not None else value for key, value in pinned.items()}
            case = Case(name, separates, {**changed, **kept})
            if not case.is_too_large():
                different.setdefault(bits_of(tuple(case.arguments.values())), case)
    return list(different.values())


def kinds_for(formula: Formula[..., Any], given: Mapping[str, Domain]) -> Iterator[CaseKind]:
    """Yield the kinds of cases of a formula: those of its domains, sizes, and ties where it compares."""
    calls, is_loop = names_used_by(formula.raw), "FOR_ITER" in operations_of(*functions_used_by(formula.raw))
    yield from (kind for kind in case_kinds(given) if formula.id not in DECIDED_BY_DIGITS or not kind[0].startswith("subnormal"))
    yield from size_kinds(given, is_loop=is_loop, is_decomposing=bool(DECOMPOSING & calls))
    yield from unusual_kinds(given, is_loop=is_loop)
    if EXPONENTIALS & calls and axes_of(given) + free_shapes_of(given):
        yield from exponent_kinds(given)
    if "COMPARE_OP" in operations_of(formula.raw) or COMPARING & calls:
        yield from tie_kinds(given)


@functools.cache
def functions_used_by(function: Any) -> frozenset[Any]:
    """Return a function with those of its module that it calls, directly or not."""
    called = (function.__globals__.get(name) for name in function.__code__.co_names)
    inner = (getattr(value, "raw", value) for value in called if getattr(value, "__module__", "") == function.__module__)
    others = (value for value in inner if value is not function and inspect.isfunction(value))
    return frozenset({function}).union(*map(functions_used_by, others))


def names_used_by(function: Any) -> frozenset[str]:
    """Return the names that a function reads, those of the functions of its module that it calls included."""
    return frozenset().union(*(used.__code__.co_names for used in functions_used_by(function)))


def operations_of(*functions: Any) -> frozenset[str]:
    """Return the operations of the bytecode of functions."""
    return frozenset(step.opname for function in functions for step in dis.get_instructions(function.__code__))


def draw_arguments(sampler: Callable[[], ArgumentSampler], given: Mapping[str, Domain]) -> Any:
    """Return the first draw that fulfils the relations between the arguments; None where none does."""
    for _ in range(TRIES):
        try:
            return sampler().arguments(given)
        except Unfulfilled:
            continue
    return None


CaseKind = tuple[str, str, Callable[..., ArgumentSampler], Callable[[dict[str, Any]], dict[str, Any] | None]]


def case_kinds(given: Mapping[str, Domain]) -> Iterator[CaseKind]:
    """Yield the names of the cases, what they separate, how their arguments are drawn, and how they are changed after."""
    seeds = itertools.count(1)
    arrays = any(domain.kind in ("array", "state") for domain in given.values())
    axes = axes_of(given)
    for turn in range(GENERIC_CASES if arrays else SCALAR_CASES):
        yield f"generic {turn + 1}", "every term", sampler_maker(seeds, turn=turn), unchanged
    if not arrays:
        yield from boundary_cases(given, seeds)
        return
    for turn in (0, 1):
        yield f"two of each, {turn + 1}", "n from n − 1", sampler_maker(seeds, turn=turn, sizes=dict.fromkeys(axes, 2)), unchanged
    if axes:
        yield "one alone", "a variance of 0", sampler_maker(seeds, turn=1, sizes={axes[0]: 1}), unchanged
    if any(name.startswith("eps") for name in given):
        yield "small eps", "eps from what is rounded", sampler_maker(seeds, turn=1, eps=SMALL_EPS), unchanged
        yield "large eps", "eps as a floor", sampler_maker(seeds, turn=1, eps=64.0), unchanged
        yield "no eps", "eps from a floor", sampler_maker(seeds, turn=2, eps=0.0), unchanged
        yield "small entries", "the place of a small eps", sampler_maker(seeds, turn=3, eps=SMALL_EPS, scale=SMALL_EPS / 2), unchanged
    yield "far from 0", "one pass over the data from two", sampler_maker(seeds, turn=1, shift=LARGE_OFFSET), unchanged
    yield "far below 0", "an exponential that overflows", sampler_maker(seeds, turn=0, shift=-LARGE_OFFSET), unchanged
    yield "a row of zeros", "a branch at 0", sampler_maker(seeds, turn=2), with_zero_row
    yield "equal entries", "a tie", sampler_maker(seeds, turn=3), with_equal_rows
    yield "first entries 0", "a branch at 0", sampler_maker(itertools.count(5000), turn=3), with_first_entries_zero
    yield from straining_kinds(given, axes, seeds)


def straining_kinds(given: Mapping[str, Domain], axes: list[str], seeds: Iterator[int]) -> Iterator[CaseKind]:
    """Yield cases that lose digits or overflow in forms that are equal in real numbers, and arrays as they stand in memory."""
    sizes: dict[str, Any] = {axis: ODD_LENGTHS[position % len(ODD_LENGTHS)] for position, axis in enumerate(axes)}
    sizes |= dict.fromkeys(free_shapes_of(given), (3, 5, 7))
    for name, (separates, texture) in TEXTURES.items():
        yield name, separates, sampler_maker(seeds, turn=1, sizes=sizes, texture=texture, eps=SMALL_EPS), unchanged
    many = {**sizes, **dict.fromkeys(axes[:1], MANY), **dict.fromkeys(free_shapes_of(given), (MANY, 3))}
    yield "tens", BY_THRESHOLD, sampler_maker(seeds, turn=1, sizes=many, texture=tens), unchanged
    yield "transposed arrays", "the order in memory", sampler_maker(seeds, turn=1, sizes=sizes), with_columns_first
    yield "strided arrays", "the order in memory", sampler_maker(seeds, turn=1, sizes=sizes), unchanged


def size_kinds(given: Mapping[str, Domain], *, is_loop: bool, is_decomposing: bool = False) -> Iterator[CaseKind]:
    """Yield cases with one axis of each length, the others short; fewer of a square matrix, and where the formula loops."""
    seeds = itertools.count(2000)
    axes = axes_of(given)
    shapes = [part.hint.dim_str.split() for domain in given.values() for part in (domain, *domain.fields.values()) if part.kind == "array"]
    for axis in axes:
        is_square = any(shape.count(axis) > 1 for shape in shapes)
        lengths = SHORT_LENGTHS[:2] if is_decomposing else SHORT_LENGTHS if is_loop or is_square else LENGTHS
        for turn, size in enumerate(lengths, start=1):
            sizes = {**dict.fromkeys(axes, 2), axis: size}
            yield f"{axis} = {size}", BY_SIZE, sampler_maker(seeds, turn=turn, sizes=sizes), unchanged
        if len(axes) > 2 and lengths is LENGTHS:  # with the other axes of length 2 it is too large
            alone = {**dict.fromkeys(axes, 1), axis: LENGTHS[-1]}
            yield f"{axis} = {LENGTHS[-1]} alone", BY_SIZE, sampler_maker(seeds, turn=1, sizes=alone), unchanged
    for shape, size in itertools.product(free_shapes_of(given), SHORT_LENGTHS if is_loop else LENGTHS):
        yield f"shape = ({size},)", BY_SIZE, sampler_maker(seeds, turn=1, sizes={shape: (size,)}), unchanged


def unusual_kinds(given: Mapping[str, Domain], *, is_loop: bool) -> Iterator[CaseKind]:
    """Yield cases with one argument that is all zeros, a number that is 0, 1 or large, each where the domain allows it."""
    seeds = itertools.count(3000)
    if not is_loop and sum(domain.kind == "count" for domain in given.values()) > 1:
        for turn, scale in itertools.product(range(1, 4), COUNT_SCALES):
            name = f"counts times {scale}, {turn}"
            yield name, "counters of few bits", sampler_maker(seeds, turn=turn), partial(with_scaled_counts, scale=scale, given=given)
    for name, domain in given.items():
        if domain.kind == "count":
            values: tuple[Any, ...] = UNUSUAL_COUNTS[:2] if is_loop else UNUSUAL_COUNTS
        else:
            values = UNUSUAL_NUMBERS if domain.kind == "number" else ()
        for value in values:
            yield f"{name} is {value:g}", "an unusual value", sampler_maker(seeds, turn=1), partial(with_value, name=name, value=value)
        if domain.kind in ("array", "state"):
            yield f"{name} all zeros", "a branch at 0", sampler_maker(seeds, turn=1), partial(with_zeros, name=name)
        for key in domain.fields:
            yield f"{name}.{key} zero", "a branch at 0", sampler_maker(seeds, turn=1), partial(with_zero_field, name=name, key=key)
        if domain.kind == "state":
            change = partial(with_first_state, name=name, domain=domain)
            yield f"{name} of zeros and ones", "the first step", sampler_maker(seeds, turn=1), change


def exponent_kinds(given: Mapping[str, Domain]) -> Iterator[CaseKind]:
    """Yield cases whose exponents are some tens, where a form with a threshold leaves out what can be seen yet.

    Each axis is long in some of them, and 1 in others: it may be that of the examples, or one that is summed over.
    """
    seeds = itertools.count(4000)
    axes, shapes = axes_of(given), free_shapes_of(given)
    lengths = dict.fromkeys(axes, (MANY, 1)) | dict.fromkeys(shapes, ((MANY, 3), (1,)))
    for (power, scale), axis in itertools.product(EXPONENT_SCALES.items(), lengths):
        many, one = ({**dict.fromkeys(axes, 2), **dict.fromkeys(shapes, (3,)), axis: length} for length in lengths[axis])
        name = f"exponents of size {scale:g}, {axis}"
        tens, tail = partial(scaled, scale=scale), partial(far_from_zero, power=power)
        yield f"{name} = {MANY}", BY_THRESHOLD, sampler_maker(seeds, sizes=many, texture=tens), unchanged
        for number in range(1, TAIL_CASES + 1):
            yield f"{name} = 1, {number}", BY_TAIL, sampler_maker(seeds, sizes=one, texture=tail), unchanged


def tie_kinds(given: Mapping[str, Domain]) -> Iterator[CaseKind]:
    """Yield cases in which arguments that are compared are equal: a number and an entry of an array, two numbers, or many small entries."""
    seeds = itertools.count(1000)
    numbers = [name for name, domain in given.items() if domain.kind in ("number", "count")]
    others = [name for name, domain in given.items() if domain.kind in ("array", "state", "number")]
    for turn in range(TIE_CASES):
        yield f"small whole numbers, {turn + 1}", "a tie", sampler_maker(seeds, turn=turn, texture=small_integers), with_numbers_of_one
    for name, other in itertools.product(numbers, others):
        if name != other:
            yield f"{name} = {other}", "a tie", sampler_maker(seeds, turn=1), partial(with_tie, name=name, other=other, given=given)


def sampler_maker(seeds: Iterator[int], **options: Any) -> Callable[..., ArgumentSampler]:
    """Return a maker of samplers that continues one random stream from try to try."""
    source = np.random.default_rng(next(seeds))
    return partial(ArgumentSampler, source, **options)


def axes_of(given: Mapping[str, Domain]) -> list[str]:
    """Return the names of the axes whose lengths can be chosen, in order."""
    hints = [part.hint for domain in given.values() for part in (domain, *domain.fields.values()) if part.kind == "array"]
    names = [name for hint in hints for name in hint.dim_str.split() if not name.isdigit() and not name.startswith("*")]
    return list(dict.fromkeys(names))


def free_shapes_of(given: Mapping[str, Domain]) -> list[str]:
    """Return the names of the axes that stand for any number of axes."""
    hints = [part.hint for domain in given.values() for part in (domain, *domain.fields.values()) if part.kind == "array"]
    return list(dict.fromkeys(name for hint in hints for name in hint.dim_str.split() if name.startswith("*")))


def with_columns_first(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments with the first index of every array running fastest in memory."""
    return edit_arrays(arguments, np.asfortranarray)


def with_numbers_of_one(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with all real numbers 1; the result may be outside the domain."""
    return {name: 1.0 if isinstance(value, float) else value for name, value in arguments.items()}


def with_tie(arguments: dict[str, Any], *, name: str, other: str, given: Mapping[str, Domain]) -> dict[str, Any] | None:
    """Return the arguments with a number equal to another, to the first entry of an array, or to the first number of a state."""
    leaves = [leaf for leaf in tree_leaves(arguments[other]) if np.size(leaf)]
    if not leaves:
        return None
    if given[name].kind == "number":
        return {**arguments, name: float(np.ravel(leaves[0])[0])}
    whole = edit_arrays({other: arguments[other]}, np.ceil) if given[other].kind != "number" else {other: float(arguments[name])}
    first = arguments[name] if whole is None or given[other].kind == "number" else int(np.ravel(tree_leaves(whole[other])[0])[0])
    return {**arguments, **(whole or {}), name: first}


def with_zeros(arguments: dict[str, Any], *, name: str) -> dict[str, Any]:
    """Return the arguments with all real numbers of one of them 0; the result may be outside the domain."""
    return {**arguments, **(edit_arrays({name: arguments[name]}, lambda array: 0 * array) or {})}


def with_zero_field(arguments: dict[str, Any], *, name: str, key: str) -> dict[str, Any]:
    """Return the arguments with one field of a state 0; the result may be outside the domain."""
    part = getattr(arguments[name], key)
    return {**arguments, name: arguments[name]._replace(**{key: 0 * part if isinstance(part, np.ndarray) else type(part)(0)})}


def with_first_entries_zero(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments with the first entry of every array 0."""
    return edit_arrays(arguments, lambda array: array * (np.arange(array.size) > 0).reshape(array.shape))


def with_first_state(arguments: dict[str, Any], *, name: str, domain: Domain) -> dict[str, Any]:
    """Return the arguments with a state as it usually starts: means of 0, variances of 1, nothing counted."""
    parts = {
        key: np.zeros_like(part) + float(inner.interval.low == 0) if isinstance(part, np.ndarray) else type(part)(0)
        for (key, inner), part in zip(domain.fields.items(), arguments[name], strict=True)
    }
    return {**arguments, name: arguments[name]._replace(**parts)}


def unchanged(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as they were drawn."""
    return arguments


def with_zero_row(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments with the first row of every array set to 0."""
    return edit_arrays(arguments, lambda array: np.concatenate([0 * array[:1], array[1:]]) if array.ndim else 0 * array)


def with_equal_rows(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments with the last row of every array made equal to the first."""
    return edit_arrays(arguments, lambda array: np.concatenate([array[:-1], array[:1]]) if array.ndim and len(array) > 1 else array)


def edit_arrays(arguments: dict[str, Any], edit: Callable[[Any], Any]) -> dict[str, Any] | None:
    """Return the arguments with their real arrays edited, those within states too; the result may be outside the domain."""

    def edited(value: Any) -> Any:
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(edited, value))
        return edit(value) if isinstance(value, np.ndarray) and value.dtype == float else value

    return {name: edited(value) for name, value in arguments.items()}


def boundary_cases(given: Mapping[str, Domain], seeds: Iterator[int]) -> Iterator[CaseKind]:
    """Yield cases in which two counts are equal, neighbours or multiples: boundaries, one update sooner or later."""
    counts = [name for name, domain in given.items() if domain.kind == "count"]
    for (name, other), (factor, offset) in itertools.product(
        itertools.permutations(counts, 2), ((1, -1), (1, 0), (1, 1), (2, -1), (2, 0), (2, 1))
    ):
        change = partial(with_related_count, name=name, other=other, factor=factor, offset=offset)
        yield f"{name} = {factor} {other} {offset:+d}", "an update sooner or later", sampler_maker(seeds, turn=0), change
    for name, value in itertools.product(counts, range(4)):
        yield f"{name} = {value}", "the first updates", sampler_maker(seeds, turn=1), partial(with_value, name=name, value=value)


def with_related_count(arguments: dict[str, Any], *, name: str, other: str, factor: int, offset: int) -> dict[str, Any]:
    """Return the arguments with one count set from another."""
    return {**arguments, name: factor * arguments[other] + offset}


def with_value(arguments: dict[str, Any], *, name: str, value: Any) -> dict[str, Any]:
    """Return the arguments with one of them replaced."""
    return {**arguments, name: value}


def with_scaled_counts(arguments: dict[str, Any], *, scale: int, given: Mapping[str, Domain]) -> dict[str, Any]:
    """Return the arguments with all counts times the same number, so that relations between them stay."""
    return {name: scale * value if given[name].kind == "count" else value for name, value in arguments.items()}


def bits_of(value: Any) -> Hashable:
    """Return what tells an argument from others: the bits of arrays, alone or in a state; nothing of a generator."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, tuple):
        return tuple(map(bits_of, value))
    return None if isinstance(value, np.random.Generator) else repr(value)


def in_dtype(value: Any, dtype: Any) -> Any:
    """Return a fresh copy of an argument, its real arrays in a dtype."""
    if isinstance(value, tuple):
        parts = [in_dtype(part, dtype) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, np.ndarray):
        return value.astype(dtype) if value.dtype.kind == "f" else value.copy()
    return value


def reference_result(formula: Formula[..., Any], case: Case, dtype: Any) -> Any:
    """Return the validated result of the reference on a case; None where the case is outside the domain."""
    import copy

    try:
        return formula(**{name: copy.deepcopy(in_dtype(value, dtype)) for name, value in case.arguments.items()})
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError):
        return None
