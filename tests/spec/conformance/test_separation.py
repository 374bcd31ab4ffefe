"""The fixtures: exact, small, and such that conventions that differ at all differ by far more than rounding."""

import numpy as np
import pytest
from trainspec.spec.arithmetic import Undecided, rounding_bound
from trainspec.spec.conformance.bank import FAMILIES, Setting, bank, canonical, combinations
from trainspec.spec.conformance.driving import SEPARATING, Record, meant
from trainspec.spec.conformance.fixtures import LR, fixture_for, fixtures
from trainspec.spec.conformance.matching import coincide, given, in_bounds

APART = 1000  # bounds
HYPER = meant({name: first for name, (first, _) in SEPARATING.items()} | {"eps_root": 0.0})
CASES = [(family, follows) for family in FAMILIES for follows in ((False, True) if family in ("nesterov", "rmsprop") else (False,))]


def record(dtype, *, changes_lr=True, follows_points=False, lr=LR, **hyper):
    fixture = fixture_for(changes_lr=changes_lr)
    hyper = {**HYPER, **hyper}
    return Record(fixture, lr, hyper, np.zeros((len(fixture.lr), len(fixture.theta)), dtype), (), follows_points, hyper["eps"])


def bounds_of(convention, run):
    theta, grads, lrs, slopes = given(run, np.float64)
    curved = {} if slopes is None else {"slopes": slopes}
    try:
        return rounding_bound(convention.trajectory, theta, grads, lrs, **curved, **run.hyper, dtype=run.points.dtype)
    except Undecided:  # a mistake that makes a run grow beyond the format
        assert not convention.right
        return np.zeros_like(run.points, dtype=float)


def trajectories(conventions, run):
    theta, grads, lrs, slopes = given(run, np.float64)
    return np.stack([one.trajectory(theta, grads, lrs, slopes, **run.hyper) for one in conventions])


def too_close(conventions, run):
    """The pairs that are closer than `APART` bounds of the larger one, and are not the same; and how many are the same."""
    points = trajectories(conventions, run)
    assert np.all(np.isfinite(points))
    unit = bounds_of(conventions[0], run) * APART * 8  # whatever is closer than this is looked at
    scaled = (points / unit).reshape(len(points), -1)
    close, same = [], 0
    for k in range(len(conventions) - 1):
        for j in k + 1 + np.flatnonzero(np.abs(scaled[k + 1 :] - scaled[k]).max(axis=1) < 1):
            larger = np.maximum(bounds_of(conventions[k], run), bounds_of(conventions[j], run))
            distance = np.max(in_bounds(np.abs(points[k] - points[j]), larger))
            if distance <= APART:
                twin = coincide(conventions[k], conventions[j], [run])
                same += twin
                close += [] if twin else [f"{conventions[k].id} and {conventions[j].id} are {distance:.3g} bounds apart"]
    return close, same


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("family", "follows_points"), CASES)
def test_conventions_that_are_not_the_same_are_far_apart(family, follows_points, dtype):
    """All of a family, right and wrong, with every hyper-parameter on."""
    conventions = list(combinations(family, Setting(HYPER, follows_points=follows_points)))
    close, same = too_close(conventions, record(dtype, follows_points=follows_points))
    assert close == []
    assert same < len(conventions) / 3


@pytest.mark.parametrize("family", FAMILIES)
def test_the_right_ones_are_so_while_the_learning_rate_stays_the_same(family):
    setting = Setting(HYPER, constant_lr=True)
    close, _ = too_close(list(combinations(family, setting, mistaken=False)), record(np.float64, changes_lr=False))
    assert close == []


@pytest.mark.parametrize("lr", [1e-4, 0.3])
@pytest.mark.parametrize("family", ["momentum", "adam", "rmsprop"])
def test_they_are_so_at_other_learning_rates(family, lr):
    close, _ = too_close(list(combinations(family, Setting(HYPER), mistaken=False)), record(np.float64, lr=lr))
    assert close == []


@pytest.mark.parametrize("family", ["adam", "rmsprop", "adagrad", "adamax"])
def test_they_are_so_at_common_hyper_parameters(family):
    common = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum": 0.9, "weight_decay": 0.01}
    every = combinations(family, Setting({**HYPER, **common}), mistaken=False)
    conventions = [one for one in every if one.weight_decay in ("none", "coupled", "decoupled") and one.initial_second_moment == "0"]
    close, _ = too_close(conventions, record(np.float64, **common))
    assert close == []


@pytest.mark.parametrize("fixture", fixtures().values(), ids=list(fixtures()))
def test_fixtures_are_what_they_say(fixture):
    eps = 2.0**-6
    grads = fixture.gradients(eps, np.float64)
    assert np.array_equal(grads, fixture.gradients(eps, np.float32))
    assert np.array_equal(fixture.start(LR, np.float64), fixture.start(LR, np.float32))
    assert np.array_equal(fixture.rates(LR), fixture.rates(LR).astype(np.float32))
    assert len(fixture.lr) == len(grads) == len(fixture.slopes)
    assert np.all(fixture.start(LR, np.float64) != 0)
    assert fixture.separates


@pytest.mark.parametrize("changes_lr", [False, True])
def test_the_long_fixtures_have_what_separates(changes_lr):
    fixture = fixture_for(changes_lr=changes_lr)
    grads = fixture.gradients(2.0**-6, np.float64)
    assert len(grads) >= 24
    assert grads.shape[1] == 5
    assert [bool(row.any()) for row in grads].count(False) == 1
    assert np.all(np.sum(np.diff(np.sign(grads[grads.any(axis=1)]), axis=0) != 0, axis=0) >= 4)  # sign flips
    squares = np.array([s.v for s in walked(fixture)])
    assert np.all(np.any(np.diff(squares, axis=0) < 0, axis=0))  # second moments fall
    changes = np.diff(fixture.lr)
    assert (np.any(changes > 0) and np.any(changes < 0)) == changes_lr


def walked(fixture):
    from types import SimpleNamespace

    from trainspec.spec.conformance.steps import walk

    states = walk(canonical("adam"), fixture.start(LR, np.float64), fixture.gradients(0.125, np.float64), fixture.rates(LR), **HYPER)
    return [SimpleNamespace(v=s.v.copy()) for s in states]


def test_the_bank_is_large():
    assert len(bank()) > 4000
