"""The formulas once more, fast: the names and signatures of `trainspec.reference`, on all cores, with NumPy's `out=`.

`many` binds a step to all arrays of a model at once; `training_step` is a whole update in one pass, and `composed` makes others.
"""

import importlib
from typing import Any

OF_LISTS = {"composed": "_kernels", "global_norm": "_lists", "many": "_lists", "training_step": "_training"}

__all__ = ["adam", "adaptive", "averaging", "composed", "descent", "global_norm", "many", "momentum", "training_step"]


def __getattr__(name: str) -> Any:
    """A chapter loads, and Numba with it, when it is first asked for."""
    if name in OF_LISTS:
        return getattr(importlib.import_module(f".{OF_LISTS[name]}", __name__), name)
    if name in __all__:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
