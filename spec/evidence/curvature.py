"""Evidence for reference/curvature.py: the quadratic model, the example of higher orders, Newton, BFGS, conjugate gradients, Path-SGD.

Where a proof needs a hypothesis, such as an orthogonality, it is an identity instead: what must vanish is shown to be a combination of
quantities that vanish by the hypothesis. So it holds for every number n of parameters and gives the induction over steps.
"""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from sympy.polys.fields import FracField

from ...reference.curvature import ConjugateState
from ..arithmetic import Ball, Rational, Symbolic, Tensor, jacobian, symbols, tensor
from . import Claims, Step, certified_value, derivative, enumeration, erratum, law, prints_as, proof
from ._induction import limit

if TYPE_CHECKING:
    from ...reference.domains import Count, Hessian, Inner, Outer, Point, Rate

n = sp.Symbol("n", integer=True, positive=True)


def vector(name: str) -> Any:
    """Return an arbitrary vector of dimension n."""
    return tensor(name, n)


grad, step, change, x, theta, direction, before, other = (vector(name) for name in ("g", "s", "y", "x", "theta", "d", "p", "o"))
square, basis = tensor("A", n, n), tensor("T", n, n)
hessian = square + square.T  # any symmetric matrix
value, share = (Tensor(sp.Symbol(name, real=True)) for name in ("J", "beta"))
rate = Tensor(sp.Symbol("lr", positive=True))

a, b, c, q, r, height = symbols("a b c q r J")
bend, lr, above = symbols("bend lr above", positive=True)


def diagonal(entries: Tensor) -> Tensor:
    """Return the diagonal matrix of a vector."""
    (i, size), (j, _) = entries.axes[0], tensor("j", n).axes[0]
    return Tensor(entries.element * sp.KroneckerDelta(i, j), ((i, size), (j, size)))


identity = diagonal(Tensor(sp.Integer(1), grad.axes))


def matrix(*rows: Any) -> Any:
    """Return a matrix of symbols, row by row."""
    return np.stack([np.stack(row) for row in rows])


def numbers(source: Any, *shape: int) -> Any:
    """Return small random integers as fractions."""
    return Rational(source.integers(-4, 5, shape))


def bowls(sizes: Any) -> Any:
    """Yield a positive definite matrix and two vectors of each size, exact and the same in every run."""
    source = np.random.default_rng(0)
    for size in sizes:
        root = numbers(source, size, size)
        yield root @ root.T + Rational(np.eye(size, dtype=int)), numbers(source, size), numbers(source, size)


# --- the quadratic model -----------------------------------------------------------------------------------------------------------


@proof("curvature.taylor_expansion", scope="every quadratic, point and step, every n")
def exact_for_quadratics(taylor_model: Step) -> Claims:
    """For a quadratic function, the model around any point equals the function."""

    def cost(point: Any) -> Any:
        return value + change @ point + point @ hessian @ point / 2

    yield taylor_model(step, cost(theta), change + hessian @ theta, hessian), cost(theta + step)


@enumeration("curvature.taylor_expansion", scope="exact, a cubic of two variables, all steps from −2 … 2")
def remainder_is_of_third_order(taylor_model: Step) -> Claims:
    """For a cubic function, half the step leaves an eighth of the remainder, which is the cubic form."""
    start = Rational([2, -1])
    slope, curvature = Rational([13, 8]), Rational([[10, 4], [4, -4]])

    def cost(point: Any) -> Any:
        return point[0] ** 3 + point[0] ** 2 * point[1] - 2 * point[1] ** 2 + 5 * point[0]

    def remainder(move: Any) -> Any:
        return cost(start + move) - taylor_model(move, cost(start), slope, curvature)

    for move in map(Rational, itertools.product(range(-2, 3), repeat=2)):
        yield remainder(move), move[0] ** 3 + move[0] ** 2 * move[1]
        yield 8 * remainder(move / 2), remainder(move)


@derivative("curvature.taylor_expansion", scope="certified, exp(x) y + x y³ at two points, three steps")
def same_value_slope_and_curvature(taylor_model: Step) -> Claims:
    """At step 0 the model has the function's value and gradient; at every step its gradient is g + H s."""

    def gradient(point: Any) -> Any:
        return np.stack([np.exp(point[0]) * point[1] + point[1] ** 3, np.exp(point[0]) + 3 * point[0] * point[1] ** 2])

    for point in (np.array([0.5, 2.0]), np.array([-1.0, 0.25])):
        slope, curvature = gradient(Ball(point)), jacobian(gradient, point)
        yield taylor_model(Ball([0, 0]), Ball(7), slope, curvature), 7
        for move in (np.zeros(2), np.array([1.0, -3.0]), np.array([0.25, 8.0])):
            model = functools.partial(taylor_model, value=Ball(7), grad=slope, hessian=curvature)
            yield jacobian(lambda s, model=model: np.stack([model(s)]), move)[0], slope + curvature @ Ball(move)


@proof("curvature.taylor_step", scope="every gradient, Hessian and lr, every n")
def model_at_a_gradient_step(taylor_step: Step, taylor_model: Step) -> Claims:
    """The formula is the model at the step −ε g. The printed one, without ε², differs by (ε² − 1) g·H g / 2."""
    moved = taylor_step(value, grad, hessian, lr=rate)
    yield moved, taylor_model(-rate * grad, value, grad, hessian)
    as_printed = value - rate * (grad @ grad) + grad @ hessian @ grad / 2
    yield moved - as_printed, (rate**2 - 1) * (grad @ hessian @ grad) / 2


@law("curvature.taylor_step", scope="float64, within rounding")
def model_at_a_gradient_step_in_floats(taylor_step: Step, taylor_model: Step, grad: Point, hessian: Hessian, lr: Rate) -> Claims:
    """The formula equals the model at the step −ε g in floats."""
    yield taylor_step(lr, grad, hessian, lr=lr), taylor_model(-lr * grad, lr, grad, hessian)


@proof("curvature.optimal_step", scope="every gradient and Hessian, every n")
def parabola_around_the_optimum(optimal_step: Step, taylor_step: Step) -> Claims:
    """At ε the model lies g·H g (ε − ε*)²/2 above its minimum at ε*, which is (g·g)²/(2 g·H g) below J.

    For eigenvalues λ, ε* λmax − 1 and 1 − ε* λmin are sums of nonnegative terms, so 1/λmax ≤ ε* ≤ 1/λmin.
    """
    curvature = grad @ hessian @ grad
    best = optimal_step(grad, hessian)
    lowest = taylor_step(value, grad, hessian, lr=best)
    yield taylor_step(value, grad, hessian, lr=rate) - lowest, curvature * (rate - best) ** 2 / 2
    yield value - lowest, (grad @ grad) ** 2 / (2 * curvature)
    spectrum, extreme = tensor("lam", n, positive=True), Tensor(sp.Symbol("end", positive=True))
    yield optimal_step(grad, diagonal(spectrum)) * extreme - 1, np.sum((extreme - spectrum) * grad**2) / np.sum(spectrum * grad**2)


