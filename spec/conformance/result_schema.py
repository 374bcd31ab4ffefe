"""The JSON Schema of results, generated from the classes of `result.py` and the registry of conventions.

`python -m trainspec.spec.conformance.result_schema` prints it; `PATH` is the committed copy, and a test compares the two.
"""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, MinLen

from .optimizers.algorithm import GENERATED, WRAPPERS
from .optimizers.combinations import combinations
from .optimizers.conventions import AXES, FAMILIES
from .optimizers.precision import PRECISIONS
from .optimizers.storage import ROUNDINGS
from .result import FAULT_KINDS, RESULTS, Fault, FunctionResult, InitializerResult, OptimizerResult, Result

PATH = Path(__file__).with_name("result.schema.json")
PLAIN: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def result_schema() -> dict[str, Any]:
    """Return the schema of everything that `trainspec check --json` and `trainspec identify --json` print."""
    definitions: dict[str, Any] = {"optimizer_axes": optimizer_axes(), "function_axes": function_axes()}
    for kind in RESULTS:
        definitions[kind.__name__] = object_schema(kind, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The result of `trainspec check` and `trainspec identify`",
        "description": "Generated from trainspec.spec.conformance.result by trainspec.spec.conformance.result_schema.",
        "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in RESULTS],
        "$defs": dict(sorted(definitions.items())),
    }


def object_schema(kind: type[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a dataclass; those within it are added to the definitions."""
    hints = get_type_hints(kind, include_extras=True)
    properties = {item.name: value_schema(hints[item.name], definitions) for item in fields(kind)}
    if issubclass(kind, Result):
        properties = {"kind": {"const": kind.kind}, **properties, "exit_code": {"enum": [0, 1, 2]}}
    if kind is OptimizerResult:
        properties["axes"] = optional({"$ref": "#/$defs/optimizer_axes"})
    if kind in (FunctionResult, InitializerResult):
        properties["axes"] = optional({"$ref": "#/$defs/function_axes"})
    if kind is Fault:
        properties["kind"] = {"enum": list(FAULT_KINDS)}
    description = (kind.__doc__ or "").partition("\n")[0]
    return {
        "description": description,
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


def optional(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value or null."""
    return {"anyOf": [{"type": "null"}, schema]}


def value_schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a type annotation."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return reduce(with_limit, hint.__metadata__, value_schema(hint.__origin__, definitions))
    if origin in (Union, types.UnionType):
        parts = [value_schema(part, definitions) for part in arguments]
        simple = all(set(part) == {"type"} for part in parts)
        return {"type": [part["type"] for part in parts]} if simple else {"anyOf": parts}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": value_schema(arguments[0], definitions)}
    if origin is Mapping:
        return (
            {"type": "object"}
            if arguments[1] is Any
            else {"type": "object", "additionalProperties": value_schema(arguments[1], definitions)}
        )
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"enum": [item.value for item in hint]}
    if is_dataclass(hint) and isinstance(hint, type):
        definitions.setdefault(hint.__name__, None)
        if definitions[hint.__name__] is None:
            definitions[hint.__name__] = object_schema(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    return {"type": PLAIN[hint]}


def with_limit(schema: dict[str, Any], limit: Any) -> dict[str, Any]:
    """Return a schema with one limit or description of an `Annotated` type added."""
    if isinstance(limit, str):
        return {**schema, "description": limit}
    if isinstance(limit, MinLen):
        return {**schema, "minItems" if schema.get("type") == "array" else "minLength": limit.min_length}
    assert isinstance(limit, Ge), limit
    return {**schema, "minimum": limit.ge}


def optimizer_axes() -> dict[str, Any]:
    """Return the schema of the axes of an optimizer, with every value that the registry of conventions has."""
    values: dict[str, dict[Any, None]] = {}
    for convention in (convention for family in FAMILIES for convention in combinations(family)):
        for axis, value in convention.axes.items():
            values.setdefault(axis, {})[value] = None
    values |= {axis: dict.fromkeys(AXES[axis]) for axis in WRAPPERS}
    properties: dict[str, Any] = {axis: {"enum": sorted(map(str, seen))} for axis, seen in values.items()}
    mistakes = "|".join(properties["mistake"]["enum"])
    properties["mistake"] = {
        "type": "string",
        "pattern": f"^({mistakes}|{GENERATED}[0-9]+)(\\+({mistakes}))?$",
    }  # two at once, or a change without a name
    properties |= {"centered": {"type": "boolean"}, "initial_second_moment": {"type": "number"}, "precision": {"enum": list(PRECISIONS)}}
    required = list(properties)
    properties["rounding"] = {"enum": list(ROUNDINGS)}  # in narrow formats
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def function_axes() -> dict[str, Any]:
    """Return the schema of the axes of a function: the formula, and the axes on which the implementation differs from it."""
    return {"type": "object", "required": ["formula"], "additionalProperties": {"type": "string"}}


def schema_text(current: str = "") -> str:
    """Return the text that the committed schema should have."""
    schema = result_schema()
    definitions = schema.pop("$defs")
    head = [f"  {compact(key)}: {compact(value)}," for key, value in schema.items()]
    body = [f"    {compact(name)}: {definition_text(definition)}" for name, definition in definitions.items()]
    return "\n".join(["{", *head, '  "$defs": {', ",\n".join(body), "  }", "}"]) + "\n"


def definition_text(definition: dict[str, Any]) -> str:
    """Return the text of one definition, a line for each property."""
    properties = definition.get("properties", {})
    rest = compact({key: value for key, value in definition.items() if key != "properties"})
    lines = [f"      {compact(name)}: {compact(schema)}" for name, schema in properties.items()]
    return rest if not lines else rest[:-1] + ', "properties": {\n' + ",\n".join(lines) + "\n    }}"


def compact(value: Any) -> str:
    """Return JSON on one line."""
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    print(schema_text(), end="")
