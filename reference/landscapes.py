"""Landscapes to descend on, the saddles of many dimensions, linear networks, and K-means: batch, online and in minibatches.

A landscape is a height and its gradient, a formula each.  In K-means a point belongs to its nearest centre, at a tie to the first of them,
and a centre without points stays where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._initial import copy_of, zeros
from ._registry import formula

if TYPE_CHECKING:  # names only: the domains load when something asks for them
    from .domains import (
        Centres,
        ClusterCounts,
        Count,
        Eigenvalues,
        Inner,
        LinearInputs,
        LinearTargets,
        Matrix,
        Members,
        Norm,
        Objective,
        Outer,
        Plane,
        Points,
        Rate,
        Ridge,
        Vector,
    )


@formula("landscape.beale")
def beale(point: Plane) -> Objective:
    """Beale's function: a narrow curved valley with the minimum 0 at (3, 1/2), and a saddle at (0, 1).

        (1.5 − x + x y)² + (2.25 − x + x y²)² + (2.625 − x + x y³)²

    Units: none.  Source: Beale 1958; CMU 'Visualizing the optimizers: Beale's Function', SKO 'Further comparison', pictures only.
    """
    x, y = point
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


@formula("landscape.beale.gradient")
def beale_gradient(point: Plane) -> Plane:
    """The gradient of Beale's function; a, b, c are the three numbers whose squares it adds.

        2 (a (y − 1) + b (y² − 1) + c (y³ − 1),   x (a + 2 b y + 3 c y²))

    Units: none.  Source: as beale.
    """
    x, y = point
    a, b, c = 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3
    return 2 * np.stack([a * (y - 1) + b * (y**2 - 1) + c * (y**3 - 1), x * (a + 2 * b * y + 3 * c * y**2)])


@formula("landscape.long_valley")
def long_valley(point: Plane) -> Objective:
    """A parabola of condition 10⁴: steep along x, almost level along y.

        (100 x² + y²/100) / 2

    Units: none.  Source: this project's choice for CMU 'Visualizing the optimizers: Long Valley', a picture only.
    """
    x, y = point
    return (100 * x**2 + y**2 / 100) / 2


@formula("landscape.long_valley.gradient")
def long_valley_gradient(point: Plane) -> Plane:
    """The gradient of the long valley.

        (100 x,   y/100)

    Units: none.  Source: as long_valley.
    """
    x, y = point
    return np.stack([100 * x, y / 100])


@formula("landscape.saddle")
def saddle(point: Plane) -> Objective:
    """A saddle: it rises along x and falls along y; on the ridge y = 0 its gradient has no component along y.

        x² − y²

    Units: none.  Source: this project's choice for CMU 'Visualizing the optimizers: Saddle Point', SKO, STU, pictures only.
    """
    x, y = point
    return x**2 - y**2


@formula("landscape.saddle.gradient")
def saddle_gradient(point: Plane) -> Plane:
    """The gradient of the saddle.

        (2 x,   −2 y)

    Units: none.  Source: as saddle.
    """
    x, y = point
    return np.stack([2 * x, -2 * y])


@formula("landscape.saddle.escape")
def saddle_escape_steps(start: Ridge, *, lr: Rate) -> Norm:
    """How many steps gradient descent takes from y = δ, beside the ridge of the saddle, to |y| > 1; ever more as the ridge is neared.

        ⌊ln(1/δ) / ln(1 + 2 η)⌋ + 1

    Units: steps.  Source: completes CMU 'Visualizing the optimizers: Saddle Point'.
    """
    return -np.log(start) // np.log(1 + 2 * lr) + 1


@formula("landscape.saddles_common.ensemble")
def symmetric_part(square: Matrix) -> Matrix:
    """A matrix of the Gaussian orthogonal ensemble, from a matrix of independent standard normal entries: a model of random Hessians.

        (A + Aᵀ) / 2

    Units: as square.  Source: the null model behind STU 'Saddle points are more common in high-dim space'; Wigner 1955.
    """
    return (square + np.transpose(square)) / 2


@formula("landscape.saddles_common.density")
def eigenvalue_density(eigenvalues: Eigenvalues) -> Norm:
    """The joint density of the eigenvalues in the Gaussian orthogonal ensemble, up to a constant: they repel each other.

        exp(−Σ λᵢ²/2) Πᵢ<ⱼ |λⱼ − λᵢ|

    Units: none.  Source: Mehta, Random Matrices, theorem 3.3.1.
    """
    density = np.exp(-np.sum(eigenvalues**2) / 2)
    for j in range(1, len(eigenvalues)):
        density = density * np.prod(np.abs(eigenvalues[j] - eigenvalues[:j]))
    return density


@formula("landscape.baldi_hornik.loss")
def linear_network_loss(outer: Outer, inner: Inner, inputs: LinearInputs, targets: LinearTargets) -> Objective:
    """The squared error of a network of two linear layers; the columns of inputs and targets are the samples.

        ‖A B X − Y‖² / 2

    Units: as targets².  Source: Baldi & Hornik 1989; STU 'What can we find'.
    """
    return np.sum((outer @ inner @ inputs - targets) ** 2) / 2


@formula("landscape.baldi_hornik.gradient")
def linear_network_gradient(outer: Outer, inner: Inner, inputs: LinearInputs, targets: LinearTargets) -> tuple[Outer, Inner]:
    """The gradient of the linear network's squared error by both layers; G is the gradient by their product.

        G = (A B X − Y) Xᵀ,   (G Bᵀ,   Aᵀ G)

    Units: as targets² over those of the layer.  Source: as linear_network_loss.
    """
    slope = (outer @ inner @ inputs - targets) @ np.transpose(inputs)
    return slope @ np.transpose(inner), np.transpose(outer) @ slope


@formula("landscape.baldi_hornik.tanh")
def tanh_network_loss(outer: Outer, inner: Inner, inputs: LinearInputs, targets: LinearTargets) -> Objective:
    """The squared error of a network of two layers with tanh between them: the theorem on local minima does not cover it.

        ‖A tanh(B X) − Y‖² / 2

    Units: as targets².  Source: STU 'What can we find', which quotes the theorem for any MLP (E53).
    """
    return np.sum((outer @ np.tanh(inner @ inputs) - targets) ** 2) / 2


@formula("kmeans.assign")
def nearest_centres(points: Points, centres: Centres) -> Members:
    """The clusters: a row for each point, with 1 in the column of its nearest centre, the first of them at a tie, and 0 elsewhere.

        zᵢₖ = 1 if k = argminⱼ ‖xᵢ − cⱼ‖², else 0

    Units: none.  Source: Lloyd 1957; CMU 'SGD example: K-means', a picture only.
    """
    distances = np.sum((np.expand_dims(points, 1) - centres) ** 2, axis=2)
    nearest = np.expand_dims(np.argmin(distances, axis=1), 1) == np.arange(len(centres))
    return np.where(nearest, np.ones_like(distances), 0)


@formula("kmeans.update")
def cluster_means(points: Points, members: Members, centres: Centres) -> Centres:
    """The centres, each moved to the mean of its points; one without points stays where it is.

        cₖ ← Σᵢ zᵢₖ xᵢ / Σᵢ zᵢₖ,   cₖ if the sum is 0

    Units: as points.  Source: Lloyd 1957; CMU 'SGD example: K-means', a picture only.
    """
    counts = np.expand_dims(np.sum(members, axis=0), 1)
    sums = np.transpose(members) @ points
    return np.where(counts > 0, sums, centres) / np.where(counts > 0, counts, 1)


@formula("kmeans.objective")
def mean_squared_distance(points: Points, members: Members, centres: Centres) -> Objective:
    """What K-means minimizes: the mean squared distance of the points from the centres of their clusters.

        1/N Σᵢ Σₖ zᵢₖ ‖xᵢ − cₖ‖²

    Units: as points².  Source: MacQueen 1967; CMU 'SGD example: K-means', a picture only.
    """
    distances = np.sum((np.expand_dims(points, 1) - centres) ** 2, axis=2)
    return np.mean(np.sum(members * distances, axis=1))


@formula("kmeans.lloyd")
def lloyd(points: Points, centres: Centres, *, iterations: Count) -> Centres:
    """Lloyd's algorithm, K-means in batches of everything: assign all points, move all centres, and again; the objective never rises.

        z ← nearest(x, c),   c ← means(x, z)

    Units: as points.  Source: Lloyd 1957; CMU 'SGD example: K-means', a picture only.
    """
    for _ in range(iterations):
        centres = cluster_means(points, nearest_centres(points, centres), centres)
    return centres


class CentreState(NamedTuple):
    """The centres, and how many points each has gathered; at 0 the first point takes the place of its centre."""

    centres: Centres
    counts: ClusterCounts

    @classmethod
    def initial(cls, centres: Centres) -> CentreState:
        """Return these centres without points."""
        return cls(copy_of(centres), zeros(centres[:, 0]))


@formula("kmeans.online", initial=CentreState.initial)
def online_kmeans(point: Vector, state: CentreState) -> CentreState:
    """K-means one point at a time: the nearest centre becomes the running mean of its points; descent on ‖x − c‖²/2 at the rate 1/n.

        k = argmin ‖x − cₖ‖,   nₖ ← nₖ + 1,   cₖ ← cₖ + (x − cₖ)/nₖ

    Units: centres as point.  Source: MacQueen 1967; Bottou & Bengio 1995; CMU 'SGD example: K-means', a picture only.
    """
    centres, counts = state
    nearest = np.argmin(np.sum((point - centres) ** 2, axis=1)) == np.arange(len(counts))
    counts = np.where(nearest, counts + 1, counts)
    moved = centres + (point - centres) / np.expand_dims(np.maximum(counts, 1), 1)
    return CentreState(np.where(np.expand_dims(nearest, 1), moved, centres), counts)


@formula("kmeans.minibatch", initial=CentreState.initial)
def minibatch_kmeans(batch: Points, state: CentreState) -> CentreState:
    """K-means by minibatches: the whole batch is assigned first, then each point moves its centre at the rate 1/n.

        zᵢ = nearest(xᵢ, c) for all i;   for each i, k = zᵢ:   nₖ ← nₖ + 1,   η = 1/nₖ,   cₖ ← (1 − η) cₖ + η xᵢ

    Units: centres as batch.  Source: Sculley 2010, algorithm 1; CMU 'Mini Batches', a picture only.
    """
    centres, counts = state
    for point, member in zip(batch, nearest_centres(batch, centres), strict=True):
        counts = counts + member
        rate = np.expand_dims(member / np.maximum(counts, 1), 1)
        centres = (1 - rate) * centres + rate * point
    return CentreState(centres, counts)
