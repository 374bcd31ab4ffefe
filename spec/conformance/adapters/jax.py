"""The adapter for JAX: its initializers, and the precision that those of the libraries upon it run in.

JAX keeps weights as (in, out); the reference has them as (out, in), so they are transposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from ..loading import Adapted
from . import FunctionRegistry, MatrixTarget


@contextmanager
def precision(dtype: Any) -> Iterator[None]:
    """Let JAX compute in float64 if that is the dtype, and only then."""
    switch = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with switch(np.dtype(dtype) == np.float64):
        yield


def adapt(obj: Any) -> Adapted | None:
    """Return an initializer; anything else is declined."""
    return FUNCTIONS.lookup(obj) if "initializers" in str(getattr(obj, "__module__", "")) else None


def environment_info() -> dict[str, str]:
    """Return what results depend on."""
    return {
        "backend": f"jax {jax.__version__}",
        "device": jax.default_backend(),
        "matmul_precision": str(jax.config.jax_default_matmul_precision),
    }


def sample(obj: Any, source: np.random.Generator, shape: tuple[int, int], settings: Mapping[str, Any]) -> Any:
    """Return weights that an initializer with these settings draws."""
    with precision(np.float64):
        key = jax.random.key(int(source.integers(2**31)))
        return np.array(obj(**settings)(key, shape[::-1], np.float64)).T


def sample_symmetric(obj: Any, source: np.random.Generator, shape: tuple[int, int], settings: Mapping[str, Any]) -> Any:
    """Return uniform weights: the library draws from 0 on, and they are shifted."""
    return sample(lambda: obj(2 * settings["half_width"]), source, shape, {}) - settings["half_width"]


FUNCTIONS = FunctionRegistry("jax")
FUNCTIONS.register(
    {
        "normal": FUNCTIONS.initializer("init.random_gaussian_uniform", sample, lambda std: {"stddev": std}),
        "uniform": FUNCTIONS.initializer("init.random_uniform", sample_symmetric),
        "glorot_uniform": FUNCTIONS.initializer("init.xavier.uniform", sample, gain=1.0),
        "glorot_normal": FUNCTIONS.initializer("init.xavier.normal", sample, gain=1.0),
        "he_uniform": FUNCTIONS.initializer("init.he.uniform", sample),
        "he_normal": FUNCTIONS.initializer("init.he.normal", sample),
        "lecun_normal": FUNCTIONS.initializer("init.lecun.normal", sample, gain=1.0),
        "truncated_normal": FUNCTIONS.initializer("init.truncated_normal", sample, lambda std: {"stddev": std}, cut=2.0, spread=1.0),
        "orthogonal": FUNCTIONS.initializer("init.orthogonal", sample, lambda gain=1.0: {"scale": gain}),
    }
)

MATRIX_TARGETS = (
    MatrixTarget("Glorot, uniform", "jax.nn.initializers:glorot_uniform", against="init.xavier.uniform"),
    MatrixTarget("Glorot, normal", "jax.nn.initializers:glorot_normal", against="init.xavier.normal"),
    MatrixTarget("He, uniform", "jax.nn.initializers:he_uniform", against="init.he.uniform"),
    MatrixTarget("He, normal", "jax.nn.initializers:he_normal", against="init.he.normal"),
    MatrixTarget("LeCun, normal", "jax.nn.initializers:lecun_normal", against="init.lecun.normal"),
    MatrixTarget("truncated normal", "jax.nn.initializers:truncated_normal", against="init.truncated_normal"),
    MatrixTarget("orthogonal", "jax.nn.initializers:orthogonal", against="init.orthogonal"),
)
