"""The formulas once more, fast: the names and signatures of `trainspec.reference`, on all cores, with NumPy's `out=`.

`bind` binds a step to all arrays of a model at once; `training_step` and `training_step_of` are whole updates in one pass, and `fused`
makes others; `backward_of` makes the gradient of an activation. `configure` changes settings that help on some machines; without it the
process stays as it is.
"""

import importlib
import pkgutil
from typing import Any

CHAPTERS = tuple(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
MODULES = {  # of what belongs to no chapter
    "backward_of": "_elementwise.fused",
    "bind": "_bind",
    "configure": "_config",
    "fused": "_elementwise.fused",
    "global_norm": "_elementwise.multi_tensor",
    "training_step": "_elementwise.fused",
    "training_step_of": "_elementwise.fused",
}
DEPRECATED = {"composed": "_elementwise.fused", "many": "_bind", "options": "_config"}  # for one version

__all__ = [*CHAPTERS, *MODULES]  # noqa: PLE0604 - they are names


def __getattr__(name: str) -> Any:
    """Load a chapter, and Numba with it, when it is first needed."""
    if module := MODULES.get(name) or DEPRECATED.get(name):
        return getattr(importlib.import_module(f".{module}", __name__), name)
    if name in CHAPTERS:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
