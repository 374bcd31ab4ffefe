"""Evidence for reference/schedules.py: which rate each update uses, how the conventions are related, and which schedules converge.

A step is written as q s + r with 0 ≤ r < s = r + 1 + m, so that every step of every period is covered and each floor function can be
evaluated.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from flint import arb

from ...reference.schedules import CycleState, PlateauState
from ..arithmetic import Ball, Differential, Rational, Symbolic, certified, slope, symbols
from . import Claims, Step, certified_value, derivative, enumeration, erratum, law, presets, prints_as, proof, stated_figures
from ._induction import limit

if TYPE_CHECKING:
    from ...reference.domains import Boundaries, Count, Decay, Factor, Factors, FromOne, Loss, Norm, Positive, Rate, StartRate

lr, c, a, extra, gap, h, z, scale = symbols("lr c a extra gap h z scale", positive=True)
end, drop, delta = symbols("end drop delta", nonnegative=True)
k, m, q, r, j = symbols("k m q r j", integer=True, nonnegative=True)
n = symbols("n", integer=True, positive=True)
x, best = symbols("x best")
p = symbols("p", positive=True)
gamma = 1 / (1 + z)  # every factor in (0, 1)
s = r + 1 + m  # every period above r
at = q * s + r  # every step
ONE = Symbolic(1)

FACTOR = Fraction(2, 3)


def fraction(numerator: int, denominator: int = 1) -> Any:
    """Return an exact fraction."""
    return Rational(Fraction(numerator, denominator))


# --- which rate the first update uses ----------------------------------------------------------------------------------------------


@law(
    "schedule.origin",
    "schedule.constant",
    "schedule.step",
    "schedule.exponential",
    "schedule.exponential.per_period",
    "schedule.inverse_time",
    scope="float64, bit for bit",
    exact=True,
)
def first_update_uses_lr(
    constant_rate: Step,
    step_decay: Step,
    exponential_decay: Step,
    smooth_step_decay: Step,
    inverse_time_decay: Step,
    power_decay: Step,
    lr: Rate,
    factor: Factor,
    period: FromOne,
    decay: Positive,
    power: Norm,
) -> Claims:
    """At step 0 (for powers at update 1) the rate is exactly lr."""
    yield constant_rate(0, lr=lr), lr
    yield step_decay(0, lr=lr, factor=factor, period=period), lr
    yield exponential_decay(0, lr=lr, decay=decay), lr
    yield smooth_step_decay(0, lr=lr, factor=factor, period=period), lr
    yield inverse_time_decay(0, lr=lr, decay=decay), lr
    yield power_decay(1, lr=lr, power=power), lr


@proof("schedule.origin", scope="every step and hyper-parameter")
def counted_from_one(linear_decay: Step, exponential_decay: Step, inverse_time_decay: Step, step_decay: Step) -> Claims:
    """Exponential, 1/t and linear decay that are one update ahead are schedules of the same kind; step decay is not.

    Its first stair is one update short: steps 1 … s − 1 use lr, and s is the first of the next stair.
    """
    yield exponential_decay(k + 1, lr=lr, decay=c), exponential_decay(k, lr=lr * np.exp(-c), decay=c)
    yield inverse_time_decay(k + 1, lr=lr, decay=c), inverse_time_decay(k, lr=lr / (1 + c), decay=c / (1 + c))
    horizon, high = k + m + 2, end + drop
    ahead = linear_decay(k, end=end, lr=high - drop / horizon, horizon=horizon - 1)
    yield linear_decay(k + 1, end=end, lr=high, horizon=horizon), ahead
    yield step_decay(r, lr=lr, factor=gamma, period=s), lr
    yield step_decay(s, lr=lr, factor=gamma, period=s), gamma * lr


@enumeration("schedule.origin", scope="exact, periods up to 5")
def first_stair_by_hand(step_decay: Step) -> Claims:
    """Counted from 0, each stair has as many updates as the period.

    Counted from 1, the first stair has one fewer and the second has all.
    """
    for period in range(1, 6):
        rates = [step_decay(Rational(step), lr=fraction(1), factor=fraction(1, 2), period=Rational(period)) for step in range(2 * period)]
        lengths = [sum(bool(rate == height) for rate in rates) for height in (1, Fraction(1, 2))]
        yield tuple(lengths), (period, period)
        yield sum(bool(rate == 1) for rate in rates[1:]), period - 1


# --- constant and linear -----------------------------------------------------------------------------------------------------------


@proof("schedule.constant", "schedule.linear", scope="every step and rate")
def constant_at_every_step(constant_rate: Step, linear_decay: Step) -> Claims:
    """The rate does not depend on the step; linear decay from a rate to itself is the same, before the horizon and after it."""
    yield constant_rate(k, lr=lr), lr
    for horizon in (k + 1 + m, k):
        yield linear_decay(k + 1, end=lr, lr=lr, horizon=horizon), constant_rate(k, lr=lr)


@enumeration("schedule.constant", scope="exact, the preset of the catalogue, 1000 updates")
def constant_by_hand(constant_rate: Step) -> Claims:
    """1000 updates at 1e−4 cover the same distance as one at .1."""
    for preset in presets("schedule.constant"):
        yield sum((constant_rate(Rational(step), lr=Rational(preset["lr"])) for step in range(1000)), Rational(0)), Fraction(1, 10)


@proof("schedule.linear", scope="every step, horizon, start and end")
def line_and_hold(linear_decay: Step) -> Claims:
    """It starts at lr, decreases by (lr − end)/τ per update until τ, where it is end, and stays there."""
    high = end + drop
    horizon = k + 1 + m
    rate = lambda step: linear_decay(step, end=end, lr=high, horizon=horizon)  # noqa: E731 - read as mathematics
    yield rate(0 * k), high
    yield rate(k + 1) - rate(k), -drop / horizon
    yield rate(horizon), end
    yield rate(horizon + 1 + q), end
    yield rate(k) >= end, True
    yield rate(k) <= high, True


@enumeration("schedule.linear", scope="exact, horizons up to 6, 3 ends")
def line_by_hand(linear_decay: Step) -> Claims:
    """Each update before the horizon lowers the rate by the same amount."""
    start = Fraction(3, 2)
    for horizon, last in itertools.product(range(1, 7), (Fraction(0), Fraction(1, 4), start)):
        for step, rate in equal_changes(start, last, horizon):
            yield linear_decay(step, end=Rational(last), lr=Rational(start), horizon=Rational(horizon)), rate


def equal_changes(first: Fraction, last: Fraction, horizon: int) -> Iterator[tuple[Rational, Fraction]]:
    """Yield steps and the rates of a line that changes by the same amount at each step up to the horizon, and is held there."""
    rate = first
    for step in range(2 * horizon + 2):
        yield Rational(step), rate
        rate += (last - first) / horizon if step < horizon else 0


@law("schedule.linear", scope="float64, bit for bit", exact=True)
def ends_are_exact(linear_decay: Step, end: Norm, lr: StartRate, horizon: FromOne, step: Count) -> Claims:
    """At step 0 the rate is exactly lr, from the horizon on exactly end."""
    yield linear_decay(0, end=end, lr=lr, horizon=horizon), lr
    yield linear_decay(horizon + step, end=end, lr=lr, horizon=horizon), end


@proof("schedule.linear", scope="every horizon; the deck's end of 1 %")
def where_the_line_leads(linear_decay: Step) -> Claims:
    """Extended beyond the horizon, the line is 0 at 100 τ/99 and −.98 of its start at 2 τ; the schedule is not."""
    (share,) = (preset["end_over_lr"] for preset in stated_figures("schedule.linear"))
    first, second = (linear_decay(step, end=share * lr, lr=lr, horizon=n) for step in (0 * n, 0 * n + 1))
    line = lambda step: first + step * (second - first)  # noqa: E731 - read as mathematics
    yield line(100 * n / 99), 0
    yield line(2 * n), -Fraction(98, 100) * lr
    yield linear_decay(2 * n, end=share * lr, lr=lr, horizon=n), share * lr


# --- stairs ------------------------------------------------------------------------------------------------------------------------


@proof("schedule.step", scope="every step, period, factor and lr")
def stairs(step_decay: Step) -> Claims:
    """Step q s + r with 0 ≤ r < s has the rate lr γ^q, and one period later γ times that."""
    yield step_decay(at, lr=lr, factor=gamma, period=s), lr * gamma**q
    yield step_decay(at + s, lr=lr, factor=gamma, period=s), gamma * step_decay(at, lr=lr, factor=gamma, period=s)


@enumeration("schedule.step", "schedule.exponential.per_period", scope="exact, every preset, periods up to 4, 3 periods")
def stairs_by_hand(step_decay: Step, smooth_step_decay: Step) -> Claims:
    """The rate is constant for `period` updates and then multiplied by the factor; the smooth form agrees at the first of them."""
    for preset, period in itertools.product(presets("schedule.step"), range(1, 5)):
        rate = Fraction(1, 5)
        hyper = {"lr": Rational(rate), "factor": Rational(preset["factor"]), "period": Rational(period)}
        for stair in range(3):
            for within in range(period):
                yield step_decay(Rational(stair * period + within), **hyper), rate
            yield smooth_step_decay(Rational(stair * period), **hyper), rate
            rate *= preset["factor"]


@proof("schedule.exponential.per_period", "schedule.exponential", "schedule.step", scope="every step, period, factor and lr")
def between_the_stairs(smooth_step_decay: Step, exponential_decay: Step, step_decay: Step) -> Claims:
    """It is exponential decay with rate −ln γ / s. Step decay is larger by the factor γ^{−r/s}, at least 1 and less than 1/γ."""
    factor = np.exp(-c)
    yield smooth_step_decay(k, lr=lr, factor=factor, period=n), exponential_decay(k, lr=lr, decay=c / n)
    above = step_decay(at, lr=lr, factor=factor, period=s) / smooth_step_decay(at, lr=lr, factor=factor, period=s)
    yield above, factor ** (-r / s)
    yield r / s >= 0, True
    yield r / s < 1, True


# --- pieces ------------------------------------------------------------------------------------------------------------------------

CELLS = ((k + 1 + m, k), (k, k), (k, k + 1 + m))  # step beyond, on, and before a boundary


@proof("schedule.piecewise_constant", "schedule.piecewise_constant.inclusive", scope="every step, boundary and factor; two boundaries")
def boundary_by_boundary(piecewise_constant: Step, piecewise_constant_inclusive: Step) -> Claims:
    """A boundary applies its factor from its own update on, an inclusive one from the next; two boundaries multiply.

    So an inclusive boundary b is a boundary b + 1.
    """
    for (step, boundary), (own, following) in zip(CELLS, ((True, True), (True, False), (False, False)), strict=True):
        bounds, factors = np.stack([boundary]), np.stack([gamma])
        yield piecewise_constant(step, bounds, factors, lr=lr), lr * gamma if own else lr
        yield piecewise_constant_inclusive(step, bounds, factors, lr=lr), lr * gamma if following else lr
        yield piecewise_constant_inclusive(step, bounds, factors, lr=lr), piecewise_constant(step, bounds + 1, factors, lr=lr)
        for form in (piecewise_constant, piecewise_constant_inclusive):
            late = np.stack([boundary, step + 1 + q])
            yield form(step, late, np.stack([gamma, a]), lr=lr), form(step, bounds, factors, lr=lr)
            twice = np.stack([boundary, boundary])
            yield form(step, twice, np.stack([gamma, gamma]), lr=lr), form(step, bounds, factors**2, lr=lr)


@proof("schedule.piecewise_constant", "schedule.step", scope="every period and lr, up to 4 stairs")
def equal_pieces_are_stairs(piecewise_constant: Step, step_decay: Step) -> Claims:
    """Boundaries s, 2 s, 3 s with one factor give the first four stairs of step decay."""
    bounds, factors = np.stack([s, 2 * s, 3 * s]), np.stack([gamma, gamma, gamma])
    for stair in range(4):
        step = stair * s + r
        yield piecewise_constant(step, bounds, factors, lr=lr), step_decay(step, lr=lr, factor=gamma, period=s)


@enumeration(
    "schedule.piecewise_constant", "schedule.piecewise_constant.inclusive", scope="exact, all sets of boundaries below 5, and 0 … 129"
)
def pieces_by_hand(piecewise_constant: Step, piecewise_constant_inclusive: Step) -> Claims:
    """Rates computed update by update: a boundary multiplies the rate before its update or, if inclusive, after it."""
    for bounds in (*itertools.chain(*(itertools.combinations(range(5), size) for size in range(1, 6))), range(130)):
        factors = [Fraction(1, b + 2) for b in bounds]
        rate = Fraction(7)
        for step in range(max(bounds) + 3):
            before, rate = rate, rate * math.prod(f for b, f in zip(bounds, factors, strict=True) if b == step)
            given = (Rational(step), Rational(list(bounds)), Rational(factors))
            yield piecewise_constant(*given, lr=fraction(7)), rate
            yield piecewise_constant_inclusive(*given, lr=fraction(7)), before


@law("schedule.piecewise_constant", "schedule.piecewise_constant.inclusive", scope="float64, bit for bit", exact=True)
def inclusive_is_one_later(
    piecewise_constant: Step, piecewise_constant_inclusive: Step, step: Count, boundaries: Boundaries, factors: Factors, lr: Rate
) -> Claims:
    """An inclusive schedule is one update late, for integer boundaries."""
    whole = np.floor(boundaries)
    later = piecewise_constant_inclusive(step + 1, whole, factors, lr=lr)
    yield later, piecewise_constant(step, whole, factors, lr=lr)


# --- exponential, 1/t, harmonic, powers --------------------------------------------------------------------------------------------


@proof("schedule.exponential", scope="every step, lr and decay")
def constant_ratio_and_finite_reach(exponential_decay: Step) -> Claims:
    """Each rate is e^{−c} times the one before.

    The first n sum to lr (1 − e^{−cn})/(1 − e^{−c}), by induction, and all to lr/(1 − e^{−c}).
    """
    rate = lambda step: exponential_decay(step, lr=lr, decay=c)  # noqa: E731 - read as mathematics
    yield rate(0 * k), lr
    yield rate(k + 1) / rate(k), np.exp(-c)
    total = lambda steps: lr * (1 - np.exp(-c * steps)) / (1 - np.exp(-c))  # noqa: E731 - read as mathematics
    yield total(0 * k), 0
    yield total(k + 1) - total(k), rate(k)
    yield limit(total(k), k), lr / (1 - np.exp(-c))


@derivative("schedule.exponential", scope="certified, 3 steps and 2 decays")
def falls_in_proportion(exponential_decay: Step) -> Claims:
    """The derivative by the step is −c times the rate, the one by the decay −k times it."""
    for step, decay in itertools.product((1, 4, 10), (Fraction(1, 20), Fraction(3, 2))):
        rate = exponential_decay(Ball(step), lr=Ball(2), decay=Ball(decay))
        moving_step = exponential_decay(Differential.along(Ball(step), Ball(1)), lr=Ball(2), decay=Ball(decay))
        moving_decay = exponential_decay(Ball(step), lr=Ball(2), decay=Differential.along(Ball(decay), Ball(1)))
        yield slope(moving_step), -Ball(decay) * rate
        yield slope(moving_decay), -step * rate


@certified_value("schedule.exponential", "schedule.exponential.per_period", scope="lr .1; decay .05; a factor 1/10 in 10")
def rates_by_number(exponential_decay: Step, smooth_step_decay: Step) -> Claims:
    """.1 e^{−1/2} = .0606531, and .1 · 10^{−1/2} = .0316228."""
    yield certified(exponential_decay, 10, lr=Fraction(1, 10), decay=Fraction(1, 20)), prints_as("0.0606531")
    yield certified(smooth_step_decay, 5, lr=Fraction(1, 10), factor=Fraction(1, 10), period=10), prints_as("0.0316228")


@proof("schedule.inverse_time", scope="every step, lr and decay")
def reciprocal_is_a_line(inverse_time_decay: Step) -> Claims:
    """1/rate starts at 1/lr and grows by c/lr per step; the integral of the squared rate is lr²/c."""
    rate = lambda step: inverse_time_decay(step, lr=lr, decay=c)  # noqa: E731 - read as mathematics
    yield rate(0 * k), lr
    yield 1 / rate(k + 1) - 1 / rate(k), c / lr
    time = symbols("time", nonnegative=True)
    area = Symbolic(sp.integrate((rate(time) ** 2).item(), (time.item(), 0, sp.oo)))
    yield area, lr**2 / c


@enumeration("schedule.inverse_time", "schedule.power", scope="exact, 12 updates, 3 decays, powers 0 … 3")
def reciprocals_by_hand(inverse_time_decay: Step, power_decay: Step) -> Claims:
    """The reciprocals grow by the same amount per update; a power divides that many times by the update's number.

    1/t with decay 1 is 1/k.
    """
    for step, decay in itertools.product(range(12), (Fraction(1, 7), Fraction(1), Fraction(5, 2))):
        reciprocal = Fraction(1, 3) + sum(decay / 3 for _ in range(step))
        yield inverse_time_decay(Rational(step), lr=fraction(3), decay=Rational(decay)), 1 / reciprocal
    for update, power in itertools.product(range(1, 13), range(4)):
        rate = Fraction(3)
        for _ in range(power):
            rate /= update
        yield power_decay(Rational(update), lr=fraction(3), power=Rational(power)), rate


@proof("schedule.power", scope="every update, power and lr")
def powers(power_decay: Step, inverse_time_decay: Step) -> Claims:
    """Update 1 uses lr, and doubling the number divides by 2^p; p = 0 is constant, p = 1 is 1/t decay counted from 0."""
    yield power_decay(ONE, lr=lr, power=p), lr
    yield power_decay(n, lr=lr, power=p) * n**p, lr
    yield power_decay(2 * n, lr=lr, power=p), power_decay(n, lr=lr, power=p) / 2**p
    yield power_decay(n, lr=lr, power=0 * p), lr
    yield power_decay(k + 1, lr=lr, power=ONE), inverse_time_decay(k, lr=lr, decay=ONE)


@proof("schedule.harmonic", "schedule.inverse_time", scope="every step, epoch length, scale and offset")
def one_rate_an_epoch(harmonic_decay: Step, inverse_time_decay: Step) -> Claims:
    """Step q N + r has the rate of epoch q, which is 1/t decay by epoch; 1/t decay by step is lower except at r = 0."""
    rate = harmonic_decay(at, scale=scale, offset=a, period=s)
    yield rate, inverse_time_decay(q, lr=scale / a, decay=1 / a)
    yield rate, scale / (q + a)
    smooth = inverse_time_decay(at, lr=scale / a, decay=1 / (a * s))
    yield rate - smooth, smooth * r / (s * (q + a))


@enumeration("schedule.harmonic", scope="exact, the deck's numbers, epochs of 1, 7 and 50 updates")
def harmonic_table(harmonic_decay: Step) -> Claims:
    """The rate is 1e−4 in epoch 0, 5e−5 in epoch 10 and 1e−5 in epoch 90; the update before each has the rate of the previous epoch."""
    (preset,) = presets("schedule.harmonic")
    table = {0: Fraction(1, 10**4), 10: Fraction(5, 10**5), 90: Fraction(1, 10**5)}
    for period, (epoch, expected) in itertools.product((1, 7, 50), table.items()):
        rate = lambda step: harmonic_decay(  # noqa: E731 - read as mathematics
            Rational(step),
            scale=Rational(preset["scale"]),
            offset=Rational(preset["offset"]),
            period=Rational(period),  # noqa: B023
        )
        yield rate(epoch * period), expected
        yield rate(epoch * period + period - 1), expected
        if epoch:
            yield 1 / rate(epoch * period - 1), 1 / expected - 1000


# --- the β₁ of NAdam -----------------------------------------------------------------------------------------------------------------


@proof("schedule.nadam.momentum", scope="every update, β₁, base and rate")
def half_of_the_decay_is_made_up(nadam_momentum: Step) -> Claims:
    """The momentum starts at β₁/2, and the difference from β₁ is multiplied by b^ψ at every update, so it tends to 0."""
    largest = 1 / (1 + a)
    at_update = lambda update: nadam_momentum(update, beta1=largest, base=gamma, rate=c)  # noqa: E731 - read as mathematics
    yield at_update(0 * k), largest / 2
    yield largest - at_update(k + 1), gamma**c * (largest - at_update(k))
    yield limit(largest - at_update(k), k), 0


@enumeration("schedule.nadam.momentum", scope="exact, 8 updates, β₁ = 9/10 and 0, bases 1/2 and 3/4, rates 1 and 2")
def momentum_by_hand(nadam_momentum: Step) -> Claims:
    """The values computed independently, product by product, in fractions."""
    for base, rate in itertools.product((Fraction(1, 2), Fraction(3, 4)), (1, 2)):
        missing, curve = Fraction(9, 20), {"base": Rational(base), "rate": Rational(rate)}
        for update in range(8):
            yield nadam_momentum(Rational(update), beta1=fraction(9, 10), **curve), Fraction(9, 10) - missing
            yield nadam_momentum(Rational(update), beta1=fraction(0), **curve), 0
            missing *= base**rate


@certified_value("schedule.nadam.momentum", scope="the preset of the catalogue, updates 1, 9211 and 9212")
def momentum_of_the_paper(nadam_momentum: Step) -> Claims:
    """The first β₁ is .4501, and the first one above .8 is at update 9212."""
    paper: dict[str, Any] = presets("schedule.nadam.momentum")[0]
    yield certified(nadam_momentum, 1, **paper), prints_as(".4501")
    for update, is_larger in ((9211, False), (9212, True)):
        yield bool(certified(nadam_momentum, update, **paper) > Ball(Fraction(4, 5))), is_larger


# --- plateaus ----------------------------------------------------------------------------------------------------------------------

relative = z / (1 + z)  # every number in (0, 1)


def cells(patience_of: Any, best: Any = best, level: Any = None) -> Any:
    """Yield every case: the loss, the number of bad losses before, the patience, and the expected rate, best loss and count.

    A better loss lies below `level`, by default (1 − r) best − δ.
    """
    level = best * (1 - relative) - delta if level is None else level
    for bad, patience in ((m, m + q), (m + q, m)):
        yield level - gap, bad, patience_of(patience), (lr, level - gap, 0)
    for above in (0 * gap, gap):
        yield level + above, m, patience_of(m + 1 + q), (lr, best, m + 1)
        yield level + above, m + q, patience_of(m), (gamma * lr, best, 0)


@proof("schedule.plateau", scope="every loss, state, factor, patience, threshold and relative threshold")
def plateau_case_by_case(reduce_on_plateau: Step) -> Claims:
    """A better loss becomes the best and resets the count, a bad one increases it.

    The bad loss after `patience` bad ones lowers the rate and resets the count.
    """
    for loss, bad, patience, expected in cells(lambda patience: patience):
        given = {"factor": gamma, "patience": patience, "threshold": delta, "relative": relative}
        yield tuple(reduce_on_plateau(loss, PlateauState(lr, best, bad), **given)), expected


@proof("schedule.plateau.at_patience", "schedule.plateau", scope="every loss, state, factor, patience and threshold")
def patience_one_larger(reduce_on_plateau_at_patience: Step, reduce_on_plateau: Step) -> Claims:
    """Reduction at the bad loss number p + 1 is the same as reduction after more than p bad losses."""
    for loss, bad, patience, expected in cells(lambda patience: patience):
        given = {"factor": gamma, "threshold": delta, "relative": relative}
        state = PlateauState(lr, best, bad)
        mine = tuple(reduce_on_plateau_at_patience(loss, state, patience=patience + 1, **given))
        yield mine, tuple(reduce_on_plateau(loss, state, patience=patience, **given))
        yield mine, expected


@proof(
    "schedule.plateau.margin_of_modulus",
    scope="every loss, state, factor, patience and threshold, best losses of either sign and 0; r from 0",
)
def margin_of_either_sign(reduce_on_plateau: Step, reduce_on_plateau_by_modulus: Step) -> Claims:
    """A loss is better if it is below L* − r |L*| − δ. This is the other rule if L* ≥ 0 or r = 0.

    For L* < 0 the margin of that rule is −r |L*|.
    """
    hyper = {"factor": gamma, "threshold": delta}
    for lowest, modulus in ((scale, scale), (0 * scale, 0 * scale), (-scale, scale)):
        for loss, bad, patience, expected in cells(lambda patience: patience, lowest, lowest - relative * modulus - delta):
            state = PlateauState(lr, lowest, bad)
            yield tuple(reduce_on_plateau_by_modulus(loss, state, patience=patience, relative=relative, **hyper)), expected
        for loss, bad, patience, expected in cells(lambda patience: patience, lowest, lowest - delta):
            state = PlateauState(lr, lowest, bad)
            for rule in (reduce_on_plateau, reduce_on_plateau_by_modulus):
                yield tuple(rule(loss, state, patience=patience, relative=0 * relative, **hyper)), expected
    for loss, bad, patience, expected in cells(lambda patience: patience, -scale, -scale + relative * scale - delta):
        yield tuple(reduce_on_plateau(loss, PlateauState(lr, -scale, bad), patience=patience, relative=relative, **hyper)), expected


def runs(losses: tuple[int, ...]) -> list[int]:
    """Return the lengths of the runs of losses that are not below all before them."""
    bad = [any(early <= loss for early in losses[:index]) for index, loss in enumerate(losses)]
    return [len(list(group)) for is_bad, group in itertools.groupby(bad) if is_bad]


@enumeration("schedule.plateau", "schedule.plateau.at_patience", scope="exact, all sequences of 5 losses from 0, 1, 2; patience 0, 1, 2")
def plateaus_by_hand(reduce_on_plateau: Step, reduce_on_plateau_at_patience: Step) -> Claims:
    """A run of L bad losses lowers the rate ⌊L/(patience + 1)⌋ times."""
    for losses, patience in itertools.product(itertools.product(range(3), repeat=5), range(3)):
        drops = sum(length // (patience + 1) for length in runs(losses))
        for rule, waits in ((reduce_on_plateau, patience), (reduce_on_plateau_at_patience, patience + 1)):
            state = PlateauState(fraction(1), fraction(9), 0)
            for loss in losses:
                state = rule(Rational(loss), state, factor=Rational(FACTOR), patience=waits)
            yield state.lr, FACTOR**drops
            yield state.best, min(losses)


@enumeration(
    "schedule.plateau",
    "schedule.plateau.at_patience",
    "schedule.plateau.margin_of_modulus",
    scope="exact, losses beside both thresholds, from a best loss of 8, 0 and −8",
)
def thresholds_by_hand(reduce_on_plateau: Step, reduce_on_plateau_at_patience: Step, reduce_on_plateau_by_modulus: Step) -> Claims:
    """With r = 1/4 and δ = 1 a loss is better below 5 than 8, below −1 than 0, below −11 than −8; by the rule (1 − r) L*, below −7 than −8.

    A loss at the limit is not better, and the best loss is unchanged. At r = 1/8 the rule (1 − r) L* takes −1.4 for better than −1.5.
    """
    margins = {"factor": fraction(1, 2), "threshold": fraction(1), "relative": fraction(1, 4)}
    rules = ((reduce_on_plateau, 0), (reduce_on_plateau_at_patience, 1), (reduce_on_plateau_by_modulus, 0))
    for (rule, patience), (best, level) in itertools.product(rules, ((8, 5), (0, -1), (-8, -7))):
        limit_of_rule = -11 if best < 0 and rule is reduce_on_plateau_by_modulus else level
        for excess in (Fraction(-1, 10), Fraction(0), Fraction(1)):
            loss = limit_of_rule + excess
            state = rule(Rational(loss), PlateauState(fraction(4), fraction(best), 0), patience=patience, **margins)
            yield (state.lr, state.best), ((4, loss) if excess < 0 else (2, best))
    for rule, lowest in ((reduce_on_plateau, Fraction(-7, 5)), (reduce_on_plateau_by_modulus, Fraction(-3, 2))):
        state = PlateauState(fraction(1, 10), fraction(-3, 2), 0)
        yield rule(fraction(-7, 5), state, factor=fraction(1, 10), patience=0, relative=fraction(1, 8)).best, lowest


@law("schedule.plateau", "schedule.plateau.at_patience", "schedule.plateau.margin_of_modulus", scope="float64, bit for bit", exact=True)
def first_loss_is_the_best_so_far(
    reduce_on_plateau: Step,
    reduce_on_plateau_at_patience: Step,
    reduce_on_plateau_by_modulus: Step,
    loss: Loss,
    lr: Rate,
    factor: Factor,
    patience: FromOne,
    threshold: Norm,
    relative: Decay,
) -> Claims:
    """From an infinite best every loss is better, for all margins; the same loss again is not, because of the absolute margin."""
    for rule in (reduce_on_plateau, reduce_on_plateau_at_patience, reduce_on_plateau_by_modulus):
        state = rule(loss, PlateauState(lr, math.inf, 0), factor=factor, patience=patience, threshold=threshold, relative=relative)
        yield tuple(state), (lr, loss, 0)
        yield rule(loss, state, factor=factor, patience=patience + 1, threshold=threshold).bad, 1


@proof("schedule.plateau", "schedule.step", "schedule.robbins_monro", scope="every patience and factor, an endless plateau")
def endless_plateau_is_a_staircase(reduce_on_plateau: Step, step_decay: Step) -> Claims:
    """If no loss is better any more, the rate after n losses is step decay with period patience + 1; by induction.

    With n = q s + r the count is r: it grows within a stair and is reset at its end.
    """
    for within, period, following in ((r, s + 1, r + 1), (s - 1, s, 0 * r)):
        before, behind = (step_decay(q * period + offset, lr=lr, factor=gamma, period=period) for offset in (within, within + 1))
        state = reduce_on_plateau(best + gap, PlateauState(before, best, within), factor=gamma, patience=period - 1)
        yield tuple(state), (behind, best, following)


# --- warm-up, polynomial and inverse square root ----------------------------------------------------------------------------------


@proof("schedule.warmup.linear", "schedule.linear", scope="every step, start, rate and horizon: before, at and after the horizon")
def rise_and_hold(linear_warmup: Step, linear_decay: Step) -> Claims:
    """It grows by (lr − start)/W per update up to lr, and stays; it is linear decay with its ends swapped, where both are admissible.

    From lr/n with horizon n − 1 update t uses lr t/n.
    """
    high, horizon = end + drop, k + 1 + m
    rate = lambda step: linear_warmup(step, start=end, lr=high, horizon=horizon)  # noqa: E731 - read as mathematics
    yield rate(0 * k), end
    yield rate(k + 1) - rate(k), drop / horizon
    for step in (horizon, horizon + 1 + q):
        yield rate(step), high
    yield rate(k), linear_decay(k, end=high, lr=end, horizon=horizon)
    yield linear_warmup(k, start=high / (horizon + 1), lr=high, horizon=horizon), high * (k + 1) / (horizon + 1)


@enumeration("schedule.warmup.linear", scope="exact, horizons up to 6, starts 0, 1/4 and the rate itself")
def rise_by_hand(linear_warmup: Step) -> Claims:
    """Each update up to the horizon raises the rate by the same amount."""
    peak = Fraction(3, 2)
    for horizon, first in itertools.product(range(1, 7), (Fraction(0), Fraction(1, 4), peak)):
        for step, rate in equal_changes(first, peak, horizon):
            yield linear_warmup(step, start=Rational(first), lr=Rational(peak), horizon=Rational(horizon)), rate


@proof("schedule.polynomial", "schedule.linear", scope="every step, horizon, start, end and power: before, at and after the horizon")
def power_of_what_is_left(polynomial_decay: Step, linear_decay: Step) -> Claims:
    """Above the end it is a power of the share that is left; at and after the horizon it is the end; power 1 is linear decay."""
    horizon, hyper = k + 1 + m, {"end": end, "lr": end + drop}
    yield polynomial_decay(k, **hyper, horizon=horizon, power=p) - end, drop * ((1 + m) / horizon) ** p
    yield polynomial_decay(0 * k, **hyper, horizon=horizon, power=p), end + drop
    for step in (horizon, horizon + 1 + q):
        yield polynomial_decay(step, **hyper, horizon=horizon, power=p), end
    yield polynomial_decay(k, **hyper, horizon=horizon, power=ONE), linear_decay(k, **hyper, horizon=horizon)


@enumeration("schedule.polynomial", scope="exact, horizons up to 6, powers 1 … 3, 3 ends")
def powers_left_by_hand(polynomial_decay: Step) -> Claims:
    """The excess over the end is multiplied by the share that is left as many times as the power says."""
    start = Fraction(3, 2)
    for horizon, power, last in itertools.product(range(1, 7), range(1, 4), (Fraction(0), Fraction(1, 4), start)):
        for step in range(horizon + 3):
            excess = start - last
            for _ in range(power):
                excess *= Fraction(max(horizon - step, 0), horizon)
            hyper = {"end": Rational(last), "lr": Rational(start), "horizon": Rational(horizon), "power": Rational(power)}
            yield polynomial_decay(Rational(step), **hyper), last + excess


@proof("schedule.inverse_sqrt", "schedule.noam", scope="every width and warm-up, and update W ρ² with ρ below, at and above 1")
def three_forms_of_one_rate(inverse_sqrt_decay: Step, noam_rate: Step) -> Claims:
    """Up to update W the rate is lr k/W = lr ρ², from there on lr √(W/k) = lr/ρ; the Transformer's rate is that with lr = 1/√(d W).

    With a number τ of its own in the inverse root, lr √(τ/(k + τ − W)) is the same rate after W exactly if τ = W.
    """
    width, warmup, tau = symbols("width warmup tau", positive=True)
    for root, share in ((gamma, gamma**2), (ONE, ONE), (1 + z, gamma)):
        update = warmup * root**2
        yield inverse_sqrt_decay(update, lr=lr, warmup=warmup), lr * share
        yield noam_rate(update, width=width, warmup=warmup), inverse_sqrt_decay(update, lr=1 / np.sqrt(width * warmup), warmup=warmup)
    late = warmup * (1 + z) ** 2
    shifted, square = lr**2 * tau / (late + tau - warmup), inverse_sqrt_decay(late, lr=lr, warmup=warmup) ** 2
    yield (shifted - square) * (late + tau - warmup), lr**2 * (tau - warmup) * (1 - gamma**2)


@enumeration("schedule.inverse_sqrt", "schedule.noam", scope="exact, square updates, widths and warm-ups up to 25")
def inverse_roots_by_hand(inverse_sqrt_decay: Step, noam_rate: Step) -> Claims:
    """With k = a², W = b², d = c² the rates are lr min(a²/b², b/a) and min(1/a, a²/b³)/c."""
    for a_root, b_root, c_root in itertools.product(range(1, 6), repeat=3):
        update, warmup = Rational(a_root**2), Rational(b_root**2)
        share = Fraction(a_root**2, b_root**2) if a_root < b_root else Fraction(b_root, a_root)
        yield inverse_sqrt_decay(update, lr=fraction(3), warmup=warmup), 3 * share
        yield noam_rate(update, width=Rational(c_root**2), warmup=warmup), share / b_root / c_root


@certified_value("schedule.noam", scope="the paper's width and warm-up, at its peak")
def peak_of_the_paper(noam_rate: Step) -> Claims:
    """The largest rate is 1/√(512 · 4000) = .00069877."""
    for figures in stated_figures("schedule.noam"):
        width, warmup = int(figures["width"]), int(figures["warmup"])
        yield certified(noam_rate, warmup, width=width, warmup=warmup), prints_as("0.00069877")


# --- cosines -----------------------------------------------------------------------------------------------------------------------


def half_cosine(share: Any) -> Any:
    """Return (1 − cos π α)/2, the part of the way that is done at a share α, as the square of a sine."""
    return np.sin(Symbolic(sp.pi) * share / 2) ** 2


@proof("schedule.cosine", "schedule.cosine.annealing", scope="every step, horizon, start and end: before, at and after the horizon")
def half_a_cosine(cosine_decay: Step, cosine_annealing: Step) -> Claims:
    """The part of the way that is done is sin²(π k/2τ); at and after the horizon it is all of it.

    Without the hold, steps τ + j and τ − j have one rate, and 2 τ has the first.
    """
    horizon, hyper = k + 1 + m, {"end": end, "lr": end + drop}
    yield cosine_annealing(z * n, **hyper, horizon=n), end + drop - drop * half_cosine(z)
    for step in (0 * k, k, horizon):
        yield cosine_decay(step, **hyper, horizon=horizon), cosine_annealing(step, **hyper, horizon=horizon)
    yield cosine_decay(n + 1 + q, **hyper, horizon=n), end
    yield cosine_annealing(n + q, **hyper, horizon=n), cosine_annealing(n - q, **hyper, horizon=n)
    yield cosine_annealing(2 * n, **hyper, horizon=n), end + drop


@certified_value("schedule.cosine", "schedule.cosine.annealing", scope="rates from 1/10 to 1/100, at steps 1, 5, 7, 10 and 12 of 10")
def cosines_by_number(cosine_decay: Step, cosine_annealing: Step) -> Claims:
    """The values to six digits, computed by sin²: the half is at step 5, and step 12 is at the end or has the rate of step 8."""
    hyper: dict[str, Any] = {"end": Fraction(1, 100), "lr": Fraction(1, 10), "horizon": 10}
    for step, digits in ((1, "0.0977975"), (5, "0.0550000"), (7, "0.0285497"), (10, "0.0100000")):
        yield certified(cosine_decay, step, **hyper), prints_as(digits)
        yield certified(cosine_annealing, step, **hyper), prints_as(digits)
    yield certified(cosine_decay, 12, **hyper), Ball(Fraction(1, 100))
    yield certified(cosine_annealing, 12, **hyper), prints_as("0.0185942")


@law("schedule.cosine", "schedule.cooldown.sqrt", "schedule.cooldown.exponential", scope="float64, bit for bit", exact=True)
def end_is_exact(
    cosine_decay: Step, sqrt_cooldown: Step, exponential_cooldown: Step, end: Norm, lr: StartRate, horizon: FromOne, step: Count
) -> Claims:
    """From the horizon on the rate is exactly the end."""
    for form in (cosine_decay, sqrt_cooldown, exponential_cooldown):
        yield form(horizon + step, end=end, lr=lr, horizon=horizon), end


@proof("schedule.cosine.restarts", "schedule.cosine", scope="every step of every cycle, period, start and end")
def restarts_of_one_length(cosine_restarts: Step, cosine_decay: Step) -> Claims:
    """Step q s + r has the rate of step r of one cycle; the last of a cycle is above the end by the way that is left."""
    hyper = {"end": end, "lr": end + drop}
    yield cosine_restarts(at, **hyper, period=s), cosine_decay(r, **hyper, horizon=s)
    yield cosine_restarts(q * s, **hyper, period=s), end + drop
    yield cosine_restarts(q * n + n - 1, **hyper, period=n) - end, drop * half_cosine(1 / n)


@proof("schedule.cosine.restarts.growing", "schedule.cosine", scope="every cycle, first period, growth, start and end")
def restarts_that_grow(cosine_growing_restarts: Step, cosine_decay: Step) -> Claims:
    """Within a cycle only the step grows, after its last update the next cycle begins, longer by the factor."""
    hyper, longer = {"end": end, "lr": end + drop, "growth": n}, r + 2 + m
    for step, period, following in ((r, longer, (r + 1, longer)), (s - 1, s, (0 * s, n * s))):
        rate, state = cosine_growing_restarts(CycleState(step, period), **hyper)
        yield rate, cosine_decay(step, end=end, lr=end + drop, horizon=period)
        yield tuple(state), following


@certified_value("schedule.cosine.restarts", "schedule.cosine.restarts.growing", scope="60 updates, the paper's cycles, and cycles of 5")
def restarts_by_hand(cosine_restarts: Step, cosine_growing_restarts: Step) -> Claims:
    """The rates of the paper's cycles of 10, 20, 40, …, of 1, 2, 4, … and of cycles of 5, counted cycle by cycle."""
    cycles = [(int(row["period"]), int(row["growth"])) for row in stated_figures("schedule.cosine.restarts.growing")]
    for period, growth in [*cycles, (5, 1)]:
        state, lengths = CycleState(Ball(0), Ball(period)), (period * growth**cycle for cycle in itertools.count())
        positions = ((within, length) for length in lengths for within in range(length))
        for step, (within, length) in zip(range(60), positions, strict=False):
            expected = Ball(1) / 4 + (arb.cos_pi(arb(within) / length) + 1) / 2
            rate, state = cosine_growing_restarts(state, end=Ball(Fraction(1, 4)), lr=Ball(Fraction(5, 4)), growth=growth)
            yield rate, expected
            if growth == 1:
                yield cosine_restarts(Ball(step), end=Ball(Fraction(1, 4)), lr=Ball(Fraction(5, 4)), period=period), expected


