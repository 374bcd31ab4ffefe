"""Wrong and unusual implementations in the styles of many hands; `axes` is what must be said of each, `fault` how it misbehaves."""

import math
from types import SimpleNamespace

import numpy as np

from .judged_right import Adam, AdamWAtOnce, RMSProp

# --- descent and momentum ---------------------------------------------------------------------------------------------------------------


class Ascent:
    axes = {"family": "sgd", "mistake": "ascent-sign"}

    def __init__(self, theta, lr=0.01):
        self.theta = theta

    def step(self, grad, lr=None):
        self.theta = self.theta + lr * grad
        return self.theta


class AscentWithDecay:
    """The gradient and the decay are both added."""

    axes = {"family": "sgd"}

    def __init__(self, theta, lr, weight_decay):
        self.theta, self.wd = theta, weight_decay

    def step(self, grad, lr):
        self.theta = self.theta + lr * (grad + self.wd * self.theta)
        return self.theta


class SGDAntiDecay:
    axes = {"family": "sgd", "weight_decay": "wrong-sign"}

    def __init__(self, theta, lr=0.01, weight_decay=0.1):
        self.theta, self.wd = theta, weight_decay

    def step(self, grad, lr):
        self.theta = self.theta - lr * (grad - self.wd * self.theta)
        return self.theta


class SGDDecayWithoutRate:
    axes = {"family": "sgd", "weight_decay": "decoupled-without-lr"}

    def __init__(self, theta, *, lr, weight_decay):
        self.theta, self.wd = theta, weight_decay

    def step(self, grad, lr):
        self.theta = (1 - self.wd) * self.theta - lr * grad
        return self.theta


class SGDDecayAfter:
    axes = {"family": "sgd", "weight_decay": "after-step"}
    verdict = "conforms"

    def __init__(self, theta, lr=0.1, wd=1e-2):
        self.theta, self.wd = theta, wd

    def step(self, grad, lr):
        self.theta = self.theta - lr * grad
        self.theta = self.theta * (1 - lr * self.wd)
        return self.theta


class SGDDecayTwice:
    axes = {"family": "sgd", "weight_decay": "coupled-doubled"}

    def __init__(self, theta, lr=0.1, wd=1e-2):
        self.theta, self.wd = theta, wd

    def step(self, grad, lr):
        self.theta = self.theta - lr * (grad + 2 * self.wd * self.theta)
        return self.theta


class SGDIgnoresDecay:
    axes = {"family": "sgd", "weight_decay": "none"}

    def __init__(self, theta, lr=0.1, weight_decay=1e-2):
        self.theta, self.weight_decay = theta, weight_decay

    def step(self, grad, lr):
        self.theta = self.theta - lr * grad
        return self.theta


class SGDIgnoresNewRates:
    axes = {"family": "sgd", "mistake": "frozen-lr"}

    def __init__(self, theta, lr=0.1):
        self.theta, self.lr = theta, lr

    def step(self, grad, lr=None):
        self.theta = self.theta - self.lr * grad
        return self.theta


class MomentumSwapped:
    axes = {"family": "momentum", "dampening": "none", "mistake": "swapped-momentum"}

    def __init__(self, theta, lr=0.01, beta=0.9):
        self.theta, self.beta, self.v = theta, beta, 0 * theta

    def step(self, grad, lr):
        self.v = (1 - self.beta) * self.v + grad
        self.theta = self.theta - lr * self.v
        return self.theta


class EMASwapped:
    axes = {"family": "momentum", "dampening": "ema", "mistake": "swapped-momentum"}

    def __init__(self, theta, lr=0.01, beta=0.9):
        self.theta, self.beta, self.v = theta, beta, 0 * theta

    def step(self, grad, lr):
        self.v = self.beta * grad + (1 - self.beta) * self.v
        self.theta = self.theta - lr * self.v
        return self.theta


class EMACorrectedLate:
    axes = {"family": "momentum", "dampening": "ema", "bias_correction": "first-step-late"}

    def __init__(self, theta, lr=0.01, beta=0.9):
        self.theta, self.beta, self.v, self.t = theta, beta, 0 * theta, 0

    def step(self, grad, lr):
        self.v = self.beta * self.v + (1 - self.beta) * grad
        self.theta = self.theta - lr * self.v / (1 - self.beta**self.t if self.t else 1)
        self.t += 1
        return self.theta


class MomentumWrongSignOfGradient:
    axes = {"family": "momentum", "lr_placement": "inside", "mistake": "ascent-sign"}

    def __init__(self, theta, lr=0.01, momentum=0.9):
        self.theta, self.mu, self.v = theta, momentum, 0 * theta

    def step(self, grad, lr):
        self.v = self.mu * self.v - lr * grad
        self.theta = self.theta - self.v
        return self.theta


class MomentumMinus:
    axes = {"family": "momentum", "lr_placement": "outside", "mistake": "negative-momentum"}

    def __init__(self, theta, lr=0.01, momentum=0.9):
        self.theta, self.mu, self.v = theta, momentum, 0 * theta

    def step(self, grad, lr):
        self.v = grad - self.mu * self.v
        self.theta = self.theta - lr * self.v
        return self.theta


class MomentumBuiltInAscends:
    """Its momentum is its own, and it climbs."""

    axes = {"family": "momentum", "lr_placement": "outside", "mistake": "ascent-sign"}

    def __init__(self, theta, lr):
        self.theta, self.v = theta, 0 * theta

    def step(self, grad, lr):
        self.v = 0.9 * self.v + grad
        self.theta = self.theta + lr * self.v
        return self.theta


