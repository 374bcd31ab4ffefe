"""How far the results of a formula may be from their exact values: the rounding bounds of its own operations, or an estimate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ....reference import tree_leaves
from ...arithmetic.formats import NARROW, format_of

PERTURBATIONS = 4  # times that arguments are moved by an ulp, where the running arithmetic has no bound
PERTURBATION_FACTOR = 8.0  # the unit, in the largest change that those perturbations cause
ALLOWED = 4.0  # bounds: other orders of operations stay below, other variants are a thousand and more away
SINGLE = format_of("float32")

Raw = Callable[..., Any]


class Rounding(NamedTuple):
    """Where a program rounds: the formats in which its arrays are stored, its operations computed, and its sums accumulated."""

    dtype: str
    compute: str
    accumulate: str

    @property
    def is_narrow(self) -> bool:
        """Whether its arrays have fewer bits than float32."""
        return self.dtype in NARROW

    @property
    def words(self) -> str:
        """In words."""
        if self.compute != self.dtype:
            return f"computed in {self.compute} and rounded once to {self.dtype}"
        sums = f", sums accumulated in {self.accumulate}" if self.accumulate != self.compute else ""
        return f"rounded to {self.dtype} at every operation{sums}"


def rounding_of(dtype: Any) -> Rounding:
    """Return the rounding of a program that rounds every operation to a dtype, partial sums included; a rounding as it is."""
    return dtype if isinstance(dtype, Rounding) else Rounding(*3 * [format_of(dtype).name])


def roundings_of(dtype: str) -> list[Rounding]:
    """Return where programs of a format round, from the least rounding to the most."""
    if dtype not in NARROW:
        return [rounding_of(dtype)]
    return [Rounding(dtype, *rest) for rest in ((SINGLE.name, SINGLE.name), (dtype, SINGLE.name), (dtype, dtype))]


def midpoints(values: Any) -> Any:
    """Return the midpoints of balls, as floats."""
    return np.asarray(np.frompyfunc(lambda ball: float(ball.mid()), 1, 1)(values) if values.dtype == object else values, dtype=float)


def output_bounds(formula: Raw, arguments: Mapping[str, Any], dtype: Any, outputs: list[Any], *, is_estimate_allowed: bool) -> list[Any]:
    """Return the bound of every entry: by the running arithmetic, else from how far the certified value moves under perturbations.

    Where digits are lost on purpose and the running arithmetic does not decide, rounded arguments decide nothing: Undecided is raised, as
    it is in narrow formats, where an ulp is no small perturbation.
    """
    from ...arithmetic import Refused, Undecided

    rounding = rounding_of(dtype)
    if rounding.is_narrow:
        return [bound / ALLOWED for bound in decided_bounds(formula, arguments, rounding)]
    for unit in (format_of(dtype).unit, 0.0):
        try:
            return running_bounds(formula, arguments, dtype, unit)
        except Undecided:
            if not is_estimate_allowed:
                raise
        except (Refused, ArithmeticError, ValueError, TypeError):
            continue
    return perturbation_estimates(formula, arguments, dtype, outputs)


def decided_bounds(formula: Raw, arguments: Mapping[str, Any], rounding: Rounding) -> list[Any]:
    """Return how far programs may be that compute a formula in any order: on arguments rounded once, where that decides all branches."""
    from ...arithmetic import Undecided

    dtype, compute, accumulate = rounding
    formats: dict[str, Any] = {"compute": compute if compute != dtype else None, "accumulate": accumulate, "factor": ALLOWED}
    try:
        return running_bounds(formula, arguments, dtype, format_of(compute).unit, **formats)
    except Undecided:
        return running_bounds(formula, arguments, dtype, 0.0, **formats)


def running_bounds(
    formula: Raw,
    arguments: Mapping[str, Any],
    dtype: Any,
    unit: float,
    *,
    compute: Any = None,
    accumulate: Any = None,
    factor: float = 1.0,
) -> list[Any]:
    """Return running bounds, times a factor, with arguments that are off by this unit already, and partial sums in a format.

    With `compute` the operations are performed in that format, and what they give is rounded once to the dtype, which has no factor.
    """
    from ...arithmetic.running import Running, error, in_format, stored

    with in_format(compute or dtype, accumulate):
        result = formula(**{name: with_input_rounding(value, unit) for name, value in arguments.items()})
        if compute is None:
            return [factor * error(leaf) if is_bounded(leaf) else np.zeros(np.shape(leaf)) for leaf in tree_leaves(result)]
    leaves = [stored(leaf, dtype, factor) if is_bounded(leaf) else leaf for leaf in tree_leaves(result)]
    return [error(leaf) if isinstance(leaf, Running) else np.zeros(np.shape(leaf)) for leaf in leaves]


def is_bounded(leaf: Any) -> bool:
    """Return whether a result has rounding errors."""
    from ...arithmetic import Running, Scalars

    return isinstance(leaf, Running | Scalars)


def map_arguments(change: Callable[[Any], Any], value: Any) -> Any:
    """Return an argument with its numbers and arrays changed, those within tuples and states too; words and functions stay."""
    if isinstance(value, tuple):
        parts = [map_arguments(change, part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value if callable(value) or value is None or isinstance(value, str | bool) else change(value)


def with_input_rounding(value: Any, unit: float) -> Any:
    """Return an argument of the running arithmetic that is off by a rounding.

    A program of a narrow format holds its hyper-parameters in float32 at least: 1 − β₂ would have no digit otherwise.
    """
    from ...arithmetic.running import FORMAT, Bounded, Running, Scalars, Wide, from_program_input

    def rounded(number: Any) -> Any:
        exact = from_program_input(float(number))
        return Bounded(exact.value, exact.error + unit * abs(exact.value))

    def with_error(leaf: Any) -> Any:
        if isinstance(leaf, int) or np.asarray(leaf).dtype.kind != "f":
            return Running(leaf)
        if isinstance(leaf, float) and FORMAT.get().name in NARROW:
            return Scalars.wrap(Wide(leaf, SINGLE.unit * abs(leaf)))
        return Running.wrap(np.frompyfunc(rounded, 1, 1)(np.asarray(leaf)))

    return map_arguments(with_error, value)


def perturbation_estimates(formula: Raw, arguments: Mapping[str, Any], dtype: Any, outputs: list[Any]) -> list[Any]:
    """Return how far certified values move when every argument moves by an ulp: an estimate, not a bound, and so with a factor."""
    from ...arithmetic import Ball, certified

    source = np.random.default_rng(0)
    unit = 2 * format_of(dtype).unit
    moved = [unit * np.abs(midpoints(np.asarray(Ball.object_array(output)))) for output in outputs]
    for _ in range(PERTURBATIONS):
        perturbed = {name: perturb(value, unit, source) for name, value in arguments.items()}
        try:
            results = tree_leaves(certified(formula, **perturbed, dtype=np.float64))
        except (ArithmeticError, TypeError, ValueError):
            continue
        for position, (result, output) in enumerate(zip(results, outputs, strict=True)):
            change = np.abs(midpoints(np.asarray(Ball.object_array(Ball(result) - Ball(output)))))
            moved[position] = np.maximum(moved[position], change)
    return [PERTURBATION_FACTOR * change for change in moved]


def perturb(value: Any, unit: float, source: np.random.Generator) -> Any:
    """Return an argument moved by an ulp, entry by entry; a symmetric matrix stays symmetric."""

    def moved(leaf: Any) -> Any:
        if isinstance(leaf, int) or np.asarray(leaf).dtype.kind != "f":
            return leaf
        array = np.asarray(leaf, dtype=float)
        is_symmetric = array.ndim == 2 and array.shape[0] == array.shape[1] and np.array_equal(array, array.T)
        signs = source.choice([-1.0, 1.0], array.shape)
        signs = np.triu(signs) + np.triu(signs, 1).T if is_symmetric else signs
        result = array * (1 + unit * signs)
        return result if array.ndim else float(result)

    return map_arguments(moved, value)
