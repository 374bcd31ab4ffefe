"""The search where nothing simpler fits: one mistake with any right values besides it, any change of one place, or two mistakes at once."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .combinations import (
    Setting,
    with_generated_mistake,
    with_more_values,
    with_rare_and_listed_mistake,
    with_rare_mistake,
    with_two_mistakes,
    with_wrappers,
)
from .conventions import Convention, canonical
from .matching import MEASURED, Measurement, float_candidates, measure, setting_of
from .visits import OptimizerRun

LIMIT = 12_000  # combinations that are tried of each kind; a count, so that the answer does not depend on the speed of the machine
CHUNK = 600  # combinations that are screened before those that remain are measured
GENERATED, UNUSUAL = (functools.partial(with_generated_mistake, deviations=count) for count in (0, 1))
RARE, *RARE_AND_UNUSUAL = (functools.partial(with_rare_mistake, deviations=count) for count in (0, 1, 2))


def find_mistakes(runs: tuple[OptimizerRun, ...], settings: Mapping[str, Any]) -> list[Measurement]:
    """Return the conventions that the runs follow with a change of one place of their step, or with combined mistakes."""
    return find_generated_mistakes(runs, settings) or find_combined_mistakes(runs, settings)


def find_generated_mistakes(runs: tuple[OptimizerRun, ...], settings: Mapping[str, Any]) -> list[Measurement]:
    """Return the canonical conventions that the runs follow with a change of one place of their step."""
    return first_that_follow((RARE, GENERATED), runs, settings)


def find_combined_mistakes(runs: tuple[OptimizerRun, ...], settings: Mapping[str, Any]) -> list[Measurement]:
    """Return the conventions that the runs follow with wrappers, unusual values or two mistakes: those of the first kind that has some."""
    pools = (with_wrappers, with_more_values, *RARE_AND_UNUSUAL, UNUSUAL, with_rare_and_listed_mistake, with_two_mistakes)
    return first_that_follow(pools, runs, settings)


def first_that_follow(pools: Iterable[Any], runs: tuple[OptimizerRun, ...], settings: Mapping[str, Any]) -> list[Measurement]:
    """Return the conventions that the runs follow, of the first pool that has some."""
    setting = setting_of(runs)
    for pool in pools:
        candidates = itertools.islice(candidates_of(pool, setting, settings), LIMIT)
        while chunk := list(itertools.islice(candidates, CHUNK)):
            near = float_candidates(chunk, runs)[:MEASURED]
            measurements = (measure(convention, runs) for convention in near)
            if matching := [measurement for measurement in measurements if measurement.follows]:
                return matching
    return []


TELLING = {"momentum", "beta1", "beta2", "beta3", "eps", "grow"}  # hyper-parameters that tell families apart


def candidates_of(pool: Any, setting: Setting, settings: Mapping[str, Any]) -> Iterator[Convention]:
    """Yield the conventions of a pool, of the families whose hyper-parameters are nearest to those that the implementation states."""
    stated = {"beta2" if name == "decay" else name for name in settings} & TELLING
    distances = {family: len(set(canonical(family).needs) ^ stated) for family in setting.families}
    for family in sorted(distances, key=lambda name: distances[name]):
        if distances[family] <= min(distances.values()) + 1:
            yield from pool(family, setting)
