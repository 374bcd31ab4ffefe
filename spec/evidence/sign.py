"""Evidence for reference/sign.py: signSGD, Signum and Lion.

A proof about every gradient chooses the number whose sign the step takes (w, −w or 0, with w positive) and derives the gradient from it:
there are no other cases.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arithmetic import Rational, Symbolic, symbols
from . import Claims, Step, enumeration, law, presets, proof

if TYPE_CHECKING:
    from ...reference.domains import Array, Decay, Gradients, Rate, Vector

theta, g, m, x = symbols("theta g m x")
lr, w, q, weight_decay, scale = symbols("lr w q weight_decay scale", positive=True)
beta1, beta2 = symbols("beta1 beta2", positive=True, below_one=True)
below_one = 1 / (1 + q)  # a number of which it is known that it lies in (0, 1)
ZERO = Symbolic(0)
SIGNS = (1, -1, 0)


def gradients_of_signs(mean: Any, decay: Any) -> Iterator[tuple[int, Any]]:
    """Yield each sign, and every gradient for which decay · mean + (1 − decay) · gradient has it."""
    for sign in SIGNS:
        yield sign, (sign * w - decay * mean) / (1 - decay)


# --- the steps -------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.sign_sgd", scope="every point, gradient and lr")
def sign_sgd_by_its_sign(sign_sgd: Step) -> Claims:
    """A coordinate moves by lr against its gradient, and not at all where the gradient is 0."""
    for sign in SIGNS:
        yield sign_sgd(theta, sign * w, lr=lr), theta - sign * lr


@proof("optimizers.signum", scope="every point, mean, gradient, decay and lr")
def signum_by_its_sign(signum: Step) -> Claims:
    """A coordinate moves by lr against the new mean, which is a running mean of the gradients."""
    for sign, gradient in gradients_of_signs(m, beta1):
        yield signum(theta, gradient, m, lr=lr, decay=beta1), (theta - sign * lr, beta1 * m + (1 - beta1) * gradient)


@proof("optimizers.lion", scope="every point, mean, gradient and hyper-parameter")
def lion_by_its_sign(lion: Step) -> Claims:
    """A coordinate moves by lr against the blend with the old mean, and by lr λ θ towards 0; the new mean has a decay of its own."""
    hyper = {"lr": lr, "beta1": beta1, "beta2": beta2}
    for sign, gradient in gradients_of_signs(m, beta1):
        mean = beta2 * m + (1 - beta2) * gradient
        yield lion(theta, gradient, m, **hyper), (theta - sign * lr, mean)
        yield lion(theta, gradient, m, **hyper, weight_decay=weight_decay), (theta - lr * (sign + weight_decay * theta), mean)


def sign_of(value: Fraction) -> int:
    """Return the sign of a fraction by comparison."""
    return 1 if value > 0 else -1 if value < 0 else 0


def weighted_sum(gradients: tuple[int, ...], decay: Fraction) -> Fraction:
    """Return (1 − β) Σ βⁿ⁻ᵏ gₖ for k = 1 … n."""
    return (1 - decay) * sum((decay**age * gradient for age, gradient in enumerate(reversed(gradients))), Fraction(0))


@enumeration(
    "optimizers.sign_sgd", "optimizers.signum", "optimizers.lion", scope="exact, all 243 sequences of 5 gradients from −2, 0, 3; two decays"
)
def steps_from_sums_over_all_gradients(sign_sgd: Step, signum: Step, lion: Step) -> Claims:
    """The points after every step, from sums over all gradients so far and comparisons with 0, without any recursion."""
    rate, decay, blended, shrink = Fraction(1, 3), Fraction(3, 4), Fraction(1, 2), Fraction(6, 5)
    lr, slow = Rational(rate), Rational(decay)
    hyper = {"lr": lr, "beta1": Rational(blended), "beta2": slow, "weight_decay": Rational(shrink)}
    for gradients in itertools.product((-2, 0, 3), repeat=5):
        by_sign, by_mean, by_blend = Rational(1), (Rational(1), Rational(0)), (Rational(1), Rational(0))
        expected = [Fraction(1)] * 3
        for count, gradient in enumerate(gradients):
            by_sign = sign_sgd(by_sign, Rational(gradient), lr=lr)
            by_mean = signum(by_mean[0], Rational(gradient), by_mean[1], lr=lr, decay=slow)
            by_blend = lion(by_blend[0], Rational(gradient), by_blend[1], **hyper)
            mean = weighted_sum(gradients[: count + 1], decay)
            blend = blended * weighted_sum(gradients[:count], decay) + (1 - blended) * gradient
            signs = map(sign_of, (Fraction(gradient), mean, blend))
            expected = [point - rate * sign for point, sign in zip((*expected[:2], (1 - rate * shrink) * expected[2]), signs, strict=True)]
            yield (by_sign, by_mean, by_blend), (expected[0], (expected[1], mean), (expected[2], mean))


@law("optimizers.sign_sgd", "optimizers.signum", "optimizers.lion", scope="float64, bit for bit, from θ = 0", exact=True)
def every_coordinate_moves_by_lr(
    sign_sgd: Step, signum: Step, lion: Step, g: Array, mean: Array, lr: Rate, beta1: Decay, beta2: Decay
) -> Claims:
    """From θ = 0 each coordinate of a step is exactly lr, −lr or 0."""
    at = 0 * g
    for moved in (
        sign_sgd(at, g, lr=lr),
        signum(at, g, mean, lr=lr, decay=beta1)[0],
        lion(at, g, mean, lr=lr, beta1=beta1, beta2=beta2, weight_decay=0.5)[0],
    ):
        yield bool(np.all((np.abs(moved) == lr) | (moved == 0))), True


# --- what they have in common ------------------------------------------------------------------------------------------------------


@proof("optimizers.lion", "optimizers.signum", "optimizers.sign_sgd", scope="every point, mean, gradient and hyper-parameter")
def relatives_of_lion(lion: Step, signum: Step, sign_sgd: Step, gradient_average: Step) -> Claims:
    """Lion with β₁ = β₂ is Signum, with β₁ = 0 it moves as signSGD does; Signum's mean is that of descent along an average."""
    yield lion(theta, g, m, lr=lr, beta1=beta1, beta2=beta1), signum(theta, g, m, lr=lr, decay=beta1)
    yield lion(theta, g, m, lr=lr, beta1=ZERO, beta2=beta2)[0], sign_sgd(theta, g, lr=lr)
    yield signum(theta, g, m, lr=lr, decay=ZERO), (sign_sgd(theta, g, lr=lr), g)
    yield signum(theta, g, m, lr=lr, decay=beta1)[1], gradient_average(theta, g, m, lr=lr, decay=beta1)[1]


