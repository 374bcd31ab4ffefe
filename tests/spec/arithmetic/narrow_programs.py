"""Programs that round: no error of a formula's operations exceeds the rounding bound, whatever rounds where.

A case is a draw of a formula's arguments and a program: each operation rounded to the format; float32 sums; products that are not rounded,
as in a fused multiply-add; float32 and the format by chance; errors as large as the format allows, upwards, downwards or by chance; and
for the other bound, float32 throughout and one rounding at the end. All sums are taken in a random order.
`python -m tests.spec.arithmetic.narrow_programs [CASES [SEED]]` runs so many cases of each format, 100000 by default; the exit code is 1 if
an error exceeds a bound. It prints the bound over the worst error found, for each formula and format, and the median.
"""

import itertools
import math
import operator
import sys
import warnings
from collections import defaultdict
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from trainspec.reference import tree_leaves, tree_map
from trainspec.reference.validation import domains
from trainspec.spec.arithmetic import FORMATS, NARROW, Numbers, Refused, Scalars, Undecided, certified, rounding_bound
from trainspec.spec.inputs.cases import ArgumentSampler, Unfulfilled

from .sampling import COMPARISONS, REAL, with_numbers

CASES = 100000
BOUNDED = ("float32", *NARROW)
SUMS = ("add", "subtract", "sum")
DIRECTED = {"up": (1,), "down": (-1,), "either way": (-1, 1)}
SUMS_IN_SINGLE = "float32 sums"
MODES = ("each operation", SUMS_IN_SINGLE, "products not rounded", "float32 by chance", *DIRECTED)
ONCE = "float32, rounded once"
COMPUTED = [
    name for name in REAL if name not in ("quadratic.condition_number", "data.pca.fit", "optimizers.newton")
]  # by listed operations
OUTSIDE = (Undecided, Refused, ZeroDivisionError, OverflowError, ValueError, np.linalg.LinAlgError)
SLACK = 2.0**-30  # of the bound, and of float64 results: programs and exact values are computed in float64


@dataclass
class Program:
    """How a program rounds to a format."""

    form: Any
    mode: str
    rng: Any

    def round(self, value, times=1, kind=""):
        """A result, rounded as the mode has it."""
        if self.mode == ONCE:
            return float(np.float32(value))
        if self.mode in DIRECTED:
            if times == 1 and float(self.form.kind(value)) == value:
                return value
            sign = self.rng.choice(DIRECTED[self.mode])
            is_normal = abs(value) >= self.form.smallest / (2 * self.form.unit)
            if kind in SUMS and not is_normal:  # sums that underflow are exact
                return value
            return value * (1 + sign * self.form.unit) ** times if is_normal else value + sign * self.form.tiny
        if (self.mode, kind) in {(SUMS_IN_SINGLE, "sum"), ("products not rounded", "multiply")}:
            return float(np.float32(value)) if kind == "sum" else value
        if self.mode == "float32 by chance" and (turn := self.rng.integers(3)):
            value = float(np.float32(value))
            return value if turn == 1 else float(self.form.kind(value))
        return float(self.form.kind(value))


PROGRAM = ContextVar("PROGRAM")


def rounded(name, function, library=False):
    """An operation that rounds; what the format holds by its nature, such as a product with 1, it does not."""

    def operation(*operands):
        value = function(*operands)
        if name in ("add", "subtract") and 0 in operands:
            return value
        if name in ("multiply", "divide") and (value == 0 or any(abs(operand) == 1 for operand in operands[name == "divide" :])):
            return value
        return PROGRAM.get().round(value, PROGRAM.get().form.library if library else 1, name)

    return operation


def power(base, exponent):
    """By repeated multiplication, or by the library."""
    if (exponent == int(exponent) and 0 <= exponent <= 8) or base in (0, 1):
        result = base if exponent else 1.0
        for _ in range(int(exponent) - 1 if base not in (0, 1) else 0):
            result = OPERATIONS["multiply"](result, base)
        return result
    return rounded("power", operator.pow, library=True)(base, exponent)


