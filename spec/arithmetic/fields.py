"""Prime fields in which exponentials and logarithms have their functional equations: numbers at many random points at once.

The primes are a Cunningham chain: each is twice the prime below it, plus 1. So the squares of one field are a group whose order is the
prime below, and x → gˣ maps the field below onto it: exp leads up a level, and log, which undoes it, leads down.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

import numpy as np

PRIMES = (66516239, 133032479, 266064959, 532129919, 1064259839)  # 2, 3, 5 and 7 are squares in all of them
LEVEL = 2  # at which claims are compared: two exponentials or two logarithms may be nested
GENERATOR = 4  # of the squares of each field, whose number is prime

Values = Any  # an array of int64, a value for each point


def seed_of(*parts: Any) -> int:
    """Return a number that depends on nothing but these parts."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "little")


def random_squares(points: int, level: int, *key: Any) -> Values:
    """Return squares other than 0, drawn for a key."""
    roots = np.random.default_rng(seed_of(level, *key)).integers(1, PRIMES[level], points)
    return roots * roots % PRIMES[level]


def power(base: Values, exponent: Values, level: int) -> Values:
    """Return base ** exponent by repeated squaring; the exponent is an array of whole numbers, or one."""
    prime = PRIMES[level]
    exponent = np.broadcast_to(np.asarray(exponent, dtype=np.int64), np.shape(base))
    result, factor = np.ones_like(base), base
    while np.any(exponent):
        result = np.where(exponent & 1, result * factor % prime, result)
        factor, exponent = factor * factor % prime, exponent >> 1
    return result


def inverse(values: Values, level: int) -> Values:
    """Return 1 / values; 0 for 0."""
    return power(values, PRIMES[level] - 2, level)


def are_squares(values: Values, level: int) -> Values:
    """Return which values are squares other than 0."""
    return power(values, PRIMES[level] // 2, level) == 1


def fraction(numerator: int, denominator: int, level: int) -> int:
    """Return a fraction as an element."""
    return numerator * pow(denominator, -1, PRIMES[level]) % PRIMES[level]


def scramble(values: Values, level: int, name: str) -> Values:
    """Return a value of the function with this name: nothing is known of it but that equal arguments have equal values."""
    mixed = np.asarray(values, dtype=np.uint64) ^ np.uint64(seed_of(name, level))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(PRIMES[level])).astype(np.int64)


def exponential(exponents: Values, level: int) -> Values:
    """Return g to the power of elements of the field below this level."""
    return power(np.full_like(exponents, GENERATOR), exponents, level)


BABY_STEPS, BITS = 1 << 17, 23


@functools.cache
def baby_steps(level: int) -> tuple[Any, Any, Any]:
    """Return the first powers of g, sorted, their exponents, and which of their lowest bits occur."""
    powers = np.array([1], dtype=np.int64)
    while len(powers) < BABY_STEPS:
        powers = np.concatenate([powers, powers * pow(GENERATOR, len(powers), PRIMES[level]) % PRIMES[level]])
    order = np.argsort(powers)
    occurs = np.zeros(1 << BITS, dtype=bool)
    occurs[powers & ((1 << BITS) - 1)] = True
    return powers[order], order, occurs


def logarithm(values: Values, level: int) -> Values:
    """Return the exponents of g at which squares lie, as elements of the field below (Shanks' baby steps and giant steps)."""
    powers, exponents, occurs = baby_steps(level)
    prime, order = PRIMES[level], PRIMES[level - 1]
    giants = -(-order // BABY_STEPS)
    steps = power(np.full(giants, GENERATOR), (-np.arange(giants) * BABY_STEPS) % order, level)
    result = np.zeros_like(values)
    for point, value in enumerate(values):
        reached = value * steps % prime
        for giant in np.flatnonzero(occurs[reached & ((1 << BITS) - 1)]):
            at = np.searchsorted(powers, reached[giant])
            if at < BABY_STEPS and powers[at] == reached[giant]:
                result[point] = (giant * BABY_STEPS + exponents[at]) % order
                break
    return result
