"""A process of its own for an implementation: own session, own working folder, limits of processor time, memory, files and reports.

The parent trusts nothing of the child. Reports come as bytes over a pipe of their own and are unpickled with a fixed list of classes;
whatever goes wrong becomes a `Fault`. Between the two stands the supervisor: when the sandbox closes, everything that the implementation
has started is ended, daemons included, and its folder is removed.
"""

from __future__ import annotations

import importlib
import io
import os
import pickle
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any

from .loading import WORKING_FOLDER
from .result import NARROW, Fault
from .stopwatch import Stopwatch

TIMEOUT = 30.0  # seconds of processor time, without imports
IMPORT_TIMEOUT = 300.0  # seconds of processor time for the imports
MEMORY = 8.0  # GiB of data
LARGEST_FILE = 1.0  # GiB
REPORT_LIMIT = 2**26  # bytes
MARKER = "TRAINSPEC_SANDBOX"  # an environment variable that all descendants of a sandbox inherit
LOADED = b"loaded"
POLL = 0.02  # seconds
LONGEST_END = 20.0  # seconds for the processes of a sandbox to end, on a machine that is busy
GRACE = 1.0  # seconds for what a process that has ended still had to send
MESSAGES = 16  # that are kept before they are asked for
START = (
    "import sys; sys.path[:] = {path!r}; from trainspec.spec.conformance.supervisor import supervise; supervise(); "
    "from trainspec.spec.conformance.sandbox import serve; serve({reports}, {requests})"
)

LISTENERS: list[Callable[[], None]] = []  # in a sandbox: what is called when the imports are done


def notify_loaded() -> None:
    """Say that the implementation is imported: its time starts now."""
    for listener in LISTENERS:
        listener()


# --- in the process of the implementation ----------------------------------------------------------------------------------------------


def serve(reports: int, requests: int) -> None:
    """Answer requests until the pipe is closed: `work(*arguments)` each, with the result sent back."""
    limit_resources()
    outgoing, incoming = Connection(reports, readable=False), Connection(requests, writable=False)
    outgoing.send_bytes(str(os.getpid()).encode())
    sent = threading.Lock()
    dumps, send = pickle.dumps, outgoing.send_bytes  # as they are before any implementation can replace them

    is_loaded: list[bool] = []

    def send_loaded() -> None:
        is_loaded.append(True)
        with sent:
            send(LOADED)

    LISTENERS.append(send_loaded)
    with suppress(EOFError):
        while True:
            number, work, arguments = pickle.loads(incoming.recv_bytes())
            if is_loaded:
                send_loaded()  # further requests need no imports
            report = dumps((number, work(*arguments)))
            with sent:
                send(report)
    os._exit(0)


def import_modules(*modules: str) -> None:
    """Import modules of the kit."""
    for module in modules:
        importlib.import_module(module, __package__)


def limit_resources() -> None:
    """Bound the memory of this process and the size of its files, where the system can do that; no core is dumped."""
    with suppress(ImportError):
        import resource

        limits = {resource.RLIMIT_DATA: MEMORY, resource.RLIMIT_FSIZE: LARGEST_FILE, resource.RLIMIT_CORE: 0}
        for kind, gibibytes in limits.items():
            with suppress(ValueError, OSError):
                resource.setrlimit(kind, (int(gibibytes * 2**30),) * 2)


# --- in our process --------------------------------------------------------------------------------------------------------------------


