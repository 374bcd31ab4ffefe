"""Functions of torch as formulas of the reference: layers, losses, initializers, schedules and averages, gradients through autograd.

torch keeps weights as (out, in), as the reference's initialization does; weight normalization has columns there, and is transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn.utils import parametrizations

from ....reference.averaging import SwaState
from ....reference.normalization import RunningStats
from ....reference.schedules import PlateauState
from ..implementation import FunctionSubject

Functions = tuple[FunctionSubject, ...]


def functions(found: Any) -> Functions | None:
    """The formulas that a class or a function stands for, by its name or that of a base class; none is known of the rest."""
    family = found.__mro__ if isinstance(found, type) else (found,)
    for one in family:
        known = TABLE.get(getattr(one, "__name__", ""))
        if known and str(getattr(one, "__module__", "")).startswith("torch"):
            return known(found)
    return None


def claims(formula: str, call: Callable[..., Any], **fixed: Any) -> FunctionSubject:
    """A function that claims to be a formula, some of whose arguments it takes for given."""
    return FunctionSubject(call, formula, fixed, "torch")


def tensor(value: Any, *, slope: bool = False) -> Any:
    """An array as a tensor of its own."""
    return torch.tensor(np.asarray(value), requires_grad=slope)


def arrays(values: Any) -> tuple[Any, ...]:
    """Tensors as arrays."""
    return tuple(one.detach().numpy().copy() for one in values)


# --- layers ---------------------------------------------------------------------------------------------------------------------------


def with_values(layer: Any, dtype: Any, **values: Any) -> Any:
    """A layer of one dtype whose parameters and buffers have these values."""
    layer = layer.to(getattr(torch, np.dtype(dtype).name))
    with torch.no_grad():
        for name, value in values.items():
            getattr(layer, name).copy_(tensor(value))
    return layer


def slopes(layer: Any, dy: Any, x: Any, *names: str) -> tuple[Any, ...]:
    """The gradients by the input and by parameters, in the input's shape."""
    point = tensor(x, slope=True)
    layer(point).backward(tensor(dy))
    return arrays((point.grad, *(getattr(layer, name).grad for name in names)))


def norm(formula: str, make: Callable[..., Any], flat: Callable[[Any], Any] = lambda x: x, slope: str = "") -> Functions:
    """A layer that normalizes by what it is given, and its gradients; `flat` brings arrays to the shape that it takes."""

    def forward(x: Any, gamma: Any, beta: Any, **settings: Any) -> Any:
        layer = with_values(make(x, **settings), x.dtype, weight=gamma, bias=beta)
        return layer(tensor(flat(x))).detach().numpy().reshape(x.shape)

    def backward(dy: Any, x: Any, gamma: Any, **settings: Any) -> Any:
        layer = with_values(make(x, **settings), x.dtype, weight=gamma)
        dx, *others = slopes(layer, flat(dy), flat(x), "weight", "bias")
        return (dx.reshape(x.shape), *others)

    return claims(formula, forward), claims(slope or f"{formula}.backward", backward)


def batch_norm(kind: Any, training: Functions, flat: Callable[[Any], Any]) -> Functions:
    """Batch normalization: in training, by running statistics, and these themselves, of which the variance is the unbiased one."""

    def tested(x: Any, gamma: Any, mean: Any, var: Any, eps: float, **beta: Any) -> Any:
        layer = kind(x.shape[1], eps=eps).eval()
        return with_values(layer, x.dtype, weight=gamma, running_mean=mean, running_var=var, **beta)

    def inference(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, *, eps: float) -> Any:
        return tested(x, gamma, mean, var, eps, bias=beta)(tensor(flat(x))).detach().numpy().reshape(x.shape)

    def inference_backward(dy: Any, x: Any, gamma: Any, mean: Any, var: Any, *, eps: float) -> Any:
        dx, *others = slopes(tested(x, gamma, mean, var, eps), flat(dy), flat(x), "weight", "bias")
        return (dx.reshape(x.shape), *others)

    def running(state: RunningStats, x: Any, *, momentum: float) -> RunningStats:
        layer = with_values(kind(x.shape[1], momentum=momentum), x.dtype, running_mean=state.mean, running_var=state.var)
        layer(tensor(flat(x)))
        return RunningStats(*arrays((layer.running_mean, layer.running_var)))

    return (
        *training,
        claims("norm.batch.inference", inference),
        claims("norm.batch.inference.backward", inference_backward),
        claims("norm.batch.running.new_weight", running, correction=1),
    )


