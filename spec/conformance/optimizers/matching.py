"""Find the conventions that runs follow, in certified units, and those that are the same convention at these hyper-parameters.

The expected trajectory is a certified ball. The unit of error is the rounding bound of the convention's own trajectory in the dtype of the
run: how far any program that performs these operations may be off. A run follows a convention that it is within `ALLOWED` bounds of at
every step. Floats only rank the conventions; nothing is decided by them.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...arithmetic.rounding import error_in_bounds
from ..hyperparameters import OFF_AT_ZERO, hyperparameters
from ..result import Divergence, finite
from .algorithm import HasTrajectory, program
from .combinations import Setting, combinations, is_enumerated
from .conventions import AXES, FAMILIES, Convention
from .fixtures import MATRIX, VECTOR
from .storage import bound_of, states_from_points, storages_of
from .visits import OptimizerRun

ALLOWED = 4.0  # bounds: reorderings and fused operations stay below, other conventions are a thousand and more away
FLOAT_SCREEN = 2.0**-10  # relative to the parameters: further off in floats, a run is not followed in float64 and float32
MEASURED = 12  # conventions that floats leave open and that are measured
Runs = tuple[OptimizerRun, ...]


@dataclass(frozen=True)
class Measurement:
    """How far runs are from one convention."""

    convention: Convention
    error_in_bounds: float
    error_ulps: float
    divergence: Divergence | None = None

    @property
    def follows(self) -> bool:
        """Whether rounding explains the distance."""
        return self.error_in_bounds <= ALLOWED


def states_of(
    convention: HasTrajectory, run: OptimizerRun, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any
) -> Iterator[dict[str, Any]]:
    """Return the point and the state of a convention after every step; in a narrow format each step starts from the run's own point."""
    if run.storage is None:
        return convention.states(theta, grads, lrs, slopes, **hyper)
    assert isinstance(convention, Convention)
    return states_from_points(convention, run, theta, grads, lrs, slopes, **hyper)


def points_of(convention: HasTrajectory, run: OptimizerRun, *inputs: Any, **hyper: Any) -> Any:
    """Return the points of a convention after every step, one row a step."""
    return np.stack([state["theta"] for state in states_of(convention, run, *inputs, **hyper)])


def screen_of(run: OptimizerRun) -> float:
    """Return how far off, relative to the parameters, no convention is followed."""
    return FLOAT_SCREEN if run.storage is None else run.storage.screen


def in_float64(run: OptimizerRun) -> tuple[Any, ...]:
    """Return the inputs of a run in float64."""
    return run.inputs(np.float64)


# --- in floats ------------------------------------------------------------------------------------------------------------------------


def float_divergence(
    convention: Convention, run: OptimizerRun, inputs: tuple[Any, ...] | None = None, screen: float | None = None
) -> tuple[int, float]:
    """Return the step where a trajectory in floats leaves a run, and how far off it is there, or at the end, relative to the points."""
    theta, grads, lrs, slopes = inputs or in_float64(run)
    points, screen = run.points.astype(np.float64), screen_of(run) if screen is None else screen
    sizes = np.max(np.abs(points), axis=0) + np.finfo(np.float32).tiny
    off, step = 0.0, 0
    with np.errstate(all="ignore"), suppress(ArithmeticError, ValueError, TypeError):  # a combination may divide by 0
        for state in states_of(convention, run, theta, grads, lrs, slopes, **run.hyper):
            distance = float(np.max(np.abs(state["theta"] - points[step]) / sizes))
            off = max(off, math.inf if math.isnan(distance) else distance)
            if off > screen:
                return step, off
            step += 1
    return (step, off) if step == len(grads) else (step, math.inf)


