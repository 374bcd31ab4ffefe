"""What follows from a domain: its values are inside it, its violations outside, and its words say what it is."""

import numpy as np
import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from jaxtyping import jaxtyped
from trainspec.reference import FORMULAS, descent, limits, losses, momentum, quadratic
from trainspec.reference.validation import ArgumentValidator, domain_of, domains, in_dependency_order
from trainspec.spec.inputs.invalid import invalid_arguments
from trainspec.spec.inputs.strategies import arguments, search_settings


@pytest.mark.parametrize(
    ("formula", "argument", "words"),
    [
        (momentum.heavy_ball, "theta", "real array of shape (*shape), finite"),
        (momentum.heavy_ball, "momentum", "real number, ≥ 0, < 1, finite"),
        (momentum.constant_gradient_velocity, "steps", "integer, ≥ 0"),
        (momentum.nesterov, "gradient", "function of an array to an array of its shape"),
        (quadratic.condition_number, "hessian", "real array of shape (n, n), symmetric, finite"),
        (quadratic.heavy_ball_optimum, "largest", "real number, > 0, ≥ smallest, finite"),
        (descent.sgd, "gradients", "tuple of at least one function of an array to an array of its shape"),
        (descent.permuted_batches, "source", "numpy.random.Generator"),
        (descent.unbiased_gradient, "probability", "real number, > 0, ≤ 1, finite"),
        (losses.logistic_loss, "signs", "real array of shape (examples), -1 or 1, finite"),
        (
            losses.softmax_loss,
            "labels",
            "integer array of shape (examples), ≥ 0 and < the length of axis 0 of weights",
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


def labels(formula, valid):
    return {(bad.argument, bad.label) for bad in invalid_arguments(formula, valid)}


def test_invalid_arguments_violate_every_limit():
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


# --- limits ---------------------------------------------------------------------------------------------


MATRIX = np.array([[1.0, -2.0], [3.0, 4.0]])
LIMITS = [  # a limit, a value to start from, the other arguments, the limit in words
    (limits.AtLeast(1), 0.5, {}, "≥ 1"),
    (limits.Above(0), 2.0, {}, "> 0"),
    (limits.AtMost(1), 1.0, {}, "≤ 1"),
    (limits.Below(2), np.array([1.0, 0.0]), {}, "< 2"),
    (limits.OneOf((-1, 1)), np.array([1.0, -1.0]), {}, "-1 or 1"),
    (limits.NotBelow("smallest"), 0.5, {"smallest": 0.75}, "≥ smallest (0.75)"),
    (limits.StableWith("curvature"), 3.0, {"curvature": 4.0}, "< 2 / curvature (0.5)"),
    (limits.IndexInto("x", 1), np.array([0, 7]), {"x": np.ones((2, 3))}, "≥ 0 and < the length of axis 1 of x (3)"),
    (limits.Divides("x", 1), 5, {"x": np.ones((2, 6))}, "a divisor of the length of axis 1 of x (6)"),
    (limits.PositiveAlong("step"), MATRIX, {"step": np.array([[-1.0, 0.0], [1.0, 1.0]])}, "positive along step"),
    (limits.PositiveAlong("grad"), MATRIX - 9, {"grad": np.array([1.0, -1.0])}, "positive along grad"),
    (limits.Symmetric(), MATRIX, {}, "symmetric"),
    (limits.PositiveDefinite(), MATRIX + MATRIX.T, {}, "positive definite"),
    (limits.Varied(), np.array([[1.0, 2.0], [1.0, 3.0]]), {}, "free of constant columns"),
    (limits.MayBeInfinite(), np.inf, {}, "possibly infinite"),
]
NAMES = [f"{type(limit).__name__} {index}" for index, (limit, *_) in enumerate(LIMITS)]
FIXED_BY_THE_DRAW = (limits.Range, limits.OneOf)  # kinds that numbers are drawn within, so that nothing is left to satisfy


def kinds_of_limits(kind=limits.Limit):
    """Every kind of limit that can be stated."""
    return {kind}.union(*map(kinds_of_limits, kind.__subclasses__())) if kind.__subclasses__() else {kind}


def test_every_kind_of_limit_is_tried():
    abstract = {limits.Limit, limits.Range, limits.Relation, limits.AxisRelation}
    assert kinds_of_limits() - abstract == {type(limit) for limit, *_ in LIMITS}


@pytest.mark.parametrize(("limit", "value", "others", "words"), LIMITS, ids=NAMES)
def test_a_limit_is_described_satisfied_and_violated(limit, value, others, words):
    assert limit.describe(others) == words
    assert limit.describe() == words.partition(" (")[0]
    valid = limit.satisfy(value, others)
    if not isinstance(limit, FIXED_BY_THE_DRAW):
        assert np.all(limit.holds(valid, others))
    step = 1 if isinstance(value, int) else 2.0**-20
    violations = list(limit.violations(valid, others, step))
    assert bool(violations) == (limit != limits.MayBeInfinite())
    for label, bad in violations:
        assert not np.all(limit.holds(bad, others)), label


@pytest.mark.parametrize(("limit", "value", "others", "words"), LIMITS, ids=NAMES)
def test_an_interval_contains_what_a_limit_admits(limit, value, others, words):
    interval = limit.interval()
    candidates = [-2.0, -1.0, 0.0, 2.0**-30, 0.75, 1.0, 1.0 + 2.0**-30, 2.0 - 2.0**-30, 2.0, 3.0]
    if isinstance(limit, (limits.PositiveAlong, limits.Symmetric, limits.PositiveDefinite, limits.Varied, limits.MayBeInfinite)):
        assert interval == limits.Interval()
        return
    for number in candidates:
        if isinstance(limit, limits.Divides) and number not in (1, 2, 3):
            continue  # it limits counts
        if np.all(limit.holds(number, others)):
            least, largest = interval.float_range()
            assert least <= number <= largest
        elif isinstance(limit, limits.Range):
            least, largest = interval.float_range()
            assert not least <= number <= largest


@pytest.mark.parametrize(("limit", "value", "others", "words"), LIMITS, ids=NAMES)
def test_an_expression_says_what_a_limit_holds_of(limit, value, others, words):
    expression = limit.expression("number")
    if expression is None:
        assert np.ndim(value) == 2 or limit == limits.MayBeInfinite()
        return
    for number in (-1, 1, 2, 3, 5) if isinstance(limit, limits.AxisRelation) else (-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 2.0):
        if isinstance(limit, limits.Divides) and number < 1:
            continue
        assert bool(eval(expression, {"number": number, **others})) == bool(np.all(limit.holds(number, others))), number


def test_intervals_intersect():
    between = limits.interval_of([limits.AtLeast(0), limits.Above(0), limits.AtMost(2), limits.Below(2)])
    assert between == limits.Interval(0, 2, low_open=True, high_open=True)
    least, largest = between.float_range()
    assert least > 0 == np.nextafter(least, -1)
    assert largest < 2 == np.nextafter(largest, 3)


def test_what_is_no_limit_is_refused():
    with pytest.raises(TypeError, match="states no limit"):
        limits.as_limit("positive")


# --- the methods of generators -------------------------------------------------------------------------------


@pytest.mark.sampled(6)
@pytest.mark.parametrize("identifier", FORMULAS)
def test_every_argument_of_every_formula_has_violations(identifier):
    formula = FORMULAS[identifier]
    stated = domains(formula.raw)
    valid = find(arguments(stated), lambda values: True, settings=search_settings(1))
    invalid = list(invalid_arguments(formula, valid))
    assert {bad.argument for bad in invalid} == set(stated)
    for bad in invalid:
        assert not is_valid(formula, {**valid, bad.argument: bad.value}), (bad.argument, bad.label)
    assert is_valid(formula, valid)


def is_valid(formula, values):
    """Whether all arguments lie in their domains, functions with what they return."""
    with jaxtyped("context"):
        validator = ArgumentValidator(formula.__name__, values)
        try:
            for name, domain in in_dependency_order(domains(formula.raw)):
                validated = validator.validate(name, values[name], domain)
                for function in validated if domain.kind == "functions" else [validated] if domain.kind == "function" else []:
                    function(np.ones(3))
        except (TypeError, ValueError, IndexError):
            return False
    return True
