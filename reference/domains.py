"""Every shape and range that a formula may ask for, named: the only place where one is stated."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from annotated_types import Ge, Gt, Le, Lt
from jaxtyping import Float, Int, Integer

from .limits import Divides, IndexInto, MayBeInfinite, NotBelow, OneOf, PositiveAlong, PositiveDefinite, StableWith, Symmetric, Varied

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
PeakRate: TypeAlias = Annotated[float, Gt(0), NotBelow("start")]
Loss: TypeAlias = float
ExtendedLoss: TypeAlias = Annotated[float, MayBeInfinite]

Squares: TypeAlias = Annotated[Array, Ge(0)]
Magnitudes: TypeAlias = Annotated[Array, Ge(0)]
Eps: TypeAlias = Annotated[float, Ge(0)]
Steps: TypeAlias = Annotated[int, Ge(1)]

Gradient: TypeAlias = Callable[[Array], Array]

# --- descent and averaging ---------------------------------------------------------------------------

SampleGradients: TypeAlias = Float[Floats, "batch d"]
GradientSums: TypeAlias = Float[Floats, "batches d"]
Finite: TypeAlias = bool  # whether a gradient is
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
MeanSquare: TypeAlias = Annotated[Scalar, Ge(0)]  # of a whole array
Distance: TypeAlias = Annotated[Scalar, Gt(0)]  # of a point from another one

Growth: TypeAlias = Annotated[float, Gt(1)]
CutExponent: TypeAlias = Annotated[float, Gt(0), Le(1)]
RectificationThreshold: TypeAlias = Annotated[float, Ge(4)]  # from 4 on, a variance exists

# --- data --------------------------------------------------------------------------------------------

Data: TypeAlias = Float[Floats, "samples features"]
VariedData: TypeAlias = Annotated[Data, Varied]
Features: TypeAlias = Float[Floats, " features"]
PositiveFeatures: TypeAlias = Annotated[Features, Gt(0)]
Ddof: TypeAlias = Annotated[int, Ge(0), Le(1)]
CodeNumbers: TypeAlias = Float[Floats, " codes"]
BitCount: TypeAlias = Annotated[int, Ge(0), Le(32)]  # of a float32
NotBelowLow: TypeAlias = Annotated[float, NotBelow("low")]
Directions: TypeAlias = Float[Floats, "features components"]
ComponentVariances: TypeAlias = Annotated[Float[Floats, " components"], Ge(0)]
Components: TypeAlias = Float[Floats, "samples components"]
Images: TypeAlias = Float[Floats, "samples height width channels"]
Image: TypeAlias = Float[Floats, "height width channels"]
Channels: TypeAlias = Float[Floats, " channels"]

# --- initialization ----------------------------------------------------------------------------------

Cut: TypeAlias = Annotated[float, Ge(0.25), Le(32)]  # in standard deviations; beyond, no number of any format is cut off
FanIn: TypeAlias = Annotated[int, Ge(1), NotBelow("count")]
Kernel: TypeAlias = Float[Floats, "taps outputs inputs"]
Nodes: TypeAlias = Float[Floats, " nodes"]
Masses: TypeAlias = Annotated[Float[Floats, " nodes"], Ge(0)]

# --- networks ----------------------------------------------------------------------------------------

LayerInputs: TypeAlias = Float[Floats, "batch inputs"]
LayerOutputs: TypeAlias = Float[Floats, "batch outputs"]
LayerWeights: TypeAlias = Float[Floats, "outputs inputs"]
LayerBiases: TypeAlias = Float[Floats, " outputs"]
OptionalBiases: TypeAlias = LayerBiases | None
LayerTanhs: TypeAlias = Annotated[LayerOutputs, Ge(-1), Le(1)]
LayerRelus: TypeAlias = Annotated[LayerOutputs, Ge(0)]
Tanhs: TypeAlias = Annotated[Array, Ge(-1), Le(1)]
Sigmoids: TypeAlias = Annotated[Array, Ge(0), Le(1)]

OutputGradient: TypeAlias = Float[Floats, " outputs"]
OutputJacobian: TypeAlias = Float[Floats, "outputs inputs"]
WeightJacobian: TypeAlias = Float[Floats, "outputs weights"]
ValueGradient: TypeAlias = Float[Floats, " inputs"]
WeightGradient: TypeAlias = Float[Floats, " weights"]

FirstWeights: TypeAlias = Float[Floats, "first inputs"]
FirstBiases: TypeAlias = Float[Floats, " first"]
SecondWeights: TypeAlias = Float[Floats, "second first"]
SecondBiases: TypeAlias = Float[Floats, " second"]
ThirdWeights: TypeAlias = Float[Floats, "third second"]
ThirdBiases: TypeAlias = Float[Floats, " third"]
FourthWeights: TypeAlias = Float[Floats, "outputs third"]

HiddenBiases: TypeAlias = Float[Floats, " hidden"]
HiddenFactors: TypeAlias = Annotated[Float[Floats, " hidden"], Gt(0)]
Mask: TypeAlias = Annotated[Array, OneOf((0, 1))]
ExampleRows: TypeAlias = Float[Floats, "examples features"]
KeptExamples: TypeAlias = Annotated[Float[Floats, " examples"], OneOf((0, 1))]
Knots: TypeAlias = Float[Floats, " knots"]

# --- losses ------------------------------------------------------------------------------------------

Integers: TypeAlias = np.ndarray[tuple[Any, ...], np.dtype[np.integer[Any]]]

Inputs: TypeAlias = Float[Floats, "examples d"]
Outputs: TypeAlias = Float[Floats, "examples outputs"]
Scores: TypeAlias = Float[Floats, " examples"]
Signs: TypeAlias = Annotated[Float[Floats, " examples"], OneOf((-1, 1))]
Targets: TypeAlias = Annotated[Float[Floats, " examples"], Ge(0), Le(1)]
ExampleWeights: TypeAlias = Annotated[Float[Floats, " examples"], Ge(0)]
Logits: TypeAlias = Float[Floats, "*batch classes"]
ExampleLogits: TypeAlias = Float[Floats, "examples classes"]
ExampleLosses: TypeAlias = Float[Floats, " examples *loss"]
ClassWeights: TypeAlias = Float[Floats, "classes d"]
ClassLabels: TypeAlias = Annotated[Integer[Integers, " examples"], IndexInto("logits", 1)]
LabelledClasses: TypeAlias = Annotated[Integer[Integers, " examples"], IndexInto("weights", 0)]

ExampleProbabilities: TypeAlias = Annotated[Float[Floats, "examples classes"], Gt(0)]  # or numbers in proportion to them
ExampleShares: TypeAlias = Annotated[Float[Floats, "examples classes"], Ge(0)]
ProbabilityLabels: TypeAlias = Annotated[Integer[Integers, " examples"], IndexInto("probabilities", 1)]

ClipEps: TypeAlias = Annotated[float, Ge(2.0**-24), Lt(0.5)]  # below, 1 − eps is 1 in float32
Smoothing: TypeAlias = Annotated[float, Ge(0), Le(1)]
Rewards: TypeAlias = Float[Floats, "groups answers"]
Routes: TypeAlias = Annotated[Float[Floats, "examples classes"], OneOf((0, 1))]  # 1 where an input goes to an expert
Accuracy: TypeAlias = Annotated[float, Ge(0), Le(1)]
Reduction: TypeAlias = Literal["none", "mean", "sum"]
Half: TypeAlias = bool

# --- normalization layers ----------------------------------------------------------------------------

Batch: TypeAlias = Float[Floats, "m k"]  # m examples, k features
Units: TypeAlias = Float[Floats, " k"]
UnitVariances: TypeAlias = Annotated[Units, Ge(0)]
UnitDeviations: TypeAlias = Annotated[Units, Gt(0)]
BatchMeans: TypeAlias = Float[Floats, "batches k"]
BatchVariances: TypeAlias = Annotated[BatchMeans, Ge(0)]
ImageBatch: TypeAlias = Float[Floats, "n c h w"]  # n examples, c channels of h × w
ChannelWise: TypeAlias = Float[Floats, " c"]
Share: TypeAlias = Annotated[float, Ge(0), Le(1)]
Ratio: TypeAlias = Annotated[float, Ge(1)]
Groups: TypeAlias = Annotated[int, Ge(1), Divides("x", 1)]
Linear: TypeAlias = Float[Floats, "inputs k"]  # the weights of a layer h W: a column for each of k units
Magnitude: TypeAlias = Float[Floats, " k"]

# --- landscapes and clusters -------------------------------------------------------------------------

Plane: TypeAlias = Float[Floats, "2"]
PairRates: TypeAlias = Annotated[Float[Floats, " pairs"], Gt(0)]  # of many runs, each with a pair of a rate and a momentum
PairMomenta: TypeAlias = Annotated[Float[Floats, " pairs"], Ge(0), Lt(1)]
Ridge: TypeAlias = Annotated[float, Gt(0), Le(1)]  # a distance from a ridge within the unit height
Eigenvalues: TypeAlias = Float[Floats, " n"]
LinearInputs: TypeAlias = Float[Floats, "inputs samples"]
LinearTargets: TypeAlias = Float[Floats, "outputs samples"]
Points: TypeAlias = Float[Floats, "samples d"]
Centres: TypeAlias = Float[Floats, "clusters d"]
Members: TypeAlias = Annotated[Float[Floats, "samples clusters"], Ge(0)]  # 1 in the column of a point's cluster, else 0
ClusterCounts: TypeAlias = Annotated[Float[Floats, " clusters"], Ge(0)]  # whole numbers

# --- matrix methods ----------------------------------------------------------------------------------

Oblong: TypeAlias = Float[Floats, "rows columns"]
NewtonSchulzCoefficients: TypeAlias = Float[Floats, "iterations 3"]  # a, b, c of each iteration
RowSquares: TypeAlias = Annotated[Float[Floats, " rows"], Ge(0)]
ColumnSquares: TypeAlias = Annotated[Float[Floats, " columns"], Ge(0)]
OblongSquares: TypeAlias = Annotated[Oblong, Ge(0)]
RowProducts: TypeAlias = Annotated[Float[Floats, "rows rows"], Symmetric]
ColumnProducts: TypeAlias = Annotated[Float[Floats, "columns columns"], Symmetric]
RowBasis: TypeAlias = Float[Floats, "rows rows"]
ColumnBasis: TypeAlias = Float[Floats, "columns columns"]
RowDirections: TypeAlias = Float[Floats, "rows rank"]
