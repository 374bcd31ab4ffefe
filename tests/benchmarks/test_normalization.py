"""Normalization layers: ours with `out=` and fresh, NumPy as the reference writes it, torch's own kernels without its autograd,
the reference compiled by JAX, ONNX Runtime.

The results are asserted first: all near the reference in float64 (the rounding bound is tests/fast's).
"""

import math

import numpy as np
import pytest
from trainspec.fast import normalization as fast
from trainspec.reference import normalization as reference

from .conftest import compare
from .limit import moving
from .peers import here, jax_step, onnx_step

EPS = 1e-5
IMAGES = ("batch_norm_conv", "batch_norm_conv_backward", "instance_norm")
ROWS = ("layer_norm", "layer_norm_backward", "rms_norm")
COLUMNS = ("batch_stats", "batch_norm", "batch_norm_backward")
ONNX = {"layer_norm": "LayerNormalization", "instance_norm": "InstanceNormalization"}  # of its training operators it has none


def shape_of(name, size):
    """Axes of so many entries, near those of layers of that size."""
    if name in IMAGES:
        side = math.isqrt(size // (128 if size < 50000 else 2048))
        return (8, 16, side, side) if size < 50000 else (32, 64, side, side)
    features = min(1024, 4 ** (len(str(size)) - 1))
    return size // features, features


def torch_step(name, dy, x, gamma, beta):
    """torch's own kernel for it, and how many of its results are ours."""
    import torch

    dy, x, gamma, beta = map(torch.from_numpy, (dy, x, gamma, beta))
    kept = torch.native_batch_norm(x, gamma, beta, None, None, True, 0.1, EPS)[1:]
    normalized = torch.native_layer_norm(x, (x.shape[1],), gamma, beta, EPS)[1:] if x.ndim == 2 else None
    backward, wanted = torch.ops.aten, (True, True, True)
    return {
        "batch_stats": lambda: torch.var_mean(x, 0, correction=0)[::-1],
        "batch_norm": lambda: torch.native_batch_norm(x, gamma, beta, None, None, True, 0.1, EPS)[0],
        "batch_norm_backward": lambda: backward.native_batch_norm_backward(dy, x, gamma, None, None, *kept, True, EPS, wanted),
        "batch_norm_conv": lambda: torch.native_batch_norm(x, gamma, beta, None, None, True, 0.1, EPS)[0],
        "batch_norm_conv_backward": lambda: backward.native_batch_norm_backward(dy, x, gamma, None, None, *kept, True, EPS, wanted),
        "instance_norm": lambda: torch.instance_norm(x, gamma, beta, None, None, True, 0.1, EPS, False),
        "layer_norm": lambda: torch.native_layer_norm(x, (x.shape[1],), gamma, beta, EPS)[0],
        "layer_norm_backward": lambda: backward.native_layer_norm_backward(dy, x, (x.shape[1],), *normalized, gamma, beta, wanted),
        "rms_norm": lambda: torch.rms_norm(x, (x.shape[1],), gamma, EPS),
    }[name]


def arguments(name, dy, x, gamma, beta):
    """What a formula takes of these."""
    if name == "batch_stats":
        return (x,), {}
    if name.endswith("backward"):
        return (dy, x, gamma), {"eps": EPS}
    return ((x, gamma) if name == "rms_norm" else (x, gamma, beta)), {"eps": EPS}


def several(result):
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.sampled(24)
@pytest.mark.parametrize("name", COLUMNS + ROWS + IMAGES)
def test_normalization(benchmark, request, name, size, dtype):
    rng = np.random.default_rng(0)
    shape = shape_of(name, size)
    dy, x = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    gamma, beta = (rng.standard_normal(shape[1]).astype(dtype) for _ in range(2))
    ours, raw = getattr(fast, name), getattr(reference, name).raw
    given, hyper = arguments(name, dy, x, gamma, beta)
    wide, _ = arguments(name, *(array.astype(np.float64) for array in (dy, x, gamma, beta)))
    wanted = several(raw(*wide, **hyper))
    out = tuple(np.empty(array.shape, dtype) for array in wanted)
    out = out if len(out) > 1 else out[0]
    steps = {
        "ours": lambda: ours(*given, **hyper, out=out),
        "ours, fresh": lambda: ours(*given, **hyper),
        "numpy": lambda: raw(*given, **hyper),
    }
    if name.endswith("backward"):  # as torch's, which takes what the forward saved
        _, saved = getattr(fast, name.removesuffix("_backward"))(x, gamma, beta, **hyper, save=True)
        steps["ours, saved"] = lambda: ours(*given, **hyper, out=out, saved=saved)
    if here("torch"):
        steps["torch"] = torch_step(name, dy, x, gamma, beta)
    steps |= jax_step(reference, name, given, hyper)
    if name in ONNX and dtype == "float32":
        steps |= onnx_step(ONNX[name], given, epsilon=EPS)
    # roundings are of either sign: of a sum of n, what remains grows as √n
    roundings = 64 * np.sqrt(x.size / min(shape)) * np.finfo(dtype).eps
    for step in steps.values():
        for array, other in zip(several(step()), wanted, strict=True):
            assert np.max(np.abs(np.asarray(array) - other)) <= roundings * np.max(np.abs(other))
    written = [array for array in several(out) if array.shape == x.shape]
    if written:
        steps["limit"] = moving((), [array for array in given if array.shape == x.shape], ours.kernel.parallel_from_bytes, written)
    compare(benchmark, request.config, f"{name} {dtype} {size:.0e}", steps)
