"""Kernels with written-out loops are their formulas: on symbols, within the rounding bound, refusal for refusal, on any threads."""

import importlib
import inspect
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
from trainspec.reference import FORMULAS
from trainspec.reference._door import domains as stated
from trainspec.reference.domains import IndexInto
from trainspec.spec.arithmetic import Ball, Undecided, Verdict, certified, leafwise, leaves, rounding_bound, symbols
from trainspec.spec.domains import arguments
from trainspec.spec.evidence import judge

from .test_elementwise import BAD_ARRAYS, BAD_NUMBERS, DTYPES, LAYOUTS, bits, lanes, mapped, refusal

KERNELS = {
    name: (made, formula)
    for chapter in fast.__all__
    for name, made in vars(importlib.import_module(f"trainspec.fast.{chapter}")).items()
    if isinstance(getattr(made, "kernel", None), _written.Written)
    for formula in FORMULAS.values()
    if formula.raw is made.kernel.raw
}
NUMBERS = {
    "eps": 1e-5,
    "momentum": 0.9,
    "correction": 0.5,
    "r_max": 1.5,
    "d_max": 0.5,
    "groups": 2,
}  # of each kernel's arguments; a choice takes all of its values in turn
SMALL = {"m": 5, "k": 7, "n": 5, "c": 4, "h": 2, "w": 3, "inputs": 5}  # lengths of axes, by name
IMAGES = ("n", "c", "h", "w")
LARGE = {"m": 300, "k": 400, "n": 30, "c": 6, "h": 20, "w": 30, "inputs": 300}  # from where on threads are made
TINY = [
    {"m": m, "k": k, "n": m, "c": 2, "h": 1, "w": k, "inputs": m} for m in (1, 2, 5) for k in (1, 3)
]  # every border of the pieces below
SYMBOLS = 4  # of x; where it has more entries they are integers, and a proof takes seconds
PIECES = {"ENTRIES": 4, "STRETCH": 2, "WIDTH": 2, "TILE": 8}  # what the sizes of pieces are, on symbols


def every(*names):
    return pytest.mark.parametrize("name", names or list(KERNELS))


def made(domain, key, axes, array):
    """An argument of a domain, its arrays from array(name, shape, domain)."""
    if domain.kind == "state":
        return domain.hint(*(made(one, field, axes, array) for field, one in domain.fields.items()))
    if domain.kind == "array":
        return array(key, tuple(axes[axis] for axis in domain.hint.dim_str.split()), domain)
    return NUMBERS[key]


def call(name, axes=SMALL, dtype=np.float32, seed=0, **changed):
    """The arguments of one call, by name."""
    rng = np.random.default_rng(seed)

    def array(key, shape, domain):
        if domain.whole:
            (index,) = (limit for limit in domain.limits if isinstance(limit, IndexInto))
            return rng.integers(0, axes[stated(raw)[index.argument].hint.dim_str.split()[index.axis]], shape)
        numbers = rng.standard_normal(shape) * 10.0 ** rng.integers(-2, 3, shape)
        return np.asarray(np.abs(numbers) if domain.limits else numbers, dtype)

    raw = KERNELS[name][1].raw
    return {key: made(domain, key, axes, array) for key, domain in stated(raw).items()} | changed


def errors_in_bounds(name, values, dtype):
    """How far each result is from the certified one, in units of what rounding explains."""
    ours, theirs = KERNELS[name]
    got = leaves(ours(**values))
    exact = leaves(certified(theirs.raw, **values, dtype=dtype))
    bounds = leaves(rounding_bound(theirs.raw, **values, dtype=dtype))
    for mine, ball, bound in zip(got, exact, bounds, strict=True):
        distance = np.array([float(abs(one).upper()) for one in Ball.plain(Ball(mine) - ball).ravel()]).reshape(np.shape(bound))
        yield np.max(np.where(distance == 0, 0, distance / np.where(bound == 0, np.finfo(float).tiny, bound)), initial=0)


