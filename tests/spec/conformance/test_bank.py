"""The bank: every declared relation and identity is proven, and the axes, the names and the schema say the same."""

import itertools
import json
from collections import Counter
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest
import sympy
from trainspec.reference import FORMULAS, momentum
from trainspec.spec.arithmetic import Ball, Rational, Symbolic, certified, rounding_bound, symbols
from trainspec.spec.conformance.bank import (
    CANONICAL,
    DAMPENINGS,
    FORMS,
    IDENTITIES,
    LR_PLACEMENTS,
    MISTAKES,
    Convention,
    Inputs,
    Setting,
    bank,
    find,
    normal_form,
    relation,
    relation_in_words,
)

STEPS = 3
theta, eta, mu, d = symbols("theta eta mu d")
grads, lrs = symbols("g", STEPS), symbols("eta", STEPS)
constant = Symbolic(np.array([eta.item()] * STEPS, dtype=object))
HALF = Symbolic(sympy.Rational(1, 2))

# each line: a setting, and the symbolic hyper-parameters that are all that it says
SETTINGS = {
    "momentum and dampening apart": (Setting(0.9, 0.25), mu, d),
    "no dampening": (Setting(0.9, 0.0), mu, 0 * d),
    "dampening as momentum": (Setting(0.9, 0.9), mu, mu),
    "half": (Setting(0.5, 0.25), HALF, d),
    "no momentum": (Setting(0.0, 0.25), 0 * mu, d),
    "no momentum, no dampening": (Setting(0.0, 0.0), 0 * mu, 0 * d),
}


def same(a, b):
    return all(sympy.expand(one) == 0 for one in Symbolic.plain(a - b).ravel())


def points(convention, rates, momentum, dampening):
    return convention.trajectory(theta, grads, rates, momentum=momentum, dampening=dampening)


@pytest.mark.parametrize("constant_lr", [False, True], ids=["any lr", "constant lr"])
@pytest.mark.parametrize("name", SETTINGS)
def test_identities_are_proven_for_all_gradients_and_rates(name, constant_lr):
    setting, momentum, dampening = SETTINGS[name]
    setting = setting._replace(constant_lr=constant_lr)
    rates = constant if constant_lr else lrs
    claimed = [(one, *normal_form(one, setting)) for one in bank().values()]
    claimed = [(one, form, why) for one, form, why in claimed if form != one]
    for one, form, why in claimed:
        assert form.id in bank(), f"{one.id} becomes {form}, which is not in the bank"
        assert why
        assert same(points(one, rates, momentum, dampening), points(form, rates, momentum, dampening)), f"{one.id} is not {form.id}: {why}"
    for form, members in itertools.groupby(sorted(claimed, key=lambda claim: claim[1].id), key=lambda claim: claim[1].id):
        print(f"{name}{', constant lr' * constant_lr}: {form} = {', '.join(one.id for one, _, _ in members)}")


def test_every_identity_is_used():
    used = Counter(
        why
        for setting, _, _ in SETTINGS.values()
        for constant_lr in (False, True)
        for one in bank().values()
        for why in normal_form(one, setting._replace(constant_lr=constant_lr))[1]
    )
    assert {one.why for one in IDENTITIES} == set(used)


