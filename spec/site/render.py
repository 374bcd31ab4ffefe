"""Templates: the environment in which they are filled, and the filters that they use."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from ..catalogue import catalogue
from .addresses import entry_path, erratum_path, page_id

CODE = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"\bE\d{2,3}\b|\b[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+\b")
CLASSES = {
    "refuted as printed": "bad",
    "holds": "good",
    "by reading": "good",
    "qualitative": "plain",
    "refuted": "bad",
    "unknown": "open",
    "not verified yet": "open",
}


@functools.cache
def environment() -> Environment:
    """Return the environment of the templates: everything is escaped, and a name that is not defined is an error."""
    loader = PackageLoader(__package__, "templates")
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    filters: dict[str, Callable[..., Any]] = {
        "prose": prose,
        "code": highlighted,
        "entry_path": entry_path,
        "erratum_path": erratum_path,
        "page_id": page_id,
        "verdict_class": lambda verdict: CLASSES[verdict],
        "count": count,
        "author": lambda name: " ".join(reversed(name.split(", "))),
    }
    templates.filters.update(filters)
    return templates


def render(template: str, root: str, **values: Any) -> str:
    """Return a filled template; `root` is the way from its page to the front page's folder."""
    return environment().get_template(template).render(root=root, **values)


@pass_context
def prose(context: Context, text: str) -> Markup:
    """Return a text with its code set as code, and the ids of entries and errata as links, but for the page's own."""
    root, own = context["root"], context.get("own_id", "")
    parts = CODE.split(text)
    written = [code_part(part, root, own) if index % 2 else linked(part, root, own) for index, part in enumerate(parts)]
    return Markup("").join(written)


def code_part(text: str, root: str, own: str) -> Markup:
    """Return a piece of code, as a link where it is the id of an entry."""
    address = address_of(text, own)
    code = Markup("<code>{}</code>").format(text)
    return Markup('<a href="{}{}">{}</a>').format(root, address, code) if address else code


def linked(text: str, root: str, own: str) -> Markup:
    """Return a text with the ids of entries and errata as links."""
    result, position = Markup(""), 0
    for match in NAME.finditer(text):
        if address := address_of(match[0], own):
            result += escape(text[position : match.start()]) + Markup('<a href="{}{}">{}</a>').format(root, address, match[0])
            position = match.end()
    return result + escape(text[position:])


def address_of(name: str, own: str) -> str:
    """Return the address of an entry or erratum, from the front page; nothing where a name is neither, or the page's own."""
    known = catalogue()
    if name == own:
        return ""
    if name in known.errata:
        return erratum_path(name)
    return entry_path(known.ids[name]) if "." in name and name in known.ids else ""


def highlighted(source: str, language: str = "python") -> Markup:
    """Return code with its words marked for the colours of the style sheet."""
    text = highlight(source.rstrip("\n"), get_lexer_by_name(language), HtmlFormatter(nowrap=True))
    return Markup('<pre class="code" tabindex="0"><code>{}</code></pre>').format(Markup(text.rstrip("\n")))


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: 1 entry, 2 entries."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
