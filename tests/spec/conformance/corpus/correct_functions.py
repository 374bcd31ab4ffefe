"""Correct functions, with their operations in many orders: none of them may be rejected, in float64 or float32."""

import math

import numpy as np

CORRECT = []


def of(against, **names):
    def register(function):
        function.against, function.names = against, names
        CORRECT.append(function)
        return function

    return register


# --- batch normalization, forward -----------------------------------------------------------------------------------------------------


@of("norm.batch.affine")
def folded_into_scale_and_shift(x, gamma, beta, eps):
    scale = gamma / np.sqrt(x.var(axis=0) + eps)
    return x * scale + (beta - x.mean(axis=0) * scale)


@of("norm.batch.affine")
def shifted_one_pass(x, gamma, beta, eps):
    shift = x[0]
    mean = np.mean(x - shift, axis=0)
    var = np.maximum(np.mean((x - shift) ** 2, axis=0) - mean**2, 0)
    return (x - shift - mean) * (var + eps) ** x.dtype.type(-0.5) * gamma + beta


@of("norm.batch.affine")
def welford(x, gamma, beta, eps):
    mean, total = np.zeros_like(x[0]), np.zeros_like(x[0])
    for number, row in enumerate(x, start=1):
        delta = row - mean
        mean = mean + delta / number
        total = total + delta * (row - mean)
    return gamma * (x - mean) / np.sqrt(total / len(x) + eps) + beta


@of("norm.batch.affine")
def in_place(x, gamma, beta, eps):
    y = x.copy()
    y -= y.sum(axis=0) / len(y)
    y *= 1 / np.sqrt((y * y).sum(axis=0) / len(y) + eps)
    y *= gamma
    y += beta
    return y


@of("norm.batch.stats")
def as_a_list(x):
    return [x.mean(0), x.var(0)]


@of("norm.batch.stats")
def pairwise(x):
    mean = x.mean(axis=0)
    n = len(x)
    differences = x[:, None] - x[None]
    return {"mean": mean, "var": (differences**2).sum(axis=(0, 1)) / (2 * n * n)}


@of("norm.layer")
def layer_norm_einsum(x, gamma, beta, eps):
    centred = x - x.mean(-1, keepdims=True)
    inverse = 1 / np.sqrt(np.einsum("...k,...k->...", centred, centred) / x.shape[-1] + eps)
    return np.einsum("...k,...,k->...k", centred, inverse, gamma) + beta


@of("norm.layer")
def layer_norm_without_parameters(x, eps=1e-5):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)


@of("norm.layer", g="gamma", b="beta")
def layer_norm_eps_built_in(x, g, b):
    return g * ((x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)) + b


@of("norm.rms")
def rms_by_norm(x, gamma, eps):
    return x * gamma / np.sqrt(np.linalg.norm(x, axis=-1, keepdims=True) ** 2 / x.shape[-1] + eps)


@of("norm.group")
def group_by_loops(x, gamma, beta, groups, eps):
    y = np.empty_like(x)
    size = x.shape[1] // groups
    for i in range(len(x)):
        for g in range(groups):
            part = x[i, g * size : (g + 1) * size]
            y[i, g * size : (g + 1) * size] = (part - part.mean()) / math.sqrt(part.var() + eps)
    return y * gamma[:, None, None] + beta[:, None, None]


# --- batch normalization, backward ----------------------------------------------------------------------------------------------------


@of("norm.batch.backward")
def fused(dout, x, gamma, eps):
    m = len(x)
    inverse = 1 / np.sqrt(x.var(0) + eps)
    x_hat = (x - x.mean(0)) * inverse
    dgamma, dbeta = (dout * x_hat).sum(0), dout.sum(0)
    return gamma * inverse / m * (m * dout - dbeta - x_hat * dgamma), dgamma, dbeta


@of("norm.batch.backward")
def staged(dy, x, gamma, eps):
    m, mu = len(x), x.mean(0)
    var = ((x - mu) ** 2).sum(0) / m
    inverse = (var + eps) ** x.dtype.type(-0.5)
    dx_hat = dy * gamma
    dvar = (dx_hat * (x - mu)).sum(0) * -0.5 * inverse**3
    dmu = -(dx_hat * inverse).sum(0) + dvar * (-2 * (x - mu)).sum(0) / m
    return dx_hat * inverse + dvar * 2 * (x - mu) / m + dmu / m, (dy * (x - mu) * inverse).sum(0), dy.sum(0)


@of("norm.batch.backward")
def by_the_jacobian(dy, x, gamma, eps):
    m = len(x)
    std = np.sqrt(x.var(0) + eps)
    x_hat = (x - x.mean(0)) / std
    jacobian = np.eye(m, dtype=x.dtype)[:, :, None] - 1 / x.dtype.type(m) - x_hat[:, None] * x_hat[None] / m
    return (jacobian * (dy * gamma / std)[None]).sum(1), (dy * x_hat).sum(0), dy.sum(0)


@of("norm.layer.backward", upstream="dy")
def layer_norm_backward_other(upstream, x, gamma, eps):
    k = x.shape[1]
    inverse = 1 / np.sqrt(x.var(1, keepdims=True) + eps)
    x_hat = (x - x.mean(1, keepdims=True)) * inverse
    g = upstream * gamma
    dx = inverse / k * (k * g - g.sum(1, keepdims=True) - x_hat * (g * x_hat).sum(1, keepdims=True))
    return dx, (upstream * x_hat).sum(0), upstream.sum(0)


@of("norm.batch.running")
def fields_one_by_one(running_mean, running_var, x, momentum, correction):
    n = len(x)
    var = x.var(0) * n / (n - correction)
    return running_mean + (1 - momentum) * (x.mean(0) - running_mean), running_var + (1 - momentum) * (var - running_var)


