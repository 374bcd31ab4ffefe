"""The kernels' own elementary functions: one body in both worlds, special values, errors proved and errors found."""

import math

import numpy as np
import pytest
from flint import arb, ctx
from trainspec.fast import _jit
from trainspec.fast._loops import math as functions
from trainspec.reference._special import erf as reference_erf

from . import error_analysis

pytestmark = pytest.mark.sampled(3)

DTYPES = [np.float32, np.float64]
KNOWN = {
    **{"exp": np.exp, "log": np.log, "tanh": np.tanh},
    **{"softplus": lambda z: np.logaddexp(0, z), "logistic": lambda z: np.exp(-np.logaddexp(0, -z)), "erf": reference_erf},
}
# The largest error, in units in the last place of the exact value, of float32 and float64: proved, for every argument
PROVED = {
    "exp": (1.01, 1.01),
    "tanh": (1.54, 1.54),
    "log": (1.74, 2.04),
    "softplus": (2.43, 3.17),
    "logistic": (3.52, 3.52),
    "erf": (1.49, 1.54),
    "cosine": (1.75, 1.9),
    "sine": (1.75, 1.9),
}
# ... and found: in float32 among all numbers, in float64 among many
FOUND = {
    "exp": (0.9, 0.9),
    "tanh": (1.2, 1.2),
    "log": (0.92, 0.95),
    "softplus": (1.67, 1.67),
    "logistic": (2.4, 2.4),
    "erf": (1.0, 1.0),
    "cosine": (1.3, 1.4),
    "sine": (1.3, 1.4),
}


def cosine(turn):
    return functions.cospi_sinpi(turn)[0]


def sine(turn):
    return functions.cospi_sinpi(turn)[1]


BODIES = {name: getattr(functions, name) for name in KNOWN} | {"cosine": cosine, "sine": sine}


def along(body):
    """The body, in machine code, along an array."""
    inner = _jit.inlined(body)

    def loop(x, y):
        for i in range(x.size):
            y[i] = inner(x[i])

    return _jit.compiled(loop)


LOOPS = {name: along(body) for name, body in BODIES.items()}


def machine(name, x):
    y = np.empty_like(x)
    LOOPS[name](x, y)
    return y


