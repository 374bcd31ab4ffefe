"""Evidence for reference/activations.py: forms, slopes, distances from each other, and the fixed point of the scaled exponential unit.

Branches are treated by cases: a positive symbol, its negative and 0 decide every comparison with 0.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from flint import arb

from ...reference._special import erf
from ..arithmetic import Ball, Differential, Rational, Symbolic, certified, slope, symbols
from . import Claims, Step, certified_value, derivative, enumeration, presets, prints_as, proof

z, up, above, beta = symbols("z up above beta")
s, alpha, scale, steep = symbols("s alpha scale steep", positive=True)
signs = Symbolic([s, -s, 0])  # every case of one comparison with 0
POINTS = [Fraction(k, 4) for k in (-13, -6, -1, 1, 5, 11)]


def by_calculus(value: Any, variable: Any) -> Symbolic:
    """Return the derivative of a symbolic number by a symbol."""
    return Symbolic(sp.diff(value.item(), variable.item()))


# --- z times a probability -----------------------------------------------------------------------------------------------------------


@proof("activation.swish", "activation.swish.slope", scope="every z and β")
def swish_and_its_slope(swish: Step, swish_slope: Step) -> Claims:
    """h = z / (1 + exp(−β z)); β = 0 is z/2, and silu(z) − silu(−z) = z."""
    yield swish(z, beta=beta), z / (1 + np.exp(-beta * z))
    yield swish(z), swish(z, beta=Symbolic(1))
    yield swish(z, beta=Symbolic(0)), z / 2
    yield swish(z) + swish(-z) * np.exp(z), 0 * z
    yield swish_slope(z, beta=beta), by_calculus(swish(z, beta=beta), z)
    yield swish_slope(z), by_calculus(swish(z), z)


@proof("activation.gelu", "activation.gelu.slope", scope="every z")
def gelu_is_z_times_a_probability(gelu: Step, gelu_slope: Step) -> Claims:
    """h/z has the density of the standard normal distribution as its derivative, and with its mirror image adds up to 1."""
    share = gelu(z) / z
    density = np.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    yield by_calculus(share, z), density
    yield share - gelu(-z) / z, Symbolic(1)
    yield gelu_slope(z), share + z * density
    yield gelu_slope(z), by_calculus(gelu(z), z)


@proof("activation.gelu.tanh", "activation.gelu.tanh.slope", scope="every z")
def gelu_by_a_tanh(gelu_tanh: Step, gelu_tanh_slope: Step) -> Claims:
    """h = z/2 (1 + tanh u) with u = √(2/π) (z + 44715/10⁶ z³)."""
    inner = Symbolic(sp.sqrt(2 / sp.pi)) * (z + Fraction(44715, 10**6) * z**3)
    yield gelu_tanh(z), z / 2 * (1 + np.tanh(inner))
    yield gelu_tanh_slope(z), by_calculus(gelu_tanh(z), z)


@derivative(
    "activation.swish",
    "activation.swish.slope",
    "activation.gelu",
    "activation.gelu.slope",
    "activation.gelu.tanh",
    "activation.gelu.tanh.slope",
    "activation.mish",
    "activation.mish.slope",
    "activation.leaky_relu",
    "activation.leaky_relu.slope",
    "activation.elu",
    "activation.elu.slope",
    "activation.selu",
    "activation.softplus",
    "activation.softplus.threshold",
    scope="certified, six points on both sides of 0",
)
def slopes_are_derivatives(
    swish: Step,
    swish_slope: Step,
    gelu: Step,
    gelu_slope: Step,
    gelu_tanh: Step,
    gelu_tanh_slope: Step,
    mish: Step,
    mish_slope: Step,
    leaky_relu: Step,
    leaky_relu_slope: Step,
    elu: Step,
    elu_slope: Step,
    selu: Step,
    softplus: Step,
    softplus_linear_above: Step,
    sigmoid: Step,
) -> Claims:
    """Each slope equals the derivative of its activation by dual numbers; those of softplus and of the scaled unit follow from others."""
    moving, fixed = Differential.along(POINTS, 1), Ball(POINTS)
    quarter, three = Ball(Fraction(1, 4)), Ball(3)
    for activation, slopes in (
        (functools.partial(swish, beta=three), swish_slope(fixed, beta=three)),
        (gelu, gelu_slope(fixed)),
        (gelu_tanh, gelu_tanh_slope(fixed)),
        (mish, mish_slope(fixed)),
        (functools.partial(leaky_relu, negative_slope=quarter), leaky_relu_slope(fixed, negative_slope=quarter)),
        (functools.partial(elu, alpha=three), elu_slope(fixed, alpha=three)),
        (functools.partial(selu, alpha=three, scale=quarter), quarter * elu_slope(fixed, alpha=three)),
        (functools.partial(softplus, beta=three), sigmoid(three * fixed)),
        (
            functools.partial(softplus_linear_above, beta=three, threshold=Ball(2)),
            np.where(three * fixed > 2, np.ones_like(fixed), sigmoid(three * fixed)),
        ),
    ):
        yield slope(activation(moving)), slopes


@certified_value(
    "activation.swish",
    "activation.gelu",
    "activation.gelu.tanh",
    "activation.softplus",
    "activation.mish",
    "activation.elu",
    scope="z = −2, 1",
)
def values_to_fifteen_digits(swish: Step, gelu: Step, gelu_tanh: Step, softplus: Step, mish: Step, elu: Step) -> Claims:
    """The values at two points, as other programs of multiple precision give them; the fast form is Swish at 1.702."""
    fast = next(preset["beta"] for preset in presets("activation.swish") if preset["beta"] != 1)
    for activation, point, digits in (
        (swish, 1, "0.731058578630005"),
        (swish, -2, "-0.238405844044235"),
        (functools.partial(swish, beta=Ball(fast)), 1, "0.845795765932821"),
        (gelu, 1, "0.841344746068543"),
        (gelu, -2, "-0.0455002638963584"),
        (gelu_tanh, 1, "0.841191990608277"),
        (gelu_tanh, -2, "-0.045402305912225"),
        (softplus, 1, "1.31326168751822"),
        (softplus, -2, "0.126928011042972"),
        (mish, 1, "0.86509838826731"),
        (mish, -2, "-0.252501482695709"),
        (elu, -2, "-0.864664716763387"),
    ):
        yield activation(Ball(point)), prints_as(digits)


HALVINGS, MOST = 14, 2000  # halvings at the end of which no interval may be left, and intervals at which they stop


def intervals_above(distance: Step, its_slope: Step, end: int, claimed: Any) -> int:
    """Return how many intervals of [0, end] are left in which a distance may exceed the claimed one, after many halvings.

    On a ball of radius r around m it is at most |d(m)| + r max |d′|, by the mean value theorem.
    """
    radius = Fraction(1, 32)
    middles = [radius * (2 * k + 1) for k in range(int(end / (2 * radius)))]
    for _ in range(HALVINGS):
        balls = Ball([arb(float(middle), float(radius)) for middle in middles])
        bounds = np.abs(distance(Ball(middles))) + np.abs(its_slope(balls)) * Ball(radius)
        left = [middle for middle, bound in zip(middles, Ball.object_array(bounds), strict=True) if not bound <= claimed]
        radius /= 2
        middles = [middle + side * radius for middle in left for side in (-1, 1)]
        if len(middles) > MOST:
            break
    return len(middles)


@certified_value("activation.gelu.distance", scope="every |z| ≤ 8, by intervals; the differences are even functions")
def distances_between_forms(gelu: Step, gelu_slope: Step, gelu_tanh: Step, gelu_tanh_slope: Step, swish: Step, swish_slope: Step) -> Claims:
    """No interval of [0, 8] holds a larger distance; at 2.699 and 2.2704 the distances are as large, to four digits."""
    fast = Ball(Fraction(1702, 1000))
    for other, other_slope, point, claimed, digits in (
        (gelu_tanh, gelu_tanh_slope, Fraction(2699, 1000), "4.7324e-4", "4.732e-4"),
        (functools.partial(swish, beta=fast), functools.partial(swish_slope, beta=fast), Fraction(22704, 10000), "0.020335", "0.02033"),
    ):
        distance = lambda x, other=other: gelu(x) - other(x)  # noqa: E731 - as mathematics
        its_slope = lambda x, other_slope=other_slope: gelu_slope(x) - other_slope(x)  # noqa: E731
        yield intervals_above(distance, its_slope, 8, arb(claimed)), 0
        yield np.abs(distance(Ball(point))), prints_as(digits)


@proof("activation.gelu.distance", scope="every z")
def distances_are_even(gelu: Step, gelu_tanh: Step, swish: Step) -> Claims:
    """Each form is z times a number that adds up to 1 with that at −z, so the difference of two forms is the same at z and −z."""
    for form in (gelu, gelu_tanh):
        yield form(z) - form(-z), z
    yield swish(z, beta=beta) - swish(-z, beta=beta), z


# --- softplus, Mish ------------------------------------------------------------------------------------------------------------------


@proof("activation.softplus", "activation.softplus.threshold", scope="every z, β and threshold, on both sides of it and at it")
def softplus_above_and_below(softplus: Step, softplus_linear_above: Step) -> Claims:
    """exp(β h) = 1 + exp(β z), h(z) − h(−z) = z. Above the threshold z is returned, which is log(1 + exp(−β z)) / β less."""
    yield np.exp(steep * softplus(z, beta=steep)), 1 + np.exp(steep * z)
    yield softplus(z), softplus(z, beta=Symbolic(1))
    yield softplus_linear_above(z, threshold=z + s), softplus(z)
    yield softplus_linear_above(z, threshold=z - s), z
    yield softplus_linear_above(z, beta=steep, threshold=steep * z - s), z
    for below in (0 * s, s):
        yield softplus_linear_above(z, beta=steep, threshold=steep * z + below), softplus(z, beta=steep)
    missing = softplus(z, beta=steep) - z
    yield np.exp(steep * missing), 1 + np.exp(-steep * z)


@proof("activation.mish", "activation.mish.slope", scope="every z")
def mish_and_its_slope(mish: Step, mish_slope: Step) -> Claims:
    """h = z (e²ᵘ − 1)/(e²ᵘ + 1), where eᵘ = 1 + eᶻ."""
    yield mish(z), z * np.tanh(np.log(1 + np.exp(z)))
    yield mish_slope(z), by_calculus(mish(z), z)


# --- two branches --------------------------------------------------------------------------------------------------------------------


@proof(
    "activation.leaky_relu",
    "activation.leaky_relu.slope",
    "activation.elu",
    "activation.elu.slope",
    "activation.selu",
    scope="every z: positive, negative and 0",
)
def units_of_two_branches(leaky_relu: Step, leaky_relu_slope: Step, elu: Step, elu_slope: Step, selu: Step, relu: Step) -> Claims:
    """Positive numbers pass; negative ones are multiplied, or go to an exponential, whose slope at 0 is α."""
    a = above
    yield leaky_relu(signs, negative_slope=a), np.stack([s, -a * s, Symbolic(0)])
    yield leaky_relu_slope(signs, negative_slope=a), np.stack([Symbolic(1), a, a])
    yield leaky_relu(signs, negative_slope=Symbolic(0)), relu(signs)
    yield elu(signs, alpha=alpha), np.stack([s, alpha * (np.exp(-s) - 1), Symbolic(0)])
    yield elu_slope(signs, alpha=alpha), np.stack([Symbolic(1), alpha * np.exp(-s), alpha])
    yield selu(signs, alpha=alpha, scale=scale), scale * np.stack([s, alpha * (np.exp(-s) - 1), Symbolic(0)])
    yield elu(signs), elu(signs, alpha=Symbolic(1))
    yield elu_slope(signs), elu_slope(signs, alpha=Symbolic(1))


@enumeration("activation.leaky_relu", "activation.leaky_relu.slope", scope="exact, 13 numbers, three slopes")
def leaky_by_hand(leaky_relu: Step, leaky_relu_slope: Step) -> Claims:
    """The larger of z and a z for slopes below 1, by comparison."""
    numbers = [Fraction(k, 3) for k in range(-6, 7)]
    for a in (Fraction(1, 100), Fraction(-1, 2), Fraction(0)):
        yield leaky_relu(Rational(numbers), negative_slope=Rational(a)), Rational([max(x, a * x) if x > 0 else a * x for x in numbers])
        yield leaky_relu_slope(Rational(numbers), negative_slope=Rational(a)), Rational([1 if x > 0 else a for x in numbers])


@proof("activation.squared_relu", "activation.squared_relu.slope", scope="every z: positive, negative and 0")
def square_above_zero(squared_relu: Step, squared_relu_slope: Step, relu: Step) -> Claims:
    """The square of ReLU; its slope is twice ReLU, the derivative on either side and at 0."""
    yield squared_relu(signs), np.stack([s**2, Symbolic(0), Symbolic(0)])
    yield squared_relu(signs), relu(signs) ** 2
    yield squared_relu_slope(signs), np.stack([by_calculus(squared_relu(s), s), Symbolic(0), Symbolic(0)])
    yield squared_relu_slope(signs), 2 * relu(signs)


@derivative("activation.squared_relu", "activation.squared_relu.slope", scope="certified, six points on both sides of 0")
def slope_of_the_square(squared_relu: Step, squared_relu_slope: Step) -> Claims:
    """The slope equals the derivative by dual numbers."""
    yield slope(squared_relu(Differential.along(POINTS, 1))), squared_relu_slope(Ball(POINTS))


@enumeration("activation.squared_relu", "activation.squared_relu.slope", scope="exact, 13 numbers")
def squares_by_hand(squared_relu: Step, squared_relu_slope: Step) -> Claims:
    """Squares of positive numbers, 0 for others."""
    numbers = [Fraction(k, 3) for k in range(-6, 7)]
    yield squared_relu(Rational(numbers)), Rational([x * x if x > 0 else 0 for x in numbers])
    yield squared_relu_slope(Rational(numbers)), Rational([x + x if x > 0 else 0 for x in numbers])


def normal_mean(function: Callable[[Any], Any]) -> Any:
    """Return the mean of a function of a standard normal number, the integral over both halves of the line."""
    t = s.item()
    both = sp.expand(function(s).item() + function(-s).item())
    density = sp.exp(-(t**2) / 2) / sp.sqrt(2 * sp.pi)
    parts = [sp.integrate(sp.powsimp(term * density), (t, 0, sp.oo)) for term in sp.Add.make_args(both)]
    return Symbolic(sp.expand(sp.Add(*parts).rewrite(sp.erf)))


@proof("activation.selu.fixed_point", "activation.selu", scope="every α and λ; a standard normal number")
def moments_of_the_scaled_unit(selu: Step) -> Claims:
    """The mean is λ (1/√(2π) − α (1/2 − √e Φ(−1))), the mean square λ² (1/2 + α² (e² Φ(−2) − 2 √e Φ(−1) + 1/2))."""
    one, two = ((1 - sp.erf(k / sp.sqrt(2))) / 2 for k in (1, 2))
    root = sp.sqrt(sp.E)
    unit = functools.partial(selu, alpha=alpha, scale=scale)
    yield normal_mean(unit), scale * (1 / sp.sqrt(2 * sp.pi) - alpha * (sp.Rational(1, 2) - root * one))
    yield (
        normal_mean(lambda x: unit(x) ** 2),
        scale**2 * (sp.Rational(1, 2) + alpha**2 * (sp.exp(2) * two - 2 * root * one + sp.Rational(1, 2))),
    )


@certified_value("activation.selu.fixed_point", "activation.selu", scope="α and λ to 17 digits")
def constants_of_the_scaled_unit(selu: Step) -> Claims:
    """Mean 0 gives α, and mean square 1 then λ; the preset has the nearest numbers of float64. The unit is λ at 1."""
    half = Ball(Fraction(1, 2))
    one, two = (half * (1 - erf(k / np.sqrt(Ball(2)))) for k in (1, 2))
    root = np.exp(half)
    weight = 1 / (np.sqrt(8 * np.arctan(Ball(1))) * (half - root * one))
    factor = 1 / np.sqrt(half + weight**2 * (np.exp(Ball(2)) * two - 2 * root * one + half))
    yield weight, prints_as("1.6732632423543773")
    yield factor, prints_as("1.0507009873554805")
    (stated,) = presets("activation.selu")
    for name, exact in (("alpha", weight), ("scale", factor)):
        yield np.abs(Ball(float(stated[name])) - exact) <= Ball(2.0**-53), True
    yield selu(Ball(1), alpha=weight, scale=factor), factor


# --- gated units ---------------------------------------------------------------------------------------------------------------------


@proof(
    "activation.swiglu",
    "activation.swiglu.backward",
    "activation.geglu",
    "activation.geglu.backward",
    scope="every gate, linear branch and gradient that comes from above",
)
def products_with_a_gate(swiglu: Step, swiglu_backward: Step, geglu: Step, geglu_backward: Step, swish: Step, gelu: Step) -> Claims:
    """h is the activated gate times the linear branch; the backward formulas return the derivatives of dh · h with dh fixed."""
    for unit, activation, backward in ((swiglu, swish, swiglu_backward), (geglu, gelu, geglu_backward)):
        yield unit(z, up), activation(z) * up
        weighted = above * unit(z, up)
        yield backward(above, z, up), (by_calculus(weighted, z), by_calculus(weighted, up))


@derivative(
    "activation.swiglu.backward", "activation.geglu.backward", "activation.swiglu", "activation.geglu", scope="certified, six points"
)
def certified_gradients_of_gated_units(swiglu: Step, swiglu_backward: Step, geglu: Step, geglu_backward: Step) -> Claims:
    """The gradients by both branches equal those by dual numbers."""
    gate, linear = Ball(POINTS), Ball(POINTS[::-1])
    for unit, backward in ((swiglu, swiglu_backward), (geglu, geglu_backward)):
        by_gate = slope(unit(Differential.along(POINTS, 1), linear))
        by_linear = slope(unit(gate, Differential.along(POINTS[::-1], 1)))
        yield backward(np.ones_like(gate) * 3, gate, linear), (3 * by_gate, 3 * by_linear)


@proof("activation.swiglu.clamped", scope="every β and limit; both branches on each side of each limit, and within")
def branches_are_clipped(swiglu_clamped: Step, swish: Step, swiglu: Step) -> Claims:
    """The gate is clipped from above only, the other branch on both sides; within the limits and at β = 1 it is SwiGLU of u + 1."""
    limit, within = steep, steep / (1 + s)
    hyper = {"beta": beta, "limit": limit}
    for gate, clipped in ((limit + s, limit), (within, within), (-limit - s, -limit - s)):
        for linear, kept in ((limit + s, limit), (-limit - s, -limit), (within, within), (-within, -within)):
            yield swiglu_clamped(gate, linear, **hyper), swish(clipped, beta=beta) * (kept + 1)
    yield swiglu_clamped(within, -within, beta=Symbolic(1), limit=limit), swiglu(within, 1 - within)


@certified_value("activation.swiglu.clamped", scope="gpt-oss's β and limit, four points")
def clipped_branches_by_hand(swiglu_clamped: Step) -> Claims:
    """From branches (9, −8) the unit is −42 σ(11.914), and from (−9, 8) it is −72 σ(−15.318)."""
    (preset,) = presets("activation.swiglu.clamped")
    hyper = {name: Ball(preset[name]) for name in ("beta", "limit")}
    for gate, linear, product, at in ((9, -8, -42, "11.914"), (-9, 8, -72, "-15.318"), (1, 2, 3, "1.702"), (7, -1, 0, "11.914")):
        yield swiglu_clamped(Ball(gate), Ball(linear), **hyper), product / (1 + np.exp(-Ball(Fraction(at))))
        yield (
            certified(swiglu_clamped, float(gate), float(linear), beta=1.0, limit=7.0),
            certified(swiglu_clamped, float(min(gate, 7)), float(max(min(linear, 7), -7)), beta=1.0, limit=7.0),
        )
