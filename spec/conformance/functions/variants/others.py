"""Variants of losses, schedules, averages, data and curvature, formula by formula."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from .....reference import FORMULAS
from . import add, variant


def raw(identifier: str) -> Callable[..., Any]:
    """A formula as it is written."""
    return FORMULAS[identifier].raw


# --- losses -------------------------------------------------------------------------------------------------------------------------------

REDUCED = [
    one
    for one, formula in FORMULAS.items()
    if one.startswith("loss.") and "reduction" in formula.raw.__code__.co_varnames and one != "loss.reduction"
]


def by_entry(identifier: str, reduction: Any, **arguments: Any) -> Any:
    """The mean over all entries of the loss or its slopes, where the examples alone should count."""
    total = raw(identifier)(**arguments, reduction="sum")
    first = next(one for one in arguments.values() if isinstance(one, np.ndarray) and one.ndim == 2)
    if reduction == "mean":
        return total / first.size
    return raw(identifier)(**arguments, reduction=reduction)


for one in (
    "loss.squared",
    "loss.squared.grad",
    "loss.huber",
    "loss.huber.grad",
    "loss.softmax_xent.logits",
    "loss.softmax_xent.logits.grad",
):
    add(
        one,
        label="mean-by-entry",
        words="with the mean over all entries in the place of the examples",
        function=partial(by_entry, one),
        axes={"mean": "entries"},
    )


def gradient_reduced_otherwise(identifier: str, asked: str, given: str, reduction: Any, **arguments: Any) -> Any:
    """One reduction in the place of another."""
    return raw(identifier)(**arguments, reduction=given if reduction == asked else reduction)


for one, (asked, given) in itertools.product(REDUCED, (("mean", "sum"), ("sum", "mean"))):
    add(
        one,
        label=f"{given}-for-{asked}",
        words=f"with the {given} where the {asked} is asked for",
        function=partial(gradient_reduced_otherwise, one, asked, given),
        axes={"reduction": f"{given}-for-{asked}"},
    )


@variant("loss.softmax", words="along the first axis", axis="first")
def along_the_first_axis(logits: Any) -> Any:
    """Over the examples."""
    weights = np.exp(logits - np.max(logits, axis=0, keepdims=True))
    return weights / np.sum(weights, axis=0, keepdims=True)


@variant("loss.softmax", words="over all entries", axis="all")
def over_all(logits: Any) -> Any:
    """One distribution for the whole batch."""
    weights = np.exp(logits - np.max(logits))
    return weights / np.sum(weights)


@variant("loss.softmax.jacobian", words="without the diagonal term", terms="no-diagonal")
def no_diagonal(logits: Any) -> Any:
    """−pⱼ pₖ alone."""
    p = raw("loss.softmax")(logits)
    return -np.expand_dims(p, -1) * np.expand_dims(p, -2)


def probabilities(labels: Any, logits: Any) -> Any:
    """1 in the class of each example."""
    return np.arange(logits.shape[1]) == np.expand_dims(labels, 1)


@variant("loss.softmax_xent.logits", words="of probabilities, not logits", inputs="probabilities")
def of_probabilities(logits: Any, labels: Any, reduction: Any, smoothing: Any = 0) -> Any:
    """The softmax left out."""
    return raw("loss.softmax_xent.logits")(np.log(np.abs(logits)), labels, reduction=reduction, smoothing=smoothing)


@variant("loss.softmax_xent.logits", words="with the softmax taken twice", inputs="softmax-twice")
def softmax_twice(logits: Any, labels: Any, reduction: Any, smoothing: Any = 0) -> Any:
    """Logits that are probabilities already."""
    return raw("loss.softmax_xent.logits")(raw("loss.softmax")(logits), labels, reduction=reduction, smoothing=smoothing)


@variant("loss.softmax_xent.logits", words="with the smoothing shared among the other classes alone", smoothing="others")
def smoothed_among_others(logits: Any, labels: Any, reduction: Any, smoothing: Any = 0) -> Any:
    """s/(K − 1) for each other class."""
    k = logits.shape[1]
    return raw("loss.softmax_xent.logits")(logits, labels, reduction=reduction, smoothing=smoothing * k / (k - 1))


@variant("loss.softmax_xent.logits.grad", words="with the smoothing shared among the other classes alone", smoothing="others")
def grad_smoothed_among_others(logits: Any, labels: Any, reduction: Any, smoothing: Any = 0) -> Any:
    """s/(K − 1) for each other class."""
    k = logits.shape[1]
    return raw("loss.softmax_xent.logits.grad")(logits, labels, reduction=reduction, smoothing=smoothing * k / (k - 1))


@variant("loss.softmax_xent.logits.grad", words="without the labels: the probabilities alone", terms="no-labels")
def no_labels(logits: Any, labels: Any, reduction: Any, smoothing: Any = 0) -> Any:
    """The labels are not taken off."""
    return raw("loss.softmax")(logits) / (logits.shape[0] if reduction == "mean" else 1)


@variant("loss.sigmoid", words="by the hyperbolic tangent, without its halves", form="tanh")
def by_tanh(z: Any) -> Any:
    """(1 + tanh z)/2, that is σ(2 z)."""
    return (1 + np.tanh(z)) / 2


@variant("loss.logistic.binary", words="of probabilities, not logits", inputs="probabilities")
def binary_of_probabilities(logits: Any, targets: Any, reduction: Any) -> Any:
    """The sigmoid left out."""
    p = np.abs(logits)
    return raw("loss.reduction")(-(targets * np.log(p) + (1 - targets) * np.log(np.abs(1 - p))), reduction=reduction)


@variant("loss.logistic.binary", words="with the sigmoid taken twice", inputs="sigmoid-twice")
def sigmoid_twice(logits: Any, targets: Any, reduction: Any) -> Any:
    """Logits that are probabilities already."""
    return raw("loss.logistic.binary")(raw("loss.sigmoid")(logits), targets, reduction=reduction)


@variant("loss.huber", words="without the shift that joins the two branches", terms="no-join")
def not_joined(predictions: Any, targets: Any, threshold: Any, reduction: Any) -> Any:
    """δ |r| beyond δ."""
    size = np.abs(predictions - targets)
    losses = np.where(size <= threshold, size**2 / 2, threshold * size)
    return raw("loss.reduction")(np.sum(losses, axis=1), reduction=reduction)


@variant("loss.huber", words="divided by the threshold: the smooth L1 loss", scale="smooth-l1")
def smooth_l1(predictions: Any, targets: Any, threshold: Any, reduction: Any) -> Any:
    """Slope ±1 beyond δ."""
    return raw("loss.huber")(predictions, targets, threshold=threshold, reduction=reduction) / threshold


@variant("loss.huber", words="without the half: r² within the threshold", scale="no-half")
def no_half(predictions: Any, targets: Any, threshold: Any, reduction: Any) -> Any:
    """r² where |r| ≤ δ, δ (|r| − δ/2) beyond."""
    size = np.abs(predictions - targets)
    losses = np.where(size <= threshold, size**2, threshold * (size - threshold / 2))
    return raw("loss.reduction")(np.sum(losses, axis=1), reduction=reduction)


@variant("loss.squared", words="with the distance in the place of its square", power="root")
def distance(predictions: Any, targets: Any, half: Any, reduction: Any) -> Any:
    """The root of each example's sum."""
    sizes = np.sqrt(np.sum((predictions - targets) ** 2, axis=1))
    return raw("loss.reduction")(sizes / (2 if half else 1), reduction=reduction)


