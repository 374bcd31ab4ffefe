"""Landscapes, fast: many runs of heavy ball at once, each with its learning rate and momentum, as phase portraits need them; and K-means.

The gradient is compiled from the reference's own source, coordinate by coordinate; the step is `momentum.heavy_ball`. Powers are products,
so results agree with the reference within rounding, not in every bit. A run that diverges ends at numbers that are not finite: that is its
result, no error.

K-means computes every distance of a chunk of points from one centre at a time, coordinate by coordinate, which vectorizes. Distances are
sums of squares as in the formula, not from products of matrices that cancel; chunks are summed in order in float64. Results are within the
reference's rounding bound. Where two centres are equally near but for rounding, either may be taken for the nearest; at a tie in exact
numbers it is the first.
"""

from __future__ import annotations

import ast
import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import prange, types

from ..reference import landscapes as reference
from ..reference.syntax import compile_function, source_tree
from . import momentum
from ._elementwise.loops import index_all
from ._frontend import Frontend
from ._jit import TupleOf, array_type, cache_key, compiled, digest_of, inlined, noticed, specialize
from ._loops.arithmetic import accumulator_zeros, cast_like, is_nonfinite, out_of_range
from ._loops.kernel import loop_kernel
from ._parallel import share_loops
from ._threads import ALONE, run_shared
from .networks import matrix_product

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..reference.domains import Array, Centres, Count, Gradient, Members, PairMomenta, PairRates, Plane, Points
    from ._elementwise.kernel import Out

    Floats = NDArray[Any]

__all__ = ["cluster_means", "heavy_ball_trajectories", "lloyd", "nearest_centres"]

GRADIENTS = tuple(formula.raw for formula in (reference.beale_gradient, reference.long_valley_gradient, reference.saddle_gradient))
HEAVY_BALL = momentum.heavy_ball.kernel  # type: ignore[attr-defined]
RUNS = 256  # of a chunk: their state stays in the first cache
PARALLEL_FROM_STEPS = 1 << 14  # of all runs together: below, threads cost more than they save
CLUSTER_ENTRIES = 1 << 12  # of the points that one thread takes at a time
CLUSTER_PARALLEL_FROM_BYTES = 1 << 15  # of the points: each meets every centre


