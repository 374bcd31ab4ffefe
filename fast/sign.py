"""Sign methods, fast: `trainspec.reference.sign` says what each formula is; the results are the same, bit for bit.

`out` takes the result, made as the result is; each array may be the very argument that it replaces, None stands for a fresh one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reference import sign as reference
from ._elementwise.kernel import elementwise

if TYPE_CHECKING:
    from ..reference.domains import Array, Decay, Rate, Weight
    from ._elementwise.kernel import Out

__all__ = ["lion", "sign_sgd", "signum"]


@elementwise(reference.sign_sgd)
def sign_sgd(theta: Array, grad: Array, *, lr: Rate, out: Out = None) -> Array:
    """signSGD: θ ← θ − η sign(g)."""


@elementwise(reference.signum)
def signum(theta: Array, grad: Array, mean: Array, *, lr: Rate, decay: Decay, out: Out = None) -> tuple[Array, Array]:
    """Signum: m ← β m + (1 − β) g, θ ← θ − η sign(m)."""


@elementwise(reference.lion)
def lion(
    theta: Array, grad: Array, mean: Array, *, lr: Rate, beta1: Decay, beta2: Decay, weight_decay: Weight = 0, out: Out = None
) -> tuple[Array, Array]:
    """Lion: c = β₁ m + (1 − β₁) g, θ ← θ − η (sign(c) + λ θ), m ← β₂ m + (1 − β₂) g."""
