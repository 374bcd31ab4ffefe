"""Arrays of symbolic shape: at concrete sizes and numbers they are NumPy's arrays, exactly."""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from trainspec.spec.arithmetic import Refused, Symbolic, Tensor, partial, tensor
from trainspec.spec.arithmetic.prover import normal
from trainspec.spec.arithmetic.tensors import FUNCTIONS

from . import layers
from .sampling import ELEMENTARY

M, N, K = sp.symbols("m n k", integer=True, positive=True)
SIZES = [{M: 2, N: 3, K: 4}, {M: 3, N: 1, K: 2}, {M: 1, N: 2, K: 1}]
DATA = {"x": (M, N), "y": (M, N), "w": (N, K), "d": (M, K), "b": (N,), "c": (M, 1)}
ARGUMENTS = {name: tensor(name, *shape) for name, shape in DATA.items()}


def numbers(shape, seed):
    """Small fractions, a few of them 0 or equal."""
    rng = np.random.default_rng(seed)
    flat = [Fraction(int(rng.integers(-4, 5)), int(rng.integers(1, 4))) for _ in range(int(np.prod(shape)))]
    return np.array(flat, dtype=object).reshape(shape)


def data(sizes):
    return {name: numbers([sizes.get(s, s) for s in shape], seed) for seed, (name, shape) in enumerate(DATA.items())}


def sympified(x):
    return sp.Rational(x.numerator, x.denominator)


def instance(element, sizes, values):
    """An expression at concrete sizes: sums written out, entries replaced by numbers."""
    concrete = element.subs(sizes).doit()
    indexed = {atom: sympified(values[atom.base.name][tuple(int(i) - 1 for i in atom.indices)]) for atom in concrete.atoms(sp.Indexed)}
    return concrete.xreplace(indexed)


def element_indices(result, entry, sizes):
    """The indices, from 1, of the entry at a place of NumPy's array; an axis of several indices counts them in its order."""
    for index, part in zip(entry, result.parts, strict=True):
        yield from (int(i) + 1 for i in np.unravel_index(index, [int(sp.sympify(size).subs(sizes)) for _, size in part]))


def check(call, sizes, compare=lambda got, wanted: got == sympified(wanted), form=lambda element: element):
    """Every entry of a call on tensors, instantiated, is the entry of the call on arrays; the shapes agree."""
    values = data(sizes)
    values["c"] = values["c"].reshape(-1, 1)
    result, wanted = call(**ARGUMENTS), np.asarray(call(**values), dtype=object)
    flat = {**values, "c": values["c"][:, 0]}
    assert tuple(sp.sympify(s).subs(sizes) for s in result.sizes) == wanted.shape
    for index in np.ndindex(*wanted.shape):
        got = instance(form(result.at(*element_indices(result, index, sizes))), sizes, flat)
        assert compare(got, wanted[index]), f"{result} at {index} is {got}, not {wanted[index]}"


