"""Pictures as SVG in the colours of the page, and what their sliders need: curves of formulas, runs of steps, courses on landscapes.

A picture is drawn from the reference. Where it has sliders, the page draws it again by JavaScript that is generated from the same formula.
"""

from __future__ import annotations

import functools
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...reference import FORMULAS, initial_state, tree_leaves
from ...reference.validation import domains
from ..catalogue import catalogue
from .languages import LANGUAGES, NotElementwise, helpers_of, in_language, scalar_program
from .svg import GRID, LINES, TALL, TEXT, new_figure, new_figures, svg_of

RUN_STEPS, COURSE_STEPS, POINTS, UPDATES = 60, 300, 241, 150
LAYERS, UNITS = 10, 200
REACH, FAR, FIRST_SIZE = 5.0, 100.0, 0.1  # of activations; of courses, beyond which they have left; of the first step where that is set
SLOPE = ".slope"
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
    return [
        *([curve_picture(curve)] if (curve := curve_of(identifier)) else []),
        *([run_picture(identifier)] if is_step(identifier) else []),
        *([course_picture(identifier)] if moves_points(identifier) else []),
        *([landscape_picture(identifier)] if identifier in LANDSCAPES else []),
        *([layers_picture(identifier)] if draws_layers(identifier) else []),
        *([phase_picture()] if identifier == "quadratic.momentum.transition" else []),
    ]


def functions_of(identifier: str) -> str:
    """Return the script with the formulas that the sliders of an entry run; nothing where it has no sliders."""
    curve = curve_of(identifier)
    identifiers = curve.formulas if curve else [identifier] if is_step(identifier) else []
    if not identifiers:
        return ""
    language = LANGUAGES["javascript"]
    code = "\n\n".join(in_language(scalar_program(formula), language) for formula in identifiers)
    names = ", ".join(scalar_program(formula).name for formula in identifiers)
    body = "\n\n".join([*helpers_of(code, language), code])
    return f"window.formulas = (() => {{\n{body}\nreturn {{ {names} }};\n}})();"


# --- what is drawn --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Curve:
    """Formulas with the same arguments, of which one is drawn across, from its start to its end."""

    formulas: tuple[str, ...]
    along: str
    start: float
    end: float


@functools.cache
def curve_of(identifier: str) -> Curve | None:
    """Return the curve of a formula: of those that are stated, of schedules by the step, of activations by their input."""
    stated = settings()["curves"].get(identifier)
    if stated:
        return Curve((identifier,), stated["along"], stated["from"], stated["to"])
    if not has_sliders(identifier):
        return None
    (along, domain), *_ = domains(FORMULAS[identifier].raw).items()
    chapter = catalogue().entries[identifier].chapter
    if chapter == "schedules" and domain.kind == "count":
        return Curve((identifier,), along, int(domain.interval.low), UPDATES)
    if chapter == "activations" and domain.kind == "array" and not identifier.endswith(SLOPE):
        slope = f"{identifier}{SLOPE}"
        return Curve((identifier, slope) if slope in FORMULAS else (identifier,), along, -REACH, REACH)
    return None


def has_sliders(identifier: str) -> bool:
    """Return whether a formula has a scalar program of a single array or count, and its other arguments are dials."""
    if identifier not in FORMULAS or not is_scalar(identifier):
        return False
    _, *others = domains(FORMULAS[identifier].raw).items()
    return all(domain.kind in ("number", "count") and name in settings()["dials"] for name, domain in others)


@functools.cache
def is_step(identifier: str) -> bool:
    """Return whether a formula is a step θ, g, state → θ, state on numbers, with hyper-parameters that are dials."""
    if identifier not in FORMULAS or not is_scalar(identifier):
        return False
    program = scalar_program(identifier)
    hyper = keyword_names(FORMULAS[identifier].raw)
    is_whole = len(program.arguments) == 1 + len(program.results) + len(hyper)
    return program.arguments[:2] == ("theta", "grad") and is_whole and set(hyper) <= settings()["dials"].keys()


def is_scalar(identifier: str) -> bool:
    """Return whether a formula has a scalar program."""
    try:
        scalar_program(identifier)
    except NotElementwise:
        return False
    return True


