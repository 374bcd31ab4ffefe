"""The adapter for Keras 3, on the backend that is loaded: `loading.load_object` asks for JAX unless another one is set."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from ..implementation import ArraysRun, Group, NotOffered, Run, Settings, class_parameters
from ..loading import Adapted
from . import MAYBE_ZERO, NEGATED, MatrixTarget, ParameterMapping, ParameterMappings, mappings_of, rename_state, to_canonical, to_library
from .keras_functions import FUNCTIONS, as_array, precision

MAPPINGS: ParameterMappings = {
    "learning_rate": "lr",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "epsilon": "eps",
    "rho": "decay",
    "initial_accumulator_value": "initial_second_moment",
    "weight_decay": ParameterMapping("weight_decay", *MAYBE_ZERO),
}
OWN_MAPPINGS: Mapping[str, ParameterMappings] = {  # where a class means something else by a name
    "Ftrl": {"beta": "smoothing"},
    "Muon": {"epsilon": "adam_eps"},  # of vectors alone; that of matrices is built in
    "Adafactor": {
        "beta_2_decay": ParameterMapping("decay_exponent", *NEGATED),
        "epsilon_1": "eps",
        "epsilon_2": "smallest_scale",
        "clip_threshold": "largest_rms",
    },
}
STATE_NAMES = {
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
OWN_STATE_NAMES = {"RMSprop": {"_momentums": "velocity", "_velocities": "mean_sq"}}

MATRIX_TARGETS = (  # layers and losses in float32: Keras takes their means in it, whatever the dtype
    MatrixTarget("SGD", "keras.optimizers:SGD"),
    MatrixTarget("momentum", "keras.optimizers:SGD", {"momentum": 0.9}),
    MatrixTarget("Nesterov", "keras.optimizers:SGD", {"momentum": 0.9, "nesterov": True}),
    MatrixTarget("AdaGrad", "keras.optimizers:Adagrad"),
    MatrixTarget("RMSProp", "keras.optimizers:RMSprop"),
    MatrixTarget("RMSProp, centred", "keras.optimizers:RMSprop", {"centered": True}),
    MatrixTarget("RMSProp with momentum", "keras.optimizers:RMSprop", {"momentum": 0.9}),
    MatrixTarget("AdaDelta", "keras.optimizers:Adadelta"),
    MatrixTarget("Adam", "keras.optimizers:Adam"),
    MatrixTarget("AdamW", "keras.optimizers:AdamW"),
    MatrixTarget("AMSGrad", "keras.optimizers:Adam", {"amsgrad": True}),
    MatrixTarget("AdaMax", "keras.optimizers:Adamax"),
    MatrixTarget("NAdam", "keras.optimizers:Nadam"),
    MatrixTarget("Lion", "keras.optimizers:Lion"),
    MatrixTarget("Adafactor", "keras.optimizers:Adafactor"),
    MatrixTarget("LAMB", "keras.optimizers:Lamb"),
    MatrixTarget("batch norm", "keras.layers:BatchNormalization", against="norm.batch.affine", dtype="float32"),
    MatrixTarget("batch norm, running", "keras.layers:BatchNormalization", against="norm.batch.running", dtype="float32"),
    MatrixTarget("batch norm of images", "keras.layers:BatchNormalization", against="norm.batch.conv", dtype="float32"),
    MatrixTarget("layer norm", "keras.layers:LayerNormalization", against="norm.layer", dtype="float32"),
    MatrixTarget("group norm", "keras.layers:GroupNormalization", against="norm.group", dtype="float32"),
    MatrixTarget("instance norm", "keras.layers:GroupNormalization", against="norm.instance", dtype="float32"),
    MatrixTarget("RMS norm", "keras.layers:RMSNormalization", against="norm.rms", dtype="float32"),
    MatrixTarget("cross-entropy", "keras.losses:SparseCategoricalCrossentropy", against="loss.softmax_xent.logits", dtype="float32"),
    MatrixTarget("binary cross-entropy", "keras.losses:BinaryCrossentropy", against="loss.logistic.binary", dtype="float32"),
    MatrixTarget("squared error", "keras.losses:MeanSquaredError", against="loss.squared", dtype="float32"),
    MatrixTarget("Huber loss", "keras.losses:Huber", against="loss.huber", dtype="float32"),
    MatrixTarget("Glorot, uniform", "keras.initializers:GlorotUniform", against="init.xavier.uniform"),
    MatrixTarget("Glorot, normal", "keras.initializers:GlorotNormal", against="init.xavier.normal"),
    MatrixTarget("He, uniform", "keras.initializers:HeUniform", against="init.he.uniform"),
    MatrixTarget("He, normal", "keras.initializers:HeNormal", against="init.he.normal"),
    MatrixTarget("LeCun, normal", "keras.initializers:LecunNormal", against="init.lecun.normal"),
    MatrixTarget("truncated normal", "keras.initializers:TruncatedNormal", against="init.truncated_normal"),
    MatrixTarget("orthogonal", "keras.initializers:Orthogonal", against="init.orthogonal"),
    MatrixTarget("staircase", "keras.optimizers.schedules:ExponentialDecay", against="schedule.step"),
    MatrixTarget(
        "piecewise constant", "keras.optimizers.schedules:PiecewiseConstantDecay", against="schedule.piecewise_constant.inclusive"
    ),
    MatrixTarget("exponential", "keras.optimizers.schedules:ExponentialDecay", against="schedule.exponential.per_period"),
    MatrixTarget("inverse time", "keras.optimizers.schedules:InverseTimeDecay", against="schedule.inverse_time"),
    MatrixTarget("polynomial", "keras.optimizers.schedules:PolynomialDecay", against="schedule.polynomial"),
    MatrixTarget("cosine", "keras.optimizers.schedules:CosineDecay", against="schedule.cosine"),
    MatrixTarget("cosine after a warm-up", "keras.optimizers.schedules:CosineDecay", against="schedule.warmup.cosine"),
    MatrixTarget("cosine with restarts", "keras.optimizers.schedules:CosineDecayRestarts", against="schedule.cosine.restarts"),
    MatrixTarget("plateau", "keras.callbacks:ReduceLROnPlateau", against="schedule.plateau.at_patience"),
)


def environment_info() -> dict[str, str]:
    """Return what results depend on."""
    return {"backend": keras.backend.backend(), "device": "cpu", "floatx": keras.config.floatx()}


def adapt(obj: Any) -> Adapted | None:
    """Return an optimizer class that has a learning rate, or functions that the reference has formulas of; else None."""
    if inspect.isclass(obj) and issubclass(obj, keras.optimizers.Optimizer) and "learning_rate" in parameters_of(obj):
        return KerasOptimizer(obj)
    return FUNCTIONS.lookup(obj)


def parameters_of(kind: type) -> dict[str, Any]:
    """Return what a class takes, with what its base classes take where it takes any keyword."""
    return class_parameters(kind, skip=1)


# --- optimizers -----------------------------------------------------------------------------------------------------------------------


@dataclass
class KerasOptimizer:
    """One class of Keras optimizers; the learning rate is assigned as callbacks do it."""

    kind: Any
    library: str = "keras"
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.own_parameters = parameters_of(self.kind)
        self.mappings = mappings_of(self.kind, MAPPINGS, OWN_MAPPINGS)
        self.parameters = to_canonical(self.own_parameters, self.mappings)

    def open(self, group: Group) -> tuple[Any, list[Any]]:
        """Return a new optimizer and its variables."""
        with precision(group.thetas[0].dtype):
            variables = [keras.Variable(theta, dtype=theta.dtype.name) for theta in group.thetas]
            optimizer = self.kind(**to_library({**group.settings, "lr": group.lr}, self.own_parameters, self.mappings))
            optimizer.build(variables)
        return optimizer, variables

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Return a run of one variable."""
        optimizer, variables = self.open(Group([theta], lr, settings))
        names = {**STATE_NAMES, **OWN_STATE_NAMES.get(self.kind.__name__, {})}
        return Run(lambda grad, rate: move(optimizer, variables, [grad], [rate])[0], state=lambda: rename_state(arrays(optimizer), names))

    def start_groups(self, groups: Sequence[Group]) -> ArraysRun:
        """Return a run of several variables."""
        if len(groups) > 1:
            raise NotOffered
        optimizer, variables = self.open(groups[0])

        def save() -> dict[str, Any]:
            store: dict[str, Any] = {}
            optimizer.save_own_variables(store)
            return {name: np.array(value) for name, value in store.items()}

        def load(store: dict[str, Any]) -> None:
            with precision(groups[0].thetas[0].dtype):
                optimizer.load_own_variables(store)

        return ArraysRun(lambda grads, rates: move(optimizer, variables, grads, rates), save, load, admits_none=False)


def move(optimizer: Any, variables: Sequence[Any], grads: Sequence[Any], rates: Sequence[float]) -> list[Any]:
    """Make a step, and return the new points."""
    with precision(grads[0].dtype):
        optimizer.learning_rate.assign(rates[0])
        optimizer.apply([keras.ops.convert_to_tensor(grad) for grad in grads])
        return [as_array(variable) for variable in variables]


def arrays(optimizer: Any) -> dict[str, Any]:
    """Return the variables that an optimizer keeps for its one variable."""
    kept = {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in vars(optimizer).items()}
    return {name: as_array(value) for name, value in kept.items() if isinstance(value, keras.Variable) and name in STATE_NAMES}
