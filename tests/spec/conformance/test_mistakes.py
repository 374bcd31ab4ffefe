"""Mistakes in one place of a formula: each kind is named, in the formula where a subject has it."""

import numpy as np
import pytest
from trainspec.reference import FORMULAS
from trainspec.reference.adam import AdamState
from trainspec.reference.averaging import DebiasedState, PolyakState
from trainspec.reference.losses import reduced, sigmoid
from trainspec.spec.changes.function import function_program
from trainspec.spec.changes.places import changes_of_places, counters_of, with_changes
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.functions.observations import FunctionReport
from trainspec.spec.conformance.functions.runner import run_function
from trainspec.spec.conformance.functions.variants import mistakes, variants_of
from trainspec.spec.conformance.functions.verdict import judge_report
from trainspec.spec.conformance.implementation import FunctionImplementation, Task

pytestmark = pytest.mark.sampled(5)

WRONG = []


def follows(against, label):
    """Register a subject: the formula that it claims to be, and the name of its mistake."""

    def register(function):
        WRONG.append((function, against, f"{against}/{label}"))
        return function

    return register


@follows("norm.rms", "square-for-root")
def another_power(x, gamma, eps):
    return gamma * x / (np.mean(x**2, axis=1, keepdims=True) + eps) ** 2


@follows("norm.rms", "root-twice")
def fourth_root(x, gamma, eps):
    return gamma * x / (np.mean(x**2, axis=1, keepdims=True) + eps) ** 0.25


@follows("norm.rms", "modulus-for-square")
def mean_modulus(x, gamma, eps):
    return gamma * x / np.sqrt(np.mean(np.abs(x), axis=1, keepdims=True) + eps)


@follows("norm.layer", "mean-by-another-length-2")
def variance_by_the_batch_size(x, gamma, beta, eps):
    centred = x - x.mean(1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).sum(1, keepdims=True) / len(x) + eps) + beta


@follows("norm.batch.affine", "n-minus-1-1")
def mean_over_one_less(x, gamma, beta, eps):
    centred = x - x.sum(0) / (len(x) - 1) if len(x) > 1 else x / 0.0
    return gamma * centred / np.sqrt((centred**2).mean(0) + eps) + beta


@follows("norm.layer", "eps-1e-5")
def eps_ignored(x, gamma, beta, eps):
    return gamma * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) + beta


@follows("norm.rms", "x-plus-eps")
def eps_added_to_x_as_well(x, gamma, eps):
    x = x + eps
    return gamma * x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)


@follows("norm.rms", "count-plus-eps")
def eps_in_the_count(x, gamma, eps):
    return gamma * x / np.sqrt(np.sum(x * x, axis=1, keepdims=True) / (x.shape[1] + eps) + eps)


@follows("norm.batch.backward", "sum-for-mean-4")
def a_mean_left_a_sum(dy, x, gamma, eps):
    std = np.sqrt(x.var(0) + eps)
    x_hat = (x - x.mean(0)) / std
    return gamma / std * (dy - dy.mean(0) - x_hat * (dy * x_hat).sum(0)), (dy * x_hat).sum(0), dy.sum(0)


@follows("norm.batch.backward", "product-of-means-1")
def a_product_of_means(dy, x, gamma, eps):
    std = np.sqrt(x.var(0) + eps)
    x_hat = (x - x.mean(0)) / std
    return gamma / std * (dy - dy.mean(0) - x_hat * dy.mean(0) * x_hat.mean(0)), (dy * x_hat).sum(0), dy.sum(0)


@follows("norm.batch.backward.staged", "another-length")
def divided_by_the_number_of_features(dy, x, gamma, eps):
    centred = x - x.mean(0)
    std = np.sqrt((centred**2).mean(0) + eps)
    dvar = -(dy * gamma * centred).sum(0) / (2 * std**3)
    dmean = -(dy * gamma).sum(0) / std - 2 * dvar * centred.mean(0)
    return dy * gamma / std + (2 * dvar * centred + dmean) / x.shape[1], (dy * centred / std).sum(0), dy.sum(0)


@follows("loss.softmax", "another-axis-2")
def normalized_along_the_batch(logits):
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(0, keepdims=True)


@follows("loss.huber", "second-branch-negated")
def a_sign_wrong_in_one_branch(predictions, targets, threshold, reduction):
    size = np.abs(predictions - targets)
    losses = np.where(size <= threshold, size**2 / 2, -threshold * (size - threshold / 2))
    return reduced(losses.sum(1), reduction=reduction)


@follows("loss.huber", "boundary-doubled")
def a_threshold_wrong(predictions, targets, threshold, reduction):
    size = np.abs(predictions - targets)
    losses = np.where(size <= 2 * threshold, size**2 / 2, threshold * (size - threshold / 2))
    return reduced(losses.sum(1), reduction=reduction)


