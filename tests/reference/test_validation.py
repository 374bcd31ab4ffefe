"""Validation: every kind of bad input, for every formula, generated from its domain; and what is guaranteed of valid calls."""

import re

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from trainspec.reference import FORMULAS, formula, momentum, quadratic, tree_leaves
from trainspec.reference.momentum import TwoSequenceState
from trainspec.reference.validation import allows_infinite_result, domains
from trainspec.spec.arithmetic import Ball, Rational, Symbolic, symbols
from trainspec.spec.inputs.invalid import invalid_arguments
from trainspec.spec.inputs.strategies import arguments, search_settings


def valid_call(formula):
    """The simplest arguments with which a formula has a value."""

    def has_value(values):
        try:
            formula(**values)
        except ValueError:
            return False
        return True

    return find(arguments(domains(formula.raw)), has_value, settings=search_settings(100))


@pytest.mark.sampled(10)
@pytest.mark.parametrize("identifier", FORMULAS)
def test_invalid_arguments_are_refused_by_name(identifier):
    formula = FORMULAS[identifier]
    valid = valid_call(formula)
    invalid = list(invalid_arguments(formula, valid))
    assert {bad.argument for bad in invalid} == set(domains(formula.raw))
    for bad in invalid:
        with pytest.raises(bad.error) as raised:
            pytest.fail(f"{bad.argument}, {bad.label}: {formula(**{**valid, bad.argument: bad.value})!r} was returned")
        blamed = rf"{bad.argument}[.\w\[\]]*(\(…\))? must (be|have|hold|not) .+"
        other = rf"[\w.]+ must (be a|have shape) .+ (like|as in) {bad.argument}\b.*"  # the first of two counts as right
        message = rf"{formula.__name__}\(\): ({blamed}|{other}), got .+"
        assert re.fullmatch(message, str(raised.value)), (bad.label, str(raised.value))


@pytest.mark.sampled(10)
@pytest.mark.parametrize("identifier", FORMULAS)
@given(data=st.data())
@settings(max_examples=20)
def test_the_domain_is_not_empty_and_inputs_stay_as_they_were(identifier, data):
    formula = FORMULAS[identifier]
    values = data.draw(arguments(domains(formula.raw)))
    before = [np.array(leaf) for leaf in tree_leaves(tuple(values.values())) if isinstance(leaf, np.ndarray)]
    try:
        result = formula(**values)
    except ValueError as error:
        # a division by zero, maybe before a gradient is asked for, or by a matrix without inverse
        assert re.search(r"not finite|gradient\(…\) must be finite|singular", str(error))  # noqa: PT017
        return
    arrays = [leaf for leaf in tree_leaves(tuple(values.values())) if isinstance(leaf, np.ndarray)]
    for expected, array in zip(before, arrays, strict=True):
        np.testing.assert_array_equal(expected, array)
    for leaf in tree_leaves(result):
        assert np.all(np.isfinite(leaf)) or (allows_infinite_result(formula.raw) and leaf == np.inf)
        assert not any(isinstance(leaf, np.ndarray) and np.may_share_memory(leaf, array) for array in arrays)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept_whatever_kind_the_numbers_are(dtype):
    x = np.array([1.0, -2.0], dtype=dtype)
    for lr in (0.5, np.float64(0.5), np.float32(0.5), np.array(0.5), 1, np.int64(1)):
        assert [part.dtype for part in momentum.heavy_ball(x, x, x, lr=lr, momentum=np.float64(0.5))] == [dtype, dtype]


def test_arrays_of_different_dtypes_are_refused():
    x = np.ones(2)
    with pytest.raises(TypeError, match=r"^heavy_ball\(\): grad must be a float64 array like theta, got a float32 array$"):
        momentum.heavy_ball(x, x.astype(np.float32), x, lr=0.1, momentum=0.9)


def test_long_double_and_subclasses_are_refused():
    x = np.ones(2)
    for bad in (x.astype(np.longdouble), np.ma.array(x)):
        with pytest.raises(TypeError, match="grad"):
            momentum.heavy_ball(x, bad, x, lr=0.1, momentum=0.9)


def test_shapes_must_match_exactly():
    x = np.ones((2, 1))
    with pytest.raises(ValueError, match=r"^heavy_ball\(\): velocity must have shape \(2, 1\) like theta, got \(2,\)$"):
        momentum.heavy_ball(x, x, np.ones(2), lr=0.1, momentum=0.9)


