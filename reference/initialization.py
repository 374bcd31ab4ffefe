"""Initialization: how weights start, and what the start does to the size of activations and gradients.

A weight matrix has the shape (fan_out, fan_in): a layer computes z = h Wᵀ for rows h.  Samplers draw from the source that they are given.
The variance of a weight is σ²; N(0, σ²) names a variance, std a standard deviation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._registry import formula
from ._special import erf
from .networks import dense

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        Cut,
        FanIn,
        FromOne,
        Gradient,
        Kernel,
        LayerBiases,
        LayerInputs,
        Layers,
        LayerWeights,
        Masses,
        Mean,
        Nodes,
        Positive,
        Real,
        Source,
        Variance,
    )


# --- samplers ----------------------------------------------------------------------------------------


@formula("init.random_gaussian_uniform")
def normal_weights(source: Source, fan_out: FromOne, fan_in: FromOne, *, std: Positive) -> LayerWeights:
    """Independent normal weights of one standard deviation.

        Wⱼₖ ~ N(0, s²)

    Units: std as weights.  Source: ONN 'Random vectors', where s became Σ (E31); STU 'Weight Initialization', s = 0.01 and 1.
    """
    return std * source.standard_normal((fan_out, fan_in))


@formula("init.random_uniform")
def uniform_weights(source: Source, fan_out: FromOne, fan_in: FromOne, *, half_width: Positive) -> LayerWeights:
    """Independent uniform weights: of variance s²/3, not s².

        Wⱼₖ ~ U(−s, s)

    Units: half_width as weights.  Source: ONN 'Random vectors'.
    """
    return source.uniform(-half_width, half_width, (fan_out, fan_in))


@formula("init.uniform_fan_in")
def uniform_fan_in(source: Source, fan_out: FromOne, fan_in: FromOne) -> LayerWeights:
    """Uniform weights from the number of inputs alone: of variance 1/(3 fan_in), so each linear layer keeps a third of the mean square.

        Wⱼₖ ~ U(−1/√n_in, 1/√n_in)

    Units: none.  Source: UC 'Some Heuristics', which calls the standard deviation 1/√n_in (E14).
    """
    limit = 1 / np.sqrt(fan_in)
    return source.uniform(-limit, limit, (fan_out, fan_in))


@formula("init.xavier.uniform")
def xavier_uniform(source: Source, fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1) -> LayerWeights:
    """Glorot's uniform weights: the variance 2/(fan_in + fan_out) lies between what activations and what gradients ask for.

        Wⱼₖ ~ U(−a, a),   a = gain √(6 / (n_in + n_out))

    Units: none.  Source: Glorot & Bengio 2010, equation 16; SKO 'Initialization schemes'; UC 'Some Heuristics' has the root wrong (E01).
    """
    limit = gain * np.sqrt(6 / (fan_in + fan_out))
    return source.uniform(-limit, limit, (fan_out, fan_in))


@formula("init.xavier.normal")
def xavier_normal(source: Source, fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1) -> LayerWeights:
    """Glorot's normal weights.

        Wⱼₖ ~ N(0, 2 gain² / (n_in + n_out))

    Units: none.  Source: Glorot & Bengio 2010; ONN 'Many initializations'.
    """
    return gain * np.sqrt(2 / (fan_in + fan_out)) * source.standard_normal((fan_out, fan_in))


@formula("init.lecun.normal")
def lecun_normal(source: Source, fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1) -> LayerWeights:
    """LeCun's weights: a linear layer keeps the mean square of its inputs.

        Wⱼₖ ~ N(0, gain² / n_in)

    Units: none.  Source: LeCun et al. 1998; ONN and STU, who call it Xavier's (E25).
    """
    return gain * np.sqrt(1 / fan_in) * source.standard_normal((fan_out, fan_in))


@formula("init.fan_out.normal")
def fan_out_normal(source: Source, fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1) -> LayerWeights:
    """Weights from the number of outputs: a linear layer keeps the mean square of its gradients.

        Wⱼₖ ~ N(0, gain² / n_out)

    Units: none.  Source: ONN 'Many initializations'.
    """
    return gain * np.sqrt(1 / fan_out) * source.standard_normal((fan_out, fan_in))


@formula("init.he.normal")
def he_normal(source: Source, fan_out: FromOne, fan_in: FromOne) -> LayerWeights:
    """He's weights: a ReLU layer keeps the mean square of its inputs.

        Wⱼₖ ~ N(0, 2 / n_in)

    Units: none.  Source: He et al. 2015; STU, in integer division (E45); SKO, whose second argument is a standard deviation (E70).
    """
    return np.sqrt(2 / fan_in) * source.standard_normal((fan_out, fan_in))


@formula("init.he.uniform")
def he_uniform(source: Source, fan_out: FromOne, fan_in: FromOne) -> LayerWeights:
    """He's uniform weights, of the same variance 2/fan_in.

        Wⱼₖ ~ U(−√(6/n_in), √(6/n_in))

    Units: none.  Source: completes He et al. 2015.
    """
    limit = np.sqrt(6 / fan_in)
    return source.uniform(-limit, limit, (fan_out, fan_in))


@formula("init.truncated_normal")
def truncated_normal(
    source: Source, fan_out: FromOne, fan_in: FromOne, *, std: Positive, cut: Positive, spread: Positive = 1
) -> LayerWeights:
    """Normal weights without tails: a number beyond the cut is drawn again.

        Wⱼₖ = std · z / spread,   z ~ N(0, 1) given |z| ≤ cut

    Units: std as weights.  spread is the standard deviation of z, .8796 at cut 2; 1 leaves the loss of variance uncorrected.
    Source: the variant that libraries use.
    """
    draw = source.standard_normal((fan_out, fan_in))
    while np.any(np.abs(draw) > cut):
        draw = np.where(np.abs(draw) > cut, source.standard_normal((fan_out, fan_in)), draw)
    return std * draw / spread


@formula("init.orthogonal")
def orthogonal(source: Source, fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1) -> LayerWeights:
    """A random matrix with orthonormal columns, or rows if it is wide, times a gain: uniform over all of them.

        G = Q R, G normal;   W = gain Q diag(sign Rᵢᵢ),   transposed if n_out < n_in

    Units: none.  Source: Saxe et al. 2013; Mezzadri 2007 for the signs; UC 'More Heuristics', STU's reading list.
    """
    q, r = np.linalg.qr(source.standard_normal((max(fan_out, fan_in), min(fan_out, fan_in))))
    q = q * np.sign(np.diagonal(r))
    return gain * (q if fan_out >= fan_in else np.transpose(q))


@formula("init.delta")
def delta_kernel(weights: LayerWeights, taps: FromOne) -> Kernel:
    """A kernel of a convolution that has a matrix at its centre and 0 elsewhere: with orthogonal weights, delta-orthogonal.

        Wₖ = Q where k = ⌊(n − 1)/2⌋, else 0;   k = 0 … n − 1

    With as many outputs as inputs, or more, the norm of an image of any size stays, whatever is done at its edges.

    Units: as weights.  Source: Xiao et al. 2018, section 3.
    """
    centre = (taps - 1) // 2
    return np.stack(tuple(weights if k == centre else 0 * weights for k in range(taps)))


@formula("init.sparse")
def sparse(source: Source, fan_out: FromOne, fan_in: FanIn, *, count: FromOne, std: Positive = 1) -> LayerWeights:
    """Exactly so many normal weights into each unit, at places drawn at random; the others are 0.

        Wⱼₖ ~ N(0, std²) for count of the n_in inputs k of each unit j

    Units: std as weights.  Source: Martens 2010, with 15; UC 'More Heuristics'.
    """
    kept = source.permuted(np.tile(np.arange(fan_in) < count, (fan_out, 1)), axis=1)
    return np.where(kept, std * source.standard_normal((fan_out, fan_in)), 0)


# --- what the variance does in a layer ---------------------------------------------------------------


@formula("init.scale.scalar_chain")
def scalar_chain(x: Real, weights: Layers) -> Mean:
    """A linear network one unit wide: its output is the input times the product of all weights.

        f = x Wᵏ ⋯ W² W¹

    Units: as x times weights.  Source: ONN 'How large should the weights be?'.
    """
    return x * np.prod(weights)


@formula("init.variance.forward")
def forward_variance(weight_variance: Variance, mean_square: Variance, fan_in: FromOne) -> Variance:
    """The variance of a pre-activation, for uncorrelated weights of mean 0 that are independent of the inputs.

        Var(Σₖ Wₖ hₖ) = n_in Var(W) E[h²]

    Units: weights² · inputs².  Source: ONN 'Xavier: reason it works', STU 'Theoretic analysis', with Var(h), that is for E[h] = 0.
    """
    return fan_in * weight_variance * mean_square


@formula("init.variance.backward")
def backward_variance(weight_variance: Variance, mean_square: Variance, fan_out: FromOne) -> Variance:
    """The variance of a gradient by an input of a layer, δ its gradients by the pre-activations, independent of the weights.

        Var(Σⱼ δⱼ Wⱼ) = n_out Var(W) E[δ²]

    Units: weights² · gradients².  Source: completes ONN 'Many initializations'.
    """
    return fan_out * weight_variance * mean_square


@formula("init.relu.second_moment")
def relu_mean_square(variance: Variance) -> Variance:
    """The mean square that ReLU leaves of a number whose distribution is symmetric about 0: one half.

        E[relu(z)²] = Var(z) / 2

    Units: as variance.  Source: He et al. 2015; STU 'Problems with ReLU activation', in words.
    """
    return variance / 2


@formula("init.meanfield")
def mean_field(variance: Variance, function: Gradient, nodes: Nodes, masses: Masses, *, weight_sum: Positive) -> Variance:
    """The variance of pre-activations one layer on, in an infinitely wide network: an expectation over z = √q t, as a quadrature.

        q' = σ² E[φ(√q t)²] ≈ σ² Σᵢ pᵢ φ(√q tᵢ)²,   σ² = n_in Var(W)

    With φ' in the place of φ and σ² = n_out Var(W) it is χ, by which the mean square of a gradient changes across the layer.
    Units: as variance.  Source: Poole et al. 2016; Schoenholz et al. 2017; explains STU's five tables.
    """
    return weight_sum * np.sum(masses * function(np.sqrt(variance) * nodes) ** 2)


@formula("init.gain")
def unit_gain(mean_square: Positive) -> Positive:
    """The gain at which an activation keeps the mean square 1 of its layer, from E[φ(t)²] of a standard normal t.

        gain = 1 / √E[φ(t)²]

    Units: none.  Source: He et al. 2015, for ReLU; Saxe et al. 2013, UC 'More Heuristics' ask for one, in words.
    """
    return 1 / np.sqrt(mean_square)


@formula("init.gain.leaky_relu")
def leaky_relu_gain(negative_slope: Real) -> Positive:
    """The gain at which a layer of leaky rectified linear units keeps the mean square of what is symmetric about 0.

        gain = √(2 / (1 + a²))

    Units: none.  Source: He et al. 2015, equation 15; √2 of ReLU at slope 0, and 1 of no activation at slope 1.
    """
    return np.sqrt(2 / (1 + negative_slope**2))


@formula("init.fans.convolution")
def convolution_fans(inputs: FromOne, outputs: FromOne, field: FromOne) -> tuple[FromOne, FromOne]:
    """The fans of a convolution: the connections of one output and of one input, by the channels of one group and the size of the kernel.

        fan_in = c_in k,   fan_out = c_out k

    Units: none.  Source: Glorot & Bengio 2010, for layers; He et al. 2015, section 2.2, for convolutions.
    """
    return inputs * field, outputs * field


@formula("init.residual.std")
def residual_std(std: Positive, layers: FromOne) -> Positive:
    """The deviation of weights that end in a residual path to which each of N layers adds twice: all additions together have that of one.

        σ' = σ / √(2 N)

    Units: as std.  Source: Radford et al. 2019, section 2.3.
    """
    return std / np.sqrt(2 * layers)


@formula("init.truncated_normal.spread")
def truncated_spread(cut: Cut) -> Positive:
    """The standard deviation that is left of a standard normal number whose modulus is at most the cut: .8796 at 2.

        √(1 − 2 c φ(c) / (2 Φ(c) − 1)) = √(1 − c exp(−c²/2) √(2/π) / erf(c/√2))

    Units: none.  Source: the variant that libraries use, who state the number at cut 2.
    """
    one = cut / cut
    pi = 4 * np.arctan(one)
    return np.sqrt(1 - cut * np.exp(-(cut**2) / 2) * np.sqrt(2 / pi) / erf(cut / np.sqrt(one + one)))


# --- starts that look at data, and at log norms ------------------------------------------------------


@formula("init.data_dependent")
def lsuv(weights: LayerWeights, inputs: LayerInputs) -> LayerWeights:
    """Layer-sequential unit variance: a layer's weights are divided by the deviation of what they make of a batch.

        z = h Wᵀ,   W ← W / √Var(z)

    Units: none.  Source: Mishkin & Matas 2015, who start from orthogonal weights; STU's reading list.
    """
    z = dense(inputs, weights)
    return weights / np.sqrt(np.mean((z - np.mean(z)) ** 2))


@formula("init.data_dependent.by_unit")
def unit_statistics(weights: LayerWeights, inputs: LayerInputs) -> tuple[LayerWeights, LayerBiases]:
    """Weights and biases by which every unit has mean 0 and variance 1 on a batch.

        z = h Wᵀ,   Wⱼ ← Wⱼ / √Var(zⱼ),   bⱼ = −E[zⱼ] / √Var(zⱼ)

    Units: none.  Source: Krähenbühl et al. 2015, the step within a layer; STU's reading list.
    """
    z = dense(inputs, weights)
    mean = np.mean(z, axis=0)
    deviation = np.sqrt(np.mean((z - mean) ** 2, axis=0))
    return weights / np.expand_dims(deviation, 1), -mean / deviation


@formula("init.random_walk")
def random_walk_gain(fan: FromOne) -> Positive:
    """The gain, on weights N(0, gain²/n), at which the log of a vector's norm has almost no drift through linear layers.

        gain = exp(1 / (2 n))

    Units: none.  Source: Sussillo & Abbott 2014; STU's reading list.
    """
    return np.exp(1 / (2 * fan))


@formula("init.random_walk.relu")
def random_walk_gain_relu(fan: FromOne) -> Positive:
    """The gain at which the log of a vector's norm has almost no drift through ReLU layers: a fit to the mean log of half the units' sum.

        gain = √2 exp(1.2 / (max(n, 6) − 2.4))

    Units: none.  Source: Sussillo & Abbott 2014; STU's reading list.
    """
    return np.sqrt(2 * np.exp(12 / (5 * np.maximum(fan, 6) - 12)))
