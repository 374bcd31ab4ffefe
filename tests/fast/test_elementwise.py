"""The elementwise kernels are the reference: bit for bit, symbol for symbol, refusal for refusal."""

import dataclasses
import importlib
import itertools
import os
import subprocess
import sys
import typing
from fractions import Fraction
from types import FunctionType
from unittest.mock import patch

import numpy as np
import pytest
import sympy as sp
from trainspec.fast import configure
from trainspec.fast._elementwise import loops
from trainspec.fast._jit import FINITE, specialize
from trainspec.fast._threads import WORKERS
from trainspec.reference import domains as annotations
from trainspec.reference import tree_leaves
from trainspec.reference._special import erf as reference_erf
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import Verdict, symbols
from trainspec.spec.evidence import judge

from ..support.kernels import (
    BAD_ARRAYS,
    BAD_NUMBERS,
    DTYPES,
    ELEMENTWISE,
    GIVEN_GRADIENT,
    LAYOUTS,
    PER_CHUNK,
    ROUNDED_OTHERWISE,
    WITH_GRADIENT_FUNCTION,
    all_finite,
    arrays_of,
    assert_identical,
    assert_same_signature,
    backwards,
    bit_patterns,
    build_argument,
    elementwise_call,
    expected,
    expected_outcome,
    expected_validated,
    gradient_function,
    in_format,
    in_place_out,
    map_arrays,
    outcome,
    read_only,
    strided,
    unaligned,
)

pytestmark = pytest.mark.sampled(2)

# formulas that choose by sign or by `where`, of which symbols know nothing: they take fractions
BRANCHING = [name for name in GIVEN_GRADIENT if {"where", "sign"} & set(ELEMENTWISE[name][1].raw.__code__.co_names)]

CORRECTED = [name for name in ROUNDED_OTHERWISE if "state" in domains(ELEMENTWISE[name][1].raw)]  # by divisions, which are multiplications
FUNCTIONS = {  # what the kernels' own functions are, of symbols and of NumPy's numbers
    **{"exp": np.exp, "tanh": np.tanh, "erf": reference_erf, "softplus": lambda z: np.logaddexp(0, z)},
    "logistic": lambda z: np.exp(-np.logaddexp(0, -z)),
}


def every(*names):
    return pytest.mark.parametrize("name", names or list(ELEMENTWISE))


@every()
def test_signature_is_the_references_and_out(name):
    ours, theirs = ELEMENTWISE[name]
    assert_same_signature(ours, theirs)
    home = vars(importlib.import_module(theirs.__module__))
    hints = typing.get_type_hints(ours, {**vars(annotations), **home, "Out": object}, include_extras=True)
    assert hints.pop("out") is object
    assert hints == typing.get_type_hints(theirs.raw, {**vars(annotations), **home}, include_extras=True)


@pytest.mark.sampled(9)
@pytest.mark.parametrize("dtype", DTYPES)
@every()
def test_bits_are_the_references_at_every_size(name, dtype):
    ours, _ = ELEMENTWISE[name]
    threads = ours.kernel.parallel_from_bytes // np.dtype(dtype).itemsize
    borders = [edge + step for edge in (PER_CHUNK[dtype], threads, threads + PER_CHUNK[dtype]) for step in (-1, 0, 1)]
    for size in [*range(18), 1000, *borders, 3 * threads + 7]:
        values = elementwise_call(name, size, dtype, seed=size)
        assert_identical(ours(**values), expected(name, values))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", DTYPES)
@every(*CORRECTED)
def test_reciprocals_change_the_step_alone_and_by_little(name, dtype):
    """Relative to the step: 1 eps by the reciprocals in m̂ and half of it in v̂ under its root, and what rounding either way adds."""
    ours, theirs = ELEMENTWISE[name]
    eps = np.finfo(dtype).eps
    for t in (0, 1, 3, 1000):
        values = map_arrays(elementwise_call(name, 100_000, dtype, seed=t), np.abs)  # no mean cancels
        values["state"] = values["state"]._replace(t=t)
        got, wanted = ours(**values), theirs(**values)
        assert bit_patterns(got[1]) == bit_patterns(wanted[1])
        start, mine, other = (array.astype(np.float64) for array in (values["theta"], got[0], wanted[0]))
        off = np.abs(mine - other)
        assert np.any(off)
        assert np.all(off <= eps * (np.abs(other) + 7 * np.abs(other - start)))


