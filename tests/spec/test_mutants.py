"""Mutation testing: every formula is changed in one place at a time, and the evidence refutes the mutants."""

import pytest
from click.testing import CliRunner
from trainspec.reference import FORMULAS
from trainspec.spec.cli import main
from trainspec.spec.mutants import MutantResult, equivalents, kept_score, mutants, run_against_evidence, run_and_report

QUICK = ["momentum.speedup_factor", "momentum.noise_smoothing", "optimizers.momentum.lr_outside", "quadratic.momentum.transition"]


def test_one_change_at_a_time():
    population = list(mutants(FORMULAS["momentum.speedup_factor"]))
    changes = {mutant.change for mutant in population}
    assert {"1 / (1 - momentum) → 1 * (1 - momentum)", "1 - momentum → 1 + momentum", "1 → 2", "1 → 0", "1 - momentum → 1"} <= changes
    assert len({mutant.function.__code__.co_code + repr(mutant.function.__code__.co_consts).encode() for mutant in population}) == len(
        population
    )


def test_a_state_update_is_removed():
    assert any(mutant.change == "removed" for mutant in mutants(FORMULAS["optimizers.momentum.heavy_ball"]))


@pytest.mark.parametrize("identifier", QUICK)
def test_the_evidence_refutes_every_mutant(identifier):
    for mutant in mutants(FORMULAS[identifier]):
        result = run_against_evidence(identifier, mutant.line, mutant.change)
        assert result.outcome == "refuted", f"{result.line}: {result.change}: {result.outcome} {result.by}"


def test_survivors_are_reported(monkeypatch, capsys):
    monkeypatch.setattr(
        "trainspec.spec.mutants.run", lambda *args, **options: [MutantResult("momentum.unrolled", "line", "change", "survived")]
    )
    monkeypatch.setattr("trainspec.spec.mutants.equivalents", lambda: {("momentum.unrolled", "gone", "gone"): "no longer needed"})
    assert run_and_report(["momentum.unrolled"], regions=False) == 1
    text = capsys.readouterr().out
    assert "survived: momentum.unrolled: line: change" in text
    assert "STALE: momentum.unrolled: gone: gone" in text


def test_equivalents_name_mutants():
    for identifier, line, change in equivalents():
        assert any((mutant.line, mutant.change) == (line, change) for mutant in mutants(FORMULAS[identifier])), (identifier, line, change)


def test_the_command_counts_mutants_and_the_score_is_shown():
    run_command = CliRunner().invoke
    assert kept_score("momentum.speedup_factor") == {"mutants": 7, "refuted": 0, "equivalent": 0, "open": 0, "not_run": 7}
    assert "runs 7" in run_command(main, ["show", "momentum.speedup_factor"]).output
    result = run_command(main, ["mutants", "momentum.speedup_factor", "--workers", "1"])
    assert result.exit_code == 0
    assert "0 survived" in result.output
    assert "7 of 7 refuted, 0 equivalent, 0 open" in run_command(main, ["show", "momentum.speedup_factor"]).output
    assert "is no formula" in run_command(main, ["mutants", "lion.box"]).output
