"""Which parts of the domains of formulas their evidence reaches: `python -m tests.support.domain_coverage [CHAPTER…]` lists the gaps.

For each real argument: negative numbers, 0 and positive numbers; for each array: two equal entries, and axes of length 1. A symbol counts
for every sign that its assumptions leave open, and an array of symbolic shape for every length.
"""

from __future__ import annotations

import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.reference.validation import Domain, domains
from trainspec.spec.arithmetic import Symbolic, Tensor
from trainspec.spec.evidence import EVIDENCE, load, run_evidence

SIGNS: Mapping[str, Callable[[Any], Any]] = {"negative": lambda x: x < 0, "zero": lambda x: x == 0, "positive": lambda x: x > 0}


def admitted(domain: Domain) -> set[str]:
    """Return the parts that a domain has."""
    interval = domain.interval
    parts = {"positive"} if interval.high > 0 else set()
    parts |= {"negative"} if interval.low < 0 else set()
    if interval.low < 0 < interval.high or (interval.low == 0 and not interval.low_open) or (interval.high == 0 and not interval.high_open):
        parts.add("zero")
    return parts | ({"equal entries", "one of an axis"} if domain.kind == "array" and domain.axes else set())


def reached(value: Any) -> set[str]:
    """Return the parts that one value of an argument lies in."""
    if isinstance(value, Tensor):
        return {"one of an axis", "equal entries"} | signs_of_symbol(getattr(value, "element", value))
    entries = np.asarray(value, dtype=object).ravel() if not isinstance(value, np.ndarray) else value.view(np.ndarray).ravel()
    parts = set().union(*(signs_of(entry) for entry in entries)) if len(entries) else set()
    parts |= {"one of an axis"} if 1 in np.shape(value) else set()
    symbolic = isinstance(value, Symbolic)
    return parts | ({"equal entries"} if symbolic or len({str(entry) for entry in entries}) < len(entries) else set())


def signs_of(entry: Any) -> set[str]:
    """Return the possible signs of one number."""
    if hasattr(entry, "is_negative"):
        return signs_of_symbol(entry)
    return {sign for sign, test in SIGNS.items() if is_true(test, entry)}


def signs_of_symbol(entry: Any) -> set[str]:
    """Return the signs that the assumptions on a symbol leave open."""
    known = {sign: getattr(entry, f"is_{sign}", None) for sign in SIGNS}
    return {sign for sign, answer in known.items() if answer is not False}


def is_true(test: Callable[[Any], Any], entry: Any) -> bool:
    """Return whether a comparison is decided and true; a ball around 0 is neither negative nor positive."""
    try:
        return bool(test(entry))
    except (TypeError, ValueError, ArithmeticError):
        return False


class Recorder:
    """Formulas that note which parts of the domains of their arguments they are called with."""

    def __init__(self) -> None:
        self.reached: dict[tuple[str, str], set[str]] = defaultdict(set)

    def wrap(self, identifier: str) -> Callable[..., Any]:
        """Return the formula as written, with notes taken of its arguments."""
        raw = FORMULAS[identifier].raw
        signature = inspect.signature(raw)

        def recorded(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            for name in real_arguments(identifier):
                owner, _, field = name.partition(".")
                value = bound.arguments[owner]
                part = value[list(domains(raw)[owner].fields).index(field)] if field else value
                self.reached[identifier, name].update(*map(reached, tree_leaves(part)))
            return raw(*args, **kwargs)

        return recorded


def real_arguments(identifier: str) -> dict[str, Domain]:
    """Return the arguments of a formula that are real numbers or arrays of them, those within states as `state.field`."""
    real: dict[str, Domain] = {}
    for name, domain in domains(FORMULAS[identifier].raw).items():
        fields = {f"{name}.{field}": part for field, part in domain.fields.items()} or {name: domain}
        real |= {key: part for key, part in fields.items() if part.kind in ("array", "number") and not part.whole and not part.optional}
    return real


def gaps(chapters: list[str]) -> dict[tuple[str, str], set[str]]:
    """Return the parts of domains that no evidence of these chapters' formulas reaches, by formula and argument."""
    load()
    recorder = Recorder()
    formulas = [identifier for identifier, formula in FORMULAS.items() if formula.__module__.rpartition(".")[2] in chapters]
    wrapped = {FORMULAS[identifier].__name__: recorder.wrap(identifier) for identifier in formulas}
    for piece in EVIDENCE.values():
        if spoken_of := wrapped.keys() & set(piece.formulas):
            run_evidence(piece, {name: wrapped[name] for name in spoken_of})
    stated = {(identifier, name): domain for identifier in formulas for name, domain in real_arguments(identifier).items()}
    missing = {key: admitted(domain) - recorder.reached[key] for key, domain in stated.items()}
    return {key: parts for key, parts in missing.items() if parts}


if __name__ == "__main__":
    for (identifier, name), parts in gaps(sys.argv[1:] or sorted({f.__module__.rpartition(".")[2] for f in FORMULAS.values()})).items():
        print(f"{identifier}: {name}: {', '.join(sorted(parts))}")
