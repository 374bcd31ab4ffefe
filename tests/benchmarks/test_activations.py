"""Activations and their gradients: ours, NumPy as the reference writes it, torch, JAX and ONNX Runtime as their users call them.

The results are asserted first: all of them are within a few roundings of what the reference makes in float64.
"""

import functools

import numpy as np
import pytest
from trainspec.fast import activations, backward_of, bind, losses

from ..support.kernels import HYPERPARAMETERS
from .conftest import compare
from .limit import moving
from .peers import here, onnx_step

SIGMOID = {"sigmoid": losses.sigmoid}
# torch's function, its options; JAX's; ONNX's operator, its attributes
PEERS = {
    "gelu": ("gelu", {}, ("gelu", {"approximate": False}), ("Gelu", {})),
    "gelu_tanh": ("gelu", {"approximate": "tanh"}, ("gelu", {"approximate": True}), ("Gelu", {"approximate": "tanh"})),
    "swish": ("silu", {}, ("silu", {}), None),
    "softplus": ("softplus", {}, ("softplus", {}), ("Softplus", {})),
    "mish": ("mish", {}, ("mish", {}), ("Mish", {})),
    "elu": ("elu", {}, ("elu", {}), ("Elu", {})),
    "leaky_relu": ("leaky_relu", {"negative_slope": 0.25}, ("leaky_relu", {"negative_slope": 0.25}), ("LeakyRelu", {"alpha": 0.25})),
    "sigmoid": ("sigmoid", {}, ("sigmoid", {}), ("Sigmoid", {})),
}
NUMBERS = {"elu": {"alpha": 1.0}, "elu_slope": {"alpha": 1.0}, "leaky_relu": {"negative_slope": HYPERPARAMETERS["negative_slope"]}}
GRADIENTS = {"gelu_slope": "gelu", "gelu_tanh_slope": "gelu_tanh", "swish_slope": "swish", "mish_slope": "mish", "elu_slope": "elu"}
ROUNDINGS = 24


def torch_step(name, z):
    """The function of torch, without a graph."""
    import torch

    function, options, *_ = PEERS[name]
    tensor, call = torch.from_numpy(z), getattr(torch.nn.functional, function)

    def step():
        with torch.inference_mode():
            return call(tensor, **options).numpy()

    return step


def torch_gradient(name, z, dh):
    """The gradient from torch's own graph, kept."""
    import torch

    function, options, *_ = PEERS[name]
    tensor = torch.from_numpy(z.copy()).requires_grad_()
    given, slopes = getattr(torch.nn.functional, function)(tensor, **options), torch.from_numpy(dh)

    def step():
        (gradient,) = torch.autograd.grad(given, tensor, slopes, retain_graph=True)
        return gradient.numpy()

    return step


def jax_step(name, z, dh=None):
    """The function of JAX, or its gradient, compiled."""
    import jax

    jax.config.update("jax_enable_x64", True)
    function, options = PEERS[name][2]
    there, one = jax.numpy.asarray(z), functools.partial(getattr(jax.nn, function), **options)
    compiled, given = (jax.jit(one), there) if dh is None else (jax.jit(lambda g: jax.vjp(one, there)[1](g)[0]), jax.numpy.asarray(dh))
    return lambda: jax.block_until_ready(compiled(given))


def close(got, z, wanted, dtype):
    """Within so many roundings of the largest number that enters."""
    assert np.max(np.abs(np.asarray(got, np.float64) - wanted)) <= ROUNDINGS * np.finfo(dtype).eps * np.max(np.abs(z) + 1)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("name", PEERS)
def test_forward(benchmark, request, name, size, dtype):
    z = (2 * np.random.default_rng(0).standard_normal(size)).astype(dtype)
    ours, out, numbers = (SIGMOID | vars(activations))[name], np.empty_like(z), NUMBERS.get(name, {})
    theirs = ours.kernel.raw
    wanted = theirs(z.astype(np.float64), **numbers)
    steps = {"ours": lambda: ours(z, **numbers, out=out), "ours, fresh": lambda: ours(z, **numbers)}
    steps |= {"ours, bound": bind(ours, z=z, **numbers), "numpy": lambda: theirs(z, **numbers)}
    steps |= {"torch": torch_step(name, z)} if here("torch") else {}
    steps |= {"jax": jax_step(name, z)} if here("jax") else {}
    operator = PEERS[name][3]
    steps |= onnx_step(operator[0], [z], opset=20, **operator[1]) if operator and dtype == "float32" else {}
    for step in steps.values():
        close(step(), z, wanted, dtype)
    compare(
        benchmark, request.config, f"{name} {dtype} {size:.0e}", steps | {"limit": moving([], [z], ours.kernel.parallel_from_bytes, [out])}
    )


@pytest.mark.parametrize("slope", GRADIENTS)
def test_gradient(benchmark, request, slope, size, dtype):
    rng, name = np.random.default_rng(0), GRADIENTS[slope]
    z, dh = ((2 * rng.standard_normal(size)).astype(dtype) for _ in range(2))
    function, numbers, out = getattr(activations, slope), NUMBERS.get(slope, {}), np.empty_like(z)
    ours, theirs = backward_of(function), function.kernel.raw
    wanted = dh * theirs(z.astype(np.float64), **numbers)
    steps = {"ours": lambda: ours(dh, z, **numbers, out=out), "ours, bound": bind(ours, dh=dh, z=z, **numbers)}
    steps |= {"numpy": lambda: dh * theirs(z, **numbers)}
    steps |= {"torch": torch_gradient(name, z, dh)} if here("torch") else {}
    steps |= {"jax": jax_step(name, z, dh)} if here("jax") else {}
    for step in steps.values():
        close(step(), 10 * z, wanted, dtype)
    compare(
        benchmark,
        request.config,
        f"{slope} backward {dtype} {size:.0e}",
        steps | {"limit": moving([], [z, dh], ours.kernel.parallel_from_bytes, [out])},
    )
