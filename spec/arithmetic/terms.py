"""Terms: what a computation does to unknowns, recorded and not simplified. `draws` gives them values.

A term is an operation and its operands. Nothing is brought to a normal form here: two terms are equal if their values are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from fractions import Fraction
from typing import Any, ClassVar, TypeAlias

import numpy as np
from flint import fmpq

from ._numbers import Refused


class NotApplicable(Exception):
    """Something that this arithmetic does not have; the message names it."""


class MissingMethod(NotApplicable, AttributeError):
    """A method of SymPy's expressions that terms do not have."""


TOO_LONG = "a computation too long for the sizes that were drawn"


class Budget:
    """How many terms may still be made: `start` sets it, and a term too many raises NotApplicable."""

    left = 0

    @classmethod
    def start(cls, terms: int) -> None:
        """Allow a number of terms."""
        cls.left = terms

    @classmethod
    def spend(cls, terms: int = 1) -> None:
        """Take terms from what is left."""
        cls.left -= terms
        if cls.left < 0:
            raise NotApplicable(TOO_LONG)


class Branches:
    """The ways that a computation takes where it branches on relations of unknowns: each run takes another one, until all were taken."""

    current: ClassVar[ContextVar[Branches | None]]

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.decisions: list[tuple[Term, bool]] = []
        self.taken = 0  # of the decisions, in the present run

    def truth(self, relation: Term) -> bool:
        """Return whether a relation is true in this run."""
        if self.taken == len(self.decisions):
            if self.taken == self.limit:
                raise NotApplicable("a branch on a number that is not a constant" if not self.limit else "too many branches")
            self.decisions.append((relation, True))
        self.taken += 1
        truth = self.decisions[self.taken - 1][1]
        self.decisions[self.taken - 1] = (relation, truth)  # its terms are those of this run
        return truth

    def runs(self) -> Iterator[None]:
        """Yield before each run, until all ways were taken."""
        token = self.current.set(self)
        try:
            while True:
                self.taken = 0
                yield
                while self.decisions and not self.decisions[-1][1]:
                    self.decisions.pop()
                if not self.decisions:
                    return
                self.decisions[-1] = (self.decisions[-1][0], False)
        finally:
            self.current.reset(token)


Branches.current = ContextVar("the branches", default=None)


def binary(name: str, *, reflected: bool = False) -> Callable[[Term, Any], Any]:
    """Return an operator of terms and numbers, by the name of its function; one of a term and an array is left to the array."""

    def operator(left: Term, right: Any) -> Any:
        if isinstance(right, np.ndarray):
            return NotImplemented
        operands = (as_term(right), left) if reflected else (left, as_term(right))
        return globals()[name](*operands)

    return operator


