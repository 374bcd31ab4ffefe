"""The second prover: true claims agree, false ones are refuted at a point, and what it does not have is a reason with a name."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from flint import ctx
from trainspec.spec.arithmetic import Finding, Rational, Verdict, modular
from trainspec.spec.arithmetic.draws import Draw, Sizes
from trainspec.spec.arithmetic.modular import DRAW, Modular, function, partial, symbols, tensor
from trainspec.spec.arithmetic.terms import Budget
from trainspec.spec.evidence import EVIDENCE, Evidence, _run, _second, load, run_evidence
from trainspec.spec.evidence._second import BITS, DRAWS, ERROR, SYMPY, Opinion, opinion_on_claim, second_opinion, summarize

load()


def opinion(claim):
    """The opinion on one claim, a function without arguments that returns got and claimed, over all draws."""
    opinions = []
    for seed, sizes in enumerate(DRAWS[:6]):
        token = DRAW.set(Draw(seed, sizes))
        Budget.start(100_000)
        try:
            with ctx.workprec(BITS):
                opinions.append(opinion_on_claim(*claim(), DRAW.get()))
        except (_second.Undecided, np.linalg.LinAlgError):
            opinions.append(_second.ClaimOpinion(Opinion.NOT_APPLICABLE, _second.NO_POINT))
        except _second.NotApplicable as missing:
            opinions.append(_second.ClaimOpinion(Opinion.NOT_APPLICABLE, str(missing)))
        finally:
            DRAW.reset(token)
        if opinions[-1].opinion is Opinion.REFUTES:
            return opinions[-1]
    return summarize({1: opinions[:1] + opinions[2:3]})


def norm(x):
    return np.sqrt(np.sum(x**2))


def real(names, **assumptions):
    return symbols(names, **assumptions)


def size(name="n"):
    return SYMPY.Symbol(name, integer=True, positive=True)


def softmax(z):
    return np.exp(z - np.max(z)) / np.sum(np.exp(z - np.max(z)))


def log_sum_exp(z, back=True):
    return np.log(np.sum(np.exp(z - np.max(z)))) + (np.max(z) if back else 0)


TRUE = {
    "square": lambda: ((real("x") + 1) ** 2, real("x") ** 2 + 2 * real("x") + 1),
    "root of a product": lambda: (np.sqrt(real("p", positive=True) * real("q", positive=True) ** 2), np.sqrt(real("p", positive=True)) * real("q", positive=True)),  # noqa: E501
    "root of a square": lambda: (np.sqrt(real("x") ** 2), np.abs(real("x"))),
    "exponential": lambda: (np.exp(real("x") + real("y")), np.exp(real("x")) * np.exp(real("y"))),
    "logarithm": lambda: (np.log(np.exp(real("x")) * (1 + np.exp(-real("x")))), np.log(1 + np.exp(real("x")))),
    "tanh": lambda: (np.tanh(real("x")), 1 - 2 / (np.exp(2 * real("x")) + 1)),
    "power": lambda: (real("p", positive=True) ** real("x") * real("p", positive=True) ** real("y"), real("p", positive=True) ** (real("x") + real("y"))),  # noqa: E501
    "maximum": lambda: (np.maximum(real("x"), real("y")) + np.minimum(real("x"), real("y")), real("x") + real("y")),
    "unknown function": lambda: (function("f")(real("x") + 1), function("f")(1 + real("x"))),
    "mean": lambda: (np.mean(tensor("x", size()) - np.mean(tensor("x", size()))), 0),
    "softmax": lambda: (Modular(partial(log_sum_exp(tensor("z", size())), "z", size("i"))), Modular(softmax(tensor("z", size())).at(size("i")))),  # noqa: E501
    "sum to n + 1": lambda: (SYMPY.Sum(size("i"), (size("i"), 1, size())), size() * (size() + 1) / 2),
    "double sum": lambda: (SYMPY.Sum(SYMPY.Sum(size("j"), (size("j"), 1, size("i"))), (size("i"), 1, size())), size() * (size() + 1) * (size() + 2) / 6),  # noqa: E501
    "solution": lambda: (np.linalg.solve(symbols("a", 2, 2), symbols("a", 2, 2) @ symbols("b", 2)), symbols("b", 2)),
    "slope of an unknown function": lambda: (SYMPY.diff(function("f")(real("x") ** 2).item(), real("x").item()), 2 * real("x") * SYMPY.diff(SYMPY.Function("f")(real("u").item()), real("u").item()).subs(real("u").item(), (real("x") ** 2).item())),  # noqa: E501
}  # fmt: skip

# what the first prover once held although it is false, and others of these kinds
FALSE = {
    "a root is positive": lambda: (np.sign(np.sqrt(real("q", nonnegative=True))), 1),
    "a choice by a root": lambda: (np.where(np.sqrt(real("q", nonnegative=True)) > 0, real("a"), real("b")), real("a")),
    "a norm is positive": lambda: (np.where(norm(tensor("v", size())) > 0, 1, 7) + 0 * norm(tensor("v", size())), 1),
    "a guarded deviation": lambda: (np.where(norm(tensor("x", size())) > 0, norm(tensor("x", size())), 1), norm(tensor("x", size()))),
    "a shift reaches a derivative": lambda: (Modular(partial(np.max(tensor("x", size())) ** 2, "x", size("i"))), 0),
    "a maximum that is not added": lambda: (Modular(partial(log_sum_exp(tensor("z", size()), back=False), "z", size("i"))), Modular(softmax(tensor("z", size())).at(size("i")))),  # noqa: E501
    "columns of the identity": lambda: (SYMPY.Sum(SYMPY.KroneckerDelta(size("i"), size("j")), (size("i"), 1, 1)) + 0 * size("m"), 1),
    "a shape that is lost": lambda: (np.sum(np.where(real("p", positive=True) > 0, 1 + 0 * tensor("x", size()), 0)), 1),
    "no results": lambda: ((), ()),
    "other shapes": lambda: (symbols("x", 2), symbols("x", 3)),
    "the sign of a root": lambda: (np.sqrt(real("p", positive=True) * real("q", positive=True)), -np.sqrt(real("p", positive=True)) * np.sqrt(real("q", positive=True))),  # noqa: E501
    "a square root of a square": lambda: (np.sqrt(real("x") ** 2), real("x")),
    "a logarithm of a sum": lambda: (np.log(real("p", positive=True) + 1), np.log(real("p", positive=True)) + 1),
    "an unknown function is even": lambda: (function("f")(real("x")), function("f")(-real("x"))),
    "equal sizes": lambda: (size("m") - size("n"), 0),
    "off by a tiny number": lambda: (real("x") * Fraction(2**60 + 1, 2**60), real("x")),
    "an inequality": lambda: (real("x") > 0, True),
}  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_a_true_claim_agrees(name):
    result = opinion(TRUE[name])
    assert result.opinion is Opinion.AGREES, result
    assert result.error <= ERROR


@pytest.mark.parametrize("name", FALSE)
def test_a_false_claim_is_refuted(name):
    assert opinion(FALSE[name]).opinion is Opinion.REFUTES


REASONS = {
    "a limit": lambda: (SYMPY.oo, 0),
    _second.INEQUALITY: lambda: (real("x") ** 2 >= 0, True),
    _second.BEYOND_FIELDS: lambda: (np.sin(real("x") + real("x")), 2 * np.sin(real("x")) * np.cos(real("x"))),
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_has_a_name(reason):
    result = opinion(REASONS[reason])
    assert (result.opinion, result.detail) == (Opinion.NOT_APPLICABLE, reason)


def test_what_sympy_alone_has_is_named():
    with pytest.raises(_second.NotApplicable, match="an integral"):
        SYMPY.integrate(real("x").item())
    with pytest.raises(_second.NotApplicable, match="the method as_poly of an expression"):
        real("x").item().as_poly()


def test_the_error_grows_with_the_degree_and_falls_with_the_points():
    draw = Draw(0, Sizes(2, 3))
    token = DRAW.set(draw)
    try:
        x = symbols("x").item()
        errors = [_second.log_error(x**degree - x, draw, 32, zeros) for degree in (2, 2**20) for zeros in (16, 32)]
    finally:
        DRAW.reset(token)
    assert errors[1] < errors[0] < errors[2] < 0
    assert errors[1] == pytest.approx(32 * (math.log2(6) - math.log2(_second.PRIMES[_second.LEVEL])), abs=8)


# --- pieces ------------------------------------------------------------------------------------------------------------------------


def test_the_second_prover_uses_nothing_of_sympy(monkeypatch):
    piece = EVIDENCE["normalization.gradients_of_batch_norm"]
    formulas = {name: _second.importlib.import_module("trainspec.reference.normalization").__dict__[name].raw for name in piece.formulas}

    def refuse(*args, **kwargs):
        raise AssertionError("an expression of SymPy was made")

    for kind in (sp.Symbol, sp.Add, sp.Mul, sp.Pow, sp.Sum, sp.Integer):
        monkeypatch.setattr(kind, "__new__", refuse)
    assert second_opinion(piece, formulas).opinion is Opinion.AGREES


def test_engines_of_a_verdict():
    both = run_evidence(EVIDENCE["sign.lion_by_its_sign"])
    assert (both.engines, both.alone) == (("SymPy", "Modular"), "")
    one = run_evidence(EVIDENCE["sign.distances_from_the_ends_of_the_box"])
    assert one.engines == ("SymPy",)
    assert one.alone.endswith(_second.INEQUALITY)


def test_a_disagreement_is_unknown_and_loud(monkeypatch):
    """A first prover that holds everything is contradicted by the second one."""
    monkeypatch.setattr(_run, "judge", lambda got, claimed: Finding(Verdict.HOLDS))
    piece = EVIDENCE["sign.lion_by_its_sign"]
    result = run_evidence(piece, {"lion": lambda theta, grad, mean, *, lr, beta1, beta2, weight_decay=0: (theta, mean)})
    assert result.verdict is Verdict.UNKNOWN
    assert "THE TWO PROVERS DISAGREE" in result.detail
    assert result.engines == ("SymPy",)


def test_a_piece_outside_of_the_chapters_has_a_reason():
    def claims():
        yield symbols("x"), symbols("x")

    assert second_opinion(Evidence(("x",), "proof", "", claims), {}).opinion is Opinion.NOT_APPLICABLE


def test_whole_numbers_and_fractions_are_compared_exactly():
    draw = Draw(0, Sizes(2, 3))
    assert opinion_on_claim((1, Rational(2)), (1, 2), draw).opinion is Opinion.AGREES
    assert opinion_on_claim((1, Rational(2)), (1, 3), draw).opinion is Opinion.REFUTES


def test_arrays_of_drawn_sizes():
    token = DRAW.set(Draw(0, Sizes(2, 3)))
    try:
        x = tensor("x", size(), 1)
        assert x.shape[1] == 1
        assert 2 <= x.shape[0] <= 3
        assert x.sizes == x.T.sizes[::-1]
        with pytest.raises(_second.NotApplicable, match="entries"):
            modular.tensor("x", 100, 100)
    finally:
        DRAW.reset(token)
