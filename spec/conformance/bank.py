"""The bank of named conventions: the ways in which implementations of one formula differ, right and wrong, generated from their axes.

A convention is a formula of the reference and what it is fed with: a dampened gradient, the learning rate of the step before, −g for g. So
nothing is transcribed twice, and every convention runs on every arithmetic. Which of them coincide, and when, is data too (`IDENTITIES`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ...reference import momentum as reference

HALF = Fraction(1, 2)


class Inputs(NamedTuple):
    """What an optimizer is fed with over a run: gradients and learning rates, one row a step, and its hyper-parameters."""

    grads: Any
    lrs: Any
    momentum: Any
    dampening: Any


Feed = Callable[[Inputs], Inputs]
Step = Callable[..., tuple[Any, Any]]


class Setting(NamedTuple):
    """The hyper-parameters of a run, as far as identities depend on them."""

    momentum: float
    dampening: float = 0.0
    constant_lr: bool = False


@dataclass(frozen=True)
class Value:
    """One value of an axis: its words, what it does to the inputs, and the inputs with which the plain formula would do the same."""

    words: str = ""
    fed: str = ""  # for display: what stands in the place of what
    feed: Feed = lambda inputs: inputs
    equivalent: Feed | None = None  # None: no change of the hyper-parameters does the same
    at_constant_lr: bool = False  # whether `equivalent` needs a constant learning rate
    on_velocity: bool = False  # of a mistake: made inside the velocity, after the dampening, and so only where there is one


# --- steps that no formula of the reference states ----------------------------------------------------------------------------------


def gradient_descent(theta: Any, grad: Any, velocity: Any, *, lr: Any, momentum: Any) -> tuple[Any, Any]:
    """Gradient descent: nothing is remembered.

    θ ← θ − η g
    """
    return theta - lr * grad, velocity


def average(theta: Any, grad: Any, mean: Any, *, lr: Any, momentum: Any) -> tuple[Any, Any]:
    """Descent along the moving average, its decay called momentum."""
    return reference.gradient_average.raw(theta, grad, mean, lr=lr, decay=momentum)


def old_velocity_inside(theta: Any, grad: Any, velocity: Any, *, lr: Any, momentum: Any) -> tuple[Any, Any]:
    """Nesterov's momentum with the step written out in the velocity before this one.

    θ ← θ + μ² v − (1 + μ) η g,   v ← μ v − η g
    """
    return theta + momentum**2 * velocity - (1 + momentum) * lr * grad, momentum * velocity - lr * grad


def old_velocity_outside(theta: Any, grad: Any, velocity: Any, *, lr: Any, momentum: Any) -> tuple[Any, Any]:
    """The same with the learning rate outside.

    θ ← θ − η (μ² v + (1 + μ) g),   v ← μ v + g
    """
    return theta - lr * (momentum**2 * velocity + (1 + momentum) * grad), momentum * velocity + grad


def new_velocity_inside(theta: Any, grad: Any, velocity: Any, *, lr: Any, momentum: Any) -> tuple[Any, Any]:
    """The form for the old velocity, wrongly fed with the new one: the gradient counts once too often.

    v ← μ v − η g,   θ ← θ + μ² v − (1 + μ) η g
    """
    velocity = momentum * velocity - lr * grad
    return theta + momentum**2 * velocity - (1 + momentum) * lr * grad, velocity


def new_velocity_outside(theta: Any, grad: Any, velocity: Any, *, lr: Any, momentum: Any) -> tuple[Any, Any]:
    """The same with the learning rate outside.

    v ← μ v + g,   θ ← θ − η (μ² v + (1 + μ) g)
    """
    velocity = momentum * velocity + grad
    return theta - lr * (momentum**2 * velocity + (1 + momentum) * grad), velocity


# --- the axes -----------------------------------------------------------------------------------------------------------------------

LR_PLACEMENTS: Mapping[str, str] = {
    "none": "",
    "inside": "the learning rate inside the velocity",
    "outside": "the learning rate outside the velocity",
}


class Form(NamedTuple):
    """The step of one placement of lr and one form of Nesterov's momentum, and the ids of the catalogue that state it."""

    step: Step
    ids: tuple[str, ...] = ()


def stated(formula: Any, *others: Any) -> Form:
    """A form that the reference states, and the other formulas that are proven equal to it."""
    return Form(formula.raw, tuple(one.id for one in (formula, *others)))


