"""The samplers counter-based: Philox as published, the reference's laws and errors, and the same bits whatever the threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from trainspec.fast import initialization as fast
from trainspec.fast._random import distributions
from trainspec.fast._random import philox as generator
from trainspec.fast._random.sampler import UnitGenerator
from trainspec.reference import initialization as reference

pytestmark = pytest.mark.sampled(2)

CHANCE = 1e-4  # of each statistical test to fail a right sampler; the seeds are fixed
DTYPES = [np.float32, np.float64]
HYPERPARAMETERS = {
    **{"normal_weights": {"std": 0.3}, "uniform_weights": {"half_width": 0.3}, "sparse": {"count": 7}},
    **{"truncated_normal": {"std": 0.3, "cut": 1.5}, "xavier_uniform": {"gain": 2.0}},
}
UNIFORM = ["uniform_weights", "uniform_fan_in", "xavier_uniform", "he_uniform"]
NORMAL = ["normal_weights", "xavier_normal", "lecun_normal", "fan_out_normal", "he_normal"]


def draw_weights(name, shape, dtype=np.float32, seed=0, **changed):
    return getattr(fast, name)(np.random.default_rng(seed), *shape, dtype=dtype, **HYPERPARAMETERS.get(name, {}) | changed)


def by_hand(counter, key):
    """Philox4x32-10 from its description, in Python's integers."""
    (a, b, c, d), (k, j) = counter, key
    for _ in range(10):
        p, q = a * 0xD2511F53, c * 0xCD9E8D57
        a, b, c, d = (q >> 32) ^ b ^ k, q & 0xFFFFFFFF, (p >> 32) ^ d ^ j, p & 0xFFFFFFFF
        k, j = (k + 0x9E3779B9) & 0xFFFFFFFF, (j + 0xBB67AE85) & 0xFFFFFFFF
    return a, b, c, d


def philox(counter, key):
    low, high, stream, rest = counter
    with np.errstate(over="ignore"):
        made = generator.philox(np.uint64(high << 32 | low), np.uint64(rest << 32 | stream), *map(np.uint32, key))
    return tuple(map(int, made))


