"""Results that are kept: under the digest of all that they depend on, so that nothing unchanged is computed again.

A piece of evidence depends on the files that its module imports, on the modules of its formulas, on the data of the chapters that it speaks
of, on how it is run, and on the versions of Python and of the libraries that compute. A file of results is data: what is damaged in it is
not used.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from platformdirs import user_cache_path

from .catalogue import catalogue
from .evidence import EVIDENCE, FORMULAS_BY_NAME, PRINTED_FORMS, PrintedChange

R = TypeVar("R")

LIBRARIES = ("numpy", "sympy", "python-flint", "hypothesis")
PRODUCT = __package__.partition(".")[0]
OPEN = frozenset({f"{PRODUCT}.reference"})  # a package that imports every chapter: a piece depends on those that it names


def folder() -> Path:
    """Return the folder of the kept results: `TRAINSPEC_CACHE`, or the user's folder for such files."""
    return Path(os.environ.get("TRAINSPEC_CACHE") or user_cache_path("trainspec")) / "results"


def read(digest: str, name: str, kind: type[R]) -> R | None:
    """Return the result of this type that is kept for what has this name and digest; None where there is none."""
    try:
        record = json.loads((folder() / f"{digest}.json").read_text(encoding="utf-8"))
        if not isinstance(record, dict) or record.get("name") != name:
            return None
        result: R = restored(record.get("result"), kind)
    except (OSError, ValueError):
        return None
    return result


def keep(digest: str, name: str, result: Any) -> None:
    """Keep the result of what has this name and digest."""
    target = folder() / f"{digest}.json"
    data = asdict(result) if is_dataclass(result) and not isinstance(result, type) else result
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"name": name, "result": data}), encoding="utf-8")
        draft.replace(target)
    except OSError:
        return  # where nothing can be written, nothing is kept


def restored(data: Any, kind: Any) -> Any:
    """Return JSON data as a value of a type: a data class, an enumeration, a tuple, a mapping, text, number; a ValueError if it is none."""
    origin, parts = get_origin(kind) or kind, get_args(kind)
    if is_dataclass(kind) and isinstance(data, dict) and data.keys() == {field.name for field in fields(kind)}:
        hints = get_type_hints(kind)
        return kind(**{name: restored(value, hints[name]) for name, value in data.items()})  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, StrEnum) and isinstance(data, str):
        return kind(data)
    if origin is tuple and isinstance(data, list):
        return tuple(restored(value, parts[0]) for value in data)
    if origin in (dict, Mapping) and isinstance(data, dict):
        return {name: restored(value, parts[1]) for name, value in data.items()}
    if kind not in (str, int, float, bool) or type(data) is not kind:
        raise ValueError(f"{data!r} is no {kind}")
    return data


# --- what a result depends on ---------------------------------------------------------------------------------------------------------


def digest_of(words: Iterable[str], paths: Iterable[Path]) -> str:
    """Return the digest of words, of files, and of the versions of what computes."""
    return hashlib.sha256("\n".join([*words, *environment(), *map(digest_of_file, in_order(frozenset(paths)))]).encode()).hexdigest()


def digest_of_evidence(name: str, *, full: bool) -> str:
    """Return the digest of all that the result of a piece or of a printed form depends on."""
    return digest_of((name, str(full)), dependencies(name))


@functools.cache
def digest_of_product() -> str:
    """Return the digest of the reference, of the specification and of what computes: of all that workers must have in common."""
    return digest_of((), files_of_product())


@functools.cache
def files_of_product() -> frozenset[Path]:
    """Return the files of the reference and of the specification, code and data."""
    folders = [Path(str(files(f"{PRODUCT}.{package}"))) for package in ("reference", "spec")]
    return frozenset(path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".toml"))


@functools.cache
def environment() -> tuple[str, ...]:
    """Return the versions of what computes, and whether examples are random."""
    versions = (f"{library} {importlib.metadata.version(library)}" for library in LIBRARIES)
    return platform.python_version(), platform.machine(), os.environ.get("HYPOTHESIS_PROFILE", ""), *versions


