"""Normalization layers: activations, or weights, brought to one scale; each forward(x, …) → y with its backward(dy, x, …) → (dx, …).

Variances are divided by the number of entries, eps stands inside the root.  A batch x has m examples in rows and k features in columns;
images have the axes example, channel, height, width.  dy is the gradient of the loss by the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        Batch,
        BatchMeans,
        BatchVariances,
        ChannelWise,
        Count,
        Damping,
        Eps,
        FromOne,
        FromTwo,
        Groups,
        ImageBatch,
        Linear,
        Magnitude,
        Ratio,
        Real,
        Share,
        UnitDeviations,
        Units,
        UnitVariances,
        Vector,
    )


@formula("norm.batch.stats")
def batch_stats(x: Batch) -> tuple[Units, UnitVariances]:
    """The mean and the variance of each feature over the batch: of the columns, one number for each of them.

        μ = 1/m Σᵢ xᵢ,   σ² = 1/m Σᵢ (xᵢ − μ)²

    Units: the mean as x, the variance as x².  Source: Ioffe & Szegedy 2015, Algorithm 1; UC 'Batch Normalization', which sums over j (E05).
    """
    mean = np.mean(x, axis=0)
    return mean, np.mean((x - mean) ** 2, axis=0)


@formula("norm.batch.stats.one_pass")
def batch_stats_one_pass(x: Batch) -> tuple[Units, Units]:
    """The mean and the variance of each feature in one pass: equal in real numbers, but rounding can make the variance 0 or negative.

        μ = 1/m Σᵢ xᵢ,   σ² = 1/m Σᵢ xᵢ² − μ²

    Units: as batch_stats.  Source: the fast path of some libraries.
    """
    mean = np.mean(x, axis=0)
    return mean, np.mean(x**2, axis=0) - mean**2


@formula("norm.batch.normalize")
def batch_normalize(x: Batch, *, eps: Eps) -> Batch:
    """Every feature of the batch brought to mean 0 and variance σ²/(σ² + eps): of one example 0, of two ± the same.

        x̂ = (x − μ) / √(σ² + eps)

    Units: none; eps as x².  Source: Ioffe & Szegedy 2015, Algorithm 1; STU 'Batch Normalization', at first without eps (E46).
    """
    centred = x - np.mean(x, axis=0)
    return centred / np.sqrt(np.mean(centred**2, axis=0) + eps)


@formula("norm.batch.affine")
def batch_norm(x: Batch, gamma: Units, beta: Units, *, eps: Eps) -> Batch:
    """Batch normalization in training: normalize each feature over the batch, then give it a learned mean and scale.

        y = γ (x − μ) / √(σ² + eps) + β

    Units: gamma and beta as y, eps as x².  Source: Ioffe & Szegedy 2015, Algorithm 1; UC 'An Innovation', STU, SKO.
    """
    centred = x - np.mean(x, axis=0)
    return gamma * centred / np.sqrt(np.mean(centred**2, axis=0) + eps) + beta


@formula("norm.batch.identity")
def recovering_parameters(x: Batch, *, eps: Eps) -> tuple[Units, Units]:
    """The scale and shift with which batch normalization leaves this batch as it was.

        γ = √(σ² + eps),   β = μ

    Units: as x.  Source: STU 'Batch Normalization, Extra capacity', which forgets eps (E47).
    """
    mean = np.mean(x, axis=0)
    return np.sqrt(np.mean((x - mean) ** 2, axis=0) + eps), mean


@formula("norm.batch.backward")
def batch_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps) -> tuple[Batch, Units, Units]:
    """The gradients of batch normalization, through the batch's mean and variance as well.

        dβ = Σ dyᵢ,   dγ = Σ dyᵢ x̂ᵢ,   dxᵢ = γ/√(σ² + eps) (dyᵢ − dβ/m − x̂ᵢ dγ/m)

    Units: dx as dy y/x.  Source: completes UC 'Batch Normalization', STU, SKO; Ioffe & Szegedy 2015, section 3, in stages.
    """
    centred = x - np.mean(x, axis=0)
    std = np.sqrt(np.mean(centred**2, axis=0) + eps)
    x_hat = centred / std
    dx = gamma / std * (dy - np.mean(dy, axis=0) - x_hat * np.mean(dy * x_hat, axis=0))
    return dx, np.sum(dy * x_hat, axis=0), np.sum(dy, axis=0)


@formula("norm.batch.backward.staged")
def batch_norm_backward_staged(dy: Batch, x: Batch, gamma: Units, *, eps: Eps) -> tuple[Batch, Units, Units]:
    """The gradients of batch normalization in the stages of the paper: by x̂, by the variance, by the mean, by x.

        dx̂ = dy γ,   dσ² = −½ Σ dx̂ (x − μ) (σ² + eps)^(−3/2)
        dμ = −Σ dx̂ / √(σ² + eps) − 2 dσ² Σ (x − μ)/m
        dx = dx̂ / √(σ² + eps) + 2 dσ² (x − μ)/m + dμ/m

    Units: as batch_norm_backward.  Source: Ioffe & Szegedy 2015, section 3; the last term of dμ is 0.
    """
    centred = x - np.mean(x, axis=0)
    std = np.sqrt(np.mean(centred**2, axis=0) + eps)
    dx_hat = dy * gamma
    dvar = -np.sum(dx_hat * centred, axis=0) / (2 * std**3)
    dmean = -np.sum(dx_hat, axis=0) / std - 2 * dvar * np.mean(centred, axis=0)
    dx = dx_hat / std + (2 * dvar * centred + dmean) / x.shape[0]
    return dx, np.sum(dy * centred / std, axis=0), np.sum(dy, axis=0)


@formula("norm.batch.inference")
def batch_norm_inference(x: Batch, gamma: Units, beta: Units, mean: Units, var: UnitVariances, *, eps: Eps) -> Batch:
    """Batch normalization at test time: by statistics that were gathered in training, so that no example depends on the others.

        y = γ (x − μ̂) / √(σ̂² + eps) + β

    Units: as batch_norm.  Source: Ioffe & Szegedy 2015, Algorithm 2; UC 'Why is this good?', STU and SKO 'Algorithm'.
    """
    return gamma * (x - mean) / np.sqrt(var + eps) + beta


@formula("norm.batch.inference.backward")
def batch_norm_inference_backward(
    dy: Batch, x: Batch, gamma: Units, mean: Units, var: UnitVariances, *, eps: Eps
) -> tuple[Batch, Units, Units]:
    """The gradients of batch normalization at test time, for fine-tuning with fixed statistics.

        dx = γ dy / √(σ̂² + eps),   dγ = Σ dyᵢ (xᵢ − μ̂) / √(σ̂² + eps),   dβ = Σ dyᵢ

    Units: as batch_norm_backward.  Source: completes SKO 'Solutions to train-test mismatch'.
    """
    std = np.sqrt(var + eps)
    return gamma * dy / std, np.sum(dy * (x - mean), axis=0) / std, np.sum(dy, axis=0)


class RunningStats(NamedTuple):
    """Running means of the batches' means and of their variances; they usually start at 0 and 1."""

    mean: Units
    var: UnitVariances

    @classmethod
    def initial(cls, units: Units) -> RunningStats:
        """Return means 0 and variances 1, for as many units as this array has entries."""
        return cls(zeros(units), zeros(units) + 1)


