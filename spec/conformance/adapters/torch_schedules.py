"""Schedules and averages of torch as formulas of the reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ....reference.averaging import SwaState
from ....reference.schedules import PlateauState
from . import Functions
from ._torch_arrays import FUNCTIONS, as_array, tensor

START = 2.0**-10  # of a warm-up, which must not start at 0


def idle_optimizer(lr: float) -> Any:
    """Return an optimizer without gradients, for its learning rate."""
    return torch.optim.SGD([torch.zeros(1, dtype=torch.float64)], lr=lr)


def rate(kind: Any, step: int, lr: float, settings: Mapping[str, Any]) -> float:
    """Return the learning rate of a scheduler that was stepped once an update."""
    optimizer = idle_optimizer(lr)
    scheduler = kind(optimizer, **settings)
    for _ in range(step):
        optimizer.step()
        scheduler.step()
    return float(optimizer.param_groups[0]["lr"])


RISE, FALL = 3, 5  # updates of a cycle


def one_cycle(kind: Any) -> Functions:
    """Return a cycle, asked up to its last update, after which it raises an error; boundaries are shares of its length, less 1."""

    def call(step: int, *, lr: float, end: float) -> float:
        length = RISE + FALL + 1
        shares = {"pct_start": (RISE + 1) / length, "div_factor": lr / START, "final_div_factor": START / end if end else math.inf}
        settings = {"max_lr": lr, "total_steps": length, "cycle_momentum": False, **shares}
        return rate(kind, min(step, length - 1), lr, settings)

    return FUNCTIONS.implements("schedule.one_cycle", call, start=START, rise=float(RISE), fall=float(FALL))


def plateau(kind: Any) -> Functions:
    """Return the rate that falls when losses do not, in its default form: better is a share of the best."""

    def call(loss: float, state: PlateauState, *, factor: float, patience: int, relative: float = 0.0) -> PlateauState:
        optimizer = idle_optimizer(float(state.lr))
        scheduler = kind(optimizer, factor=factor, patience=patience, threshold=relative, threshold_mode="rel")
        scheduler.best, scheduler.num_bad_epochs = float(state.best), int(state.bad)
        scheduler.step(loss)
        return PlateauState(optimizer.param_groups[0]["lr"], scheduler.best, scheduler.num_bad_epochs)

    return FUNCTIONS.implements("schedule.plateau", call, threshold=0.0)


class Point(torch.nn.Module):
    """A model of one array."""

    def __init__(self, theta: Any) -> None:
        super().__init__()
        self.theta = torch.nn.Parameter(tensor(theta))


def averaged(theta: Any, mean: Any, models: int, **settings: Any) -> Any:
    """Return an averaged model after one update more than this many."""
    average = torch.optim.swa_utils.AveragedModel(Point(mean), **settings)
    average.n_averaged.fill_(models)
    average.update_parameters(Point(theta))
    return average


def swa(kind: Any) -> Functions:
    """Return the plain mean of models."""

    def call(theta: Any, state: SwaState) -> SwaState:
        average = averaged(theta, state.mean, state.models)
        return SwaState(as_array(average.module.theta), int(average.n_averaged))

    return FUNCTIONS.implements("averaging.swa", call)


def ema(keyword: str) -> Callable[[Any], Functions]:
    """Return a maker for the moving average of models; its first update, which copies the model, is done."""

    def make(obj: Any) -> Functions:
        def call(theta: Any, mean: Any, *, decay: float) -> Any:
            return as_array(averaged(theta, mean, 1, **{keyword: obj(decay)}).module.theta)

        return FUNCTIONS.implements("averaging.ema", call)

    return make
