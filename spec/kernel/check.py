"""The check of proofs: each is written as a file of lemmas, which the proof assistant checks. Both are tasks, of which results are kept."""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import kept
from ..arithmetic import Refused, Undecided, Verdict
from ..arithmetic.terms import NotApplicable
from ..evidence import EVIDENCE, EvidenceResult, load
from ..tasks import Task, Workforce, kept_results, run_tasks
from .assistant import ENGINE, HEADING, LIBRARY, TIMEOUT, TOO_SLOW, Checking, check_lemmas, digest_of_lemmas
from .claims import claims_of
from .proofs import Lemma

SEARCH = 300.0  # seconds of processor time for writing one proof


@dataclass(frozen=True)
class WrittenProof:
    """The lemmas of a proof as a file, and how many they are; or the reason why there are none."""

    text: str
    claims: int
    reason: str
    seconds: float


@dataclass(frozen=True)
class KernelResult:
    """Whether the assistant's kernel has checked all claims of a proof, how many they are, and otherwise why not."""

    name: str
    checked: bool
    reason: str = ""
    claims: int = 0
    seconds: float = 0.0


def proofs() -> list[str]:
    """Return the names of all proofs."""
    load()
    return [name for name, piece in EVIDENCE.items() if piece.kind == "proof"]


# --- tasks ------------------------------------------------------------------------------------------------------------------------------


def write_proof(name: str) -> WrittenProof:
    """Write the lemmas of a proof."""
    start = time.perf_counter()
    load()
    try:
        text, claims = write_lemmas(name)
    except NotApplicable as obstacle:
        return WrittenProof("", 0, str(obstacle), time.perf_counter() - start)
    except Exception as problem:  # what is neither written nor named is counted
        return WrittenProof("", 0, f"the export raised {type(problem).__name__}", time.perf_counter() - start)
    return WrittenProof(text, claims, "", time.perf_counter() - start)


def write_lemmas(name: str) -> tuple[str, int]:
    """Return the file of lemmas for a proof, and how many claims it has; NotApplicable says why there is none."""
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


def writing_task(name: str) -> Task[WrittenProof]:
    """Return the task of writing a proof. What it gives depends on the proof and on the code of the export."""
    words = (name, kept.digest_of_evidence(name, full=False))
    return Task(write_proof, (name,), kept.digest_of(words, kept.files_of_module(__name__)))


def checking_task(proof: WrittenProof) -> Task[Checking]:
    """Return the task of checking a proof. The verdict depends on the lemmas as they are written, and on the assistant."""
    return Task(check_lemmas, (proof.text,), digest_of_lemmas(proof.text))


def is_final(checking: Checking) -> bool:
    """Return whether a verdict is the same the next time."""
    return checking.reason != TOO_SLOW


# --- results ----------------------------------------------------------------------------------------------------------------------------


def check_all(
    names: Sequence[str],
    workforce: Workforce,
    *,
    folder: Path | None = None,
    fresh: bool = False,
    report: Callable[[int], None] = lambda total: None,
) -> list[KernelResult]:
    """Have proofs checked by the assistant; what was done before, and depends on nothing that has changed since, only if `fresh`.

    Args:
        names: the proofs.
        workforce: who writes and checks them.
        folder: where the files of lemmas are written.
        fresh: write and check all anew.
        report: what is called with the number of tasks, as far as it is known, after each.

    """
    writing = {name: writing_task(name) for name in names}
    done = run_tasks(
        [*writing.values()], workforce, not_written, limit=SEARCH, fresh=fresh, report=lambda _: report(2 * len(names))
    ).by_digest
    written = {name: done[task.digest] for name, task in writing.items()}
    if folder:
        save(folder, written)
    checking = {name: checking_task(proof) for name, proof in written.items() if proof.text}
    total = len(names) + len(checking)
    verdicts = run_tasks(
        [*checking.values()], workforce, not_checked, limit=TIMEOUT, fresh=fresh, is_final=is_final, report=lambda _: report(total)
    ).by_digest
    return [result_of(name, proof, verdicts[checking[name].digest] if proof.text else None) for name, proof in written.items()]


def save(folder: Path, proofs: dict[str, WrittenProof]) -> None:
    """Write files of lemmas into a folder, with the library that they need."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(LIBRARY, folder)
    for name, proof in proofs.items():
        if proof.text:
            (folder / f"{re.sub(r'[^a-z0-9_]', '_', name)}.v").write_text(proof.text, encoding="utf-8")


def not_written(task: Task[WrittenProof], reason: str) -> WrittenProof:
    """Return that no proof was written within the limit."""
    return WrittenProof("", 0, TOO_SLOW, SEARCH)


def not_checked(task: Task[Checking], reason: str) -> Checking:
    """Return that the assistant came to no verdict within the limit."""
    return Checking(TOO_SLOW, float(TIMEOUT))


def result_of(name: str, proof: WrittenProof, checking: Checking | None) -> KernelResult:
    """Return the result for a proof that is written, and was checked if there are lemmas."""
    reason = checking.reason if checking else proof.reason
    return KernelResult(name, not reason, reason, proof.claims, proof.seconds + (checking.seconds if checking else 0.0))


def is_checked(name: str) -> bool:
    """Return whether the assistant has checked a proof as it is now."""
    return any(
        proof.text and any(not checking.reason for checking in kept_results([checking_task(proof)], is_final).values())
        for proof in kept_results([writing_task(name)], lambda proof: True).values()
    )


def with_kernel(result: EvidenceResult) -> EvidenceResult:
    """Return the result of a piece, with the assistant among its engines if that has checked a proof that holds."""
    if result.verdict is not Verdict.HOLDS or "SymPy" not in result.engines or ENGINE in result.engines:
        return result
    return replace(result, engines=(*result.engines, ENGINE), alone="") if is_checked(result.name) else result


def reasons(results: Iterable[KernelResult]) -> list[tuple[str, int]]:
    """Return why proofs are not checked, and how many for each reason, the most frequent first."""
    return Counter(result.reason for result in results if not result.checked).most_common()
