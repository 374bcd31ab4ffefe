"""Landscapes, fast: many runs of heavy ball at once, a learning rate and a momentum each, as phase portraits need them; and K-means.

The gradient's formula is the reference's own source, read coordinate by coordinate; the step is `momentum.heavy_ball`. Powers are products,
so results agree with the reference's within rounding, not in every bit. A run that diverges ends at numbers that are not finite: that is
its result, no error.

K-means are the reference's formulas within their rounding bound. Where two centres are equally near but for rounding, either may be taken
for the nearest; at a tie in exact numbers it is the first.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import prange, types
from numba.np.numpy_support import from_dtype

from ..reference import landscapes as reference
from . import _kernels, momentum
from ._clusters import cluster_means, lloyd, nearest_centres
from ._kernels import ONE_AT_A_TIME, THREADS, at, checked, compiled, inlined

if TYPE_CHECKING:
    from ..reference.domains import Array, Count, Gradient, PairMomenta, PairRates, Plane

__all__ = ["cluster_means", "heavy_ball_sweep", "lloyd", "nearest_centres"]

GRADIENTS = tuple(one.raw for one in (reference.beale_gradient, reference.long_valley_gradient, reference.saddle_gradient))
ball = momentum.heavy_ball.kernel  # type: ignore[attr-defined]
LANES = 256  # runs of a chunk: their state stays in the first cache
SERIAL = 1 << 14  # runs times steps below which threads cost more than they save
DIGEST = hashlib.sha256(b"".join(Path(one).read_bytes() for one in (__file__, _kernels.__file__, reference.__file__))).hexdigest()[:8]


def heavy_ball_sweep(gradient: Gradient, start: Plane, *, lr: PairRates, momentum: PairMomenta, steps: Count, every: Count = 0) -> Array:
    """Heavy ball from one start, at rest, for every pair of a learning rate and a momentum: v ← μ v − η ∇f(θ), θ ← θ + v.

    The points after all steps, of shape (2, pairs); or, if `every` is not 0, those after 0, every, 2 every, … steps, of shape
    (points, 2, pairs).
    The gradient is one of the landscapes': beale_gradient, long_valley_gradient, saddle_gradient.
    """
    raw = getattr(gradient, "raw", None)
    if raw not in GRADIENTS:
        came = getattr(gradient, "__name__", type(gradient).__name__)
        raise TypeError(f"heavy_ball_sweep: gradient: {came} came; allowed: {', '.join(one.__name__ for one in GRADIENTS)}")
    *given, steps, every = checked(heavy_ball_sweep, (gradient, start, lr, momentum, steps, every), asked=False)
    start, lr, momentum = (np.ascontiguousarray(one, one.dtype.newbyteorder("=")) for one in given[1:])
    stride = every or max(steps, 1)
    state = np.zeros((4, lr.size), lr.dtype)  # x, y, and the velocity along either
    state[:2] = np.expand_dims(start, 1)
    points = np.empty((steps // stride + 1, 2, lr.size), lr.dtype)
    points[0] = state[:2]
    lanes = (*state, *ball.derived.constants(lr, momentum)[0])
    sweep, work = swept(raw, lr.dtype), lr.size * steps
    if work < SERIAL:
        sweep(False, lanes, points, stride)
    else:
        with ONE_AT_A_TIME:
            sweep(True, lanes, points, stride)
    return points if every else points[-1]


# --- the gradient, coordinate by coordinate ----------------------------------------------------------


class Coordinate(ast.NodeTransformer):
    """An expression as one coordinate of the arrays that it stacks: powers become products, and numbers names, to be made of one format."""

    def __init__(self, place: int, numbers: dict[str, Any]) -> None:
        self.place, self.numbers = place, numbers

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """One part of a stack."""
        match node:
            case ast.Call(ast.Attribute(ast.Name("np"), "stack"), [ast.List(parts)], []):
                return self.visit(parts[self.place])  # type: ignore[no-any-return]
        raise NotImplementedError(f"{ast.unparse(node)} is not read coordinate by coordinate")

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Powers by whole numbers."""
        match node:
            case ast.BinOp(ast.Name() as base, ast.Pow(), ast.Constant(int(power))):
                return functools.reduce(lambda product, one: ast.BinOp(product, ast.Mult(), one), [base] * power)  # type: ignore[arg-type, return-value]
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """A number by name."""
        name = f"n{len(self.numbers)}"
        self.numbers[name] = node.value
        return ast.Name(name, ast.Load())


