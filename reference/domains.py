"""Every shape and range that a formula may ask for, named: the only place where one is stated."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from jaxtyping import Float, Int, Integer


@dataclass(frozen=True)
class NotBelow:
    """The argument is at least as large as another one of the same formula."""

    argument: str


@dataclass(frozen=True)
class PositiveAlong:
    """The argument, a matrix or an array like the other one, makes a positive product with it: o·X o or o·x, row by row."""

    argument: str


@dataclass(frozen=True)
class StableWith:
    """Descent at this learning rate is stable along that curvature of the same formula: their product is below 2."""

    argument: str


@dataclass(frozen=True)
class OneOf:
    """Every entry is one of these numbers."""

    numbers: tuple[int, ...]


@dataclass(frozen=True)
class IndexInto:
    """Every entry is an index, counted from 0, into an axis of another argument."""

    argument: str
    axis: int


class Symmetric:
    """The matrix equals its transpose, entry by entry."""


class PositiveDefinite:
    """Every eigenvalue of the symmetric matrix is positive, as computed in float64."""


class MayBeInfinite:
    """The result may be infinite: the formula's value in the extended reals."""


Floats: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.floating[Any]]]

Array: TypeAlias = Float[Floats, "*shape"]  # one *shape in one signature
Vector: TypeAlias = Float[Floats, " d"]
Gradients: TypeAlias = Float[Floats, "steps d"]
Matrix: TypeAlias = Float[Floats, "n n"]
TwoByTwo: TypeAlias = Float[Floats, "2 2"]
Hessian: TypeAlias = Annotated[Matrix, Symmetric]
Rates: TypeAlias = Annotated[Float[Floats, " steps"], Gt(0)]
Curvatures: TypeAlias = Annotated[Float[Floats, " n"], Gt(0)]
Series: TypeAlias = Float[Floats, " steps"]
Variances: TypeAlias = Annotated[Float[Floats, " n"], Ge(0)]
Boundaries: TypeAlias = Annotated[Float[Floats, " n"], Ge(0)]
Factors: TypeAlias = Annotated[Float[Floats, " n"], Gt(0)]
Scalar: TypeAlias = Float[Floats, ""]  # a number that arrays make
Point: TypeAlias = Float[Floats, " n"]
Rows: TypeAlias = Float[Floats, "memory n"]
Layers: TypeAlias = Float[Floats, " layers"]
Inner: TypeAlias = Float[Floats, "hidden inputs"]
Outer: TypeAlias = Float[Floats, "outputs hidden"]
PositiveHessian: TypeAlias = Annotated[Matrix, Symmetric, PositiveDefinite]
HessianAlong: TypeAlias = Annotated[Matrix, Symmetric, PositiveAlong("grad")]
AlongChange: TypeAlias = Annotated[Point, PositiveAlong("step")]
AlongChanges: TypeAlias = Annotated[Rows, PositiveAlong("steps")]

Rate: TypeAlias = Annotated[float, Gt(0)]
Momentum: TypeAlias = Annotated[float, Ge(0), Lt(1)]
Decay: TypeAlias = Annotated[float, Ge(0), Lt(1)]
Curvature: TypeAlias = Annotated[float, Gt(0)]
Damping: TypeAlias = Annotated[float, Ge(0)]
Largest: TypeAlias = Annotated[float, Gt(0), NotBelow("smallest")]
Condition: TypeAlias = Annotated[float, Ge(1)]
ExtendedCondition: TypeAlias = Annotated[float, Ge(1), MayBeInfinite]
Norm: TypeAlias = Annotated[float, Ge(0)]
Variance: TypeAlias = Annotated[float, Ge(0)]
Weight: TypeAlias = Annotated[float, Ge(0)]
Count: TypeAlias = Annotated[int, Ge(0)]
FromOne: TypeAlias = Annotated[int, Ge(1)]
FromTwo: TypeAlias = Annotated[int, Ge(2)]
Population: TypeAlias = Annotated[int, Ge(2), NotBelow("batch")]
Real: TypeAlias = float
Mean: TypeAlias = np.floating[Any]  # what a reduction returns
Positive: TypeAlias = Annotated[float, Gt(0)]
Factor: TypeAlias = Annotated[float, Gt(0), Lt(1)]
StartRate: TypeAlias = Annotated[float, Gt(0), NotBelow("end")]
Loss: TypeAlias = float
ExtendedLoss: TypeAlias = Annotated[float, MayBeInfinite]

Squares: TypeAlias = Annotated[Array, Ge(0)]
Magnitudes: TypeAlias = Annotated[Array, Ge(0)]
Eps: TypeAlias = Annotated[float, Ge(0)]
Steps: TypeAlias = Annotated[int, Ge(1)]

Gradient: TypeAlias = Callable[[Array], Array]

# --- descent and averaging ---------------------------------------------------------------------------

SampleGradients: TypeAlias = Float[Floats, "batch d"]
SampleLosses: TypeAlias = Float[Floats, " samples"]
BatchLosses: TypeAlias = Float[Floats, " batches"]
BatchSizes: TypeAlias = Annotated[Float[Floats, " batches"], Gt(0)]
Indices: TypeAlias = Int[np.ndarray[tuple[Any, ...], np.dtype[np.integer[Any]]], " batch"]

Objective: TypeAlias = float | np.floating[Any]  # of results: what np.mean makes of an array
Probability: TypeAlias = Annotated[float, Gt(0), Le(1)]
StableRate: TypeAlias = Annotated[float, Gt(0), StableWith("curvature")]
StableUnitRate: TypeAlias = Annotated[float, Gt(0), Lt(2)]  # along curvature 1
StablePairRate: TypeAlias = Annotated[float, Gt(0), Lt(1.25)]  # along curvatures 1 and 4 in turn
Samples: TypeAlias = Annotated[int, Ge(1), NotBelow("size")]

GradientSequence: TypeAlias = tuple[Gradient, ...]  # one for each sample, in the order of presentation
Source: TypeAlias = np.random.Generator

# --- adaptive methods --------------------------------------------------------------------------------

SecondMoments: TypeAlias = Annotated[Array, Gt(0)]
Sizes: TypeAlias = Annotated[Array, Ge(0)]

Growth: TypeAlias = Annotated[float, Gt(1)]

# --- losses ------------------------------------------------------------------------------------------

Integers: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.integer[Any]]]

Inputs: TypeAlias = Float[Floats, "examples d"]
Outputs: TypeAlias = Float[Floats, "examples outputs"]
Scores: TypeAlias = Float[Floats, " examples"]
Signs: TypeAlias = Annotated[Float[Floats, " examples"], OneOf((-1, 1))]
Targets: TypeAlias = Annotated[Float[Floats, " examples"], Ge(0), Le(1)]
Logits: TypeAlias = Float[Floats, "*batch classes"]
ExampleLogits: TypeAlias = Float[Floats, "examples classes"]
ExampleLosses: TypeAlias = Float[Floats, " examples *loss"]
ClassWeights: TypeAlias = Float[Floats, "classes d"]
ClassLabels: TypeAlias = Annotated[Integer[Integers, " examples"], IndexInto("logits", 1)]
LabelledClasses: TypeAlias = Annotated[Integer[Integers, " examples"], IndexInto("weights", 0)]

Smoothing: TypeAlias = Annotated[float, Ge(0), Le(1)]
Accuracy: TypeAlias = Annotated[float, Ge(0), Le(1)]
Reduction: TypeAlias = Literal["none", "mean", "sum"]
Half: TypeAlias = bool
