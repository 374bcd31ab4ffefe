"""The prover: is this expression 0, or this relation true, for all values of its symbols? Holds, refuted, or unknown.

Holds is a proof: each step is an identity. Refuted carries a counterexample whose value, enclosed in a ball, is not 0. Unknown is neither.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple

import sympy as sp
from flint import arb, ctx
from sympy.core.function import AppliedUndef

from ._numbers import Undecided
from .ball import Ball
from .rational import fraction
from .symbolic import Fractional
from .tensor import SHIFT, fresh

SAMPLES = 12
BITS = 256


class Verdict(StrEnum):
    """What is known of a claim."""

    HOLDS = "holds"
    REFUTED = "refuted"
    UNKNOWN = "unknown"


class Finding(NamedTuple):
    """A verdict, and what shows it: for a refuted claim the counterexample."""

    verdict: Verdict
    detail: str = ""


def proven_zero(expression: Any) -> Finding:
    """Whether an expression is 0 for all values of its symbols, arrays and sizes."""
    if any(vanishes(expression) for vanishes in (is_zero, is_zero_casewise)):
        return Finding(Verdict.HOLDS)
    return refute(lambda values: not evaluate(expression, values).contains(0), expression) or Finding(
        Verdict.UNKNOWN, f"neither shown nor refuted: {shortened(expression)} = 0"
    )


def proven_true(relation: Any) -> Finding:
    """Whether a relation holds for all values of its symbols."""
    if relation in (True, sp.true):
        return Finding(Verdict.HOLDS)
    if relation in (False, sp.false):
        return Finding(Verdict.REFUTED, "the relation is false")
    if not isinstance(relation, sp.Ge | sp.Gt | sp.Le | sp.Lt):
        return Finding(Verdict.UNKNOWN, f"not a relation: {shortened(relation)}")
    gap = normal(relation.gts - relation.lts)
    strict = isinstance(relation, sp.Gt | sp.Lt)
    if has_sign(gap, strict=strict):
        return Finding(Verdict.HOLDS)
    fails: Callable[[Any], bool] = (lambda x: x <= 0) if strict else (lambda x: x < 0)
    return refute(lambda values: fails(evaluate(gap, values)), gap) or Finding(
        Verdict.UNKNOWN, f"neither shown nor refuted: {shortened(relation)}"
    )


def has_sign(gap: Any, *, strict: bool) -> bool:
    """Whether an expression is plainly positive (or nonnegative): factor by factor, or term by term over a positive denominator."""
    above, below = sp.fraction(sp.cancel(sp.together(gap)))
    forms = [sp.factor(gap), sp.expand(above) / sp.factor(below), sp.expand(-above) / sp.factor(-below)]
    return any((form.is_positive if strict else form.is_nonnegative) is True for form in forms)


def shortened(expression: Any, limit: int = 160) -> str:
    """An expression on one line."""
    text = str(expression)
    return text if len(text) <= limit else text[:limit] + " …"


def shifts(expression: Any) -> list[Any]:
    """The arbitrary numbers that stand for maxima: a claim that holds must not depend on them."""
    atoms = expression.atoms(sp.Indexed, sp.Symbol)
    return sorted((a for a in atoms if str(getattr(a, "base", a)).startswith(SHIFT) and not isinstance(a, sp.Idx)), key=str)


# --- the normal form of sums -------------------------------------------------------------------------------------------------------


def normal(e: Any) -> Any:
    """Sums from the inside out: expand, contract deltas, pull out what is free of the index, peel off last terms, rename the indices."""
    if isinstance(e, sp.Sum):
        return normal_sum(e)
    if not e.args or isinstance(e, sp.Indexed | sp.KroneckerDelta):
        return e
    e = e.func(*map(normal, e.args))
    return sp.Pow(sp.factor_terms(sp.cancel(e.base)), e.exp) if e.is_Pow and not e.exp.is_integer and e.base is not sp.E else e


def normal_sum(e: Any) -> Any:
    """One sum over 1 … size, its summand already normal."""
    *inner, (i, low, size) = e.limits  # SymPy flattens Sum(Sum(…))
    body = sp.expand(normal(sp.Sum(e.function, *inner) if inner else e.function))
    extra = size.as_coeff_Add()[0] if low == 1 else sp.Integer(0)
    if extra.is_Integer and extra > 0 and size != extra:  # Σ to n + 1 = Σ to n, and the last term
        last = [normal(body.subs(i, size - k)) for k in range(int(extra))]
        return normal(sp.Sum(body, (i, 1, size - extra))) + sp.expand(sp.Add(*last))
    if size.is_Integer:
        return sp.expand(sp.Add(*(normal(body.subs(i, k)) for k in range(int(low), int(size) + 1))))
    result = sp.Integer(0)
    for term in sp.Add.make_args(body):
        delta = next((d for d in term.atoms(sp.KroneckerDelta) if d.has(i)), None)
        if delta is not None:
            (other,) = set(delta.args[:2]) - {i}
            result += normal((term / delta).subs(i, other))
            continue
        constant, rest = term.as_independent(i, as_Add=False)
        result += constant * ((size - low + 1) if rest == 1 else canonical(rest, [(i, low, size)]))
    return result


def canonical(summand: Any, bounds: list[Any]) -> Any:
    """The sum over all the bounds: inner sums merged into one, its indices named in the smallest order."""
    factors = []
    for factor in sp.Mul.make_args(summand):
        f = factor
        if isinstance(f, sp.Sum):
            for i, low, size in f.limits:
                index = fresh()
                body = f.function.subs(i, index)
                f = sp.Sum(body, *f.limits[1:]) if len(f.limits) > 1 else body
                bounds = [*bounds, (index, low, size)]
        factors.append(f)
    summand = sp.Mul(*factors)
    taken = {s.name for s in summand.atoms(sp.Symbol) - {i for i, *_ in bounds}}
    names = (n for n in map("_{}".format, itertools.count(1)) if n not in taken)
    new = [sp.Symbol(next(names), integer=True, positive=True) for _ in bounds]
    orders = []
    for order in itertools.permutations(bounds):
        renamed = [(i, k) for (i, *_), k in zip(order, new, strict=True)]
        limits = [(k, low, size) for (_, low, size), k in zip(order, new, strict=True)]
        orders.append(sp.Sum(summand.subs(renamed, simultaneous=True), *limits))
    return min(orders, key=str)


def is_zero(e: Any) -> bool:
    """Whether e = 0, every distinct sum and every distinct root being an unknown of its own (and root² = radicand)."""
    e = normal(sp.sympify(e))
    if e == 0:
        return True
    for n, s in enumerate(sorted(e.atoms(sp.Sum), key=lambda s: (sp.count_ops(s), str(s)), reverse=True)):
        e = e.subs(s, sp.Symbol(f"S{n}"))
    roots: dict[Any, Any] = {}

    def unknown(p: Any) -> Any:
        return roots.setdefault(p.base, sp.Dummy("root", positive=True)) ** (2 * p.exp)

    e = e.replace(lambda p: p.is_Pow and p.exp.is_Rational and p.exp.q == 2, unknown)
    e = sp.numer(sp.together(sp.expand(sp.expand(e, power_base=True, force=False))))
    for base, root in roots.items():
        above, below = sp.fraction(sp.cancel(base))
        e = sp.rem(sp.expand(e), below * root**2 - above, root)
    return bool(sp.cancel(sp.together(sp.expand(e))) == 0)


def is_zero_casewise(e: Any) -> bool:
    """Whether e = 0 in every case of its maxima, moduli and choices, or by SymPy's own simplification."""
    e = sp.sympify(e)
    if e.has(sp.Sum):
        return False
    if e.has(sp.Max, sp.Min, sp.Abs, sp.Piecewise, sp.sign):
        e = sp.piecewise_fold(e.rewrite(sp.Piecewise))
        if isinstance(e, sp.Piecewise):
            return all(is_zero(sp.simplify(value)) for value, _ in e.args)
    return bool(sp.simplify(e) == 0)


