"""The registry of evidence: what a piece of evidence is, and which catalogue entries it supports.

A piece of evidence is a generator function. Its parameters are formulas, named as in the reference; it yields pairs (got, claimed) and
asserts nothing. The same piece therefore checks the reference, a kernel, a mutant, or the printed form of an erratum.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from ...reference import FORMULAS, Formula
from ..catalogue import catalogue
from ._judge import TableCell

Claims: TypeAlias = Iterator[tuple[Any, Any] | TableCell]
Step: TypeAlias = Callable[..., Any]

KINDS = ("proof", "enumeration", "derivative", "certified", "law", "statistics", "reproduction", "trajectory")
EXACT_KINDS = frozenset({"proof", "enumeration", "derivative"})

FORMULAS_BY_NAME: dict[str, Formula[..., Any]] = {formula.__name__: formula for formula in FORMULAS.values()}


def qualified_name(function: Callable[..., Any]) -> str:
    """Return chapter.function, the name under which evidence is registered."""
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


@dataclass(frozen=True)
class Evidence:
    """One piece of evidence: the ids of the entries that it supports, its kind, its scope in words, and the generator of its claims."""

    ids: tuple[str, ...]
    kind: str
    scope: str
    function: Callable[..., Claims]
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The name in the registry: chapter.function."""
        return qualified_name(self.function)

    @property
    def formulas(self) -> tuple[str, ...]:
        """The names of the formulas that this piece checks: the parameters that have a formula's name."""
        return tuple(name for name in inspect.signature(self.function).parameters if name in FORMULAS_BY_NAME)

    @property
    def table(self) -> str:
        """The title of the table that this piece reproduces, or an empty string."""
        return str(dict(self.options).get("table", ""))

    @property
    def has_full_form(self) -> bool:
        """Whether a full run of this piece is longer than an ordinary one."""
        return "full" in dict(self.options)

    def run_options(self, *, full: bool) -> dict[str, Any]:
        """Return the keyword arguments that set how much is computed, for an ordinary or a full run."""
        options = dict(self.options)
        return dict(options.get("full" if full and self.has_full_form else "quick", {}))

    @property
    def sampled_parameters(self) -> list[str]:
        """The names of the parameters that a law samples from their domains: all except formulas and run options."""
        fixed = FORMULAS_BY_NAME.keys() | self.run_options(full=False).keys()
        return [name for name in inspect.signature(self.function).parameters if name not in fixed]


@dataclass(frozen=True)
class PrintedForm:
    """What an erratum prints, which must be refuted: a generator of claims, or a function from the right formula to the printed one."""

    id: str
    function: Callable[..., Any]

    @property
    def name(self) -> str:
        """The name in the registry: chapter.function."""
        return qualified_name(self.function)

    @property
    def yields_claims(self) -> bool:
        """Whether the function yields claims; otherwise it maps the right formula, its only parameter, to the printed one."""
        return inspect.isgeneratorfunction(self.function)

    @property
    def formula(self) -> str:
        """The name of the formula that is printed wrong, or the first one that the claims are about."""
        return next(iter(inspect.signature(self.function).parameters))


EVIDENCE: dict[str, Evidence] = {}
PRINTED_FORMS: dict[str, PrintedForm] = {}


def kind_of_evidence(kind: str) -> Callable[..., Callable[[Callable[..., Claims]], Callable[..., Claims]]]:
    """Return the decorator that registers evidence of one kind: @proof(id, …, scope="every t").

    Options: a law takes `examples` and `exact`. Other kinds take `quick` and `full`, the run options of an ordinary and of a full run, and
    `table`, the title of the table that the yielded TableCells make up.
    """

    def decorator(*ids: str, scope: str, **options: Any) -> Callable[[Callable[..., Claims]], Callable[..., Claims]]:
        def register(function: Callable[..., Claims]) -> Callable[..., Claims]:
            piece = Evidence(ids, kind, scope, function, tuple(options.items()))
            if piece.name in EVIDENCE:
                raise ValueError(f"{piece.name} is registered twice")
            if "TableCell" in function.__code__.co_names and not piece.table:
                raise ValueError(f"{piece.name} yields table cells but has no title: add table=…")
            EVIDENCE[piece.name] = piece
            return function

        return register

    decorator.__name__ = kind
    return decorator


proof = kind_of_evidence("proof")
enumeration = kind_of_evidence("enumeration")
derivative = kind_of_evidence("derivative")
certified_value = kind_of_evidence("certified")
law = kind_of_evidence("law")
statistics = kind_of_evidence("statistics")
reproduction = kind_of_evidence("reproduction")
trajectory = kind_of_evidence("trajectory")


def erratum(identifier: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the decorator that registers a printed form of the erratum with this id."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        printed_form = PrintedForm(identifier, function)
        PRINTED_FORMS[printed_form.name] = printed_form
        return function

    return register


def presets(identifier: str) -> list[dict[str, Fraction]]:
    """Return the presets of a catalogue entry as exact fractions."""
    entry = catalogue().entries[identifier]
    return [{key: Fraction(value) for key, value in {**preset.values, **preset.start}.items()} for preset in entry.presets]


def stated_figures(identifier: str) -> list[dict[str, Fraction]]:
    """Return the rows of figures that a catalogue entry states as exact fractions."""
    entry = catalogue().entries[identifier]
    return [{key: Fraction(value) for key, value in row.values.items()} for row in entry.figures]


def load() -> None:
    """Import all chapters, which registers their evidence."""
    for chapter in catalogue().chapters:
        importlib.import_module(f"{__package__}.{chapter}")