@functools.cache
def in_order(paths: frozenset[Path]) -> tuple[Path, ...]:
    """Return files in the order of their names: sorted once for the many mutants of a formula."""
    return tuple(sorted(paths))


@functools.cache
def digest_of_file(path: Path) -> str:
    """Return the digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def dependencies(name: str) -> frozenset[Path]:
    """Return the files that the result of a piece or of a printed form depends on."""
    if name in EVIDENCE:
        return files_of_piece(name)
    printed_form = PRINTED_FORMS[name]
    if not isinstance(printed_form, PrintedChange):
        return files_of_module(printed_form.function.__module__) | files_of_chapters([name.partition(".")[0]])
    pieces = (name for name, piece in EVIDENCE.items() if printed_form.formula in piece.formulas)
    return files_of_chapters([name.partition(".")[0]]).union(*map(files_of_piece, pieces))


@functools.cache
def files_of_piece(name: str) -> frozenset[Path]:
    """Return the files that a piece depends on: code of its module and of its formulas, data of the chapters that it speaks of."""
    piece = EVIDENCE[name]
    formulas = [FORMULAS_BY_NAME[formula] for formula in piece.formulas]
    made_in = piece.function.__globals__["__name__"]  # another module where the piece was made for a formula
    modules = [piece.function.__module__, made_in, *(formula.__module__ for formula in formulas)]
    entries = catalogue().entries
    named = texts_of_module(piece.function.__module__) & entries.keys()
    chapters = {entries[identifier].chapter for identifier in {*piece.ids, *named, *(formula.id for formula in formulas)}}
    return files_of_chapters(chapters).union(*map(files_of_module, modules))


@functools.cache
def files_about_formula(identifier: str) -> frozenset[Path]:
    """Return the files that all pieces of evidence about a formula depend on, together."""
    about = (name for name, piece in EVIDENCE.items() if identifier in (FORMULAS_BY_NAME[formula].id for formula in piece.formulas))
    return frozenset[Path]().union(*map(files_of_piece, about))


def files_of_chapters(chapters: Iterable[str]) -> frozenset[Path]:
    """Return the files with the data of these chapters."""
    return frozenset(Path(str(files(f"{PRODUCT}.spec.catalogue").joinpath(f"{chapter}.toml"))) for chapter in chapters)


@functools.cache
def files_of_module(name: str) -> frozenset[Path]:
    """Return the files of a module and of all modules of this product that it imports, directly or not."""
    modules, waiting = set(), [name]
    while waiting:
        module = waiting.pop()
        if module not in modules:
            modules.add(module)
            waiting += imported_modules(module)
    return frozenset(path for module in modules if (path := path_of(module)))


@functools.cache
def path_of(module: str) -> Path | None:
    """Return the file of a module; None if there is no such module."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(found.origin) if found and found.origin else None


@functools.cache
def tree_of(module: str) -> ast.Module:
    """Return the syntax tree of a module."""
    path = path_of(module)
    return ast.parse(path.read_text(encoding="utf-8")) if path else ast.Module([], [])


@functools.cache
def texts_of_module(module: str) -> frozenset[str]:
    """Return the texts that stand in a module."""
    return frozenset(node.value for node in ast.walk(tree_of(module)) if isinstance(node, ast.Constant) and isinstance(node.value, str))


@functools.cache
def imported_modules(module: str) -> tuple[str, ...]:
    """Return the modules of this product that a module imports; of a package that imports every chapter none."""
    statements = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.ImportFrom)] if module not in OPEN else []
    imported = dict.fromkeys(name for statement in statements for name in names_imported(module, statement))
    return tuple(name for name in imported if name.startswith(f"{PRODUCT}.") and path_of(name))


def names_imported(module: str, statement: ast.ImportFrom) -> Iterator[str]:
    """Yield the module from which a statement imports, and its names as if they were modules, too."""
    path = path_of(module)
    package = module if path and path.name == "__init__.py" else module.rpartition(".")[0]
    source = importlib.util.resolve_name("." * statement.level + (statement.module or ""), package)
    yield source
    for alias in statement.names:
        yield f"{source}.{alias.name}"
