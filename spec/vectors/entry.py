"""The file of an entry: its head, the flags that it uses, its calls, runs, alternatives, inputs that must be refused, laws, and its end."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...reference import FORMULAS, Formula
from ...reference.validation import domains
from ..catalogue import catalogue
from ..conformance.functions.observations import takes_generator
from ..conformance.initializers.rules import FORMULA_DISTRIBUTIONS
from ..conformance.initializers.runner import separating_arguments
from ..conformance.result import NARROW, WIDE
from ..inputs.invalid import invalid_arguments
from ..lines.digest import digest_of
from ..lines.signature import argument_kinds, kind_of, result_kinds, written
from ..lines.text import FORMAT, VERSION, bits, line, plain_words
from .calls import Call, Candidates, select_calls
from .changes import Change, changes_of
from .flags import words_of
from .narrow import narrow_calls
from .narrow_runs import narrow_run
from .runs import Steps, alternative_lines, changes_of_runs, runs_of, steps_of

FANS = (48, 80)  # outputs and inputs of an initializer's law
WITHOUT_VECTORS: Mapping[str, str] = {  # entries that have neither calls nor a law, and why
    "init.orthogonal": "its entries are random and depend on each other; no portable number says so",
    "init.sparse": "its entries are random and depend on each other; no portable number says so",
    "sampling.epoch.permutation": "its result is a random order",
}
NARROW_CHAPTERS = ("activation", "averaging", "loss", "network", "norm", "optimizers")  # by the first word of their ids
SAME = "the same to 100 bits in {}"
SAME_FLOATS = "the same numbers, digit by digit, in {}"  # of what cannot be certified
MUTANT = re.compile(r"m[0-9]+")
FEWEST_SAME = 3  # cases that must be certified for that
Line = Mapping[str, str]


@dataclass(frozen=True)
class Score:
    """How many changes of a formula its vectors notice, in any format; the ids of the others, and why some are the formula itself."""

    noticed: int
    survivors: tuple[str, ...] = ()
    equivalent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it for the manifest."""
        equivalent = {reason: list(changes) for reason, changes in self.equivalent.items()}
        return {"noticed": self.noticed, "survivors": list(self.survivors), "equivalent": equivalent}


@dataclass(frozen=True)
class EntryFile:
    """The file of one entry: its text, how many lines of each kind it has, and its score."""

    entry: str
    text: str
    kinds: Mapping[str, int]
    score: Score


@dataclass
class Notices:
    """Which case notices each change, by ids; and of those that none notices, why they are the formula itself, or nothing."""

    by: dict[str, str] = field(default_factory=dict)
    missed: dict[Change, str] = field(default_factory=dict)

    def add(self, by: Mapping[str, str], missed: Mapping[Change, str]) -> dict[str, str]:
        """Add what the cases of a format notice and miss; return what no case before noticed."""
        new = {change: case for change, case in by.items() if change not in self.by}
        self.by |= new
        for change, why in missed.items():
            self.missed[change] = self.missed.get(change) or why
        return new

    def score(self, entry: str) -> Score:
        """Return the score, with ids without the entry's, those that are the formula itself by the reason."""
        left = {change: plain_words(why) for change, why in self.missed.items() if change.id not in self.by}
        names = {change: change.id.removeprefix(f"{entry}/") for change in left}
        unexplained = tuple(f"{names[change]}: {plain_words(change.words)}" for change, why in left.items() if not why)
        reasons = dict.fromkeys(why for why in left.values() if why)
        alike = {why: tuple(names[change] for change, reason in left.items() if reason == why) for why in reasons}
        return Score(len(self.by), unexplained, alike)


def formats_of(formula: Formula[..., Any]) -> list[str]:
    """Return the formats in which a formula has vectors: all where it takes or returns arrays, else float64."""
    kinds = {*argument_kinds(formula).values(), *result_kinds(formula.raw).values()}
    return list(WIDE) if kinds & {"array", "cubic", "cubics"} else ["float64"]


def narrow_formats_of(formula: Formula[..., Any]) -> tuple[str, ...]:
    """Return the formats of fewer bits in which a formula has vectors: all for the kernels and steps that are run in them, else none."""
    return NARROW if len(formats_of(formula)) > 1 and formula.id.partition(".")[0] in NARROW_CHAPTERS else ()


def entry_file(identifier: str) -> EntryFile:
    """Return the file of an entry."""
    formula, notices = FORMULAS[identifier], Notices()
    body: list[Line] = []
    if takes_generator(formula):
        body = laws(formula)
    elif identifier not in WITHOUT_VECTORS:
        formats = formats_of(formula)
        known = {dtype: Candidates(formula, dtype) for dtype in formats}
        body = [fields for dtype in formats for fields in vectors_of(formula, known[dtype], notices)]
        body += [fields for dtype in narrow_formats_of(formula) for fields in narrow_vectors(formula, dtype, known["float64"])]
        body += refusals(formula, known["float64"], body)
    used = {flag for fields in body for flag in fields.get("flags", "").split()}
    flag_lines = [{"k": "flag", "id": name, **words_of(name)} for name in sorted(used)]
    lines = [head(formula), *flag_lines, *body]
    kinds = {kind: sum(fields["k"] == kind for fields in lines) for kind in dict.fromkeys(fields["k"] for fields in lines)}
    end = {"k": "end", "lines": str(len(lines) + 1)}
    return EntryFile(identifier, "".join(f"{line(fields)}\n" for fields in (*lines, end)), kinds, notices.score(identifier))


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


