"""Rational functions in normal form: for identities whose size explodes unless every quotient is reduced as it is made."""

from __future__ import annotations

import operator
from typing import Any, ClassVar

import sympy as sp
from sympy.polys.fields import FracElement, field

from ._numbers import OPERATORS, Numbers, Refused, Table


def quotient(value: Any) -> Any:
    """A rational function, or an integer."""
    if isinstance(value, FracElement) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise Refused(f"{value!r} ({type(value).__name__}) is not a number of a field of rational functions")


class Field(Numbers):
    """Arrays of rational functions with integer coefficients: no signs, no roots, no comparisons, but equality is decided."""

    number = staticmethod(quotient)
    table: ClassVar[Table] = {**OPERATORS, "square": lambda x: x * x, "equal": operator.eq, "not_equal": operator.ne}


def indeterminates(names: str) -> Any:
    """The indeterminates of one field, by name: each is a number of it."""
    _, *made = field(names, sp.ZZ)
    return tuple(map(Field, made))
