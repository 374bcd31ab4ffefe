"""Programs of formulas that make no step: they compute what the formula computes, in every arithmetic, and change as steps do."""

import numpy as np
import pytest
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.spec.arithmetic import Ball, Symbolic, Verdict, certified, proven_zero, symbols
from trainspec.spec.changes.function import function_program
from trainspec.spec.inputs.cases import cases


@pytest.mark.sampled(4)
@pytest.mark.parametrize("identifier", FORMULAS)
def test_the_program_computes_the_formula(identifier):
    formula, program = FORMULAS[identifier], function_program(identifier)
    assert program.without_unused() == program
    for case in cases(formula)[:4]:
        arguments = {name: value for name, value in case.arguments.items() if not isinstance(value, np.random.Generator)}
        drawn = [{name: np.random.default_rng(1) for name in case.arguments if name not in arguments} for _ in range(2)]
        with np.errstate(all="ignore"):
            due, result = formula.raw(**arguments, **drawn[0]), program.function(**arguments, **drawn[1])
        assert type(result) is type(due)
        for value, expected in zip(tree_leaves(result), tree_leaves(due), strict=True):
            np.testing.assert_array_equal(value, expected)


def test_results_are_named():
    assert function_program("norm.layer").results == ("result",)
    assert function_program("norm.batch.stats").results == ("result_1", "result_2")
    assert function_program("optimizers.adam").results == ("result_1", "result_2", "result_3", "result_4")
    assert function_program("network.dense.relu_backward").source == (
        "result_1, result_2, result_3 = dense_backward(dh * relu_slope(h), x, weight)"
    )
    assert function_program("averaging.polyak").source.splitlines()[:3] == ["mean = state.mean", "t = state.t", "t = t + 1"]


def test_an_early_return_is_a_choice():
    assert function_program("loss.reduction").source.splitlines()[-1].startswith("result = losses if reduction == 'none' else ")


def test_a_changed_program_runs_in_every_arithmetic():
    program = function_program("norm.batch.stats").replaced({"np.mean(A, **K)": "np.sum(A, **K)"}, within=["mean"])
    numbers = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(program.function(numbers)[0], [3, 5, 7])
    x = symbols("x", 2, 3)
    gaps = program.function(x)[0] - 2 * FORMULAS["norm.batch.stats"].raw(x)[0]
    assert all(proven_zero(gap).verdict is Verdict.HOLDS for gap in Symbolic.object_array(gaps))
    balls = Ball.object_array(certified(program.function, x=numbers)[0])
    assert [ball.contains(total) for ball, total in zip(balls, (3, 5, 7), strict=True)] == [True] * 3


def test_defaults_are_kept():
    state, x = FORMULAS["norm.batch.running"].raw.__globals__["RunningStats"](np.zeros(3), np.ones(3)), np.arange(6.0).reshape(2, 3)
    program = function_program("norm.batch.running")
    np.testing.assert_array_equal(program.function(state, x, momentum=0.5).var, [1.625, 1.625, 1.625])
