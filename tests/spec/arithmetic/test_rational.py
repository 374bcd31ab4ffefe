"""Rationals are exact, and refuse what is not rational."""

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from trainspec.reference._special import erf
from trainspec.spec.arithmetic import Rational, Refused
from trainspec.spec.arithmetic._numbers import FUNCTIONS

from .sampling import CALLS, CASES, COMPARISONS, ELEMENTARY, NAMES, NO_FRACTIONS, ROWS, arity, at_200_bits, fractions

EXACT = {
    name: function
    for name, function in ELEMENTARY.items()
    if name not in ("sqrt", "exp", "log", "logaddexp", "tanh", "arctan", "erf", "sin", "cos")
} | COMPARISONS
EXACT |= {"equal": lambda a, b: a == b, "not_equal": lambda a, b: a != b}
BINARY = {name for name in EXACT if arity(name) == 2} | {"equal", "not_equal"}
RATIONALS = st.one_of(st.sampled_from([Fraction(0), Fraction(1), Fraction(-1)]), st.fractions(-50, 50, max_denominator=30))
POINTS = [Fraction(0), Fraction(1), Fraction(-1), Fraction(2), Fraction(3, 7), Fraction(-5, 2), Fraction(-3), Fraction(10**20, 3)]


def flint(x):
    return fmpq(x.numerator, x.denominator)


def check(table, name, operands):
    """The table's value is the fraction that it should be."""
    if name == "power" and (operands[1].denominator != 1 or abs(operands[1]) > 60):
        return
    expected = at_200_bits(EXACT[name], *operands)
    if expected is not None:
        assert table[name](*map(flint, operands)) == (expected if isinstance(expected, bool) else flint(expected)), f"{name}{operands}"


def check_table(table, name):
    for a in POINTS:
        for b in POINTS if name in BINARY else [None]:
            check(table, name, (a, b) if name in BINARY else (a,))


@pytest.mark.parametrize("name", EXACT)
def test_every_ufunc_is_exact(name):
    check_table(Rational.table, name)


@settings(max_examples=30)
@given(a=RATIONALS, b=RATIONALS)
@pytest.mark.parametrize("name", EXACT)
def test_every_ufunc_is_exact_on_any_fractions(name, a, b):
    check(Rational.table, name, (a, b) if name in BINARY else (a,))


def test_the_table_holds_these_ufuncs_and_no_others():
    assert set(Rational.table) == {*EXACT, "sqrt", "isfinite"}
    assert np.isfinite(Rational(ROWS)).all()


MUTANTS = {
    "maximum": min,
    "minimum": max,
    "greater": Rational.table["greater_equal"],
    "less": Rational.table["greater"],
    "sign": lambda x: fmpq((x < 0) - (x > 0)),
    "absolute": lambda x: x,
    "subtract": lambda a, b: b - a,
    "power": lambda a, b: a ** abs(int(b.p)),
    "not_equal": Rational.table["equal"],
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_table_is_caught(name):
    with pytest.raises(AssertionError):
        check_table({**Rational.table, name: MUTANTS[name]}, name)


@pytest.mark.parametrize(("function", "n"), CASES, ids=NAMES)
def test_every_function_is_exact(function, n):
    call = CALLS[function][n]
    got, expected = call(Rational(fractions(ROWS))), np.asarray(call(fractions(ROWS)), dtype=object)
    assert isinstance(got, Rational)
    assert got.shape == expected.shape
    assert [Fraction(int(entry.p), int(entry.q)) for entry in np.asarray(got).ravel()] == list(expected.ravel())


def test_every_vetted_function_is_called_or_refused():
    assert set(FUNCTIONS) | {np.matmul} == set(CALLS) | NO_FRACTIONS
    with pytest.raises(Refused):
        np.linalg.eigvalsh(Rational(np.eye(2)))


@given(p=st.integers(0, 10**12), q=st.integers(1, 10**12))
def test_roots_of_squares_are_exact(p, q):
    assert np.sqrt(Rational(Fraction(p, q) ** 2)).item() == flint(Fraction(p, q))


@pytest.mark.parametrize("value", [2, Fraction(1, 2), Fraction(8, 9), -1, -4, Fraction(10**20 + 1)])
def test_other_roots_are_refused(value):
    with pytest.raises(Refused, match="not rational"):
        np.sqrt(Rational(value))


@given(p=st.integers(1, 10**6), q=st.integers(1, 10**6), order=st.integers(2, 9), count=st.integers(-3, 3))
def test_roots_of_powers_are_exact(p, q, order, count):
    assert (Rational(Fraction(p, q) ** order) ** Rational(Fraction(count, order))).item() == flint(Fraction(p, q) ** count)


@pytest.mark.parametrize("exponent", [Fraction(1, 3), -0.25, 0.1])
def test_powers_that_are_no_fractions_are_refused(exponent):
    with pytest.raises(Refused, match="not rational"):
        Rational(4) ** exponent


@pytest.mark.parametrize("function", [np.exp, np.log, np.tanh, np.arctan, np.sin, np.cos, erf])
def test_transcendental_functions_are_refused(function):
    with pytest.raises(Refused):
        function(Rational(1))


@pytest.mark.parametrize("value", [True, np.True_, float("nan"), float("inf"), -np.inf, np.float32("nan"), 1j, "1", None])
def test_what_is_no_rational_is_refused(value):
    with pytest.raises(Refused):
        Rational(value)


@pytest.mark.parametrize("value", [0.1, np.float32(0.1), 5e-324, 1.7e308, -3, np.int8(-3), 2**70, Fraction(22, 7), fmpq(1, 3)])
def test_a_number_enters_as_what_it_is(value):
    exact = Fraction(1, 3) if isinstance(value, fmpq) else Fraction(value.item() if isinstance(value, np.generic) else value)
    assert Rational(value).item() == flint(exact)


@pytest.mark.parametrize("call", [lambda x: 1 / x, np.reciprocal, lambda x: x**-1])
def test_a_division_by_zero_is_an_error(call):
    with pytest.raises(ZeroDivisionError):
        call(Rational(0))


@pytest.mark.parametrize("values", [[4, 9], [1, 1], [0, 5], [-2, 7]])
def test_rational_eigenvectors_are_exact(values):
    turn = np.array([[Fraction(3, 5), Fraction(-4, 5)], [Fraction(4, 5), Fraction(3, 5)]], dtype=object)
    matrix = Rational(turn @ np.diag(np.array(values, dtype=object)) @ turn.T)
    got, vectors = np.linalg.eigh(matrix)
    assert np.all(got == Rational(values))
    assert np.all(matrix @ vectors == vectors * got)
    assert np.all(vectors.T @ vectors == Rational(np.eye(2)))


@pytest.mark.parametrize("matrix", [[[1, 1], [1, 2]], [[1, 1], [1, 1]], [[1, 2, 1], [2, 1, 1], [1, 1, 2]]])
def test_irrational_eigenvalues_or_eigenvectors_are_refused(matrix):
    with pytest.raises(Refused):
        np.linalg.eigh(Rational(matrix))


def test_eigenvectors_of_an_asymmetric_matrix_are_refused():
    with pytest.raises(ValueError, match="symmetric"):
        np.linalg.eigh(Rational([[1, 2], [3, 4]]))
