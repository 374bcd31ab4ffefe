"""A judge of the judges: random claims in symbols and tensors; what a prover holds is computed at concrete sizes and numbers.

A claim is a pair of expressions of the vetted functions. Most claims are an expression and the same one with a part rewritten, by an
identity or by what is an identity nearly everywhere; the others are two small random expressions. A claim that the judge says holds is
evaluated in balls, at zeros, ties, negative and boundary values: it is false where the two balls are apart.
`python -m tests.spec.evidence.fuzzing [CLAIMS [SEED]]` prints the false ones; the exit code is 1 if there is one. Batches are tasks: they
are spread by `--workers` or `--cluster`, and what was judged before by the same code is not judged again.
"""

from __future__ import annotations

import importlib
import itertools
import operator
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import sympy as sp
from flint import ctx
from trainspec.spec import kept
from trainspec.spec.arithmetic import Ball, Differential, Symbolic, Tensor, Undecided, Verdict, modular, partial, slope, symbols, tensor
from trainspec.spec.arithmetic.conditions import conditions
from trainspec.spec.evidence import judge
from trainspec.spec.evidence._second import Opinion, opinion_over_draws
from trainspec.spec.options import with_workforce
from trainspec.spec.tasks import Task, Workforce, run_tasks

# An expression is a name, a whole number, or a tuple of an operation and its operands. All arrays have two axes, so that all broadcast.
Expression = Any

UNARY: dict[str, Callable[[Any], Any]] = {
    "negative": operator.neg,
    "square": lambda x: x**2,
    "root": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "absolute": np.abs,
    "sign": np.sign,
    "inverse": lambda x: 1 / x,
    "sum_0": lambda x: np.sum(x, axis=0, keepdims=True),
    "sum_1": lambda x: np.sum(x, axis=1, keepdims=True),
    "mean_0": lambda x: np.mean(x, axis=0, keepdims=True),
    "mean_1": lambda x: np.mean(x, axis=1, keepdims=True),
    "max_1": lambda x: np.max(x, axis=1, keepdims=True),
    "max_0": lambda x: np.max(x, axis=0, keepdims=True),
    "running_1": lambda x: np.cumsum(x, axis=1),
    "transposed_twice": lambda x: np.transpose(np.transpose(x)),
    "ones": np.ones_like,
    "zeros": np.zeros_like,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "maximum": np.maximum,
    "minimum": np.minimum,
}
CONDITIONS: dict[str, Callable[[Any, Any], Any]] = {
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "less": np.less,
    "less_equal": np.less_equal,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {**UNARY, **BINARY, **CONDITIONS, "where": np.where}

ARRAYS = ("x", "y", "v")  # real and of shape (m, n); v is nonnegative
NUMBERS = {"a": {}, "b": {}, "p": {"positive": True}, "q": {"nonnegative": True}, "r": {"nonnegative": True}}
VALUES = (-2, -1, -0.5, 0, 0, 0, 0.5, 1, 1, 2)
SHAPES = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (2, 3))


@dataclass(frozen=True)
class Claim:
    """That two expressions are equal, or their derivatives by the entries of x are, or that the first is not below the second."""

    got: Expression
    claimed: Expression
    relation: str = "equal"

    def __str__(self) -> str:
        return f"{self.relation}: {written(self.got)}  =  {written(self.claimed)}"


def written(expression: Expression) -> str:
    """Return an expression in words."""
    if not isinstance(expression, tuple):
        return str(expression)
    operation, *operands = expression
    return f"{operation}({', '.join(map(written, operands))})"


def evaluate(expression: Expression, values: dict[str, Any]) -> Any:
    """Return the value of an expression in the arithmetic of the values."""
    if not isinstance(expression, tuple):
        return values[expression] if isinstance(expression, str) else values["zero"] + expression
    operation, *operands = expression
    return FUNCTIONS[operation](*(evaluate(operand, values) for operand in operands))


# --- random claims -----------------------------------------------------------------------------------------------------------------


