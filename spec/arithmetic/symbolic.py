"""Symbols: the reference run on SymPy expressions. Floats enter as the exact rationals that they are."""

from __future__ import annotations

import functools
import operator
from fractions import Fraction
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from ._numbers import OPERATORS, Numbers, Refused, Table, singular
from .conditions import Noted, power, requires, with_conditions


def exact(value: Any) -> Any:
    """A number as SymPy's: 0.5 → 1/2, and 0.1 → the 55-bit fraction that it is, never silently 1/10."""
    if isinstance(value, bool | np.bool_):
        raise Refused("truth values are not numbers")
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            raise Refused(f"{value} is not a number of the symbolic arithmetic")
        return sp.Rational(*value.as_integer_ratio())
    if isinstance(value, int | np.integer):
        return sp.Integer(int(value))
    if isinstance(value, Fraction):
        return sp.Rational(value.numerator, value.denominator)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return exact(value[()] if not isinstance(value, Numbers) else value.view(np.ndarray)[()])
    if isinstance(value, sp.Float):
        return sp.Rational(value)
    if isinstance(value, sp.Basic):
        return value
    raise Refused(f"{value!r} ({type(value).__name__}) is not a number of the symbolic arithmetic")


def truth(relation: Any) -> Any:
    """A decided relation as a truth value; an undecided one as it stands."""
    return bool(relation) if relation in (sp.true, sp.false) else relation


FACTORED = 30  # symbols at most: factoring more of them takes minutes


def factor(x: Any) -> Any:
    """The form in which SymPy reads a sign from the assumptions best."""
    return sp.factor(sp.together(x)) if len(x.free_symbols) <= FACTORED else x


def comparison(relation: Any) -> Any:
    """Return a comparison: a truth value if the assumptions decide the sign of the factored difference, otherwise a relation."""

    def compare(a: Any, b: Any) -> Any:
        result = truth(relation(a, b))
        return result if isinstance(result, bool) else truth(relation(factor(a - b), 0))

    return compare


def extreme(relation: Any, otherwise: Any) -> Any:
    """Maximum or minimum: one of the two where it is decided which, SymPy's own where not."""

    def pick(a: Any, b: Any) -> Any:
        first = comparison(relation)(a, b)
        return otherwise(a, b) if not isinstance(first, bool) else a if first else b

    return pick


def absolute(x: Any) -> Any:
    """The modulus, without bars where the sign is plain."""
    form = factor(x)
    return form if form.is_nonnegative else -form if form.is_nonpositive else sp.Abs(x)


def whole_quotient(a: Any, b: Any) -> Any:
    """Return ⌊a / b⌋: the quotient if division with remainder in one symbol of b leaves a remainder in [0, b), otherwise SymPy's floor."""
    for symbol in sorted(
        (free_symbol for free_symbol in b.free_symbols if b.is_polynomial(free_symbol) and a.is_polynomial(free_symbol)), key=str
    ):
        quotient, rest = sp.div(a, b, symbol)
        for less in (0, 1):
            left = factor(rest + less * b)
            if quotient.is_integer and left.is_nonnegative and factor(b - left).is_positive:
                return quotient - less
    return sp.floor(a / b)


