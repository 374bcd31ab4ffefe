"""The prover: decides whether an expression is 0, or a relation true, for all values of its symbols.

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
from .tensor import SHIFT, Label, fresh_index

SAMPLES = 12
BITS = 256


class Verdict(StrEnum):
    """The verdict on a claim: it holds, is refuted, or is unknown."""

    HOLDS = "holds"
    REFUTED = "refuted"
    UNKNOWN = "unknown"


class Finding(NamedTuple):
    """A verdict with its reason: for a refuted claim the counterexample."""

    verdict: Verdict
    detail: str = ""


def proven_zero(expression: Any) -> Finding:
    """Whether an expression is 0 for all values of its symbols, arrays and sizes."""
    if is_zero(expression):
        return Finding(Verdict.HOLDS)
    counterexample = refute(lambda values: not evaluate(expression, values).contains(0), expression)
    if counterexample is None and is_zero_casewise(expression):
        return Finding(Verdict.HOLDS)
    return counterexample or Finding(Verdict.UNKNOWN, f"neither shown nor refuted: {shorten(expression)} = 0")


def proven_true(relation: Any) -> Finding:
    """Whether a relation holds for all values of its symbols."""
    if relation == sp.true:
        return Finding(Verdict.HOLDS)
    if relation == sp.false:
        return Finding(Verdict.REFUTED, "the relation is false")
    if not isinstance(relation, sp.Ge | sp.Gt | sp.Le | sp.Lt):
        return Finding(Verdict.UNKNOWN, f"not a relation: {shorten(relation)}")
    gap = normal(relation.gts - relation.lts)
    strict = isinstance(relation, sp.Gt | sp.Lt)
    if ranges_agree(relation) and has_sign(gap, strict=strict):
        return Finding(Verdict.HOLDS)
    fails: Callable[[Any], bool] = (lambda x: x <= 0) if strict else (lambda x: x < 0)
    return refute(lambda values: fails(evaluate(gap, values)), gap) or Finding(
        Verdict.UNKNOWN, f"neither shown nor refuted: {shorten(relation)}"
    )


def has_sign(gap: Any, *, strict: bool) -> bool:
    """Return whether the signs of factors, or of terms over a positive denominator, show that an expression is positive (or ≥ 0)."""
    above, below = sp.fraction(sp.cancel(sp.together(gap)))
    forms = [sp.factor(gap), sp.expand(above) / sp.factor(below), sp.expand(-above) / sp.factor(-below)]
    return any((form.is_positive if strict else form.is_nonnegative) is True for form in forms)


def shorten(expression: Any, limit: int = 160) -> str:
    """Return an expression as one line of text, cut to the limit."""
    text = str(expression)
    return text if len(text) <= limit else text[:limit] + " …"


def maximum_shifts(expression: Any) -> list[Any]:
    """Return the free symbols introduced for np.max. A valid claim must not depend on them."""
    ranks = {a.base: a.rank for a in expression.atoms(sp.Indexed)}
    entries = [base[tuple(fresh_index() for _ in range(rank))] for base, rank in ranks.items()]
    return sorted((a for a in [*entries, *expression.atoms(sp.Symbol)] if str(getattr(a, "base", a)).startswith(SHIFT)), key=str)


# --- the normal form of sums -------------------------------------------------------------------------------------------------------


def normal(e: Any) -> Any:
    """Sums from the inside out: expand, contract deltas, pull out what is free of the index, peel off last terms, rename the indices."""
    if isinstance(e, sp.Sum):
        return normal_sum(e)
    if isinstance(e, sp.Product):
        return normal_product(e)
    if not e.args or isinstance(e, sp.Indexed | sp.KroneckerDelta):
        return e
    e = e.func(*map(normal, e.args))
    return sp.Pow(sp.factor_terms(sp.cancel(e.base)), e.exp) if e.is_Pow and not e.exp.is_integer and e.base is not sp.E else e


def expand(e: Any) -> Any:
    """SymPy's expansion, which would turn the exponential of a sum into a product of exponentials: such sums are set aside."""
    aside: dict[Any, Any] = {}

    def masked(x: Any) -> Any:
        return sp.exp(x.exp.xreplace({s: aside.setdefault(s, sp.Dummy(real=True)) for s in x.exp.atoms(sp.Sum)}))

    e = sp.expand(e.replace(lambda x: isinstance(x, sp.exp), masked))
    for s, name in reversed(aside.items()):
        e = e.xreplace({name: s})
    return e


