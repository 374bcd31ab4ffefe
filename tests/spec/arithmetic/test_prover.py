"""The prover: what holds is proven, what is refuted has a counterexample, and everything else is unknown."""

import inspect
import textwrap

import numpy as np
import pytest
import sympy as sp
from flint import arb, ctx
from trainspec.spec.arithmetic import Refused, Tensor, Verdict, partial, proven_true, proven_zero, symbols, tensor
from trainspec.spec.arithmetic.prover import TO_UFUNC, as_ball, normal, samples
from trainspec.spec.arithmetic.tensors import Label
from trainspec.spec.evidence import judge

from . import layers

pytestmark = pytest.mark.sampled(2)

M, N, K = sp.symbols("m n k", integer=True, positive=True)
P, Q = sp.symbols("p q", integer=True, positive=True)
L, J, T = (
    sp.Symbol("i", integer=True, positive=True),
    sp.Symbol("j", integer=True, positive=True),
    sp.Symbol("t", integer=True, positive=True),
)
X, W = (sp.IndexedBase(name, real=True) for name in "xw")
A, B, C = sp.symbols("a b c", real=True)
POSITIVE = sp.symbols("u v", positive=True)
NEGATIVE = sp.Symbol("minus", negative=True)
HOLDS, REFUTED, UNKNOWN = Verdict

x, gamma, beta, dy = tensor("x", M, K), tensor("gamma", K), tensor("beta", K), tensor("dy", M, K)
z, y = tensor("z", M, K), tensor("y", M, K)
inputs, weights, bias, dout = tensor("inputs", M, N), tensor("weights", N, K), tensor("bias", K), tensor("dout", M, K)
delta = Tensor(sp.Symbol("delta", positive=True))


def worst(*verdicts):
    return next((v for v in (REFUTED, UNKNOWN) if v in verdicts), HOLDS)


def batchnorm_claims(made):
    """The gradients of the forward formula, entry by entry."""
    loss = np.sum(dy * made.batchnorm(x, gamma, beta, delta))
    dx, dgamma, dbeta = made.batchnorm_backward(x, gamma, delta, dy)
    yield partial(loss, "x", P, Q) - dx.at(P, Q)
    yield partial(loss, "gamma", Q) - dgamma.at(Q)
    yield partial(loss, "beta", Q) - dbeta.at(Q)


def dense_claims(made):
    loss = np.sum(dout * made.dense(inputs, weights, bias))
    dx, dw, db = made.dense_backward(inputs, weights, dout)
    yield partial(loss, "inputs", P, Q) - dx.at(P, Q)
    yield partial(loss, "weights", P, Q) - dw.at(P, Q)
    yield partial(loss, "bias", Q) - db.at(Q)


def labels_sum_to_one(expression):
    """The last label is what the others leave over: Σ y = 1."""
    return normal(expression).replace(
        lambda e: isinstance(e, sp.Sum) and len(e.limits) == 1 and e.function == sp.IndexedBase("y", real=True)[P, e.limits[0][0]],
        lambda e: sp.Integer(1),
    )


def softmax_claims(made):
    loss = made.cross_entropy(z, y)
    yield labels_sum_to_one(partial(loss, "z", P, Q) - made.cross_entropy_gradient(z, y).at(P, Q))


def shift_obligations(made):
    """The softmax does not depend on the number that it subtracts; neither does the loss, nor the derivative of either."""
    yield made.softmax(z), np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    yield made.cross_entropy(z, y), -np.sum(y * (z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))))


CLAIMS = {"batchnorm": batchnorm_claims, "dense": dense_claims, "softmax": softmax_claims}


@pytest.mark.parametrize("name", CLAIMS)
def test_backward_formulas_are_proven_for_every_size(name):
    assert [proven_zero(claim).verdict for claim in CLAIMS[name](layers)] == [HOLDS] * (1 if name == "softmax" else 3)