@formula("norm.batch.running", initial=RunningStats.initial)
def running_stats(state: RunningStats, x: Batch, *, momentum: Share, correction: Share = 0) -> RunningStats:
    """One batch more in the running mean and variance; momentum is the weight of the old value, correction 1 makes variances unbiased.

        μ̂ ← a μ̂ + (1 − a) μ,   σ̂² ← a σ̂² + (1 − a) Σ (xᵢ − μ)² / (m − correction)

    Units: as batch_stats.  Source: STU 'Batch Normalization, Algorithm', in words; the rule of Keras.
    """
    mean = np.mean(x, axis=0)
    var = np.sum((x - mean) ** 2, axis=0) / (x.shape[0] - correction)
    return RunningStats(momentum * state.mean + (1 - momentum) * mean, momentum * state.var + (1 - momentum) * var)


@formula("norm.batch.running.new_weight", initial=RunningStats.initial)
def running_stats_new_weight(state: RunningStats, x: Batch, *, momentum: Share, correction: Share = 0) -> RunningStats:
    """One batch more in the running mean and variance, where momentum is the weight of the new value.

        μ̂ ← (1 − a) μ̂ + a μ,   σ̂² ← (1 − a) σ̂² + a Σ (xᵢ − μ)² / (m − correction)

    Units: as batch_stats.  Source: the rule of PyTorch, at correction 1.
    """
    mean = np.mean(x, axis=0)
    var = np.sum((x - mean) ** 2, axis=0) / (x.shape[0] - correction)
    return RunningStats((1 - momentum) * state.mean + momentum * mean, (1 - momentum) * state.var + momentum * var)


