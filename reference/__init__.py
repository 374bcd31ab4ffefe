"""What holds: the formulas of deep-network training, one function each, in plain NumPy."""

from . import averaging, descent, momentum, quadratic
from ._formula import FORMULAS, Formula, formula

__all__ = ["FORMULAS", "Formula", "averaging", "descent", "formula", "momentum", "quadratic"]