class ReportUnpickler(pickle.Unpickler):
    """Reads a report: plain values, NumPy arrays, and the data classes of this package; nothing else is imported or called."""

    NUMPY = frozenset({"_reconstruct", "scalar", "ndarray", "dtype", "_frombuffer"})

    def find_class(self, module: str, name: str) -> Any:
        """Return a class that a report may hold."""
        root = module.partition(".")[0]
        if (module, name) in {("builtins", "complex"), ("fractions", "Fraction"), ("_codecs", "encode")}:
            return super().find_class(module, name)
        if module == "ml_dtypes" and name in NARROW:
            return super().find_class(module, name)
        if root == "numpy" and (name in self.NUMPY or (name.endswith("DType") and "." not in name)):
            return super().find_class(module, name)
        if root == "trainspec" and "." not in name:  # a name with dots reaches what the module imports
            value = super().find_class(module, name)
            if isinstance(value, type) and value.__module__ == module and is_data(value):
                return value
        raise pickle.UnpicklingError(f"a report may not hold {module}.{name}")


def is_data(kind: type) -> bool:
    """Return whether a class holds values and does nothing when it is called: a data class, a named tuple or an enumeration."""
    return is_dataclass(kind) or issubclass(kind, tuple | Enum)


@dataclass
class PendingReport:
    """A report that a sandbox has been asked for."""

    sandbox: SandboxProcess
    number: int
    timeout: float


