"""Evidence for reference/preconditioning.py: roots of symmetric matrices, Shampoo, SOAP, GaLore's subspace.

Exact matrices have singular vectors that are fractions, and eigenvalues that are fourth powers once they are shifted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from ...reference.adam import AdamState
from ...reference.preconditioning import MeanShampooState, ShampooState, SoapState
from ..arithmetic import Ball, Rational, tensor
from . import Claims, Step, certified_value, enumeration, proof
from .orthogonal import rotation

ROWS, COLUMNS = (sp.Symbol(name, integer=True, positive=True) for name in "mn")
HALVES = (Fraction(1, 2), Fraction(-1, 3))
SOME = np.array([[2, -1, 3], [1, 3, -2], [-2, 1, 1]], dtype=object)
REFLECTION = Rational([[7, -24], [-24, -7]]) / 25  # orthogonal and symmetric; its own eigenvectors are others


class Oblongs(NamedTuple):
    """Bases of rows and columns, of fractions, and singular values for them."""

    left: Any
    right: Any
    values: tuple[int, ...]

    def matrix(self, values: Sequence[Any]) -> Any:
        """Return the matrix with these singular values."""
        size = len(values)
        return self.left[:, :size] @ np.diag(np.array(values, dtype=object)) @ self.right[:, :size].T


def oblongs() -> Iterator[Oblongs]:
    """Yield square, wide and tall matrices with singular vectors that are no axes: more mutants are defined for square ones."""
    for rows, columns, values in ((3, 3, (1, 9, 4)), (2, 3, (4, 9)), (3, 2, (4, 1))):
        for half, other in itertools.product(HALVES, repeat=2):
            yield Oblongs(basis(rows, half, other), basis(columns, other, half), values)


def basis(size: int, half: Fraction, other: Fraction) -> Any:
    """Return an orthonormal basis of fractions."""
    first = rotation(half, size, (0, 1))
    return first @ rotation(other, size, (1, 2)) if size > 2 else first


def symmetric(vectors: Any, values: Sequence[Any]) -> Any:
    """Return the symmetric matrix with these eigenvectors and eigenvalues."""
    return vectors * np.array(values, dtype=object) @ np.transpose(vectors)


@enumeration("matrix.root_solve", scope="exact: 3 × 3, four rotations, orders 1, 2 and 4, negative and equal eigenvalues, two shifts")
def roots_of_shifted_matrices(root_solve: Step) -> Claims:
    """In the eigenvectors each entry of B is divided by the root of λ + ε; an eigenvalue below 0 counts as 0."""
    for half, other, order, shift in itertools.product(HALVES, HALVES, (1, 2, 4), (Fraction(0), Fraction(1, 16))):
        vectors = basis(3, half, other)
        for roots in ((1, 2, 3), (2, 1, 2), (Fraction(1, 2), Fraction(3, 2), 1)):
            values = [root**order - shift for root in roots]
            matrix, right = Rational(symmetric(vectors, values)), Rational(SOME)
            expected = Rational(symmetric(vectors, [1 / Fraction(root) for root in roots]) @ SOME)
            yield root_solve(matrix, right, order=Rational(order), eps=Rational(shift)), expected
            yield root_solve(matrix, right[:, :2], order=Rational(order), eps=Rational(shift)), expected[:, :2]
        negative = Rational(symmetric(vectors, [-3, 0, 3**order - 2**order]))
        expected = Rational(symmetric(vectors, [Fraction(1, 2), Fraction(1, 2), Fraction(1, 3)]) @ SOME)
        yield root_solve(negative, Rational(SOME), order=Rational(order), eps=Rational(2**order)), expected


def draw_normal(*shapes: tuple[int, int], seed: int = 0) -> Iterator[Any]:
    """Yield normal matrices as balls."""
    source = np.random.default_rng(seed)
    yield from (Ball(source.standard_normal(shape)) for shape in shapes)


def product_of(matrix: Any) -> Any:
    """Return the product of a matrix with its transpose."""
    return matrix @ np.transpose(matrix)


@certified_value("matrix.root_solve", scope="normal matrices of 1 to 9 rows, roots of order 1, 2, 3 and 4, eps 1/1000")
def as_many_roots_make_the_inverse(root_solve: Step) -> Claims:
    """The p-th root, solved with p times, solves the system of the shifted matrix itself."""
    shift = Ball(Fraction(1, 1000))
    for order, size in itertools.product((1, 2, 3, 4), (1, 2, 5, 9)):
        matrix, right = draw_normal((size, size), (size, size if order < 3 else 3), seed=size)
        solution = right
        for _ in range(order):
            solution = root_solve(product_of(matrix), solution, order=Ball(order), eps=shift)
        yield product_of(matrix) @ solution + shift * solution, right


# --- Shampoo ---------------------------------------------------------------------------------------------------------------------------


@enumeration("optimizers.shampoo", "shampoo.polar", scope="exact: square, wide and tall matrices, four rotations, from rest, eps 0")
def first_step_is_the_polar_factor(shampoo: Step) -> Claims:
    """From rest G = U Σ Vᵀ moves the point by lr U Vᵀ, where the sums have full rank: there is no square of a singular value left."""
    for case in oblongs():
        if len(case.left) == len(case.right):
            theta, grad = Rational(SOME), Rational(case.matrix(case.values))
            moved, state = shampoo(theta, grad, ShampooState.initial(theta), lr=Rational(3), eps=Rational(0))
            yield moved, theta - 3 * Rational(case.matrix([1] * 3))
            yield state, ShampooState(product_of(grad), product_of(np.transpose(grad)))


def padded(values: Sequence[Any], size: int) -> list[Any]:
    """Return squares of singular values, and zeros, as many as there are rows or columns."""
    return [*(value**2 for value in values), *[0] * (size - len(values))]


@enumeration("optimizers.shampoo", scope="exact: square, wide and tall matrices, four rotations, two steps' sums, eps 1/16, decay")
def roots_of_both_sums(shampoo: Step) -> Claims:
    """A singular value s of the gradient becomes s / (a b), where a⁴ and b⁴ are the shifted sums of its rows and of its columns."""
    shift, decay = Fraction(1, 16), Fraction(1, 5)
    for case in oblongs():
        roots: list[list[Any]] = [[4 + k for k in range(len(case.left))], [4 - Fraction(k, 4) for k in range(len(case.right))]]
        squares = [padded(case.values, len(some)) for some in roots]
        left, right = (
            [root**4 - shift - square for root, square in zip(some, values, strict=True)]
            for some, values in zip(roots, squares, strict=True)
        )
        theta = Rational(SOME[: len(case.left), : len(case.right)])
        state = ShampooState(Rational(symmetric(case.left, left)), Rational(symmetric(case.right, right)))
        grad = case.matrix(case.values)
        shares = [value / (a * b) for value, a, b in zip(case.values, *roots, strict=False)]
        moved, after = shampoo(theta, Rational(grad), state, lr=Rational(2), eps=Rational(shift), weight_decay=Rational(decay))
        yield moved, theta - 2 * (Rational(case.matrix(shares)) + Rational(decay) * theta)
        yield after, ShampooState(state.left + Rational(grad @ grad.T), state.right + Rational(grad.T @ grad))


@certified_value("optimizers.shampoo", "shampoo.polar", scope="normal matrices of 4 × 4, 2 × 3 and 5 × 4, three steps, eps 1/100")
def roots_that_are_left_complete_the_inverses(shampoo: Step, root_solve: Step) -> Claims:
    """The direction, solved with the roots of order 4/3 on both sides too, is (L + ε)⁻¹ G (R + ε)⁻¹; without ε the first is orthogonal."""
    shift, rate, rest = Ball(Fraction(1, 100)), Ball(Fraction(1, 8)), Ball(Fraction(4, 3))
    for rows, columns in ((4, 4), (2, 3), (5, 4)):
        theta, *grads = draw_normal(*[(rows, columns)] * 4, seed=rows)
        first, second = (product_of(start) for start in draw_normal((rows, rows), (columns, columns), seed=columns))
        state = ShampooState(first, second)
        for grad in grads:
            left, right = state.left + product_of(grad), state.right + product_of(np.transpose(grad))
            moved, state = shampoo(theta, grad, state, lr=rate, eps=shift)
            half = root_solve(left, (theta - moved) / rate, order=rest, eps=shift)
            whole = np.transpose(root_solve(right, np.transpose(half), order=rest, eps=shift))
            yield (left + shift * Ball(np.eye(rows))) @ whole @ (right + shift * Ball(np.eye(columns))), grad
            theta = moved
        if rows == columns:
            moved, _ = shampoo(theta, grads[0], ShampooState.initial(theta), lr=rate, eps=Ball(0))
            yield product_of((theta - moved) / rate), Ball(np.eye(rows))


@enumeration("optimizers.shampoo.mean", scope="exact: square, wide and tall matrices, four rotations, the third step, eps 1/16, decay")
def means_are_corrected(shampoo_mean: Step) -> Claims:
    """The roots are those of the corrected means, and what is between them is the corrected mean of the gradients."""
    shift, decay, beta1, beta2 = Fraction(1, 16), Fraction(1, 5), Fraction(2, 3), Fraction(3, 4)
    first, second = 1 - beta1**3, 1 - beta2**3
    for case in oblongs():
        roots: list[list[Any]] = [[2 + k for k in range(len(case.left))], [3 - Fraction(k, 4) for k in range(len(case.right))]]
        theta, grad = Rational(SOME[: len(case.left), : len(case.right)]), case.matrix(case.values)
        squares = [padded(case.values, len(some)) for some in roots]
        before = [
            [((root**4 - shift) * second - (1 - beta2) * square) / beta2 for root, square in zip(some, values, strict=True)]
            for some, values in zip(roots, squares, strict=True)
        ]
        mean = case.matrix([first * value for value in case.values]) - (1 - beta1) * grad
        state = MeanShampooState(
            Rational(mean / beta1), Rational(symmetric(case.left, before[0])), Rational(symmetric(case.right, before[1])), 2
        )
        shares = [value / (a * b) for value, a, b in zip(case.values, *roots, strict=False)]
        hyper = {"lr": 2, "eps": shift, "weight_decay": decay, "beta1": beta1, "beta2": beta2}
        moved, after = shampoo_mean(theta, Rational(grad), state, **{name: Rational(value) for name, value in hyper.items()})
        yield moved, theta - 2 * (Rational(case.matrix(shares)) + Rational(decay) * theta)
        bases = (case.left, case.right)
        left, right = (
            Rational(symmetric(some, [(root**4 - shift) * second for root in own])) for some, own in zip(bases, roots, strict=True)
        )
        yield after, MeanShampooState(Rational(first * grad), left, right, 3)


@certified_value("optimizers.shampoo.mean", scope="normal matrices of 4 × 4, 2 × 3 and 5 × 4, three steps, eps 1/100")
def roots_of_corrected_means(shampoo_mean: Step, root_solve: Step) -> Claims:
    """The direction, solved with the roots of order 4/3 on both sides too, is that of the inverses; the means are written out."""
    shift, rate, rest, beta1, beta2 = (Ball(Fraction(*pair)) for pair in ((1, 100), (1, 8), (4, 3), (9, 10), (7, 8)))
    for rows, columns in ((4, 4), (2, 3), (5, 4)):
        theta, *grads = draw_normal(*[(rows, columns)] * 4, seed=rows)
        first, second = (product_of(start) for start in draw_normal((rows, rows), (columns, columns), seed=columns))
        state = MeanShampooState(0 * theta, first, second, 0)
        for count in range(1, 4):
            moved, state = shampoo_mean(theta, grads[count - 1], state, lr=rate, eps=shift, beta1=beta1, beta2=beta2)
            weights = [[beta ** (count - k) * (1 - beta) / (1 - beta**count) for k in range(1, count + 1)] for beta in (beta1, beta2)]
            mean, left, right = (
                sum(weight * part(grad) for weight, grad in zip(some, grads, strict=False))
                for some, part in ((weights[0], lambda g: g), (weights[1], product_of), (weights[1], lambda g: product_of(np.transpose(g))))
            )
            kept = beta2**count / (1 - beta2**count)
            left, right = left + kept * first, right + kept * second
            half = root_solve(left, (theta - moved) / rate, order=rest, eps=shift)
            whole = np.transpose(root_solve(right, np.transpose(half), order=rest, eps=shift))
            yield (left + shift * Ball(np.eye(rows))) @ whole @ (right + shift * Ball(np.eye(columns))), mean
            theta = moved


# --- SOAP ------------------------------------------------------------------------------------------------------------------------------


@enumeration("matrix.turned_basis", scope="exact: 2 × 2 and 3 × 3, four rotations, counts 0 to 6, periods 1, 2 and 3")
def bases_by_count(turned_basis: Step) -> Claims:
    """At count 0 the matrix is diagonal in it; later a basis of eigenvectors stays one, and another is turned where the period divides."""
    for half, other, period in itertools.product(HALVES, HALVES, (1, 2, 3)):
        vectors = basis(3, half, other)
        matrix, start = Rational(symmetric(vectors, [1, 4, 9])), Rational(basis(3, other, half))
        for first, any_basis, values in ((symmetric(REFLECTION, [4, 1]), REFLECTION, [1, 4]), (matrix, Rational(vectors), [1, 4, 9])):
            found = turned_basis(first, any_basis, 0, period=period)
            yield np.transpose(found) @ first @ found, Rational(np.diag(values))
            yield np.transpose(found) @ found, Rational(np.eye(len(values)))
        image = Rational(symmetric(start, [4, 1, 9]))  # of which the basis has the eigenvectors, so that it stays, but for signs
        for count in range(1, 7):
            later = turned_basis(image, start, count, period=period)
            yield symmetric_part(later), symmetric_part(start)
            turned = turned_basis(lengthened(start), start, count, period=period)
            yield turned, upper_factor(start) if count % period == 0 else start


def symmetric_part(vectors: Any) -> Any:
    """Return a symmetric matrix that does not depend on the signs of the vectors."""
    return vectors @ Rational(np.diag([1, 2, 3])) @ np.transpose(vectors)


def lengthened(start: Any) -> Any:
    """Return a symmetric matrix whose product with a basis has orthogonal columns that are no multiples of those of the basis."""
    swap = Rational(np.array([[0, 2, 0], [2, 0, 0], [0, 0, 3]], dtype=object))
    return start @ swap @ np.transpose(start)


def upper_factor(start: Any) -> Any:
    """Return the orthonormal factor of that product: the first two vectors change places; the diagonal of the other factor is negative."""
    return -np.stack([start[:, 1], start[:, 0], start[:, 2]], axis=1)


@certified_value("matrix.turned_basis", scope="normal matrices of 2 to 7 rows, and bases made of them")
def factors_of_orthogonal_iteration(turned_basis: Step) -> Claims:
    """The turned basis is orthonormal, and Pᵀ A P_before has zeros below its diagonal; ten turns bring A near to its eigenvectors."""
    for size in (2, 4, 7):
        matrix, other = draw_normal((size, size), (size, size), seed=size)
        start = turned_basis(product_of(other), other, 0, period=1)
        after = turned_basis(product_of(matrix), start, 1, period=1)
        yield np.transpose(after) @ after, Ball(np.eye(size))
        factor = np.transpose(after) @ product_of(matrix) @ start
        yield np.stack([factor[i, j] for i in range(size) for j in range(i)]), Ball(np.zeros(size * (size - 1) // 2))


@proof("optimizers.soap", scope="matrices of every shape, every state and basis, every hyper-parameter; the fourth gradient, a period of 2")
def adamw_in_the_bases(soap: Step, adamw: Step) -> Claims:
    """The step is AdamW's on the turned gradient and mean, turned back, and the means of products are what they say."""
    theta, grad, m, v = (tensor(name, ROWS, COLUMNS) for name in ("T", "G", "M", "V"))
    left, right, p, q = (tensor(name, size, size) for name, size in (("L", ROWS), ("R", COLUMNS), ("P", ROWS), ("Q", COLUMNS)))
    hyper = {name: tensor(name) for name in ("lr", "beta1", "beta2", "eps", "eps_root")}
    decay = tensor("d")
    moved, after = soap(theta, grad, SoapState(m, v, left, right, p, q, 3), period=2, weight_decay=decay, **hyper)
    turned, mean = (np.transpose(p) @ matrix @ q for matrix in (grad, m))
    step, state = adamw(0 * turned, turned, AdamState(mean, v, 2), weight_decay=0, **hyper)
    yield moved, theta + p @ step @ np.transpose(q) - hyper["lr"] * decay * theta
    yield after.v, state.v
    yield after.m, hyper["beta1"] * m + (1 - hyper["beta1"]) * grad
    yield after.left, hyper["beta2"] * left + (1 - hyper["beta2"]) * grad @ np.transpose(grad)
    yield after.right, hyper["beta2"] * right + (1 - hyper["beta2"]) * np.transpose(grad) @ grad
    yield (after.row_basis, after.column_basis), (p, q)


