"""Verdicts: which convention a subject follows, by how much it misses it, and how far away the next one is."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from importlib.metadata import version
from typing import Any

import numpy as np

from ..implementation import NotFound, reference_to
from .algorithm import HYPER
from .conventions import DECAYS, FAMILIES, Convention, canonical, combinations, find
from .counterexample import smallest
from .matching import (
    NATIVE,
    Candidates,
    Divergence,
    Measure,
    changing,
    coincide,
    latest,
    measured,
    precision,
    reasons,
    rivals,
    search_assuming,
    setting_of,
)
from .relations import relation_in_words
from .runner import TIMEOUT, Child, Fault, Report, Task, answer_of, assumed, drive
from .search import find_combined_mistakes

DTYPES = ("float64", "float32")


class Verdict(StrEnum):
    """What is said of a subject; the last two answer `identify`."""

    CONFORMS = "conforms"
    DEVIATES = "deviates"
    AMBIGUOUS = "ambiguous"
    ERROR = "error"
    IDENTIFIED = "identified"
    UNMATCHED = "unmatched"


@dataclass(frozen=True)
class Miss:
    """The place where a function is furthest from a formula."""

    case: str
    separates: str
    output: int  # from 1
    index: tuple[int, ...]
    got: float
    expected: float
    error_in_bounds: float


@dataclass(frozen=True)
class Rival:
    """Another convention, and how far away it is."""

    convention: str
    name: str
    error_in_bounds: float


@dataclass(frozen=True)
class Same:
    """A convention that is the same at these hyper-parameters, and why."""

    convention: str
    name: str
    why: tuple[str, ...]


@dataclass(frozen=True)
class Result:
    """All that is known of a subject after one run of the kit. Its fields are the keys of the JSON, which has exit_code besides."""

    subject: str
    command: str  # check or identify
    verdict: Verdict
    sentence: str
    against: str | None = None  # the convention that was asked for
    convention: str | None = None
    name: str | None = None
    right: bool | None = None
    axes: Mapping[str, Any] | None = None
    equations: str | None = None
    formulas: tuple[str, ...] = ()
    relation: str | None = None
    identities: tuple[Same, ...] = ()
    candidates: tuple[str, ...] = ()  # of an ambiguous verdict
    error_in_bounds: float | None = None
    error_ulps: float | None = None
    margin: float | None = None  # the error of the runner-up, in bounds
    runner_up: Rival | None = None
    divergence: Divergence | None = None
    counterexample: str | None = None  # the smallest one found, a program
    steps: int = 0
    dtype: str = "float64"
    settings: Mapping[str, Any] = field(default_factory=dict)
    assumed: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    entry: str | None = None  # of a function: the catalogue entry that it was judged against
    cases: int = 0
    miss: Miss | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)  # pieces of the entry, with their verdicts on the subject
    proved: str | None = None  # for which scope
    unproved: str | None = None  # why there is no proof where one was asked for
    parts: tuple[Result, ...] = ()  # of a subject that is several functions

    @property
    def exit_code(self) -> int:
        """0 conforms or identified, 1 deviates or unmatched, 2 could not be run; an ambiguous one passes if it may be right."""
        if self.verdict is Verdict.AMBIGUOUS:
            return 0 if self.right or self.command == "identify" else 1
        return {Verdict.CONFORMS: 0, Verdict.IDENTIFIED: 0, Verdict.ERROR: 2}.get(self.verdict, 1)

    @property
    def precision_only(self) -> bool:
        """Whether a narrower format is all that keeps it from conforming."""
        return bool(self.right) and (self.axes or {}).get("precision", NATIVE) != NATIVE and self.divergence is None

    def as_json(self) -> dict[str, Any]:
        """The result with stable keys; verdict.schema.json describes them."""
        plain = {name: value if isinstance(value, bool | int | float | str) else repr(value) for name, value in self.settings.items()}
        parts = [one.as_json() for one in self.parts]
        return {**asdict(self), "verdict": self.verdict.value, "settings": plain, "parts": parts, "exit_code": self.exit_code}


# --- the two questions ----------------------------------------------------------------------------------------------------------------


def check(
    subject: Any,
    settings: Mapping[str, Any] | None = None,
    *,
    against: str | None = None,
    names: Mapping[str, str] | None = None,
    dtype: str = "float64",
    timeout: float = TIMEOUT,
    evidence: bool | None = None,
    prove: bool = False,
) -> Result:
    """Whether an implementation conforms to a right convention, or to the one named.

    The subject is a name (`torch.optim:SGD`, `mine.py:MyMomentum`) or a class or module that can be imported. `settings` are its
    hyper-parameters, `names` translates its names into ours. A function is checked against a formula of the catalogue: the one that has its
    name, or the one named. If it conforms, or `evidence` is asked for, it meets the pieces of evidence of its entry too; with `prove` it is
    executed on symbols.
    """
    task = Task("", settings or {}, names or {}, known_dtype(dtype))
    if against and names_formula_alone(against):
        return judged_as_function(task, subject, "check", timeout, against=against, evidence=evidence, prove=prove)
    wanted = convention_named(against) if against else None
    result = judged(task, subject, "check", wanted, timeout)
    return result or judged_as_function(task, subject, "check", timeout, against=against, evidence=evidence, prove=prove)


def identify(
    subject: Any,
    settings: Mapping[str, Any] | None = None,
    *,
    against: str | None = None,
    names: Mapping[str, str] | None = None,
    dtype: str = "float64",
    timeout: float = TIMEOUT,
) -> Result:
    """Which convention an implementation follows, right or wrong; of a function, which variant of the formula that `against` names."""
    task = Task("", settings or {}, names or {}, known_dtype(dtype))
    if against and names_formula_alone(against):
        return judged_as_function(task, subject, "identify", timeout, against=against)
    if against:
        raise ValueError(
            f"against {against!r}: the convention of an optimizer is found among all; name a formula of the catalogue for a function"
        )
    return judged(task, subject, "identify", None, timeout) or judged_as_function(task, subject, "identify", timeout)


def names_formula_alone(name: str) -> bool:
    """Whether a name is that of a formula and of no optimizer's convention."""
    from ..functions.verdict import is_formula

    try:
        return not find(name)
    except KeyError:
        return is_formula(name)


