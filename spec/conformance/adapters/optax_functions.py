"""Functions of optax as formulas of the reference: losses, of which it reduces nothing, schedules and averages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ....reference.averaging import DebiasedState
from . import FunctionRegistry, Functions, several
from .jax import precision

FUNCTIONS = FunctionRegistry("optax")
START, RISE, FALL = 2.0**-10, 3.0, 5.0  # of a cycle: its lengths are whole and its start is not 0


# --- losses ---------------------------------------------------------------------------------------------------------------------------


def loss(formula: str, prediction_name: str, target_name: str, **fixed: Any) -> Callable[[Any], Functions]:
    """A loss of every example, and its gradient; of outputs that it takes one by one, the adapter adds up what an example has."""

    def make(obj: Any) -> Functions:
        def of_examples(point: Any, target: Any, settings: Mapping[str, Any]) -> Any:
            losses = obj(point, jnp.array(target), **{OWN_NAMES.get(name, name): value for name, value in settings.items()})
            return losses.sum(1) if losses.ndim == 2 else losses

        def value(**arguments: Any) -> Any:
            prediction, target = arguments.pop(prediction_name), arguments.pop(target_name)
            with precision(prediction.dtype):
                return np.array(of_examples(jnp.array(prediction), target, arguments))

        def grad(**arguments: Any) -> Any:
            prediction, target = arguments.pop(prediction_name), arguments.pop(target_name)
            with precision(prediction.dtype):
                return np.array(jax.grad(lambda point: of_examples(point, target, arguments).sum())(jnp.array(prediction)))

        none = {"reduction": "none", **fixed}
        return FUNCTIONS.implements(formula, value, **none) + FUNCTIONS.implements(f"{formula}.grad", grad, **none)

    return make


OWN_NAMES = {"threshold": "delta"}


def triplet(obj: Any) -> Functions:
    """The triplet loss of every example, of distances."""

    def value(anchors: Any, positives: Any, negatives: Any, *, margin: float) -> Any:
        with precision(anchors.dtype):
            return np.array(obj(jnp.array(anchors), jnp.array(positives), jnp.array(negatives), margin=margin))

    return FUNCTIONS.implements("loss.triplet", value, reduction="none")


# --- gradients ------------------------------------------------------------------------------------------------------------------------


def clipping(formula: str, *, transposed: bool = False) -> Callable[[Any], Functions]:
    """A transformation of gradients by one number and, where it has one, by the weights; those of a unit are in a column there."""

    def make(obj: Any) -> Functions:
        def turn(values: Any) -> Any:
            return jnp.array(values).T if transposed else jnp.array(values)

        def call(grad: Any, weight: Any = None, **settings: float) -> Any:
            with precision(grad.dtype):
                rule, point = obj(*settings.values()), None if weight is None else turn(weight)
                clipped, _ = rule.update(turn(grad), rule.init(point), point)
                return np.array(clipped.T if transposed else clipped)

        return FUNCTIONS.implements(formula, call)

    return make


# --- schedules ------------------------------------------------------------------------------------------------------------------------


def rate(obj: Any, step: int, lr: Any, settings: Mapping[str, Any]) -> float:
    """Return the learning rate of a schedule with these settings."""
    with precision(np.float64):
        return float(obj(**settings)(jnp.asarray(step)))


def scales(boundaries: Any, factors: Any, *, lr: float) -> Mapping[str, Any]:
    """Factors by their boundaries; where two stand at one, their product."""
    products: dict[int, float] = {}
    for boundary, factor in zip(boundaries, factors, strict=True):
        products[int(np.ceil(boundary))] = products.get(int(np.ceil(boundary)), 1.0) * float(factor)
    return {"init_value": lr, "boundaries_and_scales": products}


def decayed(*, staircase: bool) -> Callable[..., Mapping[str, Any]]:
    """The settings of an exponential."""
    return lambda lr, factor, period: {"init_value": lr, "transition_steps": period, "decay_rate": factor, "staircase": staircase}


def line(end: float, lr: float, horizon: int) -> Mapping[str, Any]:
    """The settings of a straight line."""
    return {"init_value": lr, "end_value": end, "transition_steps": horizon}


def one_cycle(lr: float, end: float) -> Mapping[str, Any]:
    """The settings of a cycle, whose start is a share of the largest rate, and whose end a share of the start."""
    factors = {"div_factor": lr / START, "final_div_factor": START / end if end else np.inf}
    return {"transition_steps": int(RISE + FALL), "peak_value": lr, "pct_start": RISE / (RISE + FALL), **factors}


def warmup_cosine(start: float, lr: float, end: float, rise: int, fall: int) -> Mapping[str, Any]:
    """The settings of a line and a cosine; the decay has the updates of the warm-up in it."""
    return {"init_value": start, "peak_value": lr, "warmup_steps": rise, "decay_steps": rise + fall, "end_value": end}


# --- averages -------------------------------------------------------------------------------------------------------------------------


def debiased(obj: Any) -> Functions:
    """The average of what it is given, debiased as it is by default."""

    def call(theta: Any, state: DebiasedState, *, decay: float) -> tuple[Any, DebiasedState]:
        with precision(theta.dtype):
            rule = obj(decay)
            held = rule.init(jnp.array(theta))._replace(count=jnp.asarray(state.t, jnp.int32), ema=jnp.array(state.total))
            mean, held = rule.update(jnp.array(theta), held)
            return np.array(mean), DebiasedState(np.array(held.ema), int(held.count))

    return FUNCTIONS.implements("averaging.ema.debiased", call)


def incremental(obj: Any) -> Functions:
    """The average of weights; a step size is what is not kept."""

    def call(theta: Any, mean: Any, *, decay: float) -> Any:
        with precision(theta.dtype):
            return np.array(obj(jnp.array(theta), jnp.array(mean), 1 - decay))

    return FUNCTIONS.implements("averaging.ema", call)


FUNCTIONS.register(
    {
        "softmax_cross_entropy_with_integer_labels": loss("loss.softmax_xent.logits", "logits", "labels", smoothing=0.0),
        "sigmoid_binary_cross_entropy": loss("loss.logistic.binary", "logits", "targets"),
        "squared_error": loss("loss.squared", "predictions", "targets", half=False),
        "l2_loss": loss("loss.squared", "predictions", "targets", half=True),
        "huber_loss": loss("loss.huber", "predictions", "targets"),
        "kl_divergence": loss("loss.kl", "log_probabilities", "targets"),
        "triplet_margin_loss": triplet,
        "clip": clipping("optimizers.clip.value"),
        "clip_by_block_rms": clipping("optimizers.clip.rms"),
        "adaptive_grad_clip": clipping("optimizers.clip.adaptive", transposed=True),
        "constant_schedule": FUNCTIONS.schedule("schedule.constant", rate, lambda lr: {"value": lr}),
        "exponential_decay": several(
            FUNCTIONS.schedule("schedule.exponential.per_period", rate, decayed(staircase=False)),
            FUNCTIONS.schedule("schedule.step", rate, decayed(staircase=True)),
        ),
        "piecewise_constant_schedule": FUNCTIONS.schedule("schedule.piecewise_constant", rate, scales),
        "linear_schedule": several(
            FUNCTIONS.schedule("schedule.linear", rate, line),
            FUNCTIONS.schedule(
                "schedule.warmup.linear",
                rate,
                lambda start, lr, horizon: {"init_value": start, "end_value": lr, "transition_steps": horizon},
            ),
        ),
        "polynomial_schedule": FUNCTIONS.schedule(
            "schedule.polynomial",
            rate,
            lambda end, lr, horizon, power: {"init_value": lr, "end_value": end, "transition_steps": horizon, "power": power},
        ),
        "cosine_decay_schedule": FUNCTIONS.schedule(
            "schedule.cosine", rate, lambda end, lr, horizon: {"init_value": lr, "decay_steps": horizon, "alpha": end / lr}
        ),
        "cosine_onecycle_schedule": FUNCTIONS.schedule("schedule.one_cycle", rate, one_cycle, start=START, rise=RISE, fall=FALL),
        "warmup_cosine_decay_schedule": FUNCTIONS.schedule("schedule.warmup.cosine", rate, warmup_cosine),
        "ema": debiased,
        "incremental_update": incremental,
    }
)