def float_candidates(conventions: Iterable[Convention], runs: Runs, screen: float | None = None) -> list[Convention]:
    """Return the conventions that floats cannot rule out, nearest first; all that are not further off than `screen`, if stated."""
    candidates, inputs = [], [(run, in_float64(run)) for run in reversed(runs)]  # the separating run first
    for convention in conventions:
        off = 0.0
        for run, run_inputs in inputs:
            allowed = screen_of(run) if screen is None else screen
            off = max(off, float_divergence(convention, run, run_inputs, allowed)[1])
            if not off <= allowed:
                break
        else:
            candidates.append((off, convention))
    return [convention for _, convention in sorted(candidates, key=lambda pair: pair[0])]


def last_to_diverge(conventions: Iterable[Convention], runs: Runs) -> Convention:
    """Return the convention whose float trajectory diverges last; of several, the one with the smallest distance."""
    divergences = {convention: [float_divergence(convention, run) for run in runs] for convention in conventions}
    return min(divergences, key=lambda convention: min((-step, off) for step, off in divergences[convention]))


# --- certified ------------------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=128)
def expected_points(convention: HasTrajectory, run: OptimizerRun, dtype: Any = None) -> tuple[Any, Any]:
    """Return the points that a convention visits, as certified balls, and their rounding bound in the dtype of the run or another."""
    from ...arithmetic import Undecided, certified, rounding_bound

    if run.storage is not None:
        assert isinstance(convention, Convention)
        inputs = [value for value in run.inputs(np.float64) if value is not None]
        balls = certified(functools.partial(points_of, convention, run), *inputs, **run.hyper, dtype=run.points.dtype)
        return balls, bound_of(convention, run, ALLOWED)
    theta, grads, lrs, slopes = run.inputs(run.points.dtype.type)
    curvature = {} if slopes is None else {"slopes": slopes}
    balls = certified(convention.trajectory, theta, grads, lrs, **curvature, **run.hyper, dtype=run.points.dtype)
    dtype = dtype or run.points.dtype
    try:
        return balls, rounding_bound(convention.trajectory, theta, grads, lrs, **curvature, **run.hyper, dtype=dtype)
    except (Undecided, ZeroDivisionError):
        return balls, bound_where_decided(convention, run, dtype)


DECIDED = 0.5  # the share of a run that rounding must leave decided


def bound_where_decided(convention: HasTrajectory, run: OptimizerRun, dtype: Any) -> Any:
    """Return the rounding bound, infinite from the first step at which a branch depends on rounding.

    If that covers most of the run, scalars are assumed to be kept in float64.
    """
    from ...arithmetic import Running, Scalars, Undecided

    for scalars in (Running, Scalars):
        bounds = bound_by_part(convention, run, dtype, scalars)
        if np.mean(np.isfinite(bounds)) >= DECIDED:
            return bounds
    raise Undecided(f"most of {convention.id} depends on rounding")


def bound_by_part(convention: HasTrajectory, run: OptimizerRun, dtype: Any, scalars: Any) -> Any:
    """Return the bound of every coordinate, or of all where they depend on each other, up to the first undecided step; then infinity."""
    from ...arithmetic import rounding_bound

    def decided_prefix(theta: Any, grads: Any, slopes: Any = None) -> Any:
        points = [theta]
        hyper = {name: scalars(value) for name, value in run.hyper.items()}
        with suppress(ArithmeticError):  # undecided, or a division by 0
            points.extend(state["theta"] for state in convention.states(theta, grads, scalars(lrs), slopes, **hyper))
        return np.stack(points)

    theta, grads, lrs, slopes = run.inputs(run.points.dtype.type)
    bounds = np.full(run.points.shape, np.inf)
    is_whole = bool(run.fixture.shape) or (isinstance(convention, Convention) and program(convention).couples_coordinates)
    for column in [slice(None)] if is_whole else [slice(coordinate, coordinate + 1) for coordinate in range(len(theta))]:
        curvature = {} if slopes is None else {"slopes": slopes[:, column]}
        decided = rounding_bound(decided_prefix, theta[column], grads[:, column], **curvature, dtype=dtype)
        bounds[: len(decided) - 1, column] = decided[1:]
    return bounds


