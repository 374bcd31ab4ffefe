"""Cases: arguments of a formula, drawn from its domains and built so that formulas that differ part by far more than rounding.

They are the same in every run. Sizes of different axes differ, so that a transposed or swapped axis shows; numbers are small dyadics, so
that both formats hold them; and eps is of the size of the data, so that its place shows.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, get_args

import numpy as np
from hypothesis.errors import UnsatisfiedAssumption

from ....reference import Formula
from ....reference.limits import Divides, IndexInto, NotBelow, StableWith, choices_of, interval_of
from ....reference.validation import Domain, domains, in_dependency_order
from ...inputs.strategies import Cubic, satisfy_relations

SIZES = (3, 4, 2, 5)  # of the axes of a case, in turn
GENERIC = 6  # cases with nothing special about them
COUNTED = 20  # of a formula that only counts and numbers enter
TRIES = 20  # draws of arguments that must have a relation to each other
FAR = 2.0**13  # a mean this far from 0 leaves one-pass formulas nothing in float32
SMALL = 2.0**-17  # an eps as people set it


@dataclass(frozen=True)
class Case:
    """One call: what it is there to separate, and its arguments by the reference's names, arrays in float64."""

    name: str
    separates: str
    arguments: Mapping[str, Any]

    @property
    def edge(self) -> bool:
        """Whether it lies where a function may say, by a ValueError, that its domain is narrower."""
        return not self.name.startswith("generic")


@dataclass
class Sampler:
    """Draws arguments from their domains."""

    source: np.random.Generator
    sizes: Mapping[str, Any] = field(default_factory=dict)  # of axes, by name
    shift: float = 0.0  # added to the entries of arrays that may be anything
    scale: float = 1.0  # of those entries
    eps: float | None = None  # instead of one of the size of the data
    turn: int = 0  # of the words and truth values
    pinned: Mapping[str, Any] = field(default_factory=dict)

    def arguments(self, given: Mapping[str, Domain]) -> dict[str, Any]:
        """Values for all arguments, in the order of the signature."""
        sizes: dict[str, Any] = dict(self.sizes)
        values: dict[str, Any] = {}
        for name, domain in in_dependency_order(given):
            full = domain.kind == "array" and np.ndim(self.pinned.get(name, 0)) == 0
            values[name] = self.value(name, domain, sizes, values) if full or name not in self.pinned else self.pinned[name]
            if full and self.pinned.get(name, values) is not values and self.pinned[name] is not None:
                values[name] = np.full_like(values[name], self.pinned[name])
        return {name: values[name] for name in given}

    def value(self, name: str, domain: Domain, sizes: dict[str, Any], others: Mapping[str, Any]) -> Any:
        """One value of a domain."""
        if domain.kind == "state":
            return domain.hint(*(self.value(key, one, sizes, others) for key, one in domain.fields.items()))
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
        """An example of a gradient."""
        return Cubic(*(float(one) for one in self.entries((), 3)))

    def count(self, domain: Domain, others: Mapping[str, Any]) -> int:
        """A whole number; a divisor that is neither 1 nor the whole where there is one."""
        if wholes := [np.shape(others[one.argument])[one.axis] for one in domain.limits if isinstance(one, Divides)]:
            divisors = [one for one in range(1, wholes[0] + 1) if wholes[0] % one == 0]
            return int(self.source.choice(divisors[1:-1] or divisors))
        low, high = domain.interval.low, domain.interval.high
        floors = [others[one.argument] for one in domain.limits if isinstance(one, NotBelow)]
        least = max([int(low) if np.isfinite(low) else -6, *floors])
        return int(self.source.integers(least, int(high) if np.isfinite(high) else least + 9, endpoint=True))

    def number(self, name: str, domain: Domain, others: Mapping[str, Any]) -> float:
        """A real number."""
        if name.startswith("eps"):
            return float(self.source.integers(3, 9)) / 16 if self.eps is None else self.eps
        if curved := [others[one.argument] for one in domain.limits if isinstance(one, StableWith)]:
            return float(2 / curved[0] * self.source.integers(1, 16) / 16)
        drawn = float(self.entries(domain.limits, 1)[0])
        return max([drawn, *(others[one.argument] + drawn for one in domain.limits if isinstance(one, NotBelow))])

    def entries(self, limits: tuple[Any, ...], size: int) -> Any:
        """Numbers within limits, none of them at a limit or 0."""
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
        """An array whose axes have the lengths already drawn for their names."""
        shape: tuple[int, ...] = ()
        for name in domain.hint.dim_str.split():
            if name not in sizes:
                sizes[name] = int(name) if name.isdigit() else self.size(name, len(sizes))
            shape += sizes[name] if name.startswith("*") else (sizes[name],)
        size = int(np.prod(shape))
        if domain.whole:
            ends = [others[one.argument].shape[one.axis] for one in domain.limits if isinstance(one, IndexInto)]
            return self.source.permutation(np.resize(np.arange(min(ends)), size)).reshape(shape)
        return satisfy_relations(np.array(self.entries(domain.limits, size), dtype=float).reshape(shape), domain, others)

    def size(self, name: str, place: int) -> Any:
        """The length of an axis; a channel axis can be grouped."""
        if name == "c":
            return 4 if self.turn % 2 else 6
        length = SIZES[(place + self.turn) % len(SIZES)]
        return ((length,), (2, length), (length, 2))[self.turn % 3] if name.startswith("*") else length


