"""Conventions: those that the reference states are its formulas, every declared relation is proven, and names, axes and schema agree."""

import inspect
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from flint import ctx
from trainspec.reference import FORMULAS, initial_state
from trainspec.spec.arithmetic import Ball, Rational, Symbolic, Undecided, proven_zero, rounding_bound, symbols
from trainspec.spec.arithmetic.prover import Verdict as Proven
from trainspec.spec.catalogue.conventions import load
from trainspec.spec.conformance.optimizers.algorithm import Run, program, simulate
from trainspec.spec.conformance.optimizers.combinations import all_conventions, applicable_mistakes, combinations, find_convention
from trainspec.spec.conformance.optimizers.conventions import AXES, CATALOGUE_FORMULAS, FAMILIES, Convention, canonical
from trainspec.spec.conformance.optimizers.equivalence import are_equivalent, points_in_balls
from trainspec.spec.conformance.optimizers.fixtures import MATRIX, fixture_for
from trainspec.spec.conformance.optimizers.matching import float_candidates
from trainspec.spec.conformance.optimizers.relations import RELATIONS, relation_in_words, relation_of
from trainspec.spec.conformance.optimizers.separation import SEPARATING
from trainspec.spec.conformance.optimizers.visits import OptimizerRun

HYPER = {**SEPARATING, "eps_root": 2.0**-8}
THEIRS = {"decay": "beta2", "eps_grad": "eps", "eps_step": "eps", "beta1_next": "beta1"}


def reference_run(identifier, theta, grads, lrs, slopes, hyper):
    """The reference's own trajectory."""
    formula = FORMULAS[identifier].raw
    parameters = inspect.signature(formula).parameters
    names = {**THEIRS, **({"decay": "momentum"} if identifier.endswith("momentum.ema") else {})}
    fixed = {
        name: hyper[names.get(name, name)]
        for name, parameter in parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name != "lr"
    }
    positional = [name for name, parameter in parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY]
    starts = FORMULAS[identifier].initial is not None
    state, points = initial_state(identifier, theta, size=hyper.get("initial_size", 0)) if starts else None, []
    for k, (row, lr) in enumerate(zip(grads, lrs, strict=True)):
        gradient = (lambda point, k=k, row=row: row + slopes[k] * point) if positional[1] == "gradient" else row
        rate = {"lr": lr} if "lr" in parameters else {}
        if positional[1] == "gradients":
            theta = formula(theta, (lambda point, row=row: row,), **rate, **fixed)
        elif len(positional) == 2:
            theta = formula(theta, gradient, **rate, **fixed)
        else:
            theta, state = formula(theta, gradient, state, **rate, **fixed)
        points.append(theta)
    return np.stack(points)


SYMBOLIC = ("momentum", "beta1", "beta2", "beta3", "slow_weight", "trust", "time_power", "rate_power", "eps", "weight_decay")
WITH_COMPARISONS = (
    "rprop",
    "radam",
    "adabound",
    "adopt",
    "mars_adamw",
    "cautious_adamw",
    "lars",
    "lamb",
    "adafactor",
    "muon",
    "adafactor_factored",
    "shampoo",
    "shampoo_mean",
    "soap",
    "prodigy",
    "cautious_lion",
)  # undecided for symbols
PAIRS = [(convention, identifier) for convention, ids in CATALOGUE_FORMULAS.items() for identifier in ids]


@pytest.mark.parametrize(("convention", "identifier"), PAIRS, ids=[identifier for _, identifier in PAIRS])
def test_what_the_reference_states_comes_out_for_all_numbers(convention, identifier):
    """Two steps on symbols, and eight in certified arithmetic at a point without structure."""
    hyper = {name: symbols(name, positive=True) for name in SYMBOLIC} | {"eps_root": 0 * symbols("x")}
    hyper |= {"threshold": 5} | without_decay(convention)
    if convention.family not in WITH_COMPARISONS:
        theta, grads, lrs, slopes = symbols("theta"), symbols("g", 2), symbols("eta", 2, positive=True), symbols("a", 2)
        due = reference_run(identifier, theta, grads, lrs, slopes, hyper)
        got = convention.trajectory(theta, grads, lrs, slopes if convention.nesterov_form == "lookahead" else None, **hyper)
        assert all(proven_zero(entry).verdict is Proven.HOLDS for entry in Symbolic.object_array(got - due).ravel())
    with ctx.workprec(256):
        certified_too(convention, identifier)


def without_decay(convention):
    """The weight decay of a convention that has none: formulas that take one are run without it."""
    return {"weight_decay": 0} if convention.weight_decay == "none" else {}