class CumulativeStats(NamedTuple):
    """Means of all batches' means and variances so far, and their number (from 0); what the means start at does not count."""

    mean: Units
    var: UnitVariances
    batches: Count

    @classmethod
    def initial(cls, units: Units) -> CumulativeStats:
        """Return the state before the first batch, for as many units as this array has entries."""
        return cls(zeros(units), zeros(units) + 1, 0)


@formula("norm.batch.running.cumulative", initial=CumulativeStats.initial)
def cumulative_stats(state: CumulativeStats, x: Batch, *, correction: Share = 0) -> CumulativeStats:
    """One batch more in the plain means of the batches' means and variances: all batches weigh alike.

        n ← n + 1,   μ̂ ← μ̂ + (μ − μ̂) / n,   σ̂² ← σ̂² + (Σ (xᵢ − μ)² / (m − correction) − σ̂²) / n

    Units: as batch_stats.  Source: the rule of PyTorch with momentum None, at correction 1.
    """
    batches, mean = state.batches + 1, np.mean(x, axis=0)
    var = np.sum((x - mean) ** 2, axis=0) / (x.shape[0] - correction)
    return CumulativeStats(state.mean + (mean - state.mean) / batches, state.var + (var - state.var) / batches, batches)


class RunningDeviations(NamedTuple):
    """Running means of the batches' means and of their standard deviations."""

    mean: Units
    deviation: UnitDeviations

    @classmethod
    def initial(cls, units: Units) -> RunningDeviations:
        """Return means 0 and deviations 1, for as many units as this array has entries."""
        return cls(zeros(units), zeros(units) + 1)


@formula("norm.batch.running.deviation", initial=RunningDeviations.initial)
def running_deviations(state: RunningDeviations, x: Batch, *, momentum: Share, eps: Eps) -> RunningDeviations:
    """The running mean of standard deviations instead of variances: never more than the root of the running variance and eps.

        μ̂ ← a μ̂ + (1 − a) μ,   σ̂ ← a σ̂ + (1 − a) √(σ² + eps)

    Units: as x, eps as x².  Source: UC 'Why is this good?'; Ioffe 2017, Algorithm 1.
    """
    mean = np.mean(x, axis=0)
    std = np.sqrt(np.mean((x - mean) ** 2, axis=0) + eps)
    return RunningDeviations(momentum * state.mean + (1 - momentum) * mean, momentum * state.deviation + (1 - momentum) * std)


@formula("norm.batch.population_stats")
def population_stats(means: BatchMeans, variances: BatchVariances, size: FromTwo) -> tuple[Units, UnitVariances]:
    """Mean and variance for test time, from the statistics of many batches of m examples each: unbiased for independent examples.

        μ̂ = 1/B Σ μ_b,   σ̂² = m/(m − 1) · 1/B Σ σ²_b

    Units: as batch_stats.  Source: Ioffe & Szegedy 2015, Algorithm 2; named by STU and SKO.
    """
    return np.mean(means, axis=0), np.mean(variances, axis=0) * size / (size - 1)


