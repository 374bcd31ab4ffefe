"""Run an optimizer on several arrays of several shapes, in groups, with gradients that are None, and resumed from a saved state.

What it does to one vector is known and judged. The arrays here have the entries of that vector, in other orders and shapes, so that each
entry must move as it does there. What is not the same bit for bit is reported, with the mistake that explains it where one does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from ..guards import FatalFault, call_guarded
from ..implementation import ArraysRun, Group, Implementation, NotOffered, Shape
from ..report import sentences
from ..result import Fault
from .fixtures import Fixture, power_of_two
from .visits import OptimizerRun, RunConfig, check_point, visit_points

SEVERAL, GROUPS, NO_GRADIENT, RESUMED = "several arrays", "parameter groups", "gradients that are None", "resuming from a saved state"
SHAPES = "arrays of other shapes"
CLOSE = 2.0**-10  # of the distance to what is due: so near must be what explains a mistake
ABSENT = (3, 4, 5)  # the steps in which an array has no gradient, from 0
SAVED_AFTER = 9  # steps, then a run is saved and resumed


@dataclass(frozen=True)
class Placement:
    """An array of a shape, and the columns of the fixture that its entries are."""

    columns: tuple[int, ...]
    shape: Shape

    @property
    def words(self) -> str:
        """The kind of array."""
        names = {0: "a 0-d array", 1: "a vector", 2: "a matrix"}
        name = "an empty array" if 0 in self.shape else names.get(len(self.shape), f"a {len(self.shape)}-d array")
        return f"{name} of shape {self.shape}" if self.shape else name

    def array(self, row: Any) -> Any:
        """Return the entries of a row of the fixture as this array, the first axis fastest in memory."""
        return row[list(self.columns)].reshape(self.shape).copy(order="F")


VECTOR = Placement((0, 1, 2, 3, 4), (5,))
MATRIX = Placement((4, 3, 2, 1, 0, 2), (2, 3))
KERNEL = Placement((1, 2, 0, 4, 3, 2), (3, 1, 1, 2))
SCALAR = Placement((1,), ())
EMPTY = Placement((), (0, 3))
OTHER_VECTOR = Placement((2, 4, 1, 0, 3), (5,))
ALL_KINDS, PLAIN_KINDS = (VECTOR, MATRIX, KERNEL, SCALAR, EMPTY, OTHER_VECTOR), (VECTOR, MATRIX, OTHER_VECTOR)


@dataclass(frozen=True)
class Difference:
    """What an optimizer did to an array, as a vector, where it is not bit for bit what it does to a vector alone."""

    situation: str
    place: str  # of the array, in words
    run: OptimizerRun
    explanation: str = ""


@dataclass(frozen=True)
class ArraysReport:
    """What was tried on several arrays, what was not and why, where it made a difference, and what is to be said besides."""

    tried: tuple[str, ...] = ()
    not_tried: tuple[str, ...] = (SEVERAL, GROUPS, RESUMED)
    differences: tuple[Difference, ...] = ()
    remarks: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


Observation = tuple[list[Difference], list[str]]  # differences, and remarks
Explanations = Iterator[tuple[str, Callable[[], Any] | None]]  # words, and the points that an array would visit, if they can be had


@dataclass(frozen=True)
class Subject:
    """An optimizer, its run on one vector, and the hyper-parameters of it and of a second group."""

    implementation: Implementation
    single: OptimizerRun
    config: RunConfig
    second: RunConfig

    @property
    def fixture(self) -> Fixture:
        """The fixture of the run on one vector."""
        return self.single.fixture

    @property
    def dtype(self) -> Any:
        """The dtype of the points."""
        return self.single.points.dtype.type

    def group(self, placements: Sequence[Placement], config: RunConfig) -> Group:
        """Return a group of arrays before the first step."""
        start = self.fixture.start(config.lr, self.dtype)
        return Group([placement.array(start) for placement in placements], float(config.lr * self.fixture.lr[0]), config.passed)

    def steps(self, placements: Sequence[Placement], *configs: RunConfig) -> Iterator[tuple[list[Any], tuple[float, ...]]]:
        """Yield the gradients and the learning rates of every step."""
        gradients = self.fixture.gradients(self.single.eps, self.dtype)
        for row, rates in zip(gradients, zip(*(self.fixture.rates(config.lr) for config in configs), strict=True), strict=True):
            yield [placement.array(row) for placement in placements], rates

    def due(self, placement: Placement) -> OptimizerRun:
        """Return what is due for an array in the first group: the points of the single run in its columns."""
        fixture, columns = self.fixture.part(placement.columns), list(placement.columns)
        return replace(self.single, fixture=fixture, points=self.single.points[:, columns], states=())

    def alone(self, fixture: Fixture, config: RunConfig) -> OptimizerRun:
        """Return a run of one vector."""
        run, _ = visit_points(self.implementation, fixture, config, self.dtype, eps=self.single.eps)
        return replace(run, states=())

    def start_groups(self, *groups: Group) -> ArraysRun:
        """Return a started run; NotOffered where the optimizer has no interface for it, or refuses."""
        start = getattr(self.implementation, "start_groups", None)
        if start is None:
            raise NotOffered
        try:
            run: ArraysRun = start(groups)
        except NotOffered:
            raise
        except BaseException as problem:
            raise NotOffered(f"it raises {type(problem).__name__} in the start") from None
        return run


def try_arrays(implementation: Implementation, single: OptimizerRun, config: RunConfig, second: RunConfig) -> ArraysReport:
    """Return what an optimizer does to several arrays, as far as it has an interface for them."""
    if single.takes_gradient_function:
        return ArraysReport()
    subject, report = Subject(implementation, single, config, second), ArraysReport(not_tried=())
    for situation, observe in SITUATIONS.items():
        if situation == SHAPES and SEVERAL in report.tried:
            continue  # they were among the several
        if situation == NO_GRADIENT and SEVERAL not in report.tried:
            continue
        try:
            with np.errstate(all="ignore"):
                differences, remarks = observe(subject)
        except NotOffered as reason:
            why = f" ({reason})" if str(reason) else ""
            report = replace(report, not_tried=(*report.not_tried, situation + why))
        except FatalFault as problem:
            fault = Fault(problem.fault.kind, f"with {situation} {problem.fault.detail}", fatal=False)
            report = replace(report, faults=(*report.faults, fault))
        else:
            found, told = (*report.differences, *differences), (*report.remarks, *remarks)
            report = replace(report, tried=(*report.tried, situation), differences=found, remarks=told)
    return report


def record(run: ArraysRun, thetas: Sequence[Any], steps: Iterable[tuple[Sequence[Any], Sequence[float]]]) -> list[Any]:
    """Return the points of every array after every step, as vectors."""
    points: list[list[Any]] = [[] for _ in thetas]
    for number, (gradients, rates) in enumerate(steps, start=1):
        moved = call_guarded(f"step {number}", run.step, gradients, [float(rate) for rate in rates])
        for point, theta, visited in zip(moved, thetas, points, strict=True):
            visited.append(np.array(check_point(point, theta, number), theta.dtype).reshape(-1))
    return [np.stack(visited) for visited in points]


def difference(situation: str, place: str, due: OptimizerRun, points: Any, explanations: Explanations) -> list[Difference]:
    """Return the difference of an array from what is due; none where it is the same."""
    if np.array_equal(points, due.points):
        return []
    return [Difference(situation, place, replace(due, points=points), explain(due, points, explanations))]


def explain(due: OptimizerRun, points: Any, explanations: Explanations) -> str:
    """Return the words of the first explanation that is far nearer to points than what is due; nothing where there is none."""
    for explanation, points_of in explanations:
        if points_of is None:
            return explanation
        with suppress(FatalFault):
            other = points_of()
            length = len(other)
            if is_near(points[:length], other, due.points[:length]):
                return explanation
    return ""


def is_near(points: Any, other: Any, due: Any) -> bool:
    """Return whether points are far nearer to others than to what is due."""
    return bool(points.size and np.max(np.abs(points - other)) <= CLOSE * np.max(np.abs(points - due)))


# --- several arrays, and arrays of other shapes ---------------------------------------------------------------------------------------


def place_in(placements: Sequence[Placement], number: int) -> str:
    """Return which of several arrays one is, in words."""
    return f"the {sentences.ordinal(number + 1)} of {len(placements)} arrays, {placements[number].words},"


def observe_several(subject: Subject) -> Observation:
    """Return what differs where an optimizer has several arrays: of all kinds, or where it refuses some, without empty and 0-d ones."""
    try:
        return differences_of_several(subject, ALL_KINDS), []
    except FatalFault as problem:
        return differences_of_several(subject, PLAIN_KINDS), [f"With 0-d and empty arrays among others {problem.fault.detail}."]


def differences_of_several(subject: Subject, placements: Sequence[Placement]) -> list[Difference]:
    """Return what differs of several arrays in one group."""
    group = subject.group(placements, subject.config)
    points = record(subject.start_groups(copy.deepcopy(group)), group.thetas, subject.steps(placements, subject.config))
    return [
        item
        for number, (placement, got) in enumerate(zip(placements, points, strict=True))
        for item in difference(
            SEVERAL, place_in(placements, number), subject.due(placement), got, explanations_of_several(subject, placements, number)
        )
    ]


def explanations_of_several(subject: Subject, placements: Sequence[Placement], number: int) -> Explanations:
    """Yield what may go wrong with one of several arrays."""
    fixture = subject.fixture.part(placements[number].columns)
    start = fixture.start(subject.config.lr, subject.dtype)
    yield "does not move", lambda: np.tile(start, (len(fixture.lr), 1))
    if number:
        yield (
            f"moves as at step {number + 1}: the step counter is shared between arrays",
            lambda: first_point_with_a_counter_ahead(subject, fixture, number),
        )
    same_shape = [k for k in range(number) if placements[k].shape == placements[number].shape]
    for other in same_shape:
        first = subject.fixture.part(placements[other].columns)
        mixed = replace(first, theta=fixture.theta)
        yield (
            f"moves by the gradient of the {sentences.ordinal(other + 1)}",
            partial(points_alone, subject, mixed),
        )


def points_alone(subject: Subject, fixture: Fixture) -> Any:
    """Return the points of a vector with the hyper-parameters of the first group."""
    return subject.alone(fixture, subject.config).points


def first_point_with_a_counter_ahead(subject: Subject, fixture: Fixture, ahead: int) -> Any:
    """Return where a first step leads whose counter is ahead: gradients of 0 move counters, and leave moments at 0."""
    repeated = fixture.part(range(len(fixture.theta)), [0] * (ahead + 1))
    zeros = ((0.0,) * len(fixture.theta),) * ahead
    points = subject.alone(replace(repeated, grads=(*zeros, fixture.grads[0])), subject.config).points
    return (fixture.start(subject.config.lr, subject.dtype) + points[-1] - points[-2])[np.newaxis]


def observe_shapes(subject: Subject) -> Observation:
    """Return what differs where an optimizer that takes one array has an array of another shape."""
    differences, remarks = [], []
    for placement in (MATRIX, KERNEL, SCALAR, EMPTY):
        try:
            group = subject.group([placement], subject.config)
            run = subject.start_groups(copy.deepcopy(group))
            (points,) = record(run, group.thetas, subject.steps([placement], subject.config))
        except (NotOffered, FatalFault) as problem:
            if placement is MATRIX:
                raise NotOffered(f"with {placement.words} {problem}" if str(problem) else "") from None
            remarks.append(f"It takes no array as {placement.words}.")
            continue
        differences += difference(SHAPES, placement.words, subject.due(placement), points, iter(()))
    return differences, remarks


# --- gradients that are None ----------------------------------------------------------------------------------------------------------


def observe_no_gradient(subject: Subject) -> Observation:
    """Return what differs where one of three arrays has no gradient in some steps, and what becomes of that array."""
    placements = PLAIN_KINDS
    group, steps = subject.group(placements, subject.config), list(subject.steps(placements, subject.config))
    for step in ABSENT:
        steps[step][0][1] = None
    run = subject.start_groups(copy.deepcopy(group))
    if not run.admits_none:
        raise NotOffered
    try:
        points = record(run, group.thetas, steps)
    except FatalFault as problem:
        points = points_without_missing(subject, group, steps, problem)
    differences = []
    for number in (0, 2):
        place = f"beside an array whose gradient is None {place_in(placements, number)}"
        differences += difference(NO_GRADIENT, place, subject.due(placements[number]), points[number], iter(()))
    return differences, remarks_on_no_gradient(subject, placements[1], points[1])


def points_without_missing(subject: Subject, group: Group, steps: Any, refusal: FatalFault) -> list[Any]:
    """Return the points of an optimizer that refuses None, where gradients that are missing are left out of a dict."""
    run = subject.start_groups(copy.deepcopy(group))
    if run.step_without is None:
        raise NotOffered(refusal.fault.detail) from None
    try:
        return record(replace(run, step=run.step_without), group.thetas, steps)
    except FatalFault:
        raise NotOffered(refusal.fault.detail) from None


def remarks_on_no_gradient(subject: Subject, placement: Placement, points: Any) -> list[str]:
    """Return what becomes of an array that has no gradient in some steps, unless it is as if these steps were not there."""
    fixture = subject.fixture.part(placement.columns)
    present = [step for step in range(len(fixture.lr)) if step not in ABSENT]
    skipped = subject.alone(fixture.part(range(len(fixture.theta)), present), subject.config).points
    none = (0.0,) * len(fixture.theta)
    zeros = replace(fixture, grads=tuple(none if step in ABSENT else row for step, row in enumerate(fixture.grads)))
    at_rest = points[ABSENT[0] - 1]
    if np.array_equal(points[present], skipped) or is_near(points[present], skipped, subject.due(placement).points[present]):
        return []
    with suppress(FatalFault):
        as_zero = subject.alone(zeros, subject.config).points
        if is_near(points, as_zero, np.insert(skipped, ABSENT[0], [at_rest] * len(ABSENT), axis=0)):
            return ["It takes a gradient that is None as 0."]
    moved = not all(np.array_equal(points[step], at_rest) for step in ABSENT)
    return ["It moves an array whose gradient is None." if moved else "Steps without a gradient change how an array moves afterwards."]


# --- groups ---------------------------------------------------------------------------------------------------------------------------


def observe_groups(subject: Subject) -> Observation:
    """Return what differs where two groups have hyper-parameters of their own."""
    placements, configs = (VECTOR, MATRIX), (subject.config, subject.second)
    groups = [subject.group([placement], config) for placement, config in zip(placements, configs, strict=True)]
    run = subject.start_groups(*copy.deepcopy(groups))
    if not run.changes_lr:
        fixture = subject.fixture.with_constant_lr
        subject = replace(subject, single=subject.alone(fixture, subject.config))
    first, second = record(run, [group.thetas[0] for group in groups], subject.steps(placements, *configs))
    fixture = subject.fixture.part(MATRIX.columns)
    due = subject.alone(fixture, subject.second)
    return [
        *difference(GROUPS, "the array of the first group", subject.due(VECTOR), first, iter(())),
        *difference(GROUPS, "the array of the second group", due, second, explanations_of_groups(subject, fixture)),
    ], []


def explanations_of_groups(subject: Subject, fixture: Fixture) -> Explanations:
    """Yield which values of the first group an optimizer may use for the second one, in place of its own."""
    config, second = subject.config, subject.second
    factor = power_of_two(second.lr) / power_of_two(config.lr)
    start = replace(fixture, theta=tuple(value * factor for value in fixture.theta))  # in units of the other learning rate
    yield "does not move", lambda: np.tile(fixture.start(second.lr, subject.dtype), (len(fixture.lr), 1))
    ahead = replace(subject, config=second)
    yield "moves as at step 2: the step counter is shared between groups", lambda: first_point_with_a_counter_ahead(ahead, fixture, 1)
    yield "has the learning rate of the first group", lambda: subject.alone(start, replace(second, lr=config.lr)).points
    others = [name for name in {**config.passed, **second.passed} if config.passed.get(name) != second.passed.get(name)]
    for names in (*combinations(others, 1), *combinations(others, 2)):
        yield f"has {' and '.join(names)} of the first group", partial(points_with_values_of_first, subject, fixture, second, names)
    if len(others) > 1:
        words = "all hyper-parameters of the first group but the learning rate"
        yield f"has {words}", partial(points_with_values_of_first, subject, fixture, second, others)
    first_rate = replace(second, lr=config.lr)
    yield "has all hyper-parameters of the first group", partial(points_with_values_of_first, subject, start, first_rate, others)


def points_with_values_of_first(subject: Subject, fixture: Fixture, config: RunConfig, names: Sequence[str]) -> Any:
    """Return the points of a vector where some hyper-parameters are those of the first group."""
    first = {name: value for name, value in subject.config.passed.items() if name in names}
    passed = {name: value for name, value in config.passed.items() if name not in names}
    return subject.alone(fixture, replace(config, passed={**passed, **first})).points


# --- resuming -------------------------------------------------------------------------------------------------------------------------


def observe_resumed(subject: Subject) -> Observation:
    """Return what differs where a run is saved after some steps, and a new optimizer goes on from what was saved."""
    try:
        return differences_when_resumed(subject, (VECTOR, MATRIX)), []
    except NotOffered:
        return differences_when_resumed(subject, (VECTOR,)), []


def differences_when_resumed(subject: Subject, placements: Sequence[Placement]) -> list[Difference]:
    """Return what differs of arrays whose run is split: saved, and restored into a new optimizer."""
    group, steps = subject.group(placements, subject.config), list(subject.steps(placements, subject.config))
    run = subject.start_groups(copy.deepcopy(group))
    if run.save is None or run.load is None:
        raise NotOffered
    before = record(run, group.thetas, steps[:SAVED_AFTER])
    saved, numbers = copy.deepcopy(call_guarded("saving", run.save)), dict(run.numbers())
    thetas = [points[-1].reshape(theta.shape).copy(order="F") for points, theta in zip(before, group.thetas, strict=True)]
    resumed = subject.start_groups(replace(group, thetas=thetas))
    assert resumed.load is not None
    call_guarded("loading what it saved", resumed.load, saved)
    lost = [
        f"its {name} is {now:g} where it was {numbers[name]:g}" for name, now in resumed.numbers().items() if numbers.get(name, now) != now
    ]
    after = record(resumed, group.thetas, steps[SAVED_AFTER:])
    differences = []
    for number, placement in enumerate(placements):
        points = np.concatenate([before[number], after[number]])
        place = "after it is saved and restored" + (f", {place_in(placements, number)}" if number else " it")
        explanations = explanations_of_resuming(subject, placement, before[number], lost)
        differences += difference(RESUMED, place, subject.due(placement), points, explanations)
    return differences


def explanations_of_resuming(subject: Subject, placement: Placement, before: Any, lost: Sequence[str]) -> Explanations:
    """Yield what may be lost when a run is saved and restored."""
    rest = range(SAVED_AFTER, len(subject.fixture.lr))
    fixture = subject.fixture.part(placement.columns, rest)
    start = replace(fixture, theta=tuple(float(value) / power_of_two(subject.config.lr) for value in before[-1]))
    yield (
        "goes on as at the first step: all of its state is lost",
        lambda: np.concatenate([before, subject.alone(start, subject.config).points]),
    )
    if lost:
        yield f"goes on with another count: {'; '.join(lost)}", None


SITUATIONS: dict[str, Callable[[Subject], Observation]] = {
    SEVERAL: observe_several,
    SHAPES: observe_shapes,
    NO_GRADIENT: observe_no_gradient,
    GROUPS: observe_groups,
    RESUMED: observe_resumed,
}
