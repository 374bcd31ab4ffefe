"""Elementary functions for kernels, of numbers: IEEE operations alone, without branches or a library, so that loops of them vectorise.

What is written here is what runs: as machine code, inlined in a kernel's loop; and in plain Python on NumPy's floats and arrays of them,
with the same bits. A kernel that runs on symbols has NumPy's functions in their place.

An argument is first reduced (Cody & Waite 1980): to a remainder of log 2, to a mantissa about 1, to a part of a quarter turn. There a
polynomial is within .2 roundings of the function; its coefficients come from least squares that were reweighted towards the smallest
largest error, and rounded one after the other. The tests prove a bound for each function and say what was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numba.np.numpy_support import as_dtype

from ._kernels import native

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

NARROW: dict[int, Any] = {
    32: (np.float32, np.uint32),
    64: (np.float64, np.uint64),
}  # numbers and words by their width: machine code widens words


class Format(NamedTuple):
    """What the functions need of one format: numbers of it, words of its bits, and the coefficients of its polynomials.

    Even 1 is among them: machine code would take a number that is written out for one of float64.
    """

    zero: Any
    one: Any
    two: Any
    four: Any
    half: Any
    infinity: Any
    nan: Any
    least: Any  # below, exp is 0
    most: Any  # above, exp is infinite
    saturated: Any  # above, tanh is 1
    bent: Any  # below, tanh is a fraction of polynomials
    log2e: Any
    log2_high: Any  # with enough zeros at its end that its multiples by exponents are exact
    log2_low: Any
    shift: Any  # added, it leaves the nearest integer in the last bits; it is a multiple of four
    bias: Any  # how the exponent of 1 is written, here as a number and below as a word
    normal: Any  # the smallest
    lift: Any  # a power of two that makes every number normal, and its exponent
    lifted: Any
    bias_word: Any
    mantissa: Any  # how many bits it has
    fraction: Any  # these bits
    sign: Any  # the bit of the sign
    to_sign: Any  # how far it lies from the second last one
    last: Any  # the last bit, and the one before
    second_last: Any
    shift_bits: Any
    three_quarters: Any  # the bits of 3/4, and how far they are from those of 1
    quarter: Any
    exp: tuple[Any, ...]  # (eʳ − 1 − r) / r²,  |r| ≤ log 2 / 2
    log: tuple[Any, ...]  # (2 artanh(√z)/√z − 2) / z,  0 ≤ z ≤ 1/25
    cos: tuple[Any, ...]  # (cos(π √z/2) − 1) / z,  0 ≤ z ≤ 1/4
    sin: tuple[Any, ...]  # sin(π √z/2)/√z − 1,  likewise
    tanh: tuple[Any, ...]  # (tanh(√z)/√z − 1) / z is the first over the second: Lambert's continued fraction, cut off
    tanh_under: tuple[Any, ...]


NUMBERS = {"zero": 0, "one": 1, "two": 2, "four": 4, "half": 0.5, "infinity": np.inf, "nan": np.nan}


def format_of(real: Any, word: Any, *, high: str, low: str, **rest: Any) -> Format:
    """A format from the types of its numbers and of their bits."""
    info: Any = np.finfo(real)
    shift = real(3 * 2.0 ** (info.nmant - 1))
    bits = {value: real(value).view(word) for value in (0.75, 1)}
    return Format(
        **{name: real(value) for name, value in NUMBERS.items()},
        least=real(rest["least"]),
        most=real(rest["most"]),
        saturated=real(rest["saturated"]),
        bent=real(0.625),
        log2e=real(1 / np.log(2)),
        log2_high=real(float.fromhex(high)),
        log2_low=real(float.fromhex(low)),
        shift=shift,
        bias=real(1 - info.minexp),
        normal=info.smallest_normal,
        lift=real(2.0 ** (info.nmant + 2)),
        lifted=real(info.nmant + 2),
        bias_word=word(1 - info.minexp),
        mantissa=word(info.nmant),
        fraction=word(2**info.nmant - 1),
        sign=word(2 ** (info.bits - 1)),
        to_sign=word(info.bits - 2),
        last=word(1),
        second_last=word(2),
        shift_bits=shift.view(word),
        three_quarters=bits[0.75],
        quarter=bits[1] - bits[0.75],
        **{name: tuple(real(float.fromhex(one)) for one in rest[name].split()) for name in ("exp", "log", "cos", "sin")},
        **{name: tuple(map(real, rest[name])) for name in ("tanh", "tanh_under")},
    )


FORMATS = {
    np.dtype(np.float32): format_of(
        np.float32,
        np.uint32,
        least=-104,
        most=89,
        saturated=10,
        high="0x1.62e4p-1",
        low="0x1.7f7d1cp-20",
        exp="0x1.fffffcp-2 0x1.555492p-3 0x1.5558b0p-5 0x1.123962p-7 0x1.6a4dcep-10",
        log="0x1.5555b4p-1 0x1.992ac0p-2 0x1.36e8b4p-2",
        cos="-0x1.3bd3ccp+0 0x1.03c1a8p-2 -0x1.55ad5cp-6 0x1.d33ef0p-11",
        sin="0x1.243f6ap-1 -0x1.4abba8p-1 0x1.465920p-4 -0x1.2ca6a0p-8",
        tanh=(-315, -14),
        tanh_under=(945, 420, 15),
    ),
    np.dtype(np.float64): format_of(
        np.float64,
        np.uint64,
        least=-746,
        most=710,
        saturated=20,
        high="0x1.62e42fefa38p-1",
        low="0x1.ef35793c7673p-45",
        exp="0x1.000000000000ap-1 0x1.5555555555505p-3 0x1.55555555506a1p-5 0x1.1111111124ea8p-7 0x1.6c16c1847d289p-10"
        " 0x1.a01a013995996p-13 0x1.a019995142d9fp-16 0x1.71df039cc259ap-19 0x1.28ae063f7ed2dp-22 0x1.adb4201e1c0dfp-26",
        log="0x1.5555555555775p-1 0x1.99999998f0e65p-2 0x1.249249b20b5a6p-2 0x1.c71c01717d6e8p-3 0x1.7474e0db12746p-3"
        " 0x1.3852f982f947ap-3 0x1.3abd26275f414p-3",
        cos="-0x1.3bd3cc9be45dep+0 0x1.03c1f081b5a4bp-2 -0x1.55d3c7e3bea28p-6 0x1.e1f506732cda7p-11 -0x1.a6d1dff3d6443p-16"
        " 0x1.f9c2c8d50f0c3p-22 -0x1.af9ba2e8b203cp-28",
        sin="0x1.243f6a8885a31p-1 -0x1.4abbce625beccp-1 0x1.466bc677642abp-4 -0x1.32d2ccee7b313p-8 0x1.50783a5fd502ep-13"
        " -0x1.e30958caf17cep-19 0x1.e6cc9e889ee17p-25",
        tanh=(-675675, -45045, -594, -1),
        tanh_under=(2027025, 945945, 51975, 630, 1),
    ),
}


def numeric(function: F) -> F:
    """Let machine code call a function of numbers as it is written."""
    native(function)(lambda *_: function)
    return function


def of(x: Any) -> Format:
    """What is known of a number's format."""
    return FORMATS[x.dtype]