def judged_as_function(task: Task, subject: Any, command: str, timeout: float, **options: Any) -> Result:
    """What the kit for functions says."""
    from ..functions.verdict import check_function

    return check_function(subject, settings=task.settings, names=task.names, dtype=task.dtype, timeout=timeout, command=command, **options)


def convention_named(name: str) -> Convention:
    """A convention of the bank, or ValueError with the nearest names."""
    import difflib

    from .conventions import bank

    try:
        return find(name)
    except KeyError:
        from ....reference import FORMULAS

        near = difflib.get_close_matches(name, [*bank(), *FORMULAS], n=3, cutoff=0.3)
        raise ValueError(f"no convention is called {name!r}" + (f"; did you mean {', '.join(near)}?" if near else "")) from None


def known_dtype(dtype: str) -> str:
    """The dtype, if it is one that subjects are run in."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r}: {' or '.join(DTYPES)} is allowed")
    return dtype


def judged(task: Task, subject: Any, command: str, wanted: Convention | None, timeout: float) -> Result | None:
    """Drive the subject, say what it follows, and where it deviates, show it by the smallest example; nothing of a function."""
    try:
        target = reference_to(subject)
    except NotFound as problem:
        return verdict_on(Report(faults=(Fault("not-found", str(problem)),)), replace(task, target=repr(subject)), command, wanted)
    task = replace(task, target=target)
    with Child() as process:
        promise = process.ask(drive, task, timeout=timeout)
        from ... import arithmetic  # noqa: F401 - it loads while the subject runs

        seen = answer_of(promise, timeout)
        report = Report(faults=(seen,)) if isinstance(seen, Fault) else seen
        if report.is_function:
            return None
        result = verdict_on(report, task, command, wanted)
        if result.verdict is Verdict.DEVIATES and result.divergence:
            found = answer_of(process.ask(smallest, task, result.divergence.convention, timeout=timeout), timeout)
            return result if isinstance(found, Fault) else replace(result, counterexample=found)
    return result


DIVIDES_BY_ZERO = "not-finite"  # a fault that is a deviation: the formula says what is due
HARMLESS = ("widens",)  # faults that are no verdict: a wider dtype holds all that is due


def verdict_on(report: Report, task: Task, command: str, wanted: Convention | None = None) -> Result:
    """What a report says of its subject."""
    common: dict[str, Any] = {
        "subject": task.target,
        "command": command,
        "against": wanted.id if wanted else None,
        "dtype": task.dtype,
        "steps": max((len(one.points) for one in report.records), default=0),
        "settings": dict(report.settings or task.settings),
        "faults": report.faults,
        "environment": environment(report),
    }
    title = titled(task.target, report)
    if fatal := [one for one in report.faults if one.fatal]:
        return Result(verdict=Verdict.ERROR, sentence=f"{title} could not be judged: {fatal[0].detail}.", **common)
    found = followed(report, command, wanted, title)
    if report.faults:
        words = "; ".join(one.detail for one in report.faults)
    if report.faults and all(one.kind in HARMLESS for one in report.faults):
        found |= {"sentence": f"{found['sentence']} But {words}."}
    elif report.faults:
        deviates = all(one.kind in (DIVIDES_BY_ZERO, *HARMLESS) for one in report.faults)
        found |= {
            "verdict": Verdict.DEVIATES if deviates else Verdict.ERROR,
            "sentence": f"{title} misbehaves: {words}. Apart from that it{found['sentence'].removeprefix(title)}",
        }
    return Result(**{**common, **found})


def environment(report: Report) -> dict[str, str]:
    """What the verdict may depend on."""
    return environment_of(report.library, report.version, report.environment)


def environment_of(library: str, library_version: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The same of any subject."""
    own = {"python": platform.python_version(), "numpy": np.__version__, "trainspec": version("trainspec"), "platform": platform.platform()}
    return own | dict(more or {}) | ({"library": library, "library_version": library_version} if library_version else {})


