"""The number systems that the reference runs on, unchanged.

Symbolic (SymPy numbers) · Tensor (arrays of symbolic shape) · Ball (rigorous enclosures) · Rational (exact fractions) ·
Differential (dual numbers over balls) · Running (values with their rounding errors) · rebind (other array libraries) · Modular (prime
fields at random points; in `modular`, which has `symbols`, `tensor` and the like of its own).
`formats` has the floating-point formats, `convergence` the laws of limits.
"""

from . import convergence
from ._numbers import Numbers, Refused, Undecided
from .ball import Ball, certified
from .difference import central_difference, complex_step
from .dual import Differential, Dual, jacobian, slope
from .formats import FORMATS, NARROW, Format, format_of, is_real_dtype, widened
from .prover import Finding, Verdict, proven_true, proven_zero
from .rational import Rational
from .rebind import rebind
from .running import Running, Scalars, rounding_bound
from .symbolic import Fractional, Symbolic, function, symbols
from .tensor import Tensor, labels, partial, tensor

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