class Term:
    """An operation, its operands, and what else it needs: the value of a constant, the name of a symbol."""

    __slots__ = ("args", "data", "op")

    def __init__(self, op: str, args: tuple[Term, ...] = (), data: Any = None) -> None:
        self.op, self.args, self.data = op, args, data
        Budget.spend()

    __add__, __radd__ = binary("add"), binary("add", reflected=True)
    __sub__, __rsub__ = binary("subtract"), binary("subtract", reflected=True)
    __mul__, __rmul__ = binary("multiply"), binary("multiply", reflected=True)
    __truediv__, __rtruediv__ = binary("divide"), binary("divide", reflected=True)
    __floordiv__, __rfloordiv__ = binary("divide_whole"), binary("divide_whole", reflected=True)
    __pow__, __rpow__ = binary("power"), binary("power", reflected=True)
    __lt__, __gt__ = binary("less"), binary("less", reflected=True)
    __le__, __ge__ = binary("less_equal"), binary("less_equal", reflected=True)

    def __bool__(self) -> bool:
        return self.op != "relation" or (Branches.current.get() or Branches()).truth(self)

    def __neg__(self) -> Any:
        return negative(self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return absolute(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise MissingMethod(f"the method {name} of an expression")

    def item(self) -> Any:
        """Return this term."""
        return self

    doit = item

    def subs(self, old: Any, new: Any = None, *, simultaneous: bool = False) -> Any:
        """Return this term with others in the place of symbols and entries, by a mapping or pairs of them, or by two terms."""
        pairs = dict(old).items() if new is None else [(old, new)]
        keys = {key_of(as_term(before)): as_term(after) for before, after in pairs}
        if None in keys:
            raise NotApplicable("a substitution for an expression")
        return substitute(self, keys)

    def __repr__(self) -> str:
        return write(self)


Number: TypeAlias = Any  # a term, or what becomes a constant


def as_term(value: Any) -> Term:
    """Return a term, or a number as a constant; floats are taken at their exact value."""
    if isinstance(value, Term):
        return value
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return as_term(value.view(np.ndarray)[()])
    if isinstance(value, bool | np.bool_):
        raise Refused("truth values are not numbers")
    if isinstance(value, fmpq):
        return Term("constant", data=Fraction(int(value.p), int(value.q)))
    if isinstance(value, int | np.integer):
        return Term("constant", data=Fraction(int(value)))
    if isinstance(value, Fraction):
        return Term("constant", data=value)
    if isinstance(value, float | np.floating) and math.isfinite(value):
        return Term("constant", data=Fraction(float(value)))
    raise Refused(f"{value!r} ({type(value).__name__}) is not a number of the modular arithmetic")


Budget.start(1000)
ZERO, ONE, HALF = (as_term(value) for value in (0, 1, Fraction(1, 2)))


def missing(reason: str) -> Term:
    """Return the term of something that this arithmetic does not have; every term that needs it is not judged."""
    return Term("missing", data=reason)


def is_constant(term: Term, value: int | None = None) -> bool:
    """Return whether a term is a constant, or this one."""
    return term.op == "constant" and (value is None or term.data == value)


def add(*terms: Number) -> Term:
    """Return a sum; an empty one is 0."""
    parts = [part for part in map(as_term, terms) if not is_constant(part, 0)]
    if len(parts) > 1 and all(map(is_constant, parts)):
        return as_term(sum((part.data for part in parts), Fraction(0)))
    return Term("add", tuple(parts)) if len(parts) > 1 else parts[0] if parts else ZERO


def negative(term: Term) -> Term:
    """Return −x."""
    return as_term(-term.data) if is_constant(term) else Term("negative", (term,))


def subtract(left: Term, right: Term) -> Term:
    """Return a difference."""
    return add(left, negative(right))


def multiply(left: Number, right: Number) -> Term:
    """Return a product."""
    left, right = as_term(left), as_term(right)
    if is_constant(left) and is_constant(right):
        return as_term(left.data * right.data)
    if is_constant(left, 1) or is_constant(right, 1):
        return right if is_constant(left, 1) else left
    return Term("multiply", (left, right))


def divide(left: Number, right: Number) -> Term:
    """Return a quotient."""
    left, right = as_term(left), as_term(right)
    if is_constant(right) and right.data:
        return multiply(left, as_term(1 / right.data))
    return Term("divide", (left, right))


def power(base: Number, exponent: Number) -> Term:
    """Return a power."""
    base, exponent = as_term(base), as_term(exponent)
    return base if is_constant(exponent, 1) else Term("power", (base, exponent))


def root(term: Number) -> Term:
    """Return the square root that is not negative."""
    return power(term, HALF)


def apply(name: str, term: Number, order: int = 0) -> Term:
    """Return a derivative of the function of this name, unknown but for what `draws` knows of it."""
    return Term("apply", (as_term(term),), (name, order))


def exp(term: Number) -> Term:
    """Return the exponential."""
    return Term("exp", (as_term(term),))


def log(term: Number) -> Term:
    """Return the logarithm."""
    return Term("log", (as_term(term),))


def tanh(term: Number) -> Term:
    """Return the hyperbolic tangent, (e²ˣ − 1)/(e²ˣ + 1)."""
    grown = exp(multiply(2, term))
    return divide(grown - 1, grown + 1)


def relation(kind: str, left: Number, right: Number) -> Term:
    """Return the relation <, <= or == of two numbers."""
    return Term("relation", (as_term(left), as_term(right)), kind)


def less(left: Number, right: Number) -> Term:
    """Return the relation left < right."""
    return relation("<", left, right)


def less_equal(left: Number, right: Number) -> Term:
    """Return the relation left ≤ right."""
    return relation("<=", left, right)


def choose(condition: Any, yes: Number, no: Number) -> Term:
    """Return one of two terms by a truth value or a relation."""
    yes, no = as_term(yes), as_term(no)
    return Term("choose", (condition, yes, no)) if isinstance(condition, Term) else yes if condition else no


def maximum(left: Number, right: Number) -> Term:
    """Return the larger of two."""
    return choose(relation("<=", right, left), left, right)


def minimum(left: Number, right: Number) -> Term:
    """Return the smaller of two."""
    return choose(relation("<=", left, right), left, right)


def absolute(term: Number) -> Term:
    """Return the modulus."""
    return choose(relation("<=", 0, term), term, negative(as_term(term)))


def sign(term: Number) -> Term:
    """Return the sign."""
    return choose(relation("<", 0, term), 1, choose(relation("<", term, 0), -1, 0))


def divide_whole(left: Number, right: Number) -> Term:
    """Return ⌊left / right⌋."""
    return floor(divide(left, right))


def floor(term: Number) -> Term:
    """Return the largest whole number that is not above."""
    return Term("floor", (as_term(term),))


def assumed(assumptions: Mapping[str, bool]) -> tuple[tuple[str, bool], ...]:
    """Return what is assumed of a symbol, in order; that a number is real follows from its sign, and from that it is whole."""
    implied = {"real"} if assumptions.keys() & {"positive", "negative", "nonnegative", "nonpositive", "integer"} else set()
    return tuple(sorted((name, truth) for name, truth in assumptions.items() if name not in implied))


def symbol(name: str, assumptions: Mapping[str, bool]) -> Term:
    """Return a symbol: two of the same name and assumptions are the same unknown."""
    return Term("symbol", data=(name, assumed(assumptions)))


def arrays_of_symbols(wrap: Callable[[Any], Any], names: str, shape: tuple[int, ...], assumptions: Mapping[str, bool]) -> Any:
    """Return symbols by name, real unless said otherwise, each an array of an arithmetic; several names give a tuple."""
    arrays = []
    for name in names.split():
        array = np.empty(shape, dtype=object)
        for index in np.ndindex(shape):
            array[index] = symbol("_".join([name, *map(str, index)]), {"real": True, **assumptions})
        arrays.append(wrap(array))
    return arrays[0] if len(arrays) == 1 else tuple(arrays)


def entry(name: str, assumptions: Mapping[str, bool], indices: Iterable[Number]) -> Term:
    """Return the entry of an array of unknowns at indices from 1."""
    return Term("entry", tuple(map(as_term, indices)), (name, assumed(assumptions)))


def pick(entries: Any, indices: Iterable[Number]) -> Term:
    """Return the entry of an array of terms at indices from 1."""
    return Term("pick", tuple(map(as_term, indices)), entries)


def derivative(term: Term, variable: Term) -> Term:
    """Return the derivative by a symbol, or by an entry of an array; it is computed when the indices have values."""
    return Term("derivative", (term, variable))


def whole_numbers(term: Term) -> Iterator[Term]:
    """Yield the symbols in the operands of an index."""
    if term.op == "symbol":
        yield term
    for arg in term.args:
        yield from whole_numbers(arg)


def operands(term: Term) -> tuple[Term, ...]:
    """Return all terms that a term is made of, those of a table that it picks from included."""
    return (*term.args, *term.data.ravel()) if term.op == "pick" else term.args


def in_order(roots: Iterable[Any], parts: Callable[[Any], Iterable[Any]], done: Mapping[Any, Any]) -> Iterator[Any]:
    """Yield the terms that others are made of before these, each once, but those that are done."""
    waiting = [(term, False) for term in roots]
    seen: set[Any] = set()
    while waiting:
        term, ready = waiting.pop()
        if ready:
            yield term
        elif term not in seen and term not in done:
            seen.add(term)
            waiting.append((term, True))
            waiting.extend((part, False) for part in parts(term))


def key_of(term: Term) -> Any:
    """Return what a symbol or an entry is called; None of another term."""
    if term.op == "symbol":
        return term.data
    return (*term.data, *(arg.data for arg in term.args)) if term.op == "entry" and all(map(is_constant, term.args)) else None


def substitute(term: Term, replaced: Mapping[Any, Term]) -> Term:
    """Return a term with others in the place of the symbols and entries with these keys."""
    new: dict[Term, Term] = {}
    for part in in_order([term], operands, new):
        key = key_of(part)
        if key in replaced:
            new[part] = replaced[key]
            continue
        if part.op == "derivative" and any(("integer", True) not in key[1] for key in replaced):
            new[part] = Term("substituted", (part,), dict(replaced))
            continue
        args = tuple(new[arg] for arg in part.args)
        data = part.data
        if part.op == "pick":
            data = np.frompyfunc(new.__getitem__, 1, 1)(part.data)
            data = data if any(map(is_other, data.ravel(), part.data.ravel())) else part.data
        same = data is part.data and all(map(is_same, args, part.args))
        new[part] = part if same else Term(part.op, args, data)
        if new[part] is not part and (key := key_of(new[part])) in replaced:
            new[part] = replaced[key]
    return new[term]


def is_same(left: Any, right: Any) -> bool:
    """Return whether two are the same object."""
    return left is right


def is_other(left: Any, right: Any) -> bool:
    """Return whether two are not the same object."""
    return left is not right


def partial_derivatives(term: Term) -> list[tuple[Term, Term]]:
    """Return the operands by which a term changes, each with the derivative by it."""
    args = term.args
    match term.op:
        case "add":
            return [(arg, ONE) for arg in args]
        case "negative":
            return [(args[0], as_term(-1))]
        case "multiply":
            return [(args[0], args[1]), (args[1], args[0])]
        case "divide":
            return [(args[0], divide(1, args[1])), (args[1], negative(divide(term, args[1])))]
        case "power" if is_constant(args[1]):
            return [(args[0], multiply(args[1], power(args[0], args[1] - 1)))]
        case "power":
            return [(args[0], multiply(args[1], power(args[0], args[1] - 1))), (args[1], multiply(term, log(args[0])))]
        case "exp":
            return [(args[0], term)]
        case "log":
            return [(args[0], divide(1, args[0]))]
        case "apply":
            return [(args[0], DERIVATIVES.get(term.data[0], unknown_derivative)(term))]
        case "missing":
            return [(term, term)]
    return []


def unknown_derivative(term: Term) -> Term:
    """Return the derivative of a function of which nothing is known."""
    name, order = term.data
    return apply(name, term.args[0], order + 1)


DERIVATIVES: Mapping[str, Callable[[Term], Term]] = {
    "sin": lambda term: apply("cos", term.args[0]),
    "cos": lambda term: negative(apply("sin", term.args[0])),
    "arctan": lambda term: divide(1, 1 + power(term.args[0], 2)),
    "erf": lambda term: multiply(divide(2, root(PI)), exp(negative(power(term.args[0], 2)))),
}
PI: Term = symbol("π", {"positive": True})


def write(term: Term, depth: int = 4) -> str:
    """Return a term as text; what lies deep in it is left out."""
    if term.op == "constant":
        return str(term.data)
    if term.op == "symbol":
        return str(term.data[0])
    if not depth:
        return "…"
    name = term.data[0] if term.op in ("entry", "apply") else term.op
    return f"{name}({', '.join(write(arg, depth - 1) for arg in term.args[:4])})"