@native(of)
def _of(x: Any) -> Callable[..., Any]:
    known = FORMATS[as_dtype(x)]
    return lambda x: known


def bits(x: Any) -> Any:
    """The bits of a number, as a word."""
    return x.view(f"u{x.itemsize}")


@native(bits)
def _bits(x: Any) -> Callable[..., Any]:
    real, word = NARROW[x.bitwidth]
    return lambda x: real(x).view(word)


def number(word: Any, like: Any) -> Any:
    """The number with these bits, in the format of the other."""
    return word.view(like.dtype)


@native(number)
def _number(word: Any, like: Any) -> Callable[..., Any]:
    real, narrow = NARROW[like.bitwidth]
    return lambda word, like: narrow(word).view(real)


def plus(word: Any, other: Any) -> Any:
    """The sum of two words, of their width."""
    return word + other


@native(plus)
def _plus(word: Any, other: Any) -> Callable[..., Any]:
    narrow = as_dtype(other).type
    return lambda word, other: narrow(word + other)


def where(condition: Any, one: Any, other: Any) -> Any:
    """One where the condition holds, else the other."""
    return np.where(condition, one, other)[()]


@native(where)
def _where(condition: Any, one: Any, other: Any) -> Callable[..., Any]:
    return lambda condition, one, other: one if condition else other


def polynomial(x: Any, coefficients: tuple[Any, ...]) -> Any:
    """c₀ + c₁ x + c₂ x² + …, by Horner's rule."""
    return coefficients[0] if len(coefficients) == 1 else coefficients[0] + x * polynomial(x, coefficients[1:])


@native(polynomial)
def _polynomial(x: Any, coefficients: Any) -> Callable[..., Any]:
    if len(coefficients) == 1:
        return lambda x, coefficients: coefficients[0]
    return lambda x, coefficients: coefficients[0] + x * polynomial(x, coefficients[1:])


@numeric
def power_of_two(shifted: Any) -> Any:
    """2ⁿ from n + shift: the last bits of n, moved into the exponent."""
    known = of(shifted)
    return number(plus(bits(shifted), known.bias_word) << known.mantissa, shifted)


@numeric
def grown(high: Any, low: Any) -> Any:
    """eʳ − 1 at r = high − low, |r| ≤ log 2 / 2, where low is small."""
    r = high - low
    return high + (r * r * polynomial(r, of(high).exp) - low)


