"""Incorrect and unusual optimizers in the styles of many hands; `axes`, or `follows`, is what must be said of each."""

import math
from types import SimpleNamespace

import ml_dtypes
import numpy as np

from .correct_optimizers import Adam, AdamWAtOnce, Lamb, LarsOfPorts, RMSProp
from .forms import optimizer, vary

# --- momentum: one mistake each, under the id that must be found ------------------------------------------------------------------------


@optimizer("v", follows="heavy-ball/lr-outside/ascent-sign")
def Ascends(self, g, lr, *, momentum):
    self.v = momentum * self.v + g
    self.theta = self.theta + lr * self.v


@optimizer("v", follows="heavy-ball/lr-inside/ascent-sign")
def AscendsInside(self, g, lr, *, momentum):
    self.v = momentum * self.v + lr * g
    self.theta = self.theta + self.v


@optimizer("v", follows="heavy-ball/lr-inside/stale-velocity")
def StaleVelocity(self, g, lr, *, momentum):
    self.theta = self.theta + self.v
    self.v = momentum * self.v - lr * g


@optimizer("v", follows="heavy-ball/lr-outside/stale-gradient")
def StaleVelocityOutside(self, g, lr, *, momentum):
    self.theta = self.theta - lr * self.v
    self.v = momentum * self.v + g


@optimizer("v last", follows="heavy-ball/lr-inside/stale-gradient")
def StaleGradient(self, g, lr, *, momentum):
    last, self.last = self.last, g.copy()
    self.v = momentum * self.v - lr * last
    self.theta = self.theta + self.v


@optimizer("v", follows="heavy-ball/lr-outside/stale-lr")
def StaleRate(self, g, lr, *, momentum):
    last, self.last = getattr(self, "last", lr), lr
    self.v = self.v * momentum + g
    self.theta = self.theta - last * self.v


@optimizer("v", follows="heavy-ball/lr-inside/stale-lr")
def StaleRateInside(self, g, lr, *, momentum):
    last, self.last = getattr(self, "last", lr), lr
    self.v = momentum * self.v - last * g
    self.theta = self.theta + self.v


@optimizer("v", follows="heavy-ball/lr-inside/frozen-lr")
def FrozenRate(self, g, lr, *, momentum):
    self.v = self.v * momentum + g
    self.theta = self.theta - self.first_lr * self.v


@optimizer("v", follows="heavy-ball/lr-outside/decayed-gradient")
def DecaysTheGradientToo(self, g, lr, *, momentum):
    self.v = momentum * (self.v + g)
    self.theta = self.theta - lr * self.v


@optimizer("v", follows="heavy-ball/lr-inside/squared-momentum")
def MomentumTwice(self, g, lr, *, momentum):
    self.v = momentum * self.v
    self.v = momentum * self.v - lr * g
    self.theta = self.theta + self.v


@optimizer("v", follows="heavy-ball/lr-outside/ema/swapped-momentum")
def Swapped(self, g, lr, *, momentum):
    self.v = (1 - momentum) * self.v + momentum * g
    self.theta = self.theta - lr * self.v


@optimizer("v", follows="heavy-ball/lr-inside/negative-momentum")
def WrongSignOfVelocity(self, g, lr, *, momentum):
    self.v = lr * g - momentum * self.v
    self.theta = self.theta - self.v


@optimizer("v", follows="heavy-ball/lr-outside/undecayed-velocity")
def NeverDecays(self, g, lr, *, momentum):
    self.v = self.v + g
    self.theta = self.theta - lr * self.v


@optimizer("v", follows="nesterov/lr-inside/new-velocity")
def NewVelocityMisused(self, g, lr, *, momentum):
    self.v = momentum * self.v - lr * g
    self.theta = self.theta + momentum**2 * self.v - (1 + momentum) * lr * g


@optimizer("v", follows="nesterov/lr-outside/ascent-sign")
def NesterovAscends(self, g, lr, *, momentum):
    self.v = momentum * self.v - g
    self.theta = self.theta - lr * (momentum * self.v - g)


@optimizer("v", follows="nesterov/lr-outside/stale-lr")
def NesterovStaleRate(self, g, lr, *, momentum):
    last, self.last = getattr(self, "last", lr), lr
    self.v = momentum * self.v + g
    self.theta = self.theta - last * (g + momentum * self.v)


@optimizer("", follows="gradient-descent")
def IgnoresItsMomentum(self, g, lr, *, momentum):
    self.theta = self.theta - lr * g


@optimizer("v", follows=None)
def Unheard(self, g, lr, *, momentum):
    self.v = momentum * self.v + g * abs(g)
    self.theta = self.theta - lr * self.v


@optimizer("v", family="momentum", lr_placement="outside")
def HasItsOwnMomentum(self, g, lr, *, momentum):
    self.v = self.v * 0.9 + g
    self.theta = self.theta - lr * self.v


@optimizer("v", follows=None)
def RestartsItsVelocity(self, g, lr, *, momentum):
    self.v = g + momentum * (0 * g if self.t == 13 else self.v)
    self.theta = self.theta - lr * self.v


# --- descent and momentum ---------------------------------------------------------------------------------------------------------------


@optimizer(family="sgd", mistake="ascent-sign")
def Ascent(self, grad, lr=0.01):
    self.theta = self.theta + lr * grad


