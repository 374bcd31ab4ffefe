"""A step that keeps its hyper-parameters and its state in one dictionary: `adam(w, dw, config) -> (w, config)`.

Which hyper-parameters it has is learnt by calling it once with a dictionary that writes down the names it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .forms import TRIAL_GRADIENT, TRIAL_POINT
from .hyperparameters import FIRST_RUN, KNOWN, canonical_argument, canonical_name
from .implementation import REQUIRED, Run, Settings, arrays_of, parameter_names


class AskedDictionary(dict[Any, Any]):
    """A dictionary that keeps the defaults of all names that it is asked for; a hyper-parameter that it lacks has a trial value."""

    def __init__(self) -> None:
        super().__init__()
        self.defaults: dict[Any, Any] = {}

    def __bool__(self) -> bool:
        return True  # it is not to be replaced by an empty one

    def setdefault(self, name: Any, default: Any = None) -> Any:
        """Return the value of a name, which becomes the default if there is none."""
        self.defaults.setdefault(name, default)
        return super().setdefault(name, default)

    def get(self, name: Any, default: Any = None) -> Any:
        """Return the value of a name, or the default."""
        if name not in self:
            self.defaults.setdefault(name, default)
        return super().get(name, default)

    def __missing__(self, name: Any) -> Any:
        known = canonical_name(name) if isinstance(name, str) else ""
        if known not in FIRST_RUN:
            raise KeyError(name)
        self.defaults.setdefault(name, REQUIRED)
        return FIRST_RUN[known]


def argument_order(step: Callable[..., Any]) -> tuple[str, ...]:
    """Return the order in which a step takes point, gradient and dictionary; () where these are not its three arguments."""
    names = parameter_names(step)
    roles = [canonical_argument(name, ("theta", "grad")) or ("" if canonical_name(name) in KNOWN else "dictionary") for name in names]
    return tuple(roles) if sorted(roles) == ["dictionary", "grad", "theta"] else ()


def call(step: Callable[..., Any], order: Sequence[str], arguments: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the new point and the dictionary; what is returned in no place was changed where it is."""
    result = step(*(arguments[role] for role in order))
    parts = result if isinstance(result, tuple) else (result,)
    dictionaries = [part for part in parts if isinstance(part, dict)]
    others = [part for part in parts if not isinstance(part, dict)]
    if len(dictionaries) > 1 or len(others) > 1:
        raise TypeError(f"the step returned {len(parts)} values, not the new point and the dictionary")
    point = others[0] if others and others[0] is not None else arguments["theta"]
    return point, dictionaries[0] if dictionaries else arguments["dictionary"]


@dataclass
class DictionaryImplementation:
    """A step `(w, dw, config) -> (w, config)` whose hyper-parameters and state are in one dictionary, which is empty at first."""

    function: Callable[..., Any]
    order: Sequence[str]
    parameters: Mapping[str, Any]
    library: str = ""
    names: Mapping[str, str] = field(default_factory=dict)  # its own names of hyper-parameters: the canonical ones, as they are said

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Return a run whose dictionary has the settings, and whatever the step adds to it."""
        rate_name = next(name for name in self.parameters if canonical_name(name, self.names, self.parameters) == "lr")
        current: dict[str, Any] = {"theta": theta, "dictionary": {rate_name: lr, **settings}}

        def step(grad: Any, rate: float) -> Any:
            current["dictionary"][rate_name] = rate
            current["theta"], current["dictionary"] = call(self.function, self.order, {**current, "grad": grad})
            return current["theta"]

        return Run(step, True, lambda: arrays_of(current["dictionary"]))


def adapt_dictionary_step(function: Callable[..., Any], library: str) -> DictionaryImplementation | None:
    """Return the optimizer of a step with a dictionary, which is called once with trial values; None where it is none.

    It is one where it asks the dictionary for a learning rate and returns a point of the same shape.
    """
    order, asked = argument_order(function), AskedDictionary()
    if not order:
        return None
    point, gradient = np.array(TRIAL_POINT), np.array(TRIAL_GRADIENT)
    moved: Any = ()
    with suppress(Exception, SystemExit), np.errstate(all="ignore"):
        moved, _ = call(function, order, {"theta": point.copy(), "grad": gradient, "dictionary": asked})
    parameters = {name: default for name, default in asked.defaults.items() if isinstance(name, str) and is_setting(name, default)}
    if np.shape(moved) != point.shape or "lr" not in map(canonical_name, parameters):
        return None
    return DictionaryImplementation(function, order, parameters, library)


def is_setting(name: str, default: Any) -> bool:
    """Return whether what a dictionary is asked for is a hyper-parameter: a known name, a number or a switch, and no part of the state."""
    return canonical_name(name) in KNOWN and (default is REQUIRED or default is None or isinstance(default, bool | int | float))
