"""What the kernels share: other arities, overlap, the twins in machine code, the cache, the threads, and what is left alone."""

import inspect
import itertools
import math
import os
import random
import subprocess
import sys
import threading
from types import FunctionType
from typing import TYPE_CHECKING

import numba
import numpy as np
import pytest
from trainspec import fast
from trainspec.fast import _frontend, _jit, momentum
from trainspec.fast._elementwise import loops
from trainspec.fast._elementwise.kernel import ElementwiseKernel
from trainspec.fast._loops import lanes
from trainspec.fast._threads import ALONE, WORKERS
from trainspec.reference import domains, validation
from trainspec.reference import momentum as reference

pytestmark = pytest.mark.sampled(2)

if TYPE_CHECKING:
    from trainspec.reference.domains import Array, Decay, Rate


def python(code, **environment):
    run = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(run, env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout.split()


def test_import_loads_neither_numba_nor_what_the_specification_needs():
    heavy = "numba", "sympy", "hypothesis", "flint", "jaxtyping", "trainspec.spec"
    loaded = "import sys; print(*[name for name in {} if name in sys.modules])"
    assert python(f"import trainspec.fast; {loaded.format(heavy)}") == []
    code = f"from trainspec import fast; [getattr(fast, name) for name in fast.__all__]; {loaded.format(heavy[1:])}"
    assert python(code) == []
    assert python("import trainspec.fast as f; print(*f.__all__, hasattr(f, 'nothing'))") == [*fast.__all__, "False"]


def test_the_process_is_left_as_it_was():
    code = """
import os, numba, numpy as np
from numba.core import config
from trainspec.reference import momentum
momentum.heavy_ball(1.0, 1.0, 1.0, lr=0.1, momentum=0.9)  # the validation's jaxtyping imports JAX where there is one, which sets variables
state = lambda: (dict(os.environ), numba.get_num_threads(), config.THREADING_LAYER, config.NUMBA_NUM_THREADS, np.geterr())
before = state()
from trainspec.fast import momentum
big = np.ones(200000, np.float32)
momentum.heavy_ball(big, big, big, lr=0.1, momentum=0.9)
print(state() == before)
"""
    assert python(code) == ["True"]


def test_machine_code_is_kept_for_the_next_process(tmp_path):
    code = """
import numpy as np
from trainspec.fast import momentum
one = np.ones(3)
momentum.heavy_ball(one, one, one, lr=0.1, momentum=0.9)
(code,) = momentum.heavy_ball.kernel.machine_code.values()
print(sum(code.stats.cache_hits.values()), sum(code.stats.cache_misses.values()))
"""
    assert [python(code, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)] == [["0", "1"], ["1", "0"]]


def test_machine_code_is_kept_under_the_formulas_file_and_digests_of_both():
    derived = momentum.heavy_ball.kernel.ir
    loop = loops.specialize_loop(loops.run_chunks, derived)
    assert inspect.getsourcefile(loop) == reference.__file__
    assert loop.__qualname__ == f"heavy_ball_run_chunks_{derived.digest}_{_jit.source_digest()}"
    assert derived.digest != momentum.heavy_ball_lr_outside.kernel.ir.digest


def test_without_a_folder_the_machine_code_is_made_all_the_same():
    nowhere = FunctionType((lambda x: x + 1).__code__.replace(co_filename="<nowhere>"), {})
    assert _jit.compiled(nowhere, cache=True)(1) == 2
    with pytest.raises(RuntimeError, match="other"):
        _jit.compiled(nowhere, (_ for _ in ()).throw(RuntimeError("other")))


def descent(theta: "Array", grad: "Array", *, lr: "Rate") -> "Array":
    return theta - lr * grad


def averages(theta: "Array", grad: "Array", a: "Array", b: "Array", *, decay: "Decay") -> "tuple[Array, Array, Array]":
    theta = theta - a / b
    a, b = decay * a + grad, decay * b + grad**2
    return theta, a, b


def decayed(theta: "Array", *, lr: "Rate", decay: "Decay", scale: "Rate") -> "Array":
    rest = lr * decay
    lr = scale - rest
    return theta - lr * (rest * theta)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("raw", "places", "numbers"), [(descent, [0], (0.1,)), (averages, [0, 2, 3], (0.7,)), (decayed, [0], (0.1, 0.2, 0.3))]
)
def test_any_number_of_arrays_and_numbers(raw, places, numbers, dtype):
    raw.__globals__.update(vars(domains))
    kernel = ElementwiseKernel(raw)
    names = list(inspect.signature(raw).parameters)
    for size in (5, 5000, 50000):
        arrays = tuple(np.random.default_rng(k).random(size, dtype) + 1 for k in range(len(names) - len(numbers)))
        wanted = raw(*arrays, **dict(zip(names[len(arrays) :], numbers, strict=True)))
        every = wanted if isinstance(wanted, tuple) else (wanted,)
        got = kernel(None, *arrays, *numbers)
        assert [array.tobytes() for array in (got if isinstance(wanted, tuple) else (got,))] == [value.tobytes() for value in every]
        own = tuple(arrays[index] for index in places)
        kernel(own if isinstance(wanted, tuple) else own[0], *arrays, *numbers)
        assert [array.tobytes() for array in own] == [value.tobytes() for value in every]


