"""Evidence for reference/data.py: scaling, centring, principal components, and the decks' examples of their use.

Principal directions are roots of polynomials, so no symbols express them. The proofs take arbitrary directions U and variances S instead
and show every result as the stated one plus terms in C − U S Uᵀ and UᵀU − I. That the fit makes both vanish is shown exactly on fractions
with rational eigenvectors, and certified on balls.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...reference.data import Extent, Principal, Scaling
from ..arithmetic import Ball, Rational, Symbolic, Tensor, symbols, tensor
from . import Claims, Step, TableCell, certified_value, enumeration, law, presets, prints_as, proof

if TYPE_CHECKING:
    from ...reference.domains import Count, Data, Eps, NotBelowLow, Positive, Real, VariedData

N, M, D = (sp.Symbol(name, integer=True, positive=True) for name in ("N", "M", "D"))
ddof = sp.Symbol("delta", integer=True, nonnegative=True)

data: Any = tensor("x", N, D)  # training data
later: Any = tensor("y", M, D)  # what comes after
shift: Any = tensor("b", D)
stretch: Any = tensor("a", D, positive=True)
level: Any = tensor("mu", D)
unit: Any = tensor("s", D, positive=True)
trained = Scaling(level, unit)  # of any training data


def squared_deviations(table: Any) -> Any:
    """Return the sum of squared deviations from the mean, feature by feature."""
    return np.sum((table - np.mean(table, axis=0)) ** 2, axis=0)


# --- standardizing -----------------------------------------------------------------------------------------------------------------


@proof("data.standardize", "data.standardize.fit", scope="every number of samples and features, every ddof")
def mean_0_and_deviation_1(standardize_fit: Step, standardize: Step) -> Claims:
    """The standardized training data sum to 0 and their squares to N − ddof.

    The fit is the mean and s, where (N − ddof) s² is the sum of squared deviations.
    """
    fitted = standardize_fit(data, ddof=ddof)
    yield fitted.mean, np.mean(data, axis=0)
    yield fitted.scale**2 * Tensor(N - ddof), squared_deviations(data)
    z = standardize(data, fitted)
    yield np.sum(z, axis=0), 0 * shift
    yield np.sum(z**2, axis=0), 0 * shift + Tensor(N - ddof)


@proof("data.standardize", "data.standardize.fit", scope="every number of samples and features, every ddof, units and origins")
def units_and_origins_do_not_matter(standardize_fit: Step, standardize: Step) -> Claims:
    """Features a x + b with a > 0 have mean a μ + b and deviation a s, and the same standardized values.

    So standardizing twice is the same as once.
    """
    fitted, moved = standardize_fit(data, ddof=ddof), standardize_fit(stretch * data + shift, ddof=ddof)
    yield moved.mean, stretch * fitted.mean + shift
    yield moved.scale**2, (stretch * fitted.scale) ** 2
    yield standardize(stretch * data + shift, moved), standardize(data, fitted)
    again = standardize_fit(standardize(data, fitted), ddof=ddof)
    yield again.mean, 0 * shift
    yield again.scale**2, 0 * shift + 1


@proof("data.standardize", "data.targets", scope="every number of samples and features, every statistics with s > 0")
def there_and_back(standardize: Step, destandardize: Step) -> Claims:
    """Standardizing new data by the training statistics and undoing it returns the data.

    An error of a standardized prediction becomes s times larger.
    """
    yield destandardize(standardize(later, trained), trained), later
    yield standardize(destandardize(later, trained), trained), later
    other: Any = tensor("z", M, D)
    yield destandardize(later, trained) - destandardize(other, trained), trained.scale * (later - other)


@proof("data.standardize", scope="every training and new data, every number of features")
def new_data_keep_the_training_statistics(standardize_fit: Step, standardize: Step) -> Claims:
    """Standardized new data have mean (m' − m)/s, not 0, and squared deviations divided by s²: a drift of the data remains visible."""
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
    """A pair has deviation |a − b|/2 and becomes ±1; a triple has deviation d and becomes −1, 0, 1; constant features become 0."""
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


@enumeration(
    "data.standardize.fit",
    "data.standardize.fit_tolerant",
    scope="exact squares, 2, 5, 6, 130 and 300 random samples of 1, 3 and 8 features, both ddof",
)
def deviations_by_pairs(standardize_fit: Step, standardize_fit_tolerant: Step) -> Claims:
    """(N − ddof) s² is the sum of (xᵢ − xⱼ)² over all pairs, divided by N: no mean is needed for it."""
    source = np.random.default_rng(0)
    for samples, features in ((2, 1), (5, 3), (6, 8), (130, 3), (300, 1)):
        table = np.concatenate([np.arange(samples)[:1].repeat(features)[None] + 30, source.integers(-25, 26, (samples - 1, features))])
        pairs = np.sum((table[:, None] - table) ** 2, axis=(0, 1))
        for ddof in (0, 1):
            squares = [Fraction(int(total), 2 * samples * (samples - ddof)) for total in pairs]
            for fitted in (
                standardize_fit(Ball(table), ddof=ddof),
                standardize_fit_tolerant(Ball(table), constant_scale=Ball(7), ddof=ddof),
            ):
                yield fitted.mean, Ball([Fraction(int(total), samples) for total in np.sum(table, axis=0)])
                yield fitted.scale**2, Ball(squares)


first, gap, rest, constant = symbols("first gap rest constant", positive=True)


@proof("data.standardize.fit_tolerant", scope="every ordered column of 2 or 3 samples and every constant one of 1 … 3, both ddof")
def tolerant_of_constants_alone(standardize_fit_tolerant: Step, standardize_fit: Step, standardize: Step) -> Claims:
    """For features that vary it is the ordinary fit; for constant ones the scale is constant_scale and z is 0."""
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
    """In units that are smaller by 2ᵏ, mean and deviation are 2ᵏ times larger and the standardized values are equal bit for bit."""
    plain, scaled = standardize_fit(data), standardize_fit(2.0**k * data)
    yield scaled, Scaling(2.0**k * plain.mean, 2.0**k * plain.scale)
    if np.all(plain.scale > 0):
        yield standardize(2.0**k * data, scaled), standardize(data, plain)


@law("data.standardize.fit_tolerant", scope="float64, bit for bit, one feature constant", exact=True)
def constants_are_seen_to_the_last_bit(
    standardize_fit_tolerant: Step, standardize_fit: Step, data: VariedData, constant_scale: Positive, x: Real
) -> Claims:
    """Constant features are recognized even where rounding makes their mean differ from them and their deviation from 0."""
    fitted = standardize_fit_tolerant(np.concatenate([data, np.full((len(data), 1), x / 3)], axis=1), constant_scale=constant_scale)
    plain = standardize_fit(data)
    yield fitted.scale, np.concatenate([plain.scale, [constant_scale]])
    yield fitted.mean[:-1], plain.mean


@law("data.standardize", "data.targets", scope="float64, within rounding")
def there_and_back_in_floats(standardize: Step, destandardize: Step, standardize_fit: Step, data: VariedData) -> Claims:
    """Standardizing and undoing it returns the data."""
    fitted = standardize_fit(data)
    yield destandardize(standardize(data, fitted), fitted), data


# --- min–max -----------------------------------------------------------------------------------------------------------------------

RANGES = [(preset["low"], preset["high"]) for preset in presets("data.minmax")]


@proof("data.minmax", scope="every number of samples and features, every range of the data and every [low, high]")
def the_range_goes_to_the_range(minmax: Step) -> Claims:
    """A value at the fraction u between min and max becomes the value at the fraction u between low and high; 2 u − 1 for [−1, 1]."""
    extent = Extent(shift, stretch)
    low, high = Tensor(sp.Symbol("low", real=True)), Tensor(sp.Symbol("high", real=True))
    yield minmax(shift + later * stretch, extent, low=low, high=high), low + later * (high - low)
    unit, symmetric = (minmax(later, extent, low=Tensor(sp.Rational(low)), high=Tensor(sp.Rational(high))) for low, high in RANGES)
    yield unit, (later - shift) / stretch
    yield symmetric, 2 * unit - 1


@proof("data.minmax.fit", scope="every column of 1 … 3 samples, in every order")
def smallest_and_width(minmax_fit: Step) -> Claims:
    """The fit is the smallest value, and the largest minus the smallest."""
    for order in itertools.permutations([first, first + gap, first + gap + rest]):
        yield minmax_fit(np.expand_dims(np.stack(order), 1)), Extent(np.stack([first]), np.stack([gap + rest]))
    yield minmax_fit(np.expand_dims(np.stack([first, first]), 1)), Extent(np.stack([first]), np.stack([0 * first]))


@enumeration("data.minmax.fit", "data.minmax", scope="exact, all columns of 2 and 3 samples from −1 … 2, to [0, 1] and [−1, 1]")
def ends_are_met(minmax_fit: Step, minmax: Step) -> Claims:
    """The smallest value becomes low and the largest high, and the order is kept."""
    for column in itertools.chain(itertools.product(range(-1, 3), repeat=2), itertools.product(range(-1, 3), repeat=3)):
        if min(column) < max(column):
            table = Rational([[x] for x in column])
            extent = minmax_fit(table)
            yield extent, Extent(Rational([min(column)]), Rational([max(column) - min(column)]))
            for low, high in RANGES:
                got = minmax(table, extent, low=Rational(low), high=Rational(high))[:, 0]
                yield got, Rational([low + (high - low) * Fraction(x - min(column), max(column) - min(column)) for x in column])


@proof("data.minmax.fit_tolerant", scope="every column of 1 … 3 samples, constant ones among them")
def ranges_and_constants(minmax_fit_tolerant: Step, minmax: Step) -> Claims:
    """The smallest value and the range; of constant columns the given width, with which they become low."""
    for order in itertools.permutations([first, first + gap, first + gap + rest]):
        column = np.expand_dims(np.stack(order), 1)
        yield minmax_fit_tolerant(column, constant_width=constant), Extent(np.stack([first]), np.stack([gap + rest]))
    for count in (1, 2):
        column = np.expand_dims(np.stack([first] * count), 1)
        fitted = minmax_fit_tolerant(column, constant_width=constant)
        yield fitted, Extent(np.stack([first]), np.stack([constant]))
        yield minmax(column, fitted, low=gap, high=gap + rest), np.expand_dims(np.stack([gap] * count), 1)


@enumeration("data.minmax.fit_tolerant", scope="exact, all columns of 1 to 3 samples from −1 … 2, widths 1 and 1/2")
def tolerant_ranges_by_hand(minmax_fit_tolerant: Step) -> Claims:
    """Computed independently, column by column."""
    for size, width in itertools.product(range(1, 4), (Fraction(1), Fraction(1, 2))):
        for column in itertools.product(range(-1, 3), repeat=size):
            spread = Fraction(max(column) - min(column)) or width
            fitted = minmax_fit_tolerant(Rational([[x, -x] for x in column]), constant_width=Rational(width))
            yield fitted, Extent(Rational([min(column), -max(column)]), Rational([spread, spread]))


@law("data.minmax", "data.minmax.fit", scope="float64, bit for bit", exact=True)
def ends_are_met_to_the_last_bit(minmax: Step, minmax_fit: Step, data: VariedData) -> Claims:
    """In floats, too, the scaled training data contain exactly 0 and 1 (or −1 and 1) and nothing beyond."""
    extent = minmax_fit(data)
    for low, high in RANGES:
        got = minmax(data, extent, low=float(low), high=float(high))
        yield (np.min(got, axis=0), np.max(got, axis=0)), (float(low), float(high))


@law("data.minmax", scope="float64, within rounding")
def halves_of_the_range(minmax: Step, minmax_fit: Step, data: VariedData, low: Real, high: NotBelowLow) -> Claims:
    """Scaling to [low, high] is scaling to [0, 1] followed by stretching and shifting."""
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
    """After subtracting the mean image, the means of every pixel and channel are 0.

    After subtracting the channel means, those of every channel.

    A pixel then keeps the difference of its mean from its channel's mean. The channel means are the means of the mean image over its
    pixels.
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
    other: Any = tensor("m", H, W, C)
    yield center_image(images, other) + other, images


@enumeration(
    "data.center_image",
    "data.center_image.fit",
    "data.center_image.channels",
    "data.center_image.channels_fit",
    scope="exact: all pairs of images of two pixels from 0, 1, 2; one set of images of 32 × 32 pixels and 3 channels",
)
def pixels_keep_a_mean(mean_image: Step, center_image: Step, mean_of_channels: Step, center_channels: Step) -> Claims:
    """After centring by channel, the pixel means are 0 exactly if they were equal before. The fitted shapes are (32, 32, 3) and (3,)."""
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
variances: Any = tensor("S", K, nonnegative=True)
along: Any = tensor("v", K)
across: Any = tensor("w", D)
eps = Tensor(sp.Symbol("eps", nonnegative=True))
estimated = Principal(trained.mean, directions, variances)


def covariance(table: Any) -> Any:
    """Return the second moments of centred columns."""
    return table.T @ table / Tensor(N)


def misfit(vector: Any) -> Any:
    """Return (C U − U S) v, which is 0 if the columns of U are eigenvectors of C with eigenvalues S."""
    return covariance(centred) @ (directions @ vector) - directions @ (variances * vector)


def skewness(vector: Any) -> Any:
    """Return (UᵀU − I) v, which is 0 if the columns of U are orthonormal."""
    return directions.T @ (directions @ vector) - vector


@proof("data.pca", scope="every centred data set of any size, any K directions, orthonormal and of C or not")
def rotated_covariance_is_diagonal(pca: Step) -> Claims:
    """The covariance of the components is S, plus terms that vanish for orthonormal eigenvectors of C. The means stay 0."""
    components = pca(trained.mean + centred, estimated)
    yield covariance(components) @ along, variances * along + directions.T @ misfit(along) + skewness(variances * along)
    yield np.sum(components, axis=0), np.sum(centred, axis=0) @ directions


@proof("data.whiten", scope="every centred data set of any size, any K directions, every eps ≥ 0 with S + eps > 0")
def whitened_covariance(whiten: Step, pca: Step) -> Claims:
    """The covariance of whitened data is S/(S + eps), so 1 at eps = 0, plus terms that vanish for orthonormal eigenvectors of C.

    Each component is that of `pca` divided by √(S + eps).
    """
    root = np.sqrt(variances + eps)
    white = whiten(trained.mean + centred, estimated, eps=eps)
    left = directions.T @ misfit(along / root) + skewness(variances * (along / root))
    yield covariance(white) @ along, variances / (variances + eps) * along + left / root
    yield white * root, pca(trained.mean + centred, estimated)


@proof("data.whiten.zca", scope="every centred data set of any size, any K directions, every eps with S + eps > 0")
def turned_back_and_symmetric(zca: Step, whiten: Step) -> Claims:
    """ZCA is the whitened data z turned back by Uᵀ. Its matrix W is symmetric and positive semidefinite.

    X·W y is Σ z(x) z(y) √(S + eps).

    So its covariance is U S/(S + eps) Uᵀ; at eps = 0 and full rank it is U Uᵀ = I.
    """
    other: Any = tensor("o", M, D)
    (turned, turned_other), (white, white_other) = (
        [step(trained.mean + table, estimated, eps=eps) for table in (centred, other)] for step in (zca, whiten)
    )
    yield turned, white @ directions.T
    yield turned @ other.T, centred @ turned_other.T
    yield turned @ other.T, (white * np.sqrt(variances + eps)) @ white_other.T


SIGNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])  # columns of mean 0, orthogonal, of length 2
THIRDS = Rational([[1, 2, 2], [2, 1, -2], [2, -2, 1]]) / 3  # orthonormal columns
SPREADS = [(3, 5, 2), (7, 1, 4), (Fraction(16, 3), 3, Fraction(5, 3)), (3, 0, Fraction(16, 3)), (4, 4, 1), (0, 2, 0)]


def clouds() -> Any:
    """Yield sets of four points in three dimensions with mean (1, −2, 5) and given deviations along the columns of THIRDS."""
    for spread in SPREADS:
        turn = THIRDS if len(set(spread)) == 3 else Rational(np.eye(3))
        yield spread, Rational(SIGNS) * Rational(list(spread)) @ turn.T + Rational([1, -2, 5])


@enumeration(
    "data.pca.fit",
    "data.pca",
    scope="exact: six clouds of rational principal directions, of ranks 1 … 3, equal variances among them; two points on each of 65 axes",
)
def directions_are_found(pca_fit: Step, pca: Step) -> Claims:
    """The fit satisfies C = U S Uᵀ and UᵀU = I, with S in decreasing order. All components, and the first two alone, have covariance S."""
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
    yield pca_fit(Rational([[3, 0, 0], [-3, 0, 0]])).variances, Rational([9, 0, 0])
    lengths = np.arange(65, 0, -1)
    on_axes = pca_fit(Rational(np.concatenate([np.diag(lengths), -np.diag(lengths)])))
    yield on_axes.variances, Rational(lengths**2) / len(lengths)
    yield np.abs(on_axes.directions), Rational(np.eye(len(lengths)))


@enumeration("data.whiten", "data.whiten.zca", scope="exact: the clouds of full rank at eps = 0; those with rational √(S + 16) at eps = 16")
def whitened_exactly(pca_fit: Step, whiten: Step, zca: Step) -> Claims:
    """Both whitenings have covariance I. ZCA's matrix is symmetric and its square is the inverse of C + eps I.

    New data are transformed by the same matrix.
    """
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
    yield flat.variances, Rational([1, 0])  # so that whitening at eps = 0 divides by 0, which the validation reports


@certified_value(
    "data.pca.fit", "data.pca", "data.whiten", "data.whiten.zca", scope="normal data of 5 × 2, 6 × 4, 9 × 5, 130 × 3, unlike scales"
)
def directions_are_certified(pca_fit: Step, pca: Step, whiten: Step, zca: Step) -> Claims:
    """The rotated covariance is S; the whitened one is the identity, or S/(S + eps) at eps = 1e−5.

    Enclosed to a small fraction of an ulp.
    """
    source = np.random.default_rng(0)
    for samples, features in ((5, 2), (6, 4), (9, 5), (130, 3)):
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
    """Rounding turns eigenvalues 0 into about ±1e−16 ‖C‖; the fit returns no negative ones. They are in decreasing order."""
    for unit in (1.0, 2.0**40):
        fitted = pca_fit(unit * data)
        yield bool(np.all(fitted.variances >= 0)), True
        yield bool(np.all(fitted.variances[:-1] >= fitted.variances[1:])), True


@law("data.whiten", "data.whiten.zca", scope="float64, within rounding, along the axes")
def along_the_axes(whiten: Step, zca: Step, pca: Step, data: Data, unit: Positive, eps: Eps) -> Claims:
    """If the features are the principal components themselves, both whitenings divide by √(S + eps)."""
    features = data.shape[1]
    axes = Principal(0 * data[0], np.eye(features), 0 * data[0] + unit)
    yield whiten(data, axes, eps=eps), data / np.sqrt(unit + eps)
    yield zca(data, axes, eps=eps), whiten(data, axes, eps=eps)
    yield pca(data, axes), data


# --- what it is good for -----------------------------------------------------------------------------------------------------------

weight, bias, target = tensor("w", 1, D), tensor("b", 1), tensor("t", N, 1)
p, q = (sp.Symbol(name, integer=True, positive=True) for name in "pq")


def half_squared_error(dense: Step, table: Any) -> Any:
    """Return half the mean squared error of a linear model, as an expression in w and b."""
    return (np.mean((dense(table, weight, bias) - target) ** 2) / 2).element


def by_weight(expression: Any, index: Any) -> Any:
    """Return its derivative by a weight."""
    return sp.diff(expression, sp.IndexedBase("w", real=True)[index])


@proof(
    "data.preprocess_condition", "data.example.onn_gaussians", scope="every number of samples and features, all data, weights and targets"
)
def hessian_of_a_linear_model(dense: Step, standardize_fit: Step, standardize: Step) -> Claims:
    """The Hessian of the squared error by two weights is the mean of x x'; by a weight and the bias the mean of x.

    By the bias 1, each up to the factor of the loss.

    For standardized features the mixed terms with the bias are 0, by one weight twice 1, and by two weights the correlation.
    """
    cost, means, offset = half_squared_error(dense, data), np.mean(data, axis=0), bias.element
    moments, moved = data.T @ data / Tensor(N), data - np.mean(data, axis=0)
    yield Tensor(by_weight(by_weight(cost, p), q)), Tensor(moments.at(p, q))
    yield moments, moved.T @ moved / Tensor(N) + np.linalg.outer(means, means)
    yield Tensor(sp.diff(by_weight(cost, p), offset)), Tensor(means.at(p))
    yield Tensor(sp.diff(cost, offset, 2)), 1
    standard = half_squared_error(dense, standardize(data, standardize_fit(data)))
    yield Tensor(sp.diff(by_weight(standard, p), offset)), 0
    yield Tensor(by_weight(by_weight(standard, p), p)), 1


big, small, angle = 1 + gap, 1 + rest, constant  # two numbers above 1, and the tangent of half an angle


@proof("data.preprocess_condition", scope="two features: all units c, all means, all correlations, all covariances")
def ravines_of_two_features(condition_number: Step) -> Claims:
    """Features in units 1 and c have condition number c². A mean m = a − 1/a gives, together with the bias, a⁴.

    A correlation ρ of standardized features gives (1 + |ρ|)/(1 − |ρ|).

    No other units give less: κ + 1/κ + 2 is 4/(1 − ρ²) plus (h₁₁ − h₂₂)²/det H.
    """
    zero, one = 0 * gap, 0 * gap + 1
    yield condition_number(np.stack([np.stack([big**2, zero]), np.stack([zero, one])])), big**2
    mean = big - 1 / big
    yield condition_number(np.stack([np.stack([one, mean]), np.stack([mean, 1 + mean**2])])), big**4
    for correlation in (1 / big, -1 / big):
        standard = condition_number(np.stack([np.stack([one, correlation]), np.stack([correlation, one])]))
        yield standard, (1 + 1 / big) / (1 - 1 / big)
        yield standard + 1 / standard + 2, 4 / (1 - correlation**2)
    cosine, sine = (1 - angle**2) / (1 + angle**2), 2 * angle / (1 + angle**2)
    turn = np.stack([np.stack([cosine, -sine]), np.stack([sine, cosine])])
    hessian = turn @ np.stack([np.stack([first + gap, zero]), np.stack([zero, first])]) @ turn.T
    condition, product = condition_number(hessian), hessian[0, 0] * hessian[1, 1]
    determinant = first * (first + gap)
    yield condition, (first + gap) / first
    yield product - hessian[0, 1] ** 2, determinant
    yield condition + 1 / condition + 2 - 4 * product / determinant, (hessian[0, 0] - hessian[1, 1]) ** 2 / determinant


def exact(*rows: str) -> Any:
    """Return a table of decimal numbers as fractions."""
    return Rational([[Fraction(x) for x in row.split()] for row in rows])


def rounded(figures: str) -> list[Any]:
    """Return the intervals of numbers that print as these digits."""
    return [prints_as(x) for x in figures.split()]


def fractions(figures: str) -> list[Any]:
    """Return exact decimal numbers as fractions."""
    return [Fraction(x) for x in figures.split()]


def cells(row: str, columns: str, got: Any, claimed: list[Any]) -> Claims:
    """Yield one row of a table: our numbers and the stated ones under the headings of the columns."""
    for column, ours, stated in zip(columns.split(), got, claimed, strict=True):
        yield TableCell(ours, stated, row, column)


ONN = exact("1 100 0.01 1", "-0.9 101 0.02 2", "-1.1 102 0.03 3", "0.2 150 0.05 4")
ONN_TARGETS = exact("1000", "998", "1010", "800")
ONN_COLUMNS = "x1 x2 x3 x4 y"


@certified_value("data.example.onn", scope="ONN's X and Y", table="ONN's four samples, standardized")
def onn_standardized(standardize_fit: Step, standardize: Step, destandardize: Step) -> Claims:
    """Means, deviations and standardized values of the example (table R3)."""
    table = Ball(np.concatenate([ONN, ONN_TARGETS], axis=1))
    fitted, other = standardize_fit(table), standardize_fit(table, ddof=1)
    z = standardize(table, fitted)
    yield from cells("mean", ONN_COLUMNS, fitted.mean, fractions("-0.2 113.25 0.0275 2.5 952"))
    yield from cells("s, ddof 0", ONN_COLUMNS, fitted.scale, rounded("0.851469 21.229402 0.014790 1.118034 87.874911"))
    yield from cells("s, ddof 1", ONN_COLUMNS, other.scale, rounded("0.983192 24.513602 0.017078 1.290994 101.469207"))
    figures = (
        "1.409329 -0.624134 -1.183216 -1.341641 0.546231",
        "-0.822108 -0.577030 -0.507093 -0.447214 0.523471",
        "-1.056996 -0.529925 0.169031 0.447214 0.660029",
        "0.469776 1.731090 1.521278 1.341641 -1.729731",
    )
    for row, figure in enumerate(figures):
        yield from cells(f"z, row {row + 1}", ONN_COLUMNS, z[row], rounded(figure))
    yield destandardize(z, fitted), table


@enumeration("data.example.onn", scope="exact: ONN's X", table="ONN's four samples, scaled to [0, 1]")
def onn_between_0_and_1(minmax_fit: Step, minmax: Step) -> Claims:
    """Min–max scaling of the example to [0, 1] (table R3)."""
    figures = ("1 0 0 0", "2/21 0.02 0.25 1/3", "0 0.04 0.5 2/3", "13/21 1 1 1")
    for row, (got, figure) in enumerate(zip(minmax(ONN, minmax_fit(ONN), low=Rational(0), high=Rational(1)), figures, strict=True)):
        yield from cells(f"row {row + 1}", "x1 x2 x3 x4", got, fractions(figure))


def squared_error_gradient(dense: Step, dense_backward: Step, table: Any, targets: Any) -> Any:
    """Return the gradient of the mean squared error of a linear model at 0, by the weights and then by the bias."""
    zeros = Rational(np.zeros((1, table.shape[1])))
    error = dense(table, zeros, zeros[0, :1]) - targets
    _, by_weights, by_bias = dense_backward(2 * error / len(table), table, zeros)
    return np.concatenate([by_weights[0], by_bias])


@enumeration("data.example.onn", scope="exact: ONN's X and Y, all weights 0", table="The gradient of the mean squared error at 0")
def onn_gradient(dense: Step, dense_backward: Step) -> Claims:
    """The gradient −2 Σ y x / 4, and the share of each weight in the squared gradient by the weights (table R3)."""
    gradient = squared_error_gradient(dense, dense_backward, ONN, ONN_TARGETS)
    yield from cells("gradient", "w1 w2 w3 w4 b", gradient, fractions("424.6 -211909 -50.13 -4613 -1904"))
    share = gradient[:4] ** 2 / np.sum(gradient[:4] ** 2)
    yield TableCell(share[1], prints_as("0.99952"), "share of the square", "w2")


@certified_value("data.example.onn", scope="ONN's X", table="The Hessian of a linear model on ONN's four samples")
def onn_spectrum(condition_number: Step, standardize_fit: Step, standardize: Step) -> Claims:
    """The condition number of XᵀX/4, and the eigenvalues of the standardized matrix, of which the smallest is 0 (table R3)."""
    table = Ball(ONN)
    yield TableCell(condition_number(table.T @ table / 4), prints_as("4.76e9"), "as it is", "κ")
    z = standardize(table, standardize_fit(table))
    values = np.linalg.eigvalsh(z.T @ z / 4)
    yield from cells("standardized", "λ1 λ2 λ3 λ4", values, [0, *rounded("0.03059 1.169583 2.799827")])


@proof("data.example.onn", scope="ONN's X, divided by any deviations")
def onn_has_rank_3(standardize: Step) -> Claims:
    """The rank of the standardized data is 3: the centred samples sum to 0, so it is at most 3, and three features are independent.

    The fourth feature is a combination of the other three; this gives the vector that the Hessian maps to 0, so its condition number is
    infinite.
    """
    scale = symbols("s", 4, positive=True)
    table = Symbolic([[Fraction(int(x.p), int(x.q)) for x in row] for row in Rational.object_array(ONN)])
    z = standardize(table, Scaling(np.mean(table, axis=0), scale))
    yield np.sum(z, axis=0), 0
    mixture = np.linalg.solve(z[:3, :3], -z[:3, 3])  # it has one: the determinant is not 0
    null = np.concatenate([mixture, [1 + 0 * scale[0]]])
    yield z @ null, 0
    yield z.T @ (z @ null), 0


# E[x] and the deviations of ONN's three pairs of features, and the figures: κ, the largest stable learning rate, κ with a bias
GAUSSIANS = {
    "N(0, 1), N(0, 1)": ((0, 0), (1, 1), fractions("1 2 1")),
    "N(0, 10²), N(0, 1)": ((0, 0), (10, 1), fractions("100 0.02 100")),
    "N(3, 1), N(−2, .3²)": ((3, -2), (1, Fraction(3, 10)), rounded("38.49 0.1456 938.73")),
}


def second_moments(means: Any, deviations: Any) -> Any:
    """Return E[x xᵀ] of independent features."""
    return Rational(np.diag(np.array(deviations, dtype=object) ** 2)) + np.linalg.outer(Rational(means), Rational(means))


@certified_value(
    "data.example.onn_gaussians", scope="the three pairs of features", table="ONN's three Gaussians: descent on ½ mean squared error"
)
def onn_gaussians(condition_number: Step, heavy_ball_stability_limit: Step, gd_rate: Step) -> Claims:
    """The condition numbers of E[x xᵀ] and of the moments of (x, 1), and the rate 2/λmax above which descent diverges."""
    for name, (means, deviations, figures) in GAUSSIANS.items():
        hessian = Ball(second_moments(means, deviations))
        with_bias = Ball(second_moments((*means, 1), (*deviations, 0)))
        spectrum = np.linalg.eigvalsh(hessian)
        edge = heavy_ball_stability_limit(momentum=Ball(0)) / spectrum[-1]
        yield from cells(name, "κ lr κ,bias", (condition_number(hessian), edge, condition_number(with_bias)), figures)
        for side in (-1, 1):
            yield gd_rate(spectrum, lr=edge * (1 + Ball(Fraction(side, 10**6)))) < 1, side < 0
        if name.startswith("N(3"):
            yield list(spectrum), rounded("0.3568 13.7332")


@enumeration("data.example.onn_gaussians", scope="exact: descent from 0 to (1, 1), 150 steps at lr 1/10; 30 at 1/100 and 1")
def it_curves_and_comes_back(gradient_descent: Step) -> Claims:
    """With features of different means the second weight first moves away from its goal, which lies above, and returns later.

    With different scales one weight has 10⁴ of 10⁴ + 1 parts of the squared gradient and arrives at once; the other is still far away after
    30 steps. With standardized features descent goes straight to the goal.
    """
    goal = Rational([1, 1])
    standard, scaled, apart = (second_moments(means, deviations) for means, deviations, _ in GAUSSIANS.values())
    paths = [
        list(descent(gradient_descent, hessian, goal, lr, steps))
        for hessian, lr, steps in ((apart, Fraction(1, 10), 150), (scaled, Fraction(1, 100), 30), (standard, Fraction(1), 30))
    ]
    second = [point[1] for point in paths[0]]
    yield [bool(x < 0) for x in second[:4]], [False, True, True, True]
    turn = min(range(len(second)), key=lambda step: second[step].item())
    yield all(bool(a < b) for a, b in itertools.pairwise(second[turn:])), True
    yield bool(np.max(np.abs(paths[0][-1] - goal)) < Fraction(1, 50)), True
    slope = scaled @ goal
    yield slope[0] ** 2 / (slope @ slope), Fraction(10**4, 10**4 + 1)
    yield paths[1][1], Rational([1, Fraction(1, 100)])
    yield paths[1][-1][1], 1 - Fraction(99, 100) ** 30
    yield paths[2][1], goal


def descent(gradient_descent: Step, hessian: Any, goal: Any, lr: Fraction, steps: int) -> Any:
    """Return the points of gradient descent from 0 on a quadratic function around a goal."""
    point = 0 * goal
    for _ in range(steps + 1):
        yield point
        point = gradient_descent(point, hessian @ (point - goal), lr=Rational(lr))


STU = exact("114.8 0.00323", "338.1 0.00183", "98.8 0.00279")
STU_TARGETS = exact("5.1", "3.2", "4.1")


@enumeration("data.example.stu_regression", scope="exact: STU's table, all weights 0", table="Gradients of ½ squared errors at w = 0")
def stu_gradients(dense: Step, dense_backward: Step) -> Claims:
    """The gradients ȳ xᵢ of the samples and their sum (table R4); the first entry is 6e4 times larger."""
    zeros = Rational([[0, 0]])
    slopes = [dense_backward(dense(x, zeros) - t, x, zeros)[1][0] for x, t in zip(STU[:, None], STU_TARGETS[:, None], strict=True)]
    figures = ("-585.48 -0.016473", "-1081.92 -0.005856", "-405.08 -0.011439", "-2072.48 -0.033768")
    for row, got, figure in zip(("sample 1", "sample 2", "sample 3", "sum"), [*slopes, sum(slopes, zeros[0])], figures, strict=True):
        yield from cells(row, "w1 w2", got, fractions(figure))
    _, together, _ = dense_backward(dense(STU, zeros) - STU_TARGETS, STU, zeros)
    yield together[0], sum(slopes, zeros[0])
    yield TableCell(together[0, 0] / together[0, 1], prints_as("61374"), "sum", "w1 / w2")


@enumeration("data.example.stu_regression", scope="exact: STU's table", table="The least-squares solution of STU's table")
def stu_solution(dense: Step) -> Claims:
    """Three weights fit three samples without error (table R4); w₂ has 4e5 times as far to go as w₁."""
    solution = np.linalg.solve(np.concatenate([STU, Rational(np.ones((3, 1)))], axis=1), STU_TARGETS)
    yield dense(STU, solution[:2].T, solution[2]), STU_TARGETS
    yield from cells("solution", "w1 w2 b", solution[:, 0], rounded("0.004675 2102.742 -2.2285"))
    yield bool(solution[1, 0] > 4 * 10**5 * solution[0, 0]), True


@certified_value(
    "data.example.stu_regression",
    "data.preprocess_condition",
    scope="STU's table",
    table="STU's table before and after standardizing",
)
def stu_condition(standardize_fit: Step, standardize: Step, condition_number: Step, pca_fit: Step, whiten: Step) -> Claims:
    """Means, deviations, correlation and condition numbers (table R4). Standardized data have (1 + |ρ|)/(1 − |ρ|), whitened data 1."""
    table = Ball(STU)
    fitted = standardize_fit(table)
    z = standardize(table, fitted)
    correlation, condition = z[:, 0] @ z[:, 1] / 3, condition_number(z.T @ z)
    yield from cells("mean", "x1 x2", fitted.mean, [Fraction("183.9"), prints_as("0.00261667")])
    yield from cells("s", "x1 x2", fitted.scale, rounded("109.231345 0.000585"))
    yield TableCell(correlation, prints_as("-0.931534"), "standardized", "ρ")
    yield TableCell(condition_number(table.T @ table), prints_as("1.386e10"), "as it is", "κ")
    yield TableCell(condition, prints_as("28.21"), "standardized", "κ")
    yield condition, (1 - correlation) / (1 + correlation)
    white = whiten(table, pca_fit(table), eps=Ball(0))
    yield TableCell(condition_number(white.T @ white), 1, "whitened", "κ")
