"""Evidence for reference/networks.py: gradients for every size, symmetries of the parameters, and expressivity, all exact.

Kinks are treated by cases: a positive symbol, its negative and 0 decide every comparison with 0.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from flint import arb

from ..arithmetic import Ball, Differential, Rational, Symbolic, Tensor, function, jacobian, partial, slope, symbols, tensor
from . import Claims, Step, TableCell, certified_value, derivative, enumeration, erratum, law, printed_function, prints_as, proof
from ._induction import by_induction, limit, t

if TYPE_CHECKING:
    from ...reference.domains import Array, LayerBiases, LayerInputs, LayerWeights

m, n0, n1, n2, n3 = (sp.Symbol(name, integer=True, positive=True) for name in ("m", "n0", "n1", "n2", "n3"))
p, q = (sp.Symbol(name, integer=True, positive=True) for name in "pq")

x, weight, bias, dz = tensor("x", m, n0), tensor("W", n1, n0), tensor("b", n1), tensor("dz", m, n1)

s, u, c = symbols("s u c", positive=True)
signs = Symbolic([s, -s, 0])  # every case of one comparison with 0


def by_hand(got: Any) -> tuple[Tensor, ...]:
    """Return the gradients by inputs, weights and biases of a backward function, at the entries p, q."""
    return tuple(Tensor(part.at(*(p, q)[: len(part.axes)])) for part in got)


def by_calculus(loss: Tensor) -> tuple[Tensor, ...]:
    """Return the derivatives of a number by the entries p, q of x and W and by the entry p of b."""
    return tuple(Tensor(partial(loss, name, *indices)) for name, indices in (("x", (p, q)), ("W", (p, q)), ("b", (p,))))


def small(source: Any, *shape: int) -> Any:
    """Return nonzero fractions with small numerators and denominators."""
    entries = np.array([Fraction(int(k), int(d)) for k, d in source.integers(1, 8, (int(np.prod(shape)), 2))], dtype=object)
    return (entries * source.choice([-1, 1], entries.shape)).reshape(shape)


# --- dense layers ------------------------------------------------------------------------------------------------------------------


@proof("network.dense.forward", scope="every batch and layer size")
def sums_of_inputs(dense: Step) -> Claims:
    """zᵢⱼ = Σₖ xᵢₖ Wⱼₖ + bⱼ; without biases it is the same with b = 0."""
    k = sp.Symbol("k", integer=True, positive=True)
    weighted = sp.Sum(x.at(p, k) * weight.at(q, k), (k, 1, n0))
    yield Tensor(dense(x, weight, bias).at(p, q)), Tensor(weighted + bias.at(q))
    yield dense(x, weight), dense(x, weight, 0 * bias)


@enumeration("network.dense.forward", scope="exact, a batch of 2 through 3 inputs and 2 outputs, and each unit of input alone")
def layer_by_hand(dense: Step) -> Claims:
    """One example computed by hand; a row of the identity as input returns a column of the weights."""
    example = Rational([[1, 2, 3], [-1, 0, Fraction(1, 2)]]), Rational([[1, 0, -1], [2, 1, 1]]), Rational([10, 20])
    yield dense(*example), Rational([[8, 27], [Fraction(17, 2), Fraction(37, 2)]])
    yield dense(*example[:2]), Rational([[-2, 7], [Fraction(-3, 2), Fraction(-3, 2)]])
    yield dense(Rational(np.eye(3)), example[1]), example[1].T


@law("network.dense.forward", scope="float64, within rounding")
def layer_is_a_sum(dense: Step, x: LayerInputs, weight: LayerWeights, bias: LayerBiases) -> Claims:
    """The result is the sum of the products, in any order."""
    yield dense(x, weight, bias), np.sum(np.expand_dims(x, 1) * weight, axis=2) + bias


@proof("network.dense.backward", scope="every batch and layer size, every gradient that comes from above")
def gradients_of_a_layer(dense: Step, dense_backward: Step) -> Claims:
    """The backward formula returns the derivatives of Σ δ ⊙ z with δ fixed.

    By the chain rule these are the gradients of any loss whose gradient by z is δ.
    """
    yield by_hand(dense_backward(dz, x, weight)), by_calculus(np.sum(dz * dense(x, weight, bias)))


@derivative("network.dense.backward", scope="certified, a squared loss, a batch of 3 through 4 inputs and 2 outputs, every entry")
def gradients_of_a_squared_loss(dense: Step, dense_backward: Step) -> Claims:
    """All 22 partial derivatives of Σ z²/2, for which δ = z, agree with dual numbers."""
    source = np.random.default_rng(0)
    shapes = (3, 4), (2, 4), (2,)
    point = [small(source, *shape) for shape in shapes]
    loss = lambda flat: np.sum(dense(*unpacked(flat, shapes)) ** 2) / 2  # noqa: E731 - as mathematics
    got = dense_backward(dense(*map(Ball, point)), *map(Ball, point[:2]))
    yield packed(got), jacobian(loss, Ball(packed(point)))[0]


def unpacked(flat: Any, shapes: tuple[tuple[int, ...], ...]) -> list[Any]:
    """Return a vector cut into arrays of these shapes."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [np.reshape(flat[end - int(np.prod(shape)) : end], shape) for end, shape in zip(ends, shapes, strict=True)]


def packed(arrays: Any) -> Any:
    """Return arrays as one vector."""
    return np.concatenate([np.reshape(array, (-1,)) for array in arrays])


# --- activations -------------------------------------------------------------------------------------------------------------------


@proof("network.activation.relu", scope="every real number: positive, negative and 0")
def what_is_positive_passes(relu: Step) -> Claims:
    """The result is z for positive z, and 0 for negative z and for 0."""
    yield relu(signs), Symbolic([s, 0, 0])


@law("network.activation.relu", scope="float64, bit for bit", exact=True)
def half_of_number_and_modulus(relu: Step, z: Array) -> Claims:
    """max(z, 0) = (z + |z|)/2 bit for bit, because doubling and halving are exact."""
    yield relu(z), (z + np.abs(z)) / 2


@proof("network.activation.relu_slope", "network.activation_derivatives", scope="every real number: positive, negative and 0")
def slope_is_one_or_zero(relu: Step, relu_slope: Step) -> Claims:
    """The slope is 1 for positive z and 0 otherwise, computed from the output as from the input; and h = σ'(z) z."""
    yield relu_slope(signs), Symbolic([1, 0, 0])
    yield relu_slope(relu(signs)), relu_slope(signs)
    yield relu(signs), relu_slope(signs) * signs


POINTS = [Fraction(k, 4) for k in (-9, -4, -1, 2, 3, 17)]


@derivative(
    "network.activation.relu_slope",
    "network.activation.tanh_slope",
    "network.activation.sigmoid_slope",
    "network.activation_derivatives",
    scope="certified, six points",
)
def slopes_are_derivatives(relu: Step, relu_slope: Step, tanh_slope: Step, sigmoid_slope: Step) -> Claims:
    """Each slope, computed from the output, equals the derivative of the activation by dual numbers."""
    for activation, by_output in ((relu, relu_slope), (np.tanh, tanh_slope), (lambda z: 1 / (1 + np.exp(-z)), sigmoid_slope)):
        h = activation(Differential.along(POINTS, 1))
        yield by_output(activation(Ball(POINTS))), slope(h)


