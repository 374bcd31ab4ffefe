"""A thousand and more runs of heavy ball over Beale's function: ours, NumPy as the reference writes it, JAX's vmap of a fori_loop.

The results are asserted equal, within what the roundings of stable runs make; the times never.
"""

import importlib.util

import numpy as np
import pytest
from trainspec.fast.landscapes import heavy_ball_trajectories
from trainspec.reference import landscapes, momentum

from .conftest import compare, timed

jax_is_here = importlib.util.find_spec("jax") is not None
START = np.array([1.0, 1.5])


def by_numpy(lr, beta, steps):
    theta = np.repeat(np.expand_dims(START, 1), lr.size, axis=1)
    velocity = np.zeros_like(theta)
    for _ in range(steps):
        theta, velocity = momentum.heavy_ball.raw(theta, landscapes.beale_gradient.raw(theta), velocity, lr=lr, momentum=beta)
    return theta


def by_jax(lr, beta, steps):
    """One run as a loop, many as a map."""
    import jax
    import jax.numpy as jnp
    from trainspec.spec.arithmetic import rebind

    gradient, step = rebind(landscapes, jnp).beale_gradient, rebind(momentum, jnp).heavy_ball

    def run(lr, beta):
        def body(_, state):
            theta, velocity = state
            return step(theta, gradient(theta), velocity, lr=lr, momentum=beta)

        return jax.lax.fori_loop(0, steps, body, (jnp.asarray(START), jnp.zeros(2)))[0]

    sweep, rates, betas = jax.jit(jax.vmap(run)), jnp.asarray(lr), jnp.asarray(beta)
    return lambda: sweep(rates, betas).block_until_ready()


@pytest.mark.parametrize(("pairs", "steps"), [(1000, 100), (65536, 300)])
def test_sweep(benchmark, request, pairs, steps):
    pairs = pairs if timed(request.config) else 100
    lr, beta = np.linspace(1e-4, 2e-3, pairs), np.linspace(0, 0.9, pairs)
    ways = {
        "ours": lambda: heavy_ball_trajectories(landscapes.beale_gradient, START, lr=lr, momentum=beta, steps=steps),
        "numpy": lambda: by_numpy(lr, beta, steps),
    }
    if jax_is_here:
        import jax

        with jax.enable_x64(True):
            once = by_jax(lr, beta, steps)
            np.testing.assert_allclose(np.asarray(once()).T, ways["ours"](), rtol=1e-9)

        def jax_way():
            with jax.enable_x64(True):
                once()

        ways["jax"] = jax_way
    np.testing.assert_allclose(ways["numpy"](), ways["ours"](), rtol=1e-9)
    compare(benchmark, request.config, f"heavy ball on Beale float64 {pairs} × {steps}", ways)
