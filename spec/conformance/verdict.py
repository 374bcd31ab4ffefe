"""Verdicts: which convention a subject follows, by how much it misses it, and how far away the next one is.

The expected trajectory is a certified ball. The unit of error is the running bound of the convention's own trajectory in the subject's
dtype: how far any program that performs these operations may be off. Within `ALLOWED` bounds at every step, a subject follows it.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from importlib.metadata import version
from typing import Any

import numpy as np

from .bank import Convention, Setting, bank, find, normal_form, relation_in_words, shows
from .driving import TIMEOUT, Fault, Record, Report, Task, observe
from .measuring import Miss
from .subjects import NotFound, reference_to

ALLOWED = 4.0  # bounds: reorderings and fused operations stay below, other conventions are a thousand and more away
ROUGH = 2.0**-12  # further off, relative to the parameters, a run is not followed in any dtype
NEAREST = 4  # classes of conventions that are measured with certainty; floats rank all of them first
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
class Divergence:
    """The first place where a trajectory leaves a convention."""

    convention: str
    name: str
    step: int  # from 1
    coordinate: int  # from 0
    got: float
    expected: float
    error_in_bounds: float
    momentum: float


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
    axes: Mapping[str, str] | None = None
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
    steps: int = 0
    dtype: str = "float64"
    settings: Mapping[str, Any] = field(default_factory=dict)
    assumed: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    entry: str | None = None  # of a function: the catalogue entry that it was judged against
    cases: int = 0
    miss: Miss | None = None
    counterexample: str | None = None  # a snippet that can be run
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

    def as_json(self) -> dict[str, Any]:
        """The result with stable keys; verdict.schema.json describes them."""
        plain = {name: value if isinstance(value, bool | int | float | str) else repr(value) for name, value in self.settings.items()}
        parts = [one.as_json() for one in self.parts]
        return {**asdict(self), "verdict": self.verdict.value, "settings": plain, "parts": parts, "exit_code": self.exit_code}


# --- distances ------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measure:
    """How far a subject is from one convention."""

    convention: Convention
    error_in_bounds: float
    error_ulps: float
    divergence: Divergence | None


def expected(convention: Convention, record: Record) -> tuple[Any, Any]:
    """What a convention makes of a run: certified balls, and the bound of what rounding does in the run's dtype."""
    from ..arithmetic import certified, rounding_bound

    dtype = record.points.dtype
    theta = record.fixture.start(record.lr, dtype.type)
    arguments = (theta, record.fixture.gradients(dtype.type), record.fixture.rates(record.lr))
    hyper = {"momentum": record.momentum, "dampening": record.dampening}
    balls = certified(convention.trajectory, *arguments, dtype=dtype, **hyper)
    return balls, rounding_bound(convention.trajectory, *arguments, dtype=dtype, **hyper)


def measured(convention: Convention, records: Iterable[Record]) -> Measure:
    """The largest error over all runs, in bounds and in ulps, and the first place where it is too large."""
    bounds, ulps, divergence = 0.0, 0.0, None
    for record in records:
        balls, allowed = expected(convention, record)
        errors, units = errors_of(record.points, balls)
        ratios = in_bounds(errors, allowed)
        with np.errstate(over="ignore"):  # where 0 is due the unit is the smallest there is
            bounds, ulps = max(bounds, float(np.max(ratios))), max(ulps, float(np.max(errors / units)))
        divergence = divergence or first_divergence(convention, record, balls, ratios)
    return Measure(convention, finite(bounds), finite(ulps), divergence)


def errors_of(points: Any, balls: Any) -> tuple[Any, Any]:
    """How far points are from balls, rounded up, and the unit in the last place of each ball."""
    from ..arithmetic import Ball
    from ..arithmetic.ball import spacing

    errors = np.frompyfunc(lambda one: float(one.abs_upper()), 1, 1)(Ball.plain(Ball(points) - balls))
    units = np.frompyfunc(lambda one: float(spacing(one, points.dtype)), 1, 1)(Ball.plain(balls))
    return errors.astype(float), units.astype(float)


def first_divergence(convention: Convention, record: Record, balls: Any, ratios: Any) -> Divergence | None:
    """The first step and coordinate at which a run is further off than rounding explains."""
    from ..arithmetic import Ball

    if not np.any(ratios > ALLOWED):
        return None
    step, coordinate = (int(i) for i in np.argwhere(ratios > ALLOWED)[0])
    return Divergence(
        convention=convention.id,
        name=convention.name,
        step=step + 1,
        coordinate=coordinate,
        got=float(record.points[step, coordinate]),
        expected=float(Ball.plain(balls)[step, coordinate].mid()),
        error_in_bounds=finite(ratios[step, coordinate]),
        momentum=record.momentum,
    )


