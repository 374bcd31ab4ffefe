"""The kernels' own elementary functions: one body in both worlds, special values, errors proved and errors found."""

import math

import numpy as np
import pytest
from trainspec.fast import _functions as functions
from trainspec.fast import _kernels as kernels

DTYPES = [np.float32, np.float64]
KNOWN = {"exp": np.exp, "log": np.log, "tanh": np.tanh, "softplus": lambda z: np.logaddexp(0, z)}
NAMES = [*KNOWN, "circle"]


def cosine(turn):
    return functions.circle(turn)[0]


def sine(turn):
    return functions.circle(turn)[1]


BODIES = {name: getattr(functions, name) for name in KNOWN} | {"cosine": cosine, "sine": sine}


def along(body):
    """The body, in machine code, along an array."""
    inner = kernels.inlined(body)

    def loop(x, y):
        for i in range(x.size):
            y[i] = inner(x[i])

    return kernels.compiled(loop)


LOOPS = {name: along(body) for name, body in BODIES.items()}


def machine(name, x):
    y = np.empty_like(x)
    LOOPS[name](x, y)
    return y


def numbers(name, dtype, count, seed=0):
    """Numbers of every size, where the function tells them apart."""
    rng, info = np.random.default_rng(seed), np.finfo(dtype)
    if name in ("cosine", "sine"):
        return np.concatenate([rng.random(count // 2), rng.uniform(-4, 4, count // 2)]).astype(dtype)
    powers = np.ldexp(rng.uniform(0.5, 1, count // 2), rng.integers(info.minexp - info.nmant, info.maxexp, count // 2))
    near = rng.standard_normal(count // 2) * {"exp": math.log(float(info.max)), "log": 2}.get(name, 10)
    both = np.concatenate([powers * rng.choice([-1, 1], count // 2), near]).astype(dtype)
    return np.abs(both) if name == "log" else both


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BODIES)
def test_machine_code_and_plain_python_agree_in_every_bit(name, dtype):
    x = numbers(name, dtype, 100000)
    with np.errstate(all="ignore"):
        wanted = BODIES[name](x)
        assert machine(name, x).tobytes() == wanted.tobytes()
        single = [BODIES[name](one) for one in x[:300]]
    assert all(type(one) is dtype for one in single)
    assert np.array(single).tobytes() == wanted[:300].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BODIES)
def test_loops_are_vectorised_and_call_nothing(name, dtype):
    machine(name, np.ones(3, dtype))
    code = "\n".join(LOOPS[name].inspect_llvm().values())
    width = {np.float32: "float", np.float64: "double"}[dtype]
    assert f"x {width}>" in code
    assert not [
        line for line in code.splitlines() if "call" in line and any(f"@{one}" in line for one in ("exp", "log", "tanh", "sin", "cos"))
    ]
