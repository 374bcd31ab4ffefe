"""The file of an entry: its head, the flags that it uses, its calls, runs, alternatives, inputs that must be refused, laws, and its end."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...reference import FORMULAS, Formula
from ...reference.validation import domains
from ..catalogue import catalogue
from ..conformance.functions.observations import takes_generator
from ..conformance.initializers.rules import FORMULA_DISTRIBUTIONS
from ..conformance.initializers.runner import separating_arguments
from ..conformance.result import WIDE
from ..inputs.invalid import invalid_arguments
from ..lines.digest import digest_of
from ..lines.signature import argument_kinds, kind_of, result_kinds, written
from ..lines.text import FORMAT, VERSION, bits, line, plain_words
from .calls import Call, Candidates, select_calls
from .changes import Change, changes_of
from .flags import words_of
from .runs import Steps, alternative_lines, changes_of_runs, runs_of, steps_of

FANS = (48, 80)  # outputs and inputs of an initializer's law
WITHOUT_VECTORS: Mapping[str, str] = {  # entries that have neither calls nor a law, and why
    "init.orthogonal": "its entries are random and depend on each other; no portable number says so",
    "init.sparse": "its entries are random and depend on each other; no portable number says so",
    "sampling.epoch.permutation": "its result is a random order",
    "landscape.saddle.escape": "a whole quotient of rounded numbers has no rounding bound",
}
SAME = "the same to 100 bits in {}"
FEWEST_SAME = 3  # cases that must be certified for that
Line = Mapping[str, str]


@dataclass(frozen=True)
class Score:
    """How many changes of a formula its vectors in one format notice; the ids of the others, and why some are the formula itself."""

    noticed: int
    survivors: tuple[str, ...] = ()
    equivalent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it for the manifest."""
        equivalent = {reason: list(changes) for reason, changes in self.equivalent.items()}
        return {"noticed": self.noticed, "survivors": list(self.survivors), "equivalent": equivalent}


@dataclass(frozen=True)
class EntryFile:
    """The file of one entry: its text, how many lines of each kind it has, and its scores by format."""

    entry: str
    text: str
    kinds: Mapping[str, int]
    scores: Mapping[str, Score]


def formats_of(formula: Formula[..., Any]) -> list[str]:
    """Return the formats in which a formula has vectors: all where it takes or returns arrays, else float64."""
    kinds = {*argument_kinds(formula).values(), *result_kinds(formula.raw).values()}
    return list(WIDE) if kinds & {"array", "cubic", "cubics"} else ["float64"]


def entry_file(identifier: str) -> EntryFile:
    """Return the file of an entry."""
    formula = FORMULAS[identifier]
    parts = [laws(formula)] if takes_generator(formula) else []
    scores: dict[str, Score] = {}
    for dtype in formats_of(formula) if not parts else ():
        lines, score = vectors_of(formula, dtype)
        parts.append(lines)
        scores[dtype] = score
    body = [fields for part in parts for fields in part]
    if calls := [fields for fields in body if fields["k"] == "call"]:
        body += refusals(formula, calls)
    used = {flag for fields in body for flag in fields.get("flags", "").split()}
    flag_lines = [{"k": "flag", "id": name, **words_of(name)} for name in sorted(used)]
    lines = [head(formula), *flag_lines, *body]
    kinds = {kind: sum(fields["k"] == kind for fields in lines) for kind in dict.fromkeys(fields["k"] for fields in lines)}
    end = {"k": "end", "lines": str(len(lines) + 1)}
    return EntryFile(identifier, "".join(f"{line(fields)}\n" for fields in (*lines, end)), kinds, scores)


def head(formula: Formula[..., Any]) -> Line:
    """Return the first line: what the file is, and the kinds of arguments and results."""
    entry = catalogue().entries[formula.id]
    return {
        "k": "suite",
        "format": FORMAT,
        "version": VERSION,
        "entry": formula.id,
        "title": plain_words(entry.title),
        "arguments": " ".join(f"{name}:{kind}" for name, kind in argument_kinds(formula).items()),
        "results": " ".join(f"{name}:{kind}" for name, kind in result_kinds(formula.raw).items()),
        "source": plain_words("; ".join(str(citation) for citation in entry.sources)),
        "license": "Apache-2.0",
        "digest": digest_of(formula),
    }


# --- one format -----------------------------------------------------------------------------------------------------------------------


def vectors_of(formula: Formula[..., Any], dtype: str) -> tuple[list[Line], Score]:
    """Return the lines of the calls and runs of a formula in one format, and how many changes they notice."""
    changes = changes_of(formula.id)
    calls, noticed = select_calls(Candidates(formula, dtype), changes)
    lines = [with_kills(call, noticed, shown=dtype == "float64") for call in calls]
    survivors = {change: reason(change, calls) for change in changes if change.id not in noticed}
    count = len(noticed)
    if steps := steps_of(formula):
        run_lines, found, missed = vectors_of_runs(steps, dtype)
        lines, count, survivors = lines + run_lines, count + found, {**survivors, **missed}
    return lines, score_of(formula.id, count, survivors)


def reason(change: Change, calls: list[Call]) -> str:
    """Return why a change that no call notices may be the formula itself; nothing where it is not.

    Evidence tells all mutants apart that the catalogue does not state to be equivalent: such a mutant is a survivor. Of a variant or a
    mistake nothing is known, so that one which gives the same real numbers in every case is left out of the score.
    """
    if change.equivalent or change.kind == "mutant":
        return change.equivalent
    answers = [answer for call in calls if (answer := call.is_same(change)) is not None]
    return SAME.format(f"{len(answers)} cases") if len(answers) >= FEWEST_SAME and all(answers) else ""