# --- cycles and cooldowns ----------------------------------------------------------------------------------------------------------


@proof("schedule.one_cycle", "schedule.cosine", scope="every start, peak, end and length: before, at and after the peak, and after the end")
def up_and_down(one_cycle: Step, cosine_decay: Step) -> Claims:
    """Up to the peak the part of the way from start to lr is sin²; from there on it is cosine decay, counted from the peak."""
    high = a + end + drop
    hyper = {"start": delta, "lr": high, "end": end}
    yield one_cycle(c, **hyper, rise=c * (1 + z), fall=c), delta + (high - delta) * half_cosine(gamma)
    for step, fall in ((q, q + n), (n, n), (n + q, n)):
        yield one_cycle(h + step, **hyper, rise=h, fall=fall), cosine_decay(step, end=end, lr=high, horizon=fall)


@certified_value("schedule.one_cycle", "schedule.warmup.cosine", "schedule.wsd", scope="8 updates of each, by number")
def cycles_by_number(one_cycle: Step, warmup_cosine: Step, warmup_stable_decay: Step) -> Claims:
    """From 1/4 up to 1 in 4 updates and down to 1/8 in 6, with 2 updates between where the rate is stable; a peak between two updates."""
    ends: dict[str, Any] = {"start": Fraction(1, 4), "lr": 1, "end": Fraction(1, 8)}
    for step, cycle, line, trapezoid in (
        (0, "0.250000", "0.250000", "0.250000"),
        (1, "0.359835", "0.437500", "0.437500"),
        (3, "0.890165", "0.812500", "0.812500"),
        (4, "1.000000", "1.000000", "1.000000"),
        (6, "0.781250", "0.781250", "1.000000"),
        (7, "0.562500", "0.562500", "0.854167"),
        (10, "0.125000", "0.125000", "0.416667"),
        (13, "0.125000", "0.125000", "0.125000"),
    ):
        yield certified(one_cycle, step, **ends, rise=4, fall=6), prints_as(cycle)
        yield certified(warmup_cosine, step, **ends, rise=4, fall=6), prints_as(line)
        yield certified(warmup_stable_decay, step, **ends, rise=4, stable=2, fall=6), prints_as(trapezoid)
    for step, digits in ((2, "0.928381"), (3, "0.941386")):
        yield certified(one_cycle, step, **ends, rise=Fraction(5, 2), fall=Fraction(3, 1)), prints_as(digits)


