"""Pictures as SVG in the colours of the page, and what their sliders need: curves of formulas, runs of steps, courses on landscapes.

A picture is drawn from the reference. Where it has sliders, the page draws it again by JavaScript that is generated from the same formula.
"""

from __future__ import annotations

import functools
import io
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ...reference import FORMULAS, initial_state, tree_leaves
from ...reference.validation import domains
from ..catalogue import catalogue
from .languages import LANGUAGES, helpers_of, in_language, scalar_program

SIZE, TALL = (10.0, 4.2), (10.0, 6.0)  # inches
SETTINGS: Any = {"svg.hashsalt": "trainspec", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10, "path.simplify": True}
TEXT, GRID, LINES = "#010101", "#020202", ("#030301", "#030302", "#030303", "#030304", "#030305", "#030306")
COLOURS = {TEXT: "var(--text)", GRID: "var(--line)"} | {line: f"var(--line-{number})" for number, line in enumerate(LINES, start=1)}
RUN_STEPS, COURSE_STEPS, POINTS = 60, 300, 241
LANDSCAPES = {
    "landscape.beale": ("landscape.beale.gradient", (1.0, 1.5), (-0.5, 4.5), (-1.5, 2.5)),
    "landscape.long_valley": ("landscape.long_valley.gradient", (1.0, 10.0), (-6.0, 6.0), (-12.0, 12.0)),
    "landscape.saddle": ("landscape.saddle.gradient", (1.0, 0.001), (-1.5, 1.5), (-1.5, 1.5)),
}


@dataclass(frozen=True)
class Dial:
    """A slider: its name, its value and range, and whether it takes whole numbers only."""

    name: str
    value: float
    smallest: float
    largest: float

    @property
    def step(self) -> float:
        """The distance from one value to the next."""
        whole = all(isinstance(number, int) for number in (self.value, self.smallest, self.largest))
        return 1 if whole else (self.largest - self.smallest) / 200


@dataclass(frozen=True)
class Picture:
    """A picture: its name within the page, its title, its caption, the SVG, its sliders, and what draws it again, as JSON."""

    name: str
    title: str
    caption: str
    svg: str
    dials: tuple[Dial, ...] = ()
    drawing: str = ""


@functools.cache
def settings() -> Mapping[str, Any]:
    """Return what is drawn, with which values."""
    return tomllib.loads(files(__package__).joinpath("pictures.toml").read_text(encoding="utf-8"))


def pictures_of(identifier: str) -> list[Picture]:
    """Return the pictures of an entry."""
    known = settings()
    return [
        *([curve_picture(identifier, known["curves"][identifier])] if identifier in known["curves"] else []),
        *([run_picture(identifier, known["runs"][identifier])] if identifier in known["runs"] else []),
        *([course_picture(identifier)] if identifier in known["courses"] else []),
        *([landscape_picture(identifier)] if identifier in LANDSCAPES else []),
        *([phase_picture()] if identifier == "quadratic.momentum.transition" else []),
    ]


def functions_of(identifier: str) -> str:
    """Return the script with the formulas that the sliders of an entry run; nothing where it has no sliders."""
    known = settings()
    if identifier not in {**known["curves"], **known["runs"]}:
        return ""
    identifiers = [identifier, *known["curves"].get(identifier, {}).get("series", ())]
    language = LANGUAGES["javascript"]
    code = "\n\n".join(in_language(scalar_program(formula), language) for formula in identifiers)
    names = ", ".join(scalar_program(formula).name for formula in identifiers)
    body = "\n\n".join([*helpers_of(code, language), code])
    return f"window.formulas = (() => {{\n{body}\nreturn {{ {names} }};\n}})();"


# --- sliders --------------------------------------------------------------------------------------------------------------------------


def dials_of(names: Sequence[str], record: Mapping[str, Any]) -> tuple[Dial, ...]:
    """Return the sliders of these numbers: with the values that a picture states, or those of all pictures."""
    return tuple(Dial(name, *record.get(name, settings()["dials"].get(name))) for name in names)


def numbers_of(dials: Sequence[Dial]) -> dict[str, float]:
    """Return the values of sliders by name."""
    return {dial.name: dial.value for dial in dials}


# --- curves ---------------------------------------------------------------------------------------------------------------------------