def vectors_of(formula: Formula[..., Any], candidates: Candidates, notices: Notices) -> list[Line]:
    """Return the lines of the calls and runs of a formula in one format; what they notice and miss is added to the notices."""
    changes = changes_of(formula.id)
    calls, noticed = select_calls(candidates, changes)
    missed = {change: reason(change, calls, candidates) for change in changes if change.id not in noticed}
    new = notices.add(noticed, missed)
    lines = [with_kills(call, new) for call in calls]
    if several := [fields["id"] for fields in lines if "several-tensors" in fields["flags"].split()]:
        lines.append({"k": "group", "of": " ".join(several), "flags": "several-tensors"})
    steps = steps_of(formula)
    return [*lines, *(vectors_of_runs(steps, candidates.dtype, notices) if steps else ())]


def reason(change: Change, calls: list[Call], candidates: Candidates) -> str:
    """Return why a change that no call notices may be the formula itself; nothing where it is not.

    Evidence tells all mutants apart that neither the catalogue nor `equivalents.toml` states to be equivalent: such a mutant is a survivor.
    Of a variant or a mistake nothing is known, so that one which gives the same real numbers in every case is left out of the score.
    """
    if change.equivalent or change.kind == "mutant":
        return change.equivalent
    answers = [answer for call in calls if (answer := call.is_same(change)) is not None]
    for call in candidates.others(calls):
        if len(answers) >= FEWEST_SAME or not all(answers):
            break
        answers += [answer for answer in (call.is_same(change),) if answer is not None]
    if len(answers) >= FEWEST_SAME:
        return SAME.format(f"{len(answers)} cases") if all(answers) else ""
    is_same = all(answers) and len(calls) >= FEWEST_SAME and all(call.is_same_in_floats(change) for call in calls)
    return SAME_FLOATS.format(f"{len(calls)} cases") if is_same else ""


def narrow_vectors(formula: Formula[..., Any], dtype: str, known: Candidates) -> list[Line]:
    """Return the lines of the calls of a formula in a narrow format, and of its run if it is an optimizer."""
    steps = steps_of(formula)
    run = narrow_run(steps, dtype) if steps else None
    return [*narrow_calls(formula, dtype, known), *(run.lines() if run else ())]


def with_kills(call: Call, noticed: Mapping[str, str]) -> Line:
    """Return the line of a call with the changes that it is the first to notice."""
    fields = call.fields
    kills = [change.removeprefix(f"{call.formula.id}/").replace(" ", "_") for change, by in noticed.items() if by == fields["id"]]
    return {**fields, "kills": in_ranges(kills)} if kills else fields


def in_ranges(names: list[str]) -> str:
    """Return names as a list in words, mutants that follow each other as m1-m7."""
    numbers = [int(name[1:]) if MUTANT.fullmatch(name) else -2 * position for position, name in enumerate(names, start=1)]
    groups: list[list[str]] = []
    for position, name in enumerate(names):
        if position and numbers[position] == numbers[position - 1] + 1:
            groups[-1].append(name)
        else:
            groups.append([name])
    return " ".join(f"{group[0]}-{group[-1]}" if len(group) > 2 else " ".join(group) for group in groups)


def vectors_of_runs(steps: Steps, dtype: str, notices: Notices) -> list[Line]:
    """Return the lines of the runs of an optimizer, each with where other conventions end; what they notice and miss is added."""
    runs = runs_of(steps, dtype)
    noticed: dict[str, str] = {}
    alternatives: dict[str, list[Line]] = {run.id: [] for run in runs}
    missed: dict[Change, str] = {}
    for convention, kind in changes_of_runs(steps.formula, runs):
        noticing = next((run for run in reversed(runs) if run.notices(convention)), None)
        if noticing is None:
            change = Change(convention.id, convention.name, kind, functools.partial(raw_of, steps))
            missed[change] = SAME.format("all runs") if all(run.is_same(convention) for run in runs) else ""
            continue
        noticed[convention.id] = noticing.id
        if kind == "variant":
            alternatives[noticing.id] += alternative_lines(noticing, convention)
    new = notices.add(noticed, missed)
    kills = {run.id: " ".join(change for change, by in new.items() if by == run.id) for run in runs}
    return [fields for run in runs for fields in (*run.lines(kills[run.id]), *alternatives[run.id])]


def raw_of(steps: Steps) -> Any:
    """Return the formula of an optimizer."""
    return steps.formula.raw


# --- what must be refused, and laws ---------------------------------------------------------------------------------------------------


def refusals(formula: Formula[..., Any], candidates: Candidates, lines: list[Line]) -> list[Line]:
    """Return inputs that must be refused: the first call of the file, with one argument outside its domain."""
    if not any(fields["k"] == "call" for fields in lines):
        return []
    case = next(call.case for call in candidates.others([]))
    kinds = argument_kinds(formula)
    refused: list[Line] = []
    for invalid in invalid_arguments(formula, case.arguments):
        if invalid.label.endswith(("-inf", "-infinity")):  # what takes these takes infinity, or a number below its domain
            continue
        name, value = changed_argument(formula, invalid.argument, invalid.value)
        if name in kinds and is_writable(kinds[name], value):
            fields = written(name, kinds[name], value, np.float64)
            why = plain_words(invalid.label)
            refused.append({"k": "reject", "argument": name, "why": why, **fields})
    return refused


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
