"""The limit of this machine: loops that only move the bytes of a kernel, each array once, with arithmetic that costs nothing beside it."""

import functools

import numba
from trainspec.fast._threads import CHUNK_BYTES

PARTS = ("comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion")
PRANGE_ONLY = dict.fromkeys(PARTS, False) | {"prange": True}  # statements on whole arrays stay what they are


@functools.cache
def mover(updated, written, read, threads):
    """A loop over arrays of one size: so many are read and written in place, only written, only read; so many chunks at once."""
    new, out, old = ([f"{kind}{i}" for i in range(count)] for kind, count in (("new", updated), ("out", written), ("old", read)))
    every = [*new, *out, *old]
    names, others = ", ".join(every), " + ".join(f"{array}[i]" for array in (old or new[:1]))
    lines = [f"{array}[i] = half * ({array}[i] + share * ({others}))" for array in new] + [
        f"{value}[i] = share * ({others})" for value in out
    ]
    cuts = ", ".join(f"{array}[k * step : (k + 1) * step]" for array in every)
    text = f"""
def stretch(half, share, {names}):
    for i in range({every[0]}.size):
        {"; ".join(lines)}

def move({names}):
    kind = {every[0]}.dtype.type
    step = {CHUNK_BYTES} // {every[0]}.itemsize
    for k in prange(({every[0]}.size + step - 1) // step):
        stretch(kind(0.5), kind(1 / {max(1, read)}), {cuts})
"""
    made = {"prange": numba.prange}
    exec(text, made)
    made["stretch"] = numba.njit(error_model="numpy", forceinline=True)(made["stretch"])
    return numba.njit(error_model="numpy", parallel=PRANGE_ONLY if threads else False)(made["move"])


def moving(updated, read, parallel_from_bytes, written=()):
    """A step that moves the bytes of these arrays, with threads from so many bytes of one of them on."""
    arrays = [array.reshape(-1) for array in (*updated, *written, *read)]
    move = mover(len(updated), len(written), len(read), arrays[0].nbytes >= parallel_from_bytes)
    return lambda: move(*arrays)