def coordinates(raw: Callable[..., Any], real: Callable[[Any], Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    """A gradient in the plane as a function of two numbers, its own numbers made by `real`."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(raw))).body
    assert isinstance(definition, ast.FunctionDef)
    _, opened, *along, result = definition.body  # the words, x, y = point, and the rest
    assert isinstance(opened, ast.Assign)
    assert isinstance(result, ast.Return)
    numbers: dict[str, Any] = {}
    made = ast.parse(f"def gradient({ast.unparse(opened.targets[0]).strip('()')}): ...")
    function: Any = made.body[0]
    both = [Coordinate(place, numbers).visit(ast.parse(ast.unparse(result.value or result), mode="eval").body) for place in (0, 1)]
    function.body = [*(Coordinate(0, numbers).visit(one) for one in along), ast.Return(ast.Tuple(both, ast.Load()))]
    names = {name: real(value) for name, value in numbers.items()}
    exec(compile(ast.fix_missing_locations(made), raw.__code__.co_filename, "exec"), names)  # the reference's source, taken apart
    return names["gradient"]  # type: ignore[no-any-return]


# --- many runs at once -------------------------------------------------------------------------------


def slope(x: Any, y: Any) -> tuple[Any, Any]:
    """Stand in for the gradient in the loops below."""
    raise NotImplementedError


def step(theta: Any, velocity: Any, grad: Any, one: Any, other: Any) -> tuple[Any, Any]:
    """Stand in for the step of the reference, along one coordinate."""
    raise NotImplementedError


def run(lanes: Any, points: Any, first: int, stride: int) -> None:
    """A chunk of runs, all steps: each step is one loop along the runs."""
    x, y, u, v, one, other = lanes
    for k in range(1, points.shape[0]):
        for _ in range(stride):
            for i in range(x.size):
                along_x, along_y = slope(x[i], y[i])
                x[i], u[i] = step(x[i], u[i], along_x, one[i], other[i])
                y[i], v[i] = step(y[i], v[i], along_y, one[i], other[i])
        for i in range(x.size):
            points[k, 0, first + i] = x[i]
            points[k, 1, first + i] = y[i]


def sweep(parallel: bool, lanes: Any, points: Any, stride: int) -> None:
    """All runs, chunk by chunk, or many chunks at once."""
    chunks = (points.shape[2] + LANES - 1) // LANES
    if parallel:
        for k in prange(chunks):
            run(at(lanes, slice(k * LANES, (k + 1) * LANES)), points, k * LANES, stride)
    else:
        for k in range(chunks):
            run(at(lanes, slice(k * LANES, (k + 1) * LANES)), points, k * LANES, stride)


def loops(raw: Callable[..., Any], dtype: np.dtype[Any], ready: Callable[[Any], Any]) -> Any:
    """The sweep over one landscape, its parts made ready: the identity leaves plain Python."""
    parts = {"slope": ready(coordinates(raw, dtype.type)), "step": ready(ball.derived.entry)}
    return bound(sweep, raw, run=ready(bound(run, raw, **parts)))


def bound(loop: Callable[..., Any], raw: Callable[..., Any], **parts: Any) -> FunctionType:
    """A copy of a loop that finds these parts. Machine code is kept by its name, which holds a digest of all it is made of."""
    name = f"{raw.__name__}_{loop.__name__}_{DIGEST}_{ball.derived.digest}"
    return FunctionType(loop.__code__.replace(co_qualname=name), {**globals(), **parts}, name)


@functools.cache
def swept(raw: Callable[..., Any], dtype: np.dtype[Any]) -> Callable[..., None]:
    """The machine code for one landscape and dtype."""
    kind: Any = types.Array
    several: Any = types.UniTuple
    lane, points = (kind(from_dtype(dtype), axes, "C") for axes in (1, 3))
    signature = types.void(types.boolean, several(lane, 6), points, types.int64)
    return compiled(loops(raw, dtype, inlined), [signature], parallel=THREADS, cache=True)  # type: ignore[no-any-return]
