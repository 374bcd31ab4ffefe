"""What the arguments and the results of a formula are called in vectors, what kind of value each is, and how it is written."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

import numpy as np

from ...reference import Formula
from ...reference.validation import Domain, domain_of, domains, resolve_annotations
from ..inputs.values import Cubic
from .text import array_of, bits

CUBIC = ("slope", "square", "cubic", "shift")  # of a function x → slope x + square x² + cubic x³ − shift
FREE_SIGNS: Mapping[str, tuple[str, ...]] = {  # results whose columns are right with either sign, by the formula
    "data.pca.fit": ("out.directions",),
    "matrix.turned_basis": ("out",),
    "optimizers.galore.directions": ("out",),
    "optimizers.soap": ("new.state.row_basis", "new.state.column_basis"),
}


def kind_of(domain: Domain) -> str:
    """Return the kind of a value, in the word that the files use."""
    return "indices" if domain.whole else {"choice": "word", "function": "cubic", "functions": "cubics"}.get(domain.kind, domain.kind)


def parts_of(stated: Mapping[str, Domain]) -> Iterator[tuple[str, Domain]]:
    """Yield the arguments and in the place of a state its fields, as `state.field`."""
    for name, domain in stated.items():
        if domain.kind == "state":
            yield from ((f"{name}.{field}", part) for field, part in domain.fields.items())
        else:
            yield name, domain


def argument_kinds(formula: Formula[..., Any]) -> dict[str, str]:
    """Return the kind of every argument, fields of states as `state.field`."""
    return {name: kind_of(domain) for name, domain in parts_of(domains(formula.raw))}


@functools.cache
def result_kinds(raw: Callable[..., Any]) -> dict[str, str]:
    """Return the kind of every result by name: `out`, `out1` …, or for a formula that makes a step `new.` and the argument's name."""
    hint = resolve_annotations(raw, raw.__module__)["return"]
    is_tuple = getattr(hint, "__origin__", None) is tuple
    parts = [part for part in get_args(hint) if part is not Ellipsis] if is_tuple else [hint]
    names = step_names(raw, parts) or ([f"out{number}" for number in range(1, len(parts) + 1)] if is_tuple else ["out"])
    kinds: dict[str, str] = {}
    for name, part in zip(names, parts, strict=True):
        fields = resolve_annotations(part, part.__module__) if hasattr(part, "_fields") else None
        kinds |= {f"{name}.{key}": result_kind(inner) for key, inner in fields.items()} if fields else {name: result_kind(part)}
    return kinds


def positions_of_free_signs(formula: Formula[..., Any]) -> tuple[int, ...]:
    """Return which results of a formula, counted from 0, have columns that are right with either sign."""
    names = FREE_SIGNS.get(formula.id, ())
    return tuple(position for position, name in enumerate(result_kinds(formula.raw)) if name in names) if names else ()


def result_kind(hint: Any) -> str:
    """Return the kind of a result; what NumPy makes is an array, which may have no axes."""
    try:
        return kind_of(domain_of(hint))
    except TypeError:
        return "array"


def step_names(raw: Callable[..., Any], parts: list[Any]) -> list[str]:
    """Return the names of the results of a formula that advances some of its arguments; none for any other formula."""
    from ...reference import FORMULAS

    formula = next(formula for formula in FORMULAS.values() if formula.raw is raw)
    if formula.initial is None:
        return []
    parameters = inspect.signature(raw).parameters.values()
    positional = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    states = {domain.hint: name for name, domain in domains(raw).items() if domain.kind == "state"}
    plain = [positional[0], positional[-1]][-len(parts) :]
    return [f"new.{states.get(part, name)}" for part, name in zip(parts, plain, strict=True)]


# --- writing --------------------------------------------------------------------------------------------------------------------------


def written_arguments(formula: Formula[..., Any], arguments: Mapping[str, Any], dtype: Any) -> dict[str, str]:
    """Return the arguments of a call as fields of a line; an optional one that is None is left out."""
    values: dict[str, Any] = {}
    for name, domain in domains(formula.raw).items():
        if domain.kind == "state":
            values |= {f"{name}.{key}": part for key, part in zip(domain.fields, arguments[name], strict=True)}
        elif arguments[name] is not None:
            values[name] = arguments[name]
    kinds = argument_kinds(formula)
    fields: dict[str, str] = {}
    for name, value in values.items():
        fields |= written(name, kinds[name], value, dtype)
    return fields


def written(name: str, kind: str, value: Any, dtype: Any) -> dict[str, str]:
    """Return one value as fields of a line: an array with its shape unless it has one axis."""
    if kind in ("cubic", "cubics"):
        cubics: tuple[Cubic, ...] = value if kind == "cubics" else (value,)
        return {f"{name}.{part}": bits([getattr(cubic, part) for cubic in cubics], np.float64) for part in CUBIC}
    if kind in ("array", "indices"):
        text = bits(value, dtype) if kind == "array" else " ".join(map(str, np.ravel(value).tolist()))
        return {name: text, **shape_field(name, kind, value)}
    return {name: bits(value, np.float64) if kind == "number" else str(value).lower() if kind == "flag" else str(value)}


def shape_field(name: str, kind: str, value: Any) -> dict[str, str]:
    """Return the shape of an array as a field, unless it has one axis; of anything else there is none."""
    is_stated = kind in ("array", "indices") and np.ndim(value) != 1
    return {f"{name}.shape": " ".join(map(str, np.shape(value)))} if is_stated else {}


# --- reading --------------------------------------------------------------------------------------------------------------------------


def read_result(fields: Mapping[str, str], name: str, kind: str, dtype: Any) -> Any:
    """Return one result of an answer; KeyError where it is missing, ValueError where it cannot be read."""
    text = fields[name]
    if kind in ("count", "flag"):
        return int(text)
    if kind == "number":
        (number,) = array_of(text, np.float64)
        return float(number)
    values = array_of(text, dtype) if kind == "array" else np.array([int(part) for part in text.split()])
    return values.reshape([int(part) for part in fields[f"{name}.shape"].split()]) if f"{name}.shape" in fields else values
