"""Arrays as tensors of torch and back, and the registry of its functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...arithmetic.formats import NARROW
from . import FunctionRegistry

FUNCTIONS = FunctionRegistry("torch")


def tensor(value: Any, *, requires_grad: bool = False) -> Any:
    """Return an array as a new tensor."""
    array = np.asarray(value)
    if array.dtype.name in NARROW:
        return torch.tensor(array.astype(np.float32)).to(getattr(torch, array.dtype.name)).requires_grad_(requires_grad)
    return torch.tensor(array, requires_grad=requires_grad)


def as_array(value: Any) -> Any:
    """Return a tensor as a new array of the same format, on whatever device it is."""
    value, name = value.detach().cpu(), str(value.dtype).removeprefix("torch.")
    return value.float().numpy().astype(name) if name in NARROW else value.numpy().copy()
