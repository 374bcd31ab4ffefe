"""Nodes: the terms of a claim, each that occurs several times once, and what the proof assistant is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, ClassVar

from flint import arb, ctx

from ..arithmetic import terms
from ..arithmetic.ball import ball
from ..arithmetic.stated import largest, multiply_all
from ..arithmetic.terms import PI, NotApplicable, Term

JOINS: Mapping[Any, str] = {terms.add: "sum", multiply_all: "product", largest: "largest"}


class Node:
    """An operation, its operands and its data; two that are alike are the same object."""

    __slots__ = ("args", "data", "op")
    op: str
    args: tuple[Node, ...]
    data: Any
    table: ClassVar[dict[Any, Node]] = {}  # all nodes that there are

    def __new__(cls, op: str, args: tuple[Node, ...] = (), data: Any = None) -> Node:
        """Return the node of an operation: a new one, if there is none alike."""
        key = (op, tuple(map(id, args)), data)
        if key not in cls.table:
            node = super().__new__(cls)
            node.op, node.args, node.data = op, args, data
            cls.table[key] = node
        return cls.table[key]

    def __repr__(self) -> str:
        return f"{self.op}{self.args or ''}{self.data or ''}"


def constant(value: Any) -> Node:
    """Return a number."""
    return Node("constant", (), Fraction(value))


def node_of(value: Any) -> Node:
    """Return the node of a term; NotApplicable names what there is none for."""
    known: dict[Term, Node] = {}
    root = terms.as_term(value)
    for term in terms.in_order([root], lambda term: term.args, known):
        known[term] = convert(term, tuple(known[arg] for arg in term.args))
    return known[root]


def convert(term: Term, args: tuple[Node, ...]) -> Node:
    """Return the node of a term from those of its operands."""
    if term.op == "missing":
        raise NotApplicable(term.data)
    if term.op in ("pick", "substituted", "undecided", "floor"):
        raise NotApplicable(REASONS[term.op])
    if term.op == "fold":
        body, low, high = args
        index, join = term.data
        return Node("fold", (body, low, high), (index, JOINS[join]))
    return Node(term.op, args, term.data)


REASONS = {
    "pick": "an entry of an array of concrete shape at a symbolic index",
    "substituted": "a derivative at another point",
    "undecided": "a derivative at a tie",
    "floor": "a whole quotient",
}


def walk(*nodes: Node) -> Iterator[Node]:
    """Yield nodes and all that they are made of, each once, operands first."""
    seen: set[Node] = set()
    waiting = [(node, False) for node in reversed(nodes)]
    while waiting:
        node, ready = waiting.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            waiting.extend((arg, False) for arg in reversed(node.args))


def depends_on(node: Node, index: Node) -> bool:
    """Return whether an index occurs in a node."""
    return any(part is index for part in walk(node))


def is_whole(node: Node) -> bool:
    """Return whether a node is a whole number made of whole numbers."""
    if node.op in ("symbol", "entry"):
        return ("integer", True) in node.data[1]
    if node.op == "constant":
        return bool(node.data.denominator == 1)
    return node.op in ("add", "multiply", "negative") and all(map(is_whole, node.args))


def replace(node: Node, replaced: Mapping[Node, Node]) -> Node:
    """Return a node with others in the place of some."""
    new: dict[Node, Node] = {}
    for part in walk(node):
        new[part] = replaced.get(part) or Node(part.op, tuple(new[arg] for arg in part.args), part.data)
    return new[node]


CLOSE = arb(2) ** -150  # numbers that differ by less are taken for equal
PRECISION = 200  # bits


def evaluate(node: Node, point: Mapping[Any, Any], known: dict[Node, Any] | None = None) -> Any:
    """Return a node at a point, to many digits: for guesses only, the proof assistant checks what is made of them."""
    values: dict[Node, Any] = {} if known is None else known
    if node not in values:
        with ctx.workprec(PRECISION):
            values[node] = compute(node, point, values)
    return values[node]


def compute(node: Node, point: Mapping[Any, Any], values: dict[Node, Any]) -> Any:
    """Return a node whose operands are computed as they are needed; NaN where it has no value."""
    match node.op:
        case "constant":
            return ball(node.data)
        case "symbol":
            return arb.pi() if node.data == PI.data else ball(Fraction(point[node.data]))
        case "choose":
            return evaluate(node.args[1 if holds(node.args[0], point, values) else 2], point, values)
        case "entry":
            places = tuple(int(evaluate(arg, point, values).unique_fmpz()) for arg in node.args)
            return ball(point[ENTRIES](node.data, places))
        case "fold":
            (body, *ends), (index, _) = node.args, node.data
            low, high = (int(evaluate(end, point, values).unique_fmpz()) for end in ends)
            return sum((evaluate(body, {**point, index: number}) for number in range(low, high + 1)), arb(0))
    return OPERATIONS[node.op](node, *(evaluate(arg, point, values) for arg in node.args)).mid()


def holds(relation: Node, point: Mapping[Any, Any], values: dict[Node, Any]) -> bool:
    """Return whether a relation holds at a point."""
    left, right = (evaluate(arg, point, values) for arg in relation.args)
    equal = abs(left - right) <= CLOSE * (1 + abs(left))
    return bool({"<": left < right and not equal, "<=": left < right or equal, "==": equal}[relation.data])


def power(node: Node, base: Any, exponent: Any) -> Any:
    """Return a power."""
    whole = exponent.unique_fmpz()
    return base ** int(whole) if whole is not None else base.sqrt() if node.args[1] == HALF else base**exponent


def apply(node: Node, x: Any) -> Any:
    """Return the value of a function; of one of which nothing is known, that of a polynomial."""
    known = {"sin": arb.sin, "cos": arb.cos, "arctan": arb.atan, "erf": arb.erf}
    return known[node.data[0]](x) if node.data[0] in known else x * x / 3 - x / 2 + 1


ENTRIES = "the entries of arrays"  # of a point: a function of an array and indices
HALF = constant(Fraction(1, 2))
OPERATIONS: Mapping[str, Any] = {
    "add": lambda node, *args: sum(args, arb(0)),
    "negative": lambda node, x: -x,
    "multiply": lambda node, x, y: x * y,
    "divide": lambda node, x, y: x / y,
    "power": power,
    "exp": lambda node, x: x.exp(),
    "log": lambda node, x: x.log(),
    "apply": apply,
}
