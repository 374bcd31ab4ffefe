"""The momentum kernels are the reference: bit for bit, symbol for symbol, refusal for refusal."""

import inspect
import os
import subprocess
import sys
import typing

import numba
import numpy as np
import pytest
import sympy
from trainspec.fast import _kernels
from trainspec.fast import momentum as fast
from trainspec.reference import domains
from trainspec.reference import momentum as reference

STEPS = ["heavy_ball", "heavy_ball_lr_outside", "nesterov_shifted", "nesterov_lr_outside"]
KERNELS = {name: getattr(fast, f"_{name}") for name in [*STEPS, "nesterov"]}
DTYPES = [np.float32, np.float64]
HYPER = {"lr": 0.1, "momentum": 0.9}
PER_CHUNK = {np.float32: _kernels.CHUNK_BYTES // 4, np.float64: _kernels.CHUNK_BYTES // 8}
PER_THREADS = {np.float32: _kernels.SERIAL_BYTES // 4, np.float64: _kernels.SERIAL_BYTES // 8}


def arrays(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    return tuple((rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype) for _ in range(3))


def bits(value):
    return type(value), np.shape(value), value.dtype, np.asarray(value).tobytes()


def identical(got, wanted):
    """Types, shapes, dtypes and bits; the sign of zero too."""
    assert type(got) is tuple
    assert [bits(one) for one in got] == [bits(one) for one in wanted]


def both(name):
    return getattr(fast, name), getattr(reference, name)


@np.errstate(all="ignore")
def slope(point):
    return point * point - 3 * point


def given(name, theta, grad, velocity):
    """The arguments of one step: Nesterov's asks for a gradient."""
    return (theta, slope if name == "nesterov" else grad, velocity)


@pytest.mark.parametrize("name", KERNELS)
def test_signature_is_the_references_and_out(name):
    ours, theirs = both(name)
    signature = inspect.signature(ours)
    parameters = dict(signature.parameters)
    out = parameters.pop("out")
    assert out.kind is out.KEYWORD_ONLY
    assert out.default is None
    assert list(parameters.values()) == list(inspect.signature(theirs.raw).parameters.values())
    assert signature.return_annotation == inspect.signature(theirs.raw).return_annotation
    hints = typing.get_type_hints(ours, {**vars(domains), "Out": object}, include_extras=True)
    assert hints.pop("out") is object
    assert hints == typing.get_type_hints(theirs.raw, vars(domains), include_extras=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KERNELS)
def test_bits_are_the_references_at_every_size(name, dtype):
    ours, theirs = both(name)
    chunk, threads = PER_CHUNK[dtype], PER_THREADS[dtype]
    borders = [edge + step for edge in (chunk, 2 * chunk, threads, threads + chunk) for step in (-1, 0, 1)]
    for size in [*range(40), 1000, *borders, 3 * threads + 7]:
        theta, grad, velocity = arrays(size, dtype, seed=size)
        identical(ours(*given(name, theta, grad, velocity), **HYPER), theirs.raw(*given(name, theta, grad, velocity), **HYPER))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (1, 1), (2, 3), (4, 5, 6), (300, 300)])
@pytest.mark.parametrize("name", KERNELS)
def test_bits_are_the_references_in_every_shape(name, shape, dtype):
    ours, theirs = both(name)
    three = tuple(np.asarray(one, dtype) for one in arrays(shape, dtype))
    for hyper in (
        HYPER,
        {"lr": 1, "momentum": 0},
        {"lr": np.float32(0.3), "momentum": np.float64(0.7)},
        {"lr": 1e-60, "momentum": 1 - 2**-53},
    ):
        identical(ours(*given(name, *three), **hyper), theirs(*given(name, *three), **hyper))


def test_python_floats_are_arrays_without_axes():
    for name in KERNELS:
        ours, theirs = both(name)
        identical(ours(*given(name, 1.5, -2.5, 0.25), **HYPER), theirs(*given(name, 1.5, -2.5, 0.25), **HYPER))


@pytest.mark.parametrize("name", KERNELS)
def test_zeros_signs_and_subnormals(name):
    ours, theirs = both(name)
    for dtype in DTYPES:
        tiny = np.finfo(dtype).smallest_subnormal
        values = np.array([0.0, -0.0, tiny, -tiny, 3 * tiny, np.finfo(dtype).smallest_normal, 1.0, -1.0], dtype)
        three = tuple(np.ascontiguousarray(one).ravel() for one in np.meshgrid(values, values, values))
        for hyper in ({"lr": 0.5, "momentum": 0.0}, {"lr": 1.0, "momentum": 0.5}, {"lr": 1e-30, "momentum": 0.9}):
            identical(ours(*given(name, *three), **hyper), theirs.raw(*given(name, *three), **hyper))


def spread(one):
    wide = np.zeros((*one.shape[:-1], 2 * one.shape[-1]), one.dtype)[..., ::2]
    wide[...] = one
    return wide


def crooked(one):
    memory = np.zeros(one.nbytes + 1, np.uint8)[1:].view(one.dtype).reshape(one.shape)
    memory[...] = one
    return memory


def readonly(one):
    one = one.copy()
    one.flags.writeable = False
    return one


LAYOUTS = {
    "strided": spread,
    "reversed": lambda one: one[::-1].copy()[::-1],
    "fortran": np.asfortranarray,
    "unaligned": crooked,
    "read-only": readonly,
    "broadcast": lambda one: np.broadcast_to(one[:1], one.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", KERNELS)
def test_any_layout(name, layout):
    ours, theirs = both(name)
    for dtype in DTYPES:
        for shape in [(5,), (6, 8), (300, 200)]:
            plain = arrays(shape, dtype)
            for which in ((0,), (1,), (2,), (0, 1, 2)):
                three = [LAYOUTS[layout](one) if i in which else one for i, one in enumerate(plain)]
                wanted = theirs.raw(*given(name, *three), **HYPER)
                got = ours(*given(name, *three), **HYPER)
                assert [one.tobytes() for one in got] == [one.tobytes() for one in wanted]
                assert all(one.flags.writeable and not any(np.shares_memory(one, other) for other in three) for one in got)


@pytest.mark.parametrize("name", KERNELS)
def test_big_endian(name):
    ours, theirs = both(name)
    for dtype in DTYPES:
        native = arrays(100, dtype)
        ours(*given(name, *native), **HYPER)  # a sweep for native arrays is there, and must not take these
        swapped = tuple(one.astype(one.dtype.newbyteorder(">")) for one in native)
        identical(ours(*given(name, *swapped), **HYPER), theirs.raw(*given(name, *native), **HYPER))
        ours(*given(name, *swapped), **HYPER, out=(swapped[0], swapped[2]))
        assert [one.astype(dtype).tobytes() for one in swapped[::2]] == [
            one.tobytes() for one in theirs.raw(*given(name, *native), **HYPER)
        ]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [7, 9000, 70000, (30, 4), (300, 300), (), (0,)])
@pytest.mark.parametrize("name", KERNELS)
def test_out_takes_the_result(name, shape, dtype):
    ours, theirs = both(name)
    three = tuple(np.asarray(one, dtype) for one in arrays(shape, dtype))
    wanted = theirs(*given(name, *three), **HYPER)
    fresh = np.empty_like(three[0]), np.empty_like(three[0])
    for theta_out, velocity_out in [
        (0, 1),
        (0, None),
        (None, 1),
        (0, "in place"),
        ("in place", 1),
        ("in place", "in place"),
        ("view", "view"),
    ]:
        theta, grad, velocity = (one.copy() for one in three)
        choice = {0: fresh[0], 1: fresh[1], None: None}
        out = (
            {**choice, "in place": theta, "view": theta[...]}[theta_out],
            {**choice, "in place": velocity, "view": velocity[...]}[velocity_out],
        )
        got = ours(*given(name, theta, grad, velocity), **HYPER, out=out)
        assert all(want is None or one is want for one, want in zip(got, out, strict=True))
        assert [one.tobytes() for one in got] == [np.asarray(one).tobytes() for one in wanted]
        assert grad.tobytes() == three[1].tobytes()
        if theta_out in (0, None):
            assert theta.tobytes() == three[0].tobytes()
        if velocity_out in (1, None):
            assert velocity.tobytes() == three[2].tobytes()


@pytest.mark.parametrize("name", KERNELS)
def test_out_of_any_layout(name):
    ours, theirs = both(name)
    for make in (spread, crooked, np.asfortranarray, lambda one: one[::-1].copy()[::-1]):
        three = arrays((6, 8))
        wanted = theirs.raw(*given(name, *three), **HYPER)
        theta, grad, velocity = (make(one) for one in three)
        ours(*given(name, theta, grad, velocity), **HYPER, out=(theta, velocity))
        assert [one.tobytes() for one in (theta, velocity)] == [one.tobytes() for one in wanted]


def test_columns_of_one_matrix_are_apart():
    matrix = np.arange(40.0).reshape(10, 4)
    theta, grad, velocity = (matrix[:, k] for k in range(3))
    wanted = reference.heavy_ball.raw(theta, grad, velocity, **HYPER)
    fast.heavy_ball(theta, grad, velocity, **HYPER, out=(theta, velocity))
    np.testing.assert_array_equal((theta, velocity), wanted)


REFUSED_OUT = {
    "a list": (lambda t, g, v: [t, v], TypeError, "out: list"),
    "an array": (lambda t, g, v: t, TypeError, "out: ndarray"),
    "too few": (lambda t, g, v: (t,), ValueError, "out: tuple of 1"),
    "none": (lambda t, g, v: (), ValueError, "out: tuple of 0"),
    "too many": (lambda t, g, v: (t, v, t.copy()), ValueError, "out: tuple of 3"),
    "no array": (lambda t, g, v: (t, [0.0] * v.size), TypeError, r"out\[1\]: list"),
    "another dtype": (lambda t, g, v: (t.astype(np.float64), v), TypeError, r"out\[0\]: float64"),
    "another shape": (lambda t, g, v: (t, v[:-1].copy()), ValueError, r"out\[1\]: shape"),
    "more axes": (lambda t, g, v: (t[None].copy(), v), ValueError, r"out\[0\]: shape"),
    "a subclass": (lambda t, g, v: (t.view(np.memmap), v), TypeError, r"out\[0\]"),
    "read-only": (lambda t, g, v: (readonly(t), v), ValueError, r"out\[0\]: a read-only array"),
    "the gradient": (lambda t, g, v: (g, v), ValueError, r"out\[0\]: memory of grad"),
    "the gradient second": (lambda t, g, v: (t, g), ValueError, r"out\[1\]: memory of grad"),
    "crossed": (lambda t, g, v: (v, t), ValueError, r"out\[0\]: memory of velocity"),
    "crossed once": (lambda t, g, v: (np.empty_like(t), t), ValueError, r"out\[1\]: memory of (theta|shifted)"),
    "one for both": (lambda t, g, v: (t, t), ValueError, r"out\[1\]: memory of (theta|shifted)"),
    "one fresh for both": (lambda t, g, v: (np.empty_like(t),) * 2, ValueError, r"out\[1\]: memory of out\[0\]"),
    "reversed": (lambda t, g, v: (t[::-1], v), ValueError, r"out\[0\]: memory of (theta|shifted)"),
    "all in one place": (
        lambda t, g, v: (t, np.lib.stride_tricks.as_strided(v, v.shape, (0,))),
        ValueError,
        r"out\[1\]: memory of velocity",
    ),
}


@pytest.mark.parametrize("case", REFUSED_OUT)
@pytest.mark.parametrize("name", STEPS)
def test_out_is_refused_and_nothing_written(name, case):
    make, error, words = REFUSED_OUT[case]
    for size in (6, 40000):
        three = arrays(size)
        copies = [one.copy() for one in three]
        getattr(fast, name)(*three, **HYPER)  # compiled by now: the quick path must refuse too
        with pytest.raises(error, match=f"{name}: {words}"):
            getattr(fast, name)(*three, **HYPER, out=make(*three))
        assert all(one.tobytes() == copy.tobytes() for one, copy in zip(three, copies, strict=True))


def test_partial_overlap_is_refused():
    memory = np.arange(300, dtype=np.float32)
    theta, grad, velocity = memory[:90], memory[100:190], memory[200:290]
    for shift in (-89, -1, 1, 50, 89):
        for j, base in enumerate((0, 200)):
            start = base + shift
            if start < 0 or start + 90 > 300:
                continue
            out = [np.empty_like(theta), np.empty_like(theta)]
            out[j] = memory[start : start + 90]
            with pytest.raises(ValueError, match=rf"heavy_ball: out\[{j}\]: memory of (theta|grad|velocity) came"):
                fast.heavy_ball(theta, grad, velocity, **HYPER, out=tuple(out))
    assert memory.tobytes() == np.arange(300, dtype=np.float32).tobytes()


def test_inputs_may_be_one_array():
    one = arrays(100)[0]
    for name in STEPS:
        ours, theirs = both(name)
        identical(ours(one, one, one, **HYPER), theirs.raw(one, one, one, **HYPER))


good = np.ones(4, np.float32)
BAD = {
    "list": {0: [1.0] * 4},
    "integers": {1: np.ones(4, np.int64)},
    "booleans": {2: np.ones(4, bool)},
    "complex": {1: np.ones(4, np.complex64)},
    "objects": {1: np.ones(4, object)},
    "subclass": {1: good.view(np.memmap)},
    "masked": {0: np.ma.masked_array(good)},
    "none": {2: None},
    "mixed dtypes": {1: good.astype(np.float64)},
    "mixed orders": {1: good.astype(">f4")},
    "shape": {1: np.ones(5, np.float32)},
    "axes": {1: np.ones((4, 1), np.float32)},
    "shape of the first": {0: np.ones((2, 2), np.float32)},
    "empty": {2: np.ones(0, np.float32)},
    "nan": {0: np.array([1, np.nan, 1, 1], np.float32)},
    "inf": {1: np.array([1, 1, 1, np.inf], np.float32)},
    "minus inf": {2: np.array([-np.inf, 1, 1, 1], np.float32)},
    "lr 0": {"lr": 0.0},
    "lr below 0": {"lr": -0.1},
    "lr nan": {"lr": float("nan")},
    "lr inf": {"lr": float("inf")},
    "lr true": {"lr": True},
    "lr text": {"lr": "0.1"},
    "lr complex": {"lr": 1j},
    "lr array": {"lr": np.full(4, 0.1)},
    "lr none": {"lr": None},
    "momentum 1": {"momentum": 1.0},
    "momentum below 0": {"momentum": -1e-300},
    "momentum nan": {"momentum": np.float64("nan")},
    "momentum false": {"momentum": False},
    "overflow": {0: np.full(4, 3e38, np.float32), 1: np.full(4, -3e38, np.float32), "lr": 1.0},
    "lr beyond the dtype": {"lr": 1e300},
}


def applies(name, case):
    """Whether the case is one of this kernel: the gradient of Nesterov's is a function, and has its own cases below."""
    return name != "nesterov" or 1 not in BAD[case] or case == "overflow"


@pytest.mark.parametrize(("name", "case"), [(name, case) for name in KERNELS for case in BAD if applies(name, case)])
def test_bad_input_is_refused_as_by_the_reference(name, case):
    ours, theirs = both(name)
    positional = [BAD[case].get(i, good) for i in range(3)]
    hyper = {key: BAD[case].get(key, value) for key, value in HYPER.items()}
    ours(*given(name, good, good, good), **HYPER)
    with pytest.raises((TypeError, ValueError)) as wanted:
        theirs(*given(name, *positional), **hyper)
    with pytest.raises(wanted.type) as got:
        ours(*given(name, *positional), **hyper)
    assert str(got.value) == str(wanted.value)


@pytest.mark.parametrize("name", KERNELS)
def test_missing_and_unknown_arguments(name):
    ours, theirs = both(name)
    for args, kwargs in [((good, good), HYPER), ((good,) * 3, {"lr": 0.1}), ((good,) * 3, {**HYPER, "eps": 0}), ((good,) * 5, {})]:
        for step in (ours, theirs):
            with pytest.raises(TypeError):
                step(*args, **kwargs)


@pytest.mark.parametrize("size", [4, 100000])
@pytest.mark.parametrize("name", STEPS)
def test_not_finite_is_found_anywhere_and_named(name, size):
    step, names = getattr(fast, name), ("theta|shifted", "grad", "velocity")
    for bad in (np.nan, np.inf, -np.inf):
        for which, argument in enumerate(names):
            for place in (0, size // 2, size - 1):
                three = [np.ones(size, np.float32) for _ in range(3)]
                three[which][place] = bad
                with pytest.raises(ValueError, match=rf"{name}: ({argument}): .* at index \({place},\) came"):
                    step(*three, **HYPER)
                with pytest.raises(ValueError, match=rf"{name}: .*({argument}).* came"):
                    step(*three, **HYPER, out=(three[0], three[2]))


def test_in_place_the_result_is_held_when_the_error_comes():
    theta, grad, velocity = (np.full(4, value, np.float32) for value in (3e38, -3e38, 0))
    with pytest.raises(ValueError, match=r"heavy_ball: theta or velocity: .* \(out holds the result\)"):
        fast.heavy_ball(theta, grad, velocity, lr=1.0, momentum=0.5, out=(theta, velocity))
    assert np.all(np.isposinf(theta))
    assert np.all(velocity == np.float32(3e38))


def test_float16_is_refused():
    half = good.astype(np.float16)
    for name in KERNELS:
        with pytest.raises(TypeError, match=f"{name}: (theta|shifted): float16 array came; allowed: float32"):
            getattr(fast, name)(*given(name, half, half, half), **HYPER)


class Thrown(Exception):
    pass


def throwing(point):
    raise Thrown


ANSWERS = {
    "no function": good,
    "another shape": lambda point: np.ones(5, np.float32),
    "not finite": lambda point: np.full(4, np.nan, np.float32),
    "a list": lambda point: [1.0] * 4,
    "nothing": lambda point: None,
    "an exception": throwing,
}


@pytest.mark.parametrize("case", ANSWERS)
def test_bad_gradients_are_refused_as_by_the_reference(case):
    with pytest.raises((TypeError, ValueError, Thrown)) as wanted:
        reference.nesterov(good, ANSWERS[case], good, **HYPER)
    for out in (None, (good.copy(), good.copy())):
        with pytest.raises(wanted.type) as got:
            fast.nesterov(good, ANSWERS[case], good, **HYPER, out=out)
        assert str(got.value) == str(wanted.value)


def test_a_gradient_of_another_dtype_is_refused():
    for step in (fast.nesterov, reference.nesterov):
        with pytest.raises(TypeError, match=r"nesterov: gradient\(…\): float64 array came; allowed: float32, as its argument"):
            step(good, lambda point: point.astype(np.float64), good, **HYPER)


def test_nesterov_refuses_before_it_asks():
    for hyper in ({"lr": -1.0, "momentum": 0.5}, {"lr": 0.1, "momentum": 1.0}):
        with pytest.raises(ValueError, match=r"nesterov: (lr|momentum)"):
            fast.nesterov(good, throwing, good, **hyper)


def test_nesterov_asks_once_at_the_look_ahead_and_owns_what_it_shows():
    theta, _, velocity = arrays(9)
    seen = []

    def gradient(point):
        seen.append(point.copy())
        point[...] = 0
        return np.ones_like(point)

    before = theta.copy(), velocity.copy()
    got = fast.nesterov(theta, gradient, velocity, **HYPER)
    assert [one.tobytes() for one in seen] == [(theta + 0.9 * velocity).tobytes()]
    assert [theta.tobytes(), velocity.tobytes()] == [one.tobytes() for one in before]
    identical(got, reference.nesterov.raw(theta, np.ones_like, velocity, **HYPER))


def symbols(name, shape):
    return np.array([sympy.Symbol(f"{name}_{i}", real=True) for i in range(int(np.prod(shape)))], object).reshape(shape)


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("name", KERNELS)
def test_the_kernels_own_code_gives_the_references_expressions(name, size, parallel):
    """Plain Python takes the same loops over symbols, two to a chunk: every branch, in place and not."""
    pure = _kernels.loops(KERNELS[name].formula, lambda part: part, CHUNK_BYTES=2 * np.dtype(object).itemsize)
    theta, grad, velocity = (symbols(letter, size) for letter in "xgv")
    lr, momentum = sympy.symbols("lr momentum", positive=True)
    theirs = getattr(reference, name).raw
    wanted = theirs(theta, (lambda point: grad) if name == "nesterov" else grad, velocity, lr=lr, momentum=momentum)
    for in_place in (False, True):
        old = theta.copy(), velocity.copy()
        new = old if in_place else (np.full(size, None), np.full(size, None))
        assert pure(parallel, new, old, (grad,), (lr, momentum)) == _kernels.FINITE
        for got, claimed in zip(new, wanted, strict=True):
            assert all(sympy.expand(one - other) == 0 for one, other in zip(got, claimed, strict=True))


def test_the_look_ahead_is_the_references():
    asked = []
    theta, velocity = symbols("x", 3), symbols("v", 3)
    lr, momentum = sympy.symbols("lr momentum", positive=True)
    reference.nesterov.raw(theta, lambda point: asked.append(point) or point, velocity, lr=lr, momentum=momentum)
    assert [fast._look_ahead.formula(x, v, lr, momentum)[0] for x, v in zip(theta, velocity, strict=True)] == list(asked[0])


DIGEST = f"""
import hashlib, numba, numpy as np
from trainspec.fast import momentum
total = hashlib.sha256()
for dtype in (np.float32, np.float64):
    rng = np.random.default_rng(1)
    for size in (1000, 70001, 300007):
        three = [rng.standard_normal(size).astype(dtype) for _ in range(3)]
        for name in {STEPS}:
            for one in getattr(momentum, name)(*three, lr=0.1, momentum=0.9):
                total.update(one.tobytes())
print(numba.get_num_threads(), total.hexdigest())
"""


def test_bits_do_not_depend_on_the_number_of_threads():
    before, digests = numba.get_num_threads(), set()
    try:
        for threads in range(1, before + 1):
            numba.set_num_threads(threads)
            results = [getattr(fast, name)(*arrays(300007, dtype), **HYPER) for name in STEPS for dtype in DTYPES]
            digests.add(b"".join(one.tobytes() for pair in results for one in pair))
    finally:
        numba.set_num_threads(before)
    assert len(digests) == 1


def test_bits_do_not_depend_on_the_process():
    seen = set()
    for threads in ("1", "4"):
        environment = {**os.environ, "NUMBA_NUM_THREADS": threads}
        run = subprocess.run([sys.executable, "-W", "error", "-c", DIGEST], env=environment, capture_output=True, text=True, check=True)
        count, digest = run.stdout.split()
        assert count == threads
        seen.add(digest)
    assert len(seen) == 1
