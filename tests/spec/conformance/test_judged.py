"""Implementations in the styles of many hands: the right ones conform, the others are found, and the axes of each are named."""

import json
import os
from argparse import Namespace
from importlib.resources import files

import jsonschema
import pytest
from click.testing import CliRunner
from trainspec.spec.cli import main
from trainspec.spec.conformance.optimizers.conventions import bank

from . import judged_right, judged_wrong
from .asking import ask

SCHEMA = json.loads(files("trainspec.spec.conformance").joinpath("verdict.schema.json").read_text(encoding="utf-8"))
RIGHT = [(name, dtype) for name in judged_right.CASES for dtype in ("float64", "float32")]
WRONG = [(name, "float64") for name in judged_wrong.CASES]
WRONG += [(name, "float32") for name in list(judged_wrong.CASES)[:: 1 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 4]]


def asked(module, name, dtype):
    one = module.CASES[name]
    return one, ask(f"{module.__name__}:{name}", dtype=dtype, **getattr(one, "settings", {}))


def check_axes(one, result):
    if one.axes is None:
        assert result.convention is None, result.sentence
        return
    assert result.axes is not None, result.sentence
    assert {name: result.axes[name] for name in one.axes} == one.axes, result.sentence


def check_faults(one, result):
    due = getattr(one, "faults", {}).get(result.dtype) or getattr(one, "fault", None)
    assert [fault.kind for fault in result.faults] == ([due] if due else []), result.faults


@pytest.mark.parametrize(("name", "dtype"), RIGHT)
def test_right_ones_conform(name, dtype):
    one, result = asked(judged_right, name, dtype)
    assert result.verdict == getattr(one, "verdict", "conforms"), result.sentence
    check_faults(one, result)
    check_axes(one, result)
    jsonschema.validate(json.loads(json.dumps(result.as_json(), allow_nan=False)), SCHEMA)
    assert result.axes["precision"] == "native"
    assert bank()[result.convention].right


@pytest.mark.parametrize(
    ("name", "dtype"), [(name, dtype) for name, dtype in WRONG if dtype == getattr(judged_wrong.CASES[name], "only", dtype)]
)
def test_wrong_ones_are_found(name, dtype):
    one, result = asked(judged_wrong, name, dtype)
    assert result.verdict == getattr(one, "verdict", "deviates"), result.sentence
    check_faults(one, result)
    check_axes(one, result)
    jsonschema.validate(json.loads(json.dumps(result.as_json(), allow_nan=False)), SCHEMA)


@pytest.mark.parametrize("name", ["AdamDataclass", "AdamBuiltIn", "RMSPropUnderBeta", "adam_pair", "IRpropMinus"])
def test_in_a_process_of_its_own(name):
    result = CliRunner().invoke(main, ["check", f"{judged_right.__file__}:{name}", "--json"])
    assert result.exit_code == 0, result.output
    check_axes(judged_right.CASES[name], Namespace(**json.loads(result.stdout)))


@pytest.mark.parametrize(
    ("name", "code"), [("AdamComplementInMomentOnly", 1), ("SGDAntiDecay", 1), ("DoesNotCopy", 2), ("RaisesAtStepTen", 2), ("NaNAtZero", 1)]
)
def test_what_is_wrong_in_a_process_of_its_own(name, code):
    result = CliRunner().invoke(main, ["check", f"{judged_wrong.__name__}:{name}", "--json"])
    record = json.loads(result.stdout)
    assert (result.exit_code, record["exit_code"]) == (code, code), result.output
    jsonschema.validate(record, SCHEMA)
    check_axes(judged_wrong.CASES[name], Namespace(**record))
