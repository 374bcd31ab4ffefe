"""Subjects: found by name or by object, with hyper-parameters of their own; misbehaviour is reported as what it is."""

import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest
from trainspec.spec.conformance import Verdict, check, identify
from trainspec.spec.conformance import implementation as subjects
from trainspec.spec.conformance.implementation import NotFound, load, reference_to, subject_of
from trainspec.spec.conformance.optimizers.runner import DRIVING, Child, Refusal, Task, settle

from . import misbehaving, right
from .asking import ask

HERE = "tests.spec.conformance.right"


def fault_of(result):
    (only,) = result.faults
    return only


@pytest.mark.parametrize("subject", [one for one in misbehaving.CLASSES if one.__name__ not in misbehaving.IN_THEIR_OWN_PROCESS])
def test_misbehaviour_is_reported(subject):
    result = ask(subject)
    due = (Verdict.DEVIATES, 1) if subject.fault == "not-finite" else (Verdict.ERROR, 2)
    assert (result.verdict, result.exit_code) == due
    assert fault_of(result).kind == subject.fault, result.sentence
    assert fault_of(result).detail in result.sentence


@pytest.mark.parametrize("name", misbehaving.IN_THEIR_OWN_PROCESS)
def test_misbehaviour_of_a_process_is_reported(name, capfd):
    subject = getattr(misbehaving, name)
    result = check(subject, timeout=1.5 if name == "Hangs" else 20)
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 2)
    assert fault_of(result).kind == subject.fault, result.sentence
    assert "a step" not in capfd.readouterr().out


def test_what_can_be_seen_is_said_all_the_same():
    result = ask(misbehaving.WritesToTheta)
    assert result.convention == "heavy-ball/lr-outside"
    assert result.sentence.startswith(
        "tests.spec.conformance.misbehaving:WritesToTheta misbehaves: it writes to theta, in step 1. Apart from that it follows"
    )
    at_zero = ask(misbehaving.NotANumber)
    assert (at_zero.verdict, at_zero.convention) == (Verdict.DEVIATES, "heavy-ball/lr-outside")
    assert "it returns nan in step 7, coordinate 0, where the gradient is 0" in at_zero.sentence


def test_the_line_that_raises_is_named():
    assert "it raises IndexError" in ask(misbehaving.Raises).sentence
    assert "(misbehaving.py, line " in ask(misbehaving.Raises).sentence
    assert "in step 6" in ask(misbehaving.Raises).sentence


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere.at.all:Name", "there is no module 'nowhere'"),
        (f"{HERE}:Nobody", f"{HERE} has no 'Nobody'"),
        ("nowhere.py:Name", "there is no file 'nowhere.py'"),
        ("math:pi", "neither"),
    ],
)
def test_a_name_that_leads_nowhere(target, words):
    with pytest.raises(NotFound, match=words):
        subject_of(target)


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
        assert (result.verdict, result.convention) == (Verdict.IDENTIFIED, "heavy-ball/lr-outside"), result.sentence
        assert result.settings == {"momentum": 0.75}
    mine.write_text("import nothing_of_this_name\n")
    broken = check(str(mine))
    assert (fault_of(broken).kind, broken.exit_code) == ("import", 2)
    assert "No module named 'nothing_of_this_name' (mine.py, line 1)" in broken.sentence


def test_an_object_is_named_for_another_process():
    assert reference_to(right.Polyak) == f"{HERE}:Polyak"
    assert reference_to("mine.py:Name") == "mine.py:Name"
    assert reference_to(right) == right.__file__
    nameless = check(SimpleNamespace())
    assert (fault_of(nameless).kind, nameless.exit_code) == ("not-found", 2)

    class Local(right.Polyak):
        pass

    assert "stands in no module" in check(Local).sentence


def test_a_namespace_is_a_pair():
    result = ask(f"{HERE}:namespace")
    assert (result.verdict, result.convention, result.assumed) == (Verdict.CONFORMS, "heavy-ball/lr-inside", {"momentum": 0.9})
    other = ask(f"{HERE}:namespace", momentum=0.75)
    assert other.verdict == Verdict.DEVIATES
    assert other.assumed == {}


