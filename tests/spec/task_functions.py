"""What the tests of tasks let processes do: calls that are noted in a file, that hang, and that die."""

import os
import signal
import time
from pathlib import Path


def square(number: int, folder: str) -> int:
    """Return a square, and note the call by a file of its own."""
    (Path(folder) / f"{number} {time.time_ns()} {os.getpid()}").touch()
    return number * number


def compute_for_ever(number: int, folder: str) -> int:
    """Compute without an end."""
    while True:
        number += 1


def wait_for_ever(number: int, folder: str) -> int:
    """Wait without an end."""
    while True:
        time.sleep(3600)


def die(number: int, folder: str) -> int:
    """End this process at once."""
    os._exit(7)


def lose_the_worker_once(number: int, folder: str) -> int:
    """Return a square; at the first call, end the worker that this process belongs to."""
    mark = Path(folder) / "lost"
    if not mark.exists():
        mark.touch()
        os.kill(worker_of(os.getpid()), signal.SIGKILL)
        time.sleep(3600)
    return square(number, folder)


def worker_of(process: int) -> int:
    """Return the worker among the ancestors of a process: its grandparent, as the parent is the fork server."""
    return parent_of(parent_of(process))


def parent_of(process: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
