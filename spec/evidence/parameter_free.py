"""Evidence for reference/parameter_free.py: Prodigy."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np

from ...reference.adam import Moments
from ...reference.parameter_free import ProdigyState
from ..arithmetic import Ball, Rational
from . import Claims, Step, certified_value, enumeration


@enumeration("optimizers.prodigy", scope="exact, one step of two coordinates from 54 states; roots of 9/16 and of the second moments")
def step_of_prodigy(prodigy: Step) -> Claims:
    """The distance grows to r / ‖s‖₁ and never falls; the step is as long as the old one, and ε as large as the new one says."""
    rate, beta1, beta2, eps, shrink = Fraction(1, 2), Fraction(1, 3), Fraction(9, 16), Fraction(1, 8), Fraction(2, 5)
    hyper = {"lr": rate, "beta1": beta1, "beta2": beta2, "eps": eps, "weight_decay": shrink}
    start, point, mean, roots = (3, -1), (Fraction(1, 2), Fraction(2)), (1, -2), (2, 3)
    for gradient, distance, r, s in itertools.product(
        ((2, -3), (-1, 5), (0, 0)),
        (Fraction(1, 4), Fraction(2), Fraction(9)),
        (Fraction(-1), Fraction(1, 2), Fraction(20)),
        ((0, 0), (2, -1)),
    ):
        squares = [(root**2 - (1 - beta2) * (distance * slope) ** 2) / beta2 for root, slope in zip(roots, gradient, strict=True)]
        state = ProdigyState(Rational(mean), Rational(squares), Rational(s), Rational(r), Rational(distance), Rational(start))
        moved, after = prodigy(Rational(point), Rational(gradient), state, **{name: Rational(value) for name, value in hyper.items()})
        progress = sum(slope * (old - new) for slope, old, new in zip(gradient, start, point, strict=True))
        total = Fraction(3, 4) * r + rate * distance**2 * progress
        sums = [Fraction(3, 4) * old + rate * distance**2 * slope for old, slope in zip(s, gradient, strict=True)]
        length = sum(map(abs, sums))
        longer = max(distance, total / length) if length else distance
        means = [beta1 * old + (1 - beta1) * distance * slope for old, slope in zip(mean, gradient, strict=True)]
        expected = [
            old - rate * distance * (new / (root + longer * eps) + shrink * old) for old, new, root in zip(point, means, roots, strict=True)
        ]
        new_squares = Rational([root**2 for root in roots])
        yield moved, Rational(expected)
        yield after, ProdigyState(Rational(means), new_squares, Rational(sums), Rational(total), Rational(longer), Rational(start))


@certified_value("optimizers.prodigy", scope="positive gradients of 1, 3 and 40 coordinates, five steps, distances 1/100 and 1/2 at first")
def prodigy_is_adam_with_its_distance(prodigy: Step, adam_uncorrected: Step) -> Claims:
    """Each step is uncorrected Adam's on d g, at the rate lr d; the distances are those of sums that are written out."""
    source = np.random.default_rng(0)
    rate, beta1, root, eps = (Ball(Fraction(*pair)) for pair in ((4, 1), (1, 10), (7, 8), (1, 100)))
    for size, first in itertools.product((1, 3, 40), (Fraction(1, 100), Fraction(1, 2))):
        start = theta = Ball(source.uniform(0.5, 1.5, size))
        squares = 0 * theta + Ball(Fraction(1, 1000))
        state, plain = ProdigyState.initial(theta, size=Ball(first))._replace(v=squares), Moments(0 * theta, squares)
        terms, progress = [], []
        for _ in range(5):
            grad, distance = Ball(source.uniform(0.5, 1.5, size)), state.distance
            terms.append(rate * distance**2 * grad)
            progress.append(rate * distance**2 * np.sum(grad * (start - theta)))
            moved, state = prodigy(theta, grad, state, lr=rate, beta1=beta1, beta2=root**2, eps=eps)
            weights = [root ** (len(terms) - 1 - k) for k in range(len(terms))]
            estimate = sum(w * part for w, part in zip(weights, progress, strict=True)) / np.sum(
                np.abs(sum(w * term for w, term in zip(weights, terms, strict=True)))
            )
            yield state.distance, np.maximum(distance, estimate)
            expected, plain = adam_uncorrected(
                theta, distance * grad, plain, lr=rate * distance, beta1=beta1, beta2=root**2, eps=state.distance * eps
            )
            yield moved, expected
            theta = moved
