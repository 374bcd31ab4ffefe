"""Mutants of sizes and regions: a formula that is wrong in one region only is refuted; and the machinery that says so can say otherwise."""

import numpy as np
import pytest
import sympy as sp
from flint import ctx
from trainspec.reference import FORMULAS
from trainspec.spec.arithmetic import Symbolic, Verdict, symbols, tensor
from trainspec.spec.evidence import EVIDENCE, Evidence, load, run_evidence
from trainspec.spec.evidence._continuity import is_known_closely, points_of
from trainspec.spec.mutants import run_and_report, run_regions
from trainspec.spec.regions import RegionResult, equals, reached_regions, regions, run_region, run_within, tied
from trainspec.spec.tasks import Workforce

pytestmark = pytest.mark.sampled(2)

load()

SAMPLE = ["optimizers.lion", "curvature.taylor_step", "data.pca", "schedule.linear"]


def region(identifier, words):
    return next(region for region in regions(FORMULAS[identifier]) if region.words == words)


def words_of(identifier, kind):
    return [region.words for region in regions(FORMULAS[identifier]) if region.kind == kind]


@pytest.mark.parametrize("identifier", SAMPLE)
def test_evidence_refutes_what_is_wrong_in_one_region(identifier):
    reached = reached_regions(identifier)
    for own in regions(FORMULAS[identifier]):
        if own.is_in_sample(6):
            result = run_region(identifier, own.words, reached[own.words])
            assert result.outcome == "refuted", f"{result.words}: {result.outcome} {result.by}"


def test_regions_follow_from_domains():
    assert words_of("optimizers.rmsprop", "end") == ["mean_sq = 0", "decay = 0", "eps = 0", "eps_root = 0"]
    assert words_of("optimizers.rmsprop", "sign") == ["theta < 0", "grad < 0"]
    assert words_of("optimizers.lbfgs", "shape") == ["memory < n", "memory > n"]
    assert [change.partition(":")[0] for change in words_of("stats.empirical_risk.mean", "forgotten")] == ["d", "d"]
    for formula in FORMULAS.values():
        names = [region.words for region in regions(formula)]
        assert len(names) == len(set(names)), formula.id


def test_a_mutant_is_wrong_in_its_region_only():
    (small, large) = words_of("stats.empirical_risk.mean", "size")
    k = int(large.rpartition(" ")[2])
    mutant = region("stats.empirical_risk.mean", large).mutant({})
    assert small != large
    assert mutant(np.ones(k)) == 1
    assert mutant(np.ones(k + 1)) == 17 / 16
    forgetful = region("stats.empirical_risk.mean", words_of("stats.empirical_risk.mean", "forgotten")[1]).mutant({})
    assert forgetful(np.arange(k + 1.0)) == (k + 1) / 2


def test_symbols_reach_what_their_assumptions_leave_open():
    some, positive = symbols("a"), symbols("p", positive=True)
    assert equals(some, 0) == {some.item(): 0}
    assert equals(positive, 0) is None
    assert equals(Symbolic(0), 0) == {}
    assert equals(tensor("v", sp.Symbol("n"), nonnegative=True), 0) == {}
    assert equals(np.array([1.0, 0.0]), 0) == {}
    assert equals(np.array([1.0, 2.0]), 0) is None
    assert tied(np.array([[1.0, 2.0], [1.0, 3.0]])) == {}
    assert tied(np.array([[1.0, 2.0], [3.0, 1.0]])) is None


def piece(function, kind="proof"):
    return Evidence(("test.piece",), kind, "test", function)


def test_a_closed_end_counts_only_where_the_claims_hold_there():
    decay = symbols("decay", nonnegative=True)
    grad, state = symbols("g m")

    def average(parameter_average):
        yield parameter_average(grad, state, decay=decay), decay * state + (1 - decay) * grad

    def divided(parameter_average):
        yield parameter_average(grad, state, decay=decay) / decay, state + (1 - decay) * grad / decay

    end = region("averaging.ema", "decay = 0")
    assert run_evidence(piece(divided)).verdict is Verdict.HOLDS
    assert run_within(piece(average), end)[0] is Verdict.REFUTED
    verdict, reason, _ = run_within(piece(divided), end)
    assert verdict is Verdict.HOLDS
    assert reason.startswith("not decided in this case")


def test_a_formula_that_no_piece_reaches_survives():
    words = words_of("optimizers.lion", "size")[0]
    assert run_region("optimizers.lion", words, []).outcome == "unreached"
    assert run_region("optimizers.lion", words, ["sign.lion_by_its_sign"]).outcome == "survived"  # its points are single numbers


def test_survivors_are_reported(monkeypatch, capsys):
    survivor = RegionResult("optimizers.lion", "end", "beta1 = 0", "unreached")
    monkeypatch.setattr("trainspec.spec.mutants.run_regions", lambda *args, **options: [survivor])
    assert run_and_report(["optimizers.lion"], regions=True) == 1
    assert "unreached: optimizers.lion: beta1 = 0" in capsys.readouterr().out
    monkeypatch.setattr("trainspec.spec.mutants.equivalents", lambda: {("optimizers.lion", "region", "beta1 = 0"): "it is the same"})
    assert run_and_report(["optimizers.lion"], regions=True) == 0


def test_regions_run_in_processes():
    results = run_regions(["momentum.speedup_factor"], Workforce(2))
    assert results
    assert {result.outcome for result in results} == {"refuted"}


def test_repetition_pieces_see_large_sizes():
    piece_of_sizes = EVIDENCE["estimators.repeated_empirical_risk"]
    for own in regions(FORMULAS["stats.empirical_risk.mean"]):
        if own.kind in ("size", "forgotten"):
            assert run_within(piece_of_sizes, own)[0] is Verdict.REFUTED


def test_continuity_pieces_see_special_points():
    piece_of_points = EVIDENCE["adaptive.continuous_rmsprop"]
    for own in regions(FORMULAS["optimizers.rmsprop"]):
        if own.kind in ("end", "tie"):
            assert run_within(piece_of_points, own)[0] is Verdict.REFUTED, own.words


def test_most_special_points_are_claimed():
    with ctx.workprec(256):
        claimed = [is_known_closely(formula, beside) for formula in FORMULAS.values() for _, beside in points_of(formula)]
    assert len(claimed) > 2500
    assert sum(claimed) > 0.93 * len(claimed)
