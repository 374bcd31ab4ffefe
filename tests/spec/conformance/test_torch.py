"""torch: torch.optim.SGD in all its forms, and what the other optimizers follow, as the adapter drives them."""

import numpy as np
import pytest
from trainspec.spec.conformance import Verdict, check
from trainspec.spec.conformance.implementation import NotFound, Task
from trainspec.spec.conformance.loading import load_implementation
from trainspec.spec.conformance.optimizers.modes import with_modes
from trainspec.spec.conformance.sandbox import InProcessRunner

from .agreement import differences, functions_of, initializer_result
from .helpers import check_function_in_process, check_in_process, valid_record
from .library_runs import SIGNS, SQUARES, SUMS, WEIGHTS, error, run_library

torch = pytest.importorskip("torch")

SGD = "torch.optim:SGD"
FORMS = [
    ({}, "gradient-descent"),
    ({"momentum": 0.9}, "heavy-ball/lr-outside"),
    ({"momentum": 0.9, "nesterov": True}, "nesterov/lr-outside"),
    ({"momentum": 0.9, "dampening": 0.5}, "heavy-ball/lr-outside/first-step-full"),
    ({"momentum": 0.9, "dampening": 0.9}, "heavy-ball/lr-outside/first-step-full"),
    ({"momentum": 0.9, "foreach": True}, "heavy-ball/lr-outside"),
    ({"momentum": 0.9, "fused": True}, "heavy-ball/lr-outside"),
    ({"momentum": 0.9, "lr": 0.01}, "heavy-ball/lr-outside"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("settings", "convention"), FORMS)
def test_sgd(settings, convention, dtype):
    result = check_in_process(SGD, dtype=dtype, **settings)
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, convention), result.message
    assert result.error_in_bounds <= 1
    assert result.margin > 1000


def test_maximize_ascends():
    result = check_in_process(SGD, momentum=0.9, maximize=True)
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, "heavy-ball/lr-outside/ascent-sign")
    assert (result.divergence.step, result.divergence.coordinate) == (1, 0)


def test_weight_decay_is_coupled():
    result = check_in_process(SGD, momentum=0.9, weight_decay=0.1)
    assert (result.verdict, result.axes["weight_decay"]) == (Verdict.CONFORMS, "coupled")


def test_what_torch_refuses_is_reported():
    result = check_in_process(SGD, momentum=0.9, dampening=0.5, nesterov=True)
    assert (result.exit_code, result.faults[0].kind) == (2, "raises")
    assert "Nesterov momentum requires a momentum and zero dampening" in result.message


def test_another_family_is_named():
    result = check_in_process("torch.optim:Adam")
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "adam")


class MySGD(torch.optim.SGD):
    pass


def test_a_class_of_ones_own_that_derives_from_torchs():
    result = check_in_process(MySGD, momentum=0.9)
    assert result.convention == "heavy-ball/lr-outside"
    assert result.message.startswith("tests.spec.conformance.test_torch:MySGD follows")


def test_in_a_process_of_its_own():
    result = check(torch.optim.SGD, {"momentum": 0.9}, modes=("foreach",))
    assert [mode.conforms for mode in result.modes] == [True, True]
    assert result.verdict == Verdict.CONFORMS
    version = torch.__version__.partition("+")[0]
    assert result.message.startswith(f"torch.optim.sgd.SGD {version} follows heavy ball with the learning rate outside the velocity")
    assert result.environment["library_version"].startswith(version)


