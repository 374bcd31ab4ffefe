"""Functions of optax as formulas of the reference: losses, of which it reduces nothing, schedules and averages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ....reference.averaging import DebiasedState
from ..implementation import FunctionSubject
from .jax import precision

Functions = tuple[FunctionSubject, ...]


def functions(found: Any) -> Functions | None:
    """The formulas that a function stands for, by its name; none is known of the rest."""
    known = TABLE.get(getattr(found, "__name__", ""))
    return known(found) if known else None


def claims(formula: str, call: Callable[..., Any], **fixed: Any) -> FunctionSubject:
    """A function that claims to be a formula, some of whose arguments it takes for given."""
    return FunctionSubject(call, formula, fixed, "optax")


# --- losses ---------------------------------------------------------------------------------------------------------------------------


def loss(formula: str, of: str, at: str, **fixed: Any) -> Callable[[Any], Functions]:
    """A loss of every example, and its gradient; of outputs that it takes one by one, the adapter adds up what an example has."""

    def make(found: Any) -> Functions:
        def of_examples(point: Any, target: Any, settings: Mapping[str, Any]) -> Any:
            losses = found(point, jnp.array(target), **{THEIRS.get(name, name): value for name, value in settings.items()})
            return losses.sum(1) if losses.ndim == 2 else losses

        def value(**given: Any) -> Any:
            prediction, target = given.pop(of), given.pop(at)
            with precision(prediction.dtype):
                return np.array(of_examples(jnp.array(prediction), target, given))

        def grad(**given: Any) -> Any:
            prediction, target = given.pop(of), given.pop(at)
            with precision(prediction.dtype):
                return np.array(jax.grad(lambda point: of_examples(point, target, given).sum())(jnp.array(prediction)))

        none = {"reduction": "none", **fixed}
        return claims(formula, value, **none), claims(f"{formula}.grad", grad, **none)

    return make


THEIRS = {"threshold": "delta"}


# --- schedules ------------------------------------------------------------------------------------------------------------------------


def schedule(formula: str, settings: Callable[..., Mapping[str, Any]]) -> Callable[[Any], FunctionSubject]:
    """A schedule, asked at the count of the updates before; its settings follow from those of a formula."""

    def make(found: Any) -> FunctionSubject:
        def call(step: int, **given: Any) -> float:
            with precision(np.float64):
                return float(found(**settings(**given))(jnp.asarray(step)))

        return claims(formula, call)

    return make


def every(*makers: Callable[[Any], FunctionSubject]) -> Callable[[Any], Functions]:
    """One function that is several formulas, by its settings."""
    return lambda found: tuple(make(found) for make in makers)


def scales(boundaries: Any, factors: Any, *, lr: float) -> Mapping[str, Any]:
    """Factors by their boundaries; where two stand at one, their product."""
    products: dict[int, float] = {}
    for boundary, factor in zip(boundaries, factors, strict=True):
        products[int(np.ceil(boundary))] = products.get(int(np.ceil(boundary)), 1.0) * float(factor)
    return {"init_value": lr, "boundaries_and_scales": products}


def decayed(*, staircase: bool) -> Callable[..., Mapping[str, Any]]:
    """The settings of an exponential."""
    return lambda lr, factor, period: {"init_value": lr, "transition_steps": period, "decay_rate": factor, "staircase": staircase}


def line(**settings: Any) -> Callable[..., Mapping[str, Any]]:
    """The settings of a straight line."""
    return lambda end, lr, horizon: {"init_value": lr, "end_value": end, "transition_steps": horizon, **settings}


# --- averages -------------------------------------------------------------------------------------------------------------------------


def debiased(found: Any) -> Functions:
    """The average of what it is given, debiased as it is by default."""

    def call(theta: Any, state: DebiasedState, *, decay: float) -> tuple[Any, DebiasedState]:
        with precision(theta.dtype):
            rule = found(decay)
            held = rule.init(jnp.array(theta))._replace(count=jnp.asarray(state.t, jnp.int32), ema=jnp.array(state.total))
            mean, held = rule.update(jnp.array(theta), held)
            return np.array(mean), DebiasedState(np.array(held.ema), int(held.count))

    return (claims("averaging.ema.debiased", call),)


def incremental(found: Any) -> Functions:
    """The average of weights; a step size is what is not kept."""

    def call(theta: Any, mean: Any, *, decay: float) -> Any:
        with precision(theta.dtype):
            return np.array(found(jnp.array(theta), jnp.array(mean), 1 - decay))

    return (claims("averaging.ema", call),)


TABLE: Mapping[str, Callable[[Any], Functions]] = {
    "softmax_cross_entropy_with_integer_labels": loss("loss.softmax_xent.logits", "logits", "labels", smoothing=0.0),
    "sigmoid_binary_cross_entropy": loss("loss.logistic.binary", "logits", "targets"),
    "squared_error": loss("loss.squared", "predictions", "targets", half=False),
    "l2_loss": loss("loss.squared", "predictions", "targets", half=True),
    "huber_loss": loss("loss.huber", "predictions", "targets"),
    "constant_schedule": every(schedule("schedule.constant", lambda lr: {"value": lr})),
    "exponential_decay": every(
        schedule("schedule.exponential.per_period", decayed(staircase=False)), schedule("schedule.step", decayed(staircase=True))
    ),
    "piecewise_constant_schedule": every(schedule("schedule.piecewise_constant", scales)),
    "linear_schedule": every(schedule("schedule.linear", line())),
    "polynomial_schedule": every(schedule("schedule.linear", line(power=1))),
    "ema": debiased,
    "incremental_update": incremental,
}
