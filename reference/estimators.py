"""Statistics of estimators: what means of losses, of batches and of the past estimate, and how far off they are.

A variance is the population's, divided by its size (no degree of freedom is taken off).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Decay, FromOne, Mean, Norm, Population, Positive, Real, Series, Variance, Variances, Vector


@formula("stats.empirical_risk.mean")
def empirical_risk(losses: Vector) -> Mean:
    """The mean loss of a sample: an unbiased estimate of the expected loss, for samples of one distribution, dependent or not.

        1/N Σ ℓᵢ

    Units: as losses.  Source: CMU 'Recall: The Empirical risk' (formula lost).
    """
    return np.mean(losses)


@formula("stats.empirical_risk_variance")
def variance_of_mean(variance: Variance, count: FromOne) -> Variance:
    """The variance of the mean of uncorrelated numbers of one variance.

        σ² / N

    Units: as variance.  Source: CMU 'Recall: The Empirical risk'.
    """
    return variance / count


@formula("stats.minibatch_variance")
def minibatch_variance(variance: Variance, batch: FromOne) -> Variance:
    """The variance of a batch's mean loss, for batches drawn with replacement.

        σ² / b

    Units: as variance.  Source: CMU 'Mini Batches', whose batches are drawn without replacement (E36).
    """
    return variance / batch


@formula("stats.minibatch_variance.finite_population")
def minibatch_variance_without_replacement(variance: Variance, batch: FromOne, population: Population) -> Variance:
    """The variance of a batch's mean loss, for batches drawn without replacement (a permuted data set): 0 for the batch of all samples.

        σ²/b · (N − b) / (N − 1)

    Units: as variance.  Source: completes CMU 'Mini Batches' (E36).
    """
    return variance / batch * (population - batch) / (population - 1)


@formula("stats.minibatch.diminishing_returns")
def batch_deviation(deviation: Norm, batch: FromOne) -> Norm:
    """The standard deviation of a batch's mean, drawn with replacement: a batch four times larger halves it.

        σ / √b

    Units: as deviation.  Source: ONN 'Choosing q', in words.
    """
    return deviation / np.sqrt(batch)


@formula("stats.second_moment")
def second_moment(mean: Real, variance: Variance) -> Norm:
    """The mean square: the variance, and the squared mean with it; so |mean| / √(mean square) is 1/√(1 + variance/mean²).

        E[g²] = Var(g) + E[g]²

    Units: as variance.  Source: ONN 'Idea #1', which calls it a variance.
    """
    return variance + mean**2


@formula("stats.ema.weights")
def unrolled_average(start: Real, inputs: Series, *, decay: Decay) -> Real:
    """The exponential moving average after n inputs, as a sum: each input weighted by its age.

        xₙ = βⁿ x₀ + (1 − β) Σ βⁿ⁻ᵏ uₖ,   k = 1 … n

    Units: as inputs.  Source: UC 'RMSProp', ONN 'Idea #2', in words.
    """
    steps = inputs.shape[0]
    age = steps - np.cumsum(np.ones_like(inputs))
    return decay**steps * start + (1 - decay) * (decay**age @ inputs)


@formula("stats.ema.bias")
def debiased_average(average: Array, steps: FromOne, *, decay: Decay) -> Array:
    """A moving average that started at 0, divided by the weight that its inputs have gathered: unbiased if they have one mean.

        xₜ / (1 − βᵗ)

    Units: as average.  Source: Kingma & Ba 2015, section 3; UC 'Adam', 'Correct Biases'.
    """
    return average / (1 - decay**steps)


@formula("stats.product_variance")
def product_variance(mean_x: Real, variance_x: Variance, mean_y: Real, variance_y: Variance) -> Variance:
    """The variance of a product of independent numbers.

        Var(XY) = E[X]² Var(Y) + Var(X) E[Y]² + Var(X) Var(Y)

    Units: the product's, squared.  Source: Goodman 1960; ONN 'Xavier: reason it works', beside a wrong one (E20); STU 'Theoretic analysis'.
    """
    return mean_x**2 * variance_y + variance_x * mean_y**2 + variance_x * variance_y


@formula("stats.sum_variance")
def variance_of_sum(variances: Variances) -> Mean:
    """The variance of a sum of uncorrelated terms, such as Wₖ hₖ for independent weights of mean 0 and any h.

        Var(Σ zₖ) = Σ Var(zₖ)

    Units: as variances.  Source: ONN 'Xavier: reason it works', STU 'Theoretic analysis'.
    """
    return np.sum(variances)


@formula("stats.uniform_variance")
def uniform_variance(half_width: Positive) -> Variance:
    """The variance of a number that is uniform between −s and s: that of a normal one of deviation σ at s = √3 σ.

        s² / 3

    Units: half_width squared.  Source: UC 'Some Heuristics', ONN 'Random vectors', SKO.
    """
    return half_width**2 / 3


@formula("stats.random_vectors.orthogonal")
def cosine(x: Vector, y: Vector) -> Real:
    """The cosine of two vectors; random ones of many components of mean 0 are nearly orthogonal (E28).

        x · y / (‖x‖ ‖y‖)

    Units: none.  Source: ONN 'Random vectors'.
    """
    return x @ y / (np.sqrt(x @ x) * np.sqrt(y @ y))
