"""Evidence for reference/losses.py: two classes, K classes, squared errors.

A sum over examples is proven for its generic term, under reduction "none", for every number of examples, inputs and classes and every
pattern of labels. One piece of evidence shows that "sum" and "mean" are made of these terms in all formulas.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ..arithmetic import Ball, Rational, Symbolic, Tensor, certified, jacobian, labels, partial, rounding_bound, symbols, tensor
from . import Claims, Step, TableCell, certified_value, derivative, enumeration, erratum, law, presets, prints_as, proof, reproduction
from ._induction import limit

if TYPE_CHECKING:
    from ...reference.domains import Inputs, Signs, Vector

N, K, d, size = (sp.Symbol(name, integer=True, positive=True) for name in ("N", "K", "d", "m"))
i, j, k, p, q = (sp.Symbol(name, integer=True, positive=True) for name in "ijkpq")  # indices of one example, of classes, of inputs

weights, other, inputs, signs = tensor("w", d), tensor("v", d), tensor("x", N, d), tensor("y", N)
rows, moved = tensor("w", K, d), tensor("v", K, d)  # of class weights
scores, logits = tensor("z", N), tensor("z", N, K)
classes = labels("y", N, classes=K)
ONE = Tensor(1)
smoothing = Tensor(sp.Symbol("s", real=True))
outputs, targets = tensor("a", N, size), tensor("b", N, size)

z, r, t, lam = symbols("z r t lam")
above, inside = symbols("above inside", positive=True)


def of_own_class(table: Any, example: Any = i) -> Any:
    """Return the entry of each row at the label of the example."""
    return Tensor(table.at(example, classes.at(example) + 1))


def quadratic(vector: Any, matrix: Any) -> Any:
    """Return v·H v."""
    return vector @ (matrix @ vector)


# --- the examples together ---------------------------------------------------------------------------------------------------------


@proof("loss.reduction", scope="losses and gradients of every number of examples, every shape of one, at two axes")
def mean_is_the_sum_over_their_number(reduced: Step) -> Claims:
    """Reduction "none" returns the losses unchanged, "sum" their sum and "mean" 1/N of it."""
    for losses in (scores, inputs, outputs):
        generic = losses.at(*(i, p)[: len(losses.shape)])
        total = sp.Sum(generic, (i, 1, N))
        one = (p,) if len(losses.shape) == 2 else ()
        yield reduced(losses, reduction="none"), losses
        yield Tensor(reduced(losses, reduction="sum").at(*one)), Tensor(total)
        yield Tensor(reduced(losses, reduction="mean").at(*one)), Tensor(total / N)


@enumeration("loss.reduction", scope="exact, the losses of 1 … 4 examples, numbers, vectors and matrices")
def sums_and_means_by_hand(reduced: Step) -> Claims:
    """The sum is 0 + 1 + 4 + …, in every entry, and the mean that divided by the number of examples."""
    for count, shape in itertools.product(range(1, 5), [(), (3,), (2, 2)]):
        losses = Rational(np.multiply.outer(np.arange(count) ** 2, np.ones(shape, dtype=int)))
        total = sum(n * n for n in range(count))
        yield reduced(losses, reduction="none"), losses
        yield reduced(losses, reduction="sum"), Rational(np.full(shape, total))
        yield reduced(losses, reduction="mean"), Rational(np.full(shape, 1)) * Fraction(total, count)


@proof(
    "loss.logistic",
    "loss.logistic.grad",
    "loss.logistic.hessian",
    "loss.logistic.binary",
    "loss.softmax_xent.logits",
    "loss.squared",
    "loss.huber",
    scope="every number of examples, inputs, classes and outputs, every label",
)
def every_loss_is_reduced_alike(
    logistic_loss: Step,
    logistic_grad: Step,
    logistic_hessian: Step,
    binary_cross_entropy: Step,
    cross_entropy: Step,
    squared_error: Step,
    huber_loss: Step,
) -> Claims:
    """Under "sum" and "mean" these losses are the sum and the mean of the values under "none"."""
    for formula, args, more in (
        (logistic_loss, (weights, inputs, signs), {}),
        (logistic_grad, (weights, inputs, signs), {}),
        (logistic_hessian, (weights, inputs), {}),
        (binary_cross_entropy, (scores, signs), {}),
        (cross_entropy, (logits, classes), {"smoothing": smoothing}),
        (squared_error, (outputs, targets), {"half": False}),
        (squared_error, (outputs, targets), {"half": True}),
    ):
        each, total, mean = (formula(*args, **more, reduction=reduction) for reduction in ("none", "sum", "mean"))
        yield total, np.sum(each, axis=0)
        yield mean, np.sum(each, axis=0) / Tensor(N)
    sizes = np.abs(outputs - targets)  # of Huber's cases, the first and the last
    for size_of_errors in (sizes, -sizes):
        each, total, mean = (
            huber_loss(size_of_errors, 0 * sizes, threshold=Tensor(above.item()), reduction=reduction)
            for reduction in ("none", "sum", "mean")
        )
        yield total, np.sum(each, axis=0)
        yield mean, np.sum(each, axis=0) / Tensor(N)


@proof(
    "loss.softmax_xent",
    "loss.softmax_xent.grad",
    "loss.softmax_xent.hessian",
    scope="every number of examples, inputs and classes, every label",
)
def every_softmax_loss_is_reduced_alike(softmax_loss: Step, softmax_loss_grad: Step, softmax_loss_hessian: Step) -> Claims:
    """Under "sum" and "mean" the losses by class weights are the sum and the mean of the values under "none"."""
    for formula, args in (
        (softmax_loss, (rows, inputs, classes)),
        (softmax_loss_grad, (rows, inputs, classes)),
        (softmax_loss_hessian, (rows, inputs)),
    ):
        each, total, mean = (formula(*args, reduction=reduction) for reduction in ("none", "sum", "mean"))
        yield total, np.sum(each, axis=0)
        yield mean * Tensor(N), total


@proof(
    "loss.logistic.binary.grad",
    "loss.softmax_xent.logits.grad",
    "loss.squared.grad",
    scope="every number of examples, classes and outputs, every label",
)
def what_one_example_enters_has_one_slope(binary_cross_entropy_grad: Step, cross_entropy_grad: Step, squared_error_grad: Step) -> Claims:
    """The gradients by predictions under "sum" are those under "none"; under "mean" they are divided by N."""
    for formula, args, more in (
        (binary_cross_entropy_grad, (scores, signs), {}),
        (cross_entropy_grad, (logits, classes), {"smoothing": smoothing}),
        (squared_error_grad, (outputs, targets), {"half": False}),
        (squared_error_grad, (outputs, targets), {"half": True}),
    ):
        each, total, mean = (formula(*args, **more, reduction=reduction) for reduction in ("none", "sum", "mean"))
        yield total, each
        yield mean * Tensor(N), each


@proof("loss.reduction.weighted", scope="losses and weights of every number of examples, some weight not 0")
def weighted_mean_is_over_the_sum_of_weights(reduced_by_weights: Step, reduced: Step) -> Claims:
    """The sum is that of w times each loss, and the mean times Σ w is the sum; equal weights give the plain mean."""
    weight = tensor("w", N)
    each, total, mean = (reduced_by_weights(scores, weight, reduction=reduction) for reduction in ("none", "sum", "mean"))
    yield each, scores * weight
    yield total, reduced(each, reduction="sum")
    yield mean * np.sum(weight), total
    yield reduced_by_weights(scores, 0 * scores + Tensor(above.item()), reduction="mean"), reduced(scores, reduction="mean")


@enumeration("loss.reduction.weighted", scope="exact, four losses, all 15 sets of examples that are not left out, and three classes")
def examples_left_out(reduced_by_weights: Step) -> Claims:
    """With weights 0 and 1 the mean is that of the examples that are left; a weight 3 counts as three examples."""
    losses = [Fraction(k * k, 3) for k in range(1, 5)]
    for kept in itertools.product((0, 1), repeat=4):
        left = list(itertools.compress(losses, kept))
        if left:
            yield reduced_by_weights(Rational(losses), Rational(kept), reduction="mean"), sum(left) / len(left)
            yield reduced_by_weights(Rational(losses), Rational(kept), reduction="sum"), sum(left)
    yield reduced_by_weights(Rational(losses), Rational([3, 1, 0, 1]), reduction="mean"), (3 * losses[0] + losses[1] + losses[3]) / 5
    yield reduced_by_weights(Rational(losses), Rational([3, 1, 0, 1]), reduction="none"), Rational([3 * losses[0], losses[1], 0, losses[3]])


def in_floats(formula: Step, *args: Any, **more: Any) -> Claims:
    """Claim that in float64 and float32 the value is within the rounding bound of the certified one, so that nothing overflows."""
    for dtype in (np.float64, np.float32):
        given = [arg.astype(dtype) if arg.dtype.kind == "f" else arg for arg in args]
        exact = certified(formula, *given, dtype=dtype, ulps=2.0**10, **more)
        bound = rounding_bound(formula, *given, dtype=dtype, **more)
        got = formula(*given, **more)
        yield np.asarray(got).dtype == dtype, True
        yield np.abs(Ball(np.asarray(got, dtype=float)) - exact) <= Ball(bound), True


FAR = np.array([-1e30, -1e6, -1e3, -800.0, -100.0, -20.0, -1.0, 0.0, 0.5, 20.0, 1e3, 1e6, 1e30])


# --- two classes -------------------------------------------------------------------------------------------------------------------


@proof("loss.sigmoid", scope="every z, arrays of every length")
def one_over_one_plus_exp(sigmoid: Step) -> Claims:
    """σ(z) = 1/(1 + e⁻ᶻ); σ(z) + σ(−z) = 1; σ′ = σ(z) σ(−z) = σ (1 − σ) > 0; σ(0) = ½."""
    value = sigmoid(z)
    yield value, 1 / (1 + np.exp(-z))
    yield sigmoid(scores), 1 / (1 + np.exp(-scores))
    yield value + sigmoid(-z), 1
    slope = Symbolic(sp.diff(value.item(), z.item()))
    yield slope, value * sigmoid(-z)
    yield slope, value * (1 - value)
    yield slope > 0, True
    yield sigmoid(0 * z), Fraction(1, 2)


@certified_value("loss.sigmoid", scope="z from −1e30 to 1e30, float64 and float32")
def sigmoid_far_out(sigmoid: Step) -> Claims:
    """The value is within the rounding bound of the exact one for very large |z|; at ±20 it agrees to ten digits."""
    yield from in_floats(sigmoid, FAR)
    yield certified(sigmoid, -20.0), prints_as("2.061153618e-9")
    yield certified(sigmoid, 20.0), prints_as("0.9999999979388464")


@proof("loss.logistic.probability", scope="every number of examples and inputs, both labels")
def both_labels_add_up_to_one(label_probability: Step) -> Claims:
    """P(y) = 1/(1 + exp(−y w·x)), and P(1) + P(−1) = 1."""
    yield label_probability(weights, inputs, signs), 1 / (1 + np.exp(-signs * (inputs @ weights)))
    yield label_probability(weights, inputs, ONE) + label_probability(weights, inputs, -ONE), ONE


@certified_value("loss.logistic.probability", scope="w·x from −1e30 to 1e30, both labels, float64 and float32")
def probabilities_far_out(label_probability: Step) -> Claims:
    """The value is within the rounding bound of the exact one for very large |w·x|."""
    for label in (1.0, -1.0):
        yield from in_floats(label_probability, np.array([0.5]), 2 * FAR[:, None], np.full(FAR.shape, label))


@erratum("E74")
def labels_zero_and_one(label_probability: Step) -> Claims:
    """As printed, with labels 0 and 1 the two probabilities sum to 1. The label 0 has probability ½ for all weights."""
    row = np.stack([np.stack([r])])
    first, second = (label_probability(np.stack([z]), row, np.stack([label + 0 * z])) for label in (0, 1))
    yield first + second, np.stack([1 + 0 * z])


@proof("loss.logistic", scope="every number of examples and inputs, every label")
def minus_log_of_the_probability(logistic_loss: Step, label_probability: Step) -> Claims:
    """exp(−Eᵢ) = P(yᵢ) for every example."""
    yield np.exp(-logistic_loss(weights, inputs, signs, reduction="none")), label_probability(weights, inputs, signs)


@certified_value("loss.logistic", "loss.logistic.grad", "loss.logistic.hessian", scope="w·x from −1e30 to 1e30, float64 and float32")
def logistic_far_out(logistic_loss: Step, logistic_grad: Step, logistic_hessian: Step) -> Claims:
    """The value is within the rounding bound; at y w·x = −800 it is 800, where the log of the rounded probability would be infinite."""
    weight, column, label = np.array([0.5]), 2 * FAR[:, None], np.ones(FAR.shape)
    yield from in_floats(logistic_loss, weight, column, label, reduction="none")
    yield from in_floats(logistic_grad, weight, column, label, reduction="none")
    yield from in_floats(logistic_hessian, weight, column[np.abs(FAR) < 1e10], reduction="none")
    one = np.ones((1, 1))
    yield logistic_loss(np.array([-800.0]), one, one[0], reduction="sum"), 800.0
    yield -np.log(1 / (1 + np.exp(800.0))), np.inf


@proof("loss.logistic.grad", scope="every number of examples and inputs, every label, under every reduction")
def derivative_of_the_logistic_loss(logistic_grad: Step, logistic_loss: Step) -> Claims:
    """The gradient is the derivative ∂E/∂w of the loss."""
    for reduction in ("sum", "mean"):
        cost, slope = (formula(weights, inputs, signs, reduction=reduction) for formula in (logistic_loss, logistic_grad))
        yield Tensor(partial(cost, "w", p)), Tensor(slope.at(p))


def data(examples: int, width: int) -> tuple[Any, Any, Any]:
    """Return weights, inputs and labels ±1, the same in every run."""
    source = np.random.default_rng(0)
    return source.normal(size=width), source.normal(size=(examples, width)), source.choice([-1.0, 1.0], examples)


@derivative("loss.logistic", "loss.logistic.grad", "loss.logistic.hessian", scope="certified, 7 examples of 3 inputs")
def certified_slopes(logistic_loss: Step, logistic_grad: Step, logistic_hessian: Step) -> Claims:
    """Gradient and Hessian equal the derivatives of the loss and of its gradient by dual numbers."""
    point, given, sign = data(7, 3)
    for reduction in ("sum", "mean"):
        cost = lambda w, how=reduction: np.stack([logistic_loss(w, given, sign, reduction=how)])  # noqa: E731 - read as mathematics
        slope = lambda w, how=reduction: logistic_grad(w, given, sign, reduction=how)  # noqa: E731
        yield slope(Ball(point)), jacobian(cost, point)[0]
        yield logistic_hessian(Ball(point), Ball(given), reduction=reduction), jacobian(slope, point)


@proof("loss.logistic.hessian", scope="every number of examples and inputs, both labels of the generic example")
def second_derivative_of_the_logistic_loss(logistic_hessian: Step, logistic_grad: Step) -> Claims:
    """The Hessian is the second derivative for both labels of an example, so for every pattern of labels."""
    curved = logistic_hessian(weights, inputs, reduction="none")
    for label in (ONE, -ONE):
        slope = logistic_grad(weights, inputs, label, reduction="none")
        yield Tensor(partial(Tensor(slope.at(i, p)), "w", q)), Tensor(curved.at(i, p, q))


@proof("loss.logistic.hessian", "loss.logistic.convex", scope="every number of examples and inputs, every w and v")
def hessian_is_a_sum_of_squares(logistic_hessian: Step, sigmoid: Step) -> Claims:
    """For each example v·H v = s (x·v)² with s > 0, so the sum is 0 exactly if X v = 0, and then H v = 0.

    So H is definite exactly if X has rank d. With λ‖w‖² it gains 2 λ ‖v‖², which is positive.
    """
    along = inputs @ other
    spread = sigmoid(inputs @ weights) * sigmoid(-(inputs @ weights))
    curved = logistic_hessian(weights, inputs, reduction="none")
    bent = np.expand_dims(spread * along, 1) * inputs
    yield np.sum(curved * other, axis=2), bent
    yield np.sum(other * bent, axis=1), spread * along**2
    yield sigmoid(z) * sigmoid(-z) > 0, True
    single = np.stack([np.stack([1 + 0 * z])])
    yield logistic_hessian(np.stack([z]), single, reduction="sum") > 0, True


@proof("loss.logistic.convex", scope="every number of examples and inputs, every w, v and label")
def a_direction_that_no_input_sees(logistic_loss: Step, binary_cross_entropy: Step) -> Claims:
    """E(w + v) depends on X w + X v only, so where X v = 0 it is constant along v: convex, but not strictly."""
    seen = inputs @ weights + inputs @ other
    yield np.exp(logistic_loss(weights + other, inputs, ONE, reduction="none")), np.exp(binary_cross_entropy(seen, ONE, reduction="none"))
    yield (
        np.exp(logistic_loss(weights + other, inputs, -ONE, reduction="none")),
        np.exp(binary_cross_entropy(seen, 0 * ONE, reduction="none")),
    )


@law("loss.logistic.convex", scope="float64, midpoints; examples that rounding alone could decide are left out")
def below_the_chord(logistic_loss: Step, weights: Vector, inputs: Inputs, signs: Signs) -> Claims:
    """At the midpoint the loss is at most the mean of the losses at the ends, here w and −w/2."""
    first, second, middle = (logistic_loss(c * weights, inputs, signs, reduction="sum") for c in (1, -1 / 2, 1 / 4))
    yield bool(2 * middle <= first + second), True


@certified_value("loss.logistic.hessian", scope="inputs of rank 1 and 2, two inputs")
def eigenvalues_by_rank(logistic_hessian: Step) -> Claims:
    """For the inputs (1, 2) and (2, 4) at w·(1, 2) = 0.1 the eigenvalues are 0 and 6.197.

    With a third input of another direction both are positive.
    """
    point = Ball([Fraction(1, 10), 0])
    flat = np.linalg.eigvalsh(logistic_hessian(point, Ball([[1, 2], [2, 4]]), reduction="sum"))
    yield flat[0], 0
    yield flat[1], prints_as("6.197")
    steep = np.linalg.eigvalsh(logistic_hessian(point, Ball([[1, 2], [2, 4], [1, 0]]), reduction="sum"))
    yield steep > 0, True


@erratum("E57")
def always_definite(logistic_hessian: Step) -> Claims:
    """As printed, v·H v > 0 always. Counterexample: inputs along the first axis and v along the second."""
    row = np.stack([np.stack([r, 0 * r])])
    across = Symbolic([0, 1])
    yield quadratic(across, logistic_hessian(np.stack([z, t]), row, reduction="sum")) > 0, True


@proof("loss.logistic.needs_regularization", scope="every number of examples and inputs, every margin m > 0")
def falls_to_a_value_that_it_never_has(logistic_loss: Step) -> Claims:
    """E(t w) is a sum of log(1 + exp(−t m)) with margins m = y w·x > 0: it decreases in t towards 0 and is positive at every w.

    Without separation there is a minimum: for both labels at x = 1, exp E = 4 + (exp(w/2) − exp(−w/2))².
    """
    length = tensor("t")
    margins = np.expand_dims(signs * (inputs @ weights), 1)
    yield (
        logistic_loss(length * weights, inputs, signs, reduction="none"),
        logistic_loss(np.expand_dims(length, 0), margins, ONE, reduction="none"),
    )
    one = np.stack([1 + 0 * z])
    cost = logistic_loss(np.stack([inside]), np.stack([np.stack([above])]), one, reduction="sum")
    yield Symbolic(sp.diff(cost.item(), inside.item())) < 0, True
    yield limit(cost, inside), 0
    yield logistic_loss(np.stack([z]), np.stack([one]), one, reduction="sum") > 0, True
    both = logistic_loss(np.stack([z]), Symbolic([[1], [1]]), Symbolic([1, -1]), reduction="sum")
    yield np.exp(both), 4 + (np.exp(z / 2) - np.exp(-z / 2)) ** 2


@reproduction(
    "loss.logistic.needs_regularization", scope="four examples of margins 1, 1, 1 and 2", table="The loss along a separating direction"
)
def losses_along_a_separating_direction(logistic_loss: Step) -> Claims:
    """The losses tend to 0 at the rate of the smallest margin."""
    given, sign = np.array([[1.0], [-1.0], [1.0], [-2.0]]), np.array([1.0, -1.0, 1.0, -1.0])
    for length, cost in ((1.0, "1.0667"), (10.0, "1.36e-4"), (100.0, "1.1e-43")):
        loss = certified(logistic_loss, np.array([length]), given, sign, reduction="sum")
        yield TableCell(loss, prints_as(cost), f"t = {length:.0f}", "E(t w*)")


@proof("loss.logistic.binary", scope="every number of examples and inputs, every target")
def logistic_loss_of_other_labels(binary_cross_entropy: Step, logistic_loss: Step) -> Claims:
    """For t = (1 + y)/2 with y = ±1 it is the logistic loss; for t between it is the mean of the two with weights t and 1 − t."""
    for label in (ONE, -ONE):
        mine = binary_cross_entropy(inputs @ weights, (1 + label) / 2, reduction="none")
        yield np.exp(mine), np.exp(logistic_loss(weights, inputs, label, reduction="none"))
    share = tensor("t", N)
    yes, no = (binary_cross_entropy(scores, target, reduction="none") for target in (ONE, 0 * ONE))
    yield binary_cross_entropy(scores, share, reduction="none"), share * yes + (1 - share) * no


@proof("loss.logistic.binary.grad", scope="every number of examples, every target")
def derivative_of_the_binary_cross_entropy(binary_cross_entropy_grad: Step, binary_cross_entropy: Step) -> Claims:
    """The gradient is the derivative ∂E/∂z, under each reduction."""
    share = tensor("t", N)
    for reduction in ("sum", "mean"):
        cost, slope = (formula(scores, share, reduction=reduction) for formula in (binary_cross_entropy, binary_cross_entropy_grad))
        yield Tensor(partial(cost, "z", i)), Tensor(slope.at(i))


@certified_value("loss.logistic.binary", "loss.logistic.binary.grad", scope="logits from −1e30 to 1e30, targets 0, ¼, 1, both formats")
def binary_far_out(binary_cross_entropy: Step, binary_cross_entropy_grad: Step) -> Claims:
    """The value is within the rounding bound of the exact one for very large logits; log 2 at z = 0."""
    for share in (0.0, 0.25, 1.0):
        for formula in (binary_cross_entropy, binary_cross_entropy_grad):
            yield from in_floats(formula, FAR, np.full(FAR.shape, share), reduction="none")
        yield certified(binary_cross_entropy, np.zeros(1), np.array([share]), reduction="sum"), prints_as("0.69314718056")


SHARES = tensor("t", N)
heavy, focus = Tensor(sp.Symbol("heavy", positive=True)), Tensor(sp.Symbol("focus", positive=True))


@proof(
    "loss.logistic.binary.weighted",
    "loss.logistic.binary.weighted.grad",
    "loss.focal",
    "loss.focal.grad",
    scope="every number of examples, logits, targets and weights",
)
def slopes_of_losses_of_two_classes(
    weighted_binary_cross_entropy: Step,
    weighted_binary_cross_entropy_grad: Step,
    focal_loss: Step,
    focal_grad: Step,
    binary_cross_entropy: Step,
    binary_cross_entropy_grad: Step,
) -> Claims:
    """Each gradient is the derivative of its loss; at weight 1 and at γ = 0 they are those of the binary cross-entropy.

    An example of the second class costs w log(1 + exp(−z)), and under the focal loss σ(−z)^γ log(1 + exp(−z)).
    """
    for loss, slope, hyper, neutral, labelled in (
        (
            weighted_binary_cross_entropy,
            weighted_binary_cross_entropy_grad,
            {"positive_weight": heavy},
            {"positive_weight": Tensor(1)},
            (SHARES, ONE, 0 * ONE),
        ),
        (focal_loss, focal_grad, {"gamma": focus}, {"gamma": Tensor(0)}, (ONE, ONE, -ONE)),
        (focal_loss, focal_grad, {"gamma": focus}, {"gamma": Tensor(0)}, (-ONE, ONE, -ONE)),
    ):
        every, second, first = labelled
        each = loss(scores, every, **hyper, reduction="none")
        slopes = {reduction: slope(scores, every, **hyper, reduction=reduction) for reduction in ("none", "sum", "mean")}
        yield Tensor(partial(Tensor(each.at(i)), "z", i)), Tensor(slopes["none"].at(i))
        yield slopes["sum"], slopes["none"]
        yield slopes["mean"] * Tensor(N), slopes["none"]
        yield loss(scores, every, **hyper, reduction="sum"), np.sum(each)
        yield loss(scores, every, **hyper, reduction="mean"), np.sum(each) / Tensor(N)
        for label, share in ((second, ONE), (first, 0 * ONE)):
            plain = binary_cross_entropy(scores, share, reduction="none")
            yield np.exp(loss(scores, label, **neutral, reduction="none")), np.exp(plain)
            yield slope(scores, label, **neutral, reduction="none"), binary_cross_entropy_grad(scores, share, reduction="none")


@derivative(
    "loss.logistic.binary.weighted", "loss.logistic.binary.weighted.grad", "loss.focal", "loss.focal.grad", scope="certified, six examples"
)
def certified_slopes_of_losses_of_two_classes(
    weighted_binary_cross_entropy: Step, weighted_binary_cross_entropy_grad: Step, focal_loss: Step, focal_grad: Step
) -> Claims:
    """The gradients equal those by dual numbers; single examples of both classes cost what the sources print."""
    point = np.array([0.5, -1.0, 2.0, 0.25, 3.0, -4.0])
    shares, labels_of_signs = np.array([0.0, 1.0, 0.25, 0.5, 1.0, 0.0]), np.array([1.0, -1.0, -1.0, 1.0, 1.0, -1.0])
    for loss, slope, target, hyper in (
        (weighted_binary_cross_entropy, weighted_binary_cross_entropy_grad, shares, {"positive_weight": Ball(3)}),
        (focal_loss, focal_grad, labels_of_signs, {"gamma": Ball(2)}),
        (focal_loss, focal_grad, labels_of_signs, {"gamma": Ball(0)}),
    ):
        whole = lambda x, loss=loss, target=target, hyper=hyper: np.stack([loss(x, target, **hyper, reduction="mean")])  # noqa: E731 - as mathematics
        yield slope(Ball(point), target, **hyper, reduction="mean"), jacobian(whole, point)[0]
    single, right = Ball([2]), Ball([1])
    cost = np.log(1 + np.exp(-single))
    yield weighted_binary_cross_entropy(single, right, positive_weight=Ball(3), reduction="none"), 3 * cost
    yield weighted_binary_cross_entropy(-single, 0 * right, positive_weight=Ball(3), reduction="none"), cost
    yield focal_loss(single, right, gamma=Ball(2), reduction="none"), cost / (1 + np.exp(single)) ** 2
    yield focal_loss(-single, -right, gamma=Ball(2), reduction="none"), cost / (1 + np.exp(single)) ** 2


# --- K classes ---------------------------------------------------------------------------------------------------------------------


@proof("loss.softmax", scope="every number of classes, every logits and shift")
def exponentials_over_their_sum(softmax: Step, sigmoid: Step) -> Claims:
    """p = exp z / Σ exp z; the entries sum to 1, and a shift of z changes nothing.

    For one class it is 1, for two the sigmoid of their difference.
    """
    value = softmax(logits)
    yield value, np.exp(logits) / np.sum(np.exp(logits), axis=-1, keepdims=True)
    yield np.sum(value, axis=-1), ONE + 0 * scores
    yield softmax(logits + np.expand_dims(tensor("c", N), 1)), value
    yield softmax(tensor("z", N, 1)), np.expand_dims(ONE + 0 * scores, 1)
    pair = tensor("z", N, 2)
    for own, rest in ((1, 2), (2, 1)):
        yield Tensor(softmax(pair).at(i, own)), sigmoid(Tensor(pair.at(i, own)) - Tensor(pair.at(i, rest)))


ROWS = np.array([[1e30, -1e30, 0.0], [1e3, -1e3, 999.0], [-1e3, -1e3, -1e3], [800.0, 0.0, 801.0], [0.5, -0.25, 2.0]])


@certified_value("loss.softmax", scope="logits from −1e30 to 1e30, float64 and float32")
def softmax_far_out(softmax: Step) -> Claims:
    """The value is within the rounding bound of the exact one for very large logits, in one row and in many."""
    yield from in_floats(softmax, ROWS)
    yield from in_floats(softmax, ROWS[1])
    yield from in_floats(softmax, ROWS[None])
    yield certified(softmax, np.array([1e3, 1e3])), Fraction(1, 2)


@proof("loss.softmax.jacobian", scope="every number of classes, every logits")
def derivative_of_the_softmax(softmax_jacobian: Step, softmax: Step) -> Claims:
    """The Jacobian is ∂p/∂z.

    It is symmetric, vanishes on shifts, and v·J v = ½ ΣΣ p p (vⱼ − vₖ)², so it is semidefinite with only shifts in its null space.
    """
    value, slope = softmax(logits), softmax_jacobian(logits)
    yield Tensor(partial(Tensor(value.at(i, j)), "z", i, k)), Tensor(slope.at(i, j, k))
    distinct = slope.at(i, j, k).subs(sp.KroneckerDelta(j, k), 0)
    yield Tensor(distinct), Tensor(distinct.subs({j: k, k: j}, simultaneous=True))
    yield np.sum(slope, axis=2), 0 * logits
    v = tensor("v", K)
    apart = np.expand_dims(v, 1) - v
    pairs = np.expand_dims(value, 2) * np.expand_dims(value, 1)
    yield np.sum(np.expand_dims(v, 1) * v * slope, axis=(1, 2)), np.sum(pairs * apart**2, axis=(1, 2)) / 2


@derivative("loss.softmax", "loss.softmax.jacobian", scope="certified, two rows of four logits: one alone, both, and both in a batch")
def certified_jacobian(softmax_jacobian: Step, softmax: Step) -> Claims:
    """The Jacobian equals the derivative by dual numbers, along the last axis for every number of leading axes."""
    table = np.array([[0.5, -1.0, 2.0, 0.25], [3.0, 1.0, -2.0, 0.0]])
    slopes = np.stack([jacobian(softmax, row) for row in table])
    yield softmax_jacobian(Ball(table)), slopes
    yield softmax_jacobian(Ball(table[0])), slopes[0]
    yield softmax_jacobian(Ball(table[None])), np.expand_dims(slopes, 0)


@proof("loss.log_softmax", "loss.log_softmax.backward", scope="every number of examples and classes")
def log_of_the_softmax(log_softmax: Step, log_softmax_backward: Step, softmax: Step) -> Claims:
    """exp log p = p; the backward formula returns the derivatives of Σ dy ⊙ log p with dy fixed, and each row of it sums to 0."""
    above = tensor("dy", N, K)
    yield np.exp(log_softmax(logits)), softmax(logits)
    got = log_softmax_backward(above, logits)
    yield Tensor(got.at(i, j)), Tensor(partial(np.sum(above * log_softmax(logits)), "z", i, j))
    yield np.sum(got, axis=1), 0 * scores


@derivative("loss.log_softmax", "loss.log_softmax.backward", scope="certified, two rows of four logits: one alone, and both")
def certified_slopes_of_the_log_softmax(log_softmax: Step, log_softmax_backward: Step, softmax: Step) -> Claims:
    """The gradients equal those by dual numbers along the last axis for every number of leading axes; log p is the log of p."""
    table, above = np.array([[0.5, -1.0, 2.0, 0.25], [3.0, 1.0, -2.0, 0.0]]), np.array([[1.0, 2.0, -1.0, 0.5], [0.25, -3.0, 1.0, 2.0]])
    yield log_softmax(Ball(table)), np.log(softmax(Ball(table)))
    yield log_softmax(Ball(table[0])), np.log(softmax(Ball(table[0])))
    slopes = np.stack([Ball(dy) @ jacobian(log_softmax, row) for dy, row in zip(above, table, strict=True)])
    yield log_softmax_backward(Ball(above), Ball(table)), slopes
    yield log_softmax_backward(Ball(above[0]), Ball(table[0])), slopes[0]


@certified_value("loss.log_softmax", scope="logits from −1e30 to 1e30, float64 and float32")
def log_softmax_far_out(log_softmax: Step) -> Claims:
    """The value is within the rounding bound; it is −2000 where a logit is 2000 below the largest."""
    yield from in_floats(log_softmax, ROWS)
    yield log_softmax(np.array([1e3, -1e3])), np.array([0.0, -2000.0])


@proof("loss.softmax_xent.logits", scope="every number of examples and classes, every label, logits and smoothing")
def minus_log_of_the_own_probability(cross_entropy: Step, softmax: Step) -> Claims:
    """exp(−Eᵢ) = p at yᵢ. With smoothing s it is (1 − s) times that loss plus s times the mean of all classes' losses."""
    plain, smoothed, full = (cross_entropy(logits, classes, reduction="none", smoothing=s) for s in (0, smoothing, 1))
    yield np.exp(-Tensor(plain.at(i))), of_own_class(softmax(logits))
    yield plain, cross_entropy(logits, classes, reduction="none")
    yield smoothed, (1 - smoothing) * plain + smoothing * full
    each = sp.Sum(plain.at(i).subs(classes.at(i) + 1, k), (k, 1, K)) / K
    yield Tensor(full.at(i)), Tensor(each)