def in_bounds(errors: Any, bounds: Any) -> Any:
    """Errors in units of bounds; an exact value may have the bound 0, and no error then."""
    return np.where(errors == 0, 0.0, np.divide(errors, bounds, out=np.full_like(errors, np.inf), where=bounds > 0))


def finite(value: float) -> float:
    """A number that JSON knows."""
    return min(float(value), sys.float_info.max)


def rough_distance(convention: Convention, records: Iterable[Record]) -> tuple[int, float]:
    """How many runs a convention's trajectory in floats misses, and by how much relative to its size: a ranking, no verdict."""
    distances = []
    for record in records:
        start, gradients = record.fixture.start(record.lr, np.float64), record.fixture.gradients(np.float64)
        hyper = {"momentum": record.momentum, "dampening": record.dampening}
        points = convention.trajectory(start, gradients, record.fixture.rates(record.lr), **hyper)
        distances.append(float(np.max(np.abs(points - record.points) / np.max(np.abs(points), axis=0))))
    return sum(one > ROUGH for one in distances), max(distances)


# --- classes of conventions that coincide ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Class:
    """Conventions that no run at these hyper-parameters tells apart, and why; of several `kinds` if a changing lr would part them."""

    members: tuple[Convention, ...]
    why: Mapping[str, tuple[str, ...]]
    kinds: tuple[Convention, ...]


def classes(records: tuple[Record, ...]) -> list[Class]:
    """The conventions that these runs can show, those together that coincide."""
    always = [Setting(one.momentum, one.dampening) for one in records]
    here = [one._replace(constant_lr=not record.fixture.changes_lr) for one, record in zip(always, records, strict=True)]
    groups: dict[tuple[Convention, ...], list[Convention]] = {}
    for one in bank().values():
        if all(shows(one, setting) for setting in here):
            groups.setdefault(tuple(normal_form(one, setting)[0] for setting in here), []).append(one)
    return [class_of(members, always, here) for members in groups.values()]


def class_of(members: list[Convention], always: list[Setting], here: list[Setting]) -> Class:
    """Members with the reasons why they coincide, and the first member of each kind."""
    kinds: dict[tuple[Convention, ...], Convention] = {}
    for one in members:
        kinds.setdefault(tuple(normal_form(one, setting)[0] for setting in always), one)
    members = sorted(members, key=lambda one: one != normal_form(one, always[0])[0])  # the plain one first
    why = {one.id: tuple(dict.fromkeys(reason for setting in here for reason in normal_form(one, setting)[1])) for one in members}
    return Class(tuple(members), why, tuple(kinds.values()))


def ignored(convention: Convention, settings: Mapping[str, Any]) -> list[str]:
    """The hyper-parameters that were set and that a convention knows nothing of."""
    nesterov = settings.get("nesterov")
    found = {
        "momentum": settings.get("momentum") and convention.family == "sgd",
        "dampening": settings.get("dampening") and convention.dampening not in ("first-step-full", "from-zero"),
        "nesterov": nesterov is not None and bool(nesterov) != (convention.family == "nesterov"),
    }
    return [f"{name} = {settings[name]!r}" for name, is_ignored in found.items() if is_ignored]


def representative(members: Iterable[Convention], settings: Mapping[str, Any]) -> Convention:
    """The member that answers to the hyper-parameters, a right one before a wrong one."""
    return min(members, key=lambda one: (not one.right, len(ignored(one, settings))))


# --- the two questions ----------------------------------------------------------------------------------------------------------------


def check(
    subject: Any,
    settings: Mapping[str, Any] | None = None,
    *,
    against: str | None = None,
    names: Mapping[str, str] | None = None,
    dtype: str = "float64",
    timeout: float = TIMEOUT,
    evidence: bool = False,
    prove: bool = False,
) -> Result:
    """Whether an implementation conforms to a right convention, or to the one named.

    The subject is a name (`torch.optim:SGD`, `mine.py:MyMomentum`) or a class or module that can be imported. `settings` are its
    hyper-parameters, `names` translates its names into ours. A function is checked against a formula of the catalogue: the one that has its
    name, or the one named. With `evidence` it meets the pieces of evidence of its entry too; with `prove` it is executed on symbols.
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
    names: Mapping[str, str] | None = None,
    dtype: str = "float64",
    timeout: float = TIMEOUT,
) -> Result:
    """Which convention an implementation follows, right or wrong."""
    task = Task("", settings or {}, names or {}, known_dtype(dtype))
    return judged(task, subject, "identify", None, timeout) or judged_as_function(task, subject, "identify", timeout)


def names_formula_alone(name: str) -> bool:
    """Whether a name is that of a formula and of no optimizer's convention."""
    from .functions import is_formula

    try:
        return not find(name)
    except KeyError:
        return is_formula(name)


