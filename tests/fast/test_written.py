"""Kernels with written-out loops are their formulas: on symbols, within the rounding bound, refusal for refusal, on any threads."""

import importlib
import itertools
import math
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import assume, given, settings
from trainspec import fast
from trainspec.fast import _written
from trainspec.reference import tree_leaves, tree_map
from trainspec.reference.limits import IndexInto
from trainspec.reference.validation import domains as stated
from trainspec.spec.arithmetic import Rational, Undecided, Verdict, symbols
from trainspec.spec.evidence import judge
from trainspec.spec.inputs.strategies import arguments

from .test_elementwise import BAD_ARRAYS, BAD_NUMBERS, DTYPES, LAYOUTS, bits, lanes, mapped, refusal, same_signature, within
from .test_evidence import errors_of

KERNELS = {
    name: (made, made.kernel.reference)
    for chapter in fast.CHAPTERS
    for name, made in vars(importlib.import_module(f"trainspec.fast.{chapter}")).items()
    if isinstance(getattr(made, "kernel", None), _written.Written)
}
WHOLE = [name for name, (made, _) in KERNELS.items() if not isinstance(made.kernel, _written.Part)]
PARTS = [name for name in KERNELS if name not in WHOLE]
MADE = [(name, np.float32) for name in KERNELS] + [(name, np.float64) for name in list(KERNELS)[::4]]  # threads: compiling takes seconds
NUMBERS = {  # arguments that are no arrays
    **{"eps": 1e-5, "momentum": 0.9, "correction": 0.5, "r_max": 1.5, "d_max": 0.5, "groups": 2},
    **{"smoothing": 0.25, "threshold": 1.5, "reduction": "none", "half": True, "iterations": 3},
}
TURNS = {"reduction": ("none", "mean", "sum"), "half": (True, False)}  # what some of them may be besides
SMALL = {  # lengths of axes, by name
    **{"m": 5, "k": 7, "batch": 5, "inputs": 3, "outputs": 7, "examples": 5, "classes": 7, "d": 7},
    **{"n": 5, "c": 4, "h": 2, "w": 3, "samples": 9, "clusters": 4, "*batch": (2, 3), "*shape": (5, 7)},
}
IMAGES = ("n", "c", "h", "w")
LARGE = {  # from where on threads are made
    **{"m": 300, "k": 400, "batch": 50, "inputs": 300, "outputs": 400, "examples": 9000, "classes": 3, "d": 3},
    **{"n": 30, "c": 6, "h": 20, "w": 30, "samples": 3000, "clusters": 3, "*batch": (3, 1000), "*shape": (300, 40)},
}
TINY = [  # every border of the pieces below
    dict.fromkeys(("m", "batch", "examples"), m)
    | dict.fromkeys(("k", "inputs", "outputs", "classes", "d"), k)
    | {"n": m, "c": 2, "h": 1, "w": k, "samples": 2 * m, "clusters": k, "*batch": (m,), "*shape": (m, k)}
    for m in (1, 2, 5)
    for k in (1, 3)
]
SYMBOLS = 4  # of a batch x; where it has more entries they are integers, or a proof would take minutes
PIECES = {"ENTRIES": 4, "STRETCH": 2, "WIDTH": 2, "TILE": 8}  # what the sizes of pieces are, on symbols
AS_SYMBOLS = {  # what stands for parts of the kernels where nothing is known of a number's size
    **{"exp": np.exp, "log": np.log, "tanh": np.tanh, "largest": np.max},
    **{"softplus": lambda z: np.logaddexp(0, z), "logistic": lambda z: np.exp(-np.logaddexp(0, -z))},
    **{"strange": lambda _: False, "outside": lambda *_: False, "not_finite": lambda _: False},
}
BRANCHING = ("huber", "relu", "centres", "means", "lloyd")  # in the names of kernels that ask how large a number is: fractions for symbols


def every(*names):
    return pytest.mark.parametrize("name", names or list(KERNELS))


def made(domain, key, axes, array):
    """An argument of a domain, its arrays from array(name, shape, domain)."""
    if domain.kind == "state":
        return domain.hint(*(made(one, field, axes, array) for field, one in domain.fields.items()))
    if domain.kind == "array":
        lengths = [axes[axis] for axis in domain.hint.dim_str.split()]
        return array(key, tuple(one for length in lengths for one in (length if isinstance(length, tuple) else (length,))), domain)
    return NUMBERS[key]


