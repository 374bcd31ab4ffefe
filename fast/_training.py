"""The whole update of a training loop in one pass: formulas of the reference, one after the other, read as one kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..reference import adam, averaging, descent
from ..reference.adam import AdamState
from ._kernels import composed

if TYPE_CHECKING:
    from ..reference.domains import Array, Decay, Eps, Positive, Rate, Weight

__all__ = ["training_step"]


@composed(reciprocals=True)
def training_step(
    theta: Array,
    grad: Array,
    state: AdamState,
    mean: Array,
    *,
    largest: Positive,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    weight_decay: Weight,
    decay: Decay,
) -> tuple[Array, Array, AdamState, Array]:
    """AdamW with a clipped gradient, a moving average of its points, and a gradient of zeros to add the next ones to.

    As it stands it is the reference, for one array. `many` reads all arrays once for the norm, and once for the rest.
    """
    norm = descent.global_norm(grad)
    grad = descent.clip_by_norm(grad, norm, largest=largest)
    theta, state = adam.adamw(theta, grad, state, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    mean = averaging.parameter_average(theta, mean, decay=decay)
    grad = np.zeros_like(grad)
    return theta, grad, state, mean
