"""A ball holds the true value, for every point of its operands; what is not decided is Undecided, never NaN or a guess."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given, settings
from hypothesis import strategies as st
from trainspec.reference import tree_leaves
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import Ball, Rational, Refused, Symbolic, Undecided, Verdict, certified
from trainspec.spec.arithmetic._numbers import FUNCTIONS
from trainspec.spec.arithmetic.ball import spacing
from trainspec.spec.evidence import judge
from trainspec.spec.inputs.strategies import arguments

from .sampling import (
    CALLS,
    CASES,
    COMPARISONS,
    ELEMENTARY,
    NAMES,
    NO_FRACTIONS,
    REAL,
    arity,
    at_200_bits,
    corners,
    dyadic,
    enclosure,
    holds,
    points,
    random_balls,
    with_numbers,
)

pytestmark = pytest.mark.sampled(2)

PRECISION = 53
MIDDLES = st.one_of(st.sampled_from([-1.0, 0.0, 1.0]), st.integers(-96, 96).map(lambda k: k / 16), st.floats(-4, 4))
RADII = st.one_of(st.just(0.0), st.sampled_from([2.0**-44, 2.0**-20, 0.25, 1.0]), st.floats(0, 1))


@st.composite
def balls(draw, n):
    """Some balls; a second one may share the midpoint of the first, and a radius may just reach 0."""
    middles = [draw(MIDDLES) for _ in range(n)]
    if draw(st.booleans()):
        middles[-1] = middles[0]
    return tuple(arb(m, abs(m) if draw(st.booleans()) and draw(st.booleans()) else draw(RADII)) for m in middles)


def check_value(table, name, operands):
    """The ball of one ufunc holds its value at every point of the operands; True if it was decided."""
    try:
        result = table[name](*operands)
    except (Undecided, ZeroDivisionError):
        return False
    for at in corners(operands):
        expected = at_200_bits(ELEMENTARY[name], *at)
        assert expected is not None, f"{name}{at} is outside the domain, and {operands} gave {result}"
        assert result.is_finite(), f"{name}{operands} = {result}"
        assert result.overlaps(enclosure(expected)), f"{name}{at} = {expected} is not in {result}"
    return True


def check_comparison(table, name, operands):
    """A comparison of balls is decided only if all their points agree."""
    try:
        result = table[name](*operands)
    except Undecided:
        return False
    assert all(COMPARISONS[name](*at) is result for at in corners(operands)), f"{name}{operands} = {result}"
    return True


def check(table, name, operands):
    return (check_comparison if name in COMPARISONS else check_value)(table, name, operands)


def check_sharp(table, name):
    """On exact operands away from the branch points every ufunc is decided, to nearly all digits."""
    with ctx.workprec(PRECISION):
        for operands in [(arb(0.75),), (arb(2.5),)] if arity(name) == 1 else [(arb(0.75), arb(2.5)), (arb(2.5), arb(0.75))]:
            result = table[name](*operands)
            assert isinstance(result, bool) or result.rad() <= 2.0**-45, f"{name}{operands} = {result}"


def check_table(table, name):
    """Containment over many cases, all made from one seed."""
    with ctx.workprec(PRECISION):
        decided = [check(table, name, operands) for operands in random_balls(0, 200, arity(name))]
    assert sum(decided) >= 20, f"{name} decides {sum(decided)} of {len(decided)} cases"
    check_sharp(table, name)


def test_every_ufunc_of_the_table_has_an_independent_value():
    assert {*ELEMENTARY, *COMPARISONS, "isfinite"} == set(Ball.table)


@pytest.mark.parametrize("name", [*ELEMENTARY, *COMPARISONS])
def test_containment_from_one_seed(name):
    check_table(Ball.table, name)


@pytest.mark.parametrize("name", [*ELEMENTARY, *COMPARISONS])
def test_containment(name):
    @settings(max_examples=60)
    @given(operands=balls(arity(name)))
    def run(operands):
        with ctx.workprec(PRECISION):
            check(Ball.table, name, operands)

    run()


WHOLE = st.integers(-6, 6)


@given(base=balls(1), exponent=st.one_of(WHOLE.map(float), st.sampled_from([0.5, -0.5, 1.5, 2.5, 0.1])))
def test_powers_of_negative_bases_and_of_zero(base, exponent):
    with ctx.workprec(PRECISION):
        check_value(Ball.table, "power", (*base, arb(exponent)))


def test_powers_that_are_exact():
    assert (Ball(0.0) ** 0).item() == 1
    assert (Ball(-2.0) ** 3).item() == -8
    assert (Ball(-2.0) ** -1).item() == -0.5
    assert (Ball(arb(0, 1)) ** 0).item() == 1


MUTANTS = {
    "maximum is minimum": ("maximum", arb.min),
    "minimum is maximum": ("minimum", arb.max),
    "maximum picks a branch": ("maximum", lambda a, b: a if a > b else b),
    "greater is less": ("greater", Ball.table["less"]),
    "greater is not strict": ("greater", Ball.table["greater_equal"]),
    "less_equal is strict": ("less_equal", Ball.table["less"]),
    "greater never undecided": ("greater", lambda a, b: bool(a > b)),
    "less_equal never undecided": ("less_equal", lambda a, b: bool(a <= b)),
    "the square root of the middle": ("sqrt", lambda x: abs(x).sqrt()),
    "exp without its radius": ("exp", lambda x: x.exp().mid()),
    "a product in float64": ("multiply", lambda a, b: arb(float(a.mid()) * float(b.mid()))),
    "log of a modulus": ("log", lambda x: abs(x).log()),
    "a quotient by the middle": ("divide", lambda a, b: a / b.mid() if b.mid() != 0 else arb(0)),
    "a naive power": ("power", lambda a, b: (b * abs(a).log()).exp()),
    "no sign at 0": ("sign", lambda x: arb(1) if x.mid() > 0 else arb(-1)),
    "no modulus": ("absolute", lambda x: x),
    "the square of the middle": ("square", lambda x: x * x.mid()),
    "tanh of half": ("tanh", lambda x: (x / 2).tanh()),
    "arctan of twice": ("arctan", lambda x: (2 * x).atan()),
    "erfc for erf": ("erf", arb.erfc),
    "cos for sin": ("sin", arb.cos),
    "cos of twice": ("cos", lambda x: (2 * x).cos()),
    "a useless enclosure": ("tanh", lambda x: arb(0, 1)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_of_the_table_is_caught(mutant):
    name, entry = MUTANTS[mutant]
    with pytest.raises(AssertionError):
        check_table({**Ball.table, name: entry}, name)


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize(("a", "b"), [(arb(1, 0.5), arb(1, 0.5)), (arb(0, 1), arb(0)), (arb(1, 2.0**-50), arb(1))])
def test_overlapping_balls_do_not_compare(name, a, b):
    with pytest.raises(Undecided):
        Ball.table[name](a, b)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.where(x > 0, 1.0, 2.0),
        np.sqrt,
        lambda x: x**0.5,
        lambda x: x**-1,
        lambda x: x**-0.5,
        lambda x: (x - 1) ** 1.5,
        np.log,
        lambda x: 1 / x,
        np.reciprocal,
    ],
)
@pytest.mark.parametrize("middle", [0.0, 0.25, -0.25])
def test_a_ball_across_a_branch_point_is_undecided(call, middle):
    with pytest.raises(Undecided):
        call(Ball(arb(middle, 0.5)))


@pytest.mark.parametrize("call", [np.log, lambda x: x**-1, lambda x: x**-0.5, lambda x: np.sqrt(x - 1), lambda x: np.log(x - 1)])
def test_an_exact_point_outside_the_domain_is_undecided(call):
    with pytest.raises(Undecided):
        call(Ball(0.0))


def test_an_exact_division_by_zero_is_an_error():
    with pytest.raises(ZeroDivisionError):
        Ball(1.0) / 0
    with pytest.raises(ZeroDivisionError):
        np.reciprocal(Ball(0.0))


@pytest.mark.parametrize("call", [np.max, lambda x: np.maximum(x[0], x[1])])
def test_a_maximum_of_overlapping_balls_holds_both(call):
    x = call(Ball(np.array([arb(0, 1), arb(0.5, 1)], dtype=object))).item()
    assert x.contains(arb(0.5, 0.99))
    assert x.contains(0)
    assert not x.contains(2)


# --- functions ---------------------------------------------------------------------------------------------------------------------


def array_of_balls(seed, radius):
    rng = np.random.default_rng(seed)
    array = np.empty((2, 3), dtype=object)
    for index in np.ndindex(2, 3):
        array[index] = arb(float(rng.integers(-40, 41)) / 8, radius)
    return array


def at_points(array, k):
    """The k-th point of every ball of an array, as an array of fractions."""
    return np.array(
        [[points(x)[(k * (i + 2 * j)) % len(points(x))] for j, x in enumerate(row)] for i, row in enumerate(array)], dtype=object
    )


def check_function(call, array):
    """The balls of a function hold its exact values at points of the operand."""
    with ctx.workprec(PRECISION):
        try:
            result = call(Ball(array))
        except Undecided:
            return False
        for k in range(5):
            expected = np.asarray(call(at_points(array, k)), dtype=object)
            assert result.shape == expected.shape
            for entry, value in zip(np.ravel(np.asarray(result)), expected.ravel(), strict=True):
                assert holds(entry, value), f"{value} is not in {entry}"
    return True


def test_every_vetted_function_is_called():
    assert set(FUNCTIONS) | {np.matmul} == set(CALLS) | NO_FRACTIONS


@pytest.mark.parametrize(("function", "n"), CASES, ids=NAMES)
def test_a_function_contains_the_exact_values(function, n):
    decided = [check_function(CALLS[function][n], array_of_balls(seed, radius)) for seed in range(8) for radius in (0.0, 2.0**-30, 0.5)]
    assert sum(decided) >= 8


@pytest.mark.parametrize("name", ["add", "maximum", "minimum", "multiply"])
def test_a_mutant_of_a_reduction_is_caught(name, monkeypatch):
    swapped = {"add": "subtract", "maximum": "minimum", "minimum": "maximum", "multiply": "add"}
    monkeypatch.setattr(Ball, "table", {**Ball.table, name: Ball.table[swapped[name]]})
    reduction = {"add": np.sum, "maximum": np.max, "minimum": np.min, "multiply": np.prod}[name]
    with pytest.raises(AssertionError):
        [check_function(reduction, array_of_balls(seed, 2.0**-30)) for seed in range(4)]


@pytest.mark.parametrize("kind", [Ball, Rational, Symbolic])
def test_a_qr_decomposition_has_orthonormal_columns_and_a_negative_diagonal(kind):
    draw = [[3, 1], [0, 12], [4, -7]]  # its norms are whole
    with ctx.workprec(400):
        q, r = np.linalg.qr(kind(draw))
        claims = [(q.T @ q, np.eye(2, dtype=int)), (q @ r, np.array(draw)), (r, np.array([[-5, 5], [0, -13]]))]
        assert all(judge(got, kind(claimed)).verdict is Verdict.HOLDS for got, claimed in claims)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_eigenvalues_contain_the_exact_ones(n):
    rng = np.random.default_rng(n)
    for radius in (0.0, 2.0**-20):
        half = rng.integers(-8, 9, (n, n)) / 4
        matrix = half + half.T
        wide = np.array([[arb(x, radius) for x in row] for row in matrix], dtype=object)
        with ctx.workprec(PRECISION):
            got = np.linalg.eigvalsh(Ball(wide))
        with mpmath.workprec(200):
            shifted = mpmath.matrix((matrix + radius * np.eye(n)).tolist())  # within the balls, for any sign of the shift
            exact = sorted(mpmath.eigsy(shifted, eigvals_only=True))
        for ball, value in zip(got, exact, strict=True):
            assert ball.item().overlaps(arb(enclosure(value), 2.0**-150))


def test_equal_eigenvalues_are_enclosed_and_asymmetry_refused():
    values = np.linalg.eigvalsh(Ball(np.eye(3)))
    assert all(value.item().contains(1) for value in values)
    with pytest.raises(ValueError, match="symmetric"):
        np.linalg.eigvalsh(Ball([[1.0, 2.0], [0.0, 1.0]]))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_eigenvectors_are_of_length_one_and_belong_to_the_values(n):
    half = np.random.default_rng(n).integers(-8, 9, (n, n)) / 4
    matrix = half + half.T
    with ctx.workprec(PRECISION):
        values, vectors = np.linalg.eigh(Ball(matrix))
        for gap in (Ball(matrix) @ vectors - vectors * values, vectors.T @ vectors - Ball(np.eye(n))):
            assert all(entry.contains(0) and entry.rad() < 2.0**-30 for entry in np.asarray(gap).ravel())
    expected = np.linalg.eigh(matrix)
    np.testing.assert_allclose([float(value.item().mid()) for value in values], expected.eigenvalues, atol=1e-12)
    signed = np.array([[float(ball.item().mid()) for ball in row] for row in vectors])
    np.testing.assert_allclose(np.abs(signed), np.abs(expected.eigenvectors), atol=1e-12)


def test_eigenvectors_of_equal_eigenvalues_are_undecided_and_asymmetry_refused():
    with pytest.raises(Undecided):
        np.linalg.eigh(Ball(np.eye(2)))
    with pytest.raises(ValueError, match="symmetric"):
        np.linalg.eigh(Ball([[1.0, 2.0], [0.0, 1.0]]))


# --- numbers that enter ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.1, 1, -3, np.float32(0.1), np.int64(7), Fraction(1, 3), 2**100, 5e-324, 2**53 + 1])
@pytest.mark.parametrize("bits", [30, 53, 200])
def test_a_number_enters_as_a_ball_that_holds_it(value, bits):
    exact = Fraction(value) if not isinstance(value, np.generic) else Fraction(value.item())
    with ctx.workprec(bits):
        one = Ball(value).item()
    assert holds(one, exact)
    assert isinstance(value, Fraction) or one.rad() == 0 or bits < 64


@pytest.mark.parametrize("value", [True, np.bool_(False), float("nan"), float("inf"), -np.inf, 1j, "1", None, np.array([True])])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(Refused):
        Ball(value)


# --- certified ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("formula", "values", "exact"),
    [
        (np.exp, (1.0,), lambda: mpmath.e),
        (lambda x: np.exp(x) - 1 - x, (2.0**-60,), lambda: mpmath.expm1(mpmath.mpf(2) ** -60) - mpmath.mpf(2) ** -60),
        (lambda x, y: (x + y) - x, (1e30, 1e-30), lambda: mpmath.mpf(1e-30)),
        (lambda x: np.log(1 + x), (1e-40,), lambda: mpmath.log1p(mpmath.mpf(1e-40))),
        (np.sqrt, (5e-324,), lambda: mpmath.sqrt(mpmath.mpf(2) ** -1074)),
        (lambda x: x / 3, (2.0**-1070,), lambda: mpmath.mpf(2) ** -1070 / 3),
        (lambda x: x * x - x * x, (0.1,), lambda: mpmath.mpf(0)),
    ],
)
def test_certified_is_within_a_fraction_of_an_ulp(formula, values, exact, dtype):
    result = certified(formula, *values, dtype=dtype).item()
    with mpmath.workprec(1000):
        wanted = exact()
        info = np.finfo(dtype)
        exponent = mpmath.floor(mpmath.log(abs(wanted), 2)) if wanted else info.minexp
        ulp = mpmath.mpf(2) ** max(int(exponent) - info.nmant, info.minexp - info.nmant)
    radius, middle = dyadic(result.rad()), dyadic(result.mid())
    assert radius <= Fraction(2.0**-20) * Fraction(int(ulp) if ulp >= 1 else Fraction(1, int(1 / ulp)))
    with mpmath.workprec(1000):
        gap = abs(mpmath.mpf(middle.numerator) / middle.denominator - wanted)
        assert gap <= mpmath.mpf(radius.numerator) / radius.denominator + mpmath.mpf(2) ** -900


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(value=st.floats(-1e4, 1e4))
def test_spacing_is_that_of_the_format(dtype, value):
    held = float(dtype(value))
    got = spacing(arb(held), dtype)
    assert float(got) == float(np.spacing(np.abs(dtype(held)), dtype=dtype))


def test_a_value_that_cancels_to_zero_is_certified():
    assert certified(lambda x: (x + 1) ** 2 - x**2 - 2 * x - 1, 0.1).item().contains(0)
    result = certified(lambda x: np.exp(x) * np.exp(-x) - 1, 1.0).item()
    assert result.contains(0)
    assert result.rad() <= arb(2) ** -1094


@pytest.mark.parametrize(
    "formula",
    [
        lambda x: np.where(np.exp(x) * np.exp(-x) > 1, 1.0, 2.0),
        lambda x: np.sqrt(np.exp(x) * np.exp(-x) - 1),
        lambda x: x / (np.exp(x) * np.exp(-x) - 1),
        lambda x: x + Ball(arb(0, 1)),
    ],
)
def test_certified_refuses_what_no_precision_decides(formula):
    saved = ctx.prec
    with pytest.raises(Undecided, match="16384 bits do not suffice"):
        certified(formula, 1.0)
    assert ctx.prec == saved


def test_the_precision_is_restored_after_any_exception():
    def broken(x):
        assert ctx.prec == 128
        raise KeyError(x.item())

    with ctx.workprec(77):
        with pytest.raises(KeyError):
            certified(broken, 1.0)
        certified(np.exp, 1.0)
        assert ctx.prec == 77


@pytest.mark.sampled(5)
@pytest.mark.parametrize("identifier", REAL)
def test_a_formula_at_low_precision_contains_its_value_at_a_high_one(identifier):
    raw = REAL[identifier].raw
    seen = []

    @settings(max_examples=15)
    @given(values=arguments(domains(raw)))
    def run(values):
        values = {name: with_numbers(Ball, value) for name, value in values.items()}
        results = []
        for bits in (PRECISION, 400):
            with ctx.workprec(bits):
                try:
                    results.append([Ball.object_array(leaf).ravel() for leaf in tree_leaves(raw(**values))])
                except (Undecided, ZeroDivisionError, np.linalg.LinAlgError):
                    return
        seen.append(True)
        for low, high in zip(*results, strict=True):
            assert all(a.contains(b) for a, b in zip(low, high, strict=True))

    run()
    assert seen
