"""The index of the search: a script that a page reads from the disk as well as from a server."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..derivations import derivations
from ..queries import describe_decks
from .addresses import entry_path, erratum_path, page_id
from .data import SiteData
from .differences import family_pages
from .guides import GUIDES
from .pages import glossary

Record = tuple[str, str, str, str]  # title, address, what it is, and the words by which it is found besides


def index_script(data: SiteData) -> str:
    """Return the script that holds the index."""
    return f"window.searchIndex = {json.dumps(list(records(data)), ensure_ascii=False, separators=(',', ':'))};\n"


def records(data: SiteData) -> Iterator[Record]:
    """Yield a record for each entry, erratum, chapter, deck, slide, family, guide and term."""
    known = data.catalogue
    for entry in known.entries.values():
        answer = data.answer(entry.id)
        text = " ".join([*entry.names[1:], answer["statement"], entry.note, *(citation["text"] for citation in answer["sources"])])
        yield entry.title, entry_path(entry.id), entry.id, " ".join(text.split())
    for erratum in known.errata.values():
        yield f"{erratum.id}: {erratum.printed}", erratum_path(erratum.id), "erratum", f"{erratum.correct} {erratum.where}"
    for name, title in known.chapters.items():
        yield title, f"chapters/{name}.html", "chapter", name
    for deck in describe_decks()["decks"]:
        path = f"decks/{deck['abbreviation']}.html"
        yield f"{deck['abbreviation']}: {deck['title']}", path, "deck", " ".join([*deck["authors"], deck["institution"], deck["course"]])
        for slide in deck["slides"]:
            yield slide["title"], f"{path}#{page_id(slide['title'])}", f"slide of {deck['abbreviation']}", ""
    for family in family_pages():
        yield f"{family.title}: conventions", f"families/{family.id}.html", "conventions", ""
    for name, title in GUIDES.items():
        yield title, f"guides/{name}.html", "guide", ""
    for name, record in derivations().items():
        yield record["title"], f"derivations/{name}.html", "derivation", record["lead"]
    for _, terms in glossary():
        for term, meaning in terms:
            yield term, f"glossary.html#{page_id(term)}", "term", meaning
