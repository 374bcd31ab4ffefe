"""Losses: what a prediction costs, its slope and its curvature.

Along the first axis stand the examples. `reduction` says what becomes of their losses: "sum" (the slides), "mean" (most training loops)
or "none" (each of them). What only one example enters, such as its logits, has its slope under "none" as under "sum".
Labels of two classes are −1 and 1, in the dtype of the inputs; labels of K classes are the integers 0 … K − 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        Accuracy,
        Array,
        ClassLabels,
        ClassWeights,
        ClipEps,
        Count,
        ExampleLogits,
        ExampleLosses,
        ExampleProbabilities,
        ExampleShares,
        ExampleWeights,
        Floats,
        Half,
        Inputs,
        LabelledClasses,
        Logits,
        Mean,
        Norm,
        Outputs,
        Positive,
        ProbabilityLabels,
        Reduction,
        Scores,
        Signs,
        Smoothing,
        Targets,
        Vector,
        Weight,
    )


@formula("loss.reduction")
def reduced(losses: ExampleLosses, *, reduction: Reduction) -> Floats:
    """The reduction of the examples' losses, or of their gradients: their sum, their mean, or all of them.

        sum: Σ ℓᵢ,   mean: 1/N Σ ℓᵢ,   none: ℓᵢ

    Units: as losses.  Source: SKO 'Recap: logistic regression' sums; UC 'Stochastic Gradient Descent' takes the mean.
    """
    if reduction == "none":
        return losses
    total = np.sum(losses, axis=0)
    return total / losses.shape[0] if reduction == "mean" else total


@formula("loss.reduction.weighted")
def reduced_by_weights(losses: Scores, weights: ExampleWeights, *, reduction: Reduction) -> Floats | Mean:
    """The reduction of losses with weights: the mean is divided by the sum of the weights, not by the number of examples.

        sum: Σ wᵢ ℓᵢ,   mean: Σ wᵢ ℓᵢ / Σ wᵢ,   none: wᵢ ℓᵢ

    The weight of an example is that of its class, or 1 and 0 where examples are left out, such as those whose label is an ignored index.
    Units: losses, as weights · losses under sum and none.  Source: PyTorch.
    """
    weighted = weights * losses
    if reduction == "none":
        return weighted
    total = np.sum(weighted)
    return total / np.sum(weights) if reduction == "mean" else total


def shared(slopes: Any, reduction: Reduction) -> Any:
    """The slopes of the reduced loss by what one example alone enters."""
    return slopes / slopes.shape[0] if reduction == "mean" else slopes


# --- two classes -----------------------------------------------------------------------------------------------------------------


@formula("loss.sigmoid")
def sigmoid(z: Array) -> Array:
    """The logistic function, in a form that never overflows.

        σ(z) = 1 / (1 + e⁻ᶻ) = exp(−log(e⁰ + e⁻ᶻ))

    Units: none.  Source: SKO 'Recap: logistic regression'.
    """
    return np.exp(-np.logaddexp(0, -z))


@formula("loss.logistic.probability")
def label_probability(weights: Vector, inputs: Inputs, signs: Signs) -> Scores:
    """The probability that the model gives to the label that an example has, −1 or 1; those of both labels add up to 1.

        P(yᵢ | xᵢ) = σ(yᵢ w·xᵢ)

    Units: none; weights as 1 / inputs.  Source: SKO 'Recap: logistic regression', which does not say that labels are ±1 (E74).
    """
    return sigmoid(signs * (inputs @ weights))


@formula("loss.logistic")
def logistic_loss(weights: Vector, inputs: Inputs, signs: Signs, *, reduction: Reduction) -> Floats:
    """The negative log-likelihood of labels ±1; at z = −800 it is 800, where the log of a rounded probability is infinite.

        E(w) = −Σ log σ(yᵢ w·xᵢ) = Σ log(1 + exp(−yᵢ w·xᵢ))

    Units: nats.  Source: SKO 'Recap: logistic regression', whose sum runs to ∞ (E56).
    """
    return reduced(np.logaddexp(0, -signs * (inputs @ weights)), reduction=reduction)


@formula("loss.logistic.grad")
def logistic_grad(weights: Vector, inputs: Inputs, signs: Signs, *, reduction: Reduction) -> Floats:
    """The gradient of the logistic loss by the weights: each example is weighted by the probability of the wrong label.

        ∇E = −Σ yᵢ σ(−yᵢ w·xᵢ) xᵢ

    Units: as inputs.  Source: implied by SKO 'Recap: logistic regression'.
    """
    pull = -signs * sigmoid(-signs * (inputs @ weights))
    return reduced(np.expand_dims(pull, 1) * inputs, reduction=reduction)


@formula("loss.logistic.hessian")
def logistic_hessian(weights: Vector, inputs: Inputs, *, reduction: Reduction) -> Floats:
    """The Hessian of the logistic loss: semi-definite, and definite exactly where the inputs have full column rank. No label enters.

        ∇²E = Σ σ(zᵢ) σ(−zᵢ) xᵢ xᵢᵀ,   zᵢ = w·xᵢ

    Units: as inputs².  Source: SKO 'Few notes on logistic regression', an exercise that calls it definite (E57).
    """
    z = inputs @ weights
    spread = sigmoid(z) * sigmoid(-z)
    outer = np.expand_dims(inputs, 2) * np.expand_dims(inputs, 1)
    return reduced(np.expand_dims(spread, (1, 2)) * outer, reduction=reduction)


@formula("loss.logistic.binary")
def binary_cross_entropy(logits: Scores, targets: Targets, *, reduction: Reduction) -> Floats:
    """The logistic loss for targets from 0 to 1, shares of the second class: of t = (1 + y)/2 it is that of y = ±1.

        Σ [log(1 + exp zᵢ) − tᵢ zᵢ]

    Units: nats.  Source: the form of most libraries, a variant of SKO 'Recap: logistic regression'.
    """
    return reduced(np.logaddexp(0, logits) - targets * logits, reduction=reduction)


@formula("loss.logistic.binary.grad")
def binary_cross_entropy_grad(logits: Scores, targets: Targets, *, reduction: Reduction) -> Scores:
    """The gradient of the binary cross-entropy by the logits.

        σ(zᵢ) − tᵢ

    Units: none.  Source: the form of most libraries, a variant of SKO 'Recap: logistic regression'.
    """
    return shared(sigmoid(logits) - targets, reduction)


@formula("loss.logistic.binary.weighted")
def weighted_binary_cross_entropy(logits: Scores, targets: Targets, *, positive_weight: Positive, reduction: Reduction) -> Floats:
    """The binary cross-entropy in which the second class counts more, or less: its examples as if there were that many of them.

        −Σ [w tᵢ log σ(zᵢ) + (1 − tᵢ) log σ(−zᵢ)]

    Units: nats.  Source: PyTorch.
    """
    return reduced(positive_weight * targets * np.logaddexp(0, -logits) + (1 - targets) * np.logaddexp(0, logits), reduction=reduction)


@formula("loss.logistic.binary.weighted.grad")
def weighted_binary_cross_entropy_grad(logits: Scores, targets: Targets, *, positive_weight: Positive, reduction: Reduction) -> Scores:
    """The gradient of the weighted binary cross-entropy by the logits.

        (1 − tᵢ) σ(zᵢ) − w tᵢ σ(−zᵢ)

    Units: none.  Source: completes PyTorch.
    """
    return shared((1 - targets) * sigmoid(logits) - positive_weight * targets * sigmoid(-logits), reduction)


@formula("loss.focal")
def focal_loss(logits: Scores, signs: Signs, *, gamma: Weight, reduction: Reduction) -> Floats:
    """The logistic loss, multiplied by a power of the probability of the wrong label: what is right already counts little.

        Σ σ(−yᵢ zᵢ)^γ log(1 + exp(−yᵢ zᵢ))

    Units: nats.  Source: Lin et al. 2017, equation 4; without α, which is a weight of the example.
    """
    return reduced(sigmoid(-signs * logits) ** gamma * np.logaddexp(0, -signs * logits), reduction=reduction)


@formula("loss.focal.grad")
def focal_grad(logits: Scores, signs: Signs, *, gamma: Weight, reduction: Reduction) -> Scores:
    """The gradient of the focal loss by the logits.

        −yᵢ σ(−yᵢ zᵢ)^γ [σ(−yᵢ zᵢ) + γ σ(yᵢ zᵢ) log(1 + exp(−yᵢ zᵢ))]

    Units: none.  Source: Lin et al. 2017, appendix B.
    """
    missed = sigmoid(-signs * logits)
    pull = missed + gamma * sigmoid(signs * logits) * np.logaddexp(0, -signs * logits)
    return shared(-signs * missed**gamma * pull, reduction)


@formula("loss.logistic.binary.probability")
def binary_cross_entropy_of_probabilities(probabilities: Targets, targets: Targets, *, eps: ClipEps, reduction: Reduction) -> Floats:
    """The binary cross-entropy of probabilities, which are clipped, so that no loss exceeds −log ε.

        −Σᵢ [tᵢ log qᵢ + (1 − tᵢ) log(1 − qᵢ)],   q = min(max(p, ε), 1 − ε)

    Units: nats.  Source: Keras, BinaryCrossentropy, with ε = 10⁻⁷.
    """
    clipped = np.minimum(np.maximum(probabilities, eps), 1 - eps)
    return reduced(-targets * np.log(clipped) - (1 - targets) * np.log(1 - clipped), reduction=reduction)


# --- K classes -------------------------------------------------------------------------------------------------------------------


def own_class(labels: Any, logits: Any) -> Any:
    """Where in each row the class of the example stands."""
    classes = np.cumsum(np.ones_like(logits), axis=1) - 1
    return np.expand_dims(labels, 1) == classes


@formula("loss.softmax")
def softmax(logits: Logits) -> Logits:
    """Probabilities from logits, along the last axis. A shift of all logits changes nothing, so the largest is taken off first.

        pⱼ = exp zⱼ / Σₖ exp zₖ

    Units: none.  Source: SKO 'Softmax: sigmoid generalization'.
    """
    weights = np.exp(logits - np.max(logits, axis=-1, keepdims=True))
    return weights / np.sum(weights, axis=-1, keepdims=True)


@formula("loss.log_softmax")
def log_softmax(logits: Logits) -> Logits:
    """The logarithms of the probabilities, along the last axis: finite where a probability is too small for its format.

        log pⱼ = zⱼ − log Σₖ exp zₖ

    Units: nats.  Source: the form of most libraries.
    """
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


@formula("loss.log_softmax.backward")
def log_softmax_backward(dy: Logits, logits: Logits) -> Logits:
    """The gradient by the logits, from that by the logarithms of the probabilities. Along the last axis it adds up to 0.

        dzⱼ = dyⱼ − pⱼ Σₖ dyₖ

    Units: as dy.  Source: completes the form of most libraries.
    """
    return dy - softmax(logits) * np.sum(dy, axis=-1, keepdims=True)


@formula("loss.softmax.jacobian")
def softmax_jacobian(logits: Logits) -> Floats:
    """The derivative of the softmax by the logits, which is the Hessian of the cross-entropy by them: symmetric, its rows add up to 0.

        ∂pⱼ/∂zₖ = pⱼ (δⱼₖ − pₖ)

    Units: none.  Source: completes SKO 'Multinomial logistic loss'.
    """
    p = softmax(logits)
    classes = np.cumsum(np.ones_like(p), axis=-1)
    same = np.expand_dims(classes, -1) == np.expand_dims(classes, -2)
    return np.where(same, np.expand_dims(p, -1), 0) - np.expand_dims(p, -1) * np.expand_dims(p, -2)


@formula("loss.softmax_xent.logits")
def cross_entropy(logits: ExampleLogits, labels: ClassLabels, *, reduction: Reduction, smoothing: Smoothing = 0) -> Floats:
    """The cross-entropy of labels from logits; with smoothing, a label is (1 − s) itself and s all classes alike.

        Σᵢ [log Σₖ exp zᵢₖ − (1 − s) zᵢ at yᵢ − s/K Σₖ zᵢₖ]

    Units: nats.  Source: SKO 'Multinomial logistic loss', in logits; smoothing: Szegedy et al. 2016, section 7.
    """
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    own = np.sum(np.where(own_class(labels, logits), shifted, 0), axis=1)
    expected = (1 - smoothing) * own + smoothing * np.mean(shifted, axis=1)
    return reduced(np.log(np.sum(np.exp(shifted), axis=1)) - expected, reduction=reduction)


@formula("loss.softmax_xent.logits.grad")
def cross_entropy_grad(logits: ExampleLogits, labels: ClassLabels, *, reduction: Reduction, smoothing: Smoothing = 0) -> ExampleLogits:
    """The gradient of the cross-entropy by the logits: the probabilities less the (smoothed) labels. Each row adds up to 0.

        pᵢⱼ − (1 − s) [yᵢ = j] − s/K

    Units: none.  Source: SKO 'Multinomial logistic loss', in logits; smoothing: Szegedy et al. 2016, section 7.
    """
    p = softmax(logits)
    missed = np.where(own_class(labels, logits), p - (1 - smoothing), p)
    return shared(missed - smoothing / logits.shape[1], reduction)


@formula("loss.softmax_xent.logits.weighted")
def weighted_cross_entropy(logits: ExampleLogits, labels: ClassLabels, weights: ExampleWeights, *, reduction: Reduction) -> Floats | Mean:
    """The cross-entropy of labels with a weight for each example, 0 where it is masked; the mean is over the sum of the weights.

        sum: Σᵢ wᵢ ℓᵢ,   mean: Σᵢ wᵢ ℓᵢ / Σᵢ wᵢ,   ℓᵢ = log Σₖ exp zᵢₖ − zᵢ at yᵢ

    A masked example still has a label within range; where libraries ignore an index, that of the masked examples is any other.

    Units: nats.  Source: PyTorch, CrossEntropyLoss with weight and ignore_index.
    """
    return reduced_by_weights(cross_entropy(logits, labels, reduction="none"), weights, reduction=reduction)


@formula("loss.softmax_xent.logits.weighted.grad")
def weighted_cross_entropy_grad(
    logits: ExampleLogits, labels: ClassLabels, weights: ExampleWeights, *, reduction: Reduction
) -> ExampleLogits:
    """The gradient of the weighted cross-entropy by the logits; that of masked examples is 0.

        wᵢ (pᵢⱼ − [yᵢ = j]),   mean: over Σᵢ wᵢ

    Units: none.  Source: completes PyTorch, CrossEntropyLoss.
    """
    missed = np.expand_dims(weights, 1) * cross_entropy_grad(logits, labels, reduction="none")
    return missed / np.sum(weights) if reduction == "mean" else missed


@formula("loss.softmax_xent.probability")
def cross_entropy_of_probabilities(
    probabilities: ExampleProbabilities, labels: ProbabilityLabels, *, eps: ClipEps, reduction: Reduction
) -> Floats:
    """The cross-entropy of labels from probabilities: they are divided by their sum, and clipped, so that no loss exceeds −log ε.

        −Σᵢ log min(max(qᵢ at yᵢ, ε), 1 − ε),   q = p / Σₖ pₖ

    Units: nats.  Source: Keras, CategoricalCrossentropy, with ε = 10⁻⁷.
    """
    shares = probabilities / np.sum(probabilities, axis=1, keepdims=True)
    own = np.sum(np.where(own_class(labels, probabilities), shares, 0), axis=1)
    return reduced(-np.log(np.minimum(np.maximum(own, eps), 1 - eps)), reduction=reduction)


@formula("loss.kl")
def kl_divergence(log_probabilities: ExampleLogits, targets: ExampleShares, *, reduction: Reduction) -> Floats:
    """The divergence of predicted probabilities from target ones, whose share 0 costs nothing; the mean is over the examples.

        Σᵢ Σₖ tᵢₖ (log tᵢₖ − log qᵢₖ),   0 log 0 = 0

    Units: nats.  Source: Kullback & Leibler 1951, equation 2.4.
    """
    positive = np.where(targets > 0, targets, 1)
    return reduced(np.sum(targets * (np.log(positive) - log_probabilities), axis=1), reduction=reduction)


@formula("loss.kl.grad")
def kl_grad(log_probabilities: ExampleLogits, targets: ExampleShares, *, reduction: Reduction) -> ExampleLogits:
    """The gradient of the divergence by the logarithms of the predicted probabilities: the negative targets.

        −tᵢₖ

    Units: none.  Source: completes Kullback & Leibler 1951.
    """
    return shared(-targets, reduction)


@formula("loss.z")
def z_loss(logits: ExampleLogits, *, weight: Weight, reduction: Reduction) -> Floats:
    """A penalty that keeps the logarithm of the softmax's denominator near 0, so that logits are log-probabilities.

        Σᵢ λ (log Σₖ exp zᵢₖ)²

    Units: nats².  Source: Chowdhery et al. 2022, section 5, with λ = 1e-4.
    """
    largest = np.max(logits, axis=1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(logits - largest), axis=1, keepdims=True)) + largest
    return reduced(weight * np.sum(log_sum, axis=1) ** 2, reduction=reduction)


@formula("loss.z.grad")
def z_loss_grad(logits: ExampleLogits, *, weight: Weight, reduction: Reduction) -> ExampleLogits:
    """The gradient of that penalty by the logits: the probabilities, times twice the penalised logarithm.

        2 λ pᵢⱼ log Σₖ exp zᵢₖ

    Units: nats.  Source: completes Chowdhery et al. 2022.
    """
    largest = np.max(logits, axis=1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(logits - largest), axis=1, keepdims=True)) + largest
    return shared(2 * weight * log_sum * softmax(logits), reduction)


@formula("loss.softmax_xent")
def softmax_loss(weights: ClassWeights, inputs: Inputs, labels: LabelledClasses, *, reduction: Reduction) -> Floats:
    """The multinomial logistic loss: the negative log-likelihood of labels 0 … K − 1, one row of weights for each class.

        E(W) = −Σᵢ [wʸ·xᵢ − log Σⱼ exp wⱼ·xᵢ],   y = yᵢ

    Units: nats.  Source: SKO 'Multinomial logistic loss', whose other lines are garbled (E58).
    """
    return cross_entropy(inputs @ weights.T, labels, reduction=reduction)


@formula("loss.softmax_xent.grad")
def softmax_loss_grad(weights: ClassWeights, inputs: Inputs, labels: LabelledClasses, *, reduction: Reduction) -> Floats:
    """The gradient of the multinomial logistic loss by the weights; over the classes it adds up to 0.

        ∂E/∂wⱼ = −Σᵢ xᵢ ([yᵢ = j] − pᵢⱼ)

    Units: as inputs.  Source: SKO 'Multinomial logistic loss'.
    """
    missed = cross_entropy_grad(inputs @ weights.T, labels, reduction="none")
    return reduced(np.expand_dims(missed, 2) * np.expand_dims(inputs, 1), reduction=reduction)


@formula("loss.softmax_xent.hessian")
def softmax_loss_hessian(weights: ClassWeights, inputs: Inputs, *, reduction: Reduction) -> Floats:
    """The Hessian of the multinomial logistic loss: semi-definite and never definite, one vector added to all wⱼ changes nothing.

        ∂²E/∂wⱼ∂wₖ = Σᵢ pᵢⱼ (δⱼₖ − pᵢₖ) xᵢ xᵢᵀ

    Units: as inputs².  Source: follows SKO 'Few notes on logistic regression' (E57).
    """
    spread = softmax_jacobian(inputs @ weights.T)
    outer = np.expand_dims(inputs, 2) * np.expand_dims(inputs, 1)
    return reduced(np.expand_dims(spread, (2, 4)) * np.expand_dims(outer, (1, 3)), reduction=reduction)


# --- distances -------------------------------------------------------------------------------------------------------------------


@formula("loss.triplet")
def triplet_loss(anchors: Outputs, positives: Outputs, negatives: Outputs, *, margin: Norm, reduction: Reduction) -> Floats:
    """The triplet loss: an anchor is to be nearer to an example of its own class than to one of another, in squares, by a margin.

        Σᵢ max(‖aᵢ − pᵢ‖² − ‖aᵢ − nᵢ‖² + m, 0)

    Units: margin as the square of outputs.  Source: Schroff, Kalenichenko & Philbin 2015, equation 3.
    """
    near, far = np.sum((anchors - positives) ** 2, axis=1), np.sum((anchors - negatives) ** 2, axis=1)
    return reduced(np.maximum(near - far + margin, 0), reduction=reduction)


@formula("loss.info_nce")
def info_nce(queries: Outputs, keys: Outputs, *, temperature: Positive, reduction: Reduction) -> Floats:
    """InfoNCE: the cross-entropy of telling the key of a query from those of the other queries, by their inner products.

        Σᵢ [log Σⱼ exp(qᵢ·kⱼ/τ) − qᵢ·kᵢ/τ]

    The mean of it and of the same with queries and keys exchanged is the loss of CLIP.

    Units: nats.  Source: van den Oord, Li & Vinyals 2018, equation 4; Radford et al. 2021, figure 3.
    """
    scores = queries @ keys.T / temperature
    own = np.sum(queries * keys, axis=1) / temperature
    largest = np.max(scores, axis=1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(scores - largest), axis=1, keepdims=True)) + largest
    return reduced(np.sum(log_sum, axis=1) - own, reduction=reduction)


# --- regression ------------------------------------------------------------------------------------------------------------------


@formula("loss.squared")
def squared_error(predictions: Outputs, targets: Outputs, *, half: Half, reduction: Reduction) -> Floats:
    """The squared distance of an example's outputs from its targets, or half of it: decks and libraries disagree.

        Σᵢ ‖ŷᵢ − yᵢ‖²,   half: ½ Σᵢ ‖ŷᵢ − yᵢ‖²

    Units: predictions².  Source: UC 'Optimization in Deep Learning' and ONN, without ½; CMU, lost.
    """
    error = predictions - targets
    return reduced(np.sum(error**2, axis=1) / (2 if half else 1), reduction=reduction)


@formula("loss.squared.grad")
def squared_error_grad(predictions: Outputs, targets: Outputs, *, half: Half, reduction: Reduction) -> Outputs:
    """The gradient of the squared error by the predictions.

        2 (ŷ − y),   half: ŷ − y

    Units: as predictions.  Source: UC 'Optimization in Deep Learning', without ½.
    """
    return shared((1 if half else 2) * (predictions - targets), reduction)


@formula("loss.huber")
def huber_loss(predictions: Outputs, targets: Outputs, *, threshold: Positive, reduction: Reduction) -> Floats:
    """Half the squared error of small errors, and a straight line of slope ±δ beyond the threshold δ.

        Σ r²/2 where |r| ≤ δ, else δ (|r| − δ/2),   r = ŷ − y

    Units: predictions².  Source: Huber 1964.
    """
    size = np.abs(predictions - targets)
    losses = np.where(size <= threshold, size**2 / 2, threshold * (size - threshold / 2))
    return reduced(np.sum(losses, axis=1), reduction=reduction)


@formula("loss.huber.grad")
def huber_grad(predictions: Outputs, targets: Outputs, *, threshold: Positive, reduction: Reduction) -> Outputs:
    """The gradient of the Huber loss by the predictions: the error, clipped to ±δ.

        min(max(ŷ − y, −δ), δ)

    Units: as predictions.  Source: Huber 1964.
    """
    return shared(np.minimum(np.maximum(predictions - targets, -threshold), threshold), reduction)


@formula("loss.smooth_l1")
def smooth_l1(predictions: Outputs, targets: Outputs, *, beta: Positive, reduction: Reduction) -> Floats:
    """The modulus of large errors, less β/2, and a parabola of small ones: the Huber loss divided by its threshold.

        Σ r²/(2 β) where |r| < β, else |r| − β/2,   r = ŷ − y

    Units: predictions.  Source: Girshick 2015, equation 3, with β = 1; β as in PyTorch.
    """
    size = np.abs(predictions - targets)
    return reduced(np.sum(np.where(size < beta, size**2 / (2 * beta), size - beta / 2), axis=1), reduction=reduction)


@formula("loss.smooth_l1.grad")
def smooth_l1_grad(predictions: Outputs, targets: Outputs, *, beta: Positive, reduction: Reduction) -> Outputs:
    """The gradient of the smooth L1 loss by the predictions: the error over β, clipped to ± 1.

        min(max((ŷ − y)/β, −1), 1)

    Units: none.  Source: completes Girshick 2015.
    """
    return shared(np.minimum(np.maximum((predictions - targets) / beta, -1), 1), reduction)


# --- a claim about many predictions ----------------------------------------------------------------------------------------------


@formula("claims.captcha_power")
def all_right(accuracy: Accuracy, images: Count) -> Accuracy:
    """The probability that independent answers, each right with one probability, are all right: why cats stood guard in a CAPTCHA.

        pⁿ

    Units: none.  Source: SKO 'Computer vision = 60 %', 'Dogs vs. Cats', with n = 12 (E71).
    """
    return accuracy**images