def test_hyper_parameters_by_their_names():
    assert ask(right.RateAsAttribute).settings == {"momentum": 0.9}
    assert ask(right.RateAsAttribute, momentum=0.5).settings == {"momentum": 0.5}
    assert ask(right.RateAsAttribute, beta=0.5).settings == {"momentum": 0.5}
    plans = settle({"lr": subjects.REQUIRED, "friction": 0.5}, Task("", {"friction": 0.25}, {"friction": "momentum"}))
    assert [(one.passed, one.hyper["momentum"]) for one in plans.runs] == [({"friction": 0.25}, 0.25)] * 2


@pytest.mark.parametrize(
    ("default", "momenta"),
    [(subjects.REQUIRED, [0.9, 0.75]), (None, [None, None]), (0.9, [0.9, 0.75]), (0.75, [0.75, 0.875]), (0.5, [0.5, 0.75]), (0, [0, 0])],
)
def test_a_momentum_that_is_not_given(default, momenta):
    runs = settle({"lr": 1, "momentum": default}, Task("")).runs
    assert [one.hyper.get("momentum") for one in runs] == momenta


def test_pairs_of_hyper_parameters():
    first, second = settle({"lr": 1, "betas": (0.9, 0.999)}, Task("", {"beta2": 0.99})).runs
    assert (first.passed, first.hyper["beta1"], first.hyper["beta2"]) == ({"betas": (0.9, 0.99)}, 0.9, 0.99)
    assert second.passed == {"betas": (0.875, 0.99)}
    assert settle({"lr": 1, "betas": (0.9, 0.999)}, Task("", {"betas": (0.5, 0.75)})).runs[0].hyper["beta2"] == 0.75


def test_one_decay_goes_by_several_names():
    (run, _) = settle({"lr": 1, "rho": 0.95}, Task("")).runs
    assert {run.hyper[name] for name in ("momentum", "beta1", "beta2")} == {0.95}
    (run, _) = settle({"alpha": 0.1, "beta_1": 0.9}, Task("")).runs
    assert run.lr == 0.1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"momentun": 0.9}, "it takes no 'momentun'; it takes lr, momentum"),
        ({"momentum": 1.0}, "below 1"),
        ({"momentum": "high"}, "not a number"),
        ({"momentum": True}, "not a number"),
        ({"dampening": -0.5}, "at least 0"),
        ({"lr": 0}, "positive"),
        ({"lr": float("nan")}, "positive"),
        ({"beta1": 1.5}, "below 1"),
        ({"eps": -1e-8}, "at least 0"),
    ],
)
def test_settings_that_cannot_be_asked_for(settings, words):
    with pytest.raises(Refusal, match=words):
        settle({"lr": 1, "momentum": 0.9}, Task("", settings))
    result = ask(right.Polyak, **settings)
    assert (fault_of(result).kind, result.exit_code) == ("settings", 2)


def test_an_installed_adapter_is_found(monkeypatch):
    def adapter(found):
        return subjects.ClassSubject(right.Polyak, "elsewhere") if found.__name__ == "Outside" else None

    monkeypatch.setattr(sys.modules[__name__], "adapter", adapter, raising=False)
    entry = EntryPoint("conformance", f"{__name__}:adapter", subjects.ENTRY_POINTS)
    monkeypatch.setattr(subjects, "entry_points", lambda group, name: [entry] if (group, name) == (entry.group, entry.name) else [])
    assert ask(right.Outside).convention == "heavy-ball/lr-inside"  # the adapter's
    assert ask(right.NesterovInside).convention == "nesterov/lr-inside"  # declined


def test_no_adapter_is_imported_unasked():
    assert "trainspec.spec.conformance.adapters.torch" not in sys.modules or "torch" in sys.modules
    assert load(f"{HERE}:Polyak.follows") == "heavy-ball/lr-inside"


def test_a_subject_may_not_ask_for_another_process():
    DRIVING.set()
    try:
        with pytest.raises(RuntimeError, match="__main__"):
            Child()
    finally:
        DRIVING.clear()


def test_a_dtype_that_is_none_of_ours():
    with pytest.raises(ValueError, match="float64 or float32"):
        check(right.Polyak, dtype="int8")
