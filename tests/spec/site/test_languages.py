"""Formulas in C, JavaScript and Rust give what the vectors ask for: the tree that is shown is the formula that is proven."""

import ast
import json
import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from trainspec.reference import FORMULAS
from trainspec.spec.site.languages import LANGUAGES, NotElementwise, in_language, scalar_program

from tests.support.languages import evaluate

VECTORS = Path(__file__).parents[3] / "vectors"
MOST_ENTRIES = 6  # of an array in a call


def programs():
    """The scalar programs of all formulas that have one, by id."""
    known = {}
    for identifier in FORMULAS:
        try:
            known[identifier] = scalar_program(identifier)
        except NotElementwise:
            continue
    return known


class Row(NamedTuple):
    """One entry of a call: the number of its formula, its arguments in bits, and for each result the value due and the tolerance."""

    call: str
    index: int
    bits: list
    due: list


def numbers(text):
    return [text[start : start + 16] for start in range(0, len(text), 16)]


def as_bits(text, kind):
    """The entries of an argument, each as the bits of a double."""
    if kind in ("array", "number"):
        return numbers(text)
    value = float(text == "true") if kind == "flag" else float(text)
    return [struct.pack(">d", value).hex()]


def value(bits):
    return struct.unpack(">d", bytes.fromhex(bits))[0]


def due_values(line, name, count):
    """The value due of each entry of a result in two parts, and its tolerance; of a whole number the tolerance is 0."""
    if f"{name}.tol" not in line:
        return [(float(line[name]), 0.0, 0.0)] * count
    high = [*map(value, numbers(line[name]))]
    low = [*map(value, numbers(line[f"{name}.lo"]))] if f"{name}.lo" in line else [0.0] * len(high)
    tolerance = [*map(value, numbers(line[f"{name}.tol"]))]
    tolerance = tolerance * len(high) if len(tolerance) == 1 else tolerance
    triples = list(zip(high, low, tolerance, strict=True))
    return triples * count if len(triples) == 1 else triples


def rows_of(index, identifier):
    """The entries of all calls of a formula in float64."""
    lines = [json.loads(line) for line in (VECTORS / f"{identifier}.jsonl").read_text().splitlines()]
    arguments, results = (dict(part.split(":") for part in lines[0][key].split()) for key in ("arguments", "results"))
    for line in lines:
        if line["k"] == "call" and line["dtype"] == "float64":
            columns = [as_bits(line[name], kind) for name, kind in arguments.items()]
            count = next((len(column) for column, kind in zip(columns, arguments.values(), strict=True) if kind == "array"), 1)
            due = [due_values(line, name, count) for name in results]
            for entry in range(min(count, MOST_ENTRIES)):
                bits = [column[entry if len(column) > 1 else 0] for column in columns]
                yield Row(line["id"], index, bits, [values[entry] for values in due])


def misses(rows, answers):
    """The calls that an answer fails, with by how much."""
    failed = {}
    for row, got in zip(rows, answers, strict=True):
        for result, (high, low, tolerance) in zip(got, row.due, strict=True):
            off = abs((result - high) - low)
            if not (off <= tolerance or (result == high and math.isinf(high))):
                failed[row.call] = (result, high, off, tolerance)
    return failed


@pytest.fixture(scope="module")
def scalar_programs():
    return {identifier: program for identifier, program in programs().items() if (VECTORS / f"{identifier}.jsonl").exists()}


@pytest.fixture(scope="module")
def rows(scalar_programs):
    return [row for index, identifier in enumerate(scalar_programs) for row in rows_of(index, identifier)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_elementwise_formula_meets_its_vectors(language, scalar_programs, rows, tmp_path):
    assert len(scalar_programs) > 165
    assert len(rows) > 3900
    assert misses(rows, evaluate(language, list(scalar_programs.values()), rows, tmp_path)) == {}


def test_a_change_of_a_formula_is_noticed(scalar_programs, rows, tmp_path):
    identifier = "optimizers.adam"
    index = list(scalar_programs).index(identifier)
    program = scalar_programs[identifier]
    texts = [(name, ast.unparse(value).replace("1 - beta1", "1 - beta2")) for name, value in program.statements]
    wrong = tuple((name, ast.parse(text, mode="eval").body) for name, text in texts)
    its = [row for row in rows if row.index == index]
    changed = [*scalar_programs.values()]
    changed[index] = replace(program, statements=wrong)
    assert misses(its, evaluate("javascript", changed, its, tmp_path))


def test_a_step_reads_like_the_formula():
    code = in_language(scalar_program("optimizers.momentum.heavy_ball"), LANGUAGES["javascript"])
    assert code.splitlines() == [
        "function heavy_ball(theta, grad, velocity, lr, momentum) {",
        "    velocity = momentum * velocity - lr * grad;",
        "    return [theta + velocity, velocity];",
        "}",
    ]


@pytest.mark.parametrize("identifier", ["loss.softmax", "norm.batch.stats", "optimizers.lamb", "init.orthogonal"])
def test_what_is_more_than_arithmetic_entry_by_entry_is_refused(identifier):
    with pytest.raises(NotElementwise):
        scalar_program(identifier)
