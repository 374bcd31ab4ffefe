"""Running error analysis: the reference run on pairs (value, error), the only source of tolerances in the project.

The error bounds the distance between the exact value and the result of any program that performs the same operations, each rounded once,
in a format of unit roundoff u or in a wider one, with sums in any order. The recurrences keep their second-order terms and the absolute
error of underflow, so the bound is a theorem, not an estimate (Higham 2002, chapters 3 and 4). They also cover a result that is rounded to
a wider format first: 1/(1 − u) − 1 is more than both roundings.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from ...reference import tree_map
from ._numbers import Numbers, Refused, Table, Undecided
from .ball import select_decided
from .formats import DOUBLE, FORMATS, Format, format_of

INFLATION = 1 + 2.0**-40  # covers the rounding of the bounds themselves, which are computed in float64
FORMAT: ContextVar[Format] = ContextVar("FORMAT", default=DOUBLE)
ACCUMULATOR: ContextVar[Format] = ContextVar("ACCUMULATOR", default=FORMATS["float8_e5m2"])  # partial sums have at least these digits


@dataclass(slots=True)
class Bounded:
    """A value, and a bound of the error of any program: of the value itself, in float64, and of the result computed, in the format."""

    value: float
    error: float

    @property
    def size(self) -> float:
        """The largest modulus that the exact or the computed value may have: they lie on either side of each other."""
        return abs(self.value) + 2 * self.error

    @property
    def least(self) -> float:
        """The smallest modulus that the exact or the computed value may have."""
        return abs(self.value) - 2 * self.error

    def __repr__(self) -> str:
        return f"{self.value} ± {self.error:.2g}"


class Wide(Bounded):
    """A number kept in float64 whatever the format; it is rounded to the format when it is combined with an array."""


def with_rounding(value: float, propagated: float, roundings: float = 1) -> Bounded:
    """Return a result whose operands contribute the error `propagated` and which is itself rounded `roundings` times."""
    form = FORMAT.get()
    relative, modulus = roundings * form.unit, abs(value)
    if not relative < 1:
        raise Undecided(f"{roundings} roundings in {form.name} leave no digit")
    error = (propagated + relative / (1 - relative) * (modulus + 2 * propagated) + roundings * form.tiny) * INFLATION
    if not modulus + 2 * error <= form.largest:
        raise Undecided(f"{Bounded(value, error)} may overflow in {form.name}")
    return Bounded(value, error)


def from_program_input(value: Any) -> Bounded:
    """Return an input of a program: rounded once if the format cannot represent it."""
    if isinstance(value, Wide):
        return with_rounding(value.value, value.error)
    if isinstance(value, Bounded):
        return value
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating | Fraction):
        raise Refused(f"{value!r} ({type(value).__name__}) is not a number of the running arithmetic")
    form = FORMAT.get()
    given, number = int(value) if isinstance(value, np.integer) else value, float(value)
    if math.isnan(number):
        raise Refused(f"{value} is not a number of the running arithmetic")
    if abs(number) > form.largest:
        raise Undecided(f"{number} overflows in {form.name}")
    return Bounded(number, 0.0 if float(form.kind(number)) == given else (form.unit * abs(number) + form.tiny) * INFLATION)


def is_exact_sum(terms: list[Bounded]) -> bool:
    """Return whether the sum of these terms is exact in any order: integers whose partial sums the format represents."""
    unit = FORMAT.get().unit
    return all(term.error == 0 and term.value.is_integer() for term in terms) and sum(abs(term.value) for term in terms) < 1 / unit


def add(a: Bounded, b: Bounded) -> Bounded:
    """The sum of two; exact where one term is 0, and of small integers. A sum that underflows is exact as well."""
    value, error = a.value + b.value, a.error + b.error
    exact = a.size == 0 or b.size == 0 or (error == 0 and is_exact_sum([a, b]))
    return Bounded(value, error) if exact else with_rounding(value, error)


def negative(a: Bounded) -> Bounded:
    """The negative, exact."""
    return Bounded(-a.value, a.error)


def multiply(a: Bounded, b: Bounded) -> Bounded:
    """The product; exact by 0 and ±1."""
    propagated = abs(a.value) * b.error + abs(b.value) * a.error + 3 * a.error * b.error
    exact = (a.error == 0 and a.value in (-1, 0, 1)) or (b.error == 0 and b.value in (-1, 0, 1))
    return Bounded(a.value * b.value, propagated) if exact else with_rounding(a.value * b.value, propagated)


def divide(a: Bounded, b: Bounded) -> Bounded:
    """The quotient, while the divisor keeps away from 0; exact of 0 and by ±1."""
    if b.least <= 0:
        raise Undecided(f"a division by {b}")
    if a.size == 0:
        return a
    quotient = a.value / b.value
    propagated = (a.error + a.size / b.least * b.error) / b.least
    return Bounded(quotient, propagated) if b.error == 0 and abs(b.value) == 1 else with_rounding(quotient, propagated)


def power(a: Bounded, b: Bounded) -> Bounded:
    """A power: by repeated multiplication or by the library, whichever rounds more often."""
    if a.size == 0 and b.size == b.value > 0:
        return a
    if b.error and a.value > 0 and a.least > 0:
        return power_of_inexact_exponent(a, b)
    if b.error or (a.least <= 0 and b.value < 0) or (min(a.value, a.least) <= 0 and b.value != int(b.value)):
        raise Undecided(f"({a}) ** ({b})")
    if b.value in (0, 1):
        return Bounded(a.value**b.value, a.error * b.value)
    if a.error == 0 and a.value == 1:
        return a
    try:
        value = a.value**b.value
        steepest = abs(b.value) * (a.size if b.value > 1 else a.least) ** (b.value - 1) if a.error else 0.0
    except OverflowError:
        raise Undecided(f"({a}) ** ({b}) overflows") from None
    products = 2 * abs(b.value) - 1 if b.value < 0 else b.value - 1  # of the reciprocal, itself rounded, in the worst case
    return with_rounding(value, steepest * a.error, max(products, 1 if b.value == 2 else FORMAT.get().library))


def power_of_inexact_exponent(a: Bounded, b: Bounded) -> Bounded:
    """The power of a positive number whose exponent has an error: the largest derivatives over both intervals bound what the errors do."""
    bases, exponents = (a.least, a.size), (b.value - 2 * b.error, b.value + 2 * b.error)
    try:
        largest = max(base**exponent for base in bases for exponent in exponents)
        by_exponent = largest * max(abs(math.log(base)) for base in bases) * b.error
        by_base = largest / a.least * max(map(abs, exponents)) * a.error
        return with_rounding(a.value**b.value, by_exponent + by_base, FORMAT.get().library)
    except OverflowError:
        raise Undecided(f"({a}) ** ({b}) overflows") from None


def whole_quotient(a: Bounded, b: Bounded) -> Bounded:
    """⌊a / b⌋: exact, while all quotients that errors admit have the same floor and the format holds all integers of its size."""
    if a.error or b.error:
        rounded = divide(a, b)
        floors = [(rounded.value + sign * 2 * rounded.error * INFLATION) // 1 for sign in (-1, 1)]
    else:
        floors = [a.value // b.value] if b.value else []
    if len({*floors}) != 1 or not abs(floors[0]) + 1 < 1 / FORMAT.get().unit:
        raise Undecided(f"⌊({a}) / ({b})⌋")
    return Bounded(floors[0], 0.0)


def root(a: Bounded) -> Bounded:
    """The square root."""
    if a.size == 0:
        return a
    if a.value < 0 or a.least < 0:
        raise Undecided(f"√({a})")
    return with_rounding(math.sqrt(a.value), a.error / (math.sqrt(a.value - a.error) + math.sqrt(a.least)))


def library(function: Callable[[float], float], spread: Callable[[Bounded], float]) -> Callable[[Bounded], Bounded]:
    """A library function, with the largest change that the error of its argument can make."""

    def call(a: Bounded) -> Bounded:
        try:
            propagated = spread(a)  # first, as it knows the domain
            return with_rounding(function(a.value), propagated, FORMAT.get().library)
        except OverflowError:
            raise Undecided(f"{function.__name__} of {a} overflows") from None

    return call


def log_spread(a: Bounded) -> float:
    """The largest change of the logarithm."""
    if a.least <= 0 or a.value < 0:
        raise Undecided(f"log of {a}")
    return -math.log1p(-a.error / (a.value - a.error))


def log_of_sum(a: Bounded, b: Bounded) -> Bounded:
    """log(eᵃ + eᵇ) as the larger one and what the smaller adds, log(1 + e⁻ᵈ), d their distance.

    Its slope by an argument is below 1, and below e to the lead of that argument over the other. What is added changes, relatively, by no
    more than d is rounded.
    """
    high, distance = max(a.value, b.value), abs(a.value - b.value)
    added = math.log1p(math.exp(-distance))
    form = FORMAT.get()
    granted = form.library * form.unit
    difference = 0.0 if 0 in (a.size, b.size) else form.unit * (distance + 2 * (a.error + b.error))
    own = (granted + difference) / (1 - granted) * added * math.exp(min(2 * (a.error + b.error), 700.0)) + form.library * form.tiny
    leads = ((larger.error, math.exp(min(larger.value - rest.value + 2 * (a.error + b.error), 0.0))) for larger, rest in ((a, b), (b, a)))
    return with_rounding(high + added, min(max(a.error, b.error), sum(error * slope for error, slope in leads)) * (1 + granted) + own)


def are_separated(a: Bounded, b: Bounded) -> bool:
    """Return whether two numbers differ by more than their errors, so that rounding cannot change their comparison."""
    return not (a.error or b.error) or abs(a.value - b.value) > 2 * (a.error + b.error) * INFLATION


def extreme(first: Callable[[float, float], bool]) -> Callable[[Bounded, Bounded], Bounded]:
    """Maximum and minimum are rounded nowhere: one of the two, and where rounding may decide which, with the larger error."""

    def pick(a: Bounded, b: Bounded) -> Bounded:
        one = a if first(a.value, b.value) else b
        return one if are_separated(a, b) else Bounded(one.value, max(a.error, b.error))

    return pick


def comparison(compare: Callable[[float, float], bool]) -> Callable[[Bounded, Bounded], bool]:
    """A comparison, where rounding errors cannot turn it."""

    def decide(a: Bounded, b: Bounded) -> bool:
        if not are_separated(a, b):
            raise Undecided(f"a branch depends on rounding: {a} against {b}")
        return compare(a.value, b.value)

    return decide


def sign(a: Bounded) -> Bounded:
    """The sign, where rounding errors cannot turn it."""
    if a.error and a.least <= 0:
        raise Undecided(f"the sign of {a} depends on rounding")
    return Bounded(float(np.sign(a.value)), 0.0)


def in_double(operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation in float64, whatever the format in force."""

    def call(*operands: Any) -> Any:
        token = FORMAT.set(DOUBLE)
        try:
            result = operation(*operands)
        finally:
            FORMAT.reset(token)
        return Wide(result.value, result.error) if isinstance(result, Bounded) else result

    return call


