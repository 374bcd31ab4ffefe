"""What an optimizer is compared with: the reference's own steps, and forms of libraries that the reference does not have.

Every form is step(theta, grad, state, *, lr, …) → theta, state, and runs on every arithmetic: the
tolerance is a multiple of its running bound.
"""

from types import SimpleNamespace

import numpy as np
from trainspec.reference import adam, adaptive, descent, momentum
from trainspec.spec.arithmetic import rounding_bound
from trainspec.spec.arithmetic.rounding import error_in_bounds
from trainspec.spec.conformance.loading import load_implementation
from trainspec.spec.conformance.optimizers.matching import ALLOWED

LRS = np.array([0.5, 0.5, 0.125, 0.125, 0.25, 1.0, 1.0, 0.25, 0.125, 0.5])
THETA = np.array([0.75, -2.0, 6.0])
GRADS = np.array(
    [
        [1, 0.0078125, -64],
        [1.5, 0.00390625, -32],
        [-0.5, 0.01171875, -48],
        [0.75, -0.015625, 96],
        [2, -0.00390625, 64],
        [0, 0, 0],
        [-1.25, 0.0078125, -16],
        [0.125, 0.01171875, 8],
        [-0.0625, -0.0078125, -4],
        [0.5, 0.001953125, 32],
    ]
)


def trajectory(step, start, arguments_of=None):
    """The points of a form, one row a step; `arguments_of` makes its hyper-parameters from the library's, the step number and its rate."""

    def run(theta, grads, lrs, **settings):
        state, points = start(0 * theta, **settings), []
        for t, (grad, lr) in enumerate(zip(grads, lrs, strict=True), start=1):
            theta, state = step(theta, grad, state, **(arguments_of(t, lr, **settings) if arguments_of else {"lr": lr, **settings}))
            points.append(theta)
        return np.stack(points)

    return run


def run_library(target, settings, dtype, grads=GRADS):
    """The points of a library, one row a step, and what it remembers in the end."""
    run = load_implementation(target).start(THETA.astype(dtype), float(LRS[0]), settings)
    points = [run.step(grad, float(lr)) for grad, lr in zip(grads.astype(dtype), LRS, strict=True)]
    assert {point.dtype for point in points} == {np.dtype(dtype)}
    return np.stack(points), SimpleNamespace(**run.state())


def error(points, form, settings, grads=GRADS):
    """How far the points are from a form, at most, in units of what is allowed to one that follows it."""
    settings = {name: value for name, value in settings.items() if name not in SWITCHES}
    start, dtype = THETA.astype(points.dtype), points.dtype
    arguments = (start, grads.astype(dtype), LRS)
    exact = form(*(argument.astype(np.float64) for argument in arguments), **settings)
    allowed = rounding_bound(form, *arguments, dtype=dtype, **settings)
    return float(np.max(error_in_bounds(np.abs(points.astype(np.float64) - exact), allowed))) / ALLOWED


# --- where each form starts -------------------------------------------------------------------------------------------------------------


def zero(z, **_):
    return z


def two(z, **_):
    return z, z


def moments(z, **_):
    return adam.AdamState(z, z, 0)


def filled(z, initial_second_moment=0, **_):
    return z + initial_second_moment


# --- the reference's --------------------------------------------------------------------------------------------------------------------


def named(**names):
    """Hyper-parameters handed on under other names; those not named are dropped."""

    def rename(t, lr, **settings):
        return {ours: lr if theirs == "lr" else settings[theirs] for ours, theirs in names.items()}

    return rename


def plain(theta, grad, state, *, lr):
    return descent.gradient_descent.raw(theta, grad, lr=lr), state


def falling(t, lr, *, eps, lr_decay=0, **_):
    return {"lr": lr / (1 + (t - 1) * lr_decay), "eps": eps}


def eps_under_correction(t, lr, *, beta2, eps, **settings):
    """ε added to the uncorrected root, as Adam's own ε."""
    return {"lr": lr, "beta2": beta2, "eps": eps / (1 - beta2**t) ** 0.5, **settings}


def constant_betas(t, lr, *, beta1, **settings):
    return {"lr": lr, "beta1": beta1, "beta1_next": beta1, **settings}


