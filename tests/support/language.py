"""The language check: `python -m tests.support.language` lists names and words that this project does not use.

A loop variable carries the name of the thing, a function is called by a verb phrase, and texts use no metaphors. (Docstrings are required
by ruff's rules D1.) Files that are not clean yet are listed in exempt/*.txt. A listed file that is clean is an error too, so that the lists
only shrink; `--update` removes such lines.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parents[2]
FOLDERS = ("package", "reference", "spec", "fast", "vectors", "tests", "docs")
EXEMPT = Path(__file__).parent / "exempt"

# not the names of loop, comprehension and lambda variables, nor of anything at the level of a module
EMPTY_NAMES = frozenset({"one", "found", "made", "given", "words", "place"})
# not the names of functions, which are verb phrases
PARTICIPLES = frozenset(
    """answered asked begun bred called captured checked chosen described drawn driven fed followed found given judged kept known lifted
    made met seen settled shown taken watched""".split()  # noqa: SIM905 - read as a list of words
)
METAPHORS = frozenset({"bank", "banks", "door", "doors", "house", "houses", "riddle", "riddles", "room", "rooms"})


class Violation(NamedTuple):
    """A name or word that is not used here."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def files() -> list[str]:
    """Return the paths of all source and documentation files, relative to the root."""
    paths = [path for folder in FOLDERS for suffix in ("py", "md") for path in (HERE / folder).rglob(f"*.{suffix}")]
    return sorted(path.relative_to(HERE).as_posix() for path in [*paths, *HERE.glob("*.py"), *HERE.glob("*.md")])


def violations(path: str) -> list[Violation]:
    """Return what is wrong in one file, in the order of lines."""
    text = (HERE / path).read_text(encoding="utf-8")
    if (HERE / path) == Path(__file__):
        return []  # the lists above
    if path.endswith(".md"):
        hits = ((number, word) for number, line in enumerate(text.splitlines(), start=1) for word in metaphors(line))
        return [Violation(path, number, f"the word {word!r}") for number, word in hits]
    problems = [*misnamed(ast.parse(text)), *metaphors_in_code(text)]
    return [Violation(path, line, message) for line, message in sorted(set(problems))]


def metaphors(text: str) -> list[str]:
    """Return the metaphors among the words of a text, or the parts of an identifier."""
    return [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word in METAPHORS]


def metaphors_in_code(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and message for each metaphor in an identifier, comment or string."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        for word in metaphors(token.string) if token.type != tokenize.OP else ():
            yield token.start[0], f"the word {word!r} in {token.string[:60]!r}"


def misnamed(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and message for each variable and function with a name that says nothing."""
    for node in ast.walk(tree):
        for name in loop_names(node):
            if name in EMPTY_NAMES:
                yield node_line(node), f"a loop variable {name!r}: name the thing"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in PARTICIPLES:
            yield node.lineno, f"a function {node.name!r}: use a verb phrase"
    for statement in tree.body:
        for name in assigned_names(statement) & EMPTY_NAMES:
            yield statement.lineno, f"a module-level name {name!r}: name the thing"


def node_line(node: ast.AST) -> int:
    """Return the line where a loop begins."""
    return node.target.lineno if isinstance(node, ast.comprehension) else getattr(node, "lineno", 0)


def loop_names(node: ast.AST) -> set[str]:
    """Return the variables that a loop, comprehension or lambda binds."""
    if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        return {part.id for part in ast.walk(node.target) if isinstance(part, ast.Name)}
    return {argument.arg for argument in node.args.args} if isinstance(node, ast.Lambda) else set()


def assigned_names(statement: ast.stmt) -> set[str]:
    """Return the variables that an assignment binds."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target] if isinstance(statement, ast.AnnAssign) else []
    return {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}


def exempt() -> dict[str, Path]:
    """Return the files that are not clean yet, each with the list that names it."""
    return {line: file for file in sorted(EXEMPT.glob("*.txt")) for line in file.read_text(encoding="utf-8").split()}


def problems() -> list[str]:
    """Return all violations in files that are not exempt, and all stale exemptions."""
    listed = exempt()
    dirty = {path: violations(path) for path in files()}
    stale = [
        f"{file.name}: {path} is clean or gone: remove the line, or run with --update"
        for path, file in listed.items()
        if not dirty.get(path)
    ]
    return [str(violation) for path, known in dirty.items() if path not in listed for violation in known] + stale


def update() -> None:
    """Remove the stale exemptions; a list without lines is deleted."""
    dirty = {path for path in files() if violations(path)}
    for file in EXEMPT.glob("*.txt"):
        lines = [line for line in file.read_text(encoding="utf-8").split() if line in dirty]
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if not lines:
            file.unlink()


def main(arguments: list[str]) -> int:
    """Print what is wrong, of the named files or of all; the number of problems decides the exit code."""
    if "--update" in arguments:
        update()
    paths = [path for path in arguments if path != "--update"]
    lines = [str(violation) for path in paths for violation in violations(path)] if paths else problems()
    print("\n".join(lines) or "the language check passes")
    return min(len(lines), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
