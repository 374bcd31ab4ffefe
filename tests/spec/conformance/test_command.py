"""Programs in any language: right and wrong ones are judged as classes are, and one that misbehaves is reported as that."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from trainspec.spec import cli
from trainspec.spec.conformance import CHECKS, check
from trainspec.spec.conformance.command import PREFIX, Command, load_command
from trainspec.spec.conformance.guards import FatalFault
from trainspec.spec.conformance.implementation import NotFound
from trainspec.spec.conformance.smoke import try_protocol

from ...support.tools import tool
from .helpers import check_function_in_process, check_in_process

pytestmark = pytest.mark.sampled(2)

PROGRAMS = Path(__file__).parent / "programs"
EXAMPLES = Path(__file__).parents[3] / "vectors" / "examples"


def program(name, *options):
    """The command line of a program of the tests."""
    return f"{sys.executable} {PROGRAMS / name} {' '.join(options)}"


def c_program(folder, mistake):
    subprocess.run(
        [tool("gcc"), "-std=c99", "-O2", *["-DMISTAKE"] * mistake, "-o", folder / "adamw", EXAMPLES / "adamw.c", "-lm"], check=True
    )
    return str(folder / "adamw")


def rust_program(folder, mistake):
    subprocess.run([tool("rustc"), "-o", folder / "adamw", EXAMPLES / "adamw.rs"], check=True)
    return f"{folder / 'adamw'}{' --mistake' * mistake}"


LANGUAGES = {
    "c": c_program,
    "javascript": lambda folder, mistake: f"{tool('node')} {EXAMPLES / 'adamw.mjs'}{' --mistake' * mistake}",
    "rust": rust_program,
}


def test_a_program_that_counts_from_0_is_told_so(tmp_path):
    source = (EXAMPLES / "adamw.c").read_text(encoding="utf-8").replace("m, v, ++t,", "m, v, t++,")
    (tmp_path / "counting.c").write_text(source, encoding="utf-8")
    subprocess.run([tool("gcc"), "-std=c99", "-o", tmp_path / "counting", tmp_path / "counting.c", "-lm"], check=True)
    result = check_in_process(PREFIX + str(tmp_path / "counting"))
    assert "as where a correction has a count that is one too small, and divides by 1 − β⁰ = 0" in result.message


# --- verdicts -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_right_program_conforms_and_a_wrong_one_is_named(language, tmp_path):
    result = check_in_process(PREFIX + LANGUAGES[language](tmp_path, False), against="optimizers.adamw")
    assert result.exit_code == 0, result
    assert result.convention == "adam/decay-decoupled"
    assert not result.faults
    wrong = check_in_process(PREFIX + LANGUAGES[language](tmp_path, True), "identify", dtype="float32")
    assert wrong.convention == "adam/eps-inside/decay-decoupled"


def test_the_counterexample_of_a_program_is_what_it_is_sent(tmp_path):
    command = f"{sys.executable} {EXAMPLES / 'adamw.py'} --mistake"
    result = check(PREFIX + command, against="optimizers.adamw")
    assert result.exit_code == 1
    counterexample = result.as_json()["counterexample"]
    answers = subprocess.run(counterexample, shell=True, capture_output=True, text=True, check=True).stdout.splitlines()
    assert json.loads(answers[-1])["t"] == str(len(answers) - 2)
    assert "theta came as" in counterexample


def test_a_function_of_a_program_is_judged_as_a_function():
    assert check_function_in_process(PREFIX + program("softmax.py"), "loss.softmax", evidence=False).exit_code == 0
    wrong = check_function_in_process(PREFIX + program("softmax.py", "--mistake"), "loss.softmax", evidence=False)
    assert wrong.exit_code == 1 or any(fault.kind == "raises" for fault in wrong.faults)


def test_a_program_may_ask_for_the_gradient_where_it_needs_it():
    result = check_in_process(PREFIX + program("momentum.py", "--asks"), "identify")
    assert result.convention == "nesterov/lr-inside/lookahead"
    assert not result.faults
    endless = check_in_process(PREFIX + program("momentum.py", "--endless"), "identify")
    assert [fault.kind for fault in endless.faults] == ["protocol"]
    assert "asks for more than 100 gradients" in endless.message


def test_a_program_goes_on_from_the_state_that_it_showed():
    result = check_in_process(PREFIX + program("momentum.py"), "identify")
    assert result.convention == "heavy-ball/lr-inside"
    assert "resuming" not in result.message
    assert "thousands of steps, since it is slow" in result.message
    forgets = check_in_process(PREFIX + program("momentum.py", "--forgets"), "identify")
    assert "all of its state is lost" in forgets.message


@pytest.mark.parametrize("options", [(), ("--forgets",), ("--asks",)])
def test_smoke_tries_a_saved_state(options):
    (trial,) = [trial for trial in try_protocol(program("momentum.py", *options)) if trial.part == "going on from a saved state"]
    assert trial.works == ("--forgets" not in options)


def test_a_command_has_the_checks_of_test_suites():
    subject = (PREFIX + program("misbehaving.py", "none"), {}, "optimizers.gd.batch")
    for name in ("runs-to-completion", "convention", "shape-and-dtype", "deterministic"):
        CHECKS[name](subject)
    with pytest.raises(AssertionError, match="in step 3"):
        CHECKS["runs-to-completion"]((PREFIX + program("misbehaving.py", "die"), {}, "optimizers.gd.batch"))


# --- programs that misbehave ------------------------------------------------------------------------------------------------------------

MISBEHAVIOURS = {
    "garbage": ("protocol", "it answers step 3 by 'Segmentation fault\\?', which is no JSON object of strings"),
    "numbers": ("protocol", "which is no JSON object of strings"),
    "die": ("crashes", "it ended with exit code 3, in step 3"),
    "order": ("protocol", "it answers step 3 out of order: t must be 3, got '2'"),
    "other-case": ("protocol", "it answers step 3 out of order: id must be 1, got 'none'"),
    "flood": ("protocol", "it answers step 3 by more than \\d+ bytes without an end of line"),
    "short": ("shape", "it returns 1 elements where 3 are due, in step 3"),
    "digits": ("protocol", "it answers step 3 without theta in 16 hexadecimal digits an element"),
    "skip": ("skipped", "it skips step 3: no third step"),
    "error": ("raises", "it reports an error, in step 3: out of registers"),
}


@pytest.fixture
def three_steps():
    """A function that starts a misbehaving program and makes three steps."""
    import numpy as np

    loaded = []

    def run(kind, patience=10.0):
        optimizer = load_command(PREFIX + program("misbehaving.py", kind), "")
        optimizer.command.patience = patience
        loaded.append(optimizer)
        started = optimizer.start(np.ones(3), 0.5, {})
        for _ in range(3):
            started.step(np.ones(3), 0.5)
        return optimizer

    yield run
    for optimizer in loaded:
        optimizer.command.close()


@pytest.mark.parametrize("kind", MISBEHAVIOURS)
def test_a_misbehaviour_is_reported_as_what_it_is(kind, three_steps):
    fault, message = MISBEHAVIOURS[kind]
    with pytest.raises(FatalFault, match=message) as caught:
        three_steps(kind)
    assert caught.value.fault.kind == fault


def test_a_program_that_hangs_is_reported(three_steps):
    with pytest.raises(FatalFault, match=r"it gives no answer within 0\.3 s, to step 3") as caught:
        three_steps("hang", patience=0.3)
    assert caught.value.fault.kind == "timeout"


def test_a_line_that_nobody_asked_for_is_reported_with_the_next(three_steps):
    import numpy as np

    optimizer = three_steps("twice")
    with pytest.raises(FatalFault, match="before case 2 was asked: one line answers one line"):
        optimizer.start(np.ones(3), 0.5, {})
    optimizer.start(np.ones(3), 0.5, {})  # it is started anew


def test_after_a_fault_the_program_is_started_anew(three_steps):
    import numpy as np

    with pytest.raises(FatalFault):
        three_steps("die")
    optimizer = three_steps("none")
    optimizer.command.close()
    assert optimizer.start(np.ones(3), 0.5, {}).step(np.ones(3), 0.5).tolist() == [0.5, 0.5, 0.5]


def test_a_short_report_never_passes_for_a_whole_one():
    result = check(PREFIX + program("misbehaving.py", "die"))
    assert result.exit_code == 2
    assert "it ended with exit code 3, in step 3" in str(result.faults)


def test_commands_that_cannot_be_used_say_why():
    for command, message in {
        "": "the command is empty",
        "'": "cannot be read",
        "/no/such/program": "cannot be started",
        "true": "it ended with exit code 0",
        program("misbehaving.py", "version"): "speaks the protocol 'trainspec/9'",
    }.items():
        with pytest.raises(NotFound, match=message):
            load_command(PREFIX + command, "")


def test_a_line_is_data_and_not_a_command():
    command = Command("cat; touch never")
    assert command.words == ["cat;", "touch", "never"]


# --- the command line -------------------------------------------------------------------------------------------------------------------


def test_smoke_says_what_works():
    good = {trial.part: trial for trial in try_protocol(f"{sys.executable} {EXAMPLES / 'adamw.py'}")}
    assert all(trial.works for trial in good.values() if trial.required)
    assert not good["case and step in float32"].works
    assert "m, v" in good["the state"].detail
    bad = {trial.part: trial for trial in try_protocol(program("misbehaving.py", "none"))}
    assert not bad["the state"].works
    assert all(trial.works for trial in try_protocol(program("softmax.py")))
    assert [trial.works for trial in try_protocol("false")] == [False]


def test_smoke_and_check_take_a_command():
    command = program("misbehaving.py", "none")
    answer = CliRunner().invoke(cli.main, ["smoke", "--command", command, "--json"])
    assert answer.exit_code == 0
    assert json.loads(answer.output)[0] == {"part": "start", "works": True, "detail": "it takes lr", "required": True}
    assert CliRunner().invoke(cli.main, ["smoke", "--command", "false"]).exit_code == 1
    answer = CliRunner().invoke(cli.main, ["check", "--command", command, "--json"])
    assert json.loads(answer.output)["convention"] == "gradient-descent"
    for arguments in (["check"], ["check", "torch.optim:SGD", "--command", command]):
        answer = CliRunner().invoke(cli.main, arguments)
        assert answer.exit_code == 2
        assert "name either a SUBJECT or a program" in answer.output


def test_the_matrix_asks_programs():
    commands = [program("misbehaving.py", "none"), "false"]
    answer = CliRunner().invoke(cli.main, ["matrix", "--json", *(part for command in commands for part in ("--command", command))])
    cells = {cell["library"]: cell for cell in json.loads(answer.stdout)}
    assert cells[commands[0]]["convention"] == "gradient-descent"
    assert cells[commands[1]]["verdict"] == "error"
