"""The adapter for scikit-learn: the optimizers of its multilayer perceptrons."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.neural_network._stochastic_optimizers import BaseOptimizer

from ..implementation import Run, Settings, class_parameters
from ..loading import Adapted
from . import MatrixTarget, ParameterMappings, rename_state, to_canonical, to_library

MAPPINGS: ParameterMappings = {"learning_rate_init": "lr", "beta_1": "beta1", "beta_2": "beta2", "epsilon": "eps"}
STATE_NAMES = {"velocities": "velocity", "ms": "first_moment", "vs": "second_moment", "t": "steps"}

MATRIX_TARGETS = (
    MatrixTarget("momentum", "sklearn.neural_network._stochastic_optimizers:SGDOptimizer", {"momentum": 0.9, "nesterov": False}),
    MatrixTarget("Nesterov", "sklearn.neural_network._stochastic_optimizers:SGDOptimizer", {"momentum": 0.9, "nesterov": True}),
    MatrixTarget("Adam", "sklearn.neural_network._stochastic_optimizers:AdamOptimizer"),
)


def adapt(obj: Any) -> Adapted | None:
    """Return an optimizer class; anything else is declined."""
    is_known = inspect.isclass(obj) and issubclass(obj, BaseOptimizer) and obj is not BaseOptimizer
    return SklearnOptimizer(obj) if is_known else None


@dataclass
class SklearnOptimizer:
    """One class of optimizers: the rate of the next step is an attribute, and so is the one that Adam corrects."""

    kind: Any
    library: str = "sklearn"
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.own_parameters = class_parameters(self.kind)
        self.parameters = to_canonical(self.own_parameters, MAPPINGS)

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Return a run of one array of parameters, which the optimizer updates in place."""
        point = theta.copy()
        optimizer = self.kind([point], **to_library({**settings, "lr": lr}, self.own_parameters, MAPPINGS))

        def step(grad: Any, rate: float) -> Any:
            optimizer.learning_rate = optimizer.learning_rate_init = rate
            optimizer.update_params([point], [grad])
            return point.copy()

        def state() -> Mapping[str, Any]:
            kept = {name: value for name, value in vars(optimizer).items() if name in STATE_NAMES}
            return rename_state(
                {name: np.array(value[0] if isinstance(value, list) else value) for name, value in kept.items()}, STATE_NAMES
            )

        return Run(step, state=state)
