"""The modules that are shipped, and what they import."""

from __future__ import annotations

import ast
import functools
import importlib.util
import pkgutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import trainspec.fast
import trainspec.reference
import trainspec.spec

Graph = Mapping[str, Iterable[str]]


@functools.cache
def modules() -> dict[str, Path]:
    """Return the source file of every shipped module, by its dotted name without `trainspec.`; the package itself is the empty name."""
    packages = (trainspec.reference, trainspec.spec, trainspec.fast)
    names = ["trainspec", *(package.__name__ for package in packages)]
    names += [module.name for package in packages for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
    specs = {name: importlib.util.find_spec(name) for name in names}
    return {name.removeprefix("trainspec").lstrip("."): Path(spec.origin) for name, spec in specs.items() if spec and spec.origin}


def syntax_tree(name: str) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


def absolute_imports(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each import of a module, also those inside functions: the dotted name, and what is imported from it."""
    package = f"trainspec.{name}".rstrip(".").split(".")
    package = package if modules()[name].name == "__init__.py" else package[:-1]
    for node in ast.walk(syntax_tree(name)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*base, *([node.module] if node.module else [])]), tuple(alias.name for alias in node.names)


def imported_modules(name: str) -> set[str]:
    """Return our modules that a module imports; `from package import module` imports the module, not what the package has imported."""
    targets = set()
    for source, names in absolute_imports(name):
        if source != "trainspec" and not source.startswith("trainspec."):
            continue
        short = source.removeprefix("trainspec").lstrip(".")
        submodules = {f"{short}.{member}".lstrip(".") for member in names} & modules().keys()
        targets |= submodules
        if len(submodules) < len(names) or not names:
            targets.add(short)
    return targets


@functools.cache
def import_graph() -> Graph:
    """Return what each module imports."""
    return {name: frozenset(imported_modules(name)) for name in modules()}


def cycles(graph: Graph) -> set[frozenset[str]]:
    """Return the sets of modules that import each other, directly or through others."""
    reached = {name: reachable(name, graph) for name in graph}
    return {frozenset(target for target in targets if name in reached[target]) for name, targets in reached.items() if name in targets}


def reachable(start: str, graph: Graph) -> set[str]:
    """Return what a module imports, directly or through others."""
    reached: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph[name]
    return reached


def top_level_modules_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
