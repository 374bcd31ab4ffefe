"""Whether the rounding errors of a function lie all on one side: what truncates is within every tolerance, and drifts.

In a case, errors have a side where every entry that is not exact is off towards 0, away from it, upwards or downwards. If a program rounds
to nearest, one side is as likely as the other, however much the errors of a case depend on each other; so the same side in n cases has a
probability of at most 4 · 2⁻ⁿ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .error import ExpectedOutput, Raw, expected_by_call
from .observations import FunctionCall

LEAST = 20  # cases; with fewer nothing is said
SIDES: Mapping[tuple[int, int], tuple[str, str]] = {  # the sign of a value and of its error, and the sides on which the error is
    (1, 1): ("away from 0", "upwards"),
    (1, -1): ("towards 0", "downwards"),
    (-1, 1): ("towards 0", "upwards"),
    (-1, -1): ("away from 0", "downwards"),
}


class Bias(NamedTuple):
    """The side on which all errors are, and in how many cases."""

    side: str
    cases: int

    @property
    def probability(self) -> float:
        """How likely this is at most for a program that rounds to nearest."""
        return float(4 * 2.0**-self.cases)


def find_bias(formula: Raw, calls: Iterable[FunctionCall], inferred: Mapping[str, Any], dtype: Any) -> Bias | None:
    """Return the side on which all errors of a function are, in enough cases; None where there is none."""
    by_case = [
        sides for call, outputs in expected_by_call(formula, calls, inferred, dtype) if (sides := sides_of(call, outputs)) is not None
    ]
    common = set.intersection(*by_case) if by_case else set()
    return Bias(min(common), len(by_case)) if common and len(by_case) >= LEAST else None


def sides_of(call: FunctionCall, outputs: Iterable[ExpectedOutput]) -> set[str] | None:
    """Return the sides on which every entry of a case is off; None where all are exact, or a sign is not known."""
    signs = {
        sign
        for due, got in zip(outputs, call.outputs, strict=True)
        if not due.is_exact and got is not None
        for value, number in zip(due.values.ravel(), np.asarray(got, dtype=float).ravel(), strict=True)
        if (sign := signs_of(value, number)) is not None
    }
    return set.intersection(*(set(SIDES[sign]) for sign in signs)) if signs else None


def signs_of(value: Any, number: float) -> tuple[int, int] | None:
    """Return the signs of a value and of its error; None where there is no error, or balls do not decide."""
    error = number - value
    sign_of_value, sign_of_error = (1 if ball > 0 else -1 if ball < 0 else 0 for ball in (value, error))
    return (sign_of_value, sign_of_error) if sign_of_value and sign_of_error else None
