"""Optax: what its optimizers follow, as the adapter drives them."""

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.implementation import REQUIRED, Task
from trainspec.spec.conformance.loading import load_implementation
from trainspec.spec.conformance.optimizers.modes import with_modes
from trainspec.spec.conformance.sandbox import InProcessRunner

from .agreement import differences, functions_of, initializer_result
from .helpers import check_function_in_process, check_in_process
from .library_runs import GRADS, LRS, SIGNS, SQUARES, SUMS, THETA, WEIGHTS, error, run_library

optax = pytest.importorskip("optax")

FOLLOWED = [
    ("sgd", {}, "gradient-descent"),
    ("sgd", {"momentum": 0.9}, "heavy-ball/lr-outside"),
    ("sgd", {"momentum": 0.9, "nesterov": True}, "nesterov/lr-outside"),
    ("trace", {"momentum": 0.9}, "heavy-ball/lr-outside"),
    ("adam", WEIGHTS, "adam"),
    ("adam", {**WEIGHTS, "eps_root": 2.0**-8}, "adam"),
    ("scale_by_adam", WEIGHTS, "adam"),
    ("adamw", {**WEIGHTS, "weight_decay": 0.125}, "adam/decay-decoupled"),
    ("amsgrad", WEIGHTS, "amsgrad/maximum-corrected"),
    ("nadam", WEIGHTS, "nadam"),
    ("radam", WEIGHTS, "radam"),
    ("adamax", WEIGHTS, "adamax/eps-on-gradient"),
    ("adagrad", SUMS, "adagrad/eps-inside/from-given"),
    ("rmsprop", SQUARES, "rmsprop/eps-inside"),
    ("rmsprop", {**SQUARES, "initial_second_moment": 0.5}, "rmsprop/eps-inside/from-given"),
    ("rmsprop", {**SQUARES, "eps_in_sqrt": False}, "rmsprop"),
    ("rmsprop", {**SQUARES, "centered": True}, "rmsprop/eps-inside/centered"),
    ("rmsprop", {**SQUARES, "momentum": 0.9}, "rmsprop/lr-inside/eps-inside"),
    ("rmsprop", {**SQUARES, "momentum": 0.9, "eps_in_sqrt": False}, "rmsprop/lr-inside"),
    ("adadelta", SQUARES, "adadelta/lr-outside"),
    ("rprop", SIGNS, "rprop/improved-minus/stale-step"),
    ("sign_sgd", {}, "sign-sgd"),
    ("signum", {"decay": 0.75}, "signum"),
    ("adabelief", {**WEIGHTS, "eps_root": 2.0**-8}, "adabelief"),
    ("adabelief", {**WEIGHTS, "eps_root": 2.0**-8, "nesterov": True}, "adabelief/ahead"),
    ("scale_by_yogi", {**WEIGHTS, "initial_second_moment": 0.5}, "yogi/correction-both/from-both-given"),
    ("adan", {**WEIGHTS, "beta3": 0.8125, "eps_root": 0.0, "weight_decay": 0.125}, "adan/complement-of-change/decay-decoupled"),
    ("contrib:ademamix", {**WEIGHTS, "beta3": 0.8125, "slow_weight": 3.0, "weight_decay": 0.125}, "ademamix/decay-decoupled"),
    ("lion", {"beta1": 0.875, "beta2": 0.9375, "weight_decay": 0.125}, "lion/decay-decoupled"),
]


def target(name):
    """The target of an optimizer of optax, or of one of its modules."""
    return f"optax.{name}" if ":" in name else f"optax:{name}"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "settings", "convention"), FOLLOWED)
def test_what_an_optimizer_follows(name, settings, convention, dtype):
    points, _ = run_library(target(name), settings, dtype)
    assert error(points, convention, settings) <= 1


def test_rprop_is_one_step_late():
    points, _ = run_library("optax:rprop", SIGNS, "float64")
    assert np.array_equal(points[0], THETA)
    assert error(points, "rprop/improved-minus", SIGNS) > 1000


def test_amsgrad_takes_the_maximum_of_what_is_corrected():
    points, _ = run_library("optax:amsgrad", WEIGHTS, "float64")
    assert error(points, "amsgrad", WEIGHTS) > 1000


@pytest.mark.parametrize(
    ("settings", "convention"),
    [({}, "gradient-descent"), ({"momentum": 0.9}, "heavy-ball/lr-outside"), ({"momentum": 0.9, "nesterov": True}, "nesterov/lr-outside")],
)
def test_sgd(settings, convention):
    result = check_in_process("optax:sgd", **settings)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, convention), result.message


