"""Adam and its relatives, validated: a gradient of 0, and the dtype of results."""

import numpy as np
import pytest
from trainspec.reference import adam
from trainspec.reference.adam import AdamState

STEPS = {  # with the arguments that each alone has
    "adam": {},
    "adam_uncorrected": {},
    "adam_efficient": {},
    "adamax": {},
    "adam_l2": {"weight_decay": 0.0},
    "adamw": {"weight_decay": 0.0},
    "amsgrad": {},
    "nadam": {"beta1_next": 0.875},
}


def step(name, theta, grad, eps):
    """Return the first step."""
    formula = getattr(adam, name)
    return formula(theta, grad, formula.initial(theta), lr=0.5, beta1=0.875, beta2=0.9375, eps=eps, **STEPS[name])


@pytest.mark.parametrize("name", STEPS)
def test_no_gradient_makes_no_step_with_eps_and_an_error_without(name):
    theta = np.array([1.0, -2.0])
    np.testing.assert_array_equal(step(name, theta, 0 * theta, 1e-8)[0], theta)
    with pytest.raises(ValueError, match=rf"^{name}\(\): the result is not finite \(overflow or division by zero\)"):
        step(name, theta, np.array([1.0, 0.0]), 0.0)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(name, dtype):
    theta = np.array([1.0, -2.0], dtype=dtype)
    moved, state = step(name, theta, theta, 0.5)
    assert {moved.dtype, *(part.dtype for part in state if isinstance(part, np.ndarray))} == {np.dtype(dtype)}


def test_steps_are_counted_from_zero():
    nothing = np.zeros(1)
    with pytest.raises(ValueError, match=r"state\.t must be ≥ 0, got -1$"):
        adam.adam(nothing, nothing, AdamState(nothing, nothing, -1), lr=0.1, beta1=0.9, beta2=0.999, eps=1e-8)
