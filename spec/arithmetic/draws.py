"""Values of terms at points that are drawn: sizes, a real point enclosed in balls, and random points of prime fields.

The real point decides which case of a maximum, a modulus or a choice is taken. The field points lie in the same case: a symbol that is
positive at the real point is a square there, one that is negative is the negative of a square, and one that is 0 is 0.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from . import fields
from ._numbers import Undecided
from .ball import Ball, ball
from .fields import LEVEL, PRIMES
from .terms import (
    ONE,
    PI,
    ZERO,
    Budget,
    NotApplicable,
    Term,
    add,
    as_term,
    entry,
    in_order,
    is_constant,
    key_of,
    missing,
    multiply,
    partial_derivatives,
    substitute,
    whole_numbers,
)

LARGEST = 4096  # entries of an array, terms of a sum
TESTED = 16  # points at which a difference that may be 0 is computed


STAND_FOR_OTHERS = ("choose", "pick", "fold", "derivative", "substituted")  # terms that have the value of another term


class Sizes(NamedTuple):
    """The smallest and the largest size of an axis; at a special point one array is 0, or all are, or many numbers are equal or 0."""

    low: int
    high: int
    special: bool = False
    vanishing: str = ""  # the name of the array that is 0, or * for all that may be


class Leaf(NamedTuple):
    """The value of a symbol at the real point: a fraction times a shared unknown, whose value there is positive."""

    factor: Fraction
    unknown: Any
    real: Fraction


def is_whole(term: Term) -> bool:
    """Return whether a term is a whole number, made of whole numbers by sums and products."""
    if term.op in ("symbol", "entry"):
        return ("integer", True) in term.data[1]
    if term.op == "constant":
        return bool(term.data.denominator == 1)
    return term.op == "floor" or (term.op in ("add", "multiply", "negative") and all(map(is_whole, term.args)))


def array_of(name: str) -> str:
    """Return the name of the array that a symbol is from: x of x_0_1."""
    return name.partition("_")[0]


def may_vanish(assumptions: Mapping[str, bool]) -> bool:
    """Return whether a number may be 0."""
    return not any(assumptions.get(name) for name in ("positive", "negative", "nonzero"))


class Draw:
    """Sizes and real values of all symbols, drawn from a seed; and with them the cases of all choices."""

    def __init__(self, seed: int, sizes: Sizes) -> None:
        self.seed, self.sizes = seed, sizes
        self.source = random.Random(fields.seed_of("draw", seed))
        self.indices: set[Any] = set()
        self.integers: dict[Any, int] = {}
        self.leaves: dict[Any, Leaf] = {}
        self.balls: dict[Term, Any] = {}
        self.resolved: dict[Term, Term] = {}
        self.ties: set[Term] = set()
        self.gradients: dict[Term, dict[Any, Term]] = {}

    def source_for(self, key: Any) -> random.Random:
        """Return a source of random numbers for a symbol: what is drawn for it does not depend on the order of the computation."""
        return random.Random(fields.seed_of(self.seed, key))

    # --- symbols

    def mark_indices(self, terms: Iterable[Term]) -> None:
        """Note that symbols number the entries of axes, so that they are at most the smallest size."""
        self.indices.update(symbol.data for term in terms for symbol in whole_numbers(term))

    def integer(self, key: Any) -> int:
        """Return the value of a whole number: of a size, an index, or a number of steps."""
        if key not in self.integers:
            name, *_, assumptions = (key[0], key[1])
            least = 1 if ("positive", True) in assumptions else 0 if self.sizes.special or self.sizes.low == 1 else self.sizes.low
            low, high = (1, self.sizes.low) if key in self.indices else (max(least, self.sizes.low if least else 0), self.sizes.high)
            self.integers[key] = self.source_for((name, "integer")).randint(low, high)
        return self.integers[key]

    def leaf(self, key: Any) -> Leaf:
        """Return the value of a symbol or an entry that is a real number."""
        if key not in self.leaves:
            self.leaves[key] = self.draw_leaf(key, dict(key[1]))
        return self.leaves[key]

    def draw_leaf(self, key: Any, assumptions: Mapping[str, bool]) -> Leaf:
        """Draw a value that the assumptions allow; at a special point 0 and equal numbers are frequent."""
        source = self.source_for(key)
        sign = 1 if assumptions.get("positive") or assumptions.get("nonnegative") else -1 if assumptions.get("negative") else 0
        sign = sign or source.choice((1, -1))
        if assumptions.get("below_one"):
            magnitude = Fraction(source.randrange(1, 1 << 16), 1 << 16)
        else:
            magnitude = Fraction(source.randrange(1, 1 << 18), 1 << 16)
        nullable = may_vanish(assumptions)
        kind = self.kind_of_array(key[0]) if self.sizes.special else ""
        if nullable and (kind == "zeros" or (kind == "mixed" and source.random() < 0.5)):
            return Leaf(Fraction(0), None, Fraction(0))
        if kind in ("ties", "mixed") and not assumptions.get("below_one"):
            shared = 0 if kind == "ties" else source.randrange(2)
            sign = sign if kind == "mixed" or not nullable else 1
            return Leaf(Fraction(sign), shared, sign * (Fraction(5, 7) + shared))
        return Leaf(Fraction(sign), key, sign * magnitude)

    def kind_of_array(self, name: str) -> str:
        """Return how the entries of an array of this name are drawn at a special point."""
        array = array_of(name)
        if self.sizes.vanishing:
            return "zeros" if self.sizes.vanishing in ("*", array) else "free"
        return self.source_for(("array", array)).choice(("zeros", "ties", "mixed", "free"))

    def arrays_that_may_vanish(self) -> list[str]:
        """Return the names of the arrays and symbols that were drawn and may be 0."""
        return sorted({array_of(name) for name, assumptions, *_ in self.leaves if may_vanish(dict(assumptions))})

    def size(self, value: Any) -> int:
        """Return a size as a number."""
        return value if isinstance(value, int) and value < 0 else self.whole(as_term(value))

    def whole(self, term: Term) -> int:
        """Return a term that is a whole number."""
        number = self.ball(term).unique_fmpz()
        if number is None:
            raise NotApplicable(f"{term} as a whole number")
        return int(number)

    # --- choices

    def parts(self, term: Term) -> tuple[Term, ...]:
        """Return the terms that the value of a term is made of; of a choice, the one that is chosen."""
        if term.op in STAND_FOR_OTHERS or (term.op == "entry" and key_of(term) is None):
            return (self.resolve(term),)
        return () if term.op == "entry" else term.args

    def resolve(self, term: Term) -> Term:
        """Return the term that a choice, an entry with indices or a derivative stands for."""
        if term not in self.resolved:
            self.resolved[term] = self.find(term)
        return self.resolved[term]

    def find(self, term: Term) -> Term:
        """Find the term that another stands for."""
        if term.op == "choose":
            return term.args[1 if self.truth(term.args[0]) else 2]
        if term.op == "derivative":
            return self.derive(*term.args)
        if term.op == "fold":
            (element, low, high), (index, join) = term.args, term.data
            return self.unfold(element, low, high, index, join)
        if term.op == "substituted":
            return substitute(self.resolve(term.args[0]), term.data)
        indices = [self.whole(arg) for arg in term.args]
        if term.op == "entry":
            return entry(term.data[0], dict(term.data[1]), indices)
        if any(not 1 <= index <= size for index, size in zip(indices, term.data.shape, strict=True)):
            raise NotApplicable("an index that lies outside of its axis")
        found: Term = term.data[tuple(index - 1 for index in indices)]
        return found

    def unfold(self, element: Term, low: Term, high: Term, index: Any, join: Callable[..., Term]) -> Term:
        """Return a sum or a product over an index, written out."""
        numbers = range(self.whole(low), self.whole(high) + 1)
        if len(numbers) > LARGEST:
            raise NotApplicable(f"a sum of more than {LARGEST} terms")
        return join(*(substitute(element, {index: as_term(number)}) for number in numbers))

    def truth(self, condition: Term) -> bool:
        """Return whether a relation holds at the real point; Undecided if the balls overlap and the difference is not 0 in the field."""
        if condition.op != "relation":
            raise NotApplicable(f"{condition} as a condition")
        left, right = (self.ball(arg) for arg in condition.args)
        if not left.overlaps(right):
            return bool(left < right) and condition.data != "=="
        difference = add(condition.args[0], multiply(-1, condition.args[1]))
        if not (left.is_exact() and right.is_exact()) and not self.vanishes(difference):
            raise Undecided(f"whether {left} {condition.data} {right}")
        if not all(map(is_whole, condition.args)):
            self.ties.add(condition)
        return condition.data != "<"

    def vanishes(self, term: Term) -> bool:
        """Return whether a term is 0 at random points of the field."""
        points = FieldPoints(self, TESTED)
        values, void = points.at(term)
        return bool(np.all(values[~void] == 0)) and not bool(np.all(void))

    def derive(self, term: Term, variable: Term) -> Term:
        """Return the derivative by a symbol or an entry: derivatives by all of them are computed at once, and kept."""
        while variable.op in STAND_FOR_OTHERS or (variable.op == "entry" and key_of(variable) is None):
            variable = self.resolve(variable)
        if (key := key_of(variable)) is None:
            return missing("a derivative by an expression")
        if is_whole(variable):
            return missing("a derivative by a whole number")
        if term not in self.gradients:
            self.gradients[term] = self.gradient(term)
        if any(other[0] == key[0] and len(other) != len(key) for other in self.gradients[term]):
            return missing("an axis of several indices")
        return self.gradients[term].get(key, ZERO)

    def gradient(self, term: Term) -> dict[Any, Term]:
        """Return the derivatives by all symbols and entries, by the chain rule from the last operation to the first."""
        adjoints: dict[Term, list[Term]] = {term: [ONE]}
        found: dict[Any, list[Term]] = {}
        for part in reversed(list(in_order([term], self.parts, {}))):
            if part not in adjoints:
                continue
            adjoint = add(*adjoints[part])
            if (key := key_of(part)) is not None:
                found.setdefault(key, []).append(adjoint)
                continue
            if part.op == "choose" and part.args[0] in self.ties:  # what the tie depends on has no derivative here
                keys = {key_of(other) for other in in_order(part.args[0].args, self.parts, {})} - {None}
                for key in keys:
                    found.setdefault(key, []).append(Term("undecided"))
            passed = [(self.resolve(part), ONE)] if part.op in {*STAND_FOR_OTHERS, "entry"} else partial_derivatives(part)
            for arg, slope in passed:
                adjoints.setdefault(arg, []).append(multiply(adjoint, slope))
        return {key: add(*terms) for key, terms in found.items()}

    # --- the real point

    def ball(self, term: Term) -> Any:
        """Return the value of a term at the real point, enclosed."""
        for part in in_order([term], self.parts, self.balls):
            Budget.spend()
            self.balls[part] = self.compute_ball(part)
        return self.balls[term]

    def compute_ball(self, term: Term) -> Any:
        """Return the value of a term whose operands have theirs."""
        if term.op == "constant":
            return ball(term.data)
        if (key := key_of(term)) is not None:
            return arb.pi() if key == PI.data else arb(self.integer(key)) if is_whole(term) else ball(self.leaf(key).real)
        args = [self.balls[arg] for arg in self.parts(term)]
        if term.op in STAND_FOR_OTHERS or term.op == "entry":
            return args[0]
        if term.op == "missing":
            raise NotApplicable(term.data)
        if term.op == "undecided":
            raise Undecided("a derivative at a tie")
        if term.op == "add":
            return sum(args[1:], args[0])
        if term.op == "apply":
            name, order = term.data
            return function_ball(name, order, args[0])
        if term.op == "power" and is_constant(term.args[1]) and term.args[1].data.denominator == 2:
            return Ball.table["power"](Ball.table["sqrt"](args[0]), arb(term.args[1].data.numerator))
        return BALLS[term.op](*args)


BALLS: Mapping[str, Callable[..., Any]] = {
    "negative": operator.neg,
    "multiply": operator.mul,
    **{name: Ball.table[name] for name in ("divide", "power", "exp", "log")},
    "floor": lambda x: Ball.table["floor_divide"](x, arb(1)),
}


def function_ball(name: str, order: int, x: Any) -> Any:
    """Return a derivative of a function at a ball; of one that is unknown, those of a polynomial of its own."""
    if name in Ball.table:
        return Ball.table[name](x)
    source = random.Random(fields.seed_of("function", name))
    coefficients = [Fraction(source.randint(-9, 9), source.randint(1, 9)) for _ in range(6)]
    for _ in range(order):
        coefficients = [k * coefficient for k, coefficient in enumerate(coefficients)][1:] or [Fraction(0)]
    return sum((ball(coefficient) * x**k for k, coefficient in enumerate(coefficients)), arb(0))


def require_level(level: int) -> int:
    """Return a level if there is a prime for it."""
    if not 0 <= level < len(PRIMES):
        raise NotApplicable("more than two exponentials or logarithms in each other")
    return level


# --- points of the fields -----------------------------------------------------------------------------------------------------------


class FieldPoints:
    """Random points of the prime fields; some are void for a term: a divisor in it is 0, or a root in it does not exist."""

    def __init__(self, draw: Draw, points: int) -> None:
        self.draw, self.points = draw, points
        self.values: dict[tuple[Term, int], Any] = {}
        self.void: dict[tuple[Term, int], Any] = {}

    def at(self, term: Term) -> Any:
        """Return the values of a term at all points, and at which of them it has none."""
        for pair in in_order([(term, LEVEL)], self.parts, self.values):
            Budget.spend(1 + self.points // 256)
            self.lacking: Any = None
            self.values[pair] = self.compute(*pair)
            lacking = [self.void[part] for part in self.parts(pair) if part in self.void]
            if self.lacking is not None or lacking:
                self.void[pair] = np.logical_or.reduce([*lacking, *([] if self.lacking is None else [self.lacking])])
        return self.values[term, LEVEL], self.void.get((term, LEVEL), np.zeros(self.points, dtype=bool))

    def parts(self, pair: tuple[Term, int]) -> list[tuple[Term, int]]:
        """Return the operands of a term, each with its level."""
        term, level = pair
        if term.op == "floor":
            return []
        operands = self.draw.parts(term)
        if term.op in ("exp", "log"):
            return [(operands[0], require_level(level - 1 if term.op == "exp" else level + 1))]
        if term.op == "power":
            base, exponent = operands
            known = is_whole(exponent) or is_constant(exponent)
            return [(base, level)] if known else [(base, level), (exponent, require_level(level - 1))]
        return [(operand, level) for operand in operands]

    def void_unless(self, allowed: Any) -> None:
        """Leave out the points at which something is not allowed."""
        if not np.all(allowed):
            self.lacking = ~allowed

    def compute(self, term: Term, level: int) -> Any:
        """Return the values of a term whose operands have theirs."""
        prime = PRIMES[level]
        if term.op == "constant":
            return np.full(self.points, fields.fraction(term.data.numerator, term.data.denominator, level))
        if (key := key_of(term)) is not None:
            return self.leaf(term, key, level)
        if term.op == "floor":
            return np.full(self.points, self.draw.whole(term) % prime)
        if term.op == "missing":
            raise NotApplicable(term.data)
        args = [self.values[pair] for pair in self.parts((term, level))]
        if term.op in STAND_FOR_OTHERS or term.op == "entry":
            return args[0]
        if term.op in RING:
            return RING[term.op](*args) % prime
        if term.op not in FIELD:
            raise NotApplicable(f"{term.op} in a prime field")
        return FIELD[term.op](self, term, args, level)

    def divide(self, term: Term, args: list[Any], level: int) -> Any:
        """Return a quotient, where the divisor is not 0."""
        self.void_unless(args[1] != 0)
        return args[0] * fields.inverse(args[1], level) % PRIMES[level]

    def exponential(self, term: Term, args: list[Any], level: int) -> Any:
        """Return an exponential, of a number of the field below."""
        return fields.exponential(args[0], level)

    def logarithm(self, term: Term, args: list[Any], level: int) -> Any:
        """Return the logarithm of a number of the field above, where it is a square."""
        self.void_unless(fields.are_squares(args[0], level + 1))
        return fields.logarithm(args[0] if self.lacking is None else np.where(self.lacking, 1, args[0]), level + 1)

    def leaf(self, term: Term, key: Any, level: int) -> Any:
        """Return the values of a symbol or an entry."""
        prime = PRIMES[level]
        if key == PI.data:
            return fields.random_squares(self.points, level, "π", self.draw.seed)
        if is_whole(term):
            return np.full(self.points, self.draw.integer(key) % prime)
        leaf = self.draw.leaf(key)
        return fields.random_squares(self.points, level, leaf.unknown, self.draw.seed) * int(leaf.factor) % prime

    def power(self, term: Term, args: list[Any], level: int) -> Any:
        """Return a power: by a whole number, by a fraction of a square, or by any exponent of a square."""
        base, order = args[0], PRIMES[level] - 1
        if is_whole(term.args[1]):
            exponent = self.draw.whole(term.args[1])
            if exponent < 0:
                self.void_unless(base != 0)
            return fields.power(base, exponent if exponent == 0 else exponent % order or order, level)
        if is_constant(term.args[1]):
            fraction = term.args[1].data
            self.void_unless(fields.are_squares(base, level) | ((base == 0) & (fraction > 0)))
            return fields.power(base, fields.fraction(fraction.numerator, fraction.denominator, level - 1) or order, level)
        self.void_unless(fields.are_squares(base, level))
        return fields.power(base, args[1], level)

    def apply(self, term: Term, args: list[Any], level: int) -> Any:
        """Return the values of a function: an odd or even one of which no more is known, or one of which nothing is known."""
        name, order = term.data
        (x,) = args
        prime = PRIMES[level]
        near, odd = np.minimum(x, prime - x), np.where(x == 0, 0, np.where(x <= prime // 2, 1, -1))
        if name in ("arctan", "erf"):
            return odd * fields.scramble(near, level, name) % prime
        if name in ("sin", "cos"):
            half = np.where(x == 0, 0, fields.scramble(near, level, "angle"))
            below = fields.inverse((1 + half * half) % prime, level)
            value = (1 - half * half) % prime * below % prime if name == "cos" else odd * (2 * half % prime) * below % prime
            quarter = fields.random_squares(self.points, level, "π", self.draw.seed) * fields.fraction(1, 2, level) % prime
            for turns in range(-8, 9):
                exact = (0, 1, 0, -1)[(turns + (name == "cos")) % 4]
                value = np.where(x == turns * quarter % prime, exact % prime, value)
            return value % prime
        return fields.scramble(x, level, f"{name} {order}")


RING: Mapping[str, Callable[..., Any]] = {
    "add": lambda *args: np.sum(args, axis=0),
    "negative": operator.neg,
    "multiply": operator.mul,
}
FIELD: Mapping[str, Callable[[FieldPoints, Term, list[Any], int], Any]] = {
    "divide": FieldPoints.divide,
    "power": FieldPoints.power,
    "exp": FieldPoints.exponential,
    "log": FieldPoints.logarithm,
    "apply": FieldPoints.apply,
}


# --- how probable a wrong agreement is --------------------------------------------------------------------------------------------------


def degree(draw: Draw, term: Term) -> tuple[int, int]:
    """Return bounds of the degree of a term as a quotient of polynomials in what is drawn, and how many roots are in it."""
    degrees: dict[Term, tuple[int, int]] = {}
    roots: set[Term] = set()
    for part in in_order([term], draw.parts, degrees):
        degrees[part] = degree_of(draw, part, [degrees[arg] for arg in draw.parts(part)], roots)
    return sum(degrees[term]), len(roots)


def degree_of(draw: Draw, term: Term, args: list[tuple[int, int]], roots: set[Term]) -> tuple[int, int]:
    """Return the degrees of numerator and denominator of a term; a symbol is a square of what is drawn."""
    match term.op:
        case "symbol" | "entry" if key_of(term) is not None:
            return (0, 0) if is_whole(term) else (2, 0)
        case "choose" | "pick" | "fold" | "derivative" | "substituted" | "entry" | "negative":
            return args[0]
        case "add":
            below = sum(low for _, low in args)
            return max(top + below - low for top, low in args), below
        case "multiply":
            return args[0][0] + args[1][0], args[0][1] + args[1][1]
        case "divide":
            return args[0][0] + args[1][1], args[0][1] + args[1][0]
        case "power" if is_constant(term.args[1]) or is_whole(term.args[1]):
            exponent = term.args[1].data if is_constant(term.args[1]) else Fraction(draw.whole(term.args[1]))
            if exponent.denominator != 1:
                roots.add(term.args[0])
            top, low = args[0] if exponent > 0 else args[0][::-1]
            return int(abs(exponent) * top) + 1, int(abs(exponent) * low) + 1
        case "exp" | "log" | "apply" | "power":
            return 1, 1  # a value of its own
    return 0, 0
