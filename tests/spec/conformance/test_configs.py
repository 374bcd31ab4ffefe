"""Hyper-parameters that a constructor takes as the fields of a dataclass are known as if it took them one by one."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict

from .helpers import check_in_process


@dataclass
class Config:
    lr: float = 0.01
    momentum: float = 0.9
    notes: list = field(default_factory=list)


class HeavyBall:
    """Heavy ball that reads its configuration in every step."""

    sign = -1

    def __init__(self, theta, config: Config):
        self.theta, self.config, self.velocity = theta.copy(), config, np.zeros_like(theta)

    def step(self, grad):
        self.velocity = self.config.momentum * self.velocity + self.sign * self.config.lr * grad
        self.theta = self.theta + self.velocity
        return self.theta.copy()


class ByDefault(HeavyBall):
    def __init__(self, theta, config=Config(momentum=0.75)):  # noqa: B008 - it is the subject
        super().__init__(theta, config)


class OrNone(HeavyBall):
    def __init__(self, theta, *, config: "Config | None" = None):
        super().__init__(theta, config or Config())


class Ascent(HeavyBall):
    sign = 1


class Stateless:
    """Gradient descent whose first parameter is no point."""

    def __init__(self, config: Config):
        self.config = config

    def step(self, theta, grad):
        return theta - self.config.lr * grad


@pytest.mark.parametrize(("subject", "momentum"), [(HeavyBall, 0.9), (ByDefault, 0.75), (OrNone, 0.9)])
def test_the_fields_of_a_dataclass_are_hyperparameters(subject, momentum):
    result = check_in_process(subject)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "heavy-ball/lr-inside"), result.message
    assert result.settings["momentum"] == momentum
    assert check_in_process(subject, momentum=0.5).settings["momentum"] == 0.5


def test_a_mistake_behind_a_dataclass_is_found():
    assert check_in_process(Ascent).verdict == Verdict.DEVIATES


def test_a_constructor_may_take_a_dataclass_alone():
    result = check_in_process(Stateless)
    assert result.convention == "gradient-descent", result.message
