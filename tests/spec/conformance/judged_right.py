"""Right implementations in the styles of many hands; `axes` is what must be said of each."""

import math
from collections import namedtuple
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

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


class SGDWithL2:
    axes = {"family": "sgd", "weight_decay": "coupled"}

    def __init__(self, theta, *, lr, wd=0.01):
        self.theta, self.wd = theta, wd

    def step(self, grad, lr):
        self.theta = self.theta - lr * (grad + self.wd * self.theta)
        return self.theta


class SGDShrinks:
    """θ (1 − η λ) − η g: the decoupled and the coupled decay are the same step without a memory."""

    axes = {"family": "sgd", "weight_decay": "coupled"}

    def __init__(self, theta, lr=0.1, weight_decay=0.05):
        self.theta, self.weight_decay = theta, weight_decay

    def step(self, grad, lr=None):
        self.theta = (1 - lr * self.weight_decay) * self.theta - lr * grad
        return self.theta


class MomentumUnderGamma:
    axes = {"family": "momentum", "lr_placement": "inside", "dampening": "none"}

    def __init__(self, theta, lr=0.01, gamma=0.9):
        self.theta, self.gamma, self.v = theta, gamma, np.zeros(theta.shape, theta.dtype)

    def step(self, grad, lr=None):
        self.v = self.gamma * self.v + (lr or 0.01) * grad
        self.theta = self.theta - self.v
        return self.theta


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

    def __init__(self, theta, lr=1e-3, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
        self.theta, self.conf, self.buf = theta, (momentum, dampening, weight_decay, nesterov), None
        if momentum < 0:
            raise ValueError("momentum")

    settings = {"momentum": 0.9}

    def step(self, grad, lr=None):
        mu, damp, decay, nesterov = self.conf
        d = grad + decay * self.theta if decay else grad
        if mu:
            self.buf = d.copy() if self.buf is None else mu * self.buf + (1 - damp) * d
            d = d + mu * self.buf if nesterov else self.buf
        self.theta = self.theta - lr * d
        return self.theta


class TorchLikeDampened(TorchLike):
    axes = {"family": "momentum", "lr_placement": "outside", "dampening": "first-step-full"}
    settings = {"momentum": 0.9, "dampening": 0.25}


class TorchLikeNesterov(TorchLike):
    axes = {"family": "nesterov", "nesterov_form": "shifted-outside", "weight_decay": "coupled"}
    settings = {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}


class TorchLikePlain(TorchLike):
    axes = {"family": "sgd", "weight_decay": "none"}
    settings = {}


class DampenedFromZero:
    axes = {"family": "momentum", "dampening": "from-zero", "lr_placement": "outside"}

    def __init__(self, theta, *, lr, momentum, dampening):
        self.theta, self.momentum, self.dampening = theta, momentum, dampening
        self.m = 0.0 * theta

    def step(self, grad, lr):
        self.m = self.momentum * self.m - (self.dampening - 1) * grad
        self.theta = self.theta - lr * self.m
        return self.theta


class EMAUnderBeta:
    axes = {"family": "momentum", "dampening": "ema", "lr_placement": "outside"}

    def __init__(self, theta, lr=0.1, beta=0.9):
        self.theta, self.beta, self.ema = theta, beta, np.zeros_like(theta)

    def step(self, grad, lr=None):
        self.ema = self.beta * self.ema + (1 - self.beta) * grad
        self.theta = self.theta - lr * self.ema
        return self.theta


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


class SutskeverNesterov:
    axes = {"family": "nesterov", "nesterov_form": "shifted-inside"}

    def __init__(self, theta, lr=0.01, mu=0.9):
        self.x, self.mu, self.v = theta, mu, 0 * theta

    def step(self, dx, lr=None):
        v_prev = self.v
        self.v = self.mu * self.v - lr * dx
        self.x = self.x + (-self.mu * v_prev + (1 + self.mu) * self.v)
        return self.x


class NesterovWithWeightDecay:
    axes = {"family": "nesterov", "nesterov_form": "shifted-outside", "weight_decay": "decoupled"}

    def __init__(self, theta, lr=0.01, momentum=0.9, weight_decay=0.01):
        self.x, self.mu, self.wd, self.v = theta, momentum, weight_decay, 0 * theta

    def step(self, grad, lr=None):
        self.v = self.mu * self.v + grad
        self.x = self.x * (1 - lr * self.wd) - lr * (grad + self.mu * self.v)
        return self.x


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


class AdagradFrom01(Adagrad):
    axes = {"family": "adagrad", "eps": "outside", "initial_second_moment": 0.1}

    def __init__(self, theta, lr=0.01, epsilon=1e-7):
        super().__init__(theta, lr, epsilon)
        self.h = np.full_like(theta, 0.1)


class AdagradInside:
    axes = {"family": "adagrad", "eps": "inside", "initial_second_moment": 0}

    def __init__(self, theta, lr, eps=1e-6):
        self.theta, self.eps, self.G = theta, eps, np.zeros_like(theta)

    def step(self, grad, lr):
        self.G = self.G + grad**2
        self.theta = self.theta - lr / np.sqrt(self.G + self.eps) * grad
        return self.theta


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


class AdagradNoParameters:
    """ε is built in."""

    axes = {"family": "adagrad", "eps": "outside"}

    def __init__(self, theta, lr):
        self.theta, self.cache = theta, np.zeros_like(theta)

    def step(self, grad, lr):
        self.cache = self.cache + grad**2
        self.theta = self.theta - lr * grad / (np.sqrt(self.cache) + 1e-7)
        return self.theta


class RMSProp:
    axes = {"family": "rmsprop", "eps": "outside", "centered": False}

    def __init__(self, theta, lr=1e-3, rho=0.9, eps=1e-8):
        self.theta, self.rho, self.eps, self.s = theta, rho, eps, np.zeros_like(theta)

    def step(self, grad, lr=None):
        self.s += (1 - self.rho) * (grad**2 - self.s)
        self.theta = self.theta - lr * grad / (self.eps + np.sqrt(self.s))
        return self.theta


class RMSPropInside:
    axes = {"family": "rmsprop", "eps": "inside", "centered": False}

    def __init__(self, theta, lr=1e-3, decay_rate=0.99, epsilon=1e-8):
        self.theta, self.d, self.epsilon, self.s = theta, decay_rate, epsilon, np.zeros_like(theta)

    def step(self, grad, lr=None):
        self.s = self.d * self.s + (1 - self.d) * grad * grad
        self.theta = self.theta - lr * grad / np.sqrt(self.s + self.epsilon)
        return self.theta


class RMSPropCentred:
    axes = {"family": "rmsprop", "eps": "outside", "centered": True}

    def __init__(self, theta, lr=1e-3, alpha=0.99, eps=1e-8):
        self.theta, self.alpha, self.eps = theta, alpha, eps
        self.sq, self.avg = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr=None):
        a = self.alpha
        self.sq = a * self.sq + (1 - a) * grad**2
        self.avg = a * self.avg + (1 - a) * grad
        self.theta = self.theta - lr * grad / (np.sqrt(np.maximum(self.sq - self.avg**2, 0)) + self.eps)
        return self.theta


