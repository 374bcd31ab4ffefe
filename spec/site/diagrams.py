"""Pictures of what is stated or recorded: relations between entries, distances between conventions, errors and times of kernels."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from ..arithmetic import Undecided
from ..conformance.optimizers.conventions import FAMILIES, Convention
from ..conformance.optimizers.separation import distances_between, run_without_implementation, trajectories, trajectory_bound
from ..conformance.optimizers.visits import OptimizerRun
from .data import SiteData
from .differences import listed_conventions
from .pictures import Picture, finished
from .svg import GRID, GROUND, LINES, TEXT, empty_figure, new_axes, new_figure

WIDE, ROW = 10.0, 0.6  # inches: the width of a diagram, the height of a row of boxes
LETTERS = 26  # in a line of a box
CLASSES = (1.0, 1e3, 1e12, 1e13, 1e14, 1e15)  # bounds: where classes of distances end
WORDS = ("the same on this run", "up to 10³ bounds", "up to 10¹²", "up to 10¹³", "up to 10¹⁴", "up to 10¹⁵", "more")


# --- relations ------------------------------------------------------------------------------------------------------------------------


def relations_picture(identifier: str, data: SiteData) -> Picture | None:
    """Return an entry with those that it uses, on the left, those that use it, on the right, and those related to it; None without any."""
    used, users = data.calls.get(identifier, []), data.callers.get(identifier, [])
    related = [relation.id for relation in data.relations[identifier] if relation.id not in (*used, *users)]
    if not (used or users or related):
        return None
    left, right = list(used), list(users)
    for other in related:
        (left if len(left) <= len(right) else right).append(other)
    places = {identifier: (0.0, 0.0)} | column(-1.0, left) | column(1.0, right)
    rows = max(len(left), len(right), 2)
    figure = empty_figure((WIDE, rows * ROW))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(-1.5, 1.5)
    axes.set_ylim(-rows / 2, rows / 2)
    for other, (x, y) in places.items():
        for neighbour, colour in neighbours(other, data).items():
            if neighbour in places and places[neighbour][0] != x:
                axes.plot(*zip((x, y), places[neighbour], strict=True), color=colour, linewidth=1.4, zorder=1)
        draw_box(axes, x, y, data.catalogue.entries[other].title, colour=TEXT if other == identifier else GRID)
    titles = {other: data.catalogue.entries[other].title for other in places}
    parts = [("uses", used), ("is used by", users), ("is related to", related)]
    said = "; ".join(f"{relation} {', '.join(titles[other] for other in others)}" for relation, others in parts if others)
    caption = "Blue: relations, whose words are in the list; green: one uses the other, which is on its left."
    return finished("relations", "Related entries", caption, f"{titles[identifier]} {said}", figure, axes)


def column(x: float, identifiers: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return places for entries, one below the other."""
    return {identifier: (x, (len(identifiers) - 1) / 2 - number) for number, identifier in enumerate(identifiers)}


def neighbours(identifier: str, data: SiteData) -> dict[str, str]:
    """Return the entries that an entry calls, or states a relation to, each with the colour of its line."""
    stated = {relation.id: LINES[0] for relation in data.relations[identifier] if relation.stated}
    return stated | dict.fromkeys(data.calls.get(identifier, []), LINES[2])


def draw_box(axes: Axes, x: float, y: float, title: str, colour: str) -> None:
    """Draw a title in a box."""
    words = "\n".join(textwrap.wrap(title, LETTERS, max_lines=2, placeholder=" …"))
    box = {"boxstyle": "round,pad=0.35", "facecolor": GROUND, "edgecolor": colour}
    axes.text(x, y, words, ha="center", va="center", fontsize=9, color=TEXT, bbox=box, zorder=2)


# --- conventions ----------------------------------------------------------------------------------------------------------------------


def separation_picture(family: str) -> Picture:
    """Return how far the conventions and mistakes of a family are apart on the fixture, each pair in one of some classes."""
    run = run_without_implementation(np.float64, takes_gradient_function=family in ("nesterov", "rmsprop"), kind=FAMILIES[family].kind)
    listed = listed_conventions(family)
    bounds = {convention: bound for convention in listed if (bound := bound_where_decided(convention, run)) is not None}
    conventions = list(bounds)
    apart = distances_between(trajectories(conventions, run), np.stack(list(bounds.values())))
    labels = [label(convention) for convention in conventions]
    count = len(conventions)
    figure = empty_figure((WIDE, 0.19 * count + 0.9))
    share = 0.9 / (0.19 * count + 0.9)
    axes = new_axes(figure, (0.36, share * 0.6, 0.62, 1 - share), "number of the convention or mistake", "")
    axes.grid(visible=False)
    classes = np.digitize(apart, CLASSES)
    for number, distance in enumerate(WORDS):
        cells = [(column, row) for row in range(count) for column in range(row) if classes[row, column] == number]
        colour = (LINES[1], 1.0) if number == 0 else (LINES[0], 0.12 + 0.176 * (number - 1))
        axes.add_patch(PathPatch(squares(cells), facecolor=colour, edgecolor="none", label=distance))
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_xticks(range(4, count, 5), [str(number + 1) for number in range(4, count, 5)])
    axes.set_yticks(range(count), [f"{convention}  {number}" for number, convention in enumerate(labels, start=1)], fontsize=7)
    axes.legend(frameon=False, labelcolor=TEXT, loc="upper right", fontsize=8)
    caption = (
        f"How far {count} conventions and mistakes of {FAMILIES[family].words} are apart on a run that tells them apart, "
        f"in rounding bounds of float64.{left_out_in_words([convention for convention in listed if convention not in conventions])}"
    )
    return finished("separation", "Distances", caption, f"{caption} {nearest_in_words(labels, apart)}", figure, axes)