def logarithmic(theta: "Array", *, lr: "Rate") -> "Array":
    return lr * np.log(theta)


def summed(theta: "Array", *, lr: "Rate") -> "Array":
    return theta - lr * np.sum(theta)


@pytest.mark.parametrize("raw", [logarithmic, summed])
def test_what_is_not_read_entry_by_entry_is_no_kernel(raw):
    raw.__globals__.update(vars(domains))
    with pytest.raises(NotImplementedError, match="is not an elementwise expression"):
        ElementwiseKernel(raw).ir  # noqa: B018


def test_check_no_overlap_is_what_numpy_says():
    rng, memory, seen = random.Random(0), np.zeros(40), set()
    machine, share = numba.njit(loops.check_no_overlap), np.shares_memory
    for _ in range(1000):
        size = rng.randrange(9)
        new, old, fixed = ([memory[(start := rng.randrange(32)) : start + size] for _ in range(n)] for n in (2, 2, 1))
        new = [array if rng.random() < 0.6 else same for array, same in zip(new, old, strict=True)]
        wanted = not share(*new) and not any(share(array, fixed[0]) for array in new)
        for j, k in itertools.product(range(2), repeat=2):
            wanted = wanted and (not share(new[j], old[k]) or (j == k and new[j].ctypes.data == old[j].ctypes.data))
        places = [loops.extents(arrays) for arrays in (new, old, fixed)]
        assert machine(*places, 8) is loops.check_no_overlap(*places, 8) is wanted
        seen.add(wanted)
    assert seen == {True, False}
    good = [(80 * k, 4) for k in range(5)]
    for position in range(5):
        for odd in ((80 * position, 3), (80 * position + 4, 4)):
            bad = [*good[:position], odd, *good[position + 1 :]]
            for five, wanted in ((good, True), (bad, False)):
                places = tuple(five[:2]), tuple(five[2:4]), tuple(five[4:])
                assert machine(*places, 8) is loops.check_no_overlap(*places, 8) is wanted


def test_the_twins_in_machine_code_do_as_the_pure_ones():
    at, rounded, places = (numba.njit(function) for function in TWINS)
    arrays = np.arange(5.0), np.arange(5.0) + 10, np.arange(5, dtype=np.float32)
    assert at(arrays, 3) == loops.index_all(arrays, 3) == (3.0, 13.0, 3.0)
    assert at((), 3) == loops.index_all((), 3) == ()
    for array, other in zip(at(arrays, slice(1, 9)), loops.index_all(arrays, slice(1, 9)), strict=True):
        np.testing.assert_array_equal(array, other)
    assert places(arrays) == loops.extents(arrays) == tuple((array.ctypes.data, 5) for array in arrays)
    assert places(()) == loops.extents(()) == ()
    assert rounded((0.1, 1e-60), arrays[2]) == loops.cast_all((0.1, 1e-60), arrays[2]) == (np.float32(0.1), 0.0)
    assert rounded((0.1,), arrays[0]) == loops.cast_all((0.1,), arrays[0]) == (0.1,)


def copy_in_lanes(new, old, count):
    """Copy two arrays, and say whether an entry is not finite."""
    target, before = loops.entries_of_all(new), loops.entries_of_all(old)
    width = lanes.lane_count(target[0])
    values = loops.load_all(before, 0)
    bad = loops.any_nonfinite(values)
    loops.store_all(target, 0, values)
    rest = loops.load_rest(before, width, count)
    loops.store_rest(target, width, count, loops.in_lanes(target, rest))
    bad = bad | loops.any_nonfinite(rest)
    return lanes.any_of_lanes(bad)


