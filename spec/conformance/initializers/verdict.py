"""Initializers as subjects: judged by what is exact about them, and by tests whose error probability is stated.

Exact: shape, finiteness, one array for one seed and another for another, the support, orthogonality, the number of non-zeros.
Statistical: the distribution function (Dvoretzky, Kiefer & Wolfowitz, with Massart's constant), the second moment (Laurent & Massart
for normal entries, Hoeffding for bounded ones), signs and their correlation along rows and columns (Hoeffding). All bounds hold for every
sample size, none is asymptotic. A right initializer fails any of them with probability below `ALPHA`; seeds are fixed.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....reference import FORMULAS, Formula
from ....reference.validation import domains
from ..functions.binding import Binding, bind
from ..functions.cases import Case
from ..functions.runner import FunctionTask, Record, Seen
from ..implementation import FunctionSubject
from ..optimizers.runner import Fault, Misbehaved, Refusal, attempt, random_states, reseeded

ALPHA = 1e-9  # the probability that a right initializer is turned away
TESTS = 40  # at most so many share it
LARGE = (64, 160)  # fan_out, fan_in: far from square, so that swapped fans show
DRAWS = 12  # of that shape
SMALL = ((3, 5), (5, 3), (1, 4), (4, 4))
ROTATIONS = 500  # draws of a small square matrix, for the signs of an orthogonal one
SHAPES = ("shape", "size", "dims")
SEEDS = ("seed",)
SPREAD = 0.8796256610342398  # the deviation of a standard normal cut at ±2
ROUNDING = 64.0  # roundings that an orthogonal matrix or a support may be off by, for each row


def hyper_parameters(formula: Formula[..., Any]) -> dict[str, Any]:
    """The numbers that an initializer is asked for, away from 1."""
    chosen = {"std": 0.625, "half_width": 0.75, "gain": 1.375, "cut": 2.0, "spread": SPREAD, "count": 3, "size": 3, "samples": 40}
    return {name: chosen[name] for name in domains(formula.raw) if name in chosen}


def takes_source(formula: Formula[..., Any]) -> bool:
    """Whether a formula draws from a source of randomness."""
    return any(one.kind == "source" for one in domains(formula.raw).values())


# --- in the subject's process -------------------------------------------------------------------------------------------------------------


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of a source and two fans, from one of a shape and a generator or a seed."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return function
    shape = next((one for one in parameters if one.name in SHAPES), None)
    seed = next((one for one in parameters if one.name in SEEDS), None)
    if not shape and not seed:
        return function
    named = inspect.Parameter.KEYWORD_ONLY
    kept = [
        one.replace(kind=named) for one in parameters if one not in (shape, seed) and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    ]
    fans = [inspect.Parameter(name, named) for name in ("fan_out", "fan_in")] if shape else []
    source = [inspect.Parameter("source", named)] if seed else []

    def call(**arguments: Any) -> Any:
        fans_given = {shape.name: (arguments.pop("fan_out"), arguments.pop("fan_in"))} if shape else {}
        seeded = {seed.name: int(arguments.pop("source").integers(2**31))} if seed else {}
        return function(**fans_given, **seeded, **arguments)

    call.__signature__ = inspect.Signature([*source, *fans, *kept])  # type: ignore[attr-defined]
    return call


def sampled(subject: FunctionSubject, task: FunctionTask) -> Seen:
    """What an initializer draws, from fixed seeds."""
    formula = FORMULAS[subject.formula]
    function = plain(subject.call) if "fan_in" in domains(formula.raw) else subject.call
    try:
        binding, pinned = bind(function, formula, task.names, task.settings, subject.fixed)
    except Refusal as problem:
        return Seen(formula.id, settings=task.settings, faults=(Fault("settings", str(problem)),))
    hyper = {**hyper_parameters(formula), **{name: values[0] for name, values in binding.open.items()}, **pinned}
    records: list[Record] = []
    faults: list[Fault] = []
    try:
        for name, sizes, seed in plan(formula):
            arguments = {**hyper, **sizes}
            drawn, seen = draw(function, binding, arguments, seed, name)
            faults += seen
            records.append(Record(Case(name, "its distribution", {**arguments, "seed": seed}), tuple(drawn)))
        faults += randomness(function, binding, {**hyper, **sizes_of(formula, (4, 6))})
    except Misbehaved as problem:
        faults.append(problem.fault)
        records = []
    unique = {one.kind: one for one in reversed(faults)}
    return Seen(formula.id, binding.open, {**pinned}, tuple(records), tuple(reversed(unique.values())))


def plan(formula: Formula[..., Any]) -> Iterator[tuple[str, dict[str, int], int]]:
    """The draws: their names, sizes and seeds."""
    if "fan_in" not in domains(formula.raw):
        yield from ((f"epoch {seed}", {}, seed) for seed in range(1, DRAWS + 1))
        return
    for seed in range(1, DRAWS + 1):
        yield f"large {seed}", sizes_of(formula, LARGE), seed
    for seed, shape in enumerate(SMALL, start=101):
        yield f"small {shape}", sizes_of(formula, shape), seed
    for seed in range(1001, 1001 + ROTATIONS if formula.id == "init.orthogonal" else 1001):
        yield f"square {seed}", sizes_of(formula, (3, 3)), seed


def sizes_of(formula: Formula[..., Any], shape: tuple[int, int]) -> dict[str, int]:
    """The fans, and how many inputs a sparse unit has."""
    if "fan_in" not in domains(formula.raw):
        return {}
    return {"fan_out": shape[0], "fan_in": shape[1], **({"count": min(15, shape[1] - 1)} if "count" in domains(formula.raw) else {})}


def draw(
    function: Callable[..., Any], binding: Binding, arguments: Mapping[str, Any], seed: int, name: str
) -> tuple[list[Any], list[Fault]]:
    """One draw from a seed, and what is wrong with it."""
    before = random_states()
    source = np.random.default_rng(seed)
    result = attempt(f"draw {name!r}", lambda: binding.call(function, {**arguments, "source": source}))
    faults = reseeded(before, f"draw {name!r}")
    parts = list(result) if isinstance(result, tuple | list) else [result]
    arrays = [np.array(one) for one in parts]
    due = (arguments["fan_out"], arguments["fan_in"]) if "fan_out" in arguments else None
    for array in arrays:
        if due and array.shape != due:
            raise Misbehaved("shape", f"it returns shape {array.shape} where {due} is due, in draw {name!r}")
        if array.dtype.kind not in ("f" if due else "iu"):
            raise Misbehaved(
                "dtype", f"it returns {array.dtype} where {'real numbers are' if due else 'indices are'} due, in draw {name!r}"
            )
        if not np.all(np.isfinite(array)):
            raise Misbehaved("not-finite", f"it returns {array[~np.isfinite(array)][0]} in draw {name!r}")
    return arrays, faults


def randomness(function: Callable[..., Any], binding: Binding, arguments: Mapping[str, Any]) -> Iterator[Fault]:
    """Whether the same seed gives the same, another seed something else, and a second draw from one source something new."""
    one, again, other = (draw(function, binding, arguments, seed, "again")[0] for seed in (7, 7, 8))
    if not all(np.array_equal(a, b) for a, b in zip(one, again, strict=True)):
        yield Fault("random", "two draws from sources of the same seed differ", fatal=False)
    elif all(np.array_equal(a, b) for a, b in zip(one, other, strict=False)):
        yield Fault("ignores-source", "draws from sources of different seeds are the same", fatal=False)


# --- laws ---------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Law:
    """A distribution of independent entries: its family, its scale, and how far it reaches."""

    family: str  # normal · uniform · truncated
    scale: float  # the deviation of a normal, before it is cut; half the width of a uniform
    cut: float = math.inf  # in deviations

    @property
    def reach(self) -> float:
        """The largest modulus."""
        return self.scale if self.family == "uniform" else self.scale * self.cut

    @property
    def mean_square(self) -> float:
        """The second moment."""
        if self.family == "uniform":
            return self.scale**2 / 3
        if self.cut == math.inf:
            return self.scale**2
        inside = math.erf(self.cut / math.sqrt(2))
        density = math.exp(-(self.cut**2) / 2) / math.sqrt(2 * math.pi)
        return self.scale**2 * (1 - 2 * self.cut * density / inside)

    def below(self, x: Any) -> Any:
        """The distribution function."""
        if self.family == "uniform":
            return np.clip((x / self.scale + 1) / 2, 0, 1)
        normal = np.frompyfunc(lambda t: math.erf(t / math.sqrt(2)), 1, 1)(x / self.scale).astype(float)
        return (1 + (normal if self.cut == math.inf else np.clip(normal / math.erf(self.cut / math.sqrt(2)), -1, 1))) / 2


@dataclass(frozen=True)
class Failure:
    """A test that a sample failed: its name, and what it saw against what it allows."""

    test: str
    words: str


def follows(law: Law, sample: Any) -> Failure | None:
    """The first test that a sample of independent entries fails, if any."""
    n, each = sample.size, ALPHA / TESTS
    flat = np.sort(sample.ravel().astype(float))
    unit = float(np.finfo(sample.dtype).eps)
    if max(-flat[0], flat[-1]) > law.reach * (1 + 4 * unit):
        return Failure("support", f"an entry is {max(-flat[0], flat[-1]):.6g}, beyond {law.reach:.6g}")
    mean_square = float(np.mean(flat**2))
    if law.reach == math.inf:
        x = math.log(2 / each)
        allowed = law.scale**2 * (2 * math.sqrt(x / n) + 2 * x / n)
    else:
        allowed = law.reach**2 * math.sqrt(math.log(2 / each) / (2 * n))
    if abs(mean_square - law.mean_square) > allowed:
        words = f"the mean square is {mean_square:.6g} where {law.mean_square:.6g} ± {allowed:.2g} is due"
        return Failure("second moment", words)
    steps = np.arange(1, n + 1) / n
    cumulated = law.below(flat)
    apart = float(np.max(np.maximum(steps - cumulated, cumulated - steps + 1 / n)))
    if apart > (allowed := math.sqrt(math.log(2 / each) / (2 * n))):
        return Failure("distribution", f"the distribution function is off by {apart:.3g} where {allowed:.2g} is allowed")
    return None


def independent(samples: Any) -> Failure | None:
    """Whether the signs of entries are as often + as −, and those of neighbours in rows, columns and draws agree half of the time."""
    signs = np.sign(samples)
    pairs = {
        "signs": signs,
        "neighbours in a row": signs[:, :, ::2][:, :, : signs.shape[2] // 2] * signs[:, :, 1::2],
        "neighbours in a column": signs[:, ::2, :][:, : signs.shape[1] // 2, :] * signs[:, 1::2, :],
        "successive draws": signs[::2] * signs[1::2],
        "the two ends of a row": signs[:, :, : signs.shape[2] // 2] * signs[:, :, ::-1][:, :, : signs.shape[2] // 2],
    }
    for what, products in pairs.items():
        allowed = math.sqrt(2 * math.log(2 * TESTS / ALPHA) / products.size)
        if abs(float(np.mean(products))) > allowed:
            return Failure(what, f"the mean of {what} is {np.mean(products):.3g} where ±{allowed:.2g} is allowed")
    return None


# --- what an initializer may be -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A rule by which entries are drawn independently: the law for given fans and hyper-parameters."""

    id: str
    words: str
    axes: Mapping[str, str]
    law: Callable[[int, int, Mapping[str, Any]], Law]


