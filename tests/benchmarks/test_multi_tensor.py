"""Many tensors at once, and the whole update in one pass: ours, our loop of calls, torch as a user calls it.

The results are asserted first: ours are the reference's by the tests of `fast`; torch's are near.
"""

import importlib.util
import itertools

import numpy as np
import pytest
from trainspec.fast import adam, bind, momentum, training_step
from trainspec.reference.adam import AdamState

from .conftest import compare, timed

torch_is_here = importlib.util.find_spec("torch") is not None
HYPER = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


def resnet50():
    """The shapes of the parameters of ResNet-50, in its order: 161 tensors, 25 557 032 numbers."""
    shapes, incoming = [(64, 3, 7, 7), (64,), (64,)], 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            shapes += [(width, incoming, 1, 1), (width,), (width,), (width, width, 3, 3), (width,), (width,)]
            shapes += [(4 * width, width, 1, 1), (4 * width,), (4 * width,)]
            shapes += [(4 * width, incoming, 1, 1), (4 * width,), (4 * width,)] if block == 0 else []
            incoming = 4 * width
    return [*shapes, (1000, 2048), (1000,)]


LISTS = {
    "MLP": [(128, 784), (128,), (128, 128), (128,), (10, 128), (10,)],
    "161 × 1000": [(1000,)] * 161,
    "ResNet-50": resnet50(),
}


def random_arrays(shapes, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def states(arrays):
    return [AdamState(np.zeros_like(array), np.zeros_like(array), 0) for array in arrays]


def torch_parameters(theta, grad):
    """torch's parameters and their gradients, in memory of their own."""
    import torch

    found = [torch.nn.Parameter(torch.from_numpy(array.copy())) for array in theta]
    for array, gradient in zip(found, grad, strict=True):
        array.grad = torch.from_numpy(gradient.copy())
    return found


def assert_near(parameters, theta, lr):
    """After few steps torch is where we are, to a thousandth of a step."""
    for parameter, ours in zip(parameters, theta, strict=True):
        assert np.all(np.abs(parameter.detach().numpy() - ours) <= 1e-3 * lr + 2 * np.finfo(ours.dtype).eps * np.abs(ours))


@pytest.mark.parametrize("name", LISTS)
def test_adam_of_many(benchmark, request, name):
    if name == "ResNet-50" and not timed(request.config):
        pytest.skip("large, and only its time is of interest")
    theta, grad, others = (random_arrays(LISTS[name], seed=seed) for seed in (0, 1, 1))
    own, moving, loop = ([array.copy() for array in theta] for _ in range(3))
    step = bind(adam.adam, theta=own, grad=grad, state=states(own), **HYPER)
    moved = bind(adam.adam, theta=moving, grad=grad, state=states(own), **HYPER)
    found, memory = itertools.cycle([others, grad]), states(loop)

    def one_by_one():
        for k, array in enumerate(loop):
            _, memory[k] = adam.adam(array, grad[k], memory[k], **HYPER, out=(array, memory[k]))

    steps = {"ours": step, "gradients elsewhere": lambda: moved(grad=next(found)), "ours, a loop": one_by_one}
    for candidate in steps.values():
        candidate()
    for array in (moving, loop):
        assert [each.tobytes() for each in array] == [each.tobytes() for each in own]
    if torch_is_here:
        import torch

        for way, options in {"torch": {"foreach": False}, "torch foreach": {"foreach": True}, "torch fused": {"fused": True}}.items():
            parameters = torch_parameters(theta, grad)
            steps[way] = torch.optim.Adam(parameters, lr=HYPER["lr"], betas=(0.9, 0.999), eps=1e-8, **options).step
            steps[way]()
            assert_near(parameters, own, HYPER["lr"])
    compare(benchmark, request.config, f"adam of {name}", steps)


def test_whole_update(benchmark, request, size, dtype):
    """Without momentum: the gradients are zeros from the second step on, and a mean of such would sink into subnormal numbers."""
    hyper = HYPER | {"beta1": 0.0, "weight_decay": 0.01}
    (theta,), (grad,), (mean,) = (random_arrays([size], dtype, seed) for seed in range(3))
    own = {"theta": [theta.copy()], "grad": [grad.copy()], "state": states([theta]), "mean": [mean.copy()]}
    steps = {"ours": bind(training_step, **own, largest=1.0, decay=0.999, **hyper)}
    steps["ours"]()
    if torch_is_here:
        import torch

        (parameter,) = torch_parameters([theta], [grad])
        average = torch.from_numpy(mean.copy())
        optimizer = torch.optim.AdamW([parameter], lr=hyper["lr"], betas=(0.0, 0.999), eps=1e-8, weight_decay=0.01, fused=True)

        def sequence():
            torch.nn.utils.clip_grad_norm_([parameter], 1.0)
            optimizer.step()
            with torch.no_grad():
                average.lerp_(parameter, 0.001)
            parameter.grad.zero_()

        steps["torch"] = sequence
        sequence()
        assert_near([parameter], own["theta"], hyper["lr"])
        assert_near([average], own["mean"], hyper["lr"])
    compare(benchmark, request.config, f"whole update {dtype} {size:.0e}", steps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_small_array(benchmark, request, dtype):
    """The call with the least overhead: an array that was bound once."""
    theta, grad, velocity = random_arrays([1000] * 3, dtype)
    twins = theta.copy(), grad, velocity.copy()
    checked = theta.copy(), grad, velocity.copy()
    workspace = np.empty_like(theta)

    def in_place():
        np.multiply(0.9, twins[2], out=twins[2])
        np.subtract(twins[2], np.multiply(1e-3, grad, out=workspace), out=twins[2])
        np.add(twins[0], twins[2], out=twins[0])

    steps = {
        "ours": bind(momentum.heavy_ball, theta=[theta], grad=[grad], velocity=[velocity], lr=1e-3, momentum=0.9),
        "not bound": lambda: momentum.heavy_ball(*checked, lr=1e-3, momentum=0.9, out=(checked[0], checked[2])),
        "numpy in place": in_place,
    }
    for step in steps.values():
        step()
    assert theta.tobytes() == twins[0].tobytes() == checked[0].tobytes()
    compare(benchmark, request.config, f"bound heavy_ball {dtype} 1e+03", steps)