def with_kills(call: Call, noticed: Mapping[str, str], *, shown: bool) -> Line:
    """Return the line of a call with the changes that no call before it notices."""
    fields = call.fields
    kills = [change.removeprefix(f"{call.formula.id}/") for change, by in noticed.items() if by == fields["id"]] if shown else []
    return {**fields, "kills": " ".join(kill.replace(" ", "_") for kill in kills)} if kills else fields


def vectors_of_runs(steps: Steps, dtype: str) -> tuple[list[Line], int, dict[Change, str]]:
    """Return the lines of the runs of an optimizer, how many conventions and mistakes they notice, and those that they do not."""
    runs = runs_of(steps, dtype)
    by: dict[str, list[str]] = {run.id: [] for run in runs}
    alternatives: list[Line] = []
    missed: dict[Change, str] = {}
    for convention, kind in changes_of_runs(steps.formula, runs):
        noticing = next((run for run in reversed(runs) if run.notices(convention)), None)
        if noticing is None:
            change = Change(convention.id, convention.name, kind, functools.partial(raw_of, steps))
            missed[change] = SAME.format("all runs") if all(run.is_same(convention) for run in runs) else ""
            continue
        by[noticing.id].append(convention.id)
        if kind == "variant":
            alternatives += alternative_lines(noticing, convention)
    shown = dtype == "float64"
    lines = [fields for run in runs for fields in run.lines(" ".join(by[run.id]) if shown else "")]
    return [*lines, *alternatives], sum(map(len, by.values())), missed


def raw_of(steps: Steps) -> Any:
    """Return the formula of an optimizer."""
    return steps.formula.raw


def score_of(entry: str, noticed: int, survivors: Mapping[Change, str]) -> Score:
    """Return the score: the changes that nothing notices by id, without the entry's, those that are the formula itself by the reason."""
    names = {change: change.id.removeprefix(f"{entry}/") for change in survivors}
    unexplained = tuple(f"{names[change]}: {plain_words(change.words)}" for change, why in survivors.items() if not why)
    reasons = dict.fromkeys(why for why in survivors.values() if why)
    alike = {plain_words(why): tuple(names[change] for change, reason in survivors.items() if reason == why) for why in reasons}
    return Score(noticed, unexplained, alike)


# --- what must be refused, and laws ---------------------------------------------------------------------------------------------------


def refusals(formula: Formula[..., Any], calls: list[Line]) -> Iterator[Line]:
    """Yield inputs that must be refused: the first call in float64, with one argument outside its domain."""
    case = next(case for case, _ in Candidates(formula, "float64").results.values())
    base = next(fields for fields in calls if fields["dtype"] == "float64")
    kinds = argument_kinds(formula)
    for invalid in invalid_arguments(formula, case.arguments):
        name, value = changed_argument(formula, invalid.argument, invalid.value)
        if name in kinds and is_writable(kinds[name], value):
            fields = written(name, kinds[name], value, np.float64)
            why = plain_words(invalid.label)
            yield {"k": "reject", "of": base["id"], "argument": name, "why": why, "error": invalid.error.__name__, **fields}


def changed_argument(formula: Formula[..., Any], name: str, value: Any) -> tuple[str, Any]:
    """Return the name and value of an invalid argument; of a state those of the field that is not finite or out of range."""
    domain = domains(formula.raw)[name]
    if domain.kind != "state" or not hasattr(value, "_fields"):
        return name, value
    for field_name, part in domain.fields.items():
        own = getattr(value, field_name)
        if is_writable(kind_of(part), own) and not is_within(part, own):
            return f"{name}.{field_name}", own
    return "", None


def is_within(domain: Any, value: Any) -> bool:
    """Return whether numbers are finite and within the limits of a domain."""
    array = np.asarray(value)
    return bool(np.all(np.isfinite(array)) and np.all(array >= domain.interval.low) and np.all(array <= domain.interval.high))


def is_writable(kind: str, value: Any) -> bool:
    """Return whether a value can stand in a file: a number, or an array of its kind."""
    if kind == "number":
        return isinstance(value, float | int) and not isinstance(value, bool)
    if kind == "count":
        return isinstance(value, int) and not isinstance(value, bool)
    is_kind = {"array": "f", "indices": "iu"}.get(kind, "")
    return bool(is_kind) and isinstance(value, np.ndarray) and value.dtype.kind in is_kind


def laws(formula: Formula[..., Any]) -> list[Line]:
    """Return the law of an initializer whose entries are independent: its distribution for some fans; nothing for any other formula."""
    if formula.id not in FORMULA_DISTRIBUTIONS:
        return []
    hyper = separating_arguments(formula)
    distribution = FORMULA_DISTRIBUTIONS[formula.id](*FANS, hyper)
    numbers = {"scale": distribution.scale, "mean_square": distribution.mean_square, "reach": distribution.reach}
    given = {name: bits(value, np.float64) for name, value in hyper.items() if isinstance(value, float)}
    fans = {"fan_out": str(FANS[0]), "fan_in": str(FANS[1])}
    found = {name: bits(value, np.float64) for name, value in numbers.items()}
    return [{"k": "law", "id": f"{formula.id}/law-1", "distribution": distribution.family, **fans, **given, **found}]
