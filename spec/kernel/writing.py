"""Writing: how nodes, and SymPy's fractions in atoms, are written as terms of the proof assistant."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp

from ..arithmetic.terms import PI, NotApplicable
from .nodes import HALF, Node, is_whole, walk


class NotProved(NotApplicable):
    """A claim for which no proof is written; the message says why."""


RELATIONS = {"<": ("<", "<=", "Rlt_dec"), "<=": ("<=", "<", "Rle_dec"), "==": ("=", "<>", "Req_EM_T")}
FUNCTIONS = {"sin": "sin", "cos": "cos", "arctan": "atan"}
INFIX = {"add": "+", "multiply": "*", "divide": "/"}
FORMS = {"negative": "(- {0})", "exp": "(exp {0})", "log": "(ln {0})", "choose": "(if {0} then {1} else {2})"}


# --- numbers and fractions --------------------------------------------------------------------------------------------------------------


def write_number(value: Any) -> str:
    """Return a rational number."""
    number = Fraction(int(value.p), int(value.q)) if isinstance(value, sp.Rational) else Fraction(value)
    text = str(abs(number.numerator)) if number.denominator == 1 else f"({abs(number.numerator)} / {number.denominator})"
    return f"(- {text})" if number < 0 else text


def write_fraction(e: Any) -> str:
    """Return a fraction of SymPy's in atoms; the atoms have the names that they have in the proof."""
    if e.is_Rational:
        return write_number(e)
    if e.is_Symbol:
        return str(e.name)
    if e.is_Pow and e.exp.is_Integer:
        power = write_fraction(e.base) if abs(e.exp) == 1 else f"({write_fraction(e.base)} ^ {abs(int(e.exp))})"
        return power if e.exp > 0 else f"(/ {power})"
    if e.is_Add or e.is_Mul:
        parts = [write_fraction(arg) for arg in sorted(e.args, key=str)]
        return f"({(' + ' if e.is_Add else ' * ').join(parts)})"
    raise NotProved("a fraction that divides by 0" if e.has(sp.nan, sp.zoo) else f"{type(e).__name__} in a fraction")


def write_product(factors: list[tuple[Any, int]]) -> str:
    """Return powers of fractions as a product."""
    texts = []
    for factor, power in factors:
        text = write_fraction(factor) if abs(power) == 1 else f"({write_fraction(factor)} ^ {abs(power)})"
        texts.append(text if power > 0 else f"(/ {text})")
    return " * ".join(texts) or "1"


def write_whole(e: Any) -> str:
    """Return a polynomial of natural numbers with natural coefficients."""
    monomials = sorted(sp.Add.make_args(sp.expand(e)), key=str)
    return f"({' + '.join(map(write_monomial, monomials))})%nat"


def write_monomial(e: Any) -> str:
    """Return a monomial of natural numbers."""
    factors: list[str] = []
    for factor in sp.Mul.make_args(e):
        base, exponent = factor.as_base_exp()
        factors += [str(base.name)] * int(exponent) if base.is_Symbol else [str(int(factor))]
    return " * ".join(factors)


# --- variables --------------------------------------------------------------------------------------------------------------------------

PREFIXES = {"real": "v", "whole": "n", "function": "f", "array": "a"}
SIGNS = {"positive": "0 < {}", "negative": "{} < 0", "nonnegative": "0 <= {}", "nonpositive": "{} <= 0", "nonzero": "{} <> 0"}
PLAIN = {"real", "below_one", "finite", "integer"}  # assumptions that are said otherwise, or not used


class Names:
    """The variables of a lemma, by kind and what they stand for."""

    def __init__(self) -> None:
        self.names: dict[tuple[str, Any], str] = {}

    def name(self, kind: str, key: Any) -> str:
        """Return the name of a variable, a new one for what has none."""
        if (kind, key) not in self.names:
            plain = re.sub(r"[^A-Za-z0-9_]", lambda match: f"u{ord(match.group())}", str(key[0]))
            wanted = f"{PREFIXES[kind]}_{plain}"
            taken = set(self.names.values())
            self.names[kind, key] = next(
                text for text in itertools.chain([wanted], map(f"{wanted}'{{}}".format, itertools.count())) if text not in taken
            )
        return self.names[kind, key]


def assumptions_of(key: Any, name: str) -> list[str]:
    """Return what is assumed of a real number."""
    facts = dict(key[1])
    if others := facts.keys() - SIGNS.keys() - PLAIN:
        raise NotApplicable(f"a number that is {' and '.join(sorted(others))}")
    return [text.format(name) for word, text in SIGNS.items() if facts.get(word)]


def real_symbol(key: Any, name: str) -> Any:
    """Return a SymPy symbol with the assumptions of a number."""
    return sp.Symbol(name, real=True, **{word: truth for word, truth in key[1] if word in SIGNS})


# --- nodes ------------------------------------------------------------------------------------------------------------------------------