ONES, PI = 0xFFFFFFFF, (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344)
KNOWN = [  # the known answers of Random123
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (PI, (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(counter, key, answer):
    assert philox(counter, key) == by_hand(counter, key) == answer


def test_philox_is_what_its_description_says():
    rng = np.random.default_rng(0)
    for _ in range(200):
        counter, key = (tuple(map(int, rng.integers(0, 2**32, size))) for size in (4, 2))
        assert philox(counter, key) == by_hand(counter, key)


def plain(kind, shape, dtype, seed, scale, limits):
    """The same array by the same loops, uncompiled."""
    source, out = np.random.default_rng(seed), np.empty(shape, dtype)
    loop = distributions.fill_loop(kind, np.dtype(dtype), lambda function: function)
    with np.errstate(all="ignore"):
        loop(out.ravel(), distributions.chunk_of(kind, limits), source.random(), source.random(), scale, limits)
    return out


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "kind", "limits"),
    [
        ("normal_weights", "normal", ()),
        ("uniform_weights", "uniform", ()),
        ("truncated_normal", "truncated", (1.5,)),
        ("sparse", "sparse", None),
    ],
)
def test_machine_code_and_plain_python_agree_in_every_bit(name, kind, limits, dtype):
    for shape in [(1, 1), (1, 2), (3, 1), (1, 4), (5, 1), (1, 7), (8, 3), (10, 11)]:
        count = {"count": min(7, shape[1])} if name == "sparse" else {}
        scale = 1.0 if name == "sparse" else 0.3
        wanted = plain(kind, shape, dtype, 5, scale, (shape[1], count["count"]) if count else limits)
        assert draw_weights(name, shape, dtype, 5, **count).tobytes() == wanted.tobytes()


def test_the_key_and_the_first_words_are_as_documented():
    source = np.random.default_rng(3)
    key = [int(source.random() * 2**32) for _ in range(2)]
    words = by_hand((0, 0, 0, 0), key)
    signed = [word - 2**32 if word >= 2**31 else word for word in words]
    np.testing.assert_array_equal(
        draw_weights("uniform_weights", (1, 4), seed=3, half_width=1.0)[0], [(array >> 8) / 2**23 for array in signed]
    )
    wide = [((array << 21) + (word >> 11)) / 2**52 for array, word in zip(signed[::2], words[1::2], strict=True)]
    np.testing.assert_array_equal(draw_weights("uniform_weights", (1, 2), np.float64, seed=3, half_width=1.0)[0], wide)


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_numbers_are_those_of_box_and_muller(dtype):
    """Eight units: the functions' own errors (2 in log, halved by the root; 2 in the circle) and four roundings."""
    source = np.random.default_rng(3)
    key = [int(source.random() * 2**32) for _ in range(2)]
    got = draw_weights("normal_weights", (50, 4), dtype, seed=3, std=1.0).ravel().astype(np.longdouble)
    wanted = []
    for block in range(50 if dtype is np.float32 else 100):
        words = by_hand((block, 0, 0, 0), key)
        signed = [word - 2**32 if word >= 2**31 else word for word in words]
        if dtype is np.float32:
            polar = [((words[k] >> 1) + 0.5) / 2**31 for k in (0, 2)], [(signed[k] >> 8 | 1) / 2**24 for k in (1, 3)]
        else:
            share = ((words[0] >> 1) * 2**31 + (words[1] >> 1) + np.longdouble(0.5)) / 2**62
            polar = [share], [((signed[2] << 21) + (words[3] >> 11 | 1)) / 2**53]
        for share, turn in zip(*polar, strict=True):
            radius, angle = np.sqrt(-2 * np.log(np.longdouble(share))), 2 * np.longdouble(np.pi) * np.longdouble(turn)
            wanted += [radius * np.cos(angle), radius * np.sin(angle)]
    unit = np.finfo(dtype).eps
    assert np.all(np.abs(got - wanted) <= 8 * unit * np.abs(wanted) + 4e-16)  # π is rounded to float64 here


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["normal_weights", "uniform_weights", "truncated_normal"])
def test_an_entry_depends_on_its_place_alone(name, dtype):
    whole = draw_weights(name, (1, 70001), dtype).ravel()
    for size in [1, 2, 3, 5, 1000, 4095, 4096, 4097, 8191, 8193, 16383, 16384, 16385, 20481]:
        assert draw_weights(name, (1, size), dtype).tobytes() == whole[:size].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_sparse_rows_depend_on_their_place_alone(dtype):
    whole = draw_weights("sparse", (800, 13), dtype)
    for rows in (1, 5, 300, 320):
        assert draw_weights("sparse", (rows, 13), dtype).tobytes() == whole[:rows].tobytes()


DIGEST = """
import hashlib, numpy as np
from trainspec.fast._threads import WORKERS
from trainspec.fast import initialization as fast
total = hashlib.sha256()
for dtype in (np.float32, np.float64):
    rng = np.random.default_rng(1)
    for _ in range(3):
        total.update(fast.he_normal(rng, 251, 301, dtype=dtype))
        total.update(fast.he_uniform(rng, 251, 301, dtype=dtype))
        total.update(fast.truncated_normal(rng, 251, 301, std=1, cut=2, dtype=dtype))
        total.update(fast.sparse(rng, 251, 301, count=15, dtype=dtype))
print(WORKERS.count + 1, total.hexdigest())
"""


def test_bits_do_not_depend_on_the_number_of_threads():
    seen = set()
    for threads in ("1", "4"):
        run = subprocess.run(
            [sys.executable, "-c", DIGEST], env={**os.environ, "NUMBA_NUM_THREADS": threads}, capture_output=True, text=True, check=True
        )
        count, digest = run.stdout.split()
        assert count == threads
        seen.add(digest)
    assert len(seen) == 1