def test_the_judge_proves_them_as_tensors():
    dw = layers.dense_backward(inputs, weights, dout)[1]
    slope = partial(np.sum(dout * layers.dense(inputs, weights, bias)), "weights", *(i for i, _ in dw.axes))
    assert judge(dw, Tensor(slope, dw.axes)).verdict is HOLDS
    assert judge(dw * 2, Tensor(slope, dw.axes)).verdict is REFUTED
    assert judge(np.transpose(dw), Tensor(slope, dw.axes)).verdict is REFUTED


def test_the_cross_entropy_gradient_needs_labels_that_sum_to_one():
    claim = partial(layers.cross_entropy(z, y), "z", P, Q) - layers.cross_entropy_gradient(z, y).at(P, Q)
    assert proven_zero(claim).verdict is not HOLDS


@pytest.mark.parametrize("pair", [*shift_obligations(layers)], ids=["softmax", "cross_entropy"])
def test_the_right_softmax_does_not_depend_on_its_shift(pair):
    assert judge(*pair).verdict is HOLDS


# --- source mutants ----------------------------------------------------------------------------------------------------------------

SOURCE_MUTANTS = {
    "batchnorm": [
        ("(dy - np.mean(dy, axis=0)", "(dy + np.mean(dy, axis=0)"),
        ("(dy - np.mean(dy, axis=0)", "(dy - np.sum(dy, axis=0)"),
        ("- scaled * np.mean(dy * scaled, axis=0)", "- scaled * np.mean(dy, axis=0)"),
        ("- scaled * np.mean(dy * scaled, axis=0)", ""),
        ("gamma / spread * (dy", "gamma * spread * (dy"),
        ("np.sum(dy * scaled, axis=0), np.sum", "np.mean(dy * scaled, axis=0), np.sum"),
        ("np.sum(dy, axis=0)\n    return gamma", "np.mean(dy, axis=0)\n    return gamma"),
        ("np.mean((x - mean) ** 2, axis=0) + delta)\n    scaled", "np.mean((x - mean) ** 2, axis=0))\n    scaled"),
        ("np.sqrt(variance + delta)", "(np.sqrt(variance) + delta)"),
        ("scaled = (x - mean) / spread", "scaled = x / spread"),
    ],
    "dense": [
        ("dy @ np.transpose(w)", "2 * dy @ np.transpose(w)"),
        ("np.transpose(x) @ dy", "np.transpose(x) @ (dy - np.mean(dy, axis=0))"),
        ("np.sum(dy, axis=0)\n\n\ndef softmax", "np.mean(dy, axis=0)\n\n\ndef softmax"),
        ("x @ w + b", "x @ w - b"),
        ("x @ w + b", "2 * (x @ w) + b"),
    ],
    "softmax": [
        ("softmax(z) - y", "softmax(z) + y"),
        ("softmax(z) - y", "y - softmax(z)"),
        ("softmax(z) - y", "(softmax(z) - y) / np.shape(z)[0]"),
        ("return -np.sum(y *", "return -np.mean(y *"),
        ("np.log(np.sum(np.exp(shifted)", "np.log(np.mean(np.exp(shifted)) + np.sum(np.exp(shifted)"),
        ("powers / np.sum(powers, axis=1, keepdims=True)", "powers / np.sum(powers)"),
        ("y * (shifted - np.log", "y * (2 * shifted - np.log"),
    ],
}
FORGOTTEN_SHIFTS = [
    (
        "powers = np.exp(z - np.max(z, axis=1, keepdims=True))\n    return powers /",
        "powers = np.exp(z - np.max(z, axis=1, keepdims=True))\n    return np.exp(z) /",
    ),
    ("return powers / np.sum(powers,", "return powers / np.sum(np.exp(z),"),
    ("y * (shifted - np.log", "y * (z - np.log"),
    ("np.log(np.sum(np.exp(shifted)", "np.log(np.sum(np.exp(z)"),
]