class Writer:
    """What writes nodes: the variables, and which whole numbers are written as successors, since one less of them occurs."""

    def __init__(self, nodes: list[Node]) -> None:
        self.names = Names()
        self.bound = {node.data[0]: f"k{node.data[0][0]}" for node in nodes if node.op == "fold"}  # the indices of sums
        self.shifted: frozenset[Any] = frozenset()
        self.shifted = frozenset(self.lowered(nodes))

    def lowered(self, nodes: list[Node]) -> Iterator[Any]:
        """Yield the positive whole numbers of the exponents from which something is taken away."""
        exponents = (node.args[1] for node in nodes if node.op == "power" and node.args[1].op != "constant" and is_whole(node.args[1]))
        for exponent in exponents:
            if any(term.as_coeff_Mul()[0] < 0 for term in sp.Add.make_args(sp.expand(self.whole(exponent)))):
                yield from (node.data for node in walk(exponent) if node.op == "symbol" and ("positive", True) in node.data[1])

    def whole(self, node: Node) -> Any:
        """Return a whole number as a polynomial of natural numbers."""
        match node.op:
            case "constant":
                return sp.Integer(int(node.data))
            case "symbol":
                facts = dict(node.data[1])
                if not (facts.get("positive") or facts.get("nonnegative")):
                    raise NotApplicable("a whole number that may be negative")
                if node.data in self.bound:
                    return sp.Symbol(self.bound[node.data], integer=True, positive=True)
                symbol = sp.Symbol(self.names.name("whole", node.data), integer=True, nonnegative=True)
                return symbol + 1 if node.data in self.shifted else symbol
            case "add":
                return sp.Add(*map(self.whole, node.args))
            case "multiply":
                return sp.Mul(*map(self.whole, node.args))
            case "negative":
                return -self.whole(node.args[0])
        raise NotApplicable("a whole number of this form")

    def exponents(self, exponent: Node) -> tuple[Any, Any]:
        """Return a whole exponent as the difference of two that are not negative."""
        terms = sp.Add.make_args(sp.expand(self.whole(exponent)))
        up, down = ([term for term in terms if bool(term.as_coeff_Mul()[0] >= 0) is positive] for positive in (True, False))
        return sp.Add(*up), -sp.Add(*down)

    def operation(self, node: Node, args: list[str], known: Mapping[Node, str]) -> str:
        """Return an operation whose operands are written; known are the parts that have another text by now."""
        match node.op:
            case "constant":
                return write_number(node.data)
            case "symbol" if is_whole(node):
                self.whole(node)
                if node.data in self.bound:
                    return f"(INR {self.bound[node.data]})"
                name = self.names.name("whole", node.data)
                return f"(INR {name} + 1)" if node.data in self.shifted else f"(INR {name})"
            case "symbol":
                return "PI" if node.data == PI.data else self.names.name("real", node.data)
            case "add" | "multiply" | "divide":
                return f"({f' {INFIX[node.op]} '.join(args)})"
            case "apply":
                return f"({self.function(node)} {args[0]})"
            case "relation":
                return f"{RELATIONS[node.data][2]} {args[0]} {args[1]}"
            case "power":
                return self.power(node, args, known)
            case "entry":
                array = self.names.name("array", (*node.data, len(node.args)))
                return f"({' '.join([array, *(write_whole(self.whole(arg)) for arg in node.args)])})"
            case "fold":
                low, high = (write_whole(self.whole(end)) for end in node.args[1:])
                return f"(total {low} {high} (fun {self.bound[node.data[0]]} => {args[0]}))"
        return FORMS[node.op].format(*args)

    def function(self, node: Node) -> str:
        """Return the name of a function, known or not."""
        name, order = node.data
        return (
            FUNCTIONS[name] if name in FUNCTIONS and not order else self.names.name("function", (f"{name}_{order}" if order else name, ()))
        )

    def power(self, node: Node, args: list[str], known: Mapping[Node, str]) -> str:
        """Return a power: of a whole exponent by products, of a half by the root, of another by exponential and logarithm."""
        base, exponent = node.args
        if exponent.op == "constant" and exponent.data.denominator <= 2:
            number = exponent.data
            text = args[0] if number.denominator == 1 else known.get(Node("power", (base, HALF)), f"(sqrt {args[0]})")
            text = text if abs(number.numerator) == 1 else f"({text} ^ {abs(number.numerator)})"
            return text if number > 0 else f"(/ {text})"
        if not is_whole(exponent):
            return f"(exp ({args[1]} * (ln {args[0]})))"
        up, down = self.exponents(exponent)
        if down != 0 and not is_positive(base):
            raise NotApplicable("a power of which the exponent may be negative and the base 0")
        text = f"({args[0]} ^ {write_whole(up)})"
        return text if down == 0 else f"({text} / ({args[0]} ^ {write_whole(down)}))"


def is_positive(node: Node) -> bool:
    """Return whether a node is plainly positive."""
    if node.op in ("symbol", "entry"):
        return ("positive", True) in node.data[1]
    if node.op == "constant":
        return bool(node.data > 0)
    return node.op in ("add", "multiply", "divide", "exp") and (node.op == "exp" or all(map(is_positive, node.args)))


REASONS = {"derivative": "a derivative"}
