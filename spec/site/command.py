"""What the command line does with the site: write it into a folder, or open a page of it in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from ..catalogue import catalogue
from ..evidence import load
from ..ledger import evidence_for, printed_forms_of, verify
from ..terminal import progress_bar
from .build import build, page_in_cache, site_files
from .data import SiteData


def write_site(out: str, vectors: str | None, matrix: str | None, *, with_evidence: bool) -> str:
    """Write the site into a folder, after the evidence that has no result was run if that is asked for; return what was done."""
    if with_evidence:
        verify_all()
    folder, rows = (Path(name) if name else None for name in (vectors, matrix))
    files = site_files(SiteData.of_kept_results(folder, with_figures=True, matrix=rows))
    with progress_bar("pages") as advance:
        build(Path(out), files, lambda: advance(len(files)))
    return f"{len(files)} files; start at {Path(out, 'index.html')}"


def verify_all() -> None:
    """Run the evidence that has no kept result, with a progress bar."""
    load()
    entries, errata = list(catalogue().entries.values()), list(catalogue().errata.values())
    total = len(evidence_for(entries) + printed_forms_of(errata))
    with progress_bar("evidence") as advance:
        verify(entries, errata, report=lambda result: advance(total))


def open_page(name: str) -> str:
    """Open the page of an entry or an erratum in a browser, and return where it is."""
    known = catalogue()
    is_erratum = name[:1] in "eE" and name[1:].isdigit()
    identifier = known.find_erratum(name).id if is_erratum else known.find(name).id
    with progress_bar("pages") as advance:
        path = page_in_cache(identifier, advance)
    click.launch(path.as_uri())
    return str(path)
