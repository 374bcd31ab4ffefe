"""Elementary functions for kernels, of numbers: IEEE operations alone, without branches or a library, so that loops of them vectorise.

What is written here is what runs: as machine code, inlined in a kernel's loop, on numbers or on lanes; and in plain Python on NumPy's
floats and arrays of them, with the same bits. A kernel that runs on symbols has NumPy's functions in their place.

The exponential is made of fused multiply-adds: half the operations, and as many roundings less. Logarithm, cosine and sine are not: samples
are made of them, and keep their bits.

An argument is first reduced (Cody & Waite 1980): to a remainder of log 2, to a mantissa about 1, to a part of a quarter turn. There a
polynomial is within .2 roundings of the function; its coefficients come from least squares that were reweighted towards the smallest
largest error, and rounded one after the other. The tests prove a bound for each function and say what was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numba
import numpy as np
from numba import extending, types
from numba.core.typing import templates
from numba.np.numpy_support import as_dtype

from .._jit import overload_for
from .lanes import Lanes, fma, generated_for, register_model, signature, where, with_bits_of, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

lower_getattr: Any = extending.lower_getattr_generic
type_of: Any = numba.typeof

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
    small: Any  # below, tanh is a fraction of polynomials
    log2e: Any
    log2_high: Any  # with enough zeros at its end that its multiples by exponents are exact
    log2_low: Any
    shift: Any  # added, it leaves the nearest integer in the last bits; it is a multiple of four
    bias: Any  # how the exponent of 1 is written, here as a number and below as a word
    normal: Any  # the smallest
    lift: Any  # a power of two that makes every number normal, and its exponent
    lifted: Any
    lowering: Any  # its reciprocal
    lifting_shift: Any  # shift plus this exponent, as it is written
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
    exp: tuple[Any, ...]  # eʳ,  |r| ≤ log 2 / 2; the first two are 1
    log: tuple[Any, ...]  # (2 artanh(√z)/√z − 2) / z,  0 ≤ z ≤ 1/25
    cos: tuple[Any, ...]  # (cos(π √z/2) − 1) / z,  0 ≤ z ≤ 1/4
    sin: tuple[Any, ...]  # sin(π √z/2)/√z − 1,  likewise
    tanh: tuple[Any, ...]  # (tanh(√z)/√z − 1) / z is the first over the second: Lambert's continued fraction, cut off
    tanh_under: tuple[Any, ...]
    erf_saturated: Any  # above, erf is 1
    erf_small: Any  # below, erf is a polynomial
    erf: tuple[Any, ...]  # erf(√z)/√z − 1,  0 ≤ z ≤ 49/64
    log_erfc: tuple[Any, ...]  # −log(1 − erf x)/x,  from 7/8 to where erf is 1


NUMBERS = {"zero": 0, "one": 1, "two": 2, "four": 4, "half": 0.5, "infinity": np.inf, "nan": np.nan}

POLYNOMIALS = ("exp", "log", "cos", "sin", "erf", "log_erfc")


def format_of(real: Any, word: Any, *, high: str, low: str, **rest: Any) -> Format:
    """Return a format from the types of its numbers and of their bits."""
    info: Any = np.finfo(real)
    shift = real(3 * 2.0 ** (info.nmant - 1))
    bits = {value: real(value).view(word) for value in (0.75, 1)}
    return Format(
        **{name: real(value) for name, value in NUMBERS.items()},
        least=real(rest["least"]),
        most=real(rest["most"]),
        saturated=real(rest["saturated"]),
        small=real(0.625),
        log2e=real(1 / np.log(2)),
        log2_high=real(float.fromhex(high)),
        log2_low=real(float.fromhex(low)),
        shift=shift,
        bias=real(1 - info.minexp),
        normal=info.smallest_normal,
        lift=real(2.0 ** (info.nmant + 2)),
        lifted=real(info.nmant + 2),
        lowering=real(2.0 ** -(info.nmant + 2)),
        lifting_shift=shift + real(info.nmant + 2) + real(1 - info.minexp),
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
        erf_saturated=real(rest["erf_saturated"]),
        erf_small=real(0.875),
        **{name: tuple(real(float.fromhex(coefficient)) for coefficient in rest[name].split()) for name in POLYNOMIALS},
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
        exp="1 1 0x1.fffffcp-2 0x1.555492p-3 0x1.5558b0p-5 0x1.123962p-7 0x1.6a4dcep-10",
        log="0x1.5555b4p-1 0x1.992ac0p-2 0x1.36e8b4p-2",
        cos="-0x1.3bd3ccp+0 0x1.03c1a8p-2 -0x1.55ad5cp-6 0x1.d33ef0p-11",
        sin="0x1.243f6ap-1 -0x1.4abba8p-1 0x1.465920p-4 -0x1.2ca6a0p-8",
        tanh=(-315, -14),
        tanh_under=(945, 420, 15),
        erf_saturated=4,
        erf="0x1.06eba6p-3 -0x1.812700p-2 0x1.ce1fd2p-4 -0x1.b6e41ap-6 0x1.4979ccp-8 -0x1.440bb8p-11",
        log_erfc="0x1.20e70ep+0 0x1.4577d8p-1 0x1.af5c6ep-4 -0x1.779162p-6 0x1.a6be82p-9 -0x1.c36776p-13",
    ),
    np.dtype(np.float64): format_of(
        np.float64,
        np.uint64,
        least=-746,
        most=710,
        saturated=20,
        high="0x1.62e42fefa38p-1",
        low="0x1.ef35793c7673p-45",
        exp="1 1 0x1.000000000000ap-1 0x1.5555555555505p-3 0x1.55555555506a1p-5 0x1.1111111124ea8p-7 0x1.6c16c1847d289p-10"
        " 0x1.a01a013995996p-13 0x1.a019995142d9fp-16 0x1.71df039cc259ap-19 0x1.28ae063f7ed2dp-22 0x1.adb4201e1c0dfp-26",
        log="0x1.5555555555775p-1 0x1.99999998f0e65p-2 0x1.249249b20b5a6p-2 0x1.c71c01717d6e8p-3 0x1.7474e0db12746p-3"
        " 0x1.3852f982f947ap-3 0x1.3abd26275f414p-3",
        cos="-0x1.3bd3cc9be45dep+0 0x1.03c1f081b5a4bp-2 -0x1.55d3c7e3bea28p-6 0x1.e1f506732cda7p-11 -0x1.a6d1dff3d6443p-16"
        " 0x1.f9c2c8d50f0c3p-22 -0x1.af9ba2e8b203cp-28",
        sin="0x1.243f6a8885a31p-1 -0x1.4abbce625beccp-1 0x1.466bc677642abp-4 -0x1.32d2ccee7b313p-8 0x1.50783a5fd502ep-13"
        " -0x1.e30958caf17cep-19 0x1.e6cc9e889ee17p-25",
        tanh=(-675675, -45045, -594, -1),
        tanh_under=(2027025, 945945, 51975, 630, 1),
        erf_saturated=6,
        erf="0x1.06eba8214db68p-3 -0x1.812746b03796dp-2 0x1.ce2f21a03c37bp-4 -0x1.b82ce3106c433p-6 0x1.565bccb58123bp-8"
        " -0x1.c02da2f874077p-11 0x1.f9a11df613998p-14 -0x1.f4aa40f7e31d3p-17 0x1.b7e7f2dbb82bcp-20 -0x1.4f787ce86962fp-23"
        " 0x1.677cfb8b6fa73p-27",
        log_erfc="0x1.20dd7509e30bcp+0 0x1.45f304da57a7cp-1 0x1.a4f57d0ace5fap-4 -0x1.39725cf38bb3dp-6 -0x1.a4368adf81bfbp-13"
        " 0x1.b79169e3fa09bp-10 -0x1.24cb96e451990p-11 -0x1.d01cf40bd8feep-17 0x1.b208bda780fa5p-14 -0x1.f6f1601149c6ap-15"
        " 0x1.6eccf1b0cf965p-16 -0x1.8810015b4d970p-18 0x1.3e17e9a935249p-20 -0x1.86bdd6a5de7ddp-23 0x1.619f6318f8d6bp-26"
        " -0x1.bdb80b181390fp-30 0x1.5d9e53e03c144p-34 -0x1.00f794d79c8c8p-39",
    ),
}


def numeric(function: F) -> F:
    """Let machine code call a function of numbers as it is written."""
    overload_for(function)(lambda *_: function)
    return function


def format_for(x: Any) -> Format:
    """Return the constants of a number's format, whatever the order of its bytes."""
    return FORMATS[x.dtype.newbyteorder("=")]