class MomentumAppliesOldVelocity:
    axes = {"family": "momentum", "lr_placement": "inside", "mistake": "stale-velocity"}

    def __init__(self, theta, lr=0.01, mu=0.9):
        self.theta, self.mu, self.v = theta, mu, 0 * theta

    def step(self, grad, lr):
        old = self.v
        self.v = self.mu * self.v + lr * grad
        self.theta = self.theta - old
        return self.theta


class NesterovFromNewVelocity:
    axes = {"family": "nesterov", "nesterov_form": "new-velocity"}

    def __init__(self, theta, lr=0.01, momentum=0.9):
        self.theta, self.mu, self.v = theta, momentum, 0 * theta

    def step(self, grad, lr):
        self.v = self.mu * self.v - lr * grad
        self.theta = self.theta + self.mu * self.mu * self.v - (1 + self.mu) * lr * grad
        return self.theta


class NesterovLooksBack:
    axes = {"family": "nesterov", "nesterov_form": "lookahead", "mistake": "looks-back"}

    def __init__(self, theta, lr=0.01, momentum=0.9):
        self.theta, self.mu, self.v = theta, momentum, 0 * theta

    def step(self, grad_fn, lr=None):
        self.v = self.mu * self.v - lr * grad_fn(self.theta - self.mu * self.v)
        self.theta = self.theta + self.v
        return self.theta


class NesterovThatDoesNotLookAhead:
    """It may ask for the gradient where it likes, and asks where it stands."""

    axes = {"family": "momentum", "lr_placement": "inside"}
    verdict = "conforms"

    def __init__(self, theta, lr=0.01, momentum=0.9):
        self.theta, self.mu, self.v = theta, momentum, 0 * theta

    def step(self, grad_fn, lr=None):
        self.v = self.mu * self.v - lr * grad_fn(self.theta)
        self.theta = self.theta + self.v
        return self.theta


class NesterovLooksFullyAhead:
    """θ + v for θ + μ v."""

    axes = {"family": "nesterov", "nesterov_form": "lookahead", "mistake": "looks-too-far"}

    def __init__(self, theta, lr=0.01, momentum=0.9):
        self.theta, self.mu, self.v = theta, momentum, 0 * theta

    def step(self, grad_fn, lr=None):
        self.v = self.mu * self.v - lr * grad_fn(self.theta + self.v)
        self.theta = self.theta + self.v
        return self.theta


class NesterovFlagIgnored:
    axes = {"family": "momentum", "lr_placement": "outside", "nesterov_form": "none"}
    settings = {"nesterov": True}

    def __init__(self, theta, lr=0.01, momentum=0.9, nesterov=False):
        self.theta, self.mu, self.nesterov, self.v = theta, momentum, nesterov, 0 * theta

    def step(self, grad, lr):
        self.v = self.mu * self.v + grad
        self.theta = self.theta - lr * self.v
        return self.theta


# --- squares ----------------------------------------------------------------------------------------------------------------------------


class AdagradWithoutRoot:
    axes = {"family": "adagrad", "mistake": "rootless"}

    def __init__(self, theta, lr=0.01, eps=1e-8):
        self.theta, self.eps, self.G = theta, eps, 0 * theta

    def step(self, grad, lr):
        self.G = self.G + grad**2
        self.theta = self.theta - lr * grad / (self.G + self.eps)
        return self.theta


class AdagradNoEps:
    axes = {"family": "adagrad", "eps": "none"}
    fault = "not-finite"

    def __init__(self, theta, lr=0.01):
        self.theta, self.G = theta, 0 * theta

    def step(self, grad, lr):
        self.G = self.G + grad**2
        self.theta = self.theta - lr * grad / np.sqrt(self.G)
        return self.theta


class AdagradModulus:
    axes = {"family": "adagrad", "mistake": "unsquared"}

    def __init__(self, theta, lr=0.01, eps=1e-8):
        self.theta, self.eps, self.G = theta, eps, 0 * theta

    def step(self, grad, lr):
        self.G = self.G + abs(grad)
        self.theta = self.theta - lr * grad / (np.sqrt(self.G) + self.eps)
        return self.theta


class AdagradStale:
    axes = {"family": "adagrad", "mistake": "stale-second-moment"}

    def __init__(self, theta, lr=0.01, eps=1e-2):
        self.theta, self.eps, self.G = theta, eps, 0 * theta

    def step(self, grad, lr):
        self.theta = self.theta - lr * grad / (np.sqrt(self.G) + self.eps)
        self.G = self.G + grad**2
        return self.theta


class AdagradEpsSquared:
    axes = {"family": "adagrad", "eps": "inside-squared"}
    verdict = "conforms"

    def __init__(self, theta, lr=0.01, eps=1e-3):
        self.theta, self.eps, self.G = theta, eps, 0 * theta

    def step(self, grad, lr):
        self.G = self.G + grad**2
        self.theta = self.theta - lr * grad / np.hypot(np.sqrt(self.G), self.eps)
        return self.theta


class RMSPropSwapped:
    axes = {"family": "rmsprop", "mistake": "complement-beta2"}

    def __init__(self, theta, lr=0.01, rho=0.9, eps=1e-8):
        self.theta, self.rho, self.eps, self.s = theta, rho, eps, 0 * theta

    def step(self, grad, lr):
        self.s = (1 - self.rho) * self.s + self.rho * grad**2
        self.theta = self.theta - lr * grad / (np.sqrt(self.s) + self.eps)
        return self.theta


class RMSPropSums(RMSProp):
    axes = {"family": "rmsprop", "mistake": "unweighted-second-moment"}

    def step(self, grad, lr=None):
        self.s = self.rho * self.s + grad**2
        self.theta = self.theta - lr * grad / (np.sqrt(self.s) + self.eps)
        return self.theta


