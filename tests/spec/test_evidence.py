"""All evidence holds, all printed errors are refuted; and the machinery that says so can say otherwise."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from flint import arb
from trainspec.reference.domains import Array, Momentum
from trainspec.spec.arithmetic import Ball, Differential, Rational, Running, Symbolic, Tensor, Verdict, function, symbols, tensor
from trainspec.spec.catalogue import Erratum, PrintedFormula, catalogue
from trainspec.spec.evidence import (
    EVIDENCE,
    PRINTED_FORMS,
    Evidence,
    EvidenceResult,
    Interval,
    PrintedChange,
    TableCell,
    judge,
    load,
    printed_changes,
    prints_as,
    proof,
    run_evidence,
    run_printed_form,
    table_cells,
)
from trainspec.spec.evidence._registry import register_printed_form
from trainspec.spec.ledger import entry_verdict, erratum_verdict, missing_evidence

load()

HOLDS, REFUTED, UNKNOWN = Verdict.HOLDS, Verdict.REFUTED, Verdict.UNKNOWN


@pytest.mark.parametrize(("number", "name"), list(enumerate(EVIDENCE)), ids=list(EVIDENCE))
def test_evidence_holds(number, name):
    """`trainspec verify` gives every proof to both provers; here every tenth piece is."""
    result = run_evidence(EVIDENCE[name], twice=number % 10 == 0)
    assert result.verdict is HOLDS, result.detail


@pytest.mark.parametrize("name", PRINTED_FORMS)
def test_printed_form_is_refuted(name):
    result = run_printed_form(PRINTED_FORMS[name])
    assert result.verdict is REFUTED, result.detail


# --- the judge ---------------------------------------------------------------------------------------------------------------------

a, b = symbols("a b", positive=True)
x = symbols("x")
n = sp.Symbol("n", integer=True, positive=True)
q = symbols("q", nonnegative=True)
generic = tensor("x", n)
deviation = np.sqrt(np.mean((generic - np.mean(generic)) ** 2))
norm = np.sqrt(np.sum(generic**2))

JUDGED = [
    ((a + b) ** 2, a**2 + 2 * a * b + b**2, HOLDS),
    ((a + b) ** 2, a**2 + b**2, REFUTED),
    (np.sqrt(x**2), np.abs(x), HOLDS),
    (np.sqrt(x**2), x, REFUTED),  # at a negative x
    (np.sqrt(a**2), a, HOLDS),
    (a + b > a, True, HOLDS),
    (a - b > 0, True, REFUTED),
    (x**2 >= 0, True, HOLDS),
    (x**2 > 0, True, REFUTED),  # false at 0 alone
    (function("f")(x), function("f")(x + 0), HOLDS),
    (function("f")(x), function("f")(x + 1), REFUTED),
    (function("f")(x), function("g")(x), REFUTED),
    (np.sum(generic) * 2, np.sum(2 * generic), HOLDS),
    (np.sum(generic**2), np.sum(generic) ** 2, REFUTED),
    (generic, tensor("x", n + 1), REFUTED),
    (Ball(2) / 3 * 3, 2, UNKNOWN),  # at the default precision the enclosure is too wide to agree
    (Ball(1), 2, REFUTED),
    (Ball(arb(1, 0.5)), 1, UNKNOWN),
    (Rational(Fraction(1, 3)) * 3, 1, HOLDS),
    (Rational(1), Fraction(1, 3), REFUTED),
    (np.array([1.0, 2.0]), np.array([1.0, 2.0]), HOLDS),
    (np.array([1.0, 2.0]), np.array([1.0, np.nextafter(2.0, 3)]), REFUTED),
    (np.zeros(2), np.zeros(3), REFUTED),
    (np.zeros((2, 1)), np.zeros((1, 2)), REFUTED),
    (np.zeros(3), 0, HOLDS),
    (np.array([np.nan]), np.array([np.nan]), REFUTED),
    ((1, 2), (1, 2, 3), REFUTED),
    ((1, (2, 3)), (1, (2, 4)), REFUTED),
    (13, 13, HOLDS),
    (True, False, REFUTED),
    (0.3333, prints_as("0.333"), HOLDS),
    (0.3336, prints_as("0.333"), REFUTED),
    (Ball(arb(0.3335, 1e-6)), prints_as("0.333"), UNKNOWN),
    (np.array([0.1, 0.3]), prints_as("0.1"), REFUTED),
    # claims without a number in them, and numbers that are none
    ((), (), UNKNOWN),
    ([], (), UNKNOWN),
    (np.zeros(0), 5.0, UNKNOWN),
    (np.zeros((0, 3)), np.zeros((0, 3)), UNKNOWN),
    ((np.zeros(0), 1.0), (np.zeros(0), 1.0), UNKNOWN),
    ((np.zeros(0), 1.0), (np.zeros(0), 2.0), REFUTED),
    (Symbolic(np.zeros(0)), True, UNKNOWN),
    (Symbolic(np.zeros(0)), 5, UNKNOWN),
    (Ball(np.zeros(0)), 5, UNKNOWN),
    (Rational(np.zeros(0, dtype=int)), 5, UNKNOWN),
    (np.zeros(0), prints_as("0.1"), UNKNOWN),
    (Ball(arb("inf")), Ball(arb("inf")), UNKNOWN),
    (Ball(arb("nan")), Ball(arb("nan")), UNKNOWN),
    (Ball(arb("nan")), prints_as("0.1"), UNKNOWN),
    (Ball(2), np.array([2.0, 2.0]), REFUTED),
    (Symbolic(sp.oo), Symbolic(sp.oo), UNKNOWN),
    (Symbolic(sp.nan), Symbolic(sp.nan), UNKNOWN),
    (Tensor(sp.oo), Tensor(sp.oo), UNKNOWN),
    # a root is nonnegative, and may be 0
    (np.sign(np.sqrt(q)), 1, REFUTED),
    (np.sign(np.sqrt(a)), 1, HOLDS),
    (np.where(np.sqrt(q) > 0, a, b), a, REFUTED),
    (np.where(np.sqrt(q) >= 0, a, b), a, HOLDS),
    (np.abs(np.sqrt(q)), np.sqrt(q), HOLDS),
    (np.maximum(np.sqrt(q), 0), np.sqrt(q), HOLDS),
    (np.where(np.maximum(np.sqrt(q), 0) > 0, a, b), a, REFUTED),
    (np.sign(np.sqrt(q * a)), 1, REFUTED),
    (np.sign(np.sqrt(q) * np.sqrt(a)), 1, REFUTED),
    (np.sign(np.abs(x)), 1, REFUTED),
    (np.sqrt(q) > 0, True, REFUTED),
    (np.sqrt(q) >= 0, True, HOLDS),
    (np.where(deviation > 0, deviation, 1), deviation, REFUTED),
    (np.where(norm > 0, 1, 7), Tensor(1), UNKNOWN),
    (np.where(norm >= 0, 1, 7), Tensor(1), HOLDS),
    (np.sign(norm), 1, UNKNOWN),
    (np.where(norm * (1 + norm) > 0, generic, 0), generic, UNKNOWN),
    (np.maximum(norm, 0), norm, HOLDS),
]


@pytest.mark.parametrize(("got", "claimed", "verdict"), JUDGED, ids=[str(k) for k in range(len(JUDGED))])
def test_judge(got, claimed, verdict):
    assert judge(got, claimed).verdict is verdict


def test_printed_digits_are_an_interval():
    assert prints_as("-0.70") == Interval(Decimal("-0.705"), Decimal("-0.695"), shown="-0.70")
    assert prints_as("13").high == Decimal("13.5")


@pytest.mark.parametrize("value", [Differential(1), Running(1)])
def test_numbers_that_are_no_values_are_not_judged(value):
    with pytest.raises(TypeError, match="yield their derivatives or bounds"):
        judge(value, 1)


def test_a_softmax_does_not_depend_on_the_maximum_that_it_subtracts():
    logits = tensor("z", n)
    shifted = logits - np.max(logits, axis=0)
    assert judge(np.sum(np.exp(shifted)), np.sum(np.exp(logits))).verdict is not HOLDS
    assert judge(np.exp(shifted) / np.sum(np.exp(shifted)), np.exp(logits) / np.sum(np.exp(logits))).verdict is HOLDS


def test_a_refutation_carries_its_counterexample():
    detail = judge(a - b, b - a).detail
    assert "counterexample: a = " in detail
    assert "the difference is 2*(a - b)" in detail


# --- the runner --------------------------------------------------------------------------------------------------------------------


def piece(function, kind="proof", **options):
    return Evidence(("test.piece",), kind, "test", function, tuple(options.items()))


def test_no_claims_are_no_evidence():
    def silent(heavy_ball):
        yield from ()

    assert run_evidence(piece(silent)).verdict is UNKNOWN


def test_a_piece_that_holds_says_what_it_takes_for_granted():
    def divided(heavy_ball):
        yield x * (a - 3) / (a - 3), x

    def defined(heavy_ball):
        yield x * (a + 3) / (a + 3), x

    result = run_evidence(piece(divided))
    assert (result.verdict, result.detail) == (HOLDS, "where a - 3 ≠ 0")
    assert run_evidence(piece(defined)).detail == ""


def test_a_piece_that_raises_is_unknown():
    def broken(heavy_ball):
        yield 1, 1
        raise RuntimeError("no light")

    result = run_evidence(piece(broken))
    assert (result.verdict, result.raised) == (UNKNOWN, True)
    assert "RuntimeError: no light" in result.detail


def test_a_piece_goes_as_far_as_it_is_told():
    seen = []

    def counting(runs):
        seen.append(runs)
        yield runs, runs

    long = piece(counting, kind="statistics", quick={"runs": 2}, full={"runs": 200})
    assert run_evidence(long).verdict is run_evidence(long, full=True).verdict is HOLDS
    assert seen == [2, 200]


def test_a_cell_is_a_claim_and_says_where_it_stands():
    def table():
        yield TableCell(0.5, prints_as("0.50"), "row", "good")
        yield 1, 1
        yield TableCell(0.5, prints_as("0.51"), "row", "bad")

    figures = piece(table, kind="reproduction", table="Figures")
    assert run_evidence(figures).detail.startswith("claim row bad: ")
    assert [(cell.column, finding.verdict) for cell, finding in table_cells(figures)] == [("good", HOLDS), ("bad", REFUTED)]


def test_cells_without_a_title_are_refused():
    def untitled():
        yield TableCell(1, 1, "row", "column")

    with pytest.raises(ValueError, match="add table="):
        proof("an.id", scope="none")(untitled)


def test_the_first_refuted_claim_ends_a_piece():
    def half_right(heavy_ball):
        yield 1, 1
        yield 1, 2
        raise AssertionError("not reached")

    result = run_evidence(piece(half_right))
    assert result.verdict is REFUTED
    assert result.detail.startswith("claim 2: ")


def test_a_law_is_shrunk_to_the_simplest_counterexample():
    def adds_up(heavy_ball, theta: "Array", momentum: "Momentum"):
        yield theta * momentum, theta * 0

    result = run_evidence(piece(adds_up, "law", exact=True))
    assert result.verdict is REFUTED
    assert "momentum = 0.0625" in result.detail


def test_a_law_allows_rounding_and_nothing_more():
    def reordered(heavy_ball, theta: "Array", momentum: "Momentum"):
        yield (theta + momentum) - theta, momentum + 0 * theta

    def off_by_a_little(heavy_ball, theta: "Array", momentum: "Momentum"):
        yield (theta + momentum) * (1 + 2.0**-48), theta + momentum

    assert run_evidence(piece(reordered, "law")).verdict is HOLDS
    assert run_evidence(piece(reordered, "law", exact=True)).verdict is REFUTED
    assert run_evidence(piece(off_by_a_little, "law")).verdict is REFUTED


def test_a_law_about_empty_arrays_shows_nothing():
    def no_entries(heavy_ball, theta: "Array"):
        yield theta[..., :0] if np.ndim(theta) else np.zeros(0), theta[..., :0] if np.ndim(theta) else np.zeros(0)

    assert run_evidence(piece(no_entries, "law")).verdict is UNKNOWN


def test_a_law_without_examples_shows_nothing():
    def never(heavy_ball, theta: "Array"):
        yield Running(theta) / (0 * theta), theta

    def claims_nothing(heavy_ball, theta: "Array"):
        yield from ()

    assert run_evidence(piece(never, "law")).verdict is UNKNOWN
    assert run_evidence(piece(claims_nothing, "law")).verdict is UNKNOWN


def test_the_same_piece_meets_any_formula():
    def stale(theta, grad, velocity, *, lr, momentum):
        return theta + velocity, momentum * velocity - lr * grad

    assert run_evidence(EVIDENCE["momentum.velocity_is_the_last_step"], {"heavy_ball": stale}).verdict is REFUTED


def misprint(formula, changes):
    """An erratum that prints a formula with changes."""
    printed = PrintedFormula("misprint", formula, "It is printed wrong.", tuple(changes))
    return Erratum("E00", "momentum", (), "a", "b", "wrong", "machine", "2026-01-01", printed_formulas=(printed,))


def test_a_misprint_that_nothing_refutes_is_not_refuted():
    (harmless,) = printed_changes([misprint("optimizers.momentum.heavy_ball", [{"replace": {"theta + velocity": "velocity + theta"}}])])
    result = run_printed_form(harmless)
    assert result.verdict is HOLDS
    assert "no piece refutes it" in result.detail


@pytest.mark.parametrize(
    ("formula", "changes", "problem"),
    [
        ("optimizers.momentum.heavy_ball", [{"replace": {"lr * theta": "theta"}}], r"no lr \* theta in the program"),
        (
            "optimizers.momentum.heavy_ball",
            [{"replace": {"theta + A": "theta + A"}}],
            "the changes leave optimizers.momentum.heavy_ball as it is",
        ),
        ("optimizers.momentum.heavy_ball", [], "the changes leave optimizers.momentum.heavy_ball as it is"),
        ("optimizers.momentum", [{"replace": {"theta": "grad"}}], "there is no formula 'optimizers.momentum'"),
    ],
)
def test_changes_that_do_not_apply_or_change_nothing_are_errors(formula, changes, problem):
    with pytest.raises(ValueError, match=f"momentum.toml: E00: misprint: {problem}"):
        list(printed_changes([misprint(formula, changes)]))


def test_every_formula_that_the_catalogue_prints_wrong_is_a_printed_form():
    stated = {
        (erratum.id, f"{erratum.chapter}.{printed.name}") for erratum in catalogue().errata.values() for printed in erratum.printed_formulas
    }
    assert stated == {(form.id, form.name) for form in PRINTED_FORMS.values() if isinstance(form, PrintedChange)}


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match=r"momentum\.ascending_code is registered twice"):
        register_printed_form(PRINTED_FORMS["momentum.ascending_code"])


# --- verdicts ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def entry():
    return catalogue().entries["momentum.speedup_factor"]


def results(*verdicts):
    names = ["momentum.terminal_over_descent", "momentum.speedup_table"]
    return [EvidenceResult(name, verdict, "why", 0.0) for name, verdict in zip(names, verdicts, strict=False)]


def test_the_worst_piece_decides(entry):
    assert entry_verdict(entry, results(HOLDS, HOLDS)).verdict == "holds"
    assert entry_verdict(entry, results(HOLDS, UNKNOWN)).verdict == "unknown"
    assert entry_verdict(entry, results(UNKNOWN, REFUTED)).verdict == "refuted"


def test_thin_evidence_is_unknown(entry):
    assert entry_verdict(entry, results(HOLDS)).verdict == "unknown"
    assert entry_verdict(entry, []).verdict == "unknown"
    assert missing_evidence(entry, {"law", "certified"}) == "no machine-exact evidence: certified, law"
    assert missing_evidence(entry, {"law", "proof"}) == ""


def test_an_erratum_needs_its_printed_form_refuted_and_its_entries_to_hold():
    erratum = catalogue().errata["E40"]
    refuted, holding = (EvidenceResult("momentum.ascending_code", verdict, "", 0.0) for verdict in (REFUTED, HOLDS))
    assert erratum_verdict(erratum, [refuted], {"optimizers.momentum.lr_outside": "holds"}).verdict == "holds"
    assert erratum_verdict(erratum, [holding], {}).verdict == "refuted"
    assert erratum_verdict(erratum, [refuted], {"optimizers.momentum.lr_outside": "unknown"}).verdict == "unknown"
    assert erratum_verdict(erratum, [], {}).verdict == "unknown"


def test_a_broken_formula_would_be_seen():
    """The right heavy ball passes where the printed one fails, in every arithmetic that the pieces use."""
    wrong = PRINTED_FORMS["momentum.ascending_code"].function
    fates = {
        piece.kind: run_evidence(piece, {"heavy_ball_lr_outside": wrong}).verdict
        for piece in EVIDENCE.values()
        if "heavy_ball_lr_outside" in piece.formulas
    }
    assert {fates[kind] for kind in ("proof", "law", "derivative", "enumeration")} == {REFUTED}


def test_tensor_claims_are_for_every_size():
    assert isinstance(generic, Tensor)
    assert judge(np.mean(generic) * Tensor(n), np.sum(generic)).verdict is HOLDS