class FormatType(types.Opaque):
    """Numba's type of the constants of one format: each of them stands in the code where it is asked for, and none is in memory."""

    def __init__(self, dtype: Any) -> None:
        self.constants = FORMATS[dtype]
        super().__init__(f"format({dtype})")


register_model(FormatType)(extending.models.OpaqueModel)


@templates.infer_getattr
class FormatAttributes(templates.AttributeTemplate):
    """The types of these constants."""

    key = FormatType

    def generic_resolve(self, value: Any, attr: Any) -> Any:  # type: ignore[override]
        """Return the type of one of them."""
        return type_of(getattr(value.constants, attr))


def constant_of(context: Any, builder: Any, kind: FormatType, _: Any, name: str) -> Any:
    """Return one of these constants."""
    constant = getattr(kind.constants, name)
    return context.get_constant_generic(builder, type_of(constant), constant)


lower_getattr(FormatType)(constant_of)


@generated_for(format_for)
def _format_for(x: Any) -> Any:
    kind = FormatType(as_dtype(x.kind if isinstance(x, Lanes) else x))
    return signature(kind, x), lambda context, *_: context.get_dummy_value()


def to_bits(x: Any) -> Any:
    """Return the bits of a number, as a word."""
    return x.view(f"u{x.itemsize}")


