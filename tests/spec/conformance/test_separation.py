"""The fixtures: exact, small, and such that conventions that differ at all differ by far more than rounding."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from trainspec.spec.arithmetic.rounding import error_in_bounds
from trainspec.spec.cli import main
from trainspec.spec.conformance.optimizers.algorithm import simulate
from trainspec.spec.conformance.optimizers.combinations import all_conventions
from trainspec.spec.conformance.optimizers.conventions import FAMILIES, canonical
from trainspec.spec.conformance.optimizers.fixtures import MATRIX, VECTOR, fixture_for, fixtures, fixtures_for
from trainspec.spec.conformance.optimizers.separation import (
    APART,
    SEPARATING,
    close_pairs,
    distinguishable,
    run_without_implementation,
    separation,
    trajectories,
    trajectory_bound,
)

pytestmark = pytest.mark.sampled(5)

LR = 0.125

NORMS = ("lars", "lamb", "novograd", "adafactor")  # the norm of columns of all scales hides, in single precision, what is of the size of ε
CASES = [
    (family, follows, dtype)
    for family in FAMILIES
    if FAMILIES[family].kind == VECTOR
    for follows in ((False, True) if family in ("nesterov", "rmsprop") else (False,))
    for dtype in ((np.float64,) if family in NORMS else (np.float64, np.float32))
]


# of two families the fixture leaves pairs together that differ in one part alone, and of a third some mistakes in single precision:
# a correction in place hides whether ADOPT's ratio is cut; MARS brings gradients back to length 1, so that the size of the first change
# is not seen; the mean of all coordinates makes ε small beside the root of Adam-mini
TOGETHER = {  # the part, the number of pairs, and the bounds that they are apart at the least
    ("adopt", np.float64): ("uncut", 3, 0.0),
    ("adopt", np.float32): ("uncut", 3, 0.0),
    ("mars_adamw", np.float64): ("from-zero-gradient", 81, 0.0),
    ("mars_adamw", np.float32): ("from-zero-gradient", 81, 0.0),
    ("adam_mini", np.float32): ("eps-hat", 16, 18.0),
}


def differ_in(part, first, second):
    """Whether two conventions are the same but for one part of their ids."""
    parts, others = first.id.split("/"), second.id.split("/")
    return set(parts) ^ set(others) == {part}


def too_close(conventions, record):
    """The pairs that are closer than `APART` and are not the same."""
    pairs = close_pairs(conventions, record)
    return [f"{pair.first.id} and {pair.second.id} are {pair.distance:.3g} bounds apart" for pair in pairs if not pair.same]


@pytest.mark.sampled(25)
@pytest.mark.parametrize(("family", "follows_points", "dtype"), CASES)
def test_conventions_that_are_not_the_same_are_far_apart(family, follows_points, dtype):
    """All of a family, right and wrong, with every hyper-parameter on."""
    record = run_without_implementation(dtype, takes_gradient_function=follows_points)
    conventions = distinguishable(family, record)
    assert np.all(np.isfinite(trajectories(conventions, record)))
    pairs = list(close_pairs(conventions, record))
    close = [pair for pair in pairs if not pair.same]
    part, count, least = TOGETHER.get((family, dtype), ("", 0, 0.0))
    assert [pair for pair in close if not differ_in(part, pair.first, pair.second) or pair.distance < least] == []
    assert len(close) == count
    assert len(pairs) - len(close) <= len(conventions) / 3


@pytest.mark.sampled(5)
@pytest.mark.parametrize("family", [family for family in FAMILIES if FAMILIES[family].kind == MATRIX])
def test_those_of_matrices_are_far_apart_for_one_shape_or_another(family):
    """The canonical form, what differs from it in one value, and single mistakes; no shape alone tells all scales apart."""
    rate = {"lr_decay": 0.0} if family == "adafactor_factored" else {}  # or none would be above 1 / √t
    run = run_without_implementation(np.float64, kind=MATRIX, **rate)
    every = distinguishable(family, run)
    conventions = [convention for convention in every if convention.deviation_count + len(convention.mistakes) <= 1]
    apart = np.zeros((len(conventions), len(conventions)))
    for fixture in fixtures_for(changes_lr=True, kind=MATRIX):
        record = replace(run, fixture=fixture, points=np.zeros((len(fixture.lr), *fixture.shape)))
        points = trajectories(conventions, record).reshape(len(conventions), -1)
        bounds = np.stack([trajectory_bound(convention, record).ravel() for convention in conventions])
        for k, point in enumerate(points):
            apart[k] = np.maximum(apart[k], error_in_bounds(np.abs(points - point), np.maximum(bounds, bounds[k])).max(axis=1))
    close = np.argwhere(np.triu(apart < APART, 1))
    assert [(conventions[k].id, conventions[j].id) for k, j in close] == []


@pytest.mark.parametrize("family", [family for family in FAMILIES if FAMILIES[family].kind == VECTOR])
def test_the_right_ones_are_so_while_the_learning_rate_stays_the_same(family):
    record = run_without_implementation(np.float64, changes_lr=False)
    assert too_close(distinguishable(family, record, mistaken=False), record) == []


@pytest.mark.sampled(4)
@pytest.mark.parametrize("lr", [1e-4, 0.3])
@pytest.mark.parametrize("family", ["momentum", "adam", "rmsprop"])
def test_they_are_so_at_other_learning_rates(family, lr):
    record = run_without_implementation(np.float64, lr=lr)
    assert too_close(distinguishable(family, record, mistaken=False), record) == []


@pytest.mark.parametrize("family", ["adam", "rmsprop", "adagrad", "adamax"])
def test_they_are_so_at_common_hyper_parameters(family):
    record = run_without_implementation(np.float64, beta1=0.9, beta2=0.999, eps=1e-8, momentum=0.9, weight_decay=0.01)
    usual = [
        convention
        for convention in distinguishable(family, record, mistaken=False)
        if convention.weight_decay in ("none", "coupled", "decoupled") and convention.initial_second_moment == "0"
    ]
    assert too_close(usual, record) == []


def test_the_matrix_can_be_printed():
    conventions, distances = separation("momentum")
    assert distances.shape == (len(conventions),) * 2
    assert np.array_equal(distances, distances.T)
    assert np.all(np.diag(distances) == 0)
    result = CliRunner().invoke(main, ["separation", "adadelta", "--json", "--dtype", "float32"])
    record = json.loads(result.stdout)
    assert (result.exit_code, record["family"], record["dtype"]) == (0, "adadelta", "float32")
    assert len(record["distances"]) == len(record["conventions"])
    assert min(distance for row in record["distances"] for distance in row if distance > 0) > APART
    assert "bounds away" in CliRunner().invoke(main, ["separation", "sgd"]).stdout
    assert CliRunner().invoke(main, ["separation", "adamw"]).exit_code == 2


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
    squares = np.array(second_moments(fixture))
    assert np.all(np.any(np.diff(squares, axis=0) < 0, axis=0))  # second moments fall
    changes = np.diff(fixture.lr)
    assert (np.any(changes > 0) and np.any(changes < 0)) == changes_lr


def second_moments(fixture):
    steps = simulate(
        canonical("adam"), fixture.start(LR, np.float64), fixture.gradients(0.125, np.float64), fixture.rates(LR), **SEPARATING
    )
    return [state["v"] for state in steps]


def test_there_are_many_conventions():
    assert len(all_conventions()) > 4000
