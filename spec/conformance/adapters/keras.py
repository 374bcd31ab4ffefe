"""The adapter for Keras 3, on the backend that is loaded: `subjects.load` asks for JAX where nothing else is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from ..subjects import Adapted, Run, Settings, hyper_parameters
from . import MAYBE_ZERO, Name, Names, in_ours, in_theirs, names_of, renamed
from .keras_functions import functions, plain, precision

NAMES: Names = {
    "learning_rate": "lr",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "epsilon": "eps",
    "rho": "decay",
    "initial_accumulator_value": "initial_second_moment",
    "weight_decay": Name("weight_decay", *MAYBE_ZERO),
}
OWN: Mapping[str, Names] = {"Ftrl": {"beta": "smoothing"}}  # where a class means something else by a name
STATE = {
    "_momentums": "first_moment",
    "_m": "first_moment",
    "_velocities": "second_moment",
    "_velocity_hats": "max_second_moment",
    "_u": "largest_gradient",
    "_u_product": "mu_product",
    "_accumulators": "sum_sq",
    "_accumulated_grads": "mean_sq",
    "_accumulated_delta_vars": "mean_sq_step",
    "_average_gradients": "mean_grad",
    "momentums": "velocity",
    "_iterations": "steps",
}
OWN_STATE = {"RMSprop": {"_momentums": "velocity", "_velocities": "mean_sq"}}


def subject(found: Any) -> Adapted | None:
    """An optimizer class that has a learning rate of its own, or what the reference has a formula of; anything else is declined."""
    if inspect.isclass(found) and issubclass(found, keras.optimizers.Optimizer) and "learning_rate" in parameters_of(found):
        return KerasOptimizer(found)
    return functions(found)


def parameters_of(kind: type) -> dict[str, Any]:
    """What a class takes, with what its base classes take where it takes any keyword."""
    return hyper_parameters(kind, skip=1)


# --- optimizers -----------------------------------------------------------------------------------------------------------------------


@dataclass
class KerasOptimizer:
    """One class of Keras optimizers; the learning rate is assigned as callbacks do it."""

    kind: Any
    library: str = "keras"
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.theirs = parameters_of(self.kind)
        self.names = names_of(self.kind, NAMES, OWN)
        self.parameters = in_ours(self.theirs, self.names)

    def begin(self, theta: Any, lr: float, settings: Settings) -> Run:
        """One variable, one optimizer."""
        with precision(theta.dtype):
            variable = keras.Variable(theta, dtype=theta.dtype.name)
            made = self.kind(**in_theirs({**settings, "lr": lr}, self.theirs, self.names))
            made.build([variable])

        def step(grad: Any, now: float) -> Any:
            with precision(theta.dtype):
                made.learning_rate.assign(now)
                made.apply([keras.ops.convert_to_tensor(grad)])
                return plain(variable)

        return Run(step, state=lambda: renamed(arrays(made), {**STATE, **OWN_STATE.get(self.kind.__name__, {})}))


def arrays(made: Any) -> dict[str, Any]:
    """The variables that an optimizer keeps for its one variable."""
    kept = {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in vars(made).items()}
    return {name: plain(value) for name, value in kept.items() if isinstance(value, keras.Variable) and name in STATE}
