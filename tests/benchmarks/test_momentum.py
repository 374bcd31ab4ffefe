"""One step of momentum: ours, NumPy as the reference writes it, NumPy in place by hand, torch.optim.SGD as a user calls it.

The results are asserted equal, the times never.
"""

import importlib.util

import numpy as np
import pytest
from trainspec.fast import momentum as fast
from trainspec.reference import momentum as reference

from .conftest import compare

LR, MOMENTUM = 1e-3, 0.9
TORCH_HAS = {"heavy_ball_lr_outside": False, "nesterov_lr_outside": True}  # the value of SGD's `nesterov`
torch_is_here = importlib.util.find_spec("torch") is not None


def by_hand(name, theta, grad, velocity, room):
    """The same operations as the reference's, through NumPy's `out=`."""
    np.multiply(MOMENTUM, velocity, out=velocity)
    if name == "heavy_ball":
        np.subtract(velocity, np.multiply(LR, grad, out=room), out=velocity)
        np.add(theta, velocity, out=theta)
    elif name == "heavy_ball_lr_outside":
        np.add(velocity, grad, out=velocity)
        np.subtract(theta, np.multiply(LR, velocity, out=room), out=theta)
    else:
        np.add(velocity, grad, out=velocity)
        np.add(grad, np.multiply(MOMENTUM, velocity, out=room), out=room)
        np.subtract(theta, np.multiply(LR, room, out=room), out=theta)


def shifted_by_hand(theta, grad, velocity, previous, room):
    np.copyto(previous, velocity)
    np.multiply(MOMENTUM, velocity, out=velocity)
    np.subtract(velocity, np.multiply(LR, grad, out=room), out=velocity)
    np.add(theta, velocity, out=theta)
    np.subtract(velocity, previous, out=previous)
    np.add(theta, np.multiply(MOMENTUM, previous, out=previous), out=theta)


def torch_step(name, theta, grad, velocity, **options):
    """An SGD of torch whose parameter, gradient and velocity are these arrays."""
    import torch

    theta, grad, velocity = (torch.from_numpy(one) for one in (theta, grad, velocity))
    theta.requires_grad_()
    theta.grad = grad
    optimizer = torch.optim.SGD([theta], lr=LR, momentum=MOMENTUM, nesterov=TORCH_HAS[name], **options)
    optimizer.state[theta]["momentum_buffer"] = velocity
    return optimizer.step


def candidates(name, start):
    """Each candidate's step, and the arrays that it updates (none where it makes new ones)."""
    step, raw = getattr(fast, name), getattr(reference, name).raw
    own = {who: tuple(one.copy() for one in start) for who in ("ours", "ours, fresh", "numpy", "numpy in place")}
    room = np.empty_like(start[0]), np.empty_like(start[0])
    theta, grad, velocity = own["ours"]
    steps = {
        "ours": (lambda: step(theta, grad, velocity, lr=LR, momentum=MOMENTUM, out=(theta, velocity)), own["ours"]),
        "ours, fresh": (lambda: step(*own["ours, fresh"], lr=LR, momentum=MOMENTUM), None),
        "numpy": (lambda: raw(*own["numpy"], lr=LR, momentum=MOMENTUM), None),
    }
    if name == "nesterov_shifted":
        steps["numpy in place"] = (lambda: shifted_by_hand(*own["numpy in place"], *room), own["numpy in place"])
    else:
        steps["numpy in place"] = (lambda: by_hand(name, *own["numpy in place"], room[0]), own["numpy in place"])
    if torch_is_here and name in TORCH_HAS:
        for way, options in {"torch": {"foreach": False}, "torch foreach": {"foreach": True}, "torch fused": {"fused": True}}.items():
            arrays = tuple(one.copy() for one in start)
            steps[way] = (torch_step(name, *arrays, **options), arrays)
    return steps


def assert_equal(name, who, got, wanted, start):
    """NumPy bit for bit; torch, which may fuse a product with a sum, within what the roundings of either can make."""
    if not who.startswith("torch"):
        assert [one.tobytes() for one in got] == [one.tobytes() for one in wanted]
        return
    unit = np.finfo(start[0].dtype).eps  # twice the unit roundoff: two sides may be off
    theta, grad, velocity = (np.abs(one.astype(np.float64)) for one in start)
    kept = MOMENTUM * velocity
    off_velocity = unit * 2 * (kept + grad)  # rounded: the momentum, the product; the sum
    off_velocity += unit * (kept + grad)
    ahead = grad + MOMENTUM * (kept + grad) if TORCH_HAS[name] else kept + grad
    off_theta = LR * (2 * off_velocity) + unit * (theta + 5 * LR * ahead)
    for one, other, bound in zip(got, wanted, (off_theta, off_velocity), strict=True):
        assert np.all(np.abs(one.astype(np.float64) - other) <= 1.01 * bound)  # the rest: second order in the unit


@pytest.mark.parametrize("name", ["heavy_ball", "heavy_ball_lr_outside", "nesterov_shifted", "nesterov_lr_outside"])
def test_momentum(benchmark, request, name, size, dtype):
    rng = np.random.default_rng(0)
    start = tuple(rng.standard_normal(size).astype(dtype) for _ in range(3))
    wanted = getattr(reference, name).raw(*start, lr=LR, momentum=MOMENTUM)
    steps = candidates(name, start)
    for who, (step, arrays) in steps.items():
        result = step()
        assert_equal(name, who, result if arrays is None else (arrays[0], arrays[2]), wanted, start)
    compare(benchmark, request.config, f"{name} {dtype} {size:.0e}", {who: step for who, (step, _) in steps.items()})
