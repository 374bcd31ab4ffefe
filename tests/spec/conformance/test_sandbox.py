"""The sandbox: whatever an implementation does, there is one valid result, and nothing of it is left behind."""

import io
import json
import os
import pickle
import subprocess
import textwrap
import time
from contextlib import suppress

import numpy as np
import pytest
from trainspec.spec.conformance import check, stopwatch
from trainspec.spec.conformance.result import FAULT_KINDS, Fault, plain_data, printable
from trainspec.spec.conformance.sandbox import LOADED, MARKER, REPORT_LIMIT, ReportUnpickler, SandboxProcess, result_or_fault

from .corpus.hostile import DEFAULTS, OPTIMIZER, SUBJECTS
from .helpers import valid_record
from .hostile_runs import problem_of, problems_of_answer

pytestmark = pytest.mark.sampled(2)

HEAVY_BALL = {**DEFAULTS, "point": "self.theta"}


def check_source(folder, *, head="", start="pass", step="pass", extra="", **options):
    """Return the result of a heavy ball with these lines in it."""
    source = OPTIMIZER.format(**{**HEAVY_BALL, "start": start, "step": step, "extra": extra})
    (folder / "mine.py").write_text(textwrap.dedent(head) + source, encoding="utf-8")
    result = check(f"{folder / 'mine.py'}:Mine", **options)
    valid_record(result)
    return result


FEW = (  # of the corpus, of which `nox -s hostile` runs all
    "optimizer: an exception whose text is 40 MB, in a step",
    "function: all descriptors closed, in a call",
    "function: stops itself for ever",
    "optimizer: import: NumPy's asarray patched",
    "optimizer: import: standard streams missing",
    "optimizer: import: a daemon of a process that ends",
    "optimizer: default: a list of itself",
    "function: result: complex with an imaginary part",
)
IN_FULL = os.environ.get("HYPOTHESIS_PROFILE") == "long"


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="processes are found in /proc")
@pytest.mark.parametrize("name", SUBJECTS if IN_FULL else FEW)
def test_hostile_subjects_have_one_valid_answer_and_leave_nothing(name, tmp_path):
    assert problem_of(SUBJECTS[name], tmp_path) == ""


def test_what_is_wrong_with_an_answer_is_seen():
    assert [*problems_of_answer(b"Traceback", b"Traceback", 1, (2,))][1].startswith("no JSON")
    record = json.dumps({"exit_code": 1, "message": "x", "faults": []}).encode()
    problems = [*problems_of_answer(record, b"", 0, (2,))]
    assert "'kind' is a required property" in problems[0] or "is not valid" in problems[0]
    assert any("where 2 is due" in problem for problem in problems)


def running_with(marker):
    """Return the processes whose command line holds a marker."""
    processes = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in processes if marker in line and "ps -eo" not in line]


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="processes of other sessions are found in /proc")
def test_nothing_is_left_behind(tmp_path):
    marker = f"time.sleep(86{os.getpid()})"
    start = f"""
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; {marker}"])
subprocess.Popen([sys.executable, "-c", "import time; {marker}"], start_new_session=True)
open("left_behind.txt", "w").close()
import tempfile; FOLDER = tempfile.mkdtemp()
"""
    result = check_source(tmp_path, head=start)
    assert result.exit_code == 0, result.message
    assert running_with(marker) == []
    assert not os.path.exists("left_behind.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.py"]


def test_relative_paths_are_those_of_the_caller(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OPTIMIZER.format(**HEAVY_BALL))
    assert check("mine.py:Mine").exit_code == 0
    assert check("mine:Mine").exit_code == 0


def count_to(limit):
    return sum(range(limit))


def big(size):
    return "x" * size


class Sneaky:
    def __reduce__(self):
        return (os.system, ("true",))


def sneaky():
    return Sneaky()


def environment_marker():
    return os.environ.get(MARKER)


def test_a_process_answers_several_requests_and_refuses_what_a_report_may_not_hold():
    with SandboxProcess() as process:
        first, second = process.submit(count_to, 10), process.submit(np.arange, 3)
        assert result_or_fault(first) == 45
        assert result_or_fault(second).tolist() == [0, 1, 2]
        assert result_or_fault(process.submit(environment_marker)) == process.marker
        fault = result_or_fault(process.submit(sneaky))
        assert (fault.kind, "no report that can be read" in fault.detail) == ("crashes", True)
    with SandboxProcess() as process:
        assert result_or_fault(process.submit(big, REPORT_LIMIT + 1)).kind == "crashes"


