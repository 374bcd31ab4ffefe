"""Domains: what must hold for a claim to have values, which its lemma takes as hypotheses; and points that fulfil them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ..arithmetic.terms import PI
from .nodes import ENTRIES, Node, depends_on, evaluate, holds, is_whole, walk

POINTS = 90  # that are drawn for a claim
TIED = (Fraction(0), Fraction(1), Fraction(1), Fraction(1, 2), Fraction(2))  # the sizes at every third of them
SIZES = (Fraction(1, 10), Fraction(1, 2), Fraction(9, 10), Fraction(1), Fraction(3, 2), Fraction(3), Fraction(10))


@dataclass(frozen=True)
class Hypothesis:
    """The choices under which a part is looked at, the part, and that it is not 0 (<>), not negative (>=) or positive (>)."""

    guards: tuple[tuple[Node, bool], ...]
    node: Node
    relation: str
    sums: tuple[Node, ...] = ()  # over whose index it must hold

    def holds_at(self, point: Mapping[Any, Any], values: dict[Node, Any]) -> bool:
        """Return whether it holds at a point."""
        if self.sums:
            outer, rest = self.sums[0], replace(self, sums=self.sums[1:])
            low, high = (int(evaluate(end, point, {}).unique_fmpz()) for end in outer.args[1:])
            return all(rest.holds_at({**point, outer.data[0]: number}, {}) for number in range(low, high + 1))
        if not all(holds(guard, point, values) == truth for guard, truth in self.guards):
            return True
        value = evaluate(self.node, point, values)
        return bool({"<>": value != 0, ">=": value >= 0, ">": value > 0}[self.relation])


def hypotheses(nodes: list[Node]) -> list[Hypothesis]:
    """Return what must hold for nodes to have values, in the order of the computation; of a choice only for the part that is taken."""
    collected: dict[Hypothesis, None] = {}
    seen: set[Any] = set()

    def visit(node: Node, guards: tuple[tuple[Node, bool], ...], sums: tuple[Node, ...] = ()) -> None:
        if (node, guards, sums) in seen:
            return
        seen.add((node, guards, sums))
        if node.op == "fold":
            visit(node.args[0], guards, (*sums, node))
            return
        if node.op == "choose":
            condition, yes, no = node.args
            visit(condition, guards, sums)
            visit(yes, (*guards, (condition, True)), sums)
            visit(no, (*guards, (condition, False)), sums)
            return
        for arg in node.args:
            visit(arg, guards, sums)
        for part, relation in needs(node):
            if part.op != "constant" or part.data <= 0:
                over = tuple(fold for fold in sums if depends_on(part, Node("symbol", (), fold.data[0])))
                collected.setdefault(Hypothesis(guards, part, relation, over))

    for node in nodes:
        visit(node, ())
    plain = {(each.node, each.relation) for each in collected if not each.guards}
    return [each for each in collected if not each.guards or (each.node, each.relation) not in plain]


def needs(node: Node) -> Iterator[tuple[Node, str]]:
    """Yield what must hold for one operation to have a value."""
    if node.op == "divide":
        yield node.args[1], "<>"
    elif node.op == "log":
        yield node.args[0], ">"
    elif node.op == "power":
        base, exponent = node.args
        if exponent.op == "constant" and exponent.data.denominator <= 2:
            if exponent.data.denominator == 2:
                yield base, ">="
            if exponent.data < 0:
                yield base, "<>"
        elif not is_whole(exponent):
            yield base, ">"


def points(nodes: list[Node], assumed: list[Hypothesis]) -> list[dict[Any, Any]]:
    """Return points that are drawn from the domain: they fulfil the assumptions on the symbols and all hypotheses."""
    bound = {node.data[0] for node in walk(*nodes) if node.op == "fold"}
    symbols = sorted({node.data for node in walk(*nodes) if node.op == "symbol"} - bound, key=str)
    drawn = []
    for seed in range(POINTS):
        source = random.Random(seed)
        point = {key: draw(key, source, TIED if seed % 3 == 2 else SIZES) for key in symbols}
        point[ENTRIES] = entries(seed)
        values: dict[Node, Any] = {}
        if all(each.holds_at(point, values) for each in assumed):
            drawn.append(point)
    return drawn


def entries(seed: int) -> Callable[[Any, tuple[int, ...]], Any]:
    """Return the entries of arrays at a point, as a function of an array and indices."""
    return lambda array, places: draw(array, random.Random(f"{seed} {array[0]} {places}"), TIED if seed % 3 == 2 else SIZES)


def draw(key: Any, source: random.Random, sizes: tuple[Fraction, ...]) -> Any:
    """Return a number that the assumptions allow: of one of these sizes, or, of the sizes without ties, near it."""
    facts = dict(key[1])
    if facts.get("integer"):
        return source.randint(1 if facts.get("positive") else 0, 4)
    if key == PI.data:
        return math.pi
    size = source.choice(sizes) * (1 if sizes is TIED else Fraction(source.randint(90, 110), 100))
    if not size and any(facts.get(word) for word in ("positive", "negative", "nonzero")):
        size = Fraction(1)
    if facts.get("below_one"):
        size = size / (1 + size)
    negative = facts.get("negative") or facts.get("nonpositive")
    free = not (facts.get("positive") or facts.get("nonnegative") or negative)
    return -size if negative or (free and source.random() < 0.5) else size
