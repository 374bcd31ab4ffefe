"""Judge an optimizer: which convention it follows, by how much it misses it, and how far away the next one is."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....reference import FORMULAS
from ..environment import environment_of
from ..hyperparameters import DEFAULTS
from ..implementation import Task
from ..report import sentences
from ..result import (
    NATIVE,
    EquivalentConvention,
    ErrorResult,
    Fault,
    OptimizerResult,
    Result,
    RunnerUp,
    Verdict,
)
from ..sandbox import TIMEOUT, result_or_fault
from .claims import claim_of, is_claim_kept
from .combinations import all_conventions, combinations, find_convention
from .conventions import AXES, CATALOGUE_FORMULAS, FAMILIES, Convention, canonical
from .counterexample import find_counterexample
from .equivalence import are_equivalent, reasons_of_equivalence, runners_up, with_changing_lr
from .fixtures import LATE, MATRIX
from .late import departures
from .matching import Candidates, Measurement, Runs, last_divergence, last_to_diverge, measure, moves, search_built_in, setting_of
from .narrow import match_narrow
from .options import JudgedOption, judge_options
from .planning import defaulted
from .precision import Findings, Precision, in_single_precision, match_narrower
from .preferences import ignored_settings, preference, preferred_match
from .printed import errata_of, printed_form_of, printed_steps
from .relations import relation_in_words
from .runner import OptimizerReport, run_optimizer
from .search import find_combined_mistakes, find_generated_mistakes
from .sharding import sharding_of

DEVIATIONS = ("not-finite", "returns-change")  # faults that are deviations: the formula says what is due
REMARKS = ("dtype-upcast",)  # faults that leave the verdict as it is: a wider dtype holds all that is due


def convention_named(name: str) -> Convention:
    """Return a convention by id, readable name or catalogue id; ValueError with the nearest names."""
    try:
        return find_convention(name)
    except KeyError:
        by_function = {formula.__name__: identifier for identifier, formula in FORMULAS.items() if states_convention(identifier)}
        same = [by_function[name.lower()]] if name.lower() in by_function else []
        near = same or difflib.get_close_matches(name.lower(), [*all_conventions(), *FORMULAS], n=3, cutoff=0.3)
        raise ValueError(f"no convention is called {name!r}" + (f"; did you mean {', '.join(near)}?" if near else "")) from None


def states_convention(formula: str) -> bool:
    """Return whether a formula of the catalogue states a convention of optimizers."""
    return any(formula in formulas for formulas in CATALOGUE_FORMULAS.values())


def check_optimizer(
    task: Task, process: Any, command: str = "check", expected: Convention | None = None, timeout: float = TIMEOUT
) -> Result | None:
    """Run an optimizer in a process and return the verdict, with a small counterexample if it deviates. Return None for a function."""
    pending = process.submit(run_optimizer, task, timeout=timeout)
    from ... import arithmetic  # noqa: F401 - it loads while the optimizer runs, and so do the errata

    printed_steps()
    answer = result_or_fault(pending)
    report = OptimizerReport(faults=(answer,)) if isinstance(answer, Fault) else answer
    if report.is_function:
        return None
    if command == "check":
        process.preload("hypothesis", ".optimizers.counterexample")
    result, task = judge_with_matrices(report, task, process, command, expected, timeout)
    if isinstance(result, OptimizerResult) and result.verdict is Verdict.DEVIATES and result.divergence and not result.situation:
        wrong = next((dict(option.settings) for option in result.options if option.conforms is False), {})
        switched_on = replace(task, settings={**task.settings, **wrong})
        found = result_or_fault(process.submit(find_counterexample, switched_on, result.divergence.convention, timeout=timeout))
        return result if isinstance(found, Fault) else replace(result, counterexample=found)
    return result


def judge_with_matrices(
    report: OptimizerReport, task: Task, process: Any, command: str, expected: Convention | None, timeout: float
) -> tuple[Result, Task]:
    """Return what a report says of an optimizer, and the task: one that moves matrices otherwise than vectors is run on matrices too."""
    task = replace(task, kind=report.kind)
    result = judge_optimizer(report, task, command, expected)
    if report.treats_matrices_otherwise and (expected is None or FAMILIES[expected.family].kind == MATRIX):
        task = replace(task, kind=MATRIX)
        of_matrices = result_or_fault(process.submit(run_optimizer, task, timeout=timeout))
        if isinstance(of_matrices, OptimizerReport):
            result = with_vectors(judge_optimizer(of_matrices, task, command, expected), result)
    return result, task


def with_vectors(of_matrices: Result, of_vectors: Result) -> Result:
    """Return the result for matrices, with what is done to vectors; that for vectors where nothing is known for matrices."""
    if not isinstance(of_matrices, OptimizerResult) or of_matrices.convention is None:
        return of_vectors
    name = of_vectors.name if isinstance(of_vectors, OptimizerResult) else None
    return replace(of_matrices, message=of_matrices.message + sentences.of_vectors_sentence(name))


def judge_optimizer(report: OptimizerReport, task: Task, command: str, expected: Convention | None = None) -> Result:
    """Return what a report says of an optimizer."""
    title = sentences.subject_title(task.target, report.library, report.version)
    common: dict[str, Any] = {
        "subject": task.target,
        "command": command,
        "expected": expected.id if expected else None,
        "dtype": task.dtype,
        "settings": dict(report.settings or task.settings),
        "faults": report.faults,
        "environment": environment_of(report.library, report.version, report.environment),
    }
    if fatal := [fault for fault in report.faults if fault.fatal]:
        message = sentences.could_not_be_judged(title, fatal[0])
        kind = OptimizerResult if report.runs or report.settings or fatal[0].kind == "settings" else ErrorResult
        return kind(verdict=Verdict.ERROR, message=message, **common)
    facts = match_result(JudgementContext(report, command, expected, title, task.target))
    if unclear := unclear_settings(facts, report):
        unknown = Fault("settings", unclear)
        message = sentences.could_not_be_judged(title, unknown)
        return OptimizerResult(**{**common, "verdict": Verdict.ERROR, "message": message, "faults": (*report.faults, unknown)})
    serious = [fault for fault in report.faults if fault.kind not in REMARKS]
    if serious:
        deviates = all(fault.kind in DEVIATIONS for fault in serious)
        facts["verdict"] = Verdict.DEVIATES if deviates else Verdict.ERROR
        facts["message"] = sentences.with_faults(title, facts["message"], report.faults)
    elif report.faults:
        facts["message"] = f"{facts['message']} But {sentences.details(report.faults)}."
    steps = max((len(run.points) for run in report.runs), default=0)
    return OptimizerResult(**{**common, "steps": steps, **facts})


def unclear_settings(facts: Mapping[str, Any], report: OptimizerReport) -> str:
    """Return what is unclear about its settings, in words: a rate that cannot be set, or one that it does not take and has no use for."""
    name = facts.get("convention")
    if report.fixed_rate and facts["verdict"] in (Verdict.DEVIATES, Verdict.UNMATCHED) and depends_on_rate(name, report):
        return report.fixed_rate
    said = {key: report.settings[key] for key in report.built_in}
    ignored = [text.partition(" = ")[0] for text in ignored_settings(find_convention(name), said)] if name else []
    return f"it takes no {ignored[0]!r}, and {facts['name']} has none" if ignored else ""


def depends_on_rate(name: str | None, report: OptimizerReport) -> bool:
    """Return whether the steps of a convention depend on the learning rate; where nothing is followed, they may."""
    if name is None:
        return True
    run = report.runs[0]
    theta, grads, lrs, slopes = run.inputs(np.float64)
    first, second = (find_convention(name).trajectory(theta, grads, factor * lrs, slopes, **run.hyper) for factor in (1, 2))
    return not np.array_equal(first, second)


@dataclass(frozen=True)
class JudgementContext:
    """What was observed, and what was asked."""

    report: OptimizerReport
    command: str
    expected: Convention | None
    title: str
    target: str

    @property
    def runs(self) -> Runs:
        """The runs that were observed."""
        return self.report.runs


@dataclass(frozen=True)
class Match:
    """The convention that runs follow best, those that are the same one, and others that they may follow as well."""

    best: Convention
    same: list[Convention]
    others: list[Convention]
    precision: Precision
    facts: str  # in words


def match_result(context: JudgementContext) -> dict[str, Any]:
    """Return the fields of the result that the runs decide."""
    runs, matching, inferred, precision, not_told_apart, in_single = find_matches(context.report, context.expected)
    context = replace(context, report=as_understood(context.report, runs))
    if not matching:
        unmatched = unmatched_fields(context, in_single)
        return unmatched | names_told(context, unmatched["message"])
    members = [measurement.convention for measurement in matching]
    best = context.expected if context.expected in members else preferred_match(members, context.report.used_settings)
    assert best is not None
    measurement = next(measurement for measurement in matching if measurement.convention == best)
    same = [member for member in members if member == best or are_equivalent(best, member, context.runs)]
    near = runners_up(best, context.runs, members, precision.performed)
    runner_up = RunnerUp(near[0].convention.id, near[0].convention.name, near[0].error_in_bounds) if near else None
    initial = initial_second_moment(best, context.report)
    fields: dict[str, Any] = {
        "convention": best.id,
        "name": best.name,
        "is_correct": best.right,
        "axes": {**best.axes, "initial_second_moment": initial, "precision": precision.name, **rounding_axis(runs)},
        "equations": best.equations,
        "formulas": best.formulas,
        "relation": relation_in_words(best),
        "identities": tuple(
            EquivalentConvention(other.id, other.name, reasons_of_equivalence(best, other, context.runs)) for other in same if other != best
        ),
        "error_in_bounds": measurement.error_in_bounds,
        "error_ulps": measurement.error_ulps,
        "inferred_hyperparameters": {**defaulted(context.report.used_settings, best.needs), **inferred},
        "runner_up": runner_up,
        "margin": runner_up.error_in_bounds if runner_up else None,
    }
    others = [member for member in members if member not in same]
    others += [other.convention for other in near if other.follows and precision.name == NATIVE]
    facts = sentences.convention_facts(best, measurement, len(context.runs[0].points), runner_up)
    fields |= decide(context, Match(best, same, others, precision, facts))
    fields |= rounding_fields(fields, runs, not_told_apart)
    fields |= late_fields(context, best, inferred, fields, facts)
    fields |= option_fields(context, best, inferred, fields, facts)
    fields |= arrays_fields(context, best, inferred, fields, facts)
    fields |= claim_fields(context, same, fields)
    fields |= errata_fields(context, best, fields)
    if fields["verdict"] in JUDGED:
        fields["message"] += sentences.not_tried_sentence(fields["not_tried"])
    return fields | names_told(context, fields["message"])


def rounding_axis(runs: Runs) -> dict[str, str]:
    """Return where a program of a narrow format rounds, as the value of an axis; nothing in other formats."""
    return {"rounding": runs[0].storage.label} if runs[0].storage else {}


def rounding_fields(fields: Mapping[str, Any], runs: Runs, not_told_apart: tuple[Convention, ...]) -> dict[str, Any]:
    """Return what is said in a narrow format: within which bound an optimizer is, and which mistakes that bound does not exclude."""
    if runs[0].storage is None:
        return {}
    message = f"{fields['message']} {sentences.within_rounding(runs[0].storage.words)}"
    if not not_told_apart:
        return {"message": message}
    message += f" {sentences.not_excluded([convention.name for convention in not_told_apart])}"
    is_passing = fields["verdict"] in (Verdict.CONFORMS, Verdict.IDENTIFIED)
    candidates = (fields["convention"], *(convention.id for convention in not_told_apart))
    return {"message": message, **({"verdict": Verdict.AMBIGUOUS, "candidates": candidates} if is_passing else {})}


def names_told(context: JudgementContext, message: str) -> dict[str, Any]:
    """Return a message that says first what names were taken as that mean several things, and which numbers stayed at their defaults."""
    if context.report.left:
        message = sentences.with_left_parameters(context.title, message, context.report.left)
    if context.report.taken:
        message = sentences.with_guessed_names(context.title, message, context.report.taken)
    return {"message": message}


def late_fields(
    context: JudgementContext, best: Convention, inferred: Mapping[str, float], fields: Mapping[str, Any], facts: str
) -> dict[str, Any]:
    """Return the verdict on an optimizer that leaves the convention that it follows only in a long run or in arrays of many entries."""
    report, long_run = context.report, context.report.long_run
    if fields["verdict"] not in JUDGED or fields["axes"]["precision"] != NATIVE:
        return {}
    runs = (replace(long_run, hyper={**long_run.hyper, **inferred}),) if long_run else ()
    if runs and last_divergence(best, runs[0]) is not None:
        return deviation_fields(best, runs, sentences.optimizer_deviates_late(context.title, facts, len(runs[0].points)))
    for departure in departures(best, (*(report.late_runs if runs else ()), *report.wide_runs), inferred):
        message = sentences.optimizer_deviates_late(context.title, facts, LATE, departure.shape)
        return {"verdict": Verdict.DEVIATES, "message": message + sentences.departure_sentence(departure)}
    return {}


def arrays_fields(
    context: JudgementContext, best: Convention, inferred: Mapping[str, float], fields: Mapping[str, Any], facts: str
) -> dict[str, Any]:
    """Return the verdict on an optimizer that leaves the convention that it follows with several arrays, groups, or when it is resumed."""
    arrays = context.report.arrays
    if fields["verdict"] not in JUDGED:
        return {}
    for difference in sorted(arrays.differences, key=lambda difference: not difference.explanation):
        runs = (replace(difference.run, hyper={**difference.run.hyper, **inferred}),)
        if last_divergence(best, runs[0]) is not None:
            deviation = sentences.deviation_of_arrays(difference)
            message = sentences.optimizer_deviates_with_arrays(context.title, deviation, facts)
            if context.command == "identify":
                return {"message": f"{fields['message']} But {deviation}."}
            return {"situation": difference.situation, **deviation_fields(best, runs, message)}
    sharded = sharding_of(best, replace(context.runs[-1], hyper={**context.runs[-1].hyper, **inferred}), arrays)
    together = [sentences.NOT_SHARDED] if sharded == "by design not" else []
    return {"sharded": sharded, "message": " ".join([fields["message"], *arrays.remarks, *together])}


def claim_fields(context: JudgementContext, same: list[Convention], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the formula that the name of an implementation says, if it follows another one and nothing was asked for."""
    claim = None if context.expected else claim_of(sentences.short_name(context.target))
    with_options = [find_convention(option.convention) for option in fields.get("options", ()) if option.convention]
    if claim is None or is_claim_kept(claim[1], [*same, *with_options]):
        return {}
    return {"claim": claim[0], "message": fields["message"] + sentences.claim_sentence(claim[1].name, claim[0])}


