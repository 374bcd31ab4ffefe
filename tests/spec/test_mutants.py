"""Mutation testing: every formula is changed in one place at a time, and the evidence refutes the mutants."""

from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from trainspec.reference import FORMULAS
from trainspec.spec import mutants as module
from trainspec.spec.arithmetic import Rational
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


def shares(x):
    """A formula that divides by what is not 0."""
    return np.where(x == 0, 0, 1 / np.where(x == 0, 1, x))


def shares_not_guarded(x):
    """The same but at 0."""
    return 1 / x


def shares_of_what_is_not_taken(x):
    """The same: what it divides by 0 is not taken."""
    return np.where(x == 0, 0, 1 / x)


@pytest.mark.parametrize("value", [0, 2])
@pytest.mark.parametrize(("mutant", "differs_at_0"), [(shares_not_guarded, True), (shares_of_what_is_not_taken, False), (shares, False)])
def test_a_division_by_0_refutes_where_its_result_is_taken(monkeypatch, mutant, differs_at_0, value):
    monkeypatch.setattr(module, "find_refutation", lambda name, function: try_at(function, value))
    formula = SimpleNamespace(raw=shares, __name__="shares")
    assert module.divides_by_zero(formula, mutant) == (differs_at_0 and value == 0)


def try_at(function, value):
    """Call a function with a fraction, as a piece of evidence does."""
    try:
        function(Rational([value]))
    except ZeroDivisionError:
        return


IDENTIFIER = "momentum.speedup_factor"


def inverse_matrix(momentum):
    """Raise an error for a number, which is no matrix."""
    return np.linalg.inv(momentum)


@pytest.mark.parametrize(
    ("detail", "function", "outcome"),
    [
        ("raised Undecided: a branch", lambda momentum: 1 / (1 - momentum), "raised"),
        ("raised Undecided: a branch", inverse_matrix, "refuted"),
        ("raised ZeroDivisionError: 1 / 0", lambda momentum: 1 / (1 - momentum), "raised"),
        ("", inverse_matrix, "survived"),
    ],
)
def test_evidence_that_raises_refutes_nothing_by_itself(monkeypatch, detail, function, outcome):
    result = SimpleNamespace(name="piece", detail=detail, raised=bool(detail))
    monkeypatch.setattr(module, "find_refutation", lambda name, function: (None, [result]))
    monkeypatch.setattr(module, "mutants_by_change", lambda identifier: {("line", "change"): SimpleNamespace(function=function)})
    assert run_against_evidence(IDENTIFIER, "line", "change").outcome == outcome


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
