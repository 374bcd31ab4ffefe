"""The smallest input that shows a deviation: shrunk by Hypothesis to small integers and dyadics, as Python that can be run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ....reference import FORMULAS, Formula
from ....reference.validation import domains
from ..optimizers.runner import alone, captured
from .binding import Binding, at, bind
from .cases import Case, allowed, cases, in_dtype
from .error import dues, of_case, with_filled
from .runner import FunctionTask, Record, flat, functions_of

LIMIT = 4.0  # seconds
EXAMPLES = 200
PLAINLY = 1e3  # bounds: what a counterexample must be off by


def small(task: FunctionTask, filled: Mapping[str, Any], timeout: float) -> str:
    """A snippet, or nothing where no small input is found and no case shows it either."""
    return str(alone(lambda: search(task, filled), timeout))


def search(task: FunctionTask, filled: Mapping[str, Any]) -> str:
    """The same, here."""
    from hypothesis import find
    from hypothesis.errors import Flaky, NoSuchExample, Unsatisfiable

    from ...inputs.strategies import arguments, search_settings

    with captured():
        (subject,) = functions_of(task)
        formula = FORMULAS[subject.formula]
        binding, pinned = bind(subject.call, formula, task.names, task.settings, subject.fixed)
        built_in = {**filled, **pinned}
        end = time.monotonic() + LIMIT
        dtype = np.dtype(task.dtype).type

        shown: list[dict[str, Any]] = []

        def shows(data: dict[str, Any]) -> bool:
            given = with_filled(data, built_in)
            if time.monotonic() > end or off(subject.call, formula, binding, given, dtype) <= PLAINLY:
                return False
            shown.append(given)
            return True

        try:
            found = with_filled(find(arguments(domains(formula.raw)), shows, settings=search_settings(EXAMPLES)), built_in)
        except (NoSuchExample, Unsatisfiable, Flaky):
            there = [with_filled(one.arguments, built_in) for one in cases(formula, built_in)]
            worst = shown or [one for one in there if off(subject.call, formula, binding, one, dtype) > PLAINLY]
            if not worst:
                return ""
            found = min(worst, key=lambda one: len(repr(one)))
        return snippet(task, subject.call, formula, binding, found, dtype)


def off(function: Callable[..., Any], formula: Formula[..., Any], binding: Binding, given: Mapping[str, Any], dtype: Any) -> float:
    """By how many bounds a function misses its formula, at these arguments; 0 where they are outside the domain."""
    case = Case("", "", given)
    if (due := allowed(formula, case, dtype)) is None:
        return 0.0
    try:
        with np.errstate(all="ignore"):
            came = flat(binding.call(function, {name: in_dtype(value, dtype) for name, value in given.items()}), due)
            leaves = tuple(np.array(one) for one in came)
            record = Record(case, leaves)
            if not all(np.all(np.isfinite(one)) for one in leaves):
                return float("inf")
            wanted = dues(formula.raw, record, given, dtype)
            unit = float(np.finfo(dtype).eps) / 2
            return of_case(record, wanted, [unit * max(one.size, 1.0) for one in wanted], dtype)[0]
    except Exception:  # what raises is another fault
        return 0.0


def snippet(
    task: FunctionTask, function: Callable[..., Any], formula: Formula[..., Any], binding: Binding, given: Mapping[str, Any], dtype: Any
) -> str:
    """Python that calls the function and the formula, and says what came and what is due."""
    arguments = {name: in_dtype(value, dtype) for name, value in given.items()}
    with np.errstate(all="ignore"):
        came = binding.call(function, {name: in_dtype(value, dtype) for name, value in given.items()})
        due = formula.raw(**{name: in_dtype(value, dtype) for name, value in given.items()})
    name = getattr(function, "__name__", "subject")
    used = sorted({type(value).__name__ for value in given.values() if hasattr(value, "_fields")})
    module = formula.__module__
    lines = ["import numpy as np", f"from {module} import {', '.join([formula.__name__, *used])}", *imported(task.target, name), ""]
    calls = [written(at(arguments, path)) for path in binding.by_position]
    calls += [f"{theirs}={written(at(arguments, path))}" for theirs, path in binding.by_name.items()]
    calls += [f"{theirs}={value!r}" for theirs, value in binding.constants.items()]
    lines += [f"print(subject({', '.join(calls)}))", f"# came: {shortly(came)}"]
    lines += [f"print({formula.__name__}({', '.join(f'{key}={written(value)}' for key, value in arguments.items())}))"]
    return "\n".join([*lines, f"# due:  {shortly(due)}"])


def imported(target: str, name: str) -> list[str]:
    """How the subject is imported, from a file, a module or through its adapter."""
    place, _, path = target.partition(":")
    if place.endswith(".py") and "." not in path:
        return ["import runpy", f"subject = runpy.run_path({place!r})[{path!r}]"]
    if name and path == name:
        return [f"from {place} import {path} as subject"]
    return ["from trainspec.spec.conformance.implementation import load", f"subject = load({target!r})"]


def written(value: Any) -> str:
    """A value as Python."""
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r}{'' if value.dtype in (np.float64, np.int64) else f', dtype=np.{value.dtype}'})"
    if hasattr(value, "_fields"):
        return f"{type(value).__name__}({', '.join(written(one) for one in value)})"
    return repr(value)


def shortly(value: Any) -> str:
    """What came, on one line."""
    if isinstance(value, tuple | list):
        return f"({', '.join(map(shortly, value))})"
    return str(value.tolist()) if hasattr(value, "tolist") else repr(value)