@optimizer(family="sgd")
def AscentWithDecay(self, grad, lr, *, weight_decay):
    """The gradient and the decay are both added."""
    self.theta = self.theta + lr * (grad + weight_decay * self.theta)


@optimizer(family="sgd", weight_decay="wrong-sign")
def SGDAntiDecay(self, grad, lr=0.01, *, weight_decay=0.1):
    self.theta = self.theta - lr * (grad - weight_decay * self.theta)


@optimizer(family="sgd", weight_decay="decoupled-without-lr")
def SGDDecayWithoutRate(self, grad, lr, *, weight_decay):
    self.theta = (1 - weight_decay) * self.theta - lr * grad


@optimizer(family="sgd", weight_decay="after-step", verdict="conforms")
def SGDDecayAfter(self, grad, lr=0.1, *, wd=1e-2):
    self.theta = self.theta - lr * grad
    self.theta = self.theta * (1 - lr * wd)


@optimizer(family="sgd", weight_decay="coupled-doubled")
def SGDDecayTwice(self, grad, lr=0.1, *, wd=1e-2):
    self.theta = self.theta - lr * (grad + 2 * wd * self.theta)


@optimizer(family="sgd", weight_decay="none")
def SGDIgnoresDecay(self, grad, lr=0.1, *, weight_decay=1e-2):
    self.theta = self.theta - lr * grad


@optimizer(family="sgd", mistake="frozen-lr")
def SGDIgnoresNewRates(self, grad, lr=0.1):
    self.theta = self.theta - self.first_lr * grad


@optimizer("v", family="momentum", dampening="none", mistake="swapped-momentum")
def MomentumSwapped(self, grad, lr=0.01, *, beta=0.9):
    self.v = (1 - beta) * self.v + grad
    self.theta = self.theta - lr * self.v


@optimizer("v", family="momentum", dampening="ema", mistake="swapped-momentum")
def EMASwapped(self, grad, lr=0.01, *, beta=0.9):
    self.v = beta * grad + (1 - beta) * self.v
    self.theta = self.theta - lr * self.v


@optimizer("v", family="momentum", dampening="ema", bias_correction="first-step-late")
def EMACorrectedLate(self, grad, lr=0.01, *, beta=0.9):
    self.v = beta * self.v + (1 - beta) * grad
    self.theta = self.theta - lr * self.v / (1 - beta ** (self.t - 1) if self.t > 1 else 1)


@optimizer("v", family="momentum", lr_placement="inside", mistake="ascent-sign")
def MomentumWrongSignOfGradient(self, grad, lr=0.01, *, momentum=0.9):
    self.v = momentum * self.v - lr * grad
    self.theta = self.theta - self.v


@optimizer("v", family="momentum", lr_placement="outside", mistake="negative-momentum")
def MomentumMinus(self, grad, lr=0.01, *, momentum=0.9):
    self.v = grad - momentum * self.v
    self.theta = self.theta - lr * self.v


@optimizer("v", family="momentum", lr_placement="outside", mistake="ascent-sign")
def MomentumBuiltInAscends(self, grad, lr):
    """Its momentum is its own, and it climbs."""
    self.v = 0.9 * self.v + grad
    self.theta = self.theta + lr * self.v


@optimizer("v", family="momentum", lr_placement="inside", mistake="stale-velocity")
def MomentumAppliesOldVelocity(self, grad, lr=0.01, *, mu=0.9):
    old = self.v
    self.v = mu * self.v + lr * grad
    self.theta = self.theta - old


@optimizer("v", family="nesterov", nesterov_form="new-velocity")
def NesterovFromNewVelocity(self, grad, lr=0.01, *, momentum=0.9):
    self.v = momentum * self.v - lr * grad
    self.theta = self.theta + momentum * momentum * self.v - (1 + momentum) * lr * grad


@optimizer("v", family="nesterov", nesterov_form="lookahead", mistake="looks-back")
def NesterovLooksBack(self, grad_fn, lr=0.01, *, momentum=0.9):
    self.v = momentum * self.v - lr * grad_fn(self.theta - momentum * self.v)
    self.theta = self.theta + self.v


@optimizer("v", family="momentum", lr_placement="inside", verdict="conforms")
def NesterovThatDoesNotLookAhead(self, grad_fn, lr=0.01, *, momentum=0.9):
    """It may ask for the gradient where it likes, and asks where it stands."""
    self.v = momentum * self.v - lr * grad_fn(self.theta)
    self.theta = self.theta + self.v


@optimizer("v", family="nesterov", nesterov_form="lookahead", mistake="looks-too-far")
def NesterovLooksFullyAhead(self, grad_fn, lr=0.01, *, momentum=0.9):
    """θ + v for θ + μ v."""
    self.v = momentum * self.v - lr * grad_fn(self.theta + self.v)
    self.theta = self.theta + self.v


@optimizer("v", family="momentum", lr_placement="outside", nesterov_form="none", settings={"nesterov": True})
def NesterovFlagIgnored(self, grad, lr=0.01, *, momentum=0.9, nesterov=False):
    self.v = momentum * self.v + grad
    self.theta = self.theta - lr * self.v


# --- squares ----------------------------------------------------------------------------------------------------------------------------


