"""The runner: calls a piece of evidence with formulas and, for a law, with sampled data, and judges the claims that it yields."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import ctx
from hypothesis import find
from hypothesis.errors import NoSuchExample, Unsatisfiable

from ...reference import tree_leaves, tree_map
from ..arithmetic import Finding, Running, Undecided, Verdict
from ..arithmetic.conditions import conditions, in_words
from ..arithmetic.prover import BITS
from ..arithmetic.rounding import error_in_bounds
from ..arithmetic.running import as_running, error, in_format
from ..inputs.strategies import arguments, parameter_domains, search_settings
from ._judge import NOTHING_COMPARED, TableCell, judge, worst_finding
from ._registry import EVIDENCE, FORMULAS_BY_NAME, PRINTED_FORMS, Evidence, PrintedClaims, PrintedForm, load
from ._second import Opinion, SecondOpinion, second_opinion

EXAMPLES = 60  # of a law, unless it says otherwise
RANDOM = os.environ.get("HYPOTHESIS_PROFILE") == "long"  # a long run with other examples each time; otherwise they are always the same
LONGER = 100  # times as many examples in a long run

FIRST_ENGINES: Mapping[str, tuple[tuple[str, ...], str]] = {  # of exact pieces, and why there is no other
    "proof": (("SymPy",), "the second prover runs on proofs that hold"),
    "enumeration": (("FLINT",), "cases in exact fractions: no symbol, and no normal form"),
    "derivative": (("FLINT",), "enclosures by balls: no symbol, and no normal form"),
}

NO_CLAIMS = Finding(Verdict.UNKNOWN, "it yields no claims")

Formulas = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True)
class EvidenceResult:
    """The verdict on one piece of evidence or printed form, the reason, the time it took, and whether it raised an exception.

    An exact piece has the engines that came to the verdict; where there is one alone, `alone` says why.
    """

    name: str
    verdict: Verdict
    detail: str
    seconds: float
    raised: bool = False
    engines: tuple[str, ...] = ()
    alone: str = ""


def run_evidence(
    piece: Evidence, substitutes: Formulas | None = None, *, full: bool = False, allowed: float = 1.0, twice: bool = True
) -> EvidenceResult:
    """Judge a piece of evidence for the reference, or with substitutes for some formulas.

    A proof that holds is given to the second prover, unless `twice` is False; if it refutes the proof, the verdict is unknown.

    `full` runs the long form of a piece that has one. `allowed` multiplies the rounding bound of laws, for an implementation whose
    order of operations differs from the reference's. A piece that raises, or that yields no claims, is unknown.
    """
    start = time.perf_counter()
    raised = False
    engines, alone = FIRST_ENGINES.get(piece.kind, ((), ""))
    try:
        finding = run_law(piece, substitutes or {}, allowed) if piece.kind == "law" else run_claims(piece, substitutes or {}, full=full)
        if piece.kind == "proof" and finding.verdict is Verdict.HOLDS and twice:
            finding, engines, alone = judge_twice(finding, second_opinion(piece, resolve_formulas(piece, substitutes or {})))
    except Exception as problem:  # reported as the reason, and the other pieces still run
        finding = Finding(Verdict.UNKNOWN, f"raised {type(problem).__name__}: {problem}")
        raised = True
    return EvidenceResult(piece.name, finding.verdict, finding.detail, time.perf_counter() - start, raised, engines, alone)


def judge_twice(finding: Finding, second: SecondOpinion) -> tuple[Finding, tuple[str, ...], str]:
    """Return the finding of both provers on what the first one holds, the engines behind it, and why there is one alone."""
    engines, _ = FIRST_ENGINES["proof"]
    if second.opinion is Opinion.REFUTES:
        return Finding(Verdict.UNKNOWN, f"THE TWO PROVERS DISAGREE: SymPy says that it holds, Modular refutes {second.detail}"), engines, ""
    if second.opinion is Opinion.AGREES:
        return finding, (*engines, "Modular"), ""
    return finding, engines, second.detail


def resolve_formulas(piece: Evidence, substitutes: Formulas) -> dict[str, Callable[..., Any]]:
    """Return the formulas that a piece takes, by parameter name: the substitutes, otherwise the reference."""
    return {name: substitutes.get(name, FORMULAS_BY_NAME[name].raw) for name in piece.formulas}


def judge_claims(claims: Iterable[Any]) -> Finding:
    """Return the worst_finding finding among the claims; stop at the first refuted one."""
    findings = []
    for number, (got, claimed, *headings) in enumerate(claims, start=1):
        finding = judge(got, claimed)
        if finding.verdict is not Verdict.HOLDS:
            finding = finding._replace(detail=f"claim {' '.join(headings) or number}: {finding.detail}")
        if finding.verdict is Verdict.REFUTED:
            return finding
        findings.append(finding)
    return worst_finding(findings) if findings else NO_CLAIMS


def run_claims(piece: Evidence, substitutes: Formulas, *, full: bool = False) -> Finding:
    """Judge a piece that samples no data; balls have 256 bits, unless the piece sets more.

    Of a piece that holds on symbols, the detail says what its computation takes for granted: divisors that are not 0, and the like.
    """
    with ctx.workprec(BITS), np.errstate(all="ignore"), conditions() as noted:
        finding = judge_claims(piece.function(**resolve_formulas(piece, substitutes), **piece.run_options(full=full)))
    return finding._replace(detail=in_words(noted)) if finding.verdict is Verdict.HOLDS else finding


def table_cells(piece: Evidence) -> list[tuple[TableCell, Finding]]:
    """Return the cells of the table that a piece reproduces, each with its finding."""
    with ctx.workprec(BITS), np.errstate(all="ignore"):
        claims = piece.function(**resolve_formulas(piece, {}), **piece.run_options(full=False))
        return [(claim, judge(claim.got, claim.claimed)) for claim in claims if isinstance(claim, TableCell)]


def run_law(piece: Evidence, substitutes: Formulas, allowed: float = 1.0) -> Finding:
    """Judge a law on examples sampled from the domains of its parameters; a counterexample is shrunk to the simplest one."""
    options = dict(piece.options)
    formulas = resolve_formulas(piece, substitutes)
    unknown: list[Finding] = []
    tried = 0

    def refutes(data: dict[str, Any]) -> bool:
        nonlocal tried
        finding = run_example(piece, formulas, data, exact=options.get("exact", False), allowed=allowed)
        tried += finding is not None
        if finding and finding.verdict is Verdict.UNKNOWN:
            unknown.append(finding)
        return finding is not None and finding.verdict is Verdict.REFUTED

    settings = search_settings(options.get("examples", EXAMPLES) * (LONGER if RANDOM else 1), derandomize=not RANDOM)
    try:
        counterexample = find(arguments(parameter_domains(piece.function, piece.sampled_parameters)), refutes, settings=settings)
    except (NoSuchExample, Unsatisfiable):
        if not tried:
            return Finding(Verdict.UNKNOWN, "no example lies in the domain")
        return worst_finding(unknown) if unknown else Finding(Verdict.HOLDS, f"{tried} examples")
    finding = run_example(piece, formulas, counterexample, exact=options.get("exact", False), allowed=allowed)
    shown = ", ".join(f"{name} = {value!r}" for name, value in counterexample.items())
    return Finding(Verdict.REFUTED, f"{shown}: {finding.detail if finding else ''}")


def run_example(piece: Evidence, formulas: Formulas, data: dict[str, Any], *, exact: bool, allowed: float = 1.0) -> Finding | None:
    """Judge a law on one run_example, bit for bit or within the rounding bound; None if rounding alone may decide the run_example."""
    try:
        with np.errstate(all="ignore"):
            pairs = list(piece.function(**formulas, **data))
            if exact:
                return judge_claims(pairs)
            return judge_within_rounding(pairs, list(bounded_claims(piece, data)), allowed)
    except Undecided:
        return None


def bounded_claims(piece: Evidence, data: dict[str, Any]) -> Any:
    """Yield the claims of a law for the reference on Running numbers; every implementation is allowed the reference's rounding errors."""
    with in_format(np.float64):
        yield from piece.function(**resolve_formulas(piece, {}), **{name: to_running(value) for name, value in data.items()})


