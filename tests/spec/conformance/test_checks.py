"""The checks for test suites, as a project of somebody else uses them."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from trainspec.spec.conformance import CHECKS, ConfiguredImplementation, Verdict, check, failures, parametrize_with_checks
from trainspec.spec.conformance.result import Fault, OptimizerResult

from .corpus import correct_optimizers as correct
from .corpus import incorrect_optimizers as incorrect
from .corpus import misbehaving_optimizers as misbehaving
from .helpers import check_in_process

PROJECT = Path(__file__).parents[2] / "third_party"


def run_pytest(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA", *arguments]
    path = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "")}
    return subprocess.run(command, cwd=folder, env=path, capture_output=True, text=True, timeout=600, check=False)


def test_a_project_of_somebody_else(tmp_path):
    shutil.copytree(PROJECT, tmp_path / "project")
    result = run_pytest(tmp_path / "project")
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{3 * len(CHECKS) - 4 + 1} passed, 4 xfailed" in result.stdout
    assert "PASSED test_mine.py::test_optimizers[MyAdam-convention-float32]" in result.stdout
    assert "trainspec: " in result.stdout  # the header of the plugin
    few = run_pytest(tmp_path / "project", "-m", "trainspec", "-k", "Chatty and side")
    assert "1 xfailed" in few.stdout


def test_a_stale_reason_is_an_error(tmp_path):
    shutil.copy(PROJECT / "mine.py", tmp_path)
    tmp_path.joinpath("test_stale.py").write_text(
        "import mine\n"
        "from trainspec import parametrize_with_checks\n\n"
        "@parametrize_with_checks([mine.MyAdam], expected_failed_checks={'no-side-effects': 'it used to print'})\n"
        "def test_all(implementation, check):\n    check(implementation)\n"
    )
    result = run_pytest(tmp_path, "-k", "side")
    assert result.returncode == 1
    assert "[XPASS(strict)] it used to print" in result.stdout


def test_reasons_are_for_checks_that_exist():
    with pytest.raises(ValueError, match="no check is called quiet; there are runs-to-completion, convention"):
        parametrize_with_checks([correct.Polyak], expected_failed_checks={"quiet": "it prints"})


def test_the_old_name_of_the_parameter_is_accepted():
    with pytest.warns(DeprecationWarning, match="expected_failed_checks"):
        mark = parametrize_with_checks([correct.Polyak], expected_deviations={"convention": "on purpose"})
    assert [case.id for case in mark.args[1] if case.marks] == ["Polyak-convention"]


def test_ids_are_readable():
    implementations = [correct.Polyak, ("torch.optim:SGD", {"momentum": 0.9}), ConfiguredImplementation(incorrect.Ascends, {"lr": 0.5})]
    names = [case.id for case in parametrize_with_checks(implementations).args[1]]
    assert names[0] == "Polyak-runs-to-completion"
    assert f"SGD[momentum=0.9]-{list(CHECKS)[-1]}" in names
    assert "Ascends[lr=0.5]-convention" in names
    assert len(names) == 3 * len(CHECKS)


@pytest.mark.parametrize("implementation", [correct.Polyak, correct.NesterovOutside])
def test_correct_ones_fail_none(implementation):
    assert failures(check_in_process(implementation)) == {}


def test_failures_say_why():
    assert list(failures(check_in_process(incorrect.StaleRate))) == ["convention"]
    assert "with the learning rate of the step before" in failures(check_in_process(incorrect.StaleRate))["convention"]
    assert list(failures(check(misbehaving.Prints))) == ["no-side-effects"]
    assert list(failures(check_in_process(misbehaving.WritesToGradients))) == ["does-not-modify-inputs"]
    assert list(failures(check_in_process(misbehaving.Raises))) == ["runs-to-completion"]


def test_a_check_raises_with_the_reason():
    with pytest.raises(AssertionError, match="with the learning rate of the step before"):
        CHECKS["convention"](incorrect.StaleRate)
    CHECKS["no-side-effects"](incorrect.StaleRate)


CONFORMS = OptimizerResult(subject="x", verdict=Verdict.CONFORMS, message="x conforms", is_correct=True, axes={"precision": "native"})
FAILING = {
    "runs-to-completion": {"faults": (Fault("raises", "it raises"),)},
    "convention": {"verdict": Verdict.DEVIATES},
    "native-precision": {"axes": {"precision": "state-float32"}},
    "shape-and-dtype": {"faults": (Fault("shape", "another shape", fatal=False),)},
    "does-not-modify-inputs": {"faults": (Fault("retains-input", "it keeps the gradient", fatal=False),)},
    "deterministic": {"faults": (Fault("nondeterministic", "two runs differ", fatal=False),)},
    "no-side-effects": {"faults": (Fault("prints", "it prints", fatal=False),)},
    "zero-gradient": {"faults": (Fault("not-finite", "it is nan", fatal=False),)},
}


def test_every_check_has_a_meaning_and_can_fail():
    assert all(check.meaning and check.name == name for name, check in CHECKS.items())
    assert failures(CONFORMS) == {}
    assert set(FAILING) == {name for name in CHECKS if not name.endswith("float32")}
    for name, changes in FAILING.items():
        assert list(failures(replace(CONFORMS, **changes))) == [name]
    assert "dtype-float32" in failures(replace(CONFORMS, dtype="float32", **FAILING["shape-and-dtype"]))
    assert "convention-float32" in failures(replace(CONFORMS, dtype="float32", **FAILING["convention"]))
