"""Checks for test suites: one test for each subject and each thing that is asked of it.

    from trainspec.spec import parametrize_with_checks

    @parametrize_with_checks([MyAdam, "torch.optim:Adam"], expected_deviations={"zero-gradient": "its eps may be 0"})
    def test_conforms(subject, check):
        check(subject)

Without pytest, `check(subject)` of this package gives one typed result, and `failures(result)` says which of these checks it fails.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from .implementation import reference_to
from .optimizers.matching import NATIVE
from .optimizers.verdict import Result, Verdict, check, known_dtype


@dataclass(frozen=True)
class Asked:
    """A subject with what is said of it: its hyper-parameters, what it is to conform to, and names of its own."""

    subject: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    against: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A readable name: that of the object, and the settings."""
        target = reference_to(self.subject)
        place, _, path = target.rpartition(":")
        settings = ",".join(f"{name}={value}" for name, value in self.settings.items())
        return (path or place) + (f"[{settings}]" if settings else "")

    def result(self, dtype: str) -> Result:
        """The verdict, which every check of this subject looks at."""
        key = (reference_to(self.subject), tuple(self.settings.items()), self.against, tuple(self.names.items()), known_dtype(dtype))
        return judged(*key)


@functools.lru_cache(maxsize=256)
def judged(target: str, settings: tuple[Any, ...], against: str | None, names: tuple[Any, ...], dtype: str) -> Result:
    """One run of the kit."""
    return check(target, dict(settings), against=against, names=dict(names), dtype=dtype)


def with_fault(*kinds: str) -> Callable[[Result], str]:
    """The words of the first fault of these kinds; none if there is none."""
    return lambda result: next((one.detail for one in result.faults if one.kind in kinds), "")


def not_run(result: Result) -> str:
    """Why it could not be judged."""
    return next((one.detail for one in result.faults if one.fatal), "")


def not_right(result: Result) -> str:
    """What it follows instead of a right convention, or of the one that was asked for."""
    if result.verdict is Verdict.ERROR and result.right is not False:
        return ""  # what is wrong with it is something else
    return "" if result.exit_code == 0 or (result.precision_only and result.right) else result.sentence


def not_native(result: Result) -> str:
    """What it keeps in a narrower format."""
    kept = (result.axes or {}).get("precision", NATIVE)
    return "" if kept == NATIVE or (result.dtype == "float32" and kept == "hyper-float32") else result.sentence


@dataclass(frozen=True)
class Check:
    """One thing that is asked of a subject: calling it raises AssertionError with the reason where the subject fails it."""

    name: str
    meaning: str
    problem: Callable[[Result], str]
    dtype: str = "float64"

    def __call__(self, subject: Any) -> None:
        """Ask it of a subject."""
        asked = subject if isinstance(subject, Asked) else Asked(subject)
        result = asked.result(self.dtype)
        reason = self.problem(result) or ("" if self.name == "runs" else not_run(result))
        assert not reason, reason


CHECKS: Mapping[str, Check] = {
    one.name: one
    for one in (
        Check("runs", "it can be found and run to the end", not_run),
        Check("convention", "it follows a right convention, or the one asked for", not_right),
        Check("convention-float32", "it does so in float32", not_right, "float32"),
        Check("precision", "it keeps its state, scalars and hyper-parameters in the precision of the parameters", not_native),
        Check(
            "shape-and-dtype",
            "it returns the shape and dtype that it was given",
            with_fault("shape", "dtype", "widens", "type", "structure"),
        ),
        Check("dtype-float32", "it returns float32 for float32", with_fault("shape", "dtype", "widens", "type", "structure"), "float32"),
        Check("inputs", "it neither writes to its inputs, nor keeps nor returns them", with_fault("mutates", "view", "keeps")),
        Check("repeatable", "two runs with the same inputs are the same", with_fault("random")),
        Check("silent", "it prints nothing and leaves the state of the process alone", with_fault("prints", "seeds")),
        Check("zero-gradient", "a gradient that is 0 from the start gives finite numbers", with_fault("not-finite")),
    )
}


def failures(result: Result) -> dict[str, str]:
    """The checks that a result fails, of those in its dtype, and why."""
    asked = (one for one in CHECKS.values() if one.dtype == result.dtype or not one.name.endswith("float32"))
    return {one.name: reason for one in asked if (reason := one.problem(result))}


def asked_of(subjects: Iterable[Any]) -> Iterator[Asked]:
    """Subjects as they may be written: an object or a name, alone or with its settings."""
    for one in subjects:
        if isinstance(one, Asked):
            yield one
        elif isinstance(one, tuple):
            yield Asked(*one)
        else:
            yield Asked(one)


TestFunction = TypeVar("TestFunction", bound=Callable[..., Any])
Deviations = Mapping[str, str] | Callable[[Any], Mapping[str, str]]


def parametrize_with_checks(
    subjects: Iterable[Any], *, expected_deviations: Deviations | None = None
) -> Callable[[TestFunction], TestFunction]:
    """A pytest decorator: the test is run for each subject and each check, as test(subject, check).

    `subjects` are classes, functions or names, alone or as (subject, settings) or `Asked(subject, settings, against, names)`.
    `expected_deviations` maps the name of a check to the reason why it fails, or is a function that gives this for a subject. Such
    a test must fail (strict xfail): a reason that is stale is an error.
    """
    import pytest

    cases = []
    for asked in asked_of(subjects):
        expected = expected_deviations(asked.subject) if callable(expected_deviations) else expected_deviations or {}
        if strange := [name for name in expected if name not in CHECKS]:
            raise ValueError(f"expected_deviations: no check is called {', '.join(strange)}; there are {', '.join(CHECKS)}")
        for one in CHECKS.values():
            reason = expected.get(one.name)
            marks = [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)] if reason else []
            cases.append(pytest.param(asked, one, id=f"{asked.name}-{one.name}", marks=marks))
    return cast("Callable[[TestFunction], TestFunction]", pytest.mark.parametrize(("subject", "check"), cases))
