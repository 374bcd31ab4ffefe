"""Trees of formulas are executable and mean what the formulas mean: flattened, inlined, both."""

import ast
import inspect
import subprocess
import sys

import numpy as np
import pytest
from trainspec.reference import FORMULAS, adam, averaging, descent, landscapes, losses, momentum
from trainspec.reference.adam import AdamState, adamw
from trainspec.reference.syntax import (
    compile_function,
    flatten_states,
    inline_calls,
    local_names,
    returns_once,
    source_tree,
    state_arguments,
)
from trainspec.reference.validation import domains

HYPER = {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3, "weight_decay": 0.2}
THETA, GRAD, MEAN = np.array([1.0, -2.0]), np.array([0.5, 3.0]), np.array([0.25, 0.75])
STATE = AdamState(np.array([0.1, 0.2]), np.array([0.3, 0.4]), 2)


def leaves(value):
    return [leaf for part in value for leaf in leaves(part)] if isinstance(value, tuple) else [value]


def assert_equal(got, wanted):
    assert type(got) is type(wanted)
    for leaf, other in zip(leaves(got), leaves(wanted), strict=True):
        np.testing.assert_array_equal(leaf, other)


def contents(function):
    """The names and the constants of a function, those of functions within it included; docstrings left out."""
    code = function if inspect.iscode(function) else function.__code__
    parts = [contents(constant) if inspect.iscode(constant) else constant for constant in code.co_consts]
    doc = getattr(function, "__doc__", None)
    return code.co_names, code.co_varnames, [part for part in parts if part is not None and (doc is None or part != doc)]


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=lambda formula: formula.id)
def test_the_source_tree_of_every_formula_compiles_to_the_same_code(formula):
    tree = source_tree(formula)
    assert ast.get_docstring(tree) is None
    assert not tree.decorator_list
    function = compile_function(tree, formula.raw.__globals__)
    stripped = inspect.signature(function)
    assert list(stripped.parameters) == list(inspect.signature(formula.raw).parameters)
    assert contents(function) == contents(formula.raw)


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=lambda formula: formula.id)
def test_states_are_those_that_the_annotations_name(formula):
    states = state_arguments(formula)
    assert states == {name: domain.hint for name, domain in domains(formula.raw).items() if domain.kind == "state"}
    flat = flatten_states(source_tree(formula), states)
    used = {node.id for node in ast.walk(flat) if isinstance(node, ast.Name)}
    assert not used & set(states)


def test_a_flattened_tree_takes_the_fields_and_gives_the_same_result():
    for name in ("adam", "adamw", "adam_l2"):
        formula = getattr(adam, name)
        hyper = {key: value for key, value in HYPER.items() if key in formula.raw.__annotations__}
        flat = compile_function(flatten_states(source_tree(formula), state_arguments(formula)), formula.raw.__globals__)
        assert list(inspect.signature(flat).parameters)[:5] == ["theta", "grad", "state_m", "state_v", "state_t"]
        assert_equal(flat(THETA, GRAD, *STATE, **hyper), formula.raw(THETA, GRAD, STATE, **hyper))


def keeps_its_state(theta, state: AdamState):
    return theta + state.m, state


def test_a_state_that_is_returned_whole_is_built_anew():
    flat = flatten_states(source_tree(keeps_its_state), {"state": AdamState})
    assert ast.unparse(flat) == (
        "def keeps_its_state(theta, state_m, state_v, state_t):\n    return (theta + state_m, AdamState(state_m, state_v, state_t))"
    )
    assert_equal(compile_function(flat, globals())(THETA, *STATE), keeps_its_state(THETA, STATE))


