"""Every NumPy function is vetted or refused by every arithmetic, and nothing leaves an arithmetic unseen."""

import copy
import operator
import pickle

import numpy as np
import pytest
import sympy as sp
from flint import arb
from numpy.testing.overrides import get_overridable_numpy_array_functions, get_overridable_numpy_ufuncs
from trainspec.spec.arithmetic import Ball, Differential, Numbers, Rational, Refused, Running, Symbolic, Tensor, Undecided, symbols, tensor
from trainspec.spec.arithmetic._numbers import ALLOWED_METHODS, FUNCTIONS, ArrayMethods
from trainspec.spec.arithmetic.modular import Modular
from trainspec.spec.arithmetic.tensors import FUNCTIONS as TENSOR_FUNCTIONS

from .sampling import CALLS, CASES, NAMES, NO_FRACTIONS, ROWS, fractions

M = sp.Symbol("m", integer=True, positive=True)
HALVES = [[1.5, -2.0], [0.25, 3.0]]
SAMPLES = {
    "Symbolic": symbols("x", 2, 2),
    "Ball": Ball(HALVES),
    "Rational": Rational(HALVES),
    "Differential": Differential.along(np.array(HALVES), 1.0),
    "Running": Running(HALVES),
    "Tensor": tensor("x", M, 3),
}
ARRAYS = {name: x for name, x in SAMPLES.items() if name != "Tensor"}
UFUNCS = sorted(get_overridable_numpy_ufuncs(), key=lambda f: f.__name__)
ARRAY_FUNCTIONS = sorted(get_overridable_numpy_array_functions(), key=lambda f: (f.__module__, f.__name__))

# functions that make arrays of something else: they dispatch on their argument `like` alone
CONSTRUCTORS = {
    np.arange,
    np.array,
    np.asanyarray,
    np.asarray,
    np.ascontiguousarray,
    np.asfortranarray,
    np.empty,
    np.eye,
    np.frombuffer,
    np.fromfile,
    np.fromfunction,
    np.fromiter,
    np.fromstring,
    np.full,
    np.genfromtxt,
    np.identity,
    np.loadtxt,
    np.ones,
    np.require,
    np.tri,
    np.zeros,
}


def vetted(x, function):
    return function in (TENSOR_FUNCTIONS if isinstance(x, Tensor) else type(x).vetted())


@pytest.mark.parametrize("name", SAMPLES)
def test_every_ufunc_is_vetted_or_refused(name):
    x = SAMPLES[name]
    assert len(UFUNCS) > 80
    refused = 0
    for ufunc in UFUNCS:
        if ufunc.__name__ in x.table or ufunc is np.matmul:
            continue
        with pytest.raises(Refused, match=f"np.{ufunc.__name__} is not vetted on {name}"):
            ufunc(*[x] * ufunc.nin)
        refused += 1
    assert refused + len(set(x.table) & {f.__name__ for f in UFUNCS}) + 1 >= len(UFUNCS)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_entry_of_the_table_is_a_ufunc(name):
    assert set(SAMPLES[name].table) <= {*(f.__name__ for f in UFUNCS), "erf"}


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("method", ["reduce", "accumulate", "outer", "reduceat", "at"])
def test_methods_of_ufuncs_are_refused(name, method):
    x = SAMPLES[name]
    arguments = {"outer": (x, x), "reduceat": (x, [0]), "at": (x, [0], x)}.get(method, (x,))
    with pytest.raises(Refused):
        getattr(np.add, method)(*arguments)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("options", [{"where": False}, {"dtype": float}, {"casting": "unsafe"}], ids=str)
def test_options_of_ufuncs_are_refused(name, options):
    with pytest.raises(Refused):
        np.add(SAMPLES[name], SAMPLES[name], **options)


