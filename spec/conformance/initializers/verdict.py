"""Judge an initializer: whether its draws pass the tests of its formula, or else which rule they follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ....reference import FORMULAS
from ..functions.observations import FunctionObservations
from ..result import Verdict
from .distributions import Distribution
from .rules import FORMULA_DISTRIBUTIONS, Rule, axis_changes, rules
from .tests import (
    ALPHA,
    FailedTest,
    check_independent_entries,
    check_orthogonal,
    check_partition,
    check_sparse,
    draws_named,
    orthogonality_error,
)

CERTAINTY = f"with probability below {ALPHA:.0e} a right one would be turned away"
SPECIAL_TESTS: Mapping[str, Callable[[FunctionObservations, Mapping[str, Any]], FailedTest | None]] = {
    "init.orthogonal": check_orthogonal,
    "init.sparse": check_sparse,
    "sampling.epoch.permutation": check_partition,
}


def judge_initializer(part: FunctionObservations, title: str, command: str) -> dict[str, Any]:
    """Return the fields of the result that the draws decide."""
    identifier = part.formula
    arguments = part.calls[0].case.arguments
    hyper = {name: value for name, value in arguments.items() if name not in ("fan_out", "fan_in", "seed")}
    inferred = {name: hyper[name] for name in part.unbound if name in hyper}
    failed = first_failed_test(identifier, part, hyper)
    for values in part.inferences():
        if failed is not None and first_failed_test(identifier, part, {**hyper, **values}) is None:
            failed, hyper, inferred = None, {**hyper, **values}, values
    fields = {"formulas": (identifier,), "cases": len(part.calls), "inferred_hyperparameters": inferred}
    if failed is None:
        return {**fields, **conforming_fields(part, title, command, inferred)}
    rule = find_rule(part, hyper)
    message = f"{title} deviates from {identifier}: {failed.description} ({failed.test})"
    if rule:
        is_formula = rule.id in FORMULAS
        name = f"{rule.id if is_formula else identifier} {rule.words}".strip()
        message += f". It follows {name}"
        axes = {"formula": rule.id if is_formula else identifier, **rule.axes}
        fields |= {"convention": rule.id, "name": name, "is_correct": False, "axes": axes}
    verdict = Verdict.DEVIATES if command == "check" else Verdict.IDENTIFIED if rule else Verdict.UNMATCHED
    return {**fields, "verdict": verdict, "message": f"{message}; {CERTAINTY}.", "failed_test": failed.test}


def conforming_fields(part: FunctionObservations, title: str, command: str, inferred: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an initializer whose draws pass all tests."""
    identifier = part.formula
    entries = sum(call.outputs[0].size for call in part.calls)
    values = [f"{name} = {value:.6g}" for name, value in inferred.items() if value is not None]
    built_in = f" with {', '.join(values)} built in" if values else ""
    facts = f"exact properties and distribution agree over {entries} entries of {len(part.calls)} draws"
    return {
        "verdict": Verdict.IDENTIFIED if command == "identify" else Verdict.CONFORMS,
        "message": f"{title} follows {identifier}{built_in}: {facts}; {CERTAINTY}.",
        "convention": identifier,
        "name": identifier,
        "is_correct": True,
        "axes": {"formula": identifier},
    }


def first_failed_test(identifier: str, part: FunctionObservations, hyper: Mapping[str, Any]) -> FailedTest | None:
    """Return the first test of a formula that the draws fail."""
    if special := SPECIAL_TESTS.get(identifier):
        return special(part, hyper)
    return check_independent_entries(FORMULA_DISTRIBUTIONS[identifier], part, hyper)


def find_rule(part: FunctionObservations, hyper: Mapping[str, Any]) -> Rule | None:
    """Return the simplest rule that the draws follow, if any."""
    is_matrix = all(call.outputs[0].ndim == 2 for call in part.calls)
    if not is_matrix or not part.calls[0].case.name.startswith("large"):
        return None
    if other := dependent_rule(part, hyper):
        return other
    ordered = sorted(rules(part.formula, hyper), key=lambda rule: axis_changes(part.formula, rule))
    followed = (rule for rule in ordered if rule.id != part.formula and check_independent_entries(rule.distribution, part, hyper) is None)
    return next(followed, None)


def dependent_rule(part: FunctionObservations, hyper: Mapping[str, Any]) -> Rule | None:
    """Return the rule of an orthogonal or sparse matrix: of another kind than is due, with its signs bound, or with a wrong gain."""
    identifier, gain = part.formula, hyper.get("gain", 1.0)
    samples = [call.outputs[0] for call in draws_named(part, "large", "small")]
    for kind, value in {"gain": gain, "missing": 1.0, "squared": gain**2, "root": gain**0.5}.items():
        errors = (orthogonality_error(weights, value) for weights in samples)
        if not all(error <= allowed for error, allowed in errors):
            continue
        if identifier != "init.orthogonal":
            return Rule("init.orthogonal", "", {}, unknown_distribution)
        if kind == "gain":
            words = "with the signs of the factorization left in"
            return Rule("init.orthogonal/signs-bound", words, {"signs": "bound"}, unknown_distribution)
        return Rule(f"init.orthogonal/gain-{kind}", f"with the gain {kind}", {"gain": kind}, unknown_distribution)
    per_input = [(weights != 0).sum(axis=0) for weights in samples]
    if identifier == "init.sparse" and all(counts.max() == counts.min() for counts in per_input):
        words = "with so many outputs of each input, not inputs of each unit"
        return Rule("init.sparse/per-input", words, {"count": "per-input"}, unknown_distribution)
    return None


def unknown_distribution(out: int, into: int, hyper: Mapping[str, Any]) -> Distribution:
    """Return a placeholder: the entries of these rules are not independent."""
    return Distribution("normal", 1.0)
