"""The rules of the house: what imports what, and which ids must be the same in which rooms."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
import trainspec.fast
import trainspec.reference
import trainspec.spec
from trainspec.reference import FORMULAS
from trainspec.spec.arithmetic import Verdict
from trainspec.spec.catalogue import catalogue
from trainspec.spec.evidence import EVIDENCE, EXACT_KINDS, PRINTED_FORMS, EvidenceResult, load
from trainspec.spec.ledger import Ledger, entry_verdict, erratum_verdict, evidence_for, printed_forms_of

load()
HERE = Path(__file__).parent.parent

# Who may import whom, room by room. The command line may import all; tests may too.
MAY_IMPORT = {
    "reference": {"reference"},
    "fast": {"fast", "reference"},
    "spec.arithmetic": {"spec.arithmetic", "reference"},
    "spec.catalogue": {"spec.catalogue"},
    "spec.inputs": {"spec.inputs", "reference"},
    "spec.changes": {"spec.changes", "spec.catalogue", "reference"},
    "spec.evidence": {"spec.evidence", "spec.arithmetic", "spec.catalogue", "spec.inputs", "reference"},
    "spec.conformance": {
        "spec.conformance",
        "spec.arithmetic",
        "spec.catalogue",
        "spec.evidence",
        "spec.inputs",
        "spec.changes",
        "spec.mutants",
        "reference",
    },
    "spec.pytest_plugin": set(),
    "spec.ledger": {"spec.arithmetic", "spec.catalogue", "spec.evidence", "reference"},
    "spec.show": {"spec.arithmetic", "spec.catalogue", "spec.evidence", "reference"},
    "spec.mutants": {"spec.arithmetic", "spec.catalogue", "spec.evidence", "spec.ledger", "reference"},
}


def modules():
    """Every module that is shipped, with its dotted name within trainspec."""
    for room in (trainspec.reference, trainspec.spec, trainspec.fast):
        for name in [room.__name__, *(module.name for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."))]:
            yield name.removeprefix("trainspec.")


def imports(name):
    """What a module of ours imports from trainspec, as dotted names within it."""
    spec = importlib.util.find_spec(f"trainspec.{name}")
    package = name.split(".") if spec.submodule_search_locations else name.split(".")[:-1]
    for node in ast.walk(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = ".".join([*base, *((node.module or "").split(".") if node.module else [])])
            yield from ([target] if node.module else [".".join([*base, alias.name]) for alias in node.names])
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
            yield from (name.removeprefix("trainspec.") for name in names if name.startswith("trainspec."))


@pytest.mark.parametrize("name", list(modules()))
def test_imports_point_one_way(name):
    room = next((one for one in MAY_IMPORT if name == one or name.startswith(one + ".")), None)
    if room is None:
        assert name in ("spec", "spec.cli"), f"say in MAY_IMPORT what {name} may import"
        return
    for target in imports(name):
        assert any(target == one or target.startswith(one + ".") for one in MAY_IMPORT[room]), f"{name} imports {target}"


def loaded_after(statement):
    """The top-level modules that a fresh interpreter has after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_reference_costs_numpy_alone():
    ours = loaded_after("import trainspec.reference") - loaded_after("import numpy, functools, typing")
    assert not ours & {"sympy", "hypothesis", "numba", "flint", "jaxtyping", "annotated_types", "scipy"}
    assert loaded_after("import trainspec.reference") >= {"numpy", "trainspec"}


def test_command_line_loads_what_it_needs():
    assert not loaded_after("import trainspec.spec.cli") & {"sympy", "hypothesis", "numba", "flint", "rich", "torch", "numpy"}


