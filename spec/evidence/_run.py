"""The runner: it hands a piece its formulas and its data, and has the judge look at what it yields."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import ctx
from hypothesis import find
from hypothesis.errors import NoSuchExample, Unsatisfiable

from ..arithmetic import Finding, Running, Undecided, Verdict, leaves
from ..arithmetic.prover import BITS
from ..arithmetic.running import FORMAT, as_running, error, format_of
from ..inputs.strategies import arguments, domains_of, quiet
from ._judge import Cell, judge, worst
from ._pieces import BY_NAME, MISPRINTS, PIECES, Misprint, Piece

EXAMPLES = 60  # of a law, unless it says otherwise
RANDOM = os.environ.get("HYPOTHESIS_PROFILE") == "long"  # a long run with other examples each time; otherwise they are always the same
LONGER = 100

Formulas = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True)
class Result:
    """The verdict on one piece, why, and how long it took."""

    name: str
    verdict: Verdict
    detail: str
    seconds: float
    raised: bool = False


def run_piece(piece: Piece, instead: Formulas | None = None, *, full: bool = False, allowed: float = 1.0) -> Result:
    """Judge a piece, of the reference or with other formulas in the place of some of its own; in full, if it has a longer form.

    `allowed` is what another order of operations may make of the running bounds within which laws hold.

    A piece that raises is unknown: nothing was shown. So is one that claims nothing.
    """
    start = time.perf_counter()
    raised = False
    try:
        finding = run_law(piece, instead or {}, allowed) if piece.kind == "law" else run_claims(piece, instead or {}, full=full)
    except Exception as problem:  # whatever a piece raises is reported, and the run goes on
        finding = Finding(Verdict.UNKNOWN, f"raised {type(problem).__name__}: {problem}")
        raised = True
    return Result(piece.name, finding.verdict, finding.detail, time.perf_counter() - start, raised)


def chosen(piece: Piece | Misprint, names: tuple[str, ...], instead: Formulas) -> dict[str, Callable[..., Any]]:
    """The formulas that a piece asks for, by name."""
    return {name: instead.get(name, BY_NAME[name].raw) for name in names}


def judged(claims: Any) -> Finding:
    """The worst finding among the claims; it stops at the first refuted one."""
    findings = []
    for number, (got, claimed, *place) in enumerate(claims, start=1):
        finding = judge(got, claimed)
        if finding.verdict is not Verdict.HOLDS:
            finding = finding._replace(detail=f"claim {' '.join(place) or number}: {finding.detail}")
        if finding.verdict is Verdict.REFUTED:
            return finding
        findings.append(finding)
    return worst(findings) if findings else Finding(Verdict.UNKNOWN, "it claims nothing")


def run_claims(piece: Piece, instead: Formulas, *, full: bool = False) -> Finding:
    """A piece without drawn data; balls have 256 bits, unless it asks for more."""
    with ctx.workprec(BITS), np.errstate(all="ignore"):
        return judged(piece.function(**chosen(piece, piece.formulas, instead), **piece.extent(full=full)))


def cells(piece: Piece) -> list[tuple[Cell, Finding]]:
    """The table that a piece reproduces: its cells, each with what the judge says."""
    with ctx.workprec(BITS), np.errstate(all="ignore"):
        claims = piece.function(**chosen(piece, piece.formulas, {}), **piece.extent(full=False))
        return [(one, judge(one.got, one.claimed)) for one in claims if isinstance(one, Cell)]


def run_law(piece: Piece, instead: Formulas, allowed: float = 1.0) -> Finding:
    """A law, on examples drawn from the domains of its parameters; a counterexample is shrunk to the simplest."""
    options = dict(piece.options)
    formulas = chosen(piece, piece.formulas, instead)
    unknown: list[Finding] = []
    tried = 0

    def refutes(data: dict[str, Any]) -> bool:
        nonlocal tried
        finding = example(piece, formulas, data, exact=options.get("exact", False), allowed=allowed)
        tried += finding is not None
        if finding and finding.verdict is Verdict.UNKNOWN:
            unknown.append(finding)
        return finding is not None and finding.verdict is Verdict.REFUTED

    looking = quiet(options.get("examples", EXAMPLES) * (LONGER if RANDOM else 1), derandomize=not RANDOM)
    try:
        found = find(arguments(domains_of(piece.function, piece.drawn)), refutes, settings=looking)
    except (NoSuchExample, Unsatisfiable):
        if not tried:
            return Finding(Verdict.UNKNOWN, "no example lies in the domain")
        return worst(unknown) if unknown else Finding(Verdict.HOLDS, f"{tried} examples")
    detail = example(piece, formulas, found, exact=options.get("exact", False), allowed=allowed)
    shown = ", ".join(f"{name} = {value!r}" for name, value in found.items())
    return Finding(Verdict.REFUTED, f"{shown}: {detail.detail if detail else ''}")


def example(piece: Piece, formulas: Formulas, data: dict[str, Any], *, exact: bool, allowed: float = 1.0) -> Finding | None:
    """One example of a law: equal to the last bit, or, unless it is said to be exact, as far apart as rounding allows."""
    try:
        with np.errstate(all="ignore"):
            pairs = list(piece.function(**formulas, **data))
            if exact:
                return judged(pairs)
            return judged_within_rounding(pairs, list(bounded_claims(piece, data)), allowed)
    except Undecided:
        return None  # rounding alone may decide this example: it shows nothing


def bounded_claims(piece: Piece, data: dict[str, Any]) -> Any:
    """The same claims of the reference, on values with their rounding errors: whoever meets a law is allowed what the reference is."""
    token = FORMAT.set(format_of(np.float64))
    try:
        yield from piece.function(**chosen(piece, piece.formulas, {}), **{name: lifted(value) for name, value in data.items()})
    finally:
        FORMAT.reset(token)


def lifted(value: Any) -> Any:
    """A drawn value with its rounding error; integers, which count steps, and words stay as they are."""
    if isinstance(value, tuple):
        return type(value)(*map(lifted, value)) if hasattr(value, "_fields") else tuple(map(lifted, value))
    return value if isinstance(value, int | str) else as_running(value)


def judged_within_rounding(pairs: list[Any], bounded: list[Any], times: float = 1.0) -> Finding:
    """Whether floats agree within the sum of the two running bounds; truth values must simply agree."""
    if not pairs:
        return Finding(Verdict.UNKNOWN, "it claims nothing")
    for number, ((got, claimed), (got_bound, claimed_bound)) in enumerate(zip(pairs, bounded, strict=True), start=1):
        for a, b, a_bound, b_bound in zip(*map(leaves, (got, claimed, got_bound, claimed_bound)), strict=True):
            if isinstance(b, bool):
                if not np.all(np.asarray(a) == b):
                    return Finding(Verdict.REFUTED, f"claim {number}: {a} where {b} is claimed")
                continue
            allowed = times * (error(Running(a_bound)) + error(Running(b_bound)))
            if np.shape(a) != np.shape(b) and np.shape(b) != ():
                return Finding(Verdict.REFUTED, f"claim {number}: shape {np.shape(a)} where {np.shape(b)} is claimed")
            if not np.all(np.abs(np.asarray(a) - b) <= allowed):
                return Finding(
                    Verdict.REFUTED, f"claim {number}: {a} where {b} is claimed, and rounding explains {np.max(allowed):.2g} at most"
                )
    return Finding(Verdict.HOLDS)


def run_misprint(misprint: Misprint) -> Result:
    """Judge a printed form by the pieces that speak of its formula, or by its own claims: it is refuted as soon as one refutes it."""
    start = time.perf_counter()
    if misprint.is_claim:
        piece = Piece((misprint.id,), "proof", "as printed", misprint.function)
        return run_piece(piece)
    right = BY_NAME[misprint.formula].raw
    printed = misprint.function(right)
    results = [run_piece(piece, {misprint.formula: printed}) for piece in PIECES.values() if misprint.formula in piece.formulas]
    refuting = [one for one in results if one.verdict is Verdict.REFUTED]
    verdict = Verdict.REFUTED if refuting else Verdict.UNKNOWN if any(one.verdict is Verdict.UNKNOWN for one in results) else Verdict.HOLDS
    detail = "; ".join(f"{one.name}: {one.detail}" for one in refuting[:1]) or "no piece refutes it"
    return Result(misprint.name, verdict, f"{len(refuting)} of {len(results)} pieces refute it; {detail}", time.perf_counter() - start)


def run_named(name: str, *, full: bool = False) -> Result:
    """Run a piece or a misprint by its name: what a worker process is asked to do."""
    from . import load

    load()
    return run_piece(PIECES[name], full=full) if name in PIECES else run_misprint(MISPRINTS[name])
