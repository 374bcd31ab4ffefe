"""The two questions of the kit: whether an implementation conforms, and what it follows.

What judges is imported while the process of the implementation starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .implementation import NotFound, Task
from .loading import import_path
from .result import NARROW, WIDE, Result, describe_failure, error_result, short_repr
from .sandbox import TIMEOUT, SandboxProcess

DTYPES = (*WIDE, *NARROW)
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
    outputs: tuple[str, ...] = (),
    modes: tuple[str, ...] = (),
    exhaustive: bool = False,
) -> Result:
    """Return whether an implementation conforms to a correct convention, or to the one named by `against`.

    The implementation is a name (`torch.optim:SGD`, `mine.py:MyMomentum`) or a class, function or module that can be imported. `settings`
    are its hyper-parameters, `names` maps its own names to canonical ones. A function is compared with the formula of the catalogue that
    has its name, or with the one named by `against`. If it conforms, or `evidence` is asked for, the pieces of evidence of the entry are
    run on it; with `prove` it is executed on symbols. `outputs` are the parameters of a function into which it writes its results, in their
    order: arrays of their own, or arguments that it overwrites. `modes` are those of a library in which an optimizer is run too: foreach,
    fused, capturable, differentiable and compile of torch, jit and vmap of JAX. With `exhaustive` a function of one array is called on
    every number of a narrow `dtype`, and its largest error is proved. `timeout` is in seconds of processor time, without imports.
    """
    task = replace(make_task(settings, names, dtype, against), outputs=tuple(outputs), exhaustive=exhaustive)
    if exhaustive and (dtype in WIDE or not against):
        raise ValueError(
            "exhaustive is for a function of one array in float16, bfloat16, float8_e4m3fn or float8_e5m2, and names a formula"
        )
    return ask_in_sandbox("check", implementation, task, timeout, evidence=evidence, prove=prove, modes=tuple(modes))


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
    return ask_in_sandbox("identify", implementation, make_task(settings, names, dtype, against), timeout)


def make_task(settings: Settings | None, names: Names | None, dtype: str, against: str | None) -> Task:
    """Return what is asked, but for the implementation; ValueError for an unknown dtype."""
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be {', '.join(DTYPES[:-1])} or {DTYPES[-1]}, got {dtype!r}")
    return Task("", settings or {}, names or {}, dtype, against or "")


def ask_in_sandbox(command: str, implementation: Any, task: Task, timeout: float, **options: Any) -> Result:
    """Return the answer for an implementation in a process of its own; what goes wrong is a result with the verdict error."""
    common: dict[str, Any] = {"command": command, "expected": task.against or None, "dtype": task.dtype, "settings": dict(task.settings)}
    try:
        task = replace(task, target=import_path(implementation))
    except NotFound as problem:
        return error_result(short_repr(implementation), str(problem), fault="not-found", **common)
    with SandboxProcess() as process:
        process.preload(".functions.runner" if task.against else ".optimizers.runner")
        from .judging import judge, parse_against

        expected, formula = parse_against(command, task.against)
        try:
            return judge(command, task, process, timeout, expected, formula, **options)
        except Exception as problem:  # whatever happens, there is a result
            return error_result(task.target, describe_failure(problem), **common)
