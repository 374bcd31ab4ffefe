"""Prove that a function is its formula by executing it on symbols, and run the formula's pieces of evidence on it.

On arrays of symbolic shape an equality holds for every size; where a function needs sizes that are numbers, it is proved for small ones.
Both are statements about real numbers. An equality that the prover does not decide is no proof.
"""

from __future__ import annotations

import importlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np

from ....reference import FORMULAS, Formula, tree_map
from ....reference.limits import Divides, IndexInto, MayBeInfinite, Range
from ....reference.validation import Domain, domains
from ..guards import capture_output
from ..implementation import Task
from .binding import Binding, bind
from .bounds import ALLOWED
from .runner import flatten_result, load_functions

PROOF_LIMIT = 10.0  # seconds of processor time for a proof, unless more is asked for
EVIDENCE_LIMIT = 10.0  # seconds of processor time for pieces of evidence
SIZES = {"m": 2, "k": 3, "n": 2, "c": 2, "h": 1, "w": 2, "d": 3, "batch": 2, "examples": 2, "classes": 3}


@dataclass(frozen=True)
class ProofResult:
    """A proof, or why there is none, and the verdicts of the pieces of evidence."""

    proved: str = ""
    not_proved: str = ""
    evidence: Mapping[str, str] = field(default_factory=dict)

    def pieces(self, verdict: str) -> tuple[str, ...]:
        """Return the names of the pieces of evidence of this verdict."""
        return tuple(name for name, decided in self.evidence.items() if decided == verdict)


class Unprovable(Exception):
    """Why an argument has no symbol, or a function cannot be followed."""


def prove_function(task: Task, inferred: Mapping[str, Any]) -> ProofResult:
    """Return a proof, or why there is none."""
    attempt = attempt_of(task, inferred)
    if attempt is None:
        return ProofResult(not_proved="it is several functions: ask for one of them by --against")
    from .ordinary import ordinary_functions

    with capture_output(), ordinary_functions():
        return attempt.prove()


def run_pieces(task: Task, inferred: Mapping[str, Any], symbolic: bool) -> ProofResult:
    """Return the verdicts of the entry's pieces of evidence on a function; with the symbolic ones where a proof is asked for."""
    attempt = attempt_of(task, inferred)
    if attempt is None:
        return ProofResult()
    from .ordinary import ordinary_functions

    with capture_output(), ordinary_functions():
        verdicts = evidence_verdicts(attempt, prove=symbolic)
    return ProofResult(evidence=verdicts)


def attempt_of(task: Task, inferred: Mapping[str, Any]) -> ProofAttempt | None:
    """Return a function with its formula and what is built in; None where a name stands for several functions."""
    with capture_output():
        (function, *others) = load_functions(task)
        formula = FORMULAS[function.formula]
        binding, pinned = bind(function.call, formula, task.names, task.settings, function.bound_arguments, task.outputs)
    return None if others else ProofAttempt(function.call, formula, binding, {**inferred, **pinned})