@of("norm.batch.running.new_weight")
def unbiased_built_in(running_mean, running_var, x, momentum=0.1):
    n = x.shape[0]
    mean = (1 - momentum) * running_mean + momentum * x.mean(0)
    return mean, (1 - momentum) * running_var + momentum * x.var(0) * (n / max(n - 1, 1))


# --- losses -----------------------------------------------------------------------------------------------------------------------------


@of("loss.softmax")
def softmax_by_log(logits):
    shifted = logits - logits.max(-1, keepdims=True)
    return np.exp(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


@of("loss.sigmoid")
def sigmoid_by_tanh(z):
    return (1 + np.tanh(z / 2)) / 2


@of("loss.sigmoid")
def sigmoid_in_two_branches(z):
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + small), small / (1 + small))


@of("loss.logistic")
def logistic_by_log1p(weights, inputs, signs, reduction):
    margins = signs * (inputs @ weights)
    losses = np.maximum(-margins, 0) + np.log1p(np.exp(-np.abs(margins)))
    return {"mean": np.mean, "sum": np.sum, "none": lambda each: each}[reduction](losses)


@of("loss.logistic.hessian")
def hessian_by_p_one_minus_p(weights, inputs, reduction):
    p = 1 / (1 + np.exp(-inputs @ weights))
    each = (p * (1 - p))[:, None, None] * inputs[:, :, None] * inputs[:, None, :]
    return {"mean": lambda each: each.mean(0), "sum": lambda each: each.sum(0), "none": lambda each: each}[reduction](each)


@of("loss.softmax_xent.logits")
def mean_cross_entropy(logits, labels):
    shifted = logits - logits.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels].mean()


@of("loss.softmax_xent.logits.grad")
def mean_cross_entropy_slope(logits, labels):
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    p[np.arange(len(labels)), labels] -= 1
    return p / len(labels)


@of("loss.squared")
def mse_half(predictions, targets):
    return 0.5 * ((predictions - targets) ** 2).sum(1).mean()


@of("loss.huber")
def huber_by_clipping(predictions, targets, threshold, reduction):
    r = predictions - targets
    clipped = np.clip(r, -threshold, threshold)
    losses = (clipped * (r - clipped / 2)).sum(1)
    return {"mean": np.mean, "sum": np.sum, "none": lambda each: each}[reduction](losses)


# --- the rest ---------------------------------------------------------------------------------------------------------------------------


@of("network.dense.backward")
def dense_backward_einsum(dz, x, weight):
    return np.einsum("bo,oi->bi", dz, weight), np.einsum("bo,bi->oi", dz, x), np.einsum("bo->o", dz)


@of("schedule.step")
def step_by_floor(epoch, lr, gamma, step_size):
    return lr * gamma ** math.floor(epoch / step_size)


@of("schedule.linear")
def linear_by_weights(step, end, lr, horizon):
    share = min(step / horizon, 1.0)
    return lr - (lr - end) * share


@of("schedule.exponential.per_period")
def by_exp_and_log(step, lr, factor, period):
    return lr * math.exp(step / period * math.log(factor))


@of("averaging.ema")
def by_the_difference(theta, mean, decay):
    return mean + (1 - decay) * (theta - mean)


@of("optimizers.newton")
def newton_by_inverse(theta, grad, hessian, damping):
    return theta - np.linalg.inv(hessian + damping * np.eye(len(grad), dtype=grad.dtype)) @ grad


@of("optimizers.adam")
def adam_by_plain_tuples(theta, grad, state, *, lr, beta1, beta2, eps):
    m, v, t = state
    m = m + (1 - beta1) * (grad - m)
    v = v * beta2 + grad * grad * (1 - beta2)
    t = t + 1
    return theta - lr / (1 - beta1**t) * m / (np.sqrt(v) / math.sqrt(1 - beta2**t) + eps), (m, v, t)


@of("optimizers.cg.polak_ribiere")
def polak_ribiere_expanded(grad, previous):
    return (grad @ grad - grad @ previous) / (previous @ previous)


@of("optimizers.clip.norm")
def clip_by_a_norm_of_its_own(grad, max_norm):
    norm = np.linalg.norm(grad)
    return grad * (max_norm / norm) if norm > max_norm else grad


@of("averaging.ema.debiased", avg_mean="state.total")
def debiased_average_of_fields(theta, avg_mean, count, decay):
    mean = decay * avg_mean + (1 - decay) * theta
    return mean / (1 - decay ** (count + 1)), mean, count + 1


@of("init.he.normal")
def he_by_normal(shape, rng):
    return rng.normal(0, np.sqrt(2 / shape[1]), shape)


@of("init.xavier.uniform")
def glorot_in_float32(rng, fan_out, fan_in, gain=1.0):
    a = gain * math.sqrt(6 / (fan_in + fan_out))
    return (2 * a * rng.random((fan_out, fan_in)) - a).astype(np.float32)


@of("init.orthogonal")
def orthogonal_by_svd(shape, rng, gain):
    u, _, v = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    return gain * (u if u.shape == tuple(shape) else v)


@of("init.sparse")
def sparse_by_choice(rng, fan_out, fan_in, count, std):
    w = np.zeros((fan_out, fan_in))
    for row in w:
        row[rng.choice(fan_in, count, replace=False)] = rng.normal(0, std, count)
    return w


@of("sampling.epoch.permutation")
def epoch_by_shuffling(rng, size, samples):
    order = np.arange(samples)
    rng.shuffle(order)
    return tuple(order[start : start + size] for start in range(0, samples, size))