def random_expression(source: random.Random, depth: int) -> Expression:
    """Return an expression of at most this depth."""
    if depth == 0 or source.random() < 0.15:
        return source.choice((*ARRAYS, *ARRAYS, *NUMBERS, source.randint(-1, 3)))
    kind = source.random()
    if kind < 0.45:
        return (source.choice(tuple(UNARY)), random_expression(source, depth - 1))
    if kind < 0.85:
        return (source.choice(tuple(BINARY)), random_expression(source, depth - 1), random_expression(source, depth - 1))
    condition = (source.choice(tuple(CONDITIONS)), random_expression(source, depth - 1), source.choice((0, random_expression(source, 1))))
    return ("where", condition, random_expression(source, depth - 1), random_expression(source, depth - 1))


def rewritings(e: Expression) -> Iterator[Expression]:
    """Yield what an expression is equal to: always, nearly everywhere, or where a careless reader thinks so."""
    match e:
        case ("root", ("square", x)):
            yield from (x, ("absolute", x))
        case ("root", x):
            yield from (("absolute", e), ("multiply", ("sign", e), e), ("maximum", e, 0))
            yield ("where", ("greater", e, 0), e, 1)
            yield ("divide", x, e)
        case ("square", ("root", x)):
            yield x
        case ("absolute", x):
            yield from (x, ("multiply", ("sign", x), x), ("root", ("square", x)), ("maximum", x, ("negative", x)))
        case ("sign", x):
            yield from (1, ("divide", x, ("absolute", x)), ("where", ("greater", x, 0), 1, -1), ("sign", ("root", ("absolute", x))))
        case ("exp", ("add", x, y)):
            yield ("multiply", ("exp", x), ("exp", y))
        case ("exp", ("log", x)) | ("log", ("exp", x)):
            yield x
        case ("log", ("multiply", x, y)):
            yield ("add", ("log", x), ("log", y))
        case ("divide", x, y):
            yield from (("multiply", x, ("inverse", y)), ("divide", ("square", x), ("multiply", x, y)))
            yield ("where", ("greater", y, 0), e, x)
        case ("multiply", x, y):
            yield from (("multiply", y, x), ("divide", x, ("inverse", y)))
        case ("add", x, y):
            yield from (("add", y, x), ("maximum", e, y), ("subtract", x, ("negative", y)))
        case ("subtract", x, y):
            yield from (("add", x, ("negative", y)), ("negative", ("subtract", y, x)))
        case ("maximum", x, y):
            yield from (("where", ("greater", x, y), x, y), x, y, ("subtract", ("add", x, y), ("minimum", x, y)))
        case ("minimum", x, y):
            yield from (("negative", ("maximum", ("negative", x), ("negative", y))), ("where", ("less_equal", y, x), y, x), x)
        case ("where", (comparison, x, y), one, other):
            yield from (one, other, ("where", ("less", x, y), other, one), ("where", ("less_equal", x, y), other, one))
            yield ("where", (comparison, ("root", ("absolute", x)), y), one, other)
        case (("sum_0" | "sum_1" | "mean_0" | "mean_1") as fold, ("add", x, y)):
            yield ("add", (fold, x), (fold, y))
        case (("sum_0" | "sum_1") as fold, ("multiply", x, y)):
            yield from (("multiply", (fold, x), y), ("multiply", (fold, x), (fold, y)))
        case ("sum_0", ("sum_1", x)):
            yield ("sum_1", ("sum_0", x))
        case ("mean_0", x):
            yield from (("divide", ("sum_0", x), ("sum_0", ("ones", x))), x)
        case ("max_1" | "max_0", x):
            yield x
            yield ("root", ("square", e))
    yield ("divide", ("multiply", e, "x"), "x")
    yield ("divide", ("multiply", e, ("root", "q")), ("root", "q"))
    yield ("where", ("greater", ("root", "q"), 0), e, 1)
    yield ("multiply", e, ("sign", ("root", "q")))
    yield ("add", e, ("multiply", 0, "b"))
    yield ("log", ("exp", e))
    yield ("subtract", ("add", e, ("max_1", "x")), ("max_1", "x"))
    yield ("divide", ("multiply", e, ("subtract", ("sum_1", "x"), 3)), ("subtract", ("sum_1", "x"), 3))
    yield ("multiply", e, ("sum_1", ("where", ("equal_places", "x"), 1, 0)))
    yield ("multiply", e, ("mean_1", ("where", ("greater", "p", 0), ("ones", "x"), ("zeros", "x"))))


