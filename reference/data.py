"""Data before training: features on one scale, centred, and rotated to their principal directions.

Samples lie in rows, features in columns. What `…_fit` finds in the training data is reused, unchanged, on whatever comes later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._formula import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Data, Ddof, Features, NotBelowLow, Positive, PositiveFeatures, Real, VariedData


class Scaling(NamedTuple):
    """Mean and standard deviation of each feature in the training data."""

    mean: Features
    scale: PositiveFeatures


@formula("data.standardize.fit")
def standardize_fit(data: VariedData, *, ddof: Ddof = 0) -> Scaling:
    """Mean and standard deviation of each feature; with ddof = 0 the standardized training data have deviation 1 exactly.

        μ = 1/N Σ xᵢ,   s = √( Σ (xᵢ − μ)² / (N − ddof) )

    Units: as data.  Source: ONN 'Normalizing data', STU 'Data normalization', which leave ddof open.
    """
    mean = np.mean(data, axis=0)
    scale = np.sqrt(np.sum((data - mean) ** 2, axis=0) / (data.shape[0] - ddof))
    return Scaling(mean, scale)


@formula("data.standardize.fit_tolerant")
def standardize_fit_tolerant(data: Data, *, constant_scale: Positive, ddof: Ddof = 0) -> Scaling:
    """The same, but a feature that never varies gets a scale of its own instead of an error: with 1, it becomes 0 when standardized.

        s = constant_scale where max xᵢ = min xᵢ

    Units: as data.  Source: completes ONN 'Normalizing data'; as libraries do it, with 1.
    """
    mean = np.mean(data, axis=0)
    scale = np.sqrt(np.sum((data - mean) ** 2, axis=0) / (data.shape[0] - ddof))
    return Scaling(mean, np.where(np.max(data, axis=0) > np.min(data, axis=0), scale, constant_scale))


@formula("data.standardize")
def standardize(data: Data, scaling: Scaling) -> Data:
    """Features of mean 0 and deviation 1 in the training data; new data go through the training data's mean and deviation.

        z = (x − μ) / s

    Units: none.  Source: ONN 'Normalizing data', STU 'Data normalization'.
    """
    return (data - scaling.mean) / scaling.scale


@formula("data.targets")
def destandardize(predictions: Data, scaling: Scaling) -> Data:
    """Back to the targets' own units: a model trained on standardized targets predicts standardized ones.

        y = ŷ s + μ

    Units: as the targets.  Source: completes ONN 'Normalizing data'.
    """
    return predictions * scaling.scale + scaling.mean


class Extent(NamedTuple):
    """The smallest value of each feature in the training data, and the width of its range."""

    minimum: Features
    width: PositiveFeatures


@formula("data.minmax.fit")
def minmax_fit(data: VariedData) -> Extent:
    """Where each feature starts in the training data, and how far it reaches.

        min xᵢ,   max xᵢ − min xᵢ

    Units: as data.  Source: ONN 'Normalizing data', in words.
    """
    minimum = np.min(data, axis=0)
    return Extent(minimum, np.max(data, axis=0) - minimum)


@formula("data.minmax")
def minmax(data: Data, extent: Extent, *, low: Real, high: NotBelowLow) -> Data:
    """Features mapped from their range in the training data to [low, high]; new data may fall outside.

        low + (high − low) (x − min) / (max − min)

    Units: as low.  Source: ONN 'Normalizing data', in words, to [0, 1] or [−1, 1].
    """
    return low + (high - low) * ((data - extent.minimum) / extent.width)