def curve_picture(identifier: str, record: Mapping[str, Any]) -> Picture:
    """Return a formula along one of its arguments, with sliders for the others."""
    identifiers = [identifier, *record.get("series", ())]
    along, start, end = record["along"], record.get("from", 0), record["to"]
    names = [name for name in domains(FORMULAS[identifier].raw) if name != along]
    dials = dials_of(names, record)
    whole = isinstance(start, int) and isinstance(end, int)
    points = np.arange(start, end + 1) if whole else np.linspace(start, end, POINTS)
    values = [curve_values(formula, along, points, numbers_of(dials)) for formula in identifiers]
    limits = limits_around([*values, *extreme_values(identifier, along, points, dials)])
    figure, axes = new_figure(along, "")
    for number, (formula, line) in enumerate(zip(identifiers, values, strict=True)):
        axes.plot(points, line, color=LINES[number], linewidth=2.4, gid=f"line-{number}", label=FORMULAS[formula].__name__)
    axes.set_xlim(start, end)
    axes.set_ylim(*limits)
    if len(identifiers) > 1:
        axes.legend(frameon=False, labelcolor=TEXT)
    title = catalogue().entries[identifier].title
    first, last = values[0][0], values[0][-1]
    alt = f"{title} against {along}: {first:.3g} at {start}, {last:.3g} at {end}, between {min(values[0]):.3g} and {max(values[0]):.3g}"
    drawing = {
        "kind": "curve",
        "points": [start, end, 1 if whole else (end - start) / (POINTS - 1)],
        "lines": [
            {"function": FORMULAS[formula].__name__, "arguments": list(scalar_program(formula).arguments)} for formula in identifiers
        ],
        "along": along,
    }
    return finished("curve", title, f"{title} against {along}.", alt, figure, axes, dials, drawing)


def call_of(identifier: str) -> dict[str, Any]:
    """Return what the page needs to call a formula: its name, and its arguments in order."""
    return {"function": FORMULAS[identifier].__name__, "arguments": list(scalar_program(identifier).arguments)}


def curve_values(identifier: str, along: str, points: Any, values: Mapping[str, float]) -> list[float]:
    """Return the values of a formula at these points."""
    raw = FORMULAS[identifier].raw
    taken = {name: value for name, value in values.items() if name in domains(raw)}
    is_array = domains(raw)[along].kind == "array"
    results = [raw(**as_arguments(raw, taken), **{along: np.array(point) if is_array else point}) for point in points.tolist()]
    return [float(result) for result in results]


def as_arguments(raw: Any, values: Mapping[str, float]) -> dict[str, Any]:
    """Return values as the arguments of a formula: those that are arrays as such."""
    return {name: np.array(value) if domains(raw)[name].kind == "array" else value for name, value in values.items()}


