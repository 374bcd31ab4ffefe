"""Worker processes: how many there may be, and a pool of them."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable
from typing import Any

from pebble import ProcessPool


def available_cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers(jobs: int, *, preload: Iterable[str]) -> Any:
    """Return a pool of worker processes; where the system has a fork server, they start with these modules loaded."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return ProcessPool(max_workers=jobs, context=multiprocessing.get_context("spawn"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return ProcessPool(max_workers=jobs, context=context)
