"""Matching: which conventions of the bank a run agrees with, in certified units, and which of those are the same one in another guise.

The expected trajectory is a certified ball. The unit of error is the running bound of the convention's own trajectory in the subject's
dtype: how far any program that performs these operations may be off. Within `ALLOWED` bounds at every step, a subject follows it.
Floats rank the conventions first; nothing is decided by them.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .algorithm import HYPER, OFF, simulate
from .conventions import AXES, FAMILIES, Convention, Setting, combinations, known
from .fixtures import fixture_for
from .runner import Record

ALLOWED = 4.0  # bounds: reorderings and fused operations stay below, other conventions are a thousand and more away
ROUGH = 2.0**-10  # further off, relative to the parameters, a run is not followed in any dtype
NEAREST = 1  # rivals that are measured with certainty; floats rank all of them first
MEASURED = 12  # conventions that floats leave open and that are measured
NARROWER = {"float64": np.float32, "float32": np.float16}


@dataclass(frozen=True)
class Divergence:
    """The first place where a trajectory leaves a convention, and the intermediate that has left it, where the subject shows its state."""

    convention: str
    name: str
    step: int  # from 1
    coordinate: int  # from 0
    got: float
    expected: float
    error_in_bounds: float
    hyper: Mapping[str, float]
    explained_by: str | None = None


@dataclass(frozen=True)
class Measure:
    """How far a subject is from one convention."""

    convention: Convention
    error_in_bounds: float
    error_ulps: float
    divergence: Divergence | None = None

    @property
    def follows(self) -> bool:
        """Whether rounding explains the distance."""
        return self.error_in_bounds <= ALLOWED


def given(record: Record, dtype: Any) -> tuple[Any, ...]:
    """What a run is fed with: the start, the gradients, the learning rates, and how gradients change along the point."""
    fixture, lr = record.fixture, record.lr
    slopes = fixture.curvatures(lr, record.eps, dtype) if record.takes_function else None
    return fixture.start(lr, dtype), fixture.gradients(record.eps, dtype), fixture.rates(lr), slopes


# --- in floats ------------------------------------------------------------------------------------------------------------------------


def rough_distance(convention: Convention, record: Record, fed: tuple[Any, ...] | None = None) -> tuple[int, float]:
    """At which step a trajectory in floats leaves a run, and how far off it is there or at the end, relative to the coordinates."""
    theta, grads, lrs, slopes = fed or given(record, np.float64)
    sizes = np.max(np.abs(record.points), axis=0) + np.finfo(np.float32).tiny
    off = 0.0
    with np.errstate(all="ignore"):
        for k, state in enumerate(simulate(convention, theta, grads, lrs, slopes, **record.hyper)):
            off = max(off, float(np.max(np.abs(state["theta"] - record.points[k]) / sizes)))
            if not off <= ROUGH:
                return k, float(np.nan_to_num(off, nan=np.inf))
    return len(grads), off


def near(conventions: Iterable[Convention], records: tuple[Record, ...]) -> list[Convention]:
    """Those that floats cannot rule out, nearest first."""
    found, fed = [], [(record, given(record, np.float64)) for record in reversed(records)]  # the separating one first
    for one in conventions:
        off = 0.0
        for record, inputs in fed:
            off = max(off, rough_distance(one, record, inputs)[1])
            if not off <= ROUGH:
                break
        else:
            found.append((off, one))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def latest(conventions: Iterable[Convention], records: tuple[Record, ...]) -> Convention:
    """The convention that a run leaves last, and by least."""
    return min(conventions, key=lambda one: min((-step, off) for step, off in (rough_distance(one, record) for record in records)))


# --- certified ------------------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=128)
def expected(convention: Convention, record: Record, dtype: Any = None) -> tuple[Any, Any]:
    """What a convention makes of a run: certified balls, and the bound of what rounding does in the run's dtype or another."""
    from ...arithmetic import Undecided, certified, rounding_bound

    theta, grads, lrs, slopes = given(record, record.points.dtype.type)
    curved = {} if slopes is None else {"slopes": slopes}
    balls = certified(convention.trajectory, theta, grads, lrs, **curved, **record.hyper, dtype=record.points.dtype)
    dtype = dtype or record.points.dtype
    try:
        return balls, rounding_bound(convention.trajectory, theta, grads, lrs, **curved, **record.hyper, dtype=dtype)
    except (Undecided, ZeroDivisionError):
        return balls, bound_as_far_as_decided(convention, record, dtype)


DECIDED = 0.5  # the share of a run that rounding must leave decided


