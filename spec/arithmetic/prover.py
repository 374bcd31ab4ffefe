"""The prover: decides whether an expression is 0, or a relation true, for all values of its symbols.

Holds is a proof: each step is an identity. Refuted carries a counterexample whose value, enclosed in a ball, is not 0. Unknown is neither.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import sympy as sp
from flint import arb, ctx
from sympy.core.function import AppliedUndef

from ._numbers import Undecided
from .ball import Ball
from .symbolic import Fractional
from .tensors import Index, Label, Maximum, fresh_index

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


# --- the normal form of sums -------------------------------------------------------------------------------------------------------


def normal(e: Any) -> Any:
    """Sums from the inside out: expand, contract deltas, pull out what is free of the index, peel off last terms, rename the indices."""
    if isinstance(e, sp.Sum):
        return normal_sum(e)
    if isinstance(e, sp.Product):
        return normal_product(e)
    if isinstance(e, Maximum):
        return normal_maximum(e)
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


def normal_maximum(e: Any) -> Any:
    """One maximum over 1 … size: its terms normal, and its indices renamed."""
    body = expand(normal(e.function))
    taken = {s.name for s in body.atoms(sp.Symbol) - {i for i, *_ in e.limits}}
    names = (n for n in map("_m{}".format, itertools.count(1)) if n not in taken)
    new = [(i, sp.Symbol(next(names), integer=True, positive=True)) for i, *_ in e.limits]
    if not any(body.has(i) for i, _ in new):
        return body
    limits = [(k, *(end.subs(new) for end in ends)) for (_, k), (_, *ends) in zip(new, e.limits, strict=True)]
    return Maximum(body.subs(new, simultaneous=True), *limits)


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
            named = low == 1 and (
                (isinstance(other, Index | Label) and size_of_index(other) == size)
                or (other.is_Symbol and not isinstance(other, Index) and not size.has(other))
            )
            if named or ((other - low).is_nonnegative and (size - other).is_nonnegative):
                return (term / delta).subs(i, other)
    return None


def size_of_index(index: Any) -> Any:
    """Return the size of the axis that an index, or a label, runs over."""
    return index.size if isinstance(index, Index) else index.args[-1]


FOLDS = (sp.Sum, sp.Product, Maximum)


def ranges_agree(e: Any) -> bool:
    """Return whether every delta compares indices of equal ranges, so that contracting one of them is an identity.

    A symbol of which no range is known stands for any index of one axis: that of the indices which it is compared with.
    """
    deltas = [delta.args[:2] for delta in e.atoms(sp.KroneckerDelta)]
    ranges: dict[Any, set[Any]] = {i: {(sp.Integer(1), size_of_index(i))} for pair in deltas for i in pair if isinstance(i, Index)}
    for i, low, size in (limit for fold in e.atoms(*FOLDS) for limit in fold.limits):
        ranges.setdefault(i, set()).add((low, size))
    symbols = {i for pair in deltas for i in pair if i.is_Symbol and i not in ranges}
    for symbol in symbols:
        ranges[symbol] = {known for pair in deltas if symbol in pair for i in pair if i not in symbols for known in ranges.get(i, ())}
    return all(len(ranges[i] | ranges[j]) <= 1 for i, j in deltas if i in ranges and j in ranges)


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
    for n, s in enumerate(sorted(e.atoms(*FOLDS), key=lambda s: (sp.count_ops(s), str(s)), reverse=True)):
        e = e.subs(s, sp.Dummy(f"S{n}", real=True) if s.is_real else sp.Dummy(f"S{n}"))
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
    folds = expression.atoms(*FOLDS)
    bound = {i for s in folds for i, *_ in s.limits}
    free = {s for s in expression.free_symbols - bound if not isinstance(s, sp.IndexedBase | sp.Indexed)}
    axes = {s: s.size for s in free if isinstance(s, Index)}
    names = sorted(free.union(*(size.free_symbols for size in axes.values())), key=str)
    labels = {b.label for b in expression.atoms(sp.IndexedBase)}
    sizes = {s for size in [*(size for fold in folds for *_, size in fold.limits), *axes.values()] for s in size.free_symbols} & set(names)
    named = {s for atom in expression.atoms(sp.Indexed, sp.KroneckerDelta) for s in atom.free_symbols if s.is_integer} | axes.keys()
    indices = named & set(names) - sizes
    source = random.Random(0)
    for attempt in range(SAMPLES + 1):
        values = {s: sample_value(s, source, attempt) for s in names if s not in labels}
        if attempt == SAMPLES:
            values |= {s: sp.Integer(0) for s in values if s.is_zero is None and not s.is_integer}
        if sizes and None not in values.values():  # an index lies within its range, or within all
            tops = {s: axes[s].subs(values) if s in axes else min(values[size] for size in sizes) for s in indices}
            values |= {s: sp.Integer(source.randint(1, int(tops[s]))) if tops[s] >= 1 else None for s in sorted(indices, key=str)}
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


def evaluate(expression: Any, values: Mapping[Any, Any]) -> Any:
    """The ball of an expression at these values; entries of arrays, labels and unknown functions get fixed values of their own."""
    return as_ball(expression, values)


def entry_value(x: Any) -> Any:
    """A fixed small value for an entry of an array."""
    value = sample_value(x.base.label, random.Random(str(x)), 6)
    if value is None:
        raise Undecided(f"no value of {x} is found that the assumptions allow")
    return value


def as_integer(e: Any, values: Mapping[Any, Any]) -> int:
    """The whole number that an index or a size is at these values."""
    number = as_ball(e, values).unique_fmpz()
    if number is None:
        raise Undecided(f"{e} is not known to be a whole number")
    return int(number)


def as_ball(e: Any, values: Mapping[Any, Any] = MappingProxyType({})) -> Any:
    """A SymPy expression at the values of its symbols, enclosed."""
    e = values.get(e, e)
    if e.is_Rational:
        return arb(int(e.p)) / arb(int(e.q))
    if e in CONSTANTS:
        return CONSTANTS[e]()
    if isinstance(e, sp.Piecewise):
        return as_ball(next(value for value, condition in e.args if as_truth(condition, values)), values)
    if isinstance(e, sp.Indexed):
        return as_ball(entry_value(e.base[tuple(sp.Integer(as_integer(i, values)) for i in e.indices)]))
    if isinstance(e, Label):
        name, *indices, size = e.args
        key = (name, *(as_integer(index, values) for index in indices))
        return arb(random.Random(str(key)).randint(1, as_integer(size, values)))
    if isinstance(e, sp.KroneckerDelta):
        return arb(as_integer(e.args[0], values) == as_integer(e.args[1], values))
    if isinstance(e, sp.Heaviside):
        x = as_ball(e.args[0], values)
        return as_ball(e.args[1]) if x == 0 else arb(bool(Ball.table["greater"](x, arb(0))))
    if isinstance(e, FOLDS):
        return fold_at(e, frozenset((name, values[name]) for name in e.free_symbols if name in values), ctx.prec)
    if isinstance(e, AppliedUndef):
        source = random.Random(e.func.__name__)
        x = as_ball(e.args[0], values)
        return x * x * source.randint(1, 5) / 2 - x * source.randint(1, 5) / 3 + 1
    name = TO_UFUNC.get(e.func)
    if name is None:
        raise Undecided(f"no enclosure of {e.func}")
    operands = [as_ball(a, values) for a in e.args]
    if len(operands) == 1 and name not in ("add", "multiply", "maximum", "minimum"):
        return Ball.table[name](operands[0])
    return functools.reduce(Ball.table[name], operands)


@functools.lru_cache(4096)
def fold_at(e: Any, values: frozenset[tuple[Any, Any]], precision: int) -> Any:
    """A sum, product or maximum at the values of its symbols, at the precision in force."""
    return folded(e, list(e.limits), dict(values))


def folded(e: Any, limits: list[Any], values: Mapping[Any, Any]) -> Any:
    """A sum, product or maximum over these limits, of which the last is the outermost."""
    if not limits:
        return as_ball(e.function, values)
    *inner, (index, low, size) = limits
    places = range(as_integer(low, values), as_integer(size, values) + 1)
    terms = [folded(e, inner, {**values, index: sp.Integer(k)}) for k in places]
    if isinstance(e, Maximum):
        return functools.reduce(Ball.table["maximum"], terms)
    return functools.reduce(Ball.table["add" if isinstance(e, sp.Sum) else "multiply"], terms, arb(int(isinstance(e, sp.Product))))


def as_truth(condition: Any, values: Mapping[Any, Any] = MappingProxyType({})) -> bool:
    """A relation at the values of its symbols, decided."""
    if condition in (sp.true, sp.false):
        return bool(condition)
    if isinstance(condition, sp.And | sp.Or):
        return (all if isinstance(condition, sp.And) else any)([as_truth(part, values) for part in condition.args])
    if isinstance(condition, sp.Not | sp.Ne):
        return not as_truth(condition.negated if isinstance(condition, sp.Ne) else condition.args[0], values)
    name = {sp.Gt: "greater", sp.Ge: "greater_equal", sp.Lt: "less", sp.Le: "less_equal", sp.Eq: "equal"}.get(condition.func)
    if name is None:
        raise Undecided(f"no way to decide {condition}")
    return bool(Ball.table[name](as_ball(condition.lhs, values), as_ball(condition.rhs, values)))


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