def mutated(old, new):
    """The layers with one change in their source, which must occur."""
    source = inspect.getsource(layers)
    assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
    space = {}
    exec(compile(textwrap.dedent(source.replace(old, new)), "mutant", "exec"), space)  # the source is this folder's own
    return type("Mutant", (), {name: staticmethod(value) for name, value in space.items() if inspect.isfunction(value)})


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("name", "old", "new"), [(name, *pair) for name, pairs in SOURCE_MUTANTS.items() for pair in pairs])
def test_a_mutant_of_the_source_is_never_proven(name, old, new):
    assert any(proven_zero(claim).verdict is not HOLDS for claim in CLAIMS[name](mutated(old, new)))


@pytest.mark.parametrize(("old", "new"), FORGOTTEN_SHIFTS)
def test_a_forgotten_shift_is_not_accepted(old, new):
    """Such a value has a maximum in it, and so has its derivative."""
    made = mutated(old, new)
    assert worst(*(judge(*pair).verdict for pair in shift_obligations(made))) is not HOLDS
    if "shifted" in old:
        assert any(proven_zero(claim).verdict is not HOLDS for claim in softmax_claims(made))


LOGITS = tensor("z", N)
SHIFTED = np.log(np.sum(np.exp(LOGITS - np.max(LOGITS))))
SHARES = np.exp(LOGITS) / np.sum(np.exp(LOGITS))
OF_MAXIMA = {
    "itself": (np.max(LOGITS), np.max(LOGITS + 0), True),
    "another name": (np.max(z, axis=1), np.transpose(np.max(np.transpose(z), axis=0)), True),
    "a minimum": (np.min(LOGITS), -np.max(-LOGITS), True),
    "maximum and minimum": (np.max(LOGITS), np.min(LOGITS), False),
    "of another axis": (np.sum(np.max(z, axis=1)), np.sum(np.max(z, axis=0)), False),
    "of an array and of its double": (np.max(LOGITS), np.max(2 * LOGITS), False),
    "of a square": (Tensor(partial(np.max(LOGITS) ** 2, "z", P)), Tensor(0), False),
    "its derivative": (Tensor(partial(np.max(LOGITS), "z", P)), Tensor(1), False),
    "subtracted and added": (Tensor(partial(SHIFTED + np.max(LOGITS), "z", P)), Tensor(SHARES.at(P)), True),
    "not added": (Tensor(partial(SHIFTED, "z", P)), Tensor(SHARES.at(P)), False),
    "inside a modulus": (Tensor(partial(np.abs(np.max(LOGITS)), "z", P)), Tensor(0), False),
    "one derived from it": (Tensor(partial(np.sum(np.exp(LOGITS - np.max(LOGITS))), "z", P)), Tensor(sp.exp(LOGITS.at(P))), False),
}


@pytest.mark.parametrize("name", OF_MAXIMA)
def test_a_maximum_is_a_number_that_depends_on_its_array(name):
    got, claimed, true = OF_MAXIMA[name]
    assert (judge(got, claimed).verdict is HOLDS) is true


def test_a_false_claim_about_a_maximum_has_a_counterexample():
    assert judge(np.max(LOGITS), np.min(LOGITS)).verdict is REFUTED
    assert judge(np.sum(np.max(z, axis=1)), np.sum(np.max(z, axis=0))).verdict is REFUTED


def test_a_second_derivative_of_a_maximum_is_refused():
    with pytest.raises(Refused, match="second derivative"):
        sp.diff(partial(np.max(LOGITS), "z", P), LOGITS.at(Q))


# --- ranges, and decided conditions --------------------------------------------------------------------------------------------------


def identity(rows, columns):
    """The matrix of 1 where the number of the row is that of the column."""
    equal = np.equal(np.expand_dims(np.cumsum(np.ones_like(rows)), 1), np.cumsum(np.ones_like(columns)))
    return np.where(equal, 1, 0)