def normal_sum(e: Any) -> Any:
    """One sum over 1 … size, its summand already normal."""
    *inner, (i, low, size) = e.limits  # SymPy flattens Sum(Sum(…))
    body = expand(normal(sp.Sum(e.function, *inner) if inner else e.function))
    if size.is_Integer and low.is_Integer:
        return expand(sp.Add(*(normal(body.subs(i, k)) for k in range(int(low), int(size) + 1))))
    picked = {term: contract_delta(term, i, low, size) for term in sp.Add.make_args(body)}
    result = sp.Add(*(normal(coefficient) for coefficient in picked.values() if coefficient is not None))
    terms = [term for term, coefficient in picked.items() if coefficient is None]
    extra = size.as_coeff_Add()[0] if low == 1 else sp.Integer(0)
    if extra.is_Integer and extra > 0:  # Σ to n + 1 = Σ to n, and the last term
        last = [normal(term.subs(i, size - k)) for term in terms for k in range(int(extra))]
        return result + normal(sp.Sum(sp.Add(*terms), (i, 1, size - extra))) + expand(sp.Add(*last))
    for term in terms:
        constant, rest = term.as_independent(i, as_Add=False)
        result += constant * ((size - low + 1) if rest == 1 else canonical(rest, [(i, low, size)]))
    return result


def normal_product(e: Any) -> Any:
    """One product over 1 … size: last factors peeled off, what is free of the index pulled out, the index renamed."""
    ((i, low, size),) = e.limits
    body = expand(normal(e.function))
    extra = size.as_coeff_Add()[0]
    if low == 1 and extra.is_Integer and extra > 0:  # Π to n + 1 = Π to n, and the last factor
        last = sp.Mul(*(normal(body.subs(i, size - k)) for k in range(int(extra))))
        return expand(last * normal(sp.Product(body, (i, 1, size - extra))))
    if low == 1 and size == 0:
        return sp.Integer(1)
    constant, rest = sp.factor_terms(body).as_independent(i, as_Add=False)
    taken = {s.name for s in body.atoms(sp.Symbol) - {i}}
    name = next(n for n in map("_p{}".format, itertools.count(1)) if n not in taken)
    index = sp.Symbol(name, integer=True, positive=True)
    return constant ** (size - low + 1) * (sp.Product(rest.subs(i, index), (index, low, size)) if rest != 1 else 1)


def contract_delta(term: Any, i: Any, low: Any, size: Any) -> Any:
    """The sum of one term over i = low … size by a delta among its factors; None without one, or where the range is not plain.

    A delta picks an entry within the range if its other index is shown to lie there, or is an index of which nothing else is said.
    """
    for delta in sp.Mul.make_args(term):
        if isinstance(delta, sp.KroneckerDelta) and i in delta.args[:2]:
            (other,) = set(delta.args[:2]) - {i}
            if other.has(i):
                continue
            if (other - size).is_positive or (low - other).is_positive:
                return sp.Integer(0)
            named = low == 1 and ((other.is_Symbol and not size.has(other)) or (isinstance(other, Label) and other.args[-1] == size))
            if named or ((other - low).is_nonnegative and (size - other).is_nonnegative):
                return (term / delta).subs(i, other)
    return None


