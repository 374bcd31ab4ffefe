"""Find a minimal run in which an optimizer deviates from a convention: small integers and dyadic fractions, as a Python program."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ...lines.text import bits, line
from ..command import PREFIX, START
from ..guards import capture_output
from ..implementation import Implementation, Task
from ..loading import load_implementation
from .algorithm import simulate
from .combinations import find_convention
from .conventions import FAMILIES, Convention
from .fixtures import MATRIX, VECTOR
from .planning import plan_runs
from .visits import RunConfig, dtype_named, gradient_function

GAPS = (2.0**-6, 2.0**-18, 2.0**-40)  # relative to the parameters: a large deviation is searched for first
EXAMPLES = 150
LONGEST = 8  # steps


SHAPES: Mapping[str, tuple[tuple[int, ...], ...]] = {VECTOR: ((1,),), MATRIX: ((1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2))}


class SmallRun(NamedTuple):
    """A run in one coordinate, or of a small matrix, whose entries are listed row by row."""

    shape: tuple[int, ...]
    theta: list[Fraction]
    grads: list[list[Fraction]]
    lrs: list[Fraction]

    def array(self, entries: Sequence[Fraction], dtype: Any = np.float64) -> Any:
        """Return a point or a gradient."""
        return np.array([float(entry) for entry in entries], dtype=dtype).reshape(self.shape)


def find_counterexample(task: Task, convention: str) -> str | None:
    """Return a program that shows the deviation, if a small run does."""
    from hypothesis import find as find_minimal
    from hypothesis.errors import Flaky, NoSuchExample, Unsatisfiable

    from ...inputs.strategies import search_settings

    with capture_output():
        implementation: Implementation = load_implementation(task.target)
        config, expected = plan_runs(implementation.parameters, task).runs[-1], find_convention(convention)
        dtype, kind = dtype_named(task.dtype), task.kind or FAMILIES[expected.family].kind
        for gap in GAPS:

            def diverges(run: SmallRun, gap: float = gap) -> bool:
                return is_divergent(implementation, config, dtype, expected, gap, run)

            try:
                run = find_minimal(small_runs(SHAPES[kind]), diverges, settings=search_settings(EXAMPLES))
            except (NoSuchExample, Unsatisfiable, Flaky):
                continue
            got, due = visited_points(implementation, config, dtype, run), expected_points(expected, config, run)
            by_function = implementation.start(run.array(run.theta, dtype), float(run.lrs[0]), config.passed).takes_gradient_function
            return program(task, config, run, got, due, by_function=by_function)
    return None


def small_runs(shapes: Sequence[tuple[int, ...]]) -> Any:
    """Return a Hypothesis strategy of runs of a few steps in small integers, of arrays of some shapes."""
    from hypothesis import strategies as st

    numbers = st.integers(-2, 2).map(Fraction)
    rates = st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(2)])

    def listed(items: Any, count: int) -> Any:
        return st.lists(items, min_size=count, max_size=count)

    def of_size(size: tuple[tuple[int, ...], int]) -> Any:
        shape, steps = size
        entries = listed(numbers, math.prod(shape))
        return st.builds(SmallRun, st.just(shape), entries, listed(entries, steps), listed(rates, steps))

    return st.tuples(st.sampled_from(shapes), st.integers(1, LONGEST)).flatmap(of_size)


def visited_points(implementation: Implementation, config: RunConfig, dtype: Any, run: SmallRun) -> list[Any]:
    """Return the points that the optimizer visits."""
    points = []
    with np.errstate(all="ignore"):
        started = implementation.start(run.array(run.theta, dtype), float(run.lrs[0]), config.passed)
        for entries, lr in zip(run.grads, run.lrs, strict=True):
            gradient: Any = run.array(entries, dtype)
            if started.takes_gradient_function:
                gradient = gradient_function(gradient, np.zeros(run.shape, dtype))
            points.append(np.array(started.step(gradient, float(lr)), np.float64))
    return points


def expected_points(convention: Convention, config: RunConfig, run: SmallRun) -> list[Any]:
    """Return the points that the convention visits."""
    theta, grads = run.array(run.theta), np.stack([run.array(entries) for entries in run.grads])
    lrs = np.array([float(lr) for lr in run.lrs])
    with np.errstate(all="ignore"):
        return [state["theta"] for state in simulate(convention, theta, grads, lrs, **config.hyper)]


def is_divergent(implementation: Implementation, config: RunConfig, dtype: Any, convention: Convention, gap: float, run: SmallRun) -> bool:
    """Return whether the optimizer deviates by more than the gap."""
    expected = np.array(expected_points(convention, config, run))
    if not np.all(np.isfinite(expected)):
        return False
    try:
        got = np.array(visited_points(implementation, config, dtype, run))
    except Exception:  # what raises is another fault
        return False
    return not bool(np.all(np.abs(got - expected) <= gap * (np.max(np.abs(expected)) + float(min(run.lrs)))))


def program(task: Task, config: RunConfig, run: SmallRun, got: list[Any], expected: list[Any], *, by_function: bool) -> str:
    """Return the run as a program: every step with what came and what is due; of a command, the lines that it is sent."""
    if task.target.startswith(PREFIX):
        return shell_program(task, config, run, got, expected)

    def array(entries: Sequence[Fraction]) -> str:
        return f"np.array({run.array(entries).tolist()!r}, dtype=np.{task.dtype})"

    lines = [
        "import numpy as np",
        "from trainspec.spec.conformance import load_implementation",
        "",
        f"implementation = load_implementation({task.target!r})",
        f"run = implementation.start({array(run.theta)}, {float(run.lrs[0])!r}, {dict(config.passed)!r})",
    ]
    argument = "lambda theta: " if by_function else ""
    for grad, lr, came, due in zip(run.grads, run.lrs, got, expected, strict=True):
        lines.append(f"print(run.step({argument}{array(grad)}, {float(lr)!r}))  # came: {in_text(came)}, due: {in_text(due)}")
    return "\n".join(lines)


def in_text(point: Any) -> str:
    """Return a point as a number, or as rows of numbers."""
    return repr(point.tolist() if point.ndim > 1 else float(point[0]))


def shell_program(task: Task, config: RunConfig, run: SmallRun, got: list[Any], expected: list[Any]) -> str:
    """Return the run as a command of the shell: the lines that the program is sent, and what came and what is due at every step."""
    hyper = {name: bits(float(value), np.float64) for name, value in config.passed.items()}
    theta, first = bits(run.array(run.theta), task.dtype), bits(float(run.lrs[0]), np.float64)
    lines = [line(START), line({"cmd": "case", "id": "1", "dtype": task.dtype, "theta": theta, "lr": first, **hyper})]
    notes = []
    for number, (grad, lr, came, due) in enumerate(zip(run.grads, run.lrs, got, expected, strict=True), start=1):
        rate, gradient = bits(float(lr), np.float64), run.array(grad)
        lines.append(line({"cmd": "step", "id": "1", "t": str(number), "lr": rate, "grad": bits(gradient, task.dtype)}))
        values = f"{in_text(gradient)}: theta came as {in_text(came)}, due is {in_text(due)}"
        notes.append(f"# step {number} at lr {float(lr):g} with gradient {values}")
    sent = " ".join(f"'{text}'" for text in lines)
    return "\n".join([f"printf '%s\\n' {sent} | {task.target.removeprefix(PREFIX)}", *notes])