@formula("norm.batch.merge")
def merged_stats(
    mean: Units, var: UnitVariances, other_mean: Units, other_var: UnitVariances, *, count: FromOne, other_count: FromOne
) -> tuple[Units, UnitVariances]:
    """The mean and variance of two batches together, from those of each and their numbers of examples, which may differ.

        w = n₂ / (n₁ + n₂),   d = μ₂ − μ₁,   μ = μ₁ + w d,   σ² = (1 − w) σ₁² + w σ₂² + w (1 − w) d²

    Units: as batch_stats.  Source: Chan et al. 1983; what batch normalization over several devices needs.
    """
    share = other_count / (count + other_count)
    gap = other_mean - mean
    return mean + share * gap, (1 - share) * var + share * other_var + share * (1 - share) * gap**2


@formula("norm.batch.fold")
def fold_batch_norm(
    weight: Linear, bias: Units, gamma: Units, beta: Units, mean: Units, var: UnitVariances, *, eps: Eps
) -> tuple[Linear, Units]:
    """The linear layer that does what a linear layer h W + b and batch normalization at test time do together.

        s = γ / √(σ̂² + eps),   W' = W s,   b' = (b − μ̂) s + β

    Units: gamma and beta as y, mean as h W.  Source: SKO 'Batch normalization layer', in words.
    """
    scale = gamma / np.sqrt(var + eps)
    return weight * scale, (bias - mean) * scale + beta


@formula("norm.batch.conv")
def batch_norm_conv(x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, eps: Eps) -> ImageBatch:
    """Batch normalization after a convolution: one mean and one variance for each channel, over all examples and places.

        y = γ_c (x − μ_c) / √(σ²_c + eps) + β_c,   μ_c and σ²_c over the n h w entries of channel c

    Units: as batch_norm.  Source: Ioffe & Szegedy 2015, section 3.2; STU 'Batch Normalization, Layer details', in words.
    """
    centred = x - np.mean(x, axis=(0, 2, 3), keepdims=True)
    x_hat = centred / np.sqrt(np.mean(centred**2, axis=(0, 2, 3), keepdims=True) + eps)
    return np.expand_dims(gamma, (1, 2)) * x_hat + np.expand_dims(beta, (1, 2))


@formula("norm.batch.conv.backward")
def batch_norm_conv_backward(dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, eps: Eps) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """The gradients of batch normalization after a convolution.

        dβ_c = Σ dy,   dγ_c = Σ dy x̂,   dx = γ_c/√(σ²_c + eps) (dy − mean dy − x̂ mean(dy x̂)), over the n h w entries of channel c

    Units: as batch_norm_backward.  Source: completes STU 'Batch Normalization, Layer details'.
    """
    centred = x - np.mean(x, axis=(0, 2, 3), keepdims=True)
    std = np.sqrt(np.mean(centred**2, axis=(0, 2, 3), keepdims=True) + eps)
    x_hat = centred / std
    sloped = dy - np.mean(dy, axis=(0, 2, 3), keepdims=True) - x_hat * np.mean(dy * x_hat, axis=(0, 2, 3), keepdims=True)
    return np.expand_dims(gamma, (1, 2)) / std * sloped, np.sum(dy * x_hat, axis=(0, 2, 3)), np.sum(dy, axis=(0, 2, 3))


@formula("norm.mean.toy")
def mean_normalized_chain(x: Vector, w1: Real, w2: Real, w3: Real, w4: Real) -> Vector:
    """A chain of four weights whose inner output is divided by its mean: w₁ and w₂ do not matter any more.

        zᵢ = w₄ w₃ w₂ w₁ xᵢ / (1/N Σⱼ w₂ w₁ xⱼ)

    Units: of w₄ w₃.  Source: SKO 'Normalizing in the toy example'.
    """
    inner = w2 * w1 * x
    return w4 * w3 * inner / np.mean(inner)


