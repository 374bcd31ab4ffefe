"""The number systems that the reference runs on, unchanged.

Symbolic (SymPy numbers) · Tensor (arrays of symbolic shape) · Ball (rigorous enclosures) · Rational (exact fractions) ·
Differential (dual numbers over balls) · Running (values with their rounding errors) · rebind (other array libraries) · Modular (prime
fields at random points; in `modular`, which has `symbols`, `tensor` and the like of its own).
`formats` has the floating-point formats, `convergence` the laws of limits.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._numbers import Numbers, Refused, Undecided
from .ball import Ball, certified
from .difference import central_difference, complex_step
from .dual import Differential, Dual, jacobian, slope
from .formats import FORMATS, NARROW, Format, format_of, is_real_dtype, widened
from .rational import Rational
from .rebind import rebind
from .running import Running, Scalars, rounding_bound

if TYPE_CHECKING:
    from . import convergence
    from .prover import Finding, Verdict, proven_true, proven_zero
    from .symbolic import Fractional, Symbolic, function, symbols
    from .tensors import Tensor, labels, partial, tensor

__all__ = [
    "FORMATS",
    "NARROW",
    "Ball",
    "Differential",
    "Dual",
    "Finding",
    "Format",
    "Fractional",
    "Numbers",
    "Rational",
    "Refused",
    "Running",
    "Scalars",
    "Symbolic",
    "Tensor",
    "Undecided",
    "Verdict",
    "central_difference",
    "certified",
    "complex_step",
    "convergence",
    "format_of",
    "function",
    "is_real_dtype",
    "jacobian",
    "labels",
    "partial",
    "proven_true",
    "proven_zero",
    "rebind",
    "rounding_bound",
    "slope",
    "symbols",
    "tensor",
    "widened",
]

HOMES = {  # of what takes SymPy, which takes longer to load than all the rest
    ".prover": ("Finding", "Verdict", "proven_true", "proven_zero"),
    ".symbolic": ("Fractional", "Symbolic", "function", "symbols"),
    ".tensors": ("Tensor", "labels", "partial", "tensor"),
}


def __getattr__(name: str) -> Any:
    """Return what takes SymPy; its module is imported when it is first asked for."""
    if name == "convergence":
        return importlib.import_module(".convergence", __package__)
    for module, names in HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module, __package__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
