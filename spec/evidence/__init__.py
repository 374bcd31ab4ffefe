"""Evidence: one module a chapter. A piece yields (got, claimed) pairs and asserts nothing; the judge says holds, refuted or unknown."""

import importlib
import pkgutil

from ._judge import Cell, Interval, judge, printed
from ._pieces import (
    EXACT_KINDS,
    KINDS,
    MISPRINTS,
    PIECES,
    Claims,
    Misprint,
    Piece,
    Step,
    certified_value,
    derivative,
    enumeration,
    erratum,
    law,
    presets,
    proof,
    reproduction,
    statistics,
    trajectory,
)
from ._run import Result, cells, run_misprint, run_named, run_piece


def load() -> None:
    """Import every chapter, so that its evidence is registered."""
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}")


__all__ = [
    "EXACT_KINDS",
    "KINDS",
    "MISPRINTS",
    "PIECES",
    "Cell",
    "Claims",
    "Interval",
    "Misprint",
    "Piece",
    "Result",
    "Step",
    "cells",
    "certified_value",
    "derivative",
    "enumeration",
    "erratum",
    "judge",
    "law",
    "load",
    "presets",
    "printed",
    "proof",
    "reproduction",
    "run_misprint",
    "run_named",
    "run_piece",
    "statistics",
    "trajectory",
]