def rms_norm(kind: Any) -> Functions:
    """RMS normalization, which has no shift."""

    def forward(x: Any, gamma: Any, *, eps: float) -> Any:
        return with_values(kind(x.shape[1], eps=eps), x.dtype, weight=gamma)(tensor(x)).detach().numpy()

    def backward(dy: Any, x: Any, gamma: Any, *, eps: float) -> Any:
        return slopes(with_values(kind(x.shape[1], eps=eps), x.dtype, weight=gamma), dy, x, "weight")

    return claims("norm.rms", forward), claims("norm.rms.backward", backward)


def weight_norm(function: Any) -> Functions:
    """Weight normalization of a linear layer: rows of its weight are columns here."""

    def layer(v: Any, g: Any) -> Any:
        with torch.random.fork_rng(devices=[]):  # a layer draws weights when it is made
            made = function(torch.nn.Linear(*v.shape, bias=False, dtype=getattr(torch, v.dtype.name)))
        lengths, directions = parts(made)
        with torch.no_grad():
            lengths.copy_(tensor(g)[:, None])
            directions.copy_(tensor(v).T)
        return made

    def parts(made: Any) -> tuple[Any, Any]:
        if function is parametrizations.weight_norm:
            return made.parametrizations.weight.original0, made.parametrizations.weight.original1
        return made.weight_g, made.weight_v

    def forward(v: Any, g: Any) -> Any:
        made = layer(v, g)
        return made(torch.eye(len(v), dtype=parts(made)[1].dtype)).detach().numpy()

    def backward(dw: Any, v: Any, g: Any) -> Any:
        made = layer(v, g)
        made(torch.eye(len(v), dtype=parts(made)[1].dtype)).backward(tensor(dw))
        dg, dv = (one.grad.numpy() for one in parts(made))
        return dv.T.copy(), dg[:, 0].copy()

    return claims("norm.weight", forward), claims("norm.weight.backward", backward)


def same(x: Any) -> Any:
    """As it is."""
    return x


def image(x: Any) -> Any:
    """A batch of one place an image."""
    return x[:, :, None, None] if x.ndim == 2 else x


def sequence(x: Any) -> Any:
    """An image as a sequence of places."""
    return x.reshape(*x.shape[:2], -1)


# --- losses and activations -----------------------------------------------------------------------------------------------------------


def loss(formula: str, evaluate: Callable[..., Any], **fixed: Any) -> Functions:
    """A loss of predictions and targets, and its gradient by the predictions: that of the sum where nothing is reduced."""
    of, at = PAIRS.get(formula, ("predictions", "targets"))

    def value(**given: Any) -> Any:
        return evaluate(tensor(given.pop(of)), tensor(given.pop(at)), **given).numpy()

    def grad(**given: Any) -> Any:
        point = tensor(given.pop(of), slope=True)
        evaluate(point, tensor(given.pop(at)), **given).sum().backward()
        return point.grad.numpy()

    return claims(formula, value, **fixed), claims(f"{formula}.grad", grad, **fixed)


PAIRS = {"loss.softmax_xent.logits": ("logits", "labels"), "loss.logistic.binary": ("logits", "targets")}


def cross_entropy(found: Any) -> Functions:
    """The cross-entropy of labels from logits."""

    def evaluate(logits: Any, labels: Any, *, reduction: str, smoothing: float = 0.0) -> Any:
        return called(found, logits, labels, reduction=reduction, label_smoothing=float(smoothing))

    return loss("loss.softmax_xent.logits", evaluate)


def called(found: Any, prediction: Any, target: Any, **settings: Any) -> Any:
    """A loss by its class or by its function."""
    return found(**settings)(prediction, target) if isinstance(found, type) else found(prediction, target, **settings)


def binary_cross_entropy(found: Any) -> Functions:
    """The cross-entropy of two classes, of one logit an example."""
    return loss("loss.logistic.binary", lambda logits, targets, reduction: called(found, logits, targets, reduction=reduction))


def elementwise(formula: str, names: Mapping[str, str], **fixed: Any) -> Callable[[Any], Functions]:
    """A loss of entries in its default form, the mean over all of them; unreduced it has another shape than the formula's."""

    def make(found: Any) -> Functions:
        def evaluate(prediction: Any, target: Any, **settings: Any) -> Any:
            return called(found, prediction, target, **{names.get(name, name): value for name, value in settings.items()})

        return loss(formula, evaluate, **{"reduction": "mean", **fixed})

    return make


