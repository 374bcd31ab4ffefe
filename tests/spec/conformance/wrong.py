"""Wrong implementations, each with a mistake that people make, and the name under which it must be found."""

from .right import NesterovOutside, Optimizer, Outside, Polyak


class Ascends(Optimizer):
    follows = "heavy-ball/lr-outside/ascent-sign"

    def move(self, g, lr):
        self.v = self.momentum * self.v + g
        self.theta = self.theta + lr * self.v


class AscendsInside(Optimizer):
    follows = "heavy-ball/lr-inside/ascent-sign"

    def move(self, g, lr):
        self.v = self.momentum * self.v + lr * g
        self.theta = self.theta + self.v


class StaleVelocity(Optimizer):
    follows = "heavy-ball/lr-inside/stale-velocity"

    def move(self, g, lr):
        self.theta = self.theta + self.v
        self.v = self.momentum * self.v - lr * g


class StaleVelocityOutside(Optimizer):
    follows = "heavy-ball/lr-outside/stale-gradient"

    def move(self, g, lr):
        self.theta = self.theta - lr * self.v
        self.v = self.momentum * self.v + g


class StaleGradient(Polyak):
    follows = "heavy-ball/lr-inside/stale-gradient"

    def move(self, g, lr):
        last, self.last = getattr(self, "last", 0 * g), g.copy()
        super().move(last, lr)


class StaleRate(Outside):
    follows = "heavy-ball/lr-outside/stale-lr"

    def move(self, g, lr):
        last, self.last = getattr(self, "last", lr), lr
        super().move(g, last)


class StaleRateInside(Polyak):
    follows = "heavy-ball/lr-inside/stale-lr"

    def move(self, g, lr):
        last, self.last = getattr(self, "last", lr), lr
        super().move(g, last)


class FrozenRate(Outside):
    follows = "heavy-ball/lr-inside/frozen-lr"

    def move(self, g, lr):
        super().move(g, self.theta.dtype.type(self.lr))


class DecaysTheGradientToo(Optimizer):
    follows = "heavy-ball/lr-outside/decayed-gradient"

    def move(self, g, lr):
        self.v = self.momentum * (self.v + g)
        self.theta = self.theta - lr * self.v


class MomentumTwice(Optimizer):
    follows = "heavy-ball/lr-inside/squared-momentum"

    def move(self, g, lr):
        self.v = self.momentum * self.v
        self.v = self.momentum * self.v - lr * g
        self.theta = self.theta + self.v


class Swapped(Optimizer):
    follows = "heavy-ball/lr-outside/ema/swapped-momentum"

    def move(self, g, lr):
        self.v = (1 - self.momentum) * self.v + self.momentum * g
        self.theta = self.theta - lr * self.v


class WrongSignOfVelocity(Optimizer):
    follows = "heavy-ball/lr-inside/negative-momentum"

    def move(self, g, lr):
        self.v = lr * g - self.momentum * self.v
        self.theta = self.theta - self.v


class NeverDecays(Optimizer):
    follows = "heavy-ball/lr-outside/undecayed-velocity"

    def move(self, g, lr):
        self.v = self.v + g
        self.theta = self.theta - lr * self.v


class NewVelocityMisused(Optimizer):
    follows = "nesterov/lr-inside/new-velocity"

    def move(self, g, lr):
        self.v = self.momentum * self.v - lr * g
        self.theta = self.theta + self.momentum**2 * self.v - (1 + self.momentum) * lr * g


class NesterovAscends(NesterovOutside):
    follows = "nesterov/lr-outside/ascent-sign"

    def move(self, g, lr):
        super().move(-g, lr)


class NesterovStaleRate(NesterovOutside):
    follows = "nesterov/lr-outside/stale-lr"

    def move(self, g, lr):
        last, self.last = getattr(self, "last", lr), lr
        super().move(g, last)


class IgnoresItsMomentum(Optimizer):
    follows = "gradient-descent"

    def move(self, g, lr):
        self.theta = self.theta - lr * g


class Unheard(Optimizer):
    follows = None

    def move(self, g, lr):
        self.v = self.momentum * self.v + g * abs(g)
        self.theta = self.theta - lr * self.v


class HasItsOwnMomentum(Outside):
    follows = None

    def move(self, g, lr):
        self.momentum = g.dtype.type(0.9)
        super().move(g, lr)


class RestartsItsVelocity(Outside):
    follows = None

    def move(self, g, lr):
        self.v = 0 * g if self.steps == 13 else self.v
        super().move(g, lr)


CLASSES = [one for one in list(vars().values()) if isinstance(one, type) and one.__module__ == __name__]
