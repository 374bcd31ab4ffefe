"""Implementations that misbehave, and the fault that must be reported."""

import os
import time

import numpy as np


class HeavyBall:
    """A heavy ball that behaves, with its step apart."""

    def __init__(self, theta, *, lr, momentum):
        self.theta, self.momentum, self.v, self.steps = theta.copy(), momentum, np.zeros_like(theta), 0

    def step(self, grad, lr):
        self.steps += 1
        self.move(grad, lr)
        return self.theta

    def move(self, g, lr):
        self.v = self.v * self.momentum + g
        self.theta = self.theta - lr * self.v


class Hangs(HeavyBall):
    fault = "timeout"

    def step(self, grad, lr):
        time.sleep(1000)


class Dies(HeavyBall):
    fault = "crashes"

    def step(self, grad, lr):
        os._exit(7)


class Raises(HeavyBall):
    fault = "raises"

    def step(self, grad, lr):
        return super().step(grad, lr) if self.steps < 5 else grad["velocity"]


class Exits(HeavyBall):
    fault = "raises"

    def step(self, grad, lr):
        raise SystemExit(0)


class Prints(HeavyBall):
    fault = "prints"

    def step(self, grad, lr):
        print("a step")
        return super().step(grad, lr)


class PrintsFromBelow(HeavyBall):
    fault = "prints"

    def step(self, grad, lr):
        os.write(1, b"a step")
        return super().step(grad, lr)


class WritesToGradients(HeavyBall):
    fault = "mutates-input"

    def step(self, grad, lr):
        point = super().step(grad, lr)
        grad *= 0
        return point


class KeepsAndWritesToGradients(HeavyBall):
    fault = "mutates-input"

    def move(self, g, lr):
        self.v = g if self.steps == 1 else self.v
        if self.steps > 1:
            self.v *= self.momentum
            self.v += g
        self.theta = self.theta - lr * self.v


class WritesToTheta(HeavyBall):
    fault = "mutates-input"

    def __init__(self, theta, **hyper):
        super().__init__(theta, **hyper)
        self.start = theta

    def move(self, g, lr):
        super().move(g, lr)
        self.start -= self.theta


class KeepsGradients(HeavyBall):
    fault = "retains-input"

    def move(self, g, lr):
        self.v = g if self.steps == 1 else self.momentum * self.v + g
        self.theta = self.theta - lr * self.v


class ReturnsItsInput(HeavyBall):
    fault = "returns-view"

    def step(self, grad, lr):
        return grad[:]


class Random(HeavyBall):
    fault = "nondeterministic"

    def step(self, grad, lr):
        return super().step(grad, lr) + np.random.default_rng().random(grad.shape)


class Column(HeavyBall):
    fault = "shape"

    def step(self, grad, lr):
        return super().step(grad, lr)[:, None]


class Half(HeavyBall):
    fault = "dtype"

    def step(self, grad, lr):
        return super().step(grad, lr).astype(np.float16)


class Talks(HeavyBall):
    fault = "type"

    def step(self, grad, lr):
        super().step(grad, lr)
        return "done"


class NotANumber(HeavyBall):
    fault = "not-finite"

    def step(self, grad, lr):
        with np.errstate(all="ignore"):
            return super().step(grad, lr) * (grad / grad)


CLASSES = [value for value in list(vars().values()) if isinstance(value, type) and value.__module__ == __name__ and hasattr(value, "fault")]
IN_THEIR_OWN_PROCESS = ("Hangs", "Dies", "Prints", "PrintsFromBelow")