FORMS: Mapping[tuple[str, str], Form] = {
    ("none", "none"): Form(gradient_descent),
    ("inside", "none"): stated(reference.heavy_ball, reference.heavy_ball_two_point, reference.heavy_ball_two_stage),
    ("outside", "none"): stated(reference.heavy_ball_lr_outside),
    ("inside", "shifted"): stated(reference.nesterov_shifted, reference.nesterov_shifted_code),
    ("outside", "shifted"): stated(reference.nesterov_lr_outside),
    ("inside", "old-velocity"): Form(old_velocity_inside),
    ("outside", "old-velocity"): Form(old_velocity_outside),
    ("inside", "new-velocity"): Form(new_velocity_inside),
    ("outside", "new-velocity"): Form(new_velocity_outside),
}
DAMPENED_FORMS: Mapping[tuple[str, str, str], Form] = {
    ("outside", "none", "ema"): Form(average, (reference.gradient_average.id,)),
}

NESTEROV_FORMS: Mapping[str, str] = {
    "none": "",
    "shifted": "",
    "old-velocity": "written in the velocity before the step",
    "new-velocity": "written in the velocity before the step, but fed with the one after it",
}
FAMILIES: Mapping[str, str] = {"sgd": "gradient descent", "momentum": "heavy ball", "nesterov": "Nesterov's momentum"}


def from_second(inputs: Inputs, weight: Any) -> Inputs:
    """The first gradient in full, the others weighted."""
    return inputs._replace(grads=np.concatenate([inputs.grads[:1], weight * inputs.grads[1:]]))


DAMPENINGS: Mapping[str, Value] = {
    "none": Value(equivalent=lambda inputs: inputs),
    "first-step-full": Value(
        words="dampened after a full first step",
        fed="(1 − d) g for g from the second step on",
        feed=lambda inputs: from_second(inputs, 1 - inputs.dampening),
    ),
    "from-zero": Value(
        words="dampened from the first step on",
        fed="(1 − d) g for g",
        feed=lambda inputs: inputs._replace(grads=(1 - inputs.dampening) * inputs.grads),
        equivalent=lambda inputs: inputs._replace(lrs=(1 - inputs.dampening) * inputs.lrs),
    ),
    "ema": Value(
        words="along a moving average that starts at 0",
        fed="(1 − μ) g for g",
        feed=lambda inputs: inputs._replace(grads=(1 - inputs.momentum) * inputs.grads),
        equivalent=lambda inputs: inputs._replace(lrs=(1 - inputs.momentum) * inputs.lrs),
    ),
    "ema-first-step-full": Value(
        words="along a moving average that starts at the first gradient",
        fed="(1 − μ) g for g from the second step on",
        feed=lambda inputs: from_second(inputs, 1 - inputs.momentum),
    ),
}


def one_late(rows: Any, first: Any) -> Any:
    """Every row one step later, after a first one."""
    return np.concatenate([first, rows[:-1]])


def frozen(lrs: Any) -> Any:
    """The first learning rate throughout."""
    return np.broadcast_to(lrs[:1], np.shape(lrs))


def with_momentum(change: Callable[[Any], Any], words: str, fed: str, *, on_velocity: bool = True) -> Value:
    """A mistake that is another momentum."""

    def feed(inputs: Inputs) -> Inputs:
        return inputs._replace(momentum=change(inputs.momentum))

    return Value(words, fed, feed, feed, on_velocity=on_velocity)


MISTAKES: Mapping[str, Value] = {
    "none": Value(equivalent=lambda inputs: inputs),
    "ascent-sign": Value(
        words="with the sign of the gradient wrong (ascent)",
        fed="−g for g",
        feed=lambda inputs: inputs._replace(grads=-inputs.grads),
        equivalent=lambda inputs: inputs._replace(lrs=-inputs.lrs),
    ),
    "stale-gradient": Value(
        words="with the gradient of the step before",
        fed="gₜ₋₁ for g, and 0 at the first step",
        feed=lambda inputs: inputs._replace(grads=one_late(inputs.grads, 0 * inputs.grads[:1])),
    ),
    "stale-velocity": Value(
        words="moving by the velocity before its update",
        fed="vₜ₋₁ for v in the last line",
        on_velocity=True,
    ),
    "stale-lr": Value(
        words="with the learning rate of the step before",
        fed="ηₜ₋₁ for η after the first step",
        feed=lambda inputs: inputs._replace(lrs=one_late(inputs.lrs, inputs.lrs[:1])),
        equivalent=lambda inputs: inputs,
        at_constant_lr=True,
    ),
    "frozen-lr": Value(
        words="with the first learning rate throughout",
        fed="η₁ for η",
        feed=lambda inputs: inputs._replace(lrs=frozen(inputs.lrs)),
        equivalent=lambda inputs: inputs,
        at_constant_lr=True,
    ),
    "decayed-gradient": Value(
        words="with the gradient decayed along with the velocity",
        fed="μ g for g",
        feed=lambda inputs: inputs._replace(grads=inputs.momentum * inputs.grads),
        equivalent=lambda inputs: inputs._replace(lrs=inputs.momentum * inputs.lrs),
        on_velocity=True,
    ),
    "swapped-momentum": with_momentum(lambda momentum: 1 - momentum, "with 1 − momentum for momentum", "1 − μ for μ", on_velocity=False),
    "squared-momentum": with_momentum(lambda momentum: momentum * momentum, "with the momentum applied twice", "μ² for μ"),
    "negative-momentum": with_momentum(lambda momentum: -momentum, "with the velocity carried over with the wrong sign", "−μ for μ"),
    "undecayed-velocity": with_momentum(lambda momentum: momentum * 0 + 1, "with a velocity that never decays", "1 for μ"),
}
TOUCHES_MOMENTUM = {"decayed-gradient", "swapped-momentum", "squared-momentum", "negative-momentum", "undecayed-velocity", "stale-velocity"}