class RMSPropAscends(RMSProp):
    axes = {"family": "rmsprop", "mistake": "ascent-sign"}

    def step(self, grad, lr=None):
        return super().step(-grad, lr)


class RMSPropCentredWithoutSquare:
    """v − m for v − m²."""

    axes = None

    def __init__(self, theta, lr=1e-3, alpha=0.99, eps=1e-8):
        self.theta, self.alpha, self.eps, self.sq, self.avg = theta, alpha, eps, 0 * theta, 0 * theta

    def step(self, grad, lr=None):
        a = self.alpha
        self.sq = a * self.sq + (1 - a) * grad**2
        self.avg = a * self.avg + (1 - a) * grad
        self.theta = self.theta - lr * grad / (np.sqrt(np.abs(self.sq - self.avg)) + self.eps)
        return self.theta


class RMSPropCentredFlagIgnored(RMSProp):
    axes = {"family": "rmsprop", "centered": False}
    settings = {"centered": True}

    def __init__(self, theta, lr=1e-3, rho=0.9, eps=1e-8, centered=False):
        super().__init__(theta, lr, rho, eps)


class AdadeltaInverted:
    axes = {"family": "adadelta", "mistake": "swapped-roots"}

    def __init__(self, theta, rho=0.95, eps=1e-6):
        self.theta, self.rho, self.eps, self.eg, self.ex = theta, rho, eps, 0 * theta, 0 * theta

    def step(self, grad):
        self.eg = self.rho * self.eg + (1 - self.rho) * grad**2
        dx = np.sqrt(self.eg + self.eps) / np.sqrt(self.ex + self.eps) * grad
        self.ex = self.rho * self.ex + (1 - self.rho) * dx**2
        self.theta = self.theta - dx
        return self.theta


class AdadeltaOfGradients:
    axes = {"family": "adadelta", "mistake": "squared-gradient-for-step"}

    def __init__(self, theta, lr=1.0, rho=0.95, eps=1e-6):
        self.theta, self.rho, self.eps, self.eg, self.ex = theta, rho, eps, 0 * theta, 0 * theta

    def step(self, grad, lr):
        self.eg = self.rho * self.eg + (1 - self.rho) * grad**2
        dx = np.sqrt(self.ex + self.eps) / np.sqrt(self.eg + self.eps) * grad
        self.ex = self.rho * self.ex + (1 - self.rho) * grad**2
        self.theta = self.theta - lr * dx
        return self.theta


# --- Adam: one place of it is wrong in each ----------------------------------------------------------------------------------------------


class Broken:
    """Adam with its pieces apart."""

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.lr, self.b1, self.b2, self.eps = theta, lr, beta1, beta2, eps
        self.m, self.v, self.t = np.zeros_like(theta), np.zeros_like(theta), 0

    def moments(self, g):
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + (1 - self.b2) * g**2

    def corrections(self):
        return 1 - self.b1**self.t, 1 - self.b2**self.t

    def denominator(self, v, c2):
        return np.sqrt(v / c2) + self.eps

    def move(self, u, lr):
        self.theta = self.theta - lr * u

    def step(self, grad, lr=None):
        self.t += 1
        self.moments(grad)
        c1, c2 = self.corrections()
        self.move(self.m / c1 / self.denominator(self.v, c2), lr)
        return self.theta


class AdamUncorrected(Broken):
    axes = {"family": "adam", "bias_correction": "none", "eps": "outside"}

    def corrections(self):
        return 1, 1


class AdamFirstOnly(Broken):
    axes = {"family": "adam", "bias_correction": "first-only"}

    def corrections(self):
        return 1 - self.b1**self.t, 1


class AdamSecondOnly(Broken):
    axes = {"family": "adam", "bias_correction": "second-only"}

    def corrections(self):
        return 1, 1 - self.b2**self.t


class AdamLate(Broken):
    axes = {"family": "adam", "bias_correction": "first-step-late"}

    def corrections(self):
        k = self.t - 1
        return (1 - self.b1**k, 1 - self.b2**k) if k else (1, 1)


class AdamAhead(Broken):
    axes = {"family": "adam", "bias_correction": "one-ahead"}

    def corrections(self):
        return 1 - self.b1 ** (self.t + 1), 1 - self.b2 ** (self.t + 1)


class AdamNeverCounts(Broken):
    axes = {"family": "adam", "bias_correction": "once"}

    def corrections(self):
        return 1 - self.b1, 1 - self.b2


class AdamSwappedCorrections(Broken):
    axes = {"family": "adam", "bias_correction": "swapped"}

    def corrections(self):
        return 1 - self.b2**self.t, 1 - self.b1**self.t


class AdamTimesT(Broken):
    """1 − β t for 1 − βᵗ."""

    axes = None

    def corrections(self):
        return 1 - self.b1 * self.t, abs(1 - self.b2 * self.t)


class AdamAddsPowers(Broken):
    """1 + βᵗ for 1 − βᵗ."""

    axes = None

    def corrections(self):
        return 1 + self.b1**self.t, 1 + self.b2**self.t


class AdamTOfZero(Broken):
    """t from 0 and nothing done about it: the first step divides 0 by 0."""

    axes = None
    fault = "not-finite"
    verdict = "error"

    def corrections(self):
        with np.errstate(all="ignore"):
            return np.float64(1 - self.b1 ** (self.t - 1)).astype(self.m.dtype), np.float64(1 - self.b2 ** (self.t - 1)).astype(
                self.m.dtype
            )


class AdamMultipliesByCorrections(Broken):
    axes = {"family": "adam", "bias_correction": "multiplied"}

    def corrections(self):
        return 1 / (1 - self.b1**self.t), 1 / (1 - self.b2**self.t)


