"""The kernels meet what their formulas meet: certified values within the rounding bound, and the laws of the catalogue."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from trainspec.fast import momentum as fast
from trainspec.reference import momentum as reference
from trainspec.reference import tree_leaves
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import Ball, Undecided, Verdict, certified, rounding_bound
from trainspec.spec.evidence import EVIDENCE, load, run_evidence
from trainspec.spec.inputs.strategies import arguments

from ..support.kernels import ELEMENTWISE, GIVEN_GRADIENT, elementwise_call, errors_in_bounds, in_format

pytestmark = pytest.mark.sampled(2)

load()

LAWS = [(name, piece) for name in ELEMENTWISE for piece in EVIDENCE.values() if piece.kind == "law" and name in piece.formulas]


@pytest.mark.sampled(6)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_kernels_are_within_the_rounding_bound_of_the_certified_value(name, dtype):
    seen = []

    @given(values=arguments(domains(ELEMENTWISE[name][1].raw)))
    @settings(max_examples=25)
    def run(values):
        values = in_format(values, dtype)
        try:
            with np.errstate(all="ignore"):
                seen.append(max(errors_in_bounds(*ELEMENTWISE[name], values, dtype)))
        except (Undecided, ZeroDivisionError, ValueError):  # outside the formula's own domain, or not decided by the bound
            assume(False)
        assert seen[-1] <= 1

    run()
    assert seen


@pytest.mark.sampled(4)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", GIVEN_GRADIENT)
def test_a_large_case_is_within_the_bound_and_uses_much_of_it(name, dtype):
    values = elementwise_call(name, 2000, dtype)
    worst = max(errors_in_bounds(*ELEMENTWISE[name], values, dtype))
    assert worst <= 1
    rounds = any(np.any(tree_leaf) for tree_leaf in tree_leaves(rounding_bound(ELEMENTWISE[name][1].raw, **values, dtype=dtype)))
    assert worst > 0.1 or not rounds or name == "leaky_relu"  # of which nothing is rounded here: its slope is 1/4


def test_a_step_in_a_coarser_format_would_be_seen():
    values = {"theta": np.array([0.1]), "grad": np.array([0.3]), "velocity": np.array([0.7]), "lr": 0.1, "momentum": 0.9}
    coarse = reference.heavy_ball.raw(**in_format(values, np.float32))
    bounds = rounding_bound(reference.heavy_ball.raw, **values)
    exact = certified(reference.heavy_ball.raw, **values)
    assert all(bool(np.abs(Ball(a) - b)[0] > 1000 * bound[0]) for a, b, bound in zip(coarse, exact, bounds, strict=True))


@pytest.mark.sampled(6)
@pytest.mark.parametrize(("name", "piece"), LAWS, ids=[f"{name}-{piece.name}" for name, piece in LAWS])
def test_kernels_obey_the_laws_of_their_formulas(name, piece):
    ours, theirs = ELEMENTWISE[name]
    stepped = []

    def step(*args, **kwargs):
        try:
            result = ours(*args, **kwargs)
        except ValueError:  # a law may leave the domain of the formula, where a kernel refuses
            return theirs.raw(*args, **kwargs)
        stepped.append(True)
        return result

    result = run_evidence(piece, {name: step})
    assert result.verdict is Verdict.HOLDS, result.detail
    assert stepped


def test_a_wrong_kernel_breaks_a_law():
    def ascending(theta, grad, velocity, *, lr, momentum):
        return fast.heavy_ball(theta, -np.asarray(grad), velocity, lr=lr, momentum=momentum)

    assert any(run_evidence(piece, {"heavy_ball": ascending}).verdict is Verdict.REFUTED for name, piece in LAWS if name == "heavy_ball")
