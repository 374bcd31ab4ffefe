"""Checks for test suites: one test for each implementation and each check.

    from trainspec import parametrize_with_checks

    @parametrize_with_checks([(MyAdamW, {}, "optimizers.adamw")], expected_failed_checks={"zero-gradient": "its eps may be 0"})
    def test_conforms(implementation, check):
        check(implementation)

Without pytest, `check(implementation)` of this package returns a result, and `failures(result)` says which of these checks it fails.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from . import api
from .loading import import_path
from .report.sentences import short_name
from .result import NATIVE, ErrorResult, NamedResult, OptimizerResult, Result, Verdict

ACCEPTED = {"float32": "hyper-float32"}  # the precision that passes `native-precision` beside the native one, by dtype


@dataclass(frozen=True)
class ConfiguredImplementation:
    """An implementation with its options: its hyper-parameters, what it must conform to, and its own names for hyper-parameters."""

    implementation: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    against: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A readable name: that of the object, and the settings."""
        settings = ",".join(f"{name}={value}" for name, value in self.settings.items())
        return short_name(import_path(self.implementation)) + (f"[{settings}]" if settings else "")

    def result(self, dtype: str) -> Result:
        """Return the result, which all checks of this implementation share."""
        return cached_result(import_path(self.implementation), tuple(self.settings.items()), self.against, tuple(self.names.items()), dtype)


@functools.lru_cache(maxsize=256)
def cached_result(target: str, settings: tuple[Any, ...], against: str | None, names: tuple[Any, ...], dtype: str) -> Result:
    """Return the result of one run of the kit."""
    return api.check(target, dict(settings), against=against, names=dict(names), dtype=dtype)


def fault_of(*kinds: str) -> Callable[[Result], str]:
    """Return a check for faults: the detail of the first one of these kinds, or nothing."""
    return lambda result: next((fault.detail for fault in result.faults if fault.kind in kinds), "")


def fatal_fault(result: Result) -> str:
    """Return why it could not be judged."""
    return next((fault.detail for fault in result.faults if fault.fatal), "")


def convention_failure(result: Result) -> str:
    """Return what it follows instead of a correct convention, or of the one that was asked for."""
    is_mistake = isinstance(result, NamedResult) and result.is_correct is False
    if isinstance(result, OptimizerResult) and result.claim and result.exit_code == 0:
        return result.message  # a name is a claim, unless another one is stated
    if isinstance(result, ErrorResult) or (result.verdict is Verdict.ERROR and not is_mistake):
        return ""  # what is wrong with it is something else
    in_precision_only = isinstance(result, OptimizerResult) and result.deviates_in_precision_only
    return "" if result.exit_code == 0 or in_precision_only else result.message


def precision_failure(result: Result) -> str:
    """Return what it keeps in a narrower format."""
    precision = result.precision if isinstance(result, OptimizerResult) else NATIVE
    return "" if precision in (NATIVE, ACCEPTED.get(result.dtype)) else result.message


@dataclass(frozen=True)
class Check:
    """One check: calling it with an implementation raises AssertionError with the reason where the implementation fails it."""

    name: str
    meaning: str
    problem: Callable[[Result], str]
    dtype: str = "float64"

    def __call__(self, implementation: Any) -> None:
        """Run the check."""
        (configured,) = configure([implementation])
        result = configured.result(self.dtype)
        reason = self.problem(result) or ("" if self.name == "runs-to-completion" else fatal_fault(result))
        assert not reason, reason


SHAPE_FAULTS = ("shape", "dtype", "dtype-upcast", "type", "structure", "complex", "masked")
CHECKS: Mapping[str, Check] = {
    check.name: check
    for check in (
        Check("runs-to-completion", "it can be found and run to the end", fatal_fault),
        Check("convention", "it follows a correct convention, or the one asked for", convention_failure),
        Check("convention-float32", "it does so in float32", convention_failure, "float32"),
        Check("native-precision", "it keeps state, scalars and hyper-parameters in the precision of the parameters", precision_failure),
        Check("shape-and-dtype", "it returns the shape and dtype that it was given", fault_of(*SHAPE_FAULTS)),
        Check("dtype-float32", "it returns float32 for float32", fault_of(*SHAPE_FAULTS), "float32"),
        Check(
            "does-not-modify-inputs",
            "it neither writes to its inputs, nor keeps nor returns them",
            fault_of("mutates-input", "returns-view", "retains-input"),
        ),
        Check("deterministic", "two runs with the same inputs are the same", fault_of("nondeterministic")),
        Check("no-side-effects", "it prints nothing and leaves global random generators alone", fault_of("prints", "modifies-global-rng")),
        Check("zero-gradient", "a gradient that is 0 from the start gives finite numbers", fault_of("not-finite")),
    )
}


def failures(result: Result) -> dict[str, str]:
    """Return the checks that a result fails, of those in its dtype, and why."""
    checks = (check for check in CHECKS.values() if check.dtype == result.dtype or not check.name.endswith("float32"))
    return {check.name: reason for check in checks if (reason := check.problem(result))}


def configure(implementations: Iterable[Any]) -> Iterator[ConfiguredImplementation]:
    """Yield implementations with their options, as they may be written: an object or a name, alone or in a tuple with options."""
    for item in implementations:
        if isinstance(item, ConfiguredImplementation):
            yield item
        else:
            yield ConfiguredImplementation(*item) if isinstance(item, tuple) else ConfiguredImplementation(item)


TestFunction = TypeVar("TestFunction", bound=Callable[..., Any])
ExpectedFailures = Mapping[str, str] | Callable[[Any], Mapping[str, str]]


def parametrize_with_checks(
    implementations: Iterable[Any],
    *,
    expected_failed_checks: ExpectedFailures | None = None,
    expected_deviations: ExpectedFailures | None = None,
) -> Callable[[TestFunction], TestFunction]:
    """Return a pytest decorator: the test is run for each implementation and each check, as test(implementation, check).

    `implementations` are classes, functions or names, alone or as (implementation, settings, against, names), where `against` is what it
    claims to be. `expected_failed_checks` maps the name of a check to the reason why it fails, or is a function that returns such a mapping
    for an implementation. Such a test must fail (strict xfail): a reason that is out of date is an error. Its old name is
    `expected_deviations`.
    """
    import pytest

    if expected_deviations is not None:
        warnings.warn("expected_deviations is now called expected_failed_checks", DeprecationWarning, stacklevel=2)
        expected_failed_checks = expected_failed_checks or expected_deviations
    cases = []
    for configured in configure(implementations):
        reasons = expected_failed_checks
        expected = reasons(configured.implementation) if callable(reasons) else reasons or {}
        if unknown := [name for name in expected if name not in CHECKS]:
            raise ValueError(f"expected_failed_checks: no check is called {', '.join(unknown)}; there are {', '.join(CHECKS)}")
        for check in CHECKS.values():
            reason = expected.get(check.name)
            marks = [pytest.mark.xfail(reason=reason, strict=True, raises=AssertionError)] if reason else []
            cases.append(pytest.param(configured, check, id=f"{configured.name}-{check.name}", marks=marks))
    return cast("Callable[[TestFunction], TestFunction]", pytest.mark.parametrize(("implementation", "check"), cases))
