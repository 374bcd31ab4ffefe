"""When and how kernels use threads."""

from __future__ import annotations

import threading

# Only prange makes threads: statements on whole arrays stay what they are.
PRANGE_ONLY = dict.fromkeys(("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion"), False) | {
    "prange": True
}

POOL_LOCK = threading.Lock()  # Numba's fallback pool of threads must not be entered twice, and no pool gains from it

CHUNK_BYTES = 1 << 14  # of one array that a thread takes at a time: the chunks of all arrays of a formula stay in the second cache
PARALLEL_FROM_BYTES = 1 << 17  # of one array, where entries are cheap: below, threads cost more than they save