def titled(target: str, report: Any) -> str:
    """A subject's name in a sentence: of a library, with its version."""
    if not report.version or not target.startswith(report.library):
        return target
    return f"{target.replace(':', '.')} {report.version.partition('+')[0]}"


@dataclass(frozen=True)
class Question:
    """What was seen, and what was asked."""

    report: Report
    command: str
    wanted: Convention | None
    title: str


def followed(report: Report, command: str, wanted: Convention | None, title: str) -> dict[str, Any]:
    """What the records say."""
    question = Question(report, command, wanted, title)
    choice, kept, matching = matched(report, wanted)
    if not matching:
        return unmatched(question)
    if choice:
        report = replace(report, records=tuple(replace(one, hyper={**one.hyper, **choice}) for one in report.records))
    members = [one.convention for one in matching]
    best = wanted if wanted in members else representative(members, report.settings)
    measure = next(one for one in matching if one.convention == best)
    same = [one for one in members if one == best or coincide(best, one, report.records)]
    facts = described(best, measure, same, report) | {"assumed": {**assumed(report.settings, best.needs), **choice}}
    facts["axes"] = {**best.axes, "initial_second_moment": initial(best, report), "precision": kept}
    if near := rivals(best, report.records, members):
        facts |= {
            "runner_up": Rival(near[0].convention.id, near[0].convention.name, near[0].error_in_bounds),
            "margin": near[0].error_in_bounds,
        }
    others = [one for one in members if one not in same] + [one.convention for one in near if one.follows and kept == NATIVE]
    return facts | judgement(
        replace(question, report=report), best, same, others, kept, f"{title_of(best)}: {evidence_in_words(facts, report)}."
    )


def initial(convention: Convention, report: Report) -> float:
    """What the squares start at, as a number."""
    named = {"eps": "eps", "given": "initial_second_moment"}.get(convention.initial_second_moment)
    return report.records[0].hyper.get(named, HYPER[named]) if named else float(convention.initial_second_moment)


def matched(report: Report, wanted: Convention | None) -> tuple[dict[str, float], str, list[Measure]]:
    """What was assumed besides, what is kept in a narrower format, and the conventions that the records follow."""
    records = report.records
    asked = [one for one in [wanted] if one and (measure := measured(one, records)).follows]
    candidates = Candidates(records)
    found = candidates.following()
    if asked and wanted not in [one.convention for one in found]:
        found.append(measure)
    if found:
        return {}, NATIVE, found
    kept, found = precision(candidates)
    if found:
        return {}, kept, found
    choice, found = search_assuming(records, stated_by(report.settings))
    return choice, NATIVE, found or find_combined_mistakes(records, report.settings)


