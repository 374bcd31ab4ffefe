"""The example harnesses: a right AdamW passes, one with a classic mistake is told which; where the toolchain is present."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.tools import tool
from .subjects import EXAMPLES, FOLDER

FILE = FOLDER / "optimizers.adamw.jsonl"
PROGRAMS = Path(__file__).parent / "programs"
MARK = r"(?://|/\*|#)"  # of a comment, in any of the languages
WORDS = "Adam with eps inside the root, its decay decoupled"


def c_harness(folder, mistake):
    """The command of the example in C."""
    program = folder / "adamw"
    options = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2", *["-DMISTAKE"] * mistake]
    subprocess.run([tool("gcc"), *options, "-o", program, EXAMPLES / "adamw.c", "-lm"], check=True)
    return [program]


def rust_harness(folder, mistake):
    """The command of the example in Rust; it is compiled once."""
    if not (folder / "adamw").exists():
        subprocess.run([tool("rustc"), "-D", "warnings", "-o", folder / "adamw", EXAMPLES / "adamw.rs"], check=True)
    return [folder / "adamw", *["--mistake"] * mistake]


SOURCES = {
    "python": "trainspec_vectors.py",
    "c": "adamw.c",
    "javascript": "adamw.mjs",
    "rust": "adamw.rs",
    "go": "adamw.go",
    "julia": "adamw.jl",
    "r": "adamw.R",
}
HARNESSES = {
    "python": lambda folder, mistake: [sys.executable, EXAMPLES / "adamw.py", *["--mistake"] * mistake],
    "c": c_harness,
    "javascript": lambda folder, mistake: [tool("node"), EXAMPLES / "adamw.mjs", *["--mistake"] * mistake],
    "rust": rust_harness,
    "go": lambda folder, mistake: [tool("go"), "run", EXAMPLES / "adamw.go", *["--mistake"] * mistake],
    "julia": lambda folder, mistake: [tool("julia"), EXAMPLES / "adamw.jl", *["--mistake"] * mistake],
    "r": lambda folder, mistake: [tool("Rscript"), EXAMPLES / "adamw.R", *["--mistake"] * mistake],
}


def run(command, *paths):
    """What a harness answers about files."""
    return subprocess.run([*command, *paths], capture_output=True, text=True, check=False)


def between(language, first, last):
    """The lines of an example from one headline to another, without the headlines."""
    text = (EXAMPLES / SOURCES[language]).read_text(encoding="utf-8")
    found = re.search(rf"^{MARK} --- {first} ---[^\n]*\n(.*?)^{MARK} --- {last} ---", text, re.DOTALL | re.MULTILINE)
    assert found, f"{language}: there is no part between {first} and {last}"
    return found[1]


@pytest.mark.parametrize("language", HARNESSES)
def test_a_right_step_passes_and_a_mistake_is_named(language, tmp_path):
    right = HARNESSES[language](tmp_path, False)
    answer = run(right, FILE)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "cases pass" in answer.stdout
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(FILE.read_bytes()[:-100])
    assert run(right, cut).returncode not in (0, None)
    wrong = run(HARNESSES[language](tmp_path, True), FILE)
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert WORDS in wrong.stdout


@pytest.mark.parametrize("language", SOURCES)
def test_a_reader_has_no_more_than_40_lines(language):
    lines = [text.strip() for text in between(language, "the reader", "the comparison").splitlines()]
    assert len([text for text in lines if text and not text.startswith(("//", "# ", '"""'))]) <= 40


@pytest.mark.parametrize("language", ["python", "c", "javascript", "rust"])
def test_a_format_that_an_example_has_not_is_skipped(language, tmp_path):
    number = 16 * "0"
    head = {
        "cmd": "case",
        "id": "1",
        "dtype": "bfloat16",
        "theta": "3f80",
        **dict.fromkeys(("lr", "beta1", "beta2", "eps", "weight_decay"), number),
    }
    lines = "".join(
        f"{json.dumps(fields, separators=(',', ':'))}\n" for fields in ({"cmd": "start", "protocol": "trainspec/1"}, head, {"cmd": "stop"})
    )
    command = HARNESSES[language](tmp_path, False)
    answer = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout.splitlines()[1]).keys() == {"id", "skipped"}


# --- files that are none ----------------------------------------------------------------------------------------------------------------


def edited(edit):
    """The text of the file after a change of its lines."""
    return "".join(f"{line}\n" for line in edit(FILE.read_text(encoding="ascii").splitlines()))


