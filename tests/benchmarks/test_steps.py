"""One step of every other elementwise kernel: ours in place and fresh, NumPy as the reference writes it, torch.optim as a user calls it.

The results are asserted first: NumPy's bit for bit, torch's within the roundings of a step.
"""

import importlib.util

import numpy as np
import pytest

from ..fast.test_elementwise import HYPER, KERNELS, PLAIN, call, lanes, mapped, own, raw, same, stated
from .conftest import compare

torch_is_here = importlib.util.find_spec("torch") is not None
MOMENTUM = ("heavy_ball", "heavy_ball_lr_outside", "nesterov_shifted", "nesterov_lr_outside")
BETAS = {"betas": (HYPER["beta1"], HYPER["beta2"]), "eps": HYPER["eps"]}
# torch's class, its options, its names for the arrays of our state, and what its step has besides
TORCH = {
    "gradient_descent": ("SGD", {}, (), False),
    "adagrad": ("Adagrad", {"eps": HYPER["eps"]}, ("sum",), True),
    "rmsprop": ("RMSprop", {"alpha": HYPER["decay"], "eps": HYPER["eps"]}, ("square_avg",), True),
    "adam": ("Adam", BETAS, ("exp_avg", "exp_avg_sq"), True),
    "adam_l2": ("Adam", BETAS | {"weight_decay": HYPER["weight_decay"]}, ("exp_avg", "exp_avg_sq"), True),
    "adamw": ("AdamW", BETAS | {"weight_decay": HYPER["weight_decay"]}, ("exp_avg", "exp_avg_sq"), True),
}
FUSED = {"SGD", "Adagrad", "Adam", "AdamW"}
ROUNDINGS = 32  # of a step: a bound for any order of its operations


def torch_step(name, values, way):
    """torch's optimizer at the same point, with the same memory; and the parameter that it updates."""
    import torch

    kind, options, fields, counted = TORCH[name]
    theta, grad, *memory = (torch.from_numpy(np.copy(one)) for one in lanes(name, values))
    theta.requires_grad_()
    theta.grad = grad
    optimizer = getattr(torch.optim, kind)([theta], lr=HYPER["lr"], **options, **way)
    optimizer.state[theta] = dict(zip(fields, memory, strict=True)) | ({"step": torch.tensor(float(HYPER["t"]))} if counted else {})
    return optimizer.step, theta


def ways(kind):
    """How torch may run it."""
    return {"torch": {"foreach": False}, "torch foreach": {"foreach": True}} | ({"torch fused": {"fused": True}} if kind in FUSED else {})


@pytest.mark.parametrize("name", [name for name in PLAIN if name not in MOMENTUM])
def test_step(benchmark, request, name, size, dtype):
    ours, theirs = KERNELS[name]
    plain = {"eps_root": 0.0} if "eps_root" in stated(theirs.raw) else {}
    values = mapped(call(name, size, np.dtype(dtype).type, **plain), np.abs)  # no mean cancels
    wanted = raw(name, values)
    in_place = mapped(values, np.copy)
    out = own(name, in_place)
    if name == "debiased_parameter_average":  # its average is not the point of the next step
        out = (np.empty_like(out[0]), out[1])
    same(ours(**values), wanted)
    same(ours(**in_place, out=out), wanted)
    steps = {"ours": lambda: ours(**in_place, out=out), "ours, fresh": lambda: ours(**values), "numpy": lambda: theirs.raw(**values)}
    if torch_is_here and name in TORCH:
        start, after = lanes(name, values)[0].astype(np.float64), lanes(name, wanted)[0].astype(np.float64)
        for way, options in ways(TORCH[name][0]).items():
            steps[way], theta = torch_step(name, values, options)
            steps[way]()
            off = np.abs(theta.detach().numpy() - after)
            assert np.all(off <= np.finfo(dtype).eps * (np.abs(start) + ROUNDINGS * np.abs(after - start)))
    compare(benchmark, request.config, f"{name} {dtype} {size:.0e}", steps)
