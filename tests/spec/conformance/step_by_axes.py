"""The one step that every optimizer of the bank is a case of: gradient, moments, direction, velocity, decay. It runs on every arithmetic.

A convention chooses, on each axis, what a stage does; a mistake is what one stage does wrongly. What the reference states comes out of it,
and is proven to; the wrong forms, which no reference states, come out of it as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from trainspec.spec.conformance.optimizers.conventions import Convention

HYPER: Mapping[str, float] = {  # every hyper-parameter besides lr, with the value that is assumed where nobody states one
    "momentum": 0.9,
    "dampening": 0.0,
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "eps_root": 0.0,
    "weight_decay": 0.0,
    "lr_decay": 0.0,
    "initial_second_moment": 0.0,
    "momentum_decay": 0.004,
    "grow": 1.2,
    "shrink": 0.5,
    "smallest": 1e-6,
    "largest": 50.0,
}
OFF = ("dampening", "eps_root", "weight_decay", "lr_decay")  # at 0 they are not there at all


def walk(convention: Convention, theta: Any, grads: Any, lrs: Any, slopes: Any = None, **hyper: Any) -> Iterator[SimpleNamespace]:
    """The state after every step, from rest. The gradient of step t at a point p is grads[t] + slopes[t] p, or grads[t] wherever p is."""
    h = SimpleNamespace(**{**HYPER, **hyper})
    s = begin(convention, theta, lrs, h)
    for k, (row, lr) in enumerate(zip(grads, lrs, strict=True)):
        step(convention, s, lr, functools.partial(along, row, None if slopes is None else slopes[k]), h)
        yield s


def along(row: Any, slope: Any, point: Any) -> Any:
    """The gradient at a point."""
    return row if slope is None else row + slope * point


def begin(c: Convention, theta: Any, lrs: Any, h: SimpleNamespace) -> SimpleNamespace:
    """The state at rest."""
    zero = 0 * theta
    initial = {"eps": h.eps, "given": h.initial_second_moment}.get(c.initial_second_moment, c.initial_second_moment)
    start = zero + (float(initial) if isinstance(initial, str) else initial)
    return SimpleNamespace(
        theta=theta, t=0, m=zero, v=start, mean=zero, velocity=zero, largest=zero, moved=zero,
        power1=1, power2=1, product=1, weight=0,
        last_grad=zero, last_lr=lrs[0], first_lr=lrs[0], compared=zero, size=zero + getattr(h, "initial_size", lrs[0]), last_step=zero,
    )  # fmt: skip


def step(c: Convention, s: SimpleNamespace, lr: Any, gradient: Callable[[Any], Any], h: SimpleNamespace) -> None:
    """One step, in place of the state."""
    s.t += 1
    lr = rate(c, s, lr, h)
    g = seen(c, s, gradient(ahead(c, s, lr, h)))
    s.u = DIRECTIONS.get(c.family, plain)(c, s, coupled(c, s, g, h), lr, h)
    change = -moved(c, s, s.u, lr, h)
    if c.mistake == "reversed-step":
        change = -change
    s.theta = decayed(c, s, change, lr, h)


# --- learning rate and gradient -------------------------------------------------------------------------------------------------------


def rate(c: Convention, s: SimpleNamespace, lr: Any, h: SimpleNamespace) -> Any:
    """The learning rate of this step; η / (1 + (t − 1) λ) where it decays by itself."""
    used = {"stale-lr": s.last_lr, "frozen-lr": s.first_lr}.get(c.mistake, lr)
    s.last_lr = lr
    return used / (1 + (s.t - 1 + (c.mistake == "decay-one-ahead")) * h.lr_decay)


def ahead(c: Convention, s: SimpleNamespace, lr: Any, h: SimpleNamespace) -> Any:
    """The point where the gradient is taken."""
    if c.nesterov_form != "lookahead":
        return s.theta
    share = {"looks-back": -momentum(c, h), "looks-too-far": 1}.get(c.mistake, momentum(c, h))
    return s.theta - share * s.velocity * (1 if c.lr_placement == "inside" else lr)


def seen(c: Convention, s: SimpleNamespace, g: Any) -> Any:
    """The gradient as the step sees it."""
    late, s.last_grad = s.last_grad, g
    return late if c.mistake == "stale-gradient" else -g if c.mistake == "ascent-sign" else g


COUPLINGS: Mapping[str, int] = {"coupled": 1, "coupled-wrong-sign": -1, "coupled-doubled": 2, "coupled-and-decoupled": 1}


def coupled(c: Convention, s: SimpleNamespace, g: Any, h: SimpleNamespace) -> Any:
    """The gradient of the penalised loss, g + λ θ."""
    return g + COUPLINGS[c.weight_decay] * h.weight_decay * s.theta if c.weight_decay in COUPLINGS else g


# --- moments, their corrections, and what they are divided by --------------------------------------------------------------------------


def decays(c: Convention, h: SimpleNamespace) -> tuple[Any, Any]:
    """β₁ and β₂, as a mistake may have them."""
    one, two = {
        "swapped-betas": (h.beta2, h.beta1),
        "complement-beta1": (1 - h.beta1, h.beta2),
        "complement-beta2": (h.beta1, 1 - h.beta2),
        "undiscounted-maximum": (h.beta1, 0 * h.beta2 + 1),
    }.get(c.mistake, (h.beta1, h.beta2))
    return one, two


def first_moment(c: Convention, s: SimpleNamespace, g: Any, h: SimpleNamespace, beta: Any) -> Any:
    """m ← β₁ m + (1 − β₁) g."""
    before = s.m
    beta = {"complement-first-moment": 1 - beta, "swapped-moments": h.beta2}.get(c.mistake, beta)
    s.m = beta * s.m + (g if c.mistake == "unweighted-first-moment" else (1 - beta) * g)
    return before if c.mistake == "stale-first-moment" else s.m


def second_moment(c: Convention, s: SimpleNamespace, g: Any, h: SimpleNamespace, beta: Any) -> Any:
    """v ← β₂ v + (1 − β₂) g²; around the mean where it is centred."""
    before = s.v
    beta = {"complement-second-moment": 1 - beta, "swapped-moments": h.beta1}.get(c.mistake, beta)
    square = np.abs(g) if c.mistake == "unsquared" else s.m**2 if c.mistake == "square-of-mean" else g**2
    s.v = beta * s.v + (square if c.mistake == "unweighted-second-moment" else (1 - beta) * square)
    used = before if c.mistake == "stale-second-moment" else s.v
    if not c.centered:
        return used
    s.mean = beta * s.mean + (1 - beta) * g
    return np.maximum(used - s.mean**2, 0)


def corrections(c: Convention, s: SimpleNamespace, beta1: Any, beta2: Any) -> tuple[Any, Any]:
    """What m and v are divided by: the weight that each has gathered, 1 − βᵗ."""
    s.power1, s.power2 = s.power1 * beta1, s.power2 * beta2
    both = 1 - s.power1, 1 - s.power2
    if c.bias_correction in LATE:
        previous = s.weights if s.t > 1 else (1, 1) if c.bias_correction == "first-step-late" else both
        s.weights = both
        return previous
    return CORRECTIONS[c.bias_correction](*both, s, beta1, beta2)


LATE = ("first-step-late", "one-behind")
CORRECTIONS: Mapping[str, Callable[..., tuple[Any, Any]]] = {  # of both corrections, the state and the decays
    "both": lambda c1, c2, *_: (c1, c2),
    "none": lambda *_: (1, 1),
    "first-only": lambda c1, c2, *_: (c1, 1),
    "second-only": lambda c1, c2, *_: (1, c2),
    "one-ahead": lambda c1, c2, s, beta1, beta2: (1 - s.power1 * beta1, 1 - s.power2 * beta2),
    "once": lambda c1, c2, s, beta1, beta2: (1 - beta1, 1 - beta2),
    "swapped": lambda c1, c2, *_: (c2, c1),
    "multiplied": lambda c1, c2, *_: (1 / c1, 1 / c2),
    "first-for-both": lambda c1, c2, *_: (c1, c1),
    "second-rootless": lambda c1, c2, *_: (c1, c2 * c2),
}


def denominator(c: Convention, v: Any, c2: Any, h: SimpleNamespace) -> Any:
    """√(v / c₂) with ε in its place; ε̂ joins the root before it is corrected."""
    root = (lambda x: x) if c.mistake == "rootless" else np.sqrt
    if c.eps == "hat":
        return (root(v + h.eps_root) + h.eps) / root(c2)
    if c.eps == "hat-inside":
        return root((v + h.eps) / c2)
    inside = {"inside": h.eps, "inside-squared": h.eps**2}.get(c.eps, 0)
    return root(v / c2 + h.eps_root + inside) + (h.eps if c.eps == "outside" else 0)


def preconditioned(c: Convention, s: SimpleNamespace, top: Any, h: SimpleNamespace) -> Any:
    """The numerator with the decay in it, m̂ + λ θ."""
    return top + h.weight_decay * s.theta if c.weight_decay == "preconditioned" else top


def plain(c: Convention, s: SimpleNamespace, g: Any, lr: Any, h: SimpleNamespace) -> Any:
    """The gradient itself."""
    return g


def adagrad(c: Convention, s: SimpleNamespace, g: Any, lr: Any, h: SimpleNamespace) -> Any:
    """The gradient over the root of the sum of squares."""
    before = s.v
    s.v = s.v + (np.abs(g) if c.mistake == "unsquared" else g**2)
    s.D = denominator(c, before if c.mistake == "stale-second-moment" else s.v, 1, h)
    return preconditioned(c, s, g, h) / s.D


def rmsprop(c: Convention, s: SimpleNamespace, g: Any, lr: Any, h: SimpleNamespace) -> Any:
    """The gradient over the root of the mean of squares."""
    beta1, beta2 = decays(c, h)
    used = second_moment(c, s, g, h, beta2)
    _, s.c2 = corrections(c, s, beta1, beta2)
    s.D = denominator(c, used, s.c2, h)
    return preconditioned(c, s, g, h) / s.D


def adadelta(c: Convention, s: SimpleNamespace, g: Any, lr: Any, h: SimpleNamespace) -> Any:
    """The gradient times the ratio of two root mean squares: of the steps, and of the gradients."""
    _, beta = decays(c, h)
    used = second_moment(c, s, g, h, beta)
    if c.eps == "outside":
        top, s.D = np.sqrt(s.moved) + h.eps, np.sqrt(used) + h.eps
    else:
        top, s.D = np.sqrt(s.moved + h.eps), np.sqrt(used + h.eps)
    top, s.D = (s.D, top) if c.mistake == "swapped-roots" else (top, s.D)
    u = top * g / s.D
    s.moved = beta * s.moved + (1 - beta) * (g if c.mistake == "squared-gradient-for-step" else u) ** 2
    return u


def adam(c: Convention, s: SimpleNamespace, g: Any, lr: Any, h: SimpleNamespace) -> Any:
    """The corrected mean of gradients over the root of the corrected mean of squares."""
    beta1, beta2 = decays(c, h)
    first = first_moment(c, s, lr * g if c.lr_placement == "inside" else g, h, beta1)
    used = second_moment(c, s, g, h, beta2)
    s.c1, s.c2 = corrections(c, s, beta1, beta2)
    if c.mistake == "corrected-in-place":
        s.m, s.v = s.m / s.c1, s.v / s.c2
    s.D = denominator(c, used, s.c2, h)
    return preconditioned(c, s, first / s.c1, h) / s.D


def amsgrad(c: Convention, s: SimpleNamespace, g: Any, lr: Any, h: SimpleNamespace) -> Any:
    """Adam with the largest second moment so far, of the raw or of the corrected ones."""
    beta1, beta2 = decays(c, h)
    first = first_moment(c, s, g, h, beta1)
    used = second_moment(c, s, g, h, beta2)
    s.c1, s.c2 = corrections(c, s, beta1, beta2)
    c2 = s.c2
    if c.maximum == "corrected":
        used, c2 = used / c2, 1
    s.largest = np.maximum(s.largest, used)
    if c.mistake == "maximum-in-place":
        s.v = s.largest
    s.D = denominator(c, s.largest, c2, h)
    return preconditioned(c, s, first / s.c1, h) / s.D


def adamax(c: Convention, s: SimpleNamespace, g: Any, lr: Any, h: SimpleNamespace) -> Any:
    """The corrected mean of gradients over the largest modulus, older ones discounted."""
    beta1, beta2 = decays(c, h)
    first = first_moment(c, s, g, h, beta1)
    before, size = s.v, np.abs(g)
    shrunk = beta2 * s.v
    if c.eps == "on-gradient":
        size = size + h.eps
    if c.eps == "on-decayed":
        shrunk = shrunk + h.eps
    s.v = np.maximum(shrunk, size)
    s.c1, _ = corrections(c, s, beta1, beta2)
    s.D = (before if c.mistake == "stale-second-moment" else s.v) + (h.eps if c.eps == "outside" else 0)
    return preconditioned(c, s, first / s.c1, h) / s.D


def nadam(c: Convention, s: SimpleNamespace, g: Any, lr: Any, h: SimpleNamespace) -> Any:
    """Adam with its first moment taken one step ahead."""
    beta1, beta2 = decays(c, h)
    now, then = scheduled(c, s.t, beta1, h), scheduled(c, s.t + 1, beta1, h)
    first_moment(c, s, g, h, now if c.schedule in ("dozat", "dozat-fast") else beta1)
    used = second_moment(c, s, g, h, beta2)
    _, s.c2 = corrections(c, s, beta1, beta2)
    s.product = s.product * now
    s.c1 = 1 - s.product
    s.D = denominator(c, used, s.c2, h)
    return preconditioned(c, s, blended(c, s, g, now, then), h) / s.D


def blended(c: Convention, s: SimpleNamespace, g: Any, now: Any, then: Any) -> Any:
    """The first moment one step ahead: what it will be at β₁ of the next step, of this gradient."""
    if c.bias_correction == "none":
        return then * s.m + (1 - now) * g
    if c.schedule == "simple":
        return (then * s.m + (1 - now) * g) / s.c1
    return then * s.m / (1 - s.product * then) + (1 - now) * g / s.c1


def scheduled(c: Convention, t: int, beta1: Any, h: SimpleNamespace) -> Any:
    """β₁ of step t: β₁ (1 − ½ · .96^(ψ t)) on Dozat's schedule."""
    if not c.schedule.startswith("dozat"):
        return beta1
    psi = 1 if c.schedule.endswith("fast") else h.momentum_decay
    return beta1 * (1 - np.exp(t * psi * np.log(0 * beta1 + 0.96)) / 2)