def log_of_sum(a, b):
    """The larger one and what the smaller adds to it."""
    distance = OPERATIONS["subtract"](max(a, b), min(a, b))
    return OPERATIONS["add"](max(a, b), rounded("logaddexp", lambda d: math.log1p(math.exp(-d)), library=True)(distance))


LIBRARY = {"exp": math.exp, "log": math.log, "tanh": math.tanh, "arctan": math.atan, "erf": math.erf, "sin": math.sin, "cos": math.cos}
EXACT = {
    "negative": operator.neg,
    "positive": operator.pos,
    "absolute": abs,
    "maximum": max,
    "minimum": min,
    "floor_divide": operator.floordiv,
}
ARITHMETIC = {"add": operator.add, "subtract": operator.sub, "multiply": operator.mul, "divide": operator.truediv, "sqrt": math.sqrt}
OF_NUMBERS = {
    "square": lambda a: a * a,
    "reciprocal": lambda a: 1 / a,
    "sign": lambda a: float(np.sign(a)),
    "power": operator.pow,
    "logaddexp": lambda a, b: max(a, b) + math.log1p(math.exp(-abs(a - b))),
    "isfinite": math.isfinite,
}
OPERATIONS = {
    **{name: rounded(name, function) for name, function in ARITHMETIC.items()},
    **{name: rounded(name, function, library=True) for name, function in LIBRARY.items()},
    **EXACT,
    **COMPARISONS,
    **OF_NUMBERS,
    "square": lambda a: OPERATIONS["multiply"](a, a),
    "reciprocal": lambda a: OPERATIONS["divide"](1.0, a),
    "power": power,
    "logaddexp": log_of_sum,
}


class Kept(float):
    """A number that a program keeps in float64; it is rounded where it meets an array."""


def in_float64(operation):
    """The operation in float64."""
    return lambda *operands: result if isinstance(result := operation(*operands), bool) else Kept(result)


class Hyperparameters(Numbers):
    """Numbers of a program, as Python's own are."""

    number = staticmethod(Kept)
    table = {name: in_float64(function) for name, function in {**ARITHMETIC, **LIBRARY, **EXACT, **COMPARISONS, **OF_NUMBERS}.items()}  # noqa: RUF012

    @staticmethod
    def count(number):
        return int(number) if number == int(number) else None


class Rounded(Numbers):
    """Arrays of floats, on which the program in force rounds."""

    over = (Hyperparameters,)
    table = OPERATIONS

    @staticmethod
    def number(value):
        return PROGRAM.get().round(float(value)) if isinstance(value, Kept) else float(value)

    @staticmethod
    def count(number):
        return int(number) if number == int(number) else None

    @classmethod
    def add_up(cls, terms):
        terms, program = list(terms), PROGRAM.get()
        if len(terms) == 1:
            return terms[0]
        while len(terms) > 1:
            left = terms.pop(program.rng.integers(len(terms)))
            right = terms.pop(program.rng.integers(len(terms)))
            terms.append(left + right if 0 in (left, right) else program.round(left + right, kind="sum"))
        return program.round(terms[0]) if program.mode == SUMS_IN_SINGLE else terms[0]


def run(formula, values, form, mode, rng):
    """The results of a program, stored in the format."""
    token = PROGRAM.set(Program(form, mode, rng))
    try:
        result = formula(**{name: tree_map(as_numbers, value) for name, value in values.items()})
    finally:
        PROGRAM.reset(token)
    leaves = [np.asarray(leaf, dtype=object).ravel() for leaf in tree_leaves(result)]
    store = float if mode in DIRECTED else lambda x: float(form.kind(x))
    return np.array([store(x) for leaf in leaves for x in leaf], dtype=float)


def as_numbers(value):
    """An argument of a program: arrays in the format, hyper-parameters in float64."""
    if callable(value) or isinstance(value, str | bool):
        return value
    return Hyperparameters(value) if isinstance(value, float) else Rounded(value)


def flat(result):
    """All numbers of a result, as floats."""
    return np.array([float(x.mid()) if hasattr(x, "mid") else float(x) for leaf in tree_leaves(result) for x in np.ravel(np.asarray(leaf))])