@proof("network.activation.tanh_slope", "network.activation_derivatives", scope="every real z; every output in (−1, 1)")
def tanh_is_steepest_at_zero(tanh_slope: Step) -> Claims:
    """tanh' = 1 − tanh², which is 1 at 0 and otherwise between 0 and 1."""
    z = symbols("z")
    yield Symbolic(sp.diff(np.tanh(z).item(), z.item())), tanh_slope(np.tanh(z))
    yield tanh_slope(Symbolic(0)), 1
    for h in (1 / (1 + s), -1 / (1 + s)):
        yield tanh_slope(h) > 0, True
        yield 1 - tanh_slope(h), h**2


@proof("network.activation.sigmoid_slope", "network.activation_derivatives", scope="every real z; every output in (0, 1)")
def sigmoid_is_steepest_at_zero(sigmoid_slope: Step) -> Claims:
    """For h = 1/(1 + e⁻ᶻ) the slope is h' > 0: 1/4 at 0, and otherwise less by (h − 1/2)²."""
    z = symbols("z")
    h = 1 / (1 + np.exp(-z))
    yield Symbolic(sp.diff(h.item(), z.item())), sigmoid_slope(h)
    odds = 1 / (1 + s)  # any output in (0, 1)
    yield sigmoid_slope(odds) > 0, True
    yield Fraction(1, 4) - sigmoid_slope(odds), (odds - Fraction(1, 2)) ** 2


# --- a layer with its activation ---------------------------------------------------------------------------------------------------


@proof("network.dense.tanh", scope="every batch and layer size")
def tanh_of_a_layer(dense_tanh: Step) -> Claims:
    """The result is tanh(x Wᵀ + b), with and without biases."""
    yield dense_tanh(x, weight, bias), np.tanh(x @ weight.T + bias)
    yield dense_tanh(x, weight), np.tanh(x @ weight.T)


@law("network.dense.tanh", "network.dense.relu", scope="float64, bit for bit", exact=True)
def activation_after_the_layer(
    dense: Step, relu: Step, dense_tanh: Step, dense_relu: Step, x: LayerInputs, weight: LayerWeights, bias: LayerBiases
) -> Claims:
    """The result equals the activation of the dense layer bit for bit: the operations and their order are the same."""
    yield dense_tanh(x, weight, bias), np.tanh(dense(x, weight, bias))
    yield dense_relu(x, weight, bias), relu(dense(x, weight, bias))


@proof("network.dense.tanh_backward", scope="every batch and layer size, every gradient that comes from above")
def gradients_of_a_tanh_layer(dense_tanh: Step, dense_tanh_backward: Step) -> Claims:
    """The backward formula returns the derivatives of Σ ∂l/∂h ⊙ h, entry by entry."""
    h = dense_tanh(x, weight, bias)
    yield by_hand(dense_tanh_backward(dz, h, x, weight)), by_calculus(np.sum(dz * h))


@proof("network.dense.relu", scope="every weight; one sample of three inputs, one unit for each sign of z")
def relu_of_a_layer(dense: Step, dense_relu: Step) -> Claims:
    """Three units with positive, negative and zero z give z, 0 and 0."""
    sample, matrix = symbols("x", 1, 3), symbols("W", 3, 3)
    biases = signs - dense(sample, matrix)[0]
    yield dense_relu(sample, matrix, biases), Symbolic([[s, 0, 0]])
    yield dense_relu(Symbolic([[1]]), Symbolic([[s], [-s], [0]])), Symbolic([[s, 0, 0]])


@proof("network.dense.relu_backward", scope="every sign pattern of 2 samples and 2 units, every gradient, input and weight")
def gradients_of_a_relu_layer(dense_backward: Step, dense_relu_backward: Step) -> Claims:
    """Where a unit's output is 0 the gradient from above is dropped; the rest is the gradient of a dense layer."""
    above, sample, matrix = (symbols(name, 2, 2) for name in ("dh", "x", "W"))
    for pattern in itertools.product((0, 1), repeat=4):
        on = np.array(pattern).reshape(2, 2)
        h = symbols("h", 2, 2, positive=True) * on
        yield dense_relu_backward(above, h, sample, matrix), dense_backward(above * on, sample, matrix)


@derivative(
    "network.dense.tanh_backward",
    "network.dense.relu_backward",
    scope="certified, a batch of 3 through 4 inputs and 2 outputs, every entry",
)
def gradients_of_active_layers(dense_tanh: Step, dense_tanh_backward: Step, dense_relu: Step, dense_relu_backward: Step) -> Claims:
    """All 22 partial derivatives of Σ h²/2, for both layers, agree with dual numbers; no unit is at its kink."""
    source = np.random.default_rng(1)
    shapes = (3, 4), (2, 4), (2,)
    point = [small(source, *shape) / 4 for shape in shapes]
    for forward, backward in ((dense_tanh, dense_tanh_backward), (dense_relu, dense_relu_backward)):
        h = forward(*map(Ball, point))
        got = backward(h, h, *map(Ball, point[:2]))
        exact = jacobian(lambda flat: np.sum(forward(*unpacked(flat, shapes)) ** 2) / 2, Ball(packed(point)))  # noqa: B023 - called at once
        yield packed(got), exact[0]


# --- many layers -------------------------------------------------------------------------------------------------------------------

grad, jac, weight_jac = tensor("g", n2), tensor("J", n2, n1), tensor("K", n2, n3)


@proof("network.backprop.chain", scope="every number of layers by induction, every size and Jacobian")
def one_layer_more(pull_back: Step) -> Claims:
    """If the gradient by xᵏ is Aᵀ g, with A the Jacobian of all layers above, then that by xᵏ⁻¹ is (A J)ᵀ g with the layer's Jacobian J.

    The induction starts with A = I. The gradients by the weights are (A K)ᵀ g with the Jacobian K by the weights.
    """
    above, top = tensor("A", n0, n2), tensor("g", n0)
    reached, _ = pull_back(top, above, above)
    yield pull_back(reached, jac, weight_jac), (top @ (above @ jac), top @ (above @ weight_jac))
    yield pull_back(grad, jac, weight_jac), (jac.T @ grad, weight_jac.T @ grad)


@proof("network.backprop.chain", "network.dense.tanh_backward", scope="two layers of tanh units, every batch and layer size")
def two_layers_at_once(dense_tanh: Step, dense_tanh_backward: Step) -> Claims:
    """The first layer's gradients by inputs and weights equal the derivatives through both layers."""
    above, upper = tensor("dy", m, n2), tensor("V", n2, n1)
    h = dense_tanh(x, weight, bias)
    y = dense_tanh(h, upper, tensor("c", n2))
    dh, _, _ = dense_tanh_backward(above, y, h, upper)
    yield by_hand(dense_tanh_backward(dh, h, x, weight))[:2], by_calculus(np.sum(above * y))[:2]


@proof("network.backprop.chain", scope="three layers, a linear one on top, every batch and layer size: the first layer's biases")
def three_layers_at_once(dense: Step, dense_backward: Step, dense_tanh: Step, dense_tanh_backward: Step) -> Claims:
    """The gradient of the first layer's biases equals the derivative through all three layers."""
    above, upper, top = tensor("dy", m, n3), tensor("V", n2, n1), tensor("U", n3, n2)
    h = dense_tanh(x, weight, bias)
    y = dense_tanh(h, upper, tensor("c", n2))
    dy, _, _ = dense_backward(above, y, top)
    dh, _, _ = dense_tanh_backward(dy, y, h, upper)
    _, _, db = dense_tanh_backward(dh, h, x, weight)
    yield Tensor(db.at(p)), Tensor(partial(np.sum(above * dense(y, top)), "b", p))


