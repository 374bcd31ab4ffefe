"""The adapter for Keras 3, on the backend that is loaded: `subjects.load` asks for JAX where nothing else is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from ..implementation import Adapted, Run, Settings, hyper_parameters
from . import MAYBE_ZERO, Name, Names, Offer, in_ours, in_theirs, names_of, renamed
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

OFFERS = (  # layers and losses in float32: Keras takes their means in it, whatever the dtype
    Offer("SGD", "keras.optimizers:SGD"),
    Offer("momentum", "keras.optimizers:SGD", {"momentum": 0.9}),
    Offer("Nesterov", "keras.optimizers:SGD", {"momentum": 0.9, "nesterov": True}),
    Offer("AdaGrad", "keras.optimizers:Adagrad"),
    Offer("RMSProp", "keras.optimizers:RMSprop"),
    Offer("RMSProp, centred", "keras.optimizers:RMSprop", {"centered": True}),
    Offer("RMSProp with momentum", "keras.optimizers:RMSprop", {"momentum": 0.9}),
    Offer("AdaDelta", "keras.optimizers:Adadelta"),
    Offer("Adam", "keras.optimizers:Adam"),
    Offer("AdamW", "keras.optimizers:AdamW"),
    Offer("AMSGrad", "keras.optimizers:Adam", {"amsgrad": True}),
    Offer("AdaMax", "keras.optimizers:Adamax"),
    Offer("NAdam", "keras.optimizers:Nadam"),
    Offer("batch norm", "keras.layers:BatchNormalization", against="norm.batch.affine", dtype="float32"),
    Offer("batch norm, running", "keras.layers:BatchNormalization", against="norm.batch.running", dtype="float32"),
    Offer("batch norm of images", "keras.layers:BatchNormalization", against="norm.batch.conv", dtype="float32"),
    Offer("layer norm", "keras.layers:LayerNormalization", against="norm.layer", dtype="float32"),
    Offer("group norm", "keras.layers:GroupNormalization", against="norm.group", dtype="float32"),
    Offer("instance norm", "keras.layers:GroupNormalization", against="norm.instance", dtype="float32"),
    Offer("RMS norm", "keras.layers:RMSNormalization", against="norm.rms", dtype="float32"),
    Offer("cross-entropy", "keras.losses:SparseCategoricalCrossentropy", against="loss.softmax_xent.logits", dtype="float32"),
    Offer("binary cross-entropy", "keras.losses:BinaryCrossentropy", against="loss.logistic.binary", dtype="float32"),
    Offer("squared error", "keras.losses:MeanSquaredError", against="loss.squared", dtype="float32"),
    Offer("Huber loss", "keras.losses:Huber", against="loss.huber", dtype="float32"),
    Offer("Glorot, uniform", "keras.initializers:GlorotUniform", against="init.xavier.uniform"),
    Offer("Glorot, normal", "keras.initializers:GlorotNormal", against="init.xavier.normal"),
    Offer("He, uniform", "keras.initializers:HeUniform", against="init.he.uniform"),
    Offer("He, normal", "keras.initializers:HeNormal", against="init.he.normal"),
    Offer("LeCun, normal", "keras.initializers:LecunNormal", against="init.lecun.normal"),
    Offer("truncated normal", "keras.initializers:TruncatedNormal", against="init.truncated_normal"),
    Offer("orthogonal", "keras.initializers:Orthogonal", against="init.orthogonal"),
    Offer("staircase", "keras.optimizers.schedules:ExponentialDecay", against="schedule.step"),
    Offer("piecewise constant", "keras.optimizers.schedules:PiecewiseConstantDecay", against="schedule.piecewise_constant.inclusive"),
    Offer("exponential", "keras.optimizers.schedules:ExponentialDecay", against="schedule.exponential.per_period"),
    Offer("inverse time", "keras.optimizers.schedules:InverseTimeDecay", against="schedule.inverse_time"),
    Offer("linear", "keras.optimizers.schedules:PolynomialDecay", against="schedule.linear"),
    Offer("plateau", "keras.callbacks:ReduceLROnPlateau", against="schedule.plateau.at_patience"),
)


def circumstances() -> dict[str, str]:
    """What results may depend on."""
    return {"backend": keras.backend.backend(), "device": "cpu", "floatx": keras.config.floatx()}


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
