"""A step of the example `examples/digits.py`, and the same step in torch as its users write it.

The gradients of the first step are asserted equal first, within the roundings of their sums; the times never.
"""

import numpy as np
import pytest

from ..examples.test_digits import load_example
from .conftest import compare
from .peers import here

SHAPES = [(64, 64, 64, 10), (256, 784, 256, 10)]  # batch, features, hidden, classes


def torch_step(classifier, x, labels):
    """The step in torch, from the same weights; and the parameters."""
    import torch

    parameters = [torch.nn.Parameter(torch.from_numpy(array.copy())) for array in classifier.parameters]
    averages = [torch.from_numpy(array.copy()) for array in classifier.parameters]
    optimizer = torch.optim.AdamW(parameters, lr=3e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-4, fused=True)
    images, classes = torch.from_numpy(x), torch.from_numpy(labels)

    def step():
        w1, b1, w2, b2 = parameters
        optimizer.zero_grad(set_to_none=False)
        h = torch.relu(torch.nn.functional.linear(images, w1, b1))
        torch.nn.functional.cross_entropy(torch.nn.functional.linear(h, w2, b2), classes).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        torch._foreach_lerp_(averages, [parameter.detach() for parameter in parameters], 0.01)

    return step, parameters


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_a_step(benchmark, request, shape):
    batch, features, hidden, classes = shape
    rng = np.random.default_rng(0)
    x, labels = rng.random((batch, features), np.float32), rng.integers(0, classes, batch)
    classifier = load_example().Classifier(features, hidden, classes, batch)
    steps = {"ours": lambda: classifier.step(x, labels)}
    if here("torch"):
        steps["torch"], parameters = torch_step(classifier, x, labels)
        steps["torch"]()
    steps["ours"]()
    if here("torch"):
        for theirs, ours in zip(parameters, classifier.parameters, strict=True):
            assert np.max(np.abs(theirs.detach().numpy() - ours)) <= 1e-2 * 3e-3  # a hundredth of a step
    compare(benchmark, request.config, f"training step {'x'.join(map(str, shape))}", steps)
