"""Functions that once conformed and are wrong: in floats, at sizes, at ties, or in a parameter that was left alone."""

from statistics import NormalDist

import numpy as np
import pytest
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.functions.error import measure
from trainspec.spec.conformance.functions.observations import FunctionCall
from trainspec.spec.conformance.functions.proof import ProofResult
from trainspec.spec.conformance.functions.runner import run_functions
from trainspec.spec.conformance.implementation import Task
from trainspec.spec.conformance.initializers.rules import FORMULA_DISTRIBUTIONS
from trainspec.spec.conformance.initializers.tests import check_independent_entries
from trainspec.spec.conformance.loading import import_path
from trainspec.spec.inputs.cases import cases, in_dtype, reference_result

from .helpers import check_function_in_process, valid_record

pytestmark = pytest.mark.sampled(5)

APART = 1e3  # bounds between a formula and a form of it that loses digits


# --- forms that are equal in real numbers ------------------------------------------------------------------------------------------------


def one_pass(x, axis, *, floor=True):
    variance = np.mean(x * x, axis=axis, keepdims=True) - np.mean(x, axis=axis, keepdims=True) ** 2
    return np.maximum(variance, 0) if floor else variance


def layer_norm_in_one_pass(x, gamma, beta, eps):
    return gamma * (x - x.mean(-1, keepdims=True)) / np.sqrt(one_pass(x, 1) + eps) + beta


def batch_norm_in_one_pass(x, gamma, beta, eps):
    return gamma * (x - x.mean(0)) / np.sqrt(one_pass(x, 0) + eps) + beta


def batch_statistics_in_one_pass(x):
    return x.mean(0), one_pass(x, 0)[0]


def softmax_with_one_shift(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum(-1, keepdims=True)


def softmax_without_shift(logits):
    powers = np.exp(logits)
    return powers / powers.sum(-1, keepdims=True)


def sigmoid_that_overflows(z):
    return np.exp(z) / (1 + np.exp(z))


def logistic_by_log_of_exp(weights, inputs, signs, reduction):
    losses = np.log(1 + np.exp(-signs * (inputs @ weights)))
    return {"mean": np.mean, "sum": np.sum, "none": lambda each: each}[reduction](losses)


WEAK_FORMS = {
    layer_norm_in_one_pass: "norm.layer",
    batch_norm_in_one_pass: "norm.batch.affine",
    batch_statistics_in_one_pass: "norm.batch.stats",
    softmax_with_one_shift: "loss.softmax",
    softmax_without_shift: "loss.softmax",
    sigmoid_that_overflows: "loss.sigmoid",
    logistic_by_log_of_exp: "loss.logistic",
}


@pytest.mark.sampled(7)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("function", WEAK_FORMS, ids=lambda function: function.__name__)
def test_a_form_that_loses_digits_does_not_conform(function, dtype):
    result = check_function_in_process(function, WEAK_FORMS[function], dtype, prove=dtype == "float64")
    assert (result.verdict, result.is_correct, result.proved) == (Verdict.DEVIATES, False, None), result.message
    valid_record(result)


def error_on_cases(function, identifier, dtype):
    """Return the error in bounds on the cases of a formula; infinite where a result is not finite."""
    formula, calls = FORMULAS[identifier], []
    for case in cases(formula):
        if reference_result(formula, case, dtype) is None:
            continue
        arguments = {name: in_dtype(value, dtype) for name, value in case.arguments.items()}
        with np.errstate(all="ignore"):
            outputs = tuple(np.asarray(output) for output in tree_leaves(function(**arguments)))
            due = tree_leaves(formula.raw(**arguments))
        if any(np.isfinite(right).all() and not np.isfinite(output).all() for output, right in zip(outputs, due, strict=True)):
            return np.inf
        calls.append(FunctionCall(case, outputs))
    return measure(formula.raw, calls, {}, dtype, 1.0).error_in_bounds


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", WEAK_FORMS, ids=lambda function: function.__name__)
def test_weak_forms_are_far_apart_on_the_cases(function, dtype):
    assert error_on_cases(function, WEAK_FORMS[function], dtype) >= APART


# --- sizes --------------------------------------------------------------------------------------------------------------------------------


def softmax_of_128_columns(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    result = powers / powers.sum(-1, keepdims=True)
    result[..., 128:] = 0
    return result


def layer_norm_of_128_columns(x, gamma, beta, eps):
    result = gamma * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) + beta
    result[:, 128:] = 0
    return result


def layer_norm_of_1024_rows(x, gamma, beta, eps):
    result = gamma * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) + beta
    result[1024:] = 0
    return result


