"""What optimizers disagree about, as data: axes with their values and changes, and families of optimizers."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any


@functools.cache
def load(name: str) -> Mapping[str, Any]:
    """Return the records of `axes`, `families` or `rare`."""
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