def shape_of(family):
    """A shape of parameters that a family has a step for."""
    return (3, 2) if FAMILIES[family].kind == MATRIX else (2,)


def certified_too(convention, identifier):
    draw, shape = np.random.default_rng(1), shape_of(convention.family)
    values = draw.normal(size=shape), draw.normal(size=(8, *shape)), draw.uniform(0.5, 2, 8), draw.uniform(0.1, 0.4, (8, *shape))
    at = {
        name: Ball(value)
        for name, value in {**HYPER, "threshold": 5.0, "eps_root": 0.0, "lr_decay": 0.0, "initial_second_moment": 0.0}.items()
    } | without_decay(convention)
    table = {"coefficients": [(at["ns_a"], at["ns_b"], at["ns_c"])], "scale": np.sqrt(Ball(3) / 2)}  # of the one iteration of these values
    theta, grads, lrs, slopes = map(Ball, values)
    due = reference_run(identifier, theta, grads, lrs, slopes, at | table)
    got = convention.trajectory(theta, grads, lrs, slopes if convention.nesterov_form == "lookahead" else None, **at)
    assert all(float(entry.abs_upper()) < 1e-60 for entry in Ball.object_array(got - due).ravel())


def adjusted(convention, relation, theta, grads, lrs, slopes, hyper):
    """The other convention of a relation, with the learning rates and hyper-parameters that it is to be given."""
    run = Run(convention, theta, lrs[0], hyper)
    for k, lr in enumerate(lrs):
        now, changed = relation.adjust(k + 1, lr, SimpleNamespace(**run.hyper))
        yield run.step(now, lambda point, k=k: grads[k] if slopes is None else grads[k] + slopes[k] * point, vars(changed))["theta"]


def related(convention, relation, other, *, constant_lr):
    """Both trajectories, to many bits, at a point without structure."""
    draw = np.random.default_rng(2)
    with ctx.workprec(512):
        shape = shape_of(convention.family)
        theta, grads = Ball(draw.normal(size=shape)), Ball(draw.normal(size=(6, *shape)))
        lrs = Ball(np.full(6, 0.7) if constant_lr else draw.uniform(0.5, 2, 6))
        slopes = Ball(draw.uniform(0.1, 0.4, (6, *shape))) if convention.nesterov_form == "lookahead" else None
        hyper = {name: Ball(value) for name, value in {**HYPER, "lr_decay": 0.0, "eps_root": 0.0}.items()}
        got = convention.trajectory(theta, grads, lrs, slopes, **hyper)
        gaps = Ball.object_array(got - np.stack(list(adjusted(other, relation, theta, grads, lrs, slopes, hyper)))).ravel()
        return max(float(gap.abs_upper()) for gap in gaps) < 1e-60


RELATED = [
    (convention, *step)
    for convention in sorted(all_conventions().values(), key=lambda convention: convention.deviation_count)
    if (step := relation_of(convention))
]
FEW_DEVIATIONS = {convention.id: (convention, *step) for convention, *step in RELATED if convention.deviation_count <= 1}


def test_every_relation_applies_somewhere():
    assert {relation for _, relation, _ in FEW_DEVIATIONS.values()} == set(RELATIONS)


@pytest.mark.sampled(8)
@pytest.mark.parametrize("identifier", FEW_DEVIATIONS)
def test_every_relation_is_certified_wherever_it_applies(identifier):
    convention, relation, other = FEW_DEVIATIONS[identifier]
    assert related(convention, relation, other, constant_lr=relation.at_constant_lr), f"it is not {other.id}, {relation.words}"


@pytest.mark.parametrize("relation", [relation for relation in RELATIONS if relation.at_constant_lr], ids=lambda relation: relation.value)
def test_what_needs_a_constant_learning_rate_needs_it(relation):
    examples = [(convention, other) for convention, its, other in RELATED if its is relation][:3]
    assert examples
    for convention, other in examples:
        assert not related(convention, relation, other, constant_lr=False), convention.id


EXAMPLES = {relation: (convention, other) for convention, relation, other in reversed(RELATED)}
ON_SYMBOLS = [relation for relation in RELATIONS if EXAMPLES[relation][0].family not in WITH_COMPARISONS]


