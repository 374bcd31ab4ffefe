"""Storage in fewer bits: how a number is rounded to them, and how what is lost of an update is kept for the next one.

Bits are those of a number's format, as a whole number: of one sign, they are in the order of the numbers that they stand for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import copy_of, zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, BitCount, CodeNumbers, Count, Norm, Vector


@formula("storage.truncation")
def truncate_bits(bits: Count, *, dropped: BitCount) -> Count:
    """The bits of a number without the last d of them, which become 0: no modulus grows, so the mean error has a sign.

        b ← ⌊b / 2ᵈ⌋ 2ᵈ

    Units: none.  Source: a convention of the field.
    """
    return bits // 2**dropped * 2**dropped


@formula("storage.stochastic_rounding")
def round_stochastically(bits: Count, offset: Count, *, dropped: BitCount) -> Count:
    """The bits of a number after an offset from 0 … 2ᵈ − 1 is added and the last d are dropped: unbiased, if all offsets are as likely.

        b ← ⌊(b + r) / 2ᵈ⌋ 2ᵈ

    Where l is the number in the last d bits, l of the 2ᵈ offsets round up.

    Units: none.  Source: Gupta et al. 2015, section 3.1; with bits, a convention of the field.
    """
    return (bits + offset) // 2**dropped * 2**dropped


class CompensatedSum(NamedTuple):
    """A sum, and what is missing from it (it starts at 0)."""

    total: Array
    missing: Array

    @classmethod
    def initial(cls, theta: Array) -> CompensatedSum:
        """Return the state before the first term: the start, of which nothing is missing."""
        return cls(copy_of(theta), zeros(theta))


@formula("storage.compensated_sum", initial=CompensatedSum.initial)
def add_compensated(term: Array, state: CompensatedSum) -> CompensatedSum:
    """Kahan's sum: what a rounded addition loses of the term is computed without error, and enters the next one.

        c ← c + Δ,   θ' = θ + c,   c ← c + (θ − θ'),   θ ← θ'

    Without rounding c is 0 after each step; with it, θ + c is the sum wherever |θ| is not below |c|.

    Units: as theta.  Source: Kahan 1965; Dekker 1971, the error of an addition.
    """
    missing = state.missing + term
    total = state.total + missing
    return CompensatedSum(total, missing + (state.total - total))


# --- blocks of numbers in 8 bits -------------------------------------------------------------------------------------------------------


@formula("storage.dynamic_code")
def dynamic_code(scale: Norm, *, signed: bool) -> CodeNumbers:
    """The 256 numbers of 8 bits in a block whose largest modulus is the scale: seven decades, each in twice as many parts as the last.

        s 10^(i−6) (.1 + .9 k/(2 n)),   k = 1, 3 … 2 n − 1,   n = 2ⁱ for i = 0 … 6;   0;   s

    Signed numbers have the negative of each decade too; numbers that are not negative have n = 2ⁱ⁺¹ in its place.

    Units: as scale.  Source: Dettmers 2016; Dettmers et al. 2022, section 1.3; the middles of intervals as in bitsandbytes.
    """
    numbers = [0 * scale]
    for decade in range(7):
        n = 2**decade if signed else 2 ** (decade + 1)
        numbers = [*numbers, *(scale * (2 * n + 9 * k) / (20 * n) / 10 ** (6 - decade) for k in range(1, 2 * n, 2))]
    negative = [*(-number for number in reversed(numbers[1:]))] if signed else []
    return np.stack([*negative, *numbers, scale])


@formula("storage.nearest")
def round_to_code(x: Vector, code: CodeNumbers) -> Vector:
    """The nearest number of a code, the first of two as near.

        x' = cₖ,   k = argminⱼ |x − cⱼ|

    Units: as x.  Source: Dettmers et al. 2022, section 1.2.
    """
    return code[np.argmin(np.abs(np.expand_dims(x, 1) - code), axis=1)]


@formula("storage.blockwise")
def round_block(x: Vector, *, signed: bool) -> Vector:
    """What is left of a block of numbers that is stored in 8 bits for each and its largest modulus, which stays as it is.

        s = max |xᵢ|,   xᵢ' = the nearest number of the dynamic code of scale s

    Units: as x.  Source: Dettmers et al. 2022, section 2.1.
    """
    return round_to_code(x, dynamic_code(np.max(np.abs(x)), signed=signed))