@pytest.mark.sampled(10)
@pytest.mark.parametrize("dtype", DTYPES)
@every()
def test_bits_are_the_references_in_every_shape(name, dtype):
    ours, _ = ELEMENTWISE[name]
    for shape in [(), (1,), (0,), (3, 0, 2), (1, 1), (2, 3), (4, 5, 6), (300, 300)]:
        values = elementwise_call(name, shape, dtype)
        assert_identical(ours(**values), expected_validated(name, values))
        assert_identical(ours(**values), expected(name, values))


@pytest.mark.sampled(4)
@every()
def test_numbers_of_any_type_are_taken_as_the_reference_takes_them(name):
    ours, theirs = ELEMENTWISE[name]
    numbers = [key for key, domain in domains(theirs.raw).items() if domain.kind == "number"]
    for number in numbers:
        for value in (1, 0, np.float32(0.5), np.float64(0.75), np.int64(2), np.array(0.25)):
            values = elementwise_call(name, 5, **{number: value})
            assert outcome(ours, values) == expected_outcome(name, values)


@pytest.mark.sampled(4)
@every()
def test_python_floats_are_arrays_without_axes(name):
    ours, _ = ELEMENTWISE[name]
    values = map_arrays(elementwise_call(name, (), np.float64), float)
    assert_identical(ours(**values), expected_validated(name, values))


@pytest.mark.sampled(3)
@every()
def test_zeros_signs_and_subnormals(name):
    ours, theirs = ELEMENTWISE[name]
    for dtype in DTYPES:
        tiny = np.finfo(dtype).smallest_subnormal
        values = np.array([0.0, -0.0, tiny, -3 * tiny, np.finfo(dtype).smallest_normal, 1.0, -1.0], dtype)
        count = len(arrays_of(elementwise_call(name, 1, dtype)))
        grid = iter(np.ascontiguousarray(array).ravel() for array in np.meshgrid(*[values] * count))
        nonnegative = lambda domain, grid=grid: np.abs(next(grid)) if domain.limits else next(grid)  # noqa: E731
        point = {key: build_argument(domain, key, nonnegative) for key, domain in domains(theirs.raw).items()}
        assert_identical(ours(**point), expected(name, point))


@pytest.mark.sampled(5)
@pytest.mark.parametrize("layout", LAYOUTS)
@every()
def test_any_layout(name, layout):
    ours, _ = ELEMENTWISE[name]
    for dtype in DTYPES:
        for shape in [(5,), (6, 8), (300, 200)]:
            values = elementwise_call(name, shape, dtype)
            turned = map_arrays(values, LAYOUTS[layout])
            got = ours(**turned)
            assert_identical(map_arrays(got, np.ascontiguousarray), map_arrays(expected(name, values), np.ascontiguousarray))
            given = arrays_of(turned)
            assert all(array.flags.writeable and not any(np.shares_memory(array, other) for other in given) for array in arrays_of(got))