@formula("norm.mean.toy.slope")
def mean_normalized_slope(x: Vector, w1: Real, w2: Real, w4: Real) -> Vector:
    """The derivative of that chain by w₃, the same for all w₁ and w₂; those by w₁ and w₂ are 0.

        dzᵢ/dw₃ = w₄ w₂ w₁ xᵢ / (1/N Σⱼ w₂ w₁ xⱼ)

    Units: as w₄.  Source: SKO 'Normalizing in the toy example', which names w₂ (E68).
    """
    inner = w2 * w1 * x
    return w4 * inner / np.mean(inner)


@formula("norm.layer")
def layer_norm(x: Batch, gamma: Units, beta: Units, *, eps: Eps) -> Batch:
    """Layer normalization: each example by the mean and variance of its own features, so the batch does not matter.

        y = γ (x − μₙ) / √(σₙ² + eps) + β,   μₙ and σₙ² over the k features of example n

    Units: as batch_norm, all features of one unit.  Source: Ba, Kiros & Hinton 2016; named by STU and SKO.
    """
    centred = x - np.mean(x, axis=1, keepdims=True)
    return gamma * centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + eps) + beta


@formula("norm.layer.backward")
def layer_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps) -> tuple[Batch, Units, Units]:
    """The gradients of layer normalization: as of batch normalization, along the features, with gamma inside the means.

        g = γ dy,   dx = (g − mean g − x̂ mean(g x̂)) / √(σₙ² + eps),   dγ = Σₙ dy x̂,   dβ = Σₙ dy

    Units: as batch_norm_backward.  Source: completes Ba, Kiros & Hinton 2016.
    """
    centred = x - np.mean(x, axis=1, keepdims=True)
    std = np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + eps)
    x_hat, scaled = centred / std, gamma * dy
    dx = (scaled - np.mean(scaled, axis=1, keepdims=True) - x_hat * np.mean(scaled * x_hat, axis=1, keepdims=True)) / std
    return dx, np.sum(dy * x_hat, axis=0), np.sum(dy, axis=0)


@formula("norm.rms")
def rms_norm(x: Batch, gamma: Units, *, eps: Eps) -> Batch:
    """RMS normalization: layer normalization without the mean: each example divided by the root of its mean square.

        y = γ x / √(mean x² + eps)

    Units: gamma as y, eps as x².  Source: Zhang & Sennrich 2019.
    """
    return gamma * x / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + eps)


@formula("norm.rms.backward")
def rms_norm_backward(dy: Batch, x: Batch, gamma: Units, *, eps: Eps) -> tuple[Batch, Units]:
    """The gradients of RMS normalization.

        g = γ dy,   x̂ = x / √(mean x² + eps),   dx = (g − x̂ mean(g x̂)) / √(mean x² + eps),   dγ = Σₙ dy x̂

    Units: as layer_norm_backward.  Source: completes Zhang & Sennrich 2019.
    """
    rms = np.sqrt(np.mean(x**2, axis=1, keepdims=True) + eps)
    x_hat, scaled = x / rms, gamma * dy
    return (scaled - x_hat * np.mean(scaled * x_hat, axis=1, keepdims=True)) / rms, np.sum(dy * x_hat, axis=0)


@formula("norm.rms.unit_offset")
def rms_norm_unit_offset(x: Batch, weight: Units, *, eps: Eps) -> Batch:
    """RMS normalization whose weight starts at 0 and decays to the scale 1: what is stored is the scale less 1.

        y = (1 + w) x / √(mean x² + eps)

    Units: weight none, eps as x².  Source: a convention of the field, in the published code of Gemma.
    """
    return (1 + weight) * x / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + eps)


@formula("norm.rms.residual")
def rms_norm_of_sum(x: Batch, residual: Batch, gamma: Units, *, eps: Eps) -> tuple[Batch, Batch]:
    """RMS normalization of a residual sum, in one step: the normalized sum for the next layer, and the sum itself for the residual path.

        h = x + r,   y = γ h / √(mean h² + eps)

    Units: gamma as y, eps as x².  Source: a convention of the field.
    """
    total = x + residual
    return rms_norm(total, gamma, eps=eps), total


