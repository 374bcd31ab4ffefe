"""Conditions: what an operation on symbols takes for granted is noted, unless the assumptions imply it."""

import numpy as np
import pytest
import sympy as sp
from trainspec.spec.arithmetic import Tensor, Verdict, symbols, tensor
from trainspec.spec.arithmetic.conditions import conditions, in_words
from trainspec.spec.evidence import judge

N = sp.Symbol("n", integer=True, positive=True)
x, y = symbols("x y")
p = symbols("p", positive=True)
q = symbols("q", nonnegative=True)
row = tensor("x", N)

NEEDED = {
    "a cancelled divisor": (lambda: x * (y - 3) / (y - 3), "where y - 3 ≠ 0"),
    "a cancelled sum": (lambda: row * (np.sum(row) - 3) / (np.sum(row) - 3), "where Sum(x[i1], (i1, 1, n)) - 3 ≠ 0"),
    "a root": (lambda: p / np.sqrt(q), "where sqrt(q) ≠ 0"),
    "a norm": (lambda: row / np.sqrt(np.sum(row**2)), "where sqrt(Sum(x[i1]**2, (i1, 1, n))) ≠ 0"),
    "a root of any number": (lambda: np.sqrt(x), "where x ≥ 0"),
    "a logarithm": (lambda: 0 * np.log(q), "where q > 0"),
    "a negative power": (lambda: x ** (-1), "where x ≠ 0"),
    "a reciprocal": (lambda: np.reciprocal(x) * x, "where x ≠ 0"),
    "a fraction of a power": (lambda: x ** (p / 2), "where x ≥ 0"),
    "several": (lambda: 1 / x + 1 / y + 1 / (x - y) + 1 / (x + y), "where x ≠ 0, y ≠ 0, x - y ≠ 0 and 1 more"),
    "the same twice": (lambda: 1 / x + 2 / x, "where x ≠ 0"),
    "nothing of a positive number": (lambda: np.log(p) / p + np.sqrt(p) / np.sqrt(q + p), ""),
    "nothing of a size": (lambda: row / Tensor(N) + np.mean(row), ""),
    "nothing of a number": (lambda: x / 3 + np.sqrt(x * 0 + 2), ""),
    "nothing of a square": (lambda: np.sqrt(x**2) / (1 + x**2), ""),
    "nothing of an exponential": (lambda: np.log(np.exp(x)) + 1 / np.exp(x), ""),
}


@pytest.mark.parametrize("name", NEEDED)
def test_what_an_operation_needs_is_noted(name):
    compute, words = NEEDED[name]
    with conditions() as noted:
        compute()
    assert in_words(noted) == words


@pytest.mark.parametrize("name", NEEDED)
def test_values_carry_what_their_computation_needs_to_the_judge(name):
    compute, words = NEEDED[name]
    value = compute()
    assert judge(value, value) == (Verdict.HOLDS, words)
    assert judge(np.sum(np.transpose(1 * (value,))), np.sum(np.transpose(1 * (value,)))).detail == words


def test_views_entries_and_solutions_carry_what_they_need():
    pair = np.stack([x, y]) / (y - 3)
    for part in (pair[0], pair[:1], pair.reshape(2, 1), np.where(x > 0, pair, 0), next(iter(pair))):
        assert judge(part, part).detail == "where y - 3 ≠ 0"
    solution = np.linalg.solve(np.stack([np.stack([x, 0 * x]), np.stack([0 * x, y])]), np.stack([x, y]))
    assert judge(solution, np.ones(2)) == (Verdict.HOLDS, "where x*y ≠ 0")


def test_expressions_of_sympy_show_their_divisors():
    a, b = sp.symbols("a b", real=True)
    assert judge(sp.Mul(a, b - 3, 1 / (b - 3), evaluate=False), a).detail == "where b - 3 ≠ 0"
    assert judge(sp.Mul(a, b**2 + 1, 1 / (b**2 + 1), evaluate=False), a).detail == ""


def test_a_collection_has_what_values_carry_that_were_made_before():
    ratio = x * (y - 3) / (y - 3)
    with conditions() as noted:
        assert judge(ratio, x) == (Verdict.HOLDS, "")
    assert in_words(noted) == "where y - 3 ≠ 0"


def test_the_outer_collection_does_not_see_the_inner():
    1 / x
    with conditions() as outer:
        with conditions() as inner:
            1 / x
        1 / y
    assert (in_words(inner), in_words(outer)) == ("where x ≠ 0", "where y ≠ 0")