@proof("optimizers.sign_sgd", scope="every point, gradient other than 0, and lr")
def sign_sgd_is_a_limit_of_adaptive_methods(sign_sgd: Step, rmsprop: Step, adam_first_step: Step) -> Claims:
    """RMSProp that remembers nothing, and the first step of Adam, both without a stabiliser, are signSGD."""
    for gradient in (w, -w):
        yield rmsprop(theta, gradient, ZERO, lr=lr, decay=ZERO, eps=ZERO)[0], sign_sgd(theta, gradient, lr=lr)
        yield theta + adam_first_step(gradient, lr=lr, eps=ZERO), sign_sgd(theta, gradient, lr=lr)


@law("optimizers.sign_sgd", "optimizers.signum", "optimizers.lion", scope="float64, bit for bit, every scale 2ᵏ", exact=True)
def scale_of_the_gradients_does_not_matter(
    sign_sgd: Step, signum: Step, lion: Step, theta: Vector, grads: Gradients, lr: Rate, beta1: Decay, beta2: Decay
) -> Claims:
    """Multiplying all gradients by a positive number changes no step."""
    settings = {"lr": lr, "beta1": beta1, "beta2": beta2, "weight_decay": 0.25}
    for factor in (2.0**-20, 2.0**20):
        yield sign_sgd(theta, factor * grads[0], lr=lr), sign_sgd(theta, grads[0], lr=lr)
        for step, hyper in ((signum, {"lr": lr, "decay": beta1}), (lion, settings)):
            plain, scaled = (theta, 0 * theta), (theta, 0 * theta)
            for gradient in grads:
                plain, scaled = step(plain[0], gradient, plain[1], **hyper), step(scaled[0], factor * gradient, scaled[1], **hyper)
            yield scaled, (plain[0], factor * plain[1])


# --- Lion ------------------------------------------------------------------------------------------------------------------------------


@proof("lion.blend", scope="every mean, gradient, β₁ and β₂ > 0")
def blend_is_a_step_ahead_of_the_mean(lion: Step) -> Claims:
    """With the gradient at which Lion's blend is w, −w or 0, the Nesterov step ahead of the new mean is that number too."""
    for sign, gradient in gradients_of_signs(m, beta1):
        moved, mean = lion(theta, gradient, m, lr=lr, beta1=beta1, beta2=beta2)
        ahead = beta1 / beta2 * mean + (1 - beta1 / beta2) * gradient
        yield ahead, sign * w
        yield moved, theta - sign * lr


@enumeration("lion.blend", scope="exact, the paper's decays, 4 gradients from −1, 0, 2")
def sign_of_the_step_ahead(lion: Step) -> Claims:
    """Lion moves against the sign of (β₁/β₂) m′ + (1 − β₁/β₂) g, and the newest gradient weighs 1/10 in it, 1/100 in the mean m′."""
    (paper, *_) = presets("optimizers.lion")
    slow, fast = paper["beta2"], paper["beta1"]
    hyper = {name: Rational(paper[name]) for name in ("lr", "beta1", "beta2")}
    yield (1 - fast / slow) + fast / slow * (1 - slow), Fraction(1, 10)
    for gradients in itertools.product((-1, 0, 2), repeat=4):
        at, mean = Rational(0), Rational(0)
        for gradient in gradients:
            moved, mean = lion(at, Rational(gradient), mean, **hyper)
            ahead = fast / slow * mean + (1 - fast / slow) * gradient
            yield moved - at, -paper["lr"] * np.sign(ahead)
            at = moved


