"""Momentum, fast: `trainspec.reference.momentum` says what each step is and where it comes from; the results are the same, bit for bit.

`out=(theta, velocity)` takes the result; either array may be the very argument that it replaces, None stands for a fresh one.
If the result isn't finite, the ValueError comes when `out` holds it already, as with NumPy's `out=`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..reference import momentum as reference
from ._kernels import elementwise

if TYPE_CHECKING:
    from ..reference.domains import Array, Gradient, Momentum, Rate
    from ._kernels import Out

__all__ = ["heavy_ball", "heavy_ball_lr_outside", "nesterov", "nesterov_lr_outside", "nesterov_shifted"]


@elementwise(reference.heavy_ball)
def _heavy_ball(theta: Any, grad: Any, velocity: Any, lr: Any, momentum: Any) -> tuple[Any, Any]:
    velocity = momentum * velocity - lr * grad
    return theta + velocity, velocity


def heavy_ball(theta: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum, out: Out = None) -> tuple[Array, Array]:
    """Heavy ball: v ← μ v − η g, θ ← θ + v."""
    return _heavy_ball((theta, velocity), (grad,), (lr, momentum), out)


@elementwise(reference.heavy_ball_lr_outside)
def _heavy_ball_lr_outside(theta: Any, grad: Any, velocity: Any, lr: Any, momentum: Any) -> tuple[Any, Any]:
    velocity = momentum * velocity + grad
    return theta - lr * velocity, velocity


def heavy_ball_lr_outside(
    theta: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum, out: Out = None
) -> tuple[Array, Array]:
    """Heavy ball with the learning rate outside: v ← μ v + g, θ ← θ − η v."""
    return _heavy_ball_lr_outside((theta, velocity), (grad,), (lr, momentum), out)


@elementwise(reference.nesterov_shifted)
def _nesterov_shifted(shifted: Any, grad: Any, velocity: Any, lr: Any, momentum: Any) -> tuple[Any, Any]:
    previous, velocity = velocity, momentum * velocity - lr * grad
    return shifted + velocity + momentum * (velocity - previous), velocity


def nesterov_shifted(shifted: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum, out: Out = None) -> tuple[Array, Array]:
    """Nesterov's momentum in the look-ahead point x = θ + μ v: v' = μ v − η g, x ← x + v' + μ (v' − v)."""
    return _nesterov_shifted((shifted, velocity), (grad,), (lr, momentum), out)


@elementwise(reference.nesterov_lr_outside)
def _nesterov_lr_outside(shifted: Any, grad: Any, velocity: Any, lr: Any, momentum: Any) -> tuple[Any, Any]:
    velocity = momentum * velocity + grad
    return shifted - lr * (grad + momentum * velocity), velocity


def nesterov_lr_outside(
    shifted: Array, grad: Array, velocity: Array, *, lr: Rate, momentum: Momentum, out: Out = None
) -> tuple[Array, Array]:
    """Nesterov's momentum as libraries have it: v ← μ v + g, x ← x − η (g + μ v)."""
    return _nesterov_lr_outside((shifted, velocity), (grad,), (lr, momentum), out)


@elementwise(reference.nesterov)
def _look_ahead(theta: Any, velocity: Any, lr: Any, momentum: Any) -> tuple[Any]:
    return (theta + momentum * velocity,)  # lr is here to be refused before the gradient is asked


@elementwise(reference.nesterov)
def _nesterov(theta: Any, gradient: Any, velocity: Any, lr: Any, momentum: Any) -> tuple[Any, Any]:
    velocity = momentum * velocity - lr * gradient
    return theta + velocity, velocity


def nesterov(theta: Array, gradient: Gradient, velocity: Array, *, lr: Rate, momentum: Momentum, out: Out = None) -> tuple[Array, Array]:
    """Nesterov's momentum: v ← μ v − η ∇f(θ + μ v), θ ← θ + v."""
    if not callable(gradient):
        return reference.nesterov(theta, gradient, velocity, lr=lr, momentum=momentum)  # which refuses it
    (ahead,) = _look_ahead((theta,), (velocity,), (lr, momentum))
    return _nesterov((theta, velocity), (gradient(ahead),), (lr, momentum), out)