@proof("loss.softmax_xent.logits.grad", scope="every number of examples and classes, every label, logits and smoothing")
def derivative_of_the_cross_entropy(cross_entropy_grad: Step, cross_entropy: Step) -> Claims:
    """The gradient is the derivative ∂E/∂z, under each reduction; each row sums to 0."""
    for reduction in ("sum", "mean"):
        cost, slope = (
            formula(logits, classes, reduction=reduction, smoothing=smoothing) for formula in (cross_entropy, cross_entropy_grad)
        )
        yield Tensor(partial(cost, "z", i, j)), Tensor(slope.at(i, j))
    yield np.sum(cross_entropy_grad(logits, classes, reduction="none"), axis=1), 0 * scores


@certified_value("loss.softmax_xent.logits", "loss.softmax_xent.logits.grad", scope="logits from −1e30 to 1e30, float64 and float32")
def cross_entropy_far_out(cross_entropy: Step, cross_entropy_grad: Step) -> Claims:
    """The value is within the rounding bound; it is 2000 where the label's logit is −1000 and the largest 1000."""
    for label, smooth in itertools.product(range(3), (0, 0.125)):
        for formula in (cross_entropy, cross_entropy_grad):
            yield from in_floats(formula, ROWS, np.full(len(ROWS), label), reduction="none", smoothing=smooth)
    yield cross_entropy(np.array([[1e3, -1e3]]), np.array([1]), reduction="sum"), 2000.0


