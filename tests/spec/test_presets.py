"""Presets: every one is a set of keyword arguments with which its formula can be called."""

import numpy as np
import pytest
import trainspec
from hypothesis import given
from hypothesis import strategies as st
from trainspec.reference import FORMULAS
from trainspec.reference.adam import AdamState, adam
from trainspec.reference.validation import domains, in_dependency_order
from trainspec.spec.catalogue import catalogue
from trainspec.spec.inputs.strategies import draw_value, search_settings

PRESETS = [(identifier, preset) for identifier in FORMULAS for preset in catalogue().presets(identifier)]


@st.composite
def arguments_with(draw, formula, preset):
    """Arguments of a formula: those of a preset, the state at the start as it says, and others that fit them."""
    sizes, values = {}, dict(preset.arguments)
    for name, domain in in_dependency_order(domains(formula.raw)):
        if name not in values:
            values[name] = draw_value(draw, domain, sizes, values)
        if domain.kind == "state":
            start = {field: np.full_like(getattr(values[name], field), float(value)) for field, value in preset.start.items()}
            values[name] = values[name]._replace(**start)
    return values


def test_presets_are_many():
    assert len(PRESETS) > 45
    assert {identifier for identifier, _ in PRESETS} >= {
        "optimizers.adam",
        "optimizers.momentum.heavy_ball",
        "schedule.step",
        "init.sparse",
    }


def is_finite(result):
    """Whether all numbers of a result are finite."""
    return all(map(is_finite, result)) if isinstance(result, tuple) else bool(np.all(np.isfinite(result)))


@pytest.mark.parametrize(("identifier", "preset"), PRESETS, ids=[f"{identifier}-{preset.name}" for identifier, preset in PRESETS])
def test_a_formula_can_be_called_with_each_of_its_presets(identifier, preset):
    formula = FORMULAS[identifier]
    calls = 0

    @search_settings(5)
    @given(arguments_with(formula, preset))
    def call(values):
        nonlocal calls
        with np.errstate(all="ignore"):
            result = formula.raw(**values)
        if is_finite(result):  # otherwise it has no value there, such as Adam without eps at a zero gradient
            formula(**values)
            calls += 1

    call()
    assert calls


def test_presets_by_name():
    paper = trainspec.presets("optimizers.adam")["paper"]
    assert paper == {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
    theta, state = adam(np.ones(2), np.ones(2), AdamState(np.zeros(2), np.zeros(2), 0), **paper)
    assert np.all(theta < 1)
    assert state.t == 1


def test_presets_answer_to_every_name_of_a_formula():
    assert trainspec.presets("adam") == trainspec.presets("adam.adam") == trainspec.presets("optimizers.adam")
    assert trainspec.presets("adam.presets") == trainspec.presets("optimizers.adam")
    assert trainspec.presets("optimizers.sgd") == {}


def test_presets_of_an_unknown_formula():
    with pytest.raises(KeyError, match=r"there is no entry 'optimizers\.adm'; did you mean optimizers\.adam"):
        trainspec.presets("optimizers.adm")


def test_presets_are_fresh():
    trainspec.presets("optimizers.adam")["paper"]["lr"] = 1.0
    assert trainspec.presets("optimizers.adam")["paper"]["lr"] == 0.001