class RMSPropFromOne:
    axes = {"family": "rmsprop", "eps": "inside", "initial_second_moment": 1}

    def __init__(self, theta, learning_rate=1e-3, decay=0.9, epsilon=1e-10):
        self.theta, self.decay, self.epsilon, self.ms = theta, decay, epsilon, np.ones_like(theta)

    def step(self, grad, lr):
        self.ms = self.decay * self.ms + (1 - self.decay) * grad**2
        self.theta = self.theta - lr * grad / np.sqrt(self.ms + self.epsilon)
        return self.theta


class RMSPropMomentumInside:
    axes = {"family": "rmsprop", "eps": "inside", "lr_placement": "inside"}

    def __init__(self, theta, lr=1e-3, decay=0.9, momentum=0.9, epsilon=1e-10):
        self.theta, self.decay, self.mu, self.epsilon = theta, decay, momentum, epsilon
        self.ms, self.mom = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr):
        self.ms = self.decay * self.ms + (1 - self.decay) * grad**2
        self.mom = self.mu * self.mom + lr * grad / np.sqrt(self.ms + self.epsilon)
        self.theta = self.theta - self.mom
        return self.theta


class RMSPropMomentumOutside:
    axes = {"family": "rmsprop", "eps": "outside", "lr_placement": "outside"}

    def __init__(self, theta, lr=1e-2, alpha=0.99, eps=1e-8, momentum=0.9):
        self.theta, self.alpha, self.mu, self.eps = theta, alpha, momentum, eps
        self.ms, self.mom = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr):
        self.ms = self.alpha * self.ms + (1 - self.alpha) * grad**2
        self.mom = self.mu * self.mom + grad / (np.sqrt(self.ms) + self.eps)
        self.theta = self.theta - lr * self.mom
        return self.theta


