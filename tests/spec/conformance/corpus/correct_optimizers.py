"""Correct optimizers in the styles of many hands; `axes`, or the convention that it `follows`, is what must be said of each."""

import math
from collections import namedtuple
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from .forms import optimizer, vary

# --- heavy ball and Nesterov: one step in many orders of operations ---------------------------------------------------------------------


@optimizer("v", follows="heavy-ball/lr-inside")
def Polyak(self, g, lr, *, momentum):
    self.v = momentum * self.v - lr * g
    self.theta = self.theta + self.v


@optimizer("v", follows="heavy-ball/lr-inside")
def PolyakInPlace(self, g, lr, *, momentum):
    self.v *= momentum
    self.v += lr * g
    self.theta -= self.v


@optimizer("", follows="heavy-ball/lr-inside")
def TwoPoints(self, g, lr, *, momentum):
    before = getattr(self, "before", self.theta)
    self.before, self.theta = self.theta, self.theta + momentum * (self.theta - before) - lr * g


@optimizer("v", follows="heavy-ball/lr-inside")
def TwoStages(self, g, lr, *, momentum):
    target = self.theta - lr * g
    self.v = (target + momentum * self.v) - self.theta
    self.theta = self.theta + self.v


@optimizer("v", follows="heavy-ball/lr-inside")
def MovesBeforeItRemembers(self, g, lr, *, momentum):
    self.theta = (self.theta + momentum * self.v) - lr * g
    self.v = momentum * self.v - lr * g


@optimizer("v", follows="heavy-ball/lr-outside")
def Outside(self, g, lr, *, momentum):
    self.v = self.v * momentum + g
    self.theta = self.theta - lr * self.v


@optimizer("v", follows="heavy-ball/lr-outside")
def OutsideFused(self, g, lr, *, momentum):
    self.theta = self.theta - (lr * momentum * self.v + lr * g)
    self.v = g + momentum * self.v


@optimizer("v", follows="heavy-ball/lr-outside")
def OutsideNegated(self, g, lr, *, momentum):
    self.v = -g - momentum * -self.v
    self.theta += self.v * lr


@optimizer("v", follows="heavy-ball/lr-outside")
def OutsideInDouble(self, g, lr, *, momentum):
    self.v = np.float64(momentum) * self.v + g
    self.theta = (self.theta - float(lr) * self.v).astype(self.theta.dtype)


@optimizer("v", follows="heavy-ball/lr-outside")
def DecayedAfterwards(self, g, lr, *, momentum):
    self.v = self.v + g
    self.theta = self.theta - lr * self.v
    self.v = self.v * momentum


@optimizer("v", follows="heavy-ball/lr-outside/ema")
def Average(self, g, lr, *, momentum):
    self.v += (1 - momentum) * (g - self.v)
    self.theta = self.theta - lr * self.v


@optimizer("v", follows="heavy-ball/lr-outside/ema-first-step-full")
def AverageFromFirst(self, g, lr, *, momentum):
    self.v = g.copy() if self.t == 1 else momentum * self.v + (1 - momentum) * g
    self.theta = self.theta - lr * self.v


@optimizer("v", follows="nesterov/lr-inside")
def NesterovInside(self, g, lr, *, momentum):
    self.v = momentum * self.v - lr * g
    self.theta = self.theta + momentum * self.v - lr * g


@optimizer("v", follows="nesterov/lr-inside")
def NesterovOldVelocity(self, g, lr, *, momentum):
    self.theta = self.theta + momentum * momentum * self.v - (1 + momentum) * lr * g
    self.v = momentum * self.v - lr * g


@optimizer("v", follows="nesterov/lr-outside")
def NesterovOutside(self, g, lr, *, momentum):
    self.v = momentum * self.v + g
    self.theta = self.theta - lr * (g + momentum * self.v)


@optimizer("v", follows="nesterov/lr-outside/ema")
def NesterovOfAnAverage(self, g, lr, *, momentum):
    self.v = self.v + (1 - momentum) * (g - self.v)
    self.theta = self.theta - lr * (self.v + (1 - momentum) * (g - self.v))


@optimizer("", follows="gradient-descent")
def PlainDescent(self, grad, lr):
    self.theta = self.theta - np.asarray(lr, grad.dtype) * grad


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


# --- descent and momentum ---------------------------------------------------------------------------------------------------------------


class SGD:
    axes = {"family": "sgd"}

    def __init__(self, theta, lr=0.01):
        self.w = np.array(theta)
        self.lr = lr

    def step(self, grad, lr=None):
        if lr is None:
            lr = self.lr
        self.w -= lr * grad
        return self.w.copy()


class SGDReturnsItsOwnArray:
    axes = {"family": "sgd"}

    def __init__(self, params, learning_rate=1e-3):
        self.params, self.learning_rate = params.copy(), learning_rate

    def step(self, g):
        np.subtract(self.params, np.multiply(g, self.learning_rate), out=self.params)
        return self.params


@optimizer(family="sgd", weight_decay="coupled")
def SGDWithL2(self, grad, lr, *, wd=0.01):
    self.theta = self.theta - lr * (grad + wd * self.theta)


@optimizer(family="sgd", weight_decay="coupled")
def SGDShrinks(self, grad, lr=0.1, *, weight_decay=0.05):
    """θ (1 − η λ) − η g: the decoupled and the coupled decay are the same step without a memory."""
    self.theta = (1 - lr * weight_decay) * self.theta - lr * grad


@optimizer("v", family="momentum", lr_placement="inside", dampening="none")
def MomentumUnderGamma(self, grad, lr=0.01, *, gamma=0.9):
    self.v = gamma * self.v + lr * grad
    self.theta = self.theta - self.v


class MomentumLazy:
    axes = {"family": "momentum", "lr_placement": "outside", "dampening": "none"}

    def __init__(self, theta, lr, momentum=0.9):
        self.p, self.lr, self.mu, self.buf = theta + 0, lr, momentum, None

    def step(self, d_p, lr):
        if self.buf is None:
            self.buf = d_p.copy()
        else:
            self.buf *= self.mu
            self.buf += d_p
        self.p -= lr * self.buf
        return self.p.copy()