@derivative("network.backprop.chain", scope="certified, six layers of tanh units, widths 2 to 4, one sample: all inputs and weights")
def six_layers_of_jacobians(pull_back: Step, dense_tanh: Step, tanh_slope: Step) -> Claims:
    """The gradients by the Jacobian of each layer, from the last to the first, equal the derivative of the whole network."""
    widths = (3, 2, 4, 3, 2, 4, 2)
    source = np.random.default_rng(2)
    shapes = tuple(itertools.pairwise(widths[::-1]))[::-1]  # (n_out, n_in), from the first layer on
    layers = [Ball(small(source, *shape) / 2) for shape in shapes]
    sample = Ball(small(source, widths[0]))
    passed = [sample]
    for layer in layers:
        passed.append(dense_tanh(np.expand_dims(passed[-1], 0), layer)[0])
    above: Any = passed[-1]  # of the loss Σ y²/2
    got: list[Any] = []
    for layer, h, taken in list(zip(layers, passed[1:], passed[:-1], strict=True))[::-1]:
        by_input = np.expand_dims(tanh_slope(h), 1) * layer
        by_weights = np.reshape(np.expand_dims(Ball(np.eye(len(h))) * tanh_slope(h), 2) * taken, (len(h), -1))
        above, by_layer = pull_back(above, by_input, by_weights)
        got = [by_layer, *got]

    def loss(flat: Any) -> Any:
        h, *rest = unpacked(flat, ((1, widths[0]), *shapes))
        for layer in rest:
            h = dense_tanh(h, layer)
        return np.sum(h**2) / 2

    yield packed([above, *got]), jacobian(loss, packed([sample, *layers]))[0]


DEEP = ((2, 3), (4, 3), (4,), (3, 4), (3,), (2, 3), (2,), (2, 2))  # x, w1, b1, w2, b2, w3, b3, w4: widths 3, 4, 3, 2, 2


@proof("network.deep_tanh", scope="every batch size and every width; width 1 number by number")
def three_tanh_layers_and_a_linear_one(deep_tanh: Step) -> Claims:
    """The network equals the formula written in one line, with each bias inside its own tanh."""
    numbers = a, k1, a1, k2, a2, k3, a3, k4 = symbols("a k1 a1 k2 a2 k3 a3 k4")
    narrow = [np.reshape(number, (1,) * len(shape)) for number, shape in zip(numbers, DEEP, strict=True)]
    yield deep_tanh(*narrow)[0, 0], k4 * np.tanh(k3 * np.tanh(k2 * np.tanh(k1 * a + a1) + a2) + a3)
    w2, b2, w3, b3, w4 = tensor("V", n2, n1), tensor("c", n2), tensor("U", n3, n2), tensor("d", n3), tensor("R", n0, n3)
    written = np.tanh(np.tanh(np.tanh(x @ weight.T + bias) @ w2.T + b2) @ w3.T + b3) @ w4.T
    yield deep_tanh(x, weight, bias, w2, b2, w3, b3, w4), written


@derivative("network.deep_tanh", scope="certified, widths 3, 4, 3, 2, 2, a batch of 2: all 51 derivatives")
def backpropagation_of_deep_tanh(deep_tanh: Step, dense_backward: Step, dense_tanh: Step, dense_tanh_backward: Step) -> Claims:
    """Backpropagation through four layers equals the derivatives of the loss Σ ŷ²/2 by dual numbers."""
    source = np.random.default_rng(3)
    point = [Ball(small(source, *shape) / 2) for shape in DEEP]
    sample, w1, b1, w2, b2, w3, b3, w4 = point
    first = dense_tanh(sample, w1, b1)
    second = dense_tanh(first, w2, b2)
    third = dense_tanh(second, w3, b3)
    dh, dw4, _ = dense_backward(deep_tanh(*point), third, w4)
    dh, dw3, db3 = dense_tanh_backward(dh, third, second, w3)
    dh, dw2, db2 = dense_tanh_backward(dh, second, first, w2)
    dx, dw1, db1 = dense_tanh_backward(dh, first, sample, w1)
    exact = jacobian(lambda flat: np.sum(deep_tanh(*unpacked(flat, DEEP)) ** 2) / 2, packed(point))
    yield packed((dx, dw1, db1, dw2, db2, dw3, db3, dw4)), exact[0]


@enumeration("network.deep_tanh", scope="the printed form on shapes: widths 4, 3, 2, and equal ones")
def misprint_does_not_fit(deep_tanh: Step) -> Claims:
    """With hidden widths 4, 3, 2 the shapes of the printed sum do not fit; with equal widths it has another value."""
    misplaced_biases = printed_function("networks.biases_outside_their_tanh")
    zeros = [np.zeros(shape) for shape in DEEP]
    yield (fails(deep_tanh, *zeros), fails(misplaced_biases, *zeros)), (False, True)
    ones = [np.ones((2,) * len(shape)) for shape in DEEP]
    yield np.any(deep_tanh(*ones) == misplaced_biases(*ones)), False


def fails(function: Callable[..., Any], *args: Any) -> bool:
    """Return whether the shapes do not fit."""
    try:
        function(*args)
    except ValueError:
        return True
    return False


@proof("network.gradient_scales_with_input", "network.positive_inputs_same_sign", scope="one sample, every layer size")
def column_is_proportional_to_its_input(dense_backward: Step) -> Claims:
    """∂l/∂Wⱼₖ = δⱼ xₖ with δ fixed: scaling an input scales its column, and for positive inputs δⱼ decides the sign of the whole row."""
    delta, sample, scales = tensor("dz", 1, n1), tensor("x", 1, n0), tensor("s", n0)
    _, by_weights, _ = dense_backward(delta, sample, weight)
    yield Tensor(by_weights.at(p, q)), Tensor(delta.at(1, p) * sample.at(1, q))
    yield dense_backward(delta, sample * scales, weight)[1], by_weights * scales
    _, rows, _ = dense_backward(np.stack([np.stack([s, -u])]), symbols("x", 1, 3, positive=True), symbols("W", 2, 3))
    yield rows[0] > 0, True
    yield rows[1] < 0, True


@enumeration("network.gradient_scales_with_input", scope="exact: an input of 1, 1/10, 1/1000 and 0, under the same δ")
def small_inputs_learn_slowly(dense_backward: Step) -> Claims:
    """The gradient column of the input scales with it, whatever the weights; the other column does not change."""
    for size in (Fraction(1), Fraction(1, 10), Fraction(1, 1000), Fraction(0)):
        for factor in (1, 50):
            _, columns, _ = dense_backward(Rational([[3, -2]]), Rational([[size, 5]]), factor * Rational([[1, 2], [3, 4]]))
            yield columns, Rational([[3 * size, 15], [-2 * size, -10]])


@enumeration("network.positive_inputs_same_sign", scope="exact: 125 samples of 3 positive inputs, 4 slopes; one batch of two")
def all_weights_of_a_unit_move_together(dense_backward: Step) -> Claims:
    """A single sample moves all weights of a unit in one direction; a batch of two can move them in different ones, by (.9, −.9)."""
    for delta in (Fraction(-7), Fraction(-1, 3), Fraction(1, 3), Fraction(7)):
        for inputs in itertools.product((Fraction(1, 100), Fraction(1, 2), 1, 3, 10), repeat=3):
            _, row, _ = dense_backward(Rational([[delta]]), Rational([inputs]), Rational([[1, -1, 2]]))
            yield np.sign(row), Rational([[1 if delta > 0 else -1] * 3])
    yield two_samples(dense_backward), Rational([[Fraction(9, 10), Fraction(-9, 10)]])