# --- counterexamples ---------------------------------------------------------------------------------------------------------------


def refute(fails: Callable[[dict[Any, Any]], bool], expression: Any) -> Finding | None:
    """The first sample at which the claim certainly fails."""
    saved, ctx.prec = ctx.prec, BITS
    try:
        for values in samples(expression):
            try:
                if fails(values):
                    shown = ", ".join(f"{name} = {value}" for name, value in sorted(values.items(), key=lambda pair: str(pair[0])))
                    return Finding(Verdict.REFUTED, f"counterexample: {shown}" if shown else "the two sides are different constants")
            except (Undecided, ZeroDivisionError, ValueError):
                continue  # the sample lies outside the domain: the next one
    finally:
        ctx.prec = saved
    return None


def samples(expression: Any) -> Iterator[dict[Any, Any]]:
    """Small values for the symbols, within their assumptions: simple ones first, the same at every run."""
    bound = {i for s in expression.atoms(sp.Sum) for i, *_ in s.limits}
    names = sorted({s for s in expression.free_symbols - bound if not isinstance(s, sp.IndexedBase | sp.Indexed)}, key=str)
    labels = {b.label for b in expression.atoms(sp.IndexedBase)}
    source = random.Random(0)
    for attempt in range(SAMPLES):
        yield {s: simple(s, source, attempt) for s in names if s not in labels}


