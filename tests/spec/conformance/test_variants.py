"""Variants: every one is told apart from its formula and from every other by the cases, and those of before are still named."""

import gzip
import inspect
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import rounding_bound
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.functions.error import expected_by_call, float_units
from trainspec.spec.conformance.functions.observations import FunctionReport
from trainspec.spec.conformance.functions.runner import run_function
from trainspec.spec.conformance.functions.variants import chapter_variants, identity, slots_of, variants_of
from trainspec.spec.conformance.functions.verdict import judge_report
from trainspec.spec.conformance.implementation import FunctionImplementation, Task
from trainspec.spec.latex import render_tree

from ..test_latex import run

APART = 1000.0  # bounds
CLOSE_IN_SINGLE_PRECISION = {  # bounds: what the formulas differ by is few ulp there
    # the two forms of the Gaussian error linear unit differ by 4.74e-4 at most
    **dict.fromkeys(("activation.gelu/tanh", "activation.gelu.tanh/error-function", "activation.geglu/gate-by-tanh"), 250.0),
    # 10⁻⁶ is 8 ulp of a difference near 1, and below the root half of that of a distance
    "loss.triplet/distances-of-shifted-differences": 4.0,
    "loss.triplet/distances-with-eps": 30.0,
}
BEFORE = json.loads(gzip.decompress((Path(__file__).parent / "data" / "variants_before.json.gz").read_bytes()))
BY_LENGTH = {"times-n", "per-n", "times-k", "per-k", "times-size", "per-size", "bessel", "bessel-root", "unbessel", "unbessel-root"}


def values(variant, calls):
    """What a variant gives in every case, or nothing where it fails."""
    results = {}
    for call in calls:
        with np.errstate(all="ignore"):
            try:
                outputs = [np.asarray(leaf, dtype=float) for leaf in tree_leaves(variant.function(**call.case.arguments))]
            except Exception:
                outputs = None
        results[call.case.name] = outputs
    return results


def distance(results, others, units):
    """The largest distance over the cases; whoever fails where the other does not is far away."""
    worst = 0.0
    for case, unit in units.items():
        a, b = results[case], others[case]
        if a is None and b is None:
            continue
        if a is None or b is None or [x.shape for x in a] != [x.shape for x in b]:
            return np.inf
        for x, y, bound in zip(a, b, unit, strict=True):
            both = np.isfinite(x) & np.isfinite(y)
            if np.any(np.isfinite(x) != np.isfinite(y)):
                return np.inf
            worst = max(worst, float(np.max(np.abs(x[both] - y[both]), initial=0.0)) / bound if bound else 0.0)
    return worst


@pytest.mark.sampled(36)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("identifier", sorted(chapter_variants()))
def test_variants_are_told_apart(identifier, dtype):
    formula = FORMULAS[identifier]
    calls = run_function(FunctionImplementation(formula.raw, identifier), Task(identifier, against=identifier, dtype=dtype)).calls
    number = np.dtype(dtype).type
    units = float_units(expected_by_call(formula.raw, calls, {}, number), number)
    stable = [variant for variant in [identity(formula), *chapter_variants()[identifier]] if not variant.unstable]
    results = {variant.id: values(variant, calls) for variant in stable}
    distances = {pair: distance(results[pair[0]], results[pair[1]], units) for pair in itertools.combinations(results, 2)}
    least = CLOSE_IN_SINGLE_PRECISION if dtype == "float32" else {}
    close = [(*pair, gap) for pair, gap in distances.items() if gap < least.get(pair[1], APART)]
    assert not close, f"{len(close)} pairs: {close[:6]}"


@pytest.mark.parametrize("identifier", FORMULAS)
def test_ids_are_unique(identifier):
    ids = [variant.id for variant in variants_of(FORMULAS[identifier])]
    assert len(ids) == len(set(ids))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("identifier", BEFORE["ids"])
def test_variants_of_before_are_named(identifier):
    """Without those that scale by the length of an array where a formula takes none: they were the formula itself."""
    named = {variant.id.removeprefix(f"{identifier}/") for variant in variants_of(FORMULAS[identifier])}
    missing = {label for label in BEFORE["ids"][identifier] if label not in named}
    if missing:
        assert not any(slot.domain.kind == "array" for slot in slots_of(FORMULAS[identifier]))
    assert {label.rstrip("0123456789").rstrip("-") if label not in BY_LENGTH else label for label in missing} <= BY_LENGTH