def own_law(identifier: str, fan_out: int, fan_in: int, hyper: Mapping[str, Any]) -> Law:
    """The law that a formula states."""
    gain = hyper.get("gain", 1.0)
    if identifier == "init.random_gaussian_uniform":
        return Law("normal", hyper["std"])
    if identifier == "init.random_uniform":
        return Law("uniform", hyper["half_width"])
    if identifier == "init.truncated_normal":
        return Law("truncated", hyper["std"] / hyper["spread"], hyper["cut"])
    return {
        "init.uniform_fan_in": Law("uniform", math.sqrt(1 / fan_in)),
        "init.xavier.uniform": Law("uniform", gain * math.sqrt(6 / (fan_in + fan_out))),
        "init.xavier.normal": Law("normal", gain * math.sqrt(2 / (fan_in + fan_out))),
        "init.lecun.normal": Law("normal", gain * math.sqrt(1 / fan_in)),
        "init.fan_out.normal": Law("normal", gain * math.sqrt(1 / fan_out)),
        "init.he.normal": Law("normal", math.sqrt(2 / fan_in)),
        "init.he.uniform": Law("uniform", math.sqrt(6 / fan_in)),
    }[identifier]


ENTRYWISE = (
    "init.random_gaussian_uniform",
    "init.random_uniform",
    "init.uniform_fan_in",
    "init.xavier.uniform",
    "init.xavier.normal",
    "init.lecun.normal",
    "init.fan_out.normal",
    "init.he.normal",
    "init.he.uniform",
    "init.truncated_normal",
)


