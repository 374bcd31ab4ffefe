"""The questions of the command line, answered as data: lists, decks, and the names of conventions, variants and checks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, TypedDict

from .catalogue import CLASSES, KINDS, STATUSES, Entry, Erratum, UnknownNameError, catalogue, decks

if TYPE_CHECKING:
    from .conformance.optimizers.conventions import Convention


class ListedEntry(TypedDict):
    """An entry in a list."""

    id: str
    chapter: str
    kind: str
    status: str
    title: str
    errata: list[str]
    function: str
    slides: list[str]


ListedErratum = TypedDict(
    "ListedErratum",
    {"id": str, "chapter": str, "class": str, "where": str, "printed": str, "correct": str, "entries": list[str], "slides": list[str]},
)


class SlideAnswer(TypedDict):
    """A slide that is cited, with the entries and errata that cite it."""

    title: str
    entries: list[str]
    errata: list[str]


class DeckAnswer(TypedDict):
    """A lecture deck: its abbreviation, what it is, and how much of the catalogue cites it."""

    abbreviation: str
    title: str
    authors: list[str]
    institution: str
    course: str
    year: int | None
    note: str
    entries: int
    errata: int
    slides: list[SlideAnswer]


class DecksAnswer(TypedDict):
    """The decks, and what the words for kinds, statuses and classes of errata mean."""

    decks: list[DeckAnswer]
    kinds: dict[str, str]
    statuses: dict[str, str]
    classes: dict[str, str]


class FamilyAnswer(TypedDict):
    """A family of optimizers, and how many conventions and mistakes of it have names."""

    family: str
    title: str
    conventions: int
    mistakes: int


class ConventionAnswer(TypedDict):
    """A named convention of a family, or a mistake: `id` is what `--against` takes."""

    id: str
    name: str
    right: bool
    formulas: list[str]


class VariantNameAnswer(TypedDict):
    """A way in which implementations of a formula differ from it."""

    id: str
    name: str
    right: bool


class CheckAnswer(TypedDict):
    """A check of a test suite: what `expected_failed_checks` may name."""

    name: str
    meaning: str
    dtype: str


# --- lists ---------------------------------------------------------------------------------------------------------------


def find_slides(title: str, deck: str | None = None) -> set[tuple[str, str]]:
    """Return the slides of this title, or those whose titles contain it, each with its deck; an UnknownNameError if there is none."""
    slides = [(source.key, slide) for source in decks().values() for slide in source.slides if deck in (None, source.key)]
    same = {(key, slide) for key, slide in slides if slide.casefold() == title.casefold()}
    similar = {(key, slide) for key, slide in slides if title.casefold() in slide.casefold()}
    if not (same or similar):
        raise UnknownNameError("slide of the title", title, [slide for _, slide in slides])
    return same or similar


def mentions(texts: Iterable[str], words: Collection[str]) -> bool:
    """Return whether all words occur in the texts, in upper or lower case."""
    text = "\n".join(texts).casefold()
    return all(word.casefold() in text for word in words)


def cites(record: Entry | Erratum, deck: str | None, slides: Collection[tuple[str, str]] | None) -> bool:
    """Return whether an entry or erratum cites a deck, and one of some slides."""
    return (deck is None or any(citation.key == deck for citation in record.sources)) and (
        slides is None or any(slide in slides for slide in record.slides)
    )


def list_entries(
    words: Collection[str] = (),
    *,
    chapter: str | None = None,
    deck: str | None = None,
    slide: str | None = None,
    kind: str | None = None,
    status: str | None = None,
    with_tables: bool = False,
) -> list[ListedEntry]:
    """Return the entries that fit; an entry cites a deck or a slide also by an erratum that concerns it."""
    known = catalogue()
    slides = None if slide is None else find_slides(slide, deck)
    reproduced = entries_with_tables() if with_tables else None
    return [
        listed_entry(entry)
        for entry in known.entries.values()
        if chapter in (None, entry.chapter)
        and kind in (None, entry.kind)
        and status in (None, entry.status)
        and (reproduced is None or entry.id in reproduced)
        and mentions((*entry.names, entry.title, entry.statement, entry.note), words)
        and (cites(entry, deck, slides) or any(cites(known.errata[identifier], deck, slides) for identifier in entry.errata))
    ]


def list_errata(
    words: Collection[str] = (), *, chapter: str | None = None, deck: str | None = None, slide: str | None = None
) -> list[ListedErratum]:
    """Return the errata that fit, by number."""
    slides = None if slide is None else find_slides(slide, deck)
    return [
        listed_erratum(erratum)
        for erratum in sorted(catalogue().errata.values(), key=lambda erratum: int(erratum.id[1:]))
        if chapter in (None, erratum.chapter)
        and mentions((erratum.id, erratum.where, erratum.printed, erratum.correct, *names_of_concerned(erratum)), words)
        and cites(erratum, deck, slides)
    ]


def names_of_concerned(erratum: Erratum) -> list[str]:
    """Return the ids and titles of the entries that an erratum concerns."""
    return [text for entry in catalogue().entries_with(erratum.id) for text in (entry.id, entry.title)]


def listed_entry(entry: Entry) -> ListedEntry:
    """Return an entry for a list."""
    return {
        "id": entry.id,
        "chapter": entry.chapter,
        "kind": entry.kind,
        "status": entry.status,
        "title": entry.title,
        "errata": list(entry.errata),
        "function": entry.path,
        "slides": [f"{deck}: {slide}" for deck, slide in entry.slides],
    }


def listed_erratum(erratum: Erratum) -> ListedErratum:
    """Return an erratum for a list."""
    return {
        "id": erratum.id,
        "chapter": erratum.chapter,
        "class": erratum.kind,
        "where": erratum.where,
        "printed": erratum.printed,
        "correct": erratum.correct,
        "entries": [entry.id for entry in catalogue().entries_with(erratum.id)],
        "slides": [f"{deck}: {slide}" for deck, slide in erratum.slides],
    }


def entries_with_tables() -> set[str]:
    """Return the ids of the entries whose evidence reproduces a printed table."""
    from .evidence import EVIDENCE, load

    load()
    return {identifier for piece in EVIDENCE.values() if piece.table for identifier in piece.ids}


# --- decks ---------------------------------------------------------------------------------------------------------------


def describe_decks(only: str | None = None) -> DecksAnswer:
    """Return all decks, or one, with their slides, and the meaning of the words that stand in lists."""
    if only is not None and only not in decks():
        raise UnknownNameError("deck", only, decks())
    chosen = [key for key in decks() if only in (None, key)]
    return {"decks": list(map(describe_deck, chosen)), "kinds": dict(KINDS), "statuses": dict(STATUSES), "classes": dict(CLASSES)}


def describe_deck(key: str) -> DeckAnswer:
    """Return one deck, with its slides in their order."""
    deck, entries, errata = decks()[key], catalogue().entries.values(), catalogue().errata.values()
    return {
        "abbreviation": key,
        "title": deck.title,
        "authors": list(deck.authors),
        "institution": deck.institution,
        "course": deck.course,
        "year": deck.year,
        "note": deck.note,
        "entries": sum(cites(entry, key, None) for entry in entries),
        "errata": sum(cites(erratum, key, None) for erratum in errata),
        "slides": [
            {
                "title": slide,
                "entries": [entry.id for entry in entries if (key, slide) in entry.slides],
                "errata": [erratum.id for erratum in errata if (key, slide) in erratum.slides],
            }
            for slide in deck.slides
        ],
    }


# --- the conformance kit's names -----------------------------------------------------------------------------------------


def list_families() -> list[FamilyAnswer]:
    """Return the families of optimizers whose conventions have names."""
    from .conformance.optimizers.conventions import FAMILIES

    return [describe_family(name, family.words) for name, family in FAMILIES.items()]


def describe_family(name: str, title: str) -> FamilyAnswer:
    """Return a family with the numbers of its conventions and mistakes."""
    conventions = named_conventions(name).values()
    right = sum(convention.right for convention in conventions)
    return {"family": name, "title": title, "conventions": right, "mistakes": len(conventions) - right}


def named_conventions(family: str) -> Mapping[str, Convention]:
    """Return the conventions and mistakes of a family by id, right ones first."""
    from .conformance.optimizers.combinations import combinations

    return {convention.id: convention for convention in combinations(family)}


def list_conventions(family: str, words: Collection[str] = (), *, mistakes: bool = False) -> list[ConventionAnswer]:
    """Return the named conventions of a family, with the mistakes if they are asked for; an UnknownNameError if there is no such family."""
    from .conformance.optimizers.conventions import FAMILIES

    if family not in FAMILIES:
        raise UnknownNameError("family", family, FAMILIES)
    return [
        {"id": convention.id, "name": convention.name, "right": convention.right, "formulas": list(convention.formulas)}
        for convention in named_conventions(family).values()
        if (mistakes or convention.right) and mentions((convention.id, convention.name), words)
    ]


def list_variants(formula: str) -> list[VariantNameAnswer]:
    """Return the named variants of a formula: other formulas with the same arguments, conventions and mistakes."""
    from ..reference import FORMULAS
    from .conformance.functions.variants import variants_of

    entry = catalogue().find(formula)
    if entry.id not in FORMULAS:
        raise UnknownNameError("formula", formula, [name for known in FORMULAS for name in catalogue().entries[known].names])
    return [{"id": variant.id, "name": variant.name, "right": variant.right} for variant in variants_of(FORMULAS[entry.id])]


def list_checks() -> list[CheckAnswer]:
    """Return the checks of a test suite."""
    from .conformance.checks import CHECKS

    return [{"name": check.name, "meaning": check.meaning, "dtype": check.dtype} for check in CHECKS.values()]