def turns(name):
    """Every combination of the arguments that are neither arrays nor real numbers."""
    keys = [key for key in stated(KERNELS[name][1].raw) if key in TURNS]
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*(TURNS[key] for key in keys))]


def call(name, axes=SMALL, dtype=np.float32, seed=0, **changed):
    """The arguments of one call, by name."""
    rng = np.random.default_rng(seed)

    def array(key, shape, domain):
        if domain.whole:
            (index,) = (limit for limit in domain.limits if isinstance(limit, IndexInto))
            return rng.integers(0, axes[stated(raw)[index.argument].hint.dim_str.split()[index.axis]], shape)
        numbers = rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 3, shape)
        return np.asarray(within(domain, numbers, rng), dtype)

    raw = KERNELS[name][1].raw
    return {key: made(domain, key, axes, array) for key, domain in stated(raw).items()} | changed


def errors_in_bounds(name, values, dtype):
    """How far each result is from the certified one, in units of what rounding explains."""
    return errors_of(*KERNELS[name], values, dtype)


@every()
def test_signature_is_the_references_and_out(name):
    ours, theirs = KERNELS[name]
    same_signature(ours, theirs)
    assert ours.__name__ in sys.modules[ours.__module__].__all__


@pytest.mark.parametrize("dtype", DTYPES)
@every(*WHOLE)
def test_within_the_rounding_bound_of_the_certified_value(name, dtype):
    seen = []

    @given(values=arguments(stated(KERNELS[name][1].raw)))
    @settings(max_examples=15)
    def run(values):
        values = {
            key: tree_map(lambda one: one.astype(dtype) if lanes("", one) and one.dtype.kind == "f" else one, value)
            for key, value in values.items()
        }
        try:
            with np.errstate(all="ignore"):
                seen.append(max(errors_in_bounds(name, values, dtype)))
        except (Undecided, ZeroDivisionError, ValueError):  # outside the formula's own domain, or not decided by the bound
            assume(False)
        assert seen[-1] <= 1

    run()
    assert seen


@pytest.mark.parametrize("dtype", DTYPES)
@every(*WHOLE)
def test_a_large_case_is_within_the_bound(name, dtype):
    axes = {axis: (2 if axis in IMAGES else 3) * length for axis, length in SMALL.items()}
    worst = [max(errors_in_bounds(name, call(name, axes, dtype, **turn), dtype)) for turn in turns(name)]
    assert max(worst) <= 1
    assert max(worst) > 0 or name == "nearest_centres"  # its results are 0 and 1


def assigned(target, one, other):
    """A product of matrices of symbols."""
    target[...] = one @ other


