"""No correct order of operations is rejected; what the generator draws is correct and another order, and wrong ones are rejected."""

import ast
import itertools
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from flint import ctx
from trainspec.spec.arithmetic import Ball, Undecided
from trainspec.spec.changes.program import NodeReplacement
from trainspec.spec.conformance.guards import FatalFault
from trainspec.spec.conformance.optimizers.combinations import find_convention
from trainspec.spec.conformance.optimizers.conventions import FAMILIES
from trainspec.spec.conformance.optimizers.equivalence import BITS, EQUAL
from trainspec.spec.conformance.optimizers.matching import ALLOWED
from trainspec.spec.conformance.optimizers.storage import ROUNDINGS

from .reordering import (
    ALIKE,
    DTYPES,
    OF_VECTORS,
    Configuration,
    Reordering,
    draw_configuration,
    draw_many,
    draw_reordering,
    largest_error,
    run_records,
    stays_finite,
    wrong_verdict,
)
from .rewriting import FUSED, LAWS, names_of_arrays, parse_law, rewrites, visited

pytestmark = pytest.mark.sampled(5)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("family", OF_VECTORS)
def test_none_is_rejected(family):
    """By the measure that decides."""
    for seed in range(6):
        configuration, dtype = draw_configuration(f"{family} {seed}", family), DTYPES[seed % 2]
        for index in range(ALIKE):
            subject = draw_reordering(configuration, 10 * seed + index)
            assert not stays_finite(subject, dtype) or largest_error(subject, dtype) <= ALLOWED / 2, (
                subject.parameters,
                subject.program.source,
            )


@pytest.mark.sampled(8)
@pytest.mark.parametrize(("family", "dtype"), list(zip(OF_VECTORS, itertools.cycle(["bfloat16", "float16"]), strict=False)))
def test_none_is_rejected_in_narrow_formats(family, dtype):
    """Each way to round has its own bound."""
    configuration = draw_configuration(f"{family} narrow", family)
    for index, rounding in enumerate(ROUNDINGS):
        subject = replace(draw_reordering(configuration, index), rounding=rounding)
        assert not stays_finite(subject, dtype) or largest_error(subject, dtype) <= ALLOWED, (rounding, subject.program.source)


def test_a_product_that_underflows_is_told_from_a_wrong_order():
    """A point times a weight of 10⁻⁵ is 0 in float16, before the sum of the weights would divide it; with more exponents it is right."""
    right = Configuration(find_convention("schedule-free-sgd"), {"lr": 4e-4, "momentum": 0.5, "rate_power": 1.5, "time_power": 1.5})
    step = right.program.replaced({"share * (z - theta)": "weight * z / total - share * theta"})
    underflows = Reordering(right, step, rounding="every-operation")
    wrong = replace(underflows, program=right.program.replaced({"share * (z - theta)": "2 * weight * z / total - share * theta"}))
    assert largest_error(underflows, "bfloat16") <= ALLOWED
    assert not underflows.leaves_range
    assert largest_error(underflows, "float16") == 0
    assert underflows.leaves_range
    assert largest_error(wrong, "float16") > ALLOWED


def test_a_wrong_order_is_rejected_in_a_narrow_format():
    configuration = Configuration(find_convention("adam"), {"beta1": 0.9, "beta2": 0.98, "eps": 1e-3, "lr": 0.125})
    wrong = break_law(Reordering(configuration, configuration.program), BROKEN_LAWS["doubled term"], random.Random(1))
    assert all(largest_error(replace(wrong, rounding=rounding), "bfloat16") > ALLOWED for rounding in ROUNDINGS)


@pytest.mark.sampled(8)
@pytest.mark.parametrize(("family", "dtype"), list(zip(OF_VECTORS, itertools.cycle(DTYPES), strict=False)))
def test_verdicts_name_them(family, dtype):
    """One of each family, all through the kit; none without ε, which divides by 0 where the gradient is 0 from the start."""
    configurations = (draw_configuration(f"{family} {index}", family) for index in itertools.count())
    subjects = (
        draw_reordering(configuration, 1)
        for configuration in configurations
        if configuration.convention.eps != "none" or "eps" not in FAMILIES[family].axes
    )
    assert wrong_verdict(next(subject for subject in subjects if stays_finite(subject, dtype)), dtype) == ""


UNDECIDED = {  # in float32 rounding may change a branch or reach 0: in all of a run unless scalars are float64, or in some coordinates
    "radam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "lr": 1e-3},
    "adamax/eps-none/decay-coupled": {"beta1": 0.9, "beta2": 0.98, "lr": 1e-3, "weight_decay": 1e-4},
    "amsgrad/correction-none/decay-coupled": {"beta1": 0.5, "beta2": 0.9995, "eps": 1e-6, "lr": 0.0333, "weight_decay": 0.1},
    "rmsprop/lr-outside/centered/decay-coupled": {"beta2": 0.999, "eps": 1e-8, "lr": 5e-4, "momentum": 0.5, "weight_decay": 0.01},
}