def own_law_with(identifier: str, known: Mapping[str, Any], fan_out: int, fan_in: int, hyper: Mapping[str, Any]) -> Law:
    """The law that a formula states, with hyper-parameters of its own."""
    return own_law(identifier, fan_out, fan_in, {**known, **hyper})


FANS: Mapping[str, tuple[str, Callable[[int, int], float]]] = {
    "in": ("n_in", lambda out, into: into),
    "out": ("n_out", lambda out, into: out),
    "average": ("(n_in + n_out)/2", lambda out, into: (out + into) / 2),
    "sum": ("(n_in + n_out)", lambda out, into: out + into),
    "product": ("√(n_in n_out)", lambda out, into: math.sqrt(out * into)),
    "none": ("1", lambda out, into: 1.0),
}
FACTORS: Mapping[str, float] = {"1": 1.0, "2": 2.0, "1/3": 1 / 3, "1/2": 0.5, "3": 3.0, "4": 4.0, "6": 6.0, "25/9": 25 / 9, "2/3": 2 / 3}
GAINS: Mapping[str, tuple[str, Callable[[float], float]]] = {
    "once": ("", lambda gain: gain),
    "missing": ("the gain missing", lambda gain: 1.0),
    "squared": ("the gain squared", lambda gain: gain**2),
    "root": ("the root of the gain", math.sqrt),
}
FAMILIES: Mapping[str, tuple[str, Callable[[float], Law]]] = {
    "normal": ("normal", lambda std: Law("normal", std)),
    "uniform": ("uniform", lambda std: Law("uniform", math.sqrt(3) * std)),
    "truncated-corrected": ("normal, cut at 2 deviations and corrected for that,", lambda std: Law("truncated", std / SPREAD, 2.0)),
    "truncated-uncorrected": ("normal, cut at 2 deviations and not corrected,", lambda std: Law("truncated", std, 2.0)),
    "half-width": ("uniform of this half-width, not deviation,", lambda std: Law("uniform", std)),
}


