"""Evidence for reference/initialization.py: what samplers draw, what variances do in layers, and the decks' tables of activations.

A sampler is run on a source whose numbers are symbols: what it makes of them is exact, and their moments are those of the distribution.
Another source deals given numbers, so that all cases are met; NumPy's own is tested against the distribution, with the chance of failing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from flint import arb

from ..arithmetic import Ball, Rational, Symbolic, Tensor, certified, function, jacobian, symbols, tensor
from ..catalogue import catalogue
from . import (
    Cell,
    Claims,
    Interval,
    Step,
    certified_value,
    derivative,
    enumeration,
    erratum,
    law,
    presets,
    printed,
    proof,
    reproduction,
    statistics,
    trajectory,
)
from ._induction import by_induction, limit, t

if TYPE_CHECKING:
    from ...reference.domains import FromOne, Positive, Source

m, n, batch = (sp.Symbol(name, integer=True, positive=True) for name in ("m", "n", "batch"))  # fan_in, fan_out, rows
fans = (Tensor(n), Tensor(m))
j, k, a, b, r, i, l = (sp.Symbol(name, integer=True, positive=True) for name in "jkabril")
half = sp.Rational(1, 2)

std, gain, width, spread = (Tensor(sp.Symbol(name, positive=True)) for name in ("std", "gain", "s", "spread"))
square = Tensor(sp.Symbol("q", positive=True))  # a mean square

s, q, x = symbols("s q x", positive=True)


class Noise:
    """A source of arbitrary numbers: Z for standard normal draws, U for uniform ones between 0 and 1."""

    def standard_normal(self, shape: Any) -> Any:
        """The array Z."""
        return tensor("Z", *(one.element for one in shape))

    def uniform(self, low: Any, high: Any, shape: Any) -> Any:
        """From low to high, by the array U."""
        return low + (high - low) * tensor("U", *(one.element for one in shape))


class Dealt:
    """A source that deals given arrays, one a draw."""

    def __init__(self, *draws: Any) -> None:
        self.draws = iter(draws)

    def standard_normal(self, shape: Any) -> Any:
        """The next array."""
        drawn = next(self.draws)
        assert np.shape(drawn) == tuple(shape)
        return drawn


DRAWS = (("Z", sp.Integer(0), sp.Integer(1)), ("U", half, sp.Rational(1, 12)))  # array, expectation, variance


def summed(element: Any, *limits: tuple[Any, Any]) -> Tensor:
    """The sum of an element over its indices, each from 1 to its size."""
    for index, size in limits:
        element = sp.Sum(element, (index, 1, size))
    return Tensor(element)


def slopes(element: Any, array: str, *indices: Any) -> Any:
    """The derivative of an element by an entry of an array."""
    return sp.diff(element, sp.IndexedBase(array, real=True)[indices])


def expectation(element: Any, *indices: Any) -> Any:
    """The expectation of what is linear in independent draws: each stands at its own."""
    for array, mean, _ in DRAWS:
        element = element.subs(sp.IndexedBase(array, real=True)[indices], mean)
    return element


def covariance(first: Any, second: Any) -> Tensor:
    """The covariance of two elements that are linear in independent draws."""
    parts = [slopes(first, array, a, b) * slopes(second, array, a, b) * variance for array, _, variance in DRAWS]
    return summed(sp.Add(*parts), (a, n), (b, m))


def uncorrelated(weights: Any, variance: Any) -> Claims:
    """The weights have the shape (fan_out, fan_in), mean 0, and this variance; two of them are uncorrelated, being made of different draws."""
    yield np.shape(weights), (n, m)
    element = weights.at(j, k)
    yield Tensor(expectation(element, j, k)), 0
    same = Tensor(sp.KroneckerDelta(j, i) * sp.KroneckerDelta(k, l))
    yield covariance(element, weights.at(i, l)), variance * same


Start = tuple[Callable[..., Any], Callable[[Any, Any], Any]]  # a sampler with gain 1 or width 1, and its variance by fan_out and fan_in


def normal_starts(normal_weights: Step, xavier_normal: Step, lecun_normal: Step, fan_out_normal: Step, he_normal: Step) -> list[Start]:
    """The samplers of normal weights."""
    return [
        (lambda *source: normal_weights(*source, std=1), lambda n, m: Fraction(1)),
        (xavier_normal, lambda n, m: 2 / (m + n)),
        (lecun_normal, lambda n, m: 1 / m),
        (fan_out_normal, lambda n, m: 1 / n),
        (he_normal, lambda n, m: 2 / m),
    ]


def uniform_starts(uniform_weights: Step, uniform_fan_in: Step, xavier_uniform: Step, he_uniform: Step) -> list[Start]:
    """The samplers of uniform weights."""
    return [
        (lambda *source: uniform_weights(*source, half_width=1), lambda n, m: Fraction(1, 3)),
        (uniform_fan_in, lambda n, m: 1 / (3 * m)),
        (xavier_uniform, lambda n, m: 2 / (m + n)),
        (he_uniform, lambda n, m: 2 / m),
    ]


NORMAL = ("init.random_gaussian_uniform", "init.xavier.normal", "init.lecun.normal", "init.fan_out.normal", "init.he.normal")
UNIFORM = ("init.random_uniform", "init.uniform_fan_in", "init.xavier.uniform", "init.he.uniform")


# --- samplers of independent weights -----------------------------------------------------------------------------------------------


@proof(*NORMAL, scope="every fan_in and fan_out, by the moments of the draws")
def moments_of_normal_starts(
    normal_weights: Step, xavier_normal: Step, lecun_normal: Step, fan_out_normal: Step, he_normal: Step
) -> Claims:
    """Weights are linear in their draws, one each: mean 0, uncorrelated, of the variance that the name stands for."""
    for sampler, variance in normal_starts(normal_weights, xavier_normal, lecun_normal, fan_out_normal, he_normal):
        yield from uncorrelated(sampler(Noise(), *fans), Tensor(variance(n, m)))


@proof(*UNIFORM, scope="every fan_in and fan_out, by the moments of the draws")
def moments_of_uniform_starts(uniform_weights: Step, uniform_fan_in: Step, xavier_uniform: Step, he_uniform: Step) -> Claims:
    """The same for uniform weights."""
    for sampler, variance in uniform_starts(uniform_weights, uniform_fan_in, xavier_uniform, he_uniform):
        yield from uncorrelated(sampler(Noise(), *fans), Tensor(variance(n, m)))


@proof(
    "init.random_gaussian_uniform",
    "init.random_uniform",
    "init.xavier.uniform",
    "init.xavier.normal",
    "init.lecun.normal",
    "init.fan_out.normal",
    "init.he.normal",
    scope="every fan_in, fan_out, deviation, half-width and gain",
)
def scales_and_relations(
    normal_weights: Step,
    uniform_weights: Step,
    xavier_uniform: Step,
    xavier_normal: Step,
    lecun_normal: Step,
    fan_out_normal: Step,
    he_normal: Step,
    uniform_variance: Step,
) -> Claims:
    """A gain multiplies the weights; U(−√3 s, √3 s) has the variance of N(0, s²); He's weights are LeCun's with gain √2.

    Glorot's equal LeCun's and those by fan_out if the layer is square; their variance is the harmonic mean of the two.
    """
    yield normal_weights(Noise(), *fans, std=std), std * normal_weights(Noise(), *fans, std=1)
    of_width = uniform_weights(Noise(), *fans, half_width=width)
    yield from uncorrelated(of_width, uniform_variance(width))
    yield uniform_variance(np.sqrt(Tensor(3)) * std), std**2
    for sampler in (xavier_uniform, xavier_normal, lecun_normal, fan_out_normal):
        yield sampler(Noise(), *fans, gain=gain), gain * sampler(Noise(), *fans)
    yield he_normal(Noise(), *fans), lecun_normal(Noise(), *fans, gain=np.sqrt(Tensor(2)))
    one = (Tensor(m), Tensor(m))
    for sampler in (lecun_normal, fan_out_normal):
        yield xavier_normal(Noise(), *one), sampler(Noise(), *one)
    between, by_inputs, by_outputs = (
        Tensor(slopes(sampler(Noise(), *fans).at(j, k), "Z", j, k)) ** 2 for sampler in (xavier_normal, lecun_normal, fan_out_normal)
    )
    yield 2 / between, 1 / by_inputs + 1 / by_outputs
    yield 1 / by_inputs - 1 / by_outputs, Tensor(m - n)


def distribution_reach(count: int, chance: float) -> float:
    """How far an empirical distribution function of so many draws may be from its own, but for this chance (Dvoretzky–Kiefer–Wolfowitz)."""
    return math.sqrt(math.log(2 / chance) / (2 * count))


def distance(drawn: Any, distribution: Callable[[float], float]) -> float:
    """The largest distance of the empirical distribution function of numbers from another, continuous one."""
    ordered = np.sort(np.ravel(drawn))
    expected, count = np.array([distribution(float(one)) for one in ordered]), len(ordered)
    steps = np.arange(count + 1) / count
    return float(max(np.max(expected - steps[:-1]), np.max(steps[1:] - expected)))


def normal(deviation: float) -> Callable[[float], float]:
    """The distribution function of N(0, deviation²)."""
    return lambda x: (1 + math.erf(x / deviation / math.sqrt(2))) / 2


def uniform(reach: float) -> Callable[[float], float]:
    """The distribution function of U(−reach, reach)."""
    return lambda x: min(max((x / reach + 1) / 2, 0), 1)


SHAPES = ((3, 20_000), (20_000, 3), (200, 300))


@statistics(*NORMAL, scope="60 000 weights in each of three shapes; all 15 together fail by chance with probability < 2e−8")
def weights_are_normal(normal_weights: Step, xavier_normal: Step, lecun_normal: Step, fan_out_normal: Step, he_normal: Step) -> Claims:
    """The empirical distribution function is close to that of the normal law of the right variance."""
    source = np.random.default_rng(1)
    for sampler, variance in normal_starts(normal_weights, xavier_normal, lecun_normal, fan_out_normal, he_normal):
        for shape in SHAPES:
            weights = sampler(source, *shape)
            yield np.shape(weights), shape
            yield distance(weights, normal(math.sqrt(variance(*shape)))) <= distribution_reach(60_000, 1e-9), True


@statistics(*UNIFORM, scope="60 000 weights in each of three shapes; all 12 together fail by chance with probability < 2e−8")
def weights_are_uniform(uniform_weights: Step, uniform_fan_in: Step, xavier_uniform: Step, he_uniform: Step) -> Claims:
    """The same for the uniform law; no weight lies beyond its limits."""
    source = np.random.default_rng(1)
    for sampler, variance in uniform_starts(uniform_weights, uniform_fan_in, xavier_uniform, he_uniform):
        for shape in SHAPES:
            weights, reach = sampler(source, *shape), math.sqrt(3 * variance(*shape))
            yield np.shape(weights), shape
            yield distance(weights, uniform(reach)) <= distribution_reach(60_000, 1e-9), True
            yield bool(np.max(np.abs(weights)) <= reach * (1 + 2.0**-50)), True


@erratum("E01")
def root_of_the_sum_alone(xavier_uniform: Step) -> Step:
    """6/√(m + n) as the limit."""

    def printed_form(source: Any, fan_out: Any, fan_in: Any, gain: Any = 1) -> Any:
        reach = gain * 6 / np.sqrt(fan_in + fan_out)
        return source.uniform(-reach, reach, (fan_out, fan_in))

    return printed_form


@proof("init.xavier.uniform", scope="every fan_in and fan_out")
def six_times_the_variance(xavier_uniform: Step, uniform_variance: Step) -> Claims:
    """The limit 6/√(m + n) has the variance 12/(m + n): √6 times the deviation, 6⁵ = 7776 times after ten square linear layers."""
    (limit_of_u,) = {xavier_uniform(Noise(), *fans).at(j, k).coeff(sp.IndexedBase("U", real=True)[j, k]) / 2}
    right, wrong = uniform_variance(Tensor(limit_of_u)), uniform_variance(6 / np.sqrt(Tensor(m + n)))
    yield wrong, Tensor(12 / (m + n))
    yield wrong, 6 * right
    yield np.sqrt(Tensor(6)) ** 10, 7776


@erratum("E14")
def deviation_without_the_three(uniform_fan_in: Step) -> Claims:
    """Standard deviation 1/√m."""
    yield from uncorrelated(uniform_fan_in(Noise(), *fans), Tensor(1 / m))


@erratum("E25")
def lecun_for_glorot(xavier_normal: Step) -> Step:
    """N(0, 1/n_in) under the name of Xavier."""
    return lambda source, fan_out, fan_in, gain=1: gain * source.standard_normal((fan_out, fan_in)) / np.sqrt(fan_in)


@erratum("E45")
def whole_halves(he_normal: Step) -> Step:
    """randn / √(fan_in/2) in whole numbers: 501 inputs count as 500, and one input divides by 0."""
    return lambda source, fan_out, fan_in: source.standard_normal((fan_out, fan_in)) / np.sqrt(fan_in // 2)


@erratum("E70")
def deviation_as_variance(he_normal: Step) -> Step:
    """N(0, √(2/n)), its second argument read as a variance."""
    return lambda source, fan_out, fan_in: np.sqrt(np.sqrt(2 / fan_in)) * source.standard_normal((fan_out, fan_in))


# --- the variance of a layer -------------------------------------------------------------------------------------------------------


@proof("init.variance.forward", "init.small_gaussian", scope="every fan_in, fan_out, batch and deviation, whatever inputs")
def forward_from_the_draws(dense: Step, normal_weights: Step, forward_variance: Step) -> Claims:
    """Over weights that are uncorrelated, of mean 0, and independent of the inputs h: E[z | h] = 0, Cov(zⱼ, zᵢ | h) = δⱼᵢ std² Σ hₖ².

    So Var(z) = E[Var(z | h)], linear in the hₖ²: their joint law does not matter, and E[hₖ²] = q for all k makes it n_in std² q.
    """
    inputs: Any = tensor("h", batch, m)
    z = dense(inputs, normal_weights(Noise(), *fans, std=std))
    yield np.shape(z), (batch, n)
    yield from conditional(z, std**2 * summed(inputs.at(r, k) ** 2, (k, m)))
    of_square = Tensor(slopes(slopes((std**2 * np.sum(inputs**2)).element, "h", r, l), "h", r, l) / 2)
    yield summed((of_square * square).element, (l, m)), forward_variance(std**2, square, Tensor(m))


def conditional(given: Any, variance: Any) -> Claims:
    """Linear in the weights' draws, without a constant; columns uncorrelated, each of this variance, given all else."""
    draws = sp.IndexedBase("Z", real=True)[a, b]
    yield summed(slopes(given.at(r, j), "Z", a, b) * draws, (a, n), (b, m)), Tensor(given.at(r, j))
    yield Tensor(slopes(slopes(given.at(r, j), "Z", a, b), "Z", k, l)), 0
    yield covariance(given.at(r, j), given.at(r, i)), variance * Tensor(sp.KroneckerDelta(j, i))


