"""Evidence for reference/storage.py: every offset of the bits that are dropped, and what a compensated sum loses."""

from __future__ import annotations

import functools
import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ...reference.storage import CompensatedSum
from ..arithmetic import Rational, Symbolic, symbols
from . import Claims, Step, enumeration, law, proof, stated_figures

if TYPE_CHECKING:
    from ...reference.domains import Array

start, term, missing = symbols("start term missing")
scale, distance = symbols("scale distance", positive=True)
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


# --- blocks of numbers in 8 bits -------------------------------------------------------------------------------------------------------


def middles(*, signed: bool) -> list[Fraction]:
    """Return the code of scale 1: the middles of equal parts of (1/10, 1], … and of (10⁻⁷, 10⁻⁶], 0 and 1."""
    positive = []
    for decade in range(7):
        upper, parts = Fraction(1, 10 ** (6 - decade)), 2 ** (decade if signed else decade + 1)
        ends = [upper / 10 + (upper - upper / 10) * part / parts for part in range(parts + 1)]
        positive += [(lower + higher) / 2 for lower, higher in itertools.pairwise(ends)]
    return sorted([*([-number for number in positive] if signed else []), Fraction(0), *positive, Fraction(1)])


@enumeration("storage.dynamic_code", scope="exact, all numbers of both codes, scales 1 and 7/3")
def codes_by_hand(dynamic_code: Step) -> Claims:
    """256 different numbers in their order: middles of equal parts of seven decades, 0 and the scale. The widest gaps are as stated."""
    (row,) = stated_figures("storage.dynamic_code")
    for signed, kind in ((True, "signed"), (False, "unsigned")):
        code = middles(signed=signed)
        for scale in (Fraction(1), Fraction(7, 3)):
            yield dynamic_code(Rational(scale), signed=signed), Rational([scale * number for number in code])
        numbers = [Fraction(int(number.p), int(number.q)) for number in Rational.object_array(dynamic_code(Rational(1), signed=signed))]
        yield len(set(numbers)), 256
        yield min(number for number in numbers if number > 0), Fraction(row[f"smallest_{kind}"])
        yield max(higher - lower for lower, higher in itertools.pairwise(numbers)) / 2, Fraction(row[kind])


@proof("storage.dynamic_code", "storage.blockwise", scope="every scale")
def codes_are_in_proportion(dynamic_code: Step, round_block: Step) -> Claims:
    """The code of a scale is the scale times the code of 1; a block of equal numbers, of one number, or of 0 and one stays as it is."""
    for signed in (True, False):
        yield dynamic_code(scale, signed=signed), scale * Symbolic([sp.Rational(number) for number in middles(signed=signed)])
        yield round_block(np.stack([scale, 0 * scale, scale]), signed=signed), np.stack([scale, 0 * scale, scale])
    yield round_block(np.stack([scale, -scale, scale / 2]), signed=True)[0], scale


@enumeration("storage.nearest", scope="exact, codes of 1 to 5 numbers, points below, at, between and above them")
def nearest_by_hand(round_to_code: Step) -> Claims:
    """The number of least distance; of two as near the one that comes first."""
    numbers = [Fraction(-2), Fraction(-1, 3), Fraction(0), Fraction(1), Fraction(5)]
    points = sorted({*numbers, Fraction(-7), Fraction(9), *((low + high) / 2 for low, high in itertools.pairwise(numbers))})
    points += [point + Fraction(1, 100) for point in points]
    for size in range(1, 6):
        for code in (numbers[:size], numbers[size - 1 :: -1]):
            due = [code[[abs(point - number) for number in code].index(min(abs(point - number) for number in code))] for point in points]
            yield round_to_code(Rational(points), Rational(code)), Rational(due)


@proof("storage.nearest", scope="every two numbers, points at them, between them and beyond")
def nearer_of_two(round_to_code: Step) -> Claims:
    """Of a and a + 2 d those below and at the middle a + d go to the first, those above to the second."""
    code = np.stack([start, start + 2 * distance])
    points = np.stack([start - distance, start, start + distance / 2, start + distance, start + distance * 3 / 2, start + 9 * distance])
    yield round_to_code(points, code), np.stack([start] * 4 + [start + 2 * distance] * 2)


@enumeration("storage.blockwise", scope="exact, blocks of 1 to 40 numbers of both signs, sizes from 10⁻⁸ to 1")
def blocks_by_hand(round_block: Step) -> Claims:
    """Each number becomes the nearest of the scaled code; the largest modulus stays if it is positive, the error is at most as stated."""
    source = np.random.default_rng(0)
    (row,) = stated_figures("storage.dynamic_code")
    for size in (1, 2, 7, 40):
        for signed, kind in ((True, "signed"), (False, "unsigned")):
            block = [
                Fraction(int(top), int(10**power))
                for top, power in zip(source.integers(1, 99, size), source.integers(2, 9, size), strict=True)
            ]
            block = [number * int(sign) for number, sign in zip(block, source.choice([-1, 1], size), strict=True)] if signed else block
            largest = max(map(abs, block))
            code = [largest * number for number in middles(signed=signed)]
            due = [min(code, key=functools.partial(distance_of, point)) for point in block]
            yield round_block(Rational(block), signed=signed), Rational(due)
            yield max(abs(point - number) for point, number in zip(block, due, strict=True)) <= largest * Fraction(row[kind]), True


def distance_of(point: Fraction, number: Fraction) -> Fraction:
    """Return how far two fractions are from each other."""
    return abs(point - number)
