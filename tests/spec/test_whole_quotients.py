"""Floor division: every arithmetic agrees with Python's on integers, and says nothing where it does not know."""

from fractions import Fraction

import pytest
import sympy as sp
from flint import arb
from trainspec.spec.arithmetic import Ball, Differential, Rational, Running, Symbolic, Undecided, slope, symbols


@pytest.mark.parametrize(("a", "b"), [(7, 3), (6, 3), (0, 5), (-7, 3), (7, -2), (2, 7)])
def test_integers(a, b):
    for arithmetic in (Symbolic, Rational, Ball):
        assert (arithmetic(a) // b).item() == a // b
    running = (Running(a) // b).item()
    assert (running.value, running.error) == (a // b, 0)


def test_fractions():
    for arithmetic in (Symbolic, Rational, Ball):
        assert (arithmetic(Fraction(7, 2)) // Fraction(3, 4)).item() == 4


def test_a_remainder_that_is_plainly_small_is_dropped():
    q, r, m = symbols("q r m", integer=True, nonnegative=True)
    period = r + 1 + m
    for rest, quotient in ((r, q), (period - 1, q), (period, q + 1), (-1 - m, q - 1)):
        assert ((q * period + rest) // period).item() == quotient.item()
    assert ((q + r) // period).item().has(sp.floor)


def test_what_is_not_known_is_not_answered():
    with pytest.raises(Undecided):
        Ball(arb(3, 0.5)) // 3
    with pytest.raises(Undecided):
        Running(0.1) * Running(0.1) // Running(0.01)


def test_slopes_are_flat_but_for_the_jumps():
    assert slope(Differential.along(Ball(Fraction(7, 2)), 1) // 3).item() == 0
    with pytest.raises(Undecided):
        Differential.along(Ball(6), 1) // 3