def equal_places(x: Any) -> Any:
    """Return where the number of the row is the number of the column."""
    return np.equal(np.cumsum(np.ones_like(x), axis=0), np.cumsum(np.ones_like(x), axis=1))


FUNCTIONS["equal_places"] = equal_places


def places(e: Expression) -> Iterator[tuple[int, ...]]:
    """Yield the path to each part of an expression that is not a condition."""
    yield ()
    if isinstance(e, tuple):
        for k, operand in enumerate(e[1:], start=1):
            for path in places(operand) if not (isinstance(operand, tuple) and operand[0] in {*CONDITIONS, "equal_places"}) else ():
                yield (k, *path)


def rewritten(e: Expression, path: tuple[int, ...], source: random.Random) -> Expression:
    """Return an expression with the part at a path rewritten."""
    if path:
        return (*e[: path[0]], rewritten(e[path[0]], path[1:], source), *e[path[0] + 1 :])
    return source.choice(list(rewritings(e)))


def random_claim(source: random.Random) -> Claim:
    """Return a claim that is true, nearly true, or false."""
    got = random_expression(source, source.choice((1, 2, 2, 3)))
    claimed = random_expression(source, source.choice((1, 2)))
    if source.random() < 0.8:
        claimed = rewritten(got, source.choice(list(places(got))), source)
        if source.random() < 0.3:
            claimed = rewritten(claimed, source.choice(list(places(claimed))), source)
    if source.random() < 0.5:
        got, claimed = claimed, got
    return Claim(got, claimed, source.choices(("equal", "slope", "not_below"), (7, 2, 1))[0])


# --- the judge, and the judge of the judge -----------------------------------------------------------------------------------------

M, N = sp.symbols("m n", integer=True, positive=True)


def symbolic_values(shape: tuple[int, int]) -> dict[str, Any]:
    """Return arrays of symbols."""
    assumed = {"v": {"nonnegative": True}}
    values = {name: symbols(name, *shape, **assumed.get(name, {})) for name in ARRAYS}
    return {**values, **{name: symbols(name, 1, 1, **assumptions) for name, assumptions in NUMBERS.items()}, "zero": Symbolic([[0]])}


def tensor_values() -> dict[str, Any]:
    """Return arrays of symbolic shape."""
    values = {name: tensor(name, M, N, **({"nonnegative": True} if name == "v" else {})) for name in ARRAYS}
    return {
        **values,
        **{name: tensor(name, 1, 1, **assumptions) for name, assumptions in NUMBERS.items()},
        "zero": np.expand_dims(Tensor(0), (0, 1)),
    }


def modular_values() -> dict[str, Any]:
    """Return arrays of sizes that are drawn, for the second prover."""
    m, n = (modular.terms.symbol(name, {"integer": True, "positive": True}) for name in "mn")
    values = {name: modular.tensor(name, m, n, **({"nonnegative": True} if name == "v" else {})) for name in ARRAYS}
    numbers = {name: modular.tensor(name, 1, 1, **assumptions) for name, assumptions in NUMBERS.items()}
    return {**values, **numbers, "zero": modular.Modular([[0]])}


def second_verdict(claim: Claim) -> str:
    """Return what the second prover says of a claim."""

    def claims() -> Iterator[Any]:
        yield stated(claim, modular_values())

    return opinion_over_draws(claims).opinion.value


def spread(value: Any, values: dict[str, Any]) -> Any:
    """Return a value in the shape of x."""
    return value + np.zeros_like(values["x"])


