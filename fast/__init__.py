"""The formulas once more, fast: the names and signatures of `trainspec.reference`, on all cores, with NumPy's `out=`."""

import importlib
from types import ModuleType

__all__ = ["adam", "adaptive", "averaging", "descent", "initialization", "landscapes", "momentum"]


def __getattr__(name: str) -> ModuleType:
    """A chapter loads, and Numba with it, when it is first asked for."""
    if name in __all__:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
