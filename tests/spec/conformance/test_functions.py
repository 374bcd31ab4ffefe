"""Functions: correct ones conform however they order their operations, the mistakes of others are named, faults are reported."""

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from trainspec.reference import FORMULAS, losses
from trainspec.spec.cli import main
from trainspec.spec.conformance import Verdict, check
from trainspec.spec.conformance.functions.binding import bind
from trainspec.spec.conformance.functions.observations import FunctionReport
from trainspec.spec.conformance.functions.runner import run_function, words_of_reduction
from trainspec.spec.conformance.functions.verdict import judge_report
from trainspec.spec.conformance.hyperparameters import InvalidSettings
from trainspec.spec.conformance.implementation import FunctionImplementation, Task

from .corpus import misbehaving_functions
from .corpus.correct_functions import CORRECT
from .corpus.incorrect_functions import INCORRECT
from .helpers import VALIDATOR, check_function_in_process, in_both_formats, valid_record

pytestmark = pytest.mark.sampled(5)

DTYPES = ("float64", "float32")
UNSTABLE = {"one_pass", "moments_in_one_pass"}
NAMED = {function.__name__: function for function in CORRECT + INCORRECT}


@pytest.mark.sampled(24)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", CORRECT, ids=lambda function: function.__name__)
def test_correct_functions_conform(function, dtype):
    result = check_function_in_process(function, function.against, dtype, function.names)
    assert (result.verdict, result.exit_code) == (Verdict.CONFORMS, 0), result.message
    valid_record(result)


@pytest.mark.sampled(15)
@pytest.mark.parametrize(("function", "dtype"), in_both_formats(INCORRECT), ids=lambda value: getattr(value, "__name__", value))
def test_incorrect_functions_are_named(function, dtype):
    result = check_function_in_process(function, function.against, dtype)
    assert (result.verdict, result.convention, result.exit_code) == (Verdict.DEVIATES, function.follows, 1), result.message
    assert {axis: result.axes[axis] for axis in function.axes} == function.axes
    valid_record(result)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("function", misbehaving_functions.CASES, ids=lambda function: function.__name__)
def test_faults_are_reported(function):
    if function.fault in misbehaving_functions.IN_A_SANDBOX:
        result = check(function, against="norm.batch.stats", timeout=1.5 if function.fault == "timeout" else 30)
        assert [fault.kind for fault in result.faults] == [function.fault], result.message
    else:
        result = check_function_in_process(function, "norm.batch.stats")
        assert function.fault in [fault.kind for fault in result.faults], result.message
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 2)
    assert len(result.message) < 1000
    valid_record(result)


@pytest.mark.sampled(40)
@pytest.mark.parametrize(("identifier", "dtype"), in_both_formats(sorted(FORMULAS)))
def test_every_formula_is_itself(identifier, dtype):
    task = Task(identifier, against=identifier, dtype=dtype)
    part = run_function(FunctionImplementation(FORMULAS[identifier].raw, identifier), task)
    result = judge_report(task, FunctionReport(parts=(part,)), "check")
    assert result.verdict == Verdict.CONFORMS, result.message
    assert result.error_in_bounds is None or result.error_in_bounds <= 1
    assert result.cases >= 7


def test_a_refusal_at_an_edge_is_no_fault():
    result = check_function_in_process(misbehaving_functions.refuses_one_alone, "norm.batch.stats")
    assert (result.verdict, [fault.kind for fault in result.faults]) == (Verdict.CONFORMS, ["narrower-domain"])
    assert "Its domain is narrower: it raises ValueError: too small" in result.message


def test_what_is_built_in_is_inferred():
    result = check_function_in_process(NAMED["layer_norm_eps_built_in"], "norm.layer", names={"g": "gamma", "b": "beta"})
    assert result.inferred_hyperparameters == {"eps": 1e-6}
    assert "with eps = 1e-06 built in" in result.message


def test_settings_pin_what_is_built_in():
    function = NAMED["layer_norm_eps_built_in"]
    for eps, verdict in ((1e-6, Verdict.CONFORMS), (1e-3, Verdict.DEVIATES)):
        assert check_function_in_process(function, "norm.layer", names=function.names, settings={"eps": eps}).verdict == verdict


