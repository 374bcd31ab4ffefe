"""The settings change what they say, in a process that asks for them, and nothing else."""

import os
import subprocess
import sys

import pytest

from .test_machinery import python

pytestmark = pytest.mark.sampled(2)

STEP = """
import numpy as np
from trainspec.fast import momentum
one = np.random.default_rng(0).standard_normal(100003).astype(np.float32)
step = lambda: momentum.heavy_ball(one, one, one, lr=0.1, momentum=0.9)
"""
DIGEST = f"{STEP}\nimport hashlib; print(hashlib.sha256(step()[0].tobytes()).hexdigest())"
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are seen and pinned on Linux")


def test_after_the_first_kernel_it_is_too_late():
    late = "try: fast.configure(flush_subnormals=True)\nexcept RuntimeError as error: print(str(error).split()[0])"
    code = f"{STEP}step()\nfrom trainspec import fast\n{late}"
    assert python(code) == ["configure():"]


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("spin_count=-1", "spin_count must be an integer from 0 to 1000000000, got -1"),
        ("threads=0", "threads must be an integer from 1 to 4096, got 0"),
        ("threads=True", "threads must be an integer from 1 to 4096, got True"),
        ("vector_bits=128", "vector_bits must be 256"),
    ],
)
def test_what_is_not_allowed_is_refused(option, words):
    code = f"from trainspec import fast\ntry: fast.configure({option})\nexcept ValueError as error: print(error)"
    assert " ".join(python(code)).startswith(f"configure(): {words}")


def test_the_old_name_warns():
    code = "import warnings; warnings.simplefilter('always')\nfrom trainspec import fast; from trainspec.fast._threads import WORKERS\n"
    code += "with warnings.catch_warnings(record=True) as seen: fast.options(spin=77)\n"
    assert python(code + "print(seen[0].category.__name__, WORKERS.looks)") == ["DeprecationWarning", "77"]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("option", ["", "threads=3", "spin_count=0", "vector_bits=256", "flush_subnormals=True"])
def test_results_are_the_same(option):
    assert python(f"from trainspec import fast\nfast.configure({option})\n{DIGEST}") == python(DIGEST)


def test_there_are_as_many_threads_as_asked():
    count = "\nprint(sum(thread.name == 'trainspec.fast' for thread in threading.enumerate()))"
    for threads in (1, 2, 5):
        code = f"import threading; from trainspec import fast; fast.configure(threads={threads})\n{STEP}step(){count}"
        assert python(code, NUMBA_NUM_THREADS="3") == [str(threads - 1)]
    assert python(f"import threading\n{STEP}step(){count}", NUMBA_NUM_THREADS="3") == ["2"]


@linux
def test_workers_are_pinned_and_the_caller_is_not():
    code = """
import os
before = os.sched_getaffinity(0)
from trainspec import fast
fast.configure(threads=2, pin_threads=True)
pinned = sum(os.sched_getaffinity(int(task)) != before for task in os.listdir("/proc/self/task"))
print(os.sched_getaffinity(0) == before, pinned == min(len(before), 2) - 1)
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
    assert python(code.format(option="fast.configure(flush_subnormals=True)")) == ["True", "True", "True", "True"]
    assert python(code.format(option="")) == ["False", "False", "True", "True"]


def test_a_notice_says_once_that_a_kernel_takes_long_to_compile(tmp_path):
    code = """
import sys, io
sys.stderr = io.StringIO()
import numpy as np
from trainspec import fast
from trainspec.fast import _jit, losses
{option}
_jit.Notices.after = 0.0
for dtype in (np.float32, np.float64):
    losses.softmax(np.ones((2, 3), dtype))
print(sys.stderr.getvalue())
"""
    words = ["trainspec.fast:", "compiling", "softmax", "for", "float32", "…"]
    assert python(code.format(option=""), NUMBA_CACHE_DIR=str(tmp_path)) == words
    assert python(code.format(option="fast.configure(compile_notices=False)"), NUMBA_CACHE_DIR=str(tmp_path)) == []


def test_warm_up_compiles_what_is_called_later(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", "from trainspec.spec.cli import main; main()", "fast", "warm-up"]
    run = subprocess.run([*command, "relu", "--dtype", "float64"], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "compiled for float64: relu\n"
    code = """
import numpy as np
from trainspec.fast import networks
networks.relu(np.ones(3))
(code,) = networks.relu.kernel.machine_code.values()
print(sum(code.stats.cache_hits.values()), sum(code.stats.cache_misses.values()))
"""
    assert python(code, NUMBA_CACHE_DIR=str(tmp_path)) == ["1", "0"]
    run = subprocess.run([*command, "rely"], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "there is no kernel 'rely'; did you mean relu" in run.stderr


def test_a_setting_that_is_not_given_stays_as_it_is():
    code = "from trainspec import fast; from trainspec.fast._jit import Notices; {}; print(Notices.wanted)"
    first = "fast.configure(compile_notices=False)"
    assert python(code.format(f"{first}; fast.configure(threads=1)"))[-1:] == ["False"]
    assert python(code.format("fast.configure(threads=1)"))[-1:] == ["True"]