def measure(
    convention: Convention,
    runs: Iterable[OptimizerRun],
    dtype: Any = None,
    *,
    whole: bool = True,
    performed: HasTrajectory | None = None,
) -> Measurement:
    """Return the largest error over all runs, in bounds and in ulps, and the first place where it is too large.

    Unless the whole is asked for, the first run that is too far off is the last. The bounds are those of the convention, or of how it is
    `performed`.
    """
    from ...arithmetic import Undecided

    bounds, ulps, divergence, decided = 0.0, 0.0, None, False
    for run in runs:
        if bounds > ALLOWED and not whole:
            break
        try:
            balls, allowed = expected_points(performed or convention, run, dtype)
        except (Undecided, ZeroDivisionError):
            continue
        errors, units = errors_and_ulps(run.points, balls)
        ratios = error_in_bounds(errors, allowed)
        with np.errstate(over="ignore"):  # where 0 is due the unit is the smallest there is
            bounds, ulps = max(bounds, float(np.max(ratios))), max(ulps, float(np.max(errors / units)))
        divergence = divergence or first_divergence(convention, run, balls, ratios)
        decided = True
    if not decided:
        return Measurement(convention, sys.float_info.max, sys.float_info.max)
    return Measurement(convention, finite(bounds), finite(ulps), divergence)


def in_wider_storages(run: OptimizerRun) -> Iterator[OptimizerRun]:
    """Yield a run as it is judged, and then in a narrow format with more and more rounding: other runs of a program may show more of it."""
    known = storages_of(run.storage.dtype) if run.storage else ()
    yield from (replace(run, storage=storage) for storage in known[known.index(run.storage) :]) if run.storage else (run,)


def last_divergence(convention: Convention, run: OptimizerRun) -> Divergence | None:
    """Return where a run leaves a convention with the most rounding that may explain it; None where some does."""
    divergence = None
    for known in in_wider_storages(run):
        divergence = measure(convention, (known,)).divergence
        if divergence is None:
            return None
    return divergence


def errors_and_ulps(points: Any, balls: Any) -> tuple[Any, Any]:
    """Return how far points are from balls, rounded up, and the unit in the last place of each ball."""
    from ...arithmetic import Ball, widened
    from ...arithmetic.ball import spacing

    errors = np.frompyfunc(lambda ball: float(ball.abs_upper()), 1, 1)(Ball.object_array(Ball(widened(points)) - balls))
    units = np.frompyfunc(lambda ball: float(spacing(ball, points.dtype)), 1, 1)(Ball.object_array(balls))
    return errors.astype(float), units.astype(float)


def moves(convention: Convention, runs: Iterable[OptimizerRun]) -> bool:
    """Return whether a convention makes steps in some run that are larger than rounding, so that a run at rest would be told from it."""
    from ...arithmetic import Undecided

    for run in runs:
        try:
            start, balls = run.inputs(run.points.dtype.type)[0], expected_points(convention, run)
        except (Undecided, ZeroDivisionError):
            continue
        at_rest = np.broadcast_to(start, run.points.shape)
        if run.storage is not None and run.storage.starts_anew:
            at_rest = np.concatenate([at_rest[:1], run.points[:-1].astype(np.float64)])
        errors, _ = errors_and_ulps(at_rest, balls[0])
        if np.any(error_in_bounds(errors, balls[1]) > ALLOWED):
            return True
    return False


def first_divergence(convention: Convention, run: OptimizerRun, balls: Any, ratios: Any) -> Divergence | None:
    """Return the first step and coordinate at which a run is further off than rounding explains."""
    from ...arithmetic import Ball

    if not np.any(ratios > ALLOWED):
        return None
    step, *place = (int(i) for i in np.argwhere(ratios > ALLOWED)[0])
    at, coordinate = (step, *place), int(np.ravel_multi_index(place, ratios.shape[1:]))
    relevant = (*convention.needs, *OFF_AT_ZERO)
    return Divergence(
        convention=convention.id,
        name=convention.name,
        step=step + 1,
        coordinate=coordinate,
        got=float(run.points[at]),
        expected=float(Ball.object_array(balls)[at].mid()),
        error_in_bounds=finite(ratios[at]),
        hyperparameters={"lr": run.lr, **{name: value for name, value in run.hyper.items() if name in relevant and value}},
        explained_by=explain(convention, run, step),
    )