def judged_as_function(task: Task, subject: Any, command: str, timeout: float, **options: Any) -> Result:
    """What the kit for functions says."""
    from .functions import check_function

    return check_function(subject, settings=task.settings, names=task.names, dtype=task.dtype, timeout=timeout, command=command, **options)


def convention_named(name: str) -> Convention:
    """A convention of the bank, or ValueError with the nearest names."""
    import difflib

    try:
        return find(name)
    except KeyError:
        from ...reference import FORMULAS

        near = difflib.get_close_matches(name, [*bank(), *FORMULAS], n=3, cutoff=0.3)
        raise ValueError(f"no convention is called {name!r}" + (f"; did you mean {', '.join(near)}?" if near else "")) from None


def known_dtype(dtype: str) -> str:
    """The dtype, if it is one that subjects are run in."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r}: {' or '.join(DTYPES)} is allowed")
    return dtype


def judged(task: Task, subject: Any, command: str, wanted: Convention | None, timeout: float) -> Result | None:
    """Drive the subject and say what it follows; nothing of a function."""
    try:
        target = reference_to(subject)
    except NotFound as problem:
        target, report = repr(subject), Report(faults=(Fault("not-found", str(problem)),))
    else:
        report = observe(replace(task, target=target), timeout)
    if report.is_function:
        return None
    return verdict_on(report, replace(task, target=target), command, wanted)


def verdict_on(report: Report, task: Task, command: str, wanted: Convention | None = None) -> Result:
    """What a report says of its subject."""
    common: dict[str, Any] = {
        "subject": task.target,
        "command": command,
        "against": wanted.id if wanted else None,
        "dtype": task.dtype,
        "steps": max((len(one.points) for one in report.records), default=0),
        "settings": dict(report.settings or task.settings),
        "assumed": dict(report.assumed),
        "faults": report.faults,
        "environment": environment(report),
    }
    title = titled(task.target, report)
    if fatal := [one for one in report.faults if one.fatal]:
        return Result(verdict=Verdict.ERROR, sentence=f"{title} could not be judged: {fatal[0].detail}.", **common)
    found = followed(report, command, wanted, title)
    if report.faults:
        words = "; ".join(one.detail for one in report.faults)
        found |= {
            "verdict": Verdict.ERROR,
            "sentence": f"{title} misbehaves: {words}. Apart from that it{found['sentence'].removeprefix(title)}",
        }
    return Result(**{**common, **found})


def environment(report: Report) -> dict[str, str]:
    """What the verdict may depend on."""
    return environment_of(report.library, report.version)


def environment_of(library: str, library_version: str) -> dict[str, str]:
    """The same of any subject."""
    own = {"python": platform.python_version(), "numpy": np.__version__, "trainspec": version("trainspec"), "platform": platform.platform()}
    return own | ({"library": library, "library_version": library_version} if library_version else {})


def titled(target: str, report: Any) -> str:
    """A subject's name in a sentence: of a library, with its version."""
    if not report.version or not target.startswith(report.library):
        return target
    return f"{target.replace(':', '.')} {report.version.partition('+')[0]}"


def followed(report: Report, command: str, wanted: Convention | None, title: str) -> dict[str, Any]:
    """What the records say."""
    ranked = sorted(classes(report.records), key=lambda one: rough_distance(one.members[0], report.records))
    by_class = [(measured(one.members[0], report.records), one) for one in ranked[:NEAREST]]
    by_class.sort(key=lambda pair: pair[0].error_in_bounds)
    matching = [one for measure, one in by_class if measure.error_in_bounds <= ALLOWED]
    nearest = [member for one in ranked for member in one.members if member.right and not ignored(member, report.settings)]
    question = Question(report, command, wanted, title, nearest[0])
    if not matching:
        return unmatched(question)
    members = [member for one in matching for member in one.members]
    best = wanted if wanted in members else representative(members, report.settings)
    measure, group = next((measure, one) for measure, one in by_class if best in one.members)
    facts = described(best, measure, group)
    if rivals := [(measure, one) for measure, one in by_class if one not in matching]:
        rival, error = representative(rivals[0][1].members, report.settings), rivals[0][0].error_in_bounds
        facts |= {"runner_up": Rival(rival.id, rival.name, error), "margin": error}
    kinds = [kind for one in matching for kind in one.kinds]
    return facts | judgement(question, best, members, kinds, f"{best.name}: {evidence_in_words(facts, report)}.")