class TorchLike:
    axes = {"family": "momentum", "lr_placement": "outside", "dampening": "none", "nesterov_form": "none"}
    settings = {"momentum": 0.9}

    def __init__(self, theta, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        self.theta, self.conf, self.buf = theta, (momentum, dampening, weight_decay, nesterov), None
        if momentum < 0:
            raise ValueError("momentum")

    def step(self, grad, lr=None):
        mu, damp, decay, nesterov = self.conf
        d = grad + decay * self.theta if decay else grad
        if mu:
            self.buf = d.copy() if self.buf is None else mu * self.buf + (1 - damp) * d
            d = d + mu * self.buf if nesterov else self.buf
        self.theta = self.theta - lr * d
        return self.theta


DAMPENED, NESTEROV = {"momentum": 0.9, "dampening": 0.25}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}
TorchLikeDampened = vary(
    TorchLike, "TorchLikeDampened", family="momentum", lr_placement="outside", dampening="first-step-full", settings=DAMPENED
)
TorchLikeNesterov = vary(
    TorchLike, "TorchLikeNesterov", family="nesterov", nesterov_form="shifted-outside", weight_decay="coupled", settings=NESTEROV
)
TorchLikePlain = vary(TorchLike, "TorchLikePlain", family="sgd", weight_decay="none", settings={})


@optimizer("m", family="momentum", dampening="from-zero", lr_placement="outside")
def DampenedFromZero(self, grad, lr, *, momentum, dampening):
    self.m = momentum * self.m - (dampening - 1) * grad
    self.theta = self.theta - lr * self.m


@optimizer("ema", family="momentum", dampening="ema", lr_placement="outside")
def EMAUnderBeta(self, grad, lr=0.1, *, beta=0.9):
    self.ema = beta * self.ema + (1 - beta) * grad
    self.theta = self.theta - lr * self.ema


class LookAhead:
    axes = {"family": "nesterov", "nesterov_form": "lookahead"}

    def __init__(self, theta, lr=0.01, mu=0.9):
        self.theta, self.mu, self.v = theta, mu, np.zeros_like(theta)

    def step(self, grad_fn, lr=None):
        ahead = self.theta + self.mu * self.v
        self.v = self.mu * self.v - lr * grad_fn(ahead)
        self.theta = self.theta + self.v
        return self.theta


class LookAheadOutside:
    axes = {"family": "nesterov", "nesterov_form": "lookahead", "lr_placement": "outside"}
    takes_gradient_function = True

    def __init__(self, theta, lr, momentum):
        self.x, self.momentum, self.v = theta, momentum, np.zeros_like(theta)

    def step(self, f, lr):
        self.v = self.momentum * self.v + f(self.x - lr * self.momentum * self.v)
        self.x = self.x - lr * self.v
        return self.x


@optimizer("v", family="nesterov", nesterov_form="shifted-inside")
def SutskeverNesterov(self, dx, lr=0.01, *, mu=0.9):
    v_prev = self.v
    self.v = mu * self.v - lr * dx
    self.theta = self.theta + (-mu * v_prev + (1 + mu) * self.v)


@optimizer("v", family="nesterov", nesterov_form="shifted-outside", weight_decay="decoupled")
def NesterovWithWeightDecay(self, grad, lr=0.01, *, momentum=0.9, weight_decay=0.01):
    self.v = momentum * self.v + grad
    self.theta = self.theta * (1 - lr * weight_decay) - lr * (grad + momentum * self.v)


class MomentumOfFloats:
    """Its hyper-parameters are turned into numbers of its own dtype."""

    axes = {"family": "momentum", "lr_placement": "outside"}

    def __init__(self, theta, *, lr, momentum=0.9):
        kind = theta.dtype.type
        self.theta, self.mu, self.v = theta, kind(momentum), np.zeros_like(theta)
        self.kind = kind

    def step(self, grad, lr):
        self.v = self.mu * self.v + grad
        self.theta = self.theta - self.kind(lr) * self.v
        return self.theta


# --- squares ----------------------------------------------------------------------------------------------------------------------------


class Adagrad:
    axes = {"family": "adagrad", "eps": "outside", "initial_second_moment": 0}

    def __init__(self, theta, lr=0.01, epsilon=1e-8):
        self.theta, self.epsilon, self.h = theta, epsilon, None

    def step(self, grad, lr=None):
        if self.h is None:
            self.h = np.zeros_like(self.theta)
        self.h += grad * grad
        self.theta = self.theta - lr * grad / (np.sqrt(self.h) + self.epsilon)
        return self.theta


@optimizer("h=0.1", family="adagrad", eps="outside", initial_second_moment=0.1)
def AdagradFrom01(self, grad, lr=0.01, *, epsilon=1e-7):
    self.h += grad * grad
    self.theta = self.theta - lr * grad / (np.sqrt(self.h) + epsilon)


@optimizer("G", family="adagrad", eps="inside", initial_second_moment=0)
def AdagradInside(self, grad, lr, *, eps=1e-6):
    self.G = self.G + grad**2
    self.theta = self.theta - lr / np.sqrt(self.G + eps) * grad


class AdagradGiven:
    axes = {"family": "adagrad", "eps": "outside"}
    settings = {"initial_accumulator_value": 0.5}

    def __init__(self, theta, lr=0.01, initial_accumulator_value=0.1, eps=1e-10):
        self.theta, self.eps = theta, eps
        self.acc = np.ones_like(theta) * initial_accumulator_value

    def step(self, grad, lr):
        self.acc = self.acc + np.square(grad)
        self.theta = self.theta - lr * (grad / (self.eps + np.sqrt(self.acc)))
        return self.theta


@optimizer("cache", family="adagrad", eps="outside")
def AdagradNoParameters(self, grad, lr):
    """ε is built in."""
    self.cache = self.cache + grad**2
    self.theta = self.theta - lr * grad / (np.sqrt(self.cache) + 1e-7)


@optimizer("s", family="rmsprop", eps="outside", centered=False)
def RMSProp(self, grad, lr=1e-3, *, rho=0.9, eps=1e-8):
    self.s += (1 - rho) * (grad**2 - self.s)
    self.theta = self.theta - lr * grad / (eps + np.sqrt(self.s))


