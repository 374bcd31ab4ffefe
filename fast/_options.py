"""What helps on some machines, and changes the process or a result: nothing of it happens unless it is asked for.

Machine code and threads are made once, so all of it is asked for before the first kernel runs.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Literal

import numba
import numpy as np
from llvmlite import binding, ir
from numba import prange, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic
from numba.np.ufunc import parallel as pool

from ._kernels import THREADS, compiled, inlined

if TYPE_CHECKING:
    from collections.abc import Callable

FLUSH = 0x8040  # of the control word: results and arguments that are subnormal count as zero
flushing = False


def options(
    *, spin: int | None = None, pin: bool = False, vector_bits: Literal[256, 512] | None = None, flush_subnormals: bool = False
) -> None:
    """Set what helps, for this process and before its first kernel; each is left alone unless it is given.

    spin: turns that a worker of GNU's OpenMP waits before it sleeps (0 to 10⁹; 10000 is good). More than its default keeps launches short
    next to other libraries' workers. It is the environment variable GOMP_SPINCOUNT, for all that this process starts later.
    pin: each worker stays on a processor of its own, so that none is woken where the caller still waits. The caller stays free. Linux.
    vector_bits: 512 lets the compiler use vectors of 512 bits where the processor has them, for all that Numba compiles in this process.
    flush_subnormals: elementwise kernels take subnormal numbers for 0, which some processors need hundreds of cycles for. Only there do
    results differ from the reference. The processor's control word is put back after every piece. x86.

    ValueError: a number out of range, or what this machine doesn't have. RuntimeError: a kernel has run already.
    """
    if vars(cpu_target).get("_toplevel_target_context") or pool._is_initialized:
        raise RuntimeError("options: a kernel was compiled already; call it before the first of them")
    if spin is not None:
        if type(spin) is not int or not 0 <= spin <= 10**9:
            raise ValueError(f"options: spin: {spin!r} came; allowed: integer, ≥ 0, ≤ 10⁹")
        os.environ["GOMP_SPINCOUNT"] = str(spin)
    if vector_bits is not None:
        wide_vectors(vector_bits)
    if flush_subnormals:
        if binding.get_process_triple().split("-")[0] != "x86_64":
            raise ValueError("options: flush_subnormals: True came; allowed: False, on this processor")
        globals()["flushing"] = True
    if pin:
        pin_workers()


def wide_vectors(bits: int) -> None:
    """Let Numba's compiler prefer vectors of so many bits."""
    features = binding.get_host_cpu_features()
    if bits not in (256, 512) or (bits == 512 and not features.get("avx512f")):
        raise ValueError(f"options: vector_bits: {bits!r} came; allowed: 256" + ", 512" * bool(features.get("avx512f")))
    config: Any = numba.config
    config.CPU_NAME = binding.get_host_cpu_name()
    config.CPU_FEATURES = f"{features.flatten()},{'-' if bits == 512 else '+'}prefer-256-bit"


def pin_workers() -> None:
    """Start the workers, each on a processor of its own."""
    if not sys.platform.startswith("linux"):
        raise ValueError(f"options: pin: True came; allowed: False, on {sys.platform}")
    own_name = ctypes.CDLL(None).gettid
    own_name.restype, own_name.argtypes = ctypes.c_int, ()

    def names(x: Any) -> None:
        for i in prange(x.size):
            x[i] = own_name()

    seen = np.zeros(1000, np.int64)
    compiled(names, parallel=THREADS)(seen)
    places = sorted(os.sched_getaffinity(0))
    for worker, place in zip(sorted({*seen.tolist()} - {threading.get_native_id()}), places[1:], strict=False):
        os.sched_setaffinity(worker, {place})


def reading(context: Any) -> tuple[Any, Callable[..., Any]]:
    """The control word of the processor's floating-point unit."""

    def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.alloca(ir.IntType(32))
        pointer = builder.bitcast(place, ir.IntType(8).as_pointer())
        builder.call(
            builder.module.declare_intrinsic("llvm.x86.sse.stmxcsr", (), ir.FunctionType(ir.VoidType(), [pointer.type])), [pointer]
        )
        return builder.load(place)

    return types.int32(), generated


def writing(context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """Put a control word in its place."""

    def generated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.alloca(ir.IntType(32))
        builder.store(arguments[0], place)
        pointer = builder.bitcast(place, ir.IntType(8).as_pointer())
        builder.call(
            builder.module.declare_intrinsic("llvm.x86.sse.ldmxcsr", (), ir.FunctionType(ir.VoidType(), [pointer.type])), [pointer]
        )
        return context.get_dummy_value()

    return types.void(types.int32), generated


control_word: Any = intrinsic(reading)
set_control_word: Any = intrinsic(writing)


def around(loop: Callable[..., Any]) -> Callable[..., Any]:
    """The loop of an elementwise kernel along one piece, subnormals flushed if that was asked for."""
    if not flushing:
        return loop

    @inlined
    def flushed(state: Any, read: Any, numbers: Any) -> Any:
        word = control_word()
        set_control_word(np.int32(word | FLUSH))
        wild = loop(state, read, numbers)
        set_control_word(word)
        return wild

    return flushed
