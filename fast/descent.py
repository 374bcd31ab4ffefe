"""Gradient descent and clipping, fast: `trainspec.reference.descent` says what each formula is; the results are the same, bit for bit.

`out` takes the result, made as the result is; each array may be the very argument that it replaces, None stands for a fresh one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reference import descent as reference
from ._elementwise.kernel import elementwise

if TYPE_CHECKING:
    from ..reference.domains import Array, Norm, Positive, Rate
    from ._elementwise.kernel import Out

__all__ = ["clip_by_norm", "clip_by_norm_with_eps", "clip_by_value", "gradient_descent"]


@elementwise(reference.gradient_descent)
def gradient_descent(theta: Array, grad: Array, *, lr: Rate, out: Out = None) -> Array:
    """Gradient descent: θ ← θ − η g."""


@elementwise(reference.clip_by_value)
def clip_by_value(grad: Array, *, largest: Positive, out: Out = None) -> Array:
    """Clipping by value: g ← min(max(g, −c), c)."""


@elementwise(reference.clip_by_norm)
def clip_by_norm(grad: Array, norm: Norm, *, largest: Positive, out: Out = None) -> Array:
    """Clipping by norm: g ← g c / max(‖g‖, c), the norm given."""


@elementwise(reference.clip_by_norm_with_eps)
def clip_by_norm_with_eps(grad: Array, norm: Norm, *, largest: Positive, eps: Positive, out: Out = None) -> Array:
    """Clipping by norm: g ← g min(1, c / (‖g‖ + ε)), the norm given."""
