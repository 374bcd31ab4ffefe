"""Orthogonalization: all singular values of a matrix are brought near 1, its singular vectors stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Eps, NewtonSchulzCoefficients, Oblong


@formula("orthogonal.newton_schulz")
def newton_schulz(matrix: Oblong, coefficients: NewtonSchulzCoefficients, *, eps: Eps = 0) -> Oblong:
    """Newton–Schulz iterations from a matrix of norm 1, one for each row of coefficients: an odd polynomial acts on the singular values.

        X = M / (‖M‖ + eps),   X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X for each (a, b, c);   ‖M‖² = Σ Mᵢⱼ²

    A tall matrix may be transposed before and after, which makes X Xᵀ smaller and the result no other.
    Units: eps as matrix, the result is a pure number.  Source: Björck & Bowie 1971; Jordan et al. 2024, the quintic.
    """
    x = matrix / (np.sqrt(np.sum(matrix**2)) + eps)
    for a, b, c in coefficients:
        gram = x @ np.transpose(x)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x
