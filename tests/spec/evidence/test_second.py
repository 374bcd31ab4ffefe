"""The second prover: true claims agree, false ones are refuted at a point, and what it does not have is a reason with a name."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from trainspec.spec.arithmetic import Ball, Finding, Rational, Undecided, Verdict, draws, modular
from trainspec.spec.arithmetic.ball import ball
from trainspec.spec.arithmetic.draws import Draw, Sizes
from trainspec.spec.arithmetic.modular import DRAW, Modular, function, partial, symbols, tensor
from trainspec.spec.arithmetic.terms import as_term
from trainspec.spec.evidence import EVIDENCE, Evidence, _run, _second, load, run_evidence
from trainspec.spec.evidence._second import DRAWS, ERROR, SYMPY, Opinion, opinion_on_claim, opinion_over_draws, second_opinion

load()


def opinion(claim):
    """The opinion on one claim, a function without arguments that returns got and claimed."""

    def claims():
        yield claim()

    return opinion_over_draws(claims, DRAWS[:7])


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
    "logarithm of a product": lambda: (np.log(real("p", positive=True) * real("q", positive=True)), np.log(real("p", positive=True)) + np.log(real("q", positive=True))),  # noqa: E501
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
    "a slope where a root is 0": lambda: (Modular(partial(np.sum(tensor("x", size()) * np.sign(np.sqrt(real("q", nonnegative=True)))), "x", size("i"))), 1),  # noqa: E501
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


# --- the tables of the arithmetic --------------------------------------------------------------------------------------------------

ARITY = dict.fromkeys(
    ("negative", "positive", "square", "reciprocal", "sqrt", "exp", "log", "tanh", "arctan", "erf", "sin", "cos", "absolute", "sign"), 1
)
ARITY |= dict.fromkeys(("add", "subtract", "multiply", "divide", "power", "floor_divide", "logaddexp", "maximum", "minimum"), 2)
RELATIONS = ("greater", "greater_equal", "less", "less_equal", "equal")
POINTS = ((0.75, 2.5), (2.5, 0.75), (1.5, 1.5))


def disagreement(name):
    """Whether an operation of Modular and of Ball differ at a point; of a negative number, too, where there is a value."""
    token = DRAW.set(Draw(0, Sizes(2, 3)))
    try:
        for values in (*POINTS, (-1.5, 2.0)):
            operands = values[: ARITY.get(name, 2)]
            try:
                expected = Ball.table[name](*map(ball, operands))
            except (Undecided, ZeroDivisionError):
                continue
            got = Modular.table[name](*map(as_term, operands))
            if name in RELATIONS:
                if (got.op == "relation" and DRAW.get().truth(got)) != expected:
                    return True
            elif got.op == "relation" or not DRAW.get().ball(got).overlaps(expected):
                return True
    finally:
        DRAW.reset(token)
    return False


@pytest.mark.parametrize("name", [name for name in Modular.table if name != "isfinite"])
def test_each_mutant_of_the_table_is_killed(name, monkeypatch):
    assert not disagreement(name)
    others = [other for other in Modular.table if (other in RELATIONS) == (name in RELATIONS)]
    others = [other for other in others if other not in (name, "isfinite") and ARITY.get(other, 2) == ARITY.get(name, 2)]
    survivors = []
    for other in others:
        with monkeypatch.context() as patch:
            patch.setitem(Modular.table, name, Modular.table[other])
            survivors += [] if disagreement(name) else [other]
    assert (survivors, len(others) > 3) == ([], True)


WRONG_DERIVATIVES = {
    "multiply": lambda term: [(term.args[0], term.args[1])],
    "divide": lambda term: [(term.args[0], 1 / term.args[1])],
    "power": lambda term: [(term.args[0], term.args[1] * term.args[0])],
    "exp": lambda term: [(term.args[0], term.args[0])],
    "log": lambda term: [(term.args[0], term)],
    "negative": lambda term: [(term.args[0], as_term(1))],
    "add": lambda term: [(term.args[0], as_term(1))],
}
SLOPES = {
    "multiply": lambda x, p: (x * x * 3 * p, 6 * x * p),
    "divide": lambda x, p: (p / (p + x**2), -2 * x * p / (p + x**2) ** 2),
    "power": lambda x, p: ((x + p) ** 4, 4 * (x + p) ** 3),
    "exp": lambda x, p: (np.exp(2 * x), 2 * np.exp(2 * x)),
    "log": lambda x, p: (np.log(p + x**2), 2 * x / (p + x**2)),
    "negative": lambda x, p: (p - x**3, -3 * x**2),
    "add": lambda x, p: (p + x + x**3, 1 + 3 * x**2),
}


@pytest.mark.parametrize("name", WRONG_DERIVATIVES)
def test_each_mutant_of_the_derivatives_is_killed(name, monkeypatch):
    def claim():
        x, p = real("x"), real("p", positive=True)
        got, claimed = SLOPES[name](x, p)
        return SYMPY.diff(got.item(), x.item()), claimed

    assert opinion(claim).opinion is Opinion.AGREES
    right = draws.partial_derivatives
    monkeypatch.setattr(draws, "partial_derivatives", lambda term: (WRONG_DERIVATIVES[name] if term.op == name else right)(term))
    assert opinion(claim).opinion is Opinion.REFUTES


FIELD_MUTANTS = {
    "root of a product": ("power", lambda base, exponent, level: base),
    "exponential": ("exponential", lambda exponents, level: exponents),
    "logarithm of a product": ("logarithm", lambda values, level: values),
    "slope of an unknown function": ("scramble", lambda values, level, name: np.arange(len(values))),
    "tanh": ("inverse", lambda values, level: values),
}


@pytest.mark.parametrize("name", FIELD_MUTANTS)
def test_a_broken_field_does_not_agree(name, monkeypatch):
    function, broken = FIELD_MUTANTS[name]
    monkeypatch.setattr(draws.fields, function, broken)
    result = opinion(TRUE[name])
    assert (result.opinion is Opinion.AGREES) == (function == "scramble")  # any function is as unknown as another