@overload_for(to_bits)
def _to_bits(x: Any) -> Callable[..., Any]:
    if isinstance(x, Lanes):
        kind = words_of(x.kind)
        return lambda x: with_bits_of(x, kind)
    real, word = NARROW[x.bitwidth]
    return lambda x: real(x).view(word)


def from_bits(word: Any, like: Any) -> Any:
    """Return the number with these bits, in the format of `like`."""
    return word.view(like.dtype)


@overload_for(from_bits)
def _from_bits(word: Any, like: Any) -> Callable[..., Any]:
    if isinstance(word, Lanes):
        kind = like.kind
        return lambda word, like: with_bits_of(word, kind)
    real, narrow = NARROW[like.bitwidth]
    return lambda word, like: narrow(word).view(real)


def add_words(word: Any, other: Any) -> Any:
    """Return the sum of two words, of their width."""
    return word + other


@overload_for(add_words)
def _add_words(word: Any, other: Any) -> Callable[..., Any]:
    if isinstance(word, Lanes):
        return lambda word, other: word + other
    narrow = as_dtype(other).type
    return lambda word, other: narrow(word + other)


def fused_polynomial(x: Any, coefficients: tuple[Any, ...]) -> Any:
    """Return c₀ + c₁ x + c₂ x² + …, by Horner's rule with fused multiply-adds."""
    return coefficients[0] if len(coefficients) == 1 else fma(x, fused_polynomial(x, coefficients[1:]), coefficients[0])


@overload_for(fused_polynomial)
def _fused_polynomial(x: Any, coefficients: Any) -> Callable[..., Any]:
    if len(coefficients) == 1:
        return lambda x, coefficients: coefficients[0]
    return lambda x, coefficients: fma(x, fused_polynomial(x, coefficients[1:]), coefficients[0])


def polynomial(x: Any, coefficients: tuple[Any, ...]) -> Any:
    """Return c₀ + c₁ x + c₂ x² + …, by Horner's rule."""
    return coefficients[0] if len(coefficients) == 1 else coefficients[0] + x * polynomial(x, coefficients[1:])


