"""Functions of Keras as formulas of the reference: layers, losses, initializers and schedules; gradients on the JAX backend alone.

Keras keeps weights as (in, out); the reference has them as (out, in), so they are transposed. Its images end in channels unless told
otherwise: here they are told so. Its binary cross-entropy takes the mean over the last axis, which is one logit an example here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np

from ....reference.normalization import RunningStats
from ....reference.schedules import PlateauState
from . import FunctionRegistry, Functions, several

FUNCTIONS = FunctionRegistry("keras")


@contextmanager
def precision(dtype: Any) -> Iterator[None]:
    """Numbers of one dtype throughout: Keras rounds to its policy, and JAX to float32 unless it is told."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(np.dtype(dtype).name)
    keras.config.set_dtype_policy(np.dtype(dtype).name)
    try:
        with wide(dtype) if on_jax() else nullcontext():
            yield
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)


def wide(dtype: Any) -> Any:
    """JAX with float64 or without."""
    from .jax import precision as of_jax

    return of_jax(dtype)


def on_jax() -> bool:
    """Whether the backend is JAX."""
    return bool(keras.config.backend() == "jax")


def with_jax(formula: str, call: Callable[..., Any], **bound_arguments: Any) -> Functions:
    """Return a function that needs JAX's gradients; nothing on another backend."""
    return FUNCTIONS.implements(formula, call, **bound_arguments) if on_jax() else ()


def as_array(value: Any) -> Any:
    """Return a tensor, or the value of a variable, as a new NumPy array."""
    return np.array(keras.ops.convert_to_numpy(getattr(value, "value", value)))


def tensor(value: Any) -> Any:
    """An array as a tensor."""
    return keras.ops.convert_to_tensor(value)


# --- layers ---------------------------------------------------------------------------------------------------------------------------


def built(layer: Any, x: Any, **values: Any) -> Any:
    """A layer for inputs like these, whose weights have these values."""
    layer.build(x.shape)
    for name, value in values.items():
        getattr(layer, name).assign(value)
    return layer


def gradients(layer: Any, dy: Any, x: Any, **settings: Any) -> tuple[Any, ...]:
    """The gradients by the input and by the weights, in the order of the layer."""
    import jax

    def forward(point: Any, weights: Any) -> Any:
        constants = [variable.value for variable in layer.non_trainable_variables]
        return layer.stateless_call(weights, constants, point, **settings)[0]

    _, back = jax.vjp(forward, tensor(x), [variable.value for variable in layer.trainable_variables])
    dx, weights = back(tensor(dy))
    return (np.array(dx), *map(np.array, weights))


def norm(formula: str, make: Callable[..., Any], backward_id: str, **settings: Any) -> Functions:
    """A layer that normalizes, and on JAX its gradients; the settings of the call say whether it trains."""

    def forward(x: Any, gamma: Any, beta: Any, **arguments: Any) -> Any:
        with precision(x.dtype):
            return as_array(built(make(**arguments), x, gamma=gamma, beta=beta)(tensor(x), **settings))

    def backward(dy: Any, x: Any, gamma: Any, **arguments: Any) -> Any:
        with precision(x.dtype):
            return gradients(built(make(**arguments), x, gamma=gamma), dy, x, **settings)

    return FUNCTIONS.implements(formula, forward) + with_jax(backward_id, backward)


def batch_norm(kind: Any) -> Functions:
    """Batch normalization of features and of channels: in training, by moving statistics, and these; their variance is biased."""

    def inference(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, *, eps: float) -> Any:
        with precision(x.dtype):
            layer = built(kind(epsilon=eps), x, gamma=gamma, beta=beta, moving_mean=mean, moving_variance=var)
            return as_array(layer(tensor(x), training=False))

    def inference_backward(dy: Any, x: Any, gamma: Any, mean: Any, var: Any, *, eps: float) -> Any:
        with precision(x.dtype):
            layer = built(kind(epsilon=eps), x, gamma=gamma, moving_mean=mean, moving_variance=var)
            return gradients(layer, dy, x, training=False)

    def running(state: RunningStats, x: Any, *, momentum: float) -> RunningStats:
        with precision(x.dtype):
            layer = built(kind(momentum=momentum), x, moving_mean=state.mean, moving_variance=state.var)
            layer(tensor(x), training=True)
            return RunningStats(as_array(layer.moving_mean), as_array(layer.moving_variance))

    return (
        *norm("norm.batch.affine", lambda eps: kind(epsilon=eps), "norm.batch.backward", training=True),
        *norm("norm.batch.conv", lambda eps: kind(epsilon=eps, axis=1), "norm.batch.conv.backward", training=True),
        *FUNCTIONS.implements("norm.batch.inference", inference),
        *with_jax("norm.batch.inference.backward", inference_backward),
        *FUNCTIONS.implements("norm.batch.running", running, correction=0),
    )