PATTERNS = [
    lambda f, x: f(x),
    lambda f, x: f(x, x),
    lambda f, x: f(x, x, x),
    lambda f, x: f([x, x]),
    lambda f, x: f([x, x], x),
    lambda f, x: f([x, x], [x, x]),
    lambda f, x: f(0, x),
    lambda f, x: f(x, 0),
    lambda f, x: f(x, 0, x),
    lambda f, x: f(x, "f", x),
    lambda f, x: f(x, "f", [x]),
    lambda f, x: f(x, x, x, x),
    lambda f, x: f("ij,jk", x, x),
    lambda f, x: f("f", x),
    lambda f, x: f(len, 0, x),
    lambda f, x: f((x, x), (2, 2)),
]


def refuses(function, x):
    """Whether a function is refused in one of the ways that it can be called, and runs in none before."""
    for pattern in PATTERNS:
        try:
            pattern(function, x)
        except Refused:
            return True
        except (TypeError, ValueError, AttributeError):
            continue  # not a way to call this function
        raise AssertionError(f"np.{function.__name__} runs on {type(x).__name__}")
    return False


@pytest.mark.parametrize("name", SAMPLES)
def test_every_array_function_is_vetted_or_refused(name):
    x = SAMPLES[name]
    assert len(ARRAY_FUNCTIONS) > 250
    unreached = {f for f in ARRAY_FUNCTIONS if f not in CONSTRUCTORS and not vetted(x, f) and not refuses(f, x)}
    assert not unreached
    assert set(ARRAY_FUNCTIONS) >= CONSTRUCTORS


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("call", [lambda x: np.zeros((2,), like=x), lambda x: np.asarray([1.0], like=x), lambda x: np.eye(2, like=x)])
def test_constructors_are_refused_in_the_likeness_of_an_arithmetic(name, call):
    with pytest.raises(Refused):
        call(SAMPLES[name])


def test_a_mutant_that_vets_everything_is_caught(monkeypatch):
    monkeypatch.setattr(Ball, "__array_function__", lambda self, function, types, args, kwargs: function)
    with pytest.raises(AssertionError):
        test_every_array_function_is_vetted_or_refused("Ball")


def test_a_mutant_of_the_table_is_caught(monkeypatch):
    monkeypatch.setattr(Ball, "__array_ufunc__", lambda self, ufunc, method, *inputs, **options: self)
    with pytest.raises(pytest.fail.Exception):
        test_every_ufunc_is_vetted_or_refused("Ball")


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.sum(x, dtype=float),
        lambda x: np.sum(x, out=x),
        lambda x: np.sum(x, where=True),
        lambda x: np.sum(x, initial=0),
        lambda x: np.max(x, 0, None),
        lambda x: np.mean(x, dtype=float),
        np.where,
        lambda x: np.zeros_like(x, dtype=float),
        lambda x: np.stack([x], dtype=float, casting="unsafe"),
        lambda x: np.stack([x], out=np.empty((1, 2, 2), dtype=object)),
        lambda x: np.concatenate([x], dtype=float, casting="unsafe"),
        lambda x: np.concatenate([x], out=np.empty((2, 2), dtype=object)),
        lambda x: np.cumsum(x, dtype=float),
        lambda x: np.linalg.eigvalsh(x, UPLO="U"),
    ],
)
@pytest.mark.parametrize("name", SAMPLES)
def test_options_of_functions_are_refused(name, call):
    with pytest.raises(TypeError):
        call(SAMPLES[name])


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("axis", [2, -3, (0, 0), (0, 2)])
def test_an_axis_that_is_not_there_is_an_error(name, axis):
    for function in (np.sum, np.max, np.mean, np.prod):
        with pytest.raises(ValueError, match="axis"):
            function(ARRAYS[name], axis=axis)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_reduction_of_nothing_is_an_error(name):
    with pytest.raises(ValueError, match="no entries"):
        np.sum(ARRAYS[name][:0])
    with pytest.raises(ValueError, match="do not fit"):
        ARRAYS[name] @ ARRAYS[name][:1]