CALLS = {
    "sum": lambda x, **_: np.sum(x),
    "sum-0": lambda x, **_: np.sum(x, axis=0),
    "sum-1-kept": lambda x, **_: np.sum(x, axis=-1, keepdims=True),
    "sum-both": lambda x, **_: np.sum(x, axis=(0, 1), keepdims=True),
    "sum-of-size-1": lambda c, **_: np.sum(c, axis=1),
    "sum-of-squared-sums": lambda x, **_: np.sum(np.sum(x, axis=1) ** 2),
    "product-of-sums": lambda x, y, **_: np.sum(x, axis=0) * np.sum(y, axis=0) + np.sum(x) * np.sum(x),
    "prod": lambda b, **_: np.prod(b),
    "prod-of-differences": lambda b, **_: np.prod(2 * b - 1) * np.prod(b),
    "linalg-outer": lambda b, **_: np.linalg.outer(b, 2 * b),
    "mean": lambda x, **_: np.mean(x),
    "mean-0": lambda x, **_: np.mean(x, axis=0),
    "mean-1-kept": lambda x, **_: x - np.mean(x, axis=1, keepdims=True),
    "mean-tuple": lambda x, **_: np.mean(x, axis=(0, 1)),
    "max": lambda x, **_: np.max(x) - np.max(x, axis=0) * np.max(2 * x, axis=1, keepdims=True),
    "min": lambda x, y, **_: np.min(x, axis=(0, 1), keepdims=True) + np.sum(np.min(x - np.max(y, axis=0), axis=1)),
    "matmul": lambda x, w, **_: x @ w,
    "matmul-vector": lambda x, b, **_: x @ b,
    "vector-matmul": lambda b, w, **_: b @ w,
    "dot": lambda b, **_: b @ b,
    "matmul-thrice": lambda x, w, d, **_: np.transpose(x) @ d @ np.transpose(w),
    "cumsum": lambda b, **_: np.cumsum(b),
    "cumsum-0": lambda x, **_: np.cumsum(x, axis=0),
    "cumsum-last": lambda x, y, **_: np.sum(y * np.cumsum(x, axis=-1), axis=1),
    "cumsum-of-size-1": lambda c, **_: np.cumsum(c, axis=1),
    "ages": lambda b, **_: np.cumsum(np.ones_like(b)) * b,
    "cumsum-twice": lambda b, **_: np.cumsum(np.cumsum(b)),
    "where": lambda x, y, **_: np.where(x > y, x, y * 2),
    "where-equal": lambda b, **_: np.where(
        np.expand_dims(np.cumsum(np.ones_like(b)), 1) == np.cumsum(np.ones_like(b)) + 1 - 1, np.expand_dims(b, 1), b**2
    ),
    "where-broadcast": lambda x, b, c, **_: np.where(b >= 0, x, c),
    "maximum": lambda x, b, **_: np.maximum(x, b) + np.minimum(x, 0),
    "modulus": lambda x, **_: np.abs(x) * np.sign(x),
    "transpose": lambda x, **_: np.transpose(x),
    "T": lambda x, **_: x.T,
    "transpose-order": lambda x, **_: np.transpose(x, (1, 0)),
    "transpose-same": lambda x, **_: np.transpose(x, (0, 1)),
    "expand-first": lambda b, **_: np.expand_dims(b, 0),
    "expand-middle": lambda x, **_: np.expand_dims(x, 1),
    "expand-several": lambda x, b, **_: np.expand_dims(b, (0, -1)) * np.expand_dims(x, 2),
    "outer": lambda b, **_: np.expand_dims(b, 1) * np.expand_dims(b, -2),
    "expand-both": lambda b, **_: np.expand_dims(b, (0, 2)),
    "reshape-flat": lambda x, **_: np.reshape(x, (-1,)) - 2 * np.reshape(x, -1) ** 2,
    "reshape-rows": lambda x, w, **_: np.reshape(np.expand_dims(x, 2) * w, (-1, np.shape(w)[1])),
    "reshape-unit": lambda x, b, **_: np.reshape(np.reshape(x, (np.shape(x)[0], 1, -1)) * b, np.shape(x)),
    "reshape-and-back": lambda x, y, **_: np.reshape(np.reshape(x, (-1,)) * np.reshape(y, (-1,)), np.shape(x)) + x,
    "sum-of-reshaped": lambda x, w, **_: np.sum(np.reshape(np.expand_dims(x, 2) * w, (-1, np.shape(w)[1])), axis=0),
    "mean-of-reshaped": lambda x, w, **_: np.mean(np.reshape(np.transpose(np.expand_dims(x, 2) * w, (0, 2, 1)), (-1, np.shape(w)[0])), 0),
    "centred-reshaped": lambda x, **_: np.reshape(x, (1, -1)) - np.mean(np.reshape(x, (1, -1)), axis=1, keepdims=True),
    "row": lambda x, b, **_: x * b + 1,
    "column": lambda x, c, **_: (x + c) ** 2 - 3 * c,
    "ones": lambda x, **_: np.ones_like(x) + np.zeros_like(x),
    "shape": lambda x, **_: x * np.shape(x)[0] / np.shape(x)[1] + np.ndim(x),
    "square": lambda x, **_: np.square(x) - x**2 + (-x) + (+x),
    "dense": layers.dense_of,
    "dense-backward": lambda x, w, d, **_: layers.dense_backward(x, w, d)[0],
}


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_a_tensor_at_concrete_sizes_is_numpys_array(name, sizes):
    check(CALLS[name], sizes)


@pytest.mark.parametrize("name", CALLS)
def test_the_normal_form_at_concrete_sizes_is_numpys_array(name):
    check(CALLS[name], SIZES[0], form=normal)


RIGHT = dict(FUNCTIONS)
MUTANTS = {
    np.sum: RIGHT[np.mean],
    np.mean: RIGHT[np.sum],
    np.cumsum: lambda x, axis=None: x,
    np.transpose: lambda x, order=None: x,
    np.where: lambda c, a, b: RIGHT[np.where](c, b, a),
    np.ones_like: RIGHT[np.zeros_like],
}
WITNESS = {np.sum: "sum-0", np.mean: "mean", np.cumsum: "cumsum", np.transpose: "transpose", np.where: "where", np.ones_like: "ones"}


