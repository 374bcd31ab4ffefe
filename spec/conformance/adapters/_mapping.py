"""How the hyper-parameters and states of a library are called here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..implementation import REQUIRED


@dataclass(frozen=True)
class ParameterMapping:
    """The canonical name of a library's hyper-parameter whose values differ too, and how they are converted both ways."""

    canonical: str
    to_canonical: Callable[[Any], Any]
    to_library: Callable[[Any], Any]


ParameterMappings = Mapping[str, str | tuple[str, ...] | ParameterMapping]  # by the library's name; a tuple there is several here

NEGATED = (lambda value: -value, lambda value: -value)
MAYBE_ZERO = (lambda value: 0.0 if value is None else value, lambda value: value)  # None there is 0 here


class MatrixTarget(NamedTuple):
    """A cell of the matrix: what a library has for a formula, and how it is asked."""

    column: str
    target: str
    settings: Mapping[str, Any] = {}
    against: str = ""
    dtype: str = "float64"


def to_canonical(parameters: Mapping[str, Any], mappings: ParameterMappings) -> dict[str, Any]:
    """Return a library's parameters and defaults by canonical name."""
    canonical: dict[str, Any] = {}
    for name, default in parameters.items():
        mapping = mappings.get(name, name)
        if isinstance(mapping, tuple):
            canonical |= dict(zip(mapping, [REQUIRED] * len(mapping) if default is REQUIRED else default, strict=True))
        elif isinstance(mapping, ParameterMapping):
            canonical[mapping.canonical] = REQUIRED if default is REQUIRED else mapping.to_canonical(default)
        else:
            canonical[mapping] = default
    return canonical


def to_library(settings: Mapping[str, Any], parameters: Mapping[str, Any], mappings: ParameterMappings) -> dict[str, Any]:
    """Return settings by canonical name as keyword arguments of a library; the rest of a tuple that is set in part is the default."""
    keywords: dict[str, Any] = {}
    for name, default in parameters.items():
        mapping = mappings.get(name, name)
        if isinstance(mapping, tuple):
            if any(part in settings for part in mapping):
                keywords[name] = tuple(settings[part] if part in settings else default[i] for i, part in enumerate(mapping))
        elif isinstance(mapping, ParameterMapping):
            if mapping.canonical in settings:
                keywords[name] = mapping.to_library(settings[mapping.canonical])
        elif mapping in settings:
            keywords[name] = settings[mapping]
    return keywords


def mappings_of(kind: Any, mappings: ParameterMappings, own: Mapping[str, ParameterMappings]) -> ParameterMappings:
    """Return the mappings of a library, with those that a class, its base class, or a function has of its own."""
    family = inspect.getmro(kind) if isinstance(kind, type) else (kind,)
    return {**mappings, **next((own[member.__name__] for member in family if member.__name__ in own), {})}


def rename_state(state: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return what an optimizer keeps by canonical name; what has none keeps its own."""
    return {names.get(name, name): value for name, value in state.items()}