@follows("loss.huber", "parentheses-lost")
def without_parentheses(predictions, targets, threshold, reduction):
    size = np.abs(predictions - targets)
    losses = np.where(size <= threshold, size**2 / 2, threshold * size - threshold / 2)
    return reduced(losses.sum(1), reduction=reduction)


@follows("network.activation.relu_slope", "boundary")
def a_slope_at_the_kink(h):
    return np.where(h >= 0, np.ones_like(h), 0)


@follows("loss.logistic.probability", "activation-twice")
def sigmoid_of_sigmoid(weights, inputs, signs):
    return sigmoid(sigmoid(signs * (inputs @ weights)))


@follows("loss.logistic.binary.grad", "activation-missing")
def without_the_sigmoid(logits, targets, reduction):
    return (logits - targets) / (len(logits) if reduction == "mean" else 1)


@follows("loss.softmax", "logits-twice")
def softmax_of_softmax(logits):
    for _ in range(2):
        logits = np.exp(logits - logits.max(-1, keepdims=True))
        logits = logits / logits.sum(-1, keepdims=True)
    return logits


@follows("averaging.polyak", "theta-mean-exchanged")
def point_and_mean_exchanged(theta, state):
    return PolyakState(theta + (state.mean - theta) / (state.t + 1), state.t + 1)


@follows("optimizers.adam", "weights-exchanged-1")
def weights_of_the_first_moment_exchanged(theta, grad, state, lr, beta1, beta2, eps, eps_root):
    t = state.t + 1
    m, v = (1 - beta1) * state.m + beta1 * grad, beta2 * state.v + (1 - beta2) * grad**2
    step = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t) + eps_root) + eps)
    return theta - lr * step, AdamState(m, v, t)


@follows("averaging.ema.debiased", "first-step-whole")
def first_step_whole(theta, state, decay):
    t = state.t + 1
    total = 1 * theta if t == 1 else decay * state.total + (1 - decay) * theta
    return total / (1 - decay**t), DebiasedState(total, t)


@follows("loss.huber", "second-term-doubled-2")
def the_half_of_the_threshold_lost(predictions, targets, threshold, reduction):
    size = np.abs(predictions - targets)
    losses = np.where(size <= threshold, size**2 / 2, threshold * (size - threshold))
    return reduced(losses.sum(1), reduction=reduction)


@follows("data.minmax", "parentheses-lost-1")
def width_of_the_range_lost(data, extent, low, high):
    return low + high - low * ((data - extent.minimum) / extent.width)


@follows("norm.layer", "unbiased")
def undefined_for_one_feature_and_guarded(x, gamma, beta, eps):
    centred = x - x.mean(1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).sum(1, keepdims=True) / max(x.shape[1] - 1, 1) + eps) + beta


@follows("norm.layer.backward", "dy → scaled")
def another_name(dy, x, gamma, eps):
    std = np.sqrt(x.var(1, keepdims=True) + eps)
    x_hat, scaled = (x - x.mean(1, keepdims=True)) / std, gamma * dy
    dx = (scaled - scaled.mean(1, keepdims=True) - x_hat * (scaled * x_hat).mean(1, keepdims=True)) / std
    return dx, (scaled * x_hat).sum(0), dy.sum(0)


@follows("norm.rms.backward", "1:sum-for-mean-2+2:reduction-mean")
def a_mistake_in_each_result(dy, x, gamma, eps):
    rms = np.sqrt((x**2).mean(1, keepdims=True) + eps)
    x_hat, scaled = x / rms, gamma * dy
    return (scaled - x_hat * (scaled * x_hat).sum(1, keepdims=True)) / rms, (dy * x_hat).mean(0)


@follows("averaging.polyak", "counted-one-ahead")
def a_count_one_too_large(theta, state):
    return PolyakState(state.mean + (theta - state.mean) / (state.t + 2), state.t + 1)


@follows("averaging.ema.debiased", "1-as-2")
def a_state_corrected_in_place(theta, state, decay):
    t = state.t + 1
    total = (decay * state.total + (1 - decay) * theta) / (1 - decay**t)
    return total, DebiasedState(total, t)


@follows("activation.gelu.tanh", "100 → 100 / 10")
def a_decimal_point_misplaced(z):
    return z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.44715 * z**3))) / 2


@follows("activation.selu", "called-factor-of-the-second-branch")
def a_factor_of_one_branch(z, alpha, scale):
    return np.where(z > 0, z, scale * alpha * np.expm1(np.minimum(z, 0)))


@follows("activation.swiglu.backward", "another-function-1")
def the_slope_of_another_function_in_a_form_that_loses_digits(dh, gate, up):
    gated = sigmoid(gate)
    return dh * up * gated * (1 - gated), dh * gate * gated


@follows("loss.softmax.jacobian", "diagonal-alone")
def the_diagonal_alone(logits):
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)
    return np.eye(p.shape[-1]) * (p * (1 - p))[..., None]


@follows("norm.rms", "gamma-squared+eps-both")
def twice_eps_and_gamma_squared(x, gamma, eps):
    return gamma**2 * x / (np.sqrt(np.mean(x**2, axis=1, keepdims=True) + eps) + eps)


