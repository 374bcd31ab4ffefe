"""Data that is read from TOML, checked against a JSON Schema."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any


@functools.cache
def schema(name: str = "schema.json") -> dict[str, Any]:
    """Return the JSON Schema of a chapter, or the one of this name."""
    loaded: dict[str, Any] = json.loads((files(__package__) / name).read_text(encoding="utf-8"))
    return loaded


def check_against_schema(file: str, data: Mapping[str, Any], schema_name: str = "schema.json") -> None:
    """Raise a ValueError that says where the data of a file does not fit the schema, if it does not."""
    import jsonschema

    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema(schema_name)).iter_errors(data))
    if error is not None:
        raise ValueError(f"{file}: {error.json_path}: {error.message}")


def with_tuples(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with its lists as tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
