"""What holds: the formulas of deep-network training, one function each, in plain NumPy."""

from . import adaptive, momentum, quadratic
from ._formula import FORMULAS, Formula, formula

__all__ = ["FORMULAS", "Formula", "adaptive", "formula", "momentum", "quadratic"]