class SandboxProcess:
    """A process for an implementation: it can be asked several things, and may die or hang at each."""

    def __init__(self) -> None:
        if MARKER in os.environ:
            raise RuntimeError('check() was called while importing the implementation; guard the call with `if __name__ == "__main__":`')
        self.marker = uuid.uuid4().hex
        self.folder = tempfile.mkdtemp(prefix="trainspec-")
        reports, child_reports = os.pipe()
        child_requests, requests = os.pipe()
        self.reports, self.requests = Connection(reports, writable=False), Connection(requests, readable=False)
        path = [os.path.abspath(folder) for folder in sys.path]
        environment = {**os.environ, MARKER: self.marker, "TMPDIR": self.folder, WORKING_FOLDER: os.getcwd()}
        self.process = subprocess.Popen(
            [sys.executable, "-c", START.format(path=path, reports=child_reports, requests=child_requests)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(child_reports, child_requests),
            cwd=self.folder,
            env=environment,
            start_new_session=True,
        )
        os.close(child_reports)
        os.close(child_requests)
        self.count = 0
        self.subject: int | None = None  # the process of the implementation, below the supervisor
        self.messages: queue.Queue[bytes | Exception] = queue.Queue(MESSAGES)
        self.reader = threading.Thread(target=self.read_messages, daemon=True)
        self.reader.start()

    def read_messages(self) -> None:
        """Read what the process sends until nothing more can be read: in a thread, since a message may never be completed."""
        while True:
            try:
                message = self.reports.recv_bytes(REPORT_LIMIT)
                if self.subject is None:  # nothing of the implementation runs before this is sent
                    self.subject = int(message)
                else:
                    self.messages.put(message)
            except Exception as problem:  # its end, or anything that is no message
                self.messages.put(problem)
                return

    def __enter__(self) -> SandboxProcess:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def submit(self, work: Callable[..., Any], *arguments: Any, timeout: float = TIMEOUT) -> PendingReport:
        """Ask for `work(*arguments)`; the answer comes by `result_or_fault`."""
        self.count += 1
        with suppress(OSError):  # a process that is dead is noticed when its answer is asked for
            self.requests.send_bytes(pickle.dumps((self.count, work, arguments)))
        return PendingReport(self, self.count, timeout)

    def preload(self, *modules: str) -> None:
        """Let the process import modules of the kit while nothing is asked of it."""
        self.submit(import_modules, *modules)

    def close(self) -> None:
        """End the process and all that it started, and remove its folder."""
        with suppress(OSError):
            self.requests.close()
        self.end()
        with suppress(queue.Empty):
            while True:
                self.messages.get_nowait()  # the thread may wait until one is taken
        self.reader.join(timeout=GRACE)
        if not self.reader.is_alive():
            self.reports.close()
        remove_folder(self.folder)

    def end(self) -> None:
        """End the process and all that it started: by its supervisor, or else by the marker in the environment."""
        self.process.terminate()
        self.process.send_signal(signal.SIGCONT)  # it may have been stopped
        try:
            self.process.wait(timeout=LONGEST_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        kill_marked(self.marker)


def remove_folder(folder: str) -> None:
    """Remove a folder; one that is too deep for Python, or whose permissions do not allow it, by the program rm."""
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.isdir(folder):
        with suppress(OSError):
            subprocess.run(["chmod", "-R", "u+rwx", folder], check=False, stderr=subprocess.DEVNULL)
            subprocess.run(["rm", "-rf", folder], check=False, stderr=subprocess.DEVNULL)


def kill_marked(marker: str) -> None:
    """End every process whose environment holds the marker of a sandbox, until none is left: programs and daemons that left its session."""
    started = time.monotonic()
    while kill_once(f"{MARKER}={marker}".encode()) and time.monotonic() - started < LONGEST_END:
        time.sleep(POLL)


def kill_once(pattern: bytes) -> bool:
    """Send the signal to end to every process whose environment holds a text, and return whether there was any."""
    is_any = False
    for process in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if process.isdigit():
            with suppress(OSError):
                with open(f"/proc/{process}/environ", "rb") as environment:
                    found = pattern in environment.read().split(b"\0")
                if found:
                    is_any = True
                    os.kill(int(process), signal.SIGKILL)
    return is_any


def result_or_fault(pending: PendingReport | CompletedReport) -> Any:
    """Return the report that was asked for, or the fault that kept it from being made."""
    if isinstance(pending, CompletedReport):
        return pending.value
    sandbox, watch, limit = pending.sandbox, Stopwatch(pending.sandbox.subject), IMPORT_TIMEOUT
    while True:
        message = next_message(sandbox)
        if watch.process is None and sandbox.subject is not None:
            watch = Stopwatch(sandbox.subject)
        if isinstance(message, EOFError):
            return Fault("crashes", f"its process ended{exit_words(sandbox.process)}")
        try:
            if isinstance(message, Exception):
                raise message
            if message == LOADED and limit is IMPORT_TIMEOUT:  # it may be sent again and again
                watch, limit = Stopwatch(sandbox.subject), pending.timeout
            elif message not in (None, LOADED):
                number, report = ReportUnpickler(io.BytesIO(message)).load()
                if number == pending.number:
                    return report
        except Exception as problem:  # anything may stand in what the process sent
            return Fault("crashes", f"its process sent no report that can be read ({type(problem).__name__})")
        if watch.is_over(limit):
            sandbox.end()
            return Fault("timeout", f"it gives no answer within {pending.timeout:g} s")


def next_message(sandbox: SandboxProcess) -> bytes | Exception | None:
    """Return the next message of a process, None where none has come yet, or an EOFError once it has ended, whoever holds its pipe."""
    has_ended = sandbox.process.poll() is not None
    try:
        message = sandbox.messages.get(timeout=GRACE if has_ended else POLL)
    except queue.Empty:
        return EOFError() if has_ended else None
    if isinstance(message, Exception):
        sandbox.messages.put(message)  # for whoever asks next
    return message


def exit_words(process: subprocess.Popen[bytes]) -> str:
    """Return how a process ended."""
    try:
        code = process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return ", or closed its pipe"
    if code < 0:
        with suppress(ValueError):
            return f" by {signal.Signals(-code).name}"
    return f", with exit code {code}"


# --- without a process of its own --------------------------------------------------------------------------------------------------------


@dataclass
class CompletedReport:
    """A report that is there already."""

    value: Any


class InProcessRunner:
    """The same interface in this process: quick, for implementations that behave."""

    def __enter__(self) -> InProcessRunner:
        return self

    def __exit__(self, *problem: object) -> None:
        pass

    def preload(self, *modules: str) -> None:
        """Do nothing: modules are imported when they are needed."""

    def submit(self, work: Callable[..., Any], *arguments: Any, timeout: float = TIMEOUT) -> CompletedReport:
        """Do the work now."""
        return CompletedReport(work(*arguments))
