"""The two questions of the kit: whether an implementation conforms, and what it follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from .functions.runner import formula_named, is_formula
from .functions.verdict import check_function
from .implementation import NotFound, Task
from .loading import import_path
from .optimizers.verdict import check_optimizer, convention_named, is_convention
from .result import Result, describe_failure, error_result, short_repr
from .sandbox import TIMEOUT, SandboxProcess

DTYPES = ("float64", "float32")
Settings = Mapping[str, Any]
Names = Mapping[str, str]


def check(
    implementation: Any,
    settings: Settings | None = None,
    *,
    against: str | None = None,
    names: Names | None = None,
    dtype: str = "float64",
    timeout: float = TIMEOUT,
    evidence: bool | None = None,
    prove: bool = False,
) -> Result:
    """Return whether an implementation conforms to a correct convention, or to the one named by `against`.

    The implementation is a name (`torch.optim:SGD`, `mine.py:MyMomentum`) or a class, function or module that can be imported. `settings`
    are its hyper-parameters, `names` maps its own names to canonical ones. A function is compared with the formula of the catalogue that
    has its name, or with the one named by `against`. If it conforms, or `evidence` is asked for, the pieces of evidence of the entry are
    run on it; with `prove` it is executed on symbols. `timeout` is in seconds of processor time, without imports.
    """
    task = make_task(settings, names, dtype)
    expected, formula = parse_against(against)

    def ask(task: Task, process: Any) -> Result:
        result = None if formula and not expected else check_optimizer(task, process, "check", expected, timeout)
        if result is not None:
            return result
        if expected and not is_formula(str(against)):
            return error_result(
                task.target,
                f"it is a function, and {against!r} is a convention of optimizers",
                fault="not-found",
                **common_fields(task, "check", against),
            )
        of_function = replace(task, against=formula_named(str(against)).id if against else "")
        return check_function(of_function, process, "check", timeout, evidence=evidence, prove=prove)

    return ask_in_sandbox(implementation, task, "check", ask, against)


def identify(
    implementation: Any,
    settings: Settings | None = None,
    *,
    against: str | None = None,
    names: Names | None = None,
    dtype: str = "float64",
    timeout: float = TIMEOUT,
) -> Result:
    """Return which convention an implementation follows, correct or not; of a function, which variant of the formula `against` names."""
    task = make_task(settings, names, dtype)
    expected, formula = parse_against(against)
    if expected:
        raise ValueError(
            f"identify(): against {against!r} is a convention of optimizers, and these are found among all; name a formula for a function"
        )

    def ask(task: Task, process: Any) -> Result:
        result = None if formula else check_optimizer(task, process, "identify", None, timeout)
        return result or check_function(replace(task, against=formula), process, "identify", timeout)

    return ask_in_sandbox(implementation, task, "identify", ask, against)


def make_task(settings: Settings | None, names: Names | None, dtype: str) -> Task:
    """Return what is asked, but for the implementation; ValueError for an unknown dtype."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be {' or '.join(DTYPES)}, got {dtype!r}")
    return Task("", settings or {}, names or {}, dtype)


def parse_against(against: str | None) -> tuple[Any, str]:
    """Return the convention of optimizers that a name stands for, or else the id of the formula."""
    if not against:
        return None, ""
    if is_convention(against) or not is_formula(against):
        return convention_named(against), ""
    return None, formula_named(against).id


def common_fields(task: Task, command: str, against: str | None) -> dict[str, Any]:
    """Return the fields of a result that say what was asked."""
    return {"command": command, "expected": against, "dtype": task.dtype, "settings": dict(task.settings)}


def ask_in_sandbox(implementation: Any, task: Task, command: str, ask: Callable[[Task, Any], Result], against: str | None) -> Result:
    """Return the answer for an implementation in a process of its own; what goes wrong is a result with the verdict error."""
    common = common_fields(task, command, against)
    try:
        task = replace(task, target=import_path(implementation))
    except NotFound as problem:
        return error_result(short_repr(implementation), str(problem), fault="not-found", **common)
    with SandboxProcess() as process:
        try:
            return ask(task, process)
        except Exception as problem:  # whatever happens, there is a result
            return error_result(task.target, describe_failure(problem), **common)