@optimizer("G", family="adagrad", mistake="rootless")
def AdagradWithoutRoot(self, grad, lr=0.01, *, eps=1e-8):
    self.G = self.G + grad**2
    self.theta = self.theta - lr * grad / (self.G + eps)


@optimizer("G", family="adagrad", eps="none", fault="not-finite")
def AdagradNoEps(self, grad, lr=0.01):
    self.G = self.G + grad**2
    self.theta = self.theta - lr * grad / np.sqrt(self.G)


@optimizer("G", family="adagrad", mistake="unsquared")
def AdagradModulus(self, grad, lr=0.01, *, eps=1e-8):
    self.G = self.G + abs(grad)
    self.theta = self.theta - lr * grad / (np.sqrt(self.G) + eps)


@optimizer("G", family="adagrad", mistake="stale-second-moment")
def AdagradStale(self, grad, lr=0.01, *, eps=1e-2):
    self.theta = self.theta - lr * grad / (np.sqrt(self.G) + eps)
    self.G = self.G + grad**2


@optimizer("G", family="adagrad", eps="inside-squared", verdict="conforms")
def AdagradEpsSquared(self, grad, lr=0.01, *, eps=1e-3):
    self.G = self.G + grad**2
    self.theta = self.theta - lr * grad / np.hypot(np.sqrt(self.G), eps)


@optimizer("s", family="rmsprop", mistake="complement-beta2")
def RMSPropSwapped(self, grad, lr=0.01, *, rho=0.9, eps=1e-8):
    self.s = (1 - rho) * self.s + rho * grad**2
    self.theta = self.theta - lr * grad / (np.sqrt(self.s) + eps)


@optimizer("s", family="rmsprop", mistake="unweighted-second-moment")
def RMSPropSums(self, grad, lr=1e-3, *, rho=0.9, eps=1e-8):
    self.s = rho * self.s + grad**2
    self.theta = self.theta - lr * grad / (np.sqrt(self.s) + eps)


@optimizer("s", family="rmsprop", mistake="ascent-sign")
def RMSPropAscends(self, grad, lr=1e-3, *, rho=0.9, eps=1e-8):
    self.s += (1 - rho) * (grad**2 - self.s)
    self.theta = self.theta + lr * grad / (eps + np.sqrt(self.s))


@optimizer("sq avg")
def RMSPropCentredWithoutSquare(self, grad, lr=1e-3, *, alpha=0.99, eps=1e-8):
    """v − m for v − m²."""
    self.sq = alpha * self.sq + (1 - alpha) * grad**2
    self.avg = alpha * self.avg + (1 - alpha) * grad
    self.theta = self.theta - lr * grad / (np.sqrt(np.abs(self.sq - self.avg)) + eps)


@optimizer("s", family="rmsprop", centered=False, settings={"centered": True})
def RMSPropCentredFlagIgnored(self, grad, lr=1e-3, *, rho=0.9, eps=1e-8, centered=False):
    self.s += (1 - rho) * (grad**2 - self.s)
    self.theta = self.theta - lr * grad / (eps + np.sqrt(self.s))


@optimizer("eg ex", family="adadelta", mistake="swapped-roots")
def AdadeltaInverted(self, grad, *, rho=0.95, eps=1e-6):
    self.eg = rho * self.eg + (1 - rho) * grad**2
    dx = np.sqrt(self.eg + eps) / np.sqrt(self.ex + eps) * grad
    self.ex = rho * self.ex + (1 - rho) * dx**2
    self.theta = self.theta - dx


@optimizer("eg ex", family="adadelta", mistake="squared-gradient-for-step")
def AdadeltaOfGradients(self, grad, lr=1.0, *, rho=0.95, eps=1e-6):
    self.eg = rho * self.eg + (1 - rho) * grad**2
    dx = np.sqrt(self.ex + eps) / np.sqrt(self.eg + eps) * grad
    self.ex = rho * self.ex + (1 - rho) * grad**2
    self.theta = self.theta - lr * dx


# --- Adam: one place of it is wrong in each ----------------------------------------------------------------------------------------------


class Broken:
    """Adam with its pieces apart."""

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.theta, self.lr, self.b1, self.b2, self.eps = theta, lr, beta1, beta2, eps
        self.m, self.v, self.t = np.zeros_like(theta), np.zeros_like(theta), 0

    def first(self, g):
        return self.b1 * self.m + (1 - self.b1) * g

    def second(self, g):
        return self.b2 * self.v + (1 - self.b2) * g**2

    def moments(self, g):
        self.m = self.first(g)
        self.v = self.second(g)

    def corrections(self):
        return 1 - self.b1**self.t, 1 - self.b2**self.t

    def denominator(self, v, c2):
        return np.sqrt(v / c2) + self.eps

    def point(self, u, lr):
        return self.theta - lr * u

    def step(self, grad, lr=None):
        self.t += 1
        self.moments(grad)
        c1, c2 = self.corrections()
        self.theta = self.point(self.m / c1 / self.denominator(self.v, c2), lr)
        return self.theta


def adam_with(name, pieces, /, base=Broken, **axes):
    globals()[name] = vary(base, name, pieces, **{"family": "adam", **axes})


