"""Incorrect functions, each with a mistake that people make, and the convention under which it must be found."""

import math

import numpy as np

INCORRECT = []


def of(against, follows, **axes):
    def register(function):
        function.against, function.follows, function.axes = against, follows, axes
        INCORRECT.append(function)
        return function

    return register


@of("norm.batch.affine", "norm.batch.affine/unbiased", variance="unbiased", eps="inside", over="own")
def sample_variance(x, gamma, beta, eps):
    var = x.var(0, ddof=1) if len(x) > 1 else np.nan * x[0]
    return gamma * (x - x.mean(0)) / np.sqrt(var + eps) + beta


@of("norm.batch.affine", "norm.batch.affine/eps-outside", eps="outside")
def eps_outside(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / (x.std(0) + eps) + beta


@of("norm.batch.affine", "norm.layer")
def wrong_axis(x, gamma, beta, eps):
    return gamma * (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + eps) + beta


@of("norm.batch.affine", "norm.batch.affine/gamma-beta-exchanged", arguments="gamma-beta-exchanged")
def swapped(x, gamma, beta, eps):
    return beta * (x - x.mean(0)) / np.sqrt(x.var(0) + eps) + gamma


@of("norm.batch.affine", "norm.batch.affine/one-pass", variance="one-pass")
def one_pass(x, gamma, beta, eps):
    var = (x * x).mean(0) - x.mean(0) ** 2
    with np.errstate(all="ignore"):
        return gamma * (x - x.mean(0)) / np.sqrt(np.maximum(var, 0) + eps) + beta


@of("norm.batch.stats", "norm.batch.stats.one_pass")
def moments_in_one_pass(x):
    return x.mean(0), (x * x).mean(0) - x.mean(0) ** 2


@of("norm.layer", "norm.layer/mean-square/none", variance="mean-square", centre="none")
def rms_instead(x, gamma, beta, eps):
    return gamma * x / np.sqrt((x * x).mean(1, keepdims=True) + eps) + beta


@of("norm.group", "norm.group/interleaved", channels="interleaved")
def interleaved(x, gamma, beta, groups, eps):
    y = np.empty_like(x)
    for g in range(groups):
        part = x[:, g::groups]
        mean, var = part.mean((1, 2, 3), keepdims=True), part.var((1, 2, 3), keepdims=True)
        y[:, g::groups] = (part - mean) / np.sqrt(var + eps)
    return y * gamma[:, None, None] + beta[:, None, None]


@of("norm.batch.backward", "norm.batch.backward/terms-none", terms="none")
def constants(dy, x, gamma, eps):
    std = np.sqrt(x.var(0) + eps)
    return gamma * dy / std, (dy * (x - x.mean(0)) / std).sum(0), dy.sum(0)


@of("norm.batch.backward", "norm.batch.backward/reduction-mean", reduction="mean")
def means(dy, x, gamma, eps):
    std = np.sqrt(x.var(0) + eps)
    x_hat = (x - x.mean(0)) / std
    return gamma / std * (dy - dy.mean(0) - x_hat * (dy * x_hat).mean(0)), (dy * x_hat).mean(0), dy.mean(0)


@of("norm.batch.backward", "norm.batch.backward/exchanged-2-3", result="exchanged")
def beta_before_gamma(dy, x, gamma, eps):
    std = np.sqrt(x.var(0) + eps)
    x_hat = (x - x.mean(0)) / std
    return gamma / std * (dy - dy.mean(0) - x_hat * (dy * x_hat).mean(0)), dy.sum(0), (dy * x_hat).sum(0)


@of("norm.layer.backward", "norm.layer.backward/gamma-outside", scale="outside")
def gamma_outside(dy, x, gamma, eps):
    std = np.sqrt(x.var(1, keepdims=True) + eps)
    x_hat = (x - x.mean(1, keepdims=True)) / std
    dx = gamma * (dy - dy.mean(1, keepdims=True) - x_hat * (dy * x_hat).mean(1, keepdims=True)) / std
    return dx, (dy * x_hat).sum(0), dy.sum(0)


@of("norm.batch.running", "norm.batch.running.new_weight")
def momentum_of_the_new(state, x, momentum, correction):
    n = len(x)
    mean, var = state
    now = x.var(0) * n / (n - correction)
    return (1 - momentum) * mean + momentum * x.mean(0), (1 - momentum) * var + momentum * now


@of("norm.batch.running", "norm.batch.running/deviation/old/old", variance="deviation")
def of_deviations(state, x, momentum, correction):
    mean, var = state
    now = np.sqrt(((x - x.mean(0)) ** 2).sum(0) / (len(x) - correction))
    return momentum * mean + (1 - momentum) * x.mean(0), momentum * var + (1 - momentum) * now


@of("loss.softmax", "loss.softmax/overflows", range="overflows")
def unshifted(logits):
    e = np.exp(logits)
    return e / e.sum(-1, keepdims=True)


@of("loss.softmax_xent.logits", "loss.softmax_xent.logits/sum-for-mean", reduction="sum-for-mean")
def always_summed(logits, labels, reduction, smoothing):
    shifted = logits - logits.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    own = log_p[np.arange(len(labels)), labels]
    losses = -(1 - smoothing) * own - smoothing * log_p.mean(1)
    return losses if reduction == "none" else losses.sum()


@of("loss.softmax_xent.logits.grad", "loss.softmax_xent.logits.grad/negated", result="negated")
def label_minus_p(logits, labels, reduction, smoothing):
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    y = np.eye(logits.shape[1])[labels] * (1 - smoothing) + smoothing / logits.shape[1]
    return ((y - p) / (len(y) if reduction == "mean" else 1)).astype(logits.dtype)


@of("loss.squared", "loss.squared/half-reversed", half="half-reversed")
def half_where_not_asked(predictions, targets, half, reduction):
    losses = ((predictions - targets) ** 2).sum(1) * (1 if half else 0.5)
    return {"mean": np.mean, "sum": np.sum, "none": lambda each: each}[reduction](losses)


@of("loss.huber", "loss.smooth_l1")
def smooth(predictions, targets, threshold, reduction):
    r = np.abs(predictions - targets)
    losses = np.where(r < threshold, r * r / (2 * threshold), r - threshold / 2).sum(1)
    return {"mean": np.mean, "sum": np.sum, "none": lambda each: each}[reduction](losses)


@of("schedule.step", "schedule.exponential.per_period")
def not_a_staircase(step, lr, factor, period):
    return lr * factor ** (step / period)


@of("schedule.step", "schedule.step/step-early", step="step-early")
def counted_from_one(step, lr, factor, period):
    return lr * factor ** ((step + 1) // period)


@of("schedule.linear", "schedule.linear/not-held", horizon="goes-on")
def goes_on(step, end, lr, horizon):
    return lr + (end - lr) * step / horizon


@of("averaging.ema", "averaging.ema.target")
def weights_exchanged(theta, mean, decay):
    return (1 - decay) * mean + decay * theta


@of("network.dense.backward", "network.dense.backward/per-n-3", result="per-n")
def mean_of_biases(dz, x, weight):
    return dz @ weight, dz.T @ x, dz.mean(0)


@of("optimizers.lbfgs.scale", "optimizers.lbfgs.scale/barzilai-borwein", first_scaling="barzilai-borwein")
def the_longer_step(step, grad_change):
    return step @ step / (step @ grad_change)


@of("optimizers.cg.polak_ribiere", "optimizers.cg.fletcher_reeves")
def another_beta(grad, previous):
    return grad @ grad / (previous @ previous)


@of("init.he.normal", "init.he.normal/fans-swapped", fan="swapped")
def fans_swapped(shape, rng):
    return rng.normal(0, math.sqrt(2 / shape[0]), shape)


@of("init.he.normal", "init.he.normal/normal/2-over-in/no-root", scale="variance-as-deviation", distribution="normal")
def variance_as_deviation(shape, rng):
    return rng.normal(0, 2 / shape[1], shape)


@of("init.xavier.uniform", "init.xavier.uniform/half-width/1-over-average", distribution="half-width")
def deviation_as_half_width(rng, fan_out, fan_in, gain):
    a = gain * math.sqrt(2 / (fan_in + fan_out))
    return rng.uniform(-a, a, (fan_out, fan_in))


@of("init.xavier.normal", "init.xavier.normal/normal/1-over-average/gain-squared", gain="squared")
def gain_squared(rng, fan_out, fan_in, gain):
    return gain**2 * math.sqrt(2 / (fan_in + fan_out)) * rng.standard_normal((fan_out, fan_in))


@of("init.orthogonal", "init.orthogonal/signs-bound", signs="bound")
def bound_signs(shape, rng, gain):
    tall = shape[0] >= shape[1]
    q, _ = np.linalg.qr(rng.normal(size=shape if tall else shape[::-1]))
    return gain * (q if tall else q.T)


@of("init.sparse", "init.sparse/per-input", count="per-input")
def outputs_of_inputs(rng, fan_out, fan_in, count, std):
    w = np.zeros((fan_out, fan_in))
    for column in w.T:
        column[rng.choice(fan_out, min(count, fan_out), replace=False)] = rng.normal(0, std, min(count, fan_out))
    return w