# --- laws --------------------------------------------------------------------------------------------

SHAPE = 400, 500


def follows(weights, law, scale):
    """Whether weights follow a law: all of them (Kolmogorov & Smirnov), their mean, their variance, and neighbours' correlation."""
    numbers = weights.ravel().astype(np.float64) / scale
    assert stats.kstest(numbers, law.cdf).pvalue > CHANCE
    size, limit = numbers.size, stats.norm.isf(CHANCE / 2)
    variance, fourth = law.var(), law.moment(4)
    assert abs(numbers.mean()) < limit * np.sqrt(variance / size)
    assert abs((numbers**2).mean() - variance) < limit * np.sqrt((fourth - variance**2) / size)
    for lag in (1, 2, 3, 4, 500):
        assert abs((numbers[lag:] * numbers[:-lag]).mean()) < limit * variance / np.sqrt(size - lag)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NORMAL)
def test_normal_weights_are_normal(name, dtype):
    raw = getattr(reference, name).raw
    weights = draw_weights(name, SHAPE, dtype)
    scale = float(raw(UnitGenerator, *SHAPE, **HYPERPARAMETERS.get(name, {})))
    follows(weights, stats.norm(), scale)
    for edge in (2, 3, 4):
        beyond, chance = np.count_nonzero(np.abs(weights) > edge * scale), 2 * stats.norm.sf(edge)
        assert stats.binomtest(beyond, weights.size, chance).pvalue > CHANCE
    theirs = raw(np.random.default_rng(7), *SHAPE, **HYPERPARAMETERS.get(name, {}))
    assert stats.ks_2samp(weights.ravel(), theirs.ravel()).pvalue > CHANCE


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_weights_are_uniform(name, dtype):
    raw = getattr(reference, name).raw
    weights = draw_weights(name, SHAPE, dtype)
    follows(weights, stats.uniform(-1, 2), float(raw(UnitGenerator, *SHAPE, **HYPERPARAMETERS.get(name, {}))))
    theirs = raw(np.random.default_rng(7), *SHAPE, **HYPERPARAMETERS.get(name, {}))
    assert stats.ks_2samp(weights.ravel(), theirs.ravel()).pvalue > CHANCE


def test_another_scale_would_be_noticed():
    with pytest.raises(AssertionError):
        follows(draw_weights("he_normal", SHAPE), stats.norm(), np.sqrt(2 / SHAPE[0]))
    with pytest.raises(AssertionError):
        follows(draw_weights("he_normal", SHAPE), stats.norm(), 1.01 * np.sqrt(2 / SHAPE[1]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("cut", "spread"), [(2.0, 1.0), (0.5, 0.7), (1e-2, 1.0), (4.0, 1.0)])
def test_truncated_normal_weights_end_at_the_cut(cut, spread, dtype):
    shape = SHAPE if cut > 0.1 else (10, 50)
    weights = draw_weights("truncated_normal", shape, dtype, std=0.1, cut=cut, spread=spread)
    assert np.max(np.abs(weights)) <= dtype(0.1 / spread) * dtype(cut)
    assert stats.kstest(weights.ravel() * (spread / 0.1), stats.truncnorm(-cut, cut).cdf).pvalue > CHANCE


@pytest.mark.parametrize("dtype", DTYPES)
def test_sparse_weights(dtype):
    rows, width, count = 3000, 40, 7
    weights = draw_weights("sparse", (rows, width), dtype, std=0.5)
    kept = weights != 0
    np.testing.assert_array_equal(np.sum(kept, axis=1), count)
    dense = draw_weights("normal_weights", (rows, width), dtype, std=0.5)
    np.testing.assert_array_equal(weights[kept], dense[kept])
    share = count / width
    deviation = np.sqrt(rows * share * (1 - share))
    assert np.max(np.abs(np.sum(kept, axis=0) - rows * share)) < stats.norm.isf(CHANCE / (2 * width)) * deviation
    both = kept.T.astype(float) @ kept  # pairs of places
    pairs = share * (count - 1) / (width - 1)
    off = np.abs(both - rows * pairs)[~np.eye(width, dtype=bool)]
    assert np.max(off) < stats.norm.isf(CHANCE / width**2) * np.sqrt(rows * pairs)
    assert np.all(draw_weights("sparse", (50, 7), dtype, count=7) != 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(30, 30), (50, 20), (20, 50), (1, 4), (4, 1), (1, 1)])
