"""Dual numbers: the slope of every rule encloses the true derivative; where there is none it is Undecided."""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from trainspec.reference import momentum, tree_leaves, tree_map
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import Ball, Differential, Dual, Refused, Undecided, jacobian, slope
from trainspec.spec.arithmetic.ball import Ball as Values
from trainspec.spec.arithmetic.dual import CONSTANT, RULES
from trainspec.spec.inputs.strategies import arguments

from .sampling import BITS, COMPARISONS, ELEMENTARY, REAL, arity, at_200_bits, enclosure, with_numbers

pytestmark = pytest.mark.sampled(2)

MP = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "floor_divide": lambda a, b: mpmath.floor(a / b),
    "negative": lambda a: -a,
    "positive": lambda a: +a,
    "power": mpmath.power,
    "square": lambda a: a**2,
    "reciprocal": lambda a: 1 / a,
    "sqrt": mpmath.sqrt,
    "exp": mpmath.exp,
    "log": mpmath.log,
    "logaddexp": lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
    "tanh": mpmath.tanh,
    "arctan": mpmath.atan,
    "erf": mpmath.erf,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "absolute": mpmath.fabs,
    "sign": mpmath.sign,
    "maximum": max,
    "minimum": min,
}
ONLY_POSITIVE = {"log", "sqrt", "power"}
GRID = [Fraction(1, 8), Fraction(3, 4), Fraction(5, 2)]


def derivative(name, point, direction):
    """The derivative along a direction, from differences at 200 bits, and an allowance for their error."""
    with mpmath.workprec(BITS):
        at = [mpmath.mpf(p.numerator) / p.denominator for p in point]
        along = [mpmath.mpf(d.numerator) / d.denominator for d in direction]
        return mpmath.diff(lambda t: MP[name](*(p + t * d for p, d in zip(at, along, strict=True))), 0)


def exact(x):
    return arb(x.numerator) / arb(x.denominator)


def check(rules, name, point, direction, radius=0.0):
    """The slope of one rule along one direction holds the derivative, and the value the value."""
    duals = [
        Dual(exact(p) + arb(0, radius), CONSTANT if d == 0 else exact(d) + arb(0, radius)) for p, d in zip(point, direction, strict=True)
    ]
    result = rules[name](*duals)
    wanted = derivative(name, point, direction)
    tolerance = 2.0**-80 * max(1.0, abs(float(wanted)))
    assert (result.slope + arb(0, tolerance)).overlaps(enclosure(wanted)), f"{name}{point} along {direction}: {result.slope}, not {wanted}"
    assert result.value.overlaps(enclosure(at_200_bits(ELEMENTARY[name], *point)))
    return result.slope


def check_rule(rules, name):
    """One rule at a grid of points, along every direction, exact operands and wide ones."""
    grid = GRID if name in ONLY_POSITIVE else [*GRID, Fraction(-3, 4), Fraction(-2)]
    for point in itertools.product(grid, repeat=arity(name)):
        if name in ("maximum", "minimum") and point[0] == point[1]:
            continue
        if name == "floor_divide" and (point[0] / point[1]).denominator == 1:
            continue  # a jump
        for direction in itertools.product([Fraction(1), Fraction(0), Fraction(-2, 3)], repeat=arity(name)):
            with ctx.workprec(160):
                sharp = check(rules, name, point, direction)
                assert sharp.rad() <= 2.0**-100 * max(1, float(abs(sharp).mid()))
                wide = check(rules, name, point, direction, 2.0**-20)
                assert wide.contains(sharp)


def test_every_rule_has_an_independent_derivative():
    assert set(RULES) == {*MP, *COMPARISONS, "isfinite"}
    assert set(MP) == set(ELEMENTARY)


@pytest.mark.parametrize("name", MP)
def test_a_slope_encloses_the_derivative(name):
    check_rule(RULES, name)


