"""What a verdict may depend on: versions and platform."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version

import numpy as np

from .result import printable


def environment_of(library: str, library_version: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the versions of the kit and of the library, the platform, and what an adapter says besides."""
    own = {"python": platform.python_version(), "numpy": np.__version__, "trainspec": version("trainspec"), "platform": platform.platform()}
    named = {printable(name, 60): printable(value, 200) for name, value in (more or {}).items()}
    return own | named | ({"library": library, "library_version": library_version} if library_version else {})