@pytest.mark.parametrize("function", MUTANTS, ids=lambda f: f.__name__)
def test_a_mutant_of_a_function_is_caught(function, monkeypatch):
    monkeypatch.setitem(FUNCTIONS, function, MUTANTS[function])
    with pytest.raises(AssertionError):
        check(CALLS[WITNESS[function]], SIZES[0])


@pytest.mark.parametrize(("name", "other"), [("maximum", "minimum"), ("greater", "less"), ("subtract", "add"), ("absolute", "positive")])
def test_a_mutant_of_the_table_is_caught(name, other, monkeypatch):
    monkeypatch.setattr(Tensor, "table", {**Tensor.table, name: Tensor.table[other]})
    with pytest.raises(AssertionError):
        [check(CALLS[call], SIZES[0]) for call in ("maximum", "where", "mean-1-kept", "modulus")]


def test_every_vetted_function_is_called():
    called = set().union(*(set(call.__code__.co_names) for call in CALLS.values()))
    assert {f.__name__ for f in FUNCTIONS} <= called


def test_ufuncs_are_those_of_symbols():
    assert set(Tensor.table) == set(Symbolic.table) == {*ELEMENTARY, "greater", "greater_equal", "less", "less_equal", "equal", "isfinite"}


def near(got, wanted):
    return abs(sp.N(got, 40) - wanted) < mpmath.mpf(10) ** -35


def mp(function):
    """A function of NumPy's on object arrays of fractions, at 50 digits."""
    return np.frompyfunc(lambda x: function(mpmath.mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else x), 1, 1)


@pytest.mark.parametrize("sizes", SIZES[:2], ids=str)
def test_batch_normalization_at_concrete_sizes(sizes):
    delta = Fraction(1, 7)
    ours = layers.batchnorm(ARGUMENTS["x"], ARGUMENTS["b"], ARGUMENTS["b"] ** 2, Tensor(delta))
    values = data(sizes)
    with mpmath.workdps(50):
        mean = np.mean(values["x"], axis=0)
        spread = mp(mpmath.sqrt)(np.mean((values["x"] - mean) ** 2, axis=0) + delta)
        wanted = mp(lambda x: x)(values["b"] * (values["x"] - mean)) / spread + mp(lambda x: x)(values["b"] ** 2)
        for i, j in np.ndindex(*wanted.shape):
            assert near(instance(ours.at(i + 1, j + 1), sizes, values), wanted[i, j])


@pytest.mark.parametrize("sizes", SIZES[:2], ids=str)
def test_softmax_cross_entropy_at_concrete_sizes(sizes):
    loss = layers.cross_entropy(ARGUMENTS["x"], ARGUMENTS["y"])
    values = data(sizes)
    with mpmath.workdps(50):
        powers = mp(mpmath.exp)(values["x"])
        wanted = -np.sum(
            mp(lambda x: x)(values["y"]) * (mp(lambda x: x)(values["x"]) - np.expand_dims(mp(mpmath.log)(np.sum(powers, axis=1)), 1))
        )
        assert near(instance(loss.element, sizes, values), wanted)


def test_a_maximum_stays_one_of_its_array():
    x = ARGUMENTS["x"]
    largest = np.max(x, axis=1, keepdims=True)
    assert largest.sizes == (M, 1)
    assert np.max(x, axis=0).sizes == (N,)
    assert largest.element.has(sp.IndexedBase("x", real=True))
    assert instance(np.max(x).element, SIZES[0], data(SIZES[0])) == max(map(sympified, data(SIZES[0])["x"].ravel()))