def simple(symbol: Any, source: random.Random, attempt: int) -> Any:
    """One value that the assumptions of a symbol allow."""
    top = 3 + attempt
    if symbol.is_integer:
        low = 1 if symbol.is_positive else 0 if symbol.is_nonnegative else -top
        return sp.Integer(source.randint(low, top))
    value = sp.Rational(source.randint(1, top), source.randint(1, top))
    if isinstance(symbol, Fractional):
        return value / (1 + value)
    return value if symbol.is_nonnegative else value * source.choice([-1, 1])


def evaluate(expression: Any, values: dict[Any, Any]) -> Any:
    """The ball of an expression at these values; entries of arrays and unknown functions get fixed values of their own."""
    concrete = expression.subs(values).doit()
    entries = {x: entry(x) for x in concrete.atoms(sp.Indexed)}
    return as_ball(concrete.xreplace(entries))


def entry(x: Any) -> Any:
    """A fixed small value for an entry of an array."""
    source = random.Random(str(x))
    value = sp.Rational(source.randint(1, 9), source.randint(1, 4))
    return value if x.base.label.is_positive else value * source.choice([-1, 1])


def as_ball(e: Any) -> Any:
    """A SymPy expression of numbers, enclosed."""
    if e.is_Rational:
        return arb(fraction(0)) + arb(int(e.p)) / arb(int(e.q))
    if e in CONSTANTS:
        return CONSTANTS[e]()
    if isinstance(e, sp.Piecewise):
        return as_ball(next(value for value, condition in e.args if as_truth(condition)))
    if isinstance(e, AppliedUndef):
        source = random.Random(e.func.__name__)
        x = as_ball(e.args[0])
        return x * x * source.randint(1, 5) / 2 - x * source.randint(1, 5) / 3 + 1
    operands = [as_ball(a) for a in e.args]
    name = TO_UFUNC.get(e.func)
    if name is None:
        raise Undecided(f"no enclosure of {e.func}")
    result = operands[0]
    if len(operands) == 1:
        return Ball.table[name](result) if name not in ("add", "multiply", "maximum", "minimum") else result
    for other in operands[1:]:
        result = Ball.table[name](result, other)
    return result


def as_truth(condition: Any) -> bool:
    """A relation of numbers, decided."""
    if condition in (sp.true, sp.false):
        return bool(condition)
    name = {sp.Gt: "greater", sp.Ge: "greater_equal", sp.Lt: "less", sp.Le: "less_equal"}[condition.func]
    return bool(Ball.table[name](as_ball(condition.lhs), as_ball(condition.rhs)))


CONSTANTS = {sp.pi: arb.pi, sp.E: lambda: arb(1).exp()}

TO_UFUNC = {
    sp.Add: "add",
    sp.Mul: "multiply",
    sp.Pow: "power",
    sp.exp: "exp",
    sp.log: "log",
    sp.tanh: "tanh",
    sp.Abs: "absolute",
    sp.sign: "sign",
    sp.Max: "maximum",
    sp.Min: "minimum",
}
