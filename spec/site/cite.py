"""How an entry is cited: its id, the version, and the digest of the formula, which says whether it is still the same."""

from __future__ import annotations

import functools

from ...reference import FORMULAS
from ..catalogue import Entry
from ..lines.digest import digest_of

AUTHORS = "The trainspec authors"
SHORT = 16  # digits of a digest: enough to tell formulas apart


def digest(entry: Entry) -> str:
    """Return the digest of a formula; nothing for another entry."""
    return short_digest(entry.id) if entry.id in FORMULAS else ""


@functools.cache
def short_digest(identifier: str) -> str:
    """Return the first digits of the digest of a formula."""
    return digest_of(FORMULAS[identifier])[:SHORT]


def bibtex(entry: Entry, version: str) -> str:
    """Return the citation of an entry for BibTeX."""
    key = "trainspec:" + entry.id
    mark = digest(entry)
    marked = f", formula digest {mark}" if mark else ""
    fields = {
        "title": f"{{{entry.title}}}",
        "author": f"{{{AUTHORS}}}",
        "howpublished": "trainspec: the formulas of deep-network training, stated, proven and checked",
        "version": version,
        "note": f"Entry \\texttt{{{entry.id.replace('_', chr(92) + '_')}}}{marked}",
    }
    lines = [f"  {name:12} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@software{{{key},", *lines, "}"])


def citation_file(entry: Entry, version: str) -> str:
    """Return the citation of an entry as a reference of a CITATION.cff file."""
    mark = digest(entry)
    note = f"entry {entry.id}" + (f", formula digest {mark}" if mark else "")
    title = entry.title.replace('"', '\\"')
    return "\n".join(
        [
            "references:",
            "  - type: software",
            f'    title: "trainspec: {title}"',
            "    authors:",
            f'      - name: "{AUTHORS}"',
            f"    version: {version}",
            f'    notes: "{note}"',
        ]
    )
