"""The options change what they say, in a process that asks for them, and nothing else."""

import sys

import pytest

from .test_machinery import python

STEP = """
import numpy as np
from trainspec.fast import momentum
one = np.random.default_rng(0).standard_normal(100003).astype(np.float32)
step = lambda: momentum.heavy_ball(one, one, one, lr=0.1, momentum=0.9)
"""
DIGEST = f"{STEP}\nimport hashlib; print(hashlib.sha256(step()[0].tobytes()).hexdigest())"
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are seen and pinned on Linux")


def test_after_the_first_kernel_it_is_too_late():
    code = (
        STEP + "step()\nfrom trainspec import fast\ntry: fast.options(spin=0)\nexcept RuntimeError as error: print(str(error).split()[0])"
    )
    assert python(code) == ["options:"]


@pytest.mark.parametrize(
    ("option", "words"),
    [("spin=-1", "spin: -1 came"), ("spin=True", "spin: True came"), ("vector_bits=128", "vector_bits: 128 came; allowed: 256")],
)
def test_what_is_not_allowed_is_refused(option, words):
    code = f"from trainspec import fast\ntry: fast.options({option})\nexcept ValueError as error: print(error)"
    assert " ".join(python(code)).startswith(f"options: {words}")


@pytest.mark.parametrize("option", ["", "spin=10000", "vector_bits=256", "flush_subnormals=True"])
def test_results_are_the_same(option):
    assert python(f"from trainspec import fast\nfast.options({option})\n{DIGEST}") == python(DIGEST)


def test_spin_is_what_openmp_is_told():
    assert python("from trainspec import fast; import os; fast.options(spin=77); print(os.environ['GOMP_SPINCOUNT'])") == ["77"]
    assert python("from trainspec import fast; import os; fast.options(); print('GOMP_SPINCOUNT' in os.environ)") == ["False"]


@linux
def test_workers_are_pinned_and_the_caller_is_not():
    code = """
import numba, os
before = os.sched_getaffinity(0)
from trainspec import fast
fast.options(pin=True)
pinned = sum(os.sched_getaffinity(int(task)) != before for task in os.listdir("/proc/self/task"))
print(os.sched_getaffinity(0) == before, pinned == min(len(before), numba.get_num_threads()) - 1)
"""
    assert python(code) == ["True", "True"]


def test_subnormals_are_flushed_where_it_is_asked_and_only_there():
    code = """
import numpy as np
from trainspec import fast
{option}
from trainspec.fast import momentum
seen = []
for size in (3, 200000):
    theta, grad, velocity = np.zeros(size), np.zeros(size), np.full(size, 1e-310)
    velocity = momentum.heavy_ball(theta, grad, velocity, lr=0.1, momentum=0.5)[1]
    seen.append((velocity == 0).all())
print(*seen, 1e-310 / 2 > 0, (np.full(9, 1e-310) / 2 > 0).all())
"""
    assert python(code.format(option="fast.options(flush_subnormals=True)")) == ["True", "True", "True", "True"]
    assert python(code.format(option="")) == ["False", "False", "True", "True"]
