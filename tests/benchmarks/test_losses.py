"""Softmax, and losses with their gradients: ours, NumPy as the reference writes it, torch, JAX and ONNX Runtime as their users call them.

The results are asserted first: all of them are within the roundings of a sum in any order of what the reference makes in float64.
"""

import numpy as np
import pytest
from trainspec.fast import losses as fast

from .conftest import compare
from .limit import moving
from .peers import here, onnx_step

CLASSES = {10**3: 10, 10**4: 100, 10**5: 100, 10**6: 1000, 10**7: 1000}
ROUNDINGS = 64  # besides those of the sum: of the exponential's argument, of two products, of the library's functions


def torch_pair(loss, x, *rest, **options):
    """A loss and its gradient by the first argument, as torch makes them."""
    import torch

    x, *rest = (torch.from_numpy(array) for array in (x, *rest))
    x.requires_grad_()

    def step():
        x.grad = None
        value = getattr(torch.nn.functional, loss)(x, *rest, **options)
        value.backward()
        return value.detach().numpy(), x.grad.numpy()

    return step


def jax_pair(loss, x, *rest):
    """The same of a loss that is written in JAX."""
    import jax

    jax.config.update("jax_enable_x64", True)
    compiled = jax.jit(jax.value_and_grad(loss))
    x, *rest = (jax.numpy.asarray(array) for array in (x, *rest))
    return lambda: jax.block_until_ready(compiled(x, *rest))


def cross_entropy_in_jax(logits, labels):
    import jax

    own = jax.numpy.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -jax.numpy.mean(own)


def binary_in_jax(logits, targets):
    import jax

    return jax.numpy.mean(jax.nn.softplus(logits) - targets * logits)


def close(got, wanted, dtype, terms):
    """Within so many roundings of the largest number that enters."""
    for array, other in zip(got, wanted, strict=True):
        assert np.max(np.abs(np.asarray(array, np.float64) - other)) <= terms * np.finfo(dtype).eps * np.max(np.abs(other))


def cells(name, size, dtype):
    """The arguments of one cell, and how many terms its sums have."""
    rng = np.random.default_rng(0)
    if name == "cross_entropy_with_grad":
        classes = CLASSES[size]
        return (rng.standard_normal((size // classes, classes)).astype(dtype), rng.integers(0, classes, size // classes)), classes
    return (rng.standard_normal(size).astype(dtype), rng.random(size).astype(dtype)), 1


PEERS = {
    "cross_entropy_with_grad": ("cross_entropy", cross_entropy_in_jax),
    "binary_cross_entropy_with_grad": ("binary_cross_entropy_with_logits", binary_in_jax),
}


@pytest.mark.parametrize("name", PEERS)
def test_loss_and_gradient(benchmark, request, name, size, dtype):
    ours = getattr(fast, name)
    values, terms = cells(name, size, dtype)
    x = values[0]
    terms = ROUNDINGS + terms + size // terms  # classes of an example, examples of the mean
    wanted = ours.kernel.reference.raw(
        *(value.astype(np.float64) if value.dtype.kind == "f" else value for value in values), reduction="mean"
    )
    out = np.empty((), dtype), np.empty_like(x)
    steps = {
        "ours": lambda: ours(*values, reduction="mean", out=out),
        "ours, fresh": lambda: ours(*values, reduction="mean"),
        "numpy": lambda: ours.kernel.reference.raw(*values, reduction="mean"),
    }
    in_torch, in_jax = PEERS[name]
    if here("torch"):
        steps["torch"] = torch_pair(in_torch, *values)
    if here("jax"):
        steps["jax"] = jax_pair(in_jax, *values)
    for step in steps.values():
        close(step(), wanted, dtype, terms)
    steps["limit"] = moving((), [x], ours.kernel.parallel_from_bytes, [np.empty_like(x)])
    compare(benchmark, request.config, f"{name} {dtype} {size:.0e}", steps)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax(benchmark, request, name, size, dtype):
    classes = CLASSES[size]
    x = np.random.default_rng(0).standard_normal((size // classes, classes)).astype(dtype)
    ours, out = getattr(fast, name), np.empty_like(x)
    theirs = ours.kernel.reference.raw
    steps = {"ours": lambda: ours(x, out=out), "ours, fresh": lambda: ours(x), "numpy": lambda: theirs(x)}
    if here("torch"):
        import torch

        tensor, function = torch.from_numpy(x), getattr(torch, name)
        steps["torch"] = lambda: function(tensor, 1).numpy()
    if here("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        compiled, array = jax.jit(getattr(jax.nn, name)), jax.numpy.asarray(x)
        steps["jax"] = lambda: compiled(array).block_until_ready()
    steps |= onnx_step("Softmax" if name == "softmax" else "LogSoftmax", [x])
    for step in steps.values():
        close((step(),), (theirs(x.astype(np.float64)),), dtype, ROUNDINGS + classes)
    steps["limit"] = moving((), [x], ours.kernel.parallel_from_bytes, [np.empty_like(x)])
    compare(benchmark, request.config, f"{name} {dtype} {size:.0e}", steps)
