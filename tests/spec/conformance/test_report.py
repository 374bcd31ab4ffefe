"""Reports that are kept, and their badges."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from trainspec.spec import cli
from trainspec.spec.conformance.report import saved

PROGRAM = f"{sys.executable} {Path(__file__).parent / 'programs' / 'misbehaving.py'} none"


def run(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The path of a report of a program that does gradient descent."""
    path = tmp_path_factory.mktemp("report") / "report.json"
    assert run("check", "--command", PROGRAM, "--report", path).exit_code == 0
    return path


def test_a_report_says_what_it_was_graded_against(report):
    kept_report = json.loads(report.read_text(encoding="utf-8"))
    assert kept_report.keys() == saved.KEYS
    assert kept_report["result"]["convention"] == "gradient-descent"
    assert kept_report["result"]["dtype"] == "float64"
    assert kept_report["result"]["environment"]["trainspec"] == kept_report["trainspec"]
    assert saved.versions_apart(kept_report) == ""


def test_a_badge_is_an_image_with_the_convention(report, tmp_path):
    image = tmp_path / "badge.svg"
    assert run("badge", report, "--output", image).exit_code == 0
    tree = ElementTree.fromstring(image.read_text(encoding="utf-8"))
    assert [text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")][1] == "conforms: gradient-descent (float64)"
    assert run("badge", report).output == image.read_text(encoding="utf-8")


def test_a_badge_is_made_of_text_only(report):
    kept_report = json.loads(report.read_text(encoding="utf-8"))
    kept_report["result"]["convention"] = "<script>alert(1)</script>"
    assert "<script>" not in saved.badge(kept_report)


def test_a_report_of_other_formulas_says_so(report, tmp_path):
    kept_report = json.loads(report.read_text(encoding="utf-8")) | {"reference": "0" * 64, "trainspec": "0.0.1"}
    other = tmp_path / "other.json"
    other.write_text(json.dumps(kept_report), encoding="utf-8")
    answer = run("badge", other)
    assert answer.exit_code == 1
    assert "by trainspec 0.0.1" in answer.stderr


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "trainspec-report/2"}', "\xff"])
def test_what_is_no_report_is_refused(text, tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(text.encode("latin-1"))
    answer = run("badge", path)
    assert answer.exit_code == 2
    assert "report.json" in answer.output


def test_a_large_file_is_no_report(tmp_path):
    path = tmp_path / "report.json"
    path.write_bytes(b" " * (saved.LARGEST + 1))
    assert "is larger than" in run("badge", path).output
