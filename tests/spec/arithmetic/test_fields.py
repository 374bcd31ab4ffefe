"""Prime fields with exponentials and logarithms."""

import numpy as np
import pytest
from trainspec.spec.arithmetic import fields
from trainspec.spec.arithmetic.fields import PRIMES


def test_each_prime_is_twice_the_one_below_and_one():
    assert [2 * below + 1 for below in PRIMES[:-1]] == list(PRIMES[1:])
    for prime in PRIMES:
        assert all(prime % divisor for divisor in range(2, 40_000))
        assert [pow(number, prime // 2, prime) for number in (2, 3, 5, 7)] == [1] * 4
        assert pow(-1, prime // 2, prime) == prime - 1  # of a number and its negative, one is a square


@pytest.mark.parametrize("level", [2, 3])
def test_functional_equations(level):
    x, y = (np.random.default_rng(seed).integers(0, PRIMES[level - 1], 8) for seed in (0, 1))
    a, b = fields.exponential(x, level), fields.exponential(y, level)
    assert np.array_equal(fields.exponential((x + y) % PRIMES[level - 1], level), a * b % PRIMES[level])
    assert np.array_equal(fields.logarithm(a * b % PRIMES[level], level), (x + y) % PRIMES[level - 1])
    assert fields.are_squares(a, level).all()
    assert not fields.are_squares(-a % PRIMES[level], level).any()


def test_inverses_and_fractions():
    x = np.arange(1, 50)
    assert np.all(x * fields.inverse(x, 2) % PRIMES[2] == 1)
    assert fields.fraction(-3, 7, 2) * 7 % PRIMES[2] == PRIMES[2] - 3


def test_an_unknown_function_depends_on_its_name_and_argument_alone():
    x = np.arange(100)
    assert np.array_equal(fields.scramble(x, 2, "f"), fields.scramble(x[::-1], 2, "f")[::-1])
    assert not np.any(fields.scramble(x, 2, "f") == fields.scramble(x, 2, "g"))
    assert len(set(fields.scramble(x, 2, "f"))) == 100