def rules(identifier: str, hyper: Mapping[str, Any]) -> Iterator[Rule]:
    """What an initializer may follow: the formulas, those with the fans swapped, and every combination of the axes, the simplest first."""
    for one in ENTRYWISE:
        if set(hyper_parameters(FORMULAS[one])) <= {*hyper, "gain"}:
            known = {"gain": 1.0, **hyper}
            yield Rule(one, "", {}, functools.partial(own_law_with, one, known))
    swap = {"fan": "swapped"}
    if identifier in ENTRYWISE:
        yield Rule(
            f"{identifier}/fans-swapped",
            "with the fans swapped",
            swap,
            lambda out, into, given: own_law(identifier, into, out, {"gain": 1.0, **given}),
        )
    for root, (gain_kind, (of_gain, gained)) in ((root, one) for root in (True, False) for one in GAINS.items()):
        for factor_kind, factor in FACTORS.items():
            for fan_kind, (of_fan, fan) in FANS.items():
                for family, (of_family, made) in FAMILIES.items():
                    axes = {
                        "distribution": family,
                        "fan": fan_kind,
                        "factor": factor_kind,
                        "gain": gain_kind,
                        "scale": "deviation" if root else "variance-as-deviation",
                    }
                    said = f"with {of_family} entries, of {'variance' if root else 'deviation'} {factor_kind}/{of_fan}"
                    said += " times the gain squared" if root and "gain" in hyper and gain_kind == "once" else ""
                    said += f", {of_gain}" if of_gain else ""
                    if gain_kind != "once" and hyper.get("gain", 1.0) == 1.0:
                        continue

                    def law(
                        out: int,
                        into: int,
                        given: Mapping[str, Any],
                        *,
                        factor: float = factor,
                        fan: Any = fan,
                        made: Any = made,
                        root: bool = root,
                        gained: Any = gained,
                    ) -> Law:
                        share = factor / fan(out, into)
                        scale = given.get("std", given.get("half_width", 1.0))
                        return made(gained(given.get("gain", 1.0)) * scale * (math.sqrt(share) if root else share))

                    yield Rule(
                        f"{identifier}/{family}/{factor_kind}-over-{fan_kind}"
                        + ("" if root else "/no-root")
                        + ("" if gain_kind == "once" else f"/gain-{gain_kind}"),
                        said,
                        axes,
                        law,
                    )