def stated(claim: Claim, values: dict[str, Any]) -> tuple[Any, Any]:
    """Return the pair that the judge is given."""
    got, claimed = (spread(evaluate(e, values), values) for e in (claim.got, claim.claimed))
    if claim.relation == "slope":
        axes = values["x"].axes
        entry = [i for i, _ in axes]
        array, derive = (Tensor, partial) if isinstance(got, Tensor) else (modular.Modular, modular.partial)
        return tuple(array(derive(np.sum(side), "x", *entry), axes) for side in (got, claimed))  # type: ignore[return-value]
    return (got >= claimed, True) if claim.relation == "not_below" else (got, claimed)


def random_point(source: random.Random, shape: tuple[int, int]) -> dict[str, Any]:
    """Return numbers for all names: random ones, all equal ones, or zeros."""
    pool = source.choice((VALUES, VALUES, (0,), (1,), (0, 1), (-1, 1), (0, 2)))
    draw = lambda allowed: np.array([[source.choice(allowed) for _ in range(shape[1])] for _ in range(shape[0])], dtype=float)  # noqa: E731
    point: dict[str, Any] = {"x": draw(pool), "y": draw(pool), "v": np.abs(draw(pool))}
    numbers = {name: np.full((1, 1), float(source.choice(pool))) for name in NUMBERS}
    numbers |= {name: np.abs(numbers[name]) for name in ("p", "q", "r")}
    return point | numbers | {"p": numbers["p"] if numbers["p"] else np.ones((1, 1))}


def is_half_defined(claim: Claim, point: dict[str, Any]) -> bool:
    """Return whether one side of a claim divides by 0 at a point where the other has a value."""
    sides = []
    for side in (claim.got, claim.claimed):
        try:
            numbers_at(Claim(side, side), point)
            sides.append("value")
        except ZeroDivisionError:
            sides.append("division by 0")
        except Undecided:
            return False
    return len(set(sides)) == 2


def numbers_at(claim: Claim, point: dict[str, Any]) -> tuple[Any, Any]:
    """Return both sides of a claim at a point, as balls."""
    values = {name: Ball(value) for name, value in point.items()} | {"zero": Ball([[0]])}
    if claim.relation != "slope":
        return tuple(spread(evaluate(e, values), values) for e in (claim.got, claim.claimed))  # type: ignore[return-value]
    sides = []
    for e in (claim.got, claim.claimed):
        slopes = []
        for at in np.ndindex(point["x"].shape):
            direction = np.zeros(point["x"].shape)
            direction[at] = 1
            moved = {name: Differential(value) for name, value in values.items()} | {"x": Differential.along(point["x"], direction)}
            slopes.append(np.sum(slope(spread(evaluate(e, moved), moved))))
        sides.append(np.stack(slopes))
    return tuple(sides)  # type: ignore[return-value]


def counterexample(
    claim: Claim, source: random.Random, shapes: tuple[tuple[int, int], ...], points: int, *, everywhere: bool = False
) -> dict[str, Any] | None:
    """Return a point at which a claim is certainly false, or one side alone divides by 0 while the claim is stated everywhere."""
    for _, shape in zip(range(points), itertools.cycle(shapes), strict=False):
        point = random_point(source, shape)
        try:
            got, claimed = numbers_at(claim, point)
        except (Undecided, ZeroDivisionError):
            if everywhere and claim.relation != "slope" and is_half_defined(claim, point):
                return point
            continue
        gaps = np.ravel(Ball.object_array(got - claimed))
        if any(gap < 0 if claim.relation == "not_below" else gap.is_finite() and not gap.contains(0) for gap in gaps):
            return point
    return None


@dataclass(frozen=True)
class Outcome:
    """What the judge says of a claim in an arithmetic, and for a false one the point that shows it."""

    claim: Claim
    arithmetic: str
    verdict: str
    shown: str = ""
    second: str = ""