def stated_by(settings: Mapping[str, Any]) -> set[str]:
    """The hyper-parameters that a subject states, or what stands for them."""
    decays = {"beta2", "momentum"} if {"decay", "beta1", "beta2", "momentum"} & set(settings) else set()
    return {*settings, *decays}


def title_of(convention: Convention) -> str:
    """A convention with its source."""
    return convention.name + (f" ({convention.source})" if convention.source else "")


def used(convention: Convention) -> set[str]:
    """The hyper-parameters that a convention knows."""
    known = {"lr", "lr_decay", "eps_root", "maximize", *convention.needs}
    known |= {"decay"} if {"beta2", "momentum"} & known else set()
    known |= {"dampening"} if convention.dampening in ("first-step-full", "from-zero") else set()
    known |= {"weight_decay"} if convention.weight_decay != "none" else set()
    known |= {"initial_second_moment"} if convention.initial_second_moment in ("given", "0") else set()
    known |= {"momentum_decay"} if convention.schedule in ("dozat", "dozat-in-blend") else set()
    return known | ({"smallest", "largest", "grow", "shrink"} if convention.family == "rprop" else set())


def ignored(convention: Convention, settings: Mapping[str, Any]) -> list[str]:
    """The hyper-parameters that are on and that a convention knows nothing of."""
    flags = {
        "nesterov": convention.nesterov_form != "none" or convention.family == "nadam",
        "centered": bool(convention.centered),
        "amsgrad": convention.family == "amsgrad",
    }
    known = used(convention)
    known |= {"momentum"} if "beta2" in known and not {"decay", "beta1", "beta2"} & set(settings) else set()  # one decay by any name
    off = {name for name, value in settings.items() if isinstance(value, int | float) and value and name in VALUES and name not in known}
    off |= {name for name, has in flags.items() if settings.get(name) is not None and bool(settings[name]) != has}
    return [f"{name} = {settings[name]!r}" for name in settings if name in off]


VALUES = (
    "momentum",
    "dampening",
    "beta1",
    "beta2",
    "decay",
    "eps",
    "weight_decay",
    "initial_second_moment",
    "momentum_decay",
    "grow",
    "shrink",
)


def representative(members: Iterable[Convention], settings: Mapping[str, Any]) -> Convention:
    """The member that answers to the hyper-parameters, a right one before a wrong one, a plain one and a usual decay before others."""
    return min(members, key=lambda one: (not one.right, len(ignored(one, settings)), one.departures, DECAYS.index(one.weight_decay)))


def described(best: Convention, measure: Measure, same: list[Convention], report: Report) -> dict[str, Any]:
    """The convention that is followed, in full."""
    return {
        "convention": best.id,
        "name": best.name,
        "right": best.right,
        "axes": best.axes,
        "equations": best.equations,
        "formulas": best.formulas,
        "relation": relation_in_words(best),
        "identities": tuple(Same(one.id, one.name, reasons(best, one, report.records)) for one in same if one != best),
        "error_in_bounds": measure.error_in_bounds,
        "error_ulps": measure.error_ulps,
    }


