"""The judge: one pair (got, claimed), one finding. What counts as equal depends on the arithmetic, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from flint import arb

from ..arithmetic import (
    Ball,
    Differential,
    Finding,
    Numbers,
    Rational,
    Running,
    Symbolic,
    Tensor,
    Verdict,
    leaves,
    proven_true,
    proven_zero,
)
from ..arithmetic.prover import shifts, shortened

CONSISTENT = 2.0**-60  # two enclosures agree only if both are at least this narrow, relative to their size or 1


@dataclass(frozen=True)
class Interval:
    """Everything from low to high, ends included; shown is how the source prints it."""

    low: Decimal
    high: Decimal
    shown: str = ""

    def __str__(self) -> str:
        return f"[{self.low}, {self.high}]"


class Cell(NamedTuple):
    """A claim that is one figure of a printed table: ours, what is claimed of it, and where it stands."""

    got: Any
    claimed: Any
    row: str
    column: str


def printed(digits: str) -> Interval:
    """The numbers that print as these digits: within half a unit of the last one."""
    value = Decimal(digits)
    half = Decimal(5).scaleb(int(value.as_tuple().exponent) - 1)
    return Interval(value - half, value + half, digits)


HOLDS = Finding(Verdict.HOLDS)


def judge(got: Any, claimed: Any) -> Finding:
    """Whether what was got is what was claimed."""
    mine, theirs = leaves(got), leaves(claimed)
    if len(mine) != len(theirs):
        return Finding(Verdict.REFUTED, f"{len(mine)} results where {len(theirs)} are claimed")
    return worst([judge_leaf(a, b) for a, b in zip(mine, theirs, strict=True)])


def worst(findings: list[Finding]) -> Finding:
    """Refuted if any is, else unknown if any is."""
    for verdict in (Verdict.REFUTED, Verdict.UNKNOWN):
        for one in findings:
            if one.verdict is verdict:
                return one
    return HOLDS


def judge_leaf(got: Any, claimed: Any) -> Finding:
    """One array or number, by its arithmetic."""
    if isinstance(claimed, Interval):
        return within(got, claimed)
    if any(isinstance(x, Tensor) for x in (got, claimed)):
        return judge_tensors(got, claimed)
    if any(isinstance(x, Symbolic | sp.Basic) for x in (got, claimed)):
        return judge_symbols(got, claimed)
    if any(isinstance(x, Differential | Running) for x in (got, claimed)):
        raise TypeError("a claim is made of values, not of dual or running numbers: take their slopes or bounds")
    if any(isinstance(x, Ball | arb) for x in (got, claimed)):
        return judge_balls(got, claimed)
    if any(isinstance(x, Rational) for x in (got, claimed)):
        got, claimed = Rational(got), Rational(claimed)
    if not shapes_fit(got, claimed):
        return Finding(Verdict.REFUTED, f"shape {np.shape(got)} where {np.shape(claimed)} is claimed")
    same = np.asarray(got == claimed)
    if np.all(same):
        return HOLDS
    first = tuple(int(i) for i in np.argwhere(~same)[0])
    return Finding(
        Verdict.REFUTED, f"{entry(got, first)} where {entry(claimed, first)} is claimed" + (f", at index {first}" if first else "")
    )


def shapes_fit(got: Any, claimed: Any) -> bool:
    """Equal shapes, or one number claimed of all entries."""
    return np.shape(got) == np.shape(claimed) or np.shape(claimed) == ()


def entry(value: Any, index: tuple[int, ...]) -> Any:
    """The entry at an index, or the number itself."""
    return value[index] if np.shape(value) else value


def judge_tensors(got: Any, claimed: Any) -> Finding:
    """Generic elements, equal for every shape; where a maximum was used as a shift, the result must not depend on it."""
    if not shapes_fit(got, claimed):
        return Finding(Verdict.REFUTED, f"shape {np.shape(got)} where {np.shape(claimed)} is claimed")
    obligations = [(got - claimed).element] + [
        sp.diff(x.element, s) for x in (got, claimed) if isinstance(x, Tensor) for s in shifts(x.element)
    ]
    return worst([proven_zero(one) for one in obligations])


def judge_symbols(got: Any, claimed: Any) -> Finding:
    """Entry by entry: a difference that is 0, or a relation that is true."""
    if claimed is True:
        return worst([proven_true(one) for one in Symbolic.plain(got).ravel()])
    if not shapes_fit(got, claimed):
        return Finding(Verdict.REFUTED, f"shape {np.shape(got)} where {np.shape(claimed)} is claimed")
    findings = []
    for one in Symbolic.plain(Symbolic(got) - Symbolic(claimed)).ravel():
        finding = proven_zero(one)
        where = f"; the difference is {shortened(sp.factor(one))}" if finding.verdict is Verdict.REFUTED else ""
        findings.append(finding._replace(detail=finding.detail + where))
    return worst(findings)


def judge_balls(got: Any, claimed: Any) -> Finding:
    """Enclosures: disjoint ones differ; narrow ones that overlap agree; anything else is not known."""
    difference = Ball.plain(Ball(got) - Ball(claimed)).ravel()
    for one, size in zip(difference, np.broadcast_to(Ball.plain(claimed), np.shape(Ball(got) - Ball(claimed))).ravel(), strict=True):
        if not one.contains(0):
            return Finding(Verdict.REFUTED, f"the difference of got and claimed is {one}")
        if not one.rad() <= CONSISTENT * max(1, float(abs(size).mid())):
            return Finding(Verdict.UNKNOWN, f"the difference is known as {one} only")
    return HOLDS


def within(got: Any, interval: Interval) -> Finding:
    """A number, or every entry of an array, in an interval: exactly, for balls and floats alike."""
    values = Ball.plain(got if isinstance(got, Numbers) else np.asarray(got, dtype=object)).ravel()
    for one in values:
        low, high = (arb(str(end)) for end in (interval.low, interval.high))
        if one < low or one > high:
            return Finding(Verdict.REFUTED, f"{one} where {interval} is printed")
        if not (one >= low and one <= high):
            return Finding(Verdict.UNKNOWN, f"{one} against {interval}")
    return HOLDS