@proof("loss.softmax_xent.smoothing", scope="every number of classes from 2 on, every label, logits and smoothing")
def smoothing_among_the_others(cross_entropy: Step) -> Claims:
    """The label keeps 1 − s and each other class has s/(K − 1): that loss is the one with smoothing s K/(K − 1) among all classes."""
    plain = cross_entropy(logits, classes, reduction="none")
    whole = Tensor(K)
    mine = cross_entropy(logits, classes, reduction="none", smoothing=smoothing * whole / (whole - 1))
    every = Tensor(sp.Sum(plain.at(i).subs(classes.at(i) + 1, k), (k, 1, K)))
    own = Tensor(plain.at(i))
    yield Tensor(mine.at(i)), (1 - smoothing) * own + smoothing * (every - own) / (whole - 1)


@certified_value("loss.softmax_xent.smoothing", scope="two to four classes, each label, s = 1/10")
def smoothed_targets_by_hand(cross_entropy: Step) -> Claims:
    """The loss is −Σ t log p with targets t that are 9/10 at the label and share the rest."""
    for count in (2, 3, 4):
        point = Ball([[Fraction(n * n - 3, 2) for n in range(count)]])
        log_p = point - np.log(np.sum(np.exp(point)))
        for label in range(count):
            shares = [Fraction(9, 10) if n == label else Fraction(1, 10 * (count - 1)) for n in range(count)]
            smooth = Ball(Fraction(count, 10 * (count - 1)))
            yield cross_entropy(point, np.array([label]), reduction="sum", smoothing=smooth), -np.sum(Ball(shares) * log_p)


