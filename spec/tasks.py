"""Tasks: calls of functions, spread over processes of this machine, or over a cluster of dask.distributed (`trainspec[cluster]`).

A task has the digest of all that its result depends on. The digest names it, so that it is done once however often it is asked for, and
its result is kept under it: what is unchanged is not run again, and a run that was interrupted goes on where it stopped.

Every task runs in a process of a pool, on the workers of a cluster too, with a limit of processor time. A task that exceeds it, or whose
process dies, has failed, and the others still run.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import platform
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, as_completed
from concurrent.futures import TimeoutError as OutOfTime
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

from pebble import ProcessExpired, ProcessPool

from . import kept
from .catalogue import catalogue

R = TypeVar("R")

POLL = 0.02  # seconds
PATIENCE, LEAST = 10, 5.0  # a task that neither computes nor ends is given up after so many times its limit, and these seconds at the least


class ClusterError(ValueError):
    """Why a cluster does not do tasks: it cannot be reached, it was lost, or it has another version of the project."""


@dataclass(frozen=True)
class Task(Generic[R]):
    """A call of a function of a module with some arguments, named by the digest of all that its result depends on."""

    function: Callable[..., R]
    arguments: tuple[Any, ...]
    digest: str

    def __str__(self) -> str:
        return f"{self.function.__module__}.{self.function.__qualname__}{self.arguments!r}"


@dataclass(frozen=True)
class Workforce:
    """Who does tasks: a number of processes of this machine, by default one for each core; or the workers of a cluster, by its address."""

    processes: int = 0
    cluster: str = ""


class Results(NamedTuple, Generic[R]):
    """The results of tasks by their digests, and how many of them were kept from before."""

    by_digest: Mapping[str, R]
    kept: int


@dataclass(frozen=True)
class Failure:
    """Why a task has no result."""

    reason: str


def available_cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_tasks(
    tasks: Sequence[Task[R]],
    workforce: Workforce,
    failed: Callable[[Task[R], str], R],
    *,
    limit: float,
    fresh: bool = False,
    is_final: Callable[[R], bool] = lambda result: True,
    report: Callable[[R], None] = lambda result: None,
) -> Results[R]:
    """Return the results of tasks; `report` is called with each.

    Args:
        tasks: what is to be done; those of the same digest are one.
        workforce: who does it.
        failed: what stands for the result of a task that has none, for the reason given.
        limit: seconds of processor time for one task.
        fresh: do everything anew, also what is kept.
        is_final: whether a result is kept for the next time.
        report: what is told of each result, kept or not.

    Raises:
        ClusterError: the cluster is not there, or was lost; what it has done by then is kept.

    """
    waiting = {task.digest: task for task in tasks}
    results: dict[str, R] = {} if fresh else kept_results(tasks, is_final)
    known = len(results)
    for result in results.values():
        report(result)
    waiting = {digest: task for digest, task in waiting.items() if digest not in results}
    outcomes = run_on_cluster(waiting, workforce.cluster, limit) if workforce.cluster else run_here(waiting, workforce.processes, limit)
    for digest, outcome in outcomes:
        result = failed(waiting[digest], outcome.reason) if isinstance(outcome, Failure) else outcome
        if not isinstance(outcome, Failure) and is_final(result):
            kept.keep(digest, str(waiting[digest]), result)
        results[digest] = result
        report(result)
    return Results(results, known)


def kept_results(tasks: Iterable[Task[R]], is_final: Callable[[R], bool]) -> dict[str, R]:
    """Return the results of these tasks that are kept, by digest."""
    known = ((task.digest, kept.read(task.digest, str(task), result_type(task.function))) for task in tasks)
    return {digest: result for digest, result in known if result is not None and is_final(result)}


@functools.cache
def result_type(function: Callable[..., Any]) -> Any:
    """Return the type that a function states for its result."""
    return get_type_hints(function)["return"]


# --- processes of this machine ----------------------------------------------------------------------------------------------------------


def run_here(tasks: dict[str, Task[Any]], processes: int, limit: float) -> Iterator[tuple[str, Any]]:
    """Yield the outcomes of tasks that run in processes of this machine, each with its digest, as they come."""
    if not tasks:
        return
    with process_pool(min(processes or available_cores(), len(tasks))) as pool:
        futures = {submit(pool, task.function, task.arguments, limit): digest for digest, task in tasks.items()}
        for future in as_completed(futures):
            yield futures[future], outcome_of(future, limit)


def process_pool(processes: int) -> ProcessPool:
    """Return a pool of processes; where the system has a fork server, they start with the evidence loaded."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return ProcessPool(max_workers=processes, context=multiprocessing.get_context("spawn"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}.evidence.{name}" for name in catalogue().chapters])
    return ProcessPool(max_workers=processes, context=context)


