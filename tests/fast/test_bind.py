"""A kernel bound to arrays computes at every call what the function does, in memory that stays."""

import numpy as np
import pytest
from trainspec.fast import activations, adam, bind, initialization, momentum, networks, normalization
from trainspec.fast import losses as fast_losses
from trainspec.reference import tree_leaves

from ..support.kernels import (
    ELEMENTWISE,
    LARGE,
    LOOP_KERNELS,
    SMALL,
    WITH_GRADIENT_FUNCTION,
    arrays_of,
    bit_patterns,
    elementwise_call,
    gradient_function,
    loop_call,
    map_arrays,
)

SINGLE = [name for name, (function, _) in ELEMENTWISE.items() if not (function.kernel.ir.counters or function.kernel.ir.normed)]


def arrays_in(value):
    return [np.asarray(leaf) for leaf in tree_leaves((value,)) if isinstance(leaf, np.ndarray | np.floating)]


def assert_bound_as_called(function, values, other):
    """Results are the function's; they are the same arrays at every call, and follow what the arguments hold."""
    step = bind(function, **values)
    first = step()
    assert bit_patterns(tuple(arrays_in(first))) == bit_patterns(tuple(arrays_in(function(**values))))
    before = arrays_in(first)
    for array, changed in zip(arrays_of(values), arrays_of(other), strict=True):
        array[...] = changed
    again = step()
    assert all(np.shares_memory(array, kept) for array, kept in zip(arrays_in(again), before, strict=True) if array.size)
    assert bit_patterns(tuple(arrays_in(again))) == bit_patterns(tuple(arrays_in(function(**values))))


@pytest.mark.sampled(18)
@pytest.mark.parametrize("axes", [SMALL, LARGE], ids=["alone", "threads"])
@pytest.mark.parametrize("name", LOOP_KERNELS)
def test_loops_are_bound(name, axes):
    assert_bound_as_called(LOOP_KERNELS[name][0], loop_call(name, axes), loop_call(name, axes, seed=1))


@pytest.mark.sampled(18)
@pytest.mark.parametrize("size", [(4, 5), 70000])
@pytest.mark.parametrize("name", SINGLE)
def test_elementwise_kernels_are_bound_to_arrays(name, size):
    assert_bound_as_called(ELEMENTWISE[name][0], elementwise_call(name, size), elementwise_call(name, size, seed=1))


@pytest.mark.parametrize("name", WITH_GRADIENT_FUNCTION)
def test_a_bound_step_asks_for_the_gradient_at_every_call(name):
    function, asked = ELEMENTWISE[name][0], []

    def gradient(point):
        asked.append(point.copy())
        return gradient_function(point)

    values = elementwise_call(name, 50)
    step = bind(function, **values | {"gradient": gradient})
    assert not asked
    step(), step()
    assert len(asked) == 2
    assert bit_patterns(tuple(arrays_in(step.results))) == bit_patterns(tuple(arrays_in(function(**values))))
    with pytest.raises(TypeError, match="gradient must be a function, got a float32 array"):
        bind(function, **values | {"gradient": values["theta"]})


def test_statistics_are_saved_and_taken():
    values, back = loop_call("layer_norm"), loop_call("layer_norm_backward")
    back["x"] = values["x"]
    forward = bind(normalization.layer_norm, **values, save=True)
    y, saved = forward()
    backward = bind(normalization.layer_norm_backward, **back, saved=saved)
    for factor in (1, 3):
        values["x"] *= np.float32(factor)
        wanted, statistics = normalization.layer_norm(**values, save=True)
        assert forward()[0] is y
        assert bit_patterns((y, *saved)) == bit_patterns((wanted, *statistics))
        assert bit_patterns(backward()) == bit_patterns(normalization.layer_norm_backward(**back, saved=statistics))
    with pytest.raises(TypeError, match=r"layer_norm\(\): save must be True or False"):
        bind(normalization.layer_norm, **values, save="yes")
    with pytest.raises(TypeError, match=r"layer_norm_backward\(\): saved must be a tuple of 2 arrays"):
        bind(normalization.layer_norm_backward, **back, saved=saved[:1])
    with pytest.raises(ValueError, match=r"layer_norm_backward\(\): saved\[0\] must be C-contiguous"):
        bind(normalization.layer_norm_backward, **back, saved=(np.repeat(saved[0], 2)[::2], saved[1]))