@numeric
def reduced(x: Any) -> tuple[Any, Any]:
    """n and s with eˣ = 2ⁿ (1 + s), |s| ≤ √2 − 1."""
    known = of(x)
    n = (x * known.log2e + known.shift) - known.shift
    return n, grown(x - n * known.log2_high, n * known.log2_low)


@numeric
def exp(x: Any) -> Any:
    """eˣ; 2ⁿ is multiplied in two steps, as it may leave the format where the result does not."""
    known = of(x)
    x = where(x < known.least, known.least, where(x > known.most, known.most, x))
    n, s = reduced(x)
    half = known.shift + n * known.half
    rest = known.shift + (n - (half - known.shift))
    return (known.one + s) * power_of_two(half) * power_of_two(rest)


@numeric
def bent(x: Any) -> tuple[Any, Any]:
    """tanh(x) − x as a fraction, 0 ≤ x ≤ 5/8."""
    z, known = x * x, of(x)
    return x * z * polynomial(z, known.tanh), polynomial(z, known.tanh_under)


@numeric
def straight(scale: Any, s: Any) -> tuple[Any, Any]:
    """1 − tanh(x) as a fraction, from e²ˣ = scale (1 + s)."""
    known = of(s)
    return known.two, scale * s + (scale + known.one)


@numeric
def tanh(x: Any) -> Any:
    """x + (tanh(x) − x) near 0, else 1 − 2 / (e²ˣ + 1), of the modulus; the sign is put back."""
    known = of(x)
    size = where(abs(x) > known.saturated, known.saturated, abs(x))
    n, s = reduced(size + size)
    small, (near, near_under), (far, far_under) = size < known.bent, bent(size), straight(power_of_two(n + known.shift), s)
    quotient = where(small, near, far) / where(small, near_under, far_under)
    return number(bits(where(small, size + quotient, known.one - quotient)) | (bits(x) & known.sign), x)


@numeric
def log_of_product(k: Any, f: Any) -> Any:
    """log(2ᵏ (1 + f)), −1/4 ≤ f ≤ 1/2: log(1 + f) = 2 artanh(s) = f − f²/2 + s (f²/2 + R), where s = f / (2 + f)."""
    known = of(f)
    s, half = f / (known.two + f), f * f * known.half
    z = s * s
    rest = s * (half + z * polynomial(z, known.log))
    return k * known.log2_high - ((half - (rest + k * known.log2_low)) - f)


@numeric
def log(x: Any) -> Any:
    """The natural logarithm: −∞ of 0, NaN of what is negative."""
    known = of(x)
    subnormal = x < known.normal
    word = plus(bits(where(subnormal, x * known.lift, x)), known.quarter)
    exponent = number(plus(word >> known.mantissa, known.shift_bits), x) - known.shift
    k = exponent - known.bias - where(subnormal, known.lifted, known.zero)
    f = number(plus(word & known.fraction, known.three_quarters), x) - known.one
    inside = where(x > known.zero, log_of_product(k, f), where(x < known.zero, known.nan, -known.infinity))
    return where(x < known.infinity, inside, x)


@numeric
def softplus(x: Any) -> Any:
    """log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|), without overflow or cancellation."""
    known = of(x)
    small = exp(-abs(x))
    large = small >= known.half
    added = log_of_product(where(large, known.one, known.zero), where(large, (small - known.one) * known.half, small))
    return where(x > known.zero, x, known.zero) + added


@numeric
def logistic(x: Any) -> Any:
    """1 / (1 + e⁻ˣ), without overflow: e^−|x| or 1, over 1 + e^−|x|."""
    known = of(x)
    small = exp(-abs(x))
    return where(x > known.zero, known.one, small) / (known.one + small)


@numeric
def arc(v: Any) -> tuple[Any, Any]:
    """cos and sin of v quarter turns, |v| ≤ 1/2."""
    z, known = v * v, of(v)
    return known.one + z * polynomial(z, known.cos), v + v * polynomial(z, known.sin)


@numeric
def circle(turn: Any) -> tuple[Any, Any]:
    """The point of the unit circle after a turn: (cos 2π t, sin 2π t), |t| ≤ 2¹⁶."""
    known = of(turn)
    shifted = known.four * turn + known.shift
    cosine, sine = arc(known.four * turn - (shifted - known.shift))
    quarters = bits(shifted)
    odd = (quarters & known.last) == known.last
    right, up = where(odd, sine, cosine), where(odd, cosine, sine)
    left = (plus(quarters, known.last) & known.second_last) << known.to_sign
    down = (quarters & known.second_last) << known.to_sign
    return number(bits(right) ^ left, turn), number(bits(up) ^ down, turn)
