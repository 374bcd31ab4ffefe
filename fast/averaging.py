"""Averaging, fast: `trainspec.reference.averaging` says what each formula is; the results are the same, bit for bit.

`out` takes the result, made as the result is; each array may be the very argument that it replaces, None stands for a fresh one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reference import averaging as reference
from ._elementwise.kernel import elementwise

if TYPE_CHECKING:
    from ..reference.averaging import DebiasedState, PolyakState, SwaState, WarmedState
    from ..reference.domains import Array, Decay, Probability
    from ._elementwise.kernel import Out

__all__ = [
    "debiased_parameter_average",
    "parameter_average",
    "polyak_average",
    "stochastic_weight_average",
    "target_update",
    "warmed_parameter_average",
]


@elementwise(reference.polyak_average)
def polyak_average(theta: Array, state: PolyakState, *, out: Out = None) -> PolyakState:
    """Polyak's average: t ← t + 1, θ̄ ← θ̄ + (θ − θ̄) / t."""


@elementwise(reference.parameter_average, updates="mean")
def parameter_average(theta: Array, mean: Array, *, decay: Decay, out: Out = None) -> Array:
    """Exponential moving average: θ̄ ← α θ̄ + (1 − α) θ; `out` may be `mean`."""


@elementwise(reference.debiased_parameter_average)
def debiased_parameter_average(theta: Array, state: DebiasedState, *, decay: Decay, out: Out = None) -> tuple[Array, DebiasedState]:
    """Exponential moving average from zero, divided by the weight it has gathered."""


@elementwise(reference.warmed_parameter_average)
def warmed_parameter_average(theta: Array, state: WarmedState, *, decay: Decay, out: Out = None) -> WarmedState:
    """Exponential moving average whose decay grows: a = min(α, (1 + t)/(10 + t)), θ̄ ← a θ̄ + (1 − a) θ, t ← t + 1."""


@elementwise(reference.target_update, updates="mean")
def target_update(theta: Array, mean: Array, *, share: Probability, out: Out = None) -> Array:
    """The average of a target network: θ̄ ← θ̄ + τ (θ − θ̄); `out` may be `mean`."""


@elementwise(reference.stochastic_weight_average)
def stochastic_weight_average(theta: Array, state: SwaState, *, out: Out = None) -> SwaState:
    """Stochastic weight averaging: θ̄ ← (n θ̄ + θ) / (n + 1), n ← n + 1."""
