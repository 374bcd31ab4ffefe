"""Initialization, fast: the samplers of `trainspec.reference.initialization`, counter-based and on all cores.

The numbers are not the reference's, their distribution is: the source gives a key (32 bits of each of two draws of `random`), and an entry
depends on the key and on its index alone (Philox4x32-10). So the same seed gives the same weights, whatever the threads; and in float32
other ones than in float64. `dtype` is float64, as in the reference, or float32; `out` takes the weights, and its dtype counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..reference import initialization as reference
from ._random.sampler import sampler

if TYPE_CHECKING:
    from ..reference.domains import FanIn, FromOne, LayerWeights, Positive, Source
    from ._elementwise.kernel import Out

__all__ = [
    "fan_out_normal",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "normal_weights",
    "orthogonal",
    "sparse",
    "truncated_normal",
    "uniform_fan_in",
    "uniform_weights",
    "xavier_normal",
    "xavier_uniform",
]


@sampler(reference.normal_weights, "normal")
def normal_weights(source: Source, fan_out: FromOne, fan_in: FromOne, *, std: Positive, dtype: Any = None, out: Out = None) -> LayerWeights:
    """Independent normal weights of one standard deviation: W ~ N(0, s²)."""


@sampler(reference.uniform_weights, "uniform")
def uniform_weights(
    source: Source, fan_out: FromOne, fan_in: FromOne, *, half_width: Positive, dtype: Any = None, out: Out = None
) -> LayerWeights:
    """Independent uniform weights: W ~ U(−s, s), −s included, s excluded."""


@sampler(reference.uniform_fan_in, "uniform")
def uniform_fan_in(source: Source, fan_out: FromOne, fan_in: FromOne, *, dtype: Any = None, out: Out = None) -> LayerWeights:
    """Uniform weights from the number of inputs alone: W ~ U(−1/√n_in, 1/√n_in)."""


@sampler(reference.xavier_uniform, "uniform")
def xavier_uniform(
    source: Source, fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1, dtype: Any = None, out: Out = None
) -> LayerWeights:
    """Glorot's uniform weights: W ~ U(−a, a), a = gain √(6 / (n_in + n_out))."""


@sampler(reference.xavier_normal, "normal")
def xavier_normal(
    source: Source, fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1, dtype: Any = None, out: Out = None
) -> LayerWeights:
    """Glorot's normal weights: W ~ N(0, 2 gain² / (n_in + n_out))."""


@sampler(reference.lecun_normal, "normal")
def lecun_normal(
    source: Source, fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1, dtype: Any = None, out: Out = None
) -> LayerWeights:
    """LeCun's weights: W ~ N(0, gain² / n_in)."""


@sampler(reference.fan_out_normal, "normal")
def fan_out_normal(
    source: Source, fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1, dtype: Any = None, out: Out = None
) -> LayerWeights:
    """Weights from the number of outputs: W ~ N(0, gain² / n_out)."""


@sampler(reference.he_normal, "normal")
def he_normal(source: Source, fan_out: FromOne, fan_in: FromOne, *, dtype: Any = None, out: Out = None) -> LayerWeights:
    """He's weights: W ~ N(0, 2 / n_in)."""


@sampler(reference.he_uniform, "uniform")
def he_uniform(source: Source, fan_out: FromOne, fan_in: FromOne, *, dtype: Any = None, out: Out = None) -> LayerWeights:
    """He's uniform weights: W ~ U(−√(6/n_in), √(6/n_in))."""


@sampler(reference.truncated_normal, "truncated", lambda *_, std, spread, **__: std / spread, lambda *_, cut, **__: (float(cut),))
def truncated_normal(
    source: Source,
    fan_out: FromOne,
    fan_in: FromOne,
    *,
    std: Positive,
    cut: Positive,
    spread: Positive = 1,
    dtype: Any = None,
    out: Out = None,
) -> LayerWeights:
    """Normal weights without tails: W = std · z / spread, z ~ N(0, 1) given |z| ≤ cut. The smaller the cut, the more draws it takes."""


@sampler(reference.sparse, "sparse", lambda *_, std, **__: std, lambda _, __, fan_in, *, count, **___: (fan_in, count))
def sparse(
    source: Source, fan_out: FromOne, fan_in: FanIn, *, count: FromOne, std: Positive = 1, dtype: Any = None, out: Out = None
) -> LayerWeights:
    """Exactly so many normal weights into each unit, at places drawn at random; the others are 0."""


@sampler(reference.orthogonal, "orthogonal")
def orthogonal(
    source: Source, fan_out: FromOne, fan_in: FromOne, *, gain: Positive = 1, dtype: Any = None, out: Out = None
) -> LayerWeights:
    """A random matrix with orthonormal columns, or rows if it is wide, times a gain: uniform over all of them."""
