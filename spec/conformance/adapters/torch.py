"""The adapter for torch: any class of optimizers, and the functions of torch_functions.py and torch_schedules.py."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ..forms import numbers_of
from ..implementation import ArraysRun, Group, NotFound, NotOffered, Run, Settings, class_parameters
from ..loading import Adapted
from . import NEGATED, MatrixTarget, ParameterMapping, ParameterMappings, mappings_of, rename_state, to_canonical, to_library
from ._torch_arrays import as_array, tensor
from .torch_functions import FUNCTIONS

MAPPINGS: ParameterMappings = {
    "betas": ("beta1", "beta2"),
    "alpha": "decay",
    "rho": "decay",
    "ns_coefficients": ("ns_a", "ns_b", "ns_c"),
    "initial_accumulator_value": "initial_second_moment",
}
OWN_MAPPINGS: Mapping[str, ParameterMappings] = {  # where a class means something else by a name, or has names of its own
    "ASGD": {"alpha": "power", "lambd": "averaging_decay"},
    "Adafactor": {"beta2_decay": ParameterMapping("decay_exponent", *NEGATED), "eps": ("smallest_root", "smallest_scale")},
    "Rprop": {"lr": "initial_size", "etas": ("shrink", "grow"), "step_sizes": ("smallest", "largest")},
}
STATE_NAMES = {
    "exp_avg": "first_moment",
    "exp_avg_sq": "second_moment",
    "max_exp_avg_sq": "max_second_moment",
    "exp_inf": "largest_gradient",
    "momentum_buffer": "velocity",
    "sum": "sum_sq",
    "square_avg": "mean_sq",
    "grad_avg": "mean_grad",
    "acc_delta": "mean_sq_step",
    "prev": "previous_grad",
    "step_size": "size",
    "step": "steps",
}

MATRIX_TARGETS = (
    MatrixTarget("SGD", "torch.optim:SGD"),
    MatrixTarget("momentum", "torch.optim:SGD", {"momentum": 0.9}),
    MatrixTarget("Nesterov", "torch.optim:SGD", {"momentum": 0.9, "nesterov": True}),
    MatrixTarget("AdaGrad", "torch.optim:Adagrad"),
    MatrixTarget("RMSProp", "torch.optim:RMSprop"),
    MatrixTarget("RMSProp, centred", "torch.optim:RMSprop", {"centered": True}),
    MatrixTarget("RMSProp with momentum", "torch.optim:RMSprop", {"momentum": 0.9}),
    MatrixTarget("AdaDelta", "torch.optim:Adadelta"),
    MatrixTarget("Adam", "torch.optim:Adam"),
    MatrixTarget("Adam with L2", "torch.optim:Adam", {"weight_decay": 0.125}),
    MatrixTarget("AdamW", "torch.optim:AdamW"),
    MatrixTarget("Adam, sparse", "torch.optim:SparseAdam"),
    MatrixTarget("AMSGrad", "torch.optim:Adam", {"amsgrad": True}),
    MatrixTarget("AdaMax", "torch.optim:Adamax"),
    MatrixTarget("NAdam", "torch.optim:NAdam"),
    MatrixTarget("RAdam", "torch.optim:RAdam"),
    MatrixTarget("Rprop", "torch.optim:Rprop"),
    MatrixTarget("Adafactor", "torch.optim:Adafactor"),
    MatrixTarget("Muon", "torch.optim:Muon"),
    MatrixTarget("batch norm", "torch.nn:BatchNorm1d", against="norm.batch.affine"),
    MatrixTarget("batch norm, running", "torch.nn:BatchNorm1d", against="norm.batch.running.new_weight"),
    MatrixTarget("batch norm of images", "torch.nn:BatchNorm2d", against="norm.batch.conv"),
    MatrixTarget("layer norm", "torch.nn:LayerNorm", against="norm.layer"),
    MatrixTarget("group norm", "torch.nn:GroupNorm", against="norm.group"),
    MatrixTarget("instance norm", "torch.nn:InstanceNorm2d", against="norm.instance"),
    MatrixTarget("RMS norm", "torch.nn:RMSNorm", against="norm.rms"),
    MatrixTarget("weight norm", "torch.nn.utils.parametrizations:weight_norm", against="norm.weight"),
    MatrixTarget("cross-entropy", "torch.nn:CrossEntropyLoss", against="loss.softmax_xent.logits"),
    MatrixTarget("binary cross-entropy", "torch.nn:BCEWithLogitsLoss", against="loss.logistic.binary"),
    MatrixTarget("logistic loss", "torch.nn:SoftMarginLoss", against="loss.logistic"),
    MatrixTarget("squared error", "torch.nn:MSELoss", against="loss.squared"),
    MatrixTarget("Huber loss", "torch.nn:HuberLoss", against="loss.huber"),
    MatrixTarget("smooth L1 loss", "torch.nn:SmoothL1Loss", against="loss.smooth_l1"),
    MatrixTarget("Kullback–Leibler divergence", "torch.nn:KLDivLoss", against="loss.kl"),
    MatrixTarget("triplet loss", "torch.nn:TripletMarginLoss", against="loss.triplet"),
    MatrixTarget("triplet loss, squared", "torch.nn:TripletMarginWithDistanceLoss", against="loss.triplet"),
    MatrixTarget("clipping by norm", "torch.nn.utils:clip_grads_with_norm_", against="optimizers.clip.norm.with_eps"),
    MatrixTarget("norm of gradients", "torch.nn.utils:clip_grad_norm_", against="optimizers.clip.global_norm"),
    MatrixTarget("clipping by value", "torch.nn.utils:clip_grad_value_", against="optimizers.clip.value"),
    MatrixTarget("log-softmax", "torch.nn:LogSoftmax", against="loss.log_softmax"),
    MatrixTarget("GELU", "torch.nn:GELU", against="activation.gelu"),
    MatrixTarget("GELU by a tanh", "torch.nn:GELU", against="activation.gelu.tanh"),
    MatrixTarget("SiLU", "torch.nn:SiLU", against="activation.swish"),
    MatrixTarget("SELU", "torch.nn:SELU", against="activation.selu"),
    MatrixTarget("Mish", "torch.nn:Mish", against="activation.mish"),
    MatrixTarget("softplus", "torch.nn:Softplus", against="activation.softplus.threshold"),
    MatrixTarget("ELU", "torch.nn:ELU", against="activation.elu"),
    MatrixTarget("leaky ReLU", "torch.nn:LeakyReLU", against="activation.leaky_relu"),
    MatrixTarget("Glorot, uniform", "torch.nn.init:xavier_uniform_", against="init.xavier.uniform"),
    MatrixTarget("Glorot, normal", "torch.nn.init:xavier_normal_", against="init.xavier.normal"),
    MatrixTarget("He, uniform", "torch.nn.init:kaiming_uniform_", against="init.he.uniform"),
    MatrixTarget("He, normal", "torch.nn.init:kaiming_normal_", against="init.he.normal"),
    MatrixTarget("truncated normal", "torch.nn.init:trunc_normal_", against="init.truncated_normal"),
    MatrixTarget("orthogonal", "torch.nn.init:orthogonal_", against="init.orthogonal"),
    MatrixTarget("sparse", "torch.nn.init:sparse_", against="init.sparse"),
    MatrixTarget("linear layer", "torch.nn:Linear", against="init.uniform_fan_in"),
    MatrixTarget("staircase", "torch.optim.lr_scheduler:StepLR", against="schedule.step"),
    MatrixTarget("piecewise constant", "torch.optim.lr_scheduler:MultiStepLR", against="schedule.piecewise_constant"),
    MatrixTarget("exponential", "torch.optim.lr_scheduler:ExponentialLR", against="schedule.exponential"),
    MatrixTarget("linear", "torch.optim.lr_scheduler:LinearLR", against="schedule.linear"),
    MatrixTarget("linear warm-up", "torch.optim.lr_scheduler:LinearLR", against="schedule.warmup.linear"),
    MatrixTarget("polynomial", "torch.optim.lr_scheduler:PolynomialLR", against="schedule.polynomial"),
    MatrixTarget("cosine", "torch.optim.lr_scheduler:CosineAnnealingLR", against="schedule.cosine.annealing"),
    MatrixTarget("cosine with restarts", "torch.optim.lr_scheduler:CosineAnnealingWarmRestarts", against="schedule.cosine.restarts"),
    MatrixTarget("one cycle", "torch.optim.lr_scheduler:OneCycleLR", against="schedule.one_cycle"),
    MatrixTarget("plateau", "torch.optim.lr_scheduler:ReduceLROnPlateau", against="schedule.plateau"),
    MatrixTarget("SWA", "torch.optim.swa_utils:AveragedModel", against="averaging.swa"),
    MatrixTarget("moving average", "torch.optim.swa_utils:get_ema_multi_avg_fn", against="averaging.ema"),
)


def adapt(obj: Any) -> Adapted | None:
    """Return an optimizer class, or functions that the reference has formulas of; anything else is declined."""
    is_optimizer = inspect.isclass(obj) and issubclass(obj, torch.optim.Optimizer)
    return torch_optimizer(obj) if is_optimizer else FUNCTIONS.lookup(obj)


def environment_info() -> dict[str, str]:
    """Return what results depend on."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    return {"device": "cpu", "threads": str(torch.get_num_threads()), "deterministic": str(deterministic)}