@proof("loss.softmax_xent.chunked", scope="every two chunks of examples and of classes, logits, labels and inputs")
def parts_of_a_sum(cross_entropy: Step, softmax_loss_grad: Step) -> Claims:
    """Of N + M examples the sum is that of both parts: one more example adds its own loss and gradient, so any number do, by induction.

    exp of the loss over classes of two chunks is the sum of both chunks' sums, over the exponential of the label's logit.
    """
    more = tensor("z", N + 1, K)
    labels_of_more = labels("y", N + 1, classes=K)
    whole = cross_entropy(more, labels_of_more, reduction="sum")
    last = Tensor(cross_entropy(more, labels_of_more, reduction="none").at(N + 1))
    first = cross_entropy(logits, classes, reduction="sum")
    yield whole, first + last
    yield cross_entropy(more, labels_of_more, reduction="mean") * (Tensor(N) + 1), first + last
    one, two = Tensor(sp.Symbol("one", real=True)), Tensor(sp.Symbol("two", real=True))
    yield np.exp(np.log(np.exp(one) + np.exp(two))), np.exp(one) + np.exp(two)


@derivative(
    "loss.softmax_xent.chunked", scope="certified, 6 examples of 3 inputs and 4 classes, in every two chunks of examples and classes"
)
def chunks_of_a_batch(softmax_loss: Step, softmax_loss_grad: Step, cross_entropy: Step) -> Claims:
    """Losses and gradients of both chunks add up to those of the batch, and a loss follows from the sums of both chunks of classes."""
    features, named = data_of_classes()
    table = Ball(np.array([[0.5, -1.0, 0.25], [1.0, 0.0, -0.5], [-0.25, 2.0, 1.0], [0.0, 0.5, 0.75]]))
    for formula in (softmax_loss, softmax_loss_grad):
        whole = formula(table, Ball(features), named, reduction="sum")
        for cut in range(1, 6):
            parts = [formula(table, Ball(features[part]), named[part], reduction="sum") for part in (slice(cut), slice(cut, None))]
            yield parts[0] + parts[1], whole
            means = [formula(table, Ball(features[part]), named[part], reduction="mean") for part in (slice(cut), slice(cut, None))]
            yield (cut * means[0] + (6 - cut) * means[1]) / 6, formula(table, Ball(features), named, reduction="mean")
    scores_of_all = Ball(features) @ table.T
    for cut in range(1, 4):
        of_chunks = [np.log(np.sum(np.exp(scores_of_all[:, part]), axis=1)) for part in (slice(cut), slice(cut, None))]
        own = np.stack([row[label] for row, label in zip(scores_of_all, named, strict=True)])
        yield cross_entropy(scores_of_all, named, reduction="none"), np.log(np.exp(of_chunks[0]) + np.exp(of_chunks[1])) - own


