"""Who obeys: subjects, separating fixtures, the bank of named conventions, verdicts."""

from .subjects import subject_of
from .verdict import Result, Verdict, check, identify

__all__ = ["Result", "Verdict", "check", "identify", "subject_of"]