@pytest.mark.parametrize("cls", [Differential, Running])
@pytest.mark.parametrize(("function", "n"), CASES, ids=NAMES)
def test_every_vetted_function_runs(cls, function, n):
    """With the right values; Ball, Rational and Symbolic have tests of their own."""
    call = CALLS[function][n]
    got, expected = call(cls(fractions(ROWS))), np.asarray(call(fractions(ROWS)), dtype=object)
    assert type(got) is cls
    assert got.shape == expected.shape
    for entry, value in zip(np.asarray(got).ravel(), expected.ravel(), strict=True):
        assert abs(float(entry.value) - value) <= 1e-12


def test_every_vetted_function_is_called():
    assert set(CALLS) - {np.matmul} == set(FUNCTIONS) - NO_FRACTIONS


# --- arrays as objects -------------------------------------------------------------------------------------------------------------

METHODS = [name for name in dir(np.ndarray) if not name.startswith("_") and callable(getattr(np.ndarray, name))]


@pytest.mark.parametrize("name", ARRAYS)
def test_methods_that_bypass_the_dispatch_are_refused(name):
    for method in METHODS:
        if method not in ALLOWED_METHODS and method not in vars(ArrayMethods):
            with pytest.raises(Refused, match=f"write np.{method}"):
                getattr(ARRAYS[name], method)()
    assert {"argmax", "sort", "astype", "any", "all", "cumsum", "fill", "put"} <= set(METHODS) - ALLOWED_METHODS - set(vars(ArrayMethods))


@pytest.mark.parametrize("method", ["sum", "mean"])
@pytest.mark.parametrize("name", ARRAYS)
def test_methods_that_have_a_function_are_that_function(name, method):
    x = ARRAYS[name]
    for axis in (None, 0, 1):
        got, due = getattr(x, method)(axis), getattr(np, method)(x, axis=axis)
        assert type(got) is type(x)
        assert np.array_equal(np.shape(got), np.shape(due))
        assert [repr(entry) for entry in np.ravel(type(x).object_array(got))] == [
            repr(entry) for entry in np.ravel(type(x).object_array(due))
        ]


@pytest.mark.parametrize("name", ARRAYS)
def test_methods_that_only_move_numbers_keep_the_arithmetic(name):
    x = ARRAYS[name]
    for moved in (x.reshape(4), x.transpose(), x.T, x.copy(), x.ravel(), x.view(), copy.copy(x)):
        assert type(moved) is type(x)
        assert moved.dtype == object
    assert x.item(0) is x.tolist()[0][0]


IN_PLACE = [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow, operator.imatmul]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("change", IN_PLACE)
def test_operators_in_place_are_refused(name, change):
    with pytest.raises(Refused):
        change(SAMPLES[name], SAMPLES[name])


OTHERS = [operator.mod, operator.lshift, operator.and_, operator.xor, divmod]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("operation", OTHERS)
def test_other_operators_are_refused(name, operation):
    with pytest.raises(Refused):
        operation(SAMPLES[name], SAMPLES[name])


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("convert", [bool, float, int, complex, operator.index, round])
def test_conversions_are_refused(name, convert):
    x = SAMPLES[name]
    for operand in (x, x[0, 0]) if name in ARRAYS else (x,):
        with pytest.raises(TypeError):
            convert(operand)


@pytest.mark.parametrize("name", ["Symbolic", "Ball", "Rational", "Differential", "Running"])
def test_a_whole_number_counts(name):
    assert list(range(type(SAMPLES[name])(3))) == [0, 1, 2]
    with pytest.raises(TypeError):
        operator.index(type(SAMPLES[name])(2.5))


@pytest.mark.parametrize("x", [Ball(arb(3, 0.25)), Differential.along(3.0, 1.0), symbols("n", integer=True), Ball([3])])
def test_what_is_not_one_number_known_to_be_whole_does_not_count(x):
    with pytest.raises(TypeError):
        operator.index(x)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("store", [pickle.dumps, lambda x: x.dumps(), lambda x: x.tobytes(), lambda x: x.tofile("never")])
def test_pickling_is_refused(name, store):
    with pytest.raises(Refused):
        store(ARRAYS[name])


