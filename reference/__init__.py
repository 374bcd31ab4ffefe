"""What holds: the formulas of deep-network training, one function each, in plain NumPy."""

from . import averaging, curvature, descent, momentum, quadratic
from ._formula import FORMULAS, Formula, formula

__all__ = ["FORMULAS", "Formula", "averaging", "curvature", "descent", "formula", "momentum", "quadratic"]
