"""Which combinations of values are conventions: those that are listed, those that a run can tell apart, and those of an id."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ...changes.program import NotApplicable
from ..hyperparameters import DEFAULTS, of_optimizers
from .algorithm import GENERATED, WRAPPERS, all_rare_changes, generated_changes, program
from .conventions import (
    AXES,
    CATALOGUE_FORMULAS,
    DECAYS,
    FAMILIES,
    IN_VELOCITY,
    LOOKS,
    PRECONDITIONED,
    PREFIXES,
    Convention,
    canonical,
    is_right_value,
)
from .fixtures import VECTOR, fixture_for

USUAL_DECAYS = ("none", "coupled", "decoupled", "in-update")
MOST_DEVIATIONS = 2  # values off the canonical ones beside a mistake, or beside an unusual decay


def is_listed(c: Convention) -> bool:
    """Return whether a combination is listed: it is meaningful, and not too many of its values are unusual."""
    if c.coefficients and c.deviation_count > MOST_DEVIATIONS + 1:
        return False
    return is_meaningful(c) and (c.deviation_count <= MOST_DEVIATIONS or (c.weight_decay in USUAL_DECAYS and c.right))


def is_meaningful(c: Convention) -> bool:
    """Return whether a combination is valid: its changes go together, and no other combination is the same step."""
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
        and (c.initial_second_moment == "0" or c.bias_correction == "none" or c.family in ("adam", "yogi"))
        and (c.family != "muon" or c.bias_correction == "none" or c.dampening == "ema")
        and (c.family != "momentum" or c.bias_correction == "none" or (c.dampening == "ema" and c.mistake != "undecayed-velocity"))
        and (c.mistake not in IN_MEANS or c.bias_correction != "none")
        and (c.family != "sgd" or c.weight_decay != "coupled-and-decoupled")
        and (c.mistake not in LOOKS or c.nesterov_form == "lookahead")
        and (c.mistake != "maximum-in-place" or c.maximum == "raw")
        and (c.mistake != "reversed-step" or c.weight_decay == "coupled")
        and (c.mistake not in ("stale-lr", "frozen-lr") or c.family != "adadelta" or c.lr_placement != "none")
        and (c.mistake != "decay-one-ahead" or c.lr_placement == "none")
        and (c.variant not in ("ahead", "rate-corrected") or c.bias_correction == "both")
        and (c.variant != "rate-corrected" or c.eps != "hat")
        and (c.weight_decay != "preconditioned" or c.family in PRECONDITIONED)
        and (c.weight_decay != "in-update" or FAMILIES[c.family].own_decay == "in-update")
        and (c.weight_decay in USUAL_DECAYS or c.mistakes in ((), ("weight_decay",)))
    )


IN_MEANS = ("complement-second-moment", "swapped-moments")  # mistakes that without a correction are those of the whole


def divides_by_zero(c: Convention) -> bool:
    """Return whether only ε keeps the denominator of a step from 0."""
    late = c.mistake in ("stale-second-moment", "stale-gradient") or bool(c.centered) or c.initial_second_moment == "eps"
    return late and "eps" in FAMILIES[c.family].axes


class Setting(NamedTuple):
    """What a run can tell apart: its hyper-parameters, a constant learning rate or not, gradients at the points it asks for or not."""

    hyper: Mapping[str, float]
    constant_lr: bool = False
    follows_points: bool = False
    of_matrices: bool = False

    @property
    def families(self) -> list[str]:
        """The families that have a step for the parameters of the run: those of matrices have none for a vector."""
        return [family for family in FAMILIES if self.of_matrices or FAMILIES[family].kind == VECTOR]

    def can_distinguish(self, family: str, axis: str, value: str) -> bool:
        """Return whether a value makes other steps than the canonical one in such a run."""
        off = {
            "weight_decay": self.hyper.get("weight_decay", 0) == 0 and value != "none",
            "dampening": self.hyper.get("dampening", 0) == 0 and value in ("first-step-full", "from-zero"),
            "nesterov_form": value == "lookahead" and not self.follows_points,
            "initial_second_moment": value.endswith("given") and self.hyper.get("initial_second_moment", 0) == 0,
            "lr_placement": family in ("adagrad", "rmsprop") and value != "none" and self.hyper.get("momentum", 0) == 0,
            "clipping": value != "none" and self.hyper.get(f"clip_{value.removeprefix('by-')}", 0) == 0,
            "scaling": value == "match-rms" and self.hyper.get("rms", DEFAULTS["rms"]) == 0,
            "averaging": value != "none" and self.hyper.get("averaging", 0) == 0,
            "mistake": (value in ("stale-lr", "frozen-lr") and self.constant_lr)
            or (value == "decay-one-ahead" and self.hyper.get("lr_decay", 0) == 0)
            or (value in IN_VELOCITY and family not in ("momentum", "nesterov") and self.hyper.get("momentum", 0) == 0),
        }
        return not off.get(axis, False)


def values_by_axis(family: str, *, with_mistakes: bool = True) -> dict[str, tuple[str, ...]]:
    """Return the values of a family on each axis that it has."""
    its = FAMILIES[family]
    mistakes = (its.mistakes or applicable_mistakes(family)) if with_mistakes else ()
    return {**its.axes, "weight_decay": its.decays or DECAYS, "mistake": ("none", *mistakes)}


SAME_POINTS = 2.0**-36  # relative: rounding in float64 stays far below, what runs can tell apart is far above


@functools.cache
def applicable_mistakes(family: str) -> tuple[str, ...]:
    """Return the mistakes that a family without a list has: those that make steps of their own from its hyper-parameters."""
    names = ["none"]
    for name in AXES["mistake"]:
        if name != "none" and is_applicable(family, name) and not any(is_same_mistake(family, name, other) for other in names):
            names.append(name)
    return tuple(names[1:])


def is_same_mistake(family: str, mistake: str, other: str) -> bool:
    """Return whether two mistakes of the canonical form make the same steps, without weight decay and with it in the gradient."""
    decays = ("none", "coupled")
    pairs = ((points_of_mistake(family, mistake, decay), points_of_mistake(family, other, decay)) for decay in decays)
    return all(np.allclose(points, others, rtol=SAME_POINTS, atol=0) for points, others in pairs)


def is_applicable(family: str, mistake: str) -> bool:
    """Return whether a mistake changes the canonical step of a family and reads no hyper-parameter that it has not."""
    plain, mistaken = canonical(family), replace(canonical(family), mistake=mistake)
    return is_possible(mistaken) and set(program(mistaken).parameters) <= set(program(plain).parameters)


@functools.cache
def points_of_mistake(family: str, mistake: str, weight_decay: str) -> Any:
    """Return the points that a mistake of the canonical form visits on the separating fixture."""
    fixture, hyper = fixture_for(changes_lr=True, kind=FAMILIES[family].kind), {row.name: row.separating[0] for row in of_optimizers()}
    lr, eps = hyper.pop("lr"), hyper["eps"]
    inputs = fixture.start(lr, np.float64), fixture.gradients(eps, np.float64), fixture.rates(lr)
    convention = replace(canonical(family), mistake=mistake, weight_decay=weight_decay)
    with np.errstate(all="ignore"):
        return convention.trajectory(*inputs, **{**hyper, "lr_decay": 0.0})


def combinations(family: str, setting: Setting | None = None, *, mistaken: bool | None = None) -> tuple[Convention, ...]:
    """Return the listed conventions of a family that a setting can tell apart: all, the right or the mistaken ones; plain ones first."""
    axes = values_by_axis(family, with_mistakes=mistaken is not False)
    if setting:
        axes = {axis: tuple(value for value in values if setting.can_distinguish(family, axis, value)) for axis, values in axes.items()}
    return listed(family, tuple(axes.items()), mistaken)


@functools.lru_cache(maxsize=256)
def listed(family: str, axes: tuple[tuple[str, tuple[str, ...]], ...], mistaken: bool | None) -> tuple[Convention, ...]:
    """Return the listed conventions of a family with these values on its axes; many searches share them."""
    right = {axis: tuple(value for value in values if is_right_value(family, axis, value)) for axis, values in axes}
    mistakes = {axis: tuple(value for value in values if value not in right[axis]) for axis, values in axes}
    pools = [] if mistaken else [right]
    pools += [] if mistaken is False else [{**right, axis: values} for axis, values in mistakes.items()]
    every = (
        Convention(family, **dict(zip(reversed(pool), values, strict=True)))
        for pool in pools
        for values in itertools.product(*reversed(pool.values()))
    )
    return tuple(convention for convention in every if is_listed(convention))


def with_more_values(family: str, setting: Setting) -> Iterator[Convention]:
    """Yield the conventions with any right values and at most one mistake that are not listed, since many values are unusual."""
    axes = {
        axis: [value for value in values if is_right_value(family, axis, value) and setting.can_distinguish(family, axis, value)]
        for axis, values in values_by_axis(family).items()
    }
    mistakes = [(axis, value) for axis, value in mistakes_shown(family, setting) if axis != "weight_decay"]
    for values in itertools.product(*reversed(axes.values())):
        right = Convention(family, **dict(zip(reversed(axes), values, strict=True)))
        for convention in (right, *(add_mistake(right, axis, value) for axis, value in mistakes)):
            if not is_listed(convention) and is_meaningful(replace(convention, weight_decay="none")) and is_possible(convention):
                yield convention


def with_two_mistakes(family: str, setting: Setting) -> Iterator[Convention]:
    """Yield the conventions with two mistakes, and at most one value besides that is not canonical."""
    for right in combinations(family, setting, mistaken=False):
        if right.deviation_count <= 1 and right.weight_decay in USUAL_DECAYS:
            single = [(axis, value) for axis, value in mistakes_shown(family, setting) if is_listed(add_mistake(right, axis, value))]
            for (axis, value), (other_axis, other_value) in itertools.combinations(single, 2):
                if axis != other_axis or axis == "mistake":
                    both = add_mistake(add_mistake(right, axis, value), other_axis, other_value)
                    if is_possible(both):
                        yield both


def with_generated_mistake(family: str, setting: Setting, deviations: int) -> Iterator[Convention]:
    """Yield the conventions with a change of one place of their step that has no name, and so many values that are not canonical."""
    for right in usual_conventions(family, setting, deviations):
        for index in range(len(generated_changes(right))):
            yield replace(right, mistake=f"{GENERATED}{index}")


def with_rare_mistake(family: str, setting: Setting, deviations: int) -> Iterator[Convention]:
    """Yield the conventions with a mistake that is looked for in every family, and so many values that are not canonical."""
    for right in usual_conventions(family, setting, deviations):
        for index in range(len(all_rare_changes(right))):
            yield replace(right, mistake=f"{GENERATED}{index}")


def with_rare_and_listed_mistake(family: str, setting: Setting) -> Iterator[Convention]:
    """Yield the conventions with a mistake that is listed, and one besides that is looked for in every family."""
    for right in usual_conventions(family, setting, 0):
        for axis, value in mistakes_shown(family, setting):
            mistaken = add_mistake(right, axis, value)
            if is_listed(mistaken) and is_possible(mistaken):
                for index in range(len(all_rare_changes(mistaken))):
                    yield add_mistake(mistaken, "mistake", f"{GENERATED}{index}")


def usual_conventions(family: str, setting: Setting, deviations: int) -> Iterator[Convention]:
    """Yield the right conventions of a family with so many values that are not canonical, and a usual weight decay."""
    for right in combinations(family, setting, mistaken=False):
        if right.deviation_count == deviations and right.weight_decay in USUAL_DECAYS:
            yield right


def with_wrappers(family: str, setting: Setting) -> Iterator[Convention]:
    """Yield the listed right conventions with clipped gradients or averaged points, as far as a setting can tell them apart."""
    values = [[value for value in AXES[axis] if setting.can_distinguish(family, axis, value)] for axis in WRAPPERS]
    for right in combinations(family, setting, mistaken=False):
        for clipping, averaging in itertools.product(*values):
            if (clipping, averaging) != ("none", "none"):
                yield replace(right, clipping=clipping, averaging=averaging)


def mistakes_shown(family: str, setting: Setting) -> list[tuple[str, str]]:
    """Return the mistakes of a family that a setting can tell apart, each as its axis and its value."""
    return [
        (axis, value)
        for axis, values in values_by_axis(family).items()
        for value in values
        if not is_right_value(family, axis, value) and setting.can_distinguish(family, axis, value)
    ]


def add_mistake(convention: Convention, axis: str, value: str) -> Convention:
    """Return the convention with one mistake more."""
    joined = f"{convention.mistake}+{value}" if axis == "mistake" and convention.mistake != "none" else value
    return replace(convention, **{axis: joined})


def is_possible(convention: Convention) -> bool:
    """Return whether all changes of a combination apply to its formula."""
    try:
        program(convention)
    except (NotApplicable, IndexError):
        return False
    return True


def is_enumerated(c: Convention) -> bool:
    """Return whether it is one of the listed conventions of its family."""
    its = values_by_axis(c.family)
    plain = canonical(c.family)
    return all(getattr(c, axis) in its.get(axis, (getattr(plain, axis),)) for axis in AXES) and len(c.mistakes) <= 1 and is_listed(c)


@functools.cache
def all_conventions() -> Mapping[str, Convention]:
    """Return all listed conventions by id, right ones first."""
    every = [convention for family in FAMILIES for convention in combinations(family)]
    return {convention.id: convention for convention in sorted(every, key=lambda convention: not convention.right)}


def find_convention(name: str) -> Convention:
    """Return the convention of this id, id of the catalogue, or readable name; KeyError if there is none."""
    if convention := parse_id(name):
        return convention
    for convention, ids in CATALOGUE_FORMULAS.items():
        if name in ids:
            return convention
    for convention in all_conventions().values():
        if name == convention.name:
            return convention
    raise KeyError(name)


def parse_id(identifier: str) -> Convention | None:
    """Return the convention of an id, which may have more unusual values or mistakes than those that are listed; None if it is none."""
    slug, *parts = identifier.split("/")
    family = next((name for name, family in FAMILIES.items() if family.id == slug), None)
    if family is None:
        return None
    axes = {**values_by_axis(family), **{axis: tuple(AXES[axis]) for axis in WRAPPERS}}
    values = {PREFIXES.get(axis, "{}").format(value or "none"): (axis, value) for axis in axes for value in axes[axis]}
    convention = canonical(family)
    for part in itertools.chain.from_iterable(part.split("+") for part in parts):
        if part not in values and not re.fullmatch(rf"{GENERATED}\d+", part):
            return None
        convention = add_mistake(convention, *values.get(part, ("mistake", part)))
    return convention if convention.id == identifier and is_possible(convention) else None
