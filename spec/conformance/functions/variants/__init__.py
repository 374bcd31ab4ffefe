"""The bank of variants of functions: the ways in which implementations of one formula differ, each with a name and its place on the axes.

Some are made of every formula: a sign, a factor, an update sooner or later, two arguments exchanged. Others belong to one chapter, and
stand in `layers` and `others`. What another formula of the catalogue states is that formula, and what remains is a change of one place of
the source.
"""

from __future__ import annotations

import functools
import importlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from .....reference import FORMULAS, Formula, tree_leaves
from .....reference.validation import Domain, domains

CHAPTERS = ("layers", "others")  # the modules that hold variants of single formulas


@dataclass(frozen=True)
class Variant:
    """One way to differ from a formula: its name, its axes, and the function that does so, with the formula's arguments by name."""

    formula: str
    label: str
    words: str
    function: Callable[..., Any]
    axes: Mapping[str, str] = field(default_factory=dict)
    right: bool = False
    unstable: bool = False  # equal in real numbers, and worse in floats

    @property
    def id(self) -> str:
        """The formula and what is different."""
        return f"{self.formula}/{self.label}" if self.label else self.formula

    @property
    def name(self) -> str:
        """In words."""
        return f"{title(self.formula)} {self.words}".strip()


BANK: dict[str, list[Variant]] = {}


def title(identifier: str) -> str:
    """What a formula is called in a sentence."""
    return identifier


def variant(*formulas: str, words: str, label: str = "", unstable: bool = False, **axes: str) -> Callable[[Any], Any]:
    """Register a function as a variant of formulas that take the same arguments."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        add(*formulas, label=label or function.__name__.replace("_", "-"), words=words, function=function, unstable=unstable, axes=axes)
        return function

    return register


def add(*formulas: str, label: str, words: str, function: Callable[..., Any], axes: Mapping[str, str], unstable: bool = False) -> None:
    """Put a variant into the bank."""
    for one in formulas:
        assert one in FORMULAS, one
        BANK.setdefault(one, []).append(Variant(one, label, words, function, dict(axes), unstable=unstable))


@functools.cache
def load() -> Mapping[str, list[Variant]]:
    """The bank, with every chapter in it."""
    for chapter in CHAPTERS:
        importlib.import_module(f"{__package__}.{chapter}")
    return BANK


def variants_of(formula: Formula[..., Any]) -> list[Variant]:
    """All that the bank has for a formula: other formulas first, then its own variants, then what is made of every formula."""
    return [*compatible_formulas(formula), *load().get(formula.id, ()), *generic(formula)]


def itself(formula: Formula[..., Any]) -> Variant:
    """The formula as the reference has it."""
    return Variant(formula.id, "", "", formula.raw, {}, right=True)


# --- other formulas -----------------------------------------------------------------------------------------------------------------------


def compatible_formulas(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Other formulas of the catalogue that take the same arguments, in the same place or by name."""
    given = domains(formula.raw)
    for one in FORMULAS.values():
        if one.id != formula.id and (fit := fitting(given, domains(one.raw))) is not None:
            yield Variant(one.id, "", "", calling(one.raw, fit), {}, right=True)


def fitting(given: Mapping[str, Domain], asked: Mapping[str, Domain]) -> dict[str, str] | None:
    """Which argument of one formula each argument of another is, where that is plain: ours by theirs."""
    found = {name: name for name in asked if name in given and shape(given[name]) == shape(asked[name])}
    rest = [name for name in asked if name not in found and not asked[name].optional]
    left = [name for name in given if name not in found]
    for name in rest:
        same = [one for one in left if shape(given[one]) == shape(asked[name])]
        if len(same) != 1:
            return None
        found[name] = same[0]
        left.remove(same[0])
    data = [one for one in given if given[one].kind in ("array", "state", "function", "functions")]
    return found if all(one in found.values() for one in data) and found else None


