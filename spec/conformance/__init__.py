"""The conformance kit: runs an implementation and reports which convention it follows. Terms: spec/site/glossary.md."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import check, identify
    from .checks import CHECKS, Check, ConfiguredImplementation, failures, parametrize_with_checks
    from .functions.runner import load_function
    from .loading import load_implementation, load_object
    from .result import Result, Verdict
    from .tolerances import Tolerance, assert_conforms, tolerance

__all__ = [
    "CHECKS", "Check", "ConfiguredImplementation", "Result", "Tolerance", "Verdict", "assert_conforms", "check", "failures", "identify",
    "load_function", "load_implementation", "load_object", "parametrize_with_checks", "tolerance",
]  # fmt: skip

HOMES = {
    ".api": ("check", "identify"),
    ".checks": ("CHECKS", "Check", "ConfiguredImplementation", "failures", "parametrize_with_checks"),
    ".functions.runner": ("load_function",),
    ".loading": ("load_implementation", "load_object"),
    ".result": ("Result", "Verdict"),
    ".tolerances": ("Tolerance", "assert_conforms", "tolerance"),
}


def __getattr__(name: str) -> Any:
    """Return a public name; its module is imported when it is first asked for."""
    for module, names in HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module, __package__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
