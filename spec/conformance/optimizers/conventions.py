"""Conventions of optimizers: the ways in which implementations of one family differ, right and wrong, as values on axes.

A convention is a family and a value on each axis. Its step is the reference's formula with the change of every value (algorithm.py).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ....reference import FORMULAS
from ...catalogue import read_title
from ...catalogue.conventions import load
from ...changes.equations import render, without_argument
from ...changes.program import takes_matrix
from ..hyperparameters import hyperparameters
from .algorithm import GENERATED, AxisValues, describe_generated, program, roles_of, simulate, stage_of
from .fixtures import MATRIX, VECTOR


class Value(NamedTuple):
    """One value of an axis: its words, and whether it is a convention rather than a mistake."""

    words: str = ""
    right: bool = True


@dataclass(frozen=True)
class Family:
    """A family of optimizers: its formula, the values of its axes, and the mistakes that are looked for; none listed: all that apply."""

    formula: str
    axes: Mapping[str, tuple[str, ...]]
    mistakes: tuple[str, ...] = ()
    id: str = ""
    said: tuple[str, ...] = ()  # axes that a name mentions even where the value is the canonical one
    wrong: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # values that are conventions in other families
    own_decay: str = "decoupled"  # the kind that the weight_decay of its formula is
    decays: tuple[str, ...] = ()  # the kinds that make sense; none listed: all but in-update
    own_words: str = ""

    @functools.cached_property
    def kind(self) -> str:
        """What its parameters are, as the formula says: a matrix, or any array, of which a vector is asked."""
        return MATRIX if takes_matrix(self.formula) else VECTOR

    @functools.cached_property
    def words(self) -> str:
        """Its name: the title of its formula's entry, unless it has one of its own."""
        return self.own_words or read_title(FORMULAS[self.formula].__module__.rpartition(".")[2], self.formula)


def read_family(name: str, record: Mapping[str, Any]) -> Family:
    """Return the family of a record of the catalogue."""
    mistakes, said = (tuple(record.get(key, ())) for key in ("mistakes", "said"))
    axes, wrong = ({axis: tuple(values) for axis, values in record.get(key, {}).items()} for key in ("axes", "wrong"))
    identifier, own_words = record.get("id", name.replace("_", "-")), record.get("words", "")
    own_decay, decays = record.get("own_decay", "decoupled"), tuple(record.get("decays", ()))
    return Family(record["formula"], axes, mistakes, identifier, said, wrong, own_decay, decays, own_words)


AXES: Mapping[str, Mapping[str, Value]] = {  # in the order in which a name says them
    axis: {
        **({"": Value()} if axis in ("centered", "maximum", "schedule", "threshold", "scaling", "coefficients", "variant") else {}),
        **{value: Value(record.get("words", ""), not record.get("mistake", False)) for value, record in values.items()},
    }
    for axis, values in load("axes").items()
}
FAMILIES: Mapping[str, Family] = {name: read_family(name, record) for name, record in load("families").items()}
DECAYS = tuple(AXES["weight_decay"])
IN_VELOCITY = tuple(name for name in AXES["mistake"] if name != "none" and stage_of(name) == "velocity")
LOOKS = ("looks-back", "looks-too-far")
PRECONDITIONED = ("adagrad", "rmsprop", "adam", "amsgrad", "adamax", "nadam")