def ranges_agree(e: Any) -> bool:
    """Return whether every delta compares bound indices of equal ranges, so that contracting one of them is an identity."""
    ranges: dict[Any, set[Any]] = {}
    for i, low, size in (limit for s in e.atoms(sp.Sum) for limit in s.limits):
        ranges.setdefault(i, set()).add((low, size))
    pairs = (delta.args[:2] for delta in e.atoms(sp.KroneckerDelta))
    return all(len(ranges[i] | ranges[j]) == 1 for i, j in pairs if i in ranges and j in ranges)


def canonical(summand: Any, bounds: list[Any]) -> Any:
    """The sum over all the bounds: inner sums merged into one, its indices named in the smallest order."""
    factors = []
    for factor in sp.Mul.make_args(summand):
        f = factor
        if isinstance(f, sp.Sum):
            own = [(i, fresh_index()) for i, *_ in f.limits]
            bounds = [*bounds, *((i, *(end.subs(own) for end in ends)) for (_, i), (_, *ends) in zip(own, f.limits, strict=True))]
            f = f.function.subs(own, simultaneous=True)
        factors.append(f)
    summand = sp.Mul(*factors)
    taken = {s.name for s in summand.atoms(sp.Symbol) - {i for i, *_ in bounds}}
    names = (n for n in map("_{}".format, itertools.count(1)) if n not in taken)
    new = [sp.Symbol(next(names), integer=True, positive=True) for _ in bounds]
    orders = []
    for order in arrangements(bounds):
        if any(sp.Tuple(low, size).has(i) for n, (i, *_) in enumerate(order) for _, low, size in order[n:]):
            continue  # a limit may name the indices of outer sums only
        renamed = [(i, k) for (i, *_), k in zip(order, new, strict=True)]
        limits = [(k, *(end.subs(renamed, simultaneous=True) for end in ends)) for (_, *ends), k in zip(order, new, strict=True)]
        orders.append(sp.Sum(summand.subs(renamed, simultaneous=True), *limits))
    return min(orders, key=str)


def arrangements(bounds: list[Any]) -> Iterator[tuple[Any, ...]]:
    """The orders of the bounds that may come out smallest: where no limit names an index, those sorted by their limits are enough."""
    if any(sp.Tuple(*ends).has(i) for i, *_ in bounds for _, *ends in bounds):
        return itertools.permutations(bounds)
    alike = [list(same) for _, same in itertools.groupby(sorted(bounds, key=lambda bound: str(bound[1:])), key=lambda bound: bound[1:])]
    return (tuple(itertools.chain(*order)) for order in itertools.product(*map(itertools.permutations, alike)))


def is_zero(e: Any) -> bool:
    """Whether e = 0, every distinct sum, product and root being an unknown of its own (root ≥ 0 and root² = radicand)."""
    e = sp.sympify(e)
    if not ranges_agree(e):
        return False
    e = normal(e)
    if e == 0:
        return True
    for n, s in enumerate(sorted(e.atoms(sp.Sum, sp.Product), key=lambda s: (sp.count_ops(s), str(s)), reverse=True)):
        e = e.subs(s, sp.Dummy(f"S{n}"))
    roots: dict[Any, Any] = {}

    def unknown(p: Any) -> Any:
        return roots.setdefault(p.base, sp.Dummy("root", nonnegative=True)) ** (2 * p.exp)

    e = e.replace(lambda p: p.is_Pow and p.exp.is_Rational and p.exp.q == 2, unknown)
    e = sp.numer(sp.together(sp.expand(sp.expand(e, power_base=True, force=False))))
    for base, root in roots.items():
        above, below = sp.fraction(sp.cancel(base))
        try:
            e = sp.rem(sp.expand(e), below * root**2 - above, root)
        except sp.PolynomialError:  # the root stands inside of a maximum, a modulus or a choice
            return False
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
    """Small values for the symbols, within their assumptions: simple ones first, the same at every run; 0 for all that may be 0 at last."""
    folds = expression.atoms(sp.Sum, sp.Product)
    bound = {i for s in folds for i, *_ in s.limits}
    names = sorted({s for s in expression.free_symbols - bound if not isinstance(s, sp.IndexedBase | sp.Indexed)}, key=str)
    labels = {b.label for b in expression.atoms(sp.IndexedBase)}
    sizes = {s for fold in folds for _, _, size in fold.limits for s in size.free_symbols} & set(names)
    indices = {s for atom in expression.atoms(sp.Indexed, sp.KroneckerDelta) for s in atom.free_symbols if s.is_integer} & set(
        names
    ) - sizes
    source = random.Random(0)
    for attempt in range(SAMPLES + 1):
        values = {s: sample_value(s, source, attempt) for s in names if s not in labels}
        if attempt == SAMPLES:
            values |= {s: sp.Integer(0) for s in values if s.is_zero is None and not s.is_integer}
        if sizes and None not in values.values():  # an index lies within the range
            top = min(values[s] for s in sizes)
            values |= {s: sp.Integer(source.randint(1, int(top))) if top >= 1 else None for s in sorted(indices, key=str)}
        if None not in values.values():
            yield values


