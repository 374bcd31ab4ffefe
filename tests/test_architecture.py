"""The architecture: which module imports which, and which names and ids must agree between reference, catalogue, evidence and kernels."""

import importlib
import inspect
from importlib.resources import files
from pathlib import Path

import pytest
from trainspec.reference import FORMULAS
from trainspec.spec.catalogue import catalogue
from trainspec.spec.evidence import EVIDENCE, PRINTED_FORMS, load

from .support import language
from .support.modules import absolute_imports, cycles, import_graph, modules, top_level_modules_after

load()
ROOT = Path(__file__).parent.parent

# What each package may import besides itself. The command line may import everything, and so may the tests.
MAY_IMPORT = {
    "reference": set(),
    "fast": {"reference"},
    "spec.arithmetic": {"reference"},
    "spec.catalogue": set(),
    "spec.inputs": {"reference"},
    "spec.changes": {"spec.catalogue", "reference"},
    "spec.evidence": {"spec.arithmetic", "spec.catalogue", "spec.changes", "spec.inputs", "reference"},
    "spec.conformance": {"spec.arithmetic", "spec.catalogue", "spec.changes", "spec.evidence", "spec.inputs", "spec.lines", "reference"},
    "spec.lines": {"spec.inputs", "reference"},
    "spec.vectors": {
        "spec.arithmetic",
        "spec.catalogue",
        "spec.changes",
        "spec.conformance",
        "spec.inputs",
        "spec.kept",
        "spec.lines",
        "spec.tasks",
        "reference",
    },
    "spec.pytest_plugin": set(),
    "spec.options": {"spec.conformance", "spec.tasks"},
    "spec.kept": {"spec.catalogue", "spec.evidence"},
    "spec.tasks": {"spec.catalogue", "spec.kept"},
    "spec.kernel": {"spec.arithmetic", "spec.evidence", "spec.kept", "spec.tasks", "reference"},
    "spec.ledger": {"spec.arithmetic", "spec.catalogue", "spec.evidence", "spec.kept", "spec.kernel", "spec.tasks", "reference"},
    "spec.latex": {"reference"},
    "spec.derivations": {"spec.evidence"},
    "spec.description": {
        "spec.arithmetic",
        "spec.catalogue",
        "spec.changes",
        "spec.derivations",
        "spec.evidence",
        "spec.latex",
        "spec.ledger",
        "spec.mutants",
        "reference",
    },
    "spec.queries": {"spec.catalogue", "spec.evidence", "spec.conformance", "reference"},
    "spec.json_schema": set(),
    "spec.answers": {"spec.description", "spec.json_schema", "spec.queries"},
    "spec.show": {"spec.catalogue", "spec.description", "spec.mutants"},
    "spec.terminal": {"spec.catalogue", "spec.evidence", "spec.kernel", "spec.ledger", "spec.queries"},
    "spec.mutants": {
        "spec.arithmetic",
        "spec.catalogue",
        "spec.changes",
        "spec.evidence",
        "spec.inputs",
        "spec.kept",
        "spec.regions",
        "spec.tasks",
        "reference",
    },
    "spec.regions": {"spec.arithmetic", "spec.evidence", "reference"},
    "spec.site": {
        "spec.arithmetic",
        "spec.catalogue",
        "spec.changes",
        "spec.conformance",
        "spec.derivations",
        "spec.description",
        "spec.evidence",
        "spec.latex",
        "spec.ledger",
        "spec.lines",
        "spec.queries",
        "spec.show",
        "spec.terminal",
        "reference",
    },
}
ENTRY_POINTS = {"", "spec", "spec.cli"}


def is_within(name, package):
    """Whether a module is a package or lies in it."""
    return name == package or name.startswith(package + ".")


@pytest.mark.parametrize("name", sorted(modules().keys() - ENTRY_POINTS))
def test_imports_point_one_way(name):
    package = next((package for package in MAY_IMPORT if is_within(name, package)), None)
    assert package, f"say in MAY_IMPORT what {name} may import"
    for target in import_graph()[name]:
        assert any(is_within(target, allowed) for allowed in (package, *MAY_IMPORT[package])), f"{name} imports {target}"


def test_modules_do_not_import_each_other():
    assert not cycles(import_graph())


def test_the_cycle_search_finds_cycles():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"d"}, "e": {"a"}}
    assert cycles(graph) == {frozenset("abc"), frozenset("d")}


def test_reference_costs_numpy_alone():
    loaded = top_level_modules_after("import trainspec.reference")
    ours = loaded - top_level_modules_after("import numpy, functools, typing")
    assert not ours & {"sympy", "hypothesis", "numba", "flint", "jaxtyping", "annotated_types", "scipy"}
    assert loaded >= {"numpy", "trainspec"}


def test_command_line_loads_what_it_needs():
    loaded = top_level_modules_after("import trainspec.spec.cli")
    assert not loaded & {"sympy", "hypothesis", "numba", "flint", "rich", "torch", "numpy"}


def test_conformance_loads_what_it_needs():
    loaded = top_level_modules_after("import trainspec.spec.conformance")
    assert not loaded & {"hypothesis", "jaxtyping", "sympy", "numba", "torch"}


MOMENTUM = """
class Momentum:
    def __init__(self, lr=0.1, momentum=0.9):
        self.lr, self.momentum, self.velocity = lr, momentum, 0

    def step(self, theta, grad):
        self.velocity = self.momentum * self.velocity + grad
        return theta - self.lr * self.velocity
"""


