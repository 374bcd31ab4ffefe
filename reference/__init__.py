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
    sign,
)
from ._registry import FORMULAS, Formula, formula, initial_state
from ._tree import tree_leaves, tree_map, tree_unflatten

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
    "initial_state",
    "initialization",
    "landscapes",
    "losses",
    "momentum",
    "networks",
    "normalization",
    "quadratic",
    "schedules",
    "sign",
    "tree_leaves",
    "tree_map",
    "tree_unflatten",
]
