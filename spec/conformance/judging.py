"""Judge an implementation in a process: as an optimizer, or as a function."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...reference import FORMULAS
from ..arithmetic.formats import NARROW
from .functions.observations import takes_generator
from .functions.runner import formula_named, is_formula
from .functions.verdict import check_function
from .implementation import Task
from .optimizers.modes import with_modes
from .optimizers.verdict import check_optimizer, convention_named, states_convention
from .result import Result, error_result


def parse_against(command: str, against: str) -> tuple[Any, str]:
    """Return the convention of optimizers that a name stands for, and the id of the formula that it is; ValueError for other names."""
    formula = formula_named(against).id if against and is_formula(against) else ""
    if not against or (formula and not states_convention(formula)):
        return None, formula
    if command == "identify":
        raise ValueError(
            "identify() compares an optimizer with all conventions: against must be left out, or name the formula of a function, "
            f"got {against!r}"
        )
    return convention_named(formula or against), formula


def judge(
    command: str,
    task: Task,
    process: Any,
    timeout: float,
    expected: Any,
    formula: str,
    *,
    evidence: bool | None = None,
    prove: bool = False,
    modes: tuple[str, ...] = (),
) -> Result:
    """Return the result of an implementation: of an optimizer, unless only a formula was named, or else of a function."""
    if task.dtype in NARROW and formula and not expected and takes_generator(FORMULAS[formula]):
        reason = f"in {task.dtype} a function is judged that draws no random numbers"
        return error_result(task.target, reason, fault="settings", command=command, expected=task.against or None, dtype=task.dtype)
    if expected or not formula:
        result = check_optimizer(replace(task, against=""), process, command, expected, timeout)
        if result is not None:
            return with_modes(result, task, process, modes, timeout) if modes else result
    if modes:
        detail = "it is a function, and modes are those of optimizers"
        return error_result(task.target, detail, fault="settings", command=command, dtype=task.dtype)
    if expected and not formula:
        detail = f"it is a function, and {task.against!r} is a convention of optimizers"
        return error_result(task.target, detail, fault="not-found", command=command, expected=task.against, dtype=task.dtype)
    return check_function(replace(task, against=formula), process, command, timeout, evidence=evidence, prove=prove)
