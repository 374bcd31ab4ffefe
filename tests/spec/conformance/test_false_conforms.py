"""Functions that once conformed and are wrong: in floats, at sizes, at ties, or in a parameter that was left alone."""

import numpy as np
import pytest
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.functions.error import measure
from trainspec.spec.conformance.functions.observations import FunctionCall
from trainspec.spec.inputs.cases import cases, in_dtype

from .helpers import check_function_in_process, valid_record

APART = 1e3  # bounds between a formula and a form of it that loses digits


# --- forms that are equal in real numbers ------------------------------------------------------------------------------------------------


def one_pass(x, axis, *, floor=True):
    variance = np.mean(x * x, axis=axis, keepdims=True) - np.mean(x, axis=axis, keepdims=True) ** 2
    return np.maximum(variance, 0) if floor else variance


def layer_norm_in_one_pass(x, gamma, beta, eps):
    return gamma * (x - x.mean(1, keepdims=True)) / np.sqrt(one_pass(x, 1) + eps) + beta


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
    result = gamma * (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + eps) + beta
    result[:, 128:] = 0
    return result


def layer_norm_of_1024_rows(x, gamma, beta, eps):
    result = gamma * (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + eps) + beta
    result[1024:] = 0
    return result


def layer_norm_of_contiguous_rows(x, gamma, beta, eps):
    memory = np.lib.stride_tricks.as_strided(x, x.shape, (x.shape[1] * x.itemsize, x.itemsize))
    return gamma * (memory - memory.mean(1, keepdims=True)) / np.sqrt(memory.var(1, keepdims=True) + eps) + beta


SIZES = {
    softmax_of_128_columns: "loss.softmax",
    layer_norm_of_128_columns: "norm.layer",
    layer_norm_of_1024_rows: "norm.layer",
    layer_norm_of_contiguous_rows: "norm.layer",
}


@pytest.mark.parametrize("function", SIZES, ids=lambda function: function.__name__)
def test_what_is_right_for_small_and_contiguous_arrays_only_does_not_conform(function):
    result = check_function_in_process(function, SIZES[function])
    assert result.verdict is Verdict.DEVIATES, result.message
