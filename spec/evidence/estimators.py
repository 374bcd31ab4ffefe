"""Evidence for reference/estimators.py: means and variances, for every size by the algebra of moments, and case by case in fractions.

The derivatives of a linear estimator by its data are its weights. Its expectation is Σ wᵢ E[xᵢ], and its variance Σ wᵢ wⱼ Cov(xᵢ, xⱼ). The
formula itself is run on arrays of symbolic size; only the moments model the data.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ..arithmetic import Ball, Rational, Symbolic, Tensor, certified, convergence, partial, symbols, tensor
from . import (
    Claims,
    Interval,
    Step,
    certified_value,
    enumeration,
    erratum,
    law,
    presets,
    prints_as,
    proof,
    statistics,
    trajectory,
)
from ._induction import by_induction, limit, t

if TYPE_CHECKING:
    from ...reference.domains import Array, Decay, FromOne, Population, Variance

N, b = (sp.Symbol(name, integer=True, positive=True) for name in ("N", "b"))
i, l = (sp.Symbol(name, integer=True, positive=True) for name in ("i", "l"))  # noqa: E741 - an index beside i
variance, mu = Tensor(sp.Symbol("V", nonnegative=True)), Tensor(sp.Symbol("mu", real=True))
same = Tensor(sp.KroneckerDelta(i, l))

v, deviation, s = symbols("v deviation s", positive=True)
mean, g, theta = symbols("mean g theta")
q = symbols("q", positive=True)
beta = 1 / (1 + q)  # every decay in (0, 1)

DATA = (0, 1, 3, 5, 7, 13)


def summed(element: Any, size: Any, *indices: Any) -> Tensor:
    """Return the sum of an element over its indices, each from 1 to the size."""
    for index in indices:
        element = sp.Sum(element, (index, 1, size))
    return Tensor(element)


def weight(estimator: Callable[[Any], Any], size: Any, index: Any) -> Any:
    """Return the derivative of an estimator by one of its data."""
    return partial(estimator(tensor("x", size)), "x", index)


def expected(estimator: Callable[[Any], Any], size: Any, expectation: Tensor) -> Tensor:
    """Return the expectation of a linear estimator of data whose expectation is an element in i."""
    return summed(weight(estimator, size, i) * expectation.element, size, i)


def spread(estimator: Callable[[Any], Any], size: Any, covariance: Tensor) -> Tensor:
    """Return the variance of a linear estimator of data whose covariances are an element in i and l."""
    return summed(weight(estimator, size, i) * weight(estimator, size, l) * covariance.element, size, i, l)


def linear(estimator: Callable[[Any], Any], size: Any) -> Claims:
    """Claim that the estimator is the sum of its data times their weights, and that no weight depends on the data."""
    yield estimator(tensor("x", size)), summed(weight(estimator, size, i) * tensor("x", size).at(i), size, i)
    yield Tensor(sp.diff(weight(estimator, size, i), sp.IndexedBase("x", real=True)[l])), 0


def moments(cases: Iterable[tuple[Fraction, Any]]) -> tuple[Any, Any]:
    """Return the exact mean and variance of a value over cases with given probabilities."""
    cases = list(cases)
    first = sum((p * x for p, x in cases), Rational(0))
    return first, sum((p * (x - first) ** 2 for p, x in cases), Rational(0))


def equally_likely(values: Iterable[Any]) -> list[tuple[Fraction, Any]]:
    """Return cases of equal probability."""
    values = list(values)
    return [(Fraction(1, len(values)), x) for x in values]


DIE = [(Fraction(1, 2), Fraction(-1)), (Fraction(1, 3), Fraction(2)), (Fraction(1, 6), Fraction(7))]  # a skewed loss: probability, value


def samples(size: int) -> Iterable[tuple[Fraction, Any]]:
    """Yield all independent samples of the skewed loss, with their probabilities."""
    for drawn in itertools.product(DIE, repeat=size):
        yield math.prod((p for p, _ in drawn), start=Fraction(1)), Rational([x for _, x in drawn])


# --- the empirical risk ------------------------------------------------------------------------------------------------------------


@proof("stats.empirical_risk.mean", scope="every sample size and every distribution that has a mean, samples dependent or not")
def risk_is_unbiased(empirical_risk: Step) -> Claims:
    """The mean is linear with weights that sum to 1, so if E[ℓᵢ] = μ for all i its expectation is μ."""
    yield from linear(empirical_risk, N)
    yield expected(empirical_risk, N, mu), mu


@enumeration("stats.empirical_risk.mean", "stats.empirical_risk_variance", "stats.sgd_variance", scope="exact, all samples up to 5")
def risk_over_all_samples(empirical_risk: Step, variance_of_mean: Step) -> Claims:
    """Over all samples of size N, the risk has the mean of one loss and 1/N of its variance. The loss is skewed and has three values."""
    one_mean, one_variance = moments(DIE)
    for size in range(1, 6):
        got_mean, got_variance = moments((p, empirical_risk(sample)) for p, sample in samples(size))
        yield got_mean, one_mean
        yield got_variance, variance_of_mean(one_variance, Rational(size))
        yield one_variance, size * got_variance


@proof("stats.empirical_risk_variance", scope="every sample size and variance, uncorrelated samples")
def variance_of_risk(empirical_risk: Step, variance_of_mean: Step) -> Claims:
    """If Cov(ℓᵢ, ℓⱼ) = V δᵢⱼ, the variance of the mean is V/N. A common covariance C adds C for every N."""
    yield spread(empirical_risk, N, variance * same), variance_of_mean(variance, Tensor(N))
    common = Tensor(sp.Symbol("C", real=True))
    yield spread(empirical_risk, N, variance * same + common), variance_of_mean(variance, Tensor(N)) + common


@proof("stats.sgd_variance", scope="every sample size and variance")
def one_sample_against_all(empirical_risk: Step, variance_of_mean: Step, minibatch_variance: Step) -> Claims:
    """The variance of one loss, a batch of one, is N times the variance of the mean of N losses."""
    for formula_value in (variance_of_mean(variance, Tensor(1)), minibatch_variance(variance, Tensor(1))):
        yield formula_value, variance
        yield Tensor(N) * spread(empirical_risk, N, variance * same), formula_value


# --- batches -----------------------------------------------------------------------------------------------------------------------

population: Any = tensor("x", N)


def selections(of: Any, size: Any) -> Any:
    """Return the number of ordered selections without repetition."""
    return sp.factorial(of) / sp.factorial(of - size)


@proof("stats.minibatch_mean", scope="every data set and batch size, with and without replacement")
def batch_is_unbiased(empirical_risk: Step) -> Claims:
    """Each position of a batch contains each datum equally often, so the batch mean has the data set's mean as its expectation.

    Without replacement, of the N!/(N − b)! ordered batches the fraction with a given datum at a given position is 1/N.
    """
    yield Symbolic(sp.gammasimp(selections(N - 1, b - 1) / selections(N, b))), Symbolic(1 / N)
    yield expected(empirical_risk, b, np.mean(population)), empirical_risk(population)


@proof("stats.minibatch_variance", scope="every variance and batch size, drawn with replacement")
def variance_with_replacement(empirical_risk: Step, minibatch_variance: Step, batch_deviation: Step) -> Claims:
    """Draws are independent with the variance of the data set, so the variance is V/b; the deviation is its root."""
    yield spread(empirical_risk, b, variance * same), minibatch_variance(variance, Tensor(b))
    yield batch_deviation(deviation, v) ** 2, minibatch_variance(deviation**2, v)


@proof("stats.minibatch_variance.finite_population", scope="every data set of at least 2 and every batch size, drawn without replacement")
def variance_without_replacement(empirical_risk: Step, minibatch_variance_without_replacement: Step, minibatch_variance: Step) -> Claims:
    """Two draws are any two different data, so their covariance is −V/(N − 1), V the data set's variance.

    Hence the variance is V/b (N − b)/(N − 1): V for one datum, 0 for all, (N − b)/(N − 1) of that with replacement, and the same for N → ∞.
    """
    yield Symbolic(sp.gammasimp(selections(N - 2, b - 2) / selections(N, b))), Symbolic(1 / (N * (N - 1)))
    pairs = summed((1 - sp.KroneckerDelta(i, l)) * population.at(i) * population.at(l), N, i, l) / Tensor(N * (N - 1))
    centre = empirical_risk(population)
    data_variance = np.mean((population - centre) ** 2)
    covariance = -data_variance / Tensor(N - 1)
    yield pairs - centre**2, covariance
    without = lambda batch: minibatch_variance_without_replacement(variance, Tensor(batch), Tensor(N))  # noqa: E731 - as mathematics
    yield spread(empirical_risk, b, variance * same - (1 - same) * variance / Tensor(N - 1)), without(b)
    yield without(sp.Integer(1)), variance
    yield without(N), 0
    yield without(b), minibatch_variance(variance, Tensor(b)) * Tensor((N - b) / (N - 1))
    yield Tensor(convergence.limit(without(b).element, N)), minibatch_variance(variance, Tensor(b))


@enumeration("stats.minibatch_mean", "stats.minibatch_variance", scope="exact, all batches up to 4 of 6 data, drawn with replacement")
def all_batches_with_replacement(empirical_risk: Step, minibatch_variance: Step) -> Claims:
    """Mean and variance over all 6ᵇ batches; the variance is 677/108 for b = 3."""
    centre, data_variance = moments(equally_likely(map(Rational, DATA)))
    for size in range(1, 5):
        got = moments(equally_likely(empirical_risk(Rational(batch)) for batch in itertools.product(DATA, repeat=size)))
        yield got, (centre, minibatch_variance(data_variance, Rational(size)))
    yield minibatch_variance(data_variance, Rational(3)), Fraction(677, 108)


@enumeration("stats.minibatch_mean", "stats.minibatch_variance.finite_population", scope="exact, all batches of 6 data without replacement")
def all_batches_without_replacement(empirical_risk: Step, minibatch_variance_without_replacement: Step) -> Claims:
    """Mean and variance over all subsets of each size; the variance is 677/180 for b = 3."""
    centre, data_variance = moments(equally_likely(map(Rational, DATA)))
    for size in range(1, 7):
        got = moments(equally_likely(empirical_risk(Rational(batch)) for batch in itertools.combinations(DATA, size)))
        yield got, (centre, minibatch_variance_without_replacement(data_variance, Rational(size), Rational(6)))
    yield minibatch_variance_without_replacement(data_variance, Rational(3), Rational(6)), Fraction(677, 180)


@statistics(
    "stats.minibatch_variance",
    "stats.minibatch_variance.finite_population",
    scope="40 000 batches of 4 from 8, seed 0, error probability below 2e−9 by Hoeffding's inequality",
)
def batches_drawn_at_random(empirical_risk: Step, minibatch_variance: Step, minibatch_variance_without_replacement: Step) -> Claims:
    """The average squared mean of random batches agrees with the formula.

    For data ±1 it lies in [0, 1], so by Hoeffding its average over n batches is within √(ln(2/p)/2n) of its expectation.
    """
    source, batches, allowed = np.random.default_rng(0), 40_000, 1e-9
    data = np.repeat([1.0, -1.0], 4)
    shuffled = source.permuted(np.tile(data, (batches, 1)), axis=1)[:, :4]
    drawn = source.choice(data, (batches, 4))
    reach = math.sqrt(math.log(2 / allowed) / (2 * batches))
    for chosen, expectation in ((drawn, minibatch_variance(1.0, 4)), (shuffled, minibatch_variance_without_replacement(1.0, 4, 8))):
        average = float(np.mean([empirical_risk(batch) ** 2 for batch in chosen]))
        yield average, Interval(Decimal(expectation - reach), Decimal(expectation + reach))


@law("stats.minibatch_variance.finite_population", scope="float64, within rounding")
def batch_and_rest_are_equally_far_off(
    minibatch_variance_without_replacement: Step, variance: Variance, batch: FromOne, population: Population
) -> Claims:
    """Batch and rest of a permuted data set deviate from its mean in opposite directions, weighted by their sizes.

    So b² Var(b) = (N − b)² Var(N − b).
    """
    if batch < population:
        mine, other = (minibatch_variance_without_replacement(variance, size, population) for size in (batch, population - batch))
        yield batch**2 * mine, (population - batch) ** 2 * other
    yield minibatch_variance_without_replacement(variance, population, population), 0 * variance


@proof("stats.minibatch.diminishing_returns", scope="every deviation and batch size")
def four_times_for_half(batch_deviation: Step) -> Claims:
    """The deviation of one datum is σ; a batch four times larger has half the deviation, and each further datum reduces it by less."""
    size = symbols("size", positive=True)
    yield batch_deviation(deviation, Symbolic(1)), deviation
    yield batch_deviation(deviation, 4 * size), batch_deviation(deviation, size) / 2
    gain = -Symbolic(sp.diff(batch_deviation(deviation, size).item(), size.item()))
    yield gain > 0, True
    yield Symbolic(sp.diff(gain.item(), size.item())) < 0, True


@certified_value("stats.minibatch.diminishing_returns", scope="every preset of the catalogue")
def deviations_by_number(batch_deviation: Step) -> Claims:
    """Batches of 16, 32, 64, 128, 256 have .25, .1768, .125, .0884, .0625 times the deviation of one datum."""
    table = {16: "0.25", 32: "0.1768", 64: "0.125", 128: "0.0884", 256: "0.0625"}
    for preset in presets("stats.minibatch.diminishing_returns"):
        yield certified(batch_deviation, 1, int(preset["batch"])), prints_as(table[int(preset["batch"])])


# --- moments -----------------------------------------------------------------------------------------------------------------------


def discrete(value: str, chance: str, size: Any) -> tuple[Any, Any]:
    """Return the values and the probabilities, which sum to 1, of an arbitrary random number with finitely many values."""
    chances: Any = tensor(chance, size, positive=True)
    return tensor(value, size), chances / np.sum(chances)


def mean_and_variance(values: Any, chances: Any) -> tuple[Any, Any]:
    """Return its mean and variance."""
    centre = np.sum(chances * values)
    return centre, np.sum(chances * (values - centre) ** 2)


@proof("stats.second_moment", scope="every number of finitely many values")
def mean_square(second_moment: Step) -> Claims:
    """It is the mean square, larger than the variance by the squared mean. The ratio |E g|/√(E g²) is 1/√(1 + Var/E²), at most 1."""
    values, chances = discrete("x", "p", N)
    centre, around = mean_and_variance(values, chances)
    yield second_moment(centre, around), np.sum(chances * values**2)
    yield second_moment(mean, v) - v, mean**2
    ratio = s / np.sqrt(second_moment(s, v))
    yield ratio, 1 / np.sqrt(1 + v / s**2)
    yield second_moment(s, v) > s**2, True


@enumeration("stats.second_moment", scope="exact, three losses")
def mean_square_by_hand(second_moment: Step) -> Claims:
    """Values for the skewed loss, a constant (ratio 1) and a random sign (ratio 0)."""
    for cases in (DIE, equally_likely([Fraction(3)]), equally_likely([Fraction(1), Fraction(-1)])):
        yield second_moment(*moments(cases)), sum(p * x**2 for p, x in cases)


# --- running means -----------------------------------------------------------------------------------------------------------------

steps = sp.Symbol("n", integer=True, nonnegative=True)
decay = Tensor(sp.Symbol("beta", positive=True))
start = Tensor(sp.Symbol("x0", real=True))


@proof("stats.ema.weights", scope="every number of inputs, start and decay")
def average_unrolled_by_induction(unrolled_average: Step, gradient_average: Step) -> Claims:
    """Without inputs it is the start, and one more input is one step of the average.

    The new input has weight 1 − β, old ones are multiplied by β.
    """
    unrolled = lambda n: unrolled_average(start, tensor("x", n), decay=decay)  # noqa: E731 - read as mathematics
    newest = Tensor(tensor("x", steps + 1).at(steps + 1))
    yield unrolled(sp.Integer(0)), start
    yield unrolled(steps + 1), gradient_average(Tensor(0), newest, unrolled(steps), lr=Tensor(1), decay=decay)[1]
    weigh = lambda n, index: Tensor(partial(unrolled(n), "x", index))  # noqa: E731 - read as mathematics
    yield weigh(steps + 1, steps + 1), 1 - decay
    yield weigh(steps + i, i), (1 - decay) * decay ** Tensor(steps)


@proof("stats.ema.weights", scope="every t, and decay in (0, 1)")
def weights_windows_and_age(gradient_average: Step, smoothed_variance: Step) -> Claims:
    """The weights without that of the start sum to 1 − βᵗ, and their squares to (1 − β)(1 − β²ᵗ)/(1 + β).

    So the window is (1 + β)/(1 − β).

    The mean age, counted from 1 for the newest, is less than 1/(1 − β), its limit. All by induction: a step multiplies old weights by β and
    makes them one older; the new weight is 1 − β with age 1.
    """
    zero, unit = Symbolic(0), Symbolic(1)
    _, old = gradient_average(zero, zero, unit, lr=unit, decay=beta)
    _, new = gradient_average(zero, unit, zero, lr=unit, decay=beta)
    yield from by_induction(lambda n: 1 - beta**n, lambda total: old * total + new, zero)
    squares = lambda n: (1 - beta) * (1 - beta ** (2 * n)) / (1 + beta)  # noqa: E731 - read as mathematics
    yield from by_induction(squares, lambda total: old**2 * total + new**2, zero)
    yield limit(squares(t)), smoothed_variance(unit, decay=beta)
    ages = lambda n: (1 - beta**n) / (1 - beta) - n * beta**n  # noqa: E731 - read as mathematics
    yield ages(0 * t), 0
    yield ages(t + 1), old * (ages(t) + 1 - beta**t) + new
    yield limit(ages(t)), 1 / (1 - beta)


@enumeration("stats.ema.weights", scope="exact, all sign patterns of up to 5 inputs, and one of 150, 3 decays; windows at .9, .99, .999")
def average_by_hand(unrolled_average: Step, gradient_average: Step, smoothed_variance: Step) -> Claims:
    """Averages computed independently in fractions; the windows are 19, 199, 1999."""
    patterns = [*itertools.chain(*(itertools.product((-1, 1), repeat=size) for size in range(1, 6))), (1, -1, -1) * 50]
    for keep in (Fraction(0), Fraction(1, 2), Fraction(9, 10)):
        for signs in patterns:
            average = Rational(3)
            inputs = [Fraction(sign, index + 1) for index, sign in enumerate(signs)]
            for value in inputs:
                _, average = gradient_average(Rational(0), Rational(value), average, lr=Rational(1), decay=Rational(keep))
            yield unrolled_average(Rational(3), Rational(inputs), decay=Rational(keep)), average
    for keep, window in ((Fraction(9, 10), 19), (Fraction(99, 100), 199), (Fraction(999, 1000), 1999)):
        yield 1 / smoothed_variance(Rational(1), decay=Rational(keep)), window
        yield 1 / (1 - keep), (window + 1) / 2


@proof("stats.ema.bias", scope="every t, expectation and decay in (0, 1)")
def correction_is_unbiased(debiased_average: Step, gradient_average: Step) -> Claims:
    """From 0, the average of inputs with expectation g has expectation (1 − βᵗ) g, by induction, because a step is linear.

    The corrected one has g.
    """
    biased = lambda n: (1 - beta**n) * g  # noqa: E731 - read as mathematics
    yield from by_induction(biased, lambda m: gradient_average(theta, g, m, lr=s, decay=beta)[1], 0 * g)
    yield debiased_average(biased(t + 1), t + 1, decay=beta), g
    first, second, weight_of = symbols("first second weight_of")
    mixed = gradient_average(theta, weight_of * g + first, weight_of * mean + second, lr=s, decay=beta)[1]
    parts = [gradient_average(theta, *pair, lr=s, decay=beta)[1] for pair in ((g, mean), (first, second))]
    yield mixed, weight_of * parts[0] + parts[1]


@enumeration("stats.ema.bias", scope="exact, all samples up to 4 of a skewed loss, 3 decays")
def correction_over_all_samples(debiased_average: Step, gradient_average: Step) -> Claims:
    """Over all samples the corrected average has the mean of one loss, the uncorrected one 1 − βᵗ times that."""
    (one_mean, _), unit = moments(DIE), Rational(1)
    for keep, size in itertools.product((Fraction(0), Fraction(2, 3), Fraction(9, 10)), range(1, 5)):
        cases = []
        for chance, sample in samples(size):
            average = 0 * unit
            for value in sample:
                _, average = gradient_average(unit, value, average, lr=unit, decay=Rational(keep))
            cases.append((chance, average))
        yield moments(cases)[0], one_mean * (1 - keep**size)
        corrected = [(chance, debiased_average(average, size, decay=Rational(keep))) for chance, average in cases]
        yield moments(corrected)[0], one_mean


@law("stats.ema.bias", scope="float64, within rounding", examples=40)
def constant_input_comes_back(debiased_average: Step, gradient_average: Step, g: Array, decay: Decay) -> Claims:
    """For a constant input the corrected average is the input, from the first step on."""
    average = 0 * g
    for step in range(1, 6):
        _, average = gradient_average(g, g, average, lr=1.0, decay=decay)
        yield debiased_average(average, step, decay=decay), g


# --- products and sums -------------------------------------------------------------------------------------------------------------


@proof("stats.product_variance", scope="every two independent numbers of finitely many values")
def variance_of_products(product_variance: Step) -> Claims:
    """The variance of the product is E[X² Y²] − E[X Y]², summed over all pairs with the products of their probabilities."""
    size = sp.Symbol("M", integer=True, positive=True)
    (x, p), (y, o) = discrete("x", "p", N), discrete("y", "o", size)
    chances = np.expand_dims(p, 1) * o
    products = np.expand_dims(x, 1) * y
    first, second = np.sum(chances * products), np.sum(chances * products**2)
    yield product_variance(*mean_and_variance(x, p), *mean_and_variance(y, o)), second - first**2


@enumeration("stats.product_variance", scope="exact, all pairs of the skewed loss, a coin and a constant")
def products_by_hand(product_variance: Step) -> Claims:
    """The product of two independent random signs has variance 1. A random sign times itself, which is not independent, has 0."""
    coin = equally_likely([Fraction(1), Fraction(-1)])
    for first, second in itertools.product((DIE, coin, equally_likely([Fraction(3)])), repeat=2):
        pairs = [(p * o, Rational(x * y)) for (p, x), (o, y) in itertools.product(first, second)]
        yield product_variance(*moments(first), *moments(second)), moments(pairs)[1]
    yield product_variance(*moments(coin), *moments(coin)), 1
    yield moments((p, Rational(x * x)) for p, x in coin)[1], 0


@proof("stats.sum_variance", scope="every number of terms; independent weights of mean 0 and one variance, any inputs")
def variance_of_weighted_sums(variance_of_sum: Step, product_variance: Step) -> Claims:
    """Cov(Wᵢ hᵢ, Wⱼ hⱼ) = V δᵢⱼ E[hᵢ hⱼ], so the variance is Σ V E[hᵢ²], whatever E[hᵢ hⱼ] is; it is n V Var(h) if E[h] = 0."""
    together = tensor("h", N, N)  # E[hᵢ hⱼ]
    diagonal = Tensor(together.at(i, i), ((i, N),))
    covariance = variance * same * Tensor(together.at(i, l))
    yield summed(covariance.element, N, i, l), variance_of_sum(variance * diagonal)
    of_one = product_variance(Tensor(0), variance, Tensor(0), mu**2)
    yield variance_of_sum(of_one * np.ones_like(population)), Tensor(N) * variance * mu**2


@enumeration("stats.sum_variance", scope="exact, all weights ±1 and three joint laws of 3 inputs")
def sums_by_hand(variance_of_sum: Step) -> Claims:
    """For weights of mean 0 the formula holds for independent, equal and ordered inputs.

    For weights of mean 1 only if the inputs are independent.
    """
    laws: list[list[tuple[int, ...]]] = [list(itertools.product((1, 2), repeat=3)), [(1, 1, 1), (2, 2, 2)], [(0, 1, 2), (1, 2, 4)]]
    for offset, joint in itertools.product((0, 1), laws):
        cases = [(tuple(w + offset for w in signs), h) for signs in itertools.product((-1, 1), repeat=3) for h in joint]
        terms = [[Rational(w[index] * h[index]) for w, h in cases] for index in range(3)]
        total = moments(equally_likely(sum(parts, Rational(0)) for parts in zip(*terms, strict=True)))[1]
        apart = variance_of_sum(np.stack([moments(equally_likely(term))[1] for term in terms]))
        yield bool(total == apart), offset == 0 or joint is laws[0]


@proof("stats.uniform_variance", scope="every half-width")
def uniform_by_integration(uniform_variance: Step) -> Claims:
    """The integral of x²/(2 s) from −s to s is the variance, which is σ² at s = √3 σ."""
    x = symbols("x")
    yield uniform_variance(s), Symbolic(sp.integrate((x**2 / (2 * s)).item(), (x.item(), -s.item(), s.item())))
    yield uniform_variance(np.sqrt(Symbolic(3)) * deviation), deviation**2


@enumeration("stats.uniform_variance", scope="exact, 2 n equally spaced values, n ≤ 12")
def uniform_on_grids(uniform_variance: Step) -> Claims:
    """The midpoints of 2 n equal intervals have this variance less the fraction 1/(4 n²)."""
    for n, width in itertools.product(range(1, 13), (Fraction(1, 2), Fraction(3))):
        points = [Rational(sign * width * (2 * k - 1) / (2 * n)) for k in range(1, n + 1) for sign in (-1, 1)]
        yield moments(equally_likely(points)), (0, uniform_variance(Rational(width)) * (1 - Fraction(1, 4 * n**2)))


# --- directions --------------------------------------------------------------------------------------------------------------------


@proof("stats.random_vectors.orthogonal", scope="every dimension; a direction without preference against any vector")
def cosine_has_variance_one_over_n(cosine: Step) -> Claims:
    """A unit vector u without a preferred direction has E[uᵢ uⱼ] = δᵢⱼ/n.

    The cosine is linear in u with weights y/‖y‖, hence its variance is 1/n.
    """
    y = tensor("y", N)
    of_unit = lambda x: cosine(x, y) * np.sqrt(x @ x)  # noqa: E731 - the factor is ‖u‖ = 1
    yield from linear(of_unit, N)
    yield spread(of_unit, N, same / Tensor(N)), Tensor(1 / N)


@proof("stats.random_vectors.orthogonal", scope="every dimension and vectors")
def cosine_is_between(cosine: Step) -> Claims:
    """The cosine is symmetric, 1 with the vector itself and unchanged by scaling.

    |cos| ≤ 1, because x·x y·y (1 − cos²) is half a sum of squares.
    """
    x: Any = tensor("x", N)
    y: Any = tensor("y", N)
    scale = Tensor(sp.Symbol("c", positive=True))
    yield cosine(x, y), cosine(y, x)
    yield cosine(x, x), 1
    yield cosine(scale * x, y), cosine(x, y)
    yield cosine(-x, y), -cosine(x, y)
    crossed = np.expand_dims(x, 1) * y - np.expand_dims(y, 1) * x
    yield (x @ x) * (y @ y) * (1 - cosine(x, y) ** 2), np.sum(crossed**2) / 2


@enumeration("stats.random_vectors.orthogonal", scope="exact, all sign vectors of dimension 1, 4, 9 against three vectors")
def signs_against_all(cosine: Step) -> Claims:
    """Over all x with entries ±1 the cosine has mean 0 and variance 1/n."""
    for n in (1, 4, 9):
        for y in ([1] * n, [-1] * (n - 1) + [1], [(-1) ** index for index in range(n)]):
            got = moments(equally_likely(cosine(Rational(x), Rational(y)) for x in itertools.product((-1, 1), repeat=n)))
            yield got, (0, Fraction(1, n))


def all_pairs(values: Any) -> tuple[Any, Any]:
    """Return two vectors in which each value is paired with each value equally often, the limit of two independent vectors."""
    count = len(values)
    columns = np.broadcast_to(np.expand_dims(values, 1), (count, count))
    rows = np.broadcast_to(values, (count, count))
    return np.reshape(columns, (-1,)), np.reshape(rows, (-1,))


@proof("stats.random_vectors.orthogonal", scope="every distribution of 3 equally likely values")
def mean_decides_the_limit(cosine: Step) -> Claims:
    """For independent components the cosine tends to E[x]²/E[x²], which is 0 for values of mean 0."""
    values = symbols("x", 3, positive=True)
    yield cosine(*all_pairs(values)), np.sum(values) ** 2 / (3 * np.sum(values**2))
    yield cosine(*all_pairs(values - np.mean(values))), 0


@certified_value("stats.random_vectors.orthogonal", scope="U(0, 1) on a grid of 100, all 10 000 pairs")
def uniform_components_are_not_orthogonal(cosine: Step) -> Claims:
    """For U(0, 1) the limit is E[x]²/E[x²] = (1/4)/(1/3) = 3/4; on the midpoints of m intervals it is 3/4 / (1 − 1/(4 m²))."""
    midpoints = [Fraction(2 * k + 1, 200) for k in range(100)]
    got = cosine(*all_pairs(Ball(midpoints)))
    yield got, prints_as("0.7500")
    yield got, Ball(Fraction(3, 4) / (1 - Fraction(1, 40000)))


@statistics("stats.random_vectors.orthogonal", scope="normal vectors, n = 2 … 10 000, seed 0; error probability 6e−7 each")
def cosines_of_normal_vectors(cosine: Step) -> Claims:
    """For normal vectors n cos² has mean 1 and a variance below 2, so the average of M of them is within 5 √(2/M) of 1."""
    source = np.random.default_rng(0)
    for n, count in ((2, 4000), (10, 4000), (100, 4000), (1000, 2000), (10_000, 500)):
        squares = [n * cosine(*source.normal(0, 2, (2, n))) ** 2 for _ in range(count)]
        reach = 5 * math.sqrt(2 / count)
        yield float(np.mean(squares)), Interval(Decimal(1 - reach), Decimal(1 + reach))


@statistics(
    "stats.random_vectors.orthogonal", scope="one pair of U(0, 1) vectors, n = 10⁶, seed 0; error probability below 6e−9 by Hoeffding"
)
def cosine_of_uniform_vectors(cosine: Step) -> Claims:
    """The cosine of two long U(0, 1) vectors is near 3/4.

    By Hoeffding the means of x y, x², y² are within √(ln(2/p)/2n) of 1/4, 1/3, 1/3, each with probability 1 − p.
    """
    n = 10**6
    reach = math.sqrt(math.log(2 / 2e-9) / (2 * n))
    got = float(cosine(*np.random.default_rng(0).uniform(0, 1, (2, n))))
    yield got, Interval(Decimal((1 / 4 - reach) / (1 / 3 + reach)), Decimal((1 / 4 + reach) / (1 / 3 - reach)))


@erratum("E28")
def all_random_vectors_are_orthogonal(cosine: Step) -> Claims:
    """As printed, the cosine of random vectors tends to 0 for all distributions of the components."""
    yield cosine(*all_pairs(symbols("x", 2, positive=True))), 0


# --- three scenes ------------------------------------------------------------------------------------------------------------------


@trajectory("stats.gradient_noise_sources", scope="three scenes, each with its remedy")
def what_sgd_suffers_from(gd_rate: Step, terminal_step: Step, minibatch_variance: Step) -> Claims:
    """Three causes of slow training, each with its remedy: a too large curvature, too small gradients, and noise.

    A curvature of 25 makes the rate .1 diverge, a curvature of 1 does not. Consistent gradients of .001 give steps of 1e−4, with momentum
    .9 of 1e−3. Noise of variance 1 is 1/16 in batches of 16.
    """
    yield [bool(gd_rate(np.array([curvature]), lr=0.1) > 1) for curvature in (1.0, 25.0)], [False, True]
    for momentum, step in ((Fraction(0), Fraction(1, 10**4)), (Fraction(9, 10), Fraction(1, 10**3))):
        yield terminal_step(Rational(Fraction(1, 1000)), lr=Rational(Fraction(1, 10)), momentum=Rational(momentum)), step
    yield minibatch_variance(Rational(1), Rational(16)), Fraction(1, 16)