def test_relations_to_the_canonical_forms_are_proven():
    related = 0
    for one in bank().values():
        found = relation(one)
        if found is None:
            continue
        related += 1
        rates = constant if found.at_constant_lr else lrs
        fed = found.feed(Inputs(grads, rates, mu, d))
        claimed = points(found.canonical, fed.lrs, fed.momentum, d)
        assert same(points(one, rates, mu, d), claimed), f"{one.id}: {relation_in_words(one)}"
        if found.at_constant_lr:
            fed = found.feed(Inputs(grads, lrs, mu, d))
            assert not same(points(one, lrs, mu, d), points(found.canonical, fed.lrs, fed.momentum, d)), f"{one.id} needs no constant lr"
    assert related > len(bank()) / 3
    assert all(relation(one) for one in CANONICAL.values())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("heavy-ball/lr-inside", "the canonical form"),
        ("heavy-ball/lr-outside", "equal to heavy ball with the learning rate inside the velocity while the learning rate is constant"),
        ("heavy-ball/lr-inside/ema", "equal to heavy ball with the learning rate inside the velocity, with η*(1 - μ) for η"),
        ("heavy-ball/lr-inside/ascent-sign", "equal to heavy ball with the learning rate inside the velocity, with -η for η"),
        ("heavy-ball/lr-inside/squared-momentum", "equal to heavy ball with the learning rate inside the velocity, with μ**2 for μ"),
        (
            "heavy-ball/lr-inside/stale-gradient",
            "no change of hyper-parameters makes it heavy ball with the learning rate inside the velocity",
        ),
    ],
)
def test_relations_read_well(name, words):
    assert relation_in_words(bank()[name]) == words


def test_what_the_reference_states_is_called_and_not_transcribed():
    for one in bank().values():
        for identifier in one.formulas:
            assert identifier in FORMULAS
            assert find(identifier) == one
    stated = {raw for form in FORMS.values() for raw in [form.step] if form.ids}
    names = ("heavy_ball", "heavy_ball_lr_outside", "nesterov_shifted", "nesterov_lr_outside")
    assert stated == {getattr(momentum, name).raw for name in names}


def test_the_average_is_the_references(monkeypatch):
    convention = bank()["heavy-ball/lr-outside/ema"]
    monkeypatch.setattr(momentum.gradient_average, "raw", lambda theta, grad, mean, *, lr, decay: (theta + decay, mean))
    moved = convention.trajectory(np.zeros(1), np.ones((2, 1)), np.ones(2), momentum=0.5, dampening=0.0)
    assert moved.tolist() == [[0.5], [1.0]]


@pytest.mark.parametrize("name", bank())
def test_every_convention_runs_on_every_arithmetic(name):
    convention = bank()[name]
    given = (np.array([1.5]), np.array([[1.0], [0.5], [-2.0]]), np.array([0.5, 0.25, 1.0]))
    hyper = {"momentum": 0.75, "dampening": 0.5}
    exact = convention.trajectory(*map(Rational, given), **{key: Rational(value) for key, value in hyper.items()})
    floats = convention.trajectory(*given, **hyper)
    assert [float(one.p) / float(one.q) for one in Rational.plain(exact).ravel()] == floats.ravel().tolist()  # dyadic: exact in floats
    balls = certified(convention.trajectory, *given, **hyper)
    assert all(one.contains(value) for one, value in zip(Ball.plain(balls).ravel(), floats.ravel(), strict=True))
    assert np.all(rounding_bound(convention.trajectory, *given, **hyper) >= 0)


def test_names_are_their_own():
    for key in ("id", "name"):
        assert max(Counter(getattr(one, key) for one in bank().values()).values()) == 1
    for one in bank().values():
        assert find(one.id) is find(one.name) is one
        assert "←" in one.equations
        assert one.right == (one == one.corrected)
        assert one.corrected.id in bank()
    with pytest.raises(KeyError):
        find("heavy-ball")


def test_the_bank_is_the_product_of_its_axes_and_no_more():
    assert {(one.lr_placement, one.nesterov_form) for one in bank().values()} == set(FORMS)
    assert {one.dampening for one in bank().values()} == set(DAMPENINGS)
    assert {one.mistake for one in bank().values()} == set(MISTAKES)
    assert {one.lr_placement for one in bank().values()} == set(LR_PLACEMENTS)
    plain = Convention("outside")
    for mistake in MISTAKES:
        assert replace(plain, mistake=mistake).id in bank()


def test_the_schema_has_the_same_vocabulary():
    schema = json.loads(files("trainspec.spec.conformance").joinpath("verdict.schema.json").read_text(encoding="utf-8"))
    axes = {name: set(one["enum"]) for name, one in schema["$defs"]["axes"]["properties"].items()}
    found = {name: {one.axes[name] for one in bank().values()} for name in axes}
    assert found == axes
