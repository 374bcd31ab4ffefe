"""The results of the kit, as data: a verdict, the facts behind it and the faults seen.

`Result` is a tagged union: the field `kind` says which class it is, and the fields of the class are the keys of the JSON. The JSON Schema
in `result.schema.json` is generated from these classes by `result_schema.py`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, MinLen

WIDE = ("float64", "float32")
NARROW = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")
NATIVE = "native"  # the precision of an implementation that keeps everything in the dtype of its parameters
LONGEST_INTEGER = 64  # bits of an integer in a result
TEXT_LIMIT = 4000  # characters of any text in a result
Text = Annotated[str, MinLen(1)]
Distance = Annotated[float, Ge(0)]
Settings = Annotated[Mapping[str, Any], "Hyper-parameters by canonical name"]


class Verdict(StrEnum):
    """What is said of an implementation; `identify` answers with the last two, or with an error."""

    CONFORMS = "conforms"
    DEVIATES = "deviates"
    AMBIGUOUS = "ambiguous"
    BIASED = "biased"
    ERROR = "error"
    IDENTIFIED = "identified"
    UNMATCHED = "unmatched"


FAULT_KINDS: Mapping[str, str] = {
    "not-found": "the name leads to nothing that can be judged",
    "import": "the import raises",
    "settings": "the hyper-parameters or arguments cannot be bound",
    "raises": "a call raises",
    "timeout": "no answer within the time limit",
    "crashes": "the process ended, or its report cannot be read",
    "memory": "the memory limit was reached",
    "internal": "the kit itself failed",
    "prints": "it writes to standard output",
    "mutates-input": "it writes to an argument",
    "returns-view": "a result shares memory with an argument",
    "retains-input": "it keeps the caller's array instead of its values",
    "nondeterministic": "two runs with the same inputs differ",
    "modifies-global-rng": "it changes the state of a global random number generator",
    "ignores-generator": "generators with different seeds give the same draws",
    "returns-change": "a step returns the change of the point where the point is due",
    "structure": "another number of results",
    "type": "a result of another type",
    "complex": "a complex result where a real one is due",
    "masked": "a result with masked entries",
    "shape": "a result of another shape",
    "dtype": "a result of another dtype",
    "dtype-upcast": "a result of a wider dtype",
    "not-finite": "a result that is not finite where a finite one is due",
    "protocol": "a program answers by something that is no answer, or out of order",
    "skipped": "a program says that it does not do this",
    "narrower-domain": "a ValueError at the edge of the domain",
}


@dataclass(frozen=True)
class Fault:
    """One way in which an implementation misbehaves. `fatal`: it kept the kit from judging."""

    kind: str
    detail: Text
    fatal: bool = True

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Take the fields from the report of a process that may have sent anything."""
        if state.get("kind") not in FAULT_KINDS or not isinstance(state.get("detail"), str):
            raise ValueError(f"a fault must be one of {', '.join(FAULT_KINDS)}, and have a text")
        vars(self).update(kind=state["kind"], detail=printable(state["detail"]), fatal=bool(state.get("fatal", True)))


@dataclass(frozen=True)
class Divergence:
    """The first place where a trajectory leaves a convention."""

    convention: str
    name: str
    step: Annotated[int, Ge(1)]
    coordinate: Annotated[int, Ge(0)]
    got: float
    expected: float
    error_in_bounds: Distance
    hyperparameters: Mapping[str, float]
    explained_by: Annotated[
        Literal["first moment", "second moment", "velocity", "correction", "denominator", "weight decay"] | None,
        "The first intermediate quantity that differs, where the implementation exposes its state",
    ] = None


@dataclass(frozen=True)
class Mismatch:
    """The place where a function is furthest from its formula, in the plainest of the cases in which it deviates."""

    case: str
    separates: str
    output: Annotated[int, Ge(1)]
    index: tuple[int, ...]
    got: float
    expected: float
    error_in_bounds: Distance


@dataclass(frozen=True)
class RunnerUp:
    """The nearest other convention, and how far the implementation is from it."""

    convention: str
    name: str
    error_in_bounds: Distance


@dataclass(frozen=True)
class EquivalentConvention:
    """A convention that is the same at these hyper-parameters, and why."""

    convention: str
    name: str
    reasons: Annotated[tuple[Text, ...], MinLen(1)]


@dataclass(frozen=True)
class Option:
    """What is followed with an option on that is off by default."""

    name: str
    settings: Annotated[Mapping[str, Any], "The option, and what had to be switched on with it"]
    convention: Annotated[str | None, "The convention that is followed then, by id"]
    convention_name: Annotated[str | None, "The convention that is followed then, in words"]
    conforms: Annotated[bool | None, "Whether it is a correct convention that uses the option; null where it was refused"]