# --- which intermediate quantity explains a divergence --------------------------------------------------------------------------------

STATE_NAMES: Mapping[str, tuple[Any, tuple[str, ...]]] = {  # parts of the state: their words, and what implementations call them
    "m": ("first moment", ("first_moment", "exp_avg", "mu", "m", "m_t", "mean_grad", "momentum")),
    "v": (
        "second moment",
        ("second_moment", "exp_avg_sq", "nu", "v", "v_t", "s", "sum_sq", "mean_sq", "square_avg", "exp_inf", "u", "cache"),
    ),
    "velocity": ("velocity", ("velocity", "momentum_buffer", "trace", "v", "buf", "m")),
}
EPS_EFFECT = 2.0**-5  # what eps may change, relatively, where gradients are large


def explain(convention: Convention, run: OptimizerRun, step: int) -> Any:
    """Return the first quantity of this step that differs from the convention's; None where the implementation shows no known state."""
    states = run.states[step] if step < len(run.states) else {}
    visible = {name.rpartition(".")[2].lower(): array for name, array in states.items()}
    theta, *inputs = in_float64(run)
    with np.errstate(all="ignore"):
        due_states = [state for _, state in zip(range(step + 1), states_of(convention, run, theta, *inputs, **run.hyper), strict=False)]
    due, parts = due_states[-1], convention.state_names
    kept = [role for role in (("velocity",) if convention.has_velocity else ("m", "v")) if role in parts and np.any(due[parts[role]])]
    compared = [
        (STATE_NAMES[role][0], visible[name], due[parts[role]])
        for role in kept
        for name in STATE_NAMES[role][1]
        if name in visible and visible[name].shape == theta.shape
    ][:2]
    for description, array, expected in compared:
        if not is_similar(array, expected):
            return description
    if not compared or "v" not in parts or run.fixture.shape:
        return None
    large = large_columns(run)
    before = run.points[step - 1] if step else theta
    moved = run.points[step] - before
    due_move = due["theta"] - (due_states[-2]["theta"] if step else theta)
    shares_of_theta = (moved - due_move)[large] / before[large]
    if run.hyper.get("weight_decay") and np.ptp(shares_of_theta) <= EPS_EFFECT * np.max(np.abs(shares_of_theta)):
        return "weight decay"
    if not np.all(due_move[large]):
        return None  # one that is not to move has no factor
    factors = moved[large] / due_move[large]
    is_common = np.ptp(factors) <= EPS_EFFECT * np.max(np.abs(factors)) and abs(factors[0] - 1) > EPS_EFFECT
    return "correction" if is_common else "denominator"


def large_columns(run: OptimizerRun) -> list[int]:
    """Return the coordinates whose gradients are far larger than eps."""
    return [k for k, scale in enumerate(run.fixture.scales) if not isinstance(scale, str) and scale >= 1]


def is_similar(array: Any, expected: Any) -> bool:
    """Return whether two arrays agree, roughly and up to their sign."""
    distance = min(np.max(np.abs(array - expected)), np.max(np.abs(array + expected)))
    return bool(distance <= FLOAT_SCREEN * np.max(np.abs(expected)))


# --- the search -----------------------------------------------------------------------------------------------------------------------


def setting_of(runs: Runs) -> Setting:
    """Return what these runs can distinguish between them."""
    hyper = {name: value for run in runs for name, value in run.hyper.items() if value != 0}
    constant = not any(run.fixture.changes_lr for run in runs)
    return Setting(hyper, constant, any(run.takes_gradient_function for run in runs), any(run.fixture.shape for run in runs))


