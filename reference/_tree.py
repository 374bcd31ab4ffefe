"""Nested tuples, NamedTuples and lists ("trees") whose leaves are arrays, numbers or anything else: states and results of formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


def tree_leaves(tree: Any) -> list[Any]:
    """Return the leaves of nested tuples and lists in order; what is neither is one leaf."""
    return [leaf for branch in tree for leaf in tree_leaves(branch)] if isinstance(tree, tuple | list) else [tree]


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Return a tree of the same structure with `function` applied to each leaf, together with those of `others` at the same position."""
    if not isinstance(tree, tuple | list):
        return function(tree, *others)
    branches = [tree_map(function, *branches) for branches in zip(tree, *others, strict=True)]
    return type(tree)(*branches) if hasattr(tree, "_fields") else type(tree)(branches)


def tree_unflatten(tree: Any, leaves: Iterable[Any]) -> Any:
    """Return a tree of the structure of `tree` whose leaves are `leaves`, in order; ValueError where their numbers differ."""
    remaining = list(leaves)
    if len(remaining) != len(tree_leaves(tree)):
        raise ValueError(f"{len(remaining)} leaves for a tree of {len(tree_leaves(tree))}")
    following = iter(remaining)
    return tree_map(lambda _: next(following), tree)
