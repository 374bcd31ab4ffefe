"""The process above an implementation: all that the implementation starts ends with it, daemons with an empty environment included.

It imports the standard library alone, forks at once, and waits. Orphans become its children, where the system can do that.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

END_WITH_PARENT, ADOPT_ORPHANS = 1, 36  # operations of prctl
TRACKER = b"resource_tracker"  # a helper of Python's that removes what processes share, and then ends by itself
GRACE = 1.0  # seconds for that
PATIENCE = 2.0  # seconds of processor time to end a tree of processes that may grow meanwhile
POLL = 0.01  # seconds


def supervise() -> None:
    """Return in a child of this process, in a session of its own; here wait for its end, end what it leaves, and end as it did."""
    control(ADOPT_ORPHANS, 1)
    child = os.fork()
    if not child:
        control(END_WITH_PARENT, signal.SIGKILL)
        os.setsid()
        return
    signal.signal(signal.SIGTERM, lambda *_: end_as(end_all(child)))
    control(END_WITH_PARENT, signal.SIGTERM)
    os.closerange(3, 256)  # the pipes are the child's
    status = wait_for(child)
    end_tree()
    end_as(status)


def control(*arguments: Any) -> None:
    """Ask the system for something about this process; systems without prctl cannot do it."""
    with suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(*arguments)


def wait_for(child: int) -> int:
    """Return the status with which a child has ended; others that end meanwhile are adopted ones."""
    while True:
        process, status = os.wait()
        if process == child:
            return status


def end_all(child: int) -> int:
    """End a child and all others, and return the status of the child."""
    with suppress(OSError):
        os.kill(child, signal.SIGKILL)
    end_tree()
    return signal.SIGKILL


def end_tree() -> None:
    """End all descendants of this process; those that only clear up have some time to do so."""
    started, used = time.monotonic(), time.process_time()
    while time.process_time() - used < PATIENCE and has_children():
        for process in descendants(os.getpid()):
            if time.monotonic() - started > GRACE or TRACKER not in command_line(process):
                with suppress(OSError):
                    os.kill(process, signal.SIGKILL)
        time.sleep(POLL)


def has_children() -> bool:
    """Return whether this process has children, after taking notice of those that have ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False


def descendants(process: int) -> Iterator[int]:
    """Yield the processes below one, the lower ones first."""
    below: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            with suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as stat:
                below.setdefault(int(stat.read().rpartition(b")")[2].split()[1]), []).append(int(name))
    found, new = [process], [process]
    while new:
        new = [child for parent in new for child in below.get(parent, ())]
        found += new
    yield from found[:0:-1]


def command_line(process: int) -> bytes:
    """Return the command line of a process; nothing where it has ended."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as words:
            return words.read()
    except OSError:
        return b""


def end_as(status: int) -> None:
    """End this process as another one has ended: by the same signal, or with the same exit code."""
    if os.WIFSIGNALED(status):
        with suppress(OSError):
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)
