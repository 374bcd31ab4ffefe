"""JSON Schemas of the answers of the command line, generated from the types that they are made of."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

PLAIN: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def schema_of(answer: Any, title: str) -> dict[str, Any]:
    """Return the JSON Schema of a type: a TypedDict, a list or mapping of such, a plain type, or one of several."""
    definitions: dict[str, Any] = {}
    schema = schema_within(answer, definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **schema, "$defs": definitions}


def schema_within(answer: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a type, and add those of the TypedDicts in it to the definitions."""
    if answer in PLAIN:
        return {"type": PLAIN[answer]}
    if is_typeddict(answer):
        if answer.__name__ not in definitions:
            definitions[answer.__name__] = {}  # it may contain itself
            definitions[answer.__name__] = object_schema(answer, definitions)
        return {"$ref": f"#/$defs/{answer.__name__}"}
    origin, arguments = get_origin(answer), get_args(answer)
    if origin is list:
        return {"type": "array", "items": schema_within(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_within(arguments[1], definitions)}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_within(argument, definitions) for argument in arguments]}
    raise TypeError(f"a type of an answer must be plain, a list, a dict or a TypedDict, got {answer!r}")


def object_schema(answer: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a TypedDict: its keys, and no others."""
    properties = {key: schema_within(hint, definitions) for key, hint in get_type_hints(answer).items()}
    description = {"description": answer.__doc__} if answer.__doc__ and not answer.__doc__.startswith("dict(") else {}
    return {
        **description,
        "type": "object",
        "properties": properties,
        "required": sorted(answer.__required_keys__),
        "additionalProperties": False,
    }