class Symbolic(Numbers):
    """Arrays of SymPy expressions: maximum, where, abs, sign and comparisons become Max, Piecewise, Abs, sign and relations."""

    number = staticmethod(exact)
    table: ClassVar[Table] = {
        **OPERATORS,
        "divide": requires("≠", operator.truediv),
        "power": power,
        "floor_divide": requires("≠", whole_quotient),
        "square": lambda x: x**2,
        "reciprocal": requires("≠", lambda x: 1 / x),
        "sqrt": requires("≥", lambda x: sp.sqrt(factor(x))),
        "exp": sp.exp,
        "log": requires(">", sp.log),
        "logaddexp": lambda a, b: sp.log(sp.exp(a) + sp.exp(b)),
        "tanh": sp.tanh,
        "arctan": sp.atan,
        "erf": sp.erf,
        "sin": sp.sin,
        "cos": sp.cos,
        "absolute": absolute,
        "sign": sp.sign,
        "maximum": extreme(sp.Ge, sp.Max),
        "minimum": extreme(sp.Le, sp.Min),
        "greater": comparison(sp.Gt),
        "greater_equal": comparison(sp.Ge),
        "less": comparison(sp.Lt),
        "less_equal": comparison(sp.Le),
        "equal": lambda a, b: truth(sp.Eq(a, b)),
        "isfinite": lambda x: True,  # a symbol stands for a real number
    }

    noted: Noted = MappingProxyType({})  # what its computation took for granted

    def __array_finalize__(self, source: Any) -> None:
        self.noted = getattr(source, "noted", {})

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply a supported ufunc to each entry."""
        return with_conditions(functools.partial(super().__array_ufunc__, ufunc, method), *inputs, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Call a supported NumPy function."""
        return with_conditions(
            lambda *args, **kwargs: super(Symbolic, self).__array_function__(function, types, args, kwargs), *args, **kwargs
        )

    def __getitem__(self, key: Any) -> Any:
        item = super().__getitem__(key)
        item.noted = self.noted
        return item

    @staticmethod
    def count(number: Any) -> int | None:
        """An integer, not a symbol for one."""
        return int(number) if number.is_Integer else None

    @staticmethod
    def select(condition: Any, yes: Any, no: Any) -> Any:
        """One of two, or a Piecewise while the condition is open."""
        if isinstance(condition, bool | np.bool_):
            return yes if condition else no
        return sp.Piecewise((yes, condition), (no, True))

    @classmethod
    def eigvalsh(cls, matrix: Any) -> Any:
        """Eigenvalues of a symmetric 2 × 2 matrix, smallest first."""
        if matrix.shape != (2, 2):
            return super().eigvalsh(matrix)
        (a, b), (c, d) = matrix
        if b != c:
            raise ValueError("np.linalg.eigvalsh: the matrix is not symmetric")
        middle, gap = (a + d) / 2, sp.sqrt(sp.factor(((a - d) / 2) ** 2 + b**2))
        return np.array([middle - gap, middle + gap], dtype=object)

    @classmethod
    def solve(cls, matrix: Any, right: Any) -> Any:
        """Return the solution by cofactors; a determinant that is not identically 0 is assumed to be nonzero."""
        system, tidy = sp.Matrix(matrix), sp.factor if len(matrix) < 4 else sp.expand  # the factors of more take minutes
        if (determinant := tidy(system.det())) == 0:
            raise singular("solve")
        solution = requires("≠", operator.truediv)(system.adjugate() * sp.Matrix(right), determinant)
        return np.array(solution.tolist(), dtype=object).reshape(right.shape)


class Fractional(sp.Symbol):
    """A symbol that stands for a number below 1, such as a momentum: counterexamples are looked for there only."""


def symbols(names: str, *shape: int, below_one: bool = False, **assumptions: bool) -> Any:
    """Symbols by name, real unless said otherwise: symbols("g") is one number, symbols("g", 3, 2) an array of g_0_0 … g_2_1.

    Several names, separated by blanks, give a tuple. `below_one` keeps counterexamples below 1; proofs do not use it.
    """
    kind = Fractional if below_one else sp.Symbol
    made = [array_of_symbols(kind, name, shape, {"real": True} | assumptions) for name in names.split()]
    return made[0] if len(made) == 1 else tuple(made)


def array_of_symbols(kind: Any, name: str, shape: tuple[int, ...], assumptions: dict[str, bool]) -> Any:
    """One name, one array."""
    array = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        array[index] = kind("_".join([name, *map(str, index)]), **assumptions)
    return Symbolic(array)


def function(name: str) -> Any:
    """A function of which nothing is known: the same argument gives the same value, entry by entry."""
    unknown = sp.Function(name, real=True)
    return lambda x: Symbolic.wrap(np.frompyfunc(unknown, 1, 1)(Symbolic.object_array(x)))
