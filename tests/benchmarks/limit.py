"""The limit of this machine: loops that only move the bytes of a kernel, with arithmetic that costs nothing beside them."""

import functools

import numba
from trainspec.fast._kernels import CHUNK_BYTES, THREADS


@functools.cache
def mover(updated, read, threads):
    """A loop over arrays of one size: so many are read and written in place, so many are only read, so many chunks at once."""
    new, old = [f"new{i}" for i in range(updated)], [f"old{i}" for i in range(read)]
    names = ", ".join([*new, *old])
    others = " + ".join(f"{one}[i]" for one in (old or new[:1]))
    lines = "\n".join(f"        {one}[i] = half * ({one}[i] + share * ({others}))" for one in new)
    cuts = ", ".join(f"{one}[k * step : (k + 1) * step]" for one in [*new, *old])
    text = f"""
def stretch(half, share, {names}):
    for i in range({new[0]}.size):
{lines}

def move({names}):
    kind = {new[0]}.dtype.type
    step = {CHUNK_BYTES} // {new[0]}.itemsize
    for k in prange(({new[0]}.size + step - 1) // step):
        stretch(kind(0.5), kind(1 / {max(1, read)}), {cuts})
"""
    made = {"prange": numba.prange}
    exec(text, made)
    made["stretch"] = numba.njit(error_model="numpy", forceinline=True)(made["stretch"])
    return numba.njit(error_model="numpy", parallel=THREADS if threads else False)(made["move"])


def moving(updated, read, serial):
    """A step that moves the bytes of these arrays, all of them flat."""
    threads = updated[0].nbytes >= serial
    move = mover(len(updated), len(read), threads)
    return lambda: move(*updated, *read)


@functools.cache
def copier(threads):
    """A loop that reads one array and writes another of its size, so many chunks at once."""

    def copy(target, source):
        step = CHUNK_BYTES // target.itemsize
        for k in numba.prange((target.size + step - 1) // step):
            for i in range(k * step, min((k + 1) * step, target.size)):
                target[i] = source[i]

    return numba.njit(error_model="numpy", parallel=THREADS if threads else False)(copy)


def copying(target, source, serial):
    """A step that reads one array and writes another."""
    copy, target, source = copier(target.nbytes >= serial), target.reshape(-1), source.reshape(-1)
    return lambda: copy(target, source)
