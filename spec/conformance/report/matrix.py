"""The matrix: what the installed libraries follow, library by formula.

Each adapter says in its `MATRIX_TARGETS` what is asked of its library. A library is imported once, in a process of its own; where a cell
takes too long or ends the process, the cells that are left are asked in a new one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import Any

from ..adapters import MatrixTarget
from ..command import PREFIX
from ..functions.runner import formula_named, run_functions
from ..functions.verdict import judge_report
from ..implementation import Task
from ..loading import ADAPTERS, ENTRY_POINTS, adapter_module, import_environment, load_object, version_of
from ..optimizers.runner import run_optimizer
from ..optimizers.verdict import judge_with_matrices
from ..result import NATIVE, Fault, NamedResult, OptimizerResult, Result, Verdict, describe_failure, error_result, plain_data
from ..sandbox import TIMEOUT, SandboxProcess, result_or_fault

COLOURS = {
    Verdict.ERROR: "red",
    Verdict.DEVIATES: "yellow",
    Verdict.BIASED: "yellow",
    Verdict.UNMATCHED: "yellow",
    Verdict.AMBIGUOUS: "cyan",
}


@dataclass(frozen=True)
class MatrixCell:
    """What a library has for a formula, and what it follows."""

    library: str
    version: str
    target: MatrixTarget
    result: Result

    @property
    def text(self) -> str:
        """The convention, or why there is none."""
        result = self.result
        if isinstance(result, NamedResult) and result.convention:
            precision = result.precision if isinstance(result, OptimizerResult) else NATIVE
            return result.convention + ("" if precision == NATIVE else f" ({precision})")
        if result.verdict in (Verdict.CONFORMS, Verdict.IDENTIFIED):
            return self.target.against
        kinds = ", ".join(dict.fromkeys(fault.kind for fault in result.faults))
        return f"{result.verdict.value}: {kinds}" if kinds else result.verdict.value

    def as_json(self) -> dict[str, Any]:
        """Return the cell with stable keys."""
        target, result = self.target, self.result
        named = {name: getattr(result, name, None) for name in ("convention", "name", "axes", "error_in_bounds")}
        return {
            "library": self.library,
            "version": self.version,
            "formula": target.column,
            "target": target.target,
            "settings": dict(target.settings),
            "against": target.against or None,
            "dtype": target.dtype,
            "verdict": result.verdict.value,
            **{name: plain_data(value) for name, value in named.items()},
            "message": result.message,
        }


def known_libraries() -> list[str]:
    """Return all libraries that have an adapter."""
    return list(dict.fromkeys([*ADAPTERS, *(entry_point.name for entry_point in entry_points(group=ENTRY_POINTS))]))


def not_installed(libraries: Iterable[str]) -> list[str]:
    """Return the libraries that are not installed."""
    return [library for library in libraries if importlib.util.find_spec(library) is None]


def not_installed_sentence(missing: list[str], *, is_all: bool) -> str:
    """Return which libraries were left out, and how to install them; nothing where all are there."""
    if not missing:
        return ""
    reason = "There is nothing to ask. Not installed:" if is_all else "Not installed, and left out:"
    packages = " ".join(PACKAGES.get(library, library) for library in missing)
    return f"{reason} {', '.join(missing)}. `pip install {packages}` adds what is missing."


PACKAGES = {"sklearn": "scikit-learn"}  # what installs a library, where it has another name


# --- in the process of a library ------------------------------------------------------------------------------------------------------


def matrix_targets(library: str) -> tuple[MatrixTarget, ...]:
    """Return what the adapter of a library says that it has."""
    with import_environment():
        targets: tuple[MatrixTarget, ...] = getattr(adapter_module(library), "MATRIX_TARGETS", ())
    return targets


def command_targets(command: str) -> tuple[MatrixTarget, ...]:
    """Return what a program says that it has: an optimizer, or functions."""
    target = PREFIX + command
    loaded = load_object(target)
    return (
        tuple(MatrixTarget(part.formula, target, {}, part.formula) for part in loaded)
        if isinstance(loaded, tuple)
        else (MatrixTarget("optimizer", target),)
    )


# --- in our process -------------------------------------------------------------------------------------------------------------------


def matrix(
    libraries: Iterable[str] | None = None,
    jobs: int = 1,
    report: Callable[[str], Any] = lambda library: None,
    timeout: float = TIMEOUT,
    sandbox: Callable[[], Any] = SandboxProcess,
    commands: Iterable[str] = (),
) -> list[MatrixCell]:
    """Return what the installed ones of these libraries follow, of all that have an adapter if none is named; and what programs do."""
    wanted = list(known_libraries() if libraries is None else libraries)
    if unknown := [library for library in wanted if library not in known_libraries()]:
        raise ValueError(f"there is no adapter for {', '.join(unknown)}; there are adapters for {', '.join(known_libraries())}")
    missing = not_installed(wanted)
    cells: list[MatrixCell] = []
    with ThreadPoolExecutor(jobs) as pool:
        asked = {library: matrix_targets for library in wanted if library not in missing} | dict.fromkeys(commands, command_targets)
        pending = {name: pool.submit(check_library, name, timeout, sandbox, targets) for name, targets in asked.items()}
        for library, future in pending.items():
            cells += future.result()
            report(library)
    return cells


def check_library(
    library: str, timeout: float, sandbox: Callable[[], Any], targets_of: Callable[[str], tuple[MatrixTarget, ...]] = matrix_targets
) -> list[MatrixCell]:
    """Return all cells of a library, or of a program. A fault that ends its process costs one cell, and the next one gets a new process."""
    version, process = version_of(library), sandbox()
    try:
        targets = result_or_fault(process.submit(targets_of, library, timeout=timeout))
        if isinstance(targets, Fault):
            whole = MatrixTarget("all of it", library)
            return [MatrixCell(library, version, whole, error_result(library, targets.detail, fault=targets.kind))]
        cells = []
        for target in targets:
            report, task = observe_target(target, process, timeout)
            cells.append(MatrixCell(library, version, target, judge_target(target, report, task, process, timeout)))
            if isinstance(report, Fault):
                process.__exit__(None, None, None)
                process = sandbox()
        return cells
    finally:
        process.__exit__(None, None, None)


def observe_target(target: MatrixTarget, process: Any, timeout: float) -> tuple[Any, Task]:
    """Return the report on a target, or a fault, with the task."""
    task = Task(target.target, target.settings, dtype=target.dtype)
    try:
        task = replace(task, against=formula_named(target.against).id) if target.against else task
    except ValueError as problem:
        return ValueError(str(problem)), task
    return result_or_fault(process.submit(run_functions if target.against else run_optimizer, task, timeout=timeout)), task


def judge_target(target: MatrixTarget, report: Any, task: Task, process: Any, timeout: float) -> Result:
    """Return what a target follows, or why it could not be judged."""
    common: dict[str, Any] = {"command": "identify", "settings": dict(target.settings), "dtype": target.dtype}
    if isinstance(report, ValueError):
        return error_result(target.target, str(report), fault="settings", **common)
    if isinstance(report, Fault):
        return error_result(target.target, report.detail, fault=report.kind, **common)
    try:
        if target.against:
            return judge_report(task, report, "check")
        return judge_with_matrices(report, task, process, "identify", None, timeout)[0]
    except Exception as problem:  # the other cells are judged all the same
        return error_result(target.target, describe_failure(problem), **common)


# --- showing --------------------------------------------------------------------------------------------------------------------------


def rows(cells: Iterable[MatrixCell]) -> Iterator[tuple[str, Mapping[str, MatrixCell]]]:
    """Yield the cells of every formula, by library."""
    by_formula: dict[str, dict[str, MatrixCell]] = {}
    for cell in cells:
        by_formula.setdefault(cell.target.column, {})[cell.library] = cell
    yield from by_formula.items()


def titles(cells: Iterable[MatrixCell]) -> dict[str, str]:
    """Return the libraries with their versions."""
    return {cell.library: f"{cell.library} {cell.version.partition('+')[0]}".strip() for cell in cells}


def as_json(cells: Iterable[MatrixCell]) -> list[dict[str, Any]]:
    """Return the cells one by one, with stable keys."""
    return [cell.as_json() for cell in cells]


def as_markdown(cells: list[MatrixCell]) -> str:
    """Return a table in Markdown: a row for every formula, a column for every library."""
    heads = titles(cells)
    lines = [["formula", *heads.values()], ["---"] * (len(heads) + 1)]
    lines += [[formula, *(row[library].text if library in row else "" for library in heads)] for formula, row in rows(cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_table(cells: list[MatrixCell]) -> Any:
    """Return the same table for a terminal."""
    from rich.table import Table
    from rich.text import Text

    heads = titles(cells)
    table = Table("formula", *heads.values(), title=f"{len(cells)} implementations, and what they follow")
    for formula, row in rows(cells):
        texts = [
            Text(row[library].text, style=COLOURS.get(row[library].result.verdict, ""), overflow="fold") if library in row else ""
            for library in heads
        ]
        table.add_row(formula, *texts)
    return table
