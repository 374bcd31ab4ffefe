"""The check: each proof becomes a file of lemmas, which the proof assistant compiles; its kernel checks every step."""

from __future__ import annotations

import re
import resource
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import TimeoutError as OutOfTime
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from ..arithmetic import Refused, Undecided
from ..arithmetic.terms import NotApplicable
from ..evidence import EVIDENCE, load
from .claims import claims_of
from .proofs import Lemma
from .results import LIBRARY, KernelResult, keep, read

COMPILER = "coqc"
TIMEOUT = 120  # seconds of processor time for one proof
PATIENCE = 1800  # seconds for one proof by the clock, the search for its steps included
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


def installed() -> bool:
    """Return whether the proof assistant is installed."""
    return shutil.which(COMPILER) is not None


def write_lemmas(name: str) -> tuple[str, int]:
    """Return the file of lemmas for a proof, and how many claims it has; NotApplicable says why there is none."""
    load()
    piece = EVIDENCE[name]
    try:
        claims = claims_of(piece)
    except (Refused, Undecided, LookupError, AttributeError, TypeError, ValueError) as problem:
        raise NotApplicable("an operation that terms do not have") from problem
    if not claims:
        raise NotApplicable("numbers, and no symbols")
    lemmas = [Lemma(f"claim_{number}", *claim).prove() for number, claim in enumerate(claims, start=1)]
    names = ", ".join(f"claim_{number}" for number in range(1, len(claims) + 1))
    heading = HEADING.format(title=name, says=piece.scope.replace("*)", "* )"))
    return f"{heading}{chr(10).join(lemmas)}\nDefinition claims := ({names}, tt).\nPrint Assumptions claims.\n", len(claims)


def compile_library(folder: Path) -> None:
    """Compile the lemmas that all proofs share, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LIBRARY.name).write_text(LIBRARY.read_text(encoding="utf-8"), encoding="utf-8")
    run_compiler(folder, LIBRARY.name).check_returncode()


def run_compiler(folder: Path, file: str) -> subprocess.CompletedProcess[str]:
    """Compile a file in a folder."""
    command = [COMPILER, "-q", "-Q", ".", "TrainspecLemmas", file]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, preexec_fn=limit_processor_time, check=False)


def limit_processor_time() -> None:
    """Limit the processor time of this process, so that a verdict does not depend on what else the machine does."""
    resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT, TIMEOUT))


def check_text(text: str, folder: Path, title: str) -> str:
    """Compile lemmas; return an empty string if the kernel accepts them and nothing but Coq's real numbers is assumed, else the reason."""
    file = f"{re.sub(r'[^a-z0-9_]', '_', title)}.v"
    (folder / file).write_text(text, encoding="utf-8")
    process = run_compiler(folder, file)
    if process.returncode < 0:
        return TOO_SLOW
    if process.returncode:
        return REFUSED
    assumed = set(re.findall(r"^([A-Za-z_][\w.']*)\s*:", process.stdout, re.MULTILINE)) - {"Axioms"}
    return "" if assumed <= AXIOMS else f"assumes {', '.join(sorted(assumed - AXIOMS))}"


def check_proof(name: str, folder: Path) -> KernelResult:
    """Write the lemmas of a proof into a folder and have them checked. This is the task of a worker process."""
    start = time.perf_counter()
    try:
        text, claims = write_lemmas(name)
    except NotApplicable as obstacle:
        return KernelResult(name, False, str(obstacle), 0, time.perf_counter() - start)
    reason = check_text(text, folder, name)
    return KernelResult(name, not reason, reason, claims, time.perf_counter() - start)


def check_all(
    names: Iterable[str], folder: Path, *, jobs: int, fresh: bool = False, report: Callable[[KernelResult], None] = lambda _: None
) -> list[KernelResult]:
    """Have proofs checked by the assistant in several processes, unless they were before and nothing has changed; keep the results."""
    names = list(names)
    results = {name: result for name in names if not fresh and (result := read(name))}
    for result in results.values():
        report(result)
    waiting = [name for name in names if name not in results]
    if waiting:
        compile_library(folder)
    with ProcessPool(max_workers=jobs) as pool:
        futures: dict[Any, str] = {pool.schedule(check_proof, args=(name, folder), timeout=PATIENCE): name for name in waiting}
        for future in as_completed(futures):
            name = futures[future]
            try:
                results[name] = future.result()
            except (OutOfTime, ProcessExpired):
                results[name] = KernelResult(name, False, TOO_SLOW, 0, float(PATIENCE))
            if results[name].reason != TOO_SLOW:
                keep(results[name])
            report(results[name])
    return [results[name] for name in names]


def proofs() -> list[str]:
    """Return the names of all proofs."""
    load()
    return [name for name, piece in EVIDENCE.items() if piece.kind == "proof"]


def reasons(results: Iterable[KernelResult]) -> list[tuple[str, int]]:
    """Return why proofs are not checked, and how many for each reason, the most frequent first."""
    return Counter(result.reason for result in results if not result.checked).most_common()
