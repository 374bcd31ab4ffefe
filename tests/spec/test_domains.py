"""What follows from a domain: its values are inside it, its violations outside, and its words say what it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trainspec.reference import FORMULAS, descent, losses, momentum, quadratic
from trainspec.reference.validation import domain_of, domains
from trainspec.spec.inputs.strategies import arguments, violations


@pytest.mark.parametrize(
    ("formula", "argument", "words"),
    [
        (momentum.heavy_ball, "theta", "real array of shape (*shape), finite"),
        (momentum.heavy_ball, "momentum", "real number, ≥ 0, < 1, finite"),
        (momentum.finite_step if hasattr(momentum, "finite_step") else momentum.constant_gradient_velocity, "steps", "integer, ≥ 0"),
        (momentum.nesterov, "gradient", "function of an array to an array of its shape"),
        (quadratic.condition_number, "hessian", "real array of shape (n, n), symmetric, finite"),
        (quadratic.heavy_ball_optimum, "largest", "real number, > 0, ≥ smallest, finite"),
        (descent.sgd, "gradients", "tuple of at least one function of an array to an array of its shape"),
        (descent.permuted_batches, "source", "numpy.random.Generator"),
        (descent.unbiased_gradient, "probability", "real number, > 0, ≤ 1, finite"),
        (losses.logistic_loss, "signs", "real array of shape (examples), each -1 or 1, finite"),
        (
            losses.softmax_loss,
            "labels",
            "integer array of shape (examples), each from 0 to the length of axis 0 of weights less 1",
        ),
        (losses.softmax_loss, "reduction", "'none' or 'mean' or 'sum'"),
        (losses.squared_error, "half", "truth value"),
        (descent.sgd_stationary_variance, "lr", "real number, > 0, < 2 / curvature, finite"),
        (
            momentum.nesterov_two_sequence,
            "state",
            "TwoSequenceState of previous: real array of shape (*shape), finite; weight: real number, ≥ 0, finite",
        ),
    ],
)
def test_a_domain_in_words(formula, argument, words):
    assert str(domains(formula.raw)[argument]) == words


def test_an_annotation_without_a_domain_is_an_error():
    with pytest.raises(TypeError, match="no domain is stated"):
        domain_of(dict)


@given(data=st.data())
def test_drawn_values_share_their_shapes(data):
    values = data.draw(arguments(domains(momentum.unrolled_velocity.raw)))
    steps, d = values["grads"].shape
    assert values["lrs"].shape == (steps,)
    assert values["velocity"].shape == (d,)
    assert np.all(values["lrs"] > 0)
    assert 0 <= values["momentum"] < 1


@given(data=st.data())
def test_drawn_values_respect_relations(data):
    matrix = data.draw(arguments(domains(quadratic.condition_number.raw)))["hessian"]
    np.testing.assert_array_equal(matrix, matrix.T)
    ends = data.draw(arguments(domains(quadratic.heavy_ball_optimum.raw)))
    assert ends["largest"] >= ends["smallest"] > 0
    epoch = data.draw(arguments(domains(descent.sequential_batches.raw)))
    assert epoch["samples"] >= epoch["size"] >= 1
    stable = data.draw(arguments(domains(descent.sgd_stationary_variance.raw)))
    assert 0 < stable["lr"] * stable["curvature"] < 2
    assert 0 < data.draw(arguments(domains(descent.unbiased_gradient.raw)))["probability"] <= 1


def labels(formula, good):
    return {(bad.argument, bad.label) for bad in violations(formula, good)}


def test_violations_meet_every_limit():
    ends = labels(quadratic.heavy_ball_optimum, {"smallest": 1.0, "largest": 2.0})
    assert {("largest", "below smallest"), ("largest", "0"), ("smallest", "below 0"), ("smallest", "NaN")} <= ends
    step = labels(momentum.heavy_ball, dict.fromkeys(("theta", "grad", "velocity"), np.ones(2)) | {"lr": 0.1, "momentum": 0.9})
    assert {("momentum", "1"), ("momentum", "above 1"), ("grad", "*shape too long"), ("grad", "dtype complex128"), ("grad", "nan")} <= step
    epoch = labels(descent.sequential_batches, {"size": 2, "samples": 3})
    assert {("samples", "below size"), ("size", "below 1")} <= epoch
    stable = labels(descent.sgd_stationary_variance, {"variance": 1.0, "curvature": 1.0, "lr": 1.0})
    assert ("lr", "2 / curvature") in stable
    steps = labels(descent.sgd, {"theta": np.ones(2), "gradients": (np.ones_like,), "lr": 1.0})
    assert {("gradients", "no functions"), ("gradients", "a function"), ("gradients", "a function to NaN")} <= steps


def test_every_formula_has_violations():
    assert all(domains(one.raw) for one in FORMULAS.values())
