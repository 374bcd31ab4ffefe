"""docs/kernels.md lists all kernels, the stated number of cases, and errors that its first cases do not exceed."""

import json

import pytest

from ..support.kernels import DTYPES, GIVEN_GRADIENT
from .kernel_accuracy import BY_SIZE, CASES, TARGET, error_of_case, errors_by_size, problems, problems_by_size, recorded


def test_the_table_lists_every_kernel_with_an_error_within_the_bound():
    assert not problems(TARGET.read_text(encoding="utf-8"))


def test_a_wrong_table_is_seen():
    text = TARGET.read_text(encoding="utf-8")
    lines = text.splitlines()
    row = next(line for line in lines if line.startswith("| `adam` "))
    assert problems(text.replace(f"{row}\n", "")) == ["adam is not listed"]
    assert problems(text + row.replace("adam", "sgd") + "\n") == ["sgd is no kernel"]
    assert problems(text.replace(row, "| `adam` |  | 1.01 | 0.97 |")) == ["adam exceeds the rounding bound"]
    assert problems(text.replace(f"{CASES} random cases", "4 random cases")) == [f"made from 4 cases, not {CASES}"]


def test_the_record_by_size_lists_every_kernel_and_is_what_its_calls_show():
    text = BY_SIZE.read_text(encoding="utf-8")
    assert not problems_by_size(text)
    assert json.loads(text)["kernels"]["relu"] == errors_by_size("relu")
    record = json.loads(text)
    worst = record["kernels"].pop("adam")
    assert problems_by_size(json.dumps(record)) == ["adam is not listed"]
    record["kernels"] |= {"adam": worst | {"float32": [1.01]}, "sgd": worst}
    assert problems_by_size(json.dumps(record)) == ["sgd is no kernel", "adam exceeds the rounding bound"]


@pytest.mark.parametrize("name", GIVEN_GRADIENT)
def test_no_case_exceeds_the_worst_error_listed(name):
    """Of kernels whose results are the same on every machine; the table has two digits."""
    for dtype, worst in zip(DTYPES, recorded()[name], strict=True):
        assert max(error_of_case(name, dtype, seed) for seed in (0, 1)) <= worst + 0.005