def exact_count(number: Bounded) -> int | None:
    """Return an integer without error, or None."""
    return int(number.value) if number.error == 0 and number.value.is_integer() else None


class Scalars(Numbers):
    """Numbers that a program holds in float64 while its arrays are narrower, as Python's own are."""

    count = staticmethod(exact_count)
    number = staticmethod(
        in_double(lambda value: Bounded(value.value, value.error) if isinstance(value, Wide) else from_program_input(value))
    )
    select = staticmethod(select_decided)


class Running(Numbers):
    """Arrays of values with their error bounds, in the format in force."""

    over = (Scalars,)
    count = staticmethod(exact_count)
    number = staticmethod(from_program_input)
    select = staticmethod(select_decided)
    table: ClassVar[Table] = {
        "add": add,
        "subtract": lambda a, b: add(a, negative(b)),
        "multiply": multiply,
        "divide": divide,
        "negative": negative,
        "positive": lambda a: a,
        "power": power,
        "floor_divide": whole_quotient,
        "square": lambda a: multiply(a, a),
        "reciprocal": lambda a: divide(Bounded(1.0, 0.0), a),
        "sqrt": root,
        "exp": library(math.exp, lambda a: math.exp(a.value + 2 * a.error) * -math.expm1(-a.error)),  # upwards it changes most
        "log": library(math.log, log_spread),
        "logaddexp": log_of_sum,
        "tanh": library(math.tanh, lambda a: a.error * min(1.0, 4 * math.exp(-2 * max(a.least, 0.0)))),  # its slope is below 4 e^(−2|x|)
        "arctan": library(math.atan, lambda a: a.error),
        "sin": library(math.sin, lambda a: a.error),
        "cos": library(math.cos, lambda a: a.error),
        "erf": library(math.erf, lambda a: 1.13 * a.error * math.exp(-(min(max(a.least, 0.0), 30.0) ** 2))),  # its slope is 2/√π e^(−x²)
        "absolute": lambda a: Bounded(abs(a.value), a.error),
        "sign": sign,
        "maximum": extreme(operator.gt),
        "minimum": extreme(operator.lt),
        "greater": comparison(operator.gt),
        "greater_equal": comparison(operator.ge),
        "less": comparison(operator.lt),
        "less_equal": comparison(operator.le),
        "equal": comparison(operator.eq),
        "isfinite": lambda a: True,
    }

    @classmethod
    def add_up(cls, terms: list[Bounded]) -> Bounded:
        """A sum in any order: n − 1 roundings of partial sums, none larger than the sum of the moduli.

        While they leave a digit, each partial sum may be in the format or in a wider one. Beyond that all are in one format: then n − 1
        units of the sum of the moduli are enough for any n (Jeannerod & Rump 2013), and twice that is granted. Partial sums in a wider
        format, the accumulator's, are rounded to the format in force once, at the end.
        """
        if len(terms) == 1 or is_exact_sum(terms):
            return Bounded(math.fsum(term.value for term in terms), terms[0].error if len(terms) == 1 else 0.0)
        form = min(FORMAT.get(), ACCUMULATOR.get(), key=operator.attrgetter("unit"))
        moduli = sum(term.size for term in terms)
        units = (len(terms) - 1) * form.unit
        roundings = units / (1 - units) if units < 0.5 else 2 * units
        if not 0 < (1 + roundings) * moduli * INFLATION <= form.largest:
            raise Undecided(f"a sum of moduli {moduli} may overflow in {form.name}")
        total, propagated = math.fsum(term.value for term in terms), math.fsum(term.error for term in terms)
        error = (propagated + roundings * math.fsum(term.size for term in terms)) * INFLATION
        return Bounded(total, error) if form is FORMAT.get() else with_rounding(total, error)

    @classmethod
    def eigvalsh(cls, matrix: Any) -> Any:
        """Eigenvalues of a symmetric matrix, by any normwise backward stable program: each moves by no more than the matrix does (Weyl)."""
        values, moved = values_and_motion(matrix)
        return np.array([Bounded(float(value), moved) for value in np.linalg.eigvalsh(values)], dtype=object)

    @classmethod
    def eigh(cls, matrix: Any) -> tuple[Any, Any]:
        """Eigenvalues and unit eigenvectors of a symmetric matrix, by any normwise backward stable program, for one choice of their signs.

        The sine of the angle by which an eigenvector turns is no more than what the matrix moves by, over the distance of its eigenvalue
        from the others, less that (Davis & Kahan); a unit vector moves by no more than √2 times the sine.
        """
        values, moved = values_and_motion(matrix)
        numbers, vectors = np.linalg.eigh(values)
        gaps = np.abs(numbers[:, None] - numbers) + np.diag(np.full(len(numbers), math.inf))
        apart = np.min(gaps, axis=1) - 4 * moved
        if np.any(apart <= 2 * moved):
            raise Undecided(f"eigenvectors of eigenvalues {numbers} that move by {moved}")
        granted = FORMAT.get().library * len(matrix) * FORMAT.get().unit
        turned = (math.sqrt(2) * moved / apart + granted) * INFLATION
        columns = [[Bounded(float(entry), float(error)) for entry, error in zip(row, turned, strict=True)] for row in vectors]
        return np.array([Bounded(float(number), moved) for number in numbers], dtype=object), np.array(columns, dtype=object)


