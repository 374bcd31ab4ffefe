"""What holds: the formulas of deep-network training, one function each, in plain NumPy."""

from . import curvature, momentum, quadratic
from ._formula import FORMULAS, Formula, formula

__all__ = ["FORMULAS", "Formula", "curvature", "formula", "momentum", "quadratic"]
