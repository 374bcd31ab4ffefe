"""Compilation: the options that all kernels share, specialized copies of loops, and the keys under which machine code is cached."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import sys
import threading
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from numba import njit, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.extending import overload
from numba.np.numpy_support import from_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np

F = TypeVar("F", bound="Callable[..., Any]")

FINITE, NOT_FINITE, REFUSED = range(3)  # what the machine code of a kernel returns

HERE = Path(__file__).parent

TupleOf: Any = types.UniTuple  # Numba's type of a tuple of so many values of one type


class Notices:
    """Whether somebody is told on standard error that a kernel takes long to be compiled, and about which it has been said."""

    wanted = True
    after = 1.0  # seconds
    given: ClassVar[set[str]] = set()


@contextlib.contextmanager
def noticed(kernel: str, dtype: np.dtype[Any]) -> Iterator[None]:
    """Say on standard error, once for a kernel, that it is compiled, if that takes more than a second."""
    timer = threading.Timer(Notices.after, give_notice, (kernel, dtype.name))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def give_notice(kernel: str, dtype: str) -> None:
    """Write that a kernel is being compiled, if that is wanted and has not been said."""
    if Notices.wanted and kernel not in Notices.given:
        Notices.given.add(kernel)
        print(f"trainspec.fast: compiling {kernel} for {dtype} …", file=sys.stderr, flush=True)


def compiled(function: F, *signature: Any, **options: Any) -> F:
    """Return the function as machine code: the IEEE operations that it names, in its order."""
    make: Any = njit
    options = {"error_model": "numpy", "nogil": True} | options
    try:
        return make(*signature, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        return make(*signature, **options | {"cache": False})(function)  # type: ignore[no-any-return]  # no folder can keep the code


class PartLibrary(JITCodeLibrary):
    """Code that becomes a part of other code, and is optimized and loaded there alone."""

    def _optimize_functions(self, module: Any) -> None:
        """Leave it as it is, for the same machine."""
        module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        """Leave it as it is."""

    def _finalize_final_module(self) -> None:
        """Load nothing."""
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0: it cannot be called by itself."""
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        return 0

    @property
    def codegen(self) -> Any:
        """What would write the address of a function's constants into loaded code, of which there is none."""
        return UNLOADED


UNLOADED = SimpleNamespace(set_env=lambda name, environment: None)


class PartCompiler(CompilerBase):
    """Numba's compiler, for what becomes a part of other code."""

    def define_pipelines(self) -> list[Any]:
        """Return Numba's passes."""
        library, passes = cast("Any", PartLibrary), cast("Any", DefaultPassBuilder)
        self.state.library = library(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return [passes.define_nopython_pipeline(self.state)]


PART: dict[str, Any] = {"pipeline_class": PartCompiler, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def compiled_as_part(function: F, **options: Any) -> F:
    """Return the function compiled as a part of its callers."""
    return compiled(function, **PART, **options)


def inlined(function: F) -> F:
    """Return the function compiled as a part of its callers, and inlined there."""
    return compiled_as_part(function, forceinline=True)


def overload_for(pure: Callable[..., Any]) -> Callable[[F], F]:
    """Register what replaces a Python function in machine code; on tuples it is a recursion that the compiler unrolls."""
    options: Any = {"forceinline": True, **PART}

    def register(replacement: F) -> F:
        overload(pure, strict=False, jit_options=options)(replacement)
        return replacement

    return register


def specialize(function: Callable[..., Any], key: str, /, *, like: Any = None, **substitutes: Any) -> FunctionType:
    """Return a copy of a function in which global names stand for the substitutes.

    Numba caches machine code by file and qualified name: `key` becomes the name, and the copy stands in the file of the code object `like`.
    """
    code = function.__code__.replace(co_name=key, co_qualname=key)
    if like is not None:
        code = code.replace(co_filename=like.co_filename, co_firstlineno=like.co_firstlineno)
    copy = FunctionType(code, {**function.__globals__, **substitutes}, key, function.__defaults__)
    copy.__wrapped__ = function  # type: ignore[attr-defined]  # where its source is found
    return copy


@functools.cache
def source_digest(file: str = "") -> str:
    """Return a digest of the sources that all kernels share, and of one file more: machine code is not kept longer than they are."""
    shared = [path for path in HERE.rglob("*.py") if path.relative_to(HERE).parts[0].startswith("_")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in [*sorted(shared), *([Path(file)] if file else [])])).hexdigest()[:8]


def cache_key(*parts: str, file: str = "") -> str:
    """Return a name that holds these parts and the digest of the sources; `file` is the module of loops that only one kernel has."""
    return "_".join([*parts, source_digest(file)])


def digest_of(text: str) -> str:
    """Return a short digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def array_type(dtype: np.dtype[Any], axes: int = 1, *, readonly: bool = False) -> Any:
    """Return Numba's type of C-contiguous arrays."""
    return types.Array(from_dtype(dtype), axes, "C", readonly=readonly)