def group_norm(kind: Any) -> Functions:
    """Group normalization, and of as many groups as channels instance normalization."""
    return (
        *norm("norm.group", lambda groups, eps: kind(groups, axis=1, epsilon=eps), "norm.group.backward"),
        *norm("norm.instance", lambda eps: kind(-1, axis=1, epsilon=eps), "norm.instance.backward"),
    )


def rms_norm(kind: Any) -> Functions:
    """RMS normalization, whose scale has that name."""

    def forward(x: Any, gamma: Any, *, eps: float) -> Any:
        with precision(x.dtype):
            return as_array(built(kind(epsilon=eps), x, scale=gamma)(tensor(x)))

    def backward(dy: Any, x: Any, gamma: Any, *, eps: float) -> Any:
        with precision(x.dtype):
            return gradients(built(kind(epsilon=eps), x, scale=gamma), dy, x)

    return FUNCTIONS.implements("norm.rms", forward) + with_jax("norm.rms.backward", backward)


# --- losses ---------------------------------------------------------------------------------------------------------------------------

REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum", "none": None}


def loss(
    formula: str, prediction_name: str, target_name: str, settings: Callable[..., Mapping[str, Any]], *, column: bool = False, **bound: Any
) -> Any:
    """A loss of predictions and targets, which may have to be columns, and on JAX its gradient by the predictions."""

    def make(kind: Any) -> Functions:
        def evaluated(point: Any, target: Any, reduction: str = "mean", **arguments: Any) -> Any:
            instance = kind(reduction=REDUCTIONS[reduction], **settings(**arguments))
            return instance(target[:, None], point[:, None]) if column else instance(target, point)

        def value(**arguments: Any) -> Any:
            prediction, target = arguments.pop(prediction_name), arguments.pop(target_name)
            with precision(prediction.dtype):
                return as_array(evaluated(tensor(prediction), tensor(target), **arguments))

        def grad(**arguments: Any) -> Any:
            import jax

            prediction, target = arguments.pop(prediction_name), arguments.pop(target_name)
            with precision(prediction.dtype):
                return np.array(jax.grad(lambda point: evaluated(point, tensor(target), **arguments).sum())(tensor(prediction)))

        return FUNCTIONS.implements(formula, value, **bound) + with_jax(f"{formula}.grad", grad, **bound)

    return make


# --- initializers and schedules ----------------------------------------------------------------------------------------------------------


def sample(kind: Any, source: np.random.Generator, shape: tuple[int, int], settings: Mapping[str, Any]) -> Any:
    """Return weights that an initializer with these settings draws."""
    with precision(np.float64):
        return as_array(kind(seed=int(source.integers(2**31)), **settings)(shape[::-1], dtype="float64")).T


def rate(kind: Any, step: int, lr: Any, settings: Mapping[str, Any]) -> float:
    """Return the learning rate of a schedule with these settings."""
    with precision(np.float64):
        return float(as_array(kind(**settings)(step)))


def exponential(*, staircase: bool) -> Callable[..., Mapping[str, Any]]:
    """The settings of an exponential."""
    return lambda lr, factor, period: {
        "initial_learning_rate": lr,
        "decay_steps": period,
        "decay_rate": factor,
        "staircase": staircase,
    }


def inverse_time(lr: float, decay: float) -> Mapping[str, Any]:
    """The settings of 1/t decay by the update."""
    return {"initial_learning_rate": lr, "decay_steps": 1, "decay_rate": decay}


def harmonic(scale: float, offset: float, period: int) -> Mapping[str, Any]:
    """The settings of 1/t decay by the epoch."""
    return {"initial_learning_rate": scale / offset, "decay_steps": period, "decay_rate": 1 / offset, "staircase": True}


def polynomial(end: float, lr: float, horizon: int, power: float) -> Mapping[str, Any]:
    """The settings of a power of what is left."""
    return {"initial_learning_rate": lr, "end_learning_rate": end, "decay_steps": horizon, "power": power}


def cosine(end: float, lr: float, horizon: int) -> Mapping[str, Any]:
    """The settings of half a cosine."""
    return {"initial_learning_rate": lr, "decay_steps": horizon, "alpha": end / lr}


def warmup_cosine(start: float, lr: float, end: float, rise: int, fall: int) -> Mapping[str, Any]:
    """The settings of a line and half a cosine after it."""
    return {"initial_learning_rate": start, "decay_steps": fall, "alpha": end / lr, "warmup_target": lr, "warmup_steps": rise}