def sample_value(symbol: Any, source: random.Random, attempt: int) -> Any:
    """One value that the assumptions of a symbol allow; None if none is found."""
    drawn = (small_number(symbol, source, 3 + attempt) for _ in range(SAMPLES))
    return next(
        (value for value in drawn if all(getattr(value, f"is_{name}") is truth for name, truth in symbol.assumptions0.items())), None
    )


def small_number(symbol: Any, source: random.Random, top: int) -> Any:
    """Return a small random number that roughly fits the assumptions."""
    if symbol.is_integer:
        low = 1 if symbol.is_positive else 0 if symbol.is_nonnegative else -top
        return sp.Integer(source.randint(low, top))
    value = sp.Rational(source.randint(1, top), source.randint(1, top))
    if isinstance(symbol, Fractional):
        return value / (1 + value)
    return value if symbol.is_nonnegative else value * source.choice([-1, 1])


def evaluate(expression: Any, values: dict[Any, Any]) -> Any:
    """The ball of an expression at these values; entries of arrays and unknown functions get fixed values of their own."""
    concrete = expression.replace(Label, SampledLabel).subs(values).doit()
    entries = {x: entry_value(x) for x in concrete.atoms(sp.Indexed)}
    if None in entries.values():
        raise Undecided("no entry is found that the assumptions allow")
    return as_ball(concrete.xreplace(entries))


def entry_value(x: Any) -> Any:
    """A fixed small value for an entry of an array."""
    return sample_value(x.base.label, random.Random(str(x)), 6)


class SampledLabel(Label):
    """A label whose value is computed from its arguments once they are numbers."""

    @classmethod
    def eval(cls, name: Any, *args: Any) -> Any:
        """An index up to the size, which is the last argument."""
        if all(arg.is_Integer for arg in args) and args[-1] >= 1:
            return sp.Integer(random.Random(str((name, *args))).randint(1, int(args[-1])))
        return None


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
    for operand in operands[1:]:
        result = Ball.table[name](result, operand)
    return result


def as_truth(condition: Any) -> bool:
    """A relation of numbers, decided."""
    if condition in (sp.true, sp.false):
        return bool(condition)
    name = {sp.Gt: "greater", sp.Ge: "greater_equal", sp.Lt: "less", sp.Le: "less_equal"}.get(condition.func)
    if name is None:
        raise Undecided(f"no way to decide {condition}")
    return bool(Ball.table[name](as_ball(condition.lhs), as_ball(condition.rhs)))


CONSTANTS = {sp.pi: arb.pi, sp.E: lambda: arb(1).exp()}

TO_UFUNC = {
    sp.Add: "add",
    sp.Mul: "multiply",
    sp.Pow: "power",
    sp.exp: "exp",
    sp.log: "log",
    sp.tanh: "tanh",
    sp.atan: "arctan",
    sp.erf: "erf",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.Abs: "absolute",
    sp.sign: "sign",
    sp.Max: "maximum",
    sp.Min: "minimum",
}
