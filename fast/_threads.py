"""When kernels use threads, and the threads themselves.

The caller of a kernel works through a loop piece by piece, and workers that are awake join it. It never waits for a worker that has not
begun: on busy processors a loop takes about as long as without threads. A worker that finds nothing to do looks for a while, then sleeps.
No result depends on who takes which piece.
"""

from __future__ import annotations

import functools
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import config

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CHUNK_BYTES = 1 << 14  # of one array that a thread takes at a time: the chunks of all arrays of a formula stay in the second cache
PARALLEL_FROM_BYTES = 1 << 17  # of one array, where entries are cheap: below, threads cost more than they save
ALONE = 0  # the address of no workers: a kernel that gets it runs without threads


class Workers:
    """The threads that join the callers of kernels. They start when they are first needed, and again in a process that is forked."""

    def __init__(self) -> None:
        self.count: int = config.NUMBA_NUM_THREADS - 1  # type: ignore[attr-defined]
        self.looks = 1 << 11  # how often a worker looks for a loop before it sleeps
        self.forget()

    def forget(self) -> None:
        """Begin without threads: a process that is forked has none."""
        self.threads: list[threading.Thread] = []
        self.asleep: deque[threading.Lock] = deque()  # what workers wait for
        self.in_use = threading.Lock()
        self.address = ALONE

    def started(self) -> list[threading.Thread]:
        """Return the threads, started if they were not."""
        if not self.address:
            self.start()
        return self.threads

    def start(self) -> None:
        """Start the threads."""
        from ._parallel import BYTES, prepare_memory, serve

        self.memory = np.zeros(BYTES // 8 + 16, np.int64)
        self.address = -(-self.memory.ctypes.data // 128) * 128  # where a line of the cache begins
        prepare_memory(self.address, self.count)
        for _ in range(self.count):
            arguments = held_lock(), self.asleep, functools.partial(serve, self.address), self.memory
            thread = threading.Thread(target=self.work, args=arguments, daemon=True, name="trainspec.fast")
            thread.start()
            self.threads.append(thread)

    def work(self, lock: threading.Lock, asleep: deque[threading.Lock], serve_calls: Callable[[int], None], memory: Any) -> None:
        """Join callers, and sleep while there are none, until others have taken the place. The memory is kept as long as the thread."""
        while asleep is self.asleep:
            serve_calls(self.looks)
            asleep.append(lock)
            lock.acquire()

    def set_count(self, count: int) -> None:
        """Have so many workers from now on. Those that there are end when they find that."""
        before = self.asleep
        self.forget()
        self.count = count
        while before:
            before.pop().release()


def held_lock() -> threading.Lock:
    """Return a lock that whoever acquires it waits for."""
    lock = threading.Lock()
    lock.acquire()
    return lock


WORKERS = Workers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WORKERS.forget)


def bind_code(code: Callable[..., Any], operands: Sequence[Any], *, shared: bool) -> Callable[[], Any]:
    """Return what runs machine code on these operands, with the workers or without."""
    return functools.partial(run_shared, code, *operands) if shared else functools.partial(code, ALONE, *operands)


def run_shared(code: Callable[..., Any], *operands: Any) -> Any:
    """Run machine code with the workers; without them where another thread has them already. The first argument of the code is theirs."""
    if not WORKERS.count or not WORKERS.in_use.acquire(blocking=False):
        return code(ALONE, *operands)
    in_use = WORKERS.in_use
    try:
        if not WORKERS.address:
            WORKERS.start()
        while WORKERS.asleep:
            WORKERS.asleep.pop().release()
        return code(WORKERS.address, *operands)
    finally:
        in_use.release()