@overload_for(polynomial)
def _polynomial(x: Any, coefficients: Any) -> Callable[..., Any]:
    if len(coefficients) == 1:
        return lambda x, coefficients: coefficients[0]
    return lambda x, coefficients: coefficients[0] + x * polynomial(x, coefficients[1:])


@numeric
def power_of_two(shifted: Any) -> Any:
    """Return 2ⁿ from n + shift: the last bits of n, moved into the exponent."""
    constants = format_for(shifted)
    return from_bits(add_words(to_bits(shifted), constants.bias_word) << constants.mantissa, shifted)


@numeric
def exp_about_zero(high: Any, n: Any) -> Any:
    """Return eʳ at r = high − n log2_low, |r| ≤ log 2 / 2."""
    constants = format_for(high)
    r = fma(-n, constants.log2_low, high)
    return fused_polynomial(r, constants.exp)


@numeric
def exp_reduced(x: Any) -> tuple[Any, Any]:
    """Return n and y with eˣ = 2ⁿ y, √½ ≤ y ≤ √2."""
    constants = format_for(x)
    n = fma(x, constants.log2e, constants.shift) - constants.shift
    return n, exp_about_zero(fma(-n, constants.log2_high, x), n)


@numeric
def exp(x: Any) -> Any:
    """Return eˣ; 2ⁿ is multiplied in two steps, as it may leave the format where the result does not."""
    constants = format_for(x)
    x = where(x < constants.least, constants.least, where(x > constants.most, constants.most, x))
    n, y = exp_reduced(x)
    half = constants.shift + n * constants.half
    rest = constants.shift + (n - (half - constants.shift))
    return y * power_of_two(half) * power_of_two(rest)


@numeric
def exp_lifted(x: Any) -> Any:
    """Return eˣ times the lift of its format, x ≤ 0: it is never subnormal, so that one product by a power of two makes it."""
    constants = format_for(x)
    x = where(x < constants.least, constants.least, x)
    shifted = fma(x, constants.log2e, constants.lifting_shift)
    n = shifted - constants.lifting_shift
    return exp_about_zero(fma(-n, constants.log2_high, x), n) * from_bits(to_bits(shifted) << constants.mantissa, x)


@numeric
def lowered(x: Any) -> Any:
    """Return a number divided by the lift of its format."""
    return x * format_for(x).lowering


@numeric
def exp_of_negative(x: Any) -> Any:
    """Return eˣ, x ≤ 0."""
    return lowered(exp_lifted(x))


@numeric
def tanh_small(x: Any) -> tuple[Any, Any]:
    """Return tanh(x) − x as a fraction, 0 ≤ x ≤ 5/8."""
    z, constants = x * x, format_for(x)
    return x * z * polynomial(z, constants.tanh), polynomial(z, constants.tanh_under)


@numeric
def tanh_large(scale: Any, y: Any) -> tuple[Any, Any]:
    """Return 1 − tanh(x) as a fraction, from e²ˣ = scale y."""
    constants = format_for(y)
    return constants.two, fma(y, scale, constants.one)


@numeric
def tanh(x: Any) -> Any:
    """Return x + (tanh(x) − x) near 0, else 1 − 2 / (e²ˣ + 1), of the modulus; the sign is restored."""
    constants = format_for(x)
    size = where(abs(x) > constants.saturated, constants.saturated, abs(x))
    n, y = exp_reduced(size + size)
    small, (near, near_under), (far, far_under) = size < constants.small, tanh_small(size), tanh_large(power_of_two(n + constants.shift), y)
    quotient = where(small, near, far) / where(small, near_under, far_under)
    return from_bits(to_bits(where(small, size + quotient, constants.one - quotient)) | (to_bits(x) & constants.sign), x)


@numeric
def erf_small(x: Any) -> Any:
    """Return erf(x), 0 ≤ x ≤ 7/8."""
    return fma(x, fused_polynomial(x * x, format_for(x).erf), x)


