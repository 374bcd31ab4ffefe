"""Implementations: found by name or by object, with hyper-parameters of their own; faults are reported as what they are."""

import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
from trainspec.spec.conformance import Verdict, check, identify, loading
from trainspec.spec.conformance.hyperparameters import InvalidSettings
from trainspec.spec.conformance.implementation import REQUIRED, NotFound, Task
from trainspec.spec.conformance.judging import parse_against
from trainspec.spec.conformance.loading import import_path, load_implementation, load_object
from trainspec.spec.conformance.optimizers.runner import plan_runs
from trainspec.spec.conformance.plain import ClassImplementation

from .corpus import correct_optimizers as correct
from .corpus import misbehaving_optimizers as misbehaving
from .helpers import check_in_process

pytestmark = pytest.mark.sampled(2)

HERE = correct.__name__


def fault_of(result):
    (fault,) = result.faults
    return fault


@pytest.mark.parametrize("implementation", [kind for kind in misbehaving.CLASSES if kind.__name__ not in misbehaving.IN_THEIR_OWN_PROCESS])
def test_faults_are_reported(implementation):
    result = check_in_process(implementation)
    due = (Verdict.DEVIATES, 1) if implementation.fault == "not-finite" else (Verdict.ERROR, 2)
    assert (result.verdict, result.exit_code) == due
    assert fault_of(result).kind == implementation.fault, result.message
    assert fault_of(result).detail in result.message


@pytest.mark.parametrize("name", misbehaving.IN_THEIR_OWN_PROCESS)
def test_faults_of_a_process_are_reported(name, capfd):
    implementation = getattr(misbehaving, name)
    result = check(implementation, timeout=1.5 if name == "Hangs" else 20)
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 2)
    assert fault_of(result).kind == implementation.fault, result.message
    assert "a step" not in capfd.readouterr().out


def test_what_can_be_observed_is_said_all_the_same():
    result = check_in_process(misbehaving.WritesToTheta)
    assert result.convention == "heavy-ball/lr-outside"
    start = f"{misbehaving.__name__}:WritesToTheta misbehaves: it writes to theta, in step 1. Apart from that it follows"
    assert result.message.startswith(start)
    at_zero = check_in_process(misbehaving.NotANumber)
    assert (at_zero.verdict, at_zero.convention) == (Verdict.DEVIATES, "heavy-ball/lr-outside")
    assert "it returns nan in step 7, coordinate 0, where the gradient is 0" in at_zero.message


def test_the_line_that_raises_is_named():
    message = check_in_process(misbehaving.Raises).message
    assert "it raises IndexError" in message
    assert "(misbehaving_optimizers.py, line " in message
    assert "in step 6" in message


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.at.all:Name", "there is no module 'nowhere'"),
        (f"{HERE}:Nobody", f"{HERE} has no 'Nobody'"),
        (f"{HERE}:polyak", "did you mean Polyak"),
        ("nowhere.py:Name", "there is no file 'nowhere.py'"),
        ("math:pi", "neither"),
        (HERE, f"it has .*{HERE}:Polyak"),
    ],
)
def test_a_name_that_leads_nowhere(target, message):
    with pytest.raises(NotFound, match=message):
        load_implementation(target)


class StepOfThePoint:
    def __init__(self, lr=0.125, momentum=0.9):
        self.lr, self.momentum, self.velocity = lr, momentum, 0

    def step(self, theta, grad):
        self.velocity = self.momentum * self.velocity + grad
        return theta - self.lr * self.velocity


class StepOfTheGradientAndThePoint(StepOfThePoint):
    def step(self, g, params):
        return super().step(params, g)


@pytest.mark.parametrize("implementation", [StepOfThePoint, StepOfTheGradientAndThePoint])
def test_a_step_may_take_the_point(implementation):
    assert check_in_process(implementation).convention == "heavy-ball/lr-outside"