def data_of_classes() -> tuple[Any, Any]:
    """Return six examples of three inputs, and their labels of four classes."""
    return np.array([[n % 3 - 1.0, n / 4, 1.0 - n % 2] for n in range(6)]), np.array([0, 3, 1, 2, 2, 0])


@proof(
    "loss.softmax_xent.logits.weighted",
    "loss.softmax_xent.logits.weighted.grad",
    scope="every number of examples and classes, every label, logits and weights",
)
def weights_and_masks(
    weighted_cross_entropy: Step, weighted_cross_entropy_grad: Step, cross_entropy: Step, reduced_by_weights: Step
) -> Claims:
    """Each loss is multiplied by its weight, and the mean divided by their sum; the gradients are the derivatives."""
    weight = tensor("w", N)
    plain = cross_entropy(logits, classes, reduction="none")
    for reduction in ("none", "sum", "mean"):
        cost = weighted_cross_entropy(logits, classes, weight, reduction=reduction)
        yield cost, reduced_by_weights(plain, weight, reduction=reduction)
        slope = weighted_cross_entropy_grad(logits, classes, weight, reduction=reduction)
        yield Tensor(partial(Tensor(cost.at(i)) if reduction == "none" else cost, "z", i, j)), Tensor(slope.at(i, j))


@derivative(
    "loss.softmax_xent.logits.weighted",
    "loss.softmax_xent.logits.weighted.grad",
    scope="certified, 6 examples of 4 classes, masks and weights",
)
def certified_slopes_with_weights(weighted_cross_entropy: Step, weighted_cross_entropy_grad: Step, cross_entropy: Step) -> Claims:
    """The gradients equal those by dual numbers; a mask leaves out what it hides."""
    _, named = data_of_classes()
    point = np.array([[n * column / 4 - column**2 / 8 for column in range(4)] for n in range(6)])
    for weight in ([1, 0, 1, 1, 0, 1], [2, 1, 0, 3, 1, 1]):
        for reduction in ("sum", "mean"):
            whole = lambda x, weight=weight, reduction=reduction: np.stack(  # noqa: E731 - read as mathematics
                [weighted_cross_entropy(np.reshape(x, point.shape), named, Ball(weight), reduction=reduction)]
            )
            slope = weighted_cross_entropy_grad(Ball(point), named, Ball(weight), reduction=reduction)
            yield np.reshape(slope, (-1,)), jacobian(whole, point.ravel())[0]
    left = [0, 2, 3, 5]
    masked = weighted_cross_entropy(Ball(point), named, Ball([1, 0, 1, 1, 0, 1]), reduction="mean")
    yield masked, cross_entropy(Ball(point[left]), named[left], reduction="mean")


CLIP = Fraction(1, 16)


@proof(
    "loss.logistic.binary.probability",
    "loss.logistic.binary",
    scope="every number of examples, targets and probabilities within the clip, at and beyond it",
)
def clipped_probabilities(binary_cross_entropy_of_probabilities: Step, binary_cross_entropy: Step) -> Claims:
    """Within the clip it is the binary cross-entropy of logits; beyond it, that of the ends: −t log q − (1 − t) log(1 − q)."""
    u, v, share = symbols("u v share", positive=True)
    least = 1 / (2 + u)
    for probability, clipped in ((least + v / (1 + v) * (1 - 2 * least), None), (least / (1 + v), least), (1 - least / (1 + v), 1 - least)):
        p = probability if clipped is None else clipped
        got = binary_cross_entropy_of_probabilities(np.stack([probability]), np.stack([share]), eps=least, reduction="none")
        yield got, np.stack([-share * np.log(p) - (1 - share) * np.log(1 - p)])


@certified_value("loss.logistic.binary.probability", scope="probabilities 0 … 1 in sixteenths, targets 0, 1/4, 1, clipped at 1/16; logits")
def probabilities_by_hand(binary_cross_entropy_of_probabilities: Step, binary_cross_entropy: Step) -> Claims:
    """The largest loss is −log ε; within the clip the loss is that of the logits."""
    for n, share, reduction in itertools.product(range(17), (Fraction(0), Fraction(1, 4), Fraction(1)), ("none", "sum", "mean")):
        p = Ball(min(max(Fraction(n, 16), CLIP), 1 - CLIP))
        expected = -Ball(share) * np.log(p) - (1 - Ball(share)) * np.log(1 - p)
        pair = Ball([Fraction(n, 16)] * 2)
        got = binary_cross_entropy_of_probabilities(pair, Ball([share] * 2), eps=Ball(CLIP), reduction=reduction)
        yield got, np.stack([expected, expected]) if reduction == "none" else expected * (2 if reduction == "sum" else 1)
    z_ball = Ball([-2, 0, 1])
    same = binary_cross_entropy_of_probabilities(1 / (1 + np.exp(-z_ball)), Ball([0, 1, 1]), eps=Ball(CLIP), reduction="none")
    yield same, binary_cross_entropy(z_ball, Ball([0, 1, 1]), reduction="none")


@certified_value(
    "loss.softmax_xent.probability", scope="all probabilities k/8 of three classes, each label, clipped at 1/16, at three scales"
)
def shares_by_hand(cross_entropy_of_probabilities: Step, cross_entropy: Step) -> Claims:
    """Minus the logarithm of the label's share, clipped; numbers in proportion to the shares have the same loss."""
    for parts in itertools.product((1, 2, 7), (1, 5), (1, 9)):
        for label, scale in itertools.product(range(3), (Fraction(1, sum(parts)), Fraction(1), Fraction(3))):
            share = min(max(Fraction(parts[label], sum(parts)), CLIP), 1 - CLIP)
            rows_of = Ball([[scale * part for part in parts]] * 2)
            for reduction, times in (("sum", 2), ("mean", 1)):
                got = cross_entropy_of_probabilities(rows_of, np.array([label] * 2), eps=Ball(CLIP), reduction=reduction)
                yield got, -times * np.log(Ball(share))
    point = Ball([[0, 1, 2]])
    same = cross_entropy_of_probabilities(np.exp(point), np.array([1]), eps=Ball(CLIP), reduction="sum")
    yield same, cross_entropy(point, np.array([1]), reduction="sum")


