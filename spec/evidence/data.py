"""Evidence for reference/data.py: scaling, centring, principal components, and the decks' examples of what they are good for.

Principal directions are roots of polynomials, so no symbol computes them. The proofs take any directions U and variances S instead, and
show every result as the promised one and terms in C − U S Uᵀ and UᵀU − I. That the fit makes both vanish is exact on fractions, where
eigenvectors are rational, and certified on balls.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...reference.data import Extent, Principal, Scaling
from ..arithmetic import Ball, Rational, Symbolic, Tensor, certified, partial, symbols, tensor
from . import Cell, Claims, Step, certified_value, enumeration, law, presets, printed, proof, trajectory

if TYPE_CHECKING:
    from ...reference.domains import Components, Count, Data, Eps, NotBelowLow, Positive, Real, VariedData

N, M, D = (sp.Symbol(name, integer=True, positive=True) for name in ("N", "M", "D"))
ddof = sp.Symbol("delta", integer=True, nonnegative=True)

data: Any = tensor("x", N, D)  # training data
later: Any = tensor("y", M, D)  # what comes after
shift: Any = tensor("b", D)
stretch: Any = tensor("a", D, positive=True)
trained = Scaling(tensor("mu", D), tensor("s", D, positive=True))


def squared_deviations(table: Any) -> Any:
    """The sum of squared deviations from the mean, feature by feature."""
    return np.sum((table - np.mean(table, axis=0)) ** 2, axis=0)


# --- standardizing -----------------------------------------------------------------------------------------------------------------


@proof("data.standardize", "data.standardize.fit", scope="every number of samples and features, every ddof")
def mean_0_and_deviation_1(standardize_fit: Step, standardize: Step) -> Claims:
    """The standardized training data sum to 0 and their squares to N − ddof; the fit is the mean, and (N − ddof) s² the squares."""
    fitted = standardize_fit(data, ddof=ddof)
    yield fitted.mean, np.mean(data, axis=0)
    yield fitted.scale**2 * Tensor(N - ddof), squared_deviations(data)
    z = standardize(data, fitted)
    yield np.sum(z, axis=0), 0 * shift
    yield np.sum(z**2, axis=0), 0 * shift + Tensor(N - ddof)


@proof("data.standardize", "data.standardize.fit", scope="every number of samples and features, every ddof, units and origins")
def units_and_origins_do_not_matter(standardize_fit: Step, standardize: Step) -> Claims:
    """Features a x + b with a > 0 have mean a μ + b and deviation a s, and the same standardized values; so standardizing twice is once."""
    fitted, moved = standardize_fit(data, ddof=ddof), standardize_fit(stretch * data + shift, ddof=ddof)
    yield moved.mean, stretch * fitted.mean + shift
    yield moved.scale**2, (stretch * fitted.scale) ** 2
    yield standardize(stretch * data + shift, moved), standardize(data, fitted)
    again = standardize_fit(standardize(data, fitted), ddof=ddof)
    yield again.mean, 0 * shift
    yield again.scale**2, 0 * shift + 1


@proof("data.standardize", "data.targets", scope="every number of samples and features, every statistics with s > 0")
def there_and_back(standardize: Step, destandardize: Step) -> Claims:
    """With the training data's statistics new data go there and back; an error of a standardized prediction is an error s times larger."""
    yield destandardize(standardize(later, trained), trained), later
    yield standardize(destandardize(later, trained), trained), later
    other: Any = tensor("z", M, D)
    yield destandardize(later, trained) - destandardize(other, trained), trained.scale * (later - other)


@proof("data.standardize", scope="every training and new data, every number of features")
def new_data_keep_the_training_statistics(standardize_fit: Step, standardize: Step) -> Claims:
    """New data have mean (m' − m)/s, not 0, and squared deviations divided by s²: a drift of the data is seen, not scaled away."""
    fitted = standardize_fit(data)
    z = standardize(later, fitted)
    yield np.mean(z, axis=0), (np.mean(later, axis=0) - fitted.mean) / fitted.scale
    yield squared_deviations(z) * fitted.scale**2, squared_deviations(later)