OWN: Mapping[str, tuple[str, str, str]] = {  # distribution, factor and fan of what can be said so
    "init.uniform_fan_in": ("uniform", "1/3", "in"),
    "init.xavier.uniform": ("uniform", "1", "average"),
    "init.xavier.normal": ("normal", "1", "average"),
    "init.lecun.normal": ("normal", "1", "in"),
    "init.fan_out.normal": ("normal", "1", "out"),
    "init.he.normal": ("normal", "2", "in"),
    "init.he.uniform": ("uniform", "2", "in"),
    "init.random_gaussian_uniform": ("normal", "1", "none"),
    "init.random_uniform": ("half-width", "1", "none"),
    "init.truncated_normal": ("truncated-corrected", "1", "none"),
}


def changes(identifier: str, rule: Rule) -> int:
    """On how many axes a rule differs from a formula; the swapped fans come first, other formulas next."""
    if not rule.axes or "distribution" not in rule.axes or identifier not in OWN:
        return 0
    plain_axes = dict(zip(("distribution", "factor", "fan"), OWN[identifier], strict=True)) | {"gain": "once", "scale": "deviation"}
    return sum(rule.axes[axis] != value for axis, value in plain_axes.items())


# --- the verdict --------------------------------------------------------------------------------------------------------------------------


def failing(identifier: str, seen: Seen, hyper: Mapping[str, Any]) -> Failure | None:
    """The first test that the draws fail, of the formula that was asked for."""
    if identifier == "init.orthogonal":
        return not_orthogonal(seen, hyper.get("gain", 1.0))
    if identifier == "init.sparse":
        return not_sparse(seen, hyper)
    if identifier == "sampling.epoch.permutation":
        return no_partition(seen)
    return misses(lambda out, into, given: own_law(identifier, out, into, given), seen, hyper)


def large(seen: Seen) -> Any:
    """The draws of the large shape."""
    return np.stack([one.leaves[0] for one in seen.records if one.case.name.startswith("large")])


def misses(law: Callable[[int, int, Mapping[str, Any]], Law], seen: Seen, hyper: Mapping[str, Any]) -> Failure | None:
    """The first test that draws of independent entries fail."""
    samples = large(seen)
    for one in seen.records:
        case = one.case.arguments
        reach = law(case["fan_out"], case["fan_in"], hyper).reach
        if float(np.max(np.abs(one.leaves[0]))) > reach * (1 + 4 * float(np.finfo(one.leaves[0].dtype).eps)):
            return Failure(
                "support", f"an entry is {np.max(np.abs(one.leaves[0])):.6g}, beyond {reach:.6g}, at shape {one.leaves[0].shape}"
            )
    return follows(law(*LARGE, hyper), samples) or independent(samples)


