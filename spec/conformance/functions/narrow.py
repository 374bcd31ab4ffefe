"""Cases in narrow formats: arrays that the format holds, of moderate numbers, so that no step overflows or loses all digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....reference import tree_leaves
from ...arithmetic.formats import Format
from ...inputs.cases import LENGTHS, Case, edit_arrays

MODERATE = 64.0  # the largest modulus of entries, and the inverse of the smallest


def narrowed(case: Case, form: Format) -> Case | None:
    """Return a case with its arrays rounded to a narrow format; None where its numbers are extreme, so that steps of it may overflow."""
    arguments = edit_arrays(dict(case.arguments), form.round) or {}
    leaves = [leaf for leaf in tree_leaves(tuple(arguments.values())) if isinstance(leaf, np.ndarray) and leaf.dtype == float]
    sizes = np.abs(np.concatenate([np.zeros(1), *map(np.ravel, leaves)]))
    is_moderate = np.all((sizes == 0) | ((sizes <= MODERATE) & (sizes >= 1 / MODERATE)))
    return replace(case, arguments=arguments) if is_moderate and not case.strains_floats and case.length <= LENGTHS[1] else None