def numbers(name, dtype, count, seed=0):
    """Numbers of every size, where the function tells them apart."""
    rng, info = np.random.default_rng(seed), np.finfo(dtype)
    if name in ("cosine", "sine"):
        return np.concatenate([rng.random(count // 2), rng.uniform(-4, 4, count // 2)]).astype(dtype)
    powers = np.ldexp(rng.uniform(0.5, 1, count // 2), rng.integers(info.minexp - info.nmant, info.maxexp, count // 2))
    near = rng.standard_normal(count // 2) * {"exp": math.log(float(info.max)), "log": 2}.get(name, 10)
    both = np.concatenate([powers * rng.choice([-1, 1], count // 2), near]).astype(dtype)
    return np.abs(both) if name == "log" else both


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BODIES)
def test_machine_code_and_plain_python_agree_in_every_bit(name, dtype):
    x = numbers(name, dtype, 100000)
    with np.errstate(all="ignore"):
        wanted = BODIES[name](x)
        assert machine(name, x).tobytes() == wanted.tobytes()
        single = [BODIES[name](array) for array in x[:300]]
    assert all(type(array) is dtype for array in single)
    assert np.array(single).tobytes() == wanted[:300].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BODIES)
def test_loops_are_vectorised_and_call_nothing(name, dtype):
    machine(name, np.ones(3, dtype))
    code = "\n".join(LOOPS[name].inspect_llvm().values())
    width = {np.float32: "float", np.float64: "double"}[dtype]
    assert f"x {width}>" in code
    assert not [
        line
        for line in code.splitlines()
        if "call" in line and any(f"@{array}" in line for array in ("exp", "log", "tanh", "sin", "cos", "erf"))
    ]


@pytest.fixture(autouse=True)
def precise():
    before, ctx.prec = ctx.prec, 160
    yield
    ctx.prec = before


EXACT = {  # within reach of Arb's exponents
    "exp": lambda z: min(max(z, arb(-1000)), arb(1000)).exp(),
    "log": arb.log,
    "tanh": lambda z: min(max(z, arb(-40)), arb(40)).tanh(),
    "erf": lambda z: min(max(z, arb(-40)), arb(40)).erf(),
    "softplus": lambda z: max(z, arb(0)) + max(-abs(z), arb(-1000)).exp().log1p(),
    "logistic": lambda z: 1 / (1 + min(max(-z, arb(-1000)), arb(1000)).exp()),
    "cosine": lambda turn: (2 * turn).cos_pi(),
    "sine": lambda turn: (2 * turn).sin_pi(),
}


def units_off(name, x, got):
    """The largest error of finite results, in units in the last place of the exact value."""
    smallest, largest = arb(float(np.finfo(x.dtype).smallest_subnormal)), float(np.finfo(x.dtype).max)
    worst = 0.0
    for entry, result in zip(x.tolist(), got.tolist(), strict=True):
        exact = EXACT[name](arb(entry))
        if math.isinf(result):
            assert exact.lower() > largest
        elif result != exact:
            worst = max(worst, float(abs(arb(result) - exact) / max(error_analysis.last_place(abs(exact), x.dtype), smallest)))
    return worst


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BODIES)
def test_the_largest_error_is_proved(name, dtype):
    bound = PROVED[name][DTYPES.index(dtype)]
    proved = error_analysis.PROOFS[name](dtype)
    assert bound - 0.02 < proved <= bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BODIES)
def test_errors_that_are_found_lie_below_the_proved_ones(name, dtype):
    x = numbers(name, dtype, 20000)
    with np.errstate(all="ignore"):
        worst = units_off(name, x, machine(name, x))
    assert 0.6 < worst <= FOUND[name][DTYPES.index(dtype)] < PROVED[name][DTYPES.index(dtype)]


SPECIAL = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    1.0,
    -1.0,
    1e-300,
    -1e-300,
    1e300,
    -1e300,
    88.72284,
    89.0,
    709.78,
    710.0,
    -103.97,
    -104.0,
    -745.1,
    -746.0,
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KNOWN)
def test_special_values_are_numpys(name, dtype):
    with np.errstate(all="ignore"):
        info = np.finfo(dtype)
        x = np.array([*SPECIAL, info.max, -info.max, info.smallest_normal, info.smallest_subnormal, -info.smallest_subnormal], dtype)
        got, wanted = machine(name, x), KNOWN[name](x)
    exact = ~np.isfinite(wanted) | (wanted == 0)
    np.testing.assert_array_equal(got[exact], wanted[exact])
    np.testing.assert_array_equal(np.signbit(got[exact & (wanted == 0)]), np.signbit(wanted[exact & (wanted == 0)]))
    assert np.all(np.isfinite(got[~exact]) & (got[~exact] != 0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_results_are_rounded_once_more(dtype):
    info = np.finfo(dtype)
    x = np.linspace(np.log(float(info.smallest_subnormal)), np.log(float(info.smallest_normal)), 3000).astype(dtype)
    assert units_off("exp", x, machine("exp", x)) <= PROVED["exp"][0] + 0.5


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_quarters_are_exact(dtype):
    turns = np.arange(-40, 41).astype(dtype) / 4
    points = np.array([functions.cospi_sinpi(turn) for turn in turns])
    np.testing.assert_array_equal(points, np.array([(1, 0), (0, 1), (-1, 0), (0, -1)] * 21)[:81])
    assert np.all(np.isnan(functions.cospi_sinpi(dtype(np.nan))))


def test_a_coefficient_that_is_off_is_noticed(monkeypatch):
    key = np.dtype(np.float32)
    right = functions.FORMATS[key]
    for name, proof in {
        "exp": "exp",
        "log": "log",
        "cos": "cosine",
        "sin": "sine",
        "tanh": "tanh",
        "erf": "erf",
        "log_erfc": "erf",
    }.items():
        coefficients = list(getattr(right, name))
        coefficients[-1] *= np.float32(1 + 2.0**-5)
        monkeypatch.setitem(functions.FORMATS, key, right._replace(**{name: tuple(coefficients)}))
        for kept in (error_analysis.difference, error_analysis.left_out_of_log, error_analysis.exp):
            kept.cache_clear()
        assert error_analysis.PROOFS[proof](np.float32) > PROVED[proof][0]
    for kept in (error_analysis.difference, error_analysis.left_out_of_log, error_analysis.exp):
        kept.cache_clear()
