"""Derivatives from values alone, against the certified ones."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from trainspec.reference import momentum
from trainspec.spec.arithmetic import Ball, Differential, Rational, central_difference, complex_step, proven_zero, slope, symbols


def cubic(x):
    return x**3 - 2 * x


def test_a_central_difference_of_a_cubic_is_off_by_the_square_of_the_step():
    x, h = symbols("x h", positive=True)
    gap = central_difference(cubic, x, 1, h) - (3 * x**2 - 2)
    assert sp.expand(gap.item() - h.item() ** 2) == 0
    exact = central_difference(cubic, Rational(2), 1, Fraction(1, 4))
    assert bool(exact == Rational(Fraction(10) + Fraction(1, 16)))


def test_a_smaller_step_is_better_by_its_square():
    errors = [central_difference(np.exp, Ball(1), 1, Fraction(1, 2**k)) - np.exp(Ball(1)) for k in (4, 5)]
    assert 3.9 < float((errors[0].item() / errors[1].item()).mid()) < 4.1


@pytest.mark.parametrize("point", [0.25, -1.5, 3.0])
def test_the_complex_step_agrees_with_the_certified_slope(point):
    def step(x):
        return momentum.nesterov.raw(x, np.tanh, 0 * x, lr=0.5, momentum=0.75)[0]

    certified = slope(step(Differential.along(Ball(point), 1))).item()
    assert abs(float((certified - complex_step(step, point, 1.0)).mid())) < 2 * np.spacing(1.0)


def test_a_wrong_derivative_is_seen():
    x = symbols("x")
    assert proven_zero((central_difference(cubic, x, 1, Fraction(1, 8)) - 3 * x**2).item()).verdict == "refuted"
