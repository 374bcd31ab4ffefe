"""Storage in fewer bits: how a number is rounded to them, and how what is lost of an update is kept for the next one.

Bits are those of a number's format, as a whole number: of one sign, they are in the order of the numbers that they stand for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._initial import copy_of, zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, BitCount, Count


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
