"""The second prover: a proof is executed again on elements of prime fields, by code that shares nothing with SymPy.

A chapter of evidence takes its symbols from `..arithmetic` and, here and there, from SymPy. Its code is executed again, unchanged, with
other names behind these two imports: those of the arithmetic Modular. So every piece runs on it, and what it does not have is a reason that
has a name: a limit, an integral, an inequality.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import math
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from flint import ctx

from ...reference import tree_leaves
from .. import arithmetic
from ..arithmetic import Undecided, modular, terms
from ..arithmetic.draws import Draw, FieldPoints, Sizes, degree
from ..arithmetic.fields import LEVEL, PRIMES
from ..arithmetic.modular import DRAW, Modular
from ..arithmetic.terms import TOO_LONG, Budget, NotApplicable, Term, as_term
from ..catalogue import catalogue
from ._judge import Interval, judge_exactly, shape_of, shapes_fit
from ._registry import KINDS, Evidence

PACKAGE = __package__
RERUN = ("_induction", "_landscapes")  # modules without evidence that chapters take symbols from

DRAWS = (
    Sizes(2, 3),
    Sizes(3, 4),
    Sizes(1, 1),
    Sizes(1, 3),
    Sizes(1, 3, special=True, vanishing="*"),
    Sizes(2, 3, special=True),
    Sizes(1, 2, special=True),
    Sizes(2, 24),
)
GENERIC = DRAWS[:2]  # on each claim at least one of these agrees; the others may refute it
VANISHING = 12  # arrays at most that are 0 one after the other
POINTS = (32, 1024, 8192)  # of the field, until enough of them agree
AGREEING = 8  # points at least
ERROR = -60  # the largest probability of a wrong agreement, as a power of 2
CHECKED = 40  # entries of a large array, at most
BITS = 256
BUDGET = 25_000  # terms made and computed for one draw


class Opinion(StrEnum):
    """What the second prover says of a claim or a piece."""

    AGREES = "agrees"
    REFUTES = "refutes"
    NOT_APPLICABLE = "not applicable"


class SecondOpinion(NamedTuple):
    """The opinion on a piece, the reason or the point, and the probability of a wrong agreement on a claim as a power of 2."""

    opinion: Opinion
    detail: str
    error: float = -math.inf


# --- the code of a chapter, executed again --------------------------------------------------------------------------------------------


class StandIn:
    """What stands for a module that this arithmetic does without: the names that it has, and for others the reason why not."""

    def __init__(self, title: str, **names: Any) -> None:
        self.__title = title
        vars(self).update(names)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        title = self.__title

        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise NotApplicable(REASONS.get(name, f"{title} {name}"))

        return refuse


class Operation(StandIn):
    """What stands for a class of SymPy's expressions: it makes terms, and does nothing else."""

    def __init__(self, title: str, make: Callable[..., Term]) -> None:
        super().__init__(title)
        self.make = make

    def __call__(self, *args: Any) -> Term:
        return self.make(*args)


def multiply_all(*factors: Any) -> Term:
    """Return a product."""
    return functools.reduce(terms.multiply, factors, terms.ONE)


REASONS = {
    "limit": "a limit",
    "oo": "a limit",
    "integrate": "an integral",
    "Integral": "an integral",
    "series": "a series",
    "gamma": "the gamma function",
    "digamma": "the gamma function",
    "gammasimp": "the gamma function",
    "Ei": "the exponential integral",
    "Poly": "the coefficients of a polynomial",
    "CRootOf": "the roots of a polynomial",
    "resultant": "the coefficients of a polynomial",
    "Piecewise": "a choice that SymPy takes apart",
    "Matrix": "a matrix of SymPy",
}


def identity(term: Any, *args: Any, **kwargs: Any) -> Any:
    """Return a term as it is: what SymPy only writes in another form."""
    return term


def derive(term: Any, *variables: Any) -> Term:
    """Return the derivative by variables, each followed by a number of times or not."""
    result, last = as_term(term), terms.ZERO
    for variable in variables:
        times = variable - 1 if isinstance(variable, int) else 1
        last = last if isinstance(variable, int) else as_term(variable)
        for _ in range(times):
            result = terms.derivative(result, last)
    return result


class IndexedBase:
    """An array of unknowns of no stated size."""

    def __init__(self, name: Any, **assumptions: bool) -> None:
        self.name, self.assumptions = str(name), assumptions

    def __getitem__(self, indices: Any) -> Term:
        places = tuple(map(as_term, indices if isinstance(indices, tuple) else (indices,)))
        DRAW.get().mark_indices(places)
        return terms.entry(self.name, self.assumptions, places)


def symbol(name: str, **assumptions: bool) -> Term:
    """Return a symbol."""
    return terms.symbol(name, assumptions)