def bound_as_far_as_decided(convention: Convention, record: Record, dtype: Any) -> Any:
    """The bound where some of a run depends on rounding: infinite there. Where most of it does, that of programs with float64 scalars."""
    from ...arithmetic import Running, Scalars, Undecided

    for scalars in (Running, Scalars):
        bounds = bound_by_column(convention, record, dtype, scalars)
        if np.mean(np.isfinite(bounds)) >= DECIDED:
            return bounds
    raise Undecided(f"most of {convention.id} depends on rounding")


def bound_by_column(convention: Convention, record: Record, dtype: Any, scalars: Any) -> Any:
    """The bound of every coordinate as far as it is decided, and infinity from there on."""
    from ...arithmetic import rounding_bound

    def started(theta: Any, grads: Any, slopes: Any = None) -> Any:
        return begun(convention, theta, grads, scalars(lrs), slopes, **{name: scalars(value) for name, value in record.hyper.items()})

    theta, grads, lrs, slopes = given(record, record.points.dtype.type)
    bounds = np.full(record.points.shape, np.inf)
    for k in range(len(theta)):
        one = slice(k, k + 1)
        curved = {} if slopes is None else {"slopes": slopes[:, one]}
        known = rounding_bound(started, theta[one], grads[:, one], **curved, dtype=dtype)
        bounds[: len(known) - 1, one] = known[1:]
    return bounds


def begun(convention: Convention, theta: Any, *fed: Any, **hyper: Any) -> Any:
    """The start, and the points of a trajectory as far as they are decided."""
    from ...arithmetic import Undecided

    points = [theta]
    with suppress(Undecided, ZeroDivisionError):
        points.extend(state["theta"] for state in simulate(convention, theta, *fed, **hyper))
    return np.stack(points)


def measured(convention: Convention, records: Iterable[Record], dtype: Any = None) -> Measure:
    """The largest error over all runs, in bounds and in ulps, and the first place where it is too large."""
    from ...arithmetic import Undecided

    bounds, ulps, divergence, decided = 0.0, 0.0, None, False
    for record in records:
        try:
            balls, allowed = expected(convention, record, dtype)
        except (Undecided, ZeroDivisionError):
            continue
        errors, units = errors_of(record.points, balls)
        ratios = in_bounds(errors, allowed)
        with np.errstate(over="ignore"):  # where 0 is due the unit is the smallest there is
            bounds, ulps = max(bounds, float(np.max(ratios))), max(ulps, float(np.max(errors / units)))
        divergence = divergence or first_divergence(convention, record, balls, ratios)
        decided = True
    if not decided:
        return Measure(convention, sys.float_info.max, sys.float_info.max)
    return Measure(convention, finite(bounds), finite(ulps), divergence)


def errors_of(points: Any, balls: Any) -> tuple[Any, Any]:
    """How far points are from balls, rounded up, and the unit in the last place of each ball."""
    from ...arithmetic import Ball
    from ...arithmetic.ball import spacing

    errors = np.frompyfunc(lambda one: float(one.abs_upper()), 1, 1)(Ball.object_array(Ball(points) - balls))
    units = np.frompyfunc(lambda one: float(spacing(one, points.dtype)), 1, 1)(Ball.object_array(balls))
    return errors.astype(float), units.astype(float)


def in_bounds(errors: Any, bounds: Any) -> Any:
    """Errors in units of bounds; an exact value may have the bound 0, and no error then."""
    with np.errstate(over="ignore"):
        return np.where(errors == 0, 0.0, np.divide(errors, bounds, out=np.full_like(errors, np.inf), where=bounds > 0))


def finite(value: float) -> float:
    """A number that JSON knows."""
    return min(float(value), sys.float_info.max)


def first_divergence(convention: Convention, record: Record, balls: Any, ratios: Any) -> Divergence | None:
    """The first step and coordinate at which a run is further off than rounding explains."""
    from ...arithmetic import Ball

    if not np.any(ratios > ALLOWED):
        return None
    step, coordinate = (int(i) for i in np.argwhere(ratios > ALLOWED)[0])
    return Divergence(
        convention=convention.id,
        name=convention.name,
        step=step + 1,
        coordinate=coordinate,
        got=float(record.points[step, coordinate]),
        expected=float(Ball.object_array(balls)[step, coordinate].mid()),
        error_in_bounds=finite(ratios[step, coordinate]),
        hyper={"lr": record.lr, **{name: value for name, value in record.hyper.items() if name in (*convention.needs, *OFF) and value}},
        explained_by=explanation(convention, record, step),
    )


# --- which intermediate explains a divergence -----------------------------------------------------------------------------------------