@formula("norm.instance")
def instance_norm(x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, eps: Eps) -> ImageBatch:
    """Instance normalization: every channel of every example by its own mean and variance, over its places.

        y = γ_c (x − μ) / √(σ² + eps) + β_c,   μ and σ² over the h w places of channel c of example n

    Units: as batch_norm.  Source: Ulyanov, Vedaldi & Lempitsky 2016; named by STU and SKO.
    """
    centred = x - np.mean(x, axis=(2, 3), keepdims=True)
    x_hat = centred / np.sqrt(np.mean(centred**2, axis=(2, 3), keepdims=True) + eps)
    return np.expand_dims(gamma, (1, 2)) * x_hat + np.expand_dims(beta, (1, 2))


@formula("norm.instance.backward")
def instance_norm_backward(dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, eps: Eps) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """The gradients of instance normalization.

        dx = γ_c/√(σ² + eps) (dy − mean dy − x̂ mean(dy x̂)) over the h w places,   dγ_c = Σ dy x̂,   dβ_c = Σ dy over n, h and w

    Units: as batch_norm_backward.  Source: completes Ulyanov, Vedaldi & Lempitsky 2016.
    """
    centred = x - np.mean(x, axis=(2, 3), keepdims=True)
    std = np.sqrt(np.mean(centred**2, axis=(2, 3), keepdims=True) + eps)
    x_hat = centred / std
    sloped = dy - np.mean(dy, axis=(2, 3), keepdims=True) - x_hat * np.mean(dy * x_hat, axis=(2, 3), keepdims=True)
    return np.expand_dims(gamma, (1, 2)) / std * sloped, np.sum(dy * x_hat, axis=(0, 2, 3)), np.sum(dy, axis=(0, 2, 3))