def not_orthogonal(seen: Seen, gain: float) -> Failure | None:
    """Whether columns, or rows, are orthonormal but for the gain, and the signs are free."""
    for one in seen.records:
        w = one.leaves[0]
        unit = float(np.finfo(w.dtype).eps) if w.dtype.kind == "f" else 0.0
        tall = w if w.shape[0] >= w.shape[1] else w.T
        error = float(np.max(np.abs(tall.T.astype(float) @ tall - gain**2 * np.eye(tall.shape[1]))))
        if error > ROUNDING * unit * gain**2 * math.sqrt(max(w.shape)):
            return Failure("orthogonality", f"WᵀW is off {gain:g}² I by {error:.3g}, at shape {w.shape}")
    squares = np.stack([one.leaves[0] for one in seen.records if one.case.name.startswith("square")]) / gain
    allowed = math.sqrt(2 * math.log(2 * squares[0].size * TESTS / ALPHA) / len(squares))
    means = np.abs(np.mean(squares, axis=0))
    if np.max(means) > allowed:
        where = tuple(int(i) for i in np.unravel_index(int(np.argmax(means)), means.shape))
        return Failure(
            "free signs",
            f"the mean of entry {where} over {len(squares)} draws is {means[where]:.3g} where {allowed:.2g} is allowed: "
            "the signs of R are not taken out",
        )
    return independent(large(seen))


def not_sparse(seen: Seen, hyper: Mapping[str, Any]) -> Failure | None:
    """Whether every unit has as many inputs as were asked for, anywhere, and their weights are normal."""
    for one in seen.records:
        count, there = one.case.arguments["count"], one.leaves[0] != 0
        per_unit = np.sum(there, axis=1)
        if np.any(per_unit != count):
            per_input = np.sum(there, axis=0)
            turned = f" (each input has {per_input[0]} outputs instead)" if np.ptp(per_input) == 0 else ""
            return Failure(
                "number of non-zeros",
                f"a unit has {per_unit[per_unit != count][0]} inputs where {count} are due, at shape {there.shape}{turned}",
            )
    samples = large(seen)
    there = samples != 0
    share = hyper.get("count", 15) if "count" not in seen.records[0].case.arguments else seen.records[0].case.arguments["count"]
    means = np.mean(there, axis=(0, 1))
    allowed = math.sqrt(math.log(2 * means.size * TESTS / ALPHA) / (2 * samples.shape[0] * samples.shape[1]))
    furthest = means[np.argmax(np.abs(means - share / samples.shape[2]))]
    if abs(furthest - share / samples.shape[2]) > allowed:
        return Failure(
            "places",
            f"an input is used with frequency {furthest:.3g} where {share / samples.shape[2]:.3g} ± {allowed:.2g} is due",
        )
    return follows(Law("normal", hyper.get("std", 1.0)), samples[there])