def draw(formula, form, rng):
    """Arguments, arrays in the format: with all its digits, near each other, near 0, near the ends of its range; numbers as they are."""
    sampler = ArgumentSampler(
        rng, turn=int(rng.integers(4)), scale=float(rng.choice([0.25, 1, 1, 4])), shift=float(rng.choice([0, 0, 0, 3]))
    )
    with warnings.catch_warnings(action="ignore"):
        values = sampler.arguments(domains(formula.raw))
    mix, kind = rng.choice([1.0, 0.7, 1 / 3]), rng.integers(6)
    extreme = 2.0 ** (math.log2(form.largest if rng.integers(2) else form.smallest) * rng.choice([0.2, 0.45, 0.9]))

    def changed(x):
        if not isinstance(x, np.ndarray):
            return x
        x = x * mix * (extreme if kind == 0 else 1.0)
        if kind == 1 and x.size:
            x = x.ravel()[0] * (1 + 2 * form.unit * rng.integers(-2, 3, x.shape))
        if kind == 2:
            x = x * (rng.random(x.shape) < 0.6)
        return form.round(x)

    return {name: with_numbers(changed, value) for name, value in values.items()}


def as_scalars(values):
    """Numbers as a program holds them: in float64."""
    return {name: Scalars(value) if isinstance(value, float) else value for name, value in values.items()}


def cases(formula, form, rng):
    """The errors and bounds of the programs on one draw; nothing where it is outside the domain, or no bound is decided."""
    try:
        values = draw(formula, form, rng)
        exact = flat(certified(formula.raw, **values))
    except (*OUTSIDE, Unfulfilled):
        return
    conventions = [
        ({}, MODES),
        *([({"accumulate": "float32"}, (SUMS_IN_SINGLE,)), ({"compute": "float32"}, (ONCE,))] * (form.name in NARROW)),
    ]
    for convention, modes in conventions:
        with suppress(*OUTSIDE):
            bound = flat(rounding_bound(formula.raw, **as_scalars(values), dtype=form.name, **convention))
            for mode in modes:
                yield mode, np.abs(run(formula.raw, values, form, mode, rng) - exact), bound, np.abs(exact)


@dataclass
class Findings:
    """The number of cases, those that exceed their bound, and the worst error of each formula, in bounds."""

    cases: int = 0
    exceeding: list[tuple[str, str, float]] = field(default_factory=list)
    worst: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def search(form, count, seed=0, formulas=tuple(COMPUTED)):
    """Run so many cases of a format."""
    findings = Findings()
    rng = np.random.default_rng([seed, *form.name.encode()])
    for name in itertools.islice(itertools.cycle(formulas), 20 * count):
        for mode, errors, bounds, sizes in cases(REAL[name], form, rng):
            findings.cases += 1
            if not np.all(errors <= bounds * (1 + SLACK) + SLACK * SLACK * sizes):
                findings.exceeding.append((name, mode, float(np.max(errors - bounds))))
            ratios = np.divide(errors, bounds, out=np.zeros_like(errors), where=bounds > 0)
            findings.worst[name] = max(findings.worst[name], float(np.max(ratios, initial=0.0)))
        if findings.cases >= count:
            break
    return findings


def main(count=CASES, seed=0):
    """Print what is found for each format; return whether a bound is exceeded."""
    inverse, exceeded = [], False
    for name in BOUNDED:
        findings = search(FORMATS[name], int(count), int(seed))
        slack = [1 / worst for worst in findings.worst.values() if worst]
        inverse += slack
        exceeded |= bool(findings.exceeding)
        print(
            f"{name}: {findings.cases} cases of {len(slack)} formulas, {len(findings.exceeding)} exceed the bound, "
            f"median of bound over worst error {np.median(slack):.2f}",
            *findings.exceeding[:5],
            sep="\n  ",
            flush=True,
        )
    print(f"all: median of bound over worst error {np.median(inverse):.2f}")
    return exceeded


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
