"""The site: every page is there, reachable, well-formed, small, and the same when it is built again."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner
from trainspec.reference import FORMULAS, tree_leaves
from trainspec.spec import ledger
from trainspec.spec.arithmetic import Verdict
from trainspec.spec.catalogue import catalogue, decks
from trainspec.spec.cli import main
from trainspec.spec.conformance.optimizers.combinations import find_convention
from trainspec.spec.conformance.optimizers.conventions import AXES, FAMILIES, canonical
from trainspec.spec.derivations import derivations
from trainspec.spec.evidence import EVIDENCE, EXACT_KINDS, FORMULAS_BY_NAME, EvidenceResult, load
from trainspec.spec.latex import latex_of
from trainspec.spec.site.addresses import page_id
from trainspec.spec.site.arithmetics import arithmetics_in_words, arithmetics_of
from trainspec.spec.site.build import build, site_files
from trainspec.spec.site.data import SiteData
from trainspec.spec.site.differences import Line, different_lines, equations_of, listed_conventions
from trainspec.spec.site.guides import GUIDES
from trainspec.spec.site.libraries import RECORDED, LibraryRow, by_formula, changes_between, words_of
from trainspec.spec.site.mathml import line_of, mathml_of, with_plain_parentheses
from trainspec.spec.site.pages import pages

from tests.spec.conformance.helpers import check_function_in_process, check_in_process
from tests.support.front_page import expected_ledger
from tests.support.pages import broken_links, reachable, read_page

LARGEST_PAGE = 300_000  # bytes
LARGEST_SITE = 60_000_000


def pages_of(site):
    return sorted(site.rglob("*.html"))


def test_every_record_has_a_page_that_is_reachable_from_the_front_page(site):
    known = catalogue()
    reached = reachable(site)
    wanted = {f"entries/{identifier}.html" for identifier in known.entries} | {f"errata/{identifier}.html" for identifier in known.errata}
    wanted |= {f"families/{name}.html" for name in FAMILIES} | {f"decks/{key}.html" for key in decks()}
    wanted |= {f"chapters/{name}.html" for name in known.chapters} | {f"guides/{name}.html" for name in GUIDES}
    wanted |= {f"derivations/{name}.html" for name in derivations()} | {"libraries.html"}
    assert wanted <= reached
    names = {f"entries/{name}.html" for entry in known.entries.values() for name in entry.names}
    assert {path.relative_to(site).as_posix() for path in pages_of(site)} == reached | names
    assert len({name.lower() for name in names}) == len(names)  # on file systems that do not tell A from a


def test_every_convention_and_every_library_has_a_place(site, site_data):
    """A convention on the page of its family, where the rows of libraries lead; a row on the page of libraries and where it belongs."""
    for family in FAMILIES:
        ids = read_page(site / f"families/{family}.html").ids
        assert all(page_id(convention.id) in ids for convention in listed_conventions(family)[1:]), family
    overview = (site / "libraries.html").read_text(encoding="utf-8")
    for row in site_data.library_rows:
        assert f"<code>{row.target}</code>" in overview
        assert not row.address or f'href="{row.address}"' in overview
        assert not row.convention or row.address.startswith(f"families/{find_convention(row.convention).family}.html")
        assert not row.family or f"<code>{row.convention}</code>" in (site / f"families/{row.family}.html").read_text(encoding="utf-8")
    assert any("#" in row.address for row in site_data.library_rows)


def test_no_link_is_broken(site):
    assert broken_links(site) == []


def test_a_broken_link_is_noticed(tmp_path):
    (tmp_path / "index.html").write_text('<p id="a"><a href="other.html">x</a><a href="#b">y</a><a href="#a">z</a></p>')
    assert broken_links(tmp_path.resolve()) == ["index.html: other.html", "index.html: #b: there is no such place"]


def test_html_is_well_formed_and_accessible(site):
    problems = {}
    for path in pages_of(site):
        reader = read_page(path)
        found = reader.problems + (reader.accessibility_problems() if "http-equiv" not in path.read_text()[:400] else [])
        if found:
            problems[path.name] = found
    assert not problems


def test_what_is_ill_formed_or_not_accessible_is_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<h1 id="a">x<b></h1></b><h3 id="a">y</h3><input id="q"><svg></svg><p>')
    reader = read_page(page)
    assert len(reader.problems) == 5
    assert reader.accessibility_problems() == ["h3 follows h1", "<input> without a label"]


def test_pages_are_small(site):
    assert max(path.stat().st_size for path in pages_of(site)) <= LARGEST_PAGE
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) <= LARGEST_SITE


def test_nothing_is_loaded_from_elsewhere(site):
    for path in pages_of(site):
        text = path.read_text(encoding="utf-8")
        assert 'src="http' not in text
        assert 'rel="stylesheet" href="http' not in text


EVERY = 40  # files, of which one is made again


def test_files_are_the_same_in_another_process(site, site_data):
    """With other hashes of strings, so in another order of sets: one file of each kind, and one of many."""
    code = """
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from trainspec.spec.site.build import site_files
from tests.spec.site.conftest import site_for_tests
files = dict(site_files(site_for_tests()))
for path in sys.argv[2:]:
    assert (Path(sys.argv[1]) / path).read_text(encoding="utf-8") == files[path](), path
