"""Evidence for reference/scaling.py: steps whose effect depends on no width, sizes of singular values, sums over layers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..arithmetic import Ball, Rational, symbols
from . import Claims, Step, certified_value, enumeration, prints_as, proof, trajectory

lr, ratio, std, base, gain = symbols("lr ratio std base gain", positive=True)
few, more, layers, others = symbols("few more layers others", integer=True, positive=True)


# --- widths ----------------------------------------------------------------------------------------------------------------------------


@proof("scaling.mup.std", "scaling.mup.adam", "scaling.mup.sgd", scope="every base, ratio, rate and deviation")
def nothing_depends_on_the_ratio(mup_std: Step, mup_adam_rates: Step, mup_sgd_rates: Step) -> Claims:
    """Sums over n = m n₀ units are as large as at the base, n₀.

    Forward, n independent weights add up by their variances; out of the hidden layers by 1/m of that, so that the output is 0 in the limit.
    A step of Adam is the sign of the gradient, so that a unit moves by the rate times n. The gradient by a hidden unit is 1/n in size.
    """
    width = ratio * base
    into, between, out = mup_std(std, ratio)
    yield (into, between**2 * width, out**2 * width), (std, std**2 * base, std**2 * base / ratio)
    into, between, out = mup_adam_rates(lr, ratio)
    yield (into, between * width, out * width), (lr, lr * base, lr * base)
    into, between, out = mup_sgd_rates(lr, ratio)
    of_unit = 1 / width  # the gradient by a hidden unit is the weight out of it, or as large
    yield (into * of_unit, between * of_unit * width, out * width), (lr / base, lr, lr * base)


@enumeration("scaling.mup.std", "scaling.mup.adam", "scaling.mup.sgd", scope="exact, ratios 1/4, 1, 4, 9")
def ratios_by_hand(mup_std: Step, mup_adam_rates: Step, mup_sgd_rates: Step) -> Claims:
    """At the base nothing changes; four times as wide, deviations are halved or quartered."""
    for root in (Fraction(1, 2), Fraction(1), Fraction(2), Fraction(3)):
        m, given = Rational(root**2), Fraction(3, 5)
        yield mup_std(Rational(given), m), (given, given / root, given / root**2)
        yield mup_adam_rates(Rational(given), m), (given, given / root**2, given / root**2)
        yield mup_sgd_rates(Rational(given), m), (given * root**2, given, given / root**2)


def change_of_output(stds: Any, rates: Any, width: int, seed: int, direction: Any) -> tuple[float, float]:
    """Return how much one step moves the hidden units (by the root mean square) and the output of a linear network of two hidden layers."""
    source = np.random.default_rng(seed)
    x = source.standard_normal(8)
    first = stds[0] * source.standard_normal((width, 8))
    second = stds[1] * source.standard_normal((width, width))
    last = stds[2] * source.standard_normal(width)
    h = first @ x
    z = second @ h
    gradients = np.outer(second.T @ last, x), np.outer(last, h), z
    moved = [part - rate * direction(grad) for part, rate, grad in zip((first, second, last), rates, gradients, strict=True)]
    z_after = moved[1] @ (moved[0] @ x)
    return float(np.sqrt(np.mean((z_after - z) ** 2))), abs(float(moved[2] @ z_after - last @ z))


@trajectory(
    "scaling.mup.std", "scaling.mup.adam", "scaling.mup.sgd", scope="one step of a linear network, widths 64 and 1024, seeds 0 to 15"
)
def wide_networks_move_as_far(mup_std: Step, mup_adam_rates: Step, mup_sgd_rates: Step) -> Claims:
    """Sixteen times as wide, hidden units and output move as far, to a factor of 2; with one rate for all, 4 times as far or more."""

    def moves(rates: Any, direction: Any, m: float, *, scaled: bool) -> Any:
        stds = mup_std(1 / 8, m) if scaled else (1 / 8, 1 / 8 / np.sqrt(m), 1 / 8 / np.sqrt(m))
        runs = [change_of_output(stds, rates, int(64 * m), seed, direction) for seed in range(16)]
        return np.median(np.array(runs), axis=0)

    for rates, direction, lr_base in ((mup_adam_rates, np.sign, 1e-3), (mup_sgd_rates, lambda grad: grad, 1e-2)):
        base_moves = moves(rates(lr_base, 1.0), direction, 1.0, scaled=True)
        wide_moves = moves(rates(lr_base, 16.0), direction, 16.0, scaled=True)
        yield bool(np.all((wide_moves < 2 * base_moves) & (base_moves < 2 * wide_moves))), True
        alike = moves((lr_base,) * 3, direction, 16.0, scaled=False)
        yield bool(np.max(alike / base_moves) > 4), True


@proof("scaling.spectral.std", scope="every pair of fans: more out, more in, as many; every gain")
def within_a_factor_of_two(spectral_std: Step) -> Claims:
    """σ (√n_out + √n_in), which bounds the mean of the largest singular value, is √(n_out/n_in) times a number from 1 to 2."""
    for fan_out, fan_in, ends in ((few, few + more, few / (few + more)), (few + more, few, few / (few + more)), (few, few, few / few)):
        size = spectral_std(fan_out, fan_in) * (np.sqrt(fan_out) + np.sqrt(fan_in)) / np.sqrt(fan_out / fan_in)
        yield size, 1 + np.sqrt(ends)
        yield spectral_std(fan_out, fan_in, gain=gain), gain * spectral_std(fan_out, fan_in)
    yield spectral_std(few + more, few) ** 2 * few, few / few


@enumeration("scaling.spectral.std", scope="exact, fans 1, 4, 9, 16")
def spectral_by_hand(spectral_std: Step) -> Claims:
    """The printed form, with a minimum of 1 and the root of n_out/n_in."""
    for fan_out in (1, 2, 3, 4):
        for fan_in in (1, 2, 3, 4):
            printed = Fraction(2, fan_in) * min(Fraction(1), Fraction(fan_out, fan_in))
            yield spectral_std(Rational(fan_out**2), Rational(fan_in**2), gain=Rational(2)), printed


@trajectory("scaling.spectral.std", scope="normal weights of 40 × 400, 200 × 200 and 400 × 40, seed 0")
def largest_singular_values(spectral_std: Step) -> Claims:
    """The largest singular value of normal weights is between .94 and 1.01 times σ (√n_out + √n_in)."""
    source = np.random.default_rng(0)
    for fan_out, fan_in in ((40, 400), (200, 200), (400, 40)):
        deviation = spectral_std(fan_out, fan_in)
        largest = np.linalg.svd(deviation * source.standard_normal((fan_out, fan_in)), compute_uv=False)[0]
        yield bool(0.94 < largest / (deviation * (np.sqrt(fan_out) + np.sqrt(fan_in))) < 1.01), True


@proof("scaling.spectral.rate", scope="every base, ratio and rate")
def rates_of_maximal_updates(spectral_rate: Step, mup_sgd_rates: Step) -> Claims:
    """For layers into, between and out of hidden layers of m n₀ units they are those of maximal updates, of the rates at the base."""
    width = ratio * base
    inputs, outputs = few, more
    fans = (width, inputs), (width, width), (outputs, width)
    at_base = (base, inputs), (base, base), (outputs, base)
    for layer, (wide, small) in enumerate(zip(fans, at_base, strict=True)):
        yield spectral_rate(lr, *wide), mup_sgd_rates(spectral_rate(lr, *small), ratio)[layer]
    yield spectral_rate(lr, few, few), lr


@enumeration("scaling.spectral.rate", scope="exact, fans 1 to 4")
def spectral_rates_by_hand(spectral_rate: Step) -> Claims:
    """The rate times one fan over the other."""
    for fan_out in range(1, 5):
        for fan_in in range(1, 5):
            yield spectral_rate(Rational(Fraction(1, 5)), fan_out, fan_in), Fraction(fan_out, 5 * fan_in)


# --- depths ----------------------------------------------------------------------------------------------------------------------------


@proof("scaling.deepnorm", "scaling.deepnorm.encoder_decoder", "scaling.t_fixup", scope="every number of layers")
def updates_are_bounded(deepnorm: Step, deepnorm_of_two: Step, t_fixup: Step) -> Claims:
    """2 N additions with two matrices each, of 2 β²/α² at most, move the output by 1; so do the 3 M of a decoder."""
    alpha, beta = deepnorm(layers)
    yield (2 * layers * 2 * beta**2 / alpha**2, alpha**4, beta**4), (1, 2 * layers, 1 / (8 * layers))
    encoder_alpha, encoder_beta, alpha, beta = deepnorm_of_two(layers, others)
    yield (3 * others * 2 * beta**2 / alpha**2, alpha**4, beta**4), (1, 3 * others, 1 / (12 * others))
    root = encoder_alpha * Fraction(100, 81)
    yield (root**16, encoder_beta * root), (layers**4 * others, Fraction(87, 100))
    of_encoder, of_decoder = t_fixup(layers)
    yield (of_encoder**4 * layers, of_decoder**4 * 9 * layers), (Fraction(67, 100) ** 4, 1)


@certified_value("scaling.deepnorm", "scaling.deepnorm.encoder_decoder", "scaling.t_fixup", scope="6 to 100 layers")
def depths_by_number(deepnorm: Step, deepnorm_of_two: Step, t_fixup: Step) -> Claims:
    """A hundred layers have α 3.8 and β 0.19, an encoder and a decoder of 18 layers each 2.0, 0.35 and 2.7, 0.26."""
    yield deepnorm(Ball(8)), (2, 1 / np.sqrt(Ball(8)))
    for got, digits in zip(deepnorm(Ball(100)), ("3.76060309", "0.188030155"), strict=True):
        yield got, prints_as(digits)
    for got, digits in zip(deepnorm_of_two(Ball(18), Ball(18)), ("1.99874632", "0.352571006", "2.71080601", "0.260847430"), strict=True):
        yield got, prints_as(digits)
    for got, digits in zip(t_fixup(Ball(6)), ("0.428091880", "0.368893973"), strict=True):
        yield got, prints_as(digits)
    yield t_fixup(Ball(9))[1], Fraction(1, 3)