@proof("schedule.warmup.cosine", "schedule.warmup.linear", "schedule.cosine", scope="every start, peak, end and length, in both parts")
def line_then_cosine(warmup_cosine: Step, linear_warmup: Step, cosine_decay: Step) -> Claims:
    """Up to the peak it is linear warm-up; from there on it is cosine decay, counted from the peak."""
    high = a + end + drop
    hyper = {"start": delta, "lr": high, "end": end}
    yield warmup_cosine(k, **hyper, rise=k + n, fall=q + 1), linear_warmup(k, start=delta, lr=high, horizon=k + n)
    for step, fall in ((q, q + n), (n, n), (n + q, n)):
        yield warmup_cosine(n + step, **hyper, rise=n, fall=fall), cosine_decay(step, end=end, lr=high, horizon=fall)


@proof(
    "schedule.wsd",
    "schedule.warmup.linear",
    "schedule.linear",
    scope="every start, rate, end and length: each part, and each place where two meet",
)
def trapezoid(warmup_stable_decay: Step, linear_warmup: Step, linear_decay: Step) -> Claims:
    """Linear warm-up, then lr for the stable updates and one more, then linear decay, counted from the last of them; then the end."""
    high = a + end + drop
    hyper = {"start": delta, "lr": high, "end": end}
    yield warmup_stable_decay(k, **hyper, rise=k + n, stable=m, fall=q + 1), linear_warmup(k, start=delta, lr=high, horizon=k + n)
    for step in (n, n + q, n + q + m):
        yield warmup_stable_decay(step, **hyper, rise=n, stable=q + m, fall=r + 1), high
    for step, fall in ((q, q + n), (n, n), (n + q, n)):
        falling = linear_decay(step, end=end, lr=high, horizon=fall)
        yield warmup_stable_decay(n + m + step, **hyper, rise=n, stable=m, fall=fall), falling