def several_symbols(names: str, **assumptions: bool) -> Any:
    """Return symbols by their names, separated by blanks or commas."""
    made = tuple(symbol(name, **assumptions) for name in names.replace(",", " ").split())
    return made if len(made) > 1 else made[0]


def unknown_function(name: str, **assumptions: bool) -> Callable[[Any], Term]:
    """Return a function of which nothing is known."""
    return functools.partial(terms.apply, name)


APPLIED = {"sin": "sin", "cos": "cos", "atan": "arctan", "erf": "erf"}  # SymPy's names and NumPy's
OTHER_FORMS = ("simplify", "expand", "factor", "cancel", "together", "powsimp", "expand_log", "trigsimp", "radsimp", "nsimplify")

SYMPY = StandIn(
    "SymPy's",
    Symbol=symbol,
    Dummy=modular.fresh_symbol,
    symbols=several_symbols,
    Function=unknown_function,
    IndexedBase=IndexedBase,
    Integer=as_term,
    Rational=lambda above, below=1: terms.divide(above, below),
    pi=terms.PI,
    E=terms.exp(1),
    sqrt=terms.root,
    exp=terms.exp,
    log=terms.log,
    tanh=terms.tanh,
    Abs=terms.absolute,
    sign=terms.sign,
    Max=terms.maximum,
    Min=terms.minimum,
    KroneckerDelta=modular.kronecker_delta,
    Sum=functools.partial(modular.fold, terms.add),
    Product=functools.partial(modular.fold, multiply_all),
    Add=Operation("SymPy's Add.", terms.add),
    Mul=Operation("SymPy's Mul.", multiply_all),
    diff=derive,
    Eq=functools.partial(terms.relation, "=="),
    **{name: functools.partial(terms.apply, ufunc) for name, ufunc in APPLIED.items()},
    **dict.fromkeys(
        ("simplify", "expand", "factor", "cancel", "together", "powsimp", "expand_log", "trigsimp", "radsimp", "nsimplify"), identity
    ),
    prod=lambda factors: multiply_all(*factors),
    factorial=lambda number: as_term(math.factorial(DRAW.get().size(as_term(number)))),
    oo=terms.missing("a limit"),
)

ARITHMETIC = types.SimpleNamespace(
    **{
        **{name: getattr(arithmetic, name) for name in arithmetic.__all__},
        "Symbolic": Modular,
        "Tensor": Modular,
        **{name: getattr(modular, name) for name in ("symbols", "tensor", "labels", "function", "partial")},
        "convergence": StandIn("the law of convergence"),
    }
)


def unregistered(*ids: str, **options: Any) -> Callable[[Any], Any]:
    """Return the decorator of a piece that is registered already."""
    return lambda function: function


@functools.cache
def code_of(module: str) -> types.CodeType:
    """Return the code of a module of evidence."""
    spec = importlib.util.find_spec(f"{PACKAGE}.{module}")
    assert spec is not None
    assert spec.origin is not None
    return compile(Path(spec.origin).read_text(encoding="utf-8"), spec.origin, "exec")