@every()
def test_big_endian(name):
    ours, _ = ELEMENTWISE[name]
    for dtype in DTYPES:
        values = elementwise_call(name, 100, dtype)
        wanted = bit_patterns(ours(**values))  # machine code for native arrays is there by now, and must not take these
        swapped = map_arrays(values, lambda array: array.astype(array.dtype.newbyteorder(">")))
        assert bit_patterns(ours(**swapped)) == wanted
        ours(**swapped, out=(written := in_place_out(name, swapped)))
        assert [array.astype(dtype).tobytes() for array in arrays_of(written)] == [array[2] for array in wanted if isinstance(array, tuple)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("dtype", DTYPES)
@every()
def test_out_takes_the_result(name, dtype):
    ours, _ = ELEMENTWISE[name]
    for shape in [7, 9000, 70000, (30, 4), (300, 300), (0,)]:
        values = elementwise_call(name, shape, dtype)
        wanted = bit_patterns(expected(name, values))
        fresh = map_arrays(in_place_out(name, values), np.empty_like)
        got = ours(**values, out=fresh)
        assert bit_patterns(got) == wanted
        assert all(array is other for array, other in zip(arrays_of(got), arrays_of(fresh), strict=True))
        assert bit_patterns(values.get("theta", 0)) == bit_patterns(elementwise_call(name, shape, dtype).get("theta", 0))
        for view in (lambda array: array, lambda value: value[...]):
            copy = map_arrays(values, np.copy)
            place = map_arrays(in_place_out(name, copy), view)
            assert bit_patterns(ours(**copy, out=place)) == wanted
            assert [array.tobytes() for array in arrays_of(place)] == [array[2] for array in wanted if isinstance(array, tuple)]


@every()
def test_valid_calls_take_the_fast_path(name, monkeypatch):
    ours, _ = ELEMENTWISE[name]
    values = elementwise_call(name, 100)
    wanted = ours(**values)  # compiled by now
    monkeypatch.setattr(ours.kernel, "slow_path", lambda *_: pytest.fail("the slow path was taken"))
    assert_identical(ours(**values), wanted)
    ours(**values, out=in_place_out(name, values))


@every(*[name for name in ELEMENTWISE if type(in_place_out(name, elementwise_call(name, 1))) is tuple])
def test_each_part_of_out_may_be_missing(name):
    ours, _ = ELEMENTWISE[name]
    values = elementwise_call(name, 50)
    wanted, whole = bit_patterns(expected(name, values)), in_place_out(name, map_arrays(values, np.copy))
    for missing in range(len(whole)):
        out = tuple(None if i == missing else array for i, array in enumerate(in_place_out(name, map_arrays(values, np.copy))))
        got = ours(**values, out=out)
        assert bit_patterns(got) == wanted
        assert all(
            array is other for i, (array, other) in enumerate(zip(got, out, strict=True)) if isinstance(other, np.ndarray) and i != missing
        )


@every()
def test_out_of_any_layout(name):
    ours, _ = ELEMENTWISE[name]
    for change in (strided, unaligned, np.asfortranarray, backwards):
        values = map_arrays(elementwise_call(name, (6, 8)), change)
        wanted = map_arrays(expected(name, values), np.copy)
        got = ours(**values, out=in_place_out(name, values))
        assert [np.ascontiguousarray(array).tobytes() for array in arrays_of(got)] == [
            np.ascontiguousarray(array).tobytes() for array in arrays_of(wanted)
        ]


@every()
def test_columns_of_one_matrix_are_apart(name):
    ours, _ = ELEMENTWISE[name]
    drawn = elementwise_call(name, 10)
    columns = iter(np.stack(arrays_of(drawn), axis=1).T)
    values = map_arrays(drawn, lambda _: next(columns))
    wanted = bit_patterns(map_arrays(expected(name, values), np.ascontiguousarray))
    assert bit_patterns(map_arrays(ours(**values, out=in_place_out(name, values)), np.ascontiguousarray)) == wanted


@every()
def test_inputs_may_be_one_array(name):
    ours, _ = ELEMENTWISE[name]
    one = np.abs(arrays_of(elementwise_call(name, 100))[0])
    values = map_arrays(elementwise_call(name, 100), lambda _: one)
    assert_identical(ours(**values), expected(name, values))


@pytest.mark.parametrize("size", [6, 40000])
@every(*GIVEN_GRADIENT)
def test_out_is_refused_and_nothing_written(name, size):
    ours, _ = ELEMENTWISE[name]
    values = elementwise_call(name, size)
    before = bit_patterns(tuple(values.values()))
    ours(**values)  # compiled by now: the quick path must refuse too
    whole = in_place_out(name, values)
    first = arrays_of(whole)[0]
    others = [array for array in arrays_of(values) if array is not first]
    cases = [
        (lambda array: array.astype(np.float64), TypeError, "float64 array"),
        (lambda array: array[:-1].copy(), ValueError, "shape"),
        (lambda array: array[None].copy(), ValueError, "shape"),
        (lambda array: array.view(np.memmap), TypeError, "memmap|array"),
        (read_only, ValueError, "a read-only array"),
        (lambda array: array[::-1], ValueError, "memory of"),
        (lambda array: [0.0] * array.size, TypeError, "list"),
        *((lambda _, other=other: other, ValueError, "memory of") for other in others),
    ]
    for change, error, message in cases:
        for which in range(len(arrays_of(whole))):
            seen = iter(range(99))
            out = map_arrays(whole, lambda array: change(array) if next(seen) == which else array)  # noqa: B023 - used at once
            if which and change.__defaults__ and change.__defaults__[0] is arrays_of(whole)[which]:
                continue  # what it replaces
            with pytest.raises(error, match=rf"{name}\(\): out.*{message}"):
                ours(**values, out=out)
            assert bit_patterns(tuple(values.values())) == before
    for out in ([whole], (whole, whole, whole), ()):
        with pytest.raises((TypeError, ValueError), match=rf"{name}\(\): out"):
            ours(**values, out=out)


@every(*GIVEN_GRADIENT)
def test_partial_overlap_is_refused(name):
    ours, _ = ELEMENTWISE[name]
    memory = np.random.default_rng(0).random(2000, np.float32)  # every domain allows numbers from 0 to 1
    starts = iter(range(0, 2000, 100))
    values = map_arrays(elementwise_call(name, 90), lambda array: memory[(start := next(starts)) : start + 90])
    before = memory.tobytes()
    for position in range(0, 100 * len(arrays_of(values)), 100):
        for shift in (-89, -1, 1, 50, 89):
            if position + shift < 0:
                continue
            fresh = itertools.chain([memory[position + shift : position + shift + 90]], (np.empty(90, np.float32) for _ in range(9)))
            out = map_arrays(in_place_out(name, values), lambda _, fresh=fresh: next(fresh))
            with pytest.raises(ValueError, match=rf"{name}\(\): out.*, got memory of"):
                ours(**values, out=out)
            assert memory.tobytes() == before


@every()
def test_bad_arrays_are_refused_as_by_the_reference(name):
    ours, _ = ELEMENTWISE[name]
    ours(**elementwise_call(name, 4))
    for case, change in BAD_ARRAYS.items():
        for which in range(len(arrays_of(elementwise_call(name, 4)))):
            seen = iter(range(99))
            values = map_arrays(elementwise_call(name, 4), lambda array: change(array) if next(seen) == which else array)  # noqa: B023 - used at once
            assert outcome(ours, values) == expected_outcome(name, values), (case, which)


def renumbered(values, key, number):
    """The call with one of its numbers changed, a state's by `state.t`."""
    owner, _, field = key.partition(".")
    return values | {owner: values[owner]._replace(**{field: number}) if field else number}


SATURATING = {"swish", "swish_slope", "swiglu_clamped", "softplus_linear_above"}  # their exponentials know their limits


def is_known_beyond_the_format(name, values, got):
    """Whether an error, or what float64 makes of the same call, stands where the reference finds an infinity on its way."""
    wide = outcome(ELEMENTWISE[name][1], in_format(values, np.float64))
    if name not in SATURATING or isinstance(wide, tuple):
        return False
    if isinstance(got, tuple):
        return got[0] is ValueError
    due, result = (np.frombuffer(bits, dtype).astype(np.float64) for _, dtype, bits in (*wide, *got))
    return bool(np.all(np.abs(result - due) <= 4 * np.finfo(np.float32).eps * np.abs(due)))


@every()
def test_bad_numbers_are_refused_as_by_the_reference(name):
    ours, _ = ELEMENTWISE[name]
    ours(**elementwise_call(name, 4))
    for key in ours.kernel.ir.numbers:
        for number in BAD_NUMBERS:
            values = renumbered(elementwise_call(name, 4), key, number)
            got, wanted = outcome(ours, values), expected_outcome(name, values)
            assert got == wanted or (number == 1e300 and is_known_beyond_the_format(name, values, got)), (key, number)


@every()
def test_a_state_must_be_one(name):
    ours, theirs = ELEMENTWISE[name]
    for key, domain in domains(theirs.raw).items():
        if domain.kind == "state":
            for value in (None, tuple(elementwise_call(name, 4)[key]), list(elementwise_call(name, 4)[key])):
                values = elementwise_call(name, 4, **{key: value})
                assert outcome(ours, values) == outcome(theirs, values)


@every()
def test_missing_and_unknown_arguments(name):
    ours, theirs = ELEMENTWISE[name]
    values = elementwise_call(name, 4)
    for wrong in ({key: value for key, value in values.items() if key != next(iter(values))}, {**values, "epsilon": 0.0}):
        for step in (ours, theirs):
            with pytest.raises(TypeError):
                step(**wrong)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("size", [4, 100000])
@every(*GIVEN_GRADIENT)
def test_nonfinite_entries_are_found_anywhere_and_named(name, size):
    ours, theirs = ELEMENTWISE[name]
    for which in range(len(arrays_of(elementwise_call(name, 1)))):
        for bad in (np.nan, np.inf, -np.inf):
            for index in (0, size // 2, size - 1):
                values = elementwise_call(name, size)
                arrays_of(values)[which][index] = bad
                with pytest.raises(ValueError, match=rf"^{name}\(\): .* must .*, got .* at index \({index},\)$") as wanted:
                    theirs(**values)
                assert outcome(ours, values) == (ValueError, str(wanted.value))
                with pytest.raises(ValueError, match=rf"{name}\(\): "):
                    ours(**values, out=in_place_out(name, values))


def test_in_place_the_result_is_held_when_the_error_comes():
    theta, grad, velocity = (np.full(4, value, np.float32) for value in (3e38, -3e38, 0))
    with pytest.raises(ValueError, match=r"heavy_ball\(\): the result is not finite: theta or velocity .* \(out holds the result\)"):
        ELEMENTWISE["heavy_ball"][0](theta, grad, velocity, lr=1.0, momentum=0.5, out=(theta, velocity))
    assert np.all(np.isposinf(theta))
    assert np.all(velocity == np.float32(3e38))


@every()
def test_float16_is_refused(name):
    ours, _ = ELEMENTWISE[name]
    with pytest.raises(TypeError, match=rf"{name}\(\): .* must be a float32 array or a float64 array, got a float16 array"):
        ours(**elementwise_call(name, 4, np.float16))


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
@every(*WITH_GRADIENT_FUNCTION)
def test_bad_gradients_are_refused_as_by_the_reference(name, case):
    ours, theirs = ELEMENTWISE[name]
    values = elementwise_call(name, 4, gradient=ANSWERS[case])
    with pytest.raises((TypeError, ValueError, Thrown)) as wanted:
        theirs(**values)
    for out in (None, map_arrays(in_place_out(name, elementwise_call(name, 4)), np.copy)):
        with pytest.raises(wanted.type) as got:
            ours(**values, out=out)
        assert str(got.value) == str(wanted.value)


@every(*WITH_GRADIENT_FUNCTION)
def test_a_step_is_refused_before_the_gradient_is_asked(name):
    ours, _ = ELEMENTWISE[name]
    for hyper in ({"lr": -1.0}, {"momentum": 1.0}):
        with pytest.raises(ValueError, match=rf"{name}\(\): (lr|momentum)"):
            ours(**elementwise_call(name, 4, gradient=throwing, **hyper))


@every(*WITH_GRADIENT_FUNCTION)
def test_the_gradient_is_asked_once_and_owns_what_it_is_shown(name):
    ours, theirs = ELEMENTWISE[name]

    def asking(seen):
        def gradient(point):
            seen.append(point.copy())
            point[...] = 0
            return np.ones_like(point)

        return gradient

    asked, wanted = [], []
    values = elementwise_call(name, 9)
    before = bit_patterns(tuple(value for value in values.values() if value is not gradient_function))
    assert_identical(ours(**values | {"gradient": asking(asked)}), expected(name, values | {"gradient": np.ones_like}))
    expected(name, values | {"gradient": lambda point: wanted.append(point.copy()) or np.ones_like(point)})
    assert bit_patterns(tuple(asked)) == bit_patterns(tuple(wanted))
    assert bit_patterns(tuple(value for value in values.values() if value is not gradient_function)) == before
    assert theirs.__name__ == name


class SymbolicFunctions:
    sqrt, arctan = staticmethod(sp.sqrt), staticmethod(sp.atan)


def constants_of_symbols(ir):
    """What computes the constants of a kernel from symbols: the numbers that are written in the formula are exact, fractions among them."""
    exact = tuple(
        sp.Rational(Fraction(part).limit_denominator(10**6)) if type(part) in (int, float) else part
        for part in ir.constants.__code__.co_consts
    )
    code = ir.constants.__code__.replace(co_consts=exact)
    names = {"np": SymbolicFunctions, "float": lambda number: number} if ir.own_functions else {}
    return FunctionType(code, ir.constants.__globals__ | names) if names else ir.constants


def in_plain_python(name, old, read, numbers, *, in_place):
    """The kernel's own loops, run by Python over any numbers, six to a chunk: lanes, and a rest."""
    derived = ELEMENTWISE[name][0].kernel.ir
    formula = specialize(derived.update_entry, name, **{part: FUNCTIONS[part] for part in derived.own_functions})
    unwatched = dataclasses.replace(derived, update_entry=formula, out_of_domain=lambda *_: False)
    with patch.object(loops, "any_nonfinite", all_finite):
        pure = loops.kernel_loop(
            unwatched, lambda part: part, CHUNK_BYTES=6 * np.dtype(object).itemsize, cast_all=lambda numbers, _: numbers
        )
    new = old if in_place else tuple(0 * array for array in old)
    constants, _ = constants_of_symbols(derived)(*numbers) if old[0].dtype == object else derived.constants(*numbers)
    assert pure(new, old, read, constants) == FINITE
    return new


@pytest.mark.sampled(12)
@every(*[name for name in ELEMENTWISE if name not in BRANCHING])
def test_the_loops_give_the_references_expressions_on_symbols(name, monkeypatch):
    """Plain Python takes the same loops over symbols: every branch, in place and not. Counts and means stay numbers."""
    ours, theirs = ELEMENTWISE[name]
    for choice in ("maximum", "minimum", "sign", "where"):  # of symbols NumPy's own, which the others are compared with elsewhere
        monkeypatch.setattr(loops, choice, getattr(np, choice))
    for size in (0, 1, 2, 3, 4, 7):
        for in_place in (False, True):
            letters = iter("xyzuvw")
            array = lambda _: symbols(next(letters), size, positive=True)  # noqa: E731, B023 - used at once
            values = {key: build_argument(domain, key, array) for key, domain in domains(theirs.raw).items()}
            values |= {key: symbols(key, positive=True) for key, domain in domains(theirs.raw).items() if domain.kind == "number"}
            values |= {key: values["largest"] + values[key] for key in values if key == "norm"}  # above what is allowed
            values |= {
                key: 1 + values[key] for key in values if key == "decay" and "min" in theirs.raw.__code__.co_names
            }  # above one that grows
            answer = symbols("g", size)
            if name in WITH_GRADIENT_FUNCTION:
                values["gradient"] = lambda point: answer  # noqa: B023 - used at once
            wanted = [tree_leaf for tree_leaf in tree_leaves(theirs.raw(**values)) if np.ndim(tree_leaf)]
            given = values | {"gradient": answer} if name in WITH_GRADIENT_FUNCTION else values
            got = in_plain_python(name, *ours.kernel.ir.unpack_arguments(*given.values()), in_place=in_place)
            assert [array.shape for array in got] == [other.shape for other in wanted]
            assert size == 0 or all(judge(array, other).verdict is Verdict.HOLDS for array, other in zip(got, wanted, strict=True))


@every(*[name for name in ELEMENTWISE if name in BRANCHING])
def test_the_loops_take_the_references_branches_on_fractions(name):
    """Where it chooses, exact fractions of every sign take the place of symbols."""
    ours, theirs = ELEMENTWISE[name]
    grid = [
        np.array([Fraction(i, 4) for i in array.ravel()], object)
        for array in np.meshgrid(*[[-2, 0, 1]] * len(arrays_of(elementwise_call(name, 1))))
    ]
    signs = iter(grid)
    array = lambda domain: np.array([abs(array) for array in next(signs)], object) if domain.limits else next(signs)  # noqa: E731
    values = {key: build_argument(domain, key, array) for key, domain in domains(theirs.raw).items()}
    values = map_arrays(values, lambda array: array.astype(float))
    wanted = arrays_of(theirs.raw(**values))
    got = in_plain_python(name, *ours.kernel.ir.unpack_arguments(*values.values()), in_place=False)
    for value, other in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(value.astype(float), other)


@every(*WITH_GRADIENT_FUNCTION)
def test_a_gradient_of_another_dtype_is_refused(name):
    for step in ELEMENTWISE[name]:
        with pytest.raises(TypeError, match=rf"^{name}\(\): gradient\(…\) must be a float32 array like its argument, got a float64 array$"):
            step(**elementwise_call(name, 3) | {"gradient": lambda point: point.astype(np.float64)})


@every(*WITH_GRADIENT_FUNCTION)
def test_the_point_that_is_asked_about_is_the_references(name):
    ours, theirs = ELEMENTWISE[name]
    asked, letters = [], iter("xyz")
    values = {
        key: build_argument(domain, key, lambda domain: symbols(next(letters), 3, positive=True))
        for key, domain in domains(theirs.raw).items()
    }
    theirs.raw(**values | {"gradient": lambda point: asked.append(point) or point})
    derived = ours.point.ir
    old, read, numbers = derived.unpack_arguments(*values.values())
    constants, _ = derived.constants(*numbers)
    got = [derived.update_entry(*entries, *constants)[0] for entries in zip(*old, *read, strict=True)]
    assert all(judge(array, other).verdict is Verdict.HOLDS for array, other in zip(got, asked[0], strict=True))


DIGEST = """
import hashlib, sys
sys.path.insert(0, {folder!r})
from trainspec.fast._threads import WORKERS
from tests.support.kernels import ELEMENTWISE, elementwise_call, tree_leaves
total = hashlib.sha256()
for name, (kernel, _) in ELEMENTWISE.items():
    for dtype in ("float32", "float64"):
        for size in (1000, 70001):
            for one in tree_leaves(kernel(**elementwise_call(name, size, dtype, seed=1))):
                total.update(one.tobytes() if hasattr(one, "tobytes") else repr(one).encode())
print(WORKERS.count + 1, total.hexdigest())
"""


def test_bits_do_not_depend_on_the_number_of_threads():
    before, digests = WORKERS.count + 1, set()
    try:
        for threads in (1, 2, 3):
            configure(threads=threads)
            results = [ELEMENTWISE[name][0](**elementwise_call(name, 300007, dtype)) for name in ELEMENTWISE for dtype in DTYPES]
            digests.add(str([[hash(array.tobytes()) for array in arrays_of(result)] for result in results]))
    finally:
        configure(threads=before)
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