def soft_margin(found: Any) -> Functions:
    """The logistic loss of labels ±1, of a linear model."""

    def value(weights: Any, inputs: Any, signs: Any, *, reduction: str) -> Any:
        return called(found, tensor(inputs) @ tensor(weights), tensor(signs), reduction=reduction).numpy()

    def grad(weights: Any, inputs: Any, signs: Any, *, reduction: str) -> Any:
        def of(point: Any) -> Any:
            return called(found, tensor(inputs) @ point, tensor(signs), reduction=reduction)

        return torch.autograd.functional.jacobian(of, tensor(weights)).numpy()

    return claims("loss.logistic", value), claims("loss.logistic.grad", grad)


def activation(formula: str, argument: str, **settings: Any) -> Callable[[Any], Functions]:
    """A function of one array."""

    def make(found: Any) -> Functions:
        def call(**given: Any) -> Any:
            x = tensor(given[argument])
            return (found(**settings)(x) if isinstance(found, type) else found(x, **settings)).numpy()

        return (claims(formula, call),)

    return make


# --- initializers ---------------------------------------------------------------------------------------------------------------------


@contextmanager
def seeded(source: np.random.Generator) -> Iterator[None]:
    """Random numbers that follow from a source, and those of before again afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(source.integers(2**31)))
        yield


def initializer(formula: str, settings: Callable[..., Mapping[str, Any]] = lambda shape, **given: given, **fixed: Any) -> Any:
    """A function that fills a weight, whose settings follow from those of a formula."""

    def make(found: Any) -> Functions:
        def call(source: np.random.Generator, fan_out: int, fan_in: int, **given: Any) -> Any:
            weight = torch.empty(fan_out, fan_in, dtype=torch.float64)
            with seeded(source):
                found(weight, **settings((fan_out, fan_in), **given))
            return weight.numpy()

        return (claims(formula, call, **fixed),)

    return make


def linear(kind: Any) -> Functions:
    """How a linear layer starts."""

    def call(source: np.random.Generator, fan_out: int, fan_in: int) -> Any:
        with seeded(source):
            return kind(fan_in, fan_out, dtype=torch.float64).weight.detach().numpy()

    return (claims("init.uniform_fan_in", call),)


# --- schedules ------------------------------------------------------------------------------------------------------------------------


def idle(lr: float) -> Any:
    """An optimizer that nothing moves, for the sake of its rate."""
    return torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=lr)


def schedule(formula: str, settings: Callable[..., Mapping[str, Any]], **fixed: Any) -> Any:
    """A scheduler, stepped once an update; its settings follow from those of a formula."""

    def make(kind: Any) -> Functions:
        def call(step: int, lr: float, **given: Any) -> float:
            optimizer = idle(lr)
            made = kind(optimizer, **settings(lr, **given))
            for _ in range(step):
                optimizer.step()
                made.step()
            return float(optimizer.param_groups[0]["lr"])

        return (claims(formula, call, **fixed),)

    return make


def plateau(kind: Any) -> Functions:
    """The rate that falls when losses do, in its default form: better is a share of the best."""

    def call(loss: float, state: PlateauState, *, factor: float, patience: int, relative: float = 0.0) -> PlateauState:
        optimizer = idle(float(state.lr))
        made = kind(optimizer, factor=factor, patience=patience, threshold=relative, threshold_mode="rel")
        made.best, made.num_bad_epochs = float(state.best), int(state.bad)
        made.step(loss)
        return PlateauState(optimizer.param_groups[0]["lr"], made.best, made.num_bad_epochs)

    return (claims("schedule.plateau", call, threshold=0.0),)


# --- averages -------------------------------------------------------------------------------------------------------------------------


class Point(torch.nn.Module):
    """A model of one array."""

    def __init__(self, theta: Any) -> None:
        super().__init__()
        self.theta = torch.nn.Parameter(tensor(theta))


def averaged(theta: Any, mean: Any, models: int, **settings: Any) -> Any:
    """The average after one model more, of what it is after so many."""
    kept = torch.optim.swa_utils.AveragedModel(Point(mean), **settings)
    kept.n_averaged.fill_(models)
    kept.update_parameters(Point(theta))
    return kept


def swa(kind: Any) -> Functions:
    """The plain mean of models."""

    def call(theta: Any, state: SwaState) -> SwaState:
        kept = averaged(theta, state.mean, state.models)
        return SwaState(kept.module.theta.detach().numpy(), int(kept.n_averaged))

    return (claims("averaging.swa", call),)


def ema(argument: str) -> Callable[[Any], Functions]:
    """The moving average of models; its first update, which copies the model, lies behind it."""

    def make(found: Any) -> Functions:
        def call(theta: Any, mean: Any, *, decay: float) -> Any:
            return averaged(theta, mean, 1, **{argument: found(decay)}).module.theta.detach().numpy()

        return (claims("averaging.ema", call),)

    return make


MILESTONES, GAMMA = (2.0, 5.0, 9.0), 0.5


def in_training(kind: Any) -> Functions:
    """Batch normalization of features by the batch itself."""
    return norm("norm.batch.affine", lambda x, eps: kind(x.shape[1], eps=eps), slope="norm.batch.backward")


TABLE: Mapping[str, Callable[[Any], Functions]] = {
    "BatchNorm1d": lambda kind: batch_norm(kind, in_training(kind), same),
    "BatchNorm2d": lambda kind: batch_norm(kind, norm("norm.batch.conv", lambda x, eps: kind(x.shape[1], eps=eps)), image),
    "LayerNorm": lambda kind: norm("norm.layer", lambda x, eps: kind(x.shape[1], eps=eps)),
    "GroupNorm": lambda kind: norm("norm.group", lambda x, groups, eps: kind(groups, x.shape[1], eps=eps)),
    "InstanceNorm1d": lambda kind: norm("norm.instance", lambda x, eps: kind(x.shape[1], eps=eps, affine=True), sequence),
    "InstanceNorm2d": lambda kind: norm("norm.instance", lambda x, eps: kind(x.shape[1], eps=eps, affine=True)),
    "RMSNorm": rms_norm,
    "weight_norm": weight_norm,
    "CrossEntropyLoss": cross_entropy,
    "cross_entropy": cross_entropy,
    "BCEWithLogitsLoss": binary_cross_entropy,
    "binary_cross_entropy_with_logits": binary_cross_entropy,
    "MSELoss": elementwise("loss.squared", {}, half=False),
    "mse_loss": elementwise("loss.squared", {}, half=False),
    "HuberLoss": elementwise("loss.huber", {"threshold": "delta"}),
    "huber_loss": elementwise("loss.huber", {"threshold": "delta"}),
    "SoftMarginLoss": soft_margin,
    "soft_margin_loss": soft_margin,
    "Softmax": activation("loss.softmax", "logits", dim=-1),
    "softmax": activation("loss.softmax", "logits", dim=-1),
    "Sigmoid": activation("loss.sigmoid", "z"),
    "sigmoid": activation("loss.sigmoid", "z"),
    "normal_": initializer("init.random_gaussian_uniform"),
    "uniform_": initializer("init.random_uniform", lambda shape, half_width: {"a": -half_width, "b": half_width}),
    "xavier_uniform_": initializer("init.xavier.uniform"),
    "xavier_normal_": initializer("init.xavier.normal"),
    "kaiming_uniform_": initializer("init.he.uniform"),
    "kaiming_normal_": initializer("init.he.normal"),
    "trunc_normal_": initializer(
        "init.truncated_normal", lambda shape, std, cut: {"std": std, "a": -cut * std, "b": cut * std}, spread=1.0
    ),
    "orthogonal_": initializer("init.orthogonal"),
    "sparse_": initializer("init.sparse", lambda shape, count, std=1.0: {"sparsity": 1 - count / shape[1], "std": std}),
    "Linear": linear,
    "StepLR": schedule("schedule.step", lambda lr, factor, period: {"step_size": period, "gamma": factor}),
    "MultiStepLR": schedule(
        "schedule.piecewise_constant",
        lambda lr: {"milestones": [int(one) for one in MILESTONES], "gamma": GAMMA},
        boundaries=np.array(MILESTONES),
        factors=np.full(len(MILESTONES), GAMMA),
    ),
    "ExponentialLR": schedule("schedule.exponential", lambda lr, decay: {"gamma": np.exp(-decay)}),
    "LinearLR": schedule("schedule.linear", lambda lr, end, horizon: {"start_factor": 1.0, "end_factor": end / lr, "total_iters": horizon}),
    "PolynomialLR": schedule("schedule.linear", lambda lr, horizon: {"total_iters": horizon, "power": 1.0}, end=0.0),
    "ReduceLROnPlateau": plateau,
    "AveragedModel": swa,
    "get_ema_avg_fn": ema("avg_fn"),
    "get_ema_multi_avg_fn": ema("multi_avg_fn"),
}