class Rerun:
    """Modules of evidence, executed with other arithmetics and another SymPy: on Modular for one draw, unless others are named."""

    def __init__(self, arithmetics: Any = None, algebra: Any = None) -> None:
        self.modules: dict[str, Any] = {}
        self.arithmetics, self.algebra = arithmetics or ARITHMETIC, algebra or SYMPY

    def module(self, name: str) -> Any:
        """Return a module of evidence on these arithmetics."""
        if name not in self.modules:
            names = {**vars(builtins), "__import__": self.import_module}
            space = {"__name__": f"{PACKAGE}.{name}", "__package__": PACKAGE, "__builtins__": names}
            self.modules[name] = types.SimpleNamespace()
            exec(code_of(name), space)
            vars(self.modules[name]).update(space)
        return self.modules[name]

    def import_module(self, name: str, space: Any = None, own: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        """Import as Python does, but for the modules that have symbols."""
        if not level:
            return self.algebra if name.partition(".")[0] == "sympy" else builtins.__import__(name, space, own, fromlist, level)
        absolute = importlib.util.resolve_name("." * level + name, PACKAGE)
        last = absolute.rpartition(".")[2]
        if absolute in (arithmetic.__name__, f"{arithmetic.__name__}.symbolic"):
            return self.arithmetics
        if absolute == PACKAGE:
            package = vars(importlib.import_module(PACKAGE))
            return types.SimpleNamespace(**{**package, **dict.fromkeys((*KINDS, "certified_value", "erratum"), unregistered)})
        if absolute.startswith(f"{PACKAGE}.") and (last in RERUN or last in catalogue().chapters):
            return self.module(last)
        return builtins.__import__(name, space, own, fromlist, level)


# --- the opinion on claims ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClaimOpinion:
    """What one draw says of one claim."""

    opinion: Opinion
    detail: str = ""
    error: float = -math.inf


AGREES = ClaimOpinion(Opinion.AGREES)
INEQUALITY = "an inequality, true at the points that were drawn"
NO_ROOTS = "more roots than have values at once in a field"
BEYOND_FIELDS = "an identity of numbers, or of functions that a field does not have, true at the real points"
NO_POINT = "no point at which both sides have a value"
OF_THE_DRAW = frozenset({NO_POINT, NO_ROOTS, TOO_LONG})  # reasons that hold at the sizes or numbers that were drawn


def opinion_on_claim(got: Any, claimed: Any, draw: Draw) -> ClaimOpinion:
    """Return the opinion on two values, or two nested tuples of values: the worst one of its parts."""
    mine, theirs = tree_leaves(got), tree_leaves(claimed)
    if len(mine) != len(theirs) or not mine:
        return ClaimOpinion(Opinion.REFUTES, f"got {len(mine)} results, claimed {len(theirs)}")
    return worst([opinion_on_leaf(a, b, draw) for a, b in zip(mine, theirs, strict=True)])


def worst(opinions: list[ClaimOpinion]) -> ClaimOpinion:
    """Return the first opinion that refutes, else the first that does not agree, else that all agree, with the largest error."""
    for opinion in (Opinion.REFUTES, Opinion.NOT_APPLICABLE):
        for each in opinions:
            if each.opinion is opinion:
                return each
    return ClaimOpinion(Opinion.AGREES, "", max((each.error for each in opinions), default=-math.inf))


def opinion_on_leaf(got: Any, claimed: Any, draw: Draw) -> ClaimOpinion:
    """Return the opinion on two arrays or numbers."""
    if not any(isinstance(side, Modular | Term) for side in (got, claimed)):
        if isinstance(claimed, Interval) or isinstance(got, arithmetic.Ball) or isinstance(claimed, arithmetic.Ball):
            return ClaimOpinion(Opinion.NOT_APPLICABLE, "a number in a ball")
        if any(isinstance(side, arithmetic.Rational) for side in (got, claimed)):
            got, claimed = arithmetic.Rational(got), arithmetic.Rational(claimed)
        finding = judge_exactly(got, claimed)
        return AGREES if finding.verdict.value == "holds" else ClaimOpinion(Opinion.REFUTES, finding.detail)
    if claimed is True:
        relations = Modular.object_array(got).ravel()
        if all(relation if isinstance(relation, bool) else draw.truth(relation) for relation in relations):
            return ClaimOpinion(Opinion.NOT_APPLICABLE, INEQUALITY)
        return ClaimOpinion(Opinion.REFUTES, "the relation is false")
    if not shapes_fit(got, claimed):
        return ClaimOpinion(Opinion.REFUTES, f"got shape {shape_of(got)}, claimed shape {shape_of(claimed)}")
    differences = list(Modular.object_array(Modular(got) - Modular(claimed)).ravel())
    if len(differences) > CHECKED:
        differences = draw.source_for("entries").sample(differences, CHECKED)
    return worst([opinion_on_difference(difference, draw) for difference in differences])


def opinion_on_difference(difference: Term, draw: Draw) -> ClaimOpinion:
    """Return whether a term is 0 at the real point and at enough points of the field."""
    value = draw.ball(difference)
    if value.is_finite() and not value.contains(0):
        return ClaimOpinion(Opinion.REFUTES, f"the difference is {value.str(8)} at {describe_point(draw)}")
    valid, zeros = 0, 0
    for points in POINTS:
        values, void = FieldPoints(draw, points).at(difference)
        valid, zeros = int(np.sum(~void)), int(np.sum((values == 0) & ~void))
        if zeros >= AGREEING and (error := log_error(difference, draw, valid, zeros)) <= ERROR:
            return ClaimOpinion(Opinion.AGREES, "", error)
        if valid >= AGREEING and zeros == 0:
            break
    if valid < AGREEING:
        return ClaimOpinion(Opinion.NOT_APPLICABLE, NO_ROOTS)
    if zeros >= AGREEING:
        return ClaimOpinion(Opinion.NOT_APPLICABLE, "a degree too large for the field")
    return ClaimOpinion(
        Opinion.NOT_APPLICABLE, "an identity of numbers, or of functions that a field does not have, true at the real points"
    )


def log_error(difference: Term, draw: Draw, valid: int, zeros: int) -> float:
    """Return a bound of the probability that a term which is not 0 has so many zeros, as a power of 2 (Schwartz and Zippel)."""
    height, roots = degree(draw, difference)
    if not height:
        return -math.inf if not roots else 0.0
    each = math.log2(height) + roots - math.log2(PRIMES[LEVEL])
    choices = math.log2(math.comb(valid, zeros))
    return min(0.0, choices + zeros * each)


SHOWN = 6  # symbols of a point


def describe_point(draw: Draw) -> str:
    """Return the point at which a claim fails: sizes and the first real numbers."""
    whole = [f"{key[0]} = {value}" for key, value in draw.integers.items() if not str(key[0]).startswith("_")]
    real = [f"{key[0]}{list(map(int, key[2:])) or ''} = {leaf.real}" for key, leaf in draw.leaves.items()]
    return ", ".join([*whole, *real][:SHOWN]) or "every point"


# --- the opinion on a piece -----------------------------------------------------------------------------------------------------------


def claims_at(piece: Evidence, formulas: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the claims of a piece on the arithmetic Modular."""
    chapter = Rerun().module(piece.function.__module__.rpartition(".")[2])
    yield from getattr(chapter, piece.function.__name__)(**formulas, **piece.run_options(full=False))


def opinions_at(claims: Iterator[Any], draw: Draw) -> Iterator[ClaimOpinion]:
    """Yield the opinion on each claim for one draw; the last one says why it ends early, if it does."""
    while True:
        try:
            got, claimed, *_ = next(claims)
            yield opinion_on_claim(got, claimed, draw)
        except StopIteration:
            return
        except NotApplicable as reason:
            yield ClaimOpinion(Opinion.NOT_APPLICABLE, str(reason))
        except (Undecided, ZeroDivisionError, np.linalg.LinAlgError):
            yield ClaimOpinion(Opinion.NOT_APPLICABLE, NO_POINT)
        except Exception as problem:  # what is neither computed nor named is counted
            yield ClaimOpinion(Opinion.NOT_APPLICABLE, f"raised {type(problem).__name__}: {problem}")


def second_opinion(piece: Evidence, formulas: Mapping[str, Any]) -> SecondOpinion:
    """Return what the second prover says of a proof."""
    return opinion_over_draws(lambda: claims_at(piece, formulas))


def opinion_over_draws(make_claims: Callable[[], Iterator[Any]], draws: Sequence[Sizes] = DRAWS) -> SecondOpinion:
    """Return the opinion on claims, which are made anew for each draw."""
    opinions: dict[int, list[ClaimOpinion]] = {}
    waiting = list(draws)
    for seed, sizes in enumerate(waiting):
        draw = Draw(seed, sizes)
        for number, opinion in enumerate(opinions_for(make_claims, draw), start=1):
            if opinion.opinion is Opinion.REFUTES:
                return SecondOpinion(Opinion.REFUTES, f"claim {number}: {opinion.detail}")
            if sizes in GENERIC:
                opinions.setdefault(number, []).append(opinion)
        if not seed:  # the list grows while it is walked through
            names = draw.arrays_that_may_vanish()[:VANISHING]
            waiting += [Sizes(2, 3, special=True, vanishing=name) for name in names]
    return summarize(opinions)


def opinions_for(make_claims: Callable[[], Iterator[Any]], draw: Draw) -> Iterator[ClaimOpinion]:
    """Yield the opinions on claims that are made for a draw."""
    Budget.start(BUDGET)
    token = DRAW.set(draw)
    try:
        with ctx.workprec(BITS), np.errstate(all="ignore"):
            yield from opinions_at(make_claims(), draw)
    finally:
        DRAW.reset(token)


def summarize(opinions: Mapping[int, list[ClaimOpinion]]) -> SecondOpinion:
    """Return the opinion on a piece from those on its claims at generic points, of which none refutes.

    It agrees on a claim if it agrees at one of these points, and if at the others at most the sizes were too large, or no root was there.
    """
    reasons: dict[str, None] = {}
    errors = []
    for each in opinions.values():
        agreeing = [opinion.error for opinion in each if opinion.opinion is Opinion.AGREES]
        missing = [opinion.detail for opinion in each if opinion.opinion is not Opinion.AGREES]
        if agreeing and OF_THE_DRAW.issuperset(missing):
            errors.append(max(agreeing))
        else:
            reasons[missing[0]] = None
    if not opinions:
        return SecondOpinion(Opinion.NOT_APPLICABLE, "no claim")
    if not reasons:
        return SecondOpinion(Opinion.AGREES, "", max(errors))
    part = f"agrees on {len(errors)} of {len(opinions)} claims; otherwise " if errors else ""
    return SecondOpinion(Opinion.NOT_APPLICABLE, part + "; ".join(reasons), max(errors, default=-math.inf))
