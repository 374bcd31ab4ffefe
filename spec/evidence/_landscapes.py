"""The three landscapes of R6: a saddle, a long valley, Beale's function; and how many steps a method takes on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

VALLEY = np.array([100.0, 0.01])
MOST = 20_000  # steps: one that has not arrived by then does not


class Landscape(NamedTuple):
    """A gradient, and when a run on it has arrived."""

    gradient: Callable[[Any], Any]
    arrived: Callable[[Any], Any]


def beale_terms(point: Any) -> Any:
    """The three numbers whose squares add up to Beale's function."""
    x, y = point
    return np.array([1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3])


def beale_gradient(point: Any) -> Any:
    """Its gradient."""
    x, y = point
    return 2 * beale_terms(point) @ np.array([[y - 1, x], [y**2 - 1, 2 * x * y], [y**3 - 1, 3 * x * y**2]])


SADDLE = Landscape(lambda y: -2 * y, lambda y: abs(y[0]) > 1)  # along −y²
LONG_VALLEY = Landscape(lambda p: VALLEY * p, lambda p: np.sum(VALLEY * p**2) / 2 < 1e-3)
BEALE = Landscape(beale_gradient, lambda p: np.sum(beale_terms(p) ** 2) < 1e-3)

# where each count of a row of R6 was taken: the saddle from three heights, the valley, Beale's function
STARTS = [(SADDLE, [1e-1]), (SADDLE, [1e-3]), (SADDLE, [1e-6]), (LONG_VALLEY, [1.0, 10.0]), (BEALE, [1.0, 1.5])]


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
