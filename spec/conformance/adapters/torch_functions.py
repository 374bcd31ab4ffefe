"""Functions of torch as formulas of the reference: layers, losses and initializers; gradients through autograd.

torch keeps weights as (out, in), as the reference's initialization does; weight normalization has columns there, and is transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.nn.utils import parametrizations

from ....reference import FORMULAS
from ....reference.normalization import RunningStats
from . import Functions, several
from ._torch_arrays import FUNCTIONS, as_array, tensor
from .torch_schedules import START, ema, one_cycle, plateau, rate, swa

__all__ = ["FUNCTIONS"]

SELU = {"alpha": 1.6732632423543772, "scale": 1.0507009873554805}
MILESTONES, GAMMA = (2.0, 5.0, 9.0), 0.5


def arrays(values: Any) -> tuple[Any, ...]:
    """Return tensors as arrays."""
    return tuple(map(as_array, values))


# --- layers ---------------------------------------------------------------------------------------------------------------------------


def with_values(layer: Any, dtype: Any, **values: Any) -> Any:
    """Return a layer in one dtype whose parameters and buffers have these values."""
    layer = layer.to(getattr(torch, np.dtype(dtype).name))
    with torch.no_grad():
        for name, value in values.items():
            getattr(layer, name).copy_(tensor(value))
    return layer


def gradients(layer: Any, dy: Any, x: Any, *names: str) -> tuple[Any, ...]:
    """Return the gradients by the input and by parameters."""
    point = tensor(x, requires_grad=True)
    layer(point).backward(tensor(dy))
    return arrays((point.grad, *(getattr(layer, name).grad for name in names)))


def unchanged(x: Any) -> Any:
    """Return the input as it is."""
    return x


def as_image(x: Any) -> Any:
    """Return features as images of one pixel."""
    return x[:, :, None, None] if x.ndim == 2 else x


def as_sequence(x: Any) -> Any:
    """Return images as sequences of pixels."""
    return x.reshape(*x.shape[:2], -1)


def norm(formula: str, make: Callable[..., Any], reshape: Callable[[Any], Any] = unchanged, backward_id: str = "") -> Functions:
    """Return a layer that normalizes by the statistics of its input, and its gradients; `reshape` makes the shape that it takes."""

    def forward(x: Any, gamma: Any, beta: Any, **settings: Any) -> Any:
        layer = with_values(make(x, **settings), x.dtype, weight=gamma, bias=beta)
        return as_array(layer(tensor(reshape(x)))).reshape(x.shape)

    def backward(dy: Any, x: Any, gamma: Any, **settings: Any) -> Any:
        layer = with_values(make(x, **settings), x.dtype, weight=gamma)
        dx, *others = gradients(layer, reshape(dy), reshape(x), "weight", "bias")
        return (dx.reshape(x.shape), *others)

    return FUNCTIONS.implements(formula, forward) + FUNCTIONS.implements(backward_id or f"{formula}.backward", backward)


def batch_norm(kind: Any, training: Functions, reshape: Callable[[Any], Any]) -> Functions:
    """Return batch normalization in training, by running statistics, and these themselves, of which the variance is the unbiased one."""

    def in_evaluation(x: Any, gamma: Any, mean: Any, var: Any, eps: float, **beta: Any) -> Any:
        layer = kind(x.shape[1], eps=eps).eval()
        return with_values(layer, x.dtype, weight=gamma, running_mean=mean, running_var=var, **beta)

    def inference(x: Any, gamma: Any, beta: Any, mean: Any, var: Any, *, eps: float) -> Any:
        return as_array(in_evaluation(x, gamma, mean, var, eps, bias=beta)(tensor(reshape(x)))).reshape(x.shape)

    def inference_backward(dy: Any, x: Any, gamma: Any, mean: Any, var: Any, *, eps: float) -> Any:
        dx, *others = gradients(in_evaluation(x, gamma, mean, var, eps), reshape(dy), reshape(x), "weight", "bias")
        return (dx.reshape(x.shape), *others)

    def running(state: RunningStats, x: Any, *, momentum: float) -> RunningStats:
        layer = with_values(kind(x.shape[1], momentum=momentum), x.dtype, running_mean=state.mean, running_var=state.var)
        layer(tensor(reshape(x)))
        return RunningStats(*arrays((layer.running_mean, layer.running_var)))

    return (
        *training,
        *FUNCTIONS.implements("norm.batch.inference", inference),
        *FUNCTIONS.implements("norm.batch.inference.backward", inference_backward),
        *FUNCTIONS.implements("norm.batch.running.new_weight", running, correction=1),
    )


def batch_norm_of_features(kind: Any) -> Functions:
    """Return batch normalization of features."""
    training = norm("norm.batch.affine", lambda x, eps: kind(x.shape[1], eps=eps), backward_id="norm.batch.backward")
    return batch_norm(kind, training, unchanged)


def batch_norm_of_images(kind: Any) -> Functions:
    """Return batch normalization of the channels of images."""
    return batch_norm(kind, norm("norm.batch.conv", lambda x, eps: kind(x.shape[1], eps=eps)), as_image)


def rms_norm(kind: Any) -> Functions:
    """Return RMS normalization, which has no shift."""

    def forward(x: Any, gamma: Any, *, eps: float) -> Any:
        return as_array(with_values(kind(x.shape[-1], eps=eps), x.dtype, weight=gamma)(tensor(x)))

    def backward(dy: Any, x: Any, gamma: Any, *, eps: float) -> Any:
        return gradients(with_values(kind(x.shape[-1], eps=eps), x.dtype, weight=gamma), dy, x, "weight")

    return FUNCTIONS.implements("norm.rms", forward) + FUNCTIONS.implements("norm.rms.backward", backward)


def weight_norm(function: Any) -> Functions:
    """Return weight normalization of a linear layer: rows of its weight are columns here."""

    def parts(layer: Any) -> tuple[Any, Any]:
        if function is parametrizations.weight_norm:
            return layer.parametrizations.weight.original0, layer.parametrizations.weight.original1
        return layer.weight_g, layer.weight_v

    def normalized(v: Any, g: Any) -> Any:
        inputs, outputs = v.shape
        with torch.random.fork_rng(devices=[]):  # a new layer draws its weights
            layer = function(torch.nn.Linear(inputs, outputs, bias=False, dtype=getattr(torch, v.dtype.name)))
        lengths, directions = parts(layer)
        with torch.no_grad():
            lengths.copy_(tensor(g)[:, None])
            directions.copy_(tensor(v).T)
        return layer, layer(torch.eye(len(v), dtype=directions.dtype))

    def forward(v: Any, g: Any) -> Any:
        return as_array(normalized(v, g)[1])

    def backward(dw: Any, v: Any, g: Any) -> Any:
        layer, weight = normalized(v, g)
        weight.backward(tensor(dw))
        dg, dv = (part.grad.numpy() for part in parts(layer))
        return dv.T.copy(), dg[:, 0].copy()

    return FUNCTIONS.implements("norm.weight", forward) + FUNCTIONS.implements("norm.weight.backward", backward)


# --- losses and activations -----------------------------------------------------------------------------------------------------------


def call_loss(obj: Any, prediction: Any, target: Any, **settings: Any) -> Any:
    """Return a loss, by its class or by its function."""
    return obj(**settings)(prediction, target) if isinstance(obj, type) else obj(prediction, target, **settings)


def loss(formula: str, prediction_name: str, target_name: str, names: Mapping[str, str] = {}, **bound: Any) -> Callable[[Any], Functions]:
    """Return a maker for a loss and its gradient by the predictions: that of the sum where nothing is reduced."""

    def make(obj: Any) -> Functions:
        def evaluate(prediction: Any, arguments: dict[str, Any]) -> Any:
            target = tensor(arguments.pop(target_name))
            return call_loss(obj, prediction, target, **{names.get(name, name): value for name, value in arguments.items()})

        def value(**arguments: Any) -> Any:
            return as_array(evaluate(tensor(arguments.pop(prediction_name)), arguments))

        def grad(**arguments: Any) -> Any:
            point = tensor(arguments.pop(prediction_name), requires_grad=True)
            evaluate(point, arguments).sum().backward()
            return as_array(point.grad)

        return FUNCTIONS.implements(formula, value, **bound) + FUNCTIONS.implements(f"{formula}.grad", grad, **bound)

    return make


def soft_margin(obj: Any) -> Functions:
    """Return the logistic loss of labels ±1, of a linear model."""

    def value(weights: Any, inputs: Any, signs: Any, *, reduction: str) -> Any:
        return as_array(call_loss(obj, tensor(inputs) @ tensor(weights), tensor(signs), reduction=reduction))

    def grad(weights: Any, inputs: Any, signs: Any, *, reduction: str) -> Any:
        def at_point(point: Any) -> Any:
            return call_loss(obj, tensor(inputs) @ point, tensor(signs), reduction=reduction)

        return as_array(torch.autograd.functional.jacobian(at_point, tensor(weights)))

    return FUNCTIONS.implements("loss.logistic", value) + FUNCTIONS.implements("loss.logistic.grad", grad)


def activation(formula: str, argument: str = "z", slope: str = "", **settings: Any) -> Callable[[Any], Functions]:
    """Return a maker for a function of one array, and for its slope if the reference has a formula of it."""

    def make(obj: Any) -> Functions:
        def evaluate(x: Any, arguments: Mapping[str, Any]) -> Any:
            keywords = {**settings, **arguments}
            return obj(**keywords)(x) if isinstance(obj, type) else obj(x, **keywords)

        def call(**arguments: Any) -> Any:
            return as_array(evaluate(tensor(arguments.pop(argument)), arguments))

        def call_slope(**arguments: Any) -> Any:
            point = tensor(arguments.pop(argument), requires_grad=True)
            evaluate(point, arguments).sum().backward()
            return as_array(point.grad)

        return FUNCTIONS.implements(formula, call) + (FUNCTIONS.implements(slope, call_slope) if slope else ())

    return make


def activation_without_setting(formula: str, **bound: Any) -> Callable[[Any], Functions]:
    """Return a maker for an activation and its slope of which the reference has hyper-parameters and torch has not."""

    def make(obj: Any) -> Functions:
        def value(z: Any) -> Any:
            return as_array(obj()(tensor(z)) if isinstance(obj, type) else obj(tensor(z)))

        def slope(z: Any) -> Any:
            point = tensor(z, requires_grad=True)
            (obj()(point) if isinstance(obj, type) else obj(point)).sum().backward()
            return as_array(point.grad)

        has_slope = f"{formula}.slope" in FORMULAS
        slopes = FUNCTIONS.implements(f"{formula}.slope", slope, **bound) if has_slope else ()
        return FUNCTIONS.implements(formula, value, **bound) + slopes

    return make


def gelu(obj: Any) -> Functions:
    """Return both forms of the Gaussian error linear unit, with their slopes."""
    exact = activation("activation.gelu", slope="activation.gelu.slope")(obj)
    return exact + activation("activation.gelu.tanh", slope="activation.gelu.tanh.slope", approximate="tanh")(obj)


CROSS_ENTROPY = loss("loss.softmax_xent.logits", "logits", "labels", {"smoothing": "label_smoothing"})
BINARY_CROSS_ENTROPY = loss("loss.logistic.binary", "logits", "targets")
SQUARED_ERROR = loss("loss.squared", "predictions", "targets", half=False, reduction="mean")  # unreduced it has another shape
SMOOTH_L1 = loss("loss.smooth_l1", "predictions", "targets", reduction="mean")
HUBER = loss("loss.huber", "predictions", "targets", {"threshold": "delta"}, reduction="mean")


def kl(obj: Any) -> Functions:
    """Return the divergence, whose mean over the examples is called batchmean; its plain mean is over all entries."""

    def value(log_probabilities: Any, targets: Any) -> Any:
        return as_array(call_loss(obj, tensor(log_probabilities), tensor(targets), reduction="batchmean"))

    def grad(log_probabilities: Any, targets: Any) -> Any:
        point = tensor(log_probabilities, requires_grad=True)
        call_loss(obj, point, tensor(targets), reduction="batchmean").backward()
        return as_array(point.grad)

    return FUNCTIONS.implements("loss.kl", value, reduction="mean") + FUNCTIONS.implements("loss.kl.grad", grad, reduction="mean")


def squared_distance(first: Any, second: Any) -> Any:
    """Return the squares of the distances of examples."""
    return ((first - second) ** 2).sum(1)


def triplet(obj: Any) -> Functions:
    """Return the triplet loss of squared distances, which are stated to the general class; the others have their own distance."""
    options = {"distance_function": squared_distance} if "WithDistance" in obj.__name__ or "with_distance" in obj.__name__ else {}

    def value(anchors: Any, positives: Any, negatives: Any, *, margin: float, reduction: str) -> Any:
        settings = {"margin": margin, "reduction": reduction, **options}
        arrays_of_examples = (tensor(anchors), tensor(positives), tensor(negatives))
        return as_array(obj(**settings)(*arrays_of_examples) if isinstance(obj, type) else obj(*arrays_of_examples, **settings))

    return FUNCTIONS.implements("loss.triplet", value)


# --- gradients ------------------------------------------------------------------------------------------------------------------------


def parameter_with_gradient(grad: Any) -> Any:
    """Return a parameter that has this gradient."""
    parameter = torch.nn.Parameter(tensor(0 * grad))
    parameter.grad = tensor(grad)
    return parameter


def clip_by_given_norm(obj: Any) -> Functions:
    """Return clipping by a norm that is handed over; its stabiliser is built in."""

    def call(grad: Any, norm: float, *, largest: float) -> Any:
        parameter = parameter_with_gradient(grad)
        obj([parameter], largest, torch.tensor(norm, dtype=parameter.dtype))
        return as_array(parameter.grad)

    return FUNCTIONS.implements("optimizers.clip.norm.with_eps", call, eps=1e-6)


def norm_that_is_returned(obj: Any) -> Functions:
    """Return the norm that clipping reports, of a gradient that is not clipped."""

    def call(grad: Any) -> Any:
        return as_array(obj([parameter_with_gradient(grad)], float("inf")))

    return FUNCTIONS.implements("optimizers.clip.global_norm", call)


def clip_by_value(obj: Any) -> Functions:
    """Return clipping of every entry."""

    def call(grad: Any, *, largest: float) -> Any:
        parameter = parameter_with_gradient(grad)
        obj([parameter], largest)
        return as_array(parameter.grad)

    return FUNCTIONS.implements("optimizers.clip.value", call)


# --- initializers ---------------------------------------------------------------------------------------------------------------------


@contextmanager
def seeded(source: np.random.Generator) -> Iterator[None]:
    """Seed torch's random numbers from a generator, and restore their state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(source.integers(2**31)))
        yield


