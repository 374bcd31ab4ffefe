"""What holds: the formulas of deep-network training, one function each, in plain NumPy."""

from . import (
    adam,
    adaptive,
    averaging,
    curvature,
    data,
    descent,
    estimators,
    initialization,
    landscapes,
    losses,
    momentum,
    networks,
    normalization,
    quadratic,
    schedules,
)
from ._registry import FORMULAS, Formula, formula

__all__ = [
    "FORMULAS",
    "Formula",
    "adam",
    "adaptive",
    "averaging",
    "curvature",
    "data",
    "descent",
    "estimators",
    "formula",
    "initialization",
    "landscapes",
    "losses",
    "momentum",
    "networks",
    "normalization",
    "quadratic",
    "schedules",
]