def swapped(name, change):
    """A rule whose slope is changed."""

    def rule(*args):
        result = RULES[name](*args)
        return Dual(result.value, change(result.slope, *args))

    return rule


MUTANTS = {
    "add": swapped("add", lambda s, a, b: a.slope),
    "subtract": RULES["add"],
    "multiply": swapped("multiply", lambda s, a, b: a.slope * b.slope),
    "divide": swapped("divide", lambda s, a, b: -s),
    "power": swapped("power", lambda s, a, b: b.value * a.value ** (b.value - 1) * a.slope),
    "square": swapped("square", lambda s, a: a.value * a.slope),
    "reciprocal": swapped("reciprocal", lambda s, a: -s),
    "sqrt": swapped("sqrt", lambda s, a: 2 * s),
    "exp": swapped("exp", lambda s, a: a.slope),
    "log": swapped("log", lambda s, a: s * a.value),
    "tanh": swapped("tanh", lambda s, a: (1 + a.value.tanh() ** 2) * a.slope),
    "arctan": swapped("arctan", lambda s, a: a.slope / (1 - a.value**2)),
    "sin": swapped("sin", lambda s, a: -s),
    "cos": swapped("cos", lambda s, a: -s),
    "erf": swapped("erf", lambda s, a: 2 * (-(a.value**2)).exp() * a.slope),
    "absolute": swapped("absolute", lambda s, a: a.slope),
    "sign": swapped("sign", lambda s, a: a.slope + 1),
    "maximum": RULES["minimum"],
    "minimum": swapped("minimum", lambda s, a, b: b.slope),
    "negative": swapped("negative", lambda s, a: a.slope),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_a_rule_is_caught(name):
    with pytest.raises(AssertionError):
        check_rule({**RULES, name: MUTANTS[name]}, name)


def dropping_wide_slopes(*args):
    """The rule of a product that takes a slope which may be 0 for 0."""
    return RULES["multiply"](*(a if a.slope != 0 else Dual(a.value, CONSTANT) for a in args))


@pytest.mark.parametrize("name", MP)
def test_a_slope_that_may_be_zero_is_not_dropped(name):
    """A slope known as [−1, 1] leaves a slope that is unknown in both directions."""
    check_wide_slope(RULES, name)


def check_wide_slope(rules, name):
    point = [Fraction(3, 4), Fraction(5, 2)][: arity(name)]
    for index in range(arity(name)):
        duals = [Dual(exact(p), arb(0, 1) if i == index else CONSTANT) for i, p in enumerate(point)]
        result = rules[name](*duals)
        expected = [
            derivative(name, point, [Fraction(sign) if i == index else Fraction(0) for i in range(arity(name))]) for sign in (-1, 1)
        ]
        for expectation in expected:
            assert (result.slope + arb(0, 2.0**-80)).overlaps(enclosure(expectation)), (
                f"{name}: {result.slope} does not reach {expectation}"
            )


def test_a_dropped_slope_is_caught():
    with pytest.raises(AssertionError):
        check_wide_slope({**RULES, "multiply": dropping_wide_slopes}, "multiply")


def test_the_exponent_may_be_wide():
    result = RULES["power"](Dual(arb(2), arb(1)), Dual(arb(0, 1), CONSTANT))
    for exponent in (-1, 0, 0.5, 1):
        assert result.slope.overlaps(arb(exponent) * arb(2) ** (arb(exponent) - 1))


# --- kinks -------------------------------------------------------------------------------------------------------------------------

KINKS = {
    "|x|": np.abs,
    "sign x": np.sign,
    "max(x, 0)": lambda x: np.maximum(x, 0),
    "min(0, x)": lambda x: np.minimum(0, x),
    "max(x, 2x)": lambda x: np.maximum(x, 2 * x),
    "a step": lambda x: np.where(x > 0, 1, 2),
    "a step at a double zero": lambda x: np.where(x * x > 0, x, 0),
    "a closed step": lambda x: np.where(x >= 0, 1, 2),
    "another step": lambda x: np.where(x < 0, x, 2 * x),
    "√x": np.sqrt,
    "√x²": lambda x: np.sqrt(x * x),
    "sign x²": lambda x: np.sign(x * x),
    "x^½": lambda x: x**0.5,
    "1/x": lambda x: 1 / x,
    "log x": np.log,
    "x^−1": lambda x: x**-1,
    "a maximum of three": lambda x: np.max(np.stack([x, -x, x * 2])),
    "√max(x², 0)": lambda x: np.sqrt(np.maximum(x**2, 0)),
    "√max(0, x²)": lambda x: np.sqrt(np.maximum(0, x**2)),
    "√−min(−x², 0)": lambda x: np.sqrt(-np.minimum(-(x**2), 0)),
    "max(x², 0)^½": lambda x: np.maximum(x**2, 0) ** 0.5,
    "|max(x², 0)|": lambda x: np.abs(np.maximum(x**2, 0)),
}


@pytest.mark.parametrize("name", KINKS)
@pytest.mark.parametrize("radius", [0.0, 0.25])
def test_a_kink_is_undecided(name, radius):
    with pytest.raises((Undecided, ZeroDivisionError)):
        slope(KINKS[name](Differential.along(Ball(arb(0, radius)), 1)))


@pytest.mark.parametrize("name", KINKS)
def test_beside_a_kink_there_is_a_slope(name):
    if name == "a step at a double zero":
        assert slope(KINKS[name](Differential.along(0.5, 1))).item().contains(1)
    assert slope(KINKS[name](Differential.along(0.5, 1))).item().is_finite()


def test_balls_that_touch_are_a_kink():
    with pytest.raises(Undecided):
        RULES["maximum"](Dual(arb(1.5, 0.5), arb(1)), Dual(arb(2.5, 0.5), arb(2)))


def test_constants_have_no_kinks():
    zero = Differential(0.0)
    for call in (np.abs, np.sqrt, np.sign, lambda x: np.maximum(x, 0), lambda x: np.where(x > 0, 1, 2), lambda x: x**0.5):
        assert slope(call(zero)).item().is_zero()
    assert slope(np.maximum(Differential.along(0.0, 1), Differential.along(0.0, 1))).item() == 1


def test_an_outer_derivative_of_zero_is_exact():
    assert slope(Differential.along(0.0, 1) ** 2).item().is_zero()
    assert slope(Differential.along(3.0, 1) ** 0).item().is_zero()
    assert slope(Differential.along(0.0, 1) ** 1).item() == 1


# --- whole formulas ----------------------------------------------------------------------------------------------------------------


def test_the_jacobian_has_a_row_an_output_and_a_column_an_input():
    def call(x):
        return np.stack([x[0] * x[1], x[1] ** 2]), (np.sum(x), x[2] * x)

    got = jacobian(call, np.array([2.0, 3.0, 5.0]))
    wanted = [[3, 2, 0], [0, 6, 0], [1, 1, 1], [5, 0, 2], [0, 5, 3], [0, 0, 10]]
    assert isinstance(got, Ball)
    assert got.shape == (6, 3)
    assert all(got[i, j].item() == wanted[i][j] for i in range(6) for j in range(3))


def test_the_jacobian_takes_a_vector():
    with pytest.raises(ValueError, match="vector"):
        jacobian(lambda x: x, np.ones((2, 2)))
    assert jacobian(lambda x: np.sum(x) * 0 + 1, np.ones(2)).shape == (1, 2)


@given(a=st.floats(-3, 3), b=st.floats(-3, 3))
def test_the_chain_rule(a, b):
    def call(x):
        return np.exp(np.tanh(x[0] * x[1]) - x[0] ** 3) / (1 + x[1] ** 2)

    with ctx.workprec(160):
        got = jacobian(call, np.array([a, b]))
    with mpmath.workprec(BITS):
        f = lambda x, y: mpmath.exp(mpmath.tanh(x * y) - x**3) / (1 + y**2)  # noqa: E731
        wanted = [mpmath.diff(f, (mpmath.mpf(a), mpmath.mpf(b)), n) for n in ((1, 0), (0, 1))]
    for j in range(2):
        assert (got[0, j].item() + arb(0, 2.0**-80 * (1 + abs(float(wanted[j]))))).overlaps(enclosure(wanted[j]))


NO_DERIVATIVE = {  # eigenvalues, eigenvectors and solutions of systems have no rule
    *("quadratic.condition_number", "data.pca.fit", "optimizers.newton", "matrix.root_solve"),
    *("optimizers.shampoo", "optimizers.shampoo.mean", "optimizers.galore.directions"),
}


@pytest.mark.sampled(12)
@pytest.mark.parametrize("identifier", REAL)
def test_the_slopes_of_a_formula_are_its_differences(identifier):
    """Along a random direction of all its numbers, against central differences of the formula on balls at high precision."""
    raw = REAL[identifier].raw
    compared = []

    @settings(max_examples=8, suppress_health_check=list(HealthCheck))
    @given(values=arguments(domains(raw)), seed=st.integers(0, 9))
    def run(values, seed):
        rng = np.random.default_rng(seed)
        directions = {name: directed(value, rng) for name, value in values.items()}
        step = arb(2) ** -200  # far below any number drawn
        with ctx.workprec(1000):
            try:
                duals = tree_leaves(raw(**{n: put(v, directions[n], Differential.along) for n, v in values.items()}))
                ends = [tree_leaves(raw(**{n: put(v, directions[n], moved(s)) for n, v in values.items()})) for s in (step, -step)]
            except (Undecided, ZeroDivisionError, Refused, np.linalg.LinAlgError):
                reject()  # a kink, or no rule: another example is drawn
            for dual, above, below in zip(duals, *ends, strict=True):
                difference = (Ball(above) - Ball(below)) / Ball(2 * step)
                for got, wanted in zip(Ball.object_array(slope(dual)).ravel(), Ball.object_array(difference).ravel(), strict=True):
                    assert abs(got - wanted) < 2.0**-100 * (1 + abs(wanted))
                    compared.append(True)

    if identifier in NO_DERIVATIVE:
        with pytest.raises(Unsatisfiable):
            run()
    else:
        run()
    assert bool(compared) is (identifier not in NO_DERIVATIVE)


def directed(value, rng):
    return with_numbers(lambda x: rng.integers(-4, 5, np.shape(x)) / 4, value)


def put(value, direction, make):
    """An argument with its numbers changed, each along its own direction."""
    following = iter(tree_leaves(direction))
    return tree_map(lambda x: x if (d := next(following)) is x else make(x, d), value)


def moved(step):
    return lambda value, direction: Ball(value) + Ball(direction) * Ball(step)


def test_balls_enter_as_constants_and_nothing_else_does():
    both = Differential.along(2.0, 1) * Ball(3.0) + Ball(1.0)
    assert slope(both).item() == 3
    assert slope(Ball(3.0) * Differential.along(2.0, 1)).item() == 3
    assert isinstance(both, Differential)
    with pytest.raises(Refused):
        np.linalg.eigvalsh(Differential(np.eye(2)))


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_are_those_of_the_values(name):
    for a, b in itertools.product([-1.0, 0.5, 2.0], repeat=2):
        if a != b:
            assert RULES[name](Dual(arb(a), arb(1)), Dual(arb(b), arb(5))) is Values.table[name](arb(a), arb(b))


def test_nesterovs_gradient_may_be_any_function():
    theta = Differential.along(1.0, 1)
    got, _ = momentum.nesterov.raw(theta, lambda x: x**2, Differential(0.5), lr=Differential(0.25), momentum=Differential(0.5))
    assert slope(got).item() == 1 - 0.25 * 2 * 1.25