def test_our_names():
    parameters = load_implementation("optax:rmsprop").parameters
    assert {"decay": 0.9, "eps": 1e-8, "initial_second_moment": 0.0, "momentum": 0.0, "eps_in_sqrt": True}.items() <= parameters.items()
    assert load_implementation("optax:adam").parameters["lr"] is REQUIRED
    assert set(SIGNS) == set(load_implementation("optax:rprop").parameters)
    assert load_implementation("optax:nadam").parameters["nesterov"] is True


def test_what_it_remembers():
    _, state = run_library("optax:adam", WEIGHTS, "float64")
    assert (state.first_moment.shape, state.second_moment.dtype, int(state.steps)) == ((3,), np.float64, len(LRS))
    assert {"mean_sq", "mean_grad", "velocity"} <= set(
        vars(run_library("optax:rmsprop", {"centered": True, "momentum": 0.9}, "float32")[1])
    )


MADE = optax.sgd(0.25, momentum=0.9)


def test_one_that_stands_made_keeps_its_rate():
    subject = load_implementation(f"{__name__}:MADE")
    assert (dict(subject.parameters), subject.library) == ({}, "optax")
    run = subject.start(THETA, 1.0, {})
    assert (run.changes_lr, list(run.step(np.ones(3), 1.0))) == (False, list(THETA - 0.25))


def mine(learning_rate, mu=0.5) -> "optax.GradientTransformation":
    return optax.chain(optax.trace(mu), optax.scale(-learning_rate))


def test_a_function_of_ones_own_that_makes_one():
    points, _ = run_library(f"{__name__}:mine", {"mu": 0.9}, "float64")
    assert list(points[0]) == list(THETA - LRS[0] * GRADS[0])
    assert error(points, "heavy-ball/lr-outside", {"momentum": 0.9}) <= 1


def test_a_rate_that_is_no_schedule_is_injected():
    run = load_implementation("optax:fromage").start(THETA, 0.25, {})
    far, near = (np.linalg.norm(run.step(np.ones(3), lr) - THETA) for lr in (0.25, 0.0))
    assert far > 0.1
    assert near == pytest.approx(far, rel=0.1)


def test_nothing_of_jax_is_changed():
    import jax

    run_library("optax:adam", {}, "float64")
    assert jax.numpy.ones(1).dtype == np.float32


# --- functions --------------------------------------------------------------------------------------------------------------------------

AGREEING = [
    "losses:softmax_cross_entropy_with_integer_labels",
    "losses:sigmoid_binary_cross_entropy",
    "losses:squared_error",
    "losses:l2_loss",
    "losses:huber_loss",
    "losses:kl_divergence",
    "transforms:clip_by_block_rms",
    "schedules:constant_schedule",
    "schedules:exponential_decay",
    "schedules:piecewise_constant_schedule",
    "schedules:linear_schedule",
    "schedules:polynomial_schedule",
    "schedules:cosine_decay_schedule",
    "schedules:cosine_onecycle_schedule",
    "schedules:warmup_cosine_decay_schedule",
    "transforms:ema",
]


@pytest.mark.parametrize("name", [*(f"optax.{name}" for name in AGREEING), "optax:incremental_update"])
def test_functions_are_what_they_claim_to_be(name):
    for formula, subject in functions_of(name).items():
        assert not differences(subject), formula


@pytest.mark.parametrize(
    ("name", "convention"),
    [
        ("optax.losses:triplet_margin_loss", "loss.triplet/distances-with-eps"),
        ("optax:adaptive_grad_clip", "optimizers.clip.adaptive/one-input-one-unit"),
    ],
)
def test_functions_that_deviate(name, convention):
    result = check_function_in_process(name)
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, convention), result.message


@pytest.mark.parametrize(
    ("name", "is_exact"),
    [
        ("normal", True),
        ("uniform", True),
        ("glorot_uniform", True),
        ("he_uniform", True),
        ("truncated_normal", True),
        ("orthogonal", True),
        ("glorot_normal", False),
        ("he_normal", False),
        ("lecun_normal", False),
    ],
)
def test_initializers_of_jax(name, is_exact):
    result = initializer_result(f"jax.nn.initializers:{name}")
    assert result["verdict"] == (Verdict.CONFORMS if is_exact else Verdict.DEVIATES), result["message"]
    assert is_exact or result["axes"]["distribution"] == "truncated-corrected"  # cut at two deviations and corrected for that


def test_several_arrays_resuming_and_modes():
    result = check_in_process("optax:adam", dtype="float32")
    assert result.verdict == Verdict.CONFORMS, result.message
    assert result.tried == ("several arrays", "resuming from a saved state")
    result = with_modes(result, Task("optax:adam", dtype="float32"), InProcessRunner(), ("jit", "vmap"), 30)
    assert [(mode.name, mode.conforms) for mode in result.modes] == [("default", True), ("jit", True), ("vmap", True)], result.message
