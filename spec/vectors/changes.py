"""What vectors must tell from a formula: its mutants, its variants and the mistakes that the kit knows, each with a name.

Mutants that only evidence tells from their formula, since they are the same function of real numbers, are in `equivalents.toml`.
"""

from __future__ import annotations

import functools
import itertools
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import numpy as np

from ...reference import FORMULAS, Formula, tree_leaves
from ...reference.syntax import compile_function, source_tree
from ..catalogue import catalogue
from ..changes.function import namespace_of
from ..changes.mutation import mutations
from ..conformance.functions.variants import Variant, mistakes, variants_of


@dataclass(frozen=True)
class Change:
    """A formula with one change: its id within the entry, words, whether it is right elsewhere, and how its function is made."""

    id: str
    words: str
    kind: str  # mutant, mistake, variant (right), unstable (equal in real numbers)
    make: Callable[[], Callable[..., Any]] = field(compare=False)
    equivalent: str = ""  # why it is the formula itself, where that is known

    @functools.cached_property
    def function(self) -> Callable[..., Any]:
        """It as a function of the formula's arguments."""
        return self.make()

    def outputs(self, arguments: Mapping[str, Any]) -> list[Any] | None:
        """Return its results; None where it raises."""
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                return tree_leaves(self.function(**arguments))
        except Exception:  # a changed formula may fail in any way
            return None


@functools.cache
def changes_of(identifier: str) -> tuple[Change, ...]:
    """Return the changes of a formula: its mutants, then the variants and mistakes of the kit."""
    formula = FORMULAS[identifier]
    return (*mutants_of(formula), *map(change_of_variant, unique_variants(formula)))


def mutants_of(formula: Formula[..., Any]) -> Iterator[Change]:
    """Yield the mutants of a formula, numbered: m1, m2 and so on."""
    reasons = {(known.line, known.change): known.why for known in catalogue().equivalents if known.id == formula.id}
    reasons |= {(known["line"], known["change"]): known["why"] for known in equal_in_real_numbers() if known["id"] == formula.id}
    for number, mutation in enumerate(mutations(source_tree(formula)), start=1):
        make = functools.partial(compile_function, mutation.tree, namespace_of(formula.id))
        why = reasons.get((mutation.line, mutation.change), "")
        yield Change(f"m{number}", f"{mutation.line}: {mutation.change}", "mutant", make, why)


@functools.cache
def equal_in_real_numbers() -> tuple[dict[str, str], ...]:
    """Return the mutants that are the same function of real numbers as their formula, each with the reason."""
    records = tomllib.loads(files(__package__).joinpath("equivalents.toml").read_text(encoding="utf-8"))["equivalent"]
    return tuple({**record, "change": change} for record in records for change in record["changes"])


def unique_variants(formula: Formula[..., Any]) -> Iterator[Variant]:
    """Yield the variants of a formula and the mistakes that can be made in any, each id once."""
    seen = set[str]()
    for variant in itertools.chain(variants_of(formula), mistakes(formula)):
        if variant.id not in seen:
            seen.add(variant.id)
            yield variant


def change_of_variant(variant: Variant) -> Change:
    """Return a variant as a change."""
    kind = "unstable" if variant.unstable else "variant" if variant.right else "mistake"
    return Change(variant.id, variant.words or variant.id, kind, lambda: variant.function)
