"""Schedules and averages that keep a state are judged as the formulas that they are, and not as optimizers."""

import math

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict, check
from trainspec.spec.conformance.implementation import Task
from trainspec.spec.conformance.optimizers.runner import run_optimizer

from .helpers import check_function_in_process


class StepDecay:
    """A schedule with its rate in an attribute."""

    def __init__(self, lr, factor, period):
        self.lr, self.factor, self.period, self.count = lr, factor, period, 0

    def step(self):
        self.count += 1
        if self.count % self.period == 0:
            self.lr *= self.factor


class StepDecayTooEarly(StepDecay):
    def __init__(self, lr, factor, period):
        super().__init__(lr, factor, period)
        self.count = 1


class CosineOfAnOptimizer:
    """A schedule that sets the rate of an optimizer, as those of torch do."""

    def __init__(self, optimizer, end, horizon, last_epoch=-1):
        self.optimizer, self.end, self.horizon, self.updates = optimizer, end, horizon, 0
        self.first = optimizer.param_groups[0]["lr"]

    def step(self):
        self.updates += 1
        share = min(self.updates / self.horizon, 1)
        self.optimizer.param_groups[0]["lr"] = self.end + (self.first - self.end) * (1 + math.cos(math.pi * share)) / 2


class LinearWarmup:
    """A schedule whose step returns the rate of the update that is done next."""

    def __init__(self, start, lr, horizon):
        self.start, self.peak, self.horizon, self._updates = start, lr, horizon, -1

    def step(self):
        self._updates += 1
        return self.start + (self.peak - self.start) * min(self._updates / self.horizon, 1)


class Average:
    """A moving average that begins with the first value."""

    def __init__(self, decay):
        self.decay, self.shadow = decay, None

    def update(self, value):
        self.shadow = value.copy() if self.shadow is None else self.decay * self.shadow + (1 - self.decay) * value


class AverageOfNamedArrays:
    def __init__(self, decay):
        self.decay, self.shadow = decay, {}

    def register(self, name, value):
        self.shadow[name] = value.copy()

    def update(self, name, value):
        self.shadow[name] = (1 - self.decay) * value + self.decay * self.shadow[name]
        return self.shadow[name]


class AverageInPlace:
    def __init__(self, params, decay):
        self.shadow, self.decay = params.copy(), decay

    def update(self, params):
        self.shadow += (1 - self.decay) * (params - self.shadow)


class AverageOfADict(AverageInPlace):
    """An average that is given arrays by name, and keeps them so."""

    def __init__(self, params, decay):
        self.shadow, self.decay = {name: value.copy() for name, value in params.items()}, decay

    def update(self, params):
        for name, value in params.items():
            self.shadow[name] += (1 - self.decay) * (value - self.shadow[name])


class AverageOfAList(AverageInPlace):
    def __init__(self, parameters, decay):
        self.shadow_params, self.decay = [value.copy() for value in parameters], decay

    def step(self, parameters):
        for mean, value in zip(self.shadow_params, parameters, strict=True):
            np.subtract(mean, (1 - self.decay) * (mean - value), out=mean)

    update = None


class CalledAverage(Average):
    def __call__(self, x):
        Average.update(self, x)
        return self.shadow

    update = None


class CalledSchedule:
    """A schedule that is no more than a function of the count."""

    def __init__(self, lr, drop=0.5, every=10):
        self.lr, self.drop, self.every = lr, drop, every

    def __call__(self, epoch):
        return self.lr * self.drop ** (epoch // self.every)


class ExchangedInADict(AverageOfADict):
    def update(self, params):
        for name, value in params.items():
            self.shadow[name] = (1 - self.decay) * self.shadow[name] + self.decay * value


class AverageWithWeightsExchanged(Average):
    def update(self, value):
        self.shadow = value.copy() if self.shadow is None else (1 - self.decay) * self.shadow + self.decay * value


class WarmedAverage(Average):
    """An average whose decay grows with the number of updates."""

    def __init__(self, decay):
        self.decay, self.mean, self.t = decay, None, 0

    def update(self, value):
        decay = min(self.decay, (1 + self.t) / (10 + self.t))
        self.t += 1
        self.mean = decay * self.mean + (1 - decay) * value


RIGHT = [
    (StepDecay, "schedule.step"),
    (CosineOfAnOptimizer, "schedule.cosine"),
    (LinearWarmup, "schedule.warmup.linear"),
    (CalledSchedule, "schedule.step"),
    (AverageOfADict, "averaging.ema"),
    (AverageOfAList, "averaging.ema"),
    (CalledAverage, "averaging.ema"),
    (Average, "averaging.ema"),
    (AverageOfNamedArrays, "averaging.ema"),
    (AverageInPlace, "averaging.ema"),
    (WarmedAverage, "averaging.ema.warmed"),
]


@pytest.mark.parametrize(("implementation", "formula"), RIGHT)
def test_right_ones_conform(implementation, formula):
    result = check_function_in_process(implementation, formula)
    assert result.verdict == Verdict.CONFORMS, result.message


@pytest.mark.parametrize(
    ("implementation", "formula"),
    [(StepDecayTooEarly, "schedule.step"), (AverageWithWeightsExchanged, "averaging.ema"), (ExchangedInADict, "averaging.ema")],
)
def test_wrong_ones_deviate(implementation, formula):
    result = check_function_in_process(implementation, formula)
    assert result.verdict == Verdict.DEVIATES, result.message


def test_they_are_no_optimizers():
    assert run_optimizer(Task(f"{__name__}:StepDecay")).is_function
    assert check(StepDecay).verdict == Verdict.CONFORMS  # its name says the formula
    unnamed = check_function_in_process(Average)
    assert unnamed.verdict == Verdict.ERROR
    assert "is an average, and no formula is called 'average': say which it claims to be" in unnamed.message
    assert "counts no updates" in check_function_in_process(StepDecay, "averaging.ema").message


class AverageFromTheStart:
    """A moving average that is given the first value, by the same name as those that come."""

    weight = 1

    def __init__(self, theta, decay=0.99):
        self.mean, self.decay = theta.copy(), decay

    def update(self, theta):
        self.mean = self.decay * self.mean + self.weight * (1 - self.decay) * theta


class AverageWithTwice(AverageFromTheStart):
    weight = 2


class AverageGivenItsFirstValueLast(AverageFromTheStart):
    def __init__(self, decay, theta):
        super().__init__(theta, decay)


def test_an_average_may_be_given_its_first_value_under_the_name_of_the_others():
    kinds = (AverageFromTheStart, AverageWithTwice, AverageGivenItsFirstValueLast)
    right, wrong, last = (check_function_in_process(kind, "averaging.ema") for kind in kinds)
    assert right.verdict is Verdict.CONFORMS, right.message
    assert last.verdict is Verdict.CONFORMS, last.message
    assert wrong.verdict is Verdict.DEVIATES, wrong.message
