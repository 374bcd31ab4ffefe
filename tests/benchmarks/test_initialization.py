"""Random weights in memory that is there already: ours, NumPy's generator, torch.nn.init as a user calls it.

The laws are asserted first, with the chance of failing a right sampler; the times never.
"""

import importlib.util

import numpy as np
import pytest
from scipy import stats
from trainspec.fast import initialization as fast

from .conftest import compare

torch_is_here = importlib.util.find_spec("torch") is not None
CHANCE = 1e-6


def numpy_steps(name, rng, weights, scale):
    """NumPy's own stream into the same memory."""
    if name == "he_normal":
        return lambda: np.multiply(rng.standard_normal(dtype=weights.dtype, out=weights), scale, out=weights)
    return lambda: np.multiply(np.subtract(rng.random(dtype=weights.dtype, out=weights), 0.5, out=weights), 2 * scale, out=weights)


@pytest.mark.parametrize("name", ["he_uniform", "he_normal"])
def test_weights(benchmark, request, name, size, dtype):
    shape = 10, size // 10
    ours, numpys = np.empty(shape, dtype), np.empty(shape, dtype)
    source, sample = np.random.default_rng(0), getattr(fast, name)
    law = stats.norm() if name == "he_normal" else stats.uniform(-np.sqrt(3), 2 * np.sqrt(3))
    deviation = np.sqrt(2 / shape[1])
    steps = {
        "ours": lambda: sample(source, *shape, out=ours),
        "ours, fresh": lambda: sample(source, *shape, dtype=dtype),
        "numpy": numpy_steps(name, source, numpys, deviation if name == "he_normal" else deviation * np.sqrt(3)),
    }
    drawn = {"ours": ours, "numpy": numpys}
    if torch_is_here:
        import torch

        torchs = torch.from_numpy(np.empty(shape, dtype))
        fill = torch.nn.init.kaiming_normal_ if name == "he_normal" else torch.nn.init.kaiming_uniform_
        steps["torch"], drawn["torch"] = lambda: fill(torchs), torchs.numpy()
    for who, weights in drawn.items():
        steps[who]()
        assert stats.kstest(weights.ravel()[:100000] / deviation, law.cdf).pvalue > CHANCE, who
    compare(benchmark, request.config, f"{name} {dtype} {size:.0e}", steps)