@optimizer("s", family="rmsprop", eps="inside", centered=False)
def RMSPropInside(self, grad, lr=1e-3, *, decay_rate=0.99, epsilon=1e-8):
    self.s = decay_rate * self.s + (1 - decay_rate) * grad * grad
    self.theta = self.theta - lr * grad / np.sqrt(self.s + epsilon)


@optimizer("sq avg", family="rmsprop", eps="outside", centered=True)
def RMSPropCentred(self, grad, lr=1e-3, *, alpha=0.99, eps=1e-8):
    self.sq = alpha * self.sq + (1 - alpha) * grad**2
    self.avg = alpha * self.avg + (1 - alpha) * grad
    self.theta = self.theta - lr * grad / (np.sqrt(np.maximum(self.sq - self.avg**2, 0)) + eps)


class RMSPropFromOne:
    axes = {"family": "rmsprop", "eps": "inside", "initial_second_moment": 1}

    def __init__(self, theta, learning_rate=1e-3, decay=0.9, epsilon=1e-10):
        self.theta, self.decay, self.epsilon, self.ms = theta, decay, epsilon, np.ones_like(theta)

    def step(self, grad, lr):
        self.ms = self.decay * self.ms + (1 - self.decay) * grad**2
        self.theta = self.theta - lr * grad / np.sqrt(self.ms + self.epsilon)
        return self.theta


@optimizer("ms mom", family="rmsprop", eps="inside", lr_placement="inside")
def RMSPropMomentumInside(self, grad, lr=1e-3, *, decay=0.9, momentum=0.9, epsilon=1e-10):
    self.ms = decay * self.ms + (1 - decay) * grad**2
    self.mom = momentum * self.mom + lr * grad / np.sqrt(self.ms + epsilon)
    self.theta = self.theta - self.mom


@optimizer("ms mom", family="rmsprop", eps="outside", lr_placement="outside")
def RMSPropMomentumOutside(self, grad, lr=1e-2, *, alpha=0.99, eps=1e-8, momentum=0.9):
    self.ms = alpha * self.ms + (1 - alpha) * grad**2
    self.mom = momentum * self.mom + grad / (np.sqrt(self.ms) + eps)
    self.theta = self.theta - lr * self.mom


@optimizer("s", family="rmsprop", eps="outside")
def RMSPropBuiltIn(self, grad, lr=0.001):
    self.s = 0.9 * self.s + 0.1 * grad**2
    self.theta = self.theta - lr * grad / (np.sqrt(self.s) + 1e-8)


@optimizer("eg ex", family="adadelta", eps="inside", lr_placement="none")
def Adadelta(self, grad, *, rho=0.95, eps=1e-6):
    self.eg = rho * self.eg + (1 - rho) * grad**2
    dx = -np.sqrt(self.ex + eps) / np.sqrt(self.eg + eps) * grad
    self.ex = rho * self.ex + (1 - rho) * dx**2
    self.theta = self.theta + dx


@optimizer("eg ex", family="adadelta", eps="inside", lr_placement="outside")
def AdadeltaWithRate(self, grad, lr=1.0, *, rho=0.9, eps=1e-6):
    self.eg = rho * self.eg + (1 - rho) * grad**2
    dx = np.sqrt((self.ex + eps) / (self.eg + eps)) * grad
    self.ex = rho * self.ex + (1 - rho) * dx**2
    self.theta = self.theta - lr * dx


@optimizer("eg ex", family="adadelta", eps="inside", lr_placement="none")
def AdadeltaBuiltIn(self, grad, lr=1.0):
    self.eg = 0.95 * self.eg + 0.05 * grad**2
    dx = np.sqrt(self.ex + 1e-6) / np.sqrt(self.eg + 1e-6) * grad
    self.ex = 0.95 * self.ex + 0.05 * dx**2
    self.theta = self.theta - dx


# --- Adam and its kin -------------------------------------------------------------------------------------------------------------------