class Candidates:
    """The conventions that floats cannot rule out for some runs: correct ones, and mistaken ones, each searched when asked for."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self.setting = setting_of(runs)

    @functools.cached_property
    def right(self) -> list[Convention]:
        """The correct conventions, nearest first."""
        return self.near(mistaken=False)

    @functools.cached_property
    def mistaken(self) -> list[Convention]:
        """The mistaken conventions, nearest first."""
        return self.near(mistaken=True)

    def near(self, *, mistaken: bool) -> list[Convention]:
        """Return the conventions of one kind that floats cannot rule out, nearest first."""
        pool = (convention for family in self.setting.families for convention in combinations(family, self.setting, mistaken=mistaken))
        return float_candidates(pool, self.runs)

    def following(self, runs: Runs | None = None, dtype: Any = None) -> list[Measurement]:
        """Return the conventions that the runs follow, or other readings of them: correct ones, or if there is none, mistaken ones."""
        return self.following_right(runs, dtype) or self.measured(self.mistaken, runs, dtype)

    def following_right(self, runs: Runs | None = None, dtype: Any = None) -> list[Measurement]:
        """Return the correct conventions that the runs follow, or other readings of them."""
        return self.measured(self.right, runs, dtype)

    def measured(self, conventions: list[Convention], runs: Runs | None, dtype: Any) -> list[Measurement]:
        """Return the measurements of the nearest conventions that the runs follow, or other readings of them."""
        measurements = (measure(convention, runs or self.runs, dtype, whole=False) for convention in conventions[:MEASURED])
        return [measurement for measurement in measurements if measurement.follows]


BUILT_IN_DEVIATIONS = {VECTOR: 1, MATRIX: 4}  # from the canonical form; methods for matrices have a scale and coefficients besides
BUILT_IN_ORDER = ("eps", "beta2", "weight_decay", "momentum", "initial_second_moment")  # in which values that nobody stated are tried


def search_built_in(runs: Runs, stated: Iterable[str], *, mistaken: bool = False) -> tuple[dict[str, float], list[Measurement]]:
    """Return values of what is not stated, one or two at a time, with which runs follow plain conventions, and these."""
    table = hyperparameters()
    free = [name for name in BUILT_IN_ORDER if name not in stated]
    choices: list[dict[str, float]] = [{name: value} for name in free for value in table[name].common]
    if {"eps", "beta2"} <= set(free):
        choices += [{"eps": eps, "beta2": beta2} for eps in table["eps"].common for beta2 in table["beta2"].common]
    for choice in choices:
        assuming = tuple(replace(run, hyper={**run.hyper, **choice}) for run in runs)
        setting = setting_of(assuming)
        pool = (
            c
            for family in setting.families
            for c in combinations(family, setting, mistaken=mistaken)
            if c.deviation_count - ("initial_second_moment" in choice) <= BUILT_IN_DEVIATIONS[FAMILIES[c.family].kind]
        )
        affected = (c for c in pool if set(choice) <= {*c.needs, *optional_needs(c)})
        measurements = (measure(convention, assuming) for convention in float_candidates(affected, assuming))
        if followed := [measurement for measurement in measurements if measurement.follows and moves(measurement.convention, assuming)]:
            return choice, followed
    return {}, []


def optional_needs(convention: Convention) -> Iterator[str]:
    """Yield the hyper-parameters that a convention depends on and its canonical form does not."""
    if convention.weight_decay != "none":
        yield "weight_decay"
    if convention.initial_second_moment.endswith("given"):
        yield "initial_second_moment"


def neighbours(convention: Convention, setting: Setting) -> Iterator[Convention]:
    """Yield the conventions that differ from one on a single axis and that runs can show, then the other families' plain ones."""
    for axis, values in AXES.items():
        for value in values:
            other = replace(convention, **{axis: value})
            if other != convention and is_enumerated(other) and setting.can_distinguish(convention.family, axis, value):
                yield other
    for family in setting.families:
        if family != convention.family:
            yield from (other for other in combinations(family, setting, mistaken=False) if not other.deviation_count)