@enumeration("schedule.wsd", scope="exact, lengths up to 3 of each part, 3 starts and ends")
def trapezoid_by_hand(warmup_stable_decay: Step) -> Claims:
    """The rates one after another: equal changes upwards, none, equal changes downwards, none."""
    peak = Fraction(3, 2)
    for rise, stable, fall, first, last in itertools.product(
        range(1, 4), range(3), range(1, 4), (Fraction(0), peak / 2), (Fraction(0), Fraction(1, 4))
    ):
        rates = [first + (peak - first) * update / rise for update in range(rise)] + [peak] * stable
        rates += [peak + (last - peak) * update / fall for update in range(fall + 3) if update <= fall] + [last] * 2
        hyper = {"start": Rational(first), "lr": Rational(peak), "end": Rational(last)}
        for step, rate in enumerate(rates):
            lengths = {"rise": Rational(rise), "stable": Rational(stable), "fall": Rational(fall)}
            yield warmup_stable_decay(Rational(step), **hyper, **lengths), rate


@proof("schedule.cooldown.sqrt", "schedule.linear", scope="every start and end, at the squares of all shares of the horizon; and after it")
def root_of_the_time(sqrt_cooldown: Step, linear_decay: Step) -> Claims:
    """At α² of the horizon the part α of the way is done; it is below linear decay by (lr − end)/4 − (√α − 1/2)² (lr − end)."""
    hyper = {"end": end, "lr": end + drop, "horizon": n}
    for share in (0 * z, gamma, ONE):
        yield sqrt_cooldown(share**2 * n, **hyper), end + drop - drop * share
        gap_below = linear_decay(share**2 * n, **hyper) - sqrt_cooldown(share**2 * n, **hyper)
        yield gap_below, drop / 4 - (share - Fraction(1, 2)) ** 2 * drop
    yield sqrt_cooldown(n + m + 1, **hyper), end