def restarts(end: float, lr: float, period: int) -> Mapping[str, Any]:
    """The settings of cycles of one length."""
    return {"initial_learning_rate": lr, "first_decay_steps": period, "t_mul": 1.0, "alpha": end / lr}


def values(boundaries: Any, factors: Any, *, lr: float) -> Mapping[str, Any]:
    """The rates between boundaries in order."""
    order = np.argsort(boundaries)
    rates = lr * np.cumprod(np.concatenate([[1.0], factors[order]]))
    return {"boundaries": [float(boundary) for boundary in boundaries[order]], "values": [float(rate) for rate in rates]}


def plateau(kind: Any) -> Functions:
    """The callback that lowers the rate: better is less by some amount."""

    def call(loss: float, state: PlateauState, *, factor: float, patience: int, threshold: float = 0.0) -> PlateauState:
        optimizer = SimpleNamespace(learning_rate=float(state.lr))
        instance = kind(monitor="loss", mode="min", factor=factor, patience=patience, min_delta=threshold)
        instance.set_model(SimpleNamespace(optimizer=optimizer))
        instance.on_train_begin()
        instance.best, instance.wait = float(state.best), int(state.bad)
        instance.on_epoch_end(0, {"loss": loss})
        return PlateauState(float(optimizer.learning_rate), instance.best, instance.wait)

    return FUNCTIONS.implements("schedule.plateau.at_patience", call, relative=0.0)


FUNCTIONS.register(
    {
        "BatchNormalization": batch_norm,
        "LayerNormalization": lambda kind: norm("norm.layer", lambda eps: kind(epsilon=eps), "norm.layer.backward"),
        "GroupNormalization": group_norm,
        "RMSNormalization": rms_norm,
        "SparseCategoricalCrossentropy": loss("loss.softmax_xent.logits", "logits", "labels", lambda: {"from_logits": True}, smoothing=0.0),
        "BinaryCrossentropy": loss("loss.logistic.binary", "logits", "targets", lambda: {"from_logits": True}, column=True),
        "MeanSquaredError": loss("loss.squared", "predictions", "targets", dict, half=False, reduction="mean"),
        "Huber": loss("loss.huber", "predictions", "targets", lambda threshold: {"delta": threshold}, reduction="mean"),
        "RandomNormal": FUNCTIONS.initializer("init.random_gaussian_uniform", sample, lambda std: {"stddev": std}),
        "RandomUniform": FUNCTIONS.initializer(
            "init.random_uniform", sample, lambda half_width: {"minval": -half_width, "maxval": half_width}
        ),
        "GlorotUniform": FUNCTIONS.initializer("init.xavier.uniform", sample, gain=1.0),
        "GlorotNormal": FUNCTIONS.initializer("init.xavier.normal", sample, gain=1.0),
        "HeUniform": FUNCTIONS.initializer("init.he.uniform", sample),
        "HeNormal": FUNCTIONS.initializer("init.he.normal", sample),
        "LecunNormal": FUNCTIONS.initializer("init.lecun.normal", sample, gain=1.0),
        "TruncatedNormal": FUNCTIONS.initializer("init.truncated_normal", sample, lambda std: {"stddev": std}, cut=2.0, spread=1.0),
        "Orthogonal": FUNCTIONS.initializer("init.orthogonal", sample, lambda gain=1.0: {"gain": gain}),
        "OrthogonalInitializer": FUNCTIONS.initializer("init.orthogonal", sample, lambda gain=1.0: {"gain": gain}),
        "ExponentialDecay": several(
            FUNCTIONS.schedule("schedule.exponential.per_period", rate, exponential(staircase=False)),
            FUNCTIONS.schedule("schedule.step", rate, exponential(staircase=True)),
        ),
        "InverseTimeDecay": several(
            FUNCTIONS.schedule("schedule.inverse_time", rate, inverse_time), FUNCTIONS.schedule("schedule.harmonic", rate, harmonic)
        ),
        "PiecewiseConstantDecay": FUNCTIONS.schedule("schedule.piecewise_constant.inclusive", rate, values),
        "PolynomialDecay": FUNCTIONS.schedule("schedule.polynomial", rate, polynomial),
        "CosineDecay": several(
            FUNCTIONS.schedule("schedule.cosine", rate, cosine), FUNCTIONS.schedule("schedule.warmup.cosine", rate, warmup_cosine)
        ),
        "CosineDecayRestarts": FUNCTIONS.schedule("schedule.cosine.restarts", rate, restarts),
        "ReduceLROnPlateau": plateau,
    }
)
