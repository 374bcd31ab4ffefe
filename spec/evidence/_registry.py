"""The registry of evidence: what a piece of evidence is, and which catalogue entries it supports.

A piece of evidence is a generator function. Its parameters are formulas, named as in the reference; it yields pairs (got, claimed) and
asserts nothing. The same piece therefore checks the reference, a kernel, a mutant, or the printed form of an erratum.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias

from ...reference import FORMULAS, Formula
from ..catalogue import Erratum, catalogue
from ..changes.function import FunctionProgram
from ..changes.printed import changed_program
from ._judge import TableCell

Claims: TypeAlias = Iterator[tuple[Any, Any] | TableCell]
Step: TypeAlias = Callable[..., Any]

KINDS = ("proof", "enumeration", "derivative", "certified", "law", "statistics", "reproduction", "trajectory", "repetition", "continuity")
EXACT_KINDS = frozenset({"proof", "enumeration", "derivative"})
EXTENDING_KINDS = frozenset({"repetition", "continuity"})  # what other evidence shows, they extend to large sizes and special points

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

    @functools.cached_property
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

    @property
    def is_about_own_rounding(self) -> bool:
        """Whether it speaks of what rounding does to the reference's own order of operations, not of the formula."""
        return bool(dict(self.options).get("own_rounding", False))

    @property
    def within_rounding(self) -> Evidence:
        """The same piece; of a law that is judged bit for bit, the one that is judged within the rounding bound."""
        return replace(self, options=tuple((name, value) for name, value in self.options if name != "exact"))

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
class PrintedClaims:
    """What an erratum prints, as a generator of claims of which one must be refuted."""

    id: str
    function: Callable[..., Claims]

    @property
    def name(self) -> str:
        """The name in the registry: chapter.function."""
        return qualified_name(self.function)

    @property
    def words(self) -> str:
        """What is printed, in words."""
        return inspect.getdoc(self.function) or ""

    @property
    def code(self) -> str:
        """The code of the claims."""
        return inspect.getsource(self.function)


@dataclass(frozen=True)
class PrintedChange:
    """What an erratum prints, as a formula with the changes that the catalogue states: the evidence about the formula must refute it."""

    id: str
    name: str
    words: str
    program: FunctionProgram

    @property
    def formula(self) -> str:
        """The name of the function of the formula that is printed wrong."""
        return FORMULAS[self.program.formula].__name__

    @property
    def function(self) -> Callable[..., Any]:
        """The formula as printed."""
        return self.program.function

    @property
    def code(self) -> str:
        """The code of the formula as printed."""
        return ast.unparse(self.program.tree)


PrintedForm: TypeAlias = PrintedClaims | PrintedChange


EVIDENCE: dict[str, Evidence] = {}
PRINTED_FORMS: dict[str, PrintedForm] = {}


def kind_of_evidence(kind: str) -> Callable[..., Callable[[Callable[..., Claims]], Callable[..., Claims]]]:
    """Return the decorator that registers evidence of one kind: @proof(id, …, scope="every t").

    Options: a law takes `examples` and `exact`. `own_rounding` says that a piece is about the reference's own order of operations. Other
    kinds take `quick` and `full`, the run options of an ordinary and of a full run, and
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
repetition = kind_of_evidence("repetition")
continuity = kind_of_evidence("continuity")


def erratum(identifier: str) -> Callable[[Callable[..., Claims]], Callable[..., Claims]]:
    """Return the decorator that registers a generator of claims that the erratum with this id prints."""

    def register_claims(function: Callable[..., Claims]) -> Callable[..., Claims]:
        register_printed_form(PrintedClaims(identifier, function))
        return function

    return register_claims


def register_printed_form(printed_form: PrintedForm) -> None:
    """Register a printed form under its name, which no other may have."""
    if printed_form.name in PRINTED_FORMS:
        raise ValueError(f"{printed_form.name} is registered twice")
    PRINTED_FORMS[printed_form.name] = printed_form


def printed_changes(errata: Iterable[Erratum]) -> Iterator[PrintedChange]:
    """Yield the formulas that errata print with changes; a ValueError names one whose changes do not apply or change nothing."""
    for record in errata:
        for printed in record.printed_formulas:
            try:
                program = changed_program(printed.formula, printed.changes)
            except ValueError as problem:
                raise ValueError(f"{record.chapter}.toml: {record.id}: {printed.name}: {problem}") from None
            yield PrintedChange(record.id, f"{record.chapter}.{printed.name}", printed.words, program)


def printed_function(name: str) -> Callable[..., Any]:
    """Return a formula as an erratum prints it, by the name of the printed form: chapter.name."""
    load()
    printed_form = PRINTED_FORMS[name]
    assert isinstance(printed_form, PrintedChange), f"{name} is no changed formula"
    return printed_form.function


def presets(identifier: str) -> list[dict[str, Fraction]]:
    """Return the presets of a catalogue entry as exact fractions."""
    entry = catalogue().entries[identifier]
    return [{key: Fraction(value) for key, value in {**preset.values, **preset.start}.items()} for preset in entry.presets]


def stated_figures(identifier: str) -> list[dict[str, Fraction]]:
    """Return the rows of figures that a catalogue entry states as exact fractions."""
    entry = catalogue().entries[identifier]
    return [{key: Fraction(value) for key, value in row.values.items()} for row in entry.figures]


@functools.cache
def load() -> None:
    """Register all evidence and printed forms: changed formulas of the catalogue, chapters of evidence, data that repeat."""
    for printed_form in tuple(printed_changes(catalogue().errata.values())):
        register_printed_form(printed_form)
    for module in (*catalogue().chapters, "_repetition", "_continuity"):
        importlib.import_module(f"{__package__}.{module}")