LONG, WIDE = tensor("a", M), tensor("b", N)
OF_RANGES = {
    "columns of a square": (np.sum(identity(LONG, LONG), axis=0), 1, True),
    "columns of a rectangle": (np.sum(identity(LONG, WIDE), axis=0), 1, False),
    "rows of a rectangle": (np.sum(identity(LONG, WIDE), axis=1), 1, False),
    "a square times a vector": (identity(LONG, LONG) @ LONG, LONG, True),
    "the trace": (np.sum(identity(LONG, LONG)), Tensor(M), True),
    "all of a rectangle": (np.sum(identity(LONG, WIDE)), Tensor(M), False),
    "as many as hold": (np.sum(np.where(LONG**2 >= 0, 1, 0)), Tensor(M), True),
    "one that holds": (np.sum(np.where(LONG**2 >= 0, 1, 0)), 1, False),
    "a mean of ones": (np.mean(np.where(LONG**2 >= 0, 1, 0)), 1, True),
    "a condition": (LONG**2 >= 0, True, True),
    "another condition": (LONG > 0, True, False),
}


@pytest.mark.parametrize("name", OF_RANGES)
def test_an_index_has_a_range_and_a_condition_a_shape(name):
    got, claimed, true = OF_RANGES[name]
    assert (judge(got, claimed).verdict is HOLDS) is true


# --- identities of sums ------------------------------------------------------------------------------------------------------------

KD = sp.KroneckerDelta
RUNNING = np.cumsum(tensor("x", N))
TRUE = {
    "a contraction": sp.Sum(KD(L, P) * X[L], (L, 1, N)) - X[P],
    "within the last term": sp.Sum(KD(L, N) * X[L], (L, 1, N)) - X[N],
    "beyond the last term": sp.Sum(KD(L, T + 1) * X[L], (L, 1, T)),
    "an index renamed": sp.Sum(X[L] ** 2, (L, 1, N)) - sp.Sum(X[J] ** 2, (J, 1, N)),
    "a product of sums": sp.Sum(X[L], (L, 1, N)) * sp.Sum(W[L], (L, 1, N)) - sp.Sum(sp.Sum(X[L] * W[J], (L, 1, N)), (J, 1, N)),
    "a last term": sp.Sum(X[L], (L, 1, T + 1)) - sp.Sum(X[L], (L, 1, T)) - X[T + 1],
    "two last terms": sp.Sum(X[L], (L, 1, T + 2)) - sp.Sum(X[L], (L, 1, T)) - X[T + 1] - X[T + 2],
    "a constant": sp.Sum(A, (L, 1, N)) - A * N,
    "from 0": sp.Sum(A, (L, 0, N)) - A * (N + 1),
    "written out": sp.Sum(X[L] * L, (L, 1, 3)) - X[1] - 2 * X[2] - 3 * X[3],
    "a triangle": sp.Sum(W[L] * sp.Sum(X[J], (J, 1, L)), (L, 1, N)) - sp.Sum(W[P] * sp.Sum(X[Q], (Q, 1, P)), (P, 1, N)),
    "roots": sp.sqrt(POSITIVE[0]) * sp.sqrt(POSITIVE[0] + 1) / (POSITIVE[0] + 1) - sp.sqrt(POSITIVE[0]) / sp.sqrt(POSITIVE[0] + 1),
    "a modulus": sp.Abs(A) ** 2 - A**2,
    "a maximum": sp.Max(A * B, 0) ** 2 - sp.Max(0, A * B) * sp.Max(A * B, 0),
    "a choice": sp.Piecewise((A, A > 0), (B, True)) ** 2 - sp.Piecewise((A**2, A > 0), (B**2, True)),
    "exponentials": sp.exp(A) * sp.exp(B) - sp.exp(A + B),
    "an exponential of a sum": sp.Sum(A * sp.exp(sp.Sum(X[L], (L, 1, N)) + B), (J, 1, M))
    - M * A * sp.exp(B) * sp.exp(sp.Sum(X[J], (J, 1, N))),
}
FALSE = {
    "a running sum's derivative": partial(np.sum(tensor("w", N) * RUNNING), "x", P) - np.sum(tensor("w", N)).element,
    "a running sum's own derivative": sp.diff(RUNNING.at(P), X[Q]) - 1,
    "a delta in an exponent": sp.Sum(sp.exp(KD(L, P)), (L, 1, N)) - sp.E,
    "a delta beyond the range": sp.Sum(KD(L, T + 1) * X[L], (L, 1, T)) - X[T + 1],
    "a delta below the range": sp.Sum(KD(L, P - 1), (L, 1, N)) - 1,
    "a delta at the last term": sp.Sum(KD(L, P) * X[L], (L, 1, N + 1)) - X[P] - KD(N + 1, P) * X[N + 1],
    "a delta of two ranges": sp.Sum(sp.Sum(KD(L, J), (J, 1, N)), (L, 1, M)) - M,
    "a triangle and a square": sp.Sum(W[L] * sp.Sum(X[J], (J, 1, L)), (L, 1, N)) - sp.Sum(W[L] * sp.Sum(X[J], (J, 1, N)), (L, 1, N)),
    "a triangle and a row": sp.Sum(W[L] * sp.Sum(X[J], (J, 1, L)), (L, 1, N)) - sp.Sum(W[Q] * sp.Sum(X[J], (J, 1, L)), (Q, 1, N)),
    "a sum and a symbol of any name": sp.Sum(X[L], (L, 1, N)) - sp.Symbol("S0"),
    "a sum of squares": sp.Sum(X[L], (L, 1, N)) ** 2 - sp.Sum(X[L] ** 2, (L, 1, N)),
    "two arrays": sp.Sum(X[L], (L, 1, N)) - sp.Sum(W[L], (L, 1, N)),
    "one term too many": sp.Sum(X[L], (L, 1, T + 1)) - sp.Sum(X[L], (L, 1, T)),
    "a root of a square": sp.sqrt(A**2) - A,
    "roots of a product": sp.sqrt(A * B) - sp.sqrt(A) * sp.sqrt(B),
    "one branch only": sp.Piecewise((0, A > 0), (1, True)),
    "a maximum of one": sp.Max(A, B) - A,
    "a coefficient": 2 * A - 3 * A,
    "a constant": sp.Integer(1),
    "almost": A + sp.Rational(1, 10**30) - A,
}


