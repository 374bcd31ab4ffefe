"""The pages of the site: which there are, at which address, and what each is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from ..catalogue import CLASSES, KINDS, STATUSES, Entry, bibliography
from ..derivations import derivations
from ..evidence import KINDS as KINDS_OF_EVIDENCE
from ..queries import DeckAnswer, describe_decks
from .addresses import entry_path, erratum_path, root_of
from .data import SiteData
from .diagrams import separation_picture
from .differences import FamilyPage, family_pages
from .entry import entry_context
from .guides import GUIDES, derivation_context, guide_context
from .libraries import by_formula, by_library
from .mathml import block
from .render import render

Context = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """A page: its address, its template, its title, and what the template needs, computed when the page is made."""

    path: str
    template: str
    title: str
    context: Context

    def html(self, data: SiteData) -> str:
        """Return the page."""
        return render(self.template, root_of(self.path), path=self.path, title=self.title, version=data.version, **self.context())


def pages(data: SiteData) -> Iterator[Page]:
    """Yield all pages."""
    yield from overviews(data)
    yield from chapters(data)
    yield from decks(data)
    yield from families(data)
    yield from guides(data)
    for entry in data.catalogue.entries.values():
        yield entry_page(entry, data)
        yield from (redirect(name, entry) for name in entry.names[1:])
    for identifier in data.catalogue.errata:
        yield erratum_page(identifier, data)


def entry_page(entry: Entry, data: SiteData) -> Page:
    """Return the page of an entry."""
    return Page(
        entry_path(entry.id), "entry.html", entry.title, lambda: {**entry_context(entry, data), "chapters": data.catalogue.chapters}
    )


def redirect(name: str, entry: Entry) -> Page:
    """Return the page that leads from another name of an entry to it."""
    return Page(entry_path(name), "redirect.html", entry.title, lambda: {"entry": entry})


def erratum_page(identifier: str, data: SiteData) -> Page:
    """Return the page of an erratum."""

    def context() -> dict[str, Any]:
        answer = data.erratum(identifier)
        record = data.erratum_verdicts[identifier]
        results = {result.name: result for result in record.printed_forms}
        forms = [(form, display(form["latex"]), results.get(form["name"])) for form in answer["printed_forms"]]
        formulas = [form["formula"] for form in answer["printed_forms"] if form["formula"]]
        return {
            "own_id": identifier,
            "erratum": answer,
            "record": record,
            "forms": forms,
            "rights": {formula: display(data.answer(formula)["latex"]) for formula in formulas},
            "chapters": data.catalogue.chapters,
        }

    return Page(erratum_path(identifier), "erratum.html", f"Erratum {identifier}", context)


def display(latex: str) -> str:
    """Return LaTeX as a block of MathML, without the comments on its symbols; nothing for nothing."""
    lines = [line for line in latex.splitlines() if not line.startswith("%")]
    return block("\n".join(lines)) if lines else ""


# --- overviews ------------------------------------------------------------------------------------------------------------------------


def overviews(data: SiteData) -> Iterator[Page]:
    """Yield the pages that lead to all others."""
    known = data.catalogue
    verdicts = data.entry_verdicts

    def listed(chapter: str) -> list[Entry]:
        return [entry for entry in known.entries.values() if entry.chapter == chapter]

    yield Page(
        "index.html",
        "index.html",
        "The formulas by which deep networks are trained",
        lambda: {
            "chapters": {name: (title, listed(name)) for name, title in known.chapters.items()},
            "decks": describe_decks()["decks"],
            "summary": data.ledger.as_json()["summary"],
            "guides": GUIDES,
            "derivations": derivations(),
        },
    )
    yield Page(
        "errata.html",
        "errata.html",
        "Errata",
        lambda: {
            "errata": [(known.errata[identifier], data.erratum_verdicts[identifier]) for identifier in sorted_errata(data)],
            "entries_with": known.entries_with,
            "classes": CLASSES,
        },
    )
    yield Page(
        "ledger.html",
        "ledger.html",
        "Ledger",
        lambda: {
            "chapters": {name: (title, [verdicts[entry.id] for entry in listed(name)]) for name, title in known.chapters.items()},
            "sums": data.ledger.chapters,
            "summary": data.ledger.as_json()["summary"],
            "errata": [data.erratum_verdicts[identifier] for identifier in sorted_errata(data)],
        },
    )
    yield Page("sources.html", "sources.html", "Sources", lambda: {"sources": sources(data), "decks": describe_decks()["decks"]})
    yield Page("search.html", "search.html", "Search", dict)
    yield Page("conventions.html", "conventions.html", "Conventions", lambda: {"families": family_pages()})
    yield Page("libraries.html", "libraries.html", "Libraries", lambda: libraries(data))
    yield Page("decks.html", "decks.html", "Lecture decks", lambda: {"decks": describe_decks()["decks"]})
    yield Page(
        "glossary.html",
        "glossary.html",
        "Glossary",
        lambda: {"sections": list(glossary()), "kinds": KINDS, "statuses": STATUSES, "classes": CLASSES, "evidence": KINDS_OF_EVIDENCE},
    )


def libraries(data: SiteData) -> dict[str, Any]:
    """Return what libraries follow, and the formulas of which they follow more than one convention."""
    return {"libraries": by_library(data.library_rows), "formulas": by_formula(data.library_rows)}


def sorted_errata(data: SiteData) -> list[str]:
    """Return the ids of the errata by number."""
    return sorted(data.catalogue.errata, key=lambda identifier: int(identifier[1:]))


def sources(data: SiteData) -> list[tuple[Any, list[Entry], list[Any]]]:
    """Return each source with the entries and errata that cite it; those that nothing cites are left out."""
    known = data.catalogue
    cited = []
    for source in bibliography().values():
        entries = [entry for entry in known.entries.values() if any(citation.key == source.key for citation in entry.sources)]
        errata = [erratum for erratum in known.errata.values() if any(citation.key == source.key for citation in erratum.sources)]
        if entries or errata:
            cited.append((source, entries, errata))
    return cited


def glossary() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the sections of the glossary, each with its terms and what they mean."""
    text = files(__package__).joinpath("glossary.md").read_text(encoding="utf-8")
    for section in text.split("\n**")[1:]:
        title, _, body = section.partition("**\n")
        items = [" ".join(item.split()) for item in body.strip().removeprefix("- ").split("\n- ")]
        yield title, [(term, meaning.strip()) for term, _, meaning in (item.removeprefix("**").partition(".** ") for item in items)]