STATES: Mapping[str, tuple[str, tuple[str, ...]]] = {  # parts of the state: their words, and what implementations call them
    "m": ("first moment", ("first_moment", "exp_avg", "mu", "m", "m_t", "mean_grad", "momentum")),
    "v": (
        "second moment",
        ("second_moment", "exp_avg_sq", "nu", "v", "v_t", "s", "sum_sq", "mean_sq", "square_avg", "exp_inf", "u", "cache"),
    ),
    "velocity": ("velocity", ("velocity", "momentum_buffer", "trace", "v", "buf", "m")),
}
SOME = 2.0**-5  # what ε may change where gradients are large


def explanation(convention: Convention, record: Record, step: int) -> str | None:
    """The first intermediate of this step that is not what the convention has there; None where the subject shows none that is known."""
    shown = {name.rpartition(".")[2].lower(): array for name, array in (record.states[step] if step < len(record.states) else {}).items()}
    theta, *fed = given(record, np.float64)
    with np.errstate(all="ignore"):
        states = [state for _, state in zip(range(step + 1), simulate(convention, theta, *fed, **record.hyper), strict=False)]
    due, remembered = states[-1], ("velocity",) if convention.has_velocity else ("m", "v")
    named = convention.state_names
    parts = [(*STATES[role], due[named[role]]) for role in remembered if role in named and np.any(due[named[role]])]
    known = [(words, array, right) for words, names, right in parts for name in names if (array := shown.get(name)) is not None]
    compared = [(words, array, right) for words, array, right in known if array.shape == theta.shape][:2]
    for words, found, right in compared:
        if not same_size(found, right):
            return words
    if not compared or "v" not in named:
        return None
    large = [k for k, scale in enumerate(record.fixture.scales) if not isinstance(scale, str) and scale >= 1]
    got = record.points[step] - (record.points[step - 1] if step else theta)
    moved = due["theta"] - (states[-2]["theta"] if step else theta)
    at, gap = (record.points[step - 1] if step else theta)[large], (got - moved)[large]
    if record.hyper.get("weight_decay") and np.ptp(gap / at) <= SOME * np.max(np.abs(gap / at)):
        return "weight decay"
    shares = (got / moved)[large]
    return "correction" if np.ptp(shares) <= SOME * np.max(np.abs(shares)) and abs(shares[0] - 1) > SOME else "denominator"


def same_size(found: Any, due: Any) -> bool:
    """Whether two arrays agree, roughly and up to their sign."""
    return bool(min(np.max(np.abs(found - due)), np.max(np.abs(found + due))) <= ROUGH * np.max(np.abs(due)))


# --- the search -----------------------------------------------------------------------------------------------------------------------


def setting_of(records: tuple[Record, ...]) -> Setting:
    """What these runs show between them."""
    hyper = {name: value for record in records for name, value in record.hyper.items() if value != 0}
    constant = not any(record.fixture.changes_lr for record in records)
    return Setting(hyper, constant, any(record.takes_function for record in records))


class Candidates:
    """The conventions that floats cannot rule out for some runs: right ones, and mistaken ones, looked for when they are asked for."""

    def __init__(self, records: tuple[Record, ...]) -> None:
        self.records = records
        self.setting = setting_of(records)

    @functools.cached_property
    def right(self) -> list[Convention]:
        """The right ones."""
        return self.near(mistaken=False)

    @functools.cached_property
    def mistaken(self) -> list[Convention]:
        """The others."""
        return self.near(mistaken=True)

    def near(self, *, mistaken: bool) -> list[Convention]:
        """Those of one kind, nearest first."""
        return near((one for family in FAMILIES for one in combinations(family, self.setting, mistaken=mistaken)), self.records)

    def following(self, records: tuple[Record, ...] | None = None, dtype: Any = None) -> list[Measure]:
        """Those that the runs follow, or that other readings of them do: the right ones, and if there is none, the mistaken ones."""
        for pool in ("right", "mistaken"):
            measures = (measured(one, records or self.records, dtype) for one in getattr(self, pool)[:MEASURED])
            if found := [one for one in measures if one.follows]:
                return found
        return []


ELSE: Mapping[str, tuple[float, ...]] = {  # what may be built in where a subject does not state it, after what is assumed at first
    "eps": (1e-7, 1e-6, 1e-5, 1e-10, 1e-3),
    "beta2": (0.99, 0.9, 0.95),
    "weight_decay": (0.01,),
    "momentum": (0.5, 0.95, 0.99),
}


