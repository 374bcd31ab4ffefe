"""The adapter for torch: any class of optimizers, and the functions of torch_functions.py."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..implementation import Adapted, NotFound, Run, Settings, hyper_parameters
from . import Names, Offer, in_ours, in_theirs, names_of, renamed
from .torch_functions import functions

NAMES: Names = {
    "betas": ("beta1", "beta2"),
    "alpha": "decay",
    "rho": "decay",
    "initial_accumulator_value": "initial_second_moment",
}
OWN: Mapping[str, Names] = {  # where a class means something else by a name, or has names of its own
    "ASGD": {"alpha": "power", "lambd": "averaging_decay"},
    "Adafactor": {"eps": ("eps_grad", "eps_theta")},
    "Rprop": {"lr": "initial_size", "etas": ("shrink", "grow"), "step_sizes": ("smallest", "largest")},
}
STATE = {
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

OFFERS = (
    Offer("SGD", "torch.optim:SGD"),
    Offer("momentum", "torch.optim:SGD", {"momentum": 0.9}),
    Offer("Nesterov", "torch.optim:SGD", {"momentum": 0.9, "nesterov": True}),
    Offer("AdaGrad", "torch.optim:Adagrad"),
    Offer("RMSProp", "torch.optim:RMSprop"),
    Offer("RMSProp, centred", "torch.optim:RMSprop", {"centered": True}),
    Offer("RMSProp with momentum", "torch.optim:RMSprop", {"momentum": 0.9}),
    Offer("AdaDelta", "torch.optim:Adadelta"),
    Offer("Adam", "torch.optim:Adam"),
    Offer("Adam with L2", "torch.optim:Adam", {"weight_decay": 0.125}),
    Offer("AdamW", "torch.optim:AdamW"),
    Offer("Adam, sparse", "torch.optim:SparseAdam"),
    Offer("AMSGrad", "torch.optim:Adam", {"amsgrad": True}),
    Offer("AdaMax", "torch.optim:Adamax"),
    Offer("NAdam", "torch.optim:NAdam"),
    Offer("RAdam", "torch.optim:RAdam"),
    Offer("Rprop", "torch.optim:Rprop"),
    Offer("batch norm", "torch.nn:BatchNorm1d", against="norm.batch.affine"),
    Offer("batch norm, running", "torch.nn:BatchNorm1d", against="norm.batch.running.new_weight"),
    Offer("batch norm of images", "torch.nn:BatchNorm2d", against="norm.batch.conv"),
    Offer("layer norm", "torch.nn:LayerNorm", against="norm.layer"),
    Offer("group norm", "torch.nn:GroupNorm", against="norm.group"),
    Offer("instance norm", "torch.nn:InstanceNorm2d", against="norm.instance"),
    Offer("RMS norm", "torch.nn:RMSNorm", against="norm.rms"),
    Offer("weight norm", "torch.nn.utils.parametrizations:weight_norm", against="norm.weight"),
    Offer("cross-entropy", "torch.nn:CrossEntropyLoss", against="loss.softmax_xent.logits"),
    Offer("binary cross-entropy", "torch.nn:BCEWithLogitsLoss", against="loss.logistic.binary"),
    Offer("logistic loss", "torch.nn:SoftMarginLoss", against="loss.logistic"),
    Offer("squared error", "torch.nn:MSELoss", against="loss.squared"),
    Offer("Huber loss", "torch.nn:HuberLoss", against="loss.huber"),
    Offer("Glorot, uniform", "torch.nn.init:xavier_uniform_", against="init.xavier.uniform"),
    Offer("Glorot, normal", "torch.nn.init:xavier_normal_", against="init.xavier.normal"),
    Offer("He, uniform", "torch.nn.init:kaiming_uniform_", against="init.he.uniform"),
    Offer("He, normal", "torch.nn.init:kaiming_normal_", against="init.he.normal"),
    Offer("truncated normal", "torch.nn.init:trunc_normal_", against="init.truncated_normal"),
    Offer("orthogonal", "torch.nn.init:orthogonal_", against="init.orthogonal"),
    Offer("sparse", "torch.nn.init:sparse_", against="init.sparse"),
    Offer("linear layer", "torch.nn:Linear", against="init.uniform_fan_in"),
    Offer("staircase", "torch.optim.lr_scheduler:StepLR", against="schedule.step"),
    Offer("piecewise constant", "torch.optim.lr_scheduler:MultiStepLR", against="schedule.piecewise_constant"),
    Offer("exponential", "torch.optim.lr_scheduler:ExponentialLR", against="schedule.exponential"),
    Offer("linear", "torch.optim.lr_scheduler:LinearLR", against="schedule.linear"),
    Offer("plateau", "torch.optim.lr_scheduler:ReduceLROnPlateau", against="schedule.plateau"),
    Offer("SWA", "torch.optim.swa_utils:AveragedModel", against="averaging.swa"),
    Offer("moving average", "torch.optim.swa_utils:get_ema_multi_avg_fn", against="averaging.ema"),
)


def subject(found: Any) -> Adapted | None:
    """An optimizer class, or what the reference has a formula of, as a subject; anything else is declined."""
    return optimizer(found) if inspect.isclass(found) and issubclass(found, torch.optim.Optimizer) else functions(found)


def circumstances() -> dict[str, str]:
    """What results may depend on."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    return {"device": "cpu", "threads": str(torch.get_num_threads()), "deterministic": str(deterministic)}


# --- optimizers -----------------------------------------------------------------------------------------------------------------------


def optimizer(kind: type[torch.optim.Optimizer]) -> TorchOptimizer:
    """A class of optimizers; one that evaluates the loss itself is refused."""
    closure = inspect.signature(kind.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise NotFound(f"{kind.__name__} evaluates the loss itself, through a closure: a sequence of gradients cannot drive it")
    return TorchOptimizer(kind)


@dataclass
class TorchOptimizer:
    """One class of torch optimizers; the learning rate is changed as schedulers do, in the parameter groups."""

    kind: type[torch.optim.Optimizer]
    library: str = "torch"
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.theirs = hyper_parameters(self.kind)
        self.names = names_of(self.kind, NAMES, OWN)
        self.parameters = in_ours(self.theirs, self.names)

    def begin(self, theta: Any, lr: float, settings: Settings) -> Run:
        """One parameter, one optimizer."""
        parameter = torch.nn.Parameter(torch.from_numpy(theta.copy()))
        takes_lr = "lr" in self.parameters
        given = {**settings, **({"lr": lr} if takes_lr else {})}
        made = self.kind([parameter], **in_theirs(given, self.theirs, self.names))

        def step(grad: Any, now: float) -> Any:
            for group in made.param_groups if takes_lr else ():
                group["lr"] = now
            parameter.grad = gradient(self.kind, torch.from_numpy(grad))
            made.step()
            return parameter.detach().numpy().copy()

        def state() -> Mapping[str, Any]:
            known = made.state[parameter]
            return renamed({name: value.numpy().copy() for name, value in known.items() if isinstance(value, torch.Tensor)}, STATE)

        return Run(step, takes_lr, state)


def gradient(kind: type, grad: Any) -> Any:
    """The gradient as the optimizer wants it: a sparse one has all its entries."""
    if not issubclass(kind, torch.optim.SparseAdam):
        return grad
    return torch.sparse_coo_tensor(torch.arange(len(grad))[None], grad, grad.shape, check_invariants=True)