class Adam:
    axes = {"family": "adam", "eps": "outside", "bias_correction": "both", "weight_decay": "none"}

    def __init__(self, theta, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.lr = theta, beta_1, beta_2, epsilon, lr
        self.m, self.v, self.t = np.zeros_like(theta), np.zeros_like(theta), 0

    def step(self, grad, lr=None):
        lr = self.lr if lr is None else lr
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.v = self.b2 * self.v + (1 - self.b2) * grad**2
        mhat = self.m / (1 - self.b1**self.t)
        vhat = self.v / (1 - self.b2**self.t)
        self.theta = self.theta - lr * mhat / (np.sqrt(vhat) + self.eps)
        return self.theta


@dataclass
class AdamDataclass:
    theta: np.ndarray
    lr: float = 1e-3
    betas: tuple = (0.9, 0.999)
    eps: float = 1e-8
    t: int = field(default=0, init=False)
    axes = {"family": "adam", "eps": "outside", "bias_correction": "both"}

    def __post_init__(self):
        self.m, self.v = np.zeros_like(self.theta), np.zeros_like(self.theta)

    def step(self, grad, lr=None):
        self.t += 1
        b1, b2 = self.betas
        self.m += (1 - b1) * (grad - self.m)
        self.v += (1 - b2) * (grad * grad - self.v)
        scale = lr / (1 - b1**self.t)
        self.theta = self.theta - scale * self.m / (np.sqrt(self.v) / math.sqrt(1 - b2**self.t) + self.eps)
        return self.theta


class AdamPowers:
    """Powers of β by repeated multiplication."""

    axes = {"family": "adam", "eps": "outside", "bias_correction": "both"}

    def __init__(self, theta, *, lr, b1, b2, eps):
        self.theta, self.b1, self.b2, self.eps = theta, b1, b2, eps
        self.m = self.v = np.zeros_like(theta)
        self.p1 = self.p2 = 1.0

    def step(self, grad, lr):
        self.p1 *= self.b1
        self.p2 *= self.b2
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.v = self.b2 * self.v + (1 - self.b2) * grad**2
        self.theta = self.theta - lr * (self.m / (1 - self.p1)) / (np.sqrt(self.v / (1 - self.p2)) + self.eps)
        return self.theta


@optimizer("m v", family="adam", eps="hat", bias_correction="both")
def AdamEfficient(self, grad, lr=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8):
    lr_t = lr * math.sqrt(1 - beta2**self.t) / (1 - beta1**self.t)
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.v = beta2 * self.v + (1 - beta2) * grad**2
    self.theta = self.theta - lr_t * self.m / (np.sqrt(self.v) + eps)


@optimizer("m v", family="adam", eps="outside", bias_correction="both")
def AdamEfficientWithEpsScaled(self, grad, lr=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8):
    """The efficient form, its ε scaled along: the plain one again."""
    root = math.sqrt(1 - beta2**self.t)
    self.m *= beta1
    self.m += (1 - beta1) * grad
    self.v *= beta2
    self.v += (1 - beta2) * grad * grad
    self.theta = self.theta - (lr * root / (1 - beta1**self.t)) * self.m / (np.sqrt(self.v) + eps * root)


@optimizer("m v tmp", family="adam", eps="outside", bias_correction="both")
def AdamInPlaceWithBuffers(self, grad, lr=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8):
    np.multiply(self.m, beta1, out=self.m)
    np.multiply(grad, 1 - beta1, out=self.tmp)
    self.m += self.tmp
    np.multiply(grad, grad, out=self.tmp)
    self.tmp *= 1 - beta2
    self.v *= beta2
    self.v += self.tmp
    np.divide(self.v, 1 - beta2**self.t, out=self.tmp)
    np.sqrt(self.tmp, out=self.tmp)
    self.tmp += eps
    np.divide(self.m, self.tmp, out=self.tmp)
    self.tmp *= lr / (1 - beta1**self.t)
    self.theta -= self.tmp


@optimizer("m v", family="adam", eps="inside", bias_correction="both")
def AdamInside(self, grad, lr=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.v = beta2 * self.v + (1 - beta2) * grad**2
    mhat, vhat = self.m / (1 - beta1**self.t), self.v / (1 - beta2**self.t)
    self.theta = self.theta - lr * mhat * (vhat + eps) ** -0.5


@optimizer("m v", family="adam", eps="outside", bias_correction="both")
def AdamBuiltIn(self, g, lr):
    self.m = 0.9 * self.m + 0.1 * g
    self.v = 0.999 * self.v + 0.001 * g * g
    self.theta = self.theta - lr * (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)


@optimizer("m v", family="adam", eps="hat", bias_correction="both")
def AdamBuiltInHat(self, g, lr):
    self.m = 0.9 * self.m + 0.1 * g
    self.v = 0.999 * self.v + 0.001 * g * g
    a = lr * (1 - 0.999**self.t) ** 0.5 / (1 - 0.9**self.t)
    self.theta = self.theta - a * self.m / (np.sqrt(self.v) + 1e-7)


@optimizer("m v", family="adam", eps="outside", bias_correction="both")
def AdamEpsBuiltIn(self, g, lr=0.001, *, betas=(0.9, 0.999)):
    b1, b2 = betas
    self.m = b1 * self.m + (1 - b1) * g
    self.v = b2 * self.v + (1 - b2) * g * g
    self.theta = self.theta - lr * (self.m / (1 - b1**self.t)) / (np.sqrt(self.v / (1 - b2**self.t)) + 1e-6)


class AdamL2:
    axes = {"family": "adam", "weight_decay": "coupled"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, l2=0.1):
        self.adam, self.l2 = Adam(theta, lr, beta1, beta2, eps), l2

    def step(self, grad, lr=None):
        return self.adam.step(grad + self.l2 * self.adam.theta, lr)


class AdamW:
    axes = {"family": "adam", "weight_decay": "decoupled"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, wd=0.01):
        self.adam, self.wd = Adam(theta, lr, beta1, beta2, eps), wd

    def step(self, grad, lr=None):
        self.adam.theta = self.adam.theta - lr * self.wd * self.adam.theta
        return self.adam.step(grad, lr)


@optimizer("m v", family="adam", weight_decay="decoupled")
def AdamWAtOnce(self, grad, lr=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.v = beta2 * self.v + (1 - beta2) * grad**2
    update = (self.m / (1 - beta1**self.t)) / (np.sqrt(self.v / (1 - beta2**self.t)) + eps)
    self.theta = self.theta - lr * (update + weight_decay * self.theta)


class Within:
    """Hands its steps to another optimizer."""

    def step(self, grad, lr=None):
        return self.inner.step(grad, lr)


class AdamWBuiltIn(Within):
    axes = {"family": "adam", "weight_decay": "decoupled"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.inner = AdamWAtOnce(theta, lr, beta1, beta2, eps, 0.01)


@optimizer("m u", family="adamax", bias_correction="both", eps="outside")
def Adamax(self, grad, lr=0.002, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.u = np.maximum(beta2 * self.u, np.abs(grad))
    self.theta = self.theta - lr / (1 - beta1**self.t) * self.m / (self.u + eps)


@optimizer("m u", family="adamax", bias_correction="both", eps="none", fault="not-finite", verdict="deviates")
def AdamaxWithoutEps(self, grad, lr=0.002, *, beta1=0.9, beta2=0.999):
    """Where the gradient is 0 from the start, it divides by 0."""
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.u = np.maximum(beta2 * self.u, np.abs(grad))
    self.theta = self.theta - lr / (1 - beta1**self.t) * self.m / self.u


@optimizer("m v vmax", family="amsgrad", maximum="raw")
def AMSGrad(self, g, lr=1e-3, *, betas=(0.9, 0.999), eps=1e-8):
    b1, b2 = betas
    self.m = b1 * self.m + (1 - b1) * g
    self.v = b2 * self.v + (1 - b2) * g * g
    self.vmax = np.maximum(self.vmax, self.v)
    denom = np.sqrt(self.vmax) / math.sqrt(1 - b2**self.t) + eps
    self.theta = self.theta - lr / (1 - b1**self.t) * self.m / denom


@optimizer("m v vhat", family="amsgrad", bias_correction="none")
def AMSGradUncorrected(self, g, lr=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8):
    """As in the paper."""
    self.m = beta1 * self.m + (1 - beta1) * g
    self.v = beta2 * self.v + (1 - beta2) * g * g
    self.vhat = np.maximum(self.vhat, self.v)
    self.theta = self.theta - lr * self.m / (np.sqrt(self.vhat) + eps)


@optimizer("m v top", family="amsgrad", maximum="corrected", settings={"amsgrad": True})
def AMSGradSwitch(self, g, lr=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8, amsgrad=False):
    self.m = beta1 * self.m + (1 - beta1) * g
    self.v = beta2 * self.v + (1 - beta2) * g * g
    vhat = self.v / (1 - beta2**self.t)
    if amsgrad:
        vhat = self.top = np.maximum(self.top, vhat)
    self.theta = self.theta - lr * self.m / (1 - beta1**self.t) / (np.sqrt(vhat) + eps)


@optimizer("m v", family="nadam", schedule="simple")
def NAdamSimple(self, g, lr=2e-3, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = beta1 * self.m + (1 - beta1) * g
    self.v = beta2 * self.v + (1 - beta2) * g**2
    m_hat, v_hat = self.m / (1 - beta1**self.t), self.v / (1 - beta2**self.t)
    self.theta = self.theta - lr / (np.sqrt(v_hat) + eps) * (beta1 * m_hat + (1 - beta1) * g / (1 - beta1**self.t))


@optimizer("m v", family="nadam", schedule="constant")
def NAdamConstant(self, g, lr=2e-3, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = beta1 * self.m + (1 - beta1) * g
    self.v = beta2 * self.v + (1 - beta2) * g**2
    m_bar = beta1 * self.m / (1 - beta1 ** (self.t + 1)) + (1 - beta1) * g / (1 - beta1**self.t)
    self.theta = self.theta - lr * m_bar / (np.sqrt(self.v / (1 - beta2**self.t)) + eps)


class NAdamTorch:
    axes = {"family": "nadam", "schedule": "dozat-in-blend"}

    def __init__(self, theta, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, momentum_decay=4e-3):
        self.theta, self.betas, self.eps, self.psi, self.t = theta, betas, eps, momentum_decay, 0
        self.m, self.v, self.prod = np.zeros_like(theta), np.zeros_like(theta), 1.0

    def step(self, g, lr=None):
        self.t += 1
        b1, b2 = self.betas
        mu = b1 * (1 - 0.5 * 0.96 ** (self.t * self.psi))
        mu_next = b1 * (1 - 0.5 * 0.96 ** ((self.t + 1) * self.psi))
        self.prod *= mu
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        denom = np.sqrt(self.v / (1 - b2**self.t)) + self.eps
        self.theta = self.theta - lr * (1 - mu) / (1 - self.prod) * g / denom
        self.theta = self.theta - lr * mu_next / (1 - self.prod * mu_next) * self.m / denom
        return self.theta


@optimizer("m v", family="radam", threshold="5", eps="hat")
def RAdam(self, g, lr=1e-3, *, betas=(0.9, 0.999), eps=1e-8):
    b1, b2 = betas
    self.m = b1 * self.m + (1 - b1) * g
    self.v = b2 * self.v + (1 - b2) * g**2
    rho_inf = 2 / (1 - b2) - 1
    c1, c2 = 1 - b1**self.t, 1 - b2**self.t
    rho = rho_inf - 2 * self.t * b2**self.t / c2
    if rho > 5:
        r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
        self.theta = self.theta - lr * self.m / c1 * r * math.sqrt(c2) / (np.sqrt(self.v) + eps)
    else:
        self.theta = self.theta - lr * self.m / c1


@optimizer("m v", family="radam", threshold="4", eps="outside")
def RAdamFromFour(self, g, lr=1e-3, *, betas=(0.9, 0.999), eps=1e-8):
    b1, b2 = betas
    self.m = b1 * self.m + (1 - b1) * g
    self.v = b2 * self.v + (1 - b2) * g**2
    top, m = 2 / (1 - b2) - 1, self.m / (1 - b1**self.t)
    rho = top - 2 * self.t * b2**self.t / (1 - b2**self.t)
    if rho > 4:
        r = math.sqrt((rho - 4) * (rho - 2) * top / ((top - 4) * (top - 2) * rho))
        m = r * m / (np.sqrt(self.v / (1 - b2**self.t)) + eps)
    self.theta = self.theta - lr * m


class RpropMinus:
    axes = {"family": "rprop", "variant": "minus"}

    def __init__(self, theta, lr=0.01, etas=(0.5, 1.2), step_sizes=(1e-6, 50)):
        self.theta, self.etas, self.limits = theta, etas, step_sizes
        self.delta, self.prev = np.full_like(theta, lr), np.zeros_like(theta)

    def step(self, grad):
        sign = np.sign(grad * self.prev)
        factor = np.where(sign > 0, self.etas[1], np.where(sign < 0, self.etas[0], 1.0)).astype(grad.dtype)
        self.delta = np.clip(self.delta * factor, *self.limits)
        self.theta = self.theta - np.sign(grad) * self.delta
        self.prev = grad.copy()
        return self.theta


class IRpropMinus:
    axes = {"family": "rprop", "variant": "improved-minus"}

    def __init__(self, theta, delta0=0.1, eta_plus=1.2, eta_minus=0.5, max_step=50.0, min_step=1e-6):
        self.theta, self.up, self.down, self.max, self.min = theta, eta_plus, eta_minus, max_step, min_step
        self.delta, self.prev = np.full_like(theta, delta0), np.zeros_like(theta)

    def step(self, grad):
        grad = grad.copy()
        for i in range(grad.size):
            p = grad[i] * self.prev[i]
            if p > 0:
                self.delta[i] = min(self.delta[i] * self.up, self.max)
            elif p < 0:
                self.delta[i] = max(self.delta[i] * self.down, self.min)
                grad[i] = 0
        self.theta = self.theta - np.sign(grad) * self.delta
        self.prev = grad
        return self.theta


class RpropPlus:
    axes = {"family": "rprop", "variant": "plus"}

    def __init__(self, theta, delta0=0.1, eta_plus=1.2, eta_minus=0.5, max_step=50.0, min_step=1e-6):
        self.theta, self.up, self.down, self.max, self.min = theta.copy(), eta_plus, eta_minus, max_step, min_step
        self.delta, self.prev, self.last = np.full_like(theta, delta0), np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad):
        for i, g in enumerate(grad):
            if g * self.prev[i] > 0:
                self.delta[i] = min(self.delta[i] * self.up, self.max)
            if g * self.prev[i] < 0:
                self.delta[i] = max(self.delta[i] * self.down, self.min)
                self.theta[i] -= self.last[i]
                self.prev[i] = self.last[i] = 0
            else:
                self.last[i] = -np.sign(g) * self.delta[i]
                self.theta[i] += self.last[i]
                self.prev[i] = g
        return self.theta


# --- unusual ways to take what is given -------------------------------------------------------------------------------------------------


class AdamOfScalarsOfNumPy(Adam):
    """np.sqrt of a Python number is a scalar of float64, and widens what is float32."""

    axes = {"family": "adam", "eps": "hat"}
    faults = {"float32": "dtype-upcast"}

    def step(self, grad, lr=None):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.v = self.b2 * self.v + (1 - self.b2) * grad**2
        self.theta = self.theta - lr * np.sqrt(1 - self.b2**self.t) / (1 - self.b1**self.t) * self.m / (np.sqrt(self.v) + self.eps)
        return self.theta


class AdamKingma:
    """The learning rate is called α, and set once."""

    axes = {"family": "adam", "eps": "outside"}

    def __init__(self, theta, alpha=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.inner, self.alpha = Adam(theta, alpha, beta1, beta2, eps), alpha

    def step(self, grad):
        return self.inner.step(grad, self.alpha)


class AdamWhoseRateIsHidden:
    axes = {"family": "adam", "eps": "outside", "lr_placement": "outside"}

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.inner, self.hyper = Adam(theta, lr, beta1, beta2, eps), {"rate": lr}

    def step(self, grad):
        return self.inner.step(grad, self.hyper["rate"])


class MomentumPrivateRate:
    axes = {"family": "momentum", "lr_placement": "inside"}

    def __init__(self, theta, eta, mu):
        self._theta, self._eta, self._mu, self._v = theta.copy(), eta, mu, np.zeros_like(theta)

    def step(self, grad):
        self._v = self._mu * self._v - self._eta * grad
        self._theta += self._v
        return self._theta


class AdamGoodfellow(Within):
    axes = {"family": "adam", "eps": "outside"}

    def __init__(self, theta, epsilon=0.001, rho1=0.9, rho2=0.999, delta=1e-8):
        self.inner = Adam(theta, epsilon, rho1, rho2, delta)


class AdamWUnderLambda(Within):
    axes = {"family": "adam", "weight_decay": "decoupled"}

    def __init__(self, theta, eta, b1, b2, epsilon, lambda_):
        self.inner = AdamWAtOnce(theta, eta, b1, b2, epsilon, lambda_)


class AdamWithoutDefaults(Within):
    axes = {"family": "adam", "weight_decay": "coupled"}

    def __init__(self, theta, lr, betas, eps, weight_decay):
        self.inner = AdamL2(theta, lr, *betas, eps, weight_decay)


class AdamOfKeywords:
    axes = {"family": "adam", "eps": "outside"}

    def __init__(self, theta, **options):
        self.inner = Adam(theta, **{"lr": 0.001, **options})

    def step(self, grad, lr=None, **unused):
        return self.inner.step(grad, lr)


class AdamWithSlots:
    __slots__ = ("m", "n", "t", "theta", "v")
    axes = {"family": "adam", "eps": "outside"}

    def __init__(self, theta, lr=1e-3):
        self.theta, self.m, self.v, self.t = theta.copy(), np.zeros_like(theta), np.zeros_like(theta), 0

    def step(self, grad, lr=1e-3):
        self.t += 1
        self.m += 0.1 * (grad - self.m)
        self.v += 0.001 * (grad**2 - self.v)
        self.theta -= lr * (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)
        return self.theta


class AdamByCoordinates(Adam):
    """Python's own numbers, one coordinate after the other."""

    axes = {"family": "adam", "eps": "outside"}

    def step(self, grad, lr=None):
        self.t += 1
        theta = self.theta.copy()
        for i, g in enumerate(grad.tolist()):
            self.m[i] = self.b1 * float(self.m[i]) + (1 - self.b1) * g
            self.v[i] = self.b2 * float(self.v[i]) + (1 - self.b2) * g * g
            m, v = float(self.m[i]) / (1 - self.b1**self.t), float(self.v[i]) / (1 - self.b2**self.t)
            theta[i] = float(theta[i]) - lr * m / (v**0.5 + self.eps)
        self.theta = theta
        return theta


class RMSPropUnderBeta(Within):
    axes = {"family": "rmsprop", "eps": "outside"}

    def __init__(self, theta, lr=0.01, beta=0.9, epsilon=1e-8):
        self.inner = RMSProp(theta, lr, beta, epsilon)


class RMSPropUnderGammaWithMomentum(Within):
    axes = {"family": "rmsprop", "eps": "outside", "lr_placement": "outside"}

    def __init__(self, theta, lr=0.01, gamma=0.95, eps=1e-6, mu=0.5):
        self.inner = RMSPropMomentumOutside(theta, lr, gamma, eps, mu)


class RpropUnderDelta(IRpropMinus):
    def __init__(self, theta, delta_init=0.1, eta_plus=1.2, eta_minus=0.5, delta_max=50.0, delta_min=1e-6):
        super().__init__(theta, delta_init, eta_plus, eta_minus, delta_max, delta_min)


# --- with everything built in -----------------------------------------------------------------------------------------------------------


class RpropBuiltIn:
    axes = {"family": "rprop", "variant": "improved-minus"}

    def __init__(self, theta, lr=0.01):
        self.theta, self.delta, self.prev = theta, np.full_like(theta, lr), np.zeros_like(theta)

    def step(self, grad):
        turn = np.sign(grad) * np.sign(self.prev)
        self.delta = np.where(
            turn > 0, np.minimum(1.2 * self.delta, 50), np.where(turn < 0, np.maximum(0.5 * self.delta, 1e-6), self.delta)
        )
        self.prev = np.where(turn < 0, 0, grad).astype(grad.dtype)
        self.theta = self.theta - np.sign(self.prev) * self.delta
        return self.theta


class AdamOfConstants:
    axes = {"family": "adam", "eps": "inside", "bias_correction": "both"}
    BETA1, BETA2, EPS = 0.9, 0.999, 1e-8

    def __init__(self, theta, lr=1e-3):
        self.theta, self.lr, self.m, self.v, self.k = theta, lr, 0 * theta, 0 * theta, 1

    def step(self, grad):
        self.m = self.BETA1 * self.m + (1 - self.BETA1) * grad
        self.v = self.BETA2 * self.v + (1 - self.BETA2) * grad * grad
        m, v = self.m / (1 - self.BETA1**self.k), self.v / (1 - self.BETA2**self.k)
        self.k += 1
        self.theta = self.theta - self.lr * m / np.sqrt(v + self.EPS)
        return self.theta


@optimizer("m v s", family="amsgrad", eps="outside", maximum="raw")
def AMSGradBuiltIn(self, g, lr):
    self.m = 0.9 * self.m + 0.1 * g
    self.v = 0.999 * self.v + 0.001 * g**2
    self.s = np.maximum(self.s, self.v)
    self.theta = self.theta - lr * (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.s / (1 - 0.999**self.t)) + 1e-8)


@optimizer("m v", family="nadam", schedule="simple", eps="outside")
def NAdamBuiltIn(self, g, lr):
    self.m = 0.9 * self.m + 0.1 * g
    self.v = 0.999 * self.v + 0.001 * g**2
    top = (0.9 * self.m + 0.1 * g) / (1 - 0.9**self.t)
    self.theta = self.theta - lr * top / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)


@optimizer("m u", family="adamax", eps="outside", bias_correction="both")
def AdamaxBuiltIn(self, g, lr):
    self.m = 0.9 * self.m + 0.1 * g
    self.u = np.maximum(0.999 * self.u, abs(g))
    self.theta = self.theta - lr / (1 - 0.9**self.t) * self.m / (self.u + 1e-8)


@optimizer("n g delta", family="rmsprop", eps="inside", centered=True, lr_placement="inside")
def Graves(self, grad, lr=1e-4, *, decay=0.95, momentum=0.9, eps=1e-4):
    self.n = decay * self.n + (1 - decay) * grad**2
    self.g = decay * self.g + (1 - decay) * grad
    self.delta = momentum * self.delta - lr * grad / np.sqrt(self.n - self.g**2 + eps)
    self.theta = self.theta + self.delta


class AdagradOfTorch:
    axes = {"family": "adagrad", "eps": "outside", "weight_decay": "coupled"}

    def __init__(self, theta, lr=1e-2, lr_decay=0.01, weight_decay=0.1, initial_accumulator_value=0.0, eps=1e-10):
        self.theta, self.lr_decay, self.wd, self.eps, self.n = theta, lr_decay, weight_decay, eps, 0
        self.sum = np.full_like(theta, initial_accumulator_value)

    def step(self, grad, lr):
        grad = grad + self.wd * self.theta
        self.sum = self.sum + grad * grad
        self.theta = self.theta - lr / (1 + self.n * self.lr_decay) * grad / (np.sqrt(self.sum) + self.eps)
        self.n += 1
        return self.theta


@optimizer("v", family="momentum", dampening="ema", bias_correction="both", lr_placement="outside")
def EMAWithCorrection(self, grad, lr=0.01, *, beta=0.9):
    self.v = beta * self.v + (1 - beta) * grad
    self.theta = self.theta - lr * self.v / (1 - beta**self.t)


# --- pairs of functions -----------------------------------------------------------------------------------------------------------------


class State(NamedTuple):
    m: np.ndarray
    v: np.ndarray
    t: int


def _init(theta):
    return State(np.zeros_like(theta), np.zeros_like(theta), 0)


def _update(grad, state, theta, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    t = state.t + 1
    m = beta1 * state.m + (1 - beta1) * grad
    v = beta2 * state.v + (1 - beta2) * grad**2
    return theta - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps), State(m, v, t)


adam_pair = SimpleNamespace(axes=Adam.axes, init=_init, update=_update)


class AdamOfDicts:
    axes = {"family": "adam", "eps": "outside", "bias_correction": "both", "weight_decay": "decoupled"}

    @staticmethod
    def init(params):
        return {"m": np.zeros_like(params), "v": np.zeros_like(params), "count": 0}

    @staticmethod
    def update(grads, state, params, lr, b1=0.9, b2=0.999, eps=1e-8, weight_decay=1e-4):
        count = state["count"] + 1
        m = b1 * state["m"] + (1 - b1) * grads
        v = b2 * state["v"] + (1 - b2) * np.square(grads)
        mhat, nhat = m / (1 - b1**count), v / (1 - b2**count)
        updates = mhat / (np.sqrt(nhat) + eps) + weight_decay * params
        return params - lr * updates, {"m": m, "v": v, "count": count}


class MomentumOfTuples:
    axes = {"family": "momentum", "lr_placement": "inside"}

    @staticmethod
    def init(theta):
        return (np.zeros_like(theta),)

    @staticmethod
    def update(grad, state, theta, lr, momentum=0.9):
        (v,) = state
        v = momentum * v + lr * grad
        return theta - v, (v,)


class RMSPropOfNothing:
    """No hyper-parameter at all."""

    axes = {"family": "rmsprop", "eps": "outside"}

    @staticmethod
    def init(theta):
        return np.zeros_like(theta)

    @staticmethod
    def update(grad, state, theta, lr):
        state = 0.99 * state + (1 - 0.99) * grad**2
        return theta - lr * grad / (np.sqrt(state) + 1e-8), state


Slots = namedtuple("Slots", "accumulator")


class AdagradOfSlots:
    axes = {"family": "adagrad", "eps": "inside", "initial_second_moment": 0.1}

    @staticmethod
    def init(theta):
        return Slots(np.full_like(theta, 0.1))

    @staticmethod
    def update(grad, state, theta, learning_rate, eps=1e-7):
        acc = state.accumulator + grad**2
        return theta - learning_rate * grad / np.sqrt(acc + eps), Slots(acc)


class ScipyStyle:
    """A pair whose state is changed in place."""

    axes = {"family": "momentum", "lr_placement": "outside", "dampening": "none"}

    @staticmethod
    def init(theta):
        return {"trace": np.zeros(theta.shape, theta.dtype)}

    @staticmethod
    def update(grad, state, theta, lr, *, decay):
        state["trace"] *= decay
        state["trace"] += grad
        return theta - lr * state["trace"], state


# --- sign methods ----------------------------------------------------------------------------------------------------------------------


@optimizer(follows="sign-sgd")
def SignDescent(self, g, lr):
    self.theta = self.theta - lr * np.where(g > 0, 1, np.where(g < 0, -1, 0))


@optimizer("v", follows="signum")
def SignumOfASum(self, g, lr, *, momentum):
    self.v = momentum * self.v + g  # a positive factor does not change a sign
    self.theta = self.theta - lr * np.sign(self.v)


@optimizer("m", follows="lion/decay-decoupled")
def LionDecayedFirst(self, g, lr, *, b1, b2, weight_decay):
    self.theta *= 1 - lr * weight_decay
    self.theta -= lr * np.sign(self.m + (1 - b1) * (g - self.m))
    self.m += (1 - b2) * (g - self.m)


# --- layer-wise methods: norms of the whole array ---------------------------------------------------------------------------------------


class Lamb:
    axes = {"family": "lamb", "eps": "outside", "bias_correction": "both", "weight_decay": "in-update"}

    def __init__(self, lr=1e-3, betas=(0.9, 0.99), eps=1e-3, weight_decay=0.125):
        self.lr, self.betas, self.eps, self.weight_decay, self.m, self.v, self.t = lr, betas, eps, weight_decay, 0, 0, 0

    def step(self, theta, grad):
        (b1, b2), self.t = self.betas, self.t + 1
        self.m = b1 * self.m + (1 - b1) * grad
        self.v = b2 * self.v + (1 - b2) * grad * grad
        r = self.m / (1 - b1**self.t) / (np.sqrt(self.v / (1 - b2**self.t)) + self.eps) + self.weight_decay * theta
        w, n = np.linalg.norm(theta), np.linalg.norm(r)
        return theta - self.lr * (w / n if w > 0 and n > 0 else 1.0) * r


class LarsOfPorts:
    """The ratio on the gradient with its decay, the learning rate at the end."""

    axes = {"family": "lars", "lr_placement": "outside", "eps": "in-ratio", "weight_decay": "coupled"}

    def __init__(self, lr=0.1, momentum=0.9, trust_coefficient=0.02, eps=0.125, weight_decay=0.125):
        self.lr, self.momentum, self.trust, self.weight_decay = lr, momentum, trust_coefficient, weight_decay
        self.eps, self.buffer = eps, 0

    def step(self, theta, grad):
        update = grad + self.weight_decay * theta
        w, n = np.sqrt(theta @ theta), np.sqrt(update @ update)
        self.buffer = self.momentum * self.buffer + (self.trust * w / (n + self.eps) if w * n > 0 else 1.0) * update
        return theta - self.lr * self.buffer


class Novograd:
    axes = {"family": "novograd", "weight_decay": "in-update"}

    def __init__(self, lr=0.01, betas=(0.95, 0.98), eps=0.125, weight_decay=0.125):
        self.lr, self.betas, self.eps, self.weight_decay, self.m, self.v = lr, betas, eps, weight_decay, 0, None

    def step(self, theta, grad):
        square = grad @ grad
        self.v = square if self.v is None else self.v + (1 - self.betas[1]) * (square - self.v)
        self.m = self.betas[0] * self.m + (grad / (np.sqrt(self.v) + self.eps) + self.weight_decay * theta)
        return theta - self.lr * self.m


# --- averages in the place of a schedule, and a factored second moment ------------------------------------------------------------------


class ScheduleFreeAdamW:
    """Two points are kept, y and z; x is found from them."""

    axes = {"family": "schedule_free_adamw", "eps": "outside", "bias_correction": "both", "weight_decay": "in-update"}

    def __init__(self, lr=0.125, betas=(0.875, 0.96875), eps=0.125, weight_decay=0.125, weight_lr_power=2.0):
        self.lr, self.betas, self.eps, self.weight_decay, self.power = lr, betas, eps, weight_decay, weight_lr_power
        self.z, self.v, self.t, self.total, self.largest = None, 0, 0, 0.0, 0.0

    def step(self, theta, grad):
        (b1, b2), self.t = self.betas, self.t + 1
        z = theta if self.z is None else self.z
        x = theta if self.z is None else (theta - (1 - b1) * z) / b1
        self.v = b2 * self.v + (1 - b2) * grad**2
        update = grad / (np.sqrt(self.v / (1 - b2**self.t)) + self.eps) + self.weight_decay * theta
        self.z = z - self.lr * update
        self.largest = max(self.largest, self.lr)
        self.total += self.largest**self.power
        share = self.largest**self.power / self.total
        return b1 * (x + share * (self.z - x)) + (1 - b1) * self.z


class Adafactor:
    """As PyTorch has it: ε as a floor, and a learning rate that falls at last with the root of time."""

    axes = {"family": "adafactor", "variant": "relative-rate", "eps": "floor"}

    def __init__(self, lr=0.5, decay_exponent=0.75, d=0.75, eps=0.0625, eps2=0.25):
        self.lr, self.exponent, self.d, self.eps, self.eps2, self.v, self.t = lr, decay_exponent, d, eps, eps2, 0, 0

    def step(self, theta, grad):
        self.t += 1
        decay = 1 - self.t**-self.exponent
        self.v = decay * self.v + (1 - decay) * grad**2
        update = grad / np.maximum(np.sqrt(self.v), self.eps)
        update = update / max(1, np.sqrt(np.mean(update**2)) / self.d)
        return theta - min(self.lr, self.t**-0.5) * max(self.eps2, np.sqrt(np.mean(theta**2))) * update


FOLLOWING = [value for value in list(vars().values()) if hasattr(value, "follows")]
CASES = {name: value for name, value in list(vars().items()) if hasattr(value, "axes")}