def two_samples(dense_backward: Step) -> Any:
    """Return the gradient of one unit by its weights, for a batch of two samples with positive inputs."""
    batch = Rational([[1, Fraction(1, 10)], [Fraction(1, 10), 1]])
    return dense_backward(Rational([[1], [-1]]), batch, Rational([[0, 0]]))[1]


@erratum("E55")
def always_all_of_one_sign(dense_backward: Step) -> Claims:
    """As printed, all weights of a unit always move in one direction. A batch of two refutes it."""
    yield bool(np.prod(two_samples(dense_backward)) > 0), True


# --- a saddle ----------------------------------------------------------------------------------------------------------------------


@proof("network.saddle_zero_gradient", scope="every saddle (a x² − b y²)/2, lr, start and number of steps")
def only_the_ridge_leads_there(gradient_descent: Step) -> Claims:
    """The coordinates are multiplied by 1 − η a and 1 + η b in each step, so off the ridge y = 0 the second grows without bound.

    (1 + η b)ᵗ ≥ 1 + η b t by induction. The gradient is 0 at the origin, where the curvatures have opposite signs.
    """
    a, b, lr = symbols("a b lr", positive=True)
    start = symbols("x", 2)
    curvatures = np.stack([a, -b])
    step = lambda theta: gradient_descent(theta, curvatures * theta, lr=lr)  # noqa: E731 - as mathematics
    yield from by_induction(lambda n: (1 - lr * curvatures) ** n * start, step, start)
    yield step(0 * start), 0 * start
    yield step(np.stack([start[0], 0 * a]))[1], 0
    yield (1 + lr * b) * (1 + lr * b * t) - (1 + lr * b * (t + 1)), (lr * b) ** 2 * t


def steps_off_the_ridge(gradient_descent: Step, height: Fraction, limit: int) -> int:
    """Return the number of steps on x² − y² at lr 1/100 until |y| exceeds 1, or the limit."""
    point = Rational([1, height])
    for count in range(limit):
        if bool(np.abs(point[1]) > 1):
            return count
        point = gradient_descent(point, Rational([2, -2]) * point, lr=Rational(Fraction(1, 100)))
    return limit


@enumeration("network.saddle_zero_gradient", scope="exact, f = x² − y², lr .01, from (1, δ)")
def steps_to_leave_a_saddle(gradient_descent: Step) -> Claims:
    """From distances 10⁻¹, 10⁻³, 10⁻⁶ beside the ridge it takes 117, 349 and 698 steps; on the ridge 1000 do not suffice."""
    for digits, count in ((1, 117), (3, 349), (6, 698)):
        yield steps_off_the_ridge(gradient_descent, Fraction(1, 10**digits), 1000), count
    yield steps_off_the_ridge(gradient_descent, Fraction(0), 1000), 1000


@erratum("E54")
def descent_gets_stuck(gradient_descent: Step) -> Claims:
    """As printed, descent gets stuck in a saddle: beside the ridge it does not leave within 1000 steps."""
    yield steps_off_the_ridge(gradient_descent, Fraction(1, 10**6), 1000), 1000


# --- gauge freedom -----------------------------------------------------------------------------------------------------------------


@proof("network.gauge.relu_rescale", scope="every batch and layer size, all weights, every positive factor")
def same_function_of_other_weights(rescale_units: Step, dense: Step, relu: Step) -> Claims:
    """Scaling the inner weights of a unit by cⱼ > 0 and the outer ones by 1/cⱼ leaves the function unchanged.

    The reason is relu(c z) = c relu(z).
    """
    outer, hidden, factors = tensor("V", n2, n1), tensor("h", m, n1), tensor("c", n1, positive=True)
    scaled, scaled_bias, scaled_outer = rescale_units(weight, bias, outer, factors)
    yield dense(x, scaled, scaled_bias), factors * dense(x, weight, bias)
    yield relu(c * signs), c * relu(signs)
    yield dense(factors * hidden, scaled_outer), dense(hidden, outer)


def slopes_of_two_layers(dense: Step, dense_backward: Step, mask: Any, inputs: Any, weights: Any, above: Any) -> tuple[Any, Any, Any]:
    """Return the gradients by inner weights, biases and outer weights of a ReLU network whose active units are given."""
    inner, biases, outer = weights
    hidden = mask * dense(inputs, inner, biases)
    dh, by_outer, _ = dense_backward(above, hidden, outer)
    _, by_inner, by_bias = dense_backward(mask * dh, inputs, inner)
    return by_inner, by_bias, by_outer


@proof("network.gauge.relu_rescale", scope="every batch and layer size, every pattern of active units, every loss")
def gradients_go_the_other_way(rescale_units: Step, dense: Step, dense_backward: Step, relu_slope: Step) -> Claims:
    """Gradients are divided where weights are multiplied, and ⟨W¹ⱼ, ∂W¹ⱼ⟩ + b¹ⱼ ∂b¹ⱼ = ⟨W²ⱼ, ∂W²ⱼ⟩.

    Hence ‖W¹ⱼ‖² + (b¹ⱼ)² − ‖W²ⱼ‖² is conserved by the gradient flow. ReLU is its slope times z, and the slope is the same at c z.
    """
    outer, above, mask = tensor("V", n2, n1), tensor("dy", m, n2), tensor("M", m, n1)
    factors: Any = tensor("c", n1, positive=True)
    yield relu_slope(c * signs), relu_slope(signs)
    plain = slopes_of_two_layers(dense, dense_backward, mask, x, (weight, bias, outer), above)
    scaled = slopes_of_two_layers(dense, dense_backward, mask, x, rescale_units(weight, bias, outer, factors), above)
    yield scaled, (plain[0] / np.expand_dims(factors, 1), plain[1] / factors, plain[2] * factors)
    yield np.sum(weight * plain[0], axis=1) + bias * plain[1], np.sum(outer * plain[2], axis=0)


NET = Rational([[1, -2], [3, 1], [-1, 1]]), Rational([1, -2, 4]), Rational([[2, -1, 5], [1, 1, -3]])
BATCH = Rational(list(itertools.product((-3, -1, 2, 5), repeat=2)))


@enumeration("network.gauge.relu_rescale", scope="exact: a network of three ReLUs on a grid of 16 points")
def rescaled_by_hand(rescale_units: Step, dense: Step, dense_backward: Step, dense_relu: Step, dense_relu_backward: Step) -> Claims:
    """Outputs are equal and gradients divided, for the factors 3, 1/2 and 7; a negative factor gives another function."""

    def outputs_and_gradients(inner: Any, biases: Any, outer: Any) -> Any:
        h = dense_relu(BATCH, inner, biases)
        y = dense(h, outer)
        dh, by_outer, _ = dense_backward(y, h, outer)
        _, by_inner, by_bias = dense_relu_backward(dh, h, BATCH, inner)
        return y, by_inner, by_bias, by_outer

    factors = Rational([3, Fraction(1, 2), 7])
    y, by_inner, by_bias, by_outer = outputs_and_gradients(*NET)
    scaled = outputs_and_gradients(*rescale_units(*NET, factors))
    yield scaled, (y, by_inner / np.expand_dims(factors, 1), by_bias / factors, by_outer * factors)
    flipped, *_ = outputs_and_gradients(*rescale_units(*NET, Rational([-1, 1, 1])))
    yield bool(np.all(flipped == y)), False


