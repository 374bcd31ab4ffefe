"""Loops that threads share do what plain loops do, whoever comes; and functions are written out as they are."""

import ast
import threading

import numpy as np
import pytest
from numba import prange, types
from trainspec.fast import _inlining, _parallel, configure
from trainspec.fast._jit import array_type, compiled, inlined
from trainspec.fast._loops.kernel import in_python
from trainspec.fast._threads import ALONE, WORKERS, run_shared
from trainspec.reference.syntax import compile_function, source_tree

from .test_machinery import python

STEP = 3


@inlined
def is_large(number, bound=2):
    return number > bound


@inlined
def double_large(row, bound):
    count = 0
    for STEP in range(row.size):  # a name that means something else outside
        count += is_large(row[STEP], bound)
        row[STEP] = row[STEP] * 2 if is_large(row[STEP], bound) else row[STEP] ** 2
    return count


@inlined
def halve(row):
    for i in range(row.size):
        row[i] = row[i] / 2


def passes(rows, first, times, halve_from=0):
    """Two loops, one of them in a loop, with names that could mean something else in what they are made into."""
    large, is_large = 0, 0
    for state in range(times):
        for last in prange(rows.shape[0]):
            large += double_large(rows[last], first + state + is_large)
    for i in prange(rows.shape[0] // STEP):
        halve(rows[STEP * i + halve_from])
    return large


SIGNATURE = types.int64(types.int64, array_type(np.dtype(float), 2), types.float64, types.int64)


@pytest.fixture(scope="module")
def shared():
    return compiled(_parallel.share_loops(passes, "", 3), [SIGNATURE])


@pytest.fixture
def restored():
    before = WORKERS.count + 1
    yield
    configure(threads=before)


def matrix(count=1001):
    return np.random.default_rng(0).integers(0, 32, (count, 7)) / 8  # whose powers are exact


@pytest.mark.parametrize("count", [0, 1, 2, 5, 1001])
def test_shared_loops_are_the_plain_ones(shared, restored, count):
    wanted = matrix(count)
    large = in_python(passes)(wanted, 2.0, 3)
    for threads in (1, 2, 3, 8):
        configure(threads=threads)
        for _ in range(20):
            got = matrix(count)
            assert run_shared(shared, got, 2.0, 3) == large
            assert got.tobytes() == wanted.tobytes()
    got = matrix(count)
    assert shared(ALONE, got, 2.0, 3) == large
    assert got.tobytes() == wanted.tobytes()


def test_nobody_is_waited_for_who_does_not_come(shared, restored):
    configure(threads=3)
    WORKERS.memory = np.zeros(_parallel.BYTES // 8 + 16, np.int64)
    WORKERS.address = -(-WORKERS.memory.ctypes.data // 128) * 128
    _parallel.prepare_memory(WORKERS.address, WORKERS.count)  # and no thread is started
    got, wanted = matrix(), matrix()
    assert run_shared(shared, got, 2.0, 1) == in_python(passes)(wanted, 2.0, 1)
    assert got.tobytes() == wanted.tobytes()


def test_who_is_inside_is_waited_for(shared, restored):
    """Somebody has entered the gate and leaves it later: the call does not return before."""
    configure(threads=2)
    WORKERS.memory = np.zeros(_parallel.BYTES // 8 + 16, np.int64)
    WORKERS.address = -(-WORKERS.memory.ctypes.data // 128) * 128
    _parallel.prepare_memory(WORKERS.address, WORKERS.count)
    gate = WORKERS.memory[(WORKERS.address - WORKERS.memory.ctypes.data + _parallel.GATE) // 8 :]
    gate[0] = 1
    done = []
    caller = threading.Thread(target=lambda: done.append(run_shared(shared, matrix(), 2.0, 0)))
    caller.start()
    caller.join(0.2)
    assert not done
    gate[0] -= 1
    caller.join()
    assert done == [0]


def failing(rows):
    bad = 0
    for i in prange(rows.shape[0]):
        if rows[i, 0] > 2:
            raise ValueError
        bad += 0
    return bad


def test_an_error_in_a_loop_is_counted():
    code = compiled(_parallel.share_loops(failing), [types.int64(types.int64, array_type(np.dtype(float), 2))])
    assert code(ALONE, np.zeros((3, 1))) == 0
    assert code(ALONE, np.full((3, 1), 3.0)) == 1


def test_a_forked_process_computes_as_its_parent():
    code = """
import os
import numpy as np
from trainspec.fast import configure, momentum
configure(threads=3)
big = np.ones(200000, np.float32)
step = lambda: momentum.heavy_ball(big, big, big, lr=0.1, momentum=0.9)[0].sum()
before = step()
child = os.fork()
if not child:
    os._exit(0 if step() == before else 1)
print(os.waitpid(child, 0)[1], step() == before)
"""
    assert python(code) == ["0", "True"]


@pytest.mark.parametrize("function", [double_large, halve])
def test_functions_are_written_out_as_they_are(function):
    raw = function.py_func
    space = {**raw.__globals__, "double_large": double_large, "halve": halve}
    bound = ", bound" * (function is double_large)
    definition = ast.parse(f"def caller(row, bound):\n    STEP = {raw.__name__}(row{bound})\n    return STEP")
    tree, names = _inlining.write_out_calls(definition.body[0], space)
    text = ast.unparse(tree)
    assert "double_large(" not in text
    assert "halve(" not in text
    assert "if is_large(" in text or raw is halve.py_func  # conditions may keep it from being called
    pure = {name: getattr(value, "py_func", value) for name, value in names.items()}
    got, wanted = matrix(1)[0], matrix(1)[0]
    plain = compile_function(source_tree(raw), {**space, "is_large": is_large.py_func})
    arguments = (2.0,) if raw is double_large.py_func else ()
    assert compile_function(tree, pure)(got, 2.0) == plain(wanted, *arguments)
    assert got.tobytes() == wanted.tobytes()
