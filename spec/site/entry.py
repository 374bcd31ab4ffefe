"""What the page of an entry says beyond the answer of `trainspec show`."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...reference import FORMULAS
from ...reference.validation import domains
from ..arithmetic import Verdict
from ..catalogue import Entry
from ..description import EvidenceAnswer
from ..evidence import EVIDENCE, EXACT_KINDS, KINDS, EvidenceResult
from ..latex import Rendering, latex_of
from ..show import score_words
from . import cite
from .arithmetics import arithmetics_in_words
from .data import SiteData
from .diagrams import kernel_pictures, relations_picture
from .differences import variants_of
from .languages import LANGUAGES, NotElementwise, helpers_of, in_language, scalar_program
from .mathml import inline, mathml_of
from .pictures import functions_of, pictures_of
from .render import count

SHOWN = 24  # variants whose equations an entry's page has; of the others it has the names


@dataclass(frozen=True)
class Symbol:
    """An argument of a formula or a field of its state: its symbol, its name, what it may be, and what it belongs to."""

    mathml: str
    name: str
    domain: str
    state: str = ""


@dataclass(frozen=True)
class Piece:
    """A piece of evidence with what it computes on, its kept result, if there is one, and the engines behind it."""

    answer: EvidenceAnswer
    arithmetic: str
    verdict: str
    detail: str
    seconds: str
    engines: str


def entry_context(entry: Entry, data: SiteData) -> dict[str, Any]:
    """Return what the template of an entry needs."""
    answer = data.answer(entry.id)
    record = data.entry_verdicts[entry.id]
    formula = FORMULAS.get(entry.id)
    rendering = latex_of(formula) if formula else None
    return {
        "own_id": entry.id,
        "entry": answer,
        "chapters": data.catalogue.chapters,
        "verdict": record.verdict,
        "detail": record.detail if record.verdict not in ("holds", "qualitative") else "",
        "meaning": first_line(formula.raw) if formula else "",
        "units": units_of(formula.raw) if formula else "",
        "mathml": mathml_of(rendering) if rendering else "",
        "pictures": [*pictures_of(entry.id), *kernel_pictures(entry.id, data)],
        "relations_picture": relations_picture(entry.id, data),
        "shown": SHOWN,
        "functions": functions_of(entry.id),
        "translations": translations_of(entry.id) if formula else [],
        "symbols": symbols_of(formula.raw, rendering) if formula and rendering else [],
        "locals": local_symbols(formula.raw, rendering) if formula and rendering else [],
        "pieces": pieces_of(entry, data),
        "erratum_verdicts": data.erratum_verdicts,
        "reliability": reliability_of(entry, data),
        "relations": [(relation, data.catalogue.entries[relation.id]) for relation in data.relations[entry.id]],
        "definitions": [
            (data.catalogue.entries[identifier], mathml_of(latex_of(FORMULAS[identifier]))) for identifier in data.calls.get(entry.id, [])
        ],
        "calls": [data.catalogue.entries[identifier] for identifier in data.calls.get(entry.id, [])],
        "callers": [data.catalogue.entries[identifier] for identifier in data.callers.get(entry.id, [])],
        "presets_elsewhere": data.presets_elsewhere.get(entry.id, []),
        "presets_of": entry.presets_of,
        "families": data.families_of.get(entry.id, []),
        "libraries": [row for row in data.library_rows if row.entry == entry.id],
        "variants": variants_of(entry.id) if formula else [],
        "vectors": data.manifest.get(entry.id),
        "bibtex": cite.bibtex(entry, data.version),
        "citation_file": cite.citation_file(entry, data.version),
        "digest": cite.digest(entry),
    }


def translations_of(identifier: str) -> list[tuple[str, str, str]]:
    """Return an elementwise formula in other languages: the title of each, its name, and the code with the functions that it lacks."""
    try:
        program = scalar_program(identifier)
    except NotElementwise:
        return []
    codes = [(language, in_language(program, language)) for language in LANGUAGES.values()]
    return [(language.title, language.name, "\n\n".join([*helpers_of(code, language), code])) for language, code in codes]


def first_line(raw: Any) -> str:
    """Return the meaning of a formula: the first line of its docstring."""
    return (inspect.getdoc(raw) or "").partition("\n")[0]


def units_of(raw: Any) -> str:
    """Return what a docstring says of units; nothing where it says nothing."""
    text = " ".join((inspect.getdoc(raw) or "").split())
    return text.partition("Units: ")[2].partition(" Source: ")[0].strip()


def symbols_of(raw: Any, rendering: Rendering) -> list[Symbol]:
    """Return the arguments of a formula in their order, the fields of a state in its place."""
    rows = []
    for name, domain in domains(raw).items():
        if domain.kind == "state":
            rows += [Symbol(inline(rendering.fields[field]), field, str(part), name) for field, part in domain.fields.items()]
        else:
            symbol = rendering.symbols.get(name)
            rows.append(Symbol(inline(symbol) if symbol else "", name, str(domain)))
    return rows


def local_symbols(raw: Any, rendering: Rendering) -> list[tuple[str, str]]:
    """Return the symbols of a formula's intermediate values whose names are not plain from them, each with its name."""
    arguments = {*rendering.fields, *domains(raw)}
    names = ((name, symbol) for name, symbol in rendering.symbols.items() if name not in arguments)
    return [(inline(symbol), name) for name, symbol in names if symbol not in (name, rf"\mathrm{{{name}}}", f"\\{name}")]