def values_and_motion(matrix: Any) -> tuple[Any, float]:
    """Return a matrix in float64, and the norm of what is added to it: its errors, and roundings that are granted to a program.

    Granted are n times the roundings of a library function, of the norm.
    """
    values, errors = (np.asarray(np.frompyfunc(operator.attrgetter(part), 1, 1)(matrix), dtype=float) for part in ("value", "error"))
    form = FORMAT.get()
    granted = form.library * len(matrix) * (form.unit * math.hypot(*values.ravel()) + form.tiny)
    moved = (math.hypot(*errors.ravel()) + granted) * INFLATION
    if not moved < math.inf:
        raise Undecided(f"eigenvalues that move by {moved}")
    return values, moved


Scalars.table = {name: in_double(operation) for name, operation in Running.table.items()}


def error(value: Any) -> Any:
    """The error bounds of an array of pairs, as floats."""
    return np.asarray(np.frompyfunc(operator.attrgetter("error"), 1, 1)(Running.object_array(value)), dtype=float)


def value(pairs: Any) -> Any:
    """The values of an array of pairs, as floats."""
    return np.asarray(np.frompyfunc(operator.attrgetter("value"), 1, 1)(Running.object_array(pairs)), dtype=float)


@contextmanager
def in_format(dtype: Any, accumulate: Any = None) -> Iterator[None]:
    """Bound operations in a format, within a block, and partial sums in another one if it is wider."""
    tokens = FORMAT.set(format_of(dtype)), ACCUMULATOR.set(format_of(accumulate or dtype))
    try:
        yield
    finally:
        FORMAT.reset(tokens[0])
        ACCUMULATOR.reset(tokens[1])