@enumeration("schedule.cooldown.sqrt", scope="exact, steps that are squares, of horizons 1, 4, 9, 16, 3 ends")
def roots_by_hand(sqrt_cooldown: Step) -> Claims:
    """With k = a² and τ = b² the part a/b of the way is done."""
    start = Fraction(3, 2)
    for root, horizon_root, last in itertools.product(range(5), range(1, 5), (Fraction(0), Fraction(1, 4), start)):
        way = (start - last) * Fraction(min(root, horizon_root), horizon_root)
        hyper = {"end": Rational(last), "lr": Rational(start), "horizon": Rational(horizon_root**2)}
        yield sqrt_cooldown(Rational(root**2), **hyper), start - way


@proof(
    "schedule.cooldown.exponential",
    "schedule.exponential.per_period",
    scope="every step, horizon, start and end: before, at and after the horizon",
)
def power_of_one_half(exponential_cooldown: Step, smooth_step_decay: Step) -> Claims:
    """Before the horizon it is an exponential decay from 2 (lr − end) by 1/2 in τ updates, shifted by 2 end − lr."""
    horizon, half = k + 1 + m, Symbolic(Fraction(1, 2))
    hyper = {"end": end, "lr": end + drop}
    smooth = smooth_step_decay(k, lr=2 * drop, factor=half, period=horizon)
    yield exponential_cooldown(k, **hyper, horizon=horizon), smooth + end - drop
    yield exponential_cooldown(0 * k, **hyper, horizon=horizon), end + drop
    for step in (n, n + 1 + m):
        yield exponential_cooldown(step, **hyper, horizon=n), end


