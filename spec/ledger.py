"""The ledger: every piece of evidence run, in parallel processes, and the verdict on each entry and erratum that follows."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import TimeoutError as OutOfTime
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from typing import Any

from pebble import ProcessExpired, ProcessPool

from .arithmetic import Verdict
from .catalogue import Entry, Erratum, catalogue
from .evidence import EXACT_KINDS, MISPRINTS, PIECES, Result, load, run_named

TIMEOUT = 120.0  # seconds for one piece; one that takes longer is unknown
FULL_TIMEOUT = 1800.0  # the same of a full run
QUALITATIVE = "qualitative"


@dataclass(frozen=True)
class EntryVerdict:
    """What is known of one entry: its verdict, why if it is not `holds`, and the pieces behind it."""

    entry: Entry
    verdict: str
    detail: str
    evidence: tuple[Result, ...]


@dataclass(frozen=True)
class ErratumVerdict:
    """What is known of one erratum: its printed forms must be refuted, the entries that it concerns must hold."""

    erratum: Erratum
    verdict: str
    detail: str
    printed: tuple[Result, ...]


@dataclass(frozen=True)
class Ledger:
    """All verdicts of one run."""

    entries: tuple[EntryVerdict, ...]
    errata: tuple[ErratumVerdict, ...]
    seconds: float = field(default=0.0)

    @property
    def holds(self) -> bool:
        """Whether nothing is refuted or unknown."""
        verdicts = [*(one.verdict for one in self.entries), *(one.verdict for one in self.errata)]
        return all(one in (Verdict.HOLDS.value, QUALITATIVE, "by reading") for one in verdicts)

    @property
    def chapters(self) -> dict[str, dict[str, Any]]:
        """For each chapter how many of its entries and errata have which verdict, and how many pieces of which kind stand behind it."""
        return {
            name: {
                "entries": tally(one.verdict for one in self.entries if one.entry.chapter == name),
                "errata": tally(one.verdict for one in self.errata if one.erratum.chapter == name),
                "evidence": tally(PIECES[piece].kind for piece in self.pieces(name)),
            }
            for name in dict.fromkeys(one.entry.chapter for one in self.entries)
        }

    def pieces(self, chapter: str | None = None) -> set[str]:
        """The names of the pieces behind the entries, of one chapter or of all."""
        return {result.name for one in self.entries if chapter in (None, one.entry.chapter) for result in one.evidence}

    def as_json(self) -> dict[str, Any]:
        """The ledger with stable keys: chapters, entries, errata, summary."""
        return {
            "chapters": self.chapters,
            "entries": [
                {
                    "id": one.entry.id,
                    "chapter": one.entry.chapter,
                    "kind": one.entry.kind,
                    "status": one.entry.status,
                    "verdict": one.verdict,
                    "detail": one.detail,
                    "evidence": [evidence_as_json(result) for result in one.evidence],
                }
                for one in self.entries
            ],
            "errata": [
                {
                    "id": one.erratum.id,
                    "chapter": one.erratum.chapter,
                    "class": one.erratum.kind,
                    "decided_by": one.erratum.decided_by,
                    "verdict": one.verdict,
                    "detail": one.detail,
                    "printed": [result_as_json(result) for result in one.printed],
                }
                for one in self.errata
            ],
            "summary": {
                "entries": tally(one.verdict for one in self.entries),
                "errata": tally(one.verdict for one in self.errata),
                "pieces": len(self.pieces()),
                "seconds": round(self.seconds, 3),
            },
        }


def tally(verdicts: Iterable[str]) -> dict[str, int]:
    """How often each verdict occurs."""
    counts: dict[str, int] = {}
    for one in verdicts:
        counts[one] = counts.get(one, 0) + 1
    return dict(sorted(counts.items()))


def result_as_json(result: Result) -> dict[str, Any]:
    """One result."""
    return {"name": result.name, "verdict": result.verdict.value, "seconds": round(result.seconds, 3), "detail": result.detail}


def evidence_as_json(result: Result) -> dict[str, Any]:
    """One result with the kind and scope of its piece."""
    piece = PIECES[result.name]
    return {"kind": piece.kind, "scope": piece.scope, **result_as_json(result)}


def workers(jobs: int) -> Any:
    """A pool of processes that start with the evidence loaded, where the system can fork from a clean server."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return ProcessPool(max_workers=jobs, context=multiprocessing.get_context("spawn"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}.evidence.{name}" for name in catalogue().chapters])
    return ProcessPool(max_workers=jobs, context=context)


