"""The fixtures: exact, small, and such that conventions that differ at all differ by far more than rounding."""

import numpy as np
import pytest
from trainspec.spec.arithmetic import rounding_bound
from trainspec.spec.conformance.bank import Setting, bank, normal_form, shows
from trainspec.spec.conformance.fixtures import LR, fixture_for, fixtures

APART = 1000  # bounds
SETTINGS = [(0.9, 0.0), (0.75, 0.0), (0.9, 0.5), (0.9, 0.9), (0.5, 0.0), (0.0, 0.0), (0.0, 0.5)]


def closest(found):
    """The two trajectories that are closest, in units of the larger bound, and how far apart they are."""
    names, points, bounds = zip(*found, strict=True)
    points, bounds = np.stack(points), np.stack(bounds)
    best = (np.inf, "", "")
    for k in range(len(names) - 1):
        gaps, unit = np.abs(points[k + 1 :] - points[k]), np.maximum(bounds[k + 1 :], bounds[k])
        ratios = np.where(gaps == 0, 0, np.divide(gaps, unit, out=np.full_like(gaps, np.inf), where=unit > 0)).max(axis=(1, 2))
        best = min(best, (ratios.min(), names[k], names[k + 1 + ratios.argmin()]))
    return best


def runs(fixture, setting, lr, dtype):
    """The trajectory and its bounds, of one convention of each class."""
    start, grads, rates = fixture.start(lr, np.float64), fixture.gradients(np.float64), fixture.rates(lr)
    hyper = {"momentum": setting.momentum, "dampening": setting.dampening}
    kinds = dict.fromkeys(normal_form(one, setting)[0] for one in bank().values() if shows(one, setting))
    for one in kinds:
        bounds = rounding_bound(one.trajectory, start, grads, rates, dtype=dtype, **hyper)
        yield one.id, one.trajectory(start, grads, rates, **hyper), bounds


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("fixture", fixtures().values(), ids=list(fixtures()))
@pytest.mark.parametrize(("momentum", "dampening"), SETTINGS)
def test_conventions_that_are_not_the_same_are_far_apart(momentum, dampening, fixture, dtype):
    setting = Setting(momentum, dampening, constant_lr=not fixture.changes_lr)
    apart, one, other = closest(runs(fixture, setting, LR, dtype))
    assert apart > APART, f"{one} and {other} are {apart:.3g} bounds apart"


@pytest.mark.parametrize("lr", [1e-5, 0.3, 100.0])
def test_they_are_so_at_any_learning_rate(lr):
    apart, one, other = closest(runs(fixture_for(changes_lr=True), Setting(0.9), lr, np.float32))
    assert apart > APART, f"{one} and {other} are {apart:.3g} bounds apart"


@pytest.mark.parametrize("fixture", fixtures().values(), ids=list(fixtures()))
def test_fixtures_are_what_they_say(fixture):
    grads = fixture.gradients(np.float64)
    assert np.array_equal(grads, fixture.gradients(np.float32))
    assert np.array_equal(fixture.start(LR, np.float64), fixture.start(LR, np.float32))
    assert np.array_equal(fixture.rates(LR), fixture.rates(LR).astype(np.float32))
    assert len(fixture.lr) == len(grads) >= 12
    assert np.all(fixture.start(LR, np.float64) != 0)
    assert 2 <= grads.shape[1] <= 3
    assert [bool(row.any()) for row in grads].count(False) == 1
    assert np.all(np.sum(np.diff(np.sign(grads[grads.any(axis=1)]), axis=0) != 0, axis=0) >= 4)  # sign flips
    scales = np.max(np.abs(grads), axis=0)
    assert np.max(scales) / np.min(scales) > 1000
    assert fixture.separates


def test_one_fixture_changes_its_rate_up_and_down():
    changes = np.diff(fixture_for(changes_lr=True).lr)
    assert np.any(changes > 0)
    assert np.any(changes < 0)
    assert not fixture_for(changes_lr=False).changes_lr