@enumeration(
    "data.standardize",
    "data.standardize.fit",
    "data.standardize.fit_tolerant",
    scope="exact, all pairs of −3 … 3 with ddof 0, all steps d of the triples m − d, m, m + d with ddof 1",
)
def by_hand(standardize_fit: Step, standardize_fit_tolerant: Step, standardize: Step) -> Claims:
    """A pair has deviation |a − b|/2 and goes to ±1; a triple has the deviation d and goes to −1, 0, 1. Constant features become 0."""
    for first, second in itertools.product(range(-3, 4), repeat=2):
        pair = Rational([[first, 1], [second, 3]])
        tolerant = standardize_fit_tolerant(pair, constant_scale=Rational(7))
        yield tolerant.mean, Rational([Fraction(first + second, 2), 2])
        yield tolerant.scale, Rational([Fraction(abs(first - second), 2) or 7, 1])
        yield standardize(pair, tolerant)[:, 0], Rational([(first > second) - (first < second), (second > first) - (second < first)])
        if first != second:
            yield standardize_fit(pair), tolerant
            yield standardize_fit(pair, ddof=0), tolerant
    for middle, step in itertools.product(range(-2, 3), range(1, 4)):
        triple = Rational([[middle - step], [middle], [middle + step]])
        fitted = standardize_fit(triple, ddof=1)
        yield fitted, Scaling(Rational([middle]), Rational([step]))
        yield standardize_fit_tolerant(triple, constant_scale=Rational(7), ddof=1), fitted
        yield standardize(triple, fitted), Rational([[-1], [0], [1]])


first, gap, rest, constant = symbols("first gap rest constant", positive=True)


@proof("data.standardize.fit_tolerant", scope="every ordered column of 2 or 3 samples and every constant one of 1 … 3, both ddof")
def tolerant_of_constants_alone(standardize_fit_tolerant: Step, standardize_fit: Step, standardize: Step) -> Claims:
    """Where a feature varies it is the plain fit, whatever constant_scale; where none does the scale is constant_scale and z is 0."""
    for column in ([first, first + gap], [first, first + gap, first + gap + rest], [first + gap, first, first]):
        table = np.expand_dims(np.stack(column), 1)
        for freedom in (0, 1):
            yield (
                standardize_fit_tolerant(table, constant_scale=constant, ddof=freedom),
                standardize_fit(table, ddof=freedom),
            )
    for count in (1, 2, 3):
        table = np.expand_dims(np.stack([first] * count), 1)
        fitted = standardize_fit_tolerant(table, constant_scale=constant)
        yield fitted, Scaling(np.stack([first]), np.stack([constant]))
        yield standardize(table, fitted), 0


@law("data.standardize.fit", "data.standardize", scope="float64, bit for bit, units of 2ᵏ", exact=True)
def powers_of_two_as_units(standardize_fit: Step, standardize: Step, data: VariedData, k: Count) -> Claims:
    """Data in units 2ᵏ smaller have mean and deviation 2ᵏ times larger, and the same standardized values to the last bit."""
    plain, scaled = standardize_fit(data), standardize_fit(2.0**k * data)
    yield scaled, Scaling(2.0**k * plain.mean, 2.0**k * plain.scale)
    if np.all(plain.scale > 0):
        yield standardize(2.0**k * data, scaled), standardize(data, plain)


@law("data.standardize.fit_tolerant", scope="float64, bit for bit, one feature constant", exact=True)
def constants_are_seen_to_the_last_bit(
    standardize_fit_tolerant: Step, standardize_fit: Step, data: VariedData, constant_scale: Positive, x: Real
) -> Claims:
    """Also where the computed mean of equal numbers is not that number, and the computed deviation not 0."""
    fitted = standardize_fit_tolerant(np.concatenate([data, np.full((len(data), 1), x / 3)], axis=1), constant_scale=constant_scale)
    plain = standardize_fit(data)
    yield fitted.scale, np.concatenate([plain.scale, [constant_scale]])
    yield fitted.mean[:-1], plain.mean


