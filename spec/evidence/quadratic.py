"""Evidence for reference/quadratic.py: what the two eigenvalues of a step say about momentum on a quadratic function.

The proofs go from the eigenvalues to the parameters: two numbers a ≥ b (or a modulus ρ and a cosine c) are chosen freely, and β = a b, α λ
= (1 − a)(1 − b) is the heavy ball that has them. This covers every case, and no roots remain.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from ..arithmetic import Ball, Rational, Symbolic, central_difference, certified, jacobian, symbols
from . import (
    Claims,
    Step,
    TableCell,
    certified_value,
    derivative,
    enumeration,
    law,
    presets,
    prints_as,
    proof,
    reproduction,
    trajectory,
)

if TYPE_CHECKING:
    from ...reference.domains import Curvature, Curvatures, Momentum, Rate

b, s, rho, w, z, low, extra, lam, lr = symbols("b s rho w z low extra lam lr", positive=True)
x, v, k_real = symbols("x v k")
mu = symbols("beta", nonnegative=True, below_one=True)
k = symbols("k", integer=True, nonnegative=True)
ONE = Symbolic(1)

a = b + s  # the larger of two real eigenvalues
cosine = (1 - w) / (1 + w)  # every number between −1 and 1

REAL_POSITIVE, REAL_NEGATIVE, COMPLEX = (
    (a * b, (1 - a) * (1 - b), a),
    (a * b, (1 + a) * (1 + b), a),
    (rho**2, 1 + rho**2 - 2 * rho * cosine, rho),
)
HEAVY_BALL = (REAL_POSITIVE, REAL_NEGATIVE, COMPLEX)  # β, α λ, and the spectral radius that they must give

KAPPAS = [4, 10, 100, 1000]


def between(smallest: Any, largest: Any) -> Any:
    """Return a symbol for every number strictly between two."""
    return (smallest + w * largest) / (1 + w)


# --- the transition and its spectral radius ----------------------------------------------------------------------------------------


@proof("quadratic.momentum.transition", scope="every state, curvature, lr and momentum")
def transition_is_one_step(transition: Step, heavy_ball_lr_outside: Step) -> Claims:
    """The matrix maps (velocity, error) as a step of heavy ball does; its determinant, trace and discriminant are as stated."""
    matrix = transition(lam, lr=lr, momentum=mu)
    moved, velocity = heavy_ball_lr_outside(x, lam * x, v, lr=lr, momentum=mu)
    yield matrix @ np.stack([v, x]), np.stack([velocity, moved])
    determinant, trace = matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0], matrix[0, 0] + matrix[1, 1]
    yield determinant, mu
    yield trace, 1 + mu - lr * lam
    root = np.sqrt(mu)
    yield trace**2 - 4 * determinant, ((1 - root) ** 2 - lr * lam) * ((1 + root) ** 2 - lr * lam)


@derivative("quadratic.momentum.transition", scope="certified, five presets; central differences beside it")
def transition_is_the_jacobian(transition: Step, heavy_ball_lr_outside: Step) -> Claims:
    """The matrix is the derivative of a step by (velocity, error). A central difference gives it exactly, because the step is linear."""
    for rate, keep in PRESETS:
        step = functools.partial(step_on_a_parabola, heavy_ball_lr_outside, Ball(rate), Ball(keep))
        matrix = transition(Ball(100), lr=Ball(rate), momentum=Ball(keep))
        yield jacobian(step, np.array([1.0, 2.0])), matrix
        for column, direction in enumerate(np.eye(2)):
            yield central_difference(step, Ball([1, 2]), direction, Fraction(1, 8)), matrix[:, column]


def step_on_a_parabola(heavy_ball_lr_outside: Step, rate: Any, keep: Any, state: Any) -> Any:
    """Return one step on 50 x², from (velocity, error) to the next."""
    moved, velocity = heavy_ball_lr_outside(state[1], 100 * state[1], state[0], lr=rate, momentum=keep)
    return np.stack([velocity, moved])


@proof("quadratic.momentum.complex_rate", scope="every pair of eigenvalues: real positive, real negative, complex")
def rate_is_the_spectral_radius(heavy_ball_rate: Step, transition: Step) -> Claims:
    """A heavy ball with eigenvalues a ≥ b, −a ≤ −b, or ρ e^{±iφ} has rate a, a, or ρ = √β; and these are its eigenvalues."""
    for keep, step, radius in HEAVY_BALL:
        yield heavy_ball_rate(step, lr=ONE, momentum=keep), radius
    for (keep, step, _), (product, total) in zip(HEAVY_BALL, ((a * b, a + b), (a * b, -a - b), (rho**2, 2 * rho * cosine)), strict=True):
        matrix = transition(step, lr=ONE, momentum=keep)
        yield matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0], product
        yield matrix[0, 0] + matrix[1, 1], total
    yield heavy_ball_rate(lam, lr=lr, momentum=Symbolic(0)), np.abs(1 - lr * lam)


@certified_value(
    "quadratic.momentum.complex_rate",
    "quadratic.momentum.phase_presets",
    scope="the five panels, λ = 100",
    table="The spectral radii of the five panels, λ = 100",
)
def rates_of_the_panels(heavy_ball_rate: Step) -> Claims:
    """The spectral radii of the five presets (table R2)."""
    for (rate, keep), radius in zip(PRESETS, ("0.969536", "0.886519", "0.01", "0.905292", "1.010631"), strict=True):
        yield TableCell(
            certified(heavy_ball_rate, 100, lr=rate, momentum=keep), prints_as(radius), f"α = {float(rate):g}, β = {float(keep):g}", "rate"
        )


@certified_value("quadratic.momentum.transition", "quadratic.momentum.phase_presets", scope="the five panels, λ = 100")
def eigenvalues_of_the_panels(transition: Step) -> Claims:
    """The eigenvalues of the five presets, complex ones as real and imaginary part (table R2)."""
    table = [("0.885", "0.395948"), ("0.180481", "0.886519"), ("0.00005", "0.01"), ("-0.905292", "-0.049708"), ("-1.010631", "-0.059369")]
    for (rate, keep), digits in zip(PRESETS, table, strict=True):
        matrix = transition(Ball(100), lr=Ball(rate), momentum=Ball(keep))
        middle = (matrix[0, 0] + matrix[1, 1]) / 2
        square = middle**2 - matrix[0, 0] * matrix[1, 1] + matrix[0, 1] * matrix[1, 0]
        gap = np.sqrt(np.abs(square))
        pair = (middle, gap) if bool(square < 0) else (middle - gap, middle + gap)
        yield pair, tuple(map(prints_as, digits))


PRESETS = [(preset["lr"], preset["momentum"]) for preset in presets("quadratic.momentum.phase_presets")]


@enumeration("quadratic.momentum.phase_presets", scope="exact, the five panels")
def panels_are_what_they_are_called(transition: Step) -> Claims:
    """The eigenvalues are complex, real positive, complex, real negative, and one below −1.

    Decided by the signs of discriminant, trace and p(−1).
    """
    expected = [(-1, 1, 1), (1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, -1, -1)]
    for (rate, keep), signs in zip(PRESETS, expected, strict=True):
        matrix = transition(Rational(100), lr=Rational(rate), momentum=Rational(keep))
        trace, determinant = matrix[0, 0] + matrix[1, 1], matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]
        yield np.sign(np.stack([trace**2 - 4 * determinant, trace, 1 + trace + determinant])), Rational(list(signs))


@law("quadratic.momentum.complex_rate", scope="float64, within rounding")
def rate_feels_the_product_only(heavy_ball_rate: Step, curvature: Curvature, lr: Rate, momentum: Momentum) -> Claims:
    """Twice the curvature at half the learning rate has the same rate of convergence."""
    yield heavy_ball_rate(2 * curvature, lr=lr / 2, momentum=momentum), heavy_ball_rate(curvature, lr=lr, momentum=momentum)


# --- regions -----------------------------------------------------------------------------------------------------------------------

p = symbols("p", positive=True)  # square roots of eigenvalues: a = (p + s)², b = p²


@proof("quadratic.momentum.monotone", scope="every pair of eigenvalues")
def monotone_exactly_below(monotone_limit: Step) -> Claims:
    """(1 − √β)² − α λ is (√a − √b)² ≥ 0 for real positive eigenvalues, and negative for complex and for real negative ones."""
    yield monotone_limit(momentum=((p + s) * p) ** 2) - (1 - (p + s) ** 2) * (1 - p**2), s**2
    yield monotone_limit(momentum=rho**2) - COMPLEX[1], -2 * rho * (1 - cosine)
    yield 1 - cosine > 0, True
    yield monotone_limit(momentum=((p + s) * p) ** 2) - (1 + (p + s) ** 2) * (1 + p**2), -((2 * p + s) ** 2)


@proof("quadratic.momentum.oscillation", scope="every pair of eigenvalues")
def oscillating_exactly_above(oscillation_limit: Step) -> Claims:
    """α λ − (1 + √β)² is (√a − √b)² ≥ 0 for real negative eigenvalues, and negative for complex and for real positive ones."""
    yield (1 + (p + s) ** 2) * (1 + p**2) - oscillation_limit(momentum=((p + s) * p) ** 2), s**2
    yield COMPLEX[1] - oscillation_limit(momentum=rho**2), -2 * rho * (1 + cosine)
    yield 1 + cosine > 0, True
    yield (1 - (p + s) ** 2) * (1 - p**2) - oscillation_limit(momentum=((p + s) * p) ** 2), -((2 * p + s) ** 2)
    yield oscillation_limit(momentum=Symbolic(0)), 1


@enumeration("quadratic.momentum.monotone", "quadratic.momentum.oscillation", scope="exact, 30 steps, β = 1/4, 1/16, 0")
def signs_of_the_error(monotone_limit: Step, oscillation_limit: Step, heavy_ball_lr_outside: Step) -> Claims:
    """At the first limit the error keeps its sign, at the second every step changes it; between them, for α λ > 1, some steps do."""
    for keep in (Fraction(1, 4), Fraction(1, 16), Fraction(0)):
        lower, upper = (limit(momentum=Rational(keep)) for limit in (monotone_limit, oscillation_limit))
        yield flips(heavy_ball_lr_outside, lower, keep), 0
        yield flips(heavy_ball_lr_outside, upper * Fraction(5, 4), keep), 30
        if keep:
            middle = (upper + 1) / 2
            yield bool(middle > 1), True
            yield 0 < flips(heavy_ball_lr_outside, middle, keep) < 30, True


def flips(step: Step, product: Any, keep: Fraction) -> int:
    """Return how many of 30 steps change the sign of the error, for a given α λ."""
    error, velocity, count = Rational(1), Rational(0), 0
    for _ in range(30):
        moved, velocity = step(error, error, velocity, lr=product, momentum=Rational(keep))
        count += bool(moved * error < 0)
        error = moved
    return count


@trajectory("quadratic.momentum.oscillation", scope="400 steps; φ the angle of the complex eigenvalues")
def share_of_flips(heavy_ball_lr_outside: Step) -> Claims:
    """For complex eigenvalues the fraction of steps that change the sign tends to φ/π.

    One half at β = .5, α λ = 1.5, where the trace is 0, and .43 at β = .94.
    """
    for keep, share in ((0.5, 0.5), (0.94, math.acos(0.22 / math.sqrt(0.94)) / math.pi)):
        error, velocity, count = np.float64(1.0), np.float64(0.0), 0
        for _ in range(400):
            moved, velocity = heavy_ball_lr_outside(error, error, velocity, lr=1.5, momentum=keep)
            count += moved * error < 0
            error = moved
        yield bool(abs(count / 400 - share) <= 1 / 200), True


@proof("quadratic.momentum.one_step", scope="every curvature and start")
def one_step_arrives(heavy_ball_lr_outside: Step, transition: Step, heavy_ball_rate: Step) -> Claims:
    """At α = 1/λ and β = 0 the error is 0 after one step; the rate is 0 and the square of the matrix vanishes."""
    moved, _ = heavy_ball_lr_outside(x, lam * x, 0 * x, lr=1 / lam, momentum=Symbolic(0))
    yield moved, 0
    matrix = transition(lam, lr=1 / lam, momentum=Symbolic(0))
    yield matrix @ matrix, 0
    yield heavy_ball_rate(lam, lr=1 / lam, momentum=Symbolic(0)), 0


@enumeration("quadratic.momentum.one_step", scope="exact, curvatures 1 … 20")
def one_step_by_hand(heavy_ball_lr_outside: Step) -> Claims:
    """One step arrives, in fractions; with any momentum the point then moves away again."""
    for curvature in range(1, 21):
        rate = Rational(Fraction(1, curvature))
        moved, velocity = heavy_ball_lr_outside(Rational(7), Rational(7 * curvature), Rational(0), lr=rate, momentum=Rational(0))
        yield moved, 0
        again, _ = heavy_ball_lr_outside(moved, 0 * moved, velocity, lr=rate, momentum=Rational(Fraction(1, 2)))
        yield bool(again == 0), False


@proof("quadratic.momentum.divergence", scope="every pair of eigenvalues, every momentum below 1")
def unstable_exactly_above(heavy_ball_stability_limit: Step, heavy_ball_rate: Step) -> Claims:
    """For eigenvalues −ρ and −β/ρ, limit − α λ = (1 − ρ)(ρ − β)/ρ and the rate is ρ > β, so ρ < 1 exactly below the limit.

    For eigenvalues ρ and β/ρ, α λ = (1 − ρ)(ρ − β)/ρ, so ρ < 1 whenever α λ > 0; for complex ones the rate is √β < 1.
    """
    keep, radius = b**2 * (1 + s), b * (1 + s)  # b = √(β/(1 + s)) ≤ ρ = (1 + s) b
    yield heavy_ball_rate((1 + radius) * (1 + keep / radius), lr=ONE, momentum=keep), radius
    yield heavy_ball_stability_limit(momentum=keep) - (1 + radius) * (1 + keep / radius), (1 - radius) * (radius - keep) / radius
    yield heavy_ball_rate((1 - radius) * (1 - keep / radius), lr=ONE, momentum=keep), radius
    yield (1 - radius) * (1 - keep / radius), (1 - radius) * (radius - keep) / radius
    yield heavy_ball_stability_limit(momentum=rho**2) - COMPLEX[1], 1 + rho**2 + 2 * rho * cosine
    yield 1 + rho**2 + 2 * rho * cosine - (1 - rho) ** 2, 2 * rho * (1 + cosine)  # so complex ones lie below the limit


@certified_value("quadratic.momentum.divergence", scope="β = 0, .3, .9, at 1 ∓ 1e−6 of the limit")
def edge_of_stability(heavy_ball_stability_limit: Step, heavy_ball_rate: Step) -> Claims:
    """The rate is below 1 just below the limit, and above 1 just above it."""
    yield from edge(heavy_ball_stability_limit, heavy_ball_rate)


def edge(limit: Step, rate: Step) -> Claims:
    """Return whether the rate passes 1 at the stated limit."""
    for keep in (Fraction(0), Fraction(3, 10), Fraction(9, 10)):
        for side in (-1, 1):
            product = limit(momentum=Ball(keep)) * (1 + Ball(Fraction(side, 10**6)))
            yield rate(product, lr=Ball(1), momentum=Ball(keep)) < 1, side < 0


@proof("quadratic.momentum.critical_damping", scope="every curvature and lr with α λ < 1, every momentum")
def eigenvalues_meet(critical_momentum: Step, heavy_ball_rate: Step) -> Claims:
    """At critical damping the rate is √β = 1 − √(α λ).

    Real eigenvalues a > b have a larger rate, and complex ones have a larger β than this.
    """
    root = 1 / (1 + z)  # √(α λ) in (0, 1)
    yield critical_momentum(root**2 / lr, lr=lr), (1 - root) ** 2
    yield heavy_ball_rate(root**2, lr=ONE, momentum=critical_momentum(root**2, lr=ONE)), 1 - root
    short, long = 1 / (1 + s + z), 1 / (1 + z)  # 1 − a = short² < 1 − b = long²
    meeting = np.sqrt(critical_momentum((short * long) ** 2, lr=ONE))
    yield (1 - short**2) - meeting, short * (long - short)
    yield long > short, True
    angle = 1 + rho**2 - 2 * rho * cosine - (1 - rho) ** 2  # α λ exceeds (1 − √β)², so √β > 1 − √(α λ)
    yield angle, 2 * rho * (1 - cosine)


@certified_value("quadratic.momentum.critical_damping", scope="α λ = .05, .17, .5")
def slower_on_both_sides(critical_momentum: Step, heavy_ball_rate: Step) -> Claims:
    """A little more or less momentum than the critical one is slower."""
    for product in (Fraction(1, 20), Fraction(17, 100), Fraction(1, 2)):
        best = critical_momentum(Ball(product), lr=Ball(1))
        for change in (Fraction(-1, 100), Fraction(1, 100)):
            beside = heavy_ball_rate(Ball(product), lr=Ball(1), momentum=best + Ball(change))
            yield beside > np.sqrt(best), True


# --- the optimum -------------------------------------------------------------------------------------------------------------------

smallest, largest = low**2, (low + extra) ** 2  # 0 < λ₁ < λₙ
condition = largest / smallest


@proof("quadratic.momentum.optimal", "quadratic.momentum.optimal_rate", scope="every 0 < λ₁ < λₙ and every curvature between")
def optimum_reaches_its_rate(heavy_ball_optimum: Step, heavy_ball_optimal_rate: Step, heavy_ball_rate: Step) -> Claims:
    """At both end curvatures and everywhere between them the rate is √β = (√κ − 1)/(√κ + 1)."""
    rate, keep = heavy_ball_optimum(smallest, largest)
    best = heavy_ball_optimal_rate(condition)
    yield keep, best**2
    for curvature in (smallest, largest, between(smallest, largest)):
        yield heavy_ball_rate(curvature, lr=rate, momentum=keep), best


@proof("quadratic.momentum.optimal", "quadratic.momentum.optimal_rate", scope="every 0 < λ₁ < λₙ, every lr, every momentum in [0, 1)")
def nothing_is_better(transition: Step, heavy_ball_optimal_rate: Step) -> Claims:
    """If every spectral radius is at most q < 1, then q is at least the optimal rate.

    A = det(q I − R(λ₁)), B = det(q I + R(λₙ)) and C = q² − β are then nonnegative, and α q ((1 + q)² λ₁ − (1 − q)² λₙ) = (1 + q)² A + (1 −
    q)² B + 2 (1 − q²) C; so (1 + q)/(1 − q) ≥ √κ, which is the claim.
    """
    radius, first, last = symbols("q first last", positive=True)

    def characteristic(curvature: Any, at: Any) -> Any:
        matrix = at * np.eye(2) - transition(curvature, lr=lr, momentum=mu)
        return matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]

    at_first, at_last = characteristic(first, radius), characteristic(last, -radius)
    gap = lr * radius * ((1 + radius) ** 2 * first - (1 - radius) ** 2 * last)
    yield gap, (1 + radius) ** 2 * at_first + (1 - radius) ** 2 * at_last + 2 * (1 - radius**2) * (radius**2 - mu)
    inner, outer = radius / (1 + s), radius / (1 + s + z)  # moduli below q
    for sign in (1, -1):
        yield (radius - sign * inner) * (radius - sign * outer) >= 0, True  # real eigenvalues
    yield (radius - inner * cosine) ** 2 + inner**2 * (1 - cosine**2) >= 0, True  # complex ones
    root = heavy_ball_optimal_rate(((1 + inner_rate) / (1 - inner_rate)) ** 2)
    yield root, inner_rate


inner_rate = 1 / (1 + s)  # a rate in (0, 1): its κ is ((1 + q)/(1 − q))²


@certified_value(
    "quadratic.momentum.optimal",
    "quadratic.momentum.optimal_rate",
    scope="κ = 4, 10, 100, 1000",
    table="Optimal heavy ball on λ₁ = 1, λₙ = κ",
)
def optimum_table(heavy_ball_optimum: Step, heavy_ball_optimal_rate: Step, heavy_ball_rate: Step) -> Claims:
    """α* for λ₁ = 1, β* and the rate (table R2)."""
    table = (
        ("0.444444", "0.111111", "0.333333"),
        ("0.230886", "0.269874", "0.519494"),
        ("0.033058", "0.669421", "0.818182"),
        ("0.003759", "0.881145", "0.938693"),
    )
    for kappa, (rate, keep, radius) in zip(KAPPAS, table, strict=True):
        best_lr, best_momentum = certified(heavy_ball_optimum, 1, kappa)
        yield TableCell(best_lr, prints_as(rate), f"κ = {kappa}", "α*")
        yield TableCell(best_momentum, prints_as(keep), f"κ = {kappa}", "β*")
        yield TableCell(certified(heavy_ball_optimal_rate, kappa), prints_as(radius), f"κ = {kappa}", "rate")
        yield heavy_ball_rate(Ball(2), lr=best_lr, momentum=best_momentum), prints_as(radius)


@reproduction(
    "quadratic.momentum.optimal_rate",
    "quadratic.gd.rate",
    scope="κ = 4, 10, 100, 1000: log 1e−6 / log rate, rounded",
    table="Iterations to 1e−6, from the asymptotic rates",
)
def iterations_table(heavy_ball_optimal_rate: Step, gd_rate: Step) -> Claims:
    """Iterations until the error is 1e−6 times the start, for momentum and gradient descent (table R2)."""
    for kappa, counts in zip(KAPPAS, ((13, 27), (21, 69), (69, 691), (218, 6908)), strict=True):
        rates = (heavy_ball_optimal_rate(kappa), gd_rate(np.array([1.0, kappa]), lr=2 / (1 + kappa)))
        for method, rate, count in zip(("momentum", "gradient descent"), rates, counts, strict=True):
            yield TableCell(round(math.log(1e-6) / math.log(float(rate))), count, f"κ = {kappa}", method)


@proof("quadratic.momentum.heuristic", scope="every λ₁ < λₙ and every momentum in (0, 1)")
def plateau_is_flat(lr_plateau: Step, monotone_limit: Step, oscillation_limit: Step, heavy_ball_rate: Step) -> Claims:
    """The ends of the plateau are where λ₁ enters the complex region and λₙ leaves it; at both ends and inside, the rate is √β."""
    keep = 1 / (1 + z) ** 2
    first, last = lr_plateau(smallest, largest, momentum=keep)
    yield first * smallest, monotone_limit(momentum=keep)
    yield last * largest, oscillation_limit(momentum=keep)
    for product in (monotone_limit(momentum=keep), oscillation_limit(momentum=keep)):
        yield heavy_ball_rate(product, lr=ONE, momentum=keep), np.sqrt(keep)
    inside = between(monotone_limit(momentum=keep), oscillation_limit(momentum=keep))
    yield heavy_ball_rate(inside, lr=ONE, momentum=keep), np.sqrt(keep)


@certified_value("quadratic.momentum.heuristic", scope="κ = 100, β = .9")
def plateau_of_the_deck(lr_plateau: Step, heavy_ball_rate: Step, heavy_ball_stability_limit: Step) -> Claims:
    """The plateau is [.00263, .03797], with rate .948683 throughout; stable up to .038."""
    ends = certified(lr_plateau, 1, 100, momentum=Fraction(9, 10))
    yield ends, (prints_as("0.00263"), prints_as("0.03797"))
    for curvature in (1, 30, 100):
        yield certified(heavy_ball_rate, curvature, lr=Fraction(1, 50), momentum=Fraction(9, 10)), prints_as("0.948683")
    yield heavy_ball_stability_limit(momentum=Ball(Fraction(9, 10))) / 100, prints_as("0.038")


@proof("quadratic.gd.rate", scope="every 0 < λ₁ < λₙ, every curvature between, every lr")
def descent_at_its_best(gd_rate: Step) -> Claims:
    """At α = 2/(λ₁ + λₙ) the rate is (κ − 1)/(κ + 1), curvatures between the ends are not slower, and no α has a smaller rate.

    For λₙ (1 − α λ₁) + λ₁ (α λₙ − 1) = λₙ − λ₁ for every α, and neither bracket exceeds the rate.
    """
    top = low + extra
    best = 2 / (low + top)
    yield gd_rate(np.stack([low, top]), lr=best), (top / low - 1) / (top / low + 1)
    yield (1 - best * between(low, top)) <= extra / (low + top), True
    yield (1 - best * between(low, top)) >= -extra / (low + top), True
    yield top * (1 - lr * low) + low * (lr * top - 1), top - low
    slow, fast = 1 / (1 + s), 1 + s
    yield gd_rate(np.stack([slow]), lr=ONE), 1 - slow
    yield gd_rate(np.stack([fast]), lr=ONE), fast - 1


@law("quadratic.gd.rate", scope="float64, within rounding")
def slowest_eigenvector_decides(gd_rate: Step, curvatures: Curvatures, lr: Rate) -> Claims:
    """The rate of a spectrum is that of its extreme curvatures."""
    yield gd_rate(curvatures, lr=lr), gd_rate(np.stack([np.min(curvatures), np.max(curvatures)]), lr=lr)


@enumeration("quadratic.gd.rate", scope="exact, κ = 4, 10, 100, 1000, and rates beside the best")
def descent_table(gd_rate: Step) -> Claims:
    """The rate is (κ − 1)/(κ + 1) at the best learning rate, and larger at learning rates 1 % beside it."""
    for kappa in KAPPAS:
        spectrum, best = Rational([1, kappa]), Fraction(2, 1 + kappa)
        yield gd_rate(spectrum, lr=Rational(best)), Fraction(kappa - 1, kappa + 1)
        for beside in (best * Fraction(99, 100), best * Fraction(101, 100)):
            yield bool(gd_rate(spectrum, lr=Rational(beside)) > Fraction(kappa - 1, kappa + 1)), True


# --- linear algebra ----------------------------------------------------------------------------------------------------------------


@proof("quadratic.momentum.matrix_power", scope="every 2 × 2 matrix with distinct eigenvalues, every k")
def powers_by_induction(spectral_power: Step) -> Claims:
    """R⁰ = I and R · Rᵏ = Rᵏ⁺¹, for R with eigenvalues σ₁, σ₂ and any corner and off-diagonal entry."""
    first, second, corner = symbols("first second corner")
    entry = symbols("entry", nonzero=True)
    opposite = first + second - corner
    matrix = np.stack([np.stack([corner, entry]), np.stack([(corner * opposite - first * second) / entry, opposite])])
    yield spectral_power(matrix, first, second, 0 * k), np.eye(2)
    yield spectral_power(matrix, first, second, k + 1), matrix @ spectral_power(matrix, first, second, k)


@enumeration("quadratic.momentum.matrix_power", scope="exact, a heavy ball with eigenvalues 3/4 and 1/2, k ≤ 9")
def powers_by_hand(spectral_power: Step, transition: Step) -> Claims:
    """Powers computed by repeated multiplication in fractions."""
    first, second = Rational(Fraction(3, 4)), Rational(Fraction(1, 2))
    matrix = transition((1 - first) * (1 - second), lr=Rational(1), momentum=first * second)
    product = Rational(np.eye(2))
    for n in range(10):
        yield spectral_power(matrix, first, second, n), product
        product = matrix @ product


@proof("quadratic.condition_number", scope="every 2 × 2 symmetric matrix with positive eigenvalues; scaling; a change of sign")
def extreme_eigenvalues(condition_number: Step) -> Claims:
    """Every rotation of diag(a, b), a ≥ b > 0, has condition number a/b, and so have its multiples and its negative."""
    cos, sin = (1 - w**2) / (1 + w**2), 2 * w / (1 + w**2)
    matrix = np.stack([np.stack([a * cos**2 + b * sin**2, s * sin * cos]), np.stack([s * sin * cos, a * sin**2 + b * cos**2])])
    for scale in (ONE, low, -low):
        yield condition_number(scale * matrix), a / b
    yield condition_number(np.stack([np.stack([a, 0 * a]), np.stack([0 * a, -b])])), a / b


@certified_value("quadratic.condition_number", scope="certified eigenvalues, n = 2 … 6, exact rotations")
def rotations_do_not_matter(condition_number: Step) -> Claims:
    """A rational rotation of diag(1, −2, 3, …, ± n) has condition number n."""
    source = np.random.default_rng(0)
    for n in range(2, 7):
        skew = np.triu(source.integers(-3, 4, (n, n)), 1)
        exact = sp.Matrix((skew - skew.T).tolist())
        rotation = (sp.eye(n) - exact) * (sp.eye(n) + exact).inv()
        diagonal = sp.diag(*((-1) ** i * (i + 1) for i in range(n)))
        matrix = rotation * diagonal * rotation.T
        entries = np.array([Fraction(int(entry.p), int(entry.q)) for entry in matrix], dtype=object).reshape(n, n)
        yield condition_number(Ball(entries)), n


# --- Nesterov on quadratics --------------------------------------------------------------------------------------------------------

# A look-ahead step with eigenvalues a, b has β = a b/(a + b − a b) and α λ = (1 − a)(1 − b).
ahead_cosine = 1 / (1 + w)  # the cosine of its complex eigenvalues is positive,
inside = 2 * ahead_cosine / (1 + z)  # and their modulus below twice that


def nesterov_of(total: Any, product: Any) -> tuple[Any, Any]:
    """Return β and α λ of the look-ahead step whose eigenvalues have this sum and product."""
    return product / (total - product), 1 - total + product


@proof("nesterov.faster_than_momentum", scope="every pair of eigenvalues: real positive, complex, and of opposite sign")
def nesterov_rate_is_the_spectral_radius(nesterov_rate: Step, nesterov: Step) -> Claims:
    """A step on a quadratic has trace (1 + β)(1 − α λ) and determinant β (1 − α λ); the rate is the largest modulus of its eigenvalues."""
    ahead, velocity = nesterov(x, lambda y: lam * y, v, lr=lr, momentum=mu)
    matrix = [[sp.expand(part.item()).coeff(name.item()) for name in (v, x)] for part in (velocity, ahead)]
    yield Symbolic(matrix[0][0] + matrix[1][1]), (1 + mu) * (1 - lr * lam)
    yield Symbolic(matrix[0][0] * matrix[1][1] - matrix[0][1] * matrix[1][0]), mu * (1 - lr * lam)
    large, small = 1 / (1 + w), 1 / (1 + w + z)
    for total, product, radius in ((large + small, large * small, large), (2 * inside * ahead_cosine, inside**2, inside)):
        keep, step = nesterov_of(total, product)
        yield nesterov_rate(step, lr=ONE, momentum=keep), radius
    yield nesterov_rate(1 + rho**2 / ((1 + mu) * rho + mu), lr=ONE, momentum=mu), rho


@proof("nesterov.faster_than_momentum", scope="equal lr and momentum, complex eigenvalues")
def determinant_is_smaller(nesterov_rate: Step, heavy_ball_rate: Step) -> Claims:
    """Where look-ahead has complex eigenvalues, (1 + β)² (1 − α λ) < 4 β, heavy ball has them, too.

    The squares of the rates then differ by β α λ.
    """
    keep = 1 / (1 + w) ** 2
    step = 1 - 4 * keep / ((1 + keep) ** 2 * (1 + z))
    yield heavy_ball_rate(step, lr=ONE, momentum=keep), np.sqrt(keep)
    yield keep - nesterov_rate(step, lr=ONE, momentum=keep) ** 2, keep * step
    yield step > 0, True


@certified_value("nesterov.faster_than_momentum", scope="β = .94, α λ = .17")
def faster_by_number(nesterov_rate: Step, heavy_ball_rate: Step) -> Claims:
    """The rates are .88329 with look-ahead and .96954 with heavy ball."""
    product, keep = Fraction(17, 100), Fraction(94, 100)
    yield certified(nesterov_rate, product, lr=1, momentum=keep), prints_as("0.88329")
    yield certified(heavy_ball_rate, product, lr=1, momentum=keep), prints_as("0.96954")


@trajectory("nesterov.faster_than_momentum", scope="f = (x² + 100 y²)/2 from (1, 1), lr .005, momentum .9, until f < 1e−10")
def iterations_of_both(nesterov: Step, heavy_ball: Step) -> Claims:
    """Look-ahead takes 180 steps, heavy ball 218."""
    curvatures = np.array([1.0, 100.0])
    rules = {
        180: lambda x, v: nesterov(x, lambda y: curvatures * y, v, lr=0.005, momentum=0.9),
        218: lambda x, v: heavy_ball(x, curvatures * x, v, lr=0.005, momentum=0.9),
    }
    for expected, rule in rules.items():
        point, velocity, count = np.ones(2), np.zeros(2), 0
        while np.sum(curvatures * point**2) / 2 >= 1e-10:
            point, velocity = rule(point, velocity)
            count += 1
        yield count, expected


@proof("nesterov.stability", scope="every eigenvalue and momentum")
def nesterov_unstable_exactly_above(nesterov_stability_limit: Step, nesterov_rate: Step) -> Claims:
    """For α λ > 1 and rate ρ, limit − α λ has the sign of 1 − ρ, so the iteration converges exactly below the limit.

    limit − α λ = (1 − ρ)((1 + 2β) ρ + β)/((1 + 2β)((1 + β) ρ + β)). For α λ ≤ 1 complex rates are √(β (1 − α λ)) < 1, and real ones ρ > β
    satisfy α λ = (1 − ρ)(ρ − β)/((1 + β) ρ − β), so they are below 1, too.
    """
    product = 1 + rho**2 / ((1 + mu) * rho + mu)
    yield nesterov_rate(product, lr=ONE, momentum=mu), rho
    gap = (1 - rho) * ((1 + 2 * mu) * rho + mu) / ((1 + 2 * mu) * ((1 + mu) * rho + mu))
    yield nesterov_stability_limit(momentum=mu) - product, gap
    keep, step = nesterov_of(a + b, a * b)
    yield step, (1 - a) * (a - keep) / ((1 + keep) * a - keep)
    yield nesterov_stability_limit(momentum=mu) > 1, True


@certified_value("nesterov.stability", scope="β = 0, .3, .9, at 1 ∓ 1e−6 of the limit; β = .5 and .9 as printed")
def nesterov_edge_of_stability(nesterov_stability_limit: Step, nesterov_rate: Step) -> Claims:
    """The rate is below 1 just below the limit and above 1 just above it. The limit is smaller than heavy ball's 2 + 2 β."""
    yield from edge(nesterov_stability_limit, nesterov_rate)
    yield nesterov_stability_limit(momentum=Rational(Fraction(1, 2))), Fraction(3, 2)
    yield nesterov_stability_limit(momentum=Ball(Fraction(9, 10))), prints_as("1.357143")


