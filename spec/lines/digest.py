"""Digests: which formulas a file or a report speaks of."""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable

from ...reference import FORMULAS, Formula
from ...reference.syntax import source_tree


def digest_of(formula: Formula[..., object]) -> str:
    """Return the digest of a formula's syntax tree: comments, docstrings and the layout do not count."""
    return hashlib.sha256(ast.unparse(source_tree(formula.raw)).encode()).hexdigest()


def digest_of_all(identifiers: Iterable[str]) -> str:
    """Return the digest of several formulas."""
    return hashlib.sha256("".join(digest_of(FORMULAS[identifier]) for identifier in identifiers).encode()).hexdigest()


@functools.cache
def reference_digest() -> str:
    """Return the digest of all formulas of the reference."""
    return digest_of_all(sorted(FORMULAS))