@law("data.standardize", "data.targets", scope="float64, within rounding")
def there_and_back_in_floats(standardize: Step, destandardize: Step, standardize_fit: Step, data: VariedData) -> Claims:
    """The round trip, in floats."""
    fitted = standardize_fit(data)
    yield destandardize(standardize(data, fitted), fitted), data


# --- min–max -----------------------------------------------------------------------------------------------------------------------

RANGES = [(one["low"], one["high"]) for one in presets("data.minmax")]


@proof("data.minmax", scope="every number of samples and features, every range of the data and every [low, high]")
def the_range_goes_to_the_range(minmax: Step) -> Claims:
    """What stands a share u of the way from min to max comes to stand a share u of the way from low to high: 2 u − 1 for [−1, 1]."""
    extent = Extent(shift, stretch)
    low, high = Tensor(sp.Symbol("low", real=True)), Tensor(sp.Symbol("high", real=True))
    yield minmax(shift + later * stretch, extent, low=low, high=high), low + later * (high - low)
    unit, symmetric = (minmax(later, extent, low=Tensor(sp.Rational(low)), high=Tensor(sp.Rational(high))) for low, high in RANGES)
    yield unit, (later - shift) / stretch
    yield symmetric, 2 * unit - 1


@proof("data.minmax.fit", scope="every column of 1 … 3 samples, in every order")
def smallest_and_width(minmax_fit: Step) -> Claims:
    """The smallest, and how far the largest lies above it."""
    for order in itertools.permutations([first, first + gap, first + gap + rest]):
        yield minmax_fit(np.expand_dims(np.stack(order), 1)), Extent(np.stack([first]), np.stack([gap + rest]))
    yield minmax_fit(np.expand_dims(np.stack([first, first]), 1)), Extent(np.stack([first]), np.stack([0 * first]))


@enumeration("data.minmax.fit", "data.minmax", scope="exact, all columns of 2 and 3 samples from −1 … 2, to [0, 1] and [−1, 1]")
def ends_are_met(minmax_fit: Step, minmax: Step) -> Claims:
    """The smallest comes to low, the largest to high, and the order stays."""
    for column in itertools.chain(itertools.product(range(-1, 3), repeat=2), itertools.product(range(-1, 3), repeat=3)):
        if min(column) < max(column):
            table = Rational([[x] for x in column])
            extent = minmax_fit(table)
            yield extent, Extent(Rational([min(column)]), Rational([max(column) - min(column)]))
            for low, high in RANGES:
                got = minmax(table, extent, low=Rational(low), high=Rational(high))[:, 0]
                yield got, Rational([low + (high - low) * Fraction(x - min(column), max(column) - min(column)) for x in column])


@law("data.minmax", "data.minmax.fit", scope="float64, bit for bit", exact=True)
def ends_are_met_to_the_last_bit(minmax: Step, minmax_fit: Step, data: VariedData) -> Claims:
    """In floats, too, the training data reach 0 and 1 exactly, and −1 and 1, and never go beyond."""
    extent = minmax_fit(data)
    for low, high in RANGES:
        got = minmax(data, extent, low=float(low), high=float(high))
        yield (np.min(got, axis=0), np.max(got, axis=0)), (float(low), float(high))


@law("data.minmax", scope="float64, within rounding")
def halves_of_the_range(minmax: Step, minmax_fit: Step, data: VariedData, low: Real, high: NotBelowLow) -> Claims:
    """Scaling to [low, high] is scaling to [0, 1], stretched and moved."""
    extent = minmax_fit(data)
    yield minmax(data, extent, low=low, high=high), low + (high - low) * minmax(data, extent, low=0, high=1)


# --- images ------------------------------------------------------------------------------------------------------------------------

H, W, C = (sp.Symbol(name, integer=True, positive=True) for name in "HWC")
images: Any = tensor("x", N, H, W, C)


