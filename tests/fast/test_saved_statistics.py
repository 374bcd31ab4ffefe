"""Statistics that a normalization saves are those of its data, and its gradients by them are within the rounding bound."""

import functools

import numpy as np
import pytest
from trainspec.fast import normalization as fast
from trainspec.reference import tree_leaves

from ..support.kernels import LARGE, LAYOUTS, LOOP_KERNELS, SMALL, arrays_of, bit_patterns, errors_in_bounds, loop_call

AXES = {  # over which the statistics of each are
    **{"batch_norm": (0,), "layer_norm": (1,), "rms_norm": (1,), "batch_norm_conv": (0, 2, 3)},
    **{"instance_norm": (2, 3), "group_norm": (2, 3, 4)},
}
NAMES = list(AXES)
IN_FORMATS = [(name, np.float32) for name in NAMES] + [("layer_norm", np.float64)]  # one body serves both; compiling takes seconds


def grouped(name, values):
    """The data of a call, with an axis for groups."""
    x = values["x"]
    return x.reshape(x.shape[0], values["groups"], -1, *x.shape[2:]) if name == "group_norm" else x


def saved_by(name, values):
    """What the forward saves for the data of its gradients' call, with parameters of its own."""
    inputs = loop_call(name, dtype=values["x"].dtype) | {key: values[key] for key in ("x", "eps", "groups") if key in values}
    inputs |= {key: np.ones_like(values["gamma"]) for key in ("gamma", "beta") if key in inputs}
    return getattr(fast, name)(**inputs, save=True)[1]


@pytest.mark.parametrize("axes", [SMALL, LARGE], ids=["alone", "threads"])
@pytest.mark.parametrize(("name", "dtype"), IN_FORMATS)
def test_what_is_saved_are_the_statistics(name, dtype, axes):
    function, values = getattr(fast, name), loop_call(name, axes, dtype)
    result, saved = function(**values, save=True)
    assert bit_patterns(result) == bit_patterns(function(**values)) == bit_patterns(function(**values, save=False))
    x = grouped(name, values).astype(np.longdouble)
    mean = x.mean(AXES[name]) if name != "rms_norm" else np.zeros(len(x))
    rstd = 1 / np.sqrt(np.mean((x - np.expand_dims(mean, AXES[name])) ** 2, AXES[name]) + values["eps"])
    unit = np.finfo(dtype).eps
    assert all(array.dtype == dtype for array in saved)
    np.testing.assert_allclose(saved[-1], rstd, rtol=8 * unit)
    if name != "rms_norm":
        np.testing.assert_allclose(saved[0], mean, rtol=0, atol=8 * unit * np.max(np.abs(x)))


@pytest.mark.parametrize(("name", "dtype"), IN_FORMATS)
def test_gradients_by_saved_statistics_are_within_the_rounding_bound(name, dtype):
    """And they are taken: by others the gradients are not."""
    ours, formula = LOOP_KERNELS[f"{name}_backward"]
    for seed in range(5):
        values = loop_call(f"{name}_backward", dtype=dtype, seed=seed)
        saved = saved_by(name, values)
        assert max(errors_in_bounds(functools.partial(ours, saved=saved), formula, values, dtype)) <= 1
        wrong = (*saved[:-1], 2 * saved[-1])
        assert max(errors_in_bounds(functools.partial(ours, saved=wrong), formula, values, dtype)) > 1


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_a_large_case_are_those_without_saved_statistics(name):
    ours, formula = LOOP_KERNELS[f"{name}_backward"]
    values = loop_call(f"{name}_backward", LARGE, np.float32)
    exact = tree_leaves(
        formula.raw(**{key: value.astype(float) if isinstance(value, np.ndarray) else value for key, value in values.items()})
    )
    for got in (ours(**values), ours(**values, saved=saved_by(name, values))):
        for array, other in zip(tree_leaves(got), exact, strict=True):
            np.testing.assert_allclose(array, other, rtol=0, atol=2e-4 * np.max(np.abs(other)))


@pytest.mark.parametrize("name", NAMES)
def test_saved_statistics_may_have_any_layout_and_must_fit(name):
    function = getattr(fast, f"{name}_backward")
    values = loop_call(f"{name}_backward")
    saved = saved_by(name, values)
    wanted = bit_patterns(function(**values, saved=saved))
    for layout in LAYOUTS.values():
        assert bit_patterns(function(**values, saved=tuple(map(layout, saved)))) == wanted
    last = len(saved) - 1
    cases = [
        (list(saved), TypeError, r"saved must be a tuple of"),
        (saved[1:], TypeError, r"saved must be a tuple of"),
        ((*saved[:-1], saved[-1].astype(np.float64)), TypeError, rf"saved\[{last}\] must be a float32 array, got a float64 array"),
        ((*saved[:-1], saved[-1][..., 1:]), ValueError, rf"saved\[{last}\] must have shape"),
        ((*saved[:-1], None), TypeError, rf"saved\[{last}\] must be a float32 array, got None"),
    ]
    for wrong, error, message in cases:
        with pytest.raises(error, match=rf"{name}_backward\(\): {message}"):
            function(**values, saved=wrong)
    assert bit_patterns(function(**values, saved=saved)) == wanted  # nothing of a refused call is left
    out = tuple(np.empty_like(array) for array in tree_leaves(function(**values)))
    memory = out[0].reshape(-1)[: saved[-1].size].reshape(saved[-1].shape)
    with pytest.raises(ValueError, match=r"out must have memory of its own, got memory of saved"):
        function(**values, saved=(*saved[:-1], memory), out=out)
    with pytest.raises(TypeError, match=rf"{name}\(\): save must be True or False, got"):
        getattr(fast, name)(**loop_call(name), save=1)


def test_a_call_that_fails_leaves_nothing_behind():
    values = loop_call("layer_norm")
    arrays_of(values)[0][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"layer_norm\(\): x must"):
        fast.layer_norm(**values, save=True)
    assert isinstance(fast.layer_norm(**loop_call("layer_norm")), np.ndarray)
