"""The elementwise kernels are the reference: bit for bit, symbol for symbol, refusal for refusal."""

import dataclasses
import importlib
import inspect
import itertools
import math
import os
import subprocess
import sys
import typing
from fractions import Fraction

import numba
import numpy as np
import pytest
from trainspec import fast
from trainspec.fast import _kernels
from trainspec.reference import FORMULAS, domains
from trainspec.reference.limits import Above, AtLeast, AtMost, OneOf
from trainspec.reference.validation import domains as stated
from trainspec.spec.arithmetic import Verdict, symbols
from trainspec.spec.evidence import judge

KERNELS = {
    name: (getattr(importlib.import_module(f"trainspec.fast.{chapter}"), name), formula)
    for formula in FORMULAS.values()
    for chapter, name in [(formula.__module__.rpartition(".")[2], formula.__name__)]
    if chapter in fast.CHAPTERS
    and isinstance(getattr(vars(importlib.import_module(f"trainspec.fast.{chapter}")).get(name), "kernel", None), _kernels.Kernel)
}
DTYPES = [np.float32, np.float64]
HYPER = {
    **{"lr": 0.01, "momentum": 0.9, "decay": 0.9, "beta1": 0.9, "beta1_next": 0.91, "beta2": 0.999, "weight_decay": 0.01},
    **{"eps": 1e-8, "eps_root": 1e-12, "eps_grad": 1e-6, "eps_step": 1e-6, "weight": 0.3, "t": 3, "models": 2},
    **{"grow": 1.2, "shrink": 0.5, "smallest": 1e-6, "largest": 50.0, "norm": 70.0},
}
PER_CHUNK = {dtype: _kernels.CHUNK_BYTES // np.dtype(dtype).itemsize for dtype in DTYPES}
GRADIENTS = [name for name, (kernel, _) in KERNELS.items() if kernel.point]
PLAIN = [name for name in KERNELS if name not in GRADIENTS]
RECIPROCALS = [name for name, (kernel, _) in KERNELS.items() if kernel.kernel.reading["reciprocals"]]


def every(*names):
    return pytest.mark.parametrize("name", names or list(KERNELS))


@np.errstate(all="ignore")
def slope(point):
    return point * point - 3 * point


def made(domain, name, array):
    """An argument of a domain, its arrays from array(domain)."""
    if domain.kind == "state":
        return domain.hint(*(made(one, field, array) for field, one in domain.fields.items()))
    return {"array": lambda: array(domain), "function": lambda: slope}.get(domain.kind, lambda: HYPER[name])()


def within(domain, numbers, rng):
    """Numbers that the limits allow."""
    for limit in domain.limits:
        if isinstance(limit, OneOf):
            return rng.choice(limit.numbers, numbers.shape)
    tops = [limit for limit in domain.limits if isinstance(limit, AtMost)]
    bottoms = [limit for limit in domain.limits if isinstance(limit, AtLeast | Above) and limit != AtLeast(-1)]
    numbers = numbers / (1 + np.abs(numbers)) if tops else numbers
    return np.abs(numbers) if bottoms else numbers


def call(name, shape, dtype=np.float32, seed=0, **changed):
    """The arguments of one step, by name."""
    rng = np.random.default_rng(seed)

    def array(domain):
        wide = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)
        return np.asarray(within(domain, wide, rng), dtype)

    return {key: made(domain, key, array) for key, domain in stated(KERNELS[name][1].raw).items()} | changed


def leaves(value):
    """Arrays and numbers, in order."""
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def lanes(name, value):
    """The arrays of a result or of a call, in order."""
    return [one for one in leaves(tuple(value.values()) if isinstance(value, dict) else value) if isinstance(one, np.ndarray | np.floating)]