@proof(
    "data.center_image",
    "data.center_image.fit",
    "data.center_image.channels",
    "data.center_image.channels_fit",
    scope="every number, height and width of images and of channels",
)
def means_vanish(mean_image: Step, center_image: Step, mean_of_channels: Step, center_channels: Step) -> Claims:
    """After the mean image, every pixel's mean is 0 and so is every channel's; after the channels' means, every channel's.

    A pixel then keeps the mean by which it differs from its channel. The channels' means are those of the mean image over its pixels.
    """
    image, channels = mean_image(images), mean_of_channels(images)
    yield image.shape, (H, W, C)
    yield channels.shape, (C,)
    yield np.mean(image, axis=(0, 1)), channels
    by_pixel, by_channel = center_image(images, image), center_channels(images, channels)
    yield mean_image(by_pixel), 0 * image
    yield mean_of_channels(by_pixel), 0 * channels
    yield mean_of_channels(by_channel), 0 * channels
    yield mean_image(by_channel), image - channels


@enumeration(
    "data.center_image",
    "data.center_image.fit",
    "data.center_image.channels",
    "data.center_image.channels_fit",
    scope="exact: all pairs of images of two pixels from 0, 1, 2; one set of images of 32 × 32 pixels and 3 channels",
)
def pixels_keep_a_mean(mean_image: Step, center_image: Step, mean_of_channels: Step, center_channels: Step) -> Claims:
    """Per-channel centring leaves the pixels' means at 0 exactly where they were equal. The shapes are (32, 32, 3) and (3,)."""
    for numbers in itertools.product(range(3), repeat=4):
        pair = Rational(np.reshape(numbers, (2, 1, 2, 1)))
        image = mean_image(pair)
        yield np.reshape(image, (2,)), Rational([Fraction(a + b, 2) for a, b in zip(numbers[:2], numbers[2:], strict=True)])
        left = mean_image(center_channels(pair, mean_of_channels(pair)))
        yield bool(np.all(left == 0)), numbers[0] + numbers[2] == numbers[1] + numbers[3]
        yield mean_image(center_image(pair, image)), 0
    cifar = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(float)  # fours of bytes: every mean is a dyadic fraction
    yield mean_image(cifar).shape, (32, 32, 3)
    yield mean_of_channels(cifar).shape, (3,)
    yield np.mean(center_image(cifar, mean_image(cifar)), axis=0), 0.0
    yield np.mean(center_channels(cifar, mean_of_channels(cifar)), axis=(0, 1, 2)), 0.0


# --- principal components ----------------------------------------------------------------------------------------------------------

K = sp.Symbol("K", integer=True, positive=True)
centred: Any = tensor("c", N, D)
directions: Any = tensor("U", D, K)
variances: Any = tensor("S", K, positive=True)
along: Any = tensor("v", K)
across: Any = tensor("w", D)
eps = Tensor(sp.Symbol("eps", positive=True))
found = Principal(trained.mean, directions, variances)


def covariance(table: Any) -> Any:
    """The second moments of the columns, which are centred."""
    return table.T @ table / Tensor(N)


def misfit(vector: Any) -> Any:
    """(C U − U S) v: 0 where the columns of U are eigenvectors of C, all of them or the first few, with the eigenvalues S."""
    return covariance(centred) @ (directions @ vector) - directions @ (variances * vector)


def skewness(vector: Any) -> Any:
    """(UᵀU − I) v: 0 where the columns of U are orthonormal."""
    return directions.T @ (directions @ vector) - vector


@proof("data.pca", scope="every centred data set of any size, any K directions, orthonormal and of C or not")
def rotated_covariance_is_diagonal(pca: Step) -> Claims:
    """The covariance of the components, along any v, is S v, and what vanishes for orthonormal eigenvectors of C. Means stay 0."""
    components = pca(trained.mean + centred, found)
    yield covariance(components) @ along, variances * along + directions.T @ misfit(along) + skewness(variances * along)
    yield np.sum(components, axis=0), np.sum(centred, axis=0) @ directions


