"""Normalization: which arguments are refused, and that results keep their dtype."""

import numpy as np
import pytest
from trainspec.reference import normalization
from trainspec.reference.normalization import RunningStats

BATCH, UNIT, ZERO = np.array([[1.0, 2.0], [1.0, 4.0]]), np.ones(2), np.zeros(2)  # a column does not vary
IMAGES = np.arange(48.0).reshape(2, 6, 2, 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: normalization.batch_normalize(BATCH, eps=0),
        lambda: normalization.batch_norm(BATCH, UNIT, ZERO, eps=0),
        lambda: normalization.batch_norm_backward(BATCH, BATCH, UNIT, eps=0),
        lambda: normalization.layer_norm(BATCH[:, :1], UNIT[:1], ZERO[:1], eps=0),
        lambda: normalization.rms_norm(0 * BATCH, UNIT, eps=0),
        lambda: normalization.batch_norm_inference(BATCH, UNIT, ZERO, ZERO, ZERO, eps=0),
        lambda: normalization.running_stats(RunningStats(ZERO, UNIT), BATCH[:1], momentum=0.9, correction=1),
        lambda: normalization.mean_normalized_chain(np.array([1.0, -1.0]), 1.0, 1.0, 1.0, 1.0),
        lambda: normalization.mean_normalized_slope(np.array([1.0, 2.0]), 0.0, 1.0, 1.0),
        lambda: normalization.weight_norm(np.zeros((3, 2)), UNIT),
    ],
)
def test_a_division_by_zero_is_refused(call):
    with pytest.raises(ValueError, match=r"\(\): the result is not finite \(overflow or division by zero\)"):
        call()


def test_columns_that_do_not_vary_come_out_as_the_shift():
    np.testing.assert_array_equal(normalization.batch_norm(BATCH, UNIT, 3 * UNIT, eps=1e-5)[:, 0], [3.0, 3.0])


def test_a_batch_without_examples_is_refused():
    with pytest.raises(ValueError, match=r"batch_stats\(\): x must not be empty, got shape \(0, 2\)"):
        normalization.batch_stats(BATCH[:0])


@pytest.mark.parametrize("groups", [4, 5, 12])
def test_groups_divide_the_channels(groups):
    allowed = r"≥ 1 and a divisor of the length of axis 1 of x \(6\)"
    with pytest.raises(ValueError, match=rf"^group_norm\(\): groups must be {allowed}, got {groups}$"):
        normalization.group_norm(IMAGES, np.ones(6), np.zeros(6), groups=groups, eps=1e-5)


def test_unbiased_estimates_need_two_examples():
    with pytest.raises(ValueError, match=r"^population_stats\(\): size must be ≥ 2.*, got 1$"):
        normalization.population_stats(BATCH, BATCH, 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_formats_are_kept(dtype):
    x, scale = IMAGES.astype(dtype), np.ones(6, dtype=dtype)
    for got in (
        normalization.group_norm(x, scale, scale, groups=2, eps=1e-3),
        *normalization.group_norm_backward(x, x, scale, groups=2, eps=1e-3),
    ):
        assert got.dtype == dtype