# --- chapters, decks, families, guides ------------------------------------------------------------------------------------------------


def chapters(data: SiteData) -> Iterator[Page]:
    """Yield a page for each chapter."""
    for name, title in data.catalogue.chapters.items():
        yield Page(f"chapters/{name}.html", "chapter.html", title, lambda name=name: chapter_context(name, data))  # type: ignore[misc]


def chapter_context(name: str, data: SiteData) -> dict[str, Any]:
    """Return what the page of a chapter says: its entries and errata with their verdicts."""
    known = data.catalogue
    entries = [entry for entry in known.entries.values() if entry.chapter == name]
    errata = [known.errata[identifier] for identifier in sorted_errata(data) if known.errata[identifier].chapter == name]
    rows = [(data.answer(entry.id), data.entry_verdicts[entry.id].verdict) for entry in entries]
    return {"name": name, "rows": rows, "errata": [(erratum, data.erratum_verdicts[erratum.id].verdict) for erratum in errata]}


def decks(data: SiteData) -> Iterator[Page]:
    """Yield a page for each lecture deck."""
    for deck in describe_decks()["decks"]:
        title = f"{deck['abbreviation']}: {deck['title']}"
        yield Page(f"decks/{deck['abbreviation']}.html", "deck.html", title, lambda deck=deck: deck_context(deck, data))  # type: ignore[misc]


def deck_context(deck: DeckAnswer, data: SiteData) -> dict[str, Any]:
    """Return what the page of a deck says: slide by slide, the entries and errata with their verdicts."""
    known = data.catalogue
    slides = [
        (
            slide["title"],
            [(known.entries[identifier], data.entry_verdicts[identifier].verdict) for identifier in slide["entries"]],
            [(known.errata[identifier], data.erratum_verdicts[identifier].verdict) for identifier in slide["errata"]],
        )
        for slide in deck["slides"]
    ]
    key = deck["abbreviation"]
    others = [entry for entry in known.entries.values() if any(citation.key == key and not citation.slides for citation in entry.sources)]
    return {"deck": deck, "slides": slides, "others": [(entry, data.entry_verdicts[entry.id].verdict) for entry in others]}


def families(data: SiteData) -> Iterator[Page]:
    """Yield a page for each family of optimizers."""
    for family in family_pages():
        path, title = f"families/{family.id}.html", f"{family.title}: conventions"
        yield Page(path, "family.html", title, lambda family=family: family_context(family, data))  # type: ignore[misc]


def family_context(family: FamilyPage, data: SiteData) -> dict[str, Any]:
    """Return what the page of a family says."""
    libraries = [row for row in data.library_rows if row.family == family.id]
    return {"family": family, "picture": separation_picture(family.id), "libraries": libraries}


def guides(data: SiteData) -> Iterator[Page]:
    """Yield the guides and the derivations."""
    for name, title in GUIDES.items():
        yield Page(f"guides/{name}.html", f"guides/{name}.html", title, lambda name=name: guide_context(name, data))  # type: ignore[misc]
    for name, record in derivations().items():
        path = f"derivations/{name}.html"
        yield Page(path, "derivation.html", record["title"], lambda name=name: derivation_context(name, data))  # type: ignore[misc]
