"""Proofs of the kernels' elementary functions: their own bodies run on intervals that keep account of every rounding.

The error of a function is what rounding makes of its polynomial (`RoundingInterval`), and what its polynomial leaves out (`left_out`), from
the exact Taylor coefficients. Both are enclosed piece by piece over the reduced arguments, and count in units in the last place of the
exact value. Results that are subnormal, and only they, may be off by half a unit more.
"""

import functools
import itertools
import math

import numpy as np
from flint import arb, arb_poly, arb_series
from trainspec.fast._loops import math as functions

TERMS = 60  # of a Taylor series; the rest is below 2⁻¹⁰⁰ on every interval here
PIECES = 200
ERFC_TERMS = 16  # of the Taylor series of log(1 − erf) on a piece
LARGEST_SQUARE = 0.042  # of s in log, a little above 1/25
ZERO = arb(0)


def interval(a, b):
    """The interval between two numbers."""
    return arb(a).union(arb(b))


def upper(x):
    """The largest modulus of an interval."""
    return abs(arb(x)).upper()


def exponent(x):
    """The exponent of a positive number: 2ᵉ ≤ x < 2ᵉ⁺¹."""
    mantissa, power = arb(x).mid().man_exp()
    return int(mantissa).bit_length() + int(power) - 1


class RoundingInterval:
    """All numbers of an interval, as exact arithmetic makes them, and how far rounding may have taken each of them."""

    __array_ufunc__ = None  # NumPy's numbers leave operations with accounts to them

    def __init__(self, value, dtype, error=ZERO, whole=0):
        self.value, self.dtype, self.error, self.whole = value, np.dtype(dtype), error, whole  # whole: the bits of an integer

    def rounded(self, value, propagated):
        """A result, rounded once."""
        largest = (upper(value) + propagated).upper()
        info = np.finfo(self.dtype)
        half = arb(2) ** (max(exponent(largest), info.minexp) - info.nmant - 1) if largest > 0 else ZERO
        return RoundingInterval(value, self.dtype, (propagated + half).upper())

    def as_operand(self, other):
        """The other operand, exact if it is a number."""
        return other if isinstance(other, RoundingInterval) else RoundingInterval(arb(float(other)), self.dtype)

    def __add__(self, other):
        other = self.as_operand(other)
        value, propagated = self.value + other.value, self.error + other.error
        return RoundingInterval(value, self.dtype, propagated) if 0 in (self.value, other.value) else self.rounded(value, propagated)

    def __neg__(self):
        return RoundingInterval(-self.value, self.dtype, self.error)

    def __sub__(self, other):
        return self + -self.as_operand(other)

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        factor, other = other, self.as_operand(other)
        value = self.value * other.value
        propagated = upper(self.value) * other.error + upper(other.value) * self.error + self.error * other.error
        return RoundingInterval(value, self.dtype, propagated.upper()) if self.exact_by(factor) else self.rounded(value, propagated)

    def fma(self, factor, addend):
        """A product plus a number, rounded once."""
        factor, addend = self.as_operand(factor), self.as_operand(addend)
        propagated = upper(self.value) * factor.error + upper(factor.value) * self.error + self.error * factor.error + addend.error
        return self.rounded(self.value * factor.value + addend.value, propagated)

    def exact_by(self, factor):
        """Whether no product by this number is rounded: a power of two, or one that leaves space for the bits of an integer."""
        if isinstance(factor, RoundingInterval):
            return False
        bits = int(abs(math.frexp(float(factor))[0]) * 2**53)
        length = bits.bit_length() - (bits & -bits).bit_length() + 1 if bits else 0
        return length <= 1 or (self.whole > 0 and length + self.whole <= np.finfo(self.dtype).nmant + 1)

    def __truediv__(self, other):
        value = self.value / other.value
        least = abs(other.value).lower() - other.error
        assert least > 0
        return self.rounded(value, (self.error + upper(value) * other.error) / least)

    def __rtruediv__(self, other):
        return self.as_operand(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def units(self, exact, beside=ZERO):
        """The error, with what no rounding makes, in last places of the least exact value."""
        return float(((self.error + beside) / last_place(abs(exact).lower(), self.dtype)).upper())


def last_place(x, dtype):
    """The distance of the numbers of a format where x lies."""
    return arb(2) ** (exponent(x) - np.finfo(dtype).nmant)


def split(a, b, count=PIECES):
    """An interval in pieces of one length."""
    edges = [arb(a) + (arb(b) - arb(a)) * k / count for k in range(count + 1)]
    return [interval(array, other) for array, other in itertools.pairwise(edges)]


def doubling(a, b, count=8):
    """A positive interval in pieces that grow with their distance from 0."""
    steps = math.ceil(math.log2(b / a)) * count
    edges = [arb(a) * arb(b / a) ** (arb(k) / steps) for k in range(steps + 1)]
    return [interval(array, other) for array, other in itertools.pairwise(edges)]


SERIES = {  # the coefficients of what a polynomial of `_functions` stands for
    "exp": lambda k: 1 / arb(math.factorial(k)),
    "log": lambda k: arb(2) / (2 * k + 3),
    "cos": lambda k: (-1) ** (k + 1) * (arb.pi() / 2) ** (2 * k + 2) / math.factorial(2 * k + 2),
    "sin": lambda k: (-1) ** k * (arb.pi() / 2) ** (2 * k + 1) / math.factorial(2 * k + 1) - (1 if k == 0 else 0),
    "erf": lambda k: (-1) ** k * 2 / (arb.pi().sqrt() * math.factorial(k) * (2 * k + 1)) - (1 if k == 0 else 0),
}


@functools.cache
def difference(name, dtype):
    """The polynomial less the function, as a Taylor polynomial."""
    coefficients = getattr(functions.FORMATS[np.dtype(dtype)], name)
    return arb_poly([(arb(float(coefficients[k])) if k < len(coefficients) else 0) - SERIES[name](k) for k in range(TERMS)])


def left_out(name, dtype, piece):
    """What a polynomial leaves out, at most, on a piece, within 1/2 of 0: expanded about the middle, where nothing cancels any more."""
    middle, radius = piece.mid(), piece.rad()
    shifted = difference(name, dtype)(arb_poly([middle, 1]))
    return (sum((abs(array) * radius**k for k, array in enumerate(shifted)), ZERO) + arb(2) ** -100).upper()


def lambert(dtype, x):
    """What the fraction for tanh leaves out, of x: its numerator and denominator against sinh and cosh, whose first terms agree."""
    known = functions.FORMATS[np.dtype(dtype)]
    over, under = (arb_poly([arb(float(coefficient)) for coefficient in coefficients]) for coefficients in (known.tanh, known.tanh_under))
    sinh, cosh = (arb_poly([1 / arb(math.factorial(2 * k + odd)) for k in range(TERMS)]) for odd in (1, 0))
    rest = under * sinh - (under + arb_poly([0, 1]) * over) * cosh  # of x; over cosh and the denominator
    z = upper(x) ** 2
    return sum((abs(array) * z**k for k, array in enumerate(rest)), ZERO) / abs(under(x * x)).lower() * upper(x)


def exp_about_zero(dtype, r):
    """The account of the exponential about one piece, for every n; all its errors, in one."""
    known = functions.FORMATS[np.dtype(dtype)]
    most = arb(2 - np.finfo(dtype).minexp + np.finfo(dtype).nmant)  # of |n|
    rest = most * arb(float(known.log2_low))
    y = functions.exp_about_zero(RoundingInterval(r + interval(-rest, rest), dtype), RoundingInterval(interval(-most, most), dtype))
    wrong = most * abs(arb(2).log() - arb(float(known.log2_high)) - arb(float(known.log2_low)))
    return RoundingInterval(interval(r.lower().exp(), r.upper().exp()), dtype, (y.error + left_out("exp", dtype, r) + 2 * wrong).upper())


def reach(dtype):
    """The largest remainder: half of log 2, and what the rounding of x / log 2 adds."""
    unit, most = float(np.finfo(dtype).eps), 2 - np.finfo(dtype).minexp + np.finfo(dtype).nmant
    return float(arb(2).log() / 2) + 4 * unit * most


@functools.cache
def exp(dtype):
    """exp: what is multiplied by a power of two, exactly."""
    return max(exp_about_zero(dtype, r).units(r.lower().exp()) for r in split(-reach(dtype), reach(dtype)))


def tanh(dtype):
    """tanh: the fraction near 0, and the exponential for every n; below 2⁻³⁰ and above the limit the next number is the result."""
    known, worst = functions.FORMATS[np.dtype(dtype)], 0.5
    for x in doubling(2.0**-30, float(known.small)):
        size = RoundingInterval(x, dtype)
        over, under = functions.tanh_small(size)
        worst = max(worst, (size + over / under).units(x.lower().tanh(), lambert(dtype, x)))
    for n in range(1, math.ceil(2 * float(known.saturated) / math.log(2)) + 1):
        for r in split(-reach(dtype), reach(dtype), 40):
            x = (r + n * arb(2).log()) / 2
            if x.upper() > float(known.small):
                over, under = functions.tanh_large(np.dtype(dtype).type(2.0**n), exp_about_zero(dtype, r))
                worst = max(worst, (known.one - over / under).units(max(x.lower(), arb(float(known.small))).tanh()))
    return worst


def product(dtype, k, f):
    """The account of `log_of_product`, with what its polynomial leaves out."""
    result = functions.log_of_product(k, f)
    s = f.value / (2 + f.value)
    first, last = (int(float(end) ** 2 / LARGEST_SQUARE * PIECES) for end in (abs(s).lower(), upper(s)))
    return RoundingInterval(result.value, dtype, (result.error + upper(s) ** 3 * max(left_out_of_log(dtype)[first : last + 1])).upper())


@functools.cache
def left_out_of_log(dtype):
    """What the polynomial of log leaves out, piece by piece, up to s = 1/5."""
    return [left_out("log", dtype, z) for z in split(0, LARGEST_SQUARE)]


def exponents(dtype):
    """The exponents of log, alone or, where they are large, in groups."""
    most = 2 - np.finfo(dtype).minexp + np.finfo(dtype).nmant
    groups = [(k, k) for k in range(1, 16)] + [(round(16 * 1.1**j), min(round(16 * 1.1 ** (j + 1)), most)) for j in range(45)]
    bits = int(most).bit_length()
    return [RoundingInterval(sign * interval(low, high), dtype, whole=bits) for low, high in groups if low <= most for sign in (1, -1)]


def log(dtype):
    """log: of numbers about 1 the relative error counts, of the others the absolute one."""
    about_one = [*doubling(2.0**-53, 0.5, 32), *[-array for array in doubling(2.0**-54, 0.25, 32)]]
    zero = functions.FORMATS[np.dtype(dtype)].zero
    worst = max(product(dtype, zero, RoundingInterval(f, dtype)).units(f.log1p()) for f in about_one)
    for k in exponents(dtype):
        for f in split(-0.25, 0.5, 48):
            exact = interval(f.lower().log1p(), f.upper().log1p()) + k.value * arb(2).log()
            worst = max(worst, product(dtype, k, RoundingInterval(f, dtype)).units(exact))
    return worst


def softplus(dtype):
    """softplus: exp's error and log's, for every n down to −80; from there on, while nothing is subnormal, all scales with 2ⁿ."""
    known = functions.FORMATS[np.dtype(dtype)]
    worst = 0.5
    for r in split(-reach(dtype), reach(dtype), 160):
        relative = exp_about_zero(dtype, r).error
        for n in range(-80, 1):
            size, off = -(r + n * arb(2).log()), relative * arb(2) ** n
            low, high = ((r.lower()).exp() * arb(2) ** n, (r.upper()).exp() * arb(2) ** n)
            w = interval(low - off, high + off)
            branches = [(known.one, (w - 1) / 2)] if high > 0.49 else []  # exact, where it is taken
            for k, f in [*branches, *([(known.zero, w)] if low < 0.51 else [])]:
                added = product(dtype, RoundingInterval(arb(float(k)), dtype, whole=1), RoundingInterval(f, dtype))
                added.error = (added.error + off / (1 + w.lower())).upper()
                worst = max(worst, added.units(low.log1p()))
                if 0 < size.upper() < 41:
                    sizes = interval(max(size.lower(), ZERO), size.upper())
                    worst = max(worst, (added + RoundingInterval(sizes, dtype)).units(sizes.lower() + low.log1p()))
    return worst


def logistic(dtype):
    """logistic: exp's error, and those of a sum and a quotient, for every n down to −80; from there on all scales, or ends at 1."""
    one, worst = functions.FORMATS[np.dtype(dtype)].one, 0.5
    for r in split(-reach(dtype), reach(dtype)):
        relative = exp_about_zero(dtype, r).error
        for n in range(-80, 1):
            low, high = (end.exp() * arb(2) ** n for end in (r.lower(), r.upper()))
            small = RoundingInterval(interval(low, high), dtype, (relative * arb(2) ** n).upper())
            worst = max(worst, (one / (one + small)).units(1 / (1 + high)), (small / (one + small)).units(low / (1 + low)))
    return worst


def left_out_of_log_erfc(dtype, x):
    """What the polynomial of log(1 − erf) leaves out on a piece: Taylor's formula about the middle, with its last term."""
    coefficients = functions.FORMATS[np.dtype(dtype)].log_erfc
    over = arb_poly([0, *(-arb(float(coefficient)) for coefficient in coefficients)])
    about_middle, on_piece = (
        over(arb_poly([at, 1])) - arb_poly(list(arb_series([at, 1], prec=ERFC_TERMS + 1).erfc().log())) for at in (x.mid(), x)
    )
    known = sum((abs(about_middle[k]) * x.rad() ** k for k in range(ERFC_TERMS)), ZERO)
    return (known + abs(on_piece[ERFC_TERMS]) * x.rad() ** ERFC_TERMS).upper()


def erf(dtype):
    """erf: the polynomial near 0; then 1 less an exponential, whose argument is off by its own error. Above the limit it rounds to 1."""
    known, worst = functions.FORMATS[np.dtype(dtype)], 0.5
    small, saturated = float(known.erf_small), float(known.erf_saturated)
    for x in doubling(2.0**-30, small, 48):
        off = upper(x) * left_out("erf", dtype, x * x)
        worst = max(worst, functions.erf_small(RoundingInterval(x, dtype)).units(x.lower().erf(), off))
    relative = exp(dtype) * float(np.finfo(dtype).eps)
    for x in split(small, saturated, 400):
        logarithm = functions.log_of_erfc(RoundingInterval(x, dtype))
        off = (logarithm.error + left_out_of_log_erfc(dtype, x)).expm1() * (1 + relative) + relative
        rest = RoundingInterval(interval(x.lower().erfc(), x.upper().erfc()), dtype, (x.lower().erfc() * off).upper())
        worst = max(worst, (known.one - rest).units(x.lower().erf()))
    return max(worst, float((arb(saturated).erfc() / last_place(arb(0.75), dtype)).upper()))


def circle(dtype):
    """The cosine and the sine of a part of a quarter turn: either may be asked for either."""
    worst = 0.5
    for v in split(0, 0.5):
        off = upper(v) ** 2 * left_out("cos", dtype, v * v)
        worst = max(worst, functions.cospi_sinpi_reduced(RoundingInterval(v, dtype))[0].units((arb.pi() / 2 * v.upper()).cos(), off))
    for v in doubling(2.0**-30, 0.5, 48):
        off = upper(v) * left_out("sin", dtype, v * v)
        worst = max(worst, functions.cospi_sinpi_reduced(RoundingInterval(v, dtype))[1].units((arb.pi() / 2 * v.lower()).sin(), off))
    return worst


PROOFS = {"cosine": circle, "sine": circle} | {array.__name__: array for array in (exp, tanh, log, softplus, logistic, erf)}
