"""Judge a function: whether it is the formula that it claims to be, or else which variant of it, by how much it is off, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ....reference import FORMULAS, Formula
from ...arithmetic.formats import NARROW
from ..environment import environment_of
from ..implementation import Task
from ..initializers.verdict import judge_initializer
from ..report import sentences
from ..result import ErrorResult, Fault, FunctionResult, InitializerResult, LayerResult, Result, RunnerUp, Verdict, finite
from ..sandbox import TIMEOUT, result_or_fault
from .bias import find_bias
from .bounds import midpoints, roundings_of
from .counterexample import TIME_LIMIT as COUNTEREXAMPLE_LIMIT
from .counterexample import find_counterexample
from .every_number import EVERY_INPUT
from .exhaustive import judge_every_number
from .matching import CLOSE, OWN_INFERENCES, FunctionMatch, FunctionMatcher, VariantFit
from .observations import FunctionObservations, FunctionReport, takes_generator
from .proof import EVIDENCE_LIMIT, PROOF_LIMIT, ProofResult, prove_function, run_pieces
from .ranks import MATRIX, rank_of, takes_any_rank
from .runner import run_functions
from .variants import chapter_variants, identity, variants_of

REMARKS_ON_DRAWS = ("modifies-global-rng",)  # many libraries draw from a generator of the process
PASSING = (Verdict.CONFORMS, Verdict.IDENTIFIED)
LEAST_OF_SINGLE = 2.0**20  # bounds of float64 that an error of float32 is at least, far above what a lost digit is


def check_function(
    task: Task, process: Any, command: str = "check", timeout: float = TIMEOUT, *, evidence: bool | None = None, prove: bool = False
) -> Result:
    """Call a function in a process and return the verdict, with evidence, a proof or a counterexample."""
    pending = process.submit(run_functions, task, timeout=timeout)
    from ... import arithmetic  # noqa: F401 - it loads while the function runs, and so do the variants

    chapter_variants()
    answer = result_or_fault(pending)
    report = FunctionReport(faults=(answer,)) if isinstance(answer, Fault) else answer
    if command == "check":
        process.preload("hypothesis", ".functions.proof", ".functions.counterexample", "trainspec.spec.evidence")
    result = judge_report(task, report, command)
    if task.dtype in NARROW:  # evidence, proofs and the search for counterexamples are in float64
        return result
    if isinstance(result, FunctionResult) and report.parts[0].calls:
        result = add_proof_and_evidence(result, process, task, timeout, prove=prove, evidence=evidence)
        result = add_counterexample(result, process, task)
    return result


def add_proof_and_evidence(
    result: FunctionResult, process: Any, task: Task, timeout: float, *, prove: bool, evidence: bool | None
) -> FunctionResult:
    """Return the result with a proof, where one was asked for and the function conforms, and with the evidence that was run on it."""
    conforms = result.verdict in PASSING
    evidence = (conforms and result.command == "check") if evidence is None else evidence
    if not (prove or evidence):
        return result
    inferred = dict(result.inferred_hyperparameters)
    answer = ProofResult()
    if evidence:
        pieces = result_or_fault(process.submit(run_pieces, task, inferred, prove, timeout=2 * EVIDENCE_LIMIT))
        answer = answer if isinstance(pieces, Fault) else pieces
    if prove:
        proof = proof_of(answer, process, task, inferred, timeout) if conforms else ProofResult(not_proved="what deviates is not proved")
        answer = replace(answer, proved=proof.proved, not_proved=proof.not_proved)
    seen = sentences.evidence_sentence(answer.evidence.values())
    message = result.message + (f" Of its pieces of evidence {seen}." if seen else "")
    if answer.proved or answer.not_proved:
        message += f" Proved {answer.proved}." if answer.proved else f" Not proved: {answer.not_proved}."
    if conforms and (refuted := answer.pieces("refuted")):
        message = sentences.refuted(result.subject, message, result.entry, refuted)
        result = replace(result, verdict=Verdict.DEVIATES, is_correct=False)
    elif conforms and (undecided := answer.pieces("unknown")):
        message = sentences.not_decided(result.subject, message, result.entry, undecided)
        result = replace(result, verdict=Verdict.AMBIGUOUS, is_correct=None)
    verdicts: Any = answer.evidence
    return replace(
        result,
        message=message,
        proved=answer.proved or None,
        not_proved=answer.not_proved or None,
        evidence=verdicts,
    )


def proof_of(evidence: ProofResult, process: Any, task: Task, inferred: Mapping[str, Any], timeout: float) -> ProofResult:
    """Return a proof, or why there is none: evidence stands against it, or it takes too long. A long time limit is for proofs too."""
    limit = timeout if timeout > TIMEOUT else PROOF_LIMIT
    answer = result_or_fault(process.submit(prove_function, task, inferred, timeout=limit))
    if isinstance(answer, Fault):
        hint = f"; --timeout {6 * PROOF_LIMIT:g} gives it more" if answer.kind == "timeout" else ""
        return ProofResult(not_proved=f"no proof was found: {answer.detail}{hint}")
    against = [f"{name} {verdict}" for verdict in ("refuted", "unknown") for name in evidence.pieces(verdict)]
    if isinstance(answer, ProofResult) and answer.proved and against:
        return ProofResult(not_proved=f"evidence does not hold: {', '.join(against)}")
    return answer if isinstance(answer, ProofResult) else ProofResult(not_proved="its process answers by something else")


def add_counterexample(result: FunctionResult, process: Any, task: Task) -> FunctionResult:
    """Return the result with a small input that shows the deviation."""
    if result.verdict is not Verdict.DEVIATES:
        return result
    inferred = dict(result.inferred_hyperparameters)
    answer = result_or_fault(process.submit(find_counterexample, task, inferred, timeout=COUNTEREXAMPLE_LIMIT))
    return result if isinstance(answer, Fault) or not answer else replace(result, counterexample=answer)


def judge_report(task: Task, report: FunctionReport, command: str) -> Result:
    """Return what a report says of an implementation: of a layer, of each of its functions."""
    title = sentences.subject_title(task.target, report.library, report.version)
    common: dict[str, Any] = {
        "subject": task.target,
        "command": command,
        "expected": task.against or None,
        "dtype": task.dtype,
        "settings": dict(task.settings),
        "environment": environment_of(report.library, report.version, report.environment),
    }
    if not report.parts:
        message = sentences.could_not_be_judged(title, report.faults[0])
        return ErrorResult(**common, verdict=Verdict.ERROR, message=message, faults=report.faults)
    results = [with_ranks(judge_of_any_rank(part, report, title, common), part) for part in report.parts]
    if len(results) == 1:
        return results[0]
    worst = max(results, key=lambda result: sentences.verdict_order().index(result.verdict))
    message = " ".join(result.message for result in results)
    return LayerResult(**common, verdict=worst.verdict, message=message, parts=tuple(results))


def judge_of_any_rank(
    part: FunctionObservations, report: FunctionReport, title: str, common: Mapping[str, Any]
) -> FunctionResult | InitializerResult:
    """Return the verdict on one function; on its matrices alone where only batches of higher rank come out otherwise."""
    result = judge_function(part, report, title, common)
    if result.verdict is not Verdict.DEVIATES or "otherwise" not in part.ranks.values() or not takes_any_rank(FORMULAS[part.formula]):
        return result
    matrices = tuple(call for call in part.calls if rank_of(FORMULAS[part.formula], call.case) <= MATRIX)
    of_matrices = judge_function(replace(part, calls=matrices), report, title, common)
    return of_matrices if of_matrices.verdict is Verdict.CONFORMS else result


def with_ranks(result: FunctionResult | InitializerResult, part: FunctionObservations) -> FunctionResult | InitializerResult:
    """Return the result of what conforms with how the rows of batches of higher rank come out.

    Where the formula speaks of batches of any rank, one whose rows come out otherwise deviates, and it is said which it refuses.
    """
    if not isinstance(result, FunctionResult) or result.verdict is not Verdict.CONFORMS:
        return result
    told = replace(result, ranks=part.ranks)
    is_claimed = takes_any_rank(FORMULAS[part.formula])
    if not is_claimed or "otherwise" not in part.ranks.values():
        message = result.message + sentences.ranks_sentence(part.ranks) + (sentences.refused_ranks(part.ranks) if is_claimed else "")
        return replace(told, message=message)
    message = sentences.rows_deviate(result.subject, result.message, part.ranks, part.mixed_axes)
    return replace(told, verdict=Verdict.DEVIATES, is_correct=False, message=message)


def judge_function(
    part: FunctionObservations, report: FunctionReport, title: str, common: Mapping[str, Any]
) -> FunctionResult | InitializerResult:
    """Return the verdict on one function."""
    draws = takes_generator(FORMULAS[part.formula])
    kind = InitializerResult if draws else FunctionResult
    faults = (*report.faults, *part.faults)
    fields = {**common, "entry": part.formula, "expected": part.formula, "settings": dict(part.settings), "faults": faults}
    fatal = [fault for fault in faults if fault.fatal]
    if fatal or not part.calls:
        reason = fatal[0] if fatal else Fault("settings", "no case is in its domain")
        message = sentences.could_not_be_judged(title, reason)
        message = sentences.with_guessed_names(title, message, part.guessed) if part.guessed else message
        return kind(**{**fields, "verdict": Verdict.ERROR, "message": message, "faults": faults or (reason,)})
    command = str(common["command"])
    if not draws and part.calls[0].case.separates == EVERY_INPUT:
        decided = judge_every_number(part.calls[0], part.formula, str(common["dtype"]), title, entry_title(part.formula))
        return kind(**{**fields, **with_faults(decided, part.formula, title, faults)})
    with np.errstate(all="ignore"):
        decided = judge_initializer(part, title, command) if draws else decide_by_rounding(part, str(common["dtype"]), title, command)
        if not decided:
            message = sentences.could_not_be_judged(
                title, no_bound := Fault("internal", f"no case has a rounding bound in {common['dtype']}")
            )
            return kind(**{**fields, "verdict": Verdict.ERROR, "message": message, "faults": (*faults, no_bound)})
    if draws:
        decided["message"] += sentences.draws_sentence([fault for fault in faults if fault.kind in REMARKS_ON_DRAWS])
    decided = with_left_parameters(with_guessed_names(decided, part, title), part, title)
    if decided["verdict"] is Verdict.AMBIGUOUS and set(decided["axes"] or {}) & {"arguments"}:
        faults = ()  # with other names it may do none of this
        fields["faults"] = faults
    told = tuple(fault for fault in faults if not (draws and fault.kind in REMARKS_ON_DRAWS))
    return kind(**{**fields, **with_faults(decided, part.formula, title, told)})


def with_guessed_names(decided: dict[str, Any], part: FunctionObservations, title: str) -> dict[str, Any]:
    """Return the fields of a result that says first what parameters were taken as: ambiguous where with others of them it is right."""
    if not part.guessed:
        return decided
    message = sentences.with_guessed_names(title, decided["message"], part.guessed)
    exchanged = str((decided.get("axes") or {}).get("arguments", "")).removesuffix("-exchanged").split("-")
    by_path = {path: name for name, path in part.guessed.items()}
    if decided["verdict"] is not Verdict.DEVIATES or len(exchanged) != 2 or not set(exchanged) <= set(by_path):
        return {**decided, "message": message}
    first, second = exchanged
    advice = sentences.other_names({by_path[first]: second, by_path[second]: first})
    return {**decided, "verdict": Verdict.AMBIGUOUS, "message": f"{message} {advice}"}


def with_left_parameters(decided: dict[str, Any], part: FunctionObservations, title: str) -> dict[str, Any]:
    """Return the fields of a result that says first which parameters stayed at their defaults: ambiguous where one may be an argument.

    The default of such a parameter is what was inferred as built in: at other values the function may be anything.
    """
    if not part.left:
        return decided
    message = sentences.with_left_parameters(title, decided["message"], part.left)
    if not part.undecided or decided["verdict"] not in PASSING:
        return {**decided, "message": message}
    advice = sentences.undecided_parameter(part.undecided[0], part.left, tuple(part.unbound))
    return {**decided, "verdict": Verdict.AMBIGUOUS, "message": f"{message} {advice}"}


def with_faults(decided: dict[str, Any], formula: str, title: str, faults: tuple[Fault, ...]) -> dict[str, Any]:
    """Return the fields of a result with what its faults change."""
    refusals = [fault for fault in faults if fault.kind == "narrower-domain"]
    serious = [fault for fault in faults if fault.kind != "narrower-domain"]
    message = decided["message"] + (f" Its domain is narrower: {refusals[0].detail}." if refusals else "")
    if not serious:
        return {**decided, "message": message}
    deviates = all(fault.kind == "not-finite" for fault in serious)
    message = sentences.with_faults(title, message, serious, verb="deviates" if deviates else "misbehaves")
    is_lost_in_part = decided["verdict"] is Verdict.DEVIATES and all(fault.kind in ("not-finite", "raises") for fault in serious)
    fields = {**decided, "verdict": Verdict.DEVIATES if deviates or is_lost_in_part else Verdict.ERROR, "message": message}
    return fields | (overflowing_form(decided, formula) if deviates and decided.get("is_correct") else {})


def overflowing_form(decided: Mapping[str, Any], formula: str) -> dict[str, Any]:
    """Return the convention of a function that is right but for results that are not finite."""
    form = next((variant for variant in variants_of(FORMULAS[formula]) if variant.unstable), None)
    label, axes = (form.label, dict(form.axes)) if form else ("overflows", {"range": "overflows"})
    name = form.name if form else f"{formula} in a form that overflows"
    return {"convention": f"{formula}/{label}", "name": name, "is_correct": False, "axes": {**decided["axes"], **axes}}


def decide_by_rounding(part: FunctionObservations, dtype: str, title: str, command: str) -> dict[str, Any]:
    """Return the fields of the result: in narrow formats, by the convention with the least rounding in which something holds.

    They are empty where no case has a bound. A formula that holds where mistakes of it hold as well is ambiguous.
    """
    decided: dict[str, Any] = {}
    for rounding in roundings_of(dtype):
        matcher = FunctionMatcher(part, rounding if rounding.is_narrow else np.dtype(dtype).type)
        match = matcher.match()
        if not rounding.is_narrow:
            decided = decide(match, matcher.formula, title, command)
            is_open = match.best is None and dtype == "float64" and leaves_in_most_cases(match.own, matcher)
            return in_single_precision(decided, part, title) if is_open else decided
        if match.own.error is None or not match.own.error.cases:
            continue
        decided = decide(match, matcher.formula, title, command)
        if match.best is not None:
            return with_bias(with_rounding_named(decided, match, rounding.words), matcher, match)
    return decided


def leaves_in_most_cases(own: VariantFit, matcher: FunctionMatcher) -> bool:
    """Return whether a function leaves its formula in most cases with a result that is no number of float32, as in float32 it would."""
    rounded = {call.case.name for call, outputs in matcher.due if not all(is_in_single_precision(output.values) for output in outputs)}
    return own.error is not None and 2 * len(rounded.intersection(own.error.deviating_cases)) >= max(len(rounded), 1)


def is_in_single_precision(values: Any) -> bool:
    """Return whether the nearest floats of all values are numbers of float32."""
    floats = np.asarray(midpoints(values), dtype=np.float64)
    with np.errstate(over="ignore"):
        return bool(np.all(floats == floats.astype(np.float32)))


def in_single_precision(decided: dict[str, Any], part: FunctionObservations, title: str) -> dict[str, Any]:
    """Return the fields of what follows nothing in float64: that it is the formula in float32, where it is so near in most cases."""
    matcher = FunctionMatcher(part, np.float32)
    fits = map(matcher.measured, matcher.rank([identity(matcher.formula)])[:OWN_INFERENCES])
    fit = next((fit for fit in fits if fit.holds and fit.error and 2 * fit.error.cases >= decided["cases"]), None)
    if fit is None or decided["error_in_bounds"] is None or decided["error_in_bounds"] < LEAST_OF_SINGLE:
        return decided
    message = sentences.in_single_precision(title, part.formula, fit.error, decided["error_in_bounds"])
    message += sentences.mismatch_sentence(part.formula, decided["mismatch"])
    name, axes = f"{fit.variant.name} in float32", {"formula": part.formula, "precision": "float32"}
    return {**decided, "convention": part.formula, "name": name, "is_correct": False, "axes": axes, "message": message}


def with_bias(decided: dict[str, Any], matcher: FunctionMatcher, match: FunctionMatch) -> dict[str, Any]:
    """Return the fields of a result that says whether what conforms has all of its errors on one side."""
    if decided["verdict"] not in PASSING or match.best is None or not match.is_own:
        return decided
    bias = find_bias(match.best.variant.function, matcher.calls, match.best.inferred, matcher.dtype)
    if bias is None:
        return decided
    axes = {**decided["axes"], "rounding": bias.side.replace(" ", "-")}
    message = f"{decided['message']} {sentences.bias_sentence(bias.side, bias.cases, bias.probability)}"
    return {**decided, "verdict": Verdict.BIASED, "is_correct": False, "axes": axes, "message": message}


def with_rounding_named(decided: dict[str, Any], match: FunctionMatch, words: str) -> dict[str, Any]:
    """Return the fields of a result that says within which bound a function is, and which mistakes that bound does not exclude."""
    if match.best is not match.own and match.is_own:
        return decided
    message = f"{decided['message']} {sentences.within_rounding(words)}"
    if match.best is match.own and match.not_told_apart:
        named = [fit.variant.name for fit in match.not_told_apart]
        message += f" {sentences.not_excluded(named)}"
        return {**decided, "message": message, "verdict": Verdict.AMBIGUOUS}
    return {**decided, "message": message}


def decide(match: FunctionMatch, formula: Formula[..., Any], title: str, command: str) -> dict[str, Any]:
    """Return the fields of the result that the calls decide."""
    identified = Verdict.IDENTIFIED if command == "identify" else None
    if match.best is not None and match.is_own:
        best = match.best
        facts = sentences.fit_facts(best.error, runner_up_text(match))
        cast = f" {best.variant.words}" if best is not match.own else ""
        message = f"{title} follows {formula.id} ({entry_title(formula.id)}){cast}{sentences.inferred_text(best.inferred)}: {facts}."
        return {**fields_of(best, match), "verdict": identified or Verdict.CONFORMS, "message": message}
    mismatch = match.own.error.mismatch if match.own.error else None
    where = sentences.mismatch_sentence(formula.id, mismatch)
    if match.best is None:
        message = f"{title} deviates from {formula.id}: {unmatched_text(match)}.{where}"
        verdict = Verdict.UNMATCHED if command == "identify" else Verdict.DEVIATES
        unnamed = {"convention": None, "name": None, "is_correct": None, "axes": None}
        return {**fields_of(match.own, match), **unnamed, "verdict": verdict, "message": message, "mismatch": mismatch}
    best = match.best
    verb = "it loses digits as does" if best.error and not best.holds else "it follows"
    facts = sentences.fit_facts(best.error, runner_up_text(match), match.own.error.cases if match.own.error else 0)
    follows = f"{verb} {best.variant.name}{sentences.inferred_text(best.inferred)}: {facts}"
    message = f"{title} deviates from {formula.id}: {follows}.{where}"
    return {**fields_of(best, match), "verdict": identified or Verdict.DEVIATES, "message": message, "mismatch": mismatch}


def unmatched_text(match: FunctionMatch) -> str:
    """Return what is said of a function that follows nothing known: that it loses digits in some cases, if so, or where it is right."""
    own, error = match.own, match.own.error
    if error is not None and own.distance <= CLOSE**2 and len(error.deviating_cases) < error.cases:
        cases = ", ".join(error.deviating_cases[:3])
        return f"loses digits: in {cases} it is {sentences.scientific(error.error_in_bounds)} bounds off"
    unnamed = "it follows nothing that has a name here"
    return unnamed + sentences.right_in_part(error.deviating_cases, error.cases, match.condition) if error else unnamed


def runner_up_text(match: FunctionMatch) -> tuple[str, float] | None:
    """Return the runner-up for a sentence, if its distance is finite."""
    fits = match.runners_up
    return fits[0].runner_up if fits and np.isfinite(fits[0].distance) else None


def fields_of(fit: VariantFit, match: FunctionMatch) -> dict[str, Any]:
    """Return the fields of a result that describe a fit."""
    error, variant = fit.error, fit.variant
    runner_up = next((RunnerUp(other.variant.id, other.variant.name, finite(other.distance)) for other in match.runners_up), None)
    return {
        "convention": variant.id,
        "name": variant.name,
        "is_correct": variant.right and (match.is_own or variant.id == match.own.variant.id),
        "axes": {"formula": variant.formula, **variant.axes},
        "formulas": (variant.formula,),
        "error_in_bounds": finite(error.error_in_bounds) if error else None,
        "error_ulps": finite(error.error_ulps) if error else None,
        "cases": error.cases if error else 0,
        "inferred_hyperparameters": dict(fit.inferred),
        "identities": match.identities,
        "runner_up": runner_up,
        "margin": runner_up.error_in_bounds if runner_up else None,
    }


def entry_title(identifier: str) -> str:
    """Return the title of the catalogue entry of a formula."""
    from ...catalogue import read_title

    return read_title(FORMULAS[identifier].__module__.rpartition(".")[2], identifier)
