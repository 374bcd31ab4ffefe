"""Functions on batches of higher rank: rows that come out otherwise than in a matrix are said, where the formula's rows are independent."""

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict

from .helpers import check_function_in_process, valid_record


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


OUTCOMES = [(over_the_last_axis, "same"), (over_the_second_axis, "otherwise"), (of_matrices_only, "refused")]


@pytest.mark.parametrize(("function", "outcome"), OUTCOMES)
def test_rows_of_batches_of_higher_rank(function, outcome):
    result = check_function_in_process(function, "norm.layer")
    assert (result.verdict, result.ranks) == (Verdict.CONFORMS, {"3": outcome, "4": outcome}), result.message
    assert ("with a batch of rank 3 and 4 its rows come out otherwise" in result.message) == (outcome == "otherwise")
    valid_record(result)


def test_formulas_whose_rows_depend_on_each_other_are_left_alone():
    result = check_function_in_process(normalize_batch, "norm.batch.normalize")
    assert (result.verdict, result.ranks) == (Verdict.CONFORMS, {})