@proof("data.whiten", scope="every centred data set of any size, any K directions, every eps ≥ 0 with S + eps > 0")
def whitened_covariance(whiten: Step, pca: Step) -> Claims:
    """It is S/(S + eps), and what vanishes for orthonormal eigenvectors of C; each component is one of pca, over √(S + eps)."""
    root = np.sqrt(variances + eps)
    white = whiten(trained.mean + centred, found, eps=eps)
    left = directions.T @ misfit(along / root) + skewness(variances * (along / root))
    yield covariance(white) @ along, variances / (variances + eps) * along + left / root
    yield (
        covariance(whiten(trained.mean + centred, found, eps=Tensor(0))) @ along,
        along + (directions.T @ misfit(along / np.sqrt(variances)) + skewness(np.sqrt(variances) * along)) / np.sqrt(variances),
    )
    yield white * root, pca(trained.mean + centred, found)


@proof("data.whiten.zca", scope="every centred data set of any size, any K directions, every eps with S + eps > 0")
def turned_back_and_symmetric(zca: Step, whiten: Step) -> Claims:
    """It is the whitened data z turned by Uᵀ; its matrix W is symmetric, and not negative: x·W y is Σ z(x) z(y) √(S + eps).

    So its covariance is U S/(S + eps) Uᵀ, as the whitened data have S/(S + eps); at eps = 0 and full rank U Uᵀ = I.
    """
    other: Any = tensor("o", M, D)
    (turned, turned_other), (white, white_other) = (
        [step(trained.mean + table, found, eps=eps) for table in (centred, other)] for step in (zca, whiten)
    )
    yield turned, white @ directions.T
    yield turned @ other.T, centred @ turned_other.T
    yield turned @ other.T, (white * np.sqrt(variances + eps)) @ white_other.T


SIGNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])  # columns of mean 0, orthogonal, of length 2
THIRDS = Rational([[1, 2, 2], [2, 1, -2], [2, -2, 1]]) / 3  # orthonormal columns
SPREADS = [(3, 5, 2), (7, 1, 4), (Fraction(16, 3), 3, Fraction(5, 3)), (3, 0, Fraction(16, 3)), (4, 4, 1), (0, 2, 0)]


def clouds() -> Any:
    """Four points in three dimensions, of mean (1, −2, 5), of these deviations along the columns of THIRDS; equal ones along the axes."""
    for spread in SPREADS:
        turn = THIRDS if len(set(spread)) == 3 else Rational(np.eye(3))
        yield spread, Rational(SIGNS) * Rational(list(spread)) @ turn.T + Rational([1, -2, 5])


@enumeration(
    "data.pca.fit", "data.pca", scope="exact: six clouds of rational principal directions, of ranks 1 … 3, equal variances among them"
)
def directions_are_found(pca_fit: Step, pca: Step) -> Claims:
    """C = U S Uᵀ and UᵀU = I, S the squared deviations, largest first; the components have covariance S, so do the first two."""
    for spread, cloud in clouds():
        fitted = pca_fit(cloud)
        yield fitted.mean, Rational([1, -2, 5])
        yield fitted.variances, Rational(sorted((x * x for x in spread), reverse=True))
        yield fitted.directions.T @ fitted.directions, Rational(np.eye(3))
        moved = cloud - fitted.mean
        yield moved.T @ moved / 4, fitted.directions * fitted.variances @ fitted.directions.T
        components = pca(cloud, fitted)
        yield components.T @ components / 4, Rational(np.eye(3)) * fitted.variances
        first_two = pca(cloud, Principal(fitted.mean, fitted.directions[:, :2], fitted.variances[:2]))
        yield first_two, components[:, :2]
        yield np.sum((moved - first_two @ fitted.directions[:, :2].T) ** 2), 4 * fitted.variances[2]


