"""Proofs about a function: its source, if it is plain NumPy, executed on symbols beside the formula's; and the pieces of evidence it meets.

On arrays of symbolic shape an equality holds for every size; where a function asks for sizes that are numbers, it is shown for small ones,
for all values. Nothing is taken on trust: an equality that the prover does not decide counts as no proof.
"""

from __future__ import annotations

import importlib
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from ....reference import FORMULAS, Formula
from ....reference.limits import Divides, IndexInto, MayBeInfinite, Range
from ....reference.validation import Domain, domains
from ..optimizers.matching import ALLOWED
from ..optimizers.runner import alone, captured
from .binding import Binding, bind
from .runner import FunctionTask, flat, functions_of

BUDGET = 20.0  # seconds for proofs
EVIDENCE_BUDGET = 10.0  # seconds for pieces of evidence
SIZES = {"m": 2, "k": 3, "n": 2, "c": 2, "h": 1, "w": 2, "d": 3, "batch": 2, "examples": 2, "classes": 3}
KINDS = ("enumeration", "certified", "reproduction", "derivative", "law", "proof", "trajectory", "statistics")  # cheapest first


@dataclass(frozen=True)
class Shown:
    """What was shown of a function, apart from calls: a proof, or why there is none, and the verdicts of pieces of evidence."""

    proved: str = ""
    unproved: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)


class Unprovable(Exception):
    """Why an argument has no symbol, or a function cannot be followed."""


def show_function(task: FunctionTask, filled: Mapping[str, Any], prove: bool, evidence: bool, timeout: float) -> Shown:
    """Prove and meet the evidence, in a process of its own."""
    return alone(lambda: shown(task, filled, prove=prove, evidence=evidence), timeout)


def shown(task: FunctionTask, filled: Mapping[str, Any], *, prove: bool, evidence: bool) -> Shown:
    """The same, here."""
    with captured(), more_functions():
        (subject, *rest) = functions_of(task)
        if rest:
            return Shown(unproved="it is several functions: ask for one of them by --against")
        formula = FORMULAS[subject.formula]
        binding, pinned = bind(subject.call, formula, task.names, task.settings, subject.fixed)
        said = Attempt(subject.call, formula, binding, {**filled, **pinned}).made() if prove else Shown()
        return Shown(said.proved, said.unproved, met(subject.call, formula, binding, {**filled, **pinned}, prove=prove) if evidence else {})