@pytest.mark.parametrize("relation", ON_SYMBOLS, ids=[f"{relation.axis}-{relation.value}" for relation in ON_SYMBOLS])
def test_relations_are_proven_on_symbols(relation):
    convention, other = EXAMPLES[relation]
    theta, grads, lrs = symbols("theta"), symbols("g", 2), symbols("eta", 2, positive=True)
    if relation.at_constant_lr:
        lrs = Symbolic(np.array([lrs[0].item()] * 2, dtype=object))
    names = ("momentum", "dampening", "beta1", "beta2", "eps", "weight_decay")
    hyper = {**HYPER, **{name: symbols(name, positive=True) for name in names}, "lr_decay": 0, "eps_root": 0, "initial_second_moment": 0}
    got = convention.trajectory(theta, grads, lrs, **hyper)
    due = np.stack(list(adjusted(other, relation, theta, grads, lrs, None, hyper)))
    assert all(proven_zero(entry).verdict is Proven.HOLDS for entry in Symbolic.object_array(got - due).ravel())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("heavy-ball/lr-inside", "the canonical form"),
        ("heavy-ball/lr-outside", "equal to heavy ball with the learning rate inside the velocity while the learning rate is constant"),
        ("heavy-ball/lr-inside/ema", "equal to heavy ball with the learning rate inside the velocity, with η (1 − μ) for η"),
        ("adam/eps-hat", "equal to Adam with ε outside the corrected root, with ε / √(1 − β₂ᵗ) for ε"),
        ("adam/decay-decoupled-wrong-sign", "equal to Adam with ε outside the corrected root, its decay decoupled, with −λ for λ"),
        ("adam/stale-gradient", "no change of hyper-parameters makes it Adam with ε outside the corrected root"),
    ],
)
def test_relations_read_well(name, words):
    assert relation_in_words(all_conventions()[name]) == words


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_runs_on_every_arithmetic(family):
    plain = canonical(family)
    given = (np.array([1.5]), np.array([[1.0], [0.5], [-2.0]]), np.array([0.5, 0.25, 1.0]))
    if FAMILIES[family].kind == MATRIX:
        given = (given[0][np.newaxis], given[1][..., np.newaxis], given[2])
    floats = plain.trajectory(*given, **HYPER)
    balls = plain.trajectory(*map(Ball, given), **{name: Ball(value) for name, value in HYPER.items()})
    assert np.allclose([float(entry.mid()) for entry in Ball.object_array(balls).ravel()], floats.ravel(), rtol=1e-14)
    if not any(root in program(plain).source for root in ("np.sqrt", "root_solve")):
        exact = plain.trajectory(*map(Rational, given), **{name: Rational(value) for name, value in HYPER.items()})
        assert np.allclose([float(entry.p) / float(entry.q) for entry in Rational.object_array(exact).ravel()], floats.ravel(), rtol=1e-14)


def test_names_are_their_own():
    for key in ("id", "name"):
        assert [
            name for name, count in Counter(getattr(convention, key) for convention in all_conventions().values()).items() if count > 1
        ] == []
    for convention in list(all_conventions().values())[::37]:
        assert find_convention(convention.id) == find_convention(convention.name) == convention
        assert convention.equations
        assert convention.corrected.right
        assert convention.right == (convention == convention.corrected)
    for convention, ids in CATALOGUE_FORMULAS.items():
        for identifier in ids:
            first, *others = [stating for stating, formulas in CATALOGUE_FORMULAS.items() if identifier in formulas]
            assert find_convention(identifier) == first
            assert all(other == replace(first, weight_decay="none") for other in others)  # the formula takes a weight decay, which may be 0
        assert convention.id in all_conventions()
    with pytest.raises(KeyError):
        find_convention("heavy-ball")


def test_a_convention_has_one_mistake_at_most():
    assert {len(convention.mistakes) for convention in all_conventions().values()} == {0, 1}


def test_every_value_of_every_axis_is_listed():
    for family, its in FAMILIES.items():
        listed = {
            axis: {getattr(convention, axis) for convention in all_conventions().values() if convention.family == family} for axis in AXES
        }
        assert all(set(values) <= listed[axis] for axis, values in its.axes.items()), family
        assert set(its.mistakes) <= listed["mistake"], family
    assert {convention.mistake for convention in all_conventions().values()} == set(AXES["mistake"])
    assert {convention.weight_decay for convention in all_conventions().values()} == set(AXES["weight_decay"])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_mistakes_break_what_is_right(family):
    """No mistake is the right form in disguise."""
    record = OptimizerRun(fixture_for(changes_lr=True, kind=FAMILIES[family].kind), 0.125, HYPER, np.zeros((1, 5)))
    plain = [
        convention
        for convention in all_conventions().values()
        if convention.family == family and convention.deviation_count == 0 and convention.weight_decay == "none"
    ]
    for convention in plain:
        assert convention.right or not are_equivalent(convention, convention.corrected, [record]), convention.id