def radam(c: Convention, s: SimpleNamespace, g: Any, lr: Any, h: SimpleNamespace) -> Any:
    """Adam, rectified once the variance of its denominator is finite; before that the mean of gradients alone."""
    beta1, beta2 = decays(c, h)
    first = first_moment(c, s, g, h, beta1)
    used = second_moment(c, s, g, h, beta2)
    s.c1, s.c2 = corrections(c, s, beta1, beta2)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * s.t * s.power2 / (1 - s.power2)
    if not bool(np.all(length > int(c.threshold))):
        return first / s.c1
    rectified = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
    s.D = denominator(c, used, s.c2, h)
    return (1 if c.mistake == "unrectified" else rectified) * first / s.c1 / s.D


def rprop(c: Convention, s: SimpleNamespace, g: Any, lr: Any, h: SimpleNamespace) -> Any:
    """Steps that know the signs of the gradients alone; the learning rate is their first size."""
    grow, shrink = (h.shrink, h.grow) if c.mistake == "swapped-factors" else (h.grow, h.shrink)
    turn = np.sign(g) * np.sign(s.compared)
    before = s.size
    s.size = np.where(turn > 0, grow * s.size, np.where(turn < 0, shrink * s.size, s.size))
    s.size = np.minimum(np.maximum(s.size, h.smallest), h.largest)
    size = before if c.mistake == "stale-size" else s.size
    late = np.where(turn < 0, 0 * g, s.last_step) if c.variant == "improved-minus" else s.last_step
    back = {"plus": -s.last_step, "minus": np.sign(g) * size, "improved-minus": 0 * g}[c.variant]
    s.last_step = np.where(turn < 0, back, np.sign(g) * size)
    s.compared = g if c.variant == "minus" else np.where(turn < 0, 0 * g, g)
    return late if c.mistake == "stale-step" else s.last_step