def position(lines, kind):
    """The number of the first line of a kind, from 0."""
    return next(number for number, line in enumerate(lines) if f'"k":"{kind}"' in line)


def with_line(lines, number, line):
    """Lines with another one in a place."""
    return [*lines[:number], line, *lines[number + 1 :]]


def without_step(lines):
    """Lines without the second step of a run."""
    return [line for number, line in enumerate(lines) if number != position(lines, "step") + 1]


def with_letter(lines):
    """Lines with a letter that is no digit in the first call."""
    number = position(lines, "call")
    return with_line(lines, number, lines[number].replace('"theta":"', '"theta":"x', 1))


BAD = {
    "cut off": lambda: FILE.read_text(encoding="ascii")[:-100],
    "without its end": lambda: edited(lambda lines: lines[:-1]),
    "empty": lambda: "",
    "of another format": lambda: edited(lambda lines: [lines[0].replace("vectors/1", "vectors/9"), *lines[1:]]),
    "of another entry": lambda: (FOLDER / "loss.softmax.jsonl").read_text(encoding="ascii"),
    "without a step": lambda: edited(without_step),
    "with a letter among digits": lambda: edited(with_letter),
    "with a number": lambda: edited(lambda lines: with_line(lines, 3, '{"k":"flag","id":7}')),
    "with an escape": lambda: edited(lambda lines: with_line(lines, 3, '{"k":"flag","id":"\\u0061"}')),
    "with a long line": lambda: edited(lambda lines: with_line(lines, 3, '{"k":"flag","id":"' + "x" * 70_000 + '"}')),
    "with returns": lambda: edited(lambda lines: [f"{line}\r" for line in lines]),
    "after its end": lambda: edited(lambda lines: [*lines, lines[3]]),
}
NOT_SEEN = {"go": ("with a letter among digits",)}  # it becomes NaN, so that the case fails


@pytest.mark.parametrize("language", HARNESSES)
def test_a_bad_file_is_refused_by_its_line(language, tmp_path):
    command, path = HARNESSES[language](tmp_path, False), tmp_path / "bad.jsonl"
    for name, text in BAD.items():
        path.write_text(text(), encoding="ascii")
        answer = run(command, path)
        assert answer.returncode != 0, name
        if name not in NOT_SEEN.get(language, ()):
            assert re.search(r"line \d+", answer.stderr), (name, answer.stdout, answer.stderr)
            assert "cases pass" not in answer.stdout, name


# --- all files --------------------------------------------------------------------------------------------------------------------------


def c_reader(folder):
    """The command that reads all files, in C."""
    program, options = folder / "read_all", ["-std=c99", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror", "-O2", f"-I{EXAMPLES}"]
    subprocess.run([tool("gcc"), *options, "-o", program, PROGRAMS / "read_all.c", "-lm"], check=True)
    return [program]


def javascript_reader(folder):
    """The command that reads all files, in JavaScript."""
    script = folder / "read_all.mjs"
    script.write_text(between("javascript", "the reader", "the report") + (PROGRAMS / "read_all.mjs").read_text(encoding="utf-8"))
    return [tool("node"), script]


@pytest.mark.parametrize(("make", "limit"), [(c_reader, 2.0), (javascript_reader, 5.0)])
def test_all_files_are_read_within_seconds_and_what_is_due_is_within_its_tolerance(make, limit, tmp_path):
    """In seconds of processor time, which other programs do not take."""
    command, paths = make(tmp_path), sorted(FOLDER.glob("*.jsonl"))
    before = os.times()
    answer = run(command, *paths)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert answer.returncode == 0, answer.stderr
    totals = json.loads((FOLDER / "manifest.json").read_text(encoding="ascii"))["totals"]
    cases = totals["lines"]["call"] + totals["lines"]["run"]
    assert re.match(rf"{len(paths)} files, \d+ lines, {cases} cases, \d{{6}} numbers", answer.stdout), answer.stdout
    assert spent <= limit
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text(edited(without_tolerance), encoding="ascii")
    assert "within its tolerance" in run(command, wrong).stderr


def without_tolerance(lines):
    """Lines whose first call has three tolerances for two results."""
    number = position(lines, "call")
    return with_line(lines, number, re.sub(r'"new.theta.tol":"[0-9a-f]*"', '"new.theta.tol":"' + 32 * "0" + '"', lines[number]))


def test_the_pytest_file_passes_where_torch_is_installed(tmp_path):
    pytest.importorskip("torch")
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={tmp_path}", EXAMPLES / "test_adamw.py"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert " passed" in answer.stdout, answer.stdout + answer.stderr
    assert answer.returncode == 0