@proof(
    "curvature.optimal_step", "curvature.zero", scope="every gradient and Hessian with g·H g ≤ 0, every lr; n = 2, g along the first axis"
)
def no_optimum_without_curvature(optimal_step: Step, taylor_step: Step) -> Claims:
    """If g·H g ≤ 0 the model has no minimum: at g·H g = 0 it decreases as J − ε g·g, and for g·H g < 0 faster.

    Two dimensions suffice, because only the plane of g and H g matters.
    """
    along = np.stack([above, 0 * a])
    flat, bent, saddle = (matrix([curvature, q], [q, r]) for curvature in (0 * bend, bend, -bend))
    yield taylor_step(height, along, flat, lr=lr), height - lr * above**2
    yield taylor_step(height, along, saddle, lr=lr) < height - lr * above**2, True
    yield optimal_step(along, bent), 1 / bend
    yield taylor_step(height, along, bent, lr=lr) >= taylor_step(height, along, bent, lr=optimal_step(along, bent)), True


@enumeration("curvature.optimal_step", scope="exact, random bowls of 1 … 5 variables, rates beside the best")
def beside_the_optimum(optimal_step: Step, taylor_step: Step) -> Claims:
    """Slightly smaller and larger rates give larger values than ε*, and the next gradient is orthogonal to this one."""
    for bowl, slope, _ in bowls(range(1, 6)):
        best = optimal_step(slope, bowl)
        lowest = taylor_step(Rational(0), slope, bowl, lr=best)
        yield slope @ (slope - best * (bowl @ slope)), 0
        for beside in (Fraction(99, 100), Fraction(101, 100)):
            yield bool(taylor_step(Rational(0), slope, bowl, lr=best * beside) > lowest), True


@erratum("E03")
def optimum_at_zero_curvature(taylor_step: Step) -> Claims:
    """As printed, the model has a stationary learning rate also for g·H g = 0."""
    model = taylor_step(height, np.stack([above, 0 * a]), matrix([0 * q, q], [q, r]), lr=lr)
    yield Symbolic(sp.diff(model.item(), lr.item())), 0


@proof("curvature.break_even", scope="every gradient and Hessian, every n")
def cost_rises_exactly_above(break_even_step: Step, optimal_step: Step, taylor_step: Step) -> Claims:
    """At ε the model lies g·H g ε (ε − ε₀)/2 above J, where ε₀ = 2 ε* is the break-even rate.

    At ε₀ the gradient g − ε H g has already grown: its squared norm by 4 g·g/(g·H g)² times an expression that is ≥ 0 by Cauchy and
    Schwarz.
    """
    even = break_even_step(grad, hessian)
    bent = hessian @ grad
    yield even, 2 * optimal_step(grad, hessian)
    yield taylor_step(value, grad, hessian, lr=rate) - value, (grad @ bent) * rate * (rate - even) / 2
    after = grad - even * bent
    excess = (grad @ grad) * (bent @ bent) - (grad @ bent) ** 2
    yield after @ after - grad @ grad, 4 * (grad @ grad) / (grad @ bent) ** 2 * excess
    u, v = vector("u"), vector("v")
    crossed = np.linalg.outer(u, v) - np.linalg.outer(v, u)
    yield (u @ u) * (v @ v) - (u @ v) ** 2, np.sum(crossed**2) / 2


@certified_value("curvature.break_even", scope="J = 5, g = 2, H = 1, at 1 ∓ 1e−5 of the break-even rate")
def either_side(break_even_step: Step, taylor_step: Step) -> Claims:
    """Just below the break-even rate the cost becomes 4.99992, just above it 5.00008."""
    slope, curvature = Ball([2]), Ball([[1]])
    for side, cost in ((-1, "4.99992"), (1, "5.00008")):
        even = break_even_step(slope, curvature) * (1 + Ball(Fraction(side, 10**5)))
        yield taylor_step(Ball(5), slope, curvature, lr=even), prints_as(cost)


@erratum("E15")
def gradient_rises_there(break_even_step: Step) -> Claims:
    """As printed, the break-even rate is where the gradient starts to grow. It grows from a smaller rate on."""
    slope, curvature = np.stack([a, b]), matrix([bend, 0 * q], [0 * q, above])
    after = slope - break_even_step(slope, curvature) * (curvature @ slope)
    yield after @ after, slope @ slope


@enumeration("curvature.zero", scope="exact, J = w + w⁴ at 0, rates 1/4 … 3")
def fourth_order_turns_it(taylor_step: Step) -> Claims:
    """The model decreases at every rate, but the cost ε⁴ − ε after the step exceeds its start exactly for ε > 1."""
    for quarter in range(1, 13):
        epsilon = Rational(Fraction(quarter, 4))
        yield bool(taylor_step(Rational(0), Rational([1]), Rational([[0]]), lr=epsilon) < 0), True
        yield bool(epsilon**4 - epsilon > 0), quarter > 4


@erratum("E16")
def falls_for_even_large_rates(taylor_step: Step) -> Claims:
    """As printed, without curvature the cost itself decreases at every rate. Counterexample: J(w) = w + w⁴ from 0."""
    promised = taylor_step(Symbolic(0), np.stack([1 + 0 * a]), matrix([0 * a]), lr=lr)
    yield promised + lr**4 < 0, True


# --- the toy of higher orders ------------------------------------------------------------------------------------------------------

layers = sp.Symbol("l", integer=True, nonnegative=True)
entered, target = Tensor(sp.Symbol("x", real=True)), Tensor(sp.Symbol("y", real=True))