def no_partition(seen: Seen) -> Failure | None:
    """Whether the batches of an epoch hold every sample once, in an order of their own, each as large as was asked for."""
    orders = []
    for one in seen.records:
        samples, size = one.case.arguments["samples"], one.case.arguments["size"]
        order = np.concatenate([batch.ravel() for batch in one.leaves])
        if not np.array_equal(np.sort(order), np.arange(samples)):
            return Failure("partition", f"the batches do not hold each of {samples} samples once")
        wrong = [len(batch) for batch in one.leaves[:-1] if len(batch) != size]
        if wrong or len(one.leaves) != -(-samples // size):
            return Failure(
                "sizes", f"there are {len(one.leaves)} batches of up to {max(map(len, one.leaves))} where {size} samples are due in each"
            )
        orders.append(order)
    if all(np.array_equal(orders[0], one) for one in orders) or np.array_equal(orders[0], np.sort(orders[0])):
        return Failure("order", "the order is not drawn")
    return None


def initializer_verdict(seen: Seen, title: str, command: str) -> dict[str, Any]:
    """What an initializer follows, and what is said of it."""
    from ..optimizers.verdict import Verdict

    formula = FORMULAS[seen.formula]
    hyper = {key: value for key, value in seen.records[0].case.arguments.items() if key not in ("fan_out", "fan_in", "seed")}
    entry_words = f"{formula.id}"
    draws = sum(one.leaves[0].size for one in seen.records)
    certainty = f"with probability below {ALPHA:.0e} a right one would be turned away"
    facts: dict[str, Any] = {
        "formulas": (formula.id,),
        "cases": len(seen.records),
        "assumed": {name: hyper[name] for name in seen.open if name in hyper},
    }
    failure = failing(formula.id, seen, hyper)
    for values in fillings(seen):
        if failure is not None and (better := failing(formula.id, seen, {**hyper, **values})) is None:
            failure, hyper, facts["assumed"] = better, {**hyper, **values}, values
    if failure is None:
        shown = {name: value for name, value in facts["assumed"].items() if value is not None}
        built_in = f" with {', '.join(f'{name} = {value:.6g}' for name, value in shown.items())} built in" if shown else ""
        agree = f"exact properties and distribution agree over {draws} entries of {len(seen.records)} draws"
        words = f"{title} follows {entry_words}{built_in}: {agree}; {certainty}."
        verdict = Verdict.IDENTIFIED if command == "identify" else Verdict.CONFORMS
        return {
            **facts,
            "verdict": verdict,
            "sentence": words,
            "convention": formula.id,
            "name": formula.id,
            "right": True,
            "axes": {"formula": formula.id},
        }
    found = None
    if all(one.leaves[0].ndim == 2 for one in seen.records) and seen.records[0].case.name.startswith("large"):
        candidates = sorted(rules(formula.id, hyper), key=lambda one: changes(formula.id, one))
        found = other_kind(seen, hyper, formula.id)
        found = found or next((one for one in candidates if one.id != formula.id and misses(one.law, seen, hyper) is None), None)
    words = f"{title} deviates from {entry_words}: {failure.words} ({failure.test})"
    if found:
        named = f"{found.id} {found.words}".strip() if found.id in FORMULAS else f"{formula.id} {found.words}"
        words += f". It follows {named}"
        facts |= {
            "convention": found.id,
            "name": named,
            "right": False,
            "axes": {"formula": found.id if found.id in FORMULAS else formula.id, **found.axes},
        }
    verdict = Verdict.DEVIATES if command == "check" else Verdict.IDENTIFIED if found else Verdict.UNMATCHED
    return {**facts, "verdict": verdict, "sentence": f"{words}; {certainty}."}


def fillings(seen: Seen) -> Iterator[dict[str, Any]]:
    """The other values that may be built in."""
    import itertools

    for values in itertools.islice(itertools.product(*seen.open.values()), 64):
        yield dict(zip(seen.open, values, strict=True))


def other_kind(seen: Seen, hyper: Mapping[str, Any], identifier: str) -> Rule | None:
    """An orthogonal or a sparse matrix where another was asked for, an orthogonal one with its signs bound, one with the wrong gain."""
    law = functools.partial(Law, "normal")
    nothing: Callable[[int, int, Mapping[str, Any]], Law] = lambda out, into, given: law(1.0)  # noqa: E731
    samples = [one.leaves[0] for one in seen.records if one.case.name.startswith(("large", "small"))]
    gains = {
        "gain": hyper.get("gain", 1.0),
        "missing": 1.0,
        "squared": hyper.get("gain", 1.0) ** 2,
        "root": math.sqrt(hyper.get("gain", 1.0)),
    }
    for kind, gain in gains.items():
        if all(orthonormal(one, gain) for one in samples):
            same = identifier == "init.orthogonal"
            if same and kind == "gain":
                return Rule("init.orthogonal/signs-bound", "with the signs of the factorization left in", {"signs": "bound"}, nothing)
            words = "" if not same else f"with the gain {kind}"
            return Rule("init.orthogonal" if not same else f"init.orthogonal/gain-{kind}", words, {"gain": kind} if same else {}, nothing)
    if identifier == "init.sparse" and all(np.ptp(np.sum(one != 0, axis=0)) == 0 for one in samples):
        return Rule("init.sparse/per-input", "with so many outputs of each input, not inputs of each unit", {"count": "per-input"}, nothing)
    return None


def orthonormal(w: Any, gain: float) -> bool:
    """Whether the shorter side is orthonormal but for a gain."""
    tall = (w if w.shape[0] >= w.shape[1] else w.T).astype(float)
    unit = float(np.finfo(w.dtype).eps)
    return bool(np.max(np.abs(tall.T @ tall - gain**2 * np.eye(tall.shape[1]))) <= ROUNDING * unit * gain**2 * math.sqrt(max(w.shape)))
