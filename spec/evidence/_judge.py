"""The judge: whether got equals claimed. How equality is decided depends only on the number system of the two values."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from flint import arb

from ...reference import tree_leaves
from ..arithmetic import Ball, Differential, Finding, Numbers, Rational, Running, Symbolic, Tensor, Verdict, proven_true, proven_zero
from ..arithmetic.conditions import are_collected, carried_by, divisors_in, in_words
from ..arithmetic.prover import shorten

CONSISTENT = 2.0**-60  # two enclosures agree only if both are at least this narrow, relative to their size or 1


@dataclass(frozen=True)
class Interval:
    """The closed interval from low to high; `shown` is the decimal number as its source prints it."""

    low: Decimal
    high: Decimal
    shown: str = ""

    def __str__(self) -> str:
        return f"[{self.low}, {self.high}]"


class TableCell(NamedTuple):
    """A claim that is one number of a printed table: the computed value, the claimed value, and the headings of its row and column."""

    got: Any
    claimed: Any
    row: str
    column: str


def prints_as(digits: str) -> Interval:
    """Return the interval of all numbers that round to these decimal digits."""
    value = Decimal(digits)
    half = Decimal(5).scaleb(int(value.as_tuple().exponent) - 1)
    return Interval(value - half, value + half, digits)


HOLDS = Finding(Verdict.HOLDS)
NOTHING_COMPARED = Finding(Verdict.UNKNOWN, "no number is compared with another: an empty claim shows nothing")


def judge(got: Any, claimed: Any) -> Finding:
    """Decide whether two values, or two nested tuples of values, are equal. A claim without a number in it is unknown.

    Of a claim about symbols that holds, the detail says where: what the computation of its sides takes for granted, such as divisors that
    are not 0; unless the caller collects that of all claims together (`conditions`).
    """
    got_leaves, claimed_leaves = tree_leaves(got), tree_leaves(claimed)
    if len(got_leaves) != len(claimed_leaves):
        return Finding(Verdict.REFUTED, f"got {len(got_leaves)} results, claimed {len(claimed_leaves)}")
    finding = worst_finding([judge_leaf(mine, theirs) for mine, theirs in zip(got_leaves, claimed_leaves, strict=True)])
    if finding.verdict is not Verdict.HOLDS or are_collected():
        return finding
    return finding._replace(detail=in_words(taken_for_granted([*got_leaves, *claimed_leaves])))


def taken_for_granted(leaves: list[Any]) -> dict[Any, None]:
    """Return what the computation of some values took for granted; of plain SymPy expressions, the divisors that they show."""
    shown = [divisors_in(leaf) for leaf in leaves if isinstance(leaf, sp.Basic)]
    return functools.reduce(operator.or_, shown, carried_by(leaves))


def worst_finding(findings: list[Finding]) -> Finding:
    """Return the first refuted finding, else the first unknown one, else that the claim holds; of no findings, that nothing is shown."""
    if not findings:
        return NOTHING_COMPARED
    for verdict in (Verdict.REFUTED, Verdict.UNKNOWN):
        for finding in findings:
            if finding.verdict is verdict:
                return finding
    return HOLDS


def judge_leaf(got: Any, claimed: Any) -> Finding:
    """Judge one array or number by the rule of its number system."""
    if isinstance(claimed, Interval):
        return judge_interval(got, claimed)
    if any(isinstance(x, Tensor) for x in (got, claimed)):
        return judge_tensors(got, claimed)
    if any(isinstance(x, Symbolic | sp.Basic) for x in (got, claimed)):
        return judge_symbols(got, claimed)
    if any(isinstance(x, Differential | Running) for x in (got, claimed)):
        raise TypeError("a claim must not contain dual or running numbers: yield their derivatives or bounds")
    if any(isinstance(x, Ball | arb) for x in (got, claimed)):
        return judge_balls(got, claimed)
    if any(isinstance(x, Rational) for x in (got, claimed)):
        got, claimed = Rational(got), Rational(claimed)
    return judge_exactly(got, claimed)


def judge_exactly(got: Any, claimed: Any) -> Finding:
    """Judge floats, fractions, truth values and strings: every entry must be equal."""
    if not shapes_fit(got, claimed):
        return wrong_shape(got, claimed)
    equal = np.asarray(got == claimed)
    if not equal.size:
        return NOTHING_COMPARED
    if np.all(equal):
        return HOLDS
    first = tuple(int(i) for i in np.argwhere(~equal)[0])
    at = f" at index {first}" if first else ""
    return Finding(Verdict.REFUTED, f"got {entry_at(got, first)}, claimed {entry_at(claimed, first)}{at}")


def shapes_fit(got: Any, claimed: Any) -> bool:
    """Return whether the shapes are equal, or one number is claimed of all entries."""
    return shape_of(claimed) in (shape_of(got), ())


def shape_of(value: Any) -> tuple[Any, ...]:
    """Return the sizes of an array; of a tensor those that SymPy has, which are equal if they are equal at all."""
    return value.sizes if isinstance(value, Tensor) else np.shape(value)


def wrong_shape(got: Any, claimed: Any) -> Finding:
    """Return the finding that the shapes differ."""
    return Finding(Verdict.REFUTED, f"got shape {shape_of(got)}, claimed shape {shape_of(claimed)}")


def entry_at(value: Any, index: tuple[int, ...]) -> Any:
    """Return the entry of an array at an index; a number is returned as it is."""
    return value[index] if np.shape(value) else value


def judge_tensors(got: Any, claimed: Any) -> Finding:
    """Judge generic elements, for every shape: a difference must be 0; where True is claimed, a relation must be true."""
    if claimed is True:
        return proven_true(got.element)
    if not shapes_fit(got, claimed):
        return wrong_shape(got, claimed)
    return proven_zero((got - claimed).element)


def judge_symbols(got: Any, claimed: Any) -> Finding:
    """Judge each entry: a difference must be 0; where True is claimed, a relation must be true."""
    if claimed is True:
        return worst_finding([proven_true(relation) for relation in Symbolic.object_array(got).ravel()])
    if not shapes_fit(got, claimed):
        return wrong_shape(got, claimed)
    findings = []
    for difference in Symbolic.object_array(Symbolic(got) - Symbolic(claimed)).ravel():
        finding = proven_zero(difference)
        shown = f"; the difference is {shorten(sp.factor(difference))}" if finding.verdict is Verdict.REFUTED else ""
        findings.append(finding._replace(detail=finding.detail + shown))
    return worst_finding(findings)


def judge_balls(got: Any, claimed: Any) -> Finding:
    """Judge enclosures: disjoint ones differ, narrow ones that overlap agree, and wide ones that overlap are unknown."""
    if not shapes_fit(got, claimed):
        return wrong_shape(got, claimed)
    difference = Ball(got) - Ball(claimed)
    if not np.size(difference):
        return NOTHING_COMPARED
    sizes = np.broadcast_to(Ball.object_array(claimed), np.shape(difference))
    for gap, size in zip(Ball.object_array(difference).ravel(), sizes.ravel(), strict=True):
        if not gap.contains(0):
            return Finding(Verdict.REFUTED, f"the difference of got and claimed is {gap}")
        if not (gap.is_finite() and gap.rad() <= CONSISTENT * max(1, float(abs(size).mid()))):
            return Finding(Verdict.UNKNOWN, f"the difference is only known to lie in {gap}")
    return HOLDS


def judge_interval(got: Any, interval: Interval) -> Finding:
    """Judge whether a number, or every entry of an array, lies in the interval; balls and floats are compared exactly."""
    low, high = (arb(str(end)) for end in (interval.low, interval.high))
    values = Ball.object_array(got if isinstance(got, Numbers) else np.asarray(got, dtype=object)).ravel()
    if not values.size:
        return NOTHING_COMPARED
    for value in values:
        if value < low or value > high:
            return Finding(Verdict.REFUTED, f"got {value}, claimed to lie in {interval}")
        if not (value >= low and value <= high):
            return Finding(Verdict.UNKNOWN, f"whether {value} lies in {interval} is not decided")
    return HOLDS