def submit(pool: ProcessPool, function: Callable[..., Any], arguments: tuple[Any, ...], limit: float) -> Future[Any]:
    """Return the future of a call in a process of a pool."""
    future: Future[Any] = pool.schedule(call_within, args=(limit, function, *arguments), timeout=patience(limit))
    return future


def patience(limit: float) -> float:
    """Return the seconds after which a task with a limit of processor time is given up."""
    return max(PATIENCE * limit, LEAST)


def call_within(limit: float, function: Callable[..., R], *arguments: Any) -> R:
    """Return what a function returns; the system ends this process after so many seconds of processor time, whatever it computes."""
    if not hasattr(signal, "setitimer"):  # no such limit on this system: there is the one of patience
        return function(*arguments)
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        return function(*arguments)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def outcome_of(future: Future[Any], limit: float) -> Any:
    """Return the result of a call in a process of a pool, or why there is none."""
    try:
        return future.result()
    except OutOfTime:
        return Failure(f"no verdict within {patience(limit):g} s")
    except ProcessExpired as death:
        if hasattr(signal, "SIGPROF") and death.exitcode == -signal.SIGPROF:
            return Failure(f"no verdict within {limit:g} s of processor time")
        return Failure(f"the process died: {death}")


# --- a cluster --------------------------------------------------------------------------------------------------------------------------


def run_on_cluster(tasks: dict[str, Task[Any]], address: str, limit: float) -> Iterator[tuple[str, Any]]:
    """Yield the outcomes of tasks that run on the workers of a cluster, each with its digest, as they come.

    A task whose worker is lost is done by another one. If the scheduler is lost, a ClusterError says so.
    """
    if not tasks:
        return
    with connected(address) as client:
        version = kept.digest_of_product()
        futures = [client.submit(run_on_worker, task, version, limit, key=digest) for digest, task in tasks.items()]
        for future in completed(client, futures, address):
            yield future.key, outcome_on_cluster(future, address)


def connected(address: str) -> Any:
    """Return a client of the cluster at an address."""
    try:
        from distributed import Client
    except ModuleNotFoundError as problem:
        raise ClusterError(f"a cluster needs {problem.name}, which `pip install 'trainspec[cluster]'` installs") from None
    try:
        return Client(address, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise ClusterError(f"there is no scheduler at {address}: {problem}") from None


LOST = "the scheduler at {} was lost; what is done is kept, and the same command goes on from there"


def completed(client: Any, futures: list[Any], address: str) -> Iterator[Any]:
    """Yield futures as they end; raise ClusterError if the scheduler is lost, from which no more would come."""
    from distributed import as_completed as as_they_end

    waiting = as_they_end(futures, loop=client.loop)
    while waiting.count():
        if client.status != "running":
            raise ClusterError(LOST.format(address))
        if waiting.has_ready():
            yield next(waiting)
        else:
            time.sleep(POLL)


def outcome_on_cluster(future: Any, address: str) -> Any:
    """Return the result of a task on a cluster, or why there is none; a task is cancelled only where the scheduler is lost."""
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker:
        return Failure("the workers that it was given to were lost, one after the other")
    except CancelledError:
        raise ClusterError(LOST.format(address)) from None


def run_on_worker(task: Task[R], version: str, limit: float) -> R | Failure:
    """Return the result of a task, or why it has none. This runs on a worker, which must have the same version of the project."""
    if kept.digest_of_product() != version:
        raise ClusterError(f"the worker {platform.node()} has another version of the project, of Python or of a library")
    outcome: R | Failure = outcome_of(submit(pool_of_worker(), task.function, task.arguments, limit), limit)
    return outcome


@functools.cache
def pool_of_worker() -> ProcessPool:
    """Return the pool of processes of a worker, which lasts as long as the worker. Its tasks run one level below it.

    A worker of dask is a daemon, which must not have children: what its children compute ends with them, so that this one may.
    """
    multiprocessing.current_process()._config.pop("daemon", None)  # type: ignore[attr-defined]
    from distributed import get_worker

    return process_pool(get_worker().state.nthreads)