@proof("nesterov.strongly_convex_rate", scope="every 0 < λ₁ < λₙ and every curvature between")
def strongly_convex_rate_is_reached(nesterov_strongly_convex: Step, nesterov_rate: Step) -> Claims:
    """At λ₁ the rate is 1 − 1/√κ; every larger curvature up to λₙ is faster."""
    rate, keep = nesterov_strongly_convex(smallest, largest)
    yield keep, (np.sqrt(condition) - 1) / (np.sqrt(condition) + 1)
    slowest = nesterov_rate(smallest, lr=rate, momentum=keep)
    yield slowest, 1 - 1 / np.sqrt(condition)
    yield nesterov_rate(between(smallest, largest), lr=rate, momentum=keep) ** 2 < slowest**2, True
    yield nesterov_rate(largest, lr=rate, momentum=keep), 0


@certified_value("nesterov.strongly_convex_rate", scope="κ = 10, 100, 1000")
def strongly_convex_table(nesterov_strongly_convex: Step, nesterov_rate: Step) -> Claims:
    """The rates are .683772, .9, .968377, computed for a curvature slightly above λ₁, because at λ₁ the two eigenvalues are equal."""
    hair = Fraction(1, 10**12)
    for kappa, radius in ((10, "0.683772"), (100, "0.9000"), (1000, "0.968377")):
        rate, keep = certified(nesterov_strongly_convex, 1, kappa)
        yield nesterov_rate(Ball(1 + hair), lr=rate, momentum=keep), prints_as(radius)
