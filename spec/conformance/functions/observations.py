"""What is observed of a function: one record for each call, and one set of records for each formula."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ....reference import Formula
from ....reference.validation import domains
from ...inputs.cases import Case
from ..result import Fault

RowOutcome = Literal["same", "otherwise", "refused"]  # how the rows of a batch of higher rank come out, beside those of a matrix
COMBINATIONS = 64  # of values for arguments that a function does not take


@dataclass(frozen=True)
class FunctionCall:
    """One call: its case, and the arrays and numbers that were returned, in order."""

    case: Case
    outputs: tuple[Any, ...]
    free_signs: tuple[int, ...] = ()  # the outputs, from 0, of directions as columns: both signs of each are right


@dataclass(frozen=True)
class FunctionObservations:
    """All that was observed of one function against one formula."""

    formula: str = ""
    unbound: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # arguments that it does not take, and their likely values
    settings: Mapping[str, Any] = field(default_factory=dict)
    calls: tuple[FunctionCall, ...] = ()
    faults: tuple[Fault, ...] = ()
    guessed: Mapping[str, str] = field(default_factory=dict)  # parameters whose names leave open what they are, and what they were taken as
    left: Mapping[str, Any] = field(default_factory=dict)  # parameters that stayed at their defaults
    undecided: tuple[str, ...] = ()  # those of them that change the results, where an argument of the formula is not taken
    ranks: Mapping[str, RowOutcome] = field(default_factory=dict)  # how the rows of batches of higher rank come out
    mixed_axes: tuple[int, ...] = ()  # of a batch of the first rank with rows that come out otherwise: along which they are mixed

    def inferences(self) -> Iterator[dict[str, Any]]:
        """Yield values for the arguments that the function does not take, the likeliest first."""
        for values in itertools.islice(itertools.product(*self.unbound.values()), COMBINATIONS):
            yield dict(zip(self.unbound, values, strict=True))


@dataclass(frozen=True)
class FunctionReport:
    """All that was observed of an implementation: a layer is several functions."""

    library: str = ""
    version: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[FunctionObservations, ...] = ()
    faults: tuple[Fault, ...] = ()


def takes_generator(formula: Formula[..., Any]) -> bool:
    """Return whether a formula draws random numbers."""
    return any(domain.kind == "source" for domain in domains(formula.raw).values())