@proof("init.variance.backward", "init.gradient_stats", scope="every fan_in, fan_out, batch and deviation, whatever gradients δ by z")
def backward_from_the_draws(dense_backward: Step, normal_weights: Step, backward_variance: Step) -> Claims:
    """The same for δ W, over weights that are independent of δ: n_out std² E[δ²]."""
    slope: Any = tensor("d", batch, n)
    given, _, _ = dense_backward(slope, tensor("h", batch, m), normal_weights(Noise(), *fans, std=std))
    yield np.shape(given), (batch, m)
    yield from conditional(given, std**2 * summed(slope.at(r, k) ** 2, (k, n)))
    of_square = Tensor(slopes(slopes((std**2 * np.sum(slope**2)).element, "d", r, l), "d", r, l) / 2)
    yield summed((of_square * square).element, (l, n)), backward_variance(std**2, square, Tensor(n))


@proof(
    "init.variance.forward",
    "init.variance.backward",
    "init.uniform_fan_in",
    "init.xavier.normal",
    "init.lecun.normal",
    "init.fan_out.normal",
    "init.he.normal",
    scope="every fan_in and fan_out",
)
def what_each_start_keeps(
    forward_variance: Step,
    backward_variance: Step,
    relu_mean_square: Step,
    uniform_variance: Step,
    uniform_fan_in: Step,
    xavier_normal: Step,
    lecun_normal: Step,
    fan_out_normal: Step,
    he_normal: Step,
) -> Claims:
    """LeCun's keeps mean squares forwards, that by fan_out backwards, He's forwards through ReLU; UC's uniform leaves a third.

    Glorot's factors f forwards and g backwards have f + g = 2: the one exceeds 1 by what the other misses, and both are 1 if m = n.
    """

    def variance(sampler: Step) -> Any:
        return covariance(sampler(Noise(), *fans).at(j, k), sampler(Noise(), *fans).at(j, k))

    rows, columns = Tensor(n), Tensor(m)
    yield forward_variance(variance(lecun_normal), square, columns), square
    yield backward_variance(variance(fan_out_normal), square, rows), square
    yield forward_variance(variance(he_normal), relu_mean_square(square), columns), square
    yield forward_variance(variance(uniform_fan_in), square, columns), square / 3
    forwards, backwards = (
        forward_variance(variance(xavier_normal), square, columns),
        backward_variance(variance(xavier_normal), square, rows),
    )
    yield forwards + backwards, 2 * square
    yield forwards - backwards, 2 * square * Tensor((m - n) / (m + n))


