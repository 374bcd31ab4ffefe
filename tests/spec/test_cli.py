"""The command line, as a user meets it: in a pipe, and at 80 columns."""

import ast
import inspect
import io
import json
import subprocess
import sys

import jsonschema
import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console, Group
from trainspec.reference import FORMULAS
from trainspec.spec.answers import ANSWERS, schema_for
from trainspec.spec.catalogue import catalogue, decks
from trainspec.spec.cli import main
from trainspec.spec.description import describe_entry, describe_table
from trainspec.spec.evidence import EVIDENCE, load
from trainspec.spec.show import fold_code, table_parts

load()
SHOW_SCHEMA = schema_for("show")

ENTRY_KEYS = {"id", "chapter", "kind", "status", "verdict", "detail", "evidence"}
EVIDENCE_KEYS = {"kind", "scope", "name", "verdict", "seconds", "detail", "engines", "alone"}
ERRATUM_KEYS = {"id", "chapter", "class", "decided_by", "verdict", "detail", "printed"}


def run(*args, columns=None):
    environment = {"COLUMNS": columns and str(columns)}
    return CliRunner(env=environment).invoke(main, args, catch_exceptions=False)


def answer(*args):
    return json.loads(run(*args, "--json").stdout)


def test_help_names_the_commands():
    result = run("--help")
    assert result.exit_code == 0
    catalogue_commands = ("list", "show", "decks", "verify", "kernel", "mutants", "schema", "site", "fast")
    kit = ("conventions", "variants", "checks", "check", "identify", "smoke", "badge", "separation", "matrix", "vectors")
    commands = (*catalogue_commands, *kit)
    assert all(f"\n  {command} " in result.output for command in commands)
    assert set(commands) == set(main.commands)


def test_version():
    assert "0.1.0" in run("--version").output


# --- lists -------------------------------------------------------------------------------------------------------------------------


def test_list_shows_every_entry():
    result = run("list")
    assert result.exit_code == 0
    assert all(identifier in result.output for identifier in catalogue().entries)


def test_a_piped_list_has_a_line_for_each_record():
    assert len(run("list").output.splitlines()) == len(catalogue().entries)
    assert len(run("list", "--errata").output.splitlines()) == len(catalogue().errata)


def test_list_as_json_by_chapter():
    entries = answer("list", "--chapter", "quadratic")
    assert {entry["chapter"] for entry in entries} == {"quadratic"}
    assert set(entries[0]) == {"id", "chapter", "kind", "status", "title", "errata", "function", "slides"}


def ids(*args):
    return [record["id"] for record in answer("list", *args)]


def test_list_finds_words_in_ids_titles_statements_and_names_of_functions():
    assert ids("Adam", "bias") == ids("bias", "adam")
    assert "optimizers.adam.uncorrected" in ids("adam", "BIAS")
    assert "norm.batch.affine" in ids("batch_norm")
    assert ids("no such words") == []


def test_list_finds_what_a_deck_and_a_slide_state():
    assert "optimizers.momentum.lr_outside" in ids("momentum", "--deck", "STU")
    assert ids("--slide", "Adam (almost)") == ["optimizers.adam.uncorrected", "adam.uncorrected_transient", "adam.composition"]
    assert ids("--slide", "adam (ALMOST)", "--deck", "stu") == ids("--slide", "Adam (almost)")
    assert set(ids("--slide", "adam (")) > set(ids("--slide", "Adam (almost)"))


def test_every_slide_leads_to_an_entry_or_an_erratum():
    for deck in decks().values():
        for slide in deck.slides:
            options = ("--deck", deck.key, "--slide", slide)
            assert ids(*options) or ids("--errata", *options), (deck.key, slide)


def test_list_of_errata():
    assert "E40" in ids("--errata", "--slide", "SGD + Momentum")
    assert ids("--errata", "adam.loop_index") == ["E41", "E42"]
    assert set(ids("--errata", "--deck", "ONN")) < set(ids("--errata"))
    assert ids("--errata")[:2] == ["E01", "E02"]