# --- conventions ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Convention(AxisValues):
    """One way to implement an optimizer: its family and values, with names for programs and for people."""

    @functools.cached_property
    def mistakes(self) -> tuple[str, ...]:
        """The axes on which its value is a mistake."""
        return tuple(axis for axis in AXES_OF_MISTAKES if not is_right_value(self.family, axis, getattr(self, axis)))

    @functools.cached_property
    def deviation_count(self) -> int:
        """The number of values that are not the canonical ones; mistakes and weight decay do not count."""
        plain = canonical(self.family)
        off = [axis for axis in FAMILIES[self.family].axes if getattr(self, axis) != getattr(plain, axis)]
        return len(set(off) - set(self.mistakes)) if off else 0

    @property
    def right(self) -> bool:
        """Whether it is a convention rather than a mistake."""
        return not self.mistakes

    @property
    def corrected(self) -> Convention:
        """The same convention without its mistakes."""
        plain = canonical(self.family)
        values = {axis: getattr(plain, axis) for axis in self.mistakes}
        if "weight_decay" in values:
            kind = self.weight_decay.partition("-")[0]
            values["weight_decay"] = {"after": "after-step", "before": "decoupled"}.get(kind, kind)
        return replace(self, **values)

    @functools.cached_property
    def id(self) -> str:
        """A name for programs: the family, and the values that are not the canonical ones."""
        return "/".join([FAMILIES[self.family].id, *self.id_parts()])

    def id_parts(self) -> Iterator[str]:
        """Yield the parts of its id: the values that are not the canonical ones."""
        plain = canonical(self.family)
        for axis in AXES:
            value = getattr(self, axis)
            always = axis == "lr_placement" and self.family in ("momentum", "nesterov")
            if value != getattr(plain, axis) or always:
                yield PREFIXES.get(axis, "{}").format(value or "none")

    @functools.cached_property
    def name(self) -> str:
        """A name for people."""
        plain, parts = canonical(self.family), []
        for axis in AXES:
            value = getattr(self, axis)
            said = axis in FAMILIES[self.family].said or value != getattr(plain, axis)
            for part in value.split("+") if said else ():
                text = describe_generated(self, part) if part.startswith(GENERATED) else self.describe_value(axis, part)
                parts += [text] if text else []
        joined = (f"{', ' if index else ' '}{join_description(part, first=not index)}" for index, part in enumerate(parts))
        return FAMILIES[self.family].words + "".join(joined)

    def describe_value(self, axis: str, value: str) -> str:
        """Return a value in words: those of its family, where it has some; for some they depend on other values."""
        words = load("families")[self.family].get("changes", {}).get(f"{axis}.{value}", {}).get("words")
        if words is not None:
            return str(words)
        if (axis, value) == ("eps", "outside") and self.bias_correction != "none":
            return "ε outside the corrected root"
        if axis == "lr_placement" and self.has_velocity and self.family in ("adagrad", "rmsprop"):
            kind = "momentum" if self.nesterov_form == "none" else "Nesterov's momentum"
            return f"{kind} on top, the learning rate {self.lr_placement} the velocity"
        return AXES[axis][value].words

    @property
    def needs(self) -> tuple[str, ...]:
        """The hyper-parameters that it cannot be without."""
        velocity = ("momentum",) if self.has_velocity else ()
        return (*dict.fromkeys((*needs_of(self.family), *velocity)), *(("eps",) if self.eps != "none" else ()))

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
        roles = roles_of(self.family)
        names = {"m": roles.get("FIRST"), "v": roles.get("SECOND"), "velocity": "velocity" if self.has_velocity else None}
        return {role: name for role, name in names.items() if name}

    @property
    def formulas(self) -> tuple[str, ...]:
        """The ids of the catalogue that state it, if any do."""
        return CATALOGUE_FORMULAS.get(self, ())

    @property
    def source(self) -> str:
        """Its source, if a formula of the reference states it; else empty."""
        doc = (FORMULAS[self.formulas[0]].__doc__ or "") if self.formulas else ""
        said = doc.partition("Source: ")[2].strip()
        return re.split(r"(?<! al)[.;] |\.$|, (?=wh|with|one)", said.splitlines()[0])[0] if said else ""

    @property
    def equations(self) -> str:
        """Its equations, rendered from the program that runs."""
        return render(without_argument(program(self), "eps_root"))

    def states(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Iterator[dict[str, Any]]:
        """Return its point and its state after every step, from the initial state; in any arithmetic."""
        return simulate(self, theta, grads, lrs, slopes, **hyper)

    def trajectory(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Any:
        """Return the points that it visits, one row a step, from the initial state; in any arithmetic."""
        return np.stack([state["theta"] for state in self.states(theta, grads, lrs, slopes, **hyper)])


PREFIXES = {
    "lr_placement": "lr-{}", "eps": "eps-{}", "bias_correction": "correction-{}", "initial_second_moment": "from-{}",
    "scaling": "scaled-{}", "coefficients": "coefficients-{}",
    "maximum": "maximum-{}", "schedule": "schedule-{}", "threshold": "threshold-{}", "weight_decay": "decay-{}",
    "clipping": "clipped-{}", "averaging": "averaged-{}",
}  # fmt: skip


def join_description(words: str, *, first: bool) -> str:
    """Return a description as it follows the name of a family or another description."""
    return f"with {words}" if first and re.match(r"(the learning|ε|no ε|its|momentum|Nesterov)", words) else words


AXES_OF_MISTAKES = tuple(
    axis
    for axis, values in AXES.items()
    if any(axis in family.wrong for family in FAMILIES.values()) or not all(value.right for value in values.values())
)


def is_right_value(family: str, axis: str, value: str) -> bool:
    """Return whether a value is a convention of this family rather than a mistake."""
    return value in AXES[axis] and AXES[axis][value].right and value not in FAMILIES[family].wrong.get(axis, ())


@functools.cache
def canonical(family: str) -> Convention:
    """Return the canonical form of a family: the first value of each of its axes."""
    return Convention(family, **{axis: values[0] for axis, values in FAMILIES[family].axes.items()})


@functools.cache
def needs_of(family: str) -> tuple[str, ...]:
    """Return the hyper-parameters that the canonical form of a family cannot be without, but for ε."""
    table = hyperparameters()
    names = (name for name in program(canonical(family)).parameters if name in table and name != "eps")
    return tuple(name for name in names if table[name].must_matter)


def catalogue_formulas() -> dict[Convention, tuple[str, ...]]:
    """Return the conventions that the reference states, and the ids of all formulas that are proven equal to each."""
    stated: dict[Convention, tuple[str, ...]] = {}
    for family, record in load("families").items():
        plain, formula = canonical(family), record["formula"]
        if "weight_decay" in (FORMULAS[formula].raw.__kwdefaults__ or {}):  # the id of the formula means the one that has decay
            stated[replace(plain, weight_decay=FAMILIES[family].own_decay)] = (formula,)
        stated[plain] = (formula,)
        stated |= {replace(plain, **case.get("values", {})): tuple(case["formulas"]) for case in record.get("stated", ())}
    return stated


CATALOGUE_FORMULAS = catalogue_formulas()
