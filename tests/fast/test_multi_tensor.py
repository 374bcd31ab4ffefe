"""Many arrays at once are what the reference makes of each; the whole update is its formulas, one after the other."""

import dataclasses
import gc
import importlib
import itertools
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trainspec.fast import adam, adaptive, bind, composed, configure, fused, global_norm, many, momentum, training_step, training_step_of
from trainspec.fast._elementwise import loops, multi_tensor, source
from trainspec.fast._frontend import Frontend
from trainspec.fast._jit import FINITE, source_digest
from trainspec.fast._threads import CHUNK_BYTES, WORKERS
from trainspec.reference import averaging, descent
from trainspec.reference.adam import AdamState
from trainspec.reference.momentum import heavy_ball
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import Ball, Verdict, certified, rounding_bound, symbols
from trainspec.spec.evidence import judge

from ..support.kernels import (
    DTYPES,
    ELEMENTWISE,
    GIVEN_GRADIENT,
    HYPERPARAMETERS,
    PER_CHUNK,
    WITH_GRADIENT_FUNCTION,
    all_finite,
    arrays_of,
    assert_identical,
    bit_patterns,
    elementwise_call,
    errors_in_bounds,
    expected,
    map_arrays,
)

if TYPE_CHECKING:
    from trainspec.reference.domains import Array, Momentum, Rate

WHOLE = {key: HYPERPARAMETERS[key] for key in ("lr", "beta1", "beta2", "eps", "weight_decay", "decay")}


def shapes(dtype):
    """Without axes, without entries, of several axes; on either side of a chunk's end; and enough for threads."""
    chunk = PER_CHUNK[dtype]
    return [(), (1,), (0,), (3, 5), (chunk - 1,), (chunk,), (2, chunk), (3 * chunk + 1,), (40_000,), (3, 0, 2)]


def arguments(name, tensors):
    """The calls of single tensors as one of lists."""
    stated = domains(ELEMENTWISE[name][1].raw)
    return {
        key: [tensor[key] for tensor in tensors] if domain.kind in ("array", "state") else tensors[0][key] for key, domain in stated.items()
    }


def copied(values):
    return [map_arrays(value, np.copy) for value in values]


def assert_steps_are_the_references(name, dtype):
    tensors = [elementwise_call(name, shape, dtype, seed=k) for k, shape in enumerate(shapes(dtype))]
    wanted = [expected(name, tensor) for tensor in tensors]
    step = bind(ELEMENTWISE[name][0], **arguments(name, copied(tensors)))
    step()
    for got, array in zip(step.results, wanted, strict=True):
        assert_identical(got, mapped_numbers(array))


