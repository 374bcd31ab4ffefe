"""The evidence, one module a chapter. A piece of evidence yields pairs (got, claimed); the judge decides: holds, refuted or unknown.

A chapter stays one module, like in the reference, although some have more than 500 lines.
"""

from ._judge import Interval, TableCell, judge, prints_as
from ._registry import (
    EVIDENCE,
    EXACT_KINDS,
    KINDS,
    PRINTED_FORMS,
    Claims,
    Evidence,
    PrintedForm,
    Step,
    certified_value,
    derivative,
    enumeration,
    erratum,
    law,
    load,
    presets,
    proof,
    reproduction,
    stated_figures,
    statistics,
    trajectory,
)
from ._run import EvidenceResult, run_evidence, run_named, run_printed_form, table_cells

__all__ = [
    "EVIDENCE",
    "EXACT_KINDS",
    "KINDS",
    "PRINTED_FORMS",
    "Claims",
    "Evidence",
    "EvidenceResult",
    "Interval",
    "PrintedForm",
    "Step",
    "TableCell",
    "certified_value",
    "derivative",
    "enumeration",
    "erratum",
    "judge",
    "law",
    "load",
    "presets",
    "prints_as",
    "proof",
    "reproduction",
    "run_evidence",
    "run_named",
    "run_printed_form",
    "stated_figures",
    "statistics",
    "table_cells",
    "trajectory",
]