def rounding_bound(
    formula: Callable[..., Any], *args: Any, dtype: Any = np.float64, compute: Any = None, accumulate: Any = None, **kwargs: Any
) -> Any:
    """How far a program may be from the exact value that performs the formula's operations in a format: one bound for each output.

    Each operation is rounded to `dtype`, or to a wider format, or to that first and then to `dtype`. With `compute`, a wider format, all
    operations are performed in that, and results are rounded to `dtype` once, at the end. With `accumulate` partial sums are in that.
    """
    with in_format(compute or dtype, accumulate):
        result = formula(
            *(tree_map(as_running, arg) for arg in args), **{name: tree_map(as_running, value) for name, value in kwargs.items()}
        )
        if compute is None:
            return tree_map(error, result)
    return tree_map(error, stored(result, dtype))


def stored(result: Any, dtype: Any, factor: float = 1.0) -> Any:
    """Return pairs that were computed in a wider format, their errors times a factor, as they are once rounded to a narrower one."""

    def once_rounded(number: Bounded) -> Bounded:
        return from_program_input(number.value) if number.error == 0 else with_rounding(number.value, factor * number.error)

    with in_format(dtype):
        return tree_map(lambda leaf: Running.wrap(np.frompyfunc(once_rounded, 1, 1)(Running.object_array(leaf))), result)


def as_running(value: Any) -> Any:
    """Return numbers and arrays as pairs; functions, strings and float64 scalars stay as they are."""
    return value if callable(value) or isinstance(value, str | bool | Scalars) else Running(value)
