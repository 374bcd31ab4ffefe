"""The adapter for torch: any class of optimizers, its parameter and gradient in memory that the driver watches."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..subjects import Run, Settings, Subject, hyper_parameters


def subject(found: Any) -> Subject | None:
    """A torch.optim.Optimizer class as a subject; anything else is declined."""
    return TorchOptimizer(found) if inspect.isclass(found) and issubclass(found, torch.optim.Optimizer) else None


@dataclass
class TorchOptimizer:
    """One class of torch optimizers; the learning rate is changed as schedulers do, in the parameter groups."""

    kind: type
    library: str = "torch"
    parameters: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.parameters = hyper_parameters(self.kind)

    def begin(self, theta: Any, lr: float, settings: Settings) -> Run:
        """One parameter, one optimizer."""
        parameter = torch.nn.Parameter(torch.from_numpy(theta.copy()))
        optimizer = self.kind([parameter], lr=lr, **settings)

        def step(grad: Any, now: float) -> Any:
            for group in optimizer.param_groups:
                group["lr"] = now
            parameter.grad = torch.from_numpy(grad)
            optimizer.step()
            return parameter.detach().numpy().copy()

        return Run(step)
