"""Functions on batches of higher rank: rows that come out otherwise than in a matrix are said, where the formula's rows are independent."""

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict

from .helpers import check_function_in_process, valid_record

pytestmark = pytest.mark.sampled(5)


def over_the_last_axis(x, gamma, beta, eps):
    centred = x - x.mean(axis=-1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps) + beta


def over_the_second_axis(x, gamma, beta, eps):
    centred = x - x.mean(axis=1, keepdims=True)
    return gamma * centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + eps) + beta


def of_matrices_only(x, gamma, beta, eps):
    _, _ = x.shape
    return over_the_last_axis(x, gamma, beta, eps)


def normalize_batch(x, eps):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def softmax_of_matrices(logits):
    _, _ = logits.shape
    return softmax(logits)


def softmax_that_fails_once(logits):
    if logits.shape == (2, 4, 2):
        raise ValueError(logits.shape)
    return np.exp(logits - logits.max(axis=-1, keepdims=True)) / np.exp(logits - logits.max(axis=-1, keepdims=True)).sum(-1, keepdims=True)


def dense_of_matrices(x, weight, bias):
    return x @ weight.T + bias if x.ndim == 2 else 2 * (x @ weight.T)


MIXED = ": it mixes rows along axis 1, where only the last axis is due"
OUTCOMES = [
    (over_the_last_axis, "norm.layer", Verdict.CONFORMS, "same", ""),
    (of_matrices_only, "norm.layer", Verdict.CONFORMS, "refused", ""),
    (over_the_second_axis, "norm.layer", Verdict.CONFORMS, "otherwise", "with a batch of rank 3 and 4 its rows come out otherwise"),
    (softmax_of_matrices, "loss.softmax", Verdict.CONFORMS, "refused", "a batch of rank 3 and 4 it refuses with an error"),
    (softmax, "loss.softmax", Verdict.DEVIATES, "otherwise", MIXED),
    (dense_of_matrices, "network.dense.forward", Verdict.CONFORMS, "otherwise", "with a batch of rank 3 and 4 its rows come out otherwise"),
]


@pytest.mark.parametrize(("function", "formula", "verdict", "outcome", "words"), OUTCOMES)
def test_rows_of_batches_of_higher_rank(function, formula, verdict, outcome, words):
    result = check_function_in_process(function, formula)
    assert (result.verdict, result.ranks) == (verdict, {"3": outcome, "4": outcome}), result.message
    assert words in result.message
    assert (result.exit_code, bool(result.is_correct)) == ((0, True) if verdict is Verdict.CONFORMS else (1, False))
    valid_record(result)


def test_formulas_whose_rows_depend_on_each_other_are_left_alone():
    result = check_function_in_process(normalize_batch, "norm.batch.normalize")
    assert (result.verdict, result.ranks) == (Verdict.CONFORMS, {})


def test_an_error_in_some_batches_of_a_rank_is_no_refusal_of_the_rank():
    result = check_function_in_process(softmax_that_fails_once, "loss.softmax")
    assert result.verdict is Verdict.ERROR, result.message
    assert "it raises ValueError" in result.message
