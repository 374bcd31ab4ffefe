"""Printed forms of errata as steps of an optimizer: whether runs, or a convention, are one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...arithmetic.rounding import error_in_bounds
from ...catalogue import Erratum, catalogue
from ...changes.program import NotApplicable, Program, program_of, run
from ...changes.rules import apply
from ..hyperparameters import DEFAULTS
from .conventions import Convention
from .equivalence import are_equivalent
from .matching import ALLOWED, FLOAT_SCREEN, Runs, errors_and_ulps, expected_points, in_float64


@dataclass(frozen=True, eq=False)
class PrintedStep:
    """The step of an optimizer as an erratum prints it."""

    erratum: Erratum
    formula: str
    words: str
    program: Program

    @property
    def id(self) -> str:
        """Its name in messages of the kit."""
        return f"{self.erratum.id} ({self.formula})"

    def states(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Iterator[dict[str, Any]]:
        """Return its point and its state after every step, from the initial state; in any arithmetic."""
        decay = {"decay": hyper["beta2"]} if "beta2" in hyper else {}
        eps = {name: hyper.get("eps", DEFAULTS["eps"]) for name in ("eps_grad", "eps_step")}
        values: Mapping[str, Any] = {**DEFAULTS, **eps, **decay, **hyper}
        return run(self.program, theta, grads, lrs, slopes, values)

    def trajectory(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Any:
        """Return the points that it visits, one row a step, from the initial state; in any arithmetic."""
        return np.stack([state["theta"] for state in self.states(theta, grads, lrs, slopes, **hyper)])


@cache
def printed_steps() -> tuple[PrintedStep, ...]:
    """Return the steps of optimizers that errata print, as far as they are steps of one gradient."""
    return tuple(read_printed_steps(catalogue().errata.values()))


def read_printed_steps(errata: Iterable[Erratum]) -> Iterator[PrintedStep]:
    """Yield the steps that errata print."""
    for erratum in errata:
        for printed in erratum.printed_formulas:
            if printed.formula.startswith("optimizers."):
                try:
                    program = apply(program_of(printed.formula), printed.changes, {})
                except NotApplicable:
                    continue
                if set(program.parameters) <= {*DEFAULTS, "decay", "eps_grad", "eps_step"}:
                    yield PrintedStep(erratum, printed.formula, printed.words, program)


def errata_of(convention: Convention, runs: Runs) -> list[PrintedStep]:
    """Return the printed forms that are the same steps as a convention."""
    return [step for step in printed_steps() if is_near(step, runs) and are_equivalent(convention, step, runs)]


def printed_form_of(runs: Runs) -> PrintedStep | None:
    """Return the printed form that runs follow within rounding."""
    return next((step for step in printed_steps() if is_near(step, runs) and is_followed(step, runs)), None)


def is_near(step: PrintedStep, runs: Runs) -> bool:
    """Return whether floats cannot rule out that runs follow a printed form."""
    for observed in runs:
        if observed.storage is not None:  # printed forms are told apart in float64 and float32
            return False
        theta, grads, lrs, slopes = in_float64(observed)
        with np.errstate(all="ignore"):
            points = step.trajectory(theta, grads, lrs, slopes, **observed.hyper)
        sizes = np.max(np.abs(observed.points), axis=0) + np.finfo(np.float32).tiny
        if not np.max(np.abs(points - observed.points) / sizes) <= FLOAT_SCREEN:
            return False
    return True


def is_followed(step: PrintedStep, runs: Runs) -> bool:
    """Return whether rounding explains the distance of runs from a printed form."""
    for observed in runs:
        balls, allowed = expected_points(step, observed)
        if not np.max(error_in_bounds(errors_and_ulps(observed.points, balls)[0], allowed)) <= ALLOWED:
            return False
    return True