@proof("lion.box", scope="every point, gradient, λ and lr with lr λ < 1")
def distances_from_the_ends_of_the_box(lion: Step) -> Claims:
    """The new distance from each end of the box is the old one times 1 − η λ, plus η (1 ± sign), neither of them negative."""
    rate = below_one / weight_decay  # lr λ lies in (0, 1)
    for sign, gradient in gradients_of_signs(m, beta1):
        moved, _ = lion(x, gradient, m, lr=rate, beta1=beta1, beta2=beta2, weight_decay=weight_decay)
        yield 1 / weight_decay - moved, (1 - below_one) * (1 / weight_decay - x) + rate * (1 + sign)
        yield 1 / weight_decay + moved, (1 - below_one) * (1 / weight_decay + x) + rate * (1 - sign)
        yield 1 - below_one >= 0, True
        yield rate * (1 + sign) >= 0, True
        yield rate * (1 - sign) >= 0, True


@enumeration("lion.box", scope="exact, λ = 2, lr λ = 1/5 and 1, points from −3/2 to 3/2, all signs")
def box_by_hand(lion: Step) -> Claims:
    """Steps from within the box stay in it, its ends are left in place by the opposite gradients, and outside points come nearer."""
    bound = Fraction(1, 2)
    for rate, tenths, gradient in itertools.product((Fraction(1, 10), bound), range(-15, 16), SIGNS):
        at = Fraction(tenths, 10)
        hyper = {"lr": Rational(rate), "beta1": Rational(bound), "beta2": Rational(bound), "weight_decay": Rational(2)}
        moved, _ = lion(Rational(at), Rational(gradient), Rational(0), **hyper)
        outside = max(abs(at) - bound, Fraction(0))
        yield bool(np.abs(moved) - bound <= (1 - 2 * rate) * outside), True
        if abs(at) == bound and gradient * at < 0:
            yield moved, at


# --- Lion with caution -----------------------------------------------------------------------------------------------------------------


@proof(
    "optimizers.cautious.lion",
    scope="two coordinates, every mean, gradient and hyper-parameter; nine pairs of signs",
)
def cautious_lion_by_signs(cautious_lion: Step, lion: Step) -> Claims:
    """A coordinate that goes with its gradient moves by lr, by twice that where it is the only one; another by decay alone."""
    hyper = {"lr": lr, "beta1": beta1, "beta2": beta2}
    at, slopes, least = np.stack([theta, x]), np.stack([w, -q]), Symbolic(Fraction(1, 4))
    for signs in itertools.product(SIGNS, repeat=2):
        mean = np.stack([(sign * scale - (1 - beta1) * slope) / beta1 for sign, slope in zip(signs, slopes, strict=True)])
        kept = [sign * (sign == own) for sign, own in zip(signs, (1, -1), strict=True)]
        factor = Symbolic(Fraction(2, max(sum(map(abs, kept)), 1)))
        moved = at - lr * (factor * np.stack([Symbolic(sign) for sign in kept]) + weight_decay * at)
        _, after = lion(at, slopes, mean, **hyper)
        yield cautious_lion(at, slopes, mean, **hyper, smallest_share=least, weight_decay=weight_decay), (moved, after)


@enumeration(
    "optimizers.cautious.lion",
    scope="exact, all sequences of 3 of three gradients of 3 coordinates; two limits of the share",
)
def cautious_lion_by_hand(cautious_lion: Step) -> Claims:
    """Steps in fractions, from sums over all gradients; the share that is kept is not taken below the limit."""
    rate, beta, keep, shrink = Fraction(1, 2), Fraction(1, 3), Fraction(3, 4), Fraction(2, 5)
    for lowest, grads in itertools.product(
        (Fraction(1, 2), Fraction(1, 6)), itertools.product(((-2, 0, 3), (3, -2, -2), (0, 3, 3)), repeat=3)
    ):
        hyper = {"lr": rate, "beta1": beta, "beta2": keep, "smallest_share": lowest, "weight_decay": shrink}
        point, mean = Rational([5, -7, 1]), Rational([0, 0, 0])
        expected, sums = [Fraction(5), Fraction(-7), Fraction(1)], [Fraction(0)] * 3
        for gradient in grads:
            point, mean = cautious_lion(point, Rational(gradient), mean, **{name: Rational(value) for name, value in hyper.items()})
            blends = [beta * total + (1 - beta) * slope for total, slope in zip(sums, gradient, strict=True)]
            kept = [(blend > 0) - (blend < 0) if blend * slope > 0 else 0 for blend, slope in zip(blends, gradient, strict=True)]
            share = max(Fraction(sum(map(abs, kept)), 3), lowest)
            expected = [old - rate * (sign / share + shrink * old) for old, sign in zip(expected, kept, strict=True)]
            sums = [keep * total + (1 - keep) * slope for total, slope in zip(sums, gradient, strict=True)]
            yield (point, mean), (Rational(expected), Rational(sums))
