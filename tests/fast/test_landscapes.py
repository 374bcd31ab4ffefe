"""Trajectory sweeps: the composition of the reference's gradient and step, run by run, whatever the chunks and threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp
from trainspec.fast import landscapes as fast
from trainspec.reference import landscapes as reference
from trainspec.reference import momentum
from trainspec.spec.arithmetic import Ball, Symbolic, Verdict, certified, rounding_bound, symbols
from trainspec.spec.evidence import judge

DTYPES = [np.float32, np.float64]
GRADIENTS = [reference.beale_gradient, reference.long_valley_gradient, reference.saddle_gradient]


def pairs(count, dtype=np.float64, seed=0, largest=0.01):
    rng = np.random.default_rng(seed)
    return {"lr": rng.uniform(1e-4, largest, count).astype(dtype), "momentum": rng.uniform(0, 0.95, count).astype(dtype)}


def composed(gradient, steps):
    """The reference's formulas, one after the other, on all runs at once."""

    def formula(theta, velocity, *, lr, momentum):
        for _ in range(steps):
            theta, velocity = ball(theta, gradient.raw(theta), velocity, lr=lr, momentum=momentum)
        return theta

    ball = momentum.heavy_ball.raw
    return formula


def start_runs(start, count):
    theta = np.repeat(np.expand_dims(start, 1), count, axis=1)
    return theta, np.zeros_like(theta)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_runs_are_within_the_rounding_bound_of_the_certified_ones(gradient, dtype):
    start, hyper = np.array([0.7, 1.3], dtype), pairs(12, dtype)
    got = fast.heavy_ball_trajectories(gradient, start, **hyper, steps=4)
    formula = composed(gradient, 4)
    exact = certified(formula, *start_runs(start, 12), **hyper, dtype=dtype)
    bounds = rounding_bound(formula, *start_runs(start, 12), **hyper, dtype=dtype)
    distances = np.array([float(abs(entry).upper()) for entry in Ball.object_array(Ball(got) - exact).ravel()]).reshape(bounds.shape)
    assert np.all(distances <= bounds)
    assert np.max(distances / bounds) > 1e-3
    wrong = fast.heavy_ball_trajectories(gradient, start, **hyper | {"momentum": hyper["momentum"] * dtype(0.999)}, steps=4)
    assert np.max(np.abs(wrong - got) / bounds) > 10


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_the_gradients_body_on_symbols_is_the_references(gradient):
    x, y = symbols("x y")
    body = fast.coordinates(gradient.raw, sp.Rational)
    assert judge(np.stack(body(x, y)), gradient.raw(np.stack([x, y]))).verdict is Verdict.HOLDS
    assert judge(np.stack(body(x, y + 1)), gradient.raw(np.stack([x, y]))).verdict is Verdict.REFUTED
    assert isinstance(np.stack([x, y]), Symbolic)


