"""Adafactor: second moments of a matrix from the means of its rows and columns alone, and steps as long as the parameters say.

A step is step(theta, grad, state, *, lr, …) → theta, state, of one matrix, or of one vector, whose second moment is kept whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import Array, ColumnSquares, Count, Eps, FromOne, Norm, Oblong, Positive, Rate, RowSquares, Squares


class FactoredState(NamedTuple):
    """Running means of the squares of each row and of each column of the gradient, and the steps taken (t); all start at 0."""

    rows: RowSquares
    columns: ColumnSquares
    t: Count

    @classmethod
    def initial(cls, theta: Oblong) -> FactoredState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta[:, 0]), zeros(theta[0]), 0)


@formula("optimizers.adafactor", initial=FactoredState.initial)
def adafactor(
    theta: Oblong,
    grad: Oblong,
    state: FactoredState,
    *,
    lr: Rate,
    decay_exponent: Positive,
    largest_rms: Positive,
    eps_grad: Eps,
    smallest_scale: Positive,
) -> tuple[Oblong, FactoredState]:
    """Adafactor of a matrix: the second moment of an entry is that of its row times that of its column, over the mean of all.

        t ← t + 1,   β = 1 − t^−κ,   S = G² + ε₁,   κ = decay_exponent, ε₁ = eps_grad
        r ← β r + (1 − β) mean of S over columns,   c ← β c + (1 − β) mean of S over rows
        Uᵢⱼ = Gᵢⱼ / √(rᵢ cⱼ / mean r),   U ← U / max(1, rms(U) / d),   d = largest_rms
        Θ ← Θ − η max(ε₂, rms(Θ)) U,   ε₂ = smallest_scale

    Units: lr is a pure number, eps_grad as grad², smallest_scale as theta.  Source: Shazeer & Stern 2018, Algorithm 4.
    """
    rows, columns, t = state
    t = t + 1
    decay = 1 - t ** (-decay_exponent)
    squares = grad**2 + eps_grad
    rows = decay * rows + (1 - decay) * np.mean(squares, axis=1)
    columns = decay * columns + (1 - decay) * np.mean(squares, axis=0)
    update = grad / np.sqrt(np.linalg.outer(rows, columns) / np.mean(rows))
    update = update / np.maximum(1, np.sqrt(np.mean(update**2)) / largest_rms)
    scale = np.maximum(smallest_scale, np.sqrt(np.mean(theta**2)))
    return theta - lr * scale * update, FactoredState(rows, columns, t)


class UnfactoredState(NamedTuple):
    """A running mean of the squared gradient (v), and the steps taken (t); both start at 0."""

    v: Squares
    t: Count

    @classmethod
    def initial(cls, theta: Array) -> UnfactoredState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), 0)


@formula("optimizers.adafactor.unfactored", initial=UnfactoredState.initial)
def adafactor_unfactored(
    theta: Array,
    grad: Array,
    state: UnfactoredState,
    *,
    lr: Rate,
    decay_exponent: Positive,
    largest_rms: Positive,
    eps_grad: Eps,
    smallest_scale: Positive,
) -> tuple[Array, UnfactoredState]:
    """Adafactor of a vector: its second moment is kept whole.

        t ← t + 1,   β = 1 − t^−κ,   v ← β v + (1 − β) (g² + ε₁)
        u = g / √v,   u ← u / max(1, rms(u) / d),   θ ← θ − η max(ε₂, rms(θ)) u

    Units: as adafactor.  Source: Shazeer & Stern 2018, Algorithm 5.
    """
    v, t = state
    t = t + 1
    decay = 1 - t ** (-decay_exponent)
    v = decay * v + (1 - decay) * (grad**2 + eps_grad)
    update = grad / np.sqrt(v)
    update = update / np.maximum(1, np.sqrt(np.mean(update**2)) / largest_rms)
    scale = np.maximum(smallest_scale, np.sqrt(np.mean(theta**2)))
    return theta - lr * scale * update, UnfactoredState(v, t)


@formula("schedule.adafactor")
def relative_step_size(update: FromOne, *, largest: Rate) -> Norm:
    """The rate of update t of Adafactor, relative to the size of the parameters: constant at first, then with the root of time.

        ηₜ = min(η, 1 / √t)

    Units: a pure number.  Source: Shazeer & Stern 2018, Algorithm 6, with η = 0.01.
    """
    return np.minimum(largest, 1 / np.sqrt(update))
