"""The adapter for scikit-learn: the optimizers of its multilayer perceptrons."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.neural_network._stochastic_optimizers import BaseOptimizer

from ..implementation import Adapted, Run, Settings, hyper_parameters
from . import Names, Offer, in_ours, in_theirs, renamed

NAMES: Names = {"learning_rate_init": "lr", "beta_1": "beta1", "beta_2": "beta2", "epsilon": "eps"}
STATE = {"velocities": "velocity", "ms": "first_moment", "vs": "second_moment", "t": "steps"}

OFFERS = (
    Offer("momentum", "sklearn.neural_network._stochastic_optimizers:SGDOptimizer", {"momentum": 0.9, "nesterov": False}),
    Offer("Nesterov", "sklearn.neural_network._stochastic_optimizers:SGDOptimizer", {"momentum": 0.9, "nesterov": True}),
    Offer("Adam", "sklearn.neural_network._stochastic_optimizers:AdamOptimizer"),
)


def subject(found: Any) -> Adapted | None:
    """An optimizer class as a subject; anything else is declined."""
    known = inspect.isclass(found) and issubclass(found, BaseOptimizer) and found is not BaseOptimizer
    return SklearnOptimizer(found) if known else None


@dataclass
class SklearnOptimizer:
    """One class of optimizers: the rate of the next step is an attribute, and so is the one that Adam corrects."""

    kind: Any
    library: str = "sklearn"
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.theirs = hyper_parameters(self.kind)
        self.parameters = in_ours(self.theirs, NAMES)

    def begin(self, theta: Any, lr: float, settings: Settings) -> Run:
        """One array of parameters, which the optimizer updates in place."""
        point = theta.copy()
        made = self.kind([point], **in_theirs({**settings, "lr": lr}, self.theirs, NAMES))

        def step(grad: Any, now: float) -> Any:
            made.learning_rate = made.learning_rate_init = now
            made.update_params([point], [grad])
            return point.copy()

        def state() -> Mapping[str, Any]:
            kept = {name: value for name, value in vars(made).items() if name in STATE}
            return renamed({name: np.array(value[0] if isinstance(value, list) else value) for name, value in kept.items()}, STATE)

        return Run(step, state=state)
