"""Tests of what an initializer draws: exact ones, and statistical ones whose error probability is stated.

Exact: the support, orthogonality, the number of non-zeros, the partition of an epoch. Statistical: the distribution function (Dvoretzky,
Kiefer & Wolfowitz, with Massart's constant), its tails (Bernstein), the second moment (Laurent & Massart for normal entries, Hoeffding for
bounded ones), signs and their correlation along rows and columns, and of every two rows and every two columns (Hoeffding). Draws that are
more regular than independent ones are (stratified, or rescaled to an exact mean or deviation) are found by how seldom sums of free signs
are near 0 (Erdős).
All bounds hold for every sample size. A correct initializer fails any of them with a probability below `ALPHA`; seeds are fixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..functions.observations import FunctionCall, FunctionObservations
from .distributions import Distribution
from .runner import LARGE, MOST_INPUTS

ALPHA = 1e-9  # the probability that a correct initializer fails
TESTS = 40  # at most so many tests share it
ROUNDING = 64.0  # roundings by which an orthogonal matrix or a support may be off, for each row
TAILS = (0.01, 0.001)  # probabilities of both tails together
NEARLY_ZERO = 0.1  # of the root mean square of the entries: a sum so near to 0 is no accident in all draws
NEARLY_EQUAL = 4e-6  # of mean squares: 12 draws are so near to each other with a probability below 1e-30, and rescaled ones always
BALANCED = 2  # entries by which two halves of a sample differ from its half, at most, in draws that are stratified
NEARLY_ORTHOGONAL = 1e-3  # of the deviation of a product of two rows of independent entries

DistributionOf = Callable[[int, int, Mapping[str, Any]], Distribution]  # by fan_out, fan_in and hyper-parameters


@dataclass(frozen=True)
class FailedTest:
    """A test that draws failed: its name, and what was observed against what is allowed."""

    test: str
    description: str


def check_independent_entries(distribution_of: DistributionOf, part: FunctionObservations, hyper: Mapping[str, Any]) -> FailedTest | None:
    """Return the first test that draws of independent entries fail, if any."""
    for call in part.calls:
        sizes, weights = call.case.arguments, call.outputs[0]
        reach = distribution_of(sizes["fan_out"], sizes["fan_in"], hyper).reach
        largest = float(np.max(np.abs(weights)))
        if largest > reach * (1 + 4 * float(np.finfo(weights.dtype).eps)):
            return FailedTest("support", f"an entry is {largest:.6g}, beyond {reach:.6g}, at shape {weights.shape}")
    samples = large_draws(part)
    distribution = distribution_of(*LARGE, hyper)
    entries = check_distribution(distribution, samples) or check_signs(samples)
    return entries or check_pairs(samples) or check_chance(distribution, samples) or check_long_draws(distribution_of, part, hyper)


def check_long_draws(distribution_of: DistributionOf, part: FunctionObservations, hyper: Mapping[str, Any]) -> FailedTest | None:
    """Return the first test that a draw with thousands of rows or columns fails, if any."""
    for call in draws_named(part, "long"):
        sizes, weights = call.case.arguments, call.outputs[0]
        if failed := check_distribution(distribution_of(sizes["fan_out"], sizes["fan_in"], hyper), weights):
            return replace(failed, description=f"{failed.description}, at shape {weights.shape}")
    return None


def check_distribution(distribution: Distribution, sample: Any) -> FailedTest | None:
    """Return the first test of one distribution that a sample of independent entries fails, if any."""
    n, alpha = sample.size, ALPHA / TESTS
    entries = np.sort(sample.ravel().astype(float))
    largest = max(-entries[0], entries[-1])
    if largest > distribution.reach * (1 + 4 * float(np.finfo(sample.dtype).eps)):
        return FailedTest("support", f"an entry is {largest:.6g}, beyond {distribution.reach:.6g}")
    mean_square = float(np.mean(entries**2))
    if distribution.reach == math.inf:
        x = math.log(2 / alpha)
        allowed = distribution.scale**2 * (2 * math.sqrt(x / n) + 2 * x / n)
    else:
        allowed = distribution.reach**2 * math.sqrt(math.log(2 / alpha) / (2 * n))
    if abs(mean_square - distribution.mean_square) > allowed:
        due = f"{distribution.mean_square:.6g} ± {allowed:.2g}"
        return FailedTest("second moment", f"the mean square is {mean_square:.6g} where {due} is due")
    empirical, cumulative = np.arange(1, n + 1) / n, distribution.cumulative(entries)
    distance = float(np.max(np.maximum(empirical - cumulative, cumulative - empirical + 1 / n)))
    if distance > (allowed := math.sqrt(math.log(2 / alpha) / (2 * n))):
        return FailedTest("distribution", f"the distribution function is off by {distance:.3g} where {allowed:.2g} is allowed")
    return check_tails(cumulative)


def check_tails(cumulative: Any) -> FailedTest | None:
    """Return a test that fails if another number of entries than is due are in the tails, by the distribution function at the entries.

    The number is binomial, and within Bernstein's bound of its mean.
    """
    log_chance = math.log(2 * TESTS / ALPHA)
    for share in TAILS:
        due, found = share * cumulative.size, int(np.sum(2 * np.minimum(cumulative, 1 - cumulative) < share))
        allowed = log_chance / 3 + math.sqrt(log_chance**2 / 9 + 2 * due * log_chance)
        if abs(found - due) > allowed:
            observed = f"{found} of {cumulative.size} entries are in the tails, of probability {share:g}"
            return FailedTest("tails", f"{observed}, where {due:.4g} ± {allowed:.2g} are due")
    return None


def check_signs(samples: Any) -> FailedTest | None:
    """Return a test that fails if signs are not + as often as −, or those of neighbours in rows, columns and draws are dependent."""
    signs = np.sign(samples)
    rows, columns = samples.shape[1] // 2, samples.shape[2] // 2
    products = {
        "signs": signs,
        "neighbours in a row": signs[:, :, ::2][:, :, :columns] * signs[:, :, 1::2],
        "neighbours in a column": signs[:, ::2, :][:, :rows, :] * signs[:, 1::2, :],
        "successive draws": signs[::2] * signs[1::2],
        "the two ends of a row": signs[:, :, :columns] * signs[:, :, ::-1][:, :, :columns],
    }
    for name, values in products.items():
        allowed = math.sqrt(2 * math.log(2 * TESTS / ALPHA) / values.size)
        if abs(float(np.mean(values))) > allowed:
            return FailedTest(name, f"the mean of {name} is {np.mean(values):.3g} where ±{allowed:.2g} is allowed")
    return None


def check_pairs(samples: Any) -> FailedTest | None:
    """Return a test that fails if two rows or two columns are dependent, in all draws together, or all of them are orthogonal.

    Given the magnitudes, the signs of the products of independent symmetric entries are free: their sum is within Hoeffding's bound.
    Of disjoint pairs, each is so nearly orthogonal with a probability of a half at most, since the sign of the largest product is free.
    """
    samples = samples.astype(float)
    for name, rows in {"rows": samples, "columns": np.swapaxes(samples, 1, 2)}.items():
        products, sizes = rows @ np.swapaxes(rows, 1, 2), np.sqrt(np.sum(rows**2 @ np.swapaxes(rows**2, 1, 2), axis=0))
        first, second = np.triu_indices(rows.shape[1], 1)
        correlations = np.abs(np.sum(products, axis=0))[first, second] / np.maximum(sizes[first, second], np.finfo(float).tiny)
        allowed = math.sqrt(2 * math.log(2 * correlations.size * TESTS / ALPHA))
        if np.max(correlations) > allowed:
            worst = int(np.argmax(correlations))
            observed = f"{name} {first[worst]} and {second[worst]} are correlated: {correlations[worst]:.3g} deviations from 0"
            return FailedTest(f"pairs of {name}", f"{observed} where {allowed:.2g} are allowed")
        scale = np.mean(samples**2) * math.sqrt(rows.shape[2])
        if np.max(np.abs(products[:, first, second])) < NEARLY_ORTHOGONAL * scale:
            return FailedTest(f"pairs of {name}", f"all {name} are orthogonal to each other where independent ones are due")
    return None


def check_chance(distribution: Distribution, samples: Any) -> FailedTest | None:
    """Return a test that fails if draws are more regular than chance: an exact mean or deviation, or as many entries in both halves.

    The halves are the entries above 0, and those whose modulus is below its median: each has a binomial number of them.
    """
    draws = samples.reshape(len(samples), -1).astype(float)
    scale = float(np.sqrt(np.mean(draws**2)))
    large = np.sum(np.abs(draws) >= NEARLY_ZERO * scale, axis=1)
    inner = np.abs(2 * distribution.cumulative(draws) - 1) < 0.5
    halves = np.stack([np.sum(draws > 0, axis=1), np.sum(inner, axis=1)]) - draws.shape[1] / 2
    balanced = (2 * BALANCED + 1) * chance_of_zero(draws.shape[1])
    regular = {
        "mean": np.all(np.abs(np.sum(draws, axis=1)) < NEARLY_ZERO * scale) and np.prod(chance_of_zero(large)) < ALPHA / TESTS,
        "mean square": np.ptp(np.mean(draws**2, axis=1)) < NEARLY_EQUAL * scale**2,
        "deviation": np.ptp(np.var(draws, axis=1)) < NEARLY_EQUAL * scale**2,
        "number of entries in each half": np.all(np.abs(halves) <= BALANCED) and balanced ** len(draws) < ALPHA / TESTS,
    }
    same = [name for name, is_regular in regular.items() if is_regular]
    observed = "is the same in all draws, where that of independent entries varies"
    return FailedTest("chance", f"the {' and the '.join(same)} {observed}") if same else None


def chance_of_zero(terms: Any) -> Any:
    """Return a bound on how likely a sum with free signs is nearly 0, by the number of its large terms (Erdős 1945).

    At most C(m, m/2) of the 2ᵐ signs of m terms of modulus ≥ r lead into an open interval of length 2r; that is below √(2 / (π m)).
    """
    return np.sqrt(2 / (np.pi * np.maximum(terms, 1)))


def large_draws(part: FunctionObservations) -> Any:
    """Return the draws of the large shape."""
    return np.stack([call.outputs[0] for call in part.calls if call.case.name.startswith("large")])


def draws_named(part: FunctionObservations, *prefixes: str) -> list[FunctionCall]:
    """Return the draws whose names start so."""
    return [call for call in part.calls if call.case.name.startswith(prefixes)]


def orthogonality_error(weights: Any, gain: float) -> tuple[float, float]:
    """Return how far the shorter side of a matrix is from orthonormal but for a gain, and what rounding allows."""
    tall = (weights if weights.shape[0] >= weights.shape[1] else weights.T).astype(float)
    unit = float(np.finfo(weights.dtype).eps) if weights.dtype.kind == "f" else 0.0
    error = float(np.max(np.abs(tall.T @ tall - gain**2 * np.eye(tall.shape[1]))))
    return error, ROUNDING * unit * gain**2 * math.sqrt(max(weights.shape))


def check_orthogonal(part: FunctionObservations, hyper: Mapping[str, Any]) -> FailedTest | None:
    """Return a test that fails if rows or columns are not orthonormal but for the gain, or the signs are not free."""
    gain = hyper.get("gain", 1.0)
    for call in part.calls:
        error, allowed = orthogonality_error(call.outputs[0], gain)
        if error > allowed:
            return FailedTest("orthogonality", f"WᵀW is off {gain:g}² I by {error:.3g}, at shape {call.outputs[0].shape}")
    squares = np.stack([call.outputs[0] for call in draws_named(part, "square")]) / gain
    allowed = math.sqrt(2 * math.log(2 * squares[0].size * TESTS / ALPHA) / len(squares))
    means = np.abs(np.mean(squares, axis=0))
    if np.max(means) > allowed:
        entry = tuple(int(i) for i in np.unravel_index(int(np.argmax(means)), means.shape))
        observed = f"the mean of entry {entry} over {len(squares)} draws is {means[entry]:.3g} where {allowed:.2g} is allowed"
        return FailedTest("free signs", f"{observed}: the signs of R are not taken out")
    return check_signs(large_draws(part))


def check_sparse(part: FunctionObservations, hyper: Mapping[str, Any]) -> FailedTest | None:
    """Return a test that fails if a unit has not as many inputs as were asked for, anywhere, or their weights are not normal."""
    for call in part.calls:
        count, used = call.case.arguments["count"], call.outputs[0] != 0
        per_unit = np.sum(used, axis=1)
        if np.any(per_unit != count):
            per_input = np.sum(used, axis=0)
            turned = f" (each input has {per_input[0]} outputs instead)" if np.ptp(per_input) == 0 else ""
            observed = f"a unit has {per_unit[per_unit != count][0]} inputs where {count} are due, at shape {used.shape}{turned}"
            return FailedTest("number of non-zeros", observed)
    samples = large_draws(part)
    used = samples != 0
    share = part.calls[0].case.arguments.get("count", hyper.get("count", MOST_INPUTS)) / samples.shape[2]
    frequencies = np.mean(used, axis=(0, 1))
    allowed = math.sqrt(math.log(2 * frequencies.size * TESTS / ALPHA) / (2 * samples.shape[0] * samples.shape[1]))
    furthest = frequencies[np.argmax(np.abs(frequencies - share))]
    if abs(furthest - share) > allowed:
        return FailedTest("places", f"an input is used with frequency {furthest:.3g} where {share:.3g} ± {allowed:.2g} is due")
    return check_distribution(Distribution("normal", hyper.get("std", 1.0)), samples[used])


def check_partition(part: FunctionObservations, hyper: Mapping[str, Any]) -> FailedTest | None:
    """Return a test that fails if the batches of an epoch do not hold every sample once, in an order of their own and in full batches."""
    orders = []
    for call in part.calls:
        samples, size = call.case.arguments["samples"], call.case.arguments["size"]
        order = np.concatenate([batch.ravel() for batch in call.outputs])
        if not np.array_equal(np.sort(order), np.arange(samples)):
            return FailedTest("partition", f"the batches do not hold each of {samples} samples once")
        incomplete = [batch for batch in call.outputs[:-1] if len(batch) != size]
        if incomplete or len(call.outputs) != -(-samples // size):
            largest = max(map(len, call.outputs))
            return FailedTest("sizes", f"there are {len(call.outputs)} batches of up to {largest} where {size} samples are due in each")
        orders.append(order)
    if all(np.array_equal(orders[0], order) for order in orders) or np.array_equal(orders[0], np.sort(orders[0])):
        return FailedTest("order", "the order is not drawn")
    return None