def test_a_check_loads_neither_symbols_nor_searches(tmp_path):
    """The process that judges needs balls and running bounds alone, while nothing is to be proved and no counterexample to be found."""
    (tmp_path / "mine.py").write_text(MOMENTUM, encoding="utf-8")
    target = f"{tmp_path / 'mine.py'}:Momentum"
    loaded = top_level_modules_after(f"from trainspec.spec import check\nassert check({target!r}).verdict == 'conforms'")
    assert "flint" in loaded
    assert not loaded & {"sympy", "hypothesis", "numba", "torch"}


def test_only_adapters_import_other_libraries():
    peers = {"torch", "jax", "optax", "keras", "sklearn", "onnx"}
    for name in modules():
        if not is_within(name, "spec.conformance.adapters"):
            assert not peers & {source.partition(".")[0] for source, _ in absolute_imports(name)}, name


def test_names_and_words_are_plain():
    assert language.problems() == []


def test_the_language_check_finds_what_it_looks_for(tmp_path, monkeypatch):
    monkeypatch.setattr(language, "HERE", tmp_path)
    metaphor = min(language.METAPHORS)
    names = ["made = 1", "for given in ():", "    pass", "x = [one for one in ()]", "y = lambda place: 0", "def shown(): ..."]
    lines = [*names, f"# a {metaphor}", f"{metaphor}_of = '{metaphor}'"]
    (tmp_path / "a.py").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "a.md").write_text(f"a text\nthe {metaphor}", encoding="utf-8")
    assert [violation.line for violation in language.violations("a.py")] == [1, 2, 4, 5, 6, 7, 8, 8]
    assert [violation.line for violation in language.violations("a.md")] == [2]


# --- the same ids and names everywhere ---------------------------------------------------------------------------------------------


def test_formulas_are_the_formula_entries():
    assert set(FORMULAS) == {entry.id for entry in catalogue().entries.values() if entry.kind == "formula"}


def test_formulas_stand_in_the_module_of_their_chapter():
    for identifier, formula in FORMULAS.items():
        assert formula.__module__.rpartition(".")[2] == catalogue().entries[identifier].chapter, identifier


def test_every_chapter_has_a_reference_and_an_evidence_module():
    assert catalogue().chapters.keys() <= {name.removeprefix("reference.") for name in modules()}
    assert catalogue().chapters.keys() <= {name.removeprefix("spec.evidence.") for name in modules()}


def test_evidence_names_entries_and_entries_have_evidence():
    supported = {identifier for piece in EVIDENCE.values() for identifier in piece.ids}
    assert supported <= set(catalogue().entries)
    assert supported >= {entry.id for entry in catalogue().entries.values() if entry.kind != "qualitative"}


def test_every_formula_has_evidence_that_takes_it_as_a_parameter():
    for identifier, formula in FORMULAS.items():
        assert any(identifier in piece.ids and formula.__name__ in piece.formulas for piece in EVIDENCE.values()), identifier


def test_only_laws_sample_data():
    for piece in EVIDENCE.values():
        assert piece.formulas, f"{piece.name} takes no formula"
        assert not piece.sampled_parameters or piece.kind == "law", f"{piece.name}: {piece.sampled_parameters} are not formulas"


def test_errata_and_their_printed_forms_and_entries_agree():
    errata = catalogue().errata
    printed = {printed_form.id for printed_form in PRINTED_FORMS.values()}
    assert printed == {erratum.id for erratum in errata.values() if erratum.decided_by == "machine"}
    assert {identifier for entry in catalogue().entries.values() for identifier in entry.errata} == set(errata)


def test_variants_name_entries():
    entries = catalogue().entries
    assert {variant["id"] for entry in entries.values() for variant in entry.variants} <= set(entries)


def test_every_formula_docstring_has_meaning_formula_units_source():
    for identifier, formula in FORMULAS.items():
        text = inspect.getdoc(formula.raw)
        assert "\n\n    " in text, f"{identifier}: no formula block"
        assert "Units: " in text, f"{identifier}: no units"
        assert "Source: " in text, f"{identifier}: no source"


COMPOSITIONS = {"landscapes.heavy_ball_trajectories"}  # kernels of several formulas, which have no formula of their name


def kernels():
    """Yield chapter, name, kernel and reference of every public kernel; the reference of a composition is None."""
    for name in sorted(name.removeprefix("fast.") for name in modules() if name.startswith("fast.") and "._" not in name):
        fast, reference = (importlib.import_module(f"trainspec.{package}.{name}") for package in ("fast", "reference"))
        for kernel in fast.__all__:
            yield name, kernel, getattr(fast, kernel), getattr(reference, kernel.removesuffix("_with_grad"), None)


def test_kernels_have_the_names_and_parameters_of_the_reference():
    for chapter, name, kernel, reference in kernels():
        if f"{chapter}.{name}" not in COMPOSITIONS:
            added = ("dtype", "out") if chapter == "initialization" else ("out", "save", "saved")
            parameters = [parameter for parameter in inspect.signature(kernel).parameters if parameter not in added]
            assert parameters == list(inspect.signature(reference.raw).parameters), name
    assert {f"{chapter}.{name}" for chapter, name, _, reference in kernels() if reference is None} == COMPOSITIONS


# --- the files at the top ----------------------------------------------------------------------------------------------------------


def test_ci_runs_the_second_command_of_the_readme_word_for_word():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line for line in readme.splitlines() if line.startswith("python -m pip install")]
    assert len(commands) == 2
    assert commands[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_versions_agree():
    version = importlib.import_module("importlib.metadata").version("trainspec")
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_type_information_is_shipped():
    for package in ("reference", "spec", "fast"):
        assert (files(f"trainspec.{package}") / "py.typed").is_file()
