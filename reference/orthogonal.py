"""Orthogonalization: all singular values of a matrix are brought near 1, its singular vectors stay. Muon steps along the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._initial import zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Eps, FromOne, Momentum, NewtonSchulzCoefficients, Norm, Oblong, Positive, Rate, Weight


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


@formula("optimizers.muon", initial=zeros)
def muon(
    theta: Oblong,
    grad: Oblong,
    velocity: Oblong,
    *,
    coefficients: NewtonSchulzCoefficients,
    lr: Rate,
    momentum: Momentum,
    scale: Positive,
    eps: Eps = 0,
    weight_decay: Weight = 0,
) -> tuple[Oblong, Oblong]:
    """Muon: heavy ball whose step is the velocity, orthogonalized; its size depends on the shape alone.

        B ← μ B + G,   X = Newton–Schulz of B
        Θ ← Θ − η (s X + λ Θ),   s a scale for the shape, such as √max(1, rows / columns)

    Units: lr as theta, eps as grad, weight_decay as 1 / theta.  Source: Jordan et al. 2024; Liu et al. 2025, equation (3), the decay.
    """
    velocity = momentum * velocity + grad
    step = scale * newton_schulz(velocity, coefficients, eps=eps)
    return theta - lr * (step + weight_decay * theta), velocity


@formula("optimizers.muon.nesterov", initial=zeros)
def muon_nesterov(
    theta: Oblong,
    grad: Oblong,
    velocity: Oblong,
    *,
    coefficients: NewtonSchulzCoefficients,
    lr: Rate,
    momentum: Momentum,
    scale: Positive,
    eps: Eps = 0,
    weight_decay: Weight = 0,
) -> tuple[Oblong, Oblong]:
    """Muon with Nesterov's momentum: what is orthogonalized is the gradient and the new velocity together.

        B ← μ B + G,   X = Newton–Schulz of G + μ B
        Θ ← Θ − η (s X + λ Θ)

    Units: as muon.  Source: Jordan et al. 2024, the form of its code.
    """
    velocity = momentum * velocity + grad
    step = scale * newton_schulz(grad + momentum * velocity, coefficients, eps=eps)
    return theta - lr * (step + weight_decay * theta), velocity


@formula("optimizers.muon.mean", initial=zeros)
def muon_mean(
    theta: Oblong,
    grad: Oblong,
    mean: Oblong,
    *,
    coefficients: NewtonSchulzCoefficients,
    lr: Rate,
    momentum: Momentum,
    scale: Positive,
    eps: Eps = 0,
    weight_decay: Weight = 0,
) -> tuple[Oblong, Oblong]:
    """Muon with Nesterov's momentum, its buffer a mean where Muon's is a sum: the same while the momentum is constant.

        M ← μ M + (1 − μ) G,   X = Newton–Schulz of (1 − μ) G + μ M
        Θ ← Θ − η (s X + λ Θ)

    Units: as muon.  Source: common practice: the newer code of Jordan et al. 2024.
    """
    mean = momentum * mean + (1 - momentum) * grad
    step = scale * newton_schulz((1 - momentum) * grad + momentum * mean, coefficients, eps=eps)
    return theta - lr * (step + weight_decay * theta), mean


# --- scales for the shape --------------------------------------------------------------------------------------------------------------


@formula("muon.scale.aspect")
def aspect_scale(rows: FromOne, columns: FromOne) -> Norm:
    """The scale of Muon's step that makes it longer for tall matrices alone.

        s = √max(1, rows / columns),   rows the outputs of a layer, columns its inputs

    Units: a pure number.  Source: Jordan et al. 2024.
    """
    return np.sqrt(np.maximum(1, rows / columns))


@formula("muon.scale.spectral")
def spectral_scale(rows: FromOne, columns: FromOne) -> Norm:
    """The scale of Muon's step under which inputs of rms 1 change the outputs by lr, in rms, at the most.

        s = √(rows / columns),   rows the outputs of a layer, columns its inputs

    Units: a pure number.  Source: Bernstein & Newhouse 2024.
    """
    return np.sqrt(rows / columns)


@formula("muon.scale.rms")
def rms_scale(rows: FromOne, columns: FromOne, *, rms: Positive) -> Norm:
    """The scale of Muon's step that gives all of its entries together one root mean square, as Adam's have about 0.2.

        s = rms √max(rows, columns)

    Units: a pure number.  Source: Liu et al. 2025, section 2.2, with rms 0.2.
    """
    return rms * np.sqrt(np.maximum(rows, columns))


@formula("orthogonal.newton_schulz.gram")
def newton_schulz_gram(matrix: Oblong, coefficients: NewtonSchulzCoefficients, *, eps: Eps = 0) -> Oblong:
    """Newton–Schulz iterations of the Gram matrix and of the product of all polynomials: the oblong matrix is multiplied once, at the end.

        X = M / (‖M‖ + eps),   A = X Xᵀ,   Q = 1
        P = a + b A + c A²,   Q ← P Q,   A ← P A P   for each (a, b, c);   the result is Q X

    Units: as newton_schulz.  Source: common practice: the form of some libraries for long matrices.
    """
    x = matrix / (np.sqrt(np.sum(matrix**2)) + eps)
    identity = np.eye(matrix.shape[0], dtype=matrix.dtype)
    gram, product = x @ np.transpose(x), identity
    for a, b, c in coefficients:
        polynomial = a * identity + b * gram + c * (gram @ gram)
        product = polynomial @ product
        gram = polynomial @ gram @ polynomial
    return product @ x