@dataclass(frozen=True)
class Mode:
    """What an optimizer does in a mode of its library, such as foreach: how far it is from its formula, and from its other modes."""

    name: Text
    conforms: Annotated[bool | None, "Whether it follows what the optimizer follows by default; null where it was refused"]
    error_in_bounds: Annotated[Distance | None, "The largest error, in rounding bounds of the convention"] = None
    refusal: Annotated[str, "Why it could not be run"] = ""
    furthest: Annotated[str, "The mode that it is furthest from; empty where all are the same bit for bit"] = ""
    distance_in_bounds: Annotated[Distance, "How far that one is, in rounding bounds"] = 0.0
    array: Annotated[str, "The array in which it is"] = ""
    step: Annotated[int, Ge(1)] = 1
    coordinate: Annotated[int, Ge(0)] = 0


@dataclass(frozen=True, kw_only=True)
class Result:
    """What every result says."""

    kind: ClassVar[str]
    subject: Annotated[Text, "The implementation by name"]
    command: Literal["check", "identify"] = "check"
    verdict: Verdict
    message: Annotated[Text, "The verdict in words"]
    expected: Annotated[str | None, "The convention or formula that was asked for"] = None
    dtype: Literal["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"] = "float64"
    settings: Settings = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    environment: Annotated[Mapping[str, str], "Versions, platform, and what the adapter says that results depend on"] = field(
        default_factory=dict
    )

    @property
    def exit_code(self) -> int:
        """Return 0 for conforms or identified, 1 for deviates or unmatched, 2 where it could not be run."""
        return {Verdict.CONFORMS: 0, Verdict.IDENTIFIED: 0, Verdict.ERROR: 2}.get(self.verdict, 1)

    def as_json(self) -> dict[str, Any]:
        """Return plain data with stable keys; `result.schema.json` describes it."""
        return {"kind": self.kind, **{name: plain_data(value) for name, value in asdict(self).items()}, "exit_code": self.exit_code}


@dataclass(frozen=True, kw_only=True)
class ErrorResult(Result):
    """An implementation that could not be loaded or run, so that nobody knows what it is."""

    kind = "error"


@dataclass(frozen=True, kw_only=True)
class NamedResult(Result):
    """A result that may name the convention that is followed."""

    convention: Annotated[str | None, "The convention that is followed, by id"] = None
    name: Annotated[str | None, "The convention that is followed, in words"] = None
    is_correct: Annotated[bool | None, "Whether it is a convention rather than a mistake"] = None
    axes: Mapping[str, Any] | None = None
    formulas: Annotated[tuple[str, ...], "The ids of the catalogue that state it"] = ()
    inferred_hyperparameters: Annotated[Mapping[str, Any], "Hyper-parameters that nobody stated"] = field(default_factory=dict)
    identities: Annotated[tuple[EquivalentConvention, ...], "Conventions that are the same here"] = ()
    error_in_bounds: Annotated[Distance | None, "The largest error, in rounding bounds of the convention"] = None
    error_ulps: Annotated[Distance | None, "The largest error, in units in the last place of the exact value"] = None
    margin: Annotated[Distance | None, "The error of the runner-up, in bounds"] = None
    runner_up: RunnerUp | None = None
    counterexample: Annotated[str | None, "The smallest deviating input found, as a Python program"] = None


@dataclass(frozen=True, kw_only=True)
class OptimizerResult(NamedResult):
    """The result of an optimizer."""

    kind = "optimizer"
    equations: str | None = None
    relation: Annotated[str | None, "How the convention relates to the canonical form of its family"] = None
    candidates: Annotated[tuple[str, ...], "Of an ambiguous verdict: the conventions that may be followed"] = ()
    divergence: Divergence | None = None
    steps: Annotated[int, Ge(0)] = 0
    options: Annotated[tuple[Option, ...], "The options that are off by default, each switched on"] = ()
    unused: Annotated[tuple[str, ...], "Hyper-parameters that it takes and that change nothing"] = ()
    claim: Annotated[str | None, "The formula that its name says and that it does not follow, where nothing else was asked for"] = None
    errata: Annotated[tuple[str, ...], "The errata of the catalogue that print what it follows, by id"] = ()
    situation: Annotated[str | None, "Where it deviates, if it is right for one vector: several arrays, groups, resuming"] = None
    modes: Annotated[tuple[Mode, ...], "The modes of its library that were asked for, after the default one"] = ()
    sharded: Annotated[
        Literal["bit for bit", "up to rounding", "by design not"] | None,
        "How parts of an array move beside the whole; null if not tried",
    ] = None
    tried: Annotated[tuple[Text, ...], "What was tried beside one vector: several arrays, groups, resuming"] = ()
    not_tried: Annotated[tuple[Text, ...], "What a verdict does not speak of"] = ()

    @property
    def exit_code(self) -> int:
        """Return the exit code; an ambiguous verdict passes if every candidate may be correct."""
        if self.verdict is Verdict.AMBIGUOUS:
            return 0 if self.is_correct or self.command == "identify" else 1
        return super().exit_code

    @property
    def precision(self) -> str:
        """Return what is kept in a narrower format, or `native`."""
        return str((self.axes or {}).get("precision", NATIVE))

    @property
    def deviates_in_precision_only(self) -> bool:
        """Return whether a narrower format is all that keeps it from conforming."""
        return bool(self.is_correct) and self.precision != NATIVE and self.divergence is None