@functools.cache
def moves_points(identifier: str) -> bool:
    """Return whether a formula moves points of any shape by a gradient or a function of it, with hyper-parameters that are dials."""
    formula = FORMULAS.get(identifier)
    hyper = keyword_names(formula.raw) if formula else []
    places = list(domains(formula.raw).items())[: -len(hyper)] if formula and hyper else []
    if not formula or len(places) < 2 or places[0][1].axes != ["*shape"] or not set(hyper) <= settings()["dials"].keys():
        return False
    (_, _), (name, given), *state = places
    is_moved = name == "grad" or given.kind == "function"
    return is_moved and len(state) == (formula.initial is not None) and ("lr" in hyper or bool(state))


# --- sliders --------------------------------------------------------------------------------------------------------------------------


def dials_of(identifier: str, names: Sequence[str]) -> tuple[Dial, ...]:
    """Return the sliders of these numbers: with the values of all pictures, or those of this formula."""
    known = {**settings()["dials"], **settings()["overrides"].get(identifier, {})}
    return tuple(Dial(name, *known[name]) for name in names)


def numbers_of(dials: Sequence[Dial]) -> dict[str, float]:
    """Return the values of sliders by name."""
    return {dial.name: dial.value for dial in dials}


# --- curves ---------------------------------------------------------------------------------------------------------------------------


def curve_picture(curve: Curve) -> Picture:
    """Return formulas along one of their arguments, with sliders for the others."""
    identifiers, along, start, end = curve.formulas, curve.along, curve.start, curve.end
    identifier = identifiers[0]
    dials = dials_of(identifier, [name for name in domains(FORMULAS[identifier].raw) if name != along])
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


def run_picture(identifier: str) -> Picture:
    """Return the steps of an optimizer on ½ h θ² from θ = 1, with sliders for its hyper-parameters and for h."""
    dials = dials_of(identifier, [*keyword_names(FORMULAS[identifier].raw), "curvature"])
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
    return initial_state(identifier, theta, size=FIRST_SIZE) if FORMULAS[identifier].initial else ()


def course(
    identifier: str,
    theta: Any,
    gradient: Callable[[Any], Any],
    values: Mapping[str, float],
    steps: int,
    implementation: Callable[..., Any] | None = None,
) -> Iterator[Any]:
    """Yield the points of an optimizer's steps, by the formula or by another implementation of it."""
    raw = FORMULAS[identifier].raw
    step = implementation or raw
    state = start_of(identifier, theta)
    has_state = FORMULAS[identifier].initial is not None
    takes_function = list(domains(raw).values())[1].kind == "function"
    with np.errstate(all="ignore"):
        for _ in range(steps):
            given = gradient if takes_function else gradient(theta)
            if has_state:
                theta, state = step(theta, given, state, **values)
            else:
                theta = step(theta, given, **values)
            yield theta


# --- landscapes -----------------------------------------------------------------------------------------------------------------------


def course_picture(identifier: str) -> Picture:
    """Return the courses of an optimizer on all landscapes."""
    figure, axes_of = new_figures("x", "y", len(LANDSCAPES))
    title = catalogue().entries[identifier].title
    ends = []
    for axes, landscape in zip(axes_of, LANDSCAPES, strict=True):
        where = catalogue().entries[landscape].title
        axes.set_title(where, color=TEXT)
        ends += [f"{where}: {end}" for end in draw_courses(axes, [identifier], landscape)]
    caption = f"{title}: {COURSE_STEPS} steps from the square on each landscape, with the best of the learning rates {rates_in_words()}."
    return finished("course", title, caption, f"{caption} {'; '.join(ends)}", figure, axes_of[0])


def landscape_picture(landscape: str) -> Picture:
    """Return the courses of some optimizers on a landscape."""
    figure, axes = new_figure("x", "y", size=TALL)
    ends = draw_courses(axes, settings()["compared"], landscape)
    where, ((x, y), *_) = catalogue().entries[landscape].title, LANDSCAPES[landscape][1:]
    caption = f"{where}: six optimizers, {COURSE_STEPS} steps from ({x:g}, {y:g}), the square; with the best lr of {rates_in_words()}."
    return finished("course", where, caption, f"{caption} {'; '.join(ends)}", figure, axes)


