"""The folder `vectors/`: written from the catalogue, and checked to be what is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .. import kept
from ..lines.digest import digest_of_all
from ..lines.text import FORMAT, VERSION
from ..tasks import Task, Workforce, run_tasks
from .entry import WITHOUT_VECTORS, EntryFile, Score, entry_file

COMMAND = "trainspec vectors"
LARGEST_FILE = 256_000  # bytes
LARGEST_LINE = 64_000
LARGEST_FOLDER = 10_000_000
LIMIT = 1200.0  # seconds of processor time for one file
KINDS = ("call", "group", "run", "step", "alt", "reject", "law")  # of lines that the manifest counts


def path_of(folder: Path, identifier: str) -> Path:
    """Return the path of the file of an entry."""
    return folder / f"{identifier}.jsonl"


def make_files(
    identifiers: Iterable[str], workforce: Workforce, report: Callable[[EntryFile], None] = lambda file: None, *, fresh: bool = False
) -> list[EntryFile]:
    """Return the files of entries; `report` is called with each. A file that cannot be made raises a RuntimeError."""
    tasks = [Task(entry_file, (identifier,), kept.digest_of((identifier,), kept.files_of_product())) for identifier in identifiers]
    done = run_tasks(tasks, workforce, no_file, limit=LIMIT, fresh=fresh, report=report)
    return [done.by_digest[task.digest] for task in tasks]


def no_file(task: Task[EntryFile], reason: str) -> EntryFile:
    """Raise the reason why the file of an entry is not made."""
    raise RuntimeError(f"{task.arguments[0]}: {reason}")


def manifest_of(files: Iterable[EntryFile]) -> str:
    """Return the manifest of a folder with these files, as JSON: a line for each entry."""
    ordered = sorted(files, key=lambda file: file.entry)
    entries = {file.entry: entry_record(file) for file in ordered}
    scores = [file.score for file in ordered]
    totals = {
        "entries": len(ordered),
        "bytes": sum(record["bytes"] for record in entries.values()),
        "lines": {kind: sum(file.kinds.get(kind, 0) for file in ordered) for kind in KINDS},
        "noticed": sum(score.noticed for score in scores),
        "survivors": sum(len(score.survivors) for score in scores),
        "equivalent": sum(len(changes) for score in scores for changes in score.equivalent.values()),
    }
    origin = {"format": FORMAT, "version": VERSION, "command": COMMAND, "reference": digest_of_all(entries)}
    parts = {**origin, "totals": totals, "without_vectors": dict(WITHOUT_VECTORS)}
    known = ",\n".join(f"{json.dumps(name)}: {json.dumps(part)}" for name, part in parts.items())
    records = ",\n".join(f" {json.dumps(name)}: {json.dumps(record)}" for name, record in entries.items())
    return f'{{{known},\n"entries": {{\n{records}\n}}}}\n'


def entry_record(file: EntryFile) -> dict[str, Any]:
    """Return what the manifest says of one file."""
    data = file.text.encode("ascii")
    digest = hashlib.sha256(data).hexdigest()
    return {"sha256": digest, "bytes": len(data), "lines": dict(file.kinds), "score": file.score.as_json()}


def too_large(files: Iterable[EntryFile]) -> list[str]:
    """Return what is larger than readers have been told."""
    problems: list[str] = []
    total = 0
    for file in files:
        total += len(file.text)
        longest = max(map(len, file.text.split("\n")))
        problems += [f"{file.entry}: {len(file.text)} bytes"] if len(file.text) > LARGEST_FILE else []
        problems += [f"{file.entry}: a line of {longest} bytes"] if longest > LARGEST_LINE else []
    return problems + ([f"all files: {total} bytes"] if total > LARGEST_FOLDER else [])


def write(folder: Path, files: Iterable[EntryFile]) -> None:
    """Write files and their manifest, and remove the files of entries that there are no more."""
    known = list(files)
    folder.mkdir(exist_ok=True)
    texts = texts_of(folder, known)
    for path in set(folder.glob("*.jsonl")) - texts.keys():
        path.unlink()
    for path, text in texts.items():
        path.write_text(text, encoding="ascii", newline="\n")


def texts_of(folder: Path, files: list[EntryFile]) -> dict[Path, str]:
    """Return all that is written into a folder: the files of entries, their manifest, and the digests of these."""
    texts = {path_of(folder, file.entry): file.text for file in files} | {folder / "manifest.json": manifest_of(files)}
    sums = [f"{hashlib.sha256(text.encode('ascii')).hexdigest()}  {path.name}\n" for path, text in sorted(texts.items())]
    return texts | {folder / "SHA256SUMS": "".join(sums)}


def differences(folder: Path, files: Iterable[EntryFile], *, whole: bool) -> list[str]:
    """Return which files of a folder are not these, byte for byte; of the whole set the manifest is compared too."""
    known = list(files)
    expected = texts_of(folder, known) if whole else {path_of(folder, file.entry): file.text for file in known}
    stale = [f"{path.name} is not what {COMMAND} writes" for path, text in expected.items() if read(path) != text.encode("ascii")]
    extra = set(folder.glob("*.jsonl")) - expected.keys() if whole else set[Path]()
    return [*stale, *(f"{path.name} belongs to no entry" for path in sorted(extra))]


def read(path: Path) -> bytes:
    """Return what a file holds; nothing where it is missing."""
    return path.read_bytes() if path.exists() else b""


def stored_files(folder: Path) -> dict[str, EntryFile]:
    """Return the files of a folder as its manifest describes them, by entry."""
    entries: Mapping[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="ascii"))["entries"]
    return {name: stored_file(folder, name, record) for name, record in entries.items()}


def stored_file(folder: Path, identifier: str, record: Mapping[str, Any]) -> EntryFile:
    """Return the file of an entry as the manifest describes it."""
    text = path_of(folder, identifier).read_text(encoding="ascii")
    return EntryFile(identifier, text, record["lines"], stored_score(record["score"]))


def stored_score(record: Mapping[str, Any]) -> Score:
    """Return a score as the manifest describes it."""
    equivalent = {reason: tuple(changes) for reason, changes in record["equivalent"].items()}
    return Score(record["noticed"], tuple(record["survivors"]), equivalent)
