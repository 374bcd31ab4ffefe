"""What the name of an implementation claims: the formula whose name it bears, and whether conventions are forms of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from .conventions import CATALOGUE_FORMULAS, Convention

ADMITTED = {"sgd": ("momentum", "nesterov"), "adam": ("amsgrad",)}  # families that are options of the usual implementations of another
WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@cache
def names_of_formulas() -> dict[str, tuple[str, Convention]]:
    """Return the ids of the catalogue and the convention of each, by name: adamw, schedulefreesgd."""
    names: dict[str, tuple[str, Convention]] = {}
    for convention, ids in CATALOGUE_FORMULAS.items():
        for identifier in ids:
            chapter, _, name = identifier.partition(".")
            if chapter == "optimizers":
                names.setdefault(name.replace("_", "").replace(".", ""), (identifier, convention))
    return names


def claim_of(name: str) -> tuple[str, Convention] | None:
    """Return the id and the convention of the formula that a name bears: MyAdamW that of AdamW; None where there is none or several."""
    borne = sorted(set(joined_words(name)) & names_of_formulas().keys(), key=len)
    whole = [part for part in borne if not any(part != other and part in other for other in borne)]
    return names_of_formulas()[whole[0]] if len(whole) == 1 else None


def joined_words(name: str) -> Iterator[str]:
    """Yield the words of a name in lower case, alone and joined with those that follow: my, myadam, myadamw, adam, adamw, w."""
    words = [word.lower() for word in WORDS.findall(name)]
    for start in range(len(words)):
        for end in range(start + 1, len(words) + 1):
            yield "".join(words[start:end])


def is_claim_kept(claimed: Convention, conventions: Iterable[Convention]) -> bool:
    """Return whether conventions are forms of a claimed one: its family, and its weight decay where they have some."""
    conventions = list(conventions)
    families = {claimed.family, *ADMITTED.get(claimed.family, ())}
    decays = {convention.weight_decay for convention in conventions} - {"none"}
    is_its_family = any(convention.family in families for convention in conventions)
    return is_its_family and (claimed.weight_decay == "none" or not decays or claimed.weight_decay in decays)
