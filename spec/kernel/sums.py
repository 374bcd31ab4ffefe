"""Sums over an index: each is brought to a combination of sums of which the terms are no combinations themselves, and that is proven.

The terms of a sum are fractions in entries of arrays, in inner sums, and in other parts, which stay as they are written. What is free of
the index is pulled out, a sum of 1 is the number of its terms, and equal sums become equal texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import sympy as sp

from .nodes import HALF, Node, constant, depends_on, is_whole, replace, walk
from .writing import NotProved, Writer, is_positive, write_whole

ORDERS = 24  # of sums in sums that are looked at, at most
NAMES = {"power": "sqrt", "exp": "exp", "log": "ln"}  # of functions, by operations
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


class Exchange(NamedTuple):
    """Two sums that are equal, as an outer and an inner one change places; the factors of their terms as texts, and the inner ends."""

    before: Node
    after: Node
    rest: str
    part: str
    outside: str
    inside: str
    inner: tuple[Node, ...]


class Sums:
    """The normal forms of sums, and the facts that they are equal to what they stand for."""

    def __init__(self, writer: Writer, text: Text, fresh: Callable[[str], str]) -> None:
        self.writer, self.text, self.fresh = writer, text, fresh
        self.nodes: dict[Any, Node] = {}  # of the symbols in fractions
        self.facts: dict[Node, str] = {}
        self.forms: dict[Node, Node] = {}  # of functions' values, with plain sums in the arguments
        self.lines: list[str] = []
        self.orders: dict[Node, Node] = {}  # of sums, by the sums with another order
        self.exchanged: list[str] = []  # the names of the facts that lead to them

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
            case "power" if (parts := self.whole_powers(node)) is not None:
                return parts
            case "fold":
                return self.combination(node)
            case "choose":
                raise NotProved("a choice in a sum over an index")
            case "power" if node.args[1].op == "constant" and node.args[1].data.denominator == 2:
                return self.opaque(Node("power", (node.args[0], HALF))) ** int(node.args[1].data.numerator)
            case "exp" | "log" | "apply":
                return self.opaque(node)
        return self.symbol(node)

    def opaque(self, node: Node) -> Any:
        """Return the symbol of a function's value: where it depends on the index of a sum, with the sums in its argument as plain ones."""
        if node not in self.forms:
            new = node
            if self.free_indices(node) and outermost(node):
                new = Node(node.op, (self.node(self.fraction(node.args[0])), *node.args[1:]), node.data)
                inner = "".join(f"; rewrite ?{self.facts[part]}" for part in self.inner(*node.args))
                name = self.fresh("T")
                function = NAMES.get(node.op) or self.writer.function(node)
                proof = f"intros; first [reflexivity | apply (f_equal {function}){inner}; by_field]"
                self.lines.append(f"assert ({name} : {self.head(node)}{self.text(node)} = {self.text(new)}) by ({proof}).")
                self.facts[node] = name
            self.forms[node] = new
        return self.symbol(self.forms[node])

    def whole_powers(self, node: Node) -> Any:
        """Return a power of a positive part as a product of powers to whole numbers, after the fact that it is one; None if it is none."""
        base, exponent = node.args
        if not is_positive(base):
            return None
        total = sp.expand(self.fraction(exponent))
        counts = {symbol: self.nodes[symbol] for symbol in total.free_symbols}
        terms = [(number, part) for part, number in total.as_coefficients_dict().items()]
        if not all(is_whole(count) and count.op == "symbol" for count in counts.values()):
            return None
        if not all(part == 1 or part.is_Symbol for _, part in terms) or not all(number.is_Integer for number, _ in terms):
            return None
        if any(abs(number) != 1 for number, part in terms if part != 1):
            return None
        result = sp.Mul(*(self.power_of(base, number, part, counts) for number, part in terms))
        if node not in self.facts and result != sp.Symbol(self.text(node), real=True):
            self.write_power(node, terms, counts, result)
        return result

    def power_of(self, base: Node, number: Any, part: Any, counts: dict[Any, Node]) -> Any:
        """Return the power of a part to a whole number, or to one more or less of a symbol."""
        return self.fraction(base) ** int(number) if part == 1 else self.symbol(Node("power", (base, counts[part]))) ** int(number)

    def write_power(self, node: Node, terms: list[Any], counts: dict[Any, Node], result: Any) -> None:
        """Write the fact that a power is a quotient of powers to whole numbers."""
        base, exponent = node.args
        ups = [
            sp.Add(*(abs(n) * (1 if part == 1 else self.writer.whole(counts[part])) for n, part in terms if (n > 0) == up))
            for up in (True, False)
        ]
        name, (up, down) = self.fresh("T"), map(write_whole, ups)
        step = (
            f"rewrite (power_of_whole {self.text(base)} {self.text(exponent)} {up} {down}) by whole_exponent; "
            if not is_whole(exponent)
            else ""
        )
        self.lines.append(
            f"assert ({name} : {self.head(node)}{self.text(node)} = {self.text(self.node(result))}) by (intros; {step}powers)."
        )
        self.facts[node] = name

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
            bound, terms = self.writer.bound[fold.data[0]], self.text(body)
            end = re.sub(rf"\b{bound}\b", write_whole(self.writer.whole(high)), terms)
            lemma = f"total_last {write_whole(self.writer.whole(high) - 1)} (fun {bound} => {terms})"
            proof = f"intros; transitivity ({self.text(rest)} + {end}); [apply ({lemma}) |]"
            proof += f"; transitivity ({self.text(rest)} + {self.text(last)}); [first [reflexivity | at_the_end] | idtac{inner}; by_field]"
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
        return self.symbol(self.in_order(self.plain(term, index_of(fold), (low, high))))

    def plain(self, term: Any, index: Node, ends: tuple[Node, ...]) -> Node:
        """Return the plain sum of a term over an index; the index has the name of the sum's height."""
        node = self.node(term)
        height = max((int(part.data[0][0].removeprefix("_c")) for part in walk(node) if is_plain(part)), default=0) + 1
        own = self.new_index(f"_c{height}", f"c{height}")
        return Node("fold", (replace(node, {index: own}), *ends), (own.data, "sum"))

    def new_index(self, key: str, name: str) -> Node:
        """Return an index, and note its name."""
        index = Node("symbol", (), (key, (("integer", True), ("positive", True))))
        self.writer.bound.setdefault(index.data, name)
        return index

    # --- the order of sums in sums

    def in_order(self, fold: Node) -> Node:
        """Return a sum with the sums in it in the order whose text is the least, after the facts that lead there are written."""
        if fold not in self.orders:
            paths: dict[Node, list[Exchange]] = {fold: []}
            waiting = [fold]
            while waiting and len(paths) < ORDERS:
                current = waiting.pop(0)
                for exchange in self.exchanges(current):
                    if exchange.after not in paths:
                        paths[exchange.after] = [*paths[current], exchange]
                        waiting.append(exchange.after)
            best = min(paths, key=lambda each: (len(self.text(each)), self.text(each)))
            self.orders[fold] = best
            for exchange in paths[best]:
                self.write_exchange(exchange)
        return self.orders[fold]

    def exchanges(self, fold: Node) -> Iterator[Exchange]:
        """Yield the sums that come of exchanging a sum with one of those in its terms."""
        body, low, high = fold.args
        outer = self.new_index("_i", "i'")
        term = self.fraction(replace(body, {index_of(fold): outer}))
        for symbol in sorted(term.free_symbols, key=str):
            inner = self.nodes[symbol]
            is_factor = term.as_independent(symbol, as_Add=False)[1] == symbol
            if not is_plain(inner) or not is_factor or any(depends_on(end, outer) for end in inner.args[1:]):
                continue
            index = self.new_index("_j", "j'")
            rest, part = term / symbol, self.fraction(replace(inner.args[0], {index_of(inner): index}))
            dependent = [each for each in (rest * part).free_symbols if depends_on(self.nodes[each], outer)]
            outside, inside = (rest * part).as_independent(*dependent, as_Add=False)
            moved = self.plain(inside, outer, (low, high))
            after = self.plain(outside * self.symbol(moved), index, inner.args[1:])
            texts = [self.text(self.node(each)) for each in (rest, part, outside, inside)]
            yield Exchange(fold, after, texts[0], texts[1], texts[2], texts[3], inner.args[1:])

    def write_exchange(self, exchange: Exchange) -> None:
        """Write the fact that two sums may be exchanged."""
        name, (low, high) = self.fresh("T"), (write_whole(self.writer.whole(end)) for end in exchange.before.args[1:])
        inner_low, inner_high = (write_whole(self.writer.whole(end)) for end in exchange.inner)
        before, after = self.text(exchange.before), self.text(exchange.after)
        rest, part, outside, inside = exchange.rest, exchange.part, exchange.outside, exchange.inside
        proof = "; ".join(
            [
                f"intros; transitivity (total {low} {high} (fun i' => total {inner_low} {inner_high} (fun j' => {rest} * {part})))",
                f"[apply total_ext; intros i' R{name}; transitivity ({rest} * total {inner_low} {inner_high} (fun j' => {part}));"
                f" [by_field | symmetry; apply (total_scale {inner_low} {inner_high} {rest} (fun j' => {part}))]"
                f" | rewrite (total_swap {low} {high} {inner_low} {inner_high} (fun i' j' => {rest} * {part})); apply total_ext;"
                f" intros j' R{name}; transitivity ({outside} * total {low} {high} (fun i' => {inside}));"
                f" [transitivity (total {low} {high} (fun i' => {outside} * {inside}));"
                f" [apply total_ext; intros i' R{name}'; by_field | apply (total_scale {low} {high} {outside} (fun i' => {inside}))]"
                f" | by_field]]",
            ]
        )
        self.lines.append(f"assert ({name} : {self.head(exchange.before)}{before} = {after}) by ({proof}).")
        self.exchanged.append(name)

    def write_fact(self, fold: Node, shares: dict[Any, Any], total: Any) -> None:
        """Write the proof that a sum is a combination of plain sums, for all indices of the sums that it stands in."""
        old, new = self.text(fold), self.text(self.node(total))
        if fold in self.facts or (total.is_Symbol and self.same(fold, self.nodes[total])):
            return
        name, index = self.fresh("T"), self.writer.bound[fold.data[0]]
        low, high = old.removeprefix("(total ").split("%nat ")[:2]
        terms = " + ".join(f"({self.text(self.node(share))} * {self.text(self.node(rest))})" for rest, share in shares.items()) or "0"
        inner = "".join(f"; rewrite ?{self.facts[part]}" for part in self.inner(fold.args[0]))
        exchanges = "".join(f"; rewrite ?{each}" for each in self.exchanged)
        middle = f"(total {low}%nat {high}%nat (fun {index} => {terms}))"
        proof = (
            f"intros; transitivity {middle}; [apply total_ext; intros {index} R{name}{inner}; by_field | split_sums{exchanges}; numbers]"
        )
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
        parts = {part for part in walk(*terms) if part in self.facts}
        return sorted(parts, key=lambda part: (-len(self.text(part)), self.text(part)))

    def free_indices(self, fold: Node) -> list[Any]:
        """Return the indices of other sums that occur in a sum."""
        own = {part.data[0] for part in walk(fold) if part.op == "fold"}
        used = {part.data for part in walk(fold) if part.op == "symbol"}
        return sorted((used & self.writer.bound.keys()) - own, key=str)
