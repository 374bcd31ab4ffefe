"""Data before training: features on one scale, centred, and rotated to their principal directions.

Samples lie in rows, features in columns. What `…_fit` finds in the training data is reused, unchanged, on whatever comes later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        Channels,
        Components,
        ComponentVariances,
        Data,
        Ddof,
        Directions,
        Eps,
        Features,
        Image,
        Images,
        NotBelowLow,
        Positive,
        PositiveFeatures,
        Real,
        VariedData,
    )


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
    """Mean and standard deviation of each feature, a given scale in place of the deviation 0 of a constant one: no error, and it becomes 0.

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
    """The minimum and the range of each feature in the training data.

        min xᵢ,   max xᵢ − min xᵢ

    Units: as data.  Source: ONN 'Normalizing data', in words.
    """
    minimum = np.min(data, axis=0)
    return Extent(minimum, np.max(data, axis=0) - minimum)


@formula("data.minmax.fit_tolerant")
def minmax_fit_tolerant(data: Data, *, constant_width: Positive) -> Extent:
    """The minimum and the range of each feature, a given width in place of the range 0 of a constant one: no error, and it becomes low.

        min xᵢ,   max xᵢ − min xᵢ,   or constant_width where that is 0

    Units: as data.  Source: completes ONN 'Normalizing data'; as libraries do it, with 1.
    """
    minimum = np.min(data, axis=0)
    width = np.max(data, axis=0) - minimum
    return Extent(minimum, np.where(width > 0, width, constant_width))


@formula("data.minmax")
def minmax(data: Data, extent: Extent, *, low: Real, high: NotBelowLow) -> Data:
    """Features mapped from their range in the training data to [low, high]; new data may fall outside.

        low + (high − low) (x − min) / (max − min)

    Units: as low.  Source: ONN 'Normalizing data', in words, to [0, 1] or [−1, 1].
    """
    return low + (high - low) * ((data - extent.minimum) / extent.width)


# --- images ------------------------------------------------------------------------------------------------------------------------


@formula("data.center_image.fit")
def mean_image(images: Images) -> Image:
    """The mean image of the training data: one number for each channel of each pixel, (32, 32, 3) of them for CIFAR-10.

        1/N Σ xᵢ

    Units: as images.  Source: STU 'Data Preprocessing', as AlexNet has it.
    """
    return np.mean(images, axis=0)


@formula("data.center_image")
def center_image(images: Images, mean: Image) -> Images:
    """Images less the training data's mean image: every pixel has mean 0 there, and so has every channel.

        x − μ

    Units: as images.  Source: STU 'Data Preprocessing', as AlexNet has it.
    """
    return images - mean


@formula("data.center_image.channels_fit")
def mean_of_channels(images: Images) -> Channels:
    """The mean of each channel over the training data and all pixels: 3 numbers for CIFAR-10.

        1/(N H W) Σ xᵢ,   over images and pixels

    Units: as images.  Source: STU 'Data Preprocessing', as VGGNet has it.
    """
    return np.mean(images, axis=(0, 1, 2))


@formula("data.center_image.channels")
def center_channels(images: Images, mean: Channels) -> Images:
    """Images less the training data's mean of each channel: every channel has mean 0 there, a pixel need not.

        x − μ,   the same μ at every pixel

    Units: as images.  Source: STU 'Data Preprocessing', as VGGNet has it.
    """
    return images - mean


# --- principal components ----------------------------------------------------------------------------------------------------------


class Principal(NamedTuple):
    """Mean of the training data, the directions of its principal components as columns, and its variance along each of them."""

    mean: Features
    directions: Directions
    variances: ComponentVariances


@formula("data.pca.fit")
def pca_fit(data: Data) -> Principal:
    """The directions along which the training data vary independently, of largest variance first; their signs are free.

        C = 1/N (X − μ)ᵀ (X − μ) = U S Uᵀ,   UᵀU = I,   S diagonal

    Units: directions none, variances as data².  Source: completes STU 'More advanced methods', which names it.
    """
    mean = np.mean(data, axis=0)
    centred = data - mean
    variances, directions = np.linalg.eigh(centred.T @ centred / data.shape[0])
    return Principal(mean, np.flip(directions, axis=1), np.maximum(np.flip(variances), 0))


@formula("data.pca")
def pca(data: Data, principal: Principal) -> Components:
    """Data in the training data's principal directions, where their covariance is S; with the first k columns of U, the first k components.

        (X − μ) U

    Units: as data.  Source: completes STU 'More advanced methods', which names it.
    """
    return (data - principal.mean) @ principal.directions


@formula("data.whiten")
def whiten(data: Data, principal: Principal, *, eps: Eps) -> Components:
    """Principal components on one scale: the training data's covariance becomes S/(S + eps), the identity at eps = 0.

        (X − μ) U / √(S + eps)

    Units: none, eps as data².  Source: completes STU 'More advanced methods', which names it.
    """
    return (data - principal.mean) @ principal.directions / np.sqrt(principal.variances + eps)


@formula("data.whiten.zca")
def zca(data: Data, principal: Principal, *, eps: Eps) -> Data:
    """Whitening turned back to the features, by the one symmetric matrix that whitens: images still look like images.

        (X − μ) U (S + eps)^(−1/2) Uᵀ

    Units: none, eps as data².  Source: Bell & Sejnowski 1997.
    """
    return (data - principal.mean) @ principal.directions / np.sqrt(principal.variances + eps) @ principal.directions.T
