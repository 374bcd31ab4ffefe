"""The ledger: run the evidence in parallel processes and derive the verdict on each entry and erratum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import kept
from .arithmetic import Verdict
from .catalogue import Entry, Erratum, catalogue
from .evidence import EVIDENCE, EXACT_KINDS, EXTENDING_KINDS, PRINTED_FORMS, EvidenceResult, load, run_named
from .kernel.assistant import ENGINE
from .kernel.check import with_kernel
from .tasks import Task, Workforce, run_tasks
from .tasks import kept_results as kept_task_results

TIMEOUT = 120.0  # seconds of processor time for one piece; one that takes longer is unknown
FULL_TIMEOUT = 1800.0  # the same of a full run
ALL_CORES = Workforce()
QUALITATIVE = "qualitative"
NOT_VERIFIED = "not verified yet"


@dataclass(frozen=True)
class EntryVerdict:
    """The verdict on one entry, the reason if it is not `holds`, and the results of its evidence."""

    entry: Entry
    verdict: str
    detail: str
    evidence: tuple[EvidenceResult, ...]


@dataclass(frozen=True)
class ErratumVerdict:
    """The verdict on one erratum, the reason, and the results of its printed forms."""

    erratum: Erratum
    verdict: str
    detail: str
    printed_forms: tuple[EvidenceResult, ...]


@dataclass(frozen=True)
class Ledger:
    """The verdicts on the selected entries and errata, the seconds of computing they took, and how many results were kept from before."""

    entries: tuple[EntryVerdict, ...]
    errata: tuple[ErratumVerdict, ...]
    seconds: float = 0.0
    kept: int = 0

    @property
    def holds(self) -> bool:
        """Whether no entry and no erratum is refuted or unknown."""
        verdicts = [*(entry.verdict for entry in self.entries), *(erratum.verdict for erratum in self.errata)]
        return all(verdict in (Verdict.HOLDS.value, QUALITATIVE, "by reading") for verdict in verdicts)

    @property
    def chapters(self) -> dict[str, dict[str, Any]]:
        """For each chapter: the number of entries and of errata by verdict, and the number of pieces of evidence by kind."""
        return {
            name: {
                "entries": tally(entry.verdict for entry in self.entries if entry.entry.chapter == name),
                "errata": tally(erratum.verdict for erratum in self.errata if erratum.erratum.chapter == name),
                "evidence": tally(EVIDENCE[piece].kind for piece in self.pieces(name)),
            }
            for name in dict.fromkeys(entry.entry.chapter for entry in self.entries)
        }

    def pieces(self, chapter: str | None = None) -> set[str]:
        """Return the names of the evidence for the entries of one chapter, or of all chapters."""
        return {result.name for entry in self.entries if chapter in (None, entry.entry.chapter) for result in entry.evidence}

    def engines(self) -> dict[str, Any]:
        """Return how many exact pieces have two engines or more, how many one and why, and how many Coq's kernel has checked."""
        exact = {result.name: result for entry in self.entries for result in entry.evidence if EVIDENCE[result.name].kind in EXACT_KINDS}
        alone = [result for result in exact.values() if len(result.engines) < 2]
        return {
            "two": len(exact) - len(alone),
            "one": len(alone),
            "kernel": sum(ENGINE in result.engines for result in exact.values()),
            "reasons": tally(reason_of(result) for result in alone),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the ledger as JSON data with stable keys: chapters, entries, errata, summary."""
        return {
            "chapters": self.chapters,
            "entries": [
                {
                    "id": entry.entry.id,
                    "chapter": entry.entry.chapter,
                    "kind": entry.entry.kind,
                    "status": entry.entry.status,
                    "verdict": entry.verdict,
                    "detail": entry.detail,
                    "evidence": [evidence_as_json(result) for result in entry.evidence],
                }
                for entry in self.entries
            ],
            "errata": [
                {
                    "id": erratum.erratum.id,
                    "chapter": erratum.erratum.chapter,
                    "class": erratum.erratum.kind,
                    "decided_by": erratum.erratum.decided_by,
                    "verdict": erratum.verdict,
                    "detail": erratum.detail,
                    "printed": [result_as_json(result) for result in erratum.printed_forms],
                }
                for erratum in self.errata
            ],
            "summary": {
                "entries": tally(entry.verdict for entry in self.entries),
                "errata": tally(erratum.verdict for erratum in self.errata),
                "pieces": len(self.pieces()),
                "seconds": round(self.seconds, 3),
                "kept": self.kept,
                "engines": self.engines(),
            },
        }


def reason_of(result: EvidenceResult) -> str:
    """Return why one engine alone is behind a verdict, without how many claims it concerns."""
    return result.alone.partition("; otherwise ")[2] or result.alone or "no verdict"


def tally(verdicts: Iterable[str]) -> dict[str, int]:
    """Return how often each verdict occurs."""
    counts: dict[str, int] = {}
    for verdict in verdicts:
        counts[verdict] = counts.get(verdict, 0) + 1
    return dict(sorted(counts.items()))


def result_as_json(result: EvidenceResult) -> dict[str, Any]:
    """Return the name, verdict, time and reason of one result."""
    return {"name": result.name, "verdict": result.verdict.value, "seconds": round(result.seconds, 3), "detail": result.detail}


def evidence_as_json(result: EvidenceResult) -> dict[str, Any]:
    """Return one result with the kind and scope of its piece of evidence, and the engines behind the verdict on an exact one."""
    piece = EVIDENCE[result.name]
    engines = {"engines": list(result.engines), "alone": result.alone}
    return {"kind": piece.kind, "scope": piece.scope, **result_as_json(result), **engines}


def evidence_for(entries: Iterable[Entry]) -> list[str]:
    """Return the names of the evidence that supports these entries."""
    wanted = {entry.id for entry in entries}
    return [name for name, piece in EVIDENCE.items() if wanted & set(piece.ids)]


def verify(
    entries: list[Entry],
    errata: list[Erratum],
    *,
    workforce: Workforce = ALL_CORES,
    timeout: float | None = None,
    full: bool = False,
    fresh: bool = False,
    report: Callable[[EvidenceResult], None] = lambda _: None,
) -> Ledger:
    """Run the evidence for these entries and errata, with `full` the long form of each piece that has one, and return the ledger.

    What was decided before, and depends on nothing that has changed since, is not run again unless `fresh`.
    """
    load()
    names = evidence_for(entries) + printed_forms_of(errata)
    if full:
        # the longest first, so that all cores are busy until the end
        names.sort(key=lambda name: name not in EVIDENCE or not EVIDENCE[name].has_full_form)
    limit = timeout or (FULL_TIMEOUT if full else TIMEOUT)
    tasks = [evidence_task(name, full=full) for name in names]
    done = run_tasks(tasks, workforce, without_verdict, limit=limit, fresh=fresh, is_final=is_decided, report=report)
    results = {result.name: with_kernel(result) for result in done.by_digest.values()}
    entry_verdicts = tuple(entry_verdict(entry, [results[name] for name in evidence_for([entry])]) for entry in entries)
    by_id = {record.entry.id: record.verdict for record in entry_verdicts}
    erratum_verdicts = tuple(erratum_verdict(erratum, [results[name] for name in printed_forms_of([erratum])], by_id) for erratum in errata)
    seconds = sum(result.seconds for result in results.values())
    return Ledger(entry_verdicts, erratum_verdicts, seconds, kept=done.kept)


def evidence_task(name: str, *, full: bool = False) -> Task[EvidenceResult]:
    """Return the task of running a piece of evidence or a printed form."""
    return Task(run_named, (name, full), kept.digest_of_evidence(name, full=full))


def without_verdict(task: Task[EvidenceResult], reason: str) -> EvidenceResult:
    """Return the result of a piece that took too long, or whose process died: unknown."""
    return EvidenceResult(task.arguments[0], Verdict.UNKNOWN, reason, 0.0)


def is_decided(result: EvidenceResult) -> bool:
    """Return whether a result is the same the next time; it is not if nothing was decided, as a piece raised or took too long."""
    return result.verdict is not Verdict.UNKNOWN


def kept_results(names: Iterable[str], *, full: bool = False) -> dict[str, EvidenceResult]:
    """Return the results of earlier runs that still hold good, by name."""
    tasks = [evidence_task(name, full=full) for name in names]
    return {result.name: with_kernel(result) for result in kept_task_results(tasks, is_decided).values()}


def kept_ledger(entries: list[Entry], errata: list[Erratum]) -> Ledger:
    """Return the ledger of the kept results: what lacks the result of a piece is not verified yet, unless another piece refutes it."""
    load()
    known = kept_results(evidence_for(entries) + printed_forms_of(errata))
    entry_verdicts = tuple(kept_entry_verdict(entry, known) for entry in entries)
    by_id = {record.entry.id: record.verdict for record in entry_verdicts}
    erratum_verdicts = tuple(kept_erratum_verdict(erratum, known, by_id) for erratum in errata)
    return Ledger(entry_verdicts, erratum_verdicts, sum(result.seconds for result in known.values()), kept=len(known))


def kept_entry_verdict(entry: Entry, known: Mapping[str, EvidenceResult]) -> EntryVerdict:
    """Return the verdict on an entry, as far as the results of its pieces are kept."""
    names = evidence_for([entry])
    results = [known[name] for name in names if name in known]
    refuted = any(result.verdict is Verdict.REFUTED for result in results)
    if len(results) == len(names) or refuted or entry.kind == QUALITATIVE:
        return entry_verdict(entry, results)
    return EntryVerdict(entry, NOT_VERIFIED, missing_results(results, names), tuple(results))


def kept_erratum_verdict(erratum: Erratum, known: Mapping[str, EvidenceResult], entry_verdicts: dict[str, str]) -> ErratumVerdict:
    """Return the verdict on an erratum, as far as the results of its printed forms and of the entries that it concerns are kept."""
    names = printed_forms_of([erratum])
    results = [known[name] for name in names if name in known]
    concerned = [entry_verdicts.get(entry.id) for entry in catalogue().entries_with(erratum.id)]
    if erratum.decided_by == "machine" and (len(results) < len(names) or NOT_VERIFIED in concerned):
        return ErratumVerdict(erratum, NOT_VERIFIED, missing_results(results, names), tuple(results))
    return erratum_verdict(erratum, results, entry_verdicts)


def missing_results(results: list[EvidenceResult], names: list[str]) -> str:
    """Return how many results there are of how many."""
    return f"{len(results)} of {len(names)} pieces of evidence have a result; `trainspec verify` computes the others"


def printed_forms_of(errata: Iterable[Erratum]) -> list[str]:
    """Return the names of the printed forms of these errata."""
    wanted = {erratum.id for erratum in errata}
    return [name for name, printed_form in PRINTED_FORMS.items() if printed_form.id in wanted]


def entry_verdict(entry: Entry, results: list[EvidenceResult]) -> EntryVerdict:
    """Return the verdict on an entry: refuted if a piece is, unknown if a piece is or if evidence is missing, otherwise holds."""
    evidence = tuple(results)
    if entry.kind == QUALITATIVE:
        return EntryVerdict(entry, QUALITATIVE, entry.statement, evidence)
    for verdict in (Verdict.REFUTED, Verdict.UNKNOWN):
        for result in results:
            if result.verdict is verdict:
                return EntryVerdict(entry, verdict.value, f"{result.name}: {result.detail}", evidence)
    missing = missing_evidence(entry, {EVIDENCE[result.name].kind for result in results})
    return EntryVerdict(entry, Verdict.UNKNOWN.value if missing else Verdict.HOLDS.value, missing, evidence)


def missing_evidence(entry: Entry, kinds: set[str]) -> str:
    """Return what is missing, or an empty string.

    Required are two kinds, one of them exact, unless the entry states an exception; an entry of presets needs one kind.
    """
    kinds = kinds - EXTENDING_KINDS
    if not kinds:
        return "there is no evidence"
    if entry.exception or entry.kind == "presets":
        return ""
    if len(kinds) < 2:
        return f"one kind of evidence only: {kinds.pop()}"
    return "" if kinds & EXACT_KINDS else f"no machine-exact evidence: {', '.join(sorted(kinds))}"


def erratum_verdict(erratum: Erratum, results: list[EvidenceResult], entry_verdicts: dict[str, str]) -> ErratumVerdict:
    """Return the verdict on an erratum: it holds if each printed form is refuted and each entry that names it holds."""
    printed_forms = tuple(results)
    if erratum.decided_by == "reading":
        return ErratumVerdict(erratum, "by reading", erratum.why, printed_forms)
    concerned = [entry.id for entry in catalogue().entries.values() if erratum.id in entry.errata]
    if not printed_forms or not concerned:
        return ErratumVerdict(erratum, Verdict.UNKNOWN.value, "no printed form, or no entry that it concerns", printed_forms)
    for result in printed_forms:
        if result.verdict is not Verdict.REFUTED:
            verdict = Verdict.REFUTED if result.verdict is Verdict.HOLDS else Verdict.UNKNOWN
            return ErratumVerdict(erratum, verdict.value, f"{result.name} is {result.verdict.value}: {result.detail}", printed_forms)
    for identifier in concerned:
        if entry_verdicts.get(identifier, Verdict.HOLDS.value) != Verdict.HOLDS.value:
            detail = f"the corrected form of {identifier} is {entry_verdicts[identifier]}"
            return ErratumVerdict(erratum, Verdict.UNKNOWN.value, detail, printed_forms)
    return ErratumVerdict(erratum, Verdict.HOLDS.value, f"printed form refuted; {printed_forms[0].detail}", printed_forms)
