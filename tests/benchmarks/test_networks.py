"""Dense layers with an activation, forwards and backwards: ours, NumPy as the reference writes it, torch and JAX as their users call them.

The results are asserted first: all of them are within the roundings of a sum in any order of what the reference makes in float64.
"""

import numpy as np
import pytest
from trainspec.fast import networks as fast

from .conftest import compare, timed
from .peers import here

SHAPES = [(16, 64, 64), (64, 160, 160), (256, 400, 400), (1024, 1024, 1024)]  # batch, inputs, outputs
ROUNDINGS = 32  # besides those of the sums: of the bias, of the activation and its slope


def pytest_generate_tests(metafunc):
    metafunc.parametrize("shape", SHAPES if timed(metafunc.config) else SHAPES[:2], ids=lambda shape: "x".join(map(str, shape)))


def arrays(shape, dtype="float32"):
    """Inputs, weights and biases of a layer, and the gradient by what it gives."""
    batch, inputs, outputs = shape
    rng = np.random.default_rng(0)
    scales = [((batch, inputs), 1), ((outputs, inputs), inputs**-0.5), ((outputs,), 1), ((batch, outputs), 1)]
    return tuple(np.asarray(rng.standard_normal(array) * scale, dtype) for array, scale in scales)


def forward_peers(activation, x, weight, bias):
    """The layer in torch and in JAX."""
    steps = {}
    if here("torch"):
        import torch

        tensors = [torch.from_numpy(array) for array in (x, weight, bias)]

        def step():
            with torch.no_grad():
                return getattr(torch, activation)(torch.nn.functional.linear(*tensors)).numpy()

        steps["torch"] = step
    if here("jax"):
        import jax

        function = {"tanh": jax.numpy.tanh, "relu": jax.nn.relu}[activation]
        compiled = jax.jit(lambda x, weight, bias: function(x @ weight.T + bias))
        there = [jax.numpy.asarray(array) for array in (x, weight, bias)]
        steps["jax"] = lambda: compiled(*there).block_until_ready()
    return steps


def backward_peers(activation, dh, x, weight, bias):
    """The gradients by inputs, weights and biases, in torch from its own graph, in JAX compiled."""
    steps = {}
    if here("torch"):
        import torch

        tensors = [torch.from_numpy(array).requires_grad_() for array in (x, weight, bias)]
        given, slopes = getattr(torch, activation)(torch.nn.functional.linear(*tensors)), torch.from_numpy(dh)
        steps["torch"] = lambda: [array.numpy() for array in torch.autograd.grad(given, tensors, slopes, retain_graph=True)]
    if here("jax"):
        import jax

        function = {"tanh": jax.numpy.tanh, "relu": jax.nn.relu}[activation]
        _, pull = jax.vjp(lambda x, weight, bias: function(x @ weight.T + bias), *map(jax.numpy.asarray, (x, weight, bias)))
        compiled, there = jax.jit(pull), jax.numpy.asarray(dh)
        steps["jax"] = lambda: jax.block_until_ready(compiled(there))
    return steps


def close(got, wanted, terms):
    """Within so many roundings of the largest sum of sizes that a result may be of."""
    for array, other, most in zip(got, wanted, terms, strict=True):
        assert np.max(np.abs(array - other)) <= np.finfo(np.float32).eps * most


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_forward(benchmark, request, activation, shape):
    x, weight, bias, _ = arrays(shape)
    ours = getattr(fast, f"dense_{activation}")
    theirs, out = ours.kernel.reference.raw, np.empty((shape[0], shape[2]), np.float32)
    wanted = theirs(*(array.astype(np.float64) for array in (x, weight, bias)))
    most = (shape[1] + ROUNDINGS) * np.max(np.abs(x) @ np.abs(weight).T + np.abs(bias))
    steps = {"ours": lambda: ours(x, weight, bias, out=out), "ours, fresh": lambda: ours(x, weight, bias)}
    steps["numpy"] = lambda: theirs(x, weight, bias)
    steps |= forward_peers(activation, x, weight, bias)
    for step in steps.values():
        close([step()], [wanted], [most])
    compare(benchmark, request.config, f"dense_{activation} {'x'.join(map(str, shape))}", steps)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_backward(benchmark, request, activation, shape):
    x, weight, bias, dh = arrays(shape)
    ours = getattr(fast, f"dense_{activation}_backward")
    h = getattr(fast, f"dense_{activation}")(x, weight, bias)
    theirs, out = ours.kernel.reference.raw, (np.empty_like(x), np.empty_like(weight), np.empty_like(bias))
    wanted = theirs(*(array.astype(np.float64) for array in (dh, h, x, weight)))
    size = np.abs(dh)
    sums = (size @ np.abs(weight), size.T @ np.abs(x), np.sum(size, axis=0))
    most = [(length + ROUNDINGS) * np.max(array) for length, array in zip((shape[2], shape[0], shape[0]), sums, strict=True)]
    steps = {"ours": lambda: ours(dh, h, x, weight, out=out), "ours, fresh": lambda: ours(dh, h, x, weight)}
    steps["numpy"] = lambda: theirs(dh, h, x, weight)
    peers = backward_peers(activation, dh, x, weight, bias)
    for step in steps.values():
        close(step(), wanted, most)
    for step in peers.values():  # from activations of their own
        own = [
            3 * (shape[1] + ROUNDINGS) * np.max(np.abs(x) @ np.abs(weight).T) * array.max() + two
            for array, two in zip(sums, most, strict=True)
        ]
        close(step(), wanted, own)
    compare(benchmark, request.config, f"dense_{activation}_backward {'x'.join(map(str, shape))}", steps | peers)
