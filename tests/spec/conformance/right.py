"""Right implementations, in the many ways that people write one: none of them may be rejected."""

from types import SimpleNamespace

import numpy as np


class Optimizer:
    def __init__(self, theta, *, lr, momentum):
        self.theta, self.momentum, self.lr = theta.copy(), theta.dtype.type(momentum), lr
        self.v, self.before, self.steps = np.zeros_like(theta), theta.copy(), 0

    def step(self, grad, lr=None):
        self.steps += 1
        self.move(grad, self.theta.dtype.type(lr))
        return self.theta


class Polyak(Optimizer):
    follows = "heavy-ball/lr-inside"

    def move(self, g, lr):
        self.v = self.momentum * self.v - lr * g
        self.theta = self.theta + self.v


class PolyakInPlace(Optimizer):
    follows = "heavy-ball/lr-inside"

    def move(self, g, lr):
        self.v *= self.momentum
        self.v += lr * g
        self.theta -= self.v


class TwoPoints(Optimizer):
    follows = "heavy-ball/lr-inside"

    def move(self, g, lr):
        self.before, self.theta = self.theta, self.theta + self.momentum * (self.theta - self.before) - lr * g


class TwoStages(Optimizer):
    follows = "heavy-ball/lr-inside"

    def move(self, g, lr):
        target = self.theta - lr * g
        self.v = (target + self.momentum * self.v) - self.theta
        self.theta = self.theta + self.v


class MovesBeforeItRemembers(Optimizer):
    follows = "heavy-ball/lr-inside"

    def move(self, g, lr):
        self.theta = (self.theta + self.momentum * self.v) - lr * g
        self.v = self.momentum * self.v - lr * g


class Outside(Optimizer):
    follows = "heavy-ball/lr-outside"

    def move(self, g, lr):
        self.v = self.v * self.momentum + g
        self.theta = self.theta - lr * self.v


class OutsideFused(Optimizer):
    follows = "heavy-ball/lr-outside"

    def move(self, g, lr):
        self.theta = self.theta - (lr * self.momentum * self.v + lr * g)
        self.v = g + self.momentum * self.v


class OutsideNegated(Optimizer):
    follows = "heavy-ball/lr-outside"

    def move(self, g, lr):
        self.v = -g - self.momentum * -self.v
        self.theta += self.v * lr


class OutsideInDouble(Optimizer):
    follows = "heavy-ball/lr-outside"

    def move(self, g, lr):
        self.v = np.float64(self.momentum) * self.v + g
        self.theta = (self.theta - float(lr) * self.v).astype(self.theta.dtype)


class DecayedAfterwards(Optimizer):
    follows = "heavy-ball/lr-outside"

    def move(self, g, lr):
        self.v = self.v + g
        self.theta = self.theta - lr * self.v
        self.v = self.v * self.momentum


class Average(Optimizer):
    follows = "heavy-ball/lr-outside/ema"

    def move(self, g, lr):
        self.v += (1 - self.momentum) * (g - self.v)
        self.theta = self.theta - lr * self.v


class AverageFromFirst(Optimizer):
    follows = "heavy-ball/lr-outside/ema-first-step-full"

    def move(self, g, lr):
        self.v = g.copy() if self.steps == 1 else self.momentum * self.v + (1 - self.momentum) * g
        self.theta = self.theta - lr * self.v


class NesterovInside(Optimizer):
    follows = "nesterov/lr-inside"

    def move(self, g, lr):
        self.v = self.momentum * self.v - lr * g
        self.theta = self.theta + self.momentum * self.v - lr * g


class NesterovOldVelocity(Optimizer):
    follows = "nesterov/lr-inside"

    def move(self, g, lr):
        self.theta = self.theta + self.momentum * self.momentum * self.v - (1 + self.momentum) * lr * g
        self.v = self.momentum * self.v - lr * g


class NesterovOutside(Optimizer):
    follows = "nesterov/lr-outside"

    def move(self, g, lr):
        self.v = self.momentum * self.v + g
        self.theta = self.theta - lr * (g + self.momentum * self.v)


class NesterovOfAnAverage(Optimizer):
    follows = "nesterov/lr-outside/ema"

    def move(self, g, lr):
        self.v = self.v + (1 - self.momentum) * (g - self.v)
        self.theta = self.theta - lr * (self.v + (1 - self.momentum) * (g - self.v))


class PlainDescent:
    follows = "gradient-descent"

    def __init__(self, theta, *, lr):
        self.theta = theta

    def step(self, grad, lr=None):
        self.theta = self.theta - np.asarray(lr, grad.dtype) * grad
        return self.theta


class RateAsAttribute:
    follows = "heavy-ball/lr-outside"

    def __init__(self, theta, learning_rate, beta):
        self.theta, self.learning_rate, self.beta, self.v = theta, learning_rate, beta, 0 * theta

    def step(self, grad):
        self.v = self.beta * self.v + grad
        self.theta = self.theta - self.learning_rate * self.v
        return self.theta


class PairOfObjects:
    follows = "heavy-ball/lr-inside"

    def __init__(self, momentum=0.5):
        self.momentum = momentum

    def init(self, theta):
        return 0 * theta

    def update(self, grad, state, theta, lr):
        state = self.momentum * state - lr * grad
        return theta + state, state


class PairOfFunctions:
    follows = "heavy-ball/lr-outside"

    @staticmethod
    def init(params):
        return 0 * params

    @staticmethod
    def update(grads, state, params, lr, *, mu):
        state = mu * state + grads
        return params - lr * state, state


def start(theta):
    return 0 * theta


def advance(grad, state, theta, lr):
    state = 0.9 * state - lr * grad  # its momentum is its own, the one that is tried where nobody says another
    return theta + state, state


namespace = SimpleNamespace(init=start, update=advance)

CLASSES = [one for one in list(vars().values()) if isinstance(one, type) and hasattr(one, "follows")]
