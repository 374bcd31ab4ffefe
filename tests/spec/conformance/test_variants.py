"""The bank of variants: every one is told apart from its formula, and from every other, by the cases."""

import inspect
import itertools

import numpy as np
import pytest
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.functions.error import units_of
from trainspec.spec.conformance.functions.runner import FunctionReport, FunctionTask, called
from trainspec.spec.conformance.functions.variants import itself, load
from trainspec.spec.conformance.functions.verdict import judged
from trainspec.spec.conformance.implementation import FunctionSubject

APART = 1000.0  # bounds


def values(variant, records):
    """What a variant gives in every case, or nothing where it fails."""
    found = {}
    for record in records:
        with np.errstate(all="ignore"):
            try:
                outputs = [np.asarray(one, dtype=float) for one in tree_leaves(variant.function(**record.case.arguments))]
            except Exception:
                outputs = None
        found[record.case.name] = outputs
    return found


def apart(one, other, units):
    """The largest distance over the cases; whoever fails where the other does not is far away."""
    worst = 0.0
    for case, unit in units.items():
        a, b = one[case], other[case]
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


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("identifier", sorted(load()))
def test_variants_are_told_apart(identifier, dtype):
    formula = FORMULAS[identifier]
    records = called(FunctionSubject(formula.raw, identifier), FunctionTask(identifier, against=identifier, dtype=dtype)).records
    units = units_of(formula.raw, records, {}, np.dtype(dtype).type)
    known = {one.id: values(one, records) for one in [itself(formula), *load()[identifier]] if not one.unstable}
    close = [
        (one, other, apart(known[one], known[other], units))
        for one, other in itertools.combinations(known, 2)
        if apart(known[one], known[other], units) < APART
    ]
    assert not close, f"{len(close)} pairs: {close[:6]}"


def test_labels_are_given_once():
    for identifier, variants in load().items():
        names = [one.id for one in variants]
        assert len(names) == len(set(names)), identifier


@pytest.mark.parametrize("identifier", sorted(load()))
def test_variants_are_found_by_name(identifier):
    variants = [one for one in load()[identifier] if not one.unstable]
    for one in variants[:: max(1, len(variants) // 3)]:
        task = FunctionTask(one.id, against=identifier)
        seen = called(FunctionSubject(keyworded(one.function, identifier), identifier), task)
        with np.errstate(all="ignore"):
            result = judged(task, FunctionReport(parts=(seen,)), "check")
        same = [other.convention for other in result.identities]
        assert one.id in (result.convention, *same), (one.id, result.sentence)
        assert result.verdict == Verdict.DEVIATES, result.sentence


def keyworded(function, identifier):
    """A variant with the signature of its formula."""

    def call(**arguments):
        with np.errstate(all="ignore"):
            return function(**arguments)

    call.__signature__ = inspect.signature(FORMULAS[identifier].raw)
    return call


@pytest.mark.parametrize("identifier", sorted(load()))
def test_variants_give_what_their_formula_gives(identifier):
    formula = FORMULAS[identifier]
    records = called(FunctionSubject(formula.raw, identifier), FunctionTask(identifier, against=identifier)).records
    for one in load()[identifier]:
        shapes = [[x.shape for x in found] for found in values(one, records).values() if found is not None]
        due = [[x.shape for x in record.leaves] for record in records]
        assert any(shape in due for shape in shapes), one.id