def to_running(value: Any) -> Any:
    """Return a sampled value as Running numbers; integers (which count steps) and strings stay as they are."""
    return tree_map(lambda leaf: leaf if isinstance(leaf, int | str) else as_running(leaf), value)


def judge_within_rounding(pairs: list[Any], bounded: list[Any], allowed: float = 1.0) -> Finding:
    """Judge floats within `allowed` times the sum of the two running bounds; truth values must be equal."""
    if not pairs:
        return NO_CLAIMS
    if any(not np.size(leaf) for got, claimed in pairs for leaf in tree_leaves(got) or [()]):
        return NOTHING_COMPARED
    for number, (pair, bounds) in enumerate(zip(pairs, bounded, strict=True), start=1):
        for got, claimed, *running in zip(*map(tree_leaves, (*pair, *bounds)), strict=True):
            reason = mismatch(got, claimed, running, allowed)
            if reason:
                return Finding(Verdict.REFUTED, f"claim {number}: {reason}")
    return Finding(Verdict.HOLDS)


def mismatch(got: Any, claimed: Any, running: list[Any], allowed: float) -> str:
    """Return how a float, array or truth value differs from what is claimed; an empty string if rounding explains it."""
    if isinstance(claimed, bool):
        return "" if np.all(np.asarray(got) == claimed) else f"got {got}, claimed {claimed}"
    if np.shape(got) != np.shape(claimed) and np.shape(claimed) != ():
        return f"got shape {np.shape(got)}, claimed shape {np.shape(claimed)}"
    bound = sum(error(Running(value)) for value in running)
    if np.all(error_in_bounds(np.abs(np.asarray(got) - claimed), bound) <= allowed):
        return ""
    return f"got {got}, claimed {claimed}; rounding explains a difference of at most {allowed * np.max(bound):.2g}"


