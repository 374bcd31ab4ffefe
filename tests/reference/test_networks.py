"""Layers, validated: optional biases, dtypes, factors."""

import numpy as np
import pytest
from trainspec.reference import networks

x, weight, bias = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), np.array([1.0, -3.0, 0.0])


def test_a_bias_may_be_left_out():
    np.testing.assert_array_equal(networks.dense(x, weight), [[1, 2, 3]])
    np.testing.assert_array_equal(networks.dense_relu(x, weight, None), networks.dense_relu(x, weight, 0 * bias))
    with pytest.raises(ValueError, match=r"bias must have shape \(outputs,\) with outputs = 3 as in weight, got \(2,\)$"):
        networks.dense(x, weight, bias[:2])
    with pytest.raises(TypeError, match=r"weight must be a real array, got None$"):
        networks.dense(x, None)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept_forwards_and_backwards(dtype):
    arrays = [array.astype(dtype) for array in (x, weight, bias)]
    for forward, backward in (
        (networks.dense_tanh, networks.dense_tanh_backward),
        (networks.dense_relu, networks.dense_relu_backward),
    ):
        h = forward(*arrays)
        assert {h.dtype} | {grad.dtype for grad in backward(h, h, *arrays[:2])} == {np.dtype(dtype)}


def test_units_are_rescaled_by_positive_factors_only():
    with pytest.raises(ValueError, match=r"factors must be > 0, got -1\.0 at index \(\d,\)$"):
        networks.rescale_units(weight, bias, weight.T, np.array([1.0, -1.0, 1.0]))


def test_a_gate_needs_a_curved_activation():
    with pytest.raises(ValueError, match="not finite"):
        networks.product_gate(x, x, np.tanh, scale=0.5, bend=0.0)