@certified_value("network.gauge.relu_rescale", scope="one unit, factor 2, at 1: ReLU and tanh")
def tanh_has_no_such_freedom(rescale_units: Step, dense: Step, dense_relu: Step, dense_tanh: Step) -> Claims:
    """For ReLU max(1, 0) = max(2, 0)/2, but tanh 1 = .761594 and tanh(2)/2 = .482014."""
    inner, biases, outer = Ball([[1]]), Ball([0]), Ball([[1]])
    scaled = rescale_units(inner, biases, outer, Ball([2]))
    for layer, before, after in ((dense_relu, "1.000000", "1.000000"), (dense_tanh, "0.761594", "0.482014")):
        yield dense(layer(inner, inner, biases), outer), prints_as(before)
        yield dense(layer(inner, scaled[0], scaled[1]), scaled[2]), prints_as(after)


@proof("network.gauge.toy_product", scope="four layers, all weights and inputs; every factor that moves from one layer to another")
def gradients_of_a_product(chain_output: Step, dense: Step, dense_backward: Step) -> Claims:
    """∂z/∂wᵢ is x times the other three weights, by calculus and by backpropagation; a factor may move from one layer to another."""
    value, c_ = symbols("x"), symbols("c", nonzero=True)
    weights = symbols("w", 4)
    others = Symbolic([sp.prod([weight.item() for j, weight in enumerate(weights) if j != i]) for i in range(4)])
    z = chain_output(value, weights)
    yield Symbolic([sp.diff(z.item(), weight.item()) for weight in weights]), value * others
    layers = [np.reshape(weight, (1, 1)) for weight in weights]
    passed = [np.reshape(value, (1, 1))]
    for layer in layers:
        passed.append(dense(passed[-1], layer))
    yield passed[-1][0, 0], z
    above: Any = Symbolic([[1]])
    got: list[Any] = []
    for layer, taken in list(zip(layers, passed[:-1], strict=True))[::-1]:
        above, by_layer, _ = dense_backward(above, taken, layer)
        got = [by_layer[0, 0], *got]
    yield np.stack(got), value * others
    moved = np.stack([weights[0], weights[1] / c_, c_ * weights[2], weights[3]])
    yield chain_output(value, moved), z


@derivative(
    "network.gauge.toy_product",
    scope="certified, x = 1: both settings of the deck",
    table="z = w₄ w₃ w₂ w₁ x at x = 1, and its gradient at two points of one gauge orbit",
)
def two_points_of_one_orbit(chain_output: Step) -> Claims:
    """Both settings give the same z; their gradients differ by a factor of 10⁴."""
    far = [Fraction(1), Fraction(1, 100), Fraction(100), Fraction(1)]
    for weights, slopes in (([Fraction(1)] * 4, ("1", "1", "1", "1")), (far, ("1", "100", "0.01", "1"))):
        row = "w = (" + ", ".join(f"{float(weight):g}" for weight in weights) + ")"
        yield TableCell(chain_output(Rational(1), Rational(weights)), 1, row, "z")
        gradient = jacobian(lambda w: chain_output(Ball(1), w), Ball(weights))[0]
        for i, (got, claimed) in enumerate(zip(gradient, slopes, strict=True), start=1):
            yield TableCell(got, Fraction(claimed), row, f"∂z/∂w{i}")


@proof("network.gauge.permutation", scope="every activation and all weights, up to 4 hidden units: all n! orders; tanh: all 2ⁿ signs")
def hidden_units_have_no_names(dense: Step, dense_tanh: Step) -> Claims:
    """Permuting rows of the first layer and columns of the second together leaves the function unchanged.

    For tanh, so does changing both signs of a unit.
    """
    activation = function("activation")
    sample = symbols("x", 1, 2)
    for size in range(1, 5):
        inner, biases, outer = symbols("W", size, 2), symbols("b", size), symbols("V", 1, size)
        plain = dense(activation(dense(sample, inner, biases)), outer)
        for order in map(list, itertools.permutations(range(size))):
            yield dense(activation(dense(sample, inner[order], biases[order])), outer[:, order]), plain
        odd = dense(dense_tanh(sample, inner, biases), outer)
        for flips in itertools.product((1, -1), repeat=size):
            flip = Symbolic(list(flips))
            yield dense(dense_tanh(sample, np.expand_dims(flip, 1) * inner, flip * biases), flip * outer), odd


@proof("network.gauge.permutation", scope="every number of hidden units, batch and layer size")
def one_term_for_each_unit(dense: Step, dense_tanh: Step) -> Claims:
    """An output is a sum over the hidden units, each term with one unit's own weights, so the order of the units does not matter."""
    j, k = (sp.Symbol(name, integer=True, positive=True) for name in "jk")
    outer = tensor("V", n2, n1)
    unit = sp.tanh(sp.Sum(weight.at(j, k) * x.at(p, k), (k, 1, n0)) + bias.at(j))
    yield Tensor(dense(dense_tanh(x, weight, bias), outer).at(p, q)), Tensor(sp.Sum(outer.at(q, j) * unit, (j, 1, n1)))


@enumeration("network.gauge.permutation", scope="exact: ReLU networks of up to 4 hidden units on a grid of 16 points")
def equivalent_points(dense: Step, dense_relu: Step) -> Claims:
    """n! different sets of weights give the same function."""
    inner, biases, outer = Rational([[1, -2], [3, 1], [-1, 1], [2, 2]]), Rational([1, -2, 4, 0]), Rational([[2, -1, 5, -3]])
    for size, count in ((1, 1), (2, 2), (3, 6), (4, 24)):
        places = [list(order) for order in itertools.permutations(range(size))]
        yield len({str(inner[order]) + str(outer[:, order]) for order in places}), count
        for order in places:
            got = dense(dense_relu(BATCH, inner[order], biases[order]), outer[:, order])
            yield got, dense(dense_relu(BATCH, inner[:size], biases[:size]), outer[:, :size])


@law("network.gauge.permutation", scope="float64, bit for bit", exact=True)
def signs_of_tanh_units(dense: Step, dense_tanh: Step, x: LayerInputs, weight: LayerWeights, bias: LayerBiases) -> Claims:
    """Changing the signs of tanh units leaves the outputs unchanged bit for bit, because a change of sign is exact."""
    yield dense(dense_tanh(x, -weight, -bias), -weight.T), dense(dense_tanh(x, weight, bias), weight.T)


# --- what one layer cannot do ------------------------------------------------------------------------------------------------------

CORNERS = Rational(list(itertools.product((0, 1), repeat=2)))
XOR, XNOR = (-1, 1, 1, -1), (1, -1, -1, 1)
HALVES = [Fraction(k, 2) for k in (-3, -1, 1, 3)]


@enumeration("network.xor", scope="exact: all 16 Boolean functions of two bits")
def fourteen_of_sixteen(dense: Step) -> Claims:
    """Each function has either a separating line, found among 36, or a certificate that none exists.

    Label-signed corners (x, 1) that sum to 0.
    """
    lines = [dense(CORNERS, Rational([w]), Rational([b]))[:, 0] for w in itertools.product((-1, 0, 1), repeat=2) for b in HALVES]
    with_one = np.concatenate([CORNERS, Rational(np.ones((4, 1)))], axis=1)
    for labels in itertools.product((-1, 1), repeat=4):
        separable = any(np.all(Rational(labels) * line > 0) for line in lines)
        yield separable, labels not in (XOR, XNOR)
        yield bool(np.all(Rational(labels) @ with_one == 0)), not separable