def whole_update(theta, grad, state: AdamState, mean, *, lr, beta1, beta2, eps, weight_decay):
    norm = descent.global_norm(grad)
    grad = descent.clip_by_norm(grad, norm, largest=1.0)
    theta, state = adamw(theta, grad, state, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    return theta, grad, state, averaging.parameter_average(theta, mean, decay=0.5)


def calls_of_formulas(tree, namespace):
    unparsed = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return {name for name in unparsed if hasattr(eval(name, dict(namespace)), "raw")}


@pytest.mark.parametrize("flat", [False, True])
def test_inlined_calls_give_the_same_result(flat):
    tree = source_tree(whole_update)
    if flat:
        tree = flatten_states(tree, {"state": AdamState})
    inlined, namespace = inline_calls(tree, globals())
    assert not calls_of_formulas(inlined, namespace)
    state = STATE if flat else (STATE,)
    assert_equal(compile_function(inlined, namespace)(THETA, GRAD, *state, MEAN, **HYPER), whole_update(THETA, GRAD, STATE, MEAN, **HYPER))


def test_formulas_to_keep_stay_calls():
    inlined, namespace = inline_calls(source_tree(whole_update), globals(), keep=[descent.global_norm])
    assert calls_of_formulas(inlined, namespace) == {"descent.global_norm"}


def nested(theta, grad, velocity, *, lr, momentum):
    theta, velocity = heavy_ball(*heavy_ball(theta, grad, velocity, lr=lr, momentum=momentum)[:1], grad, velocity, lr=lr, momentum=momentum)
    return theta


def twice(theta, grad, velocity):
    return heavy_ball(heavy_ball(theta, grad, velocity, lr=0.1, momentum=0.5)[0], 2 * grad, velocity, lr=0.25, momentum=0.9)


heavy_ball = momentum.heavy_ball


def test_a_call_within_a_call_is_evaluated_first():
    inlined, namespace = inline_calls(source_tree(twice), globals())
    assert not calls_of_formulas(inlined, namespace)
    assert_equal(compile_function(inlined, namespace)(THETA, GRAD, MEAN), twice(THETA, GRAD, MEAN))


def test_what_cannot_be_inlined_stays_a_call():
    inlined, namespace = inline_calls(source_tree(nested), globals())
    assert calls_of_formulas(inlined, namespace) == {"heavy_ball"}  # its arguments are starred
    hyper = {"lr": 0.1, "momentum": 0.5}
    assert_equal(compile_function(inlined, namespace)(THETA, GRAD, MEAN, **hyper), nested(THETA, GRAD, MEAN, **hyper))


def test_formulas_that_formulas_call_are_inlined_too():
    points, centres = np.array([[0.0], [1.0], [5.0]]), np.array([[0.0], [4.0]])
    tree, namespace = inline_calls(source_tree(landscapes.lloyd), landscapes.lloyd.raw.__globals__)
    assert not calls_of_formulas(tree, namespace)
    assert_equal(compile_function(tree, namespace)(points, centres, iterations=2), landscapes.lloyd.raw(points, centres, iterations=2))
    hessian = losses.logistic_hessian.raw  # sigmoid is called twice, and `reduced`, which returns in several places
    assert calls_of_formulas(source_tree(hessian), hessian.__globals__) == {"reduced", "sigmoid"}
    assert calls_of_formulas(*inline_calls(source_tree(hessian), hessian.__globals__)) == {"reduced"}


@pytest.mark.parametrize("formula", FORMULAS.values(), ids=lambda formula: formula.id)
def test_every_formula_inlines_to_executable_code(formula):
    tree, namespace = inline_calls(source_tree(formula), formula.raw.__globals__)
    compile_function(tree, namespace)
    free = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - local_names(tree)
    assert free <= set(namespace) | set(dir(__builtins__) if not isinstance(__builtins__, dict) else __builtins__)


def early(x):
    if x > 0:
        return x
    return -x


def test_a_formula_returns_once_where_it_can_be_inlined():
    assert returns_once(source_tree(adam.adam))
    assert not returns_once(source_tree(early))


def test_a_name_that_means_two_things_is_refused():
    def step(theta, grad):
        return descent.clip_by_value(theta, largest=1.0)

    with pytest.raises(ValueError, match=r"inline_calls\(\): np means something else in clip_by_value"):
        inline_calls(source_tree(step), {"descent": descent, "np": "another thing"})


def test_the_module_costs_the_standard_library_and_numpy():
    code = "import trainspec.reference.syntax, sys; print(*[name for name in ('jaxtyping', 'sympy', 'numba') if name in sys.modules])"
    assert not subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
