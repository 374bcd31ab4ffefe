"""Two mistakes at once, where none explains a function alone.

Not all pairs are tried. A mistake that is made often explains a few cases by itself, those in which the other one has no effect, and comes
nearer to the rest: those that explain most are tried with all others.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ....reference import Formula
from ...changes.program import NotApplicable
from .error import float_distance, float_error
from .observations import FunctionCall
from .variants import Variant, changes_of_one_place, rarer_variants, variants_of

SAMPLE = 24  # cases in which mistakes are compared
FIRST = 8  # mistakes that are tried with all others
LIMIT = 4_000  # pairs that are tried; a count, so that the answer does not depend on the speed of the machine
LARGEST = 1e18  # of distances that are compared: beyond it all are alike


def near_pairs(
    formula: Formula[..., Any], calls: Sequence[FunctionCall], inferred: Mapping[str, Any], units: Mapping[str, list[Any]], close: float
) -> list[Variant]:
    """Return the pairs of mistakes that floats cannot rule out."""
    sample = [call for call in calls if call.case.is_ordinary and call.case.name in units][:SAMPLE]
    pairs = itertools.islice(pairs_of(formula, sample, inferred, units, close), LIMIT)
    return [pair for pair in pairs if sample and is_near(pair, sample, inferred, units, close)]


def is_near(
    pair: Variant, calls: Sequence[FunctionCall], inferred: Mapping[str, Any], units: Mapping[str, list[Any]], close: float
) -> bool:
    """Return whether floats cannot rule out a pair: there may be no place for the second mistake after the first."""
    with suppress(NotApplicable):
        return float_error(pair.function, calls, inferred, units, close) <= close
    return False


def pairs_of(
    formula: Formula[..., Any], calls: Sequence[FunctionCall], inferred: Mapping[str, Any], units: Mapping[str, list[Any]], close: float
) -> Iterator[Variant]:
    """Yield pairs of mistakes: those that explain most cases, each with every other one."""
    pool = [variant for variant in (*variants_of(formula), *rarer_variants(formula)) if variant.change]
    explained = {variant.id: score(variant, calls, inferred, units, close) for variant in pool}
    first = sorted(pool, key=lambda variant: explained[variant.id])[:FIRST]
    pool += changes_of_one_place(formula)
    for variant, other in itertools.product(first, pool):
        if variant.id != other.id:
            yield variant.beside(other)


def score(
    variant: Variant, calls: Sequence[FunctionCall], inferred: Mapping[str, Any], units: Mapping[str, list[Any]], close: float
) -> tuple[int, float]:
    """Return in how many cases a mistake does not explain a function, and how far off it is in all of them together."""
    distances = [float_distance(variant.function, call, inferred, units[call.case.name]) for call in calls]
    known = [LARGEST if distance is None else min(distance, LARGEST) for distance in distances]
    return sum(distance > close for distance in known), float(np.sum(np.log10(np.maximum(known, 1))))
