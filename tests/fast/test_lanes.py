"""Lanes and the fused multiply-add: machine code does what plain Python does, in every bit, and touches nothing else."""

import numpy as np
import pytest
from trainspec.fast import _jit
from trainspec.fast._loops import lanes, math
from trainspec.fast._loops.exact import exact_fma

DTYPES = [np.float32, np.float64]
FUNCTIONS = ("exp", "exp_lifted", "exp_of_negative", "log", "tanh", "softplus", "logistic")


def width_of(dtype):
    return lanes.LANE_BITS // (8 * np.dtype(dtype).itemsize)


@_jit.compiled
def fma_along(x, y, z, result):
    for i in range(x.size):
        result[i] = lanes.fma(x[i], y[i], z[i])


def of_every_size(rng, dtype, count):
    """Numbers of every size, zeros, and what is not finite."""
    info = np.finfo(dtype)
    powers = np.ldexp(rng.uniform(0.5, 1, count), rng.integers(info.minexp - info.nmant, info.maxexp, count))
    numbers = np.where(rng.random(count) < 0.5, rng.standard_normal(count), powers * rng.choice([-1, 1], count)).astype(dtype)
    numbers[: count // 50] = rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan, info.max, info.smallest_subnormal], count // 50)
    return rng.permutation(numbers)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_fused_multiply_add_of_plain_python_is_exact(dtype):
    """Also where nearly everything cancels, and where the sum lies next to the middle between two numbers."""
    rng, count = np.random.default_rng(0), 30000
    x, y, z = (of_every_size(rng, dtype, count) for _ in range(3))
    third = count // 3
    with np.errstate(all="ignore"):
        z[:third] = -(x * y)[:third]
        halves = np.ldexp(x.astype(float) * y, -np.finfo(dtype).nmant - rng.integers(0, 9, count))
        z[third : 2 * third] = halves.astype(dtype)[third : 2 * third]
        rounded_twice = x * y + z
    result = np.empty_like(x)
    fma_along(x, y, z, result)
    np.testing.assert_array_equal(exact_fma(x, y, z), result)
    known = ~np.isnan(result)
    assert exact_fma(x, y, z)[known].tobytes() == result[known].tobytes()
    assert np.mean(rounded_twice[known] != result[known]) > 0.2  # two roundings would be noticed


def along_lanes(function):
    """A function of lanes along an array, in machine code."""

    def loop(x, y):
        entries, results, width = lanes.entries_of(x), lanes.entries_of(y), lanes.lane_count(x)
        for i in range(0, x.size, width):
            lanes.store(results, i, function(lanes.load(entries, i)))

    return _jit.compiled(loop)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_lanes_are_those_of_numbers(name, dtype):
    function = getattr(math, name)
    rng = np.random.default_rng(0)
    x = np.concatenate([of_every_size(rng, dtype, 4096), 50 * rng.standard_normal(4096).astype(dtype)])
    if name in ("exp_lifted", "exp_of_negative"):
        x = -np.abs(x)
    y = np.empty_like(x)
    along_lanes(_jit.inlined(function))(x, y)
    with np.errstate(all="ignore"):
        wanted = function(x)
    np.testing.assert_array_equal(y, wanted)
    assert y[~np.isnan(y)].tobytes() == wanted[~np.isnan(y)].tobytes()


def move_parts(x, y, counts, sums):
    """Load, keep and store so many lanes at a time, and take sums and the largest."""
    entries, results, width = lanes.entries_of(x), lanes.entries_of(y), lanes.lane_count(x)
    for i in range(counts.size):
        part = lanes.load_part(entries, i * width, counts[i], 7)
        if counts[i] < width:
            lanes.store_part(results, i * width, counts[i], part)
        else:
            lanes.store(results, i * width, part)
        sums[i, 0] = lanes.sum_of_lanes(part)
        sums[i, 1] = lanes.sum_of_lanes(lanes.keep_part(part, counts[i]))
        sums[i, 2] = lanes.largest_of_lanes(part)
        sums[i, 3] = lanes.sum_of_lanes(lanes.where(part < lanes.fill_lanes(entries, 0), -part, abs(part) * 2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_parts_of_lanes_are_moved_alone(dtype, monkeypatch):
    width = width_of(dtype)
    monkeypatch.setattr(lanes, "LANES_IN_PYTHON", width)
    counts = np.arange(width + 1)
    x = np.random.default_rng(0).integers(-99, 99, counts.size * width).astype(dtype)  # their sums are exact in any order
    got, wanted = [], []
    for run, results in ((_jit.compiled(move_parts), got), (move_parts, wanted)):
        y, sums = np.full_like(x, -1), np.zeros((counts.size, 4), dtype)
        run(x, y, counts, sums)
        results += [y, sums]
    np.testing.assert_array_equal(got[0], wanted[0])
    np.testing.assert_array_equal(got[1], wanted[1])
    assert np.sum(got[0] == -1) >= np.sum(width - counts)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_of_lanes_have_one_order(dtype):
    width = width_of(dtype)
    x = np.random.default_rng(0).standard_normal(width).astype(dtype)
    sums, y = np.zeros((1, 4), dtype), np.empty_like(x)
    _jit.compiled(move_parts)(x, y, np.array([width]), sums)
    while x.size > 1:
        x = x[: x.size // 2] + x[x.size // 2 :]
    assert sums[0, 0] == x[0]