WEIGHTS = {"beta1": 0.9, "beta2": 0.95, "eps": 2.0**-6}  # hyper-parameters that tell forms apart
SQUARES = {"decay": 0.75, "eps": 2.0**-6}
SUMS = {"eps": 2.0**-6, "initial_second_moment": 0.5}
SIGNS = {"initial_size": 0.0625, "grow": 1.25, "shrink": 0.5, "smallest": 2.0**-10, "largest": 50.0}
SWITCHES = ("amsgrad", "centered", "nesterov", "eps_in_sqrt")  # they choose a form, and are none of its numbers

BETAS = {"lr": "lr", "beta1": "beta1", "beta2": "beta2", "eps": "eps"}
SIZES = named(grow="grow", shrink="shrink", smallest="smallest", largest="largest")

GD = trajectory(plain, zero)
HEAVY_BALL = trajectory(momentum.heavy_ball.raw, zero)
HEAVY_BALL_LR_OUTSIDE = trajectory(momentum.heavy_ball_lr_outside.raw, zero)
NESTEROV = trajectory(momentum.nesterov_shifted.raw, zero, named(lr="lr", momentum="momentum"))
NESTEROV_LR_OUTSIDE = trajectory(momentum.nesterov_lr_outside.raw, zero, named(lr="lr", momentum="momentum"))
ADAM = trajectory(adam.adam.raw, moments)
ADAM_EPS_HAT = trajectory(adam.adam_efficient.raw, moments)
ADAM_L2 = trajectory(adam.adam_l2.raw, moments)
ADAMW = trajectory(adam.adamw.raw, moments)
ADAMW_EPS_HAT = trajectory(adam.adamw.raw, moments, eps_under_correction)
ADAMAX = trajectory(adam.adamax.raw, lambda z, **_: adam.AdamaxState(z, z, 0))
AMSGRAD = trajectory(adam.amsgrad.raw, lambda z, **_: adam.AmsgradState(z, z, z, 0), named(**BETAS))
AMSGRAD_EPS_HAT = trajectory(
    adam.amsgrad.raw,
    lambda z, **_: adam.AmsgradState(z, z, z, 0),
    eps_under_correction,
)
NADAM_CONSTANT = trajectory(adam.nadam.raw, lambda z, **_: adam.NadamState(z, z, 0, 0), constant_betas)
ADAGRAD = trajectory(adaptive.adagrad.raw, filled, falling)
ADAGRAD_EPS_INSIDE = trajectory(adaptive.adagrad.raw, filled, lambda t, lr, *, eps, **_: {"lr": lr, "eps": 0, "eps_root": eps})
RMSPROP = trajectory(adaptive.rmsprop.raw, filled, named(lr="lr", decay="decay", eps="eps"))
RMSPROP_EPS_INSIDE = trajectory(
    adaptive.rmsprop.raw, filled, lambda t, lr, *, decay, eps, **_: {"lr": lr, "decay": decay, "eps": 0, "eps_root": eps}
)
CENTRED = trajectory(adaptive.rmsprop_centered.raw, lambda z, **_: adaptive.CentredState(z, z), named(lr="lr", decay="decay", eps="eps"))
CENTRED_EPS_INSIDE = trajectory(
    adaptive.rmsprop_centered.raw,
    lambda z, **_: adaptive.CentredState(z, z),
    lambda t, lr, *, decay, eps, **_: {"lr": lr, "decay": decay, "eps": 0, "eps_root": eps},
)
IRPROP_MINUS = trajectory(adaptive.irprop_minus.raw, lambda z, *, initial_size, **_: adaptive.RpropMinusState(z, z + initial_size), SIZES)


# --- forms that the reference does not have ---------------------------------------------------------------------------------------------


def adadelta_times_lr(theta, grad, state, *, lr, decay, eps):
    """AdaDelta whose step is multiplied by a rate before it is taken; what it remembers is the step itself."""
    point, state = adaptive.adadelta.raw(0 * theta, grad, state, decay=decay, eps_grad=eps, eps_step=eps)
    return theta + lr * point, state


def adamax_eps_on_gradient(theta, grad, state, *, lr, beta1, beta2, eps):
    """AdaMax whose ε is added to the modulus of the gradient, before the maximum."""
    m, u, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    u = np.maximum(beta2 * u, np.abs(grad) + eps)
    return theta - lr / (1 - beta1**t) * m / u, (m, u, t)


