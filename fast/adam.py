"""Adam and its family, fast: `trainspec.reference.adam` says what each formula is.

States are the same, bit for bit. Where both means are corrected, 1 − βᵗ divides no entry: each is multiplied by its reciprocal, which is
computed once. m̂ and v̂ are then at most 2 ulp from the reference's, a step 7 eps of its length (of NAdam's two parts
together), and an entry pays for no such division.

`out` takes the result, made as the result is; each array may be the very argument that it replaces, None stands for a fresh one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reference import adam as reference
from ._elementwise.kernel import elementwise

if TYPE_CHECKING:
    from ..reference.adam import AdamaxState, AdamState, AmsgradState, Moments, NadamState
    from ..reference.domains import Array, Decay, Eps, Rate, Weight
    from ._elementwise.kernel import Out

__all__ = ["adam", "adam_efficient", "adam_l2", "adam_uncorrected", "adamax", "adamw", "amsgrad", "nadam"]


@elementwise(reference.adam, reciprocals=True)
def adam(
    theta: Array, grad: Array, state: AdamState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0, out: Out = None
) -> tuple[Array, AdamState]:
    """Adam: θ ← θ − η m̂ / (√(v̂ + ε_root) + ε), both means corrected."""


@elementwise(reference.adam_uncorrected)
def adam_uncorrected(
    theta: Array, grad: Array, state: Moments, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0, out: Out = None
) -> tuple[Array, Moments]:
    """Adam without its corrections: θ ← θ − η m / (√(v + ε_root) + ε)."""


@elementwise(reference.adam_efficient)
def adam_efficient(
    theta: Array, grad: Array, state: AdamState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, out: Out = None
) -> tuple[Array, AdamState]:
    """Adam with both corrections in the learning rate: one division and one root an entry."""


@elementwise(reference.adamax)
def adamax(
    theta: Array, grad: Array, state: AdamaxState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, out: Out = None
) -> tuple[Array, AdamaxState]:
    """AdaMax: Adam with the largest gradient, older ones discounted, in the place of the root mean square."""


@elementwise(reference.adam_l2, reciprocals=True)
def adam_l2(
    theta: Array,
    grad: Array,
    state: AdamState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    weight_decay: Weight,
    eps_root: Eps = 0,
    out: Out = None,
) -> tuple[Array, AdamState]:
    """Adam of a loss with the penalty λ ‖θ‖²/2."""


@elementwise(reference.adamw, reciprocals=True)
def adamw(
    theta: Array,
    grad: Array,
    state: AdamState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    weight_decay: Weight,
    eps_root: Eps = 0,
    out: Out = None,
) -> tuple[Array, AdamState]:
    """AdamW: Adam with decoupled weight decay."""


@elementwise(reference.amsgrad, reciprocals=True)
def amsgrad(
    theta: Array, grad: Array, state: AmsgradState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0, out: Out = None
) -> tuple[Array, AmsgradState]:
    """AMSGrad: Adam that never forgets a large gradient."""


@elementwise(reference.nadam, reciprocals=True)
def nadam(
    theta: Array,
    grad: Array,
    state: NadamState,
    *,
    lr: Rate,
    beta1: Decay,
    beta1_next: Decay,
    beta2: Decay,
    eps: Eps,
    eps_root: Eps = 0,
    out: Out = None,
) -> tuple[Array, NadamState]:
    """NAdam: Adam with Nesterov's momentum."""
