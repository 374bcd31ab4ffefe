"""Machine code ahead of the first call: `trainspec fast warm-up` compiles kernels into the cache, where every process finds them."""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from . import CHAPTERS, training_step
from ._elementwise import multi_tensor
from ._elementwise.kernel import ElementwiseKernel
from ._parallel import compiled_server, compiled_share_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@functools.cache
def kernels() -> dict[str, Any]:
    """Return all kernels and samplers, by the names of their functions."""
    found: dict[str, Any] = {"training_step": training_step.kernel}
    for chapter in CHAPTERS:
        module = importlib.import_module(f".{chapter}", __package__)
        functions = {name: getattr(module, name) for name in module.__all__}
        found |= {name: getattr(function, "kernel", None) or getattr(function, "sampler", None) for name, function in functions.items()}
    return {name: kernel for name, kernel in sorted(found.items()) if kernel}


def compilations(names: Sequence[str], dtypes: Sequence[str], *, bound: bool) -> Iterator[Callable[[], Any]]:
    """Yield what compiles the code of these kernels for these dtypes, part by part; with `bound` also the code that `bind` runs."""
    yield compiled_server
    yield compiled_share_out
    for kernel in map(kernels().__getitem__, names):
        for dtype in map(np.dtype, dtypes):
            if kernel is not training_step.kernel:
                yield functools.partial(kernel.code, dtype)
            point = getattr(kernel, "point", None)
            if point:
                yield functools.partial(point.code, dtype)
            if isinstance(kernel, ElementwiseKernel) and (bound or kernel is training_step.kernel) and not point:
                yield functools.partial(multi_tensor.compile_kernel, kernel, dtype)