class RMSPropBuiltIn:
    axes = {"family": "rmsprop", "eps": "outside"}

    def __init__(self, theta, lr=0.001):
        self.theta, self.s = theta, np.zeros_like(theta)

    def step(self, grad, lr):
        self.s = 0.9 * self.s + 0.1 * grad**2
        self.theta = self.theta - lr * grad / (np.sqrt(self.s) + 1e-8)
        return self.theta


class Adadelta:
    axes = {"family": "adadelta", "eps": "inside", "lr_placement": "none"}

    def __init__(self, theta, rho=0.95, eps=1e-6):
        self.theta, self.rho, self.eps = theta, rho, eps
        self.eg, self.ex = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad):
        self.eg = self.rho * self.eg + (1 - self.rho) * grad**2
        dx = -np.sqrt(self.ex + self.eps) / np.sqrt(self.eg + self.eps) * grad
        self.ex = self.rho * self.ex + (1 - self.rho) * dx**2
        self.theta = self.theta + dx
        return self.theta


class AdadeltaWithRate:
    axes = {"family": "adadelta", "eps": "inside", "lr_placement": "outside"}

    def __init__(self, theta, lr=1.0, rho=0.9, eps=1e-6):
        self.theta, self.rho, self.eps = theta, rho, eps
        self.eg, self.ex = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr):
        self.eg = self.rho * self.eg + (1 - self.rho) * grad**2
        dx = np.sqrt((self.ex + self.eps) / (self.eg + self.eps)) * grad
        self.ex = self.rho * self.ex + (1 - self.rho) * dx**2
        self.theta = self.theta - lr * dx
        return self.theta


class AdadeltaBuiltIn:
    axes = {"family": "adadelta", "eps": "inside", "lr_placement": "none"}

    def __init__(self, theta, lr=1.0):
        self.theta = theta
        self.eg, self.ex = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr=None):
        self.eg = 0.95 * self.eg + 0.05 * grad**2
        dx = np.sqrt(self.ex + 1e-6) / np.sqrt(self.eg + 1e-6) * grad
        self.ex = 0.95 * self.ex + 0.05 * dx**2
        self.theta = self.theta - dx
        return self.theta


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


class AdamEfficient:
    axes = {"family": "adam", "eps": "hat", "bias_correction": "both"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.t = theta, beta1, beta2, eps, 0
        self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr=None):
        self.t += 1
        lr_t = lr * math.sqrt(1 - self.b2**self.t) / (1 - self.b1**self.t)
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.v = self.b2 * self.v + (1 - self.b2) * grad**2
        self.theta = self.theta - lr_t * self.m / (np.sqrt(self.v) + self.eps)
        return self.theta


class AdamEfficientWithEpsScaled:
    """The efficient form, its ε scaled along: the plain one again."""

    axes = {"family": "adam", "eps": "outside", "bias_correction": "both"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.t = theta, beta1, beta2, eps, 0
        self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr=None):
        self.t += 1
        root = math.sqrt(1 - self.b2**self.t)
        self.m *= self.b1
        self.m += (1 - self.b1) * grad
        self.v *= self.b2
        self.v += (1 - self.b2) * grad * grad
        self.theta = self.theta - (lr * root / (1 - self.b1**self.t)) * self.m / (np.sqrt(self.v) + self.eps * root)
        return self.theta


