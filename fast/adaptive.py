"""Adaptive methods, fast: `trainspec.reference.adaptive` says what each formula is; the results are the same, bit for bit.

`out` takes the result, made as the result is; each array may be the very argument that it replaces, None stands for a fresh one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..reference import adaptive as reference
from ._elementwise.kernel import elementwise

if TYPE_CHECKING:
    from ..reference.adaptive import AdaDeltaState, CentredState, RMSPropNesterovState, RpropMinusState, RpropState
    from ..reference.domains import Array, Decay, Eps, Factor, Gradient, Growth, Largest, Momentum, Positive, Rate, Squares
    from ._elementwise.kernel import Out

__all__ = ["adadelta", "adagrad", "irprop_minus", "rmsprop", "rmsprop_centered", "rmsprop_nesterov", "rprop", "rprop_minus"]


@elementwise(reference.adagrad)
def adagrad(theta: Array, grad: Array, sum_sq: Squares, *, lr: Rate, eps: Eps, eps_root: Eps = 0, out: Out = None) -> tuple[Array, Squares]:
    """AdaGrad: s ← s + g², θ ← θ − η g / (√(s + eps_root) + eps)."""


@elementwise(reference.rmsprop)
def rmsprop(
    theta: Array, grad: Array, mean_sq: Squares, *, lr: Rate, decay: Decay, eps: Eps, eps_root: Eps = 0, out: Out = None
) -> tuple[Array, Squares]:
    """RMSProp: s ← ρ s + (1 − ρ) g², θ ← θ − η g / (√(s + eps_root) + eps)."""


@elementwise(reference.rmsprop_centered)
def rmsprop_centered(
    theta: Array, grad: Array, state: CentredState, *, lr: Rate, decay: Decay, eps: Eps, eps_root: Eps = 0, out: Out = None
) -> tuple[Array, CentredState]:
    """Centred RMSProp: the gradient over its running standard deviation."""


@elementwise(reference.rmsprop_nesterov, asks="gradient")
def rmsprop_nesterov(
    theta: Array,
    gradient: Gradient,
    state: RMSPropNesterovState,
    *,
    lr: Rate,
    momentum: Momentum,
    decay: Decay,
    eps: Eps,
    eps_root: Eps = 0,
    out: Out = None,
) -> tuple[Array, RMSPropNesterovState]:
    """RMSProp with Nesterov's momentum: gradient and mean square are those of the look-ahead point."""


@elementwise(reference.adadelta)
def adadelta(
    theta: Array, grad: Array, state: AdaDeltaState, *, decay: Decay, eps_grad: Eps, eps_step: Eps, out: Out = None
) -> tuple[Array, AdaDeltaState]:
    """AdaDelta: the root mean square of the steps so far stands where a learning rate would."""


@elementwise(reference.rprop)
def rprop(
    theta: Array, grad: Array, state: RpropState, *, grow: Growth, shrink: Factor, smallest: Positive, largest: Largest, out: Out = None
) -> tuple[Array, RpropState]:
    """Rprop+: steps grow while the gradient's sign stays and shrink when it flips; a flip takes the last back."""


@elementwise(reference.rprop_minus)
def rprop_minus(
    theta: Array,
    grad: Array,
    state: RpropMinusState,
    *,
    grow: Growth,
    shrink: Factor,
    smallest: Positive,
    largest: Largest,
    out: Out = None,
) -> tuple[Array, RpropMinusState]:
    """Rprop−: no step is taken back; after a flip the shortened step goes the new way."""


@elementwise(reference.irprop_minus)
def irprop_minus(
    theta: Array,
    grad: Array,
    state: RpropMinusState,
    *,
    grow: Growth,
    shrink: Factor,
    smallest: Positive,
    largest: Largest,
    out: Out = None,
) -> tuple[Array, RpropMinusState]:
    """iRprop−: after a flip a coordinate rests for one step."""
