"""Whether a step of parts of an array is the step of the whole: that of an elementwise step is, that of a step with norms is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from .algorithm import program
from .arrays import RESUMED, SEVERAL, SHAPES, ArraysReport
from .conventions import Convention
from .matching import float_divergence, screen_of
from .visits import OptimizerRun

Sharding = Literal["bit for bit", "up to rounding", "by design not"]
SHARDS = ((0, 1, 2), (3, 4))  # the columns of two parts of the vector


def sharding_of(convention: Convention, run: OptimizerRun, arrays: ArraysReport) -> Sharding | None:
    """Return how parts of an array move beside the whole, for an optimizer that follows a convention; None where it was not tried."""
    if run.fixture.shape:
        return "by design not" if program(convention).couples_coordinates else None
    if not is_elementwise(convention, run):
        return "by design not"
    if not {SEVERAL, SHAPES} & set(arrays.tried):
        return None
    return "up to rounding" if any(difference.situation != RESUMED for difference in arrays.differences) else "bit for bit"


def is_elementwise(convention: Convention, run: OptimizerRun) -> bool:
    """Return whether a convention moves each part of the vector of a run, alone, as it moves there."""
    parts = [
        replace(run, fixture=run.fixture.part(columns), points=run.points[:, list(columns)], states=())
        for columns in SHARDS
        if max(columns) < run.points.shape[1]
    ]
    return all(float_divergence(convention, part)[1] <= screen_of(run) for part in parts)