def search_assuming(records: tuple[Record, ...], stated: Iterable[str]) -> tuple[dict[str, float], list[Measure]]:
    """The plain conventions that runs follow with other values for what the subject does not state, one or two of them at a time.

    Right ones are looked for with all these values before mistaken ones are.
    """
    open_names = [name for name in ELSE if name not in stated]
    choices: list[dict[str, float]] = [{name: value} for name in open_names for value in ELSE[name]]
    choices += [{"eps": eps, "beta2": beta2} for eps in ELSE["eps"] for beta2 in ELSE["beta2"] if {"eps", "beta2"} <= set(open_names)]
    for mistaken, choice in itertools.product((False, True), choices):
        assuming = tuple(replace(record, hyper={**record.hyper, **choice}) for record in records)
        setting = setting_of(assuming)
        pool = (one for family in FAMILIES for one in combinations(family, setting, mistaken=mistaken) if one.departures <= 1)
        touched = (one for one in pool if set(choice) <= {*one.needs, *(("weight_decay",) if one.weight_decay != "none" else ())})
        if found := [measure for one in near(touched, assuming) if (measure := measured(one, assuming)).follows]:
            return choice, found
    return {}, []


def neighbours(convention: Convention, setting: Setting) -> Iterator[Convention]:
    """The conventions that differ from one on a single axis, and that these runs can show; and the other families' plain ones."""
    for axis, values in AXES.items():
        for value in values:
            other = replace(convention, **{axis: value})
            if other != convention and known(other) and setting.shows(convention.family, axis, value):
                yield other
    yield from (
        one
        for family in FAMILIES
        for one in combinations(family, setting, mistaken=False)
        if family != convention.family and not one.departures
    )


def rivals(best: Convention, records: tuple[Record, ...], matching: Iterable[Convention]) -> list[Measure]:
    """The nearest conventions that are not the same one, nearest first."""
    setting = setting_of(records)
    others = [one for one in dict.fromkeys(neighbours(best, setting)) if one not in set(matching)]
    bounds = [expected(best, record)[1] for record in records]
    nearest = sorted(others, key=lambda one: max(apart(one, record, bound) for record, bound in zip(records, bounds, strict=True)))
    found: list[Measure] = []
    for one in nearest:
        if len(found) < NEAREST and not coincide(best, one, records):
            found.append(measured(one, records))
    return sorted(found, key=lambda one: one.error_in_bounds)


def apart(convention: Convention, record: Record, bounds: Any) -> float:
    """How far a trajectory in floats is from a run, in units of given bounds."""
    with np.errstate(all="ignore"):
        theta, grads, lrs, slopes = given(record, np.float64)
        points = convention.trajectory(theta, grads, lrs, slopes, **record.hyper)
        ratios = in_bounds(np.abs(points - record.points), bounds)
    return float(np.max(np.nan_to_num(ratios, nan=np.inf)))


# --- conventions that coincide --------------------------------------------------------------------------------------------------------

BITS = 256
STEPS = 8
EQUAL = 2.0**-150  # relative: what coincides at a point without structure, to so many bits, coincides


def generic(record: Record) -> tuple[Any, ...]:
    """A run at a point without structure: nothing coincides there but what coincides everywhere at these hyper-parameters."""
    draw = np.random.default_rng(20)
    size = len(record.fixture.theta[:2])
    lrs = record.lr * (draw.uniform(0.5, 2, STEPS) if record.fixture.changes_lr else np.ones(STEPS))
    slopes = draw.uniform(0.1, 0.5, (STEPS, size)) / record.lr if record.takes_function else None
    return draw.normal(size=size) * record.lr, draw.normal(size=(STEPS, size)), lrs, slopes


def points_in_balls(convention: Convention, record: Record, hyper: Mapping[str, float]) -> Any:
    """A trajectory at a point without structure, to 256 bits."""
    from flint import ctx

    from ...arithmetic import Ball

    theta, grads, lrs, slopes = generic(record)
    balls = {name: Ball(value) for name, value in hyper.items()}
    with ctx.workprec(BITS):
        return convention.trajectory(Ball(theta), Ball(grads), Ball(lrs), None if slopes is None else Ball(slopes), **balls)


def coincide(one: Convention, other: Convention, records: Iterable[Record], hyper: Mapping[str, float] | None = None) -> bool:
    """Whether two conventions are the same at the hyper-parameters of each run, or at others, to 150 bits at a point without structure."""
    from flint import ctx

    from ...arithmetic import Ball, Undecided

    for record in records:
        at = record.hyper if hyper is None else hyper
        try:
            first, second = points_in_balls(one, record, at), points_in_balls(other, record, at)
        except (Undecided, ZeroDivisionError):
            return False
        with ctx.workprec(BITS):
            gaps, sizes = Ball.object_array(first - second).ravel(), Ball.object_array(first).ravel()
            if not all(float(gap.abs_upper()) <= EQUAL * float(size.abs_upper()) for gap, size in zip(gaps, sizes, strict=True)):
                return False
    return True