def run_printed_form(printed_form: PrintedForm) -> EvidenceResult:
    """Judge a printed form by its own claims, or by the evidence about its formula: one refuting piece is enough."""
    start = time.perf_counter()
    if isinstance(printed_form, PrintedClaims):
        return run_evidence(Evidence((printed_form.id,), "proof", "as printed", printed_form.function))
    refutation, others = find_refutation(printed_form.formula, printed_form.function)
    undecided = any(result.verdict is Verdict.UNKNOWN for result in others)
    verdict = Verdict.REFUTED if refutation else Verdict.UNKNOWN if undecided else Verdict.HOLDS
    detail = f"{refutation.name} refutes it; {refutation.detail}" if refutation else "no piece refutes it"
    return EvidenceResult(printed_form.name, verdict, detail, time.perf_counter() - start)


CHEAPEST_FIRST = (
    "enumeration",
    "repetition",
    "continuity",
    "certified",
    "reproduction",
    "derivative",
    "proof",
    "trajectory",
    "law",
    "statistics",
)  # kinds of evidence


def find_refutation(name: str, function: Callable[..., Any]) -> tuple[EvidenceResult | None, list[EvidenceResult]]:
    """Return the first result that refutes a function in the place of a formula, or None, and the results that do not refute it."""
    pieces = sorted((piece for piece in EVIDENCE.values() if name in piece.formulas), key=lambda piece: CHEAPEST_FIRST.index(piece.kind))
    others: list[EvidenceResult] = []
    for piece in pieces:
        result = run_evidence(piece, {name: function}, twice=False)
        if result.verdict is Verdict.REFUTED:
            return result, others
        others.append(result)
    return None, others


def run_named(name: str, full: bool = False) -> EvidenceResult:
    """Run a piece of evidence or a printed form by its name. This is the task of a worker process."""
    load()
    return run_evidence(EVIDENCE[name], full=full) if name in EVIDENCE else run_printed_form(PRINTED_FORMS[name])
