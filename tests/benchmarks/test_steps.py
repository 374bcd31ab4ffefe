"""One step of every elementwise kernel: ours in place and fresh, NumPy as the reference writes it and in place, numexpr, torch, optax.

The results are asserted first: NumPy's bit for bit where ours are, the others' within the roundings of a step.
"""

import numpy as np
import pytest
from trainspec.fast import many

from ..fast.test_elementwise import HYPER, KERNELS, PLAIN, call, lanes, mapped, own, raw, same, stated
from .conftest import compare
from .in_place import numexpr_step, numpy_in_place
from .limit import moving
from .peers import OPTAX, here, optax_steps, torch_steps

ROUNDINGS = 32  # of a step: a bound for any order of its operations


def close(got, start, after):
    """Within the roundings of the point, and of the step."""
    start, after = start.astype(np.float64), after.astype(np.float64)
    assert np.all(np.abs(got - after) <= np.finfo(got.dtype).eps * (np.abs(start) + ROUNDINGS * np.abs(after - start)))


def at_first(name, values):
    """The same point with nothing remembered."""
    theta, grad = lanes(name, values)[:2]
    fresh = mapped(values, lambda one: one if one is theta or one is grad else np.zeros_like(one))
    return fresh | ({"state": fresh["state"]._replace(t=0)} if hasattr(fresh.get("state"), "t") else {})


@pytest.mark.parametrize("name", PLAIN)
def test_step(benchmark, request, name, size, dtype):
    ours, theirs = KERNELS[name]
    plain = {"eps_root": 0.0} if "eps_root" in stated(theirs.raw) else {}
    if name == "clip_by_norm":  # again and again, a gradient that is too long would shrink to nothing
        plain = {"norm": HYPER["largest"]}
    values = mapped(call(name, size, np.dtype(dtype).type, **plain), np.abs)  # no mean cancels
    wanted = raw(name, values)
    start, after = lanes(name, values)[0], lanes(name, wanted)[0]
    place = mapped(values, np.copy)
    out = own(name, place)
    if name == "debiased_parameter_average":  # its average is not the point of the next step
        out = (np.empty_like(out[0]), out[1])
    same(ours(**values), wanted)
    same(ours(**place, out=out), wanted)
    steps = {"ours": lambda: ours(**place, out=out), "ours, fresh": lambda: ours(**values), "numpy": lambda: theirs.raw(**values)}
    if name != "debiased_parameter_average":
        listed = {key: [one] if isinstance(one, np.ndarray | tuple) else one for key, one in mapped(values, np.copy).items()}
        steps["ours, bound"] = many(ours, **listed)
    for who, make in {"numpy in place": numpy_in_place, **({"numexpr": numexpr_step} if here("numexpr") else {})}.items():
        old, read, numbers = ours.kernel.derived.taken(*mapped(values, np.copy).values())
        steps[who] = make(ours.kernel.derived, numbers, (*old, *read))
        steps[who]()
        for got, one in zip(old, lanes(name, wanted), strict=True):
            np.testing.assert_array_equal(got, one) if who == "numpy in place" else close(got, np.abs(one), one)
    for who, (step, read) in torch_steps(name, values).items():
        steps[who] = step
        step()
        close(read(), start, after)
    fresh = at_first(name, values) if name in OPTAX else {}
    for who, (step, read) in optax_steps(name, fresh).items():
        steps[who] = step
        step()
        close(read(), start, lanes(name, theirs.raw(**fresh))[0])
    old, read, _ = ours.kernel.derived.taken(*mapped(values, np.copy).values())
    steps["limit"] = moving(old, read, ours.kernel.serial)
    compare(benchmark, request.config, f"{name} {dtype} {size:.0e}", steps)