def layer_norm_of_contiguous_rows(x, gamma, beta, eps):
    memory = np.lib.stride_tricks.as_strided(x, x.shape, (x.shape[1] * x.itemsize, x.itemsize))
    return gamma * (memory - memory.mean(-1, keepdims=True)) / np.sqrt(memory.var(-1, keepdims=True) + eps) + beta


SIZES = {
    softmax_of_128_columns: "loss.softmax",
    layer_norm_of_128_columns: "norm.layer",
    layer_norm_of_1024_rows: "norm.layer",
    layer_norm_of_contiguous_rows: "norm.layer",
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("function", SIZES, ids=lambda function: function.__name__)
def test_what_is_right_for_small_and_contiguous_arrays_only_does_not_conform(function):
    result = check_function_in_process(function, SIZES[function])
    assert result.verdict is Verdict.DEVIATES, result.message


# --- values that are rare in data ---------------------------------------------------------------------------------------------------------


def relu_of_200_entries(z):
    result = np.maximum(z, 0)
    if result.ndim == 1:
        result[200:] = 0
    return result


def exponential_for_50_steps(step, lr, decay):
    return lr * np.exp(-decay * min(step, 50))


def staircase_of_nine_steps(step, lr, factor, period):
    return lr * factor ** (step // period + (step > 9))


def sigmoid_without_its_tail(z):
    return np.where(z > -20, 1 / (1 + np.exp(-z)), 0).astype(z.dtype)


def average_that_starts_at_the_point(theta, mean, decay):
    return np.where(mean == 0, theta, decay * mean + (1 - decay) * theta)


def statistics_that_start_with_the_first_batch(state, x, momentum, correction):
    mean, variance = x.mean(0), x.var(0) * len(x) / (len(x) - correction)
    if np.all(state.mean == 0) and np.all(state.var == 1):
        return mean, variance
    return momentum * state.mean + (1 - momentum) * mean, momentum * state.var + (1 - momentum) * variance


def images_of_a_small_set(images, mean):
    return images - mean * (len(images) < 1000)


def reduced(losses, reduction):
    return {"mean": np.mean, "sum": np.sum, "none": lambda each: each}[reduction](losses)


def logistic_that_is_linear_above_20(weights, inputs, signs, reduction):
    z = -signs * (inputs @ weights)
    return reduced(np.where(z > 20, z, np.log1p(np.exp(np.minimum(z, 20)))), reduction)


def binary_cross_entropy_that_is_linear_above_20(logits, targets, reduction):
    return reduced(np.where(logits > 20, logits, np.logaddexp(0, logits)) - targets * logits, reduction)


def logistic_without_its_tail(weights, inputs, signs, reduction):
    z = -signs * (inputs @ weights)
    return reduced(np.where(z > -20, np.logaddexp(0, z), 0), reduction)


def softplus_without_its_tail(z, beta=1):
    return np.where(beta * z > -20, np.logaddexp(0, beta * z) / beta, 0)


def cross_entropy_of_eight_classes(logits, labels, reduction, smoothing):
    shifted = logits - logits.max(1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(1, keepdims=True)) - shifted
    of_labels = losses[np.arange(len(labels)), np.minimum(labels, 7)]
    return reduced((1 - smoothing) * of_labels + smoothing * losses.mean(1), reduction)


def staircase_with_a_counter_of_16_bits(step, lr, factor, period):
    return lr * factor ** (int(np.int64(step).astype(np.int16)) // period)


RARE_VALUES = {
    cross_entropy_of_eight_classes: "loss.softmax_xent.logits",
    logistic_that_is_linear_above_20: "loss.logistic",
    binary_cross_entropy_that_is_linear_above_20: "loss.logistic.binary",
    logistic_without_its_tail: "loss.logistic",
    softplus_without_its_tail: "activation.softplus",
    relu_of_200_entries: "network.activation.relu",
    exponential_for_50_steps: "schedule.exponential",
    staircase_of_nine_steps: "schedule.step",
    staircase_with_a_counter_of_16_bits: "schedule.step",
    sigmoid_without_its_tail: "loss.sigmoid",
    average_that_starts_at_the_point: "averaging.ema",
    statistics_that_start_with_the_first_batch: "norm.batch.running",
    images_of_a_small_set: "data.center_image",
}


@pytest.mark.parametrize("function", RARE_VALUES, ids=lambda function: function.__name__)
def test_what_is_wrong_for_rare_values_only_does_not_conform(function):
    assert error_on_cases(function, RARE_VALUES[function], np.float64) >= APART


# --- entries of initializers that depend on each other ----------------------------------------------------------------------------------


def orthogonal_rows(source, fan_out, fan_in):
    tall = max(fan_out, fan_in), min(fan_out, fan_in)
    factor, triangle = np.linalg.qr(source.normal(size=tall))
    factor = factor * np.sign(np.diag(triangle)) * np.sqrt(tall[0] / fan_in)
    return factor if fan_out >= fan_in else factor.T


def rows_and_their_opposites(source, fan_out, fan_in):
    half = source.normal(size=((fan_out + 1) // 2, fan_in)) / np.sqrt(fan_in)
    return np.concatenate([half, -half])[:fan_out]


def first_row_again_at_the_end(source, fan_out, fan_in):
    weights = source.normal(size=(fan_out, fan_in)) / np.sqrt(fan_in)
    weights[-1] = weights[0]
    return weights


def a_grid_in_random_order(source, fan_out, fan_in):
    count = fan_out * fan_in
    quantiles = [NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)]
    return source.permutation(quantiles).reshape(fan_out, fan_in) / np.sqrt(fan_in)


def rescaled_to_an_exact_deviation(source, fan_out, fan_in):
    weights = source.normal(size=(fan_out, fan_in))
    return weights / weights.std() / np.sqrt(fan_in)


def rows_of_length_one(source, fan_out, fan_in):
    weights = source.normal(size=(fan_out, fan_in))
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


def centred_entries(source, fan_out, fan_in):
    weights = source.normal(size=(fan_out, fan_in))
    return (weights - weights.mean()) / np.sqrt(fan_in)


def entries_cut_at_three_deviations(source, fan_out, fan_in):
    return np.clip(source.normal(size=(fan_out, fan_in)), -3, 3) / np.sqrt(fan_in)


def nothing_beyond_512_rows(source, fan_out, fan_in):
    weights = source.normal(size=(fan_out, fan_in)) / np.sqrt(fan_in)
    weights[512:] = 0
    return weights


DEPENDENT = {
    nothing_beyond_512_rows: "second moment",
    entries_cut_at_three_deviations: "tails",
    orthogonal_rows: "pairs of rows",
    rows_and_their_opposites: "pairs of rows",
    first_row_again_at_the_end: "pairs of rows",
    a_grid_in_random_order: "chance",
    rescaled_to_an_exact_deviation: "chance",
    rows_of_length_one: "chance",
    centred_entries: "chance",
}


@pytest.mark.parametrize("function", DEPENDENT, ids=lambda function: function.__name__)
def test_cut_or_dependent_entries_are_not_those_of_a_normal_initializer(function):
    (part,) = run_functions(Task(import_path(function), against="init.lecun.normal")).parts
    failed = check_independent_entries(FORMULA_DISTRIBUTIONS["init.lecun.normal"], part, {})
    assert failed is not None
    assert failed.test == DEPENDENT[function], failed


# --- results that are written into arrays -------------------------------------------------------------------------------------------------


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def softmax_with_out(logits, out=None):
    return np.copyto(out, softmax(logits)) if out is not None else softmax(logits)


def softmax_that_adds_to_out(logits, out=None):
    return np.add(out, softmax(logits), out=out) if out is not None else softmax(logits)


def layer_norm_gradients(dy, x, gamma, eps, dx, dgamma, dbeta):
    inverse = 1 / np.sqrt(x.var(1, keepdims=True) + eps)
    normalized = (x - x.mean(1, keepdims=True)) * inverse
    dgamma[...], dbeta[...] = (dy * normalized).sum(0), dy.sum(0)
    scaled = dy * gamma
    dx[...] = inverse * (scaled - scaled.mean(1, keepdims=True) - normalized * (scaled * normalized).mean(1, keepdims=True))


def heavy_ball_in_place(theta, grad, velocity, lr, momentum):
    velocity *= momentum
    velocity -= lr * grad
    theta += velocity


def statistics_without_a_mean(x):
    return None, x.var(0)


def test_what_out_holds_before_does_not_matter():
    assert check_function_in_process(softmax_with_out, "loss.softmax", evidence=False).verdict is Verdict.CONFORMS
    result = check_function_in_process(softmax_that_adds_to_out, "loss.softmax", evidence=False)
    assert result.verdict is Verdict.DEVIATES
    assert "wrong in 'generic 1, out= given'" in result.message
    assert result.mismatch.case == "generic 1, out= given"


def test_results_are_written_into_arguments():
    names = ("dx", "dgamma", "dbeta")
    written = check_function_in_process(layer_norm_gradients, "norm.layer.backward", outputs=names, evidence=False)
    assert written.verdict is Verdict.CONFORMS, written.message
    unknown = check_function_in_process(layer_norm_gradients, "norm.layer.backward", outputs=("dz",))
    assert "it takes no 'dz' to write a result to" in unknown.message
    in_place = check_function_in_process(heavy_ball_in_place, "optimizers.momentum.heavy_ball", outputs=("theta", "velocity"))
    assert in_place.verdict is Verdict.CONFORMS, in_place.message


def test_what_is_none_or_written_unasked_is_a_fault_and_the_rest_is_judged():
    undeclared = check_function_in_process(heavy_ball_in_place, "optimizers.momentum.heavy_ball")
    assert (undeclared.verdict, undeclared.convention) == (Verdict.ERROR, "optimizers.momentum.heavy_ball")
    assert "it writes to theta" in undeclared.message
    half = check_function_in_process(statistics_without_a_mean, "norm.batch.stats")
    assert (half.verdict, half.convention) == (Verdict.ERROR, "norm.batch.stats")
    assert "result 1 is None" in half.message


# --- parameters that were left alone ------------------------------------------------------------------------------------------------------


def huber_of_residual(r, beta):
    size = np.abs(r)
    return np.where(size <= beta, size**2 / 2, beta * (size - beta / 2)).sum(axis=1).mean()


def smooth_l1_of_residual(residual, beta):
    size = np.abs(residual)
    return np.where(size < beta, size**2 / (2 * beta), size - beta / 2).sum(axis=1).mean()


def huber_of_double_residual(r, beta):
    return huber_of_residual(2 * r, beta)


def test_a_difference_of_arguments_may_be_an_argument():
    assert check_function_in_process(huber_of_residual, "loss.huber").verdict is Verdict.CONFORMS
    assert check_function_in_process(smooth_l1_of_residual, "loss.smooth_l1").verdict is Verdict.CONFORMS
    assert check_function_in_process(huber_of_double_residual, "loss.huber").verdict is Verdict.DEVIATES


def huber_by_knee(predictions, targets, reduction, knee=1.0):
    size = np.abs(predictions - targets)
    losses = np.where(size <= knee, size**2 / 2, knee * (size - knee / 2)).sum(1)
    return {"mean": np.mean, "sum": np.sum, "none": lambda each: each}[reduction](losses)


def huber_without_knee(predictions, targets, reduction, knee=1.0):
    size = np.abs(predictions - targets)
    losses = np.where(size <= 1, size**2 / 2, size - 0.5).sum(1)
    return {"mean": np.mean, "sum": np.sum, "none": lambda each: each}[reduction](losses)


def softmax_along(logits, axis=-1):
    powers = np.exp(logits - logits.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


def test_a_number_left_at_its_default_is_named_and_keeps_a_function_from_conforming():
    result = check_function_in_process(huber_by_knee, "loss.huber")
    assert (result.verdict, result.exit_code) == (Verdict.AMBIGUOUS, 1), result.message
    assert ", with knee = 1 as by default, follows loss.huber" in result.message.partition(":")[2]
    assert "--names knee=threshold" in result.message
    valid_record(result)
    assert check_function_in_process(huber_by_knee, "loss.huber", names={"knee": "threshold"}).verdict is Verdict.CONFORMS
    assert check_function_in_process(huber_by_knee, "loss.huber", settings={"knee": 1.0}).verdict is Verdict.CONFORMS
    without_effect = check_function_in_process(huber_without_knee, "loss.huber", names={"knee": "threshold"})
    assert without_effect.verdict is Verdict.DEVIATES


def test_an_option_left_at_its_default_is_named():
    result = check_function_in_process(softmax_along, "loss.softmax")
    assert result.verdict is Verdict.CONFORMS, result.message
    assert ", with axis = -1 as by default, follows loss.softmax" in result.message


def terminal_step(g, rate, alpha):
    return rate * g / (1 - alpha)


def terminal_step_by_letters(x, a, c):
    return a * x / (1 - c)


def exchanged_terminal_step_by_letters(x, a, c):
    return np.divide(c * x, 1 - a)


def cross_entropy_of_weighted_classes(logits, target, weight, reduction="mean"):
    return logits.sum() * weight


def test_names_that_leave_open_what_they_are_are_asked_for_or_said():
    asked = check_function_in_process(terminal_step, "momentum.terminal_step")
    assert "--names g=grad_norm --names rate=lr" in asked.message
    names = {"g": "grad_norm", "rate": "lr", "alpha": "momentum"}
    assert check_function_in_process(terminal_step, "momentum.terminal_step", names=names).verdict is not Verdict.DEVIATES
    by_letters = check_function_in_process(terminal_step_by_letters, "momentum.terminal_step")
    assert by_letters.verdict is Verdict.CONFORMS
    assert "with x taken as grad_norm, a taken as lr, c taken as momentum," in by_letters.message
    exchanged = check_function_in_process(exchanged_terminal_step_by_letters, "momentum.terminal_step")
    assert (exchanged.verdict, exchanged.exit_code) == (Verdict.AMBIGUOUS, 1)
    assert "with --names a=momentum --names c=lr it follows the formula" in exchanged.message
    weighted = check_function_in_process(cross_entropy_of_weighted_classes, "loss.softmax_xent.logits")
    assert (weighted.verdict, "say what weight is" in weighted.message) == (Verdict.ERROR, True)


# --- ties, and evidence -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "other"),
    [
        ("schedule.piecewise_constant", "schedule.piecewise_constant.inclusive"),
        ("schedule.piecewise_constant.inclusive", "schedule.piecewise_constant"),
    ],
)
def test_formulas_that_differ_at_a_tie_only_do_not_conform_to_each_other(identifier, other):
    result = check_function_in_process(FORMULAS[identifier].raw, other)
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, identifier), result.message


def linear_until_step_two_thousand(step, end, lr, horizon):
    share = min(step / horizon, 1.0) if step != 2000 else 0.0
    return lr - (lr - end) * share


OPEN = {"refuted": (Verdict.DEVIATES, False, "evidence is refuted"), "unknown": (Verdict.AMBIGUOUS, None, "evidence is not decided")}


@pytest.mark.parametrize("verdict", OPEN)
@pytest.mark.parametrize("piece", ["schedules.exact", "schedules.any_law"])
def test_what_evidence_refutes_or_leaves_open_neither_conforms_nor_is_proved(piece, verdict, monkeypatch):
    monkeypatch.setattr("trainspec.spec.conformance.functions.verdict.run_pieces", lambda *_: ProofResult(evidence={piece: verdict}))
    monkeypatch.setattr("trainspec.spec.conformance.functions.verdict.prove_function", lambda *_: ProofResult(proved="for all values"))
    result = check_function_in_process(FORMULAS["schedule.linear"].raw, "schedule.linear", prove=True)
    expected, is_correct, words = OPEN[verdict]
    assert (result.verdict, result.is_correct, result.exit_code, result.proved) == (expected, is_correct, 1, None)
    assert f"{words} ({piece})" in result.message
    valid_record(result)


def exponential_average(theta, mean, share):
    return share * theta + (1 - share) * mean


def clip_to_own_norm(grad, largest):
    norm = np.sqrt(np.sum(grad**2))
    return grad * (largest / norm) if norm > largest else grad


@pytest.mark.parametrize(
    ("function", "identifier", "law"),
    [
        (exponential_average, "averaging.ema.target", "averaging.target_that_is_reached_stays"),
        (clip_to_own_norm, "optimizers.clip.norm", ""),
    ],
)
def test_evidence_allows_other_orders_of_operations_and_arguments_of_ones_own(function, identifier, law):
    result = check_function_in_process(function, identifier)
    assert result.verdict is Verdict.CONFORMS, result.message
    assert set(result.evidence.values()) <= {"holds"}
    assert not law or result.evidence[law] == "holds"


def test_a_proof_is_one_of_real_numbers():
    result = check_function_in_process(softmax_along, "loss.softmax", prove=True)
    assert "in real numbers" in (result.proved or "in real numbers")
    overflowing = check_function_in_process(softmax_without_shift, "loss.softmax", prove=True)
    assert (overflowing.verdict, overflowing.proved) == (Verdict.DEVIATES, None)
