"""The bank of named conventions: the ways in which optimizers of one family differ, right and wrong, generated from their axes.

A convention is a family and a value on each axis; at most one value is wrong. What it computes is the one step of `steps.py`.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ....reference import FORMULAS
from ...catalogue.conventions import load
from ...changes.equations import render, without_argument
from ...changes.program import NotApplicable
from .algorithm import GENERATED, describe_generated, generated_changes, program, simulate, stage_of


class Value(NamedTuple):
    """One value of an axis: its words, and whether it is a convention rather than a mistake."""

    words: str = ""
    right: bool = True


@dataclass(frozen=True)
class Family:
    """A family of optimizers: its words, the values of its axes, its mistakes, and the hyper-parameters that it cannot be without."""

    words: str
    axes: Mapping[str, tuple[str, ...]]
    mistakes: tuple[str, ...]
    needs: tuple[str, ...] = ()
    id: str = ""
    said: tuple[str, ...] = ()  # axes that a name mentions even where the value is the canonical one
    wrong: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # values that are conventions in other families


def read_family(name: str, record: Mapping[str, Any]) -> Family:
    """Return the family of a record of the catalogue."""
    tuples = {key: tuple(record.get(key, ())) for key in ("mistakes", "needs", "said")}
    axes, wrong = ({axis: tuple(values) for axis, values in record.get(key, {}).items()} for key in ("axes", "wrong"))
    return Family(record["words"], axes, id=record.get("id", name), wrong=wrong, **tuples)


AXES: Mapping[str, Mapping[str, Value]] = {  # in the order in which a name says them
    axis: {
        **({"": Value()} if axis in ("centered", "maximum", "schedule", "threshold", "variant") else {}),
        **{value: Value(record.get("words", ""), not record.get("mistake", False)) for value, record in values.items()},
    }
    for axis, values in load("axes").items()
}
FAMILIES: Mapping[str, Family] = {name: read_family(name, record) for name, record in load("families").items()}
DECAYS = tuple(AXES["weight_decay"])
IN_VELOCITY = tuple(name for name in AXES["mistake"] if name != "none" and stage_of(name) == "velocity")
LOOKS = ("looks-back", "looks-too-far")
PRECONDITIONED = ("adagrad", "rmsprop", "adam", "amsgrad", "adamax", "nadam")
EPS = AXES["eps"]


# --- conventions ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Convention:
    """One way to implement an optimizer: a family, and a value on each axis."""

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
    variant: str = ""
    weight_decay: str = "none"
    mistake: str = "none"

    @property
    def has_velocity(self) -> bool:
        """Whether it remembers its steps in a velocity."""
        return self.family in ("momentum", "nesterov") or (self.family in ("adagrad", "rmsprop") and self.lr_placement != "none")

    @property
    def mistake_parts(self) -> tuple[str, ...]:
        """Its mistakes on the axis `mistake`: none, one, or two that are joined by a plus sign."""
        return () if self.mistake == "none" else tuple(self.mistake.split("+"))

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The axes on which its value is a mistake."""
        return tuple(axis for axis in MISTAKEN if not is_right(self.family, axis, getattr(self, axis)))

    @property
    def departures(self) -> int:
        """How many values are not the canonical ones, mistakes and the kind of decay aside."""
        plain = canonical(self.family)
        off = [axis for axis in FAMILIES[self.family].axes if getattr(self, axis) != getattr(plain, axis)]
        return len(set(off) - set(self.mistakes)) if off else 0

    @property
    def right(self) -> bool:
        """Whether it is a convention rather than a mistake."""
        return not self.mistakes

    @property
    def corrected(self) -> Convention:
        """The same without its mistakes."""
        plain = canonical(self.family)
        values = {axis: getattr(plain, axis) for axis in self.mistakes}
        if "weight_decay" in values:
            kind = self.weight_decay.partition("-")[0]
            values["weight_decay"] = {"after": "after-step", "before": "decoupled"}.get(kind, kind)
        return replace(self, **values)

    @functools.cached_property
    def id(self) -> str:
        """A name for programs: the family, and the values that are not the canonical ones."""
        return "/".join([FAMILIES[self.family].id, *self.slugs()])

    def slugs(self) -> Iterator[str]:
        """Its values, so far as they must be said."""
        plain = canonical(self.family)
        for axis in AXES:
            value = getattr(self, axis)
            always = axis == "lr_placement" and self.family in ("momentum", "nesterov")
            if value != getattr(plain, axis) or always:
                yield PREFIXES.get(axis, "{}").format(value or "none")

    @functools.cached_property
    def name(self) -> str:
        """A name for people."""
        plain, words = canonical(self.family), []
        for axis, values in AXES.items():
            value = getattr(self, axis)
            said = axis in FAMILIES[self.family].said or value != getattr(plain, axis)
            for part in value.split("+") if said else ():
                text = describe_generated(self, part) if part.startswith(GENERATED) else self.in_words(axis, values[part])
                words += [text] if text else []
        return FAMILIES[self.family].words + "".join(f"{', ' if k else ' '}{with_(one, first=not k)}" for k, one in enumerate(words))

    def in_words(self, axis: str, value: Value) -> str:
        """A value in words, where the others change them."""
        if axis == "eps" and value is EPS["outside"] and self.bias_correction != "none" and self.family != "adamax":
            return "ε outside the corrected root"
        if axis == "eps" and self.family == "adamax" and value is EPS["outside"]:
            return "ε at the division"
        if axis == "lr_placement" and self.family == "adadelta":
            return "" if self.lr_placement == "none" else "its steps times the learning rate"
        if axis == "lr_placement" and self.family == "adam":
            return "the learning rate inside the first moment" if self.lr_placement == "inside" else ""
        if axis == "bias_correction" and self.bias_correction == "none" and self.family in ("rmsprop",):
            return ""
        if axis == "lr_placement" and self.has_velocity and self.family in ("adagrad", "rmsprop"):
            kind = "momentum" if self.nesterov_form == "none" else "Nesterov's momentum"
            return f"{kind} on top, the learning rate {self.lr_placement} the velocity"
        return value.words

    @property
    def needs(self) -> tuple[str, ...]:
        """The hyper-parameters that it cannot be without."""
        velocity = ("momentum",) if self.has_velocity else ()
        return (*dict.fromkeys((*FAMILIES[self.family].needs, *velocity)), *(("eps",) if self.eps != "none" else ()))

    @property
    def axes(self) -> dict[str, Any]:
        """The value on each axis, by the names that verdicts use."""
        shown: dict[str, Any] = {"family": self.family} | {axis: getattr(self, axis) or "none" for axis in AXES}
        if self.nesterov_form == "shifted":
            shown["nesterov_form"] = f"shifted-{self.lr_placement}"
        shown["centered"] = bool(self.centered)
        if self.weight_decay.endswith("wrong-sign"):
            shown["weight_decay"] = "wrong-sign"
        return shown

    @property
    def state_names(self) -> dict[str, str]:
        """What its program calls the first moment (m), the second moment (v) and the velocity, where it has them."""
        roles = load("families")[self.family].get("roles", {})
        names = {"m": roles.get("FIRST"), "v": roles.get("SECOND"), "velocity": "velocity" if self.has_velocity else None}
        return {role: name for role, name in names.items() if name}

    @property
    def formulas(self) -> tuple[str, ...]:
        """The ids of the catalogue that state it, if any do."""
        return STATED.get(self, ())

    @property
    def source(self) -> str:
        """Where it is from, if a formula of the reference states it."""
        doc = (FORMULAS[self.formulas[0]].__doc__ or "") if self.formulas else ""
        said = doc.partition("Source: ")[2].strip()
        return re.split(r"(?<! al)[.;] |\.$|, (?=wh|with|one)", said.splitlines()[0])[0] if said else ""

    @property
    def equations(self) -> str:
        """For display: the equations, and what stands in the place of what."""
        return render(without_argument(program(self), "eps_root"))

    def trajectory(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Any:
        """The points that it visits, one row a step, from rest; on any arithmetic."""
        return np.stack([state["theta"] for state in simulate(self, theta, grads, lrs, slopes, **hyper)])


PREFIXES = {
    "lr_placement": "lr-{}", "eps": "eps-{}", "bias_correction": "correction-{}", "initial_second_moment": "from-{}",
    "maximum": "maximum-{}", "schedule": "schedule-{}", "threshold": "threshold-{}", "weight_decay": "decay-{}",
}  # fmt: skip


def with_(words: str, *, first: bool) -> str:
    """Words that follow a name or another part of it."""
    return f"with {words}" if first and re.match(r"(the learning|ε|no ε|its|momentum|Nesterov)", words) else words


MISTAKEN = tuple(
    axis
    for axis, values in AXES.items()
    if any(axis in family.wrong for family in FAMILIES.values()) or not all(value.right for value in values.values())
)


def is_right(family: str, axis: str, value: str) -> bool:
    """Whether a value is a convention of this family."""
    return value in AXES[axis] and AXES[axis][value].right and value not in FAMILIES[family].wrong.get(axis, ())


@functools.cache
def canonical(family: str) -> Convention:
    """The canonical form of a family: the first value of each of its axes."""
    return Convention(family, **{axis: values[0] for axis, values in FAMILIES[family].axes.items()})


# --- the bank -----------------------------------------------------------------------------------------------------------------------

USUAL_DECAYS = ("none", "coupled", "decoupled")
MOST = 2  # values off the canonical ones beside a mistake, or beside an unusual decay


def sensible(c: Convention) -> bool:
    """Whether a combination is listed: it is meaningful, and not too many of its values are unusual."""
    return is_meaningful(c) and (c.departures <= MOST or (c.weight_decay in USUAL_DECAYS and c.right))


def is_meaningful(c: Convention) -> bool:
    """Whether a combination means something that no other one means anyway, with one mistake at most."""
    return (
        (c.mistake not in IN_VELOCITY or c.has_velocity)
        and (c.eps not in ("hat", "hat-inside") or c.bias_correction not in ("none", "first-only"))
        and (c.eps != "none" or not divides_by_zero(c))
        and (c.family != "adamax" or c.eps == "outside" or c.mistake != "stale-second-moment")
        and (c.nesterov_form in ("none", "shifted", "lookahead") or (c.mistake == "none" and c.weight_decay in USUAL_DECAYS))
        and (c.nesterov_form == "none" or (c.mistake != "stale-velocity" and c.lr_placement != "none"))
        and (
            c.maximum != "corrected"
            or (c.eps not in ("hat", "hat-inside") and c.bias_correction != "none" and c.mistake != "complement-beta2")
        )
        and (c.mistake != "unweighted-second-moment" or not c.centered)
        and (c.mistake != "rootless" or c.eps in ("outside", "none"))
        and (c.initial_second_moment == "0" or c.bias_correction == "none" or c.family == "adam")
        and (c.family != "momentum" or c.bias_correction == "none" or (c.dampening == "ema" and c.mistake != "undecayed-velocity"))
        and (c.mistake not in IN_MEANS or c.bias_correction != "none")
        and (c.family != "sgd" or c.weight_decay != "coupled-and-decoupled")
        and (c.mistake not in LOOKS or c.nesterov_form == "lookahead")
        and (c.mistake != "maximum-in-place" or c.maximum == "raw")
        and (c.mistake != "reversed-step" or c.weight_decay == "coupled")
        and (c.mistake not in ("stale-lr", "frozen-lr") or c.family != "adadelta" or c.lr_placement != "none")
        and (c.mistake != "decay-one-ahead" or c.lr_placement == "none")
        and (c.weight_decay != "preconditioned" or c.family in PRECONDITIONED)
        and (c.weight_decay in USUAL_DECAYS or c.mistakes in ((), ("weight_decay",)))
    )


IN_MEANS = ("complement-second-moment", "swapped-moments")  # mistakes that without a correction are those of the whole


def divides_by_zero(c: Convention) -> bool:
    """Whether a step has nothing but ε that keeps its denominator from 0."""
    late = c.mistake in ("stale-second-moment", "stale-gradient") or bool(c.centered) or c.initial_second_moment == "eps"
    return late and "eps" in FAMILIES[c.family].axes


class Setting(NamedTuple):
    """What a run shows: its hyper-parameters, whether its learning rate stays the same, and whether gradients are taken where it asks."""

    hyper: Mapping[str, float]
    constant_lr: bool = False
    follows_points: bool = False

    def shows(self, family: str, axis: str, value: str) -> bool:
        """Whether a value can be told from the canonical one at all."""
        off = {
            "weight_decay": self.hyper.get("weight_decay", 0) == 0 and value != "none",
            "dampening": self.hyper.get("dampening", 0) == 0 and value in ("first-step-full", "from-zero"),
            "nesterov_form": value == "lookahead" and not self.follows_points,
            "initial_second_moment": value == "given" and self.hyper.get("initial_second_moment", 0) == 0,
            "lr_placement": family in ("adagrad", "rmsprop") and value != "none" and self.hyper.get("momentum", 0) == 0,
            "mistake": (value in ("stale-lr", "frozen-lr") and self.constant_lr)
            or (value == "decay-one-ahead" and self.hyper.get("lr_decay", 0) == 0)
            or (value in IN_VELOCITY and family not in ("momentum", "nesterov") and self.hyper.get("momentum", 0) == 0),
        }
        return not off.get(axis, False)


def axes_of(family: str) -> dict[str, tuple[str, ...]]:
    """The values of a family on each axis that it has."""
    its = FAMILIES[family]
    return {**its.axes, "weight_decay": DECAYS, "mistake": ("none", *(its.mistakes or applicable_mistakes(family)))}


@functools.cache
def applicable_mistakes(family: str) -> tuple[str, ...]:
    """Return the mistakes that change the canonical step of a family, for a family that lists none."""
    plain = canonical(family)
    changes = [name for name in AXES["mistake"] if name != "none" and is_possible(replace(plain, mistake=name))]
    return tuple(name for name in changes if program(replace(plain, mistake=name)).source != program(plain).source)


def combinations(family: str, setting: Setting | None = None, *, mistaken: bool | None = None) -> Iterator[Convention]:
    """The combinations of the values of a family that a setting shows, all of them, the right or the mistaken ones; plain ones first."""
    axes = axes_of(family)
    if setting:
        axes = {axis: tuple(one for one in values if setting.shows(family, axis, one)) for axis, values in axes.items()}
    right = {axis: tuple(one for one in values if is_right(family, axis, one)) for axis, values in axes.items()}
    mistakes = {axis: tuple(one for one in values if one not in right[axis]) for axis, values in axes.items()}
    pools = [] if mistaken else [right]
    pools += [] if mistaken is False else [{**right, axis: values} for axis, values in mistakes.items()]
    for pool in pools:
        for values in itertools.product(*reversed(pool.values())):
            one = Convention(family, **dict(zip(reversed(pool), values, strict=True)))
            if sensible(one):
                yield one


def with_more_values(family: str, setting: Setting) -> Iterator[Convention]:
    """The conventions with any right values and one mistake at most that `combinations` leaves out, since many values are unusual."""
    axes = {
        axis: [value for value in values if is_right(family, axis, value) and setting.shows(family, axis, value)]
        for axis, values in axes_of(family).items()
    }
    mistakes = [(axis, value) for axis, value in mistakes_shown(family, setting) if axis != "weight_decay"]
    for values in itertools.product(*reversed(axes.values())):
        right = Convention(family, **dict(zip(reversed(axes), values, strict=True)))
        for convention in (right, *(mistaken(right, axis, value) for axis, value in mistakes)):
            if not sensible(convention) and is_meaningful(replace(convention, weight_decay="none")) and is_possible(convention):
                yield convention


def with_two_mistakes(family: str, setting: Setting) -> Iterator[Convention]:
    """The conventions with two mistakes, and one value at most off the canonical ones besides."""
    for right in combinations(family, setting, mistaken=False):
        if right.departures <= 1 and right.weight_decay in USUAL_DECAYS:
            single = [(axis, value) for axis, value in mistakes_shown(family, setting) if sensible(mistaken(right, axis, value))]
            for (axis, value), (other_axis, other_value) in itertools.combinations(single, 2):
                if axis != other_axis or axis == "mistake":
                    both = mistaken(mistaken(right, axis, value), other_axis, other_value)
                    if is_possible(both):
                        yield both


def with_generated_mistake(family: str, setting: Setting) -> Iterator[Convention]:
    """The conventions with one change of one place of their step that has no name, and one value at most off the canonical ones."""
    for right in combinations(family, setting, mistaken=False):
        if right.departures <= 1 and right.weight_decay in USUAL_DECAYS:
            for index in range(len(generated_changes(right))):
                yield replace(right, mistake=f"{GENERATED}{index}")


def mistakes_shown(family: str, setting: Setting) -> list[tuple[str, str]]:
    """The mistakes of a family that a setting shows, each as its axis and its value."""
    return [
        (axis, value)
        for axis, values in axes_of(family).items()
        for value in values
        if not is_right(family, axis, value) and setting.shows(family, axis, value)
    ]


def mistaken(convention: Convention, axis: str, value: str) -> Convention:
    """The convention with one mistake more."""
    joined = f"{convention.mistake}+{value}" if axis == "mistake" and convention.mistake != "none" else value
    return replace(convention, **{axis: joined})


def is_possible(convention: Convention) -> bool:
    """Whether all changes of a combination apply to its formula."""
    try:
        program(convention)
    except (NotApplicable, IndexError):
        return False
    return True


def known(c: Convention) -> bool:
    """Whether it is one of the combinations of its family."""
    its = axes_of(c.family)
    plain = canonical(c.family)
    return all(getattr(c, axis) in its.get(axis, (getattr(plain, axis),)) for axis in AXES) and len(c.mistakes) <= 1 and sensible(c)


@functools.cache
def bank() -> Mapping[str, Convention]:
    """All conventions by id, right ones first."""
    every = [one for family in FAMILIES for one in combinations(family)]
    return {one.id: one for one in sorted(every, key=lambda one: not one.right)}


def find(name: str) -> Convention:
    """Return the convention of this id, id of the catalogue, or readable name; KeyError if there is none."""
    if convention := parse(name):
        return convention
    for convention, ids in STATED.items():
        if name in ids:
            return convention
    for convention in bank().values():
        if name == convention.name:
            return convention
    raise KeyError(name)


def parse(identifier: str) -> Convention | None:
    """Return the convention of an id, which may have more unusual values or mistakes than those that are listed; None if it is none."""
    slug, *parts = identifier.split("/")
    family = next((name for name, family in FAMILIES.items() if family.id == slug), None)
    if family is None:
        return None
    values = {PREFIXES.get(axis, "{}").format(value or "none"): (axis, value) for axis, its in axes_of(family).items() for value in its}
    convention = canonical(family)
    for part in itertools.chain.from_iterable(part.split("+") for part in parts):
        if part not in values and not re.fullmatch(rf"{GENERATED}\d+", part):
            return None
        convention = mistaken(convention, *values.get(part, ("mistake", part)))
    return convention if convention.id == identifier and is_possible(convention) else None


def stated() -> dict[Convention, tuple[str, ...]]:
    """Return the conventions that the reference states, and the ids of all formulas that are proven equal to each."""
    return {
        replace(canonical(family), **case.get("values", {})): tuple(case["formulas"])
        for family, record in load("families").items()
        for case in record.get("stated", ())
    }


STATED = stated()
