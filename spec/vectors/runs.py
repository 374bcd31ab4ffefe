"""Runs: trajectories of optimizers, in which the program under test keeps its state. The gradients are those of the conformance kit."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...reference import Formula
from ...reference.validation import domains
from ..arithmetic import Undecided, certified, rounding_bound
from ..changes.program import gradient_at
from ..conformance.hyperparameters import DEFAULTS, hyperparameters
from ..conformance.optimizers.combinations import Setting, combinations
from ..conformance.optimizers.conventions import AXES, CATALOGUE_FORMULAS, Convention
from ..conformance.optimizers.fixtures import fixture_for
from ..conformance.optimizers.matching import bound_where_decided
from ..conformance.optimizers.planning import canonical_hyperparameters
from ..conformance.optimizers.visits import OptimizerRun
from ..inputs.cases import cases
from ..lines.text import bits, plain_words
from .calls import UNDEFINED, identifier
from .expected import CERTAIN, Due, are_same, due
from .flags import flag_of

SPECIAL: Mapping[str, tuple[float, float]] = {"threshold": (5.0, 4.5)}  # usual and other values of what only one optimizer takes
SAME_AS: Mapping[str, str] = {"beta1_next": "beta1", "eps_grad": "eps", "eps_step": "eps"}
KINDS = USUAL, OTHERS, ALL = "every axis", "every hyper-parameter", "every hyper-parameter, neutral ones too"  # of runs, as flags say it
FEWEST = 4  # steps of a run that are decided whatever the rounding


@dataclass(frozen=True, eq=False)
class Steps:
    """The step of a formula, repeated: the conformance kit runs it as it does a convention."""

    formula: Formula[..., Any]

    @property
    def id(self) -> str:
        """The id of the formula."""
        return self.formula.id

    @functools.cached_property
    def positional(self) -> tuple[str, ...]:
        """The arguments that are no hyper-parameters: the point, the gradient, the state if there is one."""
        parameters = inspect.signature(self.formula.raw).parameters.values()
        return tuple(parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD)

    @functools.cached_property
    def keywords(self) -> tuple[str, ...]:
        """The hyper-parameters."""
        return tuple(name for name in inspect.signature(self.formula.raw).parameters if name not in self.positional)

    @property
    def takes_function(self) -> bool:
        """Whether it takes the gradient as a function."""
        return self.positional[1] == "gradient"

    def states(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Iterator[dict[str, Any]]:
        """Yield the point after every step, in any arithmetic."""
        values = {name: value for name, value in hyper.items() if name in self.keywords}
        state = self.initial(theta, lrs[0])
        for index, (row, lr) in enumerate(zip(grads, lrs, strict=True)):
            slope = None if slopes is None else slopes[index]
            gradient = functools.partial(gradient_at, row, slope) if self.takes_function else row
            rate = {"lr": lr} if "lr" in self.keywords else {}
            result = self.formula.raw(theta, gradient, *state, **rate, **values)
            theta, *state = result if isinstance(result, tuple) else (result,)
            yield {"theta": theta}

    def initial(self, theta: Any, lr: Any) -> list[Any]:
        """Return the state before the first step, in a list; an empty list where there is none."""
        if self.formula.initial is None:
            return []
        names = inspect.signature(self.formula.initial).parameters
        return [self.formula.initial(theta, **({"size": lr} if "size" in names else {}))]

    def trajectory(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Any:
        """Return the points, one row a step, in any arithmetic."""
        return np.stack([state["theta"] for state in self.states(theta, grads, lrs, slopes, **hyper)])

    def hyper(self, kind: str) -> dict[str, float]:
        """Return the hyper-parameters but for lr: the usual ones, or others, where neutral defaults stay unless all are asked for."""
        neutral = self.formula.raw.__kwdefaults__ or {}
        names = [name for name in self.keywords if name != "lr"]
        drawn = cases(self.formula)[kind != USUAL].arguments
        kept = neutral if kind == OTHERS else {}
        return {name: hyperparameter(name, drawn, usual=kind == USUAL or name in kept) for name in names}

    @property
    def kinds(self) -> list[str]:
        """The kinds of runs that differ."""
        known = {tuple(self.hyper(kind).values()): kind for kind in reversed(KINDS)}
        return [kind for kind in KINDS if kind in known.values()]


def hyperparameter(name: str, drawn: Mapping[str, Any], *, usual: bool) -> Any:
    """Return the usual value of a hyper-parameter, or another one that tells conventions apart; of an unknown one, what a case has."""
    if name in SPECIAL:
        return SPECIAL[name][0 if usual else 1]
    row = hyperparameters().get(SAME_AS.get(name, name))
    if row is None or row.name not in DEFAULTS:
        return drawn[name]
    return DEFAULTS[row.name] if usual else row.separating[0]


def steps_of(formula: Formula[..., Any]) -> Steps | None:
    """Return the steps of an optimizer; None for a formula that is none, is of matrices alone, or needs more than a gradient."""
    steps = Steps(formula)
    is_step = steps.positional[:1] in (("theta",), ("shifted",)) and steps.positional[1:2] in (("grad",), ("gradient",))
    is_of_any_shape = is_step and any(axis.startswith("*") for axis in domains(formula.raw)[steps.positional[0]].axes)
    return steps if is_of_any_shape and len(steps.positional) == 2 + (formula.initial is not None) else None


@dataclass(frozen=True, eq=False)
class RunVector:
    """A run in one format, with what is due after every step."""

    steps: Steps
    observed: OptimizerRun
    dtype: str
    kind: str
    due: tuple[Due, ...]

    @functools.cached_property
    def inputs(self) -> tuple[Any, ...]:
        """The start, the gradients, the learning rates and the slopes of gradients, in the format."""
        return self.observed.inputs(np.dtype(self.dtype).type)

    @property
    def id(self) -> str:
        """Its id, made of its inputs."""
        _, grads, lrs, slopes = self.inputs
        rest = {} if slopes is None else {"slopes": bits(slopes, self.dtype)}
        inputs = {"grads": bits(grads, self.dtype), "lrs": bits(lrs, np.float64), "steps": str(len(self.due)), **rest}
        return identifier(self.steps.id, {**self.head, **inputs})

    @property
    def head(self) -> dict[str, str]:
        """The format, the start and the hyper-parameters, as fields."""
        hyper = {name: bits(value, np.float64) for name, value in self.observed.hyper.items()}
        return {"dtype": self.dtype, self.steps.positional[0]: bits(self.inputs[0], self.dtype), **hyper}

    def lines(self, killed: str = "") -> Iterator[dict[str, str]]:
        """Yield its lines: the run, then its steps."""
        flag = flag_of(self.kind).id
        kills = {"kills": killed} if killed else {}
        yield {"k": "run", "id": self.id, "flags": flag, "steps": str(len(self.due)), **kills, **self.head}
        _, grads, lrs, slopes = self.inputs
        for number, result in enumerate(self.due, start=1):
            slope = {} if slopes is None else {"slope": bits(slopes[number - 1], self.dtype)}
            rate = {"lr": bits(lrs[number - 1], np.float64)} if "lr" in self.steps.keywords else {}
            gradient = {"grad": bits(grads[number - 1], self.dtype), **slope}
            yield {"k": "step", "of": self.id, "t": str(number), **rate, **gradient, **result.fields(f"new.{self.steps.positional[0]}")}

    def accepts(self, points: Any) -> bool:
        """Return whether points are within the tolerance after every step."""
        return len(points) >= len(self.due) and all(result.accepts(point) for result, point in zip(self.due, points, strict=False))

    def notices(self, convention: Convention) -> bool:
        """Return whether a convention visits other points, or fails."""
        dtype = np.dtype(self.dtype).type
        theta, grads, lrs, slopes = self.inputs
        try:
            with np.errstate(all="ignore"):
                points = convention.trajectory(theta, grads, lrs, slopes, **canonical(self.observed))
        except (ArithmeticError, ValueError, TypeError):
            return True
        return not self.accepts(np.asarray(points, dtype=dtype))

    def is_same(self, convention: Convention) -> bool:
        """Return whether a convention visits the same points in real numbers, to 100 bits."""
        theta, grads, lrs, slopes = self.inputs
        curvature = {} if slopes is None else {"slopes": slopes}
        hyper = canonical(self.observed)
        try:
            own, other = (
                certified(step.trajectory, theta, grads, lrs, **curvature, **values, dtype=np.float64, ulps=CERTAIN)
                for step, values in ((self.steps, self.observed.hyper), (convention, hyper))
            )
        except UNDEFINED:
            return False
        return are_same([own], [other])


def canonical(observed: OptimizerRun) -> dict[str, float]:
    """Return the hyper-parameters of a run by their canonical names."""
    values = {SAME_AS.get(name, name): value for name, value in observed.hyper.items() if name not in SPECIAL}
    return canonical_hyperparameters(values)


def runs_of(steps: Steps, dtype: str) -> list[RunVector]:
    """Return the runs of an optimizer in one format: with usual hyper-parameters, and with others."""
    vectors = []
    for kind in steps.kinds:
        hyper = steps.hyper(kind)
        eps = next((value for name, value in hyper.items() if name.startswith("eps") and value), DEFAULTS["eps"])
        points = np.zeros((24, 5), np.dtype(dtype).type)
        fixture = fixture_for(changes_lr="lr" in steps.keywords)
        observed = OptimizerRun(fixture, DEFAULTS["lr"], hyper, points, (), steps.takes_function, eps)
        if vector := certify_run(steps, observed, dtype, kind):
            vectors.append(vector)
    return vectors


def certify_run(steps: Steps, observed: OptimizerRun, dtype: str, kind: str) -> RunVector | None:
    """Return a run with what is due, as far as it is decided whatever the rounding; None where that is too short."""
    number = np.dtype(dtype).type
    theta, grads, lrs, slopes = observed.inputs(number)
    curvature = {} if slopes is None else {"slopes": slopes}
    try:
        with np.errstate(all="ignore"):
            floats = steps.trajectory(theta, grads, lrs, slopes, **observed.hyper)
        balls = certified(steps.trajectory, theta, grads, lrs, **curvature, **observed.hyper, dtype=np.float64, ulps=CERTAIN)
        try:
            bounds = rounding_bound(steps.trajectory, theta, grads, lrs, **curvature, **observed.hyper, dtype=number)
        except (Undecided, ZeroDivisionError):
            bounds = bound_where_decided(steps, replace(observed, points=np.asarray(floats, number)), number)
        decided = int(np.argmin([*np.all(np.isfinite(bounds), axis=1), False]))
        if decided < FEWEST:
            return None
        results = tuple(due(balls[step], "array", bounds[step], number, per_element=True) for step in range(decided))
    except UNDEFINED:
        return None
    vector = RunVector(steps, observed, dtype, kind, tuple(result for result in results if isinstance(result, Due)))
    return vector if vector.accepts(floats) else None


# --- conventions ----------------------------------------------------------------------------------------------------------------------


def convention_of(formula: Formula[..., Any]) -> Convention | None:
    """Return the convention of the kit that a formula is; None where the kit has none."""
    return next((convention for convention, ids in CATALOGUE_FORMULAS.items() if formula.id in ids), None)


def others(own: Convention, vector: RunVector, *, mistaken: bool) -> Iterator[Convention]:
    """Yield the conventions of a family, or its mistakes, that differ from its own in one way and that a run can tell apart."""
    setting = Setting(canonical(vector.observed), constant_lr=False, follows_points=vector.steps.takes_function)
    for convention in combinations(own.family, setting, mistaken=mistaken):
        if sum(getattr(convention, axis) != getattr(own, axis) for axis in AXES) == 1:
            yield convention


def changes_of_runs(formula: Formula[..., Any], vectors: list[RunVector]) -> Iterator[tuple[Convention, str]]:
    """Yield the conventions of the kit that runs must tell from a formula, and their kinds; each once."""
    own, seen = convention_of(formula), set[str]()
    for vector in vectors if own else ():
        for mistaken in (False, True):
            for convention in others(own, vector, mistaken=mistaken) if own else ():
                if convention.id not in seen:
                    seen.add(convention.id)
                    yield convention, "mistake" if mistaken else "variant"


def alternative_lines(vector: RunVector, convention: Convention) -> Iterator[dict[str, str]]:
    """Yield the line of the point that a right convention ends at; none where it cannot be certified."""
    theta, grads, lrs, slopes = vector.inputs
    kind, count = np.dtype(vector.dtype).type, len(vector.due)
    curvature = {} if slopes is None else {"slopes": slopes[:count]}
    hyper = canonical(vector.observed)
    try:
        balls = certified(convention.trajectory, theta, grads[:count], lrs[:count], **curvature, **hyper, dtype=np.float64, ulps=CERTAIN)
        bounds = rounding_bound(convention.trajectory, theta, grads[:count], lrs[:count], **curvature, **hyper, dtype=kind)
        result = due(balls[-1], "array", bounds[-1], kind, per_element=True)
    except UNDEFINED:
        return
    words = {"convention": convention.id, "words": plain_words(convention.name)}
    yield {"k": "alt", "of": vector.id, "t": str(count), **words, **result.fields(f"new.{vector.steps.positional[0]}")}
