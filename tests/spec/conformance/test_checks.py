"""The checks for test suites, as a project of somebody else uses them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from trainspec.spec.conformance import CHECKS, Asked, Verdict, check, failures, parametrize_with_checks
from trainspec.spec.conformance.optimizers.verdict import Result

from . import misbehaving, right, wrong
from .asking import ask

PROJECT = Path(__file__).parents[2] / "third_party"


def run_pytest(folder, *arguments):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA", *arguments]
    path = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "")}
    return subprocess.run(command, cwd=folder, env=path, capture_output=True, text=True, timeout=240, check=False)


def test_a_project_of_somebody_else(tmp_path):
    shutil.copytree(PROJECT, tmp_path / "project")
    result = run_pytest(tmp_path / "project")
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{3 * len(CHECKS) - 4 + 1} passed, 4 xfailed" in result.stdout
    assert "PASSED test_mine.py::test_optimizers[MyAdam-convention-float32]" in result.stdout
    assert "trainspec: " in result.stdout  # the header of the plugin
    few = run_pytest(tmp_path / "project", "-m", "trainspec", "-k", "Chatty and silent")
    assert "1 xfailed" in few.stdout


def test_a_stale_reason_is_an_error(tmp_path):
    shutil.copy(PROJECT / "mine.py", tmp_path)
    tmp_path.joinpath("test_stale.py").write_text(
        "import mine\n"
        "from trainspec.spec import parametrize_with_checks\n\n"
        "@parametrize_with_checks([mine.MyAdam], expected_deviations={'silent': 'it used to print'})\n"
        "def test_all(subject, check):\n    check(subject)\n"
    )
    result = run_pytest(tmp_path, "-k", "silent")
    assert result.returncode == 1
    assert "[XPASS(strict)] it used to print" in result.stdout


def test_reasons_are_given_for_checks_that_exist():
    with pytest.raises(ValueError, match="no check is called quiet; there are runs, convention"):
        parametrize_with_checks([right.Polyak], expected_deviations={"quiet": "it prints"})


def test_ids_are_readable():
    mark = parametrize_with_checks([right.Polyak, ("torch.optim:SGD", {"momentum": 0.9}), Asked(wrong.Ascends, {"lr": 0.5})])
    names = [one.id for one in mark.args[1]]
    assert names[0] == "Polyak-runs"
    assert f"SGD[momentum=0.9]-{list(CHECKS)[-1]}" in names
    assert "Ascends[lr=0.5]-convention" in names
    assert len(names) == 3 * len(CHECKS)


@pytest.mark.parametrize("subject", [right.Polyak, right.NesterovOutside])
def test_right_ones_fail_none(subject):
    assert failures(ask(subject)) == {}


def test_failures_say_why():
    assert list(failures(ask(wrong.StaleRate))) == ["convention"]
    assert "with the learning rate of the step before" in failures(ask(wrong.StaleRate))["convention"]
    assert list(failures(check(misbehaving.Prints))) == ["silent"]
    assert list(failures(ask("tests.spec.conformance.misbehaving:WritesToGradients"))) == ["inputs"]
    assert list(failures(ask("tests.spec.conformance.misbehaving:Raises"))) == ["runs"]


def test_a_check_raises_with_the_reason():
    with pytest.raises(AssertionError, match="with the learning rate of the step before"):
        CHECKS["convention"](wrong.StaleRate)
    CHECKS["silent"](wrong.StaleRate)


def test_every_check_has_a_meaning_and_can_fail():
    assert all(one.meaning and one.name == name for name, one in CHECKS.items())
    nothing = Result("x", "check", Verdict.CONFORMS, "x conforms", right=True)
    assert failures(nothing) == {}