class AdamInPlaceWithBuffers:
    axes = {"family": "adam", "eps": "outside", "bias_correction": "both"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.t = theta.copy(), beta1, beta2, eps, 0
        self.m, self.v, self.tmp = np.zeros_like(theta), np.zeros_like(theta), np.empty_like(theta)

    def step(self, grad, lr):
        self.t += 1
        np.multiply(self.m, self.b1, out=self.m)
        np.multiply(grad, 1 - self.b1, out=self.tmp)
        self.m += self.tmp
        np.multiply(grad, grad, out=self.tmp)
        self.tmp *= 1 - self.b2
        self.v *= self.b2
        self.v += self.tmp
        np.divide(self.v, 1 - self.b2**self.t, out=self.tmp)
        np.sqrt(self.tmp, out=self.tmp)
        self.tmp += self.eps
        np.divide(self.m, self.tmp, out=self.tmp)
        self.tmp *= lr / (1 - self.b1**self.t)
        self.theta -= self.tmp
        return self.theta


class AdamInside:
    axes = {"family": "adam", "eps": "inside", "bias_correction": "both"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.t = theta, beta1, beta2, eps, 0
        self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.v = self.b2 * self.v + (1 - self.b2) * grad**2
        mhat, vhat = self.m / (1 - self.b1**self.t), self.v / (1 - self.b2**self.t)
        self.theta = self.theta - lr * mhat * (vhat + self.eps) ** -0.5
        return self.theta


class AdamBuiltIn:
    axes = {"family": "adam", "eps": "outside", "bias_correction": "both"}

    def __init__(self, theta, lr):
        self.theta, self.t = theta, 0
        self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, g, lr):
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g * g
        self.theta = self.theta - lr * (self.m / (1 - 0.9**self.t)) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)
        return self.theta


class AdamBuiltInHat:
    axes = {"family": "adam", "eps": "hat", "bias_correction": "both"}

    def __init__(self, theta, lr):
        self.theta, self.t = theta, 0
        self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, g, lr):
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g * g
        a = lr * (1 - 0.999**self.t) ** 0.5 / (1 - 0.9**self.t)
        self.theta = self.theta - a * self.m / (np.sqrt(self.v) + 1e-7)
        return self.theta


class AdamEpsBuiltIn:
    axes = {"family": "adam", "eps": "outside", "bias_correction": "both"}

    def __init__(self, theta, lr=0.001, betas=(0.9, 0.999)):
        self.theta, self.betas, self.t = theta, betas, 0
        self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, g, lr):
        self.t += 1
        b1, b2 = self.betas
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g * g
        self.theta = self.theta - lr * (self.m / (1 - b1**self.t)) / (np.sqrt(self.v / (1 - b2**self.t)) + 1e-6)
        return self.theta


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


class AdamWAtOnce:
    axes = {"family": "adam", "weight_decay": "decoupled"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        self.x, self.hp, self.t = theta, (beta1, beta2, eps, weight_decay), 0
        self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr=None):
        b1, b2, eps, wd = self.hp
        self.t += 1
        self.m = b1 * self.m + (1 - b1) * grad
        self.v = b2 * self.v + (1 - b2) * grad**2
        update = (self.m / (1 - b1**self.t)) / (np.sqrt(self.v / (1 - b2**self.t)) + eps)
        self.x = self.x - lr * (update + wd * self.x)
        return self.x


class AdamWBuiltIn:
    axes = {"family": "adam", "weight_decay": "decoupled"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.inner = AdamWAtOnce(theta, lr, beta1, beta2, eps, 0.01)

    def step(self, grad, lr=None):
        return self.inner.step(grad, lr)


class Adamax:
    axes = {"family": "adamax", "bias_correction": "both", "eps": "outside"}

    def __init__(self, theta, lr=0.002, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.t = theta, beta1, beta2, eps, 0
        self.m, self.u = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr=None):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.u = np.maximum(self.b2 * self.u, np.abs(grad))
        self.theta = self.theta - lr / (1 - self.b1**self.t) * self.m / (self.u + self.eps)
        return self.theta


class AdamaxWithoutEps:
    axes = {"family": "adamax", "bias_correction": "both", "eps": "none"}
    fault = "not-finite"  # where the gradient is 0 from the start, it divides by 0
    verdict = "deviates"

    def __init__(self, theta, lr=0.002, beta1=0.9, beta2=0.999):
        self.theta, self.b1, self.b2, self.t = theta, beta1, beta2, 0
        self.m, self.u = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr=None):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.u = np.maximum(self.b2 * self.u, np.abs(grad))
        self.theta = self.theta - lr / (1 - self.b1**self.t) * self.m / self.u
        return self.theta


class AMSGrad:
    axes = {"family": "amsgrad", "maximum": "raw"}

    def __init__(self, theta, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.theta, self.betas, self.eps, self.t = theta, betas, eps, 0
        self.m, self.v, self.vmax = np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)

    def step(self, g, lr=None):
        self.t += 1
        b1, b2 = self.betas
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g * g
        self.vmax = np.maximum(self.vmax, self.v)
        denom = np.sqrt(self.vmax) / math.sqrt(1 - b2**self.t) + self.eps
        self.theta = self.theta - lr / (1 - b1**self.t) * self.m / denom
        return self.theta


