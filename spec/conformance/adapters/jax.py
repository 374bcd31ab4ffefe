"""The adapter for JAX: its initializers, and the precision that those of the libraries upon it run in.

JAX keeps weights as (in, out); the reference has them as (out, in), so they are transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from ..implementation import Adapted, FunctionSubject
from . import Offer


@contextmanager
def precision(dtype: Any) -> Iterator[None]:
    """Float64 numbers where they are asked for, and nowhere else."""
    switch = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with switch(np.dtype(dtype) == np.float64):
        yield


def subject(found: Any) -> Adapted | None:
    """An initializer as a subject; anything else is declined."""
    known = INITIALIZERS.get(getattr(found, "__name__", ""))
    return known(found) if known and "initializers" in str(getattr(found, "__module__", "")) else None


def circumstances() -> dict[str, str]:
    """What results may depend on."""
    return {
        "backend": f"jax {jax.__version__}",
        "device": jax.default_backend(),
        "matmul_precision": str(jax.config.jax_default_matmul_precision),
    }


def initializer(formula: str, settings: Callable[..., Mapping[str, Any]] = lambda **given: given, **fixed: Any) -> Any:
    """A function that makes initializers, whose settings follow from those of a formula."""

    def make(found: Any) -> FunctionSubject:
        def call(source: np.random.Generator, fan_out: int, fan_in: int, **given: Any) -> Any:
            with precision(np.float64):
                key = jax.random.key(int(source.integers(2**31)))
                return np.array(found(**settings(**given))(key, (fan_in, fan_out), np.float64)).T

        return FunctionSubject(call, formula, fixed, "jax")

    return make


def nonnegative(found: Any) -> FunctionSubject:
    """Uniform weights from 0 on, which is all that the function offers: symmetric ones are had by a shift of theirs."""

    def call(source: np.random.Generator, fan_out: int, fan_in: int, *, half_width: float) -> Any:
        with precision(np.float64):
            key = jax.random.key(int(source.integers(2**31)))
            return np.array(found(2 * half_width)(key, (fan_in, fan_out), np.float64)).T - half_width

    return FunctionSubject(call, "init.random_uniform", {}, "jax")


INITIALIZERS: Mapping[str, Callable[[Any], FunctionSubject]] = {
    "normal": initializer("init.random_gaussian_uniform", lambda std: {"stddev": std}),
    "uniform": nonnegative,
    "glorot_uniform": initializer("init.xavier.uniform", gain=1.0),
    "glorot_normal": initializer("init.xavier.normal", gain=1.0),
    "he_uniform": initializer("init.he.uniform"),
    "he_normal": initializer("init.he.normal"),
    "lecun_normal": initializer("init.lecun.normal", gain=1.0),
    "truncated_normal": initializer("init.truncated_normal", lambda std: {"stddev": std}, cut=2.0, spread=1.0),
    "orthogonal": initializer("init.orthogonal", lambda gain=1.0: {"scale": gain}),
}

OFFERS = (
    Offer("Glorot, uniform", "jax.nn.initializers:glorot_uniform", against="init.xavier.uniform"),
    Offer("Glorot, normal", "jax.nn.initializers:glorot_normal", against="init.xavier.normal"),
    Offer("He, uniform", "jax.nn.initializers:he_uniform", against="init.he.uniform"),
    Offer("He, normal", "jax.nn.initializers:he_normal", against="init.he.normal"),
    Offer("LeCun, normal", "jax.nn.initializers:lecun_normal", against="init.lecun.normal"),
    Offer("truncated normal", "jax.nn.initializers:truncated_normal", against="init.truncated_normal"),
    Offer("orthogonal", "jax.nn.initializers:orthogonal", against="init.orthogonal"),
)