def test_list_by_kind_status_and_tables():
    assert set(ids("--kind", "presets")) == {entry.id for entry in catalogue().entries.values() if entry.kind == "presets"}
    assert all(catalogue().entries[identifier].status == "overclaim" for identifier in ids("--status", "overclaim"))
    assert "quadratic.momentum.optimal_rate" in ids("--tables")
    assert len(ids("--tables")) < 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "--chapter", "cooking"), "there is no chapter 'cooking'; there are activations, adam, adam_relatives, adaptive"),
        (("list", "--deck", "MIT"), "there is no deck 'MIT'; there are UC, ONN, CMU, STU, SKO"),
        (("list", "--slide", "Adam (allmost)"), "there is no slide of the title 'Adam (allmost)'; did you mean Adam (almost)"),
        (("list", "--kind", "lemma"), "there is no kind 'lemma'; there are formula, statement, presets, qualitative"),
        (("list", "--errata", "--kind", "formula"), "errata have no kind"),
        (("show", "momentum.unroled"), "there is no entry 'momentum.unroled'; did you mean momentum.unrolled"),
        (("show", "E999"), "there is no erratum 'E999'"),
        (("show", "E07", "--latex"), "E07 is an erratum, not a formula: it has no LaTeX"),
        (("show", "adam.loop_index", "--latex"), "adam.loop_index is no formula (its kind: statement), so that it has no LaTeX"),
        (("decks", "UCC"), "there is no deck 'UCC'; did you mean UC"),
        (("conventions", "adamm"), "there is no family 'adamm'; did you mean adam"),
        (("variants", "norm.layers"), "there is no entry 'norm.layers'; did you mean norm.layer"),
        (("variants", "adam.loop_index"), "there is no formula 'adam.loop_index'"),
        (("separation", "adamm"), "there is no family 'adamm'; did you mean adam"),
        (("schema", "lists"), "there is no schema 'lists'; there are list, errata"),
        (("verify", "nonsense"), "there is no entry 'nonsense'"),
        (("check", "mine.py:f", "--set", "0.9"), "must be name=value, such as momentum=0.9, got '0.9'"),
        (("check", "mine.py:f", "--set", "lr=much"), "lr must be a Python literal, such as 0.9 or True, got much"),
        (("check", "mine.py:f", "--names", "beta"), "must be theirs=ours, such as beta=momentum, got 'beta'"),
    ],
)
def test_what_does_not_exist_is_answered_with_what_does(arguments, message):
    result = run(*arguments, columns=300)
    assert result.exit_code == 2
    assert message in result.output


# --- show --------------------------------------------------------------------------------------------------------------------------


def test_show_renders_the_stated_table_beside_ours():
    assert "0.881145 │ 0.88114481" in run("show", "quadratic.momentum.optimal_rate", "--all").output
    tables = answer("show", "quadratic.momentum.optimal_rate")["tables"]
    assert {"row": "κ = 100", "column": "momentum", "stated": "69", "ours": "69", "verdict": "holds"} in tables[1]["cells"]


def test_show_folds_tables_and_long_lists():
    short, whole = (run("show", *options).output for options in (("adam",), ("adam", "--all")))
    assert "and 4 more: --all prints them" in short
    assert "and 4 more" not in whole
    assert "stu-upper" in whole
    assert "stu-upper" not in short
    assert "--all prints the figures" in run("show", "quadratic.momentum.optimal_rate").output


def test_show_has_all_that_is_known():
    text = run("show", "optimizers.momentum.lr_outside").output
    for part in (
        "v ← μ v + g",
        "theta ",
        "real number, > 0, finite",
        "STU 'SGD + Momentum'",
        "Xuming He. Lecture 07: CNNs III",
        "E40",
        "x += learning_rate * vx",
        "optimizers.momentum.ema",
        "proof",
        "every state, gradient and momentum, constant lr",
        "return theta - lr * velocity, velocity",
    ):
        assert part in text


def test_show_starts_with_formula_domain_and_verdicts():
    lines = run("show", "optimizers.adam").output.splitlines()
    titles = ("verdict: not verified yet", "domain", "evidence", "mutants", "step by step", "errata", "presets", "sources")
    assert sorted(titles, key=lines.index) == [*titles]
    assert "  Adam's bias correction" in map(str.rstrip, lines)
    assert answer("show", "optimizers.adam")["derivations"] == [{"name": "bias-correction", "title": "Adam's bias correction"}]


def test_show_answers_to_every_name_of_an_erratum():
    assert run("show", "E7").output == run("show", "e07").output == run("show", "E07").output


def test_show_answers_to_every_name_of_an_entry():
    for name in ("optimizers.momentum.lr_outside", "momentum.heavy_ball_lr_outside", "heavy_ball_lr_outside"):
        assert answer("show", name)["id"] == "optimizers.momentum.lr_outside"


def test_show_of_an_erratum():
    text = run("show", "E07").output
    for part in ("UC 'Adam: ADaptive Moments' and summary", "ŝ/√(r̂ + δ)", "ŝ/(√r̂ + δ)", "optimizers.adam", "University of Chicago"):
        assert part in text
    for part in ("correct  θ ← θ − η m̂ / (√v̂ + ε)", "printed  θ ← θ − η m̂ / √(v̂ + ε)"):
        assert part in text
    assert "def " in run("show", "e07", "--evidence").output
    assert answer("show", "E09")["decided_by"] == "reading"
    assert answer("show", "E09")["decided"] == "2026-11-21"


