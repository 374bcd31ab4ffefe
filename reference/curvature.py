"""Curvature: what the second derivative says of a step, and the methods that use it.

The model of a cost J around a point is J + g·s + s·H s / 2, g its gradient, H its Hessian, s the step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import copy_of
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        AlongChange,
        AlongChanges,
        Array,
        Condition,
        Count,
        Damping,
        Hessian,
        HessianAlong,
        Inner,
        Layers,
        Norm,
        Outer,
        Point,
        PositiveHessian,
        Rate,
        Rows,
        Scalar,
    )


@formula("curvature.taylor_expansion")
def taylor_model(step: Point, value: float, grad: Point, hessian: Hessian) -> Scalar:
    """The cost after a step, to second order: exact if the cost is quadratic, else off by the third power of the step.

        J(θ + s) ≈ J + s·g + s·H s / 2

    Units: grad · step as value, step · hessian · step as value.  Source: UC 'Intuition'.
    """
    return value + step @ grad + step @ hessian @ step / 2


@formula("curvature.taylor_step")
def taylor_step(value: float, grad: Point, hessian: Hessian, *, lr: Rate) -> Scalar:
    """The cost after a step of gradient descent, to second order: the decrease by the gradient and the increase by the curvature.

        J(θ − ε g) ≈ J − ε g·g + ε² g·H g / 2

    Units: lr · grad · grad as value.  Source: UC 'Intuition', which prints no ε² (E02).
    """
    return value - lr * (grad @ grad) + lr**2 * (grad @ hessian @ grad) / 2


@formula("curvature.optimal_step")
def optimal_step(grad: Point, hessian: HessianAlong) -> Scalar:
    """The learning rate that lowers the model most, by (g·g)² / 2 g·H g; where the curvature is not positive there is none.

        ε* = g·g / g·H g

    Units: 1 / curvature.  Source: UC 'Intuition', which prints it for zero curvature too (E03).
    """
    return grad @ grad / (grad @ hessian @ grad)


@formula("curvature.break_even")
def break_even_step(grad: Point, hessian: HessianAlong) -> Scalar:
    """The learning rate above which the cost of the model rises: twice the optimal one.

        ε = 2 g·g / g·H g

    Units: 1 / curvature.  Source: UC 'Intuition', in words that speak of the gradient (E15).
    """
    return 2 * (grad @ grad) / (grad @ hessian @ grad)


@formula("curvature.toy_product")
def chain_output(x: Array, weights: Layers) -> Array:
    """A deep network of one linear unit a layer. After a step w − ε g it has a term for each set of layers that moved.

        ŷ = x w₁ w₂ … wₗ

    Units: as x · all weights.  Source: UC 'Higher Order Effects: Toy Model'.
    """
    return x * np.prod(weights)


@formula("curvature.toy_first_order")
def chain_gradient(x: float, weights: Layers, target: float) -> Layers:
    """The gradient of the squared error (ŷ − y)² of that network by its weights, none of them 0.

        gᵢ = 2 (ŷ − y) ŷ / wᵢ

    Units: error · output / weight.  Source: UC 'Higher Order Effects: Toy Model', where δ is not defined (E17).
    """
    output = x * np.prod(weights)
    return 2 * (output - target) * output / weights


@formula("optimizers.newton")
def newton(theta: Point, grad: Point, hessian: Hessian, *, damping: Damping = 0) -> Point:
    """Newton's step: to where the gradient of the model vanishes, be that minimum, maximum or saddle; damping shortens it.

        θ ← θ − (H + λ I)⁻¹ g,   by solving, not by inverting

    Units: damping as curvature.  Source: SKO 'Second-order methods', whose index is off by one (E63); Levenberg 1944 for λ.
    """
    return theta - np.linalg.solve(hessian + damping * np.eye(grad.shape[0], dtype=grad.dtype), grad)


@formula("optimizers.bfgs")
def bfgs(inverse: Hessian, step: Point, grad_change: AlongChange) -> Hessian:
    """BFGS: the inverse Hessian nearest to the one before that explains the last step; it stays positive definite as s·y > 0.

        H ← (I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ,   ρ = 1 / s·y

    Units: inverse as step / grad_change.  Source: Broyden, Fletcher, Goldfarb, Shanno 1970; Nocedal & Wright 2006, 6.17.
    """
    rho = 1 / (step @ grad_change)
    half = inverse - rho * np.linalg.outer(step, grad_change @ inverse)
    return half - rho * np.linalg.outer(half @ grad_change, step) + rho * np.linalg.outer(step, step)


@formula("optimizers.bfgs.direct")
def bfgs_direct(hessian: PositiveHessian, step: Point, grad_change: AlongChange) -> Hessian:
    """BFGS for the Hessian itself: its curvature along the step is taken out, and what was observed is put in.

        B ← B − B s sᵀ B / s·B s + y yᵀ / s·y

    Units: hessian as grad_change / step.  Source: Nocedal & Wright 2006, 6.19.
    """
    bent = hessian @ step
    return hessian - np.linalg.outer(bent, bent) / (step @ bent) + np.linalg.outer(grad_change, grad_change) / (step @ grad_change)


@formula("optimizers.lbfgs.scale")
def lbfgs_scale(step: Point, grad_change: AlongChange) -> Scalar:
    """The multiple of the identity that L-BFGS starts from: an inverse curvature along the last change of gradient.

        γ = s·y / y·y

    Units: step / grad_change.  Source: Liu & Nocedal 1989; Nocedal & Wright 2006, 7.20.
    """
    return step @ grad_change / (grad_change @ grad_change)


@formula("optimizers.lbfgs")
def lbfgs_direction(grad: Point, steps: Rows, grad_changes: AlongChanges, *, scale: Rate) -> Point:
    """L-BFGS, the two loops: the direction −H g of BFGS from γ I through the last m steps, oldest first, with no matrix.

        q ← −g;   newest to oldest: aᵢ = sᵢ·q / sᵢ·yᵢ,  q ← q − aᵢ yᵢ
        q ← γ q;  oldest to newest: q ← q + (aᵢ − yᵢ·q / sᵢ·yᵢ) sᵢ

    Units: scale as step / grad_change.  Source: Nocedal 1980; Liu & Nocedal 1989.
    """
    oldest_first, direction, shares = range(len(steps)), -grad, {}
    for i in reversed(oldest_first):
        shares[i] = steps[i] @ direction / (steps[i] @ grad_changes[i])
        direction = direction - shares[i] * grad_changes[i]
    direction = scale * direction
    for i in oldest_first:
        direction = direction + (shares[i] - grad_changes[i] @ direction / (steps[i] @ grad_changes[i])) * steps[i]
    return direction


class ConjugateState(NamedTuple):
    """The gradient at the point, and the direction of the step to come; it starts as minus the gradient."""

    grad: Point
    direction: Point

    @classmethod
    def initial(cls, grad: Point) -> ConjugateState:
        """Return the state at the first point, from its gradient: descent."""
        return cls(copy_of(grad), -grad)


@formula("optimizers.cg", initial=ConjugateState.initial)
def conjugate_gradient(theta: Point, state: ConjugateState, hessian: PositiveHessian) -> tuple[Point, ConjugateState]:
    """Conjugate gradients on a quadratic of Hessian A: exact steps along A-orthogonal directions, n at most, until the gradient is 0.

        α = g·g / d·A d,   θ ← θ + α d,   g' = g + α A d
        β = g'·g' / g·g,   d ← −g' + β d

    Units: direction as grad.  Source: Hestenes & Stiefel 1952; named by UC, and SKO 'Conjugate gradients'.
    """
    grad, direction = state
    bent = hessian @ direction
    lr = grad @ grad / (direction @ bent)
    after = grad + lr * bent
    beta = after @ after / (grad @ grad)
    return theta + lr * direction, ConjugateState(after, beta * direction - after)


@formula("optimizers.cg.fletcher_reeves")
def fletcher_reeves(grad: Point, previous: Point) -> Scalar:
    """The share of the last direction in the next one, d ← −g + β d, after Fletcher and Reeves.

        β = g·g / g₋·g₋

    Units: none.  Source: Fletcher & Reeves 1964.
    """
    return grad @ grad / (previous @ previous)


@formula("optimizers.cg.polak_ribiere")
def polak_ribiere(grad: Point, previous: Point) -> Scalar:
    """The share of the last direction in the next one after Polak and Ribière: near 0 where the gradient hardly changes.

        β = g·(g − g₋) / g₋·g₋

    Units: none.  Source: Polak & Ribière 1969.
    """
    return grad @ (grad - previous) / (previous @ previous)


@formula("optimizers.cg.polak_ribiere_plus")
def polak_ribiere_plus(grad: Point, previous: Point) -> Scalar:
    """The share of the last direction after Polak and Ribière, but 0 where it would be negative: a restart along the gradient.

        β = max(g·(g − g₋) / g₋·g₋, 0)

    Units: none.  Source: Gilbert & Nocedal 1992.
    """
    return np.maximum(grad @ (grad - previous) / (previous @ previous), 0)


@formula("optimizers.cg.hestenes_stiefel")
def hestenes_stiefel(grad: Point, previous: Point, direction: Point) -> Scalar:
    """The share of the last direction in the next one after Hestenes and Stiefel: conjugate to it for every step length.

        β = g·(g − g₋) / d·(g − g₋)

    Units: none.  Source: Hestenes & Stiefel 1952.
    """
    return grad @ (grad - previous) / (direction @ (grad - previous))


@formula("optimizers.cg.dai_yuan")
def dai_yuan(grad: Point, previous: Point, direction: Point) -> Scalar:
    """The share of the last direction in the next one after Dai and Yuan: a descent direction under the Wolfe conditions.

        β = g·g / d·(g − g₋)

    Units: none.  Source: Dai & Yuan 1999.
    """
    return grad @ grad / (direction @ (grad - previous))


@formula("optimizers.cg.bound")
def conjugate_gradient_bound(steps: Count, condition: Condition) -> Norm:
    """An upper bound of the error of conjugate gradients after k steps, relative to the first one, in the norm √(e·A e).

        2 ((√κ − 1) / (√κ + 1))ᵏ

    Units: none.  Source: Kaniel 1966; Nocedal & Wright 2006, 5.36.
    """
    return 2 * ((np.sqrt(condition) - 1) / (np.sqrt(condition) + 1)) ** steps


@formula("optimizers.path_sgd.norm")
def path_norm(inner: Inner, outer: Outer) -> Norm:
    """The sum over all paths through two layers of the squared product of their weights; rescaling hidden units leaves it.

        γ² = Σₖᵢⱼ (W²ₖᵢ W¹ᵢⱼ)²

    Units: (inner · outer)².  Source: Neyshabur, Salakhutdinov & Srebro 2015.
    """
    return np.sum(np.sum(outer**2, axis=0) * np.sum(inner**2, axis=1))


@formula("optimizers.path_sgd")
def path_sgd(inner: Inner, outer: Outer, inner_grad: Inner, outer_grad: Outer, *, lr: Rate) -> tuple[Inner, Outer]:
    """Path-SGD for two layers: each weight's rate is divided by its share of the path norm, so rescaled units stay equivalent.

        κ(W¹ᵢⱼ) = Σₖ (W²ₖᵢ)²,   κ(W²ₖᵢ) = Σⱼ (W¹ᵢⱼ)²
        W ← W − η ∂L/∂W / κ(W)

    Units: lr · gradient as weight · κ.  Source: Neyshabur, Salakhutdinov & Srebro 2015; named by SKO.
    """
    leaving, entering = np.sum(outer**2, axis=0), np.sum(inner**2, axis=1)
    return inner - lr * inner_grad / np.expand_dims(leaving, 1), outer - lr * outer_grad / entering
