"""The verdict on a function: the formula that it claims to be, or else which variant of it, by how much it misses, and where."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ....reference import FORMULAS, Formula, tree_leaves
from ..implementation import NotFound, reference_to
from ..initializers.verdict import initializer_verdict, takes_source
from ..optimizers.matching import ALLOWED, finite
from ..optimizers.runner import TIMEOUT, Child, Fault, answer_of
from ..optimizers.verdict import Result, Rival, Same, Verdict, environment_of, in_words, scientific, titled
from .cases import in_dtype
from .error import Distance, measured, roughly, units_of, with_filled
from .runner import COMBINATIONS, FunctionReport, FunctionTask, Record, Seen, drive_function, formula_named, is_formula
from .variants import Variant, itself, load, mutated, variants_of

__all__ = ["check_function", "is_formula"]

CLOSE = 1e3  # units by floats, within which a variant is measured with certainty
FIRST = 6  # variants that are measured with certainty at any rate


def check_function(
    target: Any,
    against: str | None = None,
    settings: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
    dtype: str = "float64",
    timeout: float = TIMEOUT,
    *,
    command: str = "check",
    evidence: bool | None = None,
    prove: bool = False,
    child: Any = Child,
) -> Result:
    """Whether a function is the formula that it claims to be, or which variant of it."""
    wanted = formula_named(against).id if against else ""
    try:
        place = reference_to(target)
    except NotFound as problem:
        return judged(FunctionTask(repr(target), against=wanted), FunctionReport(faults=(Fault("not-found", str(problem)),)), command)
    task = FunctionTask(place, settings or {}, names or {}, dtype, wanted)
    with child() as process:
        promise = process.ask(drive_function, task, timeout=timeout)
        from ... import arithmetic  # noqa: F401 - it loads while the subject runs, and so does the bank

        load()
        found = answer_of(promise, timeout)
        report = FunctionReport(faults=(found,)) if isinstance(found, Fault) else found
        result = judged(task, report, command)
        if len(report.parts) == 1 and report.parts[0].records:
            result = shown_too(result, process, task, prove=prove, evidence=evidence)
            result = with_counterexample(result, process, task)
        return result


def shown_too(result: Result, process: Any, task: FunctionTask, *, prove: bool, evidence: bool | None) -> Result:
    """The result with a proof, where one was asked for and the function conforms, and with the evidence that it met."""
    conforms = result.verdict in (Verdict.CONFORMS, Verdict.IDENTIFIED)
    evidence = (conforms and result.command == "check") if evidence is None else evidence
    if not (prove or evidence) or takes_source(FORMULAS[str(result.entry)]):
        return result
    from .proof import BUDGET, EVIDENCE_BUDGET, Shown, show_function

    limit = 2 * (BUDGET * prove + EVIDENCE_BUDGET * evidence)
    found = answer_of(process.ask(show_function, task, dict(result.assumed), prove and conforms, evidence, timeout=limit), limit)
    shown = (Shown(unproved=f"no proof was found: {found.detail}") if prove else Shown()) if isinstance(found, Fault) else found
    if prove and not conforms:
        shown = replace(shown, proved="", unproved="what deviates is not proved")
    counts = {verdict: list(shown.evidence.values()).count(verdict) for verdict in ("holds", "refuted", "unknown")}
    met = " and ".join(f"{count} {VERBS[verdict][count > 1]}" for verdict, count in counts.items() if count)
    words = f" Of its pieces of evidence {met}." if met else ""
    words += f" Proved {shown.proved}." if shown.proved else f" Not proved: {shown.unproved}." if shown.unproved else ""
    return replace(
        result,  # the comparison decides: what is said of rounding in a piece is meant for the reference's order of operations
        sentence=result.sentence + words,
        proved=shown.proved or None,
        unproved=shown.unproved or None,
        evidence=shown.evidence,
    )


VERBS = {"holds": ("holds", "hold"), "refuted": ("is refuted", "are refuted"), "unknown": ("is undecided", "are undecided")}


def with_counterexample(result: Result, process: Any, task: FunctionTask) -> Result:
    """The result with a small input that shows the deviation."""
    if result.verdict is not Verdict.DEVIATES or takes_source(FORMULAS[str(result.entry)]):
        return result
    from .counterexample import LIMIT, small

    found = answer_of(process.ask(small, task, dict(result.assumed), timeout=LIMIT * 3), LIMIT * 3)
    return result if isinstance(found, Fault) or not found else replace(result, counterexample=found)


def judged(task: FunctionTask, report: FunctionReport, command: str) -> Result:
    """What a report says of its subject: of a layer, of each of its functions."""
    common: dict[str, Any] = {
        "subject": task.target,
        "command": command,
        "against": task.against or None,
        "dtype": task.dtype,
        "settings": dict(task.settings),
        "environment": environment_of(report.library, report.version),
    }
    title = titled(task.target, report)
    if not report.parts:
        detail = report.faults[0].detail
        return Result(verdict=Verdict.ERROR, sentence=f"{title} could not be judged: {detail}.", faults=report.faults, **common)
    results = [of_part(one, report, title, common) for one in report.parts]
    return results[0] if len(results) == 1 else together(results, title, common)


def together(results: list[Result], title: str, common: Mapping[str, Any]) -> Result:
    """The verdict on several functions: the worst of theirs."""
    order = [Verdict.CONFORMS, Verdict.IDENTIFIED, Verdict.AMBIGUOUS, Verdict.DEVIATES, Verdict.UNMATCHED, Verdict.ERROR]
    worst = max(results, key=lambda one: order.index(one.verdict))
    sentence = " ".join(one.sentence for one in results)
    return Result(
        **{**common, "verdict": worst.verdict, "sentence": sentence, "parts": tuple(results), "cases": sum(one.cases for one in results)}
    )


def of_part(seen: Seen, report: FunctionReport, title: str, common: Mapping[str, Any]) -> Result:
    """The verdict on one function."""
    faults = (*report.faults, *seen.faults)
    facts = {**common, "entry": seen.formula, "against": seen.formula, "settings": dict(seen.settings), "faults": faults}
    if fatal := [one for one in faults if one.fatal] or ([] if seen.records else [Fault("settings", "no case is in its domain")]):
        words = f"{title} could not be judged: {fatal[0].detail}."
        return Result(**{**facts, "verdict": Verdict.ERROR, "sentence": words})
    with np.errstate(all="ignore"):
        drawn = takes_source(FORMULAS[seen.formula])
        found = (
            initializer_verdict(seen, title, str(common["command"]))
            if drawn
            else Judge(seen, np.dtype(str(common["dtype"])).type, title, str(common["command"])).verdict()
        )
    refusals = [one for one in faults if one.kind == "refuses"]
    faults = tuple(one for one in faults if one not in refusals)
    if refusals:
        found["sentence"] += f" Its domain is narrower: {refusals[0].detail}."
    if faults:
        words = "; ".join(one.detail for one in faults)
        wrong = all(one.kind == "not-finite" for one in faults)
        found["verdict"] = Verdict.DEVIATES if wrong else Verdict.ERROR
        if wrong and found.get("right"):
            lossy = next((one for one in variants_of(FORMULAS[seen.formula]) if one.unstable), None)
            label, axes = (lossy.label, dict(lossy.axes)) if lossy else ("overflows", {"range": "overflows"})
            name = lossy.name if lossy else f"{seen.formula} in a form that overflows"
            found |= {"convention": f"{seen.formula}/{label}", "name": name, "right": False, "axes": {**found["axes"], **axes}}
        rest = found["sentence"].removeprefix(title)
        found["sentence"] = f"{title} {'deviates' if wrong else 'misbehaves'}: {words}. Apart from that it{rest}"
    return Result(**{**facts, **found})


@dataclass(frozen=True)
class Fit:
    """A variant, with what was filled in for it, and how far away it is: by floats, and with certainty where that was looked at."""

    variant: Variant
    filled: Mapping[str, Any]
    rough: float
    distance: Distance | None = None

    @property
    def holds(self) -> bool:
        """Whether the function follows it."""
        return self.distance is not None and self.distance.error_in_bounds <= ALLOWED


@dataclass(frozen=True)
class Judge:
    """Looks for what a function follows."""

    seen: Seen
    dtype: Any
    title: str
    command: str

    @property
    def formula(self) -> Formula[..., Any]:
        """The formula that was asked for."""
        return FORMULAS[self.seen.formula]

    def fillings(self) -> Iterator[dict[str, Any]]:
        """The values that may be built into a function that does not ask for them."""
        for values in itertools.islice(itertools.product(*self.seen.open.values()), COMBINATIONS):
            yield dict(zip(self.seen.open, values, strict=True))

    def units(self) -> dict[str, list[float]]:
        """The unit of every output in every case."""
        return units_of(self.formula.raw, self.seen.records, next(self.fillings()), self.dtype)

    def rough(self, variants: Iterable[Variant], units: Mapping[str, list[float]]) -> list[Fit]:
        """Variants by their distance in floats, the nearest first."""
        fits: list[Fit] = []
        nearest: list[float] = [np.inf] * (2 * FIRST)
        for one, filled in itertools.product(variants, list(self.fillings())):
            distance = roughly(one.function, self.seen.records, filled, units, max(CLOSE, nearest[-1]))
            nearest = sorted([*nearest, distance])[: 2 * FIRST]
            fits.append(Fit(one, filled, distance))
        return sorted(fits, key=lambda one: one.rough)

    def certain(self, fit: Fit) -> Fit:
        """A variant with its distance for certain."""
        return replace(fit, distance=measured(fit.variant.function, self.seen.records, fit.filled, self.dtype, ALLOWED))

    def verdict(self) -> dict[str, Any]:
        """What is followed, and what is said of it."""
        units = self.units()
        own = [self.certain(one) for one in self.rough([itself(self.formula)], units)[:3]]
        best = min(own, key=lambda one: one.distance.error_in_bounds if one.distance else np.inf)
        ranked = self.rough(variants_of(self.formula), units)
        if best.holds:
            return self.follows(best, ranked)
        return self.deviates(best, ranked, units)

    def follows(self, best: Fit, ranked: list[Fit]) -> dict[str, Any]:
        """It is the formula."""
        rivals = [one for one in ranked if one.rough > CLOSE and not one.variant.unstable]
        same = [one for one in ranked if one.rough <= ALLOWED and one.variant.right]
        facts = self.facts(best, rivals)
        facts["identities"] = tuple(Same(one.variant.id, one.variant.id, ("equal in every case",)) for one in same)
        words = (
            f"{self.title} follows {self.formula.id} ({said(self.formula)}){assumed_in_words(best.filled)}: {self.evidence(best, rivals)}."
        )
        return {**facts, "verdict": Verdict.IDENTIFIED if self.command == "identify" else Verdict.CONFORMS, "sentence": words}

    def deviates(self, own: Fit, ranked: list[Fit], units: Mapping[str, list[float]]) -> dict[str, Any]:
        """It is not the formula, and may be a variant of it."""
        close = [one for place, one in enumerate(ranked) if one.rough <= CLOSE or place < FIRST]
        found = self.first(close) or self.unstable(own)
        if found is None:
            ranked = sorted([*ranked, *self.rough(mutated(self.formula), units)], key=lambda one: one.rough)
            found = self.first([one for place, one in enumerate(ranked) if one.rough <= CLOSE or place < FIRST])
        miss = own.distance.miss if own.distance else None
        where = f" {place(self.formula.id, miss)}" if miss else ""
        if found is None:
            digits = own.distance is not None and own.rough <= CLOSE**2 and len(own.distance.missed) < own.distance.cases
            words = (
                f"loses digits: in {', '.join(own.distance.missed[:3])} it is {scientific(own.distance.error_in_bounds)} bounds off"
                if digits and own.distance
                else "it follows nothing that has a name here"
            )
            nearest = [own, *ranked]
            return {
                **self.facts(own, nearest[:1]),
                "convention": None,
                "name": None,
                "right": None,
                "axes": None,
                "verdict": Verdict.UNMATCHED if self.command == "identify" else Verdict.DEVIATES,
                "sentence": f"{self.title} deviates from {self.formula.id}: {words}.{where}",
                "miss": miss,
            }
        rivals = [one for one in ranked if one.rough > CLOSE and not one.variant.unstable]
        same = [one for one in close if one.rough <= ALLOWED and one.variant.id != found.variant.id]
        facts = {
            **self.facts(found, rivals),
            "identities": tuple(Same(one.variant.id, one.variant.name, ("equal in every case",)) for one in same),
        }
        loses = "it loses digits as does" if found.distance and not found.holds else "it follows"
        following = f"{loses} {found.variant.name}{assumed_in_words(found.filled)}: {self.evidence(found, rivals)}"
        verdict = Verdict.IDENTIFIED if self.command == "identify" else Verdict.DEVIATES
        return {**facts, "verdict": verdict, "sentence": f"{self.title} deviates from {self.formula.id}: {following}.{where}", "miss": miss}

    def first(self, fits: list[Fit]) -> Fit | None:
        """The first of those that hold, in the order of the bank: another formula, a variant, what is made of any."""
        holding = [one for one in map(self.certain, fits) if one.holds]
        return min(holding, key=lambda one: (not one.variant.right, self.order.get(one.variant.id, len(self.order))), default=None)

    @functools.cached_property
    def order(self) -> dict[str, int]:
        """Where each variant stands in the bank."""
        return {one.id: place for place, one in enumerate(variants_of(self.formula))}

    def unstable(self, own: Fit) -> Fit | None:
        """A form that is equal in real numbers and loses digits where this function does, among the cases far from 0."""
        if not self.loss_of_digits(own) or own.distance is None:
            return None
        for one in variants_of(self.formula):
            if one.unstable or unstable_formula(one):
                records = simulated(one, self.seen.records, own.filled, self.dtype)
                lost = measured(self.formula.raw, records, own.filled, self.dtype, ALLOWED).missed
                if set(own.distance.missed) <= set(lost):
                    return Fit(one, own.filled, own.rough, own.distance)
        return None

    def loss_of_digits(self, own: Fit) -> str:
        """What is said of a function that is right in most cases, and badly rounded in the others."""
        distance = own.distance
        if distance is None or not distance.missed or not all(one.startswith("far ") for one in distance.missed):
            return ""
        return f"it loses digits, {scientific(distance.error_in_bounds)} bounds in {', '.join(distance.missed[:3])}"

    def facts(self, fit: Fit, rivals: list[Fit]) -> dict[str, Any]:
        """What is followed, in full."""
        distance = fit.distance
        rival = rivals[0] if rivals else None
        return {
            "convention": fit.variant.id,
            "name": fit.variant.name,
            "right": fit.variant.right and fit.variant.id == self.formula.id,
            "axes": {"formula": fit.variant.formula, **fit.variant.axes},
            "formulas": (fit.variant.formula,),
            "error_in_bounds": finite(distance.error_in_bounds) if distance else None,
            "error_ulps": finite(distance.error_ulps) if distance else None,
            "cases": distance.cases if distance else 0,
            "assumed": dict(fit.filled),
            "relation": None,
            "runner_up": Rival(rival.variant.id, rival.variant.name, finite(rival.rough)) if rival else None,
            "margin": finite(rival.rough) if rival else None,
        }

    def evidence(self, fit: Fit, rivals: list[Fit]) -> str:
        """The error, the cases, and the margin."""
        distance = fit.distance
        words = f"error {distance.error_in_bounds:.2g} × bound over {distance.cases} cases" if distance else ""
        if rivals and np.isfinite(rivals[0].rough):
            words += f"; next best ({rivals[0].variant.words or rivals[0].variant.id}) is {scientific(rivals[0].rough)} × away"
        return words


def unstable_formula(variant: Variant) -> bool:
    """Whether another formula of the catalogue is a form that loses digits."""
    return variant.right and variant.id.endswith(".one_pass")


def simulated(variant: Variant, records: Iterable[Record], filled: Mapping[str, Any], dtype: Any) -> list[Record]:
    """What a variant gives in floats of this format, in the place of what the function gave."""
    found = []
    for record in records:
        arguments = {name: in_dtype(value, dtype) for name, value in with_filled(record.case.arguments, filled).items()}
        try:
            leaves = tuple(np.asarray(one) for one in tree_leaves(variant.function(**arguments)))
        except Exception:  # a variant may fail in any way
            continue
        if all(np.all(np.isfinite(one)) for one in leaves) and len(leaves) == len(record.leaves):
            found.append(replace(record, leaves=leaves))
    return found


def said(formula: Formula[..., Any]) -> str:
    """What a formula says, in one line."""
    from ...catalogue import catalogue

    return catalogue().find(formula.id).title


def assumed_in_words(filled: Mapping[str, Any]) -> str:
    """What was taken as built in."""
    shown = {name: value for name, value in filled.items() if value is not None}
    return f" with {in_words(shown)} built in" if shown else ""


def place(identifier: str, miss: Any) -> str:
    """Where a function leaves a formula, as a sentence."""
    at = f", index {miss.index}" if miss.index else ""
    return f"It leaves {identifier} most in case {miss.case!r}, result {miss.output}{at}: {miss.got!r} where {miss.expected!r} is due."
