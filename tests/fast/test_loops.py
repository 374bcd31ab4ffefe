"""Kernels with written-out loops are their formulas: on symbols, within the rounding bound, refusal for refusal, on any threads."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from trainspec.fast import configure
from trainspec.fast._threads import WORKERS
from trainspec.reference import tree_leaves
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import Rational, Undecided, Verdict, symbols
from trainspec.spec.evidence import judge
from trainspec.spec.inputs.strategies import arguments

from ..support.kernels import (
    BAD_ARRAYS,
    BAD_NUMBERS,
    COMPONENTS,
    DTYPES,
    IMAGES,
    LARGE,
    LAYOUTS,
    LOOP_KERNELS,
    SMALL,
    WHOLE,
    arrays_of,
    assert_same_signature,
    bit_patterns,
    errors_in_bounds,
    in_format,
    loop_call,
    map_arrays,
    outcome,
    variants_of,
)

pytestmark = pytest.mark.sampled(3)

MADE = [(name, np.float32) for name in LOOP_KERNELS] + [
    (name, np.float64) for name in list(LOOP_KERNELS)[::4]
]  # threads: compiling takes seconds
TINY = [  # every border of the pieces below
    dict.fromkeys(("m", "batch", "examples"), m)
    | dict.fromkeys(("k", "inputs", "outputs", "classes", "d"), k)
    | {"n": m, "c": 2, "h": 1, "w": k, "samples": 2 * m, "clusters": k, "*batch": (m,), "*shape": (m, k)}
    for m in (1, 2, 5)
    for k in (1, 3)
]
SYMBOLS = 4  # of a batch x; where it has more entries they are integers, or a proof would take minutes
PIECES = {"ENTRIES": 4, "CLUSTER_ENTRIES": 4, "BLOCK": 2, "WIDTH": 2, "TILE": 8}  # what the sizes of pieces are, on symbols
AS_SYMBOLS = {  # what stands for parts of the kernels where nothing is known of a number's size
    **{"exp": np.exp, "log": np.log, "tanh": np.tanh, "exp_lifted": np.exp, "lowered": lambda y: y},
    **{"softplus": lambda z: np.logaddexp(0, z), "logistic": lambda z: np.exp(-np.logaddexp(0, -z))},
    **{"is_nonfinite": lambda _: False, "out_of_range": lambda *_: False, "has_nonfinite_square": lambda _: False},
}


def every(*names):
    return pytest.mark.parametrize("name", names or list(LOOP_KERNELS))


@every()
def test_signature_is_the_references_and_out(name):
    ours, theirs = LOOP_KERNELS[name]
    assert_same_signature(ours, theirs)
    assert ours.__name__ in sys.modules[ours.__module__].__all__


@pytest.mark.sampled(10)
@pytest.mark.parametrize("dtype", DTYPES)
@every(*WHOLE)
def test_within_the_rounding_bound_of_the_certified_value(name, dtype):
    seen = []

    @given(values=arguments(domains(LOOP_KERNELS[name][1].raw)))
    @settings(max_examples=15)
    def run(values):
        values = in_format(values, dtype)
        try:
            with np.errstate(all="ignore"):
                seen.append(max(errors_in_bounds(*LOOP_KERNELS[name], values, dtype)))
        except (Undecided, ZeroDivisionError, ValueError):  # outside the formula's own domain, or not decided by the bound
            assume(False)
        assert seen[-1] <= 1

    run()
    assert seen


@pytest.mark.sampled(18)
@pytest.mark.parametrize("dtype", DTYPES)
@every(*WHOLE)
def test_a_large_case_is_within_the_bound(name, dtype):
    axes = {axis: (2 if axis in IMAGES else 3) * length for axis, length in SMALL.items()}
    worst = [max(errors_in_bounds(*LOOP_KERNELS[name], loop_call(name, axes, dtype, **variant), dtype)) for variant in variants_of(name)]
    assert max(worst) <= 1
    assert max(worst) > 0 or name == "nearest_centres"  # its results are 0 and 1


def assigned(target, one, other):
    """A product of matrices of symbols."""
    target[...] = one @ other


@pytest.mark.sampled(8)
@pytest.mark.parametrize("axes", TINY, ids=lambda axes: f"{axes['m']}-{axes['k']}")
@every()
def test_the_loops_give_the_references_expressions_on_symbols(name, axes):
    """Plain Python takes the same loops over symbols, or over fractions, in pieces of a few entries."""
    ours, theirs = LOOP_KERNELS[name]
    fractions = ours.kernel.branches
    for variant in variants_of(name):
        values = loop_call(name, axes, np.float64, **variant)
        for key, domain in domains(theirs.raw).items():
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
        parts = PIECES | {"matrix_product": assigned} | (AS_SYMBOLS if not fractions else {"has_nonfinite_square": lambda _: False})
        new = [np.zeros(np.shape(array), object).view(type(array)) for array in wanted]
        assert not ours.kernel.run_in_python(new, tuple(values.values()), **parts)
        assert all(judge(array, other).verdict is Verdict.HOLDS for array, other in zip(new, wanted, strict=True))


@pytest.mark.sampled(27)
@pytest.mark.parametrize("layout", LAYOUTS)
@every()
def test_any_layout(name, layout):
    ours, _ = LOOP_KERNELS[name]
    for dtype in DTYPES:
        values = loop_call(name, SMALL, dtype)
        assert bit_patterns(ours(**map_arrays(values, LAYOUTS[layout]))) == bit_patterns(ours(**values))
        swapped = map_arrays(values, lambda array: array.astype(array.dtype.newbyteorder(">")))
        assert bit_patterns(ours(**swapped)) == bit_patterns(ours(**values))


@pytest.mark.sampled(6)
@pytest.mark.parametrize("axes", [SMALL, LARGE], ids=["alone", "threads"])
@every(*WHOLE)
def test_out_takes_the_result(name, axes):
    ours, _ = LOOP_KERNELS[name]
    values = loop_call(name, axes)
    wanted = ours(**values)
    for change in (np.empty_like, *LAYOUTS.values()):
        out = map_arrays(wanted, lambda array: change(np.zeros(array.shape, array.dtype)))  # noqa: B023 - used at once
        if not all(array.flags.writeable for array in arrays_of(out)):
            with pytest.raises(ValueError, match=rf"{name}\(\): out.*got a read-only array"):
                ours(**values, out=out)
            continue
        got = ours(**values, out=out)
        assert all(array is other for array, other in zip(arrays_of(got), arrays_of(out), strict=True))
        assert bit_patterns(map_arrays(got, np.ascontiguousarray)) == bit_patterns(wanted)
    if isinstance(wanted, tuple):
        got = ours(**values, out=tuple(None if i else np.empty_like(array) for i, array in enumerate(wanted)))
        assert bit_patterns(got) == bit_patterns(wanted)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("dtype", DTYPES)
@every(*COMPONENTS)
def test_a_part_is_what_the_whole_gives(name, dtype):
    ours, _ = LOOP_KERNELS[name]
    whole = LOOP_KERNELS[ours.kernel.whole.reference.__name__][0]
    for variant in variants_of(name):
        for axes in (SMALL, LARGE):
            values = loop_call(name, axes, dtype, **variant)
            wanted = whole(**values)[ours.kernel.index]
            assert bit_patterns((ours(**values),)) == bit_patterns((wanted,))
            out = np.empty(wanted.shape, dtype)
            assert ours(**values, out=out) is out
            assert bit_patterns(out) == bit_patterns(np.asarray(wanted))


@every(*WHOLE)
def test_a_number_may_go_to_an_array_without_axes(name):
    ours, theirs = LOOP_KERNELS[name]
    for variant in variants_of(name):
        values = loop_call(name, **variant)
        wanted = tree_leaves(ours(**values))
        assert [type(array) for array in wanted] == [type(tree_leaf) for tree_leaf in tree_leaves(theirs(**values))]
        out = tuple(np.empty(array.shape, np.float32) for array in wanted)
        ours(**values, out=out if len(out) > 1 else out[0])
        assert bit_patterns(out) == bit_patterns(tuple(map(np.asarray, wanted)))


@every()
def test_valid_calls_take_the_fast_path(name, monkeypatch):
    ours, _ = LOOP_KERNELS[name]
    values = loop_call(name)
    wanted = ours(**values)  # compiled by now
    monkeypatch.setattr(ours.kernel, "slow_path", lambda *_: pytest.fail("the slow path was taken"))
    assert bit_patterns(ours(**values)) == bit_patterns(wanted)
    ours(**values, out=map_arrays(wanted, np.empty_like))


@every()
def test_out_is_refused_and_nothing_written(name):
    ours, _ = LOOP_KERNELS[name]
    values = loop_call(name)
    wanted = ours(**values)
    before = bit_patterns(tuple(values.values()))
    memory = [array for array in arrays_of(values) if array.dtype == np.float32]
    cases = [
        (lambda array: array.astype(np.float64), TypeError, "a float64 array"),
        (lambda array: np.zeros((*array.shape, 2), array.dtype), ValueError, "must have shape"),
        (lambda array: array.view(np.memmap), TypeError, "memmap|array"),
        (list, TypeError, "list"),
    ]
    for other in memory:  # its first entries, and its last
        if other.size >= max(array.size for array in arrays_of(wanted)):
            cases += [
                (lambda array, other=other: other.reshape(-1)[: array.size].reshape(array.shape), ValueError, "got memory of"),
                (lambda array, other=other: other.reshape(-1)[-array.size :].reshape(array.shape), ValueError, "got memory of"),
            ]
    for change, error, message in cases:
        for which in range(len(arrays_of(wanted))):
            seen = iter(range(99))
            out = map_arrays(wanted, lambda array: change(array) if next(seen) == which else np.empty_like(array))  # noqa: B023 - used at once
            with pytest.raises(error, match=rf"{name}\(\): out.*{message}"):
                ours(**values, out=out)
            assert bit_patterns(tuple(values.values())) == before
    for out in ([wanted], (np.empty(1),) * 9, ()):
        with pytest.raises((TypeError, ValueError), match=rf"{name}\(\): out"):
            ours(**values, out=out)


@every()
def test_results_may_not_share_memory(name):
    ours, _ = LOOP_KERNELS[name]
    values = loop_call(name)
    wanted = ours(**values)
    if len(arrays_of(wanted)) < 2:
        return
    memory = np.zeros(max(array.size for array in arrays_of(wanted)), np.float32)
    with pytest.raises(ValueError, match=rf"{name}\(\): out\[1\] must have memory of its own, got memory of out\[0\]"):
        ours(**values, out=tuple(memory[: array.size].reshape(array.shape) for array in wanted))


@every()
def test_bad_arrays_are_refused_as_by_the_reference(name):
    ours, theirs = LOOP_KERNELS[name]
    ours(**loop_call(name))
    for case, change in BAD_ARRAYS.items():
        for which in range(len(arrays_of(loop_call(name)))):
            seen = iter(range(99))
            values = map_arrays(loop_call(name), lambda array: change(array) if next(seen) == which else array)  # noqa: B023 - used at once
            wanted, got = outcome(theirs, values), outcome(ours, values)
            assert (got == wanted) if isinstance(wanted, tuple) else not isinstance(got, tuple), (case, which)


@every()
def test_bad_numbers_are_refused_as_by_the_reference(name):
    ours, theirs = LOOP_KERNELS[name]
    for key, domain in domains(theirs.raw).items():
        if domain.kind in ("number", "count", "flag", "choice"):
            for number in BAD_NUMBERS:
                values = loop_call(name, **{key: number})
                wanted, got = outcome(theirs, values), outcome(ours, values)
                assert (got == wanted) if isinstance(wanted, tuple) else not isinstance(got, tuple), (key, number)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("axes", [SMALL, LARGE], ids=["alone", "threads"])
@every(*WHOLE)
def test_nonfinite_entries_are_found_anywhere_and_named(name, axes):
    ours, theirs = LOOP_KERNELS[name]
    for which, lane in enumerate(arrays_of(loop_call(name, axes))):
        if lane.dtype.kind != "f":
            continue
        for bad in (np.nan, np.inf, -np.inf):
            for index in (0, lane.size // 2, lane.size - 1):
                values = loop_call(name, axes)
                arrays_of(values)[which].reshape(-1)[index] = bad
                with pytest.raises(ValueError, match=rf"^{name}\(\): .* must .*, got .* at index .*$") as wanted:
                    theirs(**values)
                assert outcome(ours, values) == (ValueError, str(wanted.value))


@every()
def test_float16_is_refused(name):
    with pytest.raises(TypeError, match=rf"{name}\(\): .* must be a float32 array or a float64 array, got a float16 array"):
        LOOP_KERNELS[name][0](**loop_call(name, SMALL, np.float16))


def test_bits_do_not_depend_on_the_number_of_threads():
    before, digests = WORKERS.count + 1, set()
    try:
        for threads in (1, 2, 3):
            configure(threads=threads)
            results = [LOOP_KERNELS[name][0](**loop_call(name, LARGE, dtype)) for name, dtype in MADE]
            digests.add(str([bit_patterns(result) for result in results]))
    finally:
        configure(threads=before)
    assert len(digests) == 1


DIGEST = """
import hashlib, sys
sys.path.insert(0, {folder!r})
from trainspec.fast._threads import WORKERS
from tests.fast.test_loops import MADE
from tests.support.kernels import LARGE, LOOP_KERNELS, SMALL, bit_patterns, loop_call
total = hashlib.sha256()
for name, dtype in MADE:
    for axes in (SMALL, LARGE):
        total.update(repr(bit_patterns(LOOP_KERNELS[name][0](**loop_call(name, axes, dtype, seed=1)))).encode())
print(WORKERS.count + 1, total.hexdigest())
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
    kernel = LOOP_KERNELS[name][0].kernel
    small, large = (max(array.nbytes for array in arrays_of(loop_call(name, axes))) for axes in (SMALL, LARGE))
    assert small < kernel.parallel_from_bytes <= large or kernel.parallel_from_bytes == math.inf
