"""Runs: trajectories of optimizers, in which the program under test keeps its state. The gradients are those of the conformance kit."""

from __future__ import annotations

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...reference import Formula, tree_leaves, tree_map
from ...reference.validation import domains
from ..arithmetic import Undecided, certified, rounding_bound
from ..changes.program import gradient_at
from ..conformance.hyperparameters import DEFAULTS, hyperparameters
from ..conformance.optimizers.combinations import Setting, combinations
from ..conformance.optimizers.conventions import AXES, CATALOGUE_FORMULAS, DECAYS, FAMILIES, Convention
from ..conformance.optimizers.fixtures import MATRIX, VECTOR, Fixture, fixture_for
from ..conformance.optimizers.matching import bound_where_decided
from ..conformance.optimizers.planning import canonical_hyperparameters
from ..conformance.optimizers.visits import OptimizerRun
from ..inputs.cases import cases
from ..lines.signature import argument_kinds, written
from ..lines.text import bits, plain_words
from .calls import UNDEFINED, identifier
from .expected import CERTAIN, Due, are_same, due
from .flags import flag_of

NEWTON_SCHULZ = np.array([[DEFAULTS["ns_a"], DEFAULTS["ns_b"], DEFAULTS["ns_c"]]] * int(DEFAULTS["ns_steps"]))
SPECIAL: Mapping[str, tuple[Any, Any]] = {  # usual and other values of what only one optimizer takes
    "threshold": (5.0, 4.5),
    "coefficients": (NEWTON_SCHULZ, NEWTON_SCHULZ),
    "scale": (1.0, 1.0),  # what it is for a matrix of no more rows than columns
}
SAME_AS: Mapping[str, str] = {"beta1_next": "beta1", "eps_grad": "eps", "eps_step": "eps"}
KINDS = USUAL, OTHERS, ALL = "every axis", "every hyper-parameter", "every hyper-parameter, neutral ones too"  # of runs, as flags say it
SHAPE, STEPS_OF_MATRICES = (2, 3), 10  # of runs of matrices: by then the rate has changed twice, and a gradient was 0
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
    def parameters(self) -> str:
        """What it moves: a matrix, or an array of any shape, of which a vector is taken."""
        return MATRIX if len(domains(self.formula.raw)[self.positional[0]].axes) == 2 else VECTOR

    @property
    def takes_function(self) -> bool:
        """Whether it takes the gradient as a function."""
        return self.positional[1] == "gradient"

    def states(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Iterator[dict[str, Any]]:
        """Yield the point after every step, in any arithmetic."""
        values = {name: value for name, value in hyper.items() if name in self.keywords}
        under_way = self.start(theta, lrs[0], values)
        for index, (row, lr) in enumerate(zip(grads, lrs, strict=True)):
            yield under_way.step(lr, functools.partial(gradient_at, row, None if slopes is None else slopes[index]))

    def start(self, theta: Any, lr: Any, hyper: Mapping[str, Any]) -> StepsUnderWay:
        """Return it before its first step; arrays among the hyper-parameters are of the dtype of the point."""
        is_array = type(theta) is np.ndarray
        given = {name: value.astype(theta.dtype) if is_array and np.ndim(value) else value for name, value in hyper.items()}
        return StepsUnderWay(self, given, theta, self.initial(theta, lr))

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

    @functools.cached_property
    def couples_coordinates(self) -> bool:
        """Whether a coordinate depends on the others: whether it moves otherwise when it is alone."""
        if self.parameters == MATRIX:
            return True
        run = observed_run(self, USUAL, fixture_of(self), np.dtype("float64"))
        whole, alone = (
            self.trajectory(theta, grads, lrs, slopes, **run.hyper)
            for theta, grads, lrs, slopes in (run.inputs(np.float64), run.part(slice(0, 1)).inputs(np.float64))
        )
        return not np.array_equal(whole[:, :1], alone)

    @property
    def kinds(self) -> list[str]:
        """The kinds of runs that differ."""
        known = {repr(self.hyper(kind)): kind for kind in reversed(KINDS)}
        return [kind for kind in KINDS if kind in known.values()]


@dataclass(eq=False)
class StepsUnderWay:
    """The step of a formula, repeated: the point and the state, in any arithmetic."""

    steps: Steps
    hyper: Mapping[str, Any]
    theta: Any
    nested: list[Any]  # the state, as the formula takes it

    @property
    def state(self) -> tuple[Any, ...]:
        """The parts of the state, one after the other."""
        return tuple(tree_leaves(self.nested))

    @state.setter
    def state(self, parts: tuple[Any, ...]) -> None:
        """Take other parts in their places."""
        rest = iter(parts)
        self.nested = [tree_map(lambda _: next(rest), part) for part in self.nested]

    def step(self, lr: Any, gradient: Callable[[Any], Any]) -> dict[str, Any]:
        """Return the point after one more step."""
        rate = {"lr": lr} if "lr" in self.steps.keywords else {}
        given = gradient if self.steps.takes_function else gradient(self.theta)
        result = self.steps.formula.raw(self.theta, given, *self.nested, **rate, **self.hyper)
        self.theta, *self.nested = result if isinstance(result, tuple) else (result,)
        return {"theta": self.theta}


def hyperparameter(name: str, drawn: Mapping[str, Any], *, usual: bool) -> Any:
    """Return the usual value of a hyper-parameter, or another one that tells conventions apart; of an unknown one, what a case has."""
    if name in SPECIAL:
        return SPECIAL[name][0 if usual else 1]
    row = hyperparameters().get(SAME_AS.get(name, name))
    if row is None or row.name not in DEFAULTS:
        return drawn[name]
    return DEFAULTS[row.name] if usual else row.separating[0]


def steps_of(formula: Formula[..., Any]) -> Steps | None:
    """Return the steps of an optimizer; None for a formula that is none, is of vectors alone, or needs more than a gradient."""
    steps = Steps(formula)
    is_step = steps.positional[:1] in (("theta",), ("shifted",)) and steps.positional[1:2] in (("grad",), ("gradient",))
    if not is_step or len(steps.positional) != 2 + (formula.initial is not None):
        return None
    axes = domains(formula.raw)[steps.positional[0]].axes
    return steps if len(axes) == 2 or any(axis.startswith("*") for axis in axes) else None


@dataclass(frozen=True, eq=False)
class RunVector:
    """A run in one format, with what is due after every step."""

    steps: Steps
    observed: OptimizerRun
    dtype: str
    kind: str
    due: tuple[Due, ...]
    more: tuple[Mapping[str, str], ...] = ()  # further fields of every step: in a narrow format the point that it starts from

    @functools.cached_property
    def inputs(self) -> tuple[Any, ...]:
        """The start, the gradients, the learning rates and the slopes of gradients, in the format."""
        return self.observed.inputs(np.dtype(self.dtype).type)

    @property
    def id(self) -> str:
        """Its id, made of its inputs."""
        _, grads, lrs, slopes = self.inputs
        rest = {} if slopes is None else {"slopes": bits(slopes, self.dtype)}
        rest |= {f"theta{number}": fields["theta"] for number, fields in enumerate(self.more) if "theta" in fields}
        inputs = {"grads": bits(grads, self.dtype), "lrs": bits(lrs, np.float64), "steps": str(len(self.due)), **rest}
        return identifier(self.steps.id, {**self.head, **inputs})

    @property
    def head(self) -> dict[str, str]:
        """The format, the start and the hyper-parameters, as fields."""
        kinds = argument_kinds(self.steps.formula)
        hyper: dict[str, str] = {}
        for name, value in self.observed.hyper.items():
            hyper |= written(name, kinds[name], value, self.dtype)
        return {"dtype": self.dtype, **written(self.steps.positional[0], "array", self.inputs[0], self.dtype), **hyper}

    def lines(self, killed: str = "") -> Iterator[dict[str, str]]:
        """Yield its lines: the run, then its steps."""
        flag = flag_of(self.kind).id
        kills = {"kills": killed} if killed else {}
        yield {"k": "run", "id": self.id, "flags": flag, "steps": str(len(self.due)), **kills, **self.head}
        _, grads, lrs, slopes = self.inputs
        for number, result in enumerate(self.due, start=1):
            slope = {} if slopes is None else {"slope": bits(slopes[number - 1], self.dtype)}
            rate = {"lr": bits(lrs[number - 1], np.float64)} if "lr" in self.steps.keywords else {}
            gradient = {**written("grad", "array", grads[number - 1], self.dtype), **slope}
            more = self.more[number - 1] if self.more else {}
            expected = result.fields(f"new.{self.steps.positional[0]}")
            yield {"k": "step", "of": self.id, "t": str(number), **rate, **gradient, **expected, **more}

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
    """Return the runs of an optimizer in one format: with usual hyper-parameters and with others; in float32 and of matrices the last."""
    kinds = steps.kinds if dtype == "float64" and steps.parameters == VECTOR else steps.kinds[-1:]
    vectors = (certify_run(steps, observed_run(steps, kind, fixture_of(steps), np.dtype(dtype)), dtype, kind) for kind in kinds)
    return [vector for vector in vectors if vector]


def fixture_of(steps: Steps) -> Fixture:
    """Return what an optimizer is given: of a vector as many steps as separate conventions, of a matrix fewer."""
    fixture = fixture_for(changes_lr="lr" in steps.keywords, kind=steps.parameters)
    return fixture if steps.parameters == VECTOR else fixture.part(range(math.prod(SHAPE)), range(STEPS_OF_MATRICES), SHAPE)


def observed_run(steps: Steps, kind: str, fixture: Fixture, dtype: Any) -> OptimizerRun:
    """Return the run of an optimizer with the hyper-parameters of a kind, its points yet 0."""
    hyper: dict[str, Any] = {
        name: np.asarray(value, dtype).astype(float) if np.ndim(value) else value for name, value in steps.hyper(kind).items()
    }
    eps = next((value for name, value in hyper.items() if name.startswith("eps") and value), DEFAULTS["eps"])
    points = fixture.shaped(np.zeros((len(fixture.lr), len(fixture.theta)), dtype))
    return OptimizerRun(fixture, DEFAULTS["lr"], hyper, points, (), steps.takes_function, eps)


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
        decided = int(np.argmin([*np.all(np.isfinite(bounds), axis=tuple(range(1, bounds.ndim))), False]))
        results = [due(balls[step], "array", bounds[step], number, per_element=True) for step in range(decided)]
    except UNDEFINED:
        return None
    telling = tuple(itertools.takewhile(Due.tells_something, [result for result in results if isinstance(result, Due)]))
    vector = RunVector(steps, observed, dtype, kind, telling)
    return vector if len(telling) >= FEWEST and vector.accepts(floats) else None


# --- conventions ----------------------------------------------------------------------------------------------------------------------


def convention_of(formula: Formula[..., Any], vectors: list[RunVector]) -> Convention | None:
    """Return the convention of the kit that a formula is, with the decay that its runs show; None where the kit has none."""
    stated = [convention for convention, ids in CATALOGUE_FORMULAS.items() if formula.id in ids]
    decaying = [replace(own, weight_decay=decay) for own in stated for decay in FAMILIES[own.family].decays or DECAYS]
    followed = (own for own in (*stated, *decaying) if not any(vector.notices(own) for vector in vectors))
    return next(followed, stated[0] if stated else None)


def others(own: Convention, vector: RunVector, *, mistaken: bool) -> Iterator[Convention]:
    """Yield the conventions of a family, or its mistakes, that differ from its own in one way and that a run can tell apart."""
    setting = Setting(
        canonical(vector.observed),
        constant_lr=False,
        follows_points=vector.steps.takes_function,
        of_matrices=vector.steps.parameters == MATRIX,
    )
    for convention in combinations(own.family, setting, mistaken=mistaken):
        if sum(getattr(convention, axis) != getattr(own, axis) for axis in AXES) == 1:
            yield convention


def changes_of_runs(formula: Formula[..., Any], vectors: list[RunVector]) -> Iterator[tuple[Convention, str]]:
    """Yield the conventions of the kit that runs must tell from a formula, and their kinds; each once."""
    own, seen = convention_of(formula, vectors), set[str]()
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