@pytest.mark.sampled(3)
@pytest.mark.parametrize("identifier", BEFORE["values"])
def test_variants_give_what_they_gave(identifier):
    """Sums of their results with fixed weights, bit for bit, or within twice the rounding bound where the order of operations changed."""
    variants = {variant.label: variant for variant in chapter_variants()[identifier]}
    for case in BEFORE["values"][identifier]:
        arguments = {name: as_recorded(value, domains(FORMULAS[identifier].raw)[name]) for name, value in case["arguments"].items()}
        for label, sums in case["sums"].items():
            with np.errstate(all="ignore"):
                leaves = [np.asarray(leaf) for leaf in tree_leaves(variants[label].function(**arguments))]
                weights = [np.cos(np.arange(leaf.size)) for leaf in leaves]
                found = [float(np.sum(weight * leaf.ravel())) for weight, leaf in zip(weights, leaves, strict=True)]
            for index, (total, due) in enumerate(zip(found, sums, strict=True)):
                if total != due and due is not None:
                    bounds = np.ravel(tree_leaves(rounding_bound(variants[label].function, **arguments))[index])
                    summing = leaves[index].size * np.finfo(float).eps * np.sum(np.abs(weights[index] * leaves[index].ravel()))
                    assert abs(total - due) <= 2 * np.sum(np.abs(weights[index]) * bounds) + summing, (label, index)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("identifier", BEFORE["values"])
def test_the_equations_of_variants_are_what_runs(identifier):
    """Every variant is rendered as LaTeX; read back and run, the equations give its results bit for bit."""
    raw = FORMULAS[identifier].raw
    arguments = BEFORE["values"][identifier][0]["arguments"]
    arguments = {name: as_recorded(value, domains(raw)[name]) for name, value in arguments.items()}
    states = {name: value._fields for name, value in arguments.items() if hasattr(value, "_fields")}
    for variant in chapter_variants()[identifier]:
        rendering = render_tree(variant.program.tree, states=states, namespace=raw.__globals__)
        space = {formula.__name__: formula.raw for formula in FORMULAS.values()}
        with np.errstate(all="ignore"):
            results, _ = run(rendering, arguments, space)
            due = tree_leaves(variant.function(**arguments))
        for result, expected in zip(tree_leaves(results), due, strict=True):
            np.testing.assert_array_equal(result, expected, err_msg=variant.id)


def as_recorded(value, domain):
    """An argument from its JSON form."""
    if isinstance(value, dict) and "state" in value:
        return domain.hint(*(np.array(part["array"]) if isinstance(part, dict) else part for part in value["state"]))
    return np.array(value["array"], dtype=int if value["whole"] else float) if isinstance(value, dict) else value


@pytest.mark.sampled(15)
@pytest.mark.parametrize("identifier", sorted(chapter_variants()))
def test_variants_are_found_by_name(identifier):
    variants = [variant for variant in chapter_variants()[identifier] if not variant.unstable]
    for variant in variants[len(variants) // 2 :][:1]:
        task = Task(variant.id, against=identifier)
        seen = run_function(FunctionImplementation(keyworded(variant.function, identifier), identifier), task)
        with np.errstate(all="ignore"):
            result = judge_report(task, FunctionReport(parts=(seen,)), "check")
        same = [other.convention for other in result.identities]
        assert variant.id in (result.convention, *same), (variant.id, result.message)
        kinds = {fault.kind for fault in seen.faults}  # a mean that is kept is returned as it came
        assert result.verdict == (Verdict.ERROR if "returns-view" in kinds else Verdict.DEVIATES), result.message


def keyworded(function, identifier):
    """A variant with the signature of its formula."""

    def call(**arguments):
        with np.errstate(all="ignore"):
            return function(**arguments)

    call.__signature__ = inspect.signature(FORMULAS[identifier].raw)
    return call


@pytest.mark.sampled(4)
@pytest.mark.parametrize("identifier", sorted(chapter_variants()))
def test_variants_give_what_their_formula_gives(identifier):
    formula = FORMULAS[identifier]
    calls = run_function(FunctionImplementation(formula.raw, identifier), Task(identifier, against=identifier)).calls
    for variant in chapter_variants()[identifier]:
        shapes = [[leaf.shape for leaf in leaves] for leaves in values(variant, calls).values() if leaves is not None]
        due = [[leaf.shape for leaf in call.outputs] for call in calls]
        assert any(shape in due for shape in shapes), variant.id
