"""The matrix: every adapter's offers, asked in one process a library."""

import json
from importlib.metadata import EntryPoint

import pytest
from click.testing import CliRunner
from trainspec.spec.cli import main
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance import implementation as subjects
from trainspec.spec.conformance.adapters import Name, Offer, in_ours, in_theirs
from trainspec.spec.conformance.implementation import REQUIRED, ClassSubject, subject_of
from trainspec.spec.conformance.report import matrix

from . import right

HERE = "tests.spec.conformance.right"
OFFERS = (
    Offer("momentum", f"{HERE}:Polyak", {"momentum": 0.9}),
    Offer("Nesterov", f"{HERE}:NesterovInside", {"momentum": 0.9}),
    Offer("nothing", f"{HERE}:Nobody"),
    Offer("something else", f"{HERE}:Polyak", against="no.formula"),
)


def adapter(found):
    return ClassSubject(found, "conformance") if found.__module__ == right.__name__ else None


@pytest.fixture
def elsewhere(monkeypatch):
    """A library whose adapter is installed through an entry point."""
    entry = EntryPoint("conformance", f"{__name__}:adapter", subjects.ENTRY_POINTS)
    found = {(entry.group, entry.name): [entry], (entry.group, None): [entry]}
    for module in (subjects, matrix):
        monkeypatch.setattr(module, "entry_points", lambda group, name=None: found.get((group, name), []))


def test_an_installed_adapter_is_used(elsewhere):
    assert subject_of(f"{HERE}:Polyak").library == "conformance"
    assert matrix.known() == [*subjects.ADAPTERS, "conformance"]
    assert matrix.offers("conformance") == OFFERS


def test_its_cells(elsewhere):
    cells = matrix.answered("conformance")
    assert [one.text for one in cells[:3]] == ["heavy-ball/lr-inside", "nesterov/lr-inside", "error: not-found"]
    assert cells[3].result.verdict is Verdict.ERROR
    assert "no.formula" in cells[3].result.sentence
    table = matrix.as_markdown(cells).splitlines()
    assert table[0] == "| formula | conformance |"
    assert table[2] == "| momentum | heavy-ball/lr-inside |"
    plain = json.loads(json.dumps(matrix.as_json(cells)))
    assert [one["verdict"] for one in plain[:3]] == ["identified", "identified", "error"]
    assert matrix.as_table(cells).row_count == len(OFFERS)


@pytest.mark.parametrize("library", subjects.ADAPTERS)
def test_every_offer_is_there(library):
    pytest.importorskip(library) if library != "keras" else pytest.importorskip("jax")
    for one in matrix.offers(library):
        subject = subject_of(one.target)
        if not one.against:
            assert set(one.settings) <= set(subject.parameters), one
        else:
            parts = subject if isinstance(subject, tuple) else (subject,)
            assert one.against in {part.formula for part in parts}, one


def test_the_command():
    pytest.importorskip("sklearn")
    result = CliRunner().invoke(main, ["matrix", "--library", "sklearn", "--json"])
    assert result.exit_code == 0
    cells = {one["formula"]: one["convention"] for one in json.loads(result.stdout)}
    assert (cells["momentum"], cells["Nesterov"]) == ("heavy-ball/lr-inside", "nesterov/lr-inside")


def test_a_library_without_an_adapter_and_one_that_is_not_installed(monkeypatch):
    assert "no adapter is there for numpy" in CliRunner().invoke(main, ["matrix", "--library", "numpy"]).stderr
    monkeypatch.setattr(matrix, "absent", list)
    result = CliRunner().invoke(main, ["matrix", "--library", "torch"])
    assert (result.exit_code, result.stderr.strip()) == (2, "torch is not installed, and left out")


def test_a_library_whose_process_dies():
    class Broken:
        def result(self):
            raise RuntimeError("gone")

    (only,) = matrix.kept("torch", Broken())
    assert (only.result.verdict, only.result.sentence) == (Verdict.ERROR, "torch could not be judged: RuntimeError: gone.")


def test_renaming_both_ways():
    names = {"betas": ("beta1", "beta2"), "rho": "decay", "beta": Name("dampening", lambda x: 1 - x, lambda x: 1 - x)}
    theirs = {"betas": (0.9, 0.99), "rho": REQUIRED, "beta": 1.0, "foreach": None}
    assert in_ours(theirs, names) == {"beta1": 0.9, "beta2": 0.99, "decay": REQUIRED, "dampening": 0.0, "foreach": None}
    given = {"beta2": 0.5, "decay": 0.75, "dampening": 0.25, "foreach": True}
    assert in_theirs(given, theirs, names) == {"betas": (0.9, 0.5), "rho": 0.75, "beta": 0.75, "foreach": True}
    assert in_theirs({}, theirs, names) == {}