@proof("curvature.toy_product", scope="every number of layers, input, weight, gradient and lr")
def one_layer_more(chain_output: Step) -> Claims:
    """Without layers the output is x; each layer multiplies it by w − ε g.

    So the sum over sets of moved layers follows by induction over the last layer.

    The term in which only the first three layers are moved is −ε³ x g₁ g₂ g₃ w₄ … wₗ.
    """

    def moved(count: Any) -> Any:
        return tensor("w", count) - rate * tensor("g", count)

    yield chain_output(entered, moved(sp.Integer(0))), entered
    last = Tensor(moved(layers + 1).at(layers + 1))
    yield chain_output(entered, moved(layers + 1)), last * chain_output(entered, moved(layers))
    first, rest = moved(sp.Integer(3)), tensor("v", layers)
    gradients = [sp.IndexedBase("g", real=True)[k] for k in (1, 2, 3)]
    output = chain_output(chain_output(entered, first), rest)
    yield Tensor(sp.diff(expanded(output.element), *gradients)), -(rate**3) * chain_output(entered, rest)


def expanded(element: Any) -> Any:
    """Return an expression with its products of known length multiplied out."""
    return element.replace(lambda e: isinstance(e, sp.Product) and e.limits[0][2].is_Integer, lambda e: e.doit())


@proof("curvature.toy_product", scope="1 … 5 layers, every input, weight, gradient and lr")
def all_sets_of_layers(chain_output: Step) -> Claims:
    """The output after a step is x Σ (−ε)^|S| Π g Π w over all sets S of moved layers."""
    for count in range(1, 6):
        weights, slopes = symbols("w", count), symbols("g", count)
        yield chain_output(a, weights - lr * slopes), sum_over_sets(a, weights, slopes, lr)


def sum_over_sets(start: Any, weights: Any, slopes: Any, epsilon: Any) -> Any:
    """Return x Σ (−ε)^|S| Π g Π w over all sets S."""
    total = 0 * start
    for moved in itertools.product([False, True], repeat=len(weights)):
        factors = [-epsilon * g if hit else w for w, g, hit in zip(weights, slopes, moved, strict=True)]
        total = total + start * math.prod(factors[1:], start=factors[0])
    return total


@enumeration("curvature.toy_product", scope="exact, 1 … 7 layers, random weights and gradients")
def all_sets_by_hand(chain_output: Step) -> Claims:
    """The output after a step equals the sum over all sets of moved layers, computed independently in fractions."""
    source = np.random.default_rng(0)
    for count in range(1, 8):
        weights, slopes, epsilon = numbers(source, count), numbers(source, count), Rational(Fraction(1, 3))
        yield chain_output(Rational(5), weights - epsilon * slopes), sum_over_sets(Rational(5), weights, slopes, epsilon)


@erratum("E17")
def term_without_sign_and_input(chain_output: Step) -> Claims:
    """As printed, the term of the first three layers is ε³ g₁ g₂ g₃ w₄ w₅, without sign and input."""
    weights, slopes = symbols("w", 5), symbols("g", 5)
    output = chain_output(a, weights - lr * slopes).item()
    term = sp.diff(output, *(g.item() for g in slopes[:3])).subs({g.item(): 0 for g in slopes[3:]})
    yield Symbolic(term), lr**3 * weights[3] * weights[4]


@proof(
    "curvature.toy_first_order",
    scope="every number of layers, input, weight and target; the last weight, and products do not mind the order",
)
def gradient_of_the_squared_error(chain_gradient: Step, chain_output: Step) -> Claims:
    """With ŷ = w P, the derivative of (ŷ − y)² by w is 2 (ŷ − y) P. An error of ½ gives half the gradient of an error of 1."""
    rest, weights = chain_output(entered, tensor("w", layers)), tensor("w", layers + 1)
    last = sp.IndexedBase("w", real=True)[layers + 1]
    cost = (Tensor(last) * rest - target) ** 2
    yield Tensor(chain_gradient(entered, weights, target).at(layers + 1)), Tensor(sp.diff(cost.element, last))
    output = chain_output(entered, weights)
    full, half = (chain_gradient(entered, weights, output - error) for error in (Tensor(1), Tensor(sp.Rational(1, 2))))
    yield full, 2 * half


@derivative("curvature.toy_first_order", scope="certified, 1 … 5 layers")
def gradient_is_the_slope(chain_gradient: Step, chain_output: Step) -> Claims:
    """The gradient equals the derivative of the squared error by dual numbers."""
    for count in range(1, 6):
        weights = np.linspace(0.5, 2, count)
        cost = lambda w: np.stack([(chain_output(Ball(3), w) - Ball(2)) ** 2])  # noqa: E731 - read as mathematics
        yield chain_gradient(Ball(3), Ball(weights), Ball(2)), jacobian(cost, weights)[0]


@enumeration("curvature.toy_first_order", scope="exact, error 1; weights 9/10 and 1 … 10 layers; weights 9, 4 layers, ε = .001")
def first_order_misses_its_aim(chain_gradient: Step, chain_output: Step) -> Claims:
    """A step that should reduce the cost to .9 gives .9025 … .9084 at ε = .1/g·g, and at large weights the cost explodes."""
    costs = {1: "0.9025", 2: "0.9040", 4: "0.9052", 10: "0.9084"}
    for count, cost in costs.items():
        weights = Rational([Fraction(9, 10)] * count)
        slopes = chain_gradient(Rational(1), weights, chain_output(Rational(1), weights) - 1)
        epsilon = Rational(Fraction(1, 10)) / (slopes @ slopes)
        yield cost_after(chain_output, weights - epsilon * slopes, weights), prints_as(cost)
    weights = Rational([9] * 4)
    slopes = chain_gradient(Rational(1), weights, chain_output(Rational(1), weights) - 1)
    yield slopes, 2 * 9**3
    yield cost_after(chain_output, weights - slopes / 1000, weights), prints_as("1.1e7")


def cost_after(chain_output: Step, moved: Any, weights: Any) -> Any:
    """Return the squared error after a step from an error of 1."""
    return (chain_output(Rational(1), moved) - chain_output(Rational(1), weights) + 1) ** 2


