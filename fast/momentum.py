"""Momentum, fast: `trainspec.reference.momentum` says what each step is; the results are the same, bit for bit.

`out=(theta, velocity)` takes the result; either array may be the very argument that it replaces, None stands for a fresh one.
If the result isn't finite, the ValueError comes when `out` holds it already, as with NumPy's `out=`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reference import momentum as reference
from ._elementwise.kernel import elementwise

if TYPE_CHECKING:
    from ..reference.domains import Array, Gradient, Momentum, Rate
    from ._elementwise.kernel import Out

__all__ = ["heavy_ball", "heavy_ball_lr_outside", "nesterov", "nesterov_lr_outside", "nesterov_shifted"]


@elementwise(reference.heavy_ball)
def heavy_ball(theta: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum, out: Out = None) -> tuple[Array, Array]:
    """Heavy ball: v ← μ v − η g, θ ← θ + v."""


@elementwise(reference.heavy_ball_lr_outside)
def heavy_ball_lr_outside(
    theta: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum, out: Out = None
) -> tuple[Array, Array]:
    """Heavy ball with the learning rate outside: v ← μ v + g, θ ← θ − η v."""


@elementwise(reference.nesterov_shifted)
def nesterov_shifted(shifted: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum, out: Out = None) -> tuple[Array, Array]:
    """Nesterov's momentum in the look-ahead point x = θ + μ v: v' = μ v − η g, x ← x + v' + μ (v' − v)."""


@elementwise(reference.nesterov_lr_outside)
def nesterov_lr_outside(
    shifted: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum, out: Out = None
) -> tuple[Array, Array]:
    """Nesterov's momentum as libraries have it: v ← μ v + g, x ← x − η (g + μ v)."""


@elementwise(reference.nesterov, asks="gradient")
def nesterov(theta: Array, gradient: Gradient, velocity: Array, *, lr: Rate, momentum: Momentum, out: Out = None) -> tuple[Array, Array]:
    """Nesterov's momentum: v ← μ v − η ∇f(θ + μ v), θ ← θ + v."""
