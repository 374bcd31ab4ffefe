"""The landscapes of R6 as courses to run: where a method starts, when it has arrived, and how many steps it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...reference.landscapes import beale, beale_gradient, long_valley, long_valley_gradient, saddle_gradient

MOST = 20_000  # steps: one that has not arrived by then does not
LOW = 1e-3  # the height at which a valley is descended


class Landscape(NamedTuple):
    """A gradient, and when a run on it has arrived."""

    gradient: Callable[[Any], Any]
    arrived: Callable[[Any], Any]


def beside_the_ridge(gradient: Callable[[Any], Any]) -> Landscape:
    """A saddle: a run has arrived when it is further from the ridge than 1."""
    return Landscape(gradient, lambda p: np.abs(p[1]) > 1)


def downhill(height: Callable[[Any], Any], gradient: Callable[[Any], Any]) -> Landscape:
    """A landscape whose lowest height is 0."""
    return Landscape(gradient, lambda p: height(p) < LOW)


SADDLE = beside_the_ridge(saddle_gradient.raw)
LONG_VALLEY = downhill(long_valley.raw, long_valley_gradient.raw)
BEALE = downhill(beale.raw, beale_gradient.raw)

FROM_RIDGE = [[1.0, 1e-1], [1.0, 1e-3], [1.0, 1e-6]]
FROM_SLOPE, FROM_PLAIN = [1.0, 10.0], [1.0, 1.5]

# where each count of a row of R6 was taken: the saddle at three distances from its ridge, the valley, Beale's function
STARTS = [*((SADDLE, start) for start in FROM_RIDGE), (LONG_VALLEY, FROM_SLOPE), (BEALE, FROM_PLAIN)]


def row_of_r6(rule: Callable[[float], Any], rates: list[float], state: Callable[[Any], Any] = lambda p: 0 * p) -> list[int]:
    """The counts of one method, each start with its own rate: rule(lr) is a step."""
    return [steps_until(rule(rate), landscape, start, state) for (landscape, start), rate in zip(STARTS, rates, strict=False)]


def steps_until(step: Callable[..., Any], landscape: Landscape, start: list[float], state: Callable[[Any], Any], most: int = MOST) -> int:
    """How many steps it takes from a start and the state there: step(point, gradient, state) → point, state."""
    point = np.array(start)
    memory = state(point)
    for count in range(most):
        if landscape.arrived(point):
            return count
        point, memory = step(point, landscape.gradient, memory)
    return most
