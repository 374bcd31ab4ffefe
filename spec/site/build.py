"""Build the site: every page, the style sheet, the scripts and the vectors, into a folder. Two builds give the same bytes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from importlib.resources import files as resource_files
from pathlib import Path

from platformdirs import user_cache_path

from .addresses import entry_path, erratum_path
from .data import SiteData
from .pages import pages
from .search import index_script

PRODUCT = __package__.partition(".")[0]
ASSETS = ("style.css", "site.js")
MARK = "assets/search-index.js"  # a folder that has it is a site
File = tuple[str, Callable[[], str]]


def site_files(data: SiteData) -> list[File]:
    """Return the files of the site: the address of each, and the function that makes it."""
    return [*page_files(data), *asset_files(data), *vector_files(data)]


def page_files(data: SiteData) -> Iterator[File]:
    """Yield the pages."""
    for page in pages(data):
        yield page.path, lambda page=page: page.html(data)  # type: ignore[misc]


def asset_files(data: SiteData) -> Iterator[File]:
    """Yield the style sheet and the scripts."""
    folder = resource_files(__package__) / "assets"
    for name in ASSETS:
        yield f"assets/{name}", (folder / name).read_text
    yield MARK, lambda: index_script(data)


def vector_files(data: SiteData) -> Iterator[File]:
    """Yield the vectors of the entries, where they are at hand."""
    for identifier in data.manifest:
        yield f"vectors/{identifier}.jsonl", (data.vectors / f"{identifier}.jsonl").read_text  # type: ignore[operator]


def build(folder: Path, files: list[File], report: Callable[[], None] = lambda: None) -> None:
    """Write the files of the site into a folder, in the place of an earlier site; `report` is called after each."""
    clear(folder)
    for path, make in files:
        write(folder / path, make())
        report()


def write(target: Path, text: str) -> None:
    """Write one file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8", newline="\n")


def clear(folder: Path) -> None:
    """Make a folder empty; a ValueError if it has something else in it than a site."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise ValueError(f"{folder} is not empty and no site of trainspec: name another folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def page_in_cache(identifier: str, report: Callable[[int], None]) -> Path:
    """Return the page of an entry or erratum in the user's copy of the site, which is built anew where the formulas are others.

    The page itself is always written again, with the verdicts of now. `report` is called after each file with the number of files.
    """
    folder, stamp = user_cache_path(PRODUCT) / "site", state_of_sources()
    data = SiteData.of_kept_results(None, with_figures=False)
    files = site_files(data)
    if not (folder / "stamp").exists() or (folder / "stamp").read_text() != stamp:
        build(folder, files, lambda: report(len(files)))
        write(folder / "stamp", stamp)
    path = erratum_path(identifier) if identifier in data.catalogue.errata else entry_path(identifier)
    write(folder / path, dict(files)[path]())
    return folder / path


def state_of_sources() -> str:
    """Return the digest of all files that the site is made of."""
    package = Path(str(resource_files(PRODUCT)))
    folders = [package, *(Path(str(resource_files(f"{PRODUCT}.{name}"))) for name in ("reference", "spec"))]
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()