def amsgrad_corrected_maximum(theta, grad, state, *, lr, beta1, beta2, eps):
    """AMSGrad whose maximum is taken of the corrected second moments."""
    m, v, v_max, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    v_max = np.maximum(v_max, v / (1 - beta2**t))
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(v_max) + eps), (m, v, v_max, t)


def nadam_mixed(decay, rounded=lambda x: x):
    """NAdam whose mean has a constant β₁, but whose look-ahead and corrections follow the schedule β₁ (1 − ½ 0.96^{ψ t})."""

    def step(theta, grad, state, *, lr, beta1, beta2, eps, **_):
        m, v, product, t = state
        t = t + 1
        now, ahead = (beta1 * (1 - 0.96 ** (k * decay) / 2) for k in (t, t + 1))
        m = beta1 * m + (1 - beta1) * grad
        v = beta2 * v + (1 - beta2) * grad**2
        product = rounded(product * now)
        m_hat = ahead * m / (1 - product * ahead) + (1 - now) * grad / (1 - product)
        return theta - lr * m_hat / (np.sqrt(v / (1 - beta2**t)) + eps), (m, v, product, t)

    return trajectory(step, lambda z, **_: (z, z, 1, 0))


def adam_first_step_uncorrected(theta, grad, state, *, lr, beta1, beta2, eps):
    """Adam whose t counts from 0: the first step is not corrected, the second as if it were the first."""
    m, v, t = state
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    lr = lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t) if t else lr
    return theta - lr * m / (np.sqrt(v) + eps), (m, v, t + 1)


def irprop_minus_stale(theta, grad, state, *, grow, shrink, smallest, largest):
    """iRprop− that takes the step before the one it has just found; where the sign flipped it rests."""
    before, size = state
    turn = np.sign(grad) * np.sign(before)
    size = np.where(turn > 0, np.minimum(grow * size, largest), np.where(turn < 0, np.maximum(shrink * size, smallest), size))
    found = np.where(turn < 0, 0, size * np.sign(grad))
    return theta - np.where(turn < 0, 0, before), (found, size)


def radam(theta, grad, state, *, lr, beta1, beta2, eps):
    """RAdam: Adam times the root of how far its second moment can be trusted; as long as it can't, the corrected mean alone."""
    m, v, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    m_hat = m / (1 - beta1**t)
    if not length > 5:
        return theta - lr * m_hat, (m, v, t)
    trust = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
    return theta - lr * trust * m_hat / (np.sqrt(v / (1 - beta2**t)) + eps), (m, v, t)


def rmsprop_then_heavy_ball(place, inside):
    """RMSProp whose rescaled gradient feeds a heavy ball, lr inside the velocity or outside."""

    def step(theta, grad, state, *, lr, decay, eps, momentum):
        velocity, mean_sq = state
        back, mean_sq = adaptive.rmsprop.raw(0 * theta, grad, mean_sq, lr=1, decay=decay, **{"eps": 0, place: eps})
        velocity = momentum * velocity - (lr * back if inside else back)
        return theta - (velocity if inside else lr * velocity), (velocity, mean_sq)

    return trajectory(step, two)


def three(z, **_):
    return z, z, 0


ADADELTA_TIMES_LR = trajectory(adadelta_times_lr, lambda z, **_: adaptive.AdaDeltaState(z, z))
ADAMAX_EPS_ON_GRADIENT = trajectory(adamax_eps_on_gradient, three)
AMSGRAD_CORRECTED_MAXIMUM = trajectory(amsgrad_corrected_maximum, lambda z, **_: (z, z, z, 0))
IRPROP_MINUS_STALE = trajectory(irprop_minus_stale, lambda z, *, initial_size, **_: (z, z + initial_size), SIZES)
ADAM_FIRST_STEP_UNCORRECTED = trajectory(adam_first_step_uncorrected, three)
RADAM = trajectory(radam, three)
RADAM_EPS_HAT = trajectory(radam, three, eps_under_correction)
RMSPROP_HEAVY_BALL_LR_OUTSIDE = rmsprop_then_heavy_ball("eps", inside=False)
RMSPROP_HEAVY_BALL = rmsprop_then_heavy_ball("eps", inside=True)
RMSPROP_HEAVY_BALL_EPS_INSIDE = rmsprop_then_heavy_ball("eps_root", inside=True)
