"""The program of a convention: the formula of its family, composed with its velocity, and changed by the rules of its values."""

from __future__ import annotations

import ast
import functools
import itertools
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ...catalogue.conventions import load
from ...changes.equations import expression, symbol, without_argument
from ...changes.mutation import one_place_changes, scaled_places
from ...changes.patterns import contains, names_assigned, parse_expression
from ...changes.program import NotApplicable, Program, composed, gradient_at, program_of
from ...changes.rules import Rule, apply
from ..hyperparameters import COUNTS, DEFAULTS, hyperparameters

# axes in the order in which their changes apply
BEFORE = ("maximum", "schedule", "threshold", "scaling", "coefficients", "variant", "lr_placement", "nesterov_form")
WRAPPERS = ("clipping", "averaging")  # axes of every family that stand for formulas around its step
AFTER = ("bias_correction", "dampening", "initial_second_moment")
INVERSE_TIME = (
    {"state": {"steps": "0"}},
    {"insert": "lr = inverse_time_decay(steps, lr=lr, decay=lr_decay)\nsteps = steps + 1", "at": "start"},
)


@dataclass(frozen=True)
class AxisValues:
    """What a step is made from: a family, and a value on each axis."""

    family: str = "sgd"
    lr_placement: str = "none"
    nesterov_form: str = "none"
    dampening: str = "none"
    eps: str = "none"
    bias_correction: str = "none"
    centered: str = ""
    initial_second_moment: str = "0"
    maximum: str = ""
    schedule: str = ""
    threshold: str = ""
    scaling: str = ""
    coefficients: str = ""
    variant: str = ""
    weight_decay: str = "none"
    clipping: str = "none"
    averaging: str = "none"
    mistake: str = "none"

    @property
    def has_velocity(self) -> bool:
        """Return whether it keeps a velocity."""
        return self.family in ("momentum", "nesterov") or (self.family in ("adagrad", "rmsprop") and self.lr_placement != "none")

    @property
    def mistake_parts(self) -> tuple[str, ...]:
        """Its mistakes on the axis `mistake`: none, one, or two that are joined by a plus sign."""
        return () if self.mistake == "none" else tuple(self.mistake.split("+"))

    @property
    def couples_coordinates(self) -> bool:
        """Whether a coordinate depends on the others."""
        return program(self).couples_coordinates

    def start(self, theta: Any, lr: Any, hyper: Mapping[str, Any]) -> Run:
        """Return it before its first step."""
        return Run(self, theta, lr, hyper)


class UnderWay(Protocol):
    """A step that is repeated: where it is, and its state."""

    theta: Any
    state: tuple[Any, ...]

    def step(self, lr: Any, gradient: Callable[[Any], Any]) -> dict[str, Any]:
        """Return θ, and the state if it is shown, after one more step."""


class CanStart(Protocol):
    """A convention, or another step that can be taken one by one."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def couples_coordinates(self) -> bool:
        """Whether a coordinate depends on the others."""

    def start(self, theta: Any, lr: Any, hyper: Mapping[str, Any]) -> UnderWay:
        """Return it before its first step."""


class HasTrajectory(Protocol):
    """A convention, or another step that can be run from its initial state."""

    def __hash__(self) -> int:
        """Return the hash: what is measured is remembered."""

    @property
    def id(self) -> str:
        """Its name."""

    def states(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Iterator[dict[str, Any]]:
        """Yield its point and its state after every step."""

    def trajectory(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Any:
        """Return the points that it visits, one row a step."""


class Run:
    """A convention under way: its program, its point and its state. Hyper-parameters may be others at every step.

    `functions` are called in the place of formulas of the reference, by name.
    """

    def __init__(
        self, convention: AxisValues, theta: Any, lr: Any, hyper: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]] = {}
    ) -> None:
        self.hyper = {**DEFAULTS, "initial_size": lr, **sizes_of(theta, lr), **hyper}
        self.hyper |= {f"own_{name}": function for name, function in functions.items()}
        self.program = program(convention, decays=not is_zero(self.hyper["lr_decay"])).calling(functions)
        self.theta = theta
        self.state = self.program.start(theta=theta, lr=lr, **self.values(self.hyper))

    def values(self, hyper: Mapping[str, Any]) -> dict[str, Any]:
        """Return the hyper-parameters that the program reads."""
        return {name: as_count(hyper[name]) if name in COUNTS else hyper[name] for name in self.program.parameters}

    def step(self, lr: Any, gradient: Callable[[Any], Any], hyper: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return θ and the state, by name, after one more step."""
        try:
            self.theta, *state = self.program.step(self.theta, gradient, lr, *self.state, **self.values(hyper or self.hyper))
            self.state = tuple(state)
        except np.linalg.LinAlgError:  # what is not finite has no eigenvectors
            self.theta = self.theta * np.nan
        return {"theta": self.theta, **dict(zip(self.program.state, self.state, strict=True))}


