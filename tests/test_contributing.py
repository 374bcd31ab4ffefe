"""CONTRIBUTING.md: its snippets are the text of the files that it names, and what it says of files and sessions is so."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = list(re.finditer(r"^```(python|toml)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL))
PATHS = re.findall(r"`([\w./]+/[\w./]*)`", TEXT)
TABLE = re.findall(r"^\| `([\w./]+\.\w+)` \|", TEXT, flags=re.MULTILINE)


def named_before(block):
    """The files that are named before a snippet, the nearest first."""
    return reversed(re.findall(r"`([\w./]+\.(?:py|toml))`", TEXT[: block.start()]))


@pytest.mark.parametrize("block", BLOCKS, ids=[block[2].splitlines()[0] for block in BLOCKS])
def test_a_snippet_is_the_text_of_the_file_that_is_named_before_it(block):
    nearest = [path for path, _ in zip(named_before(block), range(3), strict=False)]
    assert any(block[2] in (ROOT / path).read_text(encoding="utf-8") for path in nearest), nearest


def test_there_are_snippets():
    assert len(BLOCKS) >= 6


def test_the_files_exist():
    assert [path for path in PATHS if "<" not in path and not (ROOT / path).exists()] == []


def test_the_sessions_exist():
    sessions = re.findall(r"python -m nox -s (\w+)", TEXT)
    noxfile = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert sessions
    assert all(f"\ndef {session}(session):" in noxfile for session in sessions)


def test_lion_is_in_the_files_that_are_listed_and_in_the_adapters_alone():
    product = [
        path for folder in ("reference", "spec", "fast") for ending in ("py", "toml") for path in (ROOT / folder).rglob(f"*.{ending}")
    ]
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in product}
    of_lion = {path for path, text in texts.items() if re.search(r"\blion\b", text, flags=re.IGNORECASE)}
    of_chapter_and_paper = {"reference/__init__.py", "spec/catalogue/sources.toml"}
    assert {path for path in of_lion if "/adapters/" not in path} == set(TABLE) - of_chapter_and_paper
    assert of_chapter_and_paper < set(TABLE)
    assert f"These are {len(TABLE)} files" in TEXT
    assert len(TABLE) <= 8