@dataclass(frozen=True)
class Question:
    """What was seen, what was asked, and the right convention that comes nearest."""

    report: Report
    command: str
    wanted: Convention | None
    title: str
    nearest: Convention


def described(best: Convention, measure: Measure, group: Class) -> dict[str, Any]:
    """The convention that is followed, in full."""
    same = [one for one in group.members if one != best]
    reasons = {one.id: tuple(dict.fromkeys((*group.why[best.id], *group.why[one.id]))) for one in same}
    return {
        "convention": best.id,
        "name": best.name,
        "right": best.right,
        "axes": best.axes,
        "equations": best.equations,
        "formulas": best.formulas,
        "relation": relation_in_words(best),
        "identities": tuple(Same(one.id, one.name, reasons[one.id]) for one in same),
        "error_in_bounds": measure.error_in_bounds,
        "error_ulps": measure.error_ulps,
    }


def judgement(asked: Question, best: Convention, members: list[Convention], kinds: list[Convention], follows: str) -> dict[str, Any]:
    """The verdict on a subject that follows something, and the sentence that says it."""
    if asked.command == "check" and asked.wanted and asked.wanted not in members:
        return deviation(asked.wanted, asked.report, f"{asked.title} deviates from {asked.wanted.name}: it follows {follows}")
    words = f"{asked.title} follows {follows}"
    if len(kinds) > 1:
        others = "; or ".join(one.name for one in kinds if one != best and one.right >= best.right)
        fixed = not all(one.fixture.changes_lr for one in asked.report.records)
        words += " Its learning rate cannot be changed, and while it is constant" if fixed else " At these hyper-parameters"
        words += f" the same steps are those of {others}." if others else " mistakes are among what makes the same steps."
        return {"verdict": Verdict.AMBIGUOUS, "candidates": tuple(one.id for one in kinds), "sentence": words}
    if asked.command == "identify":
        return {"verdict": Verdict.IDENTIFIED, "sentence": words}
    if asked.wanted:
        return {"verdict": Verdict.CONFORMS, "sentence": words}
    if not best.right:
        return deviation(best.corrected, asked.report, f"{asked.title} deviates: it follows {follows}")
    if unused := ignored(best, asked.report.settings):
        return deviation(asked.nearest, asked.report, f"{asked.title} deviates: with {' and '.join(unused)} it follows {follows}")
    return {"verdict": Verdict.CONFORMS, "sentence": words}


def deviation(wanted: Convention, report: Report, words: str) -> dict[str, Any]:
    """A deviation from a convention, and where it begins."""
    divergence = measured(wanted, report.records).divergence
    return {"verdict": Verdict.DEVIATES, "divergence": divergence, "sentence": words + (f" {place(divergence)}" if divergence else "")}


def place(divergence: Divergence) -> str:
    """Where a deviation begins, as a sentence."""
    return (
        f"At momentum {divergence.momentum:g} it leaves {divergence.name} in step {divergence.step}, coordinate {divergence.coordinate}: "
        f"{divergence.got!r} where {divergence.expected!r} is due."
    )


def unmatched(asked: Question) -> dict[str, Any]:
    """Nothing in the bank fits: the nearest right convention, or the one asked for, and where it is left."""
    against = asked.wanted or asked.nearest
    measure = measured(against, asked.report.records)
    words = f"{asked.title} follows no convention of momentum that has a name here."
    if asked.report.assumed:
        words += f" It was taken to have {in_words(asked.report.assumed)}; if it has another, say so."
    return {
        "verdict": Verdict.UNMATCHED if asked.command == "identify" else Verdict.DEVIATES,
        "sentence": words + (f" {place(measure.divergence)}" if measure.divergence else ""),
        "runner_up": Rival(against.id, against.name, measure.error_in_bounds),
        "divergence": measure.divergence,
    }


def in_words(settings: Mapping[str, Any]) -> str:
    """Hyper-parameters in a sentence."""
    return ", ".join(f"{name} = {value!r}" for name, value in settings.items())


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