# --- optimizers -----------------------------------------------------------------------------------------------------------------------


def torch_optimizer(kind: type[torch.optim.Optimizer]) -> TorchOptimizer:
    """Return a class of optimizers; one that evaluates the loss itself is refused."""
    closure = inspect.signature(kind.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise NotFound(f"{kind.__name__} evaluates the loss itself, through a closure: a sequence of gradients cannot drive it")
    return TorchOptimizer(kind)


MODES = ("foreach", "fused", "capturable", "differentiable", "compile")


@dataclass
class TorchOptimizer:
    """One class of torch optimizers; the learning rate is changed as schedulers do, in the parameter groups."""

    kind: type[torch.optim.Optimizer]
    library: str = "torch"
    mode: str = ""
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.own_parameters = class_parameters(self.kind)
        self.mappings = mappings_of(self.kind, MAPPINGS, OWN_MAPPINGS)
        self.parameters = to_canonical(self.own_parameters, self.mappings)

    @property
    def takes_lr(self) -> bool:
        """Whether it has a learning rate."""
        return "lr" in self.parameters

    def keywords(self, group: Group) -> dict[str, Any]:
        """Return the hyper-parameters of a group by the names of torch."""
        own = to_library({**group.settings, **({"lr": group.lr} if self.takes_lr else {})}, self.own_parameters, self.mappings)
        return {**own, self.mode: True} if self.mode in self.own_parameters else own

    def in_mode(self, mode: str) -> TorchOptimizer:
        """Return the same optimizer in one of the modes of torch."""
        if mode not in MODES or (mode != "compile" and mode not in self.own_parameters):
            raise NotOffered(f"{self.kind.__name__} has no {mode}")
        return replace(self, mode=mode)

    def parameter(self, theta: Any) -> Any:
        """Return an array as a parameter; a differentiable step takes one that is no leaf of the graph."""
        values = tensor(theta)
        if self.mode != "differentiable":
            return torch.nn.Parameter(values)
        copied = values.requires_grad_().clone()
        copied.retain_grad()
        return copied

    def open(self, groups: Sequence[Group]) -> tuple[torch.optim.Optimizer, list[torch.nn.Parameter]]:
        """Return a new optimizer and all its parameters; further groups state the hyper-parameters that are not those of the first."""
        parameters = [[self.parameter(theta) for theta in group.thetas] for group in groups]
        first, *others = (self.keywords(group) for group in groups)
        defaults = {name: value for name, value in self.own_parameters.items() if any(name in other for other in (first, *others))}
        own = [{name: value for name, value in {**defaults, **other}.items() if value != first.get(name)} for other in others]
        options = [{"params": members, **values} for members, values in zip(parameters, [{}, *own], strict=True)]
        everything = [parameter for members in parameters for parameter in members]
        optimizer = self.kind(options if others else everything, **first)
        if self.mode == "compile":
            torch.compiler.reset()
            setattr(optimizer, "step", torch.compile(optimizer.step))  # noqa: B010 - it is no method of the class
        return optimizer, everything

    def start(self, theta: Any, lr: float, settings: Settings) -> Run:
        """Return a run of one parameter."""
        optimizer, (parameter,) = self.open([Group([theta], lr, settings)])

        def state() -> Mapping[str, Any]:
            tensors = {name: value for name, value in optimizer.state[parameter].items() if isinstance(value, torch.Tensor)}
            return rename_state({name: as_array(value) for name, value in tensors.items()}, STATE_NAMES)

        return Run(lambda grad, rate: self.move(optimizer, [parameter], [grad], [rate])[0], self.takes_lr, state)

    def start_groups(self, groups: Sequence[Group]) -> ArraysRun:
        """Return a run of several parameters."""
        optimizer, parameters = self.open(groups)
        return ArraysRun(
            lambda grads, rates: self.move(optimizer, parameters, grads, rates),
            lambda: copy.deepcopy(optimizer.state_dict()),
            optimizer.load_state_dict,
            numbers=lambda: numbers_of(optimizer),
        )

    def move(self, optimizer: torch.optim.Optimizer, parameters: Sequence[Any], grads: Sequence[Any], rates: Sequence[float]) -> list[Any]:
        """Make a step, and return the new points."""
        for group, rate in zip(optimizer.param_groups, rates, strict=True) if self.takes_lr else ():
            set_rate(group, rate, as_tensor=self.mode == "compile")
        for parameter, grad in zip(parameters, grads, strict=True):
            parameter.grad = None if grad is None else gradient(self.kind, tensor(grad))
        optimizer.step()
        return [as_array(parameter) for parameter in parameters]


def set_rate(group: dict[str, Any], rate: float, *, as_tensor: bool) -> None:
    """Set the learning rate of a group; a compiled step takes it as a tensor, or it would be compiled again for every rate."""
    if as_tensor:
        group["lr"] = torch.tensor(rate, dtype=group["params"][0].dtype)
    else:
        group["lr"] = rate


def gradient(kind: type, grad: Any) -> Any:
    """Return the gradient as the optimizer wants it: a sparse one has all its entries."""
    if not issubclass(kind, torch.optim.SparseAdam):
        return grad
    return torch.sparse_coo_tensor(torch.arange(len(grad))[None], grad, grad.shape, check_invariants=True)
