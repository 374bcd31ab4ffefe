"""Figures as SVG in the colours of the page: what is drawn in these colours follows the theme."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib as mpl
from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

SIZE, TALL = (10.0, 4.2), (10.0, 6.0)  # inches
SETTINGS: Any = {"svg.hashsalt": "trainspec", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "path.simplify": True}
TEXT, GRID, GROUND, LINES = "#010101", "#020202", "#040404", ("#030301", "#030302", "#030303", "#030304", "#030305", "#030306")
COLOURS = {TEXT: "var(--text)", GRID: "var(--line)", GROUND: "var(--ground)"} | {
    line: f"var(--line-{number})" for number, line in enumerate(LINES, start=1)
}
LEFT, BOTTOM, WIDTH, HEIGHT = 0.07, 0.12, 0.91, 0.85  # of the axes, in parts of the figure
METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def new_figure(across: str, up: str, size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """Return a figure with axes of these names, in the colours of the page."""
    figure = empty_figure(size)
    return figure, new_axes(figure, (LEFT, BOTTOM, WIDTH, HEIGHT), across, up)


def new_figures(across: str, up: str, count: int) -> tuple[Figure, list[Axes]]:
    """Return a tall figure with several axes side by side, under titles."""
    figure = empty_figure(TALL)
    width = WIDTH / count
    boxes = [(LEFT + index * width, BOTTOM, 0.82 * width, HEIGHT - 0.06) for index in range(count)]
    return figure, [new_axes(figure, box, across, up if not index else "") for index, box in enumerate(boxes)]


def empty_figure(size: tuple[float, float]) -> Figure:
    """Return a figure without a ground of its own."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=size, dpi=72)
        FigureCanvasSVG(figure)
    figure.patch.set_alpha(0)
    return figure


def new_axes(figure: Figure, box: tuple[float, float, float, float], across: str, up: str) -> Axes:
    """Return axes of these names in a part of a figure."""
    with mpl.rc_context(SETTINGS):
        axes = figure.add_axes(box)
    axes.patch.set_alpha(0)
    for side, spine in axes.spines.items():
        spine.set_color(GRID)
        spine.set_visible(side in ("left", "bottom"))
    axes.tick_params(colors=TEXT, color=GRID)
    axes.set_xlabel(across, color=TEXT)
    axes.set_ylabel(up, color=TEXT)
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    return axes


def svg_of(figure: Figure, name: str, alt: str) -> str:
    """Return a figure as SVG for a page: colours of the theme, a text alternative, ids that no other picture of the page has."""
    target = io.StringIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(target, format="svg", metadata=METADATA, transparent=True)
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)|(?<= id=")(line-\d+)', text))
    kept = {part for pair in used for part in pair if part}
    text = re.sub(r' id="([^"]+)"', lambda match: f' id="{name}-{match[1]}"' if match[1] in kept else "", text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text).replace("xlink:href", "href")
    for colour, variable in COLOURS.items():
        text = text.replace(colour, variable)
    box = re.search(r'viewBox="[^"]+"', text)
    head = f'<svg {box[0] if box else ""} role="img" aria-label="{escape(alt)}" xmlns="http://www.w3.org/2000/svg">'
    return head + text[text.index(">", text.index("<svg")) + 1 :].strip()
