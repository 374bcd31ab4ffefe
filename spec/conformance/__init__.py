"""Who obeys: subjects, separating fixtures, the bank of named conventions, verdicts."""

from .checks import CHECKS, Asked, Check, failures, parametrize_with_checks
from .subjects import subject_of
from .verdict import Result, Verdict, check, identify

__all__ = ["CHECKS", "Asked", "Check", "Result", "Verdict", "check", "failures", "identify", "parametrize_with_checks", "subject_of"]
