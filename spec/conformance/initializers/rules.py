"""The rules by which entries may be drawn: the formulas of the catalogue, and every combination of distribution, fan, factor and gain."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ....reference import FORMULAS
from .distributions import TRUNCATED_DEVIATION, Distribution
from .runner import separating_arguments
from .tests import DistributionOf

FORMULA_DISTRIBUTIONS: Mapping[str, DistributionOf] = {  # of the formulas whose entries are independent
    "init.random_gaussian_uniform": lambda out, into, hyper: Distribution("normal", hyper["std"]),
    "init.random_uniform": lambda out, into, hyper: Distribution("uniform", hyper["half_width"]),
    "init.uniform_fan_in": lambda out, into, hyper: Distribution("uniform", math.sqrt(1 / into)),
    "init.xavier.uniform": lambda out, into, hyper: Distribution("uniform", hyper.get("gain", 1.0) * math.sqrt(6 / (into + out))),
    "init.xavier.normal": lambda out, into, hyper: Distribution("normal", hyper.get("gain", 1.0) * math.sqrt(2 / (into + out))),
    "init.lecun.normal": lambda out, into, hyper: Distribution("normal", hyper.get("gain", 1.0) * math.sqrt(1 / into)),
    "init.fan_out.normal": lambda out, into, hyper: Distribution("normal", hyper.get("gain", 1.0) * math.sqrt(1 / out)),
    "init.he.normal": lambda out, into, hyper: Distribution("normal", math.sqrt(2 / into)),
    "init.he.uniform": lambda out, into, hyper: Distribution("uniform", math.sqrt(6 / into)),
    "init.truncated_normal": lambda out, into, hyper: Distribution("truncated", hyper["std"] / hyper["spread"], hyper["cut"]),
}
FANS: Mapping[str, tuple[str, Callable[[int, int], float]]] = {
    "in": ("n_in", lambda out, into: into),
    "out": ("n_out", lambda out, into: out),
    "average": ("(n_in + n_out)/2", lambda out, into: (out + into) / 2),
    "sum": ("(n_in + n_out)", lambda out, into: out + into),
    "product": ("√(n_in n_out)", lambda out, into: math.sqrt(out * into)),
    "none": ("1", lambda out, into: 1.0),
}
FACTORS: Mapping[str, float] = {"1": 1.0, "2": 2.0, "1/3": 1 / 3, "1/2": 0.5, "3": 3.0, "4": 4.0, "6": 6.0, "25/9": 25 / 9, "2/3": 2 / 3}
GAINS: Mapping[str, tuple[str, Callable[[float], float]]] = {
    "once": ("", lambda gain: gain),
    "missing": ("the gain missing", lambda gain: 1.0),
    "squared": ("the gain squared", lambda gain: gain**2),
    "root": ("the root of the gain", math.sqrt),
}
DISTRIBUTIONS: Mapping[str, tuple[str, Callable[[float], Distribution]]] = {
    "normal": ("normal", lambda std: Distribution("normal", std)),
    "uniform": ("uniform", lambda std: Distribution("uniform", math.sqrt(3) * std)),
    "truncated-corrected": (
        "normal, cut at 2 deviations and corrected for that,",
        lambda std: Distribution("truncated", std / TRUNCATED_DEVIATION, 2.0),
    ),
    "truncated-uncorrected": ("normal, cut at 2 deviations and not corrected,", lambda std: Distribution("truncated", std, 2.0)),
    "half-width": ("uniform of this half-width, not deviation,", lambda std: Distribution("uniform", std)),
}
FORMULA_AXES: Mapping[str, tuple[str, str, str]] = {  # distribution, factor and fan of the formulas
    "init.uniform_fan_in": ("uniform", "1/3", "in"),
    "init.xavier.uniform": ("uniform", "1", "average"),
    "init.xavier.normal": ("normal", "1", "average"),
    "init.lecun.normal": ("normal", "1", "in"),
    "init.fan_out.normal": ("normal", "1", "out"),
    "init.he.normal": ("normal", "2", "in"),
    "init.he.uniform": ("uniform", "2", "in"),
    "init.random_gaussian_uniform": ("normal", "1", "none"),
    "init.random_uniform": ("half-width", "1", "none"),
    "init.truncated_normal": ("truncated-corrected", "1", "none"),
}


@dataclass(frozen=True)
class Rule:
    """A rule by which entries are drawn independently: the distribution for given fans and hyper-parameters."""

    id: str
    words: str
    axes: Mapping[str, str]
    distribution: DistributionOf


@dataclass(frozen=True)
class RuleParts:
    """One value on each axis of a rule."""

    distribution: str
    fan: str
    factor: str
    gain: str
    has_root: bool  # whether the deviation is the root of the variance, as it should be

    def __call__(self, out: int, into: int, hyper: Mapping[str, Any]) -> Distribution:
        """Return the distribution of the entries."""
        share = FACTORS[self.factor] / FANS[self.fan][1](out, into)
        scale = hyper.get("std", hyper.get("half_width", 1.0)) * GAINS[self.gain][1](hyper.get("gain", 1.0))
        return DISTRIBUTIONS[self.distribution][1](scale * (math.sqrt(share) if self.has_root else share))

    def rule(self, formula: str, *, takes_gain: bool) -> Rule:
        """Return the rule, with its id and words."""
        axes = {
            "distribution": self.distribution,
            "fan": self.fan,
            "factor": self.factor,
            "gain": self.gain,
            "scale": "deviation" if self.has_root else "variance-as-deviation",
        }
        identifier = f"{formula}/{self.distribution}/{self.factor}-over-{self.fan}" + ("" if self.has_root else "/no-root")
        identifier += "" if self.gain == "once" else f"/gain-{self.gain}"
        quantity = "variance" if self.has_root else "deviation"
        words = f"with {DISTRIBUTIONS[self.distribution][0]} entries, of {quantity} {self.factor}/{FANS[self.fan][0]}"
        words += " times the gain squared" if self.has_root and takes_gain and self.gain == "once" else ""
        return Rule(identifier, words + (f", {GAINS[self.gain][0]}" if GAINS[self.gain][0] else ""), axes, self)


def rules(identifier: str, hyper: Mapping[str, Any]) -> Iterator[Rule]:
    """Yield the rules that an initializer may follow: formulas, the formula with swapped fans, then all combinations of the axes."""
    known = {"gain": 1.0, **hyper}
    for name, of_formula in FORMULA_DISTRIBUTIONS.items():
        if set(separating_arguments(FORMULAS[name])) <= set(known):
            yield Rule(name, "", {}, with_known(of_formula, known))
    if identifier in FORMULA_DISTRIBUTIONS:
        of_fans = with_known(FORMULA_DISTRIBUTIONS[identifier], {"gain": 1.0})
        yield Rule(
            f"{identifier}/fans-swapped", "with the fans swapped", {"fan": "swapped"}, lambda out, into, own: of_fans(into, out, own)
        )
    for has_root, gain, factor, fan, family in itertools.product((True, False), GAINS, FACTORS, FANS, DISTRIBUTIONS):
        if gain == "once" or hyper.get("gain", 1.0) != 1.0:
            yield RuleParts(family, fan, factor, gain, has_root).rule(identifier, takes_gain="gain" in hyper)


def with_known(of_formula: DistributionOf, known: Mapping[str, Any]) -> DistributionOf:
    """Return the distribution of a formula with some hyper-parameters known."""
    return lambda out, into, own: of_formula(out, into, {**known, **own})


def axis_changes(identifier: str, rule: Rule) -> int:
    """Return on how many axes a rule differs from a formula; 0 for swapped fans and other formulas, which come first."""
    if "distribution" not in rule.axes or identifier not in FORMULA_AXES:
        return 0
    own = dict(zip(("distribution", "factor", "fan"), FORMULA_AXES[identifier], strict=True)) | {"gain": "once", "scale": "deviation"}
    return sum(rule.axes[axis] != value for axis, value in own.items())