def test_the_conventions_are_those_of_before_and_visit_the_same_points():
    """The ids, and the last point of the separating run, as recorded before conventions were made from the reference.

    The order of operations is the reference's now (lr m̂ / D in the place of lr (m̂ / D), powers in the place of running products), so the
    points may differ by rounding: all of them are screened, and every fortieth is held to the rounding bound.
    """
    with np.load(Path(__file__).parent / "data" / "conventions_before.npz") as record:
        before = dict(zip(record["ids"].tolist(), record["last"], strict=True))
    assert set(before) <= set(all_conventions())
    fixture, lr = fixture_for(changes_lr=True), 0.125
    hyper = {**HYPER, "initial_size": 0.125}
    inputs = fixture.start(lr, np.float64), fixture.gradients(hyper["eps"], np.float64), fixture.rates(lr)
    slopes = fixture.curvatures(lr, hyper["eps"], np.float64)
    for index, (identifier, points) in enumerate(before.items()):
        convention = all_conventions()[identifier]
        curved = {"slopes": slopes} if convention.nesterov_form == "lookahead" else {}
        with np.errstate(all="ignore"):
            last = convention.trajectory(*inputs, **curved, **hyper)[-1]
            errors = np.abs(last - points)
        assert np.array_equal(np.isfinite(last), np.isfinite(points)), identifier
        assert np.all((errors <= SCREEN * np.maximum(np.abs(points), 1e-3))[np.isfinite(points)]), identifier
        if index % 40 == 0 and np.all(errors > 0) and np.all(np.isfinite(points)):
            with suppress(Undecided):
                bound = rounding_bound(convention.trajectory, *inputs, **curved, **hyper, dtype=np.float64)[-1]
                assert np.all(errors <= 2 * bound), identifier


SCREEN = 2.0**-36  # relative; the rounding bound decides, and is asked of a sample since it takes a hundred times longer


def test_a_simulation_shows_the_state():
    steps = simulate(canonical("adam"), np.zeros(1), np.ones((2, 1)), np.ones(2), beta1=0.5, beta2=0.75)
    assert [(state["t"], float(state["m"][0]), float(state["v"][0])) for state in steps] == [(1, 0.5, 0.25), (2, 0.75, 0.4375)]


def test_points_in_balls_are_precise():
    balls = points_in_balls(Convention("sgd"), OptimizerRun(fixture_for(changes_lr=True), 0.125, {}, np.zeros((1, 5))), {})
    assert all(float(entry.rad()) < 1e-60 for entry in Ball.object_array(balls).ravel())
    assert replace(Convention("sgd"), mistake="stale-lr") != Convention("sgd")


# --- what a family has from its formula ------------------------------------------------------------------------------------------------

LION_MISTAKES = (
    *("ascent-sign", "reversed-step", "stale-gradient", "stale-lr", "frozen-lr", "complement-beta2", "early-first-moment"),
    *("unweighted-first-moment", "swapped-betas", "complement-beta1"),
)


def test_a_family_needs_its_formula_alone():
    assert load("families")["lion"] == {"formula": "optimizers.lion"}
    plain = canonical("lion")
    assert (plain.id, plain.name, plain.needs, plain.state_names) == ("lion", "Lion", ("beta1", "beta2"), {"m": "mean"})
    assert plain.formulas == replace(plain, weight_decay="decoupled").formulas == ("optimizers.lion",)
    assert applicable_mistakes("lion") == LION_MISTAKES
    assert canonical("adam").state_names == {"m": "m", "v": "v"}
    assert canonical("rmsprop").needs == ("beta2", "eps")


@pytest.mark.parametrize("family", ["sign_sgd", "signum", "lion"])
def test_the_mistakes_that_a_formula_has_are_told_apart(family):
    """The kit searches other families too; the corpus shows that it names these there."""
    for convention in combinations(family):
        first, *others = float_candidates(combinations(family), (run_of(convention),))
        assert convention in (first, *others)
        assert all(are_equivalent(convention, other, (run_of(convention),)) for other in (first, *others)), convention.id


def run_of(convention):
    """A run of the separating fixture that follows a convention."""
    fixture, lr = fixture_for(changes_lr=True), 0.125
    inputs = fixture.start(lr, np.float64), fixture.gradients(SEPARATING["eps"], np.float64), fixture.rates(lr)
    return OptimizerRun(fixture, lr, SEPARATING, convention.trajectory(*inputs, **SEPARATING), eps=SEPARATING["eps"])
