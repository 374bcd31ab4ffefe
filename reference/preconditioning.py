"""Preconditioners of rows and columns: the gradient of a matrix is multiplied, or turned, by what its products with itself say.

A step is step(theta, grad, state, *, lr, …) → theta, state, of one matrix of parameters. The signs of eigenvectors are free; no point that
an optimizer visits depends on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        ColumnBasis,
        ColumnProducts,
        Count,
        Decay,
        Eps,
        FromOne,
        Oblong,
        OblongSquares,
        Positive,
        Rate,
        RowBasis,
        RowDirections,
        RowProducts,
        Weight,
    )


@formula("matrix.root_solve")
def root_solve(matrix: RowProducts, right: Oblong, *, order: Positive, eps: Eps = 0) -> Oblong:
    """The solution of a system with the p-th root of a symmetric matrix, shifted; what rounding makes of eigenvalues 0 is not below 0.

        (A + ε)^(1/p) X = B:   A = V Λ Vᵀ,   X = V (max(Λ, 0) + ε)^(−1/p) Vᵀ B,   p = order

    Units: eps as matrix.  Source: Gupta, Koren & Singer 2018, section 2; by eigenvectors, common practice.
    """
    values, vectors = np.linalg.eigh(matrix)
    shares = np.expand_dims((np.maximum(values, 0) + eps) ** (-1 / order), 1)
    return vectors @ (shares * (np.transpose(vectors) @ right))


# --- Shampoo ---------------------------------------------------------------------------------------------------------------------------


class ShampooState(NamedTuple):
    """Sums of the products of rows (left) and of columns (right) of the gradients; both start at 0."""

    left: RowProducts
    right: ColumnProducts

    @classmethod
    def initial(cls, theta: Oblong) -> ShampooState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta @ np.transpose(theta)), zeros(np.transpose(theta) @ theta))


@formula("optimizers.shampoo", initial=ShampooState.initial)
def shampoo(
    theta: Oblong, grad: Oblong, state: ShampooState, *, lr: Rate, eps: Eps, weight_decay: Weight = 0
) -> tuple[Oblong, ShampooState]:
    """Shampoo: the gradient between the inverse fourth roots of the sums of its products with itself, of its rows and of its columns.

        L ← L + G Gᵀ,   R ← R + Gᵀ G
        Θ ← Θ − η ((L + ε)^(−1/4) G (R + ε)^(−1/4) + λ Θ)

    Units: lr as theta, eps as grad², weight_decay as 1 / theta.  Source: Gupta, Koren & Singer 2018, Algorithm 1.
    """
    left, right = state
    left = left + grad @ np.transpose(grad)
    right = right + np.transpose(grad) @ grad
    solved = root_solve(left, grad, order=4, eps=eps)
    direction = np.transpose(root_solve(right, np.transpose(solved), order=4, eps=eps))
    return theta - lr * (direction + weight_decay * theta), ShampooState(left, right)


class MeanShampooState(NamedTuple):
    """Running means of the gradient (m) and of its products of rows (left) and columns (right), and the steps taken (t); all start at 0."""

    m: Oblong
    left: RowProducts
    right: ColumnProducts
    t: Count

    @classmethod
    def initial(cls, theta: Oblong) -> MeanShampooState:
        """Return the state before the first step: zeros."""
        return cls(zeros(theta), zeros(theta @ np.transpose(theta)), zeros(np.transpose(theta) @ theta), 0)


@formula("optimizers.shampoo.mean", initial=MeanShampooState.initial)
def shampoo_mean(
    theta: Oblong,
    grad: Oblong,
    state: MeanShampooState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    eps: Eps,
    weight_decay: Weight = 0,
) -> tuple[Oblong, MeanShampooState]:
    """Shampoo with running means in the place of its sums, and of the gradient; all of them corrected as Adam's are.

        t ← t + 1,   M ← β₁ M + (1 − β₁) G
        L ← β₂ L + (1 − β₂) G Gᵀ,   R ← β₂ R + (1 − β₂) Gᵀ G
        L̂ = L / (1 − β₂ᵗ),   R̂ = R / (1 − β₂ᵗ),   M̂ = M / (1 − β₁ᵗ)
        Θ ← Θ − η ((L̂ + ε)^(−1/4) M̂ (R̂ + ε)^(−1/4) + λ Θ)

    Units: as shampoo.  Source: Shi et al. 2023, Algorithm 2, without its grafting.
    """
    m, left, right, t = state
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    left = beta2 * left + (1 - beta2) * (grad @ np.transpose(grad))
    right = beta2 * right + (1 - beta2) * (np.transpose(grad) @ grad)
    left_hat = left / (1 - beta2**t)
    right_hat = right / (1 - beta2**t)
    m_hat = m / (1 - beta1**t)
    solved = root_solve(left_hat, m_hat, order=4, eps=eps)
    direction = np.transpose(root_solve(right_hat, np.transpose(solved), order=4, eps=eps))
    return theta - lr * (direction + weight_decay * theta), MeanShampooState(m, left, right, t)


# --- SOAP ------------------------------------------------------------------------------------------------------------------------------


class SoapState(NamedTuple):
    """Running means of the gradient (m), of its turned square (v) and of its products, two bases, and the gradients seen (t); from 0."""

    m: Oblong
    v: OblongSquares
    left: RowProducts
    right: ColumnProducts
    row_basis: RowBasis
    column_basis: ColumnBasis
    t: Count

    @classmethod
    def initial(cls, theta: Oblong) -> SoapState:
        """Return the state before the first gradient: zeros."""
        left, right = zeros(theta @ np.transpose(theta)), zeros(np.transpose(theta) @ theta)
        return cls(zeros(theta), zeros(theta), left, right, zeros(left), zeros(right), 0)


@formula("matrix.turned_basis")
def turned_basis(matrix: RowProducts, basis: RowBasis, count: Count, *, period: FromOne) -> RowBasis:
    """A basis that follows the eigenvectors of a symmetric matrix: they themselves at first, later one step of orthogonal iteration.

        P ← the eigenvectors of A where k = 0,   the orthonormal factor of A P where the period divides k > 0,   else P

    Signs of columns are free.

    Units: none.  Source: Vyas et al. 2024, Algorithm 4; Golub & Van Loan 2013, section 8.2.4.
    """
    later = np.linalg.qr(matrix @ basis)[0] if count > 0 and period * (count // period) == count else basis
    return later if count > 0 else np.linalg.eigh(matrix)[1]


@formula("optimizers.soap", initial=SoapState.initial)
def soap(
    theta: Oblong,
    grad: Oblong,
    state: SoapState,
    *,
    lr: Rate,
    beta1: Decay,
    beta2: Decay,
    period: FromOne,
    eps: Eps,
    weight_decay: Weight = 0,
    eps_root: Eps = 0,
) -> tuple[Oblong, SoapState]:
    """SOAP: AdamW in the eigenvectors of Shampoo's products. The first gradient makes the bases alone; later ones turn them.

        M ← β₁ M + (1 − β₁) G,   V ← β₂ V + (1 − β₂) (Pᵀ G Q)²,   t the gradients before this one
        U = (Pᵀ M Q / (1 − β₁ᵗ)) / (√(V / (1 − β₂ᵗ) + ε_root) + ε),   Θ ← Θ − η (P U Qᵀ + λ Θ)
        L ← β₂ L + (1 − β₂) G Gᵀ,   R ← β₂ R + (1 − β₂) Gᵀ G
        P ← the eigenvectors of L at t = 0, later the orthonormal factor of L P where the period divides t;   Q alike, of R

    Units: as adamw.  Source: Vyas et al. 2024, Algorithms 3 and 4; the first gradient, its code.
    """
    m, v, left, right, row_basis, column_basis, t = state
    m = beta1 * m + (1 - beta1) * grad if t > 0 else m
    v = beta2 * v + (1 - beta2) * (np.transpose(row_basis) @ grad @ column_basis) ** 2 if t > 0 else v
    m_hat = np.transpose(row_basis) @ m @ column_basis / (1 - beta1**t) if t > 0 else 0 * grad
    step = row_basis @ (m_hat / (np.sqrt(v / (1 - beta2**t) + eps_root) + eps)) @ np.transpose(column_basis) if t > 0 else 0 * grad
    left = beta2 * left + (1 - beta2) * (grad @ np.transpose(grad))
    right = beta2 * right + (1 - beta2) * (np.transpose(grad) @ grad)
    row_basis = turned_basis(left, row_basis, t, period=period)
    column_basis = turned_basis(right, column_basis, t, period=period)
    theta = theta - lr * (step + weight_decay * theta) if t > 0 else theta
    return theta, SoapState(m, v, left, right, row_basis, column_basis, t + 1)


# --- GaLore ----------------------------------------------------------------------------------------------------------------------------


@formula("optimizers.galore.directions")
def strongest_directions(grad: Oblong, *, rank: FromOne) -> RowDirections:
    """GaLore's subspace: the r singular vectors of the gradient with the largest singular values, as columns; P Pᵀ G is nearest to G.

        G Gᵀ = V Λ Vᵀ,   P the last r columns of V, the largest first

    Units: none.  Source: Zhao et al. 2024, equation (11), for no more rows than columns.
    """
    return np.flip(np.linalg.eigh(grad @ np.transpose(grad))[1], axis=1)[:, :rank]