"""
    paths = ["index.html", "ledger.html", "errata.html", "sources.html", "assets/search-index.js", "families/adam.html", "decks/STU.html"]
    paths += [f"entries/{identifier}.html" for identifier in ("optimizers.adam", "norm.batch.backward", "activation.gelu")]
    paths += list({page.template: page.path for page in pages(site_data)}.values())
    paths += [path for path, _ in site_files(site_data)][::EVERY]
    command = [sys.executable, "-c", code, str(site), *paths, "errata/E07.html", "chapters/momentum.html"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "7"}, cwd=Path(__file__).parents[3])


def test_every_formula_is_typeset():
    for formula in FORMULAS.values():
        mathml = mathml_of(latex_of(formula))
        assert mathml.startswith("<math")
        assert "merror" not in mathml


def test_the_equations_of_conventions_are_those_of_their_programs():
    """As many steps as the text has, each typeset; on the page of a family what differs from the canonical form, and where."""
    for family in FAMILIES:
        plain = equations_of(canonical(family))
        for convention in listed_conventions(family):
            lines = equations_of(convention)
            steps = [line for line in lines if not line.target.endswith("_{0}")]
            assert len(steps) == len([text for text in convention.equations.split(",   ") if "₀ =" not in text]), convention.id
            assert "merror" not in "".join(map(line_of, lines))
            different = list(different_lines(plain, lines))
            assert (different == [Line("")]) == (convention == canonical(family)), convention.id
    inside = list(different_lines(equations_of(canonical("adam")), equations_of(find_convention("adam/eps-inside"))))
    assert [line.mathml for line in inside] == ["", line_of(equations_of(find_convention("adam/eps-inside"))[-1])]
    assert r"\sqrt{\hat{v} + \varepsilon}" in equations_of(find_convention("adam/eps-inside"))[-1].value
    first, *_ = different_lines(equations_of(canonical("adam")), equations_of(find_convention("adam/correction-none")))
    assert first.missing  # the count of steps


def test_each_step_of_a_derivation_is_shown_by_exact_or_certified_evidence():
    load()
    for record in derivations().values():
        for step in record["steps"]:
            assert EVIDENCE[step["piece"]].kind in {*EXACT_KINDS, "certified"}, step
        assert any(record["entry"] in EVIDENCE[step["piece"]].ids for step in record["steps"]), record["name"]


def test_the_arithmetics_of_evidence_are_those_of_its_claims():
    """The numbers of the first claim of each exact piece of two chapters are of the number systems that its page names."""
    load()
    seen = set()
    for piece in EVIDENCE.values():
        if piece.kind in EXACT_KINDS and piece.name.partition(".")[0] in ("momentum", "sign"):
            claims = piece.function(**{name: FORMULAS_BY_NAME[name] for name in piece.formulas}, **piece.run_options(full=False))
            modules = {type(leaf).__module__ for leaf in tree_leaves(next(claims))}
            found = {module.rpartition(".")[2] for module in modules if module.startswith("trainspec.spec.arithmetic.")}
            assert found <= set(arithmetics_of(piece.function, set())), piece.name
            seen |= found
    assert seen >= {"symbolic", "tensors", "rational", "ball"}
    assert arithmetics_in_words(EVIDENCE["momentum.way_of_the_look_ahead_point"]) == "symbols"
    assert arithmetics_in_words(EVIDENCE["momentum.average_is_linear"]) == "floats, within the bounds of their rounding errors"


def test_guides_name_commands_that_there_are(site):
    for name in GUIDES:
        code = " ".join(re.findall(r"<code>(.*?)</code>", (site / f"guides/{name}.html").read_text(encoding="utf-8"), flags=re.DOTALL))
        commands = re.findall(r"trainspec (?!import)([a-z]+)", code)
        assert set(commands) <= main.commands.keys()
        assert commands


def test_the_code_of_guides_runs_as_printed(tmp_path, monkeypatch):
    folder = files("trainspec.spec.site") / "templates/guides"
    texts = [(folder / f"{name}.html").read_text(encoding="utf-8") for name in GUIDES]
    snippets = [code for text in texts for _, code in re.findall(r"\{\{ (['\"])(.*?)\1 \| code \}\}", text, flags=re.DOTALL)]
    (mine,) = (code for code in snippets if code.startswith("# mine.py"))
    (tmp_path / "mine.py").write_text(mine, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    for code in snippets:
        exec(compile(code, "guide", "exec"), {"__name__": "guide"})
    assert check_in_process("mine:MyAdam", eps=1e-6).convention == "adam"
    assert check_function_in_process("mine:my_softmax", "loss.softmax", evidence=False).verdict == "conforms"


def test_an_entry_page_has_what_show_prints(site, site_data):
    answer = site_data.answer("optimizers.adam")
    text = (site / "entries/optimizers.adam.html").read_text(encoding="utf-8")
    for part in (
        "<math",
        "Kingma",
        "https://arxiv.org/abs/1412.6980",
        "E07",
        "../families/adam.html",
        "../vectors/optimizers.adam.jsonl",
        "@software",
    ):
        assert part in text
    for piece in answer["evidence"]:
        assert piece["name"] in text


def test_the_search_index_holds_every_entry_and_erratum(site):
    script = (site / "assets/search-index.js").read_text(encoding="utf-8")
    records = json.loads(script.removeprefix("window.searchIndex = ").removesuffix(";\n"))
    assert {f"entries/{name}.html" for name in catalogue().entries} | {f"errata/{name}.html" for name in catalogue().errata} <= {
        address for _, address, _, _ in records
    }
    assert all((site / address.partition("#")[0]).is_file() for _, address, _, _ in records)


def test_verdicts_are_those_that_were_kept(monkeypatch):
    """Nothing is said to hold that has no result; a refuted piece refutes its entry whatever else is missing."""
    entry = catalogue().find("optimizers.adam")
    names = ledger.evidence_for([entry])

    def verdict(results):
        monkeypatch.setattr(ledger, "kept_results", lambda names: {name: results[name] for name in names if name in results})
        return ledger.kept_ledger([entry], []).entries[0].verdict

    holding = {name: EvidenceResult(name, Verdict.HOLDS, "", 0.1) for name in names}
    first = names[0]
    assert verdict({}) == "not verified yet"
    assert verdict(holding) == "holds"
    assert verdict({name: result for name, result in holding.items() if name != first}) == "not verified yet"
    assert verdict({first: EvidenceResult(first, Verdict.REFUTED, "", 0.1)}) == "refuted"


def test_an_erratum_is_not_verified_before_its_printed_form_is_refuted(monkeypatch):
    record = catalogue().errata["E07"]
    monkeypatch.setattr(ledger, "kept_results", lambda names: {})
    assert ledger.kept_ledger([], [record]).errata[0].verdict == "not verified yet"


def test_the_command_writes_the_site(tmp_path, monkeypatch):
    files = [("index.html", lambda: "front"), ("assets/search-index.js", lambda: "")]
    monkeypatch.setattr("trainspec.spec.site.command.site_files", lambda data: files)
    monkeypatch.setattr(SiteData, "of_kept_results", lambda vectors, with_figures, matrix: None)
    target = tmp_path / "out"
    result = CliRunner().invoke(main, ["site", "--out", str(target)])
    assert (result.exit_code, (target / "index.html").read_text()) == (0, "front")
    assert CliRunner().invoke(main, ["site", "--out", str(target)]).exit_code == 0  # a site is replaced


def test_other_files_are_not_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="not empty"):
        build(tmp_path, [])


def test_without_its_packages_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "trainspec.spec.site.command", None)
    result = CliRunner().invoke(main, ["site", "--out", "x"])
    assert result.exit_code == 2
    assert "pip install 'trainspec[site]'" in result.output


def test_parentheses_grow_around_what_is_tall_alone():
    latex = r"\left(1 - \left(a + b\right)\right) \left(\frac{1}{\left(c\right)}\right)"
    assert with_plain_parentheses(latex) == r"(1 - (a + b)) \left(\frac{1}{(c)}\right)"


def test_the_rows_of_libraries_are_those_of_the_matrix(tmp_path):
    row = {"library": "mine", "version": "1.2", "formula": "Adam", "target": "mine:Adam", "verdict": "conforms", "message": "as it is"}
    path = tmp_path / "matrix.json"
    path.write_text(json.dumps([{**row, "convention": "adam", "name": "Adam with ε outside"}, {**row, "against": "loss.softmax"}]))
    data = SiteData(expected_ledger(), None, with_figures=False, matrix=path)
    files = dict(site_files(data))
    assert "mine 1.2" in files["libraries.html"]()
    assert "Adam with ε outside" in files["entries/optimizers.adam.html"]()
    assert "mine:Adam" in files["entries/loss.softmax.html"]()
    path.write_text('[{"library": 1}]')
    with pytest.raises(ValueError, match="is not what `trainspec matrix --json` prints"):
        SiteData(expected_ledger(), None, with_figures=False, matrix=path)


def test_the_recorded_rows_name_conventions_and_formulas_that_there_are():
    records = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert {record["library"] for record in records} >= {"torch", "optax", "keras"}
    for record in records:
        assert record["convention"] is None or record["against"] or find_convention(record["convention"]), record["target"]
        assert record["against"] is None or record["against"] in catalogue().entries, record["target"]


def test_formulas_that_libraries_answer_in_one_way_are_no_difference():
    rows = [
        LibraryRow("a", "1", formula, "f", "conforms", name, "", "", "")
        for formula, name in (("x", "p"), ("x", "q"), ("y", "p"), ("y", "p"))
    ]
    assert list(by_formula(rows)) == ["x"]


def test_a_checklist_has_what_differs_between_two_libraries():
    rows = [
        LibraryRow("a", "1", "Adam", "a:Adam", "identified", "Adam", "", "adam", "optimizers.adam"),
        LibraryRow("b", "2", "Adam", "b:adam", "identified", "Adam", "", "adam/eps-inside", "optimizers.adam"),
        LibraryRow("b", "2", "SGD", "b:sgd", "identified", "gradient descent", "", "gradient-descent", "optimizers.gd.batch"),
    ]
    (change,) = changes_between(rows)["a 1", "b 2"]
    assert [axis for axis, _, _ in change.axes] == ["place of ε"]
    assert all(words_of(axis, value) for axis, values in AXES.items() for value in values)
    assert (change.before.target, change.after.target) == ("a:Adam", "b:adam")
    assert not changes_between([rows[0], replace(rows[1], convention="adam")])["a 1", "b 2"][0].axes
