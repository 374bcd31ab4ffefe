"""Every shape and range that a formula may ask for, named: the only place where one is stated."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np
from annotated_types import Ge, Gt, Lt
from jaxtyping import Float
from numpy.typing import NDArray


@dataclass(frozen=True)
class NotBelow:
    """The argument is at least as large as another one of the same formula."""

    argument: str


class Symmetric:
    """The matrix equals its transpose, entry by entry."""


class MayBeInfinite:
    """The result may be infinite: the formula's value in the extended reals."""


Floats: TypeAlias = NDArray[np.floating[Any]]

Array: TypeAlias = Float[Floats, "*shape"]  # one *shape in one signature
Vector: TypeAlias = Float[Floats, " d"]
Gradients: TypeAlias = Float[Floats, "steps d"]
Matrix: TypeAlias = Float[Floats, "n n"]
TwoByTwo: TypeAlias = Float[Floats, "2 2"]
Hessian: TypeAlias = Annotated[Matrix, Symmetric]
Rates: TypeAlias = Annotated[Float[Floats, " steps"], Gt(0)]
Curvatures: TypeAlias = Annotated[Float[Floats, " n"], Gt(0)]
Squares: TypeAlias = Annotated[Array, Ge(0)]
SecondMoments: TypeAlias = Annotated[Array, Gt(0)]
Sizes: TypeAlias = Annotated[Array, Ge(0)]
Series: TypeAlias = Float[Floats, " steps"]

Rate: TypeAlias = Annotated[float, Gt(0)]
Momentum: TypeAlias = Annotated[float, Ge(0), Lt(1)]
Decay: TypeAlias = Annotated[float, Ge(0), Lt(1)]
Curvature: TypeAlias = Annotated[float, Gt(0)]
Largest: TypeAlias = Annotated[float, Gt(0), NotBelow("smallest")]
Condition: TypeAlias = Annotated[float, Ge(1)]
ExtendedCondition: TypeAlias = Annotated[float, Ge(1), MayBeInfinite]
Norm: TypeAlias = Annotated[float, Ge(0)]
Variance: TypeAlias = Annotated[float, Ge(0)]
Weight: TypeAlias = Annotated[float, Ge(0)]
Eps: TypeAlias = Annotated[float, Ge(0)]
Positive: TypeAlias = Annotated[float, Gt(0)]
Growth: TypeAlias = Annotated[float, Gt(1)]
Loss: TypeAlias = float
Count: TypeAlias = Annotated[int, Ge(0)]
FromOne: TypeAlias = Annotated[int, Ge(1)]

Gradient: TypeAlias = Callable[[Array], Array]
