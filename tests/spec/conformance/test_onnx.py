"""ONNX: what the training operators follow, as the reference evaluator runs them."""

import numpy as np
import pytest
from trainspec.reference.normalization import RunningStats, running_stats
from trainspec.spec.conformance import Verdict
from trainspec.spec.conformance.loading import load_implementation

from .agreement import differences, functions_of
from .helpers import check_in_process
from .library_runs import LRS, WEIGHTS, error, run_library

pytest.importorskip("onnx")

FOLLOWED = [
    ("Momentum", {"momentum": 0.75}, "heavy-ball/lr-outside"),
    ("Momentum", {"momentum": 0.75, "nesterov": True}, "nesterov/lr-outside"),
    ("Adagrad", {"eps": 2.0**-6, "lr_decay": 0.25}, "adagrad"),
]


def operator(name):
    return f"onnx.reference.ops.aionnx_preview_training.op_{name.lower()}:{name}"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "settings", "convention"), FOLLOWED)
def test_what_an_optimizer_follows(name, settings, convention, dtype):
    points, _ = run_library(operator(name), settings, dtype)
    assert error(points, convention, settings) <= 1


def single(settings):
    return {name: float(np.float32(value)) for name, value in settings.items()}


def test_adam_counts_from_zero_and_rounds_its_attributes():
    points, _ = run_library(operator("Adam"), WEIGHTS, "float64")
    assert error(points, "adam/eps-hat/correction-first-step-late", single(WEIGHTS)) <= 1
    assert error(points, "adam/eps-hat/correction-first-step-late", WEIGHTS) > 1000
    assert error(points, "adam/eps-hat", single(WEIGHTS)) > 1000


def test_adam_gives_float64_for_float32():
    result = check_in_process(operator("Adam"), dtype="float32")
    assert [fault.kind for fault in result.faults] == ["dtype-upcast"]


@pytest.mark.parametrize(
    ("settings", "convention"),
    [
        ({"momentum": 0.75}, "heavy-ball/lr-outside"),
        ({"momentum": 0.75, "dampening": 0.5}, "heavy-ball/lr-outside/first-step-full"),
        ({"momentum": 0.75, "nesterov": True}, "nesterov/lr-outside"),
    ],
)
def test_momentum(settings, convention):
    result = check_in_process(operator("Momentum"), **settings)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, convention), result.message


def test_our_names_and_what_it_remembers():
    momentum, adam = (load_implementation(operator(name)).parameters for name in ("Momentum", "Adam"))
    assert {"dampening": 0.0, "nesterov": False, "weight_decay": 0.0}.items() <= momentum.items()
    assert single({"beta1": 0.9, "beta2": 0.999, "eps": 1e-6}).items() <= adam.items()
    _, state = run_library(operator("Adam"), {}, "float64")
    assert (state.first_moment.shape, state.second_moment.shape, int(state.steps)) == ((3,), (3,), len(LRS))


OPERATORS = [
    "batch_normalization:BatchNormalization_14",
    "layer_normalization:LayerNormalization",
    "instance_normalization:InstanceNormalization",
    "rms_normalization:RMSNormalization",
    "softmax_cross_entropy_loss:SoftmaxCrossEntropyLoss",
    "softmax:Softmax",
    "sigmoid:Sigmoid",
]


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_what_they_claim_to_be(name):
    for formula, subject in functions_of(f"onnx.reference.ops.op_{name}").items():
        assert not differences(subject, dtype="float32" if formula == "norm.batch.running" else "float64"), formula


def test_the_momentum_of_running_statistics_is_rounded_to_float32():
    subject = functions_of("onnx.reference.ops.op_batch_normalization:BatchNormalization_14")["norm.batch.running"]
    state, x = RunningStats(np.array([2.0]), np.array([0.5])), np.array([[1.0], [4.0]])
    got = subject.call(state=state, x=x, momentum=0.9)
    np.testing.assert_allclose(got, running_stats(state, x, momentum=float(np.float32(0.9))), rtol=2.0**-50)
    assert abs(got.mean[0] - running_stats(state, x, momentum=0.9).mean[0]) > 1e-9
