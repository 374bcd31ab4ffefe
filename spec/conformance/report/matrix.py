"""The matrix: what the libraries that are installed follow, library by formula.

What to ask is said by each adapter in its `OFFERS`. A library is imported once, in a process of its own, and answers all its cells there.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from multiprocessing import get_context
from typing import Any

from ..adapters import Offer
from ..implementation import ADAPTERS, ENTRY_POINTS, adapter_for, environment, version_of
from ..optimizers.matching import NATIVE
from ..optimizers.verdict import Result, Verdict

TIMEOUT = 900.0  # seconds for all cells of a library, its import included


@dataclass(frozen=True)
class Cell:
    """One answer: what a library has for a formula, and what it follows."""

    library: str
    version: str
    offer: Offer
    result: Result

    @property
    def text(self) -> str:
        """The convention, or why there is none."""
        if self.result.convention:
            kept = (self.result.axes or {}).get("precision", NATIVE)
            return self.result.convention + ("" if kept == NATIVE else f" ({kept})")
        if self.result.verdict in (Verdict.CONFORMS, Verdict.IDENTIFIED):
            return self.offer.against
        kinds = ", ".join(dict.fromkeys(one.kind for one in self.result.faults))
        return f"{self.result.verdict.value}: {kinds}" if kinds else self.result.verdict.value

    def as_json(self) -> dict[str, Any]:
        """The cell with stable keys."""
        offer, result = self.offer, self.result
        return {
            "library": self.library,
            "version": self.version,
            "formula": offer.column,
            "target": offer.target,
            "settings": dict(offer.settings),
            "against": offer.against or None,
            "dtype": offer.dtype,
            "verdict": result.verdict.value,
            "convention": result.convention,
            "name": result.name,
            "axes": dict(result.axes) if result.axes else None,
            "error_in_bounds": result.error_in_bounds,
            "sentence": result.sentence,
        }


def known() -> list[str]:
    """All libraries that have an adapter."""
    return list(dict.fromkeys([*ADAPTERS, *(one.name for one in entry_points(group=ENTRY_POINTS))]))


def absent(libraries: Iterable[str]) -> list[str]:
    """Those that are not installed."""
    return [one for one in libraries if importlib.util.find_spec(one) is None]


# --- in the library's process ---------------------------------------------------------------------------------------------------------


def offers(library: str) -> tuple[Offer, ...]:
    """What the adapter of a library has to show."""
    with environment():
        adapter = adapter_for(library)
    found: tuple[Offer, ...] = getattr(sys.modules[adapter.__module__], "OFFERS", ()) if adapter else ()
    return found


def answered(library: str) -> list[Cell]:
    """All cells of a library, asked where it is imported already."""
    return [Cell(library, version_of(library), one, asked(one)) for one in offers(library)]


def asked(offer: Offer) -> Result:
    """What one subject follows, or the error that it gives."""
    from ..functions.runner import Here
    from ..functions.verdict import check_function
    from ..optimizers.runner import Fault, Task, driven
    from ..optimizers.verdict import verdict_on

    try:
        if offer.against:
            return check_function(offer.target, offer.against, offer.settings, dtype=offer.dtype, child=Here)
        task = Task(offer.target, offer.settings, dtype=offer.dtype)
        return verdict_on(driven(task), task, "identify")
    except Exception as problem:
        fault = Fault("raises", f"{type(problem).__name__}: {problem}")
        return error(offer, fault.detail, (fault,))


def error(offer: Offer, words: str, faults: tuple[Any, ...] = ()) -> Result:
    """A cell without an answer."""
    sentence = f"{offer.target} could not be judged: {words}."
    return Result(offer.target, "identify", Verdict.ERROR, sentence, settings=dict(offer.settings), faults=faults)


# --- in our process -------------------------------------------------------------------------------------------------------------------


def matrix(libraries: Iterable[str] | None = None, jobs: int = 1, report: Callable[[str], Any] = lambda library: None) -> list[Cell]:
    """What the installed ones of these libraries follow; without any named, of all that have an adapter."""
    from pebble import ProcessPool

    wanted = list(known() if libraries is None else libraries)
    if strange := [one for one in wanted if one not in known()]:
        raise ValueError(f"no adapter is there for {', '.join(strange)}: {', '.join(known())} have one")
    present = [one for one in wanted if one not in absent(wanted)]
    cells: list[Cell] = []
    with ProcessPool(max_workers=jobs, max_tasks=1, context=get_context("spawn")) as pool:
        promises = {one: pool.schedule(answered, args=(one,), timeout=TIMEOUT) for one in present}
        for library, promise in promises.items():
            cells += kept(library, promise)
            report(library)
    return cells


def kept(library: str, promise: Any) -> list[Cell]:
    """The cells of a library, or one that says what became of its process."""
    try:
        found: list[Cell] = promise.result()
        return found
    except Exception as problem:
        offer = Offer("all of it", library)
        return [Cell(library, version_of(library), offer, error(offer, f"{type(problem).__name__}: {problem}"))]


# --- showing --------------------------------------------------------------------------------------------------------------------------


def rows(cells: Iterable[Cell]) -> Iterator[tuple[str, Mapping[str, Cell]]]:
    """The cells of every formula, by library."""
    found: dict[str, dict[str, Cell]] = {}
    for one in cells:
        found.setdefault(one.offer.column, {})[one.library] = one
    yield from found.items()


def titles(cells: Iterable[Cell]) -> dict[str, str]:
    """The libraries with their versions."""
    return {one.library: f"{one.library} {one.version.partition('+')[0]}".strip() for one in cells}


def as_json(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """The cells one by one, with stable keys."""
    return [one.as_json() for one in cells]


def as_markdown(cells: list[Cell]) -> str:
    """A table in Markdown: a row for every formula, a column for every library."""
    heads = titles(cells)
    lines = [["formula", *heads.values()], ["---"] * (len(heads) + 1)]
    lines += [[formula, *(found[one].text if one in found else "" for one in heads)] for formula, found in rows(cells)]
    return "\n".join(f"| {' | '.join(one)} |" for one in lines)


COLOURS = {Verdict.ERROR: "red", Verdict.DEVIATES: "yellow", Verdict.UNMATCHED: "yellow", Verdict.AMBIGUOUS: "cyan"}


def as_table(cells: list[Cell]) -> Any:
    """The same for a terminal."""
    from rich.table import Table
    from rich.text import Text

    heads = titles(cells)
    table = Table("formula", *heads.values(), title=f"{len(cells)} implementations, and what they follow")
    for formula, found in rows(cells):
        texts = [Text(found[one].text, style=COLOURS.get(found[one].result.verdict, "")) if one in found else "" for one in heads]
        table.add_row(formula, *texts)
    return table