class AdamWithoutRoot(Broken):
    axes = {"family": "adam", "mistake": "rootless", "bias_correction": "both"}

    def denominator(self, v, c2):
        return v / c2 + self.eps


class AdamWithoutEps(Broken):
    axes = {"family": "adam", "eps": "none"}
    fault = "not-finite"

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999):
        super().__init__(theta, lr, beta1, beta2)

    def denominator(self, v, c2):
        return np.sqrt(v / c2)


class AdamIgnoresEps(Broken):
    axes = {"family": "adam", "eps": "none"}
    fault = "not-finite"

    def denominator(self, v, c2):
        return np.sqrt(v / c2)


class AdamEpsBeforeCorrection(Broken):
    axes = {"family": "adam", "eps": "hat-inside"}
    verdict = "conforms"

    def denominator(self, v, c2):
        return np.sqrt((v + self.eps) / c2)


class AdamBothEps(Broken):
    """ε inside and outside."""

    axes = None

    def denominator(self, v, c2):
        return np.sqrt(v / c2 + self.eps) + self.eps


class AdamSwappedMoments(Broken):
    axes = {"family": "adam", "mistake": "swapped-betas"}

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(theta, lr, beta2, beta1, eps)


class AdamSwapsInMomentsOnly(Broken):
    axes = {"family": "adam", "mistake": "swapped-moments"}

    def moments(self, g):
        self.m = self.b2 * self.m + (1 - self.b2) * g
        self.v = self.b1 * self.v + (1 - self.b1) * g**2


class AdamOfMeanSquared(Broken):
    axes = {"family": "adam", "mistake": "square-of-mean"}

    def moments(self, g):
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + (1 - self.b2) * self.m**2


class AdamModulus(Broken):
    axes = {"family": "adam", "mistake": "unsquared"}

    def moments(self, g):
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + (1 - self.b2) * np.abs(g)


class AdamUnweighted(Broken):
    axes = {"family": "adam", "mistake": "unweighted-first-moment"}

    def moments(self, g):
        self.m = self.b1 * self.m + g
        self.v = self.b2 * self.v + (1 - self.b2) * g**2


class AdamUnweightedSquares(Broken):
    axes = {"family": "adam", "mistake": "unweighted-second-moment"}

    def moments(self, g):
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + g**2


class AdamComplement(Broken):
    axes = {"family": "adam", "mistake": "complement-beta1"}

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(theta, lr, 1 - beta1, beta2, eps)


class AdamComplementInMomentOnly(Broken):
    """(1 − β₁) m + β₁ g, corrected by 1 − β₁ᵗ."""

    axes = {"family": "adam", "mistake": "complement-first-moment", "bias_correction": "both"}

    def moments(self, g):
        self.m = (1 - self.b1) * self.m + self.b1 * g
        self.v = self.b2 * self.v + (1 - self.b2) * g**2


class AdamComplementInSquaresOnly(Broken):
    axes = {"family": "adam", "mistake": "complement-second-moment", "bias_correction": "both"}

    def moments(self, g):
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = (1 - self.b2) * self.v + self.b2 * g**2


class AdamCorrectsItsState(Broken):
    axes = {"family": "adam", "mistake": "corrected-in-place"}

    def step(self, grad, lr=None):
        self.t += 1
        self.moments(grad)
        self.m = self.m / (1 - self.b1**self.t)
        self.v = self.v / (1 - self.b2**self.t)
        self.theta = self.theta - lr * self.m / (np.sqrt(self.v) + self.eps)
        return self.theta


class AdamStaleGradient(Broken):
    axes = {"family": "adam", "mistake": "stale-gradient"}

    def step(self, grad, lr=None):
        last, self.last = getattr(self, "last", np.zeros_like(grad)), grad.copy()
        return super().step(last, lr)


class AdamStaleMoments(Broken):
    axes = {"family": "adam", "mistake": "stale-first-moment"}

    def step(self, grad, lr=None):
        self.t += 1
        m = self.m
        self.moments(grad)
        c1, c2 = self.corrections()
        self.theta = self.theta - lr * m / c1 / (np.sqrt(self.v / c2) + self.eps)
        return self.theta


class AdamStaleSquares(Broken):
    axes = {"family": "adam", "mistake": "stale-second-moment"}

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-3):
        super().__init__(theta, lr, beta1, beta2, eps)

    def step(self, grad, lr=None):
        self.t += 1
        v = self.v
        self.moments(grad)
        c1, c2 = self.corrections()
        self.theta = self.theta - lr * self.m / c1 / (np.sqrt(v / c2) + self.eps)
        return self.theta


class AdamAscends(Broken):
    axes = {"family": "adam", "mistake": "ascent-sign"}

    def move(self, u, lr):
        self.theta = self.theta + lr * u


class AdamFrozenRate(Broken):
    axes = {"family": "adam", "mistake": "frozen-lr"}

    def move(self, u, lr):
        self.theta = self.theta - self.lr * u


class AdamHatAscends(Broken):
    axes = {"family": "adam", "eps": "hat", "mistake": "ascent-sign"}

    def denominator(self, v, c2):
        return (np.sqrt(v) + self.eps) / math.sqrt(c2)

    def move(self, u, lr):
        self.theta = self.theta + lr * u


class AdamInsideLate(AdamLate):
    axes = {"family": "adam", "eps": "inside", "bias_correction": "first-step-late"}

    def denominator(self, v, c2):
        return np.sqrt(v / c2 + self.eps)


class AdamFromOnes(Broken):
    """A second moment that starts at 1."""

    axes = {"family": "adam", "initial_second_moment": 1}

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(theta, lr, beta1, beta2, eps)
        self.v = np.ones_like(theta)