@follows("schedule.cosine", "step-early+lr - end → lr")
def ahead_and_with_the_end_added(step, end, lr, horizon):
    return end + 0.5 * lr * (1 + np.cos(np.pi * min((step + 1) / horizon, 1)))


ROOT = "np.sqrt(np.mean(centred ** 2, axis=1, keepdims=True) + eps)"


@follows("norm.layer", f"gamma * centred / {ROOT} + beta → (gamma * centred + beta) / {ROOT}")
def beta_before_the_division(x, gamma, beta, eps):
    centred = x - x.mean(1, keepdims=True)
    return (gamma * centred + beta) / np.sqrt((centred**2).mean(1, keepdims=True) + eps)


@follows("matrix.turned_basis", "first-branch-always-1")
def turned_in_every_step(matrix, basis, count, period):
    return np.linalg.qr(matrix @ basis)[0] if count > 0 else np.linalg.eigh(matrix)[1]


@follows("matrix.turned_basis", "matrix-negated")
def columns_from_the_largest(matrix, basis, count, period):
    return FORMULAS["matrix.turned_basis"].raw(matrix, basis, count, period=period)[:, :: -1 if count == 0 else 1]


@pytest.mark.sampled(18)
@pytest.mark.parametrize(("function", "against", "name"), WRONG, ids=[function.__name__ for function, _, _ in WRONG])
def test_the_mistake_is_named(function, against, name):
    task = Task(function.__name__, against=against)
    observations = run_function(FunctionImplementation(function, against), task)
    with np.errstate(all="ignore"):
        result = judge_report(task, FunctionReport(parts=(observations,)), "check")
    assert result.verdict == Verdict.DEVIATES, result.message
    assert name in (result.convention, *(same.convention for same in result.identities)), result.message


@pytest.mark.sampled(4)
@pytest.mark.parametrize("identifier", FORMULAS)
def test_mistakes_are_changes_with_words(identifier):
    source = function_program(identifier).source
    known = {variant.id for variant in variants_of(FORMULAS[identifier])}
    ids = []
    for variant in mistakes(FORMULAS[identifier]):
        assert variant.program.source != source, variant.id
        assert variant.words
        ids += [variant.id] if variant.id not in known else []
    assert len(ids) == len(set(ids))


def test_places_are_changed_by_themselves_and_together():
    record = {"label": "sum", "words": "with `{fresh}` for `{match}`", "replace": {"np.mean(A, **K)": "np.sum(A, **K)"}, "everywhere": True}
    program = function_program("norm.batch.normalize")
    found = {label: (text, with_changes(program, places).source) for label, text, places in changes_of_places(program, record, {})}
    assert list(found) == ["sum", "sum-1", "sum-2"]
    assert found["sum"][0] == "with `np.sum(x, axis=0)` for `np.mean(x, axis=0)`, and in 1 more such places"
    assert [text.count("np.sum") for _, text in found.values()] == [2, 1, 1]
    assert found["sum-1"][1].splitlines()[0] == "centred = x - np.sum(x, axis=0)"


def wrong_for_long_rows(x, gamma, beta, eps):
    mean = np.mean(x, axis=1, keepdims=True) if x.shape[1] <= 512 else 0
    return gamma * (x - mean) / np.sqrt(np.var(x, axis=1, keepdims=True) + eps) + beta


def test_an_error_in_one_case_is_not_taken_for_another_precision():
    task = Task("wrong_for_long_rows", against="norm.layer")
    part = run_function(FunctionImplementation(wrong_for_long_rows, task.against), task)
    with np.errstate(all="ignore"):
        result = judge_report(task, FunctionReport(parts=(part,)), "check")
    assert result.verdict == Verdict.DEVIATES, result.message
    assert "float32" not in result.message
    assert "wrong in 'k = 1025'" in result.message


def test_counters_are_found():
    assert counters_of(function_program("averaging.polyak")) == ["t"]
    assert counters_of(function_program("norm.layer")) == []


def rises_without_end(step, lr, horizon, end):
    return lr + end * step if step > horizon else lr + (end - lr) * step / horizon


def with_a_mean_of_its_own(logits, targets, reduction):
    losses = reduced(np.logaddexp(0, logits) - targets * logits, reduction=reduction)
    return losses / (5 + len(logits)) if reduction == "mean" else losses


@pytest.mark.parametrize(
    ("function", "against", "where"),
    [
        (rises_without_end, "schedule.linear", "cases: those where step ≤ horizon."),
        (with_a_mean_of_its_own, "loss.logistic.binary", "cases: all but those where reduction = 'mean'."),
    ],
)
def test_what_has_no_name_is_told_where_it_is_right(function, against, where):
    task = Task(function.__name__, against=against)
    observations = run_function(FunctionImplementation(function, against), task)
    with np.errstate(all="ignore"):
        result = judge_report(task, FunctionReport(parts=(observations,)), "check")
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, None)
    assert where in result.message
