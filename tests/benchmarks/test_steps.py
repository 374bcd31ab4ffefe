"""One step of every elementwise kernel: ours in place and fresh, NumPy as the reference writes it and in place, numexpr, torch, optax.

The results are asserted first: NumPy's bit for bit where ours are, the others' within the roundings of a step.
"""

import numpy as np
import pytest
from trainspec.fast import activations, bind
from trainspec.reference.validation import domains

from ..support.kernels import (
    ELEMENTWISE,
    GIVEN_GRADIENT,
    HYPERPARAMETERS,
    arrays_of,
    assert_identical,
    elementwise_call,
    expected,
    in_place_out,
    map_arrays,
)
from .conftest import compare
from .in_place import numexpr_step, numpy_in_place
from .limit import moving
from .peers import OPTAX, here, optax_steps, torch_steps

STEPS = [name for name in GIVEN_GRADIENT if name not in ("sigmoid", *activations.__all__)]  # these have benchmarks of their own
ROUNDINGS = 32  # of a step: a bound for any order of its operations


def close(got, start, after):
    """Within the roundings of the point, and of the step."""
    start, after = start.astype(np.float64), after.astype(np.float64)
    assert np.all(np.abs(got - after) <= np.finfo(got.dtype).eps * (np.abs(start) + ROUNDINGS * np.abs(after - start)))


def at_first(name, values):
    """The same point with nothing remembered."""
    theta, grad = arrays_of(values)[:2]
    fresh = map_arrays(values, lambda array: array if array is theta or array is grad else np.zeros_like(array))
    return fresh | ({"state": fresh["state"]._replace(t=0)} if hasattr(fresh.get("state"), "t") else {})


def repeatable(name, size, kind):
    """A call whose result can be its next argument any number of times: without it a timed loop would overflow, or sink to subnormals."""
    changed = {"eps_root": 0.0} if "eps_root" in domains(ELEMENTWISE[name][1].raw) else {}
    if name == "clip_by_norm":  # again and again, a gradient that is too long would shrink to nothing
        changed = {"norm": HYPERPARAMETERS["largest"]}
    values = elementwise_call(name, size, kind, **changed)
    if name == "debiased_parameter_average":  # divided by less than 1 again and again, it would grow: late in a run, by 1
        values["state"] = values["state"]._replace(t=10**6)
    return values


@pytest.mark.sampled(48)
@pytest.mark.parametrize("name", STEPS)
def test_step(benchmark, request, name, size, dtype):
    ours, theirs = ELEMENTWISE[name]
    values = map_arrays(repeatable(name, size, np.dtype(dtype).type), np.abs)  # no mean cancels
    wanted = expected(name, values)
    start, after = arrays_of(values)[0], arrays_of(wanted)[0]
    place = map_arrays(values, np.copy)
    out = in_place_out(name, place)
    assert_identical(ours(**values), wanted)
    assert_identical(ours(**place, out=out), wanted)
    steps = {"ours": lambda: ours(**place, out=out), "ours, fresh": lambda: ours(**values), "numpy": lambda: theirs.raw(**values)}
    lists = {key: [value] if isinstance(value, np.ndarray | tuple) else value for key, value in map_arrays(values, np.copy).items()}
    steps["ours, bound"] = bind(ours, **lists)
    for who, make in {"numpy in place": numpy_in_place, **({"numexpr": numexpr_step} if here("numexpr") else {})}.items():
        old, read, numbers = ours.kernel.ir.unpack_arguments(*map_arrays(values, np.copy).values())
        steps[who] = make(ours.kernel.ir, numbers, (*old, *read))
        steps[who]()
        for got, array in zip(old, arrays_of(wanted), strict=True):
            np.testing.assert_array_equal(got, array) if who == "numpy in place" else close(got, np.abs(array), array)
    for who, (step, read) in torch_steps(name, values).items():
        steps[who] = step
        step()
        close(read(), start, after)
    fresh = at_first(name, values) if name in OPTAX else {}
    for who, (step, read) in optax_steps(name, fresh).items():
        steps[who] = step
        step()
        close(read(), start, arrays_of(theirs.raw(**fresh))[0])
    old, read, _ = ours.kernel.ir.unpack_arguments(*map_arrays(values, np.copy).values())
    steps["limit"] = moving(old, read, ours.kernel.parallel_from_bytes)
    compare(benchmark, request.config, f"{name} {dtype} {size:.0e}", steps)