@enumeration("optimizers.soap", scope="exact: square, wide and tall matrices, four rotations, two gradients of the same singular vectors")
def first_gradients_of_soap(soap: Step) -> Claims:
    """The first gradient moves nothing; the second, in the bases of the first, makes a step whose singular values are s / (s + ε)."""
    hyper = {"lr": 2, "beta1": Fraction(2, 3), "beta2": Fraction(3, 4), "eps": Fraction(1, 2), "weight_decay": Fraction(1, 5)}
    numbers = {name: Rational(value) for name, value in hyper.items()}
    for case, period in itertools.product(oblongs(), (1, 2)):
        if period == 1 and len(case.left) != len(case.right):
            continue  # the products of singular vectors alone have no full rank
        theta, grad = Rational(SOME[: len(case.left), : len(case.right)]), Rational(case.matrix(case.values))
        moved, state = soap(theta, grad, SoapState.initial(theta), period=period, **numbers)
        yield moved, theta
        yield (state.m, state.v, state.t), (0 * theta, 0 * theta, 1)
        yield np.transpose(state.row_basis) @ state.row_basis, Rational(np.eye(len(case.left)))
        yield state.left, product_of(grad) / 4
        others = [value + k + 1 for k, value in enumerate(case.values)]
        moved, state = soap(theta, Rational(case.matrix(others)), state, period=period, **numbers)
        shares = Rational(case.matrix([Fraction(value) / (value + hyper["eps"]) for value in others]))
        yield moved, theta - 2 * (shares + theta / 5)
        yield np.abs(np.transpose(state.row_basis) @ Rational(case.left)) > 0, np.abs(in_order(case.left, case.values)) > 0