@dataclass(frozen=True, kw_only=True)
class FunctionResult(NamedResult):
    """The result of a function."""

    kind = "function"
    entry: Annotated[str, "The catalogue entry that it was compared with"]
    cases: Annotated[int, Ge(0)] = 0
    mismatch: Mismatch | None = None
    ranks: Annotated[Mapping[str, Literal["same", "otherwise", "refused"]], "How the rows of batches of these ranks come out"] = field(
        default_factory=dict
    )
    evidence: Annotated[
        Mapping[str, Literal["holds", "refuted", "unknown"]], "The pieces of evidence of the entry, run on the function"
    ] = field(default_factory=dict)
    proved: Annotated[str | None, "For which sizes it was proved equal to the entry in real numbers"] = None
    not_proved: Annotated[str | None, "Why there is no proof, where one was asked for"] = None


@dataclass(frozen=True, kw_only=True)
class InitializerResult(NamedResult):
    """The result of a function that draws random numbers."""

    kind = "initializer"
    entry: Annotated[str, "The catalogue entry that it was compared with"]
    cases: Annotated[int, Ge(0)] = 0
    failed_test: Annotated[str | None, "The first statistical or exact test that its draws fail"] = None


@dataclass(frozen=True, kw_only=True)
class LayerResult(Result):
    """The result of an implementation of several functions: the worst of their verdicts."""

    kind = "layer"
    parts: tuple[FunctionResult | InitializerResult, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain data, each part with its own kind."""
        return {**super().as_json(), "parts": [part.as_json() for part in self.parts]}


RESULTS: tuple[type[Result], ...] = (OptimizerResult, FunctionResult, InitializerResult, LayerResult, ErrorResult)


# --- text and data that is always valid ------------------------------------------------------------------------------------------------


def error_result(subject: str, detail: str, *, fault: str = "internal", **common: Any) -> ErrorResult:
    """Return the result of what could not be judged, with one fault."""
    subject, detail = printable(subject) or "?", printable(detail) or "no reason is known"
    message = f"{subject} could not be judged: {detail if detail.endswith('?') else detail.rstrip('.') + '.'}"
    return ErrorResult(subject=subject, verdict=Verdict.ERROR, message=message, **{"faults": (Fault(fault, detail),), **common})


def printable(value: Any, limit: int = TEXT_LIMIT) -> str:
    """Return the text of any object: bounded, and without what a terminal or JSON cannot hold. It never raises."""
    try:
        text = value if isinstance(value, str) else str(value)
    except BaseException:
        text = f"<{type(value).__name__} that cannot be printed>"
    text = str.encode(text[: limit + 1], "utf-8", "replace").decode("utf-8", "replace")
    text = "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def short_repr(value: Any, limit: int = 200) -> str:
    """Return the repr of any object on one line; it never raises."""
    try:
        text = repr(value)
    except BaseException:
        text = f"<{type(value).__name__} that cannot be printed>"
    return printable(text.replace("\n", " "), limit)


def is_plain_integer(value: Any) -> bool:
    """Return whether a value is an integer that every reader of JSON can hold."""
    return isinstance(value, int) and value.bit_length() <= LONGEST_INTEGER


def plain_setting(value: Any) -> Any:
    """Return a setting as it can be sent and shown: numbers and texts as they are, anything else by its repr."""
    if value is None or type(value) in (bool, float) or is_plain_integer(value):
        return value
    if isinstance(value, np.number | np.bool_) and not isinstance(value, np.ndarray):
        return plain_setting(value.item())
    return printable(value) if isinstance(value, str) else short_repr(value)


def plain_data(value: Any) -> Any:
    """Return what JSON can hold: numbers finite, texts bounded and printable, anything unknown by its repr."""
    if value is None or isinstance(value, bool) or is_plain_integer(value):
        return value
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, str):
        return printable(str(value))
    if isinstance(value, Mapping):
        return {printable(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain_data(item) for item in value]
    return short_repr(value)


def finite(value: float) -> float:
    """Return the nearest number that JSON knows; 0 for NaN."""
    return 0.0 if math.isnan(value) else max(min(float(value), sys.float_info.max), -sys.float_info.max)


def field_names(kind: type[Result]) -> list[str]:
    """Return the JSON keys of a kind of result, in order."""
    return ["kind", *(item.name for item in fields(kind)), "exit_code"]


def describe_failure(problem: BaseException) -> str:
    """Return what to say of an exception of the kit itself."""
    return f"the kit failed with {type(problem).__name__}: {printable(problem, 300)}; please report this"