COIN = (-1, 1)
LAWS: dict[str, tuple[list[tuple[Any, Any]], bool, bool]] = {  # cases of (weights, inputs); does Var(z) = n Var(W) E[h²]?  n Var(W) Var(h)?
    "as assumed": ([(w, h) for w in itertools.product(COIN, repeat=2) for h in itertools.product((-2, 1, 1), repeat=2)], True, True),
    "inputs equal": ([(w, (h, h)) for w in itertools.product(COIN, repeat=2) for h in (-2, 1, 1)], True, True),
    "weights equal": ([((w, w), h) for w in COIN for h in itertools.product((-2, 1, 1), repeat=2)], True, True),
    "inputs of mean 3/2": ([(w, h) for w in itertools.product(COIN, repeat=2) for h in itertools.product((1, 2), repeat=2)], True, False),
    "weights of mean 1": (
        [(w, h) for w in itertools.product((0, 2), repeat=2) for h in itertools.product((-2, 1, 1), repeat=2)],
        False,
        False,
    ),
    "both equal": ([((w, w), (h, h)) for w in COIN for h in (-2, 1, 1)], False, False),
    "weights with the inputs' signs": ([((np.sign(g), np.sign(h)), (g, h)) for g in (-2, -1, 1, 2) for h in (-2, -1, 1, 2)], False, False),
    "weights of two variances, inputs too": ([((v, 3 * w), (g, 2 * h)) for v, w, g, h in itertools.product(COIN, repeat=4)], False, False),
}