def in_order(vectors: Any, values: Sequence[int]) -> Any:
    """Return a matrix that has ones where a basis in the order of its eigenvalues has the given vectors, whose other eigenvalues are 0."""
    sizes = padded(values, len(vectors))
    order = sorted(range(len(sizes)), key=lambda index: sizes[index])
    return Rational(np.array([[int(order[i] == j) for j in range(len(sizes))] for i in range(len(sizes))], dtype=object))


@certified_value("optimizers.soap", scope="normal matrices of 4 × 4, 2 × 3 and 4 × 3, four gradients, periods 1 and 2")
def steps_of_soap_written_out(soap: Step, turned_basis: Step) -> Claims:
    """With means that are written out as sums, and bases that are turned one after the other, the same steps."""
    rate, beta1, beta2, eps = (Ball(Fraction(*pair)) for pair in ((1, 8), (9, 10), (7, 8), (1, 100)))
    for (rows, columns), period in itertools.product(((4, 4), (2, 3), (4, 3)), (2, 1)):
        theta, *grads = draw_normal(*[(rows, columns)] * 5, seed=rows)
        state = SoapState.initial(theta)
        bases, means, squares = [state.row_basis, state.column_basis], 0 * theta, 0 * theta
        products = [0 * state.left, 0 * state.right]
        for count, grad in enumerate(grads):
            moved, state = soap(theta, grad, state, lr=rate, beta1=beta1, beta2=beta2, period=period, eps=eps)
            if count:
                means = sum(beta1 ** (count - k) * (1 - beta1) * grads[k] for k in range(1, count + 1)) / (1 - beta1**count)
                squares = squares + (beta2**-count * (1 - beta2)) * (np.transpose(bases[0]) @ grad @ bases[1]) ** 2
                root = np.sqrt(squares * beta2**count / (1 - beta2**count))
                turned = (np.transpose(bases[0]) @ means @ bases[1]) / (root + eps)
                yield moved, theta - rate * (bases[0] @ turned @ np.transpose(bases[1]))
            products = [
                beta2 * kept + (1 - beta2) * product_of(part) for kept, part in zip(products, (grad, np.transpose(grad)), strict=True)
            ]
            bases = [
                turned_basis(kept, old, count, period=period) if count else np.linalg.eigh(kept)[1]
                for kept, old in zip(products, bases, strict=True)
            ]
            theta = moved