@pytest.mark.parametrize("identifier", catalogue().errata)
def test_show_works_for_every_erratum(identifier):
    described = answer("show", identifier)
    jsonschema.validate(described, schema_for("erratum"))
    assert described["entries"]
    assert bool(described["printed_forms"]) == (described["decided_by"] == "machine")
    for form in described["printed_forms"]:
        assert bool(form["formula"]) == bool(form["latex"]) == bool(form["correct_lines"])
        assert form["correct_lines"] != form["printed_lines"] or not form["formula"]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("identifier", catalogue().entries)
def test_show_works_for_every_entry_at_80_columns(identifier):
    result = run("show", identifier, columns=80)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert not any(line.rstrip().endswith("…") and "│" in line for line in lines)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("identifier", catalogue().entries)
def test_an_entry_is_described_as_the_schema_says(identifier):
    described = describe_entry(catalogue().entries[identifier], with_figures=False)
    jsonschema.validate(json.loads(json.dumps(described)), SHOW_SCHEMA)
    assert described["statement"]
    assert described["evidence"] or described["kind"] == "qualitative"
    assert (described["kind"] == "formula") == bool(described["source"]) == bool(described["latex"])


TABLES = {name: piece for name, piece in EVIDENCE.items() if piece.table}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", TABLES)
def test_figures_stand_in_full_at_80_columns(name):
    table = describe_table(TABLES[name], with_figures=True)
    jsonschema.validate(table, SHOW_SCHEMA | {"$ref": "#/$defs/TableAnswer"})
    output = Console(width=80, file=io.StringIO())
    output.print(Group(*table_parts(table, 80)))
    text = output.file.getvalue()
    assert max(map(cell_len, text.splitlines())) <= 80
    assert table["cells"]
    for cell in table["cells"]:
        assert cell["ours"] in text
        assert cell["stated"] in text


def test_show_all_prints_the_figures():
    cells = [cell for table in answer("show", "quadratic.momentum.optimal")["tables"] for cell in table["cells"]]
    text = run("show", "quadratic.momentum.optimal", "--all", columns=80).output
    assert all(cell["ours"] in text for cell in cells)


def test_show_evidence_prints_the_pieces():
    text = run("show", "momentum.unrolled", "--evidence").output
    assert "@proof(" in text
    assert "yield " in text


def test_show_latex():
    assert run("show", "heavy_ball", "--latex").output.endswith(
        "\\begin{aligned}\nv &\\leftarrow \\mu \\, v - \\eta \\, g \\\\\n\\theta &\\leftarrow \\theta + v\n\\end{aligned}\n"
    )
    assert answer("show", "heavy_ball", "--latex")["id"] == "optimizers.momentum.heavy_ball"


@pytest.mark.parametrize("identifier", FORMULAS)
def test_folded_code_is_the_same_code(identifier):
    source = inspect.getsource(FORMULAS[identifier].raw)
    folded = fold_code(source, 78)
    assert max(map(cell_len, folded.splitlines())) <= 78
    assert without_docstring(folded) == without_docstring(source)


def without_docstring(source):
    (function,) = ast.parse(source).body
    function.body = function.body[1:]
    return ast.dump(function)


def test_a_comment_is_folded_as_a_comment():
    lines = fold_code("x = 1  # " + " ".join(["why"] * 12), 30).splitlines()
    assert lines[0] == "x = 1  # why why why why why"
    assert all(line.startswith("    # why") and len(line) <= 30 for line in lines[1:])
    assert " ".join(lines).count("why") == 12


# --- decks and names ---------------------------------------------------------------------------------------------------------------


def test_decks_explains_abbreviations_and_words():
    text = run("decks").output
    for part in ("UC  Lecture 6", "University of Chicago", "2017", "completion", "overclaim", "notation", "qualitative"):
        assert part in text
    described = answer("decks")
    counts = {deck["abbreviation"]: (deck["entries"], deck["errata"]) for deck in described["decks"]}
    assert set(counts) == set(decks())
    assert counts["STU"][1] == len(ids("--errata", "--deck", "STU"))


def test_decks_lists_the_slides_of_one():
    text = run("decks", "stu").output
    assert "Adam (almost)" in text
    assert "E43" in text
    assert [deck["abbreviation"] for deck in answer("decks", "STU")["decks"]] == ["STU"]


def test_conventions_are_named():
    families = {family["family"]: family for family in answer("conventions")}
    assert families["adam"]["conventions"] == len(answer("conventions", "adam"))
    assert families["adam"]["mistakes"] == len(answer("conventions", "adam", "--mistakes")) - families["adam"]["conventions"]
    assert "adam/eps-inside" in run("conventions", "adam").output
    assert [convention["id"] for convention in answer("conventions", "adam", "eps-inside-squared", "decoupled")]
    assert {"optimizers.adam"} == set(answer("conventions", "adam")[0]["formulas"])