def test_core_imports_no_peer():
    peers = {"torch", "jax", "optax", "keras", "sklearn", "onnx"}
    allowed = {"spec.conformance.adapters"}
    for name in modules():
        if any(name.startswith(one) for one in allowed):
            continue
        tree = ast.parse(Path(importlib.util.find_spec(f"trainspec.{name}").origin).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            found = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not peers & {one.partition(".")[0] for one in found}, name


# --- the same ids in every room ----------------------------------------------------------------------------------------------------


def test_formulas_are_the_formula_entries():
    assert set(FORMULAS) == {entry.id for entry in catalogue().entries.values() if entry.kind == "formula"}


def test_formulas_stand_in_the_module_of_their_chapter():
    for identifier, formula in FORMULAS.items():
        assert formula.__module__.rpartition(".")[2] == catalogue().entries[identifier].chapter, identifier


def test_every_chapter_stands_in_every_room():
    for chapter in catalogue().chapters:
        importlib.import_module(f"trainspec.reference.{chapter}")
        importlib.import_module(f"trainspec.spec.evidence.{chapter}")


def test_evidence_speaks_of_entries_and_entries_have_evidence():
    supported = {identifier for piece in EVIDENCE.values() for identifier in piece.ids}
    assert supported <= set(catalogue().entries)
    assert supported >= {entry.id for entry in catalogue().entries.values() if entry.kind != "qualitative"}


def test_every_formula_is_met_by_evidence_of_its_own_entry():
    for identifier, formula in FORMULAS.items():
        assert any(identifier in piece.ids and formula.__name__ in piece.formulas for piece in EVIDENCE.values()), identifier


def test_only_laws_draw_data():
    for piece in EVIDENCE.values():
        assert piece.formulas, f"{piece.name} speaks of no formula"
        assert not piece.sampled_parameters or piece.kind == "law", (
            f"{piece.name} has parameters that name no formula: {piece.sampled_parameters}"
        )


def test_errata_are_bound_both_ways():
    known = catalogue()
    printed = {printed_form.id for printed_form in PRINTED_FORMS.values()}
    assert printed == {erratum.id for erratum in known.errata.values() if erratum.decided_by == "machine"}
    assert {erratum for entry in known.entries.values() for erratum in entry.errata} == set(known.errata)


def test_variants_name_entries():
    known = catalogue()
    assert {variant["id"] for entry in known.entries.values() for variant in entry.variants} <= set(known.entries)


def test_every_formula_docstring_has_meaning_formula_units_source():
    for identifier, formula in FORMULAS.items():
        text = inspect.getdoc(formula.raw)
        assert "\n\n    " in text, f"{identifier}: no formula block"
        assert "Units: " in text, f"{identifier}: no units"
        assert "Source: " in text, f"{identifier}: no source"


def test_fast_has_the_names_and_signatures_of_the_reference():
    for module in pkgutil.iter_modules(trainspec.fast.__path__):
        if module.name.startswith("_"):
            continue
        ours, theirs = (importlib.import_module(f"trainspec.{room}.{module.name}") for room in ("fast", "reference"))
        for name in ours.__all__:
            if (module.name, name) == ("landscapes", "heavy_ball_sweep"):
                continue  # a composition of two formulas
            mine = inspect.signature(getattr(ours, name)).parameters
            reference = inspect.signature(getattr(theirs, name.removesuffix("_with_grad")).raw).parameters
            own = ("dtype", "out") if module.name == "initialization" else ("out",)
            assert [one for one in mine if one not in own] == list(reference), name


def test_asking_about_an_optimizer_loads_what_it_needs():
    loaded = loaded_after("import trainspec.spec.conformance")
    assert {"hypothesis", "jaxtyping", "sympy", "numba", "torch"} & loaded == set()


# --- what stands at the top --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def readme():
    return (HERE / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_second_command_of_the_readme_word_for_word(readme):
    commands = [line for line in readme.splitlines() if line.startswith("python -m pip install")]
    assert len(commands) == 2
    assert commands[1] in (HERE / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_versions_agree(readme):
    version = importlib.import_module("importlib.metadata").version("trainspec")
    assert f"version: {version}" in (HERE / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {version}" in (HERE / "CHANGELOG.md").read_text(encoding="utf-8")


def test_type_information_is_shipped():
    for room in ("reference", "spec", "fast"):
        assert (files(f"trainspec.{room}") / "py.typed").is_file()


# --- the front page ----------------------------------------------------------------------------------------------------------------


def claimed_ledger():
    """The ledger if every piece holds and every printed form is refuted, as the tests of the evidence see to one by one."""
    known = catalogue()
    entries = tuple(
        entry_verdict(entry, [EvidenceResult(name, Verdict.HOLDS, "", 0.0) for name in evidence_for([entry])])
        for entry in known.entries.values()
    )
    verdicts = {entry.entry.id: entry.verdict for entry in entries}
    printed = {
        erratum: [EvidenceResult(name, Verdict.REFUTED, "", 0.0) for name in printed_forms_of([erratum])]
        for erratum in known.errata.values()
    }
    return Ledger(entries, tuple(erratum_verdict(one, results, verdicts) for one, results in printed.items()))


def front_page_rows(ledger):
    """The rows of the table of the README, the sums last."""

    def row(title, *sums):
        entries, errata, evidence = (dict(one) for one in sums)
        assert set(entries) <= {"holds", "qualitative"}, (title, entries)
        assert set(errata) <= {"holds", "by reading"}, (title, errata)
        exact = sum(count for kind, count in evidence.items() if kind in EXACT_KINDS)
        counts = (entries.get("holds", 0), entries.get("qualitative", 0), sum(evidence.values()), exact)
        return f"| {' | '.join(map(str, (title, *counts, errata.get('holds', 0), errata.get('by reading', 0))))} |"

    chapters = ledger.chapters
    total = [sum((Counter(chapter[what]) for chapter in chapters.values()), Counter()) for what in ("entries", "errata")]
    every_kind = Counter(EVIDENCE[name].kind for name in ledger.pieces())
    return [
        row(catalogue().chapters[name], chapter["entries"], chapter["errata"], chapter["evidence"])
        for name, chapter in sorted(chapters.items())
    ] + [row("**all**", *total, every_kind)]


def test_the_front_page_is_the_ledger(readme):
    rows = front_page_rows(claimed_ledger())
    assert "\n".join(rows) in readme, "the table of the README should be:\n" + "\n".join(rows)
