"""States before the first step: which formulas have one, what they hold, and that every arithmetic can make and use them."""

import inspect

import numpy as np
import pytest
from hypothesis import find
from trainspec.reference import FORMULAS, initial_state, tree_leaves, tree_map
from trainspec.reference.adam import AdamState, NadamState
from trainspec.reference.adaptive import IRpropState, RpropState
from trainspec.reference.averaging import SwaState
from trainspec.reference.momentum import TwoSequenceState
from trainspec.reference.schedules import PlateauState
from trainspec.reference.validation import domains, resolve_annotations
from trainspec.spec.arithmetic import Ball, Rational, symbols
from trainspec.spec.changes.program import takes_matrix
from trainspec.spec.inputs.strategies import arguments, search_settings

THETA = np.array([1.0, -2.0])
STEPPING = {identifier: formula for identifier, formula in FORMULAS.items() if formula.initial}


def state_parameter(formula):
    """The argument that is the state: the NamedTuple that a formula returns again, or the last one that can be passed by position."""
    stated = domains(formula.raw)
    returned = str(resolve_annotations(formula.raw, formula.raw.__module__)["return"])
    for name, domain in stated.items():
        if domain.kind == "state" and domain.hint.__name__ in returned:
            return name
    return None


def array_parameter(formula):
    """The last argument that can be passed by position."""
    parameters = inspect.signature(formula.raw).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD][-1]


def test_what_returns_a_state_says_how_it_starts():
    assert {identifier for identifier, formula in FORMULAS.items() if state_parameter(formula)} <= set(STEPPING)


def test_every_optimizer_of_two_results_says_how_it_starts():
    stateless = {"optimizers.path_sgd", "optimizers.sgd.order_two_functions"}  # two arrays of weights; two ends of a cycle
    optimizers = {identifier for identifier in FORMULAS if identifier.startswith("optimizers.")}
    pairs = {identifier for identifier in optimizers if "tuple" in str(inspect.signature(FORMULAS[identifier].raw).return_annotation)}
    assert pairs - set(STEPPING) == stateless


@pytest.mark.parametrize(
    ("identifier", "settings", "expected"),
    [
        ("optimizers.adam", {"lr": 0.1}, AdamState(0 * THETA, 0 * THETA, 0)),
        ("optimizers.nadam", {}, NadamState(0 * THETA, 0 * THETA, 0, 0)),
        ("optimizers.momentum.heavy_ball", {"lr": 0.1, "momentum": 0.9}, 0 * THETA),
        ("optimizers.momentum.two_point", {}, THETA),
        ("optimizers.nesterov.two_sequence", {}, TwoSequenceState(THETA, 0)),
        ("optimizers.adagrad", {}, 0 * THETA),
        ("optimizers.rprop", {"size": 0.5}, RpropState(0 * THETA, np.array([0.5, 0.5]), 0 * THETA)),
        ("optimizers.rprop.improved_plus", {"size": 0.5}, IRpropState(0 * THETA, np.array([0.5, 0.5]), 0 * THETA, 0)),
        ("averaging.ema", {"decay": 0.9}, THETA),
        ("averaging.swa", {}, SwaState(THETA, 1)),
        ("norm.batch.running", {}, (np.zeros(2), np.ones(2))),
    ],
)
def test_where_formulas_start(identifier, settings, expected):
    state = initial_state(identifier, THETA, **settings)
    assert type(state) is type(expected) or not hasattr(expected, "_fields")
    for leaf, due in zip(tree_leaves(state), tree_leaves(expected), strict=True):
        np.testing.assert_array_equal(leaf, due)


def test_a_plateau_starts_at_its_rate_with_no_best_loss():
    assert initial_state("schedule.plateau", 0.1) == PlateauState(0.1, np.inf, 0)


def test_rprop_needs_a_size_and_what_has_no_state_says_so():
    with pytest.raises(TypeError, match="size"):
        initial_state("optimizers.rprop", THETA, lr=0.1)
    with pytest.raises(ValueError, match=r"formula 'optimizers\.gd\.batch' has no state"):
        initial_state("optimizers.gd.batch", THETA)


def valid_start(formula):
    """Valid arguments of a formula with its state as it is before the first step, and the name of the state."""
    stated = domains(formula.raw)
    name = state_parameter(formula) or array_parameter(formula)
    return find(arguments(stated), lambda values: True, settings=search_settings(1)), name


def start_of(values, name):
    """What a state starts from: the first array beside it, the centres or units that it holds itself, a rate or a length."""
    state = values[name]
    first = next((value for key, value in values.items() if key != name and isinstance(value, np.ndarray)), None)
    if hasattr(state, "_fields") and state._fields[0] in ("centres", "mean", "lr", "grad", "scale") and "theta" not in values:
        return state[0]
    named = {"ConjugateState": "grad", "CycleState": "period"}.get(type(state).__name__)
    return getattr(state, named) if named else first


@pytest.mark.sampled(6)
@pytest.mark.parametrize("identifier", STEPPING)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_formula_takes_its_initial_state(identifier, dtype):
    formula = STEPPING[identifier]
    values, name = valid_start(formula)
    values = tree_map_values(lambda leaf: leaf.astype(dtype) if isinstance(leaf, np.ndarray) else leaf, values)
    start = start_of(values, name)
    state = initial_state(identifier, start, size=0.5)
    arrays = [leaf for leaf in tree_leaves(state) if isinstance(leaf, np.ndarray)]
    assert all(leaf.dtype == dtype for leaf in arrays)
    assert not any(np.may_share_memory(leaf, start) for leaf in arrays)
    assert not any(np.may_share_memory(leaf, other) for i, leaf in enumerate(arrays) for other in arrays[:i])
    assert not any(np.any((leaf == 0) & np.signbit(leaf)) for leaf in arrays if not np.any(start == 0))
    try:
        formula(**{**values, name: state})
    except ValueError as error:
        assert "not finite" in str(error)  # noqa: PT017 - no stabiliser


def tree_map_values(function, values):
    """The arguments with a function applied to every leaf."""
    return {key: tree_map(function, value) for key, value in values.items()}


@pytest.mark.parametrize("number", [symbols("a"), Ball(3), Rational(3)], ids=["Symbolic", "Ball", "Rational"])
@pytest.mark.parametrize("identifier", [identifier for identifier in STEPPING if not identifier.startswith(("kmeans.", "schedule."))])
def test_every_arithmetic_makes_initial_states(identifier, number):
    start = np.expand_dims(number, (0, 1)) if takes_matrix(identifier) else number
    state = initial_state(identifier, start, size=number)
    assert all(isinstance(leaf, type(number) | int) for leaf in tree_leaves(state))