class AdamSharedCounter(Broken):
    """The count is kept by the class: a second run goes on counting."""

    axes = None
    fault = "random"
    verdict = "error"
    count = 0

    def step(self, grad, lr=None):
        AdamSharedCounter.count += 1
        self.t = AdamSharedCounter.count - 1
        return super().step(grad, lr)


class AdamBuiltInUncorrected:
    axes = {"family": "adam", "bias_correction": "none"}

    def __init__(self, theta, lr):
        self.theta, self.m, self.v = theta, 0 * theta, 0 * theta

    def step(self, g, lr):
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        self.theta = self.theta - lr * self.m / (np.sqrt(self.v) + 1e-8)
        return self.theta


class AdamEpsBuiltInUncorrected:
    """Uncorrected, with an ε of its own that is not the usual one."""

    axes = {"family": "adam", "bias_correction": "none"}

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999):
        self.theta, self.b1, self.b2, self.m, self.v = theta, beta1, beta2, 0 * theta, 0 * theta

    def step(self, g, lr):
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = self.b2 * self.v + (1 - self.b2) * g**2
        self.theta = self.theta - lr * self.m / (np.sqrt(self.v) + 1e-7)
        return self.theta


# --- decay ------------------------------------------------------------------------------------------------------------------------------


class Decaying(Broken):
    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        super().__init__(theta, lr, beta1, beta2, eps)
        self.wd = weight_decay


class AdamWWithoutRate(Decaying):
    axes = {"family": "adam", "weight_decay": "decoupled-without-lr"}

    def move(self, u, lr):
        self.theta = self.theta - lr * u - self.wd * self.theta


class AdamWWrongSign(Decaying):
    axes = {"family": "adam", "weight_decay": "wrong-sign"}

    def move(self, u, lr):
        self.theta = self.theta * (1 + lr * self.wd) - lr * u


class AdamL2WrongSign(Decaying):
    axes = {"family": "adam", "weight_decay": "wrong-sign"}

    def step(self, grad, lr=None):
        return super().step(grad - self.wd * self.theta, lr)


class AdamWTwice(Decaying):
    axes = {"family": "adam", "weight_decay": "decoupled-doubled"}

    def move(self, u, lr):
        self.theta = self.theta - lr * (u + 2 * self.wd * self.theta)


class AdamWBeforeAndAfter(Decaying):
    """Decayed once before the step and once after it."""

    axes = {"family": "adam", "weight_decay": "before-and-after"}

    def move(self, u, lr):
        self.theta = self.theta * (1 - lr * self.wd)
        self.theta = self.theta - lr * u
        self.theta = self.theta * (1 - lr * self.wd)


class AdamL2AndW(Decaying):
    """Coupled and decoupled at once."""

    axes = {"family": "adam", "weight_decay": "coupled-and-decoupled"}

    def step(self, grad, lr=None):
        return super().step(grad + self.wd * self.theta, lr)

    def move(self, u, lr):
        self.theta = self.theta - lr * (u + self.wd * self.theta)


class AdamWAfter(Decaying):
    axes = {"family": "adam", "weight_decay": "after-step"}
    verdict = "conforms"

    def move(self, u, lr):
        self.theta = self.theta - lr * u
        self.theta = self.theta - lr * self.wd * self.theta


class AdamWWithoutRateAfter(Decaying):
    axes = {"family": "adam", "weight_decay": "after-step-without-lr"}

    def move(self, u, lr):
        self.theta = self.theta - lr * u
        self.theta = self.theta * (1 - self.wd)


class AdamWRateSquared(Decaying):
    axes = {"family": "adam", "weight_decay": "decoupled-lr-squared"}

    def move(self, u, lr):
        self.theta = self.theta - lr * (u + lr * self.wd * self.theta)


class AdamIgnoresDecay(Decaying):
    axes = {"family": "adam", "weight_decay": "none"}


class AdamWInitialRate(Decaying):
    """Its decay knows the first learning rate alone."""

    axes = {"family": "adam", "weight_decay": "decoupled-first-lr"}

    def move(self, u, lr):
        self.theta = self.theta - lr * u - self.lr * self.wd * self.theta


# --- Adam's kin -------------------------------------------------------------------------------------------------------------------------