def stale_velocity(inputs: Inputs, lr_placement: str) -> Inputs:
    """All that the velocity has gathered one step late: gradients, and where lr is inside, learning rates."""
    late = inputs._replace(grads=one_late(inputs.grads, 0 * inputs.grads[:1]))
    return late._replace(lrs=one_late(inputs.lrs, inputs.lrs[:1])) if lr_placement == "inside" else late


# --- conventions --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Convention:
    """One way to implement momentum: a value on each axis."""

    lr_placement: str = "none"
    nesterov_form: str = "none"
    dampening: str = "none"
    mistake: str = "none"
    family: str = field(init=False, default="", compare=False)

    def __post_init__(self) -> None:
        family = "nesterov" if self.nesterov_form != "none" else "sgd" if self.lr_placement == "none" else "momentum"
        object.__setattr__(self, "family", family)

    @property
    def id(self) -> str:
        """A name for programs: the family, and the values that are not `none`."""
        base = FAMILIES[self.family].removesuffix("'s momentum").lower().replace(" ", "-")
        placement = "" if self.family == "sgd" else f"lr-{self.lr_placement}"
        form = "" if self.nesterov_form in ("none", "shifted") else self.nesterov_form
        return "/".join(part for part in (base, placement, form, self.dampening, self.mistake) if part not in ("", "none"))

    @property
    def name(self) -> str:
        """A name for people."""
        placement = f" with {LR_PLACEMENTS[self.lr_placement]}" if self.family != "sgd" else ""
        parts = (NESTEROV_FORMS[self.nesterov_form], DAMPENINGS[self.dampening].words, MISTAKES[self.mistake].words)
        words = [FAMILIES[self.family] + placement, *parts]
        return ", ".join(one for one in words if one)

    @property
    def right(self) -> bool:
        """Whether it is a convention rather than a mistake."""
        return self.mistake == "none" and self.nesterov_form != "new-velocity"

    @property
    def corrected(self) -> Convention:
        """The same without its mistake."""
        form = "shifted" if self.nesterov_form == "new-velocity" else self.nesterov_form
        return replace(self, nesterov_form=form, mistake="none")

    @property
    def axes(self) -> dict[str, str]:
        """The value on each axis, by the names that verdicts use."""
        form = f"shifted-{self.lr_placement}" if self.nesterov_form == "shifted" else self.nesterov_form
        return {
            "family": self.family,
            "lr_placement": self.lr_placement,
            "nesterov_form": form,
            "dampening": self.dampening,
            "mistake": self.mistake,
        }

    @property
    def form(self) -> Form:
        """The step that it is made of: one that includes the dampening where the reference states one."""
        plain = FORMS[self.lr_placement, self.nesterov_form]
        if MISTAKES[self.mistake].on_velocity:
            return plain
        return DAMPENED_FORMS.get((self.lr_placement, self.nesterov_form, self.dampening), plain)

    @property
    def formulas(self) -> tuple[str, ...]:
        """The ids of the catalogue that state it, if any do."""
        plain = self.dampening == "none" or (self.lr_placement, self.nesterov_form, self.dampening) in DAMPENED_FORMS
        return self.form.ids if self.right and plain else ()

    @property
    def equations(self) -> str:
        """For display: the equations of the formula, and what it is fed with."""
        step = reference.gradient_average.raw if self.form.step is average else self.form.step
        lines = [line.strip() for line in (inspect.getdoc(step) or "").splitlines() if "←" in line]
        values = [MISTAKES[self.mistake]] if self.form.step is average else [DAMPENINGS[self.dampening], MISTAKES[self.mistake]]
        fed = "; ".join(one.fed for one in values if one.fed)
        return ", ".join(lines) + (f"; with {fed}" if fed else "")

    def feed(self, inputs: Inputs) -> Inputs:
        """The inputs as they reach the formula."""
        mistake = MISTAKES[self.mistake]
        if not mistake.on_velocity:
            inputs = mistake.feed(inputs)
        if self.form.step is not average:
            inputs = DAMPENINGS[self.dampening].feed(inputs)
        if self.mistake == "stale-velocity":
            return stale_velocity(inputs, self.lr_placement)
        return mistake.feed(inputs) if mistake.on_velocity else inputs

    def trajectory(self, theta: Any, grads: Any, lrs: Any, *, momentum: Any, dampening: Any) -> Any:
        """The points that it visits, one row a step, from rest; on any arithmetic."""
        fed = self.feed(Inputs(grads, lrs, momentum, dampening))
        points, velocity, step = [], 0 * theta, self.form.step
        for grad, lr in zip(fed.grads, fed.lrs, strict=True):
            theta, velocity = step(theta, grad, velocity, lr=lr, momentum=fed.momentum)
            points.append(theta)
        return np.stack(points)