def heavy_ball_trajectories(
    gradient: Gradient, start: Plane, *, lr: PairRates, momentum: PairMomenta, steps: Count, every: Count = 0
) -> Array:
    """Run heavy ball from one start, at rest, for every pair of a learning rate and a momentum: v ← μ v − η ∇f(θ), θ ← θ + v.

    Returns the points after all steps, of shape (2, pairs); or, if `every` is not 0, those after 0, every, 2 every, … steps, of shape
    (points, 2, pairs).
    The gradient is one of the landscapes': beale_gradient, long_valley_gradient, saddle_gradient.
    """
    raw = getattr(gradient, "raw", None)
    if raw not in GRADIENTS:
        names = " or ".join(formula.__name__ for formula in GRADIENTS)
        raise FRONTEND.error(TypeError, "gradient", f"be {names}", getattr(gradient, "__name__", type(gradient).__name__))
    arguments = (gradient, start, lr, momentum, steps, every)
    _, *arrays, steps, every = FRONTEND.coerce_arguments(arguments, check_gradient=False)
    start, lr, momentum = (np.ascontiguousarray(array, array.dtype.newbyteorder("=")) for array in arrays)
    stride = every or max(steps, 1)
    state = np.zeros((4, lr.size), lr.dtype)  # x, y, and the velocity along either
    state[:2] = np.expand_dims(start, 1)
    points = np.empty((steps // stride + 1, 2, lr.size), lr.dtype)
    points[0] = state[:2]
    runs = (*state, *HEAVY_BALL.ir.constants(lr, momentum)[0])
    code = compile_trajectories(raw, lr.dtype)
    if lr.size * steps < PARALLEL_FROM_STEPS:
        code(ALONE, runs, points, stride)
    else:
        run_shared(code, runs, points, stride)
    return points if every else points[-1]


FRONTEND = Frontend(heavy_ball_trajectories)


def heavy_ball_sweep(*args: Any, **kwargs: Any) -> Array:
    """Call `heavy_ball_trajectories` by its old name; removed in the next version."""
    warnings.warn("trainspec.fast.landscapes.heavy_ball_sweep is now heavy_ball_trajectories", DeprecationWarning, stacklevel=2)
    return heavy_ball_trajectories(*args, **kwargs)


# --- the gradient, coordinate by coordinate ----------------------------------------------------------


class SelectCoordinate(ast.NodeTransformer):
    """Replace stacked arrays by one coordinate, powers by products, and numbers by names, so that they can be of any format."""

    def __init__(self, coordinate: int, numbers: dict[str, Any]) -> None:
        self.coordinate, self.numbers = coordinate, numbers

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Return one part of a stack."""
        match node:
            case ast.Call(ast.Attribute(ast.Name("np"), "stack"), [ast.List(parts)], []):
                return self.visit(parts[self.coordinate])  # type: ignore[no-any-return]
        raise NotImplementedError(f"{ast.unparse(node)} cannot be split into coordinates")

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Return a power by a whole number as a product."""
        match node:
            case ast.BinOp(ast.Name() as base, ast.Pow(), ast.Constant(int(power))):
                return functools.reduce(lambda product, factor: ast.BinOp(product, ast.Mult(), factor), [base] * power)  # type: ignore[arg-type, return-value]
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Return a name for a number."""
        name = f"n{len(self.numbers)}"
        self.numbers[name] = node.value
        return ast.Name(name, ast.Load())


@functools.cache
def coordinate_tree(raw: Callable[..., Any]) -> tuple[ast.FunctionDef, dict[str, Any]]:
    """Return a gradient in the plane as the definition of a function of two numbers, and its own numbers by name."""
    unpack, *statements, result = source_tree(raw).body  # x, y = point, and the rest
    assert isinstance(unpack, ast.Assign)
    assert isinstance(result, ast.Return)
    numbers: dict[str, Any] = {}
    function = ast.parse(f"def gradient({ast.unparse(unpack.targets[0]).strip('()')}): ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    results = [ast.parse(ast.unparse(result.value or result), mode="eval").body for _ in (0, 1)]  # each changed in place
    both = [SelectCoordinate(coordinate, numbers).visit(value) for coordinate, value in enumerate(results)]
    function.body = [*(SelectCoordinate(0, numbers).visit(statement) for statement in statements), ast.Return(ast.Tuple(both, ast.Load()))]
    return ast.fix_missing_locations(function), numbers


def coordinates(raw: Callable[..., Any], real: Callable[[Any], Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Return a gradient in the plane as a function of two numbers, its own numbers made by `real`."""
    tree, numbers = coordinate_tree(raw)
    return compile_function(tree, {name: real(value) for name, value in numbers.items()}, raw.__code__.co_filename)


# --- many runs at once -------------------------------------------------------------------------------


def gradient_at(x: Any, y: Any) -> tuple[Any, Any]:
    """Stand for the gradient in the loops below."""
    raise NotImplementedError


def step(theta: Any, velocity: Any, grad: Any, first: Any, second: Any) -> tuple[Any, Any]:
    """Stand for the reference's step along one coordinate."""
    raise NotImplementedError


def run_chunk(runs: Any, points: Any, first_run: int, stride: int) -> None:
    """Take all steps of a chunk of runs: each step is one loop over the runs."""
    x, y, u, v, first, second = runs
    for k in range(1, points.shape[0]):
        for _ in range(stride):
            for i in range(x.size):
                grad_x, grad_y = gradient_at(x[i], y[i])
                x[i], u[i] = step(x[i], u[i], grad_x, first[i], second[i])
                y[i], v[i] = step(y[i], v[i], grad_y, first[i], second[i])
        for i in range(x.size):
            points[k, 0, first_run + i] = x[i]
            points[k, 1, first_run + i] = y[i]


def run_chunks(runs: Any, points: Any, stride: int) -> None:
    """Take all steps of all runs, chunk by chunk."""
    for k in prange((points.shape[2] + RUNS - 1) // RUNS):
        run_chunk(index_all(runs, slice(k * RUNS, (k + 1) * RUNS)), points, k * RUNS, stride)


def trajectory_loop(raw: Callable[..., Any], dtype: np.dtype[Any], prepare: Callable[[Any], Any]) -> Any:
    """Return `run_chunks` over one landscape, its parts wrapped by `prepare`: the identity leaves plain Python."""
    digest = digest_of(ast.unparse(coordinate_tree(raw)[0]) + repr(coordinate_tree(raw)[1]))
    keys = [cache_key(raw.__name__, loop.__name__, digest, HEAVY_BALL.ir.digest, file=__file__) for loop in (run_chunk, run_chunks)]
    parts = {"gradient_at": prepare(coordinates(raw, dtype.type)), "step": prepare(HEAVY_BALL.ir.update_entry)}
    return specialize(run_chunks, keys[1], run_chunk=prepare(specialize(run_chunk, keys[0], **parts)))


@functools.cache
def compile_trajectories(raw: Callable[..., Any], dtype: np.dtype[Any]) -> Callable[..., None]:
    """Return the machine code for one landscape and dtype."""
    signature = types.void(types.int64, TupleOf(array_type(dtype), 6), array_type(dtype, 3), types.int64)
    with noticed(heavy_ball_trajectories.__name__, dtype):
        return compiled(share_loops(trajectory_loop(raw, dtype, inlined)), [signature], cache=True)


# --- K-means -----------------------------------------------------------------------------------------


@inlined
def rows_per_chunk(points: Floats) -> Any:
    """Return how many points one thread takes at a time."""
    return max(1, CLUSTER_ENTRIES // points.shape[1])


@inlined
def chunk_count(points: Floats) -> Any:
    """Return how many chunks there are."""
    return (points.shape[0] + rows_per_chunk(points) - 1) // rows_per_chunk(points)


@inlined
def squared_distances(distance: Floats, columns: Floats, centre: Floats) -> None:
    """Store the squared distances of points, a column for each, from a centre."""
    for j in range(centre.size):
        column, own = columns[j], centre[j]
        for i in range(distance.size):
            off = column[i] - own
            distance[i] = off * off if j == 0 else distance[i] + off * off


@inlined
def select_nearer(index: Any, other: Any, distance: Any, nearest_distance: Any) -> Any:
    """Return the first value if its distance is smaller; at a tie, the other."""
    return index if distance < nearest_distance else other


@inlined
def assign(nearest: Floats, points: Floats, centres: Floats) -> Any:
    """Store the index of the nearest centre of each point, the first of them at a tie. Return whether a coordinate is not finite."""
    count, d = points.shape
    columns, nonfinite = np.empty((d, count), points.dtype), False
    distance, nearest_distance = np.empty(count, points.dtype), np.empty(count, points.dtype)
    for i in range(count):
        for j in range(d):
            columns[j, i] = points[i, j]
            nonfinite |= is_nonfinite(points[i, j])
    squared_distances(nearest_distance, columns, centres[0])
    for i in range(count):
        nearest[i] = cast_like(0, points)
    for k in range(1, centres.shape[0]):
        squared_distances(distance, columns, centres[k])
        index = cast_like(k, points)
        for i in range(count):
            nearest[i] = select_nearer(index, nearest[i], distance[i], nearest_distance[i])
            nearest_distance[i] = select_nearer(distance[i], nearest_distance[i], distance[i], nearest_distance[i])
    return nonfinite


@inlined
def any_nonfinite_entry(array: Floats) -> Any:
    """Return whether a number of a matrix is not finite."""
    nonfinite = False
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            nonfinite |= is_nonfinite(array[i, j])
    return nonfinite


@inlined
def mark_members(members: Floats, points: Floats, centres: Floats) -> Any:
    """Store a 1 in each row, at the nearest centre. Return whether a coordinate is not finite."""
    nearest = np.empty(points.shape[0], points.dtype)
    nonfinite = assign(nearest, points, centres)
    for i in range(points.shape[0]):
        for k in range(centres.shape[0]):
            members[i, k] = 0
        members[i, int(nearest[i])] = 1
    return nonfinite


def nearest_centres_loops(members: Floats, points: Floats, centres: Floats) -> Any:
    """Assign points chunk by chunk. Return whether something is not finite."""
    step, nonfinite = rows_per_chunk(points), 0
    for chunk in prange(chunk_count(points)):
        rows = slice(chunk * step, (chunk + 1) * step)
        nonfinite += mark_members(members[rows], points[rows], centres)
    return (nonfinite > 0) | any_nonfinite_entry(centres)


@loop_kernel(reference.nearest_centres, nearest_centres_loops, branches=True, parallel_from_bytes=CLUSTER_PARALLEL_FROM_BYTES)
def nearest_centres(points: Points, centres: Centres, *, out: Out = None) -> Members:
    """The clusters: zᵢₖ = 1 if k = argminⱼ ‖xᵢ − cⱼ‖², else 0."""


def member_sums(new: Floats, points: Floats, members: Floats, centres: Floats) -> None:
    """Store the sums of each cluster's points."""
    matrix_product(new, members.T, points)


def cluster_means_loops(new: Floats, points: Floats, members: Floats, centres: Floats) -> Any:
    """Divide the sums by the counts; a centre without points stays. Return whether something is not finite or not allowed."""
    clusters, nonfinite = centres.shape[0], any_nonfinite_entry(centres)
    counts = np.empty(clusters, points.dtype)
    zero = cast_like(0, points)
    for k in range(clusters):
        counts[k] = zero
    for i in range(members.shape[0]):
        for k in range(clusters):
            counts[k] = counts[k] + members[i, k]
            nonfinite |= out_of_range(members[i, k], zero, members[i, k])
    for k in range(clusters):
        for j in range(new.shape[1]):
            new[k, j] = new[k, j] / counts[k] if counts[k] > 0 else centres[k, j]
        nonfinite |= is_nonfinite(counts[k])
    return nonfinite | any_nonfinite_entry(new)


@loop_kernel(reference.cluster_means, cluster_means_loops, branches=True, prologue=member_sums, parallel_from_bytes=float("inf"))
def cluster_means(points: Points, members: Members, centres: Centres, *, out: Out = None) -> Centres:
    """The centres, each moved to the mean of its points: cₖ ← Σᵢ zᵢₖ xᵢ / Σᵢ zᵢₖ, cₖ if the sum is 0."""


@inlined
def sum_members(sums: Floats, counts: Floats, points: Floats, centres: Floats) -> Any:
    """Store the sums of the points of a chunk that belong to each centre, and their counts. Return whether a coordinate is not finite."""
    nearest = np.empty(points.shape[0], points.dtype)
    nonfinite = assign(nearest, points, centres)
    for k in range(centres.shape[0]):
        counts[k] = 0
        for j in range(centres.shape[1]):
            sums[k, j] = 0
    for i in range(points.shape[0]):
        k = int(nearest[i])
        counts[k] = counts[k] + 1
        for j in range(points.shape[1]):
            sums[k, j] = sums[k, j] + points[i, j]
    return nonfinite


def lloyd_loops(new: Floats, points: Floats, centres: Floats, iterations: Any) -> Any:
    """Read the points once in every pass: a chunk is assigned and summed while it is in the cache.

    Return whether something is not finite.
    """
    (clusters, d), step, nonfinite = centres.shape, rows_per_chunk(points), 0
    sums, counts = accumulator_zeros((chunk_count(points), clusters, d), points), accumulator_zeros((chunk_count(points), clusters), points)
    for k in range(clusters):
        for j in range(d):
            new[k, j] = centres[k, j]
    for _ in range(iterations):
        for chunk in prange(chunk_count(points)):
            nonfinite += sum_members(sums[chunk], counts[chunk], points[chunk * step : (chunk + 1) * step], new)
        for k in range(clusters):
            count = np.sum(counts[:, k])
            for j in range(d):
                total = 0.0
                for chunk in range(chunk_count(points)):
                    total = total + sums[chunk, k, j]
                new[k, j] = (
                    cast_like(total, points) / cast_like(count, points) if count > 0 else new[k, j]
                )  # it overflows as a sum of points does
    return (
        (nonfinite > 0)
        | any_nonfinite_entry(new)
        | any_nonfinite_entry(centres)
        | (any_nonfinite_entry(points) if iterations == 0 else False)
    )


@loop_kernel(reference.lloyd, lloyd_loops, branches=True, parallel_from_bytes=CLUSTER_PARALLEL_FROM_BYTES)
def lloyd(points: Points, centres: Centres, *, iterations: Count, out: Out = None) -> Centres:
    """Lloyd's algorithm: assign all points, z ← nearest(x, c), move all centres, c ← means(x, z), and again."""