def test_scalars_are_arrays_without_axes():
    theta, velocity = momentum.heavy_ball(1.0, 2.0, 0.0, lr=0.25, momentum=0.5)
    assert (theta, velocity) == (0.5, -0.5)
    assert momentum.heavy_ball(theta, 2.0, velocity, lr=0.25, momentum=0.5) == (-0.25, -0.75)


def test_overflow_is_an_error_and_not_infinity():
    x = np.full(2, 1e308)
    with pytest.raises(
        ValueError, match=r"^heavy_ball\(\): the result is not finite \(overflow or division by zero\) although all arguments are$"
    ):
        momentum.heavy_ball(x, -x, x, lr=10.0, momentum=0.5)


def test_equal_eigenvalues_divide_by_zero():
    with pytest.raises(ValueError, match="not finite"):
        quadratic.spectral_power(np.eye(2), 1.0, 1.0, 3)


def test_a_singular_matrix_has_infinite_condition():
    assert quadratic.condition_number(np.diag([1.0, 0.0])) == np.inf
    with pytest.raises(ValueError, match="not finite"):
        quadratic.condition_number(np.zeros((2, 2)))


def test_results_own_their_memory():
    theta = np.ones(3)
    _, previous = momentum.heavy_ball_two_point(theta, theta, theta, lr=0.1, momentum=0.9)
    assert not np.may_share_memory(previous, theta)


def test_gradients_cannot_reach_the_parameters():
    theta = np.ones(3)

    def greedy(x):
        x[:] = 7
        return x

    momentum.nesterov(theta, greedy, theta, lr=0.1, momentum=0.0)
    np.testing.assert_array_equal(theta, np.ones(3))


def test_a_gradient_answers_in_the_dtype_that_it_is_asked_in():
    theta = np.ones(3, dtype=np.float32)
    with pytest.raises(TypeError, match=r"^nesterov\(\): gradient\(…\) must be a float32 array like its argument, got a float64 array$"):
        momentum.nesterov(theta, lambda x: x.astype(np.float64), theta, lr=0.1, momentum=0.5)


def test_states_are_checked_field_by_field():
    x = np.ones(2)
    with pytest.raises(ValueError, match=r"^nesterov_two_sequence\(\): state\.weight must be ≥ 0, got -1\.0$"):
        momentum.nesterov_two_sequence(x, np.sin, TwoSequenceState(x, -1.0), lr=0.1)


def test_other_arithmetics_pass():
    g, lr = symbols("g lr")
    assert isinstance(momentum.heavy_ball(g, g, g, lr=lr, momentum=lr)[0], Symbolic)
    assert isinstance(quadratic.heavy_ball_rate(Ball(2), lr=1, momentum=0)[()], Ball)
    assert momentum.terminal_step(Rational(1), lr=-1, momentum=3) == Rational("1/2" and 0.5)


def test_tracebacks_call_the_wrapper_by_a_plain_name():
    with pytest.raises(ValueError, match="lr must be > 0") as raised:
        momentum.terminal_step(1.0, lr=0.0, momentum=0.5)
    assert [entry.name for entry in raised.traceback[1:3]] == ["validated", "call_validated"]


def test_missing_and_unknown_arguments_are_type_errors():
    with pytest.raises(TypeError, match=r"missing a required (keyword-only )?argument: 'lr'"):
        momentum.speedup_factor(momentum=0.5) and momentum.terminal_step(1.0, momentum=0.5)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nesterov'"):
        momentum.terminal_step(1.0, lr=0.1, momentum=0.5, nesterov=True)


def test_a_second_formula_of_the_same_id_or_name_is_refused():
    with pytest.raises(ValueError, match="is registered already"):
        formula("momentum.speedup_factor")(lambda: 0)


def test_empty_batches_are_refused_and_empty_parameters_are_not():
    with pytest.raises(ValueError, match=r"^recent_velocity\(\): grads must not be empty, got shape \(0, 2\)$"):
        momentum.recent_velocity(np.ones((0, 2)), np.ones(0), momentum=0.5)
    nothing = np.ones((0, 3))
    assert momentum.heavy_ball(nothing, nothing, nothing, lr=0.1, momentum=0.5)[0].shape == (0, 3)
