"""The catalogue, the arithmetics, the evidence that the formulas hold, the conformance kit, and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conformance import check, identify, parametrize_with_checks

__all__ = ["check", "identify", "parametrize_with_checks"]


def __getattr__(name: str) -> Any:
    """Return a function of the conformance kit, which is imported when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import conformance

    return getattr(conformance, name)