def test_variants_are_named():
    names = [variant["id"] for variant in answer("variants", "layer_norm")]
    assert "norm.layer/none" in names
    assert names == [variant["id"] for variant in answer("variants", "norm.layer")]


def test_checks_are_named():
    assert "zero-gradient" in run("checks").output
    assert {"runs-to-completion", "convention", "does-not-modify-inputs"} <= {check["name"] for check in answer("checks")}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("list", ("list",)),
        ("list", ("list", "--tables")),
        ("errata", ("list", "--errata")),
        ("latex", ("show", "adam", "--latex")),
        ("decks", ("decks",)),
        ("families", ("conventions",)),
        ("conventions", ("conventions", "rprop", "--mistakes")),
        ("variants", ("variants", "norm.layer")),
        ("checks", ("checks",)),
        ("separation", ("separation", "sgd")),
    ],
)
def test_json_is_as_its_schema_says(name, arguments):
    schema = schema_for(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(answer(*arguments), schema)
    assert json.loads(run("schema", name).output) == schema


def test_every_answer_has_a_schema():
    for name in ANSWERS:
        jsonschema.Draft202012Validator.check_schema(schema_for(name))


LISTS = [("list",), ("list", "--errata"), ("decks",), ("decks", "UC"), ("conventions", "adam"), ("variants", "adam"), ("checks",)]


@pytest.mark.parametrize("arguments", LISTS)
def test_lists_fit_into_80_columns(arguments):
    lines = run(*arguments, columns=80).output.splitlines()
    assert max(map(cell_len, lines)) <= 80


def test_colours_are_for_terminals():
    command = [sys.executable, "-c", "from trainspec.spec.cli import main; main(['show', 'momentum.unrolled'])"]
    assert "\x1b" not in subprocess.run(command, capture_output=True, text=True, check=True).stdout


# --- check -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["network.activation.relu", "networks.relu", "relu"])
def test_check_takes_every_name_of_a_formula(name, tmp_path):
    (tmp_path / "mine.py").write_text("import numpy as np\n\n\ndef positive_part(x):\n    return np.maximum(x, 0)\n", encoding="utf-8")
    result = run("check", f"{tmp_path}/mine.py:positive_part", "--against", name, "--no-evidence", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["convention"] == "network.activation.relu"


# --- verify ------------------------------------------------------------------------------------------------------------------------


def test_verify_as_json_has_stable_keys():
    result = run("verify", "momentum.speedup_factor", "optimizers.momentum.lr_outside", "--json")
    assert result.exit_code == 0
    ledger = json.loads(result.stdout)
    jsonschema.validate(ledger, schema_for("verify"))
    assert set(ledger) == {"chapters", "entries", "errata", "summary"}
    assert [entry["id"] for entry in ledger["entries"]] == ["momentum.speedup_factor", "optimizers.momentum.lr_outside"]
    assert all(set(entry) == ENTRY_KEYS and entry["verdict"] == "holds" for entry in ledger["entries"])
    assert all(set(piece) == EVIDENCE_KEYS for entry in ledger["entries"] for piece in entry["evidence"])
    assert [erratum["id"] for erratum in ledger["errata"]] == ["E40"]
    assert all(set(erratum) == ERRATUM_KEYS for erratum in ledger["errata"])
    assert ledger["summary"]["entries"] == {"holds": 2}
    assert ledger["chapters"] == {
        "momentum": {
            "entries": {"holds": 2},
            "errata": {"holds": 1},
            "evidence": {"proof": 3, "law": 1, "enumeration": 1, "repetition": 1, "continuity": 2},
        }
    }


def test_verify_prints_a_table():
    result = run("verify", "momentum.unrolled")
    assert result.exit_code == 0
    assert "momentum.unrolled" in result.stdout
    assert "E59" in result.stdout
    assert "entries: 1 holds" in result.stdout


def test_verify_takes_every_name_of_an_entry_once():
    ledger = answer("verify", "momentum.unrolled", "unrolled_velocity")
    assert [entry["id"] for entry in ledger["entries"]] == ["momentum.unrolled"]


def test_verify_that_runs_out_of_time_is_unknown_and_exits_1():
    result = run("verify", "momentum.escape_local_minimum", "--timeout", "0.01", "--json")
    assert result.exit_code == 1
    ledger = json.loads(result.stdout)
    assert ledger["entries"][0]["verdict"] == "unknown"
    assert "no verdict within 0.01 s" in ledger["entries"][0]["detail"]


def test_two_runs_give_the_same_ledger():
    def verdicts():
        ledger = answer("verify", "momentum.unrolled", "momentum.alpha_zero", "--fresh")
        return [(piece["name"], piece["verdict"], piece["detail"]) for entry in ledger["entries"] for piece in entry["evidence"]]

    assert verdicts() == verdicts()