def extreme_values(identifier: str, along: str, points: Any, dials: Sequence[Dial]) -> Iterator[list[float]]:
    """Yield the values of a formula with one slider at a time at its largest value."""
    with np.errstate(all="ignore"):
        for dial in dials:
            yield curve_values(identifier, along, points[:: max(1, len(points) // 40)], {**numbers_of(dials), dial.name: dial.largest})


def limits_around(lines: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the limits of an axis that has all these values, with margins."""
    numbers = [value for line in lines for value in line if np.isfinite(value)]
    low, high = min(numbers), max(numbers)
    margin = 0.06 * (high - low) or 1.0
    return (low - margin if low < 0 or low > high / 2 else -0.02 * high), high + margin


# --- runs -----------------------------------------------------------------------------------------------------------------------------


def run_picture(identifier: str, record: Mapping[str, Any]) -> Picture:
    """Return the steps of an optimizer on ½ h θ² from θ = 1, with sliders for its hyper-parameters and for h."""
    raw = FORMULAS[identifier].raw
    dials = dials_of([*keyword_names(raw), "curvature"], record)
    values = numbers_of(dials)
    curvature = values.pop("curvature")
    path = [1.0, *(float(theta) for theta in course(identifier, np.array(1.0), lambda point: curvature * point, values, RUN_STEPS))]
    figure, axes = new_figure("step", "θ")
    axes.axhline(0, color=GRID, linewidth=1)
    axes.plot(range(len(path)), path, color=LINES[0], linewidth=2, marker="o", markersize=3.5, gid="line-0")
    axes.set_xlim(0, RUN_STEPS)
    axes.set_ylim(-1.2, 1.2)
    title = catalogue().entries[identifier].title
    state = [float(leaf) for leaf in tree_leaves(start_of(identifier, np.array(1.0)))]
    drawing = {
        "kind": "run",
        "steps": RUN_STEPS,
        "start": [1.0, *state],
        "lines": [call_of(identifier)],
    }
    caption = f"{RUN_STEPS} steps of {title} on ½ h θ² from θ = 1; h is the curvature."
    alt = f"{caption} After {RUN_STEPS} steps θ is {path[-1]:.3g}; its least value is {min(path):.3g}"
    return finished("run", "First steps on a quadratic", caption, alt, figure, axes, dials, drawing)


def keyword_names(raw: Any) -> list[str]:
    """Return the names of the hyper-parameters of a formula."""
    names = list(domains(raw))
    return names[raw.__code__.co_argcount :]


def start_of(identifier: str, theta: Any) -> Any:
    """Return the state before the first step; of an optimizer without one an empty tuple."""
    return initial_state(identifier, theta) if FORMULAS[identifier].initial else ()


def course(identifier: str, theta: Any, gradient: Callable[[Any], Any], values: Mapping[str, float], steps: int) -> Iterator[Any]:
    """Yield the points of an optimizer's steps."""
    raw = FORMULAS[identifier].raw
    state = start_of(identifier, theta)
    has_state = FORMULAS[identifier].initial is not None
    with np.errstate(all="ignore"):
        for _ in range(steps):
            if has_state:
                theta, state = raw(theta, gradient(theta), state, **values)
            else:
                theta = raw(theta, gradient(theta), **values)
            yield theta


# --- landscapes -----------------------------------------------------------------------------------------------------------------------


def course_picture(identifier: str) -> Picture:
    """Return the course of an optimizer on Beale's function."""
    return courses_picture([identifier], "landscape.beale", catalogue().entries[identifier].title)


def landscape_picture(landscape: str) -> Picture:
    """Return the courses of six optimizers on a landscape."""
    return courses_picture(list(settings()["courses"])[: len(LINES)], landscape, "Six optimizers")


def courses_picture(identifiers: Sequence[str], landscape: str, who: str) -> Picture:
    """Return the courses of optimizers on a landscape, over lines of equal height."""
    gradient, start, across, up = LANDSCAPES[landscape]
    figure, axes = new_figure("x", "y", size=TALL)
    draw_heights(axes, landscape, across, up)
    ends = []
    for number, identifier in enumerate(identifiers):
        names = keyword_names(FORMULAS[identifier].raw)
        values = {**numbers_of(dials_of(names, {})), **settings()["courses"][identifier]}
        points = [np.array(start), *course(identifier, np.array(start), FORMULAS[gradient].raw, values, COURSE_STEPS)]
        shown = [point for point in points if np.all(np.abs(point) < 100)]
        label = FORMULAS[identifier].__name__
        axes.plot(*zip(*shown, strict=True), color=LINES[number], linewidth=1.6, label=label, solid_joinstyle="round")
        axes.plot(*shown[-1], color=LINES[number], marker="o", markersize=5)
        ends.append(f"{label} with lr {values.get('lr')} ends at ({shown[-1][0]:.3g}, {shown[-1][1]:.3g})")
    axes.plot(*start, color=TEXT, marker="s", markersize=5)
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    if len(identifiers) > 1:
        axes.legend(frameon=False, labelcolor=TEXT, loc="upper left", fontsize=9)
    where = catalogue().entries[landscape].title
    caption = f"{who} on {where}: {COURSE_STEPS} steps from ({start[0]:g}, {start[1]:g}), the square."
    return finished("course", where, caption, f"{caption} {'; '.join(ends)}", figure, axes)


def draw_heights(axes: Axes, landscape: str, across: tuple[float, float], up: tuple[float, float]) -> None:
    """Draw the lines of equal height of a landscape."""
    xs, ys, heights = heights_of(landscape, across, up)
    lowest = float(np.quantile(heights, 0.005))
    levels = (
        np.geomspace(max(lowest, 1e-3), float(heights.max()), 14) if heights.min() >= 0 else np.linspace(heights.min(), heights.max(), 15)
    )
    axes.contour(xs, ys, heights, levels=levels, colors=GRID, linewidths=0.9, negative_linestyles="solid")


@functools.cache
def heights_of(landscape: str, across: tuple[float, float], up: tuple[float, float]) -> tuple[Any, Any, Any]:
    """Return the heights of a landscape on a grid, with its lines across and up."""
    xs, ys = np.linspace(*across, 90), np.linspace(*up, 90)
    return xs, ys, np.array([[float(FORMULAS[landscape].raw(np.array([x, y]))) for x in xs] for y in ys])


def phase_picture() -> Picture:
    """Return how fast the heavy ball converges on a quadratic, by learning rate times curvature and momentum, with the theory's borders."""
    rates, momenta = np.linspace(0.02, 4.0, 100), np.linspace(0.0, 0.99, 80)
    transition = FORMULAS["quadratic.momentum.transition"].raw
    radii = [[radius(transition, rate, momentum) for rate in rates] for momentum in momenta]
    figure, axes = new_figure("learning rate × curvature", "momentum", size=TALL)
    drawn = axes.contour(rates, momenta, radii, levels=np.arange(0.1, 1.0, 0.1), colors=LINES[0], linewidths=1)
    axes.clabel(drawn, fontsize=8, colors=TEXT)
    divergence = [float(FORMULAS["quadratic.momentum.divergence"].raw(momentum=momentum)) for momentum in momenta]
    axes.plot(divergence, momenta, color=LINES[1], linewidth=2, label="border of divergence")
    lower = (1 - np.sqrt(momenta)) ** 2
    axes.plot(lower, momenta, color=LINES[2], linewidth=2, label="critical damping")
    axes.set_xlim(0, 4)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, labelcolor=TEXT, loc="lower right")
    caption = (
        "How much of the distance is left after a step in the long run: the spectral radius, by learning rate × curvature and momentum."
    )
    alt = f"{caption} It is least on the line of critical damping, and 1 on the border of divergence, where the product is 2 (1 + momentum)"
    return finished("phase", "Learning rate and momentum", caption, alt, figure, axes)


def radius(transition: Callable[..., Any], rate: float, momentum: float) -> float:
    """Return the spectral radius of the heavy ball's transition at curvature 1."""
    return float(np.max(np.abs(np.linalg.eigvals(transition(curvature=1.0, lr=rate, momentum=momentum)))))


# --- SVG ------------------------------------------------------------------------------------------------------------------------------


def new_figure(across: str, up: str, size: tuple[float, float] = SIZE) -> tuple[Figure, Axes]:
    """Return a figure with axes of these names, in the colours of the page."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=size, dpi=72)
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0.07, 0.12, 0.91, 0.85))
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for side, spine in axes.spines.items():
        spine.set_color(GRID)
        spine.set_visible(side in ("left", "bottom"))
    axes.tick_params(colors=TEXT, color=GRID)
    axes.set_xlabel(across, color=TEXT)
    axes.set_ylabel(up, color=TEXT)
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    return figure, axes


def finished(
    name: str,
    title: str,
    caption: str,
    alt: str,
    figure: Figure,
    axes: Axes,
    dials: tuple[Dial, ...] = (),
    drawing: Mapping[str, Any] | None = None,
) -> Picture:
    """Return a picture of a figure; `drawing` gets the box and the limits of the axes."""
    with mpl.rc_context(SETTINGS):
        svg = svg_of(figure, name, alt)
    box = axes.get_window_extent()
    height = figure.get_size_inches()[1] * 72
    corners = [round(float(number), 3) for number in (box.x0, height - box.y0, box.x1, height - box.y1)]
    limits = [float(number) for number in (*axes.get_xlim(), *axes.get_ylim())]
    script = json.dumps({**drawing, "box": corners, "limits": limits, "id": name}, separators=(",", ":")) if drawing else ""
    return Picture(name, title, caption, svg, dials, script)


def svg_of(figure: Figure, name: str, alt: str) -> str:
    """Return a figure as SVG for a page: colours of the theme, a text alternative, ids that no other picture of the page has."""
    target = io.StringIO()
    figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}, transparent=True)
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(
        r' id="([^"]+)"', lambda match: f' id="{name}-{match[1]}"' if match[1] in used or match[1].startswith("line-") else "", text
    )
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"xlink:href", "href", text)
    for colour, variable in COLOURS.items():
        text = text.replace(colour, variable)
    box = re.search(r'viewBox="[^"]+"', text)
    head = f'<svg {box[0] if box else ""} role="img" aria-label="{escape(alt)}" xmlns="http://www.w3.org/2000/svg">'
    return head + text[text.index(">", text.index("<svg")) + 1 :].strip()
