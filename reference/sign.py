"""Sign methods: every coordinate moves by the learning rate, up or down, whatever the size of its gradient.

A step is step(theta, grad, mean, *, lr, …) → theta, mean.  The running mean of the gradients starts at 0; signSGD has none.
The sign of 0 is 0: such a coordinate does not move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._initial import zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, Decay, Positive, Rate, Weight


@formula("optimizers.sign_sgd")
def sign_sgd(theta: Array, grad: Array, *, lr: Rate) -> Array:
    """signSGD: descent along the signs of the gradient alone.

        θ ← θ − η sign(g)

    Units: lr as theta.  Source: Bernstein et al. 2018, Algorithm 1.
    """
    return theta - lr * np.sign(grad)


@formula("optimizers.signum", initial=zeros)
def signum(theta: Array, grad: Array, mean: Array, *, lr: Rate, decay: Decay) -> tuple[Array, Array]:
    """Signum: descent along the signs of the running mean of the gradients.

        m ← β m + (1 − β) g,   θ ← θ − η sign(m)

    Units: mean as grad, lr as theta.  Source: Bernstein et al. 2018, Algorithm 2.
    """
    mean = decay * mean + (1 - decay) * grad
    return theta - lr * np.sign(mean), mean


@formula("optimizers.lion", initial=zeros)
def lion(theta: Array, grad: Array, mean: Array, *, lr: Rate, beta1: Decay, beta2: Decay, weight_decay: Weight = 0) -> tuple[Array, Array]:
    """Lion: the sign of a blend of the newest gradient and the running mean; the mean itself forgets more slowly than the blend.

        c = β₁ m + (1 − β₁) g,   θ ← θ − η (sign(c) + λ θ),   m ← β₂ m + (1 − β₂) g

    Units: mean as grad, lr as theta, weight_decay as 1 / theta.  Source: Chen et al. 2023, Algorithm 2.
    """
    blend = beta1 * mean + (1 - beta1) * grad
    mean = beta2 * mean + (1 - beta2) * grad
    return theta - lr * (np.sign(blend) + weight_decay * theta), mean


@formula("optimizers.cautious.lion", initial=zeros)
def cautious_lion(
    theta: Array,
    grad: Array,
    mean: Array,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    smallest_share: Positive,
    weight_decay: Weight = 0,
) -> tuple[Array, Array]:
    """C-Lion: Lion that moves no coordinate against its gradient; the others move further. Its decay is not masked.

        u = sign(β₁ m + (1 − β₁) g),   φᵢ = 1 where uᵢ gᵢ > 0, else 0,   m ← β₂ m + (1 − β₂) g
        θ ← θ − η (u φ / max(mean φ, smallest_share) + λ θ)

    Units: as lion.  Source: Liang et al. 2024, section 3, with the lower limit of its code.
    """
    direction = np.sign(beta1 * mean + (1 - beta1) * grad)
    mean = beta2 * mean + (1 - beta2) * grad
    kept = np.where(direction * grad > 0, direction, 0)
    kept_share = np.mean(kept**2)
    return theta - lr * (kept / np.maximum(kept_share, smallest_share) + weight_decay * theta), mean
