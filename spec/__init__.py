"""Why the formulas hold, and who obeys them: catalogue, arithmetics, evidence, conformance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conformance import check, identify, parametrize_with_checks

__all__ = ["check", "identify", "parametrize_with_checks"]


def __getattr__(name: str) -> Any:
    """The questions of the conformance kit, which loads when it is asked."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import conformance

    return getattr(conformance, name)