@proof("network.xor", scope="every weight and bias")
def no_line_through_all_four(dense: Step) -> Claims:
    """z₀₀ + z₁₁ = z₀₁ + z₁₀, so one pair cannot be positive and the other negative."""
    z = dense(Symbolic([[0, 0], [0, 1], [1, 0], [1, 1]]), symbols("w", 1, 2), symbols("b", 1))[:, 0]
    yield z[0] + z[3], z[1] + z[2]


@enumeration("network.xor", scope="exact, the four corners: two hidden steps, two hidden ReLUs, and the best linear fit")
def one_hidden_layer_is_enough(dense: Step, dense_relu: Step, relu_slope: Step) -> Claims:
    """XOR is [s > 1/2] − [s > 3/2] > 1/2 and relu(s) − 2 relu(s − 1) with s = x₁ + x₂.

    Least squares without a hidden layer gives 1/2 at all corners.
    """
    target = Rational([0, 1, 1, 0])
    both = Rational([[1, 1], [1, 1]])
    step = relu_slope  # 1 above 0, else 0
    hidden = step(dense(CORNERS, both, Rational([Fraction(-1, 2), Fraction(-3, 2)])))
    yield step(dense(hidden, Rational([[1, -1]]), Rational([Fraction(-1, 2)])))[:, 0], target
    yield dense(dense_relu(CORNERS, both, Rational([0, -1])), Rational([[1, -2]]))[:, 0], target
    with_one = np.concatenate([CORNERS, Rational(np.ones((4, 1)))], axis=1)
    fit = np.linalg.solve(with_one.T @ with_one, with_one.T @ target)
    yield dense(CORNERS, np.expand_dims(fit[:2], 0), fit[2:])[:, 0], Rational([Fraction(1, 2)] * 4)


@proof("network.logistic_is_one_layer", scope="every data set, all labels 1 or all −1, hence sample by sample any")
def one_layer_and_a_loss(dense: Step, dense_backward: Step, sigmoid: Step, logistic_loss: Step, logistic_grad: Step) -> Claims:
    """The loss is −log h or −log(1 − h) of a sigmoid unit h without bias; its gradient is that of the layer, with δ = h − [y = 1]."""
    w: Any = tensor("w", n0)
    z = dense(x, np.expand_dims(w, 0))
    for label, share in ((1, sigmoid(z)), (-1, sigmoid(-z))):
        labels = Tensor(sp.Integer(label), tensor("y", m).axes)
        yield logistic_loss(w, x, labels, reduction="sum"), -np.sum(np.log(share))
        delta = sigmoid(z) - Fraction(1 + label, 2)
        yield logistic_grad(w, x, labels, reduction="none"), delta * x
        yield logistic_grad(w, x, labels, reduction="sum"), np.sum(logistic_grad(w, x, labels, reduction="none"), axis=0)
    yield sigmoid(-z), 1 - sigmoid(z)
    delta = tensor("dz", m, 1)
    yield np.sum(dense_backward(delta, x, np.expand_dims(w, 0))[1], axis=0), np.sum(delta * x, axis=0)


@certified_value("network.logistic_is_one_layer", scope="four samples of two inputs, labels of both signs")
def one_layer_by_number(dense: Step, dense_backward: Step, sigmoid: Step, logistic_loss: Step, logistic_grad: Step) -> Claims:
    """Loss and gradient for mixed labels."""
    inputs, w = Ball([[1, 2], [-1, Fraction(1, 2)], [3, -1], [0, 4]]), Ball([Fraction(1, 3), -1])
    signs_, targets = Ball([1, -1, -1, 1]), Ball([[1], [0], [0], [1]])
    h = sigmoid(dense(inputs, np.expand_dims(w, 0)))
    yield logistic_loss(w, inputs, signs_, reduction="sum"), -np.sum(np.log(targets * h + (1 - targets) * (1 - h)))
    _, by_weights, _ = dense_backward(h - targets, inputs, np.expand_dims(w, 0))
    yield logistic_grad(w, inputs, signs_, reduction="sum"), by_weights[0]


# --- what one hidden layer can do --------------------------------------------------------------------------------------------------

start, spacing = symbols("start"), symbols("spacing", positive=True)
part = 1 / (1 + s)  # any part of a cell


@proof("network.universal_approximation", scope="all values, every place in every cell; 2 to 5 knots, start and spacing any")
def line_between_neighbours(relu_interpolant: Step) -> Claims:
    """The interpolant has the given values at the knots, is linear between two of them, and constant before the first."""
    for count in range(2, 6):
        values = symbols("y", count)
        places = np.stack([start - spacing * part, *(start + spacing * i for i in range(count))])
        yield relu_interpolant(places, values, start=start, spacing=spacing), np.concatenate([values[:1], values])
        inside = np.stack([start + spacing * (i + part) for i in range(count - 1)])
        between = (1 - part) * values[:-1] + part * values[1:]
        yield relu_interpolant(inside, values, start=start, spacing=spacing), between