# --- the cases of a formula -------------------------------------------------------------------------------------------------------------


def cases(formula: Formula[..., Any], pinned: Mapping[str, Any] | None = None) -> list[Case]:
    """The cases of a formula, with some of its arguments pinned."""
    given = domains(formula.raw)
    found: list[Case] = []
    for name, separates, make, changed in kinds(given):
        sampler = partial(make, pinned=pinned or {})
        arguments = attempt(sampler, given)
        edited_ones = changed(arguments) if arguments is not None else None
        if edited_ones is not None:
            kept = {
                key: arguments[key] if np.ndim(arguments[key]) and value is not None else value for key, value in (pinned or {}).items()
            }
            found.append(Case(name, separates, {**edited_ones, **kept}))
    return list({described(one): one for one in reversed(found)}.values())[::-1]


def attempt(sampler: Callable[[], Sampler], given: Mapping[str, Domain]) -> Any:
    """What is drawn at the first try that has the relations that are asked for; None where none has."""
    for _ in range(TRIES):
        try:
            with warnings.catch_warnings(action="ignore"):  # Hypothesis has its own idea of where a draw may be given up
                return sampler().arguments(given)
        except UnsatisfiedAssumption:
            continue
    return None


Kind = tuple[str, str, Callable[..., Sampler], Callable[[dict[str, Any]], dict[str, Any] | None]]


def kinds(given: Mapping[str, Domain]) -> Iterator[Kind]:
    """What the cases are called, what they separate, how their arguments are drawn, and how they are changed after."""
    seeds = itertools.count(1)
    arrays = any(one.kind in ("array", "state") for one in given.values())
    axes = axes_of(given)
    for turn in range(GENERIC if arrays else COUNTED):
        yield f"generic {turn + 1}", "every term", drawing(seeds, turn=turn), unchanged
    if not arrays:
        yield from counted(given, seeds)
        return
    for turn in (0, 1):
        yield f"two of each, {turn + 1}", "n from n − 1", drawing(seeds, turn=turn, sizes=dict.fromkeys(axes, 2)), unchanged
    if axes:
        yield "one alone", "a variance of 0", drawing(seeds, turn=1, sizes={axes[0]: 1}), unchanged
    if any(name.startswith("eps") for name in given):
        yield "small eps", "eps from what is rounded", drawing(seeds, turn=1, eps=SMALL), unchanged
        yield "large eps", "eps as a floor", drawing(seeds, turn=1, eps=64.0), unchanged
        yield "no eps", "eps from a floor", drawing(seeds, turn=2, eps=0.0), unchanged
        yield "small entries", "the place of a small eps", drawing(seeds, turn=3, eps=SMALL, scale=SMALL / 2), unchanged
    yield "far from 0", "one pass over the data from two", drawing(seeds, turn=1, shift=FAR), unchanged
    yield "far below 0", "an exponential that overflows", drawing(seeds, turn=0, shift=-FAR), unchanged
    yield "a row of zeros", "a branch at 0", drawing(seeds, turn=2), with_zeros
    yield "equal entries", "a tie", drawing(seeds, turn=3), with_equals