def run_all(
    names: list[str], *, jobs: int, timeout: float, report: Callable[[Result], None], task: Callable[[str], Result] = run_named
) -> dict[str, Result]:
    """Run pieces and misprints in worker processes; one that raises, hangs or dies is unknown, and the others go on."""
    results: dict[str, Result] = {}
    with workers(jobs) as pool:
        futures = {pool.schedule(task, args=(name,), timeout=timeout): name for name in names}
        for future in as_completed(futures):
            name = futures[future]
            try:
                result = future.result()
            except OutOfTime:
                result = Result(name, Verdict.UNKNOWN, f"no verdict within {timeout:g} s", timeout)
            except ProcessExpired as death:
                result = Result(name, Verdict.UNKNOWN, f"the process died: {death}", 0.0)
            results[name] = result
            report(result)
    return results


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pieces_for(entries: Iterable[Entry]) -> list[str]:
    """The names of the pieces that support these entries."""
    wanted = {entry.id for entry in entries}
    return [name for name, piece in PIECES.items() if wanted & set(piece.ids)]


def verify(
    entries: list[Entry],
    errata: list[Erratum],
    *,
    jobs: int = 0,
    timeout: float | None = None,
    full: bool = False,
    report: Callable[[Result], None] = lambda _: None,
) -> Ledger:
    """Run all evidence for these entries and errata, in full where a piece has a longer form, and draw the verdicts."""
    load()
    names = pieces_for(entries) + misprints_of(errata)
    if full:
        names.sort(key=lambda name: name not in PIECES or not PIECES[name].has_full_form)  # the longest first: no core idles at the end
    allowed = timeout or (FULL_TIMEOUT if full else TIMEOUT)
    task = functools.partial(run_named, full=full)
    results = run_all(names, jobs=jobs or available_cores(), timeout=allowed, report=report, task=task)
    judged = tuple(entry_verdict(entry, [results[name] for name in pieces_for([entry])]) for entry in entries)
    known = {one.entry.id: one.verdict for one in judged}
    decided = tuple(erratum_verdict(erratum, [results[name] for name in misprints_of([erratum])], known) for erratum in errata)
    return Ledger(judged, decided, sum(one.seconds for one in results.values()))


def misprints_of(errata: Iterable[Erratum]) -> list[str]:
    """The names of the printed forms of these errata."""
    wanted = {erratum.id for erratum in errata}
    return [name for name, one in MISPRINTS.items() if one.id in wanted]


def entry_verdict(entry: Entry, results: list[Result]) -> EntryVerdict:
    """Refuted if any piece is, unknown if any is or if the evidence is too thin, else holds."""
    evidence = tuple(results)
    if entry.kind == QUALITATIVE:
        return EntryVerdict(entry, QUALITATIVE, entry.statement, evidence)
    for verdict in (Verdict.REFUTED, Verdict.UNKNOWN):
        for one in results:
            if one.verdict is verdict:
                return EntryVerdict(entry, verdict.value, f"{one.name}: {one.detail}", evidence)
    thin = too_thin(entry, {PIECES[one.name].kind for one in results})
    return EntryVerdict(entry, Verdict.UNKNOWN.value if thin else Verdict.HOLDS.value, thin, evidence)


def too_thin(entry: Entry, kinds: set[str]) -> str:
    """What the evidence lacks: two disjoint kinds, one of them machine-exact, unless the entry says why not; presets need one."""
    if not kinds:
        return "there is no evidence"
    if entry.exception or entry.kind == "presets":
        return ""
    if len(kinds) < 2:
        return f"one kind of evidence only: {kinds.pop()}"
    return "" if kinds & EXACT_KINDS else f"no machine-exact evidence: {', '.join(sorted(kinds))}"


def erratum_verdict(erratum: Erratum, results: list[Result], known: dict[str, str]) -> ErratumVerdict:
    """Holds if every printed form is refuted and every entry that names the erratum holds."""
    printed = tuple(results)
    if erratum.decided_by == "reading":
        return ErratumVerdict(erratum, "by reading", erratum.why, printed)
    concerned = [entry.id for entry in catalogue().entries.values() if erratum.id in entry.errata]
    if not printed or not concerned:
        return ErratumVerdict(erratum, Verdict.UNKNOWN.value, "no printed form, or no entry that it concerns", printed)
    for one in printed:
        if one.verdict is not Verdict.REFUTED:
            verdict = Verdict.REFUTED if one.verdict is Verdict.HOLDS else Verdict.UNKNOWN
            return ErratumVerdict(erratum, verdict.value, f"the printed form is {one.verdict.value}: {one.name}: {one.detail}", printed)
    for identifier in concerned:
        if known.get(identifier, Verdict.HOLDS.value) != Verdict.HOLDS.value:
            return ErratumVerdict(erratum, Verdict.UNKNOWN.value, f"the corrected form of {identifier} is {known[identifier]}", printed)
    return ErratumVerdict(erratum, Verdict.HOLDS.value, f"printed form refuted; {printed[0].detail}", printed)