def rates_in_words() -> str:
    """Return the learning rates that are tried."""
    return ", ".join(f"{rate:g}" for rate in settings()["rates"])


def draw_courses(axes: Axes, identifiers: Sequence[str], landscape: str) -> list[str]:
    """Draw the courses of optimizers over lines of equal height, each with the best of some learning rates; return where each ends."""
    _, start, across, up = LANDSCAPES[landscape]
    draw_heights(axes, landscape, across, up)
    ends = []
    for number, identifier in enumerate(identifiers):
        rate, points = best_course(identifier, landscape)
        label = FORMULAS[identifier].__name__ + (f", lr {rate:g}" if rate else "")
        axes.plot(*zip(*points, strict=True), color=LINES[number], linewidth=2, label=label, solid_joinstyle="round")
        axes.plot(*points[-1], color=LINES[number], marker="o", markersize=6)
        ends.append(f"{label} ends at ({points[-1][0]:.3g}, {points[-1][1]:.3g})")
    axes.plot(*start, color=TEXT, marker="s", markersize=5)
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    axes.legend(frameon=False, labelcolor=TEXT, loc="upper left", fontsize=9)
    return ends


@functools.cache
def best_course(identifier: str, landscape: str) -> tuple[float, list[Any]]:
    """Return the learning rate with which an optimizer ends lowest, and its points until it has left; 0 where it has no learning rate."""
    gradient, start, *_ = LANDSCAPES[landscape]
    names = keyword_names(FORMULAS[identifier].raw)
    values = numbers_of(dials_of(identifier, names))
    height, slope = FORMULAS[landscape].raw, FORMULAS[gradient].raw
    courses = {}
    for rate in settings()["rates"] if "lr" in names else [0.0]:
        hyper = {**values, "lr": rate} if "lr" in names else values
        points = [np.array(start), *course(identifier, np.array(start), slope, hyper, COURSE_STEPS)]
        inside = np.logical_and.accumulate(np.all(np.abs(points) < FAR, axis=1))  # a point that is not finite is not inside
        kept = points[: np.count_nonzero(inside)]
        courses[float(height(kept[-1]))] = (rate, kept)
    return courses[min(courses)]


def draw_heights(axes: Axes, landscape: str, across: tuple[float, float], up: tuple[float, float]) -> None:
    """Draw the lines of equal height of a landscape."""
    xs, ys, heights = heights_of(landscape, across, up)
    lowest = float(np.quantile(heights, 0.005))
    low, high = float(heights.min()), float(heights.max())
    levels = np.geomspace(max(lowest, 1e-3), high, 14) if low >= 0 else np.linspace(low, high, 15)
    axes.contour(xs, ys, heights, levels=levels, colors=GRID, linewidths=0.9, negative_linestyles="solid")


@functools.cache
def heights_of(landscape: str, across: tuple[float, float], up: tuple[float, float]) -> tuple[Any, Any, Any]:
    """Return the heights of a landscape on a grid, with its lines across and up."""
    xs, ys = np.linspace(*across, 90), np.linspace(*up, 90)
    return xs, ys, np.array([[float(FORMULAS[landscape].raw(np.array([x, y]))) for x in xs] for y in ys])


def phase_picture() -> Picture:
    """Return how fast the heavy ball converges on a quadratic, by learning rate times curvature and momentum, with the theory's borders."""
    rates, momenta = np.linspace(0.02, 4.0, 140), np.linspace(0.0, 0.99, 100)
    transition = FORMULAS["quadratic.momentum.transition"].raw
    radii = [[radius(transition, rate, momentum) for rate in rates] for momentum in momenta]
    figure, axes = new_figure("learning rate × curvature", "momentum", size=TALL)
    drawn = axes.contour(rates, momenta, radii, levels=np.arange(0.1, 1.0, 0.1), colors=LINES[0], linewidths=1)
    axes.clabel(drawn, fontsize=8, colors=TEXT)
    divergence = [float(FORMULAS["quadratic.momentum.divergence"].raw(momentum=momentum)) for momentum in momenta]
    axes.plot(divergence, momenta, color=LINES[1], linewidth=2, label="border of divergence")
    below_one = np.linspace(0.001, 0.999, 80)
    critical = [float(FORMULAS["quadratic.momentum.critical_damping"].raw(curvature=1.0, lr=rate)) for rate in below_one]
    axes.plot(below_one, critical, color=LINES[2], linewidth=2, label="critical damping")
    axes.set_xlim(0, 4)
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, labelcolor=TEXT, loc="lower right")
    caption = "How much of the distance a step leaves in the long run: the spectral radius, by learning rate × curvature and momentum."
    alt = f"{caption} It is least on the line of critical damping, and 1 on the border of divergence, where the product is 2 (1 + momentum)"
    return finished("phase", "Learning rate and momentum", caption, alt, figure, axes)