# entries picked by labels 1 … N, whichever they are
PICKED, OTHER, SHORT = Label(A, L, N), Label(B, L, N), Label(A, L, M)
BY_LABEL = {
    "an entry": (sp.Sum(KD(J, PICKED) * X[J], (J, 1, N)) - X[PICKED], True),
    "one entry for each": (sp.Sum(sp.Sum(KD(J, PICKED), (J, 1, N)), (L, 1, M)) - M, True),
    "two labels": (sp.Sum(KD(J, PICKED) * X[J], (J, 1, N)) - X[OTHER], False),
    "two places": (X[PICKED] - X[PICKED.subs(L, P)], False),
    "a label of another range": (sp.Sum(KD(J, SHORT) * X[J], (J, 1, N)) - X[SHORT], False),
    "the first entry": (sp.Sum(KD(J, PICKED) * X[J], (J, 1, N)) - X[1], False),
}


@pytest.mark.parametrize("name", BY_LABEL)
def test_labels_are_any_indices_within_their_range(name):
    expression, true = BY_LABEL[name]
    assert (proven_zero(expression).verdict is HOLDS) is true


def test_a_false_claim_about_labels_has_a_counterexample():
    assert proven_zero(sp.Sum(KD(J, PICKED) * X[J], (J, 1, N)) + X[PICKED]).verdict is Verdict.REFUTED


@pytest.mark.parametrize("name", TRUE)
def test_an_identity_is_proven(name):
    assert proven_zero(TRUE[name]).verdict is HOLDS


@pytest.mark.parametrize("name", FALSE)
def test_a_false_identity_is_never_proven(name):
    assert proven_zero(FALSE[name]).verdict is not HOLDS