def plain(gradient, start, *, lr, momentum, steps):
    """The same by the same loops, uncompiled."""
    lanes = (*np.repeat(np.array([*start, 0, 0], lr.dtype), lr.size).reshape(4, -1), *fast.HEAVY_BALL.ir.constants(lr, momentum)[0])
    points = np.empty((2, 2, lr.size), lr.dtype)
    with np.errstate(all="ignore"):
        fast.trajectory_loop(gradient.raw, lr.dtype, lambda function: function)(lanes, points, steps)
    return points[-1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_machine_code_and_plain_python_agree_in_every_bit(gradient, dtype):
    start = np.array([1, 1.5], dtype)
    for count in (1, 3, fast.RUNS - 1, fast.RUNS, fast.RUNS + 1):
        hyper = pairs(count, dtype, count, largest=0.1)
        assert (
            fast.heavy_ball_trajectories(gradient, start, **hyper, steps=9).tobytes() == plain(gradient, start, **hyper, steps=9).tobytes()
        )


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_run_depends_on_its_own_pair_alone(dtype):
    start, hyper = np.array([1, 1.5], dtype), pairs(5000, dtype)
    whole = fast.heavy_ball_trajectories(reference.beale_gradient, start, **hyper, steps=30)
    assert 5000 * 30 > fast.PARALLEL_FROM_STEPS > 100 * 30  # with threads, and without
    for part in (slice(0, 1), slice(0, 100), slice(777, 1555), slice(4990, 5000), slice(0, 5000, 7)):
        some = {key: np.ascontiguousarray(array[part]) for key, array in hyper.items()}
        np.testing.assert_array_equal(fast.heavy_ball_trajectories(reference.beale_gradient, start, **some, steps=30), whole[:, part])


def test_every_so_many_steps():
    start, hyper = np.array([1, 1.5]), pairs(300)
    points = fast.heavy_ball_trajectories(reference.beale_gradient, start, **hyper, steps=23, every=5)
    assert points.shape == (5, 2, 300)
    for k, point in enumerate(points):
        np.testing.assert_array_equal(point, fast.heavy_ball_trajectories(reference.beale_gradient, start, **hyper, steps=5 * k))
    np.testing.assert_array_equal(points[0], start_runs(start, 300)[0])


def test_runs_that_diverge_end_where_numbers_do():
    start, hyper = np.array([1.0, 1.5]), pairs(600, largest=0.002)
    calm = fast.heavy_ball_trajectories(reference.beale_gradient, start, **hyper, steps=100)
    assert np.all(np.isfinite(calm))
    hyper["lr"][::3] = 1.0
    wild = fast.heavy_ball_trajectories(reference.beale_gradient, start, **hyper, steps=100)
    assert not np.any(np.isfinite(wild[:, ::3]))
    kept = np.arange(600) % 3 != 0
    np.testing.assert_array_equal(wild[:, kept], calm[:, kept])


def test_any_layout_and_byte_order():
    start, hyper = np.array([1.0, 1.5]), pairs(50)
    wanted = fast.heavy_ball_trajectories(reference.saddle_gradient, start, **hyper, steps=7)
    for change in (lambda array: np.repeat(array, 2)[::2], lambda value: value[::-1].copy()[::-1], lambda tensor: tensor.astype(">f8")):
        turned = {key: change(array) for key, array in hyper.items()}
        np.testing.assert_array_equal(fast.heavy_ball_trajectories(reference.saddle_gradient, change(start), **turned, steps=7), wanted)
        assert all(np.array_equal(turned[key], hyper[key]) for key in hyper)


DIGEST = """
import hashlib, numpy as np
from trainspec.fast._threads import WORKERS
from trainspec.fast import landscapes as fast
from trainspec.reference import landscapes as reference
lr, momentum = np.linspace(1e-4, 0.02, 3001), np.linspace(0, 0.95, 3001)
points = fast.heavy_ball_trajectories(reference.beale_gradient, np.array([1.0, 1.5]), lr=lr, momentum=momentum, steps=200, every=50)
print(WORKERS.count + 1, hashlib.sha256(points).hexdigest())
"""


def test_bits_do_not_depend_on_the_number_of_threads():
    seen = set()
    for threads in ("1", "4"):
        environment = {**os.environ, "NUMBA_NUM_THREADS": threads}
        run = subprocess.run([sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True)
        count, digest = run.stdout.split()
        assert count == threads
        seen.add(digest)
    assert len(seen) == 1


GOOD = {"gradient": reference.beale_gradient, "start": np.ones(2), "lr": np.full(3, 0.1), "momentum": np.full(3, 0.5), "steps": 2}


@pytest.mark.parametrize(
    ("bad", "error", "words"),
    [
        ({"gradient": reference.beale}, TypeError, "gradient must be beale_gradient or long_valley_gradient or saddle_gradient, got beale"),
        ({"gradient": np.sin}, TypeError, "gradient must be .*, got sin"),
        ({"gradient": None}, TypeError, "gradient must be .*, got NoneType"),
        ({"start": np.ones(3)}, ValueError, r"start must have shape .*, got \(3,\)"),
        ({"start": np.array([1, np.nan])}, ValueError, "start must be finite, got nan"),
        ({"start": [1.0, 2.0]}, TypeError, "start must be a real array, got list"),
        ({"lr": np.zeros(3)}, ValueError, "lr must be > 0"),
        ({"lr": np.ones(4)}, ValueError, "(lr|momentum) must have shape"),
        ({"lr": np.ones(3, np.float32)}, TypeError, "lr must be a float64 array like start, got a float32 array"),
        ({"lr": np.ones((3, 1))}, ValueError, "lr must have shape"),
        ({"lr": 0.1}, ValueError, "lr must have shape"),
        ({"momentum": np.ones(3)}, ValueError, "momentum must be ≥ 0 and < 1"),
        ({"momentum": np.full(3, -0.1)}, ValueError, "momentum must be ≥ 0 and < 1"),
        ({"steps": -1}, ValueError, "steps must be ≥ 0, got -1"),
        ({"steps": 2.0}, TypeError, "steps must be an integer, got 2.0"),
        ({"every": -1}, ValueError, "every must be ≥ 0, got -1"),
        ({"lr": np.ones(0), "momentum": np.zeros(0)}, ValueError, "lr must not be empty"),
    ],
)
def test_bad_arguments_are_refused(bad, error, words):
    with pytest.raises(error, match=rf"heavy_ball_trajectories\(\): {words}"):
        fast.heavy_ball_trajectories(**GOOD | bad)


def test_no_steps():
    np.testing.assert_array_equal(fast.heavy_ball_trajectories(**GOOD | {"steps": 0}), np.ones((2, 3)))
    np.testing.assert_array_equal(fast.heavy_ball_trajectories(**GOOD, every=5), np.ones((1, 2, 3)))


def stacked_otherwise(point):
    """A gradient that is not written in coordinates."""
    x, y = point
    return np.concatenate([x, y])


def test_what_is_not_read_coordinate_by_coordinate_is_refused():
    with pytest.raises(NotImplementedError, match="cannot be split into coordinates"):
        fast.coordinates(stacked_otherwise, float)


def test_the_old_name_warns():
    with pytest.warns(DeprecationWarning, match="heavy_ball_trajectories"):
        np.testing.assert_array_equal(fast.heavy_ball_sweep(**GOOD), fast.heavy_ball_trajectories(**GOOD))