def nameless(name, pieces, /, base=Broken, **facts):
    globals()[name] = vary(base, name, pieces, **facts)


def corrected_late(self):
    k = self.t - 1
    return (1 - self.b1**k, 1 - self.b2**k) if k else (1, 1)


def corrected_from_zero(self):
    with np.errstate(all="ignore"):
        return tuple(np.float64(1 - beta ** (self.t - 1)).astype(self.m.dtype) for beta in (self.b1, self.b2))


LATE, ASCENT = {"corrections": corrected_late}, {"point": lambda self, u, lr: self.theta + lr * u}
INSIDE, NO_EPS = {"denominator": lambda self, v, c2: np.sqrt(v / c2 + self.eps)}, {"denominator": lambda self, v, c2: np.sqrt(v / c2)}
HAT = {"denominator": lambda self, v, c2: (np.sqrt(v) + self.eps) / math.sqrt(c2)}

adam_with("AdamUncorrected", {"corrections": lambda self: (1, 1)}, bias_correction="none", eps="outside")
adam_with("AdamFirstOnly", {"corrections": lambda self: (1 - self.b1**self.t, 1)}, bias_correction="first-only")
adam_with("AdamSecondOnly", {"corrections": lambda self: (1, 1 - self.b2**self.t)}, bias_correction="second-only")
adam_with("AdamLate", LATE, bias_correction="first-step-late")
adam_with(
    "AdamAhead", {"corrections": lambda self: (1 - self.b1 ** (self.t + 1), 1 - self.b2 ** (self.t + 1))}, bias_correction="one-ahead"
)
adam_with("AdamNeverCounts", {"corrections": lambda self: (1 - self.b1, 1 - self.b2)}, bias_correction="once")
adam_with("AdamSwappedCorrections", {"corrections": lambda self: (1 - self.b2**self.t, 1 - self.b1**self.t)}, bias_correction="swapped")
nameless("AdamTimesT", {"corrections": lambda self: (1 - self.b1 * self.t, abs(1 - self.b2 * self.t))})  # 1 − β t for 1 − βᵗ
nameless("AdamAddsPowers", {"corrections": lambda self: (1 + self.b1**self.t, 1 + self.b2**self.t)})  # 1 + βᵗ for 1 − βᵗ
nameless("AdamTOfZero", {"corrections": corrected_from_zero}, fault="not-finite", verdict="error")  # the first step divides 0 by 0
adam_with(
    "AdamMultipliesByCorrections",
    {"corrections": lambda self: (1 / (1 - self.b1**self.t), 1 / (1 - self.b2**self.t))},
    bias_correction="multiplied",
)
adam_with("AdamWithoutRoot", {"denominator": lambda self, v, c2: v / c2 + self.eps}, mistake="rootless", bias_correction="both")
adam_with("AdamIgnoresEps", NO_EPS, eps="none", fault="not-finite")
adam_with(
    "AdamEpsBeforeCorrection", {"denominator": lambda self, v, c2: np.sqrt((v + self.eps) / c2)}, eps="hat-inside", verdict="conforms"
)
adam_with("AdamBothEps", {"denominator": lambda self, v, c2: np.sqrt(v / c2 + self.eps) + self.eps}, eps="outside")  # and inside, too
adam_with(
    "AdamSwapsInMomentsOnly",
    {
        "first": lambda self, g: self.b2 * self.m + (1 - self.b2) * g,
        "second": lambda self, g: self.b1 * self.v + (1 - self.b1) * g**2,
    },
    mistake="swapped-moments",
)
adam_with("AdamOfMeanSquared", {"second": lambda self, g: self.b2 * self.v + (1 - self.b2) * self.m**2}, mistake="square-of-mean")
adam_with("AdamModulus", {"second": lambda self, g: self.b2 * self.v + (1 - self.b2) * np.abs(g)}, mistake="unsquared")
adam_with("AdamUnweighted", {"first": lambda self, g: self.b1 * self.m + g}, mistake="unweighted-first-moment")
adam_with("AdamUnweightedSquares", {"second": lambda self, g: self.b2 * self.v + g**2}, mistake="unweighted-second-moment")
adam_with(  # (1 − β₁) m + β₁ g, corrected by 1 − β₁ᵗ
    "AdamComplementInMomentOnly",
    {"first": lambda self, g: (1 - self.b1) * self.m + self.b1 * g},
    mistake="complement-first-moment",
    bias_correction="both",
)
adam_with(
    "AdamComplementInSquaresOnly",
    {"second": lambda self, g: (1 - self.b2) * self.v + self.b2 * g**2},
    mistake="complement-second-moment",
    bias_correction="both",
)
adam_with("AdamAscends", ASCENT, mistake="ascent-sign")
adam_with("AdamFrozenRate", {"point": lambda self, u, lr: self.theta - self.lr * u}, mistake="frozen-lr")
adam_with("AdamHatAscends", {**HAT, **ASCENT}, eps="hat", mistake="ascent-sign")
adam_with("AdamInsideLate", {**LATE, **INSIDE}, eps="inside", bias_correction="first-step-late")


class AdamWithoutEps(Broken):
    axes = {"family": "adam", "eps": "none"}
    fault = "not-finite"

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999):
        super().__init__(theta, lr, beta1, beta2)

    denominator = NO_EPS["denominator"]