class AMSGradUncorrected:
    """As in the paper."""

    axes = {"family": "amsgrad", "bias_correction": "none"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps = theta, beta1, beta2, eps
        self.m, self.v, self.vhat = np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)

    def step(self, g, lr=None):
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + (1 - self.b2) * g * g
        self.vhat = np.maximum(self.vhat, self.v)
        self.theta = self.theta - lr * self.m / (np.sqrt(self.vhat) + self.eps)
        return self.theta


class AMSGradSwitch:
    axes = {"family": "amsgrad", "maximum": "corrected"}
    settings = {"amsgrad": True}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, amsgrad=False):
        self.theta, self.b1, self.b2, self.eps, self.amsgrad, self.t = theta, beta1, beta2, eps, amsgrad, 0
        self.m, self.v, self.top = np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)

    def step(self, g, lr=None):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + (1 - self.b2) * g * g
        vhat = self.v / (1 - self.b2**self.t)
        if self.amsgrad:
            vhat = self.top = np.maximum(self.top, vhat)
        self.theta = self.theta - lr * self.m / (1 - self.b1**self.t) / (np.sqrt(vhat) + self.eps)
        return self.theta


class NAdamSimple:
    axes = {"family": "nadam", "schedule": "simple"}

    def __init__(self, theta, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.t = theta, beta1, beta2, eps, 0
        self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, g, lr=None):
        self.t += 1
        b1, b2 = self.b1, self.b2
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        m_hat, v_hat = self.m / (1 - b1**self.t), self.v / (1 - b2**self.t)
        self.theta = self.theta - lr / (np.sqrt(v_hat) + self.eps) * (b1 * m_hat + (1 - b1) * g / (1 - b1**self.t))
        return self.theta


class NAdamConstant(NAdamSimple):
    axes = {"family": "nadam", "schedule": "constant"}

    def step(self, g, lr=None):
        self.t += 1
        b1, b2 = self.b1, self.b2
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        m_bar = b1 * self.m / (1 - b1 ** (self.t + 1)) + (1 - b1) * g / (1 - b1**self.t)
        self.theta = self.theta - lr * m_bar / (np.sqrt(self.v / (1 - b2**self.t)) + self.eps)
        return self.theta


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


class RAdam:
    axes = {"family": "radam", "threshold": "5", "eps": "hat"}

    def __init__(self, theta, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.theta, self.betas, self.eps, self.t = theta, betas, eps, 0
        self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, g, lr=None):
        self.t += 1
        b1, b2 = self.betas
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        rho_inf = 2 / (1 - b2) - 1
        c1, c2 = 1 - b1**self.t, 1 - b2**self.t
        rho = rho_inf - 2 * self.t * b2**self.t / c2
        if rho > 5:
            r = math.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            self.theta = self.theta - lr * self.m / c1 * r * math.sqrt(c2) / (np.sqrt(self.v) + self.eps)
        else:
            self.theta = self.theta - lr * self.m / c1
        return self.theta


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
    faults = {"float32": "widens"}

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


class AdamGoodfellow:
    axes = {"family": "adam", "eps": "outside"}

    def __init__(self, theta, epsilon=0.001, rho1=0.9, rho2=0.999, delta=1e-8):
        self.inner = Adam(theta, epsilon, rho1, rho2, delta)

    def step(self, grad, lr):
        return self.inner.step(grad, lr)


class AdamWUnderLambda:
    axes = {"family": "adam", "weight_decay": "decoupled"}

    def __init__(self, theta, eta, b1, b2, epsilon, lambda_):
        self.inner = AdamWAtOnce(theta, eta, b1, b2, epsilon, lambda_)

    def step(self, grad, lr):
        return self.inner.step(grad, lr)


class AdamWithoutDefaults:
    axes = {"family": "adam", "weight_decay": "coupled"}

    def __init__(self, theta, lr, betas, eps, weight_decay):
        self.inner = AdamL2(theta, lr, *betas, eps, weight_decay)

    def step(self, grad, lr):
        return self.inner.step(grad, lr)


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


class RMSPropUnderBeta:
    axes = {"family": "rmsprop", "eps": "outside"}

    def __init__(self, theta, lr=0.01, beta=0.9, epsilon=1e-8):
        self.inner = RMSProp(theta, lr, beta, epsilon)

    def step(self, grad, lr):
        return self.inner.step(grad, lr)