@certified_value("schedule.cooldown.exponential", scope="from 1 to 0 and from 1 to 1/2, at a quarter, the half and the end")
def cooldowns_by_number(exponential_cooldown: Step) -> Claims:
    """2 · 2^{−1/4} − 1 = .681793 and √2 − 1 = .414214 of the way are left."""
    for step, last, digits in ((1, 0, "0.681793"), (2, 0, "0.414214"), (4, 0, "0.000000"), (2, Fraction(1, 2), "0.707107")):
        yield exponential_cooldown(Ball(step), end=Ball(last), lr=Ball(1), horizon=4), prints_as(digits)


@proof("schedule.warmup.exponential", "schedule.exponential", scope="every update, rate and scale")
def what_is_missing_decays(exponential_warmup: Step, exponential_decay: Step) -> Claims:
    """What is missing from lr is exponential decay; at update 0 it would be all of it, and in the limit it is nothing."""
    rate = lambda update: exponential_warmup(update, lr=lr, scale=a)  # noqa: E731 - read as mathematics
    yield lr - rate(n), exponential_decay(n, lr=lr, decay=1 / a)
    yield rate(0 * n), 0
    yield limit(rate(n), n), lr


@certified_value("schedule.warmup.exponential", scope="the paper's scale, updates 1, 4605 and 4606")
def untuned_warmup(exponential_warmup: Step) -> Claims:
    """The first update has .00099950 of the rate, and update 4606 is the first above .99."""
    (row,) = stated_figures("schedule.warmup.exponential")
    yield certified(exponential_warmup, 1, lr=1, scale=row["scale"]), prints_as("0.00099950")
    for update, is_larger in ((4605, False), (4606, True)):
        yield bool(certified(exponential_warmup, update, lr=1, scale=row["scale"]) > Ball(Fraction(99, 100))), is_larger