def test_a_file_and_a_module(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(
        "import beside\n"
        "print('a greeting that is nobody\\'s business')\n"
        "def init(theta):\n    return 0 * theta\n"
        "def update(grad, state, theta, lr, momentum=beside.MOMENTUM):\n"
        "    state = momentum * state + grad\n"
        "    return theta - lr * state, state\n"
    )
    (tmp_path / "beside.py").write_text("MOMENTUM = 0.75\n")
    for target in (mine, f"{mine}:"):
        result = identify(str(target))
        assert (result.verdict, result.convention) == (Verdict.IDENTIFIED, "heavy-ball/lr-outside"), result.message
        assert result.settings == {"momentum": 0.75}
    mine.write_text("import nothing_of_this_name\n")
    broken = check(str(mine))
    assert (fault_of(broken).kind, broken.exit_code) == ("import", 2)
    assert "No module named 'nothing_of_this_name' (mine.py, line 1)" in broken.message


def test_an_object_is_named_for_another_process():
    assert import_path(correct.Polyak) == f"{HERE}:Polyak"
    assert import_path("mine.py:Name") == "mine.py:Name"
    assert import_path(correct) == correct.__file__
    nameless = check(SimpleNamespace())
    assert (fault_of(nameless).kind, nameless.exit_code) == ("not-found", 2)

    class Local(correct.Polyak):
        pass

    assert "stands in no module" in check(Local).message


def test_a_namespace_is_a_pair():
    result = check_in_process(f"{HERE}:namespace")
    assert (result.verdict, result.convention) == (Verdict.CONFORMS, "heavy-ball/lr-inside")
    assert result.inferred_hyperparameters == {"momentum": 0.9}
    other = check_in_process(f"{HERE}:namespace", momentum=0.75)
    assert other.verdict == Verdict.DEVIATES
    assert other.inferred_hyperparameters == {}


def test_hyper_parameters_by_their_names():
    assert check_in_process(correct.RateAsAttribute).settings == {"momentum": 0.9}
    assert check_in_process(correct.RateAsAttribute, momentum=0.5).settings == {"momentum": 0.5}
    assert check_in_process(correct.RateAsAttribute, beta=0.5).settings == {"momentum": 0.5}
    runs = plan_runs({"lr": REQUIRED, "friction": 0.5}, Task("", {"friction": 0.25}, {"friction": "momentum"})).runs
    assert [(run.passed, run.hyper["momentum"]) for run in runs] == [({"friction": 0.25}, 0.25)] * 2


@pytest.mark.parametrize(
    ("default", "momenta"),
    [(REQUIRED, [0.9, 0.75]), (None, [None, None]), (0.9, [0.9, 0.75]), (0.75, [0.75, 0.875]), (0.5, [0.5, 0.75]), (0, [0, 0])],
)
def test_a_momentum_that_is_not_stated(default, momenta):
    assert [run.hyper.get("momentum") for run in plan_runs({"lr": 1, "momentum": default}, Task("")).runs] == momenta


def test_pairs_of_hyper_parameters():
    first, second = plan_runs({"lr": 1, "betas": (0.9, 0.999)}, Task("", {"beta2": 0.99})).runs
    assert (first.passed, first.hyper["beta1"], first.hyper["beta2"]) == ({"betas": (0.9, 0.99)}, 0.9, 0.99)
    assert second.passed == {"betas": (0.875, 0.99)}
    assert plan_runs({"lr": 1, "betas": (0.9, 0.999)}, Task("", {"betas": (0.5, 0.75)})).runs[0].hyper["beta2"] == 0.75


def test_one_decay_goes_by_several_names():
    (run, _) = plan_runs({"lr": 1, "rho": 0.95}, Task("")).runs
    assert {run.hyper[name] for name in ("momentum", "beta1", "beta2")} == {0.95}
    (run, _) = plan_runs({"alpha": 0.1, "beta_1": 0.9}, Task("")).runs
    assert run.lr == 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"momentun": 0.9}, "it takes no 'momentun'; it takes lr, momentum"),
        ({"momentum": 1.0}, "momentum must be ≥ 0 and < 1, got 1.0"),
        ({"momentum": "high"}, "momentum must be a number, got 'high'"),
        ({"momentum": True}, "momentum must be a number, got True"),
        ({"dampening": -0.5}, "dampening must be ≥ 0"),
        ({"lr": 0}, "lr must be > 0, got 0"),
        ({"lr": float("nan")}, "lr must be > 0, got nan"),
        ({"beta1": 1.5}, "beta1 must be ≥ 0 and < 1"),
        ({"eps": -1e-8}, "eps must be ≥ 0"),
    ],
)
def test_settings_that_cannot_be_asked_for(settings, message):
    with pytest.raises(InvalidSettings, match=message):
        plan_runs({"lr": 1, "momentum": 0.9}, Task("", settings))
    result = check_in_process(correct.Polyak, **settings)
    assert (fault_of(result).kind, result.exit_code) == ("settings", 2)


def test_an_installed_adapter_is_used(monkeypatch):
    def adapt(obj):
        return ClassImplementation(correct.Polyak, "elsewhere") if obj.__name__ == "Outside" else None

    monkeypatch.setattr(sys.modules[__name__], "adapt", adapt, raising=False)
    entry = EntryPoint("tests", f"{__name__}:adapt", loading.ENTRY_POINTS)
    monkeypatch.setattr(loading, "entry_points", lambda group, name: [entry] if (group, name) == (entry.group, entry.name) else [])
    assert load_implementation(f"{HERE}:Outside").library == "elsewhere"
    assert load_implementation(f"{HERE}:NesterovInside").library == "tests"  # declined


def test_no_adapter_is_imported_unasked():
    assert "trainspec.spec.conformance.adapters.torch" not in sys.modules or "torch" in sys.modules
    assert load_object(f"{HERE}:Polyak.follows") == "heavy-ball/lr-inside"


def test_what_against_may_name():
    assert parse_against("check", "") == (None, "")
    assert parse_against("identify", "norm.layer") == (None, "norm.layer")
    convention, formula = parse_against("check", "optimizers.adamw")
    assert (convention.id, formula) == ("adam/decay-decoupled", "optimizers.adamw")
    assert parse_against("check", "heavy-ball/lr-outside/ema")[1] == ""
    with pytest.raises(ValueError, match="did you mean"):
        parse_against("check", "heavyball")
    with pytest.raises(ValueError, match="with all conventions"):
        identify(correct.Polyak, against="optimizers.adamw")


def test_a_dtype_that_is_unknown():
    with pytest.raises(ValueError, match=r"dtype must be float64, .* got 'int8'"):
        check(correct.Polyak, dtype="int8")