def test_orthogonal_weights(shape, dtype):
    weights = draw_weights("orthogonal", shape, dtype, gain=2.0)
    assert (weights.shape, weights.dtype) == (shape, dtype)
    small = weights if shape[0] <= shape[1] else weights.T
    assert np.max(np.abs(small @ small.T / 4 - np.eye(len(small)))) < 50 * np.finfo(dtype).eps
    firsts = np.array([draw_weights("orthogonal", (3, 3), np.float64, seed=seed)[0, 0] for seed in range(400)])
    assert stats.kstest(firsts, stats.uniform(-1, 2).cdf).pvalue > CHANCE  # an entry of a point on the sphere (Archimedes)


@pytest.mark.parametrize("dtype", DTYPES)
def test_uniform_numbers_never_reach_the_excluded_end(dtype):
    rng = np.random.default_rng(0)
    scales = np.concatenate(
        [1 + rng.random(1000), 2.0 ** rng.integers(-100, 100, 1000) * (1 + np.finfo(dtype).eps * rng.integers(0, 9, 1000))]
    )
    for scale in scales.astype(dtype):
        largest = distributions.double_uniform if dtype is np.float64 else distributions.single_uniform
        top = largest(*map(np.uint32, (0x7FFFFFFF, 0xFFFFFFFF) * 2), scale)
        assert top[0] < scale
        assert largest(*map(np.uint32, (0x80000000, 0) * 2), scale)[0] == -scale


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_numbers_are_finite_and_never_zero(dtype):
    words = [
        np.uint32(array)
        for array in (0, 1, 255, 256, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xBFFFFFFF, 0xC0000000, 0xFFFFFFFE, 0xFFFFFFFF)
    ]
    polar = distributions.single_polar if dtype is np.float32 else distributions.double_polar
    for a in words:
        for b in words:
            made = polar(a, b, b, a, dtype(1))
            numbers = [
                array for index in range(0, len(made), 2) for array in distributions.box_muller(made[index], made[index + 1], dtype(1))
            ]
            assert all(type(number) is dtype and number != 0 and abs(number) < 10 for number in numbers)


# --- validation ---------------------------------------------------------------------------------------

BAD = [
    {"source": 0}, {"source": None}, {"fan_out": 0}, {"fan_in": -1}, {"fan_out": 2.0}, {"fan_in": True}, {"fan_out": "3"},
    {"std": 0.0}, {"std": -1.0}, {"std": np.nan}, {"std": np.inf}, {"std": "1"}, {"gain": 0.0}, {"half_width": 0},
    {"cut": 0.0}, {"cut": -1.0}, {"spread": 0.0}, {"count": 0}, {"count": 6}, {"count": 2.0},
]  # fmt: skip


def arguments(name, **changed):
    given = (
        {"source": np.random.default_rng(0), "fan_out": 4, "fan_in": 5}
        | HYPERPARAMETERS.get(name, {})
        | ({"count": 3} if name == "sparse" else {})
    )
    return given | changed


def outcome(function, values):
    try:
        function(**values)
    except (TypeError, ValueError) as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize("name", fast.__all__)
def test_bad_arguments_are_refused_as_the_reference_refuses_them(name):
    ours, theirs = getattr(fast, name), getattr(reference, name)
    refused = 0
    for bad in BAD:
        if bad.keys() <= set(theirs.raw.__annotations__):
            refused += outcome(theirs, arguments(name, **bad)) is not None
            assert outcome(ours, arguments(name, **bad)) == outcome(theirs, arguments(name, **bad)), bad
    assert refused >= 7


