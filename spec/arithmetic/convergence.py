"""Limits by the laws of limits, of which each is a theorem whose conditions follow from the assumptions on the symbols.

A limit that the laws do not give is refused, and so is one that depends on a parameter whose sign is open: (x t + 1)/(x t + 2) tends to 1
unless x is 0.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from ._numbers import Undecided
from .prover import has_sign

CONTINUOUS = (sp.tanh, sp.atan, sp.erf, sp.exp)  # on all real numbers
ENDS = {sp.tanh: sp.Integer(1), sp.atan: sp.pi / 2, sp.erf: sp.Integer(1)}  # at ∞; they are odd


def limit(expression: Any, variable: Any, point: Any = sp.oo) -> Any:
    """Return the limit of an expression as a variable grows, or as it comes down to a number; Undecided if the laws do not give it."""
    expression = sp.sympify(expression)
    if point != sp.oo:
        grown = sp.Dummy("u", positive=True)
        return limit(expression.subs(variable, point + 1 / grown), grown)
    for form in (expression, sp.cancel(sp.together(expression)), sp.expand(expression)):
        for law in (limit_of_parts, limit_of_quotient, limit_of_rational, limit_of_terms, limit_by_derivatives):
            value = law(form, variable)
            if value is not None:
                return value
    raise Undecided(f"the laws of limits do not give the limit of {expression} as {variable} grows")


def sign_of(x: Any) -> int | None:
    """Return the sign of a number other than 0, or of an infinite one; None if it is 0 or the assumptions leave it open."""
    if x in (sp.oo, -sp.oo):
        return 1 if x == sp.oo else -1
    if x == 0 or (not x.is_finite and x.is_number):
        return None
    return 1 if has_sign(x, strict=True) else -1 if has_sign(-x, strict=True) else None


def limit_of_parts(e: Any, t: Any) -> Any:
    """Return the limit that follows from those of the parts of a sum, a product, a power or a function, or None."""
    if not e.has(t):
        return e
    if e == t:
        return sp.oo
    if isinstance(e, sp.Pow | sp.exp):
        return limit_of_power(e, t)
    if not isinstance(e, sp.Add | sp.Mul | sp.log | sp.tanh | sp.atan | sp.erf):
        return None
    parts = [limit_of_parts(part, t) for part in e.args]
    if None in parts:
        return None
    infinite = [part for part in parts if part in (sp.oo, -sp.oo)]
    if isinstance(e, sp.Add):
        return sp.Add(*parts) if not infinite else infinite[0] if len(set(infinite)) == 1 else None
    if isinstance(e, sp.Mul):
        return sp.Mul(*parts) if not infinite else product_with_infinities(parts)
    (inner,) = parts
    if isinstance(e, sp.log):
        return sp.oo if inner == sp.oo else sp.log(inner) if sign_of(inner) == 1 else None
    return e.func(inner) if not infinite else ENDS[e.func] if inner == sp.oo else -ENDS[e.func]


def product_with_infinities(factors: list[Any]) -> Any:
    """Return ∞ or −∞, if the signs of all factors are known and none is 0, or None."""
    signs = [sign_of(factor) for factor in factors]
    return None if None in signs else sp.Mul(*signs) * sp.oo


def limit_of_power(e: Any, t: Any) -> Any:
    """Return the limit of a power of a constant exponent or a constant positive base, or None."""
    base, exponent = e.as_base_exp()
    if exponent.has(t):
        towards = limit_of_parts(exponent, t)
        if base.has(t) or towards is None or sign_of(base) != 1:
            return None
        if towards not in (sp.oo, -sp.oo):
            return base**towards
        above = sign_of(sp.log(base)) if base.is_number else sign_of(base - 1)
        return None if above is None else sp.oo if (above > 0) is (towards == sp.oo) else sp.Integer(0)
    inner, sign = limit_of_parts(base, t), sign_of(exponent)
    if inner is None or sign is None:
        return None
    if inner == sp.oo:
        return sp.oo if sign > 0 else sp.Integer(0)
    if inner == -sp.oo:
        return sp.Integer(0) if sign < 0 else sp.oo if exponent.is_even else -sp.oo if exponent.is_odd else None
    if (exponent.is_integer and (sign > 0 or sign_of(inner))) or sign_of(inner) == 1 or (sign > 0 and base.is_nonnegative):
        return inner**exponent
    return None


def limit_of_quotient(e: Any, t: Any) -> Any:
    """Return the quotient of the limits of numerator and denominator, each after expansion and by any law but this, or None."""
    above, below = sp.fraction(sp.together(e))
    if not below.has(t):
        return None
    ends: list[Any] = []
    for part in (above, below):
        found = [law(form, t) for form in (part, sp.expand(part)) for law in (limit_of_parts, limit_of_terms)]
        ends.append(next((value for value in found if value is not None), None))
    top, bottom = ends
    if None in ends or top in (sp.oo, -sp.oo):
        return None
    return sp.Integer(0) if bottom in (sp.oo, -sp.oo) else top / bottom if sign_of(bottom) else None


def limit_of_rational(e: Any, t: Any) -> Any:
    """Return the limit of a quotient of polynomials, if the leading coefficients that matter are not 0, or None."""
    above, below = sp.fraction(sp.cancel(sp.together(e)))
    if not (above.is_polynomial(t) and below.is_polynomial(t)):
        return None
    top, bottom = sp.Poly(above, t), sp.Poly(below, t)
    if (leading := sign_of(bottom.LC())) is None:
        return None
    if top.degree() > bottom.degree():
        sign = sign_of(top.LC())
        return None if sign is None else sign * leading * sp.oo
    return sp.Integer(0) if top.degree() < bottom.degree() else top.LC() / bottom.LC()


def limit_of_terms(e: Any, t: Any) -> Any:
    """Return the limit of a sum of terms, some of which are a power of t times something that falls geometrically; or None."""
    limits = [limit_of_parts(term, t) if not falls_geometrically(term, t) else sp.Integer(0) for term in sp.Add.make_args(e)]
    return None if None in limits or sp.oo in limits or -sp.oo in limits else sp.Add(*limits)


def falls_geometrically(term: Any, t: Any) -> bool:
    """Return whether a term is a power of t times positive numbers below 1 with exponents that grow in proportion to t."""
    constant, rest = term.as_independent(t, as_Add=False)
    powers = [
        factor for factor in sp.Mul.make_args(rest) if not (factor == t or (factor.is_Pow and factor.base == t and not factor.exp.has(t)))
    ]
    return bool(constant.is_finite is not False and powers) and all(
        (factor.is_Pow or isinstance(factor, sp.exp))
        and factor.as_base_exp()[1].is_polynomial(t)
        and sp.degree(factor.as_base_exp()[1], t) == 1
        and limit_of_power(factor, t) == 0
        for factor in powers
    )


def limit_by_derivatives(e: Any, t: Any) -> Any:
    """Return the limit of f(1/t) tᵏ with f smooth at 0, and 0 there with its first derivatives: f⁽ᵏ⁾(0)/k! (Taylor); or None."""
    s = sp.Dummy("s", positive=True)
    above, below = sp.fraction(sp.together(e.subs(t, 1 / s)))
    exponentials = [factor for factor in sp.Mul.make_args(below) if isinstance(factor, sp.exp)]  # together() put them there
    above, below = above * sp.exp(-sp.Add(*(factor.exp for factor in exponentials))), below / sp.Mul(*exponentials)
    power = below.as_independent(s, as_Add=False)[1]
    degree = sp.degree(power, s) if power.is_polynomial(s) else 0
    if degree < 1 or power != s**degree or not is_smooth(above, s):
        return None
    values = [sp.simplify(sp.diff(above, s, k).subs(s, 0)) for k in range(int(degree) + 1)]
    return values[-1] / sp.factorial(degree) / (below / power) if not any(values[:-1]) and sign_of(below / power) else None


def is_smooth(e: Any, s: Any) -> bool:
    """Return whether an expression is made of a variable by sums, products, whole powers and functions smooth everywhere."""
    if not e.has(s) or e == s:
        return True
    if e.is_Pow and not isinstance(e, sp.exp) and not (e.exp.is_Integer and e.exp > 0):
        return False
    return isinstance(e, (sp.Add, sp.Mul, sp.Pow, *CONTINUOUS)) and all(is_smooth(part, s) for part in e.args)
