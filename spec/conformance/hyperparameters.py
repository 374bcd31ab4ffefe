"""The table of hyper-parameters and arguments: canonical names, aliases, defaults, separating values, limits.

Its data is `hyperparameters.toml`, which explains the fields.
"""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

FIRST_LR = 0.1  # the learning rate of the first run where none is stated


class InvalidSettings(ValueError):
    """Hyper-parameters or arguments that an implementation does not take, or that mean nothing."""


@dataclass(frozen=True)
class Hyperparameter:
    """What is known about one name; `hyperparameters.toml` explains the fields."""

    name: str
    words: str = ""
    aliases: tuple[str, ...] = ()
    function_aliases: tuple[str, ...] = ()
    default: float | None = None
    common: tuple[float, ...] = ()
    built_in: tuple[float, ...] = ()
    neutral: float | None = None
    separating: tuple[float, ...] = ()
    limits: str = ""
    off_at_zero: bool = False
    must_matter: bool = False
    whole: bool = False
    pair: tuple[str, ...] = ()
    difference: tuple[str, ...] = ()

    def separating_value(self, other_than: Any) -> float:
        """Return the first separating value that is not the given one."""
        return next(value for value in self.separating if value != other_than)

    def check(self, value: Any) -> None:
        """Raise InvalidSettings unless a value is a number within the limits."""
        if not (is_number(value) or isinstance(value, float)):
            raise InvalidSettings(f"{self.name} must be a number, got {value!r}")
        if not self.limits:
            return
        low, high = (float(end) for end in self.limits[1:-1].split(","))
        if not (low < value < high or (value == low and self.limits[0] == "[")):
            allowed = f"{'≥' if self.limits[0] == '[' else '>'} {low:g}" + (f" and < {high:g}" if np.isfinite(high) else "")
            raise InvalidSettings(f"{self.name} must be {allowed}, got {value!r}")


@functools.cache
def hyperparameters() -> Mapping[str, Hyperparameter]:
    """Return the table, by canonical name."""
    table = tomllib.loads(files(__package__).joinpath("hyperparameters.toml").read_text(encoding="utf-8"))
    return {name: Hyperparameter(name, **{key: frozen(value) for key, value in row.items()}) for name, row in table.items()}


def frozen(value: Any) -> Any:
    """Return lists as tuples."""
    return tuple(value) if isinstance(value, list) else value


def of_optimizers() -> Iterable[Hyperparameter]:
    """Return the hyper-parameters of optimizers: those that have a default."""
    return (row for row in hyperparameters().values() if row.default is not None)


DEFAULTS: Mapping[str, float] = {row.name: float(row.default or 0) for row in of_optimizers()}
COUNTS = tuple(row.name for row in of_optimizers() if row.whole)
OFF_AT_ZERO = tuple(row.name for row in of_optimizers() if row.off_at_zero)
KNOWN = (*DEFAULTS, "nesterov", "maximize")  # the names that an optimizer's parameter may stand for
PAIRS: Mapping[str, tuple[str, ...]] = {row.name: row.pair for row in hyperparameters().values() if row.pair}
FIRST_RUN: Mapping[str, float] = {  # what an optimizer that states no default is first run with: nothing is off
    **DEFAULTS,
    **{row.name: row.separating[0] for row in of_optimizers() if row.off_at_zero or row.name == "initial_second_moment"},
    "lr": FIRST_LR,
}


def canonical_name(name: str, names: Mapping[str, str] = {}, beside: Iterable[str] = ()) -> str:
    """Return the canonical name of a hyper-parameter, or the name itself. `names` goes first; some names depend on those beside them."""
    by_alias = (row.name for row in of_optimizers() if name in row.aliases)
    return names.get(name) or contextual_name(name, set(beside)) or next(by_alias, name)


def contextual_name(name: str, beside: set[str]) -> str:
    """Return what a name means beside others, where that is not its usual meaning.

    Alpha, or epsilon beside delta, is the learning rate if no other name is; a decay beside beta2 is that of the weights.
    """
    if name == "alpha" and beside & {"beta3", *hyperparameters()["beta3"].aliases}:
        return "slow_weight"
    has_rate = bool(beside & {"lr", *hyperparameters()["lr"].aliases})
    if beside and not has_rate and (name == "alpha" or (name == "epsilon" and "delta" in beside)):
        return "lr"
    has_weight_decay = beside & {"weight_decay", *hyperparameters()["weight_decay"].aliases}
    if name == "decay" and beside & {"betas", "beta2", *hyperparameters()["beta2"].aliases} and not has_weight_decay:
        return "weight_decay"
    return ""


def canonical_argument(name: str, arguments: Iterable[str]) -> str:
    """Return the argument of a formula that a parameter's name means, or nothing; case and underscores at the ends do not count."""
    return next(iter(meanings(name, arguments)), "")


def meanings(name: str, arguments: Iterable[str]) -> list[str]:
    """Return the arguments of a formula that a parameter's name may mean: the one of that name, else those of which it is an alias."""
    plain, arguments, table = name.strip("_").lower(), list(arguments), hyperparameters()
    exact = [argument for argument in arguments if plain == argument.lower()]
    return exact or [argument for argument in arguments if argument in table and plain in table[argument].function_aliases]


def has_several_meanings(name: str) -> bool:
    """Return whether a name stands for several things: what it is taken as is said."""
    rows = [row for row in hyperparameters().values() if name in (row.name, *row.aliases, *row.function_aliases)]
    return len(rows) > 1


def is_number(value: Any) -> bool:
    """Return whether a value is a finite real number, as floats hold it, and no truth value."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool | np.bool_):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
