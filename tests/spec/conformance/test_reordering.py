"""No correct order of operations is rejected; what the generator draws is correct and another order, and wrong ones are rejected."""

import itertools
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from flint import ctx
from trainspec.spec.arithmetic import Ball, Undecided
from trainspec.spec.conformance.optimizers.conventions import FAMILIES, bank
from trainspec.spec.conformance.optimizers.matching import ALLOWED, BITS, EQUAL
from trainspec.spec.conformance.optimizers.runner import Misbehaved

from .reordering import (
    ALIKE,
    DTYPES,
    LAWS,
    Case,
    case,
    make,
    objection,
    ordered,
    plain,
    program,
    programs,
    records_of,
    replaced,
    stays_finite,
    worst,
)


@pytest.mark.parametrize("family", FAMILIES)
def test_none_is_rejected(family):
    """By the measure that decides."""
    for seed in range(6):
        one = case(f"{family} {seed}", family)
        for k in range(ALIKE):
            subject, dtype = program(one, 10 * seed + k), DTYPES[seed % 2]
            assert not stays_finite(subject, dtype) or worst(subject, dtype) <= ALLOWED / 2, (subject.settings, subject.sources)


@pytest.mark.parametrize(("family", "dtype"), list(zip(FAMILIES, itertools.cycle(DTYPES), strict=False)))
def test_verdicts_name_them(family, dtype):
    """One of each family, all through the kit; none without ε, which divides by 0 where the gradient is 0 from the start."""
    cases = (case(f"{family} {k}", family) for k in itertools.count())
    subjects = (program(one, 1) for one in cases if one.convention.eps != "none" or "eps" not in FAMILIES[family].axes)
    assert objection(next(one for one in subjects if stays_finite(one, dtype)), dtype) == ""


LOST = {  # in float32 rounding may turn a branch or reach 0: in all of a run unless scalars are held in float64, or in some coordinates
    "radam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "lr": 1e-3},
    "adamax/eps-none/decay-coupled": {"beta1": 0.9, "beta2": 0.98, "lr": 1e-3, "weight_decay": 1e-4},
    "amsgrad/correction-none/decay-coupled": {"beta1": 0.5, "beta2": 0.9995, "eps": 1e-6, "lr": 0.0333, "weight_decay": 0.1},
    "rmsprop/lr-outside/centered/decay-coupled": {"beta2": 0.999, "eps": 1e-8, "lr": 5e-4, "momentum": 0.5, "weight_decay": 0.01},
}


@pytest.mark.parametrize(("name", "settings"), LOST.items(), ids=list(LOST))
def test_what_rounding_may_turn_is_no_evidence(name, settings):
    """The rest is, and it is followed; a wrong step is not."""
    one = Case(bank()[name], tuple(settings.items()))
    for seed in range(3):
        assert worst(program(one, seed), "float32") <= ALLOWED / 2
    wrong = broken(plain(one), doubled_term, random.Random(1))
    assert worst(wrong, "float32") > 1000


def differs(subject, seed=7):
    """Whether a program is not its convention, to 150 of 256 bits, at a point without structure."""
    draw = np.random.default_rng(seed)
    hyper = {name: Ball(value) for name, value in subject.settings.items() if name != "lr"}
    lrs = subject.settings["lr"] * (draw.uniform(0.5, 2, 8) if subject.changes_lr else np.ones(8))
    theta, grads, slopes = draw.normal(size=2), draw.normal(size=(8, 2)), draw.uniform(0.1, 0.5, (8, 2))
    with ctx.workprec(BITS):
        curved = Ball(slopes) if subject.convention.nesterov_form == "lookahead" else None
        got = subject.exactly(Ball(theta), Ball(grads), Ball(lrs), curved, **hyper)
        due = subject.convention.trajectory(Ball(theta), Ball(grads), Ball(lrs), curved, **hyper)
        gaps, sizes = Ball.object_array(got - due).ravel(), Ball.object_array(due).ravel()
        return any(float(gap.abs_upper()) > EQUAL * float(size.abs_upper()) for gap, size in zip(gaps, sizes, strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_they_are_the_convention_in_exact_arithmetic(family):
    for seed in range(12):
        subject = program(case(f"exact {family} {seed}", family), seed)
        assert not differs(subject), (subject.convention.id, subject.carries, subject.sources)


def test_every_law_is_used_and_most_programs_round_otherwise():
    """In most programs some point differs in its bits from that of the order that the bank has."""
    used, differ, ways, held = Counter(), 0, Counter(), Counter()
    judged = [(dtype, subject) for _, dtype, subject in programs(200, 200_000) if stays_finite(subject, dtype)]
    for dtype, subject in judged:
        used += subject.used
        ways[subject.carries] += 1
        held[subject.held] += 1
        first, second = (records_of(one, dtype)[0].points for one in (subject, plain(subject)))
        differ += not np.array_equal(first, second)
    assert set(used) == {*LAWS, "fuse"}
    assert len(ways) == 6
    assert len(held) == 5
    assert differ > 0.7 * len(judged)


# --- laws that do not hold --------------------------------------------------------------------------------------------------------------


def lost_term(n):
    """a (b + c) is not a b."""
    if n.op == "mul" and n.args[1].op == "add" and n.array:
        yield make("mul", n.args[0], n.args[1].args[0])


def lost_sign(n):
    """a − b is not b − a."""
    if n.op == "sub" and n.array:
        yield make("sub", *reversed(n.args))


def root_of_a_sum(n):
    """√(a + b) is not √a + √b."""
    if n.op == "sqrt" and n.args[0].op == "add":
        yield make("add", *(make("sqrt", one) for one in n.args[0].args))


def forgotten_quotient(n):
    """a / b is not a."""
    if n.op == "div" and not n.args[1].array:
        yield n.args[0]


def doubled_term(n):
    """a + b is not a + b + b."""
    if n.op == "add" and n.array:
        yield make("add", n, n.args[1])


def broken(subject, law, draw):
    """The program with a law that does not hold applied at one place of its later steps; None where there is no such place."""
    early, late = subject.shapes
    places = [(one, other) for one in ordered(late.values()) for other in law(one)]
    return replace(subject, shapes=(early, replaced(late, [draw.choice(places)]))) if places else None


@pytest.mark.parametrize("law", [lost_term, lost_sign, root_of_a_sum, forgotten_quotient, doubled_term])
def test_a_law_that_does_not_hold_is_rejected(law):
    """Wherever it is applied, unless what is computed is the same after all: the square of a negative, the sum of a number and 0."""
    draw, judged = random.Random(3), 0
    for seed in range(60):
        subject = broken(program(case(f"broken {seed}"), seed), law, draw)
        if subject and judged < 12 and outcome(subject) != "the same":
            judged += 1
            assert outcome(subject) == "rejected", (subject.convention.id, subject.settings, subject.sources)
    assert judged == 12


def outcome(subject):
    """What the kit makes of a program that may be wrong."""
    try:
        return "rejected" if worst(subject, "float64") > ALLOWED else "accepted" if differs(subject) else "the same"
    except (Misbehaved, Undecided):  # a root of a negative
        return "rejected"