DIRECTIONS: Mapping[str, Callable[..., Any]] = {
    one.__name__: one for one in (adagrad, rmsprop, adadelta, adam, amsgrad, adamax, nadam, radam, rprop)
}


# --- velocity and decay ---------------------------------------------------------------------------------------------------------------


def momentum(c: Convention, h: SimpleNamespace) -> Any:
    """μ, as a mistake may have it."""
    mu = 1 - h.momentum if c.mistake == "swapped-momentum" else h.momentum
    return {"squared-momentum": mu * mu, "negative-momentum": -mu, "undecayed-velocity": 0 * mu + 1}.get(c.mistake, mu)


def weight(c: Convention, s: SimpleNamespace, h: SimpleNamespace) -> Any:
    """The share of a gradient that enters the velocity."""
    mu = 1 - h.momentum if c.mistake == "swapped-momentum" else h.momentum
    full = c.dampening.endswith("first-step-full") and s.t == 1
    return 1 if full or c.dampening == "none" else 1 - (mu if c.dampening.startswith("ema") else h.dampening)


def moved(c: Convention, s: SimpleNamespace, u: Any, lr: Any, h: SimpleNamespace) -> Any:
    """How far to go against u: by the learning rate, or along the velocity that gathers u."""
    if not c.has_velocity:
        scaled = c.family not in ("adadelta", "rprop", *WITHIN) or c.lr_placement == "outside"
        return lr * u if scaled else u
    mu, old = momentum(c, h), s.velocity
    push = weight(c, s, h) * (lr * u if c.lr_placement == "inside" else u)
    if c.mistake == "decayed-gradient":
        push = mu * push
    s.velocity = mu * old + push
    used = old if c.mistake == "stale-velocity" else s.velocity
    if c.family == "momentum" and c.bias_correction != "none":
        used = used / corrections(c, s, mu, mu)[0]
    change = {
        "none": lambda: used,
        "lookahead": lambda: used,
        "shifted": lambda: push + mu * s.velocity,
        "old-velocity": lambda: mu**2 * old + (1 + mu) * push,
        "new-velocity": lambda: mu**2 * s.velocity + (1 + mu) * push,
    }[c.nesterov_form]()
    return change if c.lr_placement == "inside" else lr * change