@np.errstate(invalid="ignore")
def test_lanes_are_copied_in_machine_code_as_in_python():
    machine = numba.njit(copy_in_lanes)
    for function, width in ((machine, 8), (copy_in_lanes, lanes.LANES_IN_PYTHON)):
        for count in range(1, width):
            for index, value in itertools.product((None, *range(width + count + 1)), (np.inf, -np.inf, np.nan)):
                old = np.arange(2.0 * (width + count + 1)).reshape(2, -1)
                if index is not None:
                    old[1, index] = value
                new = np.full_like(old, -1)
                assert function(tuple(new), tuple(old), count) == (index is not None and index < width + count)
                np.testing.assert_array_equal(new[:, : width + count], old[:, : width + count])
                assert np.all(new[:, width + count :] == -1)  # nothing is written behind the end


TWINS = (  # functions that machine code may call, not functions to be compiled themselves
    lambda arrays, where: loops.index_all(arrays, where),  # noqa: PLW0108
    lambda numbers, array: loops.cast_all(numbers, array),  # noqa: PLW0108
    lambda arrays: loops.extents(arrays),  # noqa: PLW0108
)


def ranged(
    *, lr: "domains.Rate", decay: "domains.Decay", condition: "domains.Condition", smallest: "domains.Rate", largest: "domains.Largest"
) -> float:
    raise NotImplementedError


def test_the_fast_path_accepts_the_numbers_that_the_validator_accepts():
    stated = validation.domains(ranged)
    valid = {"lr": 0.1, "decay": 0.5, "condition": 2.0, "smallest": 0.5, "largest": 3.0}
    accepts = _frontend.FastPath(_frontend.Frontend(ranged)).compile("True")
    assert accepts(**valid)
    for name, domain in stated.items():
        least, largest = domain.interval.float_range()
        below = [least, math.nextafter(least, -math.inf), math.nextafter(least, math.inf)]
        above = [largest, math.nextafter(largest, -math.inf), math.nextafter(largest, math.inf)]
        for value in (*below, *above, 0.5, math.nextafter(0.5, 0), math.nan, True, 1):
            values = valid | {name: value}
            try:
                for key in stated:
                    validation.ArgumentValidator("f", values).validate(key, values[key], stated[key])
            except (TypeError, ValueError):
                with pytest.raises(_frontend.MISSES):
                    accepts(**values)
            else:
                assert accepts(**values)


def only_the_validator_can_tell(*, loss: "domains.ExtendedLoss") -> float:
    raise NotImplementedError


def test_a_number_that_only_the_validator_can_judge_takes_the_slow_path():
    with pytest.raises(ValueError, match=r"^$"):
        _frontend.FastPath(_frontend.Frontend(only_the_validator_can_tell)).compile("True")(loss=1.0)


def test_python_threads_may_call_at_once():
    three = [np.random.default_rng(k).random(200001) for k in range(3)]
    wanted = [array.tobytes() for array in momentum.heavy_ball(*three, lr=0.1, momentum=0.9)]
    results = []

    def work():
        for _ in range(5):
            results.append([array.tobytes() for array in momentum.heavy_ball(*three, lr=0.1, momentum=0.9)] == wanted)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 20


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_from_the_size_on_where_they_pay(dtype, monkeypatch):
    seen = []
    momentum.heavy_ball(*(np.ones(3, dtype),) * 3, lr=0.1, momentum=0.9)
    code = momentum.heavy_ball.kernel.machine_code[np.dtype(dtype)]
    spy = lambda workers, *rest: seen.append(workers != ALONE) or code(workers, *rest)  # noqa: E731
    monkeypatch.setattr(WORKERS, "count", max(1, WORKERS.count))
    monkeypatch.setitem(momentum.heavy_ball.kernel.machine_code, np.dtype(dtype), spy)
    edge = momentum.heavy_ball.kernel.parallel_from_bytes // np.dtype(dtype).itemsize
    for shape in (1, edge - 1, edge, 2 * edge, (2, edge // 4), (2, edge // 2)):
        momentum.heavy_ball(*(np.ones(shape, dtype),) * 3, lr=0.1, momentum=0.9)
    assert seen == [False, False, True, True, False, True]
