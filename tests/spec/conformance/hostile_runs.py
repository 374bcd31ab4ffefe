"""Run hostile subjects by the command line: each has one bounded, valid answer and an honest exit code, and leaves nothing behind.

python -m tests.spec.conformance.hostile_runs [WORD]...
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from .corpus.hostile import SUBJECTS
from .helpers import VALIDATOR

LARGEST = 1 << 18  # bytes of an answer
LONGEST = 120  # seconds
ROOT = Path(__file__).parents[3]


def problem_of(subject, folder):
    """Return what is wrong with the answer to a subject, or with what it left behind; an empty text where nothing is."""
    work, temporary = folder / "work", folder / "tmp"
    for each in (work, temporary):
        each.mkdir()
    for name, text in {"mine.py": subject.source, **subject.files}.items():
        (work / name).write_text(text, encoding="utf-8")
    before = files_of(work)
    known = set(processes())
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": ""}
    target = "mine.py:mine" if "--against" in subject.arguments else "mine.py:Mine"
    command = [sys.executable, "-P", "-c", "from trainspec.spec.cli import main; main()", "check", target, "--json", *subject.arguments]
    with (folder / "out").open("wb") as output, (folder / "errors").open("wb") as errors:
        process = subprocess.Popen(command, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)
        try:
            code = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"no answer within {LONGEST} s"
    problems = [*problems_of_answer((folder / "out").read_bytes(), (folder / "errors").read_bytes(), code, subject.codes)]
    if left := files_of(work) - before:
        problems.append(f"it left {sorted(left)}")
    if left := os.listdir(temporary):
        problems.append(f"it left {left[:5]} in the temporary folder")
    if left := [name for name in os.listdir("/dev/shm") if name.startswith("hostile")]:
        problems.append(f"it left {left} in shared memory")
    problems += [f"it left the process {text}" for text in end_orphans(folder, known)]
    return "; ".join(problems)


def problems_of_answer(text, errors, code, codes):
    """Yield what is wrong with what was printed, and with the exit code."""
    if errors:
        yield f"it wrote to standard error: {errors[-300:]!r}"
    if len(text) > LARGEST:
        yield f"its answer has {len(text)} bytes"
    try:
        record = json.loads(text)
    except ValueError:
        yield f"no JSON, exit code {code}: {text[:200]!r}"
        return
    for problem in VALIDATOR.iter_errors(record):
        yield f"it is not valid: {problem.message[:200]}"
    if record["exit_code"] != code or code not in codes:
        due = " or ".join(map(str, codes))
        yield f"exit code {code}, in the document {record['exit_code']}, where {due} is due: {record['message'][:300]}"
    if any(fault["kind"] == "internal" for fault in record["faults"]):
        yield record["message"][:300]


def files_of(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def processes():
    """Yield the processes of this user that are alive, with their parents and working folders."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, ValueError):
                state, parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    yield int(name), int(parent)


def end_orphans(folder, known):
    """End the processes that belong to a run and were not there before, and return their command lines."""
    left = []
    for number, _ in set(processes()) - known:
        with suppress(OSError):
            where = os.readlink(f"/proc/{number}/cwd")
            words = Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if where.startswith(str(folder)):
                left.append(words)
                os.kill(number, signal.SIGKILL)
    return left


def run(name):
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        return name, problem_of(SUBJECTS[name], Path(folder))


def main(words):
    """Run the subjects whose names have these words, and print what is wrong."""
    names = [name for name in SUBJECTS if all(word in name for word in words)]
    wrong = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, problem in pool.map(run, names):
            wrong += bool(problem)
            if problem:
                print(f"{name}\n    {problem}", flush=True)
    print(f"{wrong} of {len(names)} hostile subjects")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
