"""Opt-in settings that change the process (threads, vector width) or results (subnormals flushed to zero)."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from ._jit import Notices, inlined
from ._threads import WORKERS

if TYPE_CHECKING:
    from collections.abc import Callable

FLUSH_BITS = 0x8040  # of the control word: results and arguments that are subnormal count as zero
flushing = False


def configure(
    *,
    threads: int | None = None,
    spin_count: int | None = None,
    pin_threads: bool = False,
    vector_bits: Literal[256, 512] | None = None,
    flush_subnormals: bool = False,
    compile_notices: bool | None = None,
) -> None:
    """Change settings of this process; a setting that is not given stays as it is.

    threads: of all kernels together, from 1 on; it is as many as there are processors, or as NUMBA_NUM_THREADS says. Results do not depend
    on it.
    spin_count: how often a thread that has nothing to do looks for work before it sleeps (0 to 10⁹, 2048 at first). The more, the shorter
    is the start of the next kernel, and the more time the thread takes from others.
    pin_threads: each thread stays on a processor of its own, so that none is woken where the caller is. The caller stays free. Linux only.
    vector_bits: 512 lets the compiler use vectors of 512 bits where the processor has them, for all that Numba compiles in this process.
    flush_subnormals: elementwise kernels take subnormal numbers for 0, which some processors need hundreds of cycles for. Only there do
    results differ from the reference. The processor's control word is restored after every chunk. x86 only.
    compile_notices: say on standard error which kernel is being compiled where that takes more than a second (so it is at first).

    vector_bits and flush_subnormals are parts of machine code, and so must be set before the first kernel runs.

    ValueError: a number out of range, or what this machine does not have. RuntimeError: a kernel has been compiled already.
    """
    for name, number, least in (("threads", threads, 1), ("spin_count", spin_count, 0)):
        if number is not None and (type(number) is not int or not least <= number <= LARGEST[name]):
            raise ValueError(f"configure(): {name} must be an integer from {least} to {LARGEST[name]}, got {number!r}")
    if (vector_bits is not None or flush_subnormals) and vars(cpu_target).get("_toplevel_target_context"):
        raise RuntimeError("configure(): a kernel has been compiled already; set vector_bits and flush_subnormals before the first kernel")
    if vector_bits is not None:
        prefer_vector_bits(vector_bits)
    if flush_subnormals:
        if binding.get_process_triple().split("-")[0] != "x86_64":
            raise ValueError("configure(): flush_subnormals must be False on this processor, got True")
        globals()["flushing"] = True
    if threads is not None:
        WORKERS.set_count(threads - 1)
    if spin_count is not None:
        WORKERS.looks = spin_count
    if compile_notices is not None:
        Notices.wanted = compile_notices
    if pin_threads:
        pin_workers()


LARGEST = {"threads": 1 << 12, "spin_count": 10**9}


def options(
    *, spin: int | None = None, pin: bool = False, vector_bits: Literal[256, 512] | None = None, flush_subnormals: bool = False
) -> None:
    """Call `configure` by its old name and with its old argument names; removed in the next version."""
    warnings.warn("trainspec.fast.options is now configure(spin_count=, pin_threads=, …)", DeprecationWarning, stacklevel=2)
    configure(spin_count=spin, pin_threads=pin, vector_bits=vector_bits, flush_subnormals=flush_subnormals)


def prefer_vector_bits(bits: int) -> None:
    """Let Numba's compiler prefer vectors of so many bits."""
    features = binding.get_host_cpu_features()
    allowed = [256, 512] if features.get("avx512f") else [256]
    if bits not in allowed:
        raise ValueError(f"configure(): vector_bits must be {' or '.join(map(str, allowed))}, got {bits!r}")
    config: Any = numba.config
    config.CPU_NAME = binding.get_host_cpu_name()
    config.CPU_FEATURES = f"{features.flatten()},{'-' if bits == 512 else '+'}prefer-256-bit"


def pin_workers() -> None:
    """Start the workers, each on a processor of its own."""
    if not sys.platform.startswith("linux"):
        raise ValueError(f"configure(): pin_threads must be False on {sys.platform}, got True")
    processors = sorted(os.sched_getaffinity(0))
    for thread, processor in zip(WORKERS.started(), processors[1:], strict=False):
        os.sched_setaffinity(thread.native_id or 0, {processor})


# --- the control word of the floating-point unit -----------------------------------------------------------------------------------------


def read_control_word(context: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the type and the code of an intrinsic that reads the control word."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        slot = builder.alloca(ir.IntType(32))
        call_with_pointer(builder, "llvm.x86.sse.stmxcsr", slot)
        return builder.load(slot)

    return types.int32(), generate


def write_control_word(context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the type and the code of an intrinsic that writes the control word."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        slot = builder.alloca(ir.IntType(32))
        builder.store(arguments[0], slot)
        call_with_pointer(builder, "llvm.x86.sse.ldmxcsr", slot)
        return context.get_dummy_value()

    return types.void(types.int32), generate


def call_with_pointer(builder: Any, name: str, slot: Any) -> None:
    """Add the call of an LLVM intrinsic that takes a pointer."""
    pointer = builder.bitcast(slot, ir.IntType(8).as_pointer())
    builder.call(builder.module.declare_intrinsic(name, (), ir.FunctionType(ir.VoidType(), [pointer.type])), [pointer])


control_word: Any = intrinsic(read_control_word)
set_control_word: Any = intrinsic(write_control_word)


def with_subnormals_flushed(loop: Callable[..., Any]) -> Callable[..., Any]:
    """Return the loop of an elementwise kernel along one chunk, with subnormals flushed if `configure` was asked to."""
    if not flushing:
        return loop

    @inlined
    def flushed(new: Any, old: Any, read: Any, numbers: Any) -> Any:
        word = control_word()
        set_control_word(np.int32(word | FLUSH_BITS))
        nonfinite = loop(new, old, read, numbers)
        set_control_word(word)
        return nonfinite

    return flushed