BRANCHES = {
    "a size": lambda x: x if x.shape[0] == 64 else 2 * x,
    "a shape": lambda x: x if np.shape(x) == (64, 32) else 2 * x,
    "two sizes": lambda x: x if x.shape[0] == x.shape[1] else 2 * x,
    "an order": lambda x: x if x.shape[0] < 3 else 2 * x,
    "an inequality": lambda x: x if x.shape[0] != 64 else 2 * x,
    "a truth value": lambda x: x if x.shape[0] - 1 else 2 * x,
    "a choice": lambda x: x if x.shape[0] in (3, 4) else 2 * x,
    "a remainder": lambda x: x if x.shape[0] % 2 else 2 * x,
    "half of it": lambda x: x if x.shape[0] // 2 * 2 == x.shape[0] else 2 * x,
    "a table": lambda x: {64: 1}.get(x.shape[0], 2) * x,
    "a loop": lambda x: sum(k * x for k in range(x.shape[0])),
    "a slice": lambda x: x[: x.shape[0] // 2],
    "an integer": lambda x: x if int(x.shape[0]) == 3 else 2 * x,
    "the smaller of two": lambda x: x * min(x.shape),
    "an axis": lambda x: np.sum(x, axis=x.shape[0] - 1),
    "a length": lambda x: x * len(x),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_a_branch_on_a_size_that_is_not_decided_is_refused(name):
    with pytest.raises(TypeError):  # Refused is one
        BRANCHES[name](ARGUMENTS["x"])


def test_a_branch_on_a_size_that_is_decided_is_taken():
    x = ARGUMENTS["x"]
    assert (x if x.shape[0] > 0 else 2 * x) is x
    assert (x if x.shape[0] == x.shape[0] else 2 * x) is x
    assert np.max(x, axis=1, keepdims=True).shape[1] == 1
    assert [2 * k for k in range(tensor("y", M, 3).shape[1])] == [0, 2, 4]


def test_an_axis_may_run_over_several_indices():
    x = tensor("x", M, (N, K))
    assert x.shape == (M, N * K)
    assert np.shape(np.reshape(x, (M, N, -1))) == (M, N, K)
    assert np.shape(np.reshape(x, (M * N, K)).T) == (K, M * N)
    assert x.at(1, 2, 3) == np.reshape(x, (M * N, K)).at(1, 2, 3)


def test_partial_derivatives_pick_entries():
    p, q = sp.symbols("p q", integer=True, positive=True)
    x, w = ARGUMENTS["x"], ARGUMENTS["w"]
    entry = sp.IndexedBase("x", real=True)[p, q]
    assert normal(partial(np.sum(x * x), "x", p, q)) == 2 * entry
    assert normal(partial(np.sum(x @ w), "x", p, q) - np.sum(w, axis=1).at(q)) == 0


@pytest.mark.parametrize("sizes", [{M: 2, N: 3, K: 2}], ids=str)
@pytest.mark.parametrize(
    "call",
    [
        lambda x, y: np.sum(y * np.cumsum(x, axis=1)),
        lambda x, y: np.sum((x - np.mean(x, axis=0)) ** 2 * y),
        lambda x, y: np.sum(np.cumsum(np.cumsum(x, axis=0), axis=0) ** 2),
    ],
)
def test_partial_derivatives_at_concrete_sizes(call, sizes):
    """The derivative by a generic entry, normalized and instantiated, is the derivative of the instance."""
    p, q = sp.symbols("p q", integer=True, positive=True)
    loss = call(ARGUMENTS["x"], ARGUMENTS["y"])
    generic = normal(partial(loss, "x", p, q))
    concrete, entries = loss.element.subs(sizes).doit(), sp.IndexedBase("x", real=True)
    for i, j in itertools.product(range(1, 3), range(1, 4)):
        assert sp.expand(generic.subs(sizes).subs({p: i, q: j}).doit() - sp.diff(concrete, entries[i, j])) == 0


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda x, b, w: x @ x, ValueError),
        (lambda x, b, w: x + w, ValueError),
        (lambda x, b, w: np.sum(x, axis=2), ValueError),
        (lambda x, b, w: np.sum(x, axis=(0, 0)), ValueError),
        (lambda x, b, w: np.max(x, axis=-3), ValueError),
        (lambda x, b, w: np.expand_dims(b, 2), ValueError),
        (lambda x, b, w: np.expand_dims(b, (0, 0)), ValueError),
        (lambda x, b, w: np.reshape(x, (M, N, 2)), ValueError),
        (lambda x, b, w: np.reshape(x, (N, M)), Refused),  # entries in NumPy's order, but no index is split
        (lambda x, b, w: np.reshape(tensor("y", 2 * M), (2, M)), Refused),
        (lambda x, b, w: np.reshape(x, -1) + tensor("y", M * N), Refused),
        (lambda x, b, w: np.reshape(x, -1) + np.reshape(x.T, -1), Refused),
        (lambda x, b, w: np.reshape(x, -1) @ np.reshape(x, -1), Refused),
        (lambda x, b, w: np.cumsum(np.reshape(x, -1)), Refused),
        (lambda x, b, w: np.prod(np.reshape(x, -1)), Refused),
        (lambda x, b, w: np.cumsum(x), Refused),
        (lambda x, b, w: np.cumsum(b, axis=1), ValueError),
        (lambda x, b, w: x + np.ones(3), Refused),
        (lambda x, b, w: np.where(np.array([True]), x, x), Refused),
        (lambda x, b, w: bool(x > 0), Refused),
        (lambda x, b, w: float(b @ b), TypeError),
    ],
)
def test_what_does_not_fit_is_refused(call, error):
    with pytest.raises(error):
        call(ARGUMENTS["x"], ARGUMENTS["b"], ARGUMENTS["w"])