class AdamSwappedMoments(Broken):
    axes = {"family": "adam", "mistake": "swapped-betas"}

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(theta, lr, beta2, beta1, eps)


class AdamComplement(Broken):
    axes = {"family": "adam", "mistake": "complement-beta1"}

    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(theta, lr, 1 - beta1, beta2, eps)


@optimizer("m v", family="adam", mistake="corrected-in-place")
def AdamCorrectsItsState(self, grad, lr=0.001, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = (beta1 * self.m + (1 - beta1) * grad) / (1 - beta1**self.t)
    self.v = (beta2 * self.v + (1 - beta2) * grad**2) / (1 - beta2**self.t)
    self.theta = self.theta - lr * self.m / (np.sqrt(self.v) + eps)


class AdamStaleGradient(Broken):
    axes = {"family": "adam", "mistake": "stale-gradient"}

    def step(self, grad, lr=None):
        last, self.last = getattr(self, "last", np.zeros_like(grad)), grad.copy()
        return super().step(last, lr)


@optimizer("m v", family="adam", mistake="stale-first-moment")
def AdamStaleMoments(self, grad, lr=0.001, *, beta1=0.9, beta2=0.999, eps=1e-8):
    m, self.m = self.m, beta1 * self.m + (1 - beta1) * grad
    self.v = beta2 * self.v + (1 - beta2) * grad**2
    self.theta = self.theta - lr * m / (1 - beta1**self.t) / (np.sqrt(self.v / (1 - beta2**self.t)) + eps)


@optimizer("m v", family="adam", mistake="stale-second-moment")
def AdamStaleSquares(self, grad, lr=0.001, *, beta1=0.9, beta2=0.999, eps=1e-3):
    self.m = beta1 * self.m + (1 - beta1) * grad
    v, self.v = self.v, beta2 * self.v + (1 - beta2) * grad**2
    self.theta = self.theta - lr * self.m / (1 - beta1**self.t) / (np.sqrt(v / (1 - beta2**self.t)) + eps)


@optimizer("m v=1", family="adam", initial_second_moment=1)
def AdamFromOnes(self, grad, lr=0.001, *, beta1=0.9, beta2=0.999, eps=1e-8):
    """A second moment that starts at 1."""
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.v = beta2 * self.v + (1 - beta2) * grad**2
    self.theta = self.theta - lr * (self.m / (1 - beta1**self.t) / (np.sqrt(self.v / (1 - beta2**self.t)) + eps))


class AdamSharedCounter(Broken):
    """The count is kept by the class: a second run goes on counting."""

    axes = None
    fault = "nondeterministic"
    verdict = "error"
    count = 0

    def step(self, grad, lr=None):
        AdamSharedCounter.count += 1
        self.t = AdamSharedCounter.count - 1
        return super().step(grad, lr)


@optimizer("m v", family="adam", bias_correction="none")
def AdamBuiltInUncorrected(self, g, lr):
    self.m = 0.9 * self.m + 0.1 * g
    self.v = 0.999 * self.v + 0.001 * g**2
    self.theta = self.theta - lr * self.m / (np.sqrt(self.v) + 1e-8)


@optimizer("m v", family="adam", bias_correction="none")
def AdamEpsBuiltInUncorrected(self, g, lr=0.001, *, beta1=0.9, beta2=0.999):
    """Uncorrected, with an ε of its own that is not the usual one."""
    self.m = beta1 * self.m + (1 - beta1) * g
    self.v = beta2 * self.v + (1 - beta2) * g**2
    self.theta = self.theta - lr * self.m / (np.sqrt(self.v) + 1e-7)


# --- decay ------------------------------------------------------------------------------------------------------------------------------


class Decaying(Broken):
    def __init__(self, theta, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        super().__init__(theta, lr, beta1, beta2, eps)
        self.wd = weight_decay


def decayed_before_and_after(self, u, lr):
    return (self.theta * (1 - lr * self.wd) - lr * u) * (1 - lr * self.wd)


def decayed_after(self, u, lr):
    point = self.theta - lr * u
    return point - lr * self.wd * point


def stepping_along(sign):
    return lambda self, grad, lr=None: Broken.step(self, grad + sign * self.wd * self.theta, lr)


for _name, _point, _facts in [
    ("AdamWWithoutRate", lambda self, u, lr: self.theta - lr * u - self.wd * self.theta, {"weight_decay": "decoupled-without-lr"}),
    ("AdamWWrongSign", lambda self, u, lr: self.theta * (1 + lr * self.wd) - lr * u, {"weight_decay": "wrong-sign"}),
    ("AdamWTwice", lambda self, u, lr: self.theta - lr * (u + 2 * self.wd * self.theta), {"weight_decay": "decoupled-doubled"}),
    ("AdamWBeforeAndAfter", decayed_before_and_after, {"weight_decay": "before-and-after"}),
    ("AdamWAfter", decayed_after, {"weight_decay": "after-step", "verdict": "conforms"}),
    ("AdamWWithoutRateAfter", lambda self, u, lr: (self.theta - lr * u) * (1 - self.wd), {"weight_decay": "after-step-without-lr"}),
    (
        "AdamWRateSquared",
        lambda self, u, lr: self.theta - lr * (u + lr * self.wd * self.theta),
        {"weight_decay": "decoupled-lr-squared"},
    ),
    ("AdamIgnoresDecay", Broken.point, {"weight_decay": "none"}),
    (  # its decay knows the first learning rate alone
        "AdamWInitialRate",
        lambda self, u, lr: self.theta - lr * u - self.lr * self.wd * self.theta,
        {"weight_decay": "decoupled-first-lr"},
    ),
]:
    adam_with(_name, {"point": _point}, base=Decaying, **_facts)
adam_with("AdamL2WrongSign", {"step": stepping_along(-1)}, base=Decaying, weight_decay="wrong-sign")
adam_with(
    "AdamL2AndW",
    {"step": stepping_along(1), "point": lambda self, u, lr: self.theta - lr * (u + self.wd * self.theta)},
    base=Decaying,
    weight_decay="coupled-and-decoupled",
)


# --- Adam's kin -------------------------------------------------------------------------------------------------------------------------


@optimizer("m u", family="adamax", mistake="undiscounted-maximum")
def AdamaxSums(self, grad, lr=0.002, *, beta1=0.9, beta2=0.999, eps=1e-8):
    """A maximum that is not discounted."""
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.u = np.maximum(self.u, np.abs(grad))
    self.theta = self.theta - lr / (1 - beta1**self.t) * self.m / (self.u + eps)


@optimizer("m u", family="adamax", bias_correction="none", verdict="conforms")
def AdamaxUncorrected(self, grad, lr=0.002, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.u = np.maximum(beta2 * self.u, np.abs(grad))
    self.theta = self.theta - lr * self.m / (self.u + eps)


@optimizer("m u", family="adamax", bias_correction="first-step-late")
def AdamaxLate(self, grad, lr=0.002, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.u = np.maximum(beta2 * self.u, np.abs(grad))
    self.theta = self.theta - lr / (1 - beta1 ** (self.t - 1) if self.t > 1 else 1) * self.m / (self.u + eps)


@optimizer("m u", family="adamax", eps="outside")
def AdamaxWithoutModulus(self, grad, lr=0.002, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.u = np.maximum(beta2 * self.u, grad)
    self.theta = self.theta - lr / (1 - beta1**self.t) * self.m / (self.u + eps)


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


adam_with(  # the maximum takes the place of the second moment itself
    "AMSGradKeepsMaximum",
    {"second": lambda self, g: np.maximum(self.v, self.b2 * self.v + (1 - self.b2) * g**2)},
    family="amsgrad",
    mistake="maximum-in-place",
)


@optimizer("m v", family="nadam", bias_correction="none")
def NAdamWithoutCorrection(self, grad, lr=0.001, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.v = beta2 * self.v + (1 - beta2) * grad**2
    self.theta = self.theta - lr * (beta1 * self.m + (1 - beta1) * grad) / (np.sqrt(self.v) + eps)


@optimizer("m v", family="radam", mistake="unrectified")
def RAdamNeverRectifies(self, grad, lr=0.001, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = beta1 * self.m + (1 - beta1) * grad
    self.v = beta2 * self.v + (1 - beta2) * grad**2
    c1, c2 = 1 - beta1**self.t, 1 - beta2**self.t
    rho = 2 / (1 - beta2) - 1 - 2 * self.t * beta2**self.t / c2
    self.theta = self.theta - lr * self.m / c1 / ((np.sqrt(self.v / c2) + eps) if rho > 5 else 1)


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


def single(value):
    return float(np.float32(value))


@optimizer("m v", family="adam", eps="outside", precision="state-float32", only="float64")
def AdamFloat32State(self, grad, lr=1e-3, *, beta1=0.9, beta2=0.999, eps=1e-8):
    self.m = (beta1 * self.m.astype(np.float32) + (1 - beta1) * grad).astype(np.float32)
    self.v = (beta2 * self.v.astype(np.float32) + (1 - beta2) * grad**2).astype(np.float32)
    mhat, vhat = self.m / (1 - beta1**self.t), self.v / (1 - beta2**self.t)
    self.theta = self.theta - lr * mhat.astype(grad.dtype) / (np.sqrt(vhat) + eps)


class MomentumFloat32State:
    axes = {"family": "momentum", "lr_placement": "outside", "precision": "state-float32"}
    only = "float64"

    def __init__(self, theta, lr=1e-3, momentum=0.9):
        self.theta, self.mu, self.v = theta, momentum, np.zeros(theta.shape, np.float32)

    def step(self, grad, lr=None):
        self.v[:] = self.mu * self.v + grad
        self.theta = self.theta - lr * self.v.astype(float)
        return self.theta


class AdamFloat32Hyper(Broken):
    axes = {"family": "adam", "eps": "outside", "precision": "hyper-float32"}
    only = "float64"

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(theta, lr, single(beta1), single(beta2), single(eps))

    def step(self, grad, lr=None):
        return super().step(grad, single(lr))


class AdamBrainFloatHyper(Broken):
    """Decays and stabiliser are kept in bfloat16, in which 0.9 is 0.8984375."""

    axes = {"family": "adam", "eps": "outside", "precision": "hyper-bfloat16"}

    def __init__(self, theta, lr=1e-3, beta1=0.9, beta2=0.99, eps=1e-3):
        super().__init__(theta, lr, *(float(np.asarray(value).astype(ml_dtypes.bfloat16)) for value in (beta1, beta2, eps)))


class AdamFloat32HyperButRate(AdamFloat32Hyper):
    """Its learning rate is not rounded."""

    step = Broken.step


@optimizer("v", family="momentum", lr_placement="outside", precision="hyper-float32", only="float64")
def MomentumFloat32Rate(self, grad, lr=1e-3, *, momentum=0.9):
    """The learning rate alone is rounded."""
    self.v = momentum * self.v + grad
    self.theta = self.theta - single(lr) * self.v


class AdamFloat32Scalars(Broken):
    """The powers of β are kept as scalars of float32."""

    axes = {"family": "adam", "precision": "scalars-float32"}
    only = "float64"

    def corrections(self):
        self.p1 = np.float32(getattr(self, "p1", 1) * np.float32(self.b1))
        self.p2 = np.float32(getattr(self, "p2", 1) * np.float32(self.b2))
        return float(np.float32(1) - self.p1), float(np.float32(1) - self.p2)


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


class AdamWhoseRatesAreSingle(Adam):
    """Scalars of float32, made once."""

    axes = {"family": "adam", "precision": "hyper-float32"}
    only = "float64"

    def __init__(self, theta, lr, beta1, beta2, eps):
        super().__init__(theta, *map(single, (lr, beta1, beta2, eps)))

    def step(self, grad, lr=None):
        return super().step(grad, single(lr))


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


class ClipsTheGradientInPlace(Adam):
    axes = {"family": "adam"}
    fault = "mutates-input"
    verdict = "error"

    def step(self, grad, lr=None):
        point = super().step(grad, lr)
        grad[:] = 0
        return point


@optimizer(family="sgd", weight_decay="coupled", fault="mutates-input", verdict="error")
def DecaysTheGradientInPlace(self, grad, lr=0.1, *, weight_decay=0.1):
    grad += weight_decay * self.theta
    self.theta = self.theta - lr * grad


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
    fault = "nondeterministic"
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


def returning(change):
    return {"step": lambda self, grad, lr=None: change(Adam.step(self, grad, lr))}


def raising_at_step_ten(self, grad, lr=None):
    if self.t == 10:
        raise RuntimeError("ten steps are enough")
    return Adam.step(self, grad, lr)


nameless("ReturnsALossToo", returning(lambda point: (point, 0.0)), base=Adam, fault="type", verdict="error")
nameless("ReturnsAList", returning(lambda point: point.tolist()), base=Adam, fault="type", verdict="error")
nameless("ReturnsAScalar", returning(lambda point: point.sum()), base=Adam, fault="shape", verdict="error")
nameless("ReturnsComplex", returning(lambda point: point + 0j), base=Adam, fault="complex", verdict="error")
nameless("ReturnsMasked", returning(lambda point: np.ma.masked_less(point, 1)), base=Adam, fault="masked", verdict="error")
nameless("ReturnsObjects", returning(lambda point: point.astype(object)), base=Adam, fault="type", verdict="error")
nameless("RaisesAtStepTen", {"step": raising_at_step_ten}, base=Adam, fault="raises", verdict="error")
adam_with(
    "ReturnsDouble",
    returning(lambda point: point.astype(np.float64)),
    base=Adam,
    fault="dtype-upcast",
    verdict="conforms",
    only="float32",
)
adam_with(
    "ReturnsSingle",
    returning(lambda point: point.astype(np.float32)),
    base=Adam,
    precision="state-float32",
    fault="dtype",
    verdict="error",
    only="float64",
)


class NaNAtZero(Broken):
    """g / |g| · √(…): NaN where the gradient is 0."""

    axes = {"family": "adam", "eps": "outside", "bias_correction": "both", "mistake": "none"}
    fault = "not-finite"

    def moments(self, g):
        super().moments(g * g / g)


class Seeds(Adam):
    axes = {"family": "adam"}
    fault = "modifies-global-rng"
    verdict = "error"
    only = "float64"  # a second seed in one process changes nothing

    def __init__(self, theta, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        np.random.seed(0)
        super().__init__(theta, lr, beta_1, beta_2, epsilon)


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
    fault = "modifies-global-rng"
    verdict = "error"

    def step(self, grad, lr=None):
        np.random.rand()
        return super().step(grad, lr)


# --- with everything built in -----------------------------------------------------------------------------------------------------------


@optimizer("s", family="rmsprop", mistake="ascent-sign")
def RMSPropBuiltIn(self, g, lr):
    self.s = 0.9 * self.s + 0.1 * g**2
    self.theta = self.theta + lr * g / (np.sqrt(self.s) + 1e-8)


@optimizer("s", family="rmsprop", mistake="rootless")
def RMSPropBuiltInWithoutRoot(self, g, lr):
    self.s = 0.99 * self.s + 0.01 * g**2
    self.theta = self.theta - lr * g / (self.s + 1e-8)


@optimizer("s", family="rmsprop", mistake="complement-beta2")
def RMSPropBuiltInSwapped(self, g, lr):
    self.s = 0.1 * self.s + 0.9 * g**2
    self.theta = self.theta - lr * g / (np.sqrt(self.s) + 1e-6)


@optimizer("s", family="momentum", mistake="swapped-momentum", lr_placement="outside")
def MomentumBuiltInSwapped(self, g, lr):
    self.s = 0.1 * self.s + g
    self.theta = self.theta - lr * self.s


@optimizer("s", family="adagrad", mistake="ascent-sign")
def AdagradBuiltInAscends(self, g, lr):
    self.s = self.s + g**2
    self.theta = self.theta + lr * g / (np.sqrt(self.s) + 1e-7)


@optimizer("s", family="nesterov", nesterov_form="shifted-outside", mistake="ascent-sign")
def NesterovBuiltInAscends(self, g, lr):
    self.s = 0.9 * self.s + g
    self.theta = self.theta + lr * (g + 0.9 * self.s)


@optimizer("s x", family="adadelta", mistake="swapped-roots")
def AdadeltaBuiltInSwapped(self, g, lr):
    self.s = 0.95 * self.s + 0.05 * g**2
    d = np.sqrt(self.s + 1e-6) / np.sqrt(self.x + 1e-6) * g
    self.x = 0.95 * self.x + 0.05 * d**2
    self.theta = self.theta - lr * d


def built_in_direction(self, g, t):
    self.m = 0.9 * self.m + 0.1 * g
    self.v = 0.999 * self.v + 0.001 * g**2
    c1, c2 = (1 - 0.9**t, 1 - 0.999**t) if t else (1, 1)
    return self.m / c1 / (np.sqrt(self.v / c2) + 1e-8)


@optimizer("m v", family="adam", bias_correction="first-step-late")
def AdamBuiltInLate(self, g, lr):
    self.theta = self.theta - lr * built_in_direction(self, g, self.t - 1)


@optimizer("m v", family="adam", bias_correction="one-behind")
def AdamBuiltInOneBehind(self, g, lr):
    self.theta = self.theta - lr * built_in_direction(self, g, max(self.t - 1, 1))


@optimizer("m v", family="adam", weight_decay="wrong-sign")
def AdamWBuiltInWrongSign(self, g, lr):
    self.theta = self.theta - lr * (built_in_direction(self, g, self.t) - 0.01 * self.theta)


@optimizer("m v", family="adam", weight_decay="decoupled-without-lr")
def AdamWBuiltInWithoutRate(self, g, lr):
    self.theta = self.theta - lr * built_in_direction(self, g, self.t) - 0.01 * self.theta


@optimizer("v", family="nesterov", dampening="ema", mistake="swapped-momentum")
def NesterovDampened(self, grad, lr=0.01, *, momentum=0.9):
    """Nesterov's momentum along a moving average, its rate of change swapped."""
    self.v = (1 - momentum) * self.v + momentum * grad
    self.theta = self.theta - lr * ((1 - momentum) * self.v + momentum * grad)


def _init(theta):
    return 0 * theta


def _forgets_its_state(grad, state, theta, lr, momentum=0.9):
    v = momentum * state - lr * grad
    return theta + v, state


def _three(grad, state, theta, lr):
    return theta - lr * grad, state, 0


forgetful = SimpleNamespace(axes={"family": "sgd"}, init=_init, update=_forgets_its_state)
triple = SimpleNamespace(axes=None, fault="raises", verdict="error", init=_init, update=_three)

# --- sign methods ----------------------------------------------------------------------------------------------------------------------


@optimizer("m", follows="lion/early-first-moment")
def LionOfTheNewMean(self, g, lr, *, b1, b2):
    self.m = b2 * self.m + (1 - b2) * g
    self.theta = self.theta - lr * np.sign(b1 * self.m + (1 - b1) * g)


@optimizer("m", follows="lion/decay-coupled/swapped-betas")
def LionSwapped(self, g, lr, *, b1, b2, weight_decay):
    g = g + weight_decay * self.theta
    self.theta = self.theta - lr * np.sign(b2 * self.m + (1 - b2) * g)
    self.m = b1 * self.m + (1 - b1) * g


# --- layer-wise methods ----------------------------------------------------------------------------------------------------------------


class LarsDecayOutsideRatio(LarsOfPorts):
    """Its weight decay joins the velocity and is forgotten in the ratio."""

    axes = {"family": "lars", "lr_placement": "inside", "weight_decay": "in-update"}

    def step(self, theta, grad):
        w, n = np.sqrt(theta @ theta), np.sqrt(grad @ grad)
        ratio = self.trust * w / n if w * n > 0 else 1.0
        self.buffer = self.momentum * self.buffer + self.lr * ratio * (grad + self.weight_decay * theta)
        return theta - self.buffer


class LambOfSwappedBetas(Lamb):
    """The pair of decays is taken the other way round."""

    axes = {"family": "lamb", "weight_decay": "in-update", "mistake": "swapped-betas"}

    def step(self, theta, grad):
        self.betas = self.betas[::-1]
        point = super().step(theta, grad)
        self.betas = self.betas[::-1]
        return point


FOLLOWING = [value for value in list(vars().values()) if hasattr(value, "follows")]
IMPORTED = (Adam, AdamWAtOnce, Lamb, LarsOfPorts, RMSProp)
CASES = {name: value for name, value in list(vars().items()) if hasattr(value, "axes") and value not in IMPORTED}