# --- schedules ----------------------------------------------------------------------------------------------------------------------------


@variant("schedule.step", words="smooth, not a staircase", staircase="smooth")
def smooth(step: Any, lr: Any, factor: Any, period: Any) -> Any:
    """factor to the power k/T."""
    return lr * factor ** (step / period)


@variant("schedule.exponential.per_period", words="a staircase, not smooth", staircase="staircase")
def staircase(step: Any, lr: Any, factor: Any, period: Any) -> Any:
    """factor to the power ⌊k/T⌋."""
    return lr * factor ** (step // period)


@variant("schedule.linear", words="not held at the end after the horizon", horizon="goes-on")
def not_held(step: Any, end: Any, lr: Any, horizon: Any) -> Any:
    """The line goes on."""
    return lr + (end - lr) * step / horizon


@variant("schedule.linear", words="falling to 0 before the floor at the end value", horizon="floor")
def to_zero_with_floor(step: Any, end: Any, lr: Any, horizon: Any) -> Any:
    """max(η₀ (1 − k/τ), η_τ)."""
    return np.maximum(lr * (1 - np.minimum(step, horizon) / horizon), end)


@variant("schedule.linear", words="with the horizon one update sooner", horizon="sooner")
def horizon_less_one(step: Any, end: Any, lr: Any, horizon: Any) -> Any:
    """The end value is reached at τ − 1."""
    return raw("schedule.linear")(step=step, end=end, lr=lr, horizon=np.maximum(horizon - 1, 1))


@variant("schedule.inverse_time", words="a power of the number of updates, not a quotient", form="exponential")
def exponential(step: Any, lr: Any, decay: Any) -> Any:
    """η₀ (1 + λ)^(−k)."""
    return lr / (1 + decay) ** step


@variant("schedule.exponential", words="with the decay as a factor for each update", form="power")
def as_a_power(step: Any, lr: Any, decay: Any) -> Any:
    """η₀ λᵏ."""
    return lr * decay**step


# --- averages -----------------------------------------------------------------------------------------------------------------------------


@variant("averaging.ema", words="with the new value added whole", weight="sum")
def added(theta: Any, mean: Any, decay: Any) -> Any:
    """ρ m + θ."""
    return decay * mean + theta


@variant("averaging.ema.debiased", words="without the correction", correction="missing")
def uncorrected(theta: Any, state: Any, decay: Any) -> Any:
    """The average from 0 as it stands."""
    found = raw("averaging.ema.debiased")(theta, state, decay=decay)
    inner = decay * state[0] + (1 - decay) * theta
    return (found[0] * 0 + inner, found[1]) if isinstance(found, tuple) else inner


# --- data ---------------------------------------------------------------------------------------------------------------------------------


def fitted(statistic: Callable[[Any], Any], data: Any, ddof: Any = 0) -> Any:
    """Means and what stands for the deviations."""
    return np.mean(data, axis=0), statistic(data)


for label, words, statistic in (
    ("variance", "with the variance in the place of the deviation", lambda x: np.mean((x - np.mean(x, axis=0)) ** 2, axis=0)),
    ("biased", "with the deviation over n, whatever ddof says", lambda x: np.sqrt(np.mean((x - np.mean(x, axis=0)) ** 2, axis=0))),
    (
        "unbiased",
        "with the deviation over n − 1, whatever ddof says",
        lambda x: np.sqrt(np.sum((x - np.mean(x, axis=0)) ** 2, axis=0) / (len(x) - 1)),
    ),
    ("over-all", "with one deviation for all features", lambda x: np.sqrt(np.mean((x - np.mean(x)) ** 2)) + 0 * x[0]),
    ("absolute", "with the mean distance in the place of the deviation", lambda x: np.mean(np.abs(x - np.mean(x, axis=0)), axis=0)),
):
    add("data.standardize.fit", label=label, words=words, function=partial(fitted, statistic), axes={"deviation": label})


# --- curvature ----------------------------------------------------------------------------------------------------------------------------

SCALES: Mapping[str, tuple[str, Callable[..., Any]]] = {
    "gradient": (
        "as yᵀy / sᵀy, the inverse of the usual one",
        lambda step, grad_change: np.sum(grad_change**2) / np.sum(step * grad_change),
    ),
    "barzilai-borwein": (
        "as sᵀs / sᵀy, the longer step of Barzilai and Borwein",
        lambda step, grad_change: np.sum(step**2) / np.sum(step * grad_change),
    ),
    "one": ("as 1", lambda step, grad_change: np.sum(step**2) / np.sum(step**2)),
}
for label, (words, function) in SCALES.items():
    add("optimizers.lbfgs.scale", label=label, words=words, function=function, axes={"first_scaling": label})
