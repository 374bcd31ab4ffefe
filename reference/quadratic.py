"""Momentum on quadratics: along an eigenvector of curvature λ a step is a 2 × 2 matrix, and its eigenvalues tell everything.

The convention is heavy_ball_lr_outside: z ← β z + λ x, x ← x − α z.  A rate is the factor by which the error shrinks a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Condition, Count, Curvature, Curvatures, ExtendedCondition, Hessian, Largest, Momentum, Norm, Rate, TwoByTwo


@formula("quadratic.condition_number")
def condition_number(hessian: Hessian) -> ExtendedCondition:
    """Condition number of a symmetric matrix: its largest singular value over its smallest; infinite if it is singular.

        κ = max |λᵢ| / min |λᵢ|

    Units: none.  Source: STU 'Problems with SGD'.
    """
    stretch = np.abs(np.linalg.eigvalsh(hessian))
    return np.max(stretch) / np.min(stretch)


@formula("quadratic.gd.rate")
def gd_rate(curvatures: Curvatures, *, lr: Rate) -> Norm:
    """Rate of gradient descent: the slowest eigenvector decides. It is least, (κ − 1)/(κ + 1), at α = 2/(λ₁ + λₙ).

        maxᵢ |1 − α λᵢ|

    Units: lr · curvature has none.  Source: SKO 'Momentum: multiple eigenvalues', which does not print α.
    """
    return np.max(np.abs(1 - lr * curvatures))


@formula("quadratic.momentum.transition")
def transition(curvature: Curvature, *, lr: Rate, momentum: Momentum) -> TwoByTwo:
    """One heavy-ball step along an eigenvector, as a matrix on (velocity, error).

        R = [[β, λ], [−α β, 1 − α λ]],   det R = β,   tr R = 1 + β − α λ

    Units: lr · curvature has none.  Source: Goh 2017; SKO 'Phase space along a single eigenvector', which does not print R.
    """
    return np.stack([np.stack([momentum, curvature]), np.stack([-lr * momentum, 1 - lr * curvature])])


@formula("quadratic.momentum.complex_rate")
def heavy_ball_rate(curvature: Curvature, *, lr: Rate, momentum: Momentum) -> Norm:
    """Rate of heavy ball, the spectral radius of its transition: √β wherever the eigenvalues are complex, whatever α and λ.

        τ = 1 + β − α λ,   √β if τ² < 4 β, else (|τ| + √(τ² − 4 β)) / 2

    Units: lr · curvature has none.  Source: Goh 2017 and SKO 'Phase space along a single eigenvector', which print 2√β (E60).
    """
    trace = 1 + momentum - lr * curvature
    discriminant = trace**2 - 4 * momentum
    real = (np.abs(trace) + np.sqrt(np.maximum(discriminant, 0))) / 2
    return np.where(discriminant < 0, np.sqrt(momentum), real)


@formula("quadratic.momentum.monotone")
def monotone_limit(*, momentum: Momentum) -> Norm:
    """The largest α λ at which heavy ball approaches the minimum without overshooting: both eigenvalues are real and positive.

        α λ ≤ (1 − √β)²

    Units: lr · curvature has none.  Source: SKO 'Phase space along a single eigenvector', which names no region.
    """
    return (1 - np.sqrt(momentum)) ** 2


@formula("quadratic.momentum.oscillation")
def oscillation_limit(*, momentum: Momentum) -> Norm:
    """The α λ above which every step flips the sign of the error: both eigenvalues real and negative.

        α λ ≥ (1 + √β)²

    Units: lr · curvature has none.  Source: SKO 'Phase space along a single eigenvector', which prints α λ > 1 (E61).
    """
    return (1 + np.sqrt(momentum)) ** 2


@formula("quadratic.momentum.divergence")
def heavy_ball_stability_limit(*, momentum: Momentum) -> Norm:
    """Heavy ball converges on a quadratic exactly while α λ is below this.

        0 < α λ < 2 + 2 β

    Units: lr · curvature has none.  Source: SKO 'Phase space along a single eigenvector'; Goh 2017.
    """
    return 2 + 2 * momentum


@formula("quadratic.momentum.critical_damping")
def critical_momentum(curvature: Curvature, *, lr: Rate) -> Norm:
    """The momentum at which the two eigenvalues meet: the fastest along this eigenvector, at rate √β = |1 − √(α λ)|.

        β = (1 − √(α λ))²

    Units: lr · curvature has none.  Source: Goh 2017.
    """
    return (1 - np.sqrt(lr * curvature)) ** 2


@formula("quadratic.momentum.optimal")
def heavy_ball_optimum(smallest: Curvature, largest: Largest) -> tuple[Rate, Momentum]:
    """The learning rate and momentum that no others beat over all curvatures from smallest to largest.

        α = (2 / (√λ₁ + √λₙ))²,   β = ((√λₙ − √λ₁) / (√λₙ + √λ₁))²

    Units: lr as 1 / curvature.  Source: Polyak 1964; SKO 'Momentum: multiple eigenvalues'.
    """
    low, high = np.sqrt(smallest), np.sqrt(largest)
    return (2 / (low + high)) ** 2, ((high - low) / (high + low)) ** 2


@formula("quadratic.momentum.optimal_rate")
def heavy_ball_optimal_rate(condition: Condition) -> Norm:
    """The rate at that optimum, against (κ − 1)/(κ + 1) of gradient descent.

        (√κ − 1) / (√κ + 1)

    Units: none.  Source: Polyak 1964; SKO 'Momentum: multiple eigenvalues'.
    """
    return (np.sqrt(condition) - 1) / (np.sqrt(condition) + 1)


@formula("quadratic.momentum.heuristic")
def lr_plateau(smallest: Curvature, largest: Largest, *, momentum: Momentum) -> tuple[Rate, Rate]:
    """The learning rates at which every curvature is in ripples and the rate is √β; none if the first exceeds the second.

        (1 − √β)² / λ₁ ≤ α ≤ (1 + √β)² / λₙ

    Units: as 1 / curvature.  Source: completes SKO 'Momentum: multiple eigenvalues', which says: momentum high, then tune.
    """
    root = np.sqrt(momentum)
    return (1 - root) ** 2 / smallest, (1 + root) ** 2 / largest


@formula("quadratic.momentum.matrix_power")
def spectral_power(matrix: TwoByTwo, first: float, second: float, steps: Count) -> TwoByTwo:
    """The k-th power of a 2 × 2 matrix from its two distinct eigenvalues.

        Rᵏ = σ₁ᵏ (R − σ₂ I)/(σ₁ − σ₂) − σ₂ᵏ (R − σ₁ I)/(σ₁ − σ₂)

    Units: as matrixᵏ.  Source: Williams 1992, in Goh 2017.
    """
    identity = np.eye(2)
    return (first**steps * (matrix - second * identity) - second**steps * (matrix - first * identity)) / (first - second)


@formula("nesterov.faster_than_momentum")
def nesterov_rate(curvature: Curvature, *, lr: Rate, momentum: Momentum) -> Norm:
    """Rate of Nesterov's momentum: √(β (1 − α λ)) wherever the eigenvalues are complex, less than heavy ball's √β.

        δ = β (1 − α λ),   τ = (1 + β)(1 − α λ),   √δ if τ² < 4 δ, else (|τ| + √(τ² − 4 δ)) / 2

    Units: lr · curvature has none.  Source: quantifies CMU 'Nestorov's Accelerated Gradient'.
    """
    determinant = momentum * (1 - lr * curvature)
    trace = (1 + momentum) * (1 - lr * curvature)
    discriminant = trace**2 - 4 * determinant
    real = (np.abs(trace) + np.sqrt(np.maximum(discriminant, 0))) / 2
    return np.where(discriminant < 0, np.sqrt(np.maximum(determinant, 0)), real)


@formula("nesterov.stability")
def nesterov_stability_limit(*, momentum: Momentum) -> Norm:
    """Nesterov's momentum converges on a quadratic exactly while α λ is below this: earlier than heavy ball's 2 + 2 β.

        0 < α λ < (2 + 2 β) / (1 + 2 β)

    Units: lr · curvature has none.  Source: completes STU 'Nesterov Momentum'.
    """
    return (2 + 2 * momentum) / (1 + 2 * momentum)


@formula("nesterov.strongly_convex_rate")
def nesterov_strongly_convex(smallest: Curvature, largest: Largest) -> tuple[Rate, Momentum]:
    """Nesterov's constant momentum for curvatures from smallest to largest: rate 1 − 1/√κ on quadratics.

        α = 1/λₙ,   β = (√κ − 1)/(√κ + 1)

    Units: lr as 1 / curvature.  Source: Nesterov 2004, scheme 2.2.11 with constant steps.
    """
    low, high = np.sqrt(smallest), np.sqrt(largest)
    return 1 / largest, (high - low) / (high + low)
