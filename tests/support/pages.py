"""What a built site holds, read back from its files: links, ids, headings, and what is wrong with the HTML of a page."""

import functools
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlparse

VOID = {"meta", "link", "input", "br", "img", "hr", "mspace"}
LABELLED = {"input", "button", "textarea", "select"}


class PageReader(HTMLParser):
    """Reads one page."""

    def __init__(self):
        super().__init__()
        self.open, self.problems, self.ids, self.links, self.headings, self.scripts = [], [], [], [], [], []
        self.labels, self.fields, self.text = set(), [], {}

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if len(attributes) < len(attrs):
            self.problems.append(f"<{tag}> has an attribute twice")
        if tag not in VOID:
            self.open.append((tag, attributes))
        self.ids += [attributes["id"]] if "id" in attributes else []
        for name in ("href", "src", "action"):
            if attributes.get(name, "").partition(":")[0] not in ("", "data"):
                self.links.append(attributes[name])
        if tag == "meta" and attributes.get("http-equiv") == "refresh":
            self.links.append(attributes["content"].partition("url=")[2])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "label":
            self.labels.add(attributes.get("for"))
        if tag in LABELLED:
            self.fields.append((tag, attributes))
        if tag == "svg" and not (attributes.get("role") == "img" and attributes.get("aria-label")):
            self.problems.append("<svg> has no text alternative")
        if attributes.get("tabindex") and not (attributes.get("aria-label") or tag == "pre"):
            self.problems.append(f"<{tag} tabindex> has no name")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.problems.append(f"</{tag}> at line {self.getpos()[0]} closes {self.open[-1][0] if self.open else 'nothing'}")
        else:
            self.open.pop()

    def handle_data(self, data):
        for tag, _ in self.open:
            if tag in ("title", "h1", "button"):
                self.text[tag] = self.text.get(tag, "") + data

    def accessibility_problems(self):
        """What a reader without a mouse or without eyes would miss."""
        problems = []
        if self.headings.count(1) != 1:
            problems.append("not one h1")
        problems += [f"h{level} follows h{last}" for last, level in zip(self.headings, self.headings[1:], strict=False) if level > last + 1]
        for tag, attributes in self.fields:
            if tag != "button" and not (attributes.get("aria-label") or attributes.get("id") in self.labels):
                problems.append(f"<{tag}> without a label")
        return problems


@functools.cache
def read_page(path: Path) -> PageReader:
    """Read a page."""
    reader = PageReader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    reader.problems += [f"<{tag}> is not closed" for tag, _ in reader.open]
    reader.problems += [f"the id {name} is there twice" for name in {name for name in reader.ids if reader.ids.count(name) > 1}]
    return reader


def targets(folder: Path, path: Path):
    """Yield each link of a page into the site: the file, and the id in it."""
    for link in read_page(path).links:
        address, fragment = urldefrag(link)
        if urlparse(address).scheme:
            continue
        address = address.partition("?")[0]
        yield link, ((path.parent / unquote(address)).resolve() if address else path), unquote(fragment)


def broken_links(folder: Path):
    """Every link of the site that leads nowhere."""
    broken = []
    for path in sorted(folder.rglob("*.html")):
        for link, target, fragment in targets(folder, path):
            if not target.is_file() or not target.is_relative_to(folder):
                broken.append(f"{path.relative_to(folder)}: {link}")
            elif fragment and fragment not in read_page(target).ids:
                broken.append(f"{path.relative_to(folder)}: {link}: there is no such place")
    return broken


def reachable(folder: Path):
    """The pages to which links lead from the front page, through others."""
    reached, waiting = set(), [folder / "index.html"]
    while waiting:
        path = waiting.pop()
        if path not in reached and path.suffix == ".html":
            reached.add(path)
            waiting += [target for _, target, _ in targets(folder, path)]
    return {path.relative_to(folder).as_posix() for path in reached}
