"""The matrix: the targets of every adapter, asked in one process for each library."""

import json
from importlib.metadata import EntryPoint

import pytest
from click.testing import CliRunner
from trainspec.spec.cli import main
from trainspec.spec.conformance import Verdict, loading
from trainspec.spec.conformance.adapters import MatrixTarget, ParameterMapping, to_canonical, to_library
from trainspec.spec.conformance.implementation import REQUIRED
from trainspec.spec.conformance.loading import ADAPTERS, load_implementation
from trainspec.spec.conformance.plain import ClassImplementation
from trainspec.spec.conformance.report import matrix
from trainspec.spec.conformance.result import Fault
from trainspec.spec.conformance.sandbox import CompletedReport, InProcessRunner

from .corpus import correct_optimizers as correct

HERE = correct.__name__
MATRIX_TARGETS = (
    MatrixTarget("momentum", f"{HERE}:Polyak", {"momentum": 0.9}),
    MatrixTarget("Nesterov", f"{HERE}:NesterovInside", {"momentum": 0.9}),
    MatrixTarget("nothing", f"{HERE}:Nobody"),
    MatrixTarget("something else", f"{HERE}:Polyak", against="no.formula"),
)


def adapt(obj):
    return ClassImplementation(obj, "tests") if obj.__module__ == correct.__name__ else None


@pytest.fixture
def elsewhere(monkeypatch):
    """A library whose adapter is installed through an entry point."""
    entry = EntryPoint("tests", f"{__name__}:adapt", loading.ENTRY_POINTS)
    installed = {(entry.group, entry.name): [entry], (entry.group, None): [entry]}
    for module in (loading, matrix):
        monkeypatch.setattr(module, "entry_points", lambda group, name=None: installed.get((group, name), []))


def test_an_installed_adapter_is_used(elsewhere):
    assert load_implementation(f"{HERE}:Polyak").library == "tests"
    assert matrix.known_libraries() == [*ADAPTERS, "tests"]
    assert matrix.matrix_targets("tests") == MATRIX_TARGETS


def test_its_cells(elsewhere):
    cells = matrix.matrix(["tests"], sandbox=InProcessRunner)
    assert [cell.text for cell in cells[:3]] == ["heavy-ball/lr-inside", "nesterov/lr-inside", "error: not-found"]
    assert cells[3].result.verdict is Verdict.ERROR
    assert "no.formula" in cells[3].result.message
    table = matrix.as_markdown(cells).splitlines()
    assert table[0] == "| formula | tests |"
    assert table[2] == "| momentum | heavy-ball/lr-inside |"
    records = json.loads(json.dumps(matrix.as_json(cells), allow_nan=False))
    assert [record["verdict"] for record in records[:3]] == ["identified", "identified", "error"]
    assert matrix.as_table(cells).row_count == len(MATRIX_TARGETS)


def test_a_cell_that_takes_too_long_costs_no_other(elsewhere):
    started = []

    class Slow(InProcessRunner):
        def __init__(self):
            started.append(self)

        def submit(self, work, *arguments, timeout):
            is_first = work is not matrix.matrix_targets and arguments[0].target == f"{HERE}:Polyak"
            return CompletedReport(Fault("timeout", "it gives no answer")) if is_first else super().submit(work, *arguments)

    cells = matrix.matrix(["tests"], sandbox=Slow)
    assert [cell.text for cell in cells[:2]] == ["error: timeout", "nesterov/lr-inside"]
    assert len(started) == 2


def test_a_library_whose_process_dies(elsewhere):
    class Broken(InProcessRunner):
        def submit(self, work, *arguments, timeout):
            return CompletedReport(Fault("crashes", "its process ended"))

    (cell,) = matrix.matrix(["tests"], sandbox=Broken)
    assert (cell.result.verdict, cell.result.message) == (Verdict.ERROR, "tests could not be judged: its process ended.")


@pytest.mark.parametrize("library", ADAPTERS)
def test_every_target_is_there(library):
    pytest.importorskip(library) if library != "keras" else pytest.importorskip("jax")
    for target in matrix.matrix_targets(library):
        implementation = load_implementation(target.target)
        if not target.against:
            assert set(target.settings) <= set(implementation.parameters), target
        else:
            parts = implementation if isinstance(implementation, tuple) else (implementation,)
            assert target.against in {part.formula for part in parts}, target


def test_the_command():
    pytest.importorskip("sklearn")
    result = CliRunner().invoke(main, ["matrix", "--library", "sklearn", "--json"])
    assert result.exit_code == 0
    cells = {cell["formula"]: cell["convention"] for cell in json.loads(result.stdout)}
    assert (cells["momentum"], cells["Nesterov"]) == ("heavy-ball/lr-inside", "nesterov/lr-inside")


def test_a_library_without_an_adapter_and_one_that_is_not_installed(monkeypatch):
    assert "there is no adapter for numpy" in CliRunner().invoke(main, ["matrix", "--library", "numpy"]).stderr
    monkeypatch.setattr(matrix, "not_installed", list)
    result = CliRunner().invoke(main, ["matrix", "--library", "torch"])
    told = "There is nothing to ask. Not installed: torch. `pip install torch` adds what is missing."
    assert (result.exit_code, " ".join(result.stderr.split())) == (2, told)


def test_mapping_both_ways():
    mappings = {"betas": ("beta1", "beta2"), "rho": "decay", "beta": ParameterMapping("dampening", lambda x: 1 - x, lambda x: 1 - x)}
    parameters = {"betas": (0.9, 0.99), "rho": REQUIRED, "beta": 1.0, "foreach": None}
    canonical = {"beta1": 0.9, "beta2": 0.99, "decay": REQUIRED, "dampening": 0.0, "foreach": None}
    assert to_canonical(parameters, mappings) == canonical
    settings = {"beta2": 0.5, "decay": 0.75, "dampening": 0.25, "foreach": True}
    assert to_library(settings, parameters, mappings) == {"betas": (0.9, 0.5), "rho": 0.75, "beta": 0.75, "foreach": True}
    assert to_library({}, parameters, mappings) == {}