# --- recursions --------------------------------------------------------------------------------------------------------------------


@proof("schedule.recursion", scope="every step before the horizon, rate, end, power, factor and period")
def rates_from_the_rate_before(
    linear_decay: Step, polynomial_decay: Step, step_decay: Step, exponential_decay: Step, cosine_decay: Step
) -> Claims:
    """Each rate is the one before, or its distance to the end, times a ratio that does not depend on it."""
    horizon = k + 2 + m
    line = lambda step: linear_decay(step, end=end, lr=end + drop + c, horizon=horizon)  # noqa: E731 - read as mathematics
    change = -(drop + c) / (end + drop + c)
    yield line(k + 1), line(k) * (1 + change / (horizon + change * k))
    left = lambda step: polynomial_decay(step, end=0 * end, lr=lr, horizon=horizon, power=p)  # noqa: E731 - read as mathematics
    yield left(k + 1), left(k) * ((1 - (k + 1) / horizon) / (1 - k / horizon)) ** p
    stair = lambda step: step_decay(step, lr=lr, factor=gamma, period=s + 1)  # noqa: E731 - read as mathematics
    yield stair(q * (s + 1) + r + 1), stair(q * (s + 1) + r)
    yield stair((q + 1) * (s + 1)), gamma * stair((q + 1) * (s + 1) - 1)
    yield exponential_decay(k + 1, lr=lr, decay=c), np.exp(-c) * exponential_decay(k, lr=lr, decay=c)
    wave = lambda step: cosine_decay(step, end=end, lr=end + drop, horizon=horizon)  # noqa: E731 - read as mathematics
    way = lambda step: (1 + np.cos(Symbolic(sp.pi) * step / horizon)) / 2  # noqa: E731 - read as mathematics
    yield (wave(k + 1) - end) * way(k), (wave(k) - end) * way(k + 1)
    changed = end + (c * wave(k) - end) * way(k + 1) / way(k)
    yield (changed - c * wave(k + 1)) * way(k), end * (1 - c) * (way(k) - way(k + 1))


@enumeration("schedule.recursion", scope="exact, horizons up to 6, ends 0 and 1/4, and twice the rate from step 2 on")
def recursions_by_hand(linear_decay: Step, polynomial_decay: Step) -> Claims:
    """The ratios multiplied step by step; a rate that is doubled on the way stays twice the closed form."""
    start = Fraction(3, 2)
    for horizon, last in itertools.product(range(3, 7), (Fraction(0), Fraction(1, 4))):
        rate, doubled = start, start
        for step in range(horizon - 1):
            change = last / start - 1
            ratio = 1 + change / (horizon + change * step)
            rate, doubled = rate * ratio, doubled * ratio * (2 if step == 1 else 1)
            hyper = {"end": Rational(last), "lr": Rational(start), "horizon": Rational(horizon)}
            yield linear_decay(Rational(step + 1), **hyper), rate
            yield (2 if step > 0 else 1) * linear_decay(Rational(step + 1), **hyper), doubled
            if last == 0:
                yield polynomial_decay(Rational(step + 1), **hyper, power=Rational(2)), rate**2 / start


# --- Robbins and Monro -------------------------------------------------------------------------------------------------------------


@proof("schedule.robbins_monro", "schedule.power", scope="every power")
def powers_by_condensation(power_decay: Step) -> Claims:
    """Decreasing rates have a finite sum exactly if Σ 2ʲ η(2ʲ) is finite (Cauchy).

    Here that series is geometric of ratio 2^{1−p}, for squares 2^{1−2p}. So Σ η = ∞ exactly if p ≤ 1, and Σ η² < ∞ exactly if p > ½.
    """
    continuous = symbols("t", positive=True)
    falling = Symbolic(sp.diff(power_decay(continuous, lr=lr, power=p).item(), continuous.item()))
    yield falling < 0, True
    condensed = lambda i, square: 2**i * power_decay(2**i, lr=lr, power=p) ** square  # noqa: E731 - read as mathematics
    yield condensed(j + 1, 1), 2 ** (1 - p) * condensed(j, 1)
    yield condensed(j + 1, 2), 2 ** (1 - 2 * p) * condensed(j, 2)
    for power in (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(1), Fraction(5, 4)):
        first, second = (2**i * power_decay(Symbolic(2**i), lr=ONE, power=Symbolic(power)) for i in (1, 2))
        yield (second / first < 1, second**2 / first**2 < 2), (power > 1, power > Fraction(1, 2))


@proof("schedule.robbins_monro", scope="every lr, decay, scale, offset and epoch length")
def inverse_time_and_harmonic_satisfy_both(inverse_time_decay: Step, harmonic_decay: Step, power_decay: Step) -> Claims:
    """1/t decay is at least lr/(1 + c) times 1/(k + 1) and, from k = 1 on, at most lr/c times 1/k, so it behaves as p = 1.

    The sum of an epoch of N harmonic rates, or of their squares, is N times one term of 1/t decay, or its square.
    """
    rate = lambda step: inverse_time_decay(step, lr=lr, decay=c)  # noqa: E731 - read as mathematics
    yield rate(k) >= power_decay(k + 1, lr=lr / (1 + c), power=ONE), True
    yield rate(n) <= power_decay(n, lr=lr / c, power=ONE), True
    yield harmonic_decay(at, scale=scale, offset=a, period=s), inverse_time_decay(q, lr=scale / a, decay=1 / a)


