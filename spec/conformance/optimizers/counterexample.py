"""The smallest run in which a subject leaves a convention: small integers and dyadic fractions, found by Hypothesis, as a program."""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..implementation import Subject, subject_of
from .algorithm import simulate
from .conventions import Convention, find
from .runner import Misbehaved, Plan, Task, alone, captured, gradient_function, settle

GAPS = (2.0**-6, 2.0**-18, 2.0**-40)  # relative to the parameters; a visible one is looked for first
EXAMPLES = 150
LONGEST = 8  # steps


class Case(NamedTuple):
    """A run in one coordinate."""

    theta: Fraction
    grads: list[Fraction]
    lrs: list[Fraction]


def smallest(task: Task, convention: str, timeout: float) -> str | None:
    """What a process of the subject is asked to do."""

    def work() -> str | None:
        with captured():
            return shrunk(subject_of(task.target), task, find(convention))

    found: str | None = alone(work, timeout)
    return found


def shrunk(subject: Subject, task: Task, convention: Convention) -> str | None:
    """A program that shows the deviation, if a small run does."""
    from hypothesis import find
    from hypothesis.errors import NoSuchExample, Unsatisfiable

    from ...inputs.strategies import search_settings

    run = settle(subject.parameters, task).runs[-1]
    kind = np.dtype(task.dtype).type
    for gap in GAPS:
        try:
            case = find(cases(), functools.partial(leaves, subject, run, kind, convention, gap), settings=search_settings(EXAMPLES))
        except (NoSuchExample, Unsatisfiable):
            continue
        return program(task, run, case, due(convention, run, case))
    return None


def cases() -> Any:
    """Runs of a few steps in small integers."""
    from hypothesis import strategies as st

    number = st.integers(-2, 2).map(Fraction)
    rate = st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(2)])

    def of_length(steps: int) -> Any:
        several: dict[str, Any] = {"min_size": steps, "max_size": steps}
        return st.builds(Case, number, st.lists(number, **several), st.lists(rate, **several))

    return st.integers(1, LONGEST).flatmap(of_length)


def points(subject: Subject, run: Plan, kind: Any, case: Case) -> list[float]:
    """Where the subject goes."""
    with np.errstate(all="ignore"):
        started = subject.begin(np.array([case.theta], dtype=kind), float(case.lrs[0]), run.passed)
        visited = []
        for value, lr in zip(case.grads, case.lrs, strict=True):
            gradient: Any = np.array([value], dtype=kind)
            given = gradient_function(gradient, np.zeros(1, kind)) if started.takes_function else gradient
            visited.append(float(np.asarray(started.step(given, float(lr)))[0]))
    return visited


def due(convention: Convention, run: Plan, case: Case) -> list[float]:
    """Where the convention goes."""
    theta, grads = np.array([float(case.theta)]), np.array([[float(one)] for one in case.grads])
    with np.errstate(all="ignore"):
        return [
            float(state["theta"][0])
            for state in simulate(convention, theta, grads, np.array([float(one) for one in case.lrs]), **run.hyper)
        ]


def leaves(subject: Subject, run: Plan, kind: Any, convention: Convention, gap: float, case: Case) -> bool:
    """Whether the subject leaves the convention by so much."""
    right = np.array(due(convention, run, case))
    if not np.all(np.isfinite(right)):
        return False
    try:
        got = np.array(points(subject, run, kind, case))
    except (Misbehaved, ValueError, TypeError, ArithmeticError):
        return False
    return not bool(np.all(np.abs(got - right) <= gap * (np.max(np.abs(right)) + float(min(case.lrs)))))


def program(task: Task, run: Plan, case: Case, right: list[float]) -> str:
    """The run as a program, each step with what is due."""

    def array(value: Fraction) -> str:
        return f"np.array([{float(value)!r}], dtype=np.{task.dtype})"

    start = f"run = subject_of({task.target!r}).begin({array(case.theta)}, {float(case.lrs[0])!r}, {dict(run.passed)!r})"
    steps = (f"print(run.step({array(g)}, {float(lr)!r}))  # due: {due!r}" for g, lr, due in zip(case.grads, case.lrs, right, strict=True))
    return "\n".join(["import numpy as np", "from trainspec.spec.conformance import subject_of", "", start, *steps])
