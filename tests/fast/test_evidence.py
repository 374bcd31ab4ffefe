"""The kernels meet what their formulas meet: certified values within the rounding bound, and the laws of the catalogue."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trainspec.fast import momentum as fast
from trainspec.reference import FORMULAS
from trainspec.reference import momentum as reference
from trainspec.reference._door import domains
from trainspec.spec.arithmetic import Ball, Verdict, certified, leaves, rounding_bound
from trainspec.spec.domains import arguments
from trainspec.spec.evidence import PIECES, load, run_piece

load()

KERNELS = {one.__name__: one for one in FORMULAS.values() if one.__name__ in fast.__all__}
LAWS = [(name, piece) for name in KERNELS for piece in PIECES.values() if piece.kind == "law" and name in piece.formulas]


def in_format(values, dtype):
    """The same call in another format."""
    return {name: value.astype(dtype) if isinstance(value, np.ndarray) else value for name, value in values.items()}


def errors_in_bounds(name, values, dtype):
    """How far each result is from the certified one, in units of what rounding explains."""
    got = leaves(getattr(fast, name)(**values))
    exact = leaves(certified(KERNELS[name].raw, **values, dtype=dtype))
    bounds = leaves(rounding_bound(KERNELS[name].raw, **values, dtype=dtype))
    for mine, ball, bound in zip(got, exact, bounds, strict=True):
        distance = np.array([float(abs(one).upper()) for one in Ball.plain(Ball(mine) - ball).ravel()]).reshape(np.shape(bound))
        yield np.max(np.where(distance == 0, 0, distance / np.where(bound == 0, np.finfo(float).tiny, bound)), initial=0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", KERNELS)
@given(data=st.data())
@settings(max_examples=40)
def test_kernels_are_within_the_rounding_bound_of_the_certified_value(name, dtype, data):
    values = in_format(data.draw(arguments(domains(KERNELS[name].raw))), dtype)
    assert max(errors_in_bounds(name, values, dtype)) <= 1


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_large_case_is_within_the_bound_and_uses_much_of_it(dtype):
    theta, grad, velocity = (part.astype(dtype) for part in np.random.default_rng(0).normal(size=(3, 5000)))
    values = {"theta": theta, "grad": grad, "velocity": velocity, "lr": 0.1, "momentum": 0.9}
    worst = max(errors_in_bounds("heavy_ball", values, dtype))
    assert 0.1 < worst <= 1


def test_a_step_in_a_coarser_format_would_be_seen():
    values = {"theta": np.array([0.1]), "grad": np.array([0.3]), "velocity": np.array([0.7]), "lr": 0.1, "momentum": 0.9}
    coarse = reference.heavy_ball.raw(**in_format(values, np.float32))
    bounds = rounding_bound(reference.heavy_ball.raw, **values)
    exact = certified(reference.heavy_ball.raw, **values)
    assert all(bool(np.abs(Ball(a) - b)[0] > 1000 * bound[0]) for a, b, bound in zip(coarse, exact, bounds, strict=True))


@pytest.mark.parametrize(("name", "piece"), LAWS, ids=[f"{name}-{piece.name}" for name, piece in LAWS])
def test_kernels_obey_the_laws_of_their_formulas(name, piece):
    result = run_piece(piece, {name: getattr(fast, name)})
    assert result.verdict is Verdict.HOLDS, result.detail


def test_a_wrong_kernel_breaks_a_law():
    def ascending(theta, grad, velocity, *, lr, momentum):
        return fast.heavy_ball(theta, -np.asarray(grad), velocity, lr=lr, momentum=momentum)

    assert any(run_piece(piece, {"heavy_ball": ascending}).verdict is Verdict.REFUTED for name, piece in LAWS if name == "heavy_ball")
