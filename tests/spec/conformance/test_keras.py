"""Keras 3: what its optimizers follow, as the adapter drives them."""

import os

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.loading import import_environment, load_implementation

from .agreement import differences, functions_of, initializer_result
from .helpers import check_in_process
from .library_runs import LRS, SQUARES, SUMS, WEIGHTS, error, run_library

pytest.importorskip("jax")
with import_environment():
    keras = pytest.importorskip("keras")

FOLLOWED = [
    ("SGD", {}, "gradient-descent"),
    ("SGD", {"momentum": 0.9}, "heavy-ball/lr-inside"),
    ("SGD", {"momentum": 0.9, "nesterov": True}, "nesterov/lr-inside"),
    ("Adam", WEIGHTS, "adam/eps-hat"),
    ("AdamW", {**WEIGHTS, "weight_decay": 0.125}, "adam/eps-hat/decay-decoupled"),
    ("Adam", {**WEIGHTS, "weight_decay": 0.125}, "adam/eps-hat/decay-decoupled"),
    ("Adam", {**WEIGHTS, "amsgrad": True}, "amsgrad/eps-hat"),
    ("Nadam", WEIGHTS, "nadam/schedule-dozat-in-blend-fast"),
    ("Adamax", WEIGHTS, "adamax"),
    ("Adagrad", SUMS, "adagrad/eps-inside/from-given"),
    ("RMSprop", SQUARES, "rmsprop/eps-inside"),
    ("RMSprop", {**SQUARES, "centered": True}, "rmsprop/eps-inside/centered"),
    ("RMSprop", {**SQUARES, "momentum": 0.9}, "rmsprop/lr-inside/eps-inside"),
    ("Adadelta", SQUARES, "adadelta/lr-outside"),
    ("Lion", {"beta1": 0.875, "beta2": 0.9375, "weight_decay": 0.125}, "lion/decay-decoupled"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "settings", "convention"), FOLLOWED)
def test_what_an_optimizer_follows(name, settings, convention, dtype):
    points, _ = run_library(f"keras.optimizers:{name}", settings, dtype)
    assert error(points, convention, settings) <= 1


@pytest.mark.parametrize(
    ("settings", "convention"),
    [({}, "gradient-descent"), ({"momentum": 0.9}, "heavy-ball/lr-inside"), ({"momentum": 0.9, "nesterov": True}, "nesterov/lr-inside")],
)
def test_sgd(settings, convention):
    result = check_in_process("keras.optimizers:SGD", **settings)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, convention), result.message


def test_our_names():
    parameters = load_implementation("keras.optimizers:Adam").parameters
    assert {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "weight_decay": 0.0, "clipnorm": None}.items() <= parameters.items()
    assert {"decay": 0.95}.items() <= load_implementation("keras.optimizers:Adadelta").parameters.items()


def test_what_it_remembers():
    _, state = run_library("keras.optimizers:RMSprop", {"centered": True, "momentum": 0.9}, "float64")
    assert {"mean_sq", "mean_grad", "velocity", "steps"} == set(vars(state))
    assert (state.mean_sq.dtype, int(state.steps)) == (np.float64, len(LRS))


def test_nothing_is_changed():
    run_library("keras.optimizers:Adam", {}, "float64")
    assert keras.config.floatx() == "float32"
    assert "KERAS_BACKEND" not in os.environ


# --- functions --------------------------------------------------------------------------------------------------------------------------

IN_SINGLE = [
    "layers:BatchNormalization",
    "layers:LayerNormalization",
    "layers:GroupNormalization",
    "layers:RMSNormalization",
    "losses:SparseCategoricalCrossentropy",
    "losses:BinaryCrossentropy",
]
IN_DOUBLE = [
    "losses:SparseCategoricalCrossentropy",
    "optimizers.schedules:ExponentialDecay",
    "optimizers.schedules:InverseTimeDecay",
    "optimizers.schedules:PiecewiseConstantDecay",
    "optimizers.schedules:PolynomialDecay",
    "callbacks:ReduceLROnPlateau",
]


@pytest.mark.parametrize(("name", "dtype"), [*((name, "float32") for name in IN_SINGLE), *((name, "float64") for name in IN_DOUBLE)])
def test_functions_are_what_they_claim_to_be(name, dtype):
    for formula, subject in functions_of(f"keras.{name}").items():
        assert not differences(subject, dtype=dtype), formula


@pytest.mark.parametrize(
    ("name", "formula"), [("layers:LayerNormalization", "norm.layer"), ("losses:BinaryCrossentropy", "loss.logistic.binary")]
)
def test_means_are_taken_in_single_precision(name, formula):
    worst = max(error for error, _ in differences(functions_of(f"keras.{name}")[formula]))
    assert 1e5 < worst * 2 < 1e10


@pytest.mark.parametrize(("name", "formulas"), [("CosineDecay", 2), ("CosineDecayRestarts", 1)])
def test_cosines_are_taken_in_single_precision(name, formulas):
    subjects = functions_of(f"keras.optimizers.schedules:{name}")
    assert len(subjects) == formulas
    for subject in subjects.values():
        assert 1e5 < max(error for error, _ in differences(subject)) < 1e10


@pytest.mark.parametrize("name", ["MeanSquaredError", "Huber"])
def test_losses_that_take_the_mean_over_outputs(name):
    for subject in functions_of(f"keras.losses:{name}").values():
        different = differences(subject, dtype="float32")
        assert different
        assert all(values["predictions"].shape[1] > 1 for _, values in different)


@pytest.mark.parametrize(
    ("name", "is_exact"),
    [
        ("RandomNormal", True),
        ("RandomUniform", True),
        ("GlorotUniform", True),
        ("HeUniform", True),
        ("TruncatedNormal", True),
        ("Orthogonal", True),
        ("GlorotNormal", False),
        ("HeNormal", False),
        ("LecunNormal", False),
    ],
)
def test_initializers(name, is_exact):
    result = initializer_result(f"keras.initializers:{name}")
    assert result["verdict"] == (Verdict.CONFORMS if is_exact else Verdict.DEVIATES), result["message"]
    assert is_exact or result["axes"]["distribution"] == "truncated-corrected"  # cut at two deviations and corrected for that


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # its own
def test_several_variables_and_resuming():
    result = check_in_process("keras.optimizers:Adam", dtype="float32")
    assert result.verdict == Verdict.CONFORMS, result.message
    assert result.tried == ("several arrays", "resuming from a saved state")