# --- on symbols ---------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Attempt:
    """An attempt at a proof: the function, the formula, and what is built in."""

    function: Callable[..., Any]
    formula: Formula[..., Any]
    binding: Binding
    pinned: Mapping[str, Any]

    def made(self) -> Shown:
        """For every size where that can be shown, else for small ones."""
        from ...arithmetic import Verdict

        reasons = []
        for scope, make in (("every size", tensors), ("size", arrays)):
            try:
                cases = list(self.assumptions(make))
                findings = [self.judged(arguments) for _, arguments in cases]
            except Exception as problem:  # whatever a function does with symbols, it is no proof
                reasons.append(
                    f"on arrays of {'symbolic shape' if make is tensors else 'symbols'} "
                    f"it raises {type(problem).__name__}: {first_line(problem)}"
                )
                continue
            wrong = [one for one in findings if one.verdict is not Verdict.HOLDS]
            if not wrong:
                sizes = cases[0][0] if make is arrays else ""
                return Shown(proved=f"equal to {self.formula.id} for all values, for {scope}{' ' + sizes if sizes else ''}{self.given()}")
            reasons.append(f"the prover does not say that it is the same: {wrong[0].verdict}, {first_line(wrong[0].detail)}")
        return Shown(unproved="; ".join(dict.fromkeys(reasons)))

    def given(self) -> str:
        """What was not a symbol."""
        fixed = {name: value for name, value in self.pinned.items() if value is not None}
        return f", with {', '.join(f'{name} = {value!r}' for name, value in fixed.items())}" if fixed else ""

    def assumptions(self, make: Callable[..., Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The arguments as symbols: one set for each choice of words and truth values."""
        given = domains(self.formula.raw)
        words = {name: options(one) for name, one in given.items() if one.kind in ("choice", "flag") and name not in self.pinned}
        for chosen in itertools.product(*words.values()):
            said, values = make(given, {**self.pinned, **dict(zip(words, chosen, strict=True))})
            yield said, values

    def judged(self, arguments: Mapping[str, Any]) -> Any:
        """Whether the function gives what the formula gives."""
        from ...evidence import judge

        due = self.formula.raw(**arguments)
        came = self.binding.call(self.function, arguments)
        leaves_came, leaves_due = tuple(flat(came, due)), tuple(flat(due, due))
        if not all(symbolic(one) or not symbolic(other) for one, other in zip(leaves_came, leaves_due, strict=True)):
            raise Unprovable("a result that is no expression of the symbols")
        return judge(leaves_came, leaves_due)


@contextmanager
def more_functions() -> Iterator[None]:
    """np.var and np.std on symbols, by their definitions: the reference writes variances out, and functions of others need not."""
    from ...arithmetic import _numbers, tensor

    of_numbers: Any = _numbers.FUNCTIONS
    of_tensors: Any = sys.modules[tensor.__module__].FUNCTIONS
    of_numbers[np.var] = lambda cls, x, axis=None, **options: _numbers.variance(cls(x), axis, **options)
    of_numbers[np.std] = lambda cls, x, axis=None, **options: _numbers.standard_deviation(cls(x), axis, **options)
    of_tensors |= {np.var: _numbers.variance, np.std: _numbers.standard_deviation}
    try:
        yield
    finally:
        for table in (of_numbers, of_tensors):
            del table[np.var], table[np.std]


def symbolic(value: Any) -> bool:
    """Whether a value is of the symbols."""
    from ...arithmetic import Symbolic, Tensor

    return isinstance(value, Tensor | Symbolic)


def options(domain: Domain) -> tuple[Any, ...]:
    """All words, or both truth values."""
    return get_args(domain.hint) if domain.kind == "choice" else (False, True)


def first_line(problem: Any) -> str:
    """The beginning of what was said."""
    return str(problem).partition("\n")[0][:160]


def assumptions_of(domain: Domain) -> dict[str, bool]:
    """What SymPy may know of an entry; PositiveAlong and the like are left out, and then nothing that needs them is proved."""
    if not all(isinstance(limit, Range | IndexInto | Divides | MayBeInfinite) for limit in domain.limits):
        raise Unprovable("the domain has relations that symbols do not carry")
    low, low_open = domain.interval.low, domain.interval.low_open
    if low == 0 and low_open:
        return {"positive": True}
    return {"nonnegative": True} if low == 0 or low_open else {}


def tensors(given: Mapping[str, Domain], pinned: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Arrays of symbolic shape."""
    import sympy as sp

    from ...arithmetic import labels, tensor

    sizes: dict[str, Any] = {}

    def array(name: str, domain: Domain) -> Any:
        axes = domain.hint.dim_str.split()
        shape = [sizes.setdefault(one.strip("*"), sp.Symbol(one.strip("*"), integer=True, positive=True)) for one in axes]
        if domain.whole:
            (limit,) = [one for one in domain.limits if isinstance(one, IndexInto)]
            classes = values[limit.argument].shape[limit.axis]
            return labels(name, *shape, classes=classes)
        return tensor(name, *shape, **assumptions_of(domain))

    values: dict[str, Any] = {}
    for name, domain in given.items():
        values[name] = symbol_of(name, domain, pinned, array, tensor)
    return "", values


def arrays(given: Mapping[str, Domain], pinned: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Small arrays of symbols."""
    from ...arithmetic import symbols

    used: dict[str, int] = {}

    def array(name: str, domain: Domain) -> Any:
        axes = domain.hint.dim_str.split()
        shape = [used.setdefault(one, int(one) if one.isdigit() else SIZES.get(one.strip("*"), 2)) for one in axes]
        if domain.whole:
            return np.resize(np.arange(2), shape)
        return symbols(name, *shape, **assumptions_of(domain))

    values = {name: symbol_of(name, domain, pinned, array, symbols) for name, domain in given.items()}
    return ", ".join(f"{name} = {size}" for name, size in used.items()), values


def symbol_of(name: str, domain: Domain, pinned: Mapping[str, Any], array: Callable[[str, Domain], Any], number: Callable[..., Any]) -> Any:
    """One argument as a symbol, or as it is pinned."""
    if name in pinned and domain.kind != "array":
        return pinned[name]
    if domain.kind == "array":
        made = array(name, domain)
        return made if pinned.get(name) is None and name not in pinned else None if pinned[name] is None else 0 * made + pinned[name]
    if domain.kind == "state":
        return domain.hint(*(symbol_of(f"{name}_{key}", one, {}, array, number) for key, one in domain.fields.items()))
    if domain.kind == "number":
        return number(name, **assumptions_of(domain))
    if domain.kind == "count" and not any(isinstance(one, Divides) for one in domain.limits):
        return number(name, integer=True, **assumptions_of(domain))
    raise Unprovable(f"{name} is no symbol: {domain}")


# --- the pieces of evidence ---------------------------------------------------------------------------------------------------------------


def met(
    function: Callable[..., Any], formula: Formula[..., Any], binding: Binding, pinned: Mapping[str, Any], *, prove: bool
) -> dict[str, str]:
    """The pieces of evidence of an entry, with the function in its place; those that need symbols where proofs are asked for.

    A piece that raises shows nothing of a function that floats alone can enter, and is left out.
    """
    from ...evidence import EVIDENCE, run_evidence

    importlib.import_module(f"trainspec.spec.evidence.{formula.__module__.rpartition('.')[2]}")
    given = list(domains(formula.raw))

    def instead(*args: Any, **kwargs: Any) -> Any:
        asked = {**dict(zip(given, args, strict=False)), **kwargs}
        if other := [name for name, value in asked.items() if name in pinned and not built_in(value, pinned[name])]:
            raise Unprovable(f"the piece asks for another {other[0]} than is built in")
        arguments = {**(formula.raw.__kwdefaults__ or {}), **pinned, **asked}
        if fills := [
            name
            for name, value in pinned.items()
            if name not in asked and np.ndim(value) == 0 and domains(formula.raw)[name].kind == "array"
        ]:
            raise Unprovable(f"{fills[0]} is built in")
        missing = {name: None for name, one in domains(formula.raw).items() if one.optional and name not in arguments}
        due = formula.raw(**{**arguments, **missing})
        return shaped(flat(binding.call(function, {**arguments, **missing}), due), due)

    found: dict[str, str] = {}
    start = time.monotonic()
    pieces = [one for one in EVIDENCE.values() if formula.__name__ in one.formulas and formula.id in one.ids]
    for piece in sorted(pieces, key=lambda one: KINDS.index(one.kind)):
        if time.monotonic() - start > EVIDENCE_BUDGET or (piece.kind == "proof" and not prove):
            continue
        result = run_evidence(piece, {formula.__name__: instead}, allowed=ALLOWED)
        if not result.raised:
            found[piece.name] = str(result.verdict)
    return found


def built_in(value: Any, pinned: Any) -> bool:
    """Whether an argument of a piece is what is built into the function."""
    try:
        return bool(np.all(np.asarray(value == pinned)))
    except (TypeError, ValueError, ArithmeticError):
        return False


def shaped(leaves: list[Any], due: Any) -> Any:
    """Leaves in the structure that is due."""
    left = iter(leaves)

    def within(one: Any) -> Any:
        if isinstance(one, tuple):
            parts = [within(part) for part in one]
            return type(one)(*parts) if hasattr(one, "_fields") else tuple(parts)
        return next(left)

    return within(due)