def drawing(seeds: Iterator[int], **options: Any) -> Callable[..., Sampler]:
    """A maker of samplers that goes on with one stream from try to try."""
    source = np.random.default_rng(next(seeds))
    return partial(Sampler, source, **options)


def axes_of(given: Mapping[str, Domain]) -> list[str]:
    """The names of the axes whose lengths can be chosen, in order."""
    hints = [one.hint for domain in given.values() for one in (domain, *domain.fields.values()) if one.kind == "array"]
    names = [name for hint in hints for name in hint.dim_str.split() if not name.isdigit() and not name.startswith("*")]
    return list(dict.fromkeys(names))


def unchanged(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as they were drawn."""
    return arguments


def with_zeros(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The first row of every array that may hold 0 set to 0."""
    return edited(arguments, lambda array: np.concatenate([0 * array[:1], array[1:]]) if array.ndim else 0 * array)


def with_equals(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """The last row of every array made equal to the first."""
    return edited(arguments, lambda array: np.concatenate([array[:-1], array[:1]]) if array.ndim and len(array) > 1 else array)


def edited(arguments: dict[str, Any], edit: Callable[[Any], Any]) -> dict[str, Any] | None:
    """Arguments whose real arrays are edited, those within states too; whether they are still in the domain, the reference says."""

    def one(value: Any) -> Any:
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return type(value)(*map(one, value))
        return edit(value) if isinstance(value, np.ndarray) and value.dtype == float else value

    return {name: one(value) for name, value in arguments.items()}


def counted(given: Mapping[str, Domain], seeds: Iterator[int]) -> Iterator[Kind]:
    """Cases in which two counts are equal, neighbours or multiples: boundaries, one update sooner or later."""
    counts = [name for name, one in given.items() if one.kind == "count"]
    for (name, other), (factor, offset) in itertools.product(
        itertools.permutations(counts, 2), ((1, -1), (1, 0), (1, 1), (2, -1), (2, 0), (2, 1))
    ):
        change = partial(related, name=name, other=other, factor=factor, offset=offset)
        yield f"{name} = {factor} {other} {offset:+d}", "an update sooner or later", drawing(seeds, turn=0), change
    for name, value in itertools.product(counts, range(4)):
        yield f"{name} = {value}", "the first updates", drawing(seeds, turn=1), partial(replaced, name=name, value=value)


def related(arguments: dict[str, Any], *, name: str, other: str, factor: int, offset: int) -> dict[str, Any]:
    """Arguments with one count set from another."""
    return {**arguments, name: factor * arguments[other] + offset}


def replaced(arguments: dict[str, Any], *, name: str, value: int) -> dict[str, Any]:
    """Arguments with one count replaced."""
    return {**arguments, name: value}


def described(case: Case) -> str:
    """All numbers of a case."""
    return repr({name: value for name, value in case.arguments.items() if not isinstance(value, np.random.Generator)})


def in_dtype(value: Any, dtype: Any) -> Any:
    """A fresh copy of an argument, its real arrays in a dtype."""
    if isinstance(value, tuple):
        parts = [in_dtype(one, dtype) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, np.ndarray):
        return value.astype(dtype) if value.dtype.kind == "f" else value.copy()
    return value


def allowed(formula: Formula[..., Any], case: Case, dtype: Any) -> Any:
    """What the reference makes of a case, behind its door; None where the case is outside of the domain."""
    import copy

    try:
        return formula(**{name: copy.deepcopy(in_dtype(value, dtype)) for name, value in case.arguments.items()})
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError):
        return None
