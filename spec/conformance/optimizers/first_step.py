"""Why a first step gives no finite numbers: a bias correction whose count is one too small divides by 1 − β⁰ = 0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from ..hyperparameters import DEFAULTS
from ..implementation import Implementation, Run
from ..plain import PlainImplementation
from ..result import Fault
from .fixtures import Fixture
from .visits import RunConfig, fixtures_of, start_run

CERTAIN = ": its correction has a count that is one too small, and divides by 1 − β⁰ = 0"
POSSIBLE = ", as where a correction has a count that is one too small, and divides by 1 − β⁰ = 0"
DECAYS = {"beta1", "beta2", "beta3", "decay"}  # hyper-parameters of running means, which may be corrected
CLOSE = 2.0**-10  # relative to the move: other counts are further off


def with_cause(fault: Fault, implementation: Implementation, config: RunConfig, dtype: Any, kind: str) -> Fault:
    """Return the fault of a first step with its cause, where that is the count of a correction; other faults as they are."""
    is_first = fault.kind == "not-finite" and " in step 1," in fault.detail
    if not is_first or not DECAYS & set(config.hyper):
        return fault
    words = ""
    with suppress(Exception), np.errstate(all="ignore"):
        words = words_of_cause(implementation, config, fixtures_of(implementation, config, dtype, kind)[0], dtype)
    return replace(fault, detail=fault.detail + words)


def words_of_cause(implementation: Implementation, config: RunConfig, fixture: Fixture, dtype: Any) -> str:
    """Return the words of the cause: certain where a second step from the same point is one with the count 1, else possible or none."""
    theta, rates = fixture.start(config.lr, dtype), fixture.rates(config.lr)
    gradients = fixture.gradients(config.hyper.get("eps", DEFAULTS["eps"]), dtype)
    handed = theta.copy()
    run = start_run(implementation, handed, config.lr * fixture.lr[0], config.passed)
    lost = run.step(gradients[0].copy(), float(rates[0]))
    if np.any(np.isfinite(lost)):
        return ""
    if not isinstance(implementation, PlainImplementation):
        return POSSIBLE if has_finite_state(run.state(), lost) else ""
    for array in (lost, handed):
        array[...] = theta  # the step goes on from here where one of these is the point that it keeps
    return CERTAIN if is_first_count(run, config, theta, gradients[:2], rates[:2]) else ""


def has_finite_state(state: Mapping[str, Any], lost: Any) -> bool:
    """Return whether an optimizer shows a state, and only the point is lost."""
    kept = [array for array in state.values() if not np.array_equal(array, lost, equal_nan=True)]
    return bool(kept) and all(np.all(np.isfinite(array)) for array in kept)


def is_first_count(run: Run, config: RunConfig, theta: Any, gradients: Any, rates: Any) -> bool:
    """Return whether a second step from the start is that of a convention whose correction counts it as the first one."""
    move = np.asarray(run.step(gradients[1].copy(), float(rates[1])), float) - theta
    due = np.array([0.0, rates[1]])  # the first step moves nothing
    inputs = theta.astype(float), gradients.astype(float), due
    moves = (convention.trajectory(*inputs, **config.hyper)[-1] - theta for convention in conventions_one_behind(config.hyper))
    return any(np.allclose(move, other, rtol=CLOSE, atol=CLOSE * float(np.max(np.abs(move)))) for other in moves)


def conventions_one_behind(hyper: Mapping[str, float]) -> Iterator[Any]:
    """Yield the conventions whose corrections have a count that is one too small."""
    from .combinations import Setting, combinations

    setting = Setting(hyper)
    for family in setting.families:
        yield from (item for item in combinations(family, setting, mistaken=True) if item.bias_correction == "one-behind")