@proof("loss.softmax_xent.probability", scope="two classes, both labels, every share: within the clip, at its ends and beyond them")
def shares_and_their_clip(cross_entropy_of_probabilities: Step) -> Claims:
    """−log of the label's part of the sum, or of the nearer end of the clip."""
    u, v, total = symbols("u v total", positive=True)
    least = 1 / (2 + u)
    for share, clipped in ((least + v / (1 + v) * (1 - 2 * least), None), (least / (1 + v), least), (1 - least / (1 + v), 1 - least)):
        pair = np.stack([np.stack([total * share, total * (1 - share)])])
        for label, own in ((0, share if clipped is None else clipped), (1, 1 - share if clipped is None else 1 - clipped)):
            yield cross_entropy_of_probabilities(pair, np.array([label]), eps=least, reduction="none"), np.stack([-np.log(own)])


@proof("loss.kl", "loss.kl.grad", scope="every number of examples and classes, positive targets; targets 0 and 1")
def mean_of_the_difference_of_logarithms(kl_divergence: Step, kl_grad: Step) -> Claims:
    """Σ t (log t − log q), whose derivative by log q is −t; a share 0 adds nothing, and of a target 1 minus log q is left."""
    shares = tensor("t", N, K, positive=True)
    each = kl_divergence(logits, shares, reduction="none")
    yield each, np.sum(shares * (np.log(shares) - logits), axis=1)
    for reduction in ("sum", "mean"):
        cost, slope = kl_divergence(logits, shares, reduction=reduction), kl_grad(logits, shares, reduction=reduction)
        yield Tensor(partial(cost, "z", i, j)), Tensor(slope.at(i, j))
    yield kl_divergence(logits, shares, reduction="sum"), np.sum(each)
    yield kl_divergence(logits, shares, reduction="mean") * Tensor(N), np.sum(each)
    yield kl_grad(logits, shares, reduction="none"), 0 * logits - shares
    pair = symbols("q", 1, 2)
    yield kl_divergence(pair, Symbolic([[1, 0]]), reduction="none"), -pair[:, 0]
    yield kl_divergence(pair, Symbolic([[0, 0]]), reduction="none"), 0 * pair[:, 0]


@derivative("loss.kl", "loss.kl.grad", scope="certified, all targets k/4 of three classes, against (1/2, 1/4, 1/4)")
def divergences_by_hand(kl_divergence: Step, kl_grad: Step, cross_entropy: Step) -> Claims:
    """Σ t log(t/q), 0 for equal ones; the gradients by dual numbers are −t; with one class certain it is the cross-entropy."""
    others = [Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)]
    log_q = np.log(Ball([others, others]))
    for first, second in itertools.product(range(5), repeat=2):
        if first + second > 4:
            continue
        shares = [Fraction(first, 4), Fraction(second, 4), Fraction(4 - first - second, 4)]
        terms = [Ball(t) * np.log(Ball(t) / Ball(q)) for t, q in zip(shares, others, strict=True) if t]
        for reduction, times in (("sum", 2), ("mean", 1)):
            yield kl_divergence(log_q, Ball([shares] * 2), reduction=reduction), times * sum(terms, Ball(0))
            of_one = lambda x, shares=shares, reduction=reduction: np.stack(  # noqa: E731 - read as mathematics
                [kl_divergence(np.expand_dims(x, 0), Ball([shares]), reduction=reduction)]
            )
            yield kl_grad(log_q[:1], Ball([shares]), reduction=reduction)[0], jacobian(of_one, log_q[0])[0]
    certain = kl_divergence(log_q[:1], Ball([[0, 1, 0]]), reduction="sum")
    yield certain, cross_entropy(log_q[:1], np.array([1]), reduction="sum")


@proof("loss.triplet", scope="every number of outputs, margins; distances on both sides of the kink and at it")
def nearer_by_a_margin(triplet_loss: Step) -> Claims:
    """On a line: an anchor at 0, its like at p and the other at n cost p² − n² + m where that is positive, and nothing elsewhere."""
    own, rest, margin, excess = symbols("own rest margin excess", positive=True)
    column = lambda value: np.stack([np.stack([value])])  # noqa: E731 - read as mathematics
    start = z
    for near, far, least, cost in (
        (own, rest, own**2 + rest**2 + excess, 2 * own**2 + excess),
        (own, np.sqrt(own**2 + margin + excess), margin, 0),
        (own, np.sqrt(own**2 + margin), margin, 0),
        (own, own, margin, margin),
        (own, own, 0 * margin, 0),
    ):
        for reduction in ("sum", "mean"):
            got = triplet_loss(column(start), column(start + near), column(start - far), margin=least, reduction=reduction)
            yield got, cost


@enumeration(
    "loss.triplet", scope="exact, all points of two outputs from −1, 0, 2 for the positive and negative, two examples, margins 0, 1, 1/2"
)
def triplets_by_hand(triplet_loss: Step) -> Claims:
    """Squares of differences added up, output by output, in fractions."""
    anchor = (1, -1)
    for first, second, margin in itertools.product(
        itertools.product((-1, 0, 2), repeat=2), itertools.product((-1, 0, 2), repeat=2), (Fraction(0), Fraction(1), Fraction(1, 2))
    ):
        apart = [sum((a - b) ** 2 for a, b in zip(anchor, other_point, strict=True)) for other_point in (first, second)]
        costs: Any = [max(apart[0] - apart[1] + margin, 0), max(apart[1] - apart[0] + margin, 0)]
        batch = [Rational(points) for points in ([anchor, anchor], [first, second], [second, first])]
        for reduction, cost in (("none", Rational(costs)), ("sum", sum(costs)), ("mean", Fraction(sum(costs)) / 2)):
            yield triplet_loss(*batch, margin=Rational(margin), reduction=reduction), cost


@proof("loss.info_nce", "loss.softmax_xent.logits", scope="every number of queries and outputs, every temperature")
def own_key_among_all(info_nce: Step) -> Claims:
    """exp of a loss is the sum of exp(q·k/τ) over all keys, over that of the own one."""
    queries, keys = tensor("q", N, d), tensor("k", N, d)
    warmth = Tensor(sp.Symbol("warmth", positive=True))
    each = info_nce(queries, keys, temperature=warmth, reduction="none")
    inner = queries @ keys.T / warmth
    total = Tensor(np.sum(np.exp(inner), axis=1).at(i))
    yield np.exp(Tensor(each.at(i))), total / np.exp(Tensor(inner.at(i, i)))
    yield info_nce(queries, keys, temperature=warmth, reduction="sum"), np.sum(each)
    yield info_nce(queries, keys, temperature=warmth, reduction="mean") * Tensor(N), np.sum(each)


@certified_value("loss.info_nce", scope="three queries of two outputs, the temperature of CLIP and 1, logits up to 100")
def queries_by_hand(info_nce: Step, cross_entropy: Step) -> Claims:
    """It is the cross-entropy of the inner products over the temperature, with labels 0, 1, 2; both directions differ."""
    queries, keys = Ball([[1, 0], [2, 3], [-1, 1]]), Ball([[1, 1], [0, 2], [-2, 1]])
    for warmth in (presets("loss.info_nce")[0]["temperature"], Fraction(1)):
        for left, right in ((queries, keys), (keys, queries)):
            for reduction in ("none", "sum", "mean"):
                got = info_nce(left, right, temperature=Ball(warmth), reduction=reduction)
                yield got, cross_entropy(left @ right.T / Ball(warmth), np.arange(3), reduction=reduction)


@proof("loss.z", "loss.z.grad", scope="every number of examples and classes, every logits and weight")
def squared_logarithm_of_the_denominator(z_loss: Step, z_loss_grad: Step) -> Claims:
    """The penalty is λ times the square of log Σ exp z, and its gradient the derivative; both are reduced as every loss."""
    each = z_loss(logits, weight=smoothing, reduction="none")
    yield each, smoothing * np.log(np.sum(np.exp(logits), axis=1)) ** 2
    got = z_loss_grad(logits, weight=smoothing, reduction="none")
    yield Tensor(partial(Tensor(each.at(i)), "z", i, j)), Tensor(got.at(i, j))
    yield z_loss_grad(logits, weight=smoothing, reduction="mean") * Tensor(N), got
    yield z_loss(logits, weight=smoothing, reduction="mean") * Tensor(N), np.sum(each)