# --- relations to the canonical form ------------------------------------------------------------------------------------------------

CANONICAL: Mapping[str, Convention] = {
    "sgd": Convention(),
    "momentum": Convention("inside"),
    "nesterov": Convention("inside", "shifted"),
}


@dataclass(frozen=True)
class Relation:
    """The canonical form, fed with these hyper-parameters, visits the same points: always, or at constant lr."""

    canonical: Convention
    feed: Feed
    at_constant_lr: bool


def relation(convention: Convention) -> Relation | None:
    """How a convention relates to the canonical form of its family, where a change of hyper-parameters is all that parts them."""
    mistake, dampening = MISTAKES[convention.mistake], DAMPENINGS[convention.dampening]
    if mistake.equivalent is None or dampening.equivalent is None or convention.nesterov_form == "new-velocity":
        return None
    feeds = [dampening.equivalent, mistake.equivalent] if mistake.on_velocity else [mistake.equivalent, dampening.equivalent]
    canonical = CANONICAL[convention.family]
    moved = convention.lr_placement != canonical.lr_placement or mistake.at_constant_lr
    return Relation(canonical, lambda inputs: feeds[1](feeds[0](inputs)), moved)


def relation_in_words(convention: Convention) -> str:
    """The relation as a phrase; its hyper-parameters are read off by running it on symbols."""
    from ..arithmetic import symbols

    found = relation(convention)
    if found is None:
        return f"no change of hyper-parameters makes it {CANONICAL[convention.family].name}"
    if convention == found.canonical:
        return "the canonical form"
    eta, mu, d = symbols("η μ d")
    fed = found.feed(Inputs(None, eta, mu, d))
    changes = [f"{new.item()} for {old.item()}" for new, old in ((fed.lrs, eta), (fed.momentum, mu)) if new.item() != old.item()]
    words = f"equal to {found.canonical.name}" + (" while the learning rate is constant" if found.at_constant_lr else "")
    return words + (f", with {' and '.join(changes)}" if changes else "")


# --- which conventions coincide, and when -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Identity:
    """Where it holds, a convention is the same as the one with these other values."""

    why: str
    holds: Callable[[Convention, Setting], bool]
    becomes: Mapping[str, str]


FULL_FIRST = {"first-step-full", "ema-first-step-full"}


def without_momentum(convention: Convention, setting: Setting) -> bool:
    """Whether the velocity is the last gradient and nothing else."""
    return setting.momentum == 0 and convention.mistake not in TOUCHES_MOMENTUM


def as_average(dampening: str) -> Callable[[Convention, Setting], bool]:
    """Whether a dampening makes an average, being the momentum."""
    return lambda c, s: c.dampening == dampening and 0 != s.dampening == s.momentum and c.mistake != "swapped-momentum"


def late(dampening: str) -> Callable[[Convention, Setting], bool]:
    """Whether the gradient that a dampening leaves in full is none."""
    return lambda c, s: c.mistake == "stale-gradient" and c.dampening == dampening


def halves(c: Convention, s: Setting) -> bool:
    """Whether the momentum and its complement are the same."""
    return Fraction(s.momentum) == HALF


