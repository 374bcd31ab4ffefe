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
from ..implementation import FunctionSubject

Functions = tuple[FunctionSubject, ...]


def functions(found: Any) -> Functions | None:
    """The formulas that a class stands for, by its name or that of a base class; none is known of the rest."""
    for one in found.__mro__ if isinstance(found, type) else ():
        known = TABLE.get(one.__name__)
        if known and str(one.__module__).startswith("keras"):
            return known(found)
    return None


def claims(formula: str, call: Callable[..., Any], **fixed: Any) -> FunctionSubject:
    """A function that claims to be a formula, some of whose arguments it takes for given."""
    return FunctionSubject(call, formula, fixed, "keras")


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


def plain(value: Any) -> Any:
    """A tensor, or what a variable holds, as a NumPy array of one's own."""
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


def slopes(layer: Any, dy: Any, x: Any, **settings: Any) -> tuple[Any, ...]:
    """The gradients by the input and by the weights, in the order of the layer."""
    import jax

    def forward(point: Any, weights: Any) -> Any:
        fixed = [one.value for one in layer.non_trainable_variables]
        return layer.stateless_call(weights, fixed, point, **settings)[0]

    _, back = jax.vjp(forward, tensor(x), [one.value for one in layer.trainable_variables])
    dx, weights = back(tensor(dy))
    return (np.array(dx), *map(np.array, weights))


def norm(formula: str, make: Callable[..., Any], slope: str, **settings: Any) -> Functions:
    """A layer that normalizes, and on JAX its gradients; the settings of the call say whether it trains."""

    def forward(x: Any, gamma: Any, beta: Any, **given: Any) -> Any:
        with precision(x.dtype):
            return plain(built(make(**given), x, gamma=gamma, beta=beta)(tensor(x), **settings))

    def backward(dy: Any, x: Any, gamma: Any, **given: Any) -> Any:
        with precision(x.dtype):
            return slopes(built(make(**given), x, gamma=gamma), dy, x, **settings)

    return (claims(formula, forward), *((claims(slope, backward),) if on_jax() else ()))


