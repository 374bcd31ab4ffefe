"""The bank of named conventions: the ways in which optimizers of one family differ, right and wrong, generated from their axes.

A convention is a family and a value on each axis; at most one value is wrong. What it computes is the one step of `steps.py`.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from ....reference import FORMULAS
from .algorithm import walk


class Value(NamedTuple):
    """One value of an axis: its words, and whether it is a convention rather than a mistake. `fed`: what stands in the place of what."""

    words: str = ""
    right: bool = True
    fed: str = ""


Axis = Mapping[str, Value]


def wrong(words: str, fed: str = "") -> Value:
    """A value that is a mistake."""
    return Value(words, right=False, fed=fed)


LR_PLACEMENTS: Axis = {
    "none": Value(),
    "inside": Value("the learning rate inside the velocity"),
    "outside": Value("the learning rate outside the velocity"),
}
NESTEROV_FORMS: Axis = {
    "none": Value(),
    "lookahead": Value("its gradient taken at the point ahead"),
    "shifted": Value(),
    "old-velocity": Value("written in the velocity before the step"),
    "new-velocity": wrong("written in the velocity before the step, but fed with the one after it"),
}
DAMPENINGS: Axis = {
    "none": Value(),
    "first-step-full": Value("dampened after a full first step", fed="(1 − d) g for g from the second step on"),
    "from-zero": Value("dampened from the first step on", fed="(1 − d) g for g"),
    "ema": Value("along a moving average that starts at 0", fed="(1 − μ) g for g"),
    "ema-first-step-full": Value("along a moving average that starts at the first gradient", fed="(1 − μ) g for g from the second step on"),
}
EPS: Axis = {
    "none": Value("no ε"),
    "outside": Value("ε outside the root"),
    "inside": Value("ε inside the root"),
    "inside-squared": Value("ε² inside the root"),
    "hat": Value("ε̂, which joins the root before it is corrected"),
    "hat-inside": Value("ε inside the root before it is corrected"),
    "on-gradient": Value("ε added to the modulus of the gradient"),
    "on-decayed": Value("ε added to the older maximum"),
}
BIAS_CORRECTIONS: Axis = {
    "none": Value("uncorrected"),
    "both": Value("its means corrected"),
    "first-only": wrong("with the first moment alone corrected", fed="1 for 1 − β₂ᵗ"),
    "second-only": wrong("with the second moment alone corrected", fed="1 for 1 − β₁ᵗ"),
    "first-step-late": wrong("corrected one step late, the first step not at all", fed="t − 1 for t in βᵗ"),
    "one-ahead": wrong("corrected with t one too large", fed="t + 1 for t in βᵗ"),
    "once": wrong("corrected with t = 1 throughout", fed="1 for t in βᵗ"),
    "swapped": wrong("with each moment corrected by the decay of the other", fed="β₂ᵗ for β₁ᵗ and β₁ᵗ for β₂ᵗ"),
    "one-behind": wrong("corrected with t one too small from the second step on", fed="t − 1 for t in βᵗ after the first step"),
    "multiplied": wrong("multiplied by its corrections where it is to be divided", fed="1 / (1 − βᵗ) for 1 − βᵗ"),
    "first-for-both": wrong("with both moments corrected by β₁", fed="β₁ᵗ for β₂ᵗ"),
    "second-rootless": wrong("with the second correction outside its root", fed="(1 − β₂ᵗ)² for 1 − β₂ᵗ"),
}
INITIAL: Axis = {
    "0": Value(),
    "1": Value("its squares starting at 1"),
    "0.1": Value("its squares starting at 0.1"),
    "eps": Value("its squares starting at ε"),
    "given": Value("its squares starting at the value given"),
}
CENTERED: Axis = {"": Value(), "centered": Value("centred")}
MAXIMA: Axis = {"": Value(), "raw": Value(), "corrected": Value("with the largest of the corrected second moments")}
SCHEDULES: Axis = {
    "": Value(),
    "constant": Value(),
    "simple": Value("both terms corrected alike"),
    "dozat": Value("with the paper's schedule of β₁, in its mean too"),
    "dozat-in-blend": Value("with the paper's schedule of β₁, its mean at constant β₁"),
    "dozat-fast": Value("with the schedule .96ᵗ of β₁, in its mean too"),
    "dozat-in-blend-fast": Value("with the schedule .96ᵗ of β₁, its mean at constant β₁"),
}
THRESHOLDS: Axis = {"": Value(), "5": Value(), "4": Value("rectified from a length of 4 on")}
VARIANTS: Axis = {
    "": Value(),
    "plus": Value("with steps taken back"),
    "minus": Value("that never takes back"),
    "improved-minus": Value("that stands still after a flip"),
}
WEIGHT_DECAYS: Axis = {
    "none": Value(),
    "coupled": Value("its decay in the gradient (L2)", fed="g + λ θ for g"),
    "decoupled": Value("its decay decoupled", fed="η λ θ subtracted besides"),
    "after-step": Value("its decay after the step", fed="θ ← θ − η λ θ after all"),
    "preconditioned": Value("its decay added to the numerator", fed="λ θ added to the numerator"),
    "coupled-and-decoupled": wrong("its decay in the gradient and decoupled too", fed="g + λ θ for g, and η λ θ subtracted besides"),
    "before-and-after": wrong("its decay before the step and after it", fed="θ ← θ − η λ θ before all and after all"),
    "after-step-without-lr": wrong("its decay after the step and without the learning rate", fed="θ ← θ − λ θ after all"),
    "after-step-wrong-sign": wrong("its decay after the step with the wrong sign (anti-decay)", fed="θ ← θ + η λ θ after all"),
    "decoupled-first-lr": wrong("its decay scaled by the first learning rate throughout", fed="η₁ λ θ subtracted besides"),
    "decoupled-lr-squared": wrong("its decay scaled by the learning rate twice", fed="η² λ θ subtracted besides"),
    "decoupled-without-lr": wrong("its decay without the learning rate", fed="λ θ subtracted besides"),
    "coupled-doubled": wrong("its decay in the gradient, twice", fed="g + 2 λ θ for g"),
    "decoupled-doubled": wrong("its decay decoupled, twice", fed="2 η λ θ subtracted besides"),
    "coupled-wrong-sign": wrong("its decay in the gradient with the wrong sign (anti-decay)", fed="g − λ θ for g"),
    "decoupled-wrong-sign": wrong("its decay decoupled with the wrong sign (anti-decay)", fed="η λ θ added besides"),
}
MISTAKES: Axis = {
    "none": Value(),
    "ascent-sign": wrong("with the sign of the gradient wrong (ascent)", "−g for g"),
    "reversed-step": wrong("with the step added where it is to be subtracted", "+ for − in the last line"),
    "stale-gradient": wrong("with the gradient of the step before", "gₜ₋₁ for g, and 0 at the first step"),
    "stale-lr": wrong("with the learning rate of the step before", "ηₜ₋₁ for η after the first step"),
    "frozen-lr": wrong("with the first learning rate throughout", "η₁ for η"),
    "decay-one-ahead": wrong("its learning rate decayed one step ahead", "t for t − 1"),
    "stale-velocity": wrong("moving by the velocity before its update", "vₜ₋₁ for v in the last line"),
    "decayed-gradient": wrong("with the gradient decayed along with the velocity", "μ g for g"),
    "swapped-momentum": wrong("with 1 − momentum for momentum", "1 − μ for μ"),
    "squared-momentum": wrong("with the momentum applied twice", "μ² for μ"),
    "negative-momentum": wrong("with the velocity carried over with the wrong sign", "−μ for μ"),
    "undecayed-velocity": wrong("with a velocity that never decays", "1 for μ"),
    "stale-first-moment": wrong("with the first moment before its update", "mₜ₋₁ for m in the step"),
    "stale-second-moment": wrong("with the second moment before its update", "vₜ₋₁ for v in the step"),
    "unweighted-first-moment": wrong("with a first moment that is no mean", "g for (1 − β₁) g"),
    "unweighted-second-moment": wrong("with a second moment that is no mean", "g² for (1 − β₂) g²"),
    "unsquared": wrong("with the modulus of the gradient for its square", "|g| for g²"),
    "square-of-mean": wrong("with the square of the mean for the mean of squares", "m² for g²"),
    "rootless": wrong("without the root", "v for √v"),
    "swapped-betas": wrong("with its decays swapped", "β₂ for β₁ and β₁ for β₂"),
    "complement-beta1": wrong("with 1 − β₁ for β₁", "1 − β₁ for β₁"),
    "complement-beta2": wrong("with 1 − decay for the decay of its squares", "1 − β₂ for β₂"),
    "complement-first-moment": wrong("with β₁ and 1 − β₁ swapped in its mean", "(1 − β₁) m + β₁ g for m"),
    "complement-second-moment": wrong("with the decay of its squares and its complement swapped in their mean", "(1 − β₂) v + β₂ g² for v"),
    "swapped-moments": wrong("with its decays swapped in its means, not in their corrections", "β₂ in m and β₁ in v"),
    "undiscounted-maximum": wrong("with a maximum that forgets nothing", "1 for β₂"),
    "maximum-in-place": wrong("with the maximum kept as the second moment", "max(v, ·) for v in the next step"),
    "unrectified": wrong("without the factor that rectifies it", "1 for the root"),
    "looks-back": wrong("with its gradient taken at the point behind", "−μ v for μ v"),
    "looks-too-far": wrong("with its gradient taken a whole velocity ahead", "v for μ v"),
    "corrected-in-place": wrong("with the corrected moments kept as the state", "m̂, v̂ for m, v in the next step"),
    "swapped-roots": wrong("with its two roots swapped", "the ratio inverted"),
    "squared-gradient-for-step": wrong("with squared gradients for squared steps", "g² for Δ²"),
    "stale-size": wrong("with the sizes before their update", "δₜ₋₁ for δ"),
    "stale-step": wrong("taking the step before the one it has just found", "Δₜ₋₁ for Δ in the last line"),
    "swapped-factors": wrong("growing where it is to shrink", "η⁻ for η⁺ and η⁺ for η⁻"),
}
AXES: Mapping[str, Axis] = {  # in the order in which a name says them
    "lr_placement": LR_PLACEMENTS,
    "nesterov_form": NESTEROV_FORMS,
    "dampening": DAMPENINGS,
    "eps": EPS,
    "bias_correction": BIAS_CORRECTIONS,
    "centered": CENTERED,
    "initial_second_moment": INITIAL,
    "maximum": MAXIMA,
    "schedule": SCHEDULES,
    "threshold": THRESHOLDS,
    "variant": VARIANTS,
    "weight_decay": WEIGHT_DECAYS,
    "mistake": MISTAKES,
}

# --- families: which values mean something, the canonical one first --------------------------------------------------------------------

RATES = ("ascent-sign", "reversed-step", "stale-gradient", "stale-lr", "frozen-lr")
VELOCITY = ("stale-velocity", "decayed-gradient", "swapped-momentum", "squared-momentum", "negative-momentum", "undecayed-velocity")
SECOND = ("stale-second-moment", "unsquared", "rootless")
MEANS = ("unweighted-second-moment", "complement-beta2", "complement-second-moment")
FIRST = ("stale-first-moment", "unweighted-first-moment", "square-of-mean", "swapped-betas", "complement-beta1", "complement-first-moment",
         "swapped-moments")  # fmt: skip
LOOKS = ("looks-back", "looks-too-far")
DECAYS = tuple(WEIGHT_DECAYS)
CORRECTED = ("both", *(one for one in BIAS_CORRECTIONS if one != "both"))
OF_A_MEAN = ("both", "first-step-late", "one-ahead", "one-behind", "multiplied")
ROOTS = ("outside", "hat", "inside", "hat-inside", "inside-squared", "none")


@dataclass(frozen=True)
class Family:
    """A family of optimizers: its words, the values of its axes, and the hyper-parameters that it cannot be without."""

    words: str
    axes: Mapping[str, tuple[str, ...]]
    mistakes: tuple[str, ...]
    needs: tuple[str, ...] = ()


FAMILIES: Mapping[str, Family] = {
    "sgd": Family("gradient descent", {}, ()),
    "momentum": Family(
        "heavy ball",
        {"lr_placement": ("inside", "outside"), "dampening": tuple(DAMPENINGS), "bias_correction": ("none", *OF_A_MEAN)},
        VELOCITY,
        needs=("momentum",),
    ),
    "nesterov": Family(
        "Nesterov's momentum",
        {
            "lr_placement": ("inside", "outside"),
            "nesterov_form": ("shifted", "lookahead", "old-velocity", "new-velocity"),
            "dampening": tuple(DAMPENINGS),
        },
        (*(one for one in VELOCITY if one != "stale-velocity"), *LOOKS),
        needs=("momentum",),
    ),
    "adagrad": Family(
        "AdaGrad",
        {
            "eps": ("outside", "inside", "inside-squared", "none"),
            "initial_second_moment": ("0", "0.1", "1", "eps", "given"),
            "lr_placement": ("none", "inside", "outside"),
        },
        (*SECOND, "decay-one-ahead", *VELOCITY),
    ),
    "rmsprop": Family(
        "RMSProp",
        {
            "eps": ("outside", "inside", "inside-squared", "none", "hat"),
            "bias_correction": ("none", *OF_A_MEAN),
            "centered": ("", "centered"),
            "initial_second_moment": ("0", "1", "given"),
            "lr_placement": ("none", "inside", "outside"),
            "nesterov_form": ("none", "shifted", "lookahead"),
        },
        (*SECOND, *MEANS, *VELOCITY),
        needs=("beta2",),
    ),
    "adadelta": Family(
        "AdaDelta",
        {"eps": ("inside", "outside"), "lr_placement": ("none", "outside")},
        ("unweighted-second-moment", "complement-beta2", "swapped-roots", "squared-gradient-for-step"),
        needs=("beta2",),
    ),
    "adam": Family(
        "Adam",
        {
            "eps": ROOTS,
            "bias_correction": CORRECTED,
            "lr_placement": ("outside", "inside"),
            "initial_second_moment": ("0", "0.1", "1", "eps", "given"),
        },
        (*SECOND, *MEANS, *FIRST, "corrected-in-place"),
        needs=("beta1", "beta2"),
    ),
    "adamax": Family(
        "AdaMax",
        {
            "eps": ("outside", "on-gradient", "on-decayed", "none"),
            "bias_correction": ("both", "none", *OF_A_MEAN[1:]),
        },
        (
            "stale-second-moment",
            "stale-first-moment",
            "unweighted-first-moment",
            "swapped-betas",
            "complement-beta1",
            "complement-beta2",
            "complement-first-moment",
            "undiscounted-maximum",
        ),
        needs=("beta1", "beta2"),
    ),
    "amsgrad": Family(
        "AMSGrad",
        {"maximum": ("raw", "corrected"), "eps": ROOTS, "bias_correction": CORRECTED},
        (*SECOND, *MEANS, *FIRST, "maximum-in-place"),
        needs=("beta1", "beta2"),
    ),
    "nadam": Family(
        "NAdam",
        {
            "schedule": ("constant", "simple", "dozat", "dozat-in-blend", "dozat-fast", "dozat-in-blend-fast"),
            "eps": ROOTS,
            "bias_correction": ("both", "none"),
        },
        (*SECOND, *MEANS, "unweighted-first-moment", "square-of-mean", "swapped-betas", "complement-beta1", "complement-first-moment"),
        needs=("beta1", "beta2"),
    ),
    "radam": Family(
        "RAdam",
        {"threshold": ("5", "4"), "eps": ("outside", "hat", "inside", "none"), "bias_correction": ("both",)},
        ("unsquared", "rootless", "unweighted-second-moment", "complement-second-moment", "unrectified", *FIRST),
        needs=("beta1", "beta2"),
    ),
    "rprop": Family(
        "Rprop", {"variant": ("plus", "minus", "improved-minus")}, ("stale-size", "stale-step", "swapped-factors"), needs=("grow", "shrink")
    ),
}
PRECONDITIONED = ("adagrad", "rmsprop", "adam", "amsgrad", "adamax", "nadam")
SCALED = {"rprop": ("ascent-sign", "stale-gradient", "reversed-step")}  # families that know no learning rate in their steps
WRONG_IN: Mapping[tuple[str, str], tuple[str, ...]] = {  # values that are conventions elsewhere
    ("adam", "bias_correction"): ("none",),
    ("nadam", "bias_correction"): ("none",),
    ("adam", "initial_second_moment"): ("0.1", "1", "eps", "given"),
}


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
        return "/".join([SLUGS.get(self.family, self.family), *self.slugs()])

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
            said = axis in SAID.get(self.family, ()) or value != getattr(plain, axis)
            if said and (text := self.in_words(axis, values[value])):
                words.append(text)
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
        from .display import equations

        return equations(self)

    def trajectory(self, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Any:
        """The points that it visits, one row a step, from rest; on any arithmetic."""
        return np.stack([s.theta for s in walk(self, theta, grads, lrs, slopes, **hyper)])


SLUGS = {"sgd": "gradient-descent", "momentum": "heavy-ball"}
PREFIXES = {
    "lr_placement": "lr-{}", "eps": "eps-{}", "bias_correction": "correction-{}", "initial_second_moment": "from-{}",
    "maximum": "maximum-{}", "schedule": "schedule-{}", "threshold": "threshold-{}", "weight_decay": "decay-{}",
}  # fmt: skip
SAID = {  # values that a name says even where they are canonical
    "momentum": ("lr_placement",), "nesterov": ("lr_placement",), "adagrad": ("eps",), "rmsprop": ("eps",), "adam": ("eps",),
    "adamax": ("eps",), "amsgrad": ("eps",), "nadam": ("eps",), "radam": ("eps",), "rprop": ("variant",),
}  # fmt: skip


def with_(words: str, *, first: bool) -> str:
    """Words that follow a name or another part of it."""
    return f"with {words}" if first and re.match(r"(the learning|ε|no ε|its|momentum)", words) else words


MISTAKEN = tuple(
    axis
    for axis, values in AXES.items()
    if any(axis == other for _, other in WRONG_IN) or not all(value.right for value in values.values())
)


def is_right(family: str, axis: str, value: str) -> bool:
    """Whether a value is a convention of this family."""
    return AXES[axis][value].right and value not in WRONG_IN.get((family, axis), ())


@functools.cache
def canonical(family: str) -> Convention:
    """The canonical form of a family: the first value of each of its axes."""
    return Convention(family, **{axis: values[0] for axis, values in FAMILIES[family].axes.items()})


# --- the bank -----------------------------------------------------------------------------------------------------------------------

USUAL_DECAYS = ("none", "coupled", "decoupled")
MOST = 2  # values off the canonical ones beside a mistake, or beside an unusual decay


def sensible(c: Convention) -> bool:
    """Whether a combination means something that no other one means anyway, with one mistake at most."""
    return (
        (c.mistake not in VELOCITY or c.has_velocity)
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
        and (c.departures <= MOST or (c.weight_decay in USUAL_DECAYS and c.right))
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
            or (value in VELOCITY and family not in ("momentum", "nesterov") and self.hyper.get("momentum", 0) == 0),
        }
        return not off.get(axis, False)


def axes_of(family: str) -> dict[str, tuple[str, ...]]:
    """The values of a family on each axis that it has."""
    its = FAMILIES[family]
    return {**its.axes, "weight_decay": DECAYS, "mistake": ("none", *SCALED.get(family, RATES), *its.mistakes)}


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
    """The convention of this id, readable name, or id of the catalogue; KeyError if there is none."""
    slug = name.partition("/")[0]
    for family in FAMILIES:
        for one in combinations(family) if SLUGS.get(family, family) == slug else ():
            if one.id == name:
                return one
    for one, ids in STATED.items():
        if name in ids:
            return one
    for one in bank().values():
        if name == one.name:
            return one
    raise KeyError(name)


def stated() -> dict[Convention, tuple[str, ...]]:
    """The conventions that the reference states, and the ids of all formulas that are proven equal to each."""
    adam, rmsprop, heavy, nesterov = canonical("adam"), canonical("rmsprop"), canonical("momentum"), canonical("nesterov")
    return {
        Convention("sgd"): ("optimizers.sgd", "optimizers.gd.batch"),
        heavy: ("optimizers.momentum.heavy_ball", "optimizers.momentum.two_point", "optimizers.momentum.two_stage"),
        replace(heavy, lr_placement="outside"): ("optimizers.momentum.lr_outside",),
        replace(heavy, lr_placement="outside", dampening="ema"): ("optimizers.momentum.ema",),
        replace(nesterov, nesterov_form="lookahead"): ("optimizers.nesterov.lookahead",),
        nesterov: ("optimizers.nesterov.change_of_variables", "optimizers.nesterov.tilde_code"),
        replace(nesterov, lr_placement="outside"): ("optimizers.nesterov.framework_form",),
        canonical("adagrad"): ("optimizers.adagrad",),
        rmsprop: ("optimizers.rmsprop",),
        replace(rmsprop, centered="centered"): ("optimizers.rmsprop.centered",),
        replace(rmsprop, lr_placement="inside", nesterov_form="lookahead"): ("optimizers.rmsprop_nesterov",),
        canonical("adadelta"): ("optimizers.adadelta",),
        adam: ("optimizers.adam",),
        replace(adam, bias_correction="none"): ("optimizers.adam.uncorrected",),
        replace(adam, eps="hat"): ("adam.efficient_form",),
        replace(adam, weight_decay="coupled"): ("optimizers.adam.l2",),
        replace(adam, weight_decay="decoupled"): ("optimizers.adamw",),
        canonical("adamax"): ("optimizers.adamax",),
        canonical("amsgrad"): ("optimizers.amsgrad",),
        canonical("nadam"): ("optimizers.nadam",),
        canonical("rprop"): ("optimizers.rprop",),
        replace(canonical("rprop"), variant="minus"): ("optimizers.rprop.minus",),
        replace(canonical("rprop"), variant="improved-minus"): ("optimizers.rprop.improved_minus",),
    }


STATED = stated()
