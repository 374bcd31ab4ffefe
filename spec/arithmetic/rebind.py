"""Run the reference on another array library: the very same code objects, with the global `np` bound to that library."""

from __future__ import annotations

import types
from typing import Any

from ...reference import Formula


def rebind(module: types.ModuleType, xp: Any) -> types.SimpleNamespace:
    """The formulas of a module, and its plain functions, with `xp` in the place of NumPy."""
    space = dict(vars(module), np=xp)
    for name, value in vars(module).items():
        raw = value.raw if isinstance(value, Formula) else value
        if isinstance(raw, types.FunctionType) and raw.__module__ == module.__name__:
            space[name] = with_globals(raw, space)
    return types.SimpleNamespace(**space)


def with_globals(raw: types.FunctionType, space: dict[str, Any]) -> types.FunctionType:
    """One function with other globals."""
    clone = types.FunctionType(raw.__code__, space, raw.__name__, raw.__defaults__, raw.__closure__)
    clone.__kwdefaults__ = raw.__kwdefaults__
    return clone