def batch_norm(kind: Any) -> Functions:
    """Batch normalization of features and of channels: in training, by moving statistics, and these; their variance is biased."""

    def inference(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, *, eps: float) -> Any:
        with precision(x.dtype):
            layer = built(kind(epsilon=eps), x, gamma=gamma, beta=beta, moving_mean=mean, moving_variance=var)
            return plain(layer(tensor(x), training=False))

    def inference_backward(dy: Any, x: Any, gamma: Any, mean: Any, var: Any, *, eps: float) -> Any:
        with precision(x.dtype):
            layer = built(kind(epsilon=eps), x, gamma=gamma, moving_mean=mean, moving_variance=var)
            return slopes(layer, dy, x, training=False)

    def running(state: RunningStats, x: Any, *, momentum: float) -> RunningStats:
        with precision(x.dtype):
            layer = built(kind(momentum=momentum), x, moving_mean=state.mean, moving_variance=state.var)
            layer(tensor(x), training=True)
            return RunningStats(plain(layer.moving_mean), plain(layer.moving_variance))

    return (
        *norm("norm.batch.affine", lambda eps: kind(epsilon=eps), "norm.batch.backward", training=True),
        *norm("norm.batch.conv", lambda eps: kind(epsilon=eps, axis=1), "norm.batch.conv.backward", training=True),
        claims("norm.batch.inference", inference),
        *((claims("norm.batch.inference.backward", inference_backward),) if on_jax() else ()),
        claims("norm.batch.running", running, correction=0),
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
            return plain(built(kind(epsilon=eps), x, scale=gamma)(tensor(x)))

    def backward(dy: Any, x: Any, gamma: Any, *, eps: float) -> Any:
        with precision(x.dtype):
            return slopes(built(kind(epsilon=eps), x, scale=gamma), dy, x)

    return (claims("norm.rms", forward), *((claims("norm.rms.backward", backward),) if on_jax() else ()))


# --- losses ---------------------------------------------------------------------------------------------------------------------------

REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum", "none": None}


def loss(formula: str, of: str, at: str, settings: Callable[..., Mapping[str, Any]], *, column: bool = False, **fixed: Any) -> Any:
    """A loss of predictions and targets, which may have to be columns, and on JAX its gradient by the predictions."""

    def make(kind: Any) -> Functions:
        def evaluated(point: Any, target: Any, reduction: str = "mean", **given: Any) -> Any:
            made = kind(reduction=REDUCTIONS[reduction], **settings(**given))
            return made(target[:, None], point[:, None]) if column else made(target, point)

        def value(**given: Any) -> Any:
            prediction, target = given.pop(of), given.pop(at)
            with precision(prediction.dtype):
                return plain(evaluated(tensor(prediction), tensor(target), **given))

        def grad(**given: Any) -> Any:
            import jax

            prediction, target = given.pop(of), given.pop(at)
            with precision(prediction.dtype):
                return np.array(jax.grad(lambda point: evaluated(point, tensor(target), **given).sum())(tensor(prediction)))

        return (claims(formula, value, **fixed), *((claims(f"{formula}.grad", grad, **fixed),) if on_jax() else ()))

    return make


# --- initializers ---------------------------------------------------------------------------------------------------------------------


def initializer(formula: str, settings: Callable[..., Mapping[str, Any]] = lambda **given: given, **fixed: Any) -> Any:
    """An initializer, whose settings follow from those of a formula."""

    def make(kind: Any) -> Functions:
        def call(source: np.random.Generator, fan_out: int, fan_in: int, **given: Any) -> Any:
            with precision(np.float64):
                return plain(kind(seed=int(source.integers(2**31)), **settings(**given))((fan_in, fan_out), dtype="float64")).T

        return (claims(formula, call, **fixed),)

    return make


# --- schedules ------------------------------------------------------------------------------------------------------------------------


def schedule(formula: str, settings: Callable[..., Mapping[str, Any]]) -> Callable[[Any], FunctionSubject]:
    """A schedule, asked at the count of the updates before; its settings follow from those of a formula."""

    def make(kind: Any) -> FunctionSubject:
        def call(step: int, **given: Any) -> float:
            with precision(np.float64):
                return float(plain(kind(**settings(**given))(step)))

        return claims(formula, call)

    return make


def every(*makers: Callable[[Any], FunctionSubject]) -> Callable[[Any], Functions]:
    """One class that is several formulas, by its settings."""
    return lambda kind: tuple(make(kind) for make in makers)


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


def line(end: float, lr: float, horizon: int) -> Mapping[str, Any]:
    """The settings of a straight line."""
    return {"initial_learning_rate": lr, "end_learning_rate": end, "decay_steps": horizon, "power": 1.0}


def values(boundaries: Any, factors: Any, *, lr: float) -> Mapping[str, Any]:
    """The rates between boundaries in order."""
    order = np.argsort(boundaries)
    rates = lr * np.cumprod(np.concatenate([[1.0], factors[order]]))
    return {"boundaries": [float(one) for one in boundaries[order]], "values": [float(one) for one in rates]}


def plateau(kind: Any) -> Functions:
    """The callback that lowers the rate: better is less by some amount."""

    def call(loss: float, state: PlateauState, *, factor: float, patience: int, threshold: float = 0.0) -> PlateauState:
        optimizer = SimpleNamespace(learning_rate=float(state.lr))
        made = kind(monitor="loss", mode="min", factor=factor, patience=patience, min_delta=threshold)
        made.set_model(SimpleNamespace(optimizer=optimizer))
        made.on_train_begin()
        made.best, made.wait = float(state.best), int(state.bad)
        made.on_epoch_end(0, {"loss": loss})
        return PlateauState(float(optimizer.learning_rate), made.best, made.wait)

    return (claims("schedule.plateau.at_patience", call, relative=0.0),)


TABLE: Mapping[str, Callable[[Any], Functions]] = {
    "BatchNormalization": batch_norm,
    "LayerNormalization": lambda kind: norm("norm.layer", lambda eps: kind(epsilon=eps), "norm.layer.backward"),
    "GroupNormalization": group_norm,
    "RMSNormalization": rms_norm,
    "SparseCategoricalCrossentropy": loss("loss.softmax_xent.logits", "logits", "labels", lambda: {"from_logits": True}, smoothing=0.0),
    "BinaryCrossentropy": loss("loss.logistic.binary", "logits", "targets", lambda: {"from_logits": True}, column=True),
    "MeanSquaredError": loss("loss.squared", "predictions", "targets", dict, half=False, reduction="mean"),
    "Huber": loss("loss.huber", "predictions", "targets", lambda threshold: {"delta": threshold}, reduction="mean"),
    "RandomNormal": initializer("init.random_gaussian_uniform", lambda std: {"stddev": std}),
    "RandomUniform": initializer("init.random_uniform", lambda half_width: {"minval": -half_width, "maxval": half_width}),
    "GlorotUniform": initializer("init.xavier.uniform", gain=1.0),
    "GlorotNormal": initializer("init.xavier.normal", gain=1.0),
    "HeUniform": initializer("init.he.uniform"),
    "HeNormal": initializer("init.he.normal"),
    "LecunNormal": initializer("init.lecun.normal", gain=1.0),
    "TruncatedNormal": initializer("init.truncated_normal", lambda std: {"stddev": std}, cut=2.0, spread=1.0),
    "Orthogonal": initializer("init.orthogonal", lambda gain=1.0: {"gain": gain}),
    "OrthogonalInitializer": initializer("init.orthogonal", lambda gain=1.0: {"gain": gain}),
    "ExponentialDecay": every(
        schedule("schedule.exponential.per_period", exponential(staircase=False)), schedule("schedule.step", exponential(staircase=True))
    ),
    "InverseTimeDecay": every(schedule("schedule.inverse_time", inverse_time), schedule("schedule.harmonic", harmonic)),
    "PiecewiseConstantDecay": every(schedule("schedule.piecewise_constant.inclusive", values)),
    "PolynomialDecay": every(schedule("schedule.linear", line)),
    "ReduceLROnPlateau": plateau,
}