def mean_and_variance(values: Iterable[Any]) -> tuple[Any, Any]:
    """Mean and variance of equally likely numbers."""
    numbers = np.stack(list(values))
    return np.mean(numbers), np.mean((numbers - np.mean(numbers)) ** 2)


@enumeration("init.variance.forward", scope="exact, all cases of two weights and two inputs, each hypothesis dropped in turn")
def each_hypothesis_in_turn(dense: Step, forward_variance: Step) -> Claims:
    """Weights of mean 0, uncorrelated or on uncorrelated inputs, independent of them, all of one variance; Var(h) only if E[h] = 0."""
    for cases, by_square, by_variance in LAWS.values():
        outputs = [dense(Rational([h]), Rational([w]))[0, 0] for w, h in cases]
        _, spread_of_weights = mean_and_variance(Rational(one) for w, _ in cases for one in w)
        mean, spread_of_inputs = mean_and_variance(Rational(one) for _, h in cases for one in h)
        got = mean_and_variance(outputs)[1]
        yield bool(got == forward_variance(spread_of_weights, spread_of_inputs + mean**2, 2)), by_square
        yield bool(got == forward_variance(spread_of_weights, spread_of_inputs, 2)), by_variance


@enumeration(
    "init.variance.backward", "init.gradient_stats", scope="exact, all weights ±1 of 2 × 2 and 3 × 2 layers, three joint laws of gradients"
)
def gradients_over_all_weights(dense_backward: Step, backward_variance: Step) -> Claims:
    """Over all weights and gradients, which may depend on each other; weights with the gradients' signs break it."""
    for fan_out in (2, 3):
        laws = ([*itertools.product((1, 2), repeat=fan_out)], [(1,) * fan_out, (3,) * fan_out], [(0, 1, 2)[:fan_out], (2, 0, 1)[:fan_out]])
        for joint in laws:
            cases = [(d, w) for d in joint for w in itertools.product(COIN, repeat=2 * fan_out)]
            got = [dense_backward(Rational([d]), Rational([[1, 1]]), Rational(np.reshape(w, (fan_out, 2))))[0][0, 0] for d, w in cases]
            mean_square = np.mean(Rational(joint) ** 2)
            yield mean_and_variance(got), (0, backward_variance(1, mean_square, fan_out))
    signed = [
        dense_backward(Rational([d]), Rational([[1]]), Rational([[np.sign(one)] for one in d]))[0][0, 0]
        for d in itertools.product((-2, -1, 1, 2), repeat=2)
    ]
    yield bool(mean_and_variance(signed)[1] == backward_variance(Rational(1), Rational(Fraction(5, 2)), 2)), False