@pytest.mark.parametrize("axes", TINY, ids=lambda axes: f"{axes['m']}-{axes['k']}")
@every()
def test_the_kernels_own_code_gives_the_references_expressions(name, axes):
    """Plain Python takes the same loops over symbols, or over fractions, in pieces of a few entries."""
    ours, theirs = KERNELS[name]
    fractions = any(word in name for word in BRANCHING)
    for turn in turns(name):
        values = call(name, axes, np.float64, **turn)
        for key, domain in stated(theirs.raw).items():
            if fractions:
                values[key] = (
                    values[key] if domain.kind in ("choice", "flag", "count") else Rational(np.round(2 * values[key]) / 2)
                )  # some at the kinks
            elif domain.kind == "array" and not domain.whole:
                shape = np.shape(values[key])
                many = key == "x" and np.size(values[key]) > SYMBOLS
                letters = symbols(key, *shape, positive=bool(domain.limits))
                values[key] = 0 * letters + np.random.default_rng(0).integers(-9, 10, shape) if many else letters
            elif domain.kind == "number":
                values[key] = symbols(key, positive=True)
        wanted = tree_leaves(theirs.raw(**values))
        parts = PIECES | {"product": assigned} | (AS_SYMBOLS if not fractions else {"not_finite": lambda _: False})
        new = [np.zeros(np.shape(one), object).view(type(one)) for one in wanted]
        assert not ours.kernel.in_python(new, tuple(values.values()), **parts)
        assert all(judge(one, other).verdict is Verdict.HOLDS for one, other in zip(new, wanted, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
@every()
def test_any_layout(name, layout):
    ours, _ = KERNELS[name]
    for dtype in DTYPES:
        values = call(name, SMALL, dtype)
        assert bits(ours(**mapped(values, LAYOUTS[layout]))) == bits(ours(**values))
        swapped = mapped(values, lambda one: one.astype(one.dtype.newbyteorder(">")))
        assert bits(ours(**swapped)) == bits(ours(**values))


@pytest.mark.parametrize("axes", [SMALL, LARGE], ids=["alone", "threads"])
@every(*WHOLE)
def test_out_takes_the_result(name, axes):
    ours, _ = KERNELS[name]
    values = call(name, axes)
    wanted = ours(**values)
    for change in (np.empty_like, *LAYOUTS.values()):
        out = mapped(wanted, lambda one: change(np.zeros(one.shape, one.dtype)))  # noqa: B023 - used at once
        if not all(one.flags.writeable for one in lanes("", out)):
            with pytest.raises(ValueError, match=f"{name}: out.*a read-only array came"):
                ours(**values, out=out)
            continue
        got = ours(**values, out=out)
        assert all(one is other for one, other in zip(lanes("", got), lanes("", out), strict=True))
        assert bits(mapped(got, np.ascontiguousarray)) == bits(wanted)
    if isinstance(wanted, tuple):
        got = ours(**values, out=tuple(None if i else np.empty_like(one) for i, one in enumerate(wanted)))
        assert bits(got) == bits(wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@every(*PARTS)
def test_a_part_is_what_the_whole_gives(name, dtype):
    ours, _ = KERNELS[name]
    whole = KERNELS[ours.kernel.whole.reference.__name__][0]
    for turn in turns(name):
        for axes in (SMALL, LARGE):
            values = call(name, axes, dtype, **turn)
            wanted = whole(**values)[ours.kernel.place]
            assert bits((ours(**values),)) == bits((wanted,))
            out = np.empty(wanted.shape, dtype)
            assert ours(**values, out=out) is out
            assert bits(out) == bits(np.asarray(wanted))


@every(*WHOLE)
def test_a_number_may_go_to_an_array_without_axes(name):
    ours, theirs = KERNELS[name]
    for turn in turns(name):
        values = call(name, **turn)
        wanted = tree_leaves(ours(**values))
        assert [type(one) for one in wanted] == [type(one) for one in tree_leaves(theirs(**values))]
        out = tuple(np.empty(one.shape, np.float32) for one in wanted)
        ours(**values, out=out if len(out) > 1 else out[0])
        assert bits(out) == bits(tuple(map(np.asarray, wanted)))


@every()
def test_what_is_plainly_right_goes_straight_through(name, monkeypatch):
    ours, _ = KERNELS[name]
    values = call(name)
    wanted = ours(**values)  # compiled by now
    monkeypatch.setattr(ours.kernel, "careful", lambda *_: pytest.fail("looked at with care"))
    assert bits(ours(**values)) == bits(wanted)
    ours(**values, out=mapped(wanted, np.empty_like))


@every()
def test_out_is_refused_and_nothing_written(name):
    ours, _ = KERNELS[name]
    values = call(name)
    wanted = ours(**values)
    before = bits(tuple(values.values()))
    memory = [one for one in lanes("", values) if one.dtype == np.float32]
    cases = [
        (lambda one: one.astype(np.float64), TypeError, "float64 array came"),
        (lambda one: np.zeros((*one.shape, 2), one.dtype), ValueError, "shape .* came"),
        (lambda one: one.view(np.memmap), TypeError, "(memmap|array) came"),
        (list, TypeError, "list came"),
    ]
    for other in memory:  # its first entries, and its last
        if other.size >= max(one.size for one in lanes("", wanted)):
            cases += [
                (lambda one, other=other: other.reshape(-1)[: one.size].reshape(one.shape), ValueError, "memory of .* came"),
                (lambda one, other=other: other.reshape(-1)[-one.size :].reshape(one.shape), ValueError, "memory of .* came"),
            ]
    for change, error, words in cases:
        for which in range(len(lanes("", wanted))):
            seen = iter(range(99))
            out = mapped(wanted, lambda one: change(one) if next(seen) == which else np.empty_like(one))  # noqa: B023 - used at once
            with pytest.raises(error, match=rf"{name}: out.*{words}"):
                ours(**values, out=out)
            assert bits(tuple(values.values())) == before
    for out in ([wanted], (np.empty(1),) * 9, ()):
        with pytest.raises((TypeError, ValueError), match=rf"{name}: out"):
            ours(**values, out=out)


@every()
def test_results_may_not_share_memory(name):
    ours, _ = KERNELS[name]
    values = call(name)
    wanted = ours(**values)
    if len(lanes("", wanted)) < 2:
        return
    memory = np.zeros(max(one.size for one in lanes("", wanted)), np.float32)
    with pytest.raises(ValueError, match=rf"{name}: out\[1\]: memory of out\[0\] came"):
        ours(**values, out=tuple(memory[: one.size].reshape(one.shape) for one in wanted))


@every()
def test_bad_arrays_are_refused_as_by_the_reference(name):
    ours, theirs = KERNELS[name]
    ours(**call(name))
    for case, change in BAD_ARRAYS.items():
        for which in range(len(lanes("", call(name)))):
            seen = iter(range(99))
            values = mapped(call(name), lambda one: change(one) if next(seen) == which else one)  # noqa: B023 - used at once
            wanted, got = refusal(theirs, values), refusal(ours, values)
            assert (got == wanted) if isinstance(wanted, tuple) else not isinstance(got, tuple), (case, which)


@every()
def test_bad_numbers_are_refused_as_by_the_reference(name):
    ours, theirs = KERNELS[name]
    for key, domain in stated(theirs.raw).items():
        if domain.kind in ("number", "count", "flag", "choice"):
            for number in BAD_NUMBERS:
                values = call(name, **{key: number})
                wanted, got = refusal(theirs, values), refusal(ours, values)
                assert (got == wanted) if isinstance(wanted, tuple) else not isinstance(got, tuple), (key, number)


@pytest.mark.parametrize("axes", [SMALL, LARGE], ids=["alone", "threads"])
@every(*WHOLE)
def test_what_strays_is_found_anywhere_and_named(name, axes):
    ours, theirs = KERNELS[name]
    for which, lane in enumerate(lanes("", call(name, axes))):
        if lane.dtype.kind != "f":
            continue
        for bad in (np.nan, np.inf, -np.inf):
            for place in (0, lane.size // 2, lane.size - 1):
                values = call(name, axes)
                lanes("", values)[which].reshape(-1)[place] = bad
                with pytest.raises(ValueError, match=rf"^{name}\(\): .* must .*, got .* at index .*$") as wanted:
                    theirs(**values)
                assert refusal(ours, values) == (ValueError, str(wanted.value))


@every()
def test_float16_is_refused(name):
    with pytest.raises(TypeError, match=f"{name}: .*: float16 array came; allowed: float32"):
        KERNELS[name][0](**call(name, SMALL, np.float16))


def test_bits_do_not_depend_on_the_number_of_threads():
    before, digests = numba.get_num_threads(), set()
    try:
        for threads in range(1, before + 1):
            numba.set_num_threads(threads)
            results = [KERNELS[name][0](**call(name, LARGE, dtype)) for name, dtype in MADE]
            digests.add(str([bits(result) for result in results]))
    finally:
        numba.set_num_threads(before)
    assert len(digests) == 1


DIGEST = """
import hashlib, sys, numba
sys.path.insert(0, {folder!r})
from tests.fast.test_written import KERNELS, LARGE, MADE, SMALL, bits, call
total = hashlib.sha256()
for name, dtype in MADE:
    for axes in (SMALL, LARGE):
        total.update(repr(bits(KERNELS[name][0](**call(name, axes, dtype, seed=1)))).encode())
print(numba.get_num_threads(), total.hexdigest())
"""


def test_bits_do_not_depend_on_the_process():
    seen = set()
    for threads in ("1", "4"):
        code = DIGEST.format(folder=str(Path(__file__).parents[2]))
        run = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "NUMBA_NUM_THREADS": threads}, capture_output=True, text=True, check=True
        )
        count, digest = run.stdout.split()
        assert count == threads
        seen.add(digest)
    assert len(seen) == 1


@every()
def test_threads_from_the_size_on_where_they_pay(name):
    kernel = KERNELS[name][0].kernel
    small, large = (max(one.nbytes for one in lanes("", call(name, axes))) for axes in (SMALL, LARGE))
    assert small < kernel.threads_from <= large or kernel.threads_from == math.inf
