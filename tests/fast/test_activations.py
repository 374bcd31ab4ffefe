"""The gradient of an activation in one pass is the product with its slope; and kernels are made of the functions that fit first."""

import ast
import inspect

import numpy as np
import pytest
from trainspec.fast import activations, backward_of, losses
from trainspec.fast._elementwise import source

from ..support.kernels import DTYPES, ELEMENTWISE, bit_patterns, elementwise_call

SLOPES = [name for name in activations.__all__ if name.endswith("_slope")]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SLOPES)
def test_the_gradient_is_the_product_with_the_slope(name, dtype):
    slope = getattr(activations, name)
    backward, values = backward_of(slope), elementwise_call(name, 5000, dtype)
    dh = np.random.default_rng(1).standard_normal(5000).astype(dtype)
    wanted = dh * slope(**values)
    assert bit_patterns(backward(dh, **values)) == bit_patterns(wanted)
    assert backward(dh, **values, out=dh) is dh
    assert dh.tobytes() == wanted.tobytes()
    assert list(inspect.signature(backward).parameters) == ["dh", *inspect.signature(slope).parameters]


def test_the_gradient_is_refused_by_its_own_name():
    backward = backward_of(activations.swish_slope)
    with pytest.raises(ValueError, match=r"^swish_slope_backward\(\): dh must be finite, got nan at index \(1,\)$"):
        backward(np.array([1.0, np.nan]), np.ones(2))
    with pytest.raises(ValueError, match=r"^swish_slope_backward\(\): "):
        backward(np.ones(3), np.ones(2))


@pytest.mark.parametrize("wrong", [activations.swiglu, losses.softmax, np.tanh])
def test_a_gradient_needs_the_slope_of_one_array(wrong):
    with pytest.raises(TypeError, match=r"^backward_of\(\): slope must be an elementwise kernel of trainspec.fast of one array, got "):
        backward_of(wrong)


def first_that_fits(text):
    called = source.first_that_fits(ast.parse(text, mode="eval").body)
    return called and (called[0], ast.unparse(called[1]))


def test_the_first_pattern_that_fits_is_taken():
    assert first_that_fits("np.exp(-np.logaddexp(0, -(2 * z)))") == ("logistic", "2 * z")
    assert first_that_fits("np.exp(-np.logaddexp(1, -z))") == ("exp", "-np.logaddexp(1, -z)")
    assert first_that_fits("np.exp(np.logaddexp(0, -z))") == ("exp", "np.logaddexp(0, -z)")
    assert first_that_fits("np.logaddexp(z, 0)") is None
    assert first_that_fits("np.logaddexp(0, z, w)") is None
    assert first_that_fits("np.sin(z)") is None


def test_what_a_kernel_is_made_of():
    made = {name: ELEMENTWISE[name][0].kernel.ir.own_functions for name in ("swish", "gelu_slope", "mish", "leaky_relu")}
    assert made == {"swish": ("logistic",), "gelu_slope": ("erf", "exp"), "mish": ("softplus", "tanh"), "leaky_relu": ()}
