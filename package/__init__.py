"""trainspec: the formulas by which deep networks are trained, proven, with fast kernels and a conformance kit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .spec.conformance.checks import check, identify, parametrize_with_checks

    __version__: str

__all__ = ["__version__", "check", "identify", "parametrize_with_checks"]


def __getattr__(name: str) -> Any:
    """Return the version or a function of the conformance kit; it loads when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("trainspec")
    if name in __all__:
        from .spec import conformance

        return getattr(conformance, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