def radius(transition: Callable[..., Any], rate: float, momentum: float) -> float:
    """Return the spectral radius of the heavy ball's transition at curvature 1."""
    return float(np.max(np.abs(np.linalg.eigvals(transition(curvature=1.0, lr=rate, momentum=momentum)))))


# --- layers ---------------------------------------------------------------------------------------------------------------------------


def draws_layers(identifier: str) -> bool:
    """Return whether a formula draws the weights of a layer from a generator, and its other arguments have values here."""
    if identifier not in FORMULAS:
        return False
    names = list(domains(FORMULAS[identifier].raw))
    return names[:3] == ["source", "fan_out", "fan_in"] and set(names[3:]) <= settings()["layers"].keys()


def layers_picture(identifier: str) -> Picture:
    """Return how activations are distributed after each of some layers, with tanh and with ReLU."""
    functions: dict[str, Callable[[Any], Any]] = {"tanh": np.tanh, "ReLU": lambda z: np.maximum(z, 0)}
    figure, axes_of = new_figures("activation", "layer", len(functions))
    ends = []
    for axes, (name, function) in zip(axes_of, functions.items(), strict=True):
        layers = list(activations(identifier, function))
        for number, layer in enumerate(layers, start=1):
            heights, edges = np.histogram(layer[layer != 0], bins=40, range=(-3, 3))
            tops = number - 0.85 * heights / max(heights.max(), 1)
            axes.stairs(tops, edges, baseline=number, fill=True, facecolor=(LINES[0], 0.35), edgecolor=LINES[0], linewidth=1)
        axes.set_xlim(-3, 3)
        axes.set_ylim(LAYERS + 0.3, 0)
        axes.set_yticks(range(1, LAYERS + 1))
        axes.set_title(name, color=TEXT)
        first, last = (float(np.sqrt(np.mean(layer**2))) for layer in (layers[0], layers[-1]))
        ends.append(f"with {name} the root mean square is {first:.3g} after the first and {last:.3g} after the last layer")
    numbers = {name: settings()["layers"][name] for name in list(domains(FORMULAS[identifier].raw))[3:]}
    stated = "".join(f", {name} {value:g}" for name, value in numbers.items())
    inputs = f"{LAYERS} layers of {UNITS} units{stated}, for normal inputs"
    caption = f"Activations after each of {inputs}; what is 0 is left out, and each histogram has its own scale."
    return finished("layers", catalogue().entries[identifier].title, caption, f"{caption} {'; '.join(ends)}", figure, axes_of[0])


def activations(identifier: str, function: Callable[[Any], Any]) -> Iterator[Any]:
    """Yield the activations after each layer, for as many random inputs as there are units."""
    source = np.random.default_rng(0)
    raw = FORMULAS[identifier].raw
    numbers = {name: settings()["layers"][name] for name in list(domains(raw))[3:]}
    layer = source.standard_normal((UNITS, UNITS))
    for _ in range(LAYERS):
        layer = function(layer @ raw(source, UNITS, UNITS, **numbers).T)
        yield layer


# --- the end of each picture ----------------------------------------------------------------------------------------------------------


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
    svg = svg_of(figure, name, alt)
    box = axes.get_window_extent()
    height = figure.get_size_inches()[1] * 72
    corners = [round(float(number), 3) for number in (box.x0, height - box.y0, box.x1, height - box.y1)]
    limits = [float(number) for number in (*axes.get_xlim(), *axes.get_ylim())]
    script = json.dumps({**drawing, "box": corners, "limits": limits, "id": name}, separators=(",", ":")) if drawing else ""
    return Picture(name, title, caption, svg, dials, script)