@pytest.mark.parametrize("name", ["he_normal", "orthogonal", "xavier_uniform"])
def test_samplers_are_bound(name):
    function, shape = getattr(initialization, name), {"fan_out": 5, "fan_in": 3}
    step, other = bind(function, source=np.random.default_rng(0), **shape, dtype=np.float32), np.random.default_rng(0)
    for _ in range(2):
        weights = step()
        np.testing.assert_array_equal(weights, function(other, **shape, dtype=np.float32))
    assert weights.dtype == np.float32
    assert step() is weights
    assert step(fan_in=4).shape == (5, 4)


def test_out_takes_the_results_and_may_be_what_they_replace():
    z = np.linspace(-3, 3, 100)
    wanted = activations.gelu(z)
    step = bind(activations.gelu, z=z, out=z)
    assert step() is z
    np.testing.assert_array_equal(z, wanted)
    h, x = np.empty((5, 7)), np.ones((5, 3))
    layer = bind(networks.dense_relu, x=x, weight=np.ones((7, 3)), bias=None, out=h)
    assert layer() is h
    np.testing.assert_array_equal(h, 3)


def test_arguments_may_be_replaced():
    values = elementwise_call("heavy_ball", 20)
    step = bind(momentum.heavy_ball, **values)
    kept = step()
    assert step(lr=0.5)[0] is kept[0]
    assert bit_patterns(step.results) == bit_patterns(momentum.heavy_ball(**values | {"lr": 0.5}))
    other = elementwise_call("heavy_ball", 30, seed=2)
    step(**other)
    assert bit_patterns(step.results) == bit_patterns(momentum.heavy_ball(**other))
    with pytest.raises(ValueError, match=r"heavy_ball\(\): lr must be > 0"):
        step(lr=-1.0)
    with pytest.raises(TypeError, match=r"heavy_ball\(\) got an unexpected keyword argument 'rate'"):
        step(rate=1.0)
    assert bit_patterns(step()) == bit_patterns(momentum.heavy_ball(**other))


def test_what_is_wrong_is_refused_when_it_is_bound_or_called():
    logits, labels = np.ones((4, 3)), np.array([0, 1, 2, 1])
    for wrong in (logits[:, ::-1], logits.astype(">f8")):
        with pytest.raises(ValueError, match=r"cross_entropy\(\): logits must be C-contiguous, aligned and in native byte order"):
            bind(fast_losses.cross_entropy, logits=wrong, labels=labels, reduction="mean")
    with pytest.raises(IndexError, match=r"cross_entropy\(\): labels must"):
        bind(fast_losses.cross_entropy, logits=logits, labels=labels + 1, reduction="mean")
    with pytest.raises(ValueError, match=r"softmax\(\): out must be C-contiguous"):
        bind(fast_losses.softmax, logits=logits, out=np.empty((3, 4)).T)
    step = bind(fast_losses.cross_entropy_with_grad, logits=logits, labels=labels, reduction="mean")
    labels[0] = 7
    with pytest.raises(IndexError, match=r"cross_entropy\w*\(\): labels must"):
        step()
    labels[0], logits[1, 1] = 0, np.nan
    with pytest.raises(ValueError, match=r"cross_entropy\w*\(\): logits must be finite, got nan"):
        step()
    z = np.ones(3)
    step = bind(activations.swish, z=z)
    z[1] = np.inf
    with pytest.raises(ValueError, match=r"swish\(\): z must be finite, got inf at index \(1,\)"):
        step()
    with pytest.raises(TypeError, match=r"adam\(\): state must be a list of AdamState, got AdamState"):
        bind(adam.adam, **elementwise_call("adam", 3))
    with pytest.raises(TypeError, match=r"bind\(\): function must be one of trainspec.fast or a @fused function, got sum"):
        bind(np.sum)


def test_a_bound_call_changes_nothing_else():
    values = loop_call("batch_norm")
    before = bit_patterns(tuple(arrays_of(values)))
    bind(normalization.batch_norm, **values)()
    assert bit_patterns(tuple(arrays_of(values))) == before
    assert map_arrays(values, lambda array: array).keys() == values.keys()
