"""The example harnesses: a right AdamW passes, one with a classic mistake is told which; where the toolchain is present."""

import os
import subprocess
import sys

import pytest

from ..support.tools import tool
from .subjects import EXAMPLES, FOLDER

FILE = FOLDER / "optimizers.adamw.jsonl"
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


HARNESSES = {
    "python": lambda folder, mistake: [sys.executable, EXAMPLES / "adamw.py", *["--mistake"] * mistake],
    "c": c_harness,
    "javascript": lambda folder, mistake: [tool("node"), EXAMPLES / "adamw.mjs", *["--mistake"] * mistake],
    "rust": rust_harness,
    "go": lambda folder, mistake: [tool("go"), "run", EXAMPLES / "adamw.go", *["--mistake"] * mistake],
    "julia": lambda folder, mistake: [tool("julia"), EXAMPLES / "adamw.jl", *["--mistake"] * mistake],
    "r": lambda folder, mistake: [tool("Rscript"), EXAMPLES / "adamw.R", *["--mistake"] * mistake],
}


def run(command, path):
    """What a harness answers about a file."""
    return subprocess.run([*command, path], capture_output=True, text=True, check=False)


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


def test_the_pytest_file_passes_where_torch_is_installed(tmp_path):
    pytest.importorskip("torch")
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, f"--rootdir={tmp_path}", EXAMPLES / "test_adamw.py"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert " passed" in answer.stdout, answer.stdout + answer.stderr
    assert answer.returncode == 0