def judgement(
    asked: Question, best: Convention, same: list[Convention], others: list[Convention], kept: str, follows: str
) -> dict[str, Any]:
    """The verdict on a subject that follows something, and the sentence that says it."""
    words = f"{asked.title} follows {follows}"
    if kept != NATIVE:
        words = f"{asked.title} keeps its {KEPT[kept.partition('-')[0]]} in {kept.partition('-')[2]}; it follows {follows}"
    if asked.command == "check" and asked.wanted and asked.wanted not in same:
        return deviation(asked.wanted, asked.report, f"{asked.title} deviates from {asked.wanted.name}: it follows {follows}")
    fixed = setting_of(asked.report.records).constant_lr
    elsewhere = [
        one for one in same if one != best and fixed and one.has_velocity and not coincide(best, one, changing(asked.report.records))
    ]
    if rest := [one for one in (*elsewhere, *others) if one.right >= best.right]:
        words += " Its learning rate cannot be changed, and while it is constant" if elsewhere else " At these hyper-parameters"
        words += f" the same steps are those of {'; or '.join(one.name for one in rest[:SHOWN])}."
        return {"verdict": Verdict.AMBIGUOUS, "candidates": tuple(one.id for one in (best, *rest)), "sentence": words}
    if asked.command == "identify":
        return {"verdict": Verdict.IDENTIFIED, "sentence": words}
    if kept not in (NATIVE, *ALLOWED_IN.get(str(asked.report.records[0].points.dtype), ())):
        return {"verdict": Verdict.DEVIATES, "sentence": words}
    if asked.wanted:
        return {"verdict": Verdict.CONFORMS, "sentence": words}
    if not best.right:
        return deviation(best.corrected, asked.report, f"{asked.title} deviates: it follows {follows}")
    if unused := ignored(best, asked.report.settings):
        against = nearest_right(asked.report, asked.title, best)
        return deviation(against, asked.report, f"{asked.title} deviates: with {' and '.join(unused)} it follows {follows}")
    return {"verdict": Verdict.CONFORMS, "sentence": words}


SHOWN = 3
KEPT = {"hyper": "hyper-parameters", "state": "state", "scalars": "scalars"}
ALLOWED_IN = {"float32": ("hyper-float32",)}


def nearest_right(report: Report, target: str, best: Convention | None = None) -> Convention:
    """The right convention that a run leaves last, of the family that it follows, is named after, or has the hyper-parameters of."""
    setting = setting_of(report.records)
    named = (one for one in sorted(FAMILIES, key=len, reverse=True) if one in target.rpartition(":")[2].lower())
    for family in (*([best.family] if best else ()), *named, *FAMILIES):
        pool = [one for one in combinations(family, setting, mistaken=False) if one.departures <= 1 and not ignored(one, report.settings)]
        if pool:
            return latest(pool, report.records)
    return canonical(best.family if best else "sgd")


def deviation(wanted: Convention, report: Report, words: str) -> dict[str, Any]:
    """A deviation from a convention, and where it begins."""
    divergence = measured(wanted, report.records).divergence
    return {"verdict": Verdict.DEVIATES, "divergence": divergence, "sentence": words + (f" {place(divergence)}" if divergence else "")}


def place(divergence: Divergence) -> str:
    """Where a deviation begins, as a sentence."""
    at = in_words({name: value for name, value in divergence.hyper.items() if value})
    why = f" Its {divergence.explained_by} is what differs." if divergence.explained_by else ""
    return (
        f"At {at} it leaves {divergence.name} in step {divergence.step}, coordinate {divergence.coordinate}: "
        f"{divergence.got!r} where {divergence.expected!r} is due.{why}"
    )


def unmatched(asked: Question) -> dict[str, Any]:
    """Nothing in the bank fits: the nearest right convention, or the one asked for, and where it is left."""
    against = asked.wanted or nearest_right(asked.report, asked.title)
    measure = measured(against, asked.report.records)
    taken = assumed(asked.report.settings, against.needs)
    words = f"{asked.title} follows no convention that has a name here."
    if taken:
        words += f" It was taken to have {in_words(taken)}; if it has another, say so."
    return {
        "verdict": Verdict.UNMATCHED if asked.command == "identify" else Verdict.DEVIATES,
        "sentence": words + (f" {place(measure.divergence)}" if measure.divergence else ""),
        "runner_up": Rival(against.id, against.name, measure.error_in_bounds),
        "divergence": measure.divergence,
        "assumed": taken,
    }


def in_words(settings: Mapping[str, Any]) -> str:
    """Hyper-parameters in a sentence."""
    return ", ".join(f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value!r}" for name, value in settings.items())


def evidence_in_words(facts: Mapping[str, Any], report: Report) -> str:
    """The error, the steps, and the margin."""
    steps = len(report.records[0].points)
    words = f"error {facts['error_in_bounds']:.2g} × bound over {steps} steps"
    if rival := facts.get("runner_up"):
        words += f"; next best ({rival.name}) is {scientific(rival.error_in_bounds)} × away"
    return words


def scientific(value: float) -> str:
    """A large number, as people write it: 3·10⁸."""
    mantissa, _, exponent = f"{value:.0e}".partition("e")
    return f"{mantissa}·10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
