"""The proof assistant: it compiles a file of lemmas, and its kernel checks every step of their proofs."""

from __future__ import annotations

import functools
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .. import kept

ENGINE = "Coq"
COMPILER = "coqc"
LIBRARY = Path(__file__).parent / "library.v"
TIMEOUT = 120  # seconds of processor time for the lemmas of one proof
REFUSED = "the assistant refuses the proof that is written"
TOO_SLOW = "no proof within the time limit"
AXIOMS = frozenset(
    {
        "ClassicalDedekindReals.sig_forall_dec",
        "ClassicalDedekindReals.sig_not_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
        "Classical_Prop.classic",
    }
)  # of Coq's real numbers
HEADING = """(* {title}: {says} *)
From TrainspecLemmas Require Import library.
Require Import Reals Lra Lia Psatz.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

"""


@dataclass(frozen=True)
class Checking:
    """What the assistant says of a file of lemmas: an empty reason if its kernel has checked them all; and how long it took."""

    reason: str
    seconds: float


def installed() -> bool:
    """Return whether the proof assistant is installed."""
    return bool(version())


@functools.cache
def version() -> str:
    """Return the version of the proof assistant; an empty string if it is not installed."""
    if shutil.which(COMPILER) is None:
        return ""
    return subprocess.run([COMPILER, "--print-version"], capture_output=True, text=True, check=False).stdout.strip()


def digest_of_lemmas(text: str) -> str:
    """Return the digest of all that the assistant's verdict on a file of lemmas depends on."""
    return kept.digest_of((text, version()), (LIBRARY, Path(__file__)))


def check_lemmas(text: str) -> Checking:
    """Compile a file of lemmas. The kernel must accept all, and nothing but Coq's real numbers may be assumed."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "lemmas.v").write_text(text, encoding="utf-8")
        process = run_compiler(Path(folder), "lemmas.v", compiled_library())
    return Checking(reason_of(process), time.perf_counter() - start)


def reason_of(process: subprocess.CompletedProcess[str]) -> str:
    """Return why the lemmas are not checked; an empty string if they are."""
    if process.returncode < 0:
        return TOO_SLOW
    if process.returncode:
        return REFUSED
    assumed = set(re.findall(r"^([A-Za-z_][\w.']*)\s*:", process.stdout, re.MULTILINE)) - {"Axioms"}
    return "" if assumed <= AXIOMS else f"assumes {', '.join(sorted(assumed - AXIOMS))}"


def compiled_library() -> Path:
    """Return the folder of the lemmas that all proofs share, compiled: once on a machine, for this version of them."""
    target = kept.folder().with_name("kernel") / digest_of_lemmas("")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            draft = Path(folder) / "library"
            draft.mkdir()
            shutil.copy(LIBRARY, draft)
            run_compiler(draft, LIBRARY.name, draft).check_returncode()
            try:
                os.rename(draft, target)
            except OSError:  # another process was faster
                if not target.exists():
                    raise
    return target


def run_compiler(folder: Path, file: str, library: Path) -> subprocess.CompletedProcess[str]:
    """Compile a file in a folder."""
    command = [COMPILER, "-q", "-Q", str(library), "TrainspecLemmas", file]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, preexec_fn=limit_processor_time, check=False)


def limit_processor_time() -> None:
    """Limit the processor time of this process, so that a verdict does not depend on what else the machine does."""
    resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT, TIMEOUT))
