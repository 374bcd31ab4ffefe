"""How an optimizer takes its arrays, and how it hands back the new points.

It takes an array, a list of arrays or a dict of them; it returns the new points, writes them where the old ones stood, or keeps them in an
attribute. Which of these an optimizer does is not asked: it is tried on a few numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .guards import is_floating
from .hyperparameters import canonical_name, is_number
from .implementation import Shape

PLURALS = ("params", "parameters", "thetas", "weights", "variables", "arrays", "tensors")  # names of arguments that may be lists
POINTS = ("theta", "point", "param", "x", "w", *PLURALS)  # names of attributes that may hold the points
CONTAINERS = ("array", "list", "dict")
IN_PLACE = "in place"
TRIAL_POINT, TRIAL_GRADIENT, TRIAL_RATE = (2.0, -3.0), (0.5, -0.25), 0.125
TRIAL_STEPS = 3  # an optimizer may need the first gradients to begin


@dataclass(frozen=True)
class Form:
    """How arrays are handed over, and where the new points are: `kept` is "" where they are returned, IN_PLACE, or an attribute."""

    container: str = "array"
    kept: str = ""
    is_change: bool = False  # whether what is returned is the change of the points

    def hand_over(self, thetas: Sequence[Any]) -> Any:
        """Return the points as a constructor takes them."""
        return self.pack(thetas)

    def pack(self, arrays: Sequence[Any]) -> Any:
        """Return arrays as the optimizer takes them."""
        if self.container == "array":
            (array,) = arrays
            return array
        return list(arrays) if self.container == "list" else {f"w{number}": array for number, array in enumerate(arrays)}

    def without_missing(self, arrays: Sequence[Any]) -> Any:
        """Return a dict of arrays without the names of those that are None."""
        return {name: array for name, array in self.pack(arrays).items() if array is not None}

    def unpack(self, packed: Any, count: int) -> list[Any]:
        """Return the arrays of what the optimizer hands back; TypeError for another structure."""
        if self.container == "array":
            return [packed]
        values = list(packed.values()) if isinstance(packed, Mapping) else list(packed) if isinstance(packed, tuple | list) else []
        if len(values) != count:
            raise TypeError(f"it returned {type(packed).__name__} where a {self.container} of {count} arrays is due")
        return values

    def move(self, packed: Any, result: Any) -> Any:
        """Return the points, as they are handed over, after a step that returned something: that, or its sum with the points before."""
        if not self.is_change:
            return result
        count = 1 if self.container == "array" else len(packed)
        before, changes = self.unpack(packed, count), self.unpack(result, count)
        return self.pack([point + change for point, change in zip(before, changes, strict=True)])

    def new_points(self, result: Any, started: StartedOptimizer, count: int) -> list[Any]:
        """Return the points after a step, from its result, from what was handed over, or from an attribute of the optimizer."""
        if result is None and self.kept:
            result = started.handed if self.kept == IN_PLACE else getattr(started.optimizer, self.kept)
        return self.unpack(result, count)


@dataclass(frozen=True)
class StartedOptimizer:
    """An optimizer that was started: `handed` are the points as it was given them; a step takes gradients and a rate."""

    optimizer: Any
    handed: Any
    step: Callable[[Any, float], Any]
    changes_lr: bool = True
    takes_gradient_function: bool = False


Start = Callable[[Form, Sequence[Any]], StartedOptimizer]


def find_form(start: Start, name: str, dtype: Any, shapes: Sequence[Shape]) -> Form | None:
    """Return the first form in which an optimizer moves arrays of these shapes; None where it does in none. `name` is its argument's."""
    order = sorted(CONTAINERS, key=lambda container: container == "array") if name in PLURALS else CONTAINERS
    forms = (moving_form(start, container, name, dtype, shapes) for container in order if container != "array" or len(shapes) == 1)
    return next((form for form in forms if form), None)


