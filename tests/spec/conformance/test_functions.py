"""Functions as subjects: right ones pass however they order their operations, wrong ones are named, what misbehaves is reported."""

import json
import subprocess
import sys
from importlib.resources import files

import pytest
from click.testing import CliRunner
from jsonschema import validate
from trainspec.reference import FORMULAS
from trainspec.spec.cli import main
from trainspec.spec.conformance import Verdict, check
from trainspec.spec.conformance.functions.runner import FunctionReport, FunctionTask, called
from trainspec.spec.conformance.functions.verdict import judged
from trainspec.spec.conformance.implementation import FunctionSubject

from . import misbehaving_functions
from .asking import ask_function
from .right_functions import RIGHT
from .wrong_functions import WRONG

SCHEMA = json.loads(files("trainspec.spec.conformance").joinpath("verdict.schema.json").read_text(encoding="utf-8"))
DTYPES = ("float64", "float32")
UNSTABLE = {"one_pass", "moments_in_one_pass"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", RIGHT, ids=lambda one: one.__name__)
def test_right_functions_pass(function, dtype):
    result = ask_function(function, function.against, dtype, function.names)
    assert result.verdict == Verdict.CONFORMS, result.sentence
    assert result.exit_code == 0
    validate(json.loads(json.dumps(result.as_json())), SCHEMA)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", WRONG, ids=lambda one: one.__name__)
def test_wrong_functions_are_named(function, dtype):
    result = ask_function(function, function.against, dtype)
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, function.follows), result.sentence
    assert {axis: result.axes[axis] for axis in function.axes} == function.axes
    assert result.exit_code == 1
    validate(json.loads(json.dumps(result.as_json())), SCHEMA)


@pytest.mark.parametrize("kind", ["raises", "mutates", "view", "seeds", "shape", "dtype", "structure", "type", "settings"])
def test_misbehaviour_is_reported(kind):
    result = ask_function(getattr(misbehaving_functions, kind), "norm.batch.stats")
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 2)
    assert kind in [one.kind for one in result.faults], result.sentence


@pytest.mark.parametrize("kind", ["hangs", "crashes", "prints"])
def test_misbehaviour_of_a_process_is_reported(kind):
    result = check(getattr(misbehaving_functions, kind), against="norm.batch.stats", timeout=3 if kind == "hangs" else 30)
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 2)
    assert [one.kind for one in result.faults] == [kind]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("identifier", FORMULAS)
def test_every_formula_is_itself(identifier, dtype):
    seen = called(FunctionSubject(FORMULAS[identifier].raw, identifier), FunctionTask(identifier, against=identifier, dtype=dtype))
    result = judged(FunctionTask(identifier, against=identifier, dtype=dtype), FunctionReport(parts=(seen,)), "check")
    assert result.verdict == Verdict.CONFORMS, result.sentence
    assert result.error_in_bounds is None or result.error_in_bounds <= 1
    assert result.cases >= 7


def test_a_refusal_at_an_edge_is_said_and_no_fault():
    result = ask_function(misbehaving_functions.refuses_one_alone, "norm.batch.stats")
    assert (result.verdict, [one.kind for one in result.faults]) == (Verdict.CONFORMS, ["refuses"])
    assert "Its domain is narrower: it raises ValueError: too small" in result.sentence


def test_what_is_built_in_is_found_and_said():
    result = ask_function(
        next(one for one in RIGHT if one.__name__ == "layer_norm_eps_built_in"), "norm.layer", names={"g": "gamma", "b": "beta"}
    )
    assert result.assumed == {"eps": 1e-6}
    assert "with eps = 1e-06 built in" in result.sentence


def test_settings_pin_what_is_built_in():
    (function,) = [one for one in RIGHT if one.__name__ == "layer_norm_eps_built_in"]
    assert ask_function(function, "norm.layer", names=function.names, settings={"eps": 1e-6}).verdict == Verdict.CONFORMS
    assert ask_function(function, "norm.layer", names=function.names, settings={"eps": 1e-3}).verdict == Verdict.DEVIATES


def test_a_counterexample_runs(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("def batch_stats(x):\n    return x.mean(0), x.var(0, ddof=1) if len(x) > 1 else 0 * x[0]\n")
    result = ask_function(str(mine) + ":batch_stats")
    assert (result.verdict, result.entry) == (Verdict.DEVIATES, "norm.batch.stats")
    run = subprocess.run([sys.executable, "-c", result.counterexample], capture_output=True, text=True, check=True)
    came, due = run.stdout.strip().splitlines()
    assert came != due


def test_plain_numpy_is_proved_and_what_deviates_is_not():
    for name, scope in (
        ("rms_by_norm", ""),
        ("pairwise", "for size m = 2, k = 3"),
        ("by_the_difference", "every size"),
        ("folded_into_scale_and_shift", "every size"),
    ):
        (function,) = [one for one in RIGHT if one.__name__ == name]
        result = ask_function(function, function.against, prove=True)
        assert (bool(result.proved), bool(result.unproved)) == (bool(scope), not scope), result.sentence
        assert scope in (result.proved or "")


@pytest.mark.parametrize("function", [one for one in WRONG if one.__name__ not in UNSTABLE][:12], ids=lambda one: one.__name__)
def test_what_is_wrong_is_never_proved(function):
    assert ask_function(function, function.against, prove=True).proved is None


def test_functions_meet_the_evidence_of_their_entry():
    (fused,) = [one for one in RIGHT if one.__name__ == "fused"]
    right = ask_function(fused, "norm.batch.backward", evidence=True)
    assert "normalization.staged_and_compact_in_floats" in right.evidence
    assert set(right.evidence.values()) == {"holds"}
    (constants,) = [one for one in WRONG if one.__name__ == "constants"]
    assert "refuted" in ask_function(constants, "norm.batch.backward", evidence=True).evidence.values()


def test_the_command(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("import numpy as np\ndef mine(v, w):\n    return v @ w / np.sqrt((v @ v) * (w @ w))\n")
    asked = ("check", f"{mine}:mine", "--against", "stats.random_vectors.orthogonal", "--names", "v=x", "--names", "w=y", "--json")
    run = CliRunner().invoke(main, asked)
    found = json.loads(run.stdout)
    validate(found, SCHEMA)
    assert (run.exit_code, found["verdict"], found["entry"]) == (0, "conforms", "stats.random_vectors.orthogonal")


def test_a_function_needs_a_formula():
    result = check("math:sqrt")
    assert (result.verdict, result.faults[0].kind) == (Verdict.ERROR, "not-found")
    assert "--against norm.rms" in result.sentence
