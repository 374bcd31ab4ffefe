"""Gradient descent, fast: `trainspec.reference.descent` says what each formula is; the results are the same, bit for bit.

`out` takes the result, made as the result is; each array may be the very argument that it replaces, None stands for a fresh one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reference import descent as reference
from ._kernels import elementwise

if TYPE_CHECKING:
    from ..reference.domains import Array, Rate
    from ._kernels import Out

__all__ = ["gradient_descent"]


@elementwise(reference.gradient_descent)
def gradient_descent(theta: Array, grad: Array, *, lr: Rate, out: Out = None) -> Array:
    """Gradient descent: θ ← θ − η g."""