def mapped_numbers(result):
    """A result whose numbers are arrays without axes, as `bind` keeps them."""
    if isinstance(result, tuple):
        parts = [mapped_numbers(array) for array in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    return np.asarray(result) if isinstance(result, np.floating) else result


@pytest.mark.sampled(12)
@pytest.mark.parametrize("name", GIVEN_GRADIENT)
def test_bits_are_the_references(name):
    assert_steps_are_the_references(name, np.float32)


@pytest.mark.parametrize("name", ["adam", "heavy_ball"])
def test_bits_are_the_references_in_float64(name):
    assert_steps_are_the_references(name, np.float64)


def bound_adam(tensors, **changed):
    return bind(adam.adam, **arguments("adam", tensors) | changed)


def test_counts_advance_and_numbers_and_gradients_change_when_they_are_given():
    tensors = [elementwise_call("adam", shape, seed=k) for k, shape in enumerate([(30,), (2, 3)])]
    step, states = bound_adam(copied(tensors)), copied(tensors)
    others = [np.full_like(tensor["grad"], 0.5) for tensor in tensors]
    for changed in ({}, {"lr": 0.5}, {"grad": others}, {"grad": others, "eps": 1}, {}):
        for array, grad in zip(states, changed.get("grad", [value["grad"] for value in states]), strict=True):
            array.update({key: value for key, value in changed.items() if key != "grad"} | {"grad": grad})
            array["theta"], array["state"] = adam.adam(**array)
        step(**changed)
        for got, array in zip(step.results, states, strict=True):
            assert_identical(got, (array["theta"], array["state"]))
    assert [array.t for _, array in step.results] == [HYPERPARAMETERS["t"] + 5] * 2


def test_arrays_are_written_where_they_are_and_kept_alive():
    tensors = [elementwise_call("heavy_ball", 1000, seed=k) for k in range(5)]
    own = arguments("heavy_ball", copied(tensors))
    step = bind(momentum.heavy_ball, **own)
    theta = list(own["theta"])
    del own
    gc.collect()
    [np.empty(1000, np.float32).fill(np.nan) for _ in range(50)]
    step()
    for (got, _), own, tensor in zip(step.results, theta, tensors, strict=True):
        assert got is own
        assert got.tobytes() == expected("heavy_ball", tensor)[0].tobytes()


def whole(shapes, dtype=np.float32, **changed):
    """The arguments of the whole update."""
    one = [elementwise_call("adamw", shape, dtype, seed=k) for k, shape in enumerate(shapes)]
    mean = [np.asarray(-array["theta"], dtype) for array in one]
    own = {key: [each[key] for each in one] for key in ("theta", "grad", "state")}
    return own | {"mean": mean, "largest": 0.5, **WHOLE} | changed


def one_by_one(own):
    """The formulas on each array, with the norm of all."""
    norm = global_norm(own["grad"])
    for theta, grad, state, mean in zip(own["theta"], own["grad"], own["state"], own["mean"], strict=True):
        clipped = descent.clip_by_norm(grad, norm, largest=own["largest"])
        moved, after = adam.adamw(theta, clipped, state, **{key: own[key] for key in WHOLE if key != "decay"})
        yield moved, np.zeros_like(theta), after, averaging.parameter_average(moved, mean, decay=own["decay"])


def duplicate(own):
    return {key: [map_arrays((array,), np.copy)[0] for array in value] if isinstance(value, list) else value for key, value in own.items()}


@pytest.mark.parametrize("largest", [0.5, 1e30])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_whole_update_is_its_formulas_bit_for_bit(dtype, largest):
    own = whole(shapes(dtype), dtype, largest=largest)
    step = bind(training_step, **duplicate(own))
    for _ in range(2):
        wanted = list(one_by_one(own))
        step()
        for got, array in zip(step.results, wanted, strict=True):
            assert bit_patterns(got) == bit_patterns(array)
        own |= {"theta": [array[0] for array in wanted], "state": [value[2] for value in wanted], "mean": [tensor[3] for tensor in wanted]}
        own["grad"] = [array["grad"] for array in [elementwise_call("adamw", shape, dtype, seed=7) for shape in shapes(dtype)]]
        own["state"] = [AdamState(*(np.asarray(part) for part in array[:2]), array.t) for array in own["state"]]
        own |= {key: [np.asarray(array) for array in own[key]] for key in ("theta", "mean")}
        step = bind(training_step, **duplicate(own))


def single(own):
    """The arguments of the plain form for the only tensor of each list."""
    return {key: value[0] if isinstance(value, list) else value for key, value in own.items()}


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_kernel_and_its_plain_form_are_within_the_rounding_bound(dtype):
    own = whole([(300,)], dtype)

    def by_kernel(**values):
        step = bind(training_step, **duplicate(own))
        step()
        return step.results[0]

    for function in (by_kernel, training_step):
        assert max(errors_in_bounds(function, SimpleNamespace(raw=training_step), single(own), dtype)) <= 1
        assert not function(**single(own))[1].any()


WHOLE_UPDATES = [name for name in GIVEN_GRADIENT if list(domains(ELEMENTWISE[name][1].raw))[1:2] == ["grad"]]


@pytest.mark.sampled(6)
@pytest.mark.parametrize("name", WHOLE_UPDATES)
def test_every_step_has_a_whole_update_that_is_its_formulas(name):
    """Where it multiplies by reciprocals, compared with the kernel's own formula in NumPy; else with the reference."""
    update = training_step_of(ELEMENTWISE[name][0])
    tensors = [elementwise_call(name, shape, seed=k) for k, shape in enumerate([(30,), (2, 3), (40_000,)])]
    whole_updates = [
        values | {"average": np.ones_like(next(iter(values.values()))), "max_norm": 2.0, "average_decay": 0.75} for values in tensors
    ]
    is_list = {key: isinstance(value, np.ndarray | tuple) for key, value in whole_updates[0].items()}
    copies = copied(whole_updates)
    step = bind(update, **{key: [values[key] for values in copies] if listed else copies[0][key] for key, listed in is_list.items()})
    step()
    norm = global_norm([values["grad"] for values in tensors])
    for got, values in zip(step.results, tensors, strict=True):
        clipped = descent.clip_by_norm(values["grad"], norm, largest=2.0)
        result = expected(name, values | {"grad": clipped})
        point, *states = result if isinstance(result, tuple) else (result,)
        average = averaging.parameter_average(point, np.ones_like(point), decay=0.75)
        assert_identical(got, (point, np.zeros_like(clipped), *states, average))


def test_the_plain_form_of_a_whole_update_is_its_formulas():
    values = elementwise_call("rmsprop", 9)
    got = training_step_of(adaptive.rmsprop)(**values, average=np.ones(9, np.float32), max_norm=2.0, average_decay=0.75)
    clipped = descent.clip_by_norm(values["grad"], descent.global_norm(values["grad"]), largest=2.0)
    point, mean_sq = ELEMENTWISE["rmsprop"][1](**values | {"grad": clipped})
    average = averaging.parameter_average(point, np.ones(9, np.float32), decay=0.75)
    assert_identical(got, (point, np.zeros_like(clipped), mean_sq, average))


def test_a_whole_update_needs_a_step_that_takes_a_gradient():
    for step in (ELEMENTWISE["nesterov"][0], ELEMENTWISE["polyak_average"][0], descent.gradient_descent):
        with pytest.raises(TypeError, match=r"training_step_of\(\): step must be an elementwise kernel"):
            training_step_of(step)


def test_old_names_warn():
    with pytest.warns(DeprecationWarning, match="bind"):
        many(momentum.heavy_ball, **three())
    with pytest.warns(DeprecationWarning, match="fused"):
        composed()(twice)


def in_plain_python(kernel, columns, numbers, norms=()):
    """The kernel's own loop over symbols, two to a piece, in place."""
    table = np.empty((len(columns), len(columns[0])), object)
    for row, column in enumerate(columns):
        for k, array in enumerate(column):
            table[row, k] = array
    pieces = [(k, start, min(start + 2, len(array))) for k, array in enumerate(columns[0]) for start in range(0, len(array), 2)]
    ir = dataclasses.replace(kernel.ir, out_of_domain=lambda *_: False)
    with patch.object(loops, "any_nonfinite", all_finite):
        pure = multi_tensor.kernel_loop(ir, lambda part: part, cast_all=lambda numbers, _: numbers)
    constants, _ = kernel.ir.constants(*numbers, *norms)
    yield pure(table, pieces, None, constants)


@pytest.mark.parametrize("name", ["adam", "heavy_ball", "adadelta"])
def test_the_loop_gives_the_references_expressions(name):
    ours, theirs = ELEMENTWISE[name]
    tensors, letters = [], iter("abcdefghijklmnopqrstuvwxyz")
    for size in (3, 0, 1):
        array = lambda _: symbols(next(letters), size, positive=True)  # noqa: E731, B023 - used at once
        values = {
            key: domain.hint(*(array(0) if part.kind == "array" else HYPERPARAMETERS[field] for field, part in domain.fields.items()))
            if domain.kind == "state"
            else array(0)
            if domain.kind == "array"
            else symbols(key, positive=True)
            for key, domain in domains(theirs.raw).items()
        }
        tensors.append(values)
    wanted = [list(lanes_of(theirs.raw(**values))) for values in tensors]
    taken = [ours.kernel.ir.unpack_arguments(*values.values()) for values in tensors]
    columns = list(zip(*[(*old, *read) for old, read, _ in taken], strict=True))
    assert next(in_plain_python(ours.kernel, columns, taken[0][2])) == FINITE
    for (old, _, _), result in zip(taken, wanted, strict=True):
        assert [array.shape for array in old] == [other.shape for other in result]
        assert all(judge(array, other).verdict is Verdict.HOLDS for array, other in zip(old, result, strict=True) if array.size)


def lanes_of(result):
    """The symbolic arrays of a result, in order."""
    for array in result if isinstance(result, tuple) else (result,):
        if isinstance(array, tuple):
            yield from lanes_of(array)
        elif np.ndim(array):
            yield array


@pytest.mark.parametrize("clipped", [False, True])
def test_the_whole_update_is_the_composition_symbol_for_symbol(clipped):
    """Of one entry the norm is its modulus: below what is allowed, and above."""
    kernel, number = training_step.kernel, symbols("largest", positive=True)
    excess = symbols("x", 1, positive=True)
    grad = number + excess if clipped else excess
    theta, m, v, mean = symbols("t", 1), symbols("m", 1), symbols("v", 1, positive=True), symbols("e", 1)
    hyper = {key: symbols(key, positive=True) for key in WHOLE} | {"largest": number if clipped else number + excess[0]}
    wanted = list(lanes_of(training_step(theta, grad, AdamState(m, v, 2), mean, **hyper)))
    columns = [[array] for array in (theta, grad, m, v, mean)]
    numbers = [2 if key == "state.t" else hyper[key] for key in kernel.ir.numbers]
    assert next(in_plain_python(kernel, columns, numbers, [grad[0]])) == FINITE
    del columns[1], wanted[1]
    assert all(judge(column[0], other).verdict is Verdict.HOLDS for column, other in zip(columns, wanted, strict=True))
    assert grad[0] == 0


def twice(theta: "Array", grad: "Array", velocity: "Array", *, lr: "Rate", momentum: "Momentum") -> "tuple[Array, Array]":
    theta, velocity = heavy_ball(theta, grad, velocity, lr=lr, momentum=momentum)
    theta, velocity = heavy_ball(theta, grad, velocity, lr=lr, momentum=momentum)
    return theta, velocity


def test_formulas_that_are_called_keep_names_of_their_own():
    """Two steps at the same gradient."""
    values = elementwise_call("heavy_ball", 50)
    step = bind(fused()(twice), **{key: [value.copy()] if np.ndim(value) else value for key, value in values.items()})
    step()
    assert_identical(step.results[0], twice(**values))


# --- the norm --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4), seed=st.integers(0, 99), scale=st.integers(-8, 8))
@settings(max_examples=20, deadline=None)
def test_the_norm_is_within_the_rounding_bound_of_the_certified_one(dtype, sizes, seed, scale):
    rng = np.random.default_rng(seed)
    grads = [(rng.standard_normal(size) * 10.0**scale).astype(dtype) for size in sizes]
    together = np.concatenate(grads)
    off = np.abs(Ball(global_norm(grads)) - certified(descent.global_norm.raw, together, dtype=dtype))
    assert bool(off <= rounding_bound(descent.global_norm.raw, together, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_entry_enters_the_norm_once(dtype):
    """Sums of small whole numbers are exact in any order."""
    grads = [np.ones(shape, dtype) for shape in shapes(dtype)]
    count = sum(grad.size for grad in grads)
    assert global_norm(grads) == dtype(np.sqrt(count))
    for grad in grads:
        for index in {0, grad.size // 2, grad.size - 1} if grad.size else ():
            grad.reshape(-1)[index] = 1000
            assert global_norm(grads) == dtype(np.sqrt(count - 1 + 10**6))
            grad.reshape(-1)[index] = 1


def test_no_square_overflows_where_the_norm_does_not():
    assert global_norm([np.full(4, 1e25, np.float32)]) == np.float32(2e25)
    with pytest.raises(ValueError, match=r"global_norm\(\): the norm of grad overflows"):
        global_norm([np.full(4, 3e38, np.float32)])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_norm_that_is_not_finite_stops_the_update_before_anything_is_written(bad):
    own = whole([(5,), (2, 3)])
    own["grad"][1][1, 2] = bad
    before = bit_patterns(tuple(own["theta"] + own["mean"]))
    with pytest.raises(ValueError, match=r"training_step\(\): grad\[1\] must be finite, got (nan|inf) at index \(1, 2\)"):
        bind(training_step, **own)()
    assert bit_patterns(tuple(own["theta"] + own["mean"])) == before


# --- determinism -----------------------------------------------------------------------------------------------------------------------

DIGEST = """
import hashlib, sys
sys.path.insert(0, {folder!r})
from trainspec.fast._threads import WORKERS
from tests.fast.test_multi_tensor import digest
print(WORKERS.count + 1, digest())
"""


def digest():
    """All that comes of two steps of the whole update and of Adam."""
    hashed = importlib.import_module("hashlib").sha256()
    for dtype in DTYPES:
        own = whole(shapes(dtype), dtype)
        hashed.update(global_norm(own["grad"]).tobytes())
        tensors = [elementwise_call("adam", shape, dtype, seed=k) for k, shape in enumerate(shapes(dtype))]
        for step in (bind(training_step, **own), bound_adam(tensors)):
            step()
            step()
            for array in arrays_of(tuple(step.results)):
                hashed.update(array.tobytes())
    return hashed.hexdigest()


def test_bits_do_not_depend_on_the_number_of_threads():
    before = WORKERS.count + 1
    try:
        found = set()
        for threads in (1, 2, 3):
            configure(threads=threads)
            found.add(digest())
    finally:
        configure(threads=before)
    assert len(found) == 1


def test_bits_do_not_depend_on_the_process():
    seen = {digest()}
    code = DIGEST.format(folder=str(Path(__file__).parents[2]))
    for threads in ("1", "3"):
        environment = {**os.environ, "NUMBA_NUM_THREADS": threads}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        count, found = run.stdout.split()
        assert count == threads
        seen.add(found)
    assert len(seen) == 1


# --- refusals --------------------------------------------------------------------------------------------------------------------------


def set_read_only(one):
    one.flags.writeable = False
    return one


REFUSED = {
    "no list": (lambda theta: theta[0], TypeError, "theta must be a list or a tuple of arrays, got a float32 array"),
    "nothing": (lambda theta: [], ValueError, "theta must have at least one array, got an empty list"),
    "one too few": (lambda theta: theta[1:], ValueError, "velocity must have 2 arrays like theta, got a list of 3"),
    "integers": (lambda theta: [array.astype(int) for array in theta], TypeError, r"theta\[0\] must be a float32 array or a float64 array"),
    "float16": (lambda theta: [array.astype(np.float16) for array in theta], TypeError, r"theta\[0\] must be .*, got a float16 array"),
    "big-endian": (lambda theta: [array.astype(">f4") for array in theta], TypeError, r"theta\[0\] must be .* in native byte order, got a"),
    "another dtype": (
        lambda theta: [*theta[:2], theta[2].astype(float)],
        TypeError,
        r"theta\[2\] must be a float32 array, got a float64 array",
    ),
    "a subclass": (lambda theta: [*theta[:2], theta[2].view(np.memmap)], TypeError, r"theta\[2\] must be a float32 array, got memmap"),
    "numbers": (lambda theta: [1.0, *theta[1:]], TypeError, r"theta\[0\] must be a float32 array or .*, got 1.0 \(float\)"),
    "another shape": (
        lambda theta: [*theta[:2], theta[2].reshape(3, 2)],
        ValueError,
        r"velocity\[2\] must have shape \(3, 2\), got \(2, 3\)",
    ),
    "gaps": (
        lambda theta: [np.zeros(8, np.float32)[::2], *theta[1:]],
        ValueError,
        r"theta\[0\] must be C-contiguous and aligned, got an array",
    ),
    "unaligned": (
        lambda theta: [np.zeros(17, np.uint8)[1:].view(np.float32), *theta[1:]],
        ValueError,
        r"theta\[0\] must be C-contiguous and aligned, got an array with gaps or unaligned",
    ),
    "read-only": (lambda theta: [*theta[:2], set_read_only(theta[2])], ValueError, r"theta\[2\] must be writeable, got a read-only array"),
}


def three(**changed):
    tensors = [elementwise_call("heavy_ball", shape, seed=k) for k, shape in enumerate([(4,), (1,), (2, 3)])]
    return arguments("heavy_ball", tensors) | changed


@pytest.mark.parametrize("case", REFUSED)
def test_lists_are_refused(case):
    change, error, words = REFUSED[case]
    own = three()
    own["theta"] = change(own["theta"])
    with pytest.raises(error, match=rf"heavy_ball\(\): {words}"):
        bind(momentum.heavy_ball, **own)


def test_memory_that_is_updated_is_used_once():
    """Every overlap but that of arrays that are only read, wherever the arrays lie."""
    memory = np.zeros(400, np.float32)
    places = [(lane, k) for lane in ("theta", "grad", "velocity") for k in range(3)]
    for (array, k), (other, j) in itertools.permutations(places, 2):
        for shift in (-3, 0, 3):
            own = {
                lane: [memory[start : start + 4] for start in range(first, first + 120, 40)]
                for lane, first in (("theta", 240), ("grad", 0), ("velocity", 120))
            }
            start = (own[other][j].ctypes.data - memory.ctypes.data) // 4 + shift
            if start < 0:
                continue
            own[array][k] = memory[start : start + 4]
            hyper = {"lr": 0.1, "momentum": 0.5}
            if array == other == "grad":
                bind(momentum.heavy_ball, **own, **hyper)
                continue
            with pytest.raises(ValueError, match=r"heavy_ball\(\): \w+\[\d\] must have memory of its own, got memory of \w+\[\d\]"):
                bind(momentum.heavy_ball, **own, **hyper)
            if array == "grad":
                fresh = [np.ones(4, np.float32) for _ in range(3)]
                step = bind(momentum.heavy_ball, **own | {"grad": fresh}, **hyper)
                with pytest.raises(ValueError, match=r"heavy_ball\(\): \w+\[\d\] must have memory of its own, got memory of \w+\[\d\]"):
                    step(grad=own["grad"])
                step()
                assert all(np.all(array == np.float32(-0.1)) for array in own["velocity"])
                memory[:] = 0


def test_numbers_are_refused_as_by_the_reference_and_the_old_ones_stay():
    own = three()
    step = bind(momentum.heavy_ball, **own)
    for key, number in (("lr", -1.0), ("lr", "0.1"), ("momentum", 1.0), ("lr", np.nan), ("lr", True)):
        with pytest.raises((TypeError, ValueError)) as wanted:
            ELEMENTWISE["heavy_ball"][1](**elementwise_call("heavy_ball", 4) | {key: number})
        for attempt in (lambda: step(**{key: number}), lambda: bind(momentum.heavy_ball, **three(**{key: number}))):  # noqa: B023 - used at once
            with pytest.raises(wanted.type) as got:
                attempt()
            assert str(got.value) == str(wanted.value)
    results = [
        expected("heavy_ball", {key: value[k] if isinstance(value, list) else value for key, value in duplicate(own).items()})
        for k in range(3)
    ]
    step(lr=np.float64(HYPERPARAMETERS["lr"]))
    assert bit_patterns(tuple(step.results)) == bit_patterns(tuple(results))


def test_states_must_be_alike():
    tensors = [elementwise_call("adam", 3) for _ in range(2)]
    own = arguments("adam", tensors)
    with pytest.raises(ValueError, match=r"adam\(\): state\[1\].t must be 3 like state\[0\].t, got 5"):
        bind(adam.adam, **own | {"state": [own["state"][0], own["state"][1]._replace(t=5)]})
    for wrong in (own["state"][0], [tuple(array) for array in own["state"]], None):
        with pytest.raises(TypeError, match=r"adam\(\): state must be a list of AdamState, got"):
            bind(adam.adam, **own | {"state": wrong})


def test_arguments_are_those_of_the_formula():
    own = three()
    for wrong in ({key: value for key, value in own.items() if key != "grad"}, own | {"epsilon": 0.0}):
        with pytest.raises(TypeError):
            bind(momentum.heavy_ball, **wrong)
    with pytest.raises(TypeError, match=r"heavy_ball\(\): epsilon cannot be replaced; these can: theta, grad, velocity, lr, momentum"):
        bind(momentum.heavy_ball, **own)(epsilon=0.0)
    for step in (descent.gradient_descent, np.add, *(ELEMENTWISE[name][0] for name in WITH_GRADIENT_FUNCTION)):
        with pytest.raises(TypeError, match=r"bind\(\): .*(one of trainspec.fast|gradient function)"):
            bind(step, **own)


@pytest.mark.parametrize("name", ["adam", "heavy_ball", "parameter_average"])
def test_nonfinite_entries_are_found_anywhere_and_named(name):
    sizes = [3, 5000, 40_000]
    for which, k, bad in itertools.product(range(len(arrays_of(elementwise_call(name, 1)))), range(3), (np.nan, -np.inf)):
        tensors = [elementwise_call(name, size, seed=size) for size in sizes]
        arrays_of(tensors[k])[which][sizes[k] // 2] = bad
        step = bind(ELEMENTWISE[name][0], **arguments(name, tensors))
        numbers = list(step.numbers)
        with pytest.raises(ValueError, match=rf"{name}\(\): .* \(tensor {k}"):
            step()
        assert step.numbers == numbers


def test_threads_from_the_size_on_where_they_pay():
    edge = momentum.heavy_ball.kernel.parallel_from_bytes // 4
    for sizes, wanted in (([edge // 2, edge - edge // 2 - 1], False), ([edge // 2, edge - edge // 2], True), ([1] * 3, False)):
        tensors = [elementwise_call("heavy_ball", size) for size in sizes]
        assert bind(momentum.heavy_ball, **arguments("heavy_ball", tensors)).parallel is wanted


def test_pieces_cover_every_entry_once():
    for itemsize in (4, 8):
        sizes = [0, 1, 5, CHUNK_BYTES // itemsize, CHUNK_BYTES // itemsize + 1, 0, 9999]
        seen = [np.zeros(size, int) for size in sizes]
        for k, start, stop in multi_tensor.split_into_chunks(sizes, itemsize):
            assert 0 < stop - start <= CHUNK_BYTES // itemsize
            seen[k][start:stop] += 1
        assert all(np.all(array == 1) for array in seen)
    assert multi_tensor.split_into_chunks([0], 4).shape == (0, 3)


def test_addresses_are_the_arrays_own():
    for count in (1, multi_tensor.BATCH - 1, multi_tensor.BATCH, 3 * multi_tensor.BATCH + 2):
        arrays = [np.zeros((2, k + 1)) for k in range(count)]
        bound = multi_tensor.TensorLists(Frontend(heavy_ball), ["a"], {"a": arrays, "b": [array.copy() for array in arrays]})
        assert bound.table[0].tolist() == [array.ctypes.data for array in arrays]
        assert bound.table[1].tolist() == [array.ctypes.data for array in bound.lists["b"]]


def test_machine_code_is_cached_under_digests_of_all_that_it_is_made_of():
    ir = training_step.kernel.ir
    loop = multi_tensor.kernel_loop(ir, lambda part: part)
    assert loop.__qualname__ == f"training_step_run_all_chunks_{ir.digest}_{source_digest()}"
    assert loop.__code__.co_filename == training_step.__code__.co_filename
    assert "digest" in source.KernelIR.__annotations__