@numeric
def log_of_erfc(x: Any) -> Any:
    """Return log(1 − erf(x)), 7/8 ≤ x: what it is off counts as much less as 1 − erf(x) is smaller than erf(x)."""
    return -x * fused_polynomial(x, format_for(x).log_erfc)


@numeric
def erf(x: Any) -> Any:
    """Return the error function 2/√π ∫₀ˣ exp(−t²) dt, of the modulus; the sign is restored."""
    constants = format_for(x)
    size = where(abs(x) > constants.erf_saturated, constants.erf_saturated, abs(x))
    n, y = exp_reduced(log_of_erfc(size))
    far = fma(-y, power_of_two(n + constants.shift), constants.one)
    return from_bits(to_bits(where(size < constants.erf_small, erf_small(size), far)) | (to_bits(x) & constants.sign), x)


@numeric
def log_of_product(k: Any, f: Any) -> Any:
    """Return log(2ᵏ (1 + f)), −1/4 ≤ f ≤ 1/2: log(1 + f) = 2 artanh(s) = f − f²/2 + s (f²/2 + R), where s = f / (2 + f)."""
    constants = format_for(f)
    s, half = f / (constants.two + f), f * f * constants.half
    z = s * s
    rest = s * (half + z * polynomial(z, constants.log))
    return k * constants.log2_high - ((half - (rest + k * constants.log2_low)) - f)


@numeric
def log(x: Any) -> Any:
    """Return the natural logarithm: −∞ of 0, NaN of negative numbers."""
    constants = format_for(x)
    subnormal = x < constants.normal
    word = add_words(to_bits(where(subnormal, x * constants.lift, x)), constants.quarter)
    exponent = from_bits(add_words(word >> constants.mantissa, constants.shift_bits), x) - constants.shift
    k = exponent - constants.bias - where(subnormal, constants.lifted, constants.zero)
    f = from_bits(add_words(word & constants.fraction, constants.three_quarters), x) - constants.one
    inside = where(x > constants.zero, log_of_product(k, f), where(x < constants.zero, constants.nan, -constants.infinity))
    return where(x < constants.infinity, inside, x)


@numeric
def softplus(x: Any) -> Any:
    """Return log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|), without overflow or cancellation."""
    constants = format_for(x)
    small = exp_of_negative(-abs(x))
    large = small >= constants.half
    added = log_of_product(where(large, constants.one, constants.zero), where(large, (small - constants.one) * constants.half, small))
    return where(x > constants.zero, x, constants.zero) + added


@numeric
def logistic(x: Any) -> Any:
    """Return 1 / (1 + e⁻ˣ), without overflow: e^−|x| or 1, over 1 + e^−|x|."""
    constants = format_for(x)
    small = exp_of_negative(-abs(x))
    return where(x > constants.zero, constants.one, small) / (constants.one + small)


@numeric
def cospi_sinpi_reduced(v: Any) -> tuple[Any, Any]:
    """Return cos and sin of v quarter turns, |v| ≤ 1/2."""
    z, constants = v * v, format_for(v)
    return constants.one + z * polynomial(z, constants.cos), v + v * polynomial(z, constants.sin)


@numeric
def cospi_sinpi(turn: Any) -> tuple[Any, Any]:
    """Return the cosine and the sine of t turns: cos 2π t and sin 2π t, |t| ≤ 2¹⁶."""
    constants = format_for(turn)
    shifted = constants.four * turn + constants.shift
    cosine, sine = cospi_sinpi_reduced(constants.four * turn - (shifted - constants.shift))
    quarters = to_bits(shifted)
    odd = (quarters & constants.last) == constants.last
    right, up = where(odd, sine, cosine), where(odd, cosine, sine)
    left = (add_words(quarters, constants.last) & constants.second_last) << constants.to_sign
    down = (quarters & constants.second_last) << constants.to_sign
    return from_bits(to_bits(right) ^ left, turn), from_bits(to_bits(up) ^ down, turn)
