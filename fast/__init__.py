"""The formulas once more, fast: the names and signatures of `trainspec.reference`, on all cores, with NumPy's `out=`.

`many` binds a step to all arrays of a model at once; `training_step` is a whole update in one pass, and `composed` makes others.
`options` sets what helps on some machines; without it the process stays as it is.
"""

import importlib
from typing import Any

CHAPTERS = (
    *("adam", "adaptive", "averaging", "descent", "initialization"),
    *("landscapes", "losses", "momentum", "networks", "normalization"),
)
OF_NO_CHAPTER = {"composed": "_kernels", "global_norm": "_lists", "many": "_lists", "options": "_options", "training_step": "_training"}

__all__ = [*CHAPTERS, *OF_NO_CHAPTER]  # noqa: PLE0604 - they are names


def __getattr__(name: str) -> Any:
    """A chapter loads, and Numba with it, when it is first asked for."""
    if name in OF_NO_CHAPTER:
        return getattr(importlib.import_module(f".{OF_NO_CHAPTER[name]}", __name__), name)
    if name in CHAPTERS:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