@erratum("E52")
def one_law_for_all(forward_variance: Step) -> Claims:
    """All Xᵢ and Wᵢ of one law: then Var(W) = Var(X), and Var(Y) = Var(X) whatever it is."""
    yield forward_variance(square, square, Tensor(m)), square


@reproduction(
    "init.variance.forward",
    "init.variance.backward",
    "init.xavier.uniform",
    scope="300 → 100 linear units: exact, beside Monte Carlo",
    table="What 300 → 100 weights of Glorot and of UC keep of a variance",
)
def glorot_by_number(forward_variance: Step, backward_variance: Step, uniform_variance: Step) -> Claims:
    """Forwards 1.502 and backwards .500 by Monte Carlo, 3/2 and 1/2 exactly; 8.98 and 2.98 with the limit that UC prints, 9 and 3 exactly."""
    for row, squared, figures in (
        ("√(6/(m + n))", Fraction(6, 400), ("1.502", "0.500")),
        ("6/√(m + n)", Fraction(36, 400), ("8.98", "2.98")),
    ):
        variance = squared / 3
        for column, got, figure in zip(
            ("forwards", "backwards"), (forward_variance(variance, 1, 300), backward_variance(variance, 1, 100)), figures, strict=True
        ):
            sampled = Decimal(figure)  # of 300 × 100 weights: Var(W²) = 4/5 E[W²]² for uniform ones
            reach = sampled * Decimal(5 * math.sqrt(4 / 5 / 30_000))
            yield Cell(float(got), Interval(sampled - reach, sampled + reach, figure), row, column)
