"""Pieces of evidence: what they are, and the registry that binds them to catalogue ids.

A piece takes the formulas that it speaks of as parameters, named as in the reference, yields (got, claimed) pairs, and asserts nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from ...reference import FORMULAS, Formula
from ..catalogue import catalogue
from ._judge import Cell

Claims: TypeAlias = Iterator[tuple[Any, Any] | Cell]
Step: TypeAlias = Callable[..., Any]

KINDS = ("proof", "enumeration", "derivative", "certified", "law", "statistics", "reproduction", "trajectory")
EXACT_KINDS = frozenset({"proof", "enumeration", "derivative"})

BY_NAME: dict[str, Formula[..., Any]] = {one.__name__: one for one in FORMULAS.values()}


@dataclass(frozen=True)
class Piece:
    """One piece of evidence: the ids that it supports, its kind, how far it reaches, and the function that yields its claims."""

    ids: tuple[str, ...]
    kind: str
    scope: str
    function: Callable[..., Claims]
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """Where it stands: chapter.function."""
        return f"{self.function.__module__.rpartition('.')[2]}.{self.function.__name__}"

    @property
    def formulas(self) -> tuple[str, ...]:
        """The formulas that it speaks of: its parameters that bear a formula's name."""
        return tuple(name for name in inspect.signature(self.function).parameters if name in BY_NAME)

    @property
    def table(self) -> str:
        """The title of the table that its cells make up, if it reproduces one."""
        return str(dict(self.options).get("table", ""))

    @property
    def has_full_form(self) -> bool:
        """Whether it is longer in full."""
        return "full" in dict(self.options)

    def extent(self, *, full: bool) -> dict[str, Any]:
        """How far it goes, for its keyword parameters: quick, or full where it has a longer form."""
        options = dict(self.options)
        return dict(options.get("full" if full and self.has_full_form else "quick", {}))

    @property
    def drawn(self) -> list[str]:
        """The parameters that a law draws from their domains: all the others, but for those that say how far a piece goes."""
        return [name for name in inspect.signature(self.function).parameters if name not in BY_NAME and name not in self.extent(full=False)]


@dataclass(frozen=True)
class Misprint:
    """A printed form that must be refuted: a claim to be judged, or a formula to be put in the place of the right one."""

    id: str
    function: Callable[..., Any]

    @property
    def name(self) -> str:
        """Where it stands: chapter.function."""
        return f"{self.function.__module__.rpartition('.')[2]}.{self.function.__name__}"

    @property
    def is_claim(self) -> bool:
        """Whether it yields claims; otherwise it maps the right formula, its one parameter, to the printed one."""
        return inspect.isgeneratorfunction(self.function)

    @property
    def formula(self) -> str:
        """The formula that it misprints, or the first of those that its claims speak of."""
        return next(iter(inspect.signature(self.function).parameters))


PIECES: dict[str, Piece] = {}
MISPRINTS: dict[str, Misprint] = {}


def kind_of_evidence(kind: str) -> Callable[..., Callable[[Callable[..., Claims]], Callable[..., Claims]]]:
    """The decorator that registers pieces of one kind: @proof(id, …, scope="every t").

    Options: a law takes examples and exact. Other kinds take quick and full, the keywords of the piece in an ordinary and in a full run,
    and table, the title of what its Cells make up.
    """

    def decorator(*ids: str, scope: str, **options: Any) -> Callable[[Callable[..., Claims]], Callable[..., Claims]]:
        def register(function: Callable[..., Claims]) -> Callable[..., Claims]:
            piece = Piece(ids, kind, scope, function, tuple(options.items()))
            if piece.name in PIECES:
                raise ValueError(f"two pieces of evidence are called {piece.name}")
            if "Cell" in function.__code__.co_names and not piece.table:
                raise ValueError(f"{piece.name} yields the cells of a table: give it a title, table=…")
            PIECES[piece.name] = piece
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
    """Register a printed form of an erratum: it must be refuted, and what it misprints must hold."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        misprint = Misprint(identifier, function)
        MISPRINTS[misprint.name] = misprint
        return function

    return register


def presets(identifier: str) -> list[dict[str, Fraction]]:
    """The presets of a catalogue entry as exact numbers: settings are stated there, and nowhere else."""
    entry = catalogue().entries[identifier]
    return [{key: Fraction(value) for key, value in one.items() if key != "source"} for one in entry.presets]