class RMSPropUnderGammaWithMomentum:
    axes = {"family": "rmsprop", "eps": "outside", "lr_placement": "outside"}

    def __init__(self, theta, lr=0.01, gamma=0.95, eps=1e-6, mu=0.5):
        self.inner = RMSPropMomentumOutside(theta, lr, gamma, eps, mu)

    def step(self, grad, lr):
        return self.inner.step(grad, lr)


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


class RpropUnderDelta(IRpropMinus):
    def __init__(self, theta, delta_init=0.1, eta_plus=1.2, eta_minus=0.5, delta_max=50.0, delta_min=1e-6):
        super().__init__(theta, delta_init, eta_plus, eta_minus, delta_max, delta_min)


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


class AMSGradBuiltIn:
    axes = {"family": "amsgrad", "eps": "outside", "maximum": "raw"}

    def __init__(self, theta, lr):
        self.x, self.m, self.v, self.s, self.k = theta, 0 * theta, 0 * theta, 0 * theta, 0

    def step(self, g, lr):
        self.k += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        self.s = np.maximum(self.s, self.v)
        self.x = self.x - lr * (self.m / (1 - 0.9**self.k)) / (np.sqrt(self.s / (1 - 0.999**self.k)) + 1e-8)
        return self.x


class NAdamBuiltIn:
    axes = {"family": "nadam", "schedule": "simple", "eps": "outside"}

    def __init__(self, theta, lr):
        self.x, self.m, self.v, self.k = theta, 0 * theta, 0 * theta, 0

    def step(self, g, lr):
        self.k += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        top = (0.9 * self.m + 0.1 * g) / (1 - 0.9**self.k)
        self.x = self.x - lr * top / (np.sqrt(self.v / (1 - 0.999**self.k)) + 1e-8)
        return self.x


class AdamaxBuiltIn:
    axes = {"family": "adamax", "eps": "outside", "bias_correction": "both"}

    def __init__(self, theta, lr):
        self.x, self.m, self.u, self.k = theta, 0 * theta, 0 * theta, 0

    def step(self, g, lr):
        self.k += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.u = np.maximum(0.999 * self.u, abs(g))
        self.x = self.x - lr / (1 - 0.9**self.k) * self.m / (self.u + 1e-8)
        return self.x


class RAdamFromFour(RAdam):
    axes = {"family": "radam", "threshold": "4", "eps": "outside"}

    def step(self, g, lr=None):
        self.t += 1
        b1, b2 = self.betas
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g**2
        top, m = 2 / (1 - b2) - 1, self.m / (1 - b1**self.t)
        rho = top - 2 * self.t * b2**self.t / (1 - b2**self.t)
        if rho > 4:
            r = math.sqrt((rho - 4) * (rho - 2) * top / ((top - 4) * (top - 2) * rho))
            m = r * m / (np.sqrt(self.v / (1 - b2**self.t)) + self.eps)
        self.theta = self.theta - lr * m
        return self.theta


class Graves:
    axes = {"family": "rmsprop", "eps": "inside", "centered": True, "lr_placement": "inside"}

    def __init__(self, theta, lr=1e-4, decay=0.95, momentum=0.9, eps=1e-4):
        self.theta, self.rho, self.mu, self.eps = theta, decay, momentum, eps
        self.n, self.g, self.delta = 0 * theta, 0 * theta, 0 * theta

    def step(self, grad, lr):
        self.n = self.rho * self.n + (1 - self.rho) * grad**2
        self.g = self.rho * self.g + (1 - self.rho) * grad
        self.delta = self.mu * self.delta - lr * grad / np.sqrt(self.n - self.g**2 + self.eps)
        self.theta = self.theta + self.delta
        return self.theta


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


class EMAWithCorrection:
    axes = {"family": "momentum", "dampening": "ema", "bias_correction": "both", "lr_placement": "outside"}

    def __init__(self, theta, lr=0.01, beta=0.9):
        self.theta, self.beta, self.v, self.t = theta, beta, 0 * theta, 0

    def step(self, grad, lr):
        self.t += 1
        self.v = self.beta * self.v + (1 - self.beta) * grad
        self.theta = self.theta - lr * self.v / (1 - self.beta**self.t)
        return self.theta


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


CASES = {name: one for name, one in list(vars().items()) if hasattr(one, "axes")}
