"""The command line, as a user meets it."""

import json

import pytest
from click.testing import CliRunner
from trainspec.spec.catalogue import catalogue
from trainspec.spec.cli import main

ENTRY_KEYS = {"id", "chapter", "kind", "status", "verdict", "detail", "evidence"}
EVIDENCE_KEYS = {"kind", "scope", "name", "verdict", "seconds", "detail"}
ERRATUM_KEYS = {"id", "chapter", "class", "decided_by", "verdict", "detail", "printed"}


def run(*args):
    return CliRunner().invoke(main, args, catch_exceptions=False)


def test_help_names_the_commands():
    result = run("--help")
    assert result.exit_code == 0
    assert all(command in result.output for command in ("list", "show", "verify"))


def test_version():
    assert "0.1.0" in run("--version").output


def test_list_shows_every_entry():
    result = run("list")
    assert result.exit_code == 0
    assert all(identifier in result.output for identifier in catalogue().entries)


def test_list_as_json_by_chapter():
    data = json.loads(run("list", "--chapter", "quadratic", "--json").output)
    assert {one["chapter"] for one in data} == {"quadratic"}
    assert set(data[0]) == {"id", "chapter", "kind", "status", "title", "errata"}


def test_list_of_an_unknown_chapter():
    result = run("list", "--chapter", "cooking")
    assert result.exit_code == 2
    assert f"there are {', '.join(catalogue().chapters)}" in result.output


def test_show_renders_the_stated_table_beside_ours():
    text = run("show", "quadratic.momentum.optimal_rate").output
    assert "0.881145 │ 0.88114481" in text
    tables = json.loads(run("show", "quadratic.momentum.optimal_rate", "--json").output)["tables"]
    assert {"row": "κ = 100", "column": "momentum", "stated": "69", "ours": "69", "verdict": "holds"} in tables[1]["cells"]


def test_show_has_all_that_is_known():
    text = run("show", "optimizers.momentum.lr_outside").output
    for part in (
        "v ← μ v + g",
        "theta ∈",
        "real number, > 0, finite",
        "STU 'SGD + Momentum'",
        "E40",
        "x += learning_rate * vx",
        "optimizers.momentum.ema",
        "proof",
        "every state, gradient and momentum, constant lr",
        "return theta - lr * velocity, velocity",
    ):
        assert part in text


@pytest.mark.parametrize("identifier", catalogue().entries)
def test_show_works_for_every_entry(identifier):
    result = run("show", identifier, "--json")
    described = json.loads(result.output)
    assert described["statement"]
    assert described["evidence"] or described["kind"] == "qualitative"
    assert (described["kind"] == "formula") == bool(described["source"])
    assert run("show", identifier).exit_code == 0


def test_show_of_an_unknown_id_suggests_one():
    result = run("show", "momentum.unroled")
    assert result.exit_code == 2
    assert "did you mean momentum.unrolled" in result.output


def test_verify_as_json_has_stable_keys():
    result = run("verify", "momentum.speedup_factor", "optimizers.momentum.lr_outside", "--json")
    assert result.exit_code == 0
    ledger = json.loads(result.stdout)
    assert set(ledger) == {"chapters", "entries", "errata", "summary"}
    assert [one["id"] for one in ledger["entries"]] == ["momentum.speedup_factor", "optimizers.momentum.lr_outside"]
    assert all(set(one) == ENTRY_KEYS and one["verdict"] == "holds" for one in ledger["entries"])
    assert all(set(piece) == EVIDENCE_KEYS for one in ledger["entries"] for piece in one["evidence"])
    assert [one["id"] for one in ledger["errata"]] == ["E40"]
    assert all(set(one) == ERRATUM_KEYS for one in ledger["errata"])
    assert ledger["summary"]["entries"] == {"holds": 2}
    assert ledger["chapters"] == {
        "momentum": {"entries": {"holds": 2}, "errata": {"holds": 1}, "evidence": {"proof": 3, "law": 1, "enumeration": 1}}
    }


def test_verify_prints_a_table():
    result = run("verify", "momentum.unrolled")
    assert result.exit_code == 0
    assert "momentum.unrolled" in result.stdout
    assert "E59" in result.stdout
    assert "entries: 1 holds" in result.stdout


def test_verify_that_runs_out_of_time_is_unknown_and_exits_1():
    result = run("verify", "momentum.escape_local_minimum", "--timeout", "0.01", "--json")
    assert result.exit_code == 1
    ledger = json.loads(result.stdout)
    assert ledger["entries"][0]["verdict"] == "unknown"
    assert "no verdict within 0.01 s" in ledger["entries"][0]["detail"]


def test_verify_of_an_unknown_id_exits_2():
    assert run("verify", "nonsense").exit_code == 2


def test_two_runs_give_the_same_ledger():
    def verdicts():
        ledger = json.loads(run("verify", "momentum.unrolled", "momentum.alpha_zero", "--json").stdout)
        return [(piece["name"], piece["verdict"], piece["detail"]) for one in ledger["entries"] for piece in one["evidence"]]

    assert verdicts() == verdicts()