# --- on symbols ---------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ProofAttempt:
    """A function, its formula, and the arguments that are not symbols."""

    function: Callable[..., Any]
    formula: Formula[..., Any]
    binding: Binding
    pinned: Mapping[str, Any]

    def prove(self) -> ProofResult:
        """Return a proof for every size, else for small sizes, else the reasons why there is none."""
        from ...arithmetic import Verdict
        from ...arithmetic.conditions import conditions, in_words

        reasons = []
        for scope, make in (("every size", tensor_arguments), ("size", symbol_arguments)):
            try:
                cases = list(self.assumptions(make))
                with conditions() as noted:
                    findings = [self.compare(arguments) for _, arguments in cases]
            except Exception as problem:  # whatever a function does with symbols, it is no proof
                reasons.append(
                    f"on arrays of {'symbolic shape' if make is tensor_arguments else 'symbols'} "
                    f"it raises {type(problem).__name__}: {first_line(problem)}"
                )
                continue
            undecided = [finding for finding in findings if finding.verdict is not Verdict.HOLDS]
            if not undecided:
                sizes = cases[0][0] if make is symbol_arguments else ""
                scope_text = f"for {scope}{' ' + sizes if sizes else ''}{self.pinned_text()}"
                needed = in_words(noted)  # what the function and the formula take for granted
                return ProofResult(
                    proved=f"equal to {self.formula.id} in real numbers for all values, {scope_text}{', ' + needed if needed else ''}"
                )
            reasons.append(f"the prover does not say that it is the same: {undecided[0].verdict}, {first_line(undecided[0].detail)}")
        return ProofResult(not_proved="; ".join(dict.fromkeys(reasons)))

    def pinned_text(self) -> str:
        """Return the arguments that are not symbols, as the end of a sentence."""
        fixed = {name: value for name, value in self.pinned.items() if value is not None}
        return f", with {', '.join(f'{name} = {value!r}' for name, value in fixed.items())}" if fixed else ""

    def assumptions(self, make: Callable[..., Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the arguments as symbols: one set for each choice of words and truth values, with the sizes in words."""
        arguments = domains(self.formula.raw)
        choices = {
            name: options(domain) for name, domain in arguments.items() if domain.kind in ("choice", "flag") and name not in self.pinned
        }
        for values in itertools.product(*choices.values()):
            yield make(arguments, {**self.pinned, **dict(zip(choices, values, strict=True))})

    def compare(self, arguments: Mapping[str, Any]) -> Any:
        """Return whether the function gives what the formula gives."""
        from ...evidence import judge

        due = self.formula.raw(**arguments)
        got = flatten_result(self.binding.call(self.function, arguments), due)
        expected = flatten_result(due, due)
        if not all(is_symbolic(output) or not is_symbolic(other) for output, other in zip(got, expected, strict=True)):
            raise Unprovable("a result that is no expression of the symbols")
        return judge(tuple(got), tuple(expected))


def is_symbolic(value: Any) -> bool:
    """Return whether a value is made of symbols."""
    from ...arithmetic import Symbolic, Tensor

    return isinstance(value, Tensor | Symbolic)


def options(domain: Domain) -> tuple[Any, ...]:
    """Return all words of a choice, or both truth values."""
    return get_args(domain.hint) if domain.kind == "choice" else (False, True)


def first_line(problem: Any) -> str:
    """Return the first line of a message, bounded."""
    return str(problem).partition("\n")[0][:160]


def assumptions_of(domain: Domain) -> dict[str, bool]:
    """Return what SymPy may assume of an entry; Unprovable for a domain with relations, which symbols do not carry."""
    if not all(isinstance(limit, Range | IndexInto | Divides | MayBeInfinite) for limit in domain.limits):
        raise Unprovable("the domain has relations that symbols do not carry")
    low, low_open = domain.interval.low, domain.interval.low_open
    if low > 0 or (low == 0 and low_open):
        return {"positive": True}
    return {"nonnegative": True} if low == 0 else {}


def tensor_arguments(arguments: Mapping[str, Domain], pinned: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return arrays of symbolic shape."""
    import sympy as sp

    from ...arithmetic import labels, tensor

    sizes: dict[str, Any] = {}

    def array(name: str, domain: Domain) -> Any:
        axes = domain.hint.dim_str.split()
        shape = [sizes.setdefault(axis.strip("*"), sp.Symbol(axis.strip("*"), integer=True, positive=True)) for axis in axes]
        if domain.whole:
            (limit,) = [limit for limit in domain.limits if isinstance(limit, IndexInto)]
            classes = values[limit.argument].shape[limit.axis]
            return labels(name, *shape, classes=classes)
        return tensor(name, *shape, **assumptions_of(domain))

    values: dict[str, Any] = {}
    for name, domain in arguments.items():
        values[name] = symbol_of(name, domain, pinned, array, tensor)
    return "", values


def symbol_arguments(arguments: Mapping[str, Domain], pinned: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return small arrays of symbols, and their sizes in words."""
    from ...arithmetic import symbols

    used: dict[str, int] = {}

    def array(name: str, domain: Domain) -> Any:
        axes = domain.hint.dim_str.split()
        shape = [used.setdefault(axis, int(axis) if axis.isdigit() else SIZES.get(axis.strip("*"), 2)) for axis in axes]
        if domain.whole:
            return np.resize(np.arange(2), shape)
        return symbols(name, *shape, **assumptions_of(domain))

    values = {name: symbol_of(name, domain, pinned, array, symbols) for name, domain in arguments.items()}
    return ", ".join(f"{name} = {size}" for name, size in used.items()), values


def symbol_of(name: str, domain: Domain, pinned: Mapping[str, Any], array: Callable[[str, Domain], Any], number: Callable[..., Any]) -> Any:
    """Return one argument as a symbol, or as it is pinned."""
    if name in pinned and domain.kind != "array":
        return pinned[name]
    if domain.kind == "array":
        if name in pinned and pinned[name] is None:
            return None
        return 0 * array(name, domain) + pinned[name] if name in pinned else array(name, domain)
    if domain.kind == "state":
        return domain.hint(*(symbol_of(f"{name}_{key}", part, {}, array, number) for key, part in domain.fields.items()))
    if domain.kind == "number":
        return number(name, **assumptions_of(domain))
    if domain.kind == "count" and not any(isinstance(limit, Divides) for limit in domain.limits):
        return number(name, integer=True, **assumptions_of(domain))
    raise Unprovable(f"{name} is no symbol: {domain}")


# --- the pieces of evidence ---------------------------------------------------------------------------------------------------------------


def evidence_verdicts(attempt: ProofAttempt, *, prove: bool) -> dict[str, str]:
    """Return the verdicts of an entry's pieces of evidence with the function in its place; symbolic ones where proofs are asked for.

    A piece that raises shows nothing of a function that only floats can enter, and is left out; so is one about the rounding of the
    reference's own order of operations. What a law says bit for bit, a function in another order may fulfil within rounding.
    """
    from ...arithmetic import Verdict
    from ...evidence import CHEAPEST_FIRST, EVIDENCE, run_evidence

    formula = attempt.formula
    importlib.import_module(f"trainspec.spec.evidence.{formula.__module__.rpartition('.')[2]}")
    verdicts: dict[str, str] = {}
    start = time.process_time()
    pieces = [piece for piece in EVIDENCE.values() if formula.__name__ in piece.formulas and formula.id in piece.ids]
    for piece in sorted(pieces, key=lambda piece: CHEAPEST_FIRST.index(piece.kind)):
        if time.process_time() - start > EVIDENCE_LIMIT or (piece.kind == "proof" and not prove) or piece.is_about_own_rounding:
            continue
        for form in dict.fromkeys((piece, piece.within_rounding)):
            result = run_evidence(form, {formula.__name__: substitute_for(attempt)}, allowed=ALLOWED)
            if not result.raised:
                verdicts[piece.name] = str(result.verdict)
            if result.verdict is not Verdict.REFUTED:
                break
    return verdicts


def substitute_for(attempt: ProofAttempt) -> Callable[..., Any]:
    """Return the function with the formula's signature and the structure of its results."""
    formula, pinned = attempt.formula, attempt.pinned
    given = domains(formula.raw)

    def substitute(*args: Any, **kwargs: Any) -> Any:
        asked = {**dict(zip(given, args, strict=False)), **kwargs}
        if other := [name for name, value in asked.items() if name in pinned and not is_equal(value, pinned[name])]:
            raise Unprovable(f"the piece asks for another {other[0]} than is built in")
        if fills := [name for name in pinned if name not in asked and np.ndim(pinned[name]) == 0 and given[name].kind == "array"]:
            raise Unprovable(f"{fills[0]} is built in")
        arguments = {**(formula.raw.__kwdefaults__ or {}), **pinned, **asked}
        arguments |= {name: None for name, domain in given.items() if domain.optional and name not in arguments}
        for name, identifier in attempt.binding.computed.items():
            by = FORMULAS[identifier].raw
            if not is_equal(arguments[name], by(**{key: arguments[key] for key in domains(by)})):
                raise Unprovable(f"the piece asks for another {name} than the function computes")
        due = formula.raw(**arguments)
        copies = {name: tree_map(copy_of, value) for name, value in arguments.items()}  # it may write into its arguments
        return unflatten(flatten_result(attempt.binding.call(attempt.function, copies), due), due)

    return substitute


def copy_of(leaf: Any) -> Any:
    """Return a copy of an array, of a scalar of NumPy's as an array; what else there is stays."""
    return leaf.copy() if isinstance(leaf, np.ndarray) else np.array(leaf) if isinstance(leaf, np.generic) else leaf


def is_equal(value: Any, pinned: Any) -> bool:
    """Return whether an argument of a piece is what is built into the function."""
    try:
        return bool(np.all(np.asarray(value == pinned)))
    except (TypeError, ValueError, ArithmeticError):
        return False


def unflatten(outputs: list[Any], due: Any) -> Any:
    """Return outputs in the structure that is due."""
    rest = iter(outputs)

    def structured(part: Any) -> Any:
        if isinstance(part, tuple):
            parts = [structured(item) for item in part]
            return type(part)(*parts) if hasattr(part, "_fields") else tuple(parts)
        return next(rest)

    return structured(due)
