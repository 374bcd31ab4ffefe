"""What the proofs for every t share: the number of steps, induction over it, and limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from ..arithmetic import Symbolic, convergence, symbols
from ._registry import Claims

t = symbols("t", integer=True, nonnegative=True)


def limit(expression: Any, variable: Any = t, point: Any = sp.oo) -> Any:
    """The limit of an expression as t, or another variable, grows, or comes down to a number; Undecided if the laws do not give it."""
    return Symbolic(convergence.limit(expression.item(), variable.item(), point))


def by_induction(closed: Callable[[Any], Any], step: Callable[[Any], Any], start: Any) -> Claims:
    """closed(t) is what t steps make of the start: it starts there, and one step leads from t to t + 1."""
    yield closed(0 * t), start
    yield closed(t + 1), step(closed(t))