def sample(obj: Any, source: np.random.Generator, shape: tuple[int, int], settings: Mapping[str, Any]) -> Any:
    """Return a weight that a function with these settings fills; a setting that is a function is one of the shape."""
    weight = torch.empty(shape, dtype=torch.float64)
    keywords = {name: value(shape) if callable(value) else value for name, value in settings.items()}
    with seeded(source):
        obj(weight, **keywords)
    return as_array(weight)


def linear(kind: Any) -> Functions:
    """Return the initial weight of a linear layer."""

    def call(source: np.random.Generator, fan_out: int, fan_in: int) -> Any:
        with seeded(source):
            return as_array(kind(fan_in, fan_out, dtype=torch.float64).weight)

    return FUNCTIONS.implements("init.uniform_fan_in", call)


FUNCTIONS.register(
    {
        "BatchNorm1d": batch_norm_of_features,
        "BatchNorm2d": batch_norm_of_images,
        "LayerNorm": lambda kind: norm("norm.layer", lambda x, eps: kind(x.shape[-1], eps=eps)),
        "GroupNorm": lambda kind: norm("norm.group", lambda x, groups, eps: kind(groups, x.shape[1], eps=eps)),
        "InstanceNorm1d": lambda kind: norm("norm.instance", lambda x, eps: kind(x.shape[1], eps=eps, affine=True), as_sequence),
        "InstanceNorm2d": lambda kind: norm("norm.instance", lambda x, eps: kind(x.shape[1], eps=eps, affine=True)),
        "RMSNorm": rms_norm,
        "weight_norm": weight_norm,
        **dict.fromkeys(("CrossEntropyLoss", "cross_entropy"), CROSS_ENTROPY),
        **dict.fromkeys(("BCEWithLogitsLoss", "binary_cross_entropy_with_logits"), BINARY_CROSS_ENTROPY),
        **dict.fromkeys(("MSELoss", "mse_loss"), SQUARED_ERROR),
        **dict.fromkeys(("HuberLoss", "huber_loss"), HUBER),
        **dict.fromkeys(("SmoothL1Loss", "smooth_l1_loss"), SMOOTH_L1),
        **dict.fromkeys(("SoftMarginLoss", "soft_margin_loss"), soft_margin),
        **dict.fromkeys(("Softmax", "softmax"), activation("loss.softmax", "logits", dim=-1)),
        **dict.fromkeys(("LogSoftmax", "log_softmax"), activation("loss.log_softmax", "logits", dim=-1)),
        **dict.fromkeys(("GELU", "gelu"), gelu),
        **dict.fromkeys(("SiLU", "silu"), activation_without_setting("activation.swish", beta=1.0)),
        **dict.fromkeys(("SELU", "selu"), activation_without_setting("activation.selu", **SELU)),
        **dict.fromkeys(("Mish", "mish"), activation("activation.mish", slope="activation.mish.slope")),
        **dict.fromkeys(("Softplus", "softplus"), activation("activation.softplus.threshold")),
        **dict.fromkeys(("ELU", "elu"), activation("activation.elu", slope="activation.elu.slope")),
        **dict.fromkeys(("LeakyReLU", "leaky_relu"), activation("activation.leaky_relu", slope="activation.leaky_relu.slope")),
        **dict.fromkeys(("Sigmoid", "sigmoid"), activation("loss.sigmoid")),
        "normal_": FUNCTIONS.initializer("init.random_gaussian_uniform", sample),
        "uniform_": FUNCTIONS.initializer("init.random_uniform", sample, lambda half_width: {"a": -half_width, "b": half_width}),
        "xavier_uniform_": FUNCTIONS.initializer("init.xavier.uniform", sample),
        "xavier_normal_": FUNCTIONS.initializer("init.xavier.normal", sample),
        "kaiming_uniform_": FUNCTIONS.initializer("init.he.uniform", sample),
        "kaiming_normal_": FUNCTIONS.initializer("init.he.normal", sample),
        "trunc_normal_": FUNCTIONS.initializer(
            "init.truncated_normal", sample, lambda std, cut: {"std": std, "a": -cut * std, "b": cut * std}, spread=1.0
        ),
        "orthogonal_": FUNCTIONS.initializer("init.orthogonal", sample),
        "sparse_": FUNCTIONS.initializer(
            "init.sparse", sample, lambda count, std=1.0: {"sparsity": lambda shape: 1 - count / shape[1], "std": std}
        ),
        "Linear": linear,
        "StepLR": FUNCTIONS.schedule("schedule.step", rate, lambda lr, factor, period: {"step_size": period, "gamma": factor}),
        "MultiStepLR": FUNCTIONS.schedule(
            "schedule.piecewise_constant",
            rate,
            lambda lr: {"milestones": [int(milestone) for milestone in MILESTONES], "gamma": GAMMA},
            boundaries=np.array(MILESTONES),
            factors=np.full(len(MILESTONES), GAMMA),
        ),
        "ExponentialLR": FUNCTIONS.schedule("schedule.exponential", rate, lambda lr, decay: {"gamma": np.exp(-decay)}),
        "LinearLR": several(
            FUNCTIONS.schedule(
                "schedule.linear", rate, lambda lr, end, horizon: {"start_factor": 1.0, "end_factor": end / lr, "total_iters": horizon}
            ),
            FUNCTIONS.schedule(
                "schedule.warmup.linear", rate, lambda lr, horizon: {"start_factor": START / lr, "total_iters": horizon}, start=START
            ),
        ),
        "PolynomialLR": FUNCTIONS.schedule(
            "schedule.polynomial", rate, lambda lr, horizon, power: {"total_iters": horizon, "power": power}, end=0.0
        ),
        "CosineAnnealingLR": FUNCTIONS.schedule(
            "schedule.cosine.annealing", rate, lambda lr, end, horizon: {"T_max": horizon, "eta_min": end}
        ),
        "CosineAnnealingWarmRestarts": FUNCTIONS.schedule(
            "schedule.cosine.restarts", rate, lambda lr, end, period: {"T_0": period, "eta_min": end}
        ),
        "OneCycleLR": one_cycle,
        "ReduceLROnPlateau": plateau,
        **dict.fromkeys(("KLDivLoss", "kl_div"), kl),
        **dict.fromkeys(("TripletMarginLoss", "triplet_margin_loss"), triplet),
        **dict.fromkeys(("TripletMarginWithDistanceLoss", "triplet_margin_with_distance_loss"), triplet),
        **dict.fromkeys(("clip_grads_with_norm_", "_clip_grads_with_norm_"), clip_by_given_norm),
        "clip_grad_norm_": norm_that_is_returned,
        "clip_grad_value_": clip_by_value,
        "AveragedModel": swa,
        "get_ema_avg_fn": ema("avg_fn"),
        "get_ema_multi_avg_fn": ema("multi_avg_fn"),
    }
)
