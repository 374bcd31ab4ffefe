"""The adapter for torch: any class of optimizers, and the functions of torch_functions.py."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..subjects import Adapted, NotFound, Run, Settings, hyper_parameters
from . import Names, in_ours, in_theirs, names_of, renamed
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


def subject(found: Any) -> Adapted | None:
    """An optimizer class, or what the reference has a formula of, as a subject; anything else is declined."""
    return optimizer(found) if inspect.isclass(found) and issubclass(found, torch.optim.Optimizer) else functions(found)


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
