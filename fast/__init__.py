"""The formulas once more, fast: the names and signatures of `trainspec.reference`, on all cores, with NumPy's `out=`.

`options` sets what helps on some machines; without it the process stays as it is.
"""

import importlib
from typing import Any

__all__ = ["adam", "adaptive", "averaging", "descent", "landscapes", "lists", "losses", "momentum", "networks", "normalization", "training"]


def __getattr__(name: str) -> Any:
    """A chapter loads, and Numba with it, when it is first asked for."""
    if name == "options":
        return importlib.import_module("._options", __name__).options
    if name in __all__:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
