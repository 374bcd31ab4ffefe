"""Time limits that do not depend on the load of the machine: processor time, and time in which a process waits for nothing.

On a loaded machine a process waits for a processor: it is runnable then, and that time counts nowhere. What sleeps, and whose threads and
children all sleep, stands still.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress

from .supervisor import descendants

STILL_FACTOR = 2.0  # how much longer than its limit a process may stand still
WALL_FACTOR = 100.0  # how much longer than its limit it may take by the clock, whatever it does
INTERVAL = 0.2  # seconds between two looks at the processes
BUSY = ("R", "D")  # states of threads that run, wait for a processor, or wait for a disk


class Stopwatch:
    """Measures a process and its children from now on."""

    def __init__(self, process: int | None) -> None:
        self.process = process
        self.started = self.polled = time.monotonic()
        self.used = self.times()
        self.spent = self.still = 0.0

    def times(self) -> dict[int, float]:
        """Return the seconds of processor time that the process and its children have used, of those of which the system says it."""
        times = ((process, processor_time(process)) for process in self.tree())
        return {process: used for process, used in times if used is not None}

    def tree(self) -> Iterator[int]:
        """Yield the process and those below it."""
        if self.process is not None:
            yield self.process
            yield from descendants(self.process)

    def is_over(self, limit: float) -> bool:
        """Return whether a limit is reached: in processor time, by standing still longer than it, or by the clock many times over."""
        now = time.monotonic()
        since = now - self.polled
        if since < INTERVAL:
            return False
        self.polled, times = now, self.times()
        if times:
            most = since * (os.cpu_count() or 1)  # what a process can have used that was not seen before
            gained = sum(min(used, most) if process not in self.used else used - self.used[process] for process, used in times.items())
            self.spent += gained
            self.still += 0.0 if gained or any(map(is_busy, self.tree())) else since
            self.used.update(times)  # one that is missed at one look is known at the next
        return self.spent > limit or self.still > STILL_FACTOR * limit or now - self.started > WALL_FACTOR * limit


def processor_time(process: int) -> float | None:
    """Return the seconds of processor time that a process has used; None where the system does not say."""
    with suppress(OSError, ValueError, IndexError):
        fields = fields_of(f"/proc/{process}/stat")
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None


def is_busy(process: int) -> bool:
    """Return whether a thread of a process runs, or waits for a processor or a disk."""
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with suppress(OSError, IndexError):
                if fields_of(f"/proc/{process}/task/{thread}/stat")[0] in BUSY:
                    return True
    return False


def fields_of(path: str) -> list[str]:
    """Return the fields of a process or a thread after its name."""
    with open(path, encoding="ascii", errors="replace") as stat:
        return stat.read().rpartition(")")[2].split()