class AdamaxSums:
    """A maximum that is not discounted."""

    axes = {"family": "adamax", "mistake": "undiscounted-maximum"}

    def __init__(self, theta, lr=0.002, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.m, self.u, self.t = theta, beta1, beta2, eps, 0 * theta, 0 * theta, 0

    def accumulate(self, grad):
        self.u = np.maximum(self.u, np.abs(grad))

    def step(self, grad, lr=None):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.accumulate(grad)
        self.theta = self.theta - lr / (1 - self.b1**self.t) * self.m / (self.u + self.eps)
        return self.theta


class AdamaxUncorrected(AdamaxSums):
    axes = {"family": "adamax", "bias_correction": "none"}
    verdict = "conforms"

    def step(self, grad, lr=None):
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.u = np.maximum(self.b2 * self.u, np.abs(grad))
        self.theta = self.theta - lr * self.m / (self.u + self.eps)
        return self.theta


class AdamaxWithoutModulus(AdamaxSums):
    axes = None

    def accumulate(self, grad):
        self.u = np.maximum(self.b2 * self.u, grad)


class AMSGradThatDoesNot(Adam):
    """It says amsgrad and takes no maximum."""

    axes = {"family": "adam"}
    settings = {"amsgrad": True}

    def __init__(self, theta, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8, amsgrad=False):
        super().__init__(theta, lr, beta_1, beta_2, epsilon)


class AMSGradMinimum(Broken):
    axes = None

    def denominator(self, v, c2):
        self.low = np.minimum(getattr(self, "low", v), v)
        return np.sqrt(self.low / c2) + self.eps


class AMSGradKeepsMaximum(Broken):
    """The maximum takes the place of the second moment itself."""

    axes = {"family": "amsgrad", "mistake": "maximum-in-place"}

    def moments(self, g):
        self.m = self.b1 * self.m + (1 - self.b1) * g
        self.v = np.maximum(self.v, self.b2 * self.v + (1 - self.b2) * g**2)


class NAdamWithoutCorrection(Broken):
    axes = {"family": "nadam", "bias_correction": "none"}

    def step(self, grad, lr=None):
        self.moments(grad)
        self.theta = self.theta - lr * (self.b1 * self.m + (1 - self.b1) * grad) / (np.sqrt(self.v) + self.eps)
        return self.theta


class RAdamNeverRectifies(Broken):
    axes = {"family": "radam", "mistake": "unrectified"}

    def step(self, grad, lr=None):
        self.t += 1
        self.moments(grad)
        c1, c2 = self.corrections()
        rho_inf = 2 / (1 - self.b2) - 1
        rho = rho_inf - 2 * self.t * self.b2**self.t / c2
        self.theta = self.theta - lr * self.m / c1 / ((np.sqrt(self.v / c2) + self.eps) if rho > 5 else 1)
        return self.theta


class RpropSwapped:
    axes = {"family": "rprop", "variant": "minus", "mistake": "swapped-factors"}

    def __init__(self, theta, delta0=0.1, eta_plus=1.2, eta_minus=0.5, min_step=1e-6, max_step=50.0):
        self.theta, self.up, self.down, self.limits = theta, eta_plus, eta_minus, (min_step, max_step)
        self.delta, self.prev = np.full_like(theta, delta0), 0 * theta

    def step(self, grad):
        s = grad * self.prev
        self.delta[s > 0] *= self.down
        self.delta[s < 0] *= self.up
        self.delta = np.clip(self.delta, *self.limits)
        self.theta = self.theta - np.sign(grad) * self.delta
        self.prev = grad.copy()
        return self.theta


# --- precision --------------------------------------------------------------------------------------------------------------------------


class AdamFloat32State:
    axes = {"family": "adam", "eps": "outside", "precision": "state-float32"}
    only = "float64"

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.t = theta, beta1, beta2, eps, 0
        self.m, self.v = np.zeros(theta.shape, np.float32), np.zeros(theta.shape, np.float32)

    def step(self, grad, lr=None):
        self.t += 1
        self.m = (self.b1 * self.m + (1 - self.b1) * grad).astype(np.float32)
        self.v = (self.b2 * self.v + (1 - self.b2) * grad**2).astype(np.float32)
        mhat, vhat = self.m / (1 - self.b1**self.t), self.v / (1 - self.b2**self.t)
        self.theta = self.theta - lr * mhat.astype(grad.dtype) / (np.sqrt(vhat) + self.eps)
        return self.theta


class MomentumFloat32State:
    axes = {"family": "momentum", "lr_placement": "outside", "precision": "state-float32"}
    only = "float64"

    def __init__(self, theta, lr=1e-3, momentum=0.9):
        self.theta, self.mu, self.v = theta, momentum, np.zeros(theta.shape, np.float32)

    def step(self, grad, lr=None):
        self.v[:] = self.mu * self.v + grad
        self.theta = self.theta - lr * self.v.astype(float)
        return self.theta


class AdamFloat32Hyper:
    axes = {"family": "adam", "eps": "outside", "precision": "hyper-float32"}
    only = "float64"

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.t = theta, *(float(np.float32(one)) for one in (beta1, beta2, eps)), 0
        self.m, self.v = np.zeros_like(theta), np.zeros_like(theta)

    def step(self, grad, lr=None):
        self.t += 1
        lr = float(np.float32(lr))
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.v = self.b2 * self.v + (1 - self.b2) * grad**2
        self.theta = self.theta - lr * (self.m / (1 - self.b1**self.t)) / (np.sqrt(self.v / (1 - self.b2**self.t)) + self.eps)
        return self.theta


class AdamFloat32HyperButRate(AdamFloat32Hyper):
    """Its learning rate is not rounded."""

    axes = {"family": "adam", "eps": "outside", "precision": "hyper-float32"}

    def step(self, grad, lr=None):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.v = self.b2 * self.v + (1 - self.b2) * grad**2
        self.theta = self.theta - lr * (self.m / (1 - self.b1**self.t)) / (np.sqrt(self.v / (1 - self.b2**self.t)) + self.eps)
        return self.theta


class MomentumFloat32Rate:
    """The learning rate alone is rounded."""

    axes = {"family": "momentum", "lr_placement": "outside", "precision": "hyper-float32"}
    only = "float64"

    def __init__(self, theta, lr=1e-3, momentum=0.9):
        self.theta, self.mu, self.v = theta, momentum, 0 * theta

    def step(self, grad, lr=None):
        self.v = self.mu * self.v + grad
        self.theta = self.theta - float(np.float32(lr)) * self.v
        return self.theta


class AdamFloat32Scalars(Broken):
    """The powers of β are kept as scalars of float32."""

    axes = {"family": "adam", "precision": "scalars-float32"}
    only = "float64"

    def corrections(self):
        self.p1 = np.float32(getattr(self, "p1", 1) * np.float32(self.b1))
        self.p2 = np.float32(getattr(self, "p2", 1) * np.float32(self.b2))
        return float(np.float32(1) - self.p1), float(np.float32(1) - self.p2)


class SGDFloat32Theta:
    """The weights are kept in float32."""

    axes = {"family": "sgd", "precision": "state-float32"}
    only = "float64"

    def __init__(self, theta, lr=1e-3):
        self.theta, self.dtype = theta.astype(np.float32), theta.dtype

    def step(self, grad, lr=None):
        self.theta = (self.theta - lr * grad).astype(np.float32)
        return self.theta.astype(self.dtype)


# --- what misbehaves --------------------------------------------------------------------------------------------------------------------


class DoesNotCopy:
    axes = {"family": "sgd"}
    fault = "mutates"
    verdict = "error"

    def __init__(self, theta, lr=0.1):
        self.theta = theta

    def step(self, grad, lr):
        self.theta -= lr * grad
        return self.theta


class ClipsTheGradientInPlace(Adam):
    axes = {"family": "adam"}
    fault = "mutates"
    verdict = "error"

    def step(self, grad, lr=None):
        point = super().step(grad, lr)
        grad[:] = 0
        return point


class DecaysTheGradientInPlace:
    axes = {"family": "sgd", "weight_decay": "coupled"}
    fault = "mutates"
    verdict = "error"

    def __init__(self, theta, lr=0.1, weight_decay=0.1):
        self.theta, self.wd = theta, weight_decay

    def step(self, grad, lr):
        grad += self.wd * self.theta
        self.theta = self.theta - lr * grad
        return self.theta


class AliasesItsMoments:
    """m and v are one array, changed in place."""

    axes = None

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.b1, self.b2, self.eps, self.t = theta, beta1, beta2, eps, 0
        self.m = self.v = np.zeros_like(theta)

    def step(self, grad, lr):
        self.t += 1
        self.m *= self.b1
        self.m += (1 - self.b1) * grad
        self.v *= self.b2
        self.v += (1 - self.b2) * grad**2
        self.theta = self.theta - lr * self.m / (1 - self.b1**self.t) / (np.sqrt(np.abs(self.v) / (1 - self.b2**self.t)) + self.eps)
        return self.theta


class MutablePairState:
    """`init` hands out one state for all runs."""

    axes = None
    fault = "random"
    verdict = "error"
    kept = {}

    @staticmethod
    def init(theta):
        return MutablePairState.kept.setdefault((theta.size, theta.dtype), np.zeros_like(theta))

    @staticmethod
    def update(grad, state, theta, lr, momentum=0.9):
        state *= momentum
        state += grad
        return theta - lr * state, state


class ReturnsALossToo(Adam):
    axes = None
    fault = "type"
    verdict = "error"

    def step(self, grad, lr=None):
        return super().step(grad, lr), 0.0


class ReturnsAList(Adam):
    axes = None
    fault = "type"
    verdict = "error"

    def step(self, grad, lr=None):
        return super().step(grad, lr).tolist()


class ReturnsAScalar(Adam):
    axes = None
    fault = "shape"
    verdict = "error"

    def step(self, grad, lr=None):
        return super().step(grad, lr).sum()


class ReturnsNothing(Adam):
    axes = None
    fault = "type"
    verdict = "error"

    def step(self, grad, lr=None):
        super().step(grad, lr)


class ReturnsDouble(Adam):
    axes = {"family": "adam"}
    fault = "widens"
    verdict = "conforms"
    only = "float32"

    def step(self, grad, lr=None):
        return super().step(grad, lr).astype(np.float64)


class ReturnsSingle(Adam):
    axes = {"family": "adam", "precision": "state-float32"}
    fault = "dtype"
    verdict = "error"
    only = "float64"

    def step(self, grad, lr=None):
        return super().step(grad, lr).astype(np.float32)


class NaNAtZero(Broken):
    """g / |g| · √(…): NaN where the gradient is 0."""

    axes = {"family": "adam", "eps": "outside", "bias_correction": "both", "mistake": "none"}
    fault = "not-finite"

    def moments(self, g):
        super().moments(g * g / g)


class Seeds(Adam):
    axes = {"family": "adam"}
    fault = "seeds"
    verdict = "error"
    only = "float64"  # a second seed in one process changes nothing

    def __init__(self, theta, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        np.random.seed(0)
        super().__init__(theta, lr, beta_1, beta_2, epsilon)


class RaisesAtStepTen(Adam):
    axes = None
    fault = "raises"
    verdict = "error"

    def step(self, grad, lr=None):
        if self.t == 10:
            raise RuntimeError("ten steps are enough")
        return super().step(grad, lr)


class NeedsSomethingUnknown:
    axes = None
    fault = "raises"
    verdict = "error"

    def __init__(self, theta, lr, warmup_steps):
        self.theta, self.warmup = theta, warmup_steps

    def step(self, grad, lr):
        return self.theta


class DrawsFromGlobalState(AdamWAtOnce):
    """Every step takes a number from NumPy's own generator."""

    axes = {"family": "adam"}
    fault = "seeds"
    verdict = "error"

    def step(self, grad, lr=None):
        np.random.rand()
        return super().step(grad, lr)


# --- with everything built in -----------------------------------------------------------------------------------------------------------


class RMSPropBuiltIn:
    axes = {"family": "rmsprop", "mistake": "ascent-sign"}

    def __init__(self, theta, lr):
        self.theta, self.s = theta, 0 * theta

    def direction(self, g):
        self.s = 0.9 * self.s + 0.1 * g**2
        return -g / (np.sqrt(self.s) + 1e-8)

    def step(self, grad, lr):
        self.theta = self.theta - lr * self.direction(grad)
        return self.theta


class RMSPropBuiltInWithoutRoot(RMSPropBuiltIn):
    axes = {"family": "rmsprop", "mistake": "rootless"}

    def direction(self, g):
        self.s = 0.99 * self.s + 0.01 * g**2
        return g / (self.s + 1e-8)


class RMSPropBuiltInSwapped(RMSPropBuiltIn):
    axes = {"family": "rmsprop", "mistake": "complement-beta2"}

    def direction(self, g):
        self.s = 0.1 * self.s + 0.9 * g**2
        return g / (np.sqrt(self.s) + 1e-6)


class MomentumBuiltInSwapped(RMSPropBuiltIn):
    axes = {"family": "momentum", "mistake": "swapped-momentum", "lr_placement": "outside"}

    def direction(self, g):
        self.s = 0.1 * self.s + g
        return self.s


class AdagradBuiltInAscends(RMSPropBuiltIn):
    axes = {"family": "adagrad", "mistake": "ascent-sign"}

    def direction(self, g):
        self.s = self.s + g**2
        return -g / (np.sqrt(self.s) + 1e-7)


class AdamBuiltInLate:
    axes = {"family": "adam", "bias_correction": "first-step-late"}

    def __init__(self, theta, lr):
        self.theta, self.m, self.v, self.t = theta, 0 * theta, 0 * theta, 0

    def direction(self, g):
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        c1, c2 = (1 - 0.9**self.t, 1 - 0.999**self.t) if self.t else (1, 1)
        self.t += 1
        return self.m / c1 / (np.sqrt(self.v / c2) + 1e-8)

    def step(self, grad, lr):
        self.theta = self.theta - lr * self.direction(grad)
        return self.theta


class AdamBuiltInOneBehind(AdamBuiltInLate):
    axes = {"family": "adam", "bias_correction": "one-behind"}

    def direction(self, g):
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        t = max(self.t, 1)
        self.t += 1
        return self.m / (1 - 0.9**t) / (np.sqrt(self.v / (1 - 0.999**t)) + 1e-8)


class AdamWBuiltInWrongSign(AdamBuiltInLate):
    axes = {"family": "adam", "weight_decay": "wrong-sign"}

    def direction(self, g):
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        return self.m / (1 - 0.9**self.t) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8) - 0.01 * self.theta


class AdamWBuiltInWithoutRate(AdamBuiltInLate):
    axes = {"family": "adam", "weight_decay": "decoupled-without-lr"}

    def step(self, g, lr):
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        u = self.m / (1 - 0.9**self.t) / (np.sqrt(self.v / (1 - 0.999**self.t)) + 1e-8)
        self.theta = self.theta - lr * u - 0.01 * self.theta
        return self.theta


class AdadeltaBuiltInSwapped(RMSPropBuiltIn):
    axes = {"family": "adadelta", "mistake": "swapped-roots"}

    def direction(self, g):
        self.x = getattr(self, "x", 0 * g)
        self.s = 0.95 * self.s + 0.05 * g**2
        d = np.sqrt(self.s + 1e-6) / np.sqrt(self.x + 1e-6) * g
        self.x = 0.95 * self.x + 0.05 * d**2
        return d


class AdamaxLate(AdamaxSums):
    axes = {"family": "adamax", "bias_correction": "first-step-late"}

    def step(self, grad, lr=None):
        self.m = self.b1 * self.m + (1 - self.b1) * grad
        self.u = np.maximum(self.b2 * self.u, np.abs(grad))
        self.theta = self.theta - lr / (1 - self.b1**self.t if self.t else 1) * self.m / (self.u + self.eps)
        self.t += 1
        return self.theta


class NesterovBuiltInAscends(RMSPropBuiltIn):
    axes = {"family": "nesterov", "nesterov_form": "shifted-outside", "mistake": "ascent-sign"}

    def direction(self, g):
        self.s = 0.9 * self.s + g
        return -(g + 0.9 * self.s)


class NesterovDampened:
    """Nesterov's momentum along a moving average, its rate of change swapped."""

    axes = {"family": "nesterov", "dampening": "ema", "mistake": "swapped-momentum"}

    def __init__(self, theta, lr=0.01, momentum=0.9):
        self.theta, self.mu, self.v = theta, momentum, 0 * theta

    def step(self, grad, lr):
        self.v = (1 - self.mu) * self.v + self.mu * grad
        self.theta = self.theta - lr * ((1 - self.mu) * self.v + self.mu * grad)
        return self.theta


class AdamWhoseRatesAreSingle(Adam):
    """Scalars of float32, made once."""

    axes = {"family": "adam", "precision": "hyper-float32"}
    only = "float64"

    def __init__(self, theta, lr, beta1, beta2, eps):
        super().__init__(theta, *(np.float32(one) for one in (lr, beta1, beta2, eps)))
        self.b1, self.b2, self.eps = float(self.b1), float(self.b2), float(self.eps)

    def step(self, grad, lr=None):
        return super().step(grad, float(np.float32(lr)))


class PowersOfScalarsOfNumPy(Broken):
    """β₁ᵗ and β₂ᵗ by repeated multiplication in float32."""

    axes = {"family": "adam", "precision": "scalars-float32"}
    only = "float64"

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(theta, lr, beta1, beta2, eps)
        self.powers = np.ones(2, np.float32)

    def corrections(self):
        self.powers *= np.array([self.b1, self.b2], np.float32)
        return tuple(1 - self.powers.astype(float))


def _init(theta):
    return 0 * theta


def _forgets_its_state(grad, state, theta, lr, momentum=0.9):
    v = momentum * state - lr * grad
    return theta + v, state


def _three(grad, state, theta, lr):
    return theta - lr * grad, state, 0


forgetful = SimpleNamespace(axes={"family": "sgd"}, init=_init, update=_forgets_its_state)
triple = SimpleNamespace(axes=None, fault="raises", verdict="error", init=_init, update=_three)

IMPORTED = (Adam, AdamWAtOnce, RMSProp)
CASES = {name: one for name, one in list(vars().items()) if hasattr(one, "axes") and one not in IMPORTED}