@enumeration("curvature.order_n_expensive", scope="1 … 6 parameters, orders 1 … 5")
def distinct_derivatives(taylor_model: Step) -> Claims:
    """The model has d first and d (d + 1)/2 second derivatives; the n-th derivative has C(d + n − 1, n) distinct entries."""
    for d in range(1, 7):
        steps, curvatures = symbols("s", d), symbols("h", d, d)
        model = taylor_model(steps, Symbolic(1), symbols("g", d), curvatures + curvatures.T).item()
        degrees = [sum(powers) for powers in sp.Poly(model, *(s.item() for s in steps)).monoms()]
        yield [degrees.count(order) for order in (0, 1, 2)], [1, d, d * (d + 1) // 2]
        for order in range(1, 6):
            yield len(list(itertools.combinations_with_replacement(range(d), order))), math.comb(d + order - 1, order)


@proof("curvature.off_diagonal_toy", scope="every weight, every batch and batch size")
def normalising_removes_mixed_curvature(chain_output: Step) -> Claims:
    """∂²z/∂w₁∂w₃ = x w₂ w₄. When the input of layer 4 is divided by its batch mean, z does not depend on the weights before it."""
    weights, batch = symbols("w", 4), vector("x")
    first, third = weights[0].item(), weights[2].item()
    plain = chain_output(batch, weights)
    yield Tensor(sp.diff(plain.element, first, third), plain.axes), batch * Tensor(weights[1].item() * weights[3].item())
    hidden = chain_output(batch, weights[:3])
    normalised = chain_output(hidden / np.mean(hidden), weights[3:])
    yield normalised, chain_output(batch / np.mean(batch), weights[3:])
    yield Tensor(sp.diff(normalised.element, first, third), normalised.axes), 0 * batch


@enumeration("curvature.off_diagonal_toy", scope="exact, three batches, differences that are exact because z is linear in each weight")
def mixed_differences(chain_output: Step) -> Claims:
    """The mixed difference by w₁ and w₃ is x w₂ w₄, and 0 after normalising."""
    for batch in ([1, 2, 6], [3, -1, 4], [5, 5, -2]):
        xs, weights = Rational(batch), Rational([2, 3, -5, 7])

        def mixed(network: Any, weights: Any = weights) -> Any:
            moved = [weights + Rational([i, 0, j, 0]) for i in (0, 1) for j in (0, 1)]
            return network(moved[3]) - network(moved[2]) - network(moved[1]) + network(moved[0])

        def normalised(w: Any, xs: Any = xs) -> Any:
            hidden = chain_output(xs, w[:3])
            return chain_output(hidden / np.mean(hidden), w[3:])

        yield mixed(functools.partial(chain_output, xs)), xs * 3 * 7
        yield mixed(normalised), 0 * xs


# --- Newton ------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.newton", scope="every quadratic and start, n = 1, 2, 3, whatever the signs of the curvature")
def one_step_on_a_quadratic(newton: Step) -> Claims:
    """One Newton step reaches the point where the gradient vanishes."""
    for size in (1, 2, 3):
        start, best, entries = symbols("x", size), symbols("z", size), symbols("h", size, size)
        curvature = entries + np.transpose(entries)
        yield newton(start, curvature @ (start - best), curvature), best


@enumeration("optimizers.newton", scope="exact, n = 2 … 6 and 12, random Hessians, two dampings")
def damping_by_hand(newton: Step) -> Claims:
    """The damped step s solves (H + λ I) s = −g, in fractions."""
    for bowl, start, slope in bowls((*range(2, 7), 12)):
        for damping in (Rational(Fraction(1, 3)), Rational(20)):
            damped = newton(start, slope, bowl, damping=damping) - start
            yield bowl @ damped + damping * damped, -slope


@proof("optimizers.newton", scope="every gradient, symmetric Hessian and damping, n = 1, 2")
def damping_shifts_the_curvature(newton: Step) -> Claims:
    """The damped step s solves (H + λ I) s = −g. As λ grows it tends to 0, in the direction of −g."""
    for size in (1, 2):
        start, slope, entries = symbols("x", size), symbols("g", size), symbols("h", size, size)
        curvature = entries + np.transpose(entries)
        damped = newton(start, slope, curvature, damping=lr) - start
        yield curvature @ damped + lr * damped, -slope
        yield np.stack([limit(lr * part, lr) for part in damped]), -slope


@proof("optimizers.newton", scope="every change of coordinates θ = T φ, n = 1, 2")
def coordinates_do_not_matter(newton: Step) -> Claims:
    """In coordinates φ the gradient is Tᵀ g and the Hessian Tᵀ H T; Newton's steps lead to the same points."""
    for size in (1, 2):
        change_of, entries = symbols("t", size, size), symbols("h", size, size)
        point, slope, curvature = symbols("x", size), symbols("g", size), entries + np.transpose(entries)
        back = np.transpose(change_of)
        moved = newton(point, back @ slope, back @ curvature @ change_of)
        yield change_of @ moved, newton(change_of @ point, slope, curvature)


@enumeration("optimizers.newton", scope="exact, n = 2 … 6: random bowls, and saddles made of them; random coordinates")
def one_step_by_hand(newton: Step) -> Claims:
    """One step, in fractions, leads to the minimum of a bowl and to the saddle point of a saddle."""
    source = np.random.default_rng(1)
    for bowl, start, best in bowls(range(2, 7)):
        signs = Rational([(-1) ** k for k in range(len(start))])
        for curvature in (bowl, np.expand_dims(signs, 1) * bowl * signs - 30 * Rational(np.eye(len(start), dtype=int))):
            yield newton(start, curvature @ (start - best), curvature), best
        coordinates = numbers(source, len(start), len(start)) + Rational(10 * np.eye(len(start), dtype=int))
        back = np.transpose(coordinates)
        moved = newton(start, back @ best, back @ bowl @ coordinates)
        yield coordinates @ moved, newton(coordinates @ start, best, bowl)


@derivative("optimizers.newton", scope="certified, the gradient of exp(x) y + x y³ + y² at two points")
def linearised_gradient_vanishes(newton: Step) -> Claims:
    """At the new point the gradient, linearised at the old point by dual numbers, is 0."""

    def gradient(point: Any) -> Any:
        return np.stack([np.exp(point[0]) * point[1] + point[1] ** 3, np.exp(point[0]) + 3 * point[0] * point[1] ** 2 + 2 * point[1]])

    for point in (np.array([0.5, 2.0]), np.array([-1.0, 0.25])):
        slope, curvature = gradient(Ball(point)), jacobian(gradient, point)
        moved = newton(Ball(point), slope, (curvature + np.transpose(curvature)) / 2)
        yield slope + curvature @ (moved - Ball(point)), Ball([0, 0])


@erratum("E63")
def velocity_a_step_late(newton: Step) -> Claims:
    """As printed, v[t+1] uses the gradient at w[t] and w[t+1] = w[t] + v[t]; on a parabola this reaches the minimum after three steps."""
    point, velocity, curvature = np.stack([a]), np.stack([0 * a]), matrix([bend])
    for _ in range(3):
        late = newton(point, curvature @ point, curvature) - point
        point, velocity = point + velocity, late
    yield point, 0


# --- BFGS --------------------------------------------------------------------------------------------------------------------------


@proof("optimizers.bfgs", scope="every symmetric inverse, step and change of gradient, every n")
def inverse_update(bfgs: Step) -> Claims:
    """The updated inverse satisfies H' y = s, is symmetric, and x·H' x = w·H w + ρ (s·x)² with w = x − ρ (s·x) y.

    So H' is positive definite if H is and s·y > 0, because both terms vanish only at x = 0; and only then, because y·H' y = s·y.
    """
    rho, updated = 1 / (step @ change), bfgs(hessian, step, change)
    yield updated @ change, step
    yield updated, updated.T
    rest = x - rho * (step @ x) * change
    yield x @ updated @ x, rest @ hessian @ rest + rho * (step @ x) ** 2
    yield change @ updated @ change, step @ change


@proof("optimizers.bfgs.direct", scope="every symmetric Hessian, step and change of gradient, every n")
def direct_update(bfgs_direct: Step) -> Claims:
    """The updated Hessian satisfies B' s = y and is symmetric."""
    updated = bfgs_direct(hessian, step, change)
    yield updated @ step, change
    yield updated, updated.T


@proof("optimizers.bfgs", "optimizers.bfgs.direct", scope="every step and change of gradient, from the identity, every n")
def updates_are_inverse(bfgs: Step, bfgs_direct: Step) -> Claims:
    """From the identity, the two updates give inverse matrices.

    Every positive definite H is T Tᵀ, and both updates commute with a change of coordinates, so they are inverse from every positive
    definite matrix.
    """
    yield bfgs_direct(identity, step, change) @ bfgs(identity, step, change), identity


@proof(
    "optimizers.bfgs", "optimizers.bfgs.direct", scope="every symmetric matrix, step, change of gradient and change of coordinates, every n"
)
def updates_follow_coordinates(bfgs: Step, bfgs_direct: Step) -> Claims:
    """Under s → T s, y → T⁻ᵀ y the inverse becomes T H Tᵀ and the Hessian T⁻ᵀ B T⁻¹, before and after the update."""
    back = basis.T
    yield bfgs(basis @ square @ back, basis @ step, change), basis @ bfgs(square, step, back @ change) @ back
    yield bfgs_direct(back @ square @ basis, step, back @ change), back @ bfgs_direct(square, basis @ step, change) @ basis


@enumeration(
    "optimizers.bfgs",
    "optimizers.bfgs.direct",
    "optimizers.cg",
    scope="exact, random bowls of 1 … 5 variables, exact line search from H = I",
)
def ends_in_n_steps(bfgs: Step, bfgs_direct: Step, conjugate_gradient: Step) -> Claims:
    """With exact line search from H = I the gradient is 0 after n steps. Then H is the inverse of A.

    B H = I in every step, and the points are those of conjugate gradients.
    """
    for bowl, start, best in bowls(range(1, 6)):
        eye = Rational(np.eye(len(start), dtype=int))
        point, inverse, direct = start, eye, eye
        slope = bowl @ (start - best)
        rival, state = start, ConjugateState(slope, -slope)
        for _ in range(len(start)):
            search = -inverse @ slope
            step = -(slope @ search) / (search @ bowl @ search) * search
            point, change = point + step, bowl @ step
            slope = slope + change
            inverse, direct = bfgs(inverse, step, change), bfgs_direct(direct, step, change)
            rival, state = conjugate_gradient(rival, state, bowl)
            yield rival, point
            yield state.grad, slope
            yield direct @ inverse, eye
        yield slope, 0
        yield point, best
        yield inverse @ bowl, eye


# --- L-BFGS ------------------------------------------------------------------------------------------------------------------------


class Operator:
    """A linear map in place of the scale γ: γ q is the value of the map at q."""

    def __init__(self, apply: Any) -> None:
        self.apply = apply

    def __mul__(self, vector: Any) -> Any:
        return self.apply(vector)


@proof("optimizers.lbfgs", "optimizers.bfgs", scope="one pair: every initial matrix, gradient and pair, every n")
def one_pair_is_one_update(lbfgs_direction: Step, bfgs: Step) -> Claims:
    """With one stored pair, the recursion around any matrix H, hence around γ I, is the BFGS update of H applied to the gradient."""
    yield lbfgs_direction(grad, (step,), (change,), scale=Operator(lambda v: square @ v)), -(bfgs(square, step, change) @ grad)
    yield lbfgs_direction(grad, (step,), (change,), scale=rate), -(bfgs(rate * identity, step, change) @ grad)


@proof("optimizers.lbfgs", scope="two pairs: every initial matrix, gradient and pairs, every n")
def newest_pair_goes_around_the_older(lbfgs_direction: Step) -> Claims:
    """The recursion with two pairs is that of the newer pair around that of the older pair, from any matrix.

    The loop body is the same for every pair, so by induction the recursion is −H g of BFGS from γ I through all pairs.
    """
    steps, changes = ([tensor(f"{name}{k}", n) for k in range(2)] for name in "sy")
    first = Operator(lambda v: square @ v)
    older = Operator(lambda v: lbfgs_direction(-v, steps[:1], changes[:1], scale=first))
    yield lbfgs_direction(grad, steps, changes, scale=first), lbfgs_direction(grad, steps[1:], changes[1:], scale=older)


@enumeration(
    "optimizers.lbfgs",
    "optimizers.lbfgs.scale",
    scope="exact, random pairs, memory 1 … 5 in 1 … 5 variables, and 130 in 2, γ = 1 and the usual one",
)
def full_memory_is_bfgs(lbfgs_direction: Step, lbfgs_scale: Step, bfgs: Step) -> Claims:
    """When every pair is kept, the direction is exactly that of BFGS from γ I; and γ y·y = s·y."""
    source = np.random.default_rng(2)
    for bowl, slope, _ in bowls(range(1, 6)):
        for memory in (*range(1, 6), *[130] * (len(slope) == 2)):
            steps = 6 * numbers(source, memory, len(slope)) + 1
            changes = steps @ bowl
            usual = lbfgs_scale(steps[-1], changes[-1])
            yield usual * (changes[-1] @ changes[-1]), steps[-1] @ changes[-1]
            for gamma in (Rational(1), usual):
                inverse = gamma * Rational(np.eye(len(slope), dtype=int))
                for step, change in zip(steps, changes, strict=True):
                    inverse = bfgs(inverse, step, change)
                yield lbfgs_direction(slope, steps, changes, scale=gamma), -inverse @ slope


@proof("optimizers.lbfgs.scale", scope="every step and change of gradient, every n; on quadratics every spectrum")
def scale_fits_the_last_pair(lbfgs_scale: Step) -> Claims:
    """Of all multiples c y, the one with c = γ is nearest to s. s·s/s·y − γ ≥ 0 by Cauchy and Schwarz.

    On a quadratic 1/λmax ≤ γ ≤ 1/λmin.
    """
    gamma = lbfgs_scale(step, change)
    yield np.sum((rate * change - step) ** 2) - np.sum((gamma * change - step) ** 2), (change @ change) * (rate - gamma) ** 2
    crossed = np.linalg.outer(step, change) - np.linalg.outer(change, step)
    yield (step @ step / (step @ change) - gamma) * (step @ change) * (change @ change), np.sum(crossed**2) / 2
    spectrum, extreme = tensor("lam", n, positive=True), Tensor(sp.Symbol("end", positive=True))
    on_quadratic = lbfgs_scale(step, spectrum * step)
    yield on_quadratic * extreme - 1, np.sum((extreme - spectrum) * spectrum * step**2) / np.sum(spectrum**2 * step**2)


# --- conjugate gradients -----------------------------------------------------------------------------------------------------------


@proof("optimizers.cg", scope="every symmetric A, every n: the induction step, given the orthogonalities so far")
def conjugate_by_induction(conjugate_gradient: Step) -> Claims:
    """Directions stay A-orthogonal and gradients orthogonal: what must vanish after a step is a combination of what vanishes before.

    At most n nonzero gradients can be orthogonal, so the gradient is 0 after n steps at the latest.
    """
    point, (after, onward) = conjugate_gradient(theta, ConjugateState(grad, direction), hessian)
    bent = hessian @ direction
    alpha, beta = (grad @ grad) / (direction @ bent), (after @ after) / (grad @ grad)
    yield point - theta, alpha * direction
    yield after - grad, hessian @ (point - theta)  # the gradient stays that of the quadratic
    yield after @ direction, grad @ direction + grad @ grad  # 0 as d·g = −g·g: the line search is exact
    yield after @ onward + after @ after, beta * (after @ direction)  # 0: d'·g' = −g'·g'
    yield onward @ bent, (after @ grad) / alpha  # 0 as g'·g = 0
    yield onward @ hessian @ other, beta * (bent @ other) - after @ hessian @ other  # 0 as A o is a difference of earlier gradients:
    yield after @ other, grad @ other + alpha * (bent @ other)  # 0 for earlier gradients o, which earlier directions span, and directions


@proof("optimizers.cg", scope="every symmetric A, every n: g' ⟂ g, given that d is A-orthogonal to the direction before it")
def next_gradient_is_orthogonal(conjugate_gradient: Step) -> Claims:
    """As d = −g + β p, the product g'·g is a multiple of p·A d, so the next gradient is orthogonal."""
    slope = share * before - direction
    _, (after, _) = conjugate_gradient(theta, ConjugateState(slope, direction), square)
    size = (slope @ slope) / (direction @ square @ direction)
    yield after @ slope, size * share * (before @ square @ direction)


@proof("optimizers.cg", scope="every symmetric 2 × 2 matrix and start; every diagonal 3 × 3 matrix and start, up to units")
def ends_in_two_and_three_steps(conjugate_gradient: Step) -> Claims:
    """The gradient is 0 after as many steps as there are variables. Units of curvature and gradient allow λ₁ = g₁ = 1."""
    yield last_gradient(conjugate_gradient, matrix([a, q], [q, r]), np.stack([b, c])), 0
    zero, one = 0 * a, 0 * a + 1
    spectrum = matrix([one, zero, zero], [zero, a, zero], [zero, zero, r])
    yield last_gradient(conjugate_gradient, spectrum, np.stack([one, b, c])), 0


def last_gradient(conjugate_gradient: Step, bowl: Any, slope: Any) -> Any:
    """Return the gradient after n steps; quotients are reduced in the field of rational functions to keep them small."""
    rational = FracField([name.item() for name in (a, b, c, q, r)], sp.QQ)
    reduced = np.frompyfunc(lambda e: rational.from_expr(e).as_expr(), 1, 1)
    state = ConjugateState(slope, -slope)
    for steps in range(1, len(slope) + 1):
        _, state = conjugate_gradient(0 * slope, state, bowl)
        if steps < len(slope):
            state = ConjugateState(*(Symbolic.wrap(reduced(Symbolic.object_array(part))) for part in state))
    return Symbolic.wrap(reduced(Symbolic.object_array(state.grad)))


@enumeration("optimizers.cg", scope="exact, random bowls of 2 … 8 variables")
def ends_in_as_many_steps(conjugate_gradient: Step) -> Claims:
    """All directions are A-orthogonal, all gradients orthogonal, and the gradient is 0 after n steps and not before, at the minimum."""
    for bowl, start, best in bowls(range(2, 9)):
        point, slope = start, bowl @ (start - best)
        state = ConjugateState(slope, -slope)
        slopes, directions = [], []
        for _ in range(len(start)):
            yield bool(np.sum(state.grad**2) > 0), True
            slopes.append(state.grad)
            directions.append(state.direction)
            point, state = conjugate_gradient(point, state, bowl)
        yield state.grad, 0
        yield point, best
        stacked, conjugate = np.stack(slopes), np.stack(directions)
        off = Rational(1 - np.eye(len(start), dtype=int))
        yield off * (stacked @ stacked.T), 0
        yield off * (conjugate @ bowl @ conjugate.T), 0


@proof("optimizers.cg.fletcher_reeves", "optimizers.cg", scope="every symmetric A, gradient and direction, every n")
def share_of_the_linear_method(fletcher_reeves: Step, conjugate_gradient: Step) -> Claims:
    """The linear method's next direction is −g' + β d with this β."""
    _, (after, onward) = conjugate_gradient(theta, ConjugateState(grad, direction), hessian)
    yield onward + after, fletcher_reeves(after, grad) * direction


@proof(
    "optimizers.cg.polak_ribiere",
    "optimizers.cg.hestenes_stiefel",
    "optimizers.cg.dai_yuan",
    scope="every gradient, change of gradient and direction, every n",
)
def what_each_share_does(fletcher_reeves: Step, polak_ribiere: Step, hestenes_stiefel: Step, dai_yuan: Step) -> Claims:
    """PR is FR − g·g₋/g₋·g₋; with HS the next direction is orthogonal to the change of gradient; DY is d'·g over d·g₋."""
    yield polak_ribiere(grad, before), fletcher_reeves(grad, before) - grad @ before / (before @ before)
    onward = hestenes_stiefel(grad, before, direction) * direction - grad
    yield onward @ (grad - before), 0 * value
    beta = dai_yuan(grad, before, direction)
    yield (beta * direction - grad) @ grad, beta * (direction @ before)


@proof(
    "optimizers.cg.fletcher_reeves",
    "optimizers.cg.polak_ribiere",
    "optimizers.cg.polak_ribiere_plus",
    "optimizers.cg.hestenes_stiefel",
    "optimizers.cg.dai_yuan",
    scope="every triple of gradients and direction that exact line searches leave, in coordinates along them; PR+ for each sign",
)
def shares_agree_after_exact_steps(
    fletcher_reeves: Step, polak_ribiere: Step, polak_ribiere_plus: Step, hestenes_stiefel: Step, dai_yuan: Step
) -> Claims:
    """After exact line searches HS = PR and DY = FR, because g·d = 0. On a quadratic g·g₋ = 0, too, and all of them are ‖g‖²/‖g₋‖².

    The proof uses axes along g₋ and along the previous direction p, orthogonal to it; d = −g₋ + p; the remaining part of g defines a third
    axis.
    """
    zero = 0 * a
    old, along = np.stack([above, zero, zero]), np.stack([-above, b, zero])
    new = np.stack([q * b, q * above, c])
    yield new @ along, 0
    yield hestenes_stiefel(new, old, along), polak_ribiere(new, old)
    yield dai_yuan(new, old, along), fletcher_reeves(new, old)
    new = np.stack([zero, zero, c])
    for beta in (
        fletcher_reeves(new, old),
        polak_ribiere(new, old),
        polak_ribiere_plus(new, old),
        hestenes_stiefel(new, old, along),
        dai_yuan(new, old, along),
    ):
        yield beta, c**2 / above**2
    yield polak_ribiere_plus(np.stack([above]), np.stack([above + bend])), 0
    yield polak_ribiere_plus(np.stack([above + bend]), np.stack([above])), polak_ribiere(np.stack([above + bend]), np.stack([above]))


@enumeration(
    "optimizers.cg.fletcher_reeves",
    "optimizers.cg.polak_ribiere",
    "optimizers.cg.polak_ribiere_plus",
    "optimizers.cg.hestenes_stiefel",
    "optimizers.cg.dai_yuan",
    scope="exact: the steps of the linear method on random bowls of 2 … 6 variables; five numbers where the line search is not exact",
)
def shares_on_quadratics(
    conjugate_gradient: Step,
    fletcher_reeves: Step,
    polak_ribiere: Step,
    polak_ribiere_plus: Step,
    hestenes_stiefel: Step,
    dai_yuan: Step,
) -> Claims:
    """All five values are equal on quadratics.

    They all differ (PR+ from PR, too) for gradients (1, 2) after (3, 4) along (−5, −1) and similar cases.
    """
    for bowl, start, best in bowls(range(2, 7)):
        point, slope = start, bowl @ (start - best)
        state = ConjugateState(slope, -slope)
        for _ in range(len(start) - 1):
            old, along = state
            point, state = conjugate_gradient(point, state, bowl)
            beta = fletcher_reeves(state.grad, old)
            yield polak_ribiere(state.grad, old), beta
            yield polak_ribiere_plus(state.grad, old), beta
            yield hestenes_stiefel(state.grad, old, along), beta
            yield dai_yuan(state.grad, old, along), beta
    new, old, along = Rational([1, 2]), Rational([3, 4]), Rational([-5, -1])
    yield fletcher_reeves(new, old), Fraction(5, 25)
    yield polak_ribiere(new, old), Fraction(-6, 25)
    yield polak_ribiere_plus(new, old), 0
    yield hestenes_stiefel(new, old, along), Fraction(-6, 12)
    yield dai_yuan(new, old, along), Fraction(5, 12)


k = symbols("k", integer=True, nonnegative=True)
z = 1 + bend  # (√κ + 1)/(√κ − 1), any number above 1
angle = symbols("phi")


@proof("optimizers.cg.bound", scope="every condition number above 1 and every k")
def chebyshev_bound(conjugate_gradient_bound: Step) -> Claims:
    """The Chebyshev polynomial Tₖ is at most 1 on the spectrum and (zᵏ + z⁻ᵏ)/2 at 0.

    The polynomial Tₖ/Tₖ(0) therefore leaves less than 2 z⁻ᵏ of the error.

    Conjugate gradients leave no more than any polynomial of degree k that is 1 at 0, because their error is A-orthogonal to all directions
    so far.
    """
    condition = ((z + 1) / (z - 1)) ** 2
    bound = conjugate_gradient_bound(k, condition)
    yield bound, 2 / z**k
    at_zero = lambda m: (z**m + z**-m) / 2  # noqa: E731 - read as mathematics
    middle = (condition + 1) / (condition - 1)  # where 0 goes, as λ₁ … λₙ go to 1 … −1
    yield at_zero(0 * k), 1
    yield at_zero(0 * k + 1), middle
    yield at_zero(k + 2), 2 * middle * at_zero(k + 1) - at_zero(k)  # the recurrence of Tₖ
    inside = lambda m: Symbolic(sp.cos(m.item() * angle.item()))  # noqa: E731 - on the spectrum, x = cos φ
    yield inside(k + 2), 2 * inside(0 * k + 1) * inside(k + 1) - inside(k)
    yield bound - 1 / at_zero(k), 2 / (z**k * (z ** (2 * k) + 1))


@enumeration("optimizers.cg.bound", "optimizers.cg", scope="exact, κ = 4, 9, 25, 100, spectra of 6 and all 0 ≤ k ≤ 6")
def error_stays_below(conjugate_gradient_bound: Step, conjugate_gradient: Step) -> Claims:
    """The squared error in the norm of A is at most the square of the bound, and the error is A-orthogonal to every direction so far."""
    for root in (2, 3, 5, 10):
        for spread in (1, 2):
            spectrum = [1 + Fraction((root**2 - 1) * j**spread, 5**spread) for j in range(6)]
            bowl, point = Rational(np.diag(np.array(spectrum, dtype=object))), Rational([1, -2, 3, 1, 2, -1])
            state = ConjugateState(bowl @ point, -bowl @ point)
            start = point @ bowl @ point
            directions: list[Any] = []
            for steps in range(7):
                yield bool(point @ bowl @ point <= conjugate_gradient_bound(steps, Rational(root**2)) ** 2 * start), True
                for earlier in directions:
                    yield earlier @ bowl @ point, 0
                if steps < 6:
                    directions.append(state.direction)
                    point, state = conjugate_gradient(point, state, bowl)
            yield point, 0
    yield conjugate_gradient_bound(3, Rational(9)), Fraction(1, 4)


# --- Path-SGD ----------------------------------------------------------------------------------------------------------------------

hidden, inputs, outputs = (sp.Symbol(name, integer=True, positive=True) for name in ("h", "m", "o"))


@proof("optimizers.path_sgd", "optimizers.path_sgd.norm", scope="every number of inputs, hidden units and outputs, all positive rescalings")
def rescaling_does_not_matter(path_sgd: Step, path_norm: Step) -> Claims:
    """If hidden units are scaled by c and outgoing weights by 1/c, the step scales like the weights and the norm is unchanged.

    The gradients scale inversely to the weights.
    """
    inner, outer = tensor("W", hidden, inputs), tensor("V", outputs, hidden)
    inner_grad, outer_grad = tensor("a", hidden, inputs), tensor("b", outputs, hidden)
    scale: Any = tensor("c", hidden, positive=True)
    column = np.expand_dims(scale, 1)
    moved_inner, moved_outer = path_sgd(inner, outer, inner_grad, outer_grad, lr=rate)
    scaled = path_sgd(column * inner, outer / scale, inner_grad / column, outer_grad * scale, lr=rate)
    yield scaled[0], column * moved_inner
    yield scaled[1], moved_outer / scale
    yield path_norm(column * inner, outer / scale), path_norm(inner, outer)


@law("optimizers.path_sgd", "optimizers.path_sgd.norm", scope="float64, bit for bit, powers of two", exact=True)
def rescaling_by_powers_of_two(path_sgd: Step, path_norm: Step, inner: Inner, outer: Outer, lr: Rate, steps: Count) -> Claims:
    """Scaling all hidden units by 2ᵏ changes no bit of the step and the norm, apart from the scale."""
    scale = 2.0**steps
    if np.all(inner) and np.all(outer):
        moved = path_sgd(inner, outer, inner, outer, lr=lr)
        scaled = path_sgd(scale * inner, outer / scale, inner / scale, outer * scale, lr=lr)
        yield (scaled[0] / scale, scaled[1] * scale), moved
    yield path_norm(scale * inner, outer / scale), path_norm(inner, outer)


@enumeration(
    "optimizers.path_sgd", "optimizers.path_sgd.norm", scope="exact, all paths of random networks of 1, 2 and 4 inputs, units and outputs"
)
def shares_of_the_paths(path_sgd: Step, path_norm: Step) -> Claims:
    """The norm is the sum over paths of squared products.

    The rate of each weight is divided by the sum over its paths without that weight.
    """
    source = np.random.default_rng(0)
    for ins, units, outs in itertools.product((1, 2, 4), repeat=3):
        inner, outer = 6 * numbers(source, units, ins) + 1, 6 * numbers(source, outs, units) + 1
        paths = list(itertools.product(range(outs), range(units), range(ins)))
        yield path_norm(inner, outer), sum(outer[o, u] ** 2 * inner[u, i] ** 2 for o, u, i in paths)
        ones = Rational(np.ones((units, ins), dtype=int)), Rational(np.ones((outs, units), dtype=int))
        for epsilon, slope in ((Fraction(1, 50), 2), (2, -20), (20, 20)):
            moved_inner, moved_outer = path_sgd(inner, outer, *(slope * part for part in ones), lr=Rational(epsilon))
            for o, u, i in paths:
                yield inner[u, i] - moved_inner[u, i], epsilon * slope / sum(outer[e, u] ** 2 for e in range(outs))
                yield outer[o, u] - moved_outer[o, u], epsilon * slope / sum(inner[u, e] ** 2 for e in range(ins))


@derivative("optimizers.path_sgd", "optimizers.path_sgd.norm", scope="certified, a network of 2 inputs, 3 units, 2 outputs")
def shares_are_slopes_of_the_norm(path_sgd: Step, path_norm: Step) -> Claims:
    """∂γ²/∂w = 2 w κ(w). With w as its own gradient, κ is lr w divided by the step."""
    weights = np.array([1.0, -2.0, 3.0, 0.5, -1.5, 2.5, 1.25, -0.75, 2.0, 1.0, -3.0, 0.25])
    norm = lambda w: np.stack([path_norm(np.reshape(w[:6], (3, 2)), np.reshape(w[6:], (2, 3)))])  # noqa: E731 - read as mathematics
    inner, outer = Ball(weights[:6].reshape(3, 2)), Ball(weights[6:].reshape(2, 3))
    moved = path_sgd(inner, outer, inner, outer, lr=Ball(1))
    for name, part in enumerate((inner, outer)):
        slopes = jacobian(norm, weights)[0][6 * name : 6 * name + 6]
        yield np.reshape(slopes, part.shape), 2 * part * part / (part - moved[name])


@enumeration("optimizers.path_sgd", scope="exact, a ReLU network of 2 inputs, 3 units, 2 outputs; 27 rescalings")
def rescaled_networks_stay_the_same(path_sgd: Step) -> Claims:
    """After a step of Path-SGD the rescaled network computes the same function as the original one.

    After a step of gradient descent it does not.
    """
    source = np.random.default_rng(3)
    inner, outer, entry, aim = numbers(source, 3, 2), numbers(source, 2, 3), Rational([2, 3]), Rational([1, -2])
    inner = inner + Rational([[5, 5], [-5, -5], [5, 5]])

    def network(w: Any, v: Any) -> Any:
        return v @ np.maximum(w @ entry, 0)

    def gradients(w: Any, v: Any) -> Any:
        active, error = np.maximum(w @ entry, 0), network(w, v) - aim
        return np.linalg.outer(np.where(w @ entry > 0, v.T @ error, 0), entry), np.linalg.outer(error, active)

    plain = network(*path_sgd(inner, outer, *gradients(inner, outer), lr=Rational(1)))
    for scales in itertools.product((1, 2, Fraction(1, 3)), repeat=3):
        scale = Rational(list(scales))
        w, v = np.expand_dims(scale, 1) * inner, outer / scale
        yield network(*path_sgd(w, v, *gradients(w, v), lr=Rational(1))), plain
        ends = [
            network(*(part - slope / 1000 for part, slope in zip(weights, gradients(*weights), strict=True)))
            for weights in ((w, v), (inner, outer))
        ]
        yield (
            bool(np.all(ends[0] == ends[1])),
            all(scale == 1 or not bool(unit @ entry > 0) for unit, scale in zip(inner, scales, strict=True)),
        )