FOLLOWED = [
    ("SGD", {}, "gradient-descent"),
    ("SGD", {"momentum": 0.9}, "heavy-ball/lr-outside"),
    ("SGD", {"momentum": 0.9, "nesterov": True}, "nesterov/lr-outside"),
    ("Adam", WEIGHTS, "adam"),
    ("Adam", {**WEIGHTS, "weight_decay": 0.125}, "adam/decay-coupled"),
    ("AdamW", {**WEIGHTS, "weight_decay": 0.125}, "adam/decay-decoupled"),
    ("Adam", {**WEIGHTS, "amsgrad": True}, "amsgrad"),
    ("SparseAdam", WEIGHTS, "adam/eps-hat"),
    ("RAdam", WEIGHTS, "radam/eps-hat"),
    ("Adamax", WEIGHTS, "adamax/eps-on-gradient"),
    ("Adagrad", {**SUMS, "lr_decay": 0.25}, "adagrad/from-given"),
    ("RMSprop", SQUARES, "rmsprop"),
    ("RMSprop", {**SQUARES, "centered": True}, "rmsprop/centered"),
    ("RMSprop", {**SQUARES, "momentum": 0.9}, "rmsprop/lr-outside"),
    ("Adadelta", SQUARES, "adadelta/lr-outside"),
    ("Rprop", SIGNS, "rprop/improved-minus"),
]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "settings", "convention"), FOLLOWED)
def test_what_an_optimizer_follows(name, settings, convention, dtype):
    points, _ = run_library(f"torch.optim:{name}", settings, dtype)
    assert error(points, convention, settings) <= 1


def test_nadam_keeps_the_product_of_its_schedule_in_float32():
    settings, convention = {**WEIGHTS, "momentum_decay": 0.25}, "nadam/schedule-dozat-in-blend"
    points, state = run_library("torch.optim:NAdam", settings, "float64")
    assert (state.mu_product.dtype, state.second_moment.dtype) == (np.float32, np.float64)
    assert error(points, convention, settings) > 1000
    assert error(run_library("torch.optim:NAdam", settings, "float32")[0], convention, settings) <= 1


@pytest.mark.parametrize(("name", "convention"), [("Adamax", "adamax"), ("RAdam", "radam"), ("SparseAdam", "adam")])
def test_what_it_does_not_follow(name, convention):
    assert error(run_library(f"torch.optim:{name}", WEIGHTS, "float64")[0], convention, WEIGHTS) > 1000


def test_our_names():
    adam = load_implementation("torch.optim:Adam").parameters
    assert {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "foreach": None}.items() <= adam.items()
    assert SIGNS.keys() <= load_implementation("torch.optim:Rprop").parameters.keys()
    assert "lr" not in load_implementation("torch.optim:Rprop").parameters
    assert load_implementation("torch.optim:Adadelta").parameters["decay"] == 0.9
    assert "decay" not in load_implementation("torch.optim:ASGD").parameters


def test_one_of_two_that_belong_together_is_given():
    points, _ = run_library("torch.optim:Adam", {"beta2": 0.95}, "float64")
    assert error(points, "adam", {"beta1": 0.9, "beta2": 0.95, "eps": 1e-8}) <= 1


def test_what_it_remembers():
    _, state = run_library("torch.optim:Adam", {"amsgrad": True}, "float64")
    assert {"first_moment", "second_moment", "max_second_moment", "steps"} == set(vars(state))
    assert "velocity" in vars(run_library("torch.optim:SGD", {"momentum": 0.9}, "float32")[1])


def test_one_that_needs_the_loss_is_refused():
    with pytest.raises(NotFound, match="LBFGS evaluates the loss itself"):
        load_implementation("torch.optim:LBFGS")


# --- several parameters ---------------------------------------------------------------------------------------------------------------