def simulate(convention: AxisValues, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Iterator[dict[str, Any]]:
    """Yield θ and the state after every step, from rest. The gradient of step t at a point p is grads[t] + slopes[t] p, or grads[t]."""
    yield from steps_of(Run(convention, theta, lrs[0], hyper), grads, lrs, slopes)


def steps_of(run: Run, grads: Any, lrs: Any, slopes: Any = None) -> Iterator[dict[str, Any]]:
    """Yield θ and the state of a run after every step."""
    for index, (row, lr) in enumerate(zip(grads, lrs, strict=True)):
        yield run.step(lr, functools.partial(gradient_at, row, None if slopes is None else slopes[index]))


def sizes_of(theta: Any, number: Any) -> dict[str, Any]:
    """Return the numbers of rows and columns of a matrix, as numbers of the same arithmetic as another one."""
    return (
        {name: size + 0 * number for name, size in zip(("row_count", "column_count"), np.shape(theta), strict=True)}
        if np.ndim(theta) == 2
        else {}
    )


def as_count(value: Any) -> int:
    """Return a whole number, of any arithmetic, as an integer."""
    return int(value) if isinstance(value, int | float) else operator.index(value)


def is_zero(value: Any) -> bool:
    """Return whether a hyper-parameter is the number 0, so that what it scales is not there."""
    return isinstance(value, int | float) and value == 0


# --- from the values on the axes to a program -----------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=2**14)
def program(convention: AxisValues, *, decays: bool = False) -> Program:
    """Return the program of a convention; `decays`: its learning rate falls as lr / (1 + steps · lr_decay)."""
    for mistake in convention.mistake_parts:
        if stage_of(mistake) == "generated":
            return generated_change(convention, mistake)[1].without_unused()
    step = gathered(convention)
    if convention.weight_decay != "preconditioned":
        step = changed(step, convention, "weight_decay")
    late = [mistake for mistake in convention.mistake_parts if stage_of(mistake) == "inputs"]
    if decays or "decay-one-ahead" in late:
        step = apply(step, INVERSE_TIME, {})
    step = changed(step, convention, "clipping")
    for mistake in late:
        step = with_mistake(step, convention, mistake)
    return changed(step, convention, "averaging").without_unused()


GENERATED = "change-"  # and a number: a mistake that has no name of its own, one of all changes of one place of a step


@functools.lru_cache(maxsize=64)
def generated_changes(convention: AxisValues) -> tuple[tuple[str, Program], ...]:
    """Return every step with a rare mistake or with another expression in one place, each after the change in words; the plainest first."""
    step = program(convention)
    changes = [*all_rare_changes(convention), *changes_of_parameters(step)]
    for form in (step, *other_forms(convention)):
        changes += changes_of_statements(form)
    return (*changes, *scaled_changes(step))


@functools.lru_cache(maxsize=256)
def all_rare_changes(convention: AxisValues) -> tuple[tuple[str, Program], ...]:
    """Return every step with a rare mistake of a convention, after the change in words: the first of its generated changes."""
    return tuple(rare_changes(program(convention), roles_of(convention.family)))


def generated_change(convention: AxisValues, mistake: str) -> tuple[str, Program]:
    """Return a generated mistake of a convention, in words, and the step with it."""
    plain, number = without(convention, mistake), int(mistake.removeprefix(GENERATED))
    rare = all_rare_changes(plain)
    return rare[number] if number < len(rare) else generated_changes(plain)[number]


def other_forms(convention: AxisValues) -> Iterator[Program]:
    """Yield the programs of the other formulas that are proven equal to a convention."""
    family = load("families")[convention.family]
    plain = replace(convention, **{axis: values[0] for axis, values in family.get("axes", {}).items()}, mistake="none")
    for case in family.get("stated", ()):
        if convention == replace(plain, **case.get("values", {})):
            forms = (program_of(formula) for formula in case["formulas"] if formula != formula_of(convention))
            yield from (form for form in forms if any("grad" in names_assigned(statement) for statement in form.statements))


def changes_of_statements(step: Program) -> Iterator[tuple[str, Program]]:
    """Yield the steps with another expression in one place, each after the change in words."""
    names = ["theta", "lr", *step.state, *(name for name in step.parameters if name != "eps_root")]
    for index, statement in enumerate(step.statements):
        names += ["grad"] if index == step.index("gradient") else []
        for old, new, changed_statement in one_place_changes(statement, names):
            yield words_of_change(statement, old, new), with_statement(step, index, changed_statement)


def words_of_change(statement: ast.stmt, old: ast.expr, new: ast.expr) -> str:
    """Return the words of a change of one place."""
    (target,) = names_assigned(statement)
    return f"with {expression(new)} in the place of {expression(old)} where {symbol(target)} is computed"


def with_statement(step: Program, index: int, statement: ast.stmt) -> Program:
    """Return a step with another statement in one place."""
    return replace(step, statements=(*step.statements[:index], statement, *step.statements[index + 1 :]))


def rare_changes(step: Program, roles: Mapping[str, str]) -> Iterator[tuple[str, Program]]:
    """Yield the steps with a rare mistake, as far as it applies and reads no hyper-parameter that the step has not."""
    for record in load("rare").values():
        with suppress(NotApplicable):
            changed_step = apply(step, rules_of(record), roles)
            if set(changed_step.parameters) <= set(step.parameters):
                yield record["words"], changed_step


def changes_of_parameters(step: Program) -> Iterator[tuple[str, Program]]:
    """Yield the steps with a usual number, another hyper-parameter, or a power of it in the place of one, throughout or for one name."""
    targets = dict.fromkeys(name for statement in step.statements for name in names_assigned(statement))
    known = [name for name in step.parameters if name in DEFAULTS and name != "eps_root"]
    for name, target in itertools.product(known, ("", *targets)):
        where = f"where {symbol(target)} is computed" if target else "throughout"
        numbers = [repr(value) for value in (DEFAULTS[name], 0, *hyperparameters()[name].common)]
        others = [other for other in known if other != name and "eps" not in (name, other)]
        for text in (*numbers, *others, f"np.sqrt({name})", f"{name}**2", f"(1 - {name})"):
            words = f"with {expression(parse_expression(text))} in the place of {symbol(name)} {where}"
            with suppress(NotApplicable):
                yield words, step.replaced({name: text}, (target,) if target else ())


def scaled_changes(step: Program) -> Iterator[tuple[str, Program]]:
    """Yield the steps with one part doubled, halved, squared, or times a hyper-parameter, but for counters; the last comes first."""
    counters = {name for name, initial in step.state.items() if isinstance(initial, ast.Constant)}
    known = [name for name in step.parameters if name in DEFAULTS and name != "eps_root"]
    shares = [f"(1 - {name})" for name in known if hyperparameters()[name].limits == "[0, 1)"]
    factors = ["lr", *known, *shares]
    for index, statement in reversed([*enumerate(step.statements)]):
        for old, new, changed_statement in scaled_places(statement, factors) if not names_assigned(statement) & counters else ():
            yield words_of_change(statement, old, new), with_statement(step, index, changed_statement)


def describe_generated(convention: AxisValues, mistake: str) -> str:
    """Return the words of a generated mistake of a convention."""
    return generated_change(convention, mistake)[0]


def number_of_change(convention: AxisValues) -> int:
    """Return the number of the first generated mistake of a convention, which is smaller for plainer ones; 0 where it has none."""
    return next((int(part.removeprefix(GENERATED)) for part in convention.mistake_parts if part.startswith(GENERATED)), 0)


def without(convention: AxisValues, mistake: str) -> AxisValues:
    """Return the convention without one of its mistakes."""
    return replace(convention, mistake="+".join(part for part in convention.mistake_parts if part != mistake) or "none")


def gathered(convention: AxisValues) -> Program:
    """Return the step of a family, its direction gathered in a velocity where the convention has one besides."""
    plain = without_later_changes(convention)
    if convention.family in ("momentum", "nesterov") or not convention.has_velocity:
        return family_step(plain)
    outer = [mistake for mistake in plain.mistake_parts if stage_of(mistake) == "velocity"]
    inner = [mistake for mistake in plain.mistake_parts if stage_of(mistake) != "velocity"]
    direction = replace(plain, lr_placement="none", nesterov_form="none", mistake="+".join(inner) or "none")
    return composed(family_step(velocity_of(convention, "+".join(outer) or "none")), family_step(direction))


@functools.lru_cache(maxsize=2**14)
def family_step(convention: AxisValues) -> Program:
    """Return the step of a family's formula, changed by the values of the convention, but for weight decay and mistakes of the inputs."""
    family = load("families")[convention.family]
    roles = roles_of(convention.family)
    mistakes = convention.mistake_parts
    step = program_of(formula_of(convention))
    step = step if convention.weight_decay == "in-update" else without_argument(step, "weight_decay")
    step = step.replaced({"decay": "beta2"}) if "decay" in step.parameters else step
    step = apply(step, family.get("always", ()), roles).with_state(family.get("initial", {}))
    for axis in BEFORE:
        step = changed(step, convention, axis)
    if convention.bias_correction != "none":
        step = apply(step, family.get("corrected", ()), roles)
    for mistake in mistakes:
        step = step if is_late(mistake) else with_mistake(step, convention, mistake)
    step = changed(step, convention, "eps")
    if convention.weight_decay == "preconditioned":
        step = changed(step, convention, "weight_decay")
    for axis in AFTER:
        step = changed(step, convention, axis)
    for mistake in mistakes:
        step = with_mistake(step, convention, mistake) if is_late(mistake) else step
    return step


MOMENTS = {
    "FIRST": ("(1 - B) * grad",),
    "SECOND": ("grad**2", "np.abs(grad)", "(grad - A)**2", "(grad + A)**2", "(A @ grad @ B)**2"),
}  # what the update of a moment has in it


@functools.cache
def roles_of(family: str) -> Mapping[str, str]:
    """Return which names of the state are the first and the second moment: running values of the gradient, and of its square or size."""
    step = program_of(load("families")[family]["formula"])
    roles: dict[str, str] = {}
    for statement in step.statements:
        for role, patterns in MOMENTS.items():
            if names_assigned(statement) & set(step.state) and any(contains(statement, pattern) for pattern in patterns):
                roles.setdefault(role, *names_assigned(statement))
    return roles


def stage_of(mistake: str) -> str:
    """Return which part of a step a mistake changes: its inputs, its velocity, or its direction."""
    return "generated" if mistake.startswith(GENERATED) else str(load("axes")["mistake"][mistake].get("stage", "direction"))


def is_late(mistake: str) -> bool:
    """Return whether the change of a mistake applies after all others of a step."""
    return bool(load("axes")["mistake"][mistake].get("late", False))


def without_later_changes(convention: AxisValues) -> AxisValues:
    """Return the convention without weight decay and mistakes of the inputs, so that the step of its family is made once."""
    decay = convention.weight_decay if convention.weight_decay in ("preconditioned", "in-update") else "none"
    mistakes = [mistake for mistake in convention.mistake_parts if stage_of(mistake) not in ("inputs", "generated")]
    return replace(convention, mistake="+".join(mistakes) or "none", weight_decay=decay, **dict.fromkeys(WRAPPERS, "none"))


def velocity_of(convention: AxisValues, mistake: str) -> AxisValues:
    """Return the convention of the velocity that gathers the directions of another one."""
    family = "momentum" if convention.nesterov_form == "none" else "nesterov"
    values = {"eps": "none", "bias_correction": "none", "centered": "", "initial_second_moment": "0"}
    return replace(convention, family=family, mistake=mistake, weight_decay="none", **values)


def formula_of(convention: AxisValues) -> str:
    """Return the id of the formula that the program of a convention starts from."""
    family = load("families")[convention.family]
    for case in family.get("formulas", ()):
        if all(getattr(convention, axis) == value for axis, value in case["when"].items()):
            return str(case["formula"])
    return str(family["formula"])


def changed(step: Program, convention: AxisValues, axis: str) -> Program:
    """Return a step with the change that makes the convention's value on an axis; the canonical value is the formula as it stands."""
    value = getattr(convention, axis)
    family = load("families")[convention.family]
    values = ("none",) if axis in ("weight_decay", *WRAPPERS) else family.get("axes", {}).get(axis, (value,))
    record = family.get("changes", {}).get(f"{axis}.{value}") or ({} if value == values[0] else load("axes")[axis][value])
    return apply(step, rules_of(record), roles_of(convention.family))


def with_mistake(step: Program, convention: AxisValues, mistake: str) -> Program:
    """Return a step with the change of one mistake."""
    family = load("families")[convention.family]
    record = family.get("changes", {}).get(f"mistake.{mistake}") or load("axes")["mistake"][mistake]
    return apply(step, rules_of(record), roles_of(convention.family))


def rules_of(record: Mapping[str, Any]) -> Sequence[Rule]:
    """Return the rules of a value: its own, or one that chooses among alternatives."""
    return [record] if "alternatives" in record else record.get("rules", ())
