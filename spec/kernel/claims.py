"""Claims: what a proof claims of all numbers, as pairs of nodes; its code is executed again, unchanged, on terms."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...reference import tree_leaves
from .. import arithmetic
from ..arithmetic import stated
from ..arithmetic.stated import Stated, StatedTensor
from ..arithmetic.terms import Branches, Budget, NotApplicable, Term
from ..evidence import FORMULAS_BY_NAME, Evidence
from ..evidence._second import SYMPY, Rerun, StandIn
from .nodes import Node, node_of

TERMS = 1_000_000  # of one piece, at most
BRANCHES, RUNS = 12, 32  # on one way through a piece, and ways, at most

ARITHMETIC = types.SimpleNamespace(
    **{
        **{name: getattr(arithmetic, name) for name in arithmetic.__all__},
        "Symbolic": Stated,
        "Tensor": StatedTensor,
        **{name: getattr(stated, name) for name in ("symbols", "tensor", "labels", "function", "partial")},
        "convergence": StandIn("the law of convergence"),
    }
)
NAMES = {name: value for name, value in vars(SYMPY).items() if not name.startswith("_")}
ALGEBRA = StandIn("SymPy's", **{**NAMES, "IndexedBase": stated.IndexedBase, "KroneckerDelta": stated.kronecker_delta})


class Claim(NamedTuple):
    """Two sides and the relation between them: =, < or <=."""

    left: Node
    right: Node
    relation: str = "="


def claims_of(piece: Evidence) -> list[Claim]:
    """Return the claims of a proof about the reference, on each way through it; NotApplicable says why there are none."""
    Budget.start(TERMS)
    branches, claims = Branches(BRANCHES), dict[Claim, None]()
    for number, _ in enumerate(branches.runs(), start=1):
        if number > RUNS:
            raise NotApplicable("too many branches")
        chapter = Rerun(ARITHMETIC, ALGEBRA).module(piece.function.__module__.rpartition(".")[2])
        formulas = {name: FORMULAS_BY_NAME[name].raw for name in piece.formulas}
        for got, claimed, *_ in getattr(chapter, piece.function.__name__)(**formulas, **piece.run_options(full=False)):
            claims.update(dict.fromkeys(claims_where(branches, got, claimed)))
    return list(claims)


def claims_where(branches: Branches, got: Any, claimed: Any) -> Iterator[Claim]:
    """Yield the claims that two values make, each where the conditions hold under which the computation takes this way."""
    left, right = tree_leaves(got), tree_leaves(claimed)
    if len(left) != len(right) or not left:
        raise NotApplicable("a claim about different numbers of results")
    conditions = [(node_of(relation), truth) for relation, truth in branches.decisions[: branches.taken]]
    for mine, theirs in zip(left, right, strict=True):
        for claim in claims_of_leaf(mine, theirs):
            yield Claim(under(conditions, claim.left, 0), under(conditions, claim.right, claim.relation == "<"), claim.relation)


def under(conditions: list[tuple[Node, bool]], side: Node, otherwise: int) -> Node:
    """Return a side of a claim where all conditions hold, and elsewhere a number with which the claim is true."""
    for condition, truth in reversed(conditions):
        other = node_of(int(otherwise))
        side = Node("choose", (condition, side, other) if truth else (condition, other, side))
    return side


def claims_of_leaf(got: Any, claimed: Any) -> Iterator[Claim]:
    """Yield the claims that an array, or a number, makes: one for each entry, or for the generic one."""
    if claimed is True:
        relations = (
            [got.element] if isinstance(got, StatedTensor) else Stated.object_array(got).ravel() if not isinstance(got, bool) else [got]
        )
        for relation in relations:
            if relation is False or relation is np.False_:
                raise NotApplicable("a relation that is false")
            if isinstance(relation, Term):
                node = node_of(relation)
                yield Claim(node.args[0], node.args[1], {"==": "="}.get(node.data, node.data))
        return
    if isinstance(got, StatedTensor) or isinstance(claimed, StatedTensor):
        yield Claim(node_of((got - claimed).element), node_of(0))
        return
    if not isinstance(got, Stated | Term | int | float) and not isinstance(claimed, Stated | Term):
        raise NotApplicable("numbers, and no symbols")
    if np.shape(claimed) not in (np.shape(got), ()):
        raise NotApplicable("different shapes")
    mine, theirs = np.broadcast_arrays(Stated.object_array(got), Stated.object_array(claimed))
    for a, b in zip(mine.ravel(), theirs.ravel(), strict=True):
        yield Claim(node_of(a), node_of(b))
