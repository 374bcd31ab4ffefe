"""What the tests of the arithmetics share: independent values at 200 bits, balls and points in them, calls of every vetted function."""

import itertools
import operator
from fractions import Fraction

import mpmath
import numpy as np
from flint import arb, ctx, fmpq, fmpz
from trainspec.reference import FORMULAS, tree_map
from trainspec.reference.validation import domains

BITS = 200
WIDER = Fraction(1, 2**190)  # the relative error granted to an independent value


def exact_power(base, exponent):
    """A power of fractions, exact where the exponent is an integer."""
    if exponent.denominator == 1:
        return base ** int(exponent)
    if base < 0:
        raise ValueError("no real power")
    return mpmath.power(real(base), real(exponent)) if base else Fraction(0) ** (1 if exponent > 0 else -1)


def positive(function):
    """A function of positive numbers only."""

    def of(x):
        if x <= 0:
            raise ValueError("outside the domain")
        return function(real(x))

    return of


def real(x):
    """A fraction at the precision of the independent values."""
    return mpmath.mpf(x.numerator) / x.denominator


def root(x):
    if x < 0:
        raise ValueError("outside the domain")
    return mpmath.sqrt(real(x))


def log_of_sum(a, b):
    """log(eᵃ + eᵇ), the larger one in front."""
    return real(max(a, b)) + mpmath.log1p(mpmath.exp(-real(abs(a - b))))


# every ufunc on fractions, by its name: exact, or to 200 bits; ValueError and ZeroDivisionError say that the point is outside the domain
ELEMENTARY = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": lambda a, b: Fraction(a // b),
    "negative": operator.neg,
    "positive": operator.pos,
    "power": exact_power,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "sqrt": root,
    "exp": lambda x: mpmath.exp(real(x)),
    "log": positive(mpmath.log),
    "logaddexp": log_of_sum,
    "tanh": lambda x: mpmath.tanh(real(x)),
    "arctan": lambda x: mpmath.atan(real(x)),
    "erf": lambda x: mpmath.erf(real(x)),
    "sin": lambda x: mpmath.sin(real(x)),
    "cos": lambda x: mpmath.cos(real(x)),
    "absolute": abs,
    "sign": lambda x: Fraction((x > 0) - (x < 0)),
    "maximum": max,
    "minimum": min,
}
COMPARISONS = {"greater": operator.gt, "greater_equal": operator.ge, "less": operator.lt, "less_equal": operator.le, "equal": operator.eq}
TWO = {"add", "subtract", "multiply", "divide", "floor_divide", "power", "maximum", "minimum", "logaddexp", *COMPARISONS}


def arity(name):
    return 2 if name in TWO else 1


def at_200_bits(function, *points):
    """The independent value, or None outside the domain."""
    with mpmath.workprec(BITS):
        try:
            return function(*points)
        except (ValueError, ZeroDivisionError):
            return None


def fraction_of(value):
    """An independent value as a fraction."""
    if isinstance(value, mpmath.mpf):
        sign, man, exponent, _ = value._mpf_
        return Fraction(-man if sign else man) * Fraction(2) ** exponent
    return Fraction(value)


def enclosure(value):
    """An independent value with its own error, as a ball."""
    value = fraction_of(value)
    with ctx.workprec(2 * BITS):
        return arb(arb(fmpq(value.numerator, value.denominator)), arb(fmpq(1, 2**190)) * abs(arb(fmpq(value.numerator, value.denominator))))


def dyadic(x):
    """An exact ball as a fraction."""
    mantissa, exponent = (fmpz(int(part)) for part in x.man_exp())
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def holds(x, value):
    """Whether a ball holds a fraction, decided in fractions."""
    return abs(dyadic(x.mid()) - value) <= dyadic(x.rad())


def points(x):
    """The midpoint of a ball, its ends, and points between them."""
    middle, radius = dyadic(x.mid()), dyadic(x.rad())
    return [middle] if radius == 0 else [middle + radius * Fraction(k, 7) for k in (-7, -3, 0, 5, 7)]


def corners(balls):
    """Points of several balls at once, equal ones among them where the balls overlap."""
    return itertools.product(*map(points, balls))