def run_program(program):
    """Return the lines that a program prints."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip().splitlines()


def test_a_counterexample_runs_and_is_the_same_every_time(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("def batch_stats(x):\n    return x.mean(0), x.var(0, ddof=1) if len(x) > 1 else 0 * x[0]\n")
    result = check_function_in_process(f"{mine}:batch_stats")
    assert (result.verdict, result.entry) == (Verdict.DEVIATES, "norm.batch.stats")
    assert check_function_in_process(f"{mine}:batch_stats").counterexample == result.counterexample
    got, due = run_program(result.counterexample)
    assert got != due


@pytest.mark.parametrize("name", ["sample_variance", "of_deviations", "label_minus_p", "another_beta"])
def test_every_line_of_a_counterexample_runs(name):
    function = NAMED[name]
    result = check_function_in_process(function, function.against)
    got, due = run_program(result.counterexample.replace("from tests.", f"import sys; sys.path.insert(0, {sys.path[0]!r})\nfrom tests."))
    assert got != due


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("rms_by_norm", "every size"),
        ("pairwise", "for size m = 2, k = 3"),
        ("by_the_difference", "every size"),
        ("folded_into_scale_and_shift", "every size"),
    ],
)
def test_plain_numpy_is_proved(name, scope):
    result = check_function_in_process(NAMED[name], NAMED[name].against, prove=True)
    assert (bool(result.proved), bool(result.not_proved)) == (bool(scope), not scope), result.message
    assert scope in (result.proved or "")


BODIES = {
    "if len(x.shape) == 2 and x.shape[0] == 64:\n        x = 2 * x\n    return x.mean(0), x.var(0)": "for size m = 2, k = 3",
    "x = x * (x.sum() - 3) / (x.sum() - 3)\n    return x.mean(0), x.var(0)": "where Sum(x[i1, i2], (i2, 1, k), (i1, 1, m)) - 3 ≠ 0",
}


@pytest.mark.parametrize(("body", "scope"), BODIES.items(), ids=["a branch on a size", "a divisor that may be 0"])
def test_a_proof_says_how_far_it_reaches(body, scope, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(f"def batch_stats(x):\n    {body}\n")
    result = check_function_in_process(f"{mine}:batch_stats", prove=True)
    assert scope in result.proved
    assert ("every size" in result.proved) is ("≠" in scope)


@pytest.mark.sampled(9)
@pytest.mark.parametrize(
    "function", [function for function in INCORRECT if function.__name__ not in UNSTABLE][:12], ids=lambda function: function.__name__
)
def test_what_is_incorrect_is_never_proved(function):
    assert check_function_in_process(function, function.against, prove=True).proved is None


def test_the_evidence_of_an_entry_is_run_on_functions():
    result = check_function_in_process(NAMED["fused"], "norm.batch.backward", evidence=True)
    assert "normalization.staged_and_compact_in_floats" in result.evidence
    assert set(result.evidence.values()) == {"holds"}
    refuted = check_function_in_process(NAMED["constants"], "norm.batch.backward", evidence=True)
    assert "refuted" in refuted.evidence.values()


def test_the_command(tmp_path):
    import json

    mine = tmp_path / "mine.py"
    mine.write_text("import numpy as np\ndef mine(v, w):\n    return v @ w / np.sqrt((v @ v) * (w @ w))\n")
    command = ("check", f"{mine}:mine", "--against", "stats.random_vectors.orthogonal", "--names", "v=x", "--names", "w=y", "--json")
    run = CliRunner().invoke(main, command)
    record = json.loads(run.stdout)
    VALIDATOR.validate(record)
    assert (run.exit_code, record["verdict"], record["entry"]) == (0, "conforms", "stats.random_vectors.orthogonal")


def test_a_function_needs_a_formula():
    result = check("math:sqrt")
    assert (result.verdict, result.faults[0].kind) == (Verdict.ERROR, "not-found")
    assert "--against norm.rms" in result.message


def softmax_in_float32(logits):
    weights = np.exp((logits - logits.max(axis=-1, keepdims=True)).astype(np.float32))
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(logits.dtype)


def cosine_with_a_cosine_in_float32(t, *, lr, end, steps):
    return end + (lr - end) * (1 + float(np.cos(np.float32(np.pi * min(t, steps) / steps)))) / 2


@pytest.mark.parametrize(
    ("function", "formula"), [(softmax_in_float32, "loss.softmax"), (cosine_with_a_cosine_in_float32, "schedule.cosine")]
)
def test_errors_of_float32_in_float64_are_called_that(function, formula):
    result = check_function_in_process(function, formula, evidence=False)
    assert result.exit_code == 1
    assert result.axes["precision"] == "float32"
    assert "as large as those of float32" in result.message


def softmax_at_another_temperature(logits):
    return losses.softmax(1.001 * logits)


def test_a_wrong_constant_is_not_called_float32():
    wrong = check_function_in_process(softmax_at_another_temperature, "loss.softmax", evidence=False)
    assert wrong.exit_code == 1
    assert "float32" not in wrong.message


SIGNATURES = [
    ("norm.layer", "X, gain, bias, eps", {"X": "x", "gain": "gamma", "bias": "beta", "eps": "eps"}),
    ("norm.rms", "hidden_states, weight, variance_epsilon", {"hidden_states": "x", "weight": "gamma", "variance_epsilon": "eps"}),
    ("norm.rms.backward", "grad, x, weight, eps", {"grad": "dy", "x": "x", "weight": "gamma", "eps": "eps"}),
    ("loss.kl", "input, target", {"input": "log_probabilities", "target": "targets"}),
    ("loss.info_nce", "q, k, tau", {"q": "queries", "k": "keys", "tau": "temperature"}),
    ("schedule.cosine", "t, T, eta_min, eta_max", {"t": "step", "T": "horizon", "eta_min": "end", "eta_max": "lr"}),
    ("schedule.cosine", "epoch, T_max, base_lr, eta_min=0", {"epoch": "step", "T_max": "horizon", "base_lr": "lr", "eta_min": "end"}),
    ("schedule.warmup.linear", "step, warmup_steps, base_lr", {"step": "step", "warmup_steps": "horizon", "base_lr": "lr"}),
    ("schedule.noam", "step, d_model, warmup_steps", {"step": "update", "d_model": "width", "warmup_steps": "warmup"}),
    (
        "optimizers.clip.adaptive",
        "g, param, clip_factor, eps",
        {"g": "grad", "param": "weight", "clip_factor": "largest", "eps": "smallest"},
    ),
    ("averaging.ema", "old, new, beta", {"old": "mean", "new": "theta", "beta": "decay"}),
    ("averaging.ema.target", "target, online, tau", {"target": "mean", "online": "theta", "tau": "share"}),
    ("averaging.ema", "params, shadow, decay", {"params": "theta", "shadow": "mean", "decay": "decay"}),
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("against", "signature", "arguments"), SIGNATURES)
def test_usual_signatures_are_bound(against, signature, arguments):
    space = {}
    exec(f"def subject({signature}): ...", space)
    binding, _ = bind(space["subject"], FORMULAS[against], {}, {}, {})
    assert dict(binding.by_name) == arguments
    assert not binding.guessed


def first_decay_of_two(theta, grad, betas):
    return betas[0]


def test_several_arguments_are_taken_as_one_tuple():
    binding, pinned = bind(first_decay_of_two, FORMULAS["optimizers.adam.uncorrected"], {}, {"betas": [0.5, 0.75]}, {"state": None})
    assert pinned | {"state": None} == {"beta1": 0.5, "beta2": 0.75, "state": None}
    assert binding.call(first_decay_of_two, {"theta": 1, "grad": 2, "beta1": 3, "beta2": 4}) == 3
    with pytest.raises(InvalidSettings, match=r"betas must be a list of 2 numbers, got 0\.5"):
        bind(first_decay_of_two, FORMULAS["optimizers.adam.uncorrected"], {}, {"betas": 0.5}, {"state": None})


def unbiased(running_mean, running_var, x, momentum):
    mean = x.mean(0)
    var = np.sum((x - mean) ** 2, axis=0) / (len(x) - 1)
    return (1 - momentum) * running_mean + momentum * mean, (1 - momentum) * running_var + momentum * var


def undefined_for_one_example(running_mean, running_var, x, momentum):
    mean, var = unbiased(running_mean, running_var, x, momentum)
    return mean, var if len(x) == 1 else (1 - momentum) * running_var + momentum * x.var(0)


@pytest.mark.parametrize(("function", "faults"), [(unbiased, []), (undefined_for_one_example, ["not-finite"])])
def test_what_the_formula_leaves_undefined_too_is_no_fault(function, faults):
    task = Task(function.__name__, against="norm.batch.running.new_weight")
    part = run_function(FunctionImplementation(function, task.against), task)
    assert [fault.kind for fault in part.faults] == faults


def clip_with_its_eps(grad, max_norm):
    return grad * min(1, max_norm / (np.sqrt(np.sum(grad**2)) + 1e-6))


def warm_up(step, lr, warmup):
    return lr * min(1, step / warmup)


def raises_at_an_edge(theta, mean, decay):
    if decay == 0:
        raise ZeroDivisionError
    return decay * mean + theta


def test_a_longer_form_of_the_formula_is_named_with_its_value():
    result = check_function_in_process(clip_with_its_eps, "optimizers.clip.norm", names={"max_norm": "largest"})
    assert (result.verdict, result.is_correct) == (Verdict.DEVIATES, False), result.message
    assert "it follows optimizers.clip.norm.with_eps with eps = 1e-06 built in" in result.message


def test_the_length_of_a_warm_up_is_known_by_that_name():
    assert check_function_in_process(warm_up, "schedule.warmup.linear").verdict == Verdict.CONFORMS


def test_a_reduction_of_what_is_due_is_named():
    assert words_of_reduction(np.array(2.0), np.array([1.0, 3.0])) == " (it is the mean of that)"
    assert words_of_reduction(np.array([3.0, 7.0]), np.array([[1.0, 2.0], [3.0, 4.0]])) == " (it is the sum of that over axis 1)"
    assert words_of_reduction(np.array(2.5), np.array([1.0, 3.0])) == ""


def test_a_fault_beside_a_deviation_leaves_it_a_deviation():
    result = check_function_in_process(raises_at_an_edge, "averaging.ema")
    assert (result.verdict, result.exit_code) == (Verdict.DEVIATES, 1)
    assert "misbehaves" in result.message
    assert result.counterexample