@enumeration("network.universal_approximation", scope="exact: six knots, 41 points, beyond the last knot too; 130 knots")
def it_is_one_hidden_layer(relu_interpolant: Step, dense: Step, dense_relu: Step) -> Claims:
    """The interpolant is a dense layer of five ReLUs of weight 1, one per knot, and a linear layer of the changes of slope."""
    knots, values = [Fraction(k, 2) - 1 for k in range(6)], [Fraction(k) for k in (3, -1, 4, -1, 5, -9)]
    places = Rational([Fraction(k, 8) - 2 for k in range(41)])
    slopes = [2 * (b - a) for a, b in itertools.pairwise(values)]
    bends = [b - a for a, b in itertools.pairwise([Fraction(0), *slopes])]
    hidden = dense_relu(np.expand_dims(places, 1), Rational(np.ones((5, 1))), -Rational(knots[:-1]))
    got = relu_interpolant(places, Rational(values), start=Rational(-1), spacing=Rational(Fraction(1, 2)))
    yield got, dense(hidden, Rational([bends]), Rational(values[:1]))[:, 0]
    yield relu_interpolant(Rational(knots), Rational(values), start=Rational(-1), spacing=Rational(Fraction(1, 2))), Rational(values)
    many = [Fraction(k**2 % 11) for k in range(130)]
    halves = Rational([Fraction(k, 2) for k in range(259)])  # the knots, and the middles between them
    means = [(many[k // 2] + many[(k + 1) // 2]) / 2 for k in range(259)]
    yield relu_interpolant(halves, Rational(many), start=Rational(0), spacing=Rational(1)), Rational(means)


@proof("network.universal_approximation.bound", "network.universal_approximation", scope="every function of |f''| ≤ M, every cell")
def convexity_bounds_the_error(relu_interpolant: Step, interpolation_bound: Step) -> Claims:
    """M x²/2 + f and M x²/2 − f are convex, so each lies below its own interpolant, by r ≥ 0 at any point of an interval.

    Hence bound ± error = r + M h² (1 − 2 u)²/8 ≥ 0, with u the position in the interval; equality holds for f = ∓M x²/2 in the middle.
    """
    ends = symbols("fa fb")
    rest, most = symbols("r M", nonnegative=True)
    place, (left, right) = start + spacing * part, (start, start + spacing)
    for sign in (1, -1):
        bowls = [most * end**2 / 2 + sign * value for end, value in zip((left, right), ends, strict=True)]
        here = sign * ((1 - part) * bowls[0] + part * bowls[1] - rest - most * place**2 / 2)  # f there, by convexity
        (line,) = relu_interpolant(np.stack([place]), np.stack(ends), start=start, spacing=spacing)
        left_over = rest + most * spacing**2 * (1 - 2 * part) ** 2 / 8
        yield interpolation_bound(most, spacing=spacing) + sign * (line - here), left_over
        yield left_over >= 0, True


@certified_value(
    "network.universal_approximation",
    "network.universal_approximation.bound",
    scope="sin 2πx on [0, 1] through 65 knots, in the middle of each of the 64 cells",
    table="One hidden layer of ReLUs through sin 2πx at 65 knots",
)
def sine_of_64_cells(relu_interpolant: Step, interpolation_bound: Step) -> Claims:
    """The error is largest near the extrema, where |f''| is; the bound is h²/8 · 4π²."""
    sine = lambda point: (2 * arb(point.numerator) / point.denominator).sin_pi()  # noqa: E731 - as mathematics
    knots = Ball([sine(Fraction(k, 64)) for k in range(65)])
    middles = [Fraction(2 * k + 1, 128) for k in range(64)]
    spacing_ = Ball(Fraction(1, 64))
    error = np.abs(relu_interpolant(Ball(middles), knots, start=Ball(0), spacing=spacing_) - Ball([sine(middle) for middle in middles]))
    yield TableCell(np.max(error), prints_as("1.203e-3"), "64 cells", "largest error in a middle")
    bound = interpolation_bound(4 * Ball(arb.pi()) ** 2, spacing=spacing_)
    yield TableCell(bound, prints_as("1.205e-3"), "64 cells", "h² max |f''| / 8")
    yield np.all(error <= bound), True


@proof("network.universal_approximation", scope="polynomial activations of degree 1, 2, 3; every number of hidden units, all weights")
def a_polynomial_activation_stays_a_polynomial(dense: Step) -> Claims:
    """For an activation of degree d, the (d + 1)-th difference of the network vanishes for every step.

    So the network is a polynomial of degree d at most.
    """
    place, step = tensor("x", 1, 1), tensor("h", 1, 1)
    inner, outer = tensor("W", n1, 1), tensor("V", 1, n1)
    coefficients = [tensor(f"a{k}", 1, 1) for k in range(4)]
    for degree in (1, 2, 3):

        def network(at: Any) -> Any:
            z = dense(at, inner, bias)
            return dense(sum(a * z**k for k, a in enumerate(coefficients[: degree + 1])), outer)  # noqa: B023 - called at once

        difference = sum((-1) ** k * math.comb(degree + 1, k) * network(place + k * step) for k in range(degree + 2))
        yield difference, 0 * place


@enumeration("network.universal_approximation", scope="exact: |x| on [−1, 1] against all polynomials of degree 2")
def best_quadratic_for_the_modulus(dense: Step) -> Claims:
    """No quadratic approximates |x| better than 1/8, which the network x² + 1/8 attains.

    Weights of total modulus 1 that annihilate every quadratic give 1/8 for |x|. At 0, ±1/2, ±1 the error of x² + 1/8 is ±1/8, and elsewhere
    |x| − x² − 1/8 = 1/8 − (|x| − 1/2)² is within.
    """
    places = Rational([-1, Fraction(-1, 2), 0, Fraction(1, 2), 1])
    functional = Rational([-1, 4, -6, 4, -1]) / 16
    yield np.sum(np.abs(functional)), 1
    yield np.stack([functional @ places**k for k in range(3)]), Rational([0, 0, 0])
    yield functional @ np.abs(places), Fraction(1, 8)
    grid = Rational([Fraction(k, 16) for k in range(-16, 17)])
    quadratic = dense(dense(np.expand_dims(grid, 1), Rational([[1]])) ** 2, Rational([[1]]), Rational([Fraction(1, 8)]))[:, 0]
    yield np.max(np.abs(np.abs(grid) - quadratic)), Fraction(1, 8)
    yield np.abs(grid) - quadratic, Fraction(1, 8) - (np.abs(grid) - Fraction(1, 2)) ** 2


@proof("network.extrapolation", scope="every network that is kept on [0, 1], every place there and beyond, every difference")
def whatever_one_likes_beyond(dense: Step, dense_relu: Step) -> Claims:
    """A further unit that is inactive up to 1 changes nothing on [0, 1] and adds any value d to the output at 1 + s."""
    kept, wanted = symbols("kept d")
    for point, change in ((part, 0), (Symbolic(0), 0), (Symbolic(1), 0), (1 + s, wanted)):
        hidden = dense_relu(np.reshape(point, (1, 1)), Symbolic([[1]]), Symbolic([-1]))
        yield dense(hidden, np.reshape(wanted / s, (1, 1)), np.reshape(kept, (1,)))[0, 0], kept + change


@enumeration("network.extrapolation", scope="exact: two networks on a grid of [−2, 3]")
def two_networks_of_one_interval(dense: Step, dense_relu: Step) -> Claims:
    """x and x − 2 relu(x − 1) as ReLU networks are equal on [0, 1] and differ by 4 at 3."""
    grid = Rational([[Fraction(k, 8)] for k in range(-16, 25)])
    first = dense(dense_relu(grid, Rational([[1]]), Rational([0])), Rational([[1]]))[:, 0]
    second = dense(dense_relu(grid, Rational([[1], [1]]), Rational([0, -1])), Rational([[1, -2]]))[:, 0]
    yield first[:25], second[:25]
    yield first[-1] - second[-1], 4


# --- depth -------------------------------------------------------------------------------------------------------------------------


@proof("network.depth_separation", scope="every depth k and every place, by induction")
def each_level_splits_every_piece(triangle: Step) -> Claims:
    """If the map of level k is v on an interval, from 0 to 1, or 1 − v, then that of level k + 1 is w and 1 − w on its two halves.

    It is v on the one interval of level 0, so level k has 2ᵏ intervals, each with slope ± 2ᵏ, and the slopes alternate: no two form one
    piece.
    """
    within = part  # w, the part of a half
    for rising in (True, False):
        for half, claimed in ((0, within), (1, 1 - within)):
            v = (half + within) / 2
            yield triangle(v if rising else 1 - v), claimed
    yield triangle(Symbolic([0, Fraction(1, 2), 1])), Symbolic([0, 1, 0])


def pieces(values: Any) -> int:
    """Return the number of linear pieces of values at equally spaced points that no kink lies between."""
    slopes = values[1:] - values[:-1]
    return 1 + int(np.sum(np.asarray(slopes[1:] != slopes[:-1])))


def iterated(triangle: Step, x: Any, depth: int) -> Any:
    """Return the triangle map, applied so many times."""
    for _ in range(depth):
        x = triangle(x)
    return x


@enumeration(
    "network.depth_separation",
    scope="exact: levels 1, 2, 3 and 6, and the shallow network of each",
    table="Linear pieces of the triangle map, iterated",
)
def pieces_of_a_deep_network(triangle: Step, relu_interpolant: Step) -> Claims:
    """A deep network of 2 k ReLUs has 2ᵏ pieces; one hidden layer needs 2ᵏ ReLUs, those of its interpolant, which is the same function."""
    for depth in (1, 2, 3, 6):
        size = 2**depth
        places = Rational([Fraction(k, 4 * size) for k in range(4 * size + 1)])
        deep = iterated(triangle, places, depth)
        yield TableCell(pieces(deep), size, f"k = {depth}", "pieces on [0, 1]")
        values = Rational([k % 2 for k in range(size + 1)])
        yield relu_interpolant(places, values, start=Rational(0), spacing=Rational(Fraction(1, size))), deep


@proof("network.depth_separation", scope="every number of hidden units, all weights, every pattern of active units")
def straight_between_kinks(dense: Step) -> Claims:
    """Where no unit changes its state the output is linear in the input, so n units give n kinks and at most n + 1 pieces."""
    place, step, outer, active = tensor("x", 1, 1), tensor("h", 1, 1), tensor("V", 1, n1), tensor("M", n1)
    inner = tensor("W", n1, 1)
    points = [dense(active * dense(place + k * step, inner, bias), outer) for k in range(3)]
    yield points[2] - 2 * points[1] + points[0], 0 * place


@enumeration("network.depth_separation", scope="exact: 60 shallow networks of 1 to 6 ReLUs, kinks at integers")
def pieces_of_shallow_networks(dense: Step, dense_relu: Step) -> Claims:
    """The number of pieces is never more than n + 1, and equal to it where all kinks differ and all outer weights are nonzero."""
    source = np.random.default_rng(4)
    grid = Rational([[k] for k in range(-12, 13)])
    for size in range(1, 7):
        for _ in range(10):
            kinks, directions = source.integers(-9, 10, size), source.choice([-2, -1, 1, 3], size)
            outer = source.choice([-3, -1, 2, 5], size)
            hidden = dense_relu(grid, Rational(np.expand_dims(directions, 1)), Rational(-directions * kinks))
            count = pieces(dense(hidden, Rational(np.expand_dims(outer, 0)))[:, 0])
            yield count <= size + 1, True
            yield (count == size + 1) or len(set(kinks.tolist())) < size, True


@proof("network.depth_separation.product_gate", "network.depth_separation", scope="all u and v; every activation; exp and its limit")
def gate_is_off_by_what_is_no_cubic(product_gate: Step) -> Claims:
    """For a cubic activation the gate gives u v exactly.

    So its error comes from the remainder r of the activation, at most C z⁴ if |σ⁗| ≤ 24 C.

    Then the error is at most C λ² ((u + v)⁴ + (u − v)⁴)/(2 σ″(0)). For r = a₄ z⁴ it is 2 a₄/a₂ λ² u v (u² + v²); exp gives sinh(λu)
    sinh(λv)/λ².
    """
    v, w, a0, a1, a3, a4 = symbols("v w a0 a1 a3 a4")
    a2, scale = symbols("a2", nonzero=True), symbols("scale", positive=True)
    rest = function("rest")
    cubic = lambda z: a0 + a1 * z + a2 * z**2 + a3 * z**3  # noqa: E731 - as mathematics
    four = rest(scale * (v + w)) + rest(-scale * (v + w)) - rest(scale * (v - w)) - rest(-scale * (v - w))
    yield product_gate(v, w, lambda z: cubic(z) + rest(z), scale=scale, bend=2 * a2), v * w + four / (8 * a2 * scale**2)
    quartic = product_gate(v, w, lambda z: cubic(z) + a4 * z**4, scale=scale, bend=2 * a2)
    yield quartic, v * w + 2 * a4 / a2 * scale**2 * v * w * (v**2 + w**2)
    of_exp = product_gate(v, w, np.exp, scale=scale, bend=1)
    sinh = lambda z: (np.exp(scale * z) - np.exp(-scale * z)) / 2  # noqa: E731 - as mathematics
    yield of_exp, sinh(v) * sinh(w) / scale**2
    yield limit(of_exp, scale, 0), v * w


@certified_value(
    "network.depth_separation.product_gate",
    scope="softplus, u = .7, v = −1.3",
    table="The product gate of four softplus units at u = .7, v = −1.3",
)
def gate_by_number(product_gate: Step) -> Claims:
    """The error decreases with the square of the scale."""
    for scale, digits in ((Fraction(1), "0.131"), (Fraction(1, 10), "1.6e-3"), (Fraction(1, 100), "1.7e-5")):
        operands = Ball(Fraction(7, 10)), Ball(Fraction(-13, 10))
        got = product_gate(*operands, lambda z: np.log(1 + np.exp(z)), scale=Ball(scale), bend=Ball(Fraction(1, 4)))
        yield TableCell(got - operands[0] * operands[1], prints_as(digits), f"λ = {float(scale):g}", "error")


# --- dropout -----------------------------------------------------------------------------------------------------------------------


@proof("network.dropout", scope="every input and rate, both values of the mask")
def dropped_or_scaled(dropout: Step) -> Claims:
    """What is dropped is 0, what is kept x/(1 − p): by their probabilities they have the mean x and the variance x² p/(1 − p)."""
    entry, odds = symbols("entry"), symbols("odds", positive=True)
    rate = odds / (1 + odds)
    dropped, kept = (dropout(entry, on + 0 * entry, rate=rate) for on in (0, 1))
    yield dropped, 0
    yield kept * (1 - rate), entry
    yield (1 - rate) * kept + rate * dropped, entry
    yield (1 - rate) * (kept - entry) ** 2 + rate * (dropped - entry) ** 2, entry**2 * odds


@enumeration("network.dropout", scope="exact, all masks of 5 entries, rates 0, 1/4, 1/2")
def every_mask(dropout: Step) -> Claims:
    """Over all masks, each with its probability, every entry has its mean, its variance, and no covariance with another."""
    entries = [Fraction(number) for number in (-2, 0, 1, 3, Fraction(1, 2))]
    for rate in (Fraction(0), Fraction(1, 4), Fraction(1, 2)):
        total, squares = [Fraction(0)] * 5, Rational([[0] * 5] * 5)
        for mask in itertools.product((0, 1), repeat=5):
            chance = math.prod(1 - rate if on else rate for on in mask)
            out = dropout(Rational(entries), Rational(mask), rate=Rational(rate))
            total = Rational(total) + chance * out
            squares = squares + chance * np.expand_dims(out - Rational(entries), 1) * (out - Rational(entries))
        yield total, Rational(entries)
        spread = [[x * x * rate / (1 - rate) if row == column else 0 for column in range(5)] for row, x in enumerate(entries)]
        yield squares, Rational(spread)


@proof("network.drop_path", scope="every number of examples and features, every rate and mask")
def one_mask_for_an_example(drop_path: Step, dropout: Step) -> Claims:
    """It is dropout with the mask of an example in all its entries."""
    kept, rate = tensor("kept", m), tensor("rate")
    yield Tensor(drop_path(x, kept, rate=rate).at(p, q)), dropout(Tensor(x.at(p, q)), Tensor(kept.at(p)), rate=rate)


@enumeration("network.drop_path", scope="exact, all masks of 3 examples of 2 entries, rates 0, 1/4, 1/2")
def every_mask_of_examples(drop_path: Step) -> Claims:
    """Over all masks, each with its probability, entries have their means; those of an example vary together, those of two do not."""
    entries = [[Fraction(1), Fraction(-2)], [Fraction(3), Fraction(1, 2)], [Fraction(0), Fraction(5)]]
    for rate in (Fraction(0), Fraction(1, 4), Fraction(1, 2)):
        mean, products = Rational([[0] * 2] * 3), Rational([[0] * 6] * 6)
        for kept in itertools.product((0, 1), repeat=3):
            chance = math.prod(1 - rate if on else rate for on in kept)
            out = drop_path(Rational(entries), Rational(kept), rate=Rational(rate))
            deviation = np.reshape(out - Rational(entries), 6)
            mean = mean + chance * out
            products = products + chance * np.expand_dims(deviation, 1) * deviation
        yield mean, Rational(entries)
        flat = [(row, entry) for row, values in enumerate(entries) for entry in values]
        yield products, Rational([[a * b * rate / (1 - rate) if i == j else 0 for j, b in flat] for i, a in flat])