def random_balls(seed, count, n):
    """Tuples of n balls: exact ones, wide ones, ones that straddle or touch 0 or 1, and equal ones."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        middles = [float(rng.choice([-1, 0, 1, 0.5, 2, rng.integers(-64, 65) / 16, rng.standard_normal()])) for _ in range(n)]
        if n == 2 and rng.random() < 0.2:
            middles[1] = middles[0]
        yield tuple(arb(m, float(rng.choice([0, 0, 2.0**-40, 2.0**-7, 0.25, 1, abs(m)]))) for m in middles)


def takes_numbers(kinds):
    """Whether a formula with arguments of these kinds takes real numbers and nothing random: else it is the same in every arithmetic."""
    return bool({"array", "number", "state"} & kinds) and "source" not in kinds


REAL = {name: formula for name, formula in FORMULAS.items() if takes_numbers({domain.kind for domain in domains(formula.raw).values()})}


def with_numbers(change, value):
    """A change of every real array and number within an argument; integers, words and functions stay as they are."""
    return tree_map(lambda x: change(x) if isinstance(x, float) or np.asarray(x).dtype.kind == "f" else x, value)


ROWS = [[Fraction(3, 2), Fraction(-2), Fraction(5, 8)], [Fraction(0), Fraction(7, 4), Fraction(-1, 3)]]


def fractions(rows):
    """An object array of fractions."""
    return np.array([[Fraction(x) for x in row] for row in rows], dtype=object)


# every vetted function, called in every way that the reference may: each entry is a function of a 2 × 3 array
CALLS = {
    np.sum: [
        np.sum,
        lambda x: np.sum(x, axis=0),
        lambda x: np.sum(x, axis=-1, keepdims=True),
        lambda x: np.sum(x, axis=(0, 1), keepdims=True),
    ],
    np.prod: [np.prod, lambda x: np.prod(x, axis=1)],
    np.max: [np.max, lambda x: np.max(x, axis=0), lambda x: np.max(x, axis=1, keepdims=True)],
    np.min: [np.min, lambda x: np.min(x, axis=(1,))],
    np.mean: [np.mean, lambda x: np.mean(x, axis=0), lambda x: np.mean(x, axis=(0, 1), keepdims=True)],
    np.cumsum: [np.cumsum, lambda x: np.cumsum(x, axis=0), lambda x: np.cumsum(x, axis=-1)],
    np.where: [lambda x: np.where(x > Fraction(1, 8), x, -2 * x), lambda x: np.where([[True], [False]], x, 0 * x)],
    np.zeros_like: [lambda x: x + np.zeros_like(x)],
    np.ones_like: [lambda x: x * np.ones_like(x)],
    np.shape: [lambda x: x * np.shape(x)[1]],
    np.size: [lambda x: x * np.size(x)],
    np.ndim: [lambda x: x * np.ndim(x)],
    np.stack: [lambda x: np.stack([x[0], x[1] * 2]), lambda x: np.stack([x, -x], axis=-1)],
    np.concatenate: [lambda x: np.concatenate([x, x * x]), lambda x: np.concatenate((x, x), axis=1)],
    np.reshape: [lambda x: np.reshape(x, (3, 2)), lambda x: np.reshape(x, (-1,))],
    np.transpose: [np.transpose, lambda x: np.transpose(x, (1, 0))],
    np.expand_dims: [lambda x: np.expand_dims(x, 1)],
    np.squeeze: [lambda x: np.squeeze(x[:1]), lambda x: np.squeeze(x[:, :1], axis=1)],
    np.broadcast_to: [lambda x: np.broadcast_to(x, (2, 2, 3))],
    np.moveaxis: [lambda x: np.moveaxis(x, 0, 1)],
    np.flip: [np.flip, lambda x: np.flip(x, axis=1)],
    np.diagonal: [np.diagonal, lambda x: np.diagonal(x[:, 1:])],
    np.linalg.outer: [lambda x: np.linalg.outer(x[0], x[1])],
    np.matmul: [lambda x: x @ np.transpose(x), lambda x: x @ x[0], lambda x: x[1] @ x[0], lambda x: x[:, 0] @ x],
}
NO_FRACTIONS = {np.argmin, np.linalg.eigh, np.linalg.eigvalsh, np.linalg.qr, np.linalg.solve}  # tested on its own
CASES = [(function, n) for function, calls in CALLS.items() for n in range(len(calls))]
NAMES = [f"{function.__name__}-{n}" for function, n in CASES]