@every()
def test_signature_is_the_references_and_out(name):
    ours, theirs = KERNELS[name]
    parameters = dict(inspect.signature(ours).parameters)
    out = parameters.pop("out")
    assert (out.kind, out.default) == (out.KEYWORD_ONLY, None)
    assert list(parameters.values()) == list(inspect.signature(theirs.raw).parameters.values())
    assert inspect.signature(ours).return_annotation == inspect.signature(theirs.raw).return_annotation
    assert ours.__name__ in sys.modules[ours.__module__].__all__


@pytest.mark.parametrize("dtype", DTYPES)
@every()
def test_within_the_rounding_bound_of_the_certified_value(name, dtype):
    seen = []

    @given(values=arguments(stated(KERNELS[name][1].raw)))
    @settings(max_examples=15)
    def run(values):
        values = {
            key: leafwise(lambda one: one.astype(dtype) if lanes("", one) and one.dtype.kind == "f" else one, value)
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
@every()
def test_a_large_case_is_within_the_bound(name, dtype):
    assert (
        0
        < max(
            errors_in_bounds(
                name, call(name, {axis: length * (2 if axis in IMAGES else 6) for axis, length in SMALL.items()}, dtype), dtype
            )
        )
        <= 1
    )


@pytest.mark.parametrize("axes", TINY, ids=str)
@every()
def test_the_kernels_own_code_gives_the_references_expressions(name, axes):
    """Plain Python takes the same loops over symbols, in pieces of a few entries."""
    ours, theirs = KERNELS[name]
    raw = theirs.raw

    def array(key, shape, domain):
        letters = symbols(key, *shape, positive=bool(domain.limits))
        if key == "x" and letters.size > SYMBOLS:
            return 0 * letters + np.random.default_rng(0).integers(-9, 10, shape)
        return letters

    values = {key: made(domain, key, axes, array) for key, domain in stated(raw).items()}
    values |= {key: symbols(key, positive=True) for key, domain in stated(raw).items() if domain.kind == "number"}
    wanted = leaves(raw(**values))
    new = [symbols("result", *np.shape(one)) for one in wanted]
    pure = _written.in_python(ours.kernel.loops, strange=lambda _: False, **PIECES)
    assert not pure(*new, *(leaf for value in values.values() for leaf in leaves(value)))
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
@every()
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
            if case in ("huge", "huge and negative", "another dtype", "another order", "negative", "minus inf", "inf", "nan"):
                wanted, got = refusal(theirs, values), refusal(ours, values)
                assert (got == wanted) if isinstance(wanted, tuple) else not isinstance(got, tuple), (case, which)
            else:
                assert refusal(ours, values) == refusal(theirs, values), (case, which)


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
@every()
def test_what_strays_is_found_anywhere_and_named(name, axes):
    ours, theirs = KERNELS[name]
    for which, lane in enumerate(lanes("", call(name, axes))):
        if lane.dtype.kind != "f":
            continue
        for bad in (np.nan, np.inf, -np.inf):
            for place in (0, lane.size // 2, lane.size - 1):
                values = call(name, axes)
                lanes("", values)[which].reshape(-1)[place] = bad
                with pytest.raises(ValueError, match=rf"{name}: .* at index .* came") as wanted:
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
            results = [KERNELS[name][0](**call(name, LARGE, dtype)) for name in KERNELS for dtype in DTYPES]
            digests.add(str([bits(result) for result in results]))
    finally:
        numba.set_num_threads(before)
    assert len(digests) == 1


DIGEST = """
import hashlib, sys, numba
sys.path.insert(0, {folder!r})
from tests.fast.test_written import KERNELS, LARGE, SMALL, bits, call
total = hashlib.sha256()
for name, (kernel, _) in KERNELS.items():
    for dtype in ("float32", "float64"):
        for axes in (SMALL, LARGE):
            total.update(repr(bits(kernel(**call(name, axes, dtype, seed=1)))).encode())
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
    assert (
        max(one.nbytes for one in lanes("", call(name, SMALL)))
        < kernel.threads_from
        <= max(one.nbytes for one in lanes("", call(name, LARGE)))
    )
    assert math.isfinite(kernel.threads_from)