@certified_value(
    "loss.softmax",
    "loss.log_softmax",
    "loss.softmax.jacobian",
    "loss.softmax_xent.logits",
    "loss.softmax_xent.logits.grad",
    "loss.softmax_xent.grad",
    "loss.z",
    "loss.z.grad",
    scope="logits that are logarithms of integers, 1, 2, 7 and 130 classes, ties among them",
)
def shares_of_whole_numbers(
    softmax: Step,
    log_softmax: Step,
    softmax_jacobian: Step,
    cross_entropy: Step,
    cross_entropy_grad: Step,
    softmax_loss_grad: Step,
    z_loss: Step,
    z_loss_grad: Step,
) -> Claims:
    """The softmax of log k is k / Σ k, in fractions; the losses and their gradients follow."""
    for classes in (1, 2, 7, 130):
        every, numbers = np.arange(0, classes, 1 + classes // 8), [1 + k**2 % 11 for k in range(classes)]
        total, logits = sum(numbers), np.log(Ball([numbers] * len(every)))
        shares, eye = Ball([Fraction(k, total) for k in numbers]), Ball(np.eye(classes, dtype=int))
        own = eye[every]
        yield softmax(logits), shares + 0 * own
        yield log_softmax(logits), np.log(shares) + 0 * own
        yield softmax_jacobian(logits[0]), eye * shares - np.linalg.outer(shares, shares)
        yield cross_entropy(logits, every, reduction="none"), -np.log(shares[every])
        yield cross_entropy_grad(logits, every, reduction="sum"), shares - own
        column, one = np.expand_dims(logits[0], 1), Ball(np.ones((len(every), 1), dtype=int))
        slopes = len(every) * shares - np.sum(own, axis=0)
        yield softmax_loss_grad(column, one, every, reduction="sum"), np.expand_dims(slopes, 1)
        yield z_loss(logits, weight=Ball(3), reduction="mean"), 3 * np.log(Ball(total)) ** 2
        yield z_loss_grad(logits[:1], weight=Ball(3), reduction="sum")[0], 6 * np.log(Ball(total)) * shares


@derivative("loss.z", "loss.z.grad", scope="certified, two rows of four logits")
def certified_slopes_of_the_penalty(z_loss: Step, z_loss_grad: Step) -> Claims:
    """The gradient equals that by dual numbers; four logits log(1/4) have no penalty, and four logits 0 have λ log² 4."""
    point = np.array([0.5, -1.0, 2.0, 0.25, 3.0, 1.0, -2.0, 0.0])
    whole = lambda x: np.stack([z_loss(np.reshape(x, (2, 4)), weight=Ball(3), reduction="mean")])  # noqa: E731 - as mathematics
    got = z_loss_grad(Ball(np.reshape(point, (2, 4))), weight=Ball(3), reduction="mean")
    yield np.reshape(got, (8,)), jacobian(whole, point)[0]
    flat = Ball([[0, 0, 0, 0]])
    yield z_loss(flat - np.log(Ball(4)), weight=Ball(3), reduction="sum"), 0
    yield z_loss(flat, weight=Ball(3), reduction="sum"), 3 * np.log(Ball(4)) ** 2


@proof("loss.softmax_xent", scope="every number of examples, inputs and classes, every label")
def minus_log_of_the_probability_of_the_class(softmax_loss: Step, softmax: Step, cross_entropy: Step) -> Claims:
    """exp(−Eᵢ) = exp(wʸ·xᵢ) / Σⱼ exp(wⱼ·xᵢ) with y = yᵢ: the cross-entropy of the logits W x."""
    cost = softmax_loss(rows, inputs, classes, reduction="none")
    table = np.exp(inputs @ rows.T)
    yield np.exp(-Tensor(cost.at(i))), of_own_class(table) / Tensor(np.sum(table, axis=1).at(i))
    yield np.exp(-Tensor(cost.at(i))), of_own_class(softmax(inputs @ rows.T))
    yield cost, cross_entropy(inputs @ rows.T, classes, reduction="none")


@proof("loss.softmax_xent", scope="every number of examples and inputs, two classes, both labels")
def two_classes_are_logistic(softmax_loss: Step, logistic_loss: Step) -> Claims:
    """For two classes it is the logistic loss of w₁ − w₂, with 1 for the label 0 and −1 for the label 1."""
    pair, difference = tensor("w", 2, d), tensor("w", 2, d)
    difference = Tensor(difference.at(1, p) - difference.at(2, p), ((p, d),))
    for label, sign in ((0, ONE), (1, -ONE)):
        mine = softmax_loss(pair, inputs, 0 * tensor("y", N, integer=True) + label, reduction="none")
        yield np.exp(mine), np.exp(logistic_loss(difference, inputs, sign, reduction="none"))


@proof("loss.softmax_xent.grad", scope="every number of examples, inputs and classes, every label")
def derivative_of_the_softmax_loss(softmax_loss_grad: Step, softmax_loss: Step, softmax: Step) -> Claims:
    """The gradient is ∂Eᵢ/∂wⱼ and agrees with the deck's form; over the classes it sums to 0."""
    cost, slope = (formula(rows, inputs, classes, reduction="none") for formula in (softmax_loss, softmax_loss_grad))
    yield Tensor(partial(Tensor(cost.at(i)), "w", j, p)), Tensor(slope.at(i, j, p))
    own = sp.KroneckerDelta(j, classes.at(i) + 1)
    yield Tensor(slope.at(i, j, p)), -Tensor(inputs.at(i, p)) * (own - Tensor(softmax(inputs @ rows.T).at(i, j)))
    yield np.sum(slope, axis=1), 0 * inputs


@proof("loss.softmax_xent.hessian", scope="every number of examples, inputs and classes, every W and v")
def second_derivative_of_the_softmax_loss(softmax_loss_hessian: Step, softmax_loss_grad: Step) -> Claims:
    """The Hessian is ∂²Eᵢ/∂wⱼ∂wₖ. It vanishes on every v added to all wⱼ, a space of at least d dimensions, so it is never definite."""
    slope = softmax_loss_grad(rows, inputs, classes, reduction="none")
    curved = softmax_loss_hessian(rows, inputs, reduction="none")
    yield Tensor(partial(Tensor(slope.at(i, j, p)), "w", k, q)), Tensor(curved.at(i, j, p, k, q))
    yield np.sum(curved * other, axis=(3, 4)), 0 * slope


@proof("loss.softmax_xent.hessian", scope="every number of examples, inputs and classes, every W and V")
def softmax_hessian_is_a_sum_of_squares(softmax_loss_hessian: Step, softmax_jacobian: Step) -> Claims:
    """H V = J (V x) xᵀ and V·H V = (V x)·J (V x) for each example, the variance of v·x over the classes, hence ≥ 0.

    So the null space consists exactly of the V whose rows differ by vectors orthogonal to all inputs.
    """
    curved = softmax_loss_hessian(rows, inputs, reduction="none")
    spread, seen = softmax_jacobian(inputs @ rows.T), inputs @ moved.T
    bent = np.expand_dims(np.sum(spread * np.expand_dims(seen, 1), axis=2), 2) * np.expand_dims(inputs, 1)
    yield np.sum(curved * moved, axis=(3, 4)), bent
    yield np.sum(moved * bent, axis=(1, 2)), np.sum(np.expand_dims(seen, 2) * np.expand_dims(seen, 1) * spread, axis=(1, 2))


def exact_inputs() -> Iterator[Any]:
    """Yield sets of one to three inputs of one to three entries, of every rank."""
    for table in ([[1, 2], [2, 4]], [[1]], [[1, 2]], [[1, 2], [0, 1]], [[1, 0, 2], [2, 0, 4]], [[1, 0, 2], [0, 1, 1], [1, 1, 0]]):
        yield np.array(table)


@enumeration("loss.softmax_xent.hessian", scope="exact, one to three classes, inputs and examples; weights 0 and logarithms of integers")
def nullity_by_rank(softmax_loss_hessian: Step) -> Claims:
    """The null space has dimension d + (K − 1)(d − rank X): 4 of 6 for three classes, two inputs and one example."""
    for table, count in itertools.product(exact_inputs(), (3, 2, 1)):
        width = table.shape[1]
        for scale in (0, 1):
            weight = scale * Symbolic([[sp.log(2 + j + a) for a in range(width)] for j in range(count)])
            curved = softmax_loss_hessian(weight, Symbolic(table), reduction="sum")
            matrix = sp.Matrix(np.reshape(curved, (count * width, count * width)).tolist())
            rank = int(np.linalg.matrix_rank(table))
            yield matrix.shape[0] - matrix.rank(), width + (count - 1) * (width - rank)


@derivative("loss.softmax_xent", "loss.softmax_xent.grad", "loss.softmax_xent.hessian", scope="certified, 6 examples, 4 classes, 3 inputs")
def certified_softmax_slopes(softmax_loss: Step, softmax_loss_grad: Step, softmax_loss_hessian: Step) -> Claims:
    """Gradient and Hessian equal the derivatives of the loss and of its gradient by dual numbers; every class occurs as a label."""
    source = np.random.default_rng(0)
    point, given, label = source.normal(size=12), source.normal(size=(6, 3)), np.array([0, 3, 1, 2, 3, 0])
    for how in ("sum", "mean"):
        cost = lambda w, how=how: np.stack([softmax_loss(np.reshape(w, (4, 3)), given, label, reduction=how)])  # noqa: E731 - read as mathematics
        slope = lambda w, how=how: softmax_loss_grad(np.reshape(w, (4, 3)), given, label, reduction=how)  # noqa: E731
        yield np.reshape(slope(Ball(point)), (12,)), jacobian(cost, point)[0]
        curved = softmax_loss_hessian(np.reshape(Ball(point), (4, 3)), Ball(given), reduction=how)
        yield np.reshape(curved, (12, 12)), jacobian(slope, point)


@derivative("loss.logistic.binary.grad", "loss.softmax_xent.logits.grad", "loss.squared.grad", "loss.huber.grad", scope="certified")
def certified_slopes_by_predictions(
    binary_cross_entropy: Step,
    binary_cross_entropy_grad: Step,
    cross_entropy: Step,
    cross_entropy_grad: Step,
    squared_error: Step,
    squared_error_grad: Step,
    huber_loss: Step,
    huber_grad: Step,
) -> Claims:
    """The gradients equal the derivatives of the losses by dual numbers, under both reductions."""
    point = np.array([0.5, -1.0, 2.0, 0.25, 3.0, -4.0])
    square, aims, label = (lambda x: np.reshape(x, (3, 2))), np.array([[1.0, 0.0], [0.5, 2.0], [2.5, 0.0]]), np.array([0, 1, 1])
    for how in ("sum", "mean"):
        for cost, slope, shape, goal, more in (
            (binary_cross_entropy, binary_cross_entropy_grad, lambda x: x, np.array([0.0, 1.0, 0.25, 0.5, 1.0, 0.0]), {}),
            (cross_entropy, cross_entropy_grad, square, label, {"smoothing": 0.125}),
            (squared_error, squared_error_grad, square, aims, {"half": False}),
            (squared_error, squared_error_grad, square, aims, {"half": True}),
            (huber_loss, huber_grad, square, aims, {"threshold": 1.25}),
        ):
            whole = lambda x, f=cost, s=shape, g=goal, m=more, how=how: np.stack([f(s(x), g, reduction=how, **m)])  # noqa: E731
            yield np.reshape(slope(shape(Ball(point)), goal, reduction=how, **more), (6,)), jacobian(whole, point)[0]


# --- regression --------------------------------------------------------------------------------------------------------------------


@proof("loss.squared", "loss.squared.grad", scope="every number of examples and outputs")
def derivative_of_the_squared_error(squared_error: Step, squared_error_grad: Step) -> Claims:
    """The loss is Σ (ŷ − y)² with gradient 2 (ŷ − y), or half of both."""
    for half, reduction in itertools.product((False, True), ("sum", "mean")):
        cost, slope = (formula(outputs, targets, half=half, reduction=reduction) for formula in (squared_error, squared_error_grad))
        yield Tensor(partial(cost, "a", i, p)), Tensor(slope.at(i, p))
    full, half_of_it = (squared_error(outputs, targets, half=half, reduction="none") for half in (False, True))
    yield full, np.sum((outputs - targets) ** 2, axis=1)
    yield full, 2 * half_of_it


@enumeration("loss.squared", "loss.huber", scope="exact, all errors −3 … 3 in quarters; threshold 1")
def errors_by_hand(squared_error: Step, huber_loss: Step) -> Claims:
    """The losses are r² and r²/2. Huber's loss is r²/2 up to the threshold, and the integral of its slopes beyond it."""
    for quarters in range(-12, 13):
        error = Fraction(quarters, 4)
        made, aim = Rational([[error + 5, 7]]), Rational([[5, 7]])
        yield squared_error(made, aim, half=False, reduction="sum"), error**2
        yield squared_error(made, aim, half=True, reduction="sum"), error**2 / 2
        beyond = max(abs(error) - 1, Fraction(0))
        within = abs(error) - beyond
        yield huber_loss(made, aim, threshold=Rational(1), reduction="sum"), within**2 / 2 + beyond


@proof(
    "loss.huber",
    "loss.huber.grad",
    scope="every threshold and target, in each case of the error: small, at the threshold, large; both signs",
)
def slope_of_the_huber_loss(huber_loss: Step, huber_grad: Step, squared_error: Step) -> Claims:
    """Errors up to δ cost r²/2 with slope r. Beyond δ the slope is ±δ, and the loss is continuous at δ."""
    share = inside / (1 + inside)  # any number between 0 and 1
    aim = np.stack([np.stack([r])])
    for sign in (1, -1):
        for errors, slope in ((above * share, above * share), (above * (1 + inside), above)):
            made = aim + sign * errors
            cost = huber_loss(made, aim, threshold=above, reduction="sum")
            along = Symbolic(sp.diff(errors.item(), inside.item()))
            yield Symbolic(sp.diff(cost.item(), inside.item())), along * slope
            yield huber_grad(made, aim, threshold=above, reduction="sum"), np.stack([np.stack([sign * slope])])
        small = aim + sign * above * share
        yield huber_loss(small, aim, threshold=above, reduction="none"), squared_error(small, aim, half=True, reduction="none")
        edge = huber_loss(aim + sign * above, aim, threshold=above, reduction="none")
        yield edge, squared_error(aim + sign * above, aim, half=True, reduction="none")


@proof("loss.smooth_l1", "loss.smooth_l1.grad", scope="every β and target, in each case of the error: small, at β, large; both signs")
def smooth_l1_is_huber_over_its_threshold(smooth_l1: Step, smooth_l1_grad: Step, huber_loss: Step, huber_grad: Step) -> Claims:
    """Loss and gradient times β are those of the Huber loss with threshold β; at |r| = β both branches are β/2."""
    share = inside / (1 + inside)  # any number between 0 and 1
    aim = np.stack([np.stack([r, r])])
    for sign, size in itertools.product((1, -1), (above * share, above, above * (1 + inside), 0 * above)):
        made = aim + sign * np.stack([np.stack([size, above * (1 + inside)])])
        for reduction in ("none", "sum", "mean"):
            got, slopes = (formula(made, aim, beta=above, reduction=reduction) for formula in (smooth_l1, smooth_l1_grad))
            yield above * got, huber_loss(made, aim, threshold=above, reduction=reduction)
            yield above * slopes, huber_grad(made, aim, threshold=above, reduction=reduction)


@enumeration("loss.smooth_l1", "loss.smooth_l1.grad", scope="exact, all errors −3 … 3 in quarters; β = 1 and 2; two examples")
def smooth_l1_by_hand(smooth_l1: Step, smooth_l1_grad: Step) -> Claims:
    """The loss is the integral of its slopes: r²/(2 β) up to β, and a slope of 1 beyond."""
    for quarters, beta in itertools.product(range(-12, 13), (1, 2)):
        error = Fraction(quarters, 4)
        made, aim = Rational([[error + 5, 7], [5, 7]]), Rational([[5, 7], [5, 7]])
        within = min(abs(error), Fraction(beta))
        cost = within**2 / (2 * beta) + abs(error) - within
        slope = max(min(error / beta, Fraction(1)), Fraction(-1))
        for reduction, count in (("sum", 1), ("mean", 2)):
            yield smooth_l1(made, aim, beta=Rational(beta), reduction=reduction), cost / count
            yield smooth_l1_grad(made, aim, beta=Rational(beta), reduction=reduction), Rational([[slope / count, 0], [0, 0]])


# --- a claim about many predictions ------------------------------------------------------------------------------------------------


@enumeration("claims.captcha_power", scope="exact, all outcomes of up to 8 independent answers; 1000 of them right")
def product_of_independent_answers(all_right: Step) -> Claims:
    """Of the probabilities of all 2ⁿ outcomes, with p for a right answer, the all-right one is pⁿ, and their sum is 1."""
    for accuracy, images in itertools.product((Fraction(0), Fraction(3, 5), Fraction(989, 1000), Fraction(1)), range(9)):
        share = Rational(accuracy)
        outcomes = Rational([1])
        for _ in range(images):
            outcomes = np.concatenate([outcomes * (1 - share), outcomes * share])
        yield all_right(share, images), outcomes[-1]
        yield np.sum(outcomes), 1
        yield all_right(share, 1000), math.prod([accuracy] * 1000)


@reproduction("claims.captcha_power", scope="exact: twelve images, the three accuracies", table="All twelve right")
def twelve_images(all_right: Step) -> Claims:
    """The deck truncates the digits; 0.98914 is the winner's accuracy (table R8)."""
    for preset, chance in zip(presets("claims.captcha_power"), ("0.002176782336", "0.875700301", "0.877188999"), strict=True):
        yield TableCell(
            all_right(Rational(preset["accuracy"]), int(preset["images"])), prints_as(chance), f"{float(preset['accuracy'])}", "probability"
        )


@erratum("E71")
def computer_vision_as_printed(all_right: Step) -> Claims:
    """As printed, 0.6¹² = 0.00217, rounded."""
    yield all_right(Rational(Fraction(6, 10)), 12), prints_as("0.00217")


@erratum("E71")
def dogs_and_cats_as_printed(all_right: Step) -> Claims:
    """As printed, 0.989¹² = 0.875, rounded."""
    yield all_right(Rational(Fraction(989, 1000)), 12), prints_as("0.875")


@erratum("E57")
def definite_for_many_classes(softmax_loss_hessian: Step) -> Claims:
    """As printed, V·H V > 0 always. Counterexample: two classes, one input, and 1 added to both weights."""
    curved = softmax_loss_hessian(np.stack([np.stack([z]), np.stack([t])]), np.stack([np.stack([r])]), reduction="sum")
    yield np.sum(curved) > 0, True
