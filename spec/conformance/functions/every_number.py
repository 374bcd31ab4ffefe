"""Every number of a narrow format as one case: for formulas that take one array, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ....reference import Formula
from ....reference.validation import domains
from ...arithmetic.formats import Format
from ...inputs.cases import Case, cases

EVERY_INPUT = "every input"  # what the case separates
SAMPLE = np.array([0.25, -0.5, 0.75, 0.5, -0.25])  # on which entries are seen to be independent


def numbers_of(form: Format) -> Any:
    """Return all finite numbers of a format, in order, as float64: 0 once, as a positive number."""
    bits = 8 * np.dtype(form.kind).itemsize
    with np.errstate(invalid="ignore"):
        values = np.arange(2**bits, dtype=f"uint{bits}").view(form.kind).astype(float)
    return np.unique(values[np.isfinite(values)]) + 0.0


def every_number(formula: Formula[..., Any], form: Format, pinned: Mapping[str, Any]) -> Case:
    """Return the case of every number of a format that is in the domain; ValueError for a formula that is not of one array, entry by entry.

    Other arguments have the values that are pinned, or those of the first case of the formula.
    """
    name, values = only_array(formula), dict(cases(formula, pinned)[0].arguments)
    if not name or not is_elementwise(formula, name, values):
        raise ValueError(f"{formula.id} is no function of one array, entry by entry, so it cannot be checked on every number")
    interval, numbers = domains(formula.raw)[name].interval, numbers_of(form)
    inside = numbers[(numbers >= interval.low) & (numbers <= interval.high)]
    return Case(f"every number of {form.name}", EVERY_INPUT, {**values, name: inside})


def only_array(formula: Formula[..., Any]) -> str:
    """Return the name of the only argument of a formula that is no number or word; nothing where there are more, or none."""
    names = [name for name, domain in domains(formula.raw).items() if domain.kind not in ("number", "count", "choice", "flag")]
    return names[0] if len(names) == 1 else ""


def is_elementwise(formula: Formula[..., Any], name: str, values: Mapping[str, Any]) -> bool:
    """Return whether each entry of a result depends on the same entry of an array only."""
    if not isinstance(values[name], np.ndarray) or values[name].dtype != float:
        return False
    try:
        together = formula.raw(**{**values, name: SAMPLE})
        alone = [formula.raw(**{**values, name: SAMPLE[i : i + 1]}) for i in range(len(SAMPLE))]
        return np.array_equal(together, np.concatenate(alone))
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError):
        return False
