"""AdaGrad and its relatives where the gradient is zero: a stabiliser keeps every step finite, without one the result is refused."""

import functools

import numpy as np
import pytest
from trainspec.reference import adaptive

ZEROS = np.zeros(2)
HALF_A_GRADIENT = np.array([0.0, 1.0])


def steps(eps):
    """Each method's first step from 0, its name, and how it is called with a gradient that misses one coordinate."""
    more = {"lr": 0.1, "decay": 0.9, "eps": eps}
    settings = {
        "adagrad": {"lr": 0.1, "eps": eps},
        "rmsprop": more,
        "rmsprop_centered": more,
        "rmsprop_nesterov": {"momentum": 0.9, **more},
        "adadelta": {"decay": 0.95, "eps_grad": eps, "eps_step": 1e-6},
    }
    return {name: functools.partial(first_step, name, **keywords) for name, keywords in settings.items()}


def first_step(name, **settings):
    """Return the first step from 0."""
    formula = getattr(adaptive, name)
    grad = (lambda x: HALF_A_GRADIENT) if name == "rmsprop_nesterov" else HALF_A_GRADIENT
    return formula(ZEROS, grad, formula.initial(ZEROS), **settings)


@pytest.mark.parametrize("name", steps(0))
def test_without_a_stabiliser_a_zero_gradient_is_an_error_and_not_a_nan(name):
    with pytest.raises(ValueError, match=rf"^{name}\(\): the result is not finite \(overflow or division by zero\)"):
        steps(0.0)[name]()


@pytest.mark.parametrize("name", steps(0))
def test_with_a_stabiliser_only_the_other_coordinate_moves(name):
    moved, _ = steps(1e-8)[name]()
    assert moved[0] == 0
    assert moved[1] < 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept_by_rprop_and_the_closed_forms(dtype):
    x = np.array([1.0, -2.0], dtype=dtype)
    settings = {"grow": 1.2, "shrink": 0.5, "smallest": 1e-6, "largest": 50.0}
    moved, state = adaptive.irprop_plus(x, x, 1.0, adaptive.IRpropState(-x, np.abs(x), x, 0.5), **settings)
    parts = [moved, *state[:3], adaptive.adagrad_constant_gradient_step(x, 3, lr=0.1, eps=0.0)]
    assert {part.dtype for part in parts} == {np.dtype(dtype)}


def test_sizes_are_clipped_and_limits_checked():
    x = np.ones(1)
    settings = {"grow": 1.2, "shrink": 0.5, "smallest": 1.0, "largest": 1.1}
    _, state = adaptive.rprop_minus(x, x, adaptive.RpropMinusState(x, x), **settings)
    assert state.size == 1.1
    with pytest.raises(ValueError, match=r"largest must be > 0 and ≥ smallest \(1\.0\), got 0\.5$"):
        adaptive.rprop_minus(x, x, adaptive.RpropMinusState(x, x), **{**settings, "largest": 0.5})