@pytest.mark.parametrize("name", TRUE)
def test_the_normal_form_has_the_same_values(name):
    """At sizes and entries put in by hand, within the range of every index."""
    at = {N: 4, M: 3, P: 2, Q: 3, T: 3, A: sp.Rational(2, 3), B: -2, POSITIVE[0]: 3}
    before, after = (sp.simplify(e.subs(at).doit()) for e in (TRUE[name], normal(TRUE[name])))
    assert sp.simplify(before - after) == 0


@pytest.mark.parametrize(
    "name", ["a coefficient", "two arrays", "one term too many", "a maximum of one", "a root of a square", "a sum of squares"]
)
def test_a_refuted_identity_carries_a_counterexample(name):
    finding = proven_zero(FALSE[name])
    assert finding.verdict is REFUTED
    assert violates(finding.detail, FALSE[name])


def violates(detail, expression):
    """Whether the values named in a finding make the expression differ from 0, by SymPy's own numbers; entries of arrays stay symbols."""
    named = {str(s): s for s in expression.free_symbols}
    pairs = (pair.split(" = ") for pair in detail.removeprefix("counterexample: ").split(", "))
    return sp.simplify(expression.subs({named[key]: sp.Rational(value) for key, value in pairs}).doit()) != 0


def test_a_true_claim_beyond_the_prover_is_unknown():
    telescope = sp.Sum(1 / (L * (L + 1)), (L, 1, N)) - N / (N + 1)
    incompatible_cases = sp.Max(A, B) + sp.Min(A, B) - A - B
    assert proven_zero(telescope).verdict is UNKNOWN
    assert proven_zero(incompatible_cases).verdict is UNKNOWN


# --- relations ---------------------------------------------------------------------------------------------------------------------

U, V = POSITIVE


@pytest.mark.parametrize(
    ("relation", "verdict"),
    [
        (sp.Gt(U + V, 0), HOLDS),
        (sp.Ge(A**2 + B**2 - 2 * A * B, 0), HOLDS),
        (sp.Gt(A**2 + B**2 - 2 * A * B, 0), REFUTED),  # false, but only where a = b
        (sp.Gt((A - 1) ** 2, 0), REFUTED),
        (sp.Ge((A - 1) ** 2, 0), HOLDS),
        (sp.Lt(U / (U + 1), 1), HOLDS),
        (sp.Le(U / (U + 1), sp.Rational(1, 2)), REFUTED),
        (sp.Lt(-U, V), HOLDS),
        (sp.Lt(A, A + 1), HOLDS),
        (sp.Lt(sp.exp(NEGATIVE), 1), UNKNOWN),  # true; not to be refuted by a positive sample
        (sp.Gt(sp.Sum(X[L] ** 2, (L, 1, N)) - X[P] ** 2 + 1, 0), UNKNOWN),  # true for indices within the range
        (sp.Gt(NEGATIVE, -(10**6)), UNKNOWN),
        (sp.true, HOLDS),
        (True, HOLDS),
        (sp.false, REFUTED),
        (1, UNKNOWN),
        (sp.Eq(A, B), UNKNOWN),
    ],
    ids=str,
)
def test_relations(relation, verdict):
    assert proven_true(relation).verdict is verdict


def test_a_refuted_relation_carries_a_counterexample():
    relation = sp.Le(U / (U + 1), sp.Rational(1, 2))
    value = proven_true(relation).detail.removeprefix("counterexample: u = ")
    assert relation.subs(U, sp.Rational(value)) == sp.false


def test_a_momentum_is_sampled_below_one():
    mu, free = symbols("mu", below_one=True, nonnegative=True).item(), symbols("mu", nonnegative=True).item()
    assert proven_true(sp.Gt(1 - mu**3, 0)).verdict is UNKNOWN  # proofs do not use that it is below 1
    assert proven_true(sp.Gt(1 - free**3, 0)).verdict is REFUTED
    assert all(0 <= values[mu] < 1 for values in samples(mu + 1))


