"""Where a function is right: a plain condition on the arguments that holds in all cases in which it is wrong, and in no other."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ....reference.validation import Domain
from .observations import FunctionCall

FEWEST = 2  # cases on each side, since a single one has many things that the others have not


def condition_of_mistake(
    calls: Iterable[FunctionCall], deviating: Iterable[str], arguments: Mapping[str, Domain]
) -> tuple[str, bool] | None:
    """Return a condition that tells wrong cases from right ones, and whether it is where the function is wrong; None if there is none."""
    names = set(deviating)
    wrong, right = list[dict[str, bool]](), list[dict[str, bool]]()
    for call in calls:
        (wrong if call.case.name in names else right).append(dict(facts_of(call.case.arguments, arguments)))
    if min(len(wrong), len(right)) < FEWEST:
        return None
    for fact in {**wrong[0], **right[0]}:
        in_wrong, in_right = ([facts.get(fact, False) for facts in side] for side in (wrong, right))
        if all(in_wrong) and not any(in_right):
            return fact, True
        if all(in_right) and not any(in_wrong):
            return fact, False
    return None


def facts_of(values: Mapping[str, Any], arguments: Mapping[str, Domain]) -> Iterator[tuple[str, bool]]:
    """Yield plain statements about arguments, and whether they are true."""
    numbers = {name: value for name, value in values.items() if arguments[name].kind in ("number", "count")}
    arrays = {name: np.asarray(value) for name, value in values.items() if arguments[name].kind == "array" and value is not None}
    for name, value in values.items():
        if arguments[name].kind in ("choice", "flag"):
            yield f"{name} = {value!r}", True
    for name, value in numbers.items():
        yield f"{name} = 0", value == 0
        yield f"{name} = 1", value == 1
        yield f"{name} > 1", value > 1
        yield f"{name} < 0", value < 0
    for (name, value), (other, limit) in itertools.permutations(numbers.items(), 2):
        yield f"{name} < {other}", value < limit
        yield f"{name} ≤ {other}", value <= limit
    for name, array in arrays.items():
        for axis, length in enumerate(array.shape):
            yield f"axis {axis} of {name} has length 1", length == 1
        yield f"all of {name} is 0", bool(np.all(array == 0))
        yield f"some entry of {name} is 0", bool(np.any(array == 0))
        yield f"some entry of {name} is negative", bool(np.any(array < 0))
        yield f"some entry of {name} is positive", bool(np.any(array > 0))
        for other, limit in numbers.items():
            yield f"some modulus in {name} is above {other}", bool(np.any(np.abs(array) > limit))
            yield f"some entry of {name} is above {other}", bool(np.any(array > limit))
    for (name, array), (other, second) in itertools.combinations(arrays.items(), 2):
        if array.shape == second.shape:
            yield f"some entry of {name} is above that of {other}", bool(np.any(array > second))
            yield f"some entry of {name} is below that of {other}", bool(np.any(array < second))
