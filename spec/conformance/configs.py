"""Constructors that take hyper-parameters as the fields of a dataclass, such as `__init__(self, theta, config: Config)`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, get_args


def signature_of(function: Any) -> inspect.Signature:
    """Return the signature of a callable, its annotations as objects where they can be evaluated."""
    with suppress(NameError, AttributeError, SyntaxError, TypeError):
        return inspect.signature(function, eval_str=True)
    return inspect.signature(function)


def config_class(parameter: inspect.Parameter) -> Any:
    """Return the dataclass that a parameter takes by its default or its annotation, which may admit None; None where it takes no such."""
    kinds = (type(parameter.default), parameter.annotation, *get_args(parameter.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and dataclasses.is_dataclass(kind)), None)


def fields_of(parameter: inspect.Parameter) -> dict[str, Any]:
    """Return the fields of the dataclass that a parameter takes, with their defaults as those of parameters; nothing for another one."""
    kind = config_class(parameter)
    if kind is None:
        return {}
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    if isinstance(parameter.default, kind):
        return {name: getattr(parameter.default, name) for name in fields}
    return {name: default_of(field) for name, field in fields.items()}


def default_of(field: dataclasses.Field[Any]) -> Any:
    """Return the default of a field, as that of a parameter."""
    if field.default is not dataclasses.MISSING:
        return field.default
    return inspect.Parameter.empty if field.default_factory is dataclasses.MISSING else field.default_factory()


def with_configs(function: Any, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of a call where those that are fields of a dataclass are handed over in an object of it."""
    passed = dict(keywords)
    parameters = signature_of(function).parameters
    for name, parameter in parameters.items():
        taken = {field: passed.pop(field) for field in fields_of(parameter) if field in passed and field not in parameters}
        kind = config_class(parameter)
        if taken and isinstance(parameter.default, kind):
            passed[name] = dataclasses.replace(parameter.default, **taken)
        elif taken:
            passed[name] = kind(**taken)
    return passed


def holder_of(owner: Any, names: Iterable[str]) -> tuple[Any, str] | None:
    """Return the object that has an attribute of one of these names, and which: an object, or a dataclass that it keeps and may change."""
    kept = [part for part in getattr(owner, "__dict__", {}).values() if dataclasses.is_dataclass(part) and not isinstance(part, type)]
    spellings = [spelling for name in names for spelling in (name, f"_{name}")]
    for holder in (owner, *kept):
        for spelling in spellings:
            if hasattr(holder, spelling):
                with suppress(dataclasses.FrozenInstanceError):
                    setattr(holder, spelling, getattr(holder, spelling))
                    return holder, spelling
    return None