ASSUMPTIONS = [
    {"negative": True},
    {"nonpositive": True},
    {"positive": True},
    {"nonnegative": True},
    {"integer": True, "negative": True},
    {"integer": True, "nonzero": True},
    {"integer": True, "even": True},
    {"prime": True},
    {"real": True, "nonzero": True},
    {"irrational": True},
    {"integer": True, "positive": True},
]


@pytest.mark.parametrize("assumptions", ASSUMPTIONS, ids=str)
def test_samples_respect_the_assumptions(assumptions):
    s = sp.Symbol("s", **assumptions)
    drawn = [values[s] for values in samples(s + A)]
    assert bool(drawn) is ("irrational" not in assumptions)
    assert all(getattr(value, f"is_{name}") is truth for value in drawn for name, truth in assumptions.items())


@pytest.mark.parametrize(
    ("assumptions", "true"),
    [
        ({"negative": True}, lambda s: sp.exp(s) < 1),
        ({"integer": True, "nonzero": True}, lambda s: sp.exp(s**2) > 1),
        ({"even": True}, lambda s: sp.cos(sp.pi * s) > 0),
    ],
)
def test_a_claim_that_is_false_only_outside_the_assumptions_is_not_refuted(assumptions, true):
    assert proven_true(true(sp.Symbol("s", **assumptions))).verdict is not REFUTED


@pytest.mark.parametrize("assumptions", [{"negative": True}, {"nonnegative": True}, {"positive": True}], ids=str)
def test_entries_of_arrays_respect_the_assumptions(assumptions):
    entries = tensor("e", N, **assumptions)
    wrong = next(iter(assumptions)) == "negative"
    claim = np.sum(np.exp(entries)).element
    relation = sp.Le(claim, N) if wrong else sp.Ge(claim, N)
    assert proven_true(relation).verdict is not REFUTED


def test_indices_are_sampled_within_the_sizes():
    inside = sp.Sum(sp.exp(X[L]), (L, 1, N)) - sp.exp(X[P])
    assert proven_true(sp.Ge(inside, 0)).verdict is not REFUTED
    assert all(values[P] <= values[N] for values in samples(inside))


# --- enclosures --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        sp.pi - sp.E,
        sp.exp(sp.Rational(1, 3)) * sp.log(7),
        sp.Max(sp.pi, 3, sp.sqrt(10), evaluate=False),
        sp.Min(sp.pi, 3, evaluate=False),
        sp.Abs(sp.exp(1) - 3),
        sp.tanh(sp.Rational(-2, 7)) ** 3,
        sp.atan(sp.Rational(5, 3)),
        sp.erf(sp.Rational(1, 3)),
        sp.sqrt(2) ** sp.sqrt(3),
        sp.sign(sp.sqrt(2) - 2),
        sp.Piecewise((sp.exp(2), sp.exp(1) > 2), (0, True)),
        sp.Rational(10**30, 3),
    ],
    ids=str,
)
def test_an_expression_lies_in_its_enclosure(expression):
    with ctx.workprec(256):
        assert as_ball(expression).overlaps(arb(str(sp.N(expression, 90)), 2.0**-180))
        assert as_ball(expression).rad() < 2.0**-100


@pytest.mark.parametrize(("function", "other"), [(sp.Max, "minimum"), (sp.exp, "tanh"), (sp.Add, "multiply")])
def test_a_mutant_of_the_enclosures_is_caught(function, other, monkeypatch):
    monkeypatch.setitem(TO_UFUNC, function, other)
    with pytest.raises(AssertionError):
        [
            test_an_expression_lies_in_its_enclosure(expression)
            for expression in (sp.Max(sp.pi, sp.sqrt(10), evaluate=False), sp.exp(sp.Rational(1, 3)), sp.pi - sp.E)
        ]


def test_the_precision_is_restored():
    with ctx.workprec(61):
        proven_zero(A - B)
        proven_true(sp.Gt(A, B))
        assert ctx.prec == 61