# --- GaLore ----------------------------------------------------------------------------------------------------------------------------


@enumeration("optimizers.galore.directions", scope="exact: square and wide matrices, four rotations, every rank")
def subspace_of_the_largest(strongest_directions: Step) -> Claims:
    """What is left of the gradient in the subspace has its r largest singular values, the first of them along the first direction."""
    for case in oblongs():
        if len(case.left) <= len(case.right):
            sizes = sorted(case.values, reverse=True)
            for rank in range(1, len(case.left) + 1):
                grad = Rational(case.matrix(case.values))
                found = strongest_directions(grad, rank=rank)
                yield np.transpose(found) @ found, Rational(np.eye(rank))
                kept = [value * (value in sizes[:rank]) for value in case.values]
                yield found @ (np.transpose(found) @ grad), Rational(case.matrix(kept))
                yield product_of(np.transpose(found) @ grad), Rational(np.diag([size**2 for size in sizes[:rank]]))


@certified_value("optimizers.galore.directions", scope="normal matrices of 4 × 4, 2 × 3 and 5 × 9, every rank")
def directions_are_eigenvectors(strongest_directions: Step) -> Claims:
    """They are orthonormal, and G Gᵀ multiplies each by a number; these numbers fall."""
    for rows, columns in ((4, 4), (2, 3), (5, 9)):
        (grad,) = draw_normal((rows, columns), seed=rows)
        for rank in range(1, rows + 1):
            found = strongest_directions(grad, rank=rank)
            sizes = np.diagonal(np.transpose(found) @ product_of(grad) @ found)
            yield product_of(grad) @ found, found * sizes
            yield np.transpose(found) @ found, Ball(np.eye(rank))
            for larger, smaller in itertools.pairwise(sizes):
                yield bool(larger > smaller), True