@pytest.mark.parametrize("name", fast.__all__)
def test_numbers_of_any_type_are_taken(name):
    ours = getattr(fast, name)
    wanted = ours(**arguments(name))
    same = {
        key: np.int64(value) if type(value) is int else np.float64(value) if type(value) is float else value
        for key, value in arguments(name).items()
    }
    np.testing.assert_array_equal(ours(**same), wanted)


def test_overflow_in_float32_is_refused():
    with pytest.raises(ValueError, match=r"normal_weights\(\): .*not finite"):
        fast.normal_weights(np.random.default_rng(0), 30, 30, std=1e39, dtype=np.float32)
    assert np.all(np.isfinite(fast.normal_weights(np.random.default_rng(0), 30, 30, std=1e39)))


@pytest.mark.parametrize("name", fast.__all__)
def test_dtype_and_out(name):
    ours = getattr(fast, name)
    assert ours(**arguments(name)).dtype == np.float64
    for dtype in DTYPES:
        wanted = ours(**arguments(name), dtype=dtype)
        assert (wanted.shape, wanted.dtype) == ((4, 5), dtype)
        wide = np.zeros((4, 10), dtype)
        for out in (np.empty((4, 5), dtype), np.empty((5, 4), dtype).T, wide[:, ::2], np.empty((4, 5), np.dtype(dtype).newbyteorder(">"))):
            assert ours(**arguments(name), out=out) is out
            np.testing.assert_array_equal(out, wanted)
        assert np.all(wide[:, 1::2] == 0)
        out = np.empty((4, 5), dtype)
        assert ours(**arguments(name), out=out, dtype=dtype) is out
    fixed = np.empty((4, 5))
    fixed.flags.writeable = False
    for bad, error, message in [
        ({"dtype": np.float16}, TypeError, "dtype must be float32, float64 or None"),
        ({"dtype": "no"}, TypeError, "dtype must be float32, float64 or None, got 'no'"),
        ({"out": np.empty((5, 4))}, ValueError, r"out must have shape \(4, 5\), got \(5, 4\)"),
        ({"out": np.empty((4, 5), int)}, TypeError, "out must be a float32 array, a float64 array or None, got a int64 array"),
        ({"out": [0.0]}, TypeError, "out must be .*, got list"),
        ({"out": np.empty((4, 5)), "dtype": np.float32}, TypeError, "out must be a float32 array or None, got a float64 array"),
        ({"out": fixed}, ValueError, "out must be writeable, got a read-only array"),
    ]:
        with pytest.raises(error, match=rf"{name}\(\): {message}"):
            ours(**arguments(name), **bad)


def test_every_sampler_of_the_reference_is_here():
    takes_a_source = {name for name, var in vars(reference).items() if hasattr(var, "raw") and "source" in var.raw.__annotations__}
    assert takes_a_source == set(fast.__all__)


def test_a_draw_moves_the_source_by_its_key_alone():
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    fast.he_normal(one, 30, 40)
    other.random(2)
    assert one.random() == other.random()


DRAWN = """
import sys
import numpy as np
from trainspec.fast import initialization
draws = [getattr(initialization, name)(np.random.default_rng(1), 4, 3, dtype=np.float32) for name in sys.argv[1:]]
print(draws[-1].tobytes().hex())
"""


def test_machine_code_of_another_process_does_not_take_the_place_of_what_is_compiled(tmp_path):
    """Both samplers have one loop; what the first process cached stands under a name that the second must not use again."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    bits = [
        subprocess.run([sys.executable, "-c", DRAWN, *names], env=environment, capture_output=True, text=True, check=True).stdout
        for names in (["xavier_normal"], ["xavier_normal", "xavier_uniform"])
    ]
    assert bits[1].strip() == fast.xavier_uniform(np.random.default_rng(1), 4, 3, dtype=np.float32).tobytes().hex()