def shape(domain: Domain) -> tuple[str, ...]:
    """What an argument is, names aside: its kind, the number of its axes, or the parts of a state."""
    if domain.kind == "state":
        return ("state", *(part for one in domain.fields.values() for part in shape(one)))
    return (domain.kind, *(domain.hint.dim_str.split() if domain.kind == "array" else ()), "whole" if domain.whole else "")


def calling(raw: Callable[..., Any], fit: Mapping[str, str]) -> Callable[..., Any]:
    """A formula called with another's arguments; a state becomes its own kind of state."""
    kinds = {name: one.hint for name, one in domains(raw).items() if one.kind == "state"}

    def call(**arguments: Any) -> Any:
        given = {name: arguments[mine] for name, mine in fit.items()}
        return raw(**{name: kinds[name](*value) if name in kinds else value for name, value in given.items()})

    return call


# --- made of every formula ----------------------------------------------------------------------------------------------------------------


def generic(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Changes of the results and of the arguments of any formula."""
    yield from of_results(formula)
    yield from of_arguments(formula)


RESULTS: Mapping[str, tuple[str, Callable[[Any, Any], Any]]] = {  # of one output, and the first array or count: what it becomes
    "negated": ("with the sign reversed", lambda y, n: -y),
    "doubled": ("times 2", lambda y, n: 2 * y),
    "halved": ("divided by 2", lambda y, n: y / 2),
    "times-n": ("as a sum, not a mean: times the length of the first axis", lambda y, n: y * n[0]),
    "per-n": ("as a mean, not a sum: divided by the length of the first axis", lambda y, n: y / n[0]),
    "times-k": ("times the length of the last axis", lambda y, n: y * n[1]),
    "per-k": ("divided by the length of the last axis", lambda y, n: y / n[1]),
    "times-size": ("times the number of entries", lambda y, n: y * n[2]),
    "per-size": ("divided by the number of entries", lambda y, n: y / n[2]),
    "squared": ("squared", lambda y, n: y * y),
    "root": ("under a root", lambda y, n: np.sqrt(y)),
    "reciprocal": ("upside down", lambda y, n: 1 / y),
    "bits": ("with logarithms to the base 2", lambda y, n: y / np.log(2)),
    "log": ("as its logarithm", lambda y, n: np.log(y)),
    "exp": ("without its logarithm", lambda y, n: np.exp(y)),
    "complement": ("as 1 less the value", lambda y, n: 1 - y),
    "transposed": ("transposed", lambda y, n: np.transpose(y)),
    "magnitude": ("as a modulus", lambda y, n: np.abs(y)),
    "bessel": ("divided by n − 1 instead of n", lambda y, n: y * n[0] / (n[0] - 1)),
    "bessel-root": ("with a variance divided by n − 1 instead of n", lambda y, n: y * np.sqrt(n[0] / (n[0] - 1))),
    "unbessel": ("divided by n instead of n − 1", lambda y, n: y * (n[0] - 1) / n[0]),
    "unbessel-root": ("with a variance divided by n instead of n − 1", lambda y, n: y * np.sqrt((n[0] - 1) / n[0])),
    "nothing": ("as zeros", lambda y, n: 0 * y),
}


def of_results(formula: Formula[..., Any]) -> Iterator[Variant]:
    """The formula with its results changed: all of them, one of them, or two exchanged."""
    raw, count = formula.raw, outputs(formula)
    for label, (words, change) in RESULTS.items():
        yield Variant(formula.id, label, words, changed(raw, change, None), {"result": label})
        for place in range(count) if count > 1 else ():
            said = f"with result {place + 1} {words.removeprefix('with ')}"
            yield Variant(formula.id, f"{label}-{place + 1}", said, changed(raw, change, place), {"result": label, "of": str(place + 1)})
    for one, other in itertools.combinations(range(count), 2):
        words = f"with results {one + 1} and {other + 1} exchanged"
        yield Variant(formula.id, f"exchanged-{one + 1}-{other + 1}", words, exchanged(raw, one, other), {"result": "exchanged"})


def outputs(formula: Formula[..., Any]) -> int:
    """How many arrays and numbers a formula returns, states taken apart."""
    hint = formula.raw.__annotations__.get("return", "")
    from .....reference.validation import resolve_annotations

    found = resolve_annotations(formula.raw, formula.raw.__module__)["return"]
    return len(parts_of(found)) if hint else 1


def parts_of(hint: Any) -> list[Any]:
    """The arrays and numbers within the annotation of a result."""
    if hasattr(hint, "_fields"):
        return [part for one in hint.__annotations__.values() for part in parts_of(one)]
    arguments = get_args(hint)
    if getattr(hint, "__origin__", None) is tuple and Ellipsis not in arguments:
        return [part for one in arguments for part in parts_of(one)]
    return [hint]


def lengths(arguments: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    """The length of the first axis, of the last, and the number of entries of the first array among the arguments."""
    found = [one for value in arguments.values() for one in tree_leaves(value) if isinstance(one, np.ndarray) and one.ndim]
    first = found[0] if found else np.ones(1)
    return first.shape[0], first.shape[-1], first.size


def changed(raw: Callable[..., Any], change: Callable[[Any, Any], Any], place: int | None) -> Callable[..., Any]:
    """A formula with one of its results, or all, changed."""

    def call(**arguments: Any) -> Any:
        sizes, turn = lengths(arguments), itertools.count()
        return each(lambda one: change(one, sizes) if next(turn) == place or place is None else one, raw(**arguments))

    return call


def each(change: Callable[[Any], Any], result: Any) -> Any:
    """A result whose arrays and numbers are changed one after the other."""
    if isinstance(result, tuple):
        parts = [each(change, part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    return change(result)


def exchanged(raw: Callable[..., Any], one: int, other: int) -> Callable[..., Any]:
    """A formula with two of its results exchanged."""

    def call(**arguments: Any) -> Any:
        found = list(tree_leaves(raw(**arguments)))
        found[one], found[other] = found[other], found[one]
        return tuple(found)

    return call


def of_arguments(formula: Formula[..., Any]) -> Iterator[Variant]:
    """The formula fed with changed arguments."""
    given = domains(formula.raw)
    for name, domain in given.items():
        for label, words, change in feeds(name, domain):
            yield Variant(formula.id, label, words, fed(formula.raw, {name: change}), {name: label})
        if domain.kind == "state":
            for part, one in domain.fields.items():
                for label, words, change in feeds(part, one):
                    yield Variant(formula.id, label, words, fed(formula.raw, {name: within(part, change)}), {part: label})
    for first, second in itertools.combinations(given, 2):
        if shape(given[first]) == shape(given[second]) and given[first].kind in ("array", "number", "count"):
            words = f"with {first} and {second} exchanged"
            swap = functools.partial(swapped, formula.raw, first, second)
            yield Variant(formula.id, f"{first}-{second}-exchanged", words, swap, {"arguments": f"{first}-{second}-exchanged"})


def within(part: str, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A change of one field of a state."""
    return lambda state: state._replace(**{part: change(getattr(state, part))})


Feed = tuple[str, str, Callable[[Any], Any]]


def feeds(name: str, domain: Domain) -> Iterator[Feed]:
    """What may be fed in the place of an argument."""
    if domain.kind == "count":
        yield f"{name}-late", f"with {name} − 1 in the place of {name}", lambda one: one - 1
        yield f"{name}-early", f"with {name} + 1 in the place of {name}", lambda one: one + 1
    elif domain.kind == "choice":
        for word in get_args(domain.hint):
            yield f"{name}-{word}", f"with {name} {word!r}, whatever is asked for", functools.partial(constantly, word)
    elif domain.kind == "flag":
        yield f"{name}-reversed", f"with {name} reversed", lambda one: not one
        yield f"{name}-always", f"with {name}, whatever is asked for", lambda one: True
        yield f"{name}-never", f"without {name}, whatever is asked for", lambda one: False
    elif domain.kind == "number":
        yield from numbers(name, domain)
    elif domain.kind == "array" and domain.whole:
        yield f"{name}-from-1", f"with {name} counted from 1", lambda one: one - 1
        yield f"{name}-late", f"with {name} off by one", lambda one: one + 1
    elif domain.kind == "array":
        yield f"{name}-0", f"without {name}: it is taken as 0", lambda one: 0 * one
        yield f"{name}-1", f"without {name}: it is taken as 1", lambda one: 0 * one + 1
        yield f"{name}-negated", f"with −{name} in the place of {name}", lambda one: -one
        yield f"{name}-squared", f"with {name} squared", lambda one: one * one
        yield f"{name}-root", f"with the root of {name}", np.sqrt
        yield f"{name}-doubled", f"with 2 {name} in the place of {name}", lambda one: 2 * one
        yield f"{name}-halved", f"with {name}/2 in the place of {name}", lambda one: one / 2
        yield f"{name}-1-plus", f"with 1 + {name} in the place of {name}", lambda one: 1 + one
        yield f"{name}-exp", f"with exp {name} in the place of {name}", np.exp
        yield f"{name}-log", f"with log {name} in the place of {name}", np.log
        yield f"{name}-transposed", f"with {name} transposed", np.transpose
        yield f"{name}-signs", f"with {name} from 0 and 1 to −1 and 1", lambda one: 2 * one - 1
        yield f"{name}-shares", f"with {name} from −1 and 1 to 0 and 1", lambda one: (one + 1) / 2


def numbers(name: str, domain: Domain) -> Iterator[Feed]:
    """What may be fed in the place of a number."""
    yield f"{name}-0", f"without {name}: it is taken as 0", functools.partial(constantly, 0.0)
    yield f"{name}-1", f"without {name}: it is taken as 1", functools.partial(constantly, 1.0)
    yield f"{name}-squared", f"with {name} squared", lambda one: one * one
    yield f"{name}-root", f"with the root of {name}", np.sqrt
    yield f"{name}-doubled", f"with 2 {name} in the place of {name}", lambda one: 2 * one
    yield f"{name}-halved", f"with {name}/2 in the place of {name}", lambda one: one / 2
    yield f"{name}-negated", f"with −{name} in the place of {name}", lambda one: -one
    yield f"{name}-reciprocal", f"with 1/{name} in the place of {name}", lambda one: 1 / one
    if np.isfinite(domain.interval.low) and np.isfinite(domain.interval.high):
        yield f"{name}-complement", f"with 1 − {name} in the place of {name}", lambda one: 1 - one


def constantly(value: Any, _: Any) -> Any:
    """The same, whatever is given."""
    return value


def fed(raw: Callable[..., Any], changes: Mapping[str, Callable[[Any], Any]]) -> Callable[..., Any]:
    """A formula with some of its arguments changed first."""
    return lambda **arguments: raw(**{**arguments, **{name: change(arguments[name]) for name, change in changes.items()}})


def swapped(raw: Callable[..., Any], one: str, other: str, **arguments: Any) -> Any:
    """A formula with two of its arguments exchanged."""
    return raw(**{**arguments, one: arguments[other], other: arguments[one]})


# --- one place of the source --------------------------------------------------------------------------------------------------------------


def mutated(formula: Formula[..., Any]) -> Iterator[Variant]:
    """The formula with one place of its source changed: the last resort, named by the change."""
    from ....mutants import mutants

    for one in mutants(formula):
        before, _, after = one.change.partition(" → ")
        words = f"with `{after}` in the place of `{before}`" if after else f"without the line `{one.line}`"
        axes = {"line": one.line, "change": one.change}
        yield Variant(formula.id, one.change, f"{words}, in `{one.line}`" if after else words, functools.partial(one_made, one), axes)


def one_made(mutant: Any, **arguments: Any) -> Any:
    """A mutant, called."""
    return mutant.function(**arguments)
