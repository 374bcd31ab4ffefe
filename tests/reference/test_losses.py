"""Losses, validated: labels and reductions that are refused, and dtypes that are kept."""

import numpy as np
import pytest
from trainspec.reference import losses

INPUTS = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 1.0]])
WEIGHTS, CLASS_WEIGHTS = np.array([1.0, -1.0]), np.array([[1.0, 0.0], [0.0, 1.0]])
SIGNS, LABELS = np.array([1.0, -1.0, 1.0]), np.array([0, 1, 1])
CALLS = {
    "logistic_loss": (WEIGHTS, INPUTS, SIGNS),
    "logistic_grad": (WEIGHTS, INPUTS, SIGNS),
    "logistic_hessian": (WEIGHTS, INPUTS),
    "binary_cross_entropy": (WEIGHTS, np.array([0.0, 0.5])),
    "binary_cross_entropy_grad": (WEIGHTS, np.array([0.0, 0.5])),
    "cross_entropy": (INPUTS, LABELS),
    "cross_entropy_grad": (INPUTS, LABELS),
    "softmax_loss": (CLASS_WEIGHTS, INPUTS, LABELS),
    "softmax_loss_grad": (CLASS_WEIGHTS, INPUTS, LABELS),
    "softmax_loss_hessian": (CLASS_WEIGHTS, INPUTS),
}
REGRESSION = {"squared_error": {"half": True}, "squared_error_grad": {"half": False}}
REGRESSION |= {name: {"threshold": 0.5} for name in ("huber_loss", "huber_grad")}


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept_and_labels_may_be_any_integers(dtype, reduction):
    for name, args in CALLS.items():
        for integer in (np.uint8, np.int64):
            arrays = [array.astype(integer if array is LABELS else dtype) for array in args]
            assert getattr(losses, name)(*arrays, reduction=reduction).dtype == dtype, name
    x = INPUTS.astype(dtype)
    for name, more in REGRESSION.items():
        assert getattr(losses, name)(x, 2 * x, reduction=reduction, **more).dtype == dtype, name
    assert losses.cross_entropy_grad(x, LABELS, reduction=reduction, smoothing=0.1).dtype == dtype
    assert {losses.sigmoid(x).dtype, losses.softmax(x).dtype, losses.softmax_jacobian(x).dtype} == {np.dtype(dtype)}


def test_labels_outside_their_range_are_refused():
    with pytest.raises(ValueError, match=r"signs must be -1 or 1, got 0\.0 at index \(0,\)$"):
        losses.logistic_loss(WEIGHTS, INPUTS, (SIGNS + 1) / 2 * 0, reduction="sum")
    for wrong in (-1, 2):
        with pytest.raises(IndexError, match=r"labels must be ≥ 0 and < the length of axis \d of \w+ \(\d\), got -?\d at index \(2,\)$"):
            losses.softmax_loss(CLASS_WEIGHTS, INPUTS, np.array([0, 1, wrong]), reduction="sum")
    with pytest.raises(TypeError, match=r"labels must be an integer array, got a float64 array$"):
        losses.cross_entropy(INPUTS, SIGNS, reduction="sum")


def test_reductions_are_three_words():
    with pytest.raises(ValueError, match=r"reduction must be 'none', 'mean' or 'sum', got 'average'$"):
        losses.logistic_loss(WEIGHTS, INPUTS, SIGNS, reduction="average")
    with pytest.raises(TypeError, match=r"half must be True or False, got 1 \(int\)$"):
        losses.squared_error(INPUTS, INPUTS, half=1, reduction="sum")