def moving_form(start: Start, container: str, name: str, dtype: Any, shapes: Sequence[Shape]) -> Form | None:
    """Return a form with this container in which real arrays of the right shapes come back, and one has moved."""
    thetas = [np.resize(np.array(TRIAL_POINT, dtype), shape) for shape in shapes]
    with suppress(BaseException), np.errstate(all="ignore"):
        started = start(Form(container), [theta.copy() for theta in thetas])
        if started.takes_gradient_function:
            return Form(container) if container == "array" else None
        for _ in range(TRIAL_STEPS):
            gradients = [np.resize(np.array(TRIAL_GRADIENT, dtype), theta.shape) for theta in thetas]
            result = started.step(Form(container).pack(gradients), TRIAL_RATE)
            for form in possible_forms(container, name, result):
                if has_moved(form, result, started, thetas):
                    return replace(form, is_change=not form.kept and returns_change(start, form, thetas))
    return None


def possible_forms(container: str, name: str, result: Any) -> Iterator[Form]:
    """Yield the forms of what a step hands back: what it returns, or where it may have written."""
    yield Form(container)
    if result is None:
        yield Form(container, IN_PLACE)
        yield from (Form(container, attribute) for point in dict.fromkeys((name, *POINTS)) for attribute in (point, f"_{point}"))


def has_moved(form: Form, result: Any, started: StartedOptimizer, thetas: Sequence[Any]) -> bool:
    """Return whether the points are real arrays of the right shapes, and not all where they were."""
    try:
        points = form.new_points(result, started, len(thetas))
    except (TypeError, AttributeError):
        return False
    are_points = all(is_point(point, theta.shape) for point, theta in zip(points, thetas, strict=True))
    return are_points and not all(np.array_equal(point, theta) for point, theta in zip(points, thetas, strict=True))


def returns_change(start: Start, form: Form, thetas: Sequence[Any]) -> bool:
    """Return whether what a first step returns is the change of the points: it stays nearly the same where the points are others.

    A gradient that is handed back as it came is none.
    """
    results = []
    for factor in (1, 2):
        started = start(form, [factor * theta for theta in thetas])
        gradients = [np.resize(np.array(TRIAL_GRADIENT, theta.dtype), theta.shape) for theta in thetas]
        result = started.step(form.pack(gradients), TRIAL_RATE)
        points = [np.asarray(point) for point in form.new_points(result, started, len(thetas))]
        if any(np.may_share_memory(point, gradient) for point in points for gradient in gradients):
            return False
        results.append(np.concatenate([np.ravel(point) for point in points]).astype(float))
    difference, moved = results[1] - results[0], np.concatenate([np.ravel(theta) for theta in thetas]).astype(float)
    return bool(np.linalg.norm(difference) < np.linalg.norm(difference - moved))


def is_point(point: Any, shape: Shape) -> bool:
    """Return whether a point is an array of real numbers of the shape that is due."""
    return hasattr(point, "__array__") and np.shape(point) == shape and is_floating(np.asarray(point).dtype)


SAVERS = (("state_dict", "load_state_dict"), ("get_state", "set_state"), ("save_state", "load_state"))


def savers_of(optimizer: Any) -> tuple[Callable[[], Any] | None, Callable[[Any], Any] | None]:
    """Return the methods by which an optimizer saves and restores its state; None twice where it has none."""
    for save, load in SAVERS:
        if callable(getattr(optimizer, save, None)) and callable(getattr(optimizer, load, None)):
            return getattr(optimizer, save), getattr(optimizer, load)
    return None, None


def numbers_of(optimizer: Any) -> dict[str, float]:
    """Return the plain numbers that an object keeps, by name; the learning rate is set from outside."""
    kept = {str(name): value for name, value in getattr(optimizer, "__dict__", {}).items() if is_number(value)}
    return {name: float(value) for name, value in kept.items() if canonical_name(name.strip("_")) != "lr"}
