"""trainspec: the formulas by which deep networks are trained, proven, with fast kernels and a conformance kit.

The names below load what they need when they are first used; `import trainspec` alone imports nothing but the standard library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what __getattr__ returns, for type checkers
    from .spec.conformance import assert_conforms, check, identify, parametrize_with_checks, tolerance

    __version__: str

__all__ = ["__version__", "assert_conforms", "check", "identify", "parametrize_with_checks", "presets", "tolerance"]


def presets(formula: str) -> dict[str, dict[str, Any]]:
    """Return the presets of a formula by name, each as keyword arguments: presets("optimizers.adam")["paper"] is {"lr": 0.001, …}.

    A preset has what its source states, and no more: `eps` is missing where a lecture leaves it out. `trainspec show` lists the sources.
    """
    from .spec.catalogue import catalogue

    return {preset.name: preset.arguments for preset in catalogue().presets(formula)}


def __getattr__(name: str) -> Any:
    """Return the version, or a function of the conformance kit."""
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