@formula("norm.group")
def group_norm(x: ImageBatch, gamma: ChannelWise, beta: ChannelWise, *, groups: Groups, eps: Eps) -> ImageBatch:
    """Group normalization: the channels in groups of neighbours, each group of each example by its own mean and variance.

        y = γ_c (x − μ) / √(σ² + eps) + β_c,   μ and σ² over the c/G · h w entries of a group of example n

    Units: as batch_norm.  Source: Wu & He 2018; named by STU, and by SKO under another name (E69).
    """
    n, c, h, w = x.shape
    grouped = np.reshape(x, (n, groups, c // groups, h, w))
    centred = grouped - np.mean(grouped, axis=(2, 3, 4), keepdims=True)
    x_hat = np.reshape(centred / np.sqrt(np.mean(centred**2, axis=(2, 3, 4), keepdims=True) + eps), (n, c, h, w))
    return np.expand_dims(gamma, (1, 2)) * x_hat + np.expand_dims(beta, (1, 2))


@formula("norm.group.backward")
def group_norm_backward(
    dy: ImageBatch, x: ImageBatch, gamma: ChannelWise, *, groups: Groups, eps: Eps
) -> tuple[ImageBatch, ChannelWise, ChannelWise]:
    """The gradients of group normalization: gamma differs within a group, so it stands inside the means.

        g = γ_c dy,   dx = (g − mean g − x̂ mean(g x̂)) / √(σ² + eps) over the group,   dγ_c = Σ dy x̂,   dβ_c = Σ dy over n, h and w

    Units: as batch_norm_backward.  Source: completes Wu & He 2018.
    """
    n, c, h, w = x.shape
    grouped = np.reshape(x, (n, groups, c // groups, h, w))
    scaled = np.reshape(np.expand_dims(gamma, (1, 2)) * dy, (n, groups, c // groups, h, w))
    centred = grouped - np.mean(grouped, axis=(2, 3, 4), keepdims=True)
    std = np.sqrt(np.mean(centred**2, axis=(2, 3, 4), keepdims=True) + eps)
    x_hat = centred / std
    sloped = scaled - np.mean(scaled, axis=(2, 3, 4), keepdims=True) - x_hat * np.mean(scaled * x_hat, axis=(2, 3, 4), keepdims=True)
    dgamma = np.sum(dy * np.reshape(x_hat, (n, c, h, w)), axis=(0, 2, 3))
    return np.reshape(sloped / std, (n, c, h, w)), dgamma, np.sum(dy, axis=(0, 2, 3))


@formula("norm.batch_renorm.correction")
def renorm_correction(
    x: Batch, mean: Units, deviation: UnitDeviations, *, r_max: Ratio, d_max: Damping, eps: Eps
) -> tuple[UnitDeviations, Units]:
    """The ratio of deviations and the difference of means of batch and running statistics, clipped: what batch renormalization corrects by.

        r = clip(σ_B/σ, 1/r_max, r_max),   d = clip((μ_B − μ)/σ, −d_max, d_max),   σ_B = √(σ² of the batch + eps)

    Units: none; eps as x².  Source: Ioffe 2017, Algorithm 1.
    """
    batch_mean = np.mean(x, axis=0)
    std = np.sqrt(np.mean((x - batch_mean) ** 2, axis=0) + eps)
    r = np.minimum(np.maximum(std / deviation, 1 / r_max), r_max)
    return r, np.minimum(np.maximum((batch_mean - mean) / deviation, -d_max), d_max)


@formula("norm.batch_renorm")
def batch_renorm(x: Batch, gamma: Units, beta: Units, r: UnitDeviations, d: Units, *, eps: Eps) -> Batch:
    """Batch renormalization in training: batch normalization, moved towards what the running statistics would give.

        y = γ ((x − μ_B) / σ_B · r + d) + β,   σ_B = √(σ² of the batch + eps)

    r and d come from renorm_correction and count as constants: no gradient flows through them.

    Units: as batch_norm.  Source: Ioffe 2017, Algorithm 1; SKO 'Alternatives to BatchNorm', in words.
    """
    centred = x - np.mean(x, axis=0)
    return gamma * (centred / np.sqrt(np.mean(centred**2, axis=0) + eps) * r + d) + beta


@formula("norm.batch_renorm.backward")
def batch_renorm_backward(dy: Batch, x: Batch, gamma: Units, r: UnitDeviations, d: Units, *, eps: Eps) -> tuple[Batch, Units, Units]:
    """The gradients of batch renormalization with r and d held fixed: those of batch normalization by x are multiplied by r.

        dβ = Σ dyᵢ,   dγ = Σ dyᵢ (x̂ᵢ r + d),   dxᵢ = γ r/σ_B (dyᵢ − mean dy − x̂ᵢ mean(dy x̂))

    Units: as batch_norm_backward.  Source: Ioffe 2017, section 3.
    """
    centred = x - np.mean(x, axis=0)
    std = np.sqrt(np.mean(centred**2, axis=0) + eps)
    x_hat = centred / std
    dx = gamma * r / std * (dy - np.mean(dy, axis=0) - x_hat * np.mean(dy * x_hat, axis=0))
    return dx, np.sum(dy * (x_hat * r + d), axis=0), np.sum(dy, axis=0)


@formula("norm.weight")
def weight_norm(v: Linear, g: Magnitude) -> Linear:
    """Weight normalization: the weights of each unit as a direction and a length of its own.

        w = g v / ‖v‖, column by column

    Units: g as w, v any.  Source: Salimans & Kingma 2016, equation 2; SKO 'Alternatives to BatchNorm', in words.
    """
    return g * v / np.sqrt(np.sum(v**2, axis=0))


@formula("norm.weight.backward")
def weight_norm_backward(dw: Linear, v: Linear, g: Magnitude) -> tuple[Linear, Magnitude]:
    """The gradients by direction and length; the first is orthogonal to the direction, so descent never shortens v.

        dg = dw · v / ‖v‖,   dv = g/‖v‖ dw − g dg/‖v‖² v

    Units: dw as loss over w.  Source: Salimans & Kingma 2016, equation 3.
    """
    norm = np.sqrt(np.sum(v**2, axis=0))
    dg = np.sum(dw * v, axis=0) / norm
    return g / norm * dw - g * dg / norm**2 * v, dg