def pieces_of(entry: Entry, data: SiteData) -> list[Piece]:
    """Return the evidence of an entry, exact kinds first."""
    results = {result.name: result for result in data.entry_verdicts[entry.id].evidence}
    pieces = []
    for answer in sorted(data.answer(entry.id)["evidence"], key=lambda answer: KINDS.index(answer["kind"])):
        result = results.get(answer["name"])
        verdict = result.verdict.value if result else "not verified yet"
        detail = result.detail if result else ""
        seconds, engines = (duration(result.seconds), engines_in_words(result)) if result else ("", "")
        pieces.append(Piece(answer, arithmetics_in_words(EVIDENCE[answer["name"]]), verdict, detail, seconds, engines))
    return pieces


def engines_in_words(result: EvidenceResult) -> str:
    """Return which engines came to a verdict on an exact piece, and why where it is one alone."""
    reason = f": {result.alone}" if result.alone else ""
    return " and ".join(result.engines) + reason


def duration(seconds: float) -> str:
    """Return a time in words."""
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s" if seconds >= 0.1 else "under 0.1 s"


def reliability_of(entry: Entry, data: SiteData) -> list[tuple[str, str]]:
    """Return what an entry stands on, each fact with its heading."""
    pieces = data.answer(entry.id)["evidence"]
    kinds = Counter(piece["kind"] for piece in pieces)
    counted = ", ".join(f"{kind} × {kinds[kind]}" if kinds[kind] > 1 else kind for kind in KINDS if kinds[kind])
    exact = sum(number for kind, number in kinds.items() if kind in EXACT_KINDS)
    results = data.entry_verdicts[entry.id].evidence
    verdicts = Counter(result.verdict for result in results)
    score = data.answer(entry.id)["mutants"]
    facts = [
        ("evidence", counted or "none"),
        ("of it exact", f"{exact} of {len(pieces)}") if pieces else ("", ""),
        ("with two provers", f"{sum(len(result.engines) > 1 for result in results)} of {exact}") if results and exact else ("", ""),
        ("results at hand", f"{verdicts[Verdict.HOLDS]} of {len(pieces)} hold") if pieces else ("", ""),
        ("mutants", score_words(score, entry.id)) if score else ("", ""),
        ("vectors", vectors_in_words(data.manifest[entry.id])) if entry.id in data.manifest else ("", ""),
        ("kernel", kernel_in_words(entry, data)) if entry.id in data.kernels else ("", ""),
    ]
    return [(heading, text) for heading, text in facts if heading]


def kernel_in_words(entry: Entry, data: SiteData) -> str:
    """Return which kernel a formula has, its worst error on record, and its time beside other libraries' where it was measured."""
    errors, times = data.kernel_errors.get(entry.function), data.benchmarks.get(entry.function)
    worst = " and ".join(f"{worst_of(line):g} ({dtype})" for dtype, line in errors["errors"].items()) if errors else ""
    error = f"; worst error found: {worst} rounding bounds, of which 1 is allowed" if errors else ""
    ratios = "; the fastest other library takes " + ", ".join(f"{ratio} ×" for _, ratio in times["ratios"]) if times else ""
    sizes = " its time at " + ", ".join(f"{size}" for size, _ in times["ratios"]) + f" entries, in {times['dtype']}" if times else ""
    return f"`{data.kernels[entry.id]}`{error}{ratios}{sizes}"


def worst_of(errors: Sequence[float | None]) -> float:
    """Return the largest of the errors that there are."""
    return max(error for error in errors if error is not None)


def vectors_in_words(record: dict[str, Any]) -> str:
    """Return how many vectors there are, and how many changes of the formula they notice."""
    lines = record["lines"]
    counted = [count(lines[kind], kind) for kind in ("call", "run", "law") if lines.get(kind)]
    noticed, survivors = record["score"]["noticed"], len(record["score"]["survivors"])
    changes = f"; they notice {noticed} changes of the formula, and miss {survivors}" if noticed else ""
    return ", ".join(counted) + changes
