"""What is watched while an implementation runs in this process: its exceptions, its inputs, its output, the global random generators."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from .result import NARROW, Fault, printable

KIT_FOLDER = os.path.dirname(__file__) + os.sep
DTYPE_FAULTS = ("dtype", "dtype-upcast")
IMPORTED = "modules"


def is_real(dtype: Any) -> bool:
    """Return whether a dtype holds real numbers, integers and truth values included."""
    return dtype.kind in "biuf" or dtype.name in NARROW


def is_floating(dtype: Any) -> bool:
    """Return whether a dtype is a floating-point format."""
    return dtype.kind == "f" or dtype.name in NARROW


class FatalFault(Exception):
    """A fault after which a run cannot go on."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(kind, printable(detail))


def call_guarded(where: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the implementation; whatever it raises becomes a FatalFault."""
    try:
        with np.errstate(all="ignore"):
            return function(*arguments)
    except FatalFault:
        raise
    except MemoryError:
        raise FatalFault("memory", f"it runs out of memory, in {where}") from None
    except BaseException as problem:
        raise FatalFault("raises", f"it raises {describe_exception(problem)}, in {where}") from None


def describe_exception(problem: BaseException) -> str:
    """Return the type, text and place of an exception of the implementation, bounded and printable."""
    text = printable(problem, 300)
    return f"{type(problem).__name__}{': ' if text else ''}{text}{line_of(problem)}"


def line_of(problem: BaseException) -> str:
    """Return the last line of the implementation's own code in a traceback."""
    with suppress(Exception):
        frames = [frame for frame in traceback.extract_tb(problem.__traceback__) if not frame.filename.startswith(KIT_FOLDER)]
        return f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return ""


class ArrayGuard:
    """Arrays that were handed out, each with a copy, to see whether they are written to or returned."""

    def __init__(self) -> None:
        self.handed_out: list[tuple[str, Any, Any]] = []

    def hand_out(self, name: str, values: Any, *, is_strided: bool = False) -> Any:
        """Return a copy of these values in the same order in memory, or strided, and remember it."""
        array = strided_copy(values) if is_strided else values.copy(order="K")
        self.handed_out.append((name, array, values.copy()))
        return array

    def written(self) -> list[Any]:
        """Return the arrays that were written to."""
        return [array for _, array, values in self.handed_out if array.tobytes() != values.tobytes()]

    def faults(self, where: str, results: list[Any], but: Iterable[str] = ()) -> Iterator[Fault]:
        """Yield a fault for every array, but some, that was written to, or that shares memory with a result."""
        for name, array, values in self.handed_out:
            if name in but:
                continue
            if array.tobytes() != values.tobytes():
                yield Fault("mutates-input", f"it writes to {name}, in {where}", fatal=False)
            elif any(np.may_share_memory(array, np.asarray(result)) for result in results):
                yield Fault("returns-view", f"what it returns in {where} is a view of {name}", fatal=False)


def strided_copy(values: Any) -> Any:
    """Return a copy that is every second entry of a larger array along the last axis, and infinite between."""
    larger = np.full((*values.shape[:-1], 2 * values.shape[-1]), -1 if values.dtype.kind in "biu" else np.inf).astype(values.dtype)
    larger[..., ::2] = values
    return larger[..., ::2]


def check_real_array(value: Any, due: str, where: str, name: str = "it") -> Any:
    """Return a result as an array of real numbers; another type, complex numbers or masked entries raise a FatalFault."""
    verb = "returns" if name == "it" else "is"
    is_array = hasattr(value, "__array__") or isinstance(value, bool | int | float | complex)
    array = call_guarded(where, np.asarray, value) if is_array else None
    if array is not None and array.dtype.kind == "c":
        raise FatalFault("complex", f"{name} {verb} {array.dtype} where real numbers are due, in {where}")
    if array is None or not is_real(array.dtype):
        got = type(value).__name__ if array is None else f"{type(value).__name__} of {array.dtype}"
        raise FatalFault("type", f"{name} {verb} {got} where {due} is due, in {where}")
    if np.ma.is_masked(value):
        raise FatalFault("masked", f"{name} {'returns' if name == 'it' else 'has'} masked entries, in {where}")
    return array


@contextmanager
def capture_output() -> Iterator[Callable[[], str]]:
    """Redirect standard output and error to temporary files; yield a function that returns what stdout got since its last call."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        saved = {number: duplicate(number) for number in (1, 2)}
        os.dup2(output.fileno(), 1)
        os.dup2(errors.fileno(), 2)
        position = 0

        def printed() -> str:
            nonlocal position
            flush(sys.stdout)
            start, position = position, os.lseek(output.fileno(), 0, os.SEEK_END)
            return os.pread(output.fileno(), min(position - start, 1000), start).decode(errors="replace")

        try:
            yield printed
        finally:
            flush(sys.stdout, sys.stderr)
            for number, copy in saved.items():
                if copy is None:
                    os.close(number)
                else:
                    os.dup2(copy, number)
                    os.close(copy)


def duplicate(number: int) -> int | None:
    """Return a copy of a file descriptor; None for one that is closed."""
    with suppress(OSError):
        return os.dup(number)
    return None


def flush(*streams: Any) -> None:
    """Flush streams, those that are closed or missing excepted."""
    for stream in streams:
        with suppress(Exception):
            stream.flush()


def random_states() -> dict[str, str]:
    """Return the states of the global random number generators, in words, and how many modules are imported."""
    of_numpy = repr([np.asarray(part).tobytes() for part in np.random.get_state()])
    states = {IMPORTED: str(len(sys.modules)), "random": repr(random.getstate()), "numpy.random": of_numpy}
    with suppress(Exception):
        states["torch.random"] = repr(sys.modules["torch"].random.get_rng_state().tolist())
    return states


def random_state_faults(before: Mapping[str, str], where: str) -> list[Fault]:
    """Return a fault for every global generator whose state has changed; one that was imported since then does not count.

    Where anything was imported since then, that may have changed them: they are moved on, and what comes later decides.
    """
    now = random_states()
    changed = [name for name, state in now.items() if state != before.get(name, state) and name != IMPORTED]
    if changed and now[IMPORTED] != before[IMPORTED]:
        np.random.random()
        random.random()
        return []
    return [Fault("modifies-global-rng", f"it changes the state of {name}, in {where}", fatal=False) for name in changed]


def unique_faults(faults: list[Fault]) -> tuple[Fault, ...]:
    """Return the first fault of every kind, in order."""
    return tuple({fault.kind: fault for fault in reversed(faults)}.values())[::-1]


def printing_fault(text: str) -> tuple[Fault, ...]:
    """Return the fault of an implementation that printed this; none where it printed nothing."""
    return (Fault("prints", f"it prints: {printable(text[:60])!r}", fatal=False),) if text else ()