@enumeration("data.whiten", "data.whiten.zca", scope="exact: the clouds of full rank at eps = 0; those with rational √(S + 16) at eps = 16")
def whitened_exactly(pca_fit: Step, whiten: Step, zca: Step) -> Claims:
    """Covariance I, by both; ZCA's matrix is symmetric and its square is the inverse of C + eps I. New data go through the same matrix."""
    for spread, cloud in clouds():
        full, fitted = all(spread), pca_fit(cloud)
        for extra in [Rational(0)] * full + [Rational(16)] * (set(spread) <= {0, 3, Fraction(16, 3), Fraction(5, 3)}):
            share = Rational(np.eye(3)) * (fitted.variances / (fitted.variances + extra))
            white = whiten(cloud, fitted, eps=extra)
            yield white.T @ white / 4, share
            turned = zca(cloud, fitted, eps=extra)
            yield turned.T @ turned / 4, fitted.directions @ share @ fitted.directions.T
            matrix = zca(fitted.mean + Rational(np.eye(3)), fitted, eps=extra)
            yield matrix, matrix.T
            moved = cloud - fitted.mean
            yield matrix @ matrix @ (moved.T @ moved / 4 + extra * Rational(np.eye(3))), Rational(np.eye(3))
            yield zca(2 * cloud, fitted, eps=extra), (2 * cloud - fitted.mean) @ matrix
    flat = pca_fit(Rational([[1, 2], [3, 2]]))
    yield flat.variances, Rational([1, 0])  # so that whitening at eps = 0 divides by 0, and the door says so


@certified_value("data.pca.fit", "data.pca", "data.whiten", "data.whiten.zca", scope="normal data of 5 × 2, 6 × 4, 9 × 5, unlike scales")
def directions_are_certified(pca_fit: Step, pca: Step, whiten: Step, zca: Step) -> Claims:
    """Enclosed to a small fraction of an ulp: rotated, the covariance is S; whitened, the identity; and S/(S + eps) of it at eps = 1e−5."""
    source = np.random.default_rng(0)
    for samples, features in ((5, 2), (6, 4), (9, 5)):
        cloud = Ball(source.standard_normal((samples, features)) * 2.0 ** np.arange(features) + 3)
        fitted, eye = pca_fit(cloud), Ball(np.eye(features))
        yield (pca(cloud, fitted).T @ pca(cloud, fitted)) / samples, eye * fitted.variances
        yield bool(np.all(fitted.variances[:-1] > fitted.variances[1:])), True
        for extra in (Ball(0), Ball(Fraction(1, 10**5))):
            white, turned = whiten(cloud, fitted, eps=extra), zca(cloud, fitted, eps=extra)
            yield white.T @ white / samples, eye * (fitted.variances / (fitted.variances + extra))
            yield white @ fitted.directions.T, turned
            yield np.sum(turned**2) / samples, np.sum(fitted.variances / (fitted.variances + extra))


@law("data.pca.fit", scope="float64, exact, numbers of any size and data of any rank", exact=True)
def variances_are_never_negative(pca_fit: Step, data: Data) -> Claims:
    """Rounding makes eigenvalues of about −1e−16 ‖C‖ of zeros; they count as 0. Largest first."""
    for unit in (1.0, 2.0**40):
        fitted = pca_fit(unit * data)
        yield bool(np.all(fitted.variances >= 0)), True
        yield bool(np.all(fitted.variances[:-1] >= fitted.variances[1:])), True


@law("data.whiten", "data.whiten.zca", scope="float64, within rounding, along the axes")
def along_the_axes(whiten: Step, zca: Step, pca: Step, data: Data, unit: Positive, eps: Eps) -> Claims:
    """Where the features are the components themselves, both divide by √(S + eps)."""
    features = data.shape[1]
    axes = Principal(0 * data[0], np.eye(features), 0 * data[0] + unit)
    yield whiten(data, axes, eps=eps), data / np.sqrt(unit + eps)
    yield zca(data, axes, eps=eps), whiten(data, axes, eps=eps)
    yield pca(data, axes), data
