"""How implementations of a formula differ, as data: a file for each chapter, and one for what is made of every formula."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

CHAPTERS = ("normalization", "losses", "schedules", "averaging", "data", "curvature", "activations", "descent", "networks")


@functools.cache
def load(name: str) -> Mapping[str, Any]:
    """Return the records of a chapter, or of `general`."""
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