@proof("schedule.robbins_monro", scope="every lr, decay, factor and period")
def step_and_exponential_violate_the_first(step_decay: Step, exponential_decay: Step) -> Claims:
    """The rates of step decay have a finite sum: Q stairs sum to s lr (1 − γ^Q)/(1 − γ), by induction. So do their squares.

    Exponential decay is a geometric series as well.
    """
    stair = step_decay(at, lr=lr, factor=gamma, period=s)  # the same for every r
    yield stair, step_decay(q * s, lr=lr, factor=gamma, period=s)
    for square in (1, 2):
        total = lambda stairs: s * lr**square * (1 - gamma ** (square * stairs)) / (1 - gamma**square)  # noqa: B023, E731
        yield total(0 * q), 0
        yield total(q + 1) - total(q), s * step_decay(q * s, lr=lr, factor=gamma, period=s) ** square
        yield limit(total(q), q), s * lr**square / (1 - gamma**square)
        ratio = exponential_decay(k + 1, lr=lr, decay=c) ** square / exponential_decay(k, lr=lr, decay=c) ** square
        yield ratio, np.exp(-square * c)


@proof("schedule.robbins_monro", scope="every rate, end, horizon and boundary")
def constant_and_held_violate_the_second(constant_rate: Step, linear_decay: Step, piecewise_constant: Step) -> Claims:
    """Rates that stay above 0 have an infinite sum of squares.

    Constant, linear with an end > 0, and piecewise constant after the last boundary.

    Linear decay to 0 has finitely many rates above 0, so it violates the first condition.
    """
    held = linear_decay(n + m, end=c, lr=c + drop, horizon=n)
    pieces = piecewise_constant(k + m, np.stack([k]), np.stack([gamma]), lr=lr)
    for rate, level in ((constant_rate(k, lr=lr), lr), (held, c), (pieces, lr * gamma)):
        yield rate, level
        yield level**2 > 0, True
    yield linear_decay(n + m, end=0 * c, lr=lr, horizon=n), 0


@enumeration("schedule.robbins_monro", scope="exact, blocks of steps 2ʲ … 2ʲ⁺¹ − 1, j ≤ 6, of 7 schedules and their squares")
def doubling_blocks(
    constant_rate: Step, linear_decay: Step, step_decay: Step, inverse_time_decay: Step, harmonic_decay: Step, power_decay: Step
) -> Claims:
    """The sum of each block lies between half the next condensed term and its own.

    The last falls to 3/4 of the one before exactly if the sum is finite.
    """
    hold, halve, unit = {"end": fraction(1, 100), "lr": fraction(1), "horizon": Rational(20)}, fraction(1, 2), fraction(1)
    schedules = {
        (True, False): [
            lambda i: constant_rate(i, lr=unit),
            lambda i: linear_decay(i, **hold),
        ],
        (False, True): [
            lambda i: linear_decay(i, **{**hold, "end": fraction(0)}),
            lambda i: step_decay(i, lr=unit, factor=halve, period=Rational(5)),
        ],
        (True, True): [
            lambda i: inverse_time_decay(i, lr=unit, decay=fraction(1, 3)),
            lambda i: harmonic_decay(i, scale=unit, offset=unit, period=Rational(4)),
            lambda i: power_decay(i, lr=unit, power=Rational(1)),
        ],
    }
    for verdict, rates in schedules.items():
        for rate in rates:
            for square, endless in ((1, verdict[0]), (2, not verdict[1])):
                blocks = []
                for i in range(7):
                    blocks.append(sum((rate(Rational(step)) ** square for step in range(2**i, 2 ** (i + 1))), Rational(0)))
                    condensed = [2**e * rate(Rational(2**e)) ** square for e in (i, i + 1)]
                    yield bool(condensed[1] / 2 <= blocks[-1]), True
                    yield bool(blocks[-1] <= condensed[0]), True
                yield bool(4 * blocks[-1] <= 3 * blocks[-2]), not endless


# --- faster than 1/k ---------------------------------------------------------------------------------------------------------------


@proof("schedule.robbins_monro.fastest", "schedule.robbins_monro", scope="every lr")
def faster_and_still_enough(log_harmonic: Step, power_decay: Step) -> Claims:
    """The condensed series of rates is the harmonic series divided by ln 2, which is infinite; that of squares stays below Σ 1/j².

    And k η → 0.
    """
    u = symbols("u", positive=True)  # ln k
    grown = symbols("grown", positive=True)
    falling = sp.diff(log_harmonic(grown, lr=lr).item(), grown.item()).subs(grown.item(), sp.exp(u.item()))
    yield Symbolic(sp.simplify(falling)) < 0, True
    at_power = Symbolic(sp.expand_log(log_harmonic(2**n, lr=lr).item()))
    yield 2**n * at_power, power_decay(n, lr=lr, power=ONE) / np.log(Symbolic(2))
    squares = 2**n * at_power**2
    yield squares * 2**n, (power_decay(n, lr=lr, power=ONE) / np.log(Symbolic(2))) ** 2
    yield limit(log_harmonic(n, lr=lr) / power_decay(n, lr=lr, power=ONE), n), 0


@certified_value("schedule.robbins_monro.fastest", scope="the integral of the square from 2 on; rates at k = 2 and 100")
def squares_by_number(log_harmonic: Step) -> Claims:
    """∫ dk/(k ln k)² = 1/(2 ln 2) + Ei(−ln 2) = .3427. The antiderivative −1/(k ln k) − Ei(−ln k) is tested on the formula itself."""
    t = sp.Symbol("t", positive=True)
    antiderivative = -1 / (t * sp.log(t)) - sp.Ei(-sp.log(t))
    yield Symbolic(sp.simplify(sp.diff(antiderivative, t))), log_harmonic(Symbolic(t), lr=ONE) ** 2
    two = arb(2).log()
    yield Ball(1 / (2 * two) + (-two).ei()), prints_as("0.3427")
    yield certified(log_harmonic, 2, lr=1), prints_as("0.721348")
    yield certified(log_harmonic, 100, lr=1), prints_as("0.00217147")


@erratum("E33")
def nothing_faster_than_harmonic(log_harmonic: Step, power_decay: Step) -> Claims:
    """As printed, no schedule that satisfies both conditions decreases faster than 1/k."""
    yield limit(log_harmonic(n, lr=lr) / power_decay(n, lr=ONE, power=ONE), n) > 0, True


# --- a constant rate on a parabola -------------------------------------------------------------------------------------------------


def after(constant_rate: Step, w: Any, curvature: Any, rate: Any) -> Any:
    """Return one step of gradient descent on h w²/2 at a constant rate."""
    return w - constant_rate(0 * w, lr=rate) * curvature * w


@proof("schedule.choice", scope="every curvature, rate and error")
def five_ranges(constant_rate: Step, gd_rate: Step) -> Claims:
    """The error is multiplied by 1 − η h, whose modulus is the rate of convergence; each range of η has the stated behaviour."""
    ratio = lambda rate: after(constant_rate, x, h, rate) / x  # noqa: E731 - read as mathematics
    yield ratio(lr), 1 - lr * h
    yield gd_rate(np.stack([h]), lr=lr), np.abs(ratio(lr))
    low, high = ratio(gamma / h), ratio((1 + gamma) / h)
    for holds in (low > 0, low < 1, high < 0, high > -1, ratio((2 + z) / h) < -1):
        yield holds, True
    yield ratio(1 / h), 0
    yield ratio(2 / h), -1


@enumeration("schedule.choice", scope="exact, curvatures 1, 2, 5, 10 steps")
def five_ranges_by_hand(constant_rate: Step) -> Claims:
    """The number of changes of sign is 0, 1 or 10, and the errors shrink, stay or grow, as stated."""
    for curvature, (eighths, flips, size) in itertools.product((1, 2, 5), ((4, 0, -1), (8, 0, -1), (12, 10, -1), (16, 10, 0), (17, 10, 1))):
        error, flipped = Rational(3), 0
        for _ in range(10):
            moved = after(constant_rate, error, curvature, Rational(Fraction(eighths, 8 * curvature)))
            flipped += bool(moved * error < 0)
            yield np.sign(np.abs(moved) - np.abs(error)), 0 if error == 0 else size
            error = moved
        yield flipped, flips
        yield bool(error == 0), eighths == 8
