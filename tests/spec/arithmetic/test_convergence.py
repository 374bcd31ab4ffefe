"""Limits: what the laws give is the limit, and what hangs on an exceptional parameter, or needs more than the laws, is refused."""

import pytest
import sympy as sp
from trainspec.spec.arithmetic import Undecided
from trainspec.spec.arithmetic.convergence import limit

X, Y = sp.symbols("x y", real=True)
P, Q, U = sp.symbols("p q u", positive=True)
Z = sp.Symbol("z", nonnegative=True)
T = sp.Symbol("t", integer=True, nonnegative=True)
BELOW = 1 / (1 + Q)
OO = sp.oo

GIVEN = [
    (BELOW**T, T, OO, 0),
    (BELOW ** (-T), T, OO, OO),
    (T**2 * BELOW ** (2 * T + 1), T, OO, 0),
    ((1 - X * BELOW**T) / (1 - BELOW), T, OO, 1 / (1 - BELOW)),
    ((P * T + 1) / (P * T + 2), T, OO, 1),
    ((X * T + 1) / (T**2 + X), T, OO, 0),
    ((X + T**2) / (P * T), T, OO, OO),
    (X * T / (T + 1), T, OO, X),
    (sp.log(1 - BELOW**U) / U, U, OO, 0),
    (1 / sp.log(U), U, OO, 0),
    (sp.exp(-P * T), T, OO, 0),
    (sp.log(1 + sp.exp(-T * P)), T, OO, 0),
    (sp.tanh(-T), T, OO, -1),
    (sp.atan(T * P), T, OO, sp.pi / 2),
    (sp.Rational(1, 3) ** T, T, OO, 0),
    ((1 - U) / (1 + U), U, 0, 1),
    ((sp.exp(X * U) - sp.exp(-X * U)) * (sp.exp(Y * U) - sp.exp(-Y * U)) / (4 * U**2), U, 0, X * Y),
    (sp.tanh(X * U) / U, U, 0, X),
]
REFUSED = [
    (sp.sqrt((U + 1) ** 2 + sp.log(U + 1) ** 2) - sp.sqrt((U + 1) ** 2 + sp.exp(-U)), U, OO),  # 0; SymPy says −1
    (1 / (X**2 * (T + 1) + 1), T, OO),  # 1 at x = 0
    ((X * T + 1) / (X * T + 2), T, OO),  # 1/2 at x = 0
    (T / (X * T + 1), T, OO),
    (X * T, T, OO),
    (P**T, T, OO),
    ((1 / (1 + Z)) ** T, T, OO),  # 1 at z = 0
    (sp.exp(-X * T), T, OO),
    (sp.Abs(X) ** T, T, OO),
    (T - sp.sqrt(T), T, OO),  # ∞ − ∞
    ((1 + 1 / U) ** U, U, OO),
    (sp.sin(U), U, OO),
    (X / U, U, 0),
    (sp.sqrt(U) / (U**2 * X), U, 0),
]


@pytest.mark.parametrize(("expression", "variable", "point", "value"), GIVEN, ids=str)
def test_the_laws_give_a_limit(expression, variable, point, value):
    assert sp.simplify(limit(expression, variable, point) - value) == 0 if value != OO else limit(expression, variable, point) == OO


@pytest.mark.parametrize(("expression", "variable", "point"), REFUSED, ids=str)
def test_a_limit_that_the_laws_do_not_give_is_refused(expression, variable, point):
    with pytest.raises(Undecided):
        limit(expression, variable, point)


@pytest.mark.parametrize(("expression", "variable", "point", "value"), [case for case in GIVEN if case[2] == OO and case[3] != OO], ids=str)
def test_the_expression_comes_near_its_limit(expression, variable, point, value):
    at = {X: sp.Rational(-3, 2), Y: 2, P: sp.Rational(1, 3), Q: sp.Rational(1, 2), Z: 1}
    gaps = [abs(sp.N((expression - value).subs(at).subs(variable, sp.Integer(n)), 30)) for n in (10**2, 10**4)]
    assert gaps[1] < sp.Rational(1, 5)
    assert gaps[1] < gaps[0] or gaps[1] == 0