def errata_fields(context: JudgementContext, best: Convention, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the errata that print the convention that is followed; the canonical form of a family is none."""
    printed = [] if best == canonical(best.family) else errata_of(best, context.runs)
    told = "".join(sentences.erratum_sentence(step) for step in printed)
    return {"errata": tuple(step.erratum.id for step in printed), "message": fields["message"] + told} if printed else {}


JUDGED = (Verdict.CONFORMS, Verdict.AMBIGUOUS, Verdict.IDENTIFIED)


def option_fields(
    context: JudgementContext, best: Convention, inferred: Mapping[str, float], fields: Mapping[str, Any], facts: str
) -> dict[str, Any]:
    """Return what the options that are off by default change in a result: a mistake with one of them on is a deviation."""
    report = context.report
    refused = [f"{sentences.settings_text(option.settings)} ({option.refusal})" for option in report.options if option.refusal]
    not_tried = (*report.arrays.not_tried, *refused, *report.not_run)
    changed: dict[str, Any] = {"unused": report.unused, "tried": report.arrays.tried, "not_tried": not_tried}
    if fields["verdict"] not in JUDGED:
        return changed
    judged = judge_options(report, best, context.expected, inferred, rank=preference, ignored=ignored_settings)
    used = {name for option in judged for name in option.option.settings}
    unused = (*report.unused, *(option.name for option in report.options if option.run and option.name not in used))
    changed |= {"options": tuple(option.option for option in judged), "unused": unused}
    wrong = [option for option in judged if not option.option.conforms]
    if wrong and context.command == "check":
        against = wrong[0].expected or (wrong[0].follows.corrected if wrong[0].follows and not wrong[0].follows.right else None)
        against = against or nearest_correct(with_option_on(report, wrong[0]), context.title, best)
        message = sentences.optimizer_deviates_with_options(context.title, [option.clause for option in wrong], facts)
        return {**changed, **deviation_fields(against, wrong[0].runs, message)}
    told = "".join(option.sentence for option in judged)
    if seen := [fault for option in report.options for fault in option.faults if fault.kind not in {fault.kind for fault in report.faults}]:
        told += f" But {sentences.details(seen)}."
        changed["faults"] = (*report.faults, *seen)
    told += sentences.unused_sentence(unused)
    return {**changed, "message": fields["message"] + told}


def with_option_on(report: OptimizerReport, judged: JudgedOption) -> OptimizerReport:
    """Return the report as if an option had been asked for."""
    return replace(report, runs=judged.runs, settings={**report.used_settings, **judged.option.settings})


def initial_second_moment(convention: Convention, report: OptimizerReport) -> float:
    """Return what the squares of a convention start at, as a number."""
    named = {"eps": "eps", "given": "initial_second_moment", "both-given": "initial_second_moment"}.get(convention.initial_second_moment)
    return report.runs[0].hyper.get(named, DEFAULTS[named]) if named else float(convention.initial_second_moment)


def find_matches(report: OptimizerReport, expected: Convention | None) -> Findings:
    """Return the conventions that the runs follow, with built-in values that were inferred, or what is kept in a narrower format."""
    runs = report.runs
    if runs[0].is_narrow:
        return match_narrow(runs, report.used_settings, expected)
    candidates = Candidates(runs)
    if followed := with_expected(candidates.following(), expected, runs):
        return Findings(runs, followed)
    precision, followed = match_narrower(candidates)
    if followed:
        return Findings(runs, followed, precision=precision)
    stated = stated_hyperparameters(report.used_settings)
    for mistaken in (False, True):
        inferred, followed = search_built_in(runs, stated, mistaken=mistaken)
        if followed:
            assuming = tuple(replace(run, hyper={**run.hyper, **inferred}) for run in runs)
            return Findings(assuming, with_expected(followed, expected, assuming), inferred)
        if not mistaken and (followed := find_generated_mistakes(runs, report.used_settings)):
            return Findings(runs, followed)
    followed = find_combined_mistakes(runs, report.used_settings)
    return Findings(runs, followed, in_single=() if followed else in_single_precision(candidates))


def with_expected(followed: list[Measurement], expected: Convention | None, runs: Runs) -> list[Measurement]:
    """Return the conventions that runs follow with the expected one, where they follow it too and it was not looked for."""
    if expected is None or expected in [measurement.convention for measurement in followed]:
        return followed
    return [*followed, *(measurement for measurement in [measure(expected, runs)] if measurement.follows)]


def as_understood(report: OptimizerReport, runs: Runs) -> OptimizerReport:
    """Return a report with its runs as they are understood, and the others judged by where the same program rounds."""
    storage = runs[0].storage
    options = tuple(replace(option, run=option.run and replace(option.run, storage=storage)) for option in report.options)
    differences = tuple(replace(item, run=replace(item.run, storage=storage)) for item in report.arrays.differences)
    long_run, arrays = report.long_run and replace(report.long_run, storage=storage), replace(report.arrays, differences=differences)
    return replace(report, runs=runs, long_run=long_run, options=options, arrays=arrays)


def stated_hyperparameters(settings: Mapping[str, Any]) -> set[str]:
    """Return the hyper-parameters that an optimizer states, and those that its decay stands for."""
    decays = {"beta2", "momentum"} if {"decay", "beta1", "beta2", "momentum"} & set(settings) else set()
    return {*settings, *decays}


def decide(context: JudgementContext, match: Match) -> dict[str, Any]:
    """Return the verdict on an optimizer that follows something, and its message."""
    expected, best, facts = context.expected, match.best, match.facts
    message = sentences.optimizer_follows(context.title, facts, match.precision.name, match.precision.values)
    if not moves(best, context.runs):
        return {"verdict": Verdict.AMBIGUOUS, "is_correct": None, "message": message + sentences.AT_REST}
    if context.command == "check" and expected and expected not in match.same:
        return deviation_fields(expected, context.runs, sentences.optimizer_deviates(context.title, facts, expected=expected.name), best)
    if alternatives := ambiguous_alternatives(context, match):
        constant = alternatives[0] in match.same
        message = sentences.ambiguous(message, alternatives, constant_lr=constant)
        candidates = tuple(convention.id for convention in (best, *alternatives))
        return {"verdict": Verdict.AMBIGUOUS, "candidates": candidates, "message": message}
    if context.command == "identify":
        return {"verdict": Verdict.IDENTIFIED, "message": message}
    if not match.precision.is_explained:
        return {"verdict": Verdict.DEVIATES, "message": message}
    if expected:
        return {"verdict": Verdict.CONFORMS, "message": message}
    if not best.right:
        return deviation_fields(best.corrected, context.runs, sentences.optimizer_deviates(context.title, facts), best)
    if ignored := ignored_settings(best, context.report.used_settings):
        against = nearest_correct(context.report, context.title, best)
        return deviation_fields(against, context.runs, sentences.optimizer_deviates(context.title, facts, ignored=ignored))
    return {"verdict": Verdict.CONFORMS, "message": message}


def ambiguous_alternatives(context: JudgementContext, match: Match) -> list[Convention]:
    """Return the other conventions that the runs do not exclude; first those that a changing learning rate would tell apart."""
    equal_here: list[Convention] = []
    if setting_of(context.runs).constant_lr:
        velocities = [member for member in match.same if member != match.best and member.has_velocity]
        equal_here = [member for member in velocities if not are_equivalent(match.best, member, with_changing_lr(context.runs))]
    return [member for member in (*equal_here, *match.others) if member.right >= match.best.right]


def nearest_correct(report: OptimizerReport, title: str, best: Convention | None = None) -> Convention:
    """Return the correct convention that the runs diverge from last: of the matched family, of one named in the title, or of any."""
    setting = setting_of(report.runs)
    short = sentences.short_name(title).lower()
    families = setting.families
    named = (family for family in sorted(families, key=len, reverse=True) if family in short)
    for family in (*([best.family] if best else ()), *named, *families):
        pool = [
            convention
            for convention in combinations(family, setting, mistaken=False)
            if convention.deviation_count <= 1 and not ignored_settings(convention, report.used_settings)
        ]
        if pool:
            return last_to_diverge(pool, report.runs)
    return canonical(best.family if best else "sgd")


def deviation_fields(expected: Convention, runs: Runs, message: str, follows: Convention | None = None) -> dict[str, Any]:
    """Return the verdict of a deviation from a convention, and where it begins; no quantity is what differs where several values do."""
    divergence = measure(expected, runs).divergence
    if divergence and follows and differences_of(expected, follows) > 1:
        divergence = replace(divergence, explained_by=None)
    return {"verdict": Verdict.DEVIATES, "divergence": divergence, "message": message + sentences.divergence_sentence(divergence)}


def differences_of(convention: Convention, other: Convention) -> int:
    """Return in how many values two conventions differ; each of several mistakes counts."""
    differing = [axis for axis in ("family", *AXES) if getattr(convention, axis) != getattr(other, axis)]
    return len(differing) + max(0, len(set(other.mistake_parts) ^ set(convention.mistake_parts)) - 1)


def unmatched_fields(context: JudgementContext, in_single: Sequence[Measurement] = ()) -> dict[str, Any]:
    """Return the fields of an optimizer that follows nothing known: the nearest correct convention, and where it is left.

    Of those within whose bound of float32 it is, the expected one is taken, or the nearest; which quantity causes this is not said.
    """
    single = next((near for near in in_single if context.expected in (None, near.convention)), None)
    against = context.expected or (single.convention if single else nearest_correct(context.report, context.title))
    measurement = measure(against, context.runs)
    divergence = measurement.divergence
    taken = defaulted(context.report.used_settings, against.needs)
    printed = printed_form_of(context.runs)
    message = sentences.unmatched_optimizer(context.title)
    if single and divergence:
        divergence = replace(divergence, explained_by=None)
        others = [near.convention.name for near in in_single if near is not single]
        steps = len(context.runs[0].points)
        message = sentences.optimizer_in_single_precision(context.title, single, measurement.error_in_bounds, steps, others)
    message += sentences.taken_sentence(taken) + (sentences.erratum_sentence(printed) if printed else "")
    message += sentences.divergence_sentence(divergence)
    return {
        "errata": (printed.erratum.id,) if printed else (),
        "verdict": Verdict.UNMATCHED if context.command == "identify" else Verdict.DEVIATES,
        "message": message,
        "runner_up": RunnerUp(against.id, against.name, measurement.error_in_bounds),
        "divergence": divergence,
        "inferred_hyperparameters": taken,
    }