def bound_where_decided(convention: Convention, run: OptimizerRun) -> Any:
    """Return the rounding bound of a convention on a run; None where it is not decided, as a sign depends on rounding."""
    try:
        return trajectory_bound(convention, run)
    except Undecided:
        return None


def left_out_in_words(conventions: Sequence[Convention]) -> str:
    """Return which conventions a picture is without, and why; nothing where there are none."""
    names = ", ".join(map(label, conventions))
    return f" Left out, as a sign or a choice of theirs depends on rounding on this run: {names}." if names else ""


def label(convention: Convention) -> str:
    """Return the id of a convention without the name of its family; of the canonical form its id."""
    return convention.id.partition("/")[2] or convention.id


def squares(cells: Sequence[tuple[int, int]]) -> Path:
    """Return the outline of squares around these places, as one path."""
    corners = [(-0.46, -0.46), (0.46, -0.46), (0.46, 0.46), (-0.46, 0.46)]
    points = [(x + dx, y + dy) for x, y in cells for dx, dy in (*corners, corners[0])]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(cells)
    return Path(points or [(0, 0)], codes or [Path.MOVETO])


def nearest_in_words(labels: Sequence[str], apart: Any) -> str:
    """Return how many pairs are the same, and which two of the others are nearest to each other."""
    rows, columns = np.tril_indices(len(labels), -1)
    between = apart[rows, columns]
    same = int(np.sum(between < CLASSES[0]))
    others = np.where(between < CLASSES[0], np.inf, between)
    nearest = int(np.argmin(others))
    first, second = labels[columns[nearest]], labels[rows[nearest]]
    return (
        f"{same} of {len(between)} pairs are the same; of the others {first} and {second} are nearest, {others[nearest]:.2g} bounds apart."
    )


# --- kernels --------------------------------------------------------------------------------------------------------------------------


def kernel_pictures(identifier: str, data: SiteData) -> list[Picture]:
    """Return the errors of the kernel of a formula by the size of its inputs, and its times beside other libraries', where recorded."""
    name = data.catalogue.entries[identifier].function
    records: tuple[tuple[Any, Callable[[str, Any], Picture]], ...] = (
        (data.kernel_errors.get(name), errors_picture),
        (data.benchmarks.get(name), times_picture),
    )
    return [draw(name, record) for record, draw in records if record and identifier in data.kernels]


def errors_picture(name: str, record: Any) -> Picture:
    """Return the worst error of a kernel that was found for inputs of each size, in rounding bounds."""
    figure, axes = new_figure("size of the inputs", "error / rounding bound")
    for number, (dtype, errors) in enumerate(record["errors"].items()):
        pairs = [(size, error) for size, error in zip(record["sizes"], errors, strict=True) if error is not None]
        axes.plot(*zip(*pairs, strict=True), color=LINES[number], linewidth=2, marker="o", markersize=4, label=dtype)
    axes.axhline(1, color=TEXT, linewidth=1)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.08)
    axes.legend(frameon=False, labelcolor=TEXT)
    caption = f"The worst error of the kernel {name}() in {record['cases']} random calls for each size of the inputs; 1 is the bound."
    worst = "; ".join(
        f"{dtype}: at most {max(error for error in errors if error is not None):g}" for dtype, errors in record["errors"].items()
    )
    return finished("errors", "Errors of the kernel", caption, f"{caption} {worst}", figure, axes)


def times_picture(name: str, record: Any) -> Picture:
    """Return the time of the fastest other library divided by that of the kernel, by the number of entries."""
    figure, axes = new_figure("entries", "fastest other library / kernel")
    sizes, ratios = zip(*record["ratios"], strict=True)
    axes.plot(sizes, ratios, color=LINES[0], linewidth=2, marker="o", markersize=4)
    axes.axhline(1, color=TEXT, linewidth=1)
    axes.set_xscale("log")
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_ylim(min(0.5, *ratios) / 1.2, max(2.0, *ratios) * 1.2)
    caption = (
        f"Times of the kernel {name}() beside the fastest other library, {record['dtype']}, as measured on 2 cores "
        f"and recorded on {record['recorded']}; above 1 the kernel is faster."
    )
    said = ", ".join(f"{ratio:g} at {size}" for size, ratio in record["ratios"])
    return finished("times", "Times of the kernel", caption, f"{caption} {said}", figure, axes)