@pytest.mark.parametrize(("name", "settings"), UNDECIDED.items(), ids=list(UNDECIDED))
def test_what_rounding_may_change_is_no_evidence(name, settings):
    """The rest of the run decides: it is followed, and a wrong step is rejected."""
    configuration = Configuration(find_convention(name), settings)
    for seed in range(3):
        assert largest_error(draw_reordering(configuration, seed), "float32") <= ALLOWED / 2
    wrong = break_law(Reordering(configuration, configuration.program), BROKEN_LAWS["doubled term"], random.Random(1))
    assert largest_error(wrong, "float32") > 1000


def differs(subject, seed=7):
    """Return whether an implementation is not its convention, to 150 of 256 bits, at a point without structure."""
    draw, convention = np.random.default_rng(seed), subject.configuration.convention
    hyper = {name: Ball(value) for name, value in subject.parameters.items() if name != "lr"}
    lrs = subject.parameters["lr"] * (draw.uniform(0.5, 2, 8) if subject.changes_lr else np.ones(8))
    theta, grads, slopes = draw.normal(size=2), draw.normal(size=(8, 2)), draw.uniform(0.1, 0.5, (8, 2))
    with ctx.workprec(BITS):
        inputs = (Ball(theta), Ball(grads), Ball(lrs), Ball(slopes) if subject.takes_function else None)
        points, right = (each.trajectory(*inputs, **hyper) for each in (subject, convention))
        gaps, sizes = Ball.object_array(points - right).ravel(), Ball.object_array(right).ravel()
        return any(float(gap.abs_upper()) > EQUAL * float(size.abs_upper()) for gap, size in zip(gaps, sizes, strict=True))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("family", OF_VECTORS)
def test_they_are_the_convention_in_exact_arithmetic(family):
    for seed in range(12):
        subject = draw_reordering(draw_configuration(f"exact {family} {seed}", family), seed)
        assert not differs(subject), (subject.configuration.convention.id, subject.kept, subject.program.source)


FORMS = {
    "the state of the program",
    "negated",
    "times the rate",
    "times the constant rate",
    "without the weight 1 - beta1",
    "without the weight 1 - beta2",
    "1 minus a product",
}


def test_every_law_is_used():
    used = sum((subject.used for _, _, subject in draw_many(800, 200_000)), Counter())
    assert set(used) == {*LAWS, *FUSED}


def test_most_programs_round_otherwise():
    """In most programs some point differs in its bits from the one that the convention's own order gives."""
    different, kept, storage = 0, Counter(), Counter()
    judged = [(dtype, subject) for _, dtype, subject in draw_many(200, 200_000) if stays_finite(subject, dtype)]
    for dtype, subject in judged:
        kept.update(subject.kept or ("the state of the program",))
        storage[subject.storage] += 1
        points, others = (
            run_records(each, dtype)[0].points for each in (subject, Reordering(subject.configuration, subject.configuration.program))
        )
        different += not np.array_equal(points, others)
    for seed, family in itertools.product(range(100), ("momentum", "nadam")):  # what only a few families have
        kept.update(draw_reordering(draw_configuration(seed, family), seed).kept)
    assert set(kept) >= FORMS
    assert len(storage) == 5
    assert different > 0.7 * len(judged)


def test_powers_occur_in_each_way():
    """βᵗ is a power, made by exp and log, or a running product that is part of the state."""
    configuration = Configuration(find_convention("adam"), {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "lr": 1e-3})
    texts = [draw_reordering(configuration, seed).program.source for seed in range(20)]
    for form in ("beta2 ** ", "np.log(beta2)", "beta2_power = "):
        assert any(form in text for text in texts)


# --- laws that do not hold --------------------------------------------------------------------------------------------------------------

BROKEN_LAWS = {
    "lost term": parse_law("A * (X + B) = A * X", "X * (A + B) = X * A"),
    "lost sign": parse_law("X - A = A - X", "S - X = X - S"),
    "root of a sum": parse_law("np.sqrt(A + B) = np.sqrt(A) + np.sqrt(B)"),
    "forgotten quotient": parse_law("A / S = A"),
    "doubled term": parse_law("A + X = A + X + X", "X + S = X + S + S"),
}


def break_law(subject, law, draw):
    """Return the implementation with a law that does not hold applied in one place of it; None where there is no such place."""
    step, arrays = subject.program, names_of_arrays(subject.program)
    nodes = [node for statement in step.statements for node in ast.walk(statement.value)]
    changes = [(node, form) for node in nodes for form in rewrites(node, law, arrays)]
    return replace(subject, program=visited(step, NodeReplacement(*draw.choice(changes)))) if changes else None


@pytest.mark.parametrize("law", BROKEN_LAWS.values(), ids=BROKEN_LAWS)
def test_a_law_that_does_not_hold_is_rejected(law):
    """Wherever it is applied, unless what is computed is the same after all: the square of a negative, the sum of a number and 0."""
    draw, judged = random.Random(3), 0
    for seed in range(60):
        subject = break_law(draw_reordering(draw_configuration(f"broken {seed}"), seed), law, draw)
        if subject and judged < 12 and (outcome := judge(subject)) != "the same":
            judged += 1
            assert outcome == "rejected", (subject.configuration.convention.id, subject.parameters, subject.program.source)
    assert judged == 12


def judge(subject):
    """Return what the kit says of an implementation that may be wrong."""
    try:
        return "rejected" if largest_error(subject, "float64") > ALLOWED else "accepted" if differs(subject) else "the same"
    except (FatalFault, Undecided):  # a root of a negative
        return "rejected"