def changing(records: Iterable[Record]) -> tuple[Record, ...]:
    """The same runs, had the learning rate changed."""
    return tuple(replace(record, fixture=fixture_for(changes_lr=True)) for record in records)


SPECIAL = (0.0, 0.5, 1.0)


def reasons(one: Convention, other: Convention, records: tuple[Record, ...]) -> tuple[str, ...]:
    """Why two conventions that coincide do: the hyper-parameters that must be as they are, or that they are one step written twice."""
    found = []
    if setting_of(records).constant_lr and not coincide(one, other, changing(records)):
        found.append("while the learning rate stays the same")
    for name, value in {**HYPER, **records[0].hyper}.items():
        beside = next((n for n, v in records[0].hyper.items() if n != name and v == value and v not in SPECIAL), None)
        if (value in SPECIAL or beside) and not coincide(one, other, records[:1], {**records[0].hyper, name: elsewhere(name, value)}):
            found.append(f"at {name} = {value:g}" if value in SPECIAL else f"at {name} = {beside}")
    return tuple(found) or ("the same step, written in another way",)


def elsewhere(name: str, value: float) -> float:
    """Another value of a hyper-parameter, of no special kind."""
    return value * 0.9375 + 0.03125 if value < 1 or name in ("eps", "weight_decay") else value * 1.0625


# --- precision ------------------------------------------------------------------------------------------------------------------------

NATIVE = "native"


def precision(candidates: Candidates) -> tuple[str, list[Measure]]:
    """What is kept in a narrower format than the subject's, and what it follows once this is granted."""
    records = candidates.records
    narrow = NARROWER[str(records[0].points.dtype)]
    name = np.dtype(narrow).name
    for rounded in roundings(records) if name == "float32" else ():
        if found := candidates.following(tuple(with_rounded_hyper(one, rounded) for one in records)):
            return f"hyper-{name}", found
    if found := candidates.following(dtype=narrow):
        best = min(found, key=lambda one: one.error_in_bounds)
        return f"{'scalars' if common_factor(best.convention, records) else 'state'}-{name}", found
    return NATIVE, []


def roundings(records: Iterable[Record]) -> list[tuple[str, ...]]:
    """The hyper-parameters that float32 does not hold: all of them, all but the learning rate, and one alone."""
    inexact = {name for one in records for name, value in {**one.hyper, "lr": one.lr}.items() if float(np.float32(value)) != value}
    names = sorted(inexact)
    choices = [tuple(names), tuple(name for name in names if name != "lr"), *((name,) for name in names)]
    return [one for one in dict.fromkeys(choices) if one]


def with_rounded_hyper(record: Record, names: Iterable[str]) -> Record:
    """The run, had some of its hyper-parameters been rounded to float32."""
    values = {name: float(np.float32(value)) if name in names else value for name, value in {**record.hyper, "lr": record.lr}.items()}
    return replace(record, lr=values.pop("lr"), hyper=values)


SPREAD = 2.0**-26  # relative: far below what rounding the state to float32 does, far above what ε lets through of a common factor


def common_factor(convention: Convention, records: tuple[Record, ...]) -> bool:
    """Whether all coordinates of a step that dwarf ε are off by one factor, as a correction that is rounded makes them."""
    shown = (array for record in records for state in record.states for array in state.values() if array.shape == record.points[0].shape)
    if any(array.dtype == NARROWER[str(records[0].points.dtype)] for array in shown):
        return False
    for record in records:
        theta, grads, lrs, slopes = given(record, np.float64)
        large = [k for k, scale in enumerate(record.fixture.scales) if not isinstance(scale, str) and scale >= 1]
        due = np.diff(np.concatenate([theta[np.newaxis], convention.trajectory(theta, grads, lrs, slopes, **record.hyper)]), axis=0)
        got = np.diff(np.concatenate([theta[np.newaxis], record.points]), axis=0)
        moving = np.all(np.abs(due[:, large]) > ROUGH * np.max(np.abs(due[:, large]), axis=0), axis=1)
        shares = got[moving][:, large] / due[moving][:, large]
        if np.max(np.ptp(shares, axis=1), initial=0.0) > SPREAD:
            return False
    return True
