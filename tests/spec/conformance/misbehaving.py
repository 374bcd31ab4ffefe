"""Implementations that misbehave, and the fault that must be reported."""

import os
import time

import numpy as np

from .right import Outside


class Hangs(Outside):
    fault = "hangs"

    def step(self, grad, lr):
        time.sleep(1000)


class Dies(Outside):
    fault = "crashes"

    def step(self, grad, lr):
        os._exit(7)


class Raises(Outside):
    fault = "raises"

    def step(self, grad, lr):
        return super().step(grad, lr) if self.steps < 5 else grad["velocity"]


class Exits(Outside):
    fault = "raises"

    def step(self, grad, lr):
        raise SystemExit(0)


class Prints(Outside):
    fault = "prints"

    def step(self, grad, lr):
        print("a step")
        return super().step(grad, lr)


class PrintsFromBelow(Outside):
    fault = "prints"

    def step(self, grad, lr):
        os.write(1, b"a step")
        return super().step(grad, lr)


class WritesToGradients(Outside):
    fault = "mutates"

    def step(self, grad, lr):
        point = super().step(grad, lr)
        grad *= 0
        return point


class KeepsAndWritesToGradients(Outside):
    fault = "mutates"

    def move(self, g, lr):
        self.v = g if self.steps == 1 else self.v
        if self.steps > 1:
            self.v *= self.momentum
            self.v += g
        self.theta = self.theta - lr * self.v


class WritesToTheta(Outside):
    fault = "mutates"

    def __init__(self, theta, **hyper):
        super().__init__(theta, **hyper)
        self.theta = theta

    def move(self, g, lr):
        self.v = self.momentum * self.v + g
        self.theta -= lr * self.v


class KeepsGradients(Outside):
    fault = "keeps"

    def move(self, g, lr):
        self.v = g if self.steps == 1 else self.momentum * self.v + g
        self.theta = self.theta - lr * self.v


class ReturnsItsInput(Outside):
    fault = "view"

    def step(self, grad, lr):
        return grad[:]


class Random(Outside):
    fault = "random"

    def step(self, grad, lr):
        return super().step(grad, lr) + np.random.default_rng().random(grad.shape)


class Column(Outside):
    fault = "shape"

    def step(self, grad, lr):
        return super().step(grad, lr)[:, None]


class Half(Outside):
    fault = "dtype"

    def step(self, grad, lr):
        return super().step(grad, lr).astype(np.float16)


class Silent(Outside):
    fault = "type"

    def step(self, grad, lr):
        super().step(grad, lr)


class NotANumber(Outside):
    fault = "not-finite"

    def step(self, grad, lr):
        with np.errstate(all="ignore"):
            return super().step(grad, lr) * (grad / grad)


CLASSES = [one for one in list(vars().values()) if isinstance(one, type) and one.__module__ == __name__]
IN_THEIR_OWN_PROCESS = ("Hangs", "Dies", "Prints", "PrintsFromBelow")
