"""Relatives of Adam, fast: `trainspec.reference.adam_relatives` says what each formula is; the results are the same, bit for bit.

`out` takes the result, made as the result is; each array may be the very argument that it replaces, None stands for a fresh one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reference import adam_relatives as reference
from ._elementwise.kernel import elementwise

if TYPE_CHECKING:
    from ..reference.adam import AdamState
    from ..reference.adam_relatives import AdanState, AdemamixState, AdoptState, BeliefState, YogiState
    from ..reference.domains import Array, CutExponent, Decay, Eps, Positive, Rate, Squares, Weight
    from ._elementwise.kernel import Out

__all__ = ["adabelief", "adabound", "adan", "ademamix", "adopt", "sophia", "yogi"]


@elementwise(reference.adabelief)
def adabelief(
    theta: Array, grad: Array, state: BeliefState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0, out: Out = None
) -> tuple[Array, BeliefState]:
    """AdaBelief: s ← β₂ s + (1 − β₂) (g − m)² + ε_root, θ ← θ − η m̂ / (√ŝ + ε)."""


@elementwise(reference.yogi)
def yogi(
    theta: Array, grad: Array, state: YogiState, *, lr: Rate, beta1: Decay, beta2: Decay, eps: Eps, eps_root: Eps = 0, out: Out = None
) -> tuple[Array, YogiState]:
    """Yogi: v ← v − (1 − β₂) sign(v − g²) g², θ ← θ − η m / (√(v + ε_root) + ε)."""


@elementwise(reference.adan)
def adan(
    theta: Array,
    grad: Array,
    state: AdanState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    beta3: Decay,
    eps: Eps,
    weight_decay: Weight,
    eps_root: Eps = 0,
    out: Out = None,
) -> tuple[Array, AdanState]:
    """Adan: θ ← (θ − η (m̂ + β₂ v̂) / (√(n̂ + ε_root) + ε)) / (1 + η λ)."""


@elementwise(reference.ademamix)
def ademamix(
    theta: Array,
    grad: Array,
    state: AdemamixState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    beta3: Decay,
    slow_weight: Weight,
    eps: Eps,
    weight_decay: Weight = 0,
    eps_root: Eps = 0,
    out: Out = None,
) -> tuple[Array, AdemamixState]:
    """AdEMAMix: θ ← θ − η ((m̂ + α m') / (√(v̂ + ε_root) + ε) + λ θ)."""


@elementwise(reference.adabound)
def adabound(
    theta: Array,
    grad: Array,
    state: AdamState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    final_lr: Rate,
    convergence: Positive,
    eps_root: Eps = 0,
    out: Out = None,
) -> tuple[Array, AdamState]:
    """AdaBound: θ ← θ − min(max(η / (1 − β₁ᵗ) / (√(v̂ + ε_root) + ε), low), high) m."""


@elementwise(reference.adopt)
def adopt(
    theta: Array,
    grad: Array,
    state: AdoptState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Positive,
    clip_exponent: CutExponent,
    out: Out = None,
) -> tuple[Array, AdoptState]:
    """ADOPT: u = g / max(√v, ε), cut at ± (t − 1)^κ, m ← β₁ m + (1 − β₁) u, θ ← θ − η m."""


@elementwise(reference.sophia)
def sophia(
    theta: Array,
    grad: Array,
    curvature: Squares,
    mean: Array,
    *,
    lr: Rate,
    beta1: Decay,
    eps: Positive,
    curvature_scale: Positive,
    weight_decay: Weight = 0,
    out: Out = None,
) -> tuple[Array, Array]:
    """Sophia's step: θ ← θ − η (min(max(m / max(γ h, ε), −1), 1) + λ θ)."""
