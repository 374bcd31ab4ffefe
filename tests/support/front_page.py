"""What is generated in the README: the table of entries, errata and evidence by chapter, and the source code of the example."""

from __future__ import annotations

import inspect
from collections import Counter
from typing import Any

from trainspec.reference import FORMULAS
from trainspec.spec.arithmetic import Verdict
from trainspec.spec.catalogue import catalogue
from trainspec.spec.evidence import EVIDENCE, EXACT_KINDS, EvidenceResult, load
from trainspec.spec.ledger import Ledger, entry_verdict, erratum_verdict, evidence_for, printed_forms_of


def expected_results(names: list[str], verdict: Verdict) -> list[EvidenceResult]:
    """Return the results of evidence whose verdict the tests check one by one."""
    return [EvidenceResult(name, verdict, "", 0.0) for name in names]


def expected_ledger() -> Ledger:
    """Return the ledger in which every piece of evidence holds and every printed form is refuted, as tests/spec/test_evidence.py checks."""
    load()
    entries = [entry_verdict(entry, expected_results(evidence_for([entry]), Verdict.HOLDS)) for entry in catalogue().entries.values()]
    verdicts = {record.entry.id: record.verdict for record in entries}
    errata = [
        erratum_verdict(erratum, expected_results(printed_forms_of([erratum]), Verdict.REFUTED), verdicts)
        for erratum in catalogue().errata.values()
    ]
    return Ledger(tuple(entries), tuple(errata))


def table_row(title: str, entries: dict[str, int], errata: dict[str, int], evidence: dict[str, int]) -> str:
    """Return one row of the table, from the counts by verdict and by kind."""
    unexpected = (set(entries) - {"holds", "qualitative"}) | (set(errata) - {"holds", "by reading"})
    if unexpected:
        raise ValueError(f"{title}: the table has no column for {sorted(unexpected)}")
    exact = sum(count for kind, count in evidence.items() if kind in EXACT_KINDS)
    counts = (entries.get("holds", 0), entries.get("qualitative", 0), sum(evidence.values()), exact)
    return f"| {' | '.join(map(str, (title, *counts, errata.get('holds', 0), errata.get('by reading', 0))))} |"


def table_rows(ledger: Ledger) -> list[str]:
    """Return the rows, one a chapter, the sums last."""
    titles, chapters = catalogue().chapters, ledger.chapters
    rows = [table_row(titles[name], **chapters[name]) for name in sorted(chapters)]
    sums: Any = {key: sum((Counter(chapter[key]) for chapter in chapters.values()), Counter()) for key in ("entries", "errata")}
    return [*rows, table_row("**all**", **sums, evidence=Counter(EVIDENCE[name].kind for name in ledger.pieces()))]


def with_current_table(readme: str) -> str:
    """Return the README with its table renewed: the rows under the heading that counts entries."""
    lines = readme.splitlines()
    start = next(number for number, line in enumerate(lines) if set(line) <= set("|-: ") and "chapter" in lines[number - 1]) + 1
    end = next(number for number in range(start, len(lines)) if not lines[number].startswith("|"))
    return "\n".join([*lines[:start], *table_rows(expected_ledger()), *lines[end:]]) + "\n"


def with_current_source(readme: str) -> str:
    """Return the README with the source code of its example renewed: the block that begins with @formula("id")."""
    start = readme.index("```python\n@formula(") + len("```python\n")
    end = readme.index("```\n", start)
    source = inspect.getsource(FORMULAS[readme[start:end].split('"')[1]].raw)
    return readme[:start] + source + readme[end:]


def renewed(readme: str) -> str:
    """Return the README with its table and its example renewed."""
    return with_current_source(with_current_table(readme))
