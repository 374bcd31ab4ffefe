"""Say what of the protocol a program speaks: each part is tried with a few numbers, whatever the parts before it gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .command import PREFIX, Command, CommandOptimizer, load_command
from .guards import FatalFault
from .hyperparameters import FIRST_RUN, canonical_name
from .implementation import ArraysRun, FunctionImplementation, Group, NotFound, Run

GRADIENTS = ((1.0, -0.5, 0.25), (0.5, 0.5, -1.0))


@dataclass(frozen=True)
class Trial:
    """One part of the protocol: what it is, whether it works, what was seen, and whether a program must have it."""

    part: str
    works: bool
    detail: str
    required: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return it for a report."""
        return {"part": self.part, "works": self.works, "detail": self.detail, "required": self.required}


def try_protocol(command: str) -> Iterator[Trial]:
    """Yield what of the protocol a program speaks, in the order in which its author would write it."""
    try:
        loaded = load_command(PREFIX + command, "")
    except NotFound as problem:
        yield Trial("start", False, str(problem))
        return
    if isinstance(loaded, tuple):
        yield from try_functions(loaded)
        yield try_stop(loaded[0].call.command)  # type: ignore[attr-defined]
        return
    yield Trial("start", True, f"it takes {', '.join(loaded.parameters)}")
    yield attempt("case and step in float64", partial(points_text, loaded, np.float64))
    yield attempt("a second case starts anew", partial(same_again, loaded))
    yield attempt("the learning rate of each step", partial(rate_text, loaded))
    yield attempt("case and step in float32", partial(points_text, loaded, np.float32), required=False)
    yield attempt("a matrix", partial(matrix_text, loaded), required=False)
    yield attempt("the state", partial(state_text, loaded), required=False)
    yield attempt("going on from a saved state", partial(resumed_text, loaded), required=False)
    yield try_stop(loaded.command)


def try_stop(command: Command) -> Trial:
    """Return how a program ends when it is asked to."""
    code = command.stop()
    return Trial("stop", code == 0, "it ends" if code == 0 else "it does not end" if code is None else f"it ends with exit code {code}")


def attempt(part: str, seen: Callable[[], str], *, required: bool = True) -> Trial:
    """Return what one part gives."""
    try:
        return Trial(part, True, seen(), required)
    except FatalFault as problem:
        return Trial(part, False, problem.fault.detail, required)
    except (ValueError, NotFound) as problem:
        return Trial(part, False, str(problem), required)


def usual_settings(optimizer: CommandOptimizer) -> dict[str, float]:
    """Return usual hyper-parameters of an optimizer, without the learning rate."""
    return {name: FIRST_RUN.get(canonical_name(name), 0.5) for name in optimizer.parameters if name != "lr"}


def started(optimizer: CommandOptimizer, theta: Any) -> Run:
    """Return a run with usual hyper-parameters."""
    return optimizer.start(theta, FIRST_RUN["lr"], usual_settings(optimizer))


def started_array(optimizer: CommandOptimizer, theta: Any) -> ArraysRun:
    """Return a run that can be saved and resumed."""
    return optimizer.start_groups([Group([theta], FIRST_RUN["lr"], usual_settings(optimizer))])


def points(optimizer: CommandOptimizer, dtype: Any, rates: tuple[float, float] = (0.125, 0.125)) -> Any:
    """Return the points of two steps."""
    run = started(optimizer, np.array([1.0, 0.5, -2.0], dtype))
    rows = [np.array(row, dtype) for row in GRADIENTS]
    return np.stack([run.step(given_to(optimizer, row), lr) for row, lr in zip(rows, rates, strict=True)])


def given_to(optimizer: CommandOptimizer, gradient: Any) -> Any:
    """Return a gradient as a step takes it: as a function of the point where the program asks for it."""
    return (lambda point: gradient) if optimizer.asks else gradient


def points_text(optimizer: CommandOptimizer, dtype: Any) -> str:
    """Return where two steps lead; ValueError where they lead nowhere."""
    visited = points(optimizer, dtype)
    if not np.all(np.isfinite(visited)) or np.array_equal(visited[0], visited[1]):
        raise ValueError(f"two steps lead to {visited[0].tolist()} and {visited[1].tolist()}")
    return f"two steps lead to {visited[1].tolist()}"


def same_again(optimizer: CommandOptimizer) -> str:
    """Return that two cases with the same steps are the same; ValueError where state is left of the first."""
    if not np.array_equal(points(optimizer, np.float64), points(optimizer, np.float64)):
        raise ValueError("the same steps lead elsewhere in a second case: state of the first is left")
    return "the same steps lead to the same points"


def rate_text(optimizer: CommandOptimizer) -> str:
    """Return that a step uses the learning rate that comes with it; ValueError where it does not."""
    constant, changed = points(optimizer, np.float64), points(optimizer, np.float64, (0.125, 0.5))
    if np.array_equal(constant, changed):
        raise ValueError("another learning rate in the second step changes nothing")
    return "another learning rate leads elsewhere"


def matrix_text(optimizer: CommandOptimizer) -> str:
    """Return that a matrix is taken, and whether it is updated as a vector is."""
    flat, square = np.array([1.0, 0.5, -2.0, 3.0]), np.array([1.0, -0.5, 0.25, 1.0])
    vector = started(optimizer, flat).step(given_to(optimizer, square), 0.125)
    matrix = started(optimizer, flat.reshape(2, 2)).step(given_to(optimizer, square.reshape(2, 2)), 0.125)
    return f"its entries move {'as' if np.array_equal(vector, matrix.ravel()) else 'in another way than'} those of a vector"


def state_text(optimizer: CommandOptimizer) -> str:
    """Return what state is shown; ValueError where none is."""
    run = started(optimizer, np.ones(3))
    run.step(given_to(optimizer, np.array(GRADIENTS[0])), 0.125)
    if not (names := ", ".join(run.state())):
        raise ValueError("none is shown: messages cannot say which quantity differs")
    return f"it shows {names}"


def resumed_text(optimizer: CommandOptimizer) -> str:
    """Return that a run goes on from the state that was shown as if it had not been interrupted; ValueError where it does not."""
    if not optimizer.resumes:
        raise ValueError('it does not say "resumes":"true": a saved run is not tried')
    theta = np.array([1.0, 0.5, -2.0])
    whole = points(optimizer, np.float64)
    first = started_array(optimizer, theta)
    (between,) = first.step([given_to(optimizer, np.array(GRADIENTS[0]))], [0.125])
    second = started_array(optimizer, between)
    assert first.save is not None
    assert second.load is not None
    second.load(first.save())
    (last,) = second.step([given_to(optimizer, np.array(GRADIENTS[1]))], [0.125])
    if not np.array_equal(last, whole[1]):
        raise ValueError(f"it goes on to {last.tolist()}, and without the interruption to {whole[1].tolist()}")
    return "it goes on as if it had not been interrupted"


def try_functions(functions: tuple[FunctionImplementation, ...]) -> Iterator[Trial]:
    """Yield whether each function of a program answers a case of its formula."""
    yield Trial("start", True, f"it has {', '.join(function.formula for function in functions)}")
    for function in functions:
        yield attempt(function.formula, partial(shapes_text, function))


def shapes_text(function: FunctionImplementation) -> str:
    """Return what shapes the results of a function have, on the first case of its formula."""
    from ...reference import FORMULAS, tree_leaves
    from ..inputs.cases import cases

    results = tree_leaves(function.call(**cases(FORMULAS[function.formula])[0].arguments))
    return f"results of the shapes {' and '.join(str(np.shape(result)) for result in results)}"
