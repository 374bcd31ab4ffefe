"""Optax: what its optimizers follow, as the adapter drives them."""

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.implementation import REQUIRED
from trainspec.spec.conformance.loading import load_implementation

from . import library_forms as forms
from .agreement import differences, functions_of, initializer_result
from .helpers import check_in_process
from .library_forms import SIGNS, SQUARES, SUMS, WEIGHTS, error, run_library

optax = pytest.importorskip("optax")

FOLLOWED = [
    ("sgd", {}, forms.GD),
    ("sgd", {"momentum": 0.9}, forms.HEAVY_BALL_LR_OUTSIDE),
    ("sgd", {"momentum": 0.9, "nesterov": True}, forms.NESTEROV_LR_OUTSIDE),
    ("trace", {"momentum": 0.9}, forms.HEAVY_BALL_LR_OUTSIDE),
    ("adam", WEIGHTS, forms.ADAM),
    ("adam", {**WEIGHTS, "eps_root": 2.0**-8}, forms.ADAM),
    ("scale_by_adam", WEIGHTS, forms.ADAM),
    ("adamw", {**WEIGHTS, "weight_decay": 0.125}, forms.ADAMW),
    ("amsgrad", WEIGHTS, forms.AMSGRAD_CORRECTED_MAXIMUM),
    ("nadam", WEIGHTS, forms.NADAM_CONSTANT),
    ("radam", WEIGHTS, forms.RADAM),
    ("adamax", WEIGHTS, forms.ADAMAX_EPS_ON_GRADIENT),
    ("adagrad", SUMS, forms.ADAGRAD_EPS_INSIDE),
    ("rmsprop", SQUARES, forms.RMSPROP_EPS_INSIDE),
    ("rmsprop", {**SQUARES, "initial_second_moment": 0.5}, forms.RMSPROP_EPS_INSIDE),
    ("rmsprop", {**SQUARES, "eps_in_sqrt": False}, forms.RMSPROP),
    ("rmsprop", {**SQUARES, "centered": True}, forms.CENTRED_EPS_INSIDE),
    ("rmsprop", {**SQUARES, "momentum": 0.9}, forms.RMSPROP_HEAVY_BALL_EPS_INSIDE),
    ("rmsprop", {**SQUARES, "momentum": 0.9, "eps_in_sqrt": False}, forms.RMSPROP_HEAVY_BALL),
    ("adadelta", SQUARES, forms.ADADELTA_TIMES_LR),
    ("rprop", SIGNS, forms.IRPROP_MINUS_STALE),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "settings", "form"), FOLLOWED)
def test_what_an_optimizer_follows(name, settings, form, dtype):
    points, _ = run_library(f"optax:{name}", settings, dtype)
    assert error(points, form, settings) <= 1


def test_rprop_is_one_step_late():
    points, _ = run_library("optax:rprop", SIGNS, "float64")
    assert np.array_equal(points[0], forms.THETA)
    assert error(points, forms.IRPROP_MINUS, SIGNS) > 1000


def test_amsgrad_takes_the_maximum_of_what_is_corrected():
    points, _ = run_library("optax:amsgrad", WEIGHTS, "float64")
    assert error(points, forms.AMSGRAD, WEIGHTS) > 1000


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
    assert (state.first_moment.shape, state.second_moment.dtype, int(state.steps)) == ((3,), np.float64, len(forms.LRS))
    assert {"mean_sq", "mean_grad", "velocity"} <= set(
        vars(run_library("optax:rmsprop", {"centered": True, "momentum": 0.9}, "float32")[1])
    )


MADE = optax.sgd(0.25, momentum=0.9)


def test_one_that_stands_made_keeps_its_rate():
    subject = load_implementation(f"{__name__}:MADE")
    assert (dict(subject.parameters), subject.library) == ({}, "optax")
    run = subject.start(forms.THETA, 1.0, {})
    assert (run.changes_lr, list(run.step(np.ones(3), 1.0))) == (False, list(forms.THETA - 0.25))


def mine(learning_rate, mu=0.5) -> "optax.GradientTransformation":
    return optax.chain(optax.trace(mu), optax.scale(-learning_rate))


def test_a_function_of_ones_own_that_makes_one():
    points, _ = run_library(f"{__name__}:mine", {"mu": 0.9}, "float64")
    assert list(points[0]) == list(forms.THETA - forms.LRS[0] * forms.GRADS[0])
    assert error(points, forms.HEAVY_BALL_LR_OUTSIDE, {"momentum": 0.9}) <= 1


def test_a_rate_that_is_no_schedule_is_injected():
    run = load_implementation("optax:fromage").start(forms.THETA, 0.25, {})
    far, near = (np.linalg.norm(run.step(np.ones(3), lr) - forms.THETA) for lr in (0.25, 0.0))
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
    "schedules:constant_schedule",
    "schedules:exponential_decay",
    "schedules:piecewise_constant_schedule",
    "schedules:linear_schedule",
    "schedules:polynomial_schedule",
    "transforms:ema",
]


@pytest.mark.parametrize("name", [*(f"optax.{one}" for one in AGREEING), "optax:incremental_update"])
def test_functions_are_what_they_claim_to_be(name):
    for formula, subject in functions_of(name).items():
        assert not differences(subject), formula


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
