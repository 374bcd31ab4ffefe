"""Evidence for reference/factored.py: Adafactor of matrices and of vectors, and its relative step size.

A matrix with the entries 3 w and 4 w beside zeros has the root mean square 5 w / 2.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from ...reference.factored import FactoredState, UnfactoredState
from ..arithmetic import Ball, Rational, Symbolic, symbols
from . import Claims, Step, certified_value, enumeration, proof

lr, w, c, q, p, power, eps = symbols("lr w c q p power eps", positive=True)
x, y = symbols("x", 2, positive=True), symbols("y", 2, positive=True)
ZERO = Symbolic(0)
COUNTS = (1, 4)  # steps taken before the one that is proven
small = 1 / (1 + q)


def state_before(after: Any, decay: Any, value: Any) -> Any:
    """Return the running mean from which a step with a value leads to the one given."""
    return (after - (1 - decay) * value) / decay


def cases() -> Iterator[tuple[Any, Any, Any, Any]]:
    """Yield the largest rms, the factor of an update of rms 5 w / 2, the smallest scale, and the scale of weights of rms 5 c / 2."""
    rms, size = 5 * w / 2, 5 * c / 2
    for (largest, factor), (smallest, scale) in itertools.product(
        ((rms * (1 + q), 1), (rms * small, small)), ((size * small, size), (size * (1 + p), size * (1 + p)))
    ):
        yield largest, factor, smallest, scale


def hyper_of(largest: Any, smallest: Any) -> dict[str, Any]:
    """Return the hyper-parameters of a case."""
    return {"lr": lr, "decay_exponent": power, "largest_rms": largest, "smallest_scale": smallest, "eps_grad": eps}


@proof("optimizers.adafactor", scope="2 × 2 matrices, every root of the factors and every hyper-parameter; steps 2 and 5")
def step_of_adafactor(adafactor: Step) -> Claims:
    """With roots xᵢ yⱼ of the factors the update is Gᵢⱼ / (xᵢ yⱼ), here 3 w and 4 w and zeros, cut at its rms and scaled by that of Θ."""
    update = np.stack([np.stack([3 * w, 4 * w]), np.stack([ZERO, ZERO])])
    theta = np.stack([np.stack([3 * c, ZERO]), np.stack([4 * c, ZERO])])
    grad = update * np.expand_dims(x, 1) * y
    squares = grad**2 + eps
    rows = x**2
    columns = y**2 * np.mean(rows)
    for count, (largest, factor, smallest, scale) in itertools.product(COUNTS, cases()):
        decay = 1 - Symbolic(count + 1) ** -power
        before = [state_before(after, decay, np.mean(squares, axis=axis)) for after, axis in ((rows, 1), (columns, 0))]
        got = adafactor(theta, grad, FactoredState(before[0], before[1], count), **hyper_of(largest, smallest))
        yield got, (theta - lr * scale * factor * update, (rows, columns, count + 1))


@proof("optimizers.adafactor.unfactored", scope="two coordinates, every root of v and every hyper-parameter; steps 2 and 5")
def step_of_unfactored_adafactor(adafactor_unfactored: Step) -> Claims:
    """With the roots xᵢ of v the update is gᵢ / xᵢ, here 3 w, 4 w and two zeros, cut at its rms and scaled by that of θ."""
    update = np.stack([3 * w, 4 * w, ZERO, ZERO])
    theta = np.stack([ZERO, 3 * c, ZERO, 4 * c])
    roots = np.concatenate([x, y])
    grad = update * roots
    for count, (largest, factor, smallest, scale) in itertools.product(COUNTS, cases()):
        decay = 1 - Symbolic(count + 1) ** -power
        before = state_before(roots**2, decay, grad**2 + eps)
        got = adafactor_unfactored(theta, grad, UnfactoredState(before, count), **hyper_of(largest, smallest))
        yield got, (theta - lr * scale * factor * update, (roots**2, count + 1))


@proof("optimizers.adafactor", "optimizers.adafactor.unfactored", scope="one row and one column, every root of v; steps 2 and 5")
def one_row_or_one_column(adafactor: Step, adafactor_unfactored: Step) -> Claims:
    """The factors of a matrix of one row or column are its second moment and the mean of it: nothing is lost."""
    update, theta, roots = np.stack([3 * w, 4 * w, ZERO, ZERO]), np.stack([ZERO, 3 * c, ZERO, 4 * c]), np.concatenate([x, y])
    grad = update * roots
    hyper = hyper_of(5 * w / 2 * small, 5 * c / 2 * small)
    for count, axis in itertools.product(COUNTS, (0, 1)):
        before = state_before(roots**2, 1 - Symbolic(count + 1) ** -power, grad**2 + eps)
        moved, whole = adafactor_unfactored(theta, grad, UnfactoredState(before, count), **hyper)
        factors = (np.stack([np.mean(before)]), before)
        rows, columns = factors if axis == 0 else factors[::-1]
        point, gradient = (np.expand_dims(part, axis) for part in (theta, grad))
        got, state = adafactor(point, gradient, FactoredState(rows, columns, count), **hyper)
        kept = state.columns if axis == 0 else state.rows
        yield (got, kept, state.t), (np.expand_dims(moved, axis), whole.v, whole.t)


@enumeration(
    "optimizers.adafactor", "optimizers.adafactor.unfactored", scope="exact, three steps along a matrix of rank 1, decay exponent 1"
)
def adafactor_of_rank_one(adafactor: Step, adafactor_unfactored: Step) -> Claims:
    """At exponent 1 squares are plain means: of 1, 49, 25 they have the roots 1, 5, 5. Factors of rank 1 are exact."""
    base = np.array([[2, -4, 6], [-3, 6, -9]], dtype=object)
    signs = np.array([[1, -1, 1], [-1, 1, -1]], dtype=object)
    rate, smallest = Fraction(1, 10), Fraction(1, 100)
    for largest, start in itertools.product((Fraction(1), Fraction(2)), (0, 3)):
        hyper = {"lr": rate, "decay_exponent": 1, "largest_rms": largest, "eps_grad": 0, "smallest_scale": smallest}
        settings = {name: Rational(value) for name, value in hyper.items()}
        theta, vector = Rational(start * signs), Rational((start * signs).ravel())
        state, whole = FactoredState.initial(theta), UnfactoredState.initial(vector)
        point = Fraction(start)
        for count, (factor, root, total) in enumerate(((1, 1, 1), (7, 5, 50), (5, 5, 75)), start=1):
            theta, state = adafactor(theta, Rational(factor * base), state, **settings)
            vector, whole = adafactor_unfactored(vector, Rational((factor * base).ravel()), whole, **settings)
            point -= rate * max(smallest, abs(point)) * min(Fraction(factor, root), largest)
            squares = base**2 * Fraction(total, count)
            yield theta, Rational(point * signs)
            yield vector, Rational((point * signs).ravel())
            yield state, (Rational(squares.sum(axis=1) / 3), Rational(squares.sum(axis=0) / 2), count)
            yield whole, (Rational(squares.ravel()), count)


@certified_value("optimizers.adafactor", scope="three steps of 2 × 3 matrices, decay exponent 4/5; a uniform random point")
def factors_keep_the_sums(adafactor: Step) -> Claims:
    """The squares that divide have the sums over rows and over columns of the whole second moment."""
    source = np.random.default_rng(7)
    theta, state, whole = Ball(source.normal(size=(2, 3))), FactoredState(Ball([0, 0]), Ball([0, 0, 0]), 0), Ball(np.zeros((2, 3)))
    hyper = {"lr": 1, "decay_exponent": Fraction(4, 5), "largest_rms": 1000, "eps_grad": Fraction(1, 8), "smallest_scale": Fraction(1, 100)}
    settings = {name: Ball(value) for name, value in hyper.items()}
    for count in (1, 2, 3):
        grad = Ball(source.normal(size=(2, 3)))
        moved, state = adafactor(theta, grad, state, **settings)
        divided = (grad * np.sqrt(np.mean(theta**2)) / (theta - moved)) ** 2
        decay = 1 - Ball(count) ** Ball(Fraction(-4, 5))
        whole = decay * whole + (1 - decay) * (grad**2 + Fraction(1, 8))
        yield np.sum(divided, axis=0), np.sum(whole, axis=0)
        yield np.sum(divided, axis=1), np.sum(whole, axis=1)
        theta = moved


@proof("schedule.adafactor", scope="every largest rate, before, at and after the change")
def relative_steps(relative_step_size: Step) -> Claims:
    """The largest rate until t = 1 / lr², then 1 / √t."""
    yield relative_step_size(1 / (lr * (1 + q)) ** 2, largest=lr), lr
    yield relative_step_size(1 / lr**2, largest=lr), lr
    yield relative_step_size(((1 + q) / lr) ** 2, largest=lr), lr / (1 + q)


@enumeration("schedule.adafactor", scope="exact, t = 1, 4 … 400, rates 1/4 and 1/10")
def relative_steps_by_hand(relative_step_size: Step) -> Claims:
    """Roots of squares."""
    for root, rate in itertools.product(range(1, 21), (Fraction(1, 4), Fraction(1, 10))):
        yield relative_step_size(Rational(root**2), largest=Rational(rate)), min(rate, Fraction(1, root))
