"""`trainspec check` and `trainspec identify`: sentences, JSON, exit codes."""

import json
from importlib.resources import files

import jsonschema
import pytest
from click.testing import CliRunner
from trainspec.spec.cli import main

RIGHT, WRONG = "tests.spec.conformance.right:", "tests.spec.conformance.wrong:"


def run(*arguments):
    return CliRunner().invoke(main, arguments)


def test_check_conforms():
    result = run("check", f"{RIGHT}Outside", "--set", "momentum=0.9")
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "tests.spec.conformance.right:Outside follows heavy ball with the learning rate outside the velocity (STU"
    )
    for words in ("heavy-ball/lr-outside", "v ← μ v + g,   θ ← θ − η v", "optimizers.momentum.lr_outside", "× the running bound", "numpy"):
        assert words in result.stdout


def test_check_deviates_in_json():
    result = run("check", f"{WRONG}StaleRate", "--json", "--dtype", "float32")
    record = json.loads(result.stdout)
    jsonschema.validate(record, json.loads(files("trainspec.spec.conformance").joinpath("verdict.schema.json").read_text(encoding="utf-8")))
    assert (result.exit_code, record["exit_code"], record["verdict"], record["dtype"]) == (1, 1, "deviates", "float32")
    axes = {"family": "momentum", "lr_placement": "outside", "nesterov_form": "none", "dampening": "none", "mistake": "stale-lr"}
    assert axes.items() <= record["axes"].items()
    assert "run.step(np.array(" in record["counterexample"]
    assert record["divergence"]["convention"] == "heavy-ball/lr-outside"


def test_identify_names_what_is_wrong():
    result = run("identify", f"{WRONG}StaleRate", "--json")
    assert (result.exit_code, json.loads(result.stdout)["verdict"]) == (0, "identified")
    assert run("identify", f"{WRONG}Unheard").exit_code == 1


def test_against_and_names():
    result = run(
        "check", f"{RIGHT}RateAsAttribute", "--names", "beta=momentum", "--set", "beta=0.5", "--against", "optimizers.momentum.heavy_ball"
    )
    assert result.exit_code == 1
    assert (
        "deviates from heavy ball with the learning rate inside the velocity: it follows heavy ball with the learning rate outside"
        in " ".join(result.stdout.split())
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "momentum"], "name=value is allowed"),
        (["--set", "momentum=__import__('os')"], "must be a Python literal"),
        (["--names", "beta"], "theirs=ours is allowed"),
        (["--against", "heavyball"], "did you mean heavy-ball"),
        (["--dtype", "int8"], "float64"),
    ],
)
def test_what_cannot_be_asked(arguments, words):
    result = run("check", f"{RIGHT}Polyak", *arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_what_cannot_be_run():
    result = run("check", "tests.spec.conformance.misbehaving:Dies")
    assert result.exit_code == 2
    assert "could not be judged: its process died, with exit code 7" in result.stdout
    assert run("identify", f"{RIGHT}Nobody").exit_code == 2