IDENTITIES: tuple[Identity, ...] = (
    Identity(
        "the old-velocity form is the same step, written out",
        lambda c, s: c.nesterov_form == "old-velocity",
        {"nesterov_form": "shifted"},
    ),
    Identity(
        "at dampening 0 nothing is dampened",
        lambda c, s: s.dampening == 0 and c.dampening in ("first-step-full", "from-zero"),
        {"dampening": "none"},
    ),
    Identity("a dampening of the size of the momentum makes an average", as_average("from-zero"), {"dampening": "ema"}),
    Identity(
        "a dampening of the size of the momentum makes an average", as_average("first-step-full"), {"dampening": "ema-first-step-full"}
    ),
    Identity(
        "a frozen learning rate is a constant one, inside and outside alike",
        lambda c, s: c.mistake == "frozen-lr" and c.lr_placement == "inside",
        {"lr_placement": "outside"},
    ),
    Identity(
        "with the learning rate outside, a velocity one step late is a gradient one step late",
        lambda c, s: c.mistake == "stale-velocity" and c.lr_placement == "outside" and c.dampening not in FULL_FIRST,
        {"mistake": "stale-gradient"},
    ),
    Identity("gradients one step late start with 0, in full or dampened", late("first-step-full"), {"dampening": "from-zero"}),
    Identity("gradients one step late start with 0, in full or dampened", late("ema-first-step-full"), {"dampening": "ema"}),
    Identity(
        "at momentum 1/2 the momentum is its own complement",
        lambda c, s: halves(c, s) and c.mistake == "swapped-momentum",
        {"mistake": "none"},
    ),
    Identity(
        "at momentum 1/2 the momentum is its own complement",
        lambda c, s: halves(c, s) and c.mistake == "decayed-gradient" and c.dampening == "none",
        {"mistake": "none", "dampening": "ema"},
    ),
    Identity(
        "at momentum 0 there is nothing to average, to look ahead along, or to keep a learning rate in",
        lambda c, s: without_momentum(c, s) and c.dampening in ("ema", "ema-first-step-full"),
        {"dampening": "none"},
    ),
    Identity(
        "at momentum 0 there is nothing to average, to look ahead along, or to keep a learning rate in",
        lambda c, s: without_momentum(c, s) and (c.nesterov_form != "none" or c.lr_placement == "inside"),
        {"nesterov_form": "none", "lr_placement": "outside"},
    ),
    Identity(
        "at momentum 0 the velocity is the gradient",
        lambda c, s: without_momentum(c, s) and c.dampening == "none" and c.lr_placement != "none" and c.nesterov_form == "none",
        {"lr_placement": "none"},
    ),
    Identity(
        "at constant learning rate an old one is the present one",
        lambda c, s: s.constant_lr and c.mistake in ("stale-lr", "frozen-lr"),
        {"mistake": "none"},
    ),
    Identity(
        "at constant learning rate its place does not matter",
        lambda c, s: s.constant_lr and c.lr_placement == "inside",
        {"lr_placement": "outside"},
    ),
)


def normal_form(convention: Convention, setting: Setting) -> tuple[Convention, tuple[str, ...]]:
    """The first among the conventions that coincide at this setting, and why they do."""
    reasons: list[str] = []
    while identity := next((one for one in IDENTITIES if one.holds(convention, setting)), None):
        convention = replace(convention, **identity.becomes)
        reasons.append(identity.why)
    return convention, tuple(dict.fromkeys(reasons))


# --- the bank -----------------------------------------------------------------------------------------------------------------------


def sensible(convention: Convention) -> bool:
    """Whether a combination means something that no other one means anyway, with one mistake at most."""
    if convention.family == "sgd":
        return convention.dampening == "none" and convention.mistake not in TOUCHES_MOMENTUM
    if convention.nesterov_form in ("old-velocity", "new-velocity"):
        return convention.mistake == "none"
    return convention.mistake != "stale-velocity" or convention.nesterov_form == "none"


def combinations() -> Iterator[Convention]:
    """Every combination of values, the plain ones first."""
    for mistake in MISTAKES:
        for dampening in DAMPENINGS:
            for placement, form in FORMS:
                yield Convention(placement, form, dampening, mistake)


@functools.cache
def bank() -> Mapping[str, Convention]:
    """All conventions by id, right ones first."""
    return {one.id: one for one in sorted(filter(sensible, combinations()), key=lambda one: not one.right)}


def shows(convention: Convention, setting: Setting) -> bool:
    """Whether a run at this setting can show a convention: without a momentum there are no mistakes with it."""
    return setting.momentum != 0 or convention.mistake not in TOUCHES_MOMENTUM


def find(name: str) -> Convention:
    """The convention of this id, readable name, or id of the catalogue; KeyError if there is none."""
    for one in bank().values():
        if name in (one.id, one.name, *one.formulas):
            return one
    raise KeyError(name)
