"""Addresses of pages, from the folder of the front page. Those of entries and errata are made of their ids, and are permanent like them."""

from __future__ import annotations

import re


def entry_path(identifier: str) -> str:
    """Return the address of an entry, or of another name of it."""
    return f"entries/{identifier}.html"


def erratum_path(identifier: str) -> str:
    """Return the address of an erratum."""
    return f"errata/{identifier}.html"


def root_of(path: str) -> str:
    """Return the way from a page to the folder of the front page."""
    return "../" * path.count("/")


def page_id(text: str) -> str:
    """Return a text as the name of a place in a page: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
