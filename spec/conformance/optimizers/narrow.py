"""Find where an optimizer of a narrow format rounds, and the convention that it follows then.

The least rounding is taken in which a convention fits, right or wrong. Where wrong ones fit as well as a right one, the bound does not tell
them apart, and this is said.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ...arithmetic.formats import Format, format_of, is_real_dtype
from ..result import NATIVE
from .conventions import Convention
from .equivalence import are_equivalent
from .matching import Candidates, Measurement, Runs, expected_points, measure
from .planning import defaulted
from .precision import Findings, Precision, roundings, with_rounded_hyperparameters
from .search import find_mistakes
from .storage import Storage, storages_of
from .visits import OptimizerRun


def with_storage(runs: Runs, storage: Storage) -> Runs:
    """Return runs that are judged by where a program of this storage rounds."""
    return tuple(replace(run, storage=storage) for run in runs)


def match_narrow(runs: Runs, settings: Mapping[str, Any], expected: Convention | None) -> Findings:
    """Return the storage and the conventions that runs follow, and the runs that rounding leaves decided."""
    findings = match_storages(runs, settings, expected)
    decided = [run for run in findings.runs if findings.followed and is_decided(findings.followed[0].convention, run)]
    return findings._replace(runs=tuple(decided) or findings.runs)


def is_decided(convention: Convention, run: OptimizerRun) -> bool:
    """Return whether a run has a bound: a decay that is rounded to 1 divides by 0."""
    try:
        expected_points(convention, run)
    except ArithmeticError:
        return False
    return True


def match_storages(runs: Runs, settings: Mapping[str, Any], expected: Convention | None) -> Findings:
    """Return the storage and the conventions that runs follow: right ones, mistakes, or with hyper-parameters that are rounded too.

    A mistake with less rounding is taken before a right convention with more, if it has the smaller bounds and needs no hyper-parameter
    that nobody stated.
    """
    form = format_of(runs[0].points.dtype)
    *computing_wide, widest = (with_storage(runs, storage) for storage in storages_of(form.name))
    levels = [level for level in computing_wide if not (is_state_stored(level) and shows_wide_state(level))]
    searched: list[Candidates] = []
    for right in find_right([*levels, widest], runs, form, expected, searched):
        stated = [Mistakes(candidates, settings) for candidates in searched]
        if right.precision.name != NATIVE:
            return right
        wrong = next((findings for mistakes in stated[:-1] if (findings := mistakes.findings())), None)
        if wrong and is_tighter(wrong, right):
            return wrong
        return right._replace(not_told_apart=stated[-1].unlike(right.followed))
    wrong = next((findings for candidates in searched if (findings := Mistakes(candidates).findings())), None)
    return wrong or Findings(widest, find_mistakes(widest, settings))


def find_right(levels: list[Runs], runs: Runs, form: Format, expected: Convention | None, searched: list[Candidates]) -> Iterator[Findings]:
    """Yield the right conventions that runs follow, from the least rounding to the most; what was searched is noted.

    Before every operation is taken to be rounded, hyper-parameters are.
    """
    for level in levels:
        if level is levels[-1]:
            yield from find_rounded(levels, runs, form, expected)
        searched.append(Candidates(level))
        if followed := follow_right(searched[-1], expected):
            yield Findings(level, followed)


def find_rounded(levels: list[Runs], runs: Runs, form: Format, expected: Convention | None) -> Iterator[Findings]:
    """Yield the right conventions that runs follow with hyper-parameters that are rounded to the format.

    Rounding explains that as long as it does where every operation is rounded.
    """
    for names in roundings(runs, form):
        values = {**runs[0].hyper, "lr": runs[0].lr}
        used = {name: float(form.round(values[name])) for name in names}
        for level in levels[:-1]:
            rounded = tuple(with_rounded_hyperparameters(run, names, form) for run in level)
            if followed := follow_right(Candidates(rounded), expected):
                is_explained = measure(followed[0].convention, levels[-1]).follows
                yield Findings(rounded, followed, precision=Precision(f"hyper-{form.name}", used, is_explained))


class Mistakes:
    """The wrong conventions that runs may follow; with settings, those that need no hyper-parameter that nobody stated."""

    def __init__(self, candidates: Candidates, settings: Mapping[str, Any] | None = None) -> None:
        self.candidates = candidates
        self.settings = settings

    @cached_property
    def measurements(self) -> list[Measurement]:
        """How far runs are from those that they follow."""
        near = self.candidates.mistaken
        stated = [convention for convention in near if self.settings is None or not defaulted(self.settings, convention.needs)]
        return self.candidates.measured(stated, None, None)

    def findings(self) -> Findings | None:
        """Return them as what runs follow; None where there is none."""
        return Findings(self.candidates.runs, self.measurements) if self.measurements else None

    def unlike(self, right: Iterable[Measurement]) -> tuple[Convention, ...]:
        """Return those that are not the same steps as a right convention."""
        same = functools.partial(are_equivalent, runs=self.candidates.runs)
        wrong = [measurement.convention for measurement in self.measurements]
        return tuple(other for other in wrong if not any(same(measurement.convention, other) for measurement in right))


def is_state_stored(level: Runs) -> bool:
    """Return whether the state is said to be stored in the narrow format."""
    return any(run.storage is not None and run.storage.state == run.storage.dtype for run in level)


def shows_wide_state(runs: Runs) -> bool:
    """Return whether arrays of the state are seen, and none of them, but for the point itself, is always as the narrow format holds it."""
    run = runs[0]
    shape, kind = run.points[0].shape, run.points.dtype
    names = {name for state in run.states for name, array in state.items() if array.shape == shape and is_real_dtype(array.dtype)}
    histories = [[state[name] for state in run.states if name in state] for name in names]
    hidden = [history for history in histories if not np.array_equal(np.asarray(history[-1], kind), run.points[-1])]
    return bool(hidden) and not any(is_held(array, kind) for history in hidden for array in [np.stack(history)])


def is_held(array: Any, kind: Any) -> bool:
    """Return whether a format holds all numbers of an array."""
    return np.array_equal(array.astype(float), array.astype(kind).astype(float))


def follow_right(candidates: Candidates, expected: Convention | None) -> list[Measurement]:
    """Return the right conventions that runs follow, and the expected one where they follow it."""
    followed = candidates.following_right()
    if expected and expected not in [measurement.convention for measurement in followed]:
        followed += [measurement for measurement in [measure(expected, candidates.runs)] if measurement.follows]
    return followed


def is_tighter(findings: Findings, others: Findings) -> bool:
    """Return whether what is followed has smaller bounds than something else has: it leaves less to chance."""
    first, second = (
        np.concatenate([expected_points(known.followed[0].convention, run)[1] for run in known.runs]) for known in (findings, others)
    )
    decided = np.isfinite(first) & np.isfinite(second) & (first > 0) & (second > 0)
    return bool(np.mean(np.log(first[decided])) < np.mean(np.log(second[decided])))
