"""Evidence for reference/storage.py: every offset of the bits that are dropped, and what a compensated sum loses."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...reference.storage import CompensatedSum
from ..arithmetic import Rational, symbols
from . import Claims, Step, enumeration, law, proof, stated_figures

if TYPE_CHECKING:
    from ...reference.domains import Array

start, term, missing = symbols("start term missing")
q, r, m = symbols("q r m", integer=True, nonnegative=True)


@enumeration("storage.truncation", scope="exact, all numbers below 256, 0 to 8 bits dropped")
def largest_multiple(truncate_bits: Step) -> Claims:
    """The result is the largest multiple of 2ᵈ that is not larger."""
    for dropped in range(9):
        multiples = [number for number in range(256) if number % 2**dropped == 0]
        for bits in range(256):
            yield truncate_bits(bits, dropped=dropped), max(multiple for multiple in multiples if multiple <= bits)


@proof(
    "storage.truncation",
    "storage.stochastic_rounding",
    scope="every multiple of 2 … 256 with every rest and offset, sums below and above the unit",
)
def multiples_and_rests(truncate_bits: Step, round_stochastically: Step) -> Claims:
    """Of q 2ᵈ + l the multiple q 2ᵈ is left; an offset r leaves it if l + r < 2ᵈ, and adds 2ᵈ if not. Offset 0 is truncation."""
    for dropped in (1, 2, 8):
        unit = 2**dropped
        for rest in range(min(unit, 4)):
            yield truncate_bits(q * unit + rest, dropped=dropped), q * unit
            for offset in range(min(unit, 4)):
                rounded = q * unit + (unit if rest + offset >= unit else 0)
                yield round_stochastically(q * unit + rest, offset, dropped=dropped), rounded
        yield round_stochastically(q * unit + unit - 1, unit - 1, dropped=dropped), (q + 1) * unit
        yield round_stochastically(q * unit + 1, 0, dropped=dropped), truncate_bits(q * unit + 1, dropped=dropped)


@enumeration("storage.stochastic_rounding", scope="exact, all numbers below 64 and all offsets, 0 to 5 bits; all 2¹⁶ offsets of 5 numbers")
def every_offset(round_stochastically: Step) -> Claims:
    """l of the offsets round up, so that the mean is the number itself and the variance l (2ᵈ − l)."""
    (row,) = stated_figures("storage.stochastic_rounding")
    wide = [(int(row["dropped"]), bits) for bits in (0, 1, 65535, 65536, 0x3F80_4000)]
    for dropped, bits in itertools.chain(itertools.product(range(6), range(64)), wide):
        unit = 2**dropped
        rounded = [round_stochastically(bits, offset, dropped=dropped) for offset in range(unit)]
        rest = bits % unit
        yield sum(value > bits for value in rounded) if rest else sum(value != bits for value in rounded), rest
        yield Fraction(sum(rounded), unit), bits
        yield Fraction(sum((value - bits) ** 2 for value in rounded), unit), rest * (unit - rest)


@proof("storage.compensated_sum", scope="every sum, term and missing part, of real numbers")
def nothing_is_missing(add_compensated: Step) -> Claims:
    """The new sum has the term and what was missing; without rounding nothing is missing from it."""
    yield add_compensated(term, CompensatedSum(start, missing)), (start + missing + term, 0)


@enumeration("storage.compensated_sum", scope="exact, all sequences of three terms from −1, 1/3, 2, from two starts")
def sums_by_hand(add_compensated: Step) -> Claims:
    """The sum of start and terms in fractions, term by term."""
    for first, terms in itertools.product(
        (Fraction(0), Fraction(5, 7)), itertools.product((Fraction(-1), Fraction(1, 3), Fraction(2)), repeat=3)
    ):
        state, expected = CompensatedSum(Rational(first), Rational(0)), first
        for number in terms:
            state, expected = add_compensated(Rational(number), state), expected + number
            yield state, (expected, 0)


@law("storage.compensated_sum", scope="float64, bit for bit, sums that are not smaller than what is added", exact=True)
def no_bit_is_lost(add_compensated: Step, theta: Array, term: Array) -> Claims:
    """Sum and missing part together are exactly the sum of before and the term, and the sum is the rounded one."""
    larger, smaller = np.where(np.abs(theta) >= np.abs(term), theta, term), np.where(np.abs(theta) >= np.abs(term), term, theta)
    state = add_compensated(smaller, CompensatedSum(larger, 0 * larger))
    yield state.total, larger + smaller
    yield exact_sums(state.total, state.missing), exact_sums(larger, smaller)


def exact_sums(one: Any, other: Any) -> Any:
    """Return the sums of the entries of two arrays of floats, as fractions."""
    return Rational([Fraction(float(x)) + Fraction(float(y)) for x, y in zip(np.ravel(one), np.ravel(other), strict=True)])