WITHIN = ("adam",)  # families whose first moment may gather lr · g


def decayed(c: Convention, s: SimpleNamespace, change: Any, lr: Any, h: SimpleNamespace) -> Any:
    """The new point: the change added, the weights decayed beside it or after it."""
    beside, after = BESIDE.get(c.weight_decay), AFTER.get(c.weight_decay)
    moved_to = s.theta - beside(lr, h.weight_decay, s) * s.theta + change if beside else s.theta + change
    return moved_to - after(lr, h.weight_decay, s) * moved_to if after else moved_to


Share = Callable[[Any, Any, SimpleNamespace], Any]  # of the weights: of η, λ and the state
BESIDE: Mapping[str, Share] = {
    "decoupled": lambda lr, decay, s: lr * decay,
    "decoupled-wrong-sign": lambda lr, decay, s: -lr * decay,
    "decoupled-doubled": lambda lr, decay, s: 2 * lr * decay,
    "decoupled-without-lr": lambda lr, decay, s: decay,
    "decoupled-first-lr": lambda lr, decay, s: s.first_lr * decay,
    "decoupled-lr-squared": lambda lr, decay, s: lr * lr * decay,
    "coupled-and-decoupled": lambda lr, decay, s: lr * decay,
    "before-and-after": lambda lr, decay, s: lr * decay,
}
AFTER: Mapping[str, Share] = {
    "after-step": lambda lr, decay, s: lr * decay,
    "before-and-after": lambda lr, decay, s: lr * decay,
    "after-step-without-lr": lambda lr, decay, s: decay,
    "after-step-wrong-sign": lambda lr, decay, s: -lr * decay,
}