class PlainAdam(torch.optim.Optimizer):
    """Adam as it is written by hand; subclasses make one mistake."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})
        self.steps = 0

    def step(self, closure=None):
        self.steps += 1
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.move(parameter, self.state[parameter], group)

    @torch.no_grad()
    def move(self, parameter, state, group):
        beta1, beta2 = group["betas"]
        state["step"] = state.get("step", 0) + 1
        state["m"] = state.get("m", 0 * parameter) * beta1 + (1 - beta1) * parameter.grad
        state["v"] = state.get("v", 0 * parameter) * beta2 + (1 - beta2) * parameter.grad**2
        step = self.step_of(state)
        parameter.sub_(group["lr"] * state["m"] / (1 - beta1**step) / ((state["v"] / (1 - beta2**step)).sqrt() + group["eps"]))

    def step_of(self, state):
        return state["step"]


class CountsEveryParameter(PlainAdam):
    def step_of(self, state):
        self.count = getattr(self, "count", 0) + 1
        return self.count


class LosesItsStep(PlainAdam):
    def step_of(self, state):
        return self.steps


class ReadsTheFirstGroupsRate(PlainAdam):
    def move(self, parameter, state, group):
        super().move(parameter, state, {**group, "lr": self.param_groups[0]["lr"]})


class ReadsTheFirstGroupsBetas(PlainAdam):
    def move(self, parameter, state, group):
        super().move(parameter, state, {**group, "betas": self.param_groups[0]["betas"]})


class UpdatesTheFirstGroupOnly(PlainAdam):
    def step(self, closure=None):
        for parameter in self.param_groups[0]["params"]:
            if parameter.grad is not None:
                self.move(parameter, self.state[parameter], self.param_groups[0])


@pytest.mark.parametrize("name", ["SGD", "AdamW", "Rprop"])
@pytest.mark.parametrize("mode", ["foreach", "fused"])
def test_several_parameters(name, mode):
    if (name, mode) == ("Rprop", "fused"):
        pytest.skip("torch has none")
    result = check_in_process(f"torch.optim:{name}", dtype="float32", **{mode: True})
    assert result.verdict == Verdict.CONFORMS, result.message
    assert result.tried == ("several arrays", "gradients that are None", "parameter groups", "resuming from a saved state")


MISTAKES = {
    CountsEveryParameter: "moves as at step 2: the step counter is shared between arrays",
    LosesItsStep: "it goes on with another count: its steps is 0 where it was 9",
    ReadsTheFirstGroupsRate: "the array of the second group has the learning rate of the first group",
    ReadsTheFirstGroupsBetas: "the array of the second group has beta1 and beta2 of the first group",
    UpdatesTheFirstGroupOnly: "with parameter groups, the array of the second group does not move",
}


@pytest.mark.parametrize("implementation", MISTAKES)
def test_mistakes_with_several_parameters(implementation):
    assert check_in_process(PlainAdam).verdict == Verdict.CONFORMS
    result = check_in_process(implementation)
    assert result.verdict == Verdict.DEVIATES, result.message
    assert MISTAKES[implementation] in result.message


# --- modes ----------------------------------------------------------------------------------------------------------------------------


class WrongOverManyTensors(PlainAdam):
    """Right but over all tensors at once."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, foreach=None):
        super().__init__(params, lr, betas, eps)
        self.foreach = foreach

    def step_of(self, state):
        return state["step"] + bool(self.foreach)


def judged_in_modes(target, modes):
    """Return the result of an optimizer with that of its modes."""
    return with_modes(check_in_process(target, dtype="float32"), Task(target, dtype="float32"), InProcessRunner(), modes, 30)


def test_modes_are_compared_with_the_formula_and_with_each_other():
    result = judged_in_modes("torch.optim:Adam", ("foreach", "fused", "differentiable", "jit"))
    right = [(name, True) for name in ("default", "foreach", "fused", "differentiable")]
    assert [(mode.name, mode.conforms) for mode in result.modes] == [*right, ("jit", None)]
    assert result.verdict == Verdict.CONFORMS
    assert "jit is refused (Adam has no jit)" in result.message
    wrong = judged_in_modes(f"{__name__}:WrongOverManyTensors", ("foreach",))
    assert (wrong.verdict, [mode.conforms for mode in wrong.modes]) == (Verdict.DEVIATES, [True, False])
    assert wrong.message.startswith("In foreach it deviates: ")
    assert wrong.modes[0].furthest == "foreach"
    assert wrong.modes[0].distance_in_bounds > 1000
    valid_record(wrong)


# --- functions --------------------------------------------------------------------------------------------------------------------------

