"""The conformance kit: runs an implementation and reports which convention it follows. Terms: docs/glossary.md."""

from .checks import CHECKS, Asked, Check, failures, parametrize_with_checks
from .implementation import subject_of
from .optimizers.verdict import Result, Verdict, check, identify

__all__ = ["CHECKS", "Asked", "Check", "Result", "Verdict", "check", "failures", "identify", "parametrize_with_checks", "subject_of"]