@pytest.mark.parametrize("name", ARRAYS)
def test_indexing_and_iteration_keep_the_arithmetic(name):
    x = ARRAYS[name]
    kept = [
        x[0],
        x[0, 1],
        x[0][1],
        x[..., 0],
        x[np.array([True, False])],
        x[[1, 0]],
        x[None],
        next(iter(x)),
        *list(x[0]),
        *[b for a in x for b in a],
    ]
    assert all(type(part) is type(x) for part in kept)
    assert x[0, 1].shape == ()
    assert len(x) == 2
    with pytest.raises(TypeError):
        iter(x[0, 0]).__next__()


@pytest.mark.parametrize("name", ARRAYS)
def test_assignment_keeps_the_arithmetic(name):
    x = ARRAYS[name].copy()
    number = type(x).number
    x[0, 0] = 0.5
    x[1] = x[0]
    x[0, 1] = x[0, 0] + 1
    x[..., 1:] = np.array([[2.0], [3.0]])
    assert str(x[0, 0].item()) == str(number(0.5)) == str(x[1, 0].item())
    assert str(x[1, 1].item()) == str(number(3.0))
    assert all(type(entry) is type(number(0.5)) or isinstance(entry, sp.Basic) for entry in np.asarray(x).ravel())
    for bad in (True, None, "1", float("nan"), [True, False]):
        with pytest.raises(Refused):
            x[0] = bad


@pytest.mark.parametrize("name", ARRAYS)
def test_decided_truth_values_are_numpys_own(name):
    one = ARRAYS[name] * 0 + 1
    decided = one + 1 > one if name != "Differential" else Differential(np.ones(2)) + 1 > Differential(np.ones(2))
    assert type(decided) is np.ndarray
    assert decided.dtype == bool
    assert decided.all()
    with pytest.raises(Refused):
        type(ARRAYS[name])(decided)


MIXED = [(a, b) for a in ARRAYS for b in ARRAYS if a != b]
ENTERS = {("Ball", "Rational"), ("Rational", "Ball"), ("Ball", "Differential"), ("Differential", "Ball"), ("Differential", "Rational")}


@pytest.mark.parametrize(("left", "right"), MIXED)
def test_arithmetics_mix_only_where_nothing_is_lost(left, right):
    a, b = ARRAYS[left], ARRAYS[right]
    try:
        result = a + b
    except TypeError:
        assert (left, right) not in ENTERS - {("Rational", "Ball")}
        return
    assert (left, right) in ENTERS
    assert type(result) is (Differential if "Differential" in (left, right) else Ball)


def test_the_classes_are_all_there():
    found = {cls.__name__ for cls in Numbers.__subclasses__() if cls.__module__.startswith("trainspec")}
    others = {Modular.__name__, "Scalars"}  # of points that are drawn (tests/spec/evidence/test_second.py), and Running's in float64
    assert found == {*ARRAYS, *others}
    assert all(type(x).__name__ == name for name, x in SAMPLES.items())
    assert isinstance(SAMPLES["Symbolic"], Symbolic)


# --- the place of the smallest -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Symbolic", "Ball", "Rational", "Differential", "Running"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_argmin_is_numpys(name, axis):
    rows = np.array([[1.5, -2.0, 0.25], [0.5, 3.0, -1.0], [1.5, 0.0, -4.0]])
    got = np.argmin(type(SAMPLES[name])(rows), axis=axis)
    np.testing.assert_array_equal(got, np.argmin(rows, axis=axis))
    assert not isinstance(got, Numbers)


def test_argmin_takes_the_first_at_a_tie():
    assert np.argmin(Rational([2, 1, 1])) == 1
    assert np.argmin(Ball([2, 1, 1])) == 1


@pytest.mark.parametrize("x", [symbols("x", 2), Ball([arb(1, 0.5), 1])])
def test_argmin_of_what_is_not_decided(x):
    with pytest.raises(Undecided):
        np.argmin(x)