def judge_claim(claim: Claim, source: random.Random, points: int = 40) -> Outcome:
    """Judge a random claim in a random arithmetic, and look for a counterexample if it holds."""
    shape = source.choice(((1, 1), (1, 2), (2, 1))) if claim.relation != "slope" and source.random() < 0.5 else None
    arithmetic, shapes = ("symbols", (shape,)) if shape else ("tensors", SHAPES)
    try:
        with conditions() as noted:
            verdict = judge(*stated(claim, symbolic_values(shape) if shape else tensor_values())).verdict.value
    except Exception as problem:  # a prover that raises has shown nothing; it is counted
        return Outcome(claim, arithmetic, f"raises {type(problem).__name__}")
    second = second_verdict(claim) if arithmetic == "tensors" else ""
    if verdict != Verdict.HOLDS and second != Opinion.AGREES:
        return Outcome(claim, arithmetic, verdict, second=second)
    stated_everywhere = all(condition.follows() for condition in noted)
    with ctx.workprec(128):
        point = counterexample(claim, source, shapes, points, everywhere=stated_everywhere)
    if point is None:
        return Outcome(claim, arithmetic, verdict, second=second)
    return Outcome(claim, arithmetic, "false" if verdict == Verdict.HOLDS else "false for the second prover", str(point), second)


def run(seed: int, claims: int) -> list[Outcome]:
    """Return the outcomes of a number of random claims."""
    source = random.Random(seed)
    return [judge_claim(random_claim(source), source) for _ in range(claims)]


# --- runs -------------------------------------------------------------------------------------------------------------------------------

BATCH = 50
LIMIT = 1800.0  # seconds of processor time for a batch


@dataclass(frozen=True)
class Tally:
    """How many claims have which verdict, how many claims in tensors have which verdicts of both provers, and the false ones as text."""

    verdicts: dict[str, int]
    both: dict[str, int]
    false: tuple[str, ...]


def tally(seed: int, claims: int) -> Tally:
    """Return the tally of a number of random claims."""
    outcomes = run(seed, claims)
    return Tally(
        dict(Counter(outcome.verdict for outcome in outcomes)),
        dict(Counter(f"{outcome.verdict} / {outcome.second}" for outcome in outcomes if outcome.second)),
        tuple(
            f"{outcome.verdict.upper()} in {outcome.arithmetic}: {outcome.claim}\n    at {outcome.shown}"
            for outcome in outcomes
            if outcome.verdict.startswith("false")
        ),
    )


def fuzzing_task(seed: int) -> Task[Tally]:
    """Return the task of judging a batch of random claims."""
    return Task(tally, (seed, BATCH), kept.digest_of((str(seed), str(BATCH)), kept.files_of_product() | {Path(__file__)}))


def without_tally(task: Task[Tally], reason: str) -> Tally:
    """Return that a batch has no verdicts."""
    return Tally({f"no verdict: {reason}": task.arguments[1]}, {}, ())


@click.command()
@click.argument("claims", default=100_000)
@click.argument("seed", default=0)
@with_workforce
def main(claims: int, seed: int, *, workforce: Workforce, fresh: bool) -> None:
    """Judge random claims, print the false ones and a count; the exit code is 1 if a false claim holds."""
    tasks = [fuzzing_task(number) for number in range(seed, seed + claims // BATCH)]
    done = run_tasks(tasks, workforce, without_tally, limit=LIMIT, fresh=fresh, report=lambda batch: [print(text) for text in batch.false])
    verdicts = sum((Counter(each.verdicts) for each in done.by_digest.values()), Counter[str]())
    both = sum((Counter(each.both) for each in done.by_digest.values()), Counter[str]())
    print(f"{verdicts.total()} claims: {dict(verdicts.most_common())}; {done.kept} of {len(tasks)} batches were kept from before")
    print(f"in tensors, both provers: {dict(both.most_common())}")
    sys.exit(1 if verdicts["false"] else 0)  # a case that the second prover did not draw is counted; a claim holds by both only


if __name__ == "__main__":  # under its own name, by which the processes know the task
    importlib.import_module("tests.spec.evidence.fuzzing").main()
