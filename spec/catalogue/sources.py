"""The bibliography, and citations of it: "kingma2015: Algorithm 1", "STU: 'AdaGrad', code", "completes UC: Algorithm 5"."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, TypedDict

from ._validation import check_against_schema, with_tuples

RELATIONS = ("completes", "corrects", "explains", "follows", "generalises")
CITATION = re.compile(rf"(?:(?P<relation>{'|'.join(RELATIONS)}) )?(?P<key>\w+)(?:: (?P<where>.+))?")
SLIDE = re.compile(r"(?<!\w)'(.+?)'(?!\w)")  # a quoted title, which may contain an apostrophe within a word


@dataclass(frozen=True)
class Source:
    """One source of the bibliography: a publication, a lecture deck, a website, software, or common practice."""

    key: str
    kind: str
    title: str
    authors: tuple[str, ...] = ()  # "Family, Given"
    year: int | None = None
    venue: str = ""
    institution: str = ""
    course: str = ""
    doi: str = ""
    arxiv: str = ""
    url: str = ""
    note: str = ""
    slides: tuple[str, ...] = ()  # of a deck: the titles that are cited, in the deck's order

    @property
    def label(self) -> str:
        """Return the short form: "Kingma & Ba 2015" of a publication, the abbreviation of a deck, else the title's first words."""
        if self.kind == "deck":
            return self.key
        if self.kind != "publication":
            return self.title.partition(":")[0] if self.kind != "practice" else "common practice"
        names = [author.partition(",")[0] for author in self.authors]
        if len(names) > 3:
            return f"{names[0]} et al. {self.year}"
        return f"{', '.join(names[:-1])}{' & ' if names[1:] else ''}{names[-1]} {self.year}"

    @property
    def link(self) -> str:
        """Return an address: that of the DOI, of arXiv, or the stated one; empty if there is none."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else self.url

    @property
    def reference(self) -> str:
        """Return the full reference: authors, title, course, institution or venue, year, DOI or arXiv number."""
        authors = ", ".join(" ".join(reversed(author.split(", "))) for author in self.authors)
        place = ", ".join(part for part in (self.course, self.institution, self.venue) if part)
        year = str(self.year) if self.year and str(self.year) not in place else ""
        identifiers = (f"doi:{self.doi}" if self.doi else "", f"arXiv:{self.arxiv}" if self.arxiv else "", self.url)
        sentence = ". ".join(part for part in (authors, self.title, ", ".join(part for part in (place, year) if part)) if part)
        return " ".join(part for part in (sentence.replace("?. ", "? ") + ".", *identifiers) if part)


class CitationAnswer(TypedDict):
    """A citation for machines: its parts, the text for people, the full reference of the source and its address."""

    key: str
    where: str
    relation: str
    text: str
    reference: str
    link: str


@dataclass(frozen=True)
class Citation:
    """A source cited by its key, where in it, and how the entry relates to it, if it does not simply state the same."""

    key: str
    where: str = ""
    relation: str = ""

    def __str__(self) -> str:
        """Return the citation as the catalogue writes it."""
        return f"{self.relation} {self.key}".strip() + (f": {self.where}" if self.where else "")

    @property
    def source(self) -> Source:
        """Return the source that is cited."""
        return bibliography()[self.key]

    @property
    def slides(self) -> tuple[str, ...]:
        """Return the titles of the slides that are cited."""
        return tuple(SLIDE.findall(self.where)) if self.source.kind == "deck" else ()

    @property
    def short(self) -> str:
        """Return the citation for people: "Kingma & Ba 2015, Algorithm 1", "STU 'AdaGrad', code"."""
        separator = " " if self.source.kind == "deck" else ", "
        return f"{self.relation} {self.source.label}".strip() + (f"{separator}{self.where}" if self.where else "")

    def as_json(self) -> CitationAnswer:
        """Return the citation with its source written out."""
        return {
            "key": self.key,
            "where": self.where,
            "relation": self.relation,
            "text": self.short,
            "reference": self.source.reference,
            "link": self.source.link,
        }


def parse_citation(text: str) -> Citation:
    """Return the citation that a text states; a ValueError says what is wrong with it."""
    match = CITATION.fullmatch(text)
    if match is None:
        raise ValueError(f"citation {text!r} must be KEY or KEY: where, after one of {', '.join(RELATIONS)} if need be")
    citation = Citation(match["key"], match["where"] or "", match["relation"] or "")
    if citation.key not in bibliography():
        raise ValueError(f"citation {text!r}: sources.toml has no key {citation.key!r}")
    for slide in citation.slides:
        if slide not in citation.source.slides:
            raise ValueError(f"citation {text!r}: sources.toml has no slide {slide!r} of {citation.key}")
    return citation


@functools.cache
def bibliography() -> Mapping[str, Source]:
    """Return all sources by their keys, read once."""
    return {key: Source(key=key, **with_tuples(record)) for key, record in read_sources().items()}


def read_sources() -> dict[str, Any]:
    """Return the data of the bibliography."""
    return tomllib.loads((files(__package__) / "sources.toml").read_text(encoding="utf-8"))


def check_sources() -> None:
    """Raise a ValueError that says where the bibliography does not fit its schema, if it does not."""
    check_against_schema("sources.toml", read_sources(), "sources.schema.json")


def decks() -> Mapping[str, Source]:
    """Return the lecture decks by their abbreviations."""
    return {key: source for key, source in bibliography().items() if source.kind == "deck"}