AGREEING = [
    "nn:BatchNorm1d",
    "nn:BatchNorm2d",
    "nn:LayerNorm",
    "nn:GroupNorm",
    "nn:InstanceNorm1d",
    "nn:InstanceNorm2d",
    "nn:RMSNorm",
    "nn.utils.parametrizations:weight_norm",
    "nn.utils:weight_norm",
    "nn:CrossEntropyLoss",
    "nn.functional:cross_entropy",
    "nn:BCEWithLogitsLoss",
    "nn.functional:binary_cross_entropy_with_logits",
    "nn:SoftMarginLoss",
    "nn.functional:soft_margin_loss",
    "nn:Softmax",
    "nn.functional:softmax",
    "nn:Sigmoid",
    "nn:KLDivLoss",
    "nn:TripletMarginWithDistanceLoss",
    "nn.utils:clip_grads_with_norm_",
    "nn.utils:clip_grad_norm_",
    "nn.utils:clip_grad_value_",
    "nn:LogSoftmax",
    "nn:GELU",
    "nn.functional:gelu",
    "nn:SiLU",
    "nn:SELU",
    "nn:Mish",
    "nn:Softplus",
    "nn:ELU",
    "nn:LeakyReLU",
    "optim.lr_scheduler:StepLR",
    "optim.lr_scheduler:MultiStepLR",
    "optim.lr_scheduler:ExponentialLR",
    "optim.lr_scheduler:LinearLR",
    "optim.lr_scheduler:PolynomialLR",
    "optim.lr_scheduler:CosineAnnealingLR",
    "optim.lr_scheduler:CosineAnnealingWarmRestarts",
    "optim.lr_scheduler:OneCycleLR",
    "optim.lr_scheduler:ReduceLROnPlateau",
    "optim.swa_utils:AveragedModel",
    "optim.swa_utils:get_ema_avg_fn",
    "optim.swa_utils:get_ema_multi_avg_fn",
]
REFUSED = (
    "eps must be positive during training",
    "more than 1 value per channel",
    "more than 1 spatial element",
    "margin to be greater than 0",
)


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
@pytest.mark.parametrize("name", AGREEING)
def test_functions_are_what_they_claim_to_be(name):
    for formula, subject in functions_of(f"torch.{name}").items():
        assert not differences(subject, REFUSED), formula


@pytest.mark.parametrize("name", ["nn:BatchNorm2d", "nn:LayerNorm", "nn:CrossEntropyLoss"])
def test_functions_in_single_precision(name):
    for formula, subject in functions_of(f"torch.{name}").items():
        assert not differences(subject, REFUSED, "float32"), formula


@pytest.mark.parametrize("name", ["MSELoss", "HuberLoss", "SmoothL1Loss"])
def test_losses_that_take_the_mean_over_all_entries(name):
    for subject in functions_of(f"torch.nn:{name}").values():
        assert subject.bound_arguments["reduction"] == "mean"
        different = differences(subject)
        assert different
        assert all(values["predictions"].shape[1] > 1 for _, values in different)


@pytest.mark.parametrize("name", ["nn:TripletMarginLoss"])
def test_triplets_of_distances(name):
    result = check_function_in_process(f"torch.{name}")
    assert (result.verdict, result.convention) == (Verdict.DEVIATES, "loss.triplet/distances-of-shifted-differences"), result.message


INITIALIZERS = (
    "normal_",
    "uniform_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "trunc_normal_",
    "orthogonal_",
)


@pytest.mark.parametrize("name", [*(f"nn.init:{name}" for name in INITIALIZERS), "nn:Linear"])
def test_initializers(name):
    assert initializer_result(f"torch.{name}")["verdict"] == Verdict.CONFORMS


def test_sparse_counts_the_outputs_of_an_input():
    result = initializer_result("torch.nn.init:sparse_")
    assert (result["verdict"], result["convention"]) == (Verdict.DEVIATES, "init.sparse/per-input")


def test_seeds_of_torch_are_left_alone():
    before = torch.random.get_rng_state()
    initializer_result("torch.nn.init:normal_")
    assert torch.equal(before, torch.random.get_rng_state())