def mapped(value, change):
    """The same with its arrays changed."""
    if isinstance(value, dict):
        return {key: mapped(one, change) for key, one in value.items()}
    if isinstance(value, tuple):
        parts = [mapped(one, change) for one in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return change(value) if isinstance(value, np.ndarray) else value


def bits(value):
    """All of a result that can be told apart; an array without axes is a number."""
    return [(np.shape(one), one.dtype, np.asarray(one).tobytes()) if hasattr(one, "dtype") else one for one in leaves(value)]


def same(got, wanted):
    """Made alike, and equal to the last bit."""
    assert type(got) is type(wanted) or not isinstance(wanted, tuple)
    assert bits(got) == bits(wanted)


def raw(name, values):
    """What the kernel makes, to the last bit: the reference, or where it multiplies by reciprocals, its own formula taken by NumPy."""
    ours, theirs = KERNELS[name]
    with np.errstate(all="ignore"):
        if name not in RECIPROCALS:
            return theirs.raw(**values)
        old, read, numbers = ours.kernel.derived.taken(*values.values())
        constants, counts = ours.kernel.derived.constants(*numbers)
        return ours.kernel.derived.given(ours.kernel.derived.entry(*old, *read, *constants), counts)


def behind_the_door(name, values):
    """The same, as the reference's door lets it pass, or its error."""
    ours, theirs = KERNELS[name]
    result = theirs(**values)
    return raw(name, dict(zip(values, ours.kernel.checked(tuple(values.values())), strict=True))) if name in RECIPROCALS else result


def own(name, values):
    """The out that writes every result over what it updates."""
    kernel = KERNELS[name][0].kernel
    old, *_ = kernel.derived.taken(*values.values())
    return kernel.derived.given(old, [0] * 9)


def same_signature(ours, theirs):
    """The reference's arguments and results, and `out`."""
    parameters = dict(inspect.signature(ours).parameters)
    out = parameters.pop("out")
    assert (out.kind, out.default) == (out.KEYWORD_ONLY, None)
    assert list(parameters.values()) == list(inspect.signature(theirs.raw).parameters.values())
    assert inspect.signature(ours).return_annotation == inspect.signature(theirs.raw).return_annotation


@every()
def test_signature_is_the_references_and_out(name):
    ours, theirs = KERNELS[name]
    same_signature(ours, theirs)
    home = vars(importlib.import_module(theirs.__module__))
    hints = typing.get_type_hints(ours, {**vars(domains), **home, "Out": object}, include_extras=True)
    assert hints.pop("out") is object
    assert hints == typing.get_type_hints(theirs.raw, {**vars(domains), **home}, include_extras=True)


@pytest.mark.parametrize("dtype", DTYPES)
@every()
def test_bits_are_the_references_at_every_size(name, dtype):
    ours, _ = KERNELS[name]
    threads = ours.kernel.serial // np.dtype(dtype).itemsize
    borders = [edge + step for edge in (PER_CHUNK[dtype], threads, threads + PER_CHUNK[dtype]) for step in (-1, 0, 1)]
    for size in [*range(18), 1000, *borders, 3 * threads + 7]:
        values = call(name, size, dtype, seed=size)
        same(ours(**values), raw(name, values))


@pytest.mark.parametrize("dtype", DTYPES)
@every(*RECIPROCALS)
def test_reciprocals_change_the_step_alone_and_by_little(name, dtype):
    """Relative to the step: 1 eps by the reciprocals in m̂ and half of it in v̂ under its root, and what rounding either way adds."""
    ours, theirs = KERNELS[name]
    eps = np.finfo(dtype).eps
    for t in (0, 1, 3, 1000):
        values = mapped(call(name, 100_000, dtype, seed=t), np.abs)  # no mean cancels
        values["state"] = values["state"]._replace(t=t)
        got, wanted = ours(**values), theirs(**values)
        assert bits(got[1]) == bits(wanted[1])
        start, mine, other = (one.astype(np.float64) for one in (values["theta"], got[0], wanted[0]))
        off = np.abs(mine - other)
        assert np.any(off)
        assert np.all(off <= eps * (np.abs(other) + 7 * np.abs(other - start)))


@pytest.mark.parametrize("dtype", DTYPES)
@every()
def test_bits_are_the_references_in_every_shape(name, dtype):
    ours, _ = KERNELS[name]
    for shape in [(), (1,), (0,), (3, 0, 2), (1, 1), (2, 3), (4, 5, 6), (300, 300)]:
        values = call(name, shape, dtype)
        same(ours(**values), behind_the_door(name, values))
        same(ours(**values), raw(name, values))


@every()
def test_numbers_of_any_type_are_taken_as_the_reference_takes_them(name):
    ours, theirs = KERNELS[name]
    numbers = [key for key, domain in stated(theirs.raw).items() if domain.kind == "number"]
    for one in numbers:
        for value in (1, 0, np.float32(0.5), np.float64(0.75), np.int64(2), np.array(0.25)):
            values = call(name, 5, **{one: value})
            assert refusal(ours, values) == wanted_refusal(name, values)


@every()
def test_python_floats_are_arrays_without_axes(name):
    ours, _ = KERNELS[name]
    values = mapped(call(name, (), np.float64), float)
    same(ours(**values), behind_the_door(name, values))


@every()
def test_zeros_signs_and_subnormals(name):
    ours, theirs = KERNELS[name]
    for dtype in DTYPES:
        tiny = np.finfo(dtype).smallest_subnormal
        values = np.array([0.0, -0.0, tiny, -3 * tiny, np.finfo(dtype).smallest_normal, 1.0, -1.0], dtype)
        count = len(lanes(name, call(name, 1, dtype)))
        grid = iter(np.ascontiguousarray(one).ravel() for one in np.meshgrid(*[values] * count))
        nonnegative = lambda domain, grid=grid: np.abs(next(grid)) if domain.limits else next(grid)  # noqa: E731
        point = {key: made(domain, key, nonnegative) for key, domain in stated(theirs.raw).items()}
        same(ours(**point), raw(name, point))


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


def backwards(one):
    return one[::-1].copy()[::-1]


LAYOUTS = {"strided": spread, "reversed": backwards, "fortran": np.asfortranarray, "unaligned": crooked, "read-only": readonly}


@pytest.mark.parametrize("layout", LAYOUTS)
@every()
def test_any_layout(name, layout):
    ours, _ = KERNELS[name]
    for dtype in DTYPES:
        for shape in [(5,), (6, 8), (300, 200)]:
            values = call(name, shape, dtype)
            turned = mapped(values, LAYOUTS[layout])
            got = ours(**turned)
            same(mapped(got, np.ascontiguousarray), mapped(raw(name, values), np.ascontiguousarray))
            given = lanes(name, turned)
            assert all(one.flags.writeable and not any(np.shares_memory(one, other) for other in given) for one in lanes(name, got))


@every()
def test_big_endian(name):
    ours, _ = KERNELS[name]
    for dtype in DTYPES:
        values = call(name, 100, dtype)
        wanted = bits(ours(**values))  # a sweep for native arrays is there by now, and must not take these
        swapped = mapped(values, lambda one: one.astype(one.dtype.newbyteorder(">")))
        assert bits(ours(**swapped)) == wanted
        ours(**swapped, out=(written := own(name, swapped)))
        assert [one.astype(dtype).tobytes() for one in lanes(name, written)] == [one[2] for one in wanted if isinstance(one, tuple)]


@pytest.mark.parametrize("dtype", DTYPES)
@every()
def test_out_takes_the_result(name, dtype):
    ours, _ = KERNELS[name]
    for shape in [7, 9000, 70000, (30, 4), (300, 300), (0,)]:
        values = call(name, shape, dtype)
        wanted = bits(raw(name, values))
        fresh = mapped(own(name, values), np.empty_like)
        got = ours(**values, out=fresh)
        assert bits(got) == wanted
        assert all(one is other for one, other in zip(lanes(name, got), lanes(name, fresh), strict=True))
        assert bits(values.get("theta", 0)) == bits(call(name, shape, dtype).get("theta", 0))
        for view in (lambda one: one, lambda one: one[...]):
            copy = mapped(values, np.copy)
            place = mapped(own(name, copy), view)
            assert bits(ours(**copy, out=place)) == wanted
            assert [one.tobytes() for one in lanes(name, place)] == [one[2] for one in wanted if isinstance(one, tuple)]


@every()
def test_what_is_plainly_right_goes_straight_through(name, monkeypatch):
    ours, _ = KERNELS[name]
    values = call(name, 100)
    wanted = ours(**values)  # compiled by now
    monkeypatch.setattr(ours.kernel, "careful", lambda *_: pytest.fail("looked at with care"))
    same(ours(**values), wanted)
    ours(**values, out=own(name, values))


@every(*[name for name in KERNELS if type(own(name, call(name, 1))) is tuple])
def test_each_part_of_out_may_be_missing(name):
    ours, _ = KERNELS[name]
    values = call(name, 50)
    wanted, whole = bits(raw(name, values)), own(name, mapped(values, np.copy))
    for missing in range(len(whole)):
        out = tuple(None if i == missing else one for i, one in enumerate(own(name, mapped(values, np.copy))))
        got = ours(**values, out=out)
        assert bits(got) == wanted
        assert all(
            one is other for i, (one, other) in enumerate(zip(got, out, strict=True)) if isinstance(other, np.ndarray) and i != missing
        )


@every()
def test_out_of_any_layout(name):
    ours, _ = KERNELS[name]
    for change in (spread, crooked, np.asfortranarray, backwards):
        values = mapped(call(name, (6, 8)), change)
        wanted = mapped(raw(name, values), np.copy)
        got = ours(**values, out=own(name, values))
        assert [np.ascontiguousarray(one).tobytes() for one in lanes(name, got)] == [
            np.ascontiguousarray(one).tobytes() for one in lanes(name, wanted)
        ]


@every()
def test_columns_of_one_matrix_are_apart(name):
    ours, _ = KERNELS[name]
    drawn = call(name, 10)
    columns = iter(np.stack(lanes(name, drawn), axis=1).T)
    values = mapped(drawn, lambda _: next(columns))
    wanted = bits(mapped(raw(name, values), np.ascontiguousarray))
    assert bits(mapped(ours(**values, out=own(name, values)), np.ascontiguousarray)) == wanted


@every()
def test_inputs_may_be_one_array(name):
    ours, _ = KERNELS[name]
    one = np.abs(lanes(name, call(name, 100))[0])
    values = mapped(call(name, 100), lambda _: one)
    same(ours(**values), raw(name, values))


@pytest.mark.parametrize("size", [6, 40000])
@every(*PLAIN)
def test_out_is_refused_and_nothing_written(name, size):
    ours, _ = KERNELS[name]
    values = call(name, size)
    before = bits(tuple(values.values()))
    ours(**values)  # compiled by now: the quick path must refuse too
    whole = own(name, values)
    first = lanes(name, whole)[0]
    others = [one for one in lanes(name, values) if one is not first]
    cases = [
        (lambda one: one.astype(np.float64), TypeError, "float64 array"),
        (lambda one: one[:-1].copy(), ValueError, "shape"),
        (lambda one: one[None].copy(), ValueError, "shape"),
        (lambda one: one.view(np.memmap), TypeError, "memmap|array"),
        (readonly, ValueError, "a read-only array"),
        (lambda one: one[::-1], ValueError, "memory of"),
        (lambda one: [0.0] * one.size, TypeError, "list"),
        *((lambda _, other=other: other, ValueError, "memory of") for other in others),
    ]
    for change, error, words in cases:
        for which in range(len(lanes(name, whole))):
            seen = iter(range(99))
            out = mapped(whole, lambda one: change(one) if next(seen) == which else one)  # noqa: B023 - used at once
            if which and change.__defaults__ and change.__defaults__[0] is lanes(name, whole)[which]:
                continue  # what it replaces
            with pytest.raises(error, match=rf"{name}: out.*{words}"):
                ours(**values, out=out)
            assert bits(tuple(values.values())) == before
    for out in ([whole], (whole, whole, whole), ()):
        with pytest.raises((TypeError, ValueError), match=rf"{name}: out"):
            ours(**values, out=out)


@every(*PLAIN)
def test_partial_overlap_is_refused(name):
    ours, _ = KERNELS[name]
    memory = np.random.default_rng(0).random(2000, np.float32)  # every domain allows numbers from 0 to 1
    starts = iter(range(0, 2000, 100))
    values = mapped(call(name, 90), lambda one: memory[(start := next(starts)) : start + 90])
    before = memory.tobytes()
    for position in range(0, 100 * len(lanes(name, values)), 100):
        for shift in (-89, -1, 1, 50, 89):
            if position + shift < 0:
                continue
            fresh = itertools.chain([memory[position + shift : position + shift + 90]], (np.empty(90, np.float32) for _ in range(9)))
            out = mapped(own(name, values), lambda _, fresh=fresh: next(fresh))
            with pytest.raises(ValueError, match=rf"{name}: out.*: memory of"):
                ours(**values, out=out)
            assert memory.tobytes() == before


BAD_ARRAYS = {
    "list": list,
    "integers": lambda one: np.ones(one.shape, np.int64),
    "booleans": lambda one: np.ones(one.shape, bool),
    "complex": lambda one: one.astype(np.complex64),
    "objects": lambda one: one.astype(object),
    "subclass": lambda one: one.view(np.memmap),
    "masked": np.ma.masked_array,
    "none": lambda one: None,
    "another dtype": lambda one: one.astype(np.float64),
    "another order": lambda one: one.astype(">f4"),
    "shape": lambda one: np.ones(one.size + 1, np.float32),
    "axes": lambda one: one[:, None].copy(),
    "empty": lambda one: np.ones(0, np.float32),
    "nan": lambda one: np.where(np.arange(one.size).reshape(one.shape) == 1, np.float32(np.nan), one),
    "inf": lambda one: np.where(np.arange(one.size).reshape(one.shape) == 3, np.float32(np.inf), one),
    "minus inf": lambda one: np.where(np.arange(one.size).reshape(one.shape) == 0, np.float32(-np.inf), one),
    "negative": lambda one: -1 - np.abs(one),
    "huge": lambda one: np.full(one.shape, 3e38, np.float32),
    "huge and negative": lambda one: np.full(one.shape, -3e38, np.float32),
}
BAD_NUMBERS = (0.0, -0.1, 1.0, 1e300, 1 + 1e-12, math.nan, math.inf, True, "0.1", 1j, None, np.full(4, 0.1), -1, 1.5)


def refusal(step, values):
    """The type and words of an error, or the bits of a result."""
    try:
        return bits(step(**values))
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        return type(error), str(error)


def wanted_refusal(name, values):
    """The same of the reference."""
    return refusal(lambda **values: behind_the_door(name, values), values)


@every()
def test_bad_arrays_are_refused_as_by_the_reference(name):
    ours, _ = KERNELS[name]
    ours(**call(name, 4))
    for case, change in BAD_ARRAYS.items():
        for which in range(len(lanes(name, call(name, 4)))):
            seen = iter(range(99))
            values = mapped(call(name, 4), lambda one: change(one) if next(seen) == which else one)  # noqa: B023 - used at once
            assert refusal(ours, values) == wanted_refusal(name, values), (case, which)


def renumbered(values, key, number):
    """The call with one of its numbers changed, a state's by `state.t`."""
    owner, _, field = key.partition(".")
    return values | {owner: values[owner]._replace(**{field: number}) if field else number}


@every()
def test_bad_numbers_are_refused_as_by_the_reference(name):
    ours, _ = KERNELS[name]
    ours(**call(name, 4))
    for key in ours.kernel.derived.numbers:
        for number in BAD_NUMBERS:
            values = renumbered(call(name, 4), key, number)
            assert refusal(ours, values) == wanted_refusal(name, values), (key, number)


@every()
def test_a_state_must_be_one(name):
    ours, theirs = KERNELS[name]
    for key, domain in stated(theirs.raw).items():
        if domain.kind == "state":
            for value in (None, tuple(call(name, 4)[key]), list(call(name, 4)[key])):
                values = call(name, 4, **{key: value})
                assert refusal(ours, values) == refusal(theirs, values)


@every()
def test_missing_and_unknown_arguments(name):
    ours, theirs = KERNELS[name]
    values = call(name, 4)
    for wrong in ({key: value for key, value in values.items() if key != next(iter(values))}, {**values, "epsilon": 0.0}):
        for step in (ours, theirs):
            with pytest.raises(TypeError):
                step(**wrong)


@pytest.mark.parametrize("size", [4, 100000])
@every(*PLAIN)
def test_what_strays_is_found_anywhere_and_named(name, size):
    ours, theirs = KERNELS[name]
    derived = ours.kernel.derived
    for which, lane in enumerate(lanes(name, call(name, 1))):
        for bad in (np.nan, np.inf, -np.inf):
            for place in (0, size // 2, size - 1):
                values = call(name, size)
                lanes(name, values)[which][place] = bad
                with pytest.raises(ValueError, match=rf"^{name}\(\): .* must .*, got .* at index \({place},\)$") as wanted:
                    theirs(**values)
                assert refusal(ours, values) == (ValueError, str(wanted.value))
                with pytest.raises(ValueError, match=rf"{name}: "):
                    ours(**values, out=own(name, values))
        assert lane.shape == (1,)
    assert set(derived.updated) | set(derived.read) == set(ours.kernel.lanes(tuple(call(name, 1).values())))


def test_in_place_the_result_is_held_when_the_error_comes():
    theta, grad, velocity = (np.full(4, value, np.float32) for value in (3e38, -3e38, 0))
    with pytest.raises(ValueError, match=r"heavy_ball: theta or velocity: .* \(out holds the result\)"):
        KERNELS["heavy_ball"][0](theta, grad, velocity, lr=1.0, momentum=0.5, out=(theta, velocity))
    assert np.all(np.isposinf(theta))
    assert np.all(velocity == np.float32(3e38))


@every()
def test_float16_is_refused(name):
    ours, _ = KERNELS[name]
    with pytest.raises(TypeError, match=f"{name}: .*: float16 array came; allowed: float32"):
        ours(**call(name, 4, np.float16))


class Thrown(Exception):
    pass


def throwing(point):
    raise Thrown


ANSWERS = {
    "no function": np.ones(4, np.float32),
    "another shape": lambda point: np.ones(5, np.float32),
    "another dtype": lambda point: point.astype(np.float64),
    "not finite": lambda point: np.full(4, np.nan, np.float32),
    "a list": lambda point: [1.0] * 4,
    "nothing": lambda point: None,
    "an exception": throwing,
}


@pytest.mark.parametrize("case", ANSWERS)
@every(*GRADIENTS)
def test_bad_gradients_are_refused_as_by_the_reference(name, case):
    ours, theirs = KERNELS[name]
    values = call(name, 4, gradient=ANSWERS[case])
    with pytest.raises((TypeError, ValueError, Thrown)) as wanted:
        theirs(**values)
    for out in (None, mapped(own(name, call(name, 4)), np.copy)):
        with pytest.raises(wanted.type) as got:
            ours(**values, out=out)
        assert str(got.value) == str(wanted.value)


@every(*GRADIENTS)
def test_a_step_is_refused_before_the_gradient_is_asked(name):
    ours, _ = KERNELS[name]
    for hyper in ({"lr": -1.0}, {"momentum": 1.0}):
        with pytest.raises(ValueError, match=rf"{name}: (lr|momentum)"):
            ours(**call(name, 4, gradient=throwing, **hyper))


@every(*GRADIENTS)
def test_the_gradient_is_asked_once_and_owns_what_it_is_shown(name):
    ours, theirs = KERNELS[name]

    def asking(seen):
        def gradient(point):
            seen.append(point.copy())
            point[...] = 0
            return np.ones_like(point)

        return gradient

    asked, wanted = [], []
    values = call(name, 9)
    before = bits(tuple(one for one in values.values() if one is not slope))
    same(ours(**values | {"gradient": asking(asked)}), raw(name, values | {"gradient": np.ones_like}))
    raw(name, values | {"gradient": lambda point: wanted.append(point.copy()) or np.ones_like(point)})
    assert bits(tuple(asked)) == bits(tuple(wanted))
    assert bits(tuple(one for one in values.values() if one is not slope)) == before
    assert theirs.__name__ == name


def in_plain_python(name, old, read, numbers, *, parallel, in_place):
    """The kernel's own loops, run by Python over any numbers, two to a chunk."""
    derived = KERNELS[name][0].kernel.derived
    unwatched = dataclasses.replace(derived, strays=lambda *_: False)
    pure = _kernels.loops(unwatched, lambda part: part, CHUNK_BYTES=2 * np.dtype(object).itemsize, rounded=lambda numbers, _: numbers)
    new = old if in_place else tuple(0 * one for one in old)
    constants, _ = derived.constants(*numbers)
    assert pure(parallel, new, old, read, constants) == _kernels.FINITE
    return new


@pytest.mark.parametrize("parallel", [False, True])
@every(*[name for name in KERNELS if "rprop" not in name])
def test_the_kernels_own_code_gives_the_references_expressions(name, parallel, monkeypatch):
    """Plain Python takes the same loops over symbols: every branch, in place and not. Counts and means stay numbers."""
    ours, theirs = KERNELS[name]
    for choice in ("maximum", "minimum", "sign", "where"):  # of symbols NumPy's own, which the others are compared with elsewhere
        monkeypatch.setattr(_kernels, choice, getattr(np, choice))
    for size in (0, 1, 2, 3, 4, 7):
        for in_place in (False, True):
            letters = iter("xyzuvw")
            array = lambda _: symbols(next(letters), size, positive=True)  # noqa: E731, B023 - used at once
            values = {key: made(domain, key, array) for key, domain in stated(theirs.raw).items()}
            values |= {key: symbols(key, positive=True) for key, domain in stated(theirs.raw).items() if domain.kind == "number"}
            values |= {key: values["largest"] + values[key] for key in values if key == "norm"}  # above what is allowed
            answer = symbols("g", size)
            if name in GRADIENTS:
                values["gradient"] = lambda point: answer  # noqa: B023 - used at once
            wanted = [one for one in leaves(theirs.raw(**values)) if np.ndim(one)]
            given = values | {"gradient": answer} if name in GRADIENTS else values
            got = in_plain_python(name, *ours.kernel.derived.taken(*given.values()), parallel=parallel, in_place=in_place)
            assert all(judge(one, other).verdict is Verdict.HOLDS for one, other in zip(got, wanted, strict=True))


@pytest.mark.parametrize("parallel", [False, True])
@every(*[name for name in KERNELS if "rprop" in name and name not in GRADIENTS])
def test_the_kernels_own_code_takes_the_references_branches(name, parallel):
    """Where it chooses, exact fractions of every sign take the place of symbols."""
    ours, theirs = KERNELS[name]
    grid = [np.array([Fraction(i, 4) for i in one.ravel()], object) for one in np.meshgrid(*[[-2, 0, 1]] * len(lanes(name, call(name, 1))))]
    signs = iter(grid)
    array = lambda domain: np.array([abs(one) for one in next(signs)], object) if domain.limits else next(signs)  # noqa: E731
    values = {key: made(domain, key, array) for key, domain in stated(theirs.raw).items()}
    values = mapped(values, lambda one: one.astype(float))
    wanted = lanes(name, theirs.raw(**values))
    got = in_plain_python(name, *ours.kernel.derived.taken(*values.values()), parallel=parallel, in_place=False)
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(one.astype(float), other)


@every(*GRADIENTS)
def test_a_gradient_of_another_dtype_is_refused(name):
    for step in KERNELS[name]:
        with pytest.raises(TypeError, match=rf"^{name}\(\): gradient\(…\) must be a float32 array like its argument, got a float64 array$"):
            step(**call(name, 3) | {"gradient": lambda point: point.astype(np.float64)})


@every(*GRADIENTS)
def test_the_point_that_is_asked_about_is_the_references(name):
    ours, theirs = KERNELS[name]
    asked, letters = [], iter("xyz")
    values = {key: made(domain, key, lambda domain: symbols(next(letters), 3, positive=True)) for key, domain in stated(theirs.raw).items()}
    theirs.raw(**values | {"gradient": lambda point: asked.append(point) or point})
    derived = ours.point.derived
    old, read, numbers = derived.taken(*values.values())
    constants, _ = derived.constants(*numbers)
    got = [derived.entry(*entries, *constants)[0] for entries in zip(*old, *read, strict=True)]
    assert all(judge(one, other).verdict is Verdict.HOLDS for one, other in zip(got, asked[0], strict=True))


DIGEST = """
import hashlib, sys, numba
sys.path.insert(0, {folder!r})
from tests.fast.test_elementwise import KERNELS, call, leaves
total = hashlib.sha256()
for name, (kernel, _) in KERNELS.items():
    for dtype in ("float32", "float64"):
        for size in (1000, 70001):
            for one in leaves(kernel(**call(name, size, dtype, seed=1))):
                total.update(one.tobytes() if hasattr(one, "tobytes") else repr(one).encode())
print(numba.get_num_threads(), total.hexdigest())
"""


def test_bits_do_not_depend_on_the_number_of_threads():
    before, digests = numba.get_num_threads(), set()
    try:
        for threads in range(1, before + 1):
            numba.set_num_threads(threads)
            results = [KERNELS[name][0](**call(name, 300007, dtype)) for name in KERNELS for dtype in DTYPES]
            digests.add(str([[hash(one.tobytes()) for one in lanes("", result)] for result in results]))
    finally:
        numba.set_num_threads(before)
    assert len(digests) == 1


def test_bits_do_not_depend_on_the_process():
    seen = set()
    folder = str(importlib.import_module("pathlib").Path(__file__).parents[2])
    for threads in ("1", "4"):
        environment = {**os.environ, "NUMBA_NUM_THREADS": threads}
        code = DIGEST.format(folder=folder)
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        count, digest = run.stdout.split()
        assert count == threads
        seen.add(digest)
    assert len(seen) == 1
