"""Sums over an index: each is brought to a combination of sums of which the terms are no combinations themselves, and that is proven.

The terms of a sum are fractions in entries of arrays, in inner sums, and in other parts, which stay as they are written. What is free of
the index is pulled out, a sum of 1 is the number of its terms, and equal sums become equal texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sympy as sp

from .nodes import Node, constant, depends_on, replace, walk
from .writing import NotProved, Writer

Text = Callable[[Node], str]


def index_of(fold: Node) -> Node:
    """Return the index of a sum."""
    return Node("symbol", (), fold.data[0])


def outermost(*nodes: Node) -> list[Node]:
    """Return the sums that nodes are made of, but not those of which these are made, each once."""
    folds, seen, waiting = [], set(), list(nodes)
    while waiting:
        node = waiting.pop(0)
        if node in seen:
            continue
        seen.add(node)
        if node.op == "fold":
            folds.append(node)
        else:
            waiting += node.args
    return folds


def is_plain(node: Node) -> bool:
    """Return whether a node is a plain sum."""
    return node.op == "fold" and node.data[0][0].startswith("_c")


class Sums:
    """The normal forms of sums, and the facts that they are equal to what they stand for."""

    def __init__(self, writer: Writer, text: Text, fresh: Callable[[str], str]) -> None:
        self.writer, self.text, self.fresh = writer, text, fresh
        self.nodes: dict[Any, Node] = {}  # of the symbols in fractions
        self.facts: dict[Node, str] = {}
        self.lines: list[str] = []

    def symbol(self, node: Node) -> Any:
        """Return the symbol that stands for a part in fractions: parts that are written alike are equal."""
        symbol = sp.Symbol(self.text(node), real=True)
        self.nodes.setdefault(symbol, node)
        return symbol

    def fraction(self, node: Node) -> Any:
        """Return a part as a fraction in symbols."""
        match node.op:
            case "constant":
                return sp.Rational(node.data.numerator, node.data.denominator)
            case "add":
                return sp.Add(*map(self.fraction, node.args))
            case "multiply":
                return sp.Mul(*map(self.fraction, node.args))
            case "negative":
                return -self.fraction(node.args[0])
            case "divide":
                return self.fraction(node.args[0]) / self.fraction(node.args[1])
            case "power" if node.args[1].op == "constant" and node.args[1].data.denominator == 1:
                return self.fraction(node.args[0]) ** int(node.args[1].data)
            case "fold":
                return self.combination(node)
            case "choose":
                raise NotProved("a choice in a sum over an index")
        return self.symbol(node)

    def node(self, e: Any) -> Node:
        """Return a fraction in symbols as a node."""
        if e.is_Rational:
            return constant(f"{e.p}/{e.q}")
        if e.is_Symbol:
            return self.nodes[e]
        if e.is_Pow and e.exp.is_Integer:
            power = Node("power", (self.node(e.base), constant(abs(int(e.exp))))) if abs(e.exp) != 1 else self.node(e.base)
            return power if e.exp > 0 else Node("divide", (constant(1), power))
        parts = [self.node(arg) for arg in sorted(e.args, key=str)]
        if e.is_Add:
            return Node("add", tuple(parts))
        result = parts[0]
        for part in parts[1:]:
            result = Node("multiply", (result, part))
        return result

    def combination(self, fold: Node) -> Any:
        """Return a sum as a combination of plain sums, after the fact that it is one is written."""
        body, low, high = fold.args
        index = index_of(fold)
        if is_plain(fold):
            return self.symbol(fold)
        if low == constant(1) and self.writer.whole(high).as_coeff_Add()[0] > 0:
            return self.without_last(fold)
        if low == constant(1) and self.writer.whole(high) == 0:
            return self.empty(fold)
        shares: dict[Any, Any] = {}
        for term in sp.Add.make_args(sp.expand(self.fraction(body))):
            inner = [symbol for symbol in term.free_symbols if depends_on(self.nodes[symbol], index)]
            share, rest = term.as_independent(*inner, as_Add=False) if inner else (term, sp.Integer(1))
            shares[rest] = shares.get(rest, 0) + share
        shares = {rest: share for rest, share in shares.items() if share != 0}
        total = sp.Add(*(share * self.plain_sum(rest, fold) for rest, share in shares.items()))
        self.write_fact(fold, shares, total)
        return total

    def empty(self, fold: Node) -> Any:
        """Return 0, after the fact that a sum without terms is 0 is written."""
        self.facts[fold] = name = self.fresh("T")
        self.lines.append(f"assert ({name} : {self.head(fold)}{self.text(fold)} = 0) by (intros; apply total_none).")
        return sp.Integer(0)

    def without_last(self, fold: Node) -> Any:
        """Return a sum to n + 1 as that to n and the last term, after the fact that it is is written."""
        body, low, high = fold.args
        rest = Node("fold", (body, low, Node("add", (high, constant(-1)))), fold.data)
        last = replace(body, {index_of(fold): high})
        total = self.combination(rest) + self.fraction(last)
        if fold not in self.facts:
            name = self.fresh("T")
            inner = "".join(f"; rewrite ?{self.facts[part]}" for part in self.inner(rest, last))
            middle = f"({self.text(rest)} + {self.text(last)})"
            proof = f"intros; transitivity {middle}; [apply total_last | idtac{inner}; by_field]"
            self.lines.append(f"assert ({name} : {self.head(fold)}{self.text(fold)} = {self.text(self.node(total))}) by ({proof}).")
            self.facts[fold] = name
        return total

    def head(self, fold: Node) -> str:
        """Return the quantifiers of a fact: all indices of the sums that a sum stands in."""
        outer = [self.writer.bound[key] for key in self.free_indices(fold)]
        return f"forall {' '.join(f'({each} : nat)' for each in outer)}, " if outer else ""

    def plain_sum(self, term: Any, fold: Node) -> Any:
        """Return the sum of one term: a symbol for it, or the number of terms."""
        _, low, high = fold.args
        if term == 1:
            if low != constant(1):
                raise NotProved("a sum that does not start at 1")
            return self.fraction(high)
        node = self.node(term)
        height = max((int(part.data[0][0].removeprefix("_c")) for part in walk(node) if is_plain(part)), default=0) + 1
        key = (f"_c{height}", (("integer", True), ("positive", True)))
        self.writer.bound.setdefault(key, f"c{height}")
        plain = Node("fold", (replace(node, {index_of(fold): Node("symbol", (), key)}), low, high), (key, "sum"))
        return self.symbol(plain)

    def write_fact(self, fold: Node, shares: dict[Any, Any], total: Any) -> None:
        """Write the proof that a sum is a combination of plain sums, for all indices of the sums that it stands in."""
        old, new = self.text(fold), self.text(self.node(total))
        if fold in self.facts or (total.is_Symbol and self.same(fold, self.nodes[total])):
            return
        name, index = self.fresh("T"), self.writer.bound[fold.data[0]]
        low, high = old.removeprefix("(total ").split("%nat ")[:2]
        terms = " + ".join(f"({self.text(self.node(share))} * {self.text(self.node(rest))})" for rest, share in shares.items()) or "0"
        inner = "".join(f"; rewrite ?{self.facts[part]}" for part in self.inner(fold.args[0]))
        middle = f"(total {low}%nat {high}%nat (fun {index} => {terms}))"
        proof = f"intros; transitivity {middle}; [apply total_ext; intros {index} R{name}{inner}; by_field | sums]"
        self.lines.append(f"assert ({name} : {self.head(fold)}{old} = {new}) by ({proof}).")
        self.facts[fold] = name

    def same(self, fold: Node, plain: Node) -> bool:
        """Return whether two sums differ by the name of the index alone."""
        if not is_plain(plain):
            return False
        own, other = (self.writer.bound[each.data[0]] for each in (fold, plain))
        return re.sub(rf"\b{own}\b", other, self.text(fold)) == self.text(plain)

    def inner(self, *terms: Node) -> list[Node]:
        """Return the sums in terms that have facts, the longest first: what stands within another sum is replaced with that."""
        return sorted((part for part in outermost(*terms) if part in self.facts), key=lambda part: -len(self.text(part)))

    def free_indices(self, fold: Node) -> list[Any]:
        """Return the indices of other sums that occur in a sum."""
        own = {part.data[0] for part in walk(fold) if part.op == "fold"}
        used = {part.data for part in walk(fold) if part.op == "symbol"}
        return sorted((used & self.writer.bound.keys()) - own, key=str)