@pytest.mark.parametrize("name", ["subprocess.Popen", "os.system", "SandboxProcess", "ReportUnpickler", "result_or_fault"])
def test_a_report_names_nothing_that_does_something(name):
    module = SandboxProcess.__module__.encode()
    texts = b"".join(b"\x8c" + bytes([len(text)]) + text for text in (module, name.encode()))
    with pytest.raises(pickle.UnpicklingError, match="a report may not hold"):
        ReportUnpickler(io.BytesIO(b"\x80\x04" + texts + b"\x93.")).load()
    fault = Fault("raises", "x")
    assert ReportUnpickler(io.BytesIO(pickle.dumps(fault))).load() == fault


@pytest.mark.parametrize("fields", [("no-such-kind", "x"), ("raises", 3), (None, None)])
def test_a_fault_that_is_sent_is_one_of_the_known_ones(fields):
    sent = pickle.dumps(Fault(*fields))
    with pytest.raises(ValueError, match="a fault must be one of"):
        ReportUnpickler(io.BytesIO(sent)).load()


def send_without_end(message):
    """Send a message again and again; or the start of one, and no more."""
    pipes = [int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2]
    while True:
        for pipe in pipes:
            with suppress(OSError):
                os.write(pipe, len(message).to_bytes(4, "big") + message if message else b"\0\0\1\0")
        time.sleep(0.01 if message else 1000)


def end_before_a_child():
    """End at once, while a child keeps the pipe open."""
    if os.fork():
        os._exit(0)
    time.sleep(1000)


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="descriptors are found in /proc")
@pytest.mark.parametrize("message", [b"", LOADED, pickle.dumps((0, None))])
def test_no_message_extends_the_time(message):
    with SandboxProcess() as process:
        assert result_or_fault(process.submit(loaded_then, send_without_end, message, timeout=1.0)).kind == "timeout"


def test_a_process_that_ends_before_its_children_has_ended():
    with SandboxProcess() as process:
        fault = result_or_fault(process.submit(end_before_a_child))
    assert (fault.kind, fault.detail) == ("crashes", "its process ended, with exit code 0")


def test_waiting_and_computing_are_both_limited():
    for work in (time.sleep, count_to):
        with SandboxProcess() as process:
            process.submit(environment_marker)
            from_now = process.submit(loaded_then, work, 10**12 if work is count_to else 1000, timeout=1.0)
            assert result_or_fault(from_now).kind == "timeout"


def loaded_then(work, argument):
    from trainspec.spec.conformance.sandbox import notify_loaded

    notify_loaded()
    return work(argument)


def test_a_sandbox_does_not_start_another_one(monkeypatch):
    monkeypatch.setenv(MARKER, "x")
    with pytest.raises(RuntimeError, match="__main__"):
        SandboxProcess()


def test_texts_are_bounded_and_printable():
    text = printable("\x1b[31m" + "\ud800" + "ä" * 10**6)
    assert len(text) <= 4000
    assert text.isprintable()
    assert json.dumps(plain_data({"a": [float("nan"), float("inf"), object(), b"\xff"], "self": ("x",)}), allow_nan=False)
    assert pickle.loads(pickle.dumps(Fault("raises", "x"))).kind in FAULT_KINDS


def test_waiting_for_a_processor_is_no_standing_still(monkeypatch):
    """A process that is runnable and gets no time is not called hanging; one whose threads all sleep is, after a while."""
    clock, state = iter(np.arange(0.0, 1000.0, 0.5)), {"busy": True}
    monkeypatch.setattr(stopwatch.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(stopwatch, "processor_time", lambda process: 1.0)
    monkeypatch.setattr(stopwatch, "descendants", lambda process: iter(()))
    monkeypatch.setattr(stopwatch, "is_busy", lambda process: state["busy"])
    watch = stopwatch.Stopwatch(1)
    assert not any(watch.is_over(1.0) for _ in range(50))
    state["busy"] = False
    assert [watch.is_over(1.0) for _ in range(6)] == [False] * 4 + [True] * 2


def test_a_process_that_is_missed_at_one_look_is_not_counted_twice(monkeypatch):
    looks = iter([{1: 50.0, 2: 40.0}, {1: 50.125}, {1: 50.25, 2: 40.125}, {1: 50.25, 2: 40.125, 3: 1000.0}])
    clock = iter(range(100))
    monkeypatch.setattr(stopwatch.Stopwatch, "times", lambda self: next(looks))
    monkeypatch.setattr(stopwatch.Stopwatch, "tree", lambda self: iter(()))
    monkeypatch.setattr("trainspec.spec.conformance.stopwatch.time.monotonic", lambda: float(next(clock)))
    monkeypatch.setattr("trainspec.spec.conformance.stopwatch.os.cpu_count", lambda: 2)
    watch = stopwatch.Stopwatch(None)
    assert not watch.is_over(1.0)
    assert not watch.is_over(1.0)
    assert watch.spent == 0.375
    assert watch.is_over(1.0)  # of a process that was not seen before, no more than two processors have given it since
    assert watch.spent == 2.375
