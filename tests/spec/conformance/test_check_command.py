"""`trainspec check` and `trainspec identify`: messages, JSON, exit codes."""

import json

import pytest
from click.testing import CliRunner
from trainspec.spec.cli import main

from .corpus import correct_optimizers, incorrect_optimizers, misbehaving_optimizers
from .helpers import VALIDATOR

pytestmark = pytest.mark.sampled(2)

CORRECT, INCORRECT = f"{correct_optimizers.__name__}:", f"{incorrect_optimizers.__name__}:"


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def test_check_conforms():
    result = run("check", f"{CORRECT}Outside", "--set", "momentum=0.9")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert text.startswith(f"{CORRECT}Outside follows heavy ball with the learning rate outside the velocity (STU")
    for part in ("heavy-ball/lr-outside", "v ← μ v + g, θ ← θ − η v", "optimizers.momentum.lr_outside", "× the rounding bound", "numpy"):
        assert part in text


def test_check_deviates_in_json():
    result = run("check", f"{INCORRECT}StaleRate", "--json", "--dtype", "float32")
    record = json.loads(result.stdout)
    VALIDATOR.validate(record)
    assert (result.exit_code, record["exit_code"], record["verdict"], record["dtype"]) == (1, 1, "deviates", "float32")
    axes = {"family": "momentum", "lr_placement": "outside", "nesterov_form": "none", "dampening": "none", "mistake": "stale-lr"}
    assert axes.items() <= record["axes"].items()
    assert "run.step(np.array(" in record["counterexample"]
    assert record["divergence"]["convention"] == "heavy-ball/lr-outside"


def test_identify_names_what_is_wrong():
    result = run("identify", f"{INCORRECT}StaleRate", "--json")
    assert (result.exit_code, json.loads(result.stdout)["verdict"]) == (0, "identified")
    assert run("identify", f"{INCORRECT}Unheard").exit_code == 1


def test_against_and_names():
    result = run(
        "check", f"{CORRECT}RateAsAttribute", "--names", "beta=momentum", "--set", "beta=0.5", "--against", "optimizers.momentum.heavy_ball"
    )
    assert result.exit_code == 1
    assert (
        "deviates from heavy ball with the learning rate inside the velocity: it follows heavy ball with the learning rate outside"
        in " ".join(result.stdout.split())
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "momentum"], "must be name=value"),
        (["--set", "momentum=__import__('os')"], "must be a Python literal"),
        (["--set", "momentum={[]: 1}"], "must be a Python literal"),
        (["--set", "momentum=" + "-" * 5000 + "1"], "must be a Python literal"),
        (["--names", "beta"], "must be theirs=ours"),
        (["--against", "heavyball"], "did you mean heavy-ball"),
        (["--against", "AdamW"], "did you mean optimizers.adamw"),
        (["--dtype", "int8"], "float64"),
    ],
)
def test_what_cannot_be_asked(arguments, message):
    result = run("check", f"{CORRECT}Polyak", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_a_counterexample_can_be_pasted_at_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = run("check", f"{INCORRECT}StaleRate").stdout.partition("the smallest case found that shows it:\n\n")[2]
    assert max(map(len, text.splitlines())) > 80
    exec(compile(text, "<pasted>", "exec"), {})


def test_standard_input_is_no_subject():
    result = run("check", "--", "-:MyAdam")
    assert result.exit_code == 2
    assert "save its lines in a file, and check `mine.py:MyAdam`" in " ".join(result.stdout.split())


def test_what_cannot_be_run():
    result = run("check", f"{misbehaving_optimizers.__name__}:Dies")
    assert result.exit_code == 2
    assert "could not be judged: its process ended, with exit code 7" in " ".join(result.stdout.split())
    assert run("identify", f"{CORRECT}Nobody").exit_code == 2
