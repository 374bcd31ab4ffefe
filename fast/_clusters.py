"""K-means along pieces of points: every distance of a piece from one centre at a time, coordinate by coordinate, which makes lanes.

Distances are sums of squares as the formula has them, not by the products of matrices that cancel. Pieces are summed in order in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import prange

from ..reference import landscapes as reference
from ._kernels import inlined
from ._written import narrowed, outside, strange, wide_zeros, written
from .networks import product

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from ..reference.domains import Centres, Count, Members, Points
    from ._kernels import Out

    Floats = NDArray[Any]

__all__ = ["cluster_means", "lloyd", "nearest_centres"]

ENTRIES = 1 << 12  # of the points that one thread takes at a time
THREADS_FROM = 1 << 15  # bytes of the points: each meets every centre


@inlined
def step_of(points: Floats) -> Any:
    """How many points one thread takes at a time."""
    return max(1, ENTRIES // points.shape[1])


@inlined
def pieces(points: Floats) -> Any:
    """How many pieces there are."""
    return (points.shape[0] + step_of(points) - 1) // step_of(points)


@inlined
def distances(far: Floats, columns: Floats, centre: Floats) -> None:
    """The squared distances of points, a column for each, from a centre."""
    for j in range(centre.size):
        column, own = columns[j], centre[j]
        for i in range(far.size):
            off = column[i] - own
            far[i] = off * off if j == 0 else far[i] + off * off


@inlined
def closer(index: Any, other: Any, far: Any, best: Any) -> Any:
    """The index of the nearer centre; at a tie, of the one before."""
    return index if far < best else other


@inlined
def assigned(nearest: Floats, points: Floats, centres: Floats) -> Any:
    """The index of the nearest centre of each point, the first of them at a tie; whether a coordinate is not finite."""
    count, d = points.shape
    columns, wild = np.empty((d, count), points.dtype), False
    far, best = np.empty(count, points.dtype), np.empty(count, points.dtype)
    for i in range(count):
        for j in range(d):
            columns[j, i] = points[i, j]
            wild |= strange(points[i, j])
    distances(best, columns, centres[0])
    for i in range(count):
        nearest[i] = narrowed(0, points)
    for k in range(1, centres.shape[0]):
        distances(far, columns, centres[k])
        index = narrowed(k, points)
        for i in range(count):
            nearest[i] = closer(index, nearest[i], far[i], best[i])
            best[i] = closer(far[i], best[i], far[i], best[i])
    return wild


@inlined
def any_strange(array: Floats) -> Any:
    """Whether a number of a matrix is not finite."""
    wild = False
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            wild |= strange(array[i, j])
    return wild


@inlined
def marked(members: Floats, points: Floats, centres: Floats) -> Any:
    """A 1 in each row, at the nearest centre; whether a coordinate is not finite."""
    nearest = np.empty(points.shape[0], points.dtype)
    wild = assigned(nearest, points, centres)
    for i in range(points.shape[0]):
        for k in range(centres.shape[0]):
            members[i, k] = 0
        members[i, int(nearest[i])] = 1
    return wild


def nearest_centres_loops(members: Floats, points: Floats, centres: Floats) -> Any:
    """Points in pieces."""
    step, wild = step_of(points), 0
    for piece in prange(pieces(points)):
        some = slice(piece * step, (piece + 1) * step)
        wild += marked(members[some], points[some], centres)
    return (wild > 0) | any_strange(centres)


@written(reference.nearest_centres, nearest_centres_loops, threads_from=THREADS_FROM)
def nearest_centres(points: Points, centres: Centres, *, out: Out = None) -> Members:
    """The clusters: zᵢₖ = 1 if k = argminⱼ ‖xᵢ − cⱼ‖², else 0."""


def sums_of_members(new: Floats, points: Floats, members: Floats, centres: Floats) -> None:
    """The sums of each cluster's points."""
    product(new, members.T, points)


def cluster_means_loops(new: Floats, points: Floats, members: Floats, centres: Floats) -> Any:
    """The sums divided by the counts; a centre without points."""
    clusters, wild = centres.shape[0], any_strange(centres)
    counts = np.empty(clusters, points.dtype)
    zero = narrowed(0, points)
    for k in range(clusters):
        counts[k] = zero
    for i in range(members.shape[0]):
        for k in range(clusters):
            counts[k] = counts[k] + members[i, k]
            wild |= outside(members[i, k], zero, members[i, k])
    for k in range(clusters):
        for j in range(new.shape[1]):
            new[k, j] = new[k, j] / counts[k] if counts[k] > 0 else centres[k, j]
        wild |= strange(counts[k])
    return wild | any_strange(new)


@written(reference.cluster_means, cluster_means_loops, before=sums_of_members, threads_from=float("inf"))
def cluster_means(points: Points, members: Members, centres: Centres, *, out: Out = None) -> Centres:
    """The centres, each moved to the mean of its points: cₖ ← Σᵢ zᵢₖ xᵢ / Σᵢ zᵢₖ, cₖ if the sum is 0."""


@inlined
def gathered(sums: Floats, counts: Floats, points: Floats, centres: Floats) -> Any:
    """The sums of the points of a piece that belong to each centre, and how many they are; whether a coordinate is not finite."""
    nearest = np.empty(points.shape[0], points.dtype)
    wild = assigned(nearest, points, centres)
    for k in range(centres.shape[0]):
        counts[k] = 0
        for j in range(centres.shape[1]):
            sums[k, j] = 0
    for i in range(points.shape[0]):
        k = int(nearest[i])
        counts[k] = counts[k] + 1
        for j in range(points.shape[1]):
            sums[k, j] = sums[k, j] + points[i, j]
    return wild


def lloyd_loops(new: Floats, points: Floats, centres: Floats, iterations: Any) -> Any:
    """Every pass reads the points once: a piece is assigned and summed while it is in the cache."""
    (clusters, d), step, wild = centres.shape, step_of(points), 0
    sums, counts = wide_zeros((pieces(points), clusters, d), points), wide_zeros((pieces(points), clusters), points)
    for k in range(clusters):
        for j in range(d):
            new[k, j] = centres[k, j]
    for _ in range(iterations):
        for piece in prange(pieces(points)):
            wild += gathered(sums[piece], counts[piece], points[piece * step : (piece + 1) * step], new)
        for k in range(clusters):
            count = np.sum(counts[:, k])
            for j in range(d):
                total = 0.0
                for piece in range(pieces(points)):
                    total = total + sums[piece, k, j]
                new[k, j] = (
                    narrowed(total, points) / narrowed(count, points) if count > 0 else new[k, j]
                )  # it overflows as a sum of points does
    return (wild > 0) | any_strange(new) | any_strange(centres) | (any_strange(points) if iterations == 0 else False)


@written(reference.lloyd, lloyd_loops, threads_from=THREADS_FROM)
def lloyd(points: Points, centres: Centres, *, iterations: Count, out: Out = None) -> Centres:
    """Lloyd's algorithm: assign all points, z ← nearest(x, c), move all centres, c ← means(x, z), and again."""
